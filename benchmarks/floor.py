"""The floor: a toy engine that does only what no engine can avoid.

One task group a run; attrs events, routed by exact type; bounded workers, which take the next event themselves; a
stream; a handle; one checkpoint a step. No validation, retries, state, errors, records or cancellation. What an engine
costs beside it is the price of what it promises.
"""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, TypeAlias

import anyio
import attrs
import cattrs
from anyio.abc import TaskGroup

from .backends import native_checkpoint

converter = cattrs.Converter()


@attrs.frozen(eq=False)
class Step:
    """A step: a function, the events that it takes, and how many of them at once."""

    function: Callable[[Run, Any], Awaitable[object]]
    accepts: tuple[type, ...]
    workers: int = 4


@attrs.frozen(eq=False)
class Flow:
    """A workflow: its steps, what ends it, and what it asks."""

    steps: tuple[Step, ...]
    stop: type
    question: type | None = None
    routes: Mapping[type, tuple[Step, ...]] = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        kinds = {kind for step in self.steps for kind in step.accepts}
        routes = {kind: tuple(step for step in self.steps if kind in step.accepts) for kind in kinds}
        object.__setattr__(self, "routes", routes)

    def type_named(self, name: str) -> type[object]:
        """The event class of this name."""
        kinds: tuple[type[object], ...] = (*self.routes, *([] if self.question is None else [self.question]))
        return {kind.__name__: kind for kind in kinds}[name]


Job: TypeAlias = tuple[Step, object]


class Run:
    """A run, and its handle. With nothing in flight it holds no task: who sends it something carries `main()` again."""

    __slots__ = (
        "active",
        "buffer",
        "checkpoint",
        "ended",
        "expected",
        "flow",
        "group",
        "jobs",
        "log",
        "queues",
        "result",
        "sleeping",
    )

    def __init__(self, flow: Flow) -> None:
        self.flow = flow
        self.checkpoint = native_checkpoint()
        self.jobs: deque[Job] = deque()
        self.queues: dict[Step, deque[object]] = {}
        self.active: dict[Step, int] = dict.fromkeys(flow.steps, 0)
        self.buffer: list[object] = []
        self.expected = 1
        self.log: list[object] = []
        self.sleeping: list[anyio.Event] = []
        self.group: TaskGroup | None = None
        self.ended = anyio.Event()
        self.result: Any = None

    async def main(self) -> None:
        """Work until nothing is in flight."""
        async with anyio.create_task_group() as self.group:
            self._start_jobs()
        self.group = None
        if self.result is not None:
            self.ended.set()
            self._wake()

    async def wait(self) -> Any:
        """The stop event."""
        await self.ended.wait()
        return self.result

    def send(self, event: object) -> None:
        """Route an event."""
        self._route(event)
        if self.group is not None:
            self._start_jobs()

    def collect(self, event: object) -> list[object] | None:
        """Keep an event until as many are there as are expected."""
        self.buffer.append(event)
        if len(self.buffer) < self.expected:
            return None
        taken, self.buffer = self.buffer, []
        return taken

    def write(self, event: object) -> None:
        """Append an event to the stream."""
        self.log.append(event)
        if self.sleeping:
            self._wake()

    def _wake(self) -> None:
        sleeping, self.sleeping = self.sleeping, []
        for event in sleeping:
            event.set()

    def _route(self, event: object) -> None:
        for step in self.flow.routes[type(event)]:
            if self.active[step] < step.workers:
                self.active[step] += 1
                self.jobs.append((step, event))
            else:
                self.queues.setdefault(step, deque()).append(event)

    def _start_jobs(self) -> None:
        assert self.group is not None
        while self.jobs:
            self.group.start_soon(self._work, self.jobs.popleft())

    async def _work(self, job: Job | None) -> None:
        while job is not None:
            step, event = job
            await self.checkpoint()
            job = self._next(step, await step.function(self, event))

    def _next(self, step: Step, produced: object) -> Job | None:
        self.active[step] -= 1
        queue = self.queues.get(step)
        if queue:
            self.active[step] += 1
            self.jobs.append((step, queue.popleft()))
        kind = type(produced)
        if kind is self.flow.stop:
            self.result = produced
        elif kind is self.flow.question:
            self.write(produced)
        elif produced is not None:
            self._route(produced)
        job = self.jobs.popleft() if self.jobs else None
        if self.jobs:
            self._start_jobs()
        return job

    def to_json(self) -> str:
        """All there is to a run that has nothing in flight."""
        queued = [event for queue in self.queues.values() for event in queue]
        return json.dumps(
            {name: [_stored(event) for event in getattr(self, name)] for name in ("buffer", "log")}
            | {"queued": [_stored(event) for event in queued]}
        )


def restored(flow: Flow, text: str) -> Run:
    """The run again, from its JSON text."""
    data = json.loads(text)
    run = Run(flow)
    run.buffer, run.log = ([_read(flow, item) for item in data[name]] for name in ("buffer", "log"))
    for item in data["queued"]:
        run.send(_read(flow, item))
    return run


def _stored(event: object) -> list[Any]:
    return [type(event).__name__, converter.unstructure(event)]


def _read(flow: Flow, item: list[Any]) -> object:
    return converter.structure(item[1], flow.type_named(item[0]))


class Reader:
    """The stream of a run, with a cursor of its own."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self._index = 0

    def __aiter__(self) -> Reader:
        return self

    async def __anext__(self) -> object:
        log = self._run.log
        while self._index >= len(log):
            if self._run.ended.is_set():
                raise StopAsyncIteration
            event = anyio.Event()
            self._run.sleeping.append(event)
            await event.wait()
        self._index += 1
        return log[self._index - 1]
