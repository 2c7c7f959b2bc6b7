"""D2: loading builds only what is declared; whatever else a document says ends in a `DecodeError` with its path."""

from __future__ import annotations

import builtins
import copy
import gc
import json
import sys
import threading
from collections import Counter, OrderedDict, deque
from collections.abc import Generator, Iterator
from contextlib import contextmanager, suppress
from enum import Enum
from itertools import islice
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workflows.codec import Codec
from workflows.errors import DecodeError, JournalError
from workflows.events import UnreconstructedException

from .same import class_of, same, state_of
from .samples import CODEC, DECLARED
from .strategies import json_values, storable_values

PREFIX = "tests.codec.samples:"


def problems_of(document: Any, codec: Codec = CODEC) -> tuple[str, ...]:
    with guarded(), pytest.raises(DecodeError) as refused:
        codec.decode(document)
    error = refused.value
    assert isinstance(error, JournalError)
    assert isinstance(error, ValueError)
    assert all(problem in str(error) for problem in error.problems)
    return error.problems


# --- nothing is imported or called because data says so ---------------------------------------------------------------

FORBIDDEN = {"import", "exec", "compile", "os.system", "subprocess.Popen", "socket.connect", "pickle.find_class"}
_seen: list[str] | None = None
_thread: int | None = None  # others may do as they like: what runs the tests has some, too


def _watch(event: str, arguments: tuple[Any, ...]) -> None:
    if _seen is not None and event in FORBIDDEN and threading.get_ident() == _thread:
        _seen.append(f"{event} {arguments[:1]}")


sys.addaudithook(_watch)

# Where the system has no such time zone, the standard library imports its own data of all of them, once in a process:
# that is no doing of a document, whichever test comes first.
with suppress(ZoneInfoNotFoundError):
    ZoneInfo("Nowhere")


@contextmanager
def guarded() -> Generator[None]:
    """Fail if anything was imported, compiled or run inside.

    Not by what is collected meanwhile: a failed run that no test awaited logs its traceback, and compiles lines for it.
    """
    global _seen, _thread  # noqa: PLW0603  # an audit hook can't be taken off again
    seen: list[str] = []
    is_collecting = gc.isenabled()
    gc.disable()
    _seen, _thread = seen, threading.get_ident()
    try:
        yield
    finally:
        _seen = None
        if is_collecting:
            gc.enable()
    assert not seen


def test_the_guard_notices_an_import() -> None:
    sys.modules.pop("this_is_no_module", None)
    with pytest.raises(AssertionError), guarded(), pytest.raises(ImportError):
        __import__("this_is_no_module")


@pytest.mark.guarantee("D2")
@pytest.mark.parametrize("module", ["antigravity", "turtle", "xml.dom.minidom"])
def test_a_module_that_data_names_is_not_imported(module: str) -> None:
    sys.modules.pop(module, None)
    for name in (
        f"{module}:anything",
        f"{module}.anything",
        module,
        "os:system",
        "builtins:eval",
        f"{__name__}:_watch",
    ):
        assert "which the workflow doesn't declare" in problems_of([{"$": name, "v": {}}])[0]
        error = {"$": ".error", "v": {"type": name, "message": "m", "args": ["1"], "state": {"a": 1}}}
        with guarded():
            assert isinstance(CODEC.decode(error), UnreconstructedException)
    for key in ("os", "os.path", "../../etc/passwd", "Nope/Nothing", "/etc/passwd", "Europe/Paris/", "\0", ""):
        assert problems_of([{"$": ".zone", "v": key}])[0].startswith("$[0]: ")
    assert module not in sys.modules


@pytest.mark.guarantee("D2")
def test_no_exception_is_made_of_a_name_that_is_none() -> None:
    for name in ("builtins:print", "builtins:exit", "builtins:SystemExit", "builtins:KeyboardInterrupt", "print", ""):
        error = CODEC.decode({"$": ".error", "v": {"type": name, "message": "m", "args": [1]}})
        assert isinstance(error, UnreconstructedException)
        assert error.original_type == name


# --- documents that are wrong, each in one way ------------------------------------------------------------------------


def nested(depth: int) -> Any:
    document: Any = []
    for _ in range(depth):
        document = [document]
    return document


DEEP = nested(100_000)

