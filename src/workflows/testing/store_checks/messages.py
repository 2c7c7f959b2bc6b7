"""Messages: that they reach whoever owns their run, have one reply, and that a change of the store is noticed."""

from __future__ import annotations

from ...durability.store import Message, Store
from .checking import LEASE, NOW, Handles, StoreCheck, change, checked, enlisted, lost, new, same, stored


async def posted(store: Store, run_id: str, data: str) -> int:
    """Leave a message for a run that has to be there."""
    number = await store.post(run_id, data)
    if number is None:
        raise AssertionError(f"a message for run {run_id!r}, which is stored, was turned down")
    return number


@checked
async def messages_reach_the_owner_of_their_run(handles: Handles) -> None:
    """In the order in which they were left, from whatever handle; also if the run changes hands."""
    store, sender = await handles.open(), await handles.open()
    await enlisted(store, "me", "other")
    await stored(store, "me", new("a"), new("b"), new("c", is_released=True))
    numbers = [await posted(sender, run_id, f"for {run_id}") for run_id in ("b", "a", "c", "b")]
    same(numbers, sorted(set(numbers)), "the numbers of messages, which grow")
    same(await sender.post("nowhere", "m"), None, "the number of a message for a run that there isn't")
    b1, a, c, b2 = numbers
    for_me = [Message(b1, "b", "for b"), Message(a, "a", "for a"), Message(b2, "b", "for b")]
    same(await store.messages("me"), for_me, "the messages for an owner")
    same(await store.messages("other"), [], "those for another")
    await store.claim("other", ["c", "a"], now=NOW)
    same(await store.messages("other"), [Message(c, "c", "for c")], "those for another that has claimed a run")
    await store.claim("other", ["a"], now=NOW + LEASE)
    same([message.number for message in await store.messages("other")], [a, c], "those for it and for a dead one's run")


@checked
async def a_reply_is_stored_with_the_change_that_it_is_for(handles: Handles) -> None:
    """Once; and not with one that was refused, or of another run."""
    store, sender = await handles.open(), await handles.open()
    await enlisted(store, "me", "other")
    await stored(store, "me", new("a"), new("b"))
    first, second, for_b = [await posted(sender, run_id, "m") for run_id in ("a", "a", "b")]
    same(await sender.reply(first), None, "the reply to a message that has none")
    await store.commit("other", [change("a", 2, replies=[(first, "refused")])], now=NOW)
    await stored(store, "me", change("a", 2, replies=[(for_b, "not its own")]))
    to_nothing = change("a", 3, replies=[(second, "2"), (999_999, "to nothing")])
    same(await store.commit("me", [to_nothing], now=NOW), lost("a"), "what's refused with a reply to no message")
    same(await sender.reply(first), None, "the reply, after a change that was refused")
    same(await sender.reply(for_b), None, "the reply to a message for another run")
    await stored(store, "me", change("a", 3, replies=[(second, "2"), (first, "1")]))
    await stored(store, "me", change("a", 4, replies=[(first, "another")]))
    same([await sender.reply(first), await sender.reply(second)], ["1", "2"], "the replies")
    same([message.number for message in await store.messages("me")], [for_b], "the messages without a reply")


@checked
async def a_withdrawn_message_is_forgotten(handles: Handles) -> None:
    """With its reply; its number isn't used again."""
    store = await handles.open()
    await enlisted(store, "me")
    await stored(store, "me", new("a"))
    first, second = await posted(store, "a", "1"), await posted(store, "a", "2")
    await stored(store, "me", change("a", 2, replies=[(first, "done")]))
    withdrawn = [await store.withdraw(number) for number in (first, second, second, 999_999)]
    same(withdrawn, ["done", None, None, None], "the replies that were there by then")
    same(await store.reply(first), None, "the reply to a withdrawn message")
    same(await store.messages("me"), [], "the messages after all were withdrawn")
    third = await posted(store, "a", "3")
    if third <= second:
        raise AssertionError(f"message number {second} was withdrawn, and the next one has number {third}")


@checked
async def messages_that_nobody_will_answer_are_forgotten(handles: Handles) -> None:
    """When somebody else is enlisted, for runs that had ended long before; a reply waits for whoever has asked."""
    store = await handles.open()
    await enlisted(store, "me")
    await stored(store, "me", new("ended"), new("lives"), new("stopped", status="cancelled"))
    first, second, third, fourth = [
        await posted(store, run_id, "m") for run_id in ("ended", "ended", "lives", "stopped")
    ]
    await stored(store, "me", change("ended", 2, status="completed", replies=[(first, "done")]))
    await store.enlist("soon after", now=NOW + LEASE, until=NOW + 2 * LEASE)
    same([message.number for message in await store.messages("me")], [second, third, fourth], "those that aren't old")
    await store.enlist("later", now=NOW + LEASE + 1, until=NOW + 2 * LEASE + 1)
    same([message.number for message in await store.messages("me")], [third, fourth], "those for runs that may go on")
    same(await store.reply(first), "done", "the reply that was stored before the end")
    same(await store.withdraw(second), None, "the reply to a message that was forgotten")


@checked
async def a_change_by_somebody_else_is_noticed(handles: Handles) -> None:
    """Whatever was changed, and for as long as one hasn't asked."""
    store, other = await handles.open(), await handles.open()
    await enlisted(store, "me", "other")
    before = await store.changed()
    for what, act in (
        ("was stored", lambda: other.commit("other", [new("a")], now=NOW)),
        ("was posted", lambda: other.post("a", "m")),
        ("was released", lambda: other.commit("other", [change("a", 2, is_released=True)], now=NOW)),
        ("was claimed", lambda: other.claim("other", ["a"], now=NOW)),
    ):
        await act()
        after = await store.changed()
        if after == before:
            raise AssertionError(f"changed() gives {after!r} before and after something {what} by another handle")
        before = after


MESSAGE_CHECKS: tuple[StoreCheck, ...] = (
    messages_reach_the_owner_of_their_run,
    a_reply_is_stored_with_the_change_that_it_is_for,
    a_withdrawn_message_is_forgotten,
    messages_that_nobody_will_answer_are_forgotten,
    a_change_by_somebody_else_is_noticed,
)
