"""What the pages on retry policies say that their own blocks don't show."""

import inspect
import math
import re
from typing import Any

import anyio
import pytest

from tests.docs.pages import ROOT, names_of
from workflows import Context, Workflow, retry_policy, step
from workflows.errors import ReplayMismatch, SuspensionSwallowed, UsageError
from workflows.events import HumanResponseEvent, InputRequiredEvent, StartEvent, StopEvent
from workflows.testing import simulate

REFERENCE = (ROOT / "docs" / "reference" / "retry_policy.md").read_text(encoding="utf-8")
LISTED = re.findall(r"^\.\. auto\w+:: workflows\.retry_policy\.([a-z_]+)\((.*)\)$", REFERENCE, re.MULTILINE)


@pytest.mark.parametrize(("name", "shown"), LISTED)
def test_the_reference_shows_parameters_and_defaults_as_they_are(name: str, shown: str) -> None:
    namespace: dict[str, Any] = {**names_of(retry_policy), "inf": math.inf}
    exec(f"def as_shown({shown}): ...", namespace)
    wanted = inspect.signature(namespace["as_shown"]).parameters.values()
    found = inspect.signature(getattr(retry_policy, name)).parameters.values()
    assert [(one.name, one.kind, one.default) for one in found] == [(one.name, one.kind, one.default) for one in wanted]


def test_the_reference_shows_the_parameters_of_every_part() -> None:
    parts = {name for name in dir(retry_policy) if re.match("(retry|wait|stop)_", name)}
    assert {name for name, _ in LISTED} == parts


def test_policies_that_are_deprecated_elsewhere_are_left_out() -> None:
    for name in ("ConstantDelayRetryPolicy", "ExponentialBackoffRetryPolicy"):
        assert not hasattr(retry_policy, name)


@pytest.mark.anyio
@pytest.mark.parametrize("error", [UsageError("x"), ReplayMismatch("x"), SuspensionSwallowed("x")])
async def test_some_errors_are_not_retried_whatever_the_policy_says(error: Exception) -> None:
    attempts: list[int] = []

    class Failing(Workflow):
        @step(retry_policy=retry_policy.retry_policy(wait=retry_policy.wait_none()))
        async def work(self, ctx: Context[Any], ev: StartEvent) -> StopEvent:
            attempts.append(ctx.retry_info().retry_number)
            raise error

    with anyio.fail_after(5), pytest.raises(type(error)):
        await Failing().run()
    assert attempts == [0]


def test_waiting_for_a_retry_spends_none_of_the_run_s_time() -> None:
    class Patient(Workflow):
        @step(retry_policy=retry_policy.retry_policy(wait=retry_policy.wait_fixed(3600)))
        async def work(self, ctx: Context[Any], ev: StartEvent) -> StopEvent:
            if not ctx.retry_info().retry_number:
                raise ConnectionError
            return StopEvent(result="done")

    async def scenario() -> object:
        return await Patient(timeout=1).run()

    assert simulate(scenario, backend="asyncio") == "done"


def test_the_time_of_a_policy_goes_on_while_a_step_waits_for_a_person() -> None:
    asked: list[float] = []

    class Never:
        def next(self, elapsed_time: float, attempts: int, error: Exception, *, seed: int | None = None) -> None:
            asked.append(elapsed_time)

    class Asking(Workflow):
        @step(retry_policy=Never())
        async def work(self, ctx: Context[Any], ev: StartEvent) -> StopEvent:
            await ctx.ask(InputRequiredEvent())
            raise ConnectionError

    async def scenario() -> None:
        handler = Asking().run()
        await anyio.sleep(100)
        await handler.send_event(HumanResponseEvent())
        with pytest.raises(ConnectionError):
            await handler

    simulate(scenario, backend="asyncio")
    assert asked == [pytest.approx(100, abs=0.01)]
