"""Asking the network with patience: what time mends is waited out, what is final is raised.

    ask ─► connector ─► answer
     ▲         │ Unavailable, TooFast
     └─ wait ◄─┘   (the wait the network names, else a growing one)

A send is repeated with its random id, and the network sends one id once; VK remembers for an hour.
Where a part has waited for nearly that long, its chat's history is looked at before it is sent
again: it may have arrived, only its answer did not. A file is read from the homeserver and written
to the network at once, piece by piece; whatever breaks off begins anew. Cancellation may fall
anywhere: nothing is remembered but what has failed, for the log.
"""

from __future__ import annotations

import asyncio
import logging
import random
from typing import TYPE_CHECKING, TypeVar

from sferum_bridge.matrix.downloads import MediaAway, MediaGone, opened
from sferum_bridge.network.base import (
    FileNotTaken,
    NetworkError,
    Refused,
    Sent,
    TooFast,
    Unavailable,
)
from sferum_bridge.network.content import FileKind
from sferum_bridge.relay.outward.errors import FileGone, FileKindRefused, FileTooBig
from sferum_bridge.school.attachments import Verdict
from sferum_bridge.store import chats, sending

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from sferum_bridge.matrix.client import Homeserver
    from sferum_bridge.matrix.downloads import Media
    from sferum_bridge.network.base import Connector, RemoteMessage
    from sferum_bridge.network.content import Draft
    from sferum_bridge.relay.connections import Connections
    from sferum_bridge.relay.outward.to_network import Attachment
    from sferum_bridge.school.attachments import Policy
    from sferum_bridge.store.chats import Chat, Login
    from sferum_bridge.store.database import Database

    Waiting = Callable[[], Awaitable[None]]

T = TypeVar("T")
log = logging.getLogger(__name__)

_FIRST_WAIT, _LONGEST_WAIT = 0.5, 30.0
FILE_TRIES = 8
"""How often an upload that comes to nothing is made, while the network answers otherwise."""
_REMEMBERED = 55 * 60 * 1000
"""For how long the network surely knows a random id again, in milliseconds."""
_CLOCKS_APART = 5 * 60 * 1000
_PAGE, _MOST_PAGES = 100, 50


