"""The end of readable files of personal documents: what was sent, handed back, or passed on.

    due ─► message redacted (then nobody is let to the file) ─► file deleted ─► forgotten

Each step done twice is done once, so a kill costs nothing; a homeserver that is away is waited for.
One file that it fails at comes again later, and keeps no other waiting.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from mautrix.errors import MatrixRequestError

from sferum_bridge.matrix.answers import TryAgain
from sferum_bridge.matrix.hiding import hide
from sferum_bridge.matrix.open_files import NotRemovedError
from sferum_bridge.store import documents
from sferum_bridge.store.away import outlasting

if TYPE_CHECKING:
    from sferum_bridge.matrix.client import Homeserver
    from sferum_bridge.matrix.open_files import OpenFiles
    from sferum_bridge.store.database import Database
    from sferum_bridge.store.documents import OpenFile

log = logging.getLogger(__name__)

_LOOK_SECONDS = 2.0
_FEW = 20
_SOON, _HOUR = 600_000, 3_600_000
_BROKEN = 500
"""What Synapse answers that cannot do this one thing, a file it cannot unlink for instance."""


class Closing:
    """Takes readable files away when their time is over."""

    def __init__(self, db: Database, homeserver: Homeserver, open_files: OpenFiles) -> None:
        self._db = db
        self._homeserver = homeserver
        self._open_files = open_files
        self._complained = False
        self._waits = False

    async def run(self) -> None:
        """Do so for ever."""
        bell = self._db.bell(documents.BELL)
        while True:
            with outlasting(log, "the end of readable documents"):
                await self.once()
            await bell.wait(_LOOK_SECONDS)

    async def once(self) -> None:
        """Take away what is due."""
        while True:
            async with self._db.read() as tx:
                over = await documents.due_files(tx, _FEW)
            for each in over:
                try:
                    await self._close(each)
                except (TryAgain, MatrixRequestError) as e:
                    if not self._waits:
                        self._waits = True
                        log.warning("Readable files wait for the homeserver: %s", e.http_status)
                    if isinstance(e, TryAgain) and e.http_status != _BROKEN:
                        return
                    async with self._db.write() as tx:
                        await documents.due(tx, each.media, tx.now + _SOON, each.event_id)
                else:
                    self._waits = False
            if len(over) < _FEW:
                return

    async def _close(self, file: OpenFile) -> None:
        if file.event_id:
            await hide(self._homeserver, file.room_id, file.event_id, file.mxid)
        async with self._db.read() as tx:
            is_last = await documents.is_last(tx, file)
        try:
            if is_last:
                await self._open_files.remove(file.media, file.mxid, file.since, file.event_id)
        except ValueError:
            log.info("A file of another homeserver is not ours to delete")
        except NotRemovedError as e:
            if not self._complained:
                self._complained = True
                log.warning("%s", e)
            if self._open_files.is_able:
                async with self._db.write() as tx:
                    await documents.due(tx, file.media, tx.now + _HOUR, file.event_id)
                return
        async with self._db.write() as tx:
            await documents.closed(tx, file.media, file.event_id)
