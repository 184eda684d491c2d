"""Somebody gives a code, sees the child's data, and confirms to be the parent (S-36…S-39).

    a code ──► may this person? ── no ──► why not; nothing is used up (I-5)
                    │ yes
                    ▼
    child's name, class, school and the consent: the question, kept in the store ◄─┐
                    │                                                             │
       ✅ confirm   │   ❌ not mine        `correct` (`correcting`) or anything else ─┘
                    ▼
    may this person still? ──► link and notices, or: invite revoked, child and class teacher told

Every arrow is one event and one transaction. Between them lies only the stored question, so a
restart loses nothing, and two who confirm for the last slot are parted by the database (I-2).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sferum_bridge.bot import approving, commands, correcting, entering, parting, register
from sferum_bridge.bot.commands import Name
from sferum_bridge.bot.correcting import Profile
from sferum_bridge.bot.talk import Talk
from sferum_bridge.bot.texts import harmless, paragraphs
from sferum_bridge.matrix.outbox import Offer
from sferum_bridge.school import classes, consent, kinship
from sferum_bridge.school.kinship import Answer
from sferum_bridge.school.people import LinkState, ParentLink, Waits
from sferum_bridge.store import accounts, audit, consents, dialogues, invites, kin

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sferum_bridge.bot.commands import Command
    from sferum_bridge.bot.texts import Text
    from sferum_bridge.school.kinship import Invite
    from sferum_bridge.school.people import ExpectedParent, Person
    from sferum_bridge.store.kin import Place
    from sferum_bridge.store.schools import SchoolRecord

TOPIC = "confirm"
CONSENT_VERSION = "1"
"""Of the sentence of consent in `confirm-ask`; kept with each consent that is given."""

_MINUTE = 60_000
_LONGEST_NAME = 80


@dataclass(frozen=True, slots=True)
class _Case:
    """A valid invite, and the child it is for."""

    invite: Invite
    child: Person
    record: SchoolRecord
    place: Place

    @property
    def profile(self) -> Profile:
        """Return the child's data, as they can be corrected."""
        return Profile(self.child, self.record, self.place.class_name)


class _Refused(Exception):
    """The database refused the link; what was written for it is taken back."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(answer)
        self.answer = answer


# --- a code ---------------------------------------------------------------------------------


async def give_code(talk: Talk, command: Command) -> None:
    """Take a code: show the child it is for and ask, or say why not.

    After too many wrong codes none is looked at for a while, right or wrong, of this account alone
    (E-RATE). A code seen in a room of several people that is no code of ours was not meant for the
    bot, and is passed over.
    """
    settings, tx = talk.settings, talk.tx
    quietly = bool(talk.asked_in) and not command.prefixed
    since = tx.now - settings.attempts_window
    failed, first = await dialogues.attempts_since(tx, talk.mxid, "code", since)
    if failed >= settings.attempts:
        if not quietly:
            minutes = -(-(first + settings.attempts_window - tx.now) // _MINUTE)
            await talk.reply("e-rate", minutes=max(1, minutes))
        return
    # Every code is looked for among the parents' and the pupils' invites: time must tell nothing.
    invite = await invites.find(tx, command.code)
    verdict = await _verdict(talk, invite, grace=0)
    if await entering.give_code(talk, command):
        return
    if isinstance(verdict, _Case):
        # What was noted of another child counts when that one's older question is answered.
        kept = {"corrections": await correcting.noted(talk)}
        state = {"topic": TOPIC, "invite": verdict.invite.id, **kept}
        await dialogues.open_dialogue(tx, talk.mxid, state)
        school = verdict.record.id
        audit.record(tx, talk.actor, "invite.open", verdict.child.id, school=school)
        await _ask(talk, verdict)
    elif not (quietly and verdict is Answer.UNKNOWN):
        if verdict in {Answer.UNKNOWN, Answer.USED}:
            # Of a used one others are warned each time: nobody rings that alarm for ever.
            await dialogues.note_attempt(tx, talk.mxid, "code")
        await _refuse(talk, invite, verdict)


async def go_on(talk: Talk, state: Mapping[str, Any], command: Command) -> None:
    """Go on with the question that is open, or with the one a reaction was put under."""
    invite_id = str(state["invite"])
    match command.name:
        case Name.NOT_MINE:
            await not_mine(talk, invite_id)
        case Name.CANCEL:
            await dialogues.close_dialogue(talk.tx, talk.mxid)
            await talk.reply("cancelled")
        case Name.CONFIRM if command.offered or not command.argument:
            await confirm(talk, invite_id)
        case Name.CORRECT if not command.offered:
            await _correct(talk, invite_id, command.argument)
        case _:
            # Also when more was said than yes: consent is not read out of a sentence.
            await ask_again(talk, invite_id)


async def _correct(talk: Talk, invite_id: str, typed: str) -> None:
    """Note what is wrong with the child's data, then ask again; nothing is changed yet."""
    invite = await invites.by_id(talk.tx, invite_id)
    verdict = await _verdict(talk, invite, await _grace(talk, invite))
    if isinstance(verdict, _Case):
        await correcting.note(talk, verdict.profile, typed)
    await ask_again(talk, invite_id)


