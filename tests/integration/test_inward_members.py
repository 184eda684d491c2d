"""Everybody of a linked chat in its room: who comes, who comes later, and that talk goes first."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from sqlalchemy import update

from sferum_bridge.matrix.client import path
from sferum_bridge.network.base import RemoteChange
from sferum_bridge.relay.inward import gathering
from sferum_bridge.store import chats, rooms, tables
from tests.support import databases
from tests.support.bridge import until
from tests.support.inward import GHOST, Linked, linked_room, working
from tests.support.messenger import CHAT

if TYPE_CHECKING:
    from tests.support.synapse import Homeserver

database_url = databases.database_url

pytestmark = pytest.mark.asyncio(loop_scope="session")

ASYA, BORYA, VERA = "101", "102", "103"
PEOPLE = {ASYA: "Ася Выдумкина", BORYA: "Боря Придумкин", VERA: "Вера Сочинялкина"}
OWNER = "owner"


async def ghosts_in(linked: Linked) -> set[str]:
    _, answer = await linked.reader.call("GET", f"rooms/{linked.room_id}/joined_members")
    return {mxid for mxid in answer["joined"] if mxid.startswith("@sferum_")}


async def until_in(linked: Linked, *ids: str) -> None:
    wanted = {GHOST.format(user_id) for user_id in ids}

    async def so() -> bool:
        return await ghosts_in(linked) == wanted

    await until(so)


async def _so(so: bool) -> bool:  # noqa: FBT001 - what was found out
    return so


async def ban(linked: Linked, mxid: str) -> None:
    where, content = path("rooms", linked.room_id, "ban"), {"user_id": mxid}
    await linked.homeserver.request("POST", where, content=content)


def sent(linked: Linked) -> dict[str, int]:
    counted = ("register", "device", "name", "invite", "join", "membership")
    return {kind: linked.homeserver.sent[kind] for kind in counted}


async def test_all_of_a_chat_come_though_nobody_says_a_word(
    plain_homeserver: Homeserver, database_url: str
) -> None:
    async with linked_room(
        plain_homeserver, database_url, people=PEOPLE, owner_logs_in=True, everybody=True
    ) as linked:
        async with working(linked):
            # The owner of the login is there as themselves.
            await until_in(linked, ASYA, BORYA, VERA)
            await linked.idle()
        _, answer = await linked.reader.call("GET", f"rooms/{linked.room_id}/joined_members")
        assert answer["joined"][GHOST.format(ASYA)]["display_name"] == "Ася Выдумкина (Сферум)"
        # A restart knows that they are in: nothing is asked.
        before = dict(linked.homeserver.sent)
        async with working(linked):
            await linked.idle()
        assert dict(linked.homeserver.sent) == before


async def test_who_came_while_the_chat_was_not_linked_comes_with_the_next_link(
    plain_homeserver: Homeserver, database_url: str
) -> None:
    async with linked_room(plain_homeserver, database_url, people=PEOPLE, everybody=True) as linked:
        linked.messenger.members[CHAT] = [OWNER, ASYA]
        async with working(linked):
            await until_in(linked, OWNER, ASYA)
            await linked.idle()
        linked.messenger.members[CHAT].append(BORYA)
        async with linked.database.write() as tx:
            await chats.link(tx, chats.Chat(linked.login_id, CHAT, linked.room_id, relay=False))
            # Later, though the clock of the tests stands still.
            await tx.run(update(tables.chats).values(linked_at=tx.now + 1))
        async with working(linked):
            await until_in(linked, OWNER, ASYA, BORYA)


async def test_who_comes_to_the_chat_later_comes_to_the_room(
    plain_homeserver: Homeserver, database_url: str
) -> None:
    async with linked_room(plain_homeserver, database_url, people=PEOPLE, everybody=True) as linked:
        linked.messenger.members[CHAT] = [OWNER, ASYA]
        async with working(linked):
            await until_in(linked, OWNER, ASYA)
            await linked.idle()
            before = sent(linked)
            linked.messenger.members[CHAT].append(BORYA)
            await linked.messenger.happen(RemoteChange(CHAT))
            await until_in(linked, OWNER, ASYA, BORYA)
            await linked.idle()
            # One came, at the price of one.
            assert {kind: n - before[kind] for kind, n in sent(linked).items()} == {
                "register": 1, "device": 1, "name": 1, "invite": 1, "join": 1, "membership": 0,
            }  # fmt: skip


async def test_by_default_only_who_says_something_comes(
    plain_homeserver: Homeserver, database_url: str
) -> None:
    async with (
        linked_room(plain_homeserver, database_url, people=PEOPLE) as linked,
        working(linked),
    ):
        await linked.messenger.happen(RemoteChange(CHAT))
        await linked.messenger.say(VERA, "только я")
        await linked.until_shown("только я")
        await linked.idle()
        assert await ghosts_in(linked) == {GHOST.format(VERA)}


async def test_a_ghost_that_is_in_already_is_not_in_the_way(
    plain_homeserver: Homeserver, database_url: str
) -> None:
    """A kill came between the join and the note of it."""
    async with linked_room(plain_homeserver, database_url, people=PEOPLE, everybody=True) as linked:
        mxid = GHOST.format(ASYA)
        await linked.homeserver.register(mxid[1:].partition(":")[0])
        await linked.homeserver.invite(linked.room_id, mxid)
        await linked.homeserver.join(linked.room_id, mxid)
        async with working(linked):
            await until_in(linked, OWNER, ASYA, BORYA, VERA)
            await linked.idle()
        async with linked.database.read() as tx:
            assert (await rooms.members(tx, linked.room_id))[mxid] == "join"


async def test_where_ghosts_may_not_come_the_rest_goes_on_and_it_is_wished_anew(
    plain_homeserver: Homeserver, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gathering, "_PAUSES", (0.01,))
    async with linked_room(plain_homeserver, database_url, people=PEOPLE, everybody=True) as linked:
        linked.messenger.members[CHAT] = [ASYA, BORYA]
        for user_id in (ASYA, BORYA):
            await ban(linked, GHOST.format(user_id))
        async with working(linked):
            # Only one tries, and once more.
            await until(lambda: _so(sent(linked)["invite"] >= 2))
            await linked.idle()
            assert sent(linked)["invite"] == 2
            assert not await ghosts_in(linked)
        for user_id in (ASYA, BORYA):
            await linked.homeserver.unban(linked.room_id, GHOST.format(user_id))
        async with working(linked):
            await until_in(linked, ASYA, BORYA)


async def test_one_who_may_not_come_keeps_nobody_away(
    plain_homeserver: Homeserver, database_url: str
) -> None:
    async with linked_room(plain_homeserver, database_url, people=PEOPLE, everybody=True) as linked:
        await ban(linked, GHOST.format(BORYA))
        async with working(linked):
            await until_in(linked, OWNER, ASYA, VERA)
            await linked.idle()
