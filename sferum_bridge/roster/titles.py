"""What the headers of other programs' sheets mean: the map of synonyms (§4.3).

A title is taken apart into words. Some say whose the column is (the pupil's, if nothing does; the
first or second parent's; mother's or father's), the rest what it holds.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from sferum_bridge.roster import columns
from sferum_bridge.roster.model import Relation
from sferum_bridge.school import classes

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_WORDS = re.compile(r"[^\W\d_]+|\d+")

_SYNONYMS: Mapping[str, tuple[str, ...]] = {
    "external_id": ("ид", "id", "идентификатор", "идвсистеме"),
    "full_name": (
        "фио", "фамилияимяотчество", "фамилияимя", "полноеимя", "фи", "фиополностью", "списокфио",
    ),
    "family_name": ("фамилия", "фам"),
    "given_name": ("имя",),
    "middle_name": ("отчество", "отч"),
    "birth_date": ("датарождения", "датарожд", "деньрождения", "др", "датар", "рождения"),
    "class_name": ("класс", "классгруппа", "классобучения", "учебныйкласс"),
    "grade": ("параллель", "номерпараллели"),
    "letter": ("литера", "буква", "литеракласса", "буквакласса", "литер"),
    "email": (
        "email", "почта", "элпочта", "электроннаяпочта", "элекпочта", "эладрес", "имейл", "мейл",
        "электронныйадрес", "адресэлектроннойпочты", "адресэлпочты", "mail", "почтовыйящик",
    ),
    "phone": (
        "телефон", "тел", "моб", "мобтелефон", "мобтел", "мобильный", "мобильныйтелефон", "сотовый",
        "сотовыйтелефон", "номертелефона", "контактныйтелефон", "телефонмобильный", "телефонмоб",
        "номермобильноготелефона", "мобильныйномер", "телефонсотовый", "phone",
    ),
    "status": ("статус", "статусобучения"),
    "relation": ("кемприходится", "степеньродства", "родство", "родственнаясвязь"),
    "year": ("учебныйгод",),
    "": ("пп", "номер", "номерпп", "номерпопорядку", "нпп", "n", "no", "noпп"),
}  # fmt: skip
_FIELDS = {word: field for field, words in _SYNONYMS.items() for word in words}
_OF_PUPIL = re.compile(r"(?:ученик|учениц|учащ|обуча|ребен|воспитан|школьник|дет)\w*")
_OF_PARENT = re.compile(r"(?:родител|представител|опекун|попечител)\w*|законн\w*")
_MOTHERS = frozenset(("мать", "матери", "мама", "мамы"))
_FATHERS = frozenset(("отец", "отца", "папа", "папы"))
_SLOTS = ("1", "2", "3", "4")


@dataclass(frozen=True, slots=True)
class Meaning:
    """What a column holds. `slot` is empty for the pupil's own; `field` for what only counts rows.

    `field` is that of a row (see `rows`), or `full_name`, `grade`, `letter`, `year`.
    """

    field: str
    slot: str = ""
    relation: Relation = Relation.UNSAID


@lru_cache(maxsize=4096)
def meaning(title: str) -> Meaning | None:
    """Return what a column of this title holds; `None` for a title that is not known."""
    words = _WORDS.findall(classes.key(title))
    slot, relation, rest = "", Relation.UNSAID, []
    for word in words:
        if word in _MOTHERS:
            slot, relation = "mother", Relation.MOTHER
        elif word in _FATHERS:
            slot, relation = "father", Relation.FATHER
        elif _OF_PARENT.fullmatch(word):
            slot = slot or "1"
        elif not _OF_PUPIL.fullmatch(word):
            rest.append(word)
    if slot == "1":
        number = next((word for word in rest if word in _SLOTS), "")
        slot = number or slot
        rest = [word for word in rest if word != number]
    if not rest:
        # «Родитель 1» and «Ученик» alone are names; a title without a word is «№».
        return Meaning("full_name" if words else "", slot, relation)
    field = _FIELDS.get("".join(rest))
    if field is None or (slot and field in _OF_PUPILS_ONLY) or (not slot and field == "relation"):
        return None
    return Meaning(field, slot, relation)


_OF_PUPILS_ONLY = frozenset(
    ("external_id", "birth_date", "class_name", "grade", "letter", "status", "year")
)


def count(cells: Iterable[object]) -> int:
    """Count the titles that are known, of the template or by a synonym: what a header has most."""
    return sum(_known(cell) for cell in cells if isinstance(cell, str))


@lru_cache(maxsize=4096)
def _known(cell: str) -> bool:
    if len(cell) > columns.LONGEST_TITLE:
        return False
    found = meaning(cell)
    return columns.is_title(cell) or (found is not None and found.field != "")
