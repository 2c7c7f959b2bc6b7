"""Fan-out and joins in whole runs: what a list opens, what a join is given, and what can go wrong with a member."""

import json
import logging
from typing import Annotated, Any, Literal

import anyio
import anyio.lowlevel
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.conftest import Backend
from workflows import Context, Workflow, step
from workflows.collect import Collect, Take
from workflows.core.questions import Question
from workflows.errors import ContextSerdeError, SnapshotMismatch, WorkflowRuntimeError, WorkflowValidationError
from workflows.events import Event, HumanResponseEvent, InputRequiredEvent, StartEvent, StepStateChanged, StopEvent
from workflows.testing import Process, simulate, sweep_cancel, sweep_crash


class Go(StartEvent):
    count: int = 3
    what: str = ""


class Task(Event):
    n: int


class Extra(Event):
    n: int


class Done(Event):
    n: int


class Sum(Event):
    n: int


class Decided(HumanResponseEvent):
    yes: bool


class Decide(InputRequiredEvent, answer=Decided):
    n: int


class AtOnce:
    """A retry policy that always tries again, at once."""

    def next(self, elapsed_time: float, attempts: int, error: Exception, *, seed: int | None = None) -> float | None:
        return 0.0


def numbers(events: list[Any]) -> list[int]:
    return [event.n for event in events]


# --- 21 ---------------------------------------------------------------------------------------------------------------


class Fan(Workflow):
    """Returns what it's told to: a list, an event beside it, nothing, or what it doesn't declare."""

    @step
    async def split(self, ev: Go) -> list[Task] | Extra | None:
        undeclared: Any = {"bare": Done(n=1), "list": [Task(n=1), Done(n=2)], "number": 7}
        if ev.what in undeclared:
            returned: list[Task] = undeclared[ev.what]
            return returned
        if ev.what == "extra":
            return Extra(n=1)
        return None if ev.what == "none" else [Task(n=n) for n in range(ev.count)]

    @step
    async def work(self, ev: Task) -> Done | None:
        await anyio.sleep(5 - ev.n % 3)  # so that they don't arrive in their order
        return Done(n=ev.n) if ev.n % 2 == 0 else None

    @step
    async def extra(self, ev: Extra) -> StopEvent:
        return StopEvent(result="extra")

    @step
    async def join(self, done: list[Done]) -> StopEvent:
        return StopEvent(result=numbers(done))


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_a_list_is_worked_on_at_once_and_joined_in_its_order_without_what_was_dropped(
    backend: Literal["asyncio", "trio"],
) -> None:
    """Semantics 21."""

    async def scenario() -> tuple[object, float]:
        began = anyio.current_time()
        return await Fan().run(count=4), anyio.current_time() - began

    result, lasted_s = simulate(scenario, backend=backend)
    assert result == [0, 2]
    assert lasted_s == pytest.approx(5, abs=0.01)


@pytest.mark.anyio
async def test_an_empty_list_is_joined_and_an_event_beside_it_is_an_event() -> None:
    """Semantics 21."""
    with anyio.fail_after(5):
        assert await Fan().run(count=0) == []
        assert await Fan().run(what="extra") == "extra"
        handler = Fan().run(what="none")
        await anyio.wait_all_tasks_blocked()
        assert not handler.is_done()
        await handler.cancel_run()


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("what", "found"), [("bare", r"Done\(n=1\)"), ("list", r"a list with Done\(n=2\)"), ("number", "7, which isn't an")]
)
async def test_what_a_step_does_not_declare_it_cannot_return(what: str, found: str) -> None:
    """Semantics 21."""
    with (
        anyio.fail_after(5),
        pytest.raises(WorkflowRuntimeError, match=rf"'split' returned {found}.*has Extra, list\[Task\]"),
    ):
        await Fan().run(what=what)


