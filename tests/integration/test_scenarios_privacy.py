"""Scenario 40: a family gets what is kept and has it destroyed; the log tells who saw it (§3)."""

from __future__ import annotations

import asyncio
import json
import sys
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Any

import pytest
import pytest_asyncio
from sqlalchemy import delete, insert, select, update

from sferum_bridge.app import opened_homeserver
from sferum_bridge.matrix.erasure import Outcome, close_account
from sferum_bridge.roster.template import write_workbook
from sferum_bridge.store import accounts, consents, dossier, erasing, schools, tables
from tests.support import stored
from tests.support.bridge import BridgedSchool, until
from tests.support.scenario import Town

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Sequence
    from pathlib import Path

    from sqlalchemy import Executable

    from tests.support.scenario import Reply, Who

pytestmark = pytest.mark.asyncio(loop_scope="session")

SCHOOL = "Школа № 0"
OPERATOR = f"{SCHOOL}, ул. Ничейная, 1"
PHONE = "+70000000601"


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def town(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Town]:
    """Give a settled school of two small classes."""
    school = await BridgedSchool.start(tmp_path_factory.mktemp("school"), pupils=1)
    async with AsyncExitStack() as stack:
        stack.push_async_callback(school.stop)
        yield await Town.open(school, stack)


# --- the console ----------------------------------------------------------------------------


async def run(town: Town, *words: str) -> tuple[int | None, str]:
    """Run a command of the bridge beside the running one; return its exit code and output."""
    command = [sys.executable, "-m", "sferum_bridge", *words]
    command += ["--config", str(town.bridged.folder / "config.yaml")]
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(*command, stdout=pipe, stderr=pipe)
    out, errors = await process.communicate()
    return process.returncode, out.decode() + errors.decode()


async def console(town: Town, *words: str) -> str:
    """Run a command that succeeds; return what it prints."""
    code, said = await run(town, *words)
    assert code == 0, said
    return said


async def read_log(town: Town, *words: str) -> list[dict[str, Any]]:
    """Return what `audit show` tells, the oldest first."""
    rows: list[dict[str, Any]] = json.loads(await console(town, "audit", "show", "--json", *words))
    return rows[::-1]


# --- people ---------------------------------------------------------------------------------


async def become_parent(parent: Who, child: Who) -> None:
    code = (await child.say("пригласить"))[0].code
    await parent.ask(code)
    await parent.say("подтвердить")
    await parent.gets_into("parents", "5А")


async def a_family(
    town: Town, of_child: str, of_parents: str, *phones: str
) -> tuple[Who, Who, Who]:
    """Bring a pupil and two linked parents, not called like the child, with their telephones."""
    child = await town.pupil("Ясмина", of_child)
    mother = await town.guardian(child, "Ольга", of_parents)
    father = await town.guardian(child, "Денис", of_parents)
    async with town.db.write() as tx:
        for who, phone in zip((child, mother, father), phones, strict=False):
            await accounts.add_contact(tx, who.person_id, "phone", phone)
    for parent in (mother, father):
        await become_parent(parent, child)
    return child, mother, father


async def documents(who: Who, replies: Sequence[Reply]) -> tuple[dict[str, Any], str]:
    """Fetch the files the bot has sent as a client does; return the data and the page."""
    found: dict[str, str] = {}
    for reply in replies:
        if reply.content["msgtype"] == "m.file":
            where = reply.content["url"].removeprefix("mxc://")
            url = f"{who.client.url}/_matrix/client/v1/media/download/{where}"
            headers = {"Authorization": f"Bearer {who.client.token}"}
            async with who.client.session.get(url, headers=headers) as answer:
                assert answer.status == 200
                found[reply.body.rpartition(".")[2]] = (await answer.read()).decode()
    assert set(found) == {"html", "json"}
    return json.loads(found["json"]), found["html"]


# --- what is kept ---------------------------------------------------------------------------


