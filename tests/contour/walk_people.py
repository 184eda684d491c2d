"""What everybody tries with people, and how they read, over the client API."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

from tests.contour.actors import quoted
from tests.contour.walk import FIXED, MOVERS, REMOTE, STRANGERS
from tests.contour.walk_acts import Acts, some_room, some_user, somebody

if TYPE_CHECKING:
    from random import Random

    from tests.contour.actors import Json
    from tests.contour.walk import Walk

READS = (
    "rooms/{room}/messages?dir=b&limit=20",
    "rooms/{room}/state",
    "rooms/{room}/members",
    "rooms/{room}/joined_members",
    "rooms/{room}/initialSync",
    "rooms/{room}/aliases",
    "rooms/{room}/event/{event}",
    "rooms/{room}/context/{event}",
    "/_matrix/client/v1/rooms/{room}/hierarchy",
    "/_matrix/client/v1/rooms/{room}/threads",
    "/_matrix/client/v1/rooms/{room}/relations/{event}",
    "/_matrix/client/v1/rooms/{room}/timestamp_to_event?ts=0&dir=f",
    "/_matrix/client/v1/room_summary/{room}",
    "/_matrix/client/unstable/im.nheko.summary/summary/{room}",
    "directory/list/room/{room}",
    "joined_rooms",
    "/_matrix/client/v1/mutual_rooms?user_id={user}",
    "presence/{user}/status",
    "profile/{user}",
    "profile/{user}/displayname",
    "profile/{user}/avatar_url",
    "/_matrix/client/unstable/uk.tcpip.msc4133/profile/{user}/org.example.phone",
    "publicRooms?limit=200",
    "publicRooms?limit=200&include_all_networks=true",
    "publicRooms?limit=200&server={other}",
    "pushers",
    "devices",
    "notifications",
    "rooms/{room}/state/m.room.name/",
    "admin/whois/{user}",
)


act = Acts()


@act(14)
async def reads(walk: Walk, chance: Random) -> None:
    name = somebody(chance)
    path = chance.choice(READS).format(
        room=some_room(walk, chance),
        user=quoted(some_user(walk, chance)),
        event=quoted(chance.choice(walk.events or ["$nope"])),
        other=walk.world.remote.name,
    )
    await walk.call(name, "GET", path)


@act(4)
async def searches(walk: Walk, chance: Random) -> None:
    name = somebody(chance)
    if chance.random() < 0.5:
        # No word of the school: the answer repeats it.
        found = {"search_term": "сказано"}
        body: Json = {"search_categories": {"room_events": found}}
        await walk.call(name, "POST", "search", body)
        return
    room = some_room(walk, chance)
    part = {"required_state": [["*", "*"]], "timeline_limit": 5}
    body = {
        "lists": {"all": {"ranges": [[0, 20]], **part}},
        "room_subscriptions": {room: part},
        "extensions": {what: {"enabled": True} for what in ("to_device", "e2ee", "receipts")},
    }
    path = "/_matrix/client/unstable/org.matrix.simplified_msc3575/sync?timeout=0"
    answer = await walk.call(name, "POST", path, body)
    if name in STRANGERS and any(r in walk.school for r in answer.body.get("rooms", {})):
        walk.found("read", f"{name} got {sorted(answer.body['rooms'])} in sliding sync")


@act(3)
async def shows_themselves(walk: Walk, chance: Random) -> None:
    """Change the own profile, device, presence."""
    name = somebody(chance)
    user, device = quoted(walk.id_of(name)), walk.actors[name].device
    word = walk.word(name)
    number = chance.random()
    if number < 0.5:
        fields = ["displayname", "avatar_url", "org.example.phone"]
        what = chance.choice(fields)
        await walk.call(name, "PUT", f"profile/{user}/{what}", {what: word})
    elif number < 0.7:
        await walk.call(name, "PUT", f"devices/{device or 'x'}", {"display_name": word})
    else:
        body = {"presence": "online", "status_msg": word}
        await walk.call(name, "PUT", f"presence/{user}/status", body)


def sides(walk: Walk, name: str, user: str) -> str:
    """Say who sends and who is sent to: i for inside, o for outside; empty where it may change.

    What goes between servers may arrive after somebody came to the school or left it.
    """
    other = walk.name_of(user)
    if {name, other} & set(REMOTE) and {name, other} & set(MOVERS):
        return ""
    return "".join("i" if walk.is_inside(one) else "o" for one in (name, other))


@act(8)
async def whispers(walk: Walk, chance: Random) -> None:
    name = somebody(chance)
    users = {some_user(walk, chance) for _ in range(2)}
    kind = chance.choice(["m.key.verification.request", "m.call.invite", "m.dummy", "org.x.y"])
    messages: Json = {
        user: {"*": {"sides": sides(walk, name, user), "words": walk.word(name)}} for user in users
    }
    if walk.id_of("bot") in users:
        return
    path = f"sendToDevice/{kind}/{secrets.token_hex(6)}"
    await walk.call(name, "PUT", path, {"messages": messages})


@act(5)
async def asks_for_keys(walk: Walk, chance: Random) -> None:
    name, other = somebody(chance), chance.choice((*FIXED, *MOVERS, *STRANGERS[:5], *REMOTE))
    user, device = walk.id_of(other), walk.actors[other].device
    number = chance.random()
    if number < 0.4:
        await walk.call(name, "POST", "keys/query", {"device_keys": {user: []}})
    elif number < 0.6:
        wanted = {user: {device: "signed_curve25519"}}
        await walk.call(name, "POST", "keys/claim", {"one_time_keys": wanted})
    elif number < 0.8:
        signed = {user: {device: {"user_id": user, "device_id": device}}}
        await walk.call(name, "POST", "keys/signatures/upload", signed)
    else:
        await walk.call(name, "POST", "keys/device_signing/upload", {})


@act(6)
async def shows_files(walk: Walk, chance: Random) -> None:
    """Put up a file, or open somebody's."""
    name = somebody(chance)
    if chance.random() < 0.3 and name != "anonymous":
        await walk.show(name)
        return
    file = chance.choice(walk.files)
    path = chance.choice(
        (
            f"/_matrix/client/v1/media/download/{file.path}",
            f"/_matrix/media/v3/download/{file.path}",
            f"/_matrix/client/v1/media/thumbnail/{file.path}?width=32&height=32",
            f"/_matrix/media/v3/thumbnail/{file.path}?width=32&height=32",
        )
    )
    outside = name in STRANGERS or name in REMOTE
    status, _ = await walk.actors[name].fetch(path)
    walk.log.append(f"#{walk.steps} {name}: GET {path} → {status}")
    if outside and file.inside and status == 200:
        walk.found("media", f"{name} opens {path}")


