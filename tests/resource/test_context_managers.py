"""Resources that are open: when they're opened and closed, in which order, and what becomes of their errors."""

import logging
from collections.abc import AsyncGenerator, Callable, Generator
from contextlib import asynccontextmanager, contextmanager
from typing import Annotated, Any

import anyio
import pytest
from anyio.lowlevel import checkpoint

from tests.engine.orphans import no_task_left, wait_until_all_wait
from workflows import Context, Workflow, step
from workflows.errors import UsageError, WorkflowCancelledByUser, WorkflowTimeoutError
from workflows.events import Event, HumanResponseEvent, InputRequiredEvent, StartEvent, StopEvent
from workflows.resource import Resource, ResourceManager
from workflows.retry_policy import retry_policy, wait_fixed, wait_none
from workflows.testing import simulate

pytestmark = [pytest.mark.anyio]


class Part(Event):
    number: int


class Done(Event):
    pass


class Question(InputRequiredEvent):
    pass


class Answer(HumanResponseEvent):
    text: str


ASKS: dict[str, Any] = {"types": [Question, Answer]}


class Journal(list[str]):
    """What happened, in order; it makes resources that write themselves into it."""

    def opening(self, name: str, *, fails: BaseException | None = None, hangs: bool = False) -> Callable[[], Any]:
        """A factory of an open resource, whose closing waits, and then may fail or hang."""

        @asynccontextmanager
        async def opened() -> AsyncGenerator[str]:
            self.append(f"open {name}")
            try:
                yield name
            except BaseException as error:
                self.append(f"{name} sees {type(error).__name__.replace('CancelledError', 'Cancelled')}")
                raise
            finally:
                if hangs:
                    await anyio.sleep_forever()
                await checkpoint()
                self.append(f"close {name}")
                if fails is not None:
                    raise fails

        return opened


async def test_a_cached_one_is_open_for_a_run_and_one_that_is_not_for_a_call() -> None:
    journal = Journal()
    for_run, for_call = Resource(journal.opening("run")), Resource(journal.opening("call"), cache=False)

    class Flow(Workflow):
        @step
        async def first(self, ev: StartEvent, run: Annotated[str, for_run], call: Annotated[str, for_call]) -> Part:
            journal.append("first")
            return Part(number=1)

        @step
        def second(self, ev: Part, run: Annotated[str, for_run], call: Annotated[str, for_call]) -> StopEvent:
            journal.append("second")
            return StopEvent()

    once = ["open run", "open call", "first", "close call", "open call", "second", "close call", "close run"]
    flow = Flow()
    async with no_task_left():
        await flow.run()
    assert journal == once
    await flow.run()
    assert journal == once * 2


async def test_they_are_closed_in_reverse_order_after_what_is_made_of_them() -> None:
    journal = Journal()
    pool = Resource(journal.opening("pool"))

    @asynccontextmanager
    async def connected(pool: Annotated[str, pool]) -> AsyncGenerator[str]:
        async with journal.opening("connection")() as name:
            yield name

    @contextmanager
    def locked(connection: Annotated[str, Resource(connected)]) -> Generator[str]:
        journal.append("lock")
        yield "lock"
        journal.append("unlock")

    class Flow(Workflow):
        @step
        async def go(
            self,
            ev: StartEvent,
            lock: Annotated[str, Resource(locked, cache=False)],
            other: Annotated[str, Resource(journal.opening("other"), cache=False)],
        ) -> StopEvent:
            return StopEvent()

    await Flow().run()
    opened = ["open pool", "open connection", "lock", "open other"]
    assert journal == [*opened, "close other", "unlock", "close connection", "close pool"]


async def test_what_is_made_of_an_open_resource_lives_no_longer_than_that() -> None:
    journal = Journal()

    def repository(connection: Annotated[str, Resource(journal.opening("connection"))]) -> list[str]:
        journal.append("repository")
        return [connection]

    def view(inside: Annotated[str, Resource(journal.opening("view"), cache=False)]) -> list[str]:
        journal.append(f"made of {inside}")
        return [inside]

    class Flow(Workflow):
        @step
        async def first(
            self,
            ev: StartEvent,
            found: Annotated[list[str], Resource(repository)],
            seen: Annotated[list[str], Resource(view)],
        ) -> Part:
            return Part(number=1)

        @step
        async def second(
            self,
            ev: Part,
            found: Annotated[list[str], Resource(repository)],
            seen: Annotated[list[str], Resource(view)],
        ) -> StopEvent:
            return StopEvent()

    flow = Flow()
    await flow.run()
    await flow.run()
    assert journal.count("repository") == journal.count("open connection") == 2
    assert journal.count("made of view") == journal.count("open view") == 4
    assert flow.resource_manager.get_all() == {}


