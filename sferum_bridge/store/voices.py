"""Who speaks in a linked chat through a login of their own, beside the one it is linked through.

A chat's number is an account's own, that of a message is the chat's. So what is known of messages
stays under the linked login, and a voice is no more than the number by which another login knows
the chat. What goes out through a voice comes back through the linked login as somebody else's, with
no random id to know it by: until it is known which message it became it is *expected*.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import and_, bindparam, delete, or_, select, update

from sferum_bridge.store.chats import Chat, Login
from sferum_bridge.store.tables import chats, logins, message_map, room_members, sending, voices

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from sferum_bridge.store.database import Tx


_IN_ROOM = select(voices).where(voices.c.room_id == bindparam("room_id"))
_EXPECTED = (
    select(sending, logins.c.account_id)
    .join(logins, logins.c.id == sending.c.login_id)
    .where(
        sending.c.heard_in != "",  # for the partial index
        sending.c.heard_in.in_(bindparam("room_ids", expanding=True)),
    )
    .order_by(sending.c.at, sending.c.event_id, sending.c.part)
)
_EXPECTED_IN = select(sending.c.heard_in).where(
    sending.c.event_id == bindparam("event_id"), sending.c.part == bindparam("part")
)
_KNOWN_IN = select(message_map.c.room_id).where(
    message_map.c.event_id == bindparam("event_id"), message_map.c.part == bindparam("part")
)


@dataclass(frozen=True, slots=True)
class Voice:
    """By which number a login knows the chat of a room; empty where it was looked for in vain."""

    room_id: str
    login_id: str
    chat_id: str
    looked_at: int
    """When it was looked for, in milliseconds."""


@dataclass(frozen=True, slots=True)
class Expected:
    """A part that went out through a voice, of which nobody knows yet which message it became."""

    event_id: str
    part: int
    random_id: int
    digest: str
    since: int
    room_id: str
    login_id: str
    chat_id: str
    account_id: str
    is_over: bool
    """Whether it was given up; it may have gone out all the same."""


async def in_room(tx: Tx, room_id: str) -> Mapping[str, Voice]:
    """Return login id → voice of a room, those that were looked for in vain included."""
    rows = await tx.all(_IN_ROOM, {"room_id": room_id})
    return {r.login_id: Voice(r.room_id, r.login_id, r.chat_id, r.looked_at) for r in rows}


async def found(tx: Tx) -> Sequence[Voice]:
    """Return every voice by which somebody can be heard."""
    rows = await tx.all(select(voices).where(voices.c.chat_id != ""))
    return [Voice(r.room_id, r.login_id, r.chat_id, r.looked_at) for r in rows]


async def chats_of(tx: Tx, login_id: str, chat_id: str) -> Sequence[Chat]:
    """Return the chats, linked through other logins, that one knows by a number."""
    c, v = chats.c, voices.c
    query = select(chats).join(voices, v.room_id == c.room_id)
    rows = await tx.all(query.where(v.login_id == login_id, v.chat_id == chat_id))
    return [Chat(r.login_id, r.chat_id, r.room_id, r.relay) for r in rows]


async def note(tx: Tx, room_id: str, login_id: str, chat_id: str) -> None:
    """Remember by which number a login knows the chat of a room; empty: that it was not found.

    Where the chat is linked through that very login, or the room is linked no more, nothing is.
    """
    linked = select(chats.c.login_id).where(chats.c.room_id == room_id)
    if await tx.value(linked) in {None, login_id}:
        return
    voice = {"room_id": room_id, "login_id": login_id, "chat_id": chat_id, "looked_at": tx.now}
    await tx.put(voices, voice)


async def drop(tx: Tx, room_id: str, login_id: str) -> None:
    """Forget a voice, so that it is looked for anew."""
    v = voices.c
    await tx.run(delete(voices).where(v.room_id == room_id, v.login_id == login_id))


async def forget(tx: Tx, login_id: str) -> None:
    """Forget every voice of a login."""
    await tx.run(delete(voices).where(voices.c.login_id == login_id))


async def wanted(tx: Tx, before: int) -> Sequence[tuple[Chat, Login]]:
    """Return linked chats, each with the login of a member by which it was never looked for.

    Nor since `before` (milliseconds), where it was not found. Logins that need their owner find
    nothing, so they are left out.
    """
    own, linked = logins.alias("own"), logins.alias("linked")
    never = voices.c.login_id.is_(None)
    in_vain = and_(voices.c.chat_id == "", voices.c.looked_at < before)
    query = (
        select(
            chats,
            *(own.c[name].label(f"own_{name}") for name in ("id", "network", "account_id")),
            *(own.c[name].label(f"own_{name}") for name in ("name", "mxid")),
        )
        .join(linked, linked.c.id == chats.c.login_id)
        .join(room_members, room_members.c.room_id == chats.c.room_id)
        .join(own, own.c.mxid == room_members.c.mxid)
        .outerjoin(voices, and_(voices.c.room_id == chats.c.room_id, voices.c.login_id == own.c.id))
        .where(
            room_members.c.membership == "join",
            own.c.id != linked.c.id,
            own.c.network == linked.c.network,
            own.c.expired_at.is_(None),
            linked.c.expired_at.is_(None),
            or_(never, in_vain),
        )
        .order_by(chats.c.room_id, own.c.id)
    )
    return [
        (
            Chat(r.login_id, r.chat_id, r.room_id, r.relay),
            Login(r.own_id, r.own_network, r.own_account_id, r.own_name, r.own_mxid, expired=False),
        )
        for r in await tx.all(query)
    ]


# --- what is expected -----------------------------------------------------------------------


async def expected(tx: Tx, room_ids: Collection[str]) -> Sequence[Expected]:
    """Return what is expected in some rooms, the oldest first."""
    if not room_ids:
        return ()
    return [
        Expected(
            r.event_id,
            r.part,
            r.random_id,
            r.digest,
            r.at,
            r.heard_in,
            r.login_id,
            r.chat_id,
            r.account_id,
            r.is_over,
        )
        for r in await tx.all(_EXPECTED, {"room_ids": list(room_ids)})
    ]


async def give_up(tx: Tx, event_id: str) -> None:
    """Note that an event's parts are sent no more; what did go out all the same is still known."""
    s = sending.c
    await tx.run(
        update(sending).where(s.event_id == event_id, s.heard_in != "").values(is_over=True)
    )


async def expect_no_more(tx: Tx, event_id: str) -> None:
    """Note that what is left of an event's parts certainly did not go out, and never will."""
    await tx.run(update(sending).where(sending.c.event_id == event_id).values(heard_in=""))


async def is_of_another_room(tx: Tx, room_id: str, event_id: str, part: int) -> bool:
    """Tell whether a part was said in another room than this one, and went out by a voice of it.

    Two rooms may be linked to one chat through two logins; each of these is then a voice there.
    """
    this = {"event_id": event_id, "part": part}
    found = {await tx.value(_EXPECTED_IN, this), await tx.value(_KNOWN_IN, this)}
    return not found <= {None, "", room_id}
