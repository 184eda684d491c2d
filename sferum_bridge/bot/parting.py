"""The end of a parent link (D-4, D-10, scenarios 11 and 16).

    «this is no parent» ──► nobody vouched ──► ended at once, the child's invites with it
                       └──► vouched ──► stays; who could end it hears of the doubt
    «leave» ──► a question ──► ended by the parent alone
    on paper, by two people of the school: `removing`; taken back within a day: `restoring`

Whose word counts for what, `school.parting` says; it is asked again with every act. Everybody
concerned is told, the parent who goes in neutral words: not who said what.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sferum_bridge.bot import commands, finding, register
from sferum_bridge.bot.commands import Name
from sferum_bridge.bot.finding import Found
from sferum_bridge.matrix.outbox import Offer
from sferum_bridge.school import classes, consent, naming, parting
from sferum_bridge.school.access import Role
from sferum_bridge.school.parting import As, Disowning
from sferum_bridge.school.people import LinkState
from sferum_bridge.store import accounts, audit, cases, dialogues, invites, kin, schools

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from sferum_bridge.bot.commands import Command
    from sferum_bridge.bot.talk import Talk
    from sferum_bridge.bot.texts import Text
    from sferum_bridge.school.people import ParentLink, Person
    from sferum_bridge.store.database import Tx
    from sferum_bridge.store.schools import SchoolRecord

TOPIC = "leave"

YES, NO = "✅", "❌"
"""The answers to a question of `ask_sure`."""

_HOUR = 3_600_000
_IDS = 2


@dataclass(frozen=True, slots=True)
class Pair:
    """A child and a parent, by a live link."""

    link: ParentLink
    child: Person
    parent: Person
    class_name: str = ""

    @property
    def names(self) -> Mapping[str, Any]:
        """What texts about the two are given."""
        return {"child": self.child.full_name, "parent": self.parent.full_name}


# --- who is who -----------------------------------------------------------------------------


async def standing(tx: Tx, person_id: str, child_id: str, parent_id: str) -> frozenset[As]:
    """Return what somebody is today to the link of a child and a parent."""
    links = await kin.links_of_child(tx, child_id)
    active = {link.parent_id for link in links if link.state is LinkState.ACTIVE}
    family = {link.parent_id for link in links} | await kin.guardians(tx, child_id)
    records = await schools_of_child(tx, child_id)
    denied = [await kin.is_denied(tx, record.id, child_id, person_id) for record in records]
    other = person_id != parent_id
    held = {
        As.CHILD: person_id == child_id,
        As.PARENT: not other,
        As.OTHER_PARENT: other and person_id in active and not any(denied),
        As.FAMILY: other and person_id in family,
        As.CLASS_TEACHER: person_id in await register.class_teachers(tx, child_id),
        As.ADMINISTRATOR: person_id in await _administrators(tx, records),
    }
    return frozenset(role for role, is_so in held.items() if is_so)


async def schools_of_child(tx: Tx, child_id: str) -> Sequence[SchoolRecord]:
    """Return the schools a child's family belongs to, also between two of them (scenario 36)."""
    ids = await schools.of_pupil(tx, child_id)
    return [record for record in await schools.records(tx) if record.id in ids]


async def _administrators(tx: Tx, records: Sequence[SchoolRecord]) -> set[str]:
    return {id_ for record in records for id_ in await register.administrators(tx, record)}


async def is_of_age(tx: Tx, child: Person) -> bool:
    """Tell whether a pupil is an adult today, at the own school."""
    records = await schools_of_child(tx, child.id)
    return any(consent.is_adult(child.birth_date, record.day(tx.now)) for record in records)


async def school_side(talk: Talk, pair_of: tuple[str, str]) -> Sequence[str]:
    """Return whom at the school to tell about a child and a parent: not them, nor the speaker.

    The class teachers; where the class has none, the administrators.
    """
    child_id, _ = pair_of
    told: Sequence[str] = await register.class_teachers(talk.tx, child_id)
    if not told:
        told = sorted(await _administrators(talk.tx, await schools_of_child(talk.tx, child_id)))
    return [id_ for id_ in told if id_ not in {*pair_of, talk.person_id}]


