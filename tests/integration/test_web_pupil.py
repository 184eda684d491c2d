"""The page of a pupil's invite on a real homeserver: looking does nothing, the form one account."""

from __future__ import annotations

import asyncio
import re
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest
import pytest_asyncio
from aiohttp import web
from aiohttp.test_utils import TestServer
from sqlalchemy import select

from sferum_bridge.matrix.accounts import LoginsTaken, Registrar
from sferum_bridge.matrix.client import Homeserver as Client
from sferum_bridge.store import accounts, mails, tables
from sferum_bridge.web import pupil as page_module
from sferum_bridge.web.pages import Pages, Site
from sferum_bridge.web.pupil import PupilPage, PupilPageSettings
from sferum_bridge.web.session import Visits
from tests.support.bot import BOT, DAY, TEACHER, World, a_world, assign
from tests.support.browser import Browser
from tests.support.ports import reserve_port

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.support.browser import Page
    from tests.support.synapse import Homeserver

pytestmark = pytest.mark.asyncio(loop_scope="session")

GLEB = "pupil"
"""A pupil of the roster without an account."""
PASSWORD, ANOTHER = "семь слонов и кит", "двенадцать ежей"
CREATE = "Создать учётную запись"
FAILURES, WINDOW = 5, 60_000
SERVER = "https://matrix.school.example"
INVENTED = "AAAA-BBBB-CCCC-DDDD-EEEE-FFFF-GGGG"


@dataclass
class Stage:
    """The page, the world behind it, and the homeserver behind that."""

    world: World
    url: str
    homeserver: Homeserver
    registrar: Registrar

    @property
    def pupil(self) -> str:
        return self.world.ids[GLEB]

    async def invite(self) -> str:
        """Have the class teacher invite the pupil; return the code."""
        said = await self.world.write(TEACHER, "!пригласить ученика 5А Сочинский")
        return said[0].code

    def browser(self) -> Browser:
        return Browser(self.url, **{"Accept-Language": "ru"})

    async def fill_in(self, code: str, password: str = PASSWORD, repeat: str = "") -> Page:
        """Open the page of a code in a new window, and send its form."""
        async with self.browser() as browser:
            page = await browser.open(f"/p/{code}")
            return await browser.submit(page, CREATE, password=password, repeat=repeat or password)

    async def accounts(self) -> list[str]:
        async with self.world.db.read() as tx:
            return list(await accounts.mxids_of(tx, self.pupil))

    async def dump(self) -> dict[str, list[Any]]:
        """Return every row there is."""
        async with self.world.db.read() as tx:
            return {
                table.name: [tuple(row) for row in await tx.all(select(table))]
                for table in tables.metadata.sorted_tables
            }


@asynccontextmanager
async def a_stage(homeserver: Homeserver, *, creates: bool = True) -> AsyncIterator[Stage]:
    port = reserve_port()
    url = f"http://127.0.0.1:{port}"
    async with (
        a_world(public_url=url, sends_mail=True) as world,
        aiohttp.ClientSession() as session,
    ):
        async with world.db.write() as tx:
            world.ids[GLEB] = await accounts.add_person(tx, "Сочинский", "Глеб")
            await assign(tx, world.ids, GLEB, "enrolment", class_id=world.ids["5А"])
        client = Client(
            session,
            homeserver.process.url,
            as_token=homeserver.bot.token,
            puppet_token="",
            bot_mxid=BOT,
        )
        registrar = Registrar(world.db, client, homeserver.process.registration_shared_secret)
        site = Site(url)
        page = PupilPage(
            Pages(world.texts, site, "ru"),
            Visits(world.db.sealer, site, DAY, world.db.clock),
            world.db,
            world.bot,
            registrar if creates else None,
            PupilPageSettings(
                BOT, "pomoshch@school.example", SERVER, failures=FAILURES, window=WINDOW
            ),
        )
        application = web.Application()
        application.add_routes(page.routes())
        async with TestServer(application, port=port):
            yield Stage(world, url, homeserver, registrar)


