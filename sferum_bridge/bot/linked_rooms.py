"""Rooms a chat of Sferum may be linked to: who may, what they are called, who hears of it.

A class teacher decides for the rooms of the own class, an administrator for all of the school
(§2.2); rooms in which only some may talk are no counterpart of a chat (`chat_guess.LINKABLE`).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from sferum_bridge.bot import register
from sferum_bridge.bot.reach import reach_of
from sferum_bridge.school import access, chat_guess, layout
from sferum_bridge.school.access import Role
from sferum_bridge.school.layout import Kind
from sferum_bridge.store import accounts, audit, chats, logins, rooms, schools, voices

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from collections.abc import Set as AbstractSet
    from typing import Any, Self

    from sferum_bridge.bot.reach import Reach
    from sferum_bridge.bot.talk import Talk
    from sferum_bridge.school.chat_guess import Guesser
    from sferum_bridge.school.people import School
    from sferum_bridge.store.chats import Chat, Login
    from sferum_bridge.store.rooms import RoomRecord
    from sferum_bridge.store.schools import SchoolRecord


@dataclass(frozen=True, slots=True)
class Room:
    """A room of a school. `room_id` is empty while it is still being made."""

    school: School
    record: SchoolRecord
    kind: Kind
    class_id: str
    room_id: str

    @property
    def key(self) -> str:
        """Return its key in the layout."""
        return layout.key(self.kind, self.class_id or self.school.id)

    @property
    def place(self) -> str:
        """Return whose room it is: the class's id, or the school's."""
        return self.class_id or self.school.id

    def name(self, talk: Talk, language: str = "") -> str:
        """Return what it is called, in the person's language if no other is wanted."""
        return talk.texts.room_of_key(self.key, self.school, language or talk.language)


class Finder:
    """Finds the rooms that titles and typed words name, in the schools of one person."""

    def __init__(self, talk: Talk, places: Sequence[_Place], reaches: Sequence[Reach]) -> None:
        self._talk = talk
        self._places = places
        self._reaches = reaches

    @classmethod
    async def of(cls, talk: Talk) -> Self:
        """Read the schools this person has a tie to."""
        places = []
        for tie in await register.ties(talk.tx, talk.person_id):
            record = await register.school(talk.tx, tie.school.id)
            if record is not None:
                guesser = chat_guess.Guesser(tie.school, record.day(talk.tx.now))
                places.append(_Place(tie.school, record, guesser))
        return cls(talk, places, await reach_of(talk))

    async def all(self, text: str, names: Sequence[str] = ()) -> Sequence[Room]:
        """Return the rooms, one a school, that a text and members' names name.

        Where a text holds the name of one of several schools, the others are not meant.
        """
        found = []
        for place in self._places:
            guess = place.guesser.guess(text, names)
            if guess.kind is not None and guess.is_whole:
                room = Room(place.school, place.record, guess.kind, guess.class_id, "")
                made = await rooms.by_key(self._talk.tx, room.key)
                found.append(replace(room, room_id=made.room_id if made else ""))
        named = [room for room in found if room.record.name.casefold() in text.casefold()]
        return named if len(named) == 1 else found

    async def within_reach(self, text: str, names: Sequence[str] = ()) -> Sequence[Room]:
        """Return those of `all` that this person may link."""
        return [room for room in await self.all(text, names) if covers(self._reaches, room)]


@dataclass(frozen=True, slots=True)
class _Place:
    school: School
    record: SchoolRecord
    guesser: Guesser


async def of_key(talk: Talk, key: str) -> Room | None:
    """Return the room under a key, `None` when there is none that can be linked."""
    made = await rooms.by_key(talk.tx, key)
    return await of_room(talk, made.room_id) if made and made.room_id else None


async def of_room(talk: Talk, room_id: str) -> Room | None:
    """Return a school's room, `None` when it is none that can be linked.

    Nor is one that is being replaced: its chat is about to go on in the other one.
    """
    made = await rooms.by_room_id(talk.tx, room_id)
    record = await register.school(talk.tx, made.school_id) if made else None
    if made is None or record is None or not _is_linkable(made):
        return None
    return _room(made, record, await schools.load(talk.tx, record.id))


def _is_linkable(made: RoomRecord) -> bool:
    return made.kind in chat_guess.LINKABLE and not made.is_replaced


def _room(made: RoomRecord, record: SchoolRecord, here: School) -> Room:
    place = made.key.partition("/")[2]
    class_id = place if place in here.classes else ""
    return Room(here, record, Kind(made.kind), class_id, made.room_id)


