"""Delivery: who gets an event.

Rules:
- An event that names its question goes there; one that names a step goes there; any other first serves the oldest
  question that it answers, then every step that accepts its type.
- An answer that a wait takes goes nowhere else. An ordinary event that a wait takes isn't also a trigger of that
  wait's step.
- What nobody takes is kept for the first wait that fits. An answer isn't kept: it can't precede its question. A step
  that takes a list takes only what belongs to a batch; what else comes to it, it ignores, and that's told.
- From outside, an event that could answer questions of different content is refused with the candidates. From a step,
  the oldest question gets it: there is nobody to ask back.
- A refusal changes nothing.
"""

from __future__ import annotations

import attrs

from ..errors import EncodeError
from ..events import Event, HumanResponseEvent, InputRequiredEvent
from ..graph import ListJoin, StepSpec
from . import batches, queueing
from .commands import Refuse, ReportKept, ReportLeft
from .places import OUTSIDE, Place
from .questions import Ask, Question, class_name, content_of, execution_of, inner_id, outer_id, question_id
from .records import Asked, Ran
from .state import Child, Execution, RunState
from .statuses import ENDED, ENDING
from .ticks import EventReceived


def received(state: RunState, tick: EventReceived) -> None:
    """An event came from outside."""
    target = find_target(state, tick.event, step=tick.step, reply_to=tick.reply_to)
    if isinstance(target, Refuse):
        state.out.append(target)
    elif isinstance(target, Question):
        answer_any(state, target, tick.event, tick.at)
    elif tick.step is not None:
        to_step(state, state.program.steps[tick.step], tick.event, tick.at)
    else:
        to_steps(state, tick.event, tick.at)


def find_target(state: RunState, event: Event, *, step: str | None, reply_to: str | None) -> Question | Refuse | None:
    """Where an event from outside goes: to a question, to steps (None), or back."""
    if state.status is ENDED or state.status is ENDING:
        return _too_late(state, event, reply_to)
    if reply_to is not None:
        return _addressed(state, event, reply_to)
    if step is not None:
        return None if takes(state, step, event) else not_taken(state, event, step)
    candidates = _all_candidates(state, event)
    if len(candidates) > 1:
        listed = "".join(
            f"\n  - {question.id}: {question.event!r}, asked by {question.step!r}" for question in candidates
        )
        text = f"{event!r} could answer any of these questions; name one with reply_to=:{listed}"
        return Refuse("ambiguous", text, tuple(candidates))
    if candidates:
        return candidates[0]
    return _without_question(state, event) if isinstance(event, HumanResponseEvent) else None


def takes(state: RunState, step: str, event: Event) -> bool:
    """Whether there's such a step, and it accepts the event: a step that takes a list accepts batches only."""
    return any(spec.name == step and not isinstance(spec.join, ListJoin) for spec in state.program.takers(type(event)))


def not_taken(state: RunState, event: Event, step: str) -> Refuse:
    """The refusal of an event for a step that doesn't take it."""
    found = [spec.name for spec in state.program.takers(type(event)) if not isinstance(spec.join, ListJoin)]
    takers = ", ".join(map(repr, found)) or "none"
    return Refuse("no-step", f"{event!r} was sent to step {step!r}; the steps that accept it: {takers}.")


def _candidates(state: RunState, event: Event) -> list[Question]:
    """The questions that an event could answer, the oldest of each content."""
    found = state.questions.candidates(event)
    if found and not state.program.takers(type(event)):
        found = [question for question in found if not question.returned]  # its answer is for a step to take
    return found


def _all_candidates(state: RunState, event: Event) -> list[Question]:
    """The questions that an event could answer, those of children too, the oldest of each content."""
    own = _candidates(state, event) or state.questions.loose_candidates(event)
    if not state.children:
        return own
    nested = [
        outer_id(question, child.id, child.label)
        for child in state.children.values()
        if takes_answers(child)
        for question in _all_candidates(child.state, event)
    ]
    oldest: dict[str, Question] = {}
    for question in sorted([*own, *nested], key=lambda question: question.asked_at):
        oldest.setdefault(question.content, question)
    return list(oldest.values())


def takes_answers(child: Child) -> bool:
    """Whether a child's questions are open, be it that it stands still until its run goes on, or its step's retry."""
    return (child.is_wanted or child.is_held) and child.state.status not in (ENDING, ENDED)


def all_questions(state: RunState) -> list[Question]:
    """All open questions, those of children behind the run's own."""
    found = list(state.questions.by_id.values())
    for child in state.children.values():
        if takes_answers(child):
            found += [outer_id(question, child.id, child.label) for question in all_questions(child.state)]
    return found


