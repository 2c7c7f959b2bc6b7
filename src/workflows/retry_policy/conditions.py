"""Conditions: whether an error is one that trying again may mend."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from typing import Protocol, TypeAlias, cast

import attrs

from .arguments import ExceptionTypes, Role, exception_types, takes_retry_state, text
from .attempts import FailedAttempt, Part, TakesRetryState


class RetryCondition(Protocol):
    """Tells of an error whether to try again. Any callable that takes the error can."""

    def __call__(self, error: Exception, /) -> bool:
        """Give `True` for an error after which the step is tried again."""
        ...


AnyCondition: TypeAlias = RetryCondition | TakesRetryState[bool]

_ROLE = Role("a retry condition", "retry_if_exception_type(OSError)", "(error) -> bool", (Exception(),))
_PREDICATE = Role("a predicate", "lambda error: isinstance(error, OSError)", "(error) -> bool", (Exception(),))


class Condition(Part, ABC):
    """What all conditions of ours have: `|` and `&`, and a call with an error."""

    __slots__ = ()

    @abstractmethod
    def holds(self, failed: FailedAttempt) -> bool:
        """Decide with all that is known."""

    def __call__(self, error: Exception | FailedAttempt) -> bool:
        """Tell whether to try again after this error."""
        if isinstance(error, FailedAttempt):
            return self.holds(error)
        if not isinstance(cast("object", error), BaseException):
            raise TypeError(f"{self!r} was asked about {error!r}, which isn't an exception.")
        return self.holds(FailedAttempt(error=error))

    def __or__(self, other: AnyCondition) -> retry_any:
        return retry_any(self, other)

    def __ror__(self, other: AnyCondition) -> retry_any:
        return retry_any(other, self)

    def __and__(self, other: AnyCondition) -> retry_all:
        return retry_all(self, other)

    def __rand__(self, other: AnyCondition) -> retry_all:
        return retry_all(other, self)


def as_condition(given: AnyCondition) -> Condition:
    """Take a condition of anybody's: ours, tenacity's, or a function of the error."""
    if isinstance(given, Condition):
        return given
    if takes_retry_state(given, _ROLE):
        return _OfState(cast("TakesRetryState[bool]", given))
    return _OfError(cast("RetryCondition", given))


@attrs.frozen(repr=False)
class _OfState(Condition):
    decide: TakesRetryState[bool]

    def __repr__(self) -> str:
        return repr(self.decide)

    def holds(self, failed: FailedAttempt) -> bool:
        return bool(self.decide(failed))


@attrs.frozen(repr=False)
class _OfError(Condition):
    decide: RetryCondition

    def __repr__(self) -> str:
        return repr(self.decide)

    def holds(self, failed: FailedAttempt) -> bool:
        return bool(self.decide(_error_of(failed)))


def _error_of(failed: FailedAttempt) -> Exception:
    if failed.error is None:
        raise TypeError("A retry condition was asked without an error; call it with one.")
    return failed.error


def _checked_predicate(predicate: Callable[[Exception], bool]) -> Callable[[Exception], bool]:
    takes_retry_state(predicate, _PREDICATE)
    return predicate


@attrs.frozen
class retry_always(Condition):
    """Try again after any error."""

    def holds(self, failed: FailedAttempt) -> bool:
        """True."""
        return True


@attrs.frozen
class retry_never(Condition):
    """Never try again."""

    def holds(self, failed: FailedAttempt) -> bool:
        """False."""
        return False


@attrs.frozen
class retry_if_exception(Condition):
    """Try again if the predicate says so of the error."""

    predicate: Callable[[Exception], bool] = attrs.field(converter=_checked_predicate)

    def holds(self, failed: FailedAttempt) -> bool:
        """Ask the predicate."""
        return bool(self.predicate(_error_of(failed)))


@attrs.frozen
class retry_if_exception_type(Condition):
    """Try again if the error is an instance of a class, or of one of a tuple of classes.

    An `ExceptionGroup`, as a task group raises it, is an instance of none of the classes of the errors in it.
    """

    exception_types: ExceptionTypes = attrs.field(default=Exception, converter=exception_types)

    def holds(self, failed: FailedAttempt) -> bool:
        """Look at the error's class."""
        return isinstance(_error_of(failed), self.exception_types)


