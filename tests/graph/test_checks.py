"""What is wrong with a graph, and what each message tells."""

from typing import Any

import pytest

from tests.graph.standin import (
    Ordered,
    Packed,
    Shipped,
    build_step,
    flow,
    graph_problems,
    unchecked,
)
from workflows.errors import WorkflowValidationError
from workflows.events import Event, HumanResponseEvent, InputRequiredEvent, StartEvent, StopEvent
from workflows.graph import check_program, workflow_skips


class Express(Ordered):
    pass


class OrderedTwice(Event):
    pass


class Question(InputRequiredEvent):
    pass


class Answer(HumanResponseEvent):
    pass


class End(StopEvent):
    pass


GO = build_step("go", [StartEvent], [StopEvent])


def only(problems: list[str], *fragments: str) -> None:
    (problem,) = problems
    assert "\n" not in problem
    for fragment in fragments:
        assert fragment in problem


def test_a_graph_without_faults_has_no_problems() -> None:
    assert graph_problems(GO) == []
    assert (
        graph_problems(
            build_step("take", [StartEvent], [Ordered, None]),
            build_step("pack", [Ordered], [Packed, Ordered]),
            build_step("log", [Packed], [None]),
            build_step("ship", [Packed], [StopEvent]),
        )
        == []
    )


def test_questions_need_no_taker_and_answers_no_maker() -> None:
    assert (
        graph_problems(build_step("ask", [StartEvent], [Question]), build_step("answered", [Answer], [StopEvent])) == []
    )
    assert graph_problems(GO, build_step("remember", [Answer], [None])) == []
    assert graph_problems(GO, build_step("forward", [StartEvent], [Answer])) == []


def test_a_start_event_may_be_returned_to_begin_again() -> None:
    assert graph_problems(build_step("go", [StartEvent], [StartEvent, StopEvent])) == []


def test_accepting_the_stop_event_is_refused_whatever_is_skipped() -> None:
    problems = graph_problems(
        build_step("go", [StartEvent], [End]),
        build_step("after", [End], [None]),
        skip=["reachability", "terminal_event", "dead_end"],
    )
    only(problems, "Step 'after' of Flow accepts End", "ends the run", "return End from here")


# --- events without taker or maker ------------------------------------------------------------------------------------


def test_an_event_that_no_step_accepts_is_told_with_the_way_out() -> None:
    problems = graph_problems(build_step("go", [StartEvent], [Shipped, StopEvent]))
    only(
        problems,
        "Step 'go' of Flow returns Shipped, which no step accepts and which isn't a StopEvent.",
        "Accept it in a step, or return StopEvent(result=...)",
        '@step(skip_graph_checks=["dead_end"])',
    )


def test_an_event_that_no_step_returns_is_told_with_the_way_out() -> None:
    problems = graph_problems(GO, build_step("ship", [Packed], [StopEvent]))
    only(
        problems,
        "Step 'ship' of Flow accepts Packed, which no step returns.",
        "`-> Packed | None` where it's sent with ctx.send_event",
        "HumanResponseEvent",
        '@step(skip_graph_checks=["reachability"])',
    )


def test_each_event_of_a_union_needs_a_maker() -> None:
    problems = graph_problems(
        build_step("go", [StartEvent], [Ordered]), build_step("both", [Ordered, Packed, Shipped], [StopEvent])
    )
    assert [problem.split(",")[0] for problem in problems] == [
        "Step 'both' of Flow accepts Packed",
        "Step 'both' of Flow accepts Shipped",
    ]


def test_a_name_nearly_right_is_pointed_to() -> None:
    problems = graph_problems(
        build_step("go", [StartEvent], [Ordered, StopEvent]), build_step("notify", [OrderedTwice], [None])
    )
    assert len(problems) == 2
    assert problems[0].endswith("Similar: OrderedTwice (accepted by 'notify').")
    assert problems[1].endswith("Similar: Ordered (returned by 'go').")


def test_two_classes_of_one_name_are_told_apart() -> None:
    twin = unchecked(type(Event))("Ordered", (Event,), {"__module__": "elsewhere"})
    problems = graph_problems(
        build_step("go", [StartEvent], [Ordered, StopEvent]), build_step("notify", [twin], [None])
    )
    assert "Ordered (accepted by 'notify', but another class: elsewhere.Ordered)" in problems[0]
    assert f"Ordered (returned by 'go', but another class: {Ordered.__module__}.Ordered)" in problems[1]


def test_a_step_that_takes_the_base_class_is_pointed_to() -> None:
    problems = graph_problems(
        build_step("go", [StartEvent], [Express, StopEvent]), build_step("pack", [Ordered], [StopEvent])
    )
    assert len(problems) == 2
    assert "'pack' accepts Ordered, from which it's derived" in problems[0]
    assert "accept_event_subclasses=True" in problems[0]
    assert "'go' returns Express, which is derived from it" in problems[1]
    followed = build_step("pack", [Ordered], [StopEvent], subclasses=True)
    assert graph_problems(build_step("go", [StartEvent], [Express, StopEvent]), followed) == []


