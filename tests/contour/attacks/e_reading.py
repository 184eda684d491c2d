"""E: finding and reading rooms, over the client API."""

from __future__ import annotations

import json
import secrets
from functools import partial
from typing import TYPE_CHECKING

from sferum_bridge.school.layout import Kind
from tests.contour.actors import quoted
from tests.contour.attack import Group, differs, oracle

if TYPE_CHECKING:
    from tests.contour.actors import Actor, Json
    from tests.contour.sight import Leak
    from tests.contour.world import World

attack = Group()


def _tells(world: World, answer: object) -> Leak:
    """Tell whether an answer has a word that only the school knows."""
    text = json.dumps(answer, ensure_ascii=False) if not isinstance(answer, str) else answer
    known = world.secrets.name, world.secrets.message, world.secrets.room
    return f"it says {text[:200]}" if any(word in text for word in known) else ""


LISTS = ("chunk", "results", "aliases")
"""What an answer is about, where it is a list."""


def reads(room: str, event: str) -> list[str]:
    """Return the paths by which a room is read."""
    below = f"rooms/{room}"
    return [
        f"{below}/messages?dir=b",
        f"{below}/state",
        f"{below}/state/m.room.name",
        f"{below}/state/m.room.create",
        f"{below}/members",
        f"{below}/joined_members",
        f"{below}/initialSync",
        f"{below}/aliases",
        f"{below}/event/{event}",
        f"{below}/context/{event}",
        f"/_matrix/client/v1/rooms/{room}/threads",
        f"/_matrix/client/v1/rooms/{room}/relations/{event}",
        f"/_matrix/client/v1/rooms/{room}/hierarchy",
        f"/_matrix/client/v1/rooms/{room}/timestamp_to_event?ts=0&dir=f",
        f"/_matrix/client/v1/room_summary/{room}",
        f"/_matrix/client/unstable/im.nheko.summary/summary/{room}",
        f"/_matrix/client/unstable/im.nheko.summary/rooms/{room}/summary",
        f"/_matrix/client/api/v1/events?room_id={room}&timeout=0",
        f"/_matrix/client/r0/rooms/{room}/messages?dir=b",
        f"/_matrix/client/api/v1/rooms/{room}/state",
        f"events/{event}",
    ]


async def _read(world: World, actor: Actor, room: str, event: str) -> Leak:
    leak = ""
    for path in reads(room, event):
        answer = await actor.get(path)
        content = next((answer.body[key] for key in LISTS if key in answer.body), None)
        # An old answer without anything in it tells nothing.
        if answer.status == 200 and content != []:
            leak += f"{path.split(room)[-1]} answers; "
    return leak


@attack("E01", "the room lists show a school's room", works_without=False)
async def _(world: World) -> Leak:
    leak = ""
    for actor in (world.o, world.anonymous):
        for answer in (
            await actor.get("publicRooms", limit=500),
            await actor.get("publicRooms", include_all_networks="true", limit=500),
            await actor.post(
                "publicRooms", {"filter": {"generic_search_term": world.secrets.room}}
            ),
        ):
            leak += _tells(world, answer.body)
    return leak


async def _listing_oracle(world: World, who: str) -> Leak:
    actor = world.anonymous if who == "anonymous" else world.actors[who]
    return await oracle(
        actor, "GET", "directory/list/room/{}", world.rooms["pupils"], world.nowhere
    )


attack.each(
    "E02",
    "whether a room exists, by its place in the room list",
    {who: partial(_listing_oracle, who=who) for who in ("o", "anonymous")},
)

SUMMARIES = (
    "/_matrix/client/v1/room_summary/{}",
    "/_matrix/client/unstable/im.nheko.summary/summary/{}",
    "/_matrix/client/unstable/im.nheko.summary/rooms/{}/summary",
)


@attack("E03", "the summary of a class's room", works_without=False)
async def _(world: World) -> Leak:
    room = world.rooms["pupils"]
    leak = ""
    for actor in (world.o, world.anonymous):
        for path in SUMMARIES:
            leak += await oracle(actor, "GET", path, room, world.nowhere)
    return leak


