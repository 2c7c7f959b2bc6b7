"""Environments of the peers' own: made once, and kept in a cache outside the repository."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tomllib
import venv
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TypeAlias

ROOT = Path(__file__).parent.parent.parent
PROGRAMS = Path(__file__).parent / "programs"
MARK = "made-of.json"

Installed: TypeAlias = Mapping[str, tuple[str, int]]
"""The version of each distribution, and the bytes of its files."""


class NotInstalled(Exception):
    """What was asked for can't be installed here."""


def cache_folder() -> Path:
    """Where environments are kept unless an option says otherwise."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "anyio-workflows-benchmarks"


def environment(folder: Path, name: str, requirements: Sequence[str], tell: Callable[[str], None]) -> Path:
    """Give the interpreter of an environment that has these requirements, and make it if there's none.

    Raises:
        NotInstalled: The installer says no; the environment is gone again.
    """
    place = folder / f"{name}-{sys.implementation.cache_tag}"
    python = place / ("Scripts" if os.name == "nt" else "bin") / "python"
    made_of = json.dumps(list(requirements))
    mark = place / MARK
    if mark.exists() and mark.read_text(encoding="utf-8") == made_of:
        return python
    tell(f"making an environment for {name}")
    shutil.rmtree(place, ignore_errors=True)
    venv.create(place, with_pip=True)
    command = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *requirements]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        shutil.rmtree(place, ignore_errors=True)
        said = done.stderr.strip().splitlines()
        raise NotInstalled(f"{' '.join(requirements)} can't be installed: {said[-1] if said else 'no reason given'}")
    mark.write_text(made_of, encoding="utf-8")
    return python


def clean(**more: str) -> dict[str, str]:
    """The variables of our own environment without those that would bring our packages into another's."""
    return {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")} | more


def installed(python: Path) -> Installed:
    """What is installed there, but for the installer itself."""
    command = [str(python), str(PROGRAMS / "installed.py")]
    done = subprocess.run(command, env=clean(), capture_output=True, text=True, check=True)
    return {name: (version, size) for name, (version, size) in json.loads(done.stdout).items()}


def dependencies() -> tuple[str, ...]:
    """What this project needs in order to run."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return tuple(project["dependencies"])


def own_size() -> int:
    """Bytes of this project's own files, as they are distributed."""
    files = (file for file in (ROOT / "src").rglob("*") if file.is_file() and "__pycache__" not in file.parts)
    return sum(file.stat().st_size for file in files)
