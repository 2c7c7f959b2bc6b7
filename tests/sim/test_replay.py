"""A run that is cut short at drawn instants, and goes on in other processes, comes to what an undisturbed run comes to.

The plans are random (`strategies.py`), and so are the instants, the order of the answers and Trio's schedule. What has to be
the same is listed in `judging.py`.
"""

from __future__ import annotations

import zlib

import attrs
import pytest
from hypothesis import event, given

from tests.sim import operations as op
from tests.sim.effort import effort
from tests.sim.flow import Plan
from tests.sim.judging import differences, problems_of
from tests.sim.living import Backend, Report, Script, live_through
from tests.sim.strategies import plans, scripts

BACKENDS: list[Backend] = ["asyncio", "trio"]


def undisturbed(plan: Plan) -> Report:
    """The run that all others are compared with."""
    reference = live_through(plan, Script("asyncio"))
    assert not problems_of(reference)
    return reference


def check(plan: Plan, script: Script, reference: Report) -> None:
    report = live_through(plan, script)
    assert not problems_of(report)
    assert not differences(report, reference, is_sequential=not has_tasks(plan), waits_alike=not script.parks)


def has_tasks(plan: Plan) -> bool:
    return op.Tasks.__name__ in repr(plan)


@pytest.mark.guarantee("W1", "W2", "W3", "W5", "W7", "W10")
@pytest.mark.parametrize("backend", BACKENDS)
def test_a_run_cut_short_comes_to_what_an_undisturbed_one_comes_to(backend: Backend) -> None:
    seeds: set[int] = set()

    @effort(2)
    @given(plan=plans, script=scripts(backend))
    def compare(plan: Plan, script: Script) -> None:
        reference = undisturbed(plan)
        check(plan, script, reference)
        for seed in more_seeds(plan, script) if backend == "trio" else ():
            check(plan, attrs.evolve(script, seed=seed), reference)
            seeds.add(seed)
        event(f"{len(script.deaths)} deaths, {'' if has_tasks(plan) else 'no '}tasks")

    compare()
    assert backend == "asyncio" or len(seeds) >= 200, f"only {len(seeds)} schedules were tried"


def more_seeds(plan: Plan, script: Script) -> list[int]:
    """Schedules of this example's own: of the seeds that Hypothesis draws, two in three come again and again."""
    return [zlib.crc32(f"{number}{plan}{script}".encode()) for number in range(3)]


@pytest.mark.guarantee("W2", "W7")
@pytest.mark.parametrize("backend", BACKENDS)
def test_a_workflow_whose_waits_park_comes_to_the_same(backend: Backend) -> None:
    @effort(0.5)
    @given(plan=plans, script=scripts(backend))
    def compare(plan: Plan, script: Script) -> None:
        check(plan, attrs.evolve(script, parks=True), undisturbed(plan))

    compare()


@pytest.mark.guarantee("R3")
@pytest.mark.parametrize("backend", BACKENDS)
def test_what_was_written_without_a_pause_before_a_run_is_stopped_has_been_published(backend: Backend) -> None:
    """Found by the deep run, in these tests themselves: they stopped listening before anybody had looked."""
    plan = Plan(first=(op.AskPerson(), op.SetShared(), op.Stream(2), op.Sleep(0.5)))
    reference = undisturbed(plan)
    for dies_after in range(1, 12):
        check(plan, Script(backend, (dies_after,), is_gentle=True), reference)


# What doesn't commute: a drawn value then an effect, a read then a write, two questions, in each of three branches.
NON_COMMUTING = (
    op.Uuid(),
    op.Once(is_async=True, yields=1, is_like_others=True),
    op.Get("x"),
    op.Set("x"),
    op.AskPerson(is_like_others=True),
    op.Draw(),
    op.AskPerson(is_like_others=True),
    op.Get("x"),
)


@pytest.mark.guarantee("W1", "W3", "W7")
@pytest.mark.parametrize("backend", BACKENDS)
def test_branches_of_operations_that_do_not_commute_keep_their_own_records(backend: Backend) -> None:
    plan = Plan(first=(op.Tasks(branches=(NON_COMMUTING, NON_COMMUTING, NON_COMMUTING), meanwhile=(op.Uuid(),)),))
    reference = undisturbed(plan)

    @effort(0.5)
    @given(script=scripts(backend))
    def compare(script: Script) -> None:
        check(plan, script, reference)

    compare()


@pytest.mark.guarantee("W1")
@pytest.mark.parametrize("backend", BACKENDS)
def test_a_million_streamed_tokens_would_be_one_record(backend: Backend) -> None:
    """A thousand are; so the snapshot of a step that streams doesn't grow with what it has streamed."""
    plan = Plan(first=(op.Stream(1000), op.AskPerson()))
    reference = undisturbed(plan)
    for dies_after in (1, 500, 1001, 1002, 1003):
        check(plan, Script(backend, deaths=(dies_after, 1)), reference)
