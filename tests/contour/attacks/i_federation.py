"""I: attacks by another server: by its people, and by requests it signs itself."""

from __future__ import annotations

import asyncio
import json
import secrets
from functools import partial
from typing import TYPE_CHECKING, Any

from tests.contour.actors import quoted
from tests.contour.attack import Group
from tests.contour.fake import FakeServer
from tests.contour.sight import until

if TYPE_CHECKING:
    from tests.contour.actors import Actor, Json
    from tests.contour.sight import Leak
    from tests.contour.world import World
    from tests.support.synapse import Answer

attack = Group()

V2 = "/_matrix/federation/v2"
UNSTABLE = "/_matrix/federation/unstable"
PUBLIC = {"m.room.join_rules": {"join_rule": "public"}}
KNOCK = {"m.room.join_rules": {"join_rule": "knock"}}
TEXT = {"msgtype": "m.text", "body": "x"}
AUTH = ("m.room.create", "m.room.join_rules", "m.room.power_levels")


async def _template(world: World, watcher: Actor, room: str, *members: str) -> Json:
    """Tell what an event of a room has to name, as somebody who is in it knows."""
    state = (await watcher.get(f"rooms/{room}/state")).body[""]
    latest = (await watcher.get(f"rooms/{room}/messages", dir="b", limit=1)).body["chunk"][0]
    auth = [
        event["event_id"]
        for event in state
        if event["type"] in AUTH
        or (event["type"] == "m.room.member" and event["state_key"] in members)
    ]
    create = next(event for event in state if event["type"] == "m.room.create")
    if world.version == "12":
        # There the room's id is the create event's, which is named nowhere else.
        auth = [event_id for event_id in auth if event_id != create["event_id"]]
    return {
        "room_id": room,
        "auth_events": auth,
        "prev_events": [latest["event_id"]],
        "depth": 10_000,
    }


async def _membership(
    world: World, watcher: Actor, room: str, sender: str, target: str, how: str
) -> tuple[str, Json]:
    template = await _template(world, watcher, room, sender, target)
    content: Json = {"membership": how}
    event = {"type": "m.room.member", "sender": sender, "state_key": target, "content": content}
    return world.forged.event(world.version, {**template, **event})


# --- invites --------------------------------------------------------------------------------------


async def _invited_by_stranger(world: World, whom: str) -> Leak:
    victim = world.actors[whom]
    before = await world.invites(victim)
    await world.m.create(invite=[victim.user_id], preset="trusted_private_chat", is_direct=True)
    return await world.invited_since(victim, before)


for number, whom in {"I01": "s1", "I37": "t1", "I38": "p1", "I39": "a1"}.items():
    attack(number, f"somebody of another server invites {whom}")(
        partial(_invited_by_stranger, whom=whom)
    )


INVITE = V2 + "/invite/{room}/{event}"


async def raw_invite(
    world: World, path: str, version: str, *, room: str = "", user: str = ""
) -> Leak:
    """Send an invite signed by hand, of a pupil to a room that is none if nothing else is said."""
    room = room or f"!{secrets.token_hex(9)}:{world.remote.name}"
    event: Json = {
        "type": "m.room.member",
        "room_id": room,
        "sender": world.m.user_id,
        "state_key": user or world.s1.user_id,
        "content": {"membership": "invite"},
        "auth_events": [],
        "prev_events": [],
        "depth": 5,
    }
    if version == "1":
        event["event_id"] = f"${secrets.token_hex(9)}:{world.remote.name}"
    event_id, signed = world.forged.event(version, event)
    body: Json = {"event": signed, "room_version": version, "invite_room_state": []}
    below = path.format(room=quoted(room), event=quoted(event_id))
    await world.forged.put(below, signed if version == "1" else body)
    return await world.is_invited(world.s1, room)


attack("I02", "an invite signed by hand")(partial(raw_invite, path=INVITE, version="11"))
attack("I03", "an invite signed by hand, in the first version")(
    partial(raw_invite, path="invite/{room}/{event}", version="1")
)


@attack("I50", "an invite signed by hand, of the bot into a room of the school that it is in")
async def _(world: World) -> Leak:
    room, bot = await world.loose_room(), world.bot
    await raw_invite(world, INVITE, world.version, room=room, user=bot.user_id)
    answer = await bot.state(room, "m.room.create")
    return "" if answer.status == 200 else f"the bot reads {room} no more: {answer.status}"


