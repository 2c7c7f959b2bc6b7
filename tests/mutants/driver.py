"""A pytest plugin that tries mutants in place of running the tests: `-p tests.mutants.driver --mutants FOLDER`.

What takes longest in trying a mutant is the start: importing and collecting. Here that's done once. Each mutant gets a
process that's forked when all is collected, in which the code of the changed function is exchanged where it lives. The
tests that come by the changed lines are run in it, the quickest first, until one fails.

Of a mutant that changes a class or a module rather than a function (a default, a constant), the methods that attrs has
written and the plain constants are exchanged likewise. Anything else needs an import of its own: it gets a copy of the
sources and a new process.
"""

from __future__ import annotations

import gc
import inspect
import json
import os
import resource
import select
import signal
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import CodeType, FunctionType
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.mutants.making import Mutant

from tests.mutants.exchanging import Exchange, remade
from tests.mutants.explained import CORE

AT_IMPORT = {"_or_none"}  # called when their module is imported, and not again: an exchange comes too late
MEMORY = 6 << 30


class Collected:
    """The tests, each in a process of its own whenever it's wanted, and as often."""

    def __init__(self, session: pytest.Session) -> None:
        self._items = {item.nodeid: item for item in session.items}
        self._functions: dict[tuple[str, str, int], list[FunctionType]] = {}
        for found in gc.get_objects():
            if type(found) is FunctionType:
                code = found.__code__
                self._functions.setdefault((code.co_filename, code.co_qualname, code.co_firstlineno), []).append(found)
        gc.freeze()  # what's here stays here: a collection in a fork needn't touch it

    @property
    def names(self) -> list[str]:
        """All tests."""
        return list(self._items)

    def exchange(self, mutant: Mutant) -> Exchange | None:
        """What has to be exchanged for what; None if it can't be done in a living process."""
        path = str(CORE / f"{mutant.module}.py")
        old = compile(Path(path).read_text(encoding="utf-8"), path, "exec", dont_inherit=True)
        found: list[tuple[FunctionType, CodeType]] = []
        for before, after in _changed(old, compile(mutant.source, path, "exec", dont_inherit=True)):
            place = (path, before.co_qualname, before.co_firstlineno)
            functions = self._functions.get(place, []) if after is not None else []
            if after is None:
                return remade(mutant)
            if not functions or before.co_name in AT_IMPORT:
                return None
            found += [(function, after) for function in functions]

        def exchange() -> None:
            for function, changed in found:
                function.__code__ = changed

        return exchange

    def run(self, names: list[str], exchange: Exchange, *, seconds: float, to_the_end: bool = False) -> list[str]:
        """Run tests in a process of their own until one fails, or all of them; gives those that failed.

        A process that takes too long, needs too much memory or dies gives what it was at.
        """
        reading, writing = os.pipe()
        child = os.fork()
        if child == 0:
            os.close(reading)
            self._run_here(names, exchange, seconds, to_the_end, lambda text: os.write(writing, text.encode()))
        os.close(writing)
        said, finished = _read(reading, until=time.monotonic() + 4 * seconds + 20)
        if not finished:
            os.killpg(child, signal.SIGKILL)
        os.close(reading)
        os.waitpid(child, 0)
        lines = said.split("\n")
        failed = [line.removeprefix("failed ") for line in lines if line.startswith("failed ")]
        if "end" not in lines and not failed:
            begun = [line.removeprefix("begun ") for line in lines if line.startswith("begun ")]
            failed.append(f"{begun[-1] if begun else 'the start'}: no end")
        return failed

    def _run_here(
        self, names: list[str], exchange: Exchange, seconds: float, to_the_end: bool, say: Callable[[str], object]
    ) -> None:
        code = 1
        try:
            os.setpgid(0, 0)
            null = os.open(os.devnull, os.O_RDWR)
            for stream in (0, 1, 2):
                os.dup2(null, stream)
            resource.setrlimit(resource.RLIMIT_CPU, (int(seconds) + 1, int(seconds) + 5))
            resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
            resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
            exchange()
            watch = _Watch(say)
            items = [self._items[name] for name in names]
            items[0].config.pluginmanager.register(watch)
            for item, following in zip(items, [*items[1:], None], strict=True):
                say(f"begun {item.nodeid}\n")
                item.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
                if watch.failed and not to_the_end:
                    break
            say("end\n")
            code = 0
        finally:
            os._exit(code)


