"""Observing: which effects steps have on the world past their contexts, where, and in which attempt.

A call counts if it's made in an attempt of a step and not inside of `ctx.once`. It's told of by the line of the user's
code that led to it: the innermost one that belongs neither to the standard library nor to an installed package.

The interpreter's profiler has one place for each thread. It's taken while an observer looks, and given back.
"""

from __future__ import annotations

import inspect
import linecache
import os
import sys
import sysconfig
import threading
from collections.abc import Generator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from types import CodeType, FrameType
from typing import Any, cast

import attrs

from ..errors import UsageError
from ..runtime.attempt import Attempt, current_attempt, inside
from .effects import ANYWHERE, AUDITED, NAMES, Effect, effect_of_call, named_after

PACKAGE = str(Path(__file__).parent.parent) + os.sep
EVENTS = PACKAGE + "events" + os.sep
RESOURCES = os.path.join(PACKAGE, "runtime", "resources") + os.sep
INSTALLED = tuple(f"{os.sep}{name}{os.sep}" for name in ("site-packages", "dist-packages"))
LIBRARY = tuple({sysconfig.get_path(name) + os.sep for name in ("stdlib", "platstdlib")})
GENERATED = ("<string>", "<attrs generated", "<cattrs generated")
FRAMES = 200  # a deeper stack isn't looked through


@attrs.frozen
class Site:
    """A line of the user's code."""

    file: str
    line: int
    function: str

    def __str__(self) -> str:
        file = os.path.relpath(self.file) if self.file.startswith(os.getcwd() + os.sep) else self.file
        return f"{file}:{self.line}"

    @property
    def text(self) -> str:
        """What stands there, as far as it can be found."""
        return linecache.getline(self.file, self.line).strip()


@attrs.frozen
class Asker:
    """Which attempt of which step it was: of a run, or of a child run."""

    run_id: str
    execution: int
    failures: int
    step: str


@attrs.frozen
class Sight:
    """An effect that was seen.

    Attributes:
        effect: What it was.
        site: Where in the user's code.
        asker: The step execution, and how often it had failed before.
        attempt: Which attempt of that it was.
        is_suspending: Whether the step was being suspended: it's clean-up.
    """

    effect: Effect
    site: Site
    asker: Asker
    attempt: int
    is_suspending: bool = False


class Observer:
    """Sees what steps do past their contexts.

    Args:
        own: Where the user's code is, if that's where packages are installed: beginnings of file names.

    Attributes:
        sights: What was seen, in order.
        blinded: Where a step has set a profiler of its own, or taken this one away.
    """

    def __init__(self, own: tuple[str, ...] = ()) -> None:
        self._own = own
        self.sights: list[Sight] = []
        self.blinded: Sight | None = None
        self._opened: set[tuple[Asker, int, str]] = set()

    def see(self, effect: Effect, frame: FrameType | None) -> None:
        """An effect, and the frame that brought it about: take it down if it's a step's own."""
        attempt = current_attempt.get()
        if attempt is None or inside.get() == "once" or attempt.is_closed:
            return
        found = _seen_from(effect, frame, attempt, self._own)
        if found is None:
            return
        named, site = found
        execution = attempt.run.core.state.executions.get(attempt.execution)
        failures = 0 if execution is None else execution.failures
        asker = Asker(attempt.run.run_id, attempt.execution, failures, attempt.step.name)
        if effect.file is not None:
            opened = (asker, attempt.number, effect.file)
            if effect.goes_on and opened in self._opened:  # it's told of by the line that has opened it
                return
            self._opened.add(opened)
        sight = Sight(named, site, asker, attempt.number, attempt.is_suspending)
        if effect.kind == "profiler":
            self.blinded = self.blinded or sight
        else:
            self.sights.append(sight)


def _seen_from(
    effect: Effect, frame: FrameType | None, attempt: Attempt, own: tuple[str, ...]
) -> tuple[Effect, Site] | None:
    """The effect as the user would name it, and the user's line; None if it's nobody's, or a library's own affair."""
    entered: FrameType | None = None
    is_anywhere = effect.kind in ANYWHERE
    for _ in range(FRAMES):
        if frame is None:
            break
        if is_users(frame.f_code.co_filename, own):
            if _is_of_resource(frame, attempt):
                return None
            site = Site(frame.f_code.co_filename, frame.f_lineno, frame.f_code.co_name)
            return named_after(effect, entered), site
        if not (_may_pass_anything(frame) if is_anywhere else _may_pass_reads(effect, frame)):
            return None
        entered = frame if _module_of(frame) in NAMED_AFTER else entered
        frame = frame.f_back
    if is_anywhere and threading.get_ident() != attempt.run.thread:  # a library has put it into a thread
        code = getattr(attempt.step.function, "__code__", None)
        if isinstance(code, CodeType):
            return effect, Site(code.co_filename, _line_of_def(code), code.co_name)
    return None


