"""Scenario 30: «Мои документы», through a real Synapse, from its owner's side and everybody else's.

Ольга's phone is matrix-nio, her desktop and everybody else the plain client.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import io
import secrets
import zipfile
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import nio
import pytest
import pytest_asyncio
from sqlalchemy import select

from sferum_bridge import app
from sferum_bridge.matrix.client import Homeserver
from sferum_bridge.store import documents, erasing, queues, tables
from sferum_bridge.store.blobs import Blobs
from sferum_bridge.store.database import Database
from tests.support import guide, outside
from tests.support.at_nio import at_nio
from tests.support.bridge import BOT, BridgedSchool, Client, until
from tests.support.scenario import Reply, Town, Who

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
    from contextlib import AbstractAsyncContextManager
    from pathlib import Path

    from sferum_bridge.app import Bridge

MARK = secrets.token_bytes(24)
"""Stands in every document, so that a look at the disk finds what lies readable."""
pytestmark = pytest.mark.asyncio(loop_scope="session")


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def town(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Town]:
    """Give a settled school where a document may have one megabyte."""
    school = await BridgedSchool.start(tmp_path_factory.mktemp("school"), pupils=1)
    async with AsyncExitStack() as stack:
        stack.push_async_callback(school.stop)
        school.change_settings("documents", most_megabytes=1, quota_megabytes=5)
        await school.stop_bridge()
        await school.start_bridge()
        yield await Town.open(school, stack)


async def upload(client: nio.AsyncClient, data: bytes, name: str, mime: str) -> dict[str, Any]:
    """Put a file up from the phone; return the message that shows it."""
    answer, _ = await client.upload(io.BytesIO(data), mime, name, filesize=len(data))
    assert isinstance(answer, nio.UploadResponse), answer
    info = {"mimetype": mime, "size": len(data)}
    kind = "m.image" if mime.startswith("image/") else "m.file"
    shown = {"msgtype": kind, "body": name, "filename": name}
    return {**shown, "info": info, "url": answer.content_uri}


async def send(client: nio.AsyncClient, room_id: str, content: dict[str, Any]) -> str:
    answer = await client.room_send(room_id, "m.room.message", content)
    assert isinstance(answer, nio.RoomSendResponse), answer
    return str(answer.event_id)


async def opens(client: Client, media: str) -> bytes | None:
    """Return what somebody gets for a file's address, `None` where they are refused."""
    where = media.removeprefix("mxc://")
    url = f"{client.url}/_matrix/client/v1/media/download/{where}"
    headers = {"Authorization": f"Bearer {client.token}"}
    async with client.session.get(url, headers=headers) as answer:
        return await answer.read() if answer.status == 200 else None


def readable(folder: Path) -> list[str]:
    """Return the files in which a document lies readable, of bridge and homeserver alike."""
    found = outside.read(folder.rglob("*"))
    return [str(path.relative_to(folder)) for path, data in found.items() if MARK in data]


async def nothing_readable(town: Town) -> None:
    async def none() -> bool:
        return not await asyncio.to_thread(readable, town.bridged.folder)

    await until(none)


def stored(town: Town) -> list[Path]:
    return list((town.bridged.folder / "documents").iterdir())


@dataclass(frozen=True, slots=True)
class Family:
    """A child of 5А with two parents: Ольга keeps documents until she is erased, then Денис."""

    child: Who
    olga: Who
    denis: Who


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def family(town: Town) -> Family:
    """Bring the family in."""
    child = await town.pupil("Алёна", "Хранова")
    parents = []
    for given in ("Ольга", "Денис"):
        parent = await town.guardian(child, given, "Хранова")
        await parent.ask(next(r for r in await child.say("пригласить")).code)
        await parent.ask("подтвердить")
        parents.append(parent)
    for who in (child, *parents):
        await who.news()
    return Family(child, *parents)