@pytest.mark.anyio
async def test_readers_are_told_what_lists_hold(capsys: pytest.CaptureFixture[str]) -> None:
    with anyio.fail_after(5):
        handler = Slots(verbose=True).run(count=1)
        told = [event async for event in handler.stream_events(expose_internal=True)]
    changes = [event for event in told if isinstance(event, StepStateChanged)]
    assert {event.name: (event.input_event_name, event.output_event_name) for event in changes} == {
        "split": ("Go", "list[Task | Extra]"),
        "pair": ("CollectionReleaseEvent", "Done"),
        "join": ("CollectionReleaseEvent", "StopEvent"),
    }
    assert "Step split produced event list[Task | Extra]" in capsys.readouterr().out


# --- 22 ---------------------------------------------------------------------------------------------------------------


class Nested(Workflow):
    """A list of lists: each inner one is joined on its own, and the outer one by what came of them."""

    @step
    async def split(self, ev: Go) -> list[Task]:
        return [Task(n=n) for n in range(ev.count)]

    @step
    async def again(self, ev: Task) -> list[Extra]:
        return [Extra(n=10 * ev.n + n) for n in range(ev.n)]

    @step
    async def work(self, ev: Extra) -> Done | None:
        return None if ev.n == 10 else Done(n=ev.n)

    @step
    async def inner(self, done: list[Done]) -> Sum | None:
        return Sum(n=sum(numbers(done))) if done else None

    @step
    async def outer(self, sums: list[Sum]) -> StopEvent:
        return StopEvent(result=numbers(sums))


@pytest.mark.anyio
@pytest.mark.parametrize(("count", "sums"), [(0, []), (1, []), (2, []), (4, [20 + 21, 30 + 31 + 32])])
async def test_lists_in_lists_are_joined_level_by_level(count: int, sums: list[int]) -> None:
    """Semantics 22: also when every inner branch has dropped."""
    with anyio.fail_after(5):
        assert await Nested().run(count=count) == sums


class Twice(Workflow):
    """Two producers of one list class, and two joins of it; Trio chooses which of these comes last."""

    def __init__(self) -> None:
        super().__init__()
        self.joined: list[tuple[str, list[int]]] = []

    @step
    async def first(self, ev: Go) -> list[Done]:
        return [Done(n=1), Done(n=2)]

    @step
    async def second(self, ev: Go) -> list[Done]:
        return [Done(n=3)]

    @step
    async def one(self, done: list[Done]) -> StopEvent | None:
        return self.joins("one", done)

    @step
    async def other(self, done: list[Done]) -> StopEvent | None:
        return self.joins("other", done)

    def joins(self, name: str, done: list[Done]) -> StopEvent | None:
        self.joined.append((name, numbers(done)))
        return StopEvent() if len(self.joined) == 4 else None


@pytest.mark.anyio
async def test_batches_never_merge_and_each_join_sees_the_whole_of_each() -> None:
    """Semantics 22."""
    workflow = Twice()
    with anyio.fail_after(5):
        await workflow.run()
    assert sorted(workflow.joined) == [(name, found) for name in ("one", "other") for found in ([1, 2], [3])]


# --- 23 ---------------------------------------------------------------------------------------------------------------


class Flaky(Workflow):
    """Members and joins that fail once, wait for a human, and say what they were given."""

    def __init__(self) -> None:
        super().__init__(types=[Decide, Decided])
        self.given: list[list[int]] = []

    @step
    async def split(self, ev: Go) -> list[Task]:
        return [Task(n=n) for n in range(ev.count)]

    @step(retry_policy=AtOnce())
    async def work(self, ctx: Context, ev: Task) -> Done | None:
        if ev.n == 1 and not ctx.retry_info().retry_number:
            raise ConnectionError("not yet")
        if ev.n == 2 and not (await ctx.ask(Decide(n=ev.n))).yes:
            return None
        return Done(n=ev.n)

    @step(retry_policy=AtOnce())
    async def first(self, ctx: Context, done: Annotated[list[Done], Collect(Take(2))]) -> None:
        self.given.append(numbers(done))
        if not ctx.retry_info().retry_number:
            raise ConnectionError("not yet")

    @step(retry_policy=AtOnce())
    async def join(self, ctx: Context, done: list[Done]) -> StopEvent:
        self.given.append(numbers(done))
        if not ctx.retry_info().retry_number:
            raise ConnectionError("not yet")
        decided = await ctx.ask(Decide(n=99))
        return StopEvent(result=(numbers(done), decided.yes))


