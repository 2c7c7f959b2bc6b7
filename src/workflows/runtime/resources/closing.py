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
    use = _Use(name, until, tell)
    with use.told(), anyio.CancelScope() as guard:
        async with opened as value:
            with use.of_block(guard):
                yield value
    if use.failure is not None:
        raise use.failure


@attrs.define(eq=False)
class _Use:
    """An open resource, and what has become of the block in which it's used."""

    name: str
    until: Callable[[], float]
    tell: Callable[[str], None]
    guard: anyio.CancelScope | None = None
    """Around its closing, once that has begun."""
    failure: BaseException | None = None

    @contextmanager
    def of_block(self, guard: anyio.CancelScope) -> Generator[None]:
        """Around the block: afterwards it's closed under a shield."""
        try:
            yield
        except BaseException as error:
            self.failure = error
            raise
        finally:
            self.guard = guard
            guard.shield, guard.deadline = True, self.until()

    @contextmanager
    def told(self) -> Generator[None]:
        """Around all of it: say what an error is about, and that closing was given up.

        (On asyncio a scope doesn't tell that it has caught anything while a cancellation from outside is on its way.)
        """
        try:
            yield
        except Exception as error:
            if error is not self.failure:
                error.add_note(f"while resource {self.name!r} was {'opened' if self.guard is None else 'closed'}")
            raise
        finally:
            if self.guard is not None and self.guard.cancel_called:
                self.tell(self.name)


@contextmanager
def noted(name: str) -> Generator[None]:
    """Say which resource an error is about."""
    try:
        yield
    except Exception as error:
        error.add_note(f"while resource {name!r} was made")
        raise