WRONG: list[tuple[Any, str]] = [
    ({"$": ".nope", "v": 1}, "which this version doesn't know"),
    ({"$": "tests.codec.samples:Client", "v": {}}, "which the workflow doesn't declare"),
    ({"$": 5, "v": 1}, "the name of a type under '$'"),
    ({"$": None}, "the name of a type under '$'"),
    ({"$": {"$": ".set"}, "v": 1}, "the name of a type under '$'"),
    ({"$": ".tuple"}, "the keys '$' and 'v'"),
    ({"$": ".tuple", "w": []}, "the keys '$' and 'v'"),
    ({"$": ".tuple", "v": [], "x": {}}, "the keys '$' and 'v'"),
    ({"$": ".tuple", "v": {}}, "a list of items"),
    ({"$": ".tuple", "v": DEEP}, "nested more than 200 levels"),
    ({"$": ".decimal", "v": DEEP}, "the text of a Decimal"),
    (DEEP, "nested more than 200 levels"),
    ({"$": ".set", "v": "ab"}, "a list of elements"),
    ({"$": ".set", "v": [1, 1]}, "an element twice"),
    ({"$": ".set", "v": [1, 1.0]}, "an element twice"),
    ({"$": ".set", "v": [[1]]}, "an element that can't be one"),
    ({"$": ".set", "v": [{"$": ".decimal", "v": "sNaN"}]}, "an element that can't be one"),
    ({"$": ".frozenset", "v": [{}]}, "an element that can't be one"),
    ({"$": ".dict", "v": {}}, "a list of [key, value]"),
    ({"$": ".dict", "v": [[1]]}, "a list of [key, value]"),
    ({"$": ".dict", "v": [[1, 2], [1, 3]]}, "a key twice"),
    ({"$": ".dict", "v": [[[], 2]]}, "a key that can't be one"),
    ({"$": ".dict", "v": [["a", 2]]}, "keys that need no tag"),
    ({"$": ".counter", "v": [["a", 2], ["a", 2]]}, "a key twice"),
    ({"$": ".deque", "v": [1, 2, 3]}, "[items, maxlen]"),
    ({"$": ".deque", "v": [[1, 2], 1]}, "a maxlen of at least 2"),
    ({"$": ".deque", "v": [[], -1]}, "a maxlen of at least 0"),
    ({"$": ".deque", "v": [[], 10**30]}, "a maxlen of at least 0"),
    ({"$": ".int", "v": "1" * 10_000}, "in base 16"),
    ({"$": ".int", "v": "0x1"}, "in base 16"),
    ({"$": ".int", "v": "0x_1"}, "in base 16"),
    ({"$": ".int", "v": 5}, "in base 16"),
    ({"$": ".float", "v": "1.0"}, "'nan', 'inf' or '-inf'"),
    ({"$": ".float", "v": []}, "'nan', 'inf' or '-inf'"),
    ({"$": ".str", "v": "YQ=="}, "base64 text of UTF-8 with surrogates"),
    ({"$": ".bytes", "v": "é"}, "base64 text"),
    ({"$": ".bytes", "v": "YQ"}, "base64 text"),
    ({"$": ".bytes", "v": [97]}, "base64 text"),
    ({"$": ".decimal", "v": "1_0"}, "the text of a Decimal"),
    ({"$": ".decimal", "v": " 1"}, "the text of a Decimal"),
    ({"$": ".decimal", "v": "1E+99999999999999999999"}, "the text of a Decimal"),
    ({"$": ".fraction", "v": [1, 0]}, "two integers"),
    ({"$": ".fraction", "v": [2, 4]}, "two integers"),
    ({"$": ".fraction", "v": [True, 4]}, "two integers"),
    ({"$": ".complex", "v": [1, 2]}, "two floats"),
    ({"$": ".range", "v": [1, 2, 0]}, "three integers"),
    ({"$": ".uuid", "v": "{00000000-0000-0000-0000-000000000001}"}, "the text of a UUID"),
    ({"$": ".path", "v": 1}, "the text of a path"),
    ({"$": ".path", "v": "a//b"}, "the text of a path"),
    ({"$": ".pattern", "v": ["(", 32]}, "a regular expression"),
    ({"$": ".pattern", "v": ["(" * 5000 + ")" * 5000, 32]}, "a regular expression"),
    ({"$": ".pattern", "v": ["a", 128]}, "a regular expression"),
    ({"$": ".pattern", "v": ["a", True]}, "a regular expression"),
    ({"$": ".ipv4-address", "v": "::1"}, "the text of an IPv4Address"),
    ({"$": ".ipv4-network", "v": "1.2.3.4/8"}, "the text of an IPv4Network"),
    ({"$": ".datetime", "v": "2024"}, "the ISO text of a datetime"),
    ({"$": ".datetime", "v": "2024-01-31"}, "the ISO text of a datetime"),
    ({"$": ".datetime", "v": ["2024-01-31T00:00:00", "Nope/Nothing", 0]}, "isn't on this machine"),
    ({"$": ".datetime", "v": ["2024-01-31T00:00:00", [10**30], 0]}, "the ISO text of a datetime"),
    ({"$": ".datetime", "v": ["2024-01-31T00:00:00", None, 2]}, "the ISO text of a datetime"),
    ({"$": ".date", "v": "2024-02-30"}, "the ISO text of a date"),
    ({"$": ".date", "v": "20240131"}, "the ISO text of a date"),
    ({"$": ".time", "v": "25:00"}, "the ISO text of a time"),
    ({"$": ".timedelta", "v": [0, 86400, 0]}, "[days, s, µs]"),
    ({"$": ".timedelta", "v": [10**30, 0, 0]}, "[days, s, µs]"),
    ({"$": ".timezone", "v": "UTC"}, "the offset of a time zone"),
    ({"$": ".timezone", "v": [10**15]}, "the offset of a time zone"),
    ({"$": PREFIX + "Colour", "v": "GREEN"}, "'GREEN' is no member of tests.codec.samples:Colour, which has RED, BLUE"),
    ({"$": PREFIX + "Colour", "v": "__class__"}, "is no member"),
    ({"$": PREFIX + "Colour", "v": ["RED"]}, "is no member"),
    ({"$": PREFIX + "Access", "v": ["READ", "RUN"]}, "'RUN' is no member"),
    ({"$": PREFIX + "Access", "v": 64}, "64 is no value"),
    ({"$": PREFIX + "Access", "v": {}}, "{} is no value"),
    ({"$": PREFIX + "Point", "v": [1, 2]}, "its fields under 'v'"),
    ({"$": PREFIX + "Point", "v": {"y": 1}}, "doesn't have 'x'"),
    ({"$": PREFIX + "Node", "v": {"value": 1, "__class__": 2}}, "has '__class__', which the class doesn't declare"),
    ({"$": PREFIX + "Account", "v": {"_token": 1, "cents": "x"}}, "refuses these values: TypeError"),
    ({"$": "order.paid", "v": {"order_id": 1}, "x": {"y": 1}}, "takes no undeclared fields"),
    ({"$": PREFIX + "Loose", "v": {}, "x": []}, "should be values by name"),
    ({"$": PREFIX + "Loose", "v": {}, "y": {}}, "the keys '$', 'v' and 'x'"),
    ({"$": PREFIX + "Loose", "x": {}, "y": {}}, "the keys '$', 'v' and 'x'"),
    ({"$": PREFIX + "Loose", "v": {}, "x": {"$": ".dict", "v": [[1, 2]]}}, "should be values by name"),
    ({"$": PREFIX + "OutOfStock", "v": {}}, "which the workflow doesn't declare"),
    ({"$": PREFIX + "Money", "v": {"$": "nope", "v": 1}}, "'nope'"),
    ({"$": ".error", "v": {}}, "should be an exception"),
    ({"$": ".error", "v": {"type": 1, "message": "m"}}, "should be an exception"),
    ({"$": ".error", "v": {"type": "x", "message": "m", "more": 1}}, "should be an exception"),
    ({"$": ".error", "v": {"type": "x", "message": "m", "cause": 1}}, "should be an exception"),
    ((1, 2), "is a tuple, and JSON has none"),
    (b"x", "is a bytes, and JSON has none"),
]


