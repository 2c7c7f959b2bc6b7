"""SimulatedRunner: whole runs in virtual time, for plain test functions. The pytest plugin gives one."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from ..events import EventType, StartEvent
from ..runtime.starting import start_event_of
from ..types import ResultT_co
from ..workflow import Workflow
from .answering import Answers
from .backends import Backend
from .replay_life import Inputs
from .runner import WorkflowTestResult, WorkflowTestRunner
from .simulation import simulated


class SimulatedRunner:
    """Runs workflows to their ends in virtual time: the fixture `workflow_runner` of the pytest plugin.

    Attributes:
        backend: The event loop.
        seed: The schedule.
    """

    def __init__(self, backend: Backend = "trio", seed: int = 0) -> None:
        self.backend: Backend = backend
        self.seed: int = seed

    def run(
        self,
        workflow: Workflow[Any, ResultT_co],
        inputs: Inputs = None,
        answers: Answers | None = None,
        *,
        expose_internal: bool = True,
        exclude_events: Collection[EventType] | None = None,
        idle: float = 0.0,
    ) -> WorkflowTestResult[ResultT_co]:
        """Run a workflow to its end, answering its questions. A day of timeouts takes milliseconds.

        Args:
            workflow: The workflow.
            inputs: The fields of the start event, or the event.
            answers: As for `check_replay`.
            expose_internal: Also collect the events in which the engine tells of itself.
            exclude_events: Classes whose events aren't collected; exactly these, subclasses are.
            idle: See `simulate`: pass 0.2 if the steps use threads.

        Raises:
            InvalidStartEvent: The inputs don't make a start event.
            SimulationFault: Tasks were left, or the run was stuck.
            Exception: What the run failed with.
        """
        given, fields = (inputs, None) if isinstance(inputs, StartEvent) else (None, inputs)
        start = start_event_of(workflow.definition, given, dict(fields or {}), what="run()")

        async def scenario() -> WorkflowTestResult[ResultT_co]:
            return await WorkflowTestRunner(workflow).run(
                start, expose_internal=expose_internal, exclude_events=exclude_events, answers=answers
            )

        of = type(workflow).__name__
        again = f"SimulatedRunner({self.backend!r}, {self.seed}).run({of}(...){f', idle={idle:g}' if idle else ''})"
        return simulated(scenario, again=again, backend=self.backend, seed=self.seed, idle=idle)