async def flaky(process: Process) -> Any:
    handler = process.run(Flaky(), count=4)

    def decide(question: Question) -> Event:
        assert isinstance(question.event, Decide)
        return Decided(yes=question.event.n == 2)

    return await process.answer(handler, decide)


@pytest.mark.guarantee("W1", "W4")
@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_wherever_a_process_dies_its_members_and_joins_come_to_the_same(backend: Any) -> None:
    """Semantics 10 and 23: half-filled joins survive; retry and waiting deliver the same batch again."""
    assert sweep_crash(flaky, backend=backend) > 20


@pytest.mark.guarantee("W1", "W4")
@pytest.mark.parametrize("backend", ["asyncio", "trio"])
@given(count=st.integers(0, 5), seed=st.integers(0, 2**32 - 1))
def test_lists_in_lists_come_to_the_same_wherever_the_process_dies(backend: Any, count: int, seed: int) -> None:
    async def scenario(process: Process) -> Any:
        return await process.run(Nested(), count=count)

    sweep_crash(scenario, backend=backend, seed=seed)


@pytest.mark.anyio
async def test_a_join_that_is_tried_again_and_waits_is_given_exactly_the_same_batch() -> None:
    """Semantics 23."""
    workflow = Flaky()
    with anyio.fail_after(5):
        handler = workflow.run(count=4)
        await anyio.wait_all_tasks_blocked()
        assert [question.event for question in handler.pending] == [Decide(n=2)]
        await handler.send_event(Decided(yes=False))
        await anyio.wait_all_tasks_blocked()
        await handler.send_event(Decided(yes=True))
        assert await handler == ([0, 1, 3], True)
    assert [given for given in workflow.given if len(given) == 3] == [[0, 1, 3]] * 3
    first = [given for given in workflow.given if len(given) == 2]
    assert first == [first[0]] * 2


@pytest.mark.guarantee("R1")
@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_a_run_that_is_cancelled_between_fan_out_and_join_leaves_nothing(backend: Any) -> None:
    async def scenario() -> None:
        async with Fan().running(count=4) as handler:
            assert await handler == [0, 2]

    assert sweep_cancel(scenario, backend=backend) > 5


@pytest.mark.anyio
async def test_the_next_run_of_a_context_begins_with_no_half_filled_joins() -> None:
    """Semantics 12."""

    class Stopping(Fan):
        @step
        async def extra(self, ev: Extra) -> StopEvent:
            return StopEvent(result="stopped")

        @step
        async def work(self, ev: Task) -> Done | None:
            if ev.n < 0:
                await anyio.sleep_forever()
            return Done(n=ev.n)

        @step
        async def split(self, ev: Go) -> list[Task] | Extra | None:
            return [Task(n=1), Task(n=-1)] if ev.what == "hang" else [Task(n=5)]

    workflow = Stopping()
    with anyio.fail_after(5):
        handler = workflow.run(what="hang")
        await anyio.wait_all_tasks_blocked()
        await handler.send_event(Extra(n=1))
        assert await handler == "stopped"
        assert await workflow.run(handler.ctx) == [5]


# --- 24 ---------------------------------------------------------------------------------------------------------------


class Sending(Workflow):
    @step
    async def split(self, ev: Go) -> list[Task]:
        return [Task(n=1), Task(n=2)]

    @step
    async def work(self, ctx: Context, ev: Task) -> Done | None:
        if ev.n == 1:
            ctx.send_event(Done(n=100), step=await ctx.store.get("to", None))
        return Done(n=ev.n)

    @step
    async def join(self, done: list[Done]) -> StopEvent:
        return StopEvent(result=numbers(done))


