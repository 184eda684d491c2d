"""Pages of login slips in a real browser: nothing cut off or torn, letters told apart, no network.

Screenshots stay in the folder SFERUM_SCREENSHOTS, `screenshots` beside the tests' if it is not set.
"""

from __future__ import annotations

import os
import shutil
from datetime import date
from pathlib import Path

import pytest
from playwright.async_api import async_playwright

from sferum_bridge import config as settings
from sferum_bridge.bot.texts import Texts
from sferum_bridge.cli.login_slips import Card, Kind, Page, Printer, pages_of
from sferum_bridge.matrix.issuing import Issued
from sferum_bridge.school.people import (
    ALWAYS,
    Appointment,
    Enrolment,
    ExpectedParent,
    Person,
    Post,
    School,
    SchoolClass,
    Term,
)
from sferum_bridge.store.first_passwords import FirstPassword
from sferum_bridge.store.schools import SchoolRecord

CHROMIUM = shutil.which("chromium")
FOLDER = Path(os.environ.get("SFERUM_SCREENSHOTS") or Path(__file__).parents[2] / "screenshots")
PASSWORD = "k7mx2q9wabcd"
NAMES = [
    "Ася Выдумкина",
    "Иван Придуманный (2)",
    "Константин Александров-Преображенский",
    *(f"Ученик Небывалов ({number})" for number in range(1, 11)),
]
A4 = (794, 1123)
"""Pixels of a screen, as large as the paper."""


@pytest.mark.skipif(CHROMIUM is None, reason="there is no chromium (Debian: apt install it)")
@pytest.mark.asyncio
@pytest.mark.parametrize("language", ["ru", "en"])
async def test_a_page_of_slips_as_it_is_printed(tmp_path: Path, language: str) -> None:
    page = Page("s", Kind.PUPILS, "5А")
    config = settings.check(
        {"homeserver": {"public_address": "https://matrix.school-0.example"}}, "settings"
    )
    record = SchoolRecord("s", "Школа № 0 города Нигдейска", "Europe/Moscow", language, 0, 0)
    printer = Printer(tmp_path, config, Texts(), {"s": record})
    slips = [
        (
            Card(str(number), name, page),
            Issued(FirstPassword(str(number), "x", f"@abcdefg{number}:s"), PASSWORD),
        )
        for number, name in enumerate(NAMES)
    ]
    path = printer.write(page, slips)
    assert printer.write(page, slips) == path
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        window = await browser.new_page(viewport={"width": A4[0], "height": A4[1]})
        asked: list[str] = []
        window.on("request", lambda request: asked.append(request.url))
        await window.goto(path.as_uri())
        await window.emulate_media(media="print")
        assert await window.locator("article").count() == len(NAMES)
        assert await window.get_by_text(PASSWORD, exact=True).count() == len(NAMES)
        font = "getComputedStyle(document.querySelector('dd code')).fontFamily"
        assert "monospace" in await window.evaluate(font)
        wide = "document.documentElement.scrollWidth > document.documentElement.clientWidth"
        assert not await window.evaluate(wide)
        heights = await window.locator("article").evaluate_all(
            "all => all.map(one => one.getBoundingClientRect().height)"
        )
        # Two rows fit on a sheet, with its margins, at least.
        assert max(heights) * 2 < A4[1] * 0.9
        await window.screenshot(path=FOLDER / f"login-slips-{language}.png", full_page=True)
        pdf = await window.pdf(format="A4")
        await browser.close()
    assert pdf.startswith(b"%PDF")
    assert asked == [path.as_uri()]


def test_everybody_is_on_one_page() -> None:
    day = date(2026, 9, 1)
    people = {id_: Person(id_, "Ф", id_) for id_ in ("pupil", "soon", "both", "parent", "gone")}
    found = pages_of(
        School(
            "s",
            "Школа",
            people,
            {"5": SchoolClass("5", "5А", "2026/2027"), "1": SchoolClass("1", "1А", "2026/2027")},
            enrolments=[
                Enrolment("pupil", "5", ALWAYS),
                Enrolment("soon", "1", Term(since=date(2026, 9, 15))),
                Enrolment("gone", "5", Term(until=date(2026, 6, 1))),
            ],
            appointments=[Appointment("both", Post.TEACHER)],
            expected_parents=[
                ExpectedParent("pupil", "both"),
                ExpectedParent("pupil", "parent"),
                ExpectedParent("soon", "parent"),
            ],
        ),
        day,
    )
    assert found == {
        "pupil": Page("s", Kind.PUPILS, "5А"),
        "soon": Page("s", Kind.PUPILS, "1А"),
        # Who works here is staff, though a parent too; who has two children has one slip.
        "both": Page("s", Kind.STAFF),
        "parent": Page("s", Kind.PARENTS, "1А"),
        "gone": Page("s", Kind.OTHERS),
    }
