"""The page of an invite link in front of a real homeserver: scenarios 01 to 03 in a browser."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest
import pytest_asyncio
from aiohttp import CookieJar
from aiohttp.test_utils import TestServer
from yarl import URL

from sferum_bridge.store import accounts
from tests.support.bridge import BridgedSchool
from tests.support.browser import Browser
from tests.support.scenario import Town
from tests.support.sign_on import CAS, OPENID, SignOn

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.support.browser import Page
    from tests.support.scenario import Who

pytestmark = pytest.mark.asyncio(loop_scope="session")

SHOW, CONFIRM = "Показать данные ребёнка", "Подтвердить"


@dataclass
class Place:
    """A settled school with single sign-on, and the address of its page."""

    town: Town
    sign_on: SignOn

    @property
    def url(self) -> str:
        return self.town.bridged.config.school.public_url

    def browser(self) -> Browser:
        """Open a private window."""
        # As browsers do on this machine itself: Synapse's sign-on asks for TLS.
        secure = URL(self.town.bridged.config.homeserver.address)
        jar = CookieJar(unsafe=True, treat_as_secure_origin=secure)
        return Browser(self.url, jar, **{"Accept-Language": "ru"})

    async def signed_in(self, browser: Browser, code: str, who: Who) -> Page:
        """Sign somebody in with their password."""
        page = await browser.open(f"/i/{code}")
        localpart = who.mxid.removeprefix("@").partition(":")[0]
        return await browser.submit(page, "Войти", user=localpart, password=who.password)


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def place(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Place]:
    """Give a school of two small classes."""
    sign_on = SignOn()
    async with AsyncExitStack() as stack, TestServer(sign_on.application()) as server:
        sign_on.url = str(server.make_url("")).rstrip("/")
        folder = tmp_path_factory.mktemp("school")
        school = await BridgedSchool.start(folder, pupils=1, **sign_on.settings())
        stack.push_async_callback(school.stop)
        yield Place(await Town.open(school, stack), sign_on)


async def code_of(child: Who) -> str:
    return next(r for r in await child.say("пригласить") if "-" in r.body).code


async def test_01_on_the_page(place: Place) -> None:
    town = place.town
    child = await town.pupil("Алёна", "Елкина-Сказочная")
    mother = await town.guardian(child, "Ольга", "Ёлкина-Сказочная")
    code = await code_of(child)
    _, before = await mother.client.call("GET", "devices")
    async with place.browser() as browser:
        page = await place.signed_in(browser, code, mother)
        assert mother.mxid in page.text
        assert "Алёна" not in page.text
        page = await browser.submit(page, SHOW)
        for fact in ("Алёна Елкина-Сказочная", "5А", "Школа № 0"):
            assert fact in page.text
        page = await browser.submit(page, "Отправить исправление", family="Ёлкина-Сказочная")
        assert "Ёлкина-Сказочная" in page.text
        assert await child.links() == [], "nothing is changed yet"
        page = await browser.submit(page, CONFIRM)
        assert "Готово, спасибо" in page.text
    await mother.gets_into("parents", "5А")
    await mother.gets_into("materials", "5А")
    assert not await mother.is_in("pupils", "5А")
    await child.hears("Ольга Ёлкина-Сказочная")
    async with town.db.read() as tx:
        person = await accounts.person(tx, child.person_id)
    assert person is not None
    assert person.family_name == "Ёлкина-Сказочная"
    # In the chat and on the page she is the same: the bot knows there what was done here.
    assert "Алёна Ёлкина-Сказочная" in (await mother.ask("мои дети")).body
    steps = [a for a in await town.actions_about(child.person_id) if a != "roster.apply"]
    assert steps[:2] == ["invite.issue", "invite.open"]
    assert "parent.active" in steps
    _, after = await mother.client.call("GET", "devices")
    assert after == before, "the bridge kept no session of hers"


async def test_02_scanners_and_previews(place: Place) -> None:
    child = await place.town.pupil("Вера", "Самоварова")
    mother = await place.town.guardian(child, "Нина", "Самоварова")
    code = await code_of(child)
    for _ in range(20):
        for method in ("GET", "HEAD"):
            async with place.browser() as scanner:
                page = await scanner.open(f"/i/{code}", method)
            for name in ("Вера", "Самоварова", "5А", "Школа № 0"):
                assert name not in page.html
    assert "invite.open" not in await place.town.actions_about(child.person_id)
    async with place.browser() as browser:
        page = await browser.submit(await place.signed_in(browser, code, mother), SHOW)
        assert "Готово, спасибо" in (await browser.submit(page, CONFIRM)).text


@pytest.mark.parametrize("remedy", ["another browser or a private window", "the child signs out"])
async def test_03_opened_in_the_childs_session(place: Place, remedy: str) -> None:
    child = await place.town.pupil("Лев", "Баранкин")
    mother = await place.town.guardian(child, "Анна", "Баранкина")
    code = await code_of(child)
    async with place.browser() as family, place.browser() as another:
        page = await family.submit(await place.signed_in(family, code, child), SHOW)
        for words in ("другом устройстве", "инкогнито", "выйти из своей учётной записи"):
            assert words in page.text
        assert await child.links() == []
        hers = another
        if remedy == "the child signs out":
            await family.submit(page, "Войти под другой учётной записью")
            hers = family
        page = await hers.submit(await place.signed_in(hers, code, mother), SHOW)
        assert "Готово, спасибо" in (await hers.submit(page, CONFIRM)).text
    [link] = await child.links()
    assert link.parent_id == mother.person_id
    assert "invite.refused" in await place.town.actions_about(child.person_id)


async def test_a_wrong_password(place: Place) -> None:
    child = await place.town.pupil("Мира", "Кометина")
    code = await code_of(child)
    async with place.browser() as browser:
        for user, password in (("nobody-here", "x"), (child.mxid, "x")):
            page = await browser.open(f"/i/{code}")
            page = await browser.submit(page, "Войти", user=user, password=password)
            assert page.status == 403
            assert "не подходят" in page.text


@pytest.mark.parametrize("provider", [CAS, OPENID])
async def test_single_sign_on(place: Place, provider: str) -> None:
    child = await place.town.pupil("Глеб", "Фонариков")
    father = await place.town.guardian(child, "Илья", "Фонариков")
    code = await code_of(child)
    place.sign_on.localpart = father.mxid.removeprefix("@").partition(":")[0]
    _, before = await father.client.call("GET", "devices")
    async with place.browser() as browser:
        page = await browser.open(f"/i/{code}")
        away = page.links[f"Войти через {provider}"]
        assert "/login/sso/redirect/" in away
        assert code not in away
        asked = await browser.open(away)
        # The homeserver asks whether to go on to an address it was not told to trust.
        [back] = [link for link in asked.links.values() if "/i/back" in link]
        page = await browser.open(back)
        assert father.mxid in page.text
        assert "loginToken" not in page.url
        page = await browser.submit(page, SHOW)
        assert "Готово, спасибо" in (await browser.submit(page, CONFIRM)).text
        # The token was good once, and only where it was asked for.
        async with place.browser() as other:
            assert (await other.open(back)).status == 403
    await father.gets_into("parents", "5А")
    _, after = await father.client.call("GET", "devices")
    assert after == before


async def test_a_restart_signs_nobody_out(place: Place) -> None:
    child = await place.town.pupil("Софья", "Парусова")
    mother = await place.town.guardian(child, "Дарья", "Парусова")
    code = await code_of(child)
    async with place.browser() as browser:
        page = await browser.submit(await place.signed_in(browser, code, mother), SHOW)
        await place.town.bridged.kill_bridge()
        await place.town.bridged.start_bridge()
        await place.town.bridged.settled()
        assert "Готово, спасибо" in (await browser.submit(page, CONFIRM)).text
    assert len(await child.links()) == 1


async def test_nothing_of_all_this_is_logged(place: Place) -> None:
    child = await place.town.pupil("Таисия", "Якорькова")
    mother = await place.town.guardian(child, "Зоя", "Якорькова")
    code = await code_of(child)
    async with place.browser() as browser:
        page = await browser.submit(await place.signed_in(browser, code, mother), SHOW)
        await browser.submit(page, CONFIRM)
        await browser.send(f"/i/{code}/say", {"offer": code})
    port = place.town.bridged.config.appservice.port
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(f"GET /i/{code} HTTP/9.9\r\n\r\n".encode())
    assert b" 400 " in await reader.readline()
    writer.close()
    await writer.wait_closed()
    logged = place.town.bridged.log()
    assert "BadStatusLine" in logged
    for secret in (code, "Таисия", "Якорькова", mother.password, mother.mxid):
        assert secret not in logged
