"""`Event`, and the metaclass that makes attrs classes of its subclasses without a decorator.

An event is data: frozen, keyword-only, equal to another of its class with the same values.

- A class that declares no field is *open*: whatever keywords it's given become undeclared fields (extras). Declaring a
  field closes it; `extra=True` opens it again, `extra=False` closes it. Subclasses keep what was said, until one says
  otherwise.
- Declared fields are attributes. Extras are attributes too, as long as no method has their name, and are what the
  mapping face (`ev["x"]`, `get`, `keys`, `in`, ...) sees.
- The name that is stored stands for exactly one class, so it isn't inherited. There is no list of all event classes:
  which class a stored name means is looked up among those that a workflow declares.
"""

from __future__ import annotations

import reprlib
import sys
from collections.abc import ItemsView, Iterable, Iterator, KeysView, Mapping, ValuesView
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar, Self, dataclass_transform

import attrs

from ..errors import DefinitionError
from .construction import EXTRAS, NO_EXTRAS
from .definition import prepare
from .fields import Field, alias_of, compared_value


@dataclass_transform(kw_only_default=True, frozen_default=True, field_specifiers=(attrs.field,))
class EventMeta(type):
    """Makes a frozen, keyword-only attrs class of each subclass of `Event`."""

    # Type checkers are to check class keywords by `Event.__init_subclass__`; pyright prefers a metaclass' `__new__`.
    if not TYPE_CHECKING:

        def __new__(mcls, class_name, bases, namespace, /, *, name=None, aliases=(), extra=None, **hooks):
            cls = super().__new__(mcls, class_name, bases, namespace, **hooks)
            prepare(cls, name=name, aliases=aliases, extra=extra, frame=sys._getframe(1))
            return cls

        def __init__(cls, class_name, bases, namespace, /, **keywords):
            super().__init__(class_name, bases, namespace)


