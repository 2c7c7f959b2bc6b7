"""What simulations need of Trio's inside: that it's there, and what they say if it isn't."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from importlib import import_module

import pytest

from workflows.testing import SchedulerMoved
from workflows.testing.backends import (
    GENERATOR,
    SCHEDULER,
    SORTS_FIRST,
    THREAD_CACHE,
    THREADS,
    new_threads,
    seeded_scheduler,
)

pytest.importorskip("trio")

NEEDED = [
    pytest.param(SCHEDULER, GENERATOR, lambda: seeded_scheduler(0), id=GENERATOR),
    pytest.param(SCHEDULER, SORTS_FIRST, lambda: seeded_scheduler(0), id=SORTS_FIRST),
    pytest.param(THREADS, THREAD_CACHE, new_threads, id=THREAD_CACHE),
]


@pytest.mark.parametrize(("module", "name", "change"), NEEDED)
def test_what_is_changed_of_trio_for_a_simulation_is_as_before_afterwards(
    module: str, name: str, change: Callable[[], AbstractContextManager[None]]
) -> None:
    before = getattr(import_module(module), name)
    with change():
        pass
    assert getattr(import_module(module), name) is before


@pytest.mark.parametrize(("module", "name", "change"), NEEDED)
def test_a_trio_that_keeps_it_elsewhere_is_refused(
    module: str, name: str, change: Callable[[], AbstractContextManager[None]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(f"{module}.{name}")
    with pytest.raises(SchedulerMoved, match=name), change():
        pass
