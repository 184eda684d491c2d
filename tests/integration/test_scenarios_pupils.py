"""Scenarios 18 and 19: how pupils of the first grades come in, by letter, scanner and slip."""

from __future__ import annotations

import asyncio
import re
from contextlib import AsyncExitStack
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import pytest
import pytest_asyncio
from sqlalchemy import select

from sferum_bridge.bot.texts import Texts
from sferum_bridge.school import kinship
from sferum_bridge.store import accounts, dialogues, pupil_invites, tables
from sferum_bridge.store.mails import Cause
from tests.support import outside
from tests.support.bridge import BridgedSchool, until
from tests.support.browser import Browser
from tests.support.post import Post
from tests.support.scenario import Town

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.support.browser import Page
    from tests.support.scenario import Reply, Who

pytestmark = pytest.mark.asyncio(loop_scope="session")

CREATE = "Создать учётную запись"
PASSWORD = "семь слонов и кит"
CODE = re.compile(r"(?:[0-9A-Z]{4}-){6}[0-9A-Z]{4}")
RETRY_SECONDS = (2.0, 4.0)
FIRST, FIFTH = "1А", "5А"


@dataclass
class Stage:
    """A settled school with a first class, and the mail server it sends through."""

    town: Town
    post: Post

    async def on_the_list(self, given: str, family: str, class_name: str = FIRST) -> str:
        """Have the roster name a pupil who has no account; return the id."""
        async with self.town.db.write() as tx:
            person_id = await self.town.person(tx, given, family)
            await self.town.enrol(tx, person_id, class_name)
        return person_id

    async def account_of(self, person_id: str) -> str:
        """Return the account of somebody, empty when there is none."""
        async with self.town.db.read() as tx:
            found = await accounts.mxids_of(tx, person_id)
        return found[0] if found else ""

    async def fill_in(self, link: str, password: str = PASSWORD) -> Page:
        """Open the page of an invite in a private window, and send its form."""
        async with Browser(link, **{"Accept-Language": "ru"}) as browser:
            page = await browser.open(link)
            return await browser.submit(page, CREATE, password=password, repeat=password)

    async def registers(self, link: str, person_id: str) -> Who:
        """Register by the page, sign in with what it shows, and open a chat with the bot."""
        done = await self.fill_in(link)
        assert done.status == 200
        mxid = await self.account_of(person_id)
        assert mxid in done.text
        return await self.town.signed_in(person_id, mxid, PASSWORD)

    async def letter(self, address: str) -> str:
        """Return the one letter an address gets."""

        async def taken() -> list[str]:
            return self.post.letters_to(address)

        [found] = await until(taken)
        return str(found)


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def stage(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stage]:
    """Give a school of two small classes that sends mail, and puts off what is put off for long."""
    async with AsyncExitStack() as stack:
        post = Post()
        await stack.enter_async_context(post.open())
        folder = tmp_path_factory.mktemp("school")
        school = await BridgedSchool.start(folder, classes=(FIRST, FIFTH), pupils=1)
        stack.push_async_callback(school.stop)
        school.change_settings(
            "mail",
            host="127.0.0.1",
            port=post.port,
            security="none",
            sender="shkola@school.example",
            retry_minutes=[seconds / 60 for seconds in RETRY_SECONDS],
        )
        await school.stop_bridge()
        await school.start_bridge()
        await school.settled()
        yield Stage(await Town.open(school, stack), post)


def text(key: str, **values: Any) -> str:
    return Texts().text("ru", key, **values).body


def link_in(letter: str) -> str:
    [link] = re.findall(r"https?://\S+", letter)
    return str(link)


def files(replies: list[Reply]) -> list[Reply]:
    return [reply for reply in replies if reply.content.get("msgtype") == "m.file"]


async def download(who: Who, reply: Reply) -> str:
    """Return the document of a message, as the person's client fetches it."""
    media = str(reply.content["url"]).removeprefix("mxc://")
    where = f"{who.client.url}/_matrix/client/v1/media/download/{media}"
    headers = {"Authorization": f"Bearer {who.client.token}"}
    async with who.client.session.get(where, headers=headers) as answer:
        assert answer.status == 200
        return await answer.text()


