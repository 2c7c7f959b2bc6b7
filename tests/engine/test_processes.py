"""`@step(run_in="process")`: event in, event out, in a process of its own that is killed when the step is cancelled."""

import asyncio
import gc
import os
import sys
import weakref
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, Self

import anyio
import cattrs
import pytest
from anyio import to_process
from anyio.abc import SocketAttribute, SocketStream

from tests.conftest import Backend
from tests.engine.crunching import HURRIED_S, Crunching, Done, Hurried, Known, Money, Numbers, Sum, Summing, Task
from workflows import Context, Workflow, catch_error, step
from workflows.errors import (
    EncodeError,
    WorkerProcessDied,
    WorkflowCancelledByUser,
    WorkflowRuntimeError,
    WorkflowValidationError,
)
from workflows.events import (
    Event,
    StartEvent,
    StepFailedEvent,
    StepState,
    StepStateChanged,
    StopEvent,
    UnreconstructedException,
)
from workflows.resource import Resource

pytestmark = pytest.mark.anyio

LONG = 60  # seconds: several interpreters are started, on machines of any kind


class Calls:
    """The processes that call the test, in the order in which they do."""

    def __init__(self) -> None:
        self.port = 0
        self._send, self._receive = anyio.create_memory_object_stream[SocketStream](10)

    async def answer(self, line: SocketStream) -> None:
        await self._send.send(line)

    async def next(self) -> tuple[SocketStream, int]:
        line = await self._receive.receive()
        return line, int(await line.receive())

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *error: object) -> None:
        self._send.close()
        self._receive.close()


@asynccontextmanager
async def calls() -> AsyncGenerator[Calls]:
    """Processes can call `port`. Who has called keeps the line until it ends."""
    found = Calls()
    listener = await anyio.create_tcp_listener(local_host="127.0.0.1")
    with anyio.fail_after(LONG):
        async with listener, found, anyio.create_task_group() as group:
            found.port = listener.extra(SocketAttribute.local_port)
            group.start_soon(listener.serve, found.answer)
            yield found
            group.cancel_scope.cancel()


async def wait_for_end(line: SocketStream) -> None:
    """Wait until the process at the other end is gone: the system closes its line then."""
    try:
        while True:
            await line.receive()
    except (anyio.EndOfStream, anyio.BrokenResourceError):
        await line.aclose()


async def crunched(task: Task) -> Done:
    with anyio.fail_after(LONG):
        (done,) = await Crunching().run(tasks=[task])
    assert isinstance(done, Done)
    return done


async def test_the_function_is_called_in_another_process_and_its_event_comes_back() -> None:
    done = await crunched(Task(what="double", value=21))
    assert (done.what, done.value) == ("doubled", 42)
    assert done.pid != os.getpid()


@pytest.mark.guarantee("D1")
async def test_values_come_there_and_back_as_they_are() -> None:
    values: list[Any] = [
        *(b"\x00", Decimal("1.10"), {1: "a"}, ("a", 1), {"b", "c"}, datetime(2020, 1, 2, tzinfo=UTC)),
        *(Path("a/b"), None, Task(what="inner"), Money(7)),
    ]
    done = await crunched(Task(what="echo", value=values))
    assert done.value == values
    assert [type(value) for value in done.value] == [type(value) for value in values]


async def test_what_cannot_be_stored_is_refused_with_its_path_on_either_way() -> None:
    with pytest.raises(EncodeError, match=r"\$\.value"):
        await crunched(Task(what="echo", value=object()))
    with pytest.raises(EncodeError, match=r"\$\.value"):
        await crunched(Task(what="odd"))
    with pytest.raises(WorkflowRuntimeError, match="returned 5, which isn't an event"):
        await crunched(Task(what="nothing"))


async def test_a_step_in_a_process_can_join_and_can_end_the_run() -> None:
    with anyio.fail_after(LONG):
        assert await Summing().run(numbers=[Decimal(1), Decimal("0.5")]) == Sum(total=Decimal("1.5"))
        assert await Summing().run(start_event=Numbers(numbers=[])) == Sum(total=Decimal(0))