@attack("E04", "the summary of a class's room that takes knocks, read by anybody")
async def _(world: World) -> Leak:
    room = await world.loose_room(state={"m.room.join_rules": {"join_rule": "knock"}})
    leak = ""
    for actor in (world.o, world.anonymous, world.s3):
        for path in SUMMARIES:
            leak += _tells(world, (await actor.get(path.format(room))).body)
    return leak


@attack("E05", "a pupil sees the parents' room among the class's rooms")
async def _(world: World) -> Leak:
    space = world.rooms["class_space"]
    answer = await world.s1.get(f"/_matrix/client/v1/rooms/{space}/hierarchy")
    assert answer.status == 200
    seen = world.rooms["parents"] in json.dumps(answer.body)
    return "the parents' room is named" if seen else ""


@attack("E06", "a stranger reads a class's room", works_without=False)
async def _(world: World) -> Leak:
    return await _read(world, world.o, world.rooms["pupils"], world.message)


@attack("E07", "a stranger searches for words of a class's room", works_without=False)
async def _(world: World) -> Leak:
    search: Json = {"search_term": world.secrets.message}
    leak = ""
    for chosen in ({}, {"filter": {"rooms": [world.rooms["pupils"]]}}):
        body = {"search_categories": {"room_events": {**search, **chosen}}}
        answer = await world.o.post("search", body)
        found = answer.body.get("search_categories", {}).get("room_events", {}).get("results")
        leak += f"found {found}" if found else ""
    return leak


@attack("E09", "reporting tells whether a message exists", works_without=False)
async def _(world: World) -> Leak:
    room = world.rooms["pupils"]
    known, unknown = [
        await world.o.post(f"rooms/{room}/report/{event}", {"reason": "x"})
        for event in (world.message, "$nope")
    ]
    return differs(known, unknown, world.message, "$nope")


@attack("E10", "an anonymous visitor reads a class's room", works_without=False)
async def _(world: World) -> Leak:
    return await _read(world, world.anonymous, world.rooms["pupils"], world.message)


@attack("E11", "a stranger forgets a room he was never in", works_without=False)
async def _(world: World) -> Leak:
    room = world.rooms["pupils"]
    await world.o.post(f"rooms/{room}/forget")
    joined = (await world.o.get("joined_rooms")).body["joined_rooms"]
    return "it is among his rooms" if room in joined else ""


READERS = {
    "E13": ("s1", "parents", "a pupil reads the parents' room"),
    "E20": ("s1", "staff", "a pupil reads the staff's room"),
    "E21": ("p1", "pupils", "a parent reads the pupils' room"),
    "E22": ("s3", "pupils", "a pupil of another school reads the pupils' room"),
    "E23": ("s8", "pupils", "a pupil of another class reads the pupils' room"),
    "E24": ("t2", "parents", "a teacher reads the parents' room"),
    "E25": ("a1", "pupils", "the school administrator reads the pupils' room"),
    "E26": ("x", "pupils", "a server administrator reads it over the client API"),
    "E27": ("as2", "pupils", "another application service reads it"),
    "E28": ("former", "staff", "who left the school reads the staff's room"),
}


async def _reads(world: World, who: str, room: str) -> Leak:
    actor = world.as2 if who == "as2" else world.actors[who]
    event = world.message if room == "pupils" else "$nope"
    return await _read(world, actor, world.rooms[room], event)


for number, (who, room, what) in READERS.items():
    attack(number, what, works_without=False)(partial(_reads, who=who, room=room))


async def _slides(world: World, who: str, place: str) -> Leak:
    """Subscribe to a room in sliding sync."""
    room = world.rooms[place]
    body = {
        "lists": {
            "all": {
                "ranges": [[0, 500]],
                "required_state": [["*", "*"]],
                "timeline_limit": 20,
            }
        },
        "room_subscriptions": {room: {"required_state": [["*", "*"]], "timeline_limit": 20}},
        "extensions": {
            name: {"enabled": True} for name in ("to_device", "e2ee", "account_data", "receipts")
        },
    }
    path = "/_matrix/client/unstable/org.matrix.simplified_msc3575/sync?timeout=0"
    answer = await world.actors[who].post(path, body)
    return f"sliding sync has {room}" if room in answer.body.get("rooms", {}) else ""


