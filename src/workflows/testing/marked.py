"""Tests that are marked with `@pytest.mark.replay_safe`: each returns a `ReplayCase`, and is a check of its replays."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from inspect import iscoroutine
from typing import Any, Final, Protocol, cast

import attrs

from ..errors import UsageError
from ..workflow import Workflow
from .answering import Answers, NoAnswer
from .backends import Backend
from .replay_check import MakeWorkflow, check_replay
from .replay_life import Inputs
from .replay_report import ReplayReport


class _Anything:
    def __repr__(self) -> str:
        return "anything"


ANYTHING: Final = _Anything()


@attrs.frozen
class ReplayCase:
    """What a test that's marked with `@pytest.mark.replay_safe` returns: what is to be checked, and what to expect.

    Attributes:
        workflow: The class of the workflow, or a function that makes one.
        inputs: The fields of the start event, or the event.
        answers: What its questions are answered with.
        result: What the undisturbed run must come to.
        then: Is called with the report, for more assertions.
    """

    workflow: MakeWorkflow
    inputs: Inputs = None
    answers: Answers | None = None
    result: object = attrs.field(default=ANYTHING, kw_only=True)
    then: Callable[[ReplayReport], object] | None = attrs.field(default=None, kw_only=True)


class Marker(Protocol):
    """A mark of pytest."""

    @property
    def args(self) -> Sequence[Any]: ...
    @property
    def kwargs(self) -> Mapping[str, Any]: ...


OWN = ("backends", "seeds", "exposed")
PASSED_ON = ("idle", "max_orders", "max_cuts", "allow", "outcome")


def check_marked(name: str, test: Callable[[], object], marker: Marker, *, backend: Backend, seed: int) -> str | None:
    """Call a marked test, and check what it returns; gives what's to be said of a failure.

    Args:
        name: What the test is called.
        test: Calls it.
        marker: Its mark.
        backend: The event loop.
        seed: The first of the seeds.

    Raises:
        UsageError: The mark has other arguments than these, or the test returns no case.
    """
    options = marker.kwargs
    if marker.args or not options.keys() <= {*OWN, *PASSED_ON}:
        given = [*map(repr, marker.args), *(f"{key}={value!r}" for key, value in options.items())]
        raise UsageError(
            f"@pytest.mark.replay_safe({', '.join(given)}): it takes {', '.join((*OWN, *PASSED_ON))}, by name."
        )
    seeds = options.get("seeds", 1)
    if not isinstance(seeds, int) or seeds < 1:
        raise UsageError(f"@pytest.mark.replay_safe(seeds={seeds!r}): give how many seeds are tried, 1 or more.")
    for number in range(seed, seed + seeds):
        again = f"Again with --workflow-seed={number}, on {backend}."
        try:
            failure = _failure_of(name, test, options, backend=backend, seed=number)
        except Exception as error:
            error.add_note(again)
            raise
        if failure is not None:
            return f"{failure}\n\n{again}"
    return None


def _failure_of(
    name: str, test: Callable[[], object], options: Mapping[str, Any], *, backend: Backend, seed: int
) -> str | None:
    """What's to be said of a failure with one seed."""
    case = _case_of(name, test())
    passed_on: dict[str, Any] = {key: options[key] for key in PASSED_ON if key in options}
    try:
        report = check_replay(case.workflow, case.inputs, case.answers, backend=backend, seed=seed, **passed_on)
    except NoAnswer as error:
        return str(error)
    if not report.is_safe or (options.get("exposed") and report.exposed):
        return f"{report}"
    if case.result is not ANYTHING and case.result != report.result:
        return f"The run came to {report.result!r}, and {case.result!r} is expected."
    if case.then is not None:
        case.then(report)
    return None


def _case_of(name: str, returned: object) -> ReplayCase:
    if iscoroutine(returned):
        returned.close()
    if isinstance(returned, ReplayCase):
        return returned
    if isinstance(returned, Workflow) or (isinstance(returned, type) and issubclass(returned, Workflow)):
        return ReplayCase(cast("MakeWorkflow", returned))
    raise UsageError(
        f"{name} is marked replay_safe and returned {returned!r:.200}. A plain function is expected, that returns a "
        "ReplayCase(workflow, inputs, answers), or a workflow that needs neither."
    )
