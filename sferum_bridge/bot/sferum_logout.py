"""Logging out of Sferum: what hangs on the login is shown, and goes on with somebody else or ends.

    «выйти» ─► who else sees the linked chats (`messenger`) ─► a question ─► ✅
                                                                             │ one transaction
       each room: handed over, or unlinked · told · secret, owner and name erased ◄─┘

A chat is handed over to the login of a class teacher or administrator who is in the room: whoever
carries a school's chat has to be one who may link it. They are told, and may unlink it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sferum_bridge.bot import commands, linked_rooms, messenger, sferum_login
from sferum_bridge.bot.commands import Name
from sferum_bridge.bot.talk import digest
from sferum_bridge.bot.texts import bullets, paragraphs
from sferum_bridge.matrix.outbox import Offer
from sferum_bridge.store import accounts, chats, dialogues, logins

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sferum_bridge.bot.commands import Command
    from sferum_bridge.bot.linked_rooms import Room
    from sferum_bridge.bot.talk import Talk
    from sferum_bridge.bot.texts import Text
    from sferum_bridge.school.people import Person
    from sferum_bridge.store.chats import Chat, Login

TOPIC = "sferum-logout"

_DO = "do"


async def leave(talk: Talk, command: Command) -> None:
    """Ask whether to forget a login, or take the answer to that."""
    if command.offered and command.argument.startswith(f"{_DO} "):
        asked = await dialogues.dialogue(talk.tx, talk.mxid)
        state: Mapping[str, Any] = asked[0] if asked else {}
        draft = command.argument.removeprefix(f"{_DO} ")
        if (state.get("topic"), state.get("draft")) == (TOPIC, draft):
            await _forget(talk, state)
        else:
            await talk.reply("sferum-gone")
        return
    own = await linked_rooms.own_logins(talk)
    wanted = command.argument.strip()
    if wanted.isdecimal():
        own = own[int(wanted) - 1 : int(wanted)] if int(wanted) else ()
    if not own:
        await talk.reply("sferum-none")
    elif len(own) > 1:
        await _which(talk, own)
    elif not own[0].expired and await logins.chats_of(talk.tx, own[0].id):
        await talk.reply("sferum-asking")
        await messenger.ask(talk, messenger.HEIRS, login=own[0].id)
    else:
        await _begin(talk, own[0], {})


async def _which(talk: Talk, own: Sequence[Login]) -> None:
    lines = [
        talk.text("sferum-which-line", number=str(number), name=login.name)
        for number, login in enumerate(own, start=1)
    ]
    example = f"{commands.word(Name.SFERUM_LOGOUT, talk.language)} 1"
    await talk.answer(paragraphs([talk.text("sferum-which", example=example), bullets(lines)]))


async def found(talk: Talk, content: Mapping[str, Any], answer: object) -> None:
    """Take who else sees the chats of a login, and ask; where that is not known, nobody does."""
    own = {login.id: login for login in await linked_rooms.own_logins(talk)}
    login = own.get(str(content["login"]))
    if login is None:
        await talk.reply("sferum-gone")
    else:
        await _begin(talk, login, answer if isinstance(answer, dict) else {})


async def _begin(talk: Talk, login: Login, heirs: Mapping[str, tuple[str, str]]) -> None:
    state = {
        "topic": TOPIC,
        "draft": digest(talk.event_id),
        "login": login.id,
        "name": login.name,
        "heirs": {room_id: list(heir) for room_id, heir in heirs.items()},
    }
    await dialogues.open_dialogue(talk.tx, talk.mxid, state)
    await _ask(talk, state)


async def _ask(talk: Talk, state: Mapping[str, Any]) -> None:
    going: list[Text] = []
    staying: list[Text] = []
    for chat in await logins.chats_of(talk.tx, state["login"]):
        room = await linked_rooms.of_room(talk, chat.room_id)
        if room is not None:
            heir = await _heir(talk, room, state)
            if heir is None:
                going.append(talk.text("chat-room", room=room.name(talk)))
            else:
                who = heir.full_name
                staying.append(talk.text("sferum-leave-heir", room=room.name(talk), who=who))
    parts = [talk.text("sferum-leave", name=state["name"])]
    if staying:
        parts += [talk.text("sferum-leave-stay"), bullets(staying)]
    if going:
        parts += [talk.text("sferum-leave-chats"), bullets(going)]
    parts.append(talk.text("sferum-leave-how"))
    word = commands.word(Name.SFERUM_LOGOUT, talk.language)
    no = commands.word(Name.CANCEL, talk.language)
    offers = (Offer("✅", f"{word} {_DO} {state['draft']}"), Offer("❌", no))
    await talk.answer(paragraphs(parts), offers)


async def _heir(talk: Talk, room: Room, state: Mapping[str, Any]) -> Person | None:
    """Return whose login carries the chat of a room on, if that still can be."""
    login_id, chat_id = state["heirs"].get(room.room_id, ("", ""))
    taken = {(chat.login_id, chat.chat_id) for chat in await chats.all_chats(talk.tx)}
    for login in await chats.all_logins(talk.tx):
        if login.id == login_id and not login.expired and (login_id, chat_id) not in taken:
            person = await accounts.person_of(talk.tx, login.mxid)
            if person is not None and person.id in linked_rooms.keepers(talk, room):
                return person
    return None


async def _forget(talk: Talk, state: Mapping[str, Any]) -> None:
    """Forget a login: its secret at once and for good, its chats handed over or unlinked."""
    login_id = str(state["login"])
    linked = await logins.chats_of(talk.tx, login_id)
    rooms = [chat.room_id for chat in linked]
    if state["heirs"] and not await logins.are_at_rest(talk.tx, rooms):
        await talk.reply("sferum-leave-later")
        return
    await dialogues.close_dialogue(talk.tx, talk.mxid)
    if login_id not in {login.id for login in await linked_rooms.own_logins(talk)}:
        await talk.reply("sferum-gone")
        return
    for chat in linked:
        await _part(talk, chat, state)
    await logins.forget(talk.tx, login_id)
    await messenger.ask(talk, messenger.CLOSE, login=login_id)
    await sferum_login.record(talk, "sferum.logout")
    await talk.reply("sferum-left")


async def _part(talk: Talk, chat: Chat, state: Mapping[str, Any]) -> None:
    room = await linked_rooms.of_room(talk, chat.room_id)
    heir = await _heir(talk, room, state) if room else None
    if room is None:
        await logins.unlink(talk.tx, chat.room_id)
    elif heir is None:
        await linked_rooms.unlink(talk, chat, room)
    else:
        await logins.hand_over(talk.tx, chat.room_id, *state["heirs"][chat.room_id])
        linked_rooms.record(talk, "chat.hand-over", room)
        values: dict[str, Any] = {"room": room.name(talk, room.record.language)}
        values["who"] = talk.person.full_name if talk.person else ""
        await talk.inform([heir.id], "chat-news-inherited", **values)
        if chat.relay:
            await linked_rooms.say(talk, room, "chat-room-relay-off")


async def go_on(talk: Talk, state: Mapping[str, Any], command: Command) -> None:
    """Take a typed answer to the question that is open."""
    if command.name is Name.CANCEL:
        await dialogues.close_dialogue(talk.tx, talk.mxid)
        await talk.reply("sferum-cancelled")
    elif command.name is Name.CONFIRM and not command.argument:
        await _forget(talk, state)
    else:
        await _ask(talk, state)
