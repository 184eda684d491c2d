"""Lists sent to the bot, and what it says of them, for tests of «импорт»."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

import openpyxl
from sqlalchemy import select

from sferum_bridge.bot.import_reading import _LANE
from sferum_bridge.store import schools, tables
from tests.support.bot import ADMIN
from tests.support.rosters import CLASS_HEADER, PARENT_HEADER, PUPIL_HEADER, STAFF_HEADER, Rows

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sferum_bridge.school.people import School
    from tests.support.bot import Said, World

FILE = "mxc://school.example/list"
# As the world has them: nobody is new by this list.
PUPILS: Rows = [
    PUPIL_HEADER,
    ["1", "Выдумкина", "Ася", "", "", "5А"],
    ["2", "Выдумкин", "Фома", "", "", "9Б"],
]
STAFF: Rows = [
    STAFF_HEADER,
    ["С1", "Небывалова", "Анна", "", "учитель", "5А"],
    ["С2", "Придуманный", "Пётр", "", "администратор", ""],
]
CLASSES: Rows = [CLASS_HEADER, ["5А", "2026/2027"], ["9Б", "2026/2027"]]


def workbook(pupils: Rows = PUPILS, parents: Rows | None = None, staff: Rows = STAFF) -> bytes:
    book = openpyxl.Workbook()
    book.remove(book.worksheets[0])
    sheets = {"Ученики": pupils, "Родители": parents, "Сотрудники": staff, "Классы": CLASSES}
    for name, rows in sheets.items():
        sheet = book.create_sheet(name)
        for row in rows or [PARENT_HEADER]:
            sheet.append(row)
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


async def said(world: World, who: str = ADMIN) -> list[Said]:
    """Have the bot read what it was asked to."""
    return await world.work_off(_LANE + who)


async def send(
    world: World, data: bytes | None, *, who: str = ADMIN, caption: str = "", **info: Any
) -> list[Said]:
    """Send a file and return all that the bot says until it has read it."""
    world.files[FILE] = data
    name = "список.xlsx"
    content: dict[str, Any] = {"msgtype": "m.file", "body": caption or name}
    content |= {"filename": name, "url": FILE}
    content["info"] = {"size": len(data or b""), **info}
    first = await world.send(who, "m.room.message", content)
    return [*first, *await said(world, who)]


async def look(world: World, data: bytes, word: str = "импорт") -> list[Said]:
    await world.write(ADMIN, word)
    return await send(world, data)


async def answer(world: World, text: str) -> list[Said]:
    return [*await world.write(ADMIN, text), *await said(world)]


async def school(world: World) -> School:
    async with world.db.read() as tx:
        return await schools.load(tx, world.ids["school"])


async def rows(world: World) -> dict[str, Sequence[Any]]:
    """Return everything an import changes."""
    watched = (tables.people, tables.classes, tables.assignments, tables.expected_parents)
    async with world.db.read() as tx:
        return {
            table.name: sorted(map(tuple, await tx.all(select(table))), key=repr)
            for table in (*watched, tables.roster_ids, tables.batches)
        }


def bodies(answers: Sequence[Said]) -> str:
    return "\n".join(one.body for one in answers)
