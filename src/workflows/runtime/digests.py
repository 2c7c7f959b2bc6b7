"""Digests: numbers that tell whether two operations were the same, stable over processes.

Events whose values are all plain are digested through their text, which costs a fraction of encoding them. A value
that can't be encoded counts as its type only: a stream may carry it, and storing it will be refused where it's stored.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from typing import overload
from zlib import crc32

from ..codec import Codec, Json
from ..errors import EncodeError
from ..events import Event

STREAM = "stream"

PLAIN = frozenset({str, int, float, bool, type(None)})


def is_plain(event: Event) -> bool:
    """Whether all its values are plain: then it can't be changed, and its digest may wait."""
    for value in event.__dict__.values():  # noqa: SIM110  # a generator costs more than the rest
        if type(value) not in PLAIN:
            return False
    return True


class Digests(Sequence[int]):
    """The digests of writing some events to the stream, made when they're asked for: most are never asked for.

    Args:
        codec: Encodes what has no text of its own.
        events: The events.
        made: The digests that there are, by the number of their event. The other events are plain.
    """

    __slots__ = ("_codec", "_events", "_made")

    def __init__(self, codec: Codec, events: Sequence[Event], made: Mapping[int, int]) -> None:
        self._codec = codec
        self._events = events
        self._made = made

    def __len__(self) -> int:
        return len(self._events)

    def __iter__(self) -> Iterator[int]:
        kind, begun = None, 0
        for number, event in enumerate(self._events):
            digest = self._made.get(number)
            if digest is None:
                if type(event) is not kind:
                    kind = type(event)
                    begun = _begun(STREAM, kind.__qualname__)
                digest = _plain_digest(self._codec, event, STREAM, begun)
            yield digest

    @overload
    def __getitem__(self, index: int) -> int: ...

    @overload
    def __getitem__(self, index: slice) -> Sequence[int]: ...

    def __getitem__(self, index: int | slice) -> int | Sequence[int]:
        return tuple(self)[index]


def event_digest(codec: Codec, event: Event, *, what: str) -> int:
    """The digest of doing `what` with an event."""
    if is_plain(event):
        return _plain_digest(codec, event, what, _begun(what, type(event).__qualname__))
    return _slow_digest(codec, event, what)


def _plain_digest(codec: Codec, event: Event, what: str, begun: int) -> int:
    try:
        return crc32(repr(event.__dict__).encode(), begun)
    except ValueError:  # an integer beyond what Python turns into decimal digits, or half a character
        return _slow_digest(codec, event, what)


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
