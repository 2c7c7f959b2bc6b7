"""Disks whose stores are cut at few of their writes: the sweeps look at all there are, and within each; here there are
many runs instead.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from inspect import iscoroutinefunction
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, cast

from workflows.durability import MemoryStore, SqliteStore, Store
from workflows.testing import StoreKind
from workflows.testing.disks import WRITES, Image, OnCut

SPARSE = 7
"""From one in so many moments a run may be begun again, for to keep what is stored takes longer than the run itself."""


class SparseDisk:
    """Where a store is, for one life of a process.

    Args:
        kind: Which kind of store.
        image: What the life before has left.
        first: Which of its writes is the first whose image is kept.
    """

    def __init__(self, kind: StoreKind, image: Image | None, first: int) -> None:
        self._first = first
        self._count = 0
        self._folder = TemporaryDirectory()
        self._path = Path(self._folder.name) / "runs.db"
        self._memory: MemoryStore | None = None
        if kind == "memory":
            self._memory = MemoryStore() if image is None else copy.deepcopy(image.content)
        elif image is not None:
            for name, content in image.content.items():
                Path(self._folder.name, name).write_bytes(content)

    def store(self, on_cut: OnCut) -> Store:
        """A store on this disk, which tells of each point at which it can be cut."""

        def tell(where: str) -> None:
            self._count += 1
            is_kept = (self._count + self._first) % SPARSE == 0
            on_cut(where, Image(str(self._count), self._content()) if is_kept else None)

        return cast("Store", _Told(self._memory or SqliteStore(self._path, synchronous="normal"), tell))

    def problems(self) -> list[str]:
        """What of its images mustn't be."""
        return []

    def close(self) -> None:
        """Throw it away."""
        self._folder.cleanup()

    def _content(self) -> object:
        if self._memory is not None:
            return copy.deepcopy(self._memory)
        return {
            path.name: path.read_bytes()
            for path in Path(self._folder.name).glob("runs.db*")
            if path.suffix != ".db-shm"
        }


class _Told:
    """A store that tells before and after each call that writes."""

    def __init__(self, store: Store, tell: Callable[[str], None]) -> None:
        self._store = store
        self._tell = tell

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._store, name)
        if name not in WRITES:
            return found

        async def told(*args: Any, **kwargs: Any) -> Any:
            self._tell(f"before {name}()")
            result = await found(*args, **kwargs)
            self._tell(f"after {name}()")
            return result

        def told_now(*args: Any, **kwargs: Any) -> Any:
            self._tell(f"before {name}()")
            result = found(*args, **kwargs)
            self._tell(f"after {name}()")
            return result

        return told if iscoroutinefunction(found) else told_now