async def told_parents(tx: Tx, child_id: str) -> Sequence[str]:
    """Return the parents who hear who else is in the child's profile, and who no longer is.

    Who waits to be checked may be a stranger with a forwarded code (scenario 11), and whom a roster
    denies access has no part in the family here: neither is told anybody's name.
    """
    records = await schools_of_child(tx, child_id)
    told = []
    for link in await kin.links_of_child(tx, child_id):
        denied = [await kin.is_denied(tx, each.id, child_id, link.parent_id) for each in records]
        if (link.vouched or link.state is LinkState.ACTIVE) and not any(denied):
            told.append(link.parent_id)
    return told


async def others(talk: Talk, child_id: str, parent_id: str) -> Sequence[str]:
    """Return the `told_parents` but for this one and the speaker."""
    told = await told_parents(talk.tx, child_id)
    return [id_ for id_ in told if id_ not in {parent_id, talk.person_id}]


async def close_cases(talk: Talk, pair: tuple[str, str], link_id: str) -> None:
    """Withdraw what waits for a decision and rested on a link of child and parent that has ended.

    The parent's corrections, and a removal: who asked for that hears that it is needed no more.
    """
    tx, (child_id, parent_id) = talk.tx, pair
    for case in await cases.about(tx, child_id):
        removal = case.kind is cases.Kind.REMOVAL and case.content.get("link") == link_id
        correction = case.kind is cases.Kind.CORRECTION and case.opened_by == parent_id
        if case.state is not cases.State.OPEN or not (removal or correction):
            continue
        await cases.decide(tx, case, cases.State.WITHDRAWN, talk.person_id, "the link has ended")
        child, parent = [await accounts.person(tx, id_) for id_ in pair]
        if removal and child is not None and parent is not None:
            names: dict[str, Any] = {"child": child.full_name, "parent": parent.full_name}
            await talk.inform([case.opened_by], "remove-over", **names)


def undo(link_id: str) -> Callable[[str], Sequence[Offer]]:
    """Return what offers, in a language, to take the end of a link back."""
    return lambda language: (Offer("↩️", f"{commands.word(Name.RESTORE, language)} {link_id}"),)


def hours(talk: Talk) -> int:
    """Return for how many hours an end can be taken back."""
    return talk.settings.undo_life // _HOUR


# --- «this is no parent» --------------------------------------------------------------------


def disowning_offer(child_id: str, parent_id: str) -> Callable[[str], Sequence[Offer]]:
    """Return what offers, in a language, to say that a new parent is none."""
    ids = f"{parent_id} {child_id}"
    return lambda language: (Offer("❌", f"{commands.word(Name.NOT_PARENT, language)} {ids}"),)


async def disown(talk: Talk, command: Command) -> None:
    """Hear that somebody's parent is none: by name, by reaction, or which is to be found out."""
    found = await _meant(talk, command)
    words = command.argument.split()
    word = commands.word(Name.NOT_PARENT, talk.language)
    offspring = {pair.child.id: pair for pair in found}
    if not found:
        await talk.reply("disown-nobody")
    elif len(offspring) > 1:
        labels = naming.labels(pair.child for pair in offspring.values())
        choice = [
            Found(pair.child, "", pair.class_name, labels[id_]) for id_, pair in offspring.items()
        ]
        await finding.choose(talk, choice, word)
    elif len(found) > 1:
        labels = naming.labels(pair.parent for pair in found)
        choice = [Found(p.parent, "", p.class_name, labels[p.parent.id]) for p in found]
        await finding.choose(talk, choice, word, found[0].child.id)
    else:
        # A child's or a class's name is no word about the parent.
        is_sure = len(words) == _IDS if command.offered else _is_called(found[0].parent, words)
        await _say_no_parent(talk, found[0], is_sure=is_sure)


