"""Who deletes what is held up frees the room, whatever kind of thing it is."""

from __future__ import annotations

import asyncio
import math
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import select

from sferum_bridge.network.base import Refused, TooFast
from sferum_bridge.network.patience import Patience
from sferum_bridge.relay.outward import waits
from sferum_bridge.store import tables
from tests.support.bridge import until
from tests.support.outward import OWNER, ROOM, TEACHER, Way, linked
from tests.support.seats import seats_of

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

HELD = "этого слишком много"
LONG = TooFast("VK error 9", 600.0)
"""Far longer than a test."""
FILE = {"msgtype": "m.file", "body": "a.pdf", "url": "mxc://s/m"}


@pytest.fixture(autouse=True)
def _short_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(waits, "_FIRST_WAIT", 0.001)
    monkeypatch.setattr(waits, "_LONGEST_WAIT", 0.01)
    monkeypatch.setattr(waits, "_TOLD_AFTER", 0.005)


@pytest.fixture
async def way(tmp_path: Path) -> AsyncIterator[Way]:
    async with linked(tmp_path, patience=Patience(3, 600.0, memory=math.inf)) as found:
        found.messenger.poison[HELD] = LONG
        found.homeserver.files["m"] = b"%PDF-"
        yield found


@asynccontextmanager
async def held(way: Way) -> AsyncIterator[None]:
    """What waits is held up; when this ends, it waits no more, though nothing let it through."""
    working = asyncio.create_task(way.work())

    async def slowed() -> bool:
        return any(status == "PENDING" for _, status in await way.statuses())

    await until(slowed)
    yield
    way.age(60)
    async with asyncio.timeout(30):
        await working


async def take_back(way: Way, event_id: str) -> None:
    await way.put({"redacts": event_id}, kind="m.room.redaction")


def edit_of(event_id: str, body: str) -> dict[str, Any]:
    new = {"msgtype": "m.text", "body": body}
    relation = {"rel_type": "m.replace", "event_id": event_id}
    return {**new, "m.new_content": new, "m.relates_to": relation}


async def goes_on(way: Way, *texts: str) -> None:
    await way.work()
    await way.say("дальше")
    assert way.messenger.texts() == [*texts, "дальше"]


async def test_however_much_was_said_since(way: Way) -> None:
    event_id = await way.put({"msgtype": "m.text", "body": HELD})
    async with held(way):
        for _ in range(120):
            await way.put({"pinned": []}, kind="m.room.pinned_events")
        await take_back(way, event_id)
    for _ in range(2):
        await way.work()
    await goes_on(way)


@pytest.mark.parametrize("which", ["edit", "message"])
async def test_an_edit(way: Way, which: str) -> None:
    """It is enough that the message it changes is deleted."""
    message = await way.say("раз")
    edit = await way.put(edit_of(message, HELD))
    async with held(way):
        await take_back(way, message if which == "message" else edit)
    assert way.messenger.texts() == ["раз"]
    await goes_on(way, *(["раз"] if which == "edit" else []))
    assert len(await way.told()) == 1


async def reacted(way: Way) -> str:
    relation = {"rel_type": "m.annotation", "event_id": await way.say("раз"), "key": "👍"}
    return await way.put({"m.relates_to": relation}, kind="m.reaction")


async def test_a_reaction(way: Way) -> None:
    """It surely is not there, so nothing need be asked for to take it back either."""
    event_id = await reacted(way)
    way.messenger.errors = [LONG]
    async with held(way):
        await take_back(way, event_id)
    await goes_on(way, "раз")
    assert way.messenger.reactions == {}


async def test_a_reaction_that_may_be_there_is_taken_back_there(way: Way) -> None:
    event_id = await reacted(way)
    way.messenger.is_away = True
    async with held(way):
        await take_back(way, event_id)
    way.messenger.is_away = False
    await goes_on(way, "раз")
    assert way.messenger.reactions == {"1": ""}


@pytest.mark.parametrize("arrived", [False, True])
async def test_a_file(way: Way, arrived: bool) -> None:  # noqa: FBT001 - a case
    """What arrived before a kill is found, and deleted there."""
    event_id = await way.put(FILE)
    if arrived:
        way.messenger.deaf = [RuntimeError("killed here")]  # type: ignore[list-item]
        with pytest.raises(RuntimeError):
            await way.work()
    way.messenger.errors = [LONG]
    async with held(way):
        await take_back(way, event_id)
    assert len(way.messenger.texts()) == arrived
    await goes_on(way)
    assert way.messenger.deleted == ["1"] * arrived


async def test_what_is_sent_again(way: Way) -> None:
    way.messenger.poison[HELD] = Refused("no")
    message = await way.say(HELD)
    way.messenger.poison[HELD] = LONG
    relation = {"m.in_reply_to": {"event_id": message}}
    await way.put({"msgtype": "m.text", "body": "!повторить", "m.relates_to": relation})
    async with held(way):
        await take_back(way, message)
    await goes_on(way)
    assert await expected(way, message) == {""}


@pytest.mark.parametrize("kind", ["m.room.redaction", "m.room.pinned_events"])
async def test_what_nobody_can_take_back_is_told_of_otherwise(way: Way, kind: str) -> None:
    message = await way.say("раз")
    way.messenger.errors = [TooFast("VK error 9", 0.01)]
    if kind == "m.room.redaction":
        await way.do({"redacts": message}, kind=kind)
    else:
        await way.pin(message)
    [(mxid, body)] = await way.told()
    assert mxid == OWNER
    assert "это изменение" in body
    assert "удалите" not in body


async def expected(way: Way, event_id: str) -> set[str]:
    """Return in which rooms the parts of an event are expected."""
    heard_in = select(tables.sending.c.heard_in).where(tables.sending.c.event_id == event_id)
    async with way.db.read() as tx:
        return {row.heard_in for row in await tx.all(heard_in)}


async def test_a_message_is_expected_though_what_is_said_in_its_thread_is_taken_back(
    way: Way,
) -> None:
    await (await seats_of(way)).log_in()
    way.messenger.deaf = [Refused("it lies")]
    root = await way.say("начало", TEACHER)
    relation = {"rel_type": "m.thread", "event_id": root}
    event_id = await way.put({"msgtype": "m.text", "body": HELD, "m.relates_to": relation})
    told = len(await way.told())
    async with held(way):
        await take_back(way, event_id)
    assert len(await way.told()) == told + 1
    assert await expected(way, root) == {ROOM}
