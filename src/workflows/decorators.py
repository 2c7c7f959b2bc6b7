"""`@step`, under the name that users import it from."""

from __future__ import annotations

from .catching import catch_error as catch_error
from .steps import CatchErrorHandler as CatchErrorHandler
from .steps import StepConfig as StepConfig
from .steps import StepFunction as StepFunction
from .steps import StepGraphCheck as StepGraphCheck
from .steps import WorkflowGraphCheck as WorkflowGraphCheck
from .steps import step as step
