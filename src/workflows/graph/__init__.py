"""A workflow's graph: steps read from their signatures, the table that routes events to them, and the checks."""

from __future__ import annotations

from .checks import check_program as check_program
from .checks import workflow_skips as workflow_skips
from .declared_types import check_declared_types as check_declared_types
from .options import listed as listed
from .options import option_problems as option_problems
from .program import Program as Program
from .program import Routes as Routes
from .program import attached_steps as attached_steps
from .program import check_definition as check_definition
from .program import check_free_step as check_free_step
from .program import check_step_names as check_step_names
from .program import compile_program as compile_program
from .signature import read_step as read_step
from .spec import ListJoin as ListJoin
from .spec import SlotJoin as SlotJoin
from .spec import StepSpec as StepSpec
