"""The commands of «Мои документы»: what is taken, shown, asked, and kept from everybody else."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest_asyncio
from sqlalchemy import select

from sferum_bridge.bot import document_jobs
from sferum_bridge.school.attachments import Policy
from sferum_bridge.school.documents import Rules
from sferum_bridge.store import (
    accounts,
    audit,
    dialogues,
    documents,
    dossier,
    erasing,
    privacy,
    queues,
    rooms,
    tables,
)
from sferum_bridge.store.sealing import Sealer
from tests.support import guide
from tests.support.bot import (
    ADMIN,
    BROTHER,
    MOTHER,
    PUPIL,
    STRANGER,
    TEACHER,
    World,
    a_world,
    expect,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from sferum_bridge.store.database import Tx
    from sferum_bridge.store.documents import Document
    from tests.support.bot import Said

RULES = Rules(files=Policy(1_000_000), quota=2_500_000, most=4)


@pytest_asyncio.fixture
async def world() -> AsyncIterator[World]:
    """Give a school where Ольга is a mother."""
    async with a_world(documents=RULES) as made:
        await made.become_parent(MOTHER, await made.invite())
        yield made


def file(name: str = "scan.pdf", caption: str = "", **more: Any) -> dict[str, Any]:
    return {
        "msgtype": "m.file",
        "body": caption or name,
        "filename": name,
        "url": f"mxc://school.example/{abs(hash((name, caption)))}",
        "info": {"mimetype": "application/pdf", "size": 1000, **more},
    }


async def send(world: World, who: str, content: dict[str, Any]) -> list[Said]:
    return await world.send(who, "m.room.message", content)


async def asked(world: World, who: str = MOTHER) -> list[dict[str, Any]]:
    """Return what the bot has asked for in somebody's store, and take it away."""
    async with world.db.write() as tx:
        lane = documents.LANE + world.ids[who]
        items = await queues.waiting(tx, queues.INBOX, lane, 100)
        for item in items:
            await queues.done(tx, queues.INBOX, item.id)
    return [item.content for item in items]


async def kept(world: World, name: str, who: str = MOTHER, size: int = 2000) -> str:
    """Let a document be in somebody's store; return its id."""
    world.now += 1000
    async with world.db.write() as tx:
        made = await documents.add(tx, world.ids[who], name, "application/pdf", size)
        found = await documents.one(tx, world.ids[who], made)
        assert found is not None
        await documents.keep(tx, found, size)
    return made


async def own(world: World, who: str = MOTHER) -> list[Document]:
    async with world.db.read() as tx:
        return list(await documents.of(tx, world.ids[who]))


async def test_a_file_is_taken_under_its_caption_even_if_that_is_a_command(world: World) -> None:
    assert await send(world, MOTHER, file(caption="справка")) == []
    [row] = await asked(world)
    assert row["kind"] == "take"
    assert row["name"] == "справка.pdf"
    assert row["sender"] == MOTHER
    assert await own(world) == [], "not before it is there"
    # With the prefix it is the command all the same.
    [helped] = await send(world, MOTHER, file(caption="!справка"))
    assert "мои дети" in helped.body
    assert await asked(world) == []


async def test_what_a_client_made_of_a_picture_goes_with_it(world: World) -> None:
    small = "mxc://school.example/thumbnail"
    for size in (1000, 1_000_001):
        content = file("passport.jpg", caption=str(size), mimetype="image/jpeg", size=size)
        content["info"]["thumbnail_url"] = small
        await send(world, MOTHER, content)
        async with world.db.read() as tx:
            c = tables.open_files.c
            noted = await tx.all(select(c.media, c.event_id, c.due_at).where(c.media == small))
    taken, refused = noted
    assert taken.due_at == documents.LATER
    assert refused.due_at == world.now
    async with world.db.write() as tx:
        [row] = await queues.waiting(tx, queues.INBOX, documents.LANE + world.ids[MOTHER], 100)
        await document_jobs.close(tx, row.content)
        over = {(one.media, one.event_id) for one in await documents.due_files(tx, 10)}
    assert (small, taken.event_id) in over
    assert (row.content["media"], taken.event_id) in over


