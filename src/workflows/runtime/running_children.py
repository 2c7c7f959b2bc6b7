"""Running children: `ctx.run(workflow)`, a run that belongs to a step.

Rules:
- The child's steps run in the crew of the run; the step that has started it awaits its end in place for as long as
  something is at work in it. When all in it waits, awaiting it is a wait like any other: it suspends or parks the step.
- A child goes on while its step is suspended. It stands still from when its await is cancelled otherwise (by a
  deadline, or a sibling task that failed), and goes on when the step comes to it again.
- How it ended is on record, and given again on each replay: its result, or the error that it failed with. A retry keeps
  the result; one that failed is run anew.
"""

from __future__ import annotations

from typing import Any

import anyio
import attrs
from anyio.lowlevel import checkpoint

from ..codec import own_copy
from ..core.records import Branch, Ran
from ..core.ticks import ChildStarted, ChildWanted
from ..errors import EncodeError, EngineBug, UsageError
from ..events import StartEvent, StopEvent
from .attempt import Attempt
from .definition import Definition
from .operations import recorded
from .outcome import error_of


@attrs.frozen
class ChildCall:
    """What is to be run as a child: a workflow that was declared, its start event, and the key that tells it apart."""

    definition: Definition
    event: StartEvent
    key: str | None

    @property
    def workflow(self) -> str:
        """The name of the workflow."""
        return self.definition.program.workflow_name

    def label(self, step: str) -> str:
        """What its questions are listed under."""
        of_which = "" if self.key is None else f"[{self.key}]"
        return f"{step}/{self.definition.program.class_name}{of_which}"

    def content(self, branch: Branch) -> str:
        """What tells the call from others."""
        if self.key is not None:
            return f"{self.workflow} key={self.key}"
        try:
            return f"{self.workflow} {self.definition.codec.fingerprint(self.event)}"
        except EncodeError as error:
            if branch is not None:
                return self.workflow  # order tells it apart; what can't be stored can't be compared
            raise UsageError(
                f"ctx.run({self.definition.program.class_name}) was called with {self.event!r}, which can't be stored, "
                "so nothing tells it apart from others on a replay.\n  Give it a key=, or enter "
                "`async with ctx.branch(key):` first."
            ) from error


async def run_child(attempt: Attempt, call: ChildCall) -> Any:
    """Run a workflow as a child of the step, and give its result.

    Safe to cancel: the child stands still then, and goes on if a replay or a retry comes there.
    """
    attempt.check_open()
    attempt.refuse_inside("ctx.run()", of=("once", "edit"))
    await attempt.hold_while_stopping()
    branch = attempt.branch()
    content = call.content(branch)
    if branch is None:
        attempt.use_once("run", content, f"ctx.run({call.definition.program.class_name})")
    found = recorded(attempt, branch, "run", content)
    if found is None:
        label = call.label(attempt.step.name)
        attempt.emit(ChildStarted, branch, content, call.workflow, label, call.event)
        record = _made(attempt, branch, content)
    else:
        assert isinstance(found, Ran)
        record = found
        if record.is_cut_short:
            await _come_to_it_again(attempt, branch, record)
    if not record.is_settled:
        await _wait(attempt, record)
    await checkpoint()
    return _result_of(record, call)


def _made(attempt: Attempt, branch: Branch, content: str) -> Ran:
    """The record of a child that the core has just started, or kept for this retry."""
    memory = attempt.recall()
    found = memory.found.get(("run", content)) if branch is None else memory.tape(branch).records[-1]
    if not isinstance(found, Ran):
        raise EngineBug("the core hasn't recorded that a child runs")
    return found


async def _come_to_it_again(attempt: Attempt, branch: Branch, record: Ran) -> None:
    """A replay comes to a child whose await was cut short: by a deadline of the step's own, which comes again."""
    stands_behind = attempt.replay is not None and attempt.replay.peek(branch) is not None
    if stands_behind and anyio.current_effective_deadline() < float("inf"):
        await anyio.sleep_forever()
    attempt.emit(ChildWanted, record.child, True)


async def _wait(attempt: Attempt, record: Ran) -> None:
    try:
        while not record.is_settled:
            if _is_at_work(attempt, record):
                await attempt.next_word([record.name])
            else:
                await _wait_for_what_it_waits_for(attempt, record)
            if attempt.is_stopping() and not record.is_settled:
                await attempt.hold()
    except BaseException:  # whatever it is passes on; a cancellation that isn't the run's own holds the child
        if not record.is_settled and not attempt.is_in_vain:
            attempt.emit(ChildWanted, record.child, False)
        raise


def _is_at_work(attempt: Attempt, record: Ran) -> bool:
    child = attempt.recall_child(record.child)
    return child is not None and child.state.budget.active > 0


async def _wait_for_what_it_waits_for(attempt: Attempt, record: Ran) -> None:
    """All in the child waits, for answers or for time: so does the step."""
    is_root = attempt.is_own_task()
    if is_root and attempt.run.options.suspends and attempt.can_suspend:
        attempt.begin_suspending(lambda: () if record.is_settled else (record.name,))
        await attempt.be_suspended()
    attempt.park(is_root=is_root)
    try:
        await attempt.next_word([record.name])
    finally:
        attempt.unpark(is_root=is_root)


def _result_of(record: Ran, call: ChildCall) -> Any:
    if record.outcome is None:
        raise EngineBug(f"child {record.child} is settled without an outcome")
    result = record.outcome.result
    if result is not None:
        own: object = result.result if type(result) is StopEvent else result
        return own_copy(own, call.definition.codec)
    error = error_of(record.outcome, call.definition.program.class_name, f"child {record.child}")
    assert error is not None
    raise _as_it_came(error)


def _as_it_came(error: BaseException) -> BaseException:
    """The error with the traceback that it has from the child, without what was added where it was raised before."""
    found = trace = error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code is _result_of.__code__:
            found = trace.tb_next
        trace = trace.tb_next
    return error.with_traceback(found)
