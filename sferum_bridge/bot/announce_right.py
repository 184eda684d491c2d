"""What somebody may announce: asked anew at each step, for a right may have ended since (S-08)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sferum_bridge.bot.reach import reach_of_person
from sferum_bridge.school import announcements as rules
from sferum_bridge.school.announcements import Refused

if TYPE_CHECKING:
    from sferum_bridge.bot.reach import Reach
    from sferum_bridge.school.announcements import Audience
    from sferum_bridge.store.announcements import Announcement
    from sferum_bridge.store.database import Tx


def reached(place: Reach | None, audience: Audience) -> Audience:
    """Return an audience as somebody reaches it; raises `Refused`."""
    if place is None:
        raise Refused
    if place.everywhere:
        return audience
    return rules.narrowed(audience, place.led, place.school)


async def place_of(tx: Tx, person_id: str, one: Announcement) -> Reach | None:
    """Return what a person may reach today at the school of an announcement."""
    reaches = await reach_of_person(tx, person_id)
    return next((reach for reach in reaches if reach.record.id == one.school_id), None)


async def still_reached(tx: Tx, person_id: str, one: Announcement) -> Reach | None:
    """Return what a person may reach, `None` where that is not all the announcement is for."""
    place = await place_of(tx, person_id, one)
    try:
        if one.audience is not None:
            reached(place, one.audience)
    except Refused:
        return None
    return place
