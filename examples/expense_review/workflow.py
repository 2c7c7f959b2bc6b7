"""The review of expense claims as a workflow: what happens to the claims of a file, until all of them are decided.

Nothing here knows of a terminal, of signals, or of the file that runs are stored in. A run can be cut short at any
instant, and go on in another process: answers that were given stay given, and what was done isn't done again.

    Submitted -> hand_out -> ClaimSubmitted (one for each claim) -> check -> ClaimChecked -> sort -> ReviewNeeded
              -> review (asks) -> Finished
"""

from __future__ import annotations

from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from typing import Literal, TypeAlias

import anyio
import attrs

from workflows import Context, Workflow, step
from workflows.events import Event, HumanResponseEvent, InputRequiredEvent, StartEvent, StopEvent

from .claims import Claim
from .decisions import CheckedClaim, Decision

NAME = "expenses"
SMALL_EUR = Decimal("50.00")
NEEDS_RECEIPT_EUR = Decimal("20.00")
LIMITS_EUR = {
    "lodging": Decimal("220.00"),
    "meals": Decimal("60.00"),
    "phone": Decimal("45.00"),
    "supplies": Decimal("150.00"),
    "training": Decimal("800.00"),
    "travel": Decimal("400.00"),
}
RATES = {"CHF": Decimal("1.0412"), "EUR": Decimal(1), "GBP": Decimal("1.1873"), "USD": Decimal("0.9256")}
LOOKUP_S = 0.05

# --- what goes through it ---------------------------------------------------------------------------------------------
# Each event has a name of its own: that's what a stored run calls it, so that classes and modules can be moved.


class Submitted(StartEvent, name="expenses.submitted"):
    """The claims of a file were handed in."""

    source: str
    claims: list[Claim]


class ClaimSubmitted(Event, name="expenses.claim_submitted"):
    """A claim is to be checked."""

    claim: Claim


class ClaimChecked(Event, name="expenses.claim_checked"):
    """A claim was checked."""

    checked: CheckedClaim


class ReviewNeeded(Event, name="expenses.review_needed"):
    """The small claims are decided; the rest, a group for each employee, needs a person."""

    decided: list[Decision]
    groups: list[list[CheckedClaim]]


class Finished(StopEvent, name="expenses.finished"):
    """Everything is decided."""

    source: str
    decisions: list[Decision]


class Progress(Event, name="expenses.progress"):
    """Something that a person who watches would like to know; on the stream only."""

    text: str


# --- questions and answers --------------------------------------------------------------------------------------------


def _given_if_rejecting(answer: Verdict | GroupVerdict, _field: object, reason: str) -> None:
    if answer.verdict == "reject" and not reason:
        raise ValueError("a rejection needs a reason")


class Verdict(HumanResponseEvent, name="expenses.verdict"):
    """The answer about one claim. One that doesn't fit these types is refused, and the question stays open."""

    verdict: Literal["approve", "reject"]
    reason: str = attrs.field(default="", validator=_given_if_rejecting)
    by: str


class GroupVerdict(HumanResponseEvent, name="expenses.group_verdict"):
    """The answer about several claims of one employee: the same for all, or each on its own."""

    verdict: Literal["approve", "reject", "each"]
    reason: str = attrs.field(default="", validator=_given_if_rejecting)
    by: str


class ClaimApproval(InputRequiredEvent, answer=Verdict, name="expenses.claim_approval"):
    """Is this claim approved?"""

    label: str
    claims: list[CheckedClaim]


class GroupApproval(InputRequiredEvent, answer=GroupVerdict, name="expenses.group_approval"):
    """Are these claims approved?"""

    label: str
    claims: list[CheckedClaim]


Approval: TypeAlias = ClaimApproval | GroupApproval


@attrs.define
class Ledger:
    """The state of a run."""

    source: str = ""
    claims: int = 0
    checked: int = 0


# --- the job ----------------------------------------------------------------------------------------------------------