@pytest_asyncio.fixture(loop_scope="session")
async def stage(homeserver: Homeserver) -> AsyncIterator[Stage]:
    async with a_stage(homeserver) as made:
        yield made


def text(stage: Stage, key: str, **values: Any) -> str:
    return " ".join(stage.world.text(key, **values).split())


# --- looking --------------------------------------------------------------------------------


async def test_a_scanner_follows_the_letters_links_and_the_invite_still_works(
    stage: Stage,
) -> None:
    await stage.world.write(TEACHER, "!пригласить ученика 5А Сочинский gleb@example.org")
    async with stage.world.db.read() as tx:
        mail = await mails.due(tx)
    assert mail is not None
    [link] = re.findall(r"https?://\S+", mail.body)
    before = await stage.dump()
    async with stage.browser() as browser:
        for _ in range(20):
            for method in ("GET", "HEAD"):
                assert (await browser.open(link, method)).status == 200
    assert await stage.dump() == before
    done = await stage.fill_in(link.rpartition("/")[2])
    assert done.status == 200
    assert await stage.accounts() != []


async def test_the_page_is_the_same_for_every_code_and_says_nothing_of_the_child(
    stage: Stage,
) -> None:
    async with stage.browser() as browser:
        seen = set()
        for code in (await stage.invite(), INVENTED, "zz-zz"):
            page = await browser.open(f"/p/{code}")
            html = page.html.replace(code, "CODE")
            seen.add(re.sub(r'(name="token" value=")[^"]+', r"\1", html))
            for secret in ("Глеб", "Сочинск", "5А", "Школа № 0"):
                assert secret not in page.html
        assert len(seen) == 1
        english = await browser.open(f"/p/{INVENTED}?lang=en")
    assert "Create the account" in english.labels
    assert english.headers["Cache-Control"] == "no-store"
    assert "default-src 'none'" in english.headers["Content-Security-Policy"]
    assert english.headers["Referrer-Policy"] == "no-referrer"


async def test_whatever_stands_in_the_place_of_a_code_stays_text(stage: Stage) -> None:
    async with stage.browser() as browser:
        page = await browser.open("/p/%22%3E%3Cscript%3Ealert(1)%3C%2Fscript%3E/")
    assert "<script" not in page.html
    assert page.status == 200


@pytest.mark.parametrize("path", ["/p", "/p/", "/p?lang=ru"])
async def test_a_link_that_was_cut_off_is_told_to_be(stage: Stage, path: str) -> None:
    async with stage.browser() as browser:
        page = await browser.open(path)
    assert text(stage, "page-invite-broken") in page.text
    assert page.headers["Cache-Control"] == "no-store"


# --- the form -------------------------------------------------------------------------------


async def test_a_pupil_chooses_a_password_and_can_sign_in(stage: Stage) -> None:
    code = await stage.invite()
    done = await stage.fill_in(code)
    [mxid] = await stage.accounts()
    assert mxid in done.text
    assert text(stage, "page-pupil-done") in done.text
    assert SERVER in done.text
    assert PASSWORD not in done.html
    account = await stage.homeserver.login(mxid, PASSWORD)
    profile = await stage.homeserver.call("GET", f"profile/{mxid}", by=account)
    assert profile.body["displayname"] == "Глеб Сочинский"
    [told] = [one for one in await stage.world.heard() if one.to == TEACHER]
    assert mxid in told.body
    assert "Глеб Сочинский" in told.body


async def test_the_same_form_sent_again_shows_the_login_again(stage: Stage) -> None:
    code = await stage.invite()
    first = await stage.fill_in(code)
    again = await stage.fill_in(code)
    assert again.text == first.text
    other = await stage.fill_in(code, ANOTHER)
    assert text(stage, "page-pupil-unknown") in other.text
    assert len(await stage.accounts()) == 1
    assert len([one for one in await stage.world.heard() if one.to == TEACHER]) == 1


