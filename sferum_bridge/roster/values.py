"""Cells to values: one parser for each kind of column, none of which ever guesses.

A spreadsheet turns what people type into numbers and dates behind their back; what can be restored
without doubt (a phone that became 79000000001.0) is, what cannot is an error with the way out.
"""

from __future__ import annotations

import difflib
import math
import re
import zoneinfo
from datetime import date, timedelta
from typing import TYPE_CHECKING, TypeAlias

from sferum_bridge.roster.columns import Kind
from sferum_bridge.roster.model import ClassKind, Relation, Severity, Status
from sferum_bridge.school import classes, contacts
from sferum_bridge.school.people import Post

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

Cell: TypeAlias = str | int | float | bool | date
"""What a sheet gives for one cell; an empty one is an empty text."""

MAX_TEXT = 500
"""Characters of one cell; a longer text is no name, contact or list of classes."""

_EXCEL_EPOCH = date(1899, 12, 30)
_FIRST_YEAR, _LAST_YEAR = 1900, 2100
_DOTTED = re.compile(r"(\d{1,2})\.(\d{1,2})\.(\d{4})(?:\s*г\.?)?")
_ISO = re.compile(r"(\d{4})-(\d{2})-(\d{2})(?:[T ][\d:.]*)?")
_DISARMED = re.compile(r"'+[=+\-@]")
_STORED_PHONE = re.compile(r"\+7\d{10}", re.ASCII)
_INITIAL = re.compile(r"(?<!\w)[^\W\d_]\.")

STATUSES = {
    "учится": Status.STUDIES,
    "выбыл": Status.LEFT,
    "выпущен": Status.GRADUATED,
    "второй год": Status.REPEATS,
}
RELATIONS = {
    "мать": Relation.MOTHER,
    "отец": Relation.FATHER,
    "опекун": Relation.GUARDIAN,
    "попечитель": Relation.TRUSTEE,
    "иной": Relation.OTHER,
}
ACCESS = {"да": True, "нет": False}
# Only the post that carries rights of its own is told apart: a head or a deputy administers the
# school's messenger when the roster says «администратор» too (§2.2).
ROLES = {
    "администратор": Post.ADMINISTRATOR,
    "директор": Post.STAFF,
    "завуч": Post.STAFF,
    "методист": Post.STAFF,
    "учитель": Post.TEACHER,
    "сотрудник": Post.STAFF,
}
CLASS_KINDS = {
    "класс": ClassKind.CLASS,
    "комплект": ClassKind.MIXED,
    "группа спо": ClassKind.COLLEGE,
}
LANGUAGES = {"ru": "ru", "en": "en"}


class CellError(ValueError):
    """A cell cannot be used; a warning means that the row can do without it."""

    def __init__(self, code: str, severity: Severity = Severity.ERROR, **params: str) -> None:
        super().__init__(code)
        self.code = code
        self.severity = severity
        self.params = params


def text(cell: Cell) -> str:
    """Return the text people meant; whole numbers without the `.0` a spreadsheet adds.

    Raises:
        CellError: the cell became a date (class «1-3» does), or is beyond all measure.
    """
    if not isinstance(cell, str):
        return _text_of(cell)
    if cell.isascii() and cell.isalnum() and len(cell) <= MAX_TEXT:
        return cell
    written = classes.clean(cell)
    if written[:1] == "'":
        written = disarmed(written)
    if len(written) > MAX_TEXT:
        raise CellError("text_long", limit=str(MAX_TEXT))
    return written


def _text_of(cell: float | bool | date) -> str:  # noqa: FBT001 - a cell
    if isinstance(cell, bool):
        return "да" if cell else "нет"
    if isinstance(cell, date):
        raise CellError("text_is_date", date=cell.strftime("%d.%m.%Y"))
    if isinstance(cell, float):
        whole = math.isfinite(cell) and cell.is_integer()
        return str(int(cell)) if whole else f"{cell:.15g}"
    written = str(cell)
    if len(written) > MAX_TEXT:
        raise CellError("text_long", limit=str(MAX_TEXT))
    return written


def disarmed(written: str) -> str:
    """Take off the mark that keeps a text from being a formula (see `template.escape`)."""
    return written[1:] if _DISARMED.match(written) else written


def parse(kind: Kind, cell: Cell) -> object:
    """Return the value of a cell that is not empty, of the type the kind stands for.

    Raises:
        CellError: the cell cannot be understood.
    """
    if kind is Kind.DATE:
        return _date(cell)
    return _PARSERS[kind](text(cell))


def parser(kind: Kind) -> Callable[[str], object]:
    """Return what gives the values `parse` does, of texts that `text` gave already.

    It raises `CellError` for a text that cannot be understood.
    """
    return _PARSERS[kind]


def closest(word: str, known: list[str]) -> str:
    """Return the known word that was probably meant, or ''."""
    return next(iter(difflib.get_close_matches(word, known, n=1)), "")


