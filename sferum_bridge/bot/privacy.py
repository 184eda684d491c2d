"""What the law gives everybody about their own data: to have it all, and to have it destroyed (§3).

People ask for themselves, parents for a child they speak for (`privacy.represents`), and an
administrator hands out what the own school keeps. A wish to be erased is a case: the administrators
decide, each school about its own, and whoever runs the installation carries it out at the console.
The bot destroys nothing.
"""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, Any

from sferum_bridge.bot import commands, deciding, finding, papers, parting, register
from sferum_bridge.bot.commands import Name
from sferum_bridge.bot.deciding import Deciding
from sferum_bridge.bot.finding import Found
from sferum_bridge.bot.texts import paragraphs
from sferum_bridge.matrix.outbox import Offer
from sferum_bridge.school import classes
from sferum_bridge.store import accounts, audit, cases, dialogues, dossier, kin, privacy
from sferum_bridge.store.dossier import Side

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sferum_bridge.bot.commands import Command
    from sferum_bridge.bot.talk import Talk
    from sferum_bridge.bot.texts import Text
    from sferum_bridge.school.people import Person
    from sferum_bridge.store.cases import Case
    from sferum_bridge.store.database import Tx
    from sferum_bridge.store.schools import SchoolRecord

TOPIC = "erase"
_DAY = 24 * 3600 * 1000


# --- export ---------------------------------------------------------------------------------


async def export(talk: Talk, command: Command) -> None:
    """Send everything that is kept about somebody to whoever may have it, as two documents.

    With the name of a child, or for an administrator of anybody of the school, about them. An
    administrator gets what the own school has to do with and nothing of another's (I-8).
    """
    if talk.person is None:
        return
    said = command.argument.strip()
    if not said:
        await _send(talk, talk.person, None)
        return
    found = {child.id: Found(child, label=child.full_name) for child in await _children(talk, said)}
    scopes: dict[str, set[str] | None] = dict.fromkeys(found)
    administered = await register.administered(talk.tx, talk.person.id)
    for record in administered:
        for one in await finding.everybody(talk.tx, record, said):
            if one.person.id not in found:
                found[one.person.id], scopes[one.person.id] = one, set()
            scope = scopes[one.person.id]
            if scope is not None:
                scope.add(record.id)
    if len(found) == 1:
        [one] = found.values()
        await _send(talk, one.person, scopes[one.person.id])
    elif administered or await kin.children(talk.tx, talk.person.id):
        word = commands.word(Name.EXPORT, talk.language)
        await finding.choose(talk, list(found.values()), word)
    else:
        await talk.reply("export-not-allowed")


async def _send(talk: Talk, person: Person, scope: set[str] | None) -> None:
    is_own = person.id == talk.person_id
    content = await dossier.gather(talk.tx, person.id, school_ids=scope, for_another=not is_own)
    for file in papers.dossier(talk.texts, talk.language, content):
        await talk.attach(file)
    own = await dossier.schools_of(talk.tx, person.id) if scope is None else scope
    for school_id in sorted(own) or [""]:
        audit.record(talk.tx, talk.actor, "privacy.export", person.id, school=school_id)
    await talk.reply("export-done", name=person.full_name)


async def _children(talk: Talk, said: str, *, lately: bool = False) -> Sequence[Person]:
    """Return the children somebody speaks for whose name, or id, is what was said."""
    tx = talk.tx
    words = {classes.key(word) for word in said.split()}
    children = {child.id: child for child, _ in await kin.children(tx, talk.person_id)}
    for link in await privacy.lately_left(tx, talk.person_id) if lately else ():
        former = await accounts.person(tx, link.child_id)
        if former is not None:
            children.setdefault(former.id, former)
    found = []
    for child in children.values():
        names = f"{child.family_name} {child.given_name} {child.middle_name}".split()
        named = words <= {classes.key(name) for name in names}
        if (named or said == child.id) and await _speaks_for(talk, child, lately=lately):
            found.append(child)
    return found


async def _speaks_for(talk: Talk, person: Person, *, lately: bool = False) -> bool:
    """Tell whether somebody's data are this person's to ask for: their own or their child's."""
    if person.id == talk.person_id:
        return True
    today = [record.day(talk.tx.now) for record in await register.schools_of(talk.tx, person.id)]
    return bool(today) and await privacy.represents(
        talk.tx, talk.person_id, person, min(today), lately=lately
    )


# --- erasure --------------------------------------------------------------------------------


async def erase(talk: Talk, command: Command) -> None:
    """Take the wish to destroy what is kept about oneself or a child: say what that means, and ask.

    A reaction below that question is the answer to it.
    """
    about, mark = parting.tapped(command)
    said = about or command.argument.strip()
    if not said:
        found: Sequence[Person] = [talk.person] if talk.person else ()
    elif said == talk.person_id and talk.person:
        found = [talk.person]
    else:
        found = await _children(talk, said, lately=True)
    if len(found) > 1:
        shown = [Found(child, label=child.full_name) for child in found]
        await finding.choose(talk, shown, commands.word(Name.ERASE, talk.language))
    elif not found:
        await talk.reply("erase-not-allowed")
    elif mark:
        await _open(talk, found[0])
    else:
        await _ask(talk, found[0])


