"""`ctx.store`: value semantics, dotted paths, and errors that name the place; in steps and outside of them."""

from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import anyio
import attrs
import pytest

from workflows import Context, Workflow, step
from workflows.context.state_store import DictState, StateStore
from workflows.errors import EncodeError, StatePathError
from workflows.events import Event, StartEvent, StopEvent

pytestmark = [pytest.mark.anyio]


@attrs.define
class Client:
    name: str
    tags: list[str] = attrs.field(factory=list[str])


class Held(Event):
    pass


Work = Callable[[StateStore[Any]], Awaitable[None]]


class Doing(Workflow):
    """Does a piece of work with its store, in a step."""

    def __init__(self, work: Work) -> None:
        super().__init__(types=[Client, Held])
        self.work = work

    @step
    async def do(self, ctx: Context[Any], ev: StartEvent) -> StopEvent:
        await self.work(ctx.store)
        return StopEvent()


async def in_a_step(work: Work) -> None:
    await Doing(work).run()


async def before_a_run(work: Work) -> None:
    await work(Context[Any](Doing(work)).store)


async def during_a_run(work: Work) -> None:
    gate = anyio.Event()

    async def wait(_store: StateStore[Any]) -> None:
        await gate.wait()

    handler = Doing(wait).run()
    await work(handler.ctx.store)
    gate.set()
    await handler


async def after_a_run(work: Work) -> None:
    async def nothing(_store: StateStore[Any]) -> None:
        return None

    handler = Doing(nothing).run()
    await handler
    await work(handler.ctx.store)


async def after_a_restart(work: Work) -> None:
    workflow = Doing(work)
    await work(Context[Any].from_dict(workflow, Context[Any](workflow).to_dict()).store)


Place = Callable[[Work], Awaitable[None]]
PLACES: list[Place] = [in_a_step, before_a_run, during_a_run, after_a_run, after_a_restart]
everywhere = pytest.mark.parametrize("place", PLACES)


@asynccontextmanager
async def five_seconds() -> AsyncGenerator[None]:
    with anyio.fail_after(5):
        yield


# --- reading and writing ----------------------------------------------------------------------------------------------


@everywhere
async def test_what_was_set_is_read_back(place: Place) -> None:
    async def work(store: StateStore[Any]) -> None:
        await store.set("count", 1)
        await store.set("name", "Ada")
        assert await store.get("count") == 1
        assert await store.get("name") == "Ada"
        state = await store.get_state()
        assert isinstance(state, DictState)
        assert dict(state) == {"count": 1, "name": "Ada"}
        await store.set("count", 2)
        assert await store.get("count") == 2

    async with five_seconds():
        await place(work)


@everywhere
@pytest.mark.guarantee("D1")
async def test_state_has_value_semantics(place: Place) -> None:
    async def work(store: StateStore[Any]) -> None:
        mine: dict[str, Any] = {"list": [1], "client": Client("Ada", ["a"])}
        await store.set("it", mine)
        mine["list"].append(2)
        read = await store.get("it")
        assert read == {"list": [1], "client": Client("Ada", ["a"])}
        read["list"].append(3)
        read["client"].tags.append("b")
        state = await store.get_state()
        state["it"]["list"].append(4)
        state["other"] = 5
        assert await store.get("it") == {"list": [1], "client": Client("Ada", ["a"])}
        assert await store.get("other", None) is None
        await store.set_state(state)
        state["it"]["list"].append(6)
        assert await store.get("it.list") == [1, 4]

    async with five_seconds():
        await place(work)


@everywhere
@pytest.mark.guarantee("D1")
async def test_values_come_back_equal_and_of_the_same_type(place: Place) -> None:
    values: dict[str, object] = {
        "bytes": b"\x00\xff",
        "decimal": Decimal("1.10"),
        "uuid": UUID(int=5),
        "when": datetime(2030, 1, 1, tzinfo=UTC),
        "tuple": (1, ("a",)),
        "set": {1, 2},
        "keys": {1: "one", (2, 3): "pair"},
        "client": Client("Ada"),
        "none": None,
        "event": Held(),
        "big": 10**30,
        "tenth": 0.1,
    }

    async def work(store: StateStore[Any]) -> None:
        for name, value in values.items():
            await store.set(name, value)
        for name, value in values.items():
            read = await store.get(name)
            assert read == value
            assert type(read) is type(value)

    async with five_seconds():
        await place(work)


