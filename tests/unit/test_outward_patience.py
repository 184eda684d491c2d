"""One request that always fails must not stop its room; a messenger that is away is waited for."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from sferum_bridge.network.base import NetworkError, TooFast, Unavailable
from sferum_bridge.relay.outward import courier
from sferum_bridge.relay.outward.patience import Patience, Trial
from tests.support.bridge import until
from tests.support.messenger import CHAT
from tests.support.outward import OWNER, Way, linked

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

BROKEN = "на этом он падает"


@pytest.fixture(autouse=True)
def _short_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(courier, "_FIRST_WAIT", 0.001)
    monkeypatch.setattr(courier, "_LONGEST_WAIT", 0.002)


@pytest.fixture
async def way(tmp_path: Path) -> AsyncIterator[Way]:
    async with linked(tmp_path, patience=Patience(3, 0.0)) as found:
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
    trial = Trial(Patience(2, 10.0))
    assert not trial.is_over(0.0, works=True)
    assert not trial.is_over(5.0, works=True)
    assert not trial.is_over(20.0, works=False)
    assert not trial.is_over(21.0, works=True)
    assert not trial.is_over(30.0, works=True)
    assert trial.is_over(31.0, works=True)
    assert not Trial(Patience(2, 0.0)).is_over(99.0, works=True)


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


async def test_a_message_that_is_always_too_fast_is_given_up_too(way: Way) -> None:
    way.messenger.poison[BROKEN] = TooFast("VK error 9", 0.001)
    await way.say(BROKEN)
    await way.say("дальше")
    assert way.messenger.texts() == ["дальше"]
    assert way.messenger.looked == 3


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
