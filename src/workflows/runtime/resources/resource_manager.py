"""`ResourceManager`: where resources are had from, and where those are kept that live as long as a workflow."""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from contextvars import ContextVar, Token
from functools import cached_property
from types import TracebackType
from typing import Any, Self, cast

from anyio.lowlevel import checkpoint

from ...codec import Codec
from ...errors import UsageError
from ...injection import ResourceDescriptor, is_descriptor
from .lifetimes import Plans
from .making import Kept
from .resolving import Resolution

logger: logging.Logger = logging.getLogger("workflows")

CLOSING_S = 4.0
"""How long closing the resources of one call may take: less than the grace of a step that's being suspended."""

_current: ContextVar[tuple[ResourceManager, Resolution] | None] = ContextVar("workflows_resolution", default=None)


class ResourceManager:
    """Has resources made, and keeps those that are cached: `Workflow(resource_manager=ResourceManager())`.

    Each workflow instance has one of its own, unless it's given one. One manager may serve several workflows, event
    loops and threads; a cached resource is made once for all of them.
    """

    def __init__(self) -> None:
        self._given: dict[str, Any] = {}
        self._plans = Plans(self._given.__contains__)
        self._kept = Kept()

    async def get(self, resource: ResourceDescriptor) -> Any:
        """Give a resource, such as `Resource(get_client)`; it's made if need be.

        One that isn't cached is made anew each time, or once inside `resolution_scope()`. Safe to cancel: whoever else
        waits for it then makes it.

        Raises:
            WorkflowValidationError: It needs itself, or wants what can't be given. (It's a ValueError.)
            UsageError: It's a context manager, and nothing would close it; or no resource at all.
        """
        if not is_descriptor(resource):
            raise UsageError(f"get({resource!r}) asks for what is no resource. Write get(Resource(factory)).")
        await checkpoint()
        return await self._resolution().get(resource)

    async def set(self, name: str, val: Any) -> None:
        """Set the value of the resource of this name: nothing is made for it any more. What's made of it already stays.

        The name is that of the factory, such as `"get_client"` for `Resource(get_client)`: see its `name`.
        """
        await checkpoint()
        self._given[name] = val
        self._plans.forget()

    def get_all(self) -> dict[str, Any]:
        """All values that are kept, or were set, by name."""
        return {**self._kept.by_name(), **self._given}

    def resolution_scope(self) -> ResolutionScope:
        """A block in which a resource that isn't cached is the same for all who get it.

        `async with` also opens context managers, and closes them, in reverse order, when the block is left.
        """
        return ResolutionScope(self)

    def _resolution(self) -> Resolution:
        current = _current.get()
        return current[1] if current is not None and current[0] is self else self.new_resolution(None)

    # For this package

    def new_resolution(self, stack: AsyncExitStack | None) -> Resolution:
        """Resources for one block outside of steps. For this package."""
        return Resolution(self, self._codec, stack, closing_s=CLOSING_S, tell=_tell_unclosed)

    @property
    def plans(self) -> Plans:
        """How each resource is had. For this package."""
        return self._plans

    @property
    def kept(self) -> Kept:
        """Those that live as long as the manager. For this package."""
        return self._kept

    def given(self, name: str) -> Any:
        """The value that was set under a name. For this package."""
        return self._given[name]

    def for_trying(self) -> ResourceManager:
        """Another manager that keeps nothing yet, with the same values set. For this package."""
        other = ResourceManager()
        other._given.update(self._given)
        return other

    async def resolve_own(self, resource: ResourceDescriptor, resolution: Resolution) -> Any:
        """Have a marker of the user's own resolve itself. For this package."""
        token = _current.set((self, resolution))
        try:
            return await resource.resolve(self)
        finally:
            _current.reset(token)

    @cached_property
    def _codec(self) -> Codec:
        return Codec()


class ResolutionScope:
    """What `ResourceManager.resolution_scope()` gives, for `with` and for `async with`."""

    def __init__(self, manager: ResourceManager) -> None:
        self._manager = manager
        self._token: Token[tuple[ResourceManager, Resolution] | None] | None = None
        self._opened: AbstractAsyncContextManager[None] | None = None

    def __enter__(self) -> Self:
        self._token = _current.set((self._manager, self._manager.new_resolution(None)))
        return self

    def __exit__(self, kind: object, error: object, traceback: object) -> None:
        if self._token is not None:
            _current.reset(self._token)

    async def __aenter__(self) -> Self:
        self._opened = _open_scope(self._manager)
        await self._opened.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> bool | None:
        opened = cast("AbstractAsyncContextManager[None]", self._opened)
        return await opened.__aexit__(kind, error, traceback)  # noqa: ASYNC102  (each resource is closed under a shield)


@asynccontextmanager
async def _open_scope(manager: ResourceManager) -> AsyncGenerator[None]:
    async with AsyncExitStack() as stack:
        token = _current.set((manager, manager.new_resolution(stack)))
        try:
            yield
        finally:
            _current.reset(token)


def _tell_unclosed(name: str) -> None:
    logger.warning("resource %r wasn't closed after %g s, and is given up", name, CLOSING_S)
