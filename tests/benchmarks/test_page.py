"""What the page of figures shows is what was recorded."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from benchmarks import __main__ as own
from benchmarks import page, plots, refresh
from benchmarks.catalogue import WORKLOADS
from benchmarks.page import PAGE, digest, record_of, with_tables
from benchmarks.peers import __main__ as peers
from benchmarks.report import as_text


def spread(median: float) -> dict[str, float]:
    return {"median": median, "low": median, "high": median}


def own_figure(size: int, backend: str, cost: float, goal: float | None = None) -> dict[str, Any]:
    return {
        "workload": "loop",
        "item": "step of a loop",
        "size": size,
        "backend": backend,
        "unit": "µs",
        "ours": spread(cost),
        "floor": spread(5),
        "ratio": spread(cost / 5),
        "goal": goal,
        "at_most_floors": None,
    }


def peer_figure(subject: str, backend: str, cost: float, over: dict[str, float], size: int = 1_000) -> dict[str, Any]:
    return {
        "workload": "loop",
        "item": "step of a loop",
        "size": size,
        "unit": "µs",
        "subject": subject,
        "backend": backend,
        **spread(cost),
        "over_ours": {backend: spread(ratio) for backend, ratio in over.items()},
    }


HERE = {"command": "python -m x", "python": "3.11", "machine": "m", "system": "s", "rounds": 3, "clock": "cpu"}
OWN = HERE | {
    "figures": [
        own_figure(1_000, "asyncio", 15.25, 15),
        own_figure(1_000, "trio", 20, 25),
        own_figure(100_000, "asyncio", 16),
    ],
    "growth": [{"workload": "loop", "backend": "asyncio", "from": 1_000, "to": 100_000, "ratio": 1.05}],
}
PEERS = HERE | {
    "subjects": {"workflows on asyncio": {"anyio": "4.0"}, "llama-index-workflows": {"llama-index-workflows": "2.0"}},
    "left_out": {"langgraph": {"loop": "it goes straight on"}},
    "figures": [
        peer_figure("workflows", "asyncio", 15, {}),
        peer_figure("workflows", "trio", 20, {}),
        peer_figure("llama-index-workflows", "asyncio", 300, {"asyncio": 20, "trio": 15}),
        peer_figure("llama-index-workflows", "asyncio", 310, {}, size=10_000),
        peer_figure("workflows", "asyncio", 15, {}, size=10_000),
    ],
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, data in (("ours", OWN), ("peers", PEERS)):
        (tmp_path / f"{name}.json").write_text(as_text(data), encoding="utf-8")
    return tmp_path


def block(name: str) -> str:
    return f"before\n<!-- figures: {name} -->\nstale\n<!-- end of figures -->\nbehind\n"


def test_the_page_shows_what_was_recorded() -> None:
    text = PAGE.read_text(encoding="utf-8")
    assert with_tables(text) == text, "run python -m benchmarks.page"


def test_every_table_of_the_page_is_known() -> None:
    names = [line.split()[2] for line in PAGE.read_text(encoding="utf-8").splitlines() if "<!-- figures:" in line]
    assert sorted(names) == sorted(page.BLOCKS)


@pytest.mark.parametrize("name", plots.PLOTS)
def test_the_plots_are_of_what_was_recorded(name: str) -> None:
    svg = (plots.FOLDER / f"{name}.svg").read_text(encoding="utf-8")
    assert digest(record_of(name)) in svg, "run python -m benchmarks.plots"


def test_a_table_names_each_figure_with_its_ratio_its_aim_and_its_command(folder: Path) -> None:
    ours = with_tables(block("ours"), folder)
    assert "| step of a loop, of 1,000 | 15.2 µs | 3.0 | 20 µs | 4.0 | 15 (**missed**), Trio 25 |" in ours
    assert "100,000" not in ours
    assert "`python -m x`" in ours
    assert "| step of a loop | 1,000 | 100,000 | 1.05 |  |" in with_tables(block("ours-growth"), folder)


def test_a_peer_is_shown_beside_ours_with_the_aim(folder: Path) -> None:
    shown = with_tables(block("peers"), folder)
    assert "| step of a loop, of 1,000 | 15 µs | 20 µs | 300 µs (20) | 20, Trio 16, **missed** (15) |" in shown
    assert "| what | asyncio | Trio | `llama-index-workflows` 2.0 | aim |" in shown
    assert shown.startswith("before\n")
    assert shown.endswith("behind\n")
    assert "- `langgraph`: it goes straight on. So it has no figure for: step of a loop." in with_tables(
        block("peers-left-out"), folder
    )


def test_a_table_without_a_record_stays_as_it_is(tmp_path: Path) -> None:
    assert with_tables(block("durable"), tmp_path) == block("durable")


def test_a_record_has_a_figure_on_each_line_and_five_digits() -> None:
    text = as_text({"figures": [{"median": 1.23456789}, {"median": 2}], "growth": [], "clock": "cpu"})
    assert text.splitlines()[2:4] == ['  {"median": 1.2346},', '  {"median": 2}']
    assert json.loads(text) == {"figures": [{"median": 1.2346}, {"median": 2}], "growth": [], "clock": "cpu"}


def test_the_same_record_gives_the_same_plot(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    files = [tmp_path / "a.svg", tmp_path / "b.svg"]
    for file in files:
        plots.draw(list(plots.peer_panels(PEERS)), file, digest(PEERS))
    assert files[0].read_bytes() == files[1].read_bytes()
    assert digest(PEERS) in files[0].read_text(encoding="utf-8")


def test_a_plot_has_a_line_for_each_who_was_measured_at_several_sizes() -> None:
    (own,) = plots.growth_panels(OWN)
    assert own.lines["workflows on asyncio"] == {1_000: 15.25, 100_000: 16}
    assert own.lines["floor, Trio"] == {1_000: 5}
    (beside,) = plots.peer_panels(PEERS)
    assert beside.lines.keys() == {"workflows on asyncio", "workflows on Trio", "llama-index-workflows"}
    assert set(own.lines) | set(beside.lines) <= plots.COLOURS.keys()


def test_one_command_measures_records_and_writes_the_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def measuring(data: dict[str, Any]) -> Any:
        def measure(arguments: Sequence[str]) -> None:
            asked.append(" ".join(arguments[:4]))
            Path(arguments[-1]).write_text(as_text(data), encoding="utf-8")

        return measure

    monkeypatch.setattr(own, "main", measuring(OWN))
    monkeypatch.setattr(peers, "main", measuring(PEERS))
    monkeypatch.setattr(page, "RECORDED", tmp_path / "recorded")
    monkeypatch.setattr(page, "PAGE", tmp_path / "page.md")
    monkeypatch.setattr(plots, "main", lambda: None)
    page.PAGE.write_text(block("peers") + block("ours") + block("durable"), encoding="utf-8")
    refresh.main(["--clock", "cpu", "--rounds", "1"])
    assert asked == ["--rounds 1 --clock cpu", "--rounds 1 --growth-rounds 1"]
    text = page.PAGE.read_text(encoding="utf-8")
    assert "300 µs (20)" in text
    assert "15.2 µs" in text
    assert text.count("stale") == 1


def test_every_workload_belongs_to_a_part_of_the_page() -> None:
    assert {*refresh.HELD, *refresh.STORED, *refresh.RELEASED} == {workload.name for workload in WORKLOADS}
