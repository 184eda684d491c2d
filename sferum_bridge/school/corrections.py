"""What a parent may correct in a child's data, and what comes of each correction (S-37).

What only spells something otherwise is done at once; what says something else is for the class
teacher to decide; class and school are no parent's to change. The roster may say something else:
then it wins, and the difference is shown (`roster.planner`).
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from typing import TYPE_CHECKING

from sferum_bridge.school import classes, consent, contacts

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence


class Field(StrEnum):
    """What can be named in a correction; called as rosters call it."""

    FAMILY_NAME = "family_name"
    GIVEN_NAME = "given_name"
    MIDDLE_NAME = "middle_name"
    """The patronymic."""
    BIRTH_DATE = "birth_date"
    EMAIL = "email"
    PHONE = "phone"
    CLASS = "class"
    SCHOOL = "school"


NAMES = frozenset({Field.FAMILY_NAME, Field.GIVEN_NAME, Field.MIDDLE_NAME})
CONTACTS = frozenset({Field.EMAIL, Field.PHONE})
SCHOOLS_OWN = frozenset({Field.CLASS, Field.SCHOOL})
"""What no parent changes."""
IN_QUESTION = SCHOOLS_OWN | {Field.FAMILY_NAME, Field.GIVEN_NAME}
"""What everybody with a code is shown. The rest is neither shown nor compared for somebody of whom
nobody knows yet that they are a parent."""


class Verdict(StrEnum):
    """What comes of a correction."""

    NOTHING = "nothing"
    """It says so already."""
    APPLY = "apply"
    """Mere spelling, or a patronymic where there was none: done at once."""
    ASK = "ask"
    """A request to the class teacher; the old value stays until then."""
    REFUSE = "refuse"
    """Not a parent's to change."""
    INVALID = "invalid"


def judge(what: Field, old: str, new: str) -> Verdict:
    """Say what comes of a correction; both values are as `value` gives them, empty for none."""
    alike = classes.key(old) == classes.key(new)
    if not new:
        return Verdict.INVALID
    if old == new or (alike and what in SCHOOLS_OWN):
        return Verdict.NOTHING
    if what in SCHOOLS_OWN:
        return Verdict.REFUSE
    if what in NAMES and (alike or (what is Field.MIDDLE_NAME and not old)):
        return Verdict.APPLY
    return Verdict.ASK


# --- values ---------------------------------------------------------------------------------

LONGEST_NAME = 60
_LONGEST = 254
_AGES = range(5, 26)
_DASHES = re.compile(r"(?:\s*[-\u2010-\u2015\u2212]\s*)+")
_DATED = re.compile(r"(\d{1,2})[./-](\d{1,2})[./-](\d{4})(?:\s*г(?:ода|\.)?)?")
_ISO = re.compile(r"(\d{4})-(\d{2})-(\d{2})")
# A word is of one alphabet: a Latin letter among Cyrillic ones would be seen by nobody.
_WORD = r"(?:[A-Za-z]+|[Ѐ-ҁҊ-ԯ]+)"
_NAME = re.compile(rf"{_WORD}(?:[ '’-]{_WORD})*")
_NO_NAMES = frozenset({"нет", "no", "none"})
"""What forms are filled with where there is no patronymic."""
_SMALL = frozenset(
    {*("оглы", "кызы", "заде", "фон", "ван", "дер", "де", "да"), *("von", "van", "der", "de", "da")}
)
"""Parts of names that are written with a small letter."""


def value(what: Field, typed: str, day: date) -> str:
    """Return what was typed as it is stored, empty when it cannot be so.

    A date is one on which somebody was born who is 5 to 25 years old on `day`.
    """
    line = classes.clean(typed)[:_LONGEST]
    match what:
        case Field.BIRTH_DATE:
            return _birth_date(line, day)
        case Field.EMAIL:
            return contacts.email(line.removeprefix("mailto:"))
        case Field.PHONE:
            return contacts.phone(line)
        case Field.CLASS:
            return _class(line)
        case Field.SCHOOL:
            return line
        case _:
            return _name(line)


