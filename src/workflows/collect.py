"""How a step that takes a list is given it: `Annotated[list[Done], Collect(Take(3))]`."""

from __future__ import annotations

from typing import Any

import attrs


@attrs.frozen
class Cardinality:
    """When a batch is handed to the step that collects it. One of `All()` and `Take(n)`."""


@attrs.frozen
class All(Cardinality):
    """When the batch is closed: nothing of it is at work or waiting any more."""


def _check_number(_take: object, _field: object, value: Any) -> None:
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise ValueError(f"Take({value!r}): give a whole number above 0, how many events of a batch to take.")


@attrs.frozen
class Take(Cardinality):
    """At the `n`-th arrival; what comes later is dropped. A smaller batch is handed over when it's closed.

    Raises:
        ValueError: `n` isn't a whole number above 0.
    """

    n: int = attrs.field(validator=_check_number)


@attrs.frozen
class Collect:
    """Stands beside the list in `Annotated[list[Done], Collect(...)]`, and says when it's handed over."""

    cardinality: Cardinality = attrs.field(factory=All)
