"""Semantics 11 and 28 in whole runs: what a policy says is waited for exactly, is on record, and isn't asked again."""

from __future__ import annotations

import json
import math
from datetime import timedelta
from itertools import pairwise
from typing import Any, Literal, TypeAlias

import anyio
import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.sim.effort import effort
from workflows import Context, Workflow, step
from workflows.errors import WorkflowRuntimeError
from workflows.events import StartEvent, StopEvent
from workflows.retry_policy import (
    RetryPolicy,
    retry_if_exception_type,
    retry_policy,
    stop_after_attempt,
    stop_before_delay,
    stop_never,
    wait_combine,
    wait_exponential,
    wait_exponential_jitter,
    wait_fixed,
    wait_random,
    wait_random_exponential,
)
from workflows.retry_policy.waits import Wait
from workflows.testing import Process, simulate, sweep_crash

BackendName: TypeAlias = Literal["asyncio", "trio"]
SEEDS = st.integers(0, 2**32 - 1)


@pytest.fixture(params=["asyncio", "trio"], scope="module")
def backend(request: pytest.FixtureRequest) -> BackendName:
    if request.param == "trio":
        pytest.importorskip("trio")
    name: BackendName = request.param
    return name


@attrs.define(eq=False)
class Asked:
    """A policy that keeps what it was asked and what it said."""

    policy: RetryPolicy
    said: list[float | None] = attrs.field(factory=list[float | None])
    seeds: list[int | None] = attrs.field(factory=list[int | None])

    def next(self, elapsed_time: float, attempts: int, error: Exception, *, seed: int | None = None) -> float | None:
        self.said.append(self.policy.next(elapsed_time, attempts, error, seed=seed))
        self.seeds.append(seed)
        return self.said[-1]


class Flaky(Workflow):
    """Fails so many times, and keeps when each attempt began."""

    def __init__(self, fails: float, began: list[float] | None = None) -> None:
        super().__init__(timeout=None)
        self.fails = fails
        self.began: list[float] = [] if began is None else began

    async def attempt(self, ctx: Context[Any]) -> StopEvent:
        self.began.append(anyio.current_time())
        if ctx.retry_info().retry_number < self.fails:
            raise ConnectionError("busy")
        return StopEvent(result=ctx.retry_info().retry_number)


def retried_by(policy: RetryPolicy) -> type[Flaky]:
    class Retried(Flaky):
        @step(retry_policy=policy)
        async def work(self, ctx: Context[Any], ev: StartEvent) -> StopEvent:
            return await self.attempt(ctx)

    return Retried


def random_waits() -> st.SearchStrategy[Wait]:
    return st.sampled_from(
        [
            wait_exponential_jitter(),
            wait_exponential_jitter(initial=30, max=100, jitter=50),
            wait_random_exponential(multiplier=60, max=86_400),
            wait_random(5, 10) + wait_exponential(),
            wait_combine(),
        ]
    )


def gaps(began: list[float]) -> list[float]:
    return [later - earlier for earlier, later in pairwise(began)]


@given(wait=random_waits(), fails=st.integers(1, 6), seed=SEEDS)
def test_a_step_waits_exactly_the_delays_of_its_jitter(backend: BackendName, wait: Wait, fails: int, seed: int) -> None:
    """Semantics 28: the wait is counted from 0, and its delays are those of the seeds that the policy was given."""
    policy = Asked(retry_policy(wait=wait, stop=stop_never()))
    flow = retried_by(policy)(fails)

    async def scenario() -> object:
        return await flow.run()

    assert simulate(scenario, backend=backend, seed=seed) == fails
    assert policy.said == [wait(attempts, seed=given_seed) for attempts, given_seed in enumerate(policy.seeds)]
    assert gaps(flow.began) == pytest.approx(policy.said, abs=1e-3)
    assert len(set(policy.seeds)) == fails


@given(wait=random_waits(), most_s=st.floats(1, 10_000), seed=SEEDS)
def test_no_attempt_begins_too_late_and_the_last_error_is_raised(
    backend: BackendName, wait: Wait, most_s: float, seed: int
) -> None:
    """Semantics 28: `stop_before_delay` includes the coming sleep."""
    stop = stop_before_delay(most_s) | stop_after_attempt(50)
    flow = retried_by(retry_policy(wait=wait, stop=stop))(math.inf)

    async def scenario() -> object:
        return await flow.run()

    with pytest.raises(ConnectionError, match="busy"):
        simulate(scenario, backend=backend, seed=seed)
    assert flow.began[-1] - flow.began[0] < most_s


def due_of(snapshot: dict[str, Any]) -> float:
    (execution,) = snapshot["executions"]
    due = execution["due"]
    assert isinstance(due, float)
    return due


@pytest.mark.guarantee("W8")
@given(
    looks_after=st.lists(st.floats(0.1, 100), min_size=1, max_size=3),
    away_s=st.floats(0, 2000),
    seed=SEEDS,
)
def test_a_retry_is_due_at_an_instant_and_only_the_rest_is_waited(
    backend: BackendName, looks_after: list[float], away_s: float, seed: int
) -> None:
    """Semantics 11: equal in every snapshot, whenever it's taken and however long nobody was there."""
    policy = Asked(retry_policy(wait=wait_random(500, 1000)))
    make, began = retried_by(policy), list[float]()

    async def scenario() -> None:
        handler = make(1, began).run()
        snapshots: list[dict[str, Any]] = []
        for look_s in looks_after:
            await anyio.sleep(look_s)
            snapshots.append(json.loads(json.dumps(handler.ctx.to_dict())))
        await handler.cancel_run()
        await anyio.sleep(away_s)
        workflow, resumed_at = make(1, began), anyio.current_time()
        resumed = workflow.run(Context[Any].from_dict(workflow, snapshots[-1]))
        again = resumed.ctx.to_dict()
        assert await resumed == 1
        (delay,) = policy.said
        assert delay is not None
        assert len({due_of(snapshot) for snapshot in snapshots}) == 1
        if resumed_at < began[0] + delay:
            assert due_of(again) == due_of(snapshots[0])
        assert began[1] == pytest.approx(max(began[0] + delay, resumed_at), abs=1e-3)

    simulate(scenario, backend=backend, seed=seed)


