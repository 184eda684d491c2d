"""Signing in on the page of an invite link: who somebody is, guessing, single sign-on, cookies."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import unquote_plus

import pytest
from aiohttp import DummyCookieJar

from sferum_bridge.web.signin import Attempts
from tests.support.bot import BROTHER, MOTHER
from tests.support.pages import NAMES, PASSWORD, PUBLIC, a_stage, dump, without_seals

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.support.pages import Stage

CODE = "AAAA-BBBB-CCCC-DDDD-EEEE-FFFF-GGGG"
SIGN_ON = "Войти через систему входа школы"
SHOW, CONFIRM = "Показать данные ребёнка", "Подтвердить"


@pytest.fixture
async def stage() -> AsyncIterator[Stage]:
    async with a_stage() as made:
        yield made


@pytest.mark.parametrize("user", ["mama", " @mama:school.example ", "MAMA"])
async def test_signing_in(stage: Stage, user: str) -> None:
    code = await stage.world.invite()
    before = await dump(stage)
    async with stage.browser() as browser:
        page = await stage.signed_in(browser, code, user)
        assert page.status == 200
        assert page.url.startswith(f"{stage.url}/i/{code}")
        assert MOTHER in page.text
        for name in NAMES:
            assert name not in page.text, "that comes after asking for it"
    assert stage.logins.open == [], "the session at the homeserver is ended"
    assert await dump(stage) == before


async def test_who_there_is_cannot_be_found_out(stage: Stage) -> None:
    seen = set()
    for user, password in (("mama", "wrong"), ("nobody", PASSWORD), ("mama", ""), ("@:x", "x")):
        async with stage.browser() as browser:
            page = await browser.open(f"/i/{CODE}")
            page = await browser.submit(page, "Войти", user=user, password=password)
            assert 'role="alert"' in page.html
            seen.add((page.status, without_seals(page).replace(user, "…")))
            again = await browser.open(f"/i/{CODE}")
            assert "Вы вошли" not in again.text
    statuses = {status for status, _ in seen}
    assert statuses == {403}
    wrong = [html for _, html in seen if "не подходят" in html]
    assert len(set(wrong)) == 1


async def test_what_was_typed_is_kept_and_is_no_markup(stage: Stage) -> None:
    async with stage.browser() as browser:
        page = await browser.open(f"/i/{CODE}")
        typed = '"><script>x</script>'
        page = await browser.submit(page, "Войти", user=typed, password="topsecret")
    assert "<script" not in page.html
    assert page.form("Войти").fields["user"] == typed
    assert "topsecret" not in page.html


async def test_accounts_of_other_servers_are_sent_to_a_client(stage: Stage) -> None:
    async with stage.browser() as browser:
        page = await browser.open(f"/i/{CODE}")
        page = await browser.submit(page, "Войти", user="@mama:elsewhere.example", password="x")
    assert "school.example" in page.text
    assert "в приложении" in page.text
    assert stage.logins.asked == []


async def test_guessing_ends(stage: Stage) -> None:
    async with stage.browser() as browser:
        page = await browser.open(f"/i/{CODE}")
        for _ in range(10):
            page = await browser.submit(page, "Войти", user="mama", password="guess")
        asked = len(stage.logins.asked)
        page = await browser.submit(page, "Войти", user="MaMa", password=PASSWORD)
        assert page.status == 429
        assert "через 10 минут" in page.text
        assert len(stage.logins.asked) == asked
        # Nobody else in the house is locked out, and she is not for long.
        assert "Вы вошли" in (await stage.signed_in(browser, CODE, BROTHER)).text
    stage.world.now += 10 * 60_000
    async with stage.browser() as browser:
        assert "Вы вошли" in (await stage.signed_in(browser, CODE, MOTHER)).text


async def test_what_fails_counts_for_its_address() -> None:
    async with a_stage(attempts=Attempts(of_address=3)) as stage:
        stage.logins.flows += [{"type": "m.login.sso"}, {"type": "m.login.token"}]
        stage.logins.tokens = {"good": MOTHER}
        async with stage.browser(**{"X-Forwarded-For": "198.51.100.7"}) as guesser:
            page = await guesser.open(f"/i/{CODE}")
            back = unquote_plus(page.links[SIGN_ON].partition("?redirectUrl=")[2])
            await guesser.submit(page, "Войти", user="mama", password="guess")
            await guesser.submit(page, "Войти", user="foma", password="guess")
            assert (await guesser.open(f"{back}&loginToken=guess")).status == 403
            assert (await guesser.open(f"{back}&loginToken=good")).status == 429
            page = await guesser.submit(page, "Войти", user="mama", password=PASSWORD)
            assert page.status == 429
        async with stage.browser(**{"X-Forwarded-For": "198.51.100.8"}) as other:
            assert "Вы вошли" in (await stage.signed_in(other, CODE, MOTHER)).text


async def test_the_homeservers_own_limit_is_told(stage: Stage) -> None:
    async with stage.browser() as browser:
        page = await browser.open(f"/i/{CODE}")
        stage.logins.answer = (429, {"errcode": "M_LIMIT_EXCEEDED", "retry_after_ms": 200_000})
        page = await browser.submit(page, "Войти", user="mama", password=PASSWORD)
        assert page.status == 429
        assert "через 4 минуты" in page.text
        stage.logins.answer = (500, ["odd"])
        page = await browser.submit(page, "Войти", user="mama", password=PASSWORD)
        assert page.status == 503


async def test_the_homeserver_learns_for_whom_we_ask(stage: Stage) -> None:
    headers = {"X-Forwarded-For": "203.0.113.9, 198.51.100.7"}
    async with stage.browser(**headers) as browser:
        await stage.signed_in(browser, CODE, MOTHER)
    assert stage.logins.asked[-1][1] == "198.51.100.7"


async def test_single_sign_on(stage: Stage) -> None:
    code = await stage.world.invite()
    providers = [{"id": "cas", "name": "Вход <школы>"}, {"id": "odd"}, 5]
    stage.logins.flows = [
        {"type": "m.login.sso", "identity_providers": providers},
        {"type": "m.login.token"},
    ]
    stage.logins.tokens = {"one": MOTHER, "two": MOTHER, "three": MOTHER}
    async with stage.browser() as browser, stage.browser() as thief:
        page = await browser.open(f"/i/{code}")
        assert page.forms == [], "the homeserver takes no passwords"
        away = page.links["Войти через Вход <школы>"].partition("?redirectUrl=")
        assert away[0] == f"{PUBLIC}/_matrix/client/v3/login/sso/redirect/cas"
        assert code not in away[2]
        back = unquote_plus(away[2])
        # In another browser it signs nobody in, whose ever the token is (login CSRF).
        await thief.open(f"/i/{code}")
        lost = await thief.open(f"{back}&loginToken=one")
        assert lost.status == 403
        assert code not in lost.html
        assert "не хватает части кода" not in lost.text
        assert "Вы вошли" not in (await thief.open(f"/i/{code}")).text
        page = await browser.open(f"{back}&loginToken=one")
        assert page.url == f"{stage.url}/i/{code}?lang=ru", "no token is left in the address"
        assert MOTHER in page.text
        # The visit that went there is over, so coming back twice does nothing.
        assert (await browser.open(f"{back}&loginToken=two")).status == 403
        page = await browser.submit(page, SHOW)
        assert "Ася Выдумкина" in page.text
    assert stage.logins.open == []


async def test_single_sign_on_too_late_or_with_a_bad_token(stage: Stage) -> None:
    stage.logins.flows += [{"type": "m.login.sso"}, {"type": "m.login.token"}]
    async with stage.browser() as browser:
        page = await browser.open(f"/i/{CODE}")
        assert "Войти" in page.labels, "with a password, too"
        link = page.links[SIGN_ON]
        back = unquote_plus(link.partition("?redirectUrl=")[2])
        for token in ("", "&loginToken=", "&loginToken=never", f"&loginToken={'x' * 3000}"):
            page = await browser.open(back + token)
            assert page.status == 403
            assert "Вход не завершён" in page.text
        stage.world.now += 11 * 60_000
        stage.logins.tokens = {"late": MOTHER}
        late = await browser.open(f"{back}&loginToken=late")
        assert late.status == 403
        assert "Вход не завершён" in late.text
        # It is the browser that went there, so it may go on where it was.
        assert "Войти" in late.labels
        assert CODE in late.text
    assert stage.logins.tokens == {"late": MOTHER}


async def test_signing_out(stage: Stage) -> None:
    code = await stage.world.invite()
    async with stage.browser() as browser:
        page = await stage.shown(browser, code, MOTHER)
        stale = page
        page = await browser.submit(page, "Выйти")
        assert "Вы вошли" not in page.text
        assert "Войти" in page.labels
        page = await browser.submit(stale, CONFIRM)
        assert page.status == 403
    assert await stage.world.links() == []


@pytest.mark.parametrize("statuses", [[500, 502], [401]])
async def test_the_session_at_the_homeserver_is_ended_for_certain(
    stage: Stage, statuses: list[int], caplog: pytest.LogCaptureFixture
) -> None:
    # 401: the same person's other window has the same device, and ended it.
    stage.logins.sign_outs = list(statuses)
    async with stage.browser() as browser:
        assert "Вы вошли" in (await stage.signed_in(browser, CODE, MOTHER)).text
    assert stage.logins.sign_outs == []
    assert len(stage.logins.open) == statuses.count(401)
    assert "could not be signed out" not in caplog.text


async def test_a_session_left_behind_is_told_and_taken_over(
    stage: Stage, caplog: pytest.LogCaptureFixture
) -> None:
    stage.logins.sign_outs = [502, 502, 502]
    async with stage.browser() as browser:
        assert "Вы вошли" in (await stage.signed_in(browser, CODE, MOTHER)).text
    assert "could not be signed out" in caplog.text
    assert MOTHER not in caplog.text
    async with stage.browser() as browser:
        await stage.signed_in(browser, CODE, MOTHER)
    devices = {body["device_id"] for body, _ in stage.logins.asked}
    assert len(devices) == 1, "Synapse ends what a device had before"


async def test_without_cookies(stage: Stage) -> None:
    stage.logins.flows += [{"type": "m.login.sso"}, {"type": "m.login.token"}]
    stage.logins.tokens = {"one": MOTHER}
    async with stage.browser(DummyCookieJar()) as browser:
        page = await browser.open(f"/i/{CODE}")
        assert CODE in page.text, "reading needs none"
        back = unquote_plus(page.links[SIGN_ON].partition("?redirectUrl=")[2])
        page = await browser.submit(page, "Войти", user="mama", password=PASSWORD)
        assert page.status == 403
        assert "не сохраняет файлы cookie" in page.text
        page = await browser.open(f"{back}&loginToken=one")
        assert page.status == 403
        assert "разрешите файлы cookie" in page.text
    assert stage.logins.asked == []
