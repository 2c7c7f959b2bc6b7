"""Snapshots leave out what says nothing: a key that's missing means its default, and nothing else."""

import json
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.core import spelled
from tests.core.busy import runs
from tests.core.flow import CODEC, PROGRAM, Approval, Approved, Hand
from tests.core.spelled import spelled_out
from workflows.core.questions import Ask
from workflows.core.restore import restore
from workflows.core.snapshot import snapshot
from workflows.errors import ContextSerdeError

SNAPSHOTS: Mapping[str, Any] = {moment: hand.stored() for moment, hand in runs().items()}
KEYS = sorted(
    {*spelled.RUN, *spelled.EXECUTION, *spelled.MEMORY, *spelled.QUESTION}
    | {"asking_order", "step", "execution", "key", "answer", "expired"}
)


@pytest.mark.guarantee("D3")
@given(moment=st.sampled_from(sorted(SNAPSHOTS)), spelled_keys=st.sets(st.sampled_from(KEYS)))
def test_what_is_left_out_may_as_well_be_said(moment: str, spelled_keys: set[str]) -> None:
    data = SNAPSHOTS[moment]
    said = spelled_out(data, spelled_keys.__contains__)
    state, problems = restore(PROGRAM, CODEC, said)
    assert (state, problems) == restore(PROGRAM, CODEC, data)
    assert json.dumps(snapshot(state, at=5000.0)) == json.dumps(data), "it's left out again"


@pytest.mark.parametrize("moment", SNAPSHOTS)
def test_nothing_is_said_that_says_nothing(moment: str) -> None:
    data = SNAPSHOTS[moment]
    said = {*spelled_out(data)} - {*data}
    assert said == {key for key, value in spelled_out(data).items() if spelled.RUN.get(key, ...) == value} | (
        {"asking_order"} - {*data}
    )
    for execution in data["executions"]:
        assert all(execution.get(key, ...) != value for key, value in spelled.EXECUTION.items())


def test_a_run_that_waits_stores_its_question_once_and_in_short() -> None:
    """What a snapshot costs is in proportion to its text, and most runs that wait are like this one."""
    hand = Hand()
    job = hand.start()
    hand.suspend(job, *hand.ask(job, Ask(Approved, Approval(what="pay?"))))
    data: Any = hand.stored()
    assert sorted(data) == [
        *("asked", "executions", "format_version", "is_running", "last_tick", "next_execution", "run_id", "seed"),
        *("spent_s", "status", "streamed", "tally", "types", "workflow"),
    ]
    (execution,) = data["executions"]
    assert sorted(execution) == ["attempt", "event", "first_at", "id", "memory", "on", "status", "step"]
    ((_, (record,)),) = execution["memory"]["tapes"]
    assert (sorted(execution["memory"]), sorted(record)) == (["tapes"], ["is", "question"])
    assert sorted(record["question"]) == ["answer_type", "asked_at", "content", "event", "id"]
    assert len(json.dumps(data)) < len(json.dumps(spelled_out(data))) * 2 / 3


@pytest.mark.guarantee("D2")
@pytest.mark.parametrize("key", ["run_id", "seed", "status", "last_tick", "next_execution", "executions", "types"])
def test_what_is_never_left_out_must_be_there(key: str) -> None:
    data = {**SNAPSHOTS["busy"]}
    del data[key]
    with pytest.raises(ContextSerdeError, match=f"KeyError: '{key}'"):
        restore(PROGRAM, CODEC, data)