async def test_what_a_process_cannot_import_of_a_workflow_is_not_known_there() -> None:
    class Unknown:
        pass

    class Local(Summing):
        def configure_converter(self, converter: cattrs.Converter) -> None:
            converter.register_unstructure_hook(Unknown, lambda _: "unknown")
            converter.register_structure_hook(Unknown, lambda _, kind: kind())

    with anyio.fail_after(LONG):
        assert await Local(types=[Unknown]).run(numbers=[Decimal(3)]) == Sum(total=Decimal(3))


async def test_errors_come_back_as_data_with_their_traceback() -> None:
    with pytest.raises(Known, match="of its own type") as known:
        await crunched(Task(what="known"))
    assert "in crunch" in "".join(known.value.__notes__)
    with pytest.raises(FileNotFoundError) as builtin:
        await crunched(Task(what="builtin"))
    assert builtin.value.filename == "x.csv"
    with pytest.raises(UnreconstructedException, match="of no type that's known") as unknown:
        await crunched(Task(what="unknown"))
    assert unknown.value.original_type == "tests.engine.crunching:Unknown"
    assert "raise Unknown" in "".join(unknown.value.__notes__)
    with pytest.raises(UnreconstructedException, match="3") as left:
        await crunched(Task(what="exit"))
    assert left.value.original_type == "builtins:SystemExit"


async def test_a_process_that_dies_fails_its_step_and_says_so() -> None:
    with pytest.raises(WorkerProcessDied, match=r"step 'crunch' ran came to an end.*os\._exit"):
        await crunched(Task(what="die"))


async def test_a_retry_gets_another_process(tmp_path: Path) -> None:
    done = await crunched(Task(what="die once", value=str(tmp_path / "has died")))
    assert done.what == "lived"


async def test_as_many_are_at_work_at_once_as_the_step_and_the_limiter_allow() -> None:
    async with calls() as called:
        limiter = to_process.current_default_process_limiter()
        limiter.total_tokens = 2
        handler = Crunching().run(tasks=[Task(what="hold", port=called.port) for _ in range(3)])
        first, second = await called.next(), await called.next()
        assert first[1] != second[1]
        assert limiter.borrowed_tokens == 2
        for line, _ in (first, second):
            await line.send(b"go on")
        third = await called.next()
        await third[0].send(b"go on")
        done = await handler
        for line, _ in (first, second, third):
            await line.aclose()
    assert [found.what for found in done] == ["go on"] * 3
    assert {found.pid for found in done} == {first[1], second[1]}  # processes are used again


@pytest.mark.guarantee("R1")
async def test_cancelling_the_run_kills_its_processes() -> None:
    async with calls() as called:
        to_process.current_default_process_limiter().total_tokens = 2
        handler = Crunching().run(tasks=[Task(what="hold", port=called.port) for _ in range(3)])
        lines = [(await called.next())[0] for _ in range(2)]
        await handler.cancel_run(timeout=LONG)
        with pytest.raises(WorkflowCancelledByUser):
            await handler
        for line in lines:
            await wait_for_end(line)


@pytest.mark.guarantee("R1")
async def test_a_step_that_ends_the_run_kills_the_processes_of_others() -> None:
    class Impatient(Crunching):
        @step
        async def also(self, ev: StartEvent) -> StopEvent:
            self.line = (await called.next())[0]
            return StopEvent(result="enough")

    async with calls() as called:
        workflow = Impatient()
        assert await workflow.run(tasks=[Task(what="hold", port=called.port)]) == "enough"
        await wait_for_end(workflow.line)


@pytest.mark.guarantee("R4")
async def test_a_run_that_is_resumed_calls_the_process_again() -> None:
    async with calls() as called:
        workflow = Crunching()
        handler = workflow.run(tasks=[Task(what="hold", port=called.port)])
        line, first = await called.next()
        snapshot = handler.ctx.to_dict()
        await handler.cancel_run(timeout=LONG)
        await wait_for_end(line)
        handler = workflow.run(ctx=Context.from_dict(workflow, snapshot))
        line, second = await called.next()
        await line.send(b"again")
        (done,) = await handler
        await line.aclose()
    assert (done.what, done.pid) == ("again", second)
    assert first != second


