"""C: rooms made and changed, over the client API."""

from __future__ import annotations

import asyncio
import secrets
from functools import partial
from typing import TYPE_CHECKING

from sferum_bridge.school.layout import Kind
from tests.contour.actors import quoted
from tests.contour.attack import Group
from tests.contour.sight import until

if TYPE_CHECKING:
    from tests.contour.actors import Actor, Json
    from tests.contour.sight import Leak
    from tests.contour.world import World

attack = Group()

RULES = "m.room.join_rules"
HISTORY = "m.room.history_visibility"
# Else no list shows a room, whoever publishes it.
PUBLIC: dict[str, Json] = {RULES: {"join_rule": "public"}}
WORLD = {"history_visibility": "world_readable"}


def _state(kind: str, content: Json) -> list[Json]:
    return [{"type": kind, "state_key": "", "content": content}]


async def _resolves(world: World, alias: str) -> Leak:
    found = await world.o.get(f"directory/room/{quoted(f'#{alias}:{world.server.name}')}")
    return f"#{alias} leads to {found.body.get('room_id')}; " if found.status == 200 else ""


async def _listed(world: World, room: str) -> Leak:
    """Tell whether any room list shows a room."""
    lists = [
        await world.o.get("publicRooms", limit=500),
        await world.o.get("publicRooms", limit=500, include_all_networks="true"),
        await world.o.post("publicRooms", {"third_party_instance_id": "stranger|net"}),
    ]
    shown = any(entry["room_id"] == room for one in lists for entry in one.body.get("chunk", ()))
    return f"a room list shows {room}; " if room and shown else ""


async def _enters(world: World, room: str, by: Actor) -> Leak:
    if not room:
        return ""
    await world.o.join(room)
    return await world.is_member(room, world.o.user_id, seen_by=by)


@attack("C01", "a pupil makes a public room with an alias")
async def _(world: World) -> Leak:
    alias = f"c01{secrets.token_hex(3)}"
    room = await world.s1.create(preset="public_chat", visibility="public", room_alias_name=alias)
    leak = await _resolves(world, alias) + await _listed(world, room)
    return leak + await _enters(world, room, world.s1)


@attack("C02", "a teacher makes a room that everybody may join")
async def _(world: World) -> Leak:
    return await _enters(world, await world.t1.create(preset="public_chat"), world.t1)


@attack("C03", "a pupil makes a room that everybody may read")
async def _(world: World) -> Leak:
    room = await world.s1.create(initial_state=_state(HISTORY, WORLD))
    read = await world.o.get(f"rooms/{room}/messages", dir="b")
    return f"a stranger reads {room}" if room and read.status == 200 else ""


@attack("C04", "a parent makes a room at which everybody may knock")
async def _(world: World) -> Leak:
    room = await world.p1.create(initial_state=_state(RULES, {"join_rule": "knock"}))
    if not room:
        return ""
    await world.o.post(f"knock/{room}")
    return await world.is_member(room, world.o.user_id, seen_by=world.p1)


@attack("C05", "a pupil's room federates")
async def _(world: World) -> Leak:
    leak = ""
    for content in ({}, {"m.federate": True}):
        room = await world.s1.create(creation_content=content)
        created = (await world.s1.state(room, "m.room.create")).body if room else None
        if created is not None and created.get("m.federate") is not False:
            leak += f"{room} federates; "
    return leak


@attack("C06", "a pupil opens the own room later")
async def _(world: World) -> Leak:
    room = await world.s1.create()
    await world.s1.set_state(room, RULES, {"join_rule": "public"})
    return await _enters(world, room, world.s1)


async def _changes(world: World, kind: str, content: Json, who: str = "t1") -> Leak:
    """Set state in a class's room that lets everybody do so."""
    room = await world.loose_room(members=("t1", "s1", "xt"))
    await world.actors[who].set_state(room, kind, content)
    return await world.has_state(room, kind, content)


async def _changes_rules(world: World, rule: str) -> Leak:
    content: Json = {"join_rule": rule}
    if "restricted" in rule:
        content["allow"] = [{"type": "m.room_membership", "room_id": world.own_room}]
    return await _changes(world, RULES, content)


attack.each(
    "C07",
    "a teacher changes who may join a class's room",
    {
        rule: partial(_changes_rules, rule=rule)
        for rule in ("public", "knock", "restricted", "knock_restricted")
    },
)

STATE: dict[str, tuple[str, str, str, Json]] = {
    "C08": ("t1", "lets everybody read", HISTORY, WORLD),
    "C09": ("t1", "lets guests in", "m.room.guest_access", {"guest_access": "can_join"}),
    "C17": ("t1", "names a policy server", "m.room.policy", {"via": "evil.example"}),
    "C18": ("xt", "as server administrator opens it", RULES, {"join_rule": "public"}),
    "C19": ("s1", "writes the school's own state", "ru.sferum.room", {"kind": "x"}),
    "C22": ("s1", "puts up a widget", "im.vector.modular.widgets", {"url": "https://evil.example"}),
    "C29": ("t1", "moves the room away", "m.room.tombstone", {"replacement_room": "!x:y"}),
    "C31": ("t1", "names servers that may come in", "m.room.server_acl", {"allow": ["*"]}),
    "C32": ("s1", "writes an alias", "m.room.canonical_alias", {"name": "x"}),
    "C33": ("t1", "names a widget", "m.widget", {"url": "https://evil.example"}),
    "C34": ("s1", "marks the room as another", "io.github.sferum_bridge.room", {"key": "x"}),
    "C35": ("t1", "encrypts the room", "m.room.encryption", {"algorithm": "m.megolm.v1.aes-sha2"}),
}

