"""Taking back the last import in the chat (§4.3): asked once more, undone, what is left is told."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sferum_bridge.bot import importing_shown, register
from sferum_bridge.bot.commands import Name
from sferum_bridge.store import batches, dialogues, imports
from sferum_bridge.store.batches import NotUndoableError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sferum_bridge.bot.commands import Command
    from sferum_bridge.bot.talk import Talk
    from sferum_bridge.store.schools import SchoolRecord

_DAY = 24 * 3_600_000


async def ask(talk: Talk, topic: str, records: Sequence[SchoolRecord]) -> None:
    """Ask whether the last import of these schools is to be undone, as a dialogue of `topic`."""
    found = [
        (batch, record)
        for record in records
        for batch in await batches.of_school(talk.tx, record.id)
        if batch.kind == "import" and batch.undone_at is None
    ]
    if not found:
        await talk.reply("import-undo-none")
        return
    batch, record = max(found, key=lambda one: one[0].at)
    state = {"topic": topic, "asks": "undo", "school": record.id, "batch": batch.id}
    await dialogues.open_dialogue(talk.tx, talk.mxid, state)
    at = register.moment(record, batch.at)
    await talk.reply("import-undo-ask", label=batch.label, at=at, count=batch.changes)


async def go_on(talk: Talk, state: Mapping[str, Any], command: Command) -> None:
    """Undo it if that was confirmed by who may still, or leave it."""
    if command.name is Name.CANCEL:
        await dialogues.close_dialogue(talk.tx, talk.mxid)
        await talk.reply("cancelled")
    elif command.name is not Name.CONFIRM:
        await talk.reply("import-undo-how")
    elif not await register.administered_one(talk.tx, talk.person_id, str(state["school"])):
        await dialogues.close_dialogue(talk.tx, talk.mxid)
        await talk.reply("import-right")
    else:
        await dialogues.close_dialogue(talk.tx, talk.mxid)
        days = talk.settings.batch_life / _DAY
        people = await importing_shown.names_of(talk.tx, str(state["school"]))
        try:
            undone = await imports.undo(talk.tx, str(state["batch"]), talk.actor, days=days)
        except NotUndoableError:
            await talk.reply("import-undo-none")
            return
        await talk.answer(importing_shown.undone(talk, undone, people))
