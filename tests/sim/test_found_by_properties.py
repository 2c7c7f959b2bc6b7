"""What the properties of this folder have found: the shrunk examples, kept."""

from __future__ import annotations

import pytest

from tests.sim import operations as op
from tests.sim.flow import Plan
from tests.sim.judging import differences, problems_of
from tests.sim.living import Backend, Script, live_through

both = pytest.mark.parametrize("backend", ["asyncio", "trio"])


def survives_every_crash(plan: Plan, backend: Backend) -> None:
    """The plan comes to the same end when it's cut after its 1st, 2nd, 3rd … tick."""
    reference = live_through(plan, Script("asyncio"))
    assert not problems_of(reference)
    report = reference
    for dies_after in range(1, 100):
        report = live_through(plan, Script(backend, deaths=(dies_after,)))
        assert not problems_of(report)
        assert not differences(report, reference, is_sequential=True)
        if report.lives == 1:
            return
    raise AssertionError("a plan of a hundred ticks is no shrunk example")


@pytest.mark.guarantee("W1")
@both
@pytest.mark.parametrize("inner", [op.Send(), op.Stream(), op.Once(), op.Now(), op.Get("x"), op.GetAll()], ids=repr)
def test_an_edit_with_other_operations_inside_is_committed_once(inner: op.Operation, backend: Backend) -> None:
    """What's recorded inside stands before the commit, so a replay took the edit for one that had been dropped."""
    survives_every_crash(Plan((op.Edit(inner=(inner,)), op.EditInVain(), op.Edit(), op.AskPerson())), backend)
