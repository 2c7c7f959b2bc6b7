"""What was measured as data, which reports and plots are made of."""

from __future__ import annotations

import platform
from collections.abc import Mapping, Sequence
from typing import Any

import attrs

from ..report import load
from .compared import OURS, PEERS
from .rounds import Series
from .subjects import Subject


def as_data(
    series: Sequence[Series], subjects: Sequence[Subject], *, command: str, rounds: int, clock: str
) -> dict[str, Any]:
    """Everything, ready for JSON."""
    ours = {(one.compared.name, one.size, one.subject.backend): one for one in series if one.subject.name == OURS}
    return {
        "command": command,
        "python": platform.python_version(),
        "machine": platform.machine(),
        "system": platform.system(),
        **load(),
        "rounds": rounds,
        "clock": clock,
        "subjects": {
            subject.key: {name: version for name, (version, _) in subject.packages.items()} for subject in subjects
        },
        "left_out": {peer.name: dict(peer.left_out) for peer in PEERS},
        "figures": [_figure(one, ours) for one in series if one.samples],
    }


def _figure(one: Series, ours: Mapping[tuple[str, int, str], Series]) -> dict[str, Any]:
    workload = one.compared.workload
    return {
        "workload": workload.name,
        "item": workload.item,
        "size": one.size,
        "unit": workload.unit.name,
        "subject": one.subject.name,
        "backend": one.subject.backend,
        **attrs.asdict(one.spread),
        "over_ours": {
            backend: attrs.asdict(one.over(other))
            for (name, size, backend), other in ours.items()
            if one.subject.peer is not None and (name, size) == (one.compared.name, one.size)
        },
    }
