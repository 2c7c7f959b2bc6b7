"""Review a CSV of expense claims: small ones are approved, about the others you're asked.

    python examples/expenses.py examples/claims.csv

Stop it whenever you like, with Ctrl-C, by closing the terminal, or with the power switch: start it again with the same
command, and it goes on where it was. Nothing is asked twice.

This file carries the run: it shows what comes through its stream, asks its questions, and saves it as things happen; an
answer is saved before anything else does. What the run does stands in `expense_review/workflow.py`.
"""

from __future__ import annotations

import argparse
import getpass
import importlib.util
import io
import signal
import sys
from contextlib import suppress
from pathlib import Path

import anyio
import attrs
from anyio.abc import TaskStatus

from expense_review.claims import BadClaims
from expense_review.decisions import write_decisions
from expense_review.saving import StateError, StateFile
from expense_review.terminal import (
    Lines,
    TerminalGone,
    answer_of,
    choices_of,
    details_of,
    list_of,
    say,
    split_line,
    title_of,
)
from expense_review.workflow import ClaimApproval, ExpenseReview, Finished, GroupApproval, Progress, Submitted
from workflows.errors import AnswerRefused, InvalidAnswer
from workflows.handler import WorkflowHandler

DONE, FAILED, INPUT_ENDED, SIGNALLED, HUNG_UP = 0, 1, 3, 128, 129
"""Exit codes; a signal's is its number on top of SIGNALLED."""


class InputEnded(Exception):
    """There are open questions, and no answers any more."""


class Failure(Exception):
    """Something outside of the program is in the way; the message says what to do."""


@attrs.frozen
class Job:
    """What is to be done."""

    csv: Path
    output: Path
    data: bytes
    state: StateFile
    reviewer: str
    answers: list[str]
    is_fresh: bool


@attrs.define
class Desk:
    """Where a run and a person meet."""

    handler: WorkflowHandler
    job: Job
    lines: Lines
    next_save: float = 0.0

    async def attend(self) -> Finished:
        """Show what happens, ask what is to be asked, and give the result."""
        try:
            await self.ask_all()  # what a resumed run has on its mind
            async for event in self.handler.stream_events():
                self.save_progress()
                if isinstance(event, Progress):
                    say(f"  {event.text}")
                await self.ask_all()
            result = await self.handler
        finally:
            self.save()  # however it ends
        assert isinstance(result, Finished)
        return result

    def save_progress(self) -> None:
        """Save what was found out without a person, if that takes a tenth of the time at most: it could be redone."""
        now = anyio.current_time()
        if now >= self.next_save:
            self.save()
            self.next_save = now + 10 * (anyio.current_time() - now)

    def save(self) -> None:
        """Save the run as it is now."""
        snapshot = self.handler.ctx.to_dict()
        if snapshot["status"] == "ended" and self.handler.get_stop_event() is None:
            return  # it has failed; the snapshot before that can go on, when the cause is out of the way
        self.job.state.save(snapshot)

    def open_questions(self) -> dict[str, tuple[str, ClaimApproval | GroupApproval]]:
        """The id and the content of each open question, by its label."""
        found = [(question.id, question.event) for question in self.handler.pending]
        return {event.label: (name, event) for name, event in found if isinstance(event, ClaimApproval | GroupApproval)}

    async def ask_all(self) -> None:
        """Ask until no question is open."""
        shown = ""
        while questions := self.open_questions():
            label, (_, question) = next(iter(questions.items()))
            if not shown:
                say(f"\n{len(questions)} open:\n{list_of(event for _, event in questions.values())}")
            if label != shown:
                say(f"\n{title_of(question)}")
                say("\n".join([*details_of(question), choices_of(question)]))
                shown = label
            if not self.lines.is_over:
                say(f"{label}> ", end="")
            line = await self.lines.next_line()
            if line is None:
                raise InputEnded
            self.take(line, label)

    def take(self, line: str, current: str) -> None:
        """Take a line: an answer to the current question or to the one that it names."""
        questions = self.open_questions()
        named, text = split_line(line)
        label = named or current
        if text == "list":
            say(list_of(event for _, event in questions.values()))
        elif label in questions:
            self.answer(label, questions[label][0], text)
        elif not self.lines.is_over:  # a prepared answer to what was answered already is passed over
            say(f"  There's no open question {label}; there are: {', '.join(questions)}.")

    def answer(self, label: str, question: str, text: str) -> None:
        """Give an answer to the run, and save it before anything else happens."""
        try:
            self.handler.ctx.send_event(answer_of(text, by=self.job.reviewer), reply_to=question)
        except InvalidAnswer as error:
            problems = "; ".join(problem.removeprefix("$.").removeprefix("$: ") for problem in error.problems)
            say(f"  Question {label} stays open, {text!r} doesn't answer it: {problems}")
        except AnswerRefused as error:
            say(f"  {error}")
        else:
            self.save()
            say(f"  noted and saved: {label}: {text}")


