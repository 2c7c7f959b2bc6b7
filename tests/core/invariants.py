"""What must hold after every tick, and at the end of every example; each is a sentence."""

import copy
import json
from collections import Counter
from collections.abc import Iterator, Mapping

from hypothesis.stateful import (
    invariant,  # pyright: ignore[reportUnknownVariableType]  # Hypothesis leaves it untyped
)

from tests.core.acting import place_of
from tests.core.feeding import Feeding, as_text, number_of
from tests.core.flow import (
    CODEC,
    PROGRAM,
    only,
    restored,
)
from tests.core.journalling import imaged, keep_table
from tests.core.reference import Level, Op, Wait
from workflows.core import ticks
from workflows.core.batches import waiting_in
from workflows.core.commands import (
    RunStep,
)
from workflows.core.effects import Effects
from workflows.core.engine import Core
from workflows.core.image import can_be_imaged
from workflows.core.places import Place
from workflows.core.records import Asked, Edited, Read, Tape, Value
from workflows.core.snapshot import snapshot
from workflows.core.statuses import RunStatus, Status
from workflows.core.tallying import tally_data
from workflows.events import HumanResponseEvent


def stands(place: Place) -> tuple[int, int, dict[str, int]]:
    """Where something is, for the engine."""
    return place.batch, place.member, dict(place.recoveries)


def stood(level: Level) -> tuple[int, int, dict[str, int]]:
    """Where something is, for the model."""
    return (0 if level.pile is None else level.pile.number), level.member, dict(level.recovered)


