"""Who has reacted to a message of the other network, and which event shows it here.

One row for a person and a message; it stays when the reaction is taken back, since its count makes
the next one an event of its own.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import delete, select, update

from sferum_bridge.store.tables import reactions

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sferum_bridge.store.database import Tx


@dataclass(frozen=True, slots=True)
class Key:
    """A message, as one login knows it."""

    login_id: str
    chat_id: str
    message_id: str


@dataclass(frozen=True, slots=True)
class Reaction:
    """One person's reaction; without an emoji it was taken back."""

    user_id: str
    emoji: str
    event_id: str
    """The event that shows it; empty where it is not known."""
    mxid: str
    """Who sent that event."""
    times: int
    """How many reactions of the person to the message were shown so far."""
    at: int = 0
    """When it was known to be so, in milliseconds: what was heard before does not change it."""


async def of_message(tx: Tx, key: Key) -> Mapping[str, Reaction]:
    """Return user id → the reaction to a message."""
    c = reactions.c
    same = (
        c.login_id == key.login_id,
        c.chat_id == key.chat_id,
        c.message_id == key.message_id,
    )
    rows = await tx.all(select(reactions).where(*same))
    return {
        r.user_id: Reaction(r.user_id, r.emoji, r.event_id, r.mxid, r.times, r.at) for r in rows
    }


async def save(tx: Tx, key: Key, reaction: Reaction) -> None:
    """Remember a person's reaction to a message, in place of an earlier one.

    Also what somebody reacts with here is remembered, so that its echo is known as such. It is of
    `reaction.at`, 0: of now.
    """
    row = {
        "login_id": key.login_id,
        "chat_id": key.chat_id,
        "message_id": key.message_id,
        "user_id": reaction.user_id,
        "emoji": reaction.emoji,
        "event_id": reaction.event_id,
        "mxid": reaction.mxid,
        "times": reaction.times,
        "at": reaction.at or tx.now,
    }
    await tx.put(reactions, row)


async def confirm(tx: Tx, key: Key, user_id: str, event_id: str) -> None:
    """Note that the network has a reaction of ours now, if it is still the person's."""
    c = reactions.c
    same = (c.login_id == key.login_id, c.chat_id == key.chat_id, c.message_id == key.message_id)
    ours = (c.user_id == user_id, c.event_id == event_id)
    await tx.run(update(reactions).where(*same, *ours).values(at=tx.now))


async def forget_login(tx: Tx, login_id: str) -> None:
    """Forget every reaction known through a login."""
    await tx.run(delete(reactions).where(reactions.c.login_id == login_id))
