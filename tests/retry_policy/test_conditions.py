"""Conditions: which errors are worth another try."""

import re
from collections.abc import Callable

import pytest
from hypothesis import given

from tests.retry_policy.strategies import conditions, errors, is_timeout, says_yes
from workflows.retry_policy import (
    FailedAttempt,
    retry_all,
    retry_always,
    retry_any,
    retry_if_exception,
    retry_if_exception_cause_type,
    retry_if_exception_message,
    retry_if_exception_type,
    retry_if_not_exception_message,
    retry_if_not_exception_type,
    retry_never,
    retry_unless_exception_type,
)
from workflows.retry_policy.conditions import Condition


def is_value_error(error: Exception) -> bool:
    return isinstance(error, ValueError)


@pytest.mark.parametrize(
    ("condition", "error", "expected"),
    [
        (retry_always(), ValueError(), True),
        (retry_never(), ValueError(), False),
        (retry_if_exception(is_value_error), ValueError(), True),
        (retry_if_exception(is_value_error), KeyError(), False),
        (retry_if_exception_type(), ValueError(), True),
        (retry_if_exception_type(OSError), ConnectionError(), True),
        (retry_if_exception_type(OSError), ValueError(), False),
        (retry_if_exception_type((OSError, ValueError)), ValueError(), True),
        (retry_if_not_exception_type(), ValueError(), False),
        (retry_if_not_exception_type(OSError), ConnectionError(), False),
        (retry_if_not_exception_type((OSError, KeyError)), ValueError(), True),
        (retry_unless_exception_type(OSError), ConnectionError(), False),
        (retry_unless_exception_type(OSError), ValueError(), True),
        (retry_if_exception_message("busy"), OSError("busy"), True),
        (retry_if_exception_message("busy"), OSError("very busy"), False),
        (retry_if_exception_message(match="busy"), OSError("very busy"), True),
        (retry_if_exception_message(match="^busy"), OSError("very busy"), False),
        (retry_if_exception_message(match=re.compile("BUSY", re.IGNORECASE)), OSError("very busy"), True),
        (retry_if_exception_message(""), OSError(), True),
        (retry_if_not_exception_message("busy"), OSError("busy"), False),
        (retry_if_not_exception_message(match="no such"), OSError("busy"), True),
    ],
)
def test_a_condition_looks_at_the_error(condition: Condition, error: Exception, expected: bool) -> None:
    assert condition(error) is expected


def test_causes_are_looked_for_at_any_remove_and_a_ring_of_them_ends() -> None:
    first, second, third = OSError("at the root"), KeyError("between"), ValueError("at last")
    third.__cause__, second.__cause__ = second, first
    assert retry_if_exception_cause_type(OSError)(third)
    assert retry_if_exception_cause_type((KeyError, TypeError))(third)
    assert not retry_if_exception_cause_type(ValueError)(third)  # the error is no cause of its own
    assert not retry_if_exception_cause_type()(first)
    first.__cause__ = third
    assert not retry_if_exception_cause_type(TypeError)(third)


@given(a=conditions(), b=conditions(), error=errors())
def test_or_and_and_are_those_of_their_parts(a: Condition, b: Condition, error: Exception) -> None:
    assert (a | b)(error) is retry_any(a, b)(error) is (a(error) or b(error))
    assert (a & b)(error) is retry_all(a, b)(error) is (a(error) and b(error))


@given(a=conditions(), b=conditions(), c=conditions())
def test_grouping_makes_no_difference(a: Condition, b: Condition, c: Condition) -> None:
    assert (a | b) | c == a | (b | c)
    assert (a & b) & c == a & (b & c)


@given(a=conditions(), error=errors())
def test_never_and_always_are_the_neutral_ones(a: Condition, error: Exception) -> None:
    assert (a | retry_never())(error) is (a & retry_always())(error) is a(error)
    assert not retry_any()(error)
    assert retry_all()(error)


