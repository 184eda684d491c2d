"""Who may put another account in the place of a person's: a lost phone, a forgotten password.

Whoever does so hands all of the person's roles to whoever holds the new account. So nobody does it
for themselves or within their own family, and a class teacher never for somebody who works at a
school: that takes an administrator of every school where that person does (I-8, scenario 37).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Refusal(StrEnum):
    """Why somebody may not."""

    SELF = "self"
    FAMILY = "family"
    STAFF = "staff"
    RIGHT = "right"


@dataclass(frozen=True, slots=True)
class Standing:
    """What somebody is today to the person whose account is to be replaced."""

    is_the_same: bool
    is_family: bool
    """Parent, child or other parent of the same child, whether linked or expected."""
    leads: bool
    """Class teacher of the person, or of a child whose parent the person is."""
    administers: bool
    """Administrator of a school the person has to do with."""
    works_beyond: bool
    """Whether the person works at a school that somebody does not administer."""


def refusal(standing: Standing) -> Refusal | None:
    """Return why the account may not be replaced, `None` when it may."""
    if standing.is_the_same:
        return Refusal.SELF
    if standing.is_family:
        return Refusal.FAMILY
    if not (standing.leads or standing.administers):
        return Refusal.RIGHT
    return Refusal.STAFF if standing.works_beyond else None