async def test_a_run_that_waits_holds_no_resource_and_no_task_and_opens_them_again_when_it_goes_on() -> None:
    journal = Journal()
    for_run, for_call = Resource(journal.opening("run")), Resource(journal.opening("call"), cache=False)

    class Asking(Workflow):
        @step
        async def ask(
            self, ctx: Context[Any], ev: StartEvent, run: Annotated[str, for_run], call: Annotated[str, for_call]
        ) -> StopEvent:
            answer = await ctx.wait_for_event(Answer, waiter_event=Question())
            journal.append("answered")
            return StopEvent(result=answer.text)

    before = ["open run", "open call", "call sees Cancelled", "close call", "close run"]
    with anyio.fail_after(5):
        async with no_task_left():
            handler = Asking(**ASKS).run()
            await wait_until_all_wait()
        assert journal == before
        assert handler.pending
        handler.ctx.send_event(Answer(text="yes"))
        assert await handler == "yes"
    assert journal == [*before, "open run", "open call", "answered", "close call", "close run"]


@pytest.mark.parametrize(("limit", "timeout"), [(None, 3600.0), (1, None)])
async def test_a_run_that_holds_a_task_while_it_waits_holds_no_resource(
    limit: int | None, timeout: float | None
) -> None:
    journal = Journal()

    class Asking(Workflow):
        @step
        async def ask(
            self, ctx: Context[Any], ev: StartEvent, run: Annotated[str, Resource(journal.opening("run"))]
        ) -> StopEvent:
            answer = await ctx.wait_for_event(Answer, waiter_event=Question(), timeout=timeout)
            return StopEvent(result=answer.text)

    with anyio.fail_after(5):
        handler = Asking(**ASKS, num_concurrent_runs=limit).run()
        await wait_until_all_wait()
        assert journal == ["open run", "close run"]
        handler.ctx.send_event(Answer(text="yes"))
        assert await handler == "yes"
    assert journal == ["open run", "close run"] * 2


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_a_step_that_waits_for_its_next_attempt_keeps_the_resources_of_its_run(backend: Any) -> None:
    journal = Journal()

    class Flaky(Workflow):
        @step(retry_policy=retry_policy(wait=wait_fixed(60)))
        async def go(
            self,
            ctx: Context[Any],
            ev: StartEvent,
            run: Annotated[str, Resource(journal.opening("run"))],
            call: Annotated[str, Resource(journal.opening("call"), cache=False)],
        ) -> StopEvent:
            if ctx.retry_info().retry_number == 0:
                raise ConnectionError("busy")
            return StopEvent()

    async def scenario() -> None:
        await Flaky().run()

    simulate(scenario, backend=backend)
    failed = ["open call", "call sees ConnectionError", "close call"]
    assert journal == ["open run", *failed, "open call", "close call", "close run"]


@pytest.mark.parametrize("waits", ["replay", "park"])
async def test_a_step_that_is_parked_in_place_keeps_what_it_holds(waits: Any) -> None:
    journal = Journal()

    class Asking(Workflow):
        @step
        async def ask(
            self, ctx: Context[Any], ev: StartEvent, run: Annotated[str, Resource(journal.opening("run"))]
        ) -> StopEvent:
            with anyio.CancelScope(shield=True):
                await ctx.wait_for_event(Answer, waiter_event=Question())
            journal.append("answered")
            return StopEvent()

    with anyio.fail_after(5):
        handler = Asking(**ASKS, waits=waits).run()
        await wait_until_all_wait()
        assert journal == ["open run"]
        handler.ctx.send_event(Answer(text="yes"))
        await handler
    assert journal == ["open run", "answered", "close run"]


