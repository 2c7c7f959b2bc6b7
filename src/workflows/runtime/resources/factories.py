"""`Resource`: a factory whose result a step is given, and what the factory's own parameters want."""

from __future__ import annotations

import inspect
import sys
from collections.abc import AsyncGenerator, Callable, Hashable, Iterator, Mapping
from contextlib import AbstractAsyncContextManager, AbstractContextManager, asynccontextmanager
from functools import partial
from typing import Any

from ...errors import WorkflowValidationError
from ...graph.annotations import EMPTY, Unresolved, read_signature, shown
from ...injection import ResourceDefinition, bound, read_resource
from ...steps import validation_error

_VARIADIC = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)


class Resource:
    """Has a parameter given what a factory makes: `client: Annotated[Client, Resource(get_client)]`.

    The factory is a function, a class or another callable, sync or async; it's called in the event loop's thread. Its
    own parameters may be annotated in the same way, and those resources are made first. A factory decorated with
    `@asynccontextmanager` or `@contextmanager` is entered, and left when the resource isn't needed any more.

    Args:
        factory: What makes it.
        cache: Whether it's made once for the workflow instance, and used in all steps and runs of it; a context manager
            is entered once for each run. With `False` each call of a step is given one of its own, which is the same
            for all parameters, and factories, of that call.

    Raises:
        WorkflowValidationError: It's no callable, or a generator without the decorator.
    """

    def __init__(self, factory: Callable[..., Any], cache: bool = True) -> None:
        if not callable(factory):
            raise WorkflowValidationError(
                f"Resource({factory!r}) is given what can't be called. Give the factory itself: Resource(get_client)."
            )
        self._factory: Callable[..., Any] = factory
        self._cache: bool = cache
        self._names: Mapping[str, Any] = {}
        self._dependencies: tuple[ResourceDefinition, ...] | None = None
        body = inspect.unwrap(_inner(factory))
        is_generator = inspect.isgeneratorfunction(body) or inspect.isasyncgenfunction(body)
        if is_generator and body is getattr(_inner(factory), "__func__", _inner(factory)):
            decorator = "asynccontextmanager" if inspect.isasyncgenfunction(body) else "contextmanager"
            raise WorkflowValidationError(
                f"Resource factory {self.name!r} has a `yield`: write @contextlib.{decorator} above it, and what it "
                "yields is given to steps until it's closed."
            )
        self.is_context_manager: bool = is_generator
        self.is_async: bool = inspect.iscoroutinefunction(body) or inspect.iscoroutinefunction(_inner(factory))

    @property
    def factory(self) -> Callable[..., Any]:
        """What makes it."""
        return self._factory

    @property
    def name(self) -> str:
        """The qualified name of the factory."""
        inner = _inner(self._factory)
        return str(getattr(inner, "__qualname__", type(inner).__qualname__))

    @property
    def cache(self) -> bool:
        """Whether one serves all steps."""
        return self._cache

    @property
    def key(self) -> Hashable:
        """The same for markers that mean the same resource."""
        return Resource, identity(self._factory), self._cache

    async def resolve(self, resource_manager: Any) -> Any:
        """Give what the manager has, or has made."""
        return await resource_manager.get(self)

    def set_type_annotation(self, type_annotation: Any) -> None:
        """Nothing: a factory gives what it gives."""

    def set_localns(self, localns: Mapping[str, Any]) -> None:
        """Take note of what names in the factory's annotations may mean."""
        self._names, self._dependencies = localns, None

    def get_dependencies(self) -> tuple[ResourceDefinition, ...]:
        """The resources that the factory's parameters want.

        Raises:
            WorkflowValidationError: Something else is wanted; all problems are listed.
        """
        if self._dependencies is None:
            found = list(_read_parameters(self._factory, self._names))
            owner = f"Resource factory {self.name!r}"
            problems = [f"{owner} {problem}" for problem in found if isinstance(problem, str)]
            if problems:
                raise validation_error(owner, problems)
            self._dependencies = tuple(definition for definition in found if not isinstance(definition, str))
        return self._dependencies

    async def make(self, arguments: Mapping[str, object]) -> object:
        """Call the factory, and await what it gives if that's to be awaited. Safe to cancel if the factory is."""
        made: object = self._factory(**arguments)
        return await made if inspect.isawaitable(made) else made

    @asynccontextmanager
    async def open(self, arguments: Mapping[str, object]) -> AsyncGenerator[object]:
        """Make it; a context manager is entered, and left with the block."""
        made = await self.make(arguments)
        if self.is_context_manager and isinstance(made, AbstractAsyncContextManager):
            async with made as value:  # pyright: ignore[reportUnknownVariableType]  # whatever the user's gives
                yield value  # pyright: ignore[reportUnknownVariableType]  # as above
        elif self.is_context_manager and isinstance(made, AbstractContextManager):
            with made as value:  # pyright: ignore[reportUnknownVariableType]  # as above
                yield value  # pyright: ignore[reportUnknownVariableType]  # as above
        else:
            yield made

    def __repr__(self) -> str:
        return f"Resource({self.name}{'' if self._cache else ', cache=False'})"


def identity(value: object) -> Hashable:
    """Something to compare a value by: itself where that's possible."""
    try:
        hash(value)
    except TypeError:
        return type(value), id(value)
    return value


def _inner(factory: Any) -> Any:
    while isinstance(factory, partial):
        factory = factory.func  # pyright: ignore[reportUnknownVariableType, reportUnknownMemberType]  # of anything
    return factory


def _read_parameters(factory: Callable[..., Any], names: Mapping[str, Any]) -> Iterator[ResourceDefinition | str]:
    module = sys.modules.get(getattr(_inner(factory), "__module__", None) or type(factory).__module__)
    try:
        signature = read_signature(factory, scopes=[{} if module is None else vars(module), names])
    except ValueError:  # some builtins don't tell
        return
    for parameter in signature.parameters:
        if parameter.kind in _VARIADIC:
            continue
        read = _read_parameter(parameter, signature.types[parameter.name])
        if isinstance(read, ResourceDefinition):
            yield bound(read, names)
        elif read is not None:
            yield read


def _read_parameter(parameter: inspect.Parameter, annotation: object) -> ResourceDefinition | str | None:
    """What a parameter wants, or what's wrong with it; None for one that keeps its default."""
    name, has_default = parameter.name, parameter.default is not EMPTY
    if isinstance(annotation, Unresolved):
        return None if has_default else annotation.told(f"parameter {name!r}")
    read = None if annotation is EMPTY else read_resource(name, annotation)
    if read is None and has_default:
        return None
    if parameter.kind is inspect.Parameter.POSITIONAL_ONLY:
        return f"takes {name!r} by position only: take the `/` away, or give it a default."
    if read is None:
        written = name if annotation is EMPTY else f"{name}: {shown(annotation)}"
        return (
            f"takes `{written}`, and nothing says where that comes from: write `{name}: Annotated[..., "
            "Resource(factory)]`, or give it a default."
        )
    return read
