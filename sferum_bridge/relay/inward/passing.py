"""What passes: who is typing, who has read how far. Shown now or not at all.

Nothing here is stored, waited for or tried again for long, and nothing of it holds up messages: a
bounded number of small tasks, each with a bounded time; what is beyond that is dropped. Only people
who are in the room are shown: nobody joins it for having looked at the chat.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

from mautrix.errors import MatrixRequestError

from sferum_bridge.matrix import marks
from sferum_bridge.matrix.client import TryAgain
from sferum_bridge.matrix.ghosts import Sender
from sferum_bridge.network.base import RemoteMessage, RemoteRead, RemoteTyping
from sferum_bridge.relay.inward.turn import Turn
from sferum_bridge.store import chats, failures, voices
from sferum_bridge.store.away import is_away

if TYPE_CHECKING:
    from collections.abc import Coroutine, Mapping
    from typing import Any

    from sferum_bridge.matrix.client import Homeserver
    from sferum_bridge.matrix.ghosts import Ghosts
    from sferum_bridge.network.base import Batch
    from sferum_bridge.store.chats import Chat, Login
    from sferum_bridge.store.database import Database

log = logging.getLogger(__name__)

_MOST_AT_ONCE = 64
_SECONDS = 30.0
_TYPING_SECONDS = 10.0
_MOST_TYPING = 5
# A message that was read at once is shown in a moment.
_LOOKS = (0.0, 0.5, 1.5, 4.0, 10.0)


class Passing:
    """Shows what passes. `run` it beside the rest; `offer` never waits."""

    def __init__(self, db: Database, homeserver: Homeserver, ghosts: Ghosts) -> None:
        self._db = db
        self._homeserver = homeserver
        self._ghosts = ghosts
        self._tasks: set[asyncio.Task[None]] = set()
        self._read: dict[tuple[str, str], str] = {}
        """Room, reader → the newest message they read: an older one needs not be shown."""
        self._typing: set[tuple[str, str]] = set()
        """Who is shown as typing where, so that a message ends it."""

    def offer(self, login: Login, linked: Mapping[str, Chat], batch: Batch) -> None:
        """Show what of a batch passes; `linked` maps chat ids to linked chats."""
        for event in batch.events:
            match event:
                case RemoteTyping() if event.chat_id in linked:
                    self._start(self._show_typing(login, linked[event.chat_id], event))
                case RemoteRead(reader_id=reader) if reader and event.chat_id in linked:
                    self._read[linked[event.chat_id].room_id, reader] = event.message_id
                    self._start(self._show_read(login, linked[event.chat_id], event, reader))
                case RemoteRead(reader_id=reader) if reader and reader == login.account_id:
                    self._start(self._show_own_read(login, event))
                case RemoteMessage() if event.chat_id in linked and self._typing:
                    ended = self._stop_typing(linked[event.chat_id], event.sender_id)
                    self._start(ended)
                case _:
                    pass

    async def close(self) -> None:
        """Drop what is under way."""
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _start(self, showing: Coroutine[Any, Any, None]) -> None:
        if len(self._tasks) >= _MOST_AT_ONCE:
            showing.close()
            return
        task = asyncio.create_task(self._tried(showing))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _tried(self, showing: Coroutine[Any, Any, None]) -> None:
        try:
            async with asyncio.timeout(_SECONDS):
                await showing
        except (MatrixRequestError, TryAgain, TimeoutError) as e:
            log.debug("Not shown: %s", type(e).__name__)
        except Exception as e:  # noqa: BLE001 - nobody waits for it
            if not is_away(e):
                failures.report(log, e, "Something that passes could not be shown")

    async def _show_typing(self, login: Login, chat: Chat, event: RemoteTyping) -> None:
        for user_id in event.user_ids[:_MOST_TYPING]:
            sender = await self._somebody(login, chat, user_id)
            # What somebody who logged in does here is shown by their own client.
            if sender is not None and not sender.puppet:
                await marks.type_for(self._homeserver, chat.room_id, sender, _TYPING_SECONDS)
                self._typing.add((chat.room_id, sender.mxid))

    async def _stop_typing(self, chat: Chat, user_id: str) -> None:
        mxid = self._ghosts.mxid(user_id)
        if (chat.room_id, mxid) in self._typing:
            self._typing.discard((chat.room_id, mxid))
            await marks.type_for(self._homeserver, chat.room_id, Sender(mxid), 0)

    async def _show_read(self, login: Login, chat: Chat, event: RemoteRead, reader: str) -> None:
        sender = await self._somebody(login, chat, reader)
        if sender is None:
            return
        for pause in _LOOKS:
            await asyncio.sleep(pause)
            if self._read.get((chat.room_id, reader)) != event.message_id:
                return  # they have read on
            if event_id := await self._last_event(chat, event.message_id):
                await marks.mark_read(self._homeserver, chat.room_id, event_id, sender)
                break
        self._read.pop((chat.room_id, reader), None)

    async def _show_own_read(self, login: Login, event: RemoteRead) -> None:
        """Show what somebody has read by themselves in a chat that another login linked."""
        async with self._db.read() as tx:
            linked = await voices.chats_of(tx, login.id, event.chat_id)
        for chat in linked:
            self._read[chat.room_id, event.reader_id] = event.message_id
            await self._show_read(login, chat, event, event.reader_id)

    async def _last_event(self, chat: Chat, message_id: str) -> str:
        async with self._db.read() as tx:
            known = await chats.parts_of(tx, chat.login_id, chat.chat_id, message_id)
        here = [one.event_id for one in known if one.room_id == chat.room_id and not one.is_gone]
        return here[-1] if here else ""

    async def _somebody(self, login: Login, chat: Chat, user_id: str) -> Sender | None:
        """Return as whom a user is in a room, `None` for nobody."""
        async with self._db.read() as tx:
            turn = Turn(tx, login)
            owner, ghost = (await turn.owners()).get(user_id, ""), self._ghosts.mxid(user_id)
            if await turn.is_in(chat.room_id, owner):
                return Sender(owner, puppet=True)
            return Sender(ghost) if await turn.is_in(chat.room_id, ghost) else None
