"""How far the making of a school's rooms has come, and whether it is to go on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sferum_bridge.store import schools

if TYPE_CHECKING:
    from sferum_bridge.store.database import Database
    from sferum_bridge.store.schools import SchoolRecord

_LOOK_MS = 1000


@dataclass(slots=True)
class Progress:
    """How far it has come, in steps: a room made, somebody in or out, a new name."""

    done: int = 0
    total: int = 0
    rooms: int = 0
    """Rooms made."""
    entered: int = 0
    """Memberships brought about."""
    removed: int = 0
    refused: int = 0
    """Steps the homeserver refused; they are tried again later."""
    began: int = 0
    """When it began, in milliseconds."""
    finished: bool = False

    @property
    def percent(self) -> int:
        """Return how much of it is done; 100 only when all is."""
        return min(100, self.done * 100 // self.total) if self.total else 100


class Stopped(Exception):
    """A run ends between two steps: it rests now, or the school is not what the run began with."""


class Run:
    """One run over a school. What happened meanwhile is noticed within a second.

    `renew`: a run is not begun anew for a change before so many milliseconds.
    """

    def __init__(
        self, db: Database, record: SchoolRecord, progress: Progress, *, renew: int = 5000
    ) -> None:
        self._db = db
        self._record = record
        self._begun = self._looked = db.clock()
        self._renew = renew
        self._stopped = False
        self.progress = progress

    async def go_on(self) -> None:
        """Return when the next step may be done. Raises `Stopped`."""
        now = self._db.clock()
        if not self._stopped and now - self._looked >= _LOOK_MS:
            self._looked = now
            async with self._db.read() as tx:
                record = await schools.record(tx, self._record.id)
            changed = record is None or record.wanted != self._record.wanted
            is_old = now - self._begun >= self._renew
            self._stopped = (changed and is_old) or (record is not None and record.paused)
        if self._stopped:
            raise Stopped

    def stepped(self, count: int = 1) -> None:
        """Count steps that were done, or refused."""
        self.progress.done += count
