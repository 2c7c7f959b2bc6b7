"""Decisions: what was found about each claim, what was decided and by whom, and the file that says so."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from decimal import Decimal
from pathlib import Path

import attrs

from .claims import Claim


@attrs.frozen
class CheckedClaim:
    """A claim, its worth, and what a reviewer should know about it."""

    claim: Claim
    eur: Decimal
    findings: list[str]


@attrs.frozen
class Decision:
    """What was decided about one claim."""

    checked: CheckedClaim
    is_approved: bool
    reason: str
    by: str


def write_decisions(path: Path, source: str, decisions: list[Decision]) -> None:
    """Write the decisions as JSON, amounts as exact texts; the file is there as a whole or not at all."""
    report = {
        "source": source,
        "approved": _sum(decision for decision in decisions if decision.is_approved),
        "rejected": _sum(decision for decision in decisions if not decision.is_approved),
        "decisions": [_entry(decision) for decision in decisions],
    }
    write_whole(path, json.dumps(report, indent=2, ensure_ascii=False) + "\n")


def write_whole(path: Path, text: str) -> None:
    """Write a file so that at any instant either the old or the new one is there, complete."""
    beside = path.with_name(f"{path.name}.tmp")
    with beside.open("w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    beside.replace(path)


def _sum(decisions: Iterable[Decision]) -> dict[str, object]:
    amounts = [decision.checked.eur for decision in decisions]
    return {"claims": len(amounts), "eur": str(sum(amounts, Decimal("0.00")))}


def _entry(decision: Decision) -> dict[str, object]:
    claim = decision.checked.claim
    return {
        "id": claim.id,
        "employee": claim.employee,
        "date": claim.day.isoformat(),
        "category": claim.category,
        "description": claim.description,
        "amount": str(claim.amount),
        "currency": claim.currency,
        "amount_eur": str(decision.checked.eur),
        "findings": decision.checked.findings,
        "decision": "approved" if decision.is_approved else "rejected",
        "reason": decision.reason,
        "decided_by": decision.by,
    }