async def ask_again(talk: Talk, invite_id: str) -> None:
    """Repeat the question that is open."""
    invite = await invites.by_id(talk.tx, invite_id)
    verdict = await _verdict(talk, invite, await _grace(talk, invite))
    if isinstance(verdict, _Case):
        await _ask(talk, verdict)
    else:
        await _close(talk, invite_id)
        await _refuse(talk, invite, verdict)


async def _verdict(talk: Talk, invite: Invite | None, grace: int) -> _Case | Answer:
    # The same questions, and as empty answers, whether a code was ended or never was: time must not
    # tell the two apart (scenario 10).
    tx = talk.tx
    child_id = invite.child_id if invite and not invite.revoked else ""
    child = await accounts.person(tx, child_id)
    enrolled = await register.enrolled(tx, child_id)
    links = await kin.links_of_child(tx, child_id)
    is_pupil = bool(await register.enrolled(tx, talk.person_id))
    excepted = await invites.is_allowed(tx, child_id, talk.person_id)
    issued_as, issuer = (invite.issued_as, invite.issued_by) if invite else ("", "")
    issuer_may = await register.holds(tx, issuer, issued_as)
    here = [at for at in enrolled if invite and at[0].id == invite.school_id]
    answer = kinship.may_redeem(
        invite,
        kinship.Redeemer(talk.person_id, is_pupil and not excepted),
        links,
        child_is_pupil=bool(here),
        now=tx.now,
        grace=grace,
        issuer_may=issuer_may or not issued_as,
        single_use=talk.settings.single_use,
    )
    if answer is not None:
        return answer
    if invite is None or child is None:
        return Answer.UNKNOWN
    return _Case(invite, child, *here[0])


async def _refuse(talk: Talk, invite: Invite | None, answer: Answer) -> None:
    values: dict[str, Any] = {}
    if invite is not None and answer is Answer.UNKNOWN:
        await _tell_of_the_gone(talk, invite)
    elif invite is not None:
        child = await accounts.person(talk.tx, invite.child_id)
        record = await register.school(talk.tx, invite.school_id)
        audit.record(
            talk.tx,
            talk.actor,
            "invite.refused",
            invite.child_id,
            answer.value,
            school=invite.school_id,
        )
        if answer is Answer.SELF and record is not None:
            values["until"] = register.moment(record, invite.expires_at)
        if answer is Answer.ALREADY and child is not None:
            values["child"] = child.given_name
        if answer is Answer.USED and child is not None:
            await _alert(talk, child)
    await talk.reply(answer.value.lower(), **values)


async def _tell_of_the_gone(talk: Talk, invite: Invite) -> None:
    """Tell who issued an open invite that its child is no pupil any more, and end the invite.

    The redeemer learns nothing of it: E-CHILD-GONE reads as E-UNKNOWN.
    """
    tx = talk.tx
    if invite.revoked:
        # At once: the time of the answer must not tell a code that was real from an invented one.
        return
    child = await accounts.person(tx, invite.child_id)
    enrolled = {record.id for record, _ in await register.enrolled(tx, invite.child_id)}
    if child is None or invite.school_id in enrolled:
        return
    await invites.revoke(tx, child.id, "bot", "the child is no pupil here")
    record = await register.school(tx, invite.school_id)
    if record is None:
        return
    told = set(await kin.last_class_teachers(tx, child.id, record.id, record.day(tx.now)))
    told |= {invite.issued_by} - {child.id}
    told = told or set(await register.administrators(tx, record))
    await talk.inform(sorted(told), "child-gone", child=child.full_name)


async def _alert(talk: Talk, child: Person) -> None:
    """Warn everybody concerned that somebody else holds an invite that was used (scenario 08)."""
    links = await kin.links_of_child(talk.tx, child.id)
    teachers = await register.class_teachers(talk.tx, child.id)
    told = dict.fromkeys([child.id, *(link.parent_id for link in links), *teachers])
    await talk.inform(list(told), "used-alert", child=child.full_name)


