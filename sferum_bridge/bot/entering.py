"""A pupil comes in by an invite: with an account the page makes, or one there is (S-32, S-34).

    page /p/… : chooses a password, account made   or   signed in already: gives the bot
                             │                          the code, is asked, says yes
                             └──────────────┬─────────────────────────┘
                                            ▼
         may this invite still? ──► account tied, invite used up, class teacher told at once

Whoever holds the code can come in as the pupil it names and as nobody else, so the teacher learns
of it in the same moment. An account that the school knows is nobody's newcomer: a parent, or a
pupil of a higher grade, who gives such a code is told whose it is for, and uses nothing up (I-5).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sferum_bridge.bot import commands, finding, register
from sferum_bridge.bot.commands import Name
from sferum_bridge.matrix.outbox import Offer
from sferum_bridge.store import accounts, audit, dialogues, mails, pupil_invites

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sferum_bridge.bot.commands import Command
    from sferum_bridge.bot.talk import Talk
    from sferum_bridge.school.people import Person
    from sferum_bridge.store.database import Tx
    from sferum_bridge.store.kin import Place
    from sferum_bridge.store.pupil_invites import PupilInvite
    from sferum_bridge.store.schools import SchoolRecord

TOPIC = "enlist"


@dataclass(frozen=True, slots=True)
class Newcomer:
    """The pupil of an invite that holds."""

    invite: PupilInvite
    person: Person
    record: SchoolRecord
    place: Place


async def newcomer(tx: Tx, invite: PupilInvite | None) -> Newcomer | None:
    """Return the pupil whom an invite lets in now, `None` when it lets nobody in."""
    if invite is not None and not invite.is_open(tx.now):
        invite = None
    # The same questions, and as empty answers, whether an invite has ended or never was: time must
    # not tell the two apart.
    person_id, school_id = (invite.person_id, invite.school_id) if invite else ("", "")
    issuer, group = (invite.issued_by, invite.issued_as) if invite else ("", "")
    person = await accounts.person(tx, person_id)
    places = [at for at in await register.enrolled(tx, person_id) if at[0].id == school_id]
    has_account = bool(await accounts.mxids_of(tx, person_id))
    issuer_may = await register.holds(tx, issuer, group)
    if invite is None or person is None or not places or has_account or not issuer_may:
        return None
    return Newcomer(invite, person, *places[0])


async def name_of(tx: Tx, who: Newcomer) -> str:
    """Return the name by which the class tells a pupil from a namesake (scenario 22)."""
    within = frozenset({who.place.class_id})
    found = await finding.pupils(tx, who.record, who.person.id, class_ids=within)
    return found[0].label if found else who.person.full_name


async def let_in(talk: Talk, invite_id: str, mxid: str) -> Newcomer | None:
    """Tie an account nobody knows to the pupil of an invite; the class teacher is told at once.

    `None`, and nothing done, when the invite holds no more: whoever was quicker has it.
    """
    tx = talk.tx
    who = await newcomer(tx, await pupil_invites.by_id(tx, invite_id))
    if who is None or not await pupil_invites.use(tx, invite_id):
        return None
    await mails.withdraw(tx, who.person.id)
    await accounts.add_account(tx, mxid, who.person.id)
    reason = f"pupil invite {invite_id}"
    audit.record(tx, who.person.id, "account.tie", who.person.id, reason, school=who.record.id)
    told = dict.fromkeys(await register.class_teachers(tx, who.person.id))
    told[who.invite.issued_by] = None
    names: dict[str, Any] = {"class": who.place.class_name, "child": who.person.full_name}
    await talk.inform(list(told), "enlisted-teacher", **names, account=mxid)
    return who


async def give_code(talk: Talk, command: Command) -> bool:
    """Take the code of a pupil's invite from somebody who is signed in already.

    An account nobody knows is asked; whoever the school knows cannot become this pupil, and the
    invite stays as it was (I-5). False when it is no such code.
    """
    who = await newcomer(talk.tx, await pupil_invites.find(talk.tx, command.code))
    if who is None:
        return False
    if talk.person is not None:
        await talk.reply("enlist-known")
        return True
    await dialogues.open_dialogue(talk.tx, talk.mxid, {"topic": TOPIC, "invite": who.invite.id})
    school = who.invite.school_id
    audit.record(talk.tx, talk.actor, "pupil-invite.open", who.person.id, school=school)
    await _ask(talk, who)
    return True


async def go_on(talk: Talk, state: Mapping[str, Any], command: Command) -> None:
    """Go on with the question whether somebody is the pupil of an invite."""
    invite_id = str(state["invite"])
    match command.name:
        case Name.CANCEL | Name.NOT_MINE:
            await dialogues.close_dialogue(talk.tx, talk.mxid)
            await talk.reply("cancelled")
        case Name.CONFIRM if command.offered or not command.argument:
            await _confirm(talk, invite_id)
        case _:
            who = await newcomer(talk.tx, await pupil_invites.by_id(talk.tx, invite_id))
            if who is None:
                await _close(talk, invite_id)
                await talk.reply("e-unknown")
            else:
                await _ask(talk, who)


async def _ask(talk: Talk, who: Newcomer) -> None:
    text = talk.text(
        "enlist-ask",
        **{"class": who.place.class_name},
        child=who.person.full_name,
        school=who.place.school_name,
    )
    # Topic and invite stand in the offer: an older question must not answer a newer one.
    yes = f"{commands.word(Name.CONFIRM, talk.language)} {TOPIC} {who.invite.id}"
    no = commands.word(Name.CANCEL, talk.language)
    await talk.answer(text, (Offer("✅", yes), Offer("❌", no)))


async def _confirm(talk: Talk, invite_id: str) -> None:
    await _close(talk, invite_id)
    if talk.person is not None:
        await talk.reply("enlist-known")
        return
    who = await let_in(talk, invite_id, talk.mxid)
    if who is None:
        await talk.reply("e-unknown")
        return
    await talk.rename(who.person.id, await name_of(talk.tx, who))
    await talk.reply("enlist-done", **{"class": who.place.class_name}, child=who.person.full_name)


async def _close(talk: Talk, invite_id: str) -> None:
    asked = await dialogues.dialogue(talk.tx, talk.mxid)
    if asked is not None and asked[0].get("invite") == invite_id:
        await dialogues.close_dialogue(talk.tx, talk.mxid)
