"""The wall has doors: what people of the school do with each other, and strangers with strangers.

Without this, a server that refuses everything would pass for a closed school.
"""

from __future__ import annotations

import json
import secrets
from functools import partial
from typing import TYPE_CHECKING

import pytest

from sferum_bridge.school.layout import Kind
from tests.contour.actors import quoted
from tests.contour.settling import PICTURE
from tests.contour.sight import until

if TYPE_CHECKING:
    from tests.contour.actors import Actor
    from tests.contour.world import World

pytestmark = pytest.mark.asyncio(loop_scope="session")

V1 = "/_matrix/client/v1/media"

DIRECT = [
    ("s1", "s2"),
    ("s1", "t1"),
    ("p1", "s1"),
    ("p1", "t2"),
    ("p1", "ps2"),
    ("t1", "p1"),
    ("t2", "s1"),
    ("t1", "tp"),
    ("a1", "s1"),
    ("a1", "p1"),
    ("px", "s3"),
    ("o", "o2"),
    ("o", "former"),
]


async def _talk(world: World, by: Actor, whom: Actor) -> None:
    room = await by.create(preset="trusted_private_chat", is_direct=True, invite=[whom.user_id])
    assert (await whom.join(room)).status == 200
    event = await whom.say(room, "привет")
    assert event
    assert (await by.get(f"rooms/{room}/event/{event}")).status == 200


@pytest.mark.parametrize(("by", "whom"), DIRECT)
async def test_a_direct_chat_begins(closed: World, by: str, whom: str) -> None:
    await _talk(closed, closed.actors[by], closed.actors[whom])


@pytest.mark.parametrize("who", ["s1", "p1", "t1", "o"])
async def test_everybody_reaches_the_bot(closed: World, who: str) -> None:
    await _talk(closed, closed.actors[who], closed.bot)


async def test_a_teacher_makes_a_room_for_pupils(closed: World) -> None:
    room = await closed.t1.create(invite=[closed.s1.user_id, closed.s2.user_id], name="Кружок")
    for pupil in (closed.s1, closed.s2):
        assert (await pupil.join(room)).status == 200
    assert await closed.s1.say(room)


async def test_classmates_see_each_other(closed: World) -> None:
    s1, s2 = closed.s1, closed.s2
    profile = await s2.get(f"profile/{s1.user_id}")
    assert closed.secrets.name in profile.body["displayname"]
    keys = await s2.post("keys/query", {"device_keys": {s1.user_id: []}})
    assert s1.device in keys.body["device_keys"][s1.user_id]
    wanted = {"one_time_keys": {s1.user_id: {s1.device: "signed_curve25519"}}}
    claimed = await s2.post("keys/claim", wanted)
    assert claimed.body["one_time_keys"][s1.user_id][s1.device]
    marker = secrets.token_hex(6)
    await s2.whisper(s1.user_id, marker)
    assert await closed.heard(s1, marker)
    for path in ("download/{}", "thumbnail/{}?width=32&height=32"):
        media = f"{closed.server.name}/{closed.media['s1']}"
        assert (await s2.fetch(f"{V1}/{path.format(media)}"))[0] == 200

    async def is_found() -> bool:  # the directory is brought up to date in the background
        found = await s2.post("user_directory/search", {"search_term": closed.secrets.name})
        return s1.user_id in json.dumps(found.body)

    assert await until(is_found)


async def _opens(world: World, actor: Actor, media: str) -> bool:
    """Tell whether a file and its thumbnail open; neither or both."""
    name = f"{world.server.name}/{media}"
    paths = (f"download/{name}", f"thumbnail/{name}?width=32&height=32")
    (opened,) = {(await actor.fetch(f"{V1}/{path}"))[0] == 200 for path in paths}
    return opened


