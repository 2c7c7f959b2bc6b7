"""How the golden files in `found/` are recorded and read: a run that a bug had to do with, told tick by tick.

A file is never changed, and neither are the workflows in `found_v1.py`. `python -m tests.golden.found_runs` records
what is missing: the journal of a run, and a snapshot of what it came to. Until format 1 has been released, they may be
deleted and recorded anew.
"""

import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeAlias

import anyio
import attrs

from tests.golden import found_v1 as v1
from workflows import Context, Workflow
from workflows.core import ticks
from workflows.core.commands import Command
from workflows.core.journal import fold, tick_data
from workflows.core.questions import Question
from workflows.core.snapshot import snapshot
from workflows.core.state import RunState
from workflows.errors import AlreadyAnswered
from workflows.events import Event
from workflows.handler import WorkflowHandler
from workflows.testing import observe, simulate

FOLDER = Path(__file__).parent / "found"
Script: TypeAlias = Callable[[WorkflowHandler[Any]], Awaitable[object]]
ByHand: TypeAlias = Callable[[RunState, float], Sequence[ticks.Tick]]


def nothing(state: RunState, at: float) -> Sequence[ticks.Tick]:
    return ()


@attrs.frozen
class Found:
    """A bug that a property found.

    Attributes:
        make: Makes the workflow of its run.
        script: What was done to the run.
        result: What the run comes to wherever it's cut.
        answers: Whether its questions are answered.
        by_hand: Ticks that no runtime brings about in this order every time.
    """

    make: Callable[[], Workflow[Any, Any]]
    script: Script
    result: object
    answers: bool = True
    by_hand: ByHand = nothing


# --- what was done to the runs ----------------------------------------------------------------------------------------


async def settle(handler: WorkflowHandler[Any]) -> None:
    await anyio.sleep(3)
    await anyio.wait_all_tasks_blocked()


async def until_cancelled(handler: WorkflowHandler[Any]) -> None:
    await settle(handler)
    await handler.cancel_run()


async def until_its_end(handler: WorkflowHandler[Any]) -> None:
    await handler


async def until_its_child_was_answered_twice(handler: WorkflowHandler[Any]) -> None:
    await settle(handler)
    (question,) = handler.pending
    handler.ctx.send_event(v1.Word(text="word"), reply_to=question.id)
    await settle(handler)
    with suppress(AlreadyAnswered):
        handler.ctx.send_event(v1.Word(text="another"), reply_to=question.id)


def a_misdirected_event(state: RunState, at: float) -> Sequence[ticks.Tick]:
    return [ticks.EventReceived(state.last_tick + 1, at, v1.Note(what="lost"), "edit")]


def a_child_wanted_while_all_is_stopped(state: RunState, at: float) -> Sequence[ticks.Tick]:
    number = state.last_tick
    ((name, child),) = state.children.items()
    halted = ticks.StepHalted(child.state.last_tick + 1, at, 1, 1)
    return [
        ticks.ChildWanted(number + 1, at, 1, 1, name, False),
        ticks.ChildTick(number + 2, at, name, halted),
        ticks.CancelRequested(number + 3, at, "somebody wants it"),
        ticks.ChildWanted(number + 4, at, 1, 1, name, True),
        ticks.StepHalted(number + 5, at, 1, 1),
    ]


