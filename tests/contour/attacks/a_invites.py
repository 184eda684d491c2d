"""A: invites into the school and out of it, over the client API."""

from __future__ import annotations

import asyncio
import secrets
from functools import partial
from typing import TYPE_CHECKING

from tests.contour.attack import Group
from tests.contour.sight import until

if TYPE_CHECKING:
    from tests.contour.actors import Actor, Json
    from tests.contour.sight import Leak
    from tests.contour.world import World

attack = Group()

MEMBER = "m.room.member"
INVITE = {"membership": "invite"}


def _invite_in_state(user_id: str) -> list[Json]:
    return [{"type": MEMBER, "state_key": user_id, "content": INVITE}]


async def _reach(world: World, by: Actor, whom: Actor, *, how: str = "invite") -> Leak:
    """Bring `whom` into a room of `by`'s own, in one of the ways there are."""
    before = await world.invites(whom)
    config: Json = {"room_version": world.version}
    match how:
        case "create":
            await by.create(**config, preset="private_chat", invite=[whom.user_id])
        case "direct":
            config |= {"preset": "trusted_private_chat", "is_direct": True}
            await by.create(**config, invite=[whom.user_id])
        case "initial_state":
            await by.create(**config, initial_state=_invite_in_state(whom.user_id))
        case _:
            room = await by.create(**config)
            match how:
                case "invite":
                    await by.invite(room, whom.user_id)
                case "state":
                    await by.set_state(room, MEMBER, INVITE, whom.user_id)
                case "txn":
                    body = {"user_id": whom.user_id}
                    await by.put(f"rooms/{room}/invite/{secrets.token_hex(4)}", body)
                case path:
                    await by.post(path.format(room), {"user_id": whom.user_id})
    return await world.invited_since(whom, before)


@attack("A01", "a stranger invites a pupil into his room")
async def _(world: World) -> Leak:
    return await _reach(world, world.o, world.s1)


@attack("A02", "the same by the member event")
async def _(world: World) -> Leak:
    return await _reach(world, world.o, world.s1, how="state")


@attack("A03", "a stranger makes a room for a pupil; no empty room may be left either")
async def _(world: World) -> Leak:
    invites = await world.invites(world.s1)
    rooms = set((await world.o.get("joined_rooms")).body["joined_rooms"])
    await world.o.create(preset="private_chat", invite=[world.s1.user_id])
    left = set((await world.o.get("joined_rooms")).body["joined_rooms"]) - rooms
    leak = await world.invited_since(world.s1, invites)
    return leak or (f"a room is left: {left}" if left else "")


@attack("A04", "an invite among a new room's initial state")
async def _(world: World) -> Leak:
    return await _reach(world, world.o, world.s1, how="initial_state")


@attack("A05", "a stranger starts a direct chat")
async def _(world: World) -> Leak:
    return await _reach(world, world.o, world.s1, how="direct")


@attack("A06", "a pupil as further creator of a stranger's room", versions=frozenset({"12"}))
async def _(world: World) -> Leak:
    room = await world.o.create(
        room_version=world.version,
        creation_content={"additional_creators": [world.s1.user_id]},
    )
    created = await world.o.state(room, "m.room.create")
    named = world.s1.user_id in created.body.get("additional_creators", ())
    return f"{room} names the pupil its creator" if named else ""


@attack("A07", "a room that gives a pupil power, then the invite")
async def _(world: World) -> Leak:
    users = {world.s1.user_id: 100}
    if world.version != "12":
        users[world.o.user_id] = 100
    room = await world.o.create(
        power_level_content_override={"users": users}, room_version=world.version
    )
    await world.o.invite(room, world.s1.user_id)
    return await world.is_invited(world.s1, room)


async def _by_path(world: World, path: str) -> Leak:
    return await _reach(world, world.o, world.s1, how=path)


attack.each(
    "A08",
    "the same invite by other paths",
    {
        "a": partial(_by_path, path="/_matrix/client/r0/rooms/{}/invite"),
        "b": partial(_by_path, path="/_matrix/client/unstable/rooms/{}/invite"),
        "c": partial(_by_path, path="/_matrix/client/api/v1/rooms/{}/invite"),
        "d": partial(_by_path, path="txn"),
    },
)


@attack("A09", "a pupil invites a stranger into the pupils' room, where invites need no power")
async def _(world: World) -> Leak:
    room = await world.loose_room()
    await world.s1.invite(room, world.o.user_id)
    return await world.is_invited(world.o, room)


