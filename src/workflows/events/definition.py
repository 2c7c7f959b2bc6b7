"""What happens to an event class when it's made: names, attrs, openness, methods.

attrs reads the fields and stores them; `__init__`, equality, hash and `repr` are ours, because extras take part.
"""

from __future__ import annotations

import reprlib
from collections.abc import Callable, Iterable
from types import FrameType
from typing import TYPE_CHECKING, NoReturn

import attrs

from ..errors import DefinitionError
from .annotations import captured_scope
from .construction import make_init
from .fields import Field, check_fields, is_opened_by

if TYPE_CHECKING:
    from .model import Event

# A mixin that isn't an event may bring these, and they would see its own fields only.
_COMPARING = ("__eq__", "__hash__", "__repr__")


def prepare(
    cls: type[Event], *, name: object, aliases: Iterable[object], extra: object, frame: FrameType | None
) -> None:
    """Make an event class of a new class whose body has been executed.

    Args:
        cls: The class.
        name: The class keyword, unchecked like the two that follow.
        aliases: Names of earlier.
        extra: Whether undeclared keywords are taken; `None` if the class doesn't say.
        frame: Where the class statement stands.

    Raises:
        DefinitionError: A class keyword or a field isn't what it must be.
    """
    own = set(vars(cls))
    _set(cls, "__event_name__", f"{cls.__module__}:{cls.__qualname__}" if name is None else _checked_name(cls, name))
    _set(cls, "__event_aliases__", _checked_aliases(cls, aliases))
    if extra is not None:
        _set(cls, "__event_extra__", _checked_extra(cls, extra))
    _apply_attrs(cls)
    fields: tuple[Field, ...] = cls.__attrs_attrs__
    _set(cls, "__event_open__", is_opened_by(cls.__event_extra__, fields))
    _set(cls, "__event_scope__", captured_scope(cls, frame))
    _install_methods(cls, own)
    if "__init__" not in own:
        _set(cls, "__init__", make_init(cls, fields, is_open=cls.__event_open__))


def _apply_attrs(cls: type) -> None:
    make: Callable[[type], type] = attrs.define(
        frozen=True,
        kw_only=True,
        slots=False,  # slots would need a second class, while the metaclass has only this one to give back
        auto_attribs=True,
        init=False,  # attrs still generates `__attrs_init__`
        repr=False,
        eq=False,
        order=False,
        field_transformer=check_fields,
    )
    try:
        make(cls)
    except (TypeError, ValueError, SyntaxError, attrs.exceptions.UnannotatedAttributeError) as error:
        raise DefinitionError(f"Event class {_full_name(cls)} can't be made: {error}") from error


def _install_methods(cls: type, own: set[str]) -> None:
    kind = type(cls)
    event = [parent for parent in cls.__mro__ if isinstance(parent, kind)][-1]
    for method in _COMPARING:
        provider = next(parent for parent in cls.__mro__ if method in vars(parent))
        if not isinstance(provider, kind):
            _set(cls, method, vars(event)[method])
    # attrs has just put its own here: a bare "can't set attribute", and since Python 3.13 a replace that drops extras.
    _set(cls, "__setattr__", _refuse_assignment)
    _set(cls, "__delattr__", _refuse_deletion)
    if "__replace__" not in own:
        _set(cls, "__replace__", vars(event)["replace"])


def _refuse_assignment(self: object, name: str, value: object) -> NoReturn:
    shown = reprlib.repr(value)
    raise _frozen(
        f"{type(self).__name__} is frozen: {name!r} can't be set to {shown}. Copy it with replace({name}=...)"
    )


def _refuse_deletion(self: object, name: str) -> NoReturn:
    raise _frozen(f"{type(self).__name__} is frozen: {name!r} can't be deleted")


def _frozen(message: str) -> attrs.exceptions.FrozenInstanceError:
    error = attrs.exceptions.FrozenInstanceError()  # takes no arguments, and has its own ideas of `args`
    Exception.__init__(error, message)
    return error


def _checked_name(cls: type, name: object) -> str:
    if isinstance(name, str) and name:
        return name
    raise DefinitionError(f"Event class {_full_name(cls)} has name={name!r}: give a text, such as name='order.paid'.")


def _checked_aliases(cls: type, aliases: Iterable[object]) -> tuple[str, ...]:
    try:
        names = (None,) if isinstance(aliases, str) else tuple(aliases)
    except TypeError:
        names = (None,)
    texts = tuple(name for name in names if isinstance(name, str) and name)
    if len(texts) == len(names):
        return texts
    raise DefinitionError(
        f"Event class {_full_name(cls)} has aliases={aliases!r}: give a tuple of texts, such as aliases=('paid',)."
    )


def _checked_extra(cls: type, extra: object) -> bool:
    if isinstance(extra, bool):
        return extra
    raise DefinitionError(f"Event class {_full_name(cls)} has extra={extra!r}: say True or False.")


def _full_name(cls: type) -> str:
    return f"{cls.__module__}.{cls.__qualname__}"


def _set(cls: type, name: str, value: object) -> None:
    setattr(cls, name, value)
