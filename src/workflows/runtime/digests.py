"""Digests: numbers that tell whether two operations were the same, stable over processes.

Events whose values are all plain are digested through their text, which costs a fraction of encoding them. A value
that can't be encoded counts as its type only: a stream may carry it, and storing it will be refused where it's stored.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from zlib import crc32

from ..codec import Codec, Json
from ..errors import EncodeError
from ..events import Event

STREAM = "stream"

_PLAIN = frozenset({str, int, float, bool, type(None)})


def is_plain(event: Event) -> bool:
    """Whether all its values are plain: then it can't be changed, and its digest may wait."""
    for value in event.__dict__.values():  # noqa: SIM110  # a generator costs more than the rest
        if type(value) not in _PLAIN:
            return False
    return True


def plain_digests(codec: Codec, events: Iterable[Event], *, what: str) -> list[int]:
    """The digests of doing `what` with each of some plain events."""
    digests: list[int] = []
    kind, begun = None, 0
    for event in events:
        if type(event) is not kind:
            kind = type(event)
            begun = _begun(what, kind.__qualname__)
        try:
            digests.append(crc32(repr(event.__dict__).encode(), begun))
        except ValueError:  # an integer beyond what Python turns into decimal digits, or half a character
            digests.append(_slow_digest(codec, event, what))
    return digests


def event_digest(codec: Codec, event: Event, *, what: str) -> int:
    """The digest of doing `what` with an event."""
    return plain_digests(codec, (event,), what=what)[0] if is_plain(event) else _slow_digest(codec, event, what)


def _slow_digest(codec: Codec, event: Event, what: str) -> int:
    try:
        return _number(f"{what} {codec.fingerprint(event)}")
    except EncodeError:
        return _number(f"{what} {type(event).__qualname__}")


def json_digest(codec: Codec, value: Json, *, what: str) -> int:
    """The digest of doing `what` with a value in its stored form."""
    return _number(f"{what} {codec.fingerprint(value)}")


@lru_cache(maxsize=1024)
def _begun(what: str, name: str) -> int:
    """The digest of what is the same for all events of a class."""
    return _number(f"{what} {name}")


def _number(text: str) -> int:
    return crc32(text.encode("utf-8", "surrogatepass"))