async def test_40_a_mother_gets_all_about_the_child_and_nothing_of_others(
    town: Town, tmp_path: Path
) -> None:
    numbers = ("+70000000501", "+70000000502", "+70000000503")
    child, mother, father = await a_family(town, "Ниоткудина", "Матушкин", *numbers)
    pupils = await town.bridged.room("pupils", "5А")
    parents = await town.bridged.room("parents", "5А")
    own = [await child.client.say(pupils, f"привет {n}") for n in range(3)]
    await mother.client.say(parents, "сообщение матери")
    teacher = await town.class_teacher("5А")

    data, page = await documents(mother, await mother.say("экспорт Ясмина"))
    assert data["profile"][0]["family_name"] == "Ниоткудина"
    assert [(role["kind"], role["class"], role["school"]) for role in data["roles"]] == [
        ("enrolment", "5А", SCHOOL)
    ]
    assert {(tie["who"], tie["given_name"], tie["state"]) for tie in data["family"]} == {
        ("parent", "Ольга", "active"),
        ("parent", "Денис", "active"),
    }
    assert {(one["about"], one["by"]) for one in data["consents"]} == {("self", "parent")}
    assert data["contacts"] == [{"kind": "phone", "value": numbers[0]}]
    assert {room["room"] for room in data["rooms"]} == {"class", "pupils", "materials"}
    assert "invite.open" in {entry["action"] for entry in data["journal"]}
    # Nobody else's name, number, account or id is in either document.
    others = [mother.person_id, father.person_id, teacher.person_id, mother.mxid, father.mxid]
    others += ["Матушкин", *numbers[1:]]
    for secret in others:
        assert secret not in page + json.dumps(data, ensure_ascii=False)

    # Both documents read in English, too.
    _, page = await documents(mother, await mother.say("export Ясмина"))
    assert "Data about a person" in page
    assert "invite opened, the child’s data shown" in page

    # At the console the index of the own messages is added: where and when, not what.
    out = tmp_path / "out"
    await console(town, "privacy", "export", child.person_id, "--output", str(out))
    written = (out / f"export-{child.person_id}.json").read_text("utf-8")
    messages = json.loads(written)["messages"]
    assert [(message["room"], message["event"]) for message in messages] == [
        ("pupils", event_id) for event_id in own
    ]
    assert "привет" not in written
    # The father gets the same; the class teacher and a classmate get nothing.
    data, _ = await documents(father, await father.say("экспорт Ясмина"))
    assert data["person"] == child.person_id
    classmate = await town.pupil("Глеб", "Капелькин")
    for who in (teacher, classmate):
        assert "нет прав" in (await who.ask("экспорт Ниоткудина Ясмина")).body


# --- who saw it -----------------------------------------------------------------------------


async def test_40_the_log_answers_who_looked_at_a_childs_data(town: Town) -> None:
    child, mother, _ = await a_family(town, "Нигдейкина", "Вьюгин")
    admin, teacher = await town.administrator(), await town.class_teacher("5А")
    assert "Ясмина Нигдейкина" in (await teacher.ask("найти Нигдейкина")).body
    await mother.say("экспорт Ясмина")

    # The administrator is told by name; reading it is a look, too.
    async with town.db.read() as tx:
        people = [await accounts.person(tx, who.person_id) for who in (teacher, admin)]
    [led_by, administered_by] = [person.full_name for person in people if person is not None]
    journal = (await admin.ask("журнал Нигдейкина Ясмина 50")).body
    for who, what in (
        (led_by, "показан в списке поиска"),
        ("Ольга Вьюгин", "данные выданы"),
        ("Ольга Вьюгин", "открыто приглашение, показаны данные ребёнка"),
        ("Денис Вьюгин", "открыто приглашение, показаны данные ребёнка"),
    ):
        assert f"{who}: {what} · Ясмина Нигдейкина" in journal
    again = (await admin.ask("журнал Нигдейкина Ясмина 50")).body
    assert f"{administered_by}: прочитан журнал · Ясмина Нигдейкина" in again
    # Everybody about themselves, without names; about others nobody.
    own = (await child.ask("журнал 50")).body
    assert "сотрудник школы: показан в списке поиска · вы" in own
    assert "Вьюгин" not in own
    assert "нет прав" in (await teacher.ask("журнал Нигдейкина")).body
    # The operator asks by id, and by days.
    looks = await read_log(town, "--person", child.person_id, "--looks")
    assert [(row["actor"], row["action"]) for row in looks[-3:]] == [
        (admin.person_id, "journal.read"),
        (admin.person_id, "journal.read"),
        (child.person_id, "journal.read"),
    ]
    assert (teacher.person_id, "person.find") in {(r["actor"], r["action"]) for r in looks}
    assert "Нигдейкина" not in json.dumps(looks, ensure_ascii=False)
    late = ("--person", child.person_id, "--looks", "--until", "2001-01-01")
    assert await read_log(town, *late) == []


