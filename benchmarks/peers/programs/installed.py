"""Prints what is installed beside this interpreter, as JSON: a version and the bytes of its files for each name."""

from __future__ import annotations

import json
from importlib.metadata import Distribution, distributions
from pathlib import Path

NOT_COUNTED = {"pip", "setuptools", "wheel"}  # what an environment begins with


def size(distribution: Distribution) -> int:
    """Bytes of all files as they were distributed: bytecode is made later."""
    files = (Path(str(file.locate())) for file in distribution.files or () if file.suffix != ".pyc")
    return sum(file.stat().st_size for file in files if file.is_file())


def installed() -> dict[str, tuple[str, int]]:
    """All of them, by name."""
    found = {one.metadata["Name"]: (one.version, size(one)) for one in distributions()}
    return {name: found[name] for name in sorted(found) if name not in NOT_COUNTED}


if __name__ == "__main__":
    print(json.dumps(installed()))
