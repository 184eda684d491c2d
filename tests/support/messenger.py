"""A school messenger at the bridge's seam: chats, files, and an event stream with a cursor.

It keeps every batch, so a listener that comes back with an old cursor hears again what it has not
stored. What goes wrong is scripted by the test: files that break off, lie about their size, are
gone. It holds to `network.base` and knows nothing of any real messenger.
"""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from sferum_bridge.network.base import (
    Abilities,
    Batch,
    Contact,
    Member,
    Refused,
    RemoteChat,
    RemoteDeletion,
    RemoteEdit,
    RemoteMessage,
    RemoteReactions,
    Session,
    TooFast,
    Unavailable,
)
from sferum_bridge.network.content import Content

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping, Sequence

    from sferum_bridge.network.base import Connector, RemoteEvent
    from sferum_bridge.network.content import File

NETWORK = "invented"
CHAT = "chat-1"
BEGAN = 1_790_000_000


@dataclass
class Bytes:
    """A file: what it holds, what is said of it, and how often fetching it fails first."""

    data: bytes = b""
    mime: str = ""
    size: int | None = None
    """What is claimed; the truth if it is not said."""
    fails: int = 0
    gone: bool = False
    too_fast: float = 0.0
    """For how long to wait is asked every time, if at all (seconds)."""
    breaks_off: int = 0
    """How often it ends in the middle."""
    held: asyncio.Event = field(default_factory=asyncio.Event)
    """Whether it may be read."""
    opened: int = 0

    def __post_init__(self) -> None:
        self.held.set()


class Open:
    """A file that is being read."""

    def __init__(self, file: Bytes) -> None:
        self._file = file
        self.mime = file.mime
        self.size = len(file.data) if file.size is None else file.size

    async def chunks(self) -> AsyncIterator[bytes]:
        """Read it, in pieces."""
        await self._file.held.wait()
        data, piece = self._file.data, 50_000
        for at in range(0, len(data), piece):
            yield data[at : at + piece]
            if self._file.breaks_off > 0:
                self._file.breaks_off -= 1
                raise Unavailable("it broke off")


class Messenger:
    """The messenger; it is a `Network` too."""

    def __init__(self) -> None:
        self.names: dict[str, str] = {}
        self.pictures: dict[str, str] = {}
        self.files: dict[str, Bytes] = {}
        self.messages: dict[str, list[RemoteMessage]] = {}
        self.batches: list[Batch] = []
        self.pinned: dict[str, str] = {}
        self.members: dict[str, list[str]] = {}
        self._news = asyncio.Condition()

    # --- what people do there ---------------------------------------------------------------

    def person(self, user_id: str, name: str) -> str:
        """Add somebody; return the id."""
        self.names[user_id] = name
        return user_id

    def file(self, url: str, data: bytes, mime: str = "", **more: Any) -> Bytes:
        """Put a file at an address."""
        self.files[url] = Bytes(data, mime, **more)
        return self.files[url]

    def written(
        self, sender: str, content: Content | str, chat: str = CHAT, **more: Any
    ) -> RemoteMessage:
        """Have somebody write, and nobody hear of it."""
        said = Content(content) if isinstance(content, str) else content
        known = self.messages.setdefault(chat, [])
        number = len(known) + 1
        message = RemoteMessage(chat, str(number), sender, said, BEGAN + number, **more)
        known.append(message)
        return message

    async def say(
        self, sender: str, content: Content | str, chat: str = CHAT, **more: Any
    ) -> RemoteMessage:
        """Have somebody write."""
        message = self.written(sender, content, chat, **more)
        await self.happen(message)
        return message

    async def edit(self, message: RemoteMessage, content: Content | str) -> None:
        """Have a message say something else."""
        said = Content(content) if isinstance(content, str) else content
        changed = replace(message, content=said)
        known = self.messages[message.chat_id]
        known[int(message.message_id) - 1] = changed
        await self.happen(RemoteEdit(changed))

    async def delete(self, message: RemoteMessage, *, for_all: bool = True) -> None:
        """Delete a message."""
        await self.happen(RemoteDeletion(message.chat_id, message.message_id, for_all))

    async def react(self, message: RemoteMessage, by: Mapping[str, str]) -> None:
        """Have people have reacted."""
        await self.happen(RemoteReactions(message.chat_id, message.message_id, by))

    async def happen(self, *events: RemoteEvent, gaps: Sequence[str] = ()) -> None:
        """Put events into the stream, as one batch."""
        async with self._news:
            self.batches.append(Batch(events, str(len(self.batches) + 1), frozenset(gaps)))
            self._news.notify_all()

    # --- as a network -----------------------------------------------------------------------

    async def log_in(self, secret: str) -> Session:
        """Log in: the secret is the account's id."""
        return Session(secret, self.names.get(secret, secret), secret)

    async def connect(self, secret: str) -> Connector:
        """Open a login."""
        return Account(self, secret)

    @asynccontextmanager
    async def download(self, file: File) -> AsyncIterator[Open]:
        """Open a file."""
        found = self.files.get(file.url)
        if found is None or found.gone:
            raise Refused("there is no such file")
        found.opened += 1
        if found.too_fast:
            raise TooFast("not so fast", found.too_fast)
        if found.fails > 0:
            found.fails -= 1
            raise Unavailable("not now")
        yield Open(found)

    async def close(self) -> None:
        """Nothing is open."""

    async def stream(self, cursor: str) -> AsyncIterator[Batch]:
        """Give the batches behind a cursor, and wait for more."""
        at = int(cursor or len(self.batches))
        if not cursor:
            yield Batch((), str(at))
        while True:
            async with self._news:
                while len(self.batches) <= at:
                    await self._news.wait()
            yield self.batches[at]
            at += 1


class Account:
    """One account, as the bridge speaks to it."""

    def __init__(self, messenger: Messenger, account_id: str) -> None:
        self._messenger = messenger
        self.account_id = account_id
        self.abilities = Abilities(4096, 86_400, 86_400, 200_000_000, frozenset("👍❤"))

    async def chats(self) -> Sequence[RemoteChat]:
        """List the chats."""
        return [RemoteChat(chat, chat, is_group=True) for chat in self._messenger.messages]

    async def contacts(self, ids: Sequence[str]) -> Sequence[Contact]:
        """Look people up."""
        names, pictures = self._messenger.names, self._messenger.pictures
        return [Contact(i, names[i], pictures.get(i, "")) for i in ids if i in names]

    async def chat(self, chat_id: str) -> RemoteChat:
        """Look a chat up."""
        pinned = self._messenger.pinned.get(chat_id, "")
        return RemoteChat(chat_id, chat_id, is_group=True, pinned=pinned)

    async def members(self, chat_id: str) -> Sequence[Member]:
        """List who is in a chat: everybody, but where that was said otherwise."""
        ids = self._messenger.members.get(chat_id, list(self._messenger.names))
        return [Member(contact) for contact in await self.contacts(ids)]

    async def history(self, chat_id: str, *, after: str, limit: int) -> Sequence[RemoteMessage]:
        """Read what was written."""
        known = self._messenger.messages.get(chat_id, [])
        if not after:
            return known[-limit:] if limit else []
        return [m for m in known if int(m.message_id) > int(after)][:limit]

    def listen(self, cursor: str) -> AsyncIterator[Batch]:
        """Hear what happens."""
        return self._messenger.stream(cursor)

    async def close(self) -> None:
        """Nothing is open."""

    def __getattr__(self, name: str) -> Any:
        raise AttributeError(f"the way into Matrix asks for no {name}")
