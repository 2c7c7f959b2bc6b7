"""Open questions, as somebody keeps a table of them: which were opened or closed since the last look.

Telling costs as much as there are changes. In a run that has children, or had them at the last look, it costs as much
as their open questions as well: these come and go with what becomes of the children, so they're compared.
"""

from __future__ import annotations

from collections.abc import Iterator

from .delivery import takes_answers
from .questions import Changes, Question, outer_id
from .state import Child, RunState


def track_questions(state: RunState) -> None:
    """Keep an account of changes from now on; the first look tells of all that are open."""
    nested: dict[str, Question | None] = dict.fromkeys(name for name, _, _ in _nested(state))  # not told of yet
    state.questions.changes = Changes(own=dict(state.questions.by_id), nested=nested)


def changed_questions(state: RunState) -> tuple[list[Question], list[str]]:
    """The questions that were opened since the last look, as `all_questions` gives them, and the ids of closed ones.

    A question that was opened and closed meanwhile may be among the closed ones. One that was closed and asked again is
    among the opened ones, and only there. Without an account, nothing has changed.
    """
    changes = state.questions.changes
    if changes is None or not (changes.own or changes.nested or state.children):
        return [], []
    opened = [question for question in changes.own.values() if question is not None]
    closed = [name for name, question in changes.own.items() if question is None]
    changes.own = {}
    if not state.children and not changes.nested:
        return opened, closed
    before, changes.nested = changes.nested, {}
    for name, question, children in _nested(state):
        changes.nested[name] = question
        if before.pop(name, None) is not question:
            opened.append(_shown(question, children))
    return opened, [*closed, *before]


def _nested(
    state: RunState, prefix: str = "", children: tuple[Child, ...] = ()
) -> Iterator[tuple[str, Question, tuple[Child, ...]]]:
    """The open questions of children: by which id the run shows each, and which children lead there."""
    for child in state.children.values():
        if takes_answers(child):
            there, way = f"{prefix}c{child.id}.", (*children, child)
            yield from ((f"{there}{name}", question, way) for name, question in child.state.questions.by_id.items())
            yield from _nested(child.state, there, way)


def _shown(question: Question, children: tuple[Child, ...]) -> Question:
    for child in reversed(children):
        question = outer_id(question, child.id, child.label)
    return question
