"""Checking that a workflow is safe to replay: it's run, answered in each order, cut wherever it can be, and watched.

What counts as unsafe:
- An effect of bare code before a wait: each replay does it again, in any run that waits.
- Any other effect of bare code is done again if the process dies just then, which is what the engine promises of bare
  code. That's told of, and is no problem.
- What a retry does again after an error is no problem either: that's what retries are for.
- A value that can't be stored, a replay that departs from what's on record, and a run that comes to another end when
  it's cut and gone on with.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Sequence
from contextlib import nullcontext
from random import Random
from typing import Any, TypeAlias, cast

import attrs

from ..errors import ContextSerdeError, EncodeError, ReplayMismatch, SuspensionSwallowed, UsageError
from ..workflow import Workflow
from .answering import Answers, AsBefore, Choose, InOrder, NoAnswer, shown_question
from .backends import Backend, new_threads
from .effects import REMEDIES
from .faults import SimulationFault
from .observing import observing
from .replay_findings import Findings, shown_error
from .replay_life import Cut, Inputs, ReplayLife
from .replay_report import ReplayReport
from .simulation import simulated, tell_of_threads

MakeWorkflow: TypeAlias = Workflow[Any, Any] | Callable[[], Workflow[Any, Any]]


def check_replay(
    workflow: MakeWorkflow,
    inputs: Inputs = None,
    answers: Answers | None = None,
    *,
    backend: Backend = "trio",
    seed: int = 0,
    idle: float = 0.0,
    max_orders: int = 24,
    max_cuts: int = 200,
    allow: Collection[str] = (),
    outcome: Callable[[Any], object] = lambda result: result,
) -> ReplayReport:
    """Find out what isn't safe in a workflow of yours when its steps are replayed, and say so in plain words.

    It runs the workflow in virtual time, and answers its questions: in one order, then in each other one. Then it cuts
    the first run after each of its ticks, as if the process had died, and the others at each wait; goes on from the
    JSON that was stored, with the workflow made anew; and compares what it comes to. Meanwhile it watches what steps do
    past their contexts: clocks, randomness, files, sockets, subprocesses, SQLite and prints, except inside of
    `ctx.once`. They are really done, so give the workflow what it may play with.

    Call it in a plain test function, outside of any event loop.

    Args:
        workflow: The class of the workflow, or a function that makes one: it's called for each life of the process. One
            that is given as it is lives through all of them, so what its steps keep on `self` is never lost, and you
            won't learn that it would be.
        inputs: The fields of the start event, or the event.
        answers: A function from a `Question` to the event that answers it, or to None, which leaves it open till its
            deadline. Or a mapping from classes of questions, or of answers, to an event, to such a function, or to a
            list of events: for the first such question, the second, and so on. Give the same answer to the same
            question each time.
        backend: `"trio"` or `"asyncio"`.
        seed: The schedule; see `simulate`.
        idle: See `simulate`: pass 0.2 if the steps use threads.
        max_orders: How many orders of answers are tried at most; if there are more, some are drawn with the seed.
        max_cuts: At how many points the run is cut at most, for each order; if there are more, some are drawn.
        allow: Effects that are no problem here, by kind (`"clock"`, `"random"`, `"print"`, `"file"`, `"network"`,
            `"process"`, `"database"`, `"environment"`, `"profiler"`) or by call (`"time.monotonic()"`).
        outcome: What of the result is to be the same after a cut; by default all of it.

    Returns:
        What was tried and found. `raise_if_unsafe()` makes a test of it.

    Raises:
        UsageError: A question has no answer, or one that it doesn't take.
        Exception: What the run fails with undisturbed, unless it has to do with storing and replaying.
    """
    if max_orders < 1 or max_cuts < 0:
        raise UsageError(
            f"check_replay() was given max_orders={max_orders!r}, max_cuts={max_cuts!r}. Give an order to try at least."
        )
    if isinstance(allow, str):
        raise UsageError(f"check_replay() was given allow={allow!r}. Give a list: allow=[{allow!r}].")
    unknown = [name for name in allow if name not in REMEDIES and re.fullmatch(r"[\w.]+", name)]
    if unknown:
        raise UsageError(
            f"check_replay() was given allow={list(allow)!r}, and {', '.join(map(repr, unknown))} is neither a kind "
            f'nor a call. The kinds: {", ".join(REMEDIES)}. A call is written as the report has it: "time.monotonic()".'
        )
    check = _Check(_maker(workflow), inputs, answers or {}, backend, seed, idle, frozenset(allow), outcome)
    with new_threads() if backend == "trio" else nullcontext():
        check.run(max_orders, max_cuts)
    return check.report()


def _maker(workflow: MakeWorkflow) -> Callable[[], Workflow[Any, Any]]:
    given: Any = workflow
    if isinstance(workflow, Workflow):
        return lambda: cast("Workflow[Any, Any]", given)
    if not callable(given):
        raise UsageError(
            f"check_replay() was given {given!r}. Give a workflow, its class, or a function that makes one."
        )
    return workflow


UNSAFE = (EncodeError, ReplayMismatch, SuspensionSwallowed, ContextSerdeError)


def is_unsafe(error: Exception) -> bool:
    """Whether an error has to do with storing and replaying, itself or in a group."""
    if isinstance(error, ExceptionGroup):
        return cast("ExceptionGroup[Exception]", error).subgroup(UNSAFE) is not None
    return isinstance(error, UNSAFE)


@attrs.define
class _Check:
    make: Callable[[], Workflow[Any, Any]]
    inputs: Inputs
    answers: Answers
    backend: Backend
    seed: int
    idle: float
    allow: frozenset[str]
    outcome: Callable[[Any], object]
    name: str = ""
    result: object = None
    orders: int = 0
    cuts: int = 0
    ticks: int = 0
    is_sampled: bool = False
    found: Findings = attrs.field(factory=Findings)

    def report(self) -> ReplayReport:
        """What was found so far."""
        return ReplayReport(
            workflow=self.name,
            result=self.result,
            problems=self.found.problems(),
            exposed=self.found.exposed(),
            orders=self.orders,
            is_sampled=self.is_sampled,
            cuts=self.cuts,
            ticks=self.ticks,
            backend=self.backend,
            seed=self.seed,
        )

    def run(self, max_orders: int, max_cuts: int) -> None:
        """Try the orders of answers, and cut each."""
        draw = Random(self.seed)
        left: list[tuple[int, ...]] = [()]
        while left and self.orders < max_orders:
            first = left.pop(draw.randrange(len(left)))
            order = InOrder(first)
            life = self.live(order, Cut())
            self.orders += 1
            self.judge_uncut(life, order)
            left += order.others(beyond=len(first))
            cuts = life.cuts if self.orders == 1 else [cut for cut in life.cuts if cut.is_resting]
            if len(cuts) > max_cuts:
                self.is_sampled = True
                cuts = [cuts[number] for number in sorted(draw.sample(range(len(cuts)), max_cuts))]
            if life.error is None or not is_unsafe(life.error):
                self.cut(life, cuts)
        self.is_sampled |= bool(left)

    def live(self, choose: Choose, begins_from: Cut) -> ReplayLife:
        """Live from a point on, to the end."""
        workflow = self.make()
        self.name = type(workflow).__name__
        life = ReplayLife(workflow, self.inputs, self.answers, choose, begins_from)
        try:
            with observing(life.observer):
                simulated(
                    life.live,
                    again=self.again(),
                    backend=self.backend,
                    seed=self.seed,
                    idle=self.idle,
                    starts_at=begins_from.at,
                )
        except SimulationFault as fault:
            life.error = fault
        return life

    def again(self) -> str:
        """The call that repeats it."""
        idle = f", idle={self.idle:g}" if self.idle else ""
        return f"check_replay({self.name}, ..., backend={self.backend!r}, seed={self.seed}{idle})"

    def judge_uncut(self, life: ReplayLife, order: InOrder) -> None:
        """What an undisturbed run says of the workflow; the first one must come to an end."""
        is_first = self.orders == 1
        self.found.see(life, frozenset(), self.allow)
        if life.answerer.failure is not None:
            raise life.answerer.failure
        if isinstance(life.error, SimulationFault) and life.answerer.open:
            asked = ", ".join(map(shown_question, life.answerer.open.values()))
            raise NoAnswer(f"The run is stuck: nothing answers {asked}. Give answers={{...}} that do.")
        if is_first:
            self.ticks, self.result = len(life.cuts), life.result
        if life.error is None:
            return
        if is_unsafe(life.error):
            self.found.error(life.error, order.told if len(order.told) > 1 else ())
        elif is_first:
            tell_of_threads(life.error, self.idle)
            life.error.add_note(f"(in check_replay(), undisturbed, with backend={self.backend!r} and seed={self.seed})")
            raise life.error
        else:
            self.found.order(order.told, life.error)

    def cut(self, uncut: ReplayLife, cuts: Sequence[Cut]) -> None:
        """Go on from each of these points of a run, and compare what it comes to."""
        for cut in cuts:
            resumed = self.live(AsBefore(uncut.answerer.given), cut)
            self.cuts += 1
            self.found.see(resumed, frozenset(cut.in_flight.items()), self.allow)
            where = f"cut after tick {cut.number} ({cut.tick})"
            error = resumed.error or resumed.answerer.failure
            if error is not None and is_unsafe(error):
                self.found.error(error, (), where)
            elif error is not None or uncut.error is not None:
                if shown_error(error) != shown_error(uncut.error):
                    self.found.departed(where, _ending(resumed), _ending(uncut))
            elif not self.are_same(resumed, uncut):
                self.found.departed(where, _ending(resumed), _ending(uncut))

    def are_same(self, one: ReplayLife, other: ReplayLife) -> bool:
        """Whether two runs came to the same result; one of a class that doesn't compare is compared as it's stored."""
        if bool(self.outcome(one.result) == self.outcome(other.result)):
            return True
        codec = one.workflow.definition.codec
        try:
            return codec.encode(self.outcome(one.result)) == codec.encode(self.outcome(other.result))
        except EncodeError:
            return False


def _ending(life: ReplayLife) -> str:
    error = life.error or life.answerer.failure
    return f"{life.result!r:.300}" if error is None else shown_error(error)
