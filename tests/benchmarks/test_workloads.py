"""Each workload does what it says, at a tiny size, on both backends. How long it takes is nobody's business here."""

import asyncio
import json
import math
from pathlib import Path

import pytest

from benchmarks.__main__ import main
from benchmarks.backends import BACKENDS, NO_BACKEND, VARIANTS, run
from benchmarks.catalogue import WORKLOADS, chosen
from benchmarks.clock import clock
from benchmarks.goals import FLOOR_THEN, GATES, GOALS, PRIMITIVES_THEN
from benchmarks.measuring import Figure, Spread, measure
from benchmarks.report import as_json, gate_lines, growths, machine_factors, tables
from benchmarks.workload import Workload, check, off_loop

TINY = 10  # a chain has ten steps

CASES = [
    pytest.param(workload, backend, id=f"{workload.name}-{backend}")
    for workload in WORKLOADS
    for backend in (BACKENDS if workload.has_backend else (NO_BACKEND,))
]


@pytest.mark.parametrize(("workload", "backend"), CASES)
def test_a_workload_gives_what_it_should(workload: Workload, backend: str) -> None:
    size = min(TINY, *workload.sizes)
    for sample in (workload.ours, workload.floor):
        if sample is not None:
            assert math.isfinite(sample(backend, size))


def test_every_workload_has_a_name_of_its_own() -> None:
    names = [workload.name for workload in WORKLOADS]
    assert len(names) == len(set(names))


def test_every_goal_is_one_for_a_figure_that_is_measured() -> None:
    sizes = {workload.name: workload.sizes for workload in WORKLOADS}
    for name, goal in (*GOALS.items(), *GATES.items()):
        assert goal.size in sizes[name], name
    assert sizes.keys() >= FLOOR_THEN.keys() | PRIMITIVES_THEN.keys()


def test_a_workload_that_does_something_else_is_noticed() -> None:
    with pytest.raises(AssertionError, match="gave 3 rather than 4"):
        check(3, 4)


def test_an_unknown_workload_is_refused_with_those_that_there_are() -> None:
    with pytest.raises(LookupError, match=r"no workload is named nothing; there are: .*loop"):
        chosen(["nothing"])


def test_ours_and_the_floor_are_measured_in_turns_in_every_round() -> None:
    done: list[str] = []

    def ours(size: int) -> float:
        done.append("ours")
        return size * 3e-6

    def floor(size: int) -> float:
        done.append("floor")
        return size * 1e-6

    workload = Workload("w", "thing", off_loop(ours), off_loop(floor), sizes=(100, 200), has_backend=False)
    figures = measure([workload], ["asyncio"], rounds=2)
    assert done == ["floor", "ours"] * 2 + ["ours", "floor"] * 2
    assert [figure.size for figure in figures] == [100, 200]
    assert all(figure.ours.median == pytest.approx(3) for figure in figures)
    assert all(figure.ratio is not None and figure.ratio.median == pytest.approx(3) for figure in figures)


def figure_of(name: str, size: int, backend: str, cost: float, floor: float) -> Figure:
    (workload,) = chosen([name])
    spread = Spread.of([cost, cost + 1, cost - 1])
    return Figure(workload, size, backend, spread, Spread.of([floor]), Spread.of([cost / floor]))


def test_the_gate_is_printed_beside_the_floor() -> None:
    held, missed = figure_of("loop", 10_000, "asyncio", 16, 4), figure_of("loop", 10_000, "trio", 30, 5)
    assert list(gate_lines([held, missed])) == [
        "Gate holds on asyncio: a step of a loop costs 16 µs (at most 20), 4.00 times the floor of 4.",
        "Gate IS MISSED on trio: a step of a loop costs 30 µs (at most 25), 6.00 times the floor of 5.",
    ]


def test_growth_counts_from_a_thousand_items() -> None:
    costs = {100: 40.0, 1_000: 20.0, 100_000: 30.0}
    figures = [figure_of("fan-out", size, "trio", cost, 5) for size, cost in costs.items()]
    assert [(small.size, large.size, ratio) for small, large, ratio in growths(figures)] == [(1_000, 100_000, 1.5)]


def test_the_machine_is_compared_by_what_is_not_ours() -> None:
    factors = machine_factors([figure_of("loop", 10_000, "asyncio", 16, 9), figure_of("hop", 10_000, "trio", 15.8, 1)])
    assert factors["floor"]["asyncio"]["loop"] == pytest.approx(2)
    assert factors["primitives"]["trio"]["hop"] == pytest.approx(2)


def test_a_report_is_a_table_and_json() -> None:
    figures = [figure_of("loop", 10_000, "asyncio", 16, 4), figure_of("loop", 1_000, "asyncio", 17, 4)]
    text = tables(figures)
    assert "16 µs" in text
    assert "15…17" in text
    assert "MISSED 15" in text
    data = json.loads(json.dumps(as_json(figures, command="python -m benchmarks", rounds=3, clock="wall")))
    assert [figure["size"] for figure in data["figures"]] == [10_000, 1_000]
    assert data["growth"][0]["ratio"] == pytest.approx(16 / 17)


def test_the_command_prints_a_table_and_writes_a_file(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    file = tmp_path / "figures.json"
    main(["event", "--quick", "--clock", "cpu", "--rounds", "1", "--json", str(file)])
    clock.choose("wall")
    assert "event" in capsys.readouterr().out
    data = json.loads(file.read_text(encoding="utf-8"))
    assert (data["rounds"], data["clock"]) == (1, "cpu")


def test_the_command_lists_the_workloads(capsys: pytest.CaptureFixture[str]) -> None:
    main(["--list"])
    assert "step of a loop" in capsys.readouterr().out


@pytest.mark.parametrize("arguments", [["nothing"], ["--rounds", "0"], ["--backend", "curio"]])
def test_the_command_refuses_what_it_does_not_know(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(arguments)
    assert "error" in capsys.readouterr().err


def test_sizes_that_show_growth_can_be_measured_in_fewer_rounds() -> None:
    done: list[int] = []

    def ours(size: int) -> float:
        done.append(size)
        return 1.0

    workload = Workload("w", "thing", off_loop(ours), sizes=(10, 20), has_backend=False)
    measure([workload], ["asyncio"], rounds=3, growth_rounds=1)
    assert done == [10, 20, 10, 10]


def test_uvloop_is_a_loop_of_asyncio() -> None:
    uvloop = pytest.importorskip("uvloop")

    async def kind() -> type[object]:
        return type(asyncio.get_running_loop())

    assert issubclass(run(kind, backend="uvloop"), uvloop.Loop)
    assert "uvloop" in VARIANTS


def test_a_record_names_the_command_that_gives_the_same(tmp_path: Path) -> None:
    file = tmp_path / "figures.json"
    main(["event", "--quick", "--rounds", "1", "--growth-rounds", "1", "--json", str(file), "--backend", "asyncio"])
    assert json.loads(file.read_text(encoding="utf-8"))["command"] == (
        "python -m benchmarks --backend asyncio --rounds 1 --growth-rounds 1 --clock wall --quick event"
    )
