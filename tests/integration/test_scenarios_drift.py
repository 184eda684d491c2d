"""Scenarios 26 and 37 (I-11): rooms that people changed by hand are put right, or reported."""

from __future__ import annotations

import asyncio
import json
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Any

import pytest
import pytest_asyncio
from click.testing import CliRunner
from sqlalchemy import func, select

from sferum_bridge.bot.texts import Texts
from sferum_bridge.cli import main
from sferum_bridge.store import accounts, schools, tables
from tests.support.bridge import BOT, BridgedSchool, until
from tests.support.scenario import Town

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.support.postgres import PostgresServer
    from tests.support.scenario import Who

pytestmark = pytest.mark.asyncio(loop_scope="session")

POWER, NAME = "m.room.power_levels", "m.room.name"
WITHIN = 15.0
"""Seconds in which a change that is noticed at once is to be put right."""


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def town(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Town]:
    """Give a settled school whose homeserver closes nothing: the bridge alone keeps its order."""
    folder = tmp_path_factory.mktemp("school")
    settings = {"summary_minutes": 0}
    school = await BridgedSchool.start(
        folder, classes=("5А",), pupils=1, extension=False, rooms=settings
    )
    async with AsyncExitStack() as stack:
        stack.push_async_callback(school.stop)
        yield await Town.open(school, stack)


async def state(town: Town, room: str, kind: str, key: str = "") -> dict[str, Any]:
    """Return what state says, as the bot is told; empty where there is none."""
    status, content = await town.bridged.bot_calls("GET", f"rooms/{room}/state/{kind}/{key}")
    return dict(content) if status == 200 else {}


async def in_the_bots_name(
    town: Town, room: str, kind: str, content: dict[str, Any], key: str = ""
) -> None:
    """Set state as somebody who has got hold of the bot's account, or of the server."""
    where = f"rooms/{room}/state/{kind}/{key}"
    status, answer = await town.bridged.bot_calls("PUT", where, content)
    assert status == 200, answer


async def with_all_power(
    town: Town, who: Who, room: str, method: str, where: str, **body: Any
) -> None:
    """Have a server's administrator give somebody all power in a room, which they use at once."""

    async def done() -> bool:
        levels = await state(town, room, POWER)
        levels["users"] = {**levels["users"], who.mxid: 100}
        await in_the_bots_name(town, room, POWER, levels)
        status, answer = await who.client.call(method, f"rooms/{room}/{where}", body)
        # The bridge may be quicker, and have taken the power away again.
        assert status in {200, 403}, answer
        return bool(status == 200)

    await until(done)


async def has_no_power(town: Town, who: Who, room: str) -> None:
    """Wait until somebody has no power in a room beyond a moderator's."""

    async def gone() -> bool:
        return bool((await state(town, room, POWER))["users"].get(who.mxid, 0) <= 50)

    await until(gone, WITHIN)


async def membership(town: Town, room: str, mxid: str) -> str:
    return str((await state(town, room, "m.room.member", mxid)).get("membership", "leave"))


async def rooms_command(town: Town, *words: str) -> tuple[int, str]:
    """Run `sferum-bridge rooms …` beside the bridge; return its exit code and output."""
    config = str(town.bridged.folder / "config.yaml")
    command = ["rooms", *words, "--config", config]
    ended = await asyncio.to_thread(CliRunner(env={"COLUMNS": "250"}).invoke, main, command)
    assert ended.exception is None or isinstance(ended.exception, SystemExit), ended.exception
    return ended.exit_code, ended.stdout


async def drifts_recorded(town: Town, action: str) -> int:
    c = tables.audit.c
    async with town.db.read() as tx:
        query = select(func.count()).where(c.action == action)
        return int(await tx.value(query))


# --- scenario 26 ----------------------------------------------------------------------------


