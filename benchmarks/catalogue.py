"""All workloads, in the order in which they are measured and shown."""

from __future__ import annotations

from collections.abc import Sequence

from .chain import CHAIN
from .core_alone import CORE_ALONE
from .fanning import FANNING
from .injecting import INJECTING
from .nesting import NESTING
from .primitives import PRIMITIVES
from .processes import PROCESSES
from .snapshots import SNAPSHOTS
from .stepping import STEPPING
from .streaming import STREAMING
from .suspending import SUSPENDING
from .workload import Workload

WORKLOADS: tuple[Workload, ...] = (
    *PRIMITIVES,
    *CORE_ALONE,
    *STEPPING,
    *CHAIN,
    *FANNING,
    *STREAMING,
    *SUSPENDING,
    *NESTING,
    *INJECTING,
    *SNAPSHOTS,
    *PROCESSES,
)


def chosen(names: Sequence[str]) -> tuple[Workload, ...]:
    """The workloads of these names, or all.

    Raises:
        LookupError: There's none of that name.
    """
    known = {workload.name: workload for workload in WORKLOADS}
    unknown = [name for name in names if name not in known]
    if unknown:
        raise LookupError(f"no workload is named {', '.join(unknown)}; there are: {', '.join(known)}")
    return tuple(workload for workload in WORKLOADS if not names or workload.name in names)
