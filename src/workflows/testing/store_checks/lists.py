"""Lists: that runs, questions and ended runs are found in their order, a page at a time."""

from __future__ import annotations

from ...durability.store import StoredQuestion
from ...errors import RunNotFound
from .checking import NOW, Handles, StoreCheck, change, checked, enlisted, ids, new, same, stored


@checked
async def runs_are_listed_as_they_were_made(handles: Handles) -> None:
    """Whatever their ids are, and however they have changed since."""
    store = await handles.open()
    await enlisted(store, "me")
    await stored(store, "me", new("c"), new("a"), new("b"))
    await stored(store, "me", change("c", 2), now=NOW + 1)
    same(ids(await store.runs(limit=9)), ["c", "a", "b"], "all runs")
    same(ids(await store.runs(limit=2)), ["c", "a"], "the first page")
    same(ids(await store.runs(after="a", limit=2)), ["b"], "the second page")
    same(ids(await store.runs(after="b", limit=2)), [], "the page behind the last")


@checked
async def runs_are_listed_by_what_they_are(handles: Handles) -> None:
    """By each thing alone, and by all of them."""
    store = await handles.open()
    await enlisted(store, "me")
    await stored(store, "me", new("a"), new("b", is_waiting=True), new("c", status="failed"))
    await stored(store, "me", new("d", workflow="Other"), new("e", workflow="Other", is_waiting=True), new("f"))
    same(ids(await store.runs(status="running", limit=9)), ["a", "b", "d", "e", "f"], "running ones")
    same(ids(await store.runs(status="completed", limit=9)), [], "completed ones")
    same(ids(await store.runs(workflow="Other", limit=9)), ["d", "e"], "those of a workflow")
    same(ids(await store.runs(is_waiting=True, limit=9)), ["b", "e"], "waiting ones")
    same(ids(await store.runs(is_waiting=False, limit=9)), ["a", "c", "d", "f"], "those that don't wait")
    found = await store.runs(status="running", workflow="Shop", is_waiting=False, after="a", limit=9)
    same(ids(found), ["f"], "by all of it, behind a run")
    await stored(store, "me", change("a", 2, status="failed"), change("c", 2, workflow="Other", status="failed"))
    same(ids(await store.runs(status="failed", limit=9)), ["a", "c"], "failed ones, after a change")
    same(ids(await store.runs(workflow="Other", limit=9)), ["c", "d", "e"], "those of a workflow, after a change")


@checked
async def a_list_says_if_the_run_behind_which_it_goes_on_is_gone(handles: Handles) -> None:
    """Rather than to leave out what comes behind it."""
    store = await handles.open()
    try:
        found = await store.runs(after="gone", limit=9)
    except RunNotFound:
        return
    raise AssertionError(f"a list that goes on behind a run that isn't there gives {found!r} instead of RunNotFound")


@checked
async def questions_are_listed_as_they_were_asked(handles: Handles) -> None:
    """Of unfinished runs; numbers are never used again."""
    store = await handles.open()
    await enlisted(store, "me")
    await stored(store, "me", new("b", opened=[("q1", "b1"), ("q2", "b2")]), new("a", opened=[("q1", "a1")]))
    await stored(store, "me", change("b", 2, opened=[("q3", "b3")]), new("c", workflow="Other", opened=[("q", "c")]))
    asked = await store.questions(limit=9)
    found = [(question.run_id, question.id, question.data) for question in asked]
    expected = [("b", "q1", "b1"), ("b", "q2", "b2"), ("a", "q1", "a1"), ("b", "q3", "b3"), ("c", "q", "c")]
    same(found, expected, "all questions")
    numbers = [question.number for question in asked]
    same(numbers, sorted(set(numbers)), "their numbers, which grow")
    same(await store.questions(limit=2), asked[:2], "the first page")
    same(await store.questions(after=numbers[1], limit=9), asked[2:], "the page behind the second")
    same(await store.questions(run_id="b", limit=9), [asked[0], asked[1], asked[3]], "those of a run")
    same(await store.questions(run_id="b", after=numbers[0], limit=1), [asked[1]], "a page of those of a run")
    same(await store.questions(workflow="Other", limit=9), asked[4:], "those of a workflow")
    same(await store.questions(workflow="Other", run_id="b", limit=9), [], "those of a run, and of another's workflow")
    await stored(store, "me", change("c", 2, workflow="Other", closed=["q"]))
    await stored(store, "me", change("c", 3, workflow="Other", opened=[("again", "c")]))
    (again,) = await store.questions(workflow="Other", limit=9)
    if again.number <= numbers[-1]:
        raise AssertionError(f"question number {numbers[-1]} was closed, and the next one has number {again.number}")


@checked
async def closed_questions_and_those_of_other_runs_are_not_listed(handles: Handles) -> None:
    """Those of a run that was cancelled are, when it's resumed."""
    store = await handles.open()
    await enlisted(store, "me")
    await stored(store, "me", new("a", opened=[("q", "1"), ("r", "2")]), new("b", opened=[("q", "3")]))
    await stored(store, "me", change("a", 2, closed=["q", "unknown"]), change("b", 2, status="cancelled"))
    (left,) = await store.questions(limit=9)
    same(left, StoredQuestion(left.number, "a", "Shop", "r", "2"), "the question that's left")
    await stored(store, "me", change("b", 3), change("a", 3, opened=[("r", "changed")]))
    found = [(question.run_id, question.id, question.data) for question in await store.questions(limit=9)]
    same(found, [("a", "r", "changed"), ("b", "q", "3")], "after the run was resumed, and one was asked again")


@checked
async def ended_runs_are_found_by_when_they_ended(handles: Handles) -> None:
    """The oldest first; not those that were merely cancelled."""
    store = await handles.open()
    await enlisted(store, "me")
    await stored(store, "me", *[new(run_id) for run_id in "abcdef"])
    await stored(store, "me", change("c", 2, status="failed"), now=NOW + 1)
    await stored(store, "me", change("a", 2, status="completed"), change("b", 2, status="cancelled"), now=NOW + 2)
    await stored(store, "me", change("f", 2, status="timed_out", is_released=True), now=NOW + 2)
    await stored(store, "me", change("d", 2, status="completed"), now=NOW + 3)
    same(await store.ended_before(NOW + 3, limit=9), ["c", "a", "f"], "those that ended before an instant")
    same(await store.ended_before(NOW + 9, limit=2), ["c", "a"], "the first two")
    same(await store.ended_before(NOW, limit=9), [], "those before the first")


LIST_CHECKS: tuple[StoreCheck, ...] = (
    runs_are_listed_as_they_were_made,
    runs_are_listed_by_what_they_are,
    a_list_says_if_the_run_behind_which_it_goes_on_is_gone,
    questions_are_listed_as_they_were_asked,
    closed_questions_and_those_of_other_runs_are_not_listed,
    ended_runs_are_found_by_when_they_ended,
)
