"""Everything that is run on this repository: `nox` for what a change needs before review, `nox -l` for the rest."""

import re
import shutil
import tomllib
from pathlib import Path

import nox

nox.needs_version = ">=2025.5.1"
nox.options.sessions = ["lint", "types", "tests", "docs"]
nox.options.reuse_venv = "yes"

ROOT = Path(__file__).parent
PROJECT = nox.project.load_toml(ROOT / "pyproject.toml")
PYRIGHT = {"PYRIGHT_PYTHON_IGNORE_WARNINGS": "1"}
PARALLEL = ("-n", "auto", "--dist", "worksteal")  # one process for each processor
PYTHONS = ["3.11", "3.12", "3.13", "3.14"]


def install(session: nox.Session, *groups: str) -> None:
    """Install the project and some of its dependency groups; spelled out, since an older pip knows no `--group`."""
    session.install("-e", ".", *nox.project.dependency_groups(PROJECT, *groups))


def code(*folders: str) -> list[str]:
    """Give those of the folders that have code in them: the checkers refuse an empty one."""
    return [folder for folder in folders if any((ROOT / folder).rglob("*.py"))]


ASYNC_RULES_LEFT_OUT = (
    "ASYNC109",  # a timeout is data where it stands on a question, a step or a workflow
    "ASYNC106",  # `from anyio import to_thread` is how AnyIO's own documentation writes it
    "ASYNC9",  # workers drive: what a step calls needn't be a checkpoint, the worker has one for each step
    "ASYNC114",  # wants a list of all functions that take a `task_status`
    "ASYNC124",  # a step is async because users' are, whether or not it awaits
)


@nox.session
def lint(session: nox.Session) -> None:
    """Check style, formatting, the rules of structured concurrency, and the sizes of modules and functions."""
    session.install(*nox.project.dependency_groups(PROJECT, "lint", "bare"))
    session.run("ruff", "check", ".")
    session.run("ruff", "format", "--check", ".")
    files = [path for folder in code("src", "examples", "benchmarks") for path in Path(folder).rglob("*.py")]
    session.run("flake8-async", "--anyio", f"--disable={','.join(ASYNC_RULES_LEFT_OUT)}", *map(str, files), log=False)
    session.run("pytest", "-q", "-p", "no:cacheprovider", "tests/test_layers.py", "tests/test_sizes.py", "--noconftest")


@nox.session
def types(session: nox.Session) -> None:
    """Check the types with mypy and pyright, both strict, and what both say of a user's code."""
    install(session, "types")
    session.run("mypy", *code("src", "tests", "docs", "examples", "benchmarks"), "noxfile.py")
    session.run("pyright", env=PYRIGHT)
    session.run("pyright", "--verifytypes", "workflows", "--ignoreexternal", env=PYRIGHT)
    session.run("pytest", "-q", "tests/typing")


@nox.session(python=PYTHONS)
def tests(session: nox.Session) -> None:
    """Run the tests on both backends, in random order, and measure the branches they reach."""
    install(session, "tests")
    session.run("pytest", *PARALLEL, "--cov", *session.posargs)


@nox.session
def bare(session: nox.Session) -> None:
    """Run the tests with nothing optional installed: no trio, no pydantic, no pygraphviz, no opentelemetry."""
    install(session, "bare")
    session.run("pytest", *session.posargs)


@nox.session(python=PYTHONS[0])
def minimums(session: nox.Session) -> None:
    """Run the tests with the lowest version of each dependency, of the tests' own too, that pyproject.toml allows."""
    constraints = Path(session.create_tmp()) / "constraints.txt"
    constraints.write_text("\n".join(lowest_versions()) + "\n", encoding="utf-8")
    everything = [".[trio,pydantic,draw,otel]", *nox.project.dependency_groups(PROJECT, "tests")]
    session.install("-e", *everything, "-c", str(constraints))
    session.run("pytest", *PARALLEL, *session.posargs)


def lowest_versions() -> list[str]:
    """Read each lower bound as a pin; a constraint can't have extras (`coverage[toml]`)."""
    extras = [requirement for extra in PROJECT["project"]["optional-dependencies"].values() for requirement in extra]
    requirements = [*PROJECT["project"]["dependencies"], *extras, *nox.project.dependency_groups(PROJECT, "tests")]
    return sorted({re.sub(r"(\[.*\])?>=", "==", requirement) for requirement in requirements})


@nox.session
def sim(session: nox.Session) -> None:
    """Try all properties for an hour on each backend, and put the figures on the guarantees' page; or some, for long.

    `nox -s sim -- tests/core` runs what's named, with thousands of examples.
    """
    install(session, "tests")
    if session.posargs:
        selected = ("-o", "faulthandler_timeout=0", "-m", "hypothesis or guarantee")
        session.run("pytest", *selected, *session.posargs, env={"HYPOTHESIS_PROFILE": "deep"})
        return
    for backend in ("asyncio", "trio"):
        into = ("--into", "tests/deep_run.json")
        session.run("python", "-m", "tests.deep", "--backend", backend, "--minutes", "60", *into)
    session.run("python", "-m", "tests.proof_table")


@nox.session
def kill(session: nox.Session) -> None:
    """Kill thousands of processes on one file, and look whether anything was lost; `-- --kills 10000` sets how many."""
    install(session, "tests")
    session.run("python", "-m", "tests.durability.kills", "--kills", "3000", *session.posargs)


@nox.session
def mutants(session: nox.Session) -> None:
    """Change the core, one place at a time, and look whether a test notices; `-- replay` for one module."""
    install(session, "mutants")
    session.run("python", "-m", "tests.mutants", *session.posargs)


@nox.session
def docs(session: nox.Session) -> None:
    """Build the documentation, every warning an error; its code blocks run in `tests`."""
    install(session, "docs")
    shutil.rmtree("docs/_build", ignore_errors=True)
    session.run("sphinx-build", "-n", "-W", "--keep-going", "-q", "-b", "html", "docs", "docs/_build/html")


@nox.session
def bench(session: nox.Session) -> None:
    """Measure the engine beside the floor; ratios count, and nothing fails on a figure."""
    install(session, "bench")
    session.run("python", "-m", "benchmarks", *session.posargs)


@nox.session
def peers(session: nox.Session) -> None:
    """Measure other libraries beside the engine, in environments that it makes; nothing fails on a figure."""
    install(session, "bench")
    session.run("python", "-m", "benchmarks.peers", *session.posargs)


@nox.session
def figures(session: nox.Session) -> None:
    """Measure all that the docs show, in some minutes, and write the page's tables and plots anew."""
    install(session, "bench")
    session.run("python", "-m", "benchmarks.refresh", *session.posargs)


@nox.session
def counts(session: nox.Session) -> None:
    """Count instructions and allocations of small workloads, with valgrind; a tenth beyond the record fails."""
    install(session, "tests")
    another_python = 3  # than that of the record: the command says that it compared nothing
    session.run("python", "-m", "benchmarks.counts", *session.posargs, success_codes=[0, another_python])


@nox.session
def notes(session: nox.Session) -> None:
    """Show the release notes as they'd stand if the next version came out now."""
    session.install(*nox.project.dependency_groups(PROJECT, "notes"))
    version = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
    session.run("towncrier", "build", "--draft", "--version", version)
