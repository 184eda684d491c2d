"""Applications to the school community: what was typed, and whom the applicant resembles (S-60).

An application is what somebody typed, and proves nothing. `likeness` holds it against the roster
for whoever decides; the applicant learns nothing of the outcome. Two people are told apart by the
person who decides, never by a name alone (scenario 22).
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING

from sferum_bridge.school import classes

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence
    from datetime import date

    from sferum_bridge.school.people import (
        Appointment,
        Enrolment,
        ExpectedParent,
        Leadership,
        Person,
        School,
        SchoolClass,
        Teaching,
        Term,
    )


class AskedRole(StrEnum):
    """What somebody applies to be."""

    PUPIL = "pupil"
    PARENT = "parent"
    TEACHER = "teacher"
    STAFF = "staff"


OF_A_CLASS = frozenset({AskedRole.PUPIL, AskedRole.PARENT})
"""Roles asked for in a class, about which its class teacher may decide too."""

LONGEST = 80
"""Characters of each thing typed; no name, class or school needs more."""

# In each language the first word is the one that texts and offers use.
_WORDS: Mapping[str, Mapping[AskedRole, tuple[str, ...]]] = {
    "ru": {
        AskedRole.PUPIL: ("ученик", "ученица", "школьник", "школьница", "студент", "студентка"),
        AskedRole.PARENT: ("родитель", "мама", "папа", "мать", "отец", "опекун", "представитель"),
        AskedRole.TEACHER: ("учитель", "учительница", "преподаватель", "преподавательница"),
        AskedRole.STAFF: ("сотрудник", "сотрудница", "работник", "работница"),
    },
    "en": {
        AskedRole.PUPIL: ("pupil", "student"),
        AskedRole.PARENT: ("parent", "mother", "father", "guardian"),
        AskedRole.TEACHER: ("teacher",),
        AskedRole.STAFF: ("staff", "employee"),
    },
}
_ROLES = {
    word: role
    for words in _WORDS.values()
    for role, aliases in words.items()
    for word in (*aliases, role.value)
}
_PARTS = re.compile(r"[,;|\n]")
_CLASS_WORDS = frozenset({"класс", "кл", "class"})
_FEWEST_NAMES = 2
# How a man's family name differs from a woman's, each ending with what both have in common.
_ENDINGS = {
    "ова": "ов",
    "ева": "ев",
    "ина": "ин",
    "ына": "ын",
    **dict.fromkeys(("ая", "ый", "ой", "ий"), ""),
}


# --- what was typed -------------------------------------------------------------------------


class Asked(StrEnum):
    """What an application has to say, in the order in which it is asked for."""

    ROLE = "role"
    SCHOOL = "school"
    CLASS = "class"
    CHILD = "child"
    NAME = "name"


@dataclass(frozen=True, slots=True)
class Application:
    """What somebody typed, as far as it has come; each text is empty until it is known."""

    role: AskedRole | None = None
    school: str = ""
    class_name: str = ""
    child: str = ""
    """Of a parent: the child's name."""
    name: str = ""
    """The applicant's own name, the family name first."""

    def missing(self, *, several_schools: bool) -> Asked | None:
        """Return what has to be asked next, `None` when everything is there."""
        wanted = {
            Asked.ROLE: self.role is None,
            Asked.SCHOOL: several_schools and not self.school,
            Asked.CLASS: self.role in OF_A_CLASS and not self.class_name,
            Asked.CHILD: self.role is AskedRole.PARENT and not self.child,
            Asked.NAME: not self.name,
        }
        return next((asked for asked, needed in wanted.items() if needed), None)

    def with_answer(self, asked: Asked, said: str) -> Application:
        """Return the application with one thing more; unchanged when `said` does not tell it."""
        said = _bounded(said)
        match asked:
            case Asked.ROLE:
                return replace(self, role=read_role(said))
            case Asked.SCHOOL:
                return replace(self, school=said)
            case Asked.CLASS:
                return replace(self, class_name=said)
            case Asked.CHILD:
                return replace(self, child=said if _is_name(said) else "")
            case Asked.NAME:
                return replace(self, name=said if _is_name(said) else "")


def restored(kept: Mapping[str, str]) -> Application:
    """Return the application that was kept field by field, as `dataclasses.asdict` gives it."""
    texts = {name: kept[name] for name in ("school", "class_name", "child", "name")}
    return Application(AskedRole(kept["role"]) if kept["role"] else None, **texts)


def word(role: AskedRole, language: str) -> str:
    """Return the word of a role in a language."""
    return _WORDS[language][role][0]


def read_role(text: str) -> AskedRole | None:
    """Return the role a word names, `None` when it names none."""
    return _ROLES.get(classes.key(text).strip(" .!"))


