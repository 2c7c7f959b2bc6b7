"""Whatever is done to it, in whatever order and by whomever, a file answers as a store of a few dicts does.

Three owners use it through two handles on one file, with leases that pass, commits after them, and handles that are
closed and opened again. Each call is made to both stores, and both have to give the same.
"""

from collections.abc import Coroutine
from shutil import rmtree
from tempfile import mkdtemp
from typing import Any, TypeVar

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from workflows.durability import Change, MemoryStore, RunStatus, SqliteStore

T = TypeVar("T")

RUNS = ("a", "b", "c", "d")
WORKFLOWS = ("Shop", "Bank")
OWNERS = ("one", "two", "three")
STATUSES: tuple[RunStatus, ...] = ("running", "running", "running", "cancelled", "completed", "failed", "timed_out")
QUESTIONS = ("q", "r")
LEASE = 10.0
ALL = 1_000

runs = st.sampled_from(RUNS)
owners = st.sampled_from(OWNERS)
some_runs = st.lists(runs, max_size=4)
marks = st.sampled_from(["1", "2"])
some_workflows = st.dictionaries(st.sampled_from(WORKFLOWS), marks)
limits = st.integers(1, 5)
handles = st.integers(0, 1)
delays = st.sampled_from([-5.0, 0.0, 1.0, 9.0, 10.0, 25.0])
steps = st.fixed_dictionaries(
    {
        "run_id": runs,
        "workflow": st.sampled_from(WORKFLOWS),
        "status": st.sampled_from(STATUSES),
        "is_waiting": st.booleans(),
        "delay": st.none() | delays,
        "content": st.sampled_from(["entry", "entry", "entry", "snapshot", "both", "nothing"]),
        "is_new": st.sampled_from([False, False, True]),
        "events": st.integers(0, 2),
        "opened": st.lists(st.sampled_from(QUESTIONS), unique=True),
        "closed": st.lists(st.sampled_from(QUESTIONS), unique=True),
        "replies": st.lists(st.integers(1, 6), max_size=2),
        "is_released": st.sampled_from([False, False, True]),
    }
)


def done(call: Coroutine[Any, Any, T]) -> T:
    """What a call gives that doesn't wait: neither store does, here."""
    try:
        call.send(None)
    except StopIteration as finished:
        result: T = finished.value
        return result
    raise AssertionError(f"{call} waits for something")


