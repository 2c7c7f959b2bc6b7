"""What is reported and what isn't, case by case: bodies of a step, whose comments say what's to be found."""

from textwrap import dedent, indent

import pytest

from tests.lint.marks import marks_in, places
from workflows.lint import RULES, check_source

HEAD = """\
import asyncio, contextlib, datetime, functools, os, random, secrets, shutil, subprocess, time, uuid
from concurrent.futures import ThreadPoolExecutor
from datetime import date, datetime as dt
from pathlib import Path
from typing import Annotated

import anyio, httpx, requests, sqlite3
from anyio import to_thread

from workflows import Context, Workflow, step
from workflows.events import HumanResponseEvent as Answer, InputRequiredEvent as Question, StartEvent, StopEvent
from workflows.resource import Resource

CACHE = {}
TOTAL = 0


def audit(line):
    CACHE["last"] = line  # kept for all


async def post(url):
    async with httpx.AsyncClient() as client:
        await client.post(url)


class Counter:
    def __init__(self):
        self.count = 0

    def bump(self):
        self.count += 1


class Orders(Workflow):
    limit: int = 3
    folder: Path

    def __init__(self):
        super().__init__()
        self.client = httpx.AsyncClient()
        self.counter = Counter()
        self.seen = []

    async def confirm(self, context, what):
        return await context.ask(Question(prefix=what))

    @step
    async def handle(self, ctx: Context, ev: StartEvent, bank: Annotated[list, Resource(list)]) -> StopEvent:
"""

