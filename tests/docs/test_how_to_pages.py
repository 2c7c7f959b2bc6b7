"""The claims of the pages in `docs/how-to` that their own blocks don't show."""

from dataclasses import dataclass
from typing import Any

import anyio
import pytest

from tests.docs.asking import TYPES, YES, Approval, Decision, Progress, Snapshot, resumed, settled, until_asked
from tests.docs.pages import ROOT
from workflows import Context, Workflow, step
from workflows.errors import DefinitionError, ReplayMismatch, SnapshotMismatch
from workflows.events import Event, HumanResponseEvent, InputRequiredEvent, StartEvent, StopEvent
from workflows.testing import SimulationFault, check_snapshot, simulate

CHANGED_CODE = (ROOT / "docs" / "how-to" / "changed_code.md").read_text(encoding="utf-8")


# --- changed code -----------------------------------------------------------------------------------------------------


class Waiting(Workflow):
    """Does something, asks, and does something else."""

    before: Any = staticmethod(lambda: "before")
    after = "after"

    @step
    async def review(self, ctx: Context[Any], ev: StartEvent) -> StopEvent:
        first = await ctx.once(self.before)
        await ctx.ask(Approval(what="a desk"))
        return StopEvent(result=[first, self.after])


class MoreSteps(Waiting):
    @step
    async def another(self, ev: Progress) -> StopEvent:
        return StopEvent()


class OtherEnd(Waiting):
    after = "changed"


class NoOnce(Waiting):
    @step
    async def review(self, ctx: Context[Any], ev: StartEvent) -> StopEvent:
        await ctx.ask(Approval(what="a desk"))
        return StopEvent()


class OneMore(Waiting):
    @step
    async def review(self, ctx: Context[Any], ev: StartEvent) -> StopEvent:
        ctx.now()
        return await super().review(ctx, ev)


class OtherQuestion(Waiting):
    @step
    async def review(self, ctx: Context[Any], ev: StartEvent) -> StopEvent:
        await ctx.once(self.before)
        await ctx.ask(Approval(what="a chair"))
        return StopEvent()


class GoneStep(Workflow):
    @step
    async def renamed(self, ctx: Context[Any], ev: StartEvent) -> StopEvent:
        return StopEvent()


@pytest.mark.anyio
@pytest.mark.guarantee("W6")
@pytest.mark.parametrize(
    ("row", "changed", "outcome"),
    [
        ("anything in steps that the run isn't in", MoreSteps, ["before", "after"]),
        ("code *after* the wait", OtherEnd, ["before", "changed"]),
        ("a step, an event class or an answer class that is gone", GoneStep, SnapshotMismatch),
        ("other operations *before* the wait: one more", OneMore, ReplayMismatch),
        ("other operations *before* the wait: one more, one less", NoOnce, ReplayMismatch),
        ("other operations *before* the wait: one more, one less, another order, another question", OtherQuestion,
         ReplayMismatch),
    ],
)  # fmt: skip
async def test_the_page_says_what_a_waiting_run_makes_of_a_change(
    row: str, changed: type[Workflow], outcome: object
) -> None:
    assert f"| {row}" in CHANGED_CODE
    snapshot = await until_asked(Waiting(types=TYPES, skip_graph_checks=["reachability"]))
    now = changed(types=TYPES, skip_graph_checks=["reachability"])
    assert bool(check_snapshot(now, snapshot)) is (outcome is SnapshotMismatch)
    if isinstance(outcome, list):
        assert await resumed(now, snapshot, YES) == outcome
        return
    assert isinstance(outcome, type)
    assert issubclass(outcome, Exception)
    with pytest.raises(outcome):
        await resumed(now, snapshot, YES)


def deciding(decision: type[HumanResponseEvent], claim: type[StartEvent], approval: type[InputRequiredEvent]) -> Any:
    """A workflow with these classes."""

    class Deciding(Workflow):
        @step
        async def review(self, ctx: Context[Any], ev: claim) -> StopEvent:  # type: ignore[valid-type]
            answer = await ctx.ask(approval(what="a desk"))
            return StopEvent(result=[vars(ev), vars(answer)])

    return Deciding(types=[decision, approval], workflow_name="deciding")


