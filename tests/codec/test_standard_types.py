"""How the usual types of the standard library are stored, one example each, and what is special about some."""

from __future__ import annotations

import json
import re
from collections import Counter, OrderedDict, deque
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from fractions import Fraction
from ipaddress import ip_address, ip_interface, ip_network
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any
from uuid import UUID
from zoneinfo import TZPATH, ZoneInfo

import pytest

from workflows.codec import Codec, Json
from workflows.errors import EncodeError

from .same import same

CODEC = Codec()
PARIS = ZoneInfo("Europe/Paris")

STORED: list[tuple[Any, Json]] = [
    (None, None),
    (True, True),
    (-5, -5),
    (2**63, {"$": ".int", "v": "0x8000000000000000"}),
    (1.5, 1.5),
    (-0.0, -0.0),
    (float("nan"), {"$": ".float", "v": "nan"}),
    (float("-inf"), {"$": ".float", "v": "-inf"}),
    ("größe", "größe"),
    ("\udcff", {"$": ".str", "v": "7bO/"}),
    (b"\xff\x00", {"$": ".bytes", "v": "/wA="}),
    (bytearray(b"a"), {"$": ".bytearray", "v": "YQ=="}),
    ([1, "a"], [1, "a"]),
    ((1, "a"), {"$": ".tuple", "v": [1, "a"]}),
    ({"a": 1}, {"a": 1}),
    ({1: "a"}, {"$": ".dict", "v": [[1, "a"]]}),
    ({"$": 1}, {"$": ".dict", "v": [["$", 1]]}),
    ({"a": {"$": "os:system"}}, {"a": {"$": ".dict", "v": [["$", "os:system"]]}}),
    ({10, 9}, {"$": ".set", "v": [10, 9]}),
    (frozenset({"b", "a"}), {"$": ".frozenset", "v": ["a", "b"]}),
    (OrderedDict(b=1, a=2), {"$": ".ordered-dict", "v": [["b", 1], ["a", 2]]}),
    (Counter(a=2, b=-1), {"$": ".counter", "v": [["a", 2], ["b", -1]]}),
    (deque([1], 3), {"$": ".deque", "v": [[1], 3]}),
    (deque([1]), {"$": ".deque", "v": [[1], None]}),
    (range(0, 9, 2), {"$": ".range", "v": [0, 9, 2]}),
    (Decimal("1.50"), {"$": ".decimal", "v": "1.50"}),
    (Decimal("sNaN7"), {"$": ".decimal", "v": "sNaN7"}),
    (Fraction(1, 3), {"$": ".fraction", "v": [1, 3]}),
    (complex(0, float("inf")), {"$": ".complex", "v": [0.0, {"$": ".float", "v": "inf"}]}),
    (UUID(int=1), {"$": ".uuid", "v": "00000000-0000-0000-0000-000000000001"}),
    (Path("a/b"), {"$": ".path", "v": "a/b"}),
    (PurePosixPath("/a"), {"$": ".pure-posix-path", "v": "/a"}),
    (PureWindowsPath("c:/a"), {"$": ".pure-windows-path", "v": "c:\\a"}),
    (re.compile("a", re.IGNORECASE), {"$": ".pattern", "v": ["a", 34]}),
    (re.compile(b"a"), {"$": ".pattern", "v": [{"$": ".bytes", "v": "YQ=="}, 0]}),
    (ip_address("1.2.3.4"), {"$": ".ipv4-address", "v": "1.2.3.4"}),
    (ip_interface("1.2.3.4/8"), {"$": ".ipv4-interface", "v": "1.2.3.4/8"}),
    (ip_network("1.0.0.0/8"), {"$": ".ipv4-network", "v": "1.0.0.0/8"}),
    (ip_address("fe80::1%eth0"), {"$": ".ipv6-address", "v": "fe80::1%eth0"}),
    (ip_interface("::1/64"), {"$": ".ipv6-interface", "v": "::1/64"}),
    (ip_network("fe80::/64"), {"$": ".ipv6-network", "v": "fe80::/64"}),
    (datetime.fromisoformat("2024-01-31T12:00:00"), {"$": ".datetime", "v": "2024-01-31T12:00:00"}),
    (datetime(2024, 1, 31, tzinfo=UTC), {"$": ".datetime", "v": "2024-01-31T00:00:00+00:00"}),
    (
        datetime(2024, 1, 31, tzinfo=timezone(timedelta(hours=1))),
        {"$": ".datetime", "v": "2024-01-31T00:00:00+01:00"},
    ),
    (
        datetime(2024, 10, 27, 2, 30, tzinfo=PARIS, fold=1),
        {"$": ".datetime", "v": ["2024-10-27T02:30:00", "Europe/Paris", 1]},
    ),
    (
        datetime(2024, 1, 31, tzinfo=timezone(timedelta(hours=1), "CET")),
        {"$": ".datetime", "v": ["2024-01-31T00:00:00", [3600000000, "CET"], 0]},
    ),
    (date(2024, 1, 31), {"$": ".date", "v": "2024-01-31"}),
    (time(12, 30), {"$": ".time", "v": "12:30:00"}),
    (time(12, 30, tzinfo=PARIS), {"$": ".time", "v": ["12:30:00", "Europe/Paris", 0]}),
    (timedelta(days=-1, microseconds=3), {"$": ".timedelta", "v": [-1, 0, 3]}),
    (UTC, {"$": ".timezone", "v": [0]}),
    (PARIS, {"$": ".zone", "v": "Europe/Paris"}),
]