class ExpenseReview(Workflow[Submitted, Finished]):
    """Approve small claims, and ask a person about the others."""

    def __init__(self) -> None:
        # What stands in no signature, and is to be stored: it goes between the steps and the person.
        told = [Progress, ClaimApproval, Verdict, GroupApproval, GroupVerdict]
        super().__init__(workflow_name=NAME, timeout=None, types=told)

    @step
    async def hand_out(self, ctx: Context[Ledger], ev: Submitted) -> ClaimSubmitted | None:
        """Have each claim checked."""
        await ctx.store.set_state(Ledger(source=ev.source, claims=len(ev.claims)))
        ctx.write_event_to_stream(Progress(text=f"{ev.source}: {len(ev.claims)} claims to check"))
        for claim in ev.claims:
            ctx.send_event(ClaimSubmitted(claim=claim))
        return None

    @step(num_workers=8)
    async def check(self, ctx: Context[Ledger], ev: ClaimSubmitted) -> ClaimChecked:
        """Check one claim; eight are checked at a time."""
        claim = ev.claim
        rate: Decimal = await ctx.once(rate_to_eur, claim.currency, claim.day)
        eur = (claim.amount * rate).quantize(Decimal("0.01"), ROUND_HALF_UP)
        checked = CheckedClaim(claim, eur, findings_of(claim, eur))
        async with ctx.store.edit_state() as ledger:
            ledger.checked += 1
        done = f"checked {ledger.checked} of {ledger.claims}: {claim.id}, {eur} EUR"
        ctx.write_event_to_stream(Progress(text="; ".join([done, *checked.findings])))
        return ClaimChecked(checked=checked)

    @step
    async def sort(self, ctx: Context[Ledger], ev: ClaimChecked) -> ReviewNeeded | None:
        """When all are checked: approve the small ones, and group the others by employee."""
        ledger = await ctx.store.get_state()
        found = ctx.collect_events(ev, [ClaimChecked] * ledger.claims)
        if found is None:
            return None
        all_checked = [event.checked for event in found]
        all_checked = with_twins_marked(sorted(all_checked, key=lambda checked: checked.claim.line))
        decided: list[Decision] = []
        groups: dict[str, list[CheckedClaim]] = {}
        for checked in all_checked:
            if not checked.findings:
                decided.append(Decision(checked, True, f"{SMALL_EUR} EUR or less, and nothing found", "policy"))
            else:
                groups.setdefault(checked.claim.employee, []).append(checked)
        ctx.write_event_to_stream(
            Progress(text=f"{len(decided)} small claims approved, {len(all_checked) - len(decided)} need you")
        )
        return ReviewNeeded(decided=decided, groups=list(groups.values()))

    @step
    async def review(self, ctx: Context[Ledger], ev: ReviewNeeded) -> Finished:
        """Ask about all groups at once, then about the claims of those that are to be decided one by one.

        The step is called again from its top whenever a round of questions is answered, here or in another process.
        What it had asked isn't asked again: `ask_all` gives the answers that are on record.
        """
        decisions = list(ev.decided)
        open_groups = {str(number): group for number, group in enumerate(ev.groups, 1)}
        while open_groups:
            questions = [approval_of(label, group) for label, group in open_groups.items()]
            answers: tuple[Verdict | GroupVerdict, ...] = await ctx.ask_all(*questions)
            singles: dict[str, list[CheckedClaim]] = {}
            for question, answer in zip(questions, answers, strict=True):
                if answer.verdict == "each":
                    singles |= {f"{question.label}.{n}": [checked] for n, checked in enumerate(question.claims, 1)}
                    continue
                approved = answer.verdict == "approve"
                decisions += [Decision(checked, approved, answer.reason, answer.by) for checked in question.claims]
            open_groups = singles
        source: str = await ctx.store.get("source")
        return Finished(source=source, decisions=sorted(decisions, key=lambda decision: decision.checked.claim.line))


async def rate_to_eur(currency: str, _day: date) -> Decimal:
    """The exchange rate of a day. It stands for a request to a bank: slow, and nothing to ask for twice."""
    await anyio.sleep(LOOKUP_S)
    return RATES[currency]


def findings_of(claim: Claim, eur: Decimal) -> list[str]:
    """Why a person has to look at a claim; nothing if the policy approves it."""
    findings: list[str] = []
    if eur > SMALL_EUR:
        findings.append(f"more than {SMALL_EUR} EUR")
    if eur > LIMITS_EUR[claim.category]:
        findings.append(f"above the limit of {LIMITS_EUR[claim.category]} EUR for {claim.category}")
    if eur > NEEDS_RECEIPT_EUR and not claim.has_receipt:
        findings.append("no receipt")
    if claim.category == "meals" and claim.day.weekday() >= 5:
        findings.append("on a weekend")
    return findings


def with_twins_marked(all_checked: list[CheckedClaim]) -> list[CheckedClaim]:
    """Mark claims that look as if one thing had been claimed twice."""
    ids: dict[tuple[object, ...], list[str]] = {}
    for checked in all_checked:
        ids.setdefault(_sameness(checked.claim), []).append(checked.claim.id)
    marked: list[CheckedClaim] = []
    for checked in all_checked:
        others = [name for name in ids[_sameness(checked.claim)] if name != checked.claim.id]
        notes = [f"looks the same as {', '.join(others)}"] if others else []
        marked.append(attrs.evolve(checked, findings=[*checked.findings, *notes]))
    return marked


def _sameness(claim: Claim) -> tuple[object, ...]:
    return claim.employee, claim.day, claim.category, claim.amount, claim.currency


def approval_of(label: str, claims: list[CheckedClaim]) -> Approval:
    """The question about one claim, or several."""
    return (ClaimApproval if len(claims) == 1 else GroupApproval)(label=label, claims=claims)
