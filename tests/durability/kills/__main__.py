"""`python -m tests.durability.kills`: a session, and what the oracle says of it. Ends with 1 if anything is wrong."""

from __future__ import annotations

import argparse
import secrets
import sys
import tempfile
from collections import Counter
from pathlib import Path

import anyio

from .oracle import Oracle
from .pruned import PruningOracle
from .session import Session


def main() -> int:
    """Run a session, and print its figures."""
    parser = argparse.ArgumentParser(prog="python -m tests.durability.kills", description=__doc__)
    parser.add_argument("--kills", type=int, default=200, help="how many processes are killed")
    parser.add_argument("--seed", type=int, default=secrets.randbelow(2**32), help="what the session draws from")
    parser.add_argument("--lease", type=float, default=0.3, help="seconds after which a process is taken for dead")
    parser.add_argument("--pace", type=float, default=1.0, help="how much longer processes live, on a busy machine")
    parser.add_argument("--folder", type=Path, help="where its files are made, and stay; else they go")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = options.folder or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        given = {"kills": options.kills, "seed": options.seed, "lease": options.lease, "pace": options.pace}
        given["patience"] = 60 * options.pace
        endings = Session(folder, **given).run()
        figures = anyio.run(Oracle(folder, endings).judge)
        tidied = anyio.run(PruningOracle(folder, endings).judge)
    killed = [ending for ending in endings.values() if ending.how == "killed"]
    moments = ", ".join(f"{count} {moment}" for moment, count in sorted(Counter(end.moment for end in killed).items()))
    print(f"seed {options.seed}")
    print(f"runs: {figures.runs}; kills: {len(killed)}; processes that left: {len(endings) - len(killed)}")
    print(f"kills by fate: {moments}; while a commit was being written: {sum(end.is_in_commit for end in killed)}")
    print(
        f"bodies of once: {figures.effects}, of which repetitions: {figures.repetitions}"
        f" (of one body at most {figures.most_repetitions})"
    )
    print(f"events sent: {figures.accepted}; refused: {figures.refused}")
    print(f"runs cancelled: {figures.cancelled} times; in the file that is pruned: {tidied.cancelled} times")
    print(f"runs in the file that is pruned: {tidied.runs}, of which pruned: {tidied.pruned}")
    print(f"runs lost to another by a living process: {figures.lost + tidied.lost}")
    problems = figures.problems + tidied.problems
    print(f"problems: {len(problems)}")
    for problem in problems[:30]:
        print(f"  {problem}")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
