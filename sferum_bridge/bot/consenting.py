"""Consents: who agreed to what, taking it back, and the day on which a pupil needs no parent (§3).

A parent's consent is about one child and carries the link: without it the link ends. A pupil's
consent is one for all parents: without it every link waits for the pupil again, rooms closed, and
may be agreed to again one by one (scenario 24). Only who gave a consent takes it back.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from sferum_bridge.bot import commands, finding, parting, register
from sferum_bridge.bot.commands import Name
from sferum_bridge.bot.texts import bullets, paragraphs
from sferum_bridge.school import consent
from sferum_bridge.store import accounts, consents, kin, schools

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence
    from datetime import date

    from sferum_bridge.bot.commands import Command
    from sferum_bridge.bot.talk import Talk
    from sferum_bridge.bot.texts import Text
    from sferum_bridge.school.people import Person
    from sferum_bridge.store.consents import Consent
    from sferum_bridge.store.database import Tx
    from sferum_bridge.store.schools import SchoolRecord

TOPIC = "withdraw"

_MORNING = 9 * 3_600_000
_LATE_BY = timedelta(days=3)
"""How long after a birthday it is still told, should the bridge have stood still.

Shorter than the outbox remembers what was said, so that it is told once.
"""


# --- the list -------------------------------------------------------------------------------


async def show(talk: Talk, _command: Command) -> None:
    """List the consents somebody gave and those about them: whose, which text, since and until."""
    found = await consents.of(talk.tx, talk.person_id)
    if not found:
        await talk.reply("consents-none")
        return
    names = await _names(talk)
    lines = [await _line(talk, one, names) for one in found]
    word = commands.word(Name.WITHDRAW, talk.language)
    how = talk.text("consents-how", word=word)
    await talk.answer(paragraphs([talk.text("consents"), bullets(lines), how]))


async def _names(talk: Talk) -> Mapping[str, str]:
    """Return the names that live links show to this person anyway."""
    tx, me = talk.tx, talk.person_id
    family = [*await kin.parents(tx, me), *await kin.children(tx, me)]
    return {person.id: person.full_name for person, _ in family}


async def _line(talk: Talk, one: Consent, names: Mapping[str, str]) -> Text:
    records = await parting.schools_of_child(talk.tx, one.subject_id)
    if one.subject_id == one.actor_id:
        key, other = "consent-own", ""
    elif one.actor_id == talk.person_id:
        key, other = "consent-about-child", names.get(one.subject_id, "—")
    else:
        key, other = "consent-of-parent", names.get(one.actor_id, "—")
    values: dict[str, Any] = {"version": one.version, "given": _moment(records, one.given_at)}
    values |= {"name": other} if other else {}
    if not one.withdrawn_at:
        return talk.text(key, **values)
    return talk.text(f"{key}-withdrawn", **values, withdrawn=_moment(records, one.withdrawn_at))


def _moment(records: Sequence[SchoolRecord], at: int) -> datetime:
    """Return a time by the clock of the child's school; in UTC when there is no school any more."""
    return register.moment(records[0], at) if records else datetime.fromtimestamp(at / 1000, UTC)


# --- taking it back -------------------------------------------------------------------------


async def withdraw(talk: Talk, command: Command) -> None:
    """Take a consent back, after a question that says what follows.

    One for a link that has ended closes nothing, and is taken back at once: by the name, or when
    there is no other. It is not offered by name, for that link shows nobody's name any more.
    """
    about, mark = parting.tapped(command)
    if about:
        await _withdraw_or_keep(talk, about, sure=mark == parting.YES)
        return
    given = await _given(talk)
    people = [child for child, _ in await kin.children(talk.tx, talk.person_id)]
    if talk.person is not None and await kin.links_of_child(talk.tx, talk.person_id):
        people = [talk.person, *people]
    live = [person for person in people if person.id in given]
    found = await parting.fitting(talk, live, command)
    over = [] if found else await _over(talk, {*given} - {person.id for person in live})
    if not given:
        await talk.reply("withdraw-none")
    elif len(found) == 1:
        await _ask(talk, found[0].person.id)
    elif found:
        await finding.choose(talk, found, commands.word(Name.WITHDRAW, talk.language))
    elif closed := await parting.fitting(talk, over, command):
        for one in closed:
            await _take_back(talk, one.person.id)
        await talk.reply("withdrawn")
    else:
        await talk.reply("withdraw-nobody")


