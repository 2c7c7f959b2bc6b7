"""The two event loops in virtual time. Here alone stand the internals of Trio and asyncio that simulations need.

- **Trio** has virtual time of its own (`MockClock`), and shuffles the tasks that are ready; the generator that it
  draws from isn't public. `trio_scheduler` finds it, and refuses loudly when it has moved. So does `new_threads` for
  the worker threads that Trio keeps from one loop to the next, which whoever looks into new threads wouldn't see.
- **asyncio** gets a loop whose clock jumps to the next timer when nothing is ready. Callbacks stay in the order in
  which they were scheduled: asyncio promises that, so code may rely on it, and shuffling them would find faults that
  no loop has.

Trio is loaded when it's asked for: it's an extra.
"""

from __future__ import annotations

import asyncio
import selectors
import sys
from collections.abc import Awaitable, Callable, Generator, Iterator, Mapping
from contextlib import contextmanager
from contextvars import Context
from heapq import heappop, heappush
from importlib import import_module
from random import Random
from types import ModuleType
from typing import Any, Literal, Protocol, TypeAlias, TypeVar, TypeVarTuple, cast

import anyio

from ..errors import UsageError
from .faults import SimulationFault

T = TypeVar("T")
Parts = TypeVarTuple("Parts")
Backend: TypeAlias = Literal["asyncio", "trio"]
Point: TypeAlias = Callable[[], None]

SCHEDULER = "trio._core._run"  # none of these names is public
GENERATOR = "_r"
SORTS_FIRST = "_ALLOW_DETERMINISTIC_SCHEDULING"
THREADS = "trio._core._thread_cache"
THREAD_CACHE = "THREAD_CACHE"


BUSY_TURNS = 200_000
"""After so many turns of the loop at one instant, nothing is believed to let time pass any more."""
SPINNING_TURNS = BUSY_TURNS // 2
"""After so many, a loop of asyncio is taken to spin, and time passes to the next timer, as it would outside.

AnyIO cancels a task again at each turn until it has ended. One that stands at the end of a task group of asyncio's own
goes on waiting there for its members, and where a member's clean-up sleeps, the loop spins until that's over.
"""
LONGEST_SPINS = 10  # so often in one simulation: what spins for ever is a livelock
SOON_S = 365 * 86_400.0  # timers that are further away aren't what a loop spins for


class Livelock(SimulationFault):
    """Something is busy for ever: time stands still, since it never blocks."""


class SchedulerMoved(SimulationFault):
    """What simulations need of Trio's inside isn't where this version of `workflows` looks for it."""


def run_virtually(
    main: Callable[[Callable[[], float]], Awaitable[T]],
    *,
    backend: Backend,
    seed: int,
    idle: float,
    at_point: Point | None = None,
    on_fault: Callable[[str], None],
    on_busy: Callable[[], None],
) -> T:
    """Run `main(clock)` in a new event loop whose time jumps.

    Args:
        main: Is given the loop's clock, which may be read from anywhere, also when the loop is over.
        backend: Which loop.
        seed: Of Trio's scheduler; asyncio has none.
        idle: Real seconds without anything happening before time jumps: for worker threads.
        at_point: Called before each scheduling point.
        on_fault: Called with what the loop itself complains of.
        on_busy: Called when time stands still for too long.
    """
    patience = Patience(on_busy)
    if backend == "trio":
        return _run_on_trio(main, seed, idle, at_point, patience)
    if backend == "asyncio":
        return _run_on_asyncio(main, idle, at_point, on_fault, patience)
    raise UsageError(f"backend={backend!r} is neither 'asyncio' nor 'trio'.")


def living_tasks() -> dict[object, str]:
    """All tasks of the running loop, with the names to tell of them."""
    if _is_trio_running():
        root = import_module("trio").lowlevel.current_root_task()
        return {} if root is None else {task: str(task.name) for task in _tasks_below(root)}
    return {task: f"{task.get_name()} ({task.get_coro()!r:.80})" for task in asyncio.all_tasks()}


# --- Trio -------------------------------------------------------------------------------------------------------------


class TrioTask(Protocol):
    """A task of Trio, as far as it's needed here."""

    @property
    def name(self) -> str: ...
    @property
    def child_nurseries(self) -> list[Any]: ...


def _is_trio_running() -> bool:
    trio = sys.modules.get("trio")
    return trio is not None and bool(trio.lowlevel.in_trio_run())


