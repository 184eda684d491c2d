"""One request that always fails must not stop its room; a messenger that is away is waited for."""

from __future__ import annotations

import asyncio
import math
from typing import TYPE_CHECKING, Any

import pytest

from sferum_bridge.network.base import NetworkError, TooFast, Unavailable
from sferum_bridge.network.patience import Patience
from sferum_bridge.relay.outward import waits
from tests.support.bridge import until
from tests.support.messenger import CHAT
from tests.support.outward import OWNER, Way, linked

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

BROKEN = "на этом он падает"


@pytest.fixture(autouse=True)
def _short_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(waits, "_FIRST_WAIT", 0.001)
    monkeypatch.setattr(waits, "_LONGEST_WAIT", 0.002)
    monkeypatch.setattr(waits, "_LONGEST_ASKED", 0.002)


@pytest.fixture
async def way(tmp_path: Path) -> AsyncIterator[Way]:
    async with linked(tmp_path, patience=Patience(3, 0.0, memory=math.inf)) as found:
        found.messenger.poison[BROKEN] = Unavailable("messages.send: VK error 10")
        yield found


async def sent(way: Way, times: int) -> None:
    """Wait until something was sent so often, with whatever success."""

    async def so() -> bool:
        return way.messenger.sends >= times

    await until(so)


async def test_a_message_the_messenger_fails_at_is_told_and_the_next_goes_on(way: Way) -> None:
    await way.say("раньше")
    event_id = await way.say(BROKEN)
    await way.say("дальше")
    assert way.messenger.texts() == ["раньше", "дальше"]
    [(mxid, body)] = await way.told()
    assert mxid == OWNER
    assert body.startswith(f"«{BROKEN}»\n")
    assert "раз за разом" in body
    assert "!повторить" in body
    assert (event_id, "FAIL_RETRIABLE") in await way.statuses()
    assert way.messenger.sends == 2 + 3


async def test_what_was_given_up_is_sent_at_its_writers_word(way: Way) -> None:
    event_id = await way.say(BROKEN)
    way.messenger.poison.clear()
    way.age(60)
    relation = {"m.in_reply_to": {"event_id": event_id}}
    await way.do({"msgtype": "m.text", "body": "!повторить", "m.relates_to": relation})
    assert way.messenger.texts() == [BROKEN]


async def test_what_arrived_though_it_always_failed_is_no_failure(way: Way) -> None:
    """Each answer was lost; the history knows."""
    way.messenger.poison.clear()
    way.messenger.deaf = [Unavailable("HTTP 500")] * 3
    event_id = await way.say("без ответа")
    assert way.messenger.texts() == ["без ответа"]
    assert [m.message_id for m in await way.mapped(event_id)] == ["1"]
    assert await way.told() == []


async def test_a_messenger_that_is_away_is_waited_for_however_long(way: Way) -> None:
    way.messenger.is_away = True
    await way.put({"msgtype": "m.text", "body": "подожду"})
    working = asyncio.create_task(way.work())
    await sent(way, 20)
    assert not working.done()
    assert await way.told() == []
    way.messenger.is_away = False
    await working
    assert way.messenger.texts() == ["подожду"]


def test_tries_and_time_have_to_be_over_and_an_outage_begins_both_anew() -> None:
    failed, times = Unavailable("x"), [0.0, 5.0, 21.0, 30.0, 31.0, 99.0]
    patience = Patience(2, 10.0, memory=math.inf, clock=iter(times).__next__)
    assert [patience.is_over("a", failed) for _ in range(2)] == [False] * 2
    assert not patience.is_over("a", failed, works=False)
    assert [patience.is_over("a", failed) for _ in range(3)] == [False, False, True]
    patience.answered("a")
    assert not patience.is_over("a", failed)


def test_a_request_to_wait_is_granted_for_longer_and_is_no_failure() -> None:
    times = [0.0, 20.0, 99.0, 100.0, 200.0]
    patience = Patience(2, 10.0, 100.0, memory=math.inf, clock=iter(times).__next__)
    slow = TooFast("VK error 9", 60.0)
    assert [patience.is_over("a", slow) for _ in range(4)] == [False, False, False, True]
    assert not patience.is_over("a", Unavailable("x"))


