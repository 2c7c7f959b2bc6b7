"""The converter on which users register hooks, and what they've registered there.

It is cattrs' own, so whatever cattrs offers (hooks, factories, strategies) works. A class without a hook is stored the
codec's way, so that hooks can leave parts of their class to `converter.unstructure` and `converter.structure`.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable
from typing import Any, get_origin

import attrs
import cattrs

from ..errors import DefinitionError
from .problems import shown
from .writing import Json

Unstructure = Callable[[Any], Any]
Structure = Callable[[Any, Any], Any]
Predicate = Callable[[Any], bool]


class HookConverter(cattrs.Converter):
    """A converter that remembers what hooks were registered for, since asking it costs much more."""

    def __init__(self, encode: Callable[[object], Json], decode: Callable[[object], object]) -> None:
        self.classes: list[Any] = []
        self.predicates: list[Predicate] = []
        super().__init__()
        self.register_unstructure_hook_func(_anything, encode)
        self.register_structure_hook_func(_anything, _OfType(decode))
        self.classes.clear()
        self.predicates.clear()

    def may_have_hooks(self, cls: type) -> bool:
        """Whether a hook was registered that may be meant for a class."""
        return any(_is_meant(cls, meant) for meant in self.classes) or any(
            _fits(predicate, cls) for predicate in self.predicates
        )

    def register_unstructure_hook(self, cls: Any = None, func: Any = None) -> Any:
        if func is None:  # a decorator, by which cattrs comes here again
            return super().register_unstructure_hook(cls)
        self.classes.append(cls)
        return super().register_unstructure_hook(cls, func)

    def register_structure_hook(self, cl: Any, func: Any = None) -> Any:
        if func is None:
            return super().register_structure_hook(cl)
        self.classes.append(cl)
        return super().register_structure_hook(cl, func)

    def register_unstructure_hook_func(self, check_func: Predicate, func: Any) -> None:
        self.predicates.append(check_func)
        super().register_unstructure_hook_func(check_func, func)

    def register_structure_hook_func(self, check_func: Predicate, func: Any) -> None:
        self.predicates.append(check_func)
        super().register_structure_hook_func(check_func, func)

    def register_unstructure_hook_factory(self, predicate: Predicate, factory: Any = None) -> Any:
        self.predicates.append(predicate)
        return super().register_unstructure_hook_factory(predicate, factory)

    def register_structure_hook_factory(self, predicate: Predicate, factory: Any = None) -> Any:
        self.predicates.append(predicate)
        return super().register_structure_hook_factory(predicate, factory)


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
        decode: Callable[[object], object],
        configure: Callable[[cattrs.Converter], None] | None,
    ) -> None:
        self._encode = encode
        self._decode = decode
        self._converter: HookConverter | None = None
        if configure is not None:
            self._converter = HookConverter(encode, decode)
            configure(self._converter)

    @functools.cached_property
    def _untouched(self) -> cattrs.Converter:
        return HookConverter(self._encode, self._decode)

    def covers(self, cls: type) -> bool:
        """Whether a class has a stored form of the user's own."""
        return self.of(cls) is not None

    def of(self, cls: type) -> tuple[Unstructure, Structure] | None:
        """Give both hooks of a class; None if the user has registered none.

        Raises:
            DefinitionError: There is only one of the two.
        """
        if self._converter is None or not self._converter.may_have_hooks(cls):
            return None
        unstructure = self._converter.get_unstructure_hook(cls)
        structure = self._converter.get_structure_hook(cls)
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


def _is_meant(cls: type, meant: object) -> bool:
    return isinstance(meant, type) and get_origin(meant) is None and issubclass(cls, meant)


def _fits(predicate: Predicate, cls: type) -> bool:
    try:
        return bool(predicate(cls))
    except Exception:  # cattrs takes that for a no, too
        return False


def _anything(_cls: Any) -> bool:
    return True


@attrs.frozen
class _OfType:
    """Reads stored data, and makes sure that it's what was asked for."""

    decode: Callable[[object], object]

    def __call__(self, data: Any, cls: Any) -> object:
        value = self.decode(data)
        expected = get_origin(cls) or cls
        if isinstance(expected, type) and not isinstance(value, expected):
            raise TypeError(f"expected a {expected.__qualname__}, got {shown(value)}")
        return value
