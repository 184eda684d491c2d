"""Rooms that stood on a list or had an alias before they were of the contour: they do no more.

And a knock at another server's room is taken back there as soon as that server can be told.

The wraps hide such a room whatever the tables say (E19, E31), so the tables are looked at.
"""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

import pytest

from sferum_bridge.school.layout import Kind
from tests.contour.actors import quoted
from tests.contour.attacks.i_federation import INVITE, raw_invite
from tests.contour.school import room_fact
from tests.contour.sight import until
from tests.contour.walk_stored import SHOWN, rows

if TYPE_CHECKING:
    from tests.contour.actors import Actor
    from tests.contour.world import World

pytestmark = pytest.mark.asyncio(loop_scope="session")

EVERYWHERE = {"is listed", "is listed by an application service", "has an alias"}
PUPIL = ["class/7b/pupils"]


async def _shown_room(world: World, owner: Actor) -> str:
    """Make a room that everybody can find in every way."""
    room = await owner.create(
        preset="public_chat", visibility="public", room_alias_name=f"shown{secrets.token_hex(4)}"
    )
    listed = f"directory/list/appservice/net/{quoted(room)}"
    assert (await world.as2.put(listed, {"visibility": "public"})).status == 200
    assert _where(world, room) == EVERYWHERE
    return room


def _where(world: World, room: str) -> set[str]:
    """Return where the tables of Synapse show a room."""
    found = [(what, rows(world.server, query)) for query, what in SHOWN]
    return {what for what, shown in found if (room,) in shown}


async def _is_gone(world: World, room: str) -> bool:
    async def nowhere() -> bool:
        return not _where(world, room)

    return await until(nowhere, 15)


async def test_the_room_of_whoever_comes_to_the_school(closed: World) -> None:
    newcomer = await closed.person()
    room, other = await _shown_room(closed, newcomer), await _shown_room(closed, closed.o)
    shared = await _shown_room(closed, closed.o)
    assert (await newcomer.join(shared)).status == 200
    await closed.push(people={newcomer.user_id: PUPIL})
    assert await _is_gone(closed, room), _where(closed, room)
    # The newcomer has left the stranger's room, which stays what it was, like any other.
    assert not await closed.is_member(shared, newcomer.user_id, seen_by=closed.o)
    for theirs in (other, shared):
        assert _where(closed, theirs) == EVERYWHERE


async def test_a_room_that_somebody_of_the_school_joins(closed: World) -> None:
    """Strangers have left it, and the facts do not change."""
    owner = await closed.person()
    room, other = await _shown_room(closed, owner), await _shown_room(closed, owner)
    for left in (room, other):
        await owner.invite(left, closed.bot.user_id)
        assert (await closed.bot.join(left)).status == 200
        assert (await owner.post(f"rooms/{left}/leave")).status == 200
    assert (await closed.s1.join(room)).status == 200
    assert await _is_gone(closed, room), _where(closed, room)
    assert _where(closed, other) == EVERYWHERE


async def test_a_room_that_the_bridge_tells_of(closed: World) -> None:
    room = await _shown_room(closed, closed.o)
    await closed.push(rooms={room: room_fact(Kind.PUPILS, "7b")})
    assert await _is_gone(closed, room), _where(closed, room)
    await closed.push(rooms={room: None})


async def test_a_strangers_room_is_replaced_without_bans_that_nobody_may_make(
    closed: World,
) -> None:
    owner, newcomer, other = [await closed.person() for _ in range(3)]
    room = await owner.create(room_version="10")
    for banned in (newcomer, other):
        answer = await owner.post(f"rooms/{room}/ban", {"user_id": banned.user_id})
        assert answer.status == 200
    await closed.push(people={newcomer.user_id: PUPIL})
    made = await owner.post(f"rooms/{room}/upgrade", {"new_version": closed.version})
    assert made.status == 200
    new = made.body["replacement_room"]
    kept = await owner.state(new, "m.room.member", other.user_id)
    assert kept.body["membership"] == "ban"
    assert (await owner.state(new, "m.room.member", newcomer.user_id)).status == 404


async def test_a_knock_from_before_is_taken_back_when_the_other_server_hears_of_it(
    closed: World,
) -> None:
    rules = {"type": "m.room.join_rules", "state_key": "", "content": {"join_rule": "knock"}}
    m, o, newcomer = closed.m, closed.o, await closed.person()
    room = await m.create(initial_state=[rules], room_version=closed.version)
    via = {"server_name": closed.remote.name}
    knocked = await newcomer.call("POST", f"knock/{quoted(room)}", {}, **via)
    assert knocked.status == 200, knocked
    await closed.push(people={newcomer.user_id: PUPIL})
    assert await closed.is_member(room, newcomer.user_id, seen_by=m)
    await m.invite(room, o.user_id)
    assert await until(lambda: closed.is_invited(o, room), 15)
    assert (await o.join(room, closed.remote.name)).status == 200

    async def is_gone() -> bool:
        return not await closed.is_member(room, newcomer.user_id, seen_by=m)

    assert await until(is_gone, 15)
    assert not await closed.is_member(room, newcomer.user_id, seen_by=o)


async def test_an_invite_beside_the_state_of_its_room_is_gone(closed: World) -> None:
    """The room says that they have left; Synapse believed another server that they are invited."""
    m, o, newcomer = closed.m, closed.o, await closed.person()
    room = await m.create(preset="public_chat", room_version=closed.version)
    for one in (o, newcomer):
        assert (await one.join(room, closed.remote.name)).status == 200
    assert (await newcomer.post(f"rooms/{room}/leave")).status == 200
    assert await raw_invite(closed, INVITE, closed.version, room=room, user=newcomer.user_id) == ""
    assert await until(lambda: closed.is_invited(newcomer, room), 15)
    await closed.push(people={newcomer.user_id: PUPIL})

    async def is_gone() -> bool:
        return not await closed.is_invited(newcomer, room)

    assert await until(is_gone, 15)


@pytest.mark.parametrize("how", ["joined", "invited"])
async def test_an_invite_over_what_the_state_of_its_room_says_holds_nobody_there(
    closed: World, how: str
) -> None:
    """They are in the room; Synapse believed another server, and could not let them leave."""
    m, o, newcomer = closed.m, closed.o, await closed.person()
    levels = {"invite": 0}
    room = await m.create(
        preset="public_chat", room_version=closed.version, power_level_content_override=levels
    )
    assert (await o.join(room, closed.remote.name)).status == 200
    assert (await o.invite(room, newcomer.user_id)).status == 200
    if how == "joined":
        assert (await newcomer.join(room)).status == 200
    assert await raw_invite(closed, INVITE, closed.version, room=room, user=newcomer.user_id) == ""
    assert await closed.is_member(room, newcomer.user_id, seen_by=o)
    await closed.push(people={newcomer.user_id: PUPIL})

    async def is_gone() -> bool:
        left = not await closed.is_member(room, newcomer.user_id, seen_by=o)
        return left and not await closed.is_invited(newcomer, room)

    assert await until(is_gone, 15)
