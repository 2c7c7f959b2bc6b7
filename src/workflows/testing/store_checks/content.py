"""Content: that what was committed of a run is there afterwards, and nothing else is."""

from __future__ import annotations

from ...durability.store import Refusal, StoredRun
from .checking import NOW, Handles, StoreCheck, change, checked, content_of, enlisted, lost, new, same, stored


@checked
async def a_run_is_as_it_was_stored(handles: Handles) -> None:
    """Everything that a list shows of it, too."""
    store = await handles.open()
    await enlisted(store, "me")
    await stored(store, "me", new("a", workflow="Shop", is_waiting=True, wake_at=NOW + 5.5))
    expected = StoredRun("a", "Shop", "running", True, NOW + 5.5, "me", 1, NOW, NOW)
    same(await store.find("a"), expected, "a run that was found")
    same((await content_of(store, "a")).run, expected, "a run that was loaded")
    await stored(store, "me", change("a", 2, workflow="Store", status="failed"), now=NOW + 1)
    expected = StoredRun("a", "Store", "failed", False, None, "me", 2, NOW, NOW + 1)
    same(await store.find("a"), expected, "the run after another change")


@checked
async def unknown_runs_are_none(handles: Handles) -> None:
    """Nothing is raised for them."""
    store = await handles.open()
    same(await store.find("a"), None, "a run that isn't stored")
    same(await store.load("a"), None, "the content of a run that isn't stored")
    same(await store.events("a", after=0, limit=9), [], "the stream of a run that isn't stored")
    same(await store.delete(["a"], now=NOW), [], "the deleted ones of runs that aren't stored")


@checked
async def entries_are_kept_in_their_order(handles: Handles) -> None:
    """Of several runs, whose entries come mixed."""
    store = await handles.open()
    await enlisted(store, "me")
    await stored(store, "me", new("a"), new("b"), change("a", 2))
    for entry in range(3, 40):
        await stored(store, "me", change("a", entry), change("b", entry - 1))
    content = await content_of(store, "a")
    same(content.snapshot, None, "the snapshot of a run that never had one")
    same(list(content.entries), [f"a {entry}" for entry in range(1, 40)], "the entries of a run")
    same(list((await content_of(store, "b")).entries), [f"b {entry}" for entry in range(1, 39)], "those of the other")


@checked
async def any_text_comes_back_as_it_was(handles: Handles) -> None:
    """Long ones, empty ones, any characters."""
    store = await handles.open()
    await enlisted(store, "me")
    texts = ["", "é漢😀", "a\x00b", "'\"\\;--\n\r\t", "x" * 300_000]
    await stored(store, "me", new("é'; 1", snapshot=texts[1]))
    for number, text in enumerate(texts, 2):
        asked = [(f"q{number}", text)]
        await stored(store, "me", change("é'; 1", number, text=text, events=[(number, text)], opened=asked))
    content = await content_of(store, "é'; 1")
    same(content.snapshot, texts[1], "a snapshot")
    same(list(content.entries), texts, "entries")
    same([text for _, text in await store.events("é'; 1", after=0, limit=9)], texts, "events")
    same([question.data for question in await store.questions(limit=9)], texts, "questions")


@checked
async def a_snapshot_takes_the_place_of_the_entries_before_it(handles: Handles) -> None:
    """And of the entry that comes with it."""
    store = await handles.open()
    await enlisted(store, "me")
    await stored(store, "me", new("a"), new("b"), change("a", 2), change("b", 2))
    await stored(store, "me", change("a", 3, text="not kept", snapshot="all three"))
    content = await content_of(store, "a")
    same((content.snapshot, content.entries, content.run.entry), ("all three", (), 3), "a run after its snapshot")
    await stored(store, "me", change("a", 4), change("a", 5))
    content = await content_of(store, "a")
    same((content.snapshot, content.entries), ("all three", ("a 4", "a 5")), "a run two entries after its snapshot")
    await stored(store, "me", change("a", 6, text=None, snapshot="all six"))
    content = await content_of(store, "a")
    same((content.snapshot, content.entries, content.run.entry), ("all six", (), 6), "a run after its second snapshot")
    same((await content_of(store, "b")).entries, ("b 1", "b 2"), "the entries of another run")


