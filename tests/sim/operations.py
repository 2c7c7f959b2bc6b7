"""Operations: what a plan's steps do through their context, as data; each knows how to do itself.

An operation stands at a *place* of its plan, which is also what it sends, publishes, asks and writes: so everything can be
told apart in the end. What it gets is taken down, each time that the step comes by; replays must get the same again.
"""

from __future__ import annotations

import asyncio
from abc import abstractmethod
from collections.abc import Awaitable, Callable
from typing import Any, Protocol, TypeAlias

import anyio
import attrs
from anyio.lowlevel import checkpoint

from tests.sim.world import Life
from workflows import Context
from workflows.errors import WorkflowsError
from workflows.events import Event, HumanResponseEvent, InputRequiredEvent

FOREVER = 1e6  # a timeout that doesn't come: whoever answers is quicker


class Reply(HumanResponseEvent):
    text: str
    marks: list[str] = attrs.field(factory=list[str])


class Ask(InputRequiredEvent, answer=Reply):
    what: str


class Parcel(Event):
    tag: str
    text: str = ""
    marks: list[str] = attrs.field(factory=list[str])


class Shown(Event):
    tag: str


def seen_and_marked(answer: Reply | Parcel) -> list[str]:
    """What an answer says, which is then changed in place: no replay may see that."""
    seen = [answer.text, *answer.marks]
    answer.marks.append("seen")
    return seen


class Boom(Exception):
    """What a plan raises on purpose."""


@attrs.frozen
class Here:
    """Where an operation stands, and what it acts with.

    Attributes:
        place: Where in the plan of the step.
        branch: The path of the branch; None in a task that is no branch's own.
    """

    ctx: Context
    life: Life
    step: str
    failures: int
    place: str
    branch: str | None = ""
    is_asyncio: bool = False

    def inside(self, part: object) -> Here:
        return attrs.evolve(self, place=f"{self.place}.{part}")

    @property
    def tag(self) -> str:
        """What names this operation, in this try of its step."""
        return f"{self.step}@{self.failures}:{self.place}"

    @property
    def own(self) -> str:
        """A field of the state that nobody else writes to."""
        return f"{self.step}/{self.place if self.branch is None else self.branch}".replace(".", "_")

    def see(self, value: object, *, is_certain: bool = True) -> None:
        """Take down what the operation gave; what a context gives while its step is being suspended doesn't count."""
        if not self.ctx.suspending:
            self.life.see((self.step, self.failures, self.place), value, is_certain=is_certain)


class Operation(Protocol):
    """Something that a step does."""

    @abstractmethod
    async def act(self, here: Here) -> None: ...

    def _repr_pretty_(self, printer: Any, _cycle: bool) -> None:
        """Hypothesis' own way takes time exponential in how deep operations are nested."""
        printer.text(repr(self))


Block: TypeAlias = tuple[Operation, ...]


async def act_all(block: Block, here: Here) -> None:
    for number, operation in enumerate(block):
        await operation.act(here.inside(number))


# --- at once ----------------------------------------------------------------------------------------------------------


@attrs.frozen
class Send(Operation):
    async def act(self, here: Here) -> None:
        here.ctx.send_event(Parcel(tag=here.tag))


@attrs.frozen
class Stream(Operation):
    times: int = 1

    async def act(self, here: Here) -> None:
        for number in range(self.times):
            here.ctx.write_event_to_stream(Shown(tag=f"{here.tag}#{number}"))


@attrs.frozen
class StreamPatiently(Operation):
    async def act(self, here: Here) -> None:
        await here.ctx.stream(Shown(tag=f"{here.tag}#0"))


@attrs.frozen
class Now(Operation):
    async def act(self, here: Here) -> None:
        here.see(here.ctx.now().isoformat(), is_certain=False)


@attrs.frozen
class Draw(Operation):
    async def act(self, here: Here) -> None:
        here.see(here.ctx.random.random())


@attrs.frozen
class Uuid(Operation):
    async def act(self, here: Here) -> None:
        here.see(str(here.ctx.uuid4()))


@attrs.frozen
class Pending(Operation):
    async def act(self, here: Here) -> None:
        here.see([question.id for question in here.ctx.pending], is_certain=False)


@attrs.frozen
class Collect(Operation):
    """Put a parcel and, the second time, get a pair; only where nobody else collects."""

    async def act(self, here: Here) -> None:
        got = here.ctx.collect_events(Parcel(tag=here.tag), [Parcel, Parcel], buffer_id=here.own)
        here.see(None if got is None else [repr(event) for event in got])


# --- the state --------------------------------------------------------------------------------------------------------


@attrs.frozen
class Get(Operation):
    key: str

    async def act(self, here: Here) -> None:
        here.see(await here.ctx.store.get(f"{here.own}.{self.key}", default=None))


