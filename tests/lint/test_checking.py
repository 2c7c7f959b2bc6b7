"""What can be checked: texts, files, folders, modules and classes; and the command that does it."""

import sys
from pathlib import Path

import pytest

from tests.lint.package import approvals
from workflows import Context, Workflow, step
from workflows.cli import main
from workflows.errors import UsageError
from workflows.events import InputRequiredEvent, StartEvent, StopEvent
from workflows.lint import Finding, check_module, check_path, check_source, check_workflow

STEP = """\
from workflows import Context, Workflow, step
from workflows.events import InputRequiredEvent, StartEvent, StopEvent
{imports}

class Orders(Workflow):
    @step
    async def handle(self, ctx: Context, ev: StartEvent) -> StopEvent:
        {body}
        await ctx.ask(InputRequiredEvent())
        return StopEvent()
"""


def orders(body: str, imports: str = "") -> str:
    return STEP.format(imports=imports, body=body)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that is the current one."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_finding_is_printed_with_its_place_its_rule_and_the_remedy() -> None:
    (finding,) = check_source(orders("time.time()", "import time"), "orders.py")
    assert (finding.path, finding.line, finding.column, finding.end_line) == ("orders.py", 8, 9, 8)
    assert finding.step == "Orders.handle"
    assert str(finding) == (
        "orders.py:8:9: clock: time.time() comes before the wait in line 9, and is called again by each replay.\n"
        "    Take the time from `ctx.now()`."
    )


def test_functions_of_other_files_of_the_project_are_followed(folder: Path) -> None:
    (folder / "shop").mkdir()
    (folder / "shop" / "__init__.py").write_text("from .bank import charge\n")
    (folder / "shop" / "bank.py").write_text("import requests\n\ndef charge():\n    requests.post('bank')\n")
    (folder / "shop" / "orders.py").write_text(orders("charge()", "from . import charge\n"))
    (folder / "main.py").write_text(orders("shop.bank.charge()", "import shop.bank\n"))
    for target in ("shop/orders.py", "main.py"):
        (finding,) = check_path(target)
        assert (Path(finding.path).name, finding.line, finding.rule) == ("bank.py", 4, "network")
        assert f"before the wait in {target}:10, " in finding.message
    assert len(check_path(folder)) == 1


@pytest.mark.parametrize(
    ("file", "imports"),
    [
        ("shop/orders/taking.py", "from shop.bank import charge"),
        ("shop/orders/taking.py", "from shop import bank\ncharge = bank.charge"),
        ("shop/orders/taking.py", "from ..bank import charge"),
        ("shop/taking.py", "from .bank import charge"),
        ("shop/taking.py", "from .bank import *"),
    ],
)
def test_a_package_may_do_without_a_file_of_its_own(folder: Path, file: str, imports: str) -> None:
    (folder / "shop" / "orders").mkdir(parents=True)
    (folder / "shop" / "bank.py").write_text("import requests\n\ndef charge():\n    requests.post('bank')\n")
    (folder / file).write_text(orders("charge()", imports))
    for target in (file, folder / file):
        (finding,) = check_path(target)
        assert (Path(finding.path).absolute(), finding.line) == (folder / "shop" / "bank.py", 4)


def test_what_a_module_of_the_project_hands_on_is_known(folder: Path) -> None:
    stars = "from workflows import *\nfrom workflows.events import *\n"
    (folder / "common.py").write_text(f"from time import time as now\n{stars}")
    for imports in ("from common import *", "from common import Context, Workflow, step, now, StartEvent, StopEvent"):
        text = orders("now()", imports).replace("from workflows import Context, Workflow, step\n", "")
        (folder / "orders.py").write_text(text)
        assert [finding.rule for finding in check_path("orders.py")] == ["clock"]


def test_a_comment_in_another_file_counts(folder: Path) -> None:
    (folder / "bank.py").write_text("import requests\n\ndef charge():  # replay: ignore\n    requests.post('bank')\n")
    (folder / "orders.py").write_text(orders("bank.charge()", "import bank"))
    assert check_path("orders.py") == []
    assert check_path(".") == []


