"""Whatever the way through a step: a line that came before a wait is reported.

Random bodies of a step are run, with random decisions in their branches, and what really came before a wait is
compared with what the linter says of the text.
"""

import inspect
from contextlib import AbstractContextManager, nullcontext, suppress
from random import Random
from typing import Any, NoReturn

import attrs
from hypothesis import given
from hypothesis import strategies as st

from tests.lint.marks import places
from tests.sim.effort import effort
from workflows.lint import check_source

HEAD = """\
import time
from workflows import Context, Workflow, step
class Orders(Workflow):
    @step
    async def handle(self, ctx: Context, ev: "StartEvent"):
"""
LONGEST_TRACE = 40

Lines = list[str]


def indented(lines: Lines, levels: int = 1) -> Lines:
    return ["    " * levels + line for line in lines]


# The headers of a statement, and which of some blocks stands below each, so many levels deep.
SHAPES: list[list[tuple[str, int, int]]] = [
    [("if ev.more():", 0, 1)],
    [("if ev.more():", 0, 1), ("else:", 1, 1)],
    [("while ev.more():\n    ev.tick()", 0, 1)],
    [("while True:\n    ev.tick()", 0, 1)],
    [("while True:\n    time.time()\n    if ev.more(): break", 0, 1)],
    [("while ev.more():\n    ev.tick()", 0, 1), ("else:", 1, 1)],
    [("for _ in ev.some():", 0, 1)],
    [("for _ in ev.some():", 0, 1), ("else:", 1, 1)],
    [("try:", 0, 1), ("finally:", 1, 1)],
    [("try:", 0, 1), ("except ValueError:", 1, 1)],
    [("try:\n    time.time()", 0, 1), ("except ValueError:\n    await ctx.ask(ev)", 1, 1)],
    [("try:", 0, 1), ("except ValueError:", 1, 1), ("else:", 2, 1), ("finally:", 3, 1)],
    [("with ev.nothing():", 0, 1)],
    [("match ev.more():\n    case True:", 0, 2), ("    case _:", 1, 2)],
]


def filled(shape: list[tuple[str, int, int]], bodies: list[Lines]) -> Lines:
    lines: Lines = []
    for header, number, levels in shape:
        lines += [*header.splitlines(), *indented(bodies[number], levels)]
    return lines


def joined(parts: list[Lines]) -> Lines:
    return [line for part in parts for line in part]


def blocks(statements: st.SearchStrategy[Lines]) -> st.SearchStrategy[Lines]:
    return st.builds(joined, st.lists(statements, min_size=1, max_size=4))


def compound(inner: st.SearchStrategy[Lines]) -> st.SearchStrategy[Lines]:
    return st.builds(filled, st.sampled_from(SHAPES), st.lists(blocks(inner), min_size=4, max_size=4))


EFFECTS = st.sampled_from([["time.time()"], ["value = time.time() if ev.more() else await ctx.ask(ev)"]])
WAITS = st.sampled_from([["await ctx.ask(ev)"], ["await ctx.ask(time.time())"], ["ev.more() and await ctx.ask(ev)"]])
LEAPS = st.sampled_from(
    [
        ["[time.time() for _ in ev.some() if await ctx.ask(ev)]"],
        ["if ev.more(): raise ValueError"],
        ["if ev.more(): return time.time()"],
        ["if ev.more(): break"],
        ["if ev.more(): continue"],
    ]
)
BODIES = blocks(st.recursive(EFFECTS | WAITS | LEAPS, compound, max_leaves=12))


class Exhausted(BaseException):
    """The run has gone on for long enough."""


@attrs.define
class World:
    """Stands for the clock, the context and the event, and writes down what comes when."""

    random: Random
    effects: list[int] = attrs.field(factory=list[int])
    before_a_wait: set[int] = attrs.field(factory=set[int])
    ticks: int = 0

    def time(self) -> float:
        self.tick()
        frame = inspect.currentframe()
        assert frame is not None
        assert frame.f_back is not None
        self.effects.append(frame.f_back.f_lineno)
        self.may_fail()
        return 0.0

    async def ask(self, question: object) -> bool:
        self.tick()
        self.before_a_wait.update(self.effects)
        return self.more()

    def tick(self) -> None:
        self.ticks += 1
        if self.ticks > LONGEST_TRACE:
            self.effects.clear()
            self.over()

    def over(self) -> NoReturn:
        raise Exhausted

    def more(self) -> bool:
        return self.random.random() < 0.5

    def some(self) -> list[int]:
        return [1, 2] if self.more() else []

    def may_fail(self) -> None:
        if self.random.random() < 0.1:
            raise ValueError

    def nothing(self) -> AbstractContextManager[None]:
        return nullcontext()


def run(text: str, world: World) -> None:
    """Run the method of a text, with stand-ins for all that it knows."""
    source = text.replace("@step", "@staticmethod").replace("self, ctx: Context", "ctx").replace("import time", "")
    source = source.replace("from workflows import Context, Workflow, step", "").replace("(Workflow)", "")
    names: dict[str, Any] = {"time": world}
    exec(compile(source, "orders.py", "exec"), names)
    with suppress(StopIteration, ValueError, Exhausted):
        names["Orders"].handle(world, world).send(None)


def without_leaps(lines: Lines) -> Lines:
    """The lines without those that make sense in a loop only, where there's none around some of them."""
    try:
        compile(HEAD + "\n".join(indented(lines, 2)), "orders.py", "exec")
    except SyntaxError:
        return [line.replace("break", "pass").replace("continue", "pass") for line in lines]
    return lines


@effort(2)
@given(lines=BODIES, seed=st.integers(0, 2**32 - 1))
def test_what_came_before_a_wait_is_reported(lines: Lines, seed: int) -> None:
    text = HEAD + "\n".join(indented(without_leaps(lines), 2)) + "\n"
    reported = {line for line, rule in places(check_source(text)) if rule == "clock"}
    random = Random(seed)
    for _ in range(10):
        world = World(random)
        run(text, world)
        assert world.before_a_wait <= reported, text
