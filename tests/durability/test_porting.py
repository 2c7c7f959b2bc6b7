"""Runs as JSON-ready data: what is exported fits together, and what is imported is a run, or is refused."""

import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import anyio
import attrs
import pytest

from workflows import Context, Runtime, Workflow, step
from workflows.durability import MemoryStore, SqliteStore, Store, StoredQuestion, StoredRun
from workflows.errors import ContextSerdeError, StoreUnavailable
from workflows.events import HumanResponseEvent, InputRequiredEvent, StartEvent, StopEvent

pytestmark = pytest.mark.anyio


class Word(HumanResponseEvent, name="porting.word"):
    word: str


class Asked(InputRequiredEvent, name="porting.asked", answer=Word):
    number: int


class Asking(Workflow):
    """Asks twice."""

    def __init__(self) -> None:
        super().__init__(workflow_name="asking", types=[Asked, Word])

    @step
    async def ask(self, ctx: Context[Any], ev: StartEvent) -> StopEvent:
        first: Word = await ctx.ask(Asked(number=1))
        second: Word = await ctx.ask(Asked(number=2))
        return StopEvent(result=first.word + second.word)


def in_sqlite() -> Store:
    return SqliteStore(":memory:")


async def asked(runtime: Runtime, run_id: str) -> str:
    """The id of the question that a run asks, as soon as it waits for it in its store."""
    while True:
        found = await runtime.pending(run_id=run_id)
        if found and (await runtime.runs(waiting=True)) and not runtime.in_memory:
            return found[0].id
        await anyio.lowlevel.checkpoint()


async def exported(run_id: str = "r") -> dict[str, Any]:
    """A run that waits for its first answer."""
    async with Runtime(store=MemoryStore(), poll=0.001) as runtime:
        _ = runtime.run(Asking(), run_id=run_id).run_id
        await asked(runtime, run_id)
        data: dict[str, Any] = json.loads(json.dumps(await runtime.export_run(run_id)))
        return data


DAMAGES: list[dict[str, Any]] = [
    {"run_id": 5},
    {"run_id": ""},
    {"run_id": "r\ud800"},
    {"workflow": None},
    {"status": "waiting"},
    {"is_waiting": 1},
    {"wake_at": "now"},
    {"wake_at": 1e300},
    {"snapshot": None},
    {"snapshot": []},
    {"snapshot": {"format_version": "\ud800"}},
    {"entries": [5]},
    {"events": [5]},
    {"events": [[-1, {}]]},
    {"events": [[2**70, {}]]},
    {"questions": [["q", {}]]},
    {"questions": [["q", {"question": 5}]]},
    {"questions": [["q\ud800", {"question": {}}]]},
]


@pytest.mark.parametrize("damage", DAMAGES)
async def test_what_is_no_exported_run_is_refused_and_nothing_of_it_is_stored(
    damage: dict[str, Any], tmp_path: Path
) -> None:
    """Some of these were stored, and then the lists of all runs and of all questions couldn't be read any more."""
    with anyio.fail_after(5):
        data = await exported()
        async with Runtime(store=SqliteStore(tmp_path / "runs.db"), workflows=[Asking()]) as runtime:
            with pytest.raises(ContextSerdeError, match=r"This is no run that Runtime\.export_run\(\)"):
                await runtime.import_run({**data, **damage})
            assert await runtime.runs() == []
            assert await runtime.pending() == []


@pytest.mark.parametrize("wrong", [None, [1], 5, '{"export_version": 1}'])
async def test_what_is_no_mapping_is_refused_with_its_value(wrong: Any) -> None:
    async with Runtime(store=MemoryStore()) as runtime:
        with pytest.raises(ContextSerdeError) as caught:
            await runtime.import_run(wrong)
    assert repr(wrong) in str(caught.value)
    assert ("json.loads()" in str(caught.value)) is isinstance(wrong, str)


@pytest.mark.parametrize("make", [MemoryStore, in_sqlite])
async def test_a_run_that_is_imported_under_another_id_goes_on_under_that(make: Callable[[], Store]) -> None:
    """It was taken for the run that it was exported as: sending to it tried again without end."""
    with anyio.fail_after(5):
        data = await exported()
        async with Runtime(store=make(), workflows=[Asking()], poll=0.001) as runtime:
            assert await runtime.import_run(data) == "r"
            assert await runtime.import_run({**data, "run_id": "copy"}) == "copy"
            await runtime.send("copy", Word(word="a"), reply_to=await asked(runtime, "copy"))
            await runtime.send("copy", Word(word="b"), reply_to=await asked(runtime, "copy"))
            assert [event async for event in runtime.events("copy")][-1] == StopEvent(result="ab")
            assert [run.run_id for run in await runtime.runs(waiting=True)] == ["r"]
            assert (await runtime.export_run("r"))["snapshot"] == data["snapshot"]


class Meddling(MemoryStore):
    """A store in which something happens while a run is being read."""

    def __init__(self) -> None:
        super().__init__()
        self.meddle: Callable[[], Awaitable[object]] | None = None

    async def questions(self, **wanted: Any) -> list[StoredQuestion]:
        meddle, self.meddle = self.meddle, None
        if meddle is not None:
            await meddle()
        return await super().questions(**wanted)


async def test_what_is_exported_is_the_run_as_of_one_moment() -> None:
    """Its snapshot waited for an answer, and its questions were those that it asked afterwards."""
    store = Meddling()
    with anyio.fail_after(5):
        async with Runtime(store=store, poll=0.001) as runtime:
            _ = runtime.run(Asking(), run_id="r").run_id
            first = await asked(runtime, "r")

            async def answer() -> None:
                await runtime.send("r", Word(word="a"), reply_to=first)
                while await asked(runtime, "r") == first:
                    await anyio.lowlevel.checkpoint()

            store.meddle = answer
            data = await runtime.export_run("r")
            (open_now,) = await runtime.pending()
            assert open_now.id != first
            assert [name for name, _ in data["questions"]] == [open_now.id]
            assert data == await runtime.export_run("r")


class Restless(MemoryStore):
    """A store in which a run is another one whenever it's looked at."""

    def __init__(self) -> None:
        super().__init__()
        self.looks = 0

    async def find(self, run_id: str) -> StoredRun | None:
        found = await super().find(run_id)
        self.looks += 1
        return None if found is None else attrs.evolve(found, changed_at=float(self.looks))


async def test_a_run_that_never_rests_is_not_exported_in_pieces() -> None:
    with anyio.fail_after(5):
        data = await exported()
        async with Runtime(store=Restless(), workflows=[Asking()]) as runtime:
            await runtime.import_run(data)
            with pytest.raises(StoreUnavailable, match="goes on while it's being read") as caught:
                await runtime.export_run("r")
            assert caught.value.run_ids == ("r",)


class Damaged(MemoryStore):
    """A store in which the first question isn't as it was stored."""

    async def questions(self, **wanted: Any) -> list[StoredQuestion]:
        first, *others = await super().questions(**wanted)
        return [attrs.evolve(first, data="{}"), *others]


async def test_a_question_that_cannot_be_read_hides_no_other() -> None:
    """The list of all open questions ended in a KeyError."""
    with anyio.fail_after(5):
        found = [await exported("r"), await exported("s")]
        async with Runtime(store=Damaged(), workflows=[Asking()]) as runtime:
            for data in found:
                await runtime.import_run(data)
            pending = await runtime.pending()
            assert [question.run_id for question in pending] == ["r", "s"]
            assert pending[0].question is None
            assert pending[1].question is not None