# --- taking back, and destroying ------------------------------------------------------------


async def test_40_consent_withdrawn_and_the_child_erased_with_proof(
    town: Town, tmp_path: Path
) -> None:
    child, mother, father = await a_family(town, "Неповторимова", "Стрекозин", PHONE)
    pupils = await town.bridged.room("pupils", "5А")
    parents = await town.bridged.room("parents", "5А")
    await child.client.say(pupils, "от ребёнка")
    await mother.client.say(parents, "от матери")
    await father.client.say(parents, "от отца")

    await the_mother_withdraws_her_consent(town, child, mother, father)
    await she_asks_to_have_the_child_erased_and_the_school_agrees(town, child, mother)
    await looking_first_changes_nothing(town, child)
    await it_is_done_although_the_homeserver_is_away_at_first(town, child, tmp_path)

    await the_account_is_closed(town, child, pupils)
    assert await child.links() == []
    await father.gets_out_of("parents", "5А")
    # What others wrote stays, and so does what they have read.
    teacher = await town.class_teacher("5А")
    written = await teacher.client.texts(parents)
    assert {(mother.mxid, "от матери"), (father.mxid, "от отца")} <= set(written)
    assert (child.mxid, "от ребёнка") in await teacher.client.texts(pupils)
    await nothing_names_the_child(town, child, mother)
    await the_act_proves_it(tmp_path, child)
    await no_roster_brings_them_back(town, tmp_path, child)
    await console(town, "audit", "verify")


async def the_mother_withdraws_her_consent(
    town: Town, child: Who, mother: Who, father: Who
) -> None:
    """See the link end at once, and the register say since when."""
    [question] = await mother.say("отозвать согласие Ясмина")
    await mother.tap(question, "✅")
    assert [link.parent_id for link in await child.links()] == [father.person_id]
    await mother.gets_out_of("parents", "5А")
    async with town.db.read() as tx:
        held = {c.actor_id: c.withdrawn_at for c in await consents.of(tx, child.person_id)}
    assert held[mother.person_id]
    assert not held[father.person_id]


async def she_asks_to_have_the_child_erased_and_the_school_agrees(
    town: Town, child: Who, mother: Who
) -> None:
    """See an administrator decide, and the wish listed for whoever carries it out."""
    admin = await town.administrator()
    question = await mother.ask("удалить Ясмина")
    assert "Ясмина Неповторимова" in question.body
    assert "Просьба принята" in (await mother.tap(question, "✅"))[0].body
    asked = await admin.hears("Просьба удалить", "Ясмина Неповторимова", "отключился сам")
    [told] = await admin.tap(asked, "✅")
    assert f"sferum-bridge privacy erase {child.person_id} --school '{SCHOOL}'" in told.body
    await mother.hears("согласился удалить")
    [wish] = [row for row in await requests(town) if row["person"] == child.person_id]
    assert (wish["school"], wish["state"]) == (SCHOOL, "approved")


async def looking_first_changes_nothing(town: Town, child: Who) -> None:
    """Run the command dry."""
    dry = await console(town, "privacy", "erase", child.person_id, "--school", SCHOOL)
    assert "Nothing has been changed" in dry
    for category in ("имя, дата рождения", "почта и телефон", "роли в школе", "заявки и просьбы"):
        assert category in dry
    assert await child.is_in("pupils", "5А")
    assert len(await child.links()) == 1