async def test_limits_are_told_before_and_where_they_are_met(world: World) -> None:
    [shown] = await world.write(MOTHER, "документы")
    for said in ("977 КБ", "2,4 МБ", "4 штук", "pdf", "только вы"):
        assert said in shown.body, said
    [types] = await world.write(MOTHER, "документы типы")
    assert "docx" in types.body
    [refused] = await send(world, MOTHER, file(size=1_000_001))
    assert "977 КБ" in refused.body
    [refused] = await send(world, MOTHER, file("virus.exe", mimetype="application/x-msdownload"))
    assert "такие файлы не хранятся" in refused.body
    assert "docx" in refused.body
    for number in range(2):
        await kept(world, f"{number}.pdf", size=1_000_000)
    [refused] = await send(world, MOTHER, file(size=600_000))
    assert "1,9 МБ из 2,4 МБ" in refused.body
    for number in range(2, 4):
        await kept(world, f"{number}.pdf", size=1)
    [refused] = await send(world, MOTHER, file(size=1))
    assert "не больше 4" in refused.body
    assert await asked(world) == []
    # What was refused was meant for nobody: it goes from the chat and the homeserver.
    async with world.db.write() as tx:
        over = await documents.due_files(tx, 10)
    assert {(one.mxid, one.room_id) for one in over} == {(MOTHER, f"!direct-{MOTHER}")}
    assert len(over) == 4


async def test_an_encrypted_file_is_named_as_such(world: World) -> None:
    content = {**file(), "file": {"url": "mxc://school.example/x"}}
    del content["url"]
    [said] = await send(world, MOTHER, content)
    assert "без шифрования" in said.body
    assert await asked(world) == []


async def test_who_has_no_store_is_told_and_strangers_learn_nothing(world: World) -> None:
    for who in (PUPIL, TEACHER, ADMIN):
        [said] = await send(world, who, file())
        assert "не для вашей роли" in said.body
        [said] = await world.write(who, "документы")
        assert "не для вашей роли" in said.body
        assert await asked(world, who) == []
    [told] = await send(world, STRANGER, file())
    assert told.body == (await world.write(STRANGER, "кто я"))[0].body
    assert told.body == (await world.write(STRANGER, "документы"))[0].body
    async with a_world(documents=Rules(roles=frozenset({"pupils"}))) as other:
        assert await send(other, PUPIL, file()) == []
        assert len(await asked(other, PUPIL)) == 1


async def test_a_store_is_listed_got_and_renamed(world: World) -> None:
    first, second = await kept(world, "СНИЛС.pdf"), await kept(world, "Полис.pdf")
    [shown] = await world.write(MOTHER, "мои документы")
    assert "1. СНИЛС.pdf — 2 КБ" in shown.body
    assert "2. Полис.pdf" in shown.body
    await world.tap(MOTHER, shown, "2️⃣")
    await world.write(MOTHER, "получить 1")
    await world.write(MOTHER, "документы полис")
    rows = await asked(world)
    assert [row["documents"] for row in rows] == [[second], [first], [second]]
    assert {(row["kind"], row["to"]) for row in rows} == {("give", MOTHER)}
    [said] = await world.write(MOTHER, "переименовать 2 СНИЛС")
    assert "СНИЛС (2).pdf" in said.body
    [ask] = await world.write(MOTHER, "переименовать 1")
    assert "Как назвать" in ask.body
    [said] = await world.write(MOTHER, "Помощь семьям")
    assert "Помощь семьям.pdf" in said.body
    assert [one.name for one in await own(world)] == ["Помощь семьям.pdf", "СНИЛС (2).pdf"]
    for nothing in ("получить 3", "получить 0", "получить паспорт", f"получить {first}"):
        [said] = await world.write(MOTHER, nothing)
        assert "Такого документа у вас нет" in said.body
    assert await asked(world) == []


async def test_the_guide_in_english(world: World) -> None:
    await kept(world, "IMG_0412.jpg", size=412_000)
    await kept(world, "contract.pdf", size=81_000)
    shown = guide.Transcript()
    for said in ("documents", "rename 1 Birth certificate", "delete document 2"):
        shown.say("Olga", said)
        [told] = await world.write(MOTHER, said)
        shown.say("Assistant", told.body)
    shown.say("Olga", "✅")
    [gone] = await world.tap(MOTHER, told, "✅")
    shown.say("Assistant", gone.body)
    guide.hold("documents", "en.md", shown)


