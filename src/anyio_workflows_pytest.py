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


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Have each marked test, and each that asks for the backend, run on each backend."""
    marker = metafunc.definition.get_closest_marker(MARKER)
    names = metafunc.fixturenames
    if marker is None and "workflow_backend" not in names:
        return
    if "workflow_backend" not in names:
        names.append("workflow_backend")
    wanted = BACKENDS if marker is None else marker.kwargs.get("backends", BACKENDS)
    metafunc.parametrize("workflow_backend", [backend for backend in wanted if backend in BACKENDS], indirect=True)


@pytest.fixture
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
    if report.when == "call" and report.failed and "workflow_seed" in arguments:
        seed = arguments["workflow_seed"]
        report.sections.append(("workflows", f"on {arguments['workflow_backend']}; again with {SEED_OPTION}={seed}"))
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
        backend=cast("Any", pyfuncitem).callspec.params["workflow_backend"],
        seed=pyfuncitem.config.stash[SEED],
    )
    if failure is not None:
        pytest.fail(failure, pytrace=False)
    return True
