"""How many examples a property tries: a multiple of what the Hypothesis profile says."""

from __future__ import annotations

from hypothesis import HealthCheck, settings


def effort(factor: float) -> settings:
    """Settings for so many times the examples of the profile that's in use."""
    return settings(
        max_examples=max(10, int(settings().max_examples * factor)),
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
    )
