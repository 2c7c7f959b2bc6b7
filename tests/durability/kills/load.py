"""The load: workflows that together do everything that a crash could spoil, and what must come of each run of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import anyio
import attrs

from workflows import Context, Workflow, step
from workflows.errors import WaitTimedOut
from workflows.events import Event, HumanResponseEvent, InputRequiredEvent, StartEvent, StopEvent
from workflows.retry_policy import retry_policy, stop_after_attempt, stop_never, wait_fixed

MEMBERS = 5
QUESTIONS = 3
CHILDREN = 2
LINKS = 12
FAILURES = 3
TIMEOUTS = 2
STEP_S = 0.04
BUDGET_S = 0.2

Did = Callable[[str, str], None]


class World:
    """What steps do to the world, each thing under a key of its own.

    Attributes:
        did: Called by the body of a `once`.
        saw: Called when its record is stored.
    """

    def __init__(self) -> None:
        self.did: Did = lambda run_id, key: None
        self.saw: Did = lambda run_id, key: None

    async def do(self, ctx: Context[Any], key: str, value: Any = None) -> Any:
        """Do something once."""
        value = await ctx.once(self._body, ctx.run_id, key, value, key=key)
        self.saw(ctx.run_id, key)
        return value

    async def _body(self, run_id: str, key: str, value: Any) -> Any:
        self.did(run_id, key)
        return value


class Told(Event, name="kills.told"):
    what: str


class Member(Event, name="kills.member"):
    number: int


class Worked(Event, name="kills.worked"):
    number: int


class Link(Event, name="kills.link"):
    number: int


class Replied(HumanResponseEvent, name="kills.replied"):
    word: str


class Asked(InputRequiredEvent, name="kills.asked", answer=Replied):
    number: int


class Ignored(InputRequiredEvent, name="kills.ignored", answer=Replied):
    """A question that nobody answers."""


class Note(Event, name="kills.note"):
    word: str


class Closing(Event, name="kills.closing"):
    pass


class Part(StartEvent, name="kills.part"):
    number: int


@attrs.define
class Totals:
    total: int = 0
    words: list[str] = attrs.field(factory=list[str])


class Loaded(Workflow):
    """A workflow of the load."""

    def __init__(self, world: World, *, name: str, **options: Any) -> None:
        given: dict[str, Any] = {"timeout": None, "workflow_name": name, "types": [Told], **options}
        super().__init__(**given)
        self.world = world


class FanOut(Loaded):
    """Works on several members at once, and joins them."""

    @step
    async def split(self, ctx: Context[Totals], ev: StartEvent) -> list[Member]:
        await self.world.do(ctx, "split")
        return [Member(number=number) for number in range(MEMBERS)]

    @step(num_workers=3)
    async def work(self, ctx: Context[Totals], ev: Member) -> Worked:
        number = await self.world.do(ctx, f"member-{ev.number}", ev.number)
        async with ctx.store.edit_state() as state:
            state.total += 1
        ctx.write_event_to_stream(Told(what=f"member {number}"))
        return Worked(number=number)

    @step
    async def join(self, ctx: Context[Totals], ev: list[Worked]) -> StopEvent:
        await self.world.do(ctx, "join")
        return StopEvent(result=[[worked.number for worked in ev], await ctx.store.get("total")])


class Asking(Loaded):
    """Asks one question after the other."""

    @step
    async def ask(self, ctx: Context[Any], ev: StartEvent) -> StopEvent:
        words: list[str] = []
        for number in range(QUESTIONS):
            await self.world.do(ctx, f"before-{number}")
            answer: Replied = await ctx.ask(Asked(number=number))
            words.append(answer.word)
        await self.world.do(ctx, "after")
        return StopEvent(result=words)


class Retrying(Loaded):
    """Fails some times, and waits after each."""

    @step(retry_policy=retry_policy(wait=wait_fixed(0.02), stop=stop_after_attempt(FAILURES + 1)))
    async def attempt(self, ctx: Context[Any], ev: StartEvent) -> StopEvent:
        await self.world.do(ctx, "paid")
        number = ctx.retry_info().retry_number
        ctx.write_event_to_stream(Told(what=f"attempt {number}"))
        if number < FAILURES:
            raise OSError("try again")
        return StopEvent(result=number)


class Failing(Loaded):
    """Fails for good."""

    @step
    async def fail(self, ctx: Context[Any], ev: StartEvent) -> StopEvent:
        await self.world.do(ctx, "tried")
        raise LookupError("for good")


class Hurried(Loaded):
    """Waits for an answer that doesn't come."""

    @step
    async def ask(self, ctx: Context[Any], ev: StartEvent) -> StopEvent:
        try:
            await ctx.ask(Ignored(), timeout=0.05)
        except WaitTimedOut:
            await self.world.do(ctx, "late")
            return StopEvent(result="too late")
        return StopEvent(result="answered")


