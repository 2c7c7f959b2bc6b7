"""What a snapshot is written by, and read by, in what other tests don't come by."""

from types import MappingProxyType
from typing import Any

import pytest

from tests.core.flow import CODEC, PROGRAM, Approval, Approved, Hand
from workflows.core.questions import Ask
from workflows.core.restore import check_format, restore
from workflows.core.snapshot import snapshot
from workflows.core.stored import Malformed, seconds
from workflows.core.written import SnapshotWriter
from workflows.errors import ContextSerdeError


def test_a_value_that_cannot_be_stored_is_told_of_with_its_path() -> None:
    writer = SnapshotWriter(CODEC)
    assert writer.value({"a": object()}, "$.questions[", "q1", "].requirements") is None
    (problem,) = writer.problems
    assert problem.startswith("$.questions[q1].requirements.a")
    assert writer.value({"a": 1}, "$.x") == {"a": 1}
    assert len(writer.problems) == 1


def test_any_mapping_may_be_a_snapshot() -> None:
    check_format(MappingProxyType({"format_version": 1}))


def test_seconds_are_numbers() -> None:
    assert (seconds(5), seconds(2.5)) == (5.0, 2.5)
    assert type(seconds(5)) is float
    wrongs: tuple[object, ...] = (True, "5", None, float("nan"), float("inf"))
    for wrong in wrongs:
        with pytest.raises(Malformed, match="seconds"):
            seconds(wrong)


NO_TALLIES: tuple[Any, ...] = (list[int](), 5, "text", {"begin": [1, 0, 0, 0.0, list[int](), None]})


@pytest.mark.parametrize("wrong", NO_TALLIES)
def test_a_tally_that_is_none_is_refused(wrong: Any) -> None:
    hand = Hand()
    hand.start()
    data = {**snapshot(hand.state, at=hand.at), "tally": wrong}
    with pytest.raises(ContextSerdeError, match="no snapshot"):
        restore(PROGRAM, CODEC, data)


def test_asks_whose_content_is_known_are_equal_to_those_of_which_it_is_not() -> None:
    ask, same = (Ask(Approved, Approval(what="x")) for _ in range(2))
    shown = repr(ask)
    assert ask.content(CODEC) == ask.content(CODEC)
    assert ask == same
    assert repr(ask) == shown
