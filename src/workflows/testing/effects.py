"""Effects: which calls reach the world past a step's context, and how they are named, found and mended.

Two things tell of them. The interpreter's profiler tells of each call of a C function: so clocks, random numbers and
prints are seen under whatever name they were imported. Its audit events tell of files, sockets, processes and
databases, however deep in a library they are.
"""

from __future__ import annotations

import os
import random
import socket
import sys
from collections.abc import Callable, Mapping, Sequence
from datetime import date
from types import FrameType
from typing import Any, Literal, TypeAlias, cast

import attrs

EffectKind: TypeAlias = Literal[
    "clock", "random", "print", "file", "network", "process", "database", "environment", "profiler"
]

REMEDIES: dict[str, str] = {
    "clock": "ctx.now() gives the same instant on every replay",
    "random": "ctx.random and ctx.uuid4() give the same on every replay",
    "print": "ctx.write_event_to_stream(event) tells of it once; or print behind the wait, or in `await ctx.once(fn)`",
    "file": "do it in a function of its own: `await ctx.once(fn)`",
    "network": "do it in a function of its own: `await ctx.once(fn)`",
    "process": "do it in a function of its own: `await ctx.once(fn)`",
    "database": "do it in a function of its own: `await ctx.once(fn)`",
    "environment": "do it in a function of its own: `await ctx.once(fn)`",
    "profiler": "leave the profiler out of the check",
}


@attrs.frozen
class Effect:
    """Something that was done to the world, or learned from it.

    Attributes:
        kind: Which sort of thing.
        call: What was called, as it would be written.
        is_read: Whether it only learns something, which may be another thing the next time.
        file: The file that it opens, or goes on with.
        goes_on: Whether it goes on with what was opened before.
    """

    kind: EffectKind
    call: str
    is_read: bool = False
    file: str | None = attrs.field(default=None, kw_only=True)
    goes_on: bool = attrs.field(default=False, kw_only=True)

    @property
    def label(self) -> str:
        """What tells it from others in the same line; a file that's opened for each pass of a loop is one thing."""
        return self.kind if self.kind in ANYWHERE else self.call


ANYWHERE: frozenset[str] = frozenset({"file", "network", "process", "database", "environment", "profiler"})
"""What counts wherever a library does it. A clock that a library reads for itself is its own affair."""


# --- calls of C functions ---------------------------------------------------------------------------------------------

CLOCKS: frozenset[str] = frozenset(
    {
        *("time", "time_ns", "monotonic", "monotonic_ns", "perf_counter", "perf_counter_ns", "clock_gettime"),
        *("process_time", "process_time_ns", "thread_time", "thread_time_ns"),
    }
)
MOMENTS: frozenset[str] = frozenset({"now", "utcnow", "today"})
DRAWS: frozenset[str] = frozenset({"random", "getrandbits"})
SENDS: frozenset[str] = frozenset({"send", "sendall", "sendto", "sendmsg", "recv", "recv_into", "recvfrom", "recvmsg"})
STATEMENTS: frozenset[str] = frozenset({"execute", "executemany", "executescript"})
WRITES: frozenset[str] = frozenset({"write", "writelines"})

TIME_UUID = "generate_time_safe"
"""What `uuid.uuid1()` calls where the system has it."""

NAMES: frozenset[str] = frozenset(
    {*CLOCKS, *MOMENTS, *DRAWS, *SENDS, *STATEMENTS, *WRITES, "urandom", TIME_UUID, "print", "input"}
)
"""The names of C functions that are worth a closer look."""

_SHARED = cast("object", vars(random)["_inst"])  # the generator behind random.random(); a seeded one is nobody's affair


def effect_of_call(function: Any) -> Effect | None:
    """What calling a C function does to the world, if it's one of those."""
    name: str = function.__name__
    owner: object = getattr(function, "__self__", None)
    if name in CLOCKS:
        return Effect("clock", f"time.{name}()", is_read=True) if function.__module__ == "time" else None
    if name in MOMENTS:
        qualified: str = getattr(function, "__qualname__", "")
        is_clock = isinstance(owner, type) and issubclass(owner, date)
        return Effect("clock", f"{qualified}()", is_read=True) if is_clock else None
    if name in DRAWS:
        return Effect("random", f"random.{name}()", is_read=True) if owner is _SHARED else None
    if name == "urandom":
        return Effect("random", "os.urandom()", is_read=True)
    if name == TIME_UUID:
        return Effect("random", "uuid.uuid1()", is_read=True)
    if name in ("print", "input"):
        return Effect("print", f"{name}()") if function.__module__ == "builtins" else None
    return _effect_of_method(name, owner)


