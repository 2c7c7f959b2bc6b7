"""Steps at work: how many at once, which take what, and where a run begins and ends."""

from typing import Any

import anyio
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.conftest import Backend
from tests.engine.orphans import wait_until_all_wait
from workflows import Context, Workflow, step
from workflows.events import Event, HumanResponseEvent, InputRequiredEvent, StartEvent, StopEvent, UnhandledEvent


class Part(Event):
    number: int


class Special(Part):
    pass


class Other(Event):
    pass


class Order(StartEvent):
    amount: int
    name: str = "nobody"


class Receipt(StopEvent):
    total: int


class Crowd(Workflow):
    """Tells how many of its parts are at work at once; each waits until it's let go."""

    def __init__(self, parts: int) -> None:
        super().__init__()
        self.parts = parts
        self.at_work = 0
        self.most = 0
        self.gate = anyio.Event()

    @step
    async def split(self, ctx: Context[Any], ev: StartEvent) -> Part | None:
        for number in range(self.parts):
            ctx.send_event(Part(number=number))
        return None

    @step(num_workers=3)
    async def work(self, ctx: Context[Any], ev: Part) -> Other:
        self.at_work += 1
        self.most = max(self.most, self.at_work)
        await self.gate.wait()
        self.at_work -= 1
        return Other()

    @step
    async def join(self, ctx: Context[Any], ev: Other) -> StopEvent | None:
        return StopEvent(result=self.most) if ctx.collect_events(ev, [Other] * self.parts) else None


@pytest.mark.anyio
async def test_a_step_works_on_as_many_events_at_once_as_it_has_workers() -> None:
    workflow = Crowd(10)
    with anyio.fail_after(5):
        handler = workflow.run()
        await wait_until_all_wait()
        assert workflow.at_work == 3
        workflow.gate.set()
        assert await handler == 3


@given(parts=st.integers(1, 12), workers=st.integers(1, 6))
def test_never_more_workers_than_declared_and_never_fewer_than_there_is_work_for(
    anyio_backend: Backend, parts: int, workers: int
) -> None:
    class Sized(Crowd):
        @step(num_workers=workers)
        async def work(self, ctx: Context[Any], ev: Part) -> Other:
            return await Crowd.work(self, ctx, ev)

    async def main() -> None:
        workflow = Sized(parts)
        with anyio.fail_after(5):
            handler = workflow.run()
            await wait_until_all_wait()
            assert workflow.at_work == min(parts, workers)
            workflow.gate.set()
            assert await handler == min(parts, workers)

    name, options = anyio_backend
    anyio.run(main, backend=name, backend_options=options)


@pytest.mark.anyio
async def test_one_worker_takes_events_in_their_order() -> None:
    class Ordered(Workflow):
        @step
        async def split(self, ctx: Context[Any], ev: StartEvent) -> Part | None:
            for number in range(20):
                ctx.send_event(Part(number=number))
            return None

        @step(num_workers=1)
        async def work(self, ctx: Context[Any], ev: Part) -> StopEvent | None:
            async with ctx.store.edit_state() as state:
                state["seen"] = [*state.get("seen", []), ev.number]
            return StopEvent(result=state["seen"]) if ev.number == 19 else None

    with anyio.fail_after(5):
        assert await Ordered().run() == list(range(20))


@pytest.mark.anyio
async def test_a_step_that_waits_takes_no_worker() -> None:
    class Asking(Workflow):
        @step
        async def split(self, ctx: Context[Any], ev: StartEvent) -> Part | None:
            for number in range(5):
                ctx.send_event(Part(number=number))
            return None

        @step(num_workers=1)
        async def ask(self, ctx: Context[Any], ev: Part) -> StopEvent | None:
            await ctx.ask(InputRequiredEvent(number=ev.number))
            return StopEvent(result="all answered") if ctx.collect_events(ev, [Part] * 5) else None

    with anyio.fail_after(5):
        handler = Asking().run()
        await wait_until_all_wait()
        assert [getattr(question.event, "number", None) for question in handler.pending] == [0, 1, 2, 3, 4]
        for question in reversed(handler.pending):
            await handler.send_event(HumanResponseEvent(), reply_to=question.id)
        assert await handler == "all answered"


