"""What a run has done so far: which steps ran, how often, how long, and which events went between them."""

from __future__ import annotations

from collections.abc import Mapping
from math import isfinite
from typing import Any, cast

import attrs

from ..errors import ContextSerdeError

Counts = Mapping[str, int]


@attrs.frozen(kw_only=True)
class StepActivity:
    """What a step has done in a run.

    Attributes:
        attempts: How often its function was called: replays after a wait and retries count.
        finished: How many of these calls returned.
        failures: How many of these calls raised.
        seconds: How long they were at work; waiting for an answer isn't work.
        took: How many events it took, by the stored name of their class; those that its waits took are among them.
        gave: How many events it returned, sent and asked, by the stored name of their class.
    """

    attempts: int = 0
    finished: int = 0
    failures: int = 0
    seconds: float = 0.0
    took: Counts = attrs.field(factory=dict[str, int])
    gave: Counts = attrs.field(factory=dict[str, int])


@attrs.frozen(kw_only=True)
class RunActivity:
    """What a run has done so far.

    Attributes:
        workflow: The name of the workflow.
        steps: What its steps have done, by their names; one that never ran needn't be there.
    """

    workflow: str
    steps: Mapping[str, StepActivity]

    @classmethod
    def from_snapshot(cls, data: Mapping[str, Any]) -> RunActivity:
        """Read it from a snapshot, as `Context.to_dict()` gives it; the workflow isn't needed.

        Raises:
            ContextSerdeError: It's no snapshot, or one of a version that didn't count yet.
        """
        try:
            steps = {_text(name): _step(stored) for name, stored in data["tally"].items()}
            return cls(workflow=_text(data["workflow"]), steps=steps)
        except (LookupError, TypeError, ValueError, AttributeError) as error:
            is_older = isinstance(cast("object", data), Mapping) and "format_version" in data and "tally" not in data
            why = "is of a version that didn't count what its steps do" if is_older else "is no snapshot of a run"
            raise ContextSerdeError(f"This {why}, as Context.to_dict() gives it: {data!r:.200}.") from error


def _step(stored: Any) -> StepActivity:
    attempts, finished, failures, seconds, took, gave = stored
    if type(seconds) not in (int, float) or not isfinite(seconds) or seconds < 0:
        raise ValueError(f"expected seconds, found {seconds!r:.200}")
    return StepActivity(
        attempts=_count(attempts),
        finished=_count(finished),
        failures=_count(failures),
        seconds=float(seconds),
        took={_text(name): _count(number) for name, number in took.items()},
        gave={_text(name): _count(number) for name, number in gave.items()},
    )


def _count(value: object) -> int:
    if type(value) is not int or value < 0:
        raise ValueError(f"expected a number of things, found {value!r:.200}")
    return value


def _text(value: object) -> str:
    if type(value) is not str:
        raise TypeError(f"expected text, found {value!r:.200}")
    return value
