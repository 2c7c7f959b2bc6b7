"""What the linter reports, and its rules."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

import attrs


@attrs.frozen
class Rule:
    """A rule: its name, what it warns of, and what to write instead."""

    name: str
    warns_of: str
    remedy: str
    is_on: bool = True
    """Whether it's judged without being asked for."""


_IN_ONCE = "Do it in a function that `ctx.once` calls: `await ctx.once(function, arguments)`."

RULES: Mapping[str, Rule] = MappingProxyType(
    {
        rule.name: rule
        for rule in (
            Rule("clock", "reads a clock, which tells another time", "Take the time from `ctx.now()`."),
            Rule(
                "random",
                "draws at random, and comes to something else",
                "Draw from `ctx.random`, or make a secret in `ctx.once`.",
            ),
            Rule("uuid", "makes an id, and makes another one", "Take it from `ctx.uuid4()`."),
            Rule("network", "talks to another service or a database", _IN_ONCE),
            Rule("file", "reads or changes files", _IN_ONCE),
            Rule("process", "starts or ends a process", _IN_ONCE),
            Rule("input", "reads what somebody types", "Ask with `ctx.ask`, whose answer is on record."),
            Rule(
                "state",
                "changes what outlives the step",
                "Keep it in `ctx.store`, or change it in a function that `ctx.once` calls.",
            ),
            Rule(
                "cancellation",
                "eats the cancellation by which a wait suspends its step",
                "Catch `Exception`, or end the handler with a bare `raise`; and leave `finally` at its end only.",
            ),
            Rule("print", "prints", "Tell it with `ctx.write_event_to_stream`.", is_on=False),
            Rule("unused-ignore", "a comment that keeps no warning back", "Take the comment away."),
        )
    }
)


@attrs.frozen(order=True)
class Finding:
    """A line that a replay would do again, or that keeps a step from being suspended."""

    path: str
    line: int
    column: int
    """From one, as editors count."""
    rule: str
    """The name of a rule in `RULES`."""
    message: str
    step: str = ""
    """The step or the function from which the line is reached, such as `Orders.review`."""
    remedy: str = ""
    end_line: int = 0
    """The last line of what is warned of."""

    def __str__(self) -> str:
        return f"{self.path}:{self.line}:{self.column}: {self.rule}: {self.message}\n    {self.remedy}"
