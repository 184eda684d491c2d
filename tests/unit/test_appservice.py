"""What the homeserver's transactions get."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from aiohttp import web
from sqlalchemy import insert

from sferum_bridge.bot import commands, events
from sferum_bridge.matrix.appservice import Appservice
from sferum_bridge.matrix.door import Door
from sferum_bridge.relay import puppets
from sferum_bridge.store import queues, rooms, tables
from sferum_bridge.store.database import Database, open_database
from sferum_bridge.store.sealing import Sealer

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
    from pathlib import Path

    from aiohttp.test_utils import TestClient

BOT = "@bot:school.example"
PUPILS, LINKED, DIRECT = "!pupils", "!linked", "!direct"


@pytest.fixture
async def db(tmp_path: Path) -> AsyncIterator[Database]:
    db = open_database(f"sqlite:///{tmp_path}/a.db", Sealer(b"an invented key of 32 bytes, hah"))
    async with db.engine.begin() as connection:
        await connection.run_sync(tables.metadata.create_all)
    async with db.write() as tx:
        await tx.run(insert(tables.schools).values(id="s", name="s", timezone="UTC", language="ru"))
        await tx.run(
            insert(tables.logins).values(
                id="l", network="sferum", account_id="1", name="n", sealed=b""
            )
        )
        for room_id in (PUPILS, LINKED):
            await rooms.intend(tx, room_id, "s", "pupils")
            await rooms.created(tx, room_id, room_id)
        await tx.run(
            insert(tables.chats).values(
                login_id="l", chat_id="2", room_id=LINKED, relay=True, linked_at=0
            )
        )
    yield db
    await db.close()


def appservice(db: Database, **more: Any) -> Appservice:
    door = Door(
        bot_mxid=BOT,
        ghost_prefix="sferum_",
        own_mark=puppets.MARK,
        is_for_the_bot=lambda content: (
            commands.parse(events.written(content), prefix="!", direct=False) is not None
        ),
    )
    return Appservice(db, "hs-secret", door, **more)


@pytest.fixture
async def client(
    db: Database, aiohttp_client: Callable[[web.Application], Awaitable[TestClient[Any, Any]]]
) -> TestClient[Any, Any]:
    application = web.Application()
    application.add_routes(appservice(db).routes())
    return await aiohttp_client(application)


def event(number: int = 1, **changes: Any) -> dict[str, Any]:
    return {
        "event_id": f"$e{number}",
        "room_id": DIRECT,
        "sender": "@pupil:school.example",
        "type": "m.room.message",
        "content": {"msgtype": "m.text", "body": "привет"},
        **changes,
    }


async def put(
    client: TestClient[Any, Any], events: Any, *, token: str = "hs-secret", txn: str = "1"
) -> int:
    body = events if isinstance(events, str) else None
    async with client.put(
        f"/_matrix/app/v1/transactions/{txn}",
        json={"events": events} if body is None else None,
        data=body,
        headers={"Authorization": f"Bearer {token}"} if token else {},
    ) as answer:
        return answer.status


async def queued(db: Database) -> dict[str, list[str]]:
    async with db.read() as tx:
        return {
            lane: [item.name for item in await queues.waiting(tx, queues.INBOX, lane, 100)]
            for lane in await queues.lanes(tx, queues.INBOX)
        }


@pytest.mark.parametrize("token", ["", "wrong", "hs-secre", "hs-secret2"])
async def test_only_the_homeserver_is_listened_to(
    client: TestClient[Any, Any], db: Database, token: str
) -> None:
    assert await put(client, [event()], token=token) == 403
    assert await queued(db) == {}


async def test_the_second_transaction_is_asked_for_once_more_and_never_again(
    db: Database, aiohttp_client: Callable[[web.Application], Awaitable[TestClient[Any, Any]]]
) -> None:
    application = web.Application()
    application.add_routes(appservice(db, asks_again=lambda: True).routes())
    client = await aiohttp_client(application)
    assert await put(client, [event(9)], token="wrong") == 403
    assert await put(client, [event(1)], txn="7") == 200
    assert await put(client, [event(3)], txn="9") == 503
    assert await queued(db) == {f"bot/{DIRECT}": ["$e1"]}
    # What was held back comes first.
    assert [await put(client, [event(n)], txn=str(n)) for n in (2, 3, 4)] == [200] * 3
    assert await queued(db) == {f"bot/{DIRECT}": ["$e1", "$e2", "$e3", "$e4"]}


def set_up(number: int, **changes: Any) -> dict[str, Any]:
    """Return something that the bot itself did to a room just now."""
    about = {"type": "m.room.create", "state_key": "", "content": {}, "unsigned": {"age": 20}}
    return event(number, sender=BOT, **(about | changes))


@pytest.fixture
def rested(
    client: TestClient[Any, Any], monkeypatch: pytest.MonkeyPatch
) -> Callable[..., Awaitable[bool]]:
    """Give what sends a transaction of events, and tells whether the answer came later."""
    rests: list[float] = []

    async def sleep(seconds: float) -> None:
        rests.append(seconds)

    monkeypatch.setattr("sferum_bridge.matrix.appservice.asyncio.sleep", sleep)

    async def send(*events: Any) -> bool:
        rests.clear()
        assert await put(client, list(events)) == 200
        return bool(rests)

    return send


async def test_while_rooms_are_made_it_answers_later_and_to_nobody_else(
    rested: Callable[..., Awaitable[bool]],
) -> None:
    assert [await rested(set_up(n)) for n in range(5)] == [False, False, False, True, True]
    # What it held back while the bridge was away is many transactions, and has waited long enough.
    assert not await rested(set_up(6, unsigned={"age": 60_000}))
    assert not await rested(set_up(7, unsigned={}))
    assert [await rested(set_up(n)) for n in range(8, 12)] == [False, False, False, True]
    # Somebody speaks, if only to others: what they say next is not waited with.
    assert not await rested(set_up(12), event(13, room_id=PUPILS))
    assert [await rested(set_up(n)) for n in range(14, 18)] == [False, False, False, True]
    assert not await rested(event(18))
    assert not await rested(set_up(19))


async def test_while_a_remote_chat_is_lively_it_answers_later_and_to_nobody_else(
    rested: Callable[..., Awaitable[bool]],
) -> None:
    def relayed(number: int, **changes: Any) -> dict[str, Any]:
        about = {"room_id": LINKED, "sender": "@sferum_7:school.example", "unsigned": {"age": 9}}
        return event(number, **(about | changes))

    assert [await rested(relayed(n)) for n in range(5)] == [False, False, False, True, True]
    # In the name of somebody who logged in.
    content = {"msgtype": "m.text", "body": "привет", puppets.MARK: "1"}
    assert await rested(relayed(5, sender="@pupil:school.example", content=content))
    # Somebody answers from here.
    assert not await rested(event(6, room_id=LINKED, unsigned={"age": 9}))
    assert not await rested(relayed(7))


async def test_a_transaction_twice_is_queued_once_in_order(
    client: TestClient[Any, Any], db: Database
) -> None:
    events = [event(n) for n in range(40)]
    assert await put(client, events) == 200
    assert await put(client, events) == 200
    assert await put(client, events[20:], txn="2") == 200
    assert await queued(db) == {f"bot/{DIRECT}": [f"$e{n}" for n in range(40)]}


@pytest.mark.parametrize("body", ["", "{", "[]", '{"events": {}}', "{}", "null"])
async def test_what_is_no_transaction_is_refused(client: TestClient[Any, Any], body: str) -> None:
    assert await put(client, body) == 400


async def test_broken_events_do_not_hold_good_ones_up(
    client: TestClient[Any, Any], db: Database
) -> None:
    broken: list[Any] = [
        None,
        5,
        {},
        event(content=None),
        event(room_id=7),
        event(sender=""),
        event(event_id=None),
    ]
    assert await put(client, [*broken, event(9), {"type": "x"}]) == 200
    assert await queued(db) == {f"bot/{DIRECT}": ["$e9"]}


def text(body: str) -> Mapping[str, str]:
    return {"msgtype": "m.text", "body": body}


@pytest.mark.parametrize(
    ("changes", "lane"),
    [
        ({}, f"bot/{DIRECT}"),
        ({"room_id": PUPILS}, ""),
        ({"room_id": PUPILS, "content": text("!почему")}, f"bot/{PUPILS}"),
        ({"room_id": PUPILS, "content": text("!!! важно")}, ""),
        ({"room_id": LINKED}, f"relay/{LINKED}"),
        ({"room_id": LINKED, "content": text("!whoami")}, f"bot/{LINKED}"),
        ({"room_id": LINKED, "content": {"msgtype": "m.image", "body": 5}}, f"relay/{LINKED}"),
        ({"room_id": LINKED, "type": "m.reaction"}, f"relay/{LINKED}"),
        ({"room_id": LINKED, "type": "m.room.redaction"}, f"relay/{LINKED}"),
        ({"room_id": LINKED, "type": "m.sticker"}, f"relay/{LINKED}"),
        ({"room_id": LINKED, "type": "m.poll.start"}, f"relay/{LINKED}"),
        ({"room_id": LINKED, "type": "m.room.encrypted"}, f"relay/{LINKED}"),
        ({"room_id": LINKED, "type": "m.room.topic", "state_key": ""}, ""),
        ({"room_id": LINKED, "content": text("!повторить")}, f"relay/{LINKED}"),
        ({"room_id": LINKED, "type": "m.room.redaction", "sender": BOT}, ""),
        ({"room_id": PUPILS, "type": "m.sticker"}, ""),
        ({"type": "m.sticker"}, ""),
        ({"type": "m.room.redaction"}, ""),
        ({"room_id": LINKED, "sender": BOT}, ""),
        ({"room_id": LINKED, "sender": "@sferum_5:school.example"}, ""),
        (
            {"room_id": LINKED, "content": {**text("x"), puppets.MARK: "sferum"}},
            "",
        ),
        ({"room_id": PUPILS, "type": "m.room.member", "state_key": BOT}, ""),
        ({"type": "m.room.member", "content": {"membership": "invite"}}, f"bot/{DIRECT}"),
        ({"type": "m.reaction"}, f"bot/{DIRECT}"),
        ({"type": "m.room.encrypted"}, f"bot/{DIRECT}"),
        ({"type": "m.typing"}, ""),
        ({"sender": BOT}, ""),
    ],
)
async def test_the_door_lets_in_only_what_is_somebodys_business(
    client: TestClient[Any, Any], db: Database, changes: dict[str, Any], lane: str
) -> None:
    assert await put(client, [event(**changes)]) == 200
    assert list(await queued(db)) == ([lane] if lane else [])


@pytest.mark.parametrize("key", ["ephemeral", "de.sorunome.msc2409.ephemeral"])
async def test_what_is_of_the_moment_is_handed_on_and_never_stored(
    db: Database,
    aiohttp_client: Callable[[web.Application], Awaitable[TestClient[Any, Any]]],
    key: str,
) -> None:
    heard: list[Any] = []
    door = Door(bot_mxid=BOT, ghost_prefix="sferum_", own_mark="x", is_for_the_bot=lambda _: False)
    application = web.Application()
    application.add_routes(Appservice(db, "hs-secret", door, heard.extend).routes())
    client = await aiohttp_client(application)
    typing = {"type": "m.typing", "room_id": LINKED, "content": {"user_ids": ["@a:b"]}}
    everything: list[Any] = [[typing], {}, None, "x"]
    for given in everything:
        async with client.put(
            "/_matrix/app/v1/transactions/1",
            json={"events": [], key: given},
            headers={"Authorization": "Bearer hs-secret"},
        ) as answer:
            assert answer.status == 200
    assert heard == [typing]
    assert await queued(db) == {}


async def test_ghosts_and_rooms_are_not_made_on_demand(client: TestClient[Any, Any]) -> None:
    headers = {"Authorization": "Bearer hs-secret"}
    for where in ("users/@sferum_1:school.example", "rooms/%23a:school.example"):
        async with client.get(f"/_matrix/app/v1/{where}", headers=headers) as answer:
            assert answer.status == 404
    async with client.post("/_matrix/app/v1/ping", headers=headers, json={}) as answer:
        assert answer.status == 200
