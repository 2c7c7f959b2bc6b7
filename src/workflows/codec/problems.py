"""What is wrong with a value, and where: reasons, steps of a path, and a look at the value that can't fail."""

from __future__ import annotations

import reprlib
from collections.abc import Sequence

MOST_PROBLEMS = 1000
"""So many are listed; a list of a million bad values is one mistake."""


class Refused(Exception):
    """A value or a document that the codec doesn't take; `reason` says what was found and what to do."""

    def __init__(self, reason: str, step: str = "") -> None:
        super().__init__(reason)
        self.reason = reason
        self.step = step


class Reported(Refused):
    """Refused for problems that are in the list already."""

    def __init__(self) -> None:
        super().__init__("see the other problems")


class Exhausted(Exception):
    """The value has more parts than the codec takes: it's given up at once, since looking further takes as long."""


def problem_of(error: Exception) -> tuple[str, str]:
    """Tell the step and the reason of what went wrong at a place."""
    return (error.step, error.reason) if isinstance(error, Refused) else ("", f"can't be read: {told(error)}")


def told(error: BaseException) -> str:
    """Name an exception and its message, whatever its `__str__` does."""
    try:
        text = str(error)
    except Exception:
        text = "(its message can't be shown)"
    text = text if len(text) <= 300 else text[:297] + "..."
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def attribute_step(name: str) -> str:
    """A step of a path to a field."""
    return f".{name}" if name.isidentifier() else f"[{shown(name)}]"


def key_step(key: object) -> str:
    """A step of a path to the value at a key."""
    return attribute_step(key) if type(key) is str else f"[{shown(key)}]"


def index_step(index: int) -> str:
    """A step of a path to an item."""
    return f"[{index}]"


def element_step(_index: int) -> str:
    """A step of a path to an element of a set, which has no place of its own."""
    return "{}"


class _Shown(reprlib.Repr):
    def __init__(self) -> None:
        super().__init__()
        self.maxlevel = 3
        self.maxstring = self.maxother = self.maxlong = 80
        self.maxlist = self.maxtuple = self.maxset = self.maxfrozenset = self.maxdeque = self.maxdict = 5


_SHOWN = _Shown()


def shown(value: object) -> str:
    """A short `repr`, for messages; that of a value whose `repr` fails names its type."""
    try:
        return _SHOWN.repr(value)
    except Exception:
        return f"<{type(value).__name__}>"


def listed(problems: Sequence[str]) -> list[str]:
    """Cut a list of problems that is too long to be read."""
    if len(problems) <= MOST_PROBLEMS:
        return list(problems)
    return [*problems[:MOST_PROBLEMS], f"and {len(problems) - MOST_PROBLEMS} more"]
