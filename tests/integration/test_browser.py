"""The invite page in a real browser: seen, walked through, and asked whether everybody can use it.

Screenshots stay in the folder SFERUM_SCREENSHOTS, `screenshots` beside the tests' if it is not set.
They are made with scripts off; only the accessibility check needs them on.
"""

from __future__ import annotations

import os
import shutil
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import urlsplit

import pytest
import pytest_asyncio
from axe_playwright_python.async_playwright import Axe
from playwright.async_api import async_playwright, expect

from tests.support.bot import DAY, MOTHER, PUPIL, STRANGER
from tests.support.pages import PASSWORD, a_stage

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from playwright.async_api import Browser, Page

    from tests.support.pages import Stage

CHROMIUM = shutil.which("chromium")

pytestmark = [
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.skipif(CHROMIUM is None, reason="there is no chromium (Debian: apt install it)"),
]

FOLDER = Path(os.environ.get("SFERUM_SCREENSHOTS") or Path(__file__).parents[2] / "screenshots")
PHONE, SMALL, DESKTOP = (390, 844), (320, 568), (1280, 800)
SCREENS = 15
"""So many states of the page `walk` goes through."""


class Words(NamedTuple):
    """What is read on the page, in one language."""

    user: str
    password: str
    sign_in: str
    show: str
    correct: str
    family: str
    send: str
    confirm: str
    sign_out: str
    other: str
    qr: str
    rooms: str


WORDS = {
    "ru": Words(
        "Имя пользователя",
        "Пароль",
        "Войти",
        "Показать данные ребёнка",
        "Исправить данные",
        "Фамилия",
        "Отправить исправление",
        "Подтвердить: это мой ребёнок",
        "Выйти",
        "Войти под другой учётной записью",
        "Открыть эту страницу на телефоне (QR-код)",
        "Чаты школы",
    ),
    "en": Words(
        "User name",
        "Password",
        "Sign in",
        "Show the child’s data",
        "Correct the data",
        "Family name",
        "Send the correction",
        "Confirm: this is my child",
        "Sign out",
        "Sign in with another account",
        "Open this page on a phone (QR code)",
        "The school’s chats",
    ),
}
RU = WORDS["ru"]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def chromium() -> AsyncIterator[Browser]:
    """Give Debian's Chromium."""
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        await browser.close()


@pytest_asyncio.fixture(loop_scope="module")
async def stage() -> AsyncIterator[Stage]:
    """Give a school whose homeserver, on a site of its own, offers both ways to sign in."""
    async with a_stage(elsewhere=True) as made:
        sso = {
            "type": "m.login.sso",
            "identity_providers": [{"id": "cas", "name": "Школьный вход"}],
        }
        made.logins.flows += [sso, {"type": "m.login.token"}]
        yield made


@asynccontextmanager
async def window(
    chromium: Browser,
    stage: Stage,
    language: str = "ru",
    size: tuple[int, int] = PHONE,
    *,
    goes_to: frozenset[str] = frozenset(),
    **more: Any,
) -> AsyncIterator[Page]:
    """Open a private window; it must ask no host but these, and nothing may be forbidden to it."""
    context = await chromium.new_context(
        locale={"ru": "ru-RU", "en": "en-GB"}[language],
        viewport={"width": size[0], "height": size[1]},
        **more,
    )
    page = await context.new_page()
    asked: set[str] = set()
    said: list[str] = []
    page.on("request", lambda request: asked.add(urlsplit(request.url).netloc))
    page.on("console", lambda message: said.append(message.text))
    yield page
    await context.close()
    assert asked - {""} == {urlsplit(stage.url).netloc} | goes_to
    assert [text for text in said if "Content Security Policy" in text] == []


async def walk(
    page: Page, stage: Stage, language: str, see: Callable[[str], Awaitable[None]]
) -> None:
    """Go through every state of the page; `see` looks at each, by its name."""
    code = await stage.world.invite()
    await _walk_in(page, stage, WORDS[language], code, see)
    await _walk_on(page, stage, WORDS[language], code, see)


