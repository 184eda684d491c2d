"""Makes a school that does not exist, for the demo and the tests: always the same for a seed.

Nobody real is in it: the family names are weather and tea things, addresses end in example.org, and
no telephone has the area code 000.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import TYPE_CHECKING

from sferum_bridge.roster.template import write_workbook

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from sferum_bridge.roster.template import Value

DEFAULT_CLASSES = ("1А", "5А", "5Б", "7В", "9А", "10-ИТ")

_FAMILIES = (
    "Облачков", "Лучиков", "Ветерков", "Дождиков", "Снежинкин", "Радугин", "Туманов-Росинкин",
    "Сахарков", "Вареньев", "Ватрушкин", "Пряничков", "Самоваров-Чайкин", "Блюдцев", "Баранкин",
    "Кнопочкин", "Винтиков", "Фонариков", "Компасов", "Парусов", "Якорьков", "Кометин",
    "Звёздочкин", "Одуванчиков", "Ромашкин-Луговой", "Ёлочкин", "Светлячков", "Кузнечиков",
    "Стрекозин",
)  # fmt: skip
_BOYS = ("Лев", "Глеб", "Тимофей", "Матвей", "Пётр", "Семён", "Артём", "Фёдор", "Егор", "Илья")
_GIRLS = ("Алёна", "Ольга", "Вера", "Дарья", "Полина", "Мира", "Софья", "Ева", "Нина", "Таисия")
_PATRONYMICS = ("Лунов", "Громов", "Солнцев", "Ветров")
_SUBJECTS = ("Алгебра", "Геометрия", "Русский язык", "Физика", "История", "Биология", "Музыка")
_OFFICES = ("администратор", "директор", "завуч", "методист")
_SCHOOL = "Школа № 7 города Солнечного"
_ONE_PARENT, _NO_PARENT, _NO_BIRTHDAY, _SIBLING = 0.15, 0.05, 0.1, 0.12
_FIRST_GRADE_AGE = 7
_PARENT_TEACHERS = 2
_ATTEMPTS = 100


@dataclass(slots=True)
class _Family:
    """A household: the root of its name, and guardians who may have several children."""

    name: str
    parents: list[Mapping[str, Value]]
    children: int = 0


@dataclass(slots=True)
class _Maker:
    """Holds the dice and the counters while a school is made."""

    year: int
    dice: random.Random
    rows: dict[str, list[Mapping[str, Value]]] = field(default_factory=dict)
    contacts: int = 0
    names: set[tuple[str, str, str]] = field(default_factory=set)

    def human(self, family: str, *, female: bool) -> dict[str, Value]:
        """Return somebody with contacts of their own, and of a name of their own if one is left."""
        for attempt in range(_ATTEMPTS):
            given = self.dice.choice(_GIRLS if female else _BOYS)
            middle = self.dice.choice(_PATRONYMICS) + ("на" if female else "ич")
            if (family, given, middle) not in self.names:
                break
            family = self.dice.choice(_FAMILIES)
            if attempt >= _ATTEMPTS // 10:
                family = f"{family.split('-')[0]}-{self.dice.choice(_FAMILIES).split('-')[0]}"
        self.names.add((family, given, middle))
        self.contacts += 1
        return {
            "family_name": _feminine(family) if female else family,
            "given_name": given,
            "middle_name": middle,
            "email": f"person{self.contacts:04}@example.org",
            "phone": f"+7 000 {self.contacts // 10000:03}-{self.contacts // 100 % 100:02}"
            f"-{self.contacts % 100:02}",
        }


def write(
    path: Path,
    *,
    class_names: Sequence[str] = DEFAULT_CLASSES,
    pupils_per_class: int = 8,
    staff: int = 12,
    year: int = 2026,
    seed: int = 7,
) -> None:
    """Write a sample roster as XLSX.

    Most pupils have two expected parents, some one, a few none; some parents have two children;
    some staff are parents too (scenario 15); some pupils have no date of birth.

    Args:
        path: where the workbook goes.
        class_names: the classes, each with one class teacher.
        pupils_per_class: how many pupils each of them has.
        staff: how many people work there, at least one more than there are classes.
        year: the year in which the school year begins.
        seed: another seed makes another school.

    Raises:
        ValueError: there are too few staff for the classes.
    """
    if staff <= len(class_names):
        raise ValueError("every class needs a class teacher, and the school an administrator")
    maker = _Maker(year, random.Random(seed))  # noqa: S311 - made-up people, no secret
    _school(maker, class_names)
    _staff(maker, class_names, staff)
    _pupils(maker, class_names, pupils_per_class)
    write_workbook(path, maker.rows)


def _school(maker: _Maker, class_names: Sequence[str]) -> None:
    maker.rows["Школа"] = [{"name": _SCHOOL, "timezone": "Europe/Moscow", "language": "ru"}]
    maker.rows["Классы"] = [
        {
            "name": name,
            "year": f"{maker.year}/{maker.year + 1}",
            # Half of the class teachers are named here, half with the staff: both ways are read.
            "leader": f"С-{index:02}" if index % 2 else None,
            "kind": "класс",
        }
        for index, name in enumerate(class_names, start=1)
    ]


def _staff(maker: _Maker, class_names: Sequence[str], count: int) -> None:
    rows: list[Mapping[str, Value]] = []
    offices = _OFFICES[: count - len(class_names)]
    for index in range(1, count + 1):
        family = _FAMILIES[-index % len(_FAMILIES)]
        row = maker.human(family, female=index % 3 != 0)
        row["external_id"] = f"С-{index:02}"
        office = index - len(class_names) - 1
        row["posts"] = offices[office] if 0 <= office < len(offices) else "учитель"
        if index <= len(class_names) and not index % 2:
            row["leads"] = class_names[index - 1]
        if row["posts"] == "учитель":
            row["teaches"] = _teaching(maker, class_names, index)
        rows.append(row)
    maker.rows["Сотрудники"] = rows


def _teaching(maker: _Maker, class_names: Sequence[str], index: int) -> str:
    first = _SUBJECTS[index % len(_SUBJECTS)]
    chosen = maker.dice.sample(list(class_names), k=min(3, len(class_names)))
    return f"{first}: {', '.join(sorted(chosen))}"


def _pupils(maker: _Maker, class_names: Sequence[str], per_class: int) -> None:
    families: list[_Family] = []
    teachers = iter(maker.rows["Сотрудники"][:_PARENT_TEACHERS])
    pupils: list[Mapping[str, Value]] = []
    parents: list[Mapping[str, Value]] = []
    for name in class_names:
        for _ in range(per_class):
            number = len(pupils) + 1
            # The second family of all gets a second child in any case, then chance decides.
            household = _household(maker, families, teachers, sibling=number == per_class + 1)
            female = maker.dice.random() < 1 / 2
            pupil = maker.human(household.name, female=female)
            pupil["external_id"] = f"{number:04}"
            pupil["class_name"] = name
            pupil["birth_date"] = _birthday(maker, name)
            pupil["email"] = pupil["phone"] = None
            pupils.append(pupil)
            parents.extend({**parent, "child_id": f"{number:04}"} for parent in household.parents)
    maker.rows["Ученики"] = pupils
    maker.rows["Родители"] = parents


def _household(
    maker: _Maker,
    families: list[_Family],
    teachers: Iterator[Mapping[str, Value]],
    *,
    sibling: bool,
) -> _Family:
    """Return the family of the next pupil: sometimes one that has a child here already."""
    open_ones = [family for family in families if family.parents and family.children == 1]
    if open_ones and (sibling or maker.dice.random() < _SIBLING):
        household = open_ones[0] if sibling else maker.dice.choice(open_ones)
        household.children += 1
        return household
    teacher = next(teachers, None)
    name = _FAMILIES[len(families) % len(_FAMILIES)]
    household = _Family(name, _parents(maker, name, teacher), children=1)
    families.append(household)
    return household


def _parents(
    maker: _Maker, family: str, teacher: Mapping[str, Value] | None
) -> list[Mapping[str, Value]]:
    if teacher is not None:
        shared = ("family_name", "given_name", "middle_name", "email", "phone")
        parent = {name: teacher[name] for name in shared}
        return [parent | {"relation": _relation(parent)}]
    roll = maker.dice.random()
    if roll < _NO_PARENT:
        return []
    mother = maker.human(family, female=True) | {"relation": "мать"}
    if roll < _NO_PARENT + _ONE_PARENT:
        return [mother]
    return [mother, maker.human(family, female=False) | {"relation": "отец"}]


def _relation(parent: Mapping[str, Value]) -> str:
    return "мать" if str(parent["middle_name"]).endswith("на") else "отец"


def _birthday(maker: _Maker, class_name: str) -> date | None:
    if maker.dice.random() < _NO_BIRTHDAY:
        return None
    digits = "".join(char for char in class_name[:2] if char.isdigit())
    born = maker.year - _FIRST_GRADE_AGE - int(digits or 1) + 1
    return date(born, 1, 1) + timedelta(days=maker.dice.randrange(365))


def _feminine(family: str) -> str:
    """Return the feminine form of a name, both halves of a double one."""
    halves = family.split("-")
    return "-".join(f"{half[:-2]}ая" if half.endswith("ой") else f"{half}а" for half in halves)
