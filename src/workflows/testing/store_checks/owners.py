"""Owners: that a run has one owner at a time, that a living one keeps it, and that a dead one's can be taken over."""

from __future__ import annotations

from .checking import (
    LEASE,
    NOW,
    Handles,
    StoreCheck,
    change,
    checked,
    content_of,
    enlisted,
    ids,
    lost,
    new,
    owner_of,
    same,
    stored,
)

END = NOW + LEASE


@checked
async def what_a_living_owner_has_cant_be_claimed(handles: Handles) -> None:
    """Until the very end of its lease."""
    store = await handles.open()
    await enlisted(store, "me", "other")
    await stored(store, "me", new("a"))
    same(await store.claim("other", ["a"], now=END - 0.001), [], "what another can claim of a living owner")
    same(await store.claim_due("other", {"Shop": "1"}, now=END - 0.001, limit=9), [], "what's due of a living owner")
    same(await owner_of(store, "a"), "me", "the owner")
    await stored(store, "me", change("a", 2))


@checked
async def what_a_dead_owner_has_can_be_claimed(handles: Handles) -> None:
    """From the end of its lease on; then it can't change the run any more."""
    store = await handles.open()
    await enlisted(store, "me")
    await stored(store, "me", new("a"))
    await enlisted(store, "other", now=END)
    claimed = await store.claim("other", ["a"], now=END)
    same(
        [(run.run_id, run.owner, run.entry) for run in claimed], [("a", "other", 1)], "what was claimed of a dead owner"
    )
    same(await store.commit("me", [change("a", 2)], now=END), lost("a"), "a change by the old owner")
    await stored(store, "other", change("a", 2, text="by the other"), now=END)
    same((await content_of(store, "a")).entries, ("a 1", "by the other"), "the entries")


@checked
async def an_owner_that_is_late_keeps_what_nobody_has_claimed(handles: Handles) -> None:
    """And comes to life again by renewing its lease."""
    store = await handles.open()
    await enlisted(store, "me")
    await stored(store, "me", new("a"))
    await stored(store, "me", change("a", 2), now=END + 1)
    same(await store.renew("me", now=END + 1, until=END + 100), True, "the renewal of a lease that has passed")
    await enlisted(store, "other", now=END + 1)
    same(await store.claim("other", ["a"], now=END + 99), [], "what another can claim then")


@checked
async def a_lease_can_be_renewed_until_its_owner_retires(handles: Handles) -> None:
    """Then it's known no more, and its runs are nobody's."""
    store = await handles.open()
    same(await store.renew("me", now=NOW, until=END), False, "the renewal of an owner that was never known")
    await enlisted(store, "me", "other")
    await stored(store, "me", new("a"))
    await stored(store, "other", new("b"))
    same(await store.renew("me", now=NOW, until=END), True, "the renewal of a known owner")
    await store.retire("me")
    same(await store.renew("me", now=NOW, until=END), False, "the renewal of one that has retired")
    same(await owner_of(store, "a"), None, "the owner of what it had")
    same(await owner_of(store, "b"), "other", "the owner of what another has")
    same(await store.commit("me", [change("a", 2)], now=NOW), lost("a"), "a change by one that has retired")
    same(ids(await store.claim("other", ["a"], now=NOW)), ["a"], "what another can claim then")


@checked
async def nobodys_runs_and_ones_own_can_be_claimed(handles: Handles) -> None:
    """In the order in which they were named, each once; whatever their status is."""
    store = await handles.open()
    await enlisted(store, "me", "other")
    await stored(store, "me", new("a"), new("b", is_released=True, status="cancelled"))
    await stored(store, "other", new("c"))
    claimed = await store.claim("me", ["b", "nowhere", "c", "a", "b"], now=NOW)
    same(ids(claimed), ["b", "a"], "what was claimed")
    same({run.owner for run in claimed}, {"me"}, "its owner, as claiming it gives it")
    await stored(store, "me", change("b", 2, status="running"), change("a", 2))


