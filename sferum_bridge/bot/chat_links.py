"""Linking chats of Sferum and closed chats of the school, and what is decided about a link.

    «связать 3 [5А родители]» ─► the chat is looked at (`messenger`) ─► both sides, and how many
    would read along from outside ─► ✅ ─► linked: the room itself and its keepers are told
    «отвязать …», «от имени … да | нет» ─► a question ─► done, told likewise
    a chat with one person ─► `personal_chats`

A person links what their own login sees, to rooms within their reach. To be heard through a login
(«от имени») is the owner's to grant, for it is their account that speaks; whoever may unlink the
room may end it. All rights are asked again when the answer comes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sferum_bridge.bot import (
    chat_choice,
    chat_list,
    commands,
    linked_rooms,
    messenger,
    personal_chats,
    removing,
    sferum_login,
)
from sferum_bridge.bot.commands import Name
from sferum_bridge.bot.messenger import SeenChat
from sferum_bridge.bot.talk import digest
from sferum_bridge.matrix.outbox import Offer
from sferum_bridge.school import classes
from sferum_bridge.store import accounts, chats, dialogues, logins
from sferum_bridge.store import rooms as stored_rooms

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sferum_bridge.bot.commands import Command
    from sferum_bridge.bot.linked_rooms import Room
    from sferum_bridge.bot.talk import Talk
    from sferum_bridge.store.chats import Chat

TOPIC = chat_list.TOPIC

_LINK, _UNLINK, _RELAY = "link", "unlink", "relay"
"""What is asked: whether to link, to unlink, to let others be heard through the own login."""
_NAMES = {_LINK: Name.LINK, _UNLINK: Name.UNLINK_CHAT, _RELAY: Name.RELAY}
_DO = "do"
_ON = frozenset({"да", "вкл", "включить", "on", "yes"})
_OFF = frozenset({"нет", "выкл", "выключить", "off", "no"})


# --- linking --------------------------------------------------------------------------------


async def link(talk: Talk, command: Command) -> None:
    """Have the chat that is meant looked at, or take the answer to the question."""
    if await _is_answer(talk, command, _LINK) or not await sferum_login.may(talk):
        return
    number, _, target = command.argument.partition(" ")
    listed = await chat_list.kept(talk)
    entry = chat_choice.entry(listed, number)
    if entry is None:
        await talk.reply("link-how" if not listed else "chats-no-such")
    elif personal_chats.is_one(talk, entry):
        await personal_chats.link(talk, entry)
    elif (room := await chat_choice.room_of(talk, entry)) is not None:
        await talk.reply("link-chat-taken", title=entry["title"], room=room, number=number)
    elif target and await chat_choice.target(talk, target, number) is None:
        pass  # said why
    else:
        await talk.reply("sferum-asking")
        await messenger.ask(
            talk,
            messenger.LOOK,
            login=entry["login"],
            chat=entry["chat"],
            number=number,
            target=target,
        )


async def looked(talk: Talk, content: Mapping[str, Any], answer: object) -> None:
    """Show both sides of a link to be, and ask."""
    if not isinstance(answer, SeenChat):
        await talk.reply(messenger.text_key(answer))
        return
    number, typed = str(content["number"]), str(content["target"])
    # Words that were typed count alone: they say what is wanted, not what is likely.
    named = (typed, ()) if typed else (answer.title, answer.names)
    room = await chat_choice.target(talk, named[0], number, named[1])
    if room is None:
        return
    people = await stored_rooms.members(talk.tx, room.room_id)
    here = {mxid for mxid, how in people.items() if how == "join"} - _ours(talk, people)
    state = {
        "topic": TOPIC,
        "step": _LINK,
        "draft": digest(talk.event_id),
        "login": answer.login_id,
        "chat": answer.id,
        "title": answer.title,
        "count": answer.count,
        "room": room.key,
        "here": len(here),
        "outside": await _outside(talk, answer, here),
        "list": list(await chat_list.kept(talk)),
    }
    await dialogues.open_dialogue(talk.tx, talk.mxid, state)
    await _ask(talk, state)


def _ours(talk: Talk, people: Mapping[str, str]) -> set[str]:
    return {mxid for mxid in people if talk.settings.is_ours(mxid)}


async def _outside(talk: Talk, chat: SeenChat, here: set[str]) -> int:
    """Return how many of a chat's people are not known to be in the room.

    Known are those who logged in, and those whose name one of the room's people has.
    """
    owners = {login.account_id: login.mxid for login in await chats.all_logins(talk.tx)}
    by_person = await accounts.by_person(talk.tx)
    names = set()
    for person_id, mxids in by_person.items():
        if here.intersection(mxids):
            person = await accounts.person(talk.tx, person_id)
            names.add(classes.key(person.full_name) if person else "")
    return sum(
        owners.get(account) not in here and classes.key(name) not in names
        for account, name in chat.members
    )


async def _link(talk: Talk, state: Mapping[str, Any]) -> None:
    """Link what was shown, if it still can be."""
    await chat_list.keep(talk, state["list"])
    room = await linked_rooms.of_key(talk, state["room"])
    own = {login.id for login in await linked_rooms.own_logins(talk)}
    if room is None or state["login"] not in own:
        await talk.reply("sferum-gone")
    elif not await linked_rooms.may_link(talk, room):
        await talk.reply("link-right", room=room.name(talk))
    elif await chats.chat_of_room(talk.tx, room.room_id) is not None:
        await talk.reply("link-room-taken", room=room.name(talk))
    elif await chat_choice.room_of(talk, state) is not None:
        await talk.reply("sferum-gone")
    else:
        await chats.link(
            talk.tx, chats.Chat(state["login"], state["chat"], room.room_id, relay=False)
        )
        linked_rooms.record(talk, "chat.link", room)
        await talk.reply("link-done", room=room.name(talk), title=state["title"])
        await linked_rooms.tell(talk, room, "chat-news-linked")
        await linked_rooms.say(talk, room, "chat-room-linked", title=state["title"])


# --- unlinking ------------------------------------------------------------------------------


async def unlink(talk: Talk, command: Command) -> None:
    """Ask whether to unlink a chat, or take the answer."""
    if "|" in command.argument:
        # A parent is taken off a profile on paper: the word is the same for both.
        await removing.remove(talk, command)
    elif not await _is_answer(talk, command, _UNLINK):
        entry = chat_choice.entry(await chat_list.kept(talk), command.argument.strip())
        if entry is not None and entry.get("personal"):
            await personal_chats.unlink(talk, entry)
            return
        found = await chat_choice.meant(talk, command.argument, "unlink-which")
        if found is not None:
            await _begin(talk, _UNLINK, *found)


async def _begin(talk: Talk, step: str, chat: Chat, room: Room) -> None:
    state = {
        "topic": TOPIC,
        "step": step,
        "draft": digest(talk.event_id),
        "login": chat.login_id,
        "chat": chat.chat_id,
        "room": room.key,
        "list": list(await chat_list.kept(talk)),
    }
    await dialogues.open_dialogue(talk.tx, talk.mxid, state)
    await _ask(talk, state)


async def _still(talk: Talk, state: Mapping[str, Any]) -> tuple[Chat, Room] | None:
    """Return the linked chat a question was about; `None`, and said, when that is over."""
    for chat, room in await linked_rooms.linked(talk):
        if (*chat_choice.id_of(chat), room.key) == (state["login"], state["chat"], state["room"]):
            return chat, room
    await talk.reply("sferum-gone")
    return None


async def _unlink(talk: Talk, state: Mapping[str, Any]) -> None:
    await chat_list.keep(talk, state["list"])
    found = await _still(talk, state)
    if found is not None:
        await linked_rooms.unlink(talk, *found)
        await talk.reply("unlink-done", room=found[1].name(talk))


# --- heard through somebody's login ---------------------------------------------------------


async def relay(talk: Talk, command: Command) -> None:
    """Let members without a login be heard through the own one, or no more; or take the answer."""
    if await _is_answer(talk, command, _RELAY):
        return
    words = command.argument.split()
    wanted = words.pop().casefold() if words else ""
    if wanted not in _ON | _OFF:
        await talk.reply("relay-how")
        return
    found = await chat_choice.meant(talk, " ".join(words), "relay-which")
    if found is None:
        return
    chat, room = found
    own = {login.id for login in await linked_rooms.own_logins(talk)}
    if (wanted in _ON) is chat.relay:
        await talk.reply("relay-already-on" if chat.relay else "relay-already-off")
    elif wanted in _OFF:
        await _set_relay(talk, room, relay=False)
    elif chat.login_id not in own:
        # Another's account would speak: not even an administrator decides that.
        await talk.reply("relay-not-yours")
    elif not await linked_rooms.may_link(talk, room):
        await talk.reply("link-right", room=room.name(talk))
    else:
        await _begin(talk, _RELAY, chat, room)


async def _grant(talk: Talk, state: Mapping[str, Any]) -> None:
    await chat_list.keep(talk, state["list"])
    found = await _still(talk, state)
    if found is None:
        return
    own = {login.id for login in await linked_rooms.own_logins(talk)}
    if found[0].login_id in own and await linked_rooms.may_link(talk, found[1]):
        await _set_relay(talk, found[1], relay=True)
    else:
        await talk.reply("link-right", room=found[1].name(talk))


async def _set_relay(talk: Talk, room: Room, *, relay: bool) -> None:
    await logins.set_relay(talk.tx, room.room_id, relay=relay)
    linked_rooms.record(talk, "chat.relay-on" if relay else "chat.relay-off", room)
    on = "on" if relay else "off"
    await talk.reply(f"relay-done-{on}", room=room.name(talk))
    await linked_rooms.tell(talk, room, f"chat-news-relay-{on}")
    name = talk.person.full_name if relay and talk.person else ""
    await linked_rooms.say(talk, room, f"chat-room-relay-{on}", **({"name": name} if name else {}))


# --- the open question ----------------------------------------------------------------------


async def _ask(talk: Talk, state: Mapping[str, Any]) -> None:
    """Show a question again, or for the first time."""
    step = state["step"]
    room = await linked_rooms.of_key(talk, state["room"])
    if room is None:
        await chat_list.keep(talk, state["list"])
        await talk.reply("sferum-gone")
        return
    values: dict[str, Any] = {"room": room.name(talk)}
    if step == _LINK:
        values |= {key: state[key] for key in ("title", "count", "here", "outside")}
    word = commands.word(_NAMES[step], talk.language)
    no = commands.word(Name.CANCEL, talk.language)
    offers = (Offer("✅", f"{word} {_DO} {state['draft']}"), Offer("❌", no))
    await talk.answer(talk.text(f"{step}-ask", **values), offers)


async def _is_answer(talk: Talk, command: Command, step: str) -> bool:
    """Take a tap under a question of this file; tell whether it was one."""
    if not command.offered or not command.argument.startswith(f"{_DO} "):
        return False
    asked = await dialogues.dialogue(talk.tx, talk.mxid)
    draft = command.argument.removeprefix(f"{_DO} ")
    state: Mapping[str, Any] = asked[0] if asked else {}
    if (state.get("topic"), state.get("step"), state.get("draft")) == (TOPIC, step, draft):
        await _CARRY_OUT[step](talk, state)
    else:
        await talk.reply("sferum-gone")
    return True


_CARRY_OUT = {_LINK: _link, _UNLINK: _unlink, _RELAY: _grant}


async def go_on(talk: Talk, state: Mapping[str, Any], command: Command) -> None:
    """Take a typed answer to the question that is open; beside a list none is."""
    step = state["step"]
    if step == chat_list.LIST:
        await talk.reply("not-understood")
    elif command.name is Name.CANCEL:
        await chat_list.keep(talk, state["list"])
        await talk.reply("sferum-cancelled")
    elif command.name is Name.CONFIRM and not command.argument:
        await _CARRY_OUT[step](talk, state)
    else:
        await _ask(talk, state)