@everywhere
async def test_paths_lead_through_dicts_lists_and_objects(place: Place) -> None:
    async def work(store: StateStore[Any]) -> None:
        await store.set("jobs", [{"client": Client("Ada", ["x", "y"])}, {"client": Client("Bob")}])
        assert await store.get("jobs.0.client.name") == "Ada"
        assert await store.get("jobs.0.client.tags.1") == "y"
        assert await store.get("jobs.1") == {"client": Client("Bob")}
        await store.set("jobs.1.client.name", "Eve")
        await store.set("jobs.0.client.tags.0", "z")
        await store.set("jobs.0.done", True)
        assert await store.get("jobs") == [
            {"client": Client("Ada", ["z", "y"]), "done": True},
            {"client": Client("Eve")},
        ]

    async with five_seconds():
        await place(work)


@everywhere
async def test_missing_dicts_on_a_path_are_made(place: Place) -> None:
    """Semantics 29."""

    async def work(store: StateStore[Any]) -> None:
        await store.set("a.b.c", 1)
        await store.set("a.b.d", 2)
        assert await store.get("a") == {"b": {"c": 1, "d": 2}}

    async with five_seconds():
        await place(work)


@everywhere
async def test_keys_that_are_names_of_methods_work(place: Place) -> None:
    """Semantics 29."""

    async def work(store: StateStore[Any]) -> None:
        for name in ("items", "keys", "get", "values", "update", "_values", "__class__"):
            await store.set(name, name)
            assert await store.get(name) == name
        state = await store.get_state()
        assert state["items"] == "items"
        assert sorted(state) == sorted(["items", "keys", "get", "values", "update", "_values", "__class__"])

    async with five_seconds():
        await place(work)


@everywhere
async def test_what_is_missing_gives_the_default_or_tells_what_there_is(place: Place) -> None:
    async def work(store: StateStore[Any]) -> None:
        with pytest.raises(StatePathError, match=r"no 'x'; it has nothing"):
            await store.get("x")
        await store.set("jobs", [{"a": 1}])
        assert await store.get("x", "default") == "default"
        assert await store.get("x", None) is None
        assert await store.get("jobs.5", 0) == 0
        assert await store.get("jobs.0.b", 0) == 0
        assert await store.get("jobs.0.a.b.c", 0) == 0
        with pytest.raises(StatePathError, match=r"no 'x'; it has 'jobs'"):
            await store.get("x")
        with pytest.raises(ValueError, match=r"jobs is a list of 1; '5' is no index in it"):
            await store.get("jobs.5")
        with pytest.raises(StatePathError, match=r"jobs\.0 has no 'b'; it has 'a'"):
            await store.get("jobs.0.b")
        with pytest.raises(StatePathError, match=r"jobs\.0\.a is 1, which has no parts"):
            await store.get("jobs.0.a.b")

    async with five_seconds():
        await place(work)


@everywhere
async def test_a_path_that_can_not_be_written_at_is_refused_and_changes_nothing(place: Place) -> None:
    async def work(store: StateStore[Any]) -> None:
        await store.set("jobs", [1])
        await store.set("text", "abc")
        for path, why in {
            "jobs.1": r"jobs is a list of 1; '1' is no index",
            "jobs.x": r"jobs is a list of 1; 'x' is no index",
            "jobs.0.x": r"jobs\.0 is 1, which has no parts",
            "text.x": r"text is 'abc', which has no parts",
            "": r"'' is no path",
            "a..b": r"'a\.\.b' is no path",
            ".a": r"'\.a' is no path",
            "a.": r"'a\.' is no path",
        }.items():
            with pytest.raises(StatePathError, match=why):
                await store.set(path, 5)
        assert dict(await store.get_state()) == {"jobs": [1], "text": "abc"}

    async with five_seconds():
        await place(work)


@everywhere
async def test_a_field_that_an_object_does_not_have_is_not_set_on_it(place: Place) -> None:
    async def work(store: StateStore[Any]) -> None:
        await store.set("client", Client("Ada"))
        with pytest.raises(StatePathError, match=r"without a field 'nmae'; it has 'name', 'tags'"):
            await store.set("client.nmae", "Eve")
        assert await store.get("client") == Client("Ada")

    async with five_seconds():
        await place(work)


