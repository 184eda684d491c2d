"""B: joins, knocks and memberships, over the client API."""

from __future__ import annotations

import secrets
from functools import partial
from typing import TYPE_CHECKING

from sferum_bridge.school.layout import Kind
from tests.contour.attack import Group
from tests.contour.sight import until

if TYPE_CHECKING:
    from tests.contour.actors import Actor, Json
    from tests.contour.sight import Leak
    from tests.contour.world import World

attack = Group()

MEMBER = "m.room.member"
PUBLIC: dict[str, Json] = {"m.room.join_rules": {"join_rule": "public"}}
KNOCK: dict[str, Json] = {"m.room.join_rules": {"join_rule": "knock"}}


async def _joins(world: World, who: Actor, room: str, how: str = "join") -> Leak:
    match how:
        case "join":
            await who.join(room)
        case "rooms":
            await who.post(f"rooms/{room}/join")
        case "state":
            await who.set_state(room, MEMBER, {"membership": "join"}, who.user_id)
        case path:
            await who.post(path.format(room))
    return await world.is_member(room, who.user_id)


@attack("B01", "a stranger joins a class's room", works_without=False)
async def _(world: World) -> Leak:
    room = world.rooms["pupils"]
    return await _joins(world, world.o, room) + await _joins(world, world.o, room, "rooms")


WAYS = {
    "a": "join",
    "b": "rooms",
    "c": "state",
    "d": "/_matrix/client/r0/join/{}",
    "e": "/_matrix/client/api/v1/rooms/{}/join",
}


async def _stranger_joins(world: World, how: str) -> Leak:
    return await _joins(world, world.o, await world.loose_room(state=PUBLIC), how)


attack.each(
    "B02",
    "a stranger joins a class's room that has become public",
    {letter: partial(_stranger_joins, how=how) for letter, how in WAYS.items()},
)


@attack("B03", "a stranger knocks at a class's room that takes knocks")
async def _(world: World) -> Leak:
    room = await world.loose_room(state=KNOCK)
    await world.o.post(f"knock/{room}", {"reason": "hi"})
    return await world.is_member(room, world.o.user_id)


@attack("B04", "a stranger knocks at a class's room as it is", works_without=False)
async def _(world: World) -> Leak:
    room = world.rooms["pupils"]
    await world.o.post(f"knock/{room}", {"reason": "hi"})
    await world.o.set_state(room, MEMBER, {"membership": "knock"}, world.o.user_id)
    return await world.is_member(room, world.o.user_id)


@attack("B05", "a pupil enters the parents' room, which the class's space lets in")
async def _(world: World) -> Leak:
    allow = {"type": "m.room_membership", "room_id": world.rooms["class_space"]}
    rules = {"join_rule": "restricted", "allow": [allow]}
    room = await world.loose_room(
        Kind.PARENTS, members=("t1", "p1"), state={"m.room.join_rules": rules}
    )
    return await _joins(world, world.s1, room)


# Who → the room of whom: kind, place.
WRONG: dict[str, tuple[str, Kind, str]] = {
    "B06": ("s1", Kind.PARENTS, "7b"),
    "B07": ("t2", Kind.PUPILS, "8a"),
    "B08": ("t2", Kind.PARENTS, "7b"),
    "B20": ("p1", Kind.PUPILS, "7b"),
    "B21": ("s3", Kind.PUPILS, "7b"),
    "B22": ("s1", Kind.STAFF, "a"),
    "B23": ("g", Kind.PUPILS, "7b"),
    "B24": ("x", Kind.PUPILS, "7b"),
    "B25": ("former", Kind.STAFF, "a"),
    "B26": ("a1", Kind.PUPILS, "7b"),
    "B27": ("s1", Kind.SCHOOL, "a"),
    "B28": ("px", Kind.MATERIALS, "7b"),
    "B29": ("as2", Kind.PUPILS, "7b"),
}


async def _wrong_role(world: World, who: str, kind: Kind, place: str) -> Leak:
    room = await world.loose_room(kind, place, members=(), state=PUBLIC)
    actor = world.as2 if who == "as2" else world.actors[who]
    return await _joins(world, actor, room)


for number, (who, kind, place) in WRONG.items():
    attack(number, f"{who} joins {kind} of {place}, which has become public")(
        partial(_wrong_role, who=who, kind=kind, place=place)
    )


