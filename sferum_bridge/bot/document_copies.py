"""A copy of a personal document for a teacher: to whom it may go, and passing it on (S-40).

A document is its owner's alone; what a teacher gets is a copy in their own chat with the bot, which
goes from there after a time. To whom it may go is looked at when it is chosen and when it is
confirmed: teachers whom the owner may write to (`school.documents.recipients`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sferum_bridge.bot import commands, document_asking, register
from sferum_bridge.bot.commands import Name
from sferum_bridge.bot.texts import bullets, paragraphs
from sferum_bridge.matrix.outbox import Offer
from sferum_bridge.school import classes
from sferum_bridge.school import documents as rules
from sferum_bridge.store import accounts, audit, schools

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sferum_bridge.bot.commands import Command
    from sferum_bridge.bot.talk import Talk
    from sferum_bridge.school.people import Person
    from sferum_bridge.store.documents import Document
    from sferum_bridge.store.schools import SchoolRecord

_NUMBERS = ("1️⃣", "2️⃣", "3️⃣", "4️⃣", "5️⃣", "6️⃣", "7️⃣", "8️⃣", "9️⃣")


async def choose(talk: Talk, command: Command) -> None:
    """Ask to whom a copy is to go, and whether it really is."""
    which, _, whom = command.argument.partition(" ")
    found = await document_asking.meant(talk, command, which)
    if found is None:
        return
    everybody = await _recipients(talk)
    fitting = [one for one in everybody if _is_called(one[0], whom)]
    if not fitting:
        await talk.reply("documents-share-nobody" if not everybody else "documents-share-unknown")
    elif len(fitting) == 1:
        teacher, _ = fitting[0]
        text = talk.text("documents-share-ask", name=found.name, whom=teacher.formal_name)
        await document_asking.ask_whether(
            talk, Name.DOCUMENT_SHARE, text, id=found.id, to=teacher.id
        )
    else:
        word = commands.word(Name.DOCUMENT_SHARE, talk.language)
        shown = fitting[: len(_NUMBERS)]
        offers = [
            Offer(number, f"{word} {found.id} {one.id}")
            for number, (one, _) in zip(_NUMBERS, shown, strict=False)
        ]
        lines = [
            talk.text("documents-share-line", number=number, name=one.formal_name)
            for number, (one, _) in zip(_NUMBERS, shown, strict=False)
        ]
        head = talk.text("documents-share-whom", name=found.name)
        await talk.answer(paragraphs([head, bullets(lines)]), offers)


async def _recipients(talk: Talk) -> Sequence[tuple[Person, SchoolRecord]]:
    """Return the teachers a copy may go to today, each with the school they are one at."""
    found: dict[str, tuple[Person, SchoolRecord]] = {}
    for record in await register.schools_of(talk.tx, talk.person_id):
        here = await schools.load(talk.tx, record.id)
        contacts = talk.settings.documents.contacts
        ids = rules.recipients(here, record.day(talk.tx.now), talk.person_id, contacts)
        for person_id in ids:
            found.setdefault(person_id, (here.people[person_id], record))
    return sorted(found.values(), key=lambda one: (one[0].full_name, one[0].id))


def _is_called(person: Person, said: str) -> bool:
    if said == person.id:
        return True
    names = f"{person.family_name} {person.given_name} {person.middle_name}".split()
    known = {classes.key(name) for name in names}
    return all(classes.key(word) in known for word in said.split())


async def pass_on(talk: Talk, found: Document, teacher_id: str) -> None:
    """Have a copy brought to a teacher, if it still may go there; that is recorded."""
    allowed = {person.id: (person, record) for person, record in await _recipients(talk)}
    if teacher_id not in allowed:
        await talk.reply("documents-share-unknown")
        return
    teacher, record = allowed[teacher_id]
    mxids = await accounts.mxids_of(talk.tx, teacher.id)
    if not mxids:
        await talk.reply("documents-share-no-account", name=teacher.formal_name)
        return
    audit.record(
        talk.tx, talk.actor, "document.share", talk.person_id, f"to {teacher.id}", school=record.id
    )
    language = await talk.language_of(teacher.id)
    mine = talk.person.full_name if talk.person else ""
    for number, mxid in enumerate(mxids, 1):
        await document_asking.have_done(
            talk,
            "share",
            number,
            documents=[found.id],
            name=found.name,
            to=mxid,
            to_language=language,
            to_name=teacher.formal_name,
            owner=mine,
            # Told once, however many accounts the teacher has.
            is_first=number == 1,
        )