async def _walk_in(
    page: Page, stage: Stage, words: Words, code: str, see: Callable[[str], Awaitable[None]]
) -> None:
    await page.goto(f"{stage.url}/i/{code[:9]}")
    await see("half-a-code")
    await page.goto(f"{stage.url}/i/{code}")
    await see("invite")
    await page.get_by_text(words.qr).click()
    await see("invite-qr")

    await enter(page, words, PUPIL, "guess")
    await expect(page.get_by_role("alert")).to_be_visible()
    await see("wrong-password")
    stage.logins.answer = (429, {"errcode": "M_LIMIT_EXCEEDED", "retry_after_ms": 100_000})
    await enter(page, words, PUPIL)
    await see("too-many-tries")
    stage.logins.answer = None
    await enter(page, words, PUPIL)
    await page.get_by_role("button", name=words.show).click()
    await see("child-in-own-session")
    await page.get_by_role("button", name=words.other).click()


async def _walk_on(
    page: Page, stage: Stage, words: Words, code: str, see: Callable[[str], Awaitable[None]]
) -> None:
    await enter(page, words, MOTHER)
    await expect(page.get_by_role("button", name=words.show)).to_be_visible()
    await see("signed-in")
    await page.get_by_role("button", name=words.show).click()
    await expect(page.get_by_text("Ася Выдумкина")).to_be_visible()
    await see("question")
    await page.get_by_text(words.correct, exact=True).click()
    await see("question-correcting")
    await page.get_by_label(words.family).fill("Выдумкина-Небылицына")
    await page.get_by_role("button", name=words.send).click()
    await see("correction-noted")
    await page.get_by_role("button", name=words.confirm).click()
    await expect(page.get_by_text(words.rooms)).to_be_visible()
    await see("confirmed")

    await page.goto(f"{stage.url}/i/{code}")
    await page.get_by_role("button", name=words.show).click()
    await see("confirmed-before")
    await page.get_by_role("button", name=words.sign_out).click()
    await enter(page, words, STRANGER)
    stage.world.now += 8 * DAY
    await page.get_by_role("button", name=words.show).click()
    await see("sign-in-ended")
    await enter(page, words, STRANGER)
    await page.get_by_role("button", name=words.show).click()
    await see("expired")
    await page.get_by_role("button", name=words.sign_out).click()

    stage.logins.answer = (502, {})
    stage.world.now += 3_600_000
    await page.goto(f"{stage.url}/i/{code}")
    await see("homeserver-away")


async def enter(page: Page, words: Words, mxid: str, password: str = PASSWORD) -> None:
    """Sign somebody in by hand."""
    await page.get_by_label(words.user).fill(mxid)
    await page.get_by_label(words.password).fill(password)
    await page.get_by_role("button", name=words.sign_in, exact=True).click()


async def shown(page: Page, stage: Stage, code: str, mxid: str) -> None:
    """Sign somebody in and ask for the child's data."""
    await page.goto(f"{stage.url}/i/{code}")
    await enter(page, RU, mxid)
    await page.get_by_role("button", name=RU.show).click()


async def fits(page: Page, size: tuple[int, int]) -> bool:
    """Tell whether nothing has to be scrolled sideways."""
    return int(await page.evaluate("document.documentElement.scrollWidth")) <= size[0]


