"""How Sphinx builds these pages; `nox -s docs` runs it with every warning an error."""

import builtins
import re
import sys
import textwrap
import tomllib
from pathlib import Path
from typing import Any

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
autodoc_preserve_defaults = True
autodoc_type_aliases = {name: name for name in ("OnMismatch", "Snapshot")}
napoleon_numpy_docstring = False
napoleon_use_ivar = True
python_use_unqualified_type_names = True

# Pages elsewhere aren't linked, so that a build needs no network. A reference to anything of ours must resolve.
_elsewhere = {*sys.stdlib_module_names, "anyio", "attr", "attrs", "cattr", "cattrs", "trio", "pydantic", "hypothesis"}
# Type variables, protocols that say what an argument is like, and the core's own words have no place of their own.
_variables = "Runs|Tracing|TracerProvider|StateT|EventT|AnswerT_co|ResultT_co|ResultT|StartT|StepT|A|B|C|D|E|P|T|T_co"
_unlisted = rf"(workflows\.)?([a-z_.]+\.)?({_variables}|StepFunction|Defined|Drawn|TakesSteps|_Problems|Image|Disk)"
nitpick_ignore_regex = [
    (r"py:.*", rf"({'|'.join(map(re.escape, sorted(_elsewhere)))})(\..*)?"),
    (r"py:.*", rf"({'|'.join(map(re.escape, dir(builtins)))})"),
    (r"py:.*", _unlisted),
    (r"py:.*", r"workflows\.core\.(ticks|commands|places)\..*|AbstractAsyncContextManager|Field|OnMismatch|Snapshot"),
    (r"py:.*", r"AnyCondition|AnyWait|AnyStop|Seconds|ExceptionTypes"),  # of workflows.retry_policy
    (r"py:.*", r"Json"),  # what json.dumps takes
]

html_theme = "furo"
html_title = f"{project} {release}"

_FENCE = re.compile(r"^```(?P<language>\w*)\n(?P<code>.*?)^```$", re.DOTALL | re.MULTILINE)
_CODE = re.compile(r"(?<!`)`([^`\n]+)`(?!`)")


_VALUES = {"attribute", "property", "data"}
_kept: dict[str, list[str]] = {}  # docstrings of values, while napoleon looks away


def to_rst(_app: object, what: str, name: str, _object: object, _options: object, lines: list[str]) -> None:
    """Turn the Markdown of docstrings (fences and single backticks) into what autodoc reads."""
    parts = _FENCE.split("\n".join(lines))
    for index in range(0, len(parts), 3):  # text, language, code, text, ...
        parts[index] = _CODE.sub(r"``\1``", parts[index])
    for index in range(1, len(parts), 3):
        language, code = parts[index : index + 2]
        parts[index : index + 2] = [f"\n.. code-block:: {language or 'text'}\n\n", textwrap.indent(code, "   ") + "\n"]
    lines[:] = "".join(parts).split("\n")
    if what in _VALUES:  # napoleon would take what stands before a colon for a type
        _kept[name], lines[:] = lines[:], []


def give_back(_app: object, _what: str, name: str, _object: object, _options: object, lines: list[str]) -> None:
    """Put back what napoleon wasn't to see."""
    lines[:] = _kept.pop(name, lines)


def without_attrs_internals(
    _app: object, _what: str, _name: str, _object: object, _options: object, signature: str | None, returns: str | None
) -> tuple[str | None, str | None]:
    """Show a default of an attrs class as `...`: attrs writes it such that its source says nothing."""
    return signature and re.sub(r"attr_dict\['\w+'\]\.default", "...", signature), returns


def setup(app: Any) -> None:
    """Register the conversion before napoleon's, which has priority 500."""
    app.connect("autodoc-process-docstring", to_rst, priority=400)
    app.connect("autodoc-process-docstring", give_back, priority=600)
    app.connect("autodoc-process-signature", without_attrs_internals)
