"""What can't be stored is refused with its path, all of it in one error that says what to do."""

from __future__ import annotations

import array
import functools
import inspect
import io
import sys
import threading
from collections import ChainMap, UserDict, defaultdict
from collections.abc import Callable
from pathlib import Path
from types import MappingProxyType, SimpleNamespace
from typing import Any

import attrs
import cattrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from workflows.codec import Codec
from workflows.errors import DecodeError, EncodeError, UsageError, WorkflowsError

from .samples import CODEC, Box, Client, Item, Label, Node, Point, Words, half, loose
from .strategies import storable_values

Layer = tuple[str, Callable[[Any], Any]]  # the step of the path, and what puts a value there


NESTS: list[Callable[[Any], Any]] = [lambda inner: [inner], lambda inner: {"a": inner}, Box]


def problems_of(value: Any, codec: Codec = CODEC) -> tuple[str, ...]:
    with pytest.raises(EncodeError) as refused:
        codec.encode(value)
    error = refused.value
    assert isinstance(error, WorkflowsError)
    assert isinstance(error, UsageError)
    assert isinstance(error, ValueError)
    assert all(problem in str(error) for problem in error.problems)
    return error.problems


def layers(siblings: Any) -> st.SearchStrategy[Layer]:
    """Ways to put a value somewhere, beside storable ones."""
    made: list[Layer] = [
        ("[1]", lambda value: [siblings, value]),
        ("[0]", lambda value: (value, siblings)),
        (".job", lambda value: {"other": siblings, "job": value}),
        ("['a b']", lambda value: {"a b": value}),
        ("[3]", lambda value: {3: value, "x": siblings}),
        ("[(1, 2)]", lambda value: {(1, 2): value}),
        (".name", lambda value: Item(value, siblings)),
        (".value", Node),
        (".x", lambda value: Point(value, siblings)),
        (".content", Box),
        (".topic", lambda value: loose(topic=value, other=siblings)),
        (".topic", lambda value: half(siblings, topic=value)),
        (".declared", lambda value: half(value, topic=siblings)),
        (".words[0]", lambda value: Words([value])),
    ]
    return st.sampled_from(made)


def planted(value: Any, path: list[Layer]) -> tuple[str, Any]:
    """Put a value at a path, from the outermost layer to the innermost."""
    for _, put in reversed(path):
        value = put(value)
    return "$" + "".join(step for step, _ in path), value


paths = storable_values(3).flatmap(lambda siblings: st.lists(layers(siblings), max_size=5))
unstorable: st.SearchStrategy[Any] = st.sampled_from(
    [Client(), lambda: None, object(), Client, threading.Lock(), defaultdict(int), iter([])]
)


@pytest.mark.guarantee("D1")
@given(bad=unstorable, path=paths)
def test_a_value_that_can_not_be_stored_is_reported_with_exactly_its_path(bad: Any, path: list[Layer]) -> None:
    expected, value = planted(bad, path)
    (problem,) = problems_of(value)
    assert problem.startswith(f"{expected}: ")


@pytest.mark.guarantee("D1")
@given(places=st.lists(st.tuples(unstorable, paths), min_size=1, max_size=4), good=storable_values(3))
def test_all_problems_of_a_value_are_in_one_error(places: list[tuple[Any, list[Layer]]], good: Any) -> None:
    value: list[Any] = [good]
    expected: list[str] = []
    for bad, path in places:
        step, part = planted(bad, [(f"[{len(value)}]", lambda found: found), *path])
        value.append(part)
        expected.append(step)
    assert [problem.partition(": ")[0] for problem in problems_of(value)] == expected


@pytest.mark.guarantee("D1")
def test_a_bad_key_and_a_bad_element_are_named_by_their_place() -> None:
    assert [problem.partition(": ")[0] for problem in problems_of({"s": {Client()}, "d": {1: 2, Client(): 3}})] == [
        "$.s{}",
        "$.d.keys()[1]",
    ]


@attrs.define
class Undeclared:
    a: int = 1


class Sub(Item):
    """Adds no field, and isn't declared."""


class Text(str):
    __slots__ = ()


REFUSED: list[tuple[Any, str]] = [
    (len, "is a function"),
    (lambda: None, "is a function"),
    (functools.partial(len), "is a function"),
    ("a".join, "is a function"),
    (Client, "is a class: store its name"),
    (Box, "is a class: store its name"),
    (io, "is a module"),
    ((part for part in "ab"), "read only once: store a list"),
    (iter([]), "read only once: store a list"),
    (zip((), (), strict=True), "read only once: store a list"),
    (map(len, ()), "read only once: store a list"),
    (io.BytesIO(), "belongs to this process"),
    (threading.Lock(), "belongs to this process"),
    (threading.Event(), "belongs to this process"),
    (threading.local(), "belongs to this process"),
    (defaultdict(int), "use a dict"),
    (MappingProxyType({}), "use dict(...)"),
    (SimpleNamespace(), "use a dict, or declare a class"),
    (array.array("i"), "use a list"),
    (memoryview(b""), "use bytes(...)"),
    (..., "Ellipsis"),
    (NotImplemented, "NotImplemented"),
    (object(), "bare object"),
    ({}.keys(), "no stored form"),
    (Undeclared(), "doesn't declare: Workflow(types=[Undeclared])"),
    (Sub("a"), "declaring Item doesn't declare its subclasses): Workflow(types=[Sub])"),
    (Client(), "decorate it with @attrs.define or @dataclass, and declare it: Workflow(types=[Client])"),
    (Words, "is a class"),
    (Text("a"), "a subclass of str that would come back as none: use str(...), or declare it with hooks"),
    (ChainMap(), "ChainMap"),
    (UserDict(), "UserDict"),
]


