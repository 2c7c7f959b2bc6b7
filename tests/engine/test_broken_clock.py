"""A clock of the user's that fails in the middle of a run: the error surfaces, and nothing else breaks."""

from datetime import UTC, datetime
from typing import Any

import anyio
import pytest

from tests.conftest import Backend
from tests.engine.orphans import no_task_left
from workflows import Context, Workflow, step
from workflows.events import Event, StartEvent, StopEvent


class Part(Event):
    pass


class BrokenClock:
    """It goes so many times, and never again."""

    def __init__(self, times: int) -> None:
        self.times = times

    def __call__(self) -> datetime:
        if not self.times:
            raise ZeroDivisionError("the clock is broken")
        self.times -= 1
        return datetime(2030, 1, 1, tzinfo=UTC)


class TwoSteps(Workflow):
    def __init__(self, clock: BrokenClock) -> None:
        super().__init__(clock=clock)
        self.cleaned_up = 0

    @step
    async def first(self, ev: StartEvent) -> Part:
        return Part()

    @step
    async def second(self, ctx: Context[Any], ev: Part) -> StopEvent:
        try:
            ctx.write_event_to_stream(ev)
            await anyio.lowlevel.checkpoint()
        finally:
            self.cleaned_up += 1
        return StopEvent(result="done")


@pytest.mark.guarantee("R1", "R2")
@pytest.mark.parametrize("times", range(8))
def test_a_clock_that_breaks_at_any_time_ends_the_run_with_its_error(anyio_backend: Backend, times: int) -> None:
    async def main() -> None:
        workflow = TwoSteps(BrokenClock(times))
        with anyio.fail_after(5):
            async with no_task_left():
                if times < 5:
                    with pytest.raises(ZeroDivisionError, match="the clock is broken"):
                        await workflow.run()
                else:
                    assert await workflow.run() == "done"

    name, options = anyio_backend
    anyio.run(main, backend=name, backend_options=options)
