"""Random graphs of resources, and a world that notes what is made, opened and closed."""

import inspect
from collections.abc import AsyncGenerator, Callable, Generator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from typing import Annotated, Any

import attrs
from anyio.lowlevel import checkpoint
from hypothesis import strategies as st

from workflows.resource import Resource


@attrs.frozen
class Node:
    """A resource: how its factory is written, whether it's cached, and what it's made of."""

    sort: str
    cache: bool
    needs: tuple[int, ...]


@attrs.frozen(eq=False)
class Made:
    """What a factory has made, and of what."""

    number: int
    of: tuple["Made", ...]

    def parts(self) -> Iterator["Made"]:
        """Itself, and all that it's made of."""
        yield self
        for part in self.of:
            yield from part.parts()


SORTS = ("sync", "async", "open", "open at once")


def nodes(needs: st.SearchStrategy[set[int]]) -> st.SearchStrategy[Node]:
    """A resource that is made of some of these."""
    return st.builds(
        Node, sort=st.sampled_from(SORTS), cache=st.booleans(), needs=needs.map(lambda found: tuple(sorted(found)))
    )


@st.composite
def graphs(draw: st.DrawFn) -> list[Node]:
    """Resources, each made of some that come before it."""
    found: list[Node] = []
    for number in range(draw(st.integers(1, 6))):
        earlier = st.sets(st.integers(0, number - 1), max_size=3) if number else st.just(set[int]())
        found.append(draw(nodes(earlier)))
    return found


@st.composite
def tangles(draw: st.DrawFn) -> list[Node]:
    """Resources made of any others, or of themselves."""
    count = draw(st.integers(1, 5))
    return [draw(nodes(st.sets(st.integers(0, count - 1), max_size=2))) for _ in range(count)]


@attrs.define
class World:
    """The resources of a graph, and what became of them.

    Attributes:
        made: The numbers of those that were made, in order.
        open: Those that are open.
        problems: What was closed too early.
    """

    graph: Sequence[Node]
    markers: list[Resource] = attrs.field(factory=list[Resource])
    made: list[int] = attrs.field(factory=list[int])
    open: list[Made] = attrs.field(factory=list[Made])
    problems: list[str] = attrs.field(factory=list[str])

    def __attrs_post_init__(self) -> None:
        factories = [self._factory(number, node.sort) for number, node in enumerate(self.graph)]
        for factory, node in zip(factories, self.graph, strict=True):
            self.markers.append(Resource(factory, cache=node.cache))
        for factory, node in zip(factories, self.graph, strict=True):
            wants(factory, [self.markers[need] for need in node.needs])

    def bundle(self, wanted: Sequence[int]) -> Resource:
        """A resource of one call that's made of these."""

        def together(**given: Made) -> Made:
            return Made(-1, tuple(given.values()))

        wants(together, [self.markers[number] for number in wanted])
        return Resource(together, cache=False)

    def is_bound(self, number: int) -> bool:
        """Whether it's open, or made of what is, so that it can't be kept for good."""
        node = self.graph[number]
        return node.sort.startswith("open") or any(self.is_bound(need) for need in node.needs)

    def check_open(self, given: Made) -> None:
        """Note what's in the hands of a step although it isn't open."""
        for part in given.parts():
            if part.number >= 0 and self.graph[part.number].sort.startswith("open") and part not in self.open:
                self.problems.append(f"{part.number} is used and isn't open")

    def _make(self, number: int, given: dict[str, Made]) -> Made:
        self.made.append(number)
        for made in given.values():
            self.check_open(made)
        return Made(number, tuple(given.values()))

    def _close(self, made: Made) -> None:
        self.open.remove(made)
        users = [other.number for other in self.open if made in other.parts()]
        if users:
            self.problems.append(f"{made.number} is closed before {users}, which are made of it")

    def _factory(self, number: int, sort: str) -> Callable[..., Any]:
        def at_once(**given: Made) -> Made:
            return self._make(number, given)

        async def later(**given: Made) -> Made:
            await checkpoint()
            return self._make(number, given)

        @contextmanager
        def open_at_once(**given: Made) -> Generator[Made]:
            made = self._make(number, given)
            self.open.append(made)
            try:
                yield made
            finally:
                self._close(made)

        @asynccontextmanager
        async def open_later(**given: Made) -> AsyncGenerator[Made]:
            await checkpoint()
            made = self._make(number, given)
            self.open.append(made)
            try:
                yield made
            finally:
                await checkpoint()
                self._close(made)

        sorts = {"sync": at_once, "async": later, "open": open_later, "open at once": open_at_once}
        factory: Callable[..., Any] = sorts[sort]
        factory.__qualname__ = f"resource{number}"
        return factory


def wants(factory: Any, markers: Sequence[Resource]) -> None:
    """Give a factory parameters that want these."""
    factory.__signature__ = inspect.Signature(
        [
            inspect.Parameter(f"need{number}", inspect.Parameter.KEYWORD_ONLY, annotation=Annotated[Made, marker])
            for number, marker in enumerate(markers)
        ]
    )
