"""Who may write to whom: the rights table of requirements §2.2, as data (S-12, S-44).

A right is read *who may start a conversation with whom, and how near they must be*. It says nothing
of the conversation that exists: whoever was written to may answer. A school changes single rows in
its settings; nothing here can be widened beyond one school.

`sferum-bridge contour rights` prints the table that holds; docs/contour.md shows this one.
"""

from __future__ import annotations

from enum import StrEnum
from types import MappingProxyType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


class Within(StrEnum):
    """How near two people must be for a right to hold."""

    NONE = "none"
    """Never by these roles. A parent and the own child are near by kinship, whatever else."""
    CLASS = "class"
    """Both roles are held in the same class."""
    SCHOOL = "school"
    """Both roles are held in the same school."""


ADMINISTRATORS, STAFF, LEADERS, TEACHERS, PUPILS, PARENTS = ROLES = (
    "administrators",
    "staff",
    "leaders",
    "teachers",
    "pupils",
    "parents",
)
"""The last part of a group's key; the same words as `access.Role`."""
FORMER = "former"
"""Whoever was of a school and is no more: an outsider, but for what they left there."""
PAST = "past-"
"""Begins the last part of the groups of a closed class: who was there reads its rooms, by no right
to write to anybody."""
READERS = tuple(f"{PAST}{role}" for role in (LEADERS, TEACHERS, PUPILS, PARENTS))
OF_A_SCHOOL = frozenset({ADMINISTRATORS, STAFF, FORMER})

Right = tuple[str, str]

RIGHTS: Mapping[Right, Within] = MappingProxyType(
    {
        (ADMINISTRATORS, STAFF): Within.SCHOOL,
        (ADMINISTRATORS, PUPILS): Within.SCHOOL,
        (ADMINISTRATORS, PARENTS): Within.SCHOOL,
        (STAFF, STAFF): Within.SCHOOL,
        (LEADERS, TEACHERS): Within.CLASS,
        (LEADERS, PUPILS): Within.CLASS,
        (LEADERS, PARENTS): Within.CLASS,
        (TEACHERS, LEADERS): Within.CLASS,
        (TEACHERS, PUPILS): Within.CLASS,
        (TEACHERS, PARENTS): Within.CLASS,
        (PUPILS, PUPILS): Within.CLASS,
        (PUPILS, LEADERS): Within.CLASS,
        (PUPILS, TEACHERS): Within.CLASS,
        (PARENTS, LEADERS): Within.CLASS,
        (PARENTS, TEACHERS): Within.CLASS,
        (PARENTS, PARENTS): Within.CLASS,
    }
)
"""Who → whom. What is not here is `Within.NONE`."""

HOSTS = frozenset({ADMINISTRATORS, STAFF, LEADERS, TEACHERS})
"""Who may bring more than one other person into a room of their own."""


class UnknownRightError(ValueError):
    """A setting names a role or a distance that does not exist; the text says which do."""


def changed(changes: Mapping[str, str]) -> Mapping[Right, Within]:
    """Return the table with a school's changes, written as `{"pupils>pupils": "none"}`.

    Raises:
        UnknownRightError: A role or a distance is not known.
    """
    rights = dict(RIGHTS)
    for name, within in changes.items():
        who, arrow, whom = name.partition(">")
        if not arrow or who not in ROLES or whom not in ROLES:
            raise UnknownRightError(f"`{name}` is not role>role; roles are {', '.join(ROLES)}")
        if within not in tuple(Within):
            raise UnknownRightError(f"`{name}` must be one of {', '.join(Within)}")
        rights[who, whom] = Within(within)
    return rights
