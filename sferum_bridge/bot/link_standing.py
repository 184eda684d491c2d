"""Links whose standing is over: whoever may not link a room any more carries its chat no longer.

    a school changed, or its day ─► each linked room: is the owner of the login still one who may
                                    link it? ─► no: unlinked · the owner, who may and the room told

A chat is carried by somebody's own account, by right of an office: the class teacher's for the own
class, an administrator's for the school (§2.2). When the office ends, or they leave the school, so
does the link, at the next look; so does every link of a class that is closed, for nobody writes in
its rooms. What the room shows stays. Whoever holds the office now links the
same chat again through their own login, and it goes on where it ended (`store.former`). A login of
the console is the school's own. Each look is one transaction and finds nothing to do the second
time, so a kill between two costs nothing.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Any

from sferum_bridge.bot import linked_rooms
from sferum_bridge.school import access
from sferum_bridge.store import accounts, chats, logins, schools
from sferum_bridge.store.away import outlasting

if TYPE_CHECKING:
    from collections.abc import Mapping
    from collections.abc import Set as AbstractSet

    from sferum_bridge.bot.linked_rooms import Room
    from sferum_bridge.bot.service import Bot
    from sferum_bridge.bot.talk import Talk
    from sferum_bridge.school.people import Person
    from sferum_bridge.store.chats import Chat
    from sferum_bridge.store.database import Database

log = logging.getLogger(__name__)

_POLL_SECONDS = 5.0


class LinkStanding:
    """Ends links whose standing is over, for one bridge. `poll` are seconds between looks."""

    def __init__(self, db: Database, bot: Bot, *, poll: float = _POLL_SECONDS) -> None:
        self._db = db
        self._bot = bot
        self._poll = poll
        self._seen: object = None
        """Of what links depend on: as it was at the last look."""

    async def run(self) -> None:
        """Look for ever. Raises what is not a database that is away."""
        while True:
            with outlasting(log, "Looking at the standing of links"):
                await self.once()
            await asyncio.sleep(self._poll)

    async def once(self) -> None:
        """Look at all links, if one, a school, its day or the owner of a login changed since."""
        async with self._db.read() as tx:
            days = [(one.id, one.wanted, one.day(tx.now)) for one in await schools.records(tx)]
            owners = [(login.id, login.mxid) for login in await chats.all_logins(tx)]
            linked = [(chat.login_id, chat.room_id) for chat in await chats.all_chats(tx)]
        if linked and self._seen != (days, owners, linked):
            await self._bot.errand(f"standing.{schools.new_id()}", review)
        self._seen = days, owners, linked


async def review(talk: Talk) -> None:
    """Unlink the chats whose login's owner may link the room no more, or whose class is closed."""
    by_id = {login.id: login for login in await chats.all_logins(talk.tx)}
    owners: dict[str, Person | None] = {}
    today: dict[str, Mapping[str, AbstractSet[str]]] = {}
    for chat, room in await linked_rooms.all_linked(talk):
        login = by_id.get(chat.login_id)
        if room is not None and linked_rooms.is_closed(room, talk.tx.now):
            await _stop(talk, chat, room, "chat-news-closed")
            continue
        if login is None or not login.mxid or room is None:
            continue
        if login.mxid not in owners:
            owners[login.mxid] = await accounts.person_of(talk.tx, login.mxid)
        owner = owners[login.mxid]
        school_id = room.record.id
        if school_id not in today:
            today[school_id] = access.groups(room.school, room.record.day(talk.tx.now))
        keepers = linked_rooms.keepers_among(today[school_id], room)
        if owner is None or owner.id not in keepers:
            who = owner.full_name if owner else login.name
            await _stop(talk, chat, room, "chat-news-standing", who=who)
            if owner is not None:
                name = room.name(talk, room.record.language)
                await talk.inform([owner.id], "chat-news-standing-own", room=name)


async def _stop(talk: Talk, chat: Chat, room: Room, key: str, **values: Any) -> None:
    await logins.unlink(talk.tx, chat.room_id, resumes=True)
    linked_rooms.record(talk, "chat.standing-over", room)
    name = room.name(talk, room.record.language)
    keepers = sorted(linked_rooms.keepers(talk, room))
    await talk.inform(keepers, key, room=name, **values)
    await linked_rooms.say(talk, room, "chat-room-unlinked")
