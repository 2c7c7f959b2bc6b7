"""Child runs: `ctx.run(workflow)`, a run that belongs to a step."""

import json
import traceback
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Annotated, Any, Literal, TypeAlias

import anyio
import pytest

from workflows import Context, Workflow, step
from workflows.core.questions import Question
from workflows.errors import (
    AlreadyAnswered,
    AmbiguousAnswer,
    ContextStateError,
    InvalidAnswer,
    InvalidStartEvent,
    SnapshotMismatch,
    UsageError,
    WorkflowTimeoutError,
    WorkflowValidationError,
)
from workflows.events import Event, HumanResponseEvent, InputRequiredEvent, StartEvent, StopEvent
from workflows.handler import WorkflowHandler
from workflows.resource import Resource
from workflows.testing import check_snapshot, simulate

pytestmark = pytest.mark.anyio
Backend: TypeAlias = Literal["asyncio", "trio"]


class Decision(HumanResponseEvent):
    yes: bool


class Approval(InputRequiredEvent, answer=Decision):
    what: str


class Claim(StartEvent):
    number: int
    cents: int = 100


class Checked(Event):
    number: int


class Verdict(StopEvent):
    number: int
    paid: bool


class Review(Workflow):
    """Checks a claim; a large one is for a person to decide."""

    def __init__(self, calls: list[Any] | None = None, **options: Any) -> None:
        super().__init__(types=[Approval], **options)
        self.calls: list[Any] = [] if calls is None else calls

    @step
    async def check(self, ctx: Context, ev: Claim) -> Checked | Verdict:
        await ctx.once(self.calls.append, ("check", ev.number))
        ctx.write_event_to_stream(Checked(number=ev.number))
        if ev.cents < 0:
            raise ValueError(f"claim {ev.number} is negative")
        if ev.cents < 1000:
            return Verdict(number=ev.number, paid=True)
        decision = await ctx.ask(Approval(what=f"claim {ev.number}"))
        return Verdict(number=ev.number, paid=decision.yes)

    @step
    async def end(self, ev: Checked) -> Verdict:
        raise NotImplementedError


class Month(Workflow):
    """Reviews claims, all at once, each in a run of its own."""

    def __init__(self, review: Review, **options: Any) -> None:
        super().__init__(children=[review], types=[Approval], **options)
        self.review = review

    @step
    async def settle(self, ctx: Context, ev: StartEvent) -> StopEvent:
        cents: list[int] = ev["cents"]
        paid: dict[int, bool] = {}

        async def settle_one(number: int) -> None:
            async with ctx.branch(number):
                verdict: Verdict = await ctx.run(self.review, key=f"claim {number}", number=number, cents=cents[number])
                paid[number] = verdict.paid

        async with anyio.create_task_group() as group:
            for number in range(len(cents)):
                group.start_soon(settle_one, number)
        return StopEvent(result=[paid[number] for number in sorted(paid)])


PATHS = {("settle/Review[claim 0]",), ("settle/Review[claim 2]",)}


async def until_asked(handler: WorkflowHandler, count: int) -> None:
    """Wait until so many questions are open, and nothing is at work."""
    async for _ in handler.stream_events():
        if len(handler.pending) == count:
            break
    await anyio.wait_all_tasks_blocked()


class Sole(Workflow):
    """One step that does what it's given."""

    def __init__(self, body: Any, *children: Workflow, **options: Any) -> None:
        super().__init__(children=children, types=[Approval], **options)
        self.body = body

    @step
    async def only(self, ctx: Context, ev: StartEvent) -> StopEvent:
        return StopEvent(result=await self.body(ctx))


async def test_a_child_gives_what_awaiting_its_run_would_give() -> None:
    class Plain(Workflow):
        @step
        async def only(self, ev: StartEvent) -> StopEvent:
            return StopEvent(result=7)

    plain, review = Plain(), Review()

    async def body(ctx: Context) -> list[Any]:
        return [await ctx.run(plain), await ctx.run(review, number=1)]

    with anyio.fail_after(5):
        assert await Sole(body, plain, review).run() == [7, Verdict(number=1, paid=True)]


async def test_a_child_that_waits_for_nobody_is_awaited_in_place() -> None:
    """The step isn't replayed for it."""
    review, bodies = Review(), 0

    async def body(ctx: Context) -> None:
        nonlocal bodies
        bodies += 1
        for number in range(3):
            await ctx.run(review, number=number)

    with anyio.fail_after(5):
        await Sole(body, review).run()
    assert bodies == 1