@pytest.mark.parametrize("by", ["ghost", "bot"])
async def test_members_open_what_is_relayed_to_their_room(closed: World, by: str) -> None:
    room, ghost = await closed.linked_room("s1", "s2", "t1")
    media = await (ghost if by == "ghost" else closed.bot).upload(PICTURE)
    assert await ghost.show(room, media)
    for member in (closed.s1, closed.s2, closed.t1, closed.bot):
        assert await _opens(closed, member, media)
    assert (await closed.s2.post(f"rooms/{room}/leave")).status == 200
    assert await _opens(closed, closed.s2, media)
    assert (await closed.s2.post(f"rooms/{room}/forget")).status == 200
    assert not await _opens(closed, closed.s2, media)


async def test_who_left_opens_what_was_put_up_while_they_were_in(closed: World) -> None:
    room = await closed.loose_room(Kind.MATERIALS, members=("t1", "s2"), fresh=True)
    media = await closed.bot.upload(PICTURE)
    assert await closed.bot.show(room, media)
    assert (await closed.s2.post(f"rooms/{room}/leave")).status == 200
    assert await _opens(closed, closed.s2, media)
    await closed.bot.invite(room, closed.s1.user_id)
    assert not await _opens(closed, closed.s1, media)
    assert (await closed.s1.join(room)).status == 200
    assert await _opens(closed, closed.s1, media), "newcomers read this room back"


async def test_what_was_relayed_is_shown_to_others(closed: World) -> None:
    room, ghost = await closed.linked_room("s1", "t1")
    media = await ghost.upload(PICTURE)
    assert await ghost.show(room, media)
    assert not await _opens(closed, closed.p1, media)
    assert await closed.t1.show(closed.rooms["parents"], media)
    assert await _opens(closed, closed.p1, media)
    assert not await _opens(closed, closed.s2, media)


async def test_files_that_nobody_looked_at_are_put_up_anew(closed: World) -> None:
    program = b"MZ\x90\x00" + bytes(60) + b"PE"
    person = await closed.person()
    unseen, room = await person.upload(program), await person.create()
    assert await person.show(room, unseen), "outsiders among themselves are not disturbed"
    await closed.push(people={person.user_id: ["class/7b/pupils"]})
    own, seen = await person.create(), await person.upload(PICTURE)
    made = await person.post("/_matrix/media/v1/create")
    later = made.body["content_uri"].rpartition("/")[2]
    for media in (unseen, later):
        assert not await person.show(own, media)
    assert await person.show(own, seen)
    for url, thumbnail, allowed in (
        (f"mxc://{person.server}/{seen}", f"mxc://{person.server}/{seen}", True),
        (f"mxc://{person.server}/{seen}", f"mxc://{person.server}/{unseen}", False),
        (f"mxc://{person.server}/{seen}", "mxc://elsewhere.example/x", False),
        ("mxc://elsewhere.example/x", f"mxc://{person.server}/{seen}", False),
    ):
        info = {"thumbnail_url": thumbnail}
        content = {"msgtype": "m.image", "body": "x", "url": url, "info": info}
        answer = await person.put(
            f"rooms/{own}/send/m.room.message/{secrets.token_hex(6)}", content
        )
        assert answer.status == (200 if allowed else 403), answer
        assert allowed or answer.body["errcode"] == "IO.GITHUB.SFERUM_BRIDGE.FILE_ANEW"
    assert await person.say(own, "mxc://elsewhere.example/x")


async def test_pictures_of_rooms_and_ghosts_are_seen_by_newcomers(closed: World) -> None:
    room, ghost = await closed.linked_room("s1", "t1")
    of_ghost, of_room = await closed.bot.upload(PICTURE), await closed.bot.upload(PICTURE)
    address = f"mxc://{closed.server.name}/{of_ghost}"
    changed = await ghost.put(f"profile/{ghost.user_id}/avatar_url", {"avatar_url": address})
    assert changed.status == 200
    content = {"url": f"mxc://{closed.server.name}/{of_room}"}
    assert (await closed.bot.set_state(room, "m.room.avatar", content)).status == 200
    assert not await _opens(closed, closed.s2, of_room)
    await closed.bot.invite(room, closed.s2.user_id)
    for joined in (False, True):
        assert not joined or (await closed.s2.join(room)).status == 200
        for media in (of_ghost, of_room):
            assert await until(partial(_opens, closed, closed.s2, media))


