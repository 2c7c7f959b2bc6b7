"""Answering: which event each question of a run is answered with, and which of several is answered first."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias, cast

import anyio
from anyio.lowlevel import checkpoint

from ..core.questions import Question
from ..errors import AnswerRefused, InvalidInput, UsageError
from ..events import Event
from ..handler import WorkflowHandler
from .stored_life import AnswerFor

Answers: TypeAlias = AnswerFor | Mapping[Any, Event | Sequence[Event] | AnswerFor | None]
"""A function from a question to its answer, or to None, which leaves it open; or for each class of questions, or of
answers, an event, such a function, or a list of events: for the first question of the class, the second, and so on."""

SETTLED_TURNS = 30
"""After so many turns of the loop without a tick, nothing more is expected before the next answer."""


class NoAnswer(UsageError):
    """There's no answer for a question, or none that it takes."""


class Answering:
    """Gives each question its answer: the same one whenever it's asked for.

    Args:
        answers: What the user has given.
        asked: Which questions there were so far, in order, with what their answers were listed under.

    Raises:
        UsageError: They are listed under what is no class, where no question would find them.
    """

    def __init__(self, answers: Answers, asked: tuple[tuple[Any, str], ...] = ()) -> None:
        wrong = [] if callable(answers) else [key for key in answers if not isinstance(key, type)]
        if wrong:
            raise UsageError(
                f"answers= lists something under {', '.join(f'{key!r:.100}' for key in wrong)}. "
                "Give a class of questions, or of answers: answers={InputRequiredEvent: ...}."
            )
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
        listed = cast("Mapping[Any, object]", self._answers)[key]
        if listed is None or isinstance(listed, Event):
            return listed
        if _is_function(listed):
            return cast("AnswerFor", listed)(question)
        events = _events_of(listed, question, key)
        if (key, question.id) not in self.asked:
            self.asked.append((key, question.id))
        place = [name for of, name in self.asked if of is key].index(question.id)
        if place >= len(events):
            raise NoAnswer(
                f"Step {question.step!r} asks {shown_question(question)}, and the {len(events)} answers that are "
                f"listed under {key.__name__} are used up. List one more, or give a function: "
                "answers=lambda question: ..."
            )
        return events[place]

    def _key_for(self, question: Question) -> Any:
        """What the answer is listed under: the class of the question, one of its bases, or that of the answer."""
        classes = () if question.event is None else type(question.event).__mro__
        answers = cast("Mapping[Any, object]", self._answers)
        return next((kind for kind in (*classes, *question.answer_type.__mro__) if kind in answers), None)


def _is_function(listed: object) -> bool:
    return callable(listed) and not isinstance(listed, Sequence | type)


def _events_of(listed: object, question: Question, key: type) -> Sequence[Event]:
    if isinstance(listed, Sequence) and all(isinstance(one, Event) for one in cast("Sequence[object]", listed)):
        return cast("Sequence[Event]", listed)
    raise NoAnswer(
        f"Step {question.step!r} asks {shown_question(question)}, and listed under {key.__name__} is {listed!r}.\n"
        "  List an event, a list of events, or a function from a question to its answer."
    )


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


class Answerer:
    """Answers the questions of a run, one after the other, whenever nothing else happens any more.

    Args:
        answering: Gives the answers.
        choose: Chooses which of several open questions is answered next.
        given: The ids of those that were answered before.

    Attributes:
        given: The ids of the questions that were answered, in order.
        open: The questions that nothing answers.
        failure: Why it couldn't go on: a question has no answer that it takes, or looking for one raised an error.
    """

    def __init__(self, answering: Answering, choose: Choose, given: Sequence[str] = ()) -> None:
        self._answering = answering
        self._choose = choose
        self._ticks = 0
        self._changed: anyio.Event | None = None
        self.given: list[str] = list(given)
        self.open: dict[str, Question] = {}
        self.failure: Exception | None = None

    @property
    def asked(self) -> tuple[tuple[Any, str], ...]:
        """Which questions were looked up in lists, in order."""
        return tuple(self._answering.asked)

    def something_happened(self) -> None:
        """The run has taken a tick."""
        self._ticks += 1
        if self._changed is not None:
            self._changed.set()

    async def keep_answering(self, handler: WorkflowHandler[Any], scope: anyio.CancelScope) -> None:
        """Answer till it's cancelled. If that fails, note why, and cancel the scope."""
        try:
            while True:
                await self._settle()
                await self._answer_one(handler)
        except Exception as error:  # raised by whoever has cancelled the run
            self.failure = error
            scope.cancel()

    async def _answer_one(self, handler: WorkflowHandler[Any]) -> None:
        open_ones = [(found, reply) for found in handler.pending if (reply := self._answer_to(found)) is not None]
        if not open_ones:
            self._changed = anyio.Event()
            await self._changed.wait()
            return
        question, reply = open_ones[self._choose([found for found, _ in open_ones])]
        self.given.append(question.id)
        try:
            await handler.send_event(reply, reply_to=question.id)
        except (AnswerRefused, InvalidInput) as error:
            if any(found.id == question.id for found in handler.pending):  # else it was closed in the meantime
                raise NoAnswer(f"{reply!r:.200} doesn't answer {shown_question(question)}: {error}") from error

    def _answer_to(self, question: Question) -> Event | None:
        if question.id in self.open:
            return None
        reply = self._answering.answer_to(question)
        if reply is None:
            self.open[question.id] = question
        return reply

    async def _settle(self) -> None:
        """Wait until nothing happens any more without time passing."""
        quiet, last = 0, self._ticks
        while quiet < SETTLED_TURNS:
            await checkpoint()
            quiet = quiet + 1 if self._ticks == last else 0
            last = self._ticks