CASES = {
    "calls_of_each_kind": """
        dt.now(); date.today(); time.monotonic()  # unsafe: clock
        random.random()  # unsafe: random
        secrets.token_hex(8)  # unsafe: random
        uuid.uuid4()  # unsafe: uuid
        requests.post("https://bank.example", json={})  # unsafe: network
        await self.client.post("https://bank.example")  # unsafe: network
        open("claims.csv")  # unsafe: file
        Path("claims.csv").write_text("")  # unsafe: file
        (self.folder / "a" / "b").with_suffix(".csv").unlink()  # unsafe: file
        shutil.rmtree("claims")  # unsafe: file
        subprocess.run(["true"])  # unsafe: process
        input("Sure? ")  # unsafe: input
        sqlite3.connect("claims.db").execute("delete from claims")  # unsafe: file
        await ctx.ask(Question())
    """,
    "harmless_calls": """
        uuid.uuid5(uuid.NAMESPACE_URL, "a")
        os.path.join("a", "b")
        Path("a").with_suffix(".b")
        datetime.timedelta(days=3)
        dt.fromisoformat("2026-01-01")
        generator = random.Random(ev.seed)
        generator.random()
        time.localtime(0)
        httpx.AsyncClient()
        print("hello")
        await anyio.sleep(0)
        await ctx.ask(Question())
    """,
    "what_the_context_gives": """
        ctx.now(); ctx.random.random(); ctx.uuid4()
        await ctx.store.set("at", ctx.now())
        async with ctx.store.edit_state() as state:
            state.count += 1
        await ctx.ask(Question())
    """,
    "after_the_last_wait": """
        await ctx.ask(Question())
        self.seen.append(dt.now())
        await post("https://bank.example")
    """,
    "no_wait_at_all": """
        self.seen.append(dt.now())
    """,
    "every_kind_of_wait": """
        dt.now()  # unsafe: clock
        await ctx.wait_for_event(Answer)
        dt.now()  # unsafe: clock
        await ctx.ask_all(Question(), Question())
        dt.now()  # unsafe: clock
        await ctx.run(self.child)
        dt.now()
    """,
    "arguments_come_before_their_wait": """
        await ctx.ask(Question(prefix=str(dt.now())))  # unsafe: clock
    """,
    "a_branch_without_a_wait": """
        if ev.small:
            self.seen.append(ev)
            return StopEvent()
        elif ev.large:
            dt.now()  # unsafe: clock
        else:
            raise ValueError(dt.now())
        await ctx.ask(Question())
    """,
    "two_branches_that_wait": """
        if ev.small:
            await ctx.ask(Question(prefix=str(dt.now())))  # unsafe: clock
        else:
            await ctx.ask(Question(prefix=str(dt.now())))  # unsafe: clock
        (await ctx.ask(dt.now())) if ev.small else (await ctx.ask(uuid.uuid4()))  # unsafe: clock, uuid
    """,
    "a_loop": """
        for _ in range(3):
            await ctx.ask(Question())
            dt.now()  # unsafe: clock
        dt.now()
    """,
    "a_loop_that_ends_with_the_answer": """
        while True:
            answer = await ctx.ask(Question())
            if answer.approved:
                dt.now()
                break
            time.time()  # unsafe: clock
        dt.now()
    """,
    "a_wait_behind_an_endless_loop": """
        while True:
            dt.now()  # unsafe: clock
            if ev.is_done:
                break
            time.time()  # unsafe: clock
        await ctx.ask(Question())
    """,
    "the_test_of_a_loop": """
        while time.time() < ev.end:  # unsafe: clock
            await ctx.ask(Question())
    """,
    "a_loop_that_goes_on": """
        for _ in range(3):
            answer = await ctx.ask(Question())
            if answer.is_unclear:
                dt.now()  # unsafe: clock
                continue
            time.time()
            return StopEvent()
    """,
    "an_endless_loop_without_an_end": """
        while True:
            dt.now()
            if ev.is_done:
                return StopEvent()
        await ctx.ask(Question())
    """,
    "a_comprehension": """
        [(await ctx.ask(Question(prefix=name)), dt.now()) for name in ev.names]  # unsafe: clock
    """,
    "match": """
        match ev.kind:
            case "small":
                dt.now()
            case _ if time.time() > 3:  # unsafe: clock
                await ctx.ask(Question())
    """,
    "once_makes_it_safe": """
        async def charge():
            await post("https://bank.example")
            self.seen.append(ev)

        await ctx.once(charge)
        await ctx.once(lambda: dt.now().isoformat())
        await ctx.once(self.client.post, "https://bank.example")
        anyio.from_thread.run(ctx.once, charge)
        await ctx.ask(Question())
    """,
    "what_once_is_given_is_bare": """
        await ctx.once(str, uuid.uuid4())  # unsafe: uuid
        await ctx.once(audit(ev))
        await ctx.once(httpx.post("https://bank.example"))  # unsafe: network
        await ctx.once(functools.partial(str, uuid.uuid4()))  # unsafe: uuid
        await ctx.once(functools.partial(functools.partial(sum, start=time.time())), [])  # unsafe: clock
        await ctx.once(functools.partial(httpx.post, ev.address))
        await ctx.ask(Question())
    """,
    "changes_of_self": """
        self.total = 3  # unsafe: state
        self.seen[0] = 1  # unsafe: state
        self.seen.append(1)  # unsafe: state
        del self.seen[0]  # unsafe: state
        self.counter.bump()
        setattr(self, "total", 4)  # unsafe: state
        known = self.seen
        known.append(4)  # unsafe: state
        for entry in self.seen:
            entry.is_done = True  # unsafe: state
        bank.append(ev)  # unsafe: state
        Orders.limit = 4  # unsafe: state
        CACHE["a"] = 1  # unsafe: state
        CACHE.update(a=1)  # unsafe: state
        os.environ["a"] = "b"  # unsafe: state
        await ctx.ask(Question())
    """,
    "changes_of_globals": """
        global TOTAL
        TOTAL += 1  # unsafe: state
        await ctx.ask(Question())
    """,
    "changes_of_what_belongs_to_the_step": """
        total, names = 0, []
        total += 1
        names.append("a")
        ev.names.append("b")
        counter = Counter()
        counter.bump()

        async def one(name):
            nonlocal total
            total += 1
            names.append(name)

        await one("c")
        await ctx.ask(Question())
    """,
    "what_is_made_once_only": """
        if self.model is None:
            self.model = object()
        if "a" not in CACHE:
            CACHE["a"] = object()
        if not self.seen:
            self.count += 1  # unsafe: state
        if self.enabled:
            self.enabled = False  # unsafe: state
        await ctx.ask(Question())
    """,
    "a_helper_that_calls_itself": """
        async def ask(times):
            dt.now()  # unsafe: clock
            if times:
                await ask(times - 1)
            await ctx.ask(Question())
            return time.time()

        await ask(3)
    """,
    "a_helper_that_is_given_a_path_by_one_of_its_callers": """
        def touch(what):
            what.touch()  # unsafe: file

        touch(Path("a"))
        touch(ev.what)
        await ctx.ask(Question())
    """,
    "a_wait_in_a_helper": """
        dt.now()  # unsafe: clock
        await self.confirm(ctx, "a desk")
        dt.now()
    """,
    "functions_that_are_handed_over": """
        await to_thread.run_sync(shutil.rmtree, "a")  # unsafe: file
        await to_thread.run_sync(functools.partial(os.remove, "a"))  # unsafe: file
        await asyncio.get_running_loop().run_in_executor(None, subprocess.check_call, ["true"])  # unsafe: process
        sorted(ev.names, key=lambda name: random.random())  # unsafe: random
        await ctx.ask(Question())
    """,
    "tasks": """
        async def ask(what):
            async with ctx.branch(what):
                dt.now()  # unsafe: clock
                await ctx.ask(Question(prefix=what))
                time.time()  # unsafe: clock

        async with anyio.create_task_group() as group:
            for what in ("a", "b"):
                group.start_soon(ask, what)
            date.today()  # unsafe: clock
        dt.now()
    """,
    "tasks_of_asyncio": """
        async def ask():
            await ctx.ask(Question())

        async def note():
            dt.now()  # unsafe: clock

        async with asyncio.TaskGroup() as group:
            group.create_task(ask())
            group.create_task(note())
        await asyncio.gather(ask(), note())
    """,
    "tasks_that_wait_for_nobody": """
        async def note():
            dt.now()

        async with anyio.create_task_group() as group:
            group.start_soon(note)
    """,
    "handlers_that_eat_it": """
        try:
            await ctx.ask(Question())
        except BaseException:  # unsafe: cancellation
            pass
        try:
            await ctx.ask(Question())
        except (ValueError, asyncio.CancelledError) as error:  # unsafe: cancellation
            raise RuntimeError from error
        try:
            await ctx.ask(Question())
        except:  # unsafe: cancellation
            return StopEvent()
        Cancelled = anyio.get_cancelled_exc_class()
        try:
            await self.confirm(ctx, "a desk")
        except Cancelled:  # unsafe: cancellation
            pass
        with contextlib.suppress(BaseException):  # unsafe: cancellation
            await ctx.ask(Question())
        while True:
            try:
                await ctx.ask(Question())
            finally:
                break  # unsafe: cancellation
    """,
    "handlers_that_let_it_on": """
        try:
            await ctx.ask(Question())
        except Exception:
            pass
        try:
            await ctx.ask(Question())
        except anyio.get_cancelled_exc_class():
            raise
        except BaseException:
            pass
        try:
            await ctx.ask(Question())
        except BaseException as error:
            if ctx.suspending:
                raise error
        try:
            self.limit
        except BaseException:
            pass
        with contextlib.suppress(ValueError):
            await ctx.ask(Question())
        try:
            await ctx.ask(Question())
        finally:
            for _ in range(3):
                break
    """,
    "a_handler_that_waits": """
        try:
            await post_it()
            dt.now()  # unsafe: clock
        except ConnectionError:
            await ctx.ask(Question())
        dt.now()
    """,
    "clean_up_that_a_suspension_runs": """
        try:
            await ctx.ask(Question())
        except BaseException:
            dt.now()  # unsafe: clock
            raise
        finally:
            os.remove("lock")  # unsafe: file
            if not ctx.suspending:
                os.remove("other lock")
            if ctx.suspending:
                return_early = True
            else:
                os.remove("third lock")
    """,
    "clean_up_without_a_wait": """
        try:
            open("claims.csv")
        finally:
            os.remove("lock")
    """,
    "names_that_are_something_else": """
        time, uuid4 = ev.time, ev.uuid4
        time.time()
        uuid4()
        open = ev.open
        open("a")
        await ctx.ask(Question())
    """,
    "comments": """
        dt.now()  # replay: ignore[clock]  for a message only
        dt.now()  # replay: ignore
        dt.now()  # replay: ignore[uuid] # unsafe: clock, unused-ignore
        self.seen.append(  # replay: ignore[state]
            dt.now()  # unsafe: clock
        )
        await ctx.ask(Question())  # replay: ignore[print]
    """,
}  # fmt: skip


