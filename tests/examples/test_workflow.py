"""The review of expense claims without a terminal: on both backends, cut short and gone on with elsewhere."""

from __future__ import annotations

import json
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import anyio
import pytest

from expense_review import workflow as module
from expense_review.claims import read_claims
from expense_review.decisions import Decision, write_decisions
from expense_review.workflow import (
    ClaimApproval,
    ExpenseReview,
    Finished,
    GroupApproval,
    GroupVerdict,
    Progress,
    Submitted,
    Verdict,
)
from tests.durability.stores import crashed
from tests.examples.program import CLAIMS
from workflows import Context, Runtime
from workflows.durability import SqliteStore, Store
from workflows.errors import AlreadyAnswered, InvalidAnswer
from workflows.events import HumanResponseEvent
from workflows.handler import WorkflowHandler
from workflows.testing import check_replay
from workflows.testing.backends import Backend

pytestmark = pytest.mark.anyio

SUBMITTED = Submitted(source="claims.csv", claims=read_claims(CLAIMS.encode()))
APPROVALS = (ClaimApproval, GroupApproval)
ANSWERS = {
    "1": GroupVerdict(verdict="each", by="Noor"),
    "2": Verdict(verdict="reject", reason="not on a weekend", by="Noor"),
    "3": GroupVerdict(verdict="approve", by="Sam"),
    "1.1": Verdict(verdict="approve", reason="agreed beforehand", by="Sam"),
    "1.2": Verdict(verdict="reject", reason="no receipt", by="Sam"),
}


