"""Judging: the guarantees, each as a function over the facts of a run and what its graph comes to.

Each gives what is wrong, in words. What steps have taken down stands in order, over all lives; in a life that died
without a word, up to its last moment.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from tests.model.graphs import ATTEMPTS
from tests.model.kinds import Told
from tests.model.living import Life
from tests.model.predicting import Expected
from workflows.events import StopEvent, WorkflowCancelledEvent


def problems_of(life: Life, expected: Expected, *, is_stored: bool) -> list[str]:
    """Whatever is wrong with a run."""
    found = [
        *life.problems,
        *once(life, expected),
        *looked_at_once(life, is_staged=is_stored),
        *answers_reach_their_questions(life, expected),
        *no_more_than_there_is(life, expected),
        *questions_are_listed(life),
    ]
    if life.is_over:
        found += [*result(life, expected), *nothing_is_lost(life, expected), *stream(life, expected)]
        found += [*state(life, expected)]
    return found


def once(life: Life, expected: Expected) -> Iterator[str]:
    """W1, R4: what is on record isn't done again; what isn't yet is done again at most once for each death."""
    done: Counter[str] = Counter()
    recorded: set[str] = set()
    for fact in life.facts:
        if fact.kind == "recorded":
            recorded.add(fact.what)
        elif fact.kind == "did":
            done[fact.what] += 1
            if fact.what in recorded:
                yield f"{fact.what} was on record, and was done again"
    for what, count in done.items():
        if count > 1 + life.deaths:
            yield f"{what} was done {count} times, in {1 + life.deaths} lives"
        if what not in expected.once:
            yield f"{what} was done, and never should be"


def looked_at_once(life: Life, *, is_staged: bool) -> Iterator[str]:
    """W1: what was drawn or read is the same on every replay; in a store, as soon as what follows it is on record."""
    seen: dict[str, str] = {}
    staged: dict[tuple[str, int], dict[str, str]] = {}
    for fact in life.facts:
        if fact.kind == "saw":
            if seen.get(fact.what, fact.value) != fact.value:
                yield f"{fact.what} was {seen[fact.what]}, and then {fact.value}"
            staged.setdefault((fact.place, fact.life), {})[fact.what] = fact.value
        if not is_staged or fact.kind in ("called", "recorded", "heard"):
            seen |= staged.pop((fact.place, fact.life), {})


def answers_reach_their_questions(life: Life, expected: Expected) -> Iterator[str]:
    """W3, W5, W9: each question gets the answer that was meant for it, always the same one, and nobody else gets it."""
    heard: dict[str, str] = {}
    questions: dict[str, str] = {}
    for fact in life.facts:
        if fact.kind != "heard":
            continue
        words, _, question = fact.value.partition(" to ")
        if words != expected.answers.get(fact.what):
            yield f"{fact.what} heard {fact.value}"
        if heard.setdefault(fact.what, question) != question:
            yield f"{fact.what} was answered as {heard[fact.what]}, and as {question}"
        if questions.setdefault(question, fact.what) != fact.what:
            yield f"{question} was answered to {questions[question]}, and to {fact.what}"


def no_more_than_there_is(life: Life, expected: Expected) -> Iterator[str]:
    """W4: no step is called for what no event leads to, or more often than its policy says."""
    for fact in life.facts:
        if fact.kind == "took over" and (fact.what != str(ATTEMPTS) or fact.value not in ("Boom", "StepTimedOut")):
            yield f"{fact.place} took over after {fact.what} attempts, for {fact.value}"
        if fact.kind == "called" and fact.failures > expected.failures.get(fact.place, -1):
            yield f"{fact.place} was called, having failed {fact.failures} times"


def questions_are_listed(life: Life) -> Iterator[str]:
    """W10: what is open when a life begins is what was open when the one before ended; no step runs for it."""
    if life.listed != life.open:
        yield f"open was {life.open}, listed is {life.listed}"
    heard = {fact.value.partition(" to ")[2] for fact in life.facts if fact.kind == "heard" and fact.life < life.number}
    yield from (f"{question} is asked again" for question in heard.intersection(life.listed))


def result(life: Life, expected: Expected) -> Iterator[str]:
    """R2, W7: the run comes to what its graph comes to, however it was cut, and however its steps were scheduled."""
    if expected.result is None:
        if life.error is None or "end@" not in str(life.error):
            yield f"the run gave {life.result!r} and {life.error!r}, and should have failed"
    elif life.error is not None or life.result != expected.result:
        yield f"the run came to {life.result!r} and {life.error!r}, its graph comes to {expected.result!r}"


def nothing_is_lost(life: Life, expected: Expected) -> Iterator[str]:
    """W4: each event has led to what it leads to: every step was called, as often as it fails, and every deed done."""
    called: dict[str, set[int]] = {}
    for fact in life.facts:
        if fact.kind == "called":
            called.setdefault(fact.place, set()).add(fact.failures)
    for where, failures in expected.failures.items():
        if called.get(where) != set(range(failures + 1)):
            yield f"{where} was called having failed {called.get(where)} times, of {failures}"
    recorded = {fact.what for fact in life.facts if fact.kind == "recorded"}
    heard = {fact.what for fact in life.facts if fact.kind == "heard"}
    expired = {fact.what for fact in life.facts if fact.kind == "expired"}
    looked = {fact.what for fact in life.facts if fact.kind == "saw"}
    yield from (f"{what} wasn't looked at" for what in expected.seen ^ looked)
    yield from (f"{what} has no end, or one that it shouldn't have" for what in expected.expired ^ expired)
    yield from (f"{what} wasn't done" for what in expected.once - recorded)
    yield from (f"{what} heard nothing" for what in expected.answers.keys() - heard)


def stream(life: Life, expected: Expected) -> Iterator[str]:
    """R3: each event is published once, and the last one is the end."""
    told = Counter(event.what for event in life.published if isinstance(event, Told))
    if told != Counter(expected.told):
        yield f"published was {told}, it should have been {expected.told}"
    ends = [
        event for event in life.published if isinstance(event, StopEvent) and type(event) is not WorkflowCancelledEvent
    ]
    if len(ends) != 1 or life.published[-1] is not ends[0]:
        yield f"the stream ends with {life.published[-2:]!r}, and has {len(ends)} ends"


def state(life: Life, expected: Expected) -> Iterator[str]:
    """W1: each edit was made once, whichever steps were at it at once."""
    found = {fact.place: fact.value for fact in life.facts if fact.kind == "ended"}
    for where, edits in expected.edits.items():
        if found.get(where) != str(sorted(edits.items())):
            yield f"at its end the state of {where} was {found.get(where)}, it should have been {edits}"
