"""SQLite is loaded by those who keep runs in a file, and by nobody else."""

import subprocess
import sys

import pytest

from workflows import durability


def test_naming_the_package_does_not_load_sqlite() -> None:
    is_loaded = "print('sqlite3' in sys.modules)"
    program = f"import sys, workflows.durability as d; {is_loaded}; d.SqliteStore; {is_loaded}"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "True"]


def test_a_name_that_there_is_not_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match=r"'workflows\.durability' has no attribute 'Sqlite'"):
        durability.Sqlite  # type: ignore[attr-defined]  # noqa: B018
