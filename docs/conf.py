"""How Sphinx builds these pages; `nox -s docs` runs it with every warning an error."""

import builtins
import re
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]

project = PROJECT["name"]
author = copyright = "The anyio-workflows authors"
release = version = PROJECT["version"]

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
exclude_patterns = ["_build"]

myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 3

autodoc_member_order = "bysource"
autodoc_typehints_format = "short"
napoleon_numpy_docstring = False

# Pages elsewhere aren't linked, so that a build needs no network. A reference to anything of ours must resolve.
_elsewhere = {*sys.stdlib_module_names, "anyio", "attr", "attrs", "cattr", "cattrs", "trio", "pydantic"}
nitpick_ignore_regex = [
    (r"py:.*", rf"({'|'.join(map(re.escape, sorted(_elsewhere)))})(\..*)?"),
    (r"py:.*", rf"({'|'.join(map(re.escape, dir(builtins)))})"),
]

html_theme = "furo"
html_title = f"{project} {release}"
