"""Written memory: what a step execution has recorded, in its stored form; `restored_memory` reads it back."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ..codec import Json
from .effects import Effects
from .records import Asked, Collected, Edited, Memory, Ran, Read, Record, Value
from .values import copied
from .written import Path, SnapshotWriter, asked_data, outcome_data, types_data


def memory_data(writer: SnapshotWriter, memory: Memory, path: Path) -> dict[str, Json]:
    """All records of an execution."""
    data: dict[str, Json] = {}
    tapes: list[Json] = [
        [branch, _tape(writer, tape.records, (*path, ".records[", repr(branch), "]["))]
        for branch, tape in memory.tapes.items()
    ]
    if tapes:
        data["tapes"] = tapes
    if memory.found:
        data["found"] = [
            [kind, key, _record(writer, record, (*path, ".records[", kind, " ", key, "]"))]
            for (kind, key), record in memory.found.items()
        ]
    if memory.kept:
        data["kept"] = [
            [branch, kind, key, occurrence, _record(writer, record, (*path, ".records[", kind, " ", key, "]"))]
            for (branch, kind, key, occurrence), record in memory.kept.items()
        ]
    return data


def _tape(writer: SnapshotWriter, records: list[Record], path: Path) -> list[Json]:
    return [_record(writer, record, (*path, number, "]")) for number, record in enumerate(records)]


def _record(writer: SnapshotWriter, record: Record, path: Path) -> Json:
    return _RECORDS[type(record)](writer, record, path)


def _effects(_writer: SnapshotWriter, record: Effects, _path: Path) -> Json:
    return {"is": "effects", "count": record.count, "digest": record.digest}


def _value(_writer: SnapshotWriter, record: Value, _path: Path) -> Json:
    return {"is": "value", "kind": record.kind, "key": record.key, "value": copied(record.value)}


def _read(_writer: SnapshotWriter, record: Read, _path: Path) -> Json:
    return {"is": "read", "path": record.path, "versions": [[name, version] for name, version in record.versions]}


def _edited(_writer: SnapshotWriter, record: Edited, _path: Path) -> Json:
    versions: Json = [[name, version] for name, version in record.versions]
    return {"is": "edited", "versions": versions, "digest": record.digest}


def _collected(writer: SnapshotWriter, record: Collected, path: Path) -> Json:
    events = record.events
    taken: Json = None if events is None else [writer.event(event, *path) for event in events]
    return {"is": "collected", "key": record.key, "events": taken}


def _ran(writer: SnapshotWriter, record: Ran, path: Path) -> Json:
    """A child run, and how it ended, in the types of its own workflow."""
    kind = writer.kinds[record.workflow]
    nested = SnapshotWriter(kind.codec, kind.children)
    outcome = outcome_data(nested, record.outcome)
    writer.complain(path, nested.problems)
    return {
        "is": "ran",
        "key": record.key,
        "child": record.child,
        "workflow": record.workflow,
        "is_cut_short": record.is_cut_short,
        "outcome": outcome,
        "types": types_data(nested),
    }


def _asked(writer: SnapshotWriter, record: Asked, path: Path) -> Json:
    """A wait. Its key is its question's content, and its question's step the one whose record it is."""
    data: dict[str, Json] = {"is": "asked", "question": asked_data(writer, record.question)}
    if record.answer is not None:
        data["answer"] = writer.event(record.answer, *path, ".answer")
    if record.expired:
        data["expired"] = True
    return data


_RECORDS: Mapping[type[Record], Callable[[SnapshotWriter, Any, Path], Json]] = {
    Effects: _effects,
    Value: _value,
    Read: _read,
    Edited: _edited,
    Collected: _collected,
    Ran: _ran,
    Asked: _asked,
}
