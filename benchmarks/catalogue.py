"""All workloads, in the order in which they are measured and shown."""

from __future__ import annotations

from collections.abc import Sequence

from .chain import CHAIN
from .core_alone import CORE_ALONE
from .def_steps import DEF_STEPS
from .durable import DURABLE
from .fanning import FANNING
from .injecting import INJECTING
from .kept_runs import KEPT_RUNS
from .nesting import NESTING
from .primitives import PRIMITIVES
from .processes import PROCESSES
from .replaying import REPLAYING
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
    *DEF_STEPS,
    *FANNING,
    *STREAMING,
    *SUSPENDING,
    *REPLAYING,
    *NESTING,
    *INJECTING,
    *SNAPSHOTS,
    *DURABLE,
    *KEPT_RUNS,
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
