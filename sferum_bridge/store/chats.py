"""The other network: logins, linked chats, ghosts, and which message became which event."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from hashlib import blake2b
from typing import TYPE_CHECKING

from sqlalchemy import delete, insert, select, update

from sferum_bridge.store import schools
from sferum_bridge.store.tables import chats, ghosts, logins, message_map, sending

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sferum_bridge.store.database import Tx

LOGINS_BELL = "logins"
_LARGEST_RANDOM_ID = 2**31 - 1


@dataclass(frozen=True, slots=True)
class Login:
    """An account of the other network whose owner logged in here."""

    id: str
    network: str
    account_id: str
    name: str
    mxid: str
    """The owner's Matrix account, whose messages are shown as their own; may be empty."""
    expired: bool


@dataclass(frozen=True, slots=True)
class Chat:
    """A chat of the other network linked to a room, as one login knows it."""

    login_id: str
    chat_id: str
    room_id: str
    relay: bool
    """Whether members without a login of their own are heard through this one."""


@dataclass(frozen=True, slots=True)
class Mapped:
    """One part of a message, on both sides."""

    chat_id: str
    message_id: str
    part: int
    room_id: str
    event_id: str
    from_matrix: bool


# --- logins ---------------------------------------------------------------------------------


async def save_login(
    tx: Tx, network: str, account_id: str, name: str, mxid: str, secret: str
) -> str:
    """Store a login, or renew the one of the same account; return its id."""
    sealed = tx.sealer.seal(secret, "login")
    changes = {"name": name, "mxid": mxid, "sealed": sealed, "expired_at": None}
    await tx.run(
        tx.insert(logins)
        .values(id=schools.new_id(), network=network, account_id=account_id, **changes)
        .on_conflict_do_update(index_elements=["network", "account_id"], set_=changes)
    )
    tx.wake(LOGINS_BELL)
    query = select(logins.c.id).where(
        logins.c.network == network, logins.c.account_id == account_id
    )
    return str(await tx.value(query))


async def all_logins(tx: Tx) -> Sequence[Login]:
    """Return every stored login."""
    return [
        Login(r.id, r.network, r.account_id, r.name, r.mxid, r.expired_at is not None)
        for r in await tx.all(select(logins).order_by(logins.c.id))
    ]


async def login_secret(tx: Tx, login_id: str) -> str:
    """Return the secret that reopens a login."""
    sealed = await tx.value(select(logins.c.sealed).where(logins.c.id == login_id))
    return str(tx.sealer.unseal(sealed, "login"))


async def cursor(tx: Tx, login_id: str) -> str:
    """Return how far a login has listened, empty for a new one."""
    return str(await tx.value(select(logins.c.cursor).where(logins.c.id == login_id)) or "")


async def set_cursor(tx: Tx, login_id: str, position: str) -> None:
    """Remember how far a login has listened."""
    await tx.run(update(logins).where(logins.c.id == login_id).values(cursor=position))


async def set_expired(tx: Tx, login_id: str) -> None:
    """Remember that a login is dead until its owner logs in again."""
    await tx.run(update(logins).where(logins.c.id == login_id).values(expired_at=tx.now))


# --- chats ----------------------------------------------------------------------------------


async def link(tx: Tx, chat: Chat) -> None:
    """Link a chat and a room, replacing what either was linked to."""
    await tx.run(delete(chats).where(chats.c.room_id == chat.room_id))
    same = (chats.c.login_id == chat.login_id, chats.c.chat_id == chat.chat_id)
    await tx.run(delete(chats).where(*same))
    await tx.run(insert(chats).values(linked_at=tx.now, **asdict(chat)))
    tx.wake(LOGINS_BELL)
    tx.wake(schools.ROOMS_BELL)


async def move(tx: Tx, old: str, new: str) -> None:
    """Have the chat that is linked to a room go on in another one."""
    await tx.run(update(chats).where(chats.c.room_id == old).values(room_id=new))
    tx.wake(LOGINS_BELL)


async def all_chats(tx: Tx) -> Sequence[Chat]:
    """Return every linked chat."""
    return [Chat(r.login_id, r.chat_id, r.room_id, r.relay) for r in await tx.all(select(chats))]


