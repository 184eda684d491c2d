"""Sending again what did not arrive, because its writer answers it with `!повторить`.

A failed message is not kept here: its words are read from the room again, as its writer's last edit
left them. It is sent under another random id, and only where the chat's history shows that it did
not arrive after all; what is found there is merely noted.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from mautrix.errors import MatrixRequestError

from sferum_bridge.matrix.client import path
from sferum_bridge.relay.outward import to_network
from sferum_bridge.relay.outward.posting import became, digest_of, message_id_of
from sferum_bridge.relay.outward.to_network import NotCarried
from sferum_bridge.store import chats, queues, sending

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from sferum_bridge.matrix.client import Homeserver
    from sferum_bridge.network.base import Abilities
    from sferum_bridge.relay.outward.courier import Courier
    from sferum_bridge.relay.outward.errand import Errand
    from sferum_bridge.relay.outward.html import Styled
    from sferum_bridge.relay.outward.posting import Posting
    from sferum_bridge.relay.outward.reports import Reports
    from sferum_bridge.relay.outward.to_network import Message
    from sferum_bridge.store.database import Database


class Retrying:
    """Sends messages again. `prefix` begins a command in a room; `is_private`: see `outgoing`."""

    WORDS = ("повторить", "retry")

    def __init__(
        self,
        db: Database,
        homeserver: Homeserver,
        courier: Courier,
        posting: Posting,
        reports: Reports,
        *,
        prefix: str,
        is_private: Callable[[Mapping[str, Any]], bool],
    ) -> None:
        self._db = db
        self._homeserver = homeserver
        self._courier = courier
        self._posting = posting
        self._reports = reports
        self._is_private = is_private
        self._commands = frozenset(prefix + word for word in self.WORDS)

    def asked(self, content: Mapping[str, Any]) -> str | None:
        """Return which event one asks to have sent again, empty for none, `None` if it asks not."""
        said = to_network.from_matrix("m.room.message", content, lambda _: "")
        if isinstance(said, NotCarried) or said.file is not None or said.edits:
            return None
        is_command = said.said.text.casefold().rstrip(" .!") in self._commands
        return said.reply_to if is_command else None

    async def retry(self, errand: Errand, target: str) -> None:
        """Send a message again, as its writer asks. Raises `NetworkError`."""
        event = await event_of(self._homeserver, errand.chat.room_id, target) if target else {}
        content = event.get("content")
        content = content if isinstance(content, dict) else {}
        latest = _latest(event, content)
        is_private = self._is_private(content) or self._is_private(latest)
        if event.get("sender") != errand.sender or is_private:
            await self._answer(errand, "sending-retry-what")
            return
        errand = replace(errand, repeats=target)
        message = to_network.from_matrix(str(event.get("type")), latest, errand.mentioned)
        if isinstance(message, NotCarried) or message.edits:
            await self._answer(errand, "sending-retry-what")
            return
        await self._retry(errand, target, message)

    async def _retry(self, errand: Errand, event_id: str, message: Message) -> None:
        able = await self._posting.abilities(errand)
        async with self._db.read() as tx:
            texts = await self._posting.texts(tx, errand, message.said, able)
            known = await chats.by_event(tx, event_id)
        if any(not one.from_matrix for one in known):
            # It was written there, and shown here in the writer's name.
            await self._answer(errand, "sending-retry-there")
            return
        mapped = {one.part for one in known}
        await self._look(errand, event_id, texts, able, errand.item.since)
        async with self._db.write() as tx:
            seed = errand.item.name
            parts = await self._posting.note(tx, errand, event_id, texts, able, seed=seed)
            reply_to = await message_id_of(tx, errand, message.reply_to)
        if not parts:
            new = {one.part for one in await self._mapped(event_id)} - mapped
            await self._answer(errand, "sending-retry-found" if new else "sending-retry-there")
            return
        left = await self._posting.post(errand, event_id, parts, message, reply_to)
        await self._posting.settle(errand, left)

    async def _mapped(self, event_id: str) -> Sequence[chats.Mapped]:
        async with self._db.read() as tx:
            return await chats.by_event(tx, event_id)

    async def go_on(self, errand: Errand, message: Message, able: Abilities) -> None:
        """See that what was begun through another login, and cannot end there, is said once.

        Raises `NetworkError`.
        """
        async with self._db.read() as tx:
            texts = await self._posting.texts(tx, errand, message.said, able)
        await self._look(errand, errand.item.name, texts, able, self._db.clock() + 1)

    async def _look(
        self,
        errand: Errand,
        event_id: str,
        texts: Sequence[Styled],
        able: Abilities,
        before: int,
    ) -> None:
        """Find out of each part tried before a time whether it arrived; free the others.

        Those get a new id. What this very request noted before a kill is left as it is.
        """
        async with self._db.read() as tx:
            tried = await sending.tried(tx, event_id)
            mapped = {one.part for one in await chats.by_event(tx, event_id)}
            digests = [digest_of(tx, said, able) for said in texts]
        for one in tried:
            if one.part in mapped or one.since >= before or one.part >= len(texts):
                continue
            wanted = replace(one, digest=one.digest or digests[one.part])
            found = await self._courier.find(errand, wanted)
            async with self._db.write() as tx:
                if found is not None:
                    where = (errand, event_id, one.part, found.message_id, wanted.digest)
                    await chats.map_message(tx, errand.chat.login_id, became(*where, one.login_id))
                elif one.part not in {m.part for m in await chats.by_event(tx, event_id)}:
                    await sending.renew(tx, event_id, one.part)

    async def _answer(self, errand: Errand, key: str) -> None:
        async with self._db.write() as tx:
            await self._reports.tell(tx, errand.item, key)
            await queues.done(tx, queues.INBOX, errand.item.id)


def _latest(event: Mapping[str, Any], content: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return what an event says as its writer's last edit left it, as the answer it is.

    The homeserver sends that edit along (`unsigned`).
    """
    edit: Any = event.get("unsigned")
    for key in ("m.relations", "m.replace"):
        edit = edit.get(key) if isinstance(edit, dict) else None
    if not isinstance(edit, dict) or edit.get("sender") != event.get("sender"):
        return content
    new = edit.get("content")
    new = new.get("m.new_content") if isinstance(new, dict) else None
    if not isinstance(new, dict):
        return content
    relation = {"m.relates_to": content["m.relates_to"]} if "m.relates_to" in content else {}
    return {**new, **relation}


async def event_of(homeserver: Homeserver, room_id: str, event_id: str) -> Mapping[str, Any]:
    """Return an event of a room the bot is in, empty when there is none."""
    try:
        event = await homeserver.request(
            "GET", path("rooms", room_id, "event", event_id), kind="event"
        )
    except MatrixRequestError:
        return {}
    return event if isinstance(event, dict) else {}
