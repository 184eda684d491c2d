"""Who has a login of their own is heard through it, in a chat that somebody else linked."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from sferum_bridge.network.base import LoginExpired, Refused, Unavailable
from sferum_bridge.relay.outward import attention, waits
from sferum_bridge.store import chats, logins, rooms, voices
from tests.support.bridge import until
from tests.support.messenger import CHAT
from tests.support.outward import OWNER, PUPIL, ROOM, TEACHER, Way, linked
from tests.support.seats import NUMBERS, SECOND, Seats, seats_of

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path


@pytest.fixture(autouse=True)
def _no_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(waits, "_FIRST_WAIT", 0.01)
    monkeypatch.setattr(attention, "_ROUND", 0.01)


@pytest.fixture
async def way(tmp_path: Path) -> AsyncIterator[Way]:
    async with linked(tmp_path) as found:
        yield found


@pytest.fixture
async def seats(way: Way) -> Seats:
    return await seats_of(way)


def texts(way: Way) -> list[tuple[str, str]]:
    return [(m.sender_id, m.content.text) for m in way.messenger.messages[CHAT][1:]]


async def expected(way: Way) -> list[tuple[str, bool]]:
    async with way.db.read() as tx:
        return [(one.event_id, one.is_over) for one in await voices.expected(tx, [ROOM])]


async def redact(way: Way, event_id: str, sender: str) -> None:
    await way.do({"redacts": event_id}, sender, "m.room.redaction")


# --- through whom ---------------------------------------------------------------------------


async def test_words_go_through_the_own_account_with_no_name_in_front(
    way: Way, seats: Seats
) -> None:
    await seats.log_in()
    event_id = await way.say("это я", TEACHER)
    answer = await way.say("и ответ", TEACHER, **answering(event_id))
    await way.say("а это ученик", PUPIL)
    assert texts(way) == [(SECOND, "это я"), (SECOND, "и ответ"), ("owner", "pupil: а это ученик")]
    [mapped] = await way.mapped(event_id)
    assert (mapped.chat_id, mapped.message_id, mapped.through) == (CHAT, "2", seats.second)
    assert way.messenger.answers[(await way.mapped(answer))[0].message_id] == "2"
    async with way.db.read() as tx:
        assert await chats.is_mapped(tx, way.login_id, CHAT, "2")
    assert await expected(way) == []
    # Known from then on, across restarts: nothing is looked for with every message.
    assert seats.through("chat") == ["owner"]


def answering(event_id: str) -> dict[str, Any]:
    return {"m.relates_to": {"m.in_reply_to": {"event_id": event_id}}}


async def test_what_changes_a_message_goes_through_whose_it_is(way: Way, seats: Seats) -> None:
    relayed = await way.say("до входа", TEACHER)
    await seats.log_in()
    own = await way.say("после входа", TEACHER)
    for event_id, text in ((relayed, "до"), (own, "после")):
        replacing = {"rel_type": "m.replace", "event_id": event_id}
        new = {"msgtype": "m.text", "body": text}
        content = {**new, "m.new_content": new, "m.relates_to": replacing}
        await way.do(content, TEACHER)
    assert seats.through("edit") == ["owner", SECOND]
    assert texts(way) == [("owner", "Вторая Учительница: до"), (SECOND, "после")]
    thumb = {"rel_type": "m.annotation", "event_id": relayed, "key": "👍"}
    reaction = await way.do({"m.relates_to": thumb}, TEACHER, "m.reaction")
    await redact(way, reaction, TEACHER)
    assert seats.through("react") == [SECOND, SECOND]
    assert way.messenger.reactions["2"] == ""
    for event_id in (relayed, own):
        await redact(way, event_id, TEACHER)
    assert seats.through("delete") == ["owner", SECOND]
    assert await way.told() == []


async def test_what_a_moderator_takes_back_is_deleted_by_whose_it_is(
    way: Way, seats: Seats
) -> None:
    await seats.log_in()
    event_id = await way.say("лишнее", TEACHER)
    await redact(way, event_id, OWNER)
    assert seats.through("delete") == [SECOND]
    # Of what others wrote there the linked login may be a moderator.
    async with way.db.write() as tx:
        one = chats.Mapped(CHAT, "9", 0, ROOM, "$theirs", from_matrix=False, sender="@ghost:x")
        await chats.map_message(tx, way.login_id, one)
    await redact(way, "$theirs", TEACHER)
    assert seats.through("delete") == [SECOND, "owner"]


async def test_typing_and_reading_are_seen_as_the_own(way: Way, seats: Seats) -> None:
    await seats.log_in()
    event_id = await way.say("прочтите", OWNER)
    task = asyncio.create_task(way.outward.run())
    try:

        async def known() -> bool:
            async with way.db.read() as tx:
                return bool(await voices.found(tx))

        await until(known)
        users = [TEACHER]
        way.outward.heard([{"type": "m.typing", "room_id": ROOM, "content": {"user_ids": users}}])
        content = {event_id: {"m.read": {TEACHER: {"ts": 1}}}}
        way.outward.heard([{"type": "m.receipt", "room_id": ROOM, "content": content}])

        async def both() -> bool:
            return seats.through("typing") == [SECOND] == seats.through("read")

        await until(both)
        assert way.messenger.read == ["2"]
    finally:
        task.cancel()


# --- who has no voice -----------------------------------------------------------------------


async def test_who_is_not_in_that_chat_is_heard_through_the_linked_login(
    way: Way, seats: Seats
) -> None:
    seats.left[SECOND] = {NUMBERS[SECOND]}
    await seats.log_in()
    for text in ("раз", "два"):
        await way.say(text, TEACHER)
    assert [sender for sender, _ in texts(way)] == ["owner", "owner"]
    assert seats.through("chat") == ["owner"]
    # Looked for again some time later: they may have come to be in it.
    seats.left.clear()
    way.age(11 * 60)
    await way.say("три", TEACHER)
    assert texts(way)[-1] == (SECOND, "три")


async def test_a_lost_login_falls_back_on_the_linked_one(way: Way, seats: Seats) -> None:
    await seats.log_in()
    await way.say("сам", TEACHER)
    await seats.expire(seats.second)
    await way.say("через вас", TEACHER)
    assert texts(way)[-1] == ("owner", "Вторая Учительница: через вас")
    assert await way.told() == []
    await seats.log_in()
    await way.say("снова сам", TEACHER)
    assert texts(way)[-1] == (SECOND, "снова сам")


async def test_with_nobody_to_fall_back_on_it_is_told(tmp_path: Path) -> None:
    async with linked(tmp_path, relay=False) as way:
        seats = await seats_of(way)
        await seats.log_in()
        await way.say("сам", TEACHER)
        await seats.expire(seats.second)
        await way.say("никому", TEACHER)
        [(mxid, body)] = await way.told()
        assert mxid == TEACHER
        assert "ваш вход" in body
        assert "сферум войти" in body
        assert texts(way) == [(SECOND, "сам")]


async def test_who_has_no_other_way_waits_for_a_messenger_that_is_away(tmp_path: Path) -> None:
    async with linked(tmp_path, relay=False) as way:
        seats = await seats_of(way)
        await seats.log_in()
        seats.away = [Unavailable("away")] * 5
        await way.say("дождалась", TEACHER)
        assert texts(way) == [(SECOND, "дождалась")]
        assert await way.told() == []


async def test_a_login_that_hears_nothing_more_does_not_silence_others(
    way: Way, seats: Seats
) -> None:
    await seats.log_in()
    await way.say("сам", TEACHER)
    await seats.expire(way.login_id)
    await way.say("всё равно", TEACHER)
    assert texts(way)[-1] == (SECOND, "всё равно")


async def test_a_refusal_has_the_chat_looked_for_anew(way: Way, seats: Seats) -> None:
    await seats.log_in()
    await way.say("сам", TEACHER)
    seats.left[SECOND] = {NUMBERS[SECOND]}
    way.messenger.errors = [Refused("no longer in it")]
    await way.say("откажут", TEACHER)
    await way.say("через вас", TEACHER)
    assert texts(way) == [(SECOND, "сам"), ("owner", "Вторая Учительница: через вас")]
    assert [mxid for mxid, _ in await way.told()] == [TEACHER]
    # What was refused is waited for no more; its words would still be known.
    assert [is_over for _, is_over in await expected(way)] == [True]


@pytest.mark.parametrize("word", ["!повторить", "!retry"])
async def test_what_failed_a_second_time_is_under_way_no_more(
    way: Way, seats: Seats, word: str
) -> None:
    """Nobody's words in that chat wait for it from then on."""
    await seats.log_in()
    way.messenger.errors = [Refused("VK error 7")]
    event_id = await way.say("никак", TEACHER)
    await seats.look()
    way.messenger.errors = [Refused("VK error 7")]
    way.age(60)
    await way.say(word, TEACHER, **answering(event_id))
    assert await expected(way) == [(event_id, True)]
    way.age(60)
    await seats.look()
    await way.say(word, TEACHER, **answering(event_id))
    assert texts(way) == [(SECOND, "никак")]
    assert await expected(way) == []


