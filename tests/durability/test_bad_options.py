"""Options of runtimes, stores and lists that can't be meant: the error shows the value, and what can be given."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import anyio
import pytest

from workflows import Runtime, Workflow, step
from workflows.durability import MemoryStore, SqliteStore
from workflows.errors import UsageError
from workflows.events import StartEvent, StopEvent


class Quick(Workflow):
    @step
    async def work(self, ev: StartEvent) -> StopEvent:
        return StopEvent(result="done")


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"lease": 0}, "lease=0 is no length of time"),
        ({"lease": "5"}, "lease='5' is no length of time"),
        ({"poll": float("nan")}, "poll=nan is no length of time"),
        ({"keep": -1}, "keep=-1 is no length of time"),
        ({"keep": timedelta(days=-1)}, "keep=datetime.timedelta(days=-1) is no length of time"),
        ({"keep": "5"}, "keep='5' is no length of time"),
        ({"keep": float("nan")}, "keep=nan is no length of time"),
        ({"store": "runs.db"}, "store='runs.db' is no store"),
        ({"store": Path("runs.db")}, "is no store"),
        ({"workflows": [Quick]}, "Quick'> is no workflow. Give an instance"),
    ],
)
def test_a_runtime_is_not_made_with_what_it_cannot_use(options: dict[str, Any], said: str) -> None:
    """With `keep=-1` it deleted each run that had ended."""
    with pytest.raises(UsageError) as caught:
        _ = Runtime(**options)
    assert said in str(caught.value)


@pytest.mark.parametrize("keep", [None, 0, 0.5, timedelta(0), timedelta(days=30)])
def test_a_runtime_is_made_with_each_length_of_time_that_there_is(keep: Any) -> None:
    _ = Runtime(keep=keep)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"synchronous": "off"}, "synchronous='off' is none that a store knows. Give 'full' or 'normal'"),
        ({"synchronous": "FULL"}, "synchronous='FULL' is none"),
        ({"busy_timeout_s": -1}, "busy_timeout_s=-1 is no length of time"),
        ({"busy_timeout_s": "5"}, "busy_timeout_s='5' is no length of time"),
    ],
)
def test_a_store_is_not_made_with_what_it_cannot_use(options: dict[str, Any], said: str) -> None:
    """SQLite knows `OFF` too, and would have lost the file in a power cut."""
    with pytest.raises(UsageError) as caught:
        _ = SqliteStore(":memory:", **options)
    assert said in str(caught.value)


@pytest.mark.anyio
@pytest.mark.parametrize("make", [MemoryStore, lambda: SqliteStore(":memory:")])
async def test_a_list_that_there_cannot_be_is_refused(make: Any) -> None:
    """A limit that is no number was a damaged file, and an unknown status an empty list."""
    wrong: Any
    with anyio.fail_after(5):
        async with Runtime(store=make(), workflows=[Quick()]) as runtime:
            for wrong in ("waiting", "Completed", 5, ["running"]):
                with pytest.raises(UsageError, match="none that a run can have; there are: 'running', ") as caught:
                    _ = await runtime.runs(status=wrong)
                assert repr(wrong) in str(caught.value)
            for wrong in (-1, "5", 0.5, None):
                with pytest.raises(UsageError, match="is no place in a list"):
                    _ = await runtime.runs(limit=wrong)
                with pytest.raises(UsageError, match="is no place in a list"):
                    _ = await runtime.pending(limit=wrong)
                with pytest.raises(UsageError, match="is no place in a list"):
                    _ = await runtime.pending(after=wrong)
            for wrong in (Quick, 5):
                with pytest.raises(UsageError, match="is no workflow"):
                    _ = await runtime.runs(workflow=wrong)
                with pytest.raises(UsageError, match="is no workflow"):
                    _ = await runtime.pending(workflow=wrong)
            with pytest.raises(UsageError, match="is no workflow"):
                wrong = Quick
                _ = runtime.run(wrong)