async def test_26_a_members_invite_of_somebody_not_entitled_is_taken_back(town: Town) -> None:
    teacher, head = await town.class_teacher("5А"), await town.administrator()
    stranger = await town.outsider()
    room = await town.bridged.room("parents", "5А")
    await with_all_power(town, teacher, room, "POST", "invite", user_id=stranger.mxid)

    async def taken_back() -> bool:
        return await membership(town, room, stranger.mxid) == "leave"

    await until(taken_back, WITHIN)
    await has_no_power(town, teacher, room)
    told = await teacher.hears("5А · родители", "по ролям")
    assert stranger.mxid in told.body
    told = await stranger.hears("Делать ничего не нужно")
    assert "5А" not in told.body, "who is nobody here learns nothing of a class"
    told = await head.hears("посторонний удалён", stranger.mxid)
    assert "5А · родители" in told.body
    assert await town.actions_about(stranger.mxid) == ["drift.stranger"]


async def test_26_somebody_entitled_may_be_invited_by_hand(town: Town) -> None:
    teacher, pupil = await town.class_teacher("5А"), await town.pupil("Ася", "Гостева")
    room = await town.bridged.room("pupils", "5А")
    before = await drifts_recorded(town, "drift.stranger")
    status, _ = await pupil.client.call("POST", f"rooms/{room}/leave")
    assert status == 200
    await pupil.hears("вернуться")
    await with_all_power(town, teacher, room, "POST", "invite", user_id=pupil.mxid)
    status, answer = await pupil.client.call("POST", f"join/{room}")
    assert status == 200, answer
    await has_no_power(town, teacher, room)
    await settled_look(town, room)
    assert await pupil.is_in("pupils", "5А")
    assert await drifts_recorded(town, "drift.stranger") == before


async def settled_look(town: Town, room: str) -> None:
    """Wait until the bridge has looked at a room after all that happened there."""
    c = tables.rooms.c

    async def looked() -> bool:
        async with town.db.read() as tx:
            query = select(c.key).where(c.room_id == room, c.looked_at >= c.stirred_at)
            return await tx.value(query) is not None

    await asyncio.sleep(1)
    await until(looked, WITHIN)


# --- scenario 37 ----------------------------------------------------------------------------


async def test_37_a_class_teacher_renames_the_room(town: Town) -> None:
    teacher, room = await town.class_teacher("5А"), await town.bridged.room("class", "5А")
    status, _ = await teacher.client.call("PUT", f"rooms/{room}/state/{NAME}/", {"name": "Цирк"})
    assert status == 403, "the name is the school's"
    await with_all_power(town, teacher, room, "PUT", f"state/{NAME}/", name="Цирк")

    async def back() -> bool:
        return (await state(town, room, NAME)).get("name") == "5А"

    await until(back, WITHIN)
    await teacher.hears("Название чата «5А»", "администратор школы")
    await has_no_power(town, teacher, room)
    # The topic is the class teacher's own business.
    where = f"rooms/{room}/state/m.room.topic/"
    status, _ = await teacher.client.call("PUT", where, {"topic": "Собрание в пятницу"})
    assert status == 200
    await settled_look(town, room)
    assert (await state(town, room, "m.room.topic"))["topic"] == "Собрание в пятницу"


async def test_37_who_is_removed_by_hand_is_brought_back(town: Town) -> None:
    teacher, pupil = await town.class_teacher("5А"), await town.pupil("Ива", "Небылицына")
    room = await town.bridged.room("pupils", "5А")
    await with_all_power(town, teacher, room, "POST", "kick", user_id=pupil.mxid)
    told = await teacher.hears("Я возвращаю участника")
    assert "Ива Небылицына" in told.body
    await pupil.gets_into("pupils", "5А")
    assert "drift.removed" in await town.actions_about(pupil.person_id)