@attack("A10", "the same by the member event")
async def _(world: World) -> Leak:
    room = await world.loose_room()
    await world.s1.set_state(room, MEMBER, INVITE, world.o.user_id)
    return await world.is_invited(world.o, room)


@attack("A11", "a pupil makes a room for a stranger")
async def _(world: World) -> Leak:
    return await _reach(world, world.s1, world.o, how="create")


@attack("A12", "a pupil invites a stranger in a new room's initial state")
async def _(world: World) -> Leak:
    return await _reach(world, world.s1, world.o, how="initial_state")


THIRD_PARTY: Json = {
    "display_name": "x",
    "public_key": "a2V5",
    "key_validity_url": "https://id.example/",
    "public_keys": [],
}


@attack("A13", "an invite for an address in a school room")
async def _(world: World) -> Leak:
    room = await world.loose_room()
    kind = "m.room.third_party_invite"
    await world.t1.set_state(room, kind, THIRD_PARTY, "token")
    return await world.has_state(room, kind, {"display_name": "x"}, "token")


@attack("A14", "an invite for an address in a pupil's own room")
async def _(world: World) -> Leak:
    room = await world.s1.create()
    kind = "m.room.third_party_invite"
    await world.s1.set_state(room, kind, THIRD_PARTY, "token")
    leak = await world.has_state(room, kind, {"display_name": "x"}, "token", seen_by=world.s1)
    state = [{"type": kind, "state_key": "token", "content": THIRD_PARTY}]
    room = await world.s1.create(initial_state=state)
    if room:
        leak += await world.has_state(room, kind, {"display_name": "x"}, "token", seen_by=world.s1)
    return leak


@attack("A15", "a server administrator who belongs to the class invites a stranger")
async def _(world: World) -> Leak:
    room = await world.loose_room(members=("xt", "s1"))
    await world.xt.invite(room, world.o.user_id)
    return await world.is_invited(world.o, room)


@attack("A16", "a server administrator from outside invites a pupil, in three ways")
async def _(world: World) -> Leak:
    ways = ("invite", "create", "initial_state")
    return "".join([await _reach(world, world.x, world.s1, how=how) for how in ways])


async def _delayed(world: World, by: Actor, room: str, whom: Actor) -> Leak:
    path = f"rooms/{room}/state/{MEMBER}/{whom.user_id}"
    await by.put(path, INVITE, **{"org.matrix.msc4140.delay": 150})
    scheduled = "/_matrix/client/unstable/org.matrix.msc4140/delayed_events"

    async def fired() -> bool:
        return not (await by.get(scheduled)).body.get("delayed_events")

    await asyncio.sleep(0.2)
    await until(fired)
    return await until(lambda: world.is_invited(whom, room), world.within(0.3))


@attack("A17", "a teacher invites a stranger into the pupils' room, a moment later")
async def _(world: World) -> Leak:
    return await _delayed(world, world.t1, await world.loose_room(), world.o)


@attack("A18", "a stranger invites a pupil, a moment later")
async def _(world: World) -> Leak:
    return await _delayed(world, world.o, await world.o.create(), world.s1)


WHO: dict[str, tuple[str, str, str]] = {
    "A19": ("s1", "s3", "pupils of two schools"),
    "A20": ("p1", "s2", "a parent and somebody else's child"),
    "A21": ("px", "s1", "a parent of another school and a pupil"),
    "A22": ("s1", "ps2", "a pupil and a classmate's parent"),
    "A23": ("tp", "s1", "a teacher of the school who has no lessons in the class"),
    "A24": ("former", "s1", "who left the school, and a pupil"),
    "A25": ("p4", "s1", "a stranger who says he is a parent"),
    "A39": ("o", "p1", "a stranger and a parent"),
    "A40": ("o", "t1", "a stranger and a teacher"),
    "A41": ("o", "a1", "a stranger and a school administrator"),
    "A43": ("t1", "o", "a teacher and a stranger"),
    "A44": ("p1", "o", "a parent and a stranger"),
    "A45": ("a1", "o", "a school administrator and a stranger"),
    "A46": ("ab", "s1", "the administrator of another school and a pupil"),
    "A47": ("g", "s1", "an application service's user and a pupil"),
    "A48": ("s1", "g", "a pupil and an application service's user"),
    "A49": ("t1", "former", "a teacher and who left the school"),
}


async def _pair(world: World, by: str, whom: str) -> Leak:
    return await _reach(world, world.actors[by], world.actors[whom], how="direct")


