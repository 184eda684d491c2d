"""What of announcements and reports comes in at the door, and what of the same kind does not."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import insert

from sferum_bridge.matrix.door import REFUSED, Door
from sferum_bridge.store import accounts, announcements, materials, rooms, tables
from sferum_bridge.store.database import Database, open_database
from sferum_bridge.store.sealing import Sealer

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

WHO, BOT = "@t:school.example", "@bot:school.example"
HALL, CLASS, LINKED, DIRECT = "!hall", "!class", "!linked", "!direct"
SHELF, GHOST = "!shelf", "@sferum_1:school.example"
ORIGINAL, OTHER, FILED, COPY = "$original", "$other", "$filed", "$copy"
DOOR = Door(bot_mxid=BOT, ghost_prefix="sferum_", own_mark="m", is_for_the_bot=lambda _: False)


@pytest.fixture
async def db(tmp_path: Path) -> AsyncIterator[Database]:
    db = open_database(f"sqlite:///{tmp_path}/a.db", Sealer(b"an invented key of 32 bytes, hah"))
    async with db.engine.begin() as connection:
        await connection.run_sync(tables.metadata.create_all)
    async with db.write() as tx:
        await tx.run(insert(tables.schools).values(id="s", name="s", timezone="UTC", language="ru"))
        for kind, room_id in (
            ("announcements", HALL),
            ("pupils", CLASS),
            ("parents", LINKED),
            ("materials", SHELF),
        ):
            await rooms.intend(tx, f"{kind}/c", "s", kind)
            await rooms.created(tx, f"{kind}/c", room_id)
        login = {"id": "l", "network": "n", "account_id": "1", "name": "n", "sealed": b""}
        await tx.run(insert(tables.logins).values(**login))
        chat = {"login_id": "l", "chat_id": "1", "room_id": LINKED, "relay": True, "linked_at": 0}
        await tx.run(insert(tables.chats).values(**chat))
        author = await accounts.add_person(tx, "Небывалова", "Анна")
        await announcements.draft(tx, "s", author, None, "a", event_id=ORIGINAL)
        await tx.run(insert(tables.classes).values(id="c", school_id="s", name="5А", year="y"))
        one = materials.Material(
            *("m", "s", "c", "", "Вася", GHOST, FILED, SHELF, COPY, "", "а"),
            state=materials.State.SHOWN,
            at=1,
        )
        await materials.add(tx, one)
    yield db
    await db.close()


def message(room: str, replaces: str = "") -> Any:
    content: dict[str, Any] = {"msgtype": "m.text", "body": "а"}
    if replaces:
        content["m.relates_to"] = {"rel_type": "m.replace", "event_id": replaces}
    return {"type": "m.room.message", "sender": WHO, "room_id": room, "content": content}


def redaction(room: str, target: str, *, old: bool = False) -> Any:
    where: dict[str, Any] = {"redacts": target} if old else {"content": {"redacts": target}}
    return {"type": "m.room.redaction", "sender": WHO, "room_id": room, "content": {}, **where}


def reaction(room: str, key: str) -> Any:
    relation = {"rel_type": "m.annotation", "event_id": OTHER, "key": key}
    content = {"m.relates_to": relation}
    return {"type": "m.reaction", "sender": WHO, "room_id": room, "content": content}


@pytest.mark.parametrize(
    ("event", "lane"),
    [
        (message(HALL), f"bot/{HALL}"),
        (message(CLASS), ""),
        (message(LINKED), f"relay/{LINKED}"),
        # What is done to an announcement's message is the bot's, wherever that is.
        *((message(room, ORIGINAL), f"bot/{room}") for room in (HALL, CLASS, LINKED, DIRECT)),
        *((redaction(room, ORIGINAL), f"bot/{room}") for room in (HALL, CLASS, LINKED, DIRECT)),
        (redaction(HALL, ORIGINAL, old=True), f"bot/{HALL}"),
        # What is done to any other is nobody's.
        *((message(room, OTHER), "") for room in (HALL, CLASS)),
        *((redaction(room, OTHER), "") for room in (HALL, CLASS, DIRECT)),
        (redaction(LINKED, OTHER), f"relay/{LINKED}"),
        # A report is for the school, and never goes to the other network.
        *((reaction(room, "🚩"), f"bot/{room}") for room in (HALL, CLASS, LINKED)),
        # Some clients put a variation selector behind an emoji.
        *((reaction(room, "🚩\ufe0f"), f"bot/{room}") for room in (CLASS, LINKED)),
        (reaction(CLASS, "👍"), ""),
        (reaction(LINKED, "👍"), f"relay/{LINKED}"),
        # Materials: what is written there, and what a teacher files from another room.
        (message(SHELF), f"bot/{SHELF}"),
        *((reaction(room, "📚"), f"bot/{room}") for room in (CLASS, LINKED)),
        # A message that is listed goes on being its room's.
        (message(LINKED, FILED), f"relay/{LINKED}"),
        (redaction(LINKED, FILED), f"relay/{LINKED}"),
        (redaction(CLASS, FILED), ""),
        # What the homeserver extension has to tell: by the bot's own hand alone.
        ({**message(CLASS), "type": REFUSED, "sender": BOT}, "bot/refused"),
    ],
)
async def test_lanes(db: Database, event: Any, lane: str) -> None:
    assert DOOR.concerns_us(event)
    async with db.read() as tx:
        assert await DOOR.lanes(tx, [event]) == [lane]


@pytest.mark.parametrize(
    ("event", "is_followed"),
    [
        (redaction(LINKED, FILED), True),
        ({**redaction(LINKED, FILED), "sender": GHOST}, True),
        ({**message(LINKED, FILED), "sender": GHOST}, True),
        ({**redaction(SHELF, COPY), "sender": BOT}, True),
        (redaction(LINKED, OTHER), False),
        (message(LINKED), False),
    ],
)
async def test_what_becomes_of_materials_is_followed(
    db: Database,
    event: Any,
    is_followed: bool,  # noqa: FBT001 - a table's column
) -> None:
    async with db.read() as tx:
        assert bool(await DOOR.followed(tx, [event])) is is_followed
    assert DOOR.concerns_us(event) or not is_followed


def test_a_forged_refusal_concerns_nobody() -> None:
    assert not DOOR.concerns_us({**message(CLASS), "type": REFUSED})
