"""Asking the network with patience: what time mends is waited out, what is final is raised.

    ask ─► connector ─► answer
     ▲         │ Unavailable, TooFast
     └─ wait ◄─┤   (the wait the network names, else a growing one)
               └─► NotTaken, where it answers everything else

That the network is away is waited out, however long it lasts. One request that fails while the
network answers another (its chat is looked up) is made so many times over so long a time and no
more (`network.patience`): one poisonous message must not stop its room for ever. Where the network
asks to wait (flood control), the waits grow, and the writer is told after a while; it is made for a
day, unless its writer deletes it.

A send is repeated with its random id, and the network sends one id once; VK remembers for an hour.
Where a part has waited for nearly that long, its chat's history is looked at before it is sent
again: it may have arrived, only its answer did not. A file is read from the homeserver and written
to the network at once, piece by piece; whatever breaks off begins anew. Cancellation may fall
anywhere: nothing is remembered but what has failed, for the log.
"""

from __future__ import annotations

import asyncio
import logging
from collections import defaultdict
from functools import partial
from typing import TYPE_CHECKING, TypeVar

from sferum_bridge.matrix.client import TryAgain
from sferum_bridge.matrix.downloads import MediaAway, MediaGone, answers, opened
from sferum_bridge.network.base import (
    FileNotTaken,
    NetworkError,
    Refused,
    Sent,
    TooFast,
    Unavailable,
)
from sferum_bridge.network.content import FileKind
from sferum_bridge.relay.outward import searching
from sferum_bridge.relay.outward.errors import (
    FileAway,
    FileGone,
    FileKindRefused,
    FileTooBig,
    NotTaken,
    TakenBack,
)
from sferum_bridge.relay.outward.meter import Meter
from sferum_bridge.relay.outward.waits import Behind, OnTakenBack, Waits
from sferum_bridge.school.attachments import Verdict
from sferum_bridge.store import personal, rooms

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from sferum_bridge.matrix.client import Homeserver
    from sferum_bridge.network.base import Connector, RemoteMessage
    from sferum_bridge.network.content import Draft
    from sferum_bridge.network.patience import Patience
    from sferum_bridge.relay.connections import Connections
    from sferum_bridge.relay.outward.errand import Errand
    from sferum_bridge.relay.outward.to_network import Attachment
    from sferum_bridge.relay.outward.waits import Waiting
    from sferum_bridge.school.attachments import Policies, Policy
    from sferum_bridge.store.database import Database
    from sferum_bridge.store.sending import Tried

T = TypeVar("T")
log = logging.getLogger(__name__)

FILE_TRIES = 8
"""How often an upload that comes to nothing is made, while the network answers otherwise."""
_REMEMBERED = 55 * 60 * 1000
"""For how long the network surely knows a random id again, in milliseconds."""
_SECOND_THOUGHTS = 5_000
"""Milliseconds after which it is looked whether what waits is still wanted."""


class _Look:
    """Whether a login was answered when that was asked last (seconds of the loop's clock)."""

    def __init__(self) -> None:
        self.lock = asyncio.Lock()
        self.at = float("-inf")
        self.works = False


