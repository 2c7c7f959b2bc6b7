"""Processes: an attempt of a `@step(run_in="process")`, in one of AnyIO's worker processes.

Rules:
- Events go there and come back as JSON text, through the workflow's codec: what arrives is equal to what was sent, and
  what can't be stored is refused with its path. Nothing but text is unpickled here.
- The worker finds the function, the declared classes and the hooks of the workflow by importing them: a process shares
  nothing with this one.
- As many work at once as AnyIO's default limiter for processes allows, over all runs of the event loop.
- An error comes back as data; it's of its own type if that's a builtin or a declared one.
- Cancelling kills the process, and waits until it has ended. One that is just being started isn't given up before it's
  there: nobody would know of it.
"""

from __future__ import annotations

import json
import math
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

if TYPE_CHECKING:
    from .run import Run


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
    order, no_limit = _order(run, job, codec), anyio.CapacityLimiter(math.inf)
    try:
        async with to_process.current_default_process_limiter():
            with anyio.CancelScope(shield=True):
                await to_process.run_sync(be_there, limiter=no_limit)
            kind, text = await to_process.run_sync(work, order, event, cancellable=True, limiter=no_limit)
    except BrokenWorkerProcess as error:
        raise WorkerProcessDied(
            f"The process in which step {job.step.name!r} ran came to an end before the step had: it called "
            f"os._exit(), crashed, or was killed, for example for want of memory.\n  It was given {job.event!r:.500}."
        ) from error
    if kind == "returned":
        return cast("object", codec.decode(json.loads(text)))
    failure = codec.decode_exception(json.loads(text))
    failure.add_note(f"It was raised in a worker process:\n{traceback_text(failure)}")
    raise failure


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
    if hooks is not None:
        owner = hooks.look()
        configure = owner.__new__(owner).configure_converter
    return Codec([place.look() for place in types], configure)
