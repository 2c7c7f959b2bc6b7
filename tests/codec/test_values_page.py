"""`docs/reference/values.md` says of each type how it's stored, or what to do instead; and what it says is so."""

from __future__ import annotations

import asyncio
import builtins
import collections
import functools
import importlib
import json
import re
import socket
import threading
from array import array
from pathlib import Path
from types import MappingProxyType, SimpleNamespace
from typing import Any

import pytest

from workflows.codec import Codec
from workflows.codec.codec import STANDARD
from workflows.codec.failures import TAG as ERROR_TAG
from workflows.errors import EncodeError

from .samples import CODEC, Client, Node, Words

PAGE = Path(__file__).parent.parent.parent / "docs" / "reference" / "values.md"
TEXT = PAGE.read_text(encoding="utf-8")


def rows_under(heading: str) -> list[list[str]]:
    """The cells of the table under a heading."""
    section = TEXT.partition(f"## {heading}\n")[2].partition("\n## ")[0]
    lines = [line for line in section.splitlines() if line.startswith("| ")]
    return [[cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in lines[1:]]


def codes_in(text: str) -> list[str]:
    return re.findall(r"`([^`]+)`", text)


STANDARD_ROWS = rows_under("Types of the standard library")
DOCUMENTS = [
    (row[0].strip("`"), code)
    for row in STANDARD_ROWS
    for code in [row[1].strip("`"), *codes_in(row[2])]
    if code.startswith(("{", "[")) or "." not in row[0]
]


def class_named(name: str) -> type:
    module, _, qualname = name.rpartition(".")
    if name == "NoneType":
        return type(None)
    return getattr(importlib.import_module(module) if module else builtins, qualname)  # type: ignore[no-any-return]


@pytest.mark.guarantee("D1")
@pytest.mark.parametrize(("name", "code"), [pair for pair in DOCUMENTS if pair[1] != '"$"'])
def test_what_the_page_shows_is_the_stored_form_of_that_type(name: str, code: str) -> None:
    stored = json.loads(code)
    value = Codec().decode(stored)
    assert type(value) is class_named(name)
    if name != "builtins.ValueError":  # its traceback would be stored, too
        assert json.dumps(Codec().encode(value)) == json.dumps(stored)


@pytest.mark.guarantee("D1")
def test_the_page_lists_each_standard_type_and_each_tag() -> None:
    shown = {class_named(row[0].strip("`")) for row in STANDARD_ROWS}
    assert shown == {standard.type for standard in STANDARD} | {type(None), bool, ValueError}
    tags = {found for row in STANDARD_ROWS for cell in row for found in re.findall(r'"\$": "(\.[a-z0-9-]+)"', cell)}
    assert tags == {standard.tag for standard in STANDARD if standard.tag} | {ERROR_TAG}


def loop() -> Any:
    node = Node(1)
    node.children.append(node)
    return node


async def work() -> None: ...


def refused_values() -> dict[str, list[Any]]:
    return {
        "functions, methods, `functools.partial`": [len, lambda: 1, "a".join, work, functools.partial(len)],
        "classes and modules": [Node, int, json],
        "generators, iterators": [iter([]), (part for part in ""), enumerate([])],
        "coroutines": [work()],
        "files, sockets, locks, threads, tasks, connections": [
            socket.socket(),
            threading.Lock(),
            threading.RLock(),
            threading.Thread(),
            asyncio.Event(),
        ],
        "`collections.defaultdict`": [collections.defaultdict(list)],
        "`types.MappingProxyType`, `types.SimpleNamespace`": [MappingProxyType({}), SimpleNamespace()],
        "`memoryview`, `array.array`": [memoryview(b""), array("i")],
        "`object()`, `...`, `NotImplemented`": [object(), ..., NotImplemented],
        "subclasses of storable builtins": [collections.UserString("a"), type("Text", (str,), {})(), Words()],
        "classes that aren't declared": [Node(1)],
        "classes without declared fields": [Client()],
        "values that contain themselves": [loop()],
    }


@pytest.mark.guarantee("D1")
def test_what_the_page_says_is_refused_is_refused() -> None:
    values = refused_values()
    assert [row[0] for row in rows_under("What is refused")] == list(values)
    declared = Codec([Node])
    for group, refused in values.items():
        codec = declared if group == "values that contain themselves" else Codec()
        for value in refused:
            with pytest.raises(EncodeError) as error:
                codec.encode({"a": [value]})
            assert error.value.problems[0].startswith("$.a[0]")
    for coroutine in values["coroutines"]:
        coroutine.close()
    values["files, sockets, locks, threads, tasks, connections"][0].close()


def test_every_kind_of_class_on_the_page_has_a_sample() -> None:
    kinds = [row[0] for row in rows_under("Classes that the workflow declares")]
    assert kinds == [
        *("events", "attrs classes", "dataclasses", "named tuples", "enums", "pydantic models"),
        *("classes with hooks", "exceptions"),
    ]
    assert CODEC.types
