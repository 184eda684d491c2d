"""«чаты»: the chats that somebody's logins see, and what they may become here.

Each gets a number, by which «связать», «отвязать» and «от имени» mean it. The list is kept, sealed,
as the person's open question until they are asked another one. Names of members are looked at to
suggest a class and go no further.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sferum_bridge.bot import linked_rooms, messenger, sferum_login
from sferum_bridge.bot.reach import reach_of
from sferum_bridge.bot.texts import bullets, fitting, paragraphs
from sferum_bridge.store import accounts, dialogues

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sferum_bridge.bot.commands import Command
    from sferum_bridge.bot.linked_rooms import Finder
    from sferum_bridge.bot.messenger import Seen, SeenChat
    from sferum_bridge.bot.talk import Talk
    from sferum_bridge.bot.texts import Text
    from sferum_bridge.store.chats import Chat

TOPIC = "sferum-chats"

LIST = "list"
"""The step at which nothing is asked: the list waits for a number."""


async def show(talk: Talk, _command: Command) -> None:
    """Have the chats of this person's logins looked up."""
    if not await sferum_login.may(talk):
        return
    if not await linked_rooms.own_logins(talk):
        await talk.reply("sferum-none")
        return
    await talk.reply("sferum-asking")
    mxids = sorted({talk.mxid, *await accounts.mxids_of(talk.tx, talk.person_id)})
    await messenger.ask(talk, messenger.LIST, mxids=mxids)


async def shown(talk: Talk, _content: Mapping[str, Any], answer: object) -> None:
    """List what was found, and keep the list."""
    if not isinstance(answer, list):
        await talk.reply(messenger.text_key(answer))
        return
    found: Sequence[Seen] = answer
    finder = await linked_rooms.Finder.of(talk)
    links = await linked_rooms.links(talk)
    parts: list[Text] = []
    listed: list[dict[str, Any]] = []
    lines: list[Text] = []
    for seen in found:
        if seen.failed is not None:
            name = seen.login.name
            why = talk.text(messenger.text_key(seen.failed)).body
            parts.append(talk.text("chats-failed", name=name, why=why))
        for chat in sorted(seen.chats, key=lambda c: (c.is_personal, c.title.casefold())):
            listed.append(_entry(chat))
            link = links.get((chat.login_id, chat.id))
            lines.append(await _line(talk, finder, len(listed), chat, link))
    if lines:
        shown_lines = fitting(lines)
        parts += [talk.text("chats"), bullets(shown_lines)]
        if len(shown_lines) < len(lines):
            parts.append(talk.text("chats-more", count=len(lines) - len(shown_lines)))
        can_link = bool(await reach_of(talk))
        parts.append(talk.text("chats-how" if can_link else "chats-right"))
        if any(entry.get("personal") for entry in listed):
            parts.append(talk.text("chats-personal-how"))
        await keep(talk, listed)
    elif not parts:
        parts.append(talk.text("chats-none"))
    await talk.answer(paragraphs(parts))


def _entry(chat: SeenChat) -> dict[str, Any]:
    entry = {"login": chat.login_id, "chat": chat.id, "title": chat.title}
    return {**entry, "personal": True} if chat.is_personal else entry


async def _line(talk: Talk, finder: Finder, number: int, chat: SeenChat, link: Chat | None) -> Text:
    values: dict[str, Any] = {"number": str(number), "title": chat.title}
    if chat.is_personal:
        return talk.text("chats-personal-linked" if link else "chats-personal", **values)
    values["count"] = chat.count
    if link is not None:
        room = await linked_rooms.of_room(talk, link.room_id)
        key = "chats-linked-relay" if link.relay else "chats-linked"
        return talk.text(key, **values, room=room.name(talk) if room else link.room_id)
    fit = await finder.within_reach(chat.title, chat.names)
    if len(fit) == 1:
        return talk.text("chats-suggested", **values, room=fit[0].name(talk))
    return talk.text("chats-line", **values)


async def keep(talk: Talk, listed: Sequence[Mapping[str, Any]]) -> None:
    """Keep a list for the numbers to come."""
    state = {"topic": TOPIC, "step": LIST, "list": list(listed)}
    await dialogues.open_dialogue(talk.tx, talk.mxid, state)


async def kept(talk: Talk) -> Sequence[Mapping[str, Any]]:
    """Return the list this person was shown last, empty when something else was asked since."""
    asked = await dialogues.dialogue(talk.tx, talk.mxid)
    if asked is None or asked[0].get("topic") != TOPIC:
        return ()
    found: Sequence[Mapping[str, Any]] = asked[0].get("list", ())
    return found