async def test_the_bot_shows_files_to_who_comes_and_who_has_left(closed: World) -> None:
    """What a former person asked to be exported, and the bot's picture before anybody enrols."""
    leaving = await closed.person("class/7b/pupils")
    for actor in (await closed.person(), leaving):
        room = await actor.create(preset="trusted_private_chat", invite=[closed.bot.user_id])
        assert (await closed.bot.join(room)).status == 200
        picture = await closed.bot.upload(PICTURE)
        content = {
            "membership": "join",
            "avatar_url": f"mxc://{closed.server.name}/{picture}",
        }
        bot = closed.bot.user_id
        assert (await closed.bot.set_state(room, "m.room.member", content, bot)).status == 200
        shown = [picture]
        for groups in (None, ["school/a/former"]):
            if groups and actor is leaving:
                await closed.push(people={actor.user_id: groups})
            shown.append(await closed.bot.upload(PICTURE))
            assert await closed.bot.show(room, shown[-1])
            for media in shown:
                assert await _opens(closed, actor, media)
                assert not await _opens(closed, closed.o2, media)


async def test_members_read_and_write_their_rooms(closed: World) -> None:
    room = closed.rooms["pupils"]
    word = secrets.token_hex(6)
    event = await closed.t1.say(room, word)
    for pupil in (closed.s1, closed.s2):
        read = await pupil.get(f"rooms/{room}/messages", dir="b")
        assert word in json.dumps(read.body)
    reaction = {"m.relates_to": {"rel_type": "m.annotation", "event_id": event, "key": "👍"}}
    path = f"rooms/{room}/send/m.reaction/{secrets.token_hex(4)}"
    assert (await closed.s1.put(path, reaction)).status == 200
    space = closed.rooms["class_space"]
    shown = json.dumps((await closed.s1.get(f"/_matrix/client/v1/rooms/{space}/hierarchy")).body)
    assert room in shown
    assert closed.rooms["materials"] in shown


async def test_strangers_are_not_disturbed(closed: World) -> None:
    o, o2 = closed.o, closed.o2
    alias = f"mine{secrets.token_hex(3)}"
    room = await o.create(preset="public_chat", visibility="public", room_alias_name=alias)
    found = await o2.get(f"directory/room/{quoted(f'#{alias}:{closed.server.name}')}")
    assert found.body["room_id"] == room
    assert (await o2.join(room)).status == 200
    assert room in json.dumps((await o2.get("publicRooms", limit=500)).body)
    assert (await o2.get(f"profile/{o.user_id}")).body["displayname"] == "Посторонний"
    assert o2.device in json.dumps(
        (await o.post("keys/query", {"device_keys": {o2.user_id: []}})).body
    )
    assert (await o.post(f"rooms/{room}/upgrade", {"new_version": "11"})).status == 200
    assert (await o.post(f"user/{o.user_id}/openid/request_token")).status == 200


async def test_strangers_federate(closed: World) -> None:
    o, m = closed.o, closed.m
    assert (await o.join(closed.remote_public, closed.remote.name)).status == 200
    knock = await closed.o2.post(f"knock/{closed.remote_knock}", {}, server_name=closed.remote.name)
    assert knock.status == 200
    mine = await m.create(invite=[o.user_id])
    assert await closed.is_invited(o, mine)
    theirs = await o.create(invite=[m.user_id])
    assert await until(lambda: closed.is_invited(m, theirs))
    assert (await m.join(theirs, closed.server.name)).status == 200
    seen = await m.get(f"profile/{o.user_id}")
    assert seen.body["displayname"] == "Посторонний"
    await closed.fence(closed.m2, closed.o2)
    await closed.fence(closed.o2, closed.m2)
