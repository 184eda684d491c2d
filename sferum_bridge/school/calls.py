"""Group calls: who may start one where, and the way into the school's own meetings (S-24, S-26).

A call belongs to a room. Who works at the school and may write in a room may start a call there;
pupils and parents join. The school's own set-up is one of two that any browser opens: Element Call,
which clients that know MatrixRTC show natively in the room, or Jitsi Meet. Pure.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING
from urllib.parse import quote, urlencode

from sferum_bridge.school.access import Role, group
from sferum_bridge.school.layout import PLANS, Kind

if TYPE_CHECKING:
    from collections.abc import Collection

_JOINING_ONLY = frozenset({Role.PUPIL, Role.PARENT})
"""Who joins calls and starts none (§2.2)."""
_MINUTE = 60_000


class SetUp(StrEnum):
    """What the school meets with where Sferum does not."""

    NONE = "none"
    ELEMENT_CALL = "element_call"
    JITSI = "jitsi"


@dataclass(frozen=True, slots=True)
class Meetings:
    """The school's own meetings. Without a `secret` Jitsi lets in whoever holds an address."""

    set_up: SetUp = SetUp.NONE
    address: str = ""
    app_id: str = ""
    secret: str = field(default="", repr=False)
    pass_life: int = 5 * _MINUTE
    """For how long a pass into Jitsi lets one person in, in milliseconds."""

    @property
    def are_there(self) -> bool:
        """Tell whether the school has any."""
        return self.set_up is not SetUp.NONE


@dataclass(frozen=True, slots=True)
class Guest:
    """Who is let into a meeting."""

    mxid: str
    name: str
    leads: bool
    """Whether it is who started it, and may mute and remove others."""


def may_start(kind: Kind, school_id: str, class_id: str, held: Collection[str]) -> bool:
    """Tell whether somebody in a room, who holds the groups `held`, may start a call there (S-24).

    Administrators may in every room they are in, others of the staff in those that admit them as
    such: a teacher who is in a room as a parent is a parent there. Where only some may post, only
    they may call.
    """
    plan = PLANS[kind]
    if plan.is_space or not plan.audience:
        return False
    roles = plan.moderators if plan.only_moderators_post else plan.audience
    places = {
        group(role, school_id if role in {Role.STAFF, Role.ADMINISTRATOR} else class_id)
        for role in {*roles - _JOINING_ONLY, Role.ADMINISTRATOR}
    }
    return not places.isdisjoint(held)


def way_in(meetings: Meetings, room_id: str, meeting: str, guest: Guest, now: int) -> str:
    """Return the address at which one person enters a meeting now (milliseconds) (S-26).

    Everything that tells who comes or lets them in stands behind the `#`, which browsers send to no
    server. Element Call asks for the Matrix account, and lets in whom the homeserver has in the
    room. Jitsi is given a pass for one person, one meeting and a few minutes.
    """
    base = meetings.address.rstrip("/")
    if meetings.set_up is SetUp.ELEMENT_CALL:
        wanted = {"roomId": room_id, "confineToRoom": "true", "intent": "join_existing"}
        return f"{base}/room/#/?{urlencode(wanted)}"
    if not meetings.secret:
        return f"{base}/{meeting}"
    entry = json.dumps(_pass(meetings, meeting, guest, now))
    return f"{base}/{meeting}#jwt={quote(entry)}"


def _pass(meetings: Meetings, meeting: str, guest: Guest, now: int) -> str:
    """Return the signed word by which Jitsi knows whom to let in (a JWT, HS256)."""
    said = {
        "aud": "jitsi",
        "iss": meetings.app_id,
        "sub": "*",
        "room": meeting,
        "nbf": now // 1000 - 60,
        "exp": (now + meetings.pass_life) // 1000,
        "moderator": guest.leads,
        "context": {
            "user": {"id": guest.mxid, "name": guest.name, "affiliation": _standing(guest)}
        },
    }
    signed = f"{_part({'alg': 'HS256', 'typ': 'JWT'})}.{_part(said)}"
    seal = hmac.new(meetings.secret.encode(), signed.encode(), hashlib.sha256).digest()
    return f"{signed}.{_base64(seal)}"


def _standing(guest: Guest) -> str:
    return "owner" if guest.leads else "member"


def _part(value: object) -> str:
    return _base64(json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode())


def _base64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")
