"""What is drawn for the state machine: what steps do, what comes from outside, and words of nobody."""

from collections.abc import Callable
from typing import Any

from hypothesis import strategies as st

from tests.core import acting
from tests.core.acting import Actor
from tests.core.feeding import Feeding
from tests.core.flow import (
    Approval,
    Approved,
    Chore,
    Done,
    GruffReply,
    LoudNote,
    Note,
    Part,
    Piece,
    Prompt,
    Reply,
    Task,
    Vetted,
)
from tests.core.reference import Branch
from workflows.core import ticks
from workflows.core.questions import Ask
from workflows.events import Event, HumanResponseEvent, StopEvent

QUARTERS = st.integers(0, 20).map(lambda n: n / 4)
SEVERAL: tuple[type[Event], ...] = (
    Note,
    LoudNote,
    Task,
    Chore,
    Approved,
    Vetted,
    Reply,
    GruffReply,
    HumanResponseEvent,
    Part,
    Piece,
    Done,
)
BRANCHES = st.sampled_from(("", "", "l", "l/m", "r", None))
OWN_BRANCHES = st.sampled_from(("", "", "l", "r"))
PATHS = st.sampled_from((None, "a", "l"))
JSON: st.SearchStrategy[Any] = st.sampled_from((1, True, 1.0, None, "s", {"x": 1}, [1, {"x": 2}], {"y": {"z": []}}))
WRITES = st.one_of(
    st.builds(
        ticks.Write,
        path=st.sampled_from(("a", "a.x", "l", "l.0", "l.1.x", "a.y.z", "a.$")),
        value=JSON,
        base=st.sampled_from((None, {"x": 0}, [0, {}])),
    ),
    st.builds(
        ticks.Write,
        fields=st.dictionaries(st.sampled_from(("a", "b", "l")), JSON, max_size=2),
        only=st.booleans(),
    ),
)
BUDGETS = st.sampled_from((None, None, 2.0, 10.0))
GIVEN: tuple[type[Event], ...] = (
    *(Task, Task, Chore, Note, Reply, Vetted, Prompt, Approval),
    *(Part, Part, Part, Piece, Done, Done),
)
REQUIREMENTS = st.sampled_from((None, None, None, {"who": "ann"}, {"who": "bob"}))
ASKS = st.builds(
    Ask,
    st.sampled_from((Approved, Approved, Reply, Note, LoudNote, HumanResponseEvent, Task)),
    st.sampled_from((None, Approval(what="a"), Approval(what="b"), Prompt(what="a"))),
    st.sampled_from((None, None, "w")),
    REQUIREMENTS,
    st.one_of(st.none(), QUARTERS),
    st.sampled_from((False, False, True)),
)
ERRORS: st.SearchStrategy[Any] = st.sampled_from((None, "cut short", {"type": "ValueError"}))
EXPECTED: tuple[list[type[Event]], ...] = ([Note, Note], [Note, Task], [Task, Note], [Task])


def does_send(machine: Feeding, actor: Actor, data: st.DataObject) -> None:
    kind, who = data.draw(st.sampled_from(SEVERAL)), data.draw(st.sampled_from(("ann", "bob")))
    address = data.draw(machine.addresses())
    branch = data.draw(BRANCHES)
    acting.send(actor, machine.act(actor), branch, machine.digest(), machine.fresh(kind, who), *address)


def does_stream(machine: Feeding, actor: Actor, data: st.DataObject) -> None:
    n = data.draw(st.integers(-3, -1))
    written = [(n + 4 + more, Note(n=n + more)) for more in range(data.draw(st.integers(1, 3)))]
    acting.stream(actor, machine.act(actor), data.draw(BRANCHES), *written)


def does_publish(machine: Feeding, actor: Actor, data: st.DataObject) -> None:
    machine.act(actor)(ticks.EventPublished, Note(n=-4))


