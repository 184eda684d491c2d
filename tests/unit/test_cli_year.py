"""`sferum-bridge school year`: shows, does with --yes, takes the school's list, takes it back."""

from __future__ import annotations

import asyncio
import json
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import openpyxl
import pytest
from sqlalchemy import select

from sferum_bridge import config as settings
from sferum_bridge.app import opened_database
from sferum_bridge.cli import year_shown
from sferum_bridge.store import schools, tables
from tests.support import console
from tests.support.bot import SCHOOL, settle
from tests.support.console import bridge
from tests.support.rosters import CLASS_HEADER, PUPIL_HEADER, STAFF_HEADER, Rows

if TYPE_CHECKING:
    from pathlib import Path

folder = console.folder
NEXT = ("--year", "2027/2028")


@pytest.fixture
def here(folder: Path) -> Path:
    """Give an installation with the school of `tests.support.bot`, whose year is 2026/2027."""

    async def make() -> None:
        config = settings.load(folder / "config.yaml")
        async with opened_database(config, folder) as db, db.write() as tx:
            await settle(tx, {})

    asyncio.run(make())
    return folder


def year(here: Path, *words: str, ok: bool = True) -> Any:
    """Run a command with --json; return what it says."""
    result = bridge(here, "school", "year", *words, "--json", ok=ok)
    return json.loads(result.stdout) if ok else result.output


def names(here: Path) -> list[str]:
    async def read() -> list[str]:
        config = settings.load(here / "config.yaml")
        async with opened_database(config, here) as db, db.read() as tx:
            query = select(tables.classes).order_by(tables.classes.c.name)
            rows = await tx.all(query)
        return [f"{row.name} {row.year}{' closed' if row.closed_on else ''}" for row in rows]

    return asyncio.run(read())


def test_it_is_shown_and_done_only_with_yes(here: Path) -> None:
    before = names(here)
    shown = year(here, "preview", *NEXT)
    assert shown["classes"] == [
        {"what": "promoted", "class": "5А", "becomes": "6А"},
        {"what": "graduated", "class": "9Б", "becomes": ""},
    ]
    assert [(one["name"], one["from"], one["to"]) for one in shown["pupils"]] == [
        ("Фома Выдумкин", "9Б", "")
    ]
    assert {one["now"] for one in shown["rooms"] if one["closes"]} == {"9Б"}
    assert year(here, "open", *NEXT)["done"] is False
    assert names(here) == before
    table = bridge(here, "school", "year", "preview", *NEXT, "--lang", "ru").output
    assert "5А → 6А" in table
    assert year(here, "open", *NEXT, "--yes")["done"] is True
    assert names(here) == ["6А 2027/2028", "9Б 2026/2027 closed"]
    # Once is enough.
    assert "2027/2028" in year(here, "open", *NEXT, "--yes", ok=False)
    refused = bridge(here, "roster", "undo", ok=False).output
    assert "school year undo" in refused
    would = year(here, "undo")
    assert SCHOOL in would["said"]
    assert names(here) != before
    assert year(here, "undo", "--yes")["left"] == []
    assert names(here) == before
    assert "undo" in year(here, "undo", "--yes", ok=False)


def test_what_is_unclear_ends_it(here: Path) -> None:
    before = names(here)
    for words in (("5А=6А", "9Б=6А", "=6А"), ("Никто=repeats",), ("что-то",), ("5А=VI",)):
        year(here, "open", *words, *NEXT, "--yes", ok=False)
    assert "is open already" in year(here, "open", "--yes", ok=False)
    year(here, "preview", "--year", "осень", ok=False)
    assert names(here) == before


def test_a_day_to_come_is_planned_and_dropped(here: Path) -> None:
    async def tomorrow() -> str:
        config = settings.load(here / "config.yaml")
        async with opened_database(config, here) as db, db.read() as tx:
            [record] = await schools.records(tx)
            return (record.day(tx.now) + timedelta(days=1)).isoformat()

    before, day = names(here), asyncio.run(tomorrow())
    assert year(here, "open", *NEXT, "--on", day, "--yes")["day"] == day
    assert names(here) == before
    assert year(here, "undo", "--yes")["restored"] == 0
    year(here, "undo", "--yes", ok=False)


def test_the_list_of_the_year_says_what_differs(here: Path) -> None:
    classes: Rows = [
        CLASS_HEADER,
        ["5А", "2026/2027", "", "", "6Б"],
        ["9Б", "2026/2027", "", "", "10А"],
    ]
    pupils: Rows = [
        PUPIL_HEADER,
        ["", "Выдумкина", "Ася", "", "", "5А", "", "", "выбыл"],
        ["", "Выдумкин", "Фома", "", "", "9Б", "", "", "учится"],
    ]
    staff: Rows = [STAFF_HEADER, ["", "Небывалова", "Анна", "", "учитель", "", ""]]
    book = openpyxl.Workbook()
    book.remove(book.worksheets[0])
    for title, rows in (("Ученики", pupils), ("Сотрудники", staff), ("Классы", classes)):
        sheet = book.create_sheet(title)
        for row in rows:
            sheet.append(row)
    book.save(here / "list.xlsx")
    listed = ("--roster", str(here / "list.xlsx"))
    shown = year(here, "preview", *listed, *NEXT)
    assert [(one["class"], one["becomes"]) for one in shown["classes"]] == [
        ("5А", "6Б"),
        ("9Б", "10А"),
    ]
    # What is typed goes before the list.
    shown = year(here, "preview", "9Б=выпуск", *listed, *NEXT)
    assert {one["what"] for one in shown["classes"]} == {"promoted", "graduated"}
    # What the list leaves unclear is named, and nothing is done.
    book["Ученики"].append(["", "Никто", "Никита", "", "", "9Б", "", "", "второй год"])
    book.save(here / "list.xlsx")
    said = year(here, "open", *listed, *NEXT, "--yes", ok=False)
    assert "Никто Никита, 9Б" in said
    assert names(here) == ["5А 2026/2027", "9Б 2026/2027"]
    (here / "broken.xlsx").write_text("не таблица")
    assert "roster check" in year(
        here, "preview", "--roster", str(here / "broken.xlsx"), *NEXT, ok=False
    )


@pytest.mark.parametrize("paused", [True, False])
def test_waiting_ends_where_nothing_moves(
    here: Path, monkeypatch: pytest.MonkeyPatch, *, paused: bool
) -> None:
    async def rest() -> None:
        config = settings.load(here / "config.yaml")
        async with opened_database(config, here) as db, db.write() as tx:
            [record] = await schools.records(tx)
            await schools.pause(tx, record.id, paused=paused)

    asyncio.run(rest())
    monkeypatch.setattr(year_shown, "_SECONDS", 0.01)
    monkeypatch.setattr(year_shown, "_PATIENCE", 0.05)
    said = year(here, "open", *NEXT, "--yes", "--wait", ok=False)
    assert ("rooms resume" if paused else "rooms progress") in said
    assert names(here)[0] == "6А 2027/2028"
