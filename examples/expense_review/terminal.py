"""The terminal: its lines in, texts out, and how a question and an answer look there."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterable, Iterator
from contextlib import suppress
from decimal import Decimal
from threading import Thread

import anyio
import anyio.from_thread
import anyio.lowlevel

from workflows.events import HumanResponseEvent

from .workflow import Approval, GroupApproval

WORDS = {"y": "approve", "yes": "approve", "n": "reject", "no": "reject", "e": "each"}


class TerminalGone(Exception):
    """There's nobody any more who sees what is written."""


def say(text: str, *, end: str = "\n") -> None:
    """Write to the terminal at once.

    Raises:
        TerminalGone: It was closed.
    """
    if sys.stdout is None:
        return
    try:
        print(text, end=end, flush=True)
    except OSError as error:
        with suppress(OSError), open(os.devnull, "w") as nowhere:
            os.dup2(nowhere.fileno(), sys.stdout.fileno())  # or Python would fail again when it ends
        raise TerminalGone from error


class Lines:
    """The lines of standard input, typed or piped, and after its end those that were prepared.

    Args:
        prepared: Answers for what the input leaves open.
    """

    def __init__(self, prepared: list[str]) -> None:
        self._prepared = list(reversed(prepared))
        self._bytes = b""
        self.is_over = sys.stdin is None

    async def next_line(self) -> str | None:
        """The next line; None when there's none left.

        The thread that reads is a daemon: AnyIO's own threads are waited for when an asyncio program ends, which would
        then hang until somebody presses Enter. Cancelled, the thread is left behind, and with it the line that it may
        still read.
        """
        if not self.is_over:
            line = await self._line_from_thread()
            if line is not None:
                return line
            self.is_over = True
            if self._prepared:
                say("\n  The input has ended; the prepared answers are next.")
        return self._prepared.pop() if self._prepared else None

    async def _line_from_thread(self) -> str | None:
        lines: list[str | None] = []
        is_there = anyio.Event()
        token = anyio.lowlevel.current_token()

        def deliver(line: str | None) -> None:
            lines.append(line)
            is_there.set()

        def read() -> None:
            line = self._read_line()
            with suppress(RuntimeError):  # the event loop has ended meanwhile
                anyio.from_thread.run_sync(deliver, line, token=token)

        Thread(target=read, name="reads standard input", daemon=True).start()
        await is_there.wait()
        return lines[0]

    def _read_line(self) -> str | None:
        """Read from the file descriptor: a daemon thread that holds the lock of `sys.stdin` could crash the exit."""
        while b"\n" not in self._bytes:
            try:
                more = os.read(sys.stdin.fileno(), 65536)
            except (OSError, ValueError):  # it was closed, or is none
                more = b""
            if not more:
                line, self._bytes = self._bytes, b""
                return line.decode(errors="replace") if line else None
            self._bytes += more
        line, _, self._bytes = self._bytes.partition(b"\n")
        return line.decode(errors="replace").removesuffix("\r")


def split_line(line: str) -> tuple[str | None, str]:
    """The label that an answer is addressed to, if any (`3: y`), and the answer."""
    found = re.fullmatch(r"\s*([0-9]+(?:\.[0-9]+)?)\s*:(.*)", line, re.DOTALL)
    return (found[1], found[2].strip()) if found else (None, line.strip())


def answer_of(text: str, *, by: str) -> HumanResponseEvent:
    """What was typed, as an answer. It's the workflow that says whether it fits the question."""
    word, _, reason = text.partition(" ")
    return HumanResponseEvent(verdict=WORDS.get(word.lower(), word.lower()), reason=reason.strip(), by=by)


def title_of(question: Approval) -> str:
    """A question in one line."""
    total = sum((checked.eur for checked in question.claims), Decimal(0))
    count = "1 claim" if len(question.claims) == 1 else f"{len(question.claims)} claims"
    return f"Question {question.label}: {question.claims[0].claim.employee}, {count}, {total} EUR"


def details_of(question: Approval) -> Iterator[str]:
    """The claims that a question is about."""
    for checked in question.claims:
        claim = checked.claim
        foreign = "" if claim.currency == "EUR" else f" ({claim.amount} {claim.currency})"
        yield f"  {claim.id:6} {claim.day}  {claim.category:9} {checked.eur:>9} EUR{foreign}  {claim.description}"
        yield f"         ! {'; '.join(checked.findings)}"


def choices_of(question: Approval) -> str:
    """What may be answered."""
    each = ", e = ask about each one" if isinstance(question, GroupApproval) else ""
    return f"  y = approve, n REASON = reject{each}; list = what is open; LABEL: y = answer that one first"


def list_of(questions: Iterable[Approval]) -> str:
    """The open questions, a line for each."""
    return "\n".join(f"  {title_of(question)}" for question in questions)
