"""The closed contour: who may be where, decided once for the bridge and the homeserver alike.

The bridge derives `Facts` from the school (no names, no birthdays: only Matrix ids and opaque group
keys) and pushes them to the homeserver extension in numbered generations. Both sides ask the same
pure functions below, so they cannot come to disagree (S-44, I-7).

A *group* is an opaque key such as `class/17/parents`: everyone who is in it for some reason. A room
admits the groups of its audience and nobody else.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


class Action(StrEnum):
    """What somebody wants to do to a room."""

    INVITE = "invite"
    JOIN = "join"


class Reason(StrEnum):
    """Why a decision fell as it did; stable text for logs and tests, never shown to people."""

    NOT_OURS = "not_ours"
    SERVICE = "service"
    MEMBER = "member"
    GHOST = "ghost"
    NOT_INVITER = "not_inviter"
    OUTSIDE = "outside"
    NO_FACTS = "no_facts"


@dataclass(frozen=True, slots=True)
class Decision:
    """The outcome of one question, and the reason for the log."""

    allowed: bool
    reason: Reason


@dataclass(frozen=True, slots=True)
class RoomFact:
    """What the contour knows of a school room."""

    school: str
    kind: str
    """`layout.Kind` as text; the contour treats it as opaque."""
    audience: frozenset[str]
    """Groups whose people belong here."""
    linked: bool = False
    """Whether a Sferum chat is linked, so that ghosts belong here too."""


@dataclass(frozen=True, slots=True)
class Facts:
    """One generation of everything the contour decides by."""

    generation: int = 0
    service: frozenset[str] = frozenset()
    """Matrix ids of the bridge's own bot: may do everything the bridge wants done."""
    ghost_prefix: str = ""
    """`@sferum_`: local accounts that the bridge plays for Sferum users; empty means none."""
    people: Mapping[str, frozenset[str]] = field(default_factory=dict)
    """Matrix id → groups. A Matrix id that is not here is an outsider."""
    rooms: Mapping[str, RoomFact] = field(default_factory=dict)
    """Room id → fact. A room that is not here is no school room."""


NO_GROUPS: frozenset[str] = frozenset()


def decide(action: Action, actor: str, target: str, room_id: str, facts: Facts) -> Decision:
    """Decide whether `actor` may bring `target` into a room (`target` is the actor for a join).

    Rooms the school does not know are left alone here. In a school room only the bridge invites,
    and only somebody whom the wanted membership holds may be invited or join.
    """
    room = facts.rooms.get(room_id)
    if room is None:
        return Decision(allowed=True, reason=Reason.NOT_OURS)
    if target in facts.service:
        return Decision(allowed=True, reason=Reason.SERVICE)
    if action is Action.INVITE and actor not in facts.service:
        return Decision(allowed=False, reason=Reason.NOT_INVITER)
    if facts.ghost_prefix and target.startswith(facts.ghost_prefix):
        return Decision(allowed=room.linked, reason=Reason.GHOST)
    belongs = not room.audience.isdisjoint(facts.people.get(target, NO_GROUPS))
    return Decision(allowed=belongs, reason=Reason.MEMBER if belongs else Reason.OUTSIDE)