def trio_scheduler() -> tuple[ModuleType, Random]:
    """The module that holds Trio's scheduler, and the generator that it draws from.

    Raises:
        SchedulerMoved: They aren't there.
    """
    scheduler = import_module(SCHEDULER)
    generator: object = getattr(scheduler, GENERATOR, None)
    if not isinstance(generator, Random) or not isinstance(getattr(scheduler, SORTS_FIRST, None), bool):
        raise SchedulerMoved(
            f"trio {import_module('trio').__version__} has no {SCHEDULER}.{GENERATOR} (a random.Random) and "
            f"{SORTS_FIRST} (a bool) any more. Use an older trio for simulations, or a newer version of workflows."
        )
    return scheduler, generator


@contextmanager
def seeded_scheduler(seed: int) -> Generator[None]:
    """Make Trio's schedule a function of the seed."""
    scheduler, generator = trio_scheduler()
    state, sorts_first = generator.getstate(), getattr(scheduler, SORTS_FIRST)
    generator.seed(seed)
    setattr(scheduler, SORTS_FIRST, True)
    try:
        yield
    finally:
        setattr(scheduler, SORTS_FIRST, sorts_first)
        generator.setstate(state)


@contextmanager
def new_threads() -> Generator[None]:
    """Have Trio start worker threads of its own for whatever is run meanwhile, and use none that it has kept.

    Raises:
        SchedulerMoved: What it keeps them in isn't there.
    """
    threads = import_module(THREADS)
    kept: object = getattr(threads, THREAD_CACHE, None)
    if not callable(getattr(kept, "start_thread_soon", None)):
        raise SchedulerMoved(
            f"trio {import_module('trio').__version__} has no {THREADS}.{THREAD_CACHE}.start_thread_soon() any more. "
            "Use an older trio for simulations, or a newer version of workflows."
        )
    setattr(threads, THREAD_CACHE, type(kept)())
    try:
        yield
    finally:
        setattr(threads, THREAD_CACHE, kept)


class Patience:
    """Counts the turns of a loop at one instant, and loses patience with too many.

    The first time, it calls `on_busy`, which cancels what it can; the second time, it breaks the loop.
    """

    def __init__(self, on_busy: Callable[[], None]) -> None:
        self._on_busy = on_busy
        self._instant: float = 0.0
        self._turns = 0
        self._spins = 0
        self._is_lost = False

    def is_spinning(self) -> bool:
        """Whether the loop turns without an end in sight, and hasn't done so too often."""
        if self._turns != SPINNING_TURNS or self._spins >= LONGEST_SPINS:
            return False
        self._spins += 1
        return True

    def turn(self, instant: float) -> None:
        """One more turn.

        Raises:
            Livelock: There were too many, and cancelling didn't help.
        """
        if instant != self._instant:
            self._instant, self._turns = instant, 0
        self._turns += 1
        if self._turns <= BUSY_TURNS:
            return
        self._turns = 0
        if self._is_lost:
            raise Livelock(f"The loop went on turning at {instant:g} s when the scenario was cancelled.")
        self._is_lost = True
        self._on_busy()


class _Points:
    """An instrument of Trio: each step of a task is a scheduling point."""

    def __init__(self, at_point: Point) -> None:
        self._at_point = at_point

    def before_task_step(self, _task: TrioTask) -> None:
        self._at_point()


def _run_on_trio(
    main: Callable[[Callable[[], float]], Awaitable[T]],
    seed: int,
    idle: float,
    at_point: Point | None,
    patience: Patience,
) -> T:
    clock = import_module("trio.testing").MockClock(autojump_threshold=idle)
    instruments = [] if at_point is None else [_Points(at_point)]
    now = clock.current_time

    def impatient_now() -> float:
        instant: float = now()
        patience.turn(instant)
        return instant

    clock.current_time = impatient_now
    options = {"clock": clock, "instruments": instruments}
    with seeded_scheduler(seed):
        try:
            return anyio.run(main, now, backend="trio", backend_options=options)
        except import_module("trio").TrioInternalError as error:
            if isinstance(error.__cause__, Livelock):
                raise error.__cause__ from None
            raise


def _tasks_below(task: TrioTask) -> Iterator[TrioTask]:
    for nursery in task.child_nurseries:
        for child in nursery.child_tasks:
            yield child
            yield from _tasks_below(child)


# --- asyncio ----------------------------------------------------------------------------------------------------------


