"""The page of an invite link, in front of the bot's world: before the sign-in and after it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from sferum_bridge.bot.texts import LANGUAGES
from sferum_bridge.school import kinship
from sferum_bridge.school.people import LinkState
from tests.support.bot import BOT, BROTHER, DAY, MOTHER, OTHER, PUPIL, SCHOOL, STRANGER
from tests.support.pages import NAMES, PASSWORD, PUBLIC, a_stage, dump, without_seals

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.support.pages import Stage

CODE = "AAAA-BBBB-CCCC-DDDD-EEEE-FFFF-GGGG"
SHOW, CONFIRM, NOT_MINE = "Показать данные ребёнка", "Подтвердить", "Это не мой ребёнок"


@pytest.fixture
async def stage() -> AsyncIterator[Stage]:
    async with a_stage() as made:
        yield made


# --- before the sign-in ---------------------------------------------------------------------


async def test_looking_changes_nothing_and_tells_nothing(stage: Stage) -> None:
    code = await stage.world.invite()
    before = await dump(stage)
    for number in range(20):
        for method in ("GET", "HEAD"):
            async with stage.browser() as scanner:
                page = await scanner.open(f"/i/{code}", method)
            assert page.status == 200, number
            for name in NAMES:
                assert name not in page.html
                assert name not in str(page.headers)
    assert await dump(stage) == before
    assert stage.logins.asked == []


async def test_the_page_is_the_same_for_every_code(stage: Stage) -> None:
    open_ = await stage.world.invite()
    seen = set()
    for code in (open_, CODE, open_.lower(), open_.replace("-", "")):
        async with stage.browser() as browser:
            page = await browser.open(f"/i/{code}")
        qr = page.html.partition('src="')[2].partition('"')[0]
        shown = kinship.read_code(code) or ""
        shown = "-".join(shown[i : i + 4] for i in range(0, 28, 4))
        assert f'<code class="copy">{shown}</code>' in page.html
        seen.add(without_seals(page).replace(shown, "…").replace(qr, "…"))
    assert len(seen) == 1


@pytest.mark.parametrize("said", ["ZZZZ", "%3Cscript%3Ealert(1)%3C%2Fscript%3E", "back%2Fx"])
async def test_half_a_code_is_said_to_be_one(stage: Stage, said: str) -> None:
    async with stage.browser() as browser:
        page = await browser.open(f"/i/{said}")
    assert page.status == 200
    assert "не хватает части кода" in page.text
    assert "<script" not in page.html
    assert page.forms == []


@pytest.mark.parametrize("cut", ["/i", "/i/", "/i/-"])
async def test_a_link_that_lost_its_code(stage: Stage, cut: str) -> None:
    async with stage.browser() as browser:
        page = await browser.open(cut)
    assert page.status == 200
    assert "не хватает части кода" in page.text


@pytest.mark.parametrize("behind", ["/", ".", "%20", "%0A", "%E2%80%8B", "?utm_source=x"])
async def test_what_messengers_put_behind_a_link(stage: Stage, behind: str) -> None:
    async with stage.browser() as browser:
        page = await browser.open(f"/i/{CODE}{behind}")
    assert CODE in page.text
    assert "Войти" in page.labels


@pytest.mark.parametrize("act", ["sign-in", "sign-out", "say"])
async def test_a_form_asked_for_anew_leads_to_the_page(stage: Stage, act: str) -> None:
    # A phone that was asleep opens what it showed last, and that was the answer to a form.
    code = await stage.world.invite()
    async with stage.browser() as browser:
        await stage.shown(browser, code, MOTHER)
        before = await dump(stage)
        page = await browser.open(f"/i/{code}/{act}?lang=en")
        assert page.url == f"{stage.url}/i/{code}?lang=en"
        assert MOTHER in page.text
        assert await dump(stage) == before


@pytest.mark.parametrize("name", ["Host", "X-Forwarded-Host", "Forwarded", "X-Original-URL"])
async def test_what_a_request_says_of_its_host_is_not_believed(stage: Stage, name: str) -> None:
    named = {"Forwarded": "host=evil.example;proto=https"}.get(name, "evil.example")
    async with stage.browser(**{name: named}) as browser:
        page = await browser.open(f"/i/{CODE}")
        assert page.status == 200
        assert "evil.example" not in page.html
        where = await browser.led_to(f"/i/{CODE}/sign-out", page.form("Войти").fields)
    assert where == f"/i/{CODE}?lang=ru"


@pytest.mark.parametrize("code", ["%2F%2Fevil.example", "%5C%5Cevil.example", "https:%2F%2Fevil"])
async def test_the_page_leads_nowhere_else(stage: Stage, code: str) -> None:
    async with stage.browser() as browser:
        page = await browser.open(f"/i/{CODE}")
        action = f"/i/{code}/sign-out?lang=//evil.example"
        where = await browser.led_to(action, page.form("Войти").fields)
    assert where == "/i/-?lang=ru"


async def test_headers(stage: Stage) -> None:
    async with stage.browser() as browser:
        page = await browser.open(f"/i/{CODE}")
    policy = page.headers["Content-Security-Policy"]
    for rule in ("default-src 'none'", "form-action 'self'", "frame-ancestors 'none'"):
        assert rule in policy
    assert "unsafe" not in policy
    assert page.headers["Referrer-Policy"] == "no-referrer"
    assert page.headers["Cache-Control"] == "no-store"
    assert page.headers["X-Frame-Options"] == "DENY"
    assert page.headers["X-Content-Type-Options"] == "nosniff"
    assert "Strict-Transport-Security" not in page.headers
    cookie = page.headers["Set-Cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=Lax" in cookie
    assert "<script" not in page.html


async def test_behind_tls() -> None:
    async with a_stage(public_url="https://school.example") as stage:
        async with stage.browser() as browser:
            page = await browser.open(f"/i/{CODE}")
        cookie = page.headers["Set-Cookie"]
        assert cookie.startswith("__Host-")
        assert "Secure" in cookie
        assert "Path=/" in cookie
        assert "Domain" not in cookie
        assert page.headers["Strict-Transport-Security"]


@pytest.mark.parametrize(
    ("asked", "query", "language"),
    [
        ("ru-RU,ru;q=0.9,en;q=0.8", "", "ru"),
        ("en-GB,en;q=0.9,ru;q=0.8", "", "en"),
        ("tt;q=0.9, en;q=0.3, ru;q=0.5", "", "ru"),
        ("de", "", "ru"),
        ("*;q=x,,;q=", "", "ru"),
        ("en;q=0", "", "ru"),
        ("ru", "?lang=en", "en"),
        ("en", "?lang=%22%3E", "en"),
    ],
)
async def test_languages(stage: Stage, asked: str, query: str, language: str) -> None:
    async with stage.browser(**{"Accept-Language": asked}) as browser:
        page = await browser.open(f"/i/{CODE}{query}")
        assert f'<html lang="{language}">' in page.html
        [other] = set(LANGUAGES) - {language}
        name = {"ru": "Русский", "en": "English"}[other]
        switched = await browser.open(page.links[name])
    assert f'<html lang="{other}">' in switched.html
    assert CODE in switched.html


async def test_how_to_go_on_in_a_client(stage: Stage) -> None:
    async with stage.browser() as browser:
        page = await browser.open(f"/i/{CODE}")
    assert page.links["Открыть чат с помощником"] == "matrix:u/helper:school.example?action=chat"
    other = page.links["Приложение не открылось? Другой способ"]
    assert other == "https://matrix.to/#/@helper:school.example"
    assert BOT in page.text
    assert PUBLIC in page.text
    assert 'src="data:image/svg+xml' in page.html
    assert "pomoshch@school.example" in page.text


async def test_an_installation_may_have_nobody_sign_in() -> None:
    async with a_stage(here=False) as stage, stage.browser() as browser:
        page = await browser.open(f"/i/{CODE}")
        assert page.status == 200
        assert page.forms == []
        for act in ("sign-in", "sign-out", "say"):
            assert (await browser.send(f"/i/{CODE}/{act}", {})).status == 404


async def test_below_a_path_of_the_site() -> None:
    async with a_stage(prefix="/sferum") as stage, stage.browser() as browser:
        code = await stage.world.invite()
        page = await stage.shown(browser, code, MOTHER)
        assert "Ася Выдумкина" in page.text
        assert all(form.action.startswith("/sferum/i/") for form in page.forms)
        # A proxy that cuts its path off gets the same page.
        cut = await browser.open(f"/i/{code}")
        assert cut.status == 200


async def test_read_while_the_homeserver_is_away(stage: Stage) -> None:
    stage.logins.answer = (502, {})
    async with stage.browser() as browser:
        page = await browser.open(f"/i/{CODE}")
        assert "сервер школы не отвечает" in page.text
        assert CODE in page.text
        assert page.forms == []


# --- the dialogue ---------------------------------------------------------------------------


async def test_show_and_confirm(stage: Stage) -> None:
    code = await stage.world.invite()
    async with stage.browser() as browser:
        page = await stage.shown(browser, code, MOTHER)
        for fact in ("Ася Выдумкина", "5А", SCHOOL, "законный представитель"):
            assert fact in page.text
        assert await stage.world.links() == [], "nothing is changed yet"
        looked = await browser.open(f"/i/{code}")
        assert "Ася" not in looked.text
        page = await browser.submit(page, CONFIRM)
        assert "Готово, спасибо" in page.text
        assert page.links["Открыть чат с помощником"].startswith("matrix:u/helper")
        page = await browser.submit(looked, SHOW)
        assert "уже подтвердили" in page.text
    [link] = await stage.world.links()
    assert link.state is LinkState.ACTIVE
    told = {said.to for said in await stage.world.heard()}
    assert PUPIL in told
    assert MOTHER not in told, "she has read it on the page"


async def test_it_is_the_same_dialogue_as_in_the_chat(stage: Stage) -> None:
    code = await stage.world.invite()
    async with stage.browser() as browser:
        await stage.shown(browser, code, MOTHER)
        [told] = [s for s in await stage.world.write(MOTHER, "подтвердить") if s.to == MOTHER]
        assert "Готово, спасибо" in told.body
    assert len(await stage.world.links()) == 1


async def test_confirming_twice_at_once_is_confirming(stage: Stage) -> None:
    code = await stage.world.invite()
    async with stage.browser() as browser:
        page = await stage.shown(browser, code, MOTHER)
        await browser.submit(page, CONFIRM)
        again = await browser.submit(page, CONFIRM)
        assert again.status == 200
    assert len(await stage.world.links()) == 1
    assert len([said for said in await stage.world.heard() if said.to == PUPIL]) == 1


async def test_not_mine(stage: Stage) -> None:
    code = await stage.world.invite()
    async with stage.browser() as browser:
        page = await stage.shown(browser, code, STRANGER)
        page = await browser.submit(page, NOT_MINE)
        assert "Спасибо, что сообщили" in page.text
        assert page.labels == ["Выйти"], "there is nothing left to do"
        page = await browser.submit(await browser.open(f"/i/{code}"), SHOW)
        assert stage.world.text("e-unknown") in page.text
    assert {said.to for said in await stage.world.heard()} >= {PUPIL}


async def test_later(stage: Stage) -> None:
    code = await stage.world.invite()
    async with stage.browser() as browser:
        page = await stage.shown(browser, code, MOTHER)
        page = await browser.submit(page, "Решить позже")
        assert "ничего не изменилось" in page.text
        page = await browser.submit(page, SHOW)
        assert "Ася Выдумкина" in page.text
    assert await stage.world.links() == []


async def test_opened_in_the_childs_session(stage: Stage) -> None:
    code = await stage.world.invite()
    async with stage.browser() as family:
        page = await stage.shown(family, code, PUPIL)
        assert page.labels == ["Выйти", "Войти под другой учётной записью"]
        for remedy in ("другом устройстве", "инкогнито", "выйти из своей учётной записи"):
            assert remedy in page.text
        assert PUPIL in page.text
        # The remedy that is at hand: the same browser, one tap, then the mother.
        page = await family.submit(page, "Войти под другой учётной записью")
        page = await stage.shown(family, code, MOTHER)
        page = await family.submit(page, CONFIRM)
        assert "Готово, спасибо" in page.text
    [link] = await stage.world.links()
    assert link.parent_id == stage.world.ids[MOTHER]


async def test_a_code_that_is_none_is_the_bots_to_answer(stage: Stage) -> None:
    async with stage.browser() as browser:
        page = await stage.shown(browser, CODE, MOTHER)
        assert stage.world.text("e-unknown") in page.text
        for _ in range(10):
            page = await browser.submit(page, "Попробовать ещё раз")
        assert "Слишком много попыток" in page.text


async def test_corrections_are_said_as_typed(stage: Stage) -> None:
    code = await stage.world.invite()
    said: list[Any] = []
    converse = stage.world.bot.converse

    async def listen(mxid: str, command: Any, **more: Any) -> Any:
        said.append(command)
        return await converse(mxid, command, **more)

    async with stage.browser() as browser:
        page = await stage.shown(browser, code, MOTHER)
        stage.world.bot.converse = listen  # type: ignore[method-assign]
        injected = "Ёлкина\nимя: Чужое"
        page = await browser.submit(
            page, "Отправить исправление", family=injected, birth="2014-03-12"
        )
        assert page.status == 200
    [command] = said
    assert command.argument == "фамилия: Ёлкина имя: Чужое\nдата рождения: 2014-03-12"
    assert not command.offered


async def test_corrections_of_nothing_ask_again(stage: Stage) -> None:
    code = await stage.world.invite()
    async with stage.browser() as browser:
        page = await stage.shown(browser, code, MOTHER)
        page = await browser.submit(page, "Отправить исправление", family="  ")
        assert "все поля были пустые" in page.text
        assert "Ася Выдумкина" in page.text
        page = await browser.submit(page, CONFIRM)
        assert "Готово, спасибо" in page.text


async def test_buttons_stand_for_the_words_of_a_chat(stage: Stage) -> None:
    code = await stage.world.invite()
    async with stage.browser() as browser:
        page = await stage.shown(browser, code, MOTHER)
    assert "соглашаетесь" in page.text, "the consent is the same everywhere"
    for word in ("✅", "❌", "отмена"):
        assert word not in page.text
    [asked] = [s for s in await stage.world.write(MOTHER, code) if s.to == MOTHER]
    for word in ("соглашаетесь", "✅", "❌", "отмена"):
        assert word in asked.body


async def test_expired(stage: Stage) -> None:
    code = await stage.world.invite()
    stage.world.now += 8 * DAY
    async with stage.browser() as browser:
        page = await stage.shown(browser, code, MOTHER)
    assert "Срок действия приглашения истёк" in page.text
    assert page.labels == ["Выйти"], "trying again would be of no use"
    assert "Ася" not in page.text


async def test_a_brothers_account(stage: Stage) -> None:
    code = await stage.world.invite()
    async with stage.browser() as browser:
        page = await stage.shown(browser, code, BROTHER)
        assert stage.world.text("e-pupil") in page.text
        assert page.labels == ["Выйти", "Войти под другой учётной записью"]


async def test_too_late_for_the_last_place(stage: Stage) -> None:
    code = await stage.world.invite()
    async with stage.browser() as browser:
        page = await stage.shown(browser, code, STRANGER)
        for mxid in (MOTHER, OTHER):
            await stage.world.become_parent(mxid, code)
        page = await browser.submit(page, CONFIRM)
        assert stage.world.text("e-full") in page.text
        assert "Чаты школы" not in page.text
        for name in ("Небывалова", "Ольга", MOTHER):
            assert name not in page.text
    assert len(await stage.world.links()) == 2


async def test_two_windows(stage: Stage) -> None:
    code = await stage.world.invite()
    async with stage.browser() as browser:
        first = await browser.open(f"/i/{code}")
        second = await stage.shown(browser, code, MOTHER)
        # The first window was shown before the sign-in, which began anew who it belongs to.
        first = await browser.submit(first, "Войти", user="mama", password=PASSWORD)
        assert first.status == 403
        first = await browser.submit(first, SHOW)
        assert "Готово, спасибо" in (await browser.submit(second, CONFIRM)).text
        assert "уже подтвердили" in (await browser.submit(first, CONFIRM)).text
    assert len(await stage.world.links()) == 1


async def test_a_page_is_in_one_language(stage: Stage) -> None:
    code = await stage.world.invite()
    await stage.world.become_parent(MOTHER, await stage.world.invite(BROTHER))
    await stage.world.write(MOTHER, "язык русский")
    async with stage.browser(**{"Accept-Language": "en"}) as browser:
        page = await browser.open(f"/i/{code}")
        page = await browser.submit(page, "Sign in", user="mama", password=PASSWORD)
        page = await browser.submit(page, "Show the child’s data")
    assert "Please check" in page.text
    assert "Проверьте" not in page.text


async def test_english(stage: Stage) -> None:
    code = await stage.world.invite()
    async with stage.browser(**{"Accept-Language": "en"}) as browser:
        page = await browser.open(f"/i/{code}")
        page = await browser.submit(page, "Sign in", user="prohozhiy", password=PASSWORD)
        page = await browser.submit(page, "Show the child’s data")
        assert "Ася Выдумкина" in page.text
        page = await browser.submit(page, "Confirm: this is my child")
        assert "Done" in page.text
