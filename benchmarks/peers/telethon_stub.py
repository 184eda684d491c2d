"""mautrix-telegram as it is, but for the library that speaks to Telegram. Runs in its environment.

In the place of Telethon's client stands one that speaks lines of JSON with the benchmark, at the
port that PEER_REMOTE names: what somebody writes in the one chat there is comes in, what the bridge
sends goes out. All else is the bridge's own code: taking updates one after the other, as its
setting `sequential_updates` has Telethon do, portals, puppets, its database, its requests.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import os
import runpy
from datetime import UTC, datetime
from typing import Any

from mautrix_telegram import db, tgclient
from telethon.tl.functions.account import UpdateStatusRequest
from telethon.tl.functions.messages import GetFullChatRequest, GetPeerDialogsRequest
from telethon.tl.functions.updates import GetStateRequest
from telethon.tl.functions.users import GetUsersRequest
from telethon.tl.patched import Message
from telethon.tl.types import (
    Chat,
    ChatFull,
    ChatParticipant,
    ChatParticipants,
    ChatPhotoEmpty,
    PeerChat,
    PeerNotifySettings,
    PeerUser,
    UpdateNewMessage,
    User,
)
from telethon.tl.types.messages import ChatFull as FullChat
from telethon.tl.types.messages import PeerDialogs

ME, POSTER, CHAT = 1, 2, 100


def _now() -> datetime:
    return datetime.now(UTC).replace(microsecond=0)


def _user(number: int, name: str) -> User:
    flags = {"bot": False, "premium": False, "contact": False, "mutual_contact": False}
    # Only somebody whose user name it does not know yet is stored by the bridge.
    return User(number, access_hash=number, first_name=name, username=name.lower(), **flags)


class Client:
    """What the bridge takes for Telethon's client; it is logged in."""

    __version__ = "0"
    _numbers = itertools.count(1)

    def __init__(self, **settings: Any) -> None:
        self.session = settings["session"]
        self._users = {ME: _user(ME, "Vera"), POSTER: _user(POSTER, "Lev")}
        self._chat = Chat(CHAT, "5A", ChatPhotoEmpty(), len(self._users), _now(), 1)
        self._writer: asyncio.StreamWriter | None = None
        self._listening: asyncio.Task[None] | None = None

    def add_event_handler(self, handler: Any) -> None:
        """Take what is called with each update; it belongs to the bridge's user."""
        self._handler = handler

    async def connect(self) -> None:
        """Open the line."""
        reader, self._writer = await asyncio.open_connection(
            "127.0.0.1", int(os.environ["PEER_REMOTE"])
        )
        self._listening = asyncio.create_task(self._listen(reader))

    async def disconnect(self) -> None:
        """Close the line."""
        if self._listening is not None and self._writer is not None:
            self._listening.cancel()
            self._writer.close()
        self._writer = None

    def is_connected(self) -> bool:
        """Tell whether the line is open."""
        return self._writer is not None

    async def is_user_authorized(self) -> bool:
        """Tell whether somebody is logged in."""
        return True

    async def __call__(self, request: Any) -> Any:
        """Answer what the bridge asks Telegram when it starts, makes a room or somebody is away."""
        if isinstance(request, (GetStateRequest, UpdateStatusRequest)):
            return None
        if isinstance(request, GetUsersRequest):
            return [self._users[ME]]
        if isinstance(request, GetFullChatRequest):
            people = [ChatParticipant(number, ME, _now()) for number in self._users]
            inside = ChatParticipants(CHAT, people, 1)
            full = ChatFull(CHAT, "", inside, PeerNotifySettings())
            return FullChat(full, [self._chat], list(self._users.values()))
        if isinstance(request, GetPeerDialogsRequest):
            return PeerDialogs([], [], [], [], None)
        raise ValueError(f"not asked for in this benchmark: {type(request).__name__}")

    async def get_entity(self, peer: Any) -> Any:
        """Return the chat or a person."""
        return self._chat if isinstance(peer, PeerChat) else self._users[peer.user_id]

    async def get_input_entity(self, peer: Any) -> Any:
        """Return what stands for the chat or a person in a request."""
        return peer

    async def send_message(self, peer: Any, message: str, **_options: Any) -> Message:
        """Tell that the bridge sent something, and answer as Telegram does."""
        self._tell({"sent": message})
        number = next(self._numbers)
        return Message(number, peer, _now(), message, out=True, from_id=PeerUser(ME))

    def _tell(self, what: dict[str, str]) -> None:
        if self._writer is not None:
            self._writer.write(json.dumps(what).encode() + b"\n")

    async def _listen(self, reader: asyncio.StreamReader) -> None:
        # The bridge can do nothing with an update before it has stored whose client this is; the
        # next that it does is to begin this task.
        while self._handler.__self__._backfill_task is None:  # noqa: ASYNC110, SLF001 - it tells nobody
            await asyncio.sleep(0.02)
        self._tell({"ready": ""})
        async for line in reader:
            message = Message(
                next(self._numbers),
                PeerChat(CHAT),
                _now(),
                json.loads(line)["text"],
                out=False,
                from_id=PeerUser(POSTER),
            )
            update = UpdateNewMessage(message, 0, 1)
            update._entities = {}  # noqa: SLF001 - Telethon puts them there
            await self._handler(update)


async def _has_session(_session_id: str) -> bool:
    """Tell the bridge that a login was stored, which is the client's affair."""
    return True


if __name__ == "__main__":
    # Before the bridge's other parts import it from there.
    tgclient.MautrixTelegramClient = Client
    db.PgSession.has = _has_session
    runpy.run_module("mautrix_telegram", run_name="__main__", alter_sys=True)