def test_a_comment_on_a_function_goes_for_all_of_it_and_an_unneeded_one_is_reported(folder: Path) -> None:
    text = orders("time.time()", "import time").replace("StopEvent:", "StopEvent:  # replay: ignore[clock] shown only")
    assert check_source(text) == []
    assert [finding.rule for finding in check_source(text.replace("clock", "file"))] == ["unused-ignore", "clock"]
    (unknown,) = check_source("x = 1  # replay: ignore[clocks]\n")
    assert unknown.message.startswith("There's no rule clocks; there are clock, random")
    assert unknown.remedy == "Mend the name."


def test_a_comment_below_the_signature_of_a_function_goes_for_its_own_line_alone() -> None:
    comment = "# replay: ignore[clock]"
    text = orders(f"{comment}\n        time.time()", "import time")
    assert [finding.rule for finding in check_source(text)] == ["unused-ignore", "clock"]
    for long in (
        f"ev: StartEvent,\n    ) -> StopEvent:  {comment}",
        f"\n    {comment}\n    ev: StartEvent) -> StopEvent:",
    ):
        assert check_source(orders("time.time()", "import time").replace("ev: StartEvent) -> StopEvent:", long)) == []


def test_a_comment_that_another_target_needs_is_used(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "bank.py").write_text("import requests\n\ndef charge():  # replay: ignore\n    requests.post('bank')\n")
    (folder / "orders.py").write_text(orders("bank.charge()", "import bank"))
    for targets in (["orders.py", "bank.py"], ["bank.py", "orders"], ["."], ["bank.py", "--without", "file"]):
        assert main(["check", *targets]) == 0
    assert main(["check", "bank.py"]) == 1
    assert "unused-ignore" in capsys.readouterr().out


def test_files_that_cannot_be_read_are_passed_over_where_they_are_only_imported(folder: Path) -> None:
    (folder / "bank.py").write_text("def charge(:\n")
    (folder / "orders.py").write_text(orders("bank.charge()", "import bank"))
    assert check_path("orders.py") == []
    with pytest.raises(SyntaxError):
        check_path("bank.py")


def test_a_module_and_a_package_are_found_by_their_names() -> None:
    found = check_module("tests.lint.package.approvals")
    assert [finding.rule for finding in found] == ["clock", "uuid"]
    assert found == check_module("tests.lint.package")
    assert found[0].path.endswith("tests/lint/package/approvals.py")


@pytest.mark.parametrize("name", ["no_such_module", "tests.no_such_module", "tests.lint.marks.inside", "sys", ".marks"])
def test_a_module_that_is_not_there_or_has_no_source_is_refused(name: str) -> None:
    with pytest.raises(UsageError, match=name.lstrip(".")):
        check_module(name)


