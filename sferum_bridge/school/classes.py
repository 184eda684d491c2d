"""Names as schools write them, brought to one form: classes, school years, people (§4.3).

Pure functions over text. `clean` is what may be stored and shown, `key` is only for comparing:
what compares equal is never merged for that reason alone, and the spelling of the file is kept.
"""

from __future__ import annotations

import re
import unicodedata
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import date

LOOKALIKES = str.maketrans("ABCEHKMOPTXY", "АВСЕНКМОРТХУ")
"""Latin capitals that nobody can tell from Cyrillic ones on paper."""

MAX_CLASS_NAME = 32
"""Characters. School registers allow a grade and up to fifteen characters behind it."""

_HYPHENS = str.maketrans(dict.fromkeys("\u2010\u2011", "-"))
_DASHES = re.compile(r"\s*[-\u2010-\u2015\u2212]\s*")
_QUOTES = re.compile(r"[«»\"'“”„‟‘’‚‹›`]")
# Browsers take the full stops of other scripts for dots as well.
_JOINING_DOT = re.compile(r"[.\u3002\uff0e\uff61](?=\S)")
_WORD_CLASS = re.compile(r"(?<!\w)кл(?:асса?)?(?!\w)\.?", re.IGNORECASE)
_SIMPLE = re.compile(r"0*([1-9]\d?)[ -]?([^\W\d_])?")
_STREAM = re.compile(r"0*([1-9]\d?)[ -]?([^\W\d_][^\W_]{1,3})")
_ROMAN = re.compile(r"([IVXІХ]+)[ -]*([^\W\d_]?)")
_ROMAN_VALUES = {"I": 1, "І": 1, "V": 5, "X": 10, "Х": 10}
_YEAR = re.compile(r"(\d{4})\s*[-/\u2010-\u2015\u2212]\s*(\d{4}|\d{2})(?:\s*уч.*)?")
_GRADE = re.compile(r"([1-9]\d?)([^\W\d_]?|-[^\W\d_][^\W_]{1,3})")
_LAST_GRADE = 12
_JUNE = 6
_SHORT_WORD = 4


class ClassNameError(ValueError):
    """A text is no class name. `code` is stable; `suggestion` is what was probably meant, or ''."""

    def __init__(self, code: str, suggestion: str = "") -> None:
        super().__init__(code)
        self.code = code
        self.suggestion = suggestion


def clean(text: str) -> str:
    """Return text as it is stored and shown: NFC, one plain space between words, nothing invisible.

    Control, formatting (zero width, direction) and surrogate characters go, so a name cannot break
    a line or turn the text around it; typographic hyphens become the plain one.
    """
    plain = text if text.isascii() else unicodedata.normalize("NFC", text).translate(_HYPHENS)
    if plain.isprintable():
        # Nothing to take out, which nearly every cell of a roster is.
        return " ".join(plain.split())
    # Line breaks are both control characters and spaces: here they part words.
    visible = "".join(
        " " if char.isspace() else char
        for char in plain
        if char.isspace() or unicodedata.category(char) not in ("Cc", "Cf", "Cs")
    )
    # Once more: what was invisible may have kept a letter and its mark apart.
    return unicodedata.normalize("NFC", " ".join(visible.split()))


def inert(text: str) -> str:
    """Return what a stranger wrote as `clean` gives it, without what clients make links of (S-13).

    It is shown to people who trust whoever shows it, so no address may come along with a name.
    """
    return " ".join(_JOINING_DOT.sub(". ", clean(text).replace(":", " ")).split())


def key(text: str) -> str:
    """Return the comparison key of a name: «ЕЛКИНА  Алена» and «Ёлкина Алёна» have the same."""
    folded = unicodedata.normalize("NFKC", clean(text)).casefold().replace("ё", "е")
    return clean(unicodedata.normalize("NFKC", folded))


def normalise(text: str) -> str:
    """Return the one form of a class name: `5A`, `5 «а»`, `05А`, `5-A класс` all give 5А.

    A grade with one letter is joined (5А), with a longer stream gets a hyphen (10-ИТ). Anything
    else (1-3 комплект, ИС-21) is kept with short words in capitals. Applying it twice changes
    nothing.

    Raises:
        ClassNameError: `class_empty`, `class_long`, or `class_roman` with the Arabic name.
    """
    bare = _WORD_CLASS.sub(" ", _QUOTES.sub(" ", clean(text)))
    bare = " ".join(_DASHES.sub("-", " ".join(bare.split())).strip("- .,").split())
    if not any(char.isalnum() for char in bare):
        raise ClassNameError("class_empty")
    if len(bare) > MAX_CLASS_NAME:
        raise ClassNameError("class_long")
    capital = bare.upper()
    _refuse_roman(capital)
    alike = _to_cyrillic(capital)
    if simple := _SIMPLE.fullmatch(alike):
        return simple[1] + (simple[2] or "")
    if stream := _STREAM.fullmatch(alike):
        return f"{stream[1]}-{stream[2]}"
    return _free(bare)


def school_year(text: str) -> str:
    """Return a school year as 2026/2027; `2026-27` and «2026–2027 уч. год» are understood.

    Raises:
        ValueError: the text names no two years that follow each other.
    """
    found = _YEAR.fullmatch(clean(text))
    if found is None:
        raise ValueError("not a school year")
    first = int(found[1])
    if int(found[2]) not in (first + 1, (first + 1) % 100):
        raise ValueError("not two years in a row")
    return f"{first:04}/{first + 1:04}"


def grade(name: str) -> int | None:
    """Return the grade of a normalised class name: 5 of 5А, 10 of 10-ИТ; none of 1-3 комплект."""
    found = _GRADE.fullmatch(name)
    return int(found[1]) if found else None


def in_next_grade(name: str) -> str:
    """Return what a class of one grade is called a year later; without a grade as it is called."""
    found = _GRADE.fullmatch(name)
    return f"{int(found[1]) + 1}{found[2]}" if found else name


def year_on(day: date) -> str:
    """Return the school year that runs on a day; from June on the one to come."""
    first = day.year if day.month >= _JUNE else day.year - 1
    return f"{first:04}/{first + 1:04}"


def year_before(year: str) -> str:
    """Return the school year before one, both as 2026/2027."""
    first = int(year[:4]) - 1
    return f"{first:04}/{first + 1:04}"


def _refuse_roman(capital: str) -> None:
    found = _ROMAN.fullmatch(capital)
    if found is None:
        return
    values = [_ROMAN_VALUES[char] for char in found[1]]
    following = [*values[1:], 0]
    number = sum(-a if a < b else a for a, b in zip(values, following, strict=True))
    letter = found[2].translate(LOOKALIKES)
    raise ClassNameError("class_roman", f"{number}{letter}" if 0 < number <= _LAST_GRADE else "")


def _to_cyrillic(capital: str) -> str:
    """Map look-alikes, word by word: a word with a truly Latin letter (IT) stays Latin."""
    return re.sub(r"[^\W_]+", lambda word: _alike(word[0]), capital)


def _alike(word: str) -> str:
    mapped = word.translate(LOOKALIKES)
    return word if re.search(r"[A-Z]", mapped) else mapped


def _free(bare: str) -> str:
    def shape(word: re.Match[str]) -> str:
        capital = word[0].upper()
        short = len(capital) <= _SHORT_WORD or any(char.isdigit() for char in capital)
        return _alike(capital) if short else _alike(capital).lower()

    return re.sub(r"[^\W_]+", shape, bare)
