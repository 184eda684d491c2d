"""«сферум»: how each login to Sferum is; and the news that one needs its owner.

A login that is lost is told once, to its owner and, where rooms hang on it, to the administrators
of their schools: with the one step that mends it. Nothing tries it again until that step is made.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sferum_bridge.bot import linked_rooms, register, sferum_login
from sferum_bridge.bot.texts import bullets, fitting, paragraphs
from sferum_bridge.store import accounts, chats, logins, voices

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from sferum_bridge.bot.commands import Command
    from sferum_bridge.bot.linked_rooms import Room
    from sferum_bridge.bot.talk import Talk
    from sferum_bridge.bot.texts import Text
    from sferum_bridge.store.chats import Chat, Login


async def show(talk: Talk, _command: Command) -> None:
    """Say how the own logins are, and which rooms are linked through whom."""
    if not await sferum_login.may(talk):
        return
    own = await linked_rooms.own_logins(talk)
    parts: list[Text] = []
    if own:
        parts += [talk.text("sferum-own"), bullets([await _login(talk, one) for one in own])]
    linked = await linked_rooms.linked(talk)
    if linked:
        by_id = {login.id: login for login in await chats.all_logins(talk.tx)}
        lines = [await _linked(talk, by_id.get(chat.login_id), chat, room) for chat, room in linked]
        parts += [talk.text("sferum-linked"), bullets(fitting(lines))]
    heard = await _heard(talk, own)
    if heard:
        parts += [talk.text("sferum-heard"), bullets(fitting(heard))]
    how = "sferum-how" if own else "sferum-how-new"
    await talk.answer(paragraphs([*parts, talk.text(how)]))


async def _heard(talk: Talk, own: Sequence[Login]) -> Sequence[Text]:
    """Return the rooms that others linked, where this person is heard through their own login."""
    working = {login.id for login in own if not login.expired}
    room_ids = {v.room_id for v in await voices.found(talk.tx) if v.login_id in working}
    rooms = [await linked_rooms.of_room(talk, room_id) for room_id in sorted(room_ids)]
    return [talk.text("chat-room", room=room.name(talk)) for room in rooms if room is not None]


async def _login(talk: Talk, login: Login) -> Text:
    if login.expired:
        return talk.text("sferum-login-expired", name=login.name)
    standing = await logins.standing(talk.tx, login.id)
    if not standing.heard:
        return talk.text("sferum-login-new", name=login.name)
    since, heard = await _moment(talk, standing.since), await _moment(talk, standing.heard)
    key = "sferum-login-works" if standing.since else "sferum-login-works-undated"
    dates: dict[str, Any] = {"since": since} if standing.since else {}
    return talk.text(key, name=login.name, heard=heard, **dates)


async def _moment(talk: Talk, at: int) -> datetime:
    [record, *_] = await register.schools_of(talk.tx, talk.person_id)
    return register.moment(record, at)


async def _linked(talk: Talk, login: Login | None, chat: Chat, room: Room) -> Text:
    owner = await accounts.person_of(talk.tx, login.mxid) if login and login.mxid else None
    # Who uses a login of the console is the school itself.
    who = owner.full_name if owner else talk.text("sferum-no-owner").body
    state = "expired" if login is None or login.expired else "relay" if chat.relay else "works"
    return talk.text(f"sferum-linked-{state}", room=room.name(talk), who=who)


# --- news -----------------------------------------------------------------------------------


async def lost(talk: Talk, content: Mapping[str, Any]) -> None:
    """Tell the owner of a lost login, and the administrators of the rooms that hang on it."""
    login_id = str(content["login"])
    login = next((one for one in await chats.all_logins(talk.tx) if one.id == login_id), None)
    if login is None or not login.expired:
        return  # logged in again meanwhile
    owner = await accounts.person_of(talk.tx, login.mxid) if login.mxid else None
    if login.mxid:
        language = await talk.language_of(owner.id) if owner else talk.settings.default_language
        key = "sferum-lost-confirm" if content.get("confirm") else "sferum-lost"
        await talk.tell(login.mxid, talk.texts.text(language, key))
    hanging = [
        room
        for chat in await logins.chats_of(talk.tx, login_id)
        if (room := await linked_rooms.of_room(talk, chat.room_id)) is not None
    ]
    for school_id in sorted({room.school.id for room in hanging}):
        await _tell_school(talk, [r for r in hanging if r.school.id == school_id], login, owner)


async def _tell_school(talk: Talk, hanging: Sequence[Room], login: Login, owner: Any) -> None:
    record = hanging[0].record
    names = ", ".join(f"«{room.name(talk, record.language)}»" for room in hanging)
    heads = await register.administrators(talk.tx, record)
    told = [id_ for id_ in heads if owner is None or id_ != owner.id]
    if owner is not None:
        await talk.inform(told, "sferum-lost-school", who=owner.full_name, rooms=names)
    else:
        await talk.inform(told, "sferum-lost-console", name=login.name, rooms=names)
