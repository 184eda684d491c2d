"""What a remote event becomes in the outbox: rows that `delivery` carries out, in their order.

Called inside the transaction that moves the cursor, so a row is there if and only if its event is
behind us. A message's rows are named by login, chat, message and part: queued twice they are one.
What changes a message (an edit, a deletion, reactions) is compared with what is shown when its turn
comes, and so may be queued twice without harm.
"""

from __future__ import annotations

import logging
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from sferum_bridge.matrix.ghosts import Sender
from sferum_bridge.network.base import (
    RemoteChange,
    RemoteDeletion,
    RemoteEdit,
    RemoteMessage,
    RemoteReactions,
    ServiceKind,
)
from sferum_bridge.network.content import File, FileKind
from sferum_bridge.relay.inward import gathering, parts, to_matrix, wording
from sferum_bridge.relay.inward.rich import Rich
from sferum_bridge.relay.inward.wording import Look
from sferum_bridge.store import chats, failures, queues, schools, voices
from sferum_bridge.store.away import is_away

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
    from datetime import tzinfo

    from sferum_bridge.matrix.ghosts import Ghosts
    from sferum_bridge.network.base import RemoteEvent, Service
    from sferum_bridge.relay.inward.names import Names
    from sferum_bridge.relay.inward.to_matrix import Shown
    from sferum_bridge.relay.inward.turn import Turn
    from sferum_bridge.relay.inward.wording import Phrase
    from sferum_bridge.store.chats import Chat, Login
    from sferum_bridge.store.database import Tx

log = logging.getLogger(__name__)

_SECOND_MS = 1000
_GOING = frozenset({ServiceKind.KICKED, ServiceKind.LEFT})
_PINNING = frozenset({ServiceKind.PINNED, ServiceKind.UNPINNED})
_MOST_REACTIONS = 300


@dataclass(frozen=True, slots=True)
class Manner:
    """How remote people and things are named.

    `ghost_name` has `{name}` in it, `say` gives a text by its key and values in the language of
    the rooms, whose clocks are of `zone`.
    """

    ghost_name: str
    say: Callable[..., Phrase]
    zone: tzinfo


def chat_of(event: RemoteEvent) -> str:
    """Return the id of the chat in which something happened."""
    return event.message.chat_id if isinstance(event, RemoteEdit) else event.chat_id


def people_of(event: RemoteEvent) -> Iterable[str]:
    """Return the ids of users whose names an event needs; none where this version fails on it."""
    try:
        return list(_people_of(event))
    except Exception as e:  # noqa: BLE001 - its trouble ends nobody's listening
        failures.report(log, e, "An event does not tell whom it is about")
        return ()


def _people_of(event: RemoteEvent) -> Iterable[str]:
    match event:
        case RemoteMessage():
            return wording.people_of(event)
        case RemoteEdit():
            return wording.people_of(event.message)
        case RemoteReactions():
            return list(event.by)[:_MOST_REACTIONS]
        case _:
            return ()


