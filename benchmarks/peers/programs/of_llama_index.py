"""The workloads in `llama-index-workflows`, written as its documentation has its users write them."""

from __future__ import annotations

import asyncio

from of_llama_index_waiting import snapshot_after, snapshot_pending, trip, waiting
from speaking import check, on_loop, seconds, serve

from workflows import Context, Workflow, step
from workflows.events import Event, StartEvent, StopEvent

# --- steps one after the other ----------------------------------------------------------------------------------------


class Begin(StartEvent):
    turns: int


class Turn(Event):
    left: int


class Loop(Workflow):
    @step
    async def turn(self, ev: Begin | Turn) -> Turn | StopEvent:
        left = ev.left if isinstance(ev, Turn) else ev.turns
        return Turn(left=left - 1) if left > 1 else StopEvent(result=left)


class PlainLoop(Workflow):
    @step
    def turn(self, ev: Begin | Turn) -> Turn | StopEvent:
        left = ev.left if isinstance(ev, Turn) else ev.turns
        return Turn(left=left - 1) if left > 1 else StopEvent(result=left)


class First(Event):
    number: int


class Second(Event):
    number: int


class Three(Workflow):
    @step
    async def first(self, ev: Begin) -> First:
        return First(number=ev.turns)

    @step
    async def second(self, ev: First) -> Second:
        return Second(number=ev.number)

    @step
    async def third(self, ev: Second) -> StopEvent:
        return StopEvent(result=ev.number)


class Link(Event):
    steps: int


class Link1(Link): ...


class Link2(Link): ...


class Link3(Link): ...


class Link4(Link): ...


class Link5(Link): ...


class Link6(Link): ...


class Link7(Link): ...


class Link8(Link): ...


class Link9(Link): ...


class Chain(Workflow):
    @step
    async def step1(self, ev: StartEvent) -> Link1:
        return Link1(steps=1)

    @step
    async def step2(self, ev: Link1) -> Link2:
        return Link2(steps=ev.steps + 1)

    @step
    async def step3(self, ev: Link2) -> Link3:
        return Link3(steps=ev.steps + 1)

    @step
    async def step4(self, ev: Link3) -> Link4:
        return Link4(steps=ev.steps + 1)

    @step
    async def step5(self, ev: Link4) -> Link5:
        return Link5(steps=ev.steps + 1)

    @step
    async def step6(self, ev: Link5) -> Link6:
        return Link6(steps=ev.steps + 1)

    @step
    async def step7(self, ev: Link6) -> Link7:
        return Link7(steps=ev.steps + 1)

    @step
    async def step8(self, ev: Link7) -> Link8:
        return Link8(steps=ev.steps + 1)

    @step
    async def step9(self, ev: Link8) -> Link9:
        return Link9(steps=ev.steps + 1)

    @step
    async def step10(self, ev: Link9) -> StopEvent:
        return StopEvent(result=ev.steps + 1)


async def timed_turns(workflow: Workflow, size: int) -> float:
    start = seconds()
    result = await workflow.run(turns=size)
    took = seconds() - start
    check(result, 1)
    return took


async def loop(size: int) -> float:
    return await timed_turns(Loop(timeout=None), size)


async def plain_loop(size: int) -> float:
    return await timed_turns(PlainLoop(timeout=None), size)


async def one_step(size: int) -> float:
    workflow = Loop(timeout=None)
    await workflow.run(turns=1)
    start = seconds()
    for _ in range(size):
        check(await workflow.run(turns=1), 1)
    return seconds() - start


async def chain(size: int) -> float:
    workflow = Chain(timeout=None)
    await workflow.run()
    start = seconds()
    for _ in range(-(-size // 10)):
        check(await workflow.run(), 10)
    return seconds() - start


async def concurrent(size: int) -> float:
    workflow = Three(timeout=None)
    await workflow.run(turns=0)
    start = seconds()
    results = await asyncio.gather(*(workflow.run(turns=number) for number in range(size)))
    took = seconds() - start
    check(results, list(range(size)))
    return took


# --- fan-out and join -------------------------------------------------------------------------------------------------


class Scatter(StartEvent):
    parts: int


class Part(Event):
    number: int
    of: int


class Done(Event):
    number: int
    of: int


class FanOut(Workflow):
    @step
    async def scatter(self, ctx: Context, ev: Scatter) -> Part | None:
        for number in range(ev.parts):
            ctx.send_event(Part(number=number, of=ev.parts))
        return None

    @step(num_workers=4)
    async def work(self, ev: Part) -> Done:
        return Done(number=ev.number, of=ev.of)

    @step
    async def join(self, ctx: Context, ev: Done) -> StopEvent | None:
        done = ctx.collect_events(ev, [Done] * ev.of)
        return None if done is None else StopEvent(result=len(done))


class ListFanOut(Workflow):
    @step
    async def scatter(self, ev: Scatter) -> list[Part]:
        return [Part(number=number, of=ev.parts) for number in range(ev.parts)]

    @step(num_workers=4)
    async def work(self, ev: Part) -> Done:
        return Done(number=ev.number, of=ev.of)

    @step
    async def join(self, done: list[Done]) -> StopEvent:
        return StopEvent(result=len(done))


async def timed_parts(workflow: Workflow, size: int) -> float:
    start = seconds()
    result = await workflow.run(parts=size)
    took = seconds() - start
    check(result, size)
    return took


async def fan_out(size: int) -> float:
    return await timed_parts(FanOut(timeout=None), size)


async def list_fan_out(size: int) -> float:
    return await timed_parts(ListFanOut(timeout=None), size)


# --- streaming --------------------------------------------------------------------------------------------------------


class Speak(StartEvent):
    words: int


class Word(Event):
    text: str


class Burst(Workflow):
    @step
    async def speak(self, ctx: Context, ev: Speak) -> StopEvent:
        for _ in range(ev.words):
            ctx.write_event_to_stream(Word(text="word"))
        return StopEvent(result=ev.words)


async def stream(size: int) -> float:
    workflow = Burst(timeout=None)
    start = seconds()
    handler = workflow.run(words=size)
    seen = 0
    async for event in handler.stream_events():
        seen += isinstance(event, Word)
    result = await handler
    took = seconds() - start
    check((seen, result), (size, size))
    return took


if __name__ == "__main__":
    serve(
        {
            "loop": on_loop(loop),
            "def-loop": on_loop(plain_loop),
            "one-step": on_loop(one_step),
            "chain": on_loop(chain),
            "concurrent": on_loop(concurrent),
            "fan-out": on_loop(fan_out),
            "list-fan-out": on_loop(list_fan_out),
            "stream": on_loop(stream),
            "trip": on_loop(trip),
            "waiting-run": on_loop(waiting),
            "waiting-run-rss": on_loop(waiting),
            "snapshot-after": on_loop(snapshot_after),
            "snapshot-pending": on_loop(snapshot_pending),
        }
    )
