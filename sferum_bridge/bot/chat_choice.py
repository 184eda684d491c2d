"""Which chat, and which room, somebody means: by its number in «чаты» or by the room's name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sferum_bridge.bot import chat_list, linked_rooms
from sferum_bridge.bot.linked_rooms import Finder
from sferum_bridge.bot.texts import bullets, fitting, paragraphs
from sferum_bridge.store import chats

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

    from sferum_bridge.bot.linked_rooms import Room
    from sferum_bridge.bot.talk import Talk
    from sferum_bridge.store.chats import Chat


def entry(listed: Sequence[Mapping[str, Any]], number: str) -> Mapping[str, Any] | None:
    """Return the chat of a number in a list, `None` when there is none."""
    if not number.isdecimal() or not 1 <= int(number) <= len(listed):
        return None
    return listed[int(number) - 1]


async def room_of(talk: Talk, of: Mapping[str, Any]) -> str | None:
    """Return what the room is called that a listed chat is linked to, through whichever login."""
    link = (await linked_rooms.links(talk)).get((of["login"], of["chat"]))
    if link is None:
        return None
    room = await linked_rooms.of_room(talk, link.room_id)
    return room.name(talk) if room else link.room_id


async def target(talk: Talk, text: str, number: str, names: Sequence[str] = ()) -> Room | None:
    """Return the one room that is meant and may be linked; `None`, and said, for any other."""
    finder = await Finder.of(talk)
    found = await finder.all(text, names)
    allowed = await finder.within_reach(text, names)
    if found and not allowed:
        await talk.reply("link-right", room=found[0].name(talk))
    elif len(allowed) != 1:
        await talk.reply("link-which", number=number)
    elif not allowed[0].room_id:
        await talk.reply("link-no-room-yet", room=allowed[0].name(talk))
    elif await chats.chat_of_room(talk.tx, allowed[0].room_id) is not None:
        room = allowed[0].name(talk)
        await talk.reply("link-room-taken", room=room)
    else:
        return allowed[0]
    return None


async def meant(talk: Talk, text: str, ask: str) -> tuple[Chat, Room] | None:
    """Return the linked chat that is meant: by number, by its room's name, as the only one.

    Said in a linked room it is that room's. `None`, and asked with the text `ask`, for no or more.
    """
    linked = await linked_rooms.linked(talk)
    listed = entry(await chat_list.kept(talk), text.strip())
    if listed is not None:
        wanted = (await linked_rooms.links(talk)).get((listed["login"], listed["chat"]))
        found = [pair for pair in linked if pair[0] == wanted]
    elif text.strip():
        named = {room.key for room in await (await Finder.of(talk)).all(text)}
        found = [pair for pair in linked if pair[1].key in named]
    else:
        found = [pair for pair in linked if pair[0].room_id == talk.asked_in] or list(linked)
    if len(found) == 1:
        return found[0]
    if not linked:
        await talk.reply("chats-none-linked")
    else:
        lines = [talk.text("chat-room", room=room.name(talk)) for _, room in linked]
        await talk.answer(paragraphs([talk.text(ask), bullets(fitting(lines))]))
    return None


def id_of(chat: Chat) -> tuple[str, str]:
    """Return what names a linked chat for good."""
    return chat.login_id, chat.chat_id
