"""`check_replay`: what it finds in workflows that are wrong, what it leaves alone in those that aren't."""

import cProfile
import importlib
import logging
import random
import secrets
import socket
import sqlite3
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Annotated, Any, cast

import anyio
import anyio.to_thread
import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.sim.effort import few
from workflows import Context, Workflow, step
from workflows.errors import UsageError, WorkflowTimeoutError
from workflows.events import Event, HumanResponseEvent, InputRequiredEvent, StartEvent, StopEvent
from workflows.resource import Resource
from workflows.retry_policy import retry_policy, stop_after_attempt, wait_fixed
from workflows.testing import ReplayReport, SimulationFault, check_replay, simulate
from workflows.testing.backends import Backend

logger = logging.getLogger(__name__)
both = pytest.mark.parametrize("backend", ["asyncio", "trio"])


class Decision(HumanResponseEvent):
    approved: bool


class Approval(InputRequiredEvent, answer=Decision):
    what: str


class Stamped(InputRequiredEvent, answer=Decision):
    number: str = attrs.field(factory=lambda: uuid.uuid4().hex)


TYPES: list[type] = [Approval, Decision, Stamped]
YES = {InputRequiredEvent: Decision(approved=True)}

Act = Callable[[Path], object]


class Acting(Workflow):
    """Does something before it asks, and something afterwards."""

    before: Act
    after: Act
    folder: Path

    @step
    async def review(self, ctx: Context, ev: StartEvent) -> StopEvent:
        self.before(self.folder)
        decision = await ctx.ask(Approval(what="a desk"))
        self.after(self.folder)
        return StopEvent(result=decision.approved)


def nothing(_folder: Path) -> None:
    pass


def acting(folder: Path, before: Act = nothing, after: Act = nothing) -> Callable[[], Workflow]:
    def make() -> Workflow:
        workflow = Acting(types=TYPES)
        workflow.before, workflow.after, workflow.folder = before, after, folder
        return workflow

    return make


THREADS_S = 5.0
"""Real seconds that a thread may need before time jumps. In none of these checks it does, so nobody waits for them."""


def checked(make: Callable[[], Workflow], backend: Backend = "asyncio", **options: Any) -> ReplayReport:
    return check_replay(make, answers=YES, backend=backend, **options)


def write_file(folder: Path) -> None:
    (folder / "written").write_text("once")


def read_file(folder: Path) -> str:
    return Path(__file__).read_text()


def make_folder(folder: Path) -> None:
    (folder / "made").mkdir(exist_ok=True)


def append_line(folder: Path) -> None:
    with (folder / "log").open("a") as log:
        log.write("a line\n")