@checked
async def of_two_who_claim_a_run_one_gets_it(handles: Handles) -> None:
    """With a handle each."""
    one, two = await handles.open(), await handles.open()
    await enlisted(one, "one")
    await enlisted(two, "two")
    await stored(one, "one", new("a", is_released=True), new("b", is_released=True))
    same(ids(await two.claim("two", ["a"], now=NOW)), ["a"], "what the first gets")
    same(ids(await one.claim("one", ["a"], now=NOW)), [], "what the second gets")
    same(ids(await one.claim_due("one", {"Shop": "1"}, now=NOW, limit=9)), ["b"], "what's left that is due")
    same(ids(await two.claim_due("two", {"Shop": "1"}, now=NOW, limit=9)), [], "what's left then")
    same(await one.commit("one", [change("a", 2)], now=NOW), lost("a"), "a change by the second")
    await stored(two, "two", change("a", 2))


@checked
async def a_run_that_was_lost_and_won_again_goes_on_where_the_other_left_it(handles: Handles) -> None:
    """Nothing that a handle remembers of it holds any more."""
    one, two = await handles.open(), await handles.open()
    await enlisted(one, "one")
    await stored(one, "one", new("a"), change("a", 2))
    await enlisted(two, "two", now=END)
    await two.claim("two", ["a"], now=END)
    await stored(two, "two", change("a", 3, text="by two", status="cancelled"), now=END)
    await stored(two, "two", change("a", 4, text="by two", is_released=True), now=END)
    same(await one.commit("one", [change("a", 3)], now=END), lost("a"), "a change by the old owner")
    same(ids(await one.claim("one", ["a"], now=END)), ["a"], "what it wins again")
    await stored(one, "one", change("a", 5), now=END)
    await stored(one, "one", change("a", 6), now=END)
    content = await content_of(two, "a")
    same(content.entries, ("a 1", "a 2", "by two", "by two", "a 5", "a 6"), "the entries")
    same(content.run.status, "running", "the status")


@checked
async def what_is_released_is_nobodys(handles: Handles) -> None:
    """Its owner doesn't own it any more either."""
    store = await handles.open()
    await enlisted(store, "me")
    await stored(store, "me", new("a"))
    await stored(store, "me", change("a", 2, is_released=True))
    same(await owner_of(store, "a"), None, "the owner of a released run")
    same(await store.commit("me", [change("a", 3)], now=NOW), lost("a"), "a change after that")


@checked
async def what_a_living_owner_has_cant_be_deleted(handles: Handles) -> None:
    """A dead one's can."""
    store = await handles.open()
    await enlisted(store, "me")
    await stored(store, "me", new("a"), new("b", is_released=True))
    same(await store.delete(["a", "b"], now=NOW), ["b"], "what was deleted while the owner lives")
    same(await store.delete(["a", "b"], now=END), ["a"], "what was deleted once it's dead")


@checked
async def what_is_due_is_claimed_in_its_order(handles: Handles) -> None:
    """First what doesn't wait, then by the instant; of what was asked for, and no more than that."""
    store = await handles.open()
    await enlisted(store, "me", "other")
    await stored(
        store,
        "me",
        new("late", is_waiting=True, wake_at=NOW + 3, is_released=True),
        new("at work", is_released=True),
        new("sleeping", is_waiting=True, wake_at=NOW + 50, is_released=True),
        new("for a person", is_waiting=True, is_released=True),
        new("early", is_waiting=True, wake_at=NOW + 2, is_released=True),
        new("elsewhere", workflow="Other", is_released=True),
        new("cancelled", status="cancelled", is_released=True),
        new("ended", status="completed", is_released=True),
        new("mine", is_waiting=True, wake_at=NOW),
    )
    same(await store.claim_due("other", {}, now=NOW + 3, limit=9), [], "what's due of no workflows")
    same(await store.claim_due("other", {"Nothing": "1"}, now=NOW + 3, limit=9), [], "what's due of another workflow")
    first = await store.claim_due("other", {"Shop": "1", "Nothing": "1"}, now=NOW + 3, limit=2)
    same(ids(first), ["at work", "early"], "the first two that are due")
    same({run.owner for run in first}, {"other"}, "their owner, as claiming them gives it")
    same(ids(await store.claim_due("other", {"Shop": "1"}, now=NOW + 3, limit=9)), ["late"], "the rest that is due")
    same(
        ids(await store.claim_due("other", {"Shop": "1", "Other": "1"}, now=NOW + 3, limit=9)),
        ["elsewhere"],
        "the other's",
    )
    same(
        await store.claim_due("other", {"Shop": "1", "Other": "1"}, now=NOW + 3, limit=9),
        [],
        "what's due after all of it",
    )


