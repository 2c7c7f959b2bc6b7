"""What a property has found stays mended: its golden journal is folded, cut everywhere, and gone on with, for ever."""

import json
from pathlib import Path
from typing import Any

import anyio
import pytest

from tests.golden import found_v1 as v1
from tests.golden.found_in_stores import STORES, store_of
from tests.golden.found_runs import FOLDER, FOUND, Found, answer_to, folded, journal_of, snapshot_of, stored
from tests.golden.test_golden import without_later_keys
from workflows import Context, Runtime
from workflows.core.journal import JOURNAL_FORMAT
from workflows.core.snapshot import FORMAT_VERSION
from workflows.errors import ReplayMismatch
from workflows.events import StopEvent
from workflows.handler import WorkflowHandler
from workflows.testing import simulate
from workflows.testing.backends import Backend

both = pytest.mark.parametrize("backend", ["asyncio", "trio"])
each = pytest.mark.parametrize("name", FOUND)


def gone_on_with(found: Found, data: Any, backend: Backend, *, is_cancelled: bool = False) -> object:
    """Have today's engine go on with a snapshot to its end, cancelled once on the way or not; gives the result."""

    async def main() -> object:
        before = data
        if is_cancelled:
            workflow = found.make()
            context: Context[Any] = Context.from_dict(workflow, before)
            handler = workflow.run(ctx=context)
            await anyio.wait_all_tasks_blocked()
            await handler.cancel_run()
            before = json.loads(json.dumps(handler.ctx.to_dict()))
        workflow = found.make()
        handler = workflow.run(ctx=Context.from_dict(workflow, before))
        return await finished(handler, answers=found.answers)

    return simulate(main, backend=backend)


async def finished(handler: WorkflowHandler[Any], *, answers: bool) -> object:
    while not handler.is_done():
        await anyio.sleep(1)
        await anyio.wait_all_tasks_blocked()
        for question in handler.pending if answers else ():
            handler.ctx.send_event(answer_to(question), reply_to=question.id)
    return await handler


def test_each_file_is_known_and_of_the_format_of_today() -> None:
    """When there's another format, files of it come beside these, which go on being read."""
    known = {f"{name}.{kind}" for name in FOUND for kind in ("json", "jsonl")} | {f"{name}.sql" for name in STORES}
    assert {path.name for path in FOLDER.iterdir()} == known
    assert {snapshot_of(name)["format_version"] for name in FOUND} == {FORMAT_VERSION} == {JOURNAL_FORMAT}


@pytest.mark.guarantee("D3")
@each
def test_the_journal_of_a_bug_is_folded_to_what_it_came_to(name: str) -> None:
    entries = journal_of(name)
    state = folded(FOUND[name], entries)
    assert state == folded(FOUND[name], entries)
    assert without_later_keys(stored(state, entries)) == without_later_keys(snapshot_of(name))


@pytest.mark.guarantee("D3", "R4")
@both
@each
def test_the_run_of_a_bug_cut_after_each_entry_comes_to_its_end(name: str, backend: Backend) -> None:
    found, entries = FOUND[name], journal_of(name)
    for count in range(1, len(entries) + 1):
        data = stored(folded(found, entries[:count]), entries[:count])
        assert gone_on_with(found, data, backend) == found.result, f"cut after {entries[count - 1]}"


@pytest.mark.guarantee("D3", "R1")
@both
@each
def test_the_snapshot_of_a_bug_is_gone_on_with_cancelled_and_gone_on_with_again(name: str, backend: Backend) -> None:
    data = snapshot_of(name)
    assert gone_on_with(FOUND[name], data, backend) == FOUND[name].result
    assert gone_on_with(FOUND[name], data, backend, is_cancelled=True) == FOUND[name].result


@pytest.mark.guarantee("D3", "R4")
@both
@pytest.mark.parametrize("name", STORES)
def test_the_store_of_a_bug_is_recovered(name: str, backend: Backend, tmp_path: Path) -> None:
    async def main() -> list[object]:
        async with Runtime(store=store_of(name, tmp_path), workflows=[STORES[name].make()], poll=5) as runtime:
            return [event async for event in runtime.events("r")]

    another = 1  # the same seed gave the runtime the same name as the one that has died
    assert simulate(main, backend=backend, seed=another) == [v1.Ask(what="shall I go on?"), StopEvent(result="yes")]


@pytest.mark.guarantee("W6", "D3")
@both
def test_the_departure_in_a_task_is_told_before_its_effect_and_not_tried_again(backend: Backend) -> None:
    workflow = v1.Departs(has_changed=True)

    async def main() -> list[object]:
        handler = workflow.run(ctx=Context.from_dict(workflow, snapshot_of("a_departure_in_a_task")))
        with pytest.RaisesGroup(pytest.RaisesExc(ReplayMismatch, match="writing to the stream"), allow_unwrapped=True):
            await handler
        return [event async for event in handler.stream_events() if isinstance(event, v1.Note)]

    assert simulate(main, backend=backend) == []
    assert workflow.tries == 1


@pytest.mark.guarantee("W6", "D3")
@both
def test_the_departure_within_a_record_goes_on_where_changes_are_accepted(
    backend: Backend, caplog: pytest.LogCaptureFixture
) -> None:
    workflow = v1.Repeats(has_changed=True)

    async def main() -> object:
        context: Context[Any] = Context.from_dict(
            workflow, snapshot_of("a_departure_within_a_record"), on_mismatch="accept"
        )
        return await finished(workflow.run(ctx=context), answers=True)

    assert simulate(main, backend=backend) == "enough?"
    assert "departs" in caplog.text