def test_the_second_part_is_not_asked_when_the_first_decides() -> None:
    def unasked(error: Exception) -> bool:
        raise AssertionError

    assert (retry_always() | unasked)(ValueError())
    assert not (retry_never() & unasked)(ValueError())


def test_a_function_can_stand_on_either_side() -> None:
    for either in (is_timeout | retry_never(), retry_never() | is_timeout):
        assert either(TimeoutError())
        assert not either(ValueError())
    for both in (is_timeout & retry_always(), retry_always() & is_timeout):
        assert both(TimeoutError())
        assert not both(ValueError())


def test_conditions_are_conditions_for_a_type_checker() -> None:
    assert says_yes(retry_always() | retry_never(), ValueError())


def test_a_condition_shows_what_it_is_made_of() -> None:
    mixed = retry_if_exception_message("busy") | is_timeout & retry_always() | retry_never()
    assert repr(mixed) == (
        "retry_any(retry_if_exception_message(message='busy', match=None), "
        f"retry_all({is_timeout!r}, retry_always()), retry_never())"
    )
    assert repr(retry_unless_exception_type(OSError)).startswith("retry_unless_exception_type(")


def wrong(make: Callable[..., object], *arguments: object, **keywords: object) -> Callable[[], object]:
    return lambda: make(*arguments, **keywords)


async def slowly(error: Exception) -> bool:
    return True


class Slowly:
    async def __call__(self, error: Exception) -> bool:
        return True


@pytest.mark.parametrize(
    ("make", "kind", "message"),
    [
        (wrong(retry_if_exception_message), TypeError, "either message= or match=; it was given neither"),
        (wrong(retry_if_exception_message, "a", "b"), TypeError, "given message='a' and match=re.compile"),
        (wrong(retry_if_not_exception_message), TypeError, r"^retry_if_not_exception_message\(\) takes either"),
        (wrong(retry_if_exception_message, 3), TypeError, "message=3"),
        (wrong(retry_if_exception_message, match=3), TypeError, "match=3 is neither"),
        (wrong(retry_if_exception_message, match="("), ValueError, r"match='\(' isn't a regular expression"),
        (wrong(retry_if_exception_type, 3), TypeError, "exception_types=3: 3 isn't an exception class"),
        (wrong(retry_if_exception_type, (OSError, "x")), TypeError, "'x' isn't an exception class"),
        (wrong(retry_if_not_exception_type, int), TypeError, "<class 'int'> isn't an exception class"),
        (wrong(retry_if_exception_cause_type, [OSError]), TypeError, "isn't an exception class"),
        (wrong(retry_if_exception, 3), TypeError, "3 isn't a predicate"),
        (wrong(retry_if_exception, ValueError), TypeError, r"write retry_if_exception_type\(ValueError\)"),
        (wrong(retry_any, ValueError), TypeError, r"is a class, not a retry condition; write retry_if_exception_type"),
        (wrong(retry_all, retry_never), TypeError, r"write retry_never\(\.\.\.\)"),
        (wrong(retry_any, "busy"), TypeError, "'busy' isn't a retry condition; give one, such as"),
        (wrong(retry_any, slowly), TypeError, "is async"),
        (wrong(retry_any, Slowly()), TypeError, "is async"),
        (wrong(retry_any, lambda: True), TypeError, r"can't be called as a retry condition, \(error\) -> bool"),
        (wrong(retry_always(), "busy"), TypeError, r"retry_always\(\) was asked about 'busy'"),
    ],
)
def test_what_is_no_condition_is_refused_and_shown(make: Callable[[], object], kind: type, message: str) -> None:
    with pytest.raises(kind, match=message):
        make()


def test_a_condition_of_the_error_needs_one() -> None:
    for condition in (retry_if_exception_type(), retry_any(is_timeout)):
        with pytest.raises(TypeError, match="asked without an error"):
            condition(FailedAttempt())
