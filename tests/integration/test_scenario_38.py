"""Scenario 38: a list in the chat with the bot, through a real Synapse.

The administrator's phone is matrix-nio; who may open the files is asked as others.
"""

from __future__ import annotations

import io
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Any

import nio
import openpyxl
import pytest
import pytest_asyncio
from sqlalchemy import select

from sferum_bridge.store import batches, imports, schools, tables
from tests.support.at_nio import at_nio
from tests.support.bridge import BOT, BridgedSchool, until
from tests.support.rosters import PARENT_HEADER, PUPIL_HEADER, STAFF_HEADER, Rows
from tests.support.scenario import Reply, Town, Who

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from tests.support.bridge import Client

pytestmark = pytest.mark.asyncio(loop_scope="session")
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def town(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Town]:
    """Give a settled school of two small classes."""
    school = await BridgedSchool.start(tmp_path_factory.mktemp("school"), pupils=2)
    async with AsyncExitStack() as stack:
        stack.push_async_callback(school.stop)
        yield await Town.open(school, stack)


async def the_list(town: Town, *more: list[Any], without: Sequence[str] = ()) -> bytes:
    """Write the school as it is, with the ids of the store, as a list; `more` are pupils."""
    school = await town.bridged.school()
    async with town.db.read() as tx:
        c = tables.roster_ids.c
        numbers = {r.person_id: r.roster_id for r in await tx.all(select(c.person_id, c.roster_id))}

    def row(person_id: str) -> list[Any]:
        person = school.people[person_id]
        names = [person.family_name, person.given_name, person.middle_name]
        return [numbers.get(person_id, ""), *names]

    pupils: Rows = [
        [*PUPIL_HEADER[:6], "СНИЛС"],
        *(
            [*row(e.person_id), "", school.classes[e.class_id].name, "112-233-445 95"]
            for e in school.enrolments
            if e.person_id not in without and e.term.until is None
        ),
        *more,
    ]
    posts: dict[str, list[str]] = {}
    words = {"administrator": "администратор", "teacher": "учитель", "staff": "сотрудник"}
    for each in school.appointments:
        posts.setdefault(each.person_id, []).append(words[each.post.value])
    led: dict[str, list[str]] = {}
    for lead in school.leaderships:
        led.setdefault(lead.person_id, []).append(school.classes[lead.class_id].name)
    staff: Rows = [
        STAFF_HEADER[:6],
        *([*row(id_), "; ".join(own), "; ".join(led.get(id_, []))] for id_, own in posts.items()),
    ]
    classes: Rows = [["Класс*", "Учебный год*"]]
    classes += [[each.name, each.year] for each in school.classes.values()]
    book = openpyxl.Workbook()
    book.remove(book.worksheets[0])
    sheets = {
        "Ученики": pupils,
        "Родители": [PARENT_HEADER],
        "Сотрудники": staff,
        "Классы": classes,
    }
    for name, rows in sheets.items():
        sheet = book.create_sheet(name)
        for line in rows:
            sheet.append(line)
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


async def send(phone: nio.AsyncClient, room_id: str, data: bytes) -> str:
    """Send a list from the phone; return the address of the file."""
    answer, _ = await phone.upload(io.BytesIO(data), XLSX, "список.xlsx", filesize=len(data))
    assert isinstance(answer, nio.UploadResponse), answer
    content: dict[str, Any] = {
        "msgtype": "m.file",
        "body": "список.xlsx",
        "filename": "список.xlsx",
    }
    content |= {"url": answer.content_uri, "info": {"mimetype": XLSX, "size": len(data)}}
    sent = await phone.room_send(room_id, "m.room.message", content)
    assert isinstance(sent, nio.RoomSendResponse), sent
    return str(answer.content_uri)


async def opens(client: Client, media: str) -> bytes | None:
    """Return what somebody gets for a file's address, `None` where they are refused."""
    url = f"{client.url}/_matrix/client/v1/media/download/{media.removeprefix('mxc://')}"
    headers = {"Authorization": f"Bearer {client.token}"}
    async with client.session.get(url, headers=headers) as answer:
        return await answer.read() if answer.status == 200 else None


async def file_of(who: Who, known: set[str]) -> str:
    """Wait for a workbook in somebody's chat with the bot; return its address, which is `known`."""

    async def found() -> str:
        where = f"rooms/{who.chat}/messages"
        _, answer = await who.client.call("GET", where, dir="b", limit="100")
        shown = [
            str(event["content"]["url"])
            for event in answer.get("chunk", ())
            if event["sender"] == BOT and event["content"].get("msgtype") == "m.file"
        ]
        return next((url for url in shown if url not in known), "")

    media = str(await until(found))
    known.add(media)
    return media