@checked
async def a_run_may_begin_with_a_snapshot(handles: Handles) -> None:
    """Entries go on from its number."""
    store = await handles.open()
    await enlisted(store, "me")
    await stored(store, "me", change("a", 7, is_new=True, snapshot="seven"))
    await stored(store, "me", change("a", 8))
    content = await content_of(store, "a")
    same((content.snapshot, content.entries, content.run.entry), ("seven", ("a 8",), 8), "a run that was taken over")


@checked
async def a_run_may_begin_with_nothing(handles: Handles) -> None:
    """It's there all the same."""
    store = await handles.open()
    await enlisted(store, "me")
    await stored(store, "me", change("a", 0, is_new=True, text=None))
    content = await content_of(store, "a")
    same((content.snapshot, content.entries, content.run.entry), (None, (), 0), "a run without content")


@checked
async def changes_of_one_run_in_one_commit_are_stored_in_their_order(handles: Handles) -> None:
    """From the first entry to a snapshot, and on."""
    store = await handles.open()
    await enlisted(store, "me")
    await stored(
        store,
        "me",
        new("a", opened=[("q", "asked"), ("r", "asked too")]),
        change("a", 2, closed=["q"]),
        change("a", 3, snapshot="three", opened=[("q", "asked again")]),
        change("a", 4, closed=["r"]),
        change("a", 5, status="completed", is_released=True),
    )
    content = await content_of(store, "a")
    same((content.snapshot, content.entries), ("three", ("a 4", "a 5")), "what came after the snapshot")
    same((content.run.status, content.run.owner), ("completed", None), "where the last change has left the run")
    same(await store.commit("me", [change("a", 6)], now=NOW), lost("a"), "a change after the run was released")


@checked
async def a_refused_change_takes_no_other_with_it(handles: Handles) -> None:
    """And leaves no trace."""
    store = await handles.open()
    await enlisted(store, "me", "other")
    await stored(store, "other", new("a"))
    await stored(store, "me", new("b"))
    refused = await store.commit(
        "me",
        [
            change("a", 2, events=[(1, "e")], opened=[("q", "d")], status="failed"),
            change("b", 2),
            new("a", snapshot="another", events=[(2, "e")]),
            change("nowhere", 2),
            new("c"),
            change("nowhere", 3),
        ],
        now=NOW + 1,
    )
    same(refused, [*lost("a"), *lost("nowhere")], "what was refused, each run once")
    same((await content_of(store, "a")).run, StoredRun("a", "Shop", "running", False, None, "other", 1, NOW, NOW), "a")
    same((await content_of(store, "a")).entries, ("a 1",), "the content of the run of another")
    same(await store.events("a", after=0, limit=9), [], "the stream of the run of another")
    same(await store.questions(limit=9), [], "questions")
    same((await content_of(store, "b")).entries, ("b 1", "b 2"), "the change before it")
    same((await content_of(store, "c")).entries, ("c 1",), "the change after it")
    same(await store.find("nowhere"), None, "a run that there wasn't")


@checked
async def an_id_can_be_given_once(handles: Handles) -> None:
    """What comes after a refused start isn't added to the run that was there, even if it's one's own."""
    store = await handles.open()
    await enlisted(store, "me")
    await stored(store, "me", new("a"))
    refused = await store.commit("me", [new("a", text="another"), change("a", 2), new("b"), new("b")], now=NOW)
    same(refused, [Refusal("a", "exists"), Refusal("b", "exists")], "starts with an id that there is")
    same((await content_of(store, "a")).entries, ("a 1",), "the run that there was")
    same((await content_of(store, "b")).entries, ("b 1",), "the first of two starts with one id")


@checked
async def an_empty_commit_is_one_too(handles: Handles) -> None:
    """It changes nothing."""
    store = await handles.open()
    same(await store.commit("me", [], now=NOW), [], "the refusals of no changes")