# --- seen -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("size", "scheme"), [(PHONE, "light"), (PHONE, "dark"), (DESKTOP, "light")]
)
@pytest.mark.parametrize("language", list(WORDS))
async def test_seen_without_scripts(
    chromium: Browser, stage: Stage, language: str, size: tuple[int, int], scheme: Any
) -> None:
    device = "phone" if size == PHONE else "desktop"
    folder = FOLDER / language / f"{device}-{scheme}"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    options = {"java_script_enabled": False, "color_scheme": scheme}
    async with window(chromium, stage, language, size, **options) as page:

        async def see(name: str) -> None:
            await page.screenshot(path=folder / f"{name}.png", full_page=True)
            assert await fits(page, size), f"{name} has to be scrolled sideways"

        await walk(page, stage, language, see)
    assert len(await stage.world.links()) == 1
    assert len(list(folder.glob("*.png"))) == SCREENS


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("language", list(WORDS))
async def test_everybody_can_use_it(
    chromium: Browser, stage: Stage, language: str, scheme: Any
) -> None:
    found: dict[str, Any] = {}
    looked: list[str] = []
    # The checker is a script, which the page's own policy would not let in.
    options = {"bypass_csp": True, "color_scheme": scheme}
    async with window(chromium, stage, language, PHONE, **options) as page:

        async def see(name: str) -> None:
            results = await Axe().run(page)
            assert results.response["passes"], "the checker found nothing to look at"
            looked.append(name)
            for violation in results.response["violations"]:
                if violation["impact"] in {"serious", "critical"}:
                    nodes = [node["html"] for node in violation["nodes"]]
                    found[f"{name}: {violation['id']}"] = nodes

        await walk(page, stage, language, see)
    assert found == {}
    assert len(looked) == SCREENS


async def test_long_words_on_the_smallest_screen(chromium: Browser, stage: Stage) -> None:
    # 320 pixels are also what is left of an ordinary window enlarged four times (WCAG 1.4.10).
    name = "Государственноеавтоматизированноеучреждениевхода"
    stage.logins.flows[1]["identity_providers"][0]["name"] = name
    long = f"@{'a' * 60}:school.example"
    stage.logins.known.add(long)
    code = await stage.world.invite()
    async with window(chromium, stage, size=SMALL, java_script_enabled=False) as page:
        await page.goto(f"{stage.url}/i/{code}")
        assert await fits(page, SMALL)
        await shown(page, stage, code, long)
        await page.get_by_text(RU.correct, exact=True).click()
        await page.get_by_label(RU.family).fill("Ы" + "ы" * 59)
        await page.get_by_role("button", name=RU.send).click()
        await expect(page.get_by_text("Ыыыыыыыыы")).to_be_visible()
        await page.screenshot(path=FOLDER / "smallest.png", full_page=True)
        assert await fits(page, SMALL)


# --- used -----------------------------------------------------------------------------------


async def test_the_policy_of_the_page_holds_in_a_browser(chromium: Browser, stage: Stage) -> None:
    code = await stage.world.invite()
    async with await chromium.new_page() as page:
        await page.goto(f"{stage.url}/i/{code}")
        round_corners = await page.evaluate(
            "getComputedStyle(document.querySelector('button')).borderRadius"
        )
        assert round_corners != "0px", "the style is let in"
        await page.evaluate(
            "document.body.append(Object.assign(document.createElement('script'),"
            "{textContent: 'document.title = 1'}))"
        )
        assert await page.title() != "1", "a script is not"


async def test_keyboard_alone_is_enough(chromium: Browser, stage: Stage) -> None:
    code = await stage.world.invite()
    async with window(chromium, stage, java_script_enabled=False) as page:

        async def tab_to(words: str) -> None:
            """Press Tab until it is reached; where one is, can always be seen."""
            for _ in range(12):
                await page.keyboard.press("Tab")
                reached, outline = await page.evaluate(
                    "(e => [e.innerText || e.id, getComputedStyle(e).outlineStyle])"
                    "(document.activeElement)"
                )
                assert outline == "solid", reached
                if words in reached:
                    return
            pytest.fail(f"Tab does not lead to {words}")

        await page.goto(f"{stage.url}/i/{code}")
        await tab_to("English")
        await tab_to("Школьный вход")
        await tab_to("user")
        await page.keyboard.type("mama")
        await tab_to("password")
        await page.keyboard.type(PASSWORD)
        await page.keyboard.press("Enter")
        await expect(page.get_by_role("button", name=RU.show)).to_be_visible()
        await tab_to(RU.show)
        await page.keyboard.press("Enter")
        await expect(page.get_by_text("Ася Выдумкина")).to_be_visible()
        await tab_to(RU.correct)
        await page.keyboard.press("Enter")
        await tab_to("family")
        await page.keyboard.type("Небылицына")
        await page.keyboard.press("Enter")
        await expect(page.get_by_text("Небылицына")).to_be_visible()
        await tab_to(RU.confirm)
        await page.keyboard.press("Enter")
        await expect(page.get_by_text("Готово, спасибо")).to_be_visible()


