"""Carrying: a run goes on, whoever leaves or dies, and nothing that was recorded is done again."""

from __future__ import annotations

import anyio

from ...durability.store import Store
from ...errors import StoreError
from ...host import Runtime
from ..store_checks.checking import OpenStore, StoreCheck, same
from .scene import LEASE_S, Agreed, Asking, Mortal, World, question_of, result_of, scene, until


@scene
async def a_run_goes_on_where_another_runtime_left_it(make: OpenStore) -> None:
    """At once: a runtime that's left gives its runs back."""
    world = World()
    async with Runtime(store=make()) as runtime:
        run_id = runtime.run(Asking(world), about="tea").run_id
        question = await question_of(runtime, run_id)
    async with Runtime(store=make(), workflows=[Asking(world)]) as runtime:
        await runtime.send(run_id, Agreed(by="Ada"), reply_to=question)
        same(await result_of(runtime, run_id), "begin tea, agreed by Ada", "the result")
        same(await runtime.resume(run_id), "begin tea, agreed by Ada", "the result, once more")
    same(world.done, ["begin tea", "agreed Ada"], "what was done")


@scene
async def what_was_recorded_isnt_done_again_after_a_kill(make: OpenStore) -> None:
    """A worker dies in the middle of a step, without a word; another one goes on when its lease has passed."""
    world, gate = World(), anyio.Event()
    mortal = Mortal(make())
    async with Runtime(store=_as_store(mortal), lease=LEASE_S) as worker:
        handler = worker.run(Asking(world, gate=gate), about="tea")
        await until(lambda: bool(handler.pending))
        await handler.send_event(Agreed(by="Ada"))
        await until(lambda: len(world.done) == 2)
        await until(lambda: handler.run.journal is None or handler.run.journal.is_settled)
        mortal.is_dead = True
        gate.set()
        try:
            await handler
        except StoreError:
            pass
        else:
            raise AssertionError("a run whose end couldn't be stored told of it")
    async with Runtime(store=make(), workflows=[Asking(world)], poll=0.01) as other:
        same(await result_of(other, handler.run_id), "begin tea, agreed by Ada", "the result")
    same(world.done, ["begin tea", "agreed Ada"], "what was done")


@scene
async def a_run_in_which_everything_waits_needs_no_memory(make: OpenStore) -> None:
    """It leaves it, and comes back for its answer."""
    world = World()
    asking = Asking(world)
    async with Runtime(store=make(), workflows=[asking], poll=0.01) as runtime:
        run_id = runtime.run(asking, about="tea").run_id
        question = await question_of(runtime, run_id)
        while runtime.in_memory:  # noqa: ASYNC110  (what it waits for sets no event)
            await anyio.lowlevel.checkpoint()
        same([run.is_waiting for run in await runtime.runs()], [True], "whether it waits")
        await runtime.send(run_id, Agreed(by="Ada"), reply_to=question)
        same(await result_of(runtime, run_id), "begin tea, agreed by Ada", "the result")
    same(world.done, ["begin tea", "agreed Ada"], "what was done")


@scene
async def a_stored_stream_has_no_gap_across_runtimes(make: OpenStore) -> None:
    """And nothing twice."""
    world = World()
    async with Runtime(store=make()) as runtime:
        run_id = runtime.run(Asking(world), about="tea").run_id
        question = await question_of(runtime, run_id)
    async with Runtime(store=make(), workflows=[Asking(world)], poll=0.01) as runtime:
        await runtime.send(run_id, Agreed(by="Ada"), reply_to=question)
        reader = runtime.events(run_id)
        positions = [reader.position async for _ in reader]
    same(positions, [1, 2], "the positions of the question and the result")


def _as_store(mortal: Mortal) -> Store:
    found: object = mortal
    return found  # type: ignore[return-value]  # it passes on whatever it's asked for


CARRYING_CHECKS: tuple[StoreCheck, ...] = (
    a_run_goes_on_where_another_runtime_left_it,
    what_was_recorded_isnt_done_again_after_a_kill,
    a_run_in_which_everything_waits_needs_no_memory,
    a_stored_stream_has_no_gap_across_runtimes,
)
