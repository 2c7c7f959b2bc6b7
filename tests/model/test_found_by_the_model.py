"""What the model has found: the shrunk examples, kept."""

from __future__ import annotations

import pytest

from tests.model.graphs import Errand, Graph, Question, Work
from tests.model.judging import problems_of
from tests.model.living import Script, live_through
from tests.model.predicting import predict
from workflows.testing.backends import Backend


@pytest.mark.guarantee("R4", "W8")
@pytest.mark.parametrize("backend", ["asyncio", "trio"])
@pytest.mark.parametrize("seed", [34, 60, 70])
def test_a_stored_run_goes_on_with_an_answer_that_comes_as_it_falls_asleep(backend: Backend, seed: int) -> None:
    """A child's question is answered as the last worker leaves: the run stood still till its time was spent."""
    graph = Graph((Work((Errand(Graph((Question(),))),)),))
    (life,) = live_through(graph, Script(backend, seed, store="memory"))
    assert not problems_of(life, predict(graph), is_stored=True)