@pytest.mark.guarantee("D2")
@pytest.mark.parametrize(("document", "words"), WRONG, ids=[f"{words[:24]}-{n}" for n, (_, words) in enumerate(WRONG)])
def test_a_wrong_document_is_refused_with_its_path(document: Any, words: str) -> None:
    (problem,) = problems_of({"state": [1, document]})
    assert problem.startswith("$.state[1]")
    assert words in problem


@pytest.mark.guarantee("D2")
def test_all_problems_of_a_document_are_in_one_error() -> None:
    document = {
        "a": {"$": "nope", "v": 1},
        "b": [{"$": ".date", "v": "x"}, {"$": PREFIX + "Node", "v": {"value": {"$": ".set", "v": [1, 1]}}}],
        "c": {"$": ".dict", "v": [[1, {"$": "nope", "v": 2}], [{"$": "nope", "v": 3}, 4]]},
        "d": {"$": PREFIX + "Half", "v": {"declared": {"$": "nope", "v": 5}}, "x": {"y": {"$": "nope", "v": 6}}},
        "e": {"$": ".error", "v": {"type": "x", "message": "m", "cause": {"$": "nope", "v": 7}}},
    }
    assert [problem.partition(": ")[0] for problem in problems_of(document)] == [
        "$.a",
        "$.b[0]",
        "$.b[1].value",
        "$.c[1]",
        "$.c.keys()[1]",
        "$.d.y",
        "$.d.declared",
        "$.e",
    ]


@pytest.mark.guarantee("D2")
def test_depth_and_size_are_bounded() -> None:
    codec = Codec(max_depth=3, max_values=100)
    assert problems_of([0] * 101, codec) == ("$: has more than 100 parts",)
    assert problems_of([[0] * 50] * 3, codec) == ("$: has more than 100 parts",)
    assert "more than 3 levels" in problems_of({"a": {"b": {"c": {"d": 1}}}}, codec)[0]
    chain: Any = None
    for _ in range(10_000):
        payload = {"type": "x", "message": "m"} | ({"cause": chain} if chain else {})
        chain = {"$": ".error", "v": payload}
    assert "nested more than" in problems_of(chain)[0]


