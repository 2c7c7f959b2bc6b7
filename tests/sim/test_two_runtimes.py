"""Two runtimes on one store, in virtual time: answers by either, twice or late; cancelled, left and entered again; and
stalled until their lease has passed, while the other one takes their runs over.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Literal, TypeAlias, cast

import anyio
import attrs
import pytest
from anyio.abc import TaskGroup
from hypothesis import event, given
from hypothesis import strategies as st

from tests.deep.tally import cut
from tests.sim.effort import effort
from tests.sim.living import Backend
from workflows import Context, Runtime, Workflow, step
from workflows.durability import MemoryStore, SqliteStore, Store
from workflows.errors import AnswerRefused, WorkflowCancelledByUser, WorkflowDone, WorkflowsError
from workflows.events import HumanResponseEvent, InputRequiredEvent, StartEvent, StopEvent
from workflows.testing import simulate

Deed: TypeAlias = Literal["answers", "answers late", "cancels", "resumes", "leaves", "stalls", "goes on", "waits"]
RUNS = ("a", "b")
MOST_ANSWERS = 20  # three questions a run, some of them answered in vain
BACKENDS: list[Backend] = ["asyncio", "trio"]


@attrs.frozen
class Move:
    """What one of the runtimes does, to one of the runs."""

    deed: Deed
    who: int
    run: str


moves: st.SearchStrategy[tuple[Move, ...]] = st.lists(
    st.builds(
        Move,
        st.sampled_from(
            (
                "answers",
                "answers",
                "answers",
                "answers late",
                "cancels",
                "resumes",
                "leaves",
                "stalls",
                "goes on",
                "waits",
            )
        ),
        st.integers(0, 1),
        st.sampled_from(RUNS),
    ),
    max_size=14,
).map(tuple)


class Reply(HumanResponseEvent):
    name: str


class Ask(InputRequiredEvent, answer=Reply):
    number: int


class Asking(Workflow):
    """Asks three times; what it heard stands in the world, and that it's on record."""

    def __init__(self, world: list[tuple[str, str]]) -> None:
        super().__init__(None, types=[Ask, Reply], workflow_name="asking")
        self.world = world

    @step
    async def ask(self, ctx: Context, ev: StartEvent) -> StopEvent:
        heard: list[str] = []
        for number in range(3):
            reply: Reply = await ctx.ask(Ask(number=number))
            what = f"{ctx.run_id} {number} {reply.name}"
            await ctx.once(self.world.append, ("did", what))
            self.world.append(("recorded", what))
            heard.append(reply.name)
            await anyio.sleep(1)
        return StopEvent(result=heard)