async def _pupil_goes_out(world: World, how: str) -> Leak:
    pupil = await world.person("class/7b/pupils")
    room, via = world.remote_public, world.remote.name
    match how:
        case "join":
            await pupil.join(room, via)
        case "alias":
            await pupil.join(world.remote_alias)
        case _:
            await world.o.join(room, via)  # the state event needs a room the server is in
            await pupil.set_state(room, MEMBER, {"membership": "join"}, pupil.user_id)
    # Where this server is in the room already, the join is made here and sent there.
    return await until(
        lambda: world.is_member(room, pupil.user_id, seen_by=world.m), world.within(0.5)
    )


attack.each(
    "B09",
    "a pupil joins a public room of another server",
    {how: partial(_pupil_goes_out, how=how) for how in ("join", "alias", "state")},
)


@attack("B12", "a pupil knocks at a room of another server")
async def _(world: World) -> Leak:
    pupil = await world.person("class/7b/pupils")
    await pupil.post(f"knock/{world.remote_knock}", {}, server_name=world.remote.name)
    return await world.is_member(world.remote_knock, pupil.user_id, seen_by=world.m)


@attack("B13", "a former parent accepts an old invite")
async def _(world: World) -> Leak:
    parent = await world.person("class/7b/parents")
    room = await world.loose_room(Kind.PARENTS, members=("t1",))
    await world.bot.invite(room, parent.user_id)
    await world.push(people={parent.user_id: None})
    await parent.join(room)
    return await world.is_member_joined(room, parent.user_id)


@attack("B14", "a pupil joins a stranger's public room, by id and by alias")
async def _(world: World) -> Leak:
    alias = f"pub{secrets.token_hex(4)}"
    room = await world.o.create(preset="public_chat", room_alias_name=alias)
    assert room
    await world.s1.join(room)
    leak = await world.is_member(room, world.s1.user_id, seen_by=world.o)
    await world.s2.join(f"#{alias}:{world.server.name}")
    return leak + await world.is_member(room, world.s2.user_id, seen_by=world.o)


@attack("B15", "a server administrator makes himself administrator of a class's room")
async def _(world: World) -> Leak:
    room = await world.loose_room(members=("s1",), loose=False)
    await world.x.post(
        f"/_synapse/admin/v1/rooms/{room}/make_room_admin", {"user_id": world.x.user_id}
    )
    levels = await world.bot.state(room, "m.room.power_levels")
    powerful = world.x.user_id in levels.body["users"]
    leak = f"{world.x.user_id} has power in {room}; " if powerful else ""
    return leak + await world.is_member(room, world.x.user_id)


@attack("B16", "a server administrator of the class puts a stranger in")
async def _(world: World) -> Leak:
    room = await world.loose_room(members=("xt",))
    await world.xt.post(f"/_synapse/admin/v1/join/{room}", {"user_id": world.o.user_id})
    return await world.is_member(room, world.o.user_id)


async def _leaver(world: World, room: str) -> Actor:
    """Let somebody be a pupil for a while, and be removed."""
    pupil = await world.person("class/7b/pupils")
    await world.bot.invite(room, pupil.user_id)
    assert (await pupil.join(room)).status == 200
    await world.push(people={pupil.user_id: ["school/a/former"]})
    await world.bot.post(f"rooms/{room}/kick", {"user_id": pupil.user_id})
    return pupil


@attack("B17", "who was removed reads what is written later", works_without=False)
async def _(world: World) -> Leak:
    room = await world.loose_room(loose=False)
    pupil = await _leaver(world, room)
    word = secrets.token_hex(8)
    event = await world.s1.say(room, word)
    newcomer = await world.person("class/7b/pupils")
    await world.bot.invite(room, newcomer.user_id)
    leak = ""
    for path in (
        f"rooms/{room}/messages?dir=b&limit=50",
        f"rooms/{room}/members",
        f"rooms/{room}/state",
        f"rooms/{room}/context/{event}",
        f"rooms/{room}/event/{event}",
        f"rooms/{room}/initialSync",
        "sync?full_state=true",
    ):
        answer = await pupil.get(path)
        if word in str(answer.body) or newcomer.user_id in str(answer.body):
            leak += f"{path} shows what came after; "
    return leak


