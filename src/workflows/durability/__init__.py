"""Durability: runs that survive the death of their process, and the stores that keep them."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

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

    def __getattr__(name: str) -> object:
        if name == "SqliteStore":  # only those who keep runs in a file load sqlite3
            return import_module(".sqlite", __name__).SqliteStore
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
