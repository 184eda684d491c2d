"""The other network: logins, linked chats, ghosts, and which message became which event."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import asdict, dataclass
from hashlib import blake2b
from typing import TYPE_CHECKING, Any

from sqlalchemy import bindparam, case, delete, insert, select, update

from sferum_bridge.store import schools, state
from sferum_bridge.store.tables import chats, ghosts, logins, message_map, sending

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from sqlalchemy import ColumnElement, Row

    from sferum_bridge.store.database import Tx

LOGINS_BELL = "logins"
VOICES_BELL = "voices"
"""Rung when a login or a link is new, by which somebody may come to be heard (`store.voices`)."""
HEARD = "login.heard/"
"""Under this and the login's id `state` has when the network last answered it (milliseconds)."""
_UNSEEN = re.compile("[\u00ad\u200b\u2060\ufe0e\ufe0f\ufeff]")
_LARGEST_RANDOM_ID = 2**31 - 1

_LOGINS = select(logins).order_by(logins.c.id)
_OF_ROOM = select(chats).where(chats.c.room_id == bindparam("room_id"))
_BY_EVENT = (
    select(message_map)
    .where(message_map.c.event_id == bindparam("event_id"))
    .order_by(message_map.c.part)
)
_IS_MAPPED = (
    select(message_map.c.part)
    .where(
        message_map.c.login_id == bindparam("login_id"),
        message_map.c.chat_id == bindparam("chat_id"),
        message_map.c.message_id == bindparam("message_id"),
    )
    .limit(1)
)
_RANDOM_ID = select(sending.c.random_id).where(
    sending.c.event_id == bindparam("event_id"), sending.c.part == bindparam("part")
)
_ECHO = select(sending.c.event_id, sending.c.part).where(
    sending.c.login_id == bindparam("login_id"),
    sending.c.chat_id == bindparam("chat_id"),
    sending.c.random_id == bindparam("random_id"),
)
_PLACES = (
    select(chats)
    .where(
        chats.c.login_id == bindparam("login_id"),
        chats.c.chat_id.in_(bindparam("chat_ids", expanding=True)),
    )
    .order_by(chats.c.chat_id)
)
_HEARD = (
    update(logins).where(logins.c.id == bindparam("login_id")).values(cursor=bindparam("position"))
)
_SEEN = (
    update(chats)
    .where(chats.c.login_id == bindparam("of_login"), chats.c.chat_id == bindparam("of_chat"))
    .values(is_started=True, seen=bindparam("message_id"))
)


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
class Place:
    """How far a linked chat was taken in."""

    chat: Chat
    is_started: bool
    """Whether the messages from before the link were looked at."""
    seen: str
    """The last message that was queued for the room; empty while there was none."""


@dataclass(frozen=True, slots=True)
class Mapped:
    """One part of a message, on both sides."""

    chat_id: str
    message_id: str
    part: int
    room_id: str
    event_id: str
    from_matrix: bool
    sender: str = ""
    """Who said it here, where it came from the other network."""
    kind: str = ""
    """What of the message it shows, as `relay` calls it."""
    digest: str = ""
    """A keyed hash of what is shown; of a message from here, of the text that was sent.

    Behind it, after spaces, stand those of earlier texts of which the network may yet tell.
    """
    edits: int = 0
    """How often it was changed."""
    is_gone: bool = False
    """Whether it was deleted; it stays known so that nothing brings it back."""
    through: str = ""
    """The login it went out through, where it came from here; empty: the one it is known under."""

    @property
    def digests(self) -> Sequence[str]:
        """Return the digest of what it shows, and those of what it showed, the newest first."""
        return self.digest.split()


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
    tx.wake(VOICES_BELL)
    query = select(logins.c.id).where(
        logins.c.network == network, logins.c.account_id == account_id
    )
    return str(await tx.value(query))


async def all_logins(tx: Tx) -> Sequence[Login]:
    """Return every stored login but those that were forgotten (`store.logins`)."""
    return [
        Login(r.id, r.network, r.account_id, r.name, r.mxid, r.expired_at is not None)
        for r in await tx.all(_LOGINS)
        if r.name or r.mxid or r.expired_at is None
    ]


async def owner_of_account(tx: Tx, account_id: str) -> str:
    """Return the Matrix id of whoever logged in with an account of the network, else empty."""
    query = select(logins.c.mxid).where(logins.c.account_id == account_id, logins.c.mxid != "")
    return str(await tx.value(query.limit(1)) or "")


async def owner_of_room(tx: Tx, room_id: str) -> str:
    """Return the Matrix id of whose login a room's chat is linked through, else empty."""
    query = select(logins.c.mxid).join(chats, chats.c.login_id == logins.c.id)
    return str(await tx.value(query.where(chats.c.room_id == room_id)) or "")