async def all_linked(
    talk: Talk, known: Mapping[str, School] | None = None
) -> Sequence[tuple[Chat, Room | None]]:
    """Return every linked chat and its room, `None` where `of_room` would return none.

    All are asked for together: there may be a thousand. `known` are schools that were loaded.
    """
    made_of = await rooms.linked(talk.tx)
    records = {record.id: record for record in await schools.records(talk.tx)}
    loaded = dict(known or {})
    found: list[tuple[Chat, Room | None]] = []
    for chat in await chats.all_chats(talk.tx):
        made = made_of.get(chat.room_id)
        record = records.get(made.school_id) if made else None
        if made is None or record is None or not _is_linkable(made):
            found.append((chat, None))
            continue
        if record.id not in loaded:
            loaded[record.id] = await schools.load(talk.tx, record.id)
        found.append((chat, _room(made, record, loaded[record.id])))
    return found


async def linked(talk: Talk) -> Sequence[tuple[Chat, Room]]:
    """Return the linked chats this person has a say about, in the order of their rooms' names."""
    own = {login.id for login in await own_logins(talk)}
    reaches = await reach_of(talk)
    known = {reach.school.id: reach.school for reach in reaches}
    found = [
        (chat, room)
        for chat, room in await all_linked(talk, known)
        if room is not None and (chat.login_id in own or covers(reaches, room))
    ]
    return sorted(found, key=lambda pair: (pair[1].record.name, pair[1].name(talk)))


async def links(talk: Talk) -> Mapping[tuple[str, str], Chat]:
    """Return login and number → linked chat: as the linked login, and as each voice knows it."""
    by_room = {chat.room_id: chat for chat in await chats.all_chats(talk.tx)}
    found = {(chat.login_id, chat.chat_id): chat for chat in by_room.values()}
    spoken = {(v.login_id, v.chat_id): by_room[v.room_id] for v in await voices.found(talk.tx)}
    return {**spoken, **found}


async def own_logins(talk: Talk) -> Sequence[Login]:
    """Return the logins to Sferum of this person, whichever account they used."""
    mxids = {talk.mxid, *await accounts.mxids_of(talk.tx, talk.person_id)}
    return await logins.of_people(talk.tx, sorted(mxids))


async def may_link(talk: Talk, room: Room) -> bool:
    """Tell whether somebody may link a room today, and have others heard there."""
    return not is_closed(room, talk.tx.now) and covers(await reach_of(talk), room)


def is_closed(room: Room, now: int) -> bool:
    """Tell whether a room is of a class that is no more; `now` in milliseconds."""
    if room.kind is Kind.STAFF:
        return False
    of_class = room.school.classes.get(room.class_id)
    return of_class is None or of_class.is_closed(room.record.day(now))


def covers(reaches: Sequence[Reach], room: Room) -> bool:
    """Tell whether a room is within somebody's reach."""
    for reach in reaches:
        if reach.school.id == room.school.id:
            return reach.covers(room.class_id) if room.class_id else reach.everywhere
    return False


async def unlink(talk: Talk, chat: Chat, room: Room) -> None:
    """Unlink a chat and tell everybody whom it concerns."""
    await logins.unlink(talk.tx, chat.room_id)
    record(talk, "chat.unlink", room)
    owner = await _owner(talk, chat)
    await tell(talk, room, "chat-news-unlinked", also=owner)
    await say(talk, room, "chat-room-unlinked")


def record(talk: Talk, action: str, room: Room) -> None:
    """Write an act on a room's chat into the school's log: of the people in the chat nothing."""
    where, kind = room.place, room.kind.value
    audit.record(talk.tx, talk.person_id, action, where, kind, school=room.school.id)


def keepers(talk: Talk, room: Room) -> frozenset[str]:
    """Return the administrators and class teachers of a room today."""
    return keepers_among(access.groups(room.school, room.record.day(talk.tx.now)), room)


def keepers_among(today: Mapping[str, AbstractSet[str]], room: Room) -> frozenset[str]:
    """Return those of a room among people and their groups."""
    groups = {access.group(Role.ADMINISTRATOR, room.school.id)}
    if room.class_id:
        groups.add(access.group(Role.CLASS_TEACHER, room.class_id))
    return frozenset(id_ for id_, held in today.items() if groups & held)


async def tell(talk: Talk, room: Room, key: str, *, also: Sequence[str] = ()) -> None:
    """Tell the keepers of a room, and `also` others, but not the speaker."""
    concerned = keepers(talk, room) | {*also}
    values: dict[str, Any] = {"room": room.name(talk, room.record.language)}
    values["who"] = talk.person.full_name if talk.person else ""
    await talk.inform(sorted(concerned - {talk.person_id}), key, **values)


async def say(talk: Talk, room: Room, key: str, **values: str) -> None:
    """Say something in the room itself, in its school's language."""
    await talk.announce(room.room_id, talk.texts.text(room.record.language, key, **values))


async def _owner(talk: Talk, chat: Chat) -> Sequence[str]:
    for login in await chats.all_logins(talk.tx):
        if login.id == chat.login_id and login.mxid:
            person = await accounts.person_of(talk.tx, login.mxid)
            return [person.id] if person else []
    return []