@pytest.fixture(autouse=True)
def no_waiting_for_the_bank(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LOOKUP_S", 0)


async def open_labels(handler: WorkflowHandler, count: int) -> dict[str, str]:
    """Wait until so many questions are open; the id of each by its label."""
    with anyio.fail_after(5):
        async for _ in handler.stream_events():
            if len(handler.pending) >= count:
                break
    return labels_of(handler)


def labels_of(run: WorkflowHandler | Context[Any]) -> dict[str, str]:
    events = [(question.event, question.id) for question in run.pending]
    return {event.label: name for event, name in events if isinstance(event, ClaimApproval | GroupApproval)}


async def result_of(handler: WorkflowHandler) -> Finished:
    with anyio.fail_after(5):
        result = await handler
    assert isinstance(result, Finished)
    return result


async def answered(handler: WorkflowHandler) -> Finished:
    """Answer all that is asked, and give the result."""
    with anyio.fail_after(5):
        async for _ in handler.stream_events():
            for label, name in labels_of(handler).items():
                await handler.send_event(ANSWERS[label], reply_to=name)
    return await result_of(handler)


def verdicts(decisions: list[Decision]) -> list[tuple[str, bool, str, str]]:
    return [(found.checked.claim.id, found.is_approved, found.reason, found.by) for found in decisions]


async def test_small_claims_are_approved_and_the_others_are_decided_as_the_person_says() -> None:
    async with ExpenseReview().running(None, SUBMITTED) as handler:
        finished = await answered(handler)
    small = "50.00 EUR or less, and nothing found"
    assert verdicts(finished.decisions) == [
        ("A-1", True, small, "policy"),
        ("A-2", True, "agreed beforehand", "Sam"),
        ("A-3", False, "no receipt", "Sam"),
        ("B-1", False, "not on a weekend", "Noor"),
        ("B-2", True, small, "policy"),
        ("C-1", True, "", "Sam"),
        ("C-2", True, "", "Sam"),
        ("C-3", True, small, "policy"),
    ]


async def test_the_file_has_every_claim_with_its_decision_and_exact_amounts(tmp_path: Path) -> None:
    output = tmp_path / "decisions.json"
    async with ExpenseReview().running(None, SUBMITTED) as handler:
        finished = await answered(handler)
    write_decisions(output, finished.source, finished.decisions)
    report = json.loads(output.read_text(encoding="utf-8"))
    assert [entry["id"] for entry in report["decisions"]] == ["A-1", "A-2", "A-3", "B-1", "B-2", "C-1", "C-2", "C-3"]
    assert report["decisions"][2] == {
        "id": "A-3",
        "employee": "Ada Okafor",
        "date": "2025-03-04",
        "category": "meals",
        "description": "Dinner",
        "amount": "64.90",
        "currency": "GBP",
        "amount_eur": "77.06",
        "findings": ["more than 50.00 EUR", "above the limit of 60.00 EUR for meals", "no receipt"],
        "decision": "rejected",
        "reason": "no receipt",
        "decided_by": "Sam",
    }
    assert report["source"] == "claims.csv"
    assert report["approved"] == {"claims": 6, "eur": "462.24"}
    assert report["rejected"] == {"claims": 2, "eur": "89.06"}


async def test_all_questions_of_a_round_are_open_at_once_one_for_each_employee() -> None:
    async with ExpenseReview().running(None, SUBMITTED) as handler:
        labels = await open_labels(handler, 3)
        assert list(labels) == ["1", "2", "3"]
        kinds = [question.answer_type for question in handler.pending]
        assert kinds == [GroupVerdict, Verdict, GroupVerdict]
        event = handler.pending[2].event
        assert isinstance(event, GroupApproval)
        assert [checked.findings for checked in event.claims] == [["looks the same as C-2"], ["looks the same as C-1"]]


@pytest.mark.parametrize(
    "bad",
    [
        HumanResponseEvent(verdict="maybe", by="Noor"),
        HumanResponseEvent(verdict="reject", by="Noor"),
        HumanResponseEvent(verdict="approve"),
        HumanResponseEvent(verdict="each", by="Noor"),
        HumanResponseEvent(),
    ],
)
async def test_an_answer_that_does_not_fit_is_refused_and_the_question_stays(bad: HumanResponseEvent) -> None:
    async with ExpenseReview().running(None, SUBMITTED) as handler:
        labels = await open_labels(handler, 3)
        with pytest.raises(InvalidAnswer):
            await handler.send_event(bad, reply_to=labels["2"])
        assert labels_of(handler) == labels
        await handler.send_event(ANSWERS["2"], reply_to=labels["2"])
        assert list(labels_of(handler)) == ["1", "3"]


def nothing_is_looked_up_again(_currency: str, _day: date) -> Decimal:
    raise AssertionError


async def test_stopped_and_resumed_through_json_after_each_answer_it_comes_to_the_same(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with ExpenseReview().running(None, SUBMITTED) as handler:
        whole = await answered(handler)
    async with ExpenseReview().running(None, SUBMITTED) as handler:
        await open_labels(handler, 3)
        text = json.dumps(handler.ctx.to_dict())
    monkeypatch.setattr(module, "rate_to_eur", nothing_is_looked_up_again)
    for label, answer in ANSWERS.items():
        workflow = ExpenseReview()
        context = Context[Any].from_dict(workflow, json.loads(text))
        name = labels_of(context)[label]
        async with workflow.running(context) as handler:
            await handler.send_event(answer, reply_to=name)
            if label == "3":
                await open_labels(handler, 2)
            elif label == "1.2":
                assert await result_of(handler) == whole
            text = json.dumps(handler.ctx.to_dict())


async def stored_labels(runtime: Runtime, count: int) -> dict[str, str]:
    """Wait until the stored run asks so many questions; the id of each by its label."""
    with anyio.fail_after(5):
        async for _ in runtime.events("r"):
            found = [asked.question for asked in await runtime.pending(run_id="r")]
            if len(found) == count:
                return {q.event.label: q.id for q in found if q is not None and isinstance(q.event, APPROVALS)}
    raise AssertionError


@pytest.mark.guarantee("R4", "W1", "W5")
async def test_its_process_dies_after_each_answer_and_it_comes_to_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each process finds what the one before has left on the disk; to answer once more is refused by it."""
    async with ExpenseReview().running(None, SUBMITTED) as handler:
        whole = await answered(handler)
    store: Store = SqliteStore(tmp_path / "runs.db")
    async with Runtime(store=store) as runtime:
        assert runtime.run(ExpenseReview(), start_event=SUBMITTED, run_id="r").run_id == "r"
        await stored_labels(runtime, 3)
        left = crashed(store, tmp_path / "begun")
    monkeypatch.setattr(module, "rate_to_eur", nothing_is_looked_up_again)
    rounds = {"1": 3, "2": 2, "3": 1, "1.1": 2, "1.2": 1}
    for label, answer in ANSWERS.items():
        async with Runtime(store=left, workflows=[ExpenseReview()], lease=0.01, poll=0.001) as runtime:
            name = (await stored_labels(runtime, rounds[label]))[label]
            await runtime.send("r", answer, reply_to=name)
            if label == "1.2":
                assert await runtime.resume("r") == whole
                return
            with pytest.raises(AlreadyAnswered):
                await runtime.send("r", answer, reply_to=name)
            left = crashed(left, tmp_path / label)


async def test_eight_claims_are_checked_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    all_there = anyio.Event()
    at_work = 0

    async def rate_when_all_are_there(_currency: str, _day: date) -> Decimal:
        nonlocal at_work
        at_work += 1
        if at_work == 8:
            all_there.set()
        await all_there.wait()
        return Decimal(1)

    monkeypatch.setattr(module, "rate_to_eur", rate_when_all_are_there)
    async with ExpenseReview().running(None, SUBMITTED) as handler:
        await open_labels(handler, 3)


async def test_progress_counts_the_claims_that_are_checked() -> None:
    async with ExpenseReview().running(None, SUBMITTED) as handler:
        await open_labels(handler, 3)
        seen: list[str] = []
        async for event in handler.stream_events(after=0):
            if isinstance(event, Progress):
                seen.append(event.text)
            if len(seen) == 10:
                break
    assert seen[0] == "claims.csv: 8 claims to check"
    assert [text.partition(":")[0] for text in seen[1:9]] == [f"checked {n} of 8" for n in range(1, 9)]
    assert seen[9] == "3 small claims approved, 5 need you"


async def test_claims_that_are_all_small_need_nobody() -> None:
    lines = CLAIMS.splitlines()
    small = read_claims("\n".join([lines[0], lines[1], lines[5], lines[8]]).encode())
    async with ExpenseReview().running(source="small.csv", claims=small) as handler:
        finished = await result_of(handler)
    assert [decision.by for decision in finished.decisions] == ["policy"] * 3


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_it_is_safe_to_replay(backend: Backend) -> None:
    report = check_replay(
        ExpenseReview,
        SUBMITTED,
        lambda question: ANSWERS[question.event.label] if isinstance(question.event, APPROVALS) else None,
        backend=backend,
        max_orders=2,
        max_cuts=8,
    )
    assert report.is_safe, report
    assert report.exposed == ()