async def review(job: Job) -> None:
    """Start or resume the run, and carry it to its end.

    Raises:
        BadClaims, StateError, OSError: Something is wrong with a file; what was saved before is untouched.
        InputEnded: Questions are open, and no more answers come.
    """
    workflow = ExpenseReview(job.output)
    snapshot = job.state.load()
    if snapshot is None:
        if job.output.exists() and not job.is_fresh:
            raise Failure(
                f"{job.output} is there already, and no state file {job.state.path} that it belongs to.\n"
                "Name another file with --output, or overwrite it with --fresh."
            )
        context, start = None, Submitted(source=job.csv.name, data=job.data)
    else:
        context, start = job.state.restore(workflow, snapshot), None
        if context.is_running:
            say(f"Going on with {job.state.path}.")
        else:
            say(f"All of this was decided before, as {job.state.path} says; --fresh starts anew.")
    if job.answers and sys.stdin is not None and sys.stdin.isatty():
        say("Ctrl-D leaves what is open to the prepared answers.")
    async with workflow.running(context, start) as handler:
        finished = await Desk(handler, job, Lines(job.answers)).attend()
    if not job.output.exists():  # of a run that was over before, and its file moved away since
        write_decisions(job.output, finished.source, finished.decisions)
    approved = sum(decision.is_approved for decision in finished.decisions)
    say(f"\n{approved} of {len(finished.decisions)} claims approved. The decisions are in {job.output}.")


async def stop_on_signal(
    caught: list[signal.Signals], scope: anyio.CancelScope, *, task_status: TaskStatus[None]
) -> None:
    """Cancel everything at the first Ctrl-C, termination or hang-up."""
    if sys.platform == "win32":
        task_status.started()
        return  # there, Ctrl-C arrives as KeyboardInterrupt
    with anyio.open_signal_receiver(signal.SIGINT, signal.SIGTERM, signal.SIGHUP) as signals:
        task_status.started()
        async for number in signals:
            caught.append(number)
            scope.cancel()


async def carry(job: Job) -> int:
    """Do the job, and give the exit code."""
    caught: list[signal.Signals] = []
    code = FAILED
    async with anyio.create_task_group() as tasks:
        await tasks.start(stop_on_signal, caught, tasks.cancel_scope)
        try:
            await review(job)
            code = DONE
        except InputEnded:
            code = INPUT_ENDED
        except TerminalGone:
            code = HUNG_UP
        except BadClaims as error:
            listed = "".join(f"\n  {problem}" for problem in error.problems)
            complain(f"{job.csv} can't be used, and nothing was decided:{listed}\nCorrect it, and start again.")
        except (StateError, Failure) as error:
            complain(str(error))
        except OSError as error:
            complain(f"{error}\nAll that was noted as saved is kept. Start again when that is mended.")
        tasks.cancel_scope.cancel()
    return SIGNALLED + caught[0] if caught and code != DONE else code


def complain(text: str) -> None:
    """Write to standard error, if there is one."""
    if sys.stderr is not None:
        with suppress(OSError):
            print(text, file=sys.stderr, flush=True)


def job_of(arguments: list[str] | None) -> tuple[Job, str]:
    """Read the command line and the files that it names; give the job, and the backend to do it on.

    Raises:
        Failure: A file can't be read, or the backend isn't there.
    """
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("csv", type=Path, help="the claims; see examples/claims.csv for the columns")
    parser.add_argument("--output", type=Path, help="the file for the decisions; default: CSV with .decisions.json")
    parser.add_argument("--state", type=Path, help="the file in which the run is kept; default: CSV with .state.json")
    parser.add_argument("--reviewer", default=user(), help="who answers; default: %(default)s")
    parser.add_argument("--answers", type=Path, help="answers, such as '3: y', for what is open when the input ends")
    parser.add_argument("--fresh", action="store_true", help="start from nothing, whatever the state file says")
    parser.add_argument("--backend", choices=("asyncio", "trio"), default="asyncio", help="default: %(default)s")
    args = parser.parse_args(arguments)
    if args.backend == "trio" and importlib.util.find_spec("trio") is None:
        raise Failure("Trio isn't installed. Install it with: pip install 'anyio-workflows[trio]'")
    try:
        data = args.csv.read_bytes()
        answers: list[str] = []
        if args.answers is not None:
            answers.extend(args.answers.read_text(encoding="utf-8", errors="replace").splitlines())
    except OSError as error:
        raise Failure(f"{error}\nGive the path of a file that can be read. Nothing was decided.") from error
    output = args.output or args.csv.with_suffix(".decisions.json")
    state = args.state or args.csv.with_suffix(".state.json")
    if len({path.resolve() for path in (args.csv, output, state)}) < 3:
        raise Failure(f"{args.csv}, --output {output} and --state {state} must be three different files.")
    for path in (output, state):
        if not path.absolute().parent.is_dir():
            raise Failure(f"{path} can't be written: {path.parent} is no directory. Make it, or name another place.")
    kept = StateFile(state, args.csv.name, data, is_fresh=args.fresh)
    return Job(args.csv, output, data, kept, args.reviewer, answers, args.fresh), args.backend


def user() -> str:
    """The name of who is logged in, if that can be told."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "reviewer"


def main(arguments: list[str] | None = None) -> int:
    """Run the program, and give its exit code."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # a name that the terminal can't show is no reason to stop
    try:
        job, backend = job_of(arguments)
    except Failure as failure:
        complain(str(failure))
        return FAILED
    code = SIGNALLED + signal.SIGINT
    try:
        code = anyio.run(carry, job, backend=backend)
    except* KeyboardInterrupt:
        pass
    if code >= SIGNALLED or code == INPUT_ENDED:
        with suppress(TerminalGone):
            say(farewell(job, code))
    return code


def farewell(job: Job, code: int) -> str:
    """What to say to somebody who'll be back."""
    why = "The input has ended, and questions are open." if code == INPUT_ENDED else "Stopped."
    saved = (
        f"All that you've said is saved in {job.state.path}." if job.state.path.exists() else "Nothing was done yet."
    )
    return f"\n{why} {saved}\nStart again with the same command to go on."


if __name__ == "__main__":
    sys.exit(main())