def owner_of(state: RunState, question: Question) -> RunState:
    """The run, or the child, that asks."""
    inner = inner_id(question.id) if question.path else None
    if inner is None:
        return state
    nested = attrs.evolve(question, id=inner[1], path=question.path[1:])
    return owner_of(state.children[inner[0]].state, nested)


def answer_any(state: RunState, question: Question, event: Event, at: float, place: Place = OUTSIDE) -> None:
    """Close a question with its answer; one of a child is handed there."""
    inner = inner_id(question.id) if question.path else None
    if inner is None:
        answer(state, question, event, at, place)
    else:
        state.order(inner[0], EventReceived(0, 0.0, event, None, inner[1]))


def _too_late(state: RunState, event: Event, reply_to: str | None) -> Refuse:
    text = f"{event!r} came too late: run {state.run_id!r} is over."
    was_asked = reply_to is not None and _was_a_question(state, reply_to)
    if was_asked or (isinstance(event, HumanResponseEvent) and _was_asked(state, event)):
        return Refuse("answered", text)
    return Refuse("done", text)


def _was_a_question(state: RunState, name: str) -> bool:
    """Whether an id is one that the run, or a child of it, has given."""
    inner = inner_id(name)
    if inner is not None:
        child = state.children.get(inner[0])
        return inner[0] < state.next_child if child is None else _was_a_question(child.state, inner[1])
    execution = execution_of(name)
    return execution is not None and execution < state.next_execution


def _was_asked(state: RunState, event: Event) -> bool:
    asked, codec = state.questions.asked, state.codec
    if type(event) is HumanResponseEvent:  # it could have become any answer
        return any(issubclass(codec.types.get(name, Event), HumanResponseEvent) for name in asked)
    kinds = [kind for kind in type(event).__mro__ if issubclass(kind, Event)]
    return any(class_name(codec, kind) in asked for kind in kinds) or any(
        _was_asked(child.state, event) for child in state.children.values()
    )


def _addressed(state: RunState, event: Event, reply_to: str) -> Question | Refuse:
    inner = inner_id(reply_to)
    child = None if inner is None else state.children.get(inner[0])
    if inner is not None and child is not None and takes_answers(child):
        target = _addressed(child.state, event, inner[1])
        return outer_id(target, child.id, child.label) if isinstance(target, Question) else target
    question = state.questions.by_id.get(reply_to)
    if question is None:
        if _was_a_question(state, reply_to):
            return Refuse("answered", f"Question {reply_to!r} is closed: it was answered, or its step asks it no more.")
        return Refuse("no-question", f"There is no question {reply_to!r}. {_open_ones(state)}")
    is_taken = not question.returned or bool(state.program.takers(type(event)))
    if (question.accepts(event) and is_taken) or question.may_accept(event):
        return question
    wanted = question.answer_type.__name__
    if question.requirements:
        wanted += f" with {dict(question.requirements)!r}"
    return Refuse("misfit", f"{event!r} doesn't answer question {reply_to!r}, which takes {wanted}.", (question,))


def _without_question(state: RunState, event: Event) -> Refuse | None:
    name = type(event).__name__
    if not state.questions.asked and not state.children and state.program.takers(type(event)):
        return None
    if _was_asked(state, event):
        text = f"{event!r} comes too late: every question for a {name} has been answered. {_open_ones(state)}"
        return Refuse("answered", text)
    return Refuse("no-question", f"No open question takes {event!r}. {_open_ones(state)}")


def _open_ones(state: RunState) -> str:
    questions = all_questions(state)
    if not questions:
        return "No question is open."
    listed = ", ".join(f"{question.id} (takes {question.answer_type.__name__})" for question in questions)
    return f"Open: {listed}."


def deliver(state: RunState, event: Event, at: float, place: Place = OUTSIDE) -> None:
    """Route an event that a step returned or sent."""
    if state.questions.by_id:
        candidates = _candidates(state, event)
        if candidates:
            answer(state, candidates[0], event, at, place)
            return
    to_steps(state, event, at, place)


def to_steps(
    state: RunState,
    event: Event,
    at: float,
    place: Place = OUTSIDE,
    *,
    besides: str | None = None,
    is_taken: bool = False,
) -> None:
    """Give an event to all steps that accept it, besides one; keep it if nobody does."""
    takers = state.program.takers(type(event))
    for spec in takers:
        if spec.name == besides or to_step(state, spec, event, at, place):
            is_taken = True
    if is_taken:
        return
    if not isinstance(event, HumanResponseEvent):
        state.mailbox.keep(event)
        state.out.append(ReportKept(event))
    elif not takers:  # else it has been told that they ignored it
        state.out.append(ReportLeft((event,)))