for number, (who, what, kind, content) in STATE.items():
    attack(number, f"{who} {what} in a class's room")(
        partial(_changes, kind=kind, content=content, who=who)
    )


@attack("C10", "a teacher gives a class's room an alias")
async def _(world: World) -> Leak:
    room = await world.loose_room()
    alias = f"c10{secrets.token_hex(3)}"
    path = f"directory/room/{quoted(f'#{alias}:{world.server.name}')}"
    await world.t1.put(path, {"room_id": room})
    return await _resolves(world, alias)


@attack("C11", "a teacher gives power to everybody in a class's room")
async def _(world: World) -> Leak:
    room = await world.loose_room()
    levels = (await world.bot.state(room, "m.room.power_levels")).body
    change = {"invite": 1, "users": {**levels["users"], world.s1.user_id: 50}}
    await world.t1.set_state(room, "m.room.power_levels", {**levels, **change})
    return await world.has_state(room, "m.room.power_levels", change)


@attack("C13", "a teacher upgrades a class's room")
async def _(world: World) -> Leak:
    room = await world.loose_room()
    answer = await world.t1.post(f"rooms/{room}/upgrade", {"new_version": "11"})
    moved = await world.has_state(room, "m.room.tombstone", {})
    return moved or (f"{answer.body} is made" if answer.status == 200 else "")


@attack("C14", "a pupil's own room is upgraded")
async def _(world: World) -> Leak:
    room = await world.s1.create(room_version="10")
    await world.s1.post(f"rooms/{room}/upgrade", {"new_version": world.version})
    return await world.has_state(room, "m.room.tombstone", {}, seen_by=world.s1)


@attack("C15", "another application service publishes a class's room")
async def _(world: World) -> Leak:
    room = await world.loose_room(state=PUBLIC)
    path = f"directory/list/appservice/net/{room}"
    await world.as2.call("PUT", path, {"visibility": "public"})
    return await _listed(world, room)


@attack("C16", "a teacher publishes a class's room")
async def _(world: World) -> Leak:
    room = await world.loose_room(state=PUBLIC)
    await world.t1.put(f"directory/list/room/{room}", {"visibility": "public"})
    return await _listed(world, room)


@attack("C20", "a server administrator publishes a class's room")
async def _(world: World) -> Leak:
    room = await world.loose_room(members=("xt",), state=PUBLIC)
    await world.xt.put(f"directory/list/room/{room}", {"visibility": "public"})
    return await _listed(world, room)


@attack("C21", "a pupil writes where only teachers do", works_without=False)
async def _(world: World) -> Leak:
    room = world.rooms["materials"]
    leak = ""
    for kind in (
        "m.room.message",
        "m.room.encrypted",
        "m.call.invite",
        "m.poll.start",
        "m.sticker",
        "org.example.unknown",
    ):
        path = f"rooms/{room}/send/{kind}/{secrets.token_hex(4)}"
        answer = await world.s1.put(path, {"msgtype": "m.text", "body": "x"})
        if answer.status == 200:
            leak += f"{kind} was written; "
    return leak


async def _renamed(world: World, who: str, room: str) -> Leak:
    actor = world.actors[who]
    content = {"membership": "join", "displayname": "Директор школы"}
    await actor.set_state(room, "m.room.member", content, actor.user_id)
    answer = await world.bot.state(room, "m.room.member", actor.user_id)
    return str(answer.body) if answer.body.get("displayname") == "Директор школы" else ""


@attack("C23", "a teacher takes another name in one room")
async def _(world: World) -> Leak:
    return await _renamed(world, "t1", await world.loose_room(loose=False))


@attack("C24", "a pupil takes the director's name in the class's room")
async def _(world: World) -> Leak:
    return await _renamed(world, "s1", await world.loose_room(loose=False))


@attack("C24b", "a pupil has no name and a stranger's picture in the class's room")
async def _(world: World) -> Leak:
    room = await world.loose_room(loose=False)
    user = world.s1.user_id
    content = {"membership": "join", "displayname": None, "avatar_url": "mxc://evil.example/x"}
    await world.s1.set_state(room, "m.room.member", content, user)
    shown = (await world.bot.state(room, "m.room.member", user)).body
    return str(shown) if shown.get("avatar_url") == content["avatar_url"] else ""


@attack("C25", "a pupil's room gets an alias when it is made")
async def _(world: World) -> Leak:
    alias = f"c25{secrets.token_hex(3)}"
    await world.s1.create(room_alias_name=alias)
    return await _resolves(world, alias)


