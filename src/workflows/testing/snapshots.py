"""Snapshots: whether a workflow, as it is now, can go on with one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..core.restore import restore
from ..errors import ContextSerdeError
from ..workflow import Workflow


def check_snapshot(workflow: Workflow, data: Mapping[str, Any]) -> list[str]:
    """List what keeps a workflow from going on with a snapshot; empty if nothing does. No step runs.

    For continuous integration: keep snapshots of runs that wait, and check them before a new version goes out.

    Args:
        workflow: The workflow, as it is now.
        data: What `Context.to_dict()` gave, through JSON or not.
    """
    definition = workflow.definition
    try:
        restore(definition.program, definition.codec, data, children=definition.kinds)
    except ContextSerdeError as error:
        return list(error.problems)
    return []
