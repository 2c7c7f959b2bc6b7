"""Every exception that `workflows` raises, in one tree; the class says who is to blame.

```text
WorkflowsError
├── DefinitionError                   your class
│   ├── WorkflowValidationError           signatures and the graph; `.problems` has one line each
│   └── WorkflowConfigurationError        start and stop events
├── UsageError                        your call
│   ├── ContextStateError                 a method in the wrong life of a context
│   ├── EncodeError                       a value that can't be stored; `.problems` with paths
│   ├── InvalidInput                      data from outside that doesn't fit its declared type
│   │   ├── InvalidStartEvent                 the inputs of a run (a WorkflowRuntimeError too)
│   │   └── InvalidAnswer                     an answer that doesn't fit; its question stays open
│   ├── StatePathError                    a path into the state that can't be followed or written
│   ├── AnswerRefused                     an answer that reaches no question
│   │   ├── AmbiguousAnswer                   `.candidates`
│   │   ├── AlreadyAnswered
│   │   └── NoOpenQuestion
│   ├── StreamEventsMissed                `.missed`, `.first_kept`
│   ├── RunNotFound                       no stored run of this id
│   ├── RunExists                         one of this id is stored already
│   ├── RunOwnedElsewhere                 another living runtime carries the run
│   └── MissingExtra                      a part of this package that has to be installed
├── StepError                         your step
│   ├── SuspensionSwallowed
│   └── ReplayMismatch                    `.recorded`, `.now`
├── WorkflowRuntimeError              a run that couldn't go on
│   ├── WorkflowTimeoutError
│   ├── WorkerProcessDied                 the process of a step
│   ├── WaitTimedOut
│   ├── StepTimedOut
│   ├── WorkflowCancelledByUser
│   ├── WorkflowStepDoesNotExistError
│   └── WorkflowDone
├── JournalError                      your stored data
│   ├── ContextSerdeError
│   │   ├── DecodeError                       `.problems` with paths
│   │   └── SnapshotMismatch                  `.problems`
│   └── StoreError                        the store of durable runs; `.run_ids`
│       ├── StoreUnavailable                  the medium is full, locked, read-only, or fails
│       ├── StoreFormatError                  no store, or of another version
│       ├── StoreDamaged                      what is stored is incomplete, or was changed
│       └── OwnershipLost                     another runtime has taken the run over
└── EngineBug                         us; please report it
```
"""

from __future__ import annotations

from collections.abc import Sequence


class WorkflowsError(Exception):
    """The root: catch it to catch everything that this package raises of its own."""


class _Problems(WorkflowsError):
    """An error that lists all problems at once."""

    def __init__(self, message: str, problems: Sequence[str] = ()) -> None:
        self.problems: tuple[str, ...] = tuple(problems) or (message,)
        lines = "".join(f"\n  - {problem}" for problem in problems)
        super().__init__(message + lines)


class DefinitionError(WorkflowsError):
    """A workflow, step or event class is not defined as it must be."""


class WorkflowValidationError(_Problems, DefinitionError, ValueError):
    """Steps or their graph are wrong; `problems` has a line for each."""


class WorkflowConfigurationError(_Problems, DefinitionError, ValueError):
    """The start or stop event of a workflow can't be determined."""


class UsageError(WorkflowsError):
    """The call isn't allowed here, or not with these arguments."""


class ContextStateError(UsageError, RuntimeError):
    """A context was used in a life in which it can't do that: before, during or after the run, or outside a step."""


class EncodeError(_Problems, UsageError, ValueError):
    """A value can't be stored; `problems` has its path and the reason, for each."""


class InvalidInput(_Problems, UsageError, ValueError):
    """Data from outside doesn't fit the declared type; `problems` has path and reason for each."""


class InvalidAnswer(InvalidInput):
    """An answer doesn't fit its question. The question stays open and no step has seen the answer."""


class StatePathError(UsageError, ValueError):
    """A path into the state can't be followed, or not be written at."""


class AnswerRefused(UsageError, LookupError):
    """An answer was turned down; the run is as it was before."""