def test_nothing_is_imported_to_find_a_module(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.path", [str(folder), *sys.path])
    (folder / "lying_around" / "inside").mkdir(parents=True)
    (folder / "lying_around" / "__init__.py").write_text("raise SystemExit(0)\n")
    (folder / "lying_around" / "inside" / "orders.py").write_text(orders("time.time()", "import time"))
    for name in ("lying_around", "lying_around.inside", "lying_around.inside.orders"):
        assert [finding.rule for finding in check_module(name)] == ["clock"]
        assert main(["check", name]) == 1
    assert "lying_around" not in sys.modules


def test_a_file_that_is_not_there_and_a_rule_that_is_not_there_are_refused(folder: Path) -> None:
    with pytest.raises(UsageError, match=r"no_such\.py"):
        check_path("no_such.py")
    with pytest.raises(UsageError, match="There's no rule 'clocks'"):
        check_source("", rules=["clocks"])


def test_a_class_is_checked_with_what_it_inherits() -> None:
    steps = {finding.step: finding.rule for finding in check_workflow(approvals.TwoSteps)}
    assert steps == {"Asking.ask": "clock", "TwoSteps.begin": "uuid"}
    assert [finding.rule for finding in check_workflow(approvals.Overriding())] == []


def test_a_class_inside_a_function_is_found_by_its_line() -> None:
    seen: list[int] = []

    class Orders(Workflow):
        @step
        async def handle(self, ctx: Context, ev: StartEvent) -> StopEvent:
            seen.append(1)
            await ctx.ask(InputRequiredEvent())
            return StopEvent()

    assert [finding.rule for finding in check_workflow(Orders)] == ["state"]


def test_a_class_without_a_file_is_refused() -> None:
    names: dict[str, type[Workflow]] = {}
    exec(orders("pass"), names)
    with pytest.raises(UsageError, match="check_source"):
        check_workflow(names["Orders"])


# --- the command ------------------------------------------------------------------------------------------------------


def test_the_command_tells_by_its_status_whether_something_was_found(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "wrong.py").write_text(orders("print(time.time())", "import time"))
    (folder / "right.py").write_text(orders("ctx.now()"))
    assert main(["check", "right.py"]) == 0
    assert capsys.readouterr() == ("", "Steps checked: 1, in files: 1. Nothing found.\n")
    assert main(["check", "wrong.py", "right.py", "wrong.py"]) == 1
    assert capsys.readouterr().out.count("wrong.py:8:15: clock: ") == 1
    assert main(["check", "wrong.py", "--without", "clock"]) == 0
    assert main(["check", "wrong.py", "--also", "print"]) == 1
    assert ": print: " in capsys.readouterr().out


def test_the_command_finds_modules_beside_it(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.path", ["/nowhere"])
    (folder / "orders_beside.py").write_text(orders("time.time()", "import time"))
    assert main(["check", "orders_beside"]) == 1
    assert capsys.readouterr().out.startswith("orders_beside.py:8:9: clock")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("def f(:\n", "broken.py:1: can't be read: "),
        (None, "There's no file or folder 'broken.py'"),
        ("\xe9", "broken.py: can't be read: "),
        ("\n" * 3 + "x = '\xe9'", "broken.py: can't be read: "),
        ("x = '\0'", "can't be read: "),
        ("x = " + "-" * 3000 + "1", "can't be read: "),
        (orders("x" + ".b()" * 220), "broken.py: can't be read: it's nested too deeply"),
        (orders("return " + "+1" * 600), "broken.py: can't be read: it's nested too deeply"),
    ],
)
def test_what_cannot_be_read_is_said_on_standard_error(
    text: str | None, said: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    if text is not None:
        (folder / "broken.py").write_text(text, encoding="latin-1")
    assert main(["check", "broken.py"]) == 2
    out, err = capsys.readouterr()
    assert said in err
    assert err.startswith(("broken.py", "There's"))
    assert out == ""


def test_what_cannot_be_read_does_not_keep_the_rest_from_being_checked(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "shop").mkdir()
    (folder / "shop" / "broken.py").write_text("def f(:\n")
    (folder / "shop" / "dangling.py").symlink_to("nowhere.py")
    (folder / "shop" / "deep.py").write_text(orders("x = " + "+1" * 600))
    (folder / "shop" / "orders.py").write_text(orders("time.time()  # see the bank", "import time"))
    (folder / "shop" / "other.py").write_text("x = 1  # replay: ignore[clock]\n")
    assert main(["check", "no_such_module", "shop", "no_such.py"]) == 2
    out, err = capsys.readouterr()
    assert [line.partition(": ")[0] for line in out.splitlines()[::2]] == ["shop/orders.py:8:9"]
    for said in ("no_such_module", "no_such.py", "shop/broken.py:1: ", "shop/dangling.py: ", "shop/deep.py: "):
        assert err.count(said) == 1


def test_a_rule_that_is_not_there_is_a_misspelt_command(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as exit_:
        main(["check", "x", "--also", "clocks"])
    assert exit_.value.code == 2
    assert "clocks" in capsys.readouterr().err


def test_findings_are_ordered_by_their_place() -> None:
    early, late = Finding("a.py", 3, 1, "clock", "x"), Finding("a.py", 20, 1, "clock", "x")
    assert sorted([late, early]) == [early, late]
