"""Predicting: what a graph must come to, worked out by walking through it once, without engine, schedule or time."""

from __future__ import annotations

from collections.abc import Iterator
from hashlib import blake2b

import attrs

from tests.model.graphs import ATTEMPTS, Block, Errand, Fan, Fork, Graph, Loop, Piece, Question, Work

ROOT = "s"
"""What the names of the steps of a run begin with."""
LONGEST = 300
ALIKE = "what all may ask"


@attrs.frozen
class At:
    """An event, wherever it is: see `Token`."""

    way: str
    total: str


def short(total: str) -> str:
    """Text that stands for a longer one, so that loops in loops stay small."""
    return total if len(total) <= LONGEST else blake2b(total.encode(), digest_size=16).hexdigest()


@attrs.define
class Expected:
    """What must be true of a run that's over.

    Attributes:
        result: What it gives; None if it fails.
        failures: Each execution, by step and way, and how often it fails.
        once: What is done once, whatever happens.
        answers: What is asked, and the words of its answer.
        told: What stands on the stream, each once.
        edits: For each run, by the place of its last step: how often each entry of its state was counted up.
        seen: What is looked at.
        expired: The waits whose time runs out.
    """

    result: str | None = None
    failures: dict[str, int] = attrs.field(factory=dict[str, int])
    once: set[str] = attrs.field(factory=set[str])
    answers: dict[str, str] = attrs.field(factory=dict[str, str])
    told: set[str] = attrs.field(factory=set[str])
    edits: dict[str, dict[str, int]] = attrs.field(factory=dict[str, dict[str, int]])
    seen: set[str] = attrs.field(factory=set[str])
    expired: set[str] = attrs.field(factory=set[str])


def predict(graph: Graph) -> Expected:
    """What a graph comes to."""
    expected = Expected()
    expected.result = _Walk(expected).graph(graph, ROOT, "")
    return expected


def place(name: str, way: str, index: object = None) -> str:
    """What names an execution, or something that it does."""
    return f"{name}@{way}" if index is None else f"{name}@{way}#{index}"


