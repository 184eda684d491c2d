"""Whom and what somebody means who chooses what differs in the next school year.

The same for a command in a chat and one of the console: `school.year_words` reads the parts, here
the people in them are found. Nothing is decided.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from datetime import date
from typing import TYPE_CHECKING

from sferum_bridge.bot import finding
from sferum_bridge.bot.ordering import Unclear
from sferum_bridge.roster.columns import Kind
from sferum_bridge.roster.values import CellError, parse
from sferum_bridge.school import access, classes, year_words
from sferum_bridge.school.year_words import Unreadable
from sferum_bridge.store.year import FARTHEST

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sferum_bridge.bot.finding import Found
    from sferum_bridge.school.people import School
    from sferum_bridge.school.year import Choices

_ON = re.compile(r"(?:с|со|from|on)\s+(\S+)", re.IGNORECASE)
_YEAR = re.compile(r"\d{4}\s*[-/–—]\s*\d{2,4}")
_MOST_NAMED = 9


@dataclass(frozen=True, slots=True)
class Chosen:
    """What was chosen, and the day on which it is to be so."""

    choices: Choices
    day: date


def read(text: str, here: School, today: date) -> Chosen:
    """Return what was chosen for a school; raises `Unclear`.

    `с 01.09.2026` and `2026/2027` may stand as parts of their own. A class teacher has to work here
    on the day from which they lead.
    """
    day, year = today, ""
    parts = []
    for part in year_words.parts(text):
        if found := _ON.fullmatch(part):
            day = _day(found[1], part)
        elif _YEAR.fullmatch(part):
            year = school_year(part)
        else:
            parts.append(part)
    if not today <= day <= today + FARTHEST:
        raise Unclear("year-day", day=day)
    try:
        said = year_words.read(parts, here)
    except Unreadable as e:
        raise Unclear("year-unreadable", part=e.part) from e
    why = access.reasons(here, today)
    pupils = {_one(finding.pupils_of(here, why, typed), typed): to for typed, to in said.pupils}
    then = access.reasons(here, day)
    leaders = {
        name: _one(finding.staff_of(here, then, typed), typed) for name, typed in said.leaders
    }
    return Chosen(replace(said.choices, pupils=pupils, leaders=leaders, year=year), day)


def school_year(text: str) -> str:
    """Return a school year as it was typed; raises `Unclear`."""
    try:
        return classes.school_year(text)
    except ValueError as e:
        raise Unclear("year-unreadable", part=text) from e


def _day(text: str, part: str) -> date:
    try:
        day = parse(Kind.DATE, text)
    except CellError:
        day = None
    if not isinstance(day, date):
        raise Unclear("year-unreadable", part=part)
    return day


def _one(found: Sequence[Found], typed: str) -> str:
    if len(found) == 1:
        return found[0].person.id
    if not found:
        raise Unclear("year-nobody", person=typed)
    shown = [f"{one.label} {one.class_name} — {one.person.id}" for one in found[:_MOST_NAMED]]
    raise Unclear("year-several", person=typed, names="; ".join(shown))