@act(4)
async def is_there(walk: Walk, chance: Random) -> None:
    """Type, read, mark."""
    name, room = somebody(chance), some_room(walk, chance)
    event = quoted(chance.choice(walk.events or ["$nope"]))
    user = quoted(walk.id_of(name))
    number = chance.random()
    if number < 0.4:
        body: Json = {"typing": True, "timeout": 5000}
        await walk.call(name, "PUT", f"rooms/{room}/typing/{user}", body)
    elif number < 0.8:
        await walk.call(name, "POST", f"rooms/{room}/receipt/m.read/{event}", {})
    else:
        await walk.call(name, "POST", f"rooms/{room}/report/{event}", {"reason": walk.word(name)})


@act(3)
async def goes_out(walk: Walk, chance: Random) -> None:
    """Prove who one is, be told by push, keep settings."""
    name = somebody(chance)
    user = quoted(walk.id_of(name))
    number = chance.random()
    if number < 0.4:
        answer = await walk.call(name, "POST", f"user/{user}/openid/request_token", {})
        if answer.status == 200 and walk.is_inside(name):
            walk.found("openid", f"{name} proves who they are")
    elif number < 0.7:
        body: Json = {
            "kind": "http",
            "app_id": "org.example",
            "app_display_name": "x",
            "device_display_name": "x",
            "pushkey": f"key-{name}",
            "lang": "ru",
            "data": {"url": "https://127.0.0.1:9/_matrix/push/v1/notify"},
        }
        answer = await walk.call(name, "POST", "pushers/set", body)
        if answer.status == 200 and walk.is_inside(name):
            walk.found("pusher", f"{name} has all they get reported to a foreign host")
    elif number < 0.85:
        body = {"address": "x@example.org", "client_secret": "s", "send_attempt": 1}
        await walk.call(name, "POST", "account/3pid/email/requestToken", body)
    else:
        await walk.call(name, "PUT", f"user/{user}/account_data/org.example.x", {"x": "y"})
