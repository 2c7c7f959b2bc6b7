"""Snapshots of which one part isn't as any run has written it: refused, with the reason."""

import copy
from collections.abc import Callable
from typing import Any

import attrs
import pytest

from tests.core.busy import busy_run, joining_run
from tests.core.flow import CODEC, PROGRAM, Approval, Approved, codec_for
from workflows.core.restore import restore
from workflows.errors import ContextSerdeError, SnapshotMismatch

Damage = Callable[[dict[str, Any]], object]
BUSY: dict[str, Any] = busy_run().stored()
JOINING: dict[str, Any] = joining_run().stored()
OTHER = "q2-0123456789abcdef"


def refusal(data: dict[str, Any]) -> str:
    """Why a snapshot is refused, whatever is accepted."""
    with pytest.raises(ContextSerdeError) as caught:
        restore(PROGRAM, CODEC, data, accepts_changes=True)
    assert not isinstance(caught.value, SnapshotMismatch)
    return str(caught.value).removeprefix("This is no snapshot that Context.to_dict() gave, or it was changed: ")


def memory(data: dict[str, Any], execution: int) -> dict[str, Any]:
    """What an execution has recorded."""
    found: dict[str, Any] = next(found for found in data["executions"] if found["id"] == execution)["memory"]
    return found


def tape(data: dict[str, Any], execution: int, branch: str = "") -> list[Any]:
    """The records of a branch."""
    found: list[Any] = dict(memory(data, execution)["tapes"])[branch]
    return found


def question(data: dict[str, Any], branch: str) -> dict[str, Any]:
    """What was asked last in a branch."""
    found: dict[str, Any] = tape(data, 2, branch)[-1]["question"]
    return found


def collected(data: dict[str, Any]) -> Any:
    """A set that a step was given."""
    return next(record for record in tape(data, 2, "r") if record["is"] == "collected" and record["events"])


NOTHING: dict[str, tuple[dict[str, Any], Damage, str]] = {
    "kept": (BUSY, lambda data: data["mailbox"].append(None), "an event in the mailbox"),
    "collected": (BUSY, lambda data: collected(data)["events"].append(None), "what step 'work' had collected"),
    "in a buffer": (
        BUSY,
        lambda data: data["buffers"][0]["events"].append(None),
        "an event in a buffer of step 'work'",
    ),
    "taken": (BUSY, lambda data: data["executions"][0].update(event=None), "the input of step 'work'"),
    "arrived": (
        JOINING,
        lambda data: data["batches"][0]["gathered"][0]["arrived"].append([9, None]),
        "what has arrived for step 'gather'",
    ),
    "in a slot": (
        JOINING,
        lambda data: data["slots"][0]["events"].append(["part", None]),
        "what step 'pair' joins",
    ),
    "joined": (
        JOINING,
        lambda data: data["executions"][3]["event"]["joined"].append(None),
        "the input of step 'first'",
    ),
}


@pytest.mark.guarantee("D2")
@pytest.mark.parametrize("where", NOTHING)
def test_nothing_where_an_event_must_be_is_refused(where: str) -> None:
    """It was passed over, so that whoever had damaged the file took an event away."""
    data, damage, what = NOTHING[where]
    data = copy.deepcopy(data)
    damage(data)
    assert refusal(data) == f"{what} isn't there."


