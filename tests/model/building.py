"""Building: the workflow of a graph, whose steps take down what they do in a list of facts."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from types import GenericAlias, new_class
from typing import Annotated, Any, ClassVar, TypeAlias

import anyio
import attrs

from tests.model.graphs import ATTEMPTS, Block, Deed, Errand, Fan, Fork, Graph, Loop, Piece, Question, Work
from tests.model.kinds import ASKINGS, BACKS, TOKENS, Ask, Parcel, Said, Token, Told
from tests.model.predicting import ALIKE, ROOT, child_place, place, short
from workflows import Context, Workflow, catch_error, step
from workflows.collect import Collect, Take
from workflows.events import StartEvent, StepFailedEvent, StopEvent

NOBODY = "nobody answers"
TIME_OF_A_STEP_S = 20.0
TIME_OF_A_RUN_S = 20_000.0

Call: TypeAlias = Callable[..., Awaitable[Any]]
Way: TypeAlias = Callable[[Any], str]


class Boom(Exception):
    """What steps fail with."""


@attrs.frozen
class Fact:
    """Something that has happened.

    Attributes:
        kind: What.
        place: The execution where it happened, by step and way.
        what: What exactly, there.
        value: What came of it.
        failures: How often the execution had failed before.
        life: In which life of the process.
    """

    kind: str
    place: str
    what: str = ""
    value: str = ""
    failures: int = 0
    life: int = 0


class Modelled(Workflow):
    """A workflow that was built of a graph.

    Attributes:
        inner: The classes of its children, by the deed that runs them.
        book: Where facts are taken down.
        life: In which life of its process it is.
    """

    inner: ClassVar[dict[str, type[Modelled]]] = {}

    def __init__(self, book: list[Any], life: int, *, parks: bool) -> None:
        self.book = book
        self.life = life
        self.errands = {deed: kind(book, life, parks=parks) for deed, kind in self.inner.items()}
        super().__init__(
            TIME_OF_A_RUN_S,
            types=[Ask, Said, Parcel, Told, Boom],
            children=list(self.errands.values()),
            workflow_name=type(self).__name__,
            waits="park" if parks else "replay",
        )


def built(graph: Graph) -> type[Modelled]:
    """The workflow of a graph."""
    return _Builder(ROOT).build(graph)


@attrs.define
class Here:
    """An attempt of an execution."""

    flow: Modelled
    ctx: Context[Any]
    place: str
    failures: int

    def note(self, kind: str, what: object = "", value: object = "") -> None:
        """Take down a fact; what a context gives while its step is being suspended doesn't count."""
        if not self.ctx.suspending:
            self.flow.book.append(Fact(kind, self.place, str(what), str(value), self.failures, self.flow.life))

    async def once(self, tag: str) -> None:
        """Do something once."""
        await self.ctx.once(self.note, "did", tag)
        self.note("recorded", tag)

    async def ask(self, tag: str, words: str) -> str:
        """Ask, and give the words of the answer."""
        said: Said = await self.ctx.ask(Ask(what=words))
        return self.heard(tag, said.text)

    def heard(self, tag: str, text: str) -> str:
        """An answer has come: its words, and the id of the question."""
        self.note("heard", tag, text)
        return text.partition(" to ")[0]

    async def enter(self) -> None:
        """What every step does first."""
        self.note("called")
        self.note("saw", f"{self.place}#uuid~{self.failures}", self.ctx.uuid4())
        await self.once(f"{self.place}#enter")

    async def do(self, deed: Deed | Errand, tag: str) -> str:
        """Do a deed; gives what it adds to the total."""
        if isinstance(deed, Errand):
            return await self.run(tag)
        ctx = self.ctx
        match deed:
            case "once":
                await self.once(tag)
            case "ask" | "ask alike":
                return f"[{await self.ask(tag, ALIKE if deed == 'ask alike' else tag)}]"
            case "ask both":
                answers = await ctx.ask_all(*(Ask(what=f"{tag}.{number}") for number in range(2)))
                return "".join(f"[{self.heard(f'{tag}.{n}', said.text)}]" for n, said in enumerate(answers))
            case "ask in vain":
                try:
                    await ctx.ask(Ask(what=f"{NOBODY} {tag}"), timeout=7.0)
                except TimeoutError:
                    self.note("expired", tag)
            case "wait":
                parcel = await ctx.wait_for_event(Parcel, requirements={"tag": tag})
                return f"[{self.heard(tag, parcel.text)}]"
            case "look":
                seen = f"{ctx.now().isoformat()} {ctx.random.random()} {len(await ctx.store.get('edits', {}))}"
                self.note("saw", f"{tag}~{self.failures}", seen)
            case "tell":
                ctx.write_event_to_stream(Told(what=f"{tag}~{self.failures}"))
            case "tell much":
                for number in range(3):
                    ctx.write_event_to_stream(Told(what=f"{tag}.{number}~{self.failures}"))
            case "edit":
                async with ctx.store.edit_state() as state:
                    edits = dict(state.get("edits", {}))
                    edits[f"{tag}~{self.failures}"] = edits.get(f"{tag}~{self.failures}", 0) + 1
                    state["edits"] = edits
            case "sleep":
                await anyio.sleep(2.0)
            case "branches":
                async with anyio.create_task_group() as group:
                    for number in range(2):
                        group.start_soon(self.branch, tag, number)
        return ""

    async def branch(self, tag: str, number: int) -> None:
        """Do something, ask, and do something else, in a branch of its own."""
        async with self.ctx.branch(f"{tag}.{number}"):
            await self.once(f"{tag}.{number} before")
            await self.ask(f"{tag}.{number}", f"{tag}.{number}")
            await self.once(f"{tag}.{number} after")

    async def run(self, tag: str) -> str:
        """Run a child."""
        prefix, way = child_place(tag)
        try:
            return f"({await self.ctx.run(self.flow.errands[prefix], key=tag, way=way)})"
        except Boom as error:
            self.note("child failed", tag, error)
            return "(failed)"


