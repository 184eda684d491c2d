"""Scenario 35: the year turns; classes move up with their rooms, and it can all be taken back."""

from __future__ import annotations

import asyncio
import json
import secrets
import sys
from contextlib import AsyncExitStack
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
import pytest_asyncio

from sferum_bridge.school.layout import Kind, layout
from sferum_bridge.store import accounts, rooms, schools
from tests.support.bridge import BOT, BridgedSchool, until
from tests.support.scenario import Town

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.support.scenario import Who

pytestmark = pytest.mark.asyncio(loop_scope="session")

NEXT = "2027/2028"
SCHOOL = "Школа № 0"
FORBIDDEN = 403


@dataclass(frozen=True)
class People:
    """Whoever the scenario follows."""

    asya: Who
    """Goes with 5Б into 6А."""
    mother: Who
    lev: Who
    """Of 5А, stays in the grade."""
    foma: Who
    """Of 5Б, stays in the grade."""
    ivan: Who
    """Of 11А, graduates."""
    father: Who


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def town(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Town]:
    """Give a settled school of four small classes."""
    classes = ("4А", "5А", "5Б", "11А")
    folder = tmp_path_factory.mktemp("school")
    school = await BridgedSchool.start(folder, classes=classes, pupils=1)
    async with AsyncExitStack() as stack:
        stack.push_async_callback(school.stop)
        yield await Town.open(school, stack)


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def people(town: Town) -> People:
    """Bring the families in."""
    asya = await town.pupil("Ася", "Выдумкина", "5Б")
    mother = await town.guardian(asya, "Ольга", "Выдумкина")
    lev, foma = await town.pupil("Лев", "Сказкин"), await town.pupil("Фома", "Сказкин", "5Б")
    ivan = await town.pupil("Иван", "Небылицын", "11А")
    father = await town.guardian(ivan, "Пётр", "Небылицын")
    for parent, child, where in ((mother, asya, "5Б"), (father, ivan, "11А")):
        code = (await child.say("пригласить"))[0].code
        await parent.ask(code)
        await parent.ask("подтвердить")
        await parent.gets_into("parents", where)
    return People(asya, mother, lev, foma, ivan, father)


async def members(town: Town) -> dict[str, set[str]]:
    """Return key of a room → who is in it at the homeserver, the bot aside."""
    found = {}
    for key, room in (await made(town)).items():
        _, answer = await town.bridged.bot_calls("GET", f"rooms/{room.room_id}/joined_members")
        found[key] = set(answer["joined"]) - {BOT}
    return found


async def wanted(town: Town) -> dict[str, set[str]]:
    """Return key of a room → who should be in it, by the rules and the stored school."""
    async with town.db.read() as tx:
        record = (await schools.records(tx))[0]
        here = await schools.load(tx, record.id)
        mxids = await accounts.by_person(tx)
        return {
            room.key: {mxid for id_ in room.members for mxid in mxids.get(id_, ())}
            for room in layout(here, record.day(tx.now))
        }


async def names(town: Town) -> dict[str, str]:
    """Return key of a room → its name at the homeserver."""
    found = {}
    for key, room in (await made(town)).items():
        where = f"rooms/{room.room_id}/state/m.room.name"
        found[key] = (await town.bridged.bot_calls("GET", where))[1]["name"]
    return found


async def writes(who: Who, room: str) -> int:
    """Let somebody write into a room; return the homeserver's status."""
    where = f"rooms/{room}/send/m.room.message/{secrets.token_hex(8)}"
    content = {"msgtype": "m.text", "body": "можно?"}
    return int((await who.client.call("PUT", where, content))[0])


async def console(town: Town, *words: str) -> Any:
    """Run a command of the console beside the running bridge; return its JSON."""
    command = [sys.executable, "-m", "sferum_bridge", "school", "year", *words, "--json"]
    command += ["--config", str(town.bridged.folder / "config.yaml")]
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(*command, stdout=pipe, stderr=pipe)
    out, errors = await process.communicate()
    assert process.returncode == 0, out.decode() + errors.decode()
    return json.loads(out)


