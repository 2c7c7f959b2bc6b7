"""Contexts: a run's state, questions and events, in a step and outside of one."""

from .context import Context as Context
from .serializers import BaseSerializer as BaseSerializer
from .serializers import JsonSerializer as JsonSerializer
from .state_store import DictState as DictState
from .state_store import StateStore as StateStore
from .step_context import StepContext as StepContext