async def go_on(talk: Talk, state: Mapping[str, Any], command: Command) -> None:
    """Take what is typed to the question whether to withdraw."""
    about = str(state["about"])
    if command.name is Name.CONFIRM and not command.argument:
        await _withdraw_or_keep(talk, about, sure=True)
    elif command.name is Name.CANCEL:
        await _withdraw_or_keep(talk, about, sure=False)
    else:
        await _ask(talk, about)


async def _given(talk: Talk) -> Sequence[str]:
    """Return the ids of the people for whom this person's consent holds."""
    found = await consents.of(talk.tx, talk.person_id)
    held = [c.subject_id for c in found if c.actor_id == talk.person_id and not c.withdrawn_at]
    return list(dict.fromkeys(held))


async def _over(talk: Talk, ids: Collection[str]) -> Sequence[Person]:
    found = [await accounts.person(talk.tx, id_) for id_ in sorted(ids)]
    return [person for person in found if person is not None]


async def _ask(talk: Talk, about: str) -> None:
    if about == talk.person_id:
        parents = ", ".join(p.full_name for p, _ in await kin.parents(talk.tx, about))
        text = talk.text("withdraw-ask-pupil", parents=parents)
    else:
        child = await accounts.person(talk.tx, about)
        text = talk.text("withdraw-ask-parent", child=child.full_name if child else "")
    await parting.ask_sure(talk, Name.WITHDRAW, about, text)


async def _withdraw_or_keep(talk: Talk, about: str, *, sure: bool) -> None:
    await parting.answered(talk, Name.WITHDRAW, about)
    if not sure:
        await talk.reply("withdraw-kept")
    elif not await _take_back(talk, about):
        await talk.reply("withdraw-none")
    elif about == talk.person_id:
        await _close_to_parents(talk)
    else:
        child = await parting.end_own(talk, about, "consent withdrawn")
        await talk.reply("withdrawn-parent" if child else "withdrawn")


async def _take_back(talk: Talk, subject_id: str) -> bool:
    """Note in the register that this person's consent holds no more; false if none held."""
    ids = await schools.of_pupil(talk.tx, subject_id)
    school_id = ids[0] if ids else ""
    return await consents.withdraw(talk.tx, subject_id, talk.person_id, school=school_id)


async def _close_to_parents(talk: Talk) -> None:
    """Have every parent wait for the pupil's word again, and tell them and the school."""
    me = talk.person_id
    name = talk.person.full_name if talk.person else ""
    for parent_id in await kin.ask_child_again(talk.tx, me, me):
        await talk.inform([parent_id], "withdrawn-news-parent", child=name)
    teachers = await parting.school_side(talk, (me, ""))
    await talk.inform(teachers, "withdrawn-news-teacher", child=name)
    await talk.reply("withdrawn-pupil", word=commands.word(Name.APPROVE, talk.language))


# --- of age ---------------------------------------------------------------------------------


def telling_day(record: SchoolRecord, now: int) -> date:
    """Return the day whose birthdays may be told at a school by now: from its morning on."""
    return record.day(now - _MORNING)


async def come_of_age(tx: Tx, record: SchoolRecord) -> Sequence[str]:
    """Return the pupils of a school who have just come of age and have parents linked (D-10).

    Just: today from the morning on, or up to `_LATE_BY` ago. Whoever asks daily finds everybody.
    """
    here = await schools.load(tx, record.id)
    today = telling_day(record, tx.now)
    with_parents = {link.child_id for link in here.parent_links}
    enrolled = {e.person_id for e in here.enrolments if e.term.covers(today)}
    born = {id_: here.people[id_].birth_date for id_ in enrolled & with_parents}
    return sorted(
        id_
        for id_, day in born.items()
        if consent.is_adult(day, today) and not consent.is_adult(day, today - _LATE_BY)
    )


async def tell_of_age(talk: Talk, person_id: str) -> None:
    """Tell a pupil who came of age that the parent links are theirs to end.

    To be run as the errand `birthday.{person_id}`: the same name keeps it from being said twice.
    """
    language = await talk.language_of(person_id)
    word = commands.word(Name.NOT_PARENT, language)
    await talk.inform([person_id], "birthday", word=word)