@attrs.frozen
class Set(Operation):
    key: str

    async def act(self, here: Here) -> None:
        await here.ctx.store.set(f"{here.own}.{self.key}", here.tag)


@attrs.frozen
class GetShared(Operation):
    async def act(self, here: Here) -> None:
        here.see(await here.ctx.store.get("shared", default=None), is_certain=False)


@attrs.frozen
class SetShared(Operation):
    async def act(self, here: Here) -> None:
        await here.ctx.store.set("shared", here.tag)


@attrs.frozen
class GetAll(Operation):
    async def act(self, here: Here) -> None:
        state = await here.ctx.store.get_state()
        here.see(dict(state), is_certain=False)


@attrs.frozen
class Edit(Operation):
    """Count up exclusively, with other operations inside."""

    inner: Block = ()

    async def act(self, here: Here) -> None:
        async with here.ctx.store.edit_state() as state:
            edits: dict[str, int] = dict(state.get("edits", {}))
            here.see(dict(edits), is_certain=False)
            edits[here.tag] = edits.get(here.tag, 0) + 1
            await act_all(self.inner, here)
            state["edits"] = edits


@attrs.frozen
class EditInVain(Operation):
    """An edit that's dropped."""

    async def act(self, here: Here) -> None:
        try:
            async with here.ctx.store.edit_state() as state:
                state["vain"] = here.tag
                raise Boom(here.tag)
        except Boom:
            here.see("dropped")


# --- once -------------------------------------------------------------------------------------------------------------


@attrs.frozen
class Once(Operation):
    """Call a body once; its name and arguments tell it from all others, unless it `is_like_others`."""

    is_async: bool = False
    yields: int = 0
    sleeps: float = 0.0
    is_like_others: bool = False

    async def act(self, here: Here) -> None:
        tag = f"{here.step}:{here.place}"  # without the number of failures: a retry keeps what a failed try has got

        def body(*_told_apart_by: str) -> str:
            with here.life.body(tag):
                return f"body of {tag}"

        async def slow_body(*_told_apart_by: str) -> str:
            with here.life.body(tag):
                for _ in range(self.yields):
                    await checkpoint()
                await anyio.sleep(self.sleeps)
                return f"body of {tag}"

        arguments = () if self.is_like_others and here.branch is not None else (tag,)
        function: Callable[..., str | Awaitable[str]] = slow_body if self.is_async else body
        here.see(await here.ctx.once(function, *arguments))


@attrs.frozen
class OnceInVain(Operation):
    """A body that raises an error which the workflow can't rebuild: it's called again on each replay."""

    async def act(self, here: Here) -> None:
        def body() -> None:
            raise Boom(here.tag)

        try:
            await here.ctx.once(body, key=here.tag)
        except Boom as error:
            here.see(f"raised {error}")


@attrs.frozen
class OnceFlaky(Operation):
    """A body that raises at first, as often as said in all lives together, and the step tries until it's done."""

    raises: int = 1
    gives_up_after: int | None = None

    async def act(self, here: Here) -> None:
        tag = f"{here.step}:{here.place}"

        def body() -> str:
            here.life.world.tries[tag] += not here.life.is_dead
            if here.life.is_dead or here.life.world.tries[tag] <= self.raises:
                raise ConnectionError(f"no line {here.life.world.tries[tag]}")
            with here.life.body(tag):
                return f"body of {tag}"

        tries = self.raises + 1 if self.gives_up_after is None else self.gives_up_after
        for _ in range(tries):
            try:
                here.see(await here.ctx.once(body, key=tag))
                return
            except ConnectionError:
                pass
        here.see("given up")


# --- waits ------------------------------------------------------------------------------------------------------------


@attrs.frozen
class AskPerson(Operation):
    """Ask, and get the answer."""

    is_like_others: bool = False
    timeout: float | None = None

    async def act(self, here: Here) -> None:
        reply = await here.ctx.ask(self.question(here), timeout=self.timeout)
        here.see(seen_and_marked(reply))

    def question(self, here: Here) -> Ask:
        is_like_others = self.is_like_others and here.branch is not None
        return Ask(what="answer me" if is_like_others else f"answer {here.place}")


@attrs.frozen
class AskInVain(Operation):
    """Ask what nobody answers, until the deadline, if there is one."""

    timeout: float | None = 5.0

    async def act(self, here: Here) -> None:
        try:
            await here.ctx.ask(Ask(what=f"ignore {here.place}"), timeout=self.timeout)
        except TimeoutError as error:
            here.see(type(error).__name__)


@attrs.frozen
class AskAll(Operation):
    number: int = 2
    are_alike: bool = False

    async def act(self, here: Here) -> None:
        are_alike = self.are_alike and here.branch is not None
        names = ["answer us" if are_alike else f"answer {here.place}.{number}" for number in range(self.number)]
        replies = await here.ctx.ask_all(*(Ask(what=name) for name in names))
        here.see([seen_and_marked(reply) for reply in replies])