@pytest.mark.parametrize("arrived", [False, True])
async def test_what_is_taken_back_while_it_waits_is_never_read_there(
    way: Way,
    arrived: bool,  # noqa: FBT001 - a case
) -> None:
    """Nobody's phone rings for what is deleted; and what had arrived unanswered is deleted too."""
    await way.say("раньше")
    event_id = await way.put({"msgtype": "m.text", "body": "сгоряча"})
    if arrived:
        way.messenger.deaf = [RuntimeError("killed here")]  # type: ignore[list-item]
        with pytest.raises(RuntimeError):
            await way.work()
    way.messenger.is_away = True
    working = asyncio.create_task(way.work())
    await sent(way, 3)
    await way.put({"redacts": event_id}, kind="m.room.redaction")
    way.age(60)
    way.messenger.is_away = False
    await working
    before = len(way.messenger.messages[CHAT])
    await way.work()
    await way.say("дальше")
    assert way.messenger.texts() == ["раньше", "дальше"]
    assert before == 1 + arrived
    assert await way.told() == []


async def test_the_redaction_of_another_message_takes_nothing_back(way: Way) -> None:
    other = await way.say("другое")
    await way.put({"msgtype": "m.text", "body": "остаётся"})
    await way.put({"redacts": other}, kind="m.room.redaction")
    way.age(60)
    await way.work()
    assert way.messenger.texts() == ["остаётся"]


async def test_flood_control_of_one_message_is_waited_out_and_told_after_a_while(
    way: Way, monkeypatch: pytest.MonkeyPatch
) -> None:
    """VK's 9 means wait: far more tries than a failure has, and the message arrives."""
    monkeypatch.setattr(waits, "_TOLD_AFTER", 0.005)
    way.messenger.poison[BROKEN] = TooFast("VK error 9", 0.001)
    event_id = await way.put({"msgtype": "m.text", "body": BROKEN})
    working = asyncio.create_task(way.work())
    await sent(way, 20)
    assert not working.done()
    way.messenger.poison.clear()
    await working
    assert way.messenger.texts() == [BROKEN]
    [(mxid, body)] = await way.told()
    assert mxid == OWNER
    assert body.startswith(f"«{BROKEN}»\n")
    assert "просит подождать" in body
    assert await way.statuses() == [(event_id, "PENDING")] * 2


async def test_a_short_request_to_wait_is_told_to_nobody(way: Way) -> None:
    way.messenger.errors = [TooFast("VK error 6", 0.001)] * 3
    await way.say("скоро")
    assert way.messenger.texts() == ["скоро"]
    assert await way.told() == []


async def test_flood_control_without_end_is_given_up_after_its_own_time(tmp_path: Path) -> None:
    async with linked(tmp_path, patience=Patience(100, 600.0, 0.0, memory=math.inf)) as way:
        way.messenger.poison[BROKEN] = TooFast("VK error 9", 0.001)
        await way.say(BROKEN)
        await way.say("дальше")
        assert way.messenger.texts() == ["дальше"]
        assert "раз за разом" in (await way.told())[0][1]


