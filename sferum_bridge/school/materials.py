"""Lesson materials: what a message is listed as, and how it is found again (S-06). Pure.

A teacher writes `алгебра: Задачи на движение` below a file, or only sends it: then the subject is
the one they teach in the class, if that is one. Whoever looks for something names words in any
order: of the title, the subject, the teacher's name, the class, or a day, a month, a span of days.
Words are compared without their endings, so that «по алгебре» finds «алгебра».
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, TypeVar

from sferum_bridge.school import classes

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence
    from datetime import date

SHELF = "📚"
"""The reaction by which a teacher files a message with the materials of the class."""
PAGE = 20
"""Lines of one answer."""
MOST_CHARACTERS = 120
"""Of a title; the message itself has the rest."""
MOST_WORDS = 20
"""Of what somebody looks for: each is compared with every word of the list."""

_EMOJI_STYLE = "\ufe0f"
_MONTHS = (
    *("январ january", "феврал february", "март march", "апрел april", "май мая мае may"),
    *("июн june", "июл july", "август august", "сентябр september", "октябр october"),
    *("ноябр november", "декабр december"),
)
"""What the names of the months begin with, from January."""
_ENDING = 2
_DAY = re.compile(r"(\d{1,2})[./](\d{1,2})(?:[./](\d{4}|\d{2}))?")
_SMALL_RU = "по за от с со в во на до и у учитель учителя учительница предмет предмету класс класса"
_SMALL_EN = "the of from in on by for to since until and teacher subject class"
_SMALL = frozenset(f"{_SMALL_RU} {_SMALL_EN}".split())
_WORD = re.compile(r"[^\W_]+(?:-[^\W_]+)*")
_STEM = 3
"""Letters that words have in common at least, to be forms of one word."""


Listed = TypeVar("Listed", bound="Entry")


class Order(StrEnum):
    """How a list is ordered; within, the newest first."""

    DATE = "date"
    SUBJECT = "subject"
    TEACHER = "teacher"


_ORDERED = re.compile(
    r"\b(?:по (?P<subject>предметам)|по (?P<teacher>учителям)|по (?P<date>датам)"
    r"|by (?P<subject2>subject)|by (?P<teacher2>teacher)|by (?P<date2>date))\b"
)


@dataclass(frozen=True, slots=True)
class Entry:
    """A line of the list, as far as it is looked at here."""

    title: str
    subject: str
    teacher: str
    class_name: str
    day: date
    """On which it was posted, at the school."""


@dataclass(frozen=True, slots=True)
class Query:
    """What somebody looks for; all of it has to hold."""

    words: Sequence[str] = ()
    months: frozenset[int] = field(default_factory=frozenset)
    since: date | None = None
    until: date | None = None
    order: Order = Order.DATE


def is_shelf(key: object) -> bool:
    """Tell whether a reaction files a message: clients differ in the variation selector."""
    return isinstance(key, str) and key.replace(_EMOJI_STYLE, "") == SHELF


def described(
    words: str, file_name: str, subjects: Collection[str], own: Collection[str]
) -> tuple[str, str]:
    """Return the subject and the title of a material.

    Args:
        words: What was written, or stands below the file.
        file_name: Of the file; empty for none.
        subjects: Those of the class.
        own: Those of them that the writer teaches.
    """
    lines = [line.strip() for line in words.splitlines() if line.strip()]
    first = lines[0] if lines else file_name
    before, colon, behind = first.partition(":")
    known = {classes.key(subject): subject for subject in subjects if subject}
    named = known.get(classes.key(before.lstrip("#"))) if colon else None
    mine = sorted({subject for subject in own if subject})
    subject = named or (mine[0] if len(mine) == 1 else "")
    title = (behind.strip() or (lines[1] if len(lines) > 1 else file_name)) if named else first
    title = title or first
    return subject, title if len(title) <= MOST_CHARACTERS else f"{title[: MOST_CHARACTERS - 1]}…"


def read(text: str, today: date) -> Query:
    """Read what somebody looks for. A day without a year is the last such day."""
    rest = classes.key(text)
    days = [day for found in _DAY.finditer(rest) if (day := _day(found, today)) is not None]
    rest = _DAY.sub(" ", rest)
    order = Order.DATE
    if (by := _ORDERED.search(rest)) is not None:
        order = Order(str(by.lastgroup).removesuffix("2"))
        rest = rest[: by.start()] + rest[by.end() :]
    words: list[str] = []
    months: set[int] = set()
    for word in _WORD.findall(rest):
        if month := _month(word):
            months.add(month)
        elif word not in _SMALL:
            words.append(word)
    since, until = (min(days), max(days)) if days else (None, None)
    return Query(tuple(dict.fromkeys(words))[:MOST_WORDS], frozenset(months), since, until, order)


def fits(entry: Entry, query: Query) -> bool:
    """Tell whether an entry is what somebody looks for."""
    if query.months and entry.day.month not in query.months:
        return False
    if query.since is not None and entry.day < query.since:
        return False
    if query.until is not None and entry.day > query.until:
        return False
    text = f"{entry.title} {entry.subject} {entry.teacher}"
    there = [classes.key(word) for word in _WORD.findall(text)]
    return all(_is_there(word, there, entry.class_name) for word in query.words)


def ordered(entries: Iterable[Listed], order: Order) -> list[Listed]:
    """Put entries, the newest first, into an order; those without a subject come last."""
    found = list(entries)
    if order is Order.SUBJECT:
        found.sort(key=lambda entry: (not entry.subject, classes.key(entry.subject)))
    elif order is Order.TEACHER:
        found.sort(key=lambda entry: classes.key(entry.teacher))
    return found


def _is_there(word: str, there: Sequence[str], class_name: str) -> bool:
    try:
        if classes.normalise(word) == class_name:
            return True
    except classes.ClassNameError:
        pass
    return any(one.startswith(word) or _are_forms(word, one) for one in there)


def _are_forms(one: str, other: str) -> bool:
    """Tell whether two words may differ in their endings alone."""
    if not one.isalpha() or abs(len(one) - len(other)) > _ENDING:
        return False
    alike = next((n for n, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), len(one))
    return min(alike, len(other)) >= max(_STEM, min(len(one), len(other)) - _ENDING)


def _month(word: str) -> int:
    """Return the month a word names, in whatever case; 0 for none."""
    for number, stems in enumerate(_MONTHS, 1):
        if any(word.startswith(s) and len(word) <= len(s) + _ENDING for s in stems.split()):
            return number
    return 0


def _day(found: re.Match[str], today: date) -> date | None:
    number, month = int(found[1]), int(found[2])
    try:
        if found[3]:
            return today.replace(int(found[3]) % 100 + 2000, month, number)
        day = today.replace(month=month, day=number)
        return day if day <= today else day.replace(day.year - 1)
    except ValueError:
        return None