class AmbiguousAnswer(AnswerRefused):
    """An answer could serve several different questions: name one of `candidates` with `reply_to=`."""

    def __init__(self, message: str, candidates: Sequence[object] = ()) -> None:
        self.candidates: tuple[object, ...] = tuple(candidates)
        super().__init__(message)


class AlreadyAnswered(AnswerRefused):
    """The question was answered before, or is closed; the first accepted answer counts."""


class NoOpenQuestion(AnswerRefused):
    """No open question takes this answer."""


class StreamEventsMissed(UsageError, LookupError):
    """A reader asked for events that are no longer kept: `missed` of them; the first one left is `first_kept`."""

    def __init__(self, message: str, *, missed: int, first_kept: int) -> None:
        self.missed = missed
        self.first_kept = first_kept
        super().__init__(message)


class RunNotFound(UsageError, LookupError):
    """There's no stored run of this id."""


class RunExists(UsageError):
    """A run of this id is stored already: resume it, or give the new one another id."""


class RunOwnedElsewhere(UsageError):
    """Another living runtime carries the run; it can be sent events, read and cancelled, but not be resumed here."""


class MissingExtra(UsageError, ImportError):
    """What this needs isn't installed; the message has the line that installs it."""


class StepError(WorkflowsError):
    """A step did something that breaks the replay of its work."""


class SuspensionSwallowed(StepError):
    """A step went on although it was being suspended: it swallowed the cancellation."""


class ReplayMismatch(StepError):
    """A replayed step departed from what was recorded: `recorded` is what it did, `now` what it asked for."""

    def __init__(self, message: str, *, recorded: str = "", now: str = "") -> None:
        self.recorded = recorded
        self.now = now
        super().__init__(message)


class WorkflowRuntimeError(WorkflowsError, RuntimeError):
    """A run couldn't start or go on."""


class InvalidStartEvent(InvalidInput, WorkflowRuntimeError):
    """The inputs of a run don't make its start event."""


class WorkflowTimeoutError(WorkflowRuntimeError, TimeoutError):
    """A run has spent its time budget."""


class WorkerProcessDied(WorkflowRuntimeError):
    """The process in which a step ran came to an end before the step had."""


class WaitTimedOut(WorkflowRuntimeError, TimeoutError):
    """A question's deadline passed without an answer."""


class StepTimedOut(WorkflowRuntimeError, TimeoutError):
    """An attempt of a step has taken longer than its `@step(timeout=...)`; a retry policy may have it tried again."""


class WorkflowCancelledByUser(WorkflowRuntimeError):
    """The run was cancelled; its snapshot can be resumed."""


class WorkflowStepDoesNotExistError(WorkflowRuntimeError, LookupError):
    """An event was sent to a step that the workflow doesn't have."""


class WorkflowDone(WorkflowRuntimeError):
    """The run is over."""


class JournalError(WorkflowsError):
    """Stored data can't be used."""


class ContextSerdeError(_Problems, JournalError, ValueError):
    """A snapshot isn't one, or is of a format that this version doesn't know."""


class DecodeError(ContextSerdeError):
    """Stored data can't be read back; `problems` has path and reason for each."""


class SnapshotMismatch(ContextSerdeError):
    """A snapshot doesn't fit the workflow as it is now; `problems` has a line for each."""


class StoreError(JournalError):
    """A store of durable runs can't do what it should; `run_ids` are the runs that it concerns, as far as that's known.

    What was committed before stays as it is. A run whose progress couldn't be stored is stopped, and can be recovered.
    """

    def __init__(self, message: str, run_ids: Sequence[str] = ()) -> None:
        super().__init__(message)
        self.run_ids: tuple[str, ...] = tuple(run_ids)


class StoreUnavailable(StoreError):
    """The medium can't be read or written now: it's full, locked, read-only, or fails."""


class StoreFormatError(StoreError):
    """This is no store, or one that another version of this package has made."""


class StoreDamaged(StoreError):
    """Something that was stored is incomplete, or isn't as it was stored."""


class OwnershipLost(StoreError):
    """Another runtime has taken a run over, since this one didn't renew its lease in time; it's stopped here."""


class EngineBug(WorkflowsError, RuntimeError):
    """An invariant of the engine doesn't hold. Please report it, with the message."""
