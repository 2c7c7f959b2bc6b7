"""The pytest plugin of `workflows`: the fixture `workflow_runner`, and the marker `replay_safe`.

pytest loads it at its start, and most tests need nothing of it. So it's a module beside the package, and loads the
package when a test asks for it; otherwise every session would wait for that, and coverage would miss what is run.
"""

from __future__ import annotations

import importlib.util
import inspect
import secrets
from collections.abc import Generator
from typing import TYPE_CHECKING, Any, Literal, cast

import pytest

if TYPE_CHECKING:
    from workflows.testing import SimulatedRunner

Backend = Literal["asyncio", "trio"]
BACKENDS: tuple[Backend, ...] = ("asyncio", "trio") if importlib.util.find_spec("trio") else ("asyncio",)
MARKER = "replay_safe"
CHECKED_ON = "workflow_backend"
"""The fixture that a marked test is parametrized by."""

SEED_OPTION = "--workflow-seed"


def pytest_addoption(parser: pytest.Parser) -> None:
    """The option for the seed."""
    parser.getgroup("workflows").addoption(
        SEED_OPTION,
        metavar="N",
        default="0",
        help="seed of the schedules that workflow_runner and replay_safe run on, or 'random' to draw one",
    )


def pytest_configure(config: pytest.Config) -> None:
    """Register the marker, and settle the seed."""
    config.addinivalue_line(
        "markers",
        f"{MARKER}(backends, seeds, idle, max_orders, max_cuts, allow, outcome, exposed): the test returns a "
        "workflows.testing.ReplayCase, which is checked with check_replay() on each backend",
    )
    given = str(config.getoption(SEED_OPTION))
    if given != "random" and not given.isdecimal():
        raise pytest.UsageError(f"{SEED_OPTION}={given} is neither a whole number nor 'random'.")
    config.stash[SEED] = _drawn() if given == "random" else int(given)


SEED: pytest.StashKey[int] = pytest.StashKey[int]()


def _drawn() -> int:
    return secrets.randbelow(2**32)


# --- the backends -----------------------------------------------------------------------------------------------------


@pytest.hookimpl(tryfirst=True)  # before pytest looks at how fixtures are parametrized
def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Have each marked test run on each backend that its mark names."""
    test = metafunc.definition
    marker = test.get_closest_marker(MARKER)
    if marker is None:
        return
    if CHECKED_ON not in metafunc.fixturenames:
        metafunc.fixturenames.append(CHECKED_ON)
    wanted = marker.kwargs.get("backends", BACKENDS)
    if not isinstance(wanted, list | tuple) or not wanted or not {*wanted} <= {"asyncio", "trio"}:
        raise pytest.Collector.CollectError(
            f"{test.nodeid}: @pytest.mark.{MARKER}(backends={wanted!r}) names no event loops. "
            'Give a list of "asyncio" and "trio", or leave it out for all that are installed.'
        )
    missing = pytest.mark.skip(reason="Trio isn't installed")
    given = [pytest.param(name, marks=() if name in BACKENDS else missing) for name in cast("list[str]", wanted)]
    if not any(CHECKED_ON in mark.args[0] for mark in test.iter_markers("parametrize")):
        test.add_marker(pytest.mark.parametrize(CHECKED_ON, given, indirect=True))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Refuse the mark where it would check nothing."""
    for item in items:
        spec = getattr(item, "callspec", None)
        if item.get_closest_marker(MARKER) is not None and CHECKED_ON not in getattr(spec, "params", {}):
            raise pytest.UsageError(
                f"{item.nodeid} is marked {MARKER}, which is for functions, and methods of classes that are no "
                "unittest.TestCase."
            )


@pytest.fixture(params=BACKENDS)
def workflow_backend(request: pytest.FixtureRequest) -> Backend:
    """The event loop that a workflow is run on: each that is installed."""
    backend: Backend = request.param
    return backend


# --- the fixture ------------------------------------------------------------------------------------------------------


@pytest.fixture
def workflow_seed(request: pytest.FixtureRequest) -> int:
    """The seed of the schedule: that of `--workflow-seed`."""
    return request.config.stash[SEED]


@pytest.fixture
def workflow_runner(workflow_backend: Backend, workflow_seed: int) -> SimulatedRunner:
    """Runs workflows in virtual time, in plain test functions: `workflow_runner.run(workflow, inputs, answers)`."""
    from workflows.testing import SimulatedRunner

    return SimulatedRunner(workflow_backend, workflow_seed)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Tell of a failed test how its schedule is repeated."""
    report = yield
    arguments: dict[str, Any] = getattr(item, "funcargs", {})
    backend = arguments.get(CHECKED_ON)
    if report.when == "call" and report.failed and not {CHECKED_ON, "workflow_seed"}.isdisjoint(arguments):
        on = "" if backend is None else f"on {backend}; "
        seed = item.config.stash[SEED]
        report.sections.append(("workflows", f"{on}again with {SEED_OPTION}={seed}"))
    return report


# --- the marker -------------------------------------------------------------------------------------------------------


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    """Call a marked test, and check what it returns."""
    marker = pyfuncitem.get_closest_marker(MARKER)
    if marker is None:
        return None
    from workflows.testing.marked import check_marked

    arguments = cast("dict[str, Any]", pyfuncitem.funcargs)
    own = {name: arguments[name] for name in inspect.signature(pyfuncitem.obj).parameters if name in arguments}
    failure = check_marked(
        pyfuncitem.originalname,
        lambda: pyfuncitem.obj(**own),
        marker,
        backend=cast("Any", pyfuncitem).callspec.params[CHECKED_ON],
        seed=pyfuncitem.config.stash[SEED],
    )
    if failure is not None:
        pytest.fail(failure, pytrace=False)
    return True
