"""Snapshots spelled out: with all that one leaves out since it says nothing, as they were once written."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

Spells = Callable[[str], bool]

RUN: Mapping[str, Any] = {
    "trace": "",
    "next_batch": 1,
    "next_child": 1,
    "mailbox": [],
    "questions": [],
    "buffers": [],
    "batches": [],
    "slots": [],
    "children": [],
    "asked": [],
    "state": {"fields": [], "versions": [], "next_version": 1},
    "outcome": None,
}
EXECUTION: Mapping[str, Any] = {
    "place": [0, 0],
    "failures": 0,
    "first_at": None,
    "last_error": None,
    "last_failed_at": None,
    "due": None,
    "on": [],
    "memory": None,
}
MEMORY: Mapping[str, Any] = {"tapes": [], "found": [], "kept": []}
QUESTION: Mapping[str, Any] = {
    "deadline_at": None,
    "requirements": {},
    "branch": "",
    "subclasses": False,
    "returned": False,
    "place": [0, 0],
}


def spelled_out(data: Any, spells: Spells = lambda _: True) -> dict[str, Any]:
    """A snapshot that says what it has left out, as far as `spells` says so of a key."""
    found = _filled(data, {**RUN, "asking_order": _asked_first(data)}, spells)
    found["executions"] = [_execution(execution, spells) for execution in data["executions"]]
    if "questions" in data:
        found["questions"] = [_question(question, spells) for question in data["questions"]]
    if "children" in data:
        found["children"] = [
            {**child, "snapshot": spelled_out(child["snapshot"], spells)} for child in data["children"]
        ]
    return found


def _filled(data: Mapping[str, Any], defaults: Mapping[str, Any], spells: Spells) -> dict[str, Any]:
    return {**{key: value for key, value in defaults.items() if key in data or spells(key)}, **data}


def _asked_first(data: Mapping[str, Any]) -> list[str]:
    """The open questions of a run that says nothing of their order, since there's one, or none."""
    memories = [execution["memory"] for execution in data["executions"] if execution.get("memory")]
    asked = [record for memory in memories for record in _records(memory) if record["is"] == "asked"]
    open_ones = [record["question"]["id"] for record in asked if not (record.get("answer") or record.get("expired"))]
    return [*open_ones, *(question["id"] for question in data.get("questions", ()))]


def _records(memory: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    for _, records in memory.get("tapes", ()):
        yield from records
    for *_, record in [*memory.get("found", ()), *memory.get("kept", ())]:
        yield record


def _execution(data: Mapping[str, Any], spells: Spells) -> dict[str, Any]:
    found = _filled(data, EXECUTION, spells)
    if data.get("memory") is not None:
        memory = found["memory"] = _filled(data["memory"], MEMORY, spells)
        for name in [name for name in MEMORY if name in data["memory"]]:
            memory[name] = [
                [where, [_record(record, data["step"], spells) for record in last]]
                if name == "tapes"
                else [where, *between, _record(last, data["step"], spells)]
                for where, *between, last in data["memory"][name]
            ]
    return found


def _record(data: Mapping[str, Any], step: str, spells: Spells) -> dict[str, Any]:
    if data["is"] != "asked":
        return {**data}
    question = _filled(data["question"], {"step": step}, spells)
    defaults = {"key": question["content"], "answer": None, "expired": False}
    return {**_filled(data, defaults, spells), "question": _question(question, spells)}


def _question(data: Mapping[str, Any], spells: Spells) -> dict[str, Any]:
    execution = int(data["id"].partition("-")[0][1:])
    return _filled(data, {**QUESTION, "execution": execution}, spells)