async def test_pressed_twice_in_a_hurry(chromium: Browser, stage: Stage) -> None:
    code = await stage.world.invite()
    async with window(chromium, stage) as page:
        await shown(page, stage, code, MOTHER)
        await page.get_by_role("button", name=RU.confirm).dblclick()
        await expect(page.get_by_text(RU.rooms)).to_be_visible()
    assert len(await stage.world.links()) == 1
    assert len([said for said in await stage.world.heard() if said.to == PUPIL]) == 1


async def test_going_back_after_signing_out_shows_nobodys_child(
    chromium: Browser, stage: Stage
) -> None:
    code = await stage.world.invite()
    async with window(chromium, stage) as page:
        await shown(page, stage, code, MOTHER)
        await page.get_by_role("button", name=RU.sign_out).click()
        await expect(page.get_by_label(RU.password)).to_be_visible()
        # What the browser would have to send again it only asks about.
        # After the answer: the page that would answer is left.
        await page.evaluate("void setTimeout(() => history.back())")
        await page.wait_for_timeout(500)
        assert "Ася" not in await page.content()
        await page.goto(f"{stage.url}/i/{code}")
        assert MOTHER not in await page.content()


async def test_opened_anew_the_answer_leads_to_the_page(chromium: Browser, stage: Stage) -> None:
    code = await stage.world.invite()
    async with window(chromium, stage) as page:
        await shown(page, stage, code, MOTHER)
        await page.goto(page.url)
        await expect(page.get_by_role("button", name=RU.show)).to_be_visible()
        assert "/say" not in page.url


async def test_single_sign_on_leads_back_from_another_site(chromium: Browser, stage: Stage) -> None:
    code = await stage.world.invite()
    stage.logins.sits = MOTHER
    async with window(chromium, stage) as first:
        # It has a host of its own in the browser's eyes, so the cookie has to survive the way back.
        await first.goto(f"{stage.url}/i/{code}")
        link = first.get_by_role("link", name="Войти через Школьный вход")
        away = urlsplit(str(await link.get_attribute("href"))).netloc
    async with window(chromium, stage, goes_to=frozenset({away})) as page:
        referrers: list[str] = []
        page.on("request", lambda request: referrers.append(request.headers.get("referer", "")))
        await page.goto(f"{stage.url}/i/{code}")
        await page.get_by_role("link", name="Войти через Школьный вход").click()
        await expect(page.get_by_text(MOTHER)).to_be_visible()
        assert "loginToken" not in page.url
        await page.get_by_role("button", name=RU.show).click()
        await page.get_by_role("button", name=RU.confirm).click()
        await expect(page.get_by_text("Готово, спасибо")).to_be_visible()
        assert set(referrers) == {""}, "no address of the page leaves it"
    assert stage.logins.open == []


@pytest.mark.parametrize("remedy", ["another browser", "a private window", "the child signs out"])
async def test_03_opened_in_the_childs_session(
    chromium: Browser, stage: Stage, remedy: str
) -> None:
    code = await stage.world.invite()
    async with window(chromium, stage) as childs:
        await shown(childs, stage, code, PUPIL)
        said = await childs.get_by_role("status").inner_text()
        for words in ("другом устройстве", "инкогнито", "выйти из своей учётной записи"):
            assert words in said
        if remedy == "the child signs out":
            await childs.get_by_role("button", name=RU.sign_out).click()
            await shown(childs, stage, code, MOTHER)
            await childs.get_by_role("button", name=RU.confirm).click()
            await expect(childs.get_by_text("Готово, спасибо")).to_be_visible()
        else:
            # A browser knows both by the same: nothing in it is from before.
            async with window(chromium, stage) as hers:
                await shown(hers, stage, code, MOTHER)
                await hers.get_by_role("button", name=RU.confirm).click()
                await expect(hers.get_by_text("Готово, спасибо")).to_be_visible()
    assert len(await stage.world.links()) == 1
