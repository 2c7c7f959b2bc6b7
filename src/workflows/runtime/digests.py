"""Digests: numbers that tell whether two operations were the same, stable over processes.

Events whose values are all plain are digested through their text, which costs a fraction of encoding them. A value
that can't be encoded counts as its type only: a stream may carry it, and storing it will be refused where it's stored.
"""

from __future__ import annotations

from functools import lru_cache
from zlib import crc32

from ..codec import Codec, Json
from ..errors import EncodeError
from ..events import Event

_PLAIN = frozenset({str, int, float, bool, type(None)})


def event_digest(codec: Codec, event: Event, *, what: str) -> int:
    """The digest of doing `what` with an event."""
    values = event.__dict__
    if _PLAIN.issuperset(map(type, values.values())):
        try:
            return crc32(repr(values).encode(), _begun(what, type(event).__qualname__))
        except ValueError:  # an integer beyond what Python turns into decimal digits, or half a character
            pass
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
