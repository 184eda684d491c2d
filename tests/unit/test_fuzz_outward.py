"""Whatever people and their clients send: the chat goes on, and the other side gets what it takes.

Events of every kind are changed in one place at a time and go from the inbox to the messenger; and
transactions of the homeserver likewise, to the inbox.
"""

from __future__ import annotations

import json
import logging
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
import pytest_asyncio
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer
from sqlalchemy import insert

from sferum_bridge.bot import commands, events, keys
from sferum_bridge.matrix.appservice import Appservice
from sferum_bridge.matrix.door import Door
from sferum_bridge.relay import puppets
from sferum_bridge.relay.outward import splitting
from sferum_bridge.store import queues, rooms, tables
from tests.support import hostile
from tests.support.outward import OWNER, PUPIL, ROOM, Way, linked

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator, Mapping
    from pathlib import Path

ANSWER = {"m.in_reply_to": {"event_id": "$e0"}}
INFO = {"mimetype": "image/png", "size": 5, "w": 1, "h": 1}
QUESTION = {"question": {"m.text": [{"body": "Когда?"}]}, "answers": [{"m.text": [{"body": "да"}]}]}
LOOKS = (
    '<b>важно</b> <a href="https://matrix.to/#/@sferum_5:school.example">Анна</a> <ul><li>раз</ul>'
)
EVENTS: list[tuple[str, dict[str, Any]]] = [
    ("m.room.message", {
        "msgtype": "m.text", "body": "важно", "format": "org.matrix.custom.html",
        "formatted_body": LOOKS, "m.mentions": {"user_ids": ["@sferum_5:school.example"]},
        "m.relates_to": ANSWER,
    }),
    ("m.room.message", {
        "msgtype": "m.text", "body": "* стало",
        "m.new_content": {"msgtype": "m.text", "body": "стало"},
        "m.relates_to": {"rel_type": "m.replace", "event_id": "$e0"},
    }),
    ("m.room.message", {"msgtype": "m.emote", "body": "машет", "m.mentions": {"room": True}}),
    ("m.room.message", {"msgtype": "m.image", "body": "a.png", "url": "mxc://s/m", "info": INFO}),
    ("m.room.message", {
        "msgtype": "m.audio", "body": "голос", "filename": "a.ogg", "url": "mxc://s/m",
        "info": {"mimetype": "audio/ogg", "duration": 5}, "org.matrix.msc3245.voice": {},
    }),
    ("m.room.message", {
        "msgtype": "m.location", "body": "тут", "geo_uri": "geo:55.5,37.5;u=10",
        "m.location": {"uri": "geo:55.5,37.5", "description": "Школа"},
    }),
    ("m.sticker", {"body": "кот", "url": "mxc://s/m", "info": INFO}),
    ("m.poll.start", {"m.poll": QUESTION}),
    ("m.poll.response", {"m.relates_to": {"rel_type": "m.reference", "event_id": "$e0"}}),
    ("m.reaction", {"m.relates_to": {"rel_type": "m.annotation", "event_id": "$e0", "key": "👍"}}),
    ("m.room.redaction", {"redacts": "$e1", "reason": "так"}),
]  # fmt: skip


