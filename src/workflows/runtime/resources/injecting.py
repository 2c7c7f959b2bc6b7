"""Injecting: a step that wants resources is called with them."""

from __future__ import annotations

from collections.abc import Awaitable
from contextlib import AsyncExitStack
from functools import partial
from typing import TYPE_CHECKING, cast

from anyio import to_thread

from ...errors import EngineBug
from ..attempt import Attempt, current_attempt
from ..telling import tell_unclosed
from .resolving import Resolution
from .resource_manager import CLOSING_S

if TYPE_CHECKING:
    from ...events import Event


async def call_with_resources(attempt: Attempt, event: Event) -> object:
    """Call a step with its resources; those of its own are closed when it has ended, however that happens.

    Factories are no part of the step: what they did isn't recorded, so they've no step context.
    """
    run, step = attempt.run, attempt.step
    manager = run.options.resource_manager
    if manager is None:
        raise EngineBug(f"step {step.name!r} wants resources, and its run has no manager")
    tell = partial(tell_unclosed, run.run_id, grace_s=CLOSING_S)
    async with AsyncExitStack() as stack:
        resolution = Resolution(manager, run.codec, stack, run.resources, closing_s=CLOSING_S, tell=tell)
        token = current_attempt.set(None)
        try:
            given = {wanted.name: await resolution.get(wanted.resource) for wanted in step.resources}
        finally:
            current_attempt.reset(token)
        if step.is_async:
            return await cast("Awaitable[object]", step.call(run.options.workflow, attempt.context, event, given))
        return await to_thread.run_sync(step.call, run.options.workflow, attempt.context, event, given)