async def file_in(who: Who, *, name: str) -> Reply:
    """Wait until the bot shows a file of that name in somebody's chat."""

    async def found() -> Reply | None:
        where = f"rooms/{who.chat}/messages"
        _, answer = await who.client.call("GET", where, dir="b", limit="30")
        for event in answer["chunk"]:
            content = event.get("content", {})
            if event["sender"] == BOT and content.get("body") == name and content.get("url"):
                return Reply(event["event_id"], name, content)
        return None

    return await until(found)  # type: ignore[no-any-return]  # until returns what was found


async def test_30_my_documents(town: Town, family: Family) -> None:
    child, olga, denis = family.child, family.olga, family.denis
    teacher, administrator = await town.class_teacher("5А"), await town.administrator()
    operator = await server_administrator(town)
    strangers = [one.client for one in (denis, child, teacher, administrator)] + [operator]
    contents = {
        "Справка.pdf": ("application/pdf", MARK + secrets.token_bytes(200_000)),
        "СНИЛС.jpg": ("image/jpeg", MARK + b"picture"),
        "Полис.pdf": ("application/pdf", MARK),
    }
    shown = guide.Transcript()
    told = await olga.ask("документы")
    shown.say("Ольга", "документы")
    shown.say("Помощник", told.body)
    assert "1 МБ" in told.body
    assert "5 МБ" in told.body
    async with at_nio(olga.town.bridged, olga) as phone:
        sent = []
        for name, (mime, data) in contents.items():
            content = await upload(phone, data, name, mime)
            sent.append((content["url"], await send(phone, olga.chat, content)))
        for _, event_id in sent:
            await town.worked_off(event_id)
    kept = [reply.body for reply in await olga.news()]
    assert [next(n for n in contents if f"Сохранил: {n}" in body) for body in kept] == [*contents]
    shown.say("Ольга", "(Справка.pdf)")
    shown.say("Помощник", kept[0])
    # What she sent is gone, from the chat and from the homeserver's disk.
    await nothing_readable(town)
    for media, event_id in sent:
        _, event = await olga.client.call("GET", f"rooms/{olga.chat}/event/{event_id}")
        assert "url" not in event["content"]
        assert [await opens(one, media) for one in (*strangers, olga.client)] == [None] * 6
    assert len(stored(town)) == 3

    # On the desktop she opens all three; nobody else does, by no id and no name.
    listed = await olga.ask("документы")
    assert all(f"{n}. {name}" in listed.body for n, name in enumerate(contents, 1))
    for number, (name, (_, data)) in enumerate(contents.items(), 1):
        await olga.say(f"получить {number}")
        reply = await file_in(olga, name=name)
        assert await opens(olga.client, reply.content["url"]) == data
        assert [await opens(one, reply.content["url"]) for one in strangers] == [None] * 5
    for who in (denis, child, teacher, administrator):
        for said in ("документы", "получить 1", "получить Справка", "документы архив"):
            assert all("Справка" not in reply.body for reply in await who.say(said))

    await what_does_not_fit_is_refused(town, olga)
    await a_copy_for_the_teacher(town, olga, teacher, strangers, shown)
    guide.hold("documents", "ru.md", shown)

    archive = await an_archive(olga, {name: data for name, (_, data) in contents.items()})

    # With the account everything goes: from the bridge's disk, and all that lay readable.
    async with town.db.write() as tx:
        await erasing.erase(tx, olga.person_id, "console", "asked for")
    await town.quiet()
    assert stored(town) == []
    await nothing_readable(town)
    assert await opens(olga.client, archive) is None


