"""Text, numbers, bytes and other values without parts: how each is stored and read.

Reading accepts exactly what writing gives, so that equal values have one stored form.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Callable
from decimal import Decimal
from fractions import Fraction
from ipaddress import IPv4Address, IPv4Interface, IPv4Network, IPv6Address, IPv6Interface, IPv6Network
from math import isfinite
from pathlib import Path, PurePath, PurePosixPath, PureWindowsPath
from typing import Any
from uuid import UUID

import attrs

from .problems import Refused, shown
from .reading import Decode, Reader
from .writing import Encode, Json, Writer


@attrs.frozen
class Standard:
    """How one type of the standard library is stored: under its tag, if it isn't JSON itself."""

    type: type
    tag: str
    encode: Encode
    decode: Decode


def leaf(cls: type, tag: str, write: Callable[[Any], Json], read: Callable[[Json], object], what: str) -> Standard:
    """Make the stored form of a type of two plain functions; whatever `read` raises means that the payload is wrong."""

    def encode(value: object, _writer: Writer) -> Json:
        return {"$": tag, "v": write(value)}

    def decode(payload: Json, _reader: Reader) -> object:
        try:
            return read(payload)
        except Refused:
            raise
        except Exception as error:
            raise Refused(f"should be {what}, and is {shown(payload)}") from error

    return Standard(cls, tag, encode, decode)


def same_text(cls: Callable[[str], object]) -> Callable[[Json], object]:
    """Make a reader of text that must be what `str` gives for the value."""

    def read(payload: Json) -> object:
        value = cls(text_in(payload))
        if str(value) != payload:
            raise ValueError
        return value

    return read


def text_in(payload: Json) -> str:
    """Narrow a payload to text."""
    if type(payload) is not str:
        raise TypeError
    return payload


def parts_in(payload: Json, *kinds: type) -> list[Any]:
    """Narrow a payload to a list of parts of exactly these types."""
    if type(payload) is not list or [type(part) for part in payload] != list(kinds):
        raise TypeError
    return payload


# --- what is JSON itself ----------------------------------------------------------------------------------------------


def encode_itself(value: Json, _writer: Writer) -> Json:
    """Store None and booleans."""
    return value


def is_plain_text(text: str) -> bool:
    """Whether text can be UTF-8: whether it has no surrogates. (JSON would join two of them to one character.)"""
    if text.isascii():
        return True
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def write_text(text: str) -> Json:
    """Store text; what has surrogates, as file names may, in base64."""
    if is_plain_text(text):
        return text
    return {"$": ".str", "v": base64.b64encode(text.encode("utf-8", "surrogatepass")).decode()}


def read_text(payload: Json) -> str:
    """Read text that `write_text` gave, inside a payload."""
    if type(payload) is dict and payload.keys() == {"$", "v"} and payload["$"] == ".str":
        return _read_surrogates(payload["v"])
    return text_in(payload)


def _read_surrogates(payload: Json) -> str:
    text = base64.b64decode(text_in(payload), validate=True).decode("utf-8", "surrogatepass")
    if is_plain_text(text):
        raise ValueError
    return text


_SMALL = 2**63
_HEX = re.compile(r"-?0x[1-9a-f][0-9a-f]*", re.ASCII)


def write_int(number: int) -> Json:
    """Store an integer; beyond 64 bits in base 16, which has no limit of digits and takes linear time."""
    return number if -_SMALL <= number < _SMALL else {"$": ".int", "v": hex(number)}


def read_int(payload: Json) -> int:
    """Read an integer that `write_int` gave, inside a payload."""
    if type(payload) is dict and payload.keys() == {"$", "v"} and payload["$"] == ".int":
        return _read_hex(payload["v"])
    if type(payload) is not int:
        raise TypeError
    return payload


def _read_hex(payload: Json) -> int:
    if _HEX.fullmatch(text_in(payload)) is None:
        raise ValueError
    number = int(text_in(payload), 16)
    if -_SMALL <= number < _SMALL:
        raise ValueError
    return number


def write_float(number: float) -> Json:
    """Store a float; JSON has neither infinity nor NaN."""
    return number if isfinite(number) else {"$": ".float", "v": str(number)}


def read_float(payload: Json) -> float:
    """Read a float that `write_float` gave, inside a payload."""
    if type(payload) is dict and payload.keys() == {"$", "v"} and payload["$"] == ".float":
        return _read_special(payload["v"])
    if type(payload) is not float:
        raise TypeError
    return payload


def _read_special(payload: Json) -> float:
    if payload not in ("nan", "inf", "-inf"):
        raise ValueError
    return float(payload)


# --- what is tagged ---------------------------------------------------------------------------------------------------


def _write_bytes(value: bytes) -> Json:
    return base64.b64encode(value).decode()


def _read_bytes(payload: Json) -> bytes:
    return base64.b64decode(text_in(payload), validate=True)


