"""The school that is attacked: who there is, in which groups, and how its rooms are made.

Two schools on one server. A has the class 7b, around which everything happens, and the class 8a; B
has the class 5v. Whoever is not in `PEOPLE` is an outsider.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sferum_bridge.matrix import shape
from sferum_bridge.school.access import group
from sferum_bridge.school.layout import MEMBER, MODERATOR, PLANS, Kind, WantedRoom, key

if TYPE_CHECKING:
    from collections.abc import Mapping

PEOPLE: Mapping[str, tuple[str, ...]] = {
    "s1": ("class/7b/pupils",),
    "s2": ("class/7b/pupils",),
    "s8": ("class/8a/pupils",),
    "s3": ("class/5v/pupils",),
    "p1": ("class/7b/parents",),
    "p2": ("class/7b/parents",),
    "ps2": ("class/7b/parents",),
    "px": ("class/5v/parents",),
    "t1": ("school/a/staff", "class/7b/leaders", "class/7b/teachers"),
    "t2": ("school/a/staff", "class/7b/teachers"),
    "t8": ("school/a/staff", "class/8a/teachers"),
    "tp": ("school/a/staff", "class/8a/teachers", "class/5v/parents"),
    "xt": ("school/a/staff", "class/7b/teachers"),
    "a1": ("school/a/staff", "school/a/administrators"),
    "ab": ("school/b/staff", "school/b/administrators"),
    "former": ("school/a/former",),
}
"""s: pupils (s8 of another class, s3 of another school); p: parents (of s1; ps2: of s2; px: of s3);
t: teachers (t1 is the class teacher; tp is a parent in B too; xt administers the server); a: school
administrators."""

KIN: Mapping[str, tuple[str, ...]] = {"s1": ("p1", "p2"), "s2": ("ps2",), "s3": ("px", "tp")}

OUTSIDERS = ("o", "o2", "p4")
"""p4 would like to be a third parent of s1."""

ADMINS = ("x", "xt")
"""Administrators of the server."""

SCHOOLS: Mapping[str, Any] = {
    "a": {"classes": ["7b", "8a"], "contacts": {}},
    "b": {"classes": ["5v"], "contacts": {}},
}

ROOMS: Mapping[str, tuple[Kind, str]] = {
    "space": (Kind.SCHOOL, "a"),
    "staff": (Kind.STAFF, "a"),
    "class_space": (Kind.CLASS, "7b"),
    "pupils": (Kind.PUPILS, "7b"),
    "parents": (Kind.PARENTS, "7b"),
    "materials": (Kind.MATERIALS, "7b"),
    "pupils_8a": (Kind.PUPILS, "8a"),
    "pupils_b": (Kind.PUPILS, "5v"),
}


def school_of(place: str) -> str:
    """Return the school that a class is of, or the school itself."""
    return next(name for name, fact in SCHOOLS.items() if place == name or place in fact["classes"])


def audience(kind: Kind, place: str) -> list[str]:
    """Return the groups that a room admits."""
    return sorted(group(role, place) for role in PLANS[kind].audience)


def room_fact(kind: Kind, place: str) -> dict[str, Any]:
    """Return what the bridge tells the homeserver of a room."""
    return {
        "school": school_of(place),
        "kind": kind.value,
        "audience": audience(kind, place),
        "linked": False,
    }


def powers(kind: Kind, place: str, people: Mapping[str, tuple[str, ...]]) -> dict[str, int]:
    """Return who of `people` belongs into a room, with their power level."""
    admitted = set(audience(kind, place))
    leading = {group(role, place) for role in PLANS[kind].moderators}
    return {
        name: MODERATOR if leading & set(groups) else MEMBER
        for name, groups in people.items()
        if admitted & set(groups)
    }


def creation(
    kind: Kind,
    place: str,
    members: Mapping[str, int],
    *,
    name: str,
    gate: str,
    bot: str,
    version: str,
) -> dict[str, Any]:
    """Return the body of createRoom that the bridge would send. `members`: Matrix id → power."""
    room = WantedRoom(key(kind, place), kind, "", "", frozenset(audience(kind, place)), {})
    wanted = shape.Wanted(room, name, members)
    return shape.creation(wanted, gate=gate, bot=bot, version=version, most_invites=50)