async def _meant(talk: Talk, command: Command) -> Sequence[Pair]:
    """Return whom somebody may mean: of the own family, of the own class, of the own school.

    Without a name, staff mean somebody nobody has vouched for yet; so does a family, if it can.
    """
    family = await _of_the_family(talk)
    pairs = {(p.child.id, p.parent.id): p for p in [*await _of_the_school(talk), *family]}
    words = command.argument.split()
    if command.offered and words:
        return [pair for key, pair in pairs.items() if set(words) <= set(key)]
    if words:
        return [pair for pair in pairs.values() if _fits(pair, words)]
    return [pair for pair in pairs.values() if not pair.link.vouched] or family


async def _of_the_family(talk: Talk) -> Sequence[Pair]:
    """Return the parents of this pupil, and the other parents of this parent's children."""
    tx = talk.tx
    children = await kin.children(tx, talk.person_id)
    own = [child.id for child, state in children if state is LinkState.ACTIVE]
    pairs = []
    for child_id in [talk.person_id, *own]:
        child = await accounts.person(tx, child_id)
        enrolled = await register.enrolled(tx, child_id)
        class_name = enrolled[0][1].class_name if enrolled else ""
        for link in await kin.links_of_child(tx, child_id):
            parent = await accounts.person(tx, link.parent_id)
            if child is not None and parent is not None and parent.id != talk.person_id:
                pairs.append(Pair(link, child, parent, class_name))
    return pairs


async def _of_the_school(talk: Talk) -> Sequence[Pair]:
    """Return the parents in the classes somebody leads, or in the school they administer."""
    pairs = []
    for tie in await register.ties(talk.tx, talk.person_id):
        here, roles = tie.school, {reason.role for reason in tie.reasons}
        led = {r.class_id for r in tie.reasons if r.role is Role.CLASS_TEACHER}
        record = await register.school(talk.tx, here.id)
        if record is None or not (led or Role.ADMINISTRATOR in roles):
            continue
        today = record.day(talk.tx.now)
        class_of = {e.person_id: e.class_id for e in here.enrolments if e.term.covers(today)}
        for link in here.parent_links:
            class_id = class_of.get(link.child_id, "")
            if class_id in led or (class_id and Role.ADMINISTRATOR in roles):
                child, parent = here.people[link.child_id], here.people[link.parent_id]
                pairs.append(Pair(link, child, parent, here.classes[class_id].name))
    return pairs


def _fits(pair: Pair, words: Sequence[str]) -> bool:
    known = _names(pair.child) | _names(pair.parent) | {classes.key(pair.class_name)}
    return all(classes.key(word.strip(",.;()")) in known for word in words)


def _is_called(person: Person, words: Sequence[str]) -> bool:
    return any(classes.key(word.strip(",.;()")) in _names(person) for word in words)


def _names(person: Person) -> set[str]:
    parts = f"{person.family_name} {person.given_name} {person.middle_name}".split()
    return {classes.key(part) for part in parts}


async def _say_no_parent(talk: Talk, pair: Pair, *, is_sure: bool) -> None:
    held = await standing(talk.tx, talk.person_id, pair.child.id, pair.parent.id)
    of_age = await is_of_age(talk.tx, pair.child)
    verdict = parting.disowning(held, vouched=pair.link.vouched, of_age=of_age)
    if verdict in {Disowning.ENDS, Disowning.DOUBT} and not is_sure:
        word = commands.word(Name.NOT_PARENT, talk.language)
        yes = Offer(YES, f"{word} {pair.parent.id} {pair.child.id}")
        await talk.answer(talk.text("disown-ask", **pair.names), (yes,))
        return
    match verdict:
        case Disowning.ENDS:
            await disowned(talk, pair)
        case Disowning.DOUBT:
            await _doubt(talk, pair)
        case Disowning.LEAVE:
            await _ask_to_leave(talk, pair.child)
        case Disowning.ON_PAPER:
            word = commands.word(Name.UNLINK, talk.language)
            await talk.reply("disown-on-paper", word=word, **pair.names)
        case Disowning.NO_RIGHT:
            await talk.reply("part-right")