@pytest.mark.guarantee("D1")
@pytest.mark.parametrize(("value", "stored"), STORED, ids=[ascii(stored)[:40] for _, stored in STORED])
def test_a_standard_type_is_stored_like_this(value: Any, stored: Json) -> None:
    encoded = CODEC.encode(value)
    assert same(encoded, stored)
    assert same(CODEC.decode(json.loads(json.dumps(encoded, allow_nan=False))), value)


@pytest.mark.guarantee("D1")
@pytest.mark.parametrize(
    "number", [10**5000, -(7**9000), 2**63, -(2**63) - 1], ids=["10^5000", "-7^9000", "2^63", "low"]
)
def test_an_integer_of_any_size_comes_back(number: int) -> None:
    for value in (number, Fraction(number, 3), range(number, number + 5), {number: [number]}):
        assert CODEC.decode(json.loads(json.dumps(CODEC.encode(value)))) == value


@pytest.mark.guarantee("D1")
def test_two_surrogates_are_not_joined_to_one_character() -> None:
    pair = "\ud83d\ude00"
    assert json.loads(json.dumps(pair)) != pair
    value = [pair, {pair: pair}, Path("\ud83d\ude00")]
    assert CODEC.decode(json.loads(json.dumps(CODEC.encode(value)))) == value


@pytest.mark.guarantee("D1")
def test_the_offset_of_a_zone_keeps_its_microseconds() -> None:
    zone = timezone(timedelta(microseconds=-5))
    for value in (datetime(2024, 1, 1, tzinfo=zone), time(1, tzinfo=zone), zone):
        assert same(CODEC.decode(CODEC.encode(value)), value)


@pytest.mark.guarantee("D1")
def test_a_part_that_occurs_twice_becomes_two_parts() -> None:
    part = [1]
    first, second = CODEC.decode(CODEC.encode([part, part]))
    first.append(2)
    assert second == [1]


@pytest.mark.guarantee("D1")
def test_a_zone_without_a_key_is_refused() -> None:
    found = [path for folder in TZPATH if (path := Path(folder, "Europe", "Paris")).is_file()]
    if not found:
        pytest.skip("this machine keeps its time zones elsewhere")
    with found[0].open("rb") as file:
        zone = ZoneInfo.from_file(file)
    with pytest.raises(EncodeError) as refused:
        CODEC.encode({"at": datetime(2024, 1, 1, tzinfo=zone)})
    assert refused.value.problems[0].startswith("$.at: has the zone ")
    assert "use ZoneInfo('Area/City')" in refused.value.problems[0]


@pytest.mark.guarantee("D1")
def test_a_pattern_that_was_compiled_for_debugging_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    pattern = re.compile("a", re.DEBUG)
    capsys.readouterr()
    with pytest.raises(EncodeError, match="flag for debugging"):
        CODEC.encode(pattern)