@pytest.mark.guarantee("R1")
@pytest.mark.parametrize("backend", ["asyncio", "trio"])
@pytest.mark.parametrize("ending", ["failure", "cancel", "timeout", "left"])
def test_however_a_run_ends_steps_clean_up_first_and_then_resources_are_closed(backend: Any, ending: str) -> None:
    journal = Journal()
    run, call = Resource(journal.opening("run")), Resource(journal.opening("call"), cache=False)

    class Flow(Workflow):
        @step
        async def work(self, ev: StartEvent, run: Annotated[str, run], call: Annotated[str, call]) -> StopEvent:
            if ending == "failure":
                raise ConnectionError("no route")
            try:
                await anyio.sleep_forever()
            finally:
                journal.append("clean up")
            return StopEvent()

    ends: dict[str, Any] = {"failure": ConnectionError, "timeout": WorkflowTimeoutError}

    async def scenario() -> None:
        async with Flow(timeout=10 if ending == "timeout" else None).running() as handler:
            await anyio.sleep(1)
            if ending == "cancel":
                await handler.cancel_run()
            if ending != "left":
                with pytest.raises(ends.get(ending, WorkflowCancelledByUser)):
                    await handler

    simulate(scenario, backend=backend)
    middle = ["call sees ConnectionError"] if ending == "failure" else ["clean up", "call sees Cancelled"]
    assert journal == ["open run", "open call", *middle, "close call", "close run"]


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_opening_takes_from_the_time_of_the_attempt_and_closing_does_not(backend: Any) -> None:
    journal = Journal()
    patience = [5.0]

    @asynccontextmanager
    async def slow() -> AsyncGenerator[str]:
        await anyio.sleep(patience.pop() if patience else 1)
        async with journal.opening("slow")() as name:
            yield name
            await anyio.sleep(3)
        journal.append("closed")

    class Flow(Workflow):
        @step(timeout=2, retry_policy=retry_policy(wait=wait_none()))
        async def work(
            self, ctx: Context[Any], ev: StartEvent, run: Annotated[str, Resource(slow, cache=False)]
        ) -> StopEvent:
            journal.append(type(ctx.retry_info().last_exception).__name__)
            return StopEvent()

    async def scenario() -> None:
        await Flow().run()

    simulate(scenario, backend=backend)
    assert journal == ["open slow", "StepTimedOut", "close slow", "closed"]


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_many_steps_that_wait_with_a_deadline_hold_nothing_either(backend: Any) -> None:
    journal = Journal()
    for_run = Resource(journal.opening("run"))

    class Asking(Workflow):
        @step
        async def split(self, ev: StartEvent) -> list[Part]:
            return [Part(number=number) for number in range(9)]

        @step(num_workers=9)
        async def ask(self, ctx: Context[Any], ev: Part, run: Annotated[str, for_run]) -> Done:
            await anyio.sleep(1)
            await ctx.wait_for_event(Answer, waiter_event=Question(), waiter_id=str(ev.number), timeout=3600)
            return Done()

        @step
        async def join(self, ev: list[Done]) -> StopEvent:
            return StopEvent(result=len(ev))

    async def scenario() -> object:
        handler = Asking(**ASKS).run()
        await anyio.sleep(60)
        assert journal == ["open run", "close run"]
        for question in handler.pending:
            handler.ctx.send_event(Answer(text="yes"), reply_to=question.id)
        return await handler

    assert simulate(scenario, backend=backend) == 9
    assert journal == ["open run", "close run"] * 2


@pytest.mark.guarantee("R2")
async def test_an_error_of_closing_joins_the_failure_of_the_run() -> None:
    broken = OSError("can't be closed")

    class Flow(Workflow):
        @step
        async def work(
            self, ev: StartEvent, run: Annotated[str, Resource(Journal().opening("run", fails=broken))]
        ) -> StopEvent:
            raise ConnectionError("no route")

    with pytest.raises(ExceptionGroup) as caught:
        await Flow().run()
    assert [type(error) for error in caught.value.exceptions] == [ConnectionError, OSError]
    assert "was closed" in broken.__notes__[0]


@pytest.mark.guarantee("R2")
async def test_an_error_of_closing_in_a_cancelled_run_is_raised_in_place_of_ours() -> None:
    broken = OSError("can't be closed")

    class Flow(Workflow):
        @step
        async def work(
            self, ev: StartEvent, run: Annotated[str, Resource(Journal().opening("run", fails=broken))]
        ) -> StopEvent:
            await anyio.sleep_forever()
            return StopEvent()

    handler = Flow().run()
    with anyio.fail_after(5):
        await wait_until_all_wait()
        await handler.cancel_run()
        with pytest.raises(OSError, match="can't be closed") as caught:
            await handler
    assert isinstance(caught.value.__context__, WorkflowCancelledByUser)