async def told(who: Who, text: str, *words: str) -> Reply:
    """Write to the bot, and wait for an answer with these words, at once or when it has read."""
    for reply in await who.say(text):
        if all(word in reply.body for word in words):
            return reply
    return await who.hears(*words)


async def families(town: Town) -> set[str]:
    school = await town.bridged.school()
    return {one.family_name for one in school.people.values()}


async def test_38_dry_run_bad_rows_dangerous_rows(town: Town) -> None:
    admin = await town.administrator()
    stranger = await town.outsider()
    before, known = await town.bridged.school(), set[str]()
    data = await the_list(
        town,
        ["Н1", "Новиков", "Лев", "", "31.02.2014", "5А"],
        ["Н2", "Ладов", "Ян", "", "", "5А"],
        ["Н3", "Нетова", "Яна", "", "", "99Я"],
    )
    async with at_nio(town.bridged, admin) as phone:
        assert "Пришлите сюда файл" in (await admin.ask("импорт")).body
        media = await send(phone, admin.chat, data)
        looked = await admin.hears("Пока ничего не изменено")
        for word in ("31.02.2014", "99Я", "Строк пропущено: 2", "СНИЛС", "1 новый человек"):
            assert word in looked.body
        assert await families(town) == {one.family_name for one in before.people.values()}
        marked = await file_of(admin, known)
        handed = await opens(admin.client, marked)
        assert handed is not None
        assert await opens(stranger.client, marked) is None
        sheet = openpyxl.load_workbook(io.BytesIO(handed))["Ученики"]
        assert any(cell.comment for row in sheet.iter_rows() for cell in row)
        assert b"112-233-445 95" not in handed

        async def taken_away() -> bool:
            return await opens(admin.client, media) is None

        assert await until(taken_away)
        # A kill while the list waits: nothing is lost, and nothing is done twice.
        await town.bridged.stop_bridge()
        await town.bridged.start_bridge()
        await told(admin, "применить", "Сделано")
        kept = await opens(admin.client, await file_of(admin, known))
    assert kept is not None
    rows = openpyxl.load_workbook(io.BytesIO(kept))["Ученики"].iter_rows(values_only=True)
    assert {row[1] for row in rows} == {"Фамилия*", "Новиков", "Нетова"}
    assert "Ладов" in await families(town)
    school_id = await town.school_id()
    async with town.db.read() as tx:
        [batch] = await batches.of_school(tx, school_id)
        assert batch.actor == admin.person_id
        assert await imports.pending(tx, admin.mxid) is None
        stored = str([await tx.all(select(tables.people)), await tx.all(select(tables.inbox))])
    assert "112-233" not in stored


async def test_38_again_is_nothing_and_a_mass_leave_waits_for_the_name(town: Town) -> None:
    admin = await town.administrator()
    async with at_nio(town.bridged, admin) as phone:
        # A list brings the school to what it says, whatever another test left; then it is nothing.
        assert "Пришлите сюда файл" in (await admin.ask("импорт")).body
        await send(phone, admin.chat, await the_list(town, ["Н9", "Первый", "Ян", "", "", "5А"]))
        await admin.hears("Пока ничего не изменено")
        await told(admin, "применить", "Сделано")
        school = await town.bridged.school()
        assert "Пришлите сюда файл" in (await admin.ask("импорт")).body
        await send(phone, admin.chat, await the_list(town))
        await admin.hears("Изменений нет")
        gone = [e.person_id for e in school.enrolments if school.classes[e.class_id].name == "5А"]
        assert "Пришлите сюда файл" in (await admin.ask("импорт")).body
        await send(phone, admin.chat, await the_list(town, without=gone))
        await admin.hears("применить выбывших")
        await told(admin, "применить выбывших", "напишите название школы")
        assert (await town.bridged.school()).enrolments == school.enrolments
        await told(admin, school.name, "Сделано")
    record = await the_record(town)
    day = record.day(town.db.clock())
    after = await town.bridged.school()
    assert not [e for e in after.enrolments if e.person_id in gone and e.term.covers(day)]
    assert "Отменить импорт" in (await admin.ask("импорт отменить")).body
    await told(admin, "подтвердить", "отменён")
    back = await town.bridged.school()
    assert sorted(back.enrolments, key=repr) == sorted(school.enrolments, key=repr)


async def test_38_only_administrators(town: Town) -> None:
    teacher = await town.class_teacher("5А")
    assert "администратор" in (await teacher.ask("импорт")).body
    async with at_nio(town.bridged, teacher) as phone:
        await send(phone, teacher.chat, await the_list(town))
    await town.quiet()
    async with town.db.read() as tx:
        assert await tx.all(select(tables.pending_imports)) == []


async def the_record(town: Town) -> schools.SchoolRecord:
    async with town.db.read() as tx:
        return (await schools.records(tx))[0]
