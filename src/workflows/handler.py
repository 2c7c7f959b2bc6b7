"""`WorkflowHandler`: a run in the hands of whoever started it."""

from __future__ import annotations

from collections.abc import Generator
from typing import TYPE_CHECKING, Any, Generic
from weakref import ref

import anyio
from anyio.lowlevel import checkpoint, checkpoint_if_cancelled

from .context import Context
from .core.questions import Question
from .errors import WorkflowCancelledByUser, WorkflowRuntimeError
from .events import Event, StopEvent
from .runtime.reading import Cursor, Reader, check_position, cursor_after, cursor_at_start
from .runtime.run import Run
from .types import ResultT_co

if TYPE_CHECKING:
    from collections.abc import Callable


class WorkflowHandler(Generic[ResultT_co]):
    """A run: await it for its result, read its stream, send it events, cancel it.

    Awaiting gives the `result` of a plain `StopEvent`, or the stop event itself if it's of a subclass; it raises what
    the run failed with. It may be awaited many times, by many tasks. The handler of a `Workflow[MyStart, str]` is a
    `WorkflowHandler[str]`: that's what awaiting it gives.

    A run of a bare `workflow.run()` belongs to whoever awaits it: if its only await is cancelled, the run is, and has
    ended when the cancellation passes on. With other awaits or readers it goes on. A run of `running()` or of a
    `Runtime` belongs to that block.

    Attributes:
        run_id: The id of the run.
        ctx: Its context: the one that was passed to `run()`, if one was.
    """

    __slots__ = ("__weakref__", "_awaits", "_cursor", "_is_owned", "_reader", "_run", "ctx", "run_id")

    def __init__(self, run: Run, ctx: Context[Any], *, is_owned: bool) -> None:
        self._run = run
        self._is_owned = is_owned
        self._awaits = 0
        self._cursor: Cursor | None = None
        self._reader: Callable[[], Reader | None] | None = None
        self.run_id: str = run.run_id
        self.ctx: Context[Any] = ctx

    def __await__(self) -> Generator[Any, None, ResultT_co]:
        return self._wait().__await__()

    async def _wait(self) -> ResultT_co:
        outcome = self._run.outcome
        self._awaits += 1
        try:
            if outcome.is_set:
                await checkpoint()
            else:
                await outcome.wait()
        except BaseException:
            if not outcome.is_set and self._awaits == 1 and not self._is_owned and not self._is_read_by_others():
                await self._abandon()  # noqa: ASYNC102  (it shields itself; its end is reported after a grace)
            raise
        finally:
            self._awaits -= 1
        if isinstance(outcome.error, WorkflowCancelledByUser):
            await checkpoint_if_cancelled()  # cancelled together with its run: that's what the caller has to see
        event: Any = outcome.get()
        result: ResultT_co = event.result if type(event) is StopEvent else event
        return result

    def _is_read_by_others(self) -> bool:
        return self._run.log.is_read_by_others(self._run.backend.current_task())

    async def _abandon(self) -> None:
        """Its only owner leaves: end the run, and wait until it has ended."""
        self._run.cancel("the only await of it was cancelled")
        self._run.outcome.is_retrieved = True
        with anyio.CancelScope(shield=True):
            await self._run.outcome.wait()

    def stream_events(self, expose_internal: bool = False, after: int | None = None) -> Reader:
        """Read the stream of the run: `async for event in handler.stream_events()`.

        Without `after`, reading goes on where the last such loop of this handler was left; while one is being read,
        another one begins where the last one that was left stopped, or at the start. Events come in the order of
        their emission, the last one being the stop event (or the event that tells how else the run ended). Leaving a
        loop disturbs nobody.

        Args:
            expose_internal: Also give the events in which the engine tells of itself.
            after: A reader of its own, from behind this position; 0 is the start. `reader.position` tells where one
                stands.
        """
        log = self._run.log
        if after is not None:
            check_position(after)
            return Reader(log, cursor_after(log, after), expose_internal=expose_internal)
        living = None if self._reader is None else self._reader()
        if living is not None:
            return Reader(log, cursor_at_start(log), expose_internal=expose_internal)
        if self._cursor is None:
            self._cursor = cursor_at_start(log)
        reader = Reader(log, self._cursor, expose_internal=expose_internal)
        self._reader = ref(reader)
        return reader

    async def send_event(self, event: Event, step: str | None = None, *, reply_to: str | None = None) -> None:
        """Send an event to the run; it's stored when this returns. See `Context.send_event` for what is raised.

        Safe to cancel: then nothing was sent; or, if that was being stored, it has been.

        Raises:
            StoreError: It couldn't be stored; the run is being stopped.
        """
        await self._run.backend.checkpoint()
        self.ctx.send_event(event, step, reply_to=reply_to)
        await self._run.driver.settled()

    async def cancel_run(self, *, timeout: float = 5.0) -> None:
        """Cancel the run, and wait until its steps have cleaned up. Its snapshot says that it's running, and can be
        resumed.

        Awaiting the handler then raises `WorkflowCancelledByUser`. A run that is over stays as it is.

        Args:
            timeout: Seconds after which waiting is given up; the run ends all the same when its steps have.
        """
        self._run.cancel("cancel_run() was called")
        with anyio.move_on_after(timeout):
            await self._run.outcome.wait()
        await checkpoint()

    @property
    def pending(self) -> tuple[Question, ...]:
        """The open questions, in the order in which they were asked."""
        return self.ctx.pending

    def is_done(self) -> bool:
        """Whether the run is over, however it ended."""
        return self._run.outcome.is_set

    def get_stop_event(self) -> StopEvent | None:
        """The stop event of a run that has one, else None."""
        return self._run.outcome.result

    async def stop_event_result(self) -> StopEvent:
        """Wait for the run, and give its stop event as it is; raises what awaiting the handler raises."""
        await self
        event = self.get_stop_event()
        if event is None:
            raise WorkflowRuntimeError(f"Run {self.run_id!r} has ended without a stop event.")
        return event

    @property
    def run(self) -> Run:
        """What carries the run. For this package."""
        return self._run

    def __str__(self) -> str:
        event = self.get_stop_event()
        what = "running" if not self.is_done() else "ended without a result" if event is None else f"result: {event}"
        return f"{self._run.core.state.program.class_name}, run {self.run_id}: {what}"

    def __repr__(self) -> str:
        return f"<WorkflowHandler {self}>"