async def test_who_deletes_what_is_held_up_frees_the_room(
    way: Way, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The wait is far longer than the test: it ends because its message is wanted no more."""
    way.messenger.poison[BROKEN] = TooFast("VK error 9", 600.0)
    event_id = await way.put({"msgtype": "m.text", "body": BROKEN})
    working = asyncio.create_task(way.work())
    await sent(way, 1)
    await way.put({"redacts": event_id}, kind="m.room.redaction")
    way.age(60)
    await working
    await way.work()
    await way.say("дальше")
    assert way.messenger.texts() == ["дальше"]


async def test_the_waits_that_are_asked_for_grow(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(waits, "_LONGEST_ASKED", 1800.0)
    told: list[float] = []

    async def waiting(asked: float) -> None:
        told.append(asked)

    growing = waits.Waits(waiting)
    pauses = [await growing.after(TooFast("VK error 9", 60.0)) for _ in range(8)]
    for pause, wanted in zip(pauses, (60, 120, 240, 480, 960, 1800, 1800, 1800), strict=True):
        assert wanted * 0.75 <= pause <= wanted * 1.25
    assert told == [0, 60 + 120 + 240]
    assert await waits.Waits(None).after(TooFast("VK error 29", 3600.0)) >= 3600 * 0.75
    for _ in range(1100):  # a day at the longest wait, and far more
        assert await growing.after(TooFast("VK error 9", 60.0)) <= 1800 * 1.25
    hasty = waits.Waits(None)
    for _ in range(20):  # requests a second, not too much of one kind
        assert await hasty.after(TooFast("VK error 6", 1.0)) <= 1.25


async def test_a_limit_of_the_account_is_waited_out_by_all_that_waits(
    way: Way, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What it may not do is no fault of this message: nothing else is answered either."""
    limit = TooFast("VK error 29", 0.001)
    way.messenger.poison.clear()
    way.messenger.errors = [limit] * 20
    looked = way.messenger.connect

    async def limited(secret: str) -> Any:
        connector: Any = await looked(secret)
        chat = connector.chat

        async def look(chat_id: str) -> Any:
            if way.messenger.errors:
                raise limit
            return await chat(chat_id)

        connector.chat = look
        return connector

    monkeypatch.setattr(way.messenger, "connect", limited)
    await way.say("терпеливо")
    assert way.messenger.texts() == ["терпеливо"]
    assert way.messenger.sends == 20 + 1
    assert await way.told() == []


async def test_being_too_fast_is_no_failure_of_a_message(way: Way) -> None:
    way.messenger.errors = [TooFast("slow down", 0.001)] * 2
    await way.say("терпеливо")
    assert way.messenger.texts() == ["терпеливо"]
    assert await way.told() == []


@pytest.mark.parametrize("error", [Unavailable("VK error 10")])
async def test_an_edit_that_always_fails_is_told_as_one(way: Way, error: NetworkError) -> None:
    event_id = await way.say("раз")
    way.messenger.poison["два"] = error
    new = {"msgtype": "m.text", "body": "два"}
    relation = {"rel_type": "m.replace", "event_id": event_id}
    await way.do({**new, "m.new_content": new, "m.relates_to": relation})
    assert way.messenger.texts() == ["раз"]
    assert "Исправление не ушло" in (await way.told())[0][1]
    await way.say("дальше")


@pytest.mark.parametrize("kind", ["m.room.redaction", "m.reaction"])
async def test_other_changes_are_bounded_alike(way: Way, kind: str) -> None:
    event_id = await way.say("раз")
    way.messenger.errors = [Unavailable("VK error 10")] * 3
    relation = {"rel_type": "m.annotation", "event_id": event_id, "key": "👍"}
    content: dict[str, Any] = {"redacts": event_id, "m.relates_to": relation}
    await way.do(content, kind=kind)
    assert way.messenger.texts() == ["раз"]
    assert len(await way.told()) == 1


async def test_a_file_the_homeserver_never_gives_is_told_while_it_answers_otherwise(
    way: Way,
) -> None:
    way.homeserver.files["m"] = 502
    await way.do({"msgtype": "m.file", "body": "a.pdf", "url": "mxc://s/m"})
    await way.say("дальше")
    assert way.messenger.texts() == ["дальше"]
    assert "сервер Matrix его не отдаёт" in (await way.told())[0][1]
    assert len(way.homeserver.asked) == 3


async def test_a_homeserver_that_is_away_is_waited_for(way: Way) -> None:
    way.homeserver.files["m"] = 502
    way.homeserver.is_away = True
    await way.put({"msgtype": "m.file", "body": "a.pdf", "url": "mxc://s/m"})
    working = asyncio.create_task(way.work())

    async def asked() -> bool:
        return len(way.homeserver.asked) >= 10

    await until(asked)
    assert await way.told() == []
    way.homeserver.files["m"] = b"%PDF-"
    await working
    assert way.messenger.drafts["1"].attached == ("file-0",)


async def test_a_short_trouble_costs_one_look_for_each_failure(way: Way) -> None:
    way.messenger.errors = [Unavailable("VK error 1")] * 2
    await way.say("со второго раза")
    assert (way.messenger.sends, way.messenger.looked) == (3, 2)