async def login_secret(tx: Tx, login_id: str) -> str:
    """Return the secret that reopens a login."""
    sealed = await tx.value(select(logins.c.sealed).where(logins.c.id == login_id))
    return str(tx.sealer.unseal(sealed, "login"))


async def login_seal(tx: Tx, login_id: str) -> bytes:
    """Return the secret of a login as it lies sealed: another each time one is stored."""
    return bytes(await tx.value(select(logins.c.sealed).where(logins.c.id == login_id)) or b"")


async def cursor(tx: Tx, login_id: str) -> str:
    """Return how far a login has listened, empty for a new one."""
    return str(await tx.value(select(logins.c.cursor).where(logins.c.id == login_id)) or "")


async def set_cursor(tx: Tx, login_id: str, position: str) -> None:
    """Remember how far a login has listened, and that it was heard from now."""
    await tx.run(_HEARD, {"login_id": login_id, "position": position})
    await state.put(tx, HEARD + login_id, str(tx.now))


async def set_expired(tx: Tx, login_id: str, seal: bytes | None = None) -> bool:
    """Remember that a login is dead until its owner logs in again.

    With the `seal` of the secret that was refused only while it is the stored one: who logged in
    anew meanwhile did so with another. Returns whether that is so.
    """
    which = [logins.c.id == login_id]
    if seal is not None:
        which.append(logins.c.sealed == seal)
    return bool(await tx.run(update(logins).where(*which).values(expired_at=tx.now)))


# --- chats ----------------------------------------------------------------------------------


async def link(tx: Tx, chat: Chat) -> None:
    """Link a chat and a room, replacing what either was linked to."""
    await tx.run(delete(chats).where(chats.c.room_id == chat.room_id))
    same = (chats.c.login_id == chat.login_id, chats.c.chat_id == chat.chat_id)
    await tx.run(delete(chats).where(*same))
    await tx.run(insert(chats).values(linked_at=tx.now, **asdict(chat)))
    tx.wake(LOGINS_BELL)
    tx.wake(VOICES_BELL)
    tx.wake(schools.ROOMS_BELL)


async def move(tx: Tx, old: str, new: str) -> None:
    """Have the chat that is linked to a room go on in another one."""
    await tx.run(update(chats).where(chats.c.room_id == old).values(room_id=new))
    tx.wake(LOGINS_BELL)


async def all_chats(tx: Tx) -> Sequence[Chat]:
    """Return every linked chat."""
    return [Chat(r.login_id, r.chat_id, r.room_id, r.relay) for r in await tx.all(select(chats))]


async def linked_through(tx: Tx, login_id: str) -> Sequence[tuple[Chat, int]]:
    """Return every chat linked through a login, and since when (milliseconds)."""
    rows = await tx.all(select(chats).where(chats.c.login_id == login_id))
    return [(Chat(r.login_id, r.chat_id, r.room_id, r.relay), r.linked_at) for r in rows]


async def chat_of_room(tx: Tx, room_id: str) -> Chat | None:
    """Return the chat linked to a room."""
    r = await tx.first(_OF_ROOM, {"room_id": room_id})
    return Chat(r.login_id, r.chat_id, r.room_id, r.relay) if r else None


async def linked_among(tx: Tx, room_ids: Collection[str]) -> set[str]:
    """Return which of some rooms have a linked chat."""
    query = select(chats.c.room_id).where(chats.c.room_id.in_(room_ids))
    return {row.room_id for row in await tx.all(query)} if room_ids else set()


async def places(
    tx: Tx, login_id: str, chat_ids: Collection[str], *, hold: bool = False
) -> Sequence[Place]:
    """Return how far those of some chats that are linked through a login were taken in.

    With `hold` nobody hands them over or unlinks them while the transaction lasts.
    """
    c = chats.c
    if hold and tx.dialect == "postgresql":
        which = (c.login_id == login_id, c.chat_id.in_(chat_ids))
        await tx.all(select(c.chat_id).where(*which).order_by(c.room_id).with_for_update())
    asked = {"login_id": login_id, "chat_ids": list(chat_ids)}
    return [_place(r) for r in await tx.all(_PLACES, asked)]


async def not_started(tx: Tx, login_id: str) -> Sequence[Place]:
    """Return the chats linked through a login of which nothing was taken in yet."""
    c = chats.c
    query = select(chats).where(c.login_id == login_id, c.is_started.is_(False))
    return [_place(r) for r in await tx.all(query.order_by(c.chat_id))]


async def logins_to_begin(tx: Tx) -> set[str]:
    """Return the ids of logins through which chats are linked of which nothing was taken in yet."""
    query = select(chats.c.login_id).where(chats.c.is_started.is_(False)).distinct()
    return {row.login_id for row in await tx.all(query)}