@pytest.mark.guarantee("R1")
async def test_a_process_that_is_being_started_when_its_run_is_cancelled_is_not_lost() -> None:
    """Left alone, asyncio would warn of it when it's collected, and Trio would let it run on."""
    with anyio.fail_after(LONG):
        handler = Crunching().run(tasks=[Task(what="echo")])
        async for event in handler.stream_events(expose_internal=True):
            if isinstance(event, StepStateChanged) and event.name == "crunch":
                break
        await handler.cancel_run(timeout=LONG)
        with pytest.raises(WorkflowCancelledByUser):
            await handler
        gc.collect()
        assert (await crunched(Task(what="double", value=2))).value == 4


class AheadLoop(asyncio.SelectorEventLoop):
    """A loop whose clock can be put forward."""

    ahead_s = 0.0

    def time(self) -> float:
        return super().time() + self.ahead_s

    def jump(self, seconds: float) -> None:
        self.ahead_s += seconds


def clock_and_options(backend: str) -> tuple[Callable[[], Any], dict[str, Any]]:
    """What gives a clock that can be put forward, for a loop that is run with these options."""
    if backend == "trio":
        clock = pytest.importorskip("trio.testing").MockClock(rate=1.0)
        return lambda: clock, {"clock": clock}
    return asyncio.get_running_loop, {"loop_factory": AheadLoop}


@pytest.mark.guarantee("R1")
@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_a_process_that_is_late_is_killed_and_a_retry_gets_another(backend: str) -> None:
    """Nobody waits until it's late: the clock is put forward when it's there."""

    async def main() -> None:
        async with calls() as called:
            handler = Hurried().run(port=called.port)
            line, late = await called.next()
            clock().jump(HURRIED_S)
            await wait_for_end(line)
            line, other = await called.next()
            await line.send(b"in time")
            assert await handler == ("in time", other)
            await line.aclose()
            assert late != other

    clock, options = clock_and_options(backend)
    anyio.run(main, backend=backend, backend_options=options)


@pytest.mark.guarantee("R1")
async def test_processes_that_are_kept_keep_nothing_of_the_run_that_started_them() -> None:
    """AnyIO's pool lives as long as the loop, and on asyncio with the context variables of who has asked it first."""

    async def run() -> weakref.ref[Workflow]:
        workflow = Crunching()
        await workflow.run(tasks=[Task(what="double", value=1)])
        return weakref.ref(workflow)

    with anyio.fail_after(LONG):
        found = await run()
        while found() is not None:
            gc.collect()
            await anyio.wait_all_tasks_blocked()


async def test_a_step_of_a_child_can_run_in_a_process() -> None:
    summing = Summing()

    class Parent(Workflow):
        @step
        async def work(self, ctx: Context[Any], ev: StartEvent) -> StopEvent:
            return StopEvent(result=await ctx.run(summing, numbers=[Decimal(1), Decimal(2)]))

    with anyio.fail_after(LONG):
        assert await Parent(children=[summing]).run() == Sum(total=Decimal(3))


# --- programs ---------------------------------------------------------------------------------------------------------

UNGUARDED = """
import anyio
from decimal import Decimal
from tests.engine.crunching import Summing

async def main():
    print(await Summing().run(numbers=[Decimal(3)]))

anyio.run(main, backend={backend!r})
"""

NO_FILE = """
import anyio
from tests.engine.crunching import Crunching, Task

class OnlyHere(Exception):
    pass

class Mine(Crunching):
    def __init__(self):
        super().__init__(types=[OnlyHere])

async def main():
    (done,) = await Mine().run(tasks=[Task(what="double", value=4)])
    print(done.value)

anyio.run(main, backend={backend!r})
"""


