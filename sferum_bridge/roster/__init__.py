"""Reads a school's roster, says everything that is wrong with it, and plans what it changes.

The way of a file: `sheets` (file → grids, with `csv_files`, and `xlsx_worker` as a process of its
own) → `reader`, which tells the forms apart: `template_reader` and `wide` (grids → rows, by
`table`, `columns`, `titles` and `values`) → `assemble` and `guardians` (rows held against each
other → a `Roster`), or `oneroster` (files → a `Roster`, with `oneroster_files` and
`oneroster_people`) → `planner` with `matching` (a roster against what is stored → a `Plan`; pure).
`export`, `template` and `sample` write what `reader` reads, and are imported when they are asked
for: what writes workbooks takes ten MiB, and a running bridge writes none. Whoever brings another
format makes it a `Roster` and has the rest. Called by the command line, the demo and the bot;
touches files, never the store.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from sferum_bridge.roster.matching import Contacts, Known
from sferum_bridge.roster.model import Form, Problem, Reading, Roster, RosterKey, Severity
from sferum_bridge.roster.plan import Plan
from sferum_bridge.roster.planner import make_plan
from sferum_bridge.roster.reader import read
from sferum_bridge.roster.report import problems_json, problems_table
from sferum_bridge.roster.sheets import Limits

if TYPE_CHECKING:
    from sferum_bridge.roster.sample import write as write_sample
    from sferum_bridge.roster.template import write_template

_WRITERS = {"write_sample": ("sample", "write"), "write_template": ("template", "write_template")}

__all__ = [
    "Contacts",
    "Form",
    "Known",
    "Limits",
    "Plan",
    "Problem",
    "Reading",
    "Roster",
    "RosterKey",
    "Severity",
    "make_plan",
    "problems_json",
    "problems_table",
    "read",
    "write_sample",
    "write_template",
]


def __getattr__(name: str) -> Any:
    """Return what writes workbooks."""
    if name not in _WRITERS:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module, function = _WRITERS[name]
    return getattr(import_module(f"{__name__}.{module}"), function)
