"""SQLite: durable runs in one file, with nothing but the standard library."""

from .store import SqliteStore as SqliteStore
