"""Warns of what a replay would do again before a wait, from the source of a workflow; see `workflows check`.

A step that waits is called again from its top when the answer comes. What it did through its context is on record;
bare code isn't, and is done again: a request, a file, a clock, a counter. Each rule of `RULES` finds one kind of it.
"""

from .checking import DEFAULT_RULES as DEFAULT_RULES
from .checking import check_module as check_module
from .checking import check_path as check_path
from .checking import check_source as check_source
from .checking import check_workflow as check_workflow
from .finding import RULES as RULES
from .finding import Finding as Finding
from .finding import Rule as Rule