IN_CLEAN_UP = ["in the task?", "meanwhile?", "to clean up?"]
FOUND: Mapping[str, Found] = {
    "a_child_that_stood_still_when_its_step_ended": Found(v1.Leaves, until_its_end, "left", answers=False),
    "a_child_wanted_while_its_run_is_stopped": Found(
        v1.Lingers, settle, "slept", by_hand=a_child_wanted_while_all_is_stopped
    ),
    "a_departure_in_a_task": Found(v1.Departs, settle, ["who?"]),
    "a_departure_within_a_record": Found(v1.Repeats, settle, "enough?"),
    "a_function_that_raised_in_once": Found(v1.Raises, settle, "shall I go on?"),
    "a_step_in_a_queue_of_a_cancelled_run": Found(v1.Waits, until_cancelled, ["0", "1", "2"]),
    "a_wait_in_clean_up": Found(v1.Cleans, settle, IN_CLEAN_UP),
    "a_wait_in_clean_up_of_a_cancelled_run": Found(v1.Cleans, until_cancelled, IN_CLEAN_UP),
    "an_answer_that_only_a_child_knows": Found(
        v1.Outer, until_its_child_was_answered_twice, ["word", "shall I go on?"]
    ),
    "an_edit_with_operations_inside": Found(v1.Edits, settle, 2),
    "an_end_that_was_decided": Found(v1.Ends, until_its_end, "the first"),
    "an_error_that_is_equal": Found(v1.Fails, settle, "shall I go on?"),
    "an_event_for_a_step_that_does_not_take_it": Found(v1.Edits, settle, 2, by_hand=a_misdirected_event),
}


# --- recording and reading --------------------------------------------------------------------------------------------


def recorded(found: Found) -> tuple[list[Any], Any]:
    """Run it, and give its journal and the snapshot."""
    told: list[ticks.Tick] = []

    def take_down(tick: ticks.Tick, commands: list[Command]) -> None:
        told.append(tick)

    async def main() -> None:
        workflow = found.make()
        context: Context[Any] = Context(workflow)
        observe(context, take_down)
        handler = workflow.run(ctx=context, run_id="found")
        await found.script(handler)
        seen = len(told)
        if not handler.is_done():
            await handler.cancel_run()
        del told[seen:]

    simulate(main, backend="asyncio")
    core = Context(found.make()).driver.core
    entries: list[Any] = []
    for tick in [*told, *found.by_hand(folded_ticks(found, told), told[-1].at)]:
        entries.append(without_traceback(json.loads(json.dumps(tick_data(core.state, tick)))))
        core.feed(tick)
    return entries, stored(core.state, entries)


def folded_ticks(found: Found, told: Sequence[ticks.Tick]) -> RunState:
    core = Context(found.make()).driver.core
    for tick in told:
        core.feed(tick)
    return core.state


def without_traceback(data: Any) -> Any:
    """Tracebacks name the files of whoever records."""
    parts = data
    if isinstance(data, dict):
        return {name: without_traceback(part) for name, part in parts.items() if name != "traceback"}
    return [without_traceback(part) for part in parts] if isinstance(data, list) else data


def stored(state: RunState, entries: Sequence[Any]) -> Any:
    """A snapshot at the instant of the last entry, through JSON."""
    at = entries[-1][2] if entries else 0.0
    return without_traceback(json.loads(json.dumps(snapshot(state, at=at))))


def folded(found: Found, entries: Sequence[Any]) -> RunState:
    """What a journal comes to, by the core as it is today."""
    state = Context(found.make()).driver.core.state
    fold(state, entries)
    return state


def answer_to(question: Question) -> Event:
    """Always the same."""
    return v1.Reply(text=question.event.what) if isinstance(question.event, v1.Ask) else v1.Word(text="word")


def journal_of(name: str) -> list[Any]:
    return [json.loads(line) for line in (FOLDER / f"{name}.jsonl").read_text(encoding="utf-8").splitlines()]


def snapshot_of(name: str) -> Any:
    return json.loads((FOLDER / f"{name}.json").read_text(encoding="utf-8"))


def main() -> None:
    """Record what is missing."""
    for name, found in FOUND.items():
        if not (FOLDER / f"{name}.jsonl").exists():
            entries, data = recorded(found)
            lines = "".join(f"{json.dumps(entry)}\n" for entry in entries)
            (FOLDER / f"{name}.jsonl").write_text(lines, encoding="utf-8")
            text = json.dumps(data, indent=1, sort_keys=True)
            (FOLDER / f"{name}.json").write_text(f"{text}\n", encoding="utf-8")


if __name__ == "__main__":
    main()
