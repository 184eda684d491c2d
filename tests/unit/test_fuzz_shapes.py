"""Objects of VK made up whole, right and wrong: nothing raises, nothing is stuck, all is shown.

`test_fuzz_inward` changes what was recorded in one place; here everything may be odd at once.
"""

from __future__ import annotations

import json
import logging
from functools import partial
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import pytest
import pytest_asyncio
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from sferum_bridge.bot.texts import Texts
from sferum_bridge.network.base import RemoteDeletion, RemoteEdit, RemoteMessage, RemoteReactions
from sferum_bridge.network.content import Other
from sferum_bridge.network.vk.attachments import MOST_PARTS
from sferum_bridge.network.vk.messages import read_message
from sferum_bridge.network.vk.text import MOST_RAW
from sferum_bridge.network.vk.updates import Ask, Reacted, parse_history, parse_updates
from sferum_bridge.network.vk.values import MalformedError
from sferum_bridge.relay.inward import parts, to_matrix, wording
from sferum_bridge.relay.inward.wording import Look
from tests.support import hostile, vk_objects
from tests.support.recorded import record
from tests.support.replayed import Replayed, replayed
from tests.support.standin import (
    served_place,  # noqa: F401 - what `served` stands on
    served_standin,  # noqa: F401 - the fixture `served`
)
from tests.support.strict import wrong_with
from tests.support.vk_objects import ME, OTHER, PEER

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Collection, Iterator, Sequence
    from pathlib import Path

    from sferum_bridge.network.content import Content
    from tests.support.standin import Served

AT_ONCE = 25
_ALWAYS = {"peer_id": st.just(PEER), "conversation_message_id": vk_objects.cmids}
MESSAGES = vk_objects.messages(**_ALWAYS, from_id=st.just(OTHER))


def quick(count: int, phases: Collection[Phase] = tuple(Phase)) -> settings:
    """Return settings for so many examples, the same every time."""
    return settings(
        phases=phases,
        max_examples=count * (hostile.MORE or 50),
        deadline=None,
        database=None,
        derandomize=True,
        suppress_health_check=list(HealthCheck),
    )


def made(strategy: st.SearchStrategy[Any], count: int) -> list[Any]:
    """Return some of what a strategy gives, the same every time."""
    found: list[Any] = []

    @quick(count, [Phase.generate])
    @given(strategy)
    def collect(one: Any) -> None:
        found.append(one)

    collect()
    return found


def look() -> Look:
    say = partial(Texts().text, "ru")
    return Look(say, lambda i: f"Имя {i}", lambda i: f"@sferum_{i}:x", ZoneInfo("Asia/Omsk"))


LOOK = look()


def check_number(text: str) -> None:
    assert -(2**63) <= int(text) < 2**63


def check_content(content: Content) -> None:
    json.dumps([content.text, *content.buttons], ensure_ascii=False).encode()
    assert "\x00" not in content.text
    for span in content.spans:
        assert 0 <= span.start < span.start + span.length <= len(content.text)
    for quote in content.quotes:
        check_content(quote.content)


def check_message(message: RemoteMessage) -> None:
    """Look whether a message is what `network.base` says, and at all that is shown of it."""
    assert int(message.chat_id) == PEER or message.chat_id
    assert 0 < int(message.message_id) < 2**31
    for text in (message.chat_id, message.sender_id):
        check_number(text)
    assert 0 <= message.sent_at < 2**32
    assert message.service is not None or not message.content.is_empty
    check_content(message.content)
    assert all(wording.people_of(message))
    shown = to_matrix.shown(message, LOOK)
    assert shown
    for one in shown:
        if one.file is None:
            assert wrong_with(to_matrix.MESSAGE, dict(one.content)) == []
        else:
            assert (
                to_matrix.restored(json.loads(json.dumps(to_matrix.stored(one.file)))) == one.file
            )
            uploaded = to_matrix.Uploaded("mxc://s/m", one.file.mime or "image/png", 5)
            kind, content = to_matrix.file_content(one.file, uploaded, "файл")
            assert wrong_with(kind, content) == []
        assert one.said


@given(st.lists(vk_objects.updates(), max_size=6))
@quick(70)
def test_updates(batch: list[Any]) -> None:
    for parse in (parse_updates, parse_history):
        parsed = parse(batch, str(ME))
        assert len(parsed.entries) + len(parsed.malformed) <= len(batch)
        for entry in parsed.entries:
            match entry:
                case RemoteMessage():
                    check_message(entry)
                case RemoteEdit():
                    check_message(entry.message)
                case Ask(hint=RemoteMessage() as hint):
                    check_message(hint)
                case Ask():
                    assert entry.message_id or (entry.peer_id and entry.cmid)
                case Reacted():
                    assert all(isinstance(one, int) for pair in entry.by.items() for one in pair)
                case RemoteDeletion() | RemoteReactions():
                    check_number(entry.chat_id)
                case _:
                    json.dumps(repr(entry)).encode()


