"""The desk: where a run and a person meet.

It holds nothing of the run. What is asked, and what happens, it reads from the store, and that's where answers go: so
there may be several desks, in processes of their own, and whoever is first answers.
"""

from __future__ import annotations

import attrs

from workflows import Runtime
from workflows.durability.reading import StoredEvents
from workflows.errors import AnswerRefused, InvalidAnswer, ReplayMismatch, WorkflowDone

from .reviews import Failure
from .terminal import Lines, answer_of, choices_of, details_of, list_of, say, split_line, title_of
from .workflow import Approval, ClaimApproval, Finished, GroupApproval, Progress


class InputEnded(Exception):
    """There are open questions, and no answers any more."""


@attrs.frozen
class Open:
    """An open question, and the id that an answer to it names."""

    id: str
    event: Approval


class Desk:
    """Shows a run to a person, and gives it the person's answers.

    Args:
        runtime: Carries the run, or another runtime on the same store does.
        run_id: The run.
        reviewer: Who answers.
    """

    def __init__(self, runtime: Runtime, run_id: str, reviewer: str) -> None:
        self.runtime = runtime
        self.run_id = run_id
        self.reviewer = reviewer
        self._events: StoredEvents = runtime.events(run_id)
        self._asked: set[str] = set()

    async def review(self, lines: Lines) -> Finished:
        """Ask whatever the run asks, until it's over; give its result.

        Raises:
            InputEnded: There's no further line, and questions are open.
        """
        while await self.next_questions():
            await self._ask_all(lines)
        return await self.result()

    async def result(self) -> Finished:
        """The result of the run.

        Raises:
            Failure: It has failed.
            ReplayMismatch: It doesn't fit the program as it is now.
        """
        handler = self.runtime.resume(self.run_id)
        try:
            result = await handler
        except ReplayMismatch:  # it hasn't failed: it doesn't fit the program
            raise
        except Exception as error:
            raise Failure(f"The review has failed: {error}\n--fresh starts anew, and keeps a copy of it.") from error
        assert isinstance(result, Finished)
        return result

    async def next_questions(self) -> dict[str, Open]:
        """Show what happens until something is asked; give that by its labels, or nothing if the run is over.

        The stream has been stored from the beginning of the run. What led to questions that are open already is passed
        over: it has been shown to somebody.
        """
        questions = await self.open_questions()
        while not questions or questions.keys() - self._asked:
            event = await anext(self._events, None)
            if event is None:
                return {}
            if isinstance(event, ClaimApproval | GroupApproval):
                self._asked.add(event.label)
                questions = await self.open_questions()
            elif isinstance(event, Progress) and not questions:
                say(f"  {event.text}")
        return questions

    async def open_questions(self) -> dict[str, Open]:
        """What the run asks now, by label."""
        found: dict[str, Open] = {}
        page = await self.runtime.pending(run_id=self.run_id)
        while page:
            for asked in page:
                event = None if asked.question is None else asked.question.event
                if isinstance(event, ClaimApproval | GroupApproval):
                    found[event.label] = Open(asked.id, event)
            page = await self.runtime.pending(run_id=self.run_id, after=page[-1].number)
        return found

    async def answer(self, label: str, text: str) -> bool:
        """Give an answer to the run; tell whether it's taken, and stored. If it isn't, say why."""
        questions = await self.open_questions()
        answered = f"  Question {label} was answered before, here or elsewhere; that answer counts."
        if label not in questions:
            others = f"  There's no open question {label}; there are: {', '.join(questions) or 'none'}."
            say(answered if label in self._asked else others)
            return False
        try:
            answer = answer_of(text, by=self.reviewer)
            await self.runtime.send(self.run_id, answer, reply_to=questions[label].id)
        except InvalidAnswer as error:
            problems = "; ".join(problem.removeprefix("$.").removeprefix("$: ") for problem in error.problems)
            say(f"  Question {label} stays open, {text!r} doesn't answer it: {problems}")
            return False
        except (AnswerRefused, WorkflowDone):  # somebody was faster
            say(answered)
            return False
        say(f"  noted and saved: {label}: {text}")
        return True

    async def _ask_all(self, lines: Lines) -> None:
        """Ask until no question is open."""
        shown = ""
        while questions := await self.open_questions():
            label, question = next(iter(questions.items()))
            if not shown:
                say(f"\n{len(questions)} open:\n{list_of(found.event for found in questions.values())}")
            if label != shown:
                say(f"\n{title_of(question.event)}")
                say("\n".join([*details_of(question.event), choices_of(question.event)]))
                shown = label
            if not lines.is_over:
                say(f"{label}> ", end="")
            line = await lines.next_line()
            if line is None:
                raise InputEnded
            named, text = split_line(line)
            if text == "list":
                say(list_of(found.event for found in (await self.open_questions()).values()))
            elif not lines.is_over or (named or label) in questions:  # a prepared answer may be to what was answered
                await self.answer(named or label, text)
