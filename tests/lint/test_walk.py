"""Whatever the way through a step: a line that came before a wait is reported.

Random bodies of a step are run, with random decisions in their branches, and what really came before a wait is
compared with what the linter says of the text.
"""

import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext, suppress
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


def indented(lines: Lines) -> Lines:
    return [f"    {line}" for line in lines]


def blocks(leaves: st.SearchStrategy[Lines]) -> st.SearchStrategy[Lines]:
    return st.lists(leaves, min_size=1, max_size=4).map(lambda parts: [line for part in parts for line in part])


def compound(inner: st.SearchStrategy[Lines]) -> st.SearchStrategy[Lines]:
    body = blocks(inner)
    loops = st.sampled_from(["while ev.more():", "while True:", "for _ in ev.some():"])
    return st.one_of(
        st.builds(lambda one: ["if ev.more():", *indented(one)], body),
        st.builds(lambda one, two: ["if ev.more():", *indented(one), "else:", *indented(two)], body, body),
        st.builds(lambda loop, one: [loop, "    ev.tick()", *indented(one)], loops, body),
        st.builds(
            lambda loop, one, two: [loop, "    ev.tick()", *indented(one), "else:", *indented(two)], loops, body, body
        ),
        st.builds(lambda one, two: ["try:", *indented(one), "finally:", *indented(two)], body, body),
        st.builds(
            lambda one, two, three, four: [
                *("try:", *indented(one), "except ValueError:", *indented(two)),
                *("else:", *indented(three), "finally:", *indented(four)),
            ],
            *(body, body, body, body),
        ),
        st.builds(lambda one: ["with ev.nothing():", *indented(one)], body),
        st.builds(
            lambda one, two: ["match ev.more():", "    case True:", *indented(indented(one)), "    case _:",
                              *indented(indented(two))],
            *(body, body),
        ),
    )  # fmt: skip


LEAVES = st.sampled_from(
    [
        ["time.time()"],
        ["time.time()"],
        ["await ctx.ask(ev)"],
        ["await ctx.ask(time.time())"],
        ["value = time.time() if ev.more() else await ctx.ask(ev)"],
        ["[time.time() for _ in ev.some() if await ctx.ask(ev)]"],
        ["raise ValueError"],
        ["return time.time()"],
        ["if ev.more(): break"],
        ["if ev.more(): continue"],
    ]
)
BODIES = blocks(st.recursive(LEAVES, compound, max_leaves=10))


class Exhausted(BaseException):
    """The run has gone on for long enough."""


@attrs.define
class World:
    """Stands for the clock, the context and the event, and writes down what comes when."""

    decisions: Iterator[bool]
    effects: list[int] = attrs.field(factory=list[int])
    before_a_wait: set[int] = attrs.field(factory=set[int])
    ticks: int = 0

    def time(self) -> float:
        self.tick()
        self.effects.append(sys._getframe(1).f_lineno)
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
        return next(self.decisions, False)

    def some(self) -> list[int]:
        return [1, 2] if self.more() else []

    def may_fail(self) -> None:
        if self.more() and self.more():
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


def is_python(text: str) -> bool:
    try:
        compile(text, "orders.py", "exec")
    except SyntaxError:  # a `break` outside a loop
        return False
    return True


@effort(3)
@given(lines=BODIES, decisions=st.lists(st.booleans(), max_size=30))
def test_what_came_before_a_wait_is_reported(lines: Lines, decisions: list[bool]) -> None:
    text = HEAD + "\n".join(indented(indented(lines))) + "\n"
    if not is_python(text):
        return
    world = World(iter(decisions))
    run(text, world)
    reported = {line for line, rule in places(check_source(text)) if rule == "clock"}
    assert world.before_a_wait <= reported, text