async def test_deleting_asks_and_takes_the_key_and_the_bytes(world: World) -> None:
    gone, _ = await kept(world, "СНИЛС.pdf"), await kept(world, "Полис.pdf")
    [ask] = await world.write(MOTHER, "удалить документ 1")
    [said] = await world.write(MOTHER, "отмена")
    assert "как было" in said.body
    [said] = await world.tap(MOTHER, ask, "✅")
    assert "Такого документа у вас нет" in said.body, "that question was answered"
    assert len(await own(world)) == 2
    [ask] = await world.write(MOTHER, "удалить документ 1")
    [said] = await world.tap(MOTHER, ask, "✅")
    assert "Удалил: СНИЛС.pdf" in said.body
    assert [one.name for one in await own(world)] == ["Полис.pdf"]
    async with world.db.read() as tx:
        lane = documents.LANE + documents.REMOVE
        [row] = await queues.waiting(tx, queues.INBOX, lane, 10)
    assert row.content == {"kind": "remove", "ids": [gone]}
    # An older question is not answered by a later yes.
    [first] = await world.write(MOTHER, "удалить документ полис")
    await world.write(MOTHER, "переименовать 1")
    [said] = await world.tap(MOTHER, first, "✅")
    assert "Такого документа у вас нет" in said.body
    assert len(await own(world)) == 1


async def test_nobody_reaches_another_ones_document_by_any_id(world: World) -> None:
    secret = await kept(world, "Диагноз.pdf")
    [shown] = await world.write(MOTHER, "документы")
    await world.become_parent(STRANGER_PARENT, await _second_parent(world))
    await kept(world, "своё.pdf", STRANGER_PARENT)
    for who in (STRANGER_PARENT, ADMIN, PUPIL, TEACHER):
        await world.tap(who, shown, "1️⃣")
        for said in (f"получить {secret}", "получить Диагноз", "документы Диагноз"):
            assert all("Диагноз" not in one.body for one in await world.write(who, said))
        await world.write(who, f"удалить документ {secret}")
        await world.write(who, f"поделиться {secret}")
        async with world.db.read() as tx:
            assert await documents.one(tx, world.ids[who], secret) is None
        assert all(secret not in row.get("documents", ()) for row in await asked(world, who))
    assert [one.id for one in await own(world)] == [secret]


STRANGER_PARENT = "@papa:school.example"


async def _second_parent(world: World) -> str:
    async with world.db.write() as tx:
        world.ids[STRANGER_PARENT] = await accounts.add_person(tx, "Выдумкин", "Денис")
        await accounts.add_account(tx, STRANGER_PARENT, world.ids[STRANGER_PARENT])
        await expect(tx, world.ids, PUPIL, STRANGER_PARENT)
    return await world.invite()


async def test_a_copy_goes_to_a_teacher_who_is_chosen_and_confirmed(world: World) -> None:
    shared = await kept(world, "Справка.pdf")
    [ask] = await world.write(MOTHER, "поделиться 1")
    assert "Анна Небывалова" in ask.body, "the one teacher of the child"
    assert await asked(world) == []
    await world.tap(MOTHER, ask, "✅")
    [row] = await asked(world)
    assert (row["kind"], row["documents"], row["to"]) == ("share", [shared], TEACHER)
    assert row["owner"] == "Ольга Выдумкина"
    async with world.db.read() as tx:
        records = await audit.entries(tx, people={world.ids[MOTHER]})
    [shared_then] = [one for one in records if one.action == "document.share"]
    assert shared_then.reason == f"to {world.ids[TEACHER]}"
    # That somebody keeps documents is nobody's to read, administrators of the school included.
    for who in (ADMIN, TEACHER, PUPIL):
        async with world.db.read() as tx:
            told = await audit.entries(tx, people={world.ids[MOTHER]}, reader=world.ids[who])
        assert "document.share" not in [one.action for one in told]
        assert told
    [page] = await world.write(ADMIN, "журнал 50")
    assert "документ" not in page.body
    [page] = await world.write(MOTHER, "журнал 50")
    assert "копия личного документа" in page.body
    [said] = await world.write(MOTHER, "поделиться 1 Придуманный")
    assert "только учителям" in said.body, "an administrator is none"
    # The right is looked at once more when it is confirmed.
    [ask] = await world.write(MOTHER, "поделиться 1 Небывалова")
    async with world.db.write() as tx:
        c = tables.assignments.c
        await tx.run(tables.assignments.delete().where(c.kind == "leadership"))
    [said] = await world.tap(MOTHER, ask, "✅")
    assert "нельзя" in said.body
    assert await asked(world) == []
    [said] = await world.write(MOTHER, "поделиться 1")
    assert "некому" in said.body


