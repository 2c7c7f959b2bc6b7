"""The workflows of the golden files in `found/`, one for each bug that a property found. They never change."""

import asyncio
from contextlib import AbstractAsyncContextManager
from typing import Any

import anyio

from workflows import Context, Workflow, step
from workflows.events import Event, HumanResponseEvent, InputRequiredEvent, StartEvent, StopEvent
from workflows.retry_policy import retry_policy, stop_after_attempt, wait_fixed


class Reply(HumanResponseEvent, name="found.reply"):
    text: str


class Ask(InputRequiredEvent, answer=Reply, name="found.ask"):
    what: str


class Word(HumanResponseEvent, name="found.word"):
    """Only `Inner` declares it."""

    text: str


class Prompt(InputRequiredEvent, answer=Word, name="found.prompt"):
    """Only `Inner` declares it."""


class Note(Event, name="found.note"):
    what: str


class Part(Event, name="found.part"):
    n: int


class Boom(Exception):
    """It can't be read back: no workflow declares it."""


def fail(number: int) -> None:
    raise Boom(number)


TYPES: tuple[type, ...] = (Ask, Reply, Note)
TWICE = retry_policy(stop=stop_after_attempt(2), wait=wait_fixed(1))


class Edits(Workflow):
    """Does other things inside of an edit, and drops another edit."""

    def __init__(self) -> None:
        super().__init__(None, types=TYPES, workflow_name="edits")

    @step
    async def edit(self, ctx: Context, ev: StartEvent) -> StopEvent:
        await self.count(ctx)
        try:
            async with ctx.store.edit_state() as state:
                state["edits"] = -100
                fail(0)
        except Boom:
            pass
        await self.count(ctx)
        await ctx.ask(Ask(what="shall I go on?"))
        return StopEvent(result=await ctx.store.get("edits"))

    async def count(self, ctx: Context) -> None:
        async with ctx.store.edit_state() as state:
            state["edits"] = state.get("edits", 0) + 1
            await ctx.once(str, "inside")
            ctx.write_event_to_stream(Note(what="inside"))
            ctx.now()


class Raises(Workflow):
    """Goes on behind functions that have raised in `once`."""

    def __init__(self) -> None:
        super().__init__(None, types=TYPES, workflow_name="raises")

    @step
    async def go_on(self, ctx: Context, ev: StartEvent) -> StopEvent:
        for number in range(2):
            try:
                await ctx.once(fail, number)
            except Boom:
                ctx.write_event_to_stream(Note(what=f"{ctx.now():%Y} {number}"))
        reply: Reply = await ctx.ask(Ask(what="shall I go on?"))
        return StopEvent(result=reply.text)


class Departs(Workflow):
    """Asks in a task of its step; when its code has changed, it sends something before."""

    def __init__(self, *, has_changed: bool = False) -> None:
        super().__init__(None, types=TYPES, workflow_name="departs")
        self.has_changed = has_changed
        self.tries = 0

    @step(retry_policy=TWICE)
    async def ask(self, ctx: Context, ev: StartEvent) -> StopEvent:
        self.tries += 1
        texts: list[str] = []

        async def in_task() -> None:
            async with ctx.branch("task"):
                if self.has_changed:
                    ctx.write_event_to_stream(Note(what="before"))
                texts.append((await ctx.ask(Ask(what="who?"))).text)

        async with anyio.create_task_group() as group:
            group.start_soon(in_task)
        return StopEvent(result=texts)


class Repeats(Workflow):
    """Streams three times before it asks; when its code has changed, once."""

    def __init__(self, *, has_changed: bool = False) -> None:
        super().__init__(None, types=TYPES, workflow_name="repeats")
        self.times = 1 if has_changed else 3

    @step
    async def ask(self, ctx: Context, ev: StartEvent) -> StopEvent:
        for number in range(self.times):
            ctx.write_event_to_stream(Note(what=f"{number}"))
        reply: Reply = await ctx.ask(Ask(what="enough?"))
        return StopEvent(result=reply.text)


