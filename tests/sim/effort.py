"""How many examples a property tries: a multiple of what the Hypothesis profile says."""

from __future__ import annotations

import os

import pytest
from hypothesis import HealthCheck, settings

is_deep = os.environ.get("HYPOTHESIS_PROFILE") in ("deep", "round")
long = pytest.mark.skipif(not is_deep, reason="a longer search, for the deep profile")


def few() -> settings:
    """Settings for very few examples, each of which takes long; all of them in the deep profile."""
    return effort(0.05) if is_deep else settings(effort(0.05), max_examples=2)


def effort(factor: float) -> settings:
    """Settings for so many times the examples of the profile that's in use."""
    return settings(
        max_examples=max(10, int(settings().max_examples * factor)),
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
    )
