"""The alarm of a run, which a task waits for: what the model of random workflows has found (`tests/model`)."""

import anyio
import pytest

from workflows.runtime.alarm import Alarm
from workflows.testing import simulate
from workflows.testing.backends import Backend


@pytest.mark.guarantee("R4")
@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_nobody_waits_for_an_alarm_that_was_left_before_its_task_has_begun(backend: Backend) -> None:
    """The run's root task didn't end, so what came then wasn't begun till the alarm rang."""

    async def scenario() -> float:
        began = anyio.current_time()
        alarm = Alarm(anyio.current_time, lambda: None)
        alarm.set(began + 5.0)
        async with anyio.create_task_group() as group:
            group.start_soon(alarm.watch())
            alarm.leave()
        return anyio.current_time() - began

    assert simulate(scenario, backend=backend) == 0.0