@attack("B18", "who was removed joins the room again, which has become public")
async def _(world: World) -> Leak:
    room = await world.loose_room(state=PUBLIC)
    return await _joins(world, await _leaver(world, room), room)


@attack("B19", "who left by himself after his role ended comes back")
async def _(world: World) -> Leak:
    room = await world.loose_room(Kind.STAFF, "a", members=("t1",), state=PUBLIC)
    teacher = await world.person("school/a/staff")
    assert (await teacher.join(room)).status == 200
    await world.push(people={teacher.user_id: None})
    await teacher.post(f"rooms/{room}/leave")
    return await _joins(world, teacher, room)


@attack("B30", "a pupil becomes a member of a stranger's room, forced by a server administrator")
async def _(world: World) -> Leak:
    room = await world.x.create(preset="public_chat")
    await world.x.post(f"/_synapse/admin/v1/join/{room}", {"user_id": world.s2.user_id})
    return await world.is_member(room, world.s2.user_id, seen_by=world.x)


@attack("B31", "somebody of another server joins a class's room that federates and is public")
async def _(world: World) -> Leak:
    room = await world.loose_room(federate=True, state=PUBLIC)
    await world.m.join(room, world.server.name)
    return await until(lambda: world.is_member(room, world.m.user_id), world.within(0.5))


@attack("B32", "a stranger enters a teacher's room through a room he is in")
async def _(world: World) -> Leak:
    allow = {"type": "m.room_membership", "room_id": world.own_room}
    rules = {"join_rule": "restricted", "allow": [allow]}
    state = [{"type": "m.room.join_rules", "state_key": "", "content": rules}]
    room = await world.t1.create(initial_state=state)
    if room:
        await world.o.join(room)
        return await world.is_member(room, world.o.user_id, seen_by=world.t1)
    return ""


@attack("B33", "a stranger knocks at a teacher's own room")
async def _(world: World) -> Leak:
    room = await world.t1.create()
    await world.t1.set_state(room, "m.room.join_rules", {"join_rule": "knock"})
    await world.o.post(f"knock/{room}")
    return await world.is_member(room, world.o.user_id, seen_by=world.t1)


@attack("B34", "a stranger is still with somebody who has come to the school since")
async def _(world: World) -> Leak:
    newcomer = await world.person()
    room = await world.o.create(preset="private_chat", invite=[newcomer.user_id])
    assert (await newcomer.join(room)).status == 200
    await world.push(people={newcomer.user_id: ["class/7b/pupils"]})
    return await _stays(world, room, newcomer)


@attack("B35", "who left the school is still with a pupil")
async def _(world: World) -> Leak:
    teacher = await world.person("school/a/staff", "class/7b/teachers")
    room = await teacher.create(invite=[world.s1.user_id], creation_content={"m.federate": False})
    assert (await world.s1.join(room)).status == 200
    await world.push(people={teacher.user_id: ["school/a/former"]})
    await _stays(world, room, teacher)
    word = secrets.token_hex(8)
    await teacher.say(room, word)
    seen = await world.s1.get(f"rooms/{room}/messages", dir="b")
    return "the pupil hears him" if word in str(seen.body) else ""


@attack("B36", "somebody of another server is still with who has come to the school since")
async def _(world: World) -> Leak:
    newcomer = await world.person()
    room = await world.m.create(preset="public_chat", room_version=world.version)
    assert (await newcomer.join(room, world.remote.name)).status == 200
    await world.push(people={newcomer.user_id: ["class/7b/pupils"]})
    await until(lambda: _gone(world.m, room, newcomer), world.patience)
    return await world.is_member(room, newcomer.user_id, seen_by=world.m)


async def _stays(world: World, room: str, who: Actor) -> Leak:
    """Tell whether somebody is still in a room a moment after the facts have changed."""
    await until(lambda: _gone(who, room, who), world.patience)
    joined = (await who.get("joined_rooms")).body["joined_rooms"]
    return f"{who.user_id} is still in {room}" if room in joined else ""


async def _gone(watcher: Actor, room: str, who: Actor) -> bool:
    answer = await watcher.state(room, MEMBER, who.user_id)
    return answer.status != 200 or answer.body.get("membership") != "join"
