"""What the bot asks of the school messenger itself, for a person who talks to it.

    command ─► a question in the inbox ─► asked here, no transaction open ─► one transaction:
                     (`ask`)                                          answer told, question done

A question is a row of the inbox like any other, in a lane of its person: a slow messenger keeps
nobody else waiting, and after a kill it is asked again. What is asked changes nothing there, but
for calls: a second one is started where the answer of the first was lost, and nobody told of it.
What the messenger refuses, or does not answer in time, comes back as a `NetworkError`.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sferum_bridge.network import same_chat
from sferum_bridge.network.base import (
    LoginExpired,
    NeedsPerson,
    NetworkError,
    Refused,
    TooFast,
    Unavailable,
)
from sferum_bridge.network.content import Draft
from sferum_bridge.store import chats, logins, queues, rooms, voices
from sferum_bridge.store.news import NEWS

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence

    from sferum_bridge.bot.talk import Talk
    from sferum_bridge.network.base import Connector, Network, RemoteCall, Sent, Session
    from sferum_bridge.network.same_chat import Portrait
    from sferum_bridge.store.chats import Login
    from sferum_bridge.store.database import Database

_LANE = "bot/sferum/"
_PATIENCE = 60.0
_MOST_LOOKED_INTO = 40
"""Chats whose members are asked for; each is a request of its own."""


@dataclass(frozen=True, slots=True)
class SeenChat:
    """A chat as one login sees it."""

    login_id: str
    id: str
    title: str
    count: int
    """How many members it has."""
    is_personal: bool = False
    """Whether it is one with another person."""
    members: tuple[tuple[str, str], ...] = ()
    """Account and name of each, as far as they were asked for."""

    @property
    def names(self) -> Sequence[str]:
        """Return what the members are called."""
        return [name for _, name in self.members]


@dataclass(frozen=True, slots=True)
class Seen:
    """The chats of one login, or why there are none."""

    login: Login
    chats: Sequence[SeenChat] = ()
    failed: NetworkError | None = None


class Messenger:
    """Asks the messenger on behalf of people. `network` is `None` where it is switched off.

    `connector` returns the open connector of a login, `drop` closes it. `personal`: chats of two
    are listed too.
    """

    def __init__(
        self,
        db: Database,
        network: Network | None,
        connector: Callable[[Login], Awaitable[Connector]],
        drop: Callable[[Login], Awaitable[None]],
        *,
        personal: bool = False,
        patience: float = _PATIENCE,
    ) -> None:
        self._db = db
        self._network = network
        self._connector = connector
        self._drop = drop
        self._personal = personal
        self._patience = patience

    async def answer(self, question: str, content: Mapping[str, Any]) -> Any:
        """Return the answer to a question as `ask` put it, or the `NetworkError` instead."""
        try:
            async with asyncio.timeout(self._patience):
                return await _QUESTIONS[question](self, content)
        except NetworkError as e:
            return e
        except TimeoutError:
            return Unavailable("no answer in time")

    async def log_in(self, content: Mapping[str, Any]) -> Session:
        """Try a key; return the session it opens."""
        if self._network is None:
            raise Unavailable("the messenger is switched off")
        return await self._network.log_in(str(content["key"]))

    async def list_chats(self, content: Mapping[str, Any]) -> Sequence[Seen]:
        """Return the chats of several people of each login that some accounts own."""
        async with self._db.read() as tx:
            own = await logins.of_people(tx, content["mxids"])
            linked = {(chat.login_id, chat.chat_id) for chat in await chats.all_chats(tx)}
            linked |= {(voice.login_id, voice.chat_id) for voice in await voices.found(tx)}
        return [await self._chats_of(login, linked) for login in own]

    async def _chats_of(self, login: Login, linked: set[tuple[str, str]]) -> Seen:
        if login.expired:
            return Seen(login, failed=LoginExpired("expired before"))
        try:
            connector = await self._connector(login)
            everything = await connector.chats()
            found = []
            left = _MOST_LOOKED_INTO
            for chat in [chat for chat in everything if chat.is_group]:
                members: tuple[tuple[str, str], ...] = ()
                if left and (login.id, chat.id) not in linked:
                    members = await _members(connector, chat.id)
                    left -= 1
                seen = SeenChat(login.id, chat.id, chat.title, chat.member_count, members=members)
                found.append(seen)
            found += [
                SeenChat(login.id, chat.id, chat.title, 2, is_personal=True)
                for chat in everything
                if self._personal and chat.partner_id not in {"", login.account_id}
            ]
        except NetworkError as e:
            return Seen(login, failed=e)
        return Seen(login, found)

    async def look(self, content: Mapping[str, Any]) -> SeenChat:
        """Return a chat with its members, as they are now."""
        login_id, chat_id = str(content["login"]), str(content["chat"])
        connector = await self._opened(login_id)
        chat = await connector.chat(chat_id)
        members = await _members(connector, chat_id)
        count = len(members) or chat.member_count
        return SeenChat(login_id, chat_id, chat.title, count, members=members)

    async def start_call(self, content: Mapping[str, Any]) -> RemoteCall:
        """Start a call. Asked once more it starts another, and the first ends with nobody in it."""
        return await (await self._opened(str(content["login"]))).start_call()

    async def tell_of_call(self, content: Mapping[str, Any]) -> Sent:
        """Say in a chat where a call is; however often it is asked, it is said once."""
        connector = await self._opened(str(content["login"]))
        # Never 0, and an int32: so the messenger knows a repetition.
        random_id = int(str(content["number"]), 16) % (2**31 - 1) + 1
        draft = Draft(str(content["text"]))
        return await connector.send(str(content["chat"]), draft, random_id=random_id)

    async def end_call(self, content: Mapping[str, Any]) -> None:
        """End a call for everybody in it."""
        connector = await self._opened(str(content["login"]))
        await connector.end_call(str(content["call"]))

    async def _opened(self, login_id: str) -> Connector:
        async with self._db.read() as tx:
            login = next((one for one in await chats.all_logins(tx) if one.id == login_id), None)
        if login is None or login.expired:
            raise LoginExpired("expired before")
        return await self._connector(login)

    async def find_heirs(self, content: Mapping[str, Any]) -> Mapping[str, tuple[str, str]]:
        """Return room → the login and chat by which somebody else sees what is linked to it.

        Only logins of people who are in the room; where several fit, the first.
        """
        login_id = str(content["login"])
        async with self._db.read() as tx:
            everybody = [one for one in await chats.all_logins(tx) if not one.expired]
            linked = await logins.chats_of(tx, login_id)
            # A personal chat is nobody else's.
            linked = [c for c in linked if await rooms.by_room_id(tx, c.room_id) is not None]
            members = {chat.room_id: await rooms.members(tx, chat.room_id) for chat in linked}
        leaving = [one for one in everybody if one.id == login_id]
        found: dict[str, tuple[str, str]] = {}
        for chat in linked if leaving else ():
            connector = await self._connector(leaving[0])
            title = (await connector.chat(chat.chat_id)).title
            wanted = await same_chat.portray(connector, chat.chat_id, title)
            for other in everybody:
                is_here = members[chat.room_id].get(other.mxid) == "join"
                if other.id != login_id and is_here and chat.room_id not in found:
                    known_as = await self._known_as(wanted, other)
                    if known_as:
                        found[chat.room_id] = (other.id, known_as)
        return found

    async def _known_as(self, wanted: Portrait, login: Login) -> str:
        try:
            return await same_chat.find(wanted, await self._connector(login))
        except NetworkError:
            return ""  # who cannot be asked is no heir

    async def close(self, content: Mapping[str, Any]) -> None:
        """Close what is open of a login that was renewed or forgotten."""
        login_id = str(content["login"])
        await self._drop(chats.Login(login_id, logins.SFERUM, "", "", "", expired=True))


async def _members(connector: Connector, chat_id: str) -> tuple[tuple[str, str], ...]:
    found = await connector.members(chat_id)
    return tuple((one.contact.id, one.contact.name) for one in found)


LOG_IN, LIST, LOOK = "sferum-log-in", "sferum-list", "sferum-look"
HEIRS, CLOSE = "sferum-heirs", "sferum-close"
START_CALL, TELL_CALL, END_CALL = "sferum-call", "sferum-call-told", "sferum-call-over"
START_SHOW = "sferum-show"

_QUESTIONS: Mapping[str, Callable[[Messenger, Mapping[str, Any]], Awaitable[Any]]] = {
    LOG_IN: Messenger.log_in,
    LIST: Messenger.list_chats,
    LOOK: Messenger.look,
    HEIRS: Messenger.find_heirs,
    CLOSE: Messenger.close,
    START_CALL: Messenger.start_call,
    START_SHOW: Messenger.start_call,
    TELL_CALL: Messenger.tell_of_call,
    END_CALL: Messenger.end_call,
}


_TEXTS = frozenset(
    {error.text_key for error in (NetworkError, TooFast, LoginExpired, NeedsPerson, Refused)}
)


def text_key(answer: object) -> str:
    """Return the text that says why there is no answer, and what to do.

    The answer is an error of the network, or the text key of one.
    """
    key = answer.text_key if isinstance(answer, NetworkError) else answer
    return f"sferum-{key if key in _TEXTS else NetworkError.text_key}"


async def ask(talk: Talk, question: str, **content: Any) -> None:
    """Have the messenger asked for the person behind `talk`, once the transaction is committed.

    `topics.ANSWERS` says who is given the answer; `content` comes back with it.
    """
    row = {
        "type": NEWS,
        "kind": question,
        "sender": talk.mxid,
        "room_id": talk.room_id,
        "content": {**content, "language": talk.language},
    }
    name = f"{question}.{talk.event_id}"
    await queues.put(talk.tx, queues.INBOX, _LANE + talk.mxid, name, row)
