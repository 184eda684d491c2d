"""The «Школьный шаблон» (§4.3): its sheets and columns, one table for reader and template.

A column's `field` is the name of the field of the row (see `rows`) that it fills.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto

from sferum_bridge.school import classes


class Kind(Enum):
    """How the cells of a column are understood (see `values`)."""

    TEXT = auto()
    NAME = auto()
    ID = auto()
    DATE = auto()
    CLASS = auto()
    CLASSES = auto()
    TEACHINGS = auto()
    YEAR = auto()
    EMAIL = auto()
    PHONE = auto()
    STATUS = auto()
    RELATION = auto()
    ACCESS = auto()
    ROLES = auto()
    CLASS_KIND = auto()
    ZONE = auto()
    LANGUAGE = auto()


@dataclass(frozen=True, slots=True)
class Column:
    """One column: what it is called, how it is read, what its header's note says."""

    field: str
    title: str
    kind: Kind
    help: str
    example: str
    required: bool = False


@dataclass(frozen=True, slots=True)
class Sheet:
    """One sheet, or one CSV file of the same name. A `required` one has to be there."""

    name: str
    columns: tuple[Column, ...]
    required: bool = False


_ID = (
    "Номер в учётной системе школы, текст с нулями впереди. Очень желателен: по нему человек "
    "узнаётся при следующей загрузке."
)
_MIDDLE = Column("middle_name", "Отчество", Kind.NAME, "Если есть.", "Лунович")
_EMAIL = Column("email", "Эл. почта", Kind.EMAIL, "Личная, не общая с другими.", "kto@example.org")
_PHONE = Column("phone", "Телефон", Kind.PHONE, "Личный, не общий.", "+7 000 000-00-01")


def _family(example: str) -> Column:
    return Column("family_name", "Фамилия", Kind.NAME, "Как в документах.", example, required=True)


def _given(example: str) -> Column:
    return Column("given_name", "Имя", Kind.NAME, "Как в документах.", example, required=True)


def _terms(what: str) -> tuple[Column, Column]:
    return (
        Column("since", "Дата с", Kind.DATE, f"Первый день: {what}. Пусто: уже.", "01.09.2026"),
        Column("until", "Дата по", Kind.DATE, f"Последний день: {what}. Пусто: без срока.", ""),
    )


PUPILS = Sheet(
    "Ученики",
    (
        Column("external_id", "Ид", Kind.ID, _ID, "0001"),
        _family("Облачков"),
        _given("Лев"),
        _MIDDLE,
        Column("birth_date", "Дата рождения", Kind.DATE, "ДД.ММ.ГГГГ.", "14.03.2014"),
        Column("class_name", "Класс", Kind.CLASS, "Как на листе «Классы».", "5А", required=True),
        _EMAIL,
        _PHONE,
        Column(
            "status",
            "Статус",
            Kind.STATUS,
            "учится (если пусто), выбыл, выпущен или второй год.",
            "учится",
        ),
        *_terms("в классе"),
    ),
    required=True,
)

PARENTS = Sheet(
    "Родители",
    (
        Column("child_id", "Ид ребёнка", Kind.ID, "Ид с листа «Ученики».", "0001", required=True),
        _family("Облачкова"),
        _given("Ольга"),
        _MIDDLE,
        Column(
            "relation",
            "Кем приходится",
            Kind.RELATION,
            "мать, отец, опекун, попечитель или иной.",
            "мать",
        ),
        _EMAIL,
        _PHONE,
        Column("access", "Доступ", Kind.ACCESS, "да (если пусто) или нет.", "да"),
        Column(
            "ground",
            "Основание",
            Kind.TEXT,
            "Обязательно, если доступ «нет»: вид, номер и дата документа.",
            "",
        ),
    ),
)

STAFF = Sheet(
    "Сотрудники",
    (
        Column("external_id", "Ид", Kind.ID, _ID, "С-01"),
        _family("Громова"),
        _given("Анна"),
        _MIDDLE,
        Column(
            "posts",
            "Роль",
            Kind.ROLES,
            "администратор, директор, завуч, методист, учитель или сотрудник; несколько через «;».",
            "учитель",
            required=True,
        ),
        Column("leads", "Классное руководство", Kind.CLASSES, "Классы через «;».", "5А; 7Б"),
        Column(
            "teaches",
            "Преподаёт",
            Kind.TEACHINGS,
            "Предмет: классы через запятую; следующий предмет через «;».",
            "Алгебра: 7А, 7Б; Геометрия: 7А",
        ),
        _EMAIL,
        _PHONE,
        *_terms("в школе"),
    ),
    required=True,
)

CLASSES = Sheet(
    "Классы",
    (
        Column("name", "Класс", Kind.CLASS, "5А, 10-ИТ, 1-3 комплект.", "5А", required=True),
        Column("year", "Учебный год", Kind.YEAR, "Два года через «/».", "2026/2027", required=True),
        Column(
            "leader",
            "Классный руководитель",
            Kind.TEXT,
            "Ид или фамилия, имя и отчество с листа «Сотрудники».",
            "С-01",
        ),
        Column(
            "kind", "Тип", Kind.CLASS_KIND, "класс (если пусто), комплект, группа СПО.", "класс"
        ),
        Column("next_name", "Следующий класс", Kind.CLASS, "Куда класс перейдёт.", "6А"),
    ),
    required=True,
)

SCHOOL = Sheet(
    "Школа",
    (
        Column("name", "Название", Kind.TEXT, "Как видят люди.", "Школа № 7", required=True),
        Column("timezone", "Часовой пояс", Kind.ZONE, "Имя из базы IANA.", "Europe/Moscow"),
        Column("language", "Язык", Kind.LANGUAGE, "ru или en.", "ru"),
    ),
)

SHEETS = (PUPILS, PARENTS, STAFF, CLASSES, SCHOOL)

_PERSONAL = (
    "снилс", "паспорт", "адрес", "прописк", "местожит", "полис", "омс", "здоров", "диагноз",
    "инвалид", "овз", "национальн", "граждан", "инн", "свидетельств", "документ", "личногодела",
    "вероисповед", "медицин", "прививк", "зарплат", "доход", "фото",
    "лицевойсчет", "группакрови", "льгот", "пенси",
)  # fmt: skip


def title_key(title: str) -> str:
    """Return what a header is recognised by: letters and digits only, so «Эл.почта *» is known."""
    return "".join(char for char in classes.key(title) if char.isalnum())


def sheet_named(name: str) -> Sheet | None:
    """Find a sheet of the template by the name of a sheet or the stem of a file."""
    wanted = title_key(name)
    return next((sheet for sheet in SHEETS if title_key(sheet.name) == wanted), None)


def is_personal(title: str) -> bool:
    """Tell whether a foreign column by its title holds what must never be stored (S-15, §4.3)."""
    wanted = title_key(title)
    return any(word in wanted for word in _PERSONAL)


_KNOWN_TITLES = {title_key(column.title) for sheet in SHEETS for column in sheet.columns}

LONGEST_TITLE = 80
"""Characters; what is longer is no header."""


def is_title(cell: str) -> bool:
    """Tell whether a cell is a title of the template."""
    return title_key(cell) in _KNOWN_TITLES