class Event(metaclass=EventMeta):
    """A message between steps: frozen data, equal to another event of its class with the same values.

    Declare the fields in a subclass; no decorator is needed. `attrs.field` gives defaults, validators and converters:

    ```python
    class OrderPaid(Event, name="order.paid"):
        order_id: str
        cents: int = attrs.field(validator=attrs.validators.ge(0))
        tags: list[str] = attrs.field(factory=list[str])
    ```

    A class that declares no fields is open: it takes any keywords. What isn't declared reads as an attribute
    (`ev.topic`) and as an item (`ev["topic"]`); the mapping methods, `len()` and iteration see these extras only. An
    event is always true, with or without extras.

    Class keywords:
        name: What stored data calls the class; `"module:qualname"` if not given. Fix one, so that the class can move.
        aliases: Names of earlier, under which stored data is still found.
        extra: Whether undeclared keywords are accepted, although fields are declared (or although none are).

    Raises:
        TypeError: On a call with unknown, missing or positional arguments; the message lists them all.
        DefinitionError: On the definition of a subclass that can't work.
    """

    __event_name__: ClassVar[str]
    __event_aliases__: ClassVar[tuple[str, ...]]
    __event_open__: ClassVar[bool]
    __event_extra__: ClassVar[bool | None] = None
    __event_scope__: ClassVar[Mapping[str, object] | None]
    __answer_type__: ClassVar[type[Event] | None] = None
    __attrs_attrs__: ClassVar[Any]  # what attrs' own functions ask for; `event_fields` is typed

    if TYPE_CHECKING:

        def __init__(self, /, **extras: Any) -> None: ...

        def __init_subclass__(
            cls, *, name: str | None = None, aliases: Iterable[str] = (), extra: bool | None = None
        ) -> None: ...

    else:
        # Out of sight of type checkers, which would take them for a leave to assign and to read any name.

        def __init_subclass__(cls, **unknown):
            try:
                super().__init_subclass__(**unknown)
            except TypeError as error:
                if not unknown:
                    raise
                shown = ", ".join(f"{name}={value!r}" for name, value in unknown.items())
                raise DefinitionError(
                    f"Event class {cls.__qualname__} doesn't take the class keywords {shown}. "
                    f"There are name=, aliases=, extra=, and on questions answer=."
                ) from error

        def __getattr__(self, name):
            extras = _extras_of(self)
            if name in extras:
                return extras[name]
            if any(name in vars(parent) for parent in type(self).__mro__):
                return object.__getattribute__(self, name)  # a property that failed: its own error says why
            if name.startswith("__"):
                raise AttributeError(name)  # asked by Python's own protocols, by the thousand
            raise AttributeError(
                f"{type(self).__name__} has no attribute {name!r}{_holdings(self)}", name=name, obj=self
            )

        def __setitem__(self, key, value):
            what = f"item {key!r} can't be set to {reprlib.repr(value)}"
            raise TypeError(f"{type(self).__name__} is frozen: {what}. Copy it with replace({key}=...)")

        def __delitem__(self, key):
            raise TypeError(f"{type(self).__name__} is frozen: item {key!r} can't be deleted")

    def __getitem__(self, key: str) -> Any:
        extras = _extras_of(self)
        if key in extras:
            return extras[key]
        if any(field.name == key for field in event_fields(type(self))):
            raise KeyError(f"{key!r} is a declared field of {type(self).__name__}: read it as an attribute, ev.{key}")
        raise KeyError(f"{type(self).__name__} has no extra {key!r}{_holdings(self)}")

    def __contains__(self, key: object) -> bool:
        return key in _extras_of(self)

    def __iter__(self) -> Iterator[str]:
        return iter(_extras_of(self))

    def __len__(self) -> int:
        return len(_extras_of(self))

    def __bool__(self) -> bool:
        return True

    def get(self, key: str, default: Any = None) -> Any:
        """Read an extra, or `default` if there is none of this name."""
        return _extras_of(self).get(key, default)

    def keys(self) -> KeysView[str]:
        """The names of the extras."""
        return _extras_of(self).keys()

    def values(self) -> ValuesView[Any]:
        """The values of the extras."""
        return _extras_of(self).values()

    def items(self) -> ItemsView[str, Any]:
        """The extras, name and value."""
        return _extras_of(self).items()

    def to_dict(self) -> dict[str, Any]:
        """Copy the extras into a dictionary. Declared fields aren't in it; `attrs.asdict` gives those."""
        return dict(_extras_of(self))

    def replace(self, /, **changes: Any) -> Self:
        """Make a changed copy, as a call with the values of this event and `changes` would.

        Extras are kept (`attrs.evolve` drops them). Converters and validators run on all fields again; a field that is
        no argument of the class (`init=False`) gets its default again.

        Raises:
            TypeError: A change isn't a field, and the class takes no extras.
        """
        keywords = self.to_dict()
        keywords.update(
            (alias_of(field), getattr(self, field.name)) for field in event_fields(type(self)) if field.init
        )
        keywords.update(changes)
        return type(self)(**keywords)

    def __replace__(self, /, **changes: Any) -> Self:
        return self.replace(**changes)

    def __eq__(self, other: object) -> bool:
        if other.__class__ is not self.__class__:
            return NotImplemented
        assert isinstance(other, Event)
        return _compared(self) == _compared(other) and _extras_of(self) == _extras_of(other)

    def __hash__(self) -> int:
        # Extras don't count: they may hold what can't be hashed, and equal events have equal hashes all the same.
        fields = event_fields(type(self))
        hashed = [field for field in fields if (field.eq if field.hash is None else field.hash)]
        return hash((type(self), *(compared_value(field, self) for field in hashed)))

    @reprlib.recursive_repr()
    def __repr__(self) -> str:
        return f"{short_name(type(self))}({', '.join([*shown_fields(self), *shown_extras(self)])})"


def event_fields(cls: type[Event]) -> tuple[Field, ...]:
    """The declared fields of an event class, inherited ones first."""
    fields: tuple[Field, ...] = cls.__attrs_attrs__
    return fields


def event_extras(event: Event) -> Mapping[str, Any]:
    """The undeclared fields of an event, whatever the methods of its class are called."""
    extras: dict[str, Any] | None = event.__dict__.get(EXTRAS)
    return NO_EXTRAS if extras is None else MappingProxyType(extras)


def shown_fields(event: Event) -> Iterator[str]:
    """The declared fields as `repr` shows them: `name=value`, without those that say `repr=False`."""
    for field in event_fields(type(event)):
        if field.repr is not False:
            shown = repr if field.repr is True else field.repr
            yield f"{field.name}={shown(getattr(event, field.name, attrs.NOTHING))}"


def shown_extras(event: Event) -> Iterator[str]:
    """The extras as `repr` shows them."""
    return (f"{name}={value!r}" for name, value in _extras_of(event).items())


def short_name(cls: type) -> str:
    """The name of a class without the functions that it's local to."""
    return cls.__qualname__.rsplit("<locals>.", 1)[-1]


def _extras_of(event: Event) -> Mapping[str, Any]:
    extras: Mapping[str, Any] = event.__dict__.get(EXTRAS, NO_EXTRAS)
    return extras


def _compared(event: Event) -> list[object]:
    return [compared_value(field, event) for field in event_fields(type(event)) if field.eq]


def _holdings(event: Event) -> str:
    names = [field.name for field in event_fields(type(event))]
    parts = [
        f"{kind}: {', '.join(found)}"
        for kind, found in (("fields", names), ("extras", list(_extras_of(event))))
        if found
    ]
    return f" ({'; '.join(parts)})" if parts else ", and holds nothing"
