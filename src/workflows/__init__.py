"""Structured-concurrency, event-driven workflows on AnyIO, in which waiting for a human is safe."""

from typing import TYPE_CHECKING

from .context import Context as Context
from .decorators import catch_error as catch_error
from .decorators import step as step
from .lazily import lazily
from .workflow import Workflow as Workflow

if TYPE_CHECKING:
    from .host import Runtime as Runtime
else:
    __getattr__, __dir__, __all__ = lazily(__name__, {"Runtime": ".host"})