class Queueing:
    """Turns events of linked chats into rows. `everybody`: whoever is in a chat is in its room."""

    def __init__(
        self, ghosts: Ghosts, names: Names, manner: Manner, *, everybody: bool = False
    ) -> None:
        self._ghosts = ghosts
        self._names = names
        self._manner = manner
        self._everybody = everybody
        self._pictured: set[tuple[str, str]] = set()
        """Ghosts and the pictures they were given since the start."""

    async def put(
        self, turn: Turn, chat: Chat, event: RemoteEvent, *, silent: bool = False
    ) -> None:
        """Queue an event; `silent` for what was written long ago. The names have to be known.

        Nor is it a message that is on both sides already.
        """
        match event:
            case RemoteMessage():
                await self._message(turn, chat, event, silent=silent)
            case RemoteEdit():
                await self._edit(turn, chat, event.message)
            case RemoteDeletion() if event.for_all:
                await self._row(turn, chat, event.message_id, {"relay": "delete"})
            case RemoteReactions():
                by = {
                    user_id: [emoji, asdict((await self._senders(turn, chat, user_id))[0])]
                    for user_id, emoji in list(event.by.items())[:_MOST_REACTIONS]
                    if emoji
                }
                await self._row(turn, chat, event.message_id, {"relay": "react", "by": by})
            case RemoteChange() if self._everybody:
                await gathering.wish(turn.tx, turn.login, chat)
            case _:
                pass

    async def put_or_tell(
        self, turn: Turn, chat: Chat, event: RemoteEvent, *, silent: bool = False
    ) -> None:
        """Queue an event; one that this version fails on is told of, so that nothing is stuck."""
        if isinstance(event, RemoteMessage) and await chats.is_mapped(
            turn.tx, turn.login.id, chat.chat_id, event.message_id
        ):
            return
        if not await self._tried(turn, lambda: self.put(turn, chat, event, silent=silent)):
            await self._tried(turn, lambda: self._unreadable(turn, chat, event))

    async def pin(self, turn: Turn, chat: Chat, message_id: str) -> None:
        """Have a message be the pinned one; an empty id: none is."""
        await self._tried(turn, lambda: self._row(turn, chat, message_id, {"relay": "pin"}))

    async def _tried(self, turn: Turn, work: Callable[[], Awaitable[None]]) -> bool:
        """Do something whole or not at all; false, and reported, where this version fails on it."""
        try:
            async with turn.tx.attempt():
                await work()
        except Exception as e:
            if is_away(e):
                raise
            failures.report(log, e, "An event of a linked chat could not be queued")
            return False
        return True

    async def digests(self, turn: Turn, chat: Chat, message: RemoteMessage) -> set[str]:
        """Return under which digests the first part of a message may be known (`chats.Mapped`).

        Of one that this version fails to show that is what it says, and nothing else.
        """
        look = await self._look(turn, chat)
        said = [message.content.text]
        try:
            for silent in (False, True):
                for one in to_matrix.shown(message, look, silent=silent)[:1]:
                    said += [one.said, one.file.former_identity if one.file else ""]
        except Exception as e:  # noqa: BLE001 - its trouble ends nobody's listening
            failures.report(log, e, "A message cannot be compared with what is shown")
        return {chats.digest_of(turn.tx, text) for text in said if text}

    async def _unreadable(self, turn: Turn, chat: Chat, event: RemoteEvent) -> None:
        """Say that something was written that this version fails to show."""
        message = event.message if isinstance(event, RemoteEdit) else event
        if not isinstance(message, RemoteMessage):
            return
        said = self._manner.say("relay-unreadable")
        content = to_matrix.text_content(Rich(said.body, said.html), notice=True)
        one = to_matrix.Shown(parts.TEXT, content)
        await self._show(turn, chat, message, [one], (Sender(), None))

    async def _message(
        self, turn: Turn, chat: Chat, message: RemoteMessage, *, silent: bool
    ) -> None:
        tx, login = turn.tx, turn.login
        if message.random_id:
            echo = await chats.echo_of(tx, login.id, chat.chat_id, message.random_id)
            # What its owner said in another room that has this chat was not said here.
            if echo is not None and not await voices.is_of_another_room(tx, chat.room_id, *echo):
                event_id, part = echo
                mapped = chats.Mapped(
                    chat.chat_id,
                    message.message_id,
                    part,
                    chat.room_id,
                    event_id,
                    from_matrix=True,
                    digest=chats.digest_of(tx, message.content.text),
                )
                await chats.map_message(tx, login.id, mapped)
                return
        look = await self._look(turn, chat)
        shown = to_matrix.shown(message, look, silent=silent)
        if message.service is None:
            senders = await self._senders(turn, chat, message.sender_id)
        else:
            # The chat itself reports it: nobody joins the room for having left the chat.
            senders = (Sender(), None)
        await self._show(turn, chat, message, shown, senders)
        if message.service is not None:
            await self._follow(turn, chat, message, message.service)
        else:
            await self._picture(turn, message.sender_id)

    async def _show(
        self,
        turn: Turn,
        chat: Chat,
        message: RemoteMessage,
        shown: Sequence[Shown],
        senders: tuple[Sender, Sender | None],
    ) -> None:
        reply_to = message.reply_to
        if message.service is not None and message.service.kind in _PINNING:
            reply_to = message.service.message_id
        rows = []
        numbers = parts.numbered([one.kind for one in shown])
        for place, (number, one) in enumerate(zip(numbers, shown, strict=True)):
            row = self._addressed(turn, chat, message.message_id, senders)
            row |= {
                "relay": "show",
                "part": number,
                "reply_to": "" if place else reply_to,
                "ts": message.sent_at * _SECOND_MS,
                **_stored(turn.tx, one),
            }
            name = f"{_base(turn.login, chat, message.message_id)}.{number}"
            rows.append((chat.room_id, name, row))
        await queues.put_all(turn.tx, queues.OUTBOX, rows)

    async def _edit(self, turn: Turn, chat: Chat, message: RemoteMessage) -> None:
        shown = to_matrix.shown(message, await self._look(turn, chat))
        row = {
            "relay": "edit",
            "parts": [_stored(turn.tx, one) for one in shown],
            "ts": message.sent_at * _SECOND_MS,
            "said": chats.digest_of(turn.tx, message.content.text),
        }
        senders = await self._senders(turn, chat, message.sender_id)
        await self._row(turn, chat, message.message_id, row, senders)

    async def _follow(
        self, turn: Turn, chat: Chat, message: RemoteMessage, service: Service
    ) -> None:
        """Do what a report of the chat means here: pins change, who is out leaves the room."""
        if service.kind is ServiceKind.PINNED and service.message_id:
            await self.pin(turn, chat, service.message_id)
        elif service.kind is ServiceKind.UNPINNED:
            await self.pin(turn, chat, "")
        elif service.kind in _GOING:
            gone = service.subject_id or message.sender_id
            if gone:
                # What they wrote before may wait still, and bring them in only then.
                ghost = self._ghost(turn, gone)
                await self._row(turn, chat, message.message_id, {"relay": "leave"}, (ghost, None))

    async def _picture(self, turn: Turn, user_id: str) -> None:
        """Have a ghost carry the picture its user has there, if that is another than it has."""
        network, tx = turn.login.network, turn.tx
        url = self._names.picture_of(network, user_id)
        ghost = self._ghost(turn, user_id)
        if not url or (ghost.mxid, url) in self._pictured:
            return
        self._pictured.add((ghost.mxid, url))
        file = File(FileKind.PHOTO, url)
        digest = chats.digest_of(tx, file.identity)
        shown = await chats.ghost_picture(tx, ghost.mxid)
        if shown == chats.digest_of(tx, url.partition("?")[0]):  # noted before hosts were left out
            await chats.set_ghost_picture(tx, ghost.mxid, digest)
            return
        if shown == digest:
            return
        row = {
            "relay": "picture",
            "as": asdict(ghost),
            "origin": [turn.login.id, "", ""],
            "network": network,
            "file": to_matrix.stored(file),
            "digest": digest,
        }
        lane, name = f"ghost/{ghost.mxid}", f"picture.{ghost.mxid}.{schools.new_id()}"
        await queues.put(tx, queues.OUTBOX, lane, name, row)

    async def _look(self, turn: Turn, chat: Chat) -> Look:
        members, owners = await turn.members_of(chat.room_id), await turn.owners()

        def mxid_of(user_id: str) -> str:
            # A person who logged in is mentioned as themselves, where they are a member.
            for mxid in (owners.get(user_id, ""), self._ghosts.mxid(user_id)):
                if members.get(mxid) == "join":
                    return mxid
            return ""

        def name_of(user_id: str) -> str:
            return self._names.of(turn.login.network, user_id)

        return Look(self._manner.say, name_of, mxid_of, self._manner.zone)

    async def _senders(self, turn: Turn, chat: Chat, user_id: str) -> tuple[Sender, Sender | None]:
        """Return who says here what a user said there, and who says it where that is refused.

        A person who logged in is heard as themselves where they are a member; else as a ghost, so
        that what they wrote is not lost.
        """
        if not user_id:
            return Sender(), None
        ghost = self._ghost(turn, user_id)
        owner = (await turn.owners()).get(user_id, "")
        if await turn.is_in(chat.room_id, owner):
            return Sender(owner, puppet=True), ghost
        return ghost, None

    def _ghost(self, turn: Turn, user_id: str) -> Sender:
        name = self._names.of(turn.login.network, user_id)
        return Sender(self._ghosts.mxid(user_id), self._manner.ghost_name.format(name=name))

    def _addressed(
        self,
        turn: Turn,
        chat: Chat,
        message_id: str,
        senders: tuple[Sender, Sender | None] = (Sender(), None),
    ) -> dict[str, Any]:
        sender, otherwise = senders
        return {
            "room": chat.room_id,
            "base": _base(turn.login, chat, message_id),
            "origin": [turn.login.id, chat.chat_id, message_id],
            "network": turn.login.network,
            "as": asdict(sender),
            "otherwise": asdict(otherwise) if otherwise else None,
        }

    async def _row(
        self,
        turn: Turn,
        chat: Chat,
        message_id: str,
        row: Mapping[str, Any],
        senders: tuple[Sender, Sender | None] = (Sender(), None),
    ) -> None:
        name = f"{_base(turn.login, chat, message_id)}.{row['relay']}.{schools.new_id()}"
        content = {**self._addressed(turn, chat, message_id, senders), **row}
        await queues.put(turn.tx, queues.OUTBOX, chat.room_id, name, content)


def _base(login: Login, chat: Chat, message_id: str) -> str:
    return f"{login.network}.{login.account_id}.{chat.chat_id}.{message_id}"


def _stored(tx: Tx, one: Shown) -> dict[str, Any]:
    stored: dict[str, Any] = {"kind": one.kind, "digest": chats.digest_of(tx, one.said)}
    if one.file is None:
        return {**stored, "content": dict(one.content)}
    former = chats.digest_of(tx, one.file.former_identity)
    return {**stored, "former": former, "file": to_matrix.stored(one.file)}
