"""What the commands about documents have in common: which one is meant, asking, having it done."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sferum_bridge.bot import commands, documents_shown
from sferum_bridge.bot.commands import Name
from sferum_bridge.bot.talk import digest
from sferum_bridge.matrix.outbox import Offer
from sferum_bridge.store import dialogues, documents

if TYPE_CHECKING:
    from sferum_bridge.bot.commands import Command
    from sferum_bridge.bot.talk import Talk
    from sferum_bridge.bot.texts import Text
    from sferum_bridge.store.documents import Document

TOPIC = "documents"
_LONGEST_NUMBER = 6


async def have_done(talk: Talk, kind: str, number: int = 0, **more: Any) -> None:
    """Have `document_keeper` do something with files."""
    row = {
        "kind": kind,
        "sender": talk.mxid,
        "person": talk.person_id,
        "room": talk.room_id,
        "language": talk.language,
        **more,
    }
    name = f"{kind}.{digest(talk.event_id)}.{number}"
    await documents.ask(talk.tx, talk.person_id, name, row)


async def meant(talk: Talk, command: Command, said: str) -> Document | None:
    """Return the own document that was meant, by number, name or tap; `None` after saying so."""
    own = await documents.of(talk.tx, talk.person_id)
    said = said.strip(" .«»\"'")
    if not said or not own:
        await documents_shown.listed(talk)
        return None
    if command.offered:
        found = [each for each in own if each.id == said]
    elif said.isdecimal():
        place = int(said[:_LONGEST_NUMBER])
        found = [*own[place - 1 : place]] if place else []
    else:
        found = [each for each in own if said.casefold() in each.name.casefold()]
    if len(found) == 1:
        return found[0]
    await talk.reply("documents-which" if found else "documents-gone")
    return None


async def ask_whether(talk: Talk, name: Name, text: Text, **what: str) -> None:
    """Ask whether something is really to be done; `name` is the command it was asked for by."""
    key = digest(talk.event_id)
    state = {"topic": TOPIC, "asks": name.value, "key": key, **what}
    await dialogues.open_dialogue(talk.tx, talk.mxid, state)
    yes = Offer("✅", f"{commands.word(name, talk.language)} sure {key}")
    no = Offer("❌", commands.word(Name.CANCEL, talk.language))
    await talk.answer(text, [yes, no])
