"""Outcomes: which failures are the same, and which no handler may hide."""

import pytest

from workflows.core.outcomes import Failure, must_surface
from workflows.errors import ReplayMismatch, SuspensionSwallowed


def test_failures_are_the_same_if_their_errors_are_of_the_same_type_and_say_the_same() -> None:
    failure = Failure("work", ValueError("bad"))
    assert failure == Failure("work", ValueError("bad"), 1, 0.0)
    for error in (ValueError("worse"), KeyError("bad"), ValueError("bad", 1)):
        assert failure != Failure("work", error)


def test_how_an_error_was_found_to_swallow_makes_no_other_failure() -> None:
    error = SuspensionSwallowed("work")
    assert Failure("work", error) == Failure("work", error, has_swallowed=True)


@pytest.mark.guarantee("R2")
@pytest.mark.parametrize(
    ("error", "surfaces"),
    [
        (ValueError("bad"), False),
        (KeyboardInterrupt(), True),
        (SuspensionSwallowed("work"), True),
        (ReplayMismatch("departed", recorded="a", now="b"), True),
        (ExceptionGroup("tasks", [ValueError("bad"), SuspensionSwallowed("work")]), True),
        (ExceptionGroup("tasks", [ExceptionGroup("inner", [ReplayMismatch("departed", recorded="a", now="b")])]), True),
        (ExceptionGroup("tasks", [ValueError("bad"), KeyError("bad")]), False),
    ],
    ids=repr,
)
def test_what_tells_of_the_program_is_hidden_by_no_handler(error: BaseException, surfaces: bool) -> None:
    assert must_surface(error) is surfaces