async def _common_room(world: World) -> str:
    """Make a room of the other server that a stranger of this one is in."""
    room = await world.m.create(preset="public_chat", room_version=world.version)
    assert (await world.o.join(room, world.remote.name)).status == 200
    return room


@attack("I19", "an invite as an event of a room that this server is in already")
async def _(world: World) -> Leak:
    room = await _common_room(world)
    m, s1 = world.m.user_id, world.s1.user_id
    event_id, event = await _membership(world, world.m, room, m, s1, "invite")
    answer = await world.forged.transaction(pdus=[event])
    assert answer.status == 200, answer
    await asyncio.sleep(0.2)
    del event_id
    return await until(lambda: world.is_invited(world.s1, room), world.within(world.lag))


@attack("I20", "somebody of another server invites a pupil to a room this server is in")
async def _(world: World) -> Leak:
    room = await _common_room(world)
    await world.m.invite(room, world.s1.user_id)
    await world.fence(world.m2, world.o2)
    return await world.is_invited(world.s1, room)


# --- joins and knocks -----------------------------------------------------------------------------


async def _raw(
    world: World, room: str, how: str, path: str, who: str = "m2"
) -> tuple[Answer, Leak]:
    user = world.actors[who].user_id
    event_id, event = await _membership(world, world.bot, room, user, user, how)
    answer = await world.forged.put(path.format(room=room, event=quoted(event_id)), event)
    told = "state" in answer.body or "knock_room_state" in answer.body
    leak = f"the answer has {sorted(answer.body)}; " if told else ""
    return answer, leak + await world.is_member(room, user)


JOINS = {
    "a": V2 + "/send_join/{room}/{event}",
    "b": V2 + "/send_join/{room}/{event}?omit_members=true",
    "c": "send_join/{room}/{event}",
}


async def _raw_join(world: World, path: str, *, federate: bool = True) -> Leak:
    state: Any = PUBLIC if federate else None
    room = await world.loose_room(federate=federate, state=state)
    return (await _raw(world, room, "join", path))[1]


@attack("I05", "a join sent without asking first, into a class's room", works_without=False)
async def _(world: World) -> Leak:
    room = world.rooms["pupils"]
    return "".join([(await _raw(world, room, "join", path))[1] for path in JOINS.values()])


attack.each(
    "I06",
    "a join sent without asking first, into a class's room that federates and is public",
    {letter: partial(_raw_join, path=path) for letter, path in JOINS.items() if letter != "c"},
)


@attack("I07", "a knock sent without asking first, at a class's room", works_without=False)
async def _(world: World) -> Leak:
    return (await _raw(world, world.rooms["pupils"], "knock", "send_knock/{room}/{event}"))[1]


@attack("I08", "a knock sent without asking first, at a room that federates and takes knocks")
async def _(world: World) -> Leak:
    room = await world.loose_room(federate=True, state=KNOCK)
    return (await _raw(world, room, "knock", "send_knock/{room}/{event}"))[1]


async def _makes(world: World, how: str, state: Json) -> Leak:
    room = await world.loose_room(federate=True, state=state)
    versions = "&".join(f"ver={number}" for number in ("10", "11", "12"))
    answer = await world.forged.get(f"make_{how}/{room}/{world.m.user_id}?{versions}")
    return f"a template to {how}: {sorted(answer.body)}" if answer.status == 200 else ""


attack("I30", "a template for a join")(partial(_makes, how="join", state=PUBLIC))
attack("I31", "a template for a knock")(partial(_makes, how="knock", state=KNOCK))


@attack("I32", "a message sent into a class's room by a server that is not in it")
async def _(world: World) -> Leak:
    room = await world.loose_room(federate=True, state=PUBLIC)
    user = world.m.user_id
    join_id, join = await _membership(world, world.bot, room, user, user, "join")
    await world.forged.transaction(pdus=[join])
    del join_id
    return await until(lambda: world.is_member(room, user), world.within(0.2))


@attack("I26", "a leave sent in somebody's name", works_without=False)
async def _(world: World) -> Leak:
    room, user = world.rooms["pupils"], world.m.user_id
    answer = await world.forged.get(f"make_leave/{room}/{user}")
    leak = f"a template: {sorted(answer.body)}; " if answer.status == 200 else ""
    path = V2 + "/send_leave/{room}/{event}"
    return leak + (await _raw(world, room, "leave", path))[1]