async def what_does_not_fit_is_refused(town: Town, olga: Who) -> None:
    """See that a limit is named, and that what was refused does not stay either."""
    async with at_nio(olga.town.bridged, olga) as phone:
        large = await upload(phone, MARK + bytes(2_000_000), "фильм.mp4", "video/mp4")
        await town.worked_off(await send(phone, olga.chat, large))
        assert "один файл — до 1 МБ" in (await olga.hears("фильм.mp4", "не сохранён")).body
        # Also where the client says it is small.
        small = await upload(phone, MARK + bytes(2_000_000), "ролик.mp4", "video/mp4")
        small["info"] = {"mimetype": "video/mp4", "size": 10}
        await town.worked_off(await send(phone, olga.chat, small))
        assert "один файл — до 1 МБ" in (await olga.hears("ролик.mp4", "не сохранён")).body
        model = await upload(phone, MARK, "модель.stl", "model/stl")
        await town.worked_off(await send(phone, olga.chat, model))
        assert "docx" in (await olga.hears("модель.stl", "не хранятся")).body


async def an_archive(olga: Who, contents: dict[str, bytes]) -> str:
    """Get everything at once, as a file any computer opens; return its address."""
    await olga.say("документы архив")
    archive = await file_in(olga, name="документы-1-из-1.zip")
    packed = await opens(olga.client, archive.content["url"])
    assert packed is not None
    with zipfile.ZipFile(io.BytesIO(packed)) as whole:
        assert {name: whole.read(name) for name in whole.namelist()} == contents
    return str(archive.content["url"])


async def a_copy_for_the_teacher(
    town: Town, olga: Who, teacher: Who, strangers: Sequence[Client], shown: guide.Transcript
) -> None:
    other = await town.class_teacher("5Б")
    person = (await town.bridged.school()).people[teacher.person_id]
    ask = await olga.ask(f"поделиться 1 {person.family_name} {person.given_name}")
    assert f"Передать копию Справка.pdf — {person.formal_name}" in ask.body
    [done] = await olga.tap(ask, "✅")
    assert "Копия «Справка.pdf» передана" in done.body
    copy = await file_in(teacher, name="Справка.pdf")
    heard = await teacher.hears("передаёт вам копию документа")
    shown.say("Ольга", "поделиться 1")
    for who, body in (("Помощник", ask.body), ("Ольга", "✅"), ("Помощник", done.body)):
        # The teacher of the roster is another in each run.
        shown.say(who, body.replace(person.formal_name, "Мария Ивановна"))
    shown.chat("чат учителя с помощником")
    shown.say("Помощник", heard.body)
    shown.say("Помощник", "(Справка.pdf)")
    media = copy.content["url"]
    got = await opens(teacher.client, media)
    assert got is not None
    assert got.startswith(MARK)
    refused = [one for one in strangers if one.mxid != teacher.mxid]
    assert [await opens(one, media) for one in (*refused, other.client)] == [None] * 5
    # When its time is over it goes, message and file.
    async with town.db.write() as tx:
        await documents.due(tx, media, tx.now, copy.event_id)

    async def gone() -> bool:
        return await opens(teacher.client, media) is None

    await until(gone)
    _, event = await teacher.client.call("GET", f"rooms/{teacher.chat}/event/{copy.event_id}")
    assert "url" not in event["content"]


async def server_administrator(town: Town) -> Client:
    """Sign in a server administrator of Synapse, who is nobody at the school."""
    session, url = town.bridged.session, town.bridged.synapse.url
    where = f"{url}/_synapse/admin/v1/register"
    async with session.get(where) as answer:
        nonce = (await answer.json())["nonce"]
    words = (nonce, "operator", "secret-of-operator", "admin")
    key = town.bridged.synapse.registration_shared_secret.encode()
    mac = hmac.new(key, "\0".join(words).encode(), hashlib.sha1).hexdigest()
    body = {"nonce": nonce, "username": words[1], "password": words[2], "admin": True, "mac": mac}
    async with session.post(where, json=body) as answer:
        told = await answer.json()
        assert answer.status == 200, told
    return Client(session, url, told["user_id"], told["access_token"])