@pytest.mark.guarantee("R4")
@effort(0.1)  # each example is some dozens of runs
@given(seed=SEEDS)
def test_a_retry_decision_survives_a_crash_at_any_point(backend: BackendName, seed: int) -> None:
    """Semantics 11: after a crash, the delays are those that were on record, or come from the same seeds."""
    policy = retry_policy(wait=wait_exponential_jitter(jitter=30), stop=stop_never())

    async def scenario(process: Process) -> object:
        flow = Asking(policy)
        handler = process.run(flow)
        return await handler, process.stream

    class Asking(Workflow):
        def __init__(self, policy: RetryPolicy) -> None:
            super().__init__(timeout=None)

        @step(retry_policy=policy)
        async def work(self, ctx: Context[Any], ev: StartEvent) -> StopEvent:
            info = ctx.retry_info()
            if info.retry_number < 3:
                raise ConnectionError("busy")
            return StopEvent(result=round(info.elapsed_seconds, 3))

    assert sweep_crash(scenario, backend=backend, seed=seed, faults=2) > 0


@pytest.mark.anyio
async def test_an_error_that_its_condition_does_not_know_fails_the_step_at_once() -> None:
    policy = Asked(retry_policy(retry_if_exception_type(TimeoutError), wait_fixed(3600)))
    with anyio.fail_after(5), pytest.raises(ConnectionError):
        await retried_by(policy)(math.inf).run()
    assert policy.said == [None]


class Says:
    """A policy that says something."""

    def __init__(self, said: Any) -> None:
        self.said = said

    def __repr__(self) -> str:
        return "Says()"

    def next(self, elapsed_time: float, attempts: int, error: Exception, *, seed: int | None = None) -> float | None:
        if isinstance(self.said, Exception):
            raise self.said
        return self.said  # type: ignore[no-any-return]  # that's the point


@pytest.mark.anyio
@pytest.mark.parametrize("said", [math.nan, -1, -0.5, True, False, "soon", math.inf, timedelta(1), [], 10**400])
async def test_a_policy_that_says_nonsense_fails_the_step_and_is_named(said: object) -> None:
    flow = retried_by(Says(said))(math.inf)
    with anyio.fail_after(5), pytest.raises(WorkflowRuntimeError) as caught:
        await flow.run()
    message = str(caught.value)
    for shown in ("retry policy of step 'work', Says(),", "gave ", repr(said)[:20], "None to give up"):
        assert shown in message
    assert isinstance(caught.value.__context__, ConnectionError)
    assert len(flow.began) == 1


@pytest.mark.anyio
@pytest.mark.parametrize("said", [0, 0.0, -0.0])
async def test_a_delay_of_nothing_is_a_delay(said: float) -> None:
    with anyio.fail_after(5):
        assert await retried_by(Says(said))(2).run() == 2


@pytest.mark.anyio
async def test_a_policy_that_raises_is_named_in_a_note_and_keeps_its_own_context() -> None:
    plain, chained = KeyError("who"), KeyError("why")
    chained.__context__ = OSError("of its own")
    for error, context in ((plain, ConnectionError), (chained, OSError)):
        with anyio.fail_after(5), pytest.raises(KeyError) as caught:
            await retried_by(Says(error))(math.inf).run()
        assert caught.value is error
        assert isinstance(error.__context__, context)
        assert error.__notes__[0].startswith("The retry policy of step 'work', Says(), raised this")


@pytest.mark.anyio
async def test_a_policy_that_raises_the_error_again_makes_no_ring() -> None:
    class Raising:
        def next(self, elapsed_time: float, attempts: int, error: Exception, *, seed: int | None = None) -> None:
            raise error

    with anyio.fail_after(5), pytest.raises(ConnectionError) as caught:
        await retried_by(Raising())(math.inf).run()
    assert caught.value.__context__ is not caught.value


@pytest.mark.anyio
async def test_a_policy_whose_repr_fails_is_named_all_the_same() -> None:
    class Shy(Says):
        def __repr__(self) -> str:
            raise AssertionError

    with anyio.fail_after(5), pytest.raises(WorkflowRuntimeError, match=r"'work', <Shy.*>, gave 'soon'"):
        await retried_by(Shy("soon"))(math.inf).run()


@pytest.mark.anyio
async def test_a_policy_of_tenacity_s_parts_works_in_a_run() -> None:
    tenacity = pytest.importorskip("tenacity")
    policy = retry_policy(
        tenacity.retry_if_exception_type(ConnectionError), tenacity.wait_none(), tenacity.stop_after_attempt(3)
    )
    flow = retried_by(policy)(math.inf)
    with anyio.fail_after(5), pytest.raises(ConnectionError):
        await flow.run()
    assert len(flow.began) == 3
    with anyio.fail_after(5):
        assert await retried_by(policy)(2).run() == 2
