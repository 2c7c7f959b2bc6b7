"""Other libraries are measured beside ours by programs that speak JSON. None of them is installed or needed here."""

import ast
import json
import math
import subprocess
import sys
import venv
from pathlib import Path

import pytest

from benchmarks.peers import environments, report
from benchmarks.peers.__main__ import main
from benchmarks.peers.compared import COMPARED, OURS, PEERS, Compared, Peer, chosen
from benchmarks.peers.environments import MARK, PROGRAMS, NotInstalled, cache_folder, environment, installed
from benchmarks.peers.record import as_data
from benchmarks.peers.rounds import Series, measure
from benchmarks.peers.subjects import MeasuringFailed, Subject

PROGRAM = f"""\
import sys
sys.path.insert(0, {str(PROGRAMS)!r})
from speaking import check, held, seconds, serve

def loop(size):
    print("what a library prints isn't an answer")
    start = seconds()
    check(start <= seconds(), True)
    return size * 2.0

def fan_out(size):
    check(size, -1)

serve({{"loop": loop, "fan-out": fan_out, "waiting-run": lambda size: float(held() > 0)}})
"""


def make_folder(place: Path, *, with_pip: bool) -> None:
    assert with_pip
    place.mkdir(parents=True)


@pytest.fixture
def stub(tmp_path: Path) -> Subject:
    """A peer whose steps take two seconds, without taking any."""
    program = tmp_path / "of_stub.py"
    program.write_text(PROGRAM, encoding="utf-8")
    peer = Peer(PEERS[0].name, "1.0", "json", str(program), {"trip": "it has no runs that wait"})
    return Subject(peer.name, "asyncio", {"stub": ("1.0", 2_000_000)}, peer, Path(sys.executable))


def silent(_text: str) -> None:
    pass


def test_ours_and_a_peer_are_measured_in_rounds_and_shown_side_by_side(stub: Subject) -> None:
    ours = Subject(OURS, "asyncio", {"anyio": ("4.0", 500_000)})
    series = measure([ours, stub], chosen(["loop", "size"]), rounds=2, clock="cpu", is_quick=True, tell=silent)
    assert [(one.compared.name, one.subject.name, len(one.samples)) for one in series] == [
        ("loop", OURS, 2),
        ("loop", stub.name, 2),
        ("size", OURS, 2),
        ("size", stub.name, 2),
    ]
    data = as_data(series, [ours, stub], command="python -m benchmarks.peers", rounds=2, clock="cpu")
    figures = json.loads(json.dumps(data))["figures"]
    assert all(math.isfinite(figure["median"]) for figure in figures)
    assert figures[1]["median"] == pytest.approx(2e6)
    assert figures[1]["over_ours"]["asyncio"]["median"] > 1
    assert figures[3]["median"] == pytest.approx(2)
    said = report.text(data)
    assert "2,000,000 µs" in said
    assert "2 MB" in said


def test_a_process_that_counts_its_memory_is_one_of_its_own(stub: Subject) -> None:
    (compared,) = chosen(["waiting-run"])
    with stub.talk("cpu") as talk:
        assert stub.sample(compared, 10, talk, "cpu") == 1


def test_a_peer_that_gives_another_result_stops_the_measuring(stub: Subject) -> None:
    with stub.talk("cpu") as talk, pytest.raises(MeasuringFailed, match="gave 300 rather than -1"):
        talk.ask("fan-out", 300)


def test_a_program_that_ends_is_noticed(tmp_path: Path) -> None:
    program = tmp_path / "of_nothing.py"
    program.write_text("", encoding="utf-8")
    peer = Peer("nothing", "1.0", "json", str(program), {})
    subject = Subject(peer.name, "asyncio", {}, peer, Path(sys.executable))
    with pytest.raises(MeasuringFailed, match="ended with 0"), subject.talk("cpu"):
        pass


def test_what_a_peer_leaves_out_is_not_measured(stub: Subject) -> None:
    trip, loop = chosen(["trip"])[0], chosen(["loop"])[0]
    assert (stub.measures(trip), stub.measures(loop)) == (False, True)


def test_what_has_no_event_loop_is_measured_once_for_ours() -> None:
    (size,) = chosen(["size"])
    assert [Subject(OURS, backend, {}).measures(size) for backend in ("asyncio", "trio", "uvloop")] == [
        True,
        False,
        False,
    ]


