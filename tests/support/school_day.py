"""A school on an ordinary day: its rooms as the bridge makes them, its people at their clients.

The client is matrix-nio; where it lacks an endpoint, `Person.call` makes the request that clients
make. Nobody's client holds anything back: `sees` waits until the server tells it what is looked
for, and fails where it does not.
"""

from __future__ import annotations

import asyncio
import io
import json
import secrets
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

import nio

from sferum_bridge.school.layout import Kind
from tests.contour.school import creation, powers, room_fact
from tests.support.synapse import SERVER_NAME, Account, Answer, Homeserver

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Mapping
    from typing import Self

T = TypeVar("T")
Json = dict[str, Any]

GROUPS: Mapping[str, tuple[str, ...]] = {
    "pupil": ("class/7b/pupils",),
    "classmate": ("class/7b/pupils",),
    "parent": ("class/7b/parents",),
    "other_parent": ("class/7b/parents",),
    "leader": ("school/a/staff", "class/7b/leaders", "class/7b/teachers"),
    "teacher": ("school/a/staff", "class/7b/teachers"),
    "administrator": ("school/a/staff", "school/a/administrators"),
}
"""`parent` is the pupil's, `other_parent` the classmate's; `leader` is the class teacher."""

STRANGERS = ("stranger", "other_stranger")

ROOMS: Mapping[str, tuple[Kind, str]] = {
    "staff": (Kind.STAFF, "a"),
    "announcements": (Kind.ANNOUNCEMENTS, "a"),
    "class_space": (Kind.CLASS, "7b"),
    "pupils": (Kind.PUPILS, "7b"),
    "parents": (Kind.PARENTS, "7b"),
    "materials": (Kind.MATERIALS, "7b"),
}

PATIENCE = 30.0
"""Seconds until something has to be seen."""
WAIT_MS = 2000
FILTER: Json = {"room": {"timeline": {"limit": 200}}}


def done(answer: Any) -> Any:
    """Return what nio got, if that is no refusal."""
    assert not isinstance(answer, nio.ErrorResponse), answer
    return answer


@dataclass
class Person:
    """Somebody at a client that is signed in."""

    server: Homeserver
    user_id: str
    password: str
    nio: Any = field(repr=False)

    @classmethod
    async def sign_in(cls, server: Homeserver, user_id: str, password: str) -> Self:
        """Sign in with a new device and take in what there is."""
        client = nio.AsyncClient(server.process.url, user_id)
        done(await client.login(password, device_name="Телефон"))
        person = cls(server, user_id, password, client)
        await person.sync(wait=False)
        return person

    async def again(self) -> Self:
        """Sign the same person in on another device; `close` it in the end."""
        return await self.sign_in(self.server, self.user_id, self.password)

    async def close(self) -> None:
        await self.nio.close()

    @property
    def device(self) -> str:
        return str(self.nio.device_id)

    @property
    def proof(self) -> Json:
        """The answer to a server that asks for the password once more."""
        return {
            "type": "m.login.password",
            "identifier": {"type": "m.id.user", "user": self.user_id},
            "password": self.password,
        }

    async def call(
        self, method: str, path: str, body: object = None, **params: str | int
    ) -> Answer:
        """Make a request that nio has no method for; it must be answered 200."""
        if body is None and method in {"POST", "PUT"}:
            body = {}
        account = Account(self.user_id, self.nio.access_token)
        query = {name: str(value) for name, value in params.items()}
        answer = await self.server.call(method, path, body, by=account, params=query)
        assert answer.status == 200, (method, path, answer)
        return answer

    async def get(self, path: str, **params: str | int) -> Json:
        return (await self.call("GET", path, **params)).body

    async def sync(self, *, wait: bool = True) -> Json:
        """Take in what is new; return it as the server sent it."""
        answer = done(await self.nio.sync(timeout=WAIT_MS if wait else 0, sync_filter=FILTER))
        return dict(await answer.transport_response.json())

    async def sees(self, look: Callable[[Json], T]) -> T:
        """Sync until `look` finds something in what came; return that."""
        async with asyncio.timeout(PATIENCE):
            while not (found := look(await self.sync())):
                pass
            return found

    async def hears(self, room: str, event_id: str) -> Json:
        """Return an event, once it has come to the room's timeline."""
        return await self.sees(
            lambda news: next(
                (event for event in timeline(news, room) if event["event_id"] == event_id), {}
            )
        )

    async def say(self, room: str, text: str = "привет", **more: Any) -> str:
        return await self.send(room, "m.room.message", {"msgtype": "m.text", "body": text, **more})

    async def send(self, room: str, kind: str, content: Json) -> str:
        """Send an event; return its id."""
        return str(done(await self.nio.room_send(room, kind, content)).event_id)

    async def upload(self, content: bytes, kind: str = "application/octet-stream") -> str:
        """Upload a file; return its address."""
        file = io.BytesIO(content)
        answer, _ = await self.nio.upload(file, content_type=kind, filesize=len(content))
        return str(done(answer).content_uri)

    async def whisper(self, to: Person, kind: str, content: Json) -> None:
        """Send something to one device of somebody."""
        message = nio.ToDeviceMessage(kind, to.user_id, to.device, content)
        done(await self.nio.to_device(message))

    async def begin(self, *others: Person, **config: Any) -> str:
        """Make a room with others, who are told and come in."""
        invited = [other.user_id for other in others]
        room = str(done(await self.nio.room_create(invite=invited, **config)).room_id)
        for other in others:
            await other.sees(lambda news: room in news.get("rooms", {}).get("invite", {}))
            done(await other.nio.join(room))
        return room

    async def write_to(self, other: Person) -> str:
        """Begin a direct chat with somebody, who comes in."""
        return await self.begin(other, is_direct=True, preset=nio.RoomPreset.trusted_private_chat)


