"""K: the limits of a role inside a school."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from sferum_bridge.school.layout import Kind
from tests.contour.attack import Group

if TYPE_CHECKING:
    from tests.contour.actors import Actor
    from tests.contour.sight import Leak
    from tests.contour.world import World

attack = Group()

PUBLIC = {"m.room.join_rules": {"join_rule": "public"}}

# Who invites whom into which room of the class, where invites need no power.
WRONG = {
    "a": ("t1", "p1", Kind.PUPILS),
    "b": ("t1", "s1", Kind.PARENTS),
    "c": ("t1", "a1", Kind.PUPILS),
    "d": ("s1", "p1", Kind.PUPILS),
    "e": ("bot", "p1", Kind.PUPILS),
    "f": ("bot", "s1", Kind.PARENTS),
    "g": ("bot", "o", Kind.PUPILS),
    "h": ("bot", "s3", Kind.PUPILS),
    "i": ("bot", "g", Kind.PUPILS),
}


async def _invites(world: World, by: str, whom: str, kind: Kind) -> Leak:
    member = "p1" if kind is Kind.PARENTS else "s1"
    room = await world.loose_room(kind, members=("t1", member))
    actor = world.bot if by == "bot" else world.actors[by]
    await actor.invite(room, world.actors[whom].user_id)
    return await world.is_invited(world.actors[whom], room)


attack.each(
    "K01",
    "an invite into a room whose role it is not",
    {letter: partial(_invites, by=b, whom=w, kind=k) for letter, (b, w, k) in WRONG.items()},
)


@attack("K04", "the school administrator enters a class's rooms")
async def _(world: World) -> Leak:
    leak = ""
    for kind in (Kind.PUPILS, Kind.PARENTS, Kind.MATERIALS):
        room = await world.loose_room(kind, members=(), state=PUBLIC)
        await world.a1.join(room)
        leak += await world.is_member(room, world.a1.user_id)
    return leak


@attack("K09", "a parent whose only child left the class stays in the parents' room")
async def _(world: World) -> Leak:
    room = await world.loose_room(Kind.PARENTS, members=("t1",), state=PUBLIC)
    parent = await world.person("class/7b/parents")
    assert (await parent.join(room)).status == 200
    await world.push(people={parent.user_id: ["school/a/former"]})
    await world.bot.post(f"rooms/{room}/kick", {"user_id": parent.user_id})
    await parent.join(room)
    return await world.is_member(room, parent.user_id)


@attack("K11", "a class teacher removes another teacher, and bans", works_without=False)
async def _(world: World) -> Leak:
    room, t2 = world.rooms["pupils"], world.t2.user_id
    await world.t1.post(f"rooms/{room}/kick", {"user_id": t2})
    await world.t1.post(f"rooms/{room}/ban", {"user_id": t2})
    return "" if await world.is_member(room, t2) else f"{t2} is out of {room}"


# Who may not begin with whom, though both are of one school.
CONTACTS = {
    "K12": ("px", "p1"),
    "K13": ("s1", "t8"),
    "K14": ("t8", "s1"),
    "K15": ("s8", "s1"),
    "K16": ("s1", "a1"),
    "K18": ("p1", "t8"),
    "K19": ("s1", "ps2"),
}


async def _direct(world: World, by: Actor, whom: Actor) -> Leak:
    before = await world.invites(whom)
    await by.create(preset="trusted_private_chat", is_direct=True, invite=[whom.user_id])
    return await world.invited_since(whom, before)


async def _contact(world: World, by: str, whom: str) -> Leak:
    return await _direct(world, world.actors[by], world.actors[whom])


for number, (by, whom) in CONTACTS.items():
    attack(number, f"{by} begins a direct chat with {whom}")(partial(_contact, by=by, whom=whom))


@attack("K20", "a right is gone a moment after it was taken")
async def _(world: World) -> Leak:
    parent = await world.person("class/7b/parents", kin="s1")
    await world.push(people={parent.user_id: None})
    return await _direct(world, parent, world.s1)


@attack("K21", "a pupil who changed class writes to the old class")
async def _(world: World) -> Leak:
    pupil = await world.person("class/7b/pupils")
    await world.push(people={pupil.user_id: ["class/8a/pupils"]})
    return await _direct(world, pupil, world.s1)


@attack("K22", "a class teacher takes power from the bot, or gives it away")
async def _(world: World) -> Leak:
    room = await world.loose_room()
    levels = (await world.bot.state(room, "m.room.power_levels")).body
    users = {**levels["users"], world.p1.user_id: 50}
    await world.t1.set_state(room, "m.room.power_levels", {**levels, "users": users})
    now = (await world.bot.state(room, "m.room.power_levels")).body["users"]
    return str(now) if world.p1.user_id in now else ""
