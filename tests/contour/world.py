"""A school's homeserver under attack: everybody who is there, and what the victims see.

The harness plays the bridge: it makes accounts and rooms as the bridge makes them, pushes the facts
once and again where an attack is about a change. Nothing else of the bridge runs.

`World` is reused by whoever wants to walk about in it: `actors`, `rooms`, `push`, `loose_room` to
have a room whose shape stands open, `person` for somebody new, and what a victim sees.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import itertools
import json
import secrets
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sferum_bridge.school.layout import Kind
from tests.contour.actors import Actor, ForgedServer, Json, Wire
from tests.contour.school import (
    ADMINS,
    KIN,
    OUTSIDERS,
    PEOPLE,
    ROOMS,
    SCHOOLS,
    creation,
    powers,
    room_fact,
)
from tests.contour.settling import introduce, live, strangers
from tests.contour.sight import Sight
from tests.support.synapse import FACTS_PATH, sign

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.contour.servers import OpenSynapse

LOOSE = {"users_default": 50, "events_default": 0, "state_default": 0, "invite": 0, "kick": 0}
"""Power levels under which everybody may do everything, but to the bot."""

_numbers = itertools.count(1)


@dataclass(frozen=True, slots=True)
class Secrets:
    """Words that only the school knows; nobody outside may ever read one."""

    name: str
    message: str
    device: str
    room: str
    picture: str


class World(Sight):
    """One school's homeserver, its people, and the strangers around it.

    `closed`: whether our module is loaded. `remote` is the second server, `m` and `m2` live there.
    """

    def __init__(
        self,
        wire: Wire,
        server: OpenSynapse,
        remote: OpenSynapse,
        *,
        services: Mapping[str, Actor],
        facts_secret: str,
        version: str,
        closed: bool,
    ) -> None:
        self.wire = wire
        self.server = server
        self.remote = remote
        self.bot = services["sferum"]
        self.as2 = services["stranger"]
        """Another application service, of people of its own."""
        self.as3 = services["wide"]
        """One that claims people of the school: those whose name begins with `wide`."""
        self.version = version
        self.closed = closed
        self.forged = ForgedServer(
            wire, remote.name, remote.settings.folder / "signing.key", server.name
        )
        self.secrets = Secrets(
            *(f"{word}{secrets.token_hex(4)}" for word in ("n", "m", "d", "r", "p"))
        )
        self.actors: dict[str, Actor] = {}
        self.rooms: dict[str, str] = {}
        self.ghosts: list[str] = []
        """Those of linked rooms."""
        self.media: dict[str, str] = {}
        """Whose upload → media id."""
        self.dm = ""
        """s1 and t1."""
        self.message = ""
        """Something s1 said in `pupils`."""
        self.own_room = ""
        """o's."""
        self.own_public = ""
        """A public room of o's."""
        self.remote_public = ""
        self.remote_alias = ""
        self.remote_knock = ""
        self.transactions: list[str] = []
        """What the application service that claims people of the school was sent."""
        self.gate = ""
        self._facts_secret = facts_secret
        self._generation = 0
        self._loose: dict[str, str] = {}

    def __getattr__(self, name: str) -> Actor:
        """Name an actor: `world.s1`."""
        try:
            return self.__dict__["actors"][name]  # type: ignore[no-any-return]
        except KeyError:
            raise AttributeError(name) from None

    @property
    def anonymous(self) -> Actor:
        """Somebody who is not logged in."""
        return Actor(self.wire, self.server.url, f"@anonymous:{self.server.name}")

    @property
    def patience(self) -> float:
        """Seconds to wait for what the module does by itself."""
        return 5 if self.closed else 0

    @property
    def lag(self) -> float:
        """Seconds in which what one process did may come to be seen in another.

        Where the attack must not succeed, they are all waited.
        """
        if len(self.server.processes) == 1:
            return 0
        return self.within(1)

    def within(self, seconds: float) -> float:
        """Return how long to look for what an attack did.

        Where it must not succeed, all of it is waited; where it has to, it ends with its success,
        which a busy machine may keep waiting.
        """
        return seconds if self.closed else max(10, seconds)

    @property
    def nowhere(self) -> str:
        """A room that does not exist, of the school's server where rooms have one."""
        return "!" + "nope" * 10 + ("AAA" if self.version == "12" else f":{self.server.name}")

    @property
    def educational(self) -> list[Actor]:
        """Everybody whom strangers may not reach."""
        return [self.actors[name] for name in PEOPLE if name != "former"]

    @property
    def people(self) -> Mapping[str, list[str]]:
        """Matrix id → groups, as pushed."""
        return {self.actors[name].user_id: list(groups) for name, groups in PEOPLE.items()}

    # --- playing the bridge ---------------------------------------------------------------------

    async def push(self, **parts: Any) -> None:
        """Push a difference: people, kin, rooms."""
        await self._push({"kind": "delta", "base": self._generation, **parts})

    async def push_everything(self) -> None:
        """Push all there is to know, as the bridge does when it starts."""
        kin = {
            self.actors[child].user_id: [self.actors[name].user_id for name in parents]
            for child, parents in KIN.items()
        }
        rooms = {self.rooms[name]: room_fact(*where) for name, where in ROOMS.items()}
        await self._push(
            {
                "kind": "full",
                "service": [self.bot.user_id],
                "ghost_prefix": "@sferum_",
                "people": self.people,
                "kin": kin,
                "schools": SCHOOLS,
                "rooms": rooms,
            }
        )

    async def _push(self, message: Json) -> None:
        if not self.closed:
            return
        self._generation += 1
        body = json.dumps({"generation": self._generation, **message}).encode()
        status, answer = await self.wire.send(
            "POST",
            self.server.url + FACTS_PATH,
            data=body,
            headers={"X-Sferum-Mac": sign(self._facts_secret, body)},
        )
        assert status == 200, answer

    async def standing(self) -> Json:
        """Ask which processes decide by which generation of the facts."""
        now = str(int(time.time()))
        mac = sign(self._facts_secret, f"GET {FACTS_PATH} {now}".encode())
        headers = {"X-Sferum-Time": now, "X-Sferum-Mac": mac}
        url = self.server.url + FACTS_PATH
        status, answer = await self.wire.send("GET", url, headers=headers)
        assert status == 200, answer
        found: Json = json.loads(answer)
        return found

    async def build(self) -> None:
        """Make everybody and every room of the school, and a few of strangers."""
        names = [*PEOPLE, *OUTSIDERS, "x"]
        made = await asyncio.gather(
            *(register(self.wire, self.server, name, admin=name in ADMINS) for name in names)
        )
        self.actors.update(zip(names, made, strict=True))
        ghosts = await asyncio.gather(self.ghost("as2_g"), self.ghost("as2_h"))
        self.actors.update(zip(("g", "g2"), ghosts, strict=True))
        await introduce(self)
        # The people are known before there is any room, as with the bridge.
        await self._push(
            {
                "kind": "full",
                "service": [self.bot.user_id],
                "ghost_prefix": "@sferum_",
                "people": self.people,
                "kin": {},
                "schools": SCHOOLS,
                "rooms": {},
            }
        )
        self.gate = await self._make(Kind.GATE, "a", {})
        for name, (kind, place) in ROOMS.items():
            self.rooms[name] = await self._make(kind, place, powers(kind, place, PEOPLE))
        await self.push_everything()
        for name, (kind, place) in ROOMS.items():
            await self._bring_in(self.rooms[name], powers(kind, place, PEOPLE))
        for name in ("pupils", "parents", "materials"):
            child = {"via": [self.server.name]}
            await self.bot.set_state(
                self.rooms["class_space"], "m.space.child", child, self.rooms[name]
            )
        await asyncio.gather(live(self), strangers(self))

    async def ghost(self, localpart: str) -> Actor:
        """Make a user of the other application service."""
        name = f"{localpart}{next(_numbers)}"
        body = {
            "type": "m.login.application_service",
            "username": name,
            "inhibit_login": True,
        }
        answer = await self.as2.post("register", body)
        assert answer.status == 200, answer
        user_id = f"@{name}:{self.server.name}"
        return Actor(
            self.wire, self.server.url, user_id, self.as2.token, query={"user_id": user_id}
        )

    async def linked_room(self, *members: str) -> tuple[str, Actor]:
        """Give a room of pupils that a Sferum chat is linked to, and a ghost that is in it."""
        room = await self.loose_room(members=members, fresh=True)
        await self.push(rooms={room: {**room_fact(Kind.PUPILS, "7b"), "linked": True}})
        name = f"sferum_{next(_numbers)}"
        body = {"type": "m.login.application_service", "username": name, "inhibit_login": True}
        assert (await self.bot.post("register", body)).status == 200
        user_id, device = f"@{name}:{self.server.name}", f"D{secrets.token_hex(4)}"
        query = {"user_id": user_id, "device_id": device}
        ghost = Actor(self.wire, self.server.url, user_id, self.bot.token, device, query)
        assert (await self.bot.put(f"devices/{device}", {}, user_id=user_id)).status == 201
        await self.bot.invite(room, user_id)
        answer = await ghost.join(room)
        assert answer.status == 200, answer
        self.ghosts.append(user_id)
        return room, ghost

    async def person(self, *groups: str, name: str = "new", kin: str = "") -> Actor:
        """Make somebody new; `kin` names the child whose parent it is."""
        actor = await register(self.wire, self.server, f"{name}{next(_numbers)}")
        if groups:
            child = {}
            if kin:
                parents = [self.actors[name].user_id for name in KIN.get(kin, ())]
                child = {self.actors[kin].user_id: [*parents, actor.user_id]}
            await self.push(people={actor.user_id: list(groups)}, kin=child)
        return actor

    async def _make(self, kind: Kind, place: str, members: Mapping[str, int]) -> str:
        mxids = {self.actors[name].user_id: power for name, power in members.items()}
        body = creation(
            kind,
            place,
            mxids,
            name=f"{self.secrets.room} {kind}",
            gate=self.gate,
            bot=self.bot.user_id,
            version=self.version,
        )
        room = await self.bot.create(**body)
        assert room, kind
        return room

    async def _bring_in(self, room: str, members: Mapping[str, int]) -> None:
        for name in members:
            answer = await self.actors[name].join(room)
            assert answer.status == 200, (name, answer)

    async def loose_room(
        self,
        kind: Kind = Kind.PUPILS,
        place: str = "7b",
        *,
        members: tuple[str, ...] = ("t1", "s1"),
        state: Mapping[str, Json] | None = None,
        federate: bool = False,
        loose: bool = True,
        fresh: bool = False,
    ) -> str:
        """Give a school room that stands open: no power is needed for anything in it.

        `state` is set on top, by the bot, as far as the module lets it: join rules, history. A
        room's shape is one layer, and an attack on another must not end at that one.

        Where our module is, an attack leaves nothing behind, so the next one gets the same room
        unless it asks for a `fresh` one.
        """
        wanted = repr((kind, place, members, state, federate, loose))
        if self.closed and not fresh and wanted in self._loose:
            return self._loose[wanted]
        mxids = {self.actors[name].user_id: 0 for name in members}
        body = creation(
            kind,
            place,
            mxids,
            name=f"{self.secrets.room} {kind}",
            gate=self.gate,
            bot=self.bot.user_id,
            version=self.version,
        )
        if federate:
            body["creation_content"].pop("m.federate")
        if loose:
            own = body["power_level_content_override"]
            body["power_level_content_override"] = {**own, **LOOSE, "events": {}}
        room = await self.bot.create(**body)
        assert room, "the bot's room was refused"
        await self.push(rooms={room: room_fact(kind, place)})
        await self._bring_in(room, dict.fromkeys(members, 0))
        for event_type, content in (state or {}).items():
            await self.bot.set_state(room, event_type, content)
        if not fresh:
            self._loose[wanted] = room
        return room

    async def restart(self) -> None:
        """Kill and start the school's Synapse."""
        await self.server.kill()
        await self.wire.renew()
        await self.server.start()


async def register(wire: Wire, server: OpenSynapse, name: str, *, admin: bool = False) -> Actor:
    """Make an account with the operator's secret, and log it in."""
    path = f"{server.url}/_synapse/admin/v1/register"
    nonce = json.loads((await wire.send("GET", path))[1])["nonce"]
    password = secrets.token_urlsafe(8)
    words = (nonce, name, password, "admin" if admin else "notadmin")
    mac = hmac.new(
        server.registration_shared_secret.encode(),
        "\0".join(words).encode(),
        hashlib.sha1,  # what the endpoint asks for
    ).hexdigest()
    body = {"nonce": nonce, "username": name, "password": password, "admin": admin, "mac": mac}
    status, answer = await wire.send("POST", path, json=body)
    assert status == 200, answer
    made = json.loads(answer)
    return Actor(wire, server.url, made["user_id"], made["access_token"], made["device_id"])
