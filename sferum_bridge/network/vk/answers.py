"""What the entries of a batch are, once all that had to be asked for has been answered. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from sferum_bridge.network.base import RemoteDeletion, RemoteEdit, RemoteEvent, RemoteMessage
from sferum_bridge.network.content import Content
from sferum_bridge.network.vk.messages import UNKNOWN
from sferum_bridge.network.vk.reactions import read_counters
from sferum_bridge.network.vk.updates import Ask, Reacted, Want, read_mark

if TYPE_CHECKING:
    from sferum_bridge.network.vk.messages import Whole

_MARKS = {Want.READ_BY_ME: True, Want.READ_BY_PEER: False}
DELETIONS = {Want.DELETION: False, Want.DELETION_FOR_ALL: True}
"""Whether a deletion is for all."""


@dataclass(slots=True)
class Found:
    """Messages that were asked for, by both of their names, and what VK did not tell of.

    `refused` it did not want to tell of, `too_much` is more than can be taken or cannot be read.
    """

    by_place: dict[tuple[int, int], Whole] = field(default_factory=dict)
    by_id: dict[int, Whole] = field(default_factory=dict)
    refused: set[tuple[int, int]] = field(default_factory=set)
    too_much: set[tuple[int, int]] = field(default_factory=set)

    def add(self, whole: Whole) -> None:
        """Note a message that was found."""
        self.by_place[whole.peer_id, whole.cmid] = whole
        if whole.message_id:
            self.by_id[whole.message_id] = whole

    def get(self, ask: Ask) -> Whole | None:
        """Return the message asked for, if it was found."""
        if ask.message_id:
            return self.by_id.get(ask.message_id)
        return self.by_place.get((ask.peer_id, ask.cmid))


def answered(
    ask: Ask, found: Found, account_id: str, newest: set[tuple[str, str]]
) -> list[RemoteEvent | Reacted | Ask]:
    """Return what an entry is, now that all that was asked for has been answered."""
    if ask.want is Want.REACTIONS:
        return [ask]
    whole = found.get(ask)
    if whole is None:
        hint = _instead(ask, found)
        return [_as_wanted(ask, hint)] if hint else []
    if ask.want in _MARKS:
        by_me = _MARKS[ask.want]
        return [read_mark(whole.peer_id, whole.cmid, account_id, by_me=by_me)]
    place = str(whole.peer_id), str(whole.cmid)
    # That its time is over is told by no other update; that it was deleted is.
    over = whole.expired and ask.want is Want.EDIT
    if ask.want in DELETIONS or over:
        return [RemoteDeletion(*place, for_all=over or DELETIONS[ask.want])]
    if whole.message is None or place in newest:
        return []
    newest.add(place)
    return [_as_wanted(ask, whole.message), *_reactions_of(whole)]


def unreadable(peer_id: int, cmid: int) -> RemoteMessage:
    """Return a message of which nothing is known but that it is there."""
    said = Content(parts=(UNKNOWN,))
    return RemoteMessage(str(peer_id), str(cmid), sender_id="", content=said, sent_at=0)


def _instead(ask: Ask, found: Found) -> RemoteMessage | None:
    """Return what has to do for a message that VK did not tell of."""
    place = ask.peer_id, ask.cmid
    if place in found.too_much and ask.want is Want.MESSAGE:
        return ask.hint or unreadable(*place)
    return ask.hint if place in found.refused | found.too_much else None


def _as_wanted(ask: Ask, message: RemoteMessage) -> RemoteMessage | RemoteEdit:
    return message if ask.want is Want.MESSAGE else RemoteEdit(message)


def _reactions_of(whole: Whole) -> list[Reacted | Ask]:
    if not whole.reactions:
        return []
    by = read_counters(whole.reactions)
    if by is None:
        return [Ask(Want.REACTIONS, whole.peer_id, whole.cmid)]
    return [Reacted(whole.peer_id, whole.cmid, by)]
