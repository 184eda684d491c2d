"""G: files, by whoever has their id."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

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