class _Walk:
    def __init__(self, expected: Expected) -> None:
        self.expected = expected
        self.edits: dict[str, int] = {}

    def graph(self, graph: Graph, prefix: str, way: str) -> str | None:
        self.step(f"{prefix}begin", way)
        at = self.block(graph.block, prefix, At(way, ""), is_inside=False)
        end = self.step(f"{prefix}end", way)
        self.expected.edits[end] = self.edits
        return None if graph.fails else at.total

    def step(self, name: str, way: str, failures: int = 0) -> str:
        """An execution; what every step does."""
        execution = place(name, way)
        assert execution not in self.expected.failures
        self.expected.failures[execution] = failures
        self.expected.once.add(f"{execution}#enter")
        self.expected.seen |= {f"{execution}#uuid~{failure}" for failure in range(failures + 1)}
        return execution

    def block(self, block: Block, prefix: str, at: At, *, is_inside: bool) -> At:
        for number, piece in enumerate(block):
            at = self.piece(piece, f"{prefix}{number}", at, is_inside=is_inside)
        return at

    def piece(self, piece: Piece, name: str, at: At, *, is_inside: bool) -> At:
        match piece:
            case Work():
                return self.work(piece, name, at)
            case Question():
                self.step(name, at.way)
                self.step(f"{name}_hear", at.way)
                return attrs.evolve(at, total=short(f"{at.total} {name}?"))
            case Loop():
                return self.loop(piece, name, at, is_inside=is_inside)
            case Fan():
                return self.fan(piece, name, at)
            case Fork():
                return self.fork(piece, name, at, is_inside=is_inside)

    def loop(self, loop: Loop, name: str, at: At, *, is_inside: bool) -> At:
        self.step(f"{name}_begin", at.way)
        inside = At(f"{at.way}~0", at.total)
        for number in range(loop.times):
            inside = self.block(loop.inner, f"{name}_", inside, is_inside=is_inside)
            self.step(f"{name}_end", inside.way)
            inside = At(f"{at.way}~{number + 1}", inside.total)
        return At(at.way, inside.total)

    def fan(self, fan: Fan, name: str, at: At) -> At:
        self.step(f"{name}_split", at.way)
        members: list[str] = []
        for number in range(fan.members):
            begins = At(f"{at.way}.{number}", at.total if not number else str(number))
            member = self.block(fan.inner, f"{name}_", begins, is_inside=True)
            self.step(f"{name}_last", member.way)
            if number not in fan.drops:
                members.append(member.total)
        self.step(f"{name}_join", at.way)
        return At(at.way, short(f"{name}<{'|'.join(members)}>"))

    def fork(self, fork: Fork, name: str, at: At, *, is_inside: bool) -> At:
        self.step(f"{name}_split", at.way)
        left = self.block(fork.left, f"{name}_l", at, is_inside=is_inside)
        right = self.block(fork.right, f"{name}_r", at, is_inside=is_inside)
        for side in ("_l", "_r") if fork.collects and not is_inside else ("",):
            self.step(f"{name}_join{side}", at.way)
        return At(at.way, short(f"({left.total} & {right.total})"))

    def work(self, work: Work, name: str, at: At) -> At:
        failures = work.failures
        is_lost = failures == ATTEMPTS
        # Failed attempts come to the deed before which they fail; the last one, if there's one left, to all of them.
        self.step(name, at.way, failures - is_lost)
        total = f"{at.total} {name}"
        for number, deed in enumerate(work.deeds):
            reaching = [*(range(failures) if number < work.at else ()), *(() if is_lost else (failures,))]
            if not reaching:
                continue
            tag = place(name, at.way, number)
            if isinstance(deed, Errand):
                total += f"({self.errand(deed, tag)})"
            else:
                total += "".join(self.deed(deed, tag, reaching))
        if is_lost:
            self.step(f"{name}_mend", at.way)
            total = f"{at.total} {name}!"
        return At(at.way, short(total))

    def deed(self, deed: str, tag: str, attempts: list[int]) -> Iterator[str]:
        """What a deed leaves behind; gives what it adds to the total."""
        expected = self.expected
        match deed:
            case "once":
                expected.once.add(tag)
            case "look":
                expected.seen |= {f"{tag}~{attempt}" for attempt in attempts}
            case "tell":
                expected.told |= {f"{tag}~{attempt}" for attempt in attempts}
            case "tell much":
                expected.told |= {f"{tag}.{number}~{attempt}" for attempt in attempts for number in range(3)}
            case "edit":
                self.edits |= {f"{tag}~{attempt}": 1 for attempt in attempts}
            case "branches":
                for number in range(2):
                    expected.once |= {f"{tag}.{number} before", f"{tag}.{number} after"}
                    expected.answers[f"{tag}.{number}"] = f"{tag}.{number}"
            case "ask both":
                for number in range(2):
                    expected.answers[f"{tag}.{number}"] = f"{tag}.{number}"
                    yield f"[{tag}.{number}]"
            case "ask" | "ask alike" | "wait":
                words = ALIKE if deed == "ask alike" else tag
                expected.answers[tag] = words
                yield f"[{words}]"
            case "ask in vain":
                expected.expired.add(tag)
            case _:
                assert deed == "sleep", deed

    def errand(self, errand: Errand, tag: str) -> str:
        inside = _Walk(self.expected)
        prefix, way = child_place(tag)
        result = inside.graph(errand.graph, prefix, way)
        return "failed" if result is None else result


def child_place(tag: str) -> tuple[str, str]:
    """What the names of the steps of a child begin with, and the way that it begins with."""
    name, _, rest = tag.partition("@")
    way, _, number = rest.rpartition("#")
    return f"{name}_c{number}_", way
