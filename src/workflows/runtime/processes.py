"""Processes: an attempt of a `@step(run_in="process")`, in one of AnyIO's worker processes.

Rules:
- Events go there and come back as JSON text, through the workflow's codec: what arrives is equal to what was sent, and
  what can't be stored is refused with its path. Nothing but text is unpickled here.
- The worker finds the function, the declared classes and the hooks of the workflow by importing them: a process shares
  nothing with this one.
- As many work at once as AnyIO's default limiter for processes allows, over all runs of the event loop.
- An error comes back as data; it's of its own type if that's a builtin or a declared one.
- Cancelling kills the process, and waits until it has ended. One that is just being started isn't given up before it's
  there, since nobody would know of it; it has a time to be there.
- Nothing that lives as long as the processes, or the event loop, holds the attempt that started them.
"""

from __future__ import annotations

import json
import sys
from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING, Any, cast

import anyio
import attrs
from anyio import BrokenWorkerProcess, to_process

from ..codec import Codec
from ..codec.failures import traceback_text
from ..core.commands import RunStep
from ..errors import WorkerProcessDied
from ..events import CollectionReleaseEvent
from ..graph import read_step
from .attempt import current_attempt

if TYPE_CHECKING:
    from .run import Run

STARTING_S = 60.0
"""Seconds in which a worker process has to import the program that was started."""


@attrs.frozen
class Place:
    """Where a worker process finds something: module and qualified name."""

    module: str
    name: str

    @classmethod
    def of(cls, found: Any) -> Place:
        """The place that a class or a function says it's at."""
        return cls(found.__module__, found.__qualname__)

    def look(self) -> Any:
        """Give what is there, and import its module if need be."""
        found: Any = import_module(self.module)
        for part in self.name.split("."):
            found = getattr(found, part)
        return found

    def find(self) -> Any:
        """As `look`; None if it isn't there: a worker process may have another `__main__`."""
        try:
            return self.look()
        except (ImportError, AttributeError):
            return None

    def has(self, wanted: object) -> bool:
        """Whether it's there, in this process."""
        found: Any = sys.modules.get(self.module)
        for part in self.name.split("."):
            found = getattr(found, part, None)
        return found is wanted


@attrs.frozen
class Order:
    """What a worker process is told: which step, and what its workflow declares; `hooks` is the class that has them."""

    step: str
    function: Place
    hooks: Place | None
    types: tuple[Place, ...]


async def call_in_process(run: Run, job: RunStep) -> object:
    """Call a step function in a worker process, and give what it returns. Cancelling kills the process.

    Raises:
        WorkerProcessDied: The process came to an end of its own.
        Exception: What the function raised.
    """
    codec = run.core.state.codec
    given = job.event.events if isinstance(job.event, CollectionReleaseEvent) else job.event
    event = json.dumps(codec.encode(given))
    order = _order(run, job, codec)
    token = current_attempt.set(None)  # for what is started here stays, and keeps these context variables
    try:
        async with to_process.current_default_process_limiter():
            await _see_to_a_process(job.step.name)
            kind, text = await to_process.run_sync(work, order, event, cancellable=True, limiter=_NO_LIMIT)
    except BrokenWorkerProcess as error:
        raise WorkerProcessDied(
            f"The process in which step {job.step.name!r} ran came to an end before the step had: it called "
            f"os._exit(), crashed, or was killed, for example for want of memory.\n  It was given {job.event!r:.500}."
        ) from error
    finally:
        current_attempt.reset(token)
    if kind == "returned":
        return cast("object", codec.decode(json.loads(text)))
    failure = codec.decode_exception(json.loads(text))
    failure.add_note(f"It was raised in a worker process:\n{traceback_text(failure)}")
    raise failure


class _NoLimit:
    """No limit. It lets nobody else run either, so that the process that's there is still free a moment later."""

    async def __aenter__(self) -> None:
        pass

    async def __aexit__(self, *error: object) -> None:
        pass


_NO_LIMIT = cast("anyio.CapacityLimiter", _NoLimit())  # entering and leaving it is all that's asked of it


async def _see_to_a_process(step: str) -> None:
    """See to it that a worker process is there, and free.

    Raises:
        WorkerProcessDied: It couldn't be started.
    """
    try:
        with anyio.move_on_after(STARTING_S, shield=True):
            await to_process.run_sync(be_there, limiter=_NO_LIMIT)
            return
    except BrokenWorkerProcess as error:
        cause = error if error.__cause__ is None else error.__cause__
        raise _not_started(step, f"{type(cause).__name__}: {cause}") from error
    raise _not_started(step, f"it wasn't ready after {STARTING_S:g} seconds")


def _not_started(step: str, why: str) -> WorkerProcessDied:
    program = getattr(sys.modules.get("__main__"), "__file__", "none that is a file")
    return WorkerProcessDied(
        f"No process could be started for step {step!r}: {why}.\n  A worker process imports the program that was "
        f'started ({program}): what isn\'t to run there as well belongs under `if __name__ == "__main__":`.'
    )


def _order(run: Run, job: RunStep, codec: Codec) -> Order:
    hooks = next(cls for cls in type(run.options.workflow).__mro__ if "configure_converter" in vars(cls))
    owner = Place.of(hooks)
    declared = [(cls, Place.of(cls)) for cls in dict.fromkeys(codec.types.values())]
    types = tuple(place for cls, place in declared if place.has(cls))
    return Order(job.step.name, Place.of(job.step.function), owner if owner.has(hooks) else None, types)


# In the worker process


def be_there() -> None:
    """Do nothing: once this has returned, there is a worker process."""


def work(order: Order, event: str) -> tuple[str, str]:
    """Call the function, and give how that ended and what came of it, as JSON text."""
    codec = Codec()
    try:
        codec = _codec(order.hooks, order.types)
        step = read_step(order.step, order.function.look(), is_method=False)
        given = codec.decode(json.loads(event))
        if step.join is not None:
            given = CollectionReleaseEvent(events=given, stream_id="", binding_id=order.step)
        result = step.call(None, None, given)
        return "returned", json.dumps(codec.encode(result))
    except BaseException as error:  # noqa: ASYNC103  (there's no event loop in a worker process)
        return "raised", json.dumps(codec.encode_exception(error))  # noqa: ASYNC104  (as above)


@cache
def _codec(hooks: Place | None, types: tuple[Place, ...]) -> Codec:
    """The codec of the workflow, as it's in the process that gave the order. No workflow is made for it."""
    configure = None
    owner = None if hooks is None else hooks.find()
    if owner is not None:
        configure = owner.__new__(owner).configure_converter
    return Codec([found for place in types if (found := place.find()) is not None], configure)
