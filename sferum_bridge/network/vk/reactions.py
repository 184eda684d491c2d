"""Reactions: VK's numbers for them, and who has which. Pure: no I/O, no log.

VK names a reaction by a number and gives pictures, no characters, so the table that says which
emoji a number is lies in the settings. A number that is not in it is shown as `№17`: never dropped,
and never taken for another.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sferum_bridge.network.vk.values import MalformedError, dicts, ident, integer, place_number

if TYPE_CHECKING:
    from collections.abc import Mapping

Reactions = dict[int, int]
"""User id → reaction id: everybody has one at most."""

_VARIATION = "\N{VARIATION SELECTOR-16}"
_MINE_ADDED = 1
_MOST_KINDS = 1000


class ReactionTable:
    """The emoji of VK's reaction numbers."""

    def __init__(self, emoji: Mapping[int, str]) -> None:
        self._emoji = dict(emoji)
        self._ids = {one.replace(_VARIATION, ""): number for number, one in emoji.items()}

    def emoji(self, reaction_id: int) -> str:
        """Return what is shown for a reaction."""
        return self._emoji.get(reaction_id) or f"№{reaction_id}"

    def id_of(self, emoji: str) -> int | None:
        """Return VK's number of an emoji, with or without a variation selector."""
        return self._ids.get(emoji.replace(_VARIATION, ""))

    @property
    def all(self) -> frozenset[str]:
        """Return every emoji there is a number for."""
        return frozenset(self._emoji.values())

    def shown(self, reactions: Reactions) -> dict[str, str]:
        """Return who has reacted, with which emoji."""
        return {str(user): self.emoji(number) for user, number in reactions.items()}


def read_event(update: list[Any]) -> tuple[int, int, Reactions | None]:
    """Read `[601, action, peer_id, cmid, …]`: the chat, the message, and who has which reaction.

    `None` where VK does not name everybody: then it has to be asked.

    Raises:
        MalformedError: If the event does not say which message it is about.
    """
    if len(update) < 4:  # noqa: PLR2004 - see the layout
        raise MalformedError
    action, peer_id, cmid = update[1:4]
    peer, number = integer(peer_id), place_number(cmid)
    rest = update[5:] if action == _MINE_ADDED else update[4:]
    try:
        return peer, number, _blocks(rest)
    except (MalformedError, IndexError):
        return peer, number, None


def _blocks(rest: list[Any]) -> Reactions | None:
    """Read `n` blocks of `[length, reaction_id, count, m, …m user ids]`, all in one row."""
    found: Reactions = {}
    blocks, at = integer(rest[0], at_least=0), 1
    for _ in range(min(blocks, _MOST_KINDS)):
        length = integer(rest[at], at_least=3)
        block = rest[at + 1 : at + 1 + length]
        reaction_id, count, named = (integer(one, at_least=0) for one in block[:3])
        users = block[3 : 3 + named]
        if count != named or len(users) != named:
            return None
        found |= dict.fromkeys((integer(user) for user in users), reaction_id)
        at += 1 + length
    return found


def read_counters(counters: Any) -> Reactions | None:
    """Read `[{reaction_id, count, user_ids}]`; `None` where not everybody is named."""
    if not isinstance(counters, list):
        return None
    found: Reactions = {}
    for counter in dicts(counters):
        reaction_id, count = ident(counter.get("reaction_id")), ident(counter.get("count"))
        users = counter.get("user_ids")
        named = [ident(user) for user in users] if isinstance(users, list) else []
        if len(named) != count or not all(named):
            return None
        found |= dict.fromkeys(named, reaction_id)
    return found


def read_reacted(reply: Any) -> Reactions:
    """Read a reply of `messages.getReactedPeers`."""
    listed = reply.get("reactions") if isinstance(reply, dict) else None
    found: Reactions = {}
    for one in dicts(listed):
        user, reaction_id = ident(one.get("user_id")), ident(one.get("reaction_id"))
        if user and reaction_id:
            found[user] = reaction_id
    return found