class Claim(StartEvent, name="claim"):
    what: str


class WiderClaim(StartEvent, name="claim"):
    what: str
    euros: int = 0


class WiderDecision(HumanResponseEvent, name="decision"):
    approved: bool
    by: str = "nobody"


class MovedDecision(HumanResponseEvent, name="moved", aliases=["decision"]):
    approved: bool


class NarrowClaim(StartEvent, name="claim"):
    pass


class StrictClaim(StartEvent, name="claim"):
    what: str
    euros: int


class OtherClaim(StartEvent, name="claim"):
    what: int


class Asked(InputRequiredEvent, answer=Decision, name="asked"):
    what: str


class WiderAsked(InputRequiredEvent, answer=Decision, name="asked"):
    what: str
    is_urgent: bool = False


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("claim", "approval", "outcome"),
    [
        (WiderClaim, Asked, [{"what": "a desk", "euros": 0}, {"approved": True}]),
        (NarrowClaim, Asked, SnapshotMismatch),
        (StrictClaim, Asked, SnapshotMismatch),
        (OtherClaim, Asked, SnapshotMismatch),
        (Claim, WiderAsked, ReplayMismatch),
    ],
)
async def test_the_page_says_what_a_waiting_run_makes_of_a_changed_class(
    claim: type[StartEvent], approval: type[InputRequiredEvent], outcome: object
) -> None:
    snapshot = await until_asked(deciding(Decision, Claim, Asked), what="a desk")
    now = deciding(Decision, claim, approval)
    if isinstance(outcome, list):
        assert await resumed(now, snapshot, YES) == outcome
        return
    assert isinstance(outcome, type)
    assert issubclass(outcome, Exception)
    with pytest.raises(outcome):
        await resumed(now, snapshot, YES)


@pytest.mark.anyio
async def test_an_answer_s_class_may_get_a_field_with_a_default_or_another_name() -> None:
    class MovedAsked(InputRequiredEvent, answer=MovedDecision, name="asked"):
        what: str

    class WiderAnswered(InputRequiredEvent, answer=WiderDecision, name="asked"):
        what: str

    snapshot = await until_asked(deciding(Decision, Claim, Asked), what="a desk")
    wider = deciding(WiderDecision, Claim, WiderAnswered)
    assert check_snapshot(wider, snapshot) == []
    _, answer = await resumed(wider, snapshot, WiderDecision(approved=True))
    assert answer == {"approved": True, "by": "nobody"}
    moved = deciding(MovedDecision, Claim, MovedAsked)
    assert check_snapshot(moved, snapshot) == []


# --- custom types -----------------------------------------------------------------------------------------------------


class Money:
    def __init__(self, cents: int) -> None:
        self._cents = cents


@pytest.mark.parametrize("touched", [Money, str])
def test_half_a_hook_and_hooks_for_standard_types_are_refused(touched: type) -> None:
    class Half(Workflow):
        def configure_converter(self, converter: Any) -> None:
            converter.register_unstructure_hook(touched, str)

        @step
        async def end(self, ev: StartEvent) -> StopEvent:
            return StopEvent()

    with pytest.raises(DefinitionError):
        Half(types=[Money])


# --- streaming --------------------------------------------------------------------------------------------------------


class Streaming(Workflow):
    @step
    async def work(self, ctx: Context[Any], ev: StartEvent) -> StopEvent:
        for done in range(3):
            await ctx.stream(Progress(done=done))
        await ctx.ask(Approval(what="more?"))
        await ctx.stream(Progress(done=3))
        return StopEvent()


