"""Random graphs: what a workflow is made of, and how Hypothesis draws it.

A graph is a block: pieces one after the other, each of which takes one event and comes to one. Pieces nest, so every
graph comes to an end, and what it comes to can be said without running it.
"""

from __future__ import annotations

from typing import Any, Literal, TypeAlias

import attrs
from hypothesis import strategies as st

Trouble = Literal["none", "fails", "hangs"]
Asks: TypeAlias = Literal["ask", "ask alike", "ask both", "ask in vain", "wait", "branches"]
Acts: TypeAlias = Literal["once", "look", "tell", "tell much", "edit", "sleep"]
Deed: TypeAlias = Asks | Acts
DEEDS: tuple[Deed, ...] = (
    *("once", "ask", "ask alike", "ask both", "ask in vain", "wait"),
    *("look", "tell", "tell much", "edit", "sleep", "branches"),
)
ATTEMPTS = 3
"""How often a step is tried, at most."""


class Drawn:
    """Something that Hypothesis draws."""

    def _repr_pretty_(self, printer: Any, _cycle: bool) -> None:
        """Hypothesis' own way takes time exponential in how deep things are nested."""
        printer.text(repr(self))


@attrs.frozen
class Errand(Drawn):
    """A deed: a child run, of a graph of its own."""

    graph: Graph


@attrs.frozen
class Work(Drawn):
    """A step that does its deeds, and goes on.

    Attributes:
        trouble: What befalls it before the deed at `at`: it raises, or hangs till its time is over.
        times: How often; if that's as often as it's tried, a handler takes over.
        workers: How many executions of it may be at work at once.
    """

    deeds: tuple[Deed | Errand, ...] = ()
    trouble: Trouble = "none"
    times: int = 1
    at: int = 0
    workers: int = 2

    @property
    def failures(self) -> int:
        """How often it fails."""
        return 0 if self.trouble == "none" else self.times


@attrs.frozen
class Question(Drawn):
    """A step that returns a question, and one that takes its answer."""


@attrs.frozen
class Loop(Drawn):
    """A block that is gone through several times."""

    times: int
    inner: Block


@attrs.frozen
class Fan(Drawn):
    """A list whose members go through a block, each by itself, and are joined.

    Attributes:
        drops: Which members come to nothing; the first one never does.
        takes: The list is handed over when so many more have come than there are; None if when it's closed. With 0,
            it's at the last arrival, unless some are dropped.
    """

    members: int
    inner: Block
    drops: frozenset[int] = frozenset()
    takes: int | None = None


@attrs.frozen
class Fork(Drawn):
    """Two blocks at once, whose ends are joined.

    Attributes:
        manner: How both are begun: by a list, by sending to one and returning to the other, or by an event that two
            steps take. Within a list it's always a list.
        collects: Whether a step takes the ends one by one, and collects them itself; never within a list.
    """

    left: Block
    right: Block
    manner: Literal["listed", "sent", "taken twice"] = "listed"
    collects: bool = False


Piece: TypeAlias = Work | Question | Loop | Fan | Fork
Block: TypeAlias = tuple[Piece, ...]


@attrs.frozen
class Graph(Drawn):
    """A workflow.

    Attributes:
        fails: Whether its last step fails, when all the others are done.
    """

    block: Block
    fails: bool = False


def _works(errands: st.SearchStrategy[Errand] | None) -> st.SearchStrategy[Work]:
    deed: st.SearchStrategy[Deed | Errand] = st.sampled_from(DEEDS)
    return st.builds(
        Work,
        st.lists(deed if errands is None else st.one_of(deed, deed, deed, errands), max_size=3).map(tuple),
        st.sampled_from(("none", "none", "fails", "hangs")),
        st.integers(1, ATTEMPTS),
        st.integers(0, 3),
        st.integers(1, 3),
    ).map(_settled)


def _settled(work: Work) -> Work:
    """What a step may not do: its children's time is its own, so that it can't hang; retries run failed ones again."""
    deeds = work.deeds
    if work.trouble != "none" and any(isinstance(deed, Errand) for deed in deeds):
        calm = [Errand(attrs.evolve(deed.graph, fails=False)) if isinstance(deed, Errand) else deed for deed in deeds]
        work = attrs.evolve(work, trouble="fails", deeds=tuple(calm))
    return attrs.evolve(work, at=min(work.at, len(deeds)))


def _around(pieces: st.SearchStrategy[Piece]) -> st.SearchStrategy[Piece]:
    inner = st.lists(pieces, min_size=1, max_size=2).map(tuple)
    return st.one_of(
        st.builds(Loop, st.integers(1, 3), inner),
        st.builds(
            Fan,
            st.integers(1, 3),
            inner,
            st.frozensets(st.integers(1, 2), max_size=2),
            st.sampled_from((None, 0, 1)),
        ),
        st.builds(Fork, inner, inner, st.sampled_from(("listed", "sent", "taken twice")), st.booleans()),
    )


def _blocks(works: st.SearchStrategy[Work], *, leaves: int, most: int) -> st.SearchStrategy[Block]:
    plain: st.SearchStrategy[Piece] = st.one_of(works, works, works, st.just(Question()))
    return st.lists(st.recursive(plain, _around, max_leaves=leaves), min_size=1, max_size=most).map(tuple)


_small: st.SearchStrategy[Graph] = st.builds(
    Graph, _blocks(_works(None), leaves=2, most=2), st.sampled_from((False, False, False, True))
)
graphs: st.SearchStrategy[Graph] = st.builds(
    Graph,
    _blocks(_works(st.builds(Errand, _small)), leaves=5, most=3),
    st.sampled_from((False, False, False, False, True)),
)

_CHILD = Graph((Work(("ask", "once")), Fan(2, (Question(),), takes=0)))
EVERYTHING = Graph(
    (
        Question(),
        Fork(
            (Work(("look", "ask", "edit", "tell much", "look", "tell", "wait", "once"), "fails", 2, 7),),
            (Loop(2, (Work(("ask both", "branches", "sleep")),)),),
            "sent",
        ),
        Fan(
            3,
            (Work(("ask alike", "wait"), "fails", ATTEMPTS, 1), Fork((Question(),), (Work(("edit",)),))),
            frozenset({1}),
        ),
        Fork((Work((Errand(_CHILD), "ask in vain")),), (Work(("ask",), "hangs", 1, 1),), "taken twice", collects=True),
    )
)
"""A graph with something of everything."""
