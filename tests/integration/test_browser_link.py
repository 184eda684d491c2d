"""A link of a call in a real browser: who may goes on to the meeting, and nothing of it leaks."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest
from axe_playwright_python.async_playwright import Axe
from playwright.async_api import async_playwright, expect

from sferum_bridge.school.calls import Meetings, SetUp
from sferum_bridge.store import calls
from sferum_bridge.store.calls import Network
from tests.support.bot import MOTHER, PUPIL, TEACHER
from tests.support.pages import PASSWORD, a_stage

if TYPE_CHECKING:
    from playwright.async_api import Page, Route

    from tests.support.pages import Stage

CHROMIUM = shutil.which("chromium")

pytestmark = pytest.mark.skipif(
    CHROMIUM is None, reason="there is no chromium (Debian: apt install it)"
)

ROOM, MEET = "!5-pupils", "https://meet.school.example"
OWN = Meetings(SetUp.JITSI, MEET, "school", "an invented secret")


async def sign_in(page: Page, stage: Stage, call: calls.Call, mxid: str) -> None:
    await page.goto(f"{stage.url}/m/{call.id}")
    await page.get_by_label("Имя пользователя").fill(mxid)
    await page.get_by_label("Пароль").fill(PASSWORD)
    await page.get_by_role("button", name="Войти").click()
    await expect(page.get_by_role("button", name="Открыть")).to_be_visible()


async def test_the_browser_goes_on_to_the_meeting_by_itself() -> None:
    there: list[tuple[str, dict[str, str]]] = []
    said: list[str] = []

    async def meet(route: Route) -> None:
        there.append((route.request.url, await route.request.all_headers()))
        await route.fulfill(body="<title>meeting</title>", content_type="text/html")

    async with a_stage(meetings=OWN) as stage, async_playwright() as playwright:
        stage.members.of[ROOM] = {PUPIL}
        ids = stage.world.ids
        async with stage.world.db.write() as tx:
            where = (ids["school"], ROOM, ids[TEACHER])
            call = await calls.start(tx, *where, Network.OWN, "school-1")
        assert call is not None
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        for mxid, is_let_in in ((MOTHER, False), (PUPIL, True)):
            # Scripts are off, as everywhere on our pages.
            context = await browser.new_context(locale="ru-RU", java_script_enabled=False)
            page = await context.new_page()
            page.on("console", lambda message: said.append(message.text))
            await page.route(f"{MEET}/**", meet)
            await sign_in(page, stage, call, mxid)
            await page.get_by_role("button", name="Открыть").click()
            if is_let_in:
                await page.wait_for_url(f"{MEET}/**")
                assert urlsplit(page.url).fragment.startswith("jwt=")
                # Back is the page of the link, with nobody's pass on it.
                await page.go_back()
                assert "jwt" not in await page.content()
            else:
                await expect(page.get_by_role("alert")).to_contain_text("адресована другим людям")
                assert there == []
            assert [text for text in said if "Content Security Policy" in text] == []
            await context.close()
        assert there != []
        for url, headers in there:
            assert urlsplit(url).path == "/school-1"
            assert "referer" not in headers
            assert stage.url not in str(headers)

        context = await browser.new_context(locale="ru-RU", bypass_csp=True)
        page = await context.new_page()
        await sign_in(page, stage, call, MOTHER)
        await page.get_by_role("button", name="Открыть").click()
        found = await Axe().run(page)
        assert found.violations_count == 0, found.generate_report()
        await browser.close()
