"""The tasks of a run: the root task waits for the others, whatever becomes of them, and hears what they have raised."""

import asyncio
import gc
import weakref
from contextvars import ContextVar, copy_context
from typing import Any

import anyio
import pytest
from hypothesis import given
from hypothesis import strategies as st

from workflows import Workflow, step
from workflows.errors import WorkflowCancelledByUser
from workflows.events import StartEvent, StopEvent
from workflows.runtime.spawn import backend as running_backend
from workflows.runtime.tasks import Tasks
from workflows.testing import simulate
from workflows.testing.backends import Backend

seen: ContextVar[str] = ContextVar("seen", default="nothing")


@pytest.mark.guarantee("R1")
@pytest.mark.parametrize("backend", ["asyncio", "trio"])
@given(
    others=st.lists(st.tuples(st.integers(0, 5), st.sampled_from(("return", "raise", "wait", "clean up slowly")))),
    root_works=st.integers(0, 6),
    deadline=st.none() | st.integers(0, 8),
    is_owned=st.booleans(),
    seed=st.integers(0, 2**32 - 1),
)
def test_the_root_task_ends_last_and_hears_of_each_error(
    backend: Backend,
    others: list[tuple[int, str]],
    root_works: int,
    deadline: int | None,
    is_owned: bool,
    seed: int,
) -> None:
    """Those that wait for ever are stopped by an error, by the deadline, or by the root task before it waits."""

    async def scenario() -> tuple[list[int], list[str], bool, float]:
        began = anyio.current_time()
        living: list[int] = []
        raised: list[str] = []
        stopped = anyio.Event()
        over = anyio.Event()
        left: list[int] = []
        time_was_up: list[bool] = []

        async def other(number: int, pause: int, how: str) -> None:
            living.append(number)
            try:
                await anyio.sleep(pause)
                if how == "raise":
                    raise ValueError(number)
                if how != "return":
                    await stopped.wait()
            finally:
                if how == "clean up slowly":
                    with anyio.CancelScope(shield=True):
                        await anyio.sleep(3)
                living.remove(number)

        async def root() -> None:
            tasks = Tasks(running_backend().spawn, copy_context(), stopped.set, is_owned=is_owned, is_limited=True)
            if deadline is not None:
                tasks.set_deadline(began + deadline + 0.5)
            try:
                with tasks.scope():
                    for number, (pause, how) in enumerate(others):
                        tasks.start(other, number, pause, how)
                    try:
                        await anyio.sleep(root_works)
                    finally:
                        stopped.set()
                        await tasks.others_ended()
            except* ValueError as errors:
                raised.extend(repr(error) for error in errors.exceptions)
            left.extend(living)
            time_was_up.append(tasks.are_out_of_time)
            over.set()

        running_backend().spawn(root, copy_context())
        await over.wait()
        return left, sorted(raised), time_was_up[0], anyio.current_time() - began

    left, raised, time_was_up, took = simulate(scenario, backend=backend, seed=seed)
    assert left == []
    time_is_up = float("inf") if deadline is None else deadline + 0.5
    assert time_was_up is (took >= time_is_up)
    expected = [number for number, (pause, how) in enumerate(others) if how == "raise" and pause < time_is_up]
    assert raised == sorted(repr(ValueError(number)) for number in expected)


@pytest.mark.guarantee("R1")
@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_a_task_has_the_variables_of_whoever_started_the_run(backend: Backend) -> None:
    """Not those of the step that has made it necessary, nor those that another task of the run has set."""

    async def scenario() -> list[str]:
        seen.set("the caller's")
        tasks = Tasks(running_backend().spawn, copy_context(), lambda: None, is_owned=False, is_limited=True)
        found: list[str] = []

        async def look() -> None:
            found.append(seen.get())
            seen.set("another task's")

        seen.set("a step's")
        tasks.start(look)
        tasks.start(look)
        await tasks.others_ended()
        return found

    assert simulate(scenario, backend=backend) == ["the caller's", "the caller's"]


@pytest.mark.guarantee("R1")
def test_a_task_that_could_not_be_started_is_not_waited_for() -> None:
    """There may be no loop any more that takes one."""

    async def scenario() -> None:
        def launch(*_: object) -> None:
            raise RuntimeError("the loop is closed")

        tasks = Tasks(launch, copy_context(), lambda: None, is_owned=False, is_limited=True)
        with pytest.raises(RuntimeError, match="the loop is closed"):
            tasks.start(anyio.sleep_forever)
        await tasks.others_ended()

    simulate(scenario)


@pytest.mark.guarantee("R1")
@pytest.mark.parametrize("turns", [None, 0, 1, 2])
def test_asyncio_holds_a_task_till_it_has_ended_and_no_longer(turns: int | None) -> None:
    """Nobody else need hold it: asyncio's own references are weak. Cancelled at once, it begins all the same."""

    async def scenario() -> tuple[int, list[str]]:
        told: list[str] = []
        others = asyncio.all_tasks()

        async def main() -> None:
            told.append("begun")
            await asyncio.get_running_loop().create_future()  # which nobody else holds either

        async def come_to_an_end() -> None:
            told.append("begun")
            await asyncio.sleep(0)

        running_backend().spawn(come_to_an_end if turns is None else main, copy_context())
        known = weakref.ref((asyncio.all_tasks() - others).pop())
        for _ in range(5 if turns is None else turns):
            await asyncio.sleep(0)
            gc.collect()
        if turns is not None:
            task = known()
            assert task is not None
            task.cancel()
            del task
            await asyncio.sleep(0)
            await asyncio.sleep(0)
        gc.collect()
        return len(asyncio.all_tasks() - others) + (known() is not None), told

    assert asyncio.run(scenario(), debug=True) == (0, ["begun"])


@pytest.mark.guarantee("R1")
def test_a_task_that_is_cancelled_time_and_again_keeps_nothing_of_that() -> None:
    """Each cancellation left a callback with the canceller's variables, for as long as the task lived."""

    async def scenario() -> list[int]:
        counts: list[int] = []
        over = asyncio.Event()

        async def main() -> None:
            task: Any = asyncio.current_task()
            for _ in range(10):
                with anyio.move_on_after(0):
                    await anyio.sleep_forever()
                counts.append(len(task._callbacks or ()))
            over.set()

        running_backend().spawn(main, copy_context())
        await over.wait()
        return counts

    assert asyncio.run(scenario(), debug=True) == [0] * 10


@pytest.mark.guarantee("R1", "R3")
def test_a_run_whose_root_task_is_cancelled_before_its_first_turn_ends() -> None:
    """A task that never begins tells nobody: whoever awaited the run waited for ever."""
    called: list[str] = []

    class Waiting(Workflow):
        @step
        async def wait(self, ev: StartEvent) -> StopEvent:
            called.append("called")
            await anyio.sleep_forever()
            return StopEvent()

    async def scenario() -> None:
        handler = Waiting().run()
        for task in asyncio.all_tasks() - {asyncio.current_task()}:
            task.cancel()
            task.cancel()
        with anyio.fail_after(5), pytest.raises(WorkflowCancelledByUser):
            await handler

    asyncio.run(scenario(), debug=True)
    assert called == ["called"]
