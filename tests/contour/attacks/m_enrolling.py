"""M: the door by which the bridge brings many in at once, used by others and for others.

Without our module there is no door, so none of these works there.
"""

from __future__ import annotations

import hashlib
import json
import secrets
import time
from functools import partial
from typing import TYPE_CHECKING

from sferum_bridge.matrix.enrolment import ENROL
from sferum_bridge.school.layout import Kind
from tests.contour.attack import Group
from tests.support.synapse import request, sign

if TYPE_CHECKING:
    from tests.contour.sight import Leak
    from tests.contour.world import World
    from tests.support.synapse import Answer

attack = Group()
only_with_us = partial(attack, works_without=False)

WRONG = ("unsigned", "secret", "time", "body", "nonce", "method", "huge")


async def _asks(world: World, room: str, *users: str, wrong: str = "", nonce: str = "") -> Answer:
    """Ask at the door as the bridge does, but for what is `wrong`."""
    body = json.dumps({"room_id": room, "user_ids": list(users)}).encode()
    headers = {
        "X-Sferum-Nonce": "" if wrong == "nonce" else nonce or secrets.token_hex(16),
        "X-Sferum-Body": hashlib.sha256(body).hexdigest(),
        "X-Sferum-Since": "0",
        "X-Sferum-Time": str(int(time.time()) - 3600 * (wrong == "time")),
    }
    verb = "GET" if wrong == "method" else "POST"
    words = " ".join([verb, ENROL, *headers.values()]).encode()
    secret = "x" * 32 if wrong == "secret" else world._facts_secret
    if wrong != "unsigned":
        headers["X-Sferum-Mac"] = sign(secret, words)
    if wrong == "body":
        body = body.replace(b'"user_ids"', b'"user_ids" ')
    if wrong == "huge":
        body += b" " * (3 * 1024 * 1024)
    url = f"{world.server.url}{ENROL}"
    return await request("POST", url, raw_body=body, headers=headers)


async def _by_whom_has_no_secret(world: World, wrong: str) -> Leak:
    room = await world.loose_room(members=("t1",))
    await _asks(world, room, world.s2.user_id, wrong=wrong)
    return await world.is_member(room, world.s2.user_id)


attack.each(
    "M01",
    "a request at the door that the bridge did not make",
    {wrong: partial(_by_whom_has_no_secret, wrong=wrong) for wrong in WRONG},
    works_without=False,
)

# Who is brought into which room of the class, though they do not belong there.
STRANGERS = {
    "a": ("o", Kind.PUPILS),
    "b": ("s3", Kind.PUPILS),
    "c": ("p1", Kind.PUPILS),
    "d": ("s1", Kind.PARENTS),
    "e": ("former", Kind.PUPILS),
    "f": ("x", Kind.PUPILS),
    "g": ("m", Kind.PUPILS),
}


async def _who_does_not_belong(world: World, whom: str, kind: Kind) -> Leak:
    room = await world.loose_room(kind, members=("t1",))
    user = world.actors[whom].user_id
    await _asks(world, room, user)
    return await world.is_member(room, user)


attack.each(
    "M02",
    "somebody is enrolled in a room whose role it is not",
    {letter: partial(_who_does_not_belong, whom=w, kind=k) for letter, (w, k) in STRANGERS.items()},
    works_without=False,
)


@only_with_us("M03", "somebody who is banned is enrolled")
async def _(world: World) -> Leak:
    room = await world.loose_room(members=("t1",), fresh=True)
    await world.bot.post(f"rooms/{room}/ban", {"user_id": world.s2.user_id})
    await _asks(world, room, world.s2.user_id)
    return await world.is_member(room, world.s2.user_id)


@only_with_us("M04", "somebody is enrolled in a stranger's room")
async def _(world: World) -> Leak:
    room = await world.o.create(preset="public_chat")
    await _asks(world, room, world.s2.user_id, world.p1.user_id)
    found = [
        await world.is_member(room, who.user_id, seen_by=world.o) for who in (world.s2, world.p1)
    ]
    return "".join(found)


@only_with_us("M05", "somebody is enrolled in a school room that the bot is not in")
async def _(world: World) -> Leak:
    room = await world.loose_room(members=("t1",), fresh=True)
    await world.bot.post(f"rooms/{room}/leave", {})
    await _asks(world, room, world.s2.user_id)
    return await world.is_member(room, world.s2.user_id, seen_by=world.t1)


@only_with_us("M06", "a recorded request is played again when somebody has left")
async def _(world: World) -> Leak:
    room = await world.loose_room(members=("t1",), fresh=True)
    nonce = secrets.token_hex(16)
    await _asks(world, room, world.s2.user_id, nonce=nonce)
    if world.closed and not await world.is_member(room, world.s2.user_id):
        return "nobody was enrolled, so this attack shows nothing"
    await world.s2.post(f"rooms/{room}/leave", {})
    await _asks(world, room, world.s2.user_id, nonce=nonce)
    return await world.is_member(room, world.s2.user_id)