@pytest.fixture(autouse=True)
def _nothing_unhandled(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """Hold every test to this: what was not foreseen is logged as an error."""
    caplog.set_level(logging.ERROR, "sferum_bridge")
    yield
    errors = [r for r in caplog.get_records("call") if r.name.startswith("sferum_bridge")]
    assert [r.getMessage() for r in errors][:3] == []


@pytest_asyncio.fixture
async def way(tmp_path: Path) -> AsyncIterator[Way]:
    async with linked(tmp_path) as way:
        way.messenger.abilities = replace(way.messenger.abilities, text_units=4096)
        yield way


def check(way: Way) -> None:
    """Look at all that reached the messenger."""
    for draft in way.messenger.drafts.values():
        assert splitting.units(draft.text) <= way.messenger.abilities.text_units
        assert "\x00" not in draft.text
        draft.text.encode()
        for span in draft.spans:
            assert 0 <= span.start < span.start + span.length <= len(draft.text)
        assert draft.text or draft.attached or draft.place
    for _, name, mime, _ in way.messenger.uploads.values():
        assert name
        assert not set(name) & set("/\\\n\r\u202e\x00")
        assert "\n" not in mime


async def test_events_with_something_wrong_in_them(way: Way) -> None:
    way.homeserver.files["m"] = b"bytes"
    await way.say("первое")
    await way.say("второе")
    contents = [content for _, content in EVENTS]
    for number, (place, one) in enumerate(hostile.mutants(contents, 300)):
        content = one.value if isinstance(one.value, dict) else {}
        await way.do(content, PUPIL if number % 5 == 0 else OWNER, EVENTS[place][0])
    await way.say("последнее")
    assert way.messenger.texts()[-1] == "последнее"
    check(way)


async def test_what_the_homeserver_says_of_an_event_with_something_wrong_in_it(way: Way) -> None:
    """An edit asks who wrote the event, and «!повторить» what it says: anything may come back."""
    event_id = await way.say("первое")
    event = dict(way.homeserver.events[event_id])
    answer: Any = {"m.relates_to": {"m.in_reply_to": {"event_id": event_id}}}
    relation = {"rel_type": "m.replace", "event_id": event_id}
    new = {"msgtype": "m.text", "body": "стало"}
    edit: Any = {"m.relates_to": relation, "m.new_content": new}
    for _, one in hostile.mutants([event], 200):
        way.homeserver.events[event_id] = one.value
        await way.say("!повторить", OWNER, **answer)
        await way.say("* стало", OWNER, **edit)
    await way.say("последнее")
    assert way.messenger.texts()[-1] == "последнее"
    check(way)


def transaction() -> dict[str, Any]:
    """Return what a homeserver sends: an event of each kind, and what is of the moment."""
    written = [
        {"event_id": f"$e{n}", "room_id": ROOM, "type": kind, "sender": OWNER, "content": content}
        for n, (kind, content) in enumerate(EVENTS)
    ]
    state = {"type": "m.room.member", "state_key": PUPIL, "content": {"membership": "leave"}}
    written.append({**written[0], **state, "event_id": "$left"})
    receipts = {"$e0": {"m.read": {OWNER: {"ts": 5}}}}
    fleeting = [
        {"type": "m.typing", "room_id": ROOM, "content": {"user_ids": [OWNER]}},
        {"type": "m.receipt", "room_id": ROOM, "content": receipts},
    ]
    return {"events": written, "ephemeral": fleeting}


def is_for_the_bot(content: Mapping[str, Any]) -> bool:
    said = events.written(content)
    is_command = commands.parse(said, prefix="!", direct=False) is not None
    return is_command or bool(keys.find_in(content))


async def test_transactions_with_something_wrong_in_them(way: Way) -> None:
    async with way.db.write() as tx:
        school = {"id": "s", "name": "s", "timezone": "UTC", "language": "ru"}
        await tx.run(insert(tables.schools).values(**school))
        await rooms.intend(tx, ROOM, "s", "pupils")
        await rooms.created(tx, ROOM, ROOM)
    door = Door(
        bot_mxid="@bot:x",
        ghost_prefix="sferum_",
        own_mark=puppets.MARK,
        is_copied=partial(puppets.is_copied, way.db.sealer),
        is_for_the_bot=is_for_the_bot,
    )
    application = web.Application()
    application.add_routes(Appservice(way.db, "hs", door, way.outward.heard).routes())
    async with TestClient(TestServer(application)) as client:
        for number, (_, one) in enumerate(hostile.mutants([transaction()], 800)):
            answer = await client.put(
                f"/_matrix/app/v1/transactions/{number}",
                data=json.dumps(one.value),
                headers={"Authorization": "Bearer hs"},
            )
            whole = isinstance(one.value, dict) and isinstance(one.value.get("events"), list)
            assert answer.status == (200 if whole else 400), (one.path, one.how)
    async with way.db.read() as tx:
        queued = await queues.waiting(tx, queues.INBOX, f"relay/{ROOM}", 1000)
    assert {item.name for item in queued} >= {f"$e{n}" for n in range(len(EVENTS))}
