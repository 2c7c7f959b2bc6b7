"""Have claims approved, by processes that needn't live at the same time: their runs are kept in a file.

    python examples/durable_approval.py start "a desk" 400
    python examples/durable_approval.py list
    python examples/durable_approval.py answer RUN yes

`start` ends as soon as the question is in the file. `answer` may come next week; what was done before the question
isn't done again. Kill any of them whenever you like: `resume` goes on with whatever was cut short.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import anyio

from workflows import Context, Runtime, Workflow, step
from workflows.durability import SqliteStore
from workflows.errors import AnswerRefused, InvalidAnswer, RunNotFound, RunOwnedElsewhere, StoreError, WorkflowDone
from workflows.events import HumanResponseEvent, InputRequiredEvent, StartEvent, StopEvent


class Claim(StartEvent):
    """What somebody has paid for."""

    what: str
    euros: int


class Decision(HumanResponseEvent):
    """What somebody says to it."""

    is_approved: bool


class Approval(InputRequiredEvent, answer=Decision):
    """The question."""

    what: str
    euros: int


class Settled(StopEvent):
    """What has come of it."""

    booking: str
    is_paid: bool


class Expenses(Workflow[Claim, Settled]):
    """Books a claim, has it approved, and pays it."""

    @step
    async def settle(self, ctx: Context, ev: Claim) -> Settled:
        """Do all of it. What is done through `ctx.once` is done once, whatever dies meanwhile."""
        booking = await ctx.once(book, ev.what, ev.euros)
        decision = await ctx.ask(Approval(what=ev.what, euros=ev.euros))
        if decision.is_approved:
            await ctx.once(pay, booking)
        return Settled(booking=booking, is_paid=decision.is_approved)


def book(what: str, euros: int) -> str:
    """Enter a claim into the books; gives its number there."""
    print(f"  booking {what} for {euros} euros")
    return f"B-{len(what)}{euros}"


def pay(booking: str) -> None:
    """Pay what was booked. In earnest this names the booking to the bank, so that not even a crash here pays twice."""
    print(f"  paying {booking}")


def runtime_on(path: Path) -> Runtime:
    """Carries the runs that are kept in a file. If it's killed, others take it for dead two seconds later."""
    workflow = Expenses(workflow_name="expenses", types=[Approval, Decision])
    return Runtime(store=SqliteStore(path), workflows=[workflow], lease=2.0)


async def start(path: Path, what: str, euros: int) -> None:
    """Begin a run, and end when it has asked: nothing has to wait with it."""
    async with runtime_on(path) as runtime:
        handler = runtime.run(runtime.workflows["expenses"], what=what, euros=euros)
        async for event in runtime.events(handler.run_id):
            if isinstance(event, Approval):
                print(f"{handler.run_id} waits for an answer")
                return


async def show(path: Path) -> None:
    """List the open questions, without loading any run."""
    async with runtime_on(path) as runtime:
        for found in await runtime.pending():
            if found.question is not None:
                print(f"{found.run_id}: {found.question.event}")


async def answer(path: Path, run_id: str, *, is_approved: bool) -> None:
    """Answer the question of a run, and carry the run to its end."""
    async with runtime_on(path) as runtime:
        questions = await runtime.pending(run_id=run_id)
        for found in questions:
            await runtime.send(run_id, Decision(is_approved=is_approved), reply_to=found.id)
        settled = await runtime.resume(run_id)
        print(f"{settled.booking} is {'paid' if settled.is_paid else 'turned down'}{'' if questions else ' already'}")


async def resume(path: Path) -> None:
    """Carry what was cut short to its end, or to its question. The runtime does it; this looks on."""
    async with runtime_on(path) as runtime:
        for run_id, problem in runtime.problems.items():
            print(f"{run_id} stays as it is: {problem}")
        for run in await runtime.runs(status="running", waiting=False):
            if run.run_id in runtime.problems:
                continue
            async for event in runtime.events(run.run_id):
                if isinstance(event, Settled):
                    print(f"{run.run_id} is settled")
                elif await runtime.pending(run_id=run.run_id):
                    print(f"{run.run_id} waits for an answer")
                    break


def main(arguments: list[str] | None = None) -> int:
    """Run the program, and give its exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--store", type=Path, default=Path("approvals.db"), help="the file; default: %(default)s")
    parser.add_argument("--backend", choices=("asyncio", "trio"), default="asyncio", help="default: %(default)s")
    commands = parser.add_subparsers(dest="command", required=True)
    starting = commands.add_parser("start", help="begin a run")
    starting.add_argument("what")
    starting.add_argument("euros", type=int)
    commands.add_parser("list", help="list the open questions")
    answering = commands.add_parser("answer", help="answer the question of a run")
    answering.add_argument("run_id")
    answering.add_argument("answer", choices=("yes", "no"))
    commands.add_parser("resume", help="go on with what was cut short")
    args = parser.parse_args(arguments)
    try:
        anyio.run(carry_out, args, backend=args.backend)
    except (RunNotFound, RunOwnedElsewhere, AnswerRefused, InvalidAnswer, WorkflowDone, StoreError) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


async def carry_out(args: argparse.Namespace) -> None:
    """Do what the command line says."""
    if args.command == "start":
        await start(args.store, args.what, args.euros)
    elif args.command == "list":
        await show(args.store)
    elif args.command == "answer":
        await answer(args.store, args.run_id, is_approved=args.answer == "yes")
    else:
        await resume(args.store)


if __name__ == "__main__":
    sys.exit(main())
