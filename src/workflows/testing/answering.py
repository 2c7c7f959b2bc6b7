"""Answering: which event each question of a run is answered with, and which of several is answered first."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias, cast

from ..core.questions import Question
from ..errors import UsageError
from ..events import Event
from .stored_life import AnswerFor

Answers: TypeAlias = AnswerFor | Mapping[Any, Event | Sequence[Event] | None]
"""A function from a question to its answer, or to None, which leaves it open; or for each class of questions, or of
answers, an event, or a list of events: for the first question of the class, the second, and so on."""


class NoAnswer(UsageError):
    """There's no answer for a question, or none that it takes."""


class Answering:
    """Gives each question its answer: the same one whenever it's asked for.

    Args:
        answers: What the user has given.
        asked: Which questions there were so far, in order, with what their answers were listed under.
    """

    def __init__(self, answers: Answers, asked: tuple[tuple[Any, str], ...] = ()) -> None:
        self._answers = answers
        self.asked: list[tuple[Any, str]] = list(asked)

    def answer_to(self, question: Question) -> Event | None:
        """The answer to a question; None to leave it open.

        Raises:
            NoAnswer: There's none.
        """
        if callable(self._answers):
            return self._answers(question)
        key = self._key_for(question)
        if key is None:
            return None
        listed = self._answers[key]
        if listed is None or isinstance(listed, Event):
            return listed
        if (key, question.id) not in self.asked:
            self.asked.append((key, question.id))
        place = [name for of, name in self.asked if of is key].index(question.id)
        if place >= len(listed):
            raise NoAnswer(
                f"Step {question.step!r} asks {shown_question(question)}, and the {len(listed)} answers that are "
                f"listed under {key.__name__} are used up. List one more, or give a function: "
                "answers=lambda question: ..."
            )
        return listed[place]

    def _key_for(self, question: Question) -> Any:
        """What the answer is listed under: the class of the question, one of its bases, or that of the answer."""
        classes = () if question.event is None else type(question.event).__mro__
        answers = cast("Mapping[Any, object]", self._answers)
        return next((kind for kind in (*classes, *question.answer_type.__mro__) if kind in answers), None)


def shown_question(question: Question) -> str:
    """A question, in words of a report."""
    return f"for {question.answer_type.__name__}" if question.event is None else f"{question.event!r:.200}"


Choose: TypeAlias = Callable[[Sequence[Question]], int]


class InOrder:
    """Answers in the order of these choices, then always the oldest question; notes how many there were to choose from.

    Attributes:
        told: The questions in the order in which they were answered, in words.
    """

    def __init__(self, choices: Sequence[int] = ()) -> None:
        self._first = tuple(choices)
        self._choices: list[int] = []
        self._options: list[int] = []
        self.told: list[str] = []

    def __call__(self, questions: Sequence[Question]) -> int:
        place = len(self._choices)
        chosen = min(self._first[place] if place < len(self._first) else 0, len(questions) - 1)
        self._choices.append(chosen)
        self._options.append(len(questions))
        self.told.append(shown_question(questions[chosen]))
        return chosen

    def others(self, *, beyond: int) -> list[tuple[int, ...]]:
        """The choices that begin as these and then differ, at a place that wasn't given."""
        return [
            (*self._choices[:place], other)
            for place in range(beyond, len(self._options))
            for other in range(1, self._options[place])
        ]


class AsBefore:
    """Answers in the order in which the questions of another life were answered, then the oldest question."""

    def __init__(self, given: Sequence[str]) -> None:
        self._place = {name: place for place, name in enumerate(given)}

    def __call__(self, questions: Sequence[Question]) -> int:
        last = len(self._place)
        return min(range(len(questions)), key=lambda number: self._place.get(questions[number].id, last))