class Courier:
    """Carries requests to the network through the connector of a login."""

    def __init__(
        self, db: Database, connections: Connections, homeserver: Homeserver, policy: Policy
    ) -> None:
        self._db = db
        self._connections = connections
        self._homeserver = homeserver
        self._policy = policy
        self._failing: set[str] = set()

    async def ask(
        self,
        login: Login,
        request: Callable[[Connector], Awaitable[T]],
        waiting: Waiting | None = None,
    ) -> T:
        """Make a request, waiting out what time mends. Raises the `NetworkError` that remains.

        `waiting` is called once, when the first wait begins.
        """
        wait = _FIRST_WAIT
        while True:
            try:
                answer = await request(await self._connections.connector(login))
            except NetworkError as e:
                if not e.retry:
                    raise
                if login.id not in self._failing:
                    log.warning("Login %s cannot send now: %s; waiting", login.id, e.detail)
                self._failing.add(login.id)
                if waiting is not None:
                    await waiting()
                    waiting = None
                pause = e.retry_after if isinstance(e, TooFast) else wait
                await asyncio.sleep(pause * (0.75 + random.random() / 2))  # noqa: S311 - spreads
                wait = min(wait * 2, _LONGEST_WAIT)
            else:
                if login.id in self._failing:
                    self._failing.discard(login.id)
                    log.info("Login %s sends again", login.id)
                return answer

    async def send(
        self,
        login: Login,
        chat: Chat,
        draft: Draft,
        random_id: int,
        *,
        reply_to: str = "",
        since: int,
        waiting: Waiting | None = None,
    ) -> Sent:
        """Send one part, once. `since` is before the first try to, in milliseconds."""

        async def once(connector: Connector) -> Sent:
            if self._db.clock() - since > _REMEMBERED:
                found = await self._find(connector, chat, draft.text, random_id, since)
                if found is not None:
                    return Sent(found.chat_id, found.message_id)
            return await connector.send(chat.chat_id, draft, random_id=random_id, reply_to=reply_to)

        return await self.ask(login, once, waiting)

    async def find(
        self, login: Login, chat: Chat, text: str, random_id: int, since: int
    ) -> RemoteMessage | None:
        """Return the message that a part became though nobody said so, `None` if it did not."""
        return await self.ask(
            login, lambda connector: self._find(connector, chat, text, random_id, since)
        )

    async def _find(
        self, connector: Connector, chat: Chat, text: str, random_id: int, since: int
    ) -> RemoteMessage | None:
        async with self._db.read() as tx:
            after = await sending.last_before(tx, chat.login_id, chat.chat_id, since)
        for _ in range(_MOST_PAGES):
            page = await connector.history(chat.chat_id, after=after, limit=_PAGE)
            for message in page:
                if message.random_id == random_id:
                    return message
                same = message.sender_id == connector.account_id and message.content.text == text
                recent = message.sent_at * 1000 >= since - _CLOCKS_APART
                if text and same and recent and not await self._is_known(chat, message):
                    return message
            if len(page) < _PAGE or not after:
                return None
            after = page[-1].message_id
        return None

    async def _is_known(self, chat: Chat, message: RemoteMessage) -> bool:
        async with self._db.read() as tx:
            return await chats.is_mapped(tx, chat.login_id, chat.chat_id, message.message_id)

    # --- files ------------------------------------------------------------------------------

    async def upload(
        self, login: Login, chat: Chat, file: Attachment, waiting: Waiting | None = None
    ) -> str:
        """Bring a file over; return the name a `Draft` attaches it by.

        What the network does not take for a picture, a film or a voice goes as a document. Raises
        `FileGone`, `FileTooBig`, `FileKindRefused` and what the network says.
        """
        self._judge(file, file.size)
        try:
            return await self._upload(login, chat, file, file.kind, waiting)
        except (FileGone, FileTooBig, FileKindRefused):
            raise
        except Refused as e:
            if file.kind is FileKind.DOCUMENT:
                raise
            log.info("Login %s: a %s goes as a document: %s", login.id, file.kind, e.detail)
        return await self._upload(login, chat, file, FileKind.DOCUMENT, waiting)

    async def _upload(
        self, login: Login, chat: Chat, file: Attachment, kind: FileKind, waiting: Waiting | None
    ) -> str:
        tries = 0

        async def once(connector: Connector) -> str:
            nonlocal tries
            meter = _Meter(min(self._policy.most_bytes, connector.abilities.file_bytes))
            try:
                async with opened(self._homeserver, file.server, file.media_id) as media:
                    meter.take(media.size)
                    pieces = meter.chunks(media)
                    return await connector.upload(chat.chat_id, kind, file.name, file.mime, pieces)
            except MediaGone as e:
                raise FileGone(f"the homeserver gives no file: {e}") from e
            except MediaAway as e:
                raise Unavailable(f"the homeserver gives no file now: {e}") from e
            except NetworkError as e:
                # The network's error for a body that we broke off ourselves says nothing.
                meter.check()
                if isinstance(e, FileNotTaken):
                    tries += 1
                    if tries >= FILE_TRIES:
                        # One file must not hold up for ever what is said after it.
                        raise Refused(e.detail) from e
                raise

        return await self.ask(login, once, waiting)

    def _judge(self, file: Attachment, size: int) -> None:
        match self._policy.of(file.name, file.mime, size):
            case Verdict.TOO_BIG:
                raise FileTooBig(f"a file of {size} bytes")
            case Verdict.WRONG_KIND:
                raise FileKindRefused("a file of a kind that does not pass")
            case Verdict.PASSES:
                pass


class _Meter:
    """Counts what is read of a file, whatever its sender said of its size."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._size = 0
        self._broken: MediaAway | None = None

    def take(self, size: int) -> None:
        """Look at a size the homeserver names before anything is read. Raises `FileTooBig`."""
        if size > self._most:
            raise FileTooBig(f"a file of {size} bytes")

    def check(self) -> None:
        """Raise why reading was broken off, if it was."""
        if self._size > self._most:
            raise FileTooBig(f"a file of more than {self._most} bytes")
        if self._broken is not None:
            raise Unavailable(f"the homeserver gives no file now: {self._broken}")

    async def chunks(self, media: Media) -> AsyncIterator[bytes]:
        """Read a file up to what may pass. Raises `FileTooBig` behind it, and `MediaAway`."""
        try:
            async for chunk in media.chunks():
                self._size += len(chunk)
                self.check()
                yield chunk
        except MediaAway as e:
            self._broken = e
            raise
