"""State that tells clients that a room is linked to another network, and what works there.

`m.bridge` (MSC2346, with its older name) says which network it is; `com.beeper.room_features` what
may be sent, so that a client hides what would not arrive. Nothing personal stands in it: neither
the chat's number, which is somebody's account in a personal chat, nor its title. The types are the
bot's alone to set (`school.shape`).
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from sferum_bridge.store import chats, queues, schools, state

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sferum_bridge.network.base import Abilities
    from sferum_bridge.store.chats import Chat, Login
    from sferum_bridge.store.database import Tx

BRIDGE_TYPES = ("m.bridge", "uk.half-shot.bridge")
FEATURES_TYPE = "com.beeper.room_features"
_NAMES = {"sferum": "Сферум"}
_NO, _PARTLY, _FULLY = -2, 1, 2
"""Levels of support: is refused, arrives as something simpler, arrives."""
_LOOKS = {
    **dict.fromkeys(("bold", "italic", "underline", "inline_link", "user_link"), _FULLY),
    **dict.fromkeys(
        (
            *("strikethrough", "inline_code", "code_block", "blockquote", "spoiler"),
            *("unordered_list", "ordered_list", "headers"),
        ),
        _PARTLY,
    ),
}
_FILES = (
    *("m.image", "m.video", "m.audio", "m.file", "m.sticker"),
    "org.matrix.msc3245.voice",
)
_DESCRIBED = "described/"


def features(abilities: Abilities, most_bytes: int) -> dict[str, Any]:
    """Return what works in a linked room; `most_bytes` is how large a file the school lets pass."""
    most = min(abilities.file_bytes or most_bytes, most_bytes)
    return {
        "formatting": _LOOKS,
        "file": {
            kind: {"mime_types": {"*/*": _FULLY}, "max_size": most, "caption": _FULLY}
            for kind in _FILES
        },
        "max_text_length": abilities.text_units,
        "location_message": _FULLY,
        "poll": _PARTLY,
        "thread": _NO,
        "reply": _FULLY,
        "edit": _FULLY,
        "edit_max_age": abilities.edit_seconds,
        "delete": _FULLY,
        "delete_max_age": abilities.delete_seconds,
        "reaction": _FULLY,
        "reaction_count": 1,
        "allowed_reactions": sorted(abilities.reactions),
        "custom_emoji_reactions": False,
        "read_receipts": True,
        "typing_notifications": True,
    }


async def describe(
    tx: Tx, login: Login, abilities: Abilities, *, bot: str, most_bytes: int
) -> None:
    """Queue what describes the rooms linked through a login, as far as it is not so already."""
    known = await _described(tx)
    about = {
        "bridgebot": bot,
        "protocol": {
            "id": login.network,
            "displayname": _NAMES.get(login.network, login.network),
        },
    }
    works = features(abilities, most_bytes)
    for chat in await chats.all_chats(tx):
        if chat.login_id != login.id:
            continue
        channel = _channel(tx, chat)
        digest = chats.digest_of(tx, json.dumps([channel, about, works], sort_keys=True))
        if known.get(chat.room_id, {}).get("digest") != digest:
            linked = {**about, "channel": {"id": channel}}
            await _queue(tx, chat.room_id, channel, linked, works)
            noted = {"room": chat.room_id, "channel": channel, "digest": digest}
            await state.put(tx, _DESCRIBED + chat.room_id, json.dumps(noted))


async def withdraw(tx: Tx) -> None:
    """Queue that rooms which were described and are linked no more are described no more."""
    linked = {chat.room_id: _channel(tx, chat) for chat in await chats.all_chats(tx)}
    for room_id, noted in (await _described(tx)).items():
        if linked.get(room_id) != noted["channel"]:
            await _queue(tx, room_id, noted["channel"], {}, {})
            await state.drop(tx, _DESCRIBED + room_id)


def _channel(tx: Tx, chat: Chat) -> str:
    return tx.sealer.digest(f"{chat.login_id}/{chat.chat_id}", "channel").hex()[:16]


async def _described(tx: Tx) -> Mapping[str, Mapping[str, str]]:
    noted = [json.loads(value) for value in await state.under(tx, _DESCRIBED)]
    return {one["room"]: one for one in noted}


async def _queue(
    tx: Tx, room_id: str, channel: str, about: Mapping[str, Any], works: Mapping[str, Any]
) -> None:
    events = [[kind, channel, about] for kind in BRIDGE_TYPES]
    events.append([FEATURES_TYPE, "", works])
    row = {"relay": "describe", "room": room_id, "state": events, "as": {"mxid": ""}}
    name = f"describe.{channel}.{schools.new_id()}"
    await queues.put(tx, queues.OUTBOX, room_id, name, row)
