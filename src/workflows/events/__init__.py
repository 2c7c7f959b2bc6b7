"""Events: what steps receive and return.

Subclass `Event` and annotate fields; `StartEvent` begins a run, `StopEvent` ends it, `InputRequiredEvent` asks somebody
outside and `HumanResponseEvent` answers.
"""

from .annotations import resolved_fields as resolved_fields
from .construction import build_event as build_event
from .construction import restore_event as restore_event
from .failures import StepFailedEvent as StepFailedEvent
from .failures import UnreconstructedException as UnreconstructedException
from .failures import WorkflowCancelledEvent as WorkflowCancelledEvent
from .failures import WorkflowFailedEvent as WorkflowFailedEvent
from .failures import WorkflowTimedOutEvent as WorkflowTimedOutEvent
from .family import EventType as EventType
from .family import HumanResponseEvent as HumanResponseEvent
from .family import InputRequiredEvent as InputRequiredEvent
from .family import QuestionEvent as QuestionEvent
from .family import StartEvent as StartEvent
from .family import StopEvent as StopEvent
from .internal import InternalDispatchEvent as InternalDispatchEvent
from .internal import StepState as StepState
from .internal import StepStateChanged as StepStateChanged
from .internal import UnhandledEvent as UnhandledEvent
from .internal import WorkflowIdleEvent as WorkflowIdleEvent
from .joining import CollectionReleaseEvent as CollectionReleaseEvent
from .model import Event as Event
from .model import EventMeta as EventMeta
from .model import event_extras as event_extras
from .model import event_fields as event_fields
