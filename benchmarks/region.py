"""`python -m benchmarks.region`: what the measured rates mean for many schools; docs/scale.md.

Nothing is run. Schools of the sizes of a Russian region, drawn by a fixed seed, are imported on one
morning at homeservers of so many schools each, one school after the other, at the measured rate;
and what they say on a 1 September is held against what a homeserver was seen to carry. The model's
assumptions are in `_MODEL`; `--rate` and `--carried` put other numbers in the place of measured
ones. The same command prints the same table.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table

from benchmarks.figures import percentile
from benchmarks.report import RESULTS

if TYPE_CHECKING:
    from collections.abc import Sequence

_SEED = 39
_RATE, _CARRIED = "importing.large_rate_ratio", "relay.throughput_out_ten_rooms_over_floor"


@dataclass(frozen=True, slots=True)
class _Kind:
    """A kind of school: its share of all, pupils, memberships, messages on a day."""

    share: float
    pupils: int
    memberships: int
    messages: int


@dataclass(frozen=True, slots=True)
class _Model:
    kinds: Sequence[_Kind]
    morning: float
    """Seconds in which all schools begin their import."""
    of_day_in_peak_hour: float
    peak_minute: float
    """How much busier the busiest minute is than its hour."""
    first_of_september: float
    """How much busier that day is than others."""


# The shares give the mean that is known of all schools: 455 pupils.
_MODEL = _Model(
    (
        _Kind(0.22, 30, 300, 200),
        _Kind(0.26, 120, 1_000, 635),
        _Kind(0.22, 350, 2_700, 1_700),
        _Kind(0.265, 900, 6_900, 4_200),
        _Kind(0.031, 2_500, 19_000, 11_700),
        _Kind(0.004, 6_800, 51_600, 31_700),
    ),
    morning=4 * 3600.0,
    of_day_in_peak_hour=0.2,
    peak_minute=5.0,
    first_of_september=3.0,
)
_SIZES = (1, 10, 50, 200, 1000)
_ROUNDS = 200


@dataclass(frozen=True, slots=True)
class Outcome:
    """What happens at one homeserver, over many draws. Times in seconds, messages a second."""

    schools: int
    pupils: float
    memberships: float
    busy: float
    """How long it imports, all schools together."""
    median: float
    """From a school's file to everybody in, waiting for others included."""
    slowest: float
    """95th percentile of that."""
    hour: float
    """Messages on a 1 September, mean of the peak hour."""
    minute: float


def simulate(schools: int, rate: float, seed: int = _SEED) -> Outcome:
    """Import so many schools at one homeserver on one morning, `_ROUNDS` times.

    `rate` is in memberships a second.
    """
    dice = random.Random(f"{seed} {schools}")
    took: list[float] = []
    pupils = memberships = messages = 0
    for _ in range(_ROUNDS):
        drawn = dice.choices(_MODEL.kinds, [kind.share for kind in _MODEL.kinds], k=schools)
        free = 0.0
        for begin, kind in sorted(
            (dice.random() * _MODEL.morning, kind.memberships) for kind in drawn
        ):
            free = max(free, begin) + kind / rate
            took.append(free - begin)
        pupils += sum(kind.pupils for kind in drawn)
        memberships += sum(kind.memberships for kind in drawn)
        messages += sum(kind.messages for kind in drawn)
    hour = messages / _ROUNDS * _MODEL.of_day_in_peak_hour / 3600 * _MODEL.first_of_september
    return Outcome(
        schools,
        pupils / _ROUNDS,
        memberships / _ROUNDS,
        memberships / _ROUNDS / rate,
        percentile(took, 50),
        percentile(took, 95),
        hour,
        hour * _MODEL.peak_minute,
    )


def _measured() -> tuple[float | None, float | None]:
    """Return memberships and messages a second, as the benchmarks have found them."""
    results = json.loads(RESULTS.read_text("utf-8")) if RESULTS.exists() else {}
    rate, carried = results.get(_RATE), results.get(_CARRIED)
    return (
        rate["floor"] * rate["value"] if rate and rate["value"] is not None else None,
        carried["floor"] if carried else None,
    )


def main(argv: Sequence[str]) -> int:
    """Print the table."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.region", description="Simulate a region from measured rates."
    )
    rate, carried = _measured()
    parser.add_argument("--rate", type=float, default=rate, help="memberships a second")
    parser.add_argument("--carried", type=float, default=carried, help="messages a second")
    options = parser.parse_args(argv)
    if not options.rate or not options.carried:
        sys.stderr.write("Not measured yet: run `python -m benchmarks importing throughput`.\n")
        return 1
    table = Table(
        title=f"{options.rate:.0f} memberships/s, {options.carried:.0f} messages/s a homeserver",
        title_justify="left",
    )
    for column in (
        *("Schools", "Pupils", "Members", "Import", "p50", "p95"),
        *("Hour", "Minute", "Load"),
    ):
        table.add_column(column, justify="right")
    for schools in _SIZES:
        one = simulate(schools, options.rate)
        table.add_row(
            *(f"{schools}", f"{one.pupils:,.0f}", f"{one.memberships:,.0f}", spoken(one.busy)),
            *(spoken(one.median), spoken(one.slowest), f"{one.hour:.1f}", f"{one.minute:.1f}"),
            f"{one.minute / options.carried:.0%}",
        )
    Console(width=None if sys.stdout.isatty() else 100).print(table)
    print(
        "Members: memberships. Import: the homeserver's whole work. p50, p95: from a school's file "
        "to everybody in,\nwaiting for others included. Hour, Minute: messages a second on a "
        "1 September, in the peak hour and its\npeak minute. Load: that minute, of what one "
        "homeserver was seen to carry."
    )
    return 0


def spoken(seconds: float) -> str:
    """Return a time as one says it."""
    if seconds < 100:
        return f"{seconds:.0f} s"
    minutes = seconds / 60
    return f"{minutes:.0f} min" if minutes < 100 else f"{minutes / 60:.1f} h"


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