class StoresAgree(RuleBasedStateMachine):
    """A file and the model of it."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = mkdtemp()
        self.now = 100.0
        self.texts = 0
        self.model = MemoryStore()
        self.files = [self.opened(), self.opened()]

    def opened(self) -> SqliteStore:
        store = SqliteStore(f"{self.folder}/runs.db", synchronous="normal")
        done(store.open())
        return store

    def teardown(self) -> None:
        for file in self.files:
            done(file.close())
        rmtree(self.folder)

    def same(self, handle: int, method: str, *args: object, **named: object) -> Any:
        expected = done(getattr(self.model, method)(*args, **named))
        found = done(getattr(self.files[handle], method)(*args, **named))
        assert found == expected
        return found

    def text(self) -> str:
        self.texts += 1
        return f"text {self.texts}"

    def change(self, entries: dict[str, int], step: dict[str, Any]) -> Change:
        run_id = step["run_id"]
        has_entry = step["content"] in {"entry", "both"}
        entries[run_id] = (0 if step["is_new"] else entries.get(run_id, 0)) + has_entry
        return Change(
            run_id,
            step["workflow"],
            step["status"],
            step["is_waiting"],
            None if step["delay"] is None else self.now + step["delay"],
            entry=entries[run_id],
            text=self.text() if has_entry else None,
            snapshot=self.text() if step["content"] in {"snapshot", "both"} else None,
            is_new=step["is_new"],
            events=[(entries[run_id] * 10 + number, self.text()) for number in range(step["events"])],
            opened=[(question, self.text()) for question in step["opened"]],
            closed=step["closed"],
            replies=[(number, self.text()) for number in step["replies"]],
            is_released=step["is_released"],
        )

    @initialize()
    def two_begin(self) -> None:
        for owner in OWNERS[:2]:
            self.enlist(0, owner)

    @rule(delay=st.sampled_from([0.5, 4.0, 11.0]))
    def time_passes(self, delay: float) -> None:
        self.now += delay

    @rule(handle=handles, owner=owners)
    def enlist(self, handle: int, owner: str) -> None:
        self.same(handle, "enlist", owner, now=self.now, until=self.now + LEASE)

    @rule(handle=handles, owner=owners)
    def renew(self, handle: int, owner: str) -> None:
        self.same(handle, "renew", owner, now=self.now, until=self.now + LEASE)

    @rule(handle=handles, owner=owners)
    def retire(self, handle: int, owner: str) -> None:
        self.same(handle, "retire", owner)

    @rule(handle=handles, owner=owners, plan=st.lists(steps, max_size=5))
    def commit(self, handle: int, owner: str, plan: list[dict[str, Any]]) -> None:
        entries = {run_id: kept.entry for run_id in RUNS if (kept := done(self.model.find(run_id))) is not None}
        changes = [self.change(entries, step) for step in plan]
        self.same(handle, "commit", owner, changes, now=self.now)

    @rule(handle=handles, owner=owners, run_ids=some_runs)
    def claim(self, handle: int, owner: str, run_ids: list[str]) -> None:
        self.same(handle, "claim", owner, run_ids, now=self.now)

    @rule(handle=handles, owner=owners, run_id=runs)
    def take(self, handle: int, owner: str, run_id: str) -> None:
        expected = self.model.take(owner, run_id, now=self.now)
        assert self.files[handle].take(owner, run_id, now=self.now) == expected

    @rule(handle=handles, owner=owners, run_id=runs, mark=marks)
    def set_aside(self, handle: int, owner: str, run_id: str, mark: str) -> None:
        self.same(handle, "set_aside", owner, run_id, mark)

    @rule(handle=handles, owner=owners, workflows=some_workflows, limit=limits)
    def claim_due(self, handle: int, owner: str, workflows: dict[str, str], limit: int) -> None:
        self.same(handle, "claim_due", owner, workflows, now=self.now, limit=limit)

    @rule(handle=handles, owner=owners, workflows=some_workflows)
    def the_next_instant_is_that_of_the_next_claim(self, handle: int, owner: str, workflows: dict[str, str]) -> None:
        self.same(handle, "next_due", workflows, now=self.now)
        instant = self.same(handle, "next_due", workflows, now=self.now, owner=owner)
        if instant is not None:
            assert instant >= self.now
            self.now = instant
            assert self.same(handle, "claim_due", owner, workflows, now=instant, limit=1)

    @rule(handle=handles, run_id=runs)
    def post(self, handle: int, run_id: str) -> None:
        text = self.text()
        self.same(handle, "post", run_id, text)

    @rule(handle=handles, number=st.integers(1, 6))
    def withdraw(self, handle: int, number: int) -> None:
        self.same(handle, "withdraw", number)

    @rule(handle=handles, run_ids=some_runs)
    def delete(self, handle: int, run_ids: list[str]) -> None:
        self.same(handle, "delete", run_ids, now=self.now)

    @rule(handle=handles)
    def reopen(self, handle: int) -> None:
        done(self.files[handle].close())
        self.files[handle] = self.opened()

    @rule(
        handle=handles,
        status=st.none() | st.sampled_from(STATUSES),
        workflow=st.none() | st.sampled_from(WORKFLOWS),
        is_waiting=st.none() | st.booleans(),
        limit=limits,
    )
    def pages_of_runs(
        self, handle: int, status: RunStatus | None, workflow: str | None, is_waiting: bool | None, limit: int
    ) -> None:
        wanted = {"status": status, "workflow": workflow, "is_waiting": is_waiting, "limit": limit}
        page = self.same(handle, "runs", **wanted)
        while page:
            page = self.same(handle, "runs", after=page[-1].run_id, **wanted)

    @rule(handle=handles, instant=delays, limit=limits)
    def ended(self, handle: int, instant: float, limit: int) -> None:
        self.same(handle, "ended_before", self.now + instant, limit=limit)

    @invariant()
    def everything_is_the_same(self) -> None:
        for handle in range(2):
            self.same(handle, "runs", limit=ALL)
            self.same(handle, "questions", limit=ALL)
            for owner in OWNERS:
                self.same(handle, "messages", owner)
            for number in range(1, 7):
                self.same(handle, "reply", number)
            for run_id in RUNS:
                self.same(handle, "load", run_id)
                self.same(handle, "events", run_id, after=0, limit=ALL)


TestStoresAgree = StoresAgree.TestCase
