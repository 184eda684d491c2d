"""A pupil asks for an invite for a parent (S-30, scenarios 01 and 06)."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING

from sferum_bridge.bot import register
from sferum_bridge.school import kinship
from sferum_bridge.store import kin

if TYPE_CHECKING:
    from sferum_bridge.bot.talk import Talk


class Action(StrEnum):
    """What somebody had no right to; the text E-RIGHT says who has."""

    INVITE = "invite"
    APPROVE = "approve"


async def invite_parent(talk: Talk) -> None:
    """Issue an invite of the pupil's own profile and show it: code, link, validity.

    An earlier invite of the same child ends with it. Whoever is no pupil has no profile to invite
    to, and learns whom to ask (E-RIGHT); a child with two parents gets no third invite (S-53).
    """
    places = await register.enrolled(talk.tx, talk.person_id)
    if not places:
        await talk.reply("e-right", action=Action.INVITE)
        return
    links = await kin.links_of_child(talk.tx, talk.person_id)
    if kinship.may_issue(talk.person_id, links):
        await talk.reply("e-full-invite")
        return
    record, _ = places[0]
    life = talk.settings.invite_life
    code = await kin.issue(talk.tx, talk.person_id, record.id, talk.person_id, talk.event_id, life)
    await talk.reply(
        "invite-code",
        code=code,
        link=f"{talk.settings.public_url.rstrip('/')}/i/{code}",
        until=register.moment(record, talk.tx.now + life),
        bot=talk.settings.bot_mxid,
    )