async def test_an_archive_is_divided_and_a_room_is_asked_for(world: World) -> None:
    [said] = await world.write(MOTHER, "документы архив")
    assert "нет документов" in said.body
    ids = [await kept(world, f"{number}.pdf", size=20_000_000) for number in range(3)]
    await world.write(MOTHER, "документы архив")
    first, second = await asked(world)
    assert first["documents"] + second["documents"] == ids
    assert [row["name"] for row in (first, second)] == [
        "документы-1-из-2.zip",
        "документы-2-из-2.zip",
    ]
    await world.write(MOTHER, "документы комната")
    [row] = await asked(world)
    assert row["kind"] == "room"


async def test_news_do_not_go_into_the_room_of_documents(world: World) -> None:
    async with world.db.write() as tx:
        await dialogues.add_room(tx, "!chat", MOTHER)
        world.now += 1
    async with world.db.write() as tx:
        await rooms.intend(tx, f"documents/{MOTHER}", "", "documents")
        await rooms.created(tx, f"documents/{MOTHER}", "!documents")
        await dialogues.add_room(tx, "!documents", MOTHER)
        assert await dialogues.room_with(tx, MOTHER) != "!documents"
        assert await dialogues.person_in(tx, "!documents") == MOTHER


async def test_the_database_opens_nothing_without_the_key(world: World) -> None:
    await kept(world, "Диагноз.pdf")
    async with world.db.read() as tx:
        [row] = await tx.all(select(tables.documents))
        [held] = await tx.all(select(tables.document_keys))
        opened = tx.sealer.unseal(held.sealed, "document-key")
    said = Sealer(bytes.fromhex(opened)).unseal(row.sealed, row.id)
    assert said["name"] == "Диагноз.pdf"
    for column in (*row, *held):
        held_text = column if isinstance(column, bytes) else str(column).encode()
        assert "Диагноз".encode() not in held_text
        assert bytes.fromhex(said["key"]) not in held_text
        assert bytes.fromhex(opened) not in held_text


async def test_erasing_destroys_the_keys_and_has_every_file_taken_away(world: World) -> None:
    ids = {await kept(world, f"{number}.pdf") for number in range(2)}
    await send(world, MOTHER, file("coming.pdf"))
    person = world.ids[MOTHER]
    async with world.db.write() as tx:
        assert (await privacy.inventory(tx, person))["documents"] == 3
        shown = await dossier.gather(tx, person)
        assert [one["name"] for one in shown["documents"]] == ["0.pdf", "1.pdf"]
        hidden = await dossier.gather(tx, person, for_another=True)
        assert hidden["documents"] == []
        coming = {row.id for row in await tx.all(select(tables.documents.c.id))} - ids
    async with world.db.write() as tx:
        await erasing.erase(tx, person, "console", "asked")
    async with world.db.write() as tx:
        assert await _count(tx, "documents") == 0
        assert await _count(tx, "document_keys") == 0
        lane = documents.LANE + documents.REMOVE
        [row] = await queues.waiting(tx, queues.INBOX, lane, 10)
        assert set(row.content["ids"]) == ids | coming
        [left] = await documents.due_files(tx, 10)
        assert left.media == file("coming.pdf")["url"]
        # What was on its way in is not taken in any more.
        assert await queues.waiting(tx, queues.INBOX, documents.LANE + person, 10) == []


async def _count(tx: Tx, table: str) -> int:
    return len(await tx.all(select(tables.metadata.tables[table])))


async def test_brother_is_no_parent(world: World) -> None:
    [said] = await send(world, BROTHER, file())
    assert "не для вашей роли" in said.body
