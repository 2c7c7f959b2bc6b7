"""Ticks and states on their way through JSON text, as a durable run stores them, and what must hold of them."""

import json
from collections.abc import Mapping
from typing import Any

from workflows.codec import Codec, Json
from workflows.core.delivery import all_questions
from workflows.core.image import from_image, image
from workflows.core.journal import tick_data, tick_from
from workflows.core.open_questions import changed_questions
from workflows.core.questions import Question
from workflows.core.records import Asked
from workflows.core.state import ChildKind, RunState
from workflows.core.ticks import Tick
from workflows.graph import Program


def through_text(data: Json) -> Any:
    return json.loads(json.dumps(data, allow_nan=False))


def journalled(state: RunState, tick: Tick) -> Tick:
    """A tick as a journal gives it back."""
    return tick_from(state, through_text(tick_data(state, tick)))


def imaged(
    program: Program, codec: Codec, state: RunState, *, at: float, children: Mapping[str, ChildKind] | None = None
) -> RunState:
    """The state as its image gives it back."""
    again = from_image(program, codec, through_text(image(state, at=at)), children=children)
    assert again == state
    check_orders(again, state)
    check_sharing(again)
    return again


def check_orders(again: RunState, state: RunState) -> None:
    """What equality doesn't tell, and later decisions may depend on."""
    assert list(again.work) == list(state.work)
    assert list(again.questions.by_id) == list(state.questions.by_id)
    assert list(again.questions.asked) == list(state.questions.asked)
    assert list(again.values.current) == list(state.values.current)
    for one, other in zip(again.executions.values(), state.executions.values(), strict=True):
        assert one.id == other.id
        assert list(one.open) == list(other.open)
        assert not other.is_live or one.active_since == other.active_since
    for child, other_child in zip(again.children.values(), state.children.values(), strict=True):
        check_orders(child.state, other_child.state)


def keep_table(table: dict[str, Question], state: RunState) -> None:
    """Keep a table of open questions by what has changed about them, as a host does."""
    opened, closed = changed_questions(state)
    assert not {question.id for question in opened} & {*closed}
    for name in closed:
        table.pop(name, None)
    table.update({question.id: question for question in opened})
    assert changed_questions(state) == ([], []), "all has been told"
    assert table == {question.id: question for question in all_questions(state)}


def check_sharing(state: RunState) -> None:
    """What is one object in a run is one object."""
    for work_step, work in state.work.items():
        assert work.tally is state.tally[work_step]
    for execution in state.executions.values():
        records = [] if execution.memory is None else list(execution.memory.records())
        for name, record in execution.open.items():
            assert any(record is found for found in records)
            if isinstance(record, Asked):
                assert state.questions.by_id[name] is record.question
    if state.questions.index is not None:
        for groups in state.questions.index.by_type.values():
            for name, question in ((name, found) for group in groups.values() for name, found in group.items()):
                assert state.questions.by_id[name] is question
    for child in state.children.values():
        check_sharing(child.state)