async def test_37_a_pupil_who_leaves_stays_out_and_may_return(town: Town) -> None:
    teacher, pupil = await town.class_teacher("5А"), await town.pupil("Лёва", "Выдумкин")
    room = await town.bridged.room("pupils", "5А")
    status, _ = await pupil.client.call("POST", f"rooms/{room}/leave")
    assert status == 200
    told = await pupil.hears("Вы вышли из чата «5А · ученики»")
    await teacher.hears("Вышли из чатов по своей воле", "Лёва Выдумкин", "5А · ученики")
    # Nothing brings them back: neither the school's next change nor a full look.
    school_id = await town.school_id()
    async with town.db.write() as tx:
        await schools.changed(tx, school_id)
    await town.bridged.settled()
    code, out = await rooms_command(town, "check", "--repair")
    assert (code, out.strip()) == (0, "Every room is as it should be.")
    assert not await pupil.is_in("pupils", "5А")
    assert await pupil.is_in("materials", "5А"), "one room was left, not the class"
    await town.quiet()
    assert not [r for r in await teacher.news() if "Лёва" in r.body], "told once"
    assert "«вернуться»" in told.body
    await pupil.say("вернуться")
    await pupil.gets_into("pupils", "5А")
    assert [r.body for r in await pupil.say("вернуться")] == [
        Texts().text("ru", "come-back-nothing").body
    ]
    actions = await town.actions_about(pupil.person_id)
    assert actions[-2:] == ["drift.left", "drift.back-again"]


async def test_37_a_ban_is_left_to_the_administrators(town: Town) -> None:
    teacher, pupil = await town.class_teacher("5А"), await town.pupil("Клим", "Бранин")
    head, room = await town.administrator(), await town.bridged.room("pupils", "5А")
    await with_all_power(town, teacher, room, "POST", "ban", user_id=pupil.mxid)
    told = await head.hears("запрет на вход оставлен", "Клим Бранин")
    school_id = await town.school_id()
    async with town.db.write() as tx:
        await schools.changed(tx, school_id)
    await town.bridged.settled()
    assert await membership(town, room, pupil.mxid) == "ban"
    # The line says what to type.
    line = next(line for line in told.body.splitlines() if "sferum-bridge" in line)
    words = line.partition("sferum-bridge rooms ")[2].rstrip("»").split()
    code, _ = await rooms_command(town, *words)
    assert code == 0
    await pupil.gets_into("pupils", "5А")


async def test_37_the_bot_that_was_removed_comes_back(town: Town) -> None:
    teacher, room = await town.class_teacher("5А"), await town.bridged.room("materials", "5А")
    levels = await state(town, room, POWER)
    levels["users"] = {**levels["users"], teacher.mxid: 100}
    await in_the_bots_name(town, room, POWER, levels)
    status, _ = await town.bridged.bot_calls("POST", f"rooms/{room}/leave", {})
    assert status == 200

    async def back() -> bool:
        return await membership(town, room, BOT) == "join"

    await until(back, WITHIN)
    await has_no_power(town, teacher, room)


async def test_37_what_cannot_be_repaired_is_reported_in_one_line(town: Town) -> None:
    head, teacher = await town.administrator(), await town.class_teacher("5А")
    outside, upgraded = [await town.bridged.room(k, "5А") for k in ("parents", "pupils")]
    staff = await town.bridged.room("staff")
    status, _ = await town.bridged.bot_calls("POST", f"rooms/{outside}/leave", {})
    assert status == 200
    foreign = {"body": "", "replacement_room": "!elsewhere:school.example"}
    await in_the_bots_name(town, upgraded, "m.room.tombstone", foreign)
    encryption = {"algorithm": "m.megolm.v1.aes-sha2"}
    await in_the_bots_name(town, staff, "m.room.encryption", encryption)
    heard: list[str] = []

    async def all_reported() -> bool:
        heard.extend(line for reply in await head.news() for line in reply.body.splitlines())
        return len([line for line in heard if "sferum-bridge rooms renew" in line]) == 3

    await until(all_reported)
    for room, what in (
        ("5А · родители", "помощника нет в чате"),
        ("5А · ученики", "объявлен заменённым"),
        ("Учительская", "включено шифрование"),
    ):
        assert any(room in line and what in line for line in heard), heard
    # The console says the same, and that it is not all right.
    code, out = await rooms_command(town, "check", "--repair", "--json")
    assert code == 1
    found = {(row["what"], row["key"].partition("/")[0]) for row in json.loads(out)}
    assert found == {("out", "parents"), ("upgraded", "pupils"), ("encrypted", "staff")}
    await town.quiet()
    assert not await head.news(), "reported once, however often it is found"
    code, _ = await rooms_command(town, "renew", *(row["key"] for row in json.loads(out)), "--yes")
    assert code == 0
    for kind, old in (("parents", outside), ("pupils", upgraded)):

        async def renewed(kind: str = kind, old: str = old) -> bool:
            return await town.bridged.room(kind, "5А") not in {"", old}

        await until(renewed)
        await teacher.gets_into(kind, "5А")
        new = await town.bridged.room(kind, "5А")
        assert (await state(town, new, "m.room.create"))["predecessor"]["room_id"] == old
    await town.bridged.settled()
    code, out = await rooms_command(town, "check")
    assert (code, out.strip()) == (0, "Every room is as it should be.")


