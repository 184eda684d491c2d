"""Who listens for a chat, and what of it is heard: nothing is lost where the messenger is away."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, cast
from zoneinfo import ZoneInfo

import aiohttp
import pytest

from sferum_bridge.bot.texts import Texts
from sferum_bridge.matrix.client import Homeserver
from sferum_bridge.matrix.ghosts import Ghosts
from sferum_bridge.network.base import Unavailable
from sferum_bridge.network.content import Content, Span, Style
from sferum_bridge.relay.connections import Connections
from sferum_bridge.relay.inward.queueing import Manner
from sferum_bridge.relay.inward.turn import Turn
from sferum_bridge.relay.inward.way import Inward, InwardSettings
from sferum_bridge.school.attachments import Policies, Policy
from sferum_bridge.store import chats, voices
from tests.support.bridge import until
from tests.support.messenger import CHAT, NETWORK, Account
from tests.support.outward import TEACHER, Way, linked

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence
    from pathlib import Path

    from sferum_bridge.network.base import Connector, RemoteMessage
    from sferum_bridge.relay.inward.incoming import Incoming
    from sferum_bridge.store.chats import Chat, Login

ASYA = "101"
OTHER_ROOM = "!other"


@dataclass
class Hearing:
    """A linked chat that is listened to; what is heard stays in the outbox."""

    way: Way
    incoming: Incoming
    secrets: list[str]
    """With which secrets the messenger was opened, in turn."""

    async def until_queued(self, *texts: str) -> None:
        """Wait until what is to be shown says some words, one after the other."""

        async def so() -> bool:
            rows = [row for row in await self.way.rows() if row.get("relay") == "show"]
            return [row["content"]["body"] for row in rows] == list(texts)

        await until(so)

    async def login(self) -> Login:
        """Return the linked login as it is now."""
        async with self.way.db.read() as tx:
            [found] = [one for one in await chats.all_logins(tx) if one.id == self.way.login_id]
        return found

    async def chat(self) -> Chat:
        """Return the linked chat."""
        async with self.way.db.read() as tx:
            [found] = await chats.all_chats(tx)
        return found

    @asynccontextmanager
    async def listening(self) -> AsyncIterator[None]:
        """Listen meanwhile."""
        task = asyncio.create_task(self.incoming.run())
        try:
            yield
            assert not task.done(), task.result()
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


@pytest.fixture
async def hearing(tmp_path: Path) -> AsyncIterator[Hearing]:
    async with linked(tmp_path, relay=False) as way, aiohttp.ClientSession() as session:
        messenger, secrets = way.messenger, list[str]()
        messenger.names = {"owner": "Учительница", ASYA: "Ася"}

        async def connect(secret: str) -> Connector:
            secrets.append(secret)
            return cast("Connector", Account(messenger, secret))

        cast("Any", messenger).connect = connect

        async def login_lost(*_: object) -> None:
            raise AssertionError("no login is lost")

        manner = Manner("{name}", partial(Texts().text, "ru"), ZoneInfo("Europe/Moscow"))
        # Nothing is asked of it: what is heard is queued.
        homeserver = Homeserver(
            session,
            "http://homeserver.invalid/",
            as_token="as",
            puppet_token="puppet",
            bot_mxid="@bot:school.example",
        )
        inward = Inward(
            way.db,
            homeserver,
            Ghosts(way.db, homeserver, "sferum_"),
            Connections(way.db, {NETWORK: messenger}),
            InwardSettings(manner, Policies(Policy()), 20, everybody=True),
            login_lost,
        )
        incoming = inward._incoming
        incoming._poll = 0.01
        async with way.db.write() as tx:
            await chats.set_cursor(tx, way.login_id, "0")
        yield Hearing(way, incoming, secrets)
        await inward.close()


# --- what was written before a link ---------------------------------------------------------


async def test_an_outage_is_not_taken_for_a_chat_that_tells_nothing(
    hearing: Hearing, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However long it lasts, and however often is asked."""
    monkeypatch.setattr(hearing.incoming._history._patience, "_tries", 1)
    monkeypatch.setattr(hearing.incoming._history._patience, "_seconds", 0.0)
    asked = 0

    async def away(*_: object, **__: object) -> Any:
        nonlocal asked
        asked += 1
        raise Unavailable("away")

    with monkeypatch.context() as patch:
        for name in ("history", "chats"):
            patch.setattr(Account, name, away)
        hearing.way.messenger.written(ASYA, "до связи")
        async with hearing.listening():

            async def often() -> bool:
                return asked >= 5

            await until(often)
            async with hearing.way.db.read() as tx:
                assert await chats.not_started(tx, hearing.way.login_id)
    async with hearing.listening():
        await hearing.until_queued("до связи")


