"""L: what comes to somebody by a change of their own membership: words, and rooms they had left."""

from __future__ import annotations

import secrets
from functools import partial
from typing import TYPE_CHECKING

from tests.contour.actors import quoted
from tests.contour.attack import Group
from tests.contour.fake import FakeServer
from tests.contour.sight import until

if TYPE_CHECKING:
    from tests.contour.actors import Actor, Json
    from tests.contour.sight import Leak
    from tests.contour.world import World

attack = Group()

MEMBER = "m.room.member"
POWERS = "m.room.power_levels"
WITH_LEFT = '{"room":{"include_leave":true}}'


async def _said(
    world: World, by: Actor, room: str, how: str, whom: Actor, *, seen_by: Actor | None = None
) -> Leak:
    """Have somebody put `whom` out of a room, and tell whether the reason comes to anybody."""
    readers = [whom, *([seen_by] if seen_by else ())]
    since = [(await world.sync(reader))["next_batch"] for reader in readers]
    word = secrets.token_hex(6)
    if how == "state":
        content = {"membership": "leave", "reason": word, "org.example.x": word}
        await by.set_state(room, MEMBER, content, whom.user_id)
    else:
        await by.post(f"rooms/{room}/{how}", {"user_id": whom.user_id, "reason": word})
    if seen_by:
        await world.fence(world.o2, world.m2)

    async def has_come() -> bool:
        answers = [
            await reader.get("sync", since=before, timeout=0, filter=WITH_LEFT)
            for reader, before in zip(readers, since, strict=True)
        ]
        assert all(answer.status == 200 for answer in answers), answers
        return any(word in str(answer.body) for answer in answers)

    return f"{whom.user_id} got the reason" if await until(has_come, world.lag) else ""


async def _of_a_knock(world: World, how: str) -> Leak:
    stranger = await world.person()
    room, via = world.remote_knock, {"server_name": world.remote.name}
    answer = await stranger.call("POST", f"knock/{quoted(room)}", {}, **via)
    assert answer.status == 200, answer
    return await _said(world, world.s1, room, how, stranger)


attack.each(
    "L01",
    "a pupil takes back a stranger's knock at a room of another server, with a word to it",
    {
        letter: partial(_of_a_knock, how=how)
        for letter, how in (("a", "kick"), ("b", "unban"), ("c", "state"))
    },
)


async def _of_an_invite(world: World, how: str) -> Leak:
    stranger = await world.person()
    room = await world.m.create(invite=[stranger.user_id], room_version=world.version)
    assert await until(lambda: world.is_invited(stranger, room), 15)
    return await _said(world, world.s1, room, how, stranger, seen_by=world.m)


attack.each(
    "L02",
    "a pupil declines a stranger's invite from another server, with a word to both",
    {letter: partial(_of_an_invite, how=how) for letter, how in (("a", "kick"), ("b", "state"))},
)


async def _room_with_bans(world: World) -> str:
    """Give a class's room in which the teacher may ban, as nobody may in one the bridge made."""
    room = await world.loose_room(fresh=True)
    levels = (await world.bot.state(room, POWERS)).body
    users = {**levels["users"], world.t1.user_id: 50}
    changed = {**levels, "users": users, "users_default": 0, "ban": 50}
    await world.bot.set_state(room, POWERS, changed)
    return room


async def _banned(world: World, whom: str) -> Leak:
    room = await _room_with_bans(world)
    return await _said(world, world.t1, room, "ban", world.actors[whom])


attack.each(
    "L03",
    "a teacher bans from a class's room who was never there, with a word to them",
    {letter: partial(_banned, whom=who) for letter, who in (("a", "o"), ("b", "s3"))},
)


@attack("L04", "a teacher lifts the ban of who has left the school, with a word to them")
async def _(world: World) -> Leak:
    room = await _room_with_bans(world)
    pupil = await world.person("class/7b/pupils")
    await world.bot.invite(room, pupil.user_id)
    assert (await pupil.join(room)).status == 200
    answer = await world.t1.post(f"rooms/{room}/ban", {"user_id": pupil.user_id})
    assert answer.status == 200, answer
    await world.push(people={pupil.user_id: ["school/a/former"]})
    return await _said(world, world.t1, room, "unban", pupil)


def _levels(fake: FakeServer, number: int) -> Json:
    users = {} if fake.version == "12" else {fake.user: 100}
    return {"users": users, "invite": 0, "org.example.number": number}


async def _set_powers(fake: FakeServer, number: int, watcher: Actor, *, after: str = "") -> str:
    """Have the fake set power levels and tell of them; return when they hold at the watcher's."""
    event_id = fake.add(POWERS, _levels(fake, number), "", after=after)

    async def hold() -> bool:
        held = await watcher.state(fake.room, POWERS)
        return held.body.get("org.example.number") == number

    await fake.send(event_id)
    assert await until(hold, 20), f"the power levels {number} do not hold"
    return event_id


@attack("L05", "another server brings back the join of who left its room on coming to the school")
async def _(world: World) -> Leak:
    """Have the events be settled anew, by power levels under which the join comes last.

    The newcomer leaves under levels that grew out of the first ones, and had joined under others.
    When the levels that hold grow out of those, the leave counts as done before the join.
    """
    newcomer, o, folder = await world.person(), world.o, world.server.settings.folder
    async with FakeServer(world.wire, folder, world.server.name, world.version) as fake:
        assert (await o.join(fake.room, fake.name)).status == 200
        first, beginning = fake.state[POWERS, ""], fake.latest
        joined_under = await _set_powers(fake, 1, o)
        fake.state[POWERS, ""] = joined_under
        assert (await newcomer.join(fake.room)).status == 200
        told = (await o.get(f"rooms/{fake.room}/state")).body[""]
        (join,) = [e["event_id"] for e in told if e.get("state_key") == newcomer.user_id]
        fake.state[POWERS, ""] = first
        await _set_powers(fake, 2, o, after=beginning)
        await world.push(people={newcomer.user_id: ["class/7b/pupils"]})
        await newcomer.post(f"rooms/{fake.room}/leave", {})

        async def is_there() -> bool:
            rooms = (await newcomer.get("joined_rooms")).body["joined_rooms"]
            return fake.room in rooms

        async def is_gone() -> bool:
            return not await is_there()

        assert await until(is_gone, 15)
        fake.state[POWERS, ""] = joined_under
        fake.state[POWERS, ""] = fake.add(POWERS, _levels(fake, 3), "", after=join)
        await fake.send(fake.state[POWERS, ""])
        word = secrets.token_hex(6)
        message = fake.add("m.room.message", {"msgtype": "m.text", "body": word})

        async def is_settled() -> bool:
            # While somebody of the school is there, nothing that is told of the room is taken.
            await fake.send(message)
            return word in str((await o.get(f"rooms/{fake.room}/messages", dir="b")).body)

        assert await until(is_settled, 20), "the events after it were not taken"
        await until(is_gone, world.patience)
        return "the newcomer is in the room again" if await is_there() else ""
