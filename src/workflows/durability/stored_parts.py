"""Stored parts: the text in which a store keeps a run's questions and the events of its stream, and where a run stands.

A child run's events are written with the codec of its own workflow, which is named beside them.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any, cast

import attrs

from ..codec import Codec, Json
from ..core.questions import Question, inner_id
from ..core.state import ChildKind, RunState
from ..core.statuses import RunStatus
from ..core.stored import question_from
from ..core.written import question_data
from ..errors import DecodeError, StoreDamaged
from ..events import Event
from ..runtime.definition import Definition
from ..runtime.journalling import as_text
from . import store


def text_of(data: object) -> str:
    """JSON data as text, without what nobody reads."""
    return as_text(data)


def data_of(text: str, what: str, run_id: str) -> Any:
    """The data of a text.

    Raises:
        StoreDamaged: It isn't one that was stored.
    """
    try:
        return json.loads(text)
    except ValueError as error:
        raise StoreDamaged(f"{what} of run {run_id!r} isn't what was stored: {error}.", [run_id]) from error


def status_of(state: RunState) -> store.RunStatus:
    """Where a run stands, for a list of runs."""
    if state.status in (RunStatus.HALTING, RunStatus.HALTED) and state.is_cancelled:
        return "cancelled"
    if state.status is not RunStatus.ENDED or state.outcome is None:
        return "running"
    if state.outcome.result is not None:
        return "completed"
    return "timed_out" if state.outcome.timed_out_s is not None else "failed"


def event_data(codec: Codec, kinds: Mapping[str, ChildKind], event: Event) -> Json:
    """An event of a run, or of a child of it, in the types of the workflow that knows it."""
    if not codec.knows(type(event)):
        for path, kind in _kinds(kinds):
            if kind.codec.knows(type(event)):
                return {".of": list(path), "event": kind.codec.encode(event)}
    return codec.encode(event)  # if nobody knows it, this raises what is wrong with it


def event_text(state: RunState, event: Event) -> str:
    """An event of a run's stream, or of a child's."""
    return text_of(event_data(state.codec, state.kinds, event))


def event_of(definition: Definition, data: Json) -> object:
    """What `event_data` gave: an event, if nobody has changed it.

    Raises:
        DecodeError: The workflow doesn't know it any more.
    """
    if isinstance(data, dict) and ".of" in data:
        found = cast("dict[str, Any]", data)
        return _kind_at(definition.kinds, found[".of"]).codec.decode(found["event"])
    return definition.codec.decode(data)


def event_from(definition: Definition, text: str, run_id: str) -> Event:
    """An event of a stream.

    Raises:
        DecodeError: The workflow doesn't know it any more.
    """
    event = event_of(definition, data_of(text, "An event of the stream", run_id))
    if not isinstance(event, Event):
        raise DecodeError(f"An event of the stream of run {run_id!r} can't be read:", [f"$: {event!r} is no event"])
    return event


def question_text(state: RunState, question: Question) -> str:
    """An open question of a run, or of a child of it."""
    if not question.path:
        return text_of({"question": question_data(state.codec, question)})
    owner, name, workflows = _owner_of(state, question)
    inner = attrs.evolve(question, id=name, path=())
    data = {"question": question_data(owner.codec, inner), "id": question.id, "path": list(question.path)}
    return text_of({**data, "of": workflows})


def question_of(definition: Definition, text: str, run_id: str) -> Question:
    """A question from its text.

    Raises:
        SnapshotMismatch: The workflow doesn't know its classes any more.
    """
    data = data_of(text, "A question", run_id)
    if "of" not in data:
        return question_from(definition.codec, data["question"], definition.program)
    kind = _kind_at(definition.kinds, data["of"])
    found = question_from(kind.codec, data["question"], kind.program)
    return attrs.evolve(found, id=data["id"], path=tuple(data["path"]))


def _owner_of(state: RunState, question: Question) -> tuple[RunState, str, list[str]]:
    """The child that asks, the question's id there, and the workflows that lead there."""
    name, workflows = question.id, list[str]()
    while (inner := inner_id(name)) is not None and inner[0] in state.children:
        child = state.children[inner[0]]
        workflows.append(child.workflow)
        state, name = child.state, inner[1]
    return state, name, workflows


def _kinds(kinds: Mapping[str, ChildKind], path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], ChildKind]]:
    for name, kind in kinds.items():
        if name not in path:  # a workflow may be its own child
            yield (*path, name), kind
            yield from _kinds(kind.children, (*path, name))


def _kind_at(kinds: Mapping[str, ChildKind], path: list[str]) -> ChildKind:
    kind: ChildKind | None = None
    for name in path:
        kind = kinds.get(name)
        if kind is None:
            raise DecodeError("What is stored of a child run can't be read:", [f"$: workflow {name!r} is gone"])
        kinds = kind.children
    if kind is None:
        raise DecodeError("What is stored of a child run can't be read:", ["$: it names no workflow"])
    return kind
