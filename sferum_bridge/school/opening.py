"""Break-glass: in an emergency a server administrator lets an account into a school's rooms.

It has a reason, an end not far away, and a school whose administrators hear of it at once (S-44,
I-10). While it lasts the account is in a group of its own, which the rooms named admit beside
theirs; nothing else is opened, and nobody's role changes.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from sferum_bridge.school.layout import Kind
from sferum_bridge.school.terms import group_until

if TYPE_CHECKING:
    from collections.abc import Iterable

LONGEST_REASON = 500
NEVER = frozenset({Kind.GATE})
"""Kinds of rooms that are opened to nobody: from the gate one could walk into every room."""


class Refusal(StrEnum):
    """Why nothing was opened."""

    REASON = "reason"
    """No reason, or one too long to be read."""
    OVER = "over"
    """The end lies in the past."""
    FAR = "far"
    """The end lies further away than the settings allow."""
    ACCOUNT = "account"
    """No account of a person on this server."""
    ROOMS = "rooms"
    """No room of the school was named."""


@dataclass(frozen=True, slots=True)
class Opening:
    """One account let into some rooms of a school for a while. Times are milliseconds, UTC."""

    id: str
    school_id: str
    mxid: str
    rooms: frozenset[str]
    """Keys of rooms, see `layout.key`."""
    reason: str
    since: int
    until: int
    ended_at: int | None = None

    @property
    def group(self) -> str:
        """Return the group the account is in while it lasts; the end stands in it (`terms`)."""
        return group_until(self.until, self.id)

    def holds(self, now: int) -> bool:
        """Tell whether it lasts."""
        return self.ended_at is None and self.since <= now < self.until


def check(reason: str, now: int, until: int, longest: int) -> Refusal | None:
    """Say what stands against an opening until `until`; it may last `longest` milliseconds."""
    if not reason.strip() or len(reason) > LONGEST_REASON:
        return Refusal.REASON
    if until <= now:
        return Refusal.OVER
    return Refusal.FAR if until - now > longest else None


def admitted(openings: Iterable[Opening], room_key: str) -> dict[str, str]:
    """Return account → group of those who are let into a room."""
    return {one.mxid: one.group for one in openings if room_key in one.rooms}
