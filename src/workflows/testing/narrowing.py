"""Narrowing: what attrs validators allow, as far as they tell, so that few drawn values have to be thrown away.

attrs' validators are objects of private classes with public fields. One that isn't known here narrows nothing; what it
refuses is thrown away.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Iterable
from typing import Any

import attrs

Bounds = tuple[tuple[str, Any], ...]


@attrs.frozen
class Limits:
    """What the validators of a field allow.

    Attributes:
        options: The only values that are taken, if there's a list of them.
        bounds: Comparisons that a number passes: operator and bound.
        min_size: The least length.
        max_size: The greatest length.
        pattern: What text matches.
        is_full: Whether all of the text has to match.
    """

    options: tuple[Any, ...] | None = None
    bounds: Bounds = ()
    min_size: int = 0
    max_size: int | None = None
    pattern: re.Pattern[Any] | None = None
    is_full: bool = True

    def least(self) -> tuple[Any, bool]:
        """The greatest lower bound, and whether it's excluded; None if there's none."""
        found = [(bound, sign == ">") for sign, bound in self.bounds if sign in (">", ">=")]
        return max(found, key=operator.itemgetter(0), default=(None, False))

    def greatest(self) -> tuple[Any, bool]:
        """The least upper bound, and whether it's excluded; None if there's none."""
        found = [(bound, sign == "<") for sign, bound in self.bounds if sign in ("<", "<=")]
        return min(found, key=operator.itemgetter(0), default=(None, False))


def limits_of(validator: Any) -> Limits:
    """What a validator tells of itself."""
    limits = Limits()
    for one in _leaves(validator):
        match type(one).__name__:
            case "_NumberValidator":
                limits = attrs.evolve(limits, bounds=(*limits.bounds, (one.compare_op, one.bound)))
            case "_InValidator":
                limits = attrs.evolve(limits, options=_listed(one.options))
            case "_MinLengthValidator":
                limits = attrs.evolve(limits, min_size=max(limits.min_size, one.min_length))
            case "_MaxLengthValidator":
                limits = attrs.evolve(limits, max_size=one.max_length)
            case "_MatchesReValidator":
                limits = attrs.evolve(limits, pattern=one.pattern, is_full="fullmatch" in repr(one.match_func))
            case _:
                pass
    return limits


def _leaves(validator: Any) -> Iterable[Any]:
    match type(validator).__name__:
        case "_AndValidator":
            for part in validator._validators:
                yield from _leaves(part)
        case "_OptionalValidator":
            yield from _leaves(validator.validator)
        case _:
            yield validator


def _listed(options: Any) -> tuple[Any, ...] | None:
    try:
        return tuple(options)
    except TypeError:  # a container that only tells whether something is in it
        return None


def passes(validator: Any, declared: Any, value: object) -> bool:
    """Whether a validator takes a value, by itself; one that looks at the rest of its object is asked later."""
    try:
        validator(None, declared, value)
    except (ValueError, TypeError):
        return False
    except Exception:  # there's no object
        return True
    return True