def _place(r: Row[*tuple[Any, ...]]) -> Place:
    return Place(Chat(r.login_id, r.chat_id, r.room_id, r.relay), r.is_started, r.seen)


async def linked_at(tx: Tx, room_id: str) -> int:
    """Return when a room was linked, in milliseconds; 0 where it is not."""
    query = select(chats.c.linked_at).where(chats.c.room_id == room_id)
    return int(await tx.value(query) or 0)


async def set_seen(tx: Tx, login_id: str, chat_id: str, message_id: str) -> None:
    """Remember the last message of a chat that was queued; empty: that its beginning was."""
    if message_id:
        seen = {"of_login": login_id, "of_chat": chat_id, "message_id": message_id}
        await tx.run(_SEEN, seen)
        return
    same = (chats.c.login_id == login_id, chats.c.chat_id == chat_id)
    await tx.run(update(chats).where(*same).values(is_started=True))


async def pinned_event(tx: Tx, room_id: str) -> str:
    """Return the event that is known to be pinned in a room's chat, empty for none."""
    return (await _pins(tx, room_id))[0]


async def is_pinned_over(tx: Tx, room_id: str, event_id: str) -> bool:
    """Tell whether something newer was pinned from here after an event, and not heard of yet.

    Then the news of the event is of what is past.
    """
    return event_id in (await _pins(tx, room_id))[1:]


async def set_pinned_event(tx: Tx, room_id: str, event_id: str) -> None:
    """Remember the event that is pinned in a room's chat, and that it was heard of."""
    await _set_pins(tx, room_id, [event_id])


async def pin_over(tx: Tx, room_id: str, event_id: str) -> None:
    """Remember the event that is about to be pinned from here, and those before it."""
    earlier = await _pins(tx, room_id)
    if earlier[0] != event_id:
        await _set_pins(tx, room_id, [event_id, *(one for one in earlier if one != event_id)])


_NO_PIN = "-"
_MOST_PINS = 8


async def _pins(tx: Tx, room_id: str) -> Sequence[str]:
    query = select(chats.c.pinned_event).where(chats.c.room_id == room_id)
    noted = str(await tx.value(query) or "").split(" ")
    return ["" if one == _NO_PIN else one for one in noted]


async def _set_pins(tx: Tx, room_id: str, pins: Sequence[str]) -> None:
    noted = " ".join(one or _NO_PIN for one in pins[:_MOST_PINS]) if any(pins) else ""
    await tx.run(update(chats).where(chats.c.room_id == room_id).values(pinned_event=noted))


# --- ghosts ---------------------------------------------------------------------------------


async def ghost_name(tx: Tx, mxid: str) -> str | None:
    """Return the name a ghost carries, `None` when there is no such ghost yet."""
    name = await tx.value(select(ghosts.c.name).where(ghosts.c.mxid == mxid))
    return None if name is None else str(name)


async def save_ghost(tx: Tx, mxid: str, name: str) -> None:
    """Remember that a ghost exists and what it is called."""
    await tx.put(ghosts, {"mxid": mxid, "name": name})


async def ghost_picture(tx: Tx, mxid: str) -> str:
    """Return the digest of the picture a ghost carries, empty for none."""
    query = select(ghosts.c.avatar_url).where(ghosts.c.mxid == mxid)
    return str(await tx.value(query) or "")


async def set_ghost_picture(tx: Tx, mxid: str, digest: str) -> None:
    """Remember which picture a ghost carries, by its digest."""
    await tx.run(update(ghosts).where(ghosts.c.mxid == mxid).values(avatar_url=digest))


# --- messages -------------------------------------------------------------------------------


def digest_of(tx: Tx, said: str) -> str:
    """Return the keyed hash under which what is said in a part is known (`Mapped.digest`).

    Spaces, line breaks and signs nobody sees do not count, nor how an emoji or a letter of several
    signs is spelled: the network may write all of that its own way.
    """
    said = _UNSEEN.sub("", unicodedata.normalize("NFC", said))
    return tx.sealer.digest(" ".join(said.split()), "shown").hex()[:32]


async def map_message(tx: Tx, login_id: str, m: Mapped) -> None:
    """Remember which event a part of a message is; a second time changes nothing.

    What went out through another login than `login_id` is expected no more (`store.voices`).
    """
    row = {"login_id": login_id, "mapped_at": tx.now, **asdict(m)}
    await tx.add(message_map, row)
    if m.from_matrix and m.through not in {"", login_id}:
        s = sending.c
        known = (s.event_id == m.event_id, s.part == m.part)
        await tx.run(update(sending).where(*known).values(heard_in=""))


