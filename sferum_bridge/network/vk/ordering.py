"""The order in which what a batch tells is taken. Pure.

VK numbers the messages of a chat, and so their order is known whatever order they are told in. Of
an edit or a reaction nothing says when it was: where a batch tells more than once of the same
message, it is asked what holds now.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import TYPE_CHECKING

from sferum_bridge.network.base import RemoteDeletion, RemoteEdit, RemoteMessage
from sferum_bridge.network.vk.updates import Ask, Reacted, Want

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sferum_bridge.network.vk.updates import Entry

    Place = tuple[int, int]


def in_order(entries: Sequence[Entry]) -> list[Entry]:
    """Return entries with each chat's new messages in their order, and behind each its changes."""
    entries = _with_the_news_asked(entries)
    new: dict[int, list[int]] = defaultdict(list)
    for index, entry in enumerate(entries):
        if place := _new(entry):
            new[place[0]].append(index)
    ordered = list(entries)
    for indices in new.values():
        by_number = sorted((entries[index] for index in indices), key=_number)
        for index, entry in zip(indices, by_number, strict=True):
            ordered[index] = entry
    return _changes_behind(ordered)


def _with_the_news_asked(entries: Sequence[Entry]) -> list[Entry]:
    """Return entries with one question in place of all edits, or all reactions, of a message."""
    told = Counter(key for entry in entries if (key := _change(entry)))
    asked: dict[tuple[Place, bool], int] = {}
    for index, entry in enumerate(entries):
        key = _change(entry)
        if key and told[key] > 1 and not isinstance(entry, RemoteDeletion):
            asked[key] = index
    kept: list[Entry] = []
    for index, entry in enumerate(entries):
        key = _change(entry)
        if key not in asked or isinstance(entry, RemoteDeletion):
            kept.append(entry)
        elif asked[key] == index:
            (peer_id, cmid), is_reaction = key
            hint = entry.message if isinstance(entry, RemoteEdit) else None
            want = Want.REACTIONS if is_reaction else Want.EDIT
            kept.append(Ask(want, peer_id, cmid, hint=hint))
    return kept


def _changes_behind(entries: Sequence[Entry]) -> list[Entry]:
    at = {place: index for index, entry in enumerate(entries) if (place := _new(entry))}
    early: dict[int, list[Entry]] = defaultdict(list)
    kept: list[tuple[int, Entry]] = []
    for index, entry in enumerate(entries):
        key = _change(entry)
        message = at.get(key[0], -1) if key else -1
        if message > index:
            early[message].append(entry)
        else:
            kept.append((index, entry))
    return [one for index, entry in kept for one in (entry, *early[index])]


def _new(entry: Entry) -> Place | None:
    """Return the place of a message that is told as new."""
    if isinstance(entry, RemoteMessage):
        return int(entry.chat_id), int(entry.message_id)
    if isinstance(entry, Ask) and entry.want is Want.MESSAGE and entry.cmid:
        return entry.peer_id, entry.cmid
    return None


def _number(entry: Entry) -> int:
    place = _new(entry)
    return place[1] if place else 0


def _change(entry: Entry) -> tuple[Place, bool] | None:
    """Return the place of a message that is told to have changed, and whether by a reaction."""
    match entry:
        case RemoteEdit(message):
            return (int(message.chat_id), int(message.message_id)), False
        case RemoteDeletion(chat_id, message_id):
            return (int(chat_id), int(message_id)), False
        case Reacted(peer_id, cmid) | Ask(Want.REACTIONS, peer_id, cmid):
            return (peer_id, cmid), True
        case Ask(Want.EDIT, peer_id, cmid) if cmid:
            return (peer_id, cmid), False
        case _:
            return None
