"""Which events of school rooms have the bridge look at the room (I-11)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import insert

from sferum_bridge.bot import events
from sferum_bridge.matrix.appservice import take_in
from sferum_bridge.matrix.door import Door
from sferum_bridge.store import queues, rooms, tables
from sferum_bridge.store.database import Database, open_database
from sferum_bridge.store.sealing import Sealer

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

BOT, GHOST = "@bot:school.example", "@sferum_1:school.example"
PUPIL, INVITED, STRANGER = "@p:school.example", "@i:school.example", "@s:school.example"
ROOM, GATE, INNER = "!pupils", "!gate", "!inner"
ENTRY = {"join_rule": "restricted", "allow": [{"type": "m.room_membership", "room_id": GATE}]}
USERS = {"@t:school.example": 50}
DOOR = Door(bot_mxid=BOT, ghost_prefix="sferum_", own_mark="mark", is_for_the_bot=lambda _: False)


@pytest.fixture
async def db(tmp_path: Path) -> AsyncIterator[Database]:
    db = open_database(f"sqlite:///{tmp_path}/a.db", Sealer(b"an invented key of 32 bytes, hah"))
    async with db.engine.begin() as connection:
        await connection.run_sync(tables.metadata.create_all)
    async with db.write() as tx:
        await tx.run(insert(tables.schools).values(id="s", name="s", timezone="UTC", language="ru"))
        await rooms.intend(tx, "pupils/c", "s", "pupils")
        await rooms.created(tx, "pupils/c", ROOM)
        await rooms.set_actual(tx, "pupils/c", {"name": "5А", "users": USERS})
        await rooms.intend(tx, "gate/s", "s", "gate")
        await rooms.created(tx, "gate/s", GATE)
        await rooms.intend(tx, "materials/c", "s", "materials")
        await rooms.created(tx, "materials/c", INNER)
        await rooms.set_actual(tx, "materials/c", {"space": ROOM})
        await rooms.set_member(tx, ROOM, PUPIL, "join")
        await rooms.set_member(tx, ROOM, INVITED, "invite")
    yield db
    await db.close()


def event(kind: str, sender: str, content: dict[str, Any], key: str = "", **more: Any) -> Any:
    made = {"type": kind, "sender": sender, "state_key": key, "content": content}
    return {"event_id": "$e", "room_id": ROOM, **made, **more}


def member(mxid: str, membership: str, by: str = "", **more: str) -> Any:
    return event("m.room.member", by or mxid, {"membership": membership, **more}, mxid)


async def stirs(db: Database, one: Any) -> bool:
    """Tell whether an event has its room looked at; fails when anything of it is queued."""
    if DOOR.concerns_us(one):
        async with db.write() as tx:
            await take_in(tx, DOOR, [one])
    async with db.read() as tx:
        assert not await queues.lanes(tx, queues.INBOX)
        return bool(await rooms.stirred(tx))


@pytest.mark.parametrize(
    "one",
    [
        member(STRANGER, "invite", PUPIL),
        member(STRANGER, "join"),
        member(STRANGER, "knock"),
        member(PUPIL, "leave"),
        member(PUPIL, "leave", STRANGER),
        member(INVITED, "leave"),
        member(PUPIL, "ban", STRANGER),
        member(BOT, "leave", STRANGER),
        # In the bot's own name: somebody has its token, or administers the server.
        member(BOT, "leave"),
        event("m.room.power_levels", BOT, {"users": {STRANGER: 100}}),
        event("m.room.name", PUPIL, {"name": "Цирк"}),
        event("m.room.name", PUPIL, {"name": "Цирк", "mark": "yes"}),
        event("m.room.tombstone", BOT, {"replacement_room": "!x"}),
        event("m.room.join_rules", PUPIL, {"join_rule": "public"}),
        event("m.space.child", PUPIL, {"via": ["x"]}, "!x"),
        event("m.space.child", BOT, {"via": ["school.example"]}, "!x"),
        event("m.space.child", BOT, {}, INNER),
        event("m.room.join_rules", BOT, {"join_rule": "invite"}),
        event("m.room.join_rules", BOT, ENTRY, room_id=GATE),
        event("m.room.join_rules", BOT, ENTRY, "other"),
        event("m.room.history_visibility", BOT, {"history_visibility": "world_readable"}),
        event("m.room.guest_access", BOT, {"guest_access": "can_join"}),
        # Somebody else lets them in.
        member(STRANGER, "join", join_authorised_via_users_server=PUPIL),
        member(STRANGER, "invite", PUPIL, join_authorised_via_users_server=BOT),
    ],
)
async def test_what_the_bridge_did_not_do_has_the_room_looked_at(db: Database, one: Any) -> None:
    assert await stirs(db, one)


@pytest.mark.parametrize(
    "one",
    [
        # Whom the bridge brings in, and whom it has removed and forgotten.
        member(INVITED, "join"),
        member(PUPIL, "join"),
        member(STRANGER, "leave"),
        member(STRANGER, "invite", BOT),
        member(GHOST, "join"),
        member(STRANGER, "join", join_authorised_via_users_server=BOT),
        event("m.room.join_rules", BOT, ENTRY),
        event("m.room.join_rules", BOT, {"join_rule": "invite"}, room_id=GATE),
        event("m.room.history_visibility", BOT, {"history_visibility": "joined"}),
        event("m.room.guest_access", BOT, {"guest_access": "forbidden"}),
        event("m.space.child", BOT, {"via": ["school.example"]}, INNER),
        event("m.room.power_levels", BOT, {"users": USERS, "invite": 100}),
        event("m.room.name", BOT, {"name": "5А"}),
        event("m.room.topic", PUPIL, {"topic": "x"}),
        event("m.room.name", PUPIL, {"name": "x"}, room_id="!elsewhere"),
        event("m.room.message", PUPIL, {"body": "x"}),
    ],
)
async def test_what_it_did_and_what_is_nobodys_business_has_not(db: Database, one: Any) -> None:
    assert not await stirs(db, one)


PHOTO = {"msgtype": "m.image", "url": "mxc://s/m"}


@pytest.mark.parametrize(
    ("content", "text"),
    [
        ({"msgtype": "m.text", "body": "!помощь"}, "!помощь"),
        ({**PHOTO, "body": "!помощь", "filename": "a.png"}, "!помощь"),
        # Its name, and no word of anybody.
        ({**PHOTO, "body": "!помощь"}, ""),
        ({**PHOTO, "body": "!помощь", "filename": "!помощь"}, ""),
        ({"msgtype": "m.notice", "body": "!помощь"}, ""),
        ({"msgtype": "m.text", "body": 5}, ""),
        ({}, ""),
    ],
)
async def test_a_command_is_one_below_a_file_too(
    db: Database, content: dict[str, Any], text: str
) -> None:
    assert events.written(content) == text
    door = Door(
        bot_mxid=BOT,
        ghost_prefix="sferum_",
        own_mark="mark",
        is_for_the_bot=lambda content: events.written(content).startswith("!"),
    )
    one = {**event("m.room.message", PUPIL, content)}
    async with db.read() as tx:
        assert await door.lanes(tx, [one]) == [f"bot/{ROOM}" if text else ""]


def test_a_mark_that_was_copied_hides_nothing() -> None:
    marked = event("m.room.message", PUPIL, {"msgtype": "m.text", "body": "x", "mark": "sferum"})
    assert not DOOR.concerns_us(marked)
    door = Door(
        bot_mxid=BOT,
        ghost_prefix="sferum_",
        own_mark="mark",
        is_copied=lambda one: one is marked,
        is_for_the_bot=lambda _: False,
    )
    assert door.concerns_us(marked)
    assert not door.concerns_us({**marked, "sender": BOT})