async def go_on(talk: Talk, state: Mapping[str, Any], command: Command) -> None:
    """Go on with the question whether somebody is really to be erased."""
    person = await accounts.person(talk.tx, str(state["person"]))
    if person is None or command.name is Name.CANCEL:
        await dialogues.close_dialogue(talk.tx, talk.mxid)
        await talk.reply("erase-cancelled")
    elif command.name is Name.CONFIRM and not command.argument:
        await _open(talk, person)
    else:
        # A wish to be erased is not read out of a sentence.
        await _ask(talk, person)


async def _ask(talk: Talk, person: Person) -> None:
    await dialogues.open_dialogue(talk.tx, talk.mxid, {"topic": TOPIC, "person": person.id})
    word = commands.word(Name.ERASE, talk.language)
    cancel = commands.word(Name.CANCEL, talk.language)
    parts = [talk.text("erase-ask", name=person.full_name), talk.text("erase-stays")]
    parts.append(talk.text("erase-how"))
    # The mark, since a person's id alone only chooses whom it is about.
    yes = Offer(parting.YES, f"{word} {person.id} {parting.YES}")
    offers = (yes, Offer(parting.NO, cancel))
    await talk.answer(paragraphs(parts), offers)


async def _open(talk: Talk, person: Person) -> None:
    """Open a case at every school that keeps anything: none decides for another (I-8)."""
    tx = talk.tx
    await dialogues.close_dialogue(tx, talk.mxid)
    if not await _speaks_for(talk, person, lately=True):
        await talk.reply("erase-not-allowed")
        return
    records = [await register.school(tx, one) for one in await dossier.schools_of(tx, person.id)]
    here = sorted((record for record in records if record), key=lambda record: record.name)
    if not here:
        await talk.reply("erase-nowhere", contact=talk.settings.support_contact)
        return
    waiting = {
        case.school_id: case
        for case in await cases.about(tx, person.id)
        if case.kind is cases.Kind.ERASURE and case.state is cases.State.OPEN
    }
    for record in here:
        if record.id not in waiting:
            waiting[record.id] = await _open_at(talk, record, person)
    first = waiting[here[0].id]
    await talk.reply("erase-opened", name=person.full_name, until=_due(here[0], first))


async def _open_at(talk: Talk, record: SchoolRecord, person: Person) -> Case:
    if person.id == talk.person_id:
        by = Side.SELF.value
    else:
        by = Side.PARENT.value if await _speaks_for(talk, person) else "former-parent"
    content = {"by": by}
    case = await cases.open_(
        talk.tx, record.id, cases.Kind.ERASURE, person.id, talk.person_id, content
    )
    await deciding.ask(talk, DECIDING, case)
    return case


def _due(record: SchoolRecord, case: Case) -> Any:
    return register.moment(record, case.opened_at + privacy.DUE_DAYS * _DAY)


# --- the decision ---------------------------------------------------------------------------


async def _deciders(tx: Tx, case: Case) -> Sequence[str]:
    record = await register.school(tx, case.school_id)
    people = await register.administrators(tx, record) if record else ()
    return [id_ for id_ in people if id_ not in {case.opened_by, case.subject_id}]


async def _question(talk: Talk, language: str, case: Case) -> Text:
    person = await accounts.person(talk.tx, case.subject_id)
    record = await register.school(talk.tx, case.school_id)
    if person is None or record is None:
        raise LookupError("a case about nobody")
    by = talk.texts.text(language, f"asks-{case.content['by']}")
    return talk.texts.text(
        language,
        "erase-decide",
        name=person.full_name,
        by=by.body,
        until=_due(record, case),
        **deciding.words(language, case),
    )


async def _approve(talk: Talk, case: Case) -> None:
    if not await cases.decide(talk.tx, case, cases.State.APPROVED, talk.person_id):
        await talk.reply("approve-gone")
        return
    record = await register.school(talk.tx, case.school_id)
    # What another school keeps, if there is one, is not for this one to have destroyed (I-8).
    words = ["sferum-bridge", "privacy", "erase", case.subject_id]
    words += ["--school", record.name] if record else []
    await talk.reply("erase-approved", command=shlex.join(words))
    await talk.inform([case.opened_by], "erase-approved-news")


async def _reject(talk: Talk, case: Case, reason: str) -> None:
    if not await cases.decide(talk.tx, case, cases.State.REJECTED, talk.person_id, reason):
        await talk.reply("approve-gone")
        return
    await talk.reply("erase-rejected")
    if reason:
        await talk.inform([case.opened_by], "erase-rejected-why", reason=reason)
    else:
        await talk.inform([case.opened_by], "erase-rejected-news")


DECIDING = Deciding(_deciders, _question, _approve, _reject)
"""How a wish to be erased is decided: by the school's administrators."""