@attrs.frozen
class retry_if_not_exception_type(Condition):
    """Try again unless the error is an instance of a class, or of one of a tuple of classes."""

    exception_types: ExceptionTypes = attrs.field(default=Exception, converter=exception_types)

    def holds(self, failed: FailedAttempt) -> bool:
        """Look at the error's class."""
        return not isinstance(_error_of(failed), self.exception_types)


class retry_unless_exception_type(retry_if_not_exception_type):
    """Another name of `retry_if_not_exception_type`: a policy is only ever asked about errors."""

    __slots__ = ()


@attrs.frozen
class retry_if_exception_cause_type(Condition):
    """Try again if the error was raised, at whatever remove, from an instance of a class (`raise ... from error`)."""

    exception_types: ExceptionTypes = attrs.field(default=Exception, converter=exception_types)

    def holds(self, failed: FailedAttempt) -> bool:
        """Look at each `__cause__`."""
        return any(isinstance(cause, self.exception_types) for cause in _causes(_error_of(failed)))


def _causes(error: BaseException) -> Iterator[BaseException]:
    seen = {id(error)}  # causes can be set by hand, to a ring
    cause = error.__cause__
    while cause is not None and id(cause) not in seen:
        yield cause
        seen.add(id(cause))
        cause = cause.__cause__


def _compiled(match: str | re.Pattern[str] | None) -> re.Pattern[str] | None:
    if not isinstance(cast("object", match), str | re.Pattern | None):
        raise TypeError(f"match={match!r} is neither a regular expression nor a string with one.")
    try:
        return None if match is None else re.compile(match)
    except re.error as error:
        raise ValueError(f"match={match!r} isn't a regular expression: {error}.") from error


@attrs.frozen
class retry_if_exception_message(Condition):
    """Try again if the error's text equals `message`, or if the regular expression `match` is found in it.

    Raises:
        TypeError: Neither was given, or both.
    """

    message: str | None = attrs.field(default=None, validator=text)
    match: re.Pattern[str] | None = attrs.field(default=None, converter=_compiled)

    def __attrs_post_init__(self) -> None:
        if (self.message is None) is (self.match is None):
            found = "neither" if self.message is None else f"message={self.message!r} and match={self.match!r}"
            raise TypeError(f"{type(self).__name__}() takes either message= or match=; it was given {found}.")

    def holds(self, failed: FailedAttempt) -> bool:
        """Look at `str(error)`."""
        said = str(_error_of(failed))
        return said == self.message if self.match is None else self.match.search(said) is not None


class retry_if_not_exception_message(retry_if_exception_message):
    """Try again unless the error's text equals `message`, or the regular expression `match` is found in it.

    Raises:
        TypeError: Neither was given, or both.
    """

    __slots__ = ()

    def holds(self, failed: FailedAttempt) -> bool:
        """Look at `str(error)`."""
        return not super().holds(failed)


@attrs.frozen(init=False, repr=False)
class retry_any(Condition):
    """Try again if one of the conditions says so; `a | b` is the same. Of none, it never does."""

    retries: tuple[Condition, ...]

    def __init__(self, *retries: AnyCondition) -> None:
        found = [as_condition(given) for given in retries]
        flat = [part for one in found for part in (one.retries if isinstance(one, retry_any) else (one,))]
        object.__setattr__(self, "retries", tuple(flat))

    def __repr__(self) -> str:
        return f"retry_any({', '.join(map(repr, self.retries))})"

    def holds(self, failed: FailedAttempt) -> bool:
        """Ask them in their order, until one says yes."""
        return any(retry.holds(failed) for retry in self.retries)


@attrs.frozen(init=False, repr=False)
class retry_all(Condition):
    """Try again if all of the conditions say so; `a & b` is the same. Of none, it always does."""

    retries: tuple[Condition, ...]

    def __init__(self, *retries: AnyCondition) -> None:
        found = [as_condition(given) for given in retries]
        flat = [part for one in found for part in (one.retries if isinstance(one, retry_all) else (one,))]
        object.__setattr__(self, "retries", tuple(flat))

    def __repr__(self) -> str:
        return f"retry_all({', '.join(map(repr, self.retries))})"

    def holds(self, failed: FailedAttempt) -> bool:
        """Ask them in their order, until one says no."""
        return all(retry.holds(failed) for retry in self.retries)