async def test_who_logs_out_is_heard_through_the_linked_login(way: Way, seats: Seats) -> None:
    await seats.log_in()
    await way.say("сам", TEACHER)
    async with way.db.write() as tx:
        await logins.forget(tx, seats.second)
        assert not await voices.in_room(tx, ROOM)
    await way.say("через вас", TEACHER)
    assert texts(way)[-1][0] == "owner"


# --- once, whatever happens -----------------------------------------------------------------


async def test_a_send_that_was_cut_off_goes_on_under_the_same_id(way: Way, seats: Seats) -> None:
    await seats.log_in()
    way.messenger.deaf = [RuntimeError("killed")]  # type: ignore[list-item]  # as good as a kill
    event_id = await way.put({"msgtype": "m.text", "body": "однажды"}, TEACHER)
    with pytest.raises(RuntimeError):
        await way.work()
    assert await expected(way) == [(event_id, False)]
    await way.work()
    assert texts(way) == [(SECOND, "однажды")]
    assert await expected(way) == []


async def test_what_is_taken_back_before_it_went_out_is_expected_no_more(
    way: Way, seats: Seats
) -> None:
    """Else who says the same in Sferum later would be taken for its echo."""
    await seats.log_in()
    way.messenger.errors = [RuntimeError("killed")]  # type: ignore[list-item]  # as good as a kill
    event_id = await way.put({"msgtype": "m.text", "body": "Не придём"}, TEACHER)
    with pytest.raises(RuntimeError):
        await way.work()
    assert await expected(way) == [(event_id, False)]
    await way.put({"redacts": event_id}, TEACHER, "m.room.redaction")
    way.age(60)
    await way.work()
    assert texts(way) == []
    assert await expected(way) == []


