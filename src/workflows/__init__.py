"""Structured-concurrency, event-driven workflows on AnyIO, in which waiting for a human is safe."""

from .context import Context as Context
from .decorators import catch_error as catch_error
from .decorators import step as step
from .host import Runtime as Runtime
from .workflow import Workflow as Workflow
