"""Tries the mutants of modules, and keeps what came of each: who noticed it, or that nobody did."""

from __future__ import annotations

import hashlib
import json
import os
import pickle
import resource
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Container, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import attrs
from coverage import CoverageData

from tests.mutants.explained import CORE, ROOT
from tests.mutants.making import Mutant, mutants_of

if TYPE_CHECKING:
    from tests.mutants.driver import Collected

FOLDER = ROOT / ".mutants"
QUIETLY = ("-x", "-q", "-p", "no:cacheprovider", "-p", "no:randomly")
OFTEN = 10
COVERAGE, DURATIONS = FOLDER / "coverage", FOLDER / "durations.json"


@attrs.define
class Outcomes:
    """What came of the mutants of a module, kept in a file for as long as its source stays what it is."""

    module: str
    noticed_by: dict[str, str | None] = attrs.field(factory=dict[str, "str | None"])

    @classmethod
    def kept(cls, module: str) -> Outcomes:
        """Read what's known."""
        file = FOLDER / f"{module}.json"
        known = json.loads(file.read_text(encoding="utf-8")) if file.exists() else {}
        return cls(module, known["noticed_by"]) if known.get("source") == _digest(module) else cls(module)

    def keep(self) -> None:
        """Write it."""
        known = {"source": _digest(self.module), "noticed_by": self.noticed_by}
        (FOLDER / f"{self.module}.json").write_text(json.dumps(known, indent=1), encoding="utf-8")

    def keep_who_noticed(self, mutant: Mutant, by: str) -> None:
        """Write down who notices a change, for when the module has changed elsewhere."""
        known = {**self.noticed_before(), "\n".join(mutant.key): by}
        self._before.write_text(json.dumps(known, indent=1), encoding="utf-8")

    def noticed_before(self) -> dict[str, str]:
        """Who has noticed which change, be it of an earlier source."""
        return json.loads(self._before.read_text(encoding="utf-8")) if self._before.exists() else {}

    @property
    def _before(self) -> Path:
        return FOLDER / f"{self.module}.before.json"

    def of(self, mutant: Mutant) -> str | None:
        """Who noticed a mutant; a KeyError if it hasn't been tried."""
        return self.noticed_by[name_of(mutant)]


def made(module: str) -> list[Mutant]:
    """The mutants of a module, from a file if they've been made before: making them takes as long as trying many."""
    makers = b"".join((Path(__file__).parent / name).read_bytes() for name in ("making.py", "operators.py"))
    file = FOLDER / f"{module}.{_digest(module, makers)[:16]}.pickle"
    if not file.exists():
        file.write_bytes(pickle.dumps(list(mutants_of(module))))
    found: list[Mutant] = pickle.loads(file.read_bytes())
    return found


def name_of(mutant: Mutant) -> str:
    """Tells a mutant from others of the same source."""
    return f"{mutant.operator}#{mutant.occurrence}"


def _digest(module: str, besides: bytes = b"") -> str:
    return hashlib.sha256((CORE / f"{module}.py").read_bytes() + besides).hexdigest()