class SchoolDay:
    """People by name (`day.pupil`, see `GROUPS`), rooms by name (`ROOMS`)."""

    def __init__(self, server: Homeserver, operator: Account) -> None:
        self.server = server
        self._operator = operator
        self.people: dict[str, Person] = {}
        self.rooms: dict[str, str] = {}

    def __getattr__(self, name: str) -> Person:
        """Name a person."""
        try:
            return self.__dict__["people"][name]  # type: ignore[no-any-return]
        except KeyError:
            raise AttributeError(name) from None

    @classmethod
    @asynccontextmanager
    async def at(cls, server: Homeserver) -> AsyncIterator[Self]:
        """Open the school at a homeserver; sign everybody out in the end."""
        day = cls(server, await server.account("operator", admin=True))
        async with AsyncExitStack() as stack:
            for name in (*GROUPS, *STRANGERS):
                day.people[name] = await day.person(name)
                stack.push_async_callback(day.people[name].close)
            await day._push({})
            gate = await day._make(Kind.GATE, "a", gate="")
            for name, (kind, place) in ROOMS.items():
                day.rooms[name] = await day._make(kind, place, gate=gate)
            await day._push(
                {day.rooms[name]: room_fact(kind, place) for name, (kind, place) in ROOMS.items()}
            )
            for name, (kind, place) in ROOMS.items():
                for member in powers(kind, place, GROUPS):
                    done(await day.people[member].nio.join(day.rooms[name]))
            for name in ("pupils", "parents", "materials"):
                await day._hang(name)
            for person in day.people.values():
                await person.sync(wait=False)
            yield day

    async def person(self, name: str) -> Person:
        """Make an account with a name, as the bridge does; sign in."""
        user_id, password = f"@{name}:{SERVER_NAME}", secrets.token_urlsafe(12)
        named = {"password": password, "displayname": f"Имя {name}"}
        await self.operate("PUT", f"/_synapse/admin/v2/users/{user_id}", named)
        return await Person.sign_in(self.server, user_id, password)

    async def operate(self, method: str, path: str, body: object = None) -> Json:
        """Do what the server's administrator does."""
        answer = await self.server.call(method, path, body, by=self._operator)
        assert answer.status in {200, 201}, answer
        return answer.body

    async def _push(self, rooms: Json) -> None:
        answer = await self.server.push(
            {
                "generation": await self.server.generation() + 1,
                "kind": "full",
                "service": [self.server.bot.user_id],
                "ghost_prefix": "@sferum_",
                "people": {self.people[n].user_id: list(keys) for n, keys in GROUPS.items()},
                "kin": {
                    self.pupil.user_id: [self.parent.user_id],
                    self.classmate.user_id: [self.other_parent.user_id],
                },
                "schools": {"a": {"classes": ["7b", "8a"], "contacts": {}}},
                "rooms": rooms,
            }
        )
        assert answer.status == 200, answer

    async def _make(self, kind: Kind, place: str, *, gate: str) -> str:
        members = powers(kind, place, GROUPS) if gate else {}
        config = creation(
            kind,
            place,
            {self.people[name].user_id: power for name, power in members.items()},
            name=f"Комната {kind}",
            gate=gate,
            bot=self.server.bot.user_id,
            version="12",
        )
        return await self.server.room(self.server.bot, **config)

    async def _hang(self, name: str) -> None:
        path = f"rooms/{self.rooms['class_space']}/state/m.space.child/{self.rooms[name]}"
        content = {"via": [SERVER_NAME]}
        answer = await self.server.call("PUT", path, content, by=self.server.bot)
        assert answer.status == 200, answer


def joined(news: Json, room: str) -> Json:
    """Return what a sync says of a room one is in."""
    return dict(news.get("rooms", {}).get("join", {}).get(room, {}))


def timeline(news: Json, room: str) -> list[Json]:
    return list(joined(news, room).get("timeline", {}).get("events", []))


def part(news: Json, room: str, section: str, kind: str) -> Json:
    """Return the content of an ephemeral event or of a room's account data, if it came."""
    events = joined(news, room).get(section, {}).get("events", [])
    return next((dict(event["content"]) for event in events if event["type"] == kind), {})


def kept(news: Json, kind: str) -> Json:
    """Return the content of account data, if it came."""
    events = news.get("account_data", {}).get("events", [])
    return next((dict(event["content"]) for event in events if event["type"] == kind), {})


def whispered(news: Json, kind: str) -> Json:
    """Return a to-device message, if it came."""
    events = news.get("to_device", {}).get("events", [])
    return next((event for event in events if event["type"] == kind), {})


def everything(answer: Json) -> str:
    """Write an answer down to look for something in it."""
    return json.dumps(answer, ensure_ascii=False)
