"""Restored memory: what a step execution had recorded, from its stored form."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, cast

from .effects import Effects
from .empty import with_item
from .records import Asked, Branch, Collected, Edited, Found, Memory, Ran, Read, Record, Value
from .restored_children import read_ran
from .stored import Malformed, SnapshotReader, count, of
from .values import copied

_DIGEST_BITS = 64


def read_memory(reader: SnapshotReader, data: Mapping[str, Any], step: str) -> Memory:
    """All records of an execution; those that nobody can read any more are left out, and are mismatches."""
    memory = Memory()
    for branch, records in data.get("tapes", ()):
        if of(str, branch) in memory.tapes:
            raise Malformed(f"step {step!r} has branch {branch!r} twice")
        tape = memory.tape(branch).records
        for item in records:
            record = _RECORDS[of(str, item["is"])](reader, item, step)
            if record is not None:
                _check_branch(record, branch)
                tape.append(record)
    for kind, key, item in data.get("found", ()):
        for record in _records(reader, [item], step):
            memory.found = with_item(memory.found, _place(memory.found, kind, key, record), record)
    for branch, kind, key, occurrence, item in data.get("kept", ()):
        place = None if branch is None else of(str, branch)
        for record in _records(reader, [item], step):
            if not isinstance(record, Value | Asked | Ran) or (record.kind, record.key) != (kind, key):
                raise Malformed(f"step {step!r} is said to keep {record} as {kind!r} {key!r}")
            _check_branch(record, place)
            memory.kept = with_item(memory.kept, (place, kind, key, count(occurrence)), record)
    return memory


def _records(reader: SnapshotReader, data: list[Any], step: str) -> list[Record]:
    read = [_RECORDS[of(str, item["is"])](reader, item, step) for item in data]
    return [record for record in read if record is not None]


def _place(found: Mapping[Found, Record], kind: str, key: str, record: Record) -> Found:
    """Where a record of a task that is no branch's own stands: under its kind and key."""
    place = of(str, kind), of(str, key)
    if isinstance(record, Effects):
        fits = kind == "effect" and key.isdecimal()
    else:
        own = key.partition("#")[0] if record.kind == "refused" else key
        fits = (record.kind, record.key) == (kind, own)
    if not fits or place in found:
        raise Malformed(f"{record} stands under {kind!r} {key!r}")
    _check_branch(record, None)
    return place


def _check_branch(record: Record, branch: Branch) -> None:
    if isinstance(record, Asked) and record.question.branch != branch:
        raise Malformed(f"question {record.question.id!r} of branch {record.question.branch!r} stands in {branch!r}")


def _effects(_reader: SnapshotReader, data: Mapping[str, Any], _step: str) -> Effects:
    number, digest = count(data["count"]), count(data["digest"])
    if not number or digest.bit_length() > _DIGEST_BITS:
        raise Malformed(f"found {number} operations with digest {digest:x}")
    return Effects(number, digest)


def _value(_reader: SnapshotReader, data: Mapping[str, Any], _step: str) -> Value:
    record = Value(of(str, data["kind"]), of(str, data["key"]), copied(data["value"]))
    if record.kind == "refused":
        texts = cast("list[object]", of(list, record.value))
        if [type(text) for text in texts] != [str, str]:
            raise Malformed(f"{texts!r:.200} is no refusal")
    return record


def _versions(data: list[Any]) -> tuple[tuple[str, int], ...]:
    return tuple((of(str, name), count(version)) for name, version in data)


def _read(_reader: SnapshotReader, data: Mapping[str, Any], _step: str) -> Read:
    path = data["path"]
    return Read(None if path is None else of(str, path), _versions(data["versions"]))


def _edited(_reader: SnapshotReader, data: Mapping[str, Any], _step: str) -> Edited:
    return Edited(_versions(data["versions"]), count(data["digest"]))


def _collected(reader: SnapshotReader, data: Mapping[str, Any], step: str) -> Collected:
    key = of(str, data["key"])
    if data["events"] is None:
        return Collected(key, None)
    events = [reader.needed_event(event, f"what step {step!r} had collected") for event in data["events"]]
    return Collected(key, tuple(event for event in events if event is not None))


def _asked(reader: SnapshotReader, data: Mapping[str, Any], step: str) -> Asked | None:
    question = reader.question(data["question"], step=step)
    answer = data.get("answer")
    if answer is not None:
        answer = reader.event(answer, f"an answer that step {step!r} had got")
    if question is None:
        return None
    key = question.content
    if question.returned or question.step != step or data.get("key", key) != key:
        raise Malformed(f"question {question.id!r} isn't one that step {step!r} waits for")
    return Asked(key, question, answer, of(bool, data.get("expired", False)))


_RECORDS: dict[str, Callable[[SnapshotReader, Mapping[str, Any], str], Record | None]] = {
    "effects": _effects,
    "value": _value,
    "read": _read,
    "edited": _edited,
    "collected": _collected,
    "asked": _asked,
    "ran": read_ran,
}