async def is_mapped(tx: Tx, login_id: str, chat_id: str, message_id: str) -> bool:
    """Tell whether a message is on both sides already, or was before it was deleted."""
    message = {"login_id": login_id, "chat_id": chat_id, "message_id": message_id}
    return await tx.value(_IS_MAPPED, message) is not None


async def by_event(tx: Tx, event_id: str) -> Sequence[Mapped]:
    """Return the parts an event became, or came from."""
    return [_mapped(r) for r in await tx.all(_BY_EVENT, {"event_id": event_id})]


async def parts_of(tx: Tx, login_id: str, chat_id: str, message_id: str) -> Sequence[Mapped]:
    """Return every part of a message, in order, those that are gone included."""
    query = select(message_map).where(*_of_message(login_id, chat_id, message_id))
    return [_mapped(r) for r in await tx.all(query.order_by(message_map.c.part))]


async def set_shown(
    tx: Tx, login_id: str, m: Mapped, *, digest: str, edits: int | None = None, late: bool = False
) -> None:
    """Remember what a part shows from now on, and how often it was changed.

    `late`: what was noted of the text since `m` was read is newer, and stays.
    """
    c = message_map.c
    which = (*_of_message(login_id, m.chat_id, m.message_id), c.part == m.part)
    newest = case((c.digest == m.digest, digest), else_=c.digest)
    values: dict[str, Any] = {"digest": newest if late else digest}
    if edits is not None:
        values["edits"] = edits
    await tx.run(update(message_map).where(*which).values(**values))


async def set_gone(tx: Tx, login_id: str, m: Mapped) -> None:
    """Remember that a part was deleted."""
    which = (*_of_message(login_id, m.chat_id, m.message_id), message_map.c.part == m.part)
    await tx.run(update(message_map).where(*which).values(is_gone=True))


def _of_message(login_id: str, chat_id: str, message_id: str) -> Sequence[ColumnElement[bool]]:
    c = message_map.c
    return (c.login_id == login_id, c.chat_id == chat_id, c.message_id == message_id)


def _mapped(r: Row[*tuple[Any, ...]]) -> Mapped:
    return Mapped(
        r.chat_id,
        r.message_id,
        r.part,
        r.room_id,
        r.event_id,
        r.from_matrix,
        r.sender,
        r.kind,
        r.digest,
        r.edits,
        r.is_gone,
        r.through,
    )


async def event_of(tx: Tx, login_id: str, chat_id: str, message_id: str, room_id: str = "") -> str:
    """Return the event that the first part of a message is, empty when there is none any more.

    With `room_id` only one there: a chat may have been linked to another room before.
    """
    c = message_map.c
    which = [*_of_message(login_id, chat_id, message_id), c.is_gone.is_(False)]
    if room_id:
        which.append(c.room_id == room_id)
    query = select(c.event_id).where(*which)
    return str(await tx.value(query.order_by(c.part).limit(1)) or "")


async def about_to_send(
    tx: Tx,
    login_id: str,
    chat_id: str,
    event_id: str,
    part: int,
    seed: str = "",
    *,
    digest: str = "",
    heard_in: str = "",
) -> int:
    """Note a part before it goes out, so that its echo is known; return its random id.

    The id is the same whenever the part is sent again, and no other part of the chat has it: the
    network would take the second for a repetition of the first and swallow it. A `seed` makes
    another id, for a part that is to be sent anew (`sending.renew`). `digest` is of what it says;
    `heard_in` the room where it is expected, if another login is to hear it (`store.voices`).
    """
    hashed = blake2b(f"{seed or event_id}/{part}".encode(), digest_size=4).digest()
    random_id = int.from_bytes(hashed, "big") & _LARGEST_RANDOM_ID or 1
    row = {"login_id": login_id, "chat_id": chat_id, "event_id": event_id, "part": part}
    row |= {"at": tx.now, "digest": digest, "heard_in": heard_in}
    # Nearly always it is the first time, and the id is free: one statement.
    while not await tx.add(sending, {**row, "random_id": random_id}):
        known = await tx.value(_RANDOM_ID, {"event_id": event_id, "part": part})
        if known is not None:
            return int(known)
        random_id = random_id % _LARGEST_RANDOM_ID + 1
    return random_id


async def echo_of(tx: Tx, login_id: str, chat_id: str, random_id: int) -> tuple[str, int] | None:
    """Return (event id, part) that we sent under a random id, `None` when it was not us."""
    sent = {"login_id": login_id, "chat_id": chat_id, "random_id": random_id}
    row = await tx.first(_ECHO, sent)
    return (row.event_id, row.part) if row else None


async def prune_sending(tx: Tx, before: int) -> int:
    """Forget what was sent before a time (milliseconds); return how many."""
    return await tx.run(delete(sending).where(sending.c.at < before))
