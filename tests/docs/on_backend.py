"""Runs a program, or a module, on a backend: `python on_backend.py trio program.py arguments...`."""

import functools
import runpy
import sys

import anyio

if __name__ == "__main__":
    backend = sys.argv[1]
    sys.argv = sys.argv[2:]
    sys.path[0] = "."
    anyio.run = functools.partial(anyio.run, backend=backend)  # type: ignore[assignment]  # a partial is no function
    if sys.argv[0] == "-m":
        sys.argv = sys.argv[1:]
        runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
    else:
        runpy.run_path(sys.argv[0], run_name="__main__")