@pytest.mark.anyio
async def test_different_steps_that_accept_one_event_work_at_the_same_time() -> None:
    class Two(Workflow):
        def __init__(self) -> None:
            super().__init__(skip_graph_checks=["dead_end"])
            self.first_here = anyio.Event()
            self.second_here = anyio.Event()

        @step
        async def first(self, ev: StartEvent) -> StopEvent:
            self.first_here.set()
            await self.second_here.wait()
            return StopEvent(result="they met")

        @step
        async def second(self, ev: StartEvent) -> None:
            self.second_here.set()
            await self.first_here.wait()

    with anyio.fail_after(5):
        assert await Two().run() == "they met"


@pytest.mark.anyio
async def test_a_step_of_several_event_types_takes_each() -> None:
    class Union(Workflow):
        @step
        async def begin(self, ctx: Context[Any], ev: StartEvent) -> Part | Other | None:
            ctx.send_event(Part(number=1))
            ctx.send_event(Other())
            return None

        @step
        async def either(self, ctx: Context[Any], ev: Part | Other) -> StopEvent | None:
            events = ctx.collect_events(ev, [Part, Other])
            return None if events is None else StopEvent(result=events)

    with anyio.fail_after(5):
        assert await Union().run() == [Part(number=1), Other()]


@pytest.mark.anyio
async def test_routing_is_exact_unless_a_step_accepts_subclasses() -> None:
    class Routing(Workflow):
        @step
        async def begin(self, ev: StartEvent) -> Special | Part:
            return Special(number=1)

        @step
        async def exact(self, ev: Part) -> StopEvent:
            return StopEvent(result="exact")

        @step(accept_event_subclasses=True)
        async def wide(self, ev: Part) -> StopEvent:
            return StopEvent(result=type(ev).__name__)

    with anyio.fail_after(5):
        assert await Routing().run() == "Special"


@pytest.mark.anyio
async def test_the_fields_of_a_start_event_are_the_inputs_of_a_run_and_a_stop_event_is_its_result() -> None:
    class Shop(Workflow):
        @step
        async def sell(self, ev: Order) -> Receipt:
            return Receipt(total=ev.amount * 2, result=ev.name)

    workflow = Shop()
    assert workflow.start_event_class is Order
    assert workflow.stop_event_class is Receipt
    assert set(workflow.events) == {Order, Receipt}
    with anyio.fail_after(5):
        assert await workflow.run(amount=5) == Receipt(total=10, result="nobody")
        assert await workflow.run(start_event=Order(amount=1, name="Ada")) == Receipt(total=2, result="Ada")
        assert await workflow.run(None, Order(amount=1)) == Receipt(total=2, result="nobody")


@pytest.mark.anyio
async def test_any_input_is_an_extra_of_a_plain_start_event() -> None:
    class Echo(Workflow):
        @step
        async def echo(self, ev: StartEvent) -> StopEvent:
            return StopEvent(result=(ev.topic, ev["numbers"], "missing" in ev, ev.to_dict()))

    with anyio.fail_after(5):
        assert await Echo().run(topic="x", numbers=[1]) == ("x", [1], False, {"topic": "x", "numbers": [1]})


