"""Logins to the other network as their owners see them: since when, heard when, forgotten.

A login that is forgotten keeps its row, without secret, name or owner: messages of rooms are known
under it, and whoever logs in with the same account again goes on there, with nothing shown twice.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import delete, select, update

from sferum_bridge.store import chats, former, queues, schools, state, voices
from sferum_bridge.store.tables import chats as chats_table
from sferum_bridge.store.tables import logins

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sferum_bridge.store.chats import Chat, Login
    from sferum_bridge.store.database import Tx

SFERUM = "sferum"
"""What the network is called in the store."""
LOST = "login-lost"
"""The news that a login needs its owner; its content has `login`, and whether to `confirm` it."""

_SINCE = "login.since/"


@dataclass(frozen=True, slots=True)
class Standing:
    """Times of a login in milliseconds; 0 where there was none."""

    since: int
    heard: int


async def seals(tx: Tx) -> Mapping[str, bytes]:
    """Return login id → its secret as it lies sealed: another each time one is stored."""
    return {r.id: bytes(r.sealed) for r in await tx.all(select(logins.c.id, logins.c.sealed))}


async def begin(tx: Tx, login_id: str) -> None:
    """Note that somebody logged in now."""
    await state.put(tx, _SINCE + login_id, str(tx.now))


async def standing(tx: Tx, login_id: str) -> Standing:
    """Return since when a login is there, and when the network last answered it."""
    since = await state.get(tx, _SINCE + login_id)
    heard = await state.get(tx, chats.HEARD + login_id)
    return Standing(int(since or 0), int(heard or 0))


async def of_account(tx: Tx, network: str, account_id: str) -> Login | None:
    """Return the login of an account of the network, also an expired one."""
    for login in await chats.all_logins(tx):
        if (login.network, login.account_id) == (network, account_id):
            return login
    return None


async def of_people(tx: Tx, mxids: Sequence[str]) -> Sequence[Login]:
    """Return the logins that some Matrix accounts own, in a stable order."""
    return [login for login in await chats.all_logins(tx) if login.mxid and login.mxid in mxids]


async def chats_of(tx: Tx, login_id: str) -> Sequence[Chat]:
    """Return the chats linked through a login."""
    return [chat for chat in await chats.all_chats(tx) if chat.login_id == login_id]


async def forget(tx: Tx, login_id: str) -> None:
    """Erase the secret of a login, whose it was and its name; no chat may be linked through it."""
    nothing = {"mxid": "", "name": "", "sealed": tx.sealer.seal("", "login"), "cursor": ""}
    await tx.run(update(logins).where(logins.c.id == login_id).values(**nothing, expired_at=tx.now))
    await voices.forget(tx, login_id)
    await state.drop(tx, _SINCE + login_id)
    await state.drop(tx, chats.HEARD + login_id)
    tx.wake(chats.LOGINS_BELL)


async def unlink(tx: Tx, room_id: str, *, resumes: bool = False) -> None:
    """Unlink whatever chat is linked to a room; linked again, it goes on there (`store.former`)."""
    await former.note(tx, room_id, resumes=resumes)
    await tx.run(delete(chats_table).where(chats_table.c.room_id == room_id))
    tx.wake(chats.LOGINS_BELL)
    tx.wake(schools.ROOMS_BELL)


async def are_at_rest(tx: Tx, room_ids: Sequence[str]) -> bool:
    """Tell whether nothing is under way between rooms and their chats; they stay so in `tx`.

    Whoever queues what was heard in a chat holds its row (`chats.places`), and is waited for; what
    is queued from now on waits for the end of the transaction, and finds its chat as it is then.
    """
    which = chats_table.c.room_id.in_(room_ids)
    query = select(chats_table.c.room_id).where(which).order_by(chats_table.c.room_id)
    await tx.all(query.with_for_update())
    await queues.hold(tx)
    busy = [lane for q in (queues.INBOX, queues.OUTBOX) for lane in await queues.lanes(tx, q)]
    return not any(lane.endswith(tuple(room_ids)) for lane in busy)


async def hand_over(tx: Tx, room_id: str, heir: str, chat_id: str) -> None:
    """Have the chat of a room go on through another login, which knows it by another id.

    A chat numbers its messages alike for all its members, so what is known of them goes along and
    nothing is shown twice. What was written around this moment is taken in like the end of a chat
    that was linked just now. To be heard through a login was its owner's word, so it ends. The room
    has to be at rest: what is under way would be noted under the old login.
    """
    old = await chats.chat_of_room(tx, room_id)
    if old is None:
        return
    known = former.Former(old.login_id, old.chat_id, "")
    await former.inherit(tx, known, heir, chat_id)
    await tx.run(
        update(chats_table)
        .where(chats_table.c.room_id == room_id)
        .values(login_id=heir, chat_id=chat_id, relay=False, is_started=False)
    )
    await voices.drop(tx, room_id, heir)
    tx.wake(chats.LOGINS_BELL)


async def set_relay(tx: Tx, room_id: str, *, relay: bool) -> None:
    """Have members without a login be heard through the login of a room's chat, or no more."""
    await tx.run(update(chats_table).where(chats_table.c.room_id == room_id).values(relay=relay))
    tx.wake(chats.LOGINS_BELL)
