"""The stores that come with the package carry runs as any store has to."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from workflows.durability import MemoryStore, SqliteStore, Store
from workflows.testing import RUNTIME_CHECKS, StoreCheck


@pytest.mark.anyio
@pytest.mark.parametrize("kind", ["memory", "normal", "full"])
@pytest.mark.parametrize("check", RUNTIME_CHECKS, ids=lambda check: check.__name__)
@pytest.mark.guarantee("R4", "W1", "W4", "W5")
async def test_runs_survive_in_a_store(check: StoreCheck, kind: Any, tmp_path: Path) -> None:
    memory = MemoryStore()

    def make() -> Store:
        return memory if kind == "memory" else SqliteStore(tmp_path / "runs.db", synchronous=kind)

    await check(make)


def giving(store: Store) -> Callable[[], Store]:
    return lambda: store


def broken_stores() -> dict[str, type[MemoryStore]]:
    class Forgetful(MemoryStore):
        async def commit(self, owner: str, changes: Any, *, now: float) -> Any:
            return []

    class Unfenced(MemoryStore):
        def _why_not(self, owner: str, change: Any) -> None:
            return None

    return {"forgetful": Forgetful, "unfenced": Unfenced}


@pytest.mark.anyio
@pytest.mark.parametrize("name", ["forgetful", "unfenced"])
async def test_the_checks_find_a_broken_store(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("workflows.testing.runtime_checks.scene.LIMIT_S", 0.3)
    found = list[str]()
    for check in RUNTIME_CHECKS:
        store = broken_stores()[name]()
        try:
            await check(giving(store))
        except Exception as error:
            found.append(f"{check.__name__}: {error!r}")
    assert found
