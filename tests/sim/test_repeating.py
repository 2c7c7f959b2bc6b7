"""Simulations and sweeps as calls: what a failure says about repeating them, and which calls are refused."""

from typing import Any

import anyio
import pytest

from workflows import Context, Workflow, step
from workflows.errors import UsageError
from workflows.events import HumanResponseEvent, InputRequiredEvent, StartEvent, StopEvent
from workflows.testing import (
    Process,
    SimulatedRunner,
    SimulationFault,
    check_replay,
    simulate,
    sweep_cancel,
    sweep_crash,
)
from workflows.testing.backends import Backend
from workflows.testing.disks import StoreKind

both = pytest.mark.parametrize("backend", ["asyncio", "trio"])
YES = HumanResponseEvent(response="yes")


class Failing(Workflow):
    @step
    async def fail(self, ctx: Context, ev: StartEvent) -> StopEvent:
        raise ValueError("on purpose")


class Asking(Workflow):
    @step
    async def ask(self, ctx: Context, ev: StartEvent) -> StopEvent:
        return StopEvent(result=await ctx.ask(InputRequiredEvent(prefix="Sure?")))


def notes_of(error: BaseException) -> str:
    return "\n".join(getattr(error, "__notes__", ()))


async def failing() -> None:
    await Failing().run()


async def swallowing() -> None:
    try:
        await anyio.sleep(5)
    except BaseException:  # noqa: ASYNC103  (what a sweep looks for)
        return


async def dying(process: Process) -> object:
    raise ValueError("on purpose")


async def different_in_store(process: Process) -> object:
    workflow = Asking(workflow_name="asking")
    async with process.runtime(workflows=[workflow]) as runtime:
        await process.begin(runtime, workflow, run_id="a")
        await process.finish(runtime, "a", lambda question: YES)
    return process.is_first_life


@both
def test_a_scenario_that_fails_tells_the_call_that_repeats_it(backend: Backend) -> None:
    with pytest.raises(ValueError, match="on purpose") as caught:
        simulate(failing, backend=backend, seed=5)
    assert f"again with: simulate(failing, backend='{backend}', seed=5)" in notes_of(caught.value)


@both
def test_a_runner_tells_its_own_call(backend: Backend) -> None:
    with pytest.raises(ValueError, match="on purpose") as caught:
        SimulatedRunner(backend, 5).run(Failing())
    assert f"again with: SimulatedRunner('{backend}', 5).run(Failing(...))" in notes_of(caught.value)


@both
def test_a_sweep_of_cancellations_tells_its_own_call(backend: Backend) -> None:
    again = f"sweep_cancel(swallowing, backend='{backend}', seed=5) went wrong, cancelled at each of "
    with pytest.raises(SimulationFault) as fault:
        sweep_cancel(swallowing, backend=backend, seed=5)
    assert str(fault.value).startswith(again)
    with pytest.raises(ValueError, match="on purpose") as caught:
        sweep_cancel(failing, backend=backend, seed=5)
    assert f"again with: sweep_cancel(failing, backend='{backend}', seed=5)" in notes_of(caught.value)


@both
def test_a_sweep_of_crashes_tells_its_own_call_with_its_store(backend: Backend) -> None:
    with pytest.raises(SimulationFault) as fault:
        sweep_crash(different_in_store, backend=backend, seed=5, store="memory")
    again = f"sweep_crash(different_in_store, backend='{backend}', seed=5, store='memory') doesn't survive "
    assert str(fault.value).startswith(again)
    with pytest.raises(ValueError, match="on purpose") as caught:
        sweep_crash(dying, backend=backend, faults=2)
    assert f"again with: sweep_crash(dying, backend='{backend}', seed=0, faults=2)" in notes_of(caught.value)


@both
def test_a_check_of_replays_tells_its_own_call(backend: Backend) -> None:
    class Forever(Workflow):
        @step
        async def wait(self, ctx: Context, ev: StartEvent) -> StopEvent:
            await anyio.sleep_forever()
            return StopEvent()

    with pytest.raises(SimulationFault, match="stuck") as fault:
        check_replay(lambda: Forever(timeout=None), backend=backend, seed=5)
    assert f"again with: check_replay(Forever, ..., backend='{backend}', seed=5)" in notes_of(fault.value)


@both
def test_a_question_without_an_answer_is_told_of_alone(backend: Backend) -> None:
    with pytest.raises(UsageError, match=r"nothing answers .*Sure.* Give answers=") as caught:
        check_replay(Asking, backend=backend)
    assert caught.value.__cause__ is None
    assert notes_of(caught.value) == ""


async def alone(process: Process) -> object:
    return await Failing().run() if process.world else None


@both
@pytest.mark.parametrize("store", [None, "memory"])
def test_a_sweep_with_nothing_to_cut_is_refused(backend: Backend, store: StoreKind | None) -> None:
    with pytest.raises(UsageError, match=r"sweep_crash\(alone, .* has nothing to cut: .* process\.run\(\)"):
        sweep_crash(alone, backend=backend, store=store)


def test_a_sweep_that_is_to_cut_no_time_or_to_cancel_in_no_way_is_refused() -> None:
    with pytest.raises(UsageError, match="faults=0"):
        sweep_crash(different_in_store, faults=0, store="memory")
    how: Any = "tasks"
    with pytest.raises(UsageError, match="how='tasks' is neither 'scope' nor 'task'"):
        sweep_cancel(failing, backend="asyncio", how=how)