async def put_to(
    talk: Talk, mxid: str, person: Person, language: str, invite: Invite
) -> Answer | None:
    """Ask somebody else about the child of an invite issued for them: they were not given the code.

    They confirm on their own like everybody (S-38). Returns why they cannot; then nothing is asked.
    """
    asked = Talk(
        talk.tx,
        talk.texts,
        talk.settings,
        event_id=talk.event_id,
        mxid=mxid,
        person=person,
        language=language,
    )
    verdict = await _verdict(asked, invite, grace=0)
    if not isinstance(verdict, _Case):
        return verdict
    await dialogues.open_dialogue(talk.tx, mxid, {"topic": TOPIC, "invite": invite.id})
    # They see the child's data by it, as with a code.
    school = verdict.record.id
    audit.record(talk.tx, asked.actor, "invite.open", verdict.child.id, school=school)
    await talk.tell(mxid, *_question(asked, verdict))
    return None


async def _ask(talk: Talk, case: _Case) -> None:
    await talk.answer(*_question(talk, case))


def _question(talk: Talk, case: _Case) -> tuple[Text, Sequence[Offer]]:
    text = talk.text(
        "confirm-ask",
        **{"class": case.place.class_name},
        child=case.child.full_name,
        school=case.place.school_name,
    )
    if not talk.on_page:
        text = paragraphs([text, talk.text("confirm-how")])
    # The invite stands in the offer, so that tapping below an older question is about its child.
    yes = f"{commands.word(Name.CONFIRM, talk.language)} {case.invite.id}"
    no = f"{commands.word(Name.NOT_MINE, talk.language)} {case.invite.id}"
    return text, (Offer("✅", yes), Offer("❌", no))


# --- the answer -----------------------------------------------------------------------------


async def confirm(talk: Talk, invite_id: str) -> None:
    """Make this person a parent of the child they were asked about, and tell everybody concerned.

    The rules are asked again: since the question a second parent may have come, the invite may have
    been revoked, the child may have left (S-53). What was asked in time may be answered a little
    late (scenario 09).
    """
    invite = await invites.by_id(talk.tx, invite_id)
    verdict = await _verdict(talk, invite, await _grace(talk, invite))
    noted = await correcting.noted(talk)
    await _close(talk, invite_id)
    if not isinstance(verdict, _Case):
        await _refuse(talk, invite, verdict)
        return
    try:
        async with talk.tx.attempt():
            parent, link = await _link(talk, verdict)
    except _Refused as e:
        await _refuse(talk, invite, e.answer)
        return
    await _tell_everybody(talk, verdict, parent, link)
    values = noted.get(verdict.child.id, {})
    await correcting.carry_out(talk, verdict.profile, parent.id, values)


async def _link(talk: Talk, case: _Case) -> tuple[Person, ParentLink]:
    tx, invite, child = talk.tx, case.invite, case.child
    named = await kin.guardian_with(tx, invite.school_id, child.id, talk.contacts)
    parent = talk.person or await _newcomer(talk, named)
    by_roster = await kin.is_expected(tx, invite.school_id, child.id, parent.id)
    sent_away = await kin.was_sent_away(tx, child.id, parent.id)
    if named is not None and named.parent_id != parent.id:
        # The roster's word is for one account; nor is a second one a way back for who was removed.
        free = not await accounts.mxids_of(tx, named.parent_id)
        by_roster = by_roster or (named.access and free)
        sent_away = sent_away or await kin.was_sent_away(tx, child.id, named.parent_id)
    vouched = invite.for_person == parent.id or (by_roster and not sent_away)
    waits = kinship.waits_after_confirming(
        talk.settings.access_policy,
        vouched=vouched,
        child_decides=consent.child_decides(
            child.birth_date, case.record.day(tx.now), talk.settings.consent_age
        ),
    )
    if sent_away and not vouched:
        # Under every policy: else a code would undo at once what two people decided on paper.
        waits |= {Waits.SCHOOL}
    state = LinkState.PENDING if waits else LinkState.ACTIVE
    link = ParentLink(child.id, parent.id, state, waits, vouched)
    refused = await kin.link(tx, link, parent.id)
    if refused is not None:
        raise _Refused(refused)
    if not await invites.use(tx, invite.id, parent.id, once=talk.settings.single_use):
        now = await invites.by_id(tx, invite.id)
        raise _Refused(Answer.UNKNOWN if now is None or now.revoked else Answer.USED)
    await consents.give(tx, child.id, parent.id, CONSENT_VERSION, school=invite.school_id)
    return parent, link