@pytest.mark.anyio
async def test_free_functions_are_steps_too_and_a_subclass_replaces_what_it_overrides() -> None:
    class Base(Workflow):
        @step
        async def begin(self, ev: StartEvent) -> Part:
            return Part(number=1)

    @step(workflow=Base)
    async def grow(ev: Part) -> Other:
        return Other()

    @step(workflow=Base)
    def finish(ctx: Context[Any], ev: Other) -> StopEvent:
        return StopEvent(result=ctx.run_id)

    class Second(Workflow):
        @step
        async def begin(self, ev: StartEvent) -> Other:
            return Other()

    Second.add_step(finish)

    class Derived(Base):
        @step
        async def begin(self, ev: StartEvent) -> Part:
            return Part(number=2)

        @step
        async def grow(self, ev: Part) -> StopEvent | Other:
            return StopEvent(result=ev.number)

    with anyio.fail_after(5):
        assert await Base().run(run_id="r1") == "r1"
        assert await Derived().run() == 2
        assert await Second().run(run_id="r2") == "r2"


@pytest.mark.anyio
async def test_a_step_added_to_a_base_class_is_one_of_an_instance_that_has_run_already() -> None:
    class Base(Workflow):
        @step
        async def begin(self, ev: StartEvent) -> Other | StopEvent:
            return Other() if ev.get("goes_on", False) else StopEvent(result="begun")

    class Derived(Base):
        pass

    workflow = Derived(disable_validation=True)  # nobody takes an `Other` yet
    with anyio.fail_after(5):
        assert await workflow.run() == "begun"

        @step(workflow=Base)
        async def go_on(ev: Other) -> StopEvent:
            return StopEvent(result="gone on")

        assert await workflow.run(goes_on=True) == "gone on"


@pytest.mark.anyio
async def test_a_step_that_returns_none_drops_its_branch() -> None:
    class Dropping(Workflow):
        @step
        async def begin(self, ctx: Context[Any], ev: StartEvent) -> Part | None:
            ctx.send_event(Part(number=0))
            return Part(number=1)

        @step
        async def work(self, ev: Part) -> StopEvent | None:
            return StopEvent(result=ev.number) if ev.number else None

    with anyio.fail_after(5):
        assert await Dropping().run() == 1


@pytest.mark.anyio
async def test_what_nobody_took_is_reported_at_the_end(caplog: pytest.LogCaptureFixture) -> None:
    class Leaving(Workflow):
        def __init__(self) -> None:
            super().__init__(types=[Other])

        @step
        async def work(self, ctx: Context[Any], ev: StartEvent) -> StopEvent:
            ctx.send_event(Other())
            return StopEvent()

    with anyio.fail_after(5):
        handler = Leaving().run(run_id="r1")
        internal = [event async for event in handler.stream_events(expose_internal=True)]
        await handler
    assert UnhandledEvent(event_type="Other", qualified_name=f"{__name__}.Other", idle=False) in internal
    (record,) = caplog.records
    assert record.levelname == "WARNING"
    assert "(1)" in record.getMessage()
    assert "r1" in record.getMessage()
    assert "Other()" in record.getMessage()


@pytest.mark.anyio
async def test_a_loop_of_steps_goes_on_until_it_ends_itself() -> None:
    class Loop(Workflow):
        @step
        async def begin(self, ev: StartEvent) -> Part:
            return Part(number=0)

        @step
        async def again(self, ev: Part) -> Part | StopEvent:
            return StopEvent(result=ev.number) if ev.number == 500 else Part(number=ev.number + 1)

    with anyio.fail_after(5):
        assert await Loop().run() == 500


@pytest.mark.anyio
async def test_steps_that_wait_for_each_other_s_events_meet() -> None:
    class Meeting(Workflow):
        def __init__(self) -> None:
            super().__init__(types=[Other], skip_graph_checks=["dead_end"])

        @step
        async def wait(self, ctx: Context[Any], ev: StartEvent) -> StopEvent:
            await ctx.wait_for_event(Other)
            return StopEvent(result="met")

        @step
        async def send(self, ctx: Context[Any], ev: StartEvent) -> None:
            ctx.send_event(Other())

    for _ in range(5):
        with anyio.fail_after(5):
            assert await Meeting().run() == "met"