@attack("C26", "a pupil's room gets an alias later")
async def _(world: World) -> Leak:
    room = await world.s1.create()
    alias = f"c26{secrets.token_hex(3)}"
    path = f"directory/room/{quoted(f'#{alias}:{world.server.name}')}"
    await world.s1.put(path, {"room_id": room})
    return await _resolves(world, alias)


@attack("C27", "a parent's room is published, at once and later")
async def _(world: World) -> Leak:
    room = await world.p1.create(visibility="public")
    leak = await _listed(world, room)
    room = await world.p1.create()
    await world.p1.put(f"directory/list/room/{room}", {"visibility": "public"})
    return leak + await _listed(world, room)


@attack("C28", "another application service gives a class's room an alias of its own")
async def _(world: World) -> Leak:
    alias = f"as2_{secrets.token_hex(3)}"
    path = f"directory/room/{quoted(f'#{alias}:{world.server.name}')}"
    await world.as2.put(path, {"room_id": world.rooms["pupils"]})
    return await _resolves(world, alias)


async def _own_changes(world: World, kind: str, content: Json) -> Leak:
    room = await world.t1.create()
    await world.t1.set_state(room, kind, content)
    leak = await world.has_state(room, kind, content, seen_by=world.t1)
    room = await world.t1.create(initial_state=_state(kind, content))
    return leak + (await world.has_state(room, kind, content, seen_by=world.t1) if room else "")


attack.each(
    "C30",
    "a teacher opens an own room",
    {
        "a": partial(_own_changes, kind=HISTORY, content=WORLD),
        "b": partial(
            _own_changes, kind="m.room.guest_access", content={"guest_access": "can_join"}
        ),
        "c": partial(
            _own_changes, kind="im.vector.modular.widgets", content={"url": "https://evil.example"}
        ),
        "d": partial(_own_changes, kind=RULES, content={"join_rule": "knock"}),
        "e": partial(_own_changes, kind="m.room.policy", content={"via": "evil.example"}),
        "f": partial(_own_changes, kind=RULES, content={"join_rule": "org.example.anybody"}),
    },
)


@attack("C36", "a teacher opens a class's room a moment later")
async def _(world: World) -> Leak:
    room = await world.loose_room()
    path = f"rooms/{room}/state/{RULES}/"
    await world.t1.put(path, {"join_rule": "public"}, **{"org.matrix.msc4140.delay": 100})
    await asyncio.sleep(0.2)
    return await until(
        lambda: world.has_state(room, RULES, {"join_rule": "public"}), world.within(0.5)
    )


@attack("C37", "a server administrator upgrades a class's room")
async def _(world: World) -> Leak:
    room = await world.loose_room(Kind.PUPILS, members=("xt", "s1"))
    answer = await world.xt.post(f"rooms/{room}/upgrade", {"new_version": "11"})
    return await world.has_state(room, "m.room.tombstone", {}) or (
        f"{answer.body} is made" if answer.status == 200 else ""
    )


@attack("C38", "a stranger makes a room that says it is the school's")
async def _(world: World) -> Leak:
    room = await world.o.create(
        initial_state=[{"type": "ru.sferum.room", "state_key": "", "content": {"kind": "pupils"}}]
    )
    own = await world.o.create()
    await world.o.set_state(own, "ru.sferum.room", {"kind": "pupils"})
    leak = ""
    for made in (room, own):
        if made:
            leak += await world.has_state(
                made, "ru.sferum.room", {"kind": "pupils"}, seen_by=world.o
            )
    return leak


@attack("C39", "a server administrator moves a class's room's members into a room of his own")
async def _(world: World) -> Leak:
    room = await world.loose_room(fresh=True)
    body = {"new_room_user_id": world.x.user_id, "room_name": "x", "block": False, "purge": False}
    answer = await world.x.call("DELETE", f"/_synapse/admin/v1/rooms/{room}", body)
    new = str(answer.body.get("new_room_id", ""))
    return await world.is_member(new, world.s1.user_id, seen_by=world.x) if new else ""


@attack("C40", "a room is replaced from which strangers banned somebody who is of the school now")
async def _(world: World) -> Leak:
    owner, newcomer = await world.person(), await world.person()
    room = await owner.create(room_version="10")
    await owner.post(f"rooms/{room}/ban", {"user_id": newcomer.user_id, "reason": "x"})
    await world.push(people={newcomer.user_id: ["class/7b/pupils"]})
    await owner.post(f"rooms/{room}/upgrade", {"new_version": world.version})
    rooms = (await owner.get("joined_rooms")).body["joined_rooms"]
    made = [new for new in rooms if new != room]
    if made and not await world.has_state(room, "m.room.tombstone", {}, seen_by=owner):
        return "a half-made room is left"
    for new in made:
        there = await owner.state(new, "m.room.member", newcomer.user_id)
        if there.status == 200:
            return f"{newcomer.user_id}: {there.body} in {new}"
    return ""