@pytest.mark.anyio
async def test_what_is_sent_joins_no_batch_and_that_is_told(caplog: pytest.LogCaptureFixture) -> None:
    """Semantics 24."""
    with anyio.fail_after(5), caplog.at_level(logging.WARNING, "workflows"):
        assert await Sending().run() == [1, 2]
    told = [record for record in caplog.records if record.levelno == logging.WARNING]
    assert "Done(n=100)" in told[0].getMessage()
    assert "'join'" in told[0].getMessage()


@pytest.mark.anyio
async def test_what_is_sent_to_a_step_that_takes_a_list_fails_the_run() -> None:
    """Semantics 24; from outside it's refused to the sender."""
    workflow = Sending()
    ctx: Context[Any] = Context(workflow)
    await ctx.store.set("to", "join")
    with anyio.fail_after(5):
        with pytest.raises(WorkflowRuntimeError, match=r"'join' takes a list.*return it from a step"):
            await workflow.run(ctx)
        async with Flaky().running(count=3) as handler:
            with pytest.raises(WorkflowRuntimeError, match="'join' takes a list"):
                handler.ctx.send_event(Done(n=1), step="join")


@pytest.mark.anyio
async def test_a_list_that_nobody_makes_is_a_validation_error() -> None:
    """Semantics 24."""

    class Alone(Workflow):
        @step
        async def begin(self, ev: Go) -> Done:
            return Done(n=1)

        @step
        async def join(self, done: list[Done]) -> StopEvent:
            return StopEvent()

    with pytest.raises(WorkflowValidationError, match=r"'join' takes a list, list\[Done\], and no step returns"):
        Alone().validate()


# --- 25 ---------------------------------------------------------------------------------------------------------------


class Slots(Workflow):
    """Each member becomes two events, and pairs of them are joined: by type, and those of a type by arrival."""

    @step
    async def split(self, ev: Go) -> list[Task | Extra]:
        return [kind(n=n) for n in range(ev.count) for kind in (Task, Extra)]

    @step
    async def pair(self, extra: Extra, ctx: Context, task: Task) -> Done:
        return Done(n=10 * task.n + extra.n)

    @step
    async def join(self, done: list[Done]) -> StopEvent:
        return StopEvent(result=sorted(numbers(done)))


@pytest.mark.anyio
async def test_a_step_of_several_events_is_called_for_each_full_set() -> None:
    """Semantics 25."""
    with anyio.fail_after(5):
        assert await Slots().run(count=3) == [0, 11, 22]


class Special(Task): ...


class Loose(Workflow):
    """Takes what is derived from its classes, too: an exact class first."""

    @step
    async def split(self, ev: Go) -> list[Task | Extra]:
        return [Special(n=1), Extra(n=2), Task(n=3), Special(n=4)]

    @step(accept_event_subclasses=True)
    async def pair(self, special: Special, ctx: Context, task: Task) -> Done:
        return Done(n=10 * special.n + task.n)

    @step
    async def other(self, ev: Extra) -> None: ...

    @step
    async def join(self, done: list[Done]) -> StopEvent:
        return StopEvent(result=numbers(done))


class Either(Slots):
    """No class is exact: what is derived counts for the class that it's derived from."""

    @step
    async def split(self, ev: Go) -> list[Task | Extra]:
        return [Special(n=1), Extra(n=2), Special(n=3), Extra(n=4)]

    @step(accept_event_subclasses=True)
    async def pair(self, extra: Extra, ctx: Context, task: Task) -> Done:
        return Done(n=10 * extra.n + task.n)


class Odd(Special): ...


class Closest(Workflow):
    """What is derived from both classes counts for the closer one, whichever parameter comes first."""

    @step
    async def split(self, ev: Go) -> list[Task | Extra]:
        return [Odd(n=1), Extra(n=2), Task(n=3)]

    @step(accept_event_subclasses=True)
    async def pair(self, task: Task, ctx: Context, special: Special) -> Done:
        return Done(n=10 * task.n + special.n)

    @step
    async def other(self, ev: Extra) -> None: ...

    @step
    async def join(self, done: list[Done]) -> StopEvent:
        return StopEvent(result=numbers(done))