RECORDS: dict[str, tuple[Damage, str]] = {
    "a question of another execution": (
        lambda data: tape(data, 3)[0]["question"].update(id=OTHER, execution=2),
        f"question '{OTHER}' isn't of execution 3",
    ),
    "a question twice": (lambda data: tape(data, 3).append(tape(data, 3)[0]), "question 'q3-"),
    "a question that says that it's of another execution": (
        lambda data: tape(data, 3)[0]["question"].update(id=OTHER, execution=3),
        f"question '{OTHER}' is said to be of execution 3",
    ),
    "a question whose id says that it's of another execution": (
        lambda data: tape(data, 3)[0]["question"].update(id=OTHER),
        f"question '{OTHER}' isn't of execution 3",
    ),
    "a question whose id is of no execution": (
        lambda data: tape(data, 3)[0]["question"].update(id="q3"),
        "question 'q3' is the id of no execution's",
    ),
    "an error that is a number": (
        lambda data: data["executions"][-1].update(last_error=5),
        "how step 'also' failed before is 5, which is no exception",
    ),
    "an error that is an event": (
        lambda data: data["executions"][-1].update(last_error={"$": "note", "v": {"n": 1}}),
        "how step 'also' failed before is {'$': 'note', 'v': {'n': 1}}, which is no exception",
    ),
    "recoveries in another order": (
        lambda data: data["executions"][0].update(place=[0, 0, [["b", 1], ["a", 1]]]),
        "expected numbers of recoveries by handler, found [['b', 1], ['a', 1]]",
    ),
    "recoveries of a handler, twice": (
        lambda data: data["executions"][0].update(place=[0, 0, [["a", 1], ["a", 1]]]),
        "expected numbers of recoveries by handler",
    ),
    "a handler that has never recovered anything": (
        lambda data: data["executions"][0].update(place=[0, 0, [["a", 0]]]),
        "expected numbers of recoveries by handler",
    ),
    "recoveries of fewer events than there are": (
        lambda data: data["buffers"][1].update(recoveries=[]),
        "ValueError: ",
    ),
    "events that are no list": (lambda data: data["buffers"][1].update(events={}), "expected list, found {}"),
    "a result that is kept as something else": (
        lambda data: memory(data, 5)["kept"][0].__setitem__(1, "now"),
        "step 'also' is said to keep once f as 'now' 'f'",
    ),
    "a result that is kept under another key": (
        lambda data: memory(data, 5)["kept"][0].__setitem__(2, "g"),
        "step 'also' is said to keep once f as 'once' 'g'",
    ),
    "a read that is kept": (
        lambda data: memory(data, 5)["kept"].append(["", "read", "a", 0, {"is": "read", "path": "a", "versions": []}]),
        "step 'also' is said to keep read a as 'read' 'a'",
    ),
    "a question that is kept in another branch": (
        lambda data: memory(data, 5)["kept"][1].__setitem__(0, "l"),
        "question 'q5-",
    ),
    "a question of a branch that stands in none": (
        lambda data: memory(data, 2)["found"].append(["wait", question(data, "l")["content"], tape(data, 2, "l")[-1]]),
        "question 'q2-",
    ),
}


@pytest.mark.guarantee("D2")
@pytest.mark.parametrize("what", RECORDS)
def test_records_that_no_step_has_made_are_refused_with_the_reason(what: str) -> None:
    damage, reason = RECORDS[what]
    data = copy.deepcopy(BUSY)
    damage(data)
    assert refusal(data).startswith(reason)


def test_a_digest_may_be_of_64_bits() -> None:
    data = copy.deepcopy(BUSY)
    tape(data, 2)[0].update(digest=2**64 - 1)
    assert restore(PROGRAM, CODEC, data)[1] == []


def test_a_declared_class_that_is_no_event_is_no_class_of_events() -> None:
    job = attrs.make_class("Job", {"size": attrs.field(type=int)})
    codec = codec_for(PROGRAM, [Approval, Approved, job])
    data = copy.deepcopy(BUSY)
    restore(PROGRAM, codec, data)
    data["buffers"][1]["expected"][0] = codec.name_of(job)
    with pytest.raises(ContextSerdeError, match=r"a buffer of step 'work' has '.*Job', which is no event class"):
        restore(PROGRAM, codec, data, accepts_changes=True)


def test_a_question_of_before_it_was_told_when_it_was_asked_is_older_than_all_others() -> None:
    data = copy.deepcopy(BUSY)
    del tape(data, 3)[0]["question"]["asked_at"]
    state, _ = restore(PROGRAM, CODEC, data)
    assert [found.asked_at for found in state.questions.by_id.values() if found.execution == 3] == [0.0, 1001.0]
