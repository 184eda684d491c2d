"""F: reaching a person without a room, by to-device messages."""

from __future__ import annotations

import secrets
from functools import partial
from typing import TYPE_CHECKING

from tests.contour.attack import Group

if TYPE_CHECKING:
    from tests.contour.sight import Leak
    from tests.contour.world import World

attack = Group()

PAIRS = {
    "F01": ("o", "s1"),
    "F02": ("o", "t1"),
    "F03": ("s1", "o"),
    "F08": ("s3", "s1"),
    "F09": ("px", "s1"),
    "F10": ("p1", "s2"),
    "F11": ("g", "s1"),
    "F12": ("s8", "s1"),
    "F14": ("x", "s1"),
    "F15": ("former", "s1"),
    "F16": ("t1", "o"),
    "F17": ("o", "p1"),
    "F18": ("p4", "s1"),
    "F19": ("t8", "s1"),
}


async def _whispers(world: World, by: str, whom: str) -> Leak:
    marker = secrets.token_hex(6)
    receiver = world.actors[whom]
    await world.actors[by].whisper(receiver.user_id, marker)
    return await world.heard(receiver, marker)


for number, (by, whom) in PAIRS.items():
    attack(number, f"a to-device message from {by} to {whom}")(partial(_whispers, by=by, whom=whom))


@attack("F04", "a pupil's to-device message to somebody of another server")
async def _(world: World) -> Leak:
    marker = secrets.token_hex(6)
    await world.s1.whisper(world.m.user_id, marker)
    await world.fence(world.o2, world.m2)
    return await world.heard(world.m, marker)


@attack("F05", "a to-device message from another server")
async def _(world: World) -> Leak:
    marker = secrets.token_hex(6)
    await world.m.whisper(world.s1.user_id, marker)
    await world.fence(world.m2, world.o2)
    return await world.heard(world.s1, marker)


KINDS = (
    "m.key.verification.request",
    "m.call.invite",
    "m.room.encrypted",
    "m.secret.request",
    "m.dummy",
    "org.example.words",
)


async def _kind(world: World, kind: str) -> Leak:
    marker = secrets.token_hex(6)
    await world.o.whisper(world.s1.user_id, marker, kind=kind)
    return await world.heard(world.s1, marker)


attack.each(
    "F06",
    "a stranger's to-device message of some kind",
    {kind: partial(_kind, kind=kind) for kind in KINDS},
)


async def _by_path(world: World, path: str, device: str = "*") -> Leak:
    marker = secrets.token_hex(6)
    target = device or world.s1.device
    # Somebody who may be written to stands beside.
    content = {
        "messages": {
            world.o2.user_id: {"*": {"marker": marker}},
            world.s1.user_id: {target: {"marker": marker}},
        }
    }
    await world.o.put(f"{path}/sendToDevice/m.dummy/{secrets.token_hex(4)}", content)
    return await world.heard(world.s1, marker)


attack.each(
    "F13",
    "the same to one device, and by other paths",
    {
        "a": partial(_by_path, path="/_matrix/client/v3", device=""),
        "b": partial(_by_path, path="/_matrix/client/r0"),
        "c": partial(_by_path, path="/_matrix/client/unstable"),
    },
)
