"""Dates, times and time zones.

- What has no zone, UTC or a plain offset is its ISO text, if it isn't the second of two equal hours.
- Else the parts: text without zone, zone, fold. (`isoformat` and back loses the names of zones, and fractions of
  seconds in offsets.) The fold is kept also where it means nothing.
- A zone is `[microseconds]`, `[microseconds, name]`, or the key of a `ZoneInfo`, which is read only if this machine has
  it.
"""

from __future__ import annotations

import re
import zoneinfo
from collections.abc import Callable
from datetime import date, datetime, time, timedelta, timezone, tzinfo
from pathlib import Path
from typing import TypeVar
from zoneinfo import ZoneInfo

from .problems import Refused, shown
from .scalars import Standard, leaf, parts_in, text_in
from .writing import Json

_MICROSECOND = timedelta(microseconds=1)
_ZONE_KEY = re.compile(r"[A-Za-z0-9_+-]+(/[A-Za-z0-9_+-]+)*", re.ASCII)

MomentT = TypeVar("MomentT", datetime, time)


def _write_zone(zone: tzinfo) -> Json:
    if type(zone) is timezone:
        name = _name_of(zone)
        offset = zone.utcoffset(None) // _MICROSECOND
        return [offset] if name is None else [offset, name]
    if type(zone) is ZoneInfo:
        if not zone.key or _ZONE_KEY.fullmatch(zone.key) is None:  # one that was read from a file may have none
            raise Refused(
                f"has the zone {shown(zone)}, which has no key to find it again by: use ZoneInfo('Area/City')"
            )
        return zone.key
    raise Refused(
        f"has the zone {shown(zone)}, of class {type(zone).__qualname__}: use datetime.timezone or zoneinfo.ZoneInfo"
    )


def _read_zone(payload: Json) -> tzinfo:
    if type(payload) is str:
        return zone_named(payload)
    if type(payload) is list and len(payload) == 2:
        offset, name = parts_in(payload, int, str)
        return timezone(timedelta(microseconds=offset), name)
    (offset,) = parts_in(payload, int)
    return timezone(timedelta(microseconds=offset))


def zone_named(key: str) -> ZoneInfo:
    # `ZoneInfo` would look for an unknown key in the package `tzdata`, by importing a module that the data names.
    if _ZONE_KEY.fullmatch(key) is None:
        raise Refused(f"should be a time zone, and is {shown(key)}")
    on_disk = any(Path(folder, key).is_file() for folder in zoneinfo.TZPATH)
    if not on_disk and key not in zoneinfo.available_timezones():
        raise Refused(f"is the time zone {shown(key)}, which isn't on this machine: install the package tzdata")
    return ZoneInfo(key)


def _name_of(zone: timezone) -> str | None:
    name = zone.tzname(None)
    return None if name == timezone(zone.utcoffset(None)).tzname(None) else name


def _is_in_iso(zone: tzinfo | None) -> bool:
    if zone is None:
        return True
    return type(zone) is timezone and _name_of(zone) is None and not zone.utcoffset(None).microseconds


def _write(moment: datetime | time) -> Json:
    if not moment.fold and _is_in_iso(moment.tzinfo):
        return moment.isoformat()
    zone = None if moment.tzinfo is None else _write_zone(moment.tzinfo)
    return [moment.replace(tzinfo=None, fold=0).isoformat(), zone, moment.fold]


def _reader(parse: Callable[[str], MomentT]) -> Callable[[Json], MomentT]:
    def from_text(payload: Json) -> MomentT:
        moment = parse(text_in(payload))
        if moment.isoformat() != payload:
            raise ValueError
        return moment

    def read(payload: Json) -> MomentT:
        if type(payload) is not list:
            return from_text(payload)
        text, zone, fold = payload
        if fold not in (0, 1) or type(fold) is not int:
            raise ValueError
        return from_text(text).replace(tzinfo=None if zone is None else _read_zone(zone), fold=fold)

    return read


def _read_date(payload: Json) -> date:
    value = date.fromisoformat(text_in(payload))
    if value.isoformat() != payload:
        raise ValueError
    return value


def _read_delta(payload: Json) -> timedelta:
    days, seconds, microseconds = parts_in(payload, int, int, int)
    value = timedelta(days, seconds, microseconds)
    if [value.days, value.seconds, value.microseconds] != payload:
        raise ValueError
    return value


def _read_fixed_zone(payload: Json) -> tzinfo:
    if type(payload) is not list:
        raise TypeError
    return _read_zone(payload)


def _read_zone_key(payload: Json) -> tzinfo:
    return zone_named(text_in(payload))


_OFFSET = "the offset of a time zone in microseconds, and its name"

MOMENTS: tuple[Standard, ...] = (
    leaf(datetime, ".datetime", _write, _reader(datetime.fromisoformat), "the ISO text of a datetime, or its parts"),
    leaf(date, ".date", date.isoformat, _read_date, "the ISO text of a date"),
    leaf(time, ".time", _write, _reader(time.fromisoformat), "the ISO text of a time, or its parts"),
    leaf(timedelta, ".timedelta", lambda v: [v.days, v.seconds, v.microseconds], _read_delta, "[days, s, µs]"),
    leaf(timezone, ".timezone", _write_zone, _read_fixed_zone, _OFFSET),
    leaf(ZoneInfo, ".zone", _write_zone, _read_zone_key, "the key of a time zone"),
)
