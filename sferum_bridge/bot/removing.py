"""A parent is taken off a child's profile on paper: one administrator asks, a second approves.

    child | parent | paper ──► is it all there? ──► a case ──► asked of the second: another
    administrator or the class teacher ──► ended, everybody told in neutral words, undo for a day

D-4, scenario 16. Neither of the two is of the child's family: one parent never ends the other's
link. The paper's number goes into the audit log, the rest of it lies sealed in the case.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sferum_bridge.bot import commands, deciding, finding, parting, register
from sferum_bridge.bot.commands import Name
from sferum_bridge.bot.deciding import Deciding
from sferum_bridge.bot.texts import harmless
from sferum_bridge.school import parting as rules
from sferum_bridge.school.parting import Flaw
from sferum_bridge.store import accounts, cases, kin

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sferum_bridge.bot.commands import Command
    from sferum_bridge.bot.finding import Found
    from sferum_bridge.bot.talk import Talk
    from sferum_bridge.bot.texts import Text
    from sferum_bridge.school.parting import Paper
    from sferum_bridge.school.people import Person
    from sferum_bridge.store.cases import Case
    from sferum_bridge.store.database import Tx
    from sferum_bridge.store.schools import SchoolRecord

_PARTS = 3


async def remove(talk: Talk, command: Command) -> None:
    """Ask for a parent's removal: the child, the parent and the paper, with bars between them."""
    records = await register.administered(talk.tx, talk.person_id)
    if not records:
        await talk.reply("part-right")
        return
    parts = [part.strip() for part in command.argument.split("|", _PARTS - 1)]
    if len(parts) < _PARTS or not all(parts):
        await talk.reply("remove-how", word=commands.word(Name.UNLINK, talk.language))
        return
    child_text, parent_text, typed = parts
    word = commands.word(Name.UNLINK, talk.language)
    places = [
        (record, child)
        for record in records
        for child in await finding.pupils(talk.tx, record, child_text)
    ]
    if len(places) != 1:
        rest = f"| {parent_text} | {typed}"
        await finding.choose(talk, [child for _, child in places], word, rest)
        return
    [(record, child)] = places
    parents = await finding.parents_of(talk.tx, record, child.person.id, parent_text)
    if len(parents) > 1:
        await finding.choose(talk, parents, f"{word} {child.person.id} |", f"| {typed}")
    elif parents:
        await _ask_for(talk, record, child, parents[0], typed)
    else:
        await talk.reply("remove-no-parent", child=child.label)


async def _ask_for(
    talk: Talk, record: SchoolRecord, child: Found, parent: Found, typed: str
) -> None:
    """Open the case if the paper is complete and there is somebody to be the second."""
    tx, child_id, parent_id = talk.tx, child.person.id, parent.person.id
    paper = rules.read_paper(harmless(typed), record.day(tx.now))
    held = await parting.standing(tx, talk.person_id, child_id, parent_id)
    names: dict[str, Any] = {"child": child.label, "parent": parent.person.full_name}
    if not rules.may_remove(held):
        await talk.reply("remove-family")
    elif isinstance(paper, Flaw):
        await talk.reply(f"paper-{paper.value}", word=commands.word(Name.UNLINK, talk.language))
    elif not await _seconds(tx, record, talk.person_id, child_id, parent_id):
        await talk.reply("remove-alone")
    else:
        content = {
            "link": await kin.link_id(tx, child_id, parent_id),
            "parent": parent_id,
            "kind": paper.kind,
            "number": paper.number,
            "date": f"{paper.date:%d.%m.%Y}",
        }
        if await _is_asked_for(talk, record, content):
            await talk.reply("remove-waiting", **names)
            return
        kind = cases.Kind.REMOVAL
        case = await cases.open_(tx, record.id, kind, child_id, talk.person_id, content)
        await deciding.ask(talk, DECIDING, case)
        await talk.reply("remove-asked", paper=_written(paper), **names)


def _written(paper: Paper) -> str:
    return f"{paper.kind} № {paper.number}, {paper.date:%d.%m.%Y}"


async def _is_asked_for(talk: Talk, record: SchoolRecord, content: Mapping[str, str]) -> bool:
    """Tell whether the removal waits already; the own one with another paper makes way."""
    waiting = [
        case
        for case in await cases.waiting(talk.tx, record.id)
        if case.kind is cases.Kind.REMOVAL and case.content["link"] == content["link"]
    ]
    if any(case.opened_by != talk.person_id or case.content == content for case in waiting):
        return True
    for case in waiting:
        await cases.decide(talk.tx, case, cases.State.WITHDRAWN, talk.person_id, "another paper")
    return False


