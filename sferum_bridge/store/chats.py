"""The other network: logins, linked chats, ghosts, and which message became which event."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import delete, insert, select, update
from sqlalchemy.dialects import postgresql, sqlite

from sferum_bridge.store import schools
from sferum_bridge.store.tables import chats, ghosts, logins, message_map, sending

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sferum_bridge.store.database import Tx

LOGINS_BELL = "logins"


@dataclass(frozen=True, slots=True)
class Login:
    """An account of the other network whose owner logged in here."""

    id: str
    network: str
    account_id: str
    name: str
    mxid: str
    """The owner's Matrix account, whose messages are shown as their own; may be empty."""
    cursor: str
    expired: bool


@dataclass(frozen=True, slots=True)
class Chat:
    """A chat of the other network linked to a room."""

    network: str
    chat_id: str
    room_id: str
    relay_login_id: str


@dataclass(frozen=True, slots=True)
class Mapped:
    """One part of a message, on both sides."""

    chat_id: str
    message_id: str
    part: int
    room_id: str
    event_id: str
    from_matrix: bool


def _insert(tx: Tx) -> Any:
    return sqlite.insert if tx.dialect == "sqlite" else postgresql.insert


# --- logins ---------------------------------------------------------------------------------


async def save_login(
    tx: Tx, network: str, account_id: str, name: str, mxid: str, secret: str
) -> str:
    """Store a login, or renew the one of the same account; return its id."""
    sealed = tx.sealer.seal(secret, "login")
    changes = {"name": name, "mxid": mxid, "sealed": sealed, "expired_at": None}
    await tx.run(
        _insert(tx)(logins)
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
        Login(r.id, r.network, r.account_id, r.name, r.mxid, r.cursor, r.expired_at is not None)
        for r in await tx.all(select(logins).order_by(logins.c.id))
    ]


async def login_secret(tx: Tx, login_id: str) -> str:
    """Return the secret that reopens a login."""
    sealed = await tx.value(select(logins.c.sealed).where(logins.c.id == login_id))
    return str(tx.sealer.unseal(sealed, "login"))


async def set_cursor(tx: Tx, login_id: str, cursor: str) -> None:
    """Remember how far a login has listened."""
    await tx.run(update(logins).where(logins.c.id == login_id).values(cursor=cursor))


async def set_expired(tx: Tx, login_id: str) -> None:
    """Remember that a login is dead until its owner logs in again."""
    await tx.run(update(logins).where(logins.c.id == login_id).values(expired_at=tx.now))


# --- chats ----------------------------------------------------------------------------------


async def link(tx: Tx, network: str, chat_id: str, room_id: str, relay_login_id: str) -> None:
    """Link a chat and a room, replacing what either was linked to."""
    await tx.run(delete(chats).where(chats.c.room_id == room_id))
    await tx.run(delete(chats).where(chats.c.network == network, chats.c.chat_id == chat_id))
    await tx.run(
        insert(chats).values(
            network=network,
            chat_id=chat_id,
            room_id=room_id,
            relay_login_id=relay_login_id or None,
            linked_at=tx.now,
        )
    )
    tx.wake(LOGINS_BELL)
    tx.wake(schools.ROOMS_BELL)


async def all_chats(tx: Tx) -> Sequence[Chat]:
    """Return every linked chat."""
    return [
        Chat(r.network, r.chat_id, r.room_id, r.relay_login_id or "")
        for r in await tx.all(select(chats))
    ]


async def chat_of_room(tx: Tx, room_id: str) -> Chat | None:
    """Return the chat linked to a room."""
    r = await tx.first(select(chats).where(chats.c.room_id == room_id))
    return Chat(r.network, r.chat_id, r.room_id, r.relay_login_id or "") if r else None


# --- ghosts ---------------------------------------------------------------------------------


async def ghost_name(tx: Tx, mxid: str) -> str | None:
    """Return the name a ghost carries, `None` when there is no such ghost yet."""
    name = await tx.value(select(ghosts.c.name).where(ghosts.c.mxid == mxid))
    return None if name is None else str(name)


async def save_ghost(tx: Tx, mxid: str, name: str) -> None:
    """Remember that a ghost exists and what it is called."""
    await tx.run(
        _insert(tx)(ghosts)
        .values(mxid=mxid, name=name)
        .on_conflict_do_update(index_elements=["mxid"], set_={"name": name})
    )


# --- messages -------------------------------------------------------------------------------


async def map_message(tx: Tx, network: str, m: Mapped) -> None:
    """Remember which event a part of a message is; a second time changes nothing."""
    await tx.run(
        _insert(tx)(message_map)
        .values(
            network=network,
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


async def is_mapped(tx: Tx, network: str, chat_id: str, message_id: str) -> bool:
    """Tell whether a message is on both sides already."""
    c = message_map.c
    query = select(c.part).where(
        c.network == network, c.chat_id == chat_id, c.message_id == message_id
    )
    return await tx.value(query.limit(1)) is not None


async def by_event(tx: Tx, event_id: str) -> Sequence[Mapped]:
    """Return the parts an event became, or came from."""
    c = message_map.c
    rows = await tx.all(select(message_map).where(c.event_id == event_id).order_by(c.part))
    return [
        Mapped(r.chat_id, r.message_id, r.part, r.room_id, r.event_id, r.from_matrix) for r in rows
    ]


async def event_of(tx: Tx, network: str, chat_id: str, message_id: str) -> str:
    """Return the event that the first part of a message became, empty when there is none."""
    c = message_map.c
    query = select(c.event_id).where(
        c.network == network, c.chat_id == chat_id, c.message_id == message_id
    )
    return str(await tx.value(query.order_by(c.part).limit(1)) or "")


async def about_to_send(
    tx: Tx, network: str, chat_id: str, random_id: int, event_id: str, part: int
) -> None:
    """Note a message before it goes out, so that its echo is known whatever happens next."""
    await tx.run(
        _insert(tx)(sending)
        .values(
            network=network,
            chat_id=chat_id,
            random_id=random_id,
            event_id=event_id,
            part=part,
            at=tx.now,
        )
        .on_conflict_do_nothing()
    )


async def echo_of(tx: Tx, network: str, chat_id: str, random_id: int) -> tuple[str, int] | None:
    """Return (event id, part) that we sent under a random id, `None` when it was not us."""
    c = sending.c
    query = select(c.event_id, c.part).where(
        c.network == network, c.chat_id == chat_id, c.random_id == random_id
    )
    row = await tx.first(query)
    return (row.event_id, row.part) if row else None


async def prune_sending(tx: Tx, before: int) -> int:
    """Forget what was sent before a time (milliseconds); return how many."""
    return await tx.run(delete(sending).where(sending.c.at < before))
