"""Invites for parents: who issues them, shown in which shape, and who takes them back (S-29…S-33).

    pupil ─────────────► own profile        ─┐
    class teacher ─────► pupil of own class ─┼─► may a parent still be invited (S-53)? ─► invite
    administrator ─────► pupil of the school ─┘     shown as code, link and QR; on paper: `slips`

One invite a child is open at a time, so a newer one ends an earlier one, whoever issued that. What
the school issues ends with the issuer's right (scenario 33), is told to the child, and is never for
a child of the issuer: nobody of the school makes themselves a parent (S-57).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sferum_bridge.bot import commands, printing, register
from sferum_bridge.bot.commands import Name
from sferum_bridge.bot.reach import Action, reach_of, the_pupil
from sferum_bridge.school import kinship
from sferum_bridge.store import invites, kin

if TYPE_CHECKING:
    from datetime import datetime

    from sferum_bridge.bot.commands import Command
    from sferum_bridge.bot.finding import Found
    from sferum_bridge.bot.reach import Reach
    from sferum_bridge.bot.talk import Talk
    from sferum_bridge.store.schools import SchoolRecord


_TOLD = {
    Name.INVITE: ("invite-how", "invite-words", Action.INVITE),
    Name.REVOKE: ("revoke-how", "revoke-words", Action.REVOKE),
}
"""What is said where a command does not name a pupil: to the school, to a pupil, to others."""


@dataclass(frozen=True, slots=True)
class Issued:
    """An invite that was just issued, as it is shown."""

    code: str
    link: str
    until: datetime


async def invite_parent(talk: Talk, command: Command) -> None:
    """Issue an invite and show it as code, link and QR picture.

    A pupil invites to the own profile, by the bare command alone: «invite mum tomorrow» is talk.
    Class teachers and administrators name the pupil. Whoever else learns whom to ask (E-RIGHT).
    """
    places = await register.enrolled(talk.tx, talk.person_id)
    if places and not command.argument:
        await _invite_to_own_profile(talk, places[0][0])
        return
    meant = await _named(talk, Name.INVITE, command.argument, is_pupil=bool(places))
    if meant is not None:
        await _invite_for(talk, *meant)


async def _named(
    talk: Talk, name: Name, argument: str, *, is_pupil: bool
) -> tuple[Reach, Found] | None:
    """Return the pupil whom somebody of the school names; `None` when they were asked or told.

    Told are the school how to name one, a pupil that the bare command is needed, and whoever else
    whose right it is.
    """
    how, bare, action = _TOLD[name]
    reaches = await reach_of(talk)
    if reaches and argument:
        return await the_pupil(talk, reaches, argument, commands.word(name, talk.language))
    if reaches:
        await talk.reply(how)
    elif is_pupil:
        await talk.reply(bare)
    else:
        await talk.reply("e-right", action=action)
    return None


async def _invite_to_own_profile(talk: Talk, record: SchoolRecord) -> None:
    links = await kin.links_of_child(talk.tx, talk.person_id)
    if kinship.may_issue(talk.person_id, links):
        await talk.reply("e-full-invite")
        return
    issued = await _issue(talk, record, talk.person_id, talk.event_id)
    await talk.reply(
        "invite-code",
        code=issued.code,
        link=issued.link,
        until=issued.until,
        count=parents_served(talk),
        bot=talk.settings.bot_mxid,
    )
    await _attach_picture(talk, issued)


async def _invite_for(talk: Talk, reach: Reach, pupil: Found) -> None:
    refusal = refusal_of(talk, reach, pupil)
    if refusal:
        await talk.reply(refusal, child=pupil.label)
        return
    issued = await issue_for(talk, reach, pupil)
    await talk.reply(
        "invite-code-school",
        child=pupil.label,
        code=issued.code,
        link=issued.link,
        until=issued.until,
        count=parents_served(talk),
        bot=talk.settings.bot_mxid,
    )
    await _attach_picture(talk, issued)


def refusal_of(talk: Talk, reach: Reach, pupil: Found) -> str:
    """Return the text that says why the school issues no invite for a pupil, empty when it does."""
    if reach.is_family(pupil.person.id, talk.person_id):
        return "invite-own-child"
    full = kinship.may_issue(pupil.person.id, reach.school.parent_links)
    return "e-full-school" if full else ""


async def issue_for(talk: Talk, reach: Reach, pupil: Found) -> Issued:
    """Issue an invite by the school's right, and tell the child: theirs has ended."""
    group = reach.group(pupil.class_id)
    seed = f"{talk.event_id}/{pupil.person.id}"
    issued = await _issue(talk, reach.record, pupil.person.id, seed, group)
    await talk.inform([pupil.person.id], "invite-told", issuer=_own_name(talk))
    return issued


async def _issue(
    talk: Talk, record: SchoolRecord, child_id: str, seed: str, group: str = ""
) -> Issued:
    life = talk.settings.invite_life
    code = await invites.issue(
        talk.tx, child_id, record.id, talk.person_id, seed, life, issued_as=group
    )
    link = f"{talk.settings.public_url.rstrip('/')}/i/{code}"
    return Issued(code, link, register.moment(record, talk.tx.now + life))


async def _attach_picture(talk: Talk, issued: Issued) -> None:
    await talk.attach(printing.qr(issued.link, talk.text("invite-picture").body))


def parents_served(talk: Talk) -> int:
    """Return how many parents one invite is good for (scenario 08)."""
    return 1 if talk.settings.single_use else kinship.MOST_PARENTS


def _own_name(talk: Talk) -> str:
    return talk.person.formal_name if talk.person else ""


# --- taking back ----------------------------------------------------------------------------


async def revoke(talk: Talk, command: Command) -> None:
    """End the open invites of a child: the pupil's own, or those of a pupil the school names.

    Like inviting, a pupil takes back by the bare command alone.
    """
    places = await register.enrolled(talk.tx, talk.person_id)
    if places and not command.argument:
        ended = await invites.revoke(talk.tx, talk.person_id, talk.person_id, "by the child")
        await talk.reply("revoke-done" if ended else "revoke-none")
        return
    meant = await _named(talk, Name.REVOKE, command.argument, is_pupil=bool(places))
    if meant is not None:
        await _revoke_for(talk, *meant)


async def _revoke_for(talk: Talk, reach: Reach, pupil: Found) -> None:
    child_id = pupil.person.id
    reason = f"as {reach.group(pupil.class_id)}"
    if await invites.revoke(talk.tx, child_id, talk.person_id, reason):
        await talk.inform([child_id], "revoke-told", issuer=_own_name(talk))
        await talk.reply("revoke-done-school", child=pupil.label)
    else:
        await talk.reply("revoke-none-school", child=pupil.label)
