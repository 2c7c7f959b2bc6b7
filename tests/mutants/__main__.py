"""Mutation testing of the core: `python -m tests.mutants [MODULE ...]`, which `nox -s mutants` runs.

The first run measures which tests come by which lines, and how long each takes (`--measure` does that again). Then each
mutant that hasn't been tried is tried; what came of it is kept in `.mutants/` until its module changes. `--again` tries
those once more that survived, after tests were added. At the end the survivors are compared with `explained.toml`.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from coverage import CoverageData

from tests.mutants.explained import CORE, FILE, ROOT, explained
from tests.mutants.figures import Figures, all_modules, keep, source_of
from tests.mutants.trying import COVERAGE, DURATIONS, FOLDER, Outcomes, made, name_of

TESTS = (
    *("tests/core", "tests/engine", "tests/waiting", "tests/golden"),
    *(f"tests/sim/test_{name}.py" for name in ("questions", "replay", "time", "joins", "children", "changed_code")),
    *(f"tests/sim/test_{name}.py" for name in ("loose_tasks", "stored_crashes", "same_anywhere", "stopping")),
    "tests/sim/test_found_by_properties.py",
)
LEFT_OUT = ("tests/engine/test_processes.py", "tests/engine/test_interrupts.py")  # other processes have no mutants
NOT_ALONE = (  # they take nothing or a lot of time, and random cases, depending on what has been run before
    "tests/core/test_machine.py::test_the_rules_feed_every_tick_there_is_and_each_has_changed_something",
    "tests/core/test_children_machine.py::test_the_rules_feed_every_tick_about_children_and_each_has_changed_something",
)
COVERAGE_SETTINGS = "[run]\nsource_pkgs = workflows.core\n"


def main() -> int:
    """Try the mutants of the modules, and say which survived."""
    parser = argparse.ArgumentParser(prog="python -m tests.mutants", description=__doc__)
    parser.add_argument("modules", nargs="*", help="modules of core/, e.g. replay; all of them if none is named")
    parser.add_argument("--measure", nargs="*", metavar="FILE", help="measure these tests again, or all")
    parser.add_argument("--again", action="store_true", help="try those again that survived unexplained")
    parser.add_argument("--longer", action="store_true", help="run the state machines too, and more of the engine")
    parser.add_argument("--only-tell", action="store_true", help="try none, and tell what's known")
    given = parser.parse_args()
    modules: list[str] = given.modules or all_modules()
    FOLDER.mkdir(exist_ok=True)
    if not given.only_tell:
        if given.measure is not None or not DURATIONS.exists():
            _measure(given.measure or [])
        if given.again:
            _forget_survivors(modules)
        longer = ("--longest", "1000", "--enough", "10") if given.longer else ()
        with ThreadPoolExecutor() as threads:  # each waits for a process
            list(threads.map(lambda part: _pytest("--mutants-of", part, "-s", *longer), _parts(modules)))
    return _told(modules)


def _measure(files: list[str]) -> None:
    """Measure all tests, or some of them again."""
    settings = FOLDER / "settings.cfg"  # not a name that begins as the data's: coverage would delete it
    settings.write_text(COVERAGE_SETTINGS, encoding="utf-8")
    measured, durations = FOLDER / "measured", FOLDER / "measured.json"
    covered = ("--cov", f"--cov-config={settings}", "--cov-context=test", "--cov-report=")
    _pytest("--durations-to", str(durations), *covered, coverage=measured, tests=files or TESTS)
    known = json.loads(DURATIONS.read_text(encoding="utf-8")) if files and DURATIONS.exists() else {}
    known |= json.loads(durations.read_text(encoding="utf-8"))
    lines, new_lines = CoverageData(str(COVERAGE)), CoverageData(str(measured))
    if not files:
        lines.erase()
    lines.read()
    new_lines.read()
    lines.update(new_lines)
    lines.write()
    DURATIONS.write_text(json.dumps(known, indent=1), encoding="utf-8")


def _parts(modules: list[str]) -> list[str]:
    """The modules for each processor, such that each has about as much to try."""
    sizes = {name: (CORE / f"{name}.py").stat().st_size for name in modules}
    parts: list[list[str]] = [[] for _ in range(min(os.cpu_count() or 1, len(modules)))]
    for name in sorted(modules, key=sizes.__getitem__, reverse=True):
        min(parts, key=lambda part: sum(sizes[known] for known in part)).append(name)
    return [",".join(part) for part in parts]


def _pytest(*arguments: str, profile: str = "mutants", coverage: Path = COVERAGE, tests: Sequence[str] = TESTS) -> None:
    left_out = [*(f"--ignore={path}" for path in LEFT_OUT), *(f"--deselect={name}" for name in NOT_ALONE)]
    ended = subprocess.run(
        [
            *(sys.executable, "-m", "pytest", "-q", "-p", "no:randomly", "-p", "no:cacheprovider", "-k", "not trio"),
            *("-p", "tests.mutants.driver", *left_out, *arguments, *tests),
        ],
        cwd=ROOT,
        env={**os.environ, "HYPOTHESIS_PROFILE": "mutants", "COVERAGE_FILE": str(coverage)},
        check=False,
    )
    if ended.returncode != 0:
        sys.exit(f"pytest ended with {ended.returncode}: mutants say nothing before all tests pass")


def _forget_survivors(modules: list[str]) -> None:
    """Forget those that survived and aren't explained."""
    reasons = explained()
    for name in modules:
        outcomes = Outcomes.kept(name)
        noticed = {mutant: by for mutant, by in outcomes.noticed_by.items() if by is not None}
        known = {name_of(mutant): None for mutant in made(name) if mutant.key in reasons}
        outcomes.noticed_by = noticed | {mutant: None for mutant in outcomes.noticed_by if mutant in known}
        outcomes.keep()


def _told(modules: list[str]) -> int:
    reasons = explained()
    problems: list[str] = []
    found: dict[str, Figures] = {}
    print("\n| module | mutants | noticed | survived | explained | not tried |\n|---|---|---|---|---|---|")
    for name in modules:
        mutants, outcomes = made(name), Outcomes.kept(name)
        untried = [mutant for mutant in mutants if name_of(mutant) not in outcomes.noticed_by]
        survivors = [mutant for mutant in mutants if mutant not in untried and outcomes.of(mutant) is None]
        known = [mutant for mutant in survivors if mutant.key in reasons]
        noticed = len(mutants) - len(survivors) - len(untried)
        figures = (len(mutants), noticed, len(survivors), len(known), len(untried))
        print(f"| `{name}` | {' | '.join(map(str, figures))} |")
        problems += [
            f"survived: {name}.py:{mutant.line} in {mutant.where} ({mutant.operator})\n"
            f"  {mutant.was}\n  {mutant.becomes}"
            for mutant in survivors
            if mutant.key not in reasons
        ]
        if untried:
            problems.append(f"not tried: {len(untried)} mutants of {name}.py")
            continue
        stale = {key for key in reasons if key[0] == name} - {mutant.key for mutant in survivors}
        problems += [f"explained in {FILE.name}, but it doesn't survive: {key}" for key in sorted(stale)]
        if len(known) == len(survivors):
            found[name] = Figures(source_of(name), len(mutants), len(survivors))
    keep(found)
    print("\n" + "\n".join(problems) if problems else "\nEvery mutant was noticed, or is explained.")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