def _read_decimal(payload: Json) -> Decimal:
    value = Decimal(text_in(payload))
    # In capitals: whether the exponent is an "E" or an "e" is a setting of the thread.
    if str(value).upper() != text_in(payload).upper():
        raise ValueError
    return value


def _read_fraction(payload: Json) -> Fraction:
    numerator, denominator = (read_int(part) for part in _list_in(payload))
    value = Fraction(numerator, denominator)
    if (value.numerator, value.denominator) != (numerator, denominator):
        raise ValueError
    return value


def _read_complex(payload: Json) -> complex:
    real, imaginary = (read_float(part) for part in _list_in(payload))
    return complex(real, imaginary)


def _read_range(payload: Json) -> range:
    start, stop, step = (read_int(part) for part in _list_in(payload))
    return range(start, stop, step)


def _list_in(payload: Json) -> list[Json]:
    if type(payload) is not list:
        raise TypeError
    return payload


_PATTERN_FLAGS = re.ASCII | re.IGNORECASE | re.LOCALE | re.MULTILINE | re.DOTALL | re.UNICODE | re.VERBOSE


def _write_pattern(value: re.Pattern[Any]) -> Json:
    if value.flags & ~_PATTERN_FLAGS:
        raise Refused(f"is a pattern with a flag for debugging: compile it without. {shown(value)}")
    text: str | bytes = value.pattern
    return [write_text(text) if isinstance(text, str) else {"$": ".bytes", "v": _write_bytes(text)}, value.flags]


def _read_pattern(payload: Json) -> re.Pattern[Any]:
    stored, flags = _list_in(payload)
    if type(flags) is not int or flags & ~_PATTERN_FLAGS:
        raise ValueError
    if type(stored) is dict and stored.keys() == {"$", "v"} and stored["$"] == ".bytes":
        return re.compile(_read_bytes(stored["v"]), flags)
    return re.compile(read_text(stored), flags)


def _path(cls: Callable[[str], PurePath]) -> Callable[[Json], object]:
    def read(payload: Json) -> PurePath:
        value = cls(read_text(payload))
        if write_text(str(value)) != payload:
            raise ValueError
        return value

    return read


def _write_path(value: PurePath) -> Json:
    return write_text(str(value))


def _network(cls: Callable[[str], object], tag: str) -> Standard:
    assert isinstance(cls, type)
    return leaf(cls, tag, str, same_text(cls), f"the text of an {cls.__name__}")


_BASE64 = "base64 text"
_INTEGER = "an integer of more than 64 bits, in base 16"

SCALARS: tuple[Standard, ...] = (
    leaf(str, ".str", write_text, _read_surrogates, "base64 text of UTF-8 with surrogates"),
    leaf(int, ".int", write_int, _read_hex, _INTEGER),
    leaf(float, ".float", write_float, _read_special, "'nan', 'inf' or '-inf'"),
    leaf(bytes, ".bytes", _write_bytes, _read_bytes, _BASE64),
    leaf(bytearray, ".bytearray", _write_bytes, lambda payload: bytearray(_read_bytes(payload)), _BASE64),
    leaf(complex, ".complex", lambda v: [write_float(v.real), write_float(v.imag)], _read_complex, "two floats"),
    leaf(Decimal, ".decimal", str, _read_decimal, "the text of a Decimal"),
    leaf(
        Fraction,
        ".fraction",
        lambda v: [write_int(v.numerator), write_int(v.denominator)],
        _read_fraction,
        "two integers",
    ),
    leaf(
        range,
        ".range",
        lambda v: [write_int(v.start), write_int(v.stop), write_int(v.step)],
        _read_range,
        "three integers",
    ),
    leaf(UUID, ".uuid", str, same_text(UUID), "the text of a UUID"),
    leaf(type(Path()), ".path", _write_path, _path(Path), "the text of a path"),
    leaf(PurePosixPath, ".pure-posix-path", _write_path, _path(PurePosixPath), "the text of a path"),
    leaf(PureWindowsPath, ".pure-windows-path", _write_path, _path(PureWindowsPath), "the text of a path"),
    leaf(re.Pattern, ".pattern", _write_pattern, _read_pattern, "a regular expression and its flags"),
    _network(IPv4Address, ".ipv4-address"),
    _network(IPv4Interface, ".ipv4-interface"),
    _network(IPv4Network, ".ipv4-network"),
    _network(IPv6Address, ".ipv6-address"),
    _network(IPv6Interface, ".ipv6-interface"),
    _network(IPv6Network, ".ipv6-network"),
)

PLAIN: dict[type, Encode] = {
    type(None): encode_itself,
    bool: encode_itself,
    str: lambda value, _writer: value if value.isascii() else write_text(value),
    int: lambda value, _writer: value if -_SMALL <= value < _SMALL else write_int(value),
    float: lambda value, _writer: value if isfinite(value) else write_float(value),
}
"""What is stored without a tag, as a rule; takes precedence over `SCALARS` when writing."""
