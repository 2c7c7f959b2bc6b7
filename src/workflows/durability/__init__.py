"""Durability: runs that survive the death of their process, and the stores that keep them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..lazily import lazily
from .memory import MemoryStore as MemoryStore
from .store import Change as Change
from .store import Message as Message
from .store import Refusal as Refusal
from .store import RunContent as RunContent
from .store import RunStatus as RunStatus
from .store import Store as Store
from .store import StoredQuestion as StoredQuestion
from .store import StoredRun as StoredRun

if TYPE_CHECKING:
    from .sqlite import SqliteStore as SqliteStore
else:
    # Only those who keep runs in a file load sqlite3.
    __getattr__, __dir__, __all__ = lazily(__name__, {"SqliteStore": ".sqlite"})
