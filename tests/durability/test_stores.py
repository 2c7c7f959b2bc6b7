"""Every store passes the checks that are shipped for authors of stores."""

from collections.abc import Callable
from pathlib import Path

import pytest

from workflows.durability import MemoryStore, SqliteStore, Store
from workflows.testing import STORE_CHECKS, StoreCheck

pytestmark = [pytest.mark.anyio, pytest.mark.guarantee("R4", "W5")]

MakeStore = Callable[[Path], Callable[[], Store]]


def in_memory(folder: Path) -> Callable[[], Store]:
    store = MemoryStore()
    return lambda: store


def in_sqlite(folder: Path) -> Callable[[], Store]:
    return lambda: SqliteStore(folder / "runs.db")


def in_sqlite_normal(folder: Path) -> Callable[[], Store]:
    return lambda: SqliteStore(str(folder / "runs.db"), synchronous="normal")


@pytest.mark.parametrize("check", STORE_CHECKS, ids=lambda check: check.__name__)
@pytest.mark.parametrize("make", [in_memory, in_sqlite, in_sqlite_normal])
async def test_a_store_does_what_it_should(make: MakeStore, check: StoreCheck, tmp_path: Path) -> None:
    await check(make(tmp_path))