def source_of(body: str) -> str:
    return HEAD + indent(dedent(body), " " * 8)


@pytest.mark.parametrize("name", CASES)
def test_what_is_found_in_a_step_is_what_its_comments_say(name: str) -> None:
    text = source_of(CASES[name])
    head = len(HEAD.splitlines())
    found = {place for place in places(check_source(text)) if place[0] > head}
    assert found == marks_in(text).found


@pytest.mark.parametrize(
    ("call", "line", "rule"),
    [
        ("await post('https://bank.example')", "        await client.post(url)", "network"),
        ("audit(ev)", '    CACHE["last"] = line  # kept for all', "state"),
        ("self.counter.bump()", "        self.count += 1", "state"),
    ],
)
def test_a_line_of_a_function_that_is_called_is_reported_where_it_stands(call: str, line: str, rule: str) -> None:
    (finding,) = check_source(source_of(f"{call}\nawait ctx.ask(Question())\n"))
    lines: list[str] = [*HEAD.splitlines()]
    assert (finding.line, finding.rule) == (lines.index(line) + 1, rule)
    assert finding.step == "Orders.handle"
    assert check_source(source_of(f"await ctx.ask(Question())\n{call}\n")) == []


def test_printing_is_judged_when_it_s_asked_for() -> None:
    text = source_of("print('hello')\nawait ctx.ask(Question())\n")
    assert check_source(text) == []
    assert [finding.rule for finding in check_source(text, rules=["print"])] == ["print"]


@pytest.mark.parametrize("rule", [rule for rule in RULES if rule != "print"])
def test_every_rule_is_tried(rule: str) -> None:
    assert any(rule in text.replace(",", " ").split() for text in CASES.values())
