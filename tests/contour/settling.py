"""What people do before anybody attacks: names, pictures, keys, something said and shown."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Any

from signedjson.key import encode_verify_key_base64, generate_signing_key
from signedjson.sign import sign_json

if TYPE_CHECKING:
    from tests.contour.actors import Actor, Json
    from tests.contour.world import World

PICTURE = bytes.fromhex(
    "89504e470d0a1a0a0000000d4948445200000001000000010806000000"
    "1f15c4890000000d49444154789c626001000000ffff03000006000557bfabd40000000049454e44ae426082"
)


def picture(world: World) -> bytes:
    """Return a picture that is told from any other by a word at its end."""
    return PICTURE + world.secrets.picture.encode()


async def introduce(world: World) -> None:
    """Give people names, pictures, devices: while they are nobody's, so that they may."""
    await _furnish(world, world.s1)
    for actor in (world.p1, world.t1, world.a1):
        name = {"displayname": f"{world.secrets.name} {actor.user_id[1:3]}"}
        answer = await actor.put(f"profile/{actor.user_id}/displayname", name)
        assert answer.status == 200, answer
        await keys(actor)


async def live(world: World) -> None:
    """Have the school's people say and show something."""
    s1, t1 = world.s1, world.t1
    world.message = await s1.say(world.rooms["pupils"], f"{world.secrets.message} сказано")
    world.media["s1"] = await s1.upload(picture(world))
    world.media["t1"] = await t1.upload(picture(world))
    world.dm = await t1.create(
        preset="trusted_private_chat",
        is_direct=True,
        invite=[s1.user_id],
        room_version=world.version,
        creation_content={"m.federate": False},
    )
    await s1.join(world.dm)
    await s1.say(world.dm, world.secrets.message)


async def _furnish(world: World, actor: Actor) -> None:
    profile = f"profile/{actor.user_id}"
    name = f"{world.secrets.name} Сидорова"
    await actor.put(f"{profile}/displayname", {"displayname": name})
    avatar = await actor.upload(picture(world))
    world.media["avatar"] = avatar
    await actor.put(f"{profile}/avatar_url", {"avatar_url": f"mxc://{world.server.name}/{avatar}"})
    await actor.put(f"{profile}/org.example.phone", {"org.example.phone": world.secrets.name})
    await actor.put(f"devices/{actor.device}", {"display_name": world.secrets.device})
    await keys(actor)


async def keys(actor: Actor) -> None:
    device, user = actor.device, actor.user_id
    signatures = {user: {f"ed25519:{device}": "c2ln"}}
    body = {
        "device_keys": {
            "user_id": user,
            "device_id": device,
            "algorithms": ["m.olm.v1.curve25519-aes-sha2"],
            "keys": {f"ed25519:{device}": "a2V5", f"curve25519:{device}": "a2V5"},
            "signatures": signatures,
        },
        "one_time_keys": {
            f"signed_curve25519:{secrets.token_hex(4)}": {
                "key": "b25l",
                "signatures": signatures,
            }
            for _ in range(20)
        },
    }
    answer = await actor.post("keys/upload", body)
    assert answer.status == 200, answer


async def cross_sign(actor: Actor) -> Json:
    """Give somebody the keys that others sign, and by which they sign; return the signed one."""
    user = actor.user_id
    made: dict[str, Any] = {}
    signed: dict[str, Json] = {}
    for usage in ("master", "self_signing", "user_signing"):
        made[usage] = generate_signing_key(secrets.token_hex(4))
        public = encode_verify_key_base64(made[usage].verify_key)
        signed[f"{usage}_key"] = {
            "user_id": user,
            "usage": [usage],
            "keys": {f"ed25519:{public}": public},
        }
    (public,) = signed["master_key"]["keys"].values()
    made["master"].version = public
    for usage in ("self_signing", "user_signing"):
        sign_json(signed[f"{usage}_key"], user, made["master"])
    answer = await actor.post("keys/device_signing/upload", signed)
    assert answer.status == 200, answer
    return signed["master_key"]


async def strangers(world: World) -> None:
    await world.o.put(f"profile/{world.o.user_id}/displayname", {"displayname": "Посторонний"})
    await keys(world.o2)
    await keys(world.m)
    world.own_room = await world.o.create(preset="private_chat", room_version=world.version)
    world.own_public = await world.o.create(
        preset="public_chat",
        visibility="public",
        room_alias_name=f"open{secrets.token_hex(3)}",
        room_version=world.version,
    )
