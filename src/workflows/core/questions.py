"""Questions: open waits for an event, found by id, or by the type of an answer.

Rules:
- A question's id is derived from the run, the step execution, the branch, and its content and occurrence there; never
  from the order in which things ended. Its first part tells the execution, so that an id that isn't open any more can
  be told from one that never was.
- Questions of equal content are interchangeable: the oldest is served first. An answer that fits questions of different
  content isn't guessed at.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, MutableMapping
from datetime import UTC, datetime
from hashlib import blake2b

import attrs

from ..codec import Codec
from ..events import Event, HumanResponseEvent
from .empty import EMPTY, NEW_DICT, NEW_LIST
from .one import with_one
from .places import OUTSIDE, Place

LATEST = 253_402_300_799.0
"""The last second that a datetime can name. What is due later never is."""
FEW = 4
"""So many open questions are looked through as quickly as they'd be looked up."""


@attrs.frozen
class Ask:
    """What a step asks for: an event of a type, with requirements, after showing a prompt."""

    answer_type: type[Event]
    prompt: Event | None = None
    waiter_id: str | None = None
    requirements: Mapping[str, object] | None = None
    timeout_s: float | None = None
    subclasses: bool = False
    _known: list[str] = attrs.field(factory=NEW_LIST, init=False, eq=False, repr=False)  # its content, once it's made

    def content(self, codec: Codec) -> str:
        """Text that two asks share if and only if they're interchangeable. One codec is ever given."""
        if not self._known:
            self._known.append(self._made_content(codec))
        return self._known[0]

    def _made_content(self, codec: Codec) -> str:
        prompt = "-" if self.prompt is None else content_of(codec, self.prompt)
        requirements = codec.fingerprint(dict(self.requirements)) if self.requirements else "-"
        answer = ("+" if self.subclasses else "=") + class_name(codec, self.answer_type)
        waiter = "-" if self.waiter_id is None else f"={self.waiter_id}"
        return f"{answer}|{prompt}|{requirements}|{waiter}"

    def deadline_after(self, at: float) -> float | None:
        """The instant at which a wait that begins now times out; None if never."""
        if self.timeout_s is None or at + self.timeout_s > LATEST:
            return None
        return at + self.timeout_s


@attrs.frozen(weakref_slot=False)
class Question:
    """An open question of a run.

    Attributes:
        id: What `reply_to=` takes; the same on every replay and in every process.
        event: The prompt, usually an `InputRequiredEvent`; None if the wait has none.
        answer_type: The event class that answers it.
        step: The name of the step that asks.
        deadline_at: UTC seconds, or None; `deadline` is the same as an aware datetime.
        requirements: What fields of the answer must be equal to.
        path: Which child runs lead there, the outermost first: `step/Workflow`, or `step/Workflow[key]`.
    """

    id: str
    event: Event | None
    answer_type: type[Event]
    step: str
    deadline_at: float | None = None
    requirements: Mapping[str, object] | None = None
    execution: int = attrs.field(default=0, repr=False)
    branch: str | None = attrs.field(default="", repr=False)
    content: str = attrs.field(default="", repr=False)
    subclasses: bool = attrs.field(default=False, repr=False)
    returned: bool = attrs.field(default=False, repr=False)
    place: Place = attrs.field(default=OUTSIDE, repr=False)
    path: tuple[str, ...] = ()
    asked_at: float = attrs.field(default=0.0, repr=False)

    @property
    def deadline(self) -> datetime | None:
        """The instant at which the wait times out."""
        return None if self.deadline_at is None else datetime.fromtimestamp(self.deadline_at, UTC)

    def accepts(self, event: Event) -> bool:
        """Whether `event` answers this question, by type and requirements."""
        return self._accepts_type(type(event)) and meets(event, self.requirements)

    def may_accept(self, event: Event) -> bool:
        """Whether `event` is a plain answer, which may become what this question declares."""
        return type(event) is HumanResponseEvent and _is_declared_answer(self.answer_type)

    def _accepts_type(self, event_type: type[Event]) -> bool:
        if event_type is self.answer_type:
            return True
        if self.subclasses or self.returned:
            return issubclass(event_type, self.answer_type)
        return False


def class_name(codec: Codec, kind: type[Event]) -> str:
    """What tells a class from others: its stored name, or, if it isn't declared, where it stands."""
    return codec.name_of(kind) if codec.knows(kind) else f"{kind.__module__}:{kind.__qualname__}"


def content_of(codec: Codec, prompt: Event) -> str:
    """Text that tells a prompt from others.

    Raises:
        EncodeError: It can't be stored.
    """
    return f"{class_name(codec, type(prompt))}:{codec.fingerprint(prompt)}"


def _is_declared_answer(kind: type[Event]) -> bool:
    return issubclass(kind, HumanResponseEvent) and kind is not HumanResponseEvent


def meets(event: Event, requirements: Mapping[str, object] | None) -> bool:
    """Whether the fields or extras of `event` are equal to what is required."""
    if not requirements:
        return True
    missing = object()
    return all(bool(getattr(event, name, missing) == wanted) for name, wanted in requirements.items())


def question_id(run_id: str, execution: int, branch: str | None, content: str, occurrence: int) -> str:
    """The stable id of a question."""
    place = "?" if branch is None else f"/{branch}"
    text = "\x1f".join((run_id, str(execution), place, content, str(occurrence)))
    return f"q{execution}-{blake2b(text.encode('utf-8', 'surrogatepass'), digest_size=8).hexdigest()}"


