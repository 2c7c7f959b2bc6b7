"""What stands in a picture: names as they can be shown, and figures as they're read."""

from __future__ import annotations

from ...representation import StepActivity

LONGEST = 40
"""A longer name is cut short; the whole of it is shown where somebody points at it."""


def shown(text: str) -> str:
    """A text in one line of characters that can be printed; whatever else was in it is a space."""
    return " ".join("".join(character if character.isprintable() else " " for character in text).split())


def cut(text: str) -> str:
    """A text that isn't too long to stand in a node."""
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}*"


def duration(seconds: float) -> str:
    """A time as one reads it."""
    if seconds < 0.0009995:
        return f"{seconds * 1e6:.0f} µs"
    if seconds < 0.9995:
        return f"{seconds * 1000:.3g} ms" if seconds < 0.09995 else f"{seconds * 1000:.0f} ms"
    if seconds < 120:
        return f"{seconds:.1f} s"
    return f"{seconds / 60:.1f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"


def done(activity: StepActivity | None) -> str:
    """What a step has done in a run."""
    if activity is None or not activity.attempts:
        return "not run"
    parts = [f"{activity.finished} done"]
    if activity.attempts != activity.finished:
        parts.append(f"{activity.attempts} attempt{'s' * (activity.attempts > 1)}")
    if activity.failures:
        parts.append(f"{activity.failures} failed")
    return ", ".join([*parts, duration(activity.seconds)])