async def test_a_file_of_others_is_neither_read_nor_deleted_by_way_of_a_store(
    town: Town, family: Family
) -> None:
    denis = family.denis
    other, teacher = await town.pupil("Лев", "Соседов", "5Б"), await town.class_teacher("5А")
    secret = await put_up(other.client, b"of another class")
    public = await put_up(teacher.client, b"for the whole class")
    own = await put_up(denis.client, b"shown in the class before")
    parents = await town.bridged.room("parents", "5А")
    await denis.gets_into("parents", "5А")
    await show(denis.client, parents, own, "f.txt")
    content = {"msgtype": "m.file", "body": "чужое.txt", "url": secret}
    where = f"rooms/{denis.chat}/send/m.room.message/{secrets.token_hex(8)}"
    status, _ = await denis.client.call("PUT", where, content)
    assert status == 403, "what he may not read the homeserver lets him show to nobody"
    event_id = await show(denis.client, denis.chat, public, "чужое.txt")
    await town.worked_off(event_id)
    await denis.hears("Сохранил: чужое.txt")
    assert await opens(other.client, secret) is not None
    assert await opens(teacher.client, public) is not None, "it stays where it was shown"
    # What he forwards of his own stays in the other chat as well, be it of a moment ago.
    event_id = await show(denis.client, denis.chat, own, "своё.txt")
    await town.worked_off(event_id)
    await denis.hears("Сохранил: своё.txt")
    # Or of two hours ago, when nobody looks any more at what shows it.
    ts = town.db.clock() + 2 * 3_600_000
    async with app.opened_homeserver(town.bridged.config) as homeserver:
        content = {"msgtype": "m.file", "body": "своё.txt", "url": own}
        event_id = await homeserver.send(
            denis.chat, "m.room.message", "forwarded", content, user=denis.mxid, puppet=True, ts=ts
        )
    await town.worked_off(event_id)
    await denis.hears("Сохранил: своё (2).txt")

    async def is_worked_off() -> bool:
        async with town.db.read() as tx:
            return not await tx.all(select(tables.open_files))

    await until(is_worked_off)
    assert await opens(denis.client, own) is not None


async def put_up(client: Client, data: bytes) -> str:
    url = f"{client.url}/_matrix/media/v3/upload"
    headers = {"Authorization": f"Bearer {client.token}", "Content-Type": "text/plain"}
    async with client.session.post(url, data=data, headers=headers) as answer:
        told = await answer.json()
        assert answer.status == 200, told
    return str(told["content_uri"])


async def show(client: Client, room_id: str, media: str, name: str) -> str:
    info = {"mimetype": "text/plain", "size": 10}
    content = {"msgtype": "m.file", "body": name, "url": media, "info": info}
    where = f"rooms/{room_id}/send/m.room.message/{secrets.token_hex(8)}"
    status, answer = await client.call("PUT", where, content)
    assert status == 200, answer
    return str(answer["event_id"])


async def test_a_room_of_ones_own_takes_documents_and_nobody_else(
    town: Town, family: Family
) -> None:
    child, denis = family.child, family.denis
    told = (await denis.ask("документы комната")).body
    room_id = told.partition("matrix.to/#/")[2].split(".")[0].split(" ")[0]
    [room_id] = [one for one in await denis.client.joined() if one.startswith(room_id[:20])]
    body = {"user_id": child.mxid}
    assert (await denis.client.call("POST", f"rooms/{room_id}/invite", body))[0] == 403
    assert (await child.client.call("POST", f"rooms/{room_id}/join"))[0] != 200
    media = await put_up(denis.client, MARK + b"in the room")
    await town.worked_off(await show(denis.client, room_id, media, "Договор.txt"))
    texts = await denis.client.texts(room_id)
    assert any(sender == BOT and "Сохранил: Договор.txt" in text for sender, text in texts)
    # It is asked for again and is the same; news still come into the direct chat.
    await denis.say("документы комната")
    rooms = [one for one in await denis.client.joined() if one == room_id]
    assert len(rooms) == 1
    async with town.db.read() as tx:
        query = select(tables.rooms.c.room_id).where(tables.rooms.c.kind == "documents")
        assert [row.room_id for row in await tx.all(query)].count(room_id) == 1


