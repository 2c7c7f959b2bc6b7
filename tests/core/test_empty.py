"""What stands for all empty dicts and lists stays empty, and one."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest

from tests.core.flow import Hand
from workflows.core.empty import EMPTY, EMPTY_LIST, with_item


@pytest.mark.parametrize(
    "write",
    [
        lambda: EMPTY.__setitem__("key", 1),
        lambda: EMPTY.setdefault("key", 1),
        lambda: EMPTY.update(key=1),
        lambda: EMPTY.__ior__({"key": 1}),
        lambda: EMPTY_LIST.append(1),
        lambda: EMPTY_LIST.extend([1]),
        lambda: EMPTY_LIST.insert(0, 1),
        lambda: EMPTY_LIST.__iadd__([1]),
    ],
)
def test_what_stands_for_all_that_are_empty_cant_be_written_to(write: Callable[[], Any]) -> None:
    with pytest.raises(TypeError, match="put one of your own in its place"):
        write()
    assert (EMPTY, EMPTY_LIST) == ({}, [])


def test_the_first_item_is_put_into_a_table_of_its_own() -> None:
    table: dict[str, int] = EMPTY
    first = with_item(table, "one", 1)
    assert with_item(first, "two", 2) is first == {"one": 1, "two": 2}
    assert EMPTY == {}


def test_a_copy_of_a_state_has_the_same_ones() -> None:
    hand = Hand()
    hand.start()
    copied = copy.deepcopy(
        hand.state, {id(hand.state.program): hand.state.program, id(hand.state.codec): hand.state.codec}
    )
    assert copied == hand.state
    assert copied.children is EMPTY
    assert copied.out is EMPTY_LIST
