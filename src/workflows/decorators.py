"""`@step`, under the name that users import it from."""

from __future__ import annotations

from .steps import StepConfig as StepConfig
from .steps import StepGraphCheck as StepGraphCheck
from .steps import WorkflowGraphCheck as WorkflowGraphCheck
from .steps import step as step
