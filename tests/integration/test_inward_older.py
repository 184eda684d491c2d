"""An outbox that an earlier version left: what it holds is shown as what it is, once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from sferum_bridge.relay.inward.way import Inward
from sferum_bridge.store import chats, queues
from sferum_bridge.store.queues import Item
from tests.support.inward import GHOST, linked_room, working
from tests.support.messenger import CHAT, NETWORK

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.synapse import Homeserver

ASYA = "101"
SENT_AT = 1_790_000_100_000


def row(login_id: str, room_id: str, message_id: str, body: str) -> dict[str, Any]:
    """Return a row as version 0.1 queued a message of Sferum."""
    return {
        "room": room_id,
        "type": "m.room.message",
        "content": {"msgtype": "m.text", "body": body, "m.mentions": {}},
        "as": {"mxid": GHOST.format(ASYA), "name": "Ася (Сферум)", "puppet": False},
        "otherwise": {"mxid": GHOST.format(ASYA), "name": "Ася (Сферум)", "puppet": False},
        "origin": {"login_id": login_id, "chat_id": CHAT, "message_id": message_id, "part": 0},
        "ts": SENT_AT,
    }


@pytest.mark.asyncio(loop_scope="session")
async def test_rows_of_an_earlier_version_are_carried_out(
    plain_homeserver: Homeserver, tmp_path: Path
) -> None:
    url = f"sqlite:///{tmp_path / 'bridge.db'}"
    async with linked_room(plain_homeserver, url, people={ASYA: "Ася"}) as linked:
        message = linked.messenger.written(ASYA, "из прежней версии")
        old = row(linked.login_id, linked.room_id, message.message_id, message.content.text)
        name = f"{NETWORK}.owner.{CHAT}.{message.message_id}.0"
        async with linked.database.write() as tx:
            await queues.put(tx, queues.OUTBOX, linked.room_id, name, old)
        async with working(linked):
            await linked.until_shown("из прежней версии")
            [event] = await linked.last()
            assert event["sender"] == GHOST.format(ASYA)
            assert event["origin_server_ts"] == SENT_AT
            await linked.messenger.happen(message)
            await linked.messenger.edit(message, "исправлено потом")
            await linked.until_shown("исправлено потом")
        async with linked.database.read() as tx:
            known = await chats.parts_of(tx, linked.login_id, CHAT, message.message_id)
    assert [(one.part, one.event_id, one.kind) for one in known] == [(0, event["event_id"], "text")]


def test_what_is_the_bots_stays_the_bots() -> None:
    mine = row("l", "!r", "1", "x")
    assert Inward.is_ours(Item(1, "!r", "n", mine, 0))
    assert Inward.is_ours(Item(1, "!r", "n", {"relay": "show"}, 0))
    for other in ({"to": "@a:b", "content": {}}, {"mxid": "@a:b", "name": "А"}, "x", None):
        assert not Inward.is_ours(Item(1, "!r", "n", other, 0))