@attack("I45", "a class's room is entered through a room of the other server")
async def _(world: World) -> Leak:
    allow = {"type": "m.room_membership", "room_id": world.remote_public}
    rules = {"join_rule": "restricted", "allow": [allow]}
    room = await world.loose_room(federate=True, state={"m.room.join_rules": rules})
    await world.o.join(world.remote_public, world.remote.name)
    await world.m.join(room, world.server.name)
    return await until(lambda: world.is_member(room, world.m.user_id), 3)


@attack("I47", "somebody of another server bans a pupil, whose client shows the reason")
async def _(world: World) -> Leak:
    room = await _common_room(world)
    since = (await world.sync(world.s1))["next_batch"]
    word = secrets.token_hex(6)
    await world.m.post(f"rooms/{room}/ban", {"user_id": world.s1.user_id, "reason": word})
    await world.fence(world.m2, world.o2)
    chosen = '{"room":{"include_leave":true}}'

    async def has_come() -> bool:
        answer = await world.s1.get("sync", since=since, timeout=0, filter=chosen)
        return word in str(answer.body)

    return (
        "the pupil's client got the reason"
        if await until(has_come, world.within(world.lag))
        else ""
    )


async def _told_by_the_past(world: World, changes: tuple[str, ...]) -> Leak:
    """Have a pupil put out of a public room before anybody of this server is in it."""
    room = await world.m.create(preset="public_chat", room_version=world.version)
    s1, word = world.s1, secrets.token_hex(6)
    for change in changes:
        body = {"user_id": s1.user_id, "reason": word}
        assert (await world.m.post(f"rooms/{room}/{change}", body)).status == 200
    assert (await world.o.join(room, world.remote.name)).status == 200
    # Answered once the rest of the state has been fetched, which the join came without.
    members = await world.o.get(f"rooms/{room}/joined_members")
    assert world.m.user_id in members.body["joined"], members

    async def has_come() -> bool:
        seen = [
            await s1.get("sync", timeout=0, filter=json.dumps({"room": {"include_leave": left}}))
            for left in (False, True)
        ]
        seen.append(await s1.get("joined_rooms"))
        assert all(answer.status == 200 for answer in seen), seen
        return any(told in str(answer.body) for answer in seen for told in (room, word))

    return (
        "the pupil's client shows the room"
        if await until(has_come, world.within(world.lag))
        else ""
    )


attack.each(
    "I48",
    "a pupil is banned from a room of the other server, which a stranger of this one joins then",
    {
        "a": partial(_told_by_the_past, changes=("ban",)),
        "b": partial(_told_by_the_past, changes=("ban", "unban")),
    },
)


# --- a server that lies ---------------------------------------------------------------------------


async def _forged_invite(world: World, told: str) -> Leak:
    """Have a server that is none tell of a pupil's invite, where nobody looks at it first."""
    folder = world.server.settings.folder
    s1 = world.s1.user_id
    async with FakeServer(world.wire, folder, world.server.name, world.version) as fake:

        def invite() -> str:
            return fake.add("m.room.member", {"membership": "invite"}, s1)

        if told == "send_join":
            fake.state["m.room.member", s1] = invite()
        joined = await world.o.join(fake.room, fake.name)
        assert joined.status == 200, joined
        if told == "get_missing_events":
            fake.missing = [invite()]
        elif told == "state_ids":
            # Between comes what has no past but a state, which the invite is part of.
            fake.state["m.room.member", world.o.user_id] = fake.latest
            fake.state["m.room.member", s1] = invite()
            fake.add("m.room.message", TEXT)
            fake.missing = [fake.add("m.room.message", TEXT)]
        word = secrets.token_hex(6)
        await fake.send(fake.add("m.room.message", {**TEXT, "body": word}))

        async def has_come() -> bool:
            read = await world.o.get(f"rooms/{fake.room}/messages", dir="b")
            return word in str(read.body)

        assert await until(has_come, 20), "the event after it was not taken"
        assert told in fake.asked, fake.asked
        return await until(lambda: world.is_invited(world.s1, fake.room), world.lag)


attack.each(
    "I49",
    "a server that lies tells of an invite of a pupil",
    {
        letter: partial(_forged_invite, told=told)
        for letter, told in (("a", "send_join"), ("b", "get_missing_events"), ("c", "state_ids"))
    },
)
