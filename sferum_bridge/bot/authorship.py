"""Whose words a reported message holds, for whoever wrote it must not learn who reports it (S-41).

    an account ─► its person, or whose it was before it was replaced
    a ghost    ─► whoever logged in with that Sferum account
    the bot    ─► the author of the announcement it posted, else the owner of the chat's login

A ghost whose owner never logged in is nobody to the bridge: it cannot know which person of the
school that is.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sferum_bridge.store import accounts, announcements, chats

if TYPE_CHECKING:
    from sferum_bridge.bot.talk import Talk
    from sferum_bridge.school.people import Person


@dataclass(frozen=True, slots=True)
class Authorship:
    """Who wrote a message, as far as that can be known."""

    author: Person | None
    """Who surely did; `None` for somebody unknown."""
    about: str
    """The id of whoever did or may have, and so hears nothing of a report; empty for nobody."""


async def of_message(talk: Talk, room_id: str, event_id: str, sender: str) -> Authorship:
    """Return whose words an event of a room holds; `sender` is the account that sent it."""
    tx, settings = talk.tx, talk.settings
    if sender == settings.bot_mxid:
        author_id = await announcements.author_of_post(tx, room_id, event_id)
        if author_id:
            return _sure(await accounts.person(tx, author_id))
        # What the bot relays, with a name in front, may be the owner's of the login as well.
        owner = await accounts.person_of(tx, await chats.owner_of_room(tx, room_id))
        return Authorship(None, owner.id if owner else "")
    if settings.is_ours(sender):
        remote_id = sender.partition(":")[0].removeprefix(settings.ghost_prefix)
        mxid = await chats.owner_of_account(tx, remote_id)
        return _sure(await accounts.person_of(tx, mxid) if mxid else None)
    person = await accounts.person_of(tx, sender)
    return _sure(person or await accounts.person_before(tx, sender))


def _sure(person: Person | None) -> Authorship:
    return Authorship(person, person.id if person else "")
