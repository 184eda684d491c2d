"""A file that another host of the network has by now is the file that is shown."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import insert

from sferum_bridge.matrix.ghosts import Ghosts
from sferum_bridge.network.base import RemoteMessage
from sferum_bridge.network.content import Content, File, FileKind
from sferum_bridge.relay.inward import parts
from sferum_bridge.relay.inward.queueing import Manner, Queueing
from sferum_bridge.relay.inward.revising import Revising
from sferum_bridge.relay.inward.turn import Turn
from sferum_bridge.store import chats, migrate, queues
from sferum_bridge.store.tables import logins
from tests.support import databases

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from sferum_bridge.store.database import Database

OWNER, ASYA, CHAT, ROOM = "7", "101", "2000000001", "!class:school.example"
LOGIN = chats.Login("login", "vk", OWNER, "Вера", "", expired=False)
LINKED = chats.Chat(LOGIN.id, CHAT, ROOM, relay=False)
BEFORE = "https://sun9-1.userapi.com/impg/a/b.jpg?size=640x480&sign=one"
AFTER = "https://sun9-77.userapi.com/impg/a/b.jpg?size=640x480&sign=two"


def photo(url: str) -> File:
    return File(FileKind.PHOTO, url)


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        (BEFORE, AFTER, True),
        (BEFORE, BEFORE.replace("b.jpg", "c.jpg"), False),
        ("https://vkvd1.okcdn.ru/?sig=a&id=5", "https://vkvd2.okcdn.ru/?id=5&sig=b", True),
        ("https://vkvd1.okcdn.ru/?id=5", "https://vkvd1.okcdn.ru/?id=6", False),
        ("https://vkvd1.okcdn.ru/?id=5", "https://vkvd1.okcdn.ru/?clientid=5", False),
        ("https://host", "https://host/", True),
        ("", "no address", True),
    ],
)
def test_neither_its_host_nor_a_permission_makes_it_another(
    one: str, other: str, *, same: bool
) -> None:
    assert (photo(one).identity == photo(other).identity) is same


@pytest.mark.parametrize(
    ("noted", "wanted", "expected"),
    [
        (["old"], [("old", "new")], ["new"]),
        (["new"], [("old", "new")], ["new"]),
        (["text"], [("", "other")], ["text"]),
        # Two films of one host were one, by what told files apart before.
        (["old", "old"], [("old", "a"), ("old", "b")], ["a", "b"]),
        (["old", "a"], [("old", "a"), ("old", "b")], ["b", "a"]),
        (["old", "old"], [("old", "a")], ["a", "old"]),
    ],
)
def test_what_was_noted_before_is_known(
    noted: list[str], wanted: list[tuple[str, str]], expected: list[str]
) -> None:
    assert parts.renewed(noted, wanted) == expected


@pytest.fixture
async def db(tmp_path: Path) -> AsyncIterator[Database]:
    async with databases.opened(f"sqlite:///{tmp_path / 'bridge.db'}") as opened:
        await migrate.upgrade(opened)
        async with opened.write() as tx:
            row = {"id": LOGIN.id, "network": "vk", "account_id": OWNER, "name": "", "mxid": ""}
            await tx.run(insert(logins).values(sealed=b"", cursor="", **row))
            await chats.link(tx, LINKED)
        yield opened


class Queue:
    """What the relay queues, of a user whose picture is where `picture` says."""

    def __init__(self, db: Database) -> None:
        self.db = db
        self.picture = BEFORE
        self.names = SimpleNamespace(of=lambda *_: "Ася", picture_of=lambda *_: self.picture)

    async def put(self, message_id: str, *files: File) -> None:
        ghosts = Ghosts(self.db, SimpleNamespace(domain="x", bot_mxid="@b:x"), "sferum_")  # type: ignore[arg-type] # of it no more is asked
        manner = Manner("{name}", lambda *_, **__: None, ZoneInfo("UTC"))  # type: ignore[arg-type] # says nothing
        queueing = Queueing(ghosts, self.names, manner)  # type: ignore[arg-type] # see above
        message = RemoteMessage(CHAT, message_id, ASYA, Content("", parts=files), 1)
        async with self.db.write() as tx:
            await queueing.put(Turn(tx, LOGIN), LINKED, message)

    async def taken(self) -> list[Any]:
        found = []
        async with self.db.write() as tx:
            for lane in await queues.lanes(tx, queues.OUTBOX):
                for item in await queues.waiting(tx, queues.OUTBOX, lane, 50):
                    found.append(item.content)
                    await queues.done(tx, queues.OUTBOX, item.id)
        return found


async def test_a_moved_picture_of_a_user_is_not_carried_again(db: Database) -> None:
    queue = Queue(db)
    async with db.write() as tx:
        await chats.save_ghost(tx, "@sferum_101:x", "Ася")
        # As it was noted before hosts were left out.
        told = chats.digest_of(tx, BEFORE.partition("?")[0])
        await chats.set_ghost_picture(tx, "@sferum_101:x", told)
    await queue.put("1", photo(BEFORE))
    queue.picture = AFTER
    await queue.put("2", photo(BEFORE))
    assert [row["relay"] for row in await queue.taken()] == ["show", "show"]
    queue.picture = AFTER.replace("b.jpg", "new.jpg")
    await queue.put("3", photo(BEFORE))
    assert {row["relay"] for row in await queue.taken()} == {"show", "picture"}


async def test_an_edit_that_changes_no_file_posts_none_again(db: Database) -> None:
    queue = Queue(db)
    await queue.put("1", photo(BEFORE))
    shown = next(row for row in await queue.taken() if row["relay"] == "show")
    async with db.write() as tx:
        was = chats.digest_of(tx, photo(BEFORE).former_identity)
        one = chats.Mapped(
            *(CHAT, "1", 1, ROOM, "$photo"), from_matrix=False, kind="photo", digest=was
        )
        await chats.map_message(tx, LOGIN.id, one)
    # Nobody to speak with: whatever were said or redacted would fail.
    revising = Revising(db, *[None] * 4)  # type: ignore[arg-type]
    for url in (BEFORE, AFTER):
        moved = {**shown, "said": "", "parts": [await stored(db, photo(url))]}
        await revising.edit(SimpleNamespace(content=moved))  # type: ignore[arg-type] # no more of it
    async with db.read() as tx:
        [noted] = await chats.parts_of(tx, LOGIN.id, CHAT, "1")
        assert noted.digest == chats.digest_of(tx, photo(AFTER).identity)
    assert not noted.edits


async def stored(db: Database, file: File) -> dict[str, str]:
    async with db.read() as tx:
        former, digest = (
            chats.digest_of(tx, each) for each in (file.former_identity, file.identity)
        )
    return {"kind": "photo", "digest": digest, "former": former}