def way_of(ev: Token) -> str:
    """The way of an event."""
    return ev.way


def way_of_list(members: list[Token]) -> str:
    """The way of a list, of whose members these have come."""
    return members[0].way.rpartition(".")[0]


def list_of(member: Any) -> Any:
    """The annotation of a list."""
    return GenericAlias(list, (member,))


class Tries:
    """A retry policy: so many attempts, a second apart."""

    def next(self, elapsed_time: float, attempts: int, error: Exception, *, seed: int | None = None) -> float | None:
        return 1.0 if attempts < ATTEMPTS else None


class _Builder:
    """Builds one workflow, piece by piece; each is given the class of the event that it takes, and gives the one that
    it comes to.
    """

    def __init__(self, prefix: str) -> None:
        self.prefix = prefix
        self.steps: dict[str, Call] = {}
        self.inner: dict[str, type[Modelled]] = {}
        self.tokens = iter(TOKENS)
        self.questions = iter(zip(ASKINGS, BACKS, strict=True))

    def build(self, graph: Graph) -> type[Modelled]:
        """The workflow."""
        first = next(self.tokens)

        async def begin(here: Here, ev: StartEvent) -> Any:
            return first(way=ev.get("way", ""), total="")

        self.add(f"{self.prefix}begin", StartEvent, first, begin, lambda ev: str(ev.get("way", "")))
        last = self.block(graph.block, self.prefix, first, is_inside=False)

        async def end(here: Here, ev: Token) -> Any:
            edits: dict[str, int] = await here.ctx.store.get("edits", {})
            here.note("ended", value=sorted(edits.items()))
            if graph.fails:
                raise Boom(here.place)
            return StopEvent(result=ev.total)

        self.add(f"{self.prefix}end", last, StopEvent, end)
        members: dict[str, Any] = {**self.steps, "inner": self.inner}
        return new_class(f"Modelled_{self.prefix}", (Modelled,), exec_body=lambda space: space.update(members))

    def add(
        self, name: str, takes: Any, gives: Any, act: Call, way: Way = way_of, at: Way | None = None, **options: Any
    ) -> None:
        """Add a step that takes an event, or a list of them; `at` tells executions of the same way from each other."""

        async def one(self: Modelled, ctx: Context[Any], ev: Any) -> Any:
            where = name if at is None else at(ev)
            here = Here(self, ctx, place(where, way(ev)), ctx.retry_info().retry_number)
            await here.enter()
            return await act(here, ev)

        one.__annotations__ = {"ctx": Context, "ev": takes, "return": gives}
        chosen: dict[str, Any] = {"num_workers": 2, **options}
        self.name_and_keep(name, one, step(**chosen))

    def name_and_keep(self, name: str, function: Any, decorator: Any) -> None:
        """Make a function a step of this name."""
        function.__name__, function.__qualname__ = name, f"Modelled.{name}"
        self.steps[name] = decorator(function)

    def block(self, block: Block, prefix: str, takes: type[Token], *, is_inside: bool) -> type[Token]:
        for number, piece in enumerate(block):
            takes = self.piece(piece, f"{prefix}{number}", takes, is_inside=is_inside)
        return takes

    def piece(self, piece: Piece, name: str, takes: type[Token], *, is_inside: bool) -> type[Token]:
        match piece:
            case Work():
                return self.work(piece, name, takes)
            case Question():
                return self.question(name, takes)
            case Loop():
                return self.loop(piece, name, takes, is_inside=is_inside)
            case Fan():
                return self.fan(piece, name, takes)
            case Fork():
                return self.fork(piece, name, takes, is_inside=is_inside)

    def work(self, work: Work, name: str, takes: type[Token]) -> type[Token]:
        gives = next(self.tokens)
        for number, deed in enumerate(work.deeds):
            if isinstance(deed, Errand):
                prefix, _ = child_place(place(name, "", number))
                self.inner[prefix] = _Builder(prefix).build(deed.graph)

        async def act(here: Here, ev: Token) -> Any:
            total = f"{ev.total} {name}"
            for number, deed in enumerate(work.deeds):
                await befall(work, number, here)
                total += await here.do(deed, f"{here.place}#{number}")
            await befall(work, len(work.deeds), here)
            return gives(way=ev.way, total=short(total))

        options: dict[str, Any] = {"num_workers": work.workers}
        if work.trouble == "hangs":
            options["timeout"] = TIME_OF_A_STEP_S
        if work.trouble != "none":
            options["retry_policy"] = Tries()
        self.add(name, takes, gives, act, **options)
        if work.failures == ATTEMPTS:
            self.mend(name, gives)
        return gives

    def mend(self, name: str, gives: type[Token]) -> None:
        """Add what takes over for a step."""

        async def one(self: Modelled, ctx: Context[Any], failed: Any) -> Any:
            ev = failed.input_event
            here = Here(self, ctx, place(f"{name}_mend", ev.way), 0)
            here.note("took over", failed.attempts, type(failed.exception).__name__)
            await here.enter()
            return gives(way=ev.way, total=short(f"{ev.total} {name}!"))

        one.__annotations__ = {"ctx": Context, "failed": StepFailedEvent, "return": gives}
        self.name_and_keep(f"{name}_mend", one, catch_error(for_steps=[name], max_recoveries=100))

    def question(self, name: str, takes: type[Token]) -> type[Token]:
        asking, back = next(self.questions)
        gives = next(self.tokens)

        async def ask(here: Here, ev: Token) -> Any:
            return asking(way=ev.way, total=ev.total)

        async def hear(here: Here, ev: Any) -> Any:
            return gives(way=ev.way, total=short(f"{ev.total} {name}?"))

        self.add(name, takes, asking, ask)
        self.add(f"{name}_hear", back, gives, hear)
        return gives

    def loop(self, loop: Loop, name: str, takes: type[Token], *, is_inside: bool) -> type[Token]:
        first = next(self.tokens)

        async def begin(here: Here, ev: Token) -> Any:
            return first(way=f"{ev.way}~0", total=ev.total)

        self.add(f"{name}_begin", takes, first, begin)
        last = self.block(loop.inner, f"{name}_", first, is_inside=is_inside)
        gives = next(self.tokens)

        async def end(here: Here, ev: Token) -> Any:
            way, _, number = ev.way.rpartition("~")
            if int(number) + 1 < loop.times:
                return first(way=f"{way}~{int(number) + 1}", total=ev.total)
            return gives(way=way, total=ev.total)

        self.add(f"{name}_end", last, first | gives, end)
        return gives

    def fan(self, fan: Fan, name: str, takes: type[Token]) -> type[Token]:
        first = next(self.tokens)

        async def split(here: Here, ev: Token) -> Any:
            totals = [ev.total, *map(str, range(1, fan.members))]
            return [first(way=f"{ev.way}.{number}", total=total) for number, total in enumerate(totals)]

        async def last(here: Here, ev: Token) -> Any:
            return None if int(ev.way.rpartition(".")[2]) in fan.drops else out(way=ev.way, total=ev.total)

        async def join(here: Here, members: list[Token]) -> Any:
            return gives(
                way=way_of_list(members), total=short(f"{name}<{'|'.join(member.total for member in members)}>")
            )

        self.add(f"{name}_split", takes, list_of(first), split)
        inner = self.block(fan.inner, f"{name}_", first, is_inside=True)
        out, gives = next(self.tokens), next(self.tokens)
        self.add(f"{name}_last", inner, out | None, last)
        taken = list_of(out)
        if fan.takes is not None:
            taken = Annotated[taken, Collect(Take(fan.members + fan.takes))]
        self.add(f"{name}_join", taken, gives, join, way_of_list)
        return gives

    def fork(self, fork: Fork, name: str, takes: type[Token], *, is_inside: bool) -> type[Token]:
        left = next(self.tokens)
        right = left if fork.manner == "taken twice" and not is_inside else next(self.tokens)
        is_sent = fork.manner == "sent" and not is_inside

        async def split(here: Here, ev: Token) -> Any:
            one, other = (kind(way=ev.way, total=ev.total) for kind in (left, right))
            if is_sent:
                here.ctx.send_event(one)
            return other if is_sent or left is right else [one, other]

        returns: Any = left | right if is_sent else left if left is right else list_of(left | right)
        self.add(f"{name}_split", takes, returns, split)
        ends = [
            self.block(fork.left, f"{name}_l", left, is_inside=is_inside),
            self.block(fork.right, f"{name}_r", right, is_inside=is_inside),
        ]
        gives = next(self.tokens)

        async def join(here: Here, members: list[Token]) -> Any:
            one, other = members
            return gives(way=one.way, total=short(f"({one.total} & {other.total})"))

        async def collect(here: Here, ev: Token) -> Any:
            members = here.ctx.collect_events(ev, ends)
            return None if members is None else await join(here, members)

        if fork.collects and not is_inside:
            sides = {ends[0]: f"{name}_join_l", ends[1]: f"{name}_join_r"}
            self.add(f"{name}_join", ends[0] | ends[1], gives | None, collect, at=lambda ev: sides[type(ev)])
        elif is_inside:
            self.add(f"{name}_join", list_of(ends[0] | ends[1]), gives, join, lambda members: members[0].way)
        else:
            self.add_pair(f"{name}_join", ends, gives, join)
        return gives

    def add_pair(self, name: str, takes: list[type[Token]], gives: type[Token], act: Call) -> None:
        """Add a step that takes two events, each of its own class."""

        async def both(self: Modelled, ctx: Context[Any], left: Any, right: Any) -> Any:
            here = Here(self, ctx, place(name, left.way), ctx.retry_info().retry_number)
            await here.enter()
            return await act(here, [left, right])

        both.__annotations__ = {"ctx": Context, "left": takes[0], "right": takes[1], "return": gives}
        self.name_and_keep(name, both, step(num_workers=2))


async def befall(work: Work, number: int, here: Here) -> None:
    """What befalls a step before a deed."""
    if number == work.at and here.failures < work.failures:
        here.note("failed")
        if work.trouble == "hangs":
            await anyio.sleep_forever()
        raise Boom(f"{here.place}~{here.failures}")
