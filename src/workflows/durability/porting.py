"""Porting: a stored run as JSON-ready data, to be kept elsewhere, or to go on from another store."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from ..codec import Json
from ..core.stored import NOT_AS_WRITTEN, Malformed, count, items, of, seconds
from ..errors import ContextSerdeError, RunNotFound, StoreUnavailable
from .group_commit import refusal_error
from .reading import PAGE, instant_of
from .run_host import RunHost
from .store import Change, RunStatus, Store
from .stored_parts import data_of, text_of

EXPORT_FORMAT = 1
TRIES = 100
LARGEST = 2**63 - 1  # number that a store has to know
_STATUSES: tuple[RunStatus, ...] = ("running", "cancelled", "completed", "failed", "timed_out")


async def exported(store: Store, run_id: str) -> dict[str, Any]:
    """All that is stored of a run, as of one moment.

    Raises:
        RunNotFound: There's no such run.
        StoreUnavailable: It goes on so fast that no whole of it could be read.
    """
    for _ in range(TRIES):
        found = await _exported(store, run_id)
        if found is not None:
            return found
    raise StoreUnavailable(
        f"Run {run_id!r} goes on while it's being read, so what was read doesn't fit together.\n  Export it when it "
        "waits or is over, or cancel it first.",
        [run_id],
    )


async def _exported(store: Store, run_id: str) -> dict[str, Any] | None:
    """All that is stored of a run, or None if it has changed while that was read."""
    content = await store.load(run_id)
    if content is None:
        raise RunNotFound(f"There's no run {run_id!r} in this store.")
    run = content.run
    events: list[Json] = []
    while page := await store.events(run_id, after=cast("Any", events[-1])[0] if events else 0, limit=PAGE):
        events += [[position, data_of(text, "An event of the stream", run_id)] for position, text in page]
    questions: list[Json] = []
    after = 0
    while found := await store.questions(run_id=run_id, after=after, limit=PAGE):
        questions += [[question.id, data_of(question.data, "A question", run_id)] for question in found]
        after = found[-1].number
    stored = None if content.snapshot is None else data_of(content.snapshot, "The snapshot", run_id)
    if await store.find(run_id) != run:
        return None
    return {
        "export_version": EXPORT_FORMAT,
        "run_id": run_id,
        "workflow": run.workflow,
        "status": run.status,
        "is_waiting": run.is_waiting,
        "wake_at": run.wake_at,
        "snapshot": stored,
        "entries": [data_of(text, "A journal entry", run_id) for text in content.entries],
        "events": events,
        "questions": questions,
    }


async def imported(host: RunHost, data: Mapping[str, Any]) -> str:
    """Store a run from data that `exported` gave; nobody owns it.

    Raises:
        RunExists: There's one of this id.
        ContextSerdeError: It isn't such data.
    """
    _check_mapping(data)
    version = data.get("export_version")
    if version != EXPORT_FORMAT or type(version) is not int:
        raise ContextSerdeError(
            f"This is no run that Runtime.export_run() of this version gave: its 'export_version' is {version!r:.100}, "
            f"not {EXPORT_FORMAT}."
        )
    try:
        changes = _changes(data)
    except NOT_AS_WRITTEN as error:
        raise ContextSerdeError(
            f"This is no run that Runtime.export_run() gave, or it was changed: {error}."
        ) from error
    refused = await host.store.commit(host.owner, changes, now=host.now())
    if refused:
        raise refusal_error(refused[0])
    return changes[0].run_id


def _check_mapping(data: object) -> None:
    if not isinstance(data, Mapping):
        hint = " Read it with json.loads() first." if isinstance(data, str | bytes) else ""
        raise ContextSerdeError(f"This is no run that Runtime.export_run() gave: {data!r:.100}.{hint}")


def _changes(data: Mapping[str, Any]) -> list[Change]:
    """The run, an entry at a time; nobody owns it after the last one."""
    run_id, workflow, status = _name(data["run_id"]), _name(data["workflow"]), of(str, data["status"])
    if status not in _STATUSES:
        raise Malformed(f"status {status!r}")
    is_waiting = of(bool, data["is_waiting"])
    wake_at = None if data["wake_at"] is None else seconds(data["wake_at"])
    _ = None if wake_at is None else instant_of(wake_at)
    contents: list[tuple[str | None, str | None]] = []
    if data["snapshot"] is not None:
        contents.append((_text(cast("object", of(dict, data["snapshot"]))), None))
    contents += [(None, _text(items(entry))) for entry in items(data["entries"])]
    if not contents:
        raise Malformed("neither snapshot nor entries")
    last = len(contents)
    return [
        Change(
            run_id=run_id,
            workflow=workflow,
            status=status,
            is_waiting=is_waiting,
            wake_at=wake_at,
            entry=number,
            text=text,
            snapshot=snapshot,
            is_new=number == 1,
            events=[(_position(position), _text(event)) for position, event in data["events"]]
            if number == last
            else (),
            opened=[(_name(name), _text(_question(found))) for name, found in data["questions"]]
            if number == last
            else (),
            is_released=number == last,
        )
        for number, (snapshot, text) in enumerate(contents, start=1)
    ]


def _name(data: Any) -> str:
    name = of(str, data)
    _ = name.encode()
    if not name:
        raise Malformed("a name is empty")
    return name


def _text(data: object) -> str:
    text = text_of(data)
    _ = text.encode()
    return text


def _position(data: Any) -> int:
    position = count(data)
    if position > LARGEST:
        raise Malformed(f"position {position}")
    return position


def _question(data: Any) -> object:
    found = cast("dict[str, object]", of(dict, data))
    of(dict, found["question"])
    return found