class Limited(Loaded):
    """Takes too long in one attempt after the other, and then doesn't: it comes to its end without waiting."""

    @step
    async def begin(self, ctx: Context[Any], ev: StartEvent) -> Link:
        await self.world.do(ctx, "begun")
        return Link(number=0)

    @step(timeout=STEP_S, retry_policy=retry_policy(wait=wait_fixed(0.01), stop=stop_never()))
    async def dawdle(self, ctx: Context[Any], ev: Link) -> Worked:
        number = ctx.retry_info().retry_number
        ctx.write_event_to_stream(Told(what=f"attempt {number}"))
        if number < TIMEOUTS:
            await anyio.sleep_forever()
        return Worked(number=number)

    @step
    async def end(self, ctx: Context[Any], ev: Worked) -> StopEvent:
        await self.world.do(ctx, "ended")
        return StopEvent(result=ev.number)


class Overdue(Loaded):
    """Spends its budget, and waits for nothing; it's told so once."""

    def __init__(self, world: World, *, name: str) -> None:
        super().__init__(world, name=name, timeout=BUDGET_S)

    @step
    async def dawdle(self, ctx: Context[Any], ev: StartEvent) -> StopEvent:
        await ctx.stream(Told(what="begun"))
        await anyio.sleep_forever()
        return StopEvent()


class Child(Loaded):
    """A child, which asks too."""

    @step
    async def ask(self, ctx: Context[Any], ev: Part) -> StopEvent:
        await self.world.do(ctx, f"child-{ev.number}")
        answer: Replied = await ctx.ask(Asked(number=ev.number))
        ctx.write_event_to_stream(Told(what=f"child {ev.number}"))
        return StopEvent(result=answer.word)


class Parent(Loaded):
    """Has children."""

    def __init__(self, world: World, child: Child, *, name: str) -> None:
        super().__init__(world, name=name, children=[child])
        self.child = child

    @step
    async def run_them(self, ctx: Context[Any], ev: StartEvent) -> StopEvent:
        words: list[str] = []
        for number in range(CHILDREN):
            words.append(await ctx.run(self.child, key=str(number), number=number))
            await self.world.do(ctx, f"after-{number}")
        return StopEvent(result=words)


class Chain(Loaded):
    """Many steps one after the other, each of which tells something."""

    @step
    async def begin(self, ctx: Context[Totals], ev: StartEvent) -> Link:
        return Link(number=0)

    @step
    async def go_on(self, ctx: Context[Totals], ev: Link) -> Link | StopEvent:
        ctx.write_event_to_stream(Told(what=f"link {ev.number}"))
        number = await self.world.do(ctx, f"link-{ev.number}", ev.number)
        async with ctx.store.edit_state() as state:
            state.total += number
        if number < LINKS:
            return Link(number=number + 1)
        return StopEvent(result=await ctx.store.get("total"))


class Collecting(Loaded):
    """Takes what it's sent, till it's closed."""

    @step
    async def open(self, ctx: Context[Totals], ev: StartEvent) -> None:
        await self.world.do(ctx, "open")

    @step(num_workers=1, skip_graph_checks=["reachability"])  # what it takes comes from outside
    async def take(self, ctx: Context[Totals], ev: Note | Closing) -> StopEvent | None:
        if isinstance(ev, Closing):
            return StopEvent(result=await ctx.store.get("words"))
        await self.world.do(ctx, f"note-{ev.word}")
        ctx.write_event_to_stream(Told(what=ev.word))
        async with ctx.store.edit_state() as state:
            state.words.append(ev.word)
        return None


def load(world: World) -> dict[str, Loaded]:
    """All workflows, by name."""
    asking = [Told, Asked, Replied, Ignored]
    child = Child(world, name="child", types=asking)
    made: list[Loaded] = [
        FanOut(world, name="fan-out"),
        Asking(world, name="asking", types=asking),
        Retrying(world, name="retrying"),
        Failing(world, name="failing"),
        Hurried(world, name="hurried", types=asking),
        Parent(world, child, name="parent"),
        Chain(world, name="chain"),
        Collecting(world, name="collecting"),
        Limited(world, name="limited"),
        Overdue(world, name="overdue"),
    ]
    return {workflow.workflow_name: workflow for workflow in made}


KINDS = (
    *("fan-out", "asking", "chain", "parent", "retrying", "limited"),
    *("hurried", "asking", "fan-out", "failing", "chain", "overdue"),
)


def kind_of(number: int) -> str:
    """The workflow of a run, by its number; a few collect, for as long as the session goes on."""
    return "collecting" if number < 3 else KINDS[number % len(KINDS)]
