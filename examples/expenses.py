"""Review a CSV of expense claims: small ones are approved, about the others you're asked.

    python examples/expenses.py examples/claims.csv

Stop it whenever you like, with Ctrl-C, by closing the terminal, or with the power switch: start it again with the same
command, and it goes on where it was. Nothing is asked twice. The run is stored in an SQLite file, so other processes
can do a part of it, at the same time or next week:

    python examples/expenses.py examples/claims.csv --list
    python examples/expenses.py examples/claims.csv --answer '3: y' --answer '4: n not on a weekend'

This file is the command. What a run does stands in `expense_review/workflow.py`, and how it meets a person in
`expense_review/desk.py`.
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

from expense_review.claims import BadClaims, Claim, read_claims
from expense_review.decisions import write_decisions
from expense_review.desk import Desk, InputEnded
from expense_review.reviews import Failure, begin, review_of, run_id_of, runtime_on, set_aside
from expense_review.terminal import Lines, TerminalGone, details_of, say, split_line, title_of
from expense_review.workflow import Approval, Finished
from workflows import Runtime
from workflows.errors import ReplayMismatch, RunOwnedElsewhere, SnapshotMismatch, WorkflowsError

DONE, FAILED, INPUT_ENDED, SIGNALLED, HUNG_UP = 0, 1, 3, 128, 129
"""Exit codes; a signal's is its number on top of SIGNALLED."""


@attrs.frozen
class Job:
    """What is to be done."""

    csv: Path
    output: Path
    store: Path
    data: bytes
    claims: list[Claim]
    reviewer: str
    prepared: list[str]
    answers: list[str]
    is_list: bool
    is_fresh: bool


async def do(job: Job) -> int:
    """Start or go on with the review, do what the command line says, and give the exit code.

    Raises:
        InputEnded: Questions are open, and no more answers come.
        Failure, WorkflowsError, OSError: Something is in the way; what was noted as saved is kept.
    """
    async with runtime_on(job.store) as runtime:
        run_id, is_over = await start(runtime, job)
        desk = Desk(runtime, run_id, job.reviewer)
        if is_over:
            finished = await desk.result()
        elif job.is_list or job.answers:
            return await answer(desk, job)
        else:
            if job.prepared and sys.stdin is not None and sys.stdin.isatty():
                say("Ctrl-D leaves what is open to the prepared answers.")
            finished = await desk.review(Lines(job.prepared))
    write(finished, job, is_over=is_over)
    return DONE


async def start(runtime: Runtime, job: Job) -> tuple[str, bool]:
    """Begin the review, or go on with it; give its id, and whether it's over."""
    if job.is_fresh:
        await set_aside(runtime, job.csv.name, job.data, job.store.parent)
    run = await review_of(runtime, job.csv.name, job.data)
    if run is None:
        if job.output.exists() and not job.is_fresh:
            raise Failure(
                f"{job.output} is there already, and no review in {job.store} that it belongs to.\n"
                "Name another file with --output, or overwrite it with --fresh."
            )
        run_id = run_id_of(job.csv.name, job.data)
        begin(runtime, run_id, job.csv.name, job.claims)
        return run_id, False
    with suppress(RunOwnedElsewhere):  # somebody is at work on it, or was till a moment ago: then it comes back to us
        _ = runtime.resume(run.run_id)  # this tells at once if the program was changed and can't go on with it
    is_over = run.status in {"completed", "failed"}
    what = "All of this was decided before, as {} says; --fresh starts anew." if is_over else "Going on with {}."
    say(what.format(job.store))
    return run.run_id, is_over


async def answer(desk: Desk, job: Job) -> int:
    """Give the answers of the command line, then list what is open, and leave it so."""
    is_all_noted = True
    for line in job.answers:
        await desk.next_questions()  # of the next round, if the answer before was the last one of its
        label, text = split_line(line)
        is_all_noted &= await desk.answer(label or "", text)
    questions = await desk.next_questions()
    if questions:
        say(f"\n{len(questions)} open; answer with --answer 'LABEL: y':\n")
        say("\n".join(line for asked in questions.values() for line in shown(asked.event, is_whole=job.is_list)))
    else:
        write(await desk.result(), job)
    return DONE if is_all_noted else FAILED


