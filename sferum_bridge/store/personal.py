"""Rooms of personal chats: each is one person's, with one ghost and the bot in it.

A room is known by its owner, for nobody else is ever brought in, and by the chat as the owner's
login knows it, as a keyed hash: its number is somebody's account. It belongs to no school, so that
the school's order leaves it alone, and the contour knows it as a room that admits its owner
(`matrix.facts`). One whose link its owner ended is not linked again by itself.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import delete, select

from sferum_bridge.school import access
from sferum_bridge.store import accounts, chats, logins, schools
from sferum_bridge.store import rooms as stored
from sferum_bridge.store.tables import room_members, rooms

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from collections.abc import Set as AbstractSet
    from datetime import date

    from sferum_bridge.store.database import Tx

KIND = "personal"
OPEN = "personal-open"
"""What of the outbox asks for such a room (`relay.inward.personal`)."""
NOT_OPENED = "personal.not-opened"
"""News that a room was asked for and cannot be made: `login` is its id, `title` what the chat is
called, `why` the text key of the network's error, empty where the homeserver makes none."""
_ENDED = "ended"
_PREFIX = f"{KIND}/"


def key(tx: Tx, mxid: str, login_id: str, chat_id: str) -> str:
    """Return the key of the room of a personal chat."""
    return f"{_PREFIX}{mxid}/{tx.sealer.digest(f'{login_id}/{chat_id}', KIND).hex()[:16]}"


def group(tx: Tx, mxid: str) -> str:
    """Return the group that only the owner of personal chats is in, for the contour."""
    return f"{KIND}/{tx.sealer.digest(mxid, KIND).hex()[:16]}"


async def owners(tx: Tx) -> Mapping[str, str]:
    """Return room id → its owner, for every room of a personal chat."""
    query = select(rooms.c.key, rooms.c.room_id).where(
        rooms.c.kind == KIND, rooms.c.room_id.is_not(None)
    )
    # A localpart may hold a slash; the digest behind it does not.
    return {
        row.room_id: row.key.removeprefix(_PREFIX).rpartition("/")[0] for row in await tx.all(query)
    }


async def is_ended(tx: Tx, room_key: str) -> bool:
    """Tell whether the owner of a personal chat ended its link."""
    record = await stored.by_key(tx, room_key)
    return record is not None and bool(record.actual.get(_ENDED))


async def begin(tx: Tx, chat: chats.Chat, room_key: str, *, is_new: bool, seen: str = "") -> None:
    """Link a personal chat to its room.

    `is_new`: nothing of the past is shown, but for what came behind the message `seen`.
    """
    await stored.set_actual(tx, room_key, {})
    if await chats.chat_of_room(tx, chat.room_id) != chat:
        await chats.link(tx, chat)
        if is_new:
            await chats.set_seen(tx, chat.login_id, chat.chat_id, seen)


async def end(tx: Tx, mxid: str, login_id: str, chat_id: str) -> bool:
    """End the link of a personal chat, for as long as its owner does not ask for it again."""
    room_key = key(tx, mxid, login_id, chat_id)
    record = await stored.by_key(tx, room_key)
    if record is None or await chats.chat_of_room(tx, record.room_id) is None:
        return False
    await stored.set_actual(tx, room_key, {_ENDED: True})
    await logins.unlink(tx, record.room_id)
    return True


class Holders:
    """Who has a role in a school. A school is read only where it, or its day, has changed.

    Reading one of a thousand pupils takes a good part of a second.
    """

    def __init__(self) -> None:
        self._known: dict[str, tuple[tuple[int, date], AbstractSet[str]]] = {}
        """School → its revision and day, and who had a role then."""

    async def today(self, tx: Tx) -> AbstractSet[str]:
        """Return the ids of the people who have a role in any school today."""
        found: set[str] = set()
        for record in await schools.records(tx):
            now = record.wanted, record.day(tx.now)
            known = self._known.get(record.id)
            if known is None or known[0] != now:
                groups = access.groups(await schools.load(tx, record.id), now[1])
                holders = frozenset(person_id for person_id, held in groups.items() if held)
                known = self._known[record.id] = now, holders
            found |= known[1]
        return found


async def may(tx: Tx, mxid: str, holders: Holders) -> bool:
    """Tell whether an account is of somebody who has a role in a school today."""
    person = await accounts.person_of(tx, mxid)
    return person is not None and person.id in await holders.today(tx)


async def over(tx: Tx, holders: Holders) -> Sequence[str]:
    """Return the rooms of personal chats whose owners have no role in a school any more."""
    owned = await owners(tx)
    if not owned:
        return ()
    today = await holders.today(tx)
    living = {
        mxid
        for person_id, mxids in (await accounts.by_person(tx)).items()
        if person_id in today
        for mxid in mxids
    }
    return sorted(room_id for room_id, mxid in owned.items() if mxid not in living)


async def forget(tx: Tx, room_id: str) -> None:
    """Forget the room of a personal chat, and who was in it."""
    await tx.run(delete(room_members).where(room_members.c.room_id == room_id))
    await tx.run(delete(rooms).where(rooms.c.kind == KIND, rooms.c.room_id == room_id))