async def it_is_done_although_the_homeserver_is_away_at_first(
    town: Town, child: Who, folder: Path
) -> None:
    """Destroy; what the homeserver has is said to be left, listed, and done later."""
    words = ["privacy", "erase", child.person_id, "--school", SCHOOL, "--yes"]
    words += ["--reason", "отзыв согласия", "--output", str(folder)]
    words += ["--by", "Оператор по приказу № 0", "--operator", OPERATOR]
    await town.bridged.synapse.stop()
    code, said = await run(town, *words, "--wait", "2")
    assert code != 0
    assert "homeserver does not answer" in said
    left = [row["state"] for row in await requests(town) if row["person"] == child.person_id]
    assert left == ["erased; accounts still to be closed: 1"]
    await town.bridged.synapse.start()
    # A kill after the homeserver did it and before that was noted: it is simply done again.
    await close_unnoticed(town, child)
    assert f"{child.mxid}: closed" in await console(town, *words)
    assert "Акт об уничтожении" in (folder / f"erasure-{child.person_id}.html").read_text("utf-8")
    assert "nothing is left to do" in await console(town, *words, "--lang", "en")
    assert child.person_id not in {row["person"] for row in await requests(town)}


async def requests(town: Town) -> list[dict[str, str]]:
    rows: list[dict[str, str]] = json.loads(await console(town, "privacy", "requests", "--json"))
    return rows


async def the_account_is_closed(town: Town, child: Who, room_id: str) -> None:
    """See that nobody signs in to it, that it is in no room, and has no name."""
    teacher = await town.class_teacher("5А")

    async def is_gone() -> bool:
        _, members = await teacher.client.call("GET", f"rooms/{room_id}/joined_members")
        return child.mxid not in members["joined"]

    await until(is_gone)
    status, _ = await child.client.call("GET", "joined_rooms")
    assert status == 401
    with pytest.raises(AssertionError, match="M_FORBIDDEN"):
        await town.sign_in(child.mxid, child.password)
    _, profile = await teacher.client.call("GET", f"profile/{child.mxid}")
    assert "Ясмин" not in json.dumps(profile, ensure_ascii=False)


async def nothing_names_the_child(town: Town, child: Who, mother: Who) -> None:
    """Look through every table, sealed or not, and through what the bot still says."""
    await town.quiet()
    async with town.db.read() as tx:
        held = await stored.texts(tx)
        mother_now = await accounts.person(tx, mother.person_id)
    for table, text in held.items():
        for secret in ("Неповторимов", PHONE):
            assert secret not in text, table
    assert child.mxid not in held["accounts"]
    assert mother_now is not None
    assert mother_now.full_name == "Ольга Стрекозин"
    admin = await town.administrator()
    for reply in (await mother.ask("мои дети"), await admin.ask("журнал 50")):
        assert "Неповторимов" not in reply.body


async def close_unnoticed(town: Town, child: Who) -> None:
    """Close an account at the homeserver as the command does, and note nothing."""
    async with opened_homeserver(town.bridged.config) as homeserver:
        closing = await close_account(homeserver, child.mxid)
    assert closing.outcome is Outcome.CLOSED
    async with town.db.read() as tx:
        [unfinished] = await erasing.unfinished(tx)
    assert unfinished.accounts == [child.mxid]


