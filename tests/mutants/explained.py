"""The mutants that nobody notices, each with the reason why that's right: `explained.toml`."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import TypeAlias

ROOT = Path(__file__).resolve().parents[2]
CORE = ROOT / "src" / "workflows" / "core"
FILE = Path(__file__).with_name("explained.toml")

Key: TypeAlias = tuple[str, str, str, str]  # module, function or class, what stands there, what the mutant makes of it


def explained() -> dict[Key, str]:
    """The reason for each."""
    found: dict[Key, str] = {}
    for group in tomllib.loads(FILE.read_text(encoding="utf-8"))["reason"]:
        for module, where, was, becomes in group["mutants"]:
            key = (module, where, was, becomes)
            if key in found:
                raise ValueError(f"{FILE.name} explains {key} twice")
            found[key] = group["why"]
    return found