async def test_a_form_sent_twice_at_once_makes_one_account(stage: Stage) -> None:
    code = await stage.invite()
    pages = await asyncio.gather(*(stage.fill_in(code) for _ in range(3)))
    [mxid] = await stage.accounts()
    assert all(mxid in page.text for page in pages)


async def test_two_who_hold_the_same_code_are_parted(stage: Stage) -> None:
    code = await stage.invite()
    pages = await asyncio.gather(stage.fill_in(code), stage.fill_in(code, ANOTHER))
    assert sorted(page.status for page in pages) == [200, 404]
    [mxid] = await stage.accounts()
    chosen = PASSWORD if pages[0].status == 200 else ANOTHER
    await stage.homeserver.login(mxid, chosen)


async def test_a_kill_after_the_account_is_made_good_by_the_same_form(stage: Stage) -> None:
    code = await stage.invite()
    left = await stage.registrar.account_for(stage.pupil, "Глеб Сочинский", PASSWORD)
    assert await stage.accounts() == []
    await stage.fill_in(code)
    assert await stage.accounts() == [left]


async def test_what_a_kill_left_behind_cannot_be_used_with_another_password(
    stage: Stage,
) -> None:
    code = await stage.invite()
    left = await stage.registrar.account_for(stage.pupil, "Глеб Сочинский", PASSWORD)
    done = await stage.fill_in(code, ANOTHER)
    [mxid] = await stage.accounts()
    assert mxid != left
    assert mxid in done.text
    await stage.homeserver.login(mxid, ANOTHER)


async def test_nobody_gets_an_account_for_a_person_without_end(stage: Stage) -> None:
    for number in range(4):
        await stage.registrar.account_for(stage.pupil, "Глеб Сочинский", f"password {number}")
    with pytest.raises(LoginsTaken):
        await stage.registrar.account_for(stage.pupil, "Глеб Сочинский", PASSWORD)
    refused = await stage.fill_in(await stage.invite())
    assert (refused.status, await stage.accounts()) == (503, [])


async def test_first_passwords_of_the_command_line_survive_an_interruption(stage: Stage) -> None:
    async with stage.world.db.read() as tx:
        person = await accounts.person(tx, stage.pupil)
    assert person is not None
    mxid, password = await stage.registrar.create(person)
    async with stage.world.db.write() as tx:
        await tx.run(tables.accounts.delete().where(tables.accounts.c.mxid == mxid))
    assert await stage.registrar.create(person) == (mxid, password)


async def test_the_check_of_a_password_leaves_no_session(stage: Stage) -> None:
    mxid = await stage.registrar.account_for(stage.pupil, "Глеб Сочинский", PASSWORD)
    account = await stage.homeserver.login(mxid, PASSWORD)
    before = await stage.homeserver.call("GET", "devices", by=account)
    assert await stage.registrar.opens(mxid, PASSWORD)
    assert not await stage.registrar.opens(mxid, ANOTHER)
    after = await stage.homeserver.call("GET", "devices", by=account)
    assert len(after.body["devices"]) == len(before.body["devices"])


async def test_a_code_typed_as_people_type_it_opens_the_door(stage: Stage) -> None:
    code = await stage.invite()
    typed = code.lower().replace("-", " ").translate(str.maketrans("acehkmptx0", "асенкмртхо"))
    assert (await stage.fill_in(typed)).status == 200
    assert len(await stage.accounts()) == 1


# --- refusals -------------------------------------------------------------------------------


async def test_codes_that_do_not_hold_are_answered_alike(stage: Stage) -> None:
    revoked, expired = await stage.invite(), await stage.invite()
    stage.world.now += 14 * DAY
    used = await stage.invite()
    await stage.fill_in(used)
    made = await stage.accounts()
    seen = set()
    for code in (revoked, expired, used, INVENTED, "zz-zz"):
        page = await stage.fill_in(code, ANOTHER)
        assert page.status == 404
        assert text(stage, "page-pupil-unknown") in page.text
        seen.add(re.sub(r'(name="token" value=")[^"]+', r"\1", page.html.replace(code, "CODE")))
    assert len(seen) == 1
    assert await stage.accounts() == made