@checked
async def the_next_instant_is_that_of_the_next_claim(handles: Handles) -> None:
    """The end of a lease is one, if what its owner has will be due by then."""
    store = await handles.open()
    await enlisted(store, "me", "other")
    same(await store.next_due({"Shop": "1"}, now=NOW), None, "the next instant of an empty store")
    await stored(store, "me", new("a", is_waiting=True), new("z", workflow="Other"))
    same(await store.next_due({"Shop": "1"}, now=NOW), None, "while all wait for somebody")
    await stored(store, "me", new("b", is_waiting=True, wake_at=END + 20, is_released=True))
    same(await store.next_due({"Shop": "1"}, now=NOW), END + 20, "while one sleeps that is nobody's")
    await stored(store, "me", new("c", is_waiting=True, wake_at=END + 10))
    same(await store.next_due({"Shop": "1"}, now=NOW), END + 10, "while another's sleeps beyond the lease")
    await stored(store, "me", new("d", is_waiting=True, wake_at=NOW + 1))
    same(await store.next_due({"Shop": "1"}, now=NOW), END, "while another's sleeps within the lease")
    await stored(store, "me", new("e", is_waiting=True, wake_at=NOW + 2, is_released=True))
    same(
        await store.next_due({"Shop": "1", "Nothing": "1"}, now=NOW),
        NOW + 2,
        "while nobody's sleeps for less than that",
    )
    same(await store.next_due({"Shop": "1"}, now=NOW + 2), NOW + 2, "when it's due")
    same(await store.next_due({"Shop": "1"}, now=NOW + 7), NOW + 7, "when it's overdue")
    same(await store.next_due({}, now=NOW + 7), None, "of no workflows")
    same(
        ids(await store.claim_due("other", {"Shop": "1"}, now=NOW + 2, limit=9)),
        ["e"],
        "what's claimed at that instant",
    )


@checked
async def a_message_makes_a_run_due(handles: Handles) -> None:
    """Until it has its reply, or is withdrawn."""
    store = await handles.open()
    await enlisted(store, "me", "other")
    await stored(store, "me", new("a", is_waiting=True), new("b", is_waiting=True, is_released=True))
    await stored(
        store, "me", new("ended", status="failed", is_released=True), new("c", is_waiting=True, is_released=True)
    )
    for run_id in ("a", "b", "ended"):
        await store.post(run_id, "m")
    withdrawn = await store.post("c", "m")
    if withdrawn is None:
        raise AssertionError("a message for a run that's stored was turned down")
    await store.withdraw(withdrawn)
    same(await store.next_due({"Shop": "1"}, now=NOW), NOW, "the next instant, with a message for nobody's run")
    same(ids(await store.claim_due("other", {"Shop": "1"}, now=NOW, limit=9)), ["b"], "what's due for a message")
    same(await store.next_due({"Shop": "1"}, now=NOW), END, "the next instant, with messages for living owners' runs")
    (message,) = await store.messages("other")
    answered = change("b", 2, is_waiting=True, replies=[(message.number, "done")], is_released=True)
    await stored(store, "other", answered)
    same(await store.claim_due("other", {"Shop": "1"}, now=NOW, limit=9), [], "what's due after the reply")
    same(ids(await store.claim_due("other", {"Shop": "1"}, now=END, limit=9)), ["a"], "what's due of a dead owner's")


