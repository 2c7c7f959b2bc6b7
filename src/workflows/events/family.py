"""The events that a run begins and ends with, and those that stop it for a human."""

from __future__ import annotations

import reprlib
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, ClassVar, Generic, TypeGuard, TypeVar

import attrs

from ..errors import DefinitionError
from .construction import EXTRAS
from .fields import KEEPS_OPEN
from .generics import arguments_of, is_open
from .model import Event, short_name, shown_extras, shown_fields

EventType = type[Event]
"""A class of events."""


class StartEvent(Event):
    """The first event of a run: the keywords of `Workflow.run(...)`, as extras or as the fields of a subclass."""

    if TYPE_CHECKING:  # open, so any keyword and any attribute may be right; declare a subclass to have them checked

        def __init__(self, /, **extras: Any) -> None: ...

        def __getattr__(self, name: str) -> Any: ...


class StopEvent(Event):
    """The last event of a run. Returning one from a step ends the run.

    Awaiting the run gives `result`, or for a subclass of `StopEvent` the event itself. A subclass that declares fields
    is closed and still has `result`, `None` by default.
    """

    result: Any = attrs.field(default=None, metadata={KEEPS_OPEN: True})

    # Written out, since `StopEvent("done")` is common. It does what a generated one would.
    def __init__(self, /, result: Any = None, **extras: Any) -> None:
        fields = vars(self)
        fields["result"] = result
        if extras:
            fields[EXTRAS] = extras

    if TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any: ...

    @reprlib.recursive_repr()
    def __repr__(self) -> str:
        fields = [shown for shown in shown_fields(self) if not shown.startswith("result=")]
        parts = [*shown_extras(self), *fields, f"result={self.result!r}"]
        return f"{short_name(type(self))}({', '.join(parts)})"

    def __str__(self) -> str:
        return str(self.result)


class HumanResponseEvent(Event):
    """An answer from outside. It reaches the question that it's given for, and no later one."""

    if TYPE_CHECKING:

        def __init__(self, /, **extras: Any) -> None: ...

        def __getattr__(self, name: str) -> Any: ...


class InputRequiredEvent(Event):
    """A question to somebody outside. Published on the run's stream when a step returns or asks it.

    A subclass says what an answer must be, and answers are checked against it before the step wakes:

    ```python
    class Approved(HumanResponseEvent):
        by: str


    class Approval(InputRequiredEvent, answer=Approved):
        claim_id: str
    ```

    Type checkers don't see class keywords, so that the answer to such a question is `Any` to them; `QuestionEvent` says
    the same to them, too.

    Class keywords, besides those of `Event`:
        answer: The class of the answer, inherited by subclasses.

    Raises:
        DefinitionError: `answer` is no subclass of `HumanResponseEvent`.
    """

    __answer_type__: ClassVar[type[HumanResponseEvent] | None] = None

    if TYPE_CHECKING:

        def __init__(self, /, **extras: Any) -> None: ...

        def __getattr__(self, name: str) -> Any: ...

        def __init_subclass__(
            cls,
            *,
            answer: type[HumanResponseEvent] | None = None,
            name: str | None = None,
            aliases: Iterable[str] = (),
            extra: bool | None = None,
        ) -> None: ...

    else:

        def __init_subclass__(cls, *, answer=None, **keywords):
            super().__init_subclass__(**keywords)
            if answer is None:
                return
            if not _is_answer(answer):
                raise DefinitionError(
                    f"Event class {cls.__module__}.{cls.__qualname__} has answer={answer!r}: give a subclass of "
                    f"HumanResponseEvent, whose fields say what an answer must have."
                )
            cls.__answer_type__ = answer


AnswerT_co = TypeVar("AnswerT_co", bound=HumanResponseEvent, covariant=True)


class QuestionEvent(InputRequiredEvent, Generic[AnswerT_co]):
    """A question that says in its type what answers it, so that type checkers know what `await ctx.ask(...)` gives.

    ```python
    class Approval(QuestionEvent[Approved]):
        claim_id: str
    ```

    is the same as `class Approval(InputRequiredEvent, answer=Approved)`, and more: the answer is an `Approved` to type
    checkers as well. Only subclasses that name their answer can be made.

    Raises:
        DefinitionError: What stands in the brackets is no subclass of `HumanResponseEvent`, or `answer=` says
            otherwise.
    """

    if TYPE_CHECKING:

        def __init__(self, /, **extras: Any) -> None: ...

    else:

        def __init__(self, /, **extras):
            raise TypeError(
                f"{type(self).__name__} doesn't say what answers it. Derive a class that does, "
                f"`class Approval({type(self).__name__}[Approved])`, and make one of that; or make an "
                "InputRequiredEvent, which any HumanResponseEvent answers."
            )

        def __init_subclass__(cls, *, answer=None, **keywords):
            super().__init_subclass__(answer=answer, **keywords)
            (declared,) = arguments_of(cls, QuestionEvent)
            if is_open(declared) and cls.__parameters__:
                cls.__init__ = QuestionEvent.__init__
            elif not is_open(declared):
                cls.__answer_type__ = _declared_answer(cls, declared, answer)
            elif cls.__answer_type__ is None:
                raise _no_answer(cls, None)


def _is_answer(kind: object) -> TypeGuard[type[HumanResponseEvent]]:
    return isinstance(kind, type) and issubclass(kind, HumanResponseEvent)


def _declared_answer(cls: type[InputRequiredEvent], declared: object, answer: type | None) -> type[HumanResponseEvent]:
    """The class of a question's answer, of what stands in the brackets, in `answer=`, and was inherited."""
    if not _is_answer(declared):
        raise _no_answer(cls, declared)
    known = cls.__answer_type__
    if known is not None and issubclass(known, declared):
        return known
    if answer is not None:
        raise DefinitionError(
            f"Event class {cls.__module__}.{cls.__qualname__} is a question for {declared.__name__}, and has "
            f"answer={answer.__name__}. Say it once."
        )
    return declared


def _no_answer(cls: type, found: object) -> DefinitionError:
    return DefinitionError(
        f"Event class {cls.__module__}.{cls.__qualname__} is a question for {found!r}: put a subclass of "
        "HumanResponseEvent in the brackets, `QuestionEvent[Approved]`; the class itself, not its name."
    )