async def test_37_a_room_made_anew_goes_on_with_the_linked_chat(town: Town) -> None:
    teacher = await town.class_teacher("5А")
    old = await town.bridged.room("pupils", "5А")
    people = ("Знайка Лунный",)
    chat = await town.bridged.link_chat(teacher.person_id, old, "5А ученики", people, relay=True)
    control = town.bridged.standin.control

    async def arrives(body: str, room: str) -> None:
        await control.post(chat.others[0], chat.chat, body)

        async def there() -> bool:
            return body in [said for _, said in await teacher.client.texts(room)]

        await until(there)

    await arrives("до замены", old)
    code, _ = await rooms_command(town, "renew", old, "--yes")
    assert code == 0

    async def renewed() -> str:
        room = await town.bridged.room("pupils", "5А")
        return room if room != old else ""

    new = str(await until(renewed))
    await teacher.gets_into("pupils", "5А")
    await arrives("после замены", new)
    assert "после замены" not in [said for _, said in await teacher.client.texts(old)]
    assert "до замены" in [said for _, said in await teacher.client.texts(old)]
    assert "до замены" not in [said for _, said in await teacher.client.texts(new)]
    await teacher.client.say(new, "ответ из новой комнаты")

    async def answered() -> bool:
        said = [message["text"] for message in await control.messages(chat.chat)]
        return "ответ из новой комнаты" in said

    await until(answered)


async def test_37_what_is_done_in_the_bots_own_name_is_found_by_a_look(town: Town) -> None:
    stranger, room = await town.outsider(), await town.bridged.room("materials", "5А")
    space = await town.bridged.room("class", "5А")
    status, _ = await town.bridged.bot_calls(
        "POST", f"rooms/{room}/invite", {"user_id": stranger.mxid}
    )
    assert status == 200
    await in_the_bots_name(town, room, "m.room.join_rules", {"join_rule": "public"})
    await in_the_bots_name(town, space, "m.space.child", {}, room)
    # Two at once, and the running bridge: what another has mended already is no failure.
    looks = await asyncio.gather(*(rooms_command(town, "check", "--repair") for _ in range(2)))
    assert [code for code, _ in looks] == [0, 0]
    assert await membership(town, room, stranger.mxid) == "leave"
    assert (await state(town, room, "m.room.join_rules"))["join_rule"] == "restricted"
    assert (await state(town, space, "m.space.child", room))["via"] == ["school.example"]


async def test_37_a_parent_with_a_new_account_keeps_everything(town: Town) -> None:
    teacher, child = await town.class_teacher("5А"), await town.pupil("Мила", "Потеряева")
    parent = await town.guardian(child, "Ольга", "Потеряева")
    code = (await child.say("пригласить"))[0].code
    await parent.ask(code)
    await parent.say("подтвердить")
    await parent.gets_into("parents", "5А")
    new = await town.outsider("Ольга")
    asked = await teacher.ask(f"сменить учётную запись Потеряева Ольга {new.mxid}")
    assert parent.mxid in asked.body
    assert new.mxid in asked.body
    assert await parent.is_in("parents", "5А"), "nothing happens before it is confirmed"
    await teacher.tap(asked, "✅")
    await new.gets_into("parents", "5А")
    await parent.gets_out_of("parents", "5А")
    await new.hears("Теперь это ваша учётная запись")
    assert "Мила" in (await new.ask("мои дети")).body
    assert (await parent.ask("мои дети")).body.count("Мила") == 0
    async with town.db.read() as tx:
        assert await accounts.mxids_of(tx, parent.person_id) == [new.mxid]
    assert "account.replace" in await town.actions_about(parent.person_id)
    assert [link.parent_id for link in await child.links()] == [parent.person_id]


