"""Who has reacted in the other network, shown in Matrix.

A row says who has reacted how by now, all of them. What is shown is compared with it and made the
same, person by person, each noted when it is done; so rows may come twice, and a kill repeats one
person's step, under the same transaction id, at most.
"""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from mautrix.errors import MatrixRequestError

from sferum_bridge.matrix import marks
from sferum_bridge.matrix.ghosts import DEVICE, Sender
from sferum_bridge.relay import puppets
from sferum_bridge.store import chats, reactions
from sferum_bridge.store.reactions import Key, Reaction

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sferum_bridge.matrix.client import Homeserver
    from sferum_bridge.matrix.ghosts import Ghosts
    from sferum_bridge.store.database import Database
    from sferum_bridge.store.queues import Item

log = logging.getLogger(__name__)

_VARIATION = "\ufe0f"
"""Asks for the coloured form of a sign; the same reaction comes with it and without."""


def marked(row: Mapping[str, Any], sender: Sender, content: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return content marked as the bridge's, where it is said in somebody's own name."""
    return {**content, puppets.MARK: row["network"]} if sender.puppet else content


class Reacting:
    """Carries out rows of reactions."""

    def __init__(self, db: Database, homeserver: Homeserver, ghosts: Ghosts) -> None:
        self._db = db
        self._homeserver = homeserver
        self._ghosts = ghosts

    async def show(self, item: Item) -> None:
        """Show who has reacted to a message by now; nothing where the message is not shown."""
        row = item.content
        key = Key(*row["origin"])
        async with self._db.read() as tx:
            event_id = await chats.event_of(
                tx, key.login_id, key.chat_id, key.message_id, row["room"]
            )
            known = await reactions.of_message(tx, key)
        if not event_id:
            return
        by = {user_id: (emoji, Sender(**who)) for user_id, (emoji, who) in row["by"].items()}
        # What somebody did here since this was heard is newer; its own news is to come.
        newer = {user_id for user_id, shown in known.items() if shown.at > item.since}
        for user_id, shown in known.items():
            wanted = by[user_id][0] if user_id in by else ""
            if shown.emoji and not _same(shown.emoji, wanted) and user_id not in newer:
                await self._tried(self._take_back(row, key, replace(shown, at=item.since)))
        for user_id, (emoji, sender) in by.items():
            before = known.get(user_id) or Reaction(user_id, "", "", "", 0)
            if not _same(before.emoji, emoji) and user_id not in newer:
                after = replace(
                    before,
                    emoji=emoji,
                    mxid=sender.mxid,
                    event_id="",
                    times=before.times + 1,
                    at=item.since,
                )
                await self._tried(self._add(row, key, after, sender, event_id))

    async def _tried(self, step: Any) -> None:
        """Do one person's step; another's is not lost because the homeserver refuses it."""
        try:
            await step
        except MatrixRequestError as e:
            code = getattr(e, "errcode", None) or e.http_status
            log.warning("The homeserver refused a reaction: %s", code)

    async def _take_back(self, row: Mapping[str, Any], key: Key, shown: Reaction) -> None:
        if shown.event_id:
            # With the event in it: Synapse answers a known id with what it redacted first.
            txn_id = f"{_txn_id(row, shown)}.r.{shown.event_id[1:13]}"
            sender = Sender(shown.mxid, puppet=not self._ghosts.is_ghost(shown.mxid))
            content = marked(row, sender, {})
            await marks.redact(
                self._homeserver, row["room"], shown.event_id, txn_id, sender, content
            )
        await self._save(key, replace(shown, emoji="", event_id=""))

    async def _add(
        self, row: Mapping[str, Any], key: Key, wanted: Reaction, sender: Sender, event_id: str
    ) -> None:
        await self._ghosts.ready(sender, row["room"])
        relation = {"rel_type": "m.annotation", "event_id": event_id, "key": wanted.emoji}
        try:
            sent = await self._homeserver.send(
                row["room"],
                "m.reaction",
                _txn_id(row, wanted),
                marked(row, sender, {"m.relates_to": relation}),
                user=sender.mxid,
                device=DEVICE,
                puppet=sender.puppet,
            )
        except MatrixRequestError as e:
            # The person reacted here too, in the same way: it is there, under an id of its own.
            if getattr(e, "errcode", "") != "M_DUPLICATE_ANNOTATION":
                raise
            there = await marks.reactions_by(self._homeserver, row["room"], event_id, sender.mxid)
            sent = there.get(wanted.emoji, "")
        await self._save(key, replace(wanted, event_id=sent))

    async def _save(self, key: Key, reaction: Reaction) -> None:
        async with self._db.write() as tx:
            await reactions.save(tx, key, reaction)


def _txn_id(row: Mapping[str, Any], reaction: Reaction) -> str:
    return f"{row['base']}.like.{reaction.user_id}.{reaction.times}"


def _same(one: str, other: str) -> bool:
    return one.replace(_VARIATION, "") == other.replace(_VARIATION, "")