def execution_of(question: str) -> int | None:
    """The execution that a question id speaks of; None if it isn't such an id."""
    head, dash, tail = question.partition("-")
    if not dash or len(tail) != 16 or not head.startswith("q") or not head[1:].isdecimal():
        return None
    return int(head[1:])


def outer_id(question: Question, child: int, label: str) -> Question:
    """A question of a child, as the run that has the child shows it."""
    return attrs.evolve(question, id=f"c{child}.{question.id}", path=(label, *question.path))


def inner_id(question: str) -> tuple[int, str] | None:
    """The child that the id of a question speaks of, and the question's id there; None if it's of no child."""
    head, dot, rest = question.partition(".")
    if not dot or not head.startswith("c") or not head[1:].isdecimal():
        return None
    return int(head[1:]), rest


@attrs.define
class Changes:
    """What has changed about open questions since somebody last looked; see `open_questions`.

    `own` has those of the run that were opened, and None for those that were closed. `nested` are those of its children
    that were told of, by the ids that the run shows them by.
    """

    own: dict[str, Question | None] = attrs.field(factory=NEW_DICT)
    nested: dict[str, Question | None] = attrs.field(factory=NEW_DICT)


@attrs.define(weakref_slot=False)
class Questions:
    """The open questions of a run, in the order in which they were asked.

    Most runs have one or two: those are looked through, and an index is kept only while there are many.
    """

    by_id: MutableMapping[str, Question] = EMPTY
    asked: tuple[str, ...] = ()  # names of answer types, each once
    index: QuestionIndex | None = attrs.field(default=None, eq=False, repr=False)
    changes: Changes | None = attrs.field(default=None, eq=False, repr=False)  # for whoever wants to know of them

    def open(self, question: Question, answer_name: str) -> None:
        """Add a question."""
        self.by_id = with_one(self.by_id, question.id, question)
        self.note_asked((answer_name,))
        if self.index is not None:
            self.index.add(question)
        elif len(self.by_id) > FEW:
            self.index = QuestionIndex()
            for known in self.by_id.values():
                self.index.add(known)
        if self.changes is not None:
            self.changes.own[question.id] = question

    def close(self, question: Question) -> None:
        """Take a question out; a question that isn't open stays so."""
        if self.by_id.pop(question.id, None) is None:
            return
        if self.changes is not None:
            self.changes.own[question.id] = None
        if self.index is not None:
            self.index.remove(question)
            if not self.by_id:
                self.index = None

    def note_asked(self, answer_names: Iterable[str]) -> None:
        """Events of these types were asked for, now or once."""
        for name in answer_names:
            if name not in self.asked:
                self.asked = (*self.asked, name)

    def cleared(self, asked: tuple[str, ...]) -> Questions:
        """Those of the same run when all are closed."""
        if self.changes is not None:
            self.changes.own.update(dict.fromkeys(self.by_id))
        return Questions(asked=asked, changes=self.changes)

    def candidates(self, event: Event) -> list[Question]:
        """The oldest question of each content that `event` could answer; more than one means: ambiguous."""
        kinds = type(event).__mro__
        return [question for question in self._oldest_of_each(kinds.__contains__) if question.accepts(event)]

    def loose_candidates(self, event: Event) -> list[Question]:
        """As `candidates`, for a plain `HumanResponseEvent`, which may become whatever the question declares."""
        if type(event) is not HumanResponseEvent:
            return []
        return self._oldest_of_each(_is_declared_answer)

    def _oldest_of_each(self, fits: Callable[[type[Event]], bool]) -> list[Question]:
        """Of the questions whose answer type fits, the oldest of each content, the oldest of these first."""
        if self.index is not None:
            return self.index.oldest_of_each(fits)
        found: dict[tuple[type[Event], str], Question] = {}
        for question in self.by_id.values():
            if fits(question.answer_type):
                found.setdefault((question.answer_type, question.content), question)
        return list(found.values())


class QuestionIndex:
    """Many open questions by type and content, and by the order in which they were asked."""

    __slots__ = ("_next_number", "by_type", "numbers")

    def __init__(self) -> None:
        self.by_type: dict[type[Event], dict[str, dict[str, Question]]] = {}
        self.numbers: dict[str, int] = {}
        self._next_number = 1

    def add(self, question: Question) -> None:
        """Add the youngest question."""
        self.numbers[question.id] = self._next_number
        self._next_number += 1
        self.by_type.setdefault(question.answer_type, {}).setdefault(question.content, {})[question.id] = question

    def remove(self, question: Question) -> None:
        """Take a question out that's there."""
        del self.numbers[question.id]
        groups = self.by_type[question.answer_type]
        group = groups[question.content]
        del group[question.id]
        if not group:
            del groups[question.content]
            if not groups:
                del self.by_type[question.answer_type]

    def oldest_of_each(self, fits: Callable[[type[Event]], bool]) -> list[Question]:
        """Of the questions whose answer type fits, the oldest of each content, the oldest of these first."""
        groups = [group for kind, groups in self.by_type.items() if fits(kind) for group in groups.values()]
        return sorted((next(iter(group.values())) for group in groups), key=self._number_of)

    def _number_of(self, question: Question) -> int:
        return self.numbers[question.id]
