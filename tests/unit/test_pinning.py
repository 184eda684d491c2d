"""What is pinned in a linked room is pinned in the messenger, which has one pin a chat."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import pytest

from sferum_bridge.network.base import Refused, Unavailable
from sferum_bridge.relay.inward.delivery import Delivery
from sferum_bridge.relay.outward import waits
from sferum_bridge.store import chats
from sferum_bridge.store.queues import Item
from tests.support.messenger import CHAT
from tests.support.outward import OWNER, PUPIL, ROOM, TEACHER, Way, linked
from tests.support.seats import SECOND, seats_of

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from sferum_bridge.matrix.client import Homeserver


@pytest.fixture(autouse=True)
def _no_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(waits, "_FIRST_WAIT", 0.01)


@pytest.fixture
async def way(tmp_path: Path) -> AsyncIterator[Way]:
    async with linked(tmp_path) as found:
        yield found


async def known(way: Way) -> str:
    async with way.db.read() as tx:
        return await chats.pinned_event(tx, ROOM)


async def test_the_last_pinned_that_is_there_is_pinned_there(way: Way) -> None:
    first, second = await way.say("раз"), await way.say("два")
    await way.pin(first)
    await way.pin(first, second)
    # Not on the other side, or no event at all: the last one before them counts.
    await way.pin(first, second, "$nowhere", 7)
    assert way.messenger.pins == ["1", "2"]
    await way.pin(first, "$nowhere")
    await way.pin()
    await way.pin()
    assert way.messenger.pins == ["1", "2", "1", ""]
    assert await known(way) == ""
    assert await way.told() == []


async def test_what_the_messenger_pinned_is_not_pinned_there_again(way: Way) -> None:
    first, second = await way.say("раз"), await way.say("два")
    async with way.db.write() as tx:
        await chats.set_pinned_event(tx, ROOM, second)
    # Somebody here takes down another one: the news is about that, and nothing changes there.
    await way.pin(first, second)
    await way.pin(second)
    assert way.messenger.pins == []


async def test_the_news_of_a_pin_finds_it_known(way: Way) -> None:
    event_id = await way.say("раз")
    await way.pin(event_id)
    assert await known(way) == event_id


class Room:
    """What a room shows as pinned, by the homeserver."""

    def __init__(self, *pinned: str) -> None:
        self.pinned = list(pinned)

    async def state(self, _room_id: str, _kind: str) -> dict[str, Any]:
        return {"pinned": self.pinned}

    async def set_state(self, _room_id: str, _kind: str, content: dict[str, Any]) -> None:
        self.pinned = content["pinned"]


async def heard(way: Way, room: Room, *message_ids: str) -> None:
    """Carry out the news of pins."""
    unasked: Any = SimpleNamespace(**dict.fromkeys(("edit", "delete", "show", "gather", "open")))
    delivery = Delivery(way.db, cast("Homeserver", room), *[unasked] * 8)
    for message_id in message_ids:
        row = {"relay": "pin", "room": ROOM, "origin": [way.login_id, CHAT, message_id]}
        await delivery.handle(Item(0, ROOM, f"pin.{message_id}", row, 0))


async def test_the_late_news_of_a_pin_takes_no_newer_one_down(way: Way) -> None:
    first, second = await way.say("раз"), await way.say("два")
    await way.pin(first)
    await way.pin(first, second)
    room = Room(first, second)
    await heard(way, room, "1")
    assert (room.pinned, await known(way)) == ([first, second], second)
    await heard(way, room, "2")
    assert (room.pinned, await known(way)) == ([first, second], second)
    # From then on it is somebody's there.
    await heard(way, room, "1")
    assert (room.pinned, await known(way)) == ([first], first)


async def test_the_late_news_that_nothing_is_pinned_takes_no_newer_one_down(way: Way) -> None:
    first, second = await way.say("раз"), await way.say("два")
    await way.pin(first)
    room = Room(second)
    await heard(way, room, "1")
    room.pinned = []
    await way.pin()
    await way.pin(second)
    room.pinned = [second]
    await heard(way, room, "", "2")
    assert (room.pinned, await known(way)) == ([second], second)
    await heard(way, room, "")
    assert (room.pinned, await known(way)) == ([], "")


async def test_a_refused_pin_is_told_and_what_was_pinned_stays_known(way: Way) -> None:
    first, second = await way.say("раз"), await way.say("два")
    await way.pin(first)
    way.messenger.errors = [Refused("VK error 925")]
    await way.pin(first, second)
    [(mxid, body)] = await way.told()
    assert mxid == OWNER
    assert "администратор чата" in body
    assert await known(way) == first
    # So it is tried when the list changes again.
    await way.pin(second)
    assert way.messenger.pins == ["1", "2"]


async def test_a_pin_whose_answer_was_lost_is_reported_to_the_chat_once(way: Way) -> None:
    event_id = await way.say("раз")
    way.messenger.deaf = [Unavailable("HTTP 500")]
    await way.pin(event_id)
    assert way.messenger.pins == ["1"]


async def test_what_a_kill_cut_off_is_pinned_all_the_same(way: Way) -> None:
    event_id = await way.say("раз")
    way.messenger.errors = [RuntimeError("killed here")]  # type: ignore[list-item]
    with pytest.raises(RuntimeError):
        await way.pin(event_id)
    assert way.messenger.pins == []
    await way.work()
    assert way.messenger.pins == ["1"]
    assert await known(way) == event_id


async def test_what_only_looks_like_a_list_of_pins_does_nothing(way: Way) -> None:
    event_id = await way.say("раз")
    way.homeserver.pinned = [event_id]
    await way.do({"pinned": [event_id]}, kind="m.room.pinned_events")
    assert way.messenger.pins == []


async def test_a_pin_goes_through_whose_login_it_is(way: Way) -> None:
    seats = await seats_of(way)
    await seats.log_in()
    event_id = await way.say("раз", TEACHER)
    await way.pin(event_id, sender=TEACHER)
    assert seats.through("pin") == [SECOND]
    await way.pin(sender=PUPIL)
    assert seats.through("pin") == [SECOND, "owner"]
    assert way.messenger.pinned[CHAT] == ""


async def test_nobody_pins_through_a_login_that_is_not_lent(tmp_path: Path) -> None:
    async with linked(tmp_path, relay=False) as way:
        event_id = await way.say("раз")
        await way.pin(event_id, sender=PUPIL)
        assert way.messenger.pins == []
        assert [mxid for mxid, _ in await way.told()] == [PUPIL]
