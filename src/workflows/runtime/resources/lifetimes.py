"""Lifetimes: what a resource is made of, and how long it lives.

Rules:
- A cached resource lives as long as the manager, that is, the workflow instance; a cached context manager as long as a
  run is at work; one that isn't cached, as long as one call of a step.
- Nothing lives longer than an open resource that it's made of.
- Resources can't need each other in a circle.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from enum import IntEnum

import attrs

from ...errors import WorkflowValidationError
from ...injection import ResourceDescriptor, key_of
from .factories import Resource


class Lifetime(IntEnum):
    """How long a resource lives; what lives longer is greater."""

    CALL = 0
    RUN = 1
    INSTANCE = 2


@attrs.frozen(eq=False)
class Plan:
    """How a resource is had.

    Attributes:
        resource: What gives it.
        key: The same for all markers that mean the same resource.
        lifetime: How long it lives.
        limit: How long what's made of it may live.
        needs: What it's made of, by the parameters of its factory.
        is_given: Whether somebody has set its value: then nothing is made.
    """

    resource: ResourceDescriptor
    key: Hashable
    lifetime: Lifetime
    limit: Lifetime = Lifetime.INSTANCE
    needs: tuple[tuple[str, Plan], ...] = ()
    is_given: bool = False


class Plans:
    """The plans of one manager.

    Args:
        is_given: Whether the value of a resource of this name has been set.
    """

    def __init__(self, is_given: Callable[[str], bool]) -> None:
        self._is_given = is_given
        self._found: dict[Hashable, Plan] = {}

    def forget(self) -> None:
        """Plan anew: what's given has changed."""
        self._found = {}

    def of(self, resource: ResourceDescriptor) -> Plan:
        """How a resource is had.

        Raises:
            WorkflowValidationError: It needs itself, by whatever way, or wants what can't be given.
        """
        return self._plan(resource, {})

    def _plan(self, resource: ResourceDescriptor, chain: dict[Hashable, str]) -> Plan:
        key = key_of(resource)
        plan = self._found.get(key)
        if plan is not None:
            return plan
        if key in chain:
            names = [*chain.values()][[*chain].index(key) :]
            raise WorkflowValidationError(
                f"Resources need each other in a circle: {' → '.join([*names, resource.name])}. Let one of them do "
                "without the next."
            )
        if self._is_given(resource.name):
            plan = Plan(resource, key, Lifetime.INSTANCE, is_given=True)
        else:
            inner = {**chain, key: resource.name}
            needs = [(need.name, self._plan(need.resource, inner)) for need in resource.get_dependencies()]
            plan = _planned(resource, key, tuple(needs))
        self._found[key] = plan
        return plan


def _planned(resource: ResourceDescriptor, key: Hashable, needs: tuple[tuple[str, Plan], ...]) -> Plan:
    bound = min([need.limit for _, need in needs], default=Lifetime.INSTANCE)
    is_open = isinstance(resource, Resource) and resource.is_context_manager
    own = (Lifetime.RUN if is_open else Lifetime.INSTANCE) if resource.cache else Lifetime.CALL
    lifetime = min(own, bound)
    return Plan(resource, key, lifetime, lifetime if is_open else bound, needs)
