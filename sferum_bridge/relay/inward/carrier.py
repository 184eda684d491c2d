"""Files of remote messages, carried to the homeserver early and shown in their order.

    lane looks at its rows ─► foresee ─► a task a file, so many at once ─► uploaded: noted
                                               │                               in the row
    the row's turn comes ─► carry ─────────────┴── waits for that task ◄────────┘

The upload is noted in the row, so a kill behind it costs nothing and one before it uploads again:
what the homeserver then has twice nobody sees, for only one address is ever sent. A file is the
upload of who shows it, a ghost or somebody who logged in, so that it can be read where they are and
by nobody else (docs/contour.md). What cannot be had or may not pass is an outcome too (`Missing`),
so that the lane goes on and people are told. Waiting has an end: an address that stays dead is
given up when it was waited for `patience` seconds, but the homeserver's absence counts for nothing,
and a login that is over meanwhile neither. Files on their way share the room on the disk (`Space`).
`close` cancels what is under way.
"""

from __future__ import annotations

import asyncio
import logging
import random
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from mautrix.errors import MatrixRequestError

from sferum_bridge.matrix import media
from sferum_bridge.matrix.client import TryAgain
from sferum_bridge.matrix.ghosts import Sender
from sferum_bridge.network.base import NetworkError, TooFast
from sferum_bridge.relay.inward import to_matrix
from sferum_bridge.relay.inward.to_matrix import Uploaded
from sferum_bridge.school.attachments import Refusal, Verdict, mime_for, refusal_of
from sferum_bridge.store import personal, queues, rooms

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

    from sferum_bridge.matrix.client import Homeserver
    from sferum_bridge.matrix.ghosts import Ghosts
    from sferum_bridge.network.content import File
    from sferum_bridge.network.space import Space
    from sferum_bridge.relay.connections import Connections
    from sferum_bridge.school.attachments import Policies, Policy
    from sferum_bridge.store.database import Database
    from sferum_bridge.store.queues import Item

log = logging.getLogger(__name__)

_FIRST_WAIT, _LONGEST_WAIT = 0.5, 30.0
_FORBIDDEN, _TOO_LARGE = 403, 413
GONE = "gone"
"""Why a file is missing, where it may pass: it could not be had."""


@dataclass(frozen=True, slots=True)
class Missing:
    """A file that is not shown: `why` is a `Verdict` or `Refusal` of it, or `GONE`."""

    why: str
    size: int = 0


Outcome = Uploaded | Missing


