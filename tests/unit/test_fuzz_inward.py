"""Whatever VK says: nothing raises, nothing gets stuck, the rest arrives, and people are told.

What the stand-in tells of everything that can happen is changed in one place at a time, and goes
the whole way: transport, long poll, archive, queue, lanes, to a homeserver as strict as a real one.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

import pytest
import pytest_asyncio

from sferum_bridge.matrix import lanes
from sferum_bridge.relay.inward import pace
from tests.support import hostile
from tests.support.recorded import Recorded, record
from tests.support.replayed import SENDER, Replayed, replayed
from tests.support.standin import (
    served_place,  # noqa: F401 - what `served` stands on
    served_standin,  # noqa: F401 - the fixture `served`
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator, Sequence
    from pathlib import Path

    from tests.support.standin import Served

AT_ONCE = 25
# What a message cannot do without: its place, and that it is there.
NAMES = ("peer_id", "conversation_message_id", "deleted", "is_expired")


@pytest_asyncio.fixture
async def recorded(served: Served) -> Recorded:
    return await record(served)


@pytest_asyncio.fixture
async def rig(
    recorded: Recorded, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Replayed]:
    monkeypatch.setattr(pace, "_FIRST_WAIT", 0.005)
    monkeypatch.setattr(pace, "_LONGEST_WAIT", 0.01)
    monkeypatch.setattr(lanes, "_FIRST_WAIT", 0.01)
    monkeypatch.setattr(lanes, "_LONGEST_WAIT", 0.02)
    async with replayed(recorded, tmp_path) as running:
        yield running


@pytest.fixture(autouse=True)
def _nothing_unhandled(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """Hold every test to this: what was not foreseen is logged as an error."""
    caplog.set_level(logging.ERROR, "sferum_bridge")
    yield
    errors = [r for r in caplog.get_records("call") if r.name.startswith("sferum_bridge")]
    assert [f"{r.getMessage()}\n{r.exc_text or ''}" for r in errors][:3] == []


def by(things: Sequence[Any], count: int = AT_ONCE) -> Iterator[Sequence[Any]]:
    return (things[at : at + count] for at in range(0, len(things), count))


# Where an update names its message; old ones have the account's own number there.
PLACES = {**dict.fromkeys((2, 3, 4, 5, 19), 1), 6: 2, 7: 2, 601: 3, 10006: 2, 10007: 2}


def anew(rig: Replayed, update: list[Any]) -> list[Any]:
    """Return an update about a message of its own, which is there when it is asked for."""
    place = PLACES.get(update[0], 1 if update[0] > 10_000 else 0)
    if not place or len(update) <= place:
        return update
    number, copied = rig.number(), [*update]
    copied[place] = number
    known = [
        item for item in rig.recorded.items if item["conversation_message_id"] == update[place]
    ]
    rig.vk.items[number] = rig.item(number, "так") if not known else {
        **known[0], "id": number, "conversation_message_id": number
    }  # fmt: skip
    return copied


@pytest.mark.parametrize("missed", [False, True])
async def test_updates_with_something_wrong_in_them(
    rig: Replayed,
    missed: bool,  # noqa: FBT001 - a case
) -> None:
    told = rig.recorded.history if missed else rig.recorded.updates
    for some in by(hostile.mutants(told, 150 if missed else 300)):
        updates = [
            hostile.mutant(anew(rig, told[place]), (one.path, one.change)).value
            for place, one in some
        ]
        await rig.around(*updates, missed=missed)
    assert await rig.cursor() == rig.vk.position
    assert rig.matrix.wrong == []
    assert rig.lost == []


async def test_messages_with_something_wrong_in_them_are_shown_all_the_same(rig: Replayed) -> None:
    for some in by(hostile.mutants(rig.recorded.items, 400)):
        hints, shown = [], {}
        for place, one in some:
            number = rig.number()
            names = {"id": number, "conversation_message_id": number}
            item = {**rig.recorded.items[place], **names}
            rig.vk.items[number] = hostile.mutant(item, (one.path, one.change)).value
            hints.append(rig.hint(number))
            if not one.touches(*NAMES):
                shown[number] = one
        await rig.around(*hints)
        lost = [f"{one.path} {one.how}" for n, one in shown.items() if not rig.matrix.of_message(n)]
        assert lost == []
    assert rig.matrix.wrong == []


ENVELOPES = (
    *("messages.getLongPollServer", "messages.getLongPollHistory", "messages.getById"),
    *("users.get", "longpoll", "messages.getMessagesReactions", "messages.getReactedPeers"),
)
NOT_JSON: Sequence[Any] = (
    b"", b"<html>", b"\xff\xfe{", b"{", b"null", b"[]", b'"x"', b"7", b"NaN", (502, b"bad"),
    (404, b"{}"), (403, b"no"), (413, b""), (200, b"[" * 100_000), (200, b'{"a":' * 50_000),
    b'{"response": ' + b"9" * 5000 + b"}", b'{"error": 5}', b'{"error": {}}', b'{"error": []}',
    b'{"error": {"error_code": "5"}}', b'{"error": {"error_code": 1e99}}',
    b'{"error": {"error_code": 901}}', b'{"failed": "x"}', b'{"failed": 4, "min_version": []}',
)  # fmt: skip


INSIDE = frozenset({"items", "history", "updates", "counters", "reactions"})


def is_a_lie(way: hostile.Way) -> bool:
    """Tell whether a change makes something a list says untrue, which nobody can see.

    What lies in the lists is changed by the tests above.
    """
    path, change = way
    nothing = isinstance(change, int) and hostile.ODD[change] in ([], {})
    return bool(INSIDE & set(path[:-1])) or (nothing and bool(INSIDE & set(path)))


def envelopes(method: str) -> list[Any]:
    """Return what makes odd replies: of a method's own ones, and some that are none at all."""

    def odd(seed: int) -> Any:
        def reply(body: Any) -> Any:
            way = hostile.one_of([w for w in hostile.ways(body) if not is_a_lie(w)], (method, seed))
            made = hostile.mutant(body, way)
            reply.__doc__ = f"{made.path} {made.how}"
            return made.value

        return reply

    return [*map(odd, range(12 * (hostile.MORE or 50))), *hostile.some(NOT_JSON, 6, method)]


