"""Somebody gives a code, sees the child's data, and confirms to be the parent (S-36…S-39).

    a code ──► may this person? ── no ──► why not; nothing is used up (I-5)
                    │ yes
                    ▼
    child's name, class, school and the consent: the question, kept in the store
                    │
       ✅ confirm   │   ❌ not mine                      anything else: asked again
                    ▼
    may this person still? ──► link and notices, or: invite revoked, child and class teacher told

Every arrow is one event and one transaction. Between them lies only the stored question, so a
restart loses nothing, and two who confirm for the last slot are parted by the database (I-2).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sferum_bridge.bot import approving, commands, register
from sferum_bridge.bot.commands import Name
from sferum_bridge.bot.texts import harmless
from sferum_bridge.matrix.outbox import Offer
from sferum_bridge.school import kinship
from sferum_bridge.school.kinship import Answer
from sferum_bridge.school.people import LinkState
from sferum_bridge.store import accounts, audit, dialogues, kin

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sferum_bridge.bot.talk import Talk
    from sferum_bridge.school.kinship import Invite
    from sferum_bridge.school.people import Person
    from sferum_bridge.store.kin import Place
    from sferum_bridge.store.schools import SchoolRecord

CONSENT_VERSION = "1"
"""Of the sentence of consent in `confirm-ask`; goes into the audit log with each confirmation."""

_MINUTE = 60_000
_LONGEST_NAME = 80


@dataclass(frozen=True, slots=True)
class _Case:
    """A valid invite, and the child it is for."""

    invite: Invite
    child: Person
    record: SchoolRecord
    place: Place


class _Refused(Exception):
    """The database refused the link; what was written for it is taken back."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(answer)
        self.answer = answer


# --- a code ---------------------------------------------------------------------------------


