"""Validating: what can be wrong with the resources of a workflow, found before it runs."""

from __future__ import annotations

from collections.abc import Coroutine, Hashable, Iterator, Sequence
from contextlib import AsyncExitStack
from functools import partial
from typing import Any

import anyio

from ...codec import Codec
from ...errors import InvalidInput, UsageError, WorkflowValidationError
from ...graph import Program
from ...injection import ResourceDescriptor
from ..spawn import backend
from .config_files import ResourceConfig
from .factories import Resource
from .lifetimes import Plan
from .resolving import Resolution
from .resource_manager import CLOSING_S, ResourceManager


def resource_problems(
    program: Program, manager: ResourceManager, codec: Codec, *, configs: bool, factories: bool
) -> list[str]:
    """List what's wrong with the resources of a workflow.

    That they can be had at all, without circles, is always checked.

    Args:
        program: The workflow.
        manager: Where it has its resources from.
        codec: Checks what files say.
        configs: Read the files of `ResourceConfig`s, and check what they say.
        factories: Call the factories, and open context managers and close them again. What comes of it isn't kept. If
            any of it is async, it's done in an event loop of its own.

    Raises:
        UsageError: There's an event loop already, in which nothing can be awaited here.
    """
    problems: dict[str, None] = {}
    tried: dict[Hashable, tuple[str, Plan]] = {}
    wanted = [(step, definition) for step in program.steps.values() for definition in step.resources]
    for step, definition in wanted:
        owner = f"{program.class_name}, step {step.name!r}"
        try:
            plan = manager.plans.of(definition.resource)
        except WorkflowValidationError as error:
            problems.update(dict.fromkeys(f"{owner}: {problem}" for problem in error.problems))
            continue
        for found in _with_needs(plan):
            is_config = isinstance(found.resource, ResourceConfig)
            if (configs if is_config else factories) and not found.is_given:
                tried.setdefault(found.key, (owner, found))
    if tried:
        trying = _try_all(list(tried.values()), manager.for_trying(), codec)
        problems.update(dict.fromkeys(_run(trying, [plan.resource for _, plan in tried.values()])))
    return list(problems)


def _with_needs(plan: Plan) -> Iterator[Plan]:
    for _, need in plan.needs:
        yield from _with_needs(need)
    yield plan


async def _try_all(tried: Sequence[tuple[str, Plan]], manager: ResourceManager, codec: Codec) -> list[str]:
    """Have all of them made, each after what it needs; what can't be had for want of another isn't tried."""
    problems: list[str] = []
    failed: set[Hashable] = set()
    try:
        async with AsyncExitStack() as stack:
            resolution = Resolution(manager, codec, stack, closing_s=CLOSING_S, tell=partial(_tell_unclosed, problems))
            for owner, plan in tried:
                found = await _try(plan, failed, resolution)
                problems += [f"{owner}: {problem}" for problem in found]
    except Exception as error:
        problems.append(f"A resource couldn't be closed: {_told(error)}")
    return problems


async def _try(plan: Plan, failed: set[Hashable], resolution: Resolution) -> list[str]:
    if any(need.key in failed for _, need in plan.needs):
        failed.add(plan.key)
        return []
    try:
        await resolution.get(plan.resource)
    except InvalidInput as error:  # of a file
        failed.add(plan.key)
        is_told = error.problems == (str(error),)  # else each names a place in the file
        return [problem if is_told else f"{plan.resource.name}: {problem}" for problem in error.problems]
    except Exception as error:
        failed.add(plan.key)
        return [_told(error)]
    return []


def _tell_unclosed(problems: list[str], name: str) -> None:
    problems.append(f"Resource {name!r} wasn't closed after {CLOSING_S:g} s.")


def _told(error: Exception) -> str:
    notes = "".join(f" ({note})" for note in getattr(error, "__notes__", ()))
    return f"{type(error).__name__}: {error}{notes}"


def _run(trying: Coroutine[Any, Any, list[str]], tried: list[ResourceDescriptor]) -> list[str]:
    """Carry it out: without an event loop if nothing needs one."""
    if not any(_may_await(resource) for resource in tried):
        try:
            trying.send(None)
        except StopIteration as done:
            return list(done.value)
        trying.close()
        raise UsageError("A resource factory that isn't async gave what has to be awaited; validate it outside.")
    try:
        backend()
    except UsageError:
        return anyio.run(_coroutine_of, trying)
    trying.close()
    names = ", ".join(sorted({repr(resource.name) for resource in tried if _may_await(resource)}))
    raise UsageError(
        f"validate(validate_resources=True) was called inside an event loop, where it can't await {names}.\n  Call it "
        "before the loop runs, or in a thread: await anyio.to_thread.run_sync(check), with `def check(): "
        "workflow.validate(validate_resources=True)`."
    )


async def _coroutine_of(trying: Coroutine[Any, Any, list[str]]) -> list[str]:
    return await trying


def _may_await(resource: ResourceDescriptor) -> bool:
    if isinstance(resource, ResourceConfig):
        return False
    return not isinstance(resource, Resource) or resource.is_context_manager or resource.is_async
