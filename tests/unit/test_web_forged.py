"""The page of an invite link against whoever forges its forms or cookies, and against its log."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Any

import pytest
from aiohttp import web

from sferum_bridge.store import dialogues
from sferum_bridge.web import pages
from sferum_bridge.web.server_log import ServerLog
from tests.support.bot import MOTHER, STRANGER
from tests.support.pages import LIFE, PASSWORD, a_stage, dump
from tests.support.ports import reserve_port

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.support.pages import Stage

CODE = "AAAA-BBBB-CCCC-DDDD-EEEE-FFFF-GGGG"
SHOW, CONFIRM = "Показать данные ребёнка", "Подтвердить"


@pytest.fixture
async def stage() -> AsyncIterator[Stage]:
    async with a_stage() as made:
        yield made


async def test_forms_of_others_are_refused(stage: Stage) -> None:
    code = await stage.world.invite()
    async with stage.browser() as mother, stage.browser() as attacker:
        page = await stage.shown(mother, code, MOTHER)
        foreign = await stage.shown(attacker, code, STRANGER)
        before = await dump(stage)
        form = page.form(CONFIRM)
        without = {name: value for name, value in form.fields.items() if name != "token"}
        theirs = {"token": foreign.form(CONFIRM).fields["token"]}
        for fields, headers in (
            (without, {}),
            (without | {"token": "x"}, {}),
            (without | {"token": "ё"}, {}),
            (without | theirs, {}),
            (form.fields, {"Sec_Fetch_Site": "cross-site"}),
            (form.fields, {"Sec_Fetch_Site": "same-site"}),
        ):
            answer = await mother.send(form.action, fields, **headers)
            assert answer.status == 403
            assert "Ничего не изменилось" in answer.text
        assert await dump(stage) == before
    assert await stage.world.links() == []


async def test_older_browsers_tell_where_a_form_comes_from(stage: Stage) -> None:
    code = await stage.world.invite()
    async with stage.browser() as browser:
        page = await stage.shown(browser, code, MOTHER)
        form = page.form("Решить позже")
        for origin, status in (
            ("https://evil.example", 403),
            ("null", 200),
            (stage.url, 200),
            ("", 200),
        ):
            headers = {"Origin": origin} if origin else {}
            answer = await browser.open(form.action, "POST", data=form.fields, headers=headers)
            assert answer.status == status, origin


async def test_only_small_forms_are_read(stage: Stage) -> None:
    async with stage.browser() as browser:
        page = await stage.signed_in(browser, CODE, MOTHER)
        form = page.form(SHOW)
        big = form.fields | {"family": "x" * 20_000}
        assert (await browser.send(form.action, big)).status == 403
        for kind, data in (
            ("application/json", b'{"do": "show"}'),
            ("text/plain", b"do=show"),
            ("application/x-www-form-urlencoded", b"\xff\xfe=%ff"),
            ("application/x-www-form-urlencoded; charset=nonsense", b"do=show"),
        ):
            headers = {"Content-Type": kind, "Sec-Fetch-Site": "same-origin"}
            answer = await browser.open(form.action, "POST", data=data, headers=headers)
            assert answer.status == 403, kind


async def test_a_form_that_does_not_end_is_not_waited_for(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pages, "_READ_SECONDS", 0.05)
    host, port = stage.url.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    kind = "Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 100"
    writer.write(f"POST /i/{CODE}/say HTTP/1.1\r\nHost: x\r\n{kind}\r\n\r\ndo=".encode())
    async with asyncio.timeout(10):
        assert b" 403 " in await reader.readline()
    writer.close()
    await writer.wait_closed()


async def test_offers_cannot_be_made_up(stage: Stage) -> None:
    code = await stage.world.invite()
    async with stage.browser() as browser, stage.browser() as other:
        page = await stage.shown(browser, code, MOTHER)
        foreign = await stage.shown(other, code, STRANGER)
        form = page.form(CONFIRM)
        token = form.fields["token"]
        for fields in (
            {"offer": "подтвердить 1"},
            {"offer": token},
            {"offer": foreign.form(CONFIRM).fields["offer"]},
            {"do": "confirm"},
            {"do": ""},
            {},
        ):
            answer = await browser.send(form.action, {"token": token, **fields})
            assert answer.status == 403, fields
        async with stage.world.db.read() as tx:
            asked = await dialogues.dialogue(tx, MOTHER)
        assert asked is not None
    assert await stage.world.links() == []


async def test_a_session_cannot_be_forged_and_ends(stage: Stage) -> None:
    code = await stage.world.invite()
    async with stage.browser() as browser, stage.browser() as thief:
        page = await stage.shown(browser, code, MOTHER)
        [(name, value)] = browser.cookies.items()
        middle = len(value) // 2
        swapped = "A" if value[middle] != "A" else "B"
        for forged in ("", "x", value[:-4], value[:middle] + swapped + value[middle + 1 :]):
            thief.put_cookies({name: forged})
            assert "Вы вошли" not in (await thief.open(f"/i/{code}")).text
        # What is sealed for one use opens nothing as another.
        thief.put_cookies({name: page.form(CONFIRM).fields["offer"]})
        assert "Вы вошли" not in (await thief.open(f"/i/{code}")).text
        stage.world.now += LIFE
        answer = await browser.submit(page, CONFIRM)
        assert answer.status == 403
        assert "Войти" in answer.labels
    assert await stage.world.links() == []


async def test_what_fails_leaks_nothing(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    code = await stage.world.invite()

    async def fail(*_: Any, **__: Any) -> Any:
        raise RuntimeError(f"Ася {code}")

    async with stage.browser() as browser:
        page = await stage.signed_in(browser, code, MOTHER)
        monkeypatch.setattr(stage.world.bot, "converse", fail)
        answer = await browser.submit(page, SHOW)
        assert answer.status == 503
        assert "не ваша ошибка" in answer.text
        assert "Ася" not in answer.text
    assert "RuntimeError" in caplog.text
    assert code not in caplog.text
    assert "Ася" not in caplog.text


async def test_nothing_of_it_is_logged(stage: Stage, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    code = await stage.world.invite()
    async with stage.browser() as browser:
        page = await stage.shown(browser, code, MOTHER)
        await browser.submit(page, CONFIRM)
        await browser.send(f"/i/{code}/say", {"token": "x"})
        await browser.open(f"/i/{code}/nowhere")
    ours = [
        r
        for r in caplog.records
        if r.name.startswith(("sferum_bridge", "aiohttp.web", "aiohttp.server"))
    ]
    logged = "\n".join(record.getMessage() for record in ours)
    for secret in (code, code.lower(), PASSWORD, "Ася", MOTHER):
        assert secret not in logged


async def test_a_request_that_cannot_be_read_is_not_quoted(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)
    runner = web.AppRunner(web.Application(), access_log=None, logger=ServerLog())
    await runner.setup()
    port = reserve_port()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    for request in (
        f"GET /i/{CODE} HTTP/9.9\r\n\r\n",
        f"GET /i/{CODE} HTTP/1.1\r\nHost: x\r\nno header\r\n\r\n",
        f"GET http://[::1/i/{CODE} HTTP/1.1\r\nHost: x\r\n\r\n",
        f"GET /i/{CODE}{'a' * 9000} HTTP/1.1\r\nHost: x\r\n\r\n",
    ):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(request.encode())
        assert b" 400 " in await reader.readline()
        writer.close()
        await writer.wait_closed()
    await runner.cleanup()
    assert "BadStatusLine" in caplog.text
    assert CODE not in caplog.text
