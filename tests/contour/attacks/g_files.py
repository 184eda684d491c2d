"""G: files, by whoever has their id."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from sferum_bridge.school.layout import Kind
from tests.contour.attack import Group, oracle
from tests.contour.settling import PICTURE

if TYPE_CHECKING:
    from tests.contour.actors import Actor
    from tests.contour.sight import Leak
    from tests.contour.world import World

attack = Group()

V1 = "/_matrix/client/v1/media"
LEGACY = "/_matrix/media/v3"


async def _opens(world: World, actor: Actor, media: str, path: str) -> Leak:
    status, body = await actor.fetch(path.format(f"{world.server.name}/{media}"))
    opened = status == 200 and body.startswith(b"\x89PNG")
    return f"{path} gave {len(body)} bytes; " if opened else ""


FILES = {
    "G01": ("o", "s1", V1 + "/download/{}"),
    "G02": ("o", "s1", V1 + "/thumbnail/{}?width=32&height=32&method=crop"),
    "G06": ("anonymous", "s1", LEGACY + "/download/{}"),
    "G07": ("o", "avatar", V1 + "/download/{}"),
    "G08": ("s3", "s1", V1 + "/download/{}"),
    "G09": ("m", "s1", V1 + "/download/{}"),
    "G11": ("o", "s1", V1 + "/download/{}/homework.png"),
    "G12": ("px", "s1", V1 + "/download/{}"),
    "G14": ("o", "t1", V1 + "/download/{}"),
    "G15": ("anonymous", "s1", LEGACY + "/thumbnail/{}?width=32&height=32"),
    "G16": ("anonymous", "s1", "/_matrix/media/r0/download/{}"),
    "G18": ("g", "s1", V1 + "/download/{}"),
    "G19": ("former", "s1", V1 + "/download/{}"),
    "G21": ("s8", "s1", V1 + "/download/{}"),
    "G22": ("x", "s1", V1 + "/download/{}"),
    "G23": ("m", "avatar", V1 + "/thumbnail/{}?width=32&height=32"),
    "G24": ("ab", "t1", V1 + "/download/{}"),
}


async def _file(world: World, who: str, whose: str, path: str) -> Leak:
    actor = world.anonymous if who == "anonymous" else world.actors[who]
    return await _opens(world, actor, world.media[whose], path)


for number, (who, whose, path) in FILES.items():
    attack(number, f"{who} opens a file of {whose}: {path.split('/{}')[0]}")(
        partial(_file, who=who, whose=whose, path=path)
    )


@attack("G03", "another server opens a pupil's file")
async def _(world: World) -> Leak:
    answer = await world.forged.get(f"media/download/{world.media['s1']}")
    return "the file came" if answer.status == 200 else ""


@attack("G04", "another server opens a thumbnail of a pupil's file")
async def _(world: World) -> Leak:
    query = "width=32&height=32&method=crop"
    answer = await world.forged.get(f"media/thumbnail/{world.media['s1']}?{query}")
    return "the thumbnail came" if answer.status == 200 else ""


@attack("G05", "a pupil has the server open any address", works_without=False)
async def _(world: World) -> Leak:
    answer = await world.s1.get(f"{V1}/preview_url?url=http://127.0.0.1:1/?leak=1")
    return "" if answer.status in {403, 404} else f"{answer.status}"


@attack("G10", "a stranger opens a file of somebody who left the school since")
async def _(world: World) -> Leak:
    pupil = await world.person("class/7b/pupils")
    media = await pupil.upload(PICTURE)
    await world.push(people={pupil.user_id: ["school/a/former"]})
    return await _opens(world, world.o, media, V1 + "/download/{}")


@attack("G13", "a stranger opens a file that was announced before it was uploaded")
async def _(world: World) -> Leak:
    made = await world.s1.post("/_matrix/media/v1/create")
    media = made.body["content_uri"].rpartition("/")[2]
    url = f"{world.server.url}/_matrix/media/v3/upload/{world.server.name}/{media}"
    headers = {"Authorization": f"Bearer {world.s1.token}", "Content-Type": "image/png"}
    await world.wire.send("PUT", url, data=PICTURE, headers=headers)
    return await _opens(world, world.o, media, V1 + "/download/{}")


@attack("G17", "a stranger opens a thumbnail that was made for a classmate")
async def _(world: World) -> Leak:
    path = V1 + "/thumbnail/{}?width=96&height=96&method=crop"
    await _opens(world, world.s2, world.media["s1"], path)
    return await _opens(world, world.o, world.media["s1"], path)


async def _media_oracle(world: World, who: str, path: str) -> Leak:
    actor = world.anonymous if who == "anonymous" else world.actors[who]
    below = f"{path}/{world.server.name}/{{}}"
    return await oracle(actor, "GET", below, world.media["s1"], "nopeNOPEnopeNOPEnopeNOPE")


attack.each(
    "G20",
    "whether a file exists",
    {
        "a": partial(_media_oracle, who="o", path=f"{V1}/download"),
        "b": partial(_media_oracle, who="anonymous", path=f"{LEGACY}/download"),
    },
)


# --- what the bridge puts up ----------------------------------------------------------------------

ALL_PATHS = (
    V1 + "/download/{}",
    V1 + "/download/{}/x.png",
    V1 + "/thumbnail/{}?width=32&height=32&method=crop",
    LEGACY + "/download/{}",
    LEGACY + "/thumbnail/{}?width=32&height=32&method=crop",
)


async def _opens_anyhow(world: World, actor: Actor, media: str) -> Leak:
    return "".join([await _opens(world, actor, media, path) for path in ALL_PATHS])


async def _relayed(world: World, who: str, by: str = "ghost") -> Leak:
    """Open a file of a Sferum chat, that a ghost shows which itself or the bot put up."""
    room, ghost = await world.linked_room("s1", "t1")
    media = await (ghost if by == "ghost" else world.bot).upload(PICTURE)
    assert await ghost.show(room, media)
    return await _opens_anyhow(world, world.actors[who], media)


attack.each(
    "G25",
    "a file of a linked chat is opened by somebody of the school who is not in its room",
    {
        "a": partial(_relayed, who="s2"),
        "b": partial(_relayed, who="s3"),
        "c": partial(_relayed, who="px"),
        "d": partial(_relayed, who="a1"),
        "e": partial(_relayed, who="s2", by="bot"),
    },
)


async def _bots(world: World, *, shown: bool = True) -> str:
    """Have the bot put a file up, and show it to s1 alone."""
    room = await world.s1.create(invite=[world.bot.user_id], is_direct=True)
    assert (await world.bot.join(room)).status == 200
    media = await world.bot.upload(PICTURE)
    assert not shown or await world.bot.show(room, media)
    return media


@attack("G26", "a classmate opens what the bot sent to a pupil")
async def _(world: World) -> Leak:
    return await _opens_anyhow(world, world.s2, await _bots(world))


@attack("G27", "a classmate opens what the bot is about to send")
async def _(world: World) -> Leak:
    return await _opens_anyhow(world, world.s2, await _bots(world, shown=False))


@attack("G28", "somebody shows themselves, and then opens, what the bot sent to another")
async def _(world: World) -> Leak:
    media = await _bots(world)
    room = await world.s2.create()
    await world.s2.show(room, media)
    avatar = {"url": f"mxc://{world.server.name}/{media}"}
    await world.s2.set_state(room, "m.room.avatar", avatar)
    picture = {"avatar_url": f"mxc://{world.server.name}/{media}"}
    await world.s2.put(f"profile/{world.s2.user_id}/avatar_url", picture)
    leak = await _opens_anyhow(world, world.s2, media)
    await world.s2.put(f"profile/{world.s2.user_id}/avatar_url", {"avatar_url": ""})
    return leak


@attack("G29", "a pupil opens what was shown in a linked room before they came")
async def _(world: World) -> Leak:
    room, ghost = await world.linked_room("s1", "t1")
    media = await ghost.upload(PICTURE)
    assert await ghost.show(room, media)
    await world.bot.invite(room, world.s2.user_id)
    assert (await world.s2.join(room)).status == 200
    return await _opens_anyhow(world, world.s2, media)


@attack("G30", "a pupil opens what was shown in a linked room after they left")
async def _(world: World) -> Leak:
    room, ghost = await world.linked_room("s1", "s2")
    await world.s2.post(f"rooms/{room}/leave")
    media = await ghost.upload(PICTURE)
    assert await ghost.show(room, media)
    return await _opens_anyhow(world, world.s2, media)


@attack("G31", "a member opens what was taken back in the linked chat")
async def _(world: World) -> Leak:
    room, ghost = await world.linked_room("s1", "t1")
    media = await ghost.upload(PICTURE)
    event = await ghost.show(room, media)
    await world.bot.put(f"rooms/{room}/redact/{event}/t", {})
    return await _opens_anyhow(world, world.s1, media)


@attack("G32", "somebody in a linked chat types the address of what the bot sent to another")
async def _(world: World) -> Leak:
    media = await _bots(world)
    room, ghost = await world.linked_room("s2", "t1")
    assert await ghost.say(room, f"mxc://{world.server.name}/{media}")
    return await _opens_anyhow(world, world.s2, media)


async def _put_up_later(world: World, how: str) -> Leak:
    """Open what the bot shows in a room that newcomers read back, by who is not in it any more."""
    room = await world.loose_room(Kind.MATERIALS, members=("t1",), fresh=True)
    await world.bot.invite(room, world.s2.user_id)
    if how in {"left", "banned"}:
        assert (await world.s2.join(room)).status == 200
    if how in {"left", "declined"}:
        assert (await world.s2.post(f"rooms/{room}/leave")).status == 200
    if how == "banned":
        body = {"user_id": world.s2.user_id}
        assert (await world.bot.post(f"rooms/{room}/ban", body)).status == 200
    media = await world.bot.upload(PICTURE)
    assert await world.bot.show(room, media)
    leak = await _opens_anyhow(world, world.s2, media)
    if how == "invited":
        await world.s2.post(f"rooms/{room}/leave")
    return leak


attack.each(
    "G33",
    "a pupil opens what is put up for a class while they are not in its room",
    {
        "a": partial(_put_up_later, how="left"),
        "b": partial(_put_up_later, how="banned"),
        "c": partial(_put_up_later, how="declined"),
        "d": partial(_put_up_later, how="invited"),
    },
)


@attack("G34", "a member opens a picture that was edited, and then taken back, in the linked chat")
async def _(world: World) -> Leak:
    room, ghost = await world.linked_room("s1", "t1")
    first, second = await ghost.upload(PICTURE), await ghost.upload(PICTURE)
    event = await ghost.show(room, first)
    shown = {"msgtype": "m.image", "body": "x", "url": f"mxc://{world.server.name}/{second}"}
    edit = {
        **shown,
        "m.new_content": shown,
        "m.relates_to": {"rel_type": "m.replace", "event_id": event},
    }
    assert (await ghost.put(f"rooms/{room}/send/m.room.message/e", edit)).status == 200
    opened = [await _opens_anyhow(world, world.s1, media) for media in (first, second)]
    assert all(opened), "the scene"
    await world.bot.put(f"rooms/{room}/redact/{event}/t", {})
    return "".join([await _opens_anyhow(world, world.s1, media) for media in (first, second)])


async def _bots_by(world: World, who: str) -> Leak:
    actor = world.anonymous if who == "anonymous" else world.actors[who]
    return await _opens_anyhow(world, actor, await _bots(world))


attack.each(
    "G35",
    "somebody of no school opens what the bot sent to a pupil",
    {
        name: partial(_bots_by, who=who)
        for name, who in zip("abc", ("o", "former", "anonymous"), strict=True)
    },
)


async def _handed_on(world: World, how: str) -> Leak:
    """Open what the bot sent to somebody who was of the school, by a stranger they bring in."""
    person = await world.person("class/7b/pupils")
    room = await person.create(invite=[world.bot.user_id], preset="trusted_private_chat")
    assert (await world.bot.join(room)).status == 200
    media = await world.bot.upload(PICTURE)
    assert await world.bot.show(room, media)
    await world.push(people={person.user_id: ["school/a/former"]})
    if how != "let in":
        room = await person.create(preset="trusted_private_chat")
    assert (await person.invite(room, world.o.user_id)).status == 200
    assert (await world.o.join(room)).status == 200
    if how == "forwarded":
        assert await person.show(room, media)
    if how == "picture":
        content = {"url": f"mxc://{world.server.name}/{media}"}
        assert (await person.set_state(room, "m.room.avatar", content)).status == 200
    return await _opens_anyhow(world, world.o, media)


attack.each(
    "G36",
    "a stranger opens what the bot sent to somebody who has left the school since",
    {
        "a": partial(_handed_on, how="let in"),
        "b": partial(_handed_on, how="forwarded"),
        "c": partial(_handed_on, how="picture"),
    },
)
