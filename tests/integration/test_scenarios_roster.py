"""Scenarios 22 and 23: namesakes, and one name in many spellings, from the file to the chat."""

from __future__ import annotations

import asyncio
import json
import sys
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Any

import openpyxl
import pytest
import pytest_asyncio
from sqlalchemy import select

from sferum_bridge.store import tables
from tests.support.bridge import BridgedSchool, until
from tests.support.rosters import CLASS_HEADER, PUPIL_HEADER, STAFF_HEADER, Rows
from tests.support.scenario import Town, Who

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

pytestmark = pytest.mark.asyncio(loop_scope="session")

CLASSES: Rows = [CLASS_HEADER, ["5А", "2026/2027", "", "", ""], ["7В", "2026/2027", "", "", ""]]
STAFF: Rows = [STAFF_HEADER, ["Н1", "Сказочник", "Лука", "", "учитель", "", ""]]


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def town(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Town]:
    """Give a settled school of two small classes."""
    school = await BridgedSchool.start(tmp_path_factory.mktemp("school"), pupils=1)
    async with AsyncExitStack() as stack:
        stack.push_async_callback(school.stop)
        yield await Town.open(school, stack)


async def roster(town: Town, what: str, pupils: Rows) -> Any:
    """Have the command line check or apply a roster; return what it says."""
    path = town.bridged.folder / "list.xlsx"
    sheets = {"Ученики": [PUPIL_HEADER, *pupils], "Сотрудники": STAFF, "Классы": CLASSES}
    write(path, sheets)
    command = [sys.executable, "-m", "sferum_bridge", "roster", what, str(path), "--json"]
    command += ["--config", str(town.bridged.folder / "config.yaml"), "--school", "Школа № 0"]
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(*command, stdout=pipe, stderr=pipe)
    out, errors = await process.communicate()
    assert process.returncode == 0, out.decode() + errors.decode()
    return json.loads(out)


def write(path: Path, sheets: dict[str, Rows]) -> None:
    book = openpyxl.Workbook()
    book.remove(book.worksheets[0])
    for name, rows in sheets.items():
        sheet = book.create_sheet(name)
        for row in rows:
            sheet.append(row)
    book.save(path)


async def people_called(town: Town, family: str) -> list[tuple[str, str]]:
    """Return id and full name of everybody of a family name."""
    c = tables.people.c
    async with town.db.read() as tx:
        query = select(c.id, c.given_name, c.family_name).where(c.family_name == family)
        return [
            (r.id, f"{r.given_name} {r.family_name}") for r in await tx.all(query.order_by(c.id))
        ]


async def test_22_namesakes(town: Town) -> None:
    twins: Rows = [
        ["И1", "Выдумкин", "Иван", "", "01.02.2014", "5А"],
        ["И2", "Выдумкин", "Иван", "", "03.04.2014", "5А"],
        ["И3", "Выдумкин", "Иван", "", "05.06.2012", "7В"],
    ]
    await roster(town, "apply", twins)
    assert len(await people_called(town, "Выдумкин")) == 3
    # Without ids and birthdays nobody can say who is meant: the rows wait for a decision.
    nameless: Rows = [["", "Выдумкин", "Иван", "", "", "5А"]]
    said = await roster(town, "apply", nameless)
    assert said["plan"]["conflicts"] == 1
    assert said["plan"]["people_to_add"] == 0
    assert len(await people_called(town, "Выдумкин")) == 3
    administrator = await town.administrator()
    found = (await administrator.ask("найти Выдумкин Иван")).body
    for label in ("Иван Выдумкин (1)", "Иван Выдумкин (2)", "7В"):
        assert label in found
    assert "2014" not in found, "a date of birth tells nobody apart"
    # A link is one child's; the parent's dialogue is about that one alone.
    ids = {person_id for person_id, _ in await people_called(town, "Выдумкин")}
    child = await town.account_of(min(ids))
    parent = await town.outsider("Пётр")
    code = (await child.say("пригласить"))[0].code
    await parent.ask(code)
    await parent.ask("подтвердить")
    linked = {p: len((await town.links_of(p))[0]) for p in ids}
    assert linked == {p: int(p == child.person_id) for p in ids}


async def test_23_one_name_in_many_spellings(town: Town) -> None:
    spelled: Rows = [
        ["С1", "ЁЛКИНА-СКАЗОЧНАЯ", "  Алёна ", "", "", "5A"],
        ["С2", "Петров‑Придуманный", "Андреи\u0306", "", "", "5 «а»"],
        ["С3", "Ёжиков", "Лев", "", "", "05А"],
    ]
    # The classes of the list are there, whatever another test left.
    await roster(town, "apply", [["С0", "Первая", "Яна", "", "", "7В"]])
    said = await roster(town, "apply", spelled)
    assert said["plan"]["classes_to_add"] == 0, "5A, 5 «а» and 05А are the class there is"
    again = await roster(town, "check", spelled)
    assert {key: n for key, n in again["plan"].items() if n and key != "missing"} == {}
    [(_, shown)] = await people_called(town, "ЁЛКИНА-СКАЗОЧНАЯ")
    assert shown == "Алёна ЁЛКИНА-СКАЗОЧНАЯ", "the spelling of the file is what is shown"
    [(person_id, shown)] = await people_called(town, "Петров-Придуманный")
    assert shown == "Андрей Петров-Придуманный"
    child = await town.account_of(person_id)
    code = (await child.say("пригласить"))[0].code
    cyrillic = code.lower().translate(str.maketrans("abcehkmptxy", "авсенкмртху"))
    parent = await town.outsider()
    asked = await parent.ask(cyrillic.replace("-", " \n"))
    assert "Андрей" in asked.body

    async def teacher_finds() -> bool:
        teacher: Who = await town.class_teacher("5А")
        return "Алёна" in (await teacher.ask("найти елкина-сказочная 5a")).body

    assert await until(teacher_finds)
