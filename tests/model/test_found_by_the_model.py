"""What the model has found: the shrunk examples, kept."""

from __future__ import annotations

import pytest

from tests.model.graphs import Errand, Fan, Graph, Question, Work
from tests.model.judging import problems_of
from tests.model.living import Cut, Script, live_through
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


@pytest.mark.guarantee("R1", "W1")
@pytest.mark.parametrize("backend", ["asyncio", "trio"])
@pytest.mark.parametrize("number", [9, 10, 11, 12])
def test_a_run_that_is_cancelled_as_two_steps_of_its_child_fail_goes_on_from_there(
    backend: Backend, number: int
) -> None:
    """What they raise comes out in place of the cancellation, alone or as a group, and counts for nothing."""
    failing = Work((), trouble="fails", times=2, workers=2)
    graph = Graph((Work((Errand(Graph((Fan(members=2, inner=(failing,)),))),)),))
    lives = live_through(graph, Script(backend, 0, cuts=(Cut("is cancelled", number),)))
    assert len(lives) == 2
    assert not [problem for life in lives for problem in problems_of(life, predict(graph), is_stored=False)]
