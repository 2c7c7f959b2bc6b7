"""Closing: an open resource is left under a shield, and not for ever."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Generator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager

import anyio
import attrs


@asynccontextmanager
async def closed_in_time(
    opened: AbstractAsyncContextManager[object], name: str, until: Callable[[], float], tell: Callable[[str], None]
) -> AsyncGenerator[object]:
    """Open something; when the block is left, however that happens, close it under a shield that ends with `until`.

    What the block raises comes out, unless closing raises: a resource doesn't handle the errors of those who use it.

    Args:
        opened: What's opened.
        name: What it's called.
        until: Gives the time, on the clock of the loop, at which closing is given up.
        tell: Called with the name if it was.
    """
    use = _Use()
    with _noted(name, use), anyio.CancelScope() as guard:
        async with opened as value:
            with _used(use, guard, until):
                yield value
    if guard.cancelled_caught:
        tell(name)
    if use.failure is not None:
        raise use.failure


@attrs.define(eq=False)
class _Use:
    """What has become of the block."""

    is_over: bool = False
    failure: BaseException | None = None


@contextmanager
def _used(use: _Use, guard: anyio.CancelScope, until: Callable[[], float]) -> Generator[None]:
    try:
        yield
    except BaseException as error:
        use.failure = error
        raise
    finally:
        use.is_over = True
        guard.shield, guard.deadline = True, until()


@contextmanager
def _noted(name: str, use: _Use) -> Generator[None]:
    try:
        yield
    except Exception as error:
        if error is not use.failure:
            error.add_note(f"while resource {name!r} was {'closed' if use.is_over else 'opened'}")
        raise


@contextmanager
def noted(name: str) -> Generator[None]:
    """Say which resource an error is about."""
    try:
        yield
    except Exception as error:
        error.add_note(f"while resource {name!r} was made")
        raise