def read(text: str) -> Application:
    """Read «ученик 5А Ёлкина Алёна»: a role, a class, a name; what is not there stays empty.

    Of a parent the name is the child's; their own may follow behind a comma.
    """
    first, _, rest = text.strip().partition(" ")
    role = read_role(first.rstrip(",;:"))
    if role is None:
        return Application()
    parts = [part for part in _PARTS.split(rest) if part.strip()]
    class_name, words = _class_in(parts[0].split()) if parts else ("", [])
    if not words and len(parts) > 1:
        # A comma behind the class, too.
        del parts[0]
        words = parts[0].split()
    told = Application(role).with_answer(Asked.CLASS, class_name)
    if role is not AskedRole.PARENT:
        return told.with_answer(Asked.NAME, " ".join(words))
    own = parts[1] if len(parts) > 1 else ""
    return told.with_answer(Asked.CHILD, " ".join(words)).with_answer(Asked.NAME, own)


def _class_in(words: Sequence[str]) -> tuple[str, list[str]]:
    """Take the class out of the words of a line: «5А», «5 А», «5 «а» класс», «10-ИТ»."""
    start = next((i for i, said in enumerate(words) if any(c.isdigit() for c in said)), None)
    if start is None:
        return "", list(words)
    end = start + 1
    if words[start].isdigit() and end < len(words) and len(words[end].strip("«»\"'“”„")) == 1:
        end += 1
    before, after = list(words[:start]), list(words[end:])
    if before and classes.key(before[-1]) in _CLASS_WORDS:
        del before[-1]
    if after and classes.key(after[0]).strip(".") in _CLASS_WORDS:
        del after[0]
    return " ".join(words[start:end]), before + after


def _bounded(text: str) -> str:
    return classes.inert(text).strip(" ,;.")[:LONGEST].rstrip()


def _is_name(text: str) -> bool:
    return len(text.split()) >= _FEWEST_NAMES and not any(c.isdigit() for c in text)


def names(typed: str) -> tuple[str, str, str]:
    """Return family name, given name and patronymic of a name typed in that order."""
    family, given, middle = [*typed.split(maxsplit=2), "", ""][:3]
    return family, given, middle


# --- which school, which class --------------------------------------------------------------


def addressed(typed: str, schools: Mapping[str, str]) -> str:
    """Return the id of the school meant, of `schools` (id → name); empty when none or several fit.

    People write «школа 5», «гимназия №5», or only the number: every word has to be in the name, or
    else the numbers have to be the school's own.
    """
    if len(schools) == 1:
        return next(iter(schools))
    said = _words(typed)
    if not said:
        return ""
    exact = [id_ for id_, name in schools.items() if classes.key(name) == classes.key(typed)]
    within = [id_ for id_, name in schools.items() if said <= _words(name)]
    numbers = {each for each in said if each.isdigit()}
    same = [
        id_
        for id_, name in schools.items()
        if numbers and numbers == {each for each in _words(name) if each.isdigit()}
    ]
    found = next((fit for fit in (exact, within, same) if fit), [])
    return found[0] if len(found) == 1 else ""


def _words(text: str) -> set[str]:
    return set(re.findall(r"[^\W\d_]+|\d+", classes.key(text)))


def class_named(school: School, day: date, typed: str) -> SchoolClass | None:
    """Return the class of today that a text names, `None` when the school has none of that name."""
    try:
        name = classes.normalise(typed)
    except classes.ClassNameError as e:
        name = e.suggestion
    ties: list[Enrolment | Leadership] = [*school.enrolments, *school.leaderships]
    in_use = {tie.class_id for tie in ties if tie.term.covers(day)}
    newest = max((each.year for each in school.classes.values()), default="")
    alike = [
        each
        for each in school.classes.values()
        if each.name == name and (each.id in in_use or each.year == newest)
    ]
    return max(alike, key=lambda each: (each.id in in_use, each.year), default=None)


# --- whom the applicant resembles -----------------------------------------------------------


class Like(StrEnum):
    """How an application fits the roster; each has a text `like-…`."""

    IN_CLASS = "in-class"
    """A pupil of the class that was named."""
    ELSEWHERE = "elsewhere"
    """A pupil, though not of that class."""
    PARENT = "parent"
    """Applies as a pupil, is none, and bears the name of a parent."""
    GUARDIAN = "guardian"
    """Applies as a parent, and the roster names them."""
    CHILD = "child"
    """Applies as a parent; the child is there, the parent's name is not."""
    STAFF = "staff"
    NOBODY = "nobody"


@dataclass(frozen=True, slots=True)
class Likeness:
    """Whom of the roster an applicant may be. All are ids of people."""

    like: Like
    people: tuple[str, ...] = ()
    """Who they may be; who has no account yet, if there is any such."""
    children: tuple[str, ...] = ()
    """The pupils of today whose parent they may be."""
    taken: bool = False
    """Whether everybody they may be has an account already: perhaps somebody poses as them."""