class Courier:
    """Carries requests to the network through the connector of a login.

    `may_pass_on` tells whether an account may have a file carried on (`OpenFiles.may_pass_on`).
    """

    def __init__(
        self,
        db: Database,
        connections: Connections,
        homeserver: Homeserver,
        policies: Policies,
        patience: Patience,
        may_pass_on: Callable[[str, str], Awaitable[bool]],
    ) -> None:
        self._db = db
        self._connections = connections
        self._homeserver = homeserver
        self._policies = policies
        self._patience = patience
        self._may_pass_on = may_pass_on
        self._behind = Behind(db)
        self._failing: set[str] = set()
        self._looks: dict[str, _Look] = defaultdict(_Look)

    async def ask(
        self,
        errand: Errand,
        request: Callable[[Connector], Awaitable[T]],
        waiting: Waiting | None = None,
        taken_back: OnTakenBack | None = None,
    ) -> T:
        """Make a request through an errand's login, waiting out what time mends.

        A wait ends early where the event is taken back: then, if nothing else is said and no part
        of it may be there by an earlier try, with `TakenBack`. Raises `NotTaken` where only this
        request keeps failing, and else the `NetworkError` that remains.
        """
        this = object()
        if taken_back is None:
            taken_back = OnTakenBack.GO_ON if errand.may_be_there else OnTakenBack.END
        try:
            return await self._ask(errand, request, Waits(waiting), taken_back, this)
        finally:
            self._patience.answered(this)

    async def _ask(
        self,
        errand: Errand,
        request: Callable[[Connector], Awaitable[T]],
        waits: Waits,
        taken_back: OnTakenBack,
        this: object,
    ) -> T:
        login, clock = errand.login, asyncio.get_running_loop().time
        unless, certain = partial(self._behind.takes_back, errand), True
        while True:
            begun = clock()
            try:
                answer = await request(await self._connections.connector(login))
            except NetworkError as e:
                if not e.retry:
                    raise
                if login.id not in self._failing:
                    log.warning("Login %s cannot send now: %s; waiting", login.id, e.detail)
                self._failing.add(login.id)
                works = await self._works(errand, e, begun)
                if self._patience.is_over(this, e, works=works):
                    raise _final(e) from e
                certain = certain and e.certain
                watched = None if taken_back is OnTakenBack.GO_ON else unless
                if not await waits.rest(e, watched) and taken_back is OnTakenBack.END:
                    raise TakenBack("taken back while it waited", certain=certain) from e
            else:
                if login.id in self._failing:
                    self._failing.discard(login.id)
                    log.info("Login %s sends again", login.id)
                return answer

    async def _works(self, errand: Errand, error: NetworkError, since: float) -> bool:
        """Tell whether what just failed answers another request; asked once for all who wonder."""
        if isinstance(error, FileAway):
            return await answers(self._homeserver)
        look = self._looks[errand.login.id]
        async with look.lock:
            if look.at < since:
                look.works = await self._answers(errand)
                look.at = asyncio.get_running_loop().time()
        return look.works

    async def _answers(self, errand: Errand) -> bool:
        try:
            connector = await self._connections.connector(errand.login)
            await connector.chat(errand.known_as)
        except NetworkError as e:
            # A limit that is the account's is no fault of what waits for it.
            return not isinstance(e, Unavailable | TooFast)
        return True

    async def send(
        self,
        errand: Errand,
        draft: Draft,
        tried: Tried,
        *,
        reply_to: str = "",
        waiting: Waiting | None = None,
    ) -> Sent:
        """Send one part, once; `tried` is it as it was noted, since when it is tried included.

        What is given up may have arrived all the same, so the history is looked at first. Raises
        `TakenBack` where its writer has thought better of it while it waited.
        """

        async def once(connector: Connector) -> Sent:
            waited = self._db.clock() - tried.since
            taken_back = waited > _SECOND_THOUGHTS and await self._behind.takes_back(errand)
            if waited > _REMEMBERED or taken_back:
                found = await searching.find(self._db, connector, errand, tried)
                if found is not None:
                    return Sent(found.chat_id, found.message_id)
            if taken_back:
                raise TakenBack("taken back before it was sent")
            return await connector.send(
                errand.known_as, draft, random_id=tried.random_id, reply_to=reply_to
            )

        try:
            return await self.ask(errand, once, waiting, OnTakenBack.ASK_ANEW)
        except NotTaken:
            found = await self.find(errand, tried)
            if found is None:
                raise
            return Sent(found.chat_id, found.message_id)

    async def find(self, errand: Errand, tried: Tried) -> RemoteMessage | None:
        """Return the message that a part became though nobody said so, `None` if it did not.

        The errand's login looks for it, also where it was to go out through another one.
        """
        return await self.ask(
            errand,
            lambda connector: searching.find(self._db, connector, errand, tried),
            taken_back=OnTakenBack.GO_ON,
        )

    # --- files ------------------------------------------------------------------------------

    async def upload(self, errand: Errand, file: Attachment, waiting: Waiting | None = None) -> str:
        """Bring a file over; return the name a `Draft` attaches it by.

        What the network does not take for a picture, a film or a voice goes as a document. Raises
        `FileGone`, `FileTooBig`, `FileKindRefused`, what the network says, and `TakenBack`, which
        says nothing of whether the part it is for was sent before.
        """
        policy = await self._policy_in(errand.chat.room_id)
        _judge(file, policy)
        most = policy.most_bytes
        try:
            return await self._upload(errand, file, file.kind, most, waiting)
        except (FileGone, FileTooBig, FileKindRefused, TakenBack):
            raise
        except Refused as e:
            if file.kind is FileKind.DOCUMENT:
                raise
            log.info("Login %s: a %s goes as a document: %s", errand.login.id, file.kind, e.detail)
        return await self._upload(errand, file, FileKind.DOCUMENT, most, waiting)

    async def _upload(
        self, errand: Errand, file: Attachment, kind: FileKind, most: int, waiting: Waiting | None
    ) -> str:
        tries = 0
        named = f"mxc://{file.server}/{file.media_id}"

        async def once(connector: Connector) -> str:
            nonlocal tries
            meter = Meter(min(most, connector.abilities.file_bytes))
            try:
                # The bot opens what whoever names it may not.
                if not await self._may_pass_on(named, errand.sender):
                    raise FileGone("no file that its sender may read")
                async with opened(self._homeserver, file.server, file.media_id) as media:
                    meter.take(media.size)
                    pieces = meter.chunks(media)
                    return await connector.upload(
                        errand.known_as, kind, file.name, file.mime, pieces
                    )
            except MediaGone as e:
                raise FileGone(f"the homeserver gives no file: {e}") from e
            except (MediaAway, TryAgain) as e:
                raise FileAway(f"the homeserver gives no file now: {e}") from e
            except NetworkError as e:
                # The network's error for a body that we broke off ourselves says nothing.
                meter.check()
                if isinstance(e, FileNotTaken):
                    tries += 1
                    if tries >= FILE_TRIES:
                        # One file must not hold up for ever what is said after it.
                        raise Refused(e.detail) from e
                raise

        return await self.ask(errand, once, waiting, OnTakenBack.END)

    async def _policy_in(self, room_id: str) -> Policy:
        async with self._db.read() as tx:
            record = await rooms.by_room_id(tx, room_id)
        return self._policies.of_room(record.kind if record else personal.KIND)


def _judge(file: Attachment, policy: Policy) -> None:
    match policy.of(file.name, file.mime, file.size):
        case Verdict.TOO_BIG:
            raise FileTooBig(f"a file of {file.size} bytes")
        case Verdict.WRONG_KIND:
            raise FileKindRefused("a file of a kind that does not pass")
        case Verdict.PASSES:
            pass


def _final(error: NetworkError) -> NetworkError:
    if isinstance(error, FileAway):
        return FileGone(error.detail)
    return NotTaken(error.detail)