def _line_of_def(code: CodeType) -> int:
    """Where the `def` of a function stands, below its decorators."""
    lines = linecache.getlines(code.co_filename)[code.co_firstlineno - 1 :]
    below = next((number for number, line in enumerate(lines) if line.lstrip().startswith(("def ", "async def "))), 0)
    return code.co_firstlineno + below


def _is_of_resource(frame: FrameType, attempt: Attempt) -> bool:
    """Whether it's the factory of a resource that acts, which each process calls for itself."""
    own = getattr(attempt.step.function, "__code__", None)
    current: FrameType | None = frame
    while current is not None and current.f_code is not own:
        if current.f_code.co_filename.startswith(RESOURCES):
            return True
        current = current.f_back
    return False


@lru_cache(maxsize=4096)
def is_users(filename: str, own: tuple[str, ...]) -> bool:
    """Whether a file is one of the user's own."""
    if filename.startswith((*GENERATED, "<frozen", PACKAGE)):
        return False
    for place in own:  # an environment may lie in it
        if filename.startswith(place):
            return not any(part in filename.removeprefix(place) for part in INSTALLED)
    return not filename.startswith(LIBRARY) and not any(part in filename for part in INSTALLED)


def place_of(cls: type) -> tuple[str, ...]:
    """Where the code of a class is: the folder of its outermost package, or its file. For code that's installed."""
    outermost = sys.modules.get(cls.__module__.partition(".")[0])
    file = getattr(outermost, "__file__", None)
    if not isinstance(file, str) or outermost is None:
        return ()
    return (os.path.dirname(file) + os.sep,) if hasattr(outermost, "__path__") else (file,)


# What reads the time, draws a number or opens a file for its own purposes.
OWN_AFFAIRS = (
    "importlib",
    "linecache",
    "logging",
    "traceback",
    "warnings",
    "zoneinfo",
    "inspect",
    "tokenize",
    "gettext",
)
WAKERS = ("_write_to_self", "wakeup_thread_and_signal_safe")  # event loops have sockets of their own
NAMED_AFTER = ("random", "uuid", "secrets")
DRAWERS = (*NAMED_AFTER, "attr", "attrs", "dataclasses")


def _may_pass_anything(frame: FrameType) -> bool:
    filename = frame.f_code.co_filename
    if filename.startswith("<frozen importlib") or frame.f_code.co_name in WAKERS:
        return False
    if filename.startswith(PACKAGE):
        return filename.startswith(EVENTS)
    return _module_of(frame) not in OWN_AFFAIRS


def _may_pass_reads(effect: Effect, frame: FrameType) -> bool:
    """Whether a user's call leads to a clock or a generator through this: by way of a thin function around it."""
    filename = frame.f_code.co_filename
    if effect.kind == "print":
        return False
    return filename.startswith((*GENERATED, EVENTS)) or _module_of(frame) in DRAWERS


def _module_of(frame: FrameType) -> str:
    return str(frame.f_globals.get("__name__", "")).partition(".")[0]


# --- looking ----------------------------------------------------------------------------------------------------------


class _Eyes:
    """What the interpreter calls: once set, it stays for good, and passes on to whoever looks."""

    def __init__(self) -> None:
        self.observer: Observer | None = None
        self.hears = False

    def audit(self, event: str, args: tuple[Any, ...]) -> None:
        make = AUDITED.get(event)
        observer = self.observer
        if make is None or observer is None or current_attempt.get() is None:
            return
        effect, own = make(args), inspect.currentframe()
        if effect is not None and own is not None:
            observer.see(effect, own.f_back)

    def profile(self, frame: FrameType, event: str, arg: Any) -> None:
        if event != "c_call" or arg.__name__ not in NAMES:
            return
        observer = self.observer
        if observer is None:  # a thread that has outlived it
            sys.setprofile(None)
            return
        effect = effect_of_call(arg)
        if effect is not None:
            observer.see(effect, frame)


_eyes = _Eyes()


@contextmanager
def observing(observer: Observer) -> Generator[Observer]:
    """Have an observer look, in this thread and in those that are started meanwhile; not within itself.

    Raises:
        UsageError: A profiler is at work that can't be put aside.
    """
    if not _eyes.hears:  # an audit hook can't be taken away
        sys.addaudithook(_eyes.audit)
        _eyes.hears = True
    before, profile, threads = _eyes.observer, sys.getprofile(), threading.getprofile()
    if profile is not None and not callable(cast("object", profile)):
        raise UsageError(
            f"A profiler is at work, {profile!r}, and the interpreter has room for one: check_replay() needs it to see "
            "what steps do. Run it without."
        )
    _eyes.observer = observer
    threading.setprofile(_eyes.profile)
    sys.setprofile(_eyes.profile)
    try:
        yield observer
    finally:
        sys.setprofile(profile)
        threading.setprofile(threads)
        _eyes.observer = before