def likeness(
    application: Application, school: School, day: date, with_account: Collection[str]
) -> Likeness:
    """Hold an application against the roster of `day`; `with_account` are ids of people."""
    match application.role:
        case AskedRole.PUPIL:
            return _like_a_pupil(application, school, day, with_account)
        case AskedRole.PARENT:
            return _like_a_parent(application, school, day, with_account)
        case _:
            return _like_staff(application, school, day, with_account)


def _like_staff(
    application: Application, school: School, day: date, with_account: Collection[str]
) -> Likeness:
    held: list[Appointment | Leadership | Teaching]
    held = [*school.appointments, *school.leaderships, *school.teachings]
    staff = {tie.person_id for tie in held if _is_not_over(tie.term, day)}
    alike = _of_name(application.name, school, staff)
    return _who(Like.STAFF, alike, with_account) if alike else Likeness(Like.NOBODY)


def _like_a_pupil(
    application: Application, school: School, day: date, with_account: Collection[str]
) -> Likeness:
    enrolled = [e for e in school.enrolments if _is_not_over(e.term, day)]
    alike = _of_name(application.name, school, {e.person_id for e in enrolled})
    named = class_named(school, day, application.class_name)
    in_class = {e.person_id for e in enrolled if named and e.class_id == named.id}
    here = [id_ for id_ in alike if id_ in in_class]
    if here:
        return _who(Like.IN_CLASS, here, with_account)
    if alike:
        return _who(Like.ELSEWHERE, alike, with_account)
    found = _like_a_parent(application, school, day, with_account)
    return found if found.like is Like.NOBODY else replace(found, like=Like.PARENT)


def _like_a_parent(
    application: Application, school: School, day: date, with_account: Collection[str]
) -> Likeness:
    enrolled = [e for e in school.enrolments if e.term.covers(day)]
    pupils = {e.person_id for e in enrolled}
    named = class_named(school, day, application.class_name)
    in_class = {e.person_id for e in enrolled if named and e.class_id == named.id}
    named_there = school.expected_parents
    guardians = set(_of_name(application.name, school, {e.parent_id for e in named_there}))
    of_guardians = {e.child_id for e in named_there if e.parent_id in guardians}
    tries = (
        _of_name(application.child, school, in_class),
        _of_name(application.child, school, pupils),
        sorted(of_guardians & in_class),
        sorted(of_guardians & pupils),
        _of_family(application.name, school, in_class),
    )
    children = next((found for found in tries if found), [])
    if not children:
        return Likeness(Like.NOBODY)
    theirs = {e.parent_id for e in named_there if e.child_id in children} & guardians
    like = Like.GUARDIAN if theirs else Like.CHILD
    return replace(_who(like, sorted(theirs), with_account), children=tuple(children))


def expected(typed: str, school: School, child_id: str) -> Sequence[ExpectedParent]:
    """Return the guardians of that name whom the roster names for a child, denied ones too."""
    of_child = [e for e in school.expected_parents if e.child_id == child_id]
    alike = _of_name(typed, school, [e.parent_id for e in of_child])
    return [e for e in of_child if e.parent_id in alike]


def _who(like: Like, alike: Sequence[str], with_account: Collection[str]) -> Likeness:
    free = tuple(id_ for id_ in alike if id_ not in with_account)
    return Likeness(like, free or tuple(alike), taken=bool(alike) and not free)


def _is_not_over(term: Term, day: date) -> bool:
    """Tell whether a term holds or is yet to come: people apply in August for September."""
    return term.until is None or day <= term.until


def _of_name(typed: str, school: School, ids: Iterable[str]) -> list[str]:
    """Return who of `ids` bears a name, in whatever order its parts were typed."""
    said = Counter(classes.key(typed).split())
    return sorted(id_ for id_ in ids if _bears(school.people[id_], said))


def _bears(person: Person, said: Counter[str]) -> bool:
    if not (person.family_name and person.given_name):
        return False
    name = Counter(classes.key(f"{person.family_name} {person.given_name}").split())
    middle = Counter(classes.key(person.middle_name).split())
    more = said - name
    # A patronymic that one side leaves out tells nobody apart.
    return name <= said and (not more or not middle or more == middle)


def _of_family(typed: str, school: School, ids: Iterable[str]) -> list[str]:
    """Return who of `ids` has one of the words typed for a family name, as a man or a woman has."""
    said = {_common_form(each) for each in classes.key(typed).split()}
    return sorted(
        id_ for id_ in ids if _common_form(classes.key(school.people[id_].family_name)) in said
    )


def _common_form(family_name: str) -> str:
    """Return what «Ёлкин» and «Ёлкина», «Горский» and «Горская» have in common."""
    return "-".join(
        next(
            (part.removesuffix(end) + stem for end, stem in _ENDINGS.items() if part.endswith(end)),
            part,
        )
        for part in family_name.split("-")
    )