async def give_code(talk: Talk, symbols: str, *, quietly: bool = False) -> None:
    """Take a code: show the child it is for and ask, or say why not.

    After too many wrong codes none is looked at for a while, right or wrong, of this account alone
    (E-RATE). `quietly` is for a code seen in a room of several people: what is no code of ours was
    not meant for the bot.
    """
    settings, tx = talk.settings, talk.tx
    since = tx.now - settings.attempts_window
    failed, first = await dialogues.attempts_since(tx, talk.mxid, since)
    if failed >= settings.attempts:
        if not quietly:
            minutes = -(-(first + settings.attempts_window - tx.now) // _MINUTE)
            await talk.reply("e-rate", minutes=max(1, minutes))
        return
    invite = await kin.find(tx, symbols)
    verdict = await _verdict(talk, invite, grace=0)
    if isinstance(verdict, _Case):
        await dialogues.open_dialogue(tx, talk.mxid, {"invite": verdict.invite.id})
        audit.record(tx, talk.actor, "invite.open", verdict.child.id)
        await _ask(talk, verdict)
    elif not (quietly and verdict is Answer.UNKNOWN):
        if verdict is Answer.UNKNOWN:
            await dialogues.note_attempt(tx, talk.mxid)
        await _refuse(talk, invite, verdict)


async def ask_again(talk: Talk, invite_id: str) -> None:
    """Repeat the question that is open."""
    invite = await kin.invite(talk.tx, invite_id)
    verdict = await _verdict(talk, invite, await _grace(talk, invite))
    if isinstance(verdict, _Case):
        await _ask(talk, verdict)
    else:
        await _close(talk, invite_id)
        await _refuse(talk, invite, verdict)


async def _verdict(talk: Talk, invite: Invite | None, grace: int) -> _Case | Answer:
    # The same questions whether or not there is such an invite, so that time tells nothing.
    tx = talk.tx
    child_id = invite.child_id if invite else ""
    child = await accounts.person(tx, child_id)
    enrolled = await register.enrolled(tx, child_id)
    links = await kin.links_of_child(tx, child_id)
    is_pupil = bool(await register.enrolled(tx, talk.person_id))
    here = [at for at in enrolled if invite and at[0].id == invite.school_id]
    answer = kinship.may_redeem(
        invite,
        kinship.Redeemer(talk.person_id, is_pupil),
        links,
        child_is_pupil=bool(here),
        now=tx.now,
        grace=grace,
    )
    if answer is not None:
        return answer
    if invite is None or child is None:
        return Answer.UNKNOWN
    return _Case(invite, child, *here[0])


async def _refuse(talk: Talk, invite: Invite | None, answer: Answer) -> None:
    values: dict[str, Any] = {}
    if invite is not None and answer is not Answer.UNKNOWN:
        audit.record(talk.tx, talk.actor, "invite.refused", invite.child_id, answer.value)
        record = await register.school(talk.tx, invite.school_id)
        child = await accounts.person(talk.tx, invite.child_id)
        if answer is Answer.SELF and record is not None:
            values["until"] = register.moment(record, invite.expires_at)
        if answer is Answer.ALREADY and child is not None:
            values["child"] = child.given_name
    await talk.reply(answer.value.lower(), **values)


async def _ask(talk: Talk, case: _Case) -> None:
    text = talk.text(
        "confirm-ask",
        **{"class": case.place.class_name},
        child=case.child.full_name,
        school=case.place.school_name,
    )
    # The invite stands in the offer, so that tapping below an older question is about its child.
    yes = f"{commands.word(Name.CONFIRM, talk.language)} {case.invite.id}"
    no = f"{commands.word(Name.NOT_MINE, talk.language)} {case.invite.id}"
    await talk.answer(text, (Offer("✅", yes), Offer("❌", no)))


# --- the answer -----------------------------------------------------------------------------


async def confirm(talk: Talk, invite_id: str) -> None:
    """Make this person a parent of the child they were asked about, and tell everybody concerned.

    The rules are asked again: since the question a second parent may have come, the invite may have
    been revoked, the child may have left (S-53). What was asked in time may be answered a little
    late (scenario 09).
    """
    invite = await kin.invite(talk.tx, invite_id)
    verdict = await _verdict(talk, invite, await _grace(talk, invite))
    await _close(talk, invite_id)
    if not isinstance(verdict, _Case):
        await _refuse(talk, invite, verdict)
        return
    try:
        async with talk.tx.attempt():
            parent, state = await _link(talk, verdict)
    except _Refused as e:
        await _refuse(talk, invite, e.answer)
        return
    await _tell_everybody(talk, verdict, parent, state)


async def _link(talk: Talk, case: _Case) -> tuple[Person, LinkState]:
    tx = talk.tx
    parent = talk.person or await _newcomer(talk)
    expected = await kin.is_expected(tx, case.invite.school_id, case.child.id, parent.id)
    state = kinship.state_after_confirming(talk.settings.access_policy, expected=expected)
    refused = await kin.link(tx, case.child.id, parent.id, state, parent.id)
    if refused is not None:
        raise _Refused(refused)
    audit.record(tx, parent.id, "consent.give", case.child.id, f"text {CONSENT_VERSION}")
    return parent, state


async def _newcomer(talk: Talk) -> Person:
    """Make a person of an account nobody knew, called as it calls itself (S-35)."""
    localpart = talk.mxid.removeprefix("@").partition(":")[0]
    name = harmless(talk.display_name, _LONGEST_NAME) or harmless(localpart, _LONGEST_NAME)
    person_id = await accounts.add_person(talk.tx, "", name)
    await accounts.add_account(talk.tx, talk.mxid, person_id)
    person = await accounts.person(talk.tx, person_id)
    if person is None:
        raise LookupError("a person just added is not there")
    return person


async def _tell_everybody(talk: Talk, case: _Case, parent: Person, state: LinkState) -> None:
    tx, child = talk.tx, case.child
    names: dict[str, Any] = {
        "child": child.full_name,
        "parent": parent.full_name,
        "class": case.place.class_name,
    }
    pending = state is LinkState.PENDING
    await talk.reply("i-pending" if pending else "confirmed", **names)
    await talk.inform([child.id], "news-child-pending" if pending else "news-child", **names)
    links = await kin.links_of_child(tx, child.id)
    others = [link.parent_id for link in links if link.parent_id != parent.id]
    await talk.inform(others, "news-other-parent", **names)
    teachers = await _reachable(talk, await register.class_teachers(tx, child.id), parent)
    if not pending:
        await talk.inform(teachers, "news-teacher", **names)
        return
    deciders = teachers or await _reachable(
        talk, await register.administrators(tx, case.record), parent
    )
    waiting = register.Waiting(child, parent, case.place.class_name)
    await approving.ask(talk, deciders, waiting, talk.mxid)


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
    invite = await kin.invite(tx, invite_id)
    child = await accounts.person(tx, invite.child_id) if invite else None
    if invite is None or child is None:
        await talk.reply(Answer.UNKNOWN.value.lower())
        return
    if any(link.parent_id == talk.person_id for link in await kin.links_of_child(tx, child.id)):
        await talk.reply("not-mine-late", child=child.given_name)
        return
    await _close(talk, invite_id)
    if not invite.revoked:
        await kin.revoke(tx, child.id, talk.actor, "not my child")
        await talk.inform([child.id], "not-mine-child")
        teachers = await register.class_teachers(tx, child.id)
        await talk.inform(teachers, "not-mine-teacher", child=child.full_name)
    await talk.reply("not-mine")


async def _close(talk: Talk, invite_id: str) -> None:
    """Close the question about an invite; one about another child stays open."""
    asked = await dialogues.dialogue(talk.tx, talk.mxid)
    if asked is not None and asked[0]["invite"] == invite_id:
        await dialogues.close_dialogue(talk.tx, talk.mxid)


async def _grace(talk: Talk, invite: Invite | None) -> int:
    """Return what is added to an invite's life: something for a question asked before its end."""
    asked = await dialogues.dialogue(talk.tx, talk.mxid)
    if invite is None or asked is None or asked[0]["invite"] != invite.id:
        return 0
    return talk.settings.confirm_grace if asked[1] < invite.expires_at else 0