def connect(folder: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server, socket.socket() as client:
        client.connect(server.getsockname())


def run_program(folder: Path) -> None:
    subprocess.run([sys.executable, "-S", "-c", ""], check=True)


def insert_row(folder: Path) -> None:
    connection = sqlite3.connect(folder / "rows.db")
    connection.execute("create table if not exists rows (number)")
    connection.close()


def write_to_stdout(folder: Path) -> None:
    sys.stdout.write("asking\n")


class Moment(datetime):
    """A class of somebody else's, which asks the same clock."""


WHAT_IS_SEEN: list[tuple[str, Act, str]] = [
    ("clock", lambda _: time.time(), "time.time()"),
    ("clock", lambda _: time.perf_counter_ns(), "time.perf_counter_ns()"),
    ("clock", lambda _: time.process_time(), "time.process_time()"),
    ("clock", lambda _: datetime.now(UTC), "datetime.now()"),
    ("clock", lambda _: Moment.now(UTC), "Moment.now()"),
    ("clock", lambda _: date.today(), "date.today()"),  # noqa: DTZ011  (what is to be found)
    ("random", lambda _: random.random(), "random.random()"),
    ("random", lambda _: random.randint(1, 6), "random.randint()"),
    ("random", lambda _: random.shuffle([1, 2, 3]), "random.shuffle()"),
    ("random", lambda _: uuid.uuid4(), "uuid.uuid4()"),
    ("random", lambda _: uuid.uuid1(), "uuid.uuid1()"),
    ("random", lambda _: secrets.token_hex(), "secrets.token_hex()"),
    ("random", lambda _: Stamped(), "uuid.uuid4()"),
    ("print", lambda _: print("asking"), "print()"),  # noqa: T201  (what is to be found)
    ("print", write_to_stdout, "sys.stdout.write()"),
    ("file", write_file, "open("),
    ("file", read_file, "open("),
    ("file", make_folder, "os.mkdir("),
    ("file", append_line, "open("),
    ("network", connect, "a connection to ('127.0.0.1'"),
    ("process", run_program, "a process ["),
    ("database", insert_row, "sqlite3.connect("),
]


@pytest.mark.parametrize(("kind", "act", "call"), WHAT_IS_SEEN)
def test_a_bare_effect_before_a_wait_is_found_with_its_line(tmp_path: Path, kind: str, act: Act, call: str) -> None:
    report = checked(acting(tmp_path, before=act))
    problem = report.problems[0]
    assert problem.kind == "effect"
    assert problem.step == "review"
    assert problem.what.startswith(call)
    assert problem.where is not None
    assert "test_check_replay.py:" in problem.where
    assert problem.code
    assert problem.remedy
    assert checked(acting(tmp_path, before=act), allow=[kind]).is_safe


@both
def test_what_comes_behind_the_last_wait_is_no_problem_and_is_told_of_if_a_crash_repeats_it(
    tmp_path: Path, backend: Backend
) -> None:
    report = checked(acting(tmp_path, after=write_file), backend)
    assert report.is_safe
    assert [found.what for found in report.exposed] == [f"open({str(tmp_path / 'written')!r}, 'w') is done again"]
    report.raise_if_unsafe()
    with pytest.raises(SimulationFault, match="isn't safe to replay"):
        report.raise_if_unsafe(exposed=True)


@both
def test_what_is_learned_behind_the_last_wait_is_not_even_told_of(tmp_path: Path, backend: Backend) -> None:
    report = checked(acting(tmp_path, after=lambda _: time.time()), backend)
    assert report.is_safe
    assert report.exposed == ()


class Careful(Workflow):
    """Does everything through its context."""

    @step
    async def review(self, ctx: Context, ev: StartEvent) -> StopEvent:
        began = ctx.now()
        number = ctx.random.randint(1, 6)
        name = ctx.uuid4()
        seeded = random.Random(4).random()
        length = await ctx.once(self.read)
        decision = await ctx.ask(Approval(what=f"{began} {number} {name} {seeded} {length}"))
        return StopEvent(result=(decision.approved, number, began))

    async def read(self) -> int:
        print("reading")  # noqa: T201  (what is done once)
        return len(await anyio.Path(__file__).read_text())


@both
def test_what_goes_through_the_context_is_safe(backend: Backend) -> None:
    report = checked(lambda: Careful(types=TYPES), backend, idle=THREADS_S, max_cuts=5)
    assert report.is_safe, report
    assert report.ticks > 5
    assert "is safe to replay, as far as was tried: no problem" in str(report)


class Logging(Workflow):
    """Sleeps, and starts a child task: that the event loop reads its clock is no affair of the step's."""

    @step
    async def review(self, ctx: Context, ev: StartEvent) -> StopEvent:
        with anyio.move_on_after(5):
            await anyio.sleep(1)
        async with anyio.create_task_group() as group:
            group.start_soon(anyio.sleep, 3)
        decision = await ctx.ask(Approval(what="a desk"))
        return StopEvent(result=decision.approved)


@both
def test_what_event_loops_do_for_themselves_is_left_alone(backend: Backend) -> None:
    assert checked(lambda: Logging(types=TYPES), backend).is_safe


class InThreads(Workflow):
    @step
    def review(self, ctx: Context, ev: StartEvent) -> StopEvent:
        time.time()
        return StopEvent(result=anyio.from_thread.run(ctx.ask, Approval(what="a desk")).approved)


class ByThread(Workflow):
    @step
    async def review(self, ctx: Context, ev: StartEvent) -> StopEvent:
        await anyio.Path(__file__).read_text()
        return StopEvent(result=(await ctx.ask(Approval(what="a desk"))).approved)


@both
@pytest.mark.parametrize("kind", [InThreads, ByThread])
def test_worker_threads_are_watched_too(kind: type[Workflow], backend: Backend) -> None:
    (problem,) = checked(lambda: kind(types=TYPES), backend, idle=THREADS_S, max_cuts=2).problems
    assert problem.where is not None
    assert "test_check_replay.py" in problem.where


@both
def test_what_a_library_does_in_a_thread_is_told_of_where_the_step_is_defined(backend: Backend) -> None:
    (problem,) = checked(lambda: ByThread(types=TYPES), backend, idle=0.05, max_cuts=2).problems
    assert problem.code == "async def review(self, ctx: Context, ev: StartEvent) -> StopEvent:"


def test_a_thread_that_trio_has_kept_from_another_loop_is_not_looked_past() -> None:
    pytest.importorskip("trio")
    anyio.run(anyio.to_thread.run_sync, time.time, backend="trio")
    (problem,) = checked(lambda: InThreads(types=TYPES), "trio", idle=THREADS_S).problems
    assert "test_check_replay.py" in str(problem.where)


INSTALLED = """
import time
from workflows import Context, Workflow, step
from workflows.events import HumanResponseEvent, InputRequiredEvent, StartEvent, StopEvent

class Shop(Workflow):
    @step
    async def sell(self, ctx: Context, ev: StartEvent) -> StopEvent:
        time.time()
        await ctx.wait_for_event(HumanResponseEvent, waiter_event=InputRequiredEvent(prefix="?"))
        return StopEvent()
"""


@pytest.mark.parametrize("path", ["shop_of_one_file.py", "shop_of_many/selling.py"])
def test_a_workflow_of_an_installed_package_is_the_users_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    file = tmp_path / "site-packages" / path
    file.parent.mkdir(parents=True)
    (file.parent / "__init__.py").touch()
    file.write_text(INSTALLED)
    monkeypatch.syspath_prepend(tmp_path / "site-packages")
    shop = importlib.import_module(path.removesuffix(".py").replace("/", "."))
    (problem,) = check_replay(shop.Shop, answers=lambda _: HumanResponseEvent(), backend="asyncio").problems
    assert problem.where == f"{file}:9"
    assert problem.code == "time.time()"


class Tidy(Workflow):
    @step
    async def review(self, ctx: Context, ev: StartEvent) -> StopEvent:
        try:
            decision = await ctx.ask(Approval(what="a desk"))
        finally:
            print("closing")  # noqa: T201  (what is to be found)
        return StopEvent(result=decision.approved)


@both
def test_clean_up_that_acts_while_the_step_is_suspended_is_told_how_to_leave_that_out(backend: Backend) -> None:
    (problem,) = checked(lambda: Tidy(types=TYPES), backend).problems
    assert problem.what == "print() is called by clean-up each time the step is suspended"
    assert "ctx.suspending" in problem.remedy


class Reading(Workflow):
    """Logs, is given a resource, fails once, and asks in concurrent tasks."""

    @step(retry_policy=retry_policy(wait=wait_fixed(1), stop=stop_after_attempt(2)))
    async def review(
        self, ctx: Context, ev: StartEvent, page: Annotated[str, Resource(lambda: read_file(Path()))]
    ) -> StopEvent:
        logger.warning("reviewing %d", len(page))
        approved: list[bool] = []

        async def ask(what: str) -> None:
            async with ctx.branch(what):
                approved.append((await ctx.ask(Approval(what=what))).approved)

        async with anyio.create_task_group() as group:
            group.start_soon(ask, "a desk")
            group.start_soon(ask, "a chair")
        if ctx.retry_info().retry_number == 0:
            print("failing")  # noqa: T201  (what a retry does again)
            raise ConnectionError("the bank is closed")
        return StopEvent(result=approved)


@both
def test_log_records_resources_and_retries_are_no_problem(backend: Backend) -> None:
    report = checked(lambda: Reading(types=TYPES), backend, max_cuts=10)
    assert report.is_safe, report
    assert [found.what for found in report.exposed] == ["print() is done again"]


class Branching(Workflow):
    @step
    async def review(self, ctx: Context, ev: StartEvent) -> StopEvent:
        async def ask(what: str) -> None:
            async with ctx.branch(what):
                time.time()
                await ctx.ask(Approval(what=what))

        async with anyio.create_task_group() as group:
            group.start_soon(ask, "a desk")
            group.start_soon(ask, "a chair")
        return StopEvent()


class Parent(Workflow):
    @step
    async def review(self, ctx: Context, ev: StartEvent) -> StopEvent:
        return StopEvent(result=await ctx.run(self.child))

    def __init__(self) -> None:
        self.child = Child(types=TYPES)
        super().__init__(types=TYPES, children=[self.child])


class Child(Workflow):
    @step
    async def review(self, ctx: Context, ev: StartEvent) -> StopEvent:
        time.time()
        return StopEvent(result=(await ctx.ask(Approval(what="a desk"))).approved)


@both
@pytest.mark.parametrize(
    "make", [lambda: Branching(types=TYPES), Parent, lambda: Child(types=TYPES, waits="park")], ids=["b", "c", "p"]
)
def test_tasks_child_runs_and_parked_steps_are_watched_too(make: Callable[[], Workflow], backend: Backend) -> None:
    (problem,) = checked(make, backend).problems
    assert problem.what.startswith("time.time() comes before a wait")


# --- departures -------------------------------------------------------------------------------------------------------


class Departing(Workflow):
    @step
    async def review(self, ctx: Context, ev: StartEvent) -> StopEvent:
        decision = await ctx.ask(Approval(what=uuid.uuid4().hex))
        return StopEvent(result=decision.approved)


@both
def test_a_replay_that_departs_is_told_with_both_sides_and_with_what_led_there(backend: Backend) -> None:
    effect, departure = checked(lambda: Departing(types=TYPES), backend).problems
    assert effect.what.startswith("uuid.uuid4() comes before a wait")
    assert departure.kind == "departure"
    assert "recorded:" in departure.what
    assert "now:" in departure.what


class Forgetful(Workflow):
    """Keeps on itself what a restarted process doesn't have."""

    topic = "nothing"

    @step
    async def begin(self, ctx: Context, ev: StartEvent) -> Event:
        self.topic = "a desk"
        return Event()

    @step
    async def review(self, ctx: Context, ev: Event) -> StopEvent:
        await ctx.ask(Approval(what="?"))
        return StopEvent(result=self.topic)


@both
def test_what_a_step_keeps_on_its_workflow_is_missed_after_a_restart(backend: Backend) -> None:
    (problem,) = checked(lambda: Forgetful(types=TYPES), backend).problems
    assert problem.kind == "departure"
    assert "it came to 'nothing', uncut to 'a desk'" in problem.what


def test_a_workflow_that_is_given_as_it_is_lives_through_all_cuts() -> None:
    assert check_replay(Forgetful(types=TYPES), answers=YES, backend="asyncio").is_safe


class Timed(Workflow):
    @step
    async def review(self, ctx: Context, ev: StartEvent) -> StopEvent:
        await ctx.ask(Approval(what="?"))
        return StopEvent(result={"at": uuid.uuid4(), "what": "a desk"})


@both
def test_what_of_the_result_is_to_be_the_same_can_be_said(backend: Backend) -> None:
    (problem,) = checked(lambda: Timed(types=TYPES), backend).problems
    assert problem.kind == "departure"
    assert checked(lambda: Timed(types=TYPES), backend, outcome=lambda result: result["what"]).is_safe


# --- storage ----------------------------------------------------------------------------------------------------------


class Carrying(Event):
    load: Any


class Unstorable(Workflow):
    @step
    async def begin(self, ctx: Context, ev: StartEvent) -> Carrying:
        return Carrying(load=object())

    @step
    async def review(self, ctx: Context, ev: Carrying) -> StopEvent:
        await ctx.ask(Approval(what="?"))
        return StopEvent(result=1)


@both
def test_a_value_that_cannot_be_stored_is_told_with_its_path(backend: Backend) -> None:
    problem = checked(lambda: Unstorable(types=TYPES), backend).problems[0]
    assert problem.kind == "storage"
    assert ".load" in problem.what


class Setting(Workflow):
    @step
    async def review(self, ctx: Context, ev: StartEvent) -> StopEvent:
        await ctx.store.set("client", object())
        return StopEvent(result=1)


@both
def test_a_step_that_fails_since_a_value_cannot_be_stored_is_a_problem_and_no_error(backend: Backend) -> None:
    (problem,) = checked(Setting, backend).problems
    assert problem.kind == "storage"
    assert "client" in problem.what


# --- orders -----------------------------------------------------------------------------------------------------------


class Racing(Workflow):
    """Fails if the second answer comes first."""

    fails = True

    @step
    async def review(self, ctx: Context, ev: StartEvent) -> StopEvent:
        came: list[str] = []

        async def one(what: str) -> None:
            async with ctx.branch(what):
                await ctx.ask(Approval(what=what))
                came.append(what)
                await ctx.once(cast("Any", came.count), what)
                if self.fails and "first" not in came:
                    raise LookupError(what)

        async with anyio.create_task_group() as group:
            for what in ("first", "second", "third"):
                group.start_soon(one, what)
        return StopEvent(result=sorted(came))


class Calm(Racing):
    fails = False


@both
def test_each_order_of_answers_is_tried(backend: Backend) -> None:
    report = checked(lambda: Calm(types=TYPES), backend, max_cuts=4)
    assert report.orders == 6
    assert report.is_safe, report


@both
def test_a_run_that_fails_in_another_order_of_answers_is_told_with_the_order(backend: Backend) -> None:
    for seed in range(10):
        with suppress(ExceptionGroup):  # on Trio, what is asked first is drawn: with some seeds it's another one
            report = checked(lambda: Racing(types=TYPES), backend, seed=seed, max_cuts=1)
            break
    found = [problem for problem in report.problems if problem.kind == "order"]
    assert "LookupError: " in found[0].what
    assert "answered in the order" in found[0].what


def test_more_orders_or_cuts_than_are_wanted_are_sampled_and_that_is_said() -> None:
    report = checked(lambda: Calm(types=TYPES), max_orders=2, max_cuts=3)
    assert report.orders == 2
    assert report.cuts == 6
    assert report.is_sampled
    assert "there are more, which weren't tried" in str(report)


class Looping(Workflow):
    @step
    async def review(self, ctx: Context, ev: StartEvent) -> StopEvent:
        taken: list[str] = []
        while not (await ctx.ask(Approval(what=f"{len(taken)}"))).approved:
            taken.append("no")
        return StopEvent(result=len(taken))


NO, AGREED = Decision(approved=False), Decision(approved=True)


@both
def test_a_list_of_answers_is_for_one_question_after_the_other(backend: Backend) -> None:
    report = check_replay(lambda: Looping(types=TYPES), answers={Approval: [NO, NO, AGREED]}, backend=backend)
    assert report.is_safe, report
    assert report.result == 2


@both
def test_an_answer_that_is_missing_or_does_not_fit_is_the_callers_mistake(backend: Backend) -> None:
    with pytest.raises(UsageError, match="nothing answers Approval"):
        check_replay(lambda: Looping(types=TYPES), backend=backend)
    with pytest.raises(UsageError, match="are used up"):
        check_replay(lambda: Looping(types=TYPES), answers={Decision: [NO]}, backend=backend)
    with pytest.raises(UsageError, match="doesn't answer"):
        check_replay(lambda: Looping(types=TYPES), answers=lambda _: StartEvent(), backend=backend)


class Deadline(Workflow):
    @step
    async def review(self, ctx: Context, ev: StartEvent) -> StopEvent:
        try:
            await ctx.ask(Approval(what="a desk"), timeout=86_400)
        except TimeoutError:
            return StopEvent(result=ctx.now())
        return StopEvent()


@both
def test_a_question_that_is_left_open_meets_its_deadline_after_each_cut(backend: Backend) -> None:
    report = check_replay(lambda: Deadline(types=TYPES), answers=lambda _: None, backend=backend)
    assert report.is_safe, report
    assert isinstance(report.result, datetime)


class Failing(Workflow):
    @step
    async def review(self, ctx: Context, ev: StartEvent) -> StopEvent:
        raise LookupError("no such desk")


@both
def test_a_run_that_fails_undisturbed_raises_what_it_fails_with(backend: Backend) -> None:
    with pytest.raises(LookupError, match="no such desk"):
        check_replay(Failing, backend=backend)


@both
def test_a_profiler_of_a_steps_own_blinds_the_check_and_is_told_of(tmp_path: Path, backend: Backend) -> None:
    def profile(_folder: Path) -> None:
        with cProfile.Profile():
            sum(range(3))
        time.time()  # isn't seen any more

    (problem,) = checked(acting(tmp_path, profile), backend).problems
    assert problem.what.startswith("a profiler is set or taken away")
    assert (problem.step, problem.code) == ("review", "with cProfile.Profile():")
    assert checked(acting(tmp_path, profile), backend, allow=["profiler"]).is_safe


@both
def test_a_line_that_reads_and_writes_is_told_of_as_one_that_writes(tmp_path: Path, backend: Backend) -> None:
    def append(folder: Path) -> None:
        notes.write_text(notes.read_text() + "more")

    notes = tmp_path / "notes"
    notes.write_text("")
    (problem,) = checked(acting(tmp_path, append), backend).problems
    assert problem.what.endswith("comes before a wait, and is done again with each replay")
    assert "'w'" in problem.what


class Computing(Workflow):
    """Computes in a thread: for as long as others wait for that, or not at all."""

    def __init__(self, *, is_quick: bool) -> None:
        super().__init__(timeout=None, skip_graph_checks=["dead_end"])
        self.is_quick = is_quick
        self.is_given_up = threading.Event()

    @step
    def compute(self, ev: StartEvent) -> StopEvent:
        assert self.is_quick or self.is_given_up.wait(60)  # 3,650 turns of the loop away
        return StopEvent()

    @step
    async def hear(self, ev: StartEvent) -> None:
        try:
            await anyio.sleep_forever()
        finally:
            self.is_given_up.set()


@both
def test_a_thread_that_time_does_not_wait_for_is_told_with_what_to_pass(backend: Backend) -> None:
    with pytest.raises(SimulationFault, match=r"it waits for work in a thread.* Pass idle=0\.2"):
        checked(lambda: Computing(is_quick=False), backend)
    assert checked(lambda: Computing(is_quick=True), backend, idle=THREADS_S).is_safe


@both
def test_what_is_stuck_although_time_waits_for_threads_is_told_how_long_that_is(backend: Backend) -> None:
    with pytest.raises(SimulationFault, match=r"takes longer than idle=0\.01 seconds: pass more\."):
        simulate(anyio.sleep_forever, backend=backend, idle=0.01)


class Reviewed(Workflow):
    @step
    async def read(self, ctx: Context, ev: StartEvent) -> StopEvent:
        await anyio.sleep(60)
        return StopEvent()


@both
def test_a_run_whose_time_is_up_tells_that_threads_may_be_why(backend: Backend) -> None:
    with pytest.raises(WorkflowTimeoutError) as caught:
        check_replay(Reviewed, backend=backend)
    assert "If it waited for work in a thread, pass idle=0.2, so that time waits too." in caught.value.__notes__
    with pytest.raises(WorkflowTimeoutError) as caught:
        check_replay(Reviewed, backend=backend, idle=0.01)
    assert not any("idle=0.2" in note for note in caught.value.__notes__)


@both
def test_a_thread_is_told_of_though_another_ended_meanwhile(backend: Backend) -> None:
    """Threads were counted, so that one that ended hid one that began."""
    has_begun, ending = threading.Event(), list[threading.Thread]()

    class Relieving(Computing):
        @step
        def compute(self, ev: StartEvent) -> StopEvent:
            has_begun.set()
            ending[0].join()
            return super().compute(ev)

    def relieved() -> Workflow:
        has_begun.clear()
        ending[:] = [threading.Thread(target=has_begun.wait)]
        ending[0].start()
        return Relieving(is_quick=False)

    with pytest.raises(SimulationFault, match=r"it waits for work in a thread.* Pass idle=0\.2"):
        checked(relieved, backend)


def test_a_function_may_be_listed_and_what_is_no_answer_is_refused(tmp_path: Path) -> None:
    answers: Any = {Approval: lambda _question: Decision(approved=True)}
    assert check_replay(acting(tmp_path), answers=answers, backend="asyncio").result is True
    wrong: Any
    for wrong in ("yes", Decision, [Decision]):
        with pytest.raises(UsageError, match="List an event, a list of events, or a function"):
            check_replay(acting(tmp_path), answers={Approval: wrong}, backend="asyncio")


def test_what_is_given_must_be_a_workflow() -> None:
    with pytest.raises(UsageError, match="Give a workflow, its class, or a function that makes one"):
        check_replay(cast("Any", 3))


# --- the observer -----------------------------------------------------------------------------------------------------


def test_the_profiler_of_somebody_else_is_given_back(tmp_path: Path) -> None:
    def mine(*_: object) -> None:
        pass

    sys.setprofile(mine)
    try:
        checked(acting(tmp_path))
        assert sys.getprofile() is mine
    finally:
        sys.setprofile(None)


def test_a_profiler_that_cannot_be_put_aside_is_told_of(tmp_path: Path) -> None:
    with cProfile.Profile():
        if sys.getprofile() is None:
            return  # from Python 3.12 on, there's room for both
        with pytest.raises(UsageError, match="A profiler is at work"):
            checked(acting(tmp_path))


SAFE: list[Act] = [nothing, lambda _: random.Random(3).random(), lambda _: len("abc")]


@few()
@given(before=st.lists(st.sampled_from([*SAFE, *[act for _, act, _ in WHAT_IS_SEEN[:12]]]), max_size=3))
def test_it_is_safe_if_and_only_if_nothing_bare_comes_before_the_wait(before: list[Act]) -> None:
    def act(folder: Path) -> None:
        for one in before:
            one(folder)

    report = checked(acting(Path(), before=act))
    assert report.is_safe == all(one in SAFE for one in before), report


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"max_orders": 0}, "max_orders=0"),
        ({"max_cuts": -1}, "max_cuts=-1"),
        ({"allow": "print"}, "Give a list"),
        ({"allow": ["print", "prints"]}, "'prints' is neither a kind nor a call"),
        ({"allow": ["time.monotonic"]}, r"A call is written as the report has it: .time\.monotonic\(\)"),
        ({"answers": {"Approval": Decision(approved=True)}}, "lists something under 'Approval'"),
    ],
)
def test_options_under_which_nothing_would_be_checked_are_refused(options: dict[str, Any], told: str) -> None:
    with pytest.raises(UsageError, match=told):
        check_replay(Careful, backend="asyncio", **options)
