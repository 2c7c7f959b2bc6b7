"""The converter on which users register hooks, and what they've registered there.

It is cattrs' own, so whatever cattrs offers (hooks, factories, strategies) works. A class without a hook is stored the
codec's way, so that hooks can leave parts of their class to `converter.unstructure` and `converter.structure`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, get_origin

import attrs
import cattrs

from ..errors import DefinitionError
from .problems import shown
from .writing import Json

Unstructure = Callable[[Any], Any]
Structure = Callable[[Any, Any], Any]


class Hooks:
    """The hooks that the user has registered.

    Args:
        encode: Stores a part without a hook.
        decode: Reads such a part.
        configure: The user's function.
    """

    def __init__(
        self,
        encode: Callable[[object], Json],
        decode: Callable[[Json], object],
        configure: Callable[[cattrs.Converter], None] | None,
    ) -> None:
        self._untouched: cattrs.Converter | None = None
        if configure is not None:
            self._untouched, self.converter = _converter(encode, decode), _converter(encode, decode)
            configure(self.converter)

    def covers(self, cls: type) -> bool:
        """Whether a class has a stored form of the user's own."""
        return self.of(cls) is not None

    def of(self, cls: type) -> tuple[Unstructure, Structure] | None:
        """Give both hooks of a class; None if the user has registered none.

        Raises:
            DefinitionError: There is only one of the two.
        """
        if self._untouched is None:
            return None
        unstructure = self.converter.get_unstructure_hook(cls)
        structure = self.converter.get_structure_hook(cls)
        has_one = unstructure != self._untouched.get_unstructure_hook(cls)
        has_other = structure != self._untouched.get_structure_hook(cls)
        if has_one != has_other:
            missing = "structure" if has_one else "unstructure"
            raise DefinitionError(
                f"{cls.__module__}.{cls.__qualname__} has only one of the two hooks it needs: "
                f"add converter.register_{missing}_hook({cls.__name__}, ...)"
            )
        return (unstructure, structure) if has_one else None

    def structure_hook(self, cls: type) -> Structure | None:
        """Give the structure hook of a class; None if the user has registered none."""
        hooks = self.of(cls)
        return None if hooks is None else hooks[1]

    def check_standard(self, types: Iterable[type]) -> None:
        """Make sure that the stored form of no standard type was touched."""
        touched = sorted(cls.__qualname__ for cls in types if self.of(cls) is not None)
        if touched:
            raise DefinitionError(
                f"The stored form of {', '.join(touched)} is fixed, so it takes no hooks: "
                f"wrap such values in a class of your own, and register hooks for that."
            )


def _converter(encode: Callable[[object], Json], decode: Callable[[Json], object]) -> cattrs.Converter:
    converter = cattrs.Converter()
    converter.register_unstructure_hook_func(_anything, encode)
    converter.register_structure_hook_func(_anything, _OfType(decode))
    return converter


def _anything(_cls: Any) -> bool:
    return True


@attrs.frozen
class _OfType:
    """Reads stored data, and makes sure that it's what was asked for."""

    decode: Callable[[Json], object]

    def __call__(self, data: Any, cls: Any) -> object:
        value = self.decode(data)
        expected = get_origin(cls) or cls
        if isinstance(expected, type) and not isinstance(value, expected):
            raise TypeError(f"expected a {expected.__qualname__}, got {shown(value)}")
        return value
