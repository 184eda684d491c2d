"""How tickets are shown: to who may take them up, and to who opened them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sferum_bridge.bot import commands, register
from sferum_bridge.bot.commands import Name
from sferum_bridge.bot.texts import paragraphs, quoted
from sferum_bridge.matrix.outbox import Offer
from sferum_bridge.store import accounts, schools
from sferum_bridge.store.tickets import Kind

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sferum_bridge.bot.talk import Talk
    from sferum_bridge.bot.texts import Text
    from sferum_bridge.store.tickets import Ticket


async def question(talk: Talk, language: str, one: Ticket) -> tuple[Text, Sequence[Offer]]:
    """Return how a ticket is shown to who may take it up."""
    person = await accounts.person(talk.tx, one.opened_by)
    head = talk.texts.text(
        language,
        "ticket-head",
        kind=one.kind,
        name=person.full_name if person else "",
        roles=await _roles(talk, language, one),
        account=str(one.content.get("account", "")),
    )
    parts = [head]
    if one.kind is Kind.REPORT:
        parts += await _snapshot(talk, language, one)
    parts += [quoted(str(said["text"])) for said in one.content.get("said", ()) if said["text"]]
    taker = await accounts.person(talk.tx, one.taken_by) if one.taken_by else None
    if taker is not None:
        parts.append(talk.texts.text(language, "ticket-taken-line", name=taker.full_name))
    parts.append(talk.texts.text(language, "ticket-how"))
    word = commands.word(Name.ANSWER, language)
    steps = (("✋", "take"), ("💬", "answer"), ("✅", "close"))
    offers = [Offer(emoji, f"{word} {one.id} {step}") for emoji, step in steps]
    return paragraphs(parts), offers


async def _roles(talk: Talk, language: str, one: Ticket) -> str:
    """Return what who opened a ticket is at its school; nothing of any other (I-8)."""
    ties = await register.ties(talk.tx, one.opened_by)
    found: list[str] = []
    for tie in ties:
        for reason in tie.reasons if tie.school.id == one.school_id else ():
            where = tie.school.classes.get(reason.class_id)
            role = talk.texts.text(language, f"ticket-role-{reason.role.value}").body
            found.append(f"{role} {where.name}" if where else role)
    return ", ".join(dict.fromkeys(found)) or "—"


async def _snapshot(talk: Talk, language: str, one: Ticket) -> Sequence[Text]:
    shown = one.content.get("shown", {})
    here = await schools.load_classes(talk.tx, one.school_id)
    record = await register.school(talk.tx, one.school_id)
    room = talk.texts.room_of_key(str(shown["room"]), here, language)
    parts = [
        talk.texts.text(
            language,
            "report-shown",
            room=room,
            name=str(shown["name"]),
            account=str(shown["sender"]),
            at=register.moment(record, int(shown["at"])) if record else None,
        ),
        quoted(str(shown["text"]) or "—"),
    ]
    if shown.get("edited"):
        parts += [talk.texts.text(language, "report-edited"), quoted(str(shown["edited"]))]
    return parts


async def own_line(talk: Talk, one: Ticket) -> Text:
    """Return the line by which somebody knows their own ticket again."""
    record = await register.school(talk.tx, one.school_id)
    said = [str(each["text"]) for each in one.content.get("said", ()) if each["text"]]
    return talk.text(
        f"ticket-mine-{one.state.value}",
        kind=one.kind,
        at=register.moment(record, one.opened_at) if record else None,
        text=said[0] if said else "",
    )
