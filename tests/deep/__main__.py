"""`python -m tests.deep --backend trio --minutes 60 --into tests/deep_run.json` tries all properties for an hour.

They're tried in rounds, each with a seed of its own. A failure ends the run, tells how to repeat it, and nothing is
written. Else the figures of this backend are put into the file beside those of the other one.
"""

import argparse
import json
import os
import subprocess
import sys
import time
from array import array
from collections import Counter
from pathlib import Path
from random import SystemRandom
from tempfile import TemporaryDirectory
from typing import Any

from tests.deep.choosing import modules
from tests.deep.rounds import Failed, Outcome, Round, deep_run
from tests.proofs import TESTS


def play(round_: Round, backend: str) -> Outcome:
    """Play a round in a process of its own."""
    with TemporaryDirectory() as name:
        folder = Path(name)
        counted = ["-p", "tests.counted_cases", "--count-cases", str(folder / "cases.json")]
        deep = ["-p", "tests.deep.plugin", "--deep-backend", backend, "--deep-into", name]
        options = ["-x", "-q", "-p", "no:randomly", "-p", "no:cacheprovider", "-o", "faulthandler_timeout=1800"]
        seed = [f"--hypothesis-seed={round_.seed}", "--deep-until", str(round_.until)]
        first = [] if round_.number else ["--deep-first"]
        command = [sys.executable, "-m", "pytest", *options, *counted, *deep, *seed, *first, *map(str, modules())]
        profile = {"HYPOTHESIS_PROFILE": "round"}
        done = subprocess.run(command, cwd=TESTS.parent, env=os.environ | profile, check=False)
        return outcome_of(folder, backend, is_passed=done.returncode == 0)


def outcome_of(folder: Path, backend: str, *, is_passed: bool) -> Outcome:
    """Read what a round has left."""
    file = folder / "round.json"
    left: dict[str, Any] = json.loads(file.read_text(encoding="utf-8")) if file.exists() else {"failed": []}
    if not is_passed:
        return Outcome(failed=left["failed"] or ["(its process died)"])
    interleavings = array("Q")
    if (found := folder / f"interleavings.{backend}").exists():
        interleavings.frombytes(found.read_bytes())
    return Outcome(
        cases=Counter(json.loads((folder / "cases.json").read_text(encoding="utf-8"))),
        lives=left["lives"].get(backend, 0),
        interleavings=set(interleavings),
        cuts=Counter(left["cuts"]),
        cancellations=left["cancellations"],
    )


def main() -> int:
    """Run, and write what came of it."""
    parser = argparse.ArgumentParser(prog="python -m tests.deep", description=__doc__)
    parser.add_argument("--backend", choices=["asyncio", "trio"], required=True)
    parser.add_argument("--minutes", type=float, default=60.0)
    parser.add_argument("--into", type=Path, help="the file for the figures: tests/deep_run.json")
    parser.add_argument("--seed", type=int, default=SystemRandom().randrange(10**6), help="of the first round")
    given = parser.parse_args()
    print(f"{given.minutes:g} minutes on {given.backend}, from seed {given.seed} on", flush=True)
    found = deep_run(
        minutes=given.minutes,
        first_seed=given.seed,
        clock=time.time,
        play=lambda round_: play(round_, given.backend),
        say=lambda line: print(f"\n{line}", flush=True),
    )
    if isinstance(found, Failed):
        print(f"\nThe deep run on {given.backend} {found}")
        return 1
    print(f"\nThe deep run on {given.backend} has passed.")
    if given.into is not None:
        figures: dict[str, Any] = json.loads(given.into.read_text(encoding="utf-8")) if given.into.exists() else {}
        text = json.dumps(figures | {given.backend: found}, indent=2, sort_keys=True)
        given.into.write_text(f"{text}\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
