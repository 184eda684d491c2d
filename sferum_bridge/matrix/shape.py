"""How a wanted room looks in Matrix: the request that creates it, and its state (design §4)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from sferum_bridge.school.layout import MODERATOR

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from sferum_bridge.school.drift import Content, Key
    from sferum_bridge.school.layout import Plan, WantedRoom

_BOT_ONLY = 100
# From this version on the creator stands above all power levels and may not be listed in them.
_CREATORS_ABOVE = 12

_WITH_CALLS = 2
FIRST_LEVELS, LEVELS = 1, _WITH_CALLS
"""Editions of the power levels: that of rooms of which none is noted, and today's. Whatever is
changed in them is a new edition, so that it is known what older rooms were given."""
_CALLS = ("m.call.member", "org.matrix.msc3401.call.member")


@dataclass(frozen=True, slots=True)
class Wanted:
    """A room as it should be, in Matrix' terms."""

    room: WantedRoom
    name: str
    members: Mapping[str, int]
    """Matrix id → power level."""

    @property
    def moderators(self) -> dict[str, int]:
        """Return those who have any power."""
        return {mxid: power for mxid, power in sorted(self.members.items()) if power}


def creation(
    wanted: Wanted,
    *,
    gate: str,
    bot: str,
    version: str,
    most_invites: int,
    predecessor: str = "",
    children: Iterable[str] = (),
) -> dict[str, Any]:
    """Return the body of createRoom for a wanted room.

    `gate` is the id of the room from which the bot can authorise joins, empty for the gate itself;
    `predecessor` that of a room whose place this one takes, empty for none; `children` are the
    rooms that hang in it from the beginning.
    """
    plan = wanted.room.plan
    kind: dict[str, Any] = {"type": "m.space"} if plan.is_space else {}
    hung = {("m.space.child", room_id): child(bot.partition(":")[2]) for room_id in children}
    if predecessor:
        kind["predecessor"] = {"room_id": predecessor}
    return {
        "room_version": version,
        "preset": "private_chat",
        "visibility": "private",
        "name": wanted.name,
        "creation_content": {"m.federate": False, **kind},
        "initial_state": [
            {"type": event_type, "state_key": state_key, "content": content}
            for (event_type, state_key), content in {**entry(plan, gate), **hung}.items()
        ],
        "power_level_content_override": power_levels(
            plan, wanted.moderators, bot=bot, version=version
        ),
        "invite": list(wanted.members)[:most_invites],
    }


def entry(plan: Plan, gate: str) -> dict[Key, Content]:
    """Return the state that says who comes in and what newcomers read: it never changes."""
    history = "shared" if plan.history_for_newcomers else "joined"
    return {
        ("m.room.join_rules", ""): join_rules(gate),
        ("m.room.history_visibility", ""): {"history_visibility": history},
        ("m.room.guest_access", ""): {"guest_access": "forbidden"},
    }


def state(
    wanted: Wanted,
    *,
    gate: str,
    bot: str,
    version: str,
    children: Iterable[str] = (),
    domain: str = "",
) -> dict[Key, Content]:
    """Return all that a room's state has to say; `children` are the rooms that hang in it."""
    levels = power_levels(wanted.room.plan, wanted.moderators, bot=bot, version=version)
    return {
        ("m.room.power_levels", ""): levels,
        ("m.room.name", ""): {"name": wanted.name},
        **entry(wanted.room.plan, gate),
        **{("m.space.child", room_id): child(domain) for room_id in children},
    }


def child(domain: str) -> dict[str, Any]:
    """Return the content by which a room hangs in a space."""
    return {"via": [domain]}


def join_rules(gate: str) -> dict[str, Any]:
    """Return the join rule: by invite, or from the gate, where nobody but the bot is."""
    if not gate:
        return {"join_rule": "invite"}
    return {
        "join_rule": "restricted",
        "allow": [{"type": "m.room_membership", "room_id": gate}],
    }


def power_levels(
    plan: Plan, moderators: Mapping[str, int], *, bot: str, version: str, edition: int = LEVELS
) -> dict[str, Any]:
    """Return the power levels, as this `edition` has them.

    `moderators` maps Matrix ids to theirs.
    """
    users = dict(moderators)
    if not version.isdecimal() or int(version) < _CREATORS_ABOVE:
        users[bot] = _BOT_ONLY
    posting = MODERATOR if plan.only_moderators_post else 0
    posting = _BOT_ONLY if plan.is_read_only else posting
    has_calls = edition >= _WITH_CALLS and bool(plan.audience) and not plan.is_space
    return {
        "users": users,
        "users_default": 0,
        "events_default": _BOT_ONLY if plan.is_space else posting,
        "state_default": _BOT_ONLY,
        "invite": _BOT_ONLY,
        "kick": _BOT_ONLY,
        "ban": _BOT_ONLY,
        "redact": MODERATOR,
        "notifications": {"room": MODERATOR},
        "events": {
            "m.room.power_levels": _BOT_ONLY,
            "m.room.history_visibility": _BOT_ONLY,
            "m.room.join_rules": _BOT_ONLY,
            "m.room.encryption": _BOT_ONLY,
            "m.room.server_acl": _BOT_ONLY,
            "m.room.tombstone": _BOT_ONLY + 50,
            "m.space.child": _BOT_ONLY,
            "m.room.pinned_events": MODERATOR,
            "m.room.topic": MODERATOR,
            "m.room.avatar": MODERATOR,
            # Where only teachers post, everybody may still tap a reaction and take it back.
            "m.reaction": _BOT_ONLY if plan.is_read_only else 0,
            "m.room.redaction": 0,
            # Who may speak in the room may be in its calls.
            **dict.fromkeys(_CALLS if has_calls else (), posting),
        },
    }


def last_levels(plan: Plan, actual: Mapping[str, Any], *, bot: str, version: str) -> dict[str, Any]:
    """Return the power levels the bridge gave a room last, by what it noted of its shape."""
    edition = int(actual.get("levels", FIRST_LEVELS))
    users = actual.get("users", {})
    plan = replace(plan, is_read_only=bool(actual.get("read_only")))
    return power_levels(plan, users, bot=bot, version=version, edition=edition)


def levels_given(wanted: Wanted) -> dict[str, Any]:
    """Return what to note of a room that has got the power levels it should have."""
    plan = wanted.room.plan
    return {"users": wanted.moderators, "levels": LEVELS, "read_only": plan.is_read_only}
