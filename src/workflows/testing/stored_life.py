"""StoredLife: one life of a process whose runs are kept in a store, which is cut at each of its writes.

It has its own eyes on what durable runs promise: what was seen of a stream stays as it was seen, and an answer that
was accepted isn't asked for again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from random import Random
from typing import Any, TypeAlias
from uuid import UUID

import anyio

from ..core.questions import Question
from ..durability import Store
from ..errors import AnswerRefused, WorkflowDone
from ..events import Event
from ..host import Runtime
from ..runtime.identity import ambient_uuid4
from ..workflow import Workflow
from .disks import Disk, Image

POLL_S = 3600.0
"""How often a runtime looks for what other processes have changed: there are none, and virtual time passes quickly."""

AnswerFor: TypeAlias = Callable[[Question], Event | None]


class StoredLife:
    """What a process knows of its stored runs.

    Args:
        disk: Where the store is.
        on_cut: Is told of each point where it's cut.
        streams: What was seen of the streams of runs in earlier lives.
        answered: The questions whose answers were accepted in earlier lives.
    """

    def __init__(
        self,
        disk: Disk,
        on_cut: Callable[[str, Image | None], None],
        streams: Mapping[str, tuple[Event, ...]],
        answered: frozenset[str],
    ) -> None:
        self._disk = disk
        self._on_cut = on_cut
        self._changed = anyio.Event()
        self._problems: list[str] = []
        self.streams: dict[str, list[Event]] = {run_id: list(events) for run_id, events in streams.items()}
        self.answered: set[str] = set(answered)

    @property
    def problems(self) -> list[str]:
        """What was seen that mustn't be."""
        return [*self._problems, *self._disk.problems()]

    def store(self) -> Store:
        """The store, which was left by the life before."""
        return self._disk.store(self._was_cut)

    def runtime(self, options: dict[str, Any]) -> Runtime:
        """A runtime on it."""
        given: dict[str, Any] = {"poll": POLL_S, **options}
        return Runtime(store=self.store(), **given)

    def _was_cut(self, where: str, image: Image | None) -> None:
        self._on_cut(where, image)
        if where.startswith("after"):
            self._changed.set()
            self._changed = anyio.Event()

    async def begin(self, runtime: Runtime, workflow: Workflow[Any, Any], run_id: str, inputs: dict[str, Any]) -> None:
        """Start a run that isn't stored yet; it is when this returns."""
        if await runtime.store.find(run_id) is not None:
            return
        uuids = Random(f"uuids of {run_id}")  # the same, in whichever life it begins
        token = ambient_uuid4.set(lambda: UUID(int=uuids.getrandbits(128), version=4))
        try:
            handler = runtime.run(workflow, run_id=run_id, **inputs)
        finally:
            ambient_uuid4.reset(token)
        while await runtime.store.find(run_id) is None:
            if handler.is_done():
                await handler  # raises why it couldn't be stored
            await self._changed.wait()

    async def finish(self, runtime: Runtime, run_id: str, answer: AnswerFor) -> Any:
        """Answer the questions of a run till it's over, and give its result."""
        failure: Exception | None = None
        async with anyio.create_task_group() as group:
            group.start_soon(self._keep_answering, runtime, run_id, answer)
            try:
                await self._read(runtime, run_id)
            except Exception as error:
                failure = error
            group.cancel_scope.cancel()
        if failure is not None:
            raise failure
        return await runtime.resume(run_id)

    async def _read(self, runtime: Runtime, run_id: str) -> None:
        """Read on where the life before has left off, then all of it once more."""
        seen = self.streams.setdefault(run_id, [])
        async for event in (reader := runtime.events(run_id, after=len(seen))):
            seen.append(event)
            if reader.position != len(seen):
                self._problems.append(f"event {len(seen)} of run {run_id!r} has position {reader.position}: {event!r}")
        stored = [event async for event in runtime.events(run_id)]
        if stored != seen:
            self._problems.append(f"seen of the stream of run {run_id!r} was {seen!r}, stored is {stored!r}")

    async def _keep_answering(self, runtime: Runtime, run_id: str, answer: AnswerFor) -> None:
        passed_over: set[str] = set()
        while True:
            changed = self._changed
            for found in await runtime.pending(run_id=run_id):
                if found.id in self.answered:
                    self._problems.append(f"question {found.id} is asked again, whose answer was accepted")
                reply = None if found.question is None or found.id in passed_over else answer(found.question)
                if reply is None:
                    passed_over.add(found.id)
                    continue
                try:
                    await runtime.send(run_id, reply, reply_to=found.id)
                    self.answered.add(found.id)
                except (AnswerRefused, WorkflowDone):
                    passed_over.add(found.id)  # it was closed while the answer was on its way
            await changed.wait()