@pytest.mark.anyio
async def test_positions_go_on_counting_after_a_restart_and_nothing_is_published_again() -> None:
    workflow = Streaming(types=TYPES)
    snapshot: Snapshot = await until_asked(workflow)
    ctx: Context[Any] = Context.from_dict(workflow, snapshot)
    async with workflow.running(ctx) as handler:
        await handler.send_event(YES)
        reader = handler.stream_events()
        seen = [(reader.position, event) async for event in reader]
    first = snapshot["streamed"] + 1
    assert seen == [(first, Progress(done=3)), (first + 1, StopEvent())]


@pytest.mark.anyio
async def test_stream_waits_while_the_slowest_reader_is_too_far_behind() -> None:
    done: list[int] = []

    class Fast(Workflow):
        @step
        async def work(self, ctx: Context[Any], ev: StartEvent) -> StopEvent:
            for number in range(10):
                await ctx.stream(Progress(done=number))
                done.append(number)
            return StopEvent()

    with anyio.fail_after(5):
        handler = Fast(stream_history=3).run()
        reader = handler.stream_events()
        await settled()
        assert len(done) == 3
        async for _ in reader:
            pass
    assert len(done) == 10


@pytest.mark.anyio
async def test_internal_events_exist_only_while_somebody_reads_them() -> None:
    handler = Streaming(types=TYPES).run()
    await settled()
    await handler.send_event(YES)
    await handler
    seen: list[Event] = [event async for event in handler.stream_events(expose_internal=True)]
    assert [type(event) for event in seen] == [Progress, Progress, Progress, Approval, Progress, StopEvent]


# --- state ------------------------------------------------------------------------------------------------------------


@dataclass
class Totals:
    euros: int = 0


@dataclass
class Needy:
    euros: int


def adding(state_type: Any) -> Workflow:
    class Adding(Workflow):
        @step
        async def add(
            self,
            ctx: Context[state_type],  # pyright: ignore[reportInvalidTypeForm]  # it's the test's argument
            ev: StartEvent,
        ) -> StopEvent:
            async with ctx.store.edit_state() as totals:
                totals.euros += 1
            return StopEvent(result=(await ctx.store.get_state()).euros)

    return Adding()


@pytest.mark.anyio
async def test_a_state_may_be_a_dataclass() -> None:
    assert await adding(Totals).run() == 1


@pytest.mark.anyio
async def test_a_state_may_be_a_pydantic_model() -> None:
    pydantic = pytest.importorskip("pydantic")
    model = pydantic.create_model("Totals", __module__=__name__, euros=(int, 0))
    assert await adding(model).run() == 1


@pytest.mark.anyio
async def test_a_state_without_defaults_is_set_before_the_run() -> None:
    workflow = adding(Needy)
    with pytest.raises(TypeError, match="no default"):
        await workflow.run()
    ctx: Context[Any] = Context(workflow)
    await ctx.store.set_state(Needy(euros=5))
    assert await workflow.run(ctx) == 6


@pytest.mark.anyio
async def test_a_replayed_read_gives_what_it_gave_whatever_has_happened_meanwhile() -> None:
    class Reading(Workflow):
        @step
        async def read(self, ctx: Context[Any], ev: StartEvent) -> StopEvent:
            count = await ctx.store.get("count", 0)
            await ctx.ask(Approval(what="?"))
            return StopEvent(result=(count, await ctx.store.get("count")))

    workflow = Reading(types=TYPES)
    async with workflow.running() as handler:
        await settled()
        await handler.ctx.store.set("count", 7)
        await handler.send_event(YES)
        assert await handler == (0, 7)


# --- testing ----------------------------------------------------------------------------------------------------------


def test_a_scenario_that_leaves_a_task_or_is_stuck_is_found() -> None:
    pytest.importorskip("trio")

    async def leaving() -> None:
        left.append(Sleeping().run())

    async def stuck() -> None:
        await Streaming(types=TYPES).run()

    left: list[object] = []
    for scenario in (leaving, stuck):
        with pytest.raises(SimulationFault):
            simulate(scenario)


class Sleeping(Workflow):
    @step
    async def sleep(self, ev: StartEvent) -> StopEvent:
        await anyio.sleep_forever()
        return StopEvent()
