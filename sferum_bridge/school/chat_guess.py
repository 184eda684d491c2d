"""Which room of a school a chat of the messenger looks like: its class and its kind.

    title    «Родители 5-A 2026/27»  ──► class by name, kind by a word   ─┐ they agree, or one is
    members  names, as the messenger has them ──► whose names they are ──┘ silent ──► a suggestion

Only ever a suggestion: somebody who may link the chat confirms it. So where title and members
contradict each other, or a title fits two classes, nothing is suggested.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from sferum_bridge.school import access, classes
from sferum_bridge.school.access import Role
from sferum_bridge.school.layout import Kind

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import date

    from sferum_bridge.school.people import School, SchoolClass

LINKABLE = frozenset({Kind.STAFF, Kind.PUPILS, Kind.PARENTS})
"""The kinds of rooms in which everybody talks, as in a chat of the messenger."""

# The beginnings of words, in capitals; Cyrillic ones are also found in Latin look-alikes.
_WORDS: Mapping[Kind, Sequence[str]] = {
    Kind.PARENTS: ("РОДИТЕЛ", "РОДКОМ", "МАМ", "ПАПЫ", "ПАПАМ", "PARENT"),
    Kind.PUPILS: ("УЧЕНИ", "УЧАЩ", "ДЕТИ", "ДЕТЕЙ", "РЕБЯТ", "ШКОЛЬНИК", "PUPIL", "STUDENT"),
    Kind.STAFF: (
        *("УЧИТЕЛ", "ПЕДАГОГ", "ПЕДСОВЕТ", "ПЕДКОЛЛЕКТИВ", "КОЛЛЕГ", "СОТРУДНИК", "КОЛЛЕКТИВ"),
        *("STAFF", "TEACHER"),
    ),
}
_YEAR = re.compile(r"(?<!\d)\d{4}\s*[-/\u2010-\u2015\u2212]\s*\d{2,4}(?!\d)")
# «Школа № 5 А класс» is no class 5А.
_NUMBER_OF_SCHOOL = re.compile(
    r"(?:ШКОЛ\w*|СОШ|ООШ|НОШ|ГИМНАЗИ\w*|ЛИЦЕ\w*|Г?БОУ|М[БАК]ОУ)\W{0,3}\d+|№\s*\d+"
)
_BETWEEN = r"[\s\-\u2010-\u2015\u2212«»\"'“”„‟(]*"
_WORD = "0-9A-ZА-ЯЁ"
_SIMPLE = re.compile(r"(\d{1,2})-?([А-ЯЁA-Z]\w{0,3})")
# What may follow a small letter that stands alone: «6 б класс», «6 б, …», but not «6 в кино».
_ENDS = re.compile(r"[»\"'“”)]?\s*(?:$|[,.:;|/(–—-]|КЛ|РОД|УЧ|ДЕТ)")

_ENOUGH = 3
"""So many people have to be known by their names."""
_MOSTLY = 0.6


@dataclass(frozen=True, slots=True)
class Guess:
    """What a chat looks like. Either may be missing; the staff's room has no class."""

    kind: Kind | None = None
    class_id: str = ""

    @property
    def is_whole(self) -> bool:
        """Tell whether it names one room."""
        return self.kind is not None and (self.kind is Kind.STAFF or bool(self.class_id))


class Guesser:
    """Guesses for one school on one day. The school's names are put in order once."""

    def __init__(self, school: School, day: date) -> None:
        self._school = school
        self._day = day

    @cached_property
    def _places(self) -> Mapping[str, set[tuple[Kind, str]]]:
        return _places(self._school, self._day)

    def guess(self, title: str, names: Sequence[str] = ()) -> Guess:
        """Return what a chat of this title, with members of these names, looks like.

        Names are compared whole, without regard to case and ё. Without `names` the title alone
        counts, which is also how what a person types («5А родители») is read.
        """
        said = _by_title(title, self._school, self._day)
        seen = _by_names(names, self._places) if names else Guess()
        if said.class_id and seen.class_id and said.class_id != seen.class_id:
            return Guess()
        if said.kind and seen.kind and said.kind is not seen.kind:
            return Guess(None, said.class_id)
        kind, class_id = said.kind or seen.kind, said.class_id or seen.class_id
        if kind is Kind.STAFF:
            # «Учителя 5А» is a chat the school has no room for.
            return Guess() if class_id else Guess(kind)
        return Guess(kind, class_id)


# --- the title ------------------------------------------------------------------------------


