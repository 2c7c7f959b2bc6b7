"""`docs/explanation/guarantees.md` has every guarantee, and the limits that it names are where it says.

What each promises is proven by the tests that carry its marker.
"""

import re
from typing import Any, get_args

import pytest

from tests.deep.tally import Cut
from tests.docs.asking import TYPES, YES, Approval, Decision, resumed, settled, until_asked
from tests.proof_table import CRASH_POINTS, PAGE, last_deep_run, with_tables
from tests.proofs import GUARANTEES, LATER, Proof, proofs_of_tests
from workflows import Context, Workflow, step
from workflows.errors import AlreadyAnswered, ContextSerdeError, EncodeError, NoOpenQuestion
from workflows.events import Event, StartEvent, StopEvent

TEXT = PAGE.read_text(encoding="utf-8")


def test_each_guarantee_has_its_part() -> None:
    ids = re.findall(r"^### (\w+): \w", TEXT, re.MULTILINE)
    assert sorted(ids) == sorted([*GUARANTEES, *LATER])
    assert len(ids) == len(set(ids))


def test_the_tables_tell_what_the_markers_say_and_what_the_last_deep_run_has_tried() -> None:
    page = with_tables(TEXT, proofs_of_tests(), last_deep_run())
    assert page == TEXT, "write it: python -m tests.proof_table"


def test_what_was_not_measured_is_not_made_up() -> None:
    both = frozenset({"asyncio", "trio"})
    proofs = [
        Proof("W1", "sim/test_some.py::test_all_is_well", True, both),
        Proof("W1", "sim/test_some.py::test_none_is_lost", True, frozenset({"trio"})),
        Proof("W1", "core/test_more.py::test_an_example", False, both),
    ]
    cases = {"sim/test_some.py::test_all_is_well": 6000, "a test that is gone": 1}
    figures = {"minutes": 60.1, "rounds": 7, "cases": cases, "runs": 5000, "interleavings": 4000}
    deep = {"trio": {**figures, "crash_points": {"tick": 1000, "core": 1}, "cancellations": 30}}
    page = with_tables(TEXT, proofs, deep)
    assert (
        "| **W1: Once** | 2 properties, and examples in `core` | asyncio, Trio | not measured | 6,000 |\n"
        "| | `sim/test_some.py`: all is well | asyncio, Trio | not measured | 6,000 |\n"
        "| | `sim/test_some.py`: none is lost | Trio | - | not measured |\n"
    ) in page
    assert (
        "| Runs in virtual time | not measured | 5,000 |\n| Distinct interleavings | not measured | 4,000 |\n" in page
    )
    assert "| Crash points | not measured | 1,001 |\n| - after a tick | not measured | 1,000 |\n" in page


def test_each_kind_of_crash_point_has_a_name_on_the_page() -> None:
    assert set(CRASH_POINTS) == set(get_args(Cut))


class Deciding(Workflow):
    """Takes a decision in a step, and asks for another one."""

    @step
    async def begin(self, ctx: Context, ev: StartEvent) -> None:
        return None

    @step
    async def decide(self, ctx: Context, ev: Decision) -> StopEvent:
        second = await ctx.ask(Approval(what="really?"))
        return StopEvent(result=[ev.approved, second.approved])


@pytest.mark.anyio
@pytest.mark.guarantee("W4")
async def test_in_a_run_that_never_asked_an_answer_that_a_step_accepts_is_an_ordinary_event() -> None:
    handler = Deciding(types=TYPES).run()
    await settled()
    await handler.send_event(YES)
    await settled()
    await handler.send_event(YES, reply_to=handler.pending[0].id)
    assert await handler == [True, True]


class Asking(Workflow):
    @step
    async def ask(self, ctx: Context, ev: StartEvent) -> StopEvent:
        answers = [(await ctx.ask(Approval(what=what))).approved for what in ("first", "second")]
        return StopEvent(result=answers)


@pytest.mark.anyio
@pytest.mark.guarantee("W4", "W5")
async def test_a_double_click_does_not_answer_the_next_question() -> None:
    async with Asking(types=TYPES).running() as handler:
        with pytest.raises(NoOpenQuestion):
            handler.ctx.send_event(YES)
        await settled()
        first = handler.pending[0].id
        for attempt in range(2):
            if attempt:
                with pytest.raises(AlreadyAnswered):
                    await handler.send_event(YES, reply_to=first)
            else:
                await handler.send_event(YES, reply_to=first)
        await settled()
        (second,) = handler.pending
        assert second.event == Approval(what="second")


@pytest.mark.anyio
@pytest.mark.guarantee("W10")
async def test_a_question_is_data_and_no_step_runs_for_it() -> None:
    workflow = Asking(types=TYPES)
    ctx: Context[Any] = Context.from_dict(workflow, await until_asked(workflow))
    (question,) = ctx.pending
    assert (question.event, question.answer_type, question.deadline, question.step) == (
        Approval(what="first"),
        Decision,
        None,
        "ask",
    )


@pytest.mark.anyio
@pytest.mark.guarantee("D3")
async def test_another_format_is_refused_with_what_this_version_reads() -> None:
    workflow = Asking(types=TYPES)
    snapshot = await until_asked(workflow)
    now = snapshot["format_version"]
    with pytest.raises(ContextSerdeError, match=f"format {now}"):
        await resumed(workflow, {**snapshot, "format_version": now + 1})


@pytest.mark.anyio
@pytest.mark.guarantee("D1")
async def test_what_a_snapshot_cannot_hold_is_told_all_at_once_and_the_run_goes_on() -> None:
    class Holding(Workflow):
        @step
        async def hold(self, ctx: Context, ev: StartEvent) -> StopEvent:
            ctx.send_event(Event(one=open, two=[{"three": open}]))
            await ctx.ask(Approval(what="?"))
            return StopEvent()

    handler = Holding(types=TYPES).run()
    await settled()
    with pytest.raises(EncodeError) as caught:
        handler.ctx.to_dict()
    assert [problem.partition(":")[0] for problem in caught.value.problems] == [
        "$.mailbox[0].one",
        "$.mailbox[0].two[0].three",
    ]
    await handler.send_event(YES)
    assert await handler is None