@attrs.frozen
class WaitForParcel(Operation):
    """Wait for an ordinary event that meets a requirement, with or without a prompt and a name."""

    shows: bool = False
    is_named: bool = False
    is_sent_before: bool = False

    async def act(self, here: Here) -> None:
        tag = f"to {here.tag}"
        if self.is_sent_before:
            here.ctx.send_event(Parcel(tag=tag, text="early"))
        parcel = await here.ctx.wait_for_event(
            Parcel,
            waiter_event=Shown(tag=tag) if self.shows else None,
            waiter_id=here.place if self.is_named else None,
            requirements={"tag": tag},
        )
        here.see([parcel.tag, *seen_and_marked(parcel)])


# --- around other operations ------------------------------------------------------------------------------------------


@attrs.frozen
class Within(Operation):
    """A deadline that doesn't come, or a shield, of the step's own: waits inside park."""

    block: Block
    is_shield: bool = False

    async def act(self, here: Here) -> None:
        if self.is_shield:
            with anyio.CancelScope(shield=True):
                await act_all(self.block, here)
        else:
            with anyio.fail_after(FOREVER):
                await act_all(self.block, here)


@attrs.frozen
class MoveOn(Operation):
    """A deadline of the step's own that comes."""

    block: Block
    seconds: float = 5.0

    async def act(self, here: Here) -> None:
        with anyio.move_on_after(self.seconds) as scope:
            await act_all(self.block, here)
        here.see(scope.cancelled_caught)


@attrs.frozen
class Loop(Operation):
    times: int
    block: Block

    async def act(self, here: Here) -> None:
        for number in range(self.times):
            await act_all(self.block, here.inside(f"pass{number}"))


@attrs.frozen
class Try(Operation):
    """What a careful author writes: broad handlers and clean-up."""

    block: Block
    handler: Block = ()
    cleanup: Block = ()
    raises: bool = False

    async def act(self, here: Here) -> None:
        try:
            await act_all(self.block, here.inside("try"))
            if self.raises:
                raise Boom(here.tag)
        except Exception as error:
            if isinstance(error, WorkflowsError):
                here.life.complain(f"{here.tag}: {error!r}")
            here.see(repr(error))
            await act_all(self.handler, here.inside("except"))
        finally:
            await act_all(self.cleanup, here.inside("finally"))


@attrs.frozen
class Fail(Operation):
    """Raise in the first tries of the step."""

    times: int

    async def act(self, here: Here) -> None:
        if here.ctx.retry_info().retry_number < self.times:
            raise Boom(f"try {here.ctx.retry_info().retry_number} of {here.place}")


@attrs.frozen
class Yield(Operation):
    times: int = 1

    async def act(self, here: Here) -> None:
        for _ in range(self.times):
            await checkpoint()


@attrs.frozen
class Sleep(Operation):
    seconds: float = 1.0

    async def act(self, here: Here) -> None:
        await anyio.sleep(self.seconds)


@attrs.frozen
class InBranch(Operation):
    """A branch in the step's own task."""

    block: Block

    async def act(self, here: Here) -> None:
        key = f"b{here.place}"
        async with here.ctx.branch(key):
            await act_all(self.block, attrs.evolve(here, branch=f"{here.branch}/{key}"))


@attrs.frozen
class Tasks(Operation):
    """Concurrent tasks of the step, each a branch, or none; the step's own task goes on with `meanwhile` beside them."""

    branches: tuple[Block, ...]
    loose: tuple[Block, ...] = ()
    meanwhile: Block = ()
    uses_asyncio: bool = False  # its own task group, on asyncio

    async def act(self, here: Here) -> None:
        if self.uses_asyncio and here.is_asyncio:
            async with asyncio.TaskGroup() as native:
                starts: list[Any] = []
                self._start(here, lambda function, *args: starts.append(native.create_task(function(*args))))
                await act_all(self.meanwhile, here.inside("meanwhile"))
        else:
            async with anyio.create_task_group() as group:
                self._start(here, group.start_soon)
                await act_all(self.meanwhile, here.inside("meanwhile"))

    def _start(self, here: Here, start: Callable[..., object]) -> None:
        for number, block in enumerate(self.branches):
            start(self._in_branch, block, here.inside(f"b{number}"))
        for number, block in enumerate(self.loose):
            start(act_all, block, attrs.evolve(here.inside(f"loose{number}"), branch=None))

    async def _in_branch(self, block: Block, here: Here) -> None:
        async with here.ctx.branch(here.place):
            await act_all(block, attrs.evolve(here, branch=f"{here.branch or ''}/{here.place}"))
