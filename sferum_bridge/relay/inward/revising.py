"""Messages of the other network that say something else by now, or are gone.

An edit is compared with what is shown, part by part: what differs is replaced, what is new is sent
under a number no part had, what is gone is redacted; what was deleted here does not come back. Each
step is noted when it is done, and its transaction id is made of the part and of how often it was
changed, so a kill repeats one step under the same id, and an edit that was heard twice finds
nothing to do.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from mautrix.errors import MatrixRequestError

from sferum_bridge.matrix import marks
from sferum_bridge.matrix.ghosts import Sender
from sferum_bridge.relay.inward import parts, to_matrix
from sferum_bridge.relay.inward.reacting import marked
from sferum_bridge.relay.inward.speaking import FORBIDDEN
from sferum_bridge.relay.inward.to_matrix import MESSAGE
from sferum_bridge.store import chats

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from sferum_bridge.matrix.client import Homeserver
    from sferum_bridge.matrix.ghosts import Ghosts
    from sferum_bridge.relay.inward.speaking import Speaking
    from sferum_bridge.relay.inward.wording import Phrase
    from sferum_bridge.store.chats import Mapped
    from sferum_bridge.store.database import Database
    from sferum_bridge.store.queues import Item


class Revising:
    """Carries out rows of edits and deletions."""

    def __init__(
        self,
        db: Database,
        homeserver: Homeserver,
        ghosts: Ghosts,
        speaking: Speaking,
        say: Callable[..., Phrase],
    ) -> None:
        self._db = db
        self._homeserver = homeserver
        self._ghosts = ghosts
        self._speaking = speaking
        self._say = say

    async def edit(self, item: Item) -> None:
        """Show what a message says by now."""
        row = item.content
        known = await self._renewed(row, await self._parts(row))
        live = [one for one in known if not one.is_gone]
        if any(one.from_matrix for one in known):
            await self._correct(row, live)
            return
        if not known:
            return  # written before the chat was linked
        said = [parts.Part(one["kind"], one["digest"]) for one in row["parts"]]
        shown = [parts.Part(one.kind, one.digest, one.part) for one in live]
        # What left the message over there has no digest any more: it may come back.
        gone = [parts.Part(one.kind, one.digest) for one in known if one.is_gone and one.digest]
        wanted = parts.wanted_still(said, shown, gone)
        used = max(one.part for one in known)
        plan = parts.plan(shown, [said[place] for place in wanted], used)
        by_number = {one.part: one for one in live}
        for number, place in plan.changed:
            await self._replace(item, by_number[number], row["parts"][wanted[place]])
        for number in plan.removed:
            await self._redact(row, by_number[number])
        for number, place in plan.added:
            await self._add(item, number, row["parts"][wanted[place]])

    async def delete(self, item: Item) -> None:
        """Redact every part of a message."""
        for one in await self._parts(item.content):
            if not one.is_gone:
                await self._redact(item.content, one)

    async def _renewed(self, row: Mapping[str, Any], known: Sequence[Mapped]) -> Sequence[Mapped]:
        """Return known parts; files of them that are noted by a former identity are noted anew."""
        known = sorted(known, key=lambda one: one.is_gone)
        noted = [one.digest for one in known]
        told = parts.renewed(
            noted, [(one.get("former", ""), one["digest"]) for one in row["parts"]]
        )
        if told == noted:
            return known
        found = []
        async with self._db.write() as tx:
            for one, digest in zip(known, told, strict=True):
                if digest != one.digest:
                    await chats.set_shown(tx, row["origin"][0], one, digest=digest, late=True)
                found.append(replace(one, digest=digest))
        return found

    async def _replace(self, item: Item, shown: Mapped, wanted: Mapping[str, Any]) -> None:
        row, edits = item.content, shown.edits
        is_own = shown.kind == parts.TEXT and row["said"] in shown.digests
        if is_own and row["said"] != shown.digests[0]:
            return  # its author has changed it here once more since
        if not is_own:  # else its author changed it here
            edits += 1
            name = f"{row['base']}.{shown.part}.e{edits}"
            event = await self._speaking.event(item, name, wanted)
            speaker = self._speaker(row, shown.sender)
            await self._speaking.change(_undated(row), name, speaker, event, shown.event_id)
            self._speaking.shown(name)
        await self._note(row, shown, wanted["digest"], edits)

    async def _add(self, item: Item, number: int, wanted: Mapping[str, Any]) -> None:
        row = item.content
        name = f"{row['base']}.{number}"
        event = await self._speaking.event(item, name, wanted)
        event_id, said_by = await self._speaking.speak(_undated(row), name, event)
        sender = said_by.mxid or self._homeserver.bot_mxid
        async with self._db.write() as tx:
            await chats.map_message(
                tx, row["origin"][0], mapped(row, number, event_id, sender, wanted)
            )
        self._speaking.shown(name)

    async def _correct(self, row: Mapping[str, Any], live: Sequence[Mapped]) -> None:
        """Show that a message from here was changed there, unless it is our own change's echo."""
        text = next((one for one in row["parts"] if one["kind"] == parts.TEXT), None)
        if not live or text is None or not live[0].digest:
            return
        if row["said"] in live[0].digests:
            if row["said"] == live[0].digests[0] != live[0].digest:
                # All was told: what it said before would be a change from now on.
                await self._note(row, live[0], row["said"], live[0].edits)
            return
        said = self._say("relay-corrected")
        content = {**text["content"], "body": f"{said.body} {text['content']['body']}"}
        if "formatted_body" in content:
            content["formatted_body"] = f"{said.html} {content['formatted_body']}"
        answer = to_matrix.answering(content, live[0].event_id)
        name = f"{row['base']}.{live[0].part}.c{live[0].edits + 1}"
        await self._speaking.speak(_undated(row), name, (MESSAGE, answer))
        await self._note(row, live[0], row["said"], live[0].edits + 1)

    async def _redact(self, row: Mapping[str, Any], one: Mapped) -> None:
        """Redact a part; an event of several parts only when the last of them is gone."""
        async with self._db.read() as tx:
            others = [part for part in await chats.by_event(tx, one.event_id) if part != one]
        if all(part.is_gone for part in others):
            await self._redact_event(row, one)
        async with self._db.write() as tx:
            await chats.set_shown(tx, row["origin"][0], one, digest="")
            await chats.set_gone(tx, row["origin"][0], one)

    async def _redact_event(self, row: Mapping[str, Any], one: Mapped) -> None:
        """Redact as who said it, or as the bot: what came from here, and where that is refused."""
        speaker = Sender() if one.from_matrix else self._speaker(row, one.sender)
        # What it said in between stands in the edits, which outlive it.
        edits = await marks.edits_of(self._homeserver, row["room"], one.event_id)
        for event_id in [*edits, one.event_id]:
            where = (self._homeserver, row["room"], event_id)
            txn_id = f"{row['base']}.{one.part}.r.{event_id[1:13]}"
            try:
                await marks.redact(*where, txn_id, speaker, marked(row, speaker, {}))
            except MatrixRequestError as e:
                if e.http_status != FORBIDDEN or not speaker.mxid:
                    raise
                await marks.redact(*where, f"{txn_id}.bot", Sender(), {})

    async def _parts(self, row: Mapping[str, Any]) -> Sequence[Mapped]:
        """Return the parts of the row's message that are or were in its room."""
        async with self._db.read() as tx:
            known = await chats.parts_of(tx, *row["origin"])
        return [one for one in known if one.room_id == row["room"]]

    async def _note(self, row: Mapping[str, Any], one: Mapped, digest: str, edits: int) -> None:
        async with self._db.write() as tx:
            await chats.set_shown(tx, row["origin"][0], one, digest=digest, edits=edits, late=True)

    def _speaker(self, row: Mapping[str, Any], mxid: str) -> Sender:
        """Return as whom to change what an account said."""
        for given in (row["as"], row["otherwise"]):
            if given and given["mxid"] == mxid:
                return Sender(**given)
        if mxid in {"", self._homeserver.bot_mxid}:
            return Sender()
        return Sender(mxid, puppet=not self._ghosts.is_ghost(mxid))


def mapped(
    row: Mapping[str, Any], number: int, event_id: str, sender: str, part: Mapping[str, Any]
) -> Mapped:
    """Return what is noted of a part that was sent."""
    _, chat_id, message_id = row["origin"]
    return chats.Mapped(
        chat_id,
        message_id,
        number,
        row["room"],
        event_id,
        from_matrix=False,
        sender=sender,
        kind=part["kind"],
        digest=part["digest"],
    )


def _undated(row: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return a row whose events happen now, and not when the message was written."""
    return {**row, "ts": 0}