class Trying:
    """Tries mutants on the tests that were collected.

    Args:
        longest: How many seconds a test may take.
        enough: How many seconds of tests beside those of tests/core a mutant has to survive.
    """

    def __init__(self, collected: Collected, *, longest: float, enough: float) -> None:
        self._collected = collected
        self._longest, self._enough = longest, enough
        self._seconds: dict[str, float] = json.loads(DURATIONS.read_text(encoding="utf-8"))
        self._noticed: Counter[str] = Counter()
        self._coverage = CoverageData(str(COVERAGE))
        self._coverage.read()

    def modules(self, names: list[str]) -> None:
        """Try all that haven't been tried yet; those that need a new process, and so take longest, last."""
        later = [(name, mutant) for name in names for mutant in self._here(name)]
        for name, mutant in later:
            self._note(name, mutant, _in_a_new_process(mutant, self._chosen(self._seconds)))

    def _here(self, name: str) -> Iterator[Mutant]:
        """Try those that can be tried here, and give the others."""
        reached = self._coverage.contexts_by_lineno(str(CORE / f"{name}.py"))
        outcomes = Outcomes.kept(name)
        tried, before = outcomes.noticed_by, outcomes.noticed_before()
        for mutant in made(name):
            if name_of(mutant) in tried:
                continue
            exchanged = self._collected.exchange(mutant)
            if exchanged is None:
                yield mutant
                continue
            lines = range(mutant.line, mutant.last_line + 1)
            coming_by = {context.partition("|")[0] for line in lines for context in reached.get(line, ())}
            tests = self._chosen(coming_by if coming_by - {""} else self._seconds)  # by a default comes whoever imports
            once = before.get("\n".join(mutant.key))  # who noticed it then comes first
            tests = [once, *tests] if once is not None and once in tests else tests
            limit = 10 + sum(self._seconds[test] for test in tests)  # as measured with coverage, which takes longer
            failed = self._collected.run(tests, exchanged, seconds=limit) if tests else []
            self._note(name, mutant, failed[0] if failed else None)

    def _note(self, name: str, mutant: Mutant, by: str | None) -> None:
        outcomes = Outcomes.kept(name)
        outcomes.noticed_by[name_of(mutant)] = by
        outcomes.keep()
        if by is not None:
            self._noticed[by] += 1
            outcomes.keep_who_noticed(mutant, by)
        how = "survived" if by is None else f"noticed by {by}"
        print(f"{name}:{mutant.line} in {mutant.where}: {mutant.was} -> {mutant.becomes}\n    {how}", flush=True)

    def _chosen(self, tests: Container[str]) -> list[str]:
        """Those that are run: of tests/core all that are quick, of the others as many as fit.

        The quickest come first, but for a few that have noticed the most.
        """
        known = [
            name
            for name in self._collected.names
            if name in tests and self._seconds.get(name, self._longest) < self._longest
        ]
        chosen: list[str] = []
        spent = 0.0
        for name in sorted(known, key=self._seconds.__getitem__):
            if not name.startswith("tests/core/"):
                spent += self._seconds[name]
                if spent > self._enough:
                    continue
            chosen.append(name)
        often = [name for name, _ in self._noticed.most_common(OFTEN) if name in chosen]
        return list(dict.fromkeys([*often, *chosen]))


def _end_in_time() -> None:
    """End a process by the time that it has had, not by a clock: that would tell how loaded the machine is."""
    resource.setrlimit(resource.RLIMIT_CPU, (300, 305))


def _in_a_new_process(mutant: Mutant, tests: list[str]) -> str | None:
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "src"
        shutil.copytree(ROOT / "src", source, ignore=shutil.ignore_patterns("__pycache__"))
        (source / "workflows" / "core" / f"{mutant.module}.py").write_text(mutant.source, encoding="utf-8")
        core = [test for test in tests if test.startswith("tests/core/")]
        for chosen in (core, [test for test in tests if not test.startswith("tests/core/")]):
            if not chosen:  # pytest would run them all
                continue
            try:
                ended = subprocess.run(
                    [
                        *(sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", "-p", "no:randomly"),
                        *chosen,
                    ],
                    cwd=ROOT,
                    env={**os.environ, "PYTHONPATH": str(source)},
                    capture_output=True,
                    text=True,
                    timeout=3600,
                    check=False,
                    preexec_fn=_end_in_time,
                )
            except subprocess.TimeoutExpired:
                return "some test: no end"
            if ended.returncode < 0:
                return "some test: no end"
            if ended.returncode != 0:
                lines = ended.stdout.splitlines()
                failed = [line.split()[1] for line in lines if line.startswith(("FAILED ", "ERROR "))]
                return failed[0] if failed else "the import"
    return None
