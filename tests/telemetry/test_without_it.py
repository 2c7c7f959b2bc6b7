"""OpenTelemetry is an extra: it's loaded by those who follow their runs with it, and missed with a clear message."""

import subprocess
import sys

import pytest

from workflows.errors import MissingExtra
from workflows.telemetry import OpenTelemetry


def test_who_has_not_installed_it_is_told_how(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "opentelemetry", None)
    with pytest.raises(MissingExtra, match=r"pip install 'anyio-workflows\[otel\]'"):
        OpenTelemetry()


def test_nothing_of_it_is_loaded_before_it_is_used() -> None:
    loads = "import sys, workflows, workflows.telemetry; sys.exit(any('opentelemetry' in name for name in sys.modules))"
    assert subprocess.run([sys.executable, "-c", loads], check=False).returncode == 0