async def chat_of_room(tx: Tx, room_id: str) -> Chat | None:
    """Return the chat linked to a room."""
    r = await tx.first(select(chats).where(chats.c.room_id == room_id))
    return Chat(r.login_id, r.chat_id, r.room_id, r.relay) if r else None


# --- ghosts ---------------------------------------------------------------------------------


async def ghost_name(tx: Tx, mxid: str) -> str | None:
    """Return the name a ghost carries, `None` when there is no such ghost yet."""
    name = await tx.value(select(ghosts.c.name).where(ghosts.c.mxid == mxid))
    return None if name is None else str(name)


async def save_ghost(tx: Tx, mxid: str, name: str) -> None:
    """Remember that a ghost exists and what it is called."""
    await tx.run(
        tx.insert(ghosts)
        .values(mxid=mxid, name=name)
        .on_conflict_do_update(index_elements=["mxid"], set_={"name": name})
    )


# --- messages -------------------------------------------------------------------------------


async def map_message(tx: Tx, login_id: str, m: Mapped) -> None:
    """Remember which event a part of a message is; a second time changes nothing."""
    await tx.run(
        tx.insert(message_map)
        .values(
            login_id=login_id,
            chat_id=m.chat_id,
            message_id=m.message_id,
            part=m.part,
            room_id=m.room_id,
            event_id=m.event_id,
            from_matrix=m.from_matrix,
            mapped_at=tx.now,
        )
        .on_conflict_do_nothing()
    )


async def is_mapped(tx: Tx, login_id: str, chat_id: str, message_id: str) -> bool:
    """Tell whether a message is on both sides already."""
    c = message_map.c
    query = select(c.part).where(
        c.login_id == login_id, c.chat_id == chat_id, c.message_id == message_id
    )
    return await tx.value(query.limit(1)) is not None


async def by_event(tx: Tx, event_id: str) -> Sequence[Mapped]:
    """Return the parts an event became, or came from."""
    c = message_map.c
    rows = await tx.all(select(message_map).where(c.event_id == event_id).order_by(c.part))
    return [
        Mapped(r.chat_id, r.message_id, r.part, r.room_id, r.event_id, r.from_matrix) for r in rows
    ]


async def event_of(tx: Tx, login_id: str, chat_id: str, message_id: str) -> str:
    """Return the event that the first part of a message became, empty when there is none."""
    c = message_map.c
    query = select(c.event_id).where(
        c.login_id == login_id, c.chat_id == chat_id, c.message_id == message_id
    )
    return str(await tx.value(query.order_by(c.part).limit(1)) or "")


async def about_to_send(tx: Tx, login_id: str, chat_id: str, event_id: str, part: int) -> int:
    """Note a part before it goes out, so that its echo is known; return its random id.

    The id is the same whenever the part is sent again, and no other part of the chat has it: the
    network would take the second for a repetition of the first and swallow it.
    """
    c = sending.c
    query = select(c.random_id).where(c.event_id == event_id, c.part == part)
    known = await tx.value(query)
    if known is not None:
        return int(known)
    seed = blake2b(f"{event_id}/{part}".encode(), digest_size=4).digest()
    random_id = int.from_bytes(seed, "big") & _LARGEST_RANDOM_ID or 1
    while await echo_of(tx, login_id, chat_id, random_id) is not None:
        random_id = random_id % _LARGEST_RANDOM_ID + 1
    await tx.run(
        insert(sending).values(
            login_id=login_id,
            chat_id=chat_id,
            random_id=random_id,
            event_id=event_id,
            part=part,
            at=tx.now,
        )
    )
    return random_id


async def echo_of(tx: Tx, login_id: str, chat_id: str, random_id: int) -> tuple[str, int] | None:
    """Return (event id, part) that we sent under a random id, `None` when it was not us."""
    c = sending.c
    query = select(c.event_id, c.part).where(
        c.login_id == login_id, c.chat_id == chat_id, c.random_id == random_id
    )
    row = await tx.first(query)
    return (row.event_id, row.part) if row else None


async def prune_sending(tx: Tx, before: int) -> int:
    """Forget what was sent before a time (milliseconds); return how many."""
    return await tx.run(delete(sending).where(sending.c.at < before))