@pytest.mark.guarantee("W1", "W3", "W10")
async def test_questions_of_children_are_the_runs_with_their_path_and_survive_a_restart() -> None:
    calls: list[Any] = []
    with anyio.fail_after(5):
        async with Month(Review(calls)).running(cents=[5000, 1, 7000]) as handler:
            await until_asked(handler, 2)
            assert {question.path for question in handler.pending} == PATHS
            assert [question.step for question in handler.pending] == ["check", "check"]
            with pytest.raises(AmbiguousAnswer) as caught:
                await handler.send_event(Decision(yes=True))
            by_id = {question.id: question for question in handler.pending}
            assert {
                question.id: question for question in caught.value.candidates if isinstance(question, Question)
            } == by_id
            bad = Decision(yes="perhaps")  # type: ignore[arg-type]  # what comes from outside may be anything
            with pytest.raises(InvalidAnswer):
                await handler.send_event(bad, reply_to=handler.pending[0].id)
            stored = json.loads(json.dumps(handler.ctx.to_dict()))
        month = Month(Review(calls))
        assert check_snapshot(month, stored) == []
        restored: Context[Any] = Context.from_dict(month, stored)
        questions = {question.path: question for question in restored.pending}
        assert questions.keys() == PATHS
        again = month.run(restored)
        await again.send_event(Decision(yes=False), reply_to=questions["settle/Review[claim 2]",].id)
        await again.send_event(Decision(yes=True))
        assert await again == [True, True, False]
    assert sorted(calls) == [("check", 0), ("check", 1), ("check", 2)], "nothing was done twice"


async def test_what_children_stream_is_in_the_stream_of_the_run_but_not_how_they_end() -> None:
    with anyio.fail_after(5):
        handler = Month(Review()).run(cents=[1, 2])
        events = [event async for event in handler.stream_events()]
    assert sorted(event.number for event in events if isinstance(event, Checked)) == [0, 1]
    assert [type(event) for event in events if not isinstance(event, Checked)] == [StopEvent]


async def test_running_steps_name_those_of_children() -> None:
    told: list[list[str]] = []
    started = anyio.Event()
    go_on = anyio.Event()

    class Slow(Workflow):
        @step
        async def work(self, ev: StartEvent) -> StopEvent:
            started.set()
            await go_on.wait()
            return StopEvent()

    slow = Slow()

    async def body(ctx: Context) -> object:
        return await ctx.run(slow)

    with anyio.fail_after(5):
        handler = Sole(body, slow).run()
        await started.wait()
        told.append(await handler.ctx.running_steps())
        go_on.set()
        await handler
    assert told == [["only", "only/Slow/work"]]


@pytest.mark.guarantee("R2")
async def test_what_a_child_fails_with_is_raised_where_it_is_awaited_and_says_where_it_comes_from() -> None:
    review = Review()
    caught: list[ValueError] = []
    frames: list[int] = []

    async def body(ctx: Context) -> str:
        try:
            await ctx.run(review, number=3, cents=-1)
        except ValueError as error:
            caught.append(error)
            frames.append(len(traceback.extract_tb(error.__traceback__)))
        decision = await ctx.ask(Approval(what="go on?"))
        return f"{decision.yes}"

    with anyio.fail_after(5):
        handler = Sole(body, review).run()
        await until_asked(handler, 1)
        await handler.send_event(Decision(yes=True))
        assert await handler == "True"
    assert [str(error) for error in caught] == ["claim 3 is negative"] * 2, "the replay is given it again"
    assert frames[0] == frames[1], "with the traceback that it came with"
    assert any("in step 'check' of Review" in note for note in caught[0].__notes__)
    assert review.calls == [("check", 3)]