for number, (by, whom, what) in WHO.items():
    attack(number, f"a direct chat: {what}")(partial(_pair, by=by, whom=whom))


@attack("A26", "a stranger's group with a pupil in it: nobody of it is invited")
async def _(world: World) -> Leak:
    before = await world.invites(world.s1)
    await world.o.create(invite=[world.o2.user_id, world.s1.user_id, world.t1.user_id])
    return await world.invited_since(world.s1, before)


@attack("A27", "a teacher's group with a pupil, a parent and a stranger")
async def _(world: World) -> Leak:
    before = await world.invites(world.s1), await world.invites(world.o)
    await world.t1.create(invite=[world.s1.user_id, world.p1.user_id, world.o.user_id])
    return await world.invited_since(world.s1, before[0]) + await world.invited_since(
        world.o, before[1]
    )


@attack("A29", "another application service invites a pupil")
async def _(world: World) -> Leak:
    ways = ("create", "state", "initial_state")
    return "".join([await _reach(world, world.as2, world.s1, how=how) for how in ways])


@attack("A31", "a pupil makes a room for somebody of another server")
async def _(world: World) -> Leak:
    room = await world.s1.create(invite=[world.m.user_id], creation_content={"m.federate": True})
    await world.fence(world.o2, world.m2)
    return await world.is_invited(world.m, room)


@attack("A32", "a pupil invites somebody of another server")
async def _(world: World) -> Leak:
    room = await world.s1.create(creation_content={"m.federate": True})
    await world.s1.invite(room, world.m.user_id)
    await world.fence(world.o2, world.m2)
    return await world.is_invited(world.m, room)


@attack("A33", "a teacher invites somebody of another server into a school room that federates")
async def _(world: World) -> Leak:
    room = await world.loose_room(federate=True)
    await world.t1.invite(room, world.m.user_id)
    await world.fence(world.o2, world.m2)
    return await world.is_invited(world.m, room)


@attack("A34", "a stranger bans a pupil, whose client shows the reason")
async def _(world: World) -> Leak:
    since = (await world.sync(world.s1))["next_batch"]
    room = await world.o.create()
    word = secrets.token_hex(6)
    await world.o.post(f"rooms/{room}/ban", {"user_id": world.s1.user_id, "reason": word})
    answer = await world.s1.get(
        "sync", since=since, timeout=0, filter='{"room":{"include_leave":true}}'
    )
    return "the pupil's client got the reason" if word in str(answer.body) else ""


@attack("A35", "a stranger's ban by the member event")
async def _(world: World) -> Leak:
    since = (await world.sync(world.s1))["next_batch"]
    room = await world.o.create()
    word = secrets.token_hex(6)
    ban = {"membership": "ban", "reason": word}
    await world.o.set_state(room, MEMBER, ban, world.s1.user_id)
    answer = await world.s1.get(
        "sync", since=since, timeout=0, filter='{"room":{"include_leave":true}}'
    )
    return "the pupil's client got the reason" if word in str(answer.body) else ""


@attack("A36", "an invite that was there before its invitee came to the school")
async def _(world: World) -> Leak:
    newcomer = await world.person()
    room = await world.o.create(invite=[newcomer.user_id])
    assert room
    await world.push(people={newcomer.user_id: ["class/7b/pupils"]})
    await newcomer.join(room)
    return await world.is_member_joined(room, newcomer.user_id, world.o)


@attack("A37", "a third of a pupils' chat whom one of the two may not meet")
async def _(world: World) -> Leak:
    room = await world.s1.create(invite=[world.s2.user_id], preset="trusted_private_chat")
    await world.s2.join(room)
    await world.s2.invite(room, world.ps2.user_id)
    return await world.is_invited(world.ps2, room)


@attack("A38", "a chat of a teacher and a parent becomes one of a parent and somebody's child")
async def _(world: World) -> Leak:
    room = await world.t1.create(invite=[world.ps2.user_id])
    await world.ps2.join(room)
    await world.t1.invite(room, world.s1.user_id)
    return await world.is_invited(world.s1, room)


@attack("A50", "a stranger invites a pupil to a room of another server")
async def _(world: World) -> Leak:
    room = await world.m.create(invite=[world.o.user_id], room_version=world.version)
    assert (await world.o.join(room, world.remote.name)).status == 200
    await world.o.invite(room, world.s1.user_id)
    return await world.is_invited(world.s1, room)
