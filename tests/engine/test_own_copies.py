"""What a step is given is its own: what it changes there in place no other attempt, step or snapshot sees. W1"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import Any

import anyio
import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.waiting.flows import kept, reborn, settle
from workflows import Context, Workflow, step
from workflows.codec import Codec, own_copy, own_event
from workflows.events import Event, HumanResponseEvent, InputRequiredEvent, StartEvent, StopEvent

pytestmark = pytest.mark.anyio


@dataclass
class Page:
    title: str


class Start(StartEvent):
    names: list[str]
    page: Page = attrs.field(factory=lambda: Page(title="first"))


class Said(HumanResponseEvent):
    names: list[str]


class Asked(InputRequiredEvent, answer=Said):
    number: int


class Named(Event):
    names: list[str]


class AtOnce:
    """A policy that tries again at once, twice."""

    def next(self, elapsed_time: float, attempts: int, error: Exception, *, seed: int | None = None) -> float | None:
        return 0.0 if attempts < 3 else None


class Changing(Workflow):
    """Changes what it's given, and what it's answered, before it asks the next question."""

    def __init__(self) -> None:
        super().__init__(types=[Page, Asked, Said])
        self.saw: list[tuple[list[str], str]] = []

    @step
    async def change(self, ctx: Context, ev: Start) -> StopEvent:
        self.saw.append(([*ev.names], ev.page.title))
        ev.names.append("added")
        ev.page.title = "changed"
        for number in range(2):
            said = await ctx.ask(Asked(number=number))
            self.saw.append(([*said.names], ""))
            said.names.append("added")
        return StopEvent(result=ev.names)


@pytest.mark.guarantee("W1")
@pytest.mark.parametrize("is_reborn", [False, True])
async def test_a_replay_is_given_its_input_and_its_answers_as_they_were(*, is_reborn: bool) -> None:
    flow = Changing()
    with anyio.fail_after(5):
        handler = flow.run(names=["a"])
        await settle()
        if is_reborn:
            handler = await reborn(handler, lambda: flow)
        await handler.send_event(Said(names=["b"]))
        await settle()
        assert kept(handler)["executions"][0]["event"]["v"]["names"] == ["a"]
        await handler.send_event(Said(names=["c"]))
        assert await handler == ["a", "added"]
    inputs = [seen for seen in flow.saw if seen[1]]
    assert inputs == [(["a"], "first")] * len(inputs)
    assert [names for names, title in flow.saw if not title] == [["b"], ["b"], ["c"]]


@pytest.mark.guarantee("W1")
async def test_a_retry_is_given_its_input_as_it_was() -> None:
    saw: list[list[str]] = []

    class Retrying(Workflow):
        @step(retry_policy=AtOnce())
        async def fail(self, ev: Start) -> StopEvent:
            saw.append([*ev.names])
            ev.names.append("added")
            if len(saw) < 3:
                raise ConnectionError
            return StopEvent(result=ev.names)

    with anyio.fail_after(5):
        assert await Retrying().run(names=["a"]) == ["a", "added"]
    assert saw == [["a"]] * 3


@pytest.mark.guarantee("W1")
async def test_a_step_does_not_see_what_another_does_to_the_event_that_both_are_given() -> None:
    class Both(Workflow):
        @step
        async def one(self, ev: Start) -> Named:
            ev.names.append("one")
            return Named(names=ev.names)

        @step
        def other(self, ev: Start) -> Named:
            ev.names.append("other")
            return Named(names=ev.names)

        @step
        async def collect(self, ctx: Context, ev: Named) -> StopEvent | None:
            found = ctx.collect_events(ev, [Named, Named])
            ev.names.append("too late")
            return None if found is None else StopEvent(result=sorted(named.names for named in found))

    given = Start(names=["a"])
    with anyio.fail_after(5):
        assert await Both().run(start_event=given) == [["a", "one"], ["a", "other"]]
    assert given.names == ["a"]


@pytest.mark.guarantee("W1")
async def test_a_join_is_given_copies_of_its_members() -> None:
    class Joining(Workflow):
        @step
        async def split(self, ev: StartEvent) -> list[Named]:
            return [Named(names=["a"]), Named(names=["b"])]

        @step(retry_policy=AtOnce())
        async def join(self, ctx: Context, found: list[Named]) -> StopEvent:
            for named in found:
                named.names.append("joined")
            if ctx.retry_info().retry_number < 2:
                raise ConnectionError
            return StopEvent(result=[named.names for named in found])

    with anyio.fail_after(5):
        assert await Joining().run() == [["a", "joined"], ["b", "joined"]]


async def test_what_cannot_be_stored_is_handed_on_as_it_is() -> None:
    class Client:
        pass

    class Handing(Workflow):
        @step
        async def hand(self, ev: StartEvent) -> StopEvent:
            return StopEvent(result=ev["client"])

    client = Client()
    with anyio.fail_after(5):
        assert await Handing().run(client=client, names=["a"]) is client


_leaves = st.none() | st.booleans() | st.integers() | st.text() | st.binary() | st.builds(Page, title=st.text())
_values = st.recursive(
    _leaves,
    lambda inner: (
        st.lists(inner)
        | st.dictionaries(st.text(), inner)
        | st.lists(inner).map(tuple)
        | st.sets(st.integers())
        | st.lists(inner).map(deque)
        | st.binary().map(bytearray)
    ),
    max_leaves=12,
)


@pytest.mark.guarantee("W1")
@given(value=_values, extra=_values)
def test_a_copy_is_equal_and_shares_nothing_that_can_be_changed(value: object, extra: object) -> None:
    codec = Codec([Page])
    event = StopEvent(result=value, more=extra)
    own = own_event(event, codec)
    assert own == event
    assert not _changeable(own) & _changeable(event)


def test_an_event_in_which_nothing_can_change_is_its_own_copy() -> None:
    codec = Codec()
    event = StopEvent(result=("a", 1, frozenset({2})), more=b"b")
    assert own_event(event, codec) is event


def test_what_contains_itself_is_handed_on_as_it_is() -> None:
    ring: list[Any] = []
    ring.append(ring)
    assert own_copy(ring, Codec()) is ring


def _changeable(value: Any) -> set[int]:
    """The identities of what can be changed in place in a value."""
    kind: type = type(value)  # pyright: ignore[reportUnknownVariableType]
    found = {id(value)} if kind in (list, dict, set, bytearray, deque, Page) else set[int]()
    inside: list[Any] = []
    if kind is StopEvent:
        inside = [value.result, value.more]
    elif kind is dict:
        inside = list(value.values())
    elif kind in (list, tuple, deque):
        inside = list(value)
    return found.union(*map(_changeable, inside))