def shown(question: Approval, *, is_whole: bool) -> list[str]:
    """A question as a list shows it."""
    return [title_of(question), *details_of(question), ""] if is_whole else [f"  {title_of(question)}"]


def write(finished: Finished, job: Job, *, is_over: bool = False) -> None:
    """Write the decisions. The store has them too: whoever dies before this starts again with the same command."""
    if not (is_over and job.output.exists()):
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
            code = await do(job)
        except InputEnded:
            code = INPUT_ENDED
        except TerminalGone:
            code = HUNG_UP
        except Failure as failure:
            complain(str(failure))
        except (SnapshotMismatch, ReplayMismatch) as error:
            complain(
                f"The review in {job.store} doesn't fit the program as it is now: {error}\nGo on with the version of "
                "the program that began it; or start from nothing with --fresh, which keeps a copy of what was said. "
                "Nothing was changed but what was noted as saved."
            )
        except WorkflowsError as error:
            complain(f"{error}\nMend that, and start again; or name another file with --store.")
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
        Failure: A file can't be read, or not be used, or the backend isn't there.
    """
    args = parser().parse_args(arguments)
    if args.backend == "trio" and importlib.util.find_spec("trio") is None:
        raise Failure("Trio isn't installed. Install it with: pip install 'anyio-workflows[trio]'")
    try:
        data = args.csv.read_bytes()
        prepared: list[str] = []
        if args.answers is not None:
            prepared.extend(args.answers.read_text(encoding="utf-8", errors="replace").splitlines())
    except OSError as error:
        raise Failure(f"{error}\nGive the path of a file that can be read. Nothing was decided.") from error
    try:
        claims = read_claims(data)
    except BadClaims as error:
        listed = "".join(f"\n  {problem}" for problem in error.problems)
        raise Failure(
            f"{args.csv} can't be used, and nothing was decided:{listed}\nCorrect it, and start again."
        ) from error
    output = args.output or args.csv.with_suffix(".decisions.json")
    store = args.store or args.csv.with_name("expenses.db")
    if len({path.resolve() for path in (args.csv, output, store)}) < 3:
        raise Failure(f"{args.csv}, --output {output} and --store {store} must be three different files.")
    for path in (output, store):
        if not path.absolute().parent.is_dir():
            raise Failure(f"{path} can't be written: {path.parent} is no directory. Make it, or name another place.")
    job = Job(args.csv, output, store, data, claims, args.reviewer, prepared, args.answer or [], args.list, args.fresh)
    return job, args.backend


def parser() -> argparse.ArgumentParser:
    """What the command line may say."""
    found = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    found.add_argument("csv", type=Path, help="the claims; see examples/claims.csv for the columns")
    found.add_argument("--list", action="store_true", help="list what is open, and end")
    found.add_argument("--answer", action="append", type=addressed, help="give an answer, such as '3: y', and end")
    found.add_argument("--answers", type=Path, help="a file of answers to what is open when the input ends")
    found.add_argument("--output", type=Path, help="the file for the decisions; default: CSV with .decisions.json")
    found.add_argument("--store", type=Path, help="the file that keeps all reviews; default: expenses.db beside CSV")
    found.add_argument("--reviewer", default=user(), help="who answers; default: %(default)s")
    found.add_argument("--fresh", action="store_true", help="start from nothing, whatever was said before")
    found.add_argument("--backend", choices=("asyncio", "trio"), default="asyncio", help="default: %(default)s")
    return found


def addressed(line: str) -> str:
    """An answer that says to which question it belongs."""
    if split_line(line)[0] is None:
        raise argparse.ArgumentTypeError(f"{line!r} names no question; expected one and its answer, such as '3: y'")
    return line


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
    saved = f"All that you've said is saved in {job.store}." if job.store.exists() else "Nothing was done yet."
    return f"\n{why} {saved}\nStart again with the same command to go on."


if __name__ == "__main__":
    sys.exit(main())