@pytest.mark.parametrize("method", ENVELOPES)
async def test_replies_that_are_none(rig: Replayed, method: str) -> None:
    for number, reply in enumerate(envelopes(method)):
        first = rig.number()
        rig.vk.items[first] = rig.item(first, f"медленно {number}")
        rig.vk.instead[method].append(reply)
        who = SENDER + number
        reacted = [601, 2, rig.recorded.peer, first, 1, 3, 4, 30, 0]
        stranger = rig.guard(f"чужой {number}")
        stranger[7] = {"from": str(who)}
        await rig.around(
            rig.hint(first),
            reacted,
            stranger,
            missed=number % 2 == 1 and method != "messages.getById",
            about=getattr(reply, "__doc__", reply),
        )
    assert await rig.cursor() == rig.vk.position
    assert rig.matrix.wrong == []


async def test_a_homeserver_whose_answers_are_none_loses_no_message(rig: Replayed) -> None:
    for answer in (
        b"",
        b"<html>",
        b"\xff",
        b"[]",
        b'{"event_id": 7}',
        b'{"event_id": ""}',
        b"null",
    ):
        rig.matrix.instead.extend([answer] * 9)  # more often than a broken row is tried
        await rig.around(about=answer)
    told = [text for text in rig.matrix.texts() if text.startswith(("до", "после"))]
    assert told == sorted(told, key=lambda text: int(text.split()[1]))
    assert len(told) == 14


HOSTILE_NAMES: Sequence[Any] = (
    *(hostile.HTML, f"Анна{hostile.TURNED}", "Анна\nДиректор", "Я" * 5000, hostile.UNSEEN),
    *(hostile.CONTROLS, " \u202e", hostile.HALF, "", 7, None, [], {"a": 1}),
)


async def test_whatever_people_are_called_there_what_they_say_is_shown(rig: Replayed) -> None:
    known = rig.recorded.replies["users.get"][0]
    first = SENDER + 1000
    people = [
        {**known, "id": first + number, "first_name": name, "last_name": name, "photo_200": name}
        for number, name in enumerate(HOSTILE_NAMES)
    ]
    for number, person in enumerate(people):
        rig.vk.instead["users.get"].append({"response": people[number:]})
        said = rig.guard(f"это я {number}")
        said[7] = {"from": str(person["id"])}
        await rig.around(said)
    assert rig.matrix.wrong == []
    assert (
        rig.matrix.names["@sferum_778003:school.example"] == "Анна Директор Анна Директор (Сферум)"
    )
    assert len(rig.matrix.texts()) == 3 * len(people)


async def test_forwards_a_thousand_deep_and_wide_in_every_place(rig: Replayed) -> None:
    deep = hostile.DEEP
    shown = []
    for item in (
        {"fwd_messages": [deep]},
        {"fwd_messages": [{"text": "x", "from_id": 5}] * 1000},
        {"reply_message": deep},
        {"attachments": [{"type": "wall", "wall": {"text": "x", "copy_history": [deep]}}, deep]},
        {"attachments": [{"type": "photo"}] * 1000},
        {"format_data": {"items": [deep] * 50}},
        {"keyboard": {"buttons": [[deep]] * 20}},
    ):
        shown.append(rig.number())
        rig.vk.items[shown[-1]] = rig.item(shown[-1], "вот", **item)
    await rig.around(*map(rig.hint, shown))
    assert all(rig.matrix.of_message(number) for number in shown)
    assert rig.matrix.wrong == []
