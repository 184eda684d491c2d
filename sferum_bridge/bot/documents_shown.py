"""How a store of documents is shown to its owner: what is in it, what fits, why something does not.

Limits are said before anybody sends a file and wherever one is refused (S-40).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sferum_bridge.bot import commands, register
from sferum_bridge.bot.commands import Name
from sferum_bridge.bot.texts import bullets, fitting, paragraphs, quoted
from sferum_bridge.matrix.outbox import Offer
from sferum_bridge.school.attachments import MEGABYTE
from sferum_bridge.school.documents import Refusal
from sferum_bridge.store import documents

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sferum_bridge.bot.talk import Talk
    from sferum_bridge.bot.texts import Text, Texts
    from sferum_bridge.school.documents import Used
    from sferum_bridge.store.documents import Document
    from sferum_bridge.store.schools import SchoolRecord

_NUMBERS = ("1️⃣", "2️⃣", "3️⃣", "4️⃣", "5️⃣", "6️⃣", "7️⃣", "8️⃣", "9️⃣")
_KILOBYTE = 1024
_COMMON = ("pdf", "jpg", "png", "heic", "doc", "docx", "odt", "xls", "xlsx", "txt", "zip")
"""Kinds that are named first, where they are allowed."""


def size(texts: Texts, language: str, of_bytes: int) -> str:
    """Return a size as people read it."""
    if of_bytes >= MEGABYTE:
        count = round(of_bytes / MEGABYTE, 1)
        return texts.text(language, "documents-megabytes", count=count).body
    count = -(-of_bytes // _KILOBYTE)
    return texts.text(language, "documents-kilobytes", count=count).body


async def listed(talk: Talk) -> None:
    """Answer with what somebody keeps and with what fits, the first ones to be tapped."""
    own = await documents.of(talk.tx, talk.person_id)
    if not own and not await is_for(talk):
        return
    used = await documents.used(talk.tx, talk.person_id)
    at = await _clock(talk)
    word = commands.word(Name.DOCUMENT_GET, talk.language)
    offers = [
        Offer(number, f"{word} {each.id}") for number, each in zip(_NUMBERS, own, strict=False)
    ]
    await talk.answer(_store(talk, own, used, at), offers)


async def is_for(talk: Talk) -> bool:
    """Tell whether somebody may put documents in today, after having said so if not."""
    ties = await register.ties(talk.tx, talk.person_id)
    roles = {reason.role.value for tie in ties for reason in tie.reasons}
    if talk.settings.documents.has_store(roles):
        return True
    await talk.reply("documents-right", contact=talk.settings.support_contact)
    return False


async def _clock(talk: Talk) -> SchoolRecord | None:
    """Return the school by whose clock times are shown; `None` where there is none any more."""
    return next(iter(await register.schools_of(talk.tx, talk.person_id)), None)


def _store(talk: Talk, own: Sequence[Document], used: Used, clock: SchoolRecord | None) -> Text:
    """Return everything in a store, with what can be done and what fits."""
    if not own:
        return paragraphs([talk.text("documents-none"), _limits(talk)])
    rules = talk.settings.documents
    head = talk.text(
        "documents-head",
        used=size(talk.texts, talk.language, used.size),
        quota=size(talk.texts, talk.language, rules.quota),
    )
    lines = [_line(talk, number, each, clock) for number, each in enumerate(own, 1)]
    return paragraphs([head, bullets(fitting(lines)), talk.text("documents-how"), _limits(talk)])


def _line(talk: Talk, number: int, one: Document, clock: SchoolRecord | None) -> Text:
    values = {"number": str(number), "name": one.name}
    values["size"] = size(talk.texts, talk.language, one.size)
    if clock is None:
        return talk.text("documents-line-undated", **values)
    return talk.text("documents-line", **values, at=register.moment(clock, one.at))


def _limits(talk: Talk) -> Text:
    """Return how large, how many and of what kind documents may be."""
    rules = talk.settings.documents
    return talk.text(
        "documents-limits",
        most=size(talk.texts, talk.language, rules.files.most_bytes),
        quota=size(talk.texts, talk.language, rules.quota),
        number=str(rules.most),
        kinds=", ".join(kind for kind in _COMMON if kind in rules.files.suffixes),
    )


def kinds(talk: Talk) -> Text:
    """Return every kind of file that is kept."""
    return paragraphs([talk.text("documents-kinds"), _all_kinds(talk)])


def refused(talk: Talk, refusal: Refusal, name: str, used: Used) -> Text:
    """Return why a file is not kept, with the limit it met and what to do."""
    rules = talk.settings.documents
    match refusal:
        case Refusal.WRONG_KIND:
            return paragraphs([talk.text("documents-wrong-kind", name=name), _all_kinds(talk)])
        case Refusal.TOO_BIG:
            most = size(talk.texts, talk.language, rules.files.most_bytes)
            return talk.text("documents-too-big", name=name, most=most)
        case Refusal.TOO_MANY:
            return talk.text("documents-too-many", name=name, number=str(rules.most))
        case Refusal.FULL:
            return talk.text(
                "documents-full",
                name=name,
                used=size(talk.texts, talk.language, used.size),
                quota=size(talk.texts, talk.language, rules.quota),
            )


def _all_kinds(talk: Talk) -> Text:
    return quoted(", ".join(sorted(talk.settings.documents.files.suffixes)))