async def rejected_by_child(talk: Talk, link: ParentLink, child: Person, parent: Person) -> None:
    """Hear the pupil say no to a parent who asks for the pupil's word (scenario 24)."""
    await _say_no_parent(talk, Pair(link, child, parent), is_sure=True)


async def disowned(talk: Talk, pair: Pair) -> None:
    """End the link of somebody who is no parent, with every invite by which they could return."""
    tx, child_id, parent_id = talk.tx, pair.child.id, pair.parent.id
    link_id = await kin.link_id(tx, child_id, parent_id)
    reason = "this is no parent"
    if not await kin.unlink(tx, child_id, parent_id, talk.person_id, reason, as_read=pair.link):
        await talk.reply("disown-gone")
        return
    await invites.revoke(tx, child_id, talk.person_id, "somebody who had it was no parent")
    await close_cases(talk, (child_id, parent_id), link_id)
    await talk.inform([parent_id], "disowned-parent", child=pair.child.full_name)
    if child_id != talk.person_id:
        await talk.inform(
            [child_id], "disowned-child", parent=pair.parent.full_name, offers=_invite_offer
        )
    await talk.inform(await others(talk, child_id, parent_id), "disowned-others", **pair.names)
    told = await school_side(talk, (child_id, parent_id))
    if child_id == talk.person_id and await is_of_age(tx, pair.child):
        # Theirs alone to take back.
        await talk.inform(told, "disowned-by-adult", **pair.names)
    else:
        await talk.inform(told, "disowned-teacher", offers=undo(link_id), **pair.names)
    offers = undo(link_id)(talk.language)
    if child_id == talk.person_id:
        offers = (*offers, *_invite_offer(talk.language))
    await talk.answer(talk.text("disowned", hours=hours(talk), **pair.names), offers)


def _invite_offer(language: str) -> Sequence[Offer]:
    return (Offer("✉️", commands.word(Name.INVITE, language)),)


async def _doubt(talk: Talk, pair: Pair) -> None:
    """Pass the doubt about a vouched parent on: a child's to the class teacher, theirs higher."""
    tx, child_id = talk.tx, pair.child.id
    records = await schools_of_child(tx, child_id)
    for record in records:
        reason = f"parent {pair.parent.id}"
        audit.record(tx, talk.person_id, "parent.doubt", child_id, reason, school=record.id)
    if talk.person_id == child_id:
        told = await school_side(talk, (child_id, pair.parent.id))
    else:
        told = sorted(await _administrators(tx, records) - {talk.person_id, pair.parent.id})
    by = talk.person.full_name if talk.person else ""
    await talk.inform(told, "doubt-news", by=by, **pair.names)
    await talk.reply("doubt", **pair.names)


# --- leaving --------------------------------------------------------------------------------


async def leave(talk: Talk, command: Command) -> None:
    """End one's own link to a child, after a question; staff and pupils learn who ends a role."""
    about, mark = tapped(command)
    if about:
        await _leave_or_stay(talk, about, sure=mark == YES)
        return
    children = [child for child, _ in await kin.children(talk.tx, talk.person_id)]
    if not children:
        await _tell_who_ends_roles(talk)
        return
    found = await fitting(talk, children, command)
    if len(found) == 1:
        await _ask_to_leave(talk, found[0].person)
    elif found:
        await finding.choose(talk, found, commands.word(Name.LEAVE, talk.language))
    else:
        await talk.reply("leave-nobody")


