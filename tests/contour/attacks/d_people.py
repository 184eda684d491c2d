"""D: finding people, over the client API."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from tests.contour.attack import Group, differs, oracle
from tests.contour.settling import cross_sign, keys
from tests.contour.sight import until

if TYPE_CHECKING:
    from tests.contour.actors import Actor
    from tests.contour.sight import Leak
    from tests.contour.world import World

attack = Group()


async def _search(world: World, by: Actor, hidden: list[Actor], *terms: str) -> Leak:
    """Search the user directory; wait until it knows what it may show at all."""
    ids = {actor.user_id for actor in hidden}

    async def indexed() -> bool:
        # A later change than all those searched for: when it is known, they are.
        answer = await world.o2.post("user_directory/search", {"search_term": world.o.user_id})
        return bool(answer.body.get("results"))

    await until(indexed)
    found = set()
    for term in terms:
        answer = await by.post("user_directory/search", {"search_term": term, "limit": 50})
        found |= {hit["user_id"] for hit in answer.body.get("results", ())} & ids
    return f"found {sorted(found)}" if found else ""


@attack("D01", "a stranger searches for people by name, id, beginning and nothing")
async def _(world: World) -> Leak:
    name, s1 = world.secrets.name, world.s1.user_id
    terms = (name, f"{name} Сидорова", "Сидорова", s1, s1[1:3], name[:5], "")
    return await _search(world, world.o, world.educational, *terms)


SEARCHES = {
    "D02": ("px", ("s1", "p1", "t1"), "a parent of another school"),
    "D12": ("s3", ("s1", "t1", "a1"), "a pupil of another school"),
    "D14": ("g", ("s1", "t1"), "an application service's user"),
    "D16": ("former", ("s1", "t1"), "who left the school"),
    "D18": ("s8", ("s1", "p1"), "a pupil of another class"),
}


async def _searches(world: World, who: str, whom: tuple[str, ...]) -> Leak:
    hidden = [world.actors[name] for name in whom]
    terms = (world.secrets.name, *(actor.user_id for actor in hidden))
    return await _search(world, world.actors[who], hidden, *terms)


for number, (who, whom, what) in SEARCHES.items():
    attack(number, f"{what} searches for people")(partial(_searches, who=who, whom=whom))


@attack("D32", "whether somebody exists, by whether a search found more than it shows")
async def _(world: World) -> Leak:
    known, unknown = world.secrets.name, "z" * len(world.secrets.name)
    leak = await _search(world, world.o, [world.s1], unknown)  # waits until the names are known
    for actor in (world.o, world.s3):
        one, other = [
            await actor.post("user_directory/search", {"search_term": term, "limit": 0})
            for term in (known, unknown)
        ]
        leak += differs(one, other)
    return leak


async def _profile(world: World, who: str, whom: str = "s1", field: str = "") -> Leak:
    user = world.actors[whom].user_id
    actor = world.anonymous if who == "anonymous" else world.actors[who]
    path = f"profile/{user}{field}"
    if field.startswith("/_matrix"):
        path = field.format(user)
    answer = await actor.get(path)
    return str(answer.body) if world.secrets.name in str(answer.body) else ""


PROFILES = {
    "a": ("anonymous", "s1", ""),
    "b": ("o", "s1", ""),
    "c": ("o", "s1", "/displayname"),
    "d": ("o", "s1", "/org.example.phone"),
    "e": ("o", "s1", "/_matrix/client/unstable/uk.tcpip.msc4133/profile/{}/org.example.phone"),
    "f": ("o", "s1", "/_matrix/client/r0/profile/{}"),
    "g": ("o", "s1", "/_matrix/client/api/v1/profile/{}/displayname"),
    "h": ("g", "s1", ""),
    "i": ("s3", "s1", ""),
    "j": ("px", "s1", ""),
    "k": ("s8", "s1", ""),
    "l": ("o", "t1", ""),
    "m": ("o", "p1", ""),
    "n": ("anonymous", "a1", "/displayname"),
    "o": ("former", "s1", ""),
    "p": ("m", "s1", ""),
    "q": ("x", "s1", ""),
}
attack.each(
    "D03",
    "the profile of somebody of the school",
    {
        letter: partial(_profile, who=who, whom=whom, field=field)
        for letter, (who, whom, field) in PROFILES.items()
    },
)


async def _profile_oracle(world: World, who: str, path: str) -> Leak:
    actor = world.anonymous if who == "anonymous" else world.actors[who]
    nobody = f"@nobody:{world.server.name}"
    return await oracle(actor, "GET", path, world.s1.user_id, nobody)


attack.each(
    "D04",
    "whether somebody of the school exists, by the profile",
    {
        "a": partial(_profile_oracle, who="o", path="profile/{}"),
        "b": partial(_profile_oracle, who="anonymous", path="profile/{}"),
        "c": partial(_profile_oracle, who="o", path="profile/{}/displayname"),
        "d": partial(_profile_oracle, who="o", path="profile/{}/avatar_url"),
    },
)


def _shown(world: World, answer: object) -> Leak:
    text = str(answer)
    inside = world.s1.device in text or world.secrets.device in text
    return f"devices are shown: {text[:200]}" if inside else ""


async def _query(world: World, who: str) -> Leak:
    actor, s1 = world.actors[who], world.s1
    leak = ""
    for devices in ([], [s1.device]):
        answer = await actor.post("keys/query", {"device_keys": {s1.user_id: devices}})
        leak += _shown(world, answer.body)
    return leak


for number, who in {
    "D05": "o",
    "D20": "s3",
    "D21": "px",
    "D22": "g",
    "D23": "x",
    "D24": "former",
    "D25": "m",
}.items():
    attack(number, f"{who} asks for a pupil's devices")(partial(_query, who=who))


@attack("D26", "whether a pupil exists, by the devices")
async def _(world: World) -> Leak:
    nobody = f"@nobody:{world.server.name}"
    s1 = world.s1.user_id
    known, unknown = [
        await world.o.post("keys/query", {"device_keys": {user: []}}) for user in (s1, nobody)
    ]
    return differs(known, unknown, s1, nobody)


async def keys_left(actor: Actor) -> int:
    """Tell how many one-time keys somebody has."""
    answer = await actor.post("keys/upload", {})
    return int(answer.body["one_time_key_counts"].get("signed_curve25519", 0))


async def is_robbed(world: World, of: Actor, before: int) -> Leak:
    """Tell whether somebody has fewer keys than before."""

    async def gone() -> int:
        return before - await keys_left(of)

    return f"{lost} key of the pupil is gone" if (lost := await until(gone, world.lag)) else ""


async def _claim(world: World, who: str) -> Leak:
    s1 = world.s1
    before = await keys_left(s1)
    wanted = {"one_time_keys": {s1.user_id: {s1.device: "signed_curve25519"}}}
    await world.actors[who].post("keys/claim", wanted)
    return await is_robbed(world, s1, before)


for number, who in {"D06": "o", "D27": "s3", "D28": "g", "D29": "p1x", "D30": "m"}.items():
    name = "px" if who == "p1x" else who
    attack(number, f"{name} takes a pupil's one-time key")(partial(_claim, who=name))


@attack("D07", "which rooms a stranger shares with a pupil", works_without=False)
async def _(world: World) -> Leak:
    path = "/_matrix/client/v1/mutual_rooms?user_id={}"
    nobody = f"@nobody:{world.server.name}"
    return await oracle(world.o, "GET", path, world.s1.user_id, nobody)


@attack("D08", "whether a pupil is at the screen", works_without=False)
async def _(world: World) -> Leak:
    nobody = f"@nobody:{world.server.name}"
    return await oracle(world.o, "GET", "presence/{}/status", world.s1.user_id, nobody)


@attack("D09", "reporting a pupil tells whether it exists", works_without=False)
async def _(world: World) -> Leak:
    nobody = f"@nobody:{world.server.name}"
    body = {"reason": "x"}
    known, unknown = [
        await world.o.post(f"users/{user}/report", body) for user in (world.s1.user_id, nobody)
    ]
    return differs(known, unknown)


@attack("D10", "a stranger is told that a pupil has a new device", works_without=False)
async def _(world: World) -> Leak:
    since = (await world.sync(world.o))["next_batch"]
    await world.s1.put(f"devices/{world.s1.device}", {"display_name": world.secrets.device})
    later = (await world.sync(world.o, since))["next_batch"]
    answer = await world.o.get("keys/changes", **{"from": since, "to": later})
    return str(answer.body) if world.s1.user_id in str(answer.body) else ""


@attack("D11", "logging in tells whether an account exists", works_without=False)
async def _(world: World) -> Leak:
    answers = []
    for user in (world.s1.user_id, f"@nobody:{world.server.name}"):
        body = {
            "type": "m.login.password",
            "identifier": {"type": "m.id.user", "user": user},
            "password": "wrong",
        }
        answers.append(await world.anonymous.post("login", body))
    return differs(answers[0], answers[1])


@attack("D15", "a stranger asks what only administrators may", works_without=False)
async def _(world: World) -> Leak:
    s1 = world.s1.user_id
    leak = ""
    for path in (
        f"/_synapse/admin/v2/users/{s1}",
        "/_synapse/admin/v2/users?name=s1",
        f"/_synapse/admin/v1/whois/{s1}",
        f"/_matrix/client/v3/admin/whois/{s1}",
        f"/_synapse/admin/v1/users/{s1}/joined_rooms",
    ):
        answer = await world.o.get(path)
        leak += f"{path} answers; " if answer.status == 200 else ""
    return leak


@attack("D17", "whether a name is free", works_without=False)
async def _(world: World) -> Leak:
    path = "register/available?username={}"
    return await oracle(world.anonymous, "GET", path, "s1", "nobody")


@attack("D31", "a stranger waits for a pupil's presence", works_without=False)
async def _(world: World) -> Leak:
    await world.s1.put(f"presence/{world.s1.user_id}/status", {"presence": "online"})
    answer = await world.sync(world.o, presence={})
    return str(answer) if world.s1.user_id in str(answer.get("presence")) else ""


# --- ghosts, and keys that are signed -------------------------------------------------------------


@attack("D33", "a pupil asks for the devices of a ghost, in whose room they are not")
async def _(world: World) -> Leak:
    _, ghost = await world.linked_room("s1", "t1")
    await keys(ghost)
    answer = await world.s2.post("keys/query", {"device_keys": {ghost.user_id: []}})
    return "devices are shown" if ghost.device in str(answer.body) else ""


@attack("D34", "a pupil takes a one-time key of a ghost")
async def _(world: World) -> Leak:
    _, ghost = await world.linked_room("s1", "t1")
    await keys(ghost)
    wanted = {ghost.user_id: {ghost.device: "signed_curve25519"}}
    answer = await world.s2.post("keys/claim", {"one_time_keys": wanted})
    return "a key came" if ghost.device in str(answer.body) else ""


async def _signs(world: World, who: Actor, whom: Actor) -> Leak:
    """Sign somebody's key, and one of nobody, both wrongly."""
    await cross_sign(who)
    key = await cross_sign(whom)
    nobody = f"@nobody:{world.server.name}"
    (public,) = key["keys"].values()
    answers = []
    for user in (whom.user_id, nobody):
        signed = {**key, "user_id": user, "signatures": {who.user_id: {"ed25519:x": "c2ln"}}}
        answers.append(await who.post("keys/signatures/upload", {user: {public: signed}}))
    return differs(answers[0], answers[1], whom.user_id, nobody)


@attack("D35", "a stranger signs the key of a pupil")
async def _(world: World) -> Leak:
    return await _signs(world, await world.person(), await world.person("class/7b/pupils"))


@attack("D36", "a pupil signs the key of a ghost, in whose room they are not")
async def _(world: World) -> Leak:
    _, ghost = await world.linked_room("s1", "t1")
    return await _signs(world, await world.person("class/7b/pupils"), ghost)
