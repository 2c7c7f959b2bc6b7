"""A clerk that asks before paying, in two styles, in a program that stops at the question and goes on elsewhere.

`python clerk.py BACKEND STYLE ask FILE` runs until the question, and writes the run to the file as JSON.
`python clerk.py BACKEND STYLE answer FILE REPLY` resumes it from there with a reply, and prints what comes of it.
"""

import json
import sys
from pathlib import Path

import anyio

from workflows import Context, Workflow, step
from workflows.events import Event, HumanResponseEvent, InputRequiredEvent, StartEvent, StopEvent


class Checked(Event):
    cents: int


class Decision(HumanResponseEvent):
    response: str


class Approval(InputRequiredEvent, answer=Decision):
    prefix: str
    cents: int


class TwoSteps(Workflow):
    """The question is what a step returns, the answer what another one takes."""

    @step
    async def check(self, ctx: Context, ev: StartEvent) -> Checked:
        await ctx.store.set("checked", True)
        return Checked(cents=ev.cents)

    @step
    async def ask(self, ev: Checked) -> Approval:
        return Approval(prefix="Pay? ", cents=ev.cents)

    @step
    async def pay(self, ctx: Context, ev: Decision) -> StopEvent:
        return StopEvent(result=[ev.response, await ctx.store.get("checked")])


class OneStep(Workflow):
    """The question is asked, and its answer waited for, inside of a step."""

    def __init__(self) -> None:
        super().__init__(types=[Approval, Decision])

    @step
    async def pay(self, ctx: Context, ev: StartEvent) -> StopEvent:
        await ctx.store.set("checked", await ctx.once(checked_once))
        answer = await ctx.wait_for_event(
            Decision,
            waiter_event=Approval(prefix="Pay? ", cents=ev.cents),
            waiter_id="approval",
        )
        return StopEvent(result=[answer.response, await ctx.store.get("checked")])


def checked_once() -> bool:
    say("checked")
    return True


def say(text: str) -> None:
    print(text, flush=True)  # noqa: T201  (the test reads it)


STYLES: dict[str, type[Workflow]] = {"two": TwoSteps, "one": OneStep}


async def ask(style: str, file: Path) -> None:
    workflow = STYLES[style]()
    with anyio.fail_after(20):  # rather than the test hang
        handler = workflow.run(cents=500)
        async for event in handler.stream_events():
            if isinstance(event, Approval):
                say(f"asked {event.prefix}{event.cents}")
                file.write_text(json.dumps(handler.ctx.to_dict()), encoding="utf-8")  # noqa: ASYNC240
                await handler.cancel_run()
                break


async def answer(style: str, file: Path, reply: str) -> None:
    workflow = STYLES[style]()
    data = json.loads(file.read_text(encoding="utf-8"))  # noqa: ASYNC240
    restored = Context.from_dict(workflow, data)
    for question in restored.pending:
        say(f"pending {question.event!r}")
    with anyio.fail_after(20):
        handler = workflow.run(ctx=restored)
        handler.ctx.send_event(HumanResponseEvent(response=reply))
        async for event in handler.stream_events():
            say(f"then {event!r}")
        say(f"result {await handler}")


if __name__ == "__main__":
    backend, style, phase, path, *replies = sys.argv[1:]
    if phase == "ask":
        anyio.run(ask, style, Path(path), backend=backend)
    else:
        anyio.run(answer, style, Path(path), replies[0], backend=backend)
