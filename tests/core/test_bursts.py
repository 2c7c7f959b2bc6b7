"""Bursts: what a step streams without a pause comes to what it would come to event by event."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.core.flow import Hand, Note
from workflows.core import ticks
from workflows.core.commands import Command, published


@pytest.mark.guarantee("W1")
@given(
    branch=st.sampled_from(("", "l", None)),
    digests=st.lists(st.integers(1, 3), min_size=1, max_size=4),
    before=st.booleans(),
)
def test_a_burst_is_published_recorded_and_counted_as_its_events_are_one_by_one(
    branch: str | None, digests: list[int], before: bool
) -> None:
    together, apart = Hand(), Hand()
    jobs = [hand.start() for hand in (together, apart)]
    events = [Note(n=digest) for digest in digests]
    if before:
        for hand, job in zip((together, apart), jobs, strict=True):
            hand.step(job, ticks.EventStreamed, branch, 9, Note(n=9))
    said = together.step(jobs[0], ticks.BurstStreamed, branch, tuple(digests), tuple(events))
    each = [apart.step(jobs[1], ticks.EventStreamed, branch, digest, Note(n=digest)) for digest in digests]
    one_by_one: list[Command] = [command for commands in each for command in commands]
    assert published(said) == published(one_by_one) == events
    assert together.state.streamed == apart.state.streamed == len(events) + before
    together.state.last_tick = apart.state.last_tick
    assert together.state == apart.state
