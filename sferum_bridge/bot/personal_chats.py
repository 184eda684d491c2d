"""Personal chats of Sferum as rooms of one's own: asked for and ended by whoever's login it is.

    «связать 7» ─► a row of the outbox ─► the room (`relay.inward.personal`)
                     └─► there can be none: news, and they are told why
    «отвязать 7» ─► unlinked: it does not come back by itself

Nobody else is concerned, so nobody is asked or told: the school has no say in them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sferum_bridge.bot import linked_rooms, messenger
from sferum_bridge.bot.texts import paragraphs
from sferum_bridge.store import accounts, chats, personal, queues

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from sferum_bridge.bot.talk import Talk


def is_one(talk: Talk, entry: Mapping[str, Any]) -> bool:
    """Tell whether a chat of a list is a personal one that may be linked here."""
    return talk.settings.personal_chats and bool(entry.get("personal"))


async def link(talk: Talk, entry: Mapping[str, Any]) -> None:
    """Have a personal chat be a room of this person's."""
    login_id, chat_id = str(entry["login"]), str(entry["chat"])
    if login_id not in {login.id for login in await linked_rooms.own_logins(talk)}:
        await talk.reply("sferum-gone")
    elif (login_id, chat_id) in await linked_rooms.links(talk):
        await talk.reply("personal-taken", title=entry["title"])
    else:
        row = {"relay": personal.OPEN, "origin": [login_id, chat_id, ""], "title": entry["title"]}
        lane, name = f"{personal.KIND}/{login_id}", f"{personal.OPEN}.{talk.event_id}"
        await queues.put(talk.tx, queues.OUTBOX, lane, name, row)
        await talk.reply("personal-opening", title=entry["title"])


async def unlink(talk: Talk, entry: Mapping[str, Any]) -> None:
    """End the link of a personal chat; what was said stays in its room."""
    for login in await linked_rooms.own_logins(talk):
        chat = (login.mxid, login.id, str(entry["chat"]))
        if login.id == entry["login"] and await personal.end(talk.tx, *chat):
            await talk.reply("personal-ended", title=entry["title"])
            return
    await talk.reply("personal-none", title=entry["title"])


async def not_opened(talk: Talk, content: Mapping[str, Any]) -> None:
    """Tell the owner of a login that the room they asked for cannot be made, and why."""
    login = next(
        (one for one in await chats.all_logins(talk.tx) if one.id == content["login"]), None
    )
    if login is None or not login.mxid:
        return  # logged out meanwhile
    owner = await accounts.person_of(talk.tx, login.mxid)
    language = await talk.language_of(owner.id) if owner else talk.settings.default_language
    why = messenger.text_key(content["why"]) if content["why"] else "personal-failed-here"
    said = talk.texts.text(language, "personal-failed", title=content["title"])
    await talk.tell(login.mxid, paragraphs([said, talk.texts.text(language, why)]))
