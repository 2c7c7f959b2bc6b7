"""Fingerprints: whether a journal that was written under one program may be folded under another.

Folding decides again what was decided then. So everything that the core looks at counts: the steps in their order, what
each takes and how many at once, joins and handlers, how the declared classes are derived and what they consist of, and
the same of the workflows that steps may run as children. What travels in ticks doesn't: delays of retries, timeouts of
the run, what step functions return. The time that a child may take does: its run is begun by the core itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import blake2b

from ..codec import Codec, Json
from ..codec.writing import canonical_text
from ..events import Event
from ..graph import ListJoin, Program, StepSpec
from .questions import class_name
from .state import ChildKind


def fingerprint(program: Program, codec: Codec, children: Mapping[str, ChildKind] | None = None) -> str:
    """A digest of a program, as far as the core's decisions depend on it. It costs about as much as compiling one."""
    text = canonical_text(_program(program, codec, children or {}))
    return blake2b(text.encode(), digest_size=16).hexdigest()


def _program(program: Program, codec: Codec, children: Mapping[str, ChildKind]) -> Json:
    kinds: dict[type[object], None] = {**dict.fromkeys(program.events), **dict.fromkeys(codec.types.values())}
    return {
        "steps": [_step(program, codec, step) for step in program.steps.values()],
        "classes": {_name(codec, kind): _class(codec, kind) for kind in kinds},
        "children": {
            name: [kind.budget_s, _program(kind.program, kind.codec, kind.children)] for name, kind in children.items()
        },
    }


def _step(program: Program, codec: Codec, step: StepSpec) -> Json:
    handler = program.handlers.get(step.name)
    join = step.join
    joined: Json = None
    if isinstance(join, ListJoin):
        joined = ["list", join.take]
    elif join is not None:
        joined = ["slots", *(class_name(codec, kind) for kind in join.kinds)]
    return {
        "name": step.name,
        "accepts": [class_name(codec, kind) for kind in step.accepts],
        "subclasses": step.accept_event_subclasses,
        "workers": step.num_workers,
        "join": joined,
        "joined by": [joins.name for joins in program.joins.get(step.name, ())],
        "handler": None if handler is None else handler.name,
        "recoveries": None if step.catches is None else step.catches.max_recoveries,
    }


def _class(codec: Codec, kind: type[object]) -> Json:
    """What an event is a kind of decides who takes it; what any value consists of is a part of questions' ids."""
    fields = codec.shape(kind) if codec.knows(kind) else {}
    shape: Json = {name: text.removesuffix("=") for name, text in fields.items()}
    if not issubclass(kind, Event):
        return shape
    answer = kind.__answer_type__
    bases: Json = [class_name(codec, base) for base in kind.__mro__[1:] if issubclass(base, Event)]
    return {"is": bases, "answer": None if answer is None else class_name(codec, answer), "shape": shape}


def _name(codec: Codec, kind: type[object]) -> str:
    return codec.name_of(kind) if codec.knows(kind) else f"{kind.__module__}:{kind.__qualname__}"