@pytest.mark.guarantee("R1")
async def test_a_child_ends_with_its_step_and_with_its_run() -> None:
    cleaned: list[str] = []
    started = anyio.Event()

    class Slow(Workflow):
        @step
        async def work(self, ev: StartEvent) -> StopEvent:
            try:
                started.set()
                await anyio.sleep_forever()
            finally:
                cleaned.append("work")
            raise NotImplementedError

    slow = Slow()

    async def by_itself(ctx: Context) -> object:
        return await ctx.run(slow)

    async def fails_beside(ctx: Context) -> None:
        async with anyio.create_task_group() as group:
            group.start_soon(ctx.run, slow)
            await started.wait()
            raise LookupError("beside")

    with anyio.fail_after(5):
        with pytest.raises(ExceptionGroup) as caught:
            await Sole(fails_beside, slow).run()
        assert caught.group_contains(LookupError, match="beside")
        assert cleaned == ["work"]
        started = anyio.Event()
        handler = Sole(by_itself, slow).run()
        await started.wait()
        await handler.cancel_run()
        assert cleaned == ["work", "work"]


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_a_deadline_around_a_child_lets_it_stand_still_and_a_replay_comes_to_the_same(backend: Backend) -> None:
    class Slow(Workflow):
        @step
        async def work(self, ev: StartEvent) -> StopEvent:
            await anyio.sleep(100)
            return StopEvent(result="slow")

    slow, bodies = Slow(None), 0

    async def body(ctx: Context) -> list[Any]:
        nonlocal bodies
        bodies += 1
        found: list[Any] = []
        with anyio.move_on_after(5) as scope:
            found.append(await ctx.run(slow))
        decision = await ctx.ask(Approval(what="go on?"))
        return [*found, scope.cancelled_caught, decision.yes]

    async def scenario() -> Any:
        handler = Sole(body, slow, timeout=None).run()
        await until_asked(handler, 1)
        await handler.send_event(Decision(yes=True))
        return await handler

    assert simulate(scenario, backend=backend) == [True, True]
    assert bodies == 2


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_a_childs_own_time_budget_counts(backend: Backend) -> None:
    class Slow(Workflow):
        @step
        async def work(self, ev: StartEvent) -> StopEvent:
            await anyio.sleep(100)
            raise NotImplementedError

    slow = Slow(timeout=10)

    async def body(ctx: Context) -> str:
        try:
            await ctx.run(slow)
        except WorkflowTimeoutError as error:
            return str(error).split(";")[0]
        raise NotImplementedError

    async def scenario() -> Any:
        return await Sole(body, slow, timeout=None).run()

    assert simulate(scenario, backend=backend) == "Run 'child 1' of Slow has spent its 10 seconds"


async def test_a_child_of_a_workflow_that_parks_is_awaited_in_place_while_it_waits() -> None:
    bodies = 0
    review = Review(waits="park")

    async def body(ctx: Context) -> bool:
        nonlocal bodies
        bodies += 1
        verdict: Verdict = await ctx.run(review, number=1, cents=5000)
        return verdict.paid

    with anyio.fail_after(5):
        handler = Sole(body, review, waits="park").run()
        await until_asked(handler, 1)
        await handler.send_event(Decision(yes=True))
        assert await handler is True
    assert bodies == 1


async def test_resources_that_live_as_long_as_a_run_are_opened_once_for_all_its_children() -> None:
    said: list[str] = []

    @asynccontextmanager
    async def connect() -> AsyncGenerator[str]:
        said.append("opened")
        yield "connection"
        said.append("closed")

    def client() -> str:
        said.append("made")
        return "client"

    class Using(Workflow):
        @step
        async def work(
            self,
            ev: StartEvent,
            connection: Annotated[str, Resource(connect)],
            cached: Annotated[str, Resource(client)],
        ) -> StopEvent:
            said.append(f"{cached} uses {connection}")
            return StopEvent()

    using = Using()

    async def body(ctx: Context) -> None:
        await ctx.run(using)
        await ctx.run(using)

    with anyio.fail_after(5):
        await Sole(body, using).run()
    used = ["client uses connection"] * 2
    assert said == ["opened", "made", *used, "closed"]


async def test_children_have_states_of_their_own() -> None:
    class Counting(Workflow):
        @step
        async def work(self, ctx: Context, ev: StartEvent) -> StopEvent:
            async with ctx.store.edit_state() as state:
                state["n"] = state.get("n", 0) + 1
            return StopEvent(result=await ctx.store.get("n"))

    counting = Counting()

    async def body(ctx: Context) -> list[Any]:
        await ctx.store.set("n", 10)
        return [await ctx.run(counting), await ctx.run(counting), await ctx.store.get("n")]

    with anyio.fail_after(5):
        assert await Sole(body, counting).run() == [1, 1, 10]