for number, who, place in (
    ("E14", "o", "pupils"),
    ("E29", "s1", "parents"),
    ("E30", "s3", "pupils"),
):
    attack(number, f"{who} subscribes to {place} in sliding sync", works_without=False)(
        partial(_slides, who=who, place=place)
    )


# How a room that exists differs from one that does not, by what a stranger may try with it.
ORACLES = {
    "E15a": ("POST", "join/{}"),
    "E15b": ("POST", "rooms/{}/join"),
    "E15c": ("POST", "knock/{}"),
    "E15d": ("POST", "rooms/{}/leave"),
    "E15e": ("POST", "rooms/{}/upgrade"),
    "E15f": ("POST", "rooms/{}/report"),
    "E15g": ("PUT", "rooms/{}/send/m.room.message/t"),
    "E15h": ("PUT", "rooms/{}/state/m.room.topic"),
    "E15i": ("PUT", "rooms/{}/typing/@o"),
    "E15j": ("GET", "rooms/{}/messages?dir=b"),
    "E15k": ("GET", "rooms/{}/state"),
    "E15l": ("GET", "rooms/{}/members"),
    "E15m": ("GET", "rooms/{}/joined_members"),
    "E15n": ("GET", "rooms/{}/initialSync"),
    "E15o": ("GET", "rooms/{}/aliases"),
    "E15p": ("GET", "rooms/{}/state/m.room.name"),
    "E15q": ("GET", "/_matrix/client/v1/rooms/{}/hierarchy"),
    "E15r": ("GET", "/_matrix/client/v1/rooms/{}/threads"),
    "E15s": ("GET", "/_matrix/client/v1/rooms/{}/timestamp_to_event?ts=0&dir=f"),
    "E15t": ("POST", "rooms/{}/forget"),
    "E15u": ("POST", "rooms/{}/invite"),
    "E15v": ("POST", "rooms/{}/kick"),
    "E15w": ("PUT", "directory/list/room/{}"),
    "E15x": ("POST", "rooms/{}/read_markers"),
    "E15y": ("POST", "rooms/{}/ban"),
    "E15z": ("POST", "rooms/{}/unban"),
    "E33a": ("PUT", "rooms/{}/redact/$event/t"),
    "E33b": ("POST", "rooms/{}/receipt/m.read/$event"),
    "E33c": ("GET", "rooms/{}/event/$event"),
    "E33d": ("GET", "rooms/{}/context/$event"),
    "E33e": ("GET", "/_matrix/client/v1/rooms/{}/relations/$event"),
    "E33f": ("PUT", "rooms/{}/state/m.room.member/@o"),
    "E33g": ("GET", "user/@o/rooms/{}/tags"),
    "E33h": ("PUT", "user/@o/rooms/{}/account_data/m.fully_read"),
    "E33i": ("GET", "/_matrix/client/api/v1/events?room_id={}&timeout=0"),
    "E33j": ("POST", "rooms/{}/report/$event"),
}
BODIES: dict[str, Json] = {
    "rooms/{}/upgrade": {"new_version": "11"},
    "rooms/{}/report": {"reason": "x"},
    "rooms/{}/report/$event": {"reason": "x"},
    "rooms/{}/state/m.room.member/@o": {"membership": "join"},
    "rooms/{}/send/m.room.message/t": {"msgtype": "m.text", "body": "x"},
    "rooms/{}/state/m.room.topic": {"topic": "x"},
    "rooms/{}/typing/@o": {"typing": True, "timeout": 1000},
    "directory/list/room/{}": {"visibility": "public"},
}


async def _room_oracle(world: World, method: str, path: str) -> Leak:
    answers = []
    body = BODIES.get(path)
    if path.endswith(("invite", "kick", "ban")):
        body = {"user_id": world.o2.user_id}
    for room in (world.rooms["pupils"], world.nowhere):
        filled = path.format(room).replace("@o", world.o.user_id)
        answers.append(await world.o.call(method, filled, body))
    return differs(answers[0], answers[1], world.rooms["pupils"], world.nowhere)


SYNAPSE_TELLS = frozenset({"E15a", "E15b", "E15c", "E15w", "E33a"})
"""Where Synapse by itself answers differently."""