async def go_on(talk: Talk, state: Mapping[str, Any], command: Command) -> None:
    """Take what is typed to the question whether to leave."""
    child_id = str(state["about"])
    if command.name is Name.CONFIRM and not command.argument:
        await _leave_or_stay(talk, child_id, sure=True)
    elif command.name is Name.CANCEL:
        await _leave_or_stay(talk, child_id, sure=False)
    else:
        await _ask_to_leave(talk, await accounts.person(talk.tx, child_id))


async def fitting(talk: Talk, people: Sequence[Person], command: Command) -> Sequence[Found]:
    """Return those of some people whom a command means: an offered id, a name, or all of them."""
    words = {classes.key(word) for word in command.argument.split()}
    labels = naming.labels(people)
    found = []
    for person in people:
        if words <= (_names(person) | ({person.id} if command.offered else set())):
            enrolled = await register.enrolled(talk.tx, person.id)
            class_name = enrolled[0][1].class_name if enrolled else ""
            found.append(Found(person, "", class_name, labels[person.id]))
    return found


async def ask_sure(talk: Talk, name: Name, about: str, text: Text) -> None:
    """Ask whether somebody means a command about a person; the topic is the command's own name.

    The person stands in the offers, so that tapping below an older question is about that one.
    """
    await dialogues.open_dialogue(talk.tx, talk.mxid, {"topic": name.value, "about": about})
    said = f"{commands.word(name, talk.language)} {about}"
    await talk.answer(text, (Offer(YES, f"{said} {YES}"), Offer(NO, f"{said} {NO}")))


def tapped(command: Command) -> tuple[str, str]:
    """Return what a question of `ask_sure` was about and how it was answered by a reaction.

    Two empty texts for anything else: a typed ✅ is none of ours.
    """
    about, _, mark = command.argument.rpartition(" ")
    return (about, mark) if command.offered and mark in {YES, NO} else ("", "")


async def answered(talk: Talk, name: Name, about: str) -> None:
    """Close a question of `ask_sure`; one about somebody else stays open."""
    asked = await dialogues.dialogue(talk.tx, talk.mxid)
    if asked and (asked[0].get("topic"), asked[0].get("about")) == (name.value, about):
        await dialogues.close_dialogue(talk.tx, talk.mxid)


async def _ask_to_leave(talk: Talk, child: Person | None) -> None:
    if child is None:
        raise LookupError("a question about nobody")
    text = talk.text("leave-ask", child=child.full_name)
    await ask_sure(talk, Name.LEAVE, child.id, text)


async def _leave_or_stay(talk: Talk, child_id: str, *, sure: bool) -> None:
    await answered(talk, Name.LEAVE, child_id)
    if not sure:
        await talk.reply("leave-stayed")
        return
    link_id = await kin.link_id(talk.tx, child_id, talk.person_id)
    child = await end_own(talk, child_id, "left")
    if child is None:
        await talk.reply("leave-gone")
        return
    text = talk.text("left", child=child.full_name, hours=hours(talk))
    await talk.answer(text, undo(link_id)(talk.language))


async def end_own(talk: Talk, child_id: str, reason: str) -> Person | None:
    """End this parent's link to a child and tell the child and the school.

    Returns the child, `None` when there was no link.
    """
    child = await accounts.person(talk.tx, child_id)
    me = talk.person_id
    link_id = await kin.link_id(talk.tx, child_id, me)
    if child is None or not await kin.unlink(talk.tx, child_id, me, me, reason):
        return None
    await close_cases(talk, (child_id, me), link_id)
    parent = talk.person.full_name if talk.person else ""
    await talk.inform([child_id], "left-child", parent=parent)
    told = await school_side(talk, (child_id, me))
    await talk.inform(told, "left-teacher", parent=parent, child=child.full_name)
    return child


async def _tell_who_ends_roles(talk: Talk) -> None:
    ties = await register.ties(talk.tx, talk.person_id)
    if ties:
        names = ", ".join(tie.school.name for tie in ties)
        await talk.reply("leave-role", school=names)
    else:
        await talk.reply("leave-nothing")
