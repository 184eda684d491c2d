"""A fault of this version in one chat, at whatever stage: others go on, and what can be told is."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any

import pytest
import pytest_asyncio

from sferum_bridge.bot.texts import Texts
from sferum_bridge.matrix import marks
from sferum_bridge.matrix.client import TryAgain
from sferum_bridge.network.base import LoginExpired, RemoteChange, Unavailable
from sferum_bridge.network.content import Content, File, FileKind
from sferum_bridge.relay.inward import to_matrix, wording
from sferum_bridge.relay.inward.passing import Passing
from sferum_bridge.relay.inward.queueing import Queueing
from sferum_bridge.relay.inward.speaking import Speaking
from sferum_bridge.store import chats, rooms
from tests.support import databases, messenger
from tests.support.bridge import until
from tests.support.inward import linked_room, working
from tests.support.messenger import CHAT, NETWORK

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from tests.support.inward import Linked
    from tests.support.synapse import Homeserver

database_url = databases.database_url

pytestmark = pytest.mark.asyncio(loop_scope="session")

ASYA = "101"
OTHER = "chat-2"
WORDS = "слова, которых нет в журнале"
UNREADABLE = Texts().text("ru", "relay-unreadable").body


class Fault(Exception):
    """What nobody foresaw; its words quote what was written."""


def failing(told: Callable[..., Any], is_broken: Callable[..., bool]) -> Callable[..., Any]:
    """Have a function fail where something broken is handed to it."""

    def fails(*args: Any, **named: Any) -> Any:
        if is_broken(*args):
            raise Fault(WORDS)
        return told(*args, **named)

    async def fails_later(*args: Any, **named: Any) -> Any:
        return await fails(*args, **named)

    return fails_later if inspect.iscoroutinefunction(told) else fails


@pytest_asyncio.fixture(loop_scope="session")
async def linked(
    plain_homeserver: Homeserver, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Linked]:
    """Give two linked chats of one login; the second is the one that goes on."""
    url = f"sqlite:///{tmp_path_factory.mktemp('bridge') / 'bridge.db'}"
    async with linked_room(plain_homeserver, url, people={ASYA: "Ася Выдумкина"}) as linked:
        room_id = await linked.homeserver.create_room({"invite": [linked.reader.mxid]})
        await linked.reader.call("POST", f"rooms/{room_id}/join")
        async with linked.database.write() as tx:
            await chats.link(tx, chats.Chat(linked.login_id, OTHER, room_id, relay=False))
            await rooms.set_member(tx, room_id, linked.reader.mxid, "join")
        linked.other_room = room_id  # type: ignore[attr-defined]
        yield linked


async def heard_in_the_other(linked: Linked, text: str) -> None:
    """Have something be written in the chat that nothing is wrong with, and wait for it."""
    await linked.messenger.say(ASYA, text, OTHER)
    here, linked.room_id = linked.room_id, linked.other_room  # type: ignore[attr-defined]
    try:
        await linked.until_shown(text)
    finally:
        linked.room_id = here


def in_broken_chat(*args: Any) -> bool:
    return any(getattr(one, "chat_id", "") == CHAT for one in args)


QUEUEING: dict[str, tuple[Any, str, Callable[..., bool]]] = {
    "whom it is about": (wording, "people_of", in_broken_chat),
    "how it looks": (to_matrix, "shown", in_broken_chat),
    "who says it": (Queueing, "_senders", in_broken_chat),
}


@pytest.mark.parametrize("stage", QUEUEING)
async def test_a_message_this_version_fails_to_queue_is_told_of(
    linked: Linked, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, stage: str
) -> None:
    where, name, is_broken = QUEUEING[stage]
    async with working(linked):
        await linked.begun()
        with monkeypatch.context() as patch:
            patch.setattr(where, name, failing(getattr(where, name), is_broken))
            await linked.messenger.say(ASYA, "сломано")
            await heard_in_the_other(linked, "слышно")
        await linked.messenger.say(ASYA, "снова")
        first = "сломано" if stage == "whom it is about" else UNREADABLE
        await linked.until_shown(first, "снова")
    assert "Fault" in caplog.text
    assert WORDS not in caplog.text


async def test_where_not_even_that_can_be_told_the_rest_goes_on(
    linked: Linked, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async with working(linked):
        await linked.begun()
        with monkeypatch.context() as patch:
            for name in ("put", "_unreadable", "_row"):
                patch.setattr(Queueing, name, failing(getattr(Queueing, name), in_broken_chat))
            await linked.messenger.say(ASYA, "сломано")
            await linked.messenger.happen(RemoteChange(CHAT))
            await heard_in_the_other(linked, "слышно")
        await linked.messenger.say(ASYA, "снова")
        await linked.until_shown("снова")
    assert WORDS not in caplog.text


ASKING = {
    "the history": "history",
    "who somebody is": "contacts",
    "what is pinned": "chat",
}


@pytest.mark.parametrize("name", ASKING.values(), ids=ASKING)
async def test_an_answer_this_version_fails_on_holds_up_no_other_chat(
    linked: Linked, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, name: str
) -> None:
    async with working(linked):
        await linked.begun()
        with monkeypatch.context() as patch:
            broken = failing(getattr(messenger.Account, name), lambda *_: True)
            patch.setattr(messenger.Account, name, broken)
            message = linked.messenger.written(linked.messenger.person("102", "Боря"), "кто я")
            await linked.messenger.happen(message, RemoteChange(CHAT), gaps=[CHAT])
            await heard_in_the_other(linked, "слышно")
        await linked.until_shown("кто я")
    assert "Fault" in caplog.text
    assert WORDS not in caplog.text


async def test_a_chat_that_cannot_begin_is_begun_without_its_past(
    linked: Linked, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = failing(messenger.Account.history, lambda _, chat_id: chat_id == CHAT)
    monkeypatch.setattr(messenger.Account, "history", broken)
    async with working(linked):
        await linked.begun()
        await linked.messenger.say(ASYA, "слышно")
        await linked.until_shown("слышно")


async def test_a_chat_whose_history_is_never_answered_holds_up_no_other(
    linked: Linked, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with working(linked):
        await linked.begun()

        async def unavailable(*_: Any, **__: Any) -> Any:
            raise Unavailable("VK error 10")

        patience = linked.inward._incoming._history._patience
        monkeypatch.setattr(patience, "_tries", 2)
        monkeypatch.setattr(patience, "_seconds", 0.0)
        monkeypatch.setattr(messenger.Account, "history", unavailable)
        await linked.messenger.happen(gaps=[CHAT])
        await heard_in_the_other(linked, "слышно")


async def test_what_passes_and_fails_is_no_ones_loss(
    linked: Linked, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Passing, "offer", failing(Passing.offer, lambda *_: True))
    async with working(linked):
        await linked.messenger.say(ASYA, "раз")
        await heard_in_the_other(linked, "слышно")
        assert (await linked.shown())[-1] == "раз"


async def test_a_row_this_version_fails_to_show_is_passed_by_in_the_end(
    linked: Linked, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("sferum_bridge.matrix.lanes._LONGEST_WAIT", 0.01)
    monkeypatch.setattr("sferum_bridge.matrix.lanes._FIRST_WAIT", 0.01)
    is_broken: Callable[..., bool] = lambda _self, _row, _txn, event: (  # noqa: E731 - a table's entry
        event[1]["body"] == "сломано"
    )
    speak = failing(Speaking.speak, is_broken)
    monkeypatch.setattr(Speaking, "speak", speak)
    pictured: list[Any] = []

    def is_pictured(*args: Any) -> bool:
        pictured.append(args)
        return True

    monkeypatch.setattr(marks, "set_picture", failing(marks.set_picture, is_pictured))
    linked.messenger.pictures[ASYA] = "https://cdn/asya.jpg"
    linked.messenger.file("https://cdn/asya.jpg", b"picture", "image/jpeg")
    async with working(linked):
        await linked.begun()
        await linked.messenger.say(ASYA, "сломано")
        await heard_in_the_other(linked, "слышно")
        await linked.messenger.say(ASYA, "снова")
        await linked.until_shown(UNREADABLE, "снова")
        await linked.idle()
    assert pictured
    assert WORDS not in caplog.text


async def test_a_message_the_homeserver_always_fails_at_is_passed_by(
    linked: Linked, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sferum_bridge.matrix.lanes._LONGEST_WAIT", 0.01)
    monkeypatch.setattr("sferum_bridge.matrix.lanes._FIRST_WAIT", 0.01)
    said = linked.homeserver.send

    async def send(*args: Any, **named: Any) -> str:
        if args[3].get("body") == "сломано":
            raise TryAgain(500)
        return await said(*args, **named)

    monkeypatch.setattr(linked.homeserver, "send", send)
    async with working(linked):
        await linked.begun()
        await linked.messenger.say(ASYA, "сломано")
        await linked.messenger.say(ASYA, "снова")
        await linked.until_shown(UNREADABLE, "снова")


async def test_a_file_this_version_fails_on_holds_up_no_text(
    linked: Linked, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sferum_bridge.matrix.lanes._LONGEST_WAIT", 0.01)
    monkeypatch.setattr("sferum_bridge.matrix.lanes._FIRST_WAIT", 0.01)
    restored = failing(to_matrix.restored, lambda row: row["name"] == "broken.txt")
    monkeypatch.setattr(to_matrix, "restored", restored)
    async with working(linked):
        await linked.begun()
        file = File(FileKind.DOCUMENT, "https://cdn/broken.txt", "broken.txt")
        await linked.messenger.say(ASYA, Content("вот", parts=(file,)))
        await linked.messenger.say(ASYA, "дальше")
        await linked.until_shown("вот", UNREADABLE, "дальше")


async def test_a_login_that_was_renewed_meanwhile_is_not_told_lost(
    linked: Linked, monkeypatch: pytest.MonkeyPatch
) -> None:
    heard, dead = messenger.Account.listen, set[str]()

    async def listen(self: Any, cursor: str) -> Any:
        async for batch in heard(self, cursor):
            if self.account_id in dead:
                raise LoginExpired("unknown secret")
            yield batch

    monkeypatch.setattr(messenger.Account, "listen", listen)
    async with working(linked):
        await linked.begun()
        await linked.messenger.say(ASYA, "раз")
        await linked.until_shown("раз")
        async with linked.database.write() as tx:
            await chats.save_login(tx, NETWORK, "owner", "Анна", "", "renewed")
        dead.add("owner")
        await linked.messenger.say(ASYA, "два")
        await linked.until_shown("раз", "два")
        assert linked.lost == []
        dead.add("renewed")
        await linked.messenger.say(ASYA, "три")

        async def is_lost() -> bool:
            return linked.lost == ["owner: LoginExpired"]

        await until(is_lost)
