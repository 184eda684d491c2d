"""The page a link of a call or a broadcast opens: for whom it is for, and for nobody else."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import delete, select

from sferum_bridge.school.announcements import Audience, Part
from sferum_bridge.school.calls import Meetings, SetUp
from sferum_bridge.store import announcements, broadcasts, calls, tables
from sferum_bridge.store.announcements import State
from sferum_bridge.store.calls import Network
from tests.support.bot import ADMIN, BROTHER, MOTHER, PUPIL, STRANGER, TEACHER
from tests.support.pages import PASSWORD, a_stage, dump, without_seals

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from tests.support.browser import Page
    from tests.support.pages import Stage

ROOM = "!5-pupils"
OWN = Meetings(SetUp.JITSI, "https://meet.school.example", "school", "an invented secret")
NOWHERE = "0123456789abcdef0123"
WATCHED, RECORDED = "https://vk.com/video-1_2?t=1&q=a", "https://vkvideo.ru/video-3_4"


@pytest.fixture
async def stage() -> AsyncIterator[Stage]:
    async with a_stage(meetings=OWN) as made:
        made.members.of[ROOM] = {PUPIL, TEACHER}
        yield made


async def a_call(stage: Stage, network: Network = Network.OWN, url: str = "") -> calls.Call:
    ids = stage.world.ids
    async with stage.world.db.write() as tx:
        made = await calls.start(
            tx, ids["school"], ROOM, ids[TEACHER], network, "school-1", url=url
        )
    assert made is not None
    return made


async def a_broadcast(stage: Stage, audience: Audience) -> str:
    ids = stage.world.ids
    async with stage.world.db.write() as tx:
        one = await announcements.draft(
            tx, ids["school"], ids[TEACHER], audience, "День знаний", event_id="$one"
        )
        await broadcasts.add(tx, one.id, WATCHED)
        await announcements.change(tx, one, state=State.SENT.value, sent_at=tx.now)
    return one.id


async def at_link(stage: Stage, link_id: str, mxid: str) -> Page:
    """Open a link in a private window, sign in, and press the button."""
    async with stage.browser() as browser:
        page = await browser.open(f"/m/{link_id}")
        page = await browser.submit(page, "Войти", user=mxid, password=PASSWORD)
        assert page.url.startswith(f"{stage.url}/m/{link_id}")
        return await browser.submit(page, "Открыть")


async def guests(stage: Stage) -> Sequence[str]:
    async with stage.world.db.read() as tx:
        return sorted(row.mxid for row in await tx.all(select(tables.call_guests)))


async def test_a_link_is_the_same_for_everybody_until_they_sign_in(stage: Stage) -> None:
    call = await a_call(stage)
    before, seen = await dump(stage), set()
    for link_id in (call.id, NOWHERE):
        for method in ("GET", "HEAD"):
            async with stage.browser() as browser:
                page = await browser.open(f"/m/{link_id}", method)
            assert page.status == 200
            assert page.headers["Referrer-Policy"] == "no-referrer"
            assert page.headers["Cache-Control"] == "no-store"
            seen.add((method, without_seals(page).replace(link_id, "…")))
    assert len(seen) == 2
    async with stage.browser() as browser:
        page = await browser.open(f"/m/{call.id}")
        page = await browser.submit(page, "Войти", user=PUPIL, password=PASSWORD)
        await browser.open(f"/m/{call.id}/open")
        assert "Refresh" not in page.headers
    assert await dump(stage) == before, "nothing changes, and nobody is let in, by looking"


async def test_who_is_in_the_room_is_led_there_by_a_pass_of_their_own(stage: Stage) -> None:
    call = await a_call(stage)
    ways = []
    for mxid in (PUPIL, TEACHER, PUPIL):
        page = await at_link(stage, call.id, mxid)
        assert page.status == 200
        seconds, _, way = page.headers["Refresh"].partition("; url=")
        assert seconds == "0"
        assert way.startswith("https://meet.school.example/school-1#jwt=")
        assert page.links["Перейти"] == way
        assert page.headers["Referrer-Policy"] == "no-referrer"
        assert page.headers["Cache-Control"] == "no-store"
        assert "default-src 'none'" in page.headers["Content-Security-Policy"]
        ways.append(way)
    assert ways[0] != ways[1]
    assert await guests(stage) == sorted([PUPIL, TEACHER])


@pytest.mark.parametrize("mxid", [MOTHER, BROTHER, ADMIN, STRANGER])
async def test_a_forwarded_link_opens_for_nobody_else(stage: Stage, mxid: str) -> None:
    call = await a_call(stage)
    page = await at_link(stage, call.id, mxid)
    assert page.status == 403
    assert "Переслать доступ нельзя" in page.text
    assert "Refresh" not in page.headers
    assert "meet.school.example" not in page.html
    assert await guests(stage) == []
    # The same as for a link there is not: nothing is told of what there is.
    other = await at_link(stage, NOWHERE, mxid)
    assert (other.status, other.text) == (page.status, page.text)


async def test_who_left_the_room_meanwhile_is_let_in_no_more(stage: Stage) -> None:
    call = await a_call(stage)
    assert "Refresh" in (await at_link(stage, call.id, PUPIL)).headers
    stage.members.of[ROOM].remove(PUPIL)
    assert (await at_link(stage, call.id, PUPIL)).status == 403


async def test_a_call_that_is_over_says_so_to_its_people_alone(stage: Stage) -> None:
    call = await a_call(stage)
    async with stage.world.db.write() as tx:
        assert await calls.end(tx, call) == 0
    page = await at_link(stage, call.id, PUPIL)
    assert (page.status, "Этот звонок закончен" in page.text) == (410, True)
    assert "закончен" not in (await at_link(stage, call.id, MOTHER)).text


async def test_a_homeserver_that_is_away_lets_nobody_in(stage: Stage) -> None:
    call = await a_call(stage)
    stage.members.away = True
    page = await at_link(stage, call.id, PUPIL)
    assert page.status == 503
    assert "через минуту" in page.text
    assert await guests(stage) == []


async def test_a_form_of_another_page_opens_nothing(stage: Stage) -> None:
    call = await a_call(stage)
    async with stage.browser() as browser:
        page = await browser.open(f"/m/{call.id}")
        page = await browser.submit(page, "Войти", user=PUPIL, password=PASSWORD)
        form = page.form("Открыть")
        for fields in ({}, {"token": "made up"}):
            answer = await browser.send(form.action, fields)
            assert answer.status == 403
            assert "Refresh" not in answer.headers
        answer = await browser.send(form.action, form.fields, **{"Sec-Fetch-Site": "cross-site"})
        assert answer.status == 403
    async with stage.browser() as other:
        answer = await other.send(form.action, form.fields)
        assert answer.status == 403, "it is tied to its visit"
    assert await guests(stage) == []


@pytest.mark.parametrize("said", ["", "x", "-", "%3Cscript%3E", f"{NOWHERE[:-1]}"])
async def test_half_a_link_is_said_to_be_one(stage: Stage, said: str) -> None:
    async with stage.browser() as browser:
        page = await browser.open(f"/m/{said}")
    assert page.status == 200
    assert "не хватает части" in page.text
    assert "<script" not in page.html


async def test_where_nobody_signs_in_on_pages_it_is_said() -> None:
    async with a_stage(meetings=OWN, here=False) as stage, stage.browser() as browser:
        page = await browser.open(f"/m/{NOWHERE}")
    assert "web.sign_in" in page.text
    assert page.forms == []


async def test_single_sign_on_comes_back_to_the_link() -> None:
    async with a_stage(meetings=OWN, elsewhere=True) as stage:
        stage.members.of[ROOM] = {PUPIL}
        provider = {"id": "oidc", "name": "Школа"}
        stage.logins.flows = [
            {"type": "m.login.sso", "identity_providers": [provider]},
            {"type": "m.login.token"},
        ]
        stage.logins.sits = PUPIL
        call = await a_call(stage)
        async with stage.browser() as browser:
            page = await browser.open(f"/m/{call.id}")
            page = await browser.open(page.links["Войти через Школа"])
            assert page.url.startswith(f"{stage.url}/m/{call.id}")
            page = await browser.submit(page, "Открыть")
        assert "Refresh" in page.headers


async def test_a_broadcast_opens_for_whom_it_is_for_today(stage: Stage) -> None:
    grade = Audience(grades=frozenset({5}), parts=frozenset({Part.PUPILS}))
    one = await a_broadcast(stage, grade)
    for mxid in (PUPIL, TEACHER, ADMIN):
        page = await at_link(stage, one, mxid)
        assert page.headers["Refresh"] == f"0; url={WATCHED}", mxid
    # The wrong grade, the wrong role, nobody of the school: all alike, and as for no broadcast.
    said = set()
    for mxid in (BROTHER, MOTHER, STRANGER):
        page = await at_link(stage, one, mxid)
        assert page.status == 403, mxid
        assert "vk.com" not in page.html
        said.add(page.text.replace(mxid, ""))
    nothing = await at_link(stage, NOWHERE, STRANGER)
    assert said == {nothing.text.replace(STRANGER, "")}
    async with stage.world.db.write() as tx:
        a = tables.assignments.c
        await tx.run(delete(tables.assignments).where(a.person_id == stage.world.ids[PUPIL]))
    assert (await at_link(stage, one, PUPIL)).status == 403, "who was one of them is not now"


async def test_a_broadcast_that_is_over_leads_to_its_recording(stage: Stage) -> None:
    one = await a_broadcast(stage, Audience(whole=True))
    async with stage.world.db.write() as tx:
        known = await broadcasts.of(tx, one)
        assert known is not None
        await broadcasts.save(tx, replace(known, begun_at=tx.now, ended_at=tx.now))
    page = await at_link(stage, one, PUPIL)
    assert (page.status, "записи нет" in page.text) == (410, True)
    async with stage.world.db.write() as tx:
        over = replace(known, begun_at=tx.now, ended_at=tx.now, recording=RECORDED)
        await broadcasts.save(tx, over)
    assert (await at_link(stage, one, PUPIL)).headers["Refresh"] == f"0; url={RECORDED}"
    async with stage.world.db.write() as tx:
        known_one = await announcements.by_id(tx, one)
        assert known_one is not None
        await announcements.change(tx, known_one, state=State.WITHDRAWN.value)
    assert (await at_link(stage, one, PUPIL)).status == 403, "what was taken back is gone"


async def test_a_broadcast_that_has_no_address_yet_says_so(stage: Stage) -> None:
    one = await a_broadcast(stage, Audience(whole=True))
    async with stage.world.db.write() as tx:
        known = await broadcasts.of(tx, one)
        assert known is not None
        await broadcasts.save(tx, replace(known, url="", login="login"))
    page = await at_link(stage, one, PUPIL)
    assert (page.status, "ещё не началась" in page.text) == (409, True)
    assert (await at_link(stage, one, STRANGER)).status == 403


async def test_a_call_of_sferum_opens_by_its_own_link(stage: Stage) -> None:
    call = await a_call(stage, Network.SFERUM, "https://vk.com/call/join/x")
    page = await at_link(stage, call.id, PUPIL)
    assert page.headers["Refresh"] == "0; url=https://vk.com/call/join/x"