@pytest.mark.anyio
@pytest.mark.parametrize(("workflow", "sums"), [(Loose, [13]), (Either, [21, 43]), (Closest, [31])])
async def test_slots_take_subclasses_where_their_step_does(workflow: type[Workflow], sums: list[int]) -> None:
    """Semantics 25."""
    made = workflow(disable_validation=True)
    with anyio.fail_after(5):
        assert await made.run() == sums
        handler = made.run()
        async for _ in handler.stream_events():
            data = json.loads(json.dumps(handler.ctx.to_dict()))
            Context.from_dict(made, data)


@pytest.mark.anyio
async def test_a_snapshot_whose_join_is_gone_is_refused_before_any_step_runs() -> None:
    class Fewer(Workflow):
        @step
        async def split(self, ev: Go) -> list[Task]:
            raise NotImplementedError

        @step
        async def work(self, ctx: Context, ev: Task) -> Done | None:
            return Done(n=ev.n)

        @step
        async def renamed(self, done: list[Done]) -> StopEvent:
            raise NotImplementedError

    with anyio.fail_after(5):
        handler = Flaky().run(count=3)
        await anyio.wait_all_tasks_blocked()
        data = handler.ctx.to_dict()
        await handler.cancel_run()
    workflow = Fewer(types=[Decide, Decided])
    with pytest.raises(SnapshotMismatch, match="'join' is gone, and the join of batch 1 is of it"):
        Context.from_dict(workflow, data)


class Asking(Workflow):
    """Joins two events, and asks before it does anything with them."""

    def __init__(self) -> None:
        super().__init__(types=[Decide, Decided])

    @step
    async def split(self, ev: Go) -> list[Task | Extra]:
        return [Task(n=1), Extra(n=2)]

    @step
    async def pair(self, ctx: Context, task: Task, extra: Extra) -> StopEvent:
        await ctx.ask(Decide(n=0))
        return StopEvent(result=[task.n, extra.n])


class OtherOrder(Workflow):
    """The parameters change places."""

    def __init__(self) -> None:
        super().__init__(types=[Decide, Decided])

    @step
    async def split(self, ev: Go) -> list[Task | Extra]:
        raise NotImplementedError

    @step
    async def pair(self, ctx: Context, extra: Extra, task: Task) -> StopEvent:
        await ctx.ask(Decide(n=0))
        return StopEvent(result=[task.n, extra.n])


class OtherClasses(Workflow):
    """What had been an event of another class is one of the same."""

    def __init__(self) -> None:
        super().__init__(types=[Decide, Decided])

    @step
    async def split(self, ev: Go) -> list[Task | Extra]:
        raise NotImplementedError

    @step
    async def pair(self, ctx: Context, task: Task, other: Task) -> StopEvent:
        raise NotImplementedError

    @step
    async def single(self, ev: Extra) -> StopEvent:
        raise NotImplementedError


async def asked_with_a_pair() -> dict[str, Any]:
    """A snapshot of a run that has called a step with two events."""
    handler = Asking().run()
    await anyio.wait_all_tasks_blocked()
    data: dict[str, Any] = json.loads(json.dumps(handler.ctx.to_dict()))
    await handler.cancel_run()
    return data


@pytest.mark.anyio
@pytest.mark.guarantee("W6")
@pytest.mark.parametrize("now", [Asking, OtherOrder])
async def test_joined_events_find_their_parameters_when_these_have_changed_places(now: type[Workflow]) -> None:
    """Semantics 25. They kept their places, so that each parameter got an event of another class."""
    with anyio.fail_after(5):
        data, workflow = await asked_with_a_pair(), now()
        handler = workflow.run(Context[Any].from_dict(workflow, data))
        await handler.send_event(Decided(yes=True))
        assert await handler == [1, 2]