def _date(cell: Cell) -> date:
    if isinstance(cell, date):
        found = date(cell.year, cell.month, cell.day)
    elif isinstance(cell, bool):
        raise CellError("date_bad")
    elif isinstance(cell, int | float):
        found = _serial_date(cell)
    else:
        found = _written_date(text(cell))
    return _bounded(found)


def _day(written: str) -> date:
    return _bounded(_written_date(written))


def _bounded(found: date) -> date:
    if not _FIRST_YEAR <= found.year <= _LAST_YEAR:
        raise CellError("date_bad")
    return found


def _serial_date(serial: float) -> date:
    # A date that lost its format is the number of days since the end of 1899.
    try:
        return _EXCEL_EPOCH + timedelta(days=math.floor(serial))
    except (OverflowError, ValueError):
        raise CellError("date_bad") from None


def _written_date(written: str) -> date:
    if found := _DOTTED.fullmatch(written):
        day, month, year = found.groups()
    elif found := _ISO.fullmatch(written):
        year, month, day = found.groups()
    else:
        raise CellError("date_bad")
    try:
        return date(int(year), int(month), int(day))
    except ValueError:
        raise CellError("date_none") from None


def check_name(written: str) -> str:
    """Return a name, or a part of one, as it is.

    Raises:
        CellError: `name_bad` for digits or no letters, `name_initials` for «И.» or «И.И.».
    """
    if _INITIAL.search(written):
        raise CellError("name_initials")
    if not any(char.isalpha() for char in written) or any(char.isdigit() for char in written):
        raise CellError("name_bad")
    return written


def _class(written: str) -> str:
    try:
        return classes.normalise(written)
    except classes.ClassNameError as error:
        hint = error.suggestion or "5А"
        raise CellError(error.code, hint=hint) from None


def _class_list(written: str) -> tuple[str, ...]:
    parts = [part for part in re.split(r"[;,]", written) if part.strip()]
    return tuple(dict.fromkeys(_class(part) for part in parts))


def _teachings(written: str) -> tuple[tuple[str, str], ...]:
    """Return (subject, class) pairs of «Алгебра: 7А, 7Б; Геометрия: 7А»."""
    pairs: dict[tuple[str, str], None] = {}
    for part in filter(str.strip, written.split(";")):
        subject, colon, names = part.partition(":")
        subject = classes.clean(subject)
        taught = _class_list(names)
        if not (subject and colon and taught):
            raise CellError("teaching_bad", part=classes.clean(part))
        pairs.update(dict.fromkeys((subject, name) for name in taught))
    return tuple(pairs)


def _year(written: str) -> str:
    try:
        return classes.school_year(written)
    except ValueError:
        # A school year decides where everything belongs: without it nothing may be imported.
        raise CellError("year_bad", Severity.FATAL) from None


def _email(written: str) -> str:
    if found := contacts.email(written):
        return found
    raise CellError("email_bad", Severity.WARNING)


def _phone(written: str) -> str:
    if _STORED_PHONE.fullmatch(written):
        return written
    if found := contacts.phone(written):
        return found
    raise CellError("phone_bad", Severity.WARNING)


def _zone(written: str) -> str:
    try:
        zoneinfo.ZoneInfo(written)
    except (ValueError, OSError, zoneinfo.ZoneInfoNotFoundError):
        raise CellError("zone_unknown", Severity.WARNING) from None
    return written


def _one_of(known: Mapping[str, object], written: str, code: str = "choice_unknown") -> object:
    words = {classes.key(word): word for word in known}
    found = words.get(classes.key(written))
    if found is None:
        meant = closest(classes.key(written), list(words))
        allowed = ", ".join(known)
        raise CellError(code, allowed=allowed, hint=words[meant] if meant else allowed)
    return known[found]


def _roles(written: str) -> tuple[object, ...]:
    parts = [part for part in re.split(r"[;,]", written) if part.strip()]
    found = [_one_of(ROLES, part, "role_unknown") for part in parts]
    if not found:
        raise CellError("role_unknown", allowed=", ".join(ROLES), hint=", ".join(ROLES))
    return tuple(dict.fromkeys(found))


def _same(written: str) -> str:
    return written


_PARSERS: Mapping[Kind, Callable[[str], object]] = {
    Kind.TEXT: _same,
    Kind.NAME: check_name,
    Kind.ID: _same,
    Kind.DATE: _day,
    Kind.CLASS: _class,
    Kind.CLASSES: _class_list,
    Kind.TEACHINGS: _teachings,
    Kind.YEAR: _year,
    Kind.EMAIL: _email,
    Kind.PHONE: _phone,
    Kind.STATUS: lambda written: _one_of(STATUSES, written),
    Kind.RELATION: lambda written: _one_of(RELATIONS, written),
    Kind.ACCESS: lambda written: _one_of(ACCESS, written),
    Kind.ROLES: _roles,
    Kind.CLASS_KIND: lambda written: _one_of(CLASS_KINDS, written),
    Kind.ZONE: _zone,
    Kind.LANGUAGE: lambda written: _one_of(LANGUAGES, written),
}
