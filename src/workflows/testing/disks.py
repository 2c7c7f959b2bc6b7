"""Disks: what is left of a store when its process dies, at each point where that can differ.

Rules:
- A store is cut before and after each call that writes; one in SQLite also before each statement of a transaction, and
  with each part of the pages that its commit writes, down to half a page.
- Images from which the same would be restored have the same digest.
- A group of changes is stored as a whole or not at all: an image of a part is as one of before or after, or it's told.
"""

from __future__ import annotations

import pickle
import sqlite3
from collections.abc import Callable, Iterator
from hashlib import sha256
from inspect import iscoroutinefunction
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Literal, Protocol, TypeAlias, cast

import attrs

from ..durability import MemoryStore, SqliteStore, Store
from ..errors import UsageError

StoreKind: TypeAlias = Literal["memory", "sqlite"]
"""Which kind of store a sweep cuts."""

WRITES = frozenset(
    {
        "open",
        "enlist",
        "renew",
        "retire",
        "commit",
        "claim",
        "take",
        "claim_due",
        "set_aside",
        "delete",
        "post",
        "withdraw",
    }
)
WAL_HEADER, FRAME_HEADER = 32, 24  # bytes; a frame is a page with its header
CHANGING = ("CREATE", "INSERT", "UPDATE", "DELETE", "WITH", "COMMIT")


@attrs.frozen
class Image:
    """What is left on a disk: equal to another one if the same would be restored from it."""

    digest: str
    content: Any = attrs.field(eq=False, repr=False)


OnCut: TypeAlias = Callable[[str, Image | None], None]
"""Is told where the store could be cut, and what would be left of it then, if anybody wants to know."""


class Disk(Protocol):
    """Where a store is, for one life of a process."""

    def store(self, on_cut: OnCut) -> Store:
        """A store on this disk, which tells of each point at which it can be cut."""
        ...

    def problems(self) -> list[str]:
        """What of its images mustn't be."""
        ...

    def close(self) -> None:
        """Throw it away."""
        ...


def disk_for(kind: StoreKind, image: Image | None, *, is_cut: bool) -> Disk:
    """A disk with what was left on another one, or an empty one.

    Args:
        kind: Which kind of store.
        image: What was left.
        is_cut: Whether images of it are wanted.

    Raises:
        UsageError: There's no such kind.
    """
    if kind == "memory":
        return _Memory(image, is_cut=is_cut)
    if kind == "sqlite":
        return _Folder(image, is_cut=is_cut)
    raise UsageError(f"store={kind!r} is neither 'memory' nor 'sqlite'.")


class Watched:
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


class _Memory:
    """A store in memory, which a crash leaves as it is."""

    def __init__(self, image: Image | None, *, is_cut: bool) -> None:
        self._is_cut = is_cut
        self._store: MemoryStore = MemoryStore() if image is None else pickle.loads(image.content)

    def store(self, on_cut: OnCut) -> Store:
        return cast("Store", Watched(self._store, lambda where: on_cut(where, self._image())))

    def _image(self) -> Image | None:
        if not self._is_cut:
            return None
        content = pickle.dumps(self._store)  # faster than a copy, and most images are never gone on from
        return Image(sha256(content).hexdigest(), content)

    def problems(self) -> list[str]:
        return []

    def close(self) -> None:
        pass


Files: TypeAlias = dict[str, bytes]


class _Folder:
    """A folder with a SQLite file and its write-ahead log."""

    def __init__(self, image: Image | None, *, is_cut: bool) -> None:
        self._is_cut = is_cut
        self._folder = TemporaryDirectory()
        self._path = Path(self._folder.name) / "runs.db"
        self._digests: dict[bytes, str] = {}
        self._before: Files | None = None  # the commit that's being written
        self._problems: list[str] = []
        self._parts = 0
        left: Files = {} if image is None else image.content
        for suffix, content in left.items():
            Path(f"{self._path}{suffix}").write_bytes(content)

    def store(self, on_cut: OnCut) -> Store:
        def tell(where: str) -> None:
            if not self._is_cut:
                on_cut(where, None)
                return
            if self._before is not None:
                before, self._before = self._before, None
                for part in _parts(before, self._files()):
                    on_cut(f"{where.replace('after', 'within')}, as its commit is written", self._part(before, part))
            on_cut(where, self._image(self._files()))

        def before_statement(statement: str) -> None:
            kind, connection = statement.split(None, 1)[0].upper(), connections[0]
            if kind == "BEGIN":
                begun[:] = [connection.total_changes]
            is_empty = kind == "COMMIT" and begun == [connection.total_changes]
            if kind in CHANGING and connection.in_transaction and not is_empty:
                self._before = self._files()
                on_cut(f"before {kind} of a transaction", self._image(self._before))

        def connect(*args: Any, **kwargs: Any) -> sqlite3.Connection:
            connection: sqlite3.Connection = sqlite3.connect(*args, **kwargs)
            connections[:] = [connection]
            connection.execute("PRAGMA cache_size = 1")  # so that pages reach the disk before the commit
            if self._is_cut:
                connection.set_trace_callback(before_statement)
            return connection

        connections: list[sqlite3.Connection] = []
        begun: list[int] = []  # how much had changed before the transaction
        store = SqliteStore(self._path, synchronous="normal", connect=connect)
        return cast("Store", Watched(store, tell))

    def _files(self) -> Files:
        paths = {suffix: Path(f"{self._path}{suffix}") for suffix in ("", "-wal")}
        return {suffix: path.read_bytes() for suffix, path in paths.items() if path.exists()}

    def _part(self, before: Files, part: Files) -> Image:
        image = self._image(part)
        whole = self._image(self._files())
        if image not in (self._image(before), whole):
            self._problems.append("a part of a group was stored without the rest")
        return image

    def _image(self, files: Files) -> Image:
        raw = sha256(b"|".join(files[suffix] for suffix in sorted(files))).digest()
        if raw not in self._digests:
            self._digests[raw] = _digest_of(files)
        return Image(self._digests[raw], files)

    def problems(self) -> list[str]:
        return self._problems

    def close(self) -> None:
        self._folder.cleanup()


def _parts(before: Files, after: Files) -> Iterator[Files]:
    """What there may be when a commit was written in part: up to each page that it writes, and half of it."""
    old, new = before.get("-wal", b""), after.get("-wal", b"")
    if before.get("") != after.get("") or old == new:  # written back into the file: that has rules of its own
        return
    frame = FRAME_HEADER + int.from_bytes(new[8:12], "big")
    for end in range(WAL_HEADER, len(new), frame):
        for cut in (end, end + frame // 2):
            part = new[:cut] + old[cut:]
            if part not in (old, new):
                yield {**before, "-wal": part}


def _digest_of(files: Files) -> str:
    """What is in a store, whichever pages it's in."""
    with TemporaryDirectory() as folder:
        for suffix, content in files.items():
            Path(folder, f"runs.db{suffix}").write_bytes(content)
        connection = sqlite3.connect(Path(folder, "runs.db"))
        try:
            connection.execute("PRAGMA synchronous = off")
            text = "\n".join(connection.iterdump())
        finally:
            connection.close()
    return sha256(text.encode()).hexdigest()
