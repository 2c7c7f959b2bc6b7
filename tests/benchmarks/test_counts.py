"""What is counted is compared with what was recorded. Nothing here needs valgrind: the counting is a stand-in."""

from collections.abc import Callable
from pathlib import Path

import attrs
import pytest

from benchmarks.backends import BACKENDS
from benchmarks.catalogue import chosen as workloads
from benchmarks.counts import marked
from benchmarks.counts.__main__ import FAILED, FINE, GROWN, NOT_COMPARED, main
from benchmarks.counts.callgrind import Count, CountingFailed, per_item, read
from benchmarks.counts.cases import CASES, Case
from benchmarks.counts.record import FILE, Comparison, Machine, Record, compared

RECORDED = Count(instructions=100_000, allocations=50)

PART = """\
# callgrind format
fn=_PyObject_Malloc
0 7
fn=list_append
0 12
cfn=_PyObject_Malloc
calls=3 10
0 21
cfn=_PyObject_Realloc
calls=5 11
0 40
cfn=_PyObject_Calloc
calls=2 12
0 9
summary: 12345
totals: 12345
"""


def record_of(count: Count, machine: Machine | None = None) -> Record:
    return Record(machine or Machine.here(), {case.name: count for case in CASES})


def always(count: Count) -> Callable[[Case], Count]:
    return lambda _case: count


def never(case: Case) -> Count:
    raise AssertionError(f"counted {case}")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "recorded.json"


@pytest.mark.parametrize("what", ["instructions", "allocations"])
@pytest.mark.parametrize(("factor", "code"), [(1.11, GROWN), (1.09, FINE), (1.0, FINE), (0.5, FINE)])
def test_growth_by_more_than_a_tenth_fails(what: str, factor: float, code: int, file: Path) -> None:
    record_of(RECORDED).write(file)
    now = attrs.evolve(RECORDED, **{what: getattr(RECORDED, what) * factor})
    assert main(["--file", str(file)], always(now)) == code


def test_what_has_grown_is_named_with_both_figures(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    record_of(RECORDED).write(file)

    def counting(case: Case) -> Count:
        return Count(111_000, 50) if case.workload == "stream" else RECORDED

    assert main(["--file", str(file)], counting) == GROWN
    said = capsys.readouterr().out
    assert "stream on asyncio takes 111,000.0 instructions an item, 100,000.0 were recorded." in said
    assert said.count("HAS GROWN") == 1


@pytest.mark.parametrize("name", ["python", "platform"])
def test_nothing_is_counted_or_compared_on_another_python_or_platform(
    name: str, file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    here = Machine.here()
    others = {"python": attrs.evolve(here, python="another"), "platform": attrs.evolve(here, platform="another")}
    record_of(RECORDED, others[name]).write(file)
    assert main(["--file", str(file)], never) == NOT_COMPARED
    said = capsys.readouterr().out.lower()
    assert f"not compared: the record is of {name} 'another', and this is {getattr(here, name)!r}".lower() in said


def test_another_version_of_a_package_is_named_and_compared(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    here = Machine.here()
    record_of(RECORDED, attrs.evolve(here, packages={**here.packages, "anyio": "0.1"})).write(file)
    assert main(["--file", str(file)], always(RECORDED)) == FINE
    assert f"anyio was 0.1 and is {here.packages['anyio']}" in capsys.readouterr().out


def test_what_is_recorded_is_read_again(file: Path) -> None:
    assert main(["--file", str(file), "--record"], always(RECORDED)) == FINE
    names = [case.name for case in CASES if case.backend in BACKENDS]
    assert Record.read(file) == Record(Machine.here(), dict.fromkeys(names, RECORDED))
    assert main(["--file", str(file)], always(RECORDED)) == FINE


def test_a_case_that_is_not_in_the_record_is_new_and_has_not_grown() -> None:
    rows = compared({}, {"new on asyncio": RECORDED})
    assert rows[0] == Comparison("new on asyncio", "instructions", None, 100_000)
    assert not any(row.has_grown for row in rows)
    assert "new" in rows[1].row()


def test_counting_that_fails_is_not_a_growth(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    record_of(RECORDED).write(file)

    def counting(_case: Case) -> Count:
        raise CountingFailed("valgrind isn't there")

    assert main(["--file", str(file)], counting) == FAILED
    assert "valgrind isn't there" in capsys.readouterr().err


@pytest.mark.parametrize("arguments", [["nothing"], ["loop", "--record"]])
def test_the_command_refuses_what_it_does_not_count(arguments: list[str]) -> None:
    with pytest.raises(SystemExit):
        main(arguments, never)


def test_a_part_is_read_as_all_instructions_and_the_blocks_that_python_was_asked_for() -> None:
    assert read(PART.splitlines()) == Count(12_345, 5)


def test_a_part_without_a_total_is_refused() -> None:
    with pytest.raises(CountingFailed, match="summary"):
        read(PART.splitlines()[:4])


def test_an_item_costs_what_the_large_sample_has_beyond_the_small_one() -> None:
    assert per_item(Count(1_500, 30), Count(3_500, 130), 20) == Count(100, 5)


@pytest.mark.parametrize("case", [case for case in CASES if case.backend in BACKENDS], ids=lambda case: case.name)
def test_every_case_does_its_workload_between_marks(case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    marks: list[None] = []
    monkeypatch.setattr(marked, "mark", lambda: marks.append(None))
    marked.main(case.workload, case.backend, "2", "3")
    assert len(marks) == 3


def test_the_record_has_every_case_and_no_other() -> None:
    record = Record.read(FILE)
    assert list(record.counts) == [case.name for case in CASES]
    assert all(found.instructions > 0 and found.allocations > 0 for found in record.counts.values())
    assert workloads([case.workload for case in CASES])