@everywhere
@pytest.mark.guarantee("D1")
async def test_what_can_not_be_stored_is_refused_at_that_line_with_its_path(place: Place) -> None:
    class Unknown:
        pass

    async def work(store: StateStore[Any]) -> None:
        await store.set("jobs", [1])
        with pytest.raises(EncodeError) as caught:
            await store.set("jobs", [{}, {}, {}, {"client": Unknown()}])
        (problem,) = caught.value.problems
        assert problem.startswith("$.state.jobs[3].client")
        assert "Unknown" in problem
        with pytest.raises(EncodeError) as caught:
            await store.set("both", {"a": Unknown(), "b": [lambda: 1]})
        assert [problem.split(" ")[0].rstrip(":") for problem in caught.value.problems] == [
            "$.state.both.a",
            "$.state.both.b[0]",
        ]
        assert dict(await store.get_state()) == {"jobs": [1]}

    async with five_seconds():
        await place(work)


@everywhere
async def test_a_state_that_holds_what_can_not_be_stored_is_refused_as_a_whole(place: Place) -> None:
    async def work(store: StateStore[Any]) -> None:
        await store.set("kept", 1)
        with pytest.raises(EncodeError, match=r"\$\.state\.bad"):
            await store.set_state(DictState(good=1, bad=object()))
        with pytest.raises(EncodeError, match=r"\$\.state\.bad"):
            async with store.edit_state() as state:
                state["good"], state["bad"] = 1, object()
        assert dict(await store.get_state()) == {"kept": 1}
        await store.set("kept", 2)

    async with five_seconds():
        await place(work)


@everywhere
async def test_the_whole_state_is_replaced_and_cleared(place: Place) -> None:
    async def work(store: StateStore[Any]) -> None:
        await store.set("a", 1)
        await store.set_state(DictState(b=2))
        assert dict(await store.get_state()) == {"b": 2}
        await store.set_state({"c": 3})
        assert dict(await store.get_state()) == {"c": 3}
        await store.clear()
        assert dict(await store.get_state()) == {}

    async with five_seconds():
        await place(work)


@everywhere
async def test_a_state_of_another_type_is_refused(place: Place) -> None:
    async def work(store: StateStore[Any]) -> None:
        for wrong in (5, ["a"], Client("Ada"), None):
            with pytest.raises(ValueError, match=r"is a DictState; set_state\(\) was given"):
                await store.set_state(wrong)

    async with five_seconds():
        await place(work)


@everywhere
async def test_an_edit_is_written_when_its_block_ends_well_and_dropped_when_it_raises(place: Place) -> None:
    async def work(store: StateStore[Any]) -> None:
        async with store.edit_state() as state:
            state["list"] = [1]
            state.name = "Ada"
            assert await store.get("list", None) is None
        assert await store.get("list") == [1]
        assert await store.get("name") == "Ada"
        with pytest.raises(ZeroDivisionError):
            async with store.edit_state() as state:
                state["list"].append(2)
                del state.name
                raise ZeroDivisionError
        assert dict(await store.get_state()) == {"list": [1], "name": "Ada"}
        async with store.edit_state() as state:
            state["list"].append(2)
            del state.name
        assert dict(await store.get_state()) == {"list": [1, 2]}

    async with five_seconds():
        await place(work)


async def test_the_state_of_a_run_is_its_own() -> None:
    workflow = Doing(_count)
    async with five_seconds():
        handlers = [workflow.run() for _ in range(3)]
        for handler in handlers:
            await handler
            assert await handler.ctx.store.get("count") == 1


async def _count(store: StateStore[Any]) -> None:
    await store.set("count", await store.get("count", 0) + 1)


def test_a_dict_state_has_items_and_attributes() -> None:
    state = DictState(a=1, items=2)
    state.b = 3
    assert (state.a, state["b"], len(state), list(state)) == (1, 3, 3, ["a", "items", "b"])
    assert dict(state.items()) == {"a": 1, "items": 2, "b": 3}
    assert state["items"] == 2
    assert state == DictState(a=1, items=2, b=3) == {"a": 1, "items": 2, "b": 3}
    assert repr(state) == "DictState(a=1, items=2, b=3)"
    del state.b
    with pytest.raises(AttributeError, match="no 'b'; it has 'a', 'items'"):
        _ = state.b
    with pytest.raises(AttributeError, match="no 'b' to delete"):
        del state.b
    with pytest.raises(TypeError, match="5 is a int"):
        state[5] = 1  # type: ignore[index]  # pyright: ignore[reportArgumentType]
