"""`VkNetwork` and `VkConnector`: the two protocols of `network.base`, kept by VK's methods."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sferum_bridge.network.base import Abilities, Batch, Session
from sferum_bridge.network.patience import Patience
from sferum_bridge.network.space import Space
from sferum_bridge.network.vk import calling
from sferum_bridge.network.vk.api import VkApi
from sferum_bridge.network.vk.archive import Archive
from sferum_bridge.network.vk.directory import Directory
from sferum_bridge.network.vk.files import Files
from sferum_bridge.network.vk.login import WebLogin, cookie_of
from sferum_bridge.network.vk.longpoll import Listener
from sferum_bridge.network.vk.reactions import ReactionTable
from sferum_bridge.network.vk.text import echo, units
from sferum_bridge.network.vk.transport import Outage, Transport
from sferum_bridge.network.vk.uploads import Uploads
from sferum_bridge.network.vk.writing import Writer

if TYPE_CHECKING:
    from collections.abc import (
        AsyncGenerator,
        AsyncIterable,
        Awaitable,
        Callable,
        Sequence,
    )
    from contextlib import AbstractAsyncContextManager

    from sferum_bridge.network.base import (
        Contact,
        Member,
        RemoteCall,
        RemoteChat,
        RemoteMessage,
        Sent,
    )
    from sferum_bridge.network.content import Draft, File, FileKind
    from sferum_bridge.network.vk.files import Reading
    from sferum_bridge.network.vk.settings import VkSettings


class VkNetwork:
    """Sferum inside VK Messenger. Make it inside a running event loop; `close` it in the end."""

    def __init__(self, settings: VkSettings, space: Space | None = None) -> None:
        self._settings = settings
        self._space = space or Space()
        self._transport = Transport(settings)
        self._files = Files(settings)

    async def log_in(self, secret: str) -> Session:
        """Check a pasted cookie (`remixdsid`, its value or as `name=value`).

        Raises:
            LoginExpired: If VK gives no token for it.
            Refused: If the account has no educational profile.
        """
        cookie = cookie_of(secret)
        connector = await self.connect(cookie)
        own = await connector.contacts([connector.account_id])
        return Session(connector.account_id, own[0].name if own else "", cookie)

    async def connect(self, secret: str) -> VkConnector:
        """Open the session of a stored cookie; the same errors as `log_in`."""
        login = WebLogin(self._transport, self._settings, cookie_of(secret))
        await login.open()
        return VkConnector(self._transport, self._files, self._settings, login, self._space)

    def download(self, file: File) -> AbstractAsyncContextManager[Reading]:
        """Open a file for reading: VK asks no login for it. See `files.Files.open`."""
        return self._files.open(file)

    async def close(self) -> None:
        """Close the connections all accounts share."""
        await self._transport.close()
        await self._files.close()


class VkConnector:
    """One educational profile. `login` is open."""

    def __init__(
        self,
        transport: Transport,
        files: Files,
        settings: VkSettings,
        login: WebLogin,
        space: Space,
    ) -> None:
        self._transport = transport
        self._files = files
        self._settings = settings
        self._account_id = login.account_id
        self._api = VkApi(transport, settings, login)
        self._outage = Outage(f"the Sferum event stream of account {login.account_id}")
        self._reactions = ReactionTable(settings.reactions)
        self._patience = Patience()
        self._directory = Directory(self._api, self._patience)
        self._archive = Archive(self._api, self._account_id, self._reactions, self._patience)
        self._writer = Writer(self._api, self._archive, self._reactions, self._account_id)
        self._uploads = Uploads(self._api, files, settings.max_file_bytes, space)

    @property
    def account_id(self) -> str:
        """Return the educational profile's user id."""
        return self._account_id

    @property
    def abilities(self) -> Abilities:
        """Return what VK takes."""
        return Abilities(
            text_units=self._settings.text_units,
            edit_seconds=self._settings.edit_seconds,
            delete_seconds=self._settings.delete_seconds,
            file_bytes=self._settings.max_file_bytes,
            reactions=self._reactions.all,
            units=units,
            echo=echo,
        )

    async def chats(self) -> Sequence[RemoteChat]:
        """List every conversation: chats the account has not left, dialogues, communities."""
        return await self._directory.chats()

    async def contacts(self, ids: Sequence[str]) -> Sequence[Contact]:
        """Look people and (negative ids) communities up; others' kinds of ids are left out."""
        return await self._directory.contacts(ids)

    async def chat(self, chat_id: str) -> RemoteChat:
        """Look a conversation up. Raises `Refused` if the account is not in it."""
        return await self._directory.chat(chat_id)

    async def members(self, chat_id: str) -> Sequence[Member]:
        """List everybody in a chat."""
        return await self._directory.members(chat_id)

    async def history(self, chat_id: str, *, after: str, limit: int) -> Sequence[RemoteMessage]:
        """Return the messages after one; see `archive.Archive.history`."""
        return await self._archive.history(chat_id, after=after, limit=limit)

    async def send(self, chat_id: str, draft: Draft, *, random_id: int, reply_to: str = "") -> Sent:
        """Send a message; see `writing.Writer.send`."""
        return await self._writer.send(chat_id, draft, random_id=random_id, reply_to=reply_to)

    async def edit(self, chat_id: str, message_id: str, draft: Draft) -> None:
        """Make an own message say something else; see `writing.Writer.edit`."""
        await self._writer.edit(chat_id, message_id, draft)

    async def take_out(
        self, chat_id: str, message_id: str, is_it: Callable[[File], Awaitable[bool]] | None
    ) -> None:
        """Take a file or the words out of a message; see `writing.Writer.take_out`."""
        await self._writer.take_out(chat_id, message_id, is_it)

    async def delete(self, chat_id: str, message_ids: Sequence[str]) -> None:
        """Delete messages for all; see `writing.Writer.delete`."""
        await self._writer.delete(chat_id, message_ids)

    async def react(self, chat_id: str, message_id: str, emoji: str) -> None:
        """React to a message; see `writing.Writer.react`."""
        await self._writer.react(chat_id, message_id, emoji)

    async def pin(self, chat_id: str, message_id: str) -> None:
        """Pin a message; see `writing.Writer.pin`."""
        await self._writer.pin(chat_id, message_id)

    async def set_typing(self, chat_id: str) -> None:
        """Tell a chat that this account is writing."""
        await self._writer.set_typing(chat_id)

    async def mark_read(self, chat_id: str, message_id: str) -> None:
        """Tell a chat that this account has read everything up to a message."""
        await self._writer.mark_read(chat_id, message_id)

    async def start_call(self) -> RemoteCall:
        """Start a group call; see `calling.start`."""
        return await calling.start(self._api)

    async def end_call(self, call_id: str) -> None:
        """End a call for everybody in it."""
        await calling.end(self._api, call_id)

    async def upload(
        self, chat_id: str, kind: FileKind, name: str, mime: str, chunks: AsyncIterable[bytes]
    ) -> str:
        """Upload a file for one chat; see `uploads.Uploads.upload`."""
        return await self._uploads.upload(chat_id, kind, name, mime, chunks)

    def download(self, file: File) -> AbstractAsyncContextManager[Reading]:
        """Open a file for reading; see `files.Files.open`."""
        return self._files.open(file)

    async def listen(self, cursor: str) -> AsyncGenerator[Batch, None]:
        """Yield batches for ever; see `network.base.Connector.listen` and `longpoll`."""
        listener = Listener(
            transport=self._transport,
            api=self._api,
            settings=self._settings,
            account_id=self._account_id,
            outage=self._outage,
            archive=self._archive,
            directory=self._directory,
            patience=self._patience,
            cursor=cursor,
        )
        while True:
            yield await listener.next_batch()

    async def close(self) -> None:
        """End the session. It owns nothing: connections are the network's, for all accounts."""
