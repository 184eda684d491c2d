"""What the relay asks the store while it sends: since when, after what, under which name."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import bindparam, delete, exists, func, select

from sferum_bridge.store import schools
from sferum_bridge.store.tables import (
    accounts,
    logins,
    message_map,
    people,
    reactions,
    room_members,
    sending,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sferum_bridge.school.people import Person
    from sferum_bridge.store.database import Tx


_TRIED = (
    select(sending, logins.c.account_id)
    .join(logins, logins.c.id == sending.c.login_id)
    .where(sending.c.event_id == bindparam("event_id"))
    .order_by(sending.c.part)
)
_OTHER, _OTHERS_ACCOUNT = people.alias("other"), accounts.alias("others_account")
_NAMESAKE = (
    select(_OTHER.c.id)
    .join(_OTHERS_ACCOUNT, _OTHERS_ACCOUNT.c.person_id == _OTHER.c.id)
    .join(room_members, room_members.c.mxid == _OTHERS_ACCOUNT.c.mxid)
    .where(
        room_members.c.room_id == bindparam("room_id"),
        room_members.c.membership == "join",
        _OTHER.c.id != people.c.id,
        _OTHER.c.family_name == people.c.family_name,
        _OTHER.c.given_name == people.c.given_name,
    )
    .correlate(people)
)
_WRITER = (
    select(people, exists(_NAMESAKE).label("has_namesake"))
    .join(accounts, accounts.c.person_id == people.c.id)
    .where(accounts.c.mxid == bindparam("mxid"))
)


@dataclass(frozen=True, slots=True)
class Tried:
    """A part that was to be sent: under which random id, and since when (milliseconds)."""

    part: int
    random_id: int
    since: int
    login_id: str
    account_id: str
    """The login it was to go out through, and its account."""
    digest: str
    """What it says, as `chats.Mapped`; empty where that was not noted."""


async def mapped_at(tx: Tx, event_id: str) -> int:
    """Return when the first part of an event was known on both sides, in milliseconds; 0: never."""
    query = select(func.min(message_map.c.mapped_at)).where(message_map.c.event_id == event_id)
    return int(await tx.value(query) or 0)


async def last_before(tx: Tx, login_id: str, chat_id: str, at: int) -> str:
    """Return the last message of a chat that was known by a time (milliseconds), empty for none."""
    c = message_map.c
    query = select(c.message_id).where(
        c.login_id == login_id, c.chat_id == chat_id, c.mapped_at <= at
    )
    return str(await tx.value(query.order_by(c.mapped_at.desc()).limit(1)) or "")


async def tried(tx: Tx, event_id: str) -> Sequence[Tried]:
    """Return what was to be sent for an event, in the order of its parts."""
    rows = await tx.all(_TRIED, {"event_id": event_id})
    return [Tried(r.part, r.random_id, r.at, r.login_id, r.account_id, r.digest) for r in rows]


async def renew(tx: Tx, event_id: str, part: int) -> None:
    """Forget under which id a part was to be sent, so that it is sent anew under another one.

    Only for a part that certainly is not on the other side.
    """
    await tx.run(delete(sending).where(sending.c.event_id == event_id, sending.c.part == part))


async def reaction_of(tx: Tx, event_id: str) -> tuple[str, str, str, str] | None:
    """Return (login, chat, message, user) of the reaction that an event shows now."""
    c = reactions.c
    row = await tx.first(
        select(c.login_id, c.chat_id, c.message_id, c.user_id).where(
            c.event_id == event_id, c.emoji != ""
        )
    )
    return (row.login_id, row.chat_id, row.message_id, row.user_id) if row else None


async def writer(tx: Tx, room_id: str, mxid: str) -> tuple[Person, bool] | None:
    """Return who writes in a room, and whether another there has the same family and given name.

    `None` for an account nobody here knows.
    """
    row = await tx.first(_WRITER, {"room_id": room_id, "mxid": mxid})
    return (schools.person(row), bool(row.has_namesake)) if row else None