@pytest.mark.guarantee("R2")
async def test_an_error_of_closing_after_the_result_is_logged_and_the_result_stays(
    caplog: pytest.LogCaptureFixture,
) -> None:
    broken = OSError("can't be closed")

    class Flow(Workflow):
        @step
        async def work(
            self, ev: StartEvent, run: Annotated[str, Resource(Journal().opening("run", fails=broken))]
        ) -> StopEvent:
            return StopEvent(result=4)

    with caplog.at_level(logging.ERROR):
        assert await Flow().run() == 4
    (record,) = caplog.records
    assert record.exc_info is not None
    assert record.exc_info[1] is broken


@pytest.mark.guarantee("R2")
async def test_an_error_of_closing_while_the_run_waits_is_logged_and_the_run_goes_on(
    caplog: pytest.LogCaptureFixture,
) -> None:
    broken = OSError("can't be closed")
    opening = Resource(Journal().opening("run", fails=broken))

    class Asking(Workflow):
        @step
        async def ask(self, ctx: Context[Any], ev: StartEvent, run: Annotated[str, opening]) -> Question:
            return Question()

        @step
        async def take(self, ev: Answer) -> StopEvent:
            return StopEvent(result=ev.text)

    with caplog.at_level(logging.ERROR), anyio.fail_after(5):
        handler = Asking(**ASKS).run()
        await wait_until_all_wait()
        (record,) = caplog.records
        assert record.exc_info is not None
        assert record.exc_info[1] is broken
        handler.ctx.send_event(Answer(text="yes"))
        assert await handler == "yes"


async def test_an_error_of_closing_after_a_call_fails_the_step_and_can_be_retried() -> None:
    journal = Journal()
    errors = [OSError("not committed")]

    @asynccontextmanager
    async def transaction() -> AsyncGenerator[str]:
        yield "transaction"
        await checkpoint()
        if errors:
            raise errors.pop()
        journal.append("committed")

    class Flow(Workflow):
        @step(retry_policy=retry_policy(wait=wait_none()))
        async def work(
            self, ctx: Context[Any], ev: StartEvent, found: Annotated[str, Resource(transaction, cache=False)]
        ) -> StopEvent:
            journal.append(repr(ctx.retry_info().last_exception))
            return StopEvent()

    await Flow().run()
    assert journal == ["None", "OSError('not committed')", "committed"]


async def test_a_resource_that_swallows_the_errors_of_its_step_does_not_make_them_go_away() -> None:
    @asynccontextmanager
    async def swallowing() -> AsyncGenerator[str]:
        try:
            yield "all is well"
        except BaseException:  # noqa: ASYNC103  (it's what is tested)
            return  # noqa: ASYNC104  (as above)

    class Flow(Workflow):
        @step
        async def work(
            self, ctx: Context[Any], ev: StartEvent, found: Annotated[str, Resource(swallowing, cache=False)]
        ) -> StopEvent:
            answer = await ctx.wait_for_event(Answer, waiter_event=Question())
            if answer.text != "yes":
                raise ConnectionError(answer.text)
            return StopEvent(result=answer.text)

    for text in ("yes", "no"):
        with anyio.fail_after(5):
            handler = Flow(**ASKS).run()
            await wait_until_all_wait()
            handler.ctx.send_event(Answer(text=text))
            if text == "yes":
                assert await handler == "yes"
            else:
                with pytest.raises(ConnectionError, match="no"):
                    await handler


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
@pytest.mark.parametrize("cache", [True, False])
def test_a_closing_that_hangs_is_given_up_and_told(backend: Any, cache: bool, caplog: pytest.LogCaptureFixture) -> None:
    journal = Journal()
    hanging = Resource(journal.opening("hanging", hangs=True), cache=cache)
    quick = Resource(journal.opening("quick"), cache=cache)

    class Asking(Workflow):
        @step
        async def ask(
            self, ctx: Context[Any], ev: StartEvent, one: Annotated[str, quick], two: Annotated[str, hanging]
        ) -> StopEvent:
            answer = await ctx.wait_for_event(Answer, waiter_event=Question())
            return StopEvent(result=answer.text)

    async def scenario() -> object:
        handler = Asking(**ASKS).run()
        await anyio.sleep(60)
        handler.ctx.send_event(Answer(text="yes"))
        return await handler

    with caplog.at_level(logging.WARNING):
        assert simulate(scenario, backend=backend) == "yes"
    told = [record.getMessage() for record in caplog.records]
    assert len(told) == 2
    assert all("wasn't closed after" in message for message in told)
    assert journal.count("close quick") == 2