# --- a kill between any two steps ---------------------------------------------------------------


if TYPE_CHECKING:
    Build = Callable[[], AbstractAsyncContextManager[Bridge]]
    Look = Callable[[Bridge], Awaitable[None]]
    Work = Callable[[Town, Who, Bridge, bytes], Awaitable[Look]]


class Killed(BaseException):
    """The process is no more."""


class Scythe:
    """Ends whoever takes the step after the next `left` ones: requests, commits, files."""

    def __init__(self, left: int) -> None:
        self.left = left

    def step(self) -> None:
        self.left -= 1
        if self.left < 0:
            raise Killed

    def over(self, patch: pytest.MonkeyPatch) -> None:
        """Have every step counted, before it is taken and after."""
        write, request, stream = Database.write, Homeserver.request, Homeserver.stream
        blob, remove = Blobs._write, Blobs.remove

        @asynccontextmanager
        async def counted_write(db: Database, **how: bool) -> AsyncIterator[Any]:
            self.step()
            async with write(db, **how) as tx:
                yield tx
            self.step()

        async def counted_request(homeserver: Homeserver, *args: Any, **named: Any) -> Any:
            self.step()
            answer = await request(homeserver, *args, **named)
            self.step()
            return answer

        def counted_stream(homeserver: Homeserver, where: str) -> Any:
            self.step()
            return stream(homeserver, where)

        async def counted_blob(blobs: Blobs, *args: Any) -> int:
            size = await blob(blobs, *args)
            self.step()
            return size

        def counted_remove(blobs: Blobs, blob_id: str) -> None:
            self.step()
            remove(blobs, blob_id)
            self.step()

        patch.setattr(Database, "write", counted_write)
        patch.setattr(Homeserver, "request", counted_request)
        patch.setattr(Homeserver, "stream", counted_stream)
        patch.setattr(Blobs, "_write", counted_blob)
        patch.setattr(Blobs, "remove", counted_remove)


async def test_a_kill_between_any_two_steps_leaves_nothing_half_done(
    town: Town, family: Family
) -> None:
    await town.bridged.kill_bridge()
    without_sferum = town.bridged.config.sferum.model_copy(update={"enabled": False})
    config = town.bridged.config.model_copy(update={"sferum": without_sferum})
    try:
        async with town.bridged.database() as db, app.opened_homeserver(config) as homeserver:
            build = partial(app.built, config, db, homeserver, town.bridged.folder)
            for work in (_taking, _giving, _deleting):
                killed = 0
                while await _is_killed(build, town, family.denis, work, killed):
                    killed += 1
                assert killed > 3, "there is more than one step to be killed at"
    finally:
        await town.bridged.start_bridge()
    await town.quiet()
    await nothing_readable(town)


async def _is_killed(build: Build, town: Town, who: Who, work: Work, steps: int) -> bool:
    """Kill the bridge behind so many steps of some work; see that the next start mends it."""
    data = MARK + secrets.token_bytes(100)
    was_killed = False
    async with build() as bridge:
        begun = await work(town, who, bridge, data)
        with pytest.MonkeyPatch.context() as patch:
            Scythe(steps).over(patch)
            try:
                await work_off(bridge)
            except Killed:
                was_killed = True
    async with build() as bridge:
        await work_off(bridge)
        await begun(bridge)
    return was_killed


async def work_off(bridge: Bridge) -> None:
    """Do all that a start and the lanes of documents would."""
    keeper = bridge.document_keeper
    await keeper.sweep()
    while True:
        async with bridge.db.read() as tx:
            lanes = [
                lane
                for lane in await queues.lanes(tx, queues.INBOX)
                if lane.startswith(documents.LANE)
            ]
            items = [i for lane in lanes for i in await queues.waiting(tx, queues.INBOX, lane, 9)]
        if not items:
            break
        for item in items:
            await keeper.handle(item)
    await bridge.closing.once()