@pytest.mark.anyio
@pytest.mark.guarantee("W6")
async def test_joined_events_whose_parameters_take_other_classes_now_are_refused() -> None:
    with anyio.fail_after(5):
        data = await asked_with_a_pair()
        with pytest.raises(SnapshotMismatch, match="'pair' no longer accepts Extra"):
            Context[Any].from_dict(OtherClasses(), data)
        first, _ = data["executions"][0]["event"]["joined"]
        data["executions"][0]["event"]["joined"] = [first, first]
        with pytest.raises(SnapshotMismatch, match="'pair' takes Task, Extra together now, and was to take Task, Task"):
            Context[Any].from_dict(Asking(), data)


class Three(Workflow):
    """Joins three events, of which one waits for a person."""

    def __init__(self) -> None:
        super().__init__(types=[Decide, Decided])

    @step
    async def split(self, ev: Go) -> list[Task | Extra | Sum]:
        return [Task(n=1), Extra(n=2), Sum(n=3)]

    @step
    async def decide(self, ctx: Context, ev: Sum) -> Done:
        await ctx.ask(Decide(n=ev.n))
        return Done(n=ev.n)

    @step
    async def join(self, task: Task, extra: Extra, done: Done) -> StopEvent:
        return StopEvent(result=[task.n, extra.n, done.n])


class TwoOfThree(Workflow):
    """The third isn't joined any more: it ends the run."""

    def __init__(self) -> None:
        super().__init__(types=[Decide, Decided])

    @step
    async def split(self, ev: Go) -> list[Task | Extra | Sum]:
        raise NotImplementedError

    @step
    async def decide(self, ctx: Context, ev: Sum) -> Done:
        await ctx.ask(Decide(n=ev.n))
        return Done(n=ev.n)

    @step
    async def join(self, task: Task, extra: Extra) -> StopEvent:
        raise NotImplementedError

    @step
    async def end(self, ev: Done) -> StopEvent:
        return StopEvent(result=ev.n)


@pytest.mark.anyio
@pytest.mark.guarantee("W6")
async def test_a_join_that_has_lost_the_parameter_it_waited_for_is_refused_or_dropped(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """The snapshot was said to be none: what's gone is told, and what waited for it goes with it."""
    gone = r"step 'join' no longer takes tests.engine.test_joins:Done, which the events that have come for it \(Task, E"
    with anyio.fail_after(5):
        handler = Three().run()
        await anyio.wait_all_tasks_blocked()
        data: dict[str, Any] = json.loads(json.dumps(handler.ctx.to_dict()))
        await handler.cancel_run()
        unchanged, changed = Three(), TwoOfThree()
        with pytest.raises(SnapshotMismatch, match=gone):
            Context[Any].from_dict(changed, data)
        for workflow, result in (unchanged, [1, 2, 3]), (changed, 3):
            ctx = Context[Any].from_dict(workflow, data, on_mismatch="accept")
            handler = workflow.run(ctx)
            await handler.send_event(Decided(yes=True))
            assert await handler == result
    assert "no longer takes tests.engine.test_joins:Done" in caplog.text


@pytest.mark.anyio
@pytest.mark.guarantee("W6")
async def test_a_join_that_has_all_that_it_takes_and_was_not_called_is_in_no_snapshot() -> None:
    with anyio.fail_after(5):
        handler = Three().run()
        await anyio.wait_all_tasks_blocked()
        data: dict[str, Any] = json.loads(json.dumps(handler.ctx.to_dict()))
        await handler.cancel_run()
    (slot,) = data["slots"]
    slot["takes"].pop()
    with pytest.raises(ContextSerdeError, match="'join' has all that it joins, and wasn't called"):
        Context[Any].from_dict(TwoOfThree(), data)


@pytest.mark.guarantee("W4")
@given(count=st.integers(0, 30), workers=st.integers(1, 5))
def test_nothing_is_lost_between_fan_out_and_join(anyio_backend: Backend, count: int, workers: int) -> None:
    class Counting(Fan):
        @step(num_workers=workers)
        async def work(self, ev: Task) -> Done | None:
            await anyio.lowlevel.checkpoint()
            return Done(n=ev.n)

    async def main() -> Any:
        with anyio.fail_after(5):
            return await Counting().run(count=count)

    name, options = anyio_backend
    assert anyio.run(main, backend=name, backend_options=options) == list(range(count))