@given(vk_objects.messages(), MESSAGES)
@quick(70)
def test_message_objects(anything: dict[str, Any], named: dict[str, Any]) -> None:
    with pytest.raises(MalformedError):
        read_message(anything, str(ME))
    whole = read_message(named, str(ME))
    assert whole.message is not None
    check_message(whole.message)


@given(MESSAGES, MESSAGES)
@quick(30)
def test_an_edit_leads_to_what_the_message_says_then(
    before: dict[str, Any], after: dict[str, Any]
) -> None:
    def pieces(item: dict[str, Any]) -> list[parts.Part]:
        message = read_message(item, str(ME)).message
        assert message is not None
        shown = to_matrix.shown(message, LOOK)
        numbers = parts.numbered([one.kind for one in shown])
        return [parts.Part(o.kind, o.said, n) for o, n in zip(shown, numbers, strict=True)]

    shown, wanted = pieces(before), pieces(after)
    used = max(one.number for one in shown)
    plan = parts.plan(shown, wanted, used)
    now = {one.number: (one.kind, one.digest) for one in shown}
    for number in plan.removed:
        del now[number]
    for number, place in [*plan.changed, *plan.added]:
        now[number] = wanted[place].kind, wanted[place].digest
    assert sorted(now.values()) == sorted((one.kind, one.digest) for one in wanted)
    assert all(number > used for number, _ in plan.added)


POST = {"text": "x", "copy_history": [{"text": "y", "copy_history": [{"text": "z"}] * 99}] * 99}


@pytest.mark.parametrize(
    "more",
    [
        {"attachments": [{}] * 100_000},
        {"attachments": [{"type": "wall", "wall": POST}] * 99},
        {"attachments": [{"type": "wall", "wall": {"attachments": [{}] * 9999}}] * 9},
        {"fwd_messages": [{"attachments": [{}] * 999}] * 99},
        {"attachments": [{"type": "wall", "wall": {"attachments": [{"type": "gift"}] * 999}}]},
        {"text": "[https://a.example|b] @all " * 100_000},
        {"keyboard": {"buttons": [[{"action": {"label": "x"}}] * 99] * 999}},
    ],
)
def test_of_what_is_far_too_much_a_part_is_read_and_said_so(more: dict[str, Any]) -> None:
    # Each costs time in which nobody else is served, and nobody could read it.
    item = {"peer_id": PEER, "conversation_message_id": 5, "from_id": OTHER, **more}
    message = read_message(item, str(ME)).message
    assert message is not None
    content = message.content
    for one in (content, *(quote.content for quote in content.quotes)):
        assert len(one.parts) <= MOST_PARTS + 1
        assert len(one.parts) <= MOST_PARTS or one.parts[-1] == Other("unknown")
        assert len(one.text) <= MOST_RAW
    check_message(message)


# --- the whole way -------------------------------------------------------------------------------


@pytest.fixture(autouse=True)
def _nothing_unhandled(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """Hold every test to this: what was not foreseen is logged as an error."""
    caplog.set_level(logging.ERROR, "sferum_bridge")
    yield
    errors = [r for r in caplog.get_records("call") if r.name.startswith("sferum_bridge")]
    assert [f"{r.getMessage()}\n{r.exc_text or ''}" for r in errors][:3] == []


@pytest_asyncio.fixture
async def rig(served: Served, tmp_path: Path) -> AsyncIterator[Replayed]:
    async with replayed(await record(served), tmp_path) as running:
        yield running


def by(things: Sequence[Any]) -> Iterator[Sequence[Any]]:
    return (things[at : at + AT_ONCE] for at in range(0, len(things), AT_ONCE))


def reachable(rig: Replayed, item: dict[str, Any]) -> Any:
    """Return a message object whose files are where the test serves them, and nowhere else."""
    return json.loads(json.dumps(item).replace(vk_objects.FILE, f"{rig.vk.url}/file/a"))


async def test_whatever_is_heard_the_rest_arrives_and_every_message_is_shown(rig: Replayed) -> None:
    assert rig.recorded.peer == PEER
    for number, item in enumerate(made(MESSAGES, 50), 1):
        rig.vk.items[number] = {**reachable(rig, item), "conversation_message_id": number}
    for number, batch in enumerate(by(made(vk_objects.updates(), 75))):
        await rig.around(*batch, missed=number % 2 == 1)
    numbers = []
    for items in by(made(MESSAGES, 50)):
        names = [rig.number() for _ in items]
        for number, item in zip(names, items, strict=True):
            named = {"id": number, "conversation_message_id": number}
            rig.vk.items[number] = {**reachable(rig, item), **named}
        await rig.around(*map(rig.hint, names))
        numbers += names
    assert [number for number in numbers if not rig.matrix.of_message(number)] == []
    assert rig.matrix.wrong == []
    assert rig.lost == []
    assert await rig.cursor() == rig.vk.position
