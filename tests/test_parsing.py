"""What tests that parse sources rely on: nothing parses in the middle of it, see `tests/conftest.py`."""

import ast
import gc
import logging

import pytest


class _Unheard:
    """Garbage that logs an error when it's collected, and with it a traceback, for which CPython parses a line."""

    def __init__(self, number: int) -> None:
        self.me = self
        self.number = number

    def __del__(self) -> None:
        try:
            raise ValueError(self.number / (self.number - self.number))
        except ZeroDivisionError:
            logging.getLogger("tests.parsing").exception("number %s failed and nobody awaited it", self.number)


def test_a_source_is_parsed_though_what_would_be_collected_meanwhile_parses_too(
    caplog: pytest.LogCaptureFixture,
) -> None:
    source = "x = [{}]\n".format(", ".join(f"f({number}, [y])" for number in range(2000)))
    for number in range(1, 6):
        _Unheard(number)
        assert len(ast.parse(source).body) == 1
    gc.collect()
    assert len([record for record in caplog.records if record.name == "tests.parsing"]) == 5
