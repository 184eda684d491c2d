"""Direct chats with the bot: which rooms they are, what was asked, what a reaction means."""

from __future__ import annotations

from base64 import b64decode, b64encode
from typing import TYPE_CHECKING, Any

from sqlalchemy import delete, insert, select, update

from sferum_bridge.store.sealing import SealBrokenError
from sferum_bridge.store.tables import attempts, dialogues, direct_rooms, offers
from sferum_bridge.store.tables import rooms as rooms_table

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sferum_bridge.store.database import Tx

FREE_FOR = 15 * 60_000
"""How long a question that any words answer takes words for its answer; milliseconds."""
_OFFER = "offer"
_EMOJI_STYLE = "\ufe0f"


async def add_room(tx: Tx, room_id: str, mxid: str) -> None:
    """Remember a direct chat of the bot with somebody."""
    await tx.put(direct_rooms, {"room_id": room_id, "mxid": mxid, "at": tx.now})


async def drop_room(tx: Tx, room_id: str) -> None:
    """Forget a direct chat that its person left."""
    await tx.run(delete(direct_rooms).where(direct_rooms.c.room_id == room_id))


async def room_with(tx: Tx, mxid: str) -> str:
    """Return the latest direct chat with somebody, empty when there is none.

    A room for their documents is one in which they are listened to; news do not go there.
    """
    c = direct_rooms.c
    of_documents = select(rooms_table.c.room_id).where(rooms_table.c.key == f"documents/{mxid}")
    mine = (c.mxid == mxid, c.room_id.not_in(of_documents))
    query = select(c.room_id).where(*mine).order_by(c.at.desc()).limit(1)
    return str(await tx.value(query) or "")


async def rooms(tx: Tx) -> Mapping[str, str]:
    """Return room id → Matrix id of every direct chat."""
    return {row.room_id: row.mxid for row in await tx.all(select(direct_rooms))}


async def open_dialogue(tx: Tx, mxid: str, state: Any) -> None:
    """Remember what is being asked of somebody; it replaces an earlier question."""
    sealed = tx.sealer.seal(state, "dialogue")
    await tx.put(dialogues, {"mxid": mxid, "sealed": sealed, "opened_at": tx.now})


async def amend(tx: Tx, mxid: str, state: Any) -> None:
    """Remember more with the question that is open; it stays as old as it is."""
    sealed = tx.sealer.seal(state, "dialogue")
    await tx.run(update(dialogues).where(dialogues.c.mxid == mxid).values(sealed=sealed))


async def dialogue(tx: Tx, mxid: str) -> tuple[Any, int] | None:
    """Return what is being asked of somebody and since when (milliseconds)."""
    row = await tx.first(select(dialogues).where(dialogues.c.mxid == mxid))
    return (tx.sealer.unseal(row.sealed, "dialogue"), row.opened_at) if row else None


async def close_dialogue(tx: Tx, mxid: str) -> None:
    """Forget what was being asked."""
    await tx.run(delete(dialogues).where(dialogues.c.mxid == mxid))


async def add_offer(tx: Tx, event_id: str, reaction: str, mxid: str, command: str) -> None:
    """Remember that tapping `reaction` under a message of the bot means `command`.

    Clients differ in whether they put a variation selector behind an emoji: it is left out.
    """
    row = {
        "event_id": event_id,
        "reaction": reaction.replace(_EMOJI_STYLE, ""),
        "mxid": mxid,
        # It may quote what somebody typed: papers of a removal, why an exception was made.
        "command": b64encode(tx.sealer.seal(command, _OFFER)).decode(),
        "at": tx.now,
    }
    await tx.add(offers, row)


async def offer(tx: Tx, event_id: str, reaction: str, mxid: str) -> str:
    """Return the command a person's reaction means, empty when none was offered to them."""
    c = offers.c
    query = select(c.command).where(c.event_id == event_id, c.reaction == reaction, c.mxid == mxid)
    kept = await tx.value(query)
    return offered(tx, kept) if kept else ""


def offered(tx: Tx, kept: str) -> str:
    """Return the command of a row of `offers`."""
    try:
        return str(tx.sealer.unseal(b64decode(kept, validate=True), _OFFER))
    except (ValueError, SealBrokenError):
        # Of the first version, which kept them open.
        return kept


async def latest_offer(tx: Tx, reaction: str, mxid: str) -> str:
    """Return the command of `reaction` under the last message that offered somebody any.

    Empty when that did not offer this one, and when something else has been asked since.
    """
    c = offers.c
    query = select(c.event_id, c.at).where(c.mxid == mxid).order_by(c.at.desc()).limit(1)
    latest = await tx.first(query)
    if latest is None:
        return ""
    asked = await dialogue(tx, mxid)
    if asked is not None and asked[1] > latest.at:
        return ""
    return await offer(tx, latest.event_id, reaction, mxid)


async def prune_keys(tx: Tx, before: int) -> None:
    """Forget open questions older than a time (milliseconds) that hold the key of a login."""
    c = dialogues.c
    for row in await tx.all(select(c.mxid, c.sealed).where(c.opened_at < before)):
        if "key" in tx.sealer.unseal(row.sealed, "dialogue"):
            await close_dialogue(tx, row.mxid)


async def note_attempt(tx: Tx, mxid: str, kind: str) -> None:
    """Count a try of something that is limited; `kind` says of what: `code`, `application`."""
    await tx.run(insert(attempts).values(mxid=mxid, kind=kind, at=tx.now))


async def attempts_since(tx: Tx, mxid: str, kind: str, since: int) -> tuple[int, int]:
    """Return how many tries there were since a time, and when the first was (milliseconds)."""
    c = attempts.c
    query = select(c.at).where(c.mxid == mxid, c.kind == kind, c.at >= since).order_by(c.at)
    times = [row.at for row in await tx.all(query)]
    return len(times), times[0] if times else 0


async def prune(tx: Tx, before: int) -> None:
    """Forget questions, offers and tries older than a time (milliseconds)."""
    await tx.run(delete(dialogues).where(dialogues.c.opened_at < before))
    await tx.run(delete(offers).where(offers.c.at < before))
    await tx.run(delete(attempts).where(attempts.c.at < before))


async def person_in(tx: Tx, room_id: str) -> str:
    """Return the Matrix id whose direct chat a room is, empty when it is none."""
    return str(
        await tx.value(select(direct_rooms.c.mxid).where(direct_rooms.c.room_id == room_id)) or ""
    )