def to_step(state: RunState, spec: StepSpec, event: Event, at: float, place: Place = OUTSIDE) -> bool:
    """Give an event to a step: it takes it at once, or waits until it has all that it joins. False: it ignores it."""
    if spec.join is None:
        queueing.queue(state, spec.name, event, at, place)
        return True
    return batches.arrive(state, spec, event, at, place)


def answer(state: RunState, question: Question, event: Event, at: float, place: Place = OUTSIDE) -> None:
    """Close a question with its answer. `place` is where an ordinary event goes on that a wait takes as well."""
    state.close_question(question)
    if question.returned:
        to_steps(state, event, at, question.place)
        batches.leave(state, question.place, at)
        return
    execution = state.executions[question.execution]
    asked = execution.asked(question.id)
    asked.answer = event
    state.tally_of(execution.step).took.add(type(event))
    queueing.settled(state, execution, asked, at)
    if not isinstance(event, HumanResponseEvent):
        to_steps(state, event, at, place, besides=execution.step, is_taken=True)


def expire(state: RunState, question_name: str, at: float) -> None:
    """A question's deadline has passed."""
    question = state.questions.by_id.get(question_name)
    if question is None:
        return
    state.close_question(question)
    execution = state.executions[question.execution]
    asked = execution.asked(question_name)
    asked.expired = True
    queueing.settled(state, execution, asked, at)


def ask(state: RunState, execution: Execution, branch: str | None, wanted: Ask, at: float) -> None:
    """Open a question of a step, unless it's known already; publish its prompt if it's new."""
    content = wanted.content(state.codec)
    memory = execution.remember()
    if memory.take_kept(branch, "wait", content) is not None:
        return
    if branch is None and ("wait", content) in memory.found:
        return
    name = question_id(state.run_id, execution.id, branch, content, memory.occurrence(branch, "wait", content))
    question = Question(
        name,
        wanted.prompt,
        wanted.answer_type,
        execution.step,
        wanted.deadline_after(at),
        wanted.requirements or None,
        execution.id,
        branch,
        content,
        wanted.subclasses,
        asked_at=at,
    )
    asked = Asked(content, question)
    memory.add(branch, asked)
    if wanted.prompt is not None:
        state.publish(wanted.prompt)
        state.tally_of(execution.step).gave.add(type(wanted.prompt))
    asked.answer = state.mailbox.take(question)
    if asked.answer is not None:
        state.tally_of(execution.step).took.add(type(asked.answer))
        return
    execution.wait_for(asked)
    state.questions.open(question, class_name(state.codec, wanted.answer_type))
    if question.deadline_at is not None:
        state.timers.set(("question", name), question.deadline_at)


def withdraw_passed(state: RunState, execution: Execution) -> None:
    """An attempt has come to wait: questions of a failed one that it hasn't asked again are nobody's any more.

    Until then they stay open, for the answer may come before the retry asks; and so do those of its children.
    """
    for record in execution.open.values() if state.children else ():
        if isinstance(record, Ran) and record.child in state.children:
            state.children[record.child].is_held = False
    if execution.memory is None or not execution.memory.kept:
        return
    for asked in execution.memory.drop_kept_open(but=execution.on):
        del execution.open[asked.name]
        state.close_question(asked.question)


def ask_by_returning(
    state: RunState, execution: Execution, number: int, event: InputRequiredEvent, at: float, place: Place
) -> None:
    """A step returned a prompt: publish it, and open a question if a step takes the answer."""
    state.publish(event)
    for spec in state.program.takers(type(event)):
        to_step(state, spec, event, at, place)
    answer_type = type(event).__answer_type__ or HumanResponseEvent
    if not any(
        issubclass(kind, answer_type) or issubclass(answer_type, kind)
        for spec in state.program.steps.values()
        for kind in spec.accepts
        if issubclass(kind, HumanResponseEvent)
    ):
        return
    content = _returned_content(state, execution, number, event)
    name = question_id(state.run_id, execution.id, "", content, number)
    question = Question(
        name,
        event,
        answer_type,
        execution.step,
        execution=execution.id,
        content=content,
        returned=True,
        place=place,
        asked_at=at,
    )
    batches.enter(state, place)
    state.questions.open(question, class_name(state.codec, answer_type))


def _returned_content(state: RunState, execution: Execution, number: int, event: InputRequiredEvent) -> str:
    try:
        return f"returned|{content_of(state.codec, event)}"
    except EncodeError:  # a snapshot will say so; until then it's a question like any other, and like no other
        return f"returned|{execution.id}#{number}"
