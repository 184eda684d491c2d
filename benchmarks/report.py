"""What was measured, kept as results.json, written out as RESULTS.md, shown as a table."""

from __future__ import annotations

import json
import os
import platform
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.table import Table

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from benchmarks.figures import Figure, Group, Measured

HERE = Path(__file__).parent
RESULTS, PAGE = HERE / "results.json", HERE / "RESULTS.md"

Entries = dict[str, dict[str, Any]]

_INTRODUCTION = """\
# Results

Made from results.json by `python -m benchmarks`, which measures anew; do not edit.

No figure is an absolute time. Each is a ratio or a difference to a *floor*: what a bare client
(plain aiohttp, no database) needs for the same events, with the same requests, against the same
Synapse, in the same run, taken in turns with the bridge. Whatever slows the machine slows both.

One Synapse with the school's extension loaded and its rate limits lifted, on a fresh database;
bridge on SQLite, as a process of its own; the Sferum stand-in with its rate limit off, and the
bridge's own lifted (VK's 3 requests a second would otherwise be what is measured). All of it,
clients included, shares one machine. PostgreSQL runs without fsync, for both sides. The figures of
`scale` have another homeserver, with nothing behind it: they are about the bridge's process alone.
Those of `importing` have the bridge on PostgreSQL too.

The figures of `peers` are those of other bridges, of ours and of the floor in one run: each message
goes by one after the other. They are installed from PyPI into environments of their own, below the
user's cache; heisenbridge needs an IRC server too (Debian: `apt-get install ngircd`). What could
not be had on the machine is "not run".

`make bench` runs all of it; `python -m benchmarks NAME…` runs what is named, a group or a figure,
and leaves the other results as they are. `--quick` only shows that everything runs.
"""


def machine(database: str) -> dict[str, Any]:
    """Describe what this runs on; `database` is the homeserver's."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return {
        "cores": os.cpu_count(),
        "memory_gib": round(memory / 2**30),
        "python": platform.python_version(),
        "synapse": version("matrix-synapse"),
        "database": database,
    }


def entries(measured: Sequence[Measured], where: Mapping[str, Any]) -> Entries:
    """Return what results.json says of a run, figure by figure."""
    today = datetime.now(UTC).date().isoformat()
    return {
        one.figure.name: {
            "value": one.value if one.value is None else round(one.value, 4),
            **({"not_run": one.not_run} if one.not_run else {}),
            "unit": one.figure.unit,
            "goal": one.figure.goal,
            **({"at_least": True} if one.figure.at_least else {}),
            "holds": one.holds,
            "runs": one.runs,
            "when": today,
            "floor": one.floor if one.floor is None else round(one.floor, 4),
            **one.extra,
            "machine": dict(where),
        }
        for one in measured
    }


def keep(new: Entries, groups: Sequence[Group], results: Path, page: Path) -> None:
    """Put a run's entries in the place of older ones, keep the others, write the page anew.

    Raises:
        OSError: A file cannot be read or written.
        ValueError: What is there is no results file.
    """
    old = json.loads(results.read_text("utf-8")) if results.exists() else {}
    if not isinstance(old, dict):
        raise ValueError(f"{results.name} holds no figures")  # noqa: TRY004 - bad data, no bad call
    merged = dict(sorted({**old, **new}.items()))
    text = json.dumps(merged, ensure_ascii=False, indent=2)
    results.write_text(text + "\n", "utf-8")
    page.write_text(as_page(merged, groups), "utf-8")


def as_page(results: Entries, groups: Sequence[Group]) -> str:
    """Return RESULTS.md for a results file."""
    figures = [figure for group in groups for figure in group.figures if figure.name in results]
    lines = [_INTRODUCTION, "| figure | value | goal | holds | runs | floor | when |"]
    lines.append("| --- | --- | --- | --- | --- | --- | --- |")
    for figure in figures:
        cells = _cells(figure.name, results[figure.name])
        lines.append(f"| {' | '.join(cells)} |")
    for figure in figures:
        lines += _section(figure, results[figure.name], groups)
    return "\n".join(lines) + "\n"


def as_table(results: Entries) -> Table:
    """Return a table of a run for a terminal."""
    table = Table(title="Benchmarks", title_justify="left")
    for column in ("Figure", "Value", "Goal", "Holds", "Runs", "Floor", "When"):
        table.add_column(column, overflow="fold", no_wrap=column == "Figure")
    for name, entry in results.items():
        table.add_row(*_cells(name, entry))
    return table


def _cells(name: str, entry: Mapping[str, Any]) -> tuple[str, ...]:
    goal, floor = entry["goal"], entry.get("floor")
    holds = {True: "yes", False: "NO", None: "reported"}[entry["holds"]]
    return (
        name,
        _value(entry),
        "—" if goal is None else f"{'≥' if entry.get('at_least') else '≤'} {goal:g}",
        holds,
        str(entry["runs"]),
        "—" if floor is None else f"{floor:g} {entry.get('floor_unit', entry['unit'])}".strip(),
        entry["when"],
    )


def _value(entry: Mapping[str, Any]) -> str:
    if entry["value"] is None:
        return f"not run: {entry['not_run']}"
    return f"{entry['value']:g} {entry['unit']}".strip()


def _section(figure: Figure, entry: Mapping[str, Any], groups: Sequence[Group]) -> list[str]:
    group = next(group.name for group in groups if figure in group.figures)
    common = {"value", "unit", "goal", "at_least", "holds", "runs", "when", "floor", "floor_unit"}
    common |= {"machine", "not_run"}
    where = entry["machine"]
    lines = ["", f"## {figure.name}", "", figure.about, ""]
    for key, value in entry.items():
        if key not in common:
            lines.append(f"- {key.replace('_', ' ')}: {_shown(value)}")
    lines += [
        (
            f"- on: {where['cores']} cores, {where['memory_gib']} GiB, Python {where['python']}, "
            f"Synapse {where['synapse']} on {where['database']}"
        ),
        f"- again: `python -m benchmarks {group}`",
    ]
    return lines


def _shown(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{key} {_shown(each)}" for key, each in value.items())
    if isinstance(value, list):
        return ", ".join(_shown(each) for each in value)
    return f"{value:g}" if isinstance(value, float) else str(value)