@checked
async def an_owner_isnt_given_what_it_has(handles: Handles) -> None:
    """Even if it has let its lease pass: it's at work on that."""
    store = await handles.open()
    await enlisted(store, "me", "other")
    await stored(store, "me", new("a"), new("b", is_waiting=True, wake_at=NOW))
    await store.post("b", "m")
    same(await store.claim_due("me", {"Shop": "1"}, now=END + 1, limit=9), [], "what an owner is given of its own")
    same(await store.next_due({"Shop": "1"}, now=NOW, owner="me"), None, "when there will be something for it")
    same(await store.next_due({"Shop": "1"}, now=NOW, owner="other"), END, "when there will be something for another")
    same(
        ids(await store.claim_due("other", {"Shop": "1"}, now=END + 1, limit=9)),
        ["a", "b"],
        "what another is given of it",
    )


@checked
async def taking_is_claiming_and_loading(handles: Handles) -> None:
    """All at once; what has ended, or belongs to a living owner, is given as it is."""
    store = await handles.open()
    await enlisted(store, "me", "other")
    await stored(store, "me", new("a"), new("b", status="completed", is_released=True))
    same(store.take("other", "nothing", now=NOW), None, "a run that isn't there")
    found = store.take("other", "a", now=END - 0.001)
    same(found, await store.load("a"), "a living owner's run, when it's taken")
    same(await owner_of(store, "a"), "me", "its owner")
    same(store.take("other", "b", now=NOW), await store.load("b"), "a run that has ended")
    same(await owner_of(store, "b"), None, "its owner")
    found = store.take("other", "a", now=END)
    same(await owner_of(store, "a"), "other", "the owner of a dead owner's run that was taken")
    same(found, await store.load("a"), "what was taken")


@checked
async def what_was_set_aside_is_passed_over(handles: Handles) -> None:
    """By those of the mark that it was set aside with, till it changes."""
    store = await handles.open()
    await enlisted(store, "me", "other")
    await stored(store, "me", new("a"))
    await store.set_aside("other", "a", "1")
    same(await owner_of(store, "a"), "me", "the owner, when somebody else sets its run aside")
    await store.set_aside("me", "a", "1")
    same(await owner_of(store, "a"), None, "the owner of what was set aside")
    same(await store.next_due({"Shop": "1"}, now=NOW), None, "what's next for those of the mark")
    same(await store.claim_due("me", {"Shop": "1"}, now=NOW, limit=9), [], "what's due for those of the mark")
    await store.post("a", "m")
    same(await store.claim_due("me", {"Shop": "1"}, now=NOW, limit=9), [], "the same, with a message for it")
    same(await store.next_due({"Shop": "2"}, now=NOW), NOW, "what's next for others")
    same(ids(await store.claim_due("other", {"Shop": "2"}, now=NOW, limit=9)), ["a"], "what's due for others")
    same(await store.commit("other", [change("a", 2, is_released=True)], now=NOW), [], "what's refused of a change")
    same(ids(await store.claim_due("me", {"Shop": "1"}, now=NOW, limit=9)), ["a"], "what's due after it has changed")


OWNER_CHECKS: tuple[StoreCheck, ...] = (
    what_a_living_owner_has_cant_be_claimed,
    taking_is_claiming_and_loading,
    what_was_set_aside_is_passed_over,
    what_a_dead_owner_has_can_be_claimed,
    an_owner_that_is_late_keeps_what_nobody_has_claimed,
    a_lease_can_be_renewed_until_its_owner_retires,
    nobodys_runs_and_ones_own_can_be_claimed,
    of_two_who_claim_a_run_one_gets_it,
    a_run_that_was_lost_and_won_again_goes_on_where_the_other_left_it,
    what_is_released_is_nobodys,
    what_a_living_owner_has_cant_be_deleted,
    what_is_due_is_claimed_in_its_order,
    the_next_instant_is_that_of_the_next_claim,
    a_message_makes_a_run_due,
    an_owner_isnt_given_what_it_has,
)
