"""What everybody tries with rooms, over the client API."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

from tests.contour.actors import quoted
from tests.contour.walk_acts import Acts, some_room, some_user, somebody

if TYPE_CHECKING:
    from random import Random

    from tests.contour.actors import Json
    from tests.contour.walk import Walk

MEMBER = "m.room.member"
DELAY = "org.matrix.msc4140.delay"
RULES: tuple[Json, ...] = tuple(
    {"join_rule": rule} for rule in ("public", "knock", "invite", "private", "org.example.all")
)
STATE: tuple[tuple[str, Json], ...] = (
    *(("m.room.join_rules", rule) for rule in RULES),
    *(
        ("m.room.history_visibility", {"history_visibility": how})
        for how in ("world_readable", "shared", "joined")
    ),
    ("m.room.guest_access", {"guest_access": "can_join"}),
    ("m.room.tombstone", {"replacement_room": "!nope:nowhere", "body": "x"}),
    ("m.room.policy", {"via": "evil.example", "public_key": "x"}),
    ("m.room.server_acl", {"allow": ["*"]}),
    ("m.widget", {"url": "https://evil.example"}),
    ("im.vector.modular.widgets", {"url": "https://evil.example"}),
    ("ru.sferum.room", {"kind": "pupils"}),
    ("m.room.encryption", {"algorithm": "m.megolm.v1.aes-sha2"}),
    ("org.example.anything", {"x": "y"}),
)
THIRD_PARTY: Json = {
    "display_name": "x",
    "public_key": "a2V5",
    "key_validity_url": "https://id.example/",
    "public_keys": [],
}


def via(walk: Walk, room: str) -> dict[str, str]:
    known = walk.rooms.get(room)
    return {"server_name": known.home} if known else {}


def some_state(walk: Walk, chance: Random, name: str) -> tuple[str, Json]:
    kind, content = chance.choice(STATE)
    if chance.random() < 0.2:
        kind = chance.choice(["m.room.name", "m.room.topic"])
        content = {kind.rpartition(".")[2]: walk.word(name)}
    elif chance.random() < 0.1:
        kind = "m.room.join_rules"
        allow = [{"type": "m.room_membership", "room_id": some_room(walk, chance)}]
        rule = chance.choice(["restricted", "knock_restricted"])
        content = {"join_rule": rule, "allow": allow}
    return kind, content


act = Acts()


@act(5)
async def creates(walk: Walk, chance: Random) -> None:
    name = somebody(chance)
    body: Json = {"name": walk.word(name), "room_version": chance.choice(["10", "11", "12", "12"])}
    if chance.random() < 0.6:
        body["preset"] = chance.choice(["private_chat", "trusted_private_chat", "public_chat"])
    if chance.random() < 0.8:
        body["invite"] = [some_user(walk, chance) for _ in range(chance.choice([1, 1, 1, 2, 3]))]
        body["is_direct"] = chance.random() < 0.5
    if chance.random() < 0.15:
        body["visibility"] = "public"
    if chance.random() < 0.15:
        body["room_alias_name"] = f"as2_{walk.word('n1')}{chance.randrange(10**6)}"
    if chance.random() < 0.3:
        content = chance.choice(
            (
                {"m.federate": True},
                {"m.federate": False},
                {"type": "m.space"},
                {"additional_creators": [some_user(walk, chance)]},
                {"predecessor": {"room_id": some_room(walk, chance), "event_id": "$x"}},
            )
        )
        body["creation_content"] = content
    if chance.random() < 0.2:
        kind, content = some_state(walk, chance, name)
        state: Json = {"type": kind, "state_key": "", "content": content}
        if chance.random() < 0.3:
            state = {
                "type": MEMBER,
                "state_key": some_user(walk, chance),
                "content": {"membership": chance.choice(["invite", "join"])},
            }
        body["initial_state"] = [state]
    if chance.random() < 0.2:
        body["power_level_content_override"] = {"invite": 0, "state_default": 0, "kick": 0}
    inside = walk.is_inside(name)
    answer = await walk.call(name, "POST", "createRoom", body)
    room = str(answer.body.get("room_id", ""))
    walk.met(room, "inside" if inside else "outside", walk.actors[name].server)
    if "room_alias_name" in body:
        walk.aliases.append(f"#{body['room_alias_name']}:{walk.actors[name].server}")


@act(10)
async def invites(walk: Walk, chance: Random) -> None:
    name, room, user = somebody(chance), some_room(walk, chance), some_user(walk, chance)
    if chance.random() < 0.6:
        body = {"user_id": user, "reason": walk.word(name)}
        await walk.call(name, "POST", f"rooms/{room}/invite", body)
        return
    delay = {DELAY: 50} if chance.random() < 0.3 else {}
    path = f"rooms/{room}/state/{MEMBER}/{quoted(user)}"
    await walk.call(name, "PUT", path, {"membership": "invite"}, **delay)


@act(10)
async def joins(walk: Walk, chance: Random) -> None:
    name, room = somebody(chance), some_room(walk, chance)
    user = quoted(walk.id_of(name))
    await chance.choice(
        (
            lambda: walk.call(name, "POST", f"join/{quoted(room)}", {}, **via(walk, room)),
            lambda: walk.call(name, "POST", f"rooms/{room}/join", {}),
            lambda: walk.call(
                name, "PUT", f"rooms/{room}/state/{MEMBER}/{user}", {"membership": "join"}
            ),
        )
    )()


@act(10)
async def accepts(walk: Walk, chance: Random) -> None:
    """Join a room that one is invited to."""
    name = somebody(chance)
    only = '{"room":{"timeline":{"limit":1}}}'
    answer = await walk.call(name, "GET", "sync", None, timeout=0, filter=only)
    invited = sorted(answer.body.get("rooms", {}).get("invite", {}))
    if invited:
        room = chance.choice(invited)
        await walk.call(name, "POST", f"join/{quoted(room)}", {}, **via(walk, room))


@act(5)
async def knocks(walk: Walk, chance: Random) -> None:
    name, room = somebody(chance), some_room(walk, chance)
    body = {"reason": walk.word(name)}
    await walk.call(name, "POST", f"knock/{quoted(room)}", body, **via(walk, room))


@act(5)
async def leaves(walk: Walk, chance: Random) -> None:
    name, room = somebody(chance), some_room(walk, chance)
    how = chance.choice(["leave", "leave", "forget"])
    await walk.call(name, "POST", f"rooms/{room}/{how}", {})


@act(4)
async def removes(walk: Walk, chance: Random) -> None:
    name, room = somebody(chance), some_room(walk, chance)
    body = {"user_id": some_user(walk, chance), "reason": walk.word(name)}
    how = chance.choice(["kick", "ban", "unban"])
    await walk.call(name, "POST", f"rooms/{room}/{how}", body)


@act(12)
async def sets_state(walk: Walk, chance: Random) -> None:
    name, room = somebody(chance), some_room(walk, chance)
    kind, content = some_state(walk, chance, name)
    key = ""
    number = chance.random()
    if number < 0.15:
        levels = await walk.call(name, "GET", f"rooms/{room}/state/m.room.power_levels/")
        users = {**levels.body.get("users", {}), some_user(walk, chance): 50}
        kind, content = "m.room.power_levels", {**levels.body, "users": users, "invite": 0}
    elif number < 0.2:
        kind, content, key = "m.room.third_party_invite", THIRD_PARTY, "token"
    elif number < 0.3:
        kind, key = "m.space.child", some_room(walk, chance)
        content = {"via": [walk.world.server.name]}
    elif number < 0.4:
        kind, key = MEMBER, walk.id_of(name)
        content = {"membership": "join", "displayname": walk.word(name)}
    delay = {DELAY: 50} if chance.random() < 0.1 else {}
    await walk.call(name, "PUT", f"rooms/{room}/state/{kind}/{quoted(key)}", content, **delay)


@act(15)
async def says(walk: Walk, chance: Random) -> None:
    name, room = somebody(chance), some_room(walk, chance)
    body: Json = {"msgtype": "m.text", "body": f"{walk.word(name)} сказано"}
    kind = "m.room.message"
    if chance.random() < 0.3:
        kind = chance.choice(
            ["m.reaction", "m.room.encrypted", "m.call.invite", "m.poll.start", "m.sticker"]
        )
        event = chance.choice(walk.events or ["$nope"])
        body["m.relates_to"] = {"rel_type": "m.annotation", "event_id": event, "key": "x"}
    path = f"rooms/{room}/send/{kind}/{secrets.token_hex(6)}"
    answer = await walk.call(name, "PUT", path, body)
    if answer.status == 200:
        walk.events = [*walk.events[-50:], str(answer.body["event_id"])]


@act(3)
async def upgrades(walk: Walk, chance: Random) -> None:
    name, room = somebody(chance), some_room(walk, chance)
    inside = walk.is_inside(name)
    body = {"new_version": chance.choice(["11", "12"])}
    answer = await walk.call(name, "POST", f"rooms/{room}/upgrade", body)
    room = str(answer.body.get("replacement_room", ""))
    walk.met(room, "inside" if inside else "outside", walk.actors[name].server)


@act(5)
async def names_a_room(walk: Walk, chance: Random) -> None:
    """Give an alias, ask for one, put a room on a list."""
    name, room = somebody(chance), some_room(walk, chance)
    server = walk.actors[name].server
    alias = f"#as2_{walk.word('n1')}{chance.randrange(10**6)}:{server}"
    number = chance.random()
    if number < 0.4:
        name = "as2" if number < 0.1 else name
        answer = await walk.call(name, "PUT", f"directory/room/{quoted(alias)}", {"room_id": room})
        if answer.status == 200:
            walk.aliases.append(alias)
    elif number < 0.6:
        if walk.aliases:
            old = chance.choice(walk.aliases)
            await walk.call(name, "GET", f"directory/room/{quoted(old)}")
            await walk.call(name, "POST", f"join/{quoted(old)}", {})
    elif number < 0.8:
        await walk.call(name, "PUT", f"directory/list/room/{room}", {"visibility": "public"})
    else:
        path = f"directory/list/appservice/net/{room}"
        await walk.call("as2", "PUT", path, {"visibility": "public"})
