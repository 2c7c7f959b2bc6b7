"""Disks whose stores are cut at few of their writes: the sweeps look at all there are, and within each; here there are
many runs instead.
"""

from __future__ import annotations

import pickle
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import cast

from workflows.durability import MemoryStore, SqliteStore, Store
from workflows.testing import StoreKind
from workflows.testing.disks import Image, OnCut, Watched

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
            self._memory = MemoryStore() if image is None else pickle.loads(image.content)
        elif image is not None:
            for name, content in image.content.items():
                Path(self._folder.name, name).write_bytes(content)

    def store(self, on_cut: OnCut) -> Store:
        """A store on this disk, which tells of each point at which it can be cut."""

        def tell(where: str) -> None:
            self._count += 1
            is_kept = (self._count + self._first) % SPARSE == 0
            on_cut(where, Image(str(self._count), self._content()) if is_kept else None)

        return cast("Store", Watched(self._memory or SqliteStore(self._path, synchronous="normal"), tell))

    def problems(self) -> list[str]:
        """What of its images mustn't be."""
        return []

    def close(self) -> None:
        """Throw it away."""
        self._folder.cleanup()

    def _content(self) -> object:
        if self._memory is not None:
            return pickle.dumps(self._memory)
        return {
            path.name: path.read_bytes()
            for path in Path(self._folder.name).glob("runs.db*")
            if path.suffix != ".db-shm"
        }