async def test_a_resource_that_breaks_while_it_is_open_brings_the_run_to_a_standstill() -> None:
    breaks = anyio.Event()

    async def beat() -> None:
        await breaks.wait()
        raise ConnectionError("the heart has stopped")

    @asynccontextmanager
    async def beating() -> AsyncGenerator[str]:
        async with anyio.create_task_group() as group:
            group.start_soon(beat)
            yield "beating"
            group.cancel_scope.cancel()

    class Flow(Workflow):
        @step
        async def work(self, ev: StartEvent, heart: Annotated[str, Resource(beating)]) -> StopEvent:
            await anyio.sleep_forever()
            return StopEvent()

    with anyio.fail_after(5):
        async with no_task_left():
            handler = Flow().run()
            await wait_until_all_wait()
            breaks.set()
            with pytest.raises(ExceptionGroup) as caught:
                await handler
    assert caught.value.subgroup(ConnectionError) is not None
    assert "was open" in caught.value.__notes__[0]
    assert handler.ctx.is_running


async def test_task_groups_inside_of_resources_nest_as_they_must() -> None:
    @asynccontextmanager
    async def beating() -> AsyncGenerator[anyio.Event]:
        beats = anyio.Event()
        async with anyio.create_task_group() as group:
            group.start_soon(beats.wait)
            yield beats
            group.cancel_scope.cancel()

    @asynccontextmanager
    async def timed() -> AsyncGenerator[anyio.CancelScope]:
        with anyio.fail_after(5) as scope:
            yield scope

    class Flow(Workflow):
        @step
        async def first(
            self,
            ev: StartEvent,
            one: Annotated[anyio.Event, Resource(beating)],
            two: Annotated[anyio.CancelScope, Resource(timed)],
            three: Annotated[anyio.Event, Resource(beating, cache=False)],
            four: Annotated[anyio.CancelScope, Resource(timed, cache=False)],
        ) -> list[Part]:
            await checkpoint()
            return [Part(number=number) for number in range(3)]

        @step
        async def second(
            self,
            ev: Part,
            one: Annotated[anyio.Event, Resource(beating, cache=False)],
            two: Annotated[anyio.CancelScope, Resource(timed, cache=False)],
        ) -> StopEvent | None:
            await checkpoint()
            return StopEvent() if ev.number == 2 else None

    async with no_task_left():
        await Flow(skip_graph_checks=["dead_end"]).run()


async def test_opening_that_fails_can_be_tried_again_and_others_open_it_themselves() -> None:
    errors = [ConnectionError("busy")]
    journal = Journal()

    @asynccontextmanager
    async def connected() -> AsyncGenerator[str]:
        await checkpoint()
        if errors:
            raise errors.pop()
        async with journal.opening("connection")() as name:
            yield name

    class Flow(Workflow):
        done = 0

        @step
        async def split(self, ev: StartEvent) -> list[Part]:
            return [Part(number=number) for number in range(3)]

        @step(retry_policy=retry_policy(wait=wait_none()))
        async def work(self, ev: Part, found: Annotated[str, Resource(connected)]) -> StopEvent | None:
            self.done += 1
            return StopEvent() if self.done == 3 else None

    await Flow(skip_graph_checks=["dead_end"]).run()
    assert journal == ["open connection", "close connection"]
    assert errors == []


async def test_a_manager_opens_nothing_that_nobody_would_close() -> None:
    journal, manager = Journal(), ResourceManager()
    marker = Resource(journal.opening("connection"))
    for scope in (None, manager.resolution_scope()):
        with pytest.raises(UsageError, match="nothing here would close it"):
            if scope is None:
                await manager.get(marker)
            else:
                with scope:
                    await manager.get(marker)
    async with manager.resolution_scope():
        assert await manager.get(marker) == await manager.get(marker) == "connection"
        journal.append("used")
    assert journal == ["open connection", "used", "close connection"]
