"""What `docs/how-to/coming_from_llamaindex.md` says that its own blocks don't show."""

import ast
from typing import Any

import anyio
import attrs
import pytest

from tests.docs.asking import TYPES, YES, Approval, settled
from tests.docs.pages import ROOT, blocks_of
from tests.docs.test_inventory import INVENTORY
from workflows import Context, Workflow, step
from workflows.errors import UsageError, WorkflowCancelledByUser
from workflows.events import Event, StartEvent, StopEvent
from workflows.retry_policy import retry_policy, stop_after_attempt, wait_fixed

PAGE = ROOT / "docs" / "how-to" / "coming_from_llamaindex.md"
BLOCKS = [block for block in blocks_of(PAGE) if block.language == "python"]
DEPRECATED_THERE = {"ConstantDelayRetryPolicy"}

pytestmark = pytest.mark.anyio


def steps_in(text: str) -> dict[str, set[str]]:
    """The methods of each workflow class of a program."""
    classes = [node for node in ast.parse(text).body if isinstance(node, ast.ClassDef)]
    workflows = [node for node in classes if any(ast.unparse(base) == "Workflow" for base in node.bases)]
    return {
        node.name: {part.name for part in node.body if isinstance(part, ast.AsyncFunctionDef)} for node in workflows
    }


def test_the_program_before_is_one_and_uses_names_that_there_are() -> None:
    (before,) = [block.text for block in BLOCKS if block.caption == "before.py"]
    for node in ast.walk(ast.parse(before)):
        if isinstance(node, ast.ImportFrom) and str(node.module).partition(".")[0] == "workflows":
            names = {alias.name for alias in node.names}
            assert names - INVENTORY[str(node.module)].keys() <= DEPRECATED_THERE


def test_the_program_after_has_the_steps_of_the_one_before_and_a_handler() -> None:
    before, after = [found for block in BLOCKS if (found := steps_in(block.text))]
    assert before["Research"] | {"go_without"} == after["Research"]


async def test_a_pydantic_model_may_be_what_a_field_holds() -> None:
    pydantic = pytest.importorskip("pydantic")
    model = pydantic.create_model("Model", __module__=__name__, number=(int, 0))

    class Holding(Event):
        held: model  # type: ignore[valid-type]  # pyright: ignore[reportInvalidTypeForm]  # the test's own

    class Passing(Workflow):
        @step
        async def begin(self, ev: StartEvent) -> Holding:
            return Holding(held=model(number=3))

        @step
        async def end(self, ctx: Context[Any], ev: Holding) -> StopEvent:
            await ctx.ask(Approval(what="?"))
            return StopEvent(result=ev.held)

    workflow = Passing(types=TYPES)
    async with workflow.running() as handler:
        await settled()
        snapshot = handler.ctx.to_dict()
    handler = workflow.run(Context.from_dict(workflow, snapshot))
    await handler.send_event(YES)
    assert await handler == model(number=3)


async def test_a_class_that_is_asked_with_and_not_declared_is_told_of_by_the_line_that_asks() -> None:
    class Undeclared(Workflow):
        @step
        async def ask(self, ctx: Context[Any], ev: StartEvent) -> StopEvent:
            with pytest.raises(UsageError, match=r"types=\["):
                await ctx.ask(Approval(what="?"))
            return StopEvent(result="told")

    assert await Undeclared().run() == "told"


async def test_a_handler_tells_whether_it_is_done_and_how_it_ended() -> None:
    class Waiting(Workflow):
        @step
        async def wait(self, ev: StartEvent) -> StopEvent:
            await anyio.sleep_forever()
            return StopEvent()

    handler = Waiting().run()
    assert not handler.is_done()
    await handler.cancel_run()
    assert handler.is_done()
    with pytest.raises(WorkflowCancelledByUser):
        await handler


def test_the_policy_that_stands_for_the_deprecated_one_decides_as_it_does() -> None:
    policy = retry_policy(wait=wait_fixed(1), stop=stop_after_attempt(3))
    assert [policy.next(0.0, attempts, ValueError()) for attempts in (1, 2, 3)] == [1.0, 1.0, None]


def test_an_alias_is_the_keyword_of_a_field() -> None:
    class Sent(Event):
        sender: str = attrs.field(alias="from_")

    assert Sent(from_="Ida").sender == "Ida"