async def test_18_a_primary_pupil_comes_in_by_e_mail(stage: Stage) -> None:
    town, teacher = stage.town, await stage.town.class_teacher(FIRST)
    gleb = await stage.on_the_list("Глеб", "Сочинский")
    sent = await teacher.ask("!пригласить ученика 1А Глеб Сочинский gleb@example.org")
    assert "Глеб Сочинский" in sent.body
    assert not CODE.search(sent.body), "the letter alone bears the code"
    letter = await stage.letter("gleb@example.org")
    for secret in ("Сочинск", FIRST, "Школа № 0"):
        assert secret not in letter

    pupil = await stage.registers(link_in(letter), gleb)
    await pupil.gets_into("pupils", FIRST)
    _, known = await pupil.client.call("GET", "account/3pid")
    assert known["threepids"] == [], "neither a phone nor an address is tied to the login"
    assert "Глеб Сочинский" in (await pupil.ask("!кто я")).body
    assert (await teacher.hears("Ученик зарегистрирован", "Глеб Сочинский", pupil.mxid)).body
    for room, class_name in (("parents", FIRST), ("pupils", FIFTH), ("staff", "")):
        assert not await pupil.is_in(room, class_name)
    assert {"pupil-invite.issue", "account.tie"} <= set(await town.actions_about(gleb))


async def test_18_a_class_teacher_of_another_class_has_no_right(stage: Stage) -> None:
    other = await stage.town.class_teacher(FIFTH)
    fekla = await stage.on_the_list("Фёкла", "Выдуманная")
    for words in (
        "1А Фёкла Выдуманная fekla@example.org",
        "1А Фёкла Выдуманная",
        "1А",
        "1А Нет Такой",
    ):
        assert (await other.ask(f"!пригласить ученика {words}")).body == text("enlist-right")
    assert stage.post.tries_of("fekla@example.org") == []
    assert await stage.town.actions_about(fekla) == ["roster.apply"]


async def test_18_the_link_is_for_the_named_pupil_whoever_opens_it(stage: Stage) -> None:
    town, teacher = stage.town, await stage.town.class_teacher(FIRST)
    elder = await town.pupil("Пётр", "Оладьин", FIFTH)
    named = await stage.on_the_list("Лев", "Оладьин")
    code = next(r.code for r in await teacher.say("!пригласить ученика 1А Лев Оладьин"))
    # A pupil of a higher grade, a parent, a teacher: nobody turns into another person by it.
    for known in (elder, await town.guardian(elder, "Инна", "Оладьина"), teacher):
        assert (await known.ask(code)).body == text("enlist-known")
    assert await stage.account_of(named) == ""
    # Forwarded to somebody who is nobody here, it still is the named pupil's alone.
    stranger = await town.outsider()
    question = await stranger.ask(code)
    assert "Лев Оладьин" in question.body
    await stranger.tap(question, "✅")
    assert await stage.account_of(named) == stranger.mxid
    await stranger.gets_into("pupils", FIRST)
    assert (await teacher.hears("Ученик зарегистрирован", "Лев Оладьин")).body
    assert (await (await town.outsider()).ask(code)).body == text("e-unknown")


async def test_18_one_mailbox_is_one_pupils(stage: Stage) -> None:
    teacher = await stage.town.class_teacher(FIRST)
    await stage.on_the_list("Ева", "Близнецова")
    twin = await stage.on_the_list("Яна", "Близнецова")
    address = "bliznecovy@example.org"
    await teacher.ask(f"!пригласить ученика 1А Ева Близнецова {address}")
    refused = await teacher.ask(f"!пригласить ученика 1А Яна Близнецова {address}")
    assert refused.body == text("enlist-contact")
    assert "Ева" not in refused.body
    assert await stage.town.actions_about(twin) == ["roster.apply"]
    replies = await teacher.say("!пригласить ученика 1А Яна Близнецова")
    [slip] = files(replies)
    assert replies[0].code in await download(teacher, slip)


async def test_19_an_address_that_bounces_hard(stage: Stage) -> None:
    teacher, address = await stage.town.class_teacher(FIRST), "net-takogo@example.org"
    clown = await stage.on_the_list("Ким", "Тотошкин")
    stage.post.to_address[address] = ["550 5.1.1 no such user"] * 9
    await teacher.client.say(teacher.chat, f"!пригласить ученика 1А Ким Тотошкин {address}")
    told = await teacher.hears("Тотошкин", "не доставлено")
    assert told.body == text("e-mail", child="Ким Тотошкин", cause=Cause.ADDRESS)
    await asyncio.sleep(2 * RETRY_SECONDS[0])
    assert len(stage.post.tries_of(address)) == 1
    heard = [body for _, body in await teacher.client.texts(teacher.chat)]
    assert heard.count(told.body) == 1
    # What E-MAIL offers works: the same invite, on paper.
    [slip] = await teacher.tap(told, "🖨️")
    code = CODE.findall(await download(teacher, slip))[0]
    await stage.registers(f"{stage.town.bridged.config.school.public_url}/p/{code}", clown)


