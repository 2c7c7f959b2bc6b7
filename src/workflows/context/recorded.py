"""The operations of a step whose type follows from what they're given: a question's answer, a function's result."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, ParamSpec, TypeVar, overload

from ..errors import ContextStateError
from ..events import Event, HumanResponseEvent, InputRequiredEvent, QuestionEvent

A = TypeVar("A", bound=HumanResponseEvent)
B = TypeVar("B", bound=HumanResponseEvent)
C = TypeVar("C", bound=HumanResponseEvent)
D = TypeVar("D", bound=HumanResponseEvent)
E = TypeVar("E", bound=HumanResponseEvent)
P = ParamSpec("P")
T = TypeVar("T")
Seconds = float | None


class Recorded:
    """A part of `Context`; `StepContext` carries it out."""

    @overload
    async def ask(self, question: QuestionEvent[A], *, timeout: float | None = None) -> A: ...
    @overload
    async def ask(self, question: InputRequiredEvent, *, timeout: float | None = None) -> Any: ...
    async def ask(self, question: InputRequiredEvent, *, timeout: float | None = None) -> Any:
        """Publish a question and wait for its answer: the event class that it declares.

        A `QuestionEvent[Approved]` declares it for type checkers, too. As `wait_for_event`, and raises the same.
        """
        (answer,) = await self._ask_all((question,), timeout, "ctx.ask()")
        return answer

    @overload
    async def ask_all(self, q1: QuestionEvent[A], /, *, timeout: Seconds = None) -> tuple[A]: ...
    @overload
    async def ask_all(
        self, q1: QuestionEvent[A], q2: QuestionEvent[B], /, *, timeout: Seconds = None
    ) -> tuple[A, B]: ...
    @overload
    async def ask_all(
        self, q1: QuestionEvent[A], q2: QuestionEvent[B], q3: QuestionEvent[C], /, *, timeout: Seconds = None
    ) -> tuple[A, B, C]: ...
    @overload
    async def ask_all(
        self,
        q1: QuestionEvent[A],
        q2: QuestionEvent[B],
        q3: QuestionEvent[C],
        q4: QuestionEvent[D],
        /,
        *,
        timeout: Seconds = None,
    ) -> tuple[A, B, C, D]: ...
    @overload
    async def ask_all(
        self,
        q1: QuestionEvent[A],
        q2: QuestionEvent[B],
        q3: QuestionEvent[C],
        q4: QuestionEvent[D],
        q5: QuestionEvent[E],
        /,
        *,
        timeout: Seconds = None,
    ) -> tuple[A, B, C, D, E]: ...
    @overload
    async def ask_all(self, *questions: QuestionEvent[A], timeout: Seconds = None) -> tuple[A, ...]: ...
    @overload
    async def ask_all(self, *questions: InputRequiredEvent, timeout: Seconds = None) -> tuple[Any, ...]: ...
    async def ask_all(self, *questions: InputRequiredEvent, timeout: float | None = None) -> tuple[Any, ...]:
        """Ask several questions at once; the answers come in the order of the questions, when all are there.

        Raises:
            TimeoutError: One wasn't answered in time.
        """
        return tuple(await self._ask_all(questions, timeout, "ctx.ask_all()")) if questions else ()

    @overload
    async def once(self, fn: Callable[..., Awaitable[T]], /, *args: Any, key: str | None, **kwargs: Any) -> T: ...
    @overload
    async def once(self, fn: Callable[..., T], /, *args: Any, key: str | None, **kwargs: Any) -> T: ...
    @overload
    async def once(self, fn: Callable[P, Awaitable[T]], /, *args: P.args, **kwargs: P.kwargs) -> T: ...
    @overload
    async def once(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T: ...
    async def once(  # type: ignore[misc]  # mypy fears for functions that take a `key`; that one is ours
        self, fn: Callable[..., Any], /, *args: Any, key: str | None = None, **kwargs: Any
    ) -> Any:
        """Call a function, sync or async, once per step execution, and record its result.

        On a replay, and on a retry after an error, the recorded result is given and the function isn't called. A
        function that raises has no result: a retry calls it again, and a replay gives the error again. If the process
        dies before the result is stored, the function runs again.

        Args:
            fn: The function.
            key: Tells this call from others, where neither its arguments nor its order do.

        Raises:
            EncodeError: The function has run, but its result can't be stored.
        """
        return await self._once(fn, args, kwargs, key)

    async def _once(
        self, fn: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any], key: str | None
    ) -> Any:
        raise self._only_in_steps("once()")

    async def _ask_all(
        self, questions: tuple[InputRequiredEvent, ...], timeout: float | None, what: str
    ) -> list[Event]:
        raise self._only_in_steps(what.removeprefix("ctx."))

    def _only_in_steps(self, what: str) -> ContextStateError:
        return ContextStateError(
            f"{what} belongs into a step: it was called on a context outside. Take the context that the step is given."
        )


def answer_type_of(question: InputRequiredEvent) -> type[Event]:
    """The event class that answers a question."""
    return type(question).__answer_type__ or HumanResponseEvent
