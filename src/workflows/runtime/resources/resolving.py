"""Resolving: what one call of a step is given."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from contextlib import AsyncExitStack
from functools import partial
from typing import Any, Protocol

import anyio

from ...codec import Codec
from ...errors import UsageError
from ...injection import ResourceDescriptor
from .closing import closed_in_time, noted
from .config_files import ResourceConfig
from .factories import Resource
from .lifetimes import Lifetime, Plan, Plans
from .making import Kept

LEAST_S = 1.0
"""What each resource has for its closing, even if those before it have used up the time of all."""


class Source(Protocol):
    """What resources come from: a manager."""

    @property
    def plans(self) -> Plans:
        """How each is had."""
        ...

    @property
    def kept(self) -> Kept:
        """Those that live as long as the manager."""
        ...

    def given(self, name: str) -> Any:
        """The value that was set under a name."""
        ...

    async def resolve_own(self, resource: ResourceDescriptor, resolution: Resolution) -> Any:
        """Have a marker of the user's own resolve itself."""
        ...


class Keeper(Protocol):
    """Who holds those that live as long as a run."""

    async def get(self, plan: Plan, resolution: Resolution) -> Any:
        """Give the value; have it made if there is none."""
        ...


class Resolution:
    """The resources of one call: each is the same wherever it's wanted. Made and closed in one task.

    Args:
        source: The manager.
        codec: Checks what files say.
        stack: Closes what's open, when the call is over; None if nothing can be opened here.
        keeper: Holds those of the run; without one, they're those of the call.
        closing_s: How long closing all of them may take.
        tell: Called with the name of one that wasn't closed in time.
    """

    def __init__(
        self,
        source: Source,
        codec: Codec,
        stack: AsyncExitStack | None = None,
        keeper: Keeper | None = None,
        *,
        closing_s: float,
        tell: Callable[[str], None],
    ) -> None:
        self._source = source
        self._codec = codec
        self._stack = stack
        self._keeper = keeper
        self._closing_s = closing_s
        self._close_by: float | None = None
        self._tell = tell
        self._values: dict[Hashable, Any] = {}

    async def get(self, resource: ResourceDescriptor) -> Any:
        """Give a resource; what it's made of is had first.

        Safe to cancel: what's made already for longer than this call stays.

        Raises:
            WorkflowValidationError: It needs itself, or wants what can't be given.
        """
        return await self._value_of(self._source.plans.of(resource))

    async def arguments(self, plan: Plan) -> dict[str, Any]:
        """What a factory is called with."""
        return {name: await self._value_of(need) for name, need in plan.needs}

    async def _value_of(self, plan: Plan) -> Any:
        if plan.key not in self._values:
            self._values[plan.key] = await self._had(plan)
        return self._values[plan.key]

    async def _had(self, plan: Plan) -> Any:
        name = plan.resource.name
        if plan.is_given:
            return self._source.given(name)
        if plan.lifetime is Lifetime.INSTANCE:
            return await self._source.kept.get(plan.key, name, partial(self._made, plan))
        if plan.lifetime is Lifetime.RUN and self._keeper is not None and isinstance(plan.resource, Resource):
            return await self._keeper.get(plan, self)
        return await self._made(plan)

    async def _made(self, plan: Plan) -> Any:
        resource = plan.resource
        if isinstance(resource, Resource):
            arguments = await self.arguments(plan)
            if resource.is_context_manager:
                return await self._opened(resource, arguments)
            with noted(resource.name):
                return await resource.make(arguments)
        with noted(resource.name):
            if isinstance(resource, ResourceConfig):
                return resource.load(self._codec)
            return await self._source.resolve_own(resource, self)

    async def _opened(self, resource: Resource, arguments: dict[str, Any]) -> Any:
        if self._stack is None:
            raise UsageError(
                f"Resource {resource.name!r} is a context manager, and nothing here would close it.\n  Get it inside "
                "`async with manager.resolution_scope():`, which closes it when the block is left."
            )
        opened = closed_in_time(resource.open(arguments), resource.name, self._until, self._tell)
        return await self._stack.enter_async_context(opened)

    def _until(self) -> float:
        """When the closing of one more is given up."""
        now = anyio.current_time()
        if self._close_by is None:
            self._close_by = now + self._closing_s
        return max(self._close_by, now + LEAST_S)