async def test_19_an_address_that_bounces_softly(stage: Stage) -> None:
    teacher, address = await stage.town.class_teacher(FIRST), "potom@example.org"
    lena = await stage.on_the_list("Лена", "Метелица")
    stage.post.to_address[address] = ["451 4.3.0 later", "450 4.2.0 greylisted", "452 4.2.2 full"]
    await teacher.ask(f"!пригласить ученика 1А Лена Метелица {address}")
    letter = await stage.letter(address)
    waits = [later - earlier for earlier, later in pairwise(stage.post.tries_of(address))]
    # Each wait is counted from the beginning of a try, so connecting may shorten it a little.
    wanted = (RETRY_SECONDS[0], RETRY_SECONDS[1], RETRY_SECONDS[1])
    assert all(wait > wish / 2 for wait, wish in zip(waits, wanted, strict=True)), waits
    await stage.town.quiet()
    assert await teacher.news() == [], "what is only put off is no news"
    await stage.registers(link_in(letter), lena)


async def test_19_a_scanner_that_follows_the_link(stage: Stage) -> None:
    teacher, address = await stage.town.class_teacher(FIRST), "proveren@example.org"
    anton = await stage.on_the_list("Антон", "Просеев")
    stage.post.scanned.add(address)
    await teacher.ask(f"!пригласить ученика 1А Антон Просеев {address}")
    letter = await stage.letter(address)
    assert stage.post.looks == [200] * 20
    assert await stage.account_of(anton) == ""
    pupil = await stage.registers(link_in(letter), anton)
    await pupil.gets_into("pupils", FIRST)


async def test_19_a_pupil_without_mail_gets_a_slip(stage: Stage) -> None:
    teacher = await stage.town.class_teacher(FIRST)
    zoya = await stage.on_the_list("Зоя", "Бумажкина")
    replies = await teacher.say("!пригласить ученика 1А Зоя Бумажкина")
    [slip] = files(replies)
    document = await download(teacher, slip)
    code, link = replies[0].code, re.findall(r"https?://[^<\s]+/p/[^<\s]+", document)[0]
    assert CODE.findall(document)[0] == code
    assert link.endswith(f"/p/{code}")
    # As a parent types it from paper: small letters, a Cyrillic keyboard, no dashes.
    typed = code.lower().replace("-", " ").translate(str.maketrans("acehkmptx", "асенкмртх"))
    pupil = await stage.registers(link.replace(code, typed), zoya)
    await pupil.gets_into("pupils", FIRST)
    assert "не найдено" in (await stage.fill_in(link, "двенадцать ежей")).text, "it is used up"


async def test_19_a_slip_survives_kills_as_one_document_of_one_token(stage: Stage) -> None:
    town, teacher = stage.town, await stage.town.class_teacher(FIRST)
    pauses = {"Адамов": 0.0, "Борисов": 0.1, "Власов": 0.3}
    for family, pause in pauses.items():
        person_id = await stage.on_the_list("Ося", family)
        await teacher.news()
        asked = f"!пригласить ученика 1А Ося {family}"
        event_id = await teacher.client.say(teacher.chat, asked)
        await asyncio.sleep(pause)
        await town.bridged.kill_bridge()
        await town.bridged.start_bridge()
        await town.worked_off(event_id)
        said = await teacher.news()
        [slip] = files(said)
        [answer] = [reply for reply in said if reply is not slip]
        async with town.db.read() as tx:
            code = pupil_invites.code_of(tx, event_id)
            invite = await pupil_invites.find(tx, str(kinship.read_code(code)))
            assert invite is not None
            assert (invite.person_id, invite.is_open(tx.now)) == (person_id, True)
        assert answer.code == code
        assert CODE.findall(await download(teacher, slip))[0] == code


async def test_19_no_code_password_or_address_lies_about(stage: Stage) -> None:
    town, teacher = stage.town, await stage.town.class_teacher(FIRST)
    address = "taynik@example.org"
    hidden = await stage.on_the_list("Ада", "Тайникова")
    for _ in range(2):
        # Namesakes are asked about: the address waits in the question.
        await stage.on_the_list("Ада", "Тайникова")
    question = await teacher.ask(f"!пригласить ученика 1А Ада Тайникова {address}")
    async with town.db.read() as tx:
        [offered] = {
            row.reaction
            for row in await tx.all(
                select(tables.offers).where(tables.offers.c.event_id == question.event_id)
            )
            if hidden in dialogues.offered(tx, row.command)
        }
    await teacher.tap(question, offered)
    link = link_in(await stage.letter(address))
    await stage.registers(link, hidden)
    code = link.rpartition("/")[2]
    bridged = town.bridged
    kept = [bridged.log().encode()]
    kept += outside.read(bridged.folder.glob("sferum-bridge.db*")).values()
    assert len(kept) >= 2
    for secret in (code, code.replace("-", ""), PASSWORD, address):
        for place in kept:
            assert secret.encode() not in place