# --- documents that are wrong in ways nobody thought of ---------------------------------------------------------------

TAGS = [
    *("nope", ".error", ".dict", ".set", ".tuple", ".deque", ".datetime", ".pattern", ".int", ".zone", ".timezone"),
    *(f"{cls.__module__}:{cls.__qualname__}" for cls in DECLARED),
    *("order.paid", "os:system", "builtins:eval"),
]

VALUES = storable_values(6)
CHANGES = json_values()


@st.composite
def damaged(draw: st.DrawFn) -> Any:
    """A stored value in which something was replaced, removed, added, or moved."""
    document: Any = copy.deepcopy(CODEC.encode(draw(VALUES)))
    for _ in range(draw(st.integers(1, 3))):
        document = _damage(draw, document)
    return document


def _damage(draw: st.DrawFn, document: Any) -> Any:
    places = list(islice(_places(document), 50))
    if not places:
        return draw(CHANGES)
    container, key = draw(st.sampled_from(places))
    how = draw(st.sampled_from(["replace", "remove", "tag", "wrap", "copy", "add"]))
    if how == "remove":
        del container[key]
    elif how == "wrap":
        container[key] = {"$": draw(st.sampled_from(TAGS)), "v": container[key]}
    elif how == "copy":
        container[key] = copy.deepcopy(draw(st.sampled_from(places))[0])
    elif how == "tag" and isinstance(container, dict):
        container["$"] = draw(st.sampled_from(TAGS) | CHANGES)
    elif how == "add" and isinstance(container, dict):
        container[draw(st.sampled_from(["$", "v", "x", "set", "value", "cents"]))] = draw(CHANGES)
    else:
        container[key] = draw(CHANGES)
    return document


def _places(document: Any) -> Iterator[tuple[Any, Any]]:
    kind = class_of(document)
    keys: Any = document if kind is dict else range(len(document)) if kind is list else ()
    for key in list(keys):
        yield document, key
        yield from _places(document[key])


def decoded(document: Any) -> tuple[Any, tuple[str, ...]]:
    """What a document gives: a value, or problems; anything else that is raised fails the test."""
    try:
        with guarded():
            return CODEC.decode(document), ()
    except DecodeError as error:
        return None, error.problems or ("none",)


def only_known_types(value: Any) -> bool:
    """Whether a value consists of standard types and declared ones."""
    kind = class_of(value)
    if kind in {list, tuple, set, frozenset, deque}:
        return all(map(only_known_types, value))
    if kind in {dict, OrderedDict, Counter}:
        return all(map(only_known_types, [*value, *value.values()]))
    if kind in DECLARED or kind is UnreconstructedException:
        if isinstance(value, Enum):
            return True
        parts: Any = (state_of(value) or {}).values()
        return all(map(only_known_types, value if issubclass(kind, tuple) else parts))
    return kind.__module__.partition("._")[0] in {
        *("builtins", "datetime", "decimal", "fractions", "uuid", "pathlib", "re", "ipaddress", "zoneinfo"),
        *("workflows.errors", "workflows.events.failures"),
    } and not callable(value)


@pytest.mark.guarantee("D2")
@given(document=damaged())
def test_a_damaged_document_gives_declared_types_or_a_decode_error(document: Any) -> None:
    before = copy.deepcopy(document)
    value, problems = decoded(document)
    assert same(document, before)
    assert all(problem.startswith("$") for problem in problems)
    if not problems:
        assert only_known_types(value)
        encoded = CODEC.encode(value)
        assert same(CODEC.decode(encoded), CODEC.decode(json.loads(json.dumps(encoded))))


@pytest.mark.guarantee("D2")
@given(document=json_values())
def test_any_json_gives_declared_types_or_a_decode_error(document: Any) -> None:
    value, problems = decoded(document)
    assert problems or only_known_types(value)


@pytest.mark.guarantee("D2")
@given(
    name=st.sampled_from([name for name in vars(builtins) if not name.startswith("_")]),
    args=st.lists(json_values(), max_size=3),
    state=st.dictionaries(st.sampled_from(["__class__", "__dict__", "args", "name", "__cause__", "x"]), json_values()),
)
def test_a_stored_exception_stays_data_whatever_it_says(name: str, args: list[Any], state: dict[str, Any]) -> None:
    payload = {"type": f"builtins:{name}", "message": "m", "args": args, "state": state}
    error, problems = decoded({"$": ".error", "v": payload})
    assert problems or type(error) is UnreconstructedException or type(error).__module__ == "builtins"
    assert problems or isinstance(error, Exception)
