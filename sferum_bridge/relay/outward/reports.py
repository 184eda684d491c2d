"""What senders learn of their messages: in words, in their direct chats, and by status events.

A status event (`com.beeper.message_send_status`) stands in the room, for clients that show beside a
message whether it arrived; it names nobody. Words go to the sender alone.
"""

from __future__ import annotations

from enum import StrEnum, unique
from html import escape
from typing import TYPE_CHECKING, Any

from sferum_bridge.matrix import outbox
from sferum_bridge.network.base import LoginExpired, NeedsPerson, Refused
from sferum_bridge.relay.outward.errors import NotTaken, TooLate
from sferum_bridge.relay.outward.to_network import PINNED, REDACTION, clean
from sferum_bridge.store import accounts, queues

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from sferum_bridge.network.base import NetworkError
    from sferum_bridge.store.chats import Login
    from sferum_bridge.store.database import Tx
    from sferum_bridge.store.queues import Item

STATUS = "com.beeper.message_send_status"
_MOST_QUOTED = 60
_LATE = 30_000
"""Milliseconds after which somebody wants to know that a message did arrive."""


@unique
class Shown(StrEnum):
    """Which status events there are."""

    NONE = "none"
    TROUBLE = "trouble"
    """Of messages that wait, fail, or arrive late."""
    ALL = "all"


@unique
class Status(StrEnum):
    """How a message stands, in the words of the status event."""

    ARRIVED = "SUCCESS"
    WAITS = "PENDING"
    FAILED = "FAIL_RETRIABLE"
    REFUSED = "FAIL_PERMANENT"


class Reports:
    """Tells senders.

    `notice` gives the content of a message by text key, language and values; `values` are those
    any text may speak of.
    """

    def __init__(
        self,
        notice: Callable[..., Mapping[str, Any]],
        shown: Shown,
        values: Mapping[str, str | int],
    ) -> None:
        self._notice = notice
        self._shown = shown
        self._values = values

    async def tell(
        self,
        tx: Tx,
        item: Item,
        key: str,
        once: str = "",
        *,
        quoted: str = "",
        again: bool = False,
        **values: Any,
    ) -> None:
        """Tell the sender something in their direct chat, once for each `once`.

        Without it, it is about this very event; `quoted` is what of it they will know it by, and
        `again` tells how to have it sent again.
        """
        mxid = item.content["sender"]
        person = await accounts.person_of(tx, mxid)
        language = await accounts.language_of(tx, person.id) if person else ""
        content = self._notice(key, language, **self._values, **values)
        if again:
            content = _under(content, self._notice("sending-again", language, **self._values))
        content = _quoting(quoted, content)
        txn_id = f"relay.{once or f'{key}.{item.name}'}.{mxid}".replace("/", "_")
        await outbox.say(tx, txn_id, content, to=mxid)

    async def arrived(self, tx: Tx, item: Item, login: Login) -> None:
        """Say that a message arrived, where anybody was told or may have wondered."""
        late = tx.now - item.since > _LATE
        if self._shown is Shown.ALL or late:
            await self._status(tx, item, login, Status.ARRIVED)

    async def waits(self, tx: Tx, item: Item, login: Login) -> None:
        """Say that a message waits for the network."""
        await self._status(tx, item, login, Status.WAITS, "m.foreign_network_error")

    async def slowed(self, tx: Tx, item: Item, login: Login) -> None:
        """Say that something waits for long, because the network asks for it; and how to end that.

        Every kind of event, for what waits keeps its room waiting; some nobody can take back.
        """
        lasts = item.content["type"] in {REDACTION, PINNED}
        key = "sending-slowed-change" if lasts else "sending-slowed"
        await self.tell(tx, item, key, quoted=str(item.content["content"].get("body") or ""))
        await self._status(tx, item, login, Status.WAITS, "m.foreign_network_error", key)

    async def failed(self, tx: Tx, item: Item, login: Login, error: NetworkError) -> None:
        """Say that a message did not arrive, and why."""
        final = isinstance(error, Refused) and not isinstance(error, NotTaken)
        status = Status.REFUSED if final else Status.FAILED
        reason = "m.foreign_network_error"
        if isinstance(error, TooLate):
            reason = "m.event_too_old"
        elif isinstance(error, LoginExpired | NeedsPerson):
            reason = "m.bridge_unavailable"
        await self._status(tx, item, login, status, reason, error.text_key)

    async def unsupported(self, tx: Tx, item: Item, login: Login) -> None:
        """Say that something is of a kind that does not go over."""
        await self._status(tx, item, login, Status.REFUSED, "com.beeper.unsupported_event")

    async def _status(
        self, tx: Tx, item: Item, login: Login, status: Status, reason: str = "", key: str = ""
    ) -> None:
        if self._shown is Shown.NONE:
            return
        event = item.content
        content: dict[str, Any] = {
            "m.relates_to": {"rel_type": "m.reference", "event_id": event["event_id"]},
            "network": login.network,
            "status": status.value,
        }
        if reason:
            content["reason"] = reason
        if key:
            content["message"] = self._notice(key, "", **self._values)["body"]
        row = {
            "room": event["room_id"],
            "type": STATUS,
            "content": content,
        }
        kind = f"{status.value}.{key}" if status is Status.WAITS and key else status.value
        txn_id = f"relay.status.{kind}.{item.name}"
        await queues.put(tx, queues.OUTBOX, event["room_id"], txn_id, row)


def _under(content: Mapping[str, Any], more: Mapping[str, Any]) -> Mapping[str, Any]:
    """Put one notice under another."""
    both = {**content, "body": f"{content['body']}\n{more['body']}"}
    if "formatted_body" in content and "formatted_body" in more:
        both["formatted_body"] = f"{content['formatted_body']}<br>{more['formatted_body']}"
    return both


def _quoting(said: str, content: Mapping[str, Any]) -> Mapping[str, Any]:
    """Put the words somebody will know a message by above what is told of it."""
    line = " ".join(clean(said).split())
    if not line:
        return content
    line = line if len(line) <= _MOST_QUOTED else line[: _MOST_QUOTED - 1] + "…"
    quoting = {**content, "body": f"«{line}»\n{content['body']}"}
    if "formatted_body" in content:
        html = content["formatted_body"]
        quoting["formatted_body"] = f"<blockquote>{escape(line)}</blockquote>{html}"
    return quoting
