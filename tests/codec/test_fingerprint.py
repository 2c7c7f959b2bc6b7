"""A fingerprint tells values apart, and is the same for equal ones in every process."""

from __future__ import annotations

import os
import subprocess
import sys
from collections import Counter, OrderedDict
from pathlib import Path
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from workflows.codec import Codec
from workflows.errors import EncodeError

from .samples import CODEC, FIXED, Client
from .strategies import hashable_scalars, hashable_values, storable_values

ROOT = Path(__file__).parent.parent.parent
PROGRAM = """
from tests.codec.samples import CODEC, FIXED
for name, value in FIXED.items():
    print(name, CODEC.fingerprint(value), CODEC.encode(value))
"""


@pytest.mark.guarantee("D1")
def test_processes_that_hash_differently_agree() -> None:
    printed: set[str] = set()
    for seed in ("0", "1", "2", "3"):
        environment = {**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'src'}"}
        run = subprocess.run(
            [sys.executable, "-c", PROGRAM], cwd=ROOT, env=environment, check=True, capture_output=True, text=True
        )
        printed.add(run.stdout)
    assert len(printed) == 1
    (text,) = printed
    for name, value in FIXED.items():
        assert f"{name} {CODEC.fingerprint(value)} " in text


@pytest.mark.guarantee("D1")
@given(value=storable_values())
def test_a_copy_has_the_fingerprint_of_its_original(value: Any) -> None:
    fingerprint = CODEC.fingerprint(value)
    assert CODEC.fingerprint(CODEC.decode(CODEC.encode(value))) == fingerprint
    assert len(fingerprint) == 16
    assert set(fingerprint) <= set("0123456789abcdef")


@pytest.mark.guarantee("D1")
@given(
    items=st.lists(st.tuples(hashable_values(), hashable_scalars()), max_size=5, unique_by=lambda item: repr(item[0])),
    order=st.randoms(),
)
def test_the_order_of_a_dict_does_not_count_where_it_has_none(items: list[tuple[Any, Any]], order: Any) -> None:
    other = list(items)
    order.shuffle(other)
    one, two = dict(items), dict(other)
    assume(len(one) == len(items))
    assert CODEC.fingerprint(one) == CODEC.fingerprint(two)
    assert CODEC.fingerprint({"a": [one]}) == CODEC.fingerprint({"a": [two]})
    assert CODEC.fingerprint(Counter(one)) == CODEC.fingerprint(Counter(two))


@pytest.mark.guarantee("D1")
def test_values_that_differ_have_different_fingerprints() -> None:
    values: list[Any] = [
        *(None, False, True, 0, 1, 0.0, -0.0, "", "0", "a", b"", b"a", [], (), {}, set(), frozenset(), [[]], [{}]),
        *({"a": 1, "b": 2}, {"a": 2, "b": 1}, {"a": {"b": 1}}, {1: 2}, {"1": 2}, {"$": 1}, [1, 2], [2, 1], {1, 2}),
        *(OrderedDict(a=1, b=2), OrderedDict(b=2, a=1), Counter(a=1)),
    ]
    assert len({CODEC.fingerprint(value) for value in values}) == len(values)


def test_what_can_not_be_stored_has_no_fingerprint() -> None:
    with pytest.raises(EncodeError) as refused:
        Codec().fingerprint({"a": Client()})
    assert refused.value.problems[0].startswith("$.a: ")
