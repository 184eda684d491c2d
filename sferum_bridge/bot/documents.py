"""«Мои документы»: a store of one's own, kept through the chat with the bot (S-40, scenario 30).

    a file in the direct chat ─► judged ─► taken in, told, taken out of the chat ─┐
    «получить 2» ─► back in the chat for a while                                  ├ done by
    «поделиться 2» ─► to which teacher? ─► ✅ ─► a copy in the teacher's chat     ─┘ the keeper

Nobody but the owner is ever told that there is a document: not by number, name or id, for every
look asks for the owner's alone. What goes to a teacher is a copy, and what becomes of the document
does not matter to it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sferum_bridge.bot import document_asking, document_copies, documents_shown, register
from sferum_bridge.bot.commands import Name
from sferum_bridge.bot.document_asking import TOPIC
from sferum_bridge.school import documents as rules
from sferum_bridge.store import dialogues, documents
from sferum_bridge.store.documents import LATER, OpenFile

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sferum_bridge.bot.commands import Command
    from sferum_bridge.bot.events import Enclosed
    from sferum_bridge.bot.talk import Talk
    from sferum_bridge.store.documents import Document

_ROOM, _ARCHIVE = frozenset({"комната", "room"}), frozenset({"архив", "zip", "archive"})
_KINDS = frozenset({"типы", "types"})
_ENTRY = 1024
"""What a document takes of an archive beside its bytes, at most."""
_UPLOADED = 3_600_000
"""A file put up earlier before its message was not put up for it; milliseconds."""


async def receive(talk: Talk, file: Enclosed) -> bool:
    """Take a file that was sent to the bot into its sender's store; tell whether it was for that.

    What is refused is taken out of the chat as well: it was meant for no one else.
    """
    if talk.person is None or talk.settings.is_elsewhere(talk.mxid):
        return False
    settings = talk.settings.documents
    ties = await register.ties(talk.tx, talk.person_id)
    if not settings.has_store({reason.role.value for tie in ties for reason in tie.reasons}):
        if settings.roles and not talk.said:
            await talk.reply("documents-right", contact=talk.settings.support_contact)
            return True
        return False
    name = rules.name_of(talk.said, file.name, file.mime)
    if not file.media:
        await talk.reply("documents-encrypted", name=name)
        return True
    used = await documents.used(talk.tx, talk.person_id)
    refusal = settings.judge(name, file.mime, file.size, used)
    since = (file.sent_at or talk.tx.now) - _UPLOADED
    due = talk.tx.now if refusal else LATER
    shown = (talk.room_id, talk.event_id, talk.mxid)
    for media in filter(None, (file.media, file.thumbnail)):
        await documents.note_open(talk.tx, OpenFile(media, talk.person_id, *shown, since, due))
    if refusal:
        await talk.answer(documents_shown.refused(talk, refusal, name, used))
        return True
    document_id = await documents.add(
        talk.tx, talk.person_id, name, rules.mime_of(name, file.mime), max(file.size, 1)
    )
    await document_asking.have_done(
        talk,
        "take",
        document=document_id,
        name=name,
        media=file.media,
        thumbnail=file.thumbnail,
        event=talk.event_id,
    )
    return True


# --- the store --------------------------------------------------------------------------------


async def show(talk: Talk, command: Command) -> None:
    """List what somebody keeps, with what fits; or make the room, or the archive."""
    said = command.argument.strip(" .!").casefold()
    if said in _KINDS:
        await talk.answer(documents_shown.kinds(talk))
    elif said in _ROOM:
        if await documents_shown.is_for(talk):
            await document_asking.have_done(talk, "room")
    elif said in _ARCHIVE:
        await _archive(talk)
    elif said:
        await get(talk, command)
    else:
        await documents_shown.listed(talk)


async def get(talk: Talk, command: Command) -> None:
    """Hand a document back into the chat, for a while."""
    found = await document_asking.meant(talk, command, command.argument)
    if found is not None:
        await document_asking.have_done(
            talk, "give", documents=[found.id], name=found.name, to=talk.mxid
        )


async def rename(talk: Talk, command: Command) -> None:
    """Have a document be called otherwise: its number and the new name, or asked for."""
    which, _, wish = command.argument.partition(" ")
    found = await document_asking.meant(talk, command, which)
    if found is None:
        return
    if wish.strip():
        await _rename(talk, found, wish)
        return
    state = {"topic": TOPIC, "asks": "name", "id": found.id, "free": True}
    await dialogues.open_dialogue(talk.tx, talk.mxid, state)
    await talk.reply("documents-name-ask", name=found.name)


async def remove(talk: Talk, command: Command) -> None:
    """Delete a document for good, after asking."""
    if await _is_sure(talk, command):
        return
    found = await document_asking.meant(talk, command, command.argument)
    if found is not None:
        text = talk.text("documents-delete-ask", name=found.name)
        await document_asking.ask_whether(talk, Name.DOCUMENT_DELETE, text, id=found.id)


async def go_on(talk: Talk, state: Mapping[str, Any], command: Command) -> None:
    """Take the answer to the question that is open."""
    asks = state.get("asks")
    if command.name is Name.CANCEL:
        await dialogues.close_dialogue(talk.tx, talk.mxid)
        await talk.reply("documents-cancelled")
    elif asks == "name" and talk.said.strip():
        await dialogues.close_dialogue(talk.tx, talk.mxid)
        found = await documents.one(talk.tx, talk.person_id, str(state["id"]))
        if found is None:
            await talk.reply("documents-gone")
        else:
            await _rename(talk, found, talk.said)
    elif asks != "name" and command.name is Name.CONFIRM and not command.argument:
        await _carry_out(talk, state)
    else:
        await talk.reply("documents-tap")


async def _archive(talk: Talk) -> None:
    own = await documents.of(talk.tx, talk.person_id)
    if not own:
        await talk.reply("documents-none")
        return
    sizes = [each.size + _ENTRY for each in own]
    parts = rules.volumes(sizes, talk.settings.documents.archive)
    for number, part in enumerate(parts, 1):
        ids = [own[place].id for place in part]
        name = talk.text("documents-archive-name", number=str(number), of=str(len(parts))).body
        await document_asking.have_done(talk, "zip", number, documents=ids, name=name, to=talk.mxid)


async def _rename(talk: Talk, found: Document, wish: str) -> None:
    name = rules.renamed(found.name, wish)
    if not name:
        await talk.reply("documents-name-none")
        return
    others = [each for each in await documents.of(talk.tx, talk.person_id) if each.id != found.id]
    name = rules.unlike(name, [each.name for each in others])
    await documents.rename(talk.tx, found, name)
    await talk.reply("documents-renamed", old=found.name, name=name)


async def share(talk: Talk, command: Command) -> None:
    """Pass a copy on to a teacher, after asking to whom."""
    if not await _is_sure(talk, command):
        await document_copies.choose(talk, command)


# --- what was asked about -----------------------------------------------------------------------


async def _is_sure(talk: Talk, command: Command) -> bool:
    """Carry out what was confirmed by a tap, if nothing else was asked since; tell whether."""
    word, _, key = command.argument.partition(" ")
    if not command.offered or word != "sure":
        return False
    asked = await dialogues.dialogue(talk.tx, talk.mxid)
    state = asked[0] if asked else {}
    if state.get("topic") == TOPIC and state.get("key") == key:
        await _carry_out(talk, state)
    else:
        await talk.reply("documents-gone")
    return True


async def _carry_out(talk: Talk, state: Mapping[str, Any]) -> None:
    await dialogues.close_dialogue(talk.tx, talk.mxid)
    found = await documents.one(talk.tx, talk.person_id, str(state["id"]))
    if found is None:
        await talk.reply("documents-gone")
    elif state["asks"] == Name.DOCUMENT_DELETE.value:
        await documents.remove(talk.tx, found)
        await talk.reply("documents-deleted", name=found.name)
    else:
        await document_copies.pass_on(talk, found, str(state["to"]))
