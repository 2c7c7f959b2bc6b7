"""What a mutant that changes a class or a module, rather than a function, exchanges where it lives.

A changed module is run beside the one that the tests have imported. The methods that attrs has written for the changed
class are taken over from there, and so are the defaults of functions and plain constants. What they refer to in the
changed module is found in the first one again: a class that is made by a factory has to be the one that the tests know.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Callable, Iterator
from enum import Enum
from types import FunctionType, ModuleType
from typing import TYPE_CHECKING, Any, TypeAlias

import attrs

from tests.mutants.explained import CORE

if TYPE_CHECKING:
    from tests.mutants.making import Mutant

Exchange: TypeAlias = Callable[[], None]
Place: TypeAlias = tuple[Any, str, Any]  # who has it, under which name, and what it is now
_GONE = object()
_SAID = ("__attrs_attrs__", "__match_args__", "__hash__", "__slots__", "__weakref__")  # of a class, beside the methods


def remade(mutant: Mutant) -> Exchange | None:
    """Exchange what a changed module makes of its classes and constants; None if that can't be done."""
    statement = _changed_statement(mutant)
    name = f"workflows.core.{mutant.module}"
    old, new = sys.modules[name], ModuleType(name)
    new.__package__ = "workflows.core"
    try:
        exec(compile(mutant.source, str(CORE / f"{mutant.module}.py"), "exec", dont_inherit=True), vars(new))
    except Exception:  # it can't be imported: a process of its own says so
        return None
    same = _Same(old, new)
    if isinstance(statement, ast.ClassDef):
        was, made = vars(old)[statement.name], vars(new)[statement.name]
        if not attrs.has(made) or (was.__subclasses__() and same(made.__attrs_attrs__) != was.__attrs_attrs__):
            return None  # those that are made of it have its fields in methods of their own
        return _setting([*_written(was, made, same), *_defaults_of_methods(was, made, same)])
    if isinstance(statement, ast.FunctionDef):
        return _setting([*_defaults(vars(old)[statement.name], vars(new)[statement.name], same)])
    if isinstance(statement, ast.Assign) and isinstance(statement.targets[0], ast.Name):
        key = statement.targets[0].id
        was, made = vars(old)[key], vars(new)[key]
        if type(made) in (bool, int, float, str):
            modules = [module for module in sys.modules.values() if vars(module).get(key) is was]
            return _setting([(module, key, made) for module in modules])
    return None  # who knows who has it


def _changed_statement(mutant: Mutant) -> ast.stmt | None:
    """The statement of a module that a mutant changes."""
    before = ast.parse((CORE / f"{mutant.module}.py").read_text(encoding="utf-8")).body
    after = ast.parse(mutant.source).body
    if len(before) != len(after):
        return None
    return next((new for old, new in zip(before, after, strict=True) if ast.dump(old) != ast.dump(new)), None)


class _Same:
    """Finds what stands in a module for what has been made of its changed source."""

    def __init__(self, old: ModuleType, new: ModuleType) -> None:
        self._name = old.__name__
        self._old = vars(old)
        self._keys = {id(value): key for key, value in vars(new).items()}

    def __call__(self, value: Any) -> Any:
        """The same, of the module that the tests know."""
        if isinstance(value, dict):
            found = {key: self(one) for key, one in value.items()}
            return found if any(found[key] is not one for key, one in value.items()) else value  # which may be `EMPTY`
        if isinstance(value, tuple):
            return type(value)(map(self, value))
        if isinstance(value, attrs.Attribute):
            return value.evolve(default=self(value.default))
        if isinstance(value, attrs.Factory):  # type: ignore[arg-type]  # it's a class, but to the type checker
            return attrs.Factory(self(value.factory), value.takes_self)
        is_own = getattr(value, "__module__", None) == self._name or type(value).__module__ == self._name
        if is_own and isinstance(value, Enum):
            return self._old[type(value).__name__][value.name]
        return self._old[self._keys[id(value)]] if is_own and id(value) in self._keys else value


def _written(was: type, made: type, same: _Same) -> Iterator[Place]:
    """What attrs has written for a class."""
    for key in dict.fromkeys([*vars(was), *vars(made)]):
        written = vars(made).get(key, _GONE)
        if _is_by_attrs(written):
            yield was, key, _rebound(written, same)
        elif key in _SAID and key in vars(made):
            yield was, key, same(written)
        elif written is _GONE and (_is_by_attrs(vars(was)[key]) or key in _SAID):
            yield was, key, _GONE


def _is_by_attrs(method: object) -> bool:
    if not isinstance(method, FunctionType):
        return False
    return method.__module__ == "attr._make" or method.__code__.co_filename.startswith("<attrs generated")


def _rebound(function: FunctionType, same: _Same) -> FunctionType:
    """A function that finds what the tests know."""
    if not function.__code__.co_filename.startswith("<"):  # it's the same for all classes
        return function
    names = {key: value if key == "__builtins__" else same(value) for key, value in function.__globals__.items()}
    rebound = FunctionType(function.__code__, names, function.__name__, None, function.__closure__)
    rebound.__defaults__, rebound.__kwdefaults__ = same(function.__defaults__), same(function.__kwdefaults__)
    rebound.__annotations__, rebound.__qualname__ = function.__annotations__, function.__qualname__
    return rebound


def _defaults_of_methods(was: type, made: type, same: _Same) -> Iterator[Place]:
    for key, method in vars(made).items():
        if isinstance(method, FunctionType) and not _is_by_attrs(method):
            yield from _defaults(vars(was)[key], method, same)


def _defaults(was: FunctionType, made: FunctionType, same: _Same) -> Iterator[Place]:
    yield was, "__defaults__", same(made.__defaults__)
    yield was, "__kwdefaults__", same(made.__kwdefaults__)


def _setting(places: list[Place]) -> Exchange:
    def exchange() -> None:
        for owner, key, value in places:
            if value is _GONE:
                delattr(owner, key)
            else:
                setattr(owner, key, value)

    return exchange
