"""Exceptions are data: storing one never fails, and only a known type is built again."""

from __future__ import annotations

import json
from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from workflows.codec import Codec, traceback_text
from workflows.errors import DecodeError, ReplayMismatch, WaitTimedOut, WorkflowsError
from workflows.events import StepFailedEvent, UnreconstructedException, WorkflowFailedEvent

from .same import same
from .samples import CODEC, Client, Loose, OutOfStock
from .strategies import storable_values


def through_json(error: BaseException, codec: Codec = CODEC) -> Exception:
    return codec.decode_exception(json.loads(json.dumps(codec.encode_exception(error), allow_nan=False)))


def raised(error: Exception) -> Exception:
    try:
        raise error
    except Exception as caught:
        return caught


@pytest.mark.guarantee("D1")
@pytest.mark.parametrize(
    "error",
    [
        ValueError(),
        ValueError("bad", {"x": (1, 2)}),
        KeyError(3),
        FileNotFoundError(2, "No such file", "a.txt"),
        FileNotFoundError(2, "No such file", "a.txt", None, "b.txt"),
        UnicodeDecodeError("utf-8", b"\xff", 0, 1, "invalid"),
        ImportError("no", name="x", path="y"),
        StopIteration(5),
        TimeoutError(),
        SyntaxError("bad", ("f.py", 1, 2, "text", 1, 3)),
        OutOfStock(sku="a", left=2),
        WaitTimedOut("too late"),
        ReplayMismatch("changed", recorded="a", now="b"),
        WorkflowsError(),
    ],
    ids=repr,
)
def test_a_known_exception_comes_back_as_what_it_was(error: Exception) -> None:
    back = through_json(raised(error))
    assert same(back, error)
    assert str(back) == str(error)
    for name in ("errno", "filename", "filename2", "object", "reason", "name", "path", "value", "lineno", "sku", "now"):
        assert getattr(back, name, None) == getattr(error, name, None)


@pytest.mark.guarantee("D1")
@given(args=st.lists(storable_values(4), max_size=3))
def test_arguments_come_back_the_same(args: list[Any]) -> None:
    assert same(list(through_json(RuntimeError(*args)).args), args)


@pytest.mark.guarantee("D1")
def test_notes_causes_and_groups_come_back() -> None:
    try:
        try:
            raise KeyError("a")
        except KeyError as cause:
            raise ExceptionGroup("several", [ValueError("b"), OutOfStock(sku="c", left=0)]) from cause
    except ExceptionGroup as caught:
        error = caught
    error.add_note("in step 'ship'")
    back = through_json(error)
    assert type(back) is type(error)
    assert same(list(getattr(back, "exceptions")), list(error.exceptions))  # noqa: B009  # of what type, nobody knows
    assert back.__notes__ == ["in step 'ship'"]
    assert same(back.__cause__, error.__cause__)


@pytest.mark.guarantee("D1")
def test_the_traceback_is_kept_as_text() -> None:
    back = through_json(raised(ValueError("bad")))
    text = traceback_text(back)
    assert text.startswith("Traceback (most recent call last):")
    assert "in raised" in text
    assert text.endswith("ValueError: bad\n")
    assert back.__traceback__ is None
    assert traceback_text(through_json(back)) == text


@attrs.frozen(auto_exc=True, slots=True)
class Declined(Exception):
    code: int
    reason: Any = None


def test_an_exception_made_by_attrs_comes_back() -> None:
    codec = Codec([Declined])
    error = Declined(5, {"a"})
    back = through_json(error, codec)
    assert same(back, error)
    assert isinstance(back, Declined)
    assert (back.code, back.reason) == (5, {"a"})


@pytest.mark.guarantee("D2")
def test_an_undeclared_exception_stays_data() -> None:
    class Private(ValueError):
        pass

    error = raised(Private("secret", 5))
    back = through_json(error)
    assert type(back) is UnreconstructedException
    assert back.original_type == f"{__name__}:{Private.__qualname__}"
    assert str(back) == str(error)
    assert "in raised" in traceback_text(back)
    again = through_json(back)
    assert same(again, back)
    assert same(through_json(again, Codec([Private])), back)
    assert type(through_json(error, Codec([Private]))) is Private