class Stalling:
    """A store whose calls wait while its runtime is stalled."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._may_go_on = anyio.Event()
        self._may_go_on.set()

    def stall(self) -> None:
        if not self.is_stalled:  # else those that wait already would wait for what nobody sets
            self._may_go_on = anyio.Event()

    def go_on(self) -> None:
        self._may_go_on.set()

    @property
    def is_stalled(self) -> bool:
        return not self._may_go_on.is_set()

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._store, name)
        if name == "take":
            return found

        async def call(*args: Any, **kwargs: Any) -> Any:
            await self._may_go_on.wait()
            return await found(*args, **kwargs)

        return call


class Desk:
    """A runtime that can be left and entered again."""

    def __init__(self, store: Store, workflow: Workflow) -> None:
        self.store = Stalling(store)
        self.workflow = workflow
        self.runtime: Runtime | None = None
        self._leave = anyio.Event()
        self._changed = anyio.Event()

    async def work(self) -> None:
        store = cast("Store", self.store)
        async with Runtime(store=store, workflows=[self.workflow], poll=2.0, lease=10.0) as self.runtime:
            self._changed.set()
            await self._leave.wait()
        self.runtime = None
        self._changed.set()

    async def enter(self, group: TaskGroup) -> None:
        self._leave, self._changed = anyio.Event(), anyio.Event()
        group.start_soon(self.work)
        await self._changed.wait()

    async def leave(self) -> None:
        self.store.go_on()
        self._changed = anyio.Event()
        self._leave.set()
        await self._changed.wait()


class Two:
    """Plays moves on two runtimes, and takes down which answers were accepted."""

    def __init__(self, stores: list[Store], played: tuple[Move, ...]) -> None:
        self.stores = stores
        self.played = played
        self.world: list[tuple[str, str]] = []
        self.accepted: dict[str, str] = {}
        self.uncertain: set[str] = set()
        self.asked: dict[str, str] = {}  # questions that were answered, and which it was
        self.problems: list[str] = []
        self.results: dict[str, object] = {}
        self.takeovers = 0

    async def main(self) -> None:
        workflow = Asking(self.world)
        desks = [Desk(store, workflow) for store in self.stores]
        async with anyio.create_task_group() as group:
            for desk in desks:
                await desk.enter(group)
            first = desks[0].runtime
            assert first is not None
            for run_id in RUNS:
                _ = first.run(workflow, run_id=run_id)
            await anyio.sleep(0.5)
            for number, move in enumerate(self.played):
                await self._play(desks[move.who], move, number, group)
                await anyio.sleep(0.3)
            for desk in desks:
                await desk.leave()
            await desks[1].enter(group)
            assert desks[1].runtime is not None
            await self._finish(desks[1].runtime)
            await desks[1].leave()

    async def _play(self, desk: Desk, move: Move, number: int, group: TaskGroup) -> None:
        runtime = desk.runtime
        assert runtime is not None
        if move.deed == "stalls":
            cut("handover")
            desk.store.stall()
            await anyio.sleep(13)  # its lease passes, and the other one has time to take over
        elif move.deed == "goes on":
            desk.store.go_on()
        elif move.deed == "waits":
            await anyio.sleep(20)
        elif move.deed == "leaves":
            cut("handover")
            await desk.leave()
            await desk.enter(group)
        elif not desk.store.is_stalled:
            with anyio.move_on_after(60):
                if move.deed == "cancels":
                    await runtime.cancel(move.run)
                elif move.deed == "resumes":
                    self._resume(runtime, move.run)
                else:
                    await self._answer(runtime, move, f"answer {number}")

    def _resume(self, runtime: Runtime, run_id: str) -> None:
        try:
            _ = runtime.resume(run_id)
        except WorkflowsError:
            return  # the other one carries it

    async def _answer(self, runtime: Runtime, move: Move, name: str) -> None:
        found = await runtime.pending(run_id=move.run)
        past = [
            known for known in self.asked if known not in [one.id for one in found] and move.run in self.asked[known]
        ]
        if move.deed == "answers late" and past:
            await self._send(runtime, move.run, past[0], name)
        elif found:
            question = found[0]
            assert question.question is not None
            asked = question.question.event
            assert isinstance(asked, Ask)
            if question.id in self.accepted:
                self.problems.append(f"{question.id} is asked again after {self.accepted[question.id]!r} was accepted")
            self.asked[question.id] = f"{move.run} {asked.number}"
            await self._send(runtime, move.run, question.id, name)
            if not self.problems and question.id in self.accepted:
                await self._send(runtime, move.run, question.id, f"{name} again")

    async def _send(self, runtime: Runtime, run_id: str, question: str, name: str) -> None:
        try:
            self.uncertain.add(name)
            await runtime.send(run_id, Reply(name=name), reply_to=question)
        except (AnswerRefused, WorkflowDone):
            self.uncertain.discard(name)
            return
        self.uncertain.discard(name)
        if question in self.accepted:
            self.problems.append(f"{question} took {self.accepted[question]!r} and {name!r}")
        self.accepted.setdefault(question, name)

    async def _finish(self, runtime: Runtime) -> None:
        for run_id in RUNS:
            handler = runtime.resume(run_id)
            number = 0
            while not handler.is_done():
                if number > MOST_ANSWERS:
                    self.problems.append(f"{run_id} asks on and on")
                    return
                await anyio.sleep(0.5)
                for _ in range(len(await runtime.pending(run_id=run_id))):
                    number += 1
                    await self._answer(runtime, Move("answers", 1, run_id), f"last {number}")
            try:
                self.results[run_id] = await handler
            except WorkflowCancelledByUser as error:
                self.problems.append(f"{run_id}: {error!r}")

    def judge(self) -> None:
        assert not self.problems
        recorded: set[str] = set()
        heard: Counter[str] = Counter()
        for kind, what in self.world:
            if kind == "recorded":
                recorded.add(what)
            else:
                assert what not in recorded, f"{what!r} was done again: {self.world}"
                heard[" ".join(what.split()[:2])] = 1
        told = {what.split(maxsplit=2)[2] for what in recorded}
        assert set(self.accepted.values()) <= told, (self.accepted, self.world)
        assert told <= set(self.accepted.values()) | self.uncertain
        assert len({" ".join(what.split()[:2]) for what in recorded}) == len(recorded), "a question had two answers"
        for run_id in RUNS:
            expected = [what.split(maxsplit=2)[2] for what in sorted(recorded) if what.startswith(run_id)]
            assert self.results[run_id] == expected


def see_to_it(played: tuple[Move, ...], *, place: str, backend: Backend, seed: int = 0) -> None:
    """Play moves on two runtimes, and judge what has come of it."""
    with TemporaryDirectory() as folder:
        memory = MemoryStore()
        path = Path(folder, "runs.db")
        stores: list[Store] = [
            memory if place == "memory" else SqliteStore(path, synchronous="normal") for _ in range(2)
        ]
        two = Two(stores, played)
        simulate(two.main, backend=backend, seed=seed if backend == "trio" else 0)
    two.judge()


places = pytest.mark.parametrize("place", ["memory", "sqlite"])


@pytest.mark.guarantee("W4", "W5", "R4", "W1")
@pytest.mark.parametrize("backend", BACKENDS)
@places
def test_two_runtimes_lose_no_answer_and_use_none_twice(place: str, backend: Backend) -> None:
    @effort(0.2)
    @given(played=moves, seed=st.integers(0, 2**32 - 1))
    def compare(played: tuple[Move, ...], seed: int) -> None:
        see_to_it(played, place=place, backend=backend, seed=seed)
        event(f"{sum(move.deed == 'stalls' for move in played)} stalls")

    compare()


@pytest.mark.guarantee("W4", "W5")
@pytest.mark.parametrize("backend", BACKENDS)
@places
def test_what_is_sent_by_a_runtime_that_has_lost_the_run_reaches_the_one_that_has_it(
    place: str, backend: Backend
) -> None:
    """Found by the property: the runtime that was stalled took the event into what was left of the run there."""
    played = (Move("stalls", 0, "a"), Move("answers", 1, "b"), Move("goes on", 0, "a"), Move("answers late", 0, "b"))
    see_to_it(played, place=place, backend=backend)
