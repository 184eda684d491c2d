"""Two accounts in one chat of the messenger, which know it by two numbers.

Each sees the random ids of its own messages alone, and notes what is done through it.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, cast

from sferum_bridge.network.base import Contact, LoginExpired, Member, RemoteChat, Sent
from sferum_bridge.store import chats
from tests.support.messenger import CHAT, NETWORK
from tests.support.outward import OWNER, ROOM, TEACHER, Talker, person

if TYPE_CHECKING:
    from collections.abc import AsyncIterable, Sequence

    from sferum_bridge.network.base import Connector, NetworkError, RemoteMessage
    from sferum_bridge.network.content import Draft, FileKind
    from tests.support.outward import Way

SECOND = "second"
"""The account, and the key, of `TEACHER`."""
NUMBERS = {"owner": CHAT, SECOND: "2-chat"}


class Seat(Talker):
    """One account, by which the chat has a number of its own."""

    def __init__(self, seats: Seats, account_id: str) -> None:
        super().__init__(seats.way.messenger, account_id)
        self._seats = seats

    async def chats(self) -> Sequence[RemoteChat]:
        """List the chats: the one, unless the account left it, and one that is called the same."""
        known = {NUMBERS[self.account_id], "another"} - self._seats.left.get(self.account_id, set())
        return [RemoteChat(chat, "5А", is_group=True) for chat in sorted(known)]

    async def chat(self, chat_id: str) -> RemoteChat:
        """Look a chat up."""
        self._note("chat")
        if self._seats.away:
            raise self._seats.away.pop()
        pinned = self._messenger.pinned.get(CHAT, "")
        return RemoteChat(chat_id, "5А", is_group=True, pinned=pinned)

    async def members(self, chat_id: str) -> Sequence[Member]:
        """List who is in a chat."""
        people = NUMBERS if chat_id == NUMBERS[self.account_id] else ["owner"]
        return [Member(Contact(one, one)) for one in people]

    async def history(self, chat_id: str, *, after: str, limit: int) -> Sequence[RemoteMessage]:
        """Read what was written: of its own messages it sees the random ids."""
        self._note("history")
        if chat_id != NUMBERS[self.account_id]:
            return []
        return [
            replace(
                m, chat_id=chat_id, random_id=m.random_id if m.sender_id == self.account_id else 0
            )
            for m in await super().history(CHAT, after=after, limit=limit)
        ]

    async def send(self, chat_id: str, draft: Draft, *, random_id: int, reply_to: str = "") -> Sent:
        """Send a message."""
        self._note("send")
        sent = await super().send(
            self._there(chat_id), draft, random_id=random_id, reply_to=reply_to
        )
        return Sent(chat_id, sent.message_id)

    async def edit(self, chat_id: str, message_id: str, draft: Draft) -> None:
        """Edit a message."""
        self._note("edit")
        await super().edit(self._there(chat_id), message_id, draft)

    async def delete(self, chat_id: str, message_ids: Sequence[str]) -> None:
        """Delete messages."""
        self._note("delete")
        await super().delete(self._there(chat_id), message_ids)

    async def react(self, chat_id: str, message_id: str, emoji: str) -> None:
        """React."""
        self._note("react")
        await super().react(self._there(chat_id), message_id, emoji)

    async def set_typing(self, chat_id: str) -> None:
        """Be writing."""
        self._note("typing")
        await super().set_typing(self._there(chat_id))

    async def mark_read(self, chat_id: str, message_id: str) -> None:
        """Have read."""
        self._note("read")
        await super().mark_read(self._there(chat_id), message_id)

    async def upload(
        self, chat_id: str, kind: FileKind, name: str, mime: str, chunks: AsyncIterable[bytes]
    ) -> str:
        """Upload a file."""
        return await super().upload(self._there(chat_id), kind, name, mime, chunks)

    async def pin(self, chat_id: str, message_id: str) -> None:
        """Pin a message."""
        self._note("pin")
        await super().pin(self._there(chat_id), message_id)

    def _there(self, chat_id: str) -> str:
        assert chat_id == NUMBERS[self.account_id]
        return CHAT

    def _note(self, what: str) -> None:
        if self.account_id in self._seats.lost:
            raise LoginExpired("lost")
        self._seats.done.append((self.account_id, what))


class Seats:
    """The two, and what was done through whom."""

    def __init__(self, way: Way) -> None:
        self.way = way
        self.done: list[tuple[str, str]] = []
        self.left: dict[str, set[str]] = {}
        self.lost: set[str] = set()
        self.away: list[NetworkError] = []
        """With what looking a chat up fails, once each."""
        self.second = ""
        """The login of the second, once they logged in."""
        cast("Any", way.messenger).connect = self._connect

    async def _connect(self, secret: str) -> Connector:
        return cast("Connector", Seat(self, secret))

    async def log_in(self) -> str:
        """Have `TEACHER` log in; return the login's id."""
        async with self.way.db.write() as tx:
            self.second = await chats.save_login(tx, NETWORK, SECOND, "Вторая", TEACHER, SECOND)
        return self.second

    async def expire(self, login_id: str) -> None:
        """Have a login be known as lost."""
        async with self.way.db.write() as tx:
            await chats.set_expired(tx, login_id)

    async def look(self) -> None:
        """Have the second's chat be looked for, as it is when they speak again."""
        async with self.way.db.read() as tx:
            [login] = [one for one in await chats.all_logins(tx) if one.id == self.second]
            chat = await chats.chat_of_room(tx, ROOM)
        assert chat is not None
        await self.way.outward._voices.find(chat, login)

    def through(self, what: str) -> list[str]:
        """Return through which accounts something was done."""
        return [account for account, did in self.done if did == what]


async def seats_of(way: Way) -> Seats:
    """Put the second into the room; something was written in the chat by which it is known."""
    await person(way.db, OWNER, "Первая", "Учительница")
    await person(way.db, TEACHER, "Вторая", "Учительница")
    way.messenger.written("owner", "начало")
    return Seats(way)