def _effect_of_method(name: str, owner: object) -> Effect | None:
    if name in SENDS:
        return Effect("network", f"socket.{name}()") if isinstance(owner, socket.socket) else None
    if name in STATEMENTS:
        is_database = type(owner).__module__ == "sqlite3" or _is_of("sqlite3", ("Connection", "Cursor"), owner)
        return Effect("database", f"{name}()") if is_database else None
    if owner is sys.stdout or owner is sys.stderr:
        return Effect("print", f"sys.{'stdout' if owner is sys.stdout else 'stderr'}.{name}()")
    if _is_of("io", ("TextIOWrapper", "BufferedWriter", "BufferedRandom", "FileIO"), owner):
        opened = str(getattr(owner, "name", ""))
        return Effect("file", f"{name}() of {_shown(opened)}", file=opened, goes_on=True)
    return None


def _is_of(module: str, classes: tuple[str, ...], owner: object) -> bool:
    loaded = sys.modules.get(module)
    kinds = tuple(vars(loaded)[name] for name in classes) if loaded is not None else ()
    return isinstance(owner, kinds)


# --- audit events -----------------------------------------------------------------------------------------------------

Args: TypeAlias = Sequence[Any]


def _opened(args: Args) -> Effect | None:
    path, mode, flags = args
    if isinstance(path, int) or mode == "U":
        return None
    writes = any(letter in mode for letter in "wax+") if isinstance(mode, str) else False
    if mode is None and isinstance(flags, int):
        writes = bool(flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT))
    shown = f"open({_shown(path)}" + (f", {mode!r})" if isinstance(mode, str) and mode not in ("r", "rb") else ")")
    return Effect("file", shown, is_read=not writes, file=os.fsdecode(path))


def _connected(args: Args) -> Effect | None:
    return Effect("network", f"a connection to {_shown(args[-1])}")


def _called(kind: EffectKind, name: str, *, is_read: bool = False) -> Callable[[Args], Effect | None]:
    def effect(args: Args) -> Effect:
        return Effect(kind, f"{name}({_shown(args[0]) if args else ''})", is_read=is_read)

    return effect


AUDITED: Mapping[str, Callable[[Args], Effect | None]] = {
    "open": _opened,
    "socket.connect": _connected,
    "socket.sendto": _connected,
    "socket.getaddrinfo": _called("network", "socket.getaddrinfo", is_read=True),
    "socket.gethostbyname": _called("network", "socket.gethostbyname", is_read=True),
    "subprocess.Popen": lambda args: Effect("process", f"a process {_shown(args[1])}"),
    "sys.setprofile": lambda args: Effect("profiler", "sys.setprofile()"),
    "sqlite3.connect": _called("database", "sqlite3.connect"),
    "os.putenv": _called("environment", "os.putenv"),
    "os.unsetenv": _called("environment", "os.unsetenv"),
    **{f"os.{name}": _called("file", f"os.{name}", is_read=True) for name in ("listdir", "scandir")},
    **{
        f"os.{name}": _called("file", f"os.{name}")
        for name in ("remove", "rename", "mkdir", "rmdir", "link", "symlink", "truncate", "chmod", "chown", "utime")
    },
    **{f"os.{name}": _called("process", f"os.{name}") for name in ("system", "exec", "posix_spawn", "spawn", "kill")},
}
"""What the interpreter tells of by itself, under the names of its audit events."""


def _shown(value: object) -> str:
    if isinstance(value, bytes):
        value = os.fsdecode(value)
    return f"{value!r:.120}"


def named_after(effect: Effect, entered: FrameType | None) -> Effect:
    """The effect under the name of the function of the standard library that the user has called, if it's another."""
    if entered is None or effect.kind != "random":
        return effect
    return attrs.evolve(effect, call=f"{entered.f_globals['__name__']}.{entered.f_code.co_name}()")