def _by_title(title: str, school: School, day: date) -> Guess:
    plain = classes.clean(title)
    capital = _capital(plain)
    years = {found[0][:4] for found in _YEAR.finditer(capital)}
    # Blanked, not cut out: places in it are compared with the title as it was written.
    cleared = _blank(_NUMBER_OF_SCHOOL, _blank(_YEAR, capital))
    kinds = {kind for kind in _WORDS if _has_word(kind, plain.upper(), cleared)}
    found = {
        one.id
        for one in school.classes.values()
        if (not years or one.year[:4] in years)
        # In a closed class's rooms nobody writes.
        and not one.is_closed(day)
        and _names_class(one, cleared, plain)
    }
    # A class keeps its name over the years: of namesakes the newest is meant.
    newest = max((school.classes[id_].year for id_ in found), default="")
    found = {id_ for id_ in found if school.classes[id_].year == newest}
    return Guess(
        kinds.pop() if len(kinds) == 1 else None,
        found.pop() if len(found) == 1 else "",
    )


def _capital(text: str) -> str:
    """Return text in capitals with Latin look-alikes as Cyrillic, each character in its place."""
    return "".join(c.upper() if len(c.upper()) == 1 else c for c in text).translate(
        classes.LOOKALIKES
    )


def _blank(pattern: re.Pattern[str], text: str) -> str:
    return pattern.sub(lambda found: " " * len(found[0]), text)


def _has_word(kind: Kind, plain: str, alike: str) -> bool:
    words = "|".join(_WORDS[kind])
    return any(re.search(rf"(?<![{_WORD}])(?:{words})", text) for text in (plain, alike))


def _names_class(one: SchoolClass, text: str, written: str) -> bool:
    name = _capital(one.name)
    simple = _SIMPLE.fullmatch(name)
    if simple:
        pattern = rf"(?<![{_WORD}])0*{simple[1]}{_BETWEEN}({re.escape(simple[2])})(?![{_WORD}])"
    elif name.isdecimal():
        pattern = rf"(?<![{_WORD}])0*{name}\s*(?:-?(?:Й|ГО))?\s*(КЛ)"
    else:
        pattern = rf"(?<![{_WORD}])({re.escape(name)})(?![{_WORD}])"
    return any(
        not simple or _is_meant(found, text, written) for found in re.finditer(pattern, text)
    )


def _is_meant(found: re.Match[str], text: str, written: str) -> bool:
    """Tell a class from a number before a little word: «6 б класс», not «в 6 в кино»."""
    start, end = found.span(1)
    apart, small = text[start - 1].isspace(), written[start:end].islower()
    return not (apart and small) or _ENDS.match(text, end) is not None


# --- the members ----------------------------------------------------------------------------


def _by_names(names: Sequence[str], places: Mapping[str, set[tuple[Kind, str]]]) -> Guess:
    known = [places[key] for key in {classes.key(name) for name in names} if key in places]
    staff = sum(1 for found in known if (Kind.STAFF, "") in found)
    families = [found - {(Kind.STAFF, "")} for found in known]
    families = [found for found in families if found]
    if len(known) >= _ENOUGH and staff == len(known):
        return Guess(Kind.STAFF)
    if len(families) < _ENOUGH:
        return Guess()
    needed = max(_ENOUGH, _MOSTLY * len(families))
    both = Counter(place for found in families for place in found)
    of_class = Counter(id_ for found in families for id_ in {place[1] for place in found})
    (kind, class_id), count = both.most_common(1)[0]
    if count >= needed:
        return Guess(kind, class_id)
    class_id, count = of_class.most_common(1)[0]
    return Guess(None, class_id) if count >= needed else Guess()


def _places(school: School, day: date) -> Mapping[str, set[tuple[Kind, str]]]:
    """Return key of a name → the rooms its bearers belong to; parents also as the roster has them.

    A teacher is in many a class's chat, so of staff only that they are staff.
    """
    found: dict[str, set[tuple[Kind, str]]] = defaultdict(set)
    for person_id, place in _belonging(school, day):
        person = school.people.get(person_id)
        if person is not None:
            found[classes.key(person.full_name)].add(place)
    return found


def _belonging(school: School, day: date) -> Iterator[tuple[str, tuple[Kind, str]]]:
    classes_of: dict[str, list[str]] = defaultdict(list)
    for person_id, why in access.reasons(school, day).items():
        for reason in why:
            if reason.role is Role.PUPIL:
                classes_of[person_id].append(reason.class_id)
                yield person_id, (Kind.PUPILS, reason.class_id)
            elif reason.role is Role.PARENT:
                yield person_id, (Kind.PARENTS, reason.class_id)
            elif reason.role is Role.STAFF:
                yield person_id, (Kind.STAFF, "")
    for expected in school.expected_parents:
        for class_id in classes_of.get(expected.child_id, ()):
            yield expected.parent_id, (Kind.PARENTS, class_id)
