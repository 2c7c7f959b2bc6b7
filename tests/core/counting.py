"""Work, counted rather than timed: how many instructions of the package a call takes."""

import gc
import sys
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any

import workflows

PACKAGE = str(Path(workflows.__file__).parent)


def work_of(function: Callable[[], object]) -> int:
    """How many instructions of the interpreter run in modules of the package.

    Nothing is collected meanwhile: what runs of other tests say when they're collected would count.
    """
    counted = 0

    def trace(frame: FrameType, event: str, _argument: Any) -> Any:
        nonlocal counted
        if event == "call":
            frame.f_trace_opcodes = True
            return trace if frame.f_code.co_filename.startswith(PACKAGE) else None
        counted += event == "opcode"
        return trace

    before, is_collecting = sys.gettrace(), gc.isenabled()
    gc.disable()
    sys.settrace(trace)
    try:
        function()
    finally:
        sys.settrace(before)
        if is_collecting:
            gc.enable()
    return counted
