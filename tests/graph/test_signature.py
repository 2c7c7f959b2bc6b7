"""What a step's annotations say, and what is refused with the way out."""

import functools
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from typing import Annotated, Any, Generic, Literal, NoReturn, Optional, TypeVar, Union

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.graph.standin import Context, Ordered, Packed, Shipped, problems_of, read, unchecked, without_annotations
from workflows.collect import All, Cardinality, Collect, Take
from workflows.errors import WorkflowValidationError
from workflows.events import Event, StopEvent
from workflows.graph import ListJoin, SlotJoin, StepSpec, read_step
from workflows.steps import ContextMarker, step

T = TypeVar("T")


class State:
    pass


class Box(Event, Generic[T]):
    content: T


class NoEvent:
    pass


def read_method(function: Callable[..., Any]) -> StepSpec:
    function.__qualname__ = f"Flow.{function.__name__}"
    return read(step(function))


def told(function: Any, *fragments: str) -> None:
    """Check that the function has exactly one problem, and that it's told with these fragments."""
    (problem,) = problems_of(function)
    assert problem.startswith(f"Step '{function.__name__}' ")
    for fragment in fragments:
        assert fragment in problem


# --- what is read -----------------------------------------------------------------------------------------------------


def test_a_step_is_read_with_its_options_and_its_signature() -> None:
    class Policy:
        def next(self, elapsed_time: float, attempts: int, error: Exception, *, seed: int | None = None) -> None:
            return None

    policy = Policy()

    class Flow:
        @step(num_workers=2, retry_policy=policy, accept_event_subclasses=True, skip_graph_checks={"reachability"})
        async def ship(self, ctx: Context[State], order: Ordered | Packed) -> Shipped | StopEvent | None:
            return None

    spec = read(Flow.ship)
    assert (spec.name, spec.function, spec.is_method, spec.is_async) == ("ship", Flow.ship, True, True)
    assert (spec.accepts, spec.returns, spec.returns_none) == ((Ordered, Packed), (Shipped, StopEvent), True)
    assert (spec.event_parameters, spec.context_parameter, spec.state_type) == (("order",), "ctx", State)
    assert (spec.num_workers, spec.retry_policy) == (2, policy)
    assert (spec.accept_event_subclasses, spec.skip_graph_checks) == (True, frozenset({"reachability"}))


def test_unions_are_read_in_all_their_spellings() -> None:
    def bar(self: object, ev: Ordered | Packed) -> Shipped | None:
        raise NotImplementedError

    def union(self: object, ev: Union[Ordered, Packed]) -> Union[Shipped, None]:  # noqa: UP007
        raise NotImplementedError

    def optional(self: object, ev: Optional[Union[Ordered, Packed]]) -> Optional[Shipped]:  # noqa: UP007, UP045
        raise NotImplementedError

    def annotated(self: object, ev: Annotated[Ordered | Packed, "a note"]) -> Annotated[Shipped | None, "a note"]:
        raise NotImplementedError

    def quoted(self: object, ev: "Ordered | Packed") -> "Shipped | None":
        raise NotImplementedError

    def half_quoted(self: object, ev: Union["Ordered", Packed]) -> Optional["Shipped"]:
        raise NotImplementedError

    for function in (bar, union, optional, annotated, quoted, half_quoted):
        spec = read_method(function)
        assert (spec.accepts, spec.returns, spec.returns_none) == ((Ordered, Packed), (Shipped,), True)


def test_a_type_alias_stands_for_its_value() -> None:
    class Alias:
        """What `type Either = Ordered | Packed` makes on later Pythons, as far as it is read."""

        __value__ = Ordered | Packed

    def go(self: object, ev: Any) -> Any:
        raise NotImplementedError

    go.__annotations__ |= {"ev": Alias(), "return": Optional[Annotated[Packed, 1]]}  # noqa: UP045
    spec = read_method(go)
    assert (spec.accepts, spec.returns, spec.returns_none) == ((Ordered, Packed), (Packed,), True)


def test_a_class_named_twice_counts_once() -> None:
    def go(self: object, ev: Ordered | Annotated[Ordered, 1]) -> StopEvent | Annotated[StopEvent, 1]:
        raise NotImplementedError

    spec = read_method(unchecked(go))
    assert (spec.accepts, spec.returns) == ((Ordered,), (StopEvent,))


