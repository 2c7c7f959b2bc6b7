"""Pages: the Markdown of the documentation, and how its code blocks are run.

- The Python blocks of a page are one program: they run one after the other, in one module.
- A `text` or `json` block right behind a Python block is what that block prints; `…` stands for anything in a line.
- A block with a caption (`:caption: claim.py`) is a file of that name. A `console` block runs the commands in it, each
  in a process of its own, and the other lines are what they print. A command succeeds, unless `echo $?` comes next.
- `<!-- input: yes | no -->` before a block is what is typed when it calls `input()`; it's shown as a terminal would.
- `anyio.run(main)` runs on the backend under test, and gives up after five seconds.
"""

from __future__ import annotations

import builtins
import io
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Callable, Coroutine, Iterator
from contextlib import redirect_stdout
from pathlib import Path
from types import ModuleType
from typing import Any

import anyio
import attrs
import pytest

from tests.conftest import Backend

ROOT = Path(__file__).parent.parent.parent
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
RUNNER = Path(__file__).with_name("on_backend.py")

_FENCE = re.compile(r"^(?P<fence>`{3,})(?P<directive>\{[\w-]+\})? ?(?P<language>[\w:.-]*)\s*$")
_TYPED = re.compile(r"^<!-- input: (.*) -->$")


@attrs.frozen
class Block:
    """A fenced block of a page."""

    language: str
    text: str
    line: int
    caption: str | None = None
    typed: tuple[str, ...] = ()


def name_of(page: Path) -> str:
    """What a page is called in the names of tests."""
    return page.relative_to(ROOT).with_suffix("").as_posix()


def blocks_of(page: Path) -> list[Block]:
    """All fenced blocks of a page, in their order."""
    return list(_blocks_in(page.read_text(encoding="utf-8").splitlines()))


def _blocks_in(lines: list[str]) -> Iterator[Block]:
    typed: tuple[str, ...] = ()
    number = 0
    while number < len(lines):
        start = _FENCE.match(lines[number])
        if start is None:
            found = _TYPED.match(lines[number])
            typed = tuple(found.group(1).split(" | ")) if found else typed if not lines[number] else ()
            number += 1
            continue
        end = lines.index(start["fence"], number + 1)
        inner, first, caption = lines[number + 1 : end], number + 1, None
        while start["directive"] and inner and (inner[0].startswith(":") or not inner[0]):
            option = inner.pop(0)
            first += 1
            if option.startswith(":caption:"):
                caption = option.removeprefix(":caption:").strip()
        language = start["language"] if start["directive"] in (None, "{code-block}") else start["directive"]
        yield Block(language, "".join(f"{line}\n" for line in inner), first, caption, typed)
        typed, number = (), end + 1


@attrs.define
class PageRun:
    """A page as it's read from its top: the module that its blocks fill, and what was printed last."""

    page: Path
    backend: Backend
    folder: Path
    monkeypatch: pytest.MonkeyPatch
    printed: str | None = None
    module: ModuleType = attrs.field(factory=lambda: ModuleType("page"))

    def all(self) -> None:
        """Run all blocks."""
        self.monkeypatch.setitem(sys.modules, self.module.__name__, self.module)
        self.monkeypatch.setattr(anyio, "run", runner_on(self.backend))
        self.monkeypatch.chdir(self.folder)
        for block in blocks_of(self.page):
            self.run(block)

    def run(self, block: Block) -> None:
        """Run one block, or compare it with what the one before has printed."""
        if block.caption is not None:
            (self.folder / block.caption).write_text(block.text, encoding="utf-8")
        elif block.language == "python":
            self.printed = self._printed_by(block)
        elif block.language == "console":
            transcript = self._transcript(block)
            assert is_shown_as(transcript, block.text), f"{self.page}, line {block.line}:\n{transcript}"
        elif block.language in ("text", "json"):
            assert self.printed is not None, f"{self.page}, line {block.line}: a second output of one block"
            assert is_shown_as(self.printed, block.text), f"{self.page}, line {block.line}:\n{self.printed}"
            self.printed = None

    def _printed_by(self, block: Block) -> str:
        out = io.StringIO()
        self.monkeypatch.setattr(builtins, "input", typing(block.typed))
        code = compile("\n" * block.line + block.text, str(self.page), "exec")
        with redirect_stdout(out):
            exec(code, vars(self.module))
        return out.getvalue()

    def _transcript(self, block: Block) -> str:
        commands = [line.removeprefix("$ ") for line in block.text.splitlines() if line.startswith("$ ")]
        shown, status = "", 0
        for command, following in zip(commands, [*commands[1:], ""], strict=True):
            if command == "echo $?":
                said = f"{status}\n"
            else:
                said, status = self._said_by(command, may_fail=following == "echo $?")
            shown += f"$ {command}\n{said}"
        return shown

    def _said_by(self, command: str, *, may_fail: bool) -> tuple[str, int]:
        python, *arguments = shlex.split(command)
        assert python == "python", command
        on_backend = () if arguments[0] == "-m" else (str(RUNNER), self.backend[0])
        process = subprocess.run(
            [sys.executable, "-W", "error", *on_backend, *arguments],
            cwd=self.folder,
            env={**os.environ, "PYTEST_PLUGINS": "anyio_workflows_pytest"},  # whether or not the package is installed
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        assert may_fail or process.returncode == 0, process.stderr
        return process.stdout, process.returncode


def is_shown_as(printed: str, shown: str) -> bool:
    """Whether a page shows what was printed."""
    return re.fullmatch("[^\n]*".join(map(re.escape, shown.split("…"))), printed) is not None


Main = Callable[..., Coroutine[Any, Any, Any]]


def runner_on(backend: Backend) -> Callable[..., Any]:
    """`anyio.run`, on this backend and not for long; a caller that names a backend gets what it asks for."""
    name, options = backend
    original = anyio.run

    def run(main: Main, *arguments: object, **keywords: Any) -> Any:
        async def limited() -> Any:
            with anyio.fail_after(5):
                return await main(*arguments)

        if "backend" in keywords:
            return original(main, *arguments, **keywords)
        return original(limited, backend=name, backend_options=options)

    return run


def typing(answers: tuple[str, ...]) -> Callable[[str], str]:
    """`input` for somebody who types these answers."""
    left = list(answers)

    def typed(prompt: str = "") -> str:
        answer = left.pop(0)
        sys.stdout.write(f"{prompt}{answer}\n")
        return answer

    return typed


def names_of(module: ModuleType) -> dict[str, Any]:
    """What a module has, those names included that are imported when they're first asked for."""
    return {name: getattr(module, name) for name in dir(module)}