class JumpingSelector(selectors.BaseSelector):
    """A selector that lets time pass instead of sleeping, unless something real happens within `idle` seconds."""

    def __init__(self, idle: float, patience: Patience) -> None:
        self._real = selectors.DefaultSelector()
        self._idle = idle
        self._patience = patience
        self.now: float = 0.0
        self.timers: list[tuple[float, int, asyncio.TimerHandle]] = []

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        """What is ready; if nothing is, time jumps by `timeout`."""
        self._patience.turn(self.now)
        if timeout is None or timeout <= 0:
            if self._patience.is_spinning():
                self.now = self._next_timer()
            return self._real.select(timeout)
        ready = self._real.select(self._idle)
        if not ready:
            self.now += timeout
            self._forget_past_timers()
        return ready

    def _forget_past_timers(self) -> None:
        while self.timers and (self.timers[0][0] <= self.now or self.timers[0][2].cancelled()):
            heappop(self.timers)

    def _next_timer(self) -> float:
        """When the next timer is due, if that's soon; else now."""
        self._forget_past_timers()
        due = self.timers[0][0] if self.timers else self.now
        return due if due - self.now < SOON_S else self.now

    def register(self, fileobj: Any, events: int, data: Any = None) -> selectors.SelectorKey:
        """As any selector."""
        return self._real.register(fileobj, events, data)

    def unregister(self, fileobj: Any) -> selectors.SelectorKey:
        """As any selector."""
        return self._real.unregister(fileobj)

    def get_map(self) -> Mapping[Any, selectors.SelectorKey]:
        """As any selector."""
        return self._real.get_map()

    def close(self) -> None:
        """As any selector."""
        self._real.close()


class VirtualLoop(asyncio.SelectorEventLoop):
    """An event loop of asyncio in virtual time; each callback that's called soon is a scheduling point.

    In debug mode it leaves out one thing: where each callback was scheduled isn't taken down, which would cost ten
    times the rest.
    """

    def __init__(self, idle: float, at_point: Point | None, patience: Patience) -> None:
        self._jumping = JumpingSelector(idle, patience)
        self._at_point = at_point
        self._number = 0
        super().__init__(self._jumping)
        self._clock_resolution = 1e-6  # a finer one vanishes in the float when the loop is half a year old

    def time(self) -> float:
        """Virtual seconds."""
        return self._jumping.now

    def get_debug(self) -> bool:
        """No, to those who would take down where they come from; the loop's own checks are on."""
        return False

    def call_at(
        self, when: float, callback: Callable[[*Parts], object], *args: *Parts, context: Context | None = None
    ) -> asyncio.TimerHandle:
        """As any loop; the timer is known to whoever lets time pass."""
        handle = super().call_at(when, callback, *args, context=context)
        self._number += 1
        heappush(self._jumping.timers, (when, self._number, handle))
        return handle

    def call_soon(
        self, callback: Callable[[*Parts], object], *args: *Parts, context: Context | None = None
    ) -> asyncio.Handle:
        """As any loop, in the order of the calls."""
        if self._at_point is None:
            return super().call_soon(callback, *args, context=context)
        return super().call_soon(_AtPoint(self._at_point, callback), *args, context=context)


class _AtPoint:
    """A callback with a scheduling point before it."""

    __slots__ = ("_at_point", "_callback")

    def __init__(self, at_point: Point, callback: Callable[..., object]) -> None:
        self._at_point = at_point
        self._callback = callback

    def __call__(self, *args: object) -> None:
        self._at_point()
        self._callback(*args)


def _run_on_asyncio(
    main: Callable[[Callable[[], float]], Awaitable[T]],
    idle: float,
    at_point: Point | None,
    on_fault: Callable[[str], None],
    patience: Patience,
) -> T:
    def make_loop() -> asyncio.AbstractEventLoop:
        loop = VirtualLoop(idle, at_point, patience)
        loop.set_exception_handler(lambda _loop, context: on_fault(_complaint(context)))
        return loop

    def run(clock: Callable[[], float]) -> Awaitable[T]:
        return main(clock)

    async def with_clock() -> T:
        loop = cast("VirtualLoop", asyncio.get_running_loop())
        return await run(loop.time)

    return anyio.run(with_clock, backend="asyncio", backend_options={"debug": True, "loop_factory": make_loop})


def _complaint(context: Mapping[str, Any]) -> str:
    error = context.get("exception")
    return f"{context.get('message')}" + (f": {error!r}" if error is not None else "")
