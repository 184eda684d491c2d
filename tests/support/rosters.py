"""Small rosters as grids of cells, for tests: a good one, and copies with something changed."""

from __future__ import annotations

from typing import Any, TypeAlias

from sferum_bridge.roster.sheets import Grid

Rows: TypeAlias = list[list[Any]]
"""Rows of cells: text, numbers and dates side by side."""

PUPIL_HEADER: list[Any] = [
    "Ид", "Фамилия*", "Имя*", "Отчество", "Дата рождения", "Класс*", "Эл. почта", "Телефон",
    "Статус", "Дата с", "Дата по",
]  # fmt: skip
PARENT_HEADER: list[Any] = [
    "Ид ребёнка*", "Фамилия*", "Имя*", "Отчество", "Кем приходится", "Эл. почта", "Телефон",
    "Доступ", "Основание",
]  # fmt: skip
STAFF_HEADER: list[Any] = [
    "Ид", "Фамилия*", "Имя*", "Отчество", "Роль*", "Классное руководство", "Преподаёт",
    "Эл. почта", "Телефон", "Дата с", "Дата по",
]  # fmt: skip
CLASS_HEADER: list[Any] = [
    "Класс*", "Учебный год*", "Классный руководитель", "Тип", "Следующий класс",
]  # fmt: skip

GOOD: dict[str, Rows] = {
    "Ученики": [
        PUPIL_HEADER,
        ["01", "Облачкова", "Алёна", "Луновна", "14.03.2014", "5А"],
        ["02", "Лучиков", "Лев", "", "", "5А"],
        ["03", "Ветерков", "Глеб", "", "2013-09-01", "6Б"],
    ],
    "Родители": [
        PARENT_HEADER,
        ["01", "Облачкова", "Ольга", "", "мать", "olga@example.org", "", "", ""],
        ["01", "Облачков", "Денис", "", "отец", "", "", "", ""],
        ["03", "Облачкова", "Ольга", "", "опекун", "OLGA@example.org", "", "", ""],
        ["02", "Громова", "Анна", "", "мать", "anna@example.org", "", "", ""],
    ],
    "Сотрудники": [
        STAFF_HEADER,
        ["С1", "Громова", "Анна", "Петровна", "учитель", "5А", "Алгебра: 5А, 6Б; Музыка: 6Б",
         "anna@example.org"],
        ["С2", "Парусов", "Илья", "", "администратор; учитель", "", ""],
    ],
    "Классы": [
        CLASS_HEADER,
        ["5А", "2026/2027", "", "", "6А"],
        ["6Б", "2026/2027", "Парусов Илья", "класс", ""],
    ],
}  # fmt: skip


def grids(**changed: Rows) -> list[Grid]:
    """Return the good roster with some sheets replaced; an empty one is left out."""
    sheets = {**GOOD, **changed}
    return [Grid(name, rows) for name, rows in sheets.items() if rows]


def with_row(sheet: str, *cells: Any) -> list[Grid]:
    """Return the good roster with one more row at the end of a sheet."""
    return grids(**{sheet: [*GOOD[sheet], list(cells)]})


def last_row(sheet: str) -> int:
    """Return the number of the row that `with_row` adds."""
    return len(GOOD[sheet]) + 1