async def shown_by(*program: str) -> str:
    """What a program prints, and the errors that it ends with; it finds what the tests find."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    with anyio.fail_after(LONG):
        ended = await anyio.run_process([sys.executable, *program], env=environment, check=False)
    return ended.stdout.decode() + ended.stderr.decode()


async def test_a_program_that_worker_processes_cannot_import_is_named(tmp_path: Path, anyio_backend: Backend) -> None:
    """It was said that the process came to an end before the step had."""
    program = tmp_path / "unguarded.py"
    program.write_text(UNGUARDED.format(backend=anyio_backend[0]))
    shown = await shown_by(str(program))
    assert "WorkerProcessDied: No process could be started for step 'total'" in shown
    assert f"imports the program that was started ({program})" in shown
    assert '`if __name__ == "__main__":`' in shown


async def test_what_stands_in_a_program_without_a_file_is_not_needed_in_a_process(anyio_backend: Backend) -> None:
    assert (await shown_by("-c", NO_FILE.format(backend=anyio_backend[0]))).startswith("8\n")


async def test_it_is_told_of_as_any_step() -> None:
    with anyio.fail_after(LONG):
        handler = Crunching().run(tasks=[Task(what="double", value=1)])
        states = [
            (event.step_state, event.output_event_name)
            async for event in handler.stream_events(expose_internal=True)
            if isinstance(event, StepStateChanged) and event.name == "crunch"
        ]
        await handler
    assert states == [(StepState.RUNNING, None), (StepState.NOT_RUNNING, "Done")]


# --- what can't run in a process --------------------------------------------------------------------------------------


class Elsewhere(Workflow):
    @step
    async def work(self, ev: StartEvent) -> StopEvent:
        return StopEvent()


async def is_async(ev: StartEvent) -> StopEvent:
    return StopEvent()


def takes_resource(ev: StartEvent, ledger: Annotated[str, Resource(str)]) -> StopEvent:
    return StopEvent()


def takes_context(ev: StartEvent, ctx: Context[Any]) -> StopEvent:
    return StopEvent()


class Methods:
    def work(self, ev: StartEvent) -> StopEvent:
        return StopEvent()


def is_fine(ev: StartEvent) -> StopEvent:
    return StopEvent()


def test_what_a_process_cannot_import_or_call_is_refused_at_once() -> None:
    def local(ev: StartEvent) -> StopEvent:
        return StopEvent()

    def of_the_program(ev: StartEvent) -> StopEvent:
        return StopEvent()

    of_the_program.__qualname__, of_the_program.__module__ = "of_the_program", "__main__"
    nameless: Callable[[StartEvent], StopEvent] = lambda ev: StopEvent()  # noqa: E731
    wrong: list[tuple[Any, str]] = [
        (is_async, "it's an `async def`, and a process has no event loop"),
        (local, "defined inside a function or an expression, where a process can't import it"),
        (nameless, "defined inside a function or an expression"),
        (of_the_program, "defined in the program that was started"),
        (takes_context, "takes 'ctx' beside its event: no context and no resource reaches there"),
        (takes_resource, "takes 'ledger' beside its event: no context and no resource reaches there"),
    ]
    for function, told in wrong:
        with pytest.raises(WorkflowValidationError, match=told):
            step(workflow=Elsewhere, run_in="process")(function)


def test_a_method_and_an_event_that_is_local_are_refused() -> None:
    with pytest.raises(WorkflowValidationError, match="it's a method, and a process has no workflow to call it on"):
        step(run_in="process")(Methods.work)

    class Local(Event):
        pass

    def takes_local(ev: Any) -> StopEvent:
        return StopEvent()

    takes_local.__annotations__["ev"] = Local
    takes_local.__qualname__ = "takes_local"
    with pytest.raises(WorkflowValidationError, match="can't import Local: it's defined inside a function"):
        step(workflow=Elsewhere, run_in="process")(takes_local)


@pytest.mark.parametrize("takes_over_first", [True, False])
def test_a_handler_runs_in_no_process(*, takes_over_first: bool) -> None:
    def take_over(failed: StepFailedEvent) -> StopEvent:
        return StopEvent()

    decorators: list[Any] = [catch_error, step(workflow=Elsewhere, run_in="process")]
    first, second = decorators if takes_over_first else reversed(decorators)
    take_over.__qualname__ = "take_over"
    with pytest.raises(WorkflowValidationError, match="a handler is a step, without the options of @step, and runs"):
        second(first(take_over))


@pytest.mark.parametrize("place", ["thread", True, 1, ""])
def test_another_place_is_refused(place: Any) -> None:
    with pytest.raises(WorkflowValidationError, match="there is 'process'"):
        step(workflow=Elsewhere, run_in=place)(is_fine)
