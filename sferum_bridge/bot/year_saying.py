"""Whom and what somebody means who chooses what differs in the next school year.

The same for a command in a chat and one of the console: `school.year_words` reads the parts, here
the people in them are found, and what was read is written again. Nothing is decided.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from datetime import date
from typing import TYPE_CHECKING, TypeVar

from sferum_bridge.bot import finding
from sferum_bridge.bot.ordering import Unclear
from sferum_bridge.roster.columns import Kind
from sferum_bridge.roster.values import CellError, parse
from sferum_bridge.school import access, classes, year_plan, year_words
from sferum_bridge.school.year import GRADUATES, REPEATS
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
T = TypeVar("T")


class Several(Unclear):
    """Several people are meant by one name; they are named."""

    shown: Sequence[Found] = ()


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
    days: list[date] = []
    years: list[str] = []
    parts = []
    for part in year_words.parts(text):
        if found := _ON.fullmatch(part):
            days = _once(days, _day(found[1], part), part)
        elif _YEAR.fullmatch(part):
            years = _once(years, school_year(part), part)
        else:
            parts.append(part)
    day, year = (days or [today])[0], (years or [""])[0]
    if not today <= day <= today + FARTHEST:
        raise Unclear("year-day", day=day)
    try:
        ending = year_plan.classes_ending(here, year or classes.year_on(day), day)
        said = year_words.read(parts, here, {one.id for one in ending})
    except Unreadable as e:
        raise Unclear("year-twice" if e.twice else "year-unreadable", part=e.part) from e
    why = access.reasons(here, today)
    pupils: dict[str, str] = {}
    for typed, to in said.pupils:
        person_id = _one(finding.pupils_of(here, why, typed), typed)
        if pupils.setdefault(person_id, to) != to:
            raise Unclear("year-twice", part=typed)
    then = access.reasons(here, day)
    leaders = {
        name: _one(finding.staff_of(here, then, typed), typed) for name, typed in said.leaders
    }
    return Chosen(replace(said.choices, pupils=pupils, leaders=leaders, year=year), day)


def written(choices: Choices, here: School, today: date, language: str) -> str:
    """Return choices as they can be sent again; whoever or whatever is gone since is left out."""
    said = year_words.SAID[language]
    classes_to: dict[str, list[str]] = {}
    for class_id, target in choices.becomes.items():
        if class_id in here.classes:
            classes_to.setdefault(target, []).append(here.classes[class_id].name)
    graduating = classes_to.pop(GRADUATES, [])
    parts = [f"{'+'.join(names)}={target}" for target, names in classes_to.items()]
    parts += [f"{name}={said['graduates']}" for name in graduating]
    parts += [f"={' '.join(choices.new)}"] if choices.new else []
    why = access.reasons(here, today)
    targets = {GRADUATES: said["graduates"], REPEATS: said["repeats"]}
    for person_id, target in choices.pupils.items():
        for one in finding.pupils_of(here, why, person_id):
            typed = f"{one.class_name} {one.person.family_name} {one.person.given_name}"
            name = typed if len(finding.pupils_of(here, why, typed)) == 1 else person_id
            parts.append(f"{name}={targets.get(target, target)}")
    for class_name, person_id in choices.leaders.items():
        for one in finding.staff_of(here, why, person_id):
            typed = f"{one.person.family_name} {one.person.given_name}"
            name = typed if len(finding.staff_of(here, why, typed)) == 1 else person_id
            parts.append(f"{class_name}: {name}")
    return "; ".join([*parts, choices.year] if choices.year else parts)


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


def _once(known: list[T], new: T, part: str) -> list[T]:
    """Return what is said by now; raises `Unclear` where two parts differ."""
    if known and known[0] != new:
        raise Unclear("year-twice", part=part)
    return [new]


def _one(found: Sequence[Found], typed: str) -> str:
    if len(found) == 1:
        return found[0].person.id
    if not found:
        raise Unclear("year-nobody", person=typed)
    shown = [f"{one.label} {one.class_name} — {one.person.id}" for one in found[:_MOST_NAMED]]
    several = Several("year-several", person=typed, names="; ".join(shown))
    several.shown = found[:_MOST_NAMED]
    raise several