async def test_35_the_year_turns_and_back(town: Town, people: People) -> None:
    p, school = people, town.bridged
    fifth, other, leaving = [
        {kind: await school.room(kind, name) for kind in ("pupils", "parents")}
        for name in ("5А", "5Б", "11А")
    ]
    await p.lev.client.say(fifth["pupils"], "что было в пятом")
    await p.mother.client.say(other["parents"], "что было у родителей")
    classmate = min(await of_the_list(town, "5А"))
    await school.settled()  # a parent waits for the parents' room alone, the others follow it
    before, called = await members(town), await names(town)
    assert before == await wanted(town)

    # The preview lists everything and changes nothing; the console says the same.
    administrator = await town.administrator()
    said = f"год {NEXT}; 5А+5Б=6А; 5А Сказкин Лев=повторно; 5Б Сказкин Фома=повторно; =1А"
    file, shown = [r for r in await administrator.say(said) if r.content["msgtype"] != "m.image"]
    assert file.content["msgtype"] == "m.file"
    for words in ("4А → 5А", "5А → 6А", "5Б → 6А", "11А — выпуск", "1А — новый класс"):
        assert words in shown.body
    assert "Сказкин Лев: 5А → 5А" in shown.body
    listed = await console(town, "preview", *said.removeprefix("год ").split("; "))
    changes = {(one["kind"], one["now"]): one for one in listed["rooms"]}
    assert len(changes["pupils", "6А"]["joins"]) == 2, "Ася and the one pupil of the list"
    assert changes["pupils", "6А"]["leaves"] == [p.lev.person_id]
    assert await names(town) == called

    # Applied by the school's name; the bridge is killed as soon as the first room has changed.
    await administrator.say(SCHOOL)

    async def under_way() -> bool:
        return any(room.actual.get("read_only") for room in (await made(town)).values())

    await until(under_way, 60)
    await school.kill_bridge()
    await school.start_bridge()
    await school.settled()
    assert await members(town) == await wanted(town), "nobody is missing, nobody is too much"
    await turned(town, p, fifth, other, leaving)
    pupil = await school.client(classmate)
    assert "что было в пятом" in [body for _, body in await pupil.texts(fifth["pupils"])]

    # Undone as a whole from the console, memberships and names are as they were.
    undone = await console(town, "undo", "--yes")
    assert undone["left"] == []
    await school.settled()
    now = await members(town)
    new = now.keys() - before.keys()
    assert {key: now[key] for key in before} == before
    assert not set().union(*(now[key] for key in new)), "nobody is left in what was made"
    again = await names(town)
    assert {key: again[key] for key in called} == called
    assert await writes(p.asya, other["pupils"]) == 200
    assert await writes(p.mother, other["parents"]) == 200


async def turned(
    town: Town, p: People, fifth: dict[str, str], other: dict[str, str], leaving: dict[str, str]
) -> None:
    """Look at everything as the people see it."""
    school = town.bridged
    # 6А keeps the room of 5А and what was said there; its people come in, parents too.
    assert await school.room("pupils", "6А") == fifth["pupils"]
    called = await names(town)
    at = {room.room_id: key for key, room in (await made(town)).items()}
    assert called[at[fifth["pupils"]]] == "6А · ученики"
    await p.asya.gets_into("pupils", "6А")
    await p.mother.gets_into("parents", "6А")
    # Second-year pupils are in the fifth class of this year, and out of the sixth.
    for who in (p.lev, p.foma):
        await who.gets_into("pupils", "5А")
        assert fifth["pupils"] not in await who.client.joined()
        await who.hears("5А")
    # 5Б can be read, says where it goes on, and nobody writes there.
    assert called[at[other["pupils"]]] == "5Б (2026/2027) · ученики"

    async def says(who: Who, room: str, words: str) -> bool:
        return any(words in body for _, body in await who.client.texts(room))

    link = f"https://matrix.to/#/{fifth['parents']}"
    await until(lambda: says(p.mother, other["parents"], link))
    assert await says(p.mother, other["parents"], "что было у родителей")
    for who, room in ((p.asya, other["pupils"]), (p.mother, other["parents"])):
        assert await writes(who, room) == FORBIDDEN
    # Graduates and their parents read, and are of the school no more.
    assert called[at[leaving["pupils"]]] == "Выпуск 2027 · 11А · ученики"
    for who, room in ((p.ivan, leaving["pupils"]), (p.father, leaving["parents"])):
        assert room in await who.client.joined()
        await until(partial(says, who, room, "выпуск"))
        assert await writes(who, room) == FORBIDDEN
    assert (await p.ivan.ask("почему")).body.count("11А") == 1
    # The new class has its rooms.
    assert await school.room(Kind.PUPILS.value, "1А")


async def made(town: Town) -> dict[str, Any]:
    school_id = await town.school_id()
    async with town.db.read() as tx:
        return dict(await rooms.of_school(tx, school_id))


async def of_the_list(town: Town, class_name: str) -> set[str]:
    """Return the pupils of a class whom the first list named."""
    here = await town.bridged.school()
    known = {member.person_id for member in town.bridged.members}
    [class_id] = [c.id for c in here.classes.values() if c.name == class_name and not c.closed_on]
    return {e.person_id for e in here.enrolments if e.class_id == class_id} & known
