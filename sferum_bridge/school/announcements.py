"""Whom an announcement is for, and who may make it (S-06, S-08, S-11, D-7). Pure.

    «родителям 5 классов: …» ─► `read` ─► Audience ─► `narrowed` to the author's right
                                                            │ on the day it goes out
                                                            ▼
                                                 `rooms`: keys of class rooms

An audience says *which classes* (the whole school, parallels, single classes) and *in which roles*.
No room holds every family, so it becomes a set of class rooms, and one post in each (D-7). It is
kept as it was meant and becomes rooms only when it goes out: a class that changed its name or its
people meanwhile is found as it is by then.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING

from sferum_bridge.school import classes
from sferum_bridge.school.layout import Kind, key

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence
    from datetime import date

    from sferum_bridge.school.people import School, SchoolClass


class Part(StrEnum):
    """In which role people are spoken to; each has rooms of its own."""

    PUPILS = "pupils"
    PARENTS = "parents"
    STAFF = "staff"


FAMILIES = frozenset({Part.PUPILS, Part.PARENTS})
EVERYBODY = frozenset(Part)

MOST_CHARACTERS = 3_000
"""Of an announcement. What is longer is a file, and belongs into the materials."""


@dataclass(frozen=True, slots=True)
class Audience:
    """Whom somebody means. Where no place is named, it is all that the author may reach."""

    whole: bool = False
    """Whether the whole school was named."""
    grades: frozenset[int] = frozenset()
    class_ids: frozenset[str] = frozenset()
    parts: frozenset[Part] = frozenset()
    """Empty where no role was named: then everybody of the place."""

    @property
    def names_classes(self) -> bool:
        """Tell whether parallels or single classes were named."""
        return bool(self.grades or self.class_ids)


class Refused(Exception):
    """The author has no right to this audience: it reaches beyond the own classes."""


class Unclear(Exception):
    """A text names no audience: some of its words are neither a place nor a role."""


_WHOLE = frozenset(
    {"школа", "школы", "школе", "всей", "вся", "все", "всем", "всех"}
    | {"school", "whole", "entire", "all", "everybody", "everyone"}
)
_IDLE = frozenset({"и", "для", "в", "the", "of", "and", "to", "for", "in", "class", "classes"})
_PARTS = (
    (re.compile(r"ученик(?:и|ам|ов)?|учащи(?:еся|мся|хся)|pupils?|students?"), Part.PUPILS),
    (re.compile(r"родител(?:и|ям|ей)|parents?"), Part.PARENTS),
    (
        re.compile(r"учител(?:я|ям|ей)|педагог(?:и|ам|ов)|сотрудник(?:и|ам|ов)|teachers?|staff"),
        Part.STAFF,
    ),
)
_GRADE_WORD = r"(?:класс(?:ы|ам|ов|ах|а|у|е)?|параллел(?:ь|и|ям|ей)|grades?|years?)"
_ONE_CLASS = re.compile(r"(?<!\w)класс[ауе]?(?!\w)")
# The endings of an ordinal only: any other letter behind a number names one class of the grade.
_NUMBER = r"\d{1,2}(?:-?(?:х|е|й|го|му|м|ый|ой|ые|ых|ым))?"
_RANGE = rf"({_NUMBER})(?:\s*[-–—]\s*({_NUMBER}))?"
_GRADES = re.compile(
    rf"(?<![\w–—-])(?:{_RANGE}\s+{_GRADE_WORD}|{_GRADE_WORD}\s+{_RANGE})(?![\w–—-])"
)
_LEADING = re.compile(r"(\d{1,2})(?:-(\d{1,2})(?!\d))?")
_LAST_GRADE = 12


def grades(name: str) -> frozenset[int]:
    """Return the grades a class is of, by its name: 5А → 5, «1-3 комплект» → 1, 2, 3 (S-23)."""
    found = _LEADING.match(name)
    if found is None:
        return frozenset()
    first = int(found[1])
    last = int(found[2] or first)
    return frozenset(range(first, last + 1)) if first <= last <= _LAST_GRADE else frozenset()


def read(text: str, classes_: Collection[SchoolClass]) -> Audience:
    """Return the audience a text names: «5А, 5Б», «родителям 5-х классов», «school».

    `classes_` are those of the school; a name that none of them bears is nothing. What may be a
    class or its whole grade («5Е классу») is the class: it is better to reach too few.

    Raises:
        Unclear: some word is neither a place nor a role, or there is no word; or the staff is
            meant together with classes, of which it has no rooms.
    """
    left, audience = classes.key(text), Audience()
    by_name = {classes.key(c.name): c.id for c in classes_}
    # Names of several words first, as «1-3 комплект»; bare numbers may be grades as well.
    for name in sorted(by_name, key=len, reverse=True):
        if not any(char.isalpha() for char in name):
            continue
        left, count = re.subn(rf"(?<![\w–—-]){re.escape(name)}(?![\w–—-])", " ", left)
        if count:
            audience = replace(audience, class_ids=audience.class_ids | {by_name[name]})
    left, audience = _take_grades(left, audience, by_name)
    for word in re.split(r"[\s,;+&]+", left):
        audience = _with_word(audience, word.strip(".!«»\"'"), by_name)
    if audience == Audience() or (audience.names_classes and Part.STAFF in audience.parts):
        raise Unclear
    return audience


def _take_grades(text: str, audience: Audience, by_name: Mapping[str, str]) -> tuple[str, Audience]:
    found: set[int] = set()

    def take(match: re.Match[str]) -> str:
        said = [group for group in match.groups() if group]
        if _is_one_class(match[0], said, by_name):
            return match[0]
        numbers = [int(re.sub(r"\D", "", each)) for each in said]
        if numbers[0] > numbers[-1] or numbers[-1] > _LAST_GRADE:
            raise Unclear
        found.update(range(numbers[0], numbers[-1] + 1))
        return " "

    return _GRADES.sub(take, text), replace(audience, grades=frozenset(found))


def _is_one_class(text: str, numbers: Sequence[str], by_name: Mapping[str, str]) -> bool:
    """Tell whether «5-е классу» is a class 5Е of the school, and no ordinal."""
    [first, *more] = numbers
    is_named = not first.isdecimal() and _class_key(first) in by_name
    return is_named and not more and _ONE_CLASS.search(text) is not None


def _with_word(audience: Audience, word: str, by_name: Mapping[str, str]) -> Audience:
    if not word or word in _IDLE or re.fullmatch(_GRADE_WORD, word):
        return audience
    if word in _WHOLE:
        return replace(audience, whole=True)
    for pattern, part in _PARTS:
        if pattern.fullmatch(word):
            return replace(audience, parts=audience.parts | {part})
    class_id = by_name.get(_class_key(word), "")
    if not class_id:
        raise Unclear
    return replace(audience, class_ids=audience.class_ids | {class_id})


def _class_key(word: str) -> str:
    try:
        return classes.key(classes.normalise(word))
    except classes.ClassNameError:
        return ""


def split(text: str, classes_: Collection[SchoolClass]) -> tuple[Audience | None, str]:
    """Return the audience that stands before the first colon, and the text behind it.

    A colon that stands behind anything else belongs to the text, and then the audience is `None`.
    """
    head, colon, rest = text.partition(":")
    if colon and "\n" not in head and rest.strip():
        try:
            return read(head, classes_), rest.strip()
        except Unclear:
            pass
    return None, text.strip()


def narrowed(audience: Audience, led: Collection[str], school: School) -> Audience:
    """Return the audience as somebody may reach it who leads the classes `led` and no more.

    Without a place it is the own classes.

    Raises:
        Refused: it names the school, its staff, or a class that is not led.
    """
    if audience.whole or Part.STAFF in audience.parts or not led:
        raise Refused
    if not audience.names_classes:
        return replace(audience, class_ids=frozenset(led))
    named = audience.class_ids | {
        c.id
        for c in school.classes.values()
        if c.closed_on is None and grades(c.name) & audience.grades
    }
    if not named <= set(led):
        raise Refused
    return replace(audience, grades=frozenset(), class_ids=named)


def alive(school: School, day: date) -> Sequence[SchoolClass]:
    """Return the classes that have pupils on `day`, by name; not those of past years."""
    ids = {e.class_id for e in school.enrolments if e.term.covers(day)}
    return sorted((c for c in school.classes.values() if c.id in ids), key=lambda c: c.name)


def parts(audience: Audience) -> frozenset[Part]:
    """Return the roles an audience means: named ones, else families, and staff with the school."""
    return audience.parts or (FAMILIES if audience.names_classes else EVERYBODY)


def rooms(audience: Audience, school: School, day: date) -> Sequence[str]:
    """Return the keys of the rooms in which an announcement to an audience stands on `day`.

    Classes of past years keep their rooms, and get no news there.
    The staff hears the school in its announcements room.
    """
    meant = parts(audience)
    here = alive(school, day)
    if audience.names_classes:
        here = [c for c in here if c.id in audience.class_ids or grades(c.name) & audience.grades]
    found = [
        key(kind, one.id)
        for one in here
        for kind, part in ((Kind.PUPILS, Part.PUPILS), (Kind.PARENTS, Part.PARENTS))
        if part in meant
    ]
    return [key(Kind.ANNOUNCEMENTS, school.id), *found] if Part.STAFF in meant else found


def to_json(audience: Audience) -> dict[str, object]:
    """Return an audience as it is stored."""
    return {
        "whole": audience.whole,
        "grades": sorted(audience.grades),
        "classes": sorted(audience.class_ids),
        "parts": sorted(audience.parts),
    }


def from_json(stored: Mapping[str, object]) -> Audience:
    """Return an audience from what `to_json` made of it."""

    def listed(name: str) -> list[object]:
        value = stored.get(name)
        return value if isinstance(value, list) else []

    return Audience(
        bool(stored.get("whole")),
        frozenset(int(str(one)) for one in listed("grades")),
        frozenset(str(one) for one in listed("classes")),
        frozenset(Part(str(one)) for one in listed("parts")),
    )