async def test_what_waits_for_a_chat_that_is_unlinked_is_given_up(way: Way, seats: Seats) -> None:
    await seats.log_in()
    way.messenger.errors = [RuntimeError("killed")]  # type: ignore[list-item]  # as good as a kill
    event_id = await way.put({"msgtype": "m.text", "body": "Не придём"}, TEACHER)
    with pytest.raises(RuntimeError):
        await way.work()
    async with way.db.write() as tx:
        await logins.unlink(tx, ROOM)
    await way.work()
    assert await expected(way) == [(event_id, True)]


async def test_what_was_begun_through_the_linked_login_ends_through_it(
    way: Way, seats: Seats
) -> None:
    way.messenger.deaf = [RuntimeError("killed")]  # type: ignore[list-item]  # as good as a kill
    await way.put({"msgtype": "m.text", "body": "однажды"}, TEACHER)
    with pytest.raises(RuntimeError):
        await way.work()
    await seats.log_in()
    await way.work()
    assert texts(way) == [("owner", "Вторая Учительница: однажды")]
    await way.say("потом", TEACHER)
    assert texts(way)[-1] == (SECOND, "потом")


@pytest.mark.parametrize("arrived", [True, False])
async def test_a_login_lost_in_the_middle_says_it_once(
    way: Way, seats: Seats, *, arrived: bool
) -> None:
    await seats.log_in()
    await way.say("сам", TEACHER)
    if arrived:
        way.messenger.deaf = [Unavailable("cut off")]
    way.messenger.errors = [] if arrived else [Unavailable("away")]
    real = seats.done

    class Losing(list[tuple[str, str]]):
        """Loses the login at its second try to send."""

        def append(self, one: tuple[str, str]) -> None:
            if one == (SECOND, "send") and self.count(one) == 2:
                seats.lost.add(SECOND)
                raise LoginExpired("lost")
            super().append(one)

    seats.done = Losing(real)
    event_id = await way.say("последнее", TEACHER)
    wanted = (SECOND, "последнее") if arrived else ("owner", "Вторая Учительница: последнее")
    assert texts(way) == [(SECOND, "сам"), wanted]
    [mapped] = await way.mapped(event_id)
    assert mapped.through == (seats.second if arrived else way.login_id)
    assert await way.told() == []
    assert await expected(way) == []


async def test_one_who_is_not_in_the_room_speaks_in_no_ones_name(way: Way, seats: Seats) -> None:
    """Nothing is looked for by the logins of people who are not here."""
    await seats.log_in()
    async with way.db.write() as tx:
        await rooms.set_member(tx, ROOM, TEACHER, "leave")
        assert await voices.wanted(tx, tx.now) == []
        await rooms.set_member(tx, ROOM, TEACHER, "join")
        assert [(c.room_id, one.id) for c, one in await voices.wanted(tx, tx.now)] == [
            (ROOM, seats.second)
        ]
        await voices.note(tx, ROOM, seats.second, "")
        assert await voices.wanted(tx, tx.now) == []
        assert len(await voices.wanted(tx, tx.now + 1)) == 1
        # The linked login itself has no voice beside.
        await voices.note(tx, ROOM, way.login_id, "7")
        assert [*await voices.in_room(tx, ROOM)] == [seats.second]
        await chats.move(tx, ROOM, "!moved")
        assert [*await voices.in_room(tx, "!moved")] == [seats.second]
        await logins.unlink(tx, "!moved")
        assert not await voices.in_room(tx, "!moved")