@pytest.mark.guarantee("W6")
async def test_a_snapshot_with_a_child_that_is_none_any_more_is_refused_when_its_loaded() -> None:
    with anyio.fail_after(5):
        async with Month(Review()).running(cents=[5000]) as handler:
            await until_asked(handler, 1)
            stored = handler.ctx.to_dict()

    class Alone(Workflow):
        @step
        async def settle(self, ctx: Context, ev: StartEvent) -> StopEvent:
            raise NotImplementedError

    alone = Alone(workflow_name=str(stored["workflow"]), types=[Approval])
    with pytest.raises(SnapshotMismatch, match="is no child of Alone any more; its children: none"):
        Context.from_dict(alone, stored)

    class Renamed(Review):
        check = None  # type: ignore[assignment]  # the step is taken away

        @step
        async def check_again(self, ev: Claim) -> Checked | Verdict:
            raise NotImplementedError

    review = Renamed(workflow_name=Review().workflow_name)
    problems = check_snapshot(Month(review, workflow_name=str(stored["workflow"])), stored)
    assert any("settle/Review[claim 0]: step 'check' is gone" in problem for problem in problems)


class Rewritten(Review):
    """Another step checks claims, and needs nobody for it."""

    check = None  # type: ignore[assignment]  # the step is taken away

    @step
    async def check_again(self, ctx: Context, ev: Claim) -> Checked | Verdict:
        await ctx.once(self.calls.append, ("checked again", ev.number))
        return Verdict(number=ev.number, paid=False)


class Loosely(Month):
    """The child's task is no branch's own."""

    @step
    async def settle(self, ctx: Context, ev: StartEvent) -> StopEvent:
        paid: dict[int, bool] = {}

        async def settle_one(number: int, cents: int) -> None:
            paid[number] = (await ctx.run(self.review, number=number, cents=cents)).paid

        async with anyio.create_task_group() as group:
            for number, cents in enumerate(ev["cents"]):
                group.start_soon(settle_one, number, cents)
        return StopEvent(result=[paid[number] for number in sorted(paid)])


@pytest.mark.guarantee("W6")
@pytest.mark.parametrize("month", [Month, Loosely])
async def test_a_child_in_which_accepted_changes_leave_nothing_to_do_is_run_anew(
    month: type[Month], caplog: pytest.LogCaptureFixture
) -> None:
    """Its step waited for ever for what nobody did any more."""
    with anyio.fail_after(5):
        async with month(Review()).running(cents=[5000, 10]) as handler:
            await until_asked(handler, 1)
            stored = json.loads(json.dumps(handler.ctx.to_dict()))
            (question,) = handler.pending
        review = Rewritten(workflow_name=Review().workflow_name)
        changed = month(review)
        with pytest.raises(SnapshotMismatch, match="nothing is left to do in it, so a replay"):
            Context.from_dict(changed, stored)
        handler = changed.run(Context.from_dict(changed, stored, on_mismatch="accept"))
        with pytest.raises(AlreadyAnswered):
            await handler.send_event(Decision(yes=True), reply_to=question.id)
        assert await handler == [False, True]
    assert review.calls == [("checked again", 0)]
    assert "nothing is left to do in it, so a replay of its step runs it anew" in caplog.text


async def test_what_isnt_declared_or_doesnt_fit_is_refused_with_the_way_out() -> None:
    review = Review()

    async def undeclared(ctx: Context) -> None:
        await ctx.run(Review(), number=1)

    async def badly(ctx: Context) -> None:
        await ctx.run(review, number="seven")

    async def inside_once(ctx: Context) -> None:
        await ctx.once(lambda: ctx.run(review, number=1))

    async def no_workflow(ctx: Context) -> None:
        await ctx.run(Review, number=1)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]  # the class

    with anyio.fail_after(5):
        with pytest.raises(UsageError, match="Declare the instance"):
            await Sole(undeclared, review).run()
        with pytest.raises(InvalidStartEvent, match=r"ctx\.run\(\) was given number='seven'"):
            await Sole(badly, review).run()
        with pytest.raises(UsageError, match="can't be used inside"):
            await Sole(inside_once, review).run()
        with pytest.raises(UsageError, match="Declare the instance"):
            await Sole(no_workflow, review).run()
    with pytest.raises(ContextStateError):
        await Context(review).run(review)
    with pytest.raises(WorkflowValidationError, match=r"children\[0\] is .* which is no workflow"):
        Month(3)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]  # what's tested
    with pytest.raises(WorkflowValidationError, match=r"is named .* as another one is"):
        Sole(badly, Review(), Review())


async def test_two_equal_children_in_tasks_without_a_branch_are_told_apart_by_nothing() -> None:
    review = Review()

    async def body(ctx: Context) -> None:
        async with anyio.create_task_group() as group:
            for _ in range(2):
                group.start_soon(lambda: ctx.run(review, number=1))

    with anyio.fail_after(5):
        with pytest.raises(ExceptionGroup) as caught:
            await Sole(body, review).run()
    assert caught.group_contains(UsageError, match=r"ctx\.branch")