class Invariants(Feeding):
    """The invariants, without rules."""

    @invariant()
    def the_phase_is_that_of_the_model(self) -> None:
        assert self.core.state.status.value == self.model.phase

    @invariant()
    def executions_are_those_of_the_model(self) -> None:
        found = {
            name: (e.step, e.event, e.status.value, e.attempt, e.failures)
            for name, e in self.core.state.executions.items()
        }
        assert found == {
            name: (job.step, job.event, job.phase, job.attempt, job.failures) for name, job in self.model.jobs.items()
        }

    @invariant()
    def a_step_never_runs_more_attempts_than_it_has_workers(self) -> None:
        running = Counter(actor.job.step for actor in self.actors.values())
        assert all(count <= PROGRAM.steps[name].num_workers for name, count in running.items())
        assert {name: work.running for name, work in self.core.state.work.items() if work.running} == running

    @invariant()
    def what_is_live_is_what_we_were_told_to_run_and_have_not_ended(self) -> None:
        state = self.core.state
        live = {name for name, execution in state.executions.items() if execution.is_live}
        assert state.live == len(live)
        assert live >= self.actors.keys()
        assert {job.id for job in self.model.live} == live

    @invariant()
    def the_tally_has_every_attempt_that_we_were_told_to_run(self) -> None:
        """Over restarts too; what has come of those that are over adds up, and time has been spent by nobody else."""
        found = tally_data(self.core.state, self.at)
        assert {name: counts[0] for name, counts in found.items() if counts[0]} == self.begun
        running = Counter(found.step for found in self.core.state.executions.values() if found.is_live)
        for name, tally in self.core.state.tally.items():
            ended = self.begun[name] - running[name]
            assert tally.finished + tally.failures + tally.interrupted == ended
            assert tally.seconds >= 0
            assert tally.seconds == 0 or ended or running[name]

    @invariant()
    def every_event_from_outside_is_in_one_place(self) -> None:
        """In the mailbox, with one wait, with steps, or reported: and never in two of these."""
        state = self.core.state
        kept = Counter(number_of(event) for event in state.mailbox.in_order())
        slots = [state.slots, *(batch.slots for batch in state.batches.values())]
        joined = {number_of(event) for found in slots for event in waiting_in(found)}
        joined |= {
            number_of(event)
            for batch in state.batches.values()
            for found in batch.gathered.values()
            for _, event in found.arrived
        }
        for number, event in self.accepted.items():
            answered = self.answered.get(number, [])
            taken = self.gone.get(number, [])
            assert len(answered) <= 1
            assert taken.count("left") <= 1
            assert len(set(taken)) == len(taken), "a step gets an event once"
            is_joined = number in joined
            is_with_steps = is_joined or any(where != "left" for where in taken)
            assert not is_joined or "left" not in taken
            is_left = "left" in taken and not is_with_steps  # a part may have gone to one step, and waited for others
            places = bool(answered) + is_left + (kept[number] > 0) + is_with_steps
            is_both = bool(answered) and (bool(taken) or is_joined)  # taken by a wait, and given to other steps too
            assert places == 1 + is_both
            assert not is_both or answered[0].returned or not isinstance(event, HumanResponseEvent)

    @invariant()
    def batches_are_the_piles_of_the_model_and_something_is_open_in_each(self) -> None:
        state, model = self.core.state, self.model
        if model.phase == "ending":
            return  # they are dropped with the end
        numbers = {pile.number: pile for pile in model.piles}
        assert list(state.batches) == list(numbers)
        for number, batch in state.batches.items():
            inside = sum(execution.place.batch == number for execution in state.executions.values())
            inside += sum(
                question.returned and question.place.batch == number for question in state.questions.by_id.values()
            )
            inside += sum(inner.place.batch == number for inner in state.batches.values())
            assert batch.open == inside > 0
            pile = numbers[number]
            outer = pile.outer.pile
            assert (batch.place.batch, batch.place.member) == (outer.number if outer else 0, pile.outer.member)
            assert {name for name, found in batch.gathered.items() if found.is_released} == pile.called
            for name, found in batch.gathered.items():
                arrived = [] if found.is_released else pile.joins[name]
                assert [event for _, event in found.arrived] == [event for _, event in arrived]
                assert [stands(place) for place, _ in found.arrived] == [stood(level) for level, _ in arrived]
        for key, job in model.jobs.items():
            assert stands(state.executions[key].place) == stood(job.level)
        for wait in model.open_waits:
            if wait.returned:
                assert stands(state.questions.by_id[wait.id].place) == stood(wait.level)

    @invariant()
    def open_questions_are_the_open_waits_on_record_and_those_that_were_returned(self) -> None:
        state = self.core.state
        on_record = {
            record.question.id
            for execution in state.executions.values()
            if execution.memory is not None
            for record in execution.memory.records()
            if isinstance(record, Asked) and not record.is_settled
        }
        returned = {name for name, question in state.questions.by_id.items() if question.returned}
        assert set(state.questions.by_id) == on_record | returned
        assert {name for execution in state.executions.values() for name in execution.open} == on_record
        assert list(state.questions.by_id) == [wait.id for wait in self.model.open_waits]
        index = state.questions.index
        if index is not None:
            listed = [name for groups in index.by_type.values() for group in groups.values() for name in group]
            assert sorted(listed) == sorted(index.numbers) == sorted(state.questions.by_id)

    @invariant()
    def no_question_is_answered_twice(self) -> None:
        for execution in self.core.state.executions.values():
            for record in execution.memory.records() if execution.memory is not None else ():
                if isinstance(record, Asked):
                    for wait in self.model.waits:
                        if wait.id == record.question.id and wait.fate != "closed":
                            assert (record.answer, record.expired) == (wait.answer, wait.fate == "expired")

    @invariant()
    def what_is_kept_for_a_retry_is_what_the_model_keeps(self) -> None:
        for name, job in self.model.jobs.items():
            memory = self.core.state.executions[name].memory
            kept = Counter(place[:3] for place in (() if memory is None else memory.kept))
            assert kept == Counter((branch, *place_of(op, CODEC)) for branch, op in job.kept if not is_withdrawn(op))

    @invariant()
    def what_is_on_record_in_a_branch_is_what_the_model_remembers(self) -> None:
        for name, job in self.model.jobs.items():
            memory = self.core.state.executions[name].memory
            tapes: Mapping[str, Tape] = {} if memory is None else memory.tapes
            remembered = {branch: [place_of(op, CODEC) for op in ops] for branch, ops in job.done.items() if ops}
            remembered.pop(None, None)
            assert {branch: places_on(tape) for branch, tape in tapes.items() if tape.records} == {
                branch: [("effect", "") if place[0] == "effect" else place for place in places]
                for branch, places in remembered.items()
            }
            for tape in tapes.values():
                counted = Counter(
                    (record.kind, record.key) for record in tape.records if isinstance(record, Asked | Value)
                )
                assert {place: tape.occurrence(*place) for place in counted} == counted
                assert tape.occurrence("once", "never called") == 0

    @invariant()
    def versions_that_are_kept_are_current_or_referred_to(self) -> None:
        state = self.core.state
        holds: Counter[int] = Counter()
        for execution in state.executions.values():
            for record in execution.memory.records() if execution.memory is not None else ():
                if isinstance(record, Read | Edited):
                    holds.update(version for _, version in record.versions)
        assert state.values.holds == holds
        assert set(state.values.versions) == {*state.values.current.values(), *holds}
        assert max(state.values.versions, default=0) < state.values.next_version

    @invariant()
    def values_are_those_of_the_model(self) -> None:
        assert as_text(self.core.state.values.fields()) == as_text(self.model.fields)

    @invariant()
    def edits_are_granted_one_at_a_time_in_the_order_of_asking(self) -> None:
        values = self.core.state.values
        assert (values.editor, values.waiting) == (self.model.editor, self.model.editors)
        assert values.editor is not None or not values.waiting

    @invariant()
    def timers_are_deadlines_delays_and_graces(self) -> None:
        if self.model.phase != "ending":  # none of them fires any more
            assert self.core.state.timers.due == self.model.timers()

    @invariant()
    def the_alarm_is_the_next_timer(self) -> None:
        due = self.model.timers().values()
        assert self.alarm == (min(due, default=None) if self.model.phase == "running" else None)

    @invariant()
    def the_budget_is_spent_while_an_attempt_runs_that_does_not_wait(self) -> None:
        budget = self.core.state.budget
        running = 0.0 if budget.since is None else self.model.now - budget.since
        assert budget.spent_s + running == self.model.spent

    @invariant()
    def the_budget_alarm_is_when_the_budget_runs_out(self) -> None:
        due, now = self.model.budget_runs_out(), self.model.now
        if due is None or due > now:
            assert self.budget_alarm == due
        else:
            assert self.budget_alarm is not None
            assert self.budget_alarm <= now

    @invariant()
    def a_snapshot_gives_an_equal_run(self) -> None:
        data = json.loads(json.dumps(snapshot(self.core.state, at=self.at), allow_nan=False))
        again = snapshot(restored(data), at=self.at)
        assert json.loads(json.dumps(again, allow_nan=False)) == data

    @invariant()
    def an_image_gives_an_equal_state(self) -> None:
        state = self.core.state
        assert can_be_imaged(state) is (self.model.phase not in ("ending", "halting"))
        if can_be_imaged(state):
            imaged(PROGRAM, CODEC, state, at=self.at)

    @invariant()
    def after_the_end_nothing_is_left_but_state_and_outcome(self) -> None:
        state = self.core.state
        if state.status is not RunStatus.ENDED:
            return
        left = [state.executions, state.work, state.live, state.questions.by_id, state.questions.index]
        left += [
            state.mailbox.by_type,
            state.buffers,
            state.batches,
            state.slots,
            state.timers.due,
            state.timers.heap,
            state.values.holds,
        ]
        assert not any(left)
        assert (state.budget.since, state.budget.active, state.alarm, state.budget_alarm) == (None, 0, None, None)
        assert state.outcome is not None
        assert [failure.step for failure in state.outcome.failures] == [step for step, _ in self.model.failed]

    def teardown(self) -> None:
        keep_table(self.table, self.shadow.state)
        self.see_that_all_ticks_again_give_an_equal_state()
        self.see_that_a_cancelled_run_and_a_stored_one_go_on_alike()

    def see_that_all_ticks_again_give_an_equal_state(self) -> None:
        """State = fold of the ticks, over whatever state a snapshot gave."""
        core = self.refolded()
        assert core.state == self.core.state

    def based(self) -> Core:
        """A core as it was before the ticks in `fed`."""
        return Core(PROGRAM, CODEC, state=copy.deepcopy(self.base, {id(part): part for part in (PROGRAM, CODEC)}))

    def refolded(self) -> Core:
        core = self.based()
        for tick in self.fed:
            core.feed(tick)
        return core

    def see_that_a_cancelled_run_and_a_stored_one_go_on_alike(self) -> None:
        """Cancelled and resumed here, or stored, restored and resumed there: the same runs, the same left to do."""
        if self.model.phase != "running":
            return
        here, there = self.refolded(), Core(PROGRAM, CODEC, state=restored(snapshot(self.core.state, at=self.at)))
        for tick in cancelling(here, self.at):
            here.feed(tick)
        number = here.state.last_tick + 1
        resumes = [core.feed(ticks.RunResumed(number, self.at, "again", None)) for core in (here, there)]
        assert [job for job in resumes[0] if isinstance(job, RunStep)] == only(resumes[1], RunStep)
        stored = [snapshot(core.state, at=self.at) for core in (here, there)]
        for data in stored:
            data.pop("streamed")  # the end of the cancelled run was told of
        assert as_text(stored[0]) == as_text(stored[1])


def is_withdrawn(op: Op) -> bool:
    """Whether it's a question that was withdrawn before it was answered."""
    return isinstance(op.result, Wait) and op.result.fate == "closed"


def places_on(tape: Tape) -> list[tuple[str, str]]:
    """Kind and key of each operation on a tape; those without a result are told by their number only."""
    places: list[tuple[str, str]] = []
    for record in tape.records:
        places += [("effect", "")] * record.count if isinstance(record, Effects) else [(record.kind, record.key)]
    return places


def cancelling(core: Core, at: float) -> Iterator[ticks.Tick]:
    """Cancel a run, and unwind each attempt as the runtime does."""
    yield ticks.CancelRequested(core.state.last_tick + 1, at)
    for execution in list(core.state.executions.values()):
        if execution.is_live:
            unwound = ticks.StepSuspended if execution.status is Status.SUSPENDING else ticks.StepHalted
            yield unwound(core.state.last_tick + 1, at, execution.id, execution.attempt)
