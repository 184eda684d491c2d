"""What is done to the message an announcement was written in is done to the announcement (D-7).

Only its author's edits count, for the homeserver lets anybody send what claims to edit a message;
and the author's right is looked at again, for it may have ended since.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from sferum_bridge.bot import announced, announcing, broadcasting
from sferum_bridge.bot.announce_right import reached, still_reached
from sferum_bridge.bot.commands import Name
from sferum_bridge.school import announcements as rules
from sferum_bridge.school.announcements import Refused
from sferum_bridge.school.broadcasts import take_address
from sferum_bridge.store import announcements, broadcasts
from sferum_bridge.store.announcements import State

if TYPE_CHECKING:
    from sferum_bridge.bot.commands import Command
    from sferum_bridge.bot.reach import Reach
    from sferum_bridge.bot.talk import Talk
    from sferum_bridge.school.announcements import Audience
    from sferum_bridge.store.announcements import Announcement


async def edited(talk: Talk, event_id: str, command: Command | None) -> bool:
    """Have an edit follow everywhere; tell whether `event_id` is an announcement's message.

    `command` is what the edit says if it is one.
    """
    one = await announcements.of_event(talk.tx, event_id)
    if one is None:
        return False
    if talk.person_id == one.author_id and one.state is not State.WITHDRAWN:
        announces = command is not None and command.name in {Name.ANNOUNCE, Name.BROADCAST}
        await _edit(talk, one, command.argument if command and announces else talk.said)
    return True


async def taken_back(talk: Talk, event_id: str) -> None:
    """Have the end of the original message end the announcement."""
    one = await announcements.of_event(talk.tx, event_id)
    if one is not None:
        await announcing.take_back(talk, one)


async def _edit(talk: Talk, one: Announcement, text: str) -> None:
    place = await still_reached(talk.tx, talk.person_id, one)
    if place is None:
        await talk.reply("announce-right")
        return
    classes = rules.alive(place.school, place.record.day(talk.tx.now))
    broadcast, address = await broadcasts.of(talk.tx, one.id), ""
    if broadcast is not None:
        text, address = take_address(text)
        if address and not await broadcasting.is_watchable(talk, address):
            return
    audience, words = rules.split(text, classes)
    if not words:
        # A picture without words, say: what stands in the rooms is not blanked by it.
        await talk.reply("announce-edit-empty")
        return
    if await announcing.is_too_long(talk, words):
        return
    if broadcast is not None and address:
        await broadcasts.save(talk.tx, replace(broadcast, url=address))
    if one.state is not State.DRAFT:
        await announced.revise(talk, one, words)
        if audience is not None and not _is_the_same(place, audience, one):
            await talk.reply("announce-same-audience")
        return
    await announcements.change(talk.tx, one, text=words)
    if audience is None:
        await announcing.show_anew(talk, one.id)
    else:
        await announcing.settle(talk, one, audience)


def _is_the_same(place: Reach, audience: Audience, one: Announcement) -> bool:
    try:
        return reached(place, audience) == one.audience
    except Refused:
        return False