class Decide(HumanResponseEvent):
    """Lets a step of the run answer in place of a person."""

    question: str


class WithDeputy(Workflow):
    """One step has a child that asks, and another one answers."""

    def __init__(self, child: Workflow, body: Any) -> None:
        super().__init__(children=[child], types=[Approval])
        self.child = child
        self.body = body

    @step
    async def only(self, ctx: Context, ev: StartEvent) -> StopEvent:
        return StopEvent(result=await ctx.run(self.child, number=1, cents=5000))

    @step
    async def deputy(self, ctx: Context, ev: Decide) -> None:
        self.body(ctx, ev)


@pytest.mark.guarantee("W3")
@pytest.mark.parametrize("is_addressed", [False, True])
async def test_a_step_may_answer_what_a_child_of_another_step_asks(is_addressed: bool) -> None:
    def answer(ctx: Context, ev: Decide) -> None:
        ctx.send_event(Decision(yes=True), reply_to=ev.question if is_addressed else None)

    with anyio.fail_after(5):
        handler = WithDeputy(Review(), answer).run()
        await until_asked(handler, 1)
        handler.ctx.send_event(Decide(question=handler.pending[0].id), step="deputy")
        assert await handler == Verdict(number=1, paid=True)


@pytest.mark.guarantee("W4")
@pytest.mark.parametrize("is_addressed", [False, True])
async def test_a_child_of_a_run_that_waits_for_its_turn_takes_answers_as_the_run_does(is_addressed: bool) -> None:
    review = Review()

    async def body(ctx: Context) -> bool:
        verdict: Verdict = await ctx.run(review, number=1, cents=5000)
        return verdict.paid

    with anyio.fail_after(5):
        async with Sole(body, review).running() as asking:
            await until_asked(asking, 1)
            stored = asking.ctx.to_dict()
        started, go_on = anyio.Event(), anyio.Event()

        async def hold(ctx: Context) -> None:
            started.set()
            await go_on.wait()

        workflow = Sole(hold, review, num_concurrent_runs=1)
        first = workflow.run()
        await started.wait()
        workflow.body = body
        handler = workflow.run(Context.from_dict(workflow, stored))
        (question,) = handler.pending
        await handler.send_event(Decision(yes=True), reply_to=question.id if is_addressed else None)
        assert not handler.pending
        go_on.set()
        assert await handler is True
        await first


@pytest.mark.guarantee("W1", "D1")
async def test_what_a_step_does_to_the_result_of_a_child_isnt_done_to_what_a_replay_is_given() -> None:
    class Listing(Workflow):
        @step
        async def only(self, ev: StartEvent) -> StopEvent:
            return StopEvent(result=["from the child"])

    listing = Listing()

    async def body(ctx: Context) -> list[str]:
        found: list[str] = await ctx.run(listing)
        found.append("from the step")
        await ctx.ask(Approval(what="go on?"))
        return found

    with anyio.fail_after(5):
        handler = Sole(body, listing).run()
        await until_asked(handler, 1)
        workflow = Sole(body, listing)
        restored = workflow.run(Context.from_dict(workflow, handler.ctx.to_dict()))
        for each in handler, restored:
            await each.send_event(Decision(yes=True))
            assert await each == ["from the child", "from the step"]


class Untidy(Workflow):
    """Raises something else when it's cancelled."""

    def __init__(self) -> None:
        super().__init__()
        self.started = anyio.Event()

    @step
    async def work(self, ev: StartEvent) -> StopEvent:
        try:
            self.started.set()
            await anyio.sleep_forever()
        finally:
            raise LookupError("clean-up")


@pytest.mark.guarantee("R2")
async def test_what_clean_up_in_a_child_raises_is_raised_with_the_end_of_the_run() -> None:
    untidy = Untidy()

    async def by_itself(ctx: Context) -> object:
        return await ctx.run(untidy)

    with anyio.fail_after(5):
        handler = Sole(by_itself, untidy).run()
        await untidy.started.wait()
        await handler.cancel_run()
        with pytest.raises(LookupError, match="clean-up") as caught:
            await handler
    assert any("in step 'only/Untidy/work', while it was cancelled" in note for note in caught.value.__notes__)