class Carrier:
    """Carries files. `at_once` is how many are on their way at the same time."""

    def __init__(
        self,
        db: Database,
        homeserver: Homeserver,
        connections: Connections,
        ghosts: Ghosts,
        policies: Policies,
        space: Space,
        *,
        at_once: int = 4,
        patience: float = 600.0,
    ) -> None:
        self._db = db
        self._homeserver = homeserver
        self._connections = connections
        self._ghosts = ghosts
        self._policies = policies
        self._space = space
        self._patience = patience
        self._some = asyncio.Semaphore(at_once)
        self._under_way: dict[str, asyncio.Task[Outcome]] = {}
        self._most_there: int | None = None

    def foresee(self, items: Sequence[Item]) -> None:
        """Begin with the files of rows whose turn will come."""
        for item in items:
            row = item.content
            if isinstance(row, dict) and row.get("relay") == "show" and "file" in row:
                _ = self._begun(item.name, row, item, noted=True)

    async def carry(self, item: Item, name: str, row: Mapping[str, Any]) -> Outcome:
        """Return what became of a file of an outbox row; `name` tells it from the row's others.

        `row` holds it as `file`; it is the row's own content, or a part of it. Asked again, it is
        the same answer until `forget`.
        """
        task = self._begun(name, row, item, noted=row is item.content)
        try:
            # Shielded: the lane may be cancelled and the task be wanted by nobody; `close` ends it.
            return await asyncio.shield(task)
        except BaseException:
            if task.done():
                self.forget(name)
            raise

    def forget(self, name: str) -> None:
        """Forget what became of a file: it is shown."""
        self._under_way.pop(name, None)

    async def close(self) -> None:
        """Cancel what is under way."""
        tasks = list(self._under_way.values())
        self._under_way.clear()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _begun(
        self, name: str, row: Mapping[str, Any], item: Item, *, noted: bool
    ) -> asyncio.Task[Outcome]:
        if name not in self._under_way:
            carrying = self._carry(row, item, noted=noted)
            self._under_way[name] = asyncio.create_task(carrying)
        return self._under_way[name]

    async def _carry(self, row: Mapping[str, Any], item: Item, *, noted: bool) -> Outcome:
        if "uploaded" in row:
            return Uploaded(**row["uploaded"])
        file = to_matrix.restored(row["file"])
        outcome = await self._until_known(item.content, file)
        if isinstance(outcome, Uploaded) and noted:
            async with self._db.write() as tx:
                changed = {**row, "uploaded": asdict(outcome)}
                await queues.change(tx, queues.OUTBOX, item.id, changed)
        return outcome

    async def _until_known(self, row: Mapping[str, Any], file: File) -> Outcome:
        left, wait = self._patience, _FIRST_WAIT
        while True:
            try:
                # Not while it waits: files that cannot be had hold up no others.
                async with self._some:
                    return await self._once(row, file)
            except NetworkError as e:
                if not e.retry or left <= 0:
                    log.warning("A %s cannot be had: %s", file.kind, e.detail)
                    return Missing(GONE, file.size)
                pause = e.retry_after if isinstance(e, TooFast) else wait
            except MatrixRequestError as e:
                log.warning("The homeserver refused a %s: %s", file.kind, e.http_status)
                return Missing(_why(e), file.size)
            except (TryAgain, TimeoutError) as e:
                if left <= 0:
                    log.warning(
                        "The homeserver does not take a %s: %s", file.kind, type(e).__name__
                    )
                    return Missing(GONE, file.size)
                pause = wait
            pause = min(pause * (0.75 + random.random() / 2), left)  # noqa: S311 - spreads
            left -= pause
            await asyncio.sleep(pause)
            wait = min(wait * 2, _LONGEST_WAIT)

    async def _once(self, row: Mapping[str, Any], file: File) -> Outcome:
        mime, policy = mime_for(file.name, file.mime), await self._policy_for(row)
        verdict = policy.of(file.name, mime, file.size)
        if verdict is Verdict.TOO_BIG or (verdict is Verdict.WRONG_KIND and file.name):
            return Missing(verdict, file.size)
        most = await self._most_bytes(policy)
        async with self._connections.download(row.get("network", ""), file) as source:
            mime = mime_for(file.name, source.mime or file.mime)
            verdict = policy.of(file.name, mime, source.size)
            if verdict is not Verdict.PASSES:
                return Missing(verdict, source.size or file.size)
            if source.size > most:
                return Missing(Verdict.TOO_BIG, source.size)
            try:
                async with (
                    self._space.taken(source.size or most),
                    media.spooled(source.chunks(), most) as spool,
                ):
                    return await self._uploaded(row, spool, mime)
            except media.TooBig:
                return Missing(Verdict.TOO_BIG, max(source.size, file.size))

    async def _uploaded(self, row: Mapping[str, Any], spool: media.Spool, mime: str) -> Uploaded:
        """Upload a file as who shows it, or as who does where that one may not."""
        senders = [Sender(**who) for who in (row["as"], row.get("otherwise")) if who]
        for sender in senders:
            try:
                await self._ghosts.exists(sender)
                mxc = await media.upload(self._homeserver, spool, mime, sender)
                return Uploaded(mxc, mime, spool.size)
            except MatrixRequestError as e:
                is_of_sender = e.http_status == _FORBIDDEN and _refusal(e) is None
                if not is_of_sender or not sender.mxid:
                    raise
        return Uploaded(await media.upload(self._homeserver, spool, mime), mime, spool.size)

    async def _policy_for(self, row: Mapping[str, Any]) -> Policy:
        if "room" not in row:
            return self._policies.general  # a ghost's picture, which is seen in every room
        async with self._db.read() as tx:
            record = await rooms.by_room_id(tx, row["room"])
        return self._policies.of_room(record.kind if record else personal.KIND)

    async def _most_bytes(self, policy: Policy) -> int:
        if self._most_there is None:
            self._most_there = await media.most_bytes(self._homeserver)
        allowed = policy.most_bytes
        return min(allowed, self._most_there) if self._most_there else allowed


def _refusal(error: MatrixRequestError) -> Refusal | None:
    return refusal_of(str(getattr(error, "errcode", "") or ""))


def _why(error: MatrixRequestError) -> str:
    if refusal := _refusal(error):
        return refusal
    return Verdict.TOO_BIG if error.http_status == _TOO_LARGE else GONE
