"""`python -m benchmarks`: measure, print, keep.

Ends with 0 when everything could be measured, whatever the goals say; `holds` is for reading.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import shutil
import signal
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console

from benchmarks import (
    codes,
    contour,
    importing,
    joining,
    people,
    provisioning,
    reading,
    relay,
    report,
    scale,
    throughput,
)
from benchmarks.figures import FigureError, Group, Measured, chosen, leaves
from benchmarks.peers import measuring as peers
from benchmarks.stage import Place
from sferum_bridge.demo.processes import ChildFailedError
from tests.support.postgres import PostgresServer

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

GROUPS: Sequence[Group] = tuple(
    part.GROUP
    for part in (
        provisioning,
        relay,
        peers,
        throughput,
        joining,
        importing,
        scale,
        people,
        codes,
        reading,
        contour,
    )
)


def arguments(argv: Sequence[str]) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks", description="Measure the bridge against its floor."
    )
    known = ", ".join(group.name for group in GROUPS)
    parser.add_argument("names", nargs="*", help=f"figures or groups ({known}); none means all")
    parser.add_argument(
        "--quick", action="store_true", help="tiny sizes, to see that all runs; nothing is kept"
    )
    parser.add_argument("--sqlite", action="store_true", help="Synapse on SQLite")
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    return parser.parse_args(argv)


async def measure(
    groups: Sequence[Group], done: Callable[[Sequence[Measured]], None], options: argparse.Namespace
) -> None:
    """Measure groups one after the other, each `done` at once; what they left is removed."""
    folder = Path(tempfile.mkdtemp(prefix="sferum-bench-"))
    postgres = None if options.sqlite else PostgresServer()
    # Ended like Ctrl-C: the processes that were started are stopped.
    here = asyncio.current_task()
    if here is not None:
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, here.cancel)
    try:
        for group in groups:
            begin = time.perf_counter()
            done(await group.measure(Place(folder, postgres), quick=options.quick))
            took = time.perf_counter() - begin
            sys.stderr.write(f"{group.name}: measured in {took:.0f} s\n")
    finally:
        if postgres is not None:
            await postgres.stop()
        shutil.rmtree(folder)


def main(argv: Sequence[str]) -> int:
    """Run the command; return its exit status."""
    options = arguments(argv)
    where = report.machine("SQLite" if options.sqlite else "PostgreSQL")
    entries: report.Entries = {}
    problems: Sequence[str] = ()

    def done(measured: Sequence[Measured]) -> None:
        # Kept at once: the next group may take half an hour, and then fail.
        found = report.entries(measured, where)
        if not options.quick:
            report.keep(found, GROUPS, report.RESULTS, report.PAGE)
        entries.update(found)

    try:
        asyncio.run(measure(chosen(GROUPS, options.names), done, options))
    except* (FigureError, ChildFailedError) as errors:
        problems = [str(error) for error in leaves(errors)]
    if problems:
        sys.stderr.write("\n".join(problems) + "\n")
        return 1
    if options.json:
        print(json.dumps(entries, ensure_ascii=False, indent=2))
    else:
        Console().print(report.as_table(entries))
    return 0


if __name__ == "__main__":
    # SIGTERM and Ctrl-C: everything that was started has been stopped by now.
    with suppress(KeyboardInterrupt, asyncio.CancelledError):
        raise SystemExit(main(sys.argv[1:]))
    raise SystemExit(130)