@pytest.mark.guarantee("R2")
async def test_errors_of_clean_up_in_a_child_are_logged_while_the_run_goes_on(caplog: pytest.LogCaptureFixture) -> None:
    untidy = Untidy()

    async def gives_up(ctx: Context) -> str:
        with anyio.CancelScope() as scope:
            async with anyio.create_task_group() as group:
                group.start_soon(ctx.run, untidy)
                await untidy.started.wait()
                scope.cancel()
        decision = await ctx.ask(Approval(what="go on?"))
        return f"{decision.yes}"

    with anyio.fail_after(5):
        handler = Sole(gives_up, untidy).run()
        await until_asked(handler, 1)
        await handler.cancel_run()
    (record,) = [record for record in caplog.records if "raised while it was cancelled" in record.message]
    assert "'only/Untidy/work'" in record.message
    assert record.exc_info is not None
    assert isinstance(record.exc_info[1], LookupError)


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_a_run_that_is_out_of_time_names_the_steps_of_children_that_were_at_work(backend: Backend) -> None:
    """Its own step was suspended when its child asked."""

    class Slow(Workflow):
        @step
        async def work(self, ctx: Context, ev: StartEvent) -> StopEvent:
            await ctx.ask(Approval(what="slowly?"))
            await anyio.sleep(100)
            raise NotImplementedError

    slow = Slow(timeout=None, types=[Approval])

    async def body(ctx: Context) -> object:
        return await ctx.run(slow)

    async def scenario() -> str:
        handler = Sole(body, slow, timeout=10).run()
        await until_asked(handler, 1)
        await handler.send_event(Decision(yes=True))
        with pytest.raises(WorkflowTimeoutError) as caught:
            await handler
        return str(caught.value)

    assert "active steps: only/Slow/work.\n" in simulate(scenario, backend=backend)


@pytest.mark.guarantee("W4")
async def test_an_answer_to_a_child_that_ended_with_its_run_is_told_that_its_late() -> None:
    review = Review()

    async def run_review(ctx: Context) -> object:
        return await ctx.run(review, number=1, cents=5000)

    between = Sole(run_review, review)

    class Quits(Workflow):
        @step
        async def only(self, ctx: Context, ev: StartEvent) -> StopEvent:
            return StopEvent(result=await ctx.run(between))

        @step
        async def deputy(self, ev: Decide) -> StopEvent:
            return StopEvent(result="quit")

    with anyio.fail_after(5):
        handler = Quits(children=[between], types=[Approval]).run()
        await until_asked(handler, 1)
        handler.ctx.send_event(Decide(question=""), step="deputy")
        assert await handler == "quit"
        with pytest.raises(AlreadyAnswered):
            await handler.send_event(Decision(yes=True))


async def test_a_run_that_waits_for_a_child_with_nothing_left_to_do_is_told_of(
    caplog: pytest.LogCaptureFixture,
) -> None:
    class Stalling(Workflow):
        @step
        async def begin(self, ev: StartEvent) -> Checked | None:
            return None

        @step
        async def end(self, ev: Checked) -> StopEvent:
            raise NotImplementedError

    stalling = Stalling()

    async def body(ctx: Context) -> object:
        return await ctx.run(stalling, key="first")

    for waits in ("replay", "park"):
        caplog.clear()
        with anyio.fail_after(5):
            async with Sole(body, stalling, waits=waits).running():
                await anyio.wait_all_tasks_blocked()
        (record,) = [record for record in caplog.records if "has nothing left to do" in record.message]
        assert record.message.endswith("it waits for child runs of which that's true: only/Stalling[first]")


async def test_a_run_whose_child_asks_has_something_to_wait_for(caplog: pytest.LogCaptureFixture) -> None:
    with anyio.fail_after(5):
        async with Month(Review()).running(cents=[5000, 7000]) as handler:
            await until_asked(handler, 2)
    assert "has nothing left to do" not in caplog.text


async def test_a_snapshot_without_state_is_without_that_of_children_too() -> None:
    class Keeping(Workflow):
        @step
        async def only(self, ctx: Context, ev: StartEvent) -> StopEvent:
            await ctx.store.set("kept", "what the child keeps")
            await ctx.ask(Approval(what="go on?"))
            return StopEvent()

    keeping = Keeping(types=[Approval])

    async def body(ctx: Context) -> object:
        return await ctx.run(keeping)

    with anyio.fail_after(5):
        async with Sole(body, keeping).running() as handler:
            await until_asked(handler, 1)
            assert "what the child keeps" in json.dumps(handler.ctx.to_dict())
            assert "what the child keeps" not in json.dumps(handler.ctx.to_dict(include_state=False))