def test_a_step_that_takes_the_derived_class_is_pointed_to() -> None:
    problems = graph_problems(
        build_step("go", [StartEvent], [Ordered, StopEvent]),
        build_step("pack", [Express], [StopEvent], skip=["reachability"]),
    )
    only(problems, "returns Ordered", "'pack' accepts Express, which is derived from it: name the class")


# --- ways through the graph -------------------------------------------------------------------------------------------


def test_steps_that_only_reach_each_other_are_told() -> None:
    problems = graph_problems(
        GO, build_step("pack", [Ordered], [Packed, StopEvent]), build_step("unpack", [Packed], [Ordered])
    )
    assert len(problems) == 2
    assert "Step 'pack' of Flow can't be reached from StartEvent" in problems[0]
    assert "(Ordered) is returned only by 'unpack', which can't be reached either" in problems[0]
    assert "Step 'unpack' of Flow can't be reached" in problems[1]


def test_a_step_that_only_feeds_itself_is_told() -> None:
    only(graph_problems(GO, build_step("loop", [Ordered], [Ordered, StopEvent])), "is returned by no other step")


def test_a_run_that_cannot_end_is_told() -> None:
    problems = graph_problems(
        build_step("go", [StartEvent], [Question]), build_step("end", [Packed], [StopEvent]), skip=["dead_end"]
    )
    assert len(problems) == 2
    assert problems[1].startswith(
        "No step of Flow that can be reached returns StopEvent, so that a run could never end"
    )
    assert "only 'end' would" in problems[1]
    assert "from 'go'." in problems[1]


def test_a_circle_without_exit_is_told_for_each_of_its_steps() -> None:
    problems = graph_problems(
        build_step("go", [StartEvent], [Ordered, StopEvent]),
        build_step("pack", [Ordered], [Packed]),
        build_step("unpack", [Packed], [Ordered]),
    )
    assert len(problems) == 1 + 1  # 'go' has a way out
    assert (
        "Step 'pack' of Flow returns Packed, which leads to 'pack' and 'unpack' and goes round for ever" in problems[0]
    )
    assert "never to StopEvent nor to a question" in problems[0]
    assert "Step 'unpack'" in problems[1]


def test_events_that_end_in_a_step_which_returns_none_are_told() -> None:
    steps = [GO, build_step("pack", [StartEvent], [Packed]), build_step("log", [Packed], [None])]
    only(
        graph_problems(*steps),
        "Step 'pack' of Flow returns Packed, which leads to 'log' and ends in 'log' without an event",
        "name what a step sends with ctx.send_event in its return annotation",
    )


def test_an_event_without_taker_is_no_dead_end_as_well() -> None:
    only(graph_problems(GO, build_step("pack", [StartEvent], [Packed])), "which no step accepts")


# --- leaving out checks -----------------------------------------------------------------------------------------------

LOST = [
    build_step("go", [StartEvent], [Ordered]),
    build_step("round", [Ordered], [Ordered]),
    build_step("end", [Packed], [StopEvent]),
    build_step("aside", [StartEvent], [Shipped]),
]


@pytest.mark.parametrize(
    ("skip", "left"),
    [
        ([], {"leads to", "no step returns", "could never end", "no step accepts"}),
        (["reachability"], {"leads to", "no step accepts"}),
        (["terminal_event"], {"leads to", "no step returns"}),
        (["dead_end"], {"no step returns", "could never end", "no step accepts"}),
        (["reachability", "terminal_event", "dead_end"], set[str]()),
    ],
)
def test_each_check_can_be_left_out_for_the_workflow(skip: list[str], left: set[str]) -> None:
    problems = graph_problems(*LOST, skip=skip)
    phrases = {"leads to", "no step returns", "could never end", "no step accepts"}
    assert {phrase for phrase in phrases if any(phrase in problem for problem in problems)} == left


def test_a_step_that_skips_reachability_is_where_events_come_in() -> None:
    webhook = build_step("webhook", [Ordered], [Packed], skip=["reachability"])
    assert graph_problems(GO, webhook, build_step("ship", [Packed], [StopEvent])) == []


def test_a_step_that_skips_dead_ends_is_where_events_may_end() -> None:
    log = build_step("log", [Packed], [Shipped], skip=["dead_end"])
    assert graph_problems(GO, build_step("pack", [StartEvent], [Packed]), log) == []


def test_the_checks_of_a_workflow_are_known_by_name() -> None:
    assert workflow_skips(None, owner="Flow") == frozenset()
    assert workflow_skips({"terminal_event", "dead_end"}, owner="Flow") == {"terminal_event", "dead_end"}
    wrong: list[tuple[Any, str]] = [
        (["dead_ends"], "Flow: skip_graph_checks has 'dead_ends', which is no such check"),
        ("dead_end", "skip_graph_checks='dead_end' isn't a list"),
        (7, "skip_graph_checks=7 isn't a list"),
    ]
    for names, message in wrong:
        with pytest.raises(WorkflowValidationError, match=message):
            workflow_skips(unchecked(names), owner="Flow")


def test_all_problems_of_a_graph_are_told_at_once_and_in_one_order() -> None:
    program = flow(*LOST)
    assert len(check_program(program)) == 5
    assert check_program(program) == check_program(flow(*LOST))