@pytest.mark.parametrize("peer", PEERS, ids=lambda peer: peer.name)
def test_every_program_does_what_its_peer_does_not_leave_out(peer: Peer) -> None:
    tree = ast.parse((PROGRAMS / peer.program).read_text(encoding="utf-8"))
    (served,) = [node.value for node in tree.body[-1].body if isinstance(node, ast.Expr)]  # type: ignore[attr-defined]  # an `if`
    assert isinstance(served, ast.Call)
    assert isinstance(served.args[0], ast.Dict)
    names = {key.value for key in served.args[0].keys if isinstance(key, ast.Constant)}
    assert names == {one.name for one in COMPARED if one.how not in {"import", "size"}} - peer.left_out.keys()


def test_what_is_compared_is_a_workload_of_ours() -> None:
    for one in COMPARED:
        assert one.workload.name == one.name
        assert set(one.once) <= set(one.sizes)
    for peer in PEERS:
        assert peer.left_out.keys() <= {one.name for one in COMPARED}


def test_a_size_that_takes_long_is_measured_in_the_first_round_only(stub: Subject) -> None:
    compared = Compared("loop", (10, 20), (10,), once=(20,))
    series = measure([stub], [compared], rounds=2, clock="wall", is_quick=False, tell=silent)
    assert [list(one.samples) for one in series] == [[0, 1], [0]]
    series = measure([stub], [compared], rounds=1, clock="wall", is_quick=False, with_slow=False, tell=silent)
    assert [one.size for one in series] == [10]


def test_an_aim_is_held_or_missed_by_the_ratio_to_the_first_peer(stub: Subject) -> None:
    (compared,) = chosen(["loop"])
    ours = [Series(compared, 1_000, Subject(OURS, backend, {})) for backend in ("asyncio", "trio")]
    theirs = Series(compared, 1_000, stub)
    for series, sample in ((ours[0], 1.0), (ours[1], 2.0), (theirs, 25.0)):
        series.add(0, sample)
    data = as_data([*ours, theirs], [], command="", rounds=1, clock="cpu")
    (group,) = report.groups(data)
    assert report.aim(group) == {"asyncio": (20, True), "trio": (16, False)}
    assert "≥ 20 on asyncio, MISSED 16 on trio" in report.text(data)


def test_an_environment_that_was_made_of_the_same_is_taken_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[str] = []

    def run(command: list[str], **_options: object) -> subprocess.CompletedProcess[str]:
        made.append(command[-1])
        return subprocess.CompletedProcess(command, 0, "", "")

    monkeypatch.setattr(venv, "create", make_folder)
    monkeypatch.setattr(subprocess, "run", run)
    for requirement in ("a==1", "a==1", "a==2"):
        python = environment(tmp_path, "a", [requirement], silent)
        assert python.is_relative_to(tmp_path)
    assert made == ["a==1", "a==2"]
    assert [json.loads(mark.read_text(encoding="utf-8")) for mark in tmp_path.rglob(MARK)] == [["a==2"]]


def test_an_environment_that_cannot_be_made_leaves_nothing_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def run(command: list[str], **_options: object) -> subprocess.CompletedProcess[str]:
        return subprocess.CompletedProcess(command, 1, "", "no network\n")

    monkeypatch.setattr(venv, "create", make_folder)
    monkeypatch.setattr(subprocess, "run", run)
    with pytest.raises(NotInstalled, match="a==1 can't be installed: no network"):
        environment(tmp_path, "a", ["a==1"], silent)
    assert list(tmp_path.iterdir()) == []


def test_environments_are_kept_outside_of_the_repository(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert cache_folder().is_relative_to(tmp_path)
    monkeypatch.delenv("XDG_CACHE_HOME")
    assert not cache_folder().is_relative_to(environments.ROOT)


def test_what_is_installed_is_listed_with_its_version_and_size() -> None:
    version, size = installed(Path(sys.executable))["anyio"]
    assert version.startswith("4.")
    assert size > 100_000


def test_the_command_lists_what_is_compared(capsys: pytest.CaptureFixture[str]) -> None:
    main(["--list"])
    assert [line.split()[0] for line in capsys.readouterr().out.splitlines()] == [one.name for one in COMPARED]


@pytest.mark.parametrize("arguments", [["nothing"], ["--rounds", "0"], ["loop", "--peers", "nobody"]])
def test_the_command_refuses_what_it_does_not_know(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(arguments)
    assert "error" in capsys.readouterr().err