class _Watch:
    """Says which tests failed."""

    def __init__(self, say: Callable[[str], object]) -> None:
        self._say = say
        self.failed = False

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed:
            self.failed = True
            self._say(f"failed {report.nodeid}\n")


def _read(pipe: int, *, until: float) -> tuple[str, bool]:
    said = b""
    while (left := until - time.monotonic()) > 0:
        if select.select([pipe], [], [], left)[0]:
            part = os.read(pipe, 65536)
            if not part:
                return said.decode(), True
            said += part
    return said.decode(), False


def _changed(old: CodeType, new: CodeType) -> Iterator[tuple[CodeType, CodeType | None]]:
    """The functions of a module or class that differ; with None for what isn't in a function."""
    olds = [constant for constant in old.co_consts if isinstance(constant, CodeType)]
    news = [constant for constant in new.co_consts if isinstance(constant, CodeType)]
    if _outside(old) != _outside(new) or len(olds) != len(news):
        yield old, None
        return
    for before, after in zip(olds, news, strict=True):
        if before == after:
            continue
        if before.co_flags & inspect.CO_OPTIMIZED:
            yield before, after
        else:
            yield from _changed(before, after)


def _outside(code: CodeType) -> tuple[Any, ...]:
    constants = ["function" if isinstance(one, CodeType) else (type(one), repr(one)) for one in code.co_consts]
    return code.co_code, code.co_names, code.co_varnames, constants


class Baseline:
    """Notes how long each test takes that passes."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._seconds: dict[str, float] = {}
        self._failed: set[str] = set()

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Add up its set-up, its call and its end."""
        self._seconds[report.nodeid] = self._seconds.get(report.nodeid, 0.0) + report.duration
        if report.failed:
            self._failed.add(report.nodeid)

    def pytest_sessionfinish(self) -> None:
        """Write them."""
        passed = {name: seconds for name, seconds in self._seconds.items() if name not in self._failed}
        self._file.write_text(json.dumps(passed, indent=1), encoding="utf-8")


def pytest_addoption(parser: pytest.Parser) -> None:
    """Take the file of durations to write, or the modules whose mutants are tried."""
    parser.addoption("--durations-to", type=Path, help="where to write how long each test takes")
    parser.addoption("--mutants-of", help="the modules of core/ whose mutants are tried, with commas between")
    parser.addoption("--longest", type=float, default=3.0, help="how many seconds a test may take")
    parser.addoption("--enough", type=float, default=3.0, help="how many seconds of tests beside tests/core to run")


def pytest_configure(config: pytest.Config) -> None:
    """Measure, if that's asked for."""
    file: Path | None = config.getoption("--durations-to")
    if file is not None:
        config.pluginmanager.register(Baseline(file))


@pytest.hookimpl(tryfirst=True)
def pytest_runtestloop(session: pytest.Session) -> bool | None:
    """Try mutants, if that's asked for."""
    modules: str | None = session.config.getoption("--mutants-of")
    if modules is None:
        return None
    from tests.mutants.trying import Trying

    capture: Any = session.config.pluginmanager.getplugin("capturemanager")
    with capture.global_and_fixture_disabled():
        longest, enough = session.config.getoption("--longest"), session.config.getoption("--enough")
        Trying(Collected(session), longest=longest, enough=enough).modules(modules.split(","))
    sys.stdout.flush()
    return True