def written(what: Field, stored: str) -> str:
    """Return a stored value as people write it."""
    if what is Field.BIRTH_DATE and stored:
        return date.fromisoformat(stored).strftime("%d.%m.%Y")
    return stored


def _name(line: str) -> str:
    name = " ".join(_DASHES.sub("-", line).strip(" .,;:«»\"'“”-").split())
    if len(name) > LONGEST_NAME or not _NAME.fullmatch(name) or classes.key(name) in _NO_NAMES:
        return ""
    # In one case from end to end it was typed in a hurry, and would be shown so to everybody.
    in_one_case = name in {name.lower(), name.upper()}
    return re.sub(_WORD, _capital, name) if in_one_case else name


def _capital(word: re.Match[str]) -> str:
    small = word[0].lower()
    return small if small in _SMALL else small.capitalize()


def _birth_date(line: str, day: date) -> str:
    if found := _ISO.fullmatch(line):
        parts = found.groups()
    elif found := _DATED.fullmatch(line):
        parts = found.groups()[::-1]
    else:
        return ""
    try:
        born = date(*(int(part) for part in parts))
    except ValueError:
        return ""
    return born.isoformat() if consent.age(born, day) in _AGES else ""


def _class(line: str) -> str:
    try:
        return classes.normalise(line)
    except classes.ClassNameError:
        return line[: classes.MAX_CLASS_NAME]


# --- what was typed -------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Typed:
    """What somebody wants corrected, as they typed it."""

    values: Mapping[Field, str] = field(default_factory=dict)
    unknown: Sequence[str] = ()
    """What names nothing that can be corrected."""


_LABELS: Mapping[Field, str] = {
    Field.FAMILY_NAME: r"фамили[яюи]|family name|last name|surname",
    Field.GIVEN_NAME: r"имя|given name|first name|name",
    Field.MIDDLE_NAME: r"отчество|patronymic|middle name",
    Field.BIRTH_DATE: r"дат[ау] рождения|день рождения|д\. ?р\.?|др|birth ?date|date of birth|born",
    Field.EMAIL: r"эл\.? почт[ау]|электронн(?:ая|ую) почт[ау]|почт[ау]|e-?mail|mail",
    Field.PHONE: r"номер телефона|телефон|phone",
    Field.CLASS: r"класс|class",
    Field.SCHOOL: r"школ[ау]|school",
}
_CONTACT = r"контакт|contact"
_LABEL = re.compile(
    r"(?<![\w@.-])(?:"
    + "|".join(f"(?P<{what.name}>{words})" for what, words in _LABELS.items())
    + rf"|(?P<CONTACT>{_CONTACT}))(?![\w@])\s*(?:[:=–—-]\s*|(?:на|to)\s+(?=\S))?",
    re.IGNORECASE,
)
_PARTS = re.compile(r"[\r\n,;]+")


def read(text: str) -> Typed:
    """Read «фамилия: Ёлкина, отчество Ивановна»: labels with values, in Russian or English.

    What was typed last for a field counts.
    """
    values: dict[Field, str] = {}
    unknown: list[str] = []
    for part in filter(None, map(classes.clean, _PARTS.split(text))):
        found = list(_labels(part))
        ends = [label.start() for label in found[1:]] + [len(part)]
        start = found[0].start() if found else len(part)
        if start:
            unknown.append(part[:start].strip())
        for label, end in zip(found, ends, strict=bool(found)):
            said = part[label.end() : end].strip()
            values[_field(label, said)] = said
    return Typed(values, tuple(unknown))


def _labels(part: str) -> Iterator[re.Match[str]]:
    """Find the labels; a word right behind a label is its value, though it may look like one."""
    end = -1
    for found in _LABEL.finditer(part):
        if found.start() != end:
            yield found
            end = found.end()


def _field(label: re.Match[str], said: str) -> Field:
    if label.lastgroup == "CONTACT":
        return Field.EMAIL if "@" in said else Field.PHONE
    return Field[str(label.lastgroup)]