@pytest.mark.guarantee("D1")
@pytest.mark.parametrize(
    ("value", "words"), REFUSED, ids=[f"{type(value).__name__}-{words[:12]}" for value, words in REFUSED]
)
def test_what_is_refused_and_what_to_do_is_said(value: Any, words: str) -> None:
    (problem,) = problems_of({"state": [value]})
    assert problem.startswith("$.state[0]: ")
    assert words in problem


@pytest.mark.guarantee("D1")
def test_a_subclass_of_a_builtin_is_refused_at_any_depth() -> None:
    class Count(int):
        pass

    class Table(dict[str, int]):
        pass

    assert len(problems_of([Count(1), {"a": Table()}, {Text("k"): 1}])) == 3


@pytest.mark.guarantee("D1")
def test_a_value_that_contains_itself_is_called_that() -> None:
    jobs: dict[str, Any] = {"jobs": [1, 2]}
    jobs["jobs"].append(jobs)
    (problem,) = problems_of({"state": jobs})
    assert problem.startswith("$.state.jobs[2]: contains itself: it's the same object as $.state")

    node = Node("a")
    node.children.append(node)
    assert problems_of(node)[0].startswith("$.children[0]: contains itself: it's the same object as $.")

    parts: list[Any] = []
    event = loose(parts=parts)
    parts.append(event)
    assert "contains itself" in problems_of(event)[0]

    words = Words()
    words.append(words)
    assert "contains itself" in problems_of(words)[0]


@pytest.mark.guarantee("D1")
@pytest.mark.parametrize("make", NESTS)
def test_depth_is_bounded_and_no_stack_overflows(make: Callable[[Any], Any]) -> None:
    value: Any = 1
    for _ in range(200):
        value = make(value)
    assert CODEC.decode(CODEC.encode(value)) == value
    for _ in range(5000):
        value = [value]
    (problem,) = problems_of(value)
    assert "nested more than 200 levels deep" in problem


@pytest.mark.guarantee("D1")
def test_the_bounds_can_be_set() -> None:
    codec = Codec(max_depth=2, max_values=10)
    assert codec.decode(codec.encode([[1, 2], [3]])) == [[1, 2], [3]]
    assert "more than 2 levels" in problems_of([[[1]]], codec)[0]
    assert problems_of(list(range(11)), codec) == ("$: has more than 10 parts",)


@pytest.mark.guarantee("D1")
def test_a_value_that_unfolds_to_too_many_parts_is_refused() -> None:
    value: Any = []
    for _ in range(60):
        value = [value, value]
    assert problems_of(value, Codec(max_values=10_000)) == ("$: has more than 10000 parts",)


@pytest.mark.guarantee("D1")
def test_a_million_bad_values_do_not_make_a_million_lines() -> None:
    problems = problems_of([Client()] * 5000)
    assert len(problems) == 1001
    assert problems[-1] == "and 4000 more"


@pytest.mark.guarantee("D1")
def test_a_value_whose_own_code_fails_is_refused_with_its_path() -> None:
    class Nasty:
        def __repr__(self) -> str:
            raise RuntimeError("no")

    (problem,) = problems_of({"a": Nasty(), Label(1): 2})
    assert problem.startswith("$.a: is a test_a_value_whose_own_code_fails_is_refused_with_its_path.<locals>.Nasty")


@pytest.mark.guarantee("D1")
def test_fields_without_a_value_are_named() -> None:
    node = Node("a")
    del node.value
    del node.children
    assert problems_of([node]) == ("$[0].value: has no value: set it", "$[0].children: has no value: set it")


@pytest.mark.guarantee("D1")
def test_an_open_file_is_refused(tmp_path: Path) -> None:
    with (tmp_path / "x").open("w") as file:
        assert "belongs to this process" in problems_of([file])[0]


def nearly_out_of_stack(function: Callable[[], Any], left: int) -> Any:
    """Call a function when the interpreter's stack has room for only so many more frames."""
    depth = len(inspect.stack(0))

    def deeper(frames: int) -> Any:
        return deeper(frames - 1) if frames > 0 else function()

    return deeper(sys.getrecursionlimit() - depth - left)


@pytest.mark.guarantee("D1", "D2")
def test_too_little_stack_is_a_problem_of_the_value_and_not_a_recursion_error() -> None:
    value: Any = 1
    for _ in range(150):
        value = Box(value)
    encoded = CODEC.encode(value)
    for left in range(60, 120, 7):
        with pytest.raises(EncodeError) as refused:
            nearly_out_of_stack(lambda: CODEC.encode(value), left)
        assert refused.value.problems
        with pytest.raises(DecodeError):
            nearly_out_of_stack(lambda: CODEC.decode(encoded), left)


@pytest.mark.guarantee("D1")
def test_what_can_not_be_read_is_refused_with_its_path() -> None:
    class Broken(dict[str, Any]):
        def items(self) -> Any:
            raise RuntimeError("gone")

    def unstructure(found: Broken) -> Any:
        return {"x": found.keys()}

    def configure(converter: cattrs.Converter) -> None:
        converter.register_unstructure_hook(Broken, unstructure)
        converter.register_structure_hook(Broken, lambda _, cls: cls())

    (problem,) = problems_of([Broken()], Codec([Broken], configure))
    assert problem == "$[0].x: is a dict_keys, which has no stored form"


@pytest.mark.guarantee("D1")
def test_too_many_parts_are_found_whatever_else_is_wrong() -> None:
    assert problems_of([Client(), [0] * 50], Codec(max_values=20)) == ("$: has more than 20 parts",)
    with pytest.raises(DecodeError) as refused:
        Codec(max_values=20).decode([{"$": "nope", "v": 1}, [0] * 50])
    assert refused.value.problems == ("$: has more than 20 parts",)