async def test_patience_with_one_login_is_not_used_up_by_another(
    hearing: Hearing, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first chat of everybody has one and the same number."""
    history = hearing.incoming._history
    monkeypatch.setattr(history._patience, "_tries", 2)
    monkeypatch.setattr(history._patience, "_seconds", 0.0)

    class Broken(Account):
        async def history(self, *_: Any, **__: Any) -> Sequence[RemoteMessage]:
            raise Unavailable("VK error 10")

    async with hearing.way.db.write() as tx:
        other = await chats.save_login(tx, NETWORK, "other", "", "", "other")
        await chats.link(tx, chats.Chat(other, CHAT, OTHER_ROOM, relay=False))
        by_id = {one.id: one for one in await chats.all_logins(tx)}
        places = {one: await chats.not_started(tx, one) for one in by_id}
    broken = cast("Connector", Broken(hearing.way.messenger, "any"))
    for login_id, [place] in places.items():
        with pytest.raises(Unavailable):
            await history.begin(by_id[login_id], broken, place)
    for login_id, [place] in places.items():
        await history.begin(by_id[login_id], broken, place)


async def test_a_message_that_cannot_be_shown_is_compared_by_what_it_says(
    hearing: Hearing,
) -> None:
    # A place in the text that is none: what converts it fails.
    broken = Content("сломано", (Span("ноль", 1, Style.BOLD),))  # type: ignore[arg-type]
    message = hearing.way.messenger.written(ASYA, broken)
    login, chat = await hearing.login(), await hearing.chat()
    async with hearing.way.db.read() as tx:
        queueing = hearing.incoming._queueing
        found = await queueing.digests(Turn(tx, login), chat, message)
        assert found == {chats.digest_of(tx, "сломано")}


async def test_a_chat_that_speaks_before_its_link_is_found_is_described_and_gathered_all_the_same(
    hearing: Hearing,
) -> None:
    """Another process linked it, such as the console: the next look would come too late."""
    messenger = hearing.way.messenger
    hearing.incoming._poll = 3600
    async with hearing.listening():
        await messenger.say(ASYA, "раз")
        await hearing.until_queued("раз")
        async with hearing.way.db.write() as tx:
            await chats.link(tx, chats.Chat(hearing.way.login_id, "2", OTHER_ROOM, relay=False))
            tx.woken.clear()
        await messenger.say(ASYA, "два", chat="2")
        await hearing.until_queued("раз", "два")
        rows = [row["relay"] for row in await hearing.way.rows() if row["room"] == OTHER_ROOM]
        assert sorted(rows) == ["describe", "gather", "show"]


# --- whose login it is ----------------------------------------------------------------------


async def test_a_login_taken_over_is_listened_to_as_its_new_owners(hearing: Hearing) -> None:
    messenger = hearing.way.messenger
    async with hearing.listening():
        await messenger.say(ASYA, "раз")
        await hearing.until_queued("раз")
        async with hearing.way.db.write() as tx:
            await chats.save_login(tx, NETWORK, "owner", "Анна", TEACHER, "renewed")

        async def renewed() -> bool:
            return hearing.secrets == ["owner", "renewed"]

        await until(renewed)
        await messenger.say(ASYA, "два")
        await hearing.until_queued("раз", "два")
        # And from then on by that one alone.
        assert hearing.secrets == ["owner", "renewed"]


# --- one chat, two rooms --------------------------------------------------------------------


@pytest.mark.parametrize("mapped", [False, True])
async def test_what_its_owner_said_in_another_room_of_the_chat_is_shown_in_this_one(
    hearing: Hearing, *, mapped: bool
) -> None:
    """The chat is linked to another room through another login, where this one is a voice."""
    messenger, own = hearing.way.messenger, hearing.way.login_id
    async with hearing.way.db.write() as tx:
        other = await chats.save_login(tx, NETWORK, "other", "", "", "other")
        await chats.set_cursor(tx, other, "99")
        await chats.link(tx, chats.Chat(other, "other-number", OTHER_ROOM, relay=False))
        await voices.note(tx, OTHER_ROOM, own, CHAT)
        there = (own, CHAT, "$there", 0)
        elsewhere = await chats.about_to_send(tx, *there, heard_in=OTHER_ROOM)
        here = await chats.about_to_send(tx, own, CHAT, "$here", 0)
        if mapped:
            one = ("other-number", "1", 0, OTHER_ROOM, "$there")
            known = chats.Mapped(*one, from_matrix=True, through=own)
            await chats.map_message(tx, other, known)
    async with hearing.listening():
        await messenger.say("owner", "из другой комнаты", random_id=elsewhere)
        await messenger.say("owner", "отсюда", random_id=here)
        await messenger.say(ASYA, "ответ")
        await hearing.until_queued("из другой комнаты", "ответ")
    async with hearing.way.db.read() as tx:
        assert not await chats.is_mapped(tx, own, CHAT, "1")
        assert await chats.event_of(tx, own, CHAT, "2") == "$here"