async def test_37_nobody_replaces_an_account_they_have_no_right_to(town: Town) -> None:
    teacher, pupil = await town.class_teacher("5А"), await town.pupil("Иона", "Чужаков")
    head, new = await town.administrator(), await town.outsider()
    texts = Texts()

    async def answered(who: Who, whom: str, account: str) -> str:
        return (await who.ask(f"сменить учётную запись {whom} {account}")).body

    assert await answered(pupil, "Чужаков Иона", new.mxid) == texts.text("ru", "replace-right").body
    # A class teacher gets no hold of an administrator by their account.
    assert await answered(teacher, head.person_id, new.mxid) == (
        texts.text("ru", "find-nobody").body
    )
    assert await answered(head, head.person_id, new.mxid) == texts.text("ru", "replace-self").body
    taken = texts.text("ru", "replace-taken", account=pupil.mxid).body
    assert await answered(head, teacher.person_id, pupil.mxid) == taken
    silent = "@who:school.example"
    said = texts.text("ru", "replace-silent", account=silent).body
    assert await answered(teacher, "Чужаков Иона", silent) == said


# --- with the extension, most of it does not happen in the first place -----------------------


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def closed(
    tmp_path_factory: pytest.TempPathFactory, postgres: PostgresServer
) -> AsyncIterator[Town]:
    """Give a settled school on PostgreSQL whose homeserver has the extension."""
    folder = tmp_path_factory.mktemp("closed")
    settings = {"summary_minutes": 0}
    school = await BridgedSchool.start(folder, postgres, classes=("5А",), pupils=1, rooms=settings)
    async with AsyncExitStack() as stack:
        stack.push_async_callback(school.stop)
        yield await Town.open(school, stack)


async def test_26_and_37_with_the_extension_little_is_left_to_repair(closed: Town) -> None:
    teacher, pupil = await closed.class_teacher("5А"), await closed.pupil("Ася", "Гостева")
    head, stranger = await closed.administrator(), await closed.outsider()
    room = await closed.bridged.room("pupils", "5А")
    levels = await state(closed, room, POWER)
    levels["users"] = {**levels["users"], teacher.mxid: 100}
    # Not even in the bot's own name, as by Synapse's make_room_admin.
    status, _ = await closed.bridged.bot_calls("PUT", f"rooms/{room}/state/{POWER}", levels)
    assert status == 403
    for method, where, body in (
        ("POST", "invite", {"user_id": stranger.mxid}),
        ("POST", "kick", {"user_id": pupil.mxid}),
        ("POST", "upgrade", {"new_version": "12"}),
        ("PUT", f"state/{NAME}/", {"name": "Цирк"}),
    ):
        status, _ = await teacher.client.call(method, f"rooms/{room}/{where}", body)
        assert status == 403, where
    await in_the_bots_name(closed, room, NAME, {"name": "Цирк"})

    async def back() -> bool:
        return (await state(closed, room, NAME)).get("name") == "5А · ученики"

    await until(back, WITHIN)
    await head.hears("изменено название", "5А · ученики")
    status, _ = await pupil.client.call("POST", f"rooms/{room}/leave")
    assert status == 200, "nobody is held against their will"
    await pupil.hears("вернуться")
    await pupil.say("вернуться")
    await pupil.gets_into("pupils", "5А")
    code, _ = await rooms_command(closed, "check")
    assert code == 0
