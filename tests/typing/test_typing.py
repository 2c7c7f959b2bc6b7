"""What mypy and pyright, both strict, say of a user's code.

Every file in `cases/` is checked, never run. A line that a checker must flag ends in `# expect: error`; every other
line must pass. Where the checkers differ, `# expect: error[mypy]` or `# expect: error[pyright]` tells which one does.
"""

import importlib.util
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
CASES = sorted((Path(__file__).parent / "cases").glob("*.py"))
EXPECTED = re.compile(r"#\s*expect: error(?:\[(?P<checker>\w+)\])?")

Findings = dict[Path, dict[int, str]]  # file -> line -> message


def run_mypy(folder: Path) -> Findings:
    command = ["--config-file", str(ROOT / "pyproject.toml"), "--cache-dir", str(folder), "--output", "json"]
    output = run("mypy", [*command, *map(str, CASES)])
    found: Findings = {}
    for line in output.splitlines():
        problem: dict[str, Any] = json.loads(line)
        if problem["severity"] == "error":
            found.setdefault(ROOT / problem["file"], {})[problem["line"]] = problem["message"]
    return found


def run_pyright(folder: Path) -> Findings:
    # The project's configuration leaves the cases out, and files on the command line would be checked without any.
    settings = {
        "include": [os.path.relpath(case, folder) for case in CASES],
        "extraPaths": [str(ROOT / "src")],
        "pythonVersion": "3.11",
        "typeCheckingMode": "strict",
    }
    (folder / "pyrightconfig.json").write_text(json.dumps(settings), encoding="utf-8")
    output = run("pyright", ["--project", str(folder), "--pythonpath", sys.executable, "--outputjson"])
    found: Findings = {}
    for problem in json.loads(output)["generalDiagnostics"]:
        if problem["severity"] == "error":
            line = problem["range"]["start"]["line"] + 1
            found.setdefault(Path(problem["file"]), {})[line] = problem["message"]
    return found


def run(module: str, arguments: list[str]) -> str:
    if importlib.util.find_spec(module) is None:
        pytest.skip(f"{module} isn't installed")
    done = subprocess.run(
        [sys.executable, "-m", module, *arguments], cwd=ROOT, capture_output=True, text=True, check=False, timeout=300
    )
    assert done.returncode in {0, 1}, f"{module} couldn't do its work:\n{done.stdout}\n{done.stderr}"
    return done.stdout


def expected_lines(case: Path, checker: str) -> set[int]:
    lines = case.read_text(encoding="utf-8").splitlines()
    matches = {number: EXPECTED.search(line) for number, line in enumerate(lines, start=1)}
    return {number for number, match in matches.items() if match and match["checker"] in {None, checker}}


CHECKERS: dict[str, Callable[[Path], Findings]] = {"mypy": run_mypy, "pyright": run_pyright}


@pytest.fixture(scope="module")
def findings(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Findings]:
    """Run each checker once, over all cases, when the first test asks for it."""
    known: dict[str, Findings] = {}

    def findings_of(checker: str) -> Findings:
        if checker not in known:
            known[checker] = CHECKERS[checker](tmp_path_factory.mktemp(checker))
        return known[checker]

    return findings_of


def test_there_are_cases_and_each_has_a_line_to_be_flagged_and_one_to_pass() -> None:
    assert CASES
    for case in CASES:
        flagged = expected_lines(case, "mypy") | expected_lines(case, "pyright")
        assert 0 < len(flagged) < len(case.read_text(encoding="utf-8").splitlines()), case


@pytest.mark.parametrize("case", CASES, ids=[case.stem for case in CASES])
@pytest.mark.parametrize("checker", CHECKERS)
def test_exactly_the_marked_lines_are_flagged(checker: str, case: Path, findings: Callable[[str], Findings]) -> None:
    expected = expected_lines(case, checker)
    found = findings(checker).get(case, {})
    missed = sorted(expected - found.keys())
    unexpected = {line: found[line] for line in sorted(found.keys() - expected)}
    assert (missed, unexpected) == ([], {}), f"{checker} on {case.name}: lines not flagged, and lines flagged instead"
