"""Plain: what's compared and shown by its fields.

attrs would write these methods for each class anew, which takes longer than all else that importing some fifty classes
takes; and only tests and logs use them.
"""

from __future__ import annotations

from typing import cast

import attrs


class Plain:
    """A base of attrs classes that are declared with `eq=False, repr=False`."""

    __slots__ = ()

    def __eq__(self, other: object) -> bool:
        return _values(self) == _values(other) if type(other) is type(self) else NotImplemented

    def __hash__(self) -> int:
        return hash((type(self), *_values(self)))

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(f'{name}={getattr(self, name)!r}' for name in _names(self))})"


def _values(plain: Plain) -> list[object]:
    return [getattr(plain, name) for name in _names(plain)]


def _names(plain: Plain) -> list[str]:
    return [field.name for field in attrs.fields(cast("type[attrs.AttrsInstance]", type(plain)))]
