"""Random workflows: the engine does with any graph what the graph comes to, wherever its run is cut."""

from __future__ import annotations

import pytest
from hypothesis import event, example, given, settings
from hypothesis import strategies as st

from tests.model.graphs import EVERYTHING, Graph, graphs
from tests.model.judging import problems_of
from tests.model.living import Cut, How, Script, live_through
from tests.model.predicting import predict
from tests.sim.effort import effort, is_deep
from workflows.testing import StoreKind
from workflows.testing.backends import Backend

BACKENDS: list[Backend] = ["asyncio", "trio"]
PLACES: list[StoreKind | None] = [None, "memory", "sqlite"]


@pytest.mark.guarantee("W1", "W3", "W4", "W5", "W7", "W8", "W9", "W10", "R3", "R4")
@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("store", PLACES, ids=lambda store: store or "snapshots")
def test_a_random_workflow_comes_to_what_its_graph_comes_to_wherever_it_is_cut(
    backend: Backend, store: StoreKind | None
) -> None:
    ways: list[How] = ["dies"] if store is not None else ["dies", "is cancelled"]

    @(
        effort(0.4 if store == "sqlite" else 1.2)
        if is_deep
        else settings(effort(0.1), max_examples=10 if store is None else 4)
    )
    @example(graph=EVERYTHING, cuts=(Cut("dies", 12), Cut(ways[-1], 24)), seed=1, parks=False)
    @given(
        graph=graphs,
        cuts=st.lists(st.builds(Cut, st.sampled_from(ways), st.integers(0, 400)), max_size=3).map(tuple),
        seed=st.integers(0, 2**32 - 1),
        parks=st.booleans(),
    )
    def compare(graph: Graph, cuts: tuple[Cut, ...], seed: int, parks: bool) -> None:
        expected = predict(graph)
        lives = live_through(graph, Script(backend, seed, cuts, parks, store))
        for life in lives:
            assert not problems_of(life, expected, is_stored=store is not None)
        event(f"{len(lives)} lives")

    compare()
