"""The claims of `docs/explanation/core.md`: every tick and command has its line, and the drawings are what happens."""

import re
from random import Random
from typing import get_args

import pytest

from tests.docs.asking import TYPES
from tests.docs.pages import blocks_of
from tests.docs.walking import PAGE, Walk, Walked, drawn, walk_everywhere
from workflows.core.commands import Command
from workflows.core.engine import TRANSITIONS, Core
from workflows.core.statuses import RunStatus, Status

TEXT = PAGE.read_text(encoding="utf-8")


def rows_under(heading: str) -> list[str]:
    """The names in the first column of the table under a heading."""
    part = TEXT.partition(f"\n## {heading}")[2].partition("\n## ")[0]
    return re.findall(r"^\| `(\w+)` \| \S.*\|$", part, re.MULTILINE)


def test_every_tick_has_its_line_in_the_order_of_the_table() -> None:
    assert rows_under("Ticks") == [tick.__name__ for tick in TRANSITIONS]


def test_every_command_has_its_line() -> None:
    assert sorted(rows_under("Commands")) == sorted(command.__name__ for command in get_args(Command))


@pytest.fixture(scope="module")
def walk() -> Walk:
    return walk_everywhere()


def test_the_states_of_a_run_are_drawn_as_they_are(walk: Walk) -> None:
    of_runs, _ = blocks_of(PAGE)
    assert of_runs.text == drawn(walk.run_edges, RunStatus)


def test_the_states_of_a_step_execution_are_drawn_as_they_are(walk: Walk) -> None:
    _, of_executions = blocks_of(PAGE)
    assert of_executions.text == drawn(walk.step_edges, Status)


def test_the_walk_feeds_every_tick(walk: Walk) -> None:
    assert walk.commands.keys() == {tick.__name__ for tick in TRANSITIONS}


def test_a_tick_that_came_already_does_nothing() -> None:
    definition = Walked(types=TYPES, disable_validation=True).definition
    walk = Walk(Core(definition.program, definition.codec), Random(1))
    walk.go(20)
    state = walk.core.state
    stands = walk.standing()
    for kind in TRANSITIONS:
        assert walk.core.feed(kind(state.last_tick, walk.at, *walk.parts_of(kind))) == []
    assert walk.standing() == stands
