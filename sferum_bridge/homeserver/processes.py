"""Which processes of Synapse there are, and up to which generation each decides.

Every process has one row in `sferum_processes`: the generation it decides by (0 while it begins),
and its *beat*, a number that is another one each few seconds. Nobody's clock is compared with
anybody else's: whoever looks notes, by its own monotonic clock, when a beat last changed. A row
whose beat stays the same for `process_timeout` is that of a dead process, and is deleted. A process
that is alive all the same, but was held up, has stopped deciding before that, since `stale_seconds`
is less (see `ledger`), and begins anew.
"""

from __future__ import annotations

import secrets
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from synapse.storage.database import LoggingTransaction

MAIN = "main"
"""What the process without a worker name is called here and in `instance_map`."""


@dataclass(frozen=True, slots=True)
class Row:
    """A process, as the table has it."""

    instance: str
    generation: int
    beat: int


@dataclass(frozen=True, slots=True)
class Standing:
    """Where the processes stand."""

    generations: Mapping[str, int]
    """Process → generation it decides by, of those that are alive."""
    waiting: tuple[str, ...]
    """Those that do not decide by the newest generation yet."""
    missing: tuple[str, ...]
    """Those that should be there and are not: dead, or without the module."""


class Watch:
    """Knows which processes are alive, as far as one process can see."""

    def __init__(self, expected: frozenset[str], timeout: float) -> None:
        self._expected = expected
        self._timeout = timeout
        self._changed: dict[str, tuple[int, float]] = {}

    def dead(self, rows: Sequence[Row]) -> list[Row]:
        """Take note of the rows, and return those of processes that are no more."""
        now = time.monotonic()
        seen = {}
        for row in rows:
            beat, since = self._changed.get(row.instance, (None, now))
            seen[row.instance] = (row.beat, since if beat == row.beat else now)
        self._changed = seen
        return [row for row in rows if now - seen[row.instance][1] > self._timeout]

    def standing(self, rows: Sequence[Row], generation: int) -> Standing:
        """Tell where the processes stand when `generation` holds."""
        dead = {row.instance for row in self.dead(rows)}
        alive = {row.instance: row.generation for row in rows if row.instance not in dead}
        return Standing(
            generations=alive,
            waiting=tuple(sorted(name for name, has in alive.items() if has < generation)),
            missing=tuple(sorted(self._expected - alive.keys())),
        )


def read(txn: LoggingTransaction) -> list[Row]:
    """Return every row."""
    txn.execute("SELECT instance, generation, beat FROM sferum_processes")
    return [Row(*row) for row in txn]


def enter(txn: LoggingTransaction, instance: str, generation: int) -> None:
    """Say that a process is alive and which generation it decides by, 0 for none yet."""
    txn.execute(
        "INSERT INTO sferum_processes (instance, generation, beat) VALUES (?, ?, ?)"
        " ON CONFLICT (instance) DO UPDATE SET"
        " generation = excluded.generation, beat = excluded.beat",
        (instance, generation, secrets.randbits(62)),
    )


def beat(txn: LoggingTransaction, instance: str, generation: int | None = None) -> bool:
    """Say that a process is alive and, if that changed, which generation it decides by.

    False where it was taken for dead: then it has to enter anew before it decides anything.
    """
    values: list[object] = [secrets.randbits(62)]
    columns = "beat = ?"
    if generation is not None:
        columns += ", generation = ?"
        values.append(generation)
    txn.execute(
        f"UPDATE sferum_processes SET {columns} WHERE instance = ?",  # noqa: S608 — names of ours
        (*values, instance),
    )
    return txn.rowcount > 0


def forget(txn: LoggingTransaction, rows: Sequence[Row]) -> None:
    """Delete rows that have not changed since."""
    for row in rows:
        txn.execute(
            "DELETE FROM sferum_processes WHERE instance = ? AND beat = ?", (row.instance, row.beat)
        )