async def _seconds(
    tx: Tx, record: SchoolRecord, opened_by: str, child_id: str, parent_id: str
) -> Sequence[str]:
    """Return who may be the second and can be reached, administrators first."""
    people = [
        *await register.administrators(tx, record),
        *await kin.class_teachers(tx, child_id, record.day(tx.now), school_id=record.id),
    ]
    found = []
    for person_id in dict.fromkeys(people):
        held = await parting.standing(tx, person_id, child_id, parent_id)
        may = rules.may_second(held, opened_it=person_id == opened_by)
        if may and await accounts.mxids_of(tx, person_id):
            found.append(person_id)
    return found


async def _deciders(tx: Tx, case: Case) -> Sequence[str]:
    record = await register.school(tx, case.school_id)
    if record is None:
        return ()
    return await _seconds(tx, record, case.opened_by, case.subject_id, case.content["parent"])


async def _question(talk: Talk, language: str, case: Case) -> Text:
    child, parent = await _both(talk.tx, case)
    by = await accounts.person(talk.tx, case.opened_by)
    places = await register.enrolled(talk.tx, child.id)
    class_names = [place.class_name for record, place in places if record.id == case.school_id]
    return talk.texts.text(
        language,
        "remove-question",
        **{"class": ", ".join(class_names) or "—"},
        child=child.full_name,
        parent=parent.full_name,
        by=by.full_name if by else "",
        kind=case.content["kind"],
        number=case.content["number"],
        date=case.content["date"],
        **deciding.words(language, case),
    )


async def _both(tx: Tx, case: Case) -> tuple[Person, Person]:
    child = await accounts.person(tx, case.subject_id)
    parent = await accounts.person(tx, case.content["parent"])
    if child is None or parent is None:
        raise LookupError("a case about nobody")
    return child, parent


async def _approve(talk: Talk, case: Case) -> None:
    tx = talk.tx
    child, parent = await _both(tx, case)
    number, link_id = case.content["number"], case.content["link"]
    if await kin.link_id(tx, child.id, parent.id, hold=True) != link_id:
        # The parent has left meanwhile, and may even have come again: that is another link.
        await cases.decide(tx, case, cases.State.WITHDRAWN, talk.person_id, "the link had ended")
        await talk.reply("approve-gone")
        return
    if not rules.may_remove(await parting.standing(tx, case.opened_by, child.id, parent.id)):
        # Who asked has lost the post since: two who may have to agree at the time of the act.
        why = "who asked may not any more"
        await cases.decide(tx, case, cases.State.WITHDRAWN, talk.person_id, why)
        await talk.reply("approve-gone")
        return
    paper = f"on paper № {number} of {case.content['date']}"
    decided = await cases.decide(tx, case, cases.State.APPROVED, talk.person_id, paper)
    reason = f"{paper}; case {case.id}"
    if not decided or not await kin.unlink(tx, child.id, parent.id, talk.person_id, reason):
        await talk.reply("approve-gone")
        return
    names: dict[str, Any] = {"child": child.full_name, "parent": parent.full_name}
    pair = (child.id, parent.id)
    await parting.close_cases(talk, pair, link_id)
    await talk.inform([parent.id], "removed-parent", child=child.full_name)
    await talk.inform([child.id], "removed-child", parent=parent.full_name)
    await talk.inform(await parting.others(talk, *pair), "removed-others", **names)
    teachers = [p for p in await parting.school_side(talk, pair) if p != case.opened_by]
    await talk.inform(teachers, "removed-others", **names)
    hours, undo = parting.hours(talk), parting.undo(link_id)
    await talk.inform([case.opened_by], "removed", offers=undo, hours=hours, **names)
    await talk.answer(talk.text("removed", hours=hours, **names), undo(talk.language))


async def _reject(talk: Talk, case: Case, reason: str) -> None:
    child, parent = await _both(talk.tx, case)
    if not await cases.decide(talk.tx, case, cases.State.REJECTED, talk.person_id, reason):
        await talk.reply("approve-gone")
        return
    names: dict[str, Any] = {"child": child.full_name, "parent": parent.full_name}
    if reason:
        await talk.inform([case.opened_by], "remove-rejected-because", reason=reason, **names)
    else:
        await talk.inform([case.opened_by], "remove-rejected", **names)
    await talk.reply("remove-reject-done", **names)


DECIDING = Deciding(_deciders, _question, _approve, _reject)