def does_once(machine: Feeding, actor: Actor, data: st.DataObject) -> None:
    key = data.draw(st.sampled_from(("f", "g")))
    acting.once(actor, machine.act(actor), data.draw(BRANCHES), key, machine.digest())


def does_raise(machine: Feeding, actor: Actor, data: st.DataObject) -> None:
    """A function that's called through `once` raises, or is cut short, and the step goes on."""
    key, error = data.draw(st.sampled_from(("f", "g"))), data.draw(ERRORS)
    acting.once(actor, machine.act(actor), data.draw(OWN_BRANCHES), key, error, kind="raised")


def does_now(machine: Feeding, actor: Actor, data: st.DataObject) -> None:
    acting.value(actor, machine.act(actor), data.draw(OWN_BRANCHES), "now", machine.at)


def does_ask(machine: Feeding, actor: Actor, data: st.DataObject) -> None:
    asks = data.draw(st.lists(ASKS, min_size=1, max_size=2))
    acting.ask(actor, machine.act(actor), data.draw(BRANCHES), tuple(asks))


def does_collect(machine: Feeding, actor: Actor, data: st.DataObject) -> None:
    expected, name = data.draw(st.sampled_from(EXPECTED)), data.draw(st.sampled_from((None, None, "b", "")))
    kinds: tuple[type[Event], ...] = (Note, Task, LoudNote)
    event = machine.fresh(data.draw(st.sampled_from(kinds)))
    acting.collect(actor, machine.act(actor), data.draw(OWN_BRANCHES), event, expected, name)


def does_read(machine: Feeding, actor: Actor, data: st.DataObject) -> None:
    acting.read(actor, machine.act(actor), data.draw(OWN_BRANCHES), data.draw(PATHS))


def does_write(machine: Feeding, actor: Actor, data: st.DataObject) -> None:
    owner = data.draw(st.sampled_from((None, machine.model.editor)))
    branch: Branch = data.draw(BRANCHES)
    acting.write(actor, machine.act(actor), branch, machine.digest(), data.draw(WRITES), owner)


Deed = Callable[[Feeding, Actor, st.DataObject], None]
DEEDS: tuple[Deed, ...] = (
    does_send,
    does_stream,
    does_publish,
    does_once,
    does_raise,
    does_now,
    does_ask,
    does_ask,
    does_collect,
    does_read,
    does_write,
)

NOTE = Note(n=-9)
Word = tuple[Callable[..., ticks.Tick], tuple[Any, ...]]
EFFECTS: tuple[Word, ...] = (  # what an attempt that is being stopped can't do any more
    (ticks.StepSuspending, (("q1",), 1.0)),
    (ticks.TapeDropped, ("", 0, 0, 0)),
    (ticks.EventSent, ("", 1, NOTE)),
    (ticks.EventSent, (None, 1, Approved(n=-9))),
    (ticks.EventStreamed, ("", 1, NOTE)),
    (ticks.BurstStreamed, ("", (1, 2), (NOTE, NOTE))),
    (ticks.ValueRecorded, ("", "now", "", 5.0)),
    (ticks.ValueReused, ("", "once", "f")),
    (ticks.QuestionsAsked, ("", (Ask(Note),))),
    (ticks.EventCollected, ("", "k", NOTE, [Note], None)),
    (ticks.StateRead, ("", None)),
    (ticks.StateWritten, ("", 1, ticks.Write(path="a", value="late"))),
)
WORDS: tuple[Word, ...] = (
    *EFFECTS,
    (ticks.StepReturned, ((NOTE,),)),
    (ticks.StepReturned, ((StopEvent(),),)),
    (ticks.StepRaised, (ValueError("late"), None)),
    (ticks.StepSuspended, ()),
    (ticks.StepHalted, ()),
    (ticks.StepParked, ()),
    (ticks.StepUnparked, ()),
    (ticks.EventPublished, (NOTE,)),
    (ticks.ValueRecorded, ("", "once", "late", 1)),
    (ticks.ValueRecorded, ("", "raised", "late", None)),
)
