"""Sharing: several runtimes on one store, of which each run has one; answers that come twice, or from elsewhere."""

from __future__ import annotations

import anyio

from ...durability.messages import message_text
from ...errors import AlreadyAnswered, OwnershipLost, RunExists, RunOwnedElsewhere, WorkflowDone
from ...host import Runtime
from ..store_checks.checking import OpenStore, StoreCheck, same
from .scene import Agreed, Asking, World, question_of, result_of, scene, until


@scene
async def of_two_that_resume_a_run_one_is_turned_away(make: OpenStore) -> None:
    """The one that comes second; and neither of the runs that go on is another."""
    world = World()
    async with Runtime(store=make()) as runtime:
        run_id = runtime.run(Asking(world), about="tea").run_id
        question = await question_of(runtime, run_id)
    async with (
        Runtime(store=make(), workflows=[Asking(world)], poll=0.01) as first,
        Runtime(store=make(), workflows=[Asking(world)], poll=0.01) as second,
    ):
        handler = first.resume(run_id)
        try:
            _ = second.resume(run_id)
        except RunOwnedElsewhere:
            pass
        else:
            raise AssertionError("two runtimes resumed one run")
        await second.send(run_id, Agreed(by="Ada"), reply_to=question)
        same(await handler, "begin tea, agreed by Ada", "the result")
    same(world.done, ["begin tea", "agreed Ada"], "what was done")


@scene
async def an_answer_that_is_delivered_twice_counts_once(make: OpenStore) -> None:
    """From two runtimes at once, and as one message that was left twice."""
    world, gate = World(), anyio.Event()
    async with (
        Runtime(store=make(), poll=0.01) as carrying,
        Runtime(store=make(), workflows=[Asking(world)], poll=0.01) as one,
        Runtime(store=make(), workflows=[Asking(world)], poll=0.01) as other,
    ):
        handler = carrying.run(Asking(world, gate=gate), about="tea")
        question = await question_of(one, handler.run_id)
        accepted: list[str] = []

        async def answer(runtime: Runtime, by: str) -> None:
            try:
                await runtime.send(handler.run_id, Agreed(by=by), reply_to=question)
            except (AlreadyAnswered, WorkflowDone):
                return
            accepted.append(by)

        async with anyio.create_task_group() as group:
            group.start_soon(answer, one, "Ada")
            group.start_soon(answer, other, "Bob")
        same(len(accepted), 1, "how many answers were accepted")
        event = Agreed(by=accepted[0])
        text = message_text(handler.ctx.definition, event, step=None, reply_to=question)
        numbers = [await other.store.post(handler.run_id, text) for _ in range(2)]
        for number in numbers:
            assert number is not None
            while (reply := await other.store.reply(number)) is None:  # noqa: ASYNC110  (what it waits for sets no event)
                await anyio.lowlevel.checkpoint()
            same("error" in reply, True, "whether a repeated answer was refused")
        gate.set()
        same(await handler, f"begin tea, agreed by {accepted[0]}", "the result")
    same(world.done, ["begin tea", f"agreed {accepted[0]}"], "what was done")


@scene
async def who_has_lost_a_run_is_told_and_does_nothing_more(make: OpenStore) -> None:
    """A runtime that is taken for dead, and isn't."""
    world, gate = World(), anyio.Event()
    async with Runtime(store=make(), poll=60) as late:
        handler = late.run(Asking(world, gate=gate), about="tea")
        await until(lambda: bool(handler.pending))
        await handler.send_event(Agreed(by="Ada"))
        await until(lambda: len(world.done) == 2)
        await until(lambda: handler.run.journal is None or handler.run.journal.is_settled)
        await late.store.retire(late.owner)  # as others see it when its lease has passed
        async with Runtime(store=make(), workflows=[Asking(world)], poll=0.01) as other:
            same(await result_of(other, handler.run_id), "begin tea, agreed by Ada", "the result elsewhere")
            gate.set()
            try:
                await handler
            except OwnershipLost:
                pass
            else:
                raise AssertionError("a run that another runtime had taken over went on here")
            (run,) = await other.runs()
            same(run.status, "completed", "where the run stands")
    same(world.done, ["begin tea", "agreed Ada"], "what was done")


@scene
async def a_second_run_of_one_id_is_refused(make: OpenStore) -> None:
    """And the first one isn't touched."""
    world = World()
    asking = Asking(world)
    async with Runtime(store=make(), workflows=[asking]) as runtime:
        first = runtime.run(asking, about="tea", run_id="one")
        question = await question_of(runtime, "one")
        async with Runtime(store=make()) as other:
            try:
                await other.run(Asking(World()), about="milk", run_id="one")
            except RunExists:
                pass
            else:
                raise AssertionError("there are two runs of one id")
        await runtime.send("one", Agreed(by="Ada"), reply_to=question)
        same(await first, "begin tea, agreed by Ada", "the result")


@scene
async def who_carries_no_runs_hands_answers_over(make: OpenStore) -> None:
    """It takes the answer and stores it; the run goes on at whoever carries runs."""
    world = World()
    async with Runtime(store=make()) as runtime:
        run_id = runtime.run(Asking(world), about="tea").run_id
        question = await question_of(runtime, run_id)
    async with Runtime(store=make(), workflows=[Asking(world)], recover=False) as desk:
        await desk.send(run_id, Agreed(by="Ada"), reply_to=question)
        same(await desk.pending(), [], "the open questions")
        same(world.done, ["begin tea"], "what was done by then")
        async with Runtime(store=make(), workflows=[Asking(world)], poll=0.01):
            same(await result_of(desk, run_id), "begin tea, agreed by Ada", "the result")
    same(world.done, ["begin tea", "agreed Ada"], "what was done")


SHARING_CHECKS: tuple[StoreCheck, ...] = (
    of_two_that_resume_a_run_one_is_turned_away,
    an_answer_that_is_delivered_twice_counts_once,
    who_has_lost_a_run_is_told_and_does_nothing_more,
    a_second_run_of_one_id_is_refused,
    who_carries_no_runs_hands_answers_over,
)