for number, (method, path) in ORACLES.items():
    attack(
        number, f"whether a room exists: {method} {path}", works_without=number in SYNAPSE_TELLS
    )(partial(_room_oracle, method=method, path=path))


@attack("E16", "the alias of a class's room leads strangers to it")
async def _(world: World) -> Leak:
    alias = f"#sferum_{secrets.token_hex(3)}:{world.server.name}"
    await world.bot.put(f"directory/room/{quoted(alias)}", {"room_id": world.rooms["pupils"]})
    leak = ""
    for actor in (world.o, world.anonymous, world.m):
        answer = await actor.get(f"directory/room/{quoted(alias)}")
        leak += f"{alias} leads to the room; " if answer.status == 200 else ""
    answer = await world.forged.get(f"query/directory?room_alias={quoted(alias)}")
    return leak + ("and for other servers" if answer.status == 200 else "")


@attack("E17", "a stranger reads a class's room that is world-readable")
async def _(world: World) -> Leak:
    history = {"history_visibility": "world_readable"}
    room = await world.loose_room(state={"m.room.history_visibility": history})
    event = await world.s1.say(room, world.secrets.message)
    return await _read(world, world.o, room, event)


@attack("E18", "a stranger's space shows a class's room", works_without=False)
async def _(world: World) -> Leak:
    space = await world.o.create(creation_content={"type": "m.space"})
    child = {"via": [world.server.name]}
    await world.o.set_state(space, "m.space.child", child, world.rooms["pupils"])
    answer = await world.o.get(f"/_matrix/client/v1/rooms/{space}/hierarchy")
    return _tells(world, answer.body)


@attack("E19", "a stranger finds the members of a public class's room among people")
async def _(world: World) -> Leak:
    room = await world.loose_room(state={"m.room.join_rules": {"join_rule": "public"}})
    await world.s1.say(room)
    answer = await world.o.post("user_directory/search", {"search_term": "s1"})
    return world.s1.user_id if world.s1.user_id in json.dumps(answer.body) else ""


@attack("E31", "the hierarchy of a school's space that is public, and its rooms")
async def _(world: World) -> Leak:
    state = {"m.room.join_rules": {"join_rule": "public"}}
    space = await world.loose_room(Kind.CLASS, state=state)
    child = {"via": [world.server.name]}
    await world.bot.set_state(space, "m.space.child", child, world.rooms["pupils"])
    answer = await world.o.get(f"/_matrix/client/v1/rooms/{space}/hierarchy")
    inside = world.rooms["pupils"] in json.dumps(answer.body)
    return _tells(world, answer.body) or ("a room is named" if inside else "")


@attack("E32", "a stranger types and reads in a class's room", works_without=False)
async def _(world: World) -> Leak:
    room = world.rooms["pupils"]
    typing = f"rooms/{room}/typing/{world.o.user_id}"
    await world.o.put(typing, {"typing": True, "timeout": 30000})
    await world.o.post(f"rooms/{room}/receipt/m.read/{world.message}")
    answer = await world.sync(world.s1, room={"rooms": [room], "timeline": {"limit": 1}})
    ephemeral = answer["rooms"]["join"][room]["ephemeral"]
    return "the pupils see it" if world.o.user_id in json.dumps(ephemeral) else ""


@attack("E34", "a pupil has another server asked about a space, by naming the server")
async def _(world: World) -> Leak:
    word = secrets.token_hex(6)
    kind = {"type": "m.space"}
    room = await world.m.create(preset="public_chat", name=word, creation_content=kind)
    path = f"/_matrix/client/v1/rooms/{room}/hierarchy"
    answer = await world.s1.get(path, **{"org.matrix.msc4235.via": world.remote.name})
    return f"it says {answer.body}" if word in str(answer.body) else ""


@attack("E35", "a stranger listens to a class's room that is world-readable")
async def _(world: World) -> Leak:
    history = {"history_visibility": "world_readable"}
    room = await world.loose_room(state={"m.room.history_visibility": history})
    since = (await world.sync(world.o))["next_batch"]
    await world.s1.say(room, world.secrets.message)
    path = "/_matrix/client/v3/events"
    answer = await world.o.get(path, **{"room_id": room, "from": since, "timeout": 0})
    return str(answer.body)[:200] if world.secrets.message in str(answer.body) else ""