def native_group() -> AbstractAsyncContextManager[Any]:
    """A task group of asyncio's own, where that's what runs."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return anyio.create_task_group()
    return asyncio.TaskGroup()


class Cleans(Workflow):
    """Asks in the clean-up of a task of asyncio's own, which the wait in the step's own task cancels."""

    def __init__(self) -> None:
        super().__init__(None, types=TYPES, workflow_name="cleans")

    @step
    async def ask(self, ctx: Context, ev: StartEvent) -> StopEvent:
        texts: list[str] = []
        async with native_group() as group:
            if isinstance(group, asyncio.TaskGroup):
                group.create_task(self.in_task(ctx, texts))
            else:
                group.start_soon(self.in_task, ctx, texts)
            await anyio.sleep(1)
            texts.append((await ctx.ask(Ask(what="meanwhile?"))).text)
        return StopEvent(result=sorted(texts))

    async def in_task(self, ctx: Context, texts: list[str]) -> None:
        async with ctx.branch("task"):
            try:
                texts.append((await ctx.ask(Ask(what="in the task?"))).text)
            finally:
                texts.append((await ctx.ask(Ask(what="to clean up?"))).text)
                await ctx.store.set("is_clean", True)


class Ends(Workflow):
    """Ends while another step is still at work, whose clean-up takes a while."""

    def __init__(self) -> None:
        super().__init__(None, types=(*TYPES, Part), workflow_name="ends")

    @step
    async def split(self, ctx: Context, ev: StartEvent) -> Part | None:
        for n in (1, 2):
            ctx.send_event(Part(n=n))
        return None

    @step(num_workers=2)
    async def work(self, ctx: Context, ev: Part) -> StopEvent:
        try:
            await anyio.sleep(ev.n)
        finally:
            with anyio.move_on_after(2, shield=True):
                await anyio.sleep(1)
        return StopEvent(result="the first")


class Fails(Workflow):
    """Fails once, with arguments."""

    def __init__(self) -> None:
        super().__init__(None, types=TYPES, workflow_name="fails")

    @step(retry_policy=TWICE)
    async def work(self, ctx: Context, ev: StartEvent) -> StopEvent:
        if not ctx.retry_info().retry_number:
            raise ConnectionError("no rates", 503)
        reply: Reply = await ctx.ask(Ask(what="shall I go on?"))
        return StopEvent(result=reply.text)


class Waits(Workflow):
    """Two parts at once and more behind them, each of which asks."""

    def __init__(self) -> None:
        super().__init__(None, types=(*TYPES, Part), workflow_name="waits")

    @step
    async def split(self, ev: StartEvent) -> list[Part]:
        return [Part(n=n) for n in range(3)]

    @step(num_workers=1)
    async def work(self, ctx: Context, ev: Part) -> Note:
        await anyio.sleep(5)
        return Note(what=str(ev.n))

    @step
    async def join(self, notes: list[Note]) -> StopEvent:
        return StopEvent(result=[note.what for note in notes])


class Inner(Workflow):
    """Asks, in classes that its parent doesn't know."""

    def __init__(self) -> None:
        super().__init__(None, types=(Prompt, Word), workflow_name="inner")

    @step
    async def ask(self, ctx: Context, ev: StartEvent) -> StopEvent:
        word: Word = await ctx.ask(Prompt())
        return StopEvent(result=word.text)


class Outer(Workflow):
    """Has a child, and asks when that has ended."""

    def __init__(self) -> None:
        self.inner = Inner()
        super().__init__(None, types=TYPES, children=[self.inner], workflow_name="outer")

    @step
    async def run_it(self, ctx: Context, ev: StartEvent) -> StopEvent:
        word = await ctx.run(self.inner)
        reply: Reply = await ctx.ask(Ask(what="shall I go on?"))
        return StopEvent(result=[word, reply.text])


class Leaves(Workflow):
    """Leaves a child that nobody answers, and ends."""

    def __init__(self) -> None:
        self.inner = Inner()
        super().__init__(None, types=TYPES, children=[self.inner], workflow_name="leaves")

    @step
    async def run_it(self, ctx: Context, ev: StartEvent) -> StopEvent:
        with anyio.move_on_after(5):
            await ctx.run(self.inner)
        return StopEvent(result="left")


class Busy(Workflow):
    """Takes its time."""

    def __init__(self) -> None:
        super().__init__(None, workflow_name="busy")

    @step
    async def work(self, ev: StartEvent) -> StopEvent:
        await anyio.sleep(10)
        return StopEvent(result="slept")


class Lingers(Workflow):
    """Has a child that takes its time."""

    def __init__(self) -> None:
        self.inner = Busy()
        super().__init__(None, types=TYPES, children=[self.inner], workflow_name="lingers")

    @step
    async def run_it(self, ctx: Context, ev: StartEvent) -> StopEvent:
        return StopEvent(result=await ctx.run(self.inner))


class Released(Workflow):
    """Asks, and has work left when it's answered."""

    def __init__(self) -> None:
        super().__init__(None, types=TYPES, workflow_name="released")

    @step
    async def ask(self, ctx: Context, ev: StartEvent) -> StopEvent:
        reply: Reply = await ctx.ask(Ask(what="shall I go on?"))
        told = await ctx.once(str, reply.text)
        await anyio.sleep(60)
        return StopEvent(result=told)


class InPlace(Workflow):
    """Asks in a branch, which waits in place."""

    def __init__(self) -> None:
        super().__init__(None, types=TYPES, workflow_name="in place")

    @step
    async def ask(self, ctx: Context, ev: StartEvent) -> StopEvent:
        texts: list[str] = []

        async def in_branch() -> None:
            async with ctx.branch("only"):
                reply: Reply = await ctx.ask(Ask(what="shall I go on?"))
                texts.append(reply.text)

        async with anyio.create_task_group() as group:
            group.start_soon(in_branch)
        return StopEvent(result=texts[0])