@pytest.mark.guarantee("D2")
@pytest.mark.parametrize(
    "error", [SystemExit(3), KeyboardInterrupt(), GeneratorExit(), BaseExceptionGroup("g", [SystemExit()])]
)
def test_what_is_no_ordinary_exception_stays_data(error: BaseException) -> None:
    back = through_json(error)
    assert type(back) is UnreconstructedException
    assert back.original_type == f"builtins:{type(error).__name__}"


class Awkward(Exception):
    def __str__(self) -> str:
        raise RuntimeError("no text")

    __repr__ = __str__


@pytest.mark.guarantee("D1")
def test_storing_an_exception_never_fails() -> None:
    loop = ValueError("a")
    loop.args = (loop, [loop])
    ring, other = ValueError("b"), ValueError("c")
    ring.__cause__, other.__cause__ = other, ring
    long = ValueError("x" * 10)
    for _ in range(1000):
        long, inner = ValueError("next"), long
        long.__cause__ = inner
    held = RuntimeError("held")
    held.client = Client()  # type: ignore[attr-defined]  # users do
    for error in (Awkward("a"), loop, ring, long, held, ValueError(Client(), len), OutOfStock(sku="x", left=1)):
        assert isinstance(through_json(error), Exception)
        assert isinstance(through_json(error, Codec([Awkward], max_depth=5, max_values=20)), Exception)


def test_an_argument_that_can_not_be_stored_becomes_text_if_the_exception_is_builtin() -> None:
    back = through_json(ValueError("bad", Client()))
    assert type(back) is ValueError
    assert back.args == ("bad", "<Client>")


def test_a_declared_exception_that_holds_what_can_not_be_stored_stays_data() -> None:
    error = OutOfStock(sku="x", left=1)
    error.sku = Client()  # type: ignore[assignment]  # as untyped code would
    back = through_json(error)
    assert type(back) is UnreconstructedException
    assert str(back) == "x: 1 left"


@pytest.mark.guarantee("D2")
def test_arguments_that_an_exception_does_not_take_leave_it_data() -> None:
    payloads: tuple[dict[str, Any], ...] = (
        {"type": "builtins:UnicodeDecodeError", "message": "m", "args": [1]},
        {"type": "builtins:ExceptionGroup", "message": "m", "args": ["a", []]},
        {"type": "builtins:ValueError", "message": "m"},
        {"type": "builtins:ValueError", "message": "m", "args": "x"},
    )
    for payload in payloads:
        back = CODEC.decode_exception({"$": ".error", "v": payload})
        assert type(back) is UnreconstructedException
        assert str(back) == "m"


@pytest.mark.guarantee("D2")
def test_a_value_is_no_exception() -> None:
    with pytest.raises(DecodeError) as refused:
        CODEC.decode_exception({"a": 1})
    assert refused.value.problems == ("$: is {'a': 1}",)


@pytest.mark.guarantee("D1")
def test_an_exception_can_stand_anywhere_in_a_value() -> None:
    codec = Codec([StepFailedEvent, WorkflowFailedEvent, Loose])
    event = WorkflowFailedEvent(step_name="ship", exception=raised(ValueError("bad")), attempts=2)
    back = codec.decode(json.loads(json.dumps(codec.encode({"events": [event]}))))
    assert back == {"events": [event]}


def test_where_it_was_raised_is_no_part_of_a_fingerprint() -> None:
    def elsewhere(error: Exception) -> Exception:
        return raised(error)

    assert CODEC.fingerprint(raised(ValueError("a"))) == CODEC.fingerprint(elsewhere(ValueError("a")))
    assert CODEC.fingerprint(ValueError("a")) != CODEC.fingerprint(ValueError("b"))
