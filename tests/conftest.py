"""What every test sees: the two backends, and how hard Hypothesis tries."""

import ast
import gc
import importlib.util
import logging
import os
import signal
from functools import wraps
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings

# The time that an example takes says nothing about the code: machines differ, and coverage slows everything down.
any_speed = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow], print_blob=True)

settings.register_profile("ci", any_speed, max_examples=60)
settings.register_profile(  # a planted fault has to be noticed, not explained: nothing is shrunk
    "faults",
    any_speed,
    max_examples=60,
    derandomize=True,
    database=None,
    print_blob=False,
    phases=(Phase.explicit, Phase.generate),
)
settings.register_profile("mutants", settings.get_profile("faults"), max_examples=20)  # there are thousands of them
settings.register_profile("deep", any_speed, max_examples=3000, stateful_step_count=100)
# One of the rounds of `python -m tests.deep`: small, so that each property has its turn; its seed is all that it takes.
settings.register_profile("round", any_speed, max_examples=100, stateful_step_count=50, database=None)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci"))

# A job in the background of a shell ignores interrupts, and so would the programs that tests start and interrupt.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# In debug mode asyncio logs what takes longer than a tenth of a second, which says how loaded the machine is. It would
# stand among what tests of logging find.
logging.getLogger("asyncio").addFilter(lambda record: record.msg != "Executing %s took %.3f seconds")

_parse = ast.parse


@wraps(_parse)
def _parse_alone(*args: Any, **options: Any) -> Any:
    """CPython 3.11 can't parse while it parses, as whatever is collected meanwhile does if it logs an error.

    It's a `SystemError` then: "AST constructor recursion depth mismatch". A run that failed and that no test awaited
    is such a thing.
    """
    is_collecting = gc.isenabled()
    gc.disable()
    try:
        return _parse(*args, **options)
    finally:
        if is_collecting:
            gc.enable()


setattr(ast, "parse", _parse_alone)  # noqa: B010  # for type checkers it's overloaded

_NO_TRIO = importlib.util.find_spec("trio") is None

Backend = tuple[str, dict[str, Any]]

ASYNCIO: Backend = ("asyncio", {"debug": True})
TRIO: Backend = ("trio", {})
BACKENDS = [
    pytest.param(ASYNCIO, id="asyncio"),
    pytest.param(TRIO, id="trio", marks=pytest.mark.skipif(_NO_TRIO, reason="trio is an extra")),
]


@pytest.fixture(scope="module", params=BACKENDS)
def anyio_backend(request: pytest.FixtureRequest) -> Backend:
    """Run each `@pytest.mark.anyio` test on asyncio, in debug mode, and on Trio.

    It lives as long as a module, because Hypothesis refuses to run many examples on one function-scoped fixture.
    """
    backend: Backend = request.param
    return backend


@pytest.fixture
def caplog(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    """The log, without what runs of earlier tests say when they're collected."""
    gc.collect()
    caplog.clear()
    return caplog


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Where Trio isn't installed, leave out what names it: simulations take the backend as a parameter of their own."""
    call = getattr(item, "callspec", None)
    if _NO_TRIO and call is not None and call.params.get("backend") == "trio":
        pytest.skip("trio is an extra")