async def the_act_proves_it(acts: Path, child: Who) -> None:
    """Read the act and the extract of the log (приказ РКН № 179): whole, and of nobody's name."""
    content = json.loads((acts / f"erasure-{child.person_id}.json").read_text("utf-8"))
    page = (acts / f"erasure-{child.person_id}.html").read_text("utf-8")
    assert content["subject"] == child.person_id
    assert content["operator"] == OPERATOR
    assert (content["reason"], content["by"]) == ("отзыв согласия", "Оператор по приказу № 0")
    assert (content["accounts_closed"], content["accounts_left"]) == ("1", "0")
    assert {"profile", "contacts", "roles", "links", "cases"} <= {
        category for category, number in content["destroyed"].items() if number
    }
    actions = [entry["action"] for entry in content["log"]][::-1]
    ends = ("consent.withdraw", "erasure.approved", "privacy.erase", "account.close")
    assert [action for action in actions if action in ends] == list(ends)
    assert all(entry["hash"] for entry in content["log"])
    # The last run wrote it in English.
    for part in (
        "Act of destruction of personal data",
        "Extract of the event log",
        "Method",
        "e-mail and phone",
        "the system’s operator",
        "Signature",
    ):
        assert part in page
    for secret in ("Ясмин", "Неповторимов", PHONE):
        assert secret not in page + json.dumps(content, ensure_ascii=False)


async def no_roster_brings_them_back(town: Town, folder: Path, child: Who) -> None:
    """Import a list that names the child again: it is pointed out, and nobody is added."""
    sheet = folder / "again.xlsx"
    year = "2026/2027"
    pupil = {"family_name": "Неповторимова", "given_name": "Ясмина", "class_name": "5А"}
    classes = [{"name": "5А", "year": year}]
    write_workbook(sheet, {"Ученики": [pupil], "Классы": classes})
    for command in ("check", "apply"):
        words = ("roster", command, str(sheet), "--school", SCHOOL)
        said = await console(town, *words)
        assert "Неповторимова" in said
        assert "уничтожены" in said
        plan = json.loads(await console(town, *words, "--json"))
        assert [tuple(one["candidates"]) for one in plan["conflicts"]] == [(child.person_id,)]
    c = tables.people.c
    async with town.db.read() as tx:
        assert await tx.value(select(c.id).where(c.family_name == "Неповторимова")) is None
    # Somebody decides that they are to come back: then they do, as somebody new.
    await console(town, "privacy", "readmit", child.person_id, "--reason", "снова зачислена")
    await console(town, "roster", "apply", str(sheet), "--school", SCHOOL)
    async with town.db.read() as tx:
        new = await tx.value(select(c.id).where(c.family_name == "Неповторимова"))
        assert new not in {None, child.person_id}
        assert await dossier.schools_of(tx, new) == {(await schools.records(tx))[0].id}


# --- the log is whole, or says where it is not ----------------------------------------------


def _reworded(first: int, _second: int) -> Sequence[Executable]:
    return [update(tables.audit).where(tables.audit.c.id == first).values(actor="nobody")]


def _taken_out(first: int, _second: int) -> Sequence[Executable]:
    return [delete(tables.audit).where(tables.audit.c.id == first)]


def _put_in_another_order(first: int, second: int) -> Sequence[Executable]:
    c = tables.audit.c
    return [
        update(tables.audit).where(c.id == old).values(id=new)
        for old, new in ((first, -1), (second, first), (-1, second))
    ]


@pytest.mark.parametrize(
    ("spoil", "broken"),
    [(_reworded, 0), (_taken_out, 1), (_put_in_another_order, 0)],
    ids=["changed", "deleted", "reordered"],
)
async def test_40_a_log_that_was_tampered_with_says_where(
    town: Town, spoil: Callable[[int, int], Sequence[Executable]], broken: int
) -> None:
    await town.quiet()
    async with town.db.read() as tx:
        rows = await tx.all(select(tables.audit).order_by(tables.audit.c.id))
    assert "and none is missing" in await console(town, "audit", "verify")
    middle = len(rows) // 2
    first, second = rows[middle], rows[middle + 1]
    async with town.db.write() as tx:
        for statement in spoil(first.id, second.id):
            await tx.run(statement)
    code, said = await run(town, "audit", "verify")
    assert code == 1
    assert f"from record {(first, second)[broken].id} on" in said
    # As it was, it fits again.
    async with town.db.write() as tx:
        ids = [first.id, second.id]
        await tx.run(delete(tables.audit).where(tables.audit.c.id.in_(ids)))
        await tx.run(insert(tables.audit).values([dict(row._mapping) for row in (first, second)]))
    await console(town, "audit", "verify")