async def _own(bridge: Bridge, who: Who) -> Sequence[documents.Document]:
    async with bridge.db.read() as tx:
        return await documents.of(tx, who.person_id)


async def _known(bridge: Bridge) -> set[str]:
    async with bridge.db.read() as tx:
        return await documents.ids(tx)


async def _told(bridge: Bridge, words: str) -> int:
    """Return how many messages of the bot that wait hold these words."""
    async with bridge.db.read() as tx:
        lanes = await queues.lanes(tx, queues.OUTBOX)
        rows = [
            i.content for lane in lanes for i in await queues.waiting(tx, queues.OUTBOX, lane, 999)
        ]
    return sum(words in row["content"].get("body", "") for row in rows)


async def _taking(town: Town, who: Who, bridge: Bridge, data: bytes) -> Look:
    before = {one.id for one in await _own(bridge, who)}
    name = f"{secrets.token_hex(4)}.txt"
    media = await put_up(who.client, data)
    event_id = await show(who.client, who.chat, media, name)
    event = await bridge.homeserver.event(who.chat, event_id)
    async with bridge.db.write() as tx:
        await queues.put(tx, queues.INBOX, "test", event_id, {**event, "room_id": who.chat})
        [item] = await queues.waiting(tx, queues.INBOX, "test", 9)
    await bridge.bot.handle(item)

    async def begun(later: Bridge) -> None:
        [one] = [each for each in await _own(later, who) if each.id not in before]
        blobs = later.document_keeper._blobs
        assert b"".join([p async for p in blobs.read(one.id, one.key)]) == data
        assert one.name == name
        assert await _told(later, f"Сохранил: {name}") == 1
        assert await opens(who.client, media) is None
        assert {path.name for path in stored(town)} == await _known(later)
        assert not await asyncio.to_thread(readable, town.bridged.folder)

    return begun


async def _giving(town: Town, who: Who, bridge: Bridge, data: bytes) -> Look:
    del data
    first = (await _own(bridge, who))[0]
    key = secrets.token_hex(4)
    async with bridge.db.write() as tx:
        whose = {"sender": who.mxid, "person": who.person_id, "room": who.chat, "to": who.mxid}
        row = {
            "kind": "give",
            **whose,
            "language": "ru",
            "documents": [first.id],
            "name": first.name,
        }
        await documents.ask(tx, who.person_id, f"give.{key}", row)

    async def begun(later: Bridge) -> None:
        async with later.db.read() as tx:
            rows = await queues.waiting(tx, queues.OUTBOX, who.chat, 999)
            [shown] = [r.content for r in rows if r.name == f"documents.give.{key}.file"]
            known = {row.media for row in await tx.all(select(tables.open_files))}
        assert shown["shows"] in known
        # Every readable file there is, even of the try that was killed, is known to have an end.
        found = await asyncio.to_thread(readable, town.bridged.folder)
        assert {f"mxc://school.example/{media_id(each)}" for each in found} <= known

    return begun


def media_id(path: str) -> str:
    """Return the id under which Synapse keeps a file: its path in pieces."""
    return "".join(path.rpartition("local_content/")[2].split("/"))


async def _deleting(town: Town, who: Who, bridge: Bridge, data: bytes) -> Look:
    del data
    async with bridge.db.write() as tx:
        made = await documents.add(tx, who.person_id, "лишнее.txt", "text/plain", 1)
        found = await documents.one(tx, who.person_id, made)
        assert found is not None
    await bridge.document_keeper._blobs.write(made, found.key, _once(b"x"), 9)
    async with bridge.db.write() as tx:
        await documents.keep(tx, found, 1)
        await documents.remove(tx, found)

    async def begun(later: Bridge) -> None:
        assert {path.name for path in stored(town)} == await _known(later)

    return begun


async def _once(data: bytes) -> AsyncIterator[bytes]:
    yield data
