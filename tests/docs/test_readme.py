"""The README: its two commands, its links, and the claims that its own blocks don't show."""

import csv
import re

import anyio
import pytest

from tests.docs.asking import TYPES, YES, Approval, resumed, until_asked
from tests.docs.pages import ROOT, blocks_of
from workflows import Context, Workflow, step
from workflows.events import StartEvent, StopEvent

README = ROOT / "README.md"
TEXT = README.read_text(encoding="utf-8")


def test_it_opens_with_two_lines_of_shell_the_second_being_what_ci_runs() -> None:
    before_first_part = TEXT.partition("\n## ")[0]
    shell = [block.text for block in blocks_of(README) if block.language == "sh"]
    assert [command.count("\n") for command in shell] == [1, 1]
    assert all(command in before_first_part for command in shell)
    assert f"tests='{shell[1].strip()}'" in (ROOT / ".ci" / "run").read_text(encoding="utf-8")


def test_the_first_line_sets_up_and_runs_the_example_on_its_sample() -> None:
    first = blocks_of(README)[0].text
    assert first.startswith("python3 -m venv .venv && .venv/bin/pip install ")
    files = re.findall(r"examples/\S+", first)
    assert all((ROOT / file).is_file() for file in files)
    _, sample, _ = files
    with (ROOT / sample).open(encoding="utf-8", newline="") as file:
        claims = sum(1 for row in csv.reader(file) if row) - 1
    assert f"{claims} expense claims" in TEXT


@pytest.mark.parametrize("target", re.findall(r"\]\(([^)#:]+)\)", TEXT))
def test_a_link_leads_somewhere(target: str) -> None:
    assert (ROOT / target).is_file()


class Asking(Workflow):
    @step
    async def ask(self, ctx: Context, ev: StartEvent) -> StopEvent:
        return StopEvent(result=(await ctx.ask(Approval(what="a desk"))).approved)


@pytest.mark.parametrize(("first", "second"), [("asyncio", "trio"), ("trio", "asyncio")])
def test_a_run_stopped_on_one_backend_is_resumed_on_the_other(first: str, second: str) -> None:
    pytest.importorskip("trio")
    workflow = Asking(types=TYPES)
    snapshot = anyio.run(until_asked, workflow, backend=first)
    assert anyio.run(resumed, workflow, snapshot, YES, backend=second) is True