def test_a_parametrized_event_is_routed_as_its_class() -> None:
    async def go(self: object, ev: Box[int]) -> Box[str]:
        return Box(content=str(ev.content))

    spec = read_method(go)
    assert (spec.accepts, spec.returns) == ((Box,), (Box,))


def test_a_step_may_return_nothing_or_never() -> None:
    async def nothing(self: object, ev: Ordered) -> None:
        raise NotImplementedError

    async def never(self: object, ev: Ordered) -> NoReturn:
        raise ValueError("always")

    for function in (nothing, never):
        spec = read_method(function)
        assert (spec.returns, spec.returns_none) == ((), True)


def test_the_kind_of_function_is_seen_through_wrappers() -> None:
    def told_of(function: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(function)
        def wrapper(*args: Any, **kwargs: Any) -> Any:
            return function(*args, **kwargs)

        return wrapper

    async def awaited(self: object, ev: Ordered) -> StopEvent:
        return StopEvent()

    def threaded(self: object, ev: Ordered) -> StopEvent:
        return StopEvent()

    assert [read_method(f).is_async for f in (awaited, threaded)] == [True, False]
    assert [read_method(told_of(f)).is_async for f in (unwrapped(awaited), unwrapped(threaded))] == [True, False]


def unwrapped(function: Callable[..., Any]) -> Callable[..., Any]:
    """Take the decoration off, so that a wrapper isn't a step by copy."""
    vars(function).clear()
    return function


def test_a_context_without_a_class_for_its_state_has_no_state_type() -> None:
    async def bare(self: object, ctx: Context[Any], ev: Ordered) -> StopEvent:
        raise NotImplementedError

    async def anything(self: object, ctx: Context[Any], ev: Ordered) -> StopEvent:
        raise NotImplementedError

    async def variable(self: object, ctx: Context[T], ev: Ordered) -> StopEvent:
        raise NotImplementedError

    async def optional(self: object, ctx: Context[Any] | None, ev: Ordered) -> StopEvent:
        raise NotImplementedError

    bare.__annotations__["ctx"] = Context
    for function in (bare, anything, variable, optional):
        spec = read_method(function)
        assert (spec.context_parameter, spec.state_type) == ("ctx", None)


def test_a_state_is_found_in_an_optional_context_and_may_be_generic() -> None:
    async def optional(self: object, ctx: Context[State] | None, ev: Ordered) -> StopEvent:
        raise NotImplementedError

    async def generic(self: object, ctx: Context[dict[str, int]], ev: Ordered) -> StopEvent:
        raise NotImplementedError

    assert read_method(optional).state_type is State
    assert read_method(generic).state_type is dict


def test_a_static_method_is_called_without_the_workflow() -> None:
    def go(ev: Ordered) -> Ordered:
        return ev

    go.__qualname__ = "Flow.go"
    event = Ordered(item="x")
    assert read(step(go), is_method=False).call("flow", "ctx", event) is event


def test_which_events_a_step_takes_depends_on_whether_it_follows_subclasses() -> None:
    class Express(Ordered):
        pass

    class Flow:
        @step
        async def exact(self, ev: Ordered) -> StopEvent:
            return StopEvent()

        @step(accept_event_subclasses=True)
        async def derived(self, ev: Ordered) -> StopEvent:
            return StopEvent()

    exact, derived = read(Flow.exact), read(Flow.derived)
    assert [exact.takes(event) for event in (Ordered, Express, Event)] == [True, False, False]
    assert [derived.takes(event) for event in (Ordered, Express, Event)] == [True, True, False]


# --- every order of parameters ----------------------------------------------------------------------------------------

NAMESPACE = {"Context": Context, "State": State, "A": Ordered, "B": Packed, "Stop": StopEvent, "Union": Union}


@given(
    is_method=st.booleans(),
    context=st.sampled_from([None, "Context", "Context[State]", "'Context[State]'", "Context['State']", "'Context'"]),
    event=st.sampled_from(["A", "B", "A | B", "Union[A, B]", "'A | B'", "B | A", "None | A", "Union['A', B]"]),
    context_first=st.booleans(),
    separator=st.sampled_from(["", "/", "*"]),
    at=st.integers(0, 3),
)
def test_a_call_reaches_every_order_of_parameters(
    is_method: bool, context: str | None, event: str, context_first: bool, separator: str, at: int
) -> None:
    parameters = [f"ev: {event}"]
    if context is not None:
        parameters.insert(0 if context_first else 1, f"ctx: {context}")
    first = 0
    if is_method:
        parameters.insert(0, "self")
        first = 1
    at = min(at, len(parameters))
    if (separator == "/" and at > 0) or (separator == "*" and first <= at < len(parameters)):
        parameters.insert(at, separator)
    namespace: dict[str, Any] = dict(NAMESPACE)
    source = f"def go({', '.join(parameters)}) -> Stop | None: return dict(locals())"
    exec(source, namespace)
    namespace["go"].__qualname__ = "Flow.go"

    spec = read_step("go", step(namespace["go"]), is_method=is_method)

    sent = Ordered(item="x")
    given_by_name = {"ev": sent, **({"ctx": "ctx"} if context else {}), **({"self": "flow"} if is_method else {})}
    assert spec.call("flow", "ctx", sent) == given_by_name
    assert spec.context_parameter == ("ctx" if context else None)
    assert spec.state_type is (State if context and "State" in context else None)
    assert set(spec.accepts) == {NAMESPACE[letter] for letter in "AB" if letter in event}


def test_the_commonest_order_is_called_without_anything_in_between() -> None:
    async def go(self: object, ctx: Context[State], ev: Ordered) -> StopEvent:
        raise NotImplementedError

    assert read_method(go).call is go


# --- what is refused --------------------------------------------------------------------------------------------------


def test_a_step_without_event_is_refused() -> None:
    async def only_self(self: object) -> StopEvent:
        raise NotImplementedError

    async def only_context(self: object, ctx: Context[State]) -> StopEvent:
        raise NotImplementedError

    told(only_self, "takes no event")
    told(only_context, "takes no event", "ev: StartEvent")


def test_a_method_without_self_is_refused() -> None:
    async def nothing() -> StopEvent:
        raise NotImplementedError

    async def event_first(ev: Ordered) -> StopEvent:
        raise NotImplementedError

    told(nothing, "without self")
    told(event_first, "has no self", "'ev'", "(self, ev: Ordered)")


def test_parameters_without_annotation_are_refused_each() -> None:
    def go(self: object, ctx: object, ev: object) -> StopEvent:
        raise NotImplementedError

    problems = problems_of(without_annotations(go, "self", "ctx", "ev"))
    assert len(problems) == 2
    assert "'ctx'" in problems[0]
    assert "`ev: SomeEvent`" in problems[1]


def test_variable_parameters_are_refused() -> None:
    def args(self: object, *args: Ordered) -> StopEvent:
        raise NotImplementedError

    def kwargs(self: object, ev: Ordered, **kwargs: Any) -> StopEvent:
        raise NotImplementedError

    told(args, "*args", "functools.wraps")
    told(kwargs, "**kwargs")


def test_a_step_with_several_event_parameters_joins_them_by_type() -> None:
    class Flow:
        @step
        async def go(self, packed: Packed, ctx: Context[State], *, ordered: Ordered) -> StopEvent:
            return StopEvent(result=(packed, ordered, ctx))

    spec = read(Flow.go)
    assert spec.join == SlotJoin((Packed, Ordered))
    assert (spec.accepts, spec.event_parameters, spec.context_parameter) == (
        (Packed, Ordered),
        ("packed", "ordered"),
        "ctx",
    )


def test_a_step_may_join_several_of_one_type() -> None:
    def go(self: object, first: Ordered, second: Ordered) -> StopEvent:
        raise NotImplementedError

    spec = read_method(go)
    assert (spec.join, spec.accepts) == (SlotJoin((Ordered, Ordered)), (Ordered,))


@pytest.mark.parametrize(
    ("annotation", "taken", "join"),
    [
        (list[Ordered], (Ordered,), ListJoin()),
        (list[Ordered | Packed], (Ordered, Packed), ListJoin()),
        ("list[Ordered]", (Ordered,), ListJoin()),
        (Annotated[list[Ordered], 1], (Ordered,), ListJoin()),
        (Annotated[list[Ordered], Collect()], (Ordered,), ListJoin()),
        (Annotated[list[Ordered], Collect], (Ordered,), ListJoin()),
        (Annotated[list[Ordered], Collect(All())], (Ordered,), ListJoin()),
        (Annotated[list[Ordered | Packed], Collect(Take(3))], (Ordered, Packed), ListJoin(3)),
    ],
)
def test_a_step_that_takes_a_list_joins_a_batch(annotation: Any, taken: Any, join: ListJoin) -> None:
    def go(self: object, evs: Any) -> StopEvent:
        raise NotImplementedError

    go.__annotations__["evs"] = annotation
    spec = read_method(go)
    assert (spec.accepts, spec.join, spec.event_parameters) == (taken, join, ("evs",))


@pytest.mark.parametrize(
    ("annotation", "bare", "listed", "is_nothing"),
    [
        (list[Ordered], (), (Ordered,), False),
        (list[Ordered | Packed], (), (Ordered, Packed), False),
        (list[Ordered] | list[Packed], (), (Ordered, Packed), False),
        (list[Ordered] | Packed | None, (Packed,), (Ordered,), True),
        (Optional[list[Ordered]], (), (Ordered,), True),  # noqa: UP045
        ("list[Ordered]", (), (Ordered,), False),
        (Ordered | Packed, (Ordered, Packed), (), False),
    ],
)
def test_what_is_returned_in_a_list_is_told_from_what_is_returned_by_itself(
    annotation: Any, bare: Any, listed: Any, is_nothing: bool
) -> None:
    def go(self: object, ev: Shipped) -> Any:
        raise NotImplementedError

    go.__annotations__["return"] = annotation
    spec = read_method(go)
    assert (spec.bare_returns, spec.list_returns, spec.returns_none) == (bare, listed, is_nothing)
    assert spec.returns == (*bare, *listed)


@pytest.mark.parametrize("annotation", [Sequence[Ordered], tuple[Ordered, ...], set[Ordered], list[Ordered] | None])
def test_several_events_at_once_are_taken_and_returned_in_lists_only(annotation: Any) -> None:
    def taking(self: object, ev: Any) -> StopEvent:
        raise NotImplementedError

    def giving(self: object, ev: Ordered) -> Any:
        raise NotImplementedError

    taking.__annotations__["ev"] = annotation
    giving.__annotations__["return"] = annotation
    told(taking, "takes several events at once", "`ev: list[Ordered]`")
    if annotation != list[Ordered] | None:
        told(giving, "to return several events at once", "`-> list[Ordered]`")


def test_a_list_stands_alone() -> None:
    def two(self: object, ordered: list[Ordered], packed: list[Packed]) -> StopEvent:
        raise NotImplementedError

    def beside(self: object, ordered: list[Ordered], ev: Packed) -> StopEvent:
        raise NotImplementedError

    told(two, "takes `ordered: list[Ordered], packed: list[Packed]`", "nothing beside it", "in a step each")
    told(beside, "takes `ordered: list[Ordered], ev: Packed`", "nothing beside it")


def test_a_union_beside_another_event_is_refused() -> None:
    def go(self: object, one: Ordered | Packed, other: Shipped) -> StopEvent:
        raise NotImplementedError

    told(go, "one of them a union, `one: Ordered | Packed`", "Let each name one class")


@pytest.mark.parametrize("annotation", [Annotated[Ordered, Collect()], Annotated[Ordered | Packed, Collect(Take(2))]])
def test_collect_stands_beside_a_list_only(annotation: Any) -> None:
    def go(self: object, ev: Any) -> StopEvent:
        raise NotImplementedError

    go.__annotations__["ev"] = annotation
    told(go, "has Collect beside what is no list of events", "Annotated[list[SomeEvent], Collect(...)]")


def test_a_cardinality_that_nobody_knows_is_refused() -> None:
    class Half(Cardinality):
        pass

    def half(self: object, ev: Annotated[list[Ordered], Collect(Half())]) -> StopEvent:
        raise NotImplementedError

    told(half, "collects 'ev' with Collect(", "no cardinality", "All() or Take(n)")


@pytest.mark.parametrize("number", [0, -1, True, 1.5, "2", None])
def test_take_wants_a_whole_number_above_0(number: Any) -> None:
    with pytest.raises(ValueError, match=r"Take\(.*\): give a whole number above 0"):
        Take(number)


def test_a_stop_event_is_no_member_of_a_list() -> None:
    def go(self: object, ev: Ordered) -> list[Packed | StopEvent]:
        raise NotImplementedError

    told(go, "returns StopEvent in a list", "Return it by itself")


def test_several_contexts_are_refused() -> None:
    def go(self: object, ctx: Context[State], also: Context[State], ev: Ordered) -> StopEvent:
        raise NotImplementedError

    told(go, "'ctx' and 'also'")


def test_a_state_that_is_no_class_is_refused() -> None:
    def go(self: object, ctx: Context[Literal["x"]], ev: Ordered) -> StopEvent:
        raise NotImplementedError

    told(go, "ctx: Context[Literal['x']]", "attrs class")


@pytest.mark.parametrize(
    "annotation", [int, NoEvent, str | int, Any, object, list, list[int], "NoEvent", 5, None, ContextMarker | int]
)
def test_a_parameter_that_is_no_event_is_refused(annotation: Any) -> None:
    def go(self: object, ev: Any) -> StopEvent:
        raise NotImplementedError

    go.__annotations__["ev"] = annotation
    told(go, "neither an event nor a Context", "derive the class from Event")


def test_a_union_of_events_with_something_else_is_refused() -> None:
    def taking(self: object, ev: Ordered | int) -> StopEvent:
        raise NotImplementedError

    def giving(self: object, ev: Ordered) -> Packed | int:
        raise NotImplementedError

    told(taking, "`ev: Ordered | int`", "int isn't an event class")
    told(giving, "`-> Packed | int`", "int isn't an event class", "StopEvent(result=value)")


def test_a_step_without_return_annotation_is_refused() -> None:
    def go(self: object, ev: Ordered) -> StopEvent:
        raise NotImplementedError

    told(without_annotations(go, "return"), "no return annotation", "`-> None` if it returns nothing")


@pytest.mark.parametrize("annotation", [int, Any, object, dict[str, int], "NoEvent", 5])
def test_a_return_that_is_no_event_is_refused(annotation: Any) -> None:
    def go(self: object, ev: Ordered) -> Any:
        raise NotImplementedError

    go.__annotations__["return"] = annotation
    told(go, "a step returns events or None", "StopEvent(result=value)")


def test_generators_are_refused() -> None:
    async def streaming(self: object, ev: Ordered) -> AsyncIterator[Packed]:
        yield Packed(item="x")

    def plain(self: object, ev: Ordered) -> Iterator[Packed]:
        yield Packed(item="x")

    async def handed_on(self: object, ev: Ordered) -> AsyncIterator[Packed]:
        raise NotImplementedError

    def awaitable(self: object, ev: Ordered) -> Awaitable[Packed]:
        raise NotImplementedError

    told(streaming, "`yield`", "ctx.write_event_to_stream")
    told(plain, "`yield`")
    told(handed_on, "-> AsyncIterator[Packed]", "`-> Packed`")
    told(awaitable, "-> Awaitable[Packed]", "`async def`")


def test_names_that_are_nowhere_are_shown_with_their_text() -> None:
    def go(self: object, ev: Ordered) -> StopEvent:
        raise NotImplementedError

    go.__annotations__ |= {"ev": "Ordered | Missing", "return": "Gone | None"}
    problems = problems_of(go)
    assert len(problems) == 2
    assert "`Ordered | Missing` of parameter 'ev'" in problems[0]
    assert "name 'Missing' is not defined" in problems[0]
    assert "`Gone | None` of the return annotation" in problems[1]


@pytest.mark.parametrize("text", ["Ordered |", "1 +", "Ordered.nothing", "Ordered[int]"])
def test_text_that_is_no_annotation_is_shown(text: str) -> None:
    def go(self: object, ev: Ordered) -> StopEvent:
        raise NotImplementedError

    go.__annotations__["ev"] = text
    told(go, f"`{text}` of parameter 'ev'")


def test_all_problems_of_a_step_are_told_at_once() -> None:
    def go(self: object, ctx: object, ev: int, *rest: Any) -> Iterator[int]:
        yield 1

    without_annotations(go, "self", "ctx", "return")
    with pytest.raises(WorkflowValidationError, match="Step 'go' has 4 problems") as caught:
        read_method(go)
    assert len(caught.value.problems) == 4
    assert all("\n" not in problem for problem in caught.value.problems)


def test_a_function_that_is_not_decorated_is_refused() -> None:
    def go(self: object, ev: Ordered) -> StopEvent:
        raise NotImplementedError

    with pytest.raises(WorkflowValidationError, match="isn't decorated: write @step"):
        read(go)