@checked
async def what_is_stored_outlives_the_handle(handles: Handles) -> None:
    """The next one has it all, and goes on with it."""
    store = await handles.open()
    await enlisted(store, "me")
    await stored(store, "me", new("a", events=[(1, "e1")], opened=[("q", "d")]), change("a", 2))
    number = await store.post("a", "m")
    store = await handles.reopen()
    same((await content_of(store, "a")).entries, ("a 1", "a 2"), "the entries")
    same(await store.events("a", after=0, limit=9), [(1, "e1")], "the stream")
    same([question.id for question in await store.questions(limit=9)], ["q"], "the questions")
    same([message.number for message in await store.messages("me")], [number], "the messages")
    await stored(store, "me", change("a", 3))
    same((await content_of(store, "a")).entries, ("a 1", "a 2", "a 3"), "the entries, with one more")


@checked
async def the_stream_is_read_from_any_position(handles: Handles) -> None:
    """Positions may have gaps."""
    store = await handles.open()
    await enlisted(store, "me")
    await stored(store, "me", new("a", events=[(1, "one"), (2, "two")]), new("b", events=[(1, "other")]))
    await stored(store, "me", change("a", 2, events=[(5, "five"), (6, "six")]))
    same(await store.events("a", after=0, limit=3), [(1, "one"), (2, "two"), (5, "five")], "the first three")
    same(await store.events("a", after=2, limit=9), [(5, "five"), (6, "six")], "those behind 2")
    same(await store.events("a", after=3, limit=1), [(5, "five")], "the first behind 3")
    same(await store.events("a", after=6, limit=9), [], "those behind the last")


@checked
async def a_deleted_run_leaves_nothing(handles: Handles) -> None:
    """One of the same id is another run."""
    store = await handles.open()
    await enlisted(store, "me")
    first = new("a", events=[(1, "e")], opened=[("q", "d")])
    await stored(store, "me", first, change("a", 2), new("b"), change("b", 2, events=[(1, "of b")]))
    await stored(store, "me", change("a", 3, snapshot="s"), change("a", 4, is_released=True))
    answered, number = await store.post("a", "m"), await store.post("a", "m")
    if number is None or answered is None:
        raise AssertionError("a message for a run that's stored was turned down")
    await store.claim("me", ["a"], now=NOW)
    await stored(store, "me", change("a", 5, replies=[(answered, "done")], is_released=True))
    same(await store.delete(["a", "nowhere", "a"], now=NOW), ["a"], "the ids of deleted runs")
    same(await store.load("a"), None, "a deleted run")
    same(await store.events("a", after=0, limit=9), [], "its stream")
    same(await store.questions(limit=9), [], "its questions")
    same([await store.reply(answered), await store.reply(number)], [None, None], "the replies to its messages")
    same(await store.post("a", "m"), None, "the number of a message for it")
    same(await store.commit("me", [change("a", 6)], now=NOW), lost("a"), "a change of it")
    await stored(store, "me", new("a"))
    content = await content_of(store, "a")
    same((content.snapshot, content.entries), (None, ("a 1",)), "another run of its id")
    same(await store.events("a", after=0, limit=9), [], "the stream of that one")
    same(await store.messages("me"), [], "the messages for that one")
    same((await content_of(store, "b")).entries, ("b 1", "b 2"), "a run beside it")
    same(await store.events("b", after=0, limit=9), [(1, "of b")], "the stream of a run beside it")


CONTENT_CHECKS: tuple[StoreCheck, ...] = (
    a_run_is_as_it_was_stored,
    unknown_runs_are_none,
    entries_are_kept_in_their_order,
    any_text_comes_back_as_it_was,
    a_snapshot_takes_the_place_of_the_entries_before_it,
    a_run_may_begin_with_a_snapshot,
    a_run_may_begin_with_nothing,
    changes_of_one_run_in_one_commit_are_stored_in_their_order,
    a_refused_change_takes_no_other_with_it,
    an_id_can_be_given_once,
    an_empty_commit_is_one_too,
    what_is_stored_outlives_the_handle,
    the_stream_is_read_from_any_position,
    a_deleted_run_leaves_nothing,
)
