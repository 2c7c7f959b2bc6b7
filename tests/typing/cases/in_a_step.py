"""What a step's context gives: the answer that a question declares, the result of a function, the event waited for."""

from collections.abc import Callable
from typing import Any, Generic, TypeVar, assert_type

from anyio import from_thread

from workflows import Context
from workflows.events import Event, HumanResponseEvent, InputRequiredEvent, QuestionEvent

AnswerT = TypeVar("AnswerT", bound=HumanResponseEvent)


class Approved(HumanResponseEvent):
    by: str


class Chosen(HumanResponseEvent):
    number: int


class Approval(QuestionEvent[Approved]):
    claim_id: str


class Choice(QuestionEvent[Chosen], name="choice"):
    up_to: int


class Urgent(Approval):
    hours: int


class Titled(QuestionEvent[AnswerT], Generic[AnswerT]):
    title: str


class TitledApproval(Titled[Approved]):
    pass


class Keyword(InputRequiredEvent, answer=Approved):
    claim_id: str


class AskedForText(QuestionEvent[str]):  # expect: error
    pass


class AskedForNothing(QuestionEvent):  # expect: error
    pass


async def asking(ctx: Context, event: Event) -> int:
    assert_type(await ctx.ask(Approval(claim_id="c")), Approved)
    assert_type(await ctx.ask(Urgent(claim_id="c", hours=1), timeout=5), Approved)
    assert_type(await ctx.ask(TitledApproval(title="t")), Approved)
    assert_type((await ctx.ask(Approval(claim_id="c"))).by, str)
    # What a class keyword says, no type checker sees.
    assert_type(await ctx.ask(Keyword(claim_id="c")), Any)
    assert_type(await ctx.ask(InputRequiredEvent(prefix="?")), Any)
    if isinstance(event, InputRequiredEvent):
        assert_type(await ctx.ask(event), Any)
    number: int = await ctx.ask(Approval(claim_id="c"))  # expect: error
    await ctx.ask(Approved(by="me"))  # expect: error
    await ctx.ask(Approval(claim_id="c"), timeout="5")  # expect: error
    return number


async def asking_several(ctx: Context, many: list[Approval]) -> None:
    one, two = Approval(claim_id="c"), Choice(up_to=3)
    assert_type(await ctx.ask_all(one), tuple[Approved])
    assert_type(await ctx.ask_all(one, two), tuple[Approved, Chosen])
    assert_type(await ctx.ask_all(two, one, two), tuple[Chosen, Approved, Chosen])
    assert_type(await ctx.ask_all(one, two, one, two), tuple[Approved, Chosen, Approved, Chosen])
    assert_type(
        await ctx.ask_all(one, two, one, two, one, timeout=5), tuple[Approved, Chosen, Approved, Chosen, Approved]
    )
    assert_type(await ctx.ask_all(*many), tuple[Approved, ...])
    assert_type(await ctx.ask_all(one, one, one, one, one, one), tuple[Approved, ...])
    assert_type(await ctx.ask_all(one, Keyword(claim_id="c")), tuple[Any, ...])
    first, second = await ctx.ask_all(one, two)
    assert_type(first.by, str)
    assert_type(second.number, int)
    await ctx.ask_all(one, "two")  # expect: error


async def waiting(ctx: Context, event: Event) -> None:
    assert_type(await ctx.wait_for_event(Approved), Approved)
    await ctx.wait_for_event(str)  # expect: error
    found = ctx.collect_events(event, [Approved] * 3)
    assert_type(found, list[Approved] | None)


def fetch(url: str, *, retries: int = 3) -> int:
    return len(url) + retries


async def fetch_async(url: str, depth: int = 1) -> bytes:
    return url.encode() * depth


async def calling_once(ctx: Context[Any], anything: Callable[..., Any]) -> None:
    assert_type(await ctx.once(fetch, "u"), int)
    assert_type(await ctx.once(fetch, url="u", retries=5), int)
    assert_type(await ctx.once(fetch_async, "u"), bytes)
    assert_type(await ctx.once(fetch_async, "u", 2), bytes)
    assert_type(await ctx.once(fetch, "u", key="first"), int)
    assert_type(await ctx.once(fetch_async, "u", key="first"), bytes)
    assert_type(await ctx.once(lambda: 3), int)
    assert_type(await ctx.once(anything, 3), Any)
    sizes: list[int] = []
    sizes.append(await ctx.once(fetch, "u"))
    await ctx.once(fetch)  # expect: error
    await ctx.once(fetch, 3)  # expect: error
    await ctx.once(fetch, "u", tries=3)  # expect: error
    await ctx.once(fetch_async, "u", "deep")  # expect: error
    await ctx.once(3)  # expect: error
    # With a key, arguments aren't checked: a ParamSpec leaves no room for a keyword beside it.
    await ctx.once(fetch, 3, key="first")


def from_a_thread(ctx: Context) -> None:
    assert_type(from_thread.run(lambda: ctx.once(fetch, "u")), int)
    from_thread.run(ctx.once, fetch, "u")  # expect: error[pyright]
    from_thread.run(ctx.ask, InputRequiredEvent(prefix="?"))
