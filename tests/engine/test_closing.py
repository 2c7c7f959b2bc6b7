"""R1: a loop ends though runs go on, and a run is over when all its tasks are, whoever has cancelled them."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import anyio
import pytest
from anyio.lowlevel import checkpoint

from tests.engine import closing
from workflows import Context, Workflow, step
from workflows.events import Event, StartEvent, StopEvent

pytestmark = pytest.mark.guarantee("R1")
LONGEST_S = 30  # a process that isn't over by then hangs


def told_by(name: str) -> str:
    """What such a program says."""
    assert closing.__file__ is not None
    program = [sys.executable, str(Path(closing.__file__)), name]
    return subprocess.run(program, capture_output=True, text=True, check=True, timeout=LONGEST_S).stdout


def test_a_loop_ends_at_any_turn_though_tasks_of_a_run_have_not_begun() -> None:
    told_by("at any turn")


def test_tasks_that_are_cancelled_before_they_begin_end_their_run() -> None:
    assert told_by("all cancelled") == "the run is over: True\n"


def test_a_run_whose_root_task_is_cancelled_by_itself_waits_for_the_others() -> None:
    assert told_by("cleaning up") == "the run is over: False\n"


class Odd(BaseException):
    """Neither an error nor a cancellation."""


class Policy:
    """A retry policy that fails."""

    def next(self, elapsed_time: float, attempts: int, error: Exception, *, seed: int | None = None) -> float | None:
        raise Odd("the policy")


class Left(Event):
    pass


class Right(Event):
    pass


class Retrying(Workflow):
    """Does two things at once; when one fails, its policy does."""

    @step
    async def begin(self, ctx: Context[Any], ev: StartEvent) -> Left | Right | None:
        ctx.send_event(Left())
        ctx.send_event(Right())
        return None

    @step
    async def left(self, ev: Left) -> StopEvent:
        await anyio.sleep_forever()
        return StopEvent()

    @step(retry_policy=Policy())
    async def right(self, ev: Right) -> None:
        await checkpoint()
        raise ValueError("as planned")


@pytest.mark.anyio
async def test_what_is_no_error_and_ends_a_further_task_comes_out_of_the_block() -> None:
    with anyio.fail_after(5), pytest.raises(BaseExceptionGroup) as caught:
        async with Retrying(timeout=None).running():
            await anyio.sleep_forever()
    assert caught.value.subgroup(Odd) is not None
    assert caught.value.split(Odd)[1] is None