async def _newcomer(talk: Talk, named: ExpectedParent | None) -> Person:
    """Make a person of an account nobody knew, called as it calls itself (S-35).

    A guardian whom the roster names with a contact that the homeserver has verified for the account
    is that person, unless they have an account already.
    """
    if named is not None and not await accounts.mxids_of(talk.tx, named.parent_id):
        guardian = await accounts.person(talk.tx, named.parent_id)
        if guardian is not None:
            await accounts.add_account(talk.tx, talk.mxid, guardian.id)
            return guardian
    localpart = talk.mxid.removeprefix("@").partition(":")[0]
    called, account = (classes.inert(said) for said in (talk.display_name, localpart))
    name = harmless(called, _LONGEST_NAME) or harmless(account, _LONGEST_NAME)
    person_id = await accounts.add_person(talk.tx, "", name)
    await accounts.add_account(talk.tx, talk.mxid, person_id)
    person = await accounts.person(talk.tx, person_id)
    if person is None:
        raise LookupError("a person just added is not there")
    return person


async def _tell_everybody(talk: Talk, case: _Case, parent: Person, link: ParentLink) -> None:
    tx, child = talk.tx, case.child
    names: dict[str, Any] = {
        "child": child.full_name,
        "parent": parent.full_name,
        "class": case.place.class_name,
    }
    by_school, by_child = (who in link.waits_for for who in (Waits.SCHOOL, Waits.CHILD))
    closed = not by_school and await approving.stays_closed(tx, child.id, parent.id)
    waiting_word = "i-pending" if by_school else "i-pending-child" if by_child else "confirmed"
    await talk.reply("confirmed-closed" if closed else waiting_word, **names)
    no = parting.disowning_offer(child.id, parent.id)
    if by_child:
        await approving.ask_child(talk, child, parent)
    else:
        key = "news-child-pending" if by_school else "news-child"
        await talk.inform([child.id], key, offers=no, **names)
    links = await kin.links_of_child(tx, child.id)
    active = {held.parent_id for held in links if held.state is LinkState.ACTIVE}
    for other in await parting.others(talk, child.id, parent.id):
        may_say_no = other in active and not link.vouched
        key = "news-other-parent" if may_say_no else "news-other-parent-known"
        await talk.inform([other], key, offers=no if may_say_no else _none, **names)
    teachers = await _reachable(talk, await register.class_teachers(tx, child.id), parent)
    if not by_school:
        for teacher in teachers:
            denied = await approving.is_denied_before(tx, teacher, child.id, parent.id)
            key = "news-teacher-denied" if denied else "news-teacher"
            await talk.inform([teacher], key, offers=no, **names)
        return
    deciders = teachers or await _reachable(
        talk, await register.administrators(tx, case.record), parent
    )
    waiting = register.Waiting(child, parent, case.place.class_name)
    await approving.ask(talk, deciders, waiting, talk.mxid)


def _none(_language: str) -> Sequence[Offer]:
    return ()


async def _reachable(talk: Talk, person_ids: Sequence[str], parent: Person) -> Sequence[str]:
    """Leave out who has no account, and the parent: nobody is asked about themselves."""
    return [
        person_id
        for person_id in person_ids
        if person_id != parent.id and await accounts.mxids_of(talk.tx, person_id)
    ]


async def not_mine(talk: Talk, invite_id: str) -> None:
    """Take back an invite that reached somebody else's parent; child and class teacher are told."""
    tx = talk.tx
    invite = await invites.by_id(tx, invite_id)
    child = await accounts.person(tx, invite.child_id) if invite else None
    if invite is None or child is None:
        await talk.reply(Answer.UNKNOWN.value.lower())
        return
    if any(link.parent_id == talk.person_id for link in await kin.links_of_child(tx, child.id)):
        await talk.reply("not-mine-late", child=child.given_name)
        return
    await _close(talk, invite_id)
    if not invite.revoked:
        await invites.revoke(tx, child.id, talk.actor, "not my child")
        await talk.inform([child.id], "not-mine-child")
        teachers = await register.class_teachers(tx, child.id)
        await talk.inform(teachers, "not-mine-teacher", child=child.full_name)
    await talk.reply("not-mine")


async def _close(talk: Talk, invite_id: str) -> None:
    """Close the question about an invite; one about another child stays open."""
    asked = await dialogues.dialogue(talk.tx, talk.mxid)
    if asked is not None and asked[0].get("invite") == invite_id:
        await dialogues.close_dialogue(talk.tx, talk.mxid)


async def _grace(talk: Talk, invite: Invite | None) -> int:
    """Return what is added to an invite's life: something for a question asked before its end."""
    asked = await dialogues.dialogue(talk.tx, talk.mxid)
    if invite is None or asked is None or asked[0].get("invite") != invite.id:
        return 0
    return talk.settings.confirm_grace if asked[1] < invite.expires_at else 0