@pytest.mark.parametrize(
    ("password", "repeat", "key"),
    [
        ("короткий", "короткий", "page-pupil-short"),
        ("с переводом\nстроки", "с переводом\nстроки", "page-pupil-short"),
        ("с нулём\0 внутри", "с нулём\0 внутри", "page-pupil-short"),
        ("ш" * 513, "ш" * 513, "page-pupil-short"),
        (PASSWORD, ANOTHER, "page-pupil-differ"),
    ],
)
async def test_a_password_that_will_not_do_uses_nothing_up(
    stage: Stage, password: str, repeat: str, key: str
) -> None:
    code = await stage.invite()
    before = await stage.dump()
    page = await stage.fill_in(code, password, repeat)
    assert page.status == 400
    values = {"least": 10} if key == "page-pupil-short" else {}
    assert text(stage, key, **values) in page.text
    assert await stage.dump() == before


async def test_only_a_form_of_the_page_itself_counts(stage: Stage) -> None:
    code = await stage.invite()
    before = await stage.dump()
    fields = {"password": PASSWORD, "repeat": PASSWORD}
    async with stage.browser() as browser, stage.browser() as somebody_else:
        page = await browser.open(f"/p/{code}")
        form = page.form(CREATE)
        theirs = (await somebody_else.open(f"/p/{code}")).form(CREATE).fields["token"]
        forged = [
            (fields, {}),
            ({**fields, "token": "invented"}, {}),
            ({**fields, "token": theirs}, {}),
            ({**form.fields, **fields}, {"Sec_Fetch_Site": "cross-site"}),
        ]
        for sent, headers in forged:
            answer = await browser.send(form.action, sent, **headers)
            assert answer.status == 400
            assert text(stage, "page-pupil-stale") in answer.text
    assert await stage.dump() == before


async def test_too_many_codes_that_fail_are_looked_at_no_more(stage: Stage) -> None:
    for _ in range(FAILURES):
        assert (await stage.fill_in(INVENTED)).status == 404
    code = await stage.invite()
    page = await stage.fill_in(code)
    assert page.status == 429
    assert text(stage, "page-pupil-rate") in page.text
    stage.world.now += WINDOW
    assert (await stage.fill_in(code)).status == 200


async def test_a_homeserver_that_is_away_is_said_and_uses_nothing_up(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    code = await stage.invite()
    monkeypatch.setattr(page_module, "SECONDS", 0.3)
    with monkeypatch.context() as patched:
        patched.setattr(stage.registrar._homeserver, "_base", f"http://127.0.0.1:{reserve_port()}")
        page = await stage.fill_in(code)
        assert page.status == 503
        assert text(stage, "page-pupil-later") in page.text
    assert (await stage.fill_in(code)).status == 200


async def test_neither_code_nor_password_is_logged(
    stage: Stage, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    code = await stage.invite()
    await stage.fill_in(code)
    await stage.fill_in(code, ANOTHER)
    # The bridge's own server keeps no access log, the tests' does.
    kept = [record for record in caplog.records if record.name != "aiohttp.access"]
    logged = "\n".join(record.getMessage() for record in kept)
    for secret in (code, code.replace("-", ""), PASSWORD, ANOTHER, "Сочинск"):
        assert secret not in logged


async def test_without_the_secret_the_page_says_how_to_go_on_with_an_account(
    homeserver: Homeserver,
) -> None:
    async with a_stage(homeserver, creates=False) as stage, stage.browser() as browser:
        page = await browser.open(f"/p/{await stage.invite()}")
        assert text(stage, "page-pupil-no-form", bot=BOT) in page.text
        assert page.forms == []
        assert (await browser.send(page.url, {"password": PASSWORD})).status == 405
