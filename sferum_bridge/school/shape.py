"""The shape of rooms inside the contour: what may be set there, and what a new one must be (S-44).

A school room is as the bridge makes it; people change its topic, picture and pinned messages, and
their own membership. A room of an educational person's own is its owner's business but for what
would open it: it is never federated, public, knockable, world-readable, aliased, nor followed by
another room, and no third party's widget stands in it (S-16).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sferum_bridge.school import rights
from sferum_bridge.school.contour import Facts, Side, may_meet, roles_of

if TYPE_CHECKING:
    from collections.abc import Mapping

MODERATOR = 50
"""The most power that anybody but the bot holds in a school room."""
OURS = ("io.github.sferum_bridge.", "ru.sferum.")
"""Types of state that only the bridge writes begin so."""

FREE_IN_SCHOOL_ROOMS = frozenset(
    {
        "m.room.member",
        "m.room.topic",
        "m.room.avatar",
        "m.room.pinned_events",
        "m.call.member",
        "org.matrix.msc3401.call.member",
    }
)
"""State that the power levels alone decide about; memberships have rules of their own."""

THIRD_PARTIES = frozenset(
    {
        "m.widget",
        "im.vector.modular.widgets",
        "m.room.bot.options",
        "m.room.plumbing",
        "uk.half-shot.bridge",
        "m.bridge",
    }
)
"""State by which widgets, bots, bridges and integrations of others are set up (S-16)."""

OPENING = THIRD_PARTIES | frozenset(
    {
        "m.room.canonical_alias",
        "m.room.aliases",
        "m.room.tombstone",
        "m.room.third_party_invite",
        "m.room.policy",
        "org.matrix.msc4284.policy",
    }
)
"""State that opens a room to others, moves it away or brings a third party in."""


def may_set(actor: str, room_id: str, kind: str, content: Mapping[str, Any], facts: Facts) -> bool:
    """Tell whether somebody may set state of type `kind` in a room (memberships: `contour`)."""
    side = facts.side(actor)
    if side is Side.SERVICE:
        return True
    room = facts.rooms.get(room_id)
    if room is not None:
        return kind in FREE_IN_SCHOOL_ROOMS
    if kind.startswith(OURS):
        return False
    if side is Side.OUTSIDER:
        return True
    return kind not in OPENING and _keeps_closed(kind, content)


def may_hold_power(levels: Mapping[str, Any], room_id: str, facts: Facts) -> bool:
    """Tell whether a school room gives power to nobody but who belongs there, and not too much.

    The bot is its rooms' creator and the one who sets levels, but a server administrator can have
    Synapse do that in the bot's name.
    """
    room = facts.rooms.get(room_id)
    users = levels.get("users")
    if room is None or not isinstance(users, dict):
        return True
    return all(
        user in facts.service
        or level == 0
        or (type(level) is int and 0 <= level <= MODERATOR and facts.belongs(user, room))
        for user, level in users.items()
    )


def may_remove(actor: str, target: str, room_id: str, facts: Facts) -> bool:
    """Tell whether somebody may kick or ban another, as far as the power levels let them (K11).

    Nobody removes the bot from a school room, and staff are removed by administrators alone. In
    rooms of people's own only whom one may meet: a ban reaches who was never there, with its text.
    """
    if actor in facts.service or actor == target:
        return True
    if room_id not in facts.rooms:
        return may_meet(actor, target, facts).allowed
    if target in facts.service:
        return False
    if rights.HOSTS.isdisjoint(roles_of(target, facts)):
        return True
    return rights.ADMINISTRATORS in roles_of(actor, facts)


def may_tell(actor: str, target: str, room_id: str, facts: Facts) -> bool:
    """Tell whether a ban or its end may be about somebody who is not in the room.

    Its reason reaches them all the same, and so it is for those whom one may meet, and in a school
    room for those it is for.
    """
    if actor in facts.service or actor == target:
        return True
    room = facts.rooms.get(room_id)
    if room is not None and facts.belongs(target, room):
        return True
    return may_meet(actor, target, facts).allowed


def _keeps_closed(kind: str, content: Mapping[str, Any]) -> bool:
    # Tuples: a value may be of any type, and a set would have to hash it.
    match kind:
        case "m.room.create":
            return content.get("m.federate") is False and "predecessor" not in content
        case "m.room.join_rules":
            return content.get("join_rule") in ("invite", "private")
        case "m.room.history_visibility":
            return content.get("history_visibility") in ("joined", "invited", "shared")
        case "m.room.guest_access":
            return content.get("guest_access") == "forbidden"
        case _:
            return True
