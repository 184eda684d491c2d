"""What has to hold whatever anybody did, looked up in the databases and seen by everybody's client.

Nothing here asks `school.contour`: the rules are written down once more, as one would say them.
Where a rule speaks of being in a room, an invite that waits and a knock count as being there.
"""

from __future__ import annotations

import asyncio
import json
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from tests.contour.actors import quoted
from tests.contour.sight import until
from tests.contour.walk import FIXED, MOVERS, REMOTE, STRANGERS
from tests.contour.walk_stored import MEMBERS, MINE, SHOWN, STATE, rows

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from tests.contour.actors import Actor, Json
    from tests.contour.walk import Walk

FILES = (
    "/_matrix/client/v1/media/download/{}",
    "/_matrix/media/v3/download/{}",
    "/_matrix/media/v3/thumbnail/{}?width=32&height=32",
)

TOLD_SECONDS = 100
"""How long another server may take to hear who left: Synapse tries one that failed every minute."""


class Check:
    """Looks at a walk from all sides, again and again. What it finds goes to `walk.found`."""

    def __init__(self, walk: Walk) -> None:
        self.walk = walk
        self._since: dict[str, str] = {}

    async def everything(self) -> None:
        """Look at everything; nobody does anything meanwhile."""
        self.memberships()
        self.other_server()
        self.shapes()
        await asyncio.gather(*(self._sees(name) for name in self._clients()))
        await asyncio.gather(*(self._spies(name) for name in self.walk.outsiders))
        await self._lists()
        await self._strangers_live()

    async def settled(self, seconds: float = 10) -> None:
        """Wait until nothing is left of anybody's earlier place in the school; then look."""

        async def calm() -> bool:
            left = [*self._wrong_company(), *self._wrong_members(), *self._knocks()]
            return not [*left, *self._shown()]

        async def told() -> bool:
            return not [*self._away()]

        await until(calm, seconds)
        await until(told, TOLD_SECONDS)
        self.memberships()
        self._lists_of_before()

    # --- who is in which room -------------------------------------------------------------------

    def memberships(self) -> None:
        """Look who is together with whom."""
        for text in self._wrong_company():
            self.walk.found("company", text)
        for text in self._wrong_members():
            self.walk.found("member", text)
        for text in (*self._away(), *self._knocks()):
            self.walk.found("away", text)

    def _members(self) -> dict[str, set[str]]:
        """Return who is in each room, by name."""
        found: dict[str, set[str]] = {}
        server = self.walk.world.server
        for room, user, _ in rows(server, MEMBERS):
            found.setdefault(room, set()).add(self.walk.name_of(user))
        for room, user, *_ in rows(server, MINE):
            found.setdefault(room, set()).add(self.walk.name_of(user))
        return found

    def _companies(self) -> Iterable[tuple[str, set[str]]]:
        """Yield who meets in which room: all who are in it; invited and inviter, though gone."""
        yield from self._members().items()
        for room, user, membership, sender in rows(self.walk.world.server, MINE):
            if membership == "invite":
                yield room, {self.walk.name_of(user), self.walk.name_of(sender)}

    def _is_stale(self, room: str, user: str, membership: str) -> bool:
        """Tell whether somebody knocked at a room of the other server before coming to the school.

        Synapse takes such a knock back here, but has no way to tell the other server before
        somebody of this one comes into that room.
        """
        known = self.walk.rooms.get(room)
        elsewhere = known is not None and known.home == self.walk.world.remote.name
        return membership == "knock" and elsewhere and self.walk.name_of(user) in MOVERS

    def _wrong_company(self) -> Iterable[str]:
        """Yield who of the school shares a room with whom they may not meet."""
        walk = self.walk
        for room, members in self._companies():
            people = members - {"bot"}
            inside = {name for name in people if walk.is_inside(name)}
            if inside and (outside := people - inside):
                yield f"{sorted(inside)} share {room} with the outsiders {sorted(outside)}"
            if room in walk.school:
                continue
            for one in sorted(inside):
                for other in sorted(inside):
                    if one < other and not _schools(walk, one) & _schools(walk, other):
                        yield f"'{one}' and '{other}' of different schools share {room}"
                    if _strange_parent(walk, one, other):
                        yield f"'{one}' and '{other}', parent and a child not theirs, share {room}"

    def _wrong_members(self) -> Iterable[str]:
        """Yield who is in a school room that is not for them."""
        walk = self.walk
        members = self._members()
        for room in walk.school:
            for name in members.get(room, set()) - {"bot"}:
                if not walk.belongs(name, room):
                    yield f"'{name}' is in {room}, being {walk.groups.get(name, ())}"

    def _away(self) -> Iterable[str]:
        """Yield who of the school the other server has in a room of its own."""
        walk = self.walk
        for room, user, membership in rows(walk.world.remote, MEMBERS):
            name = walk.name_of(user)
            if room in walk.mangled or self._is_stale(room, user, membership):
                continue
            if name != user and walk.is_inside(name):
                yield f"the other server has '{name}' ({membership}) in {room}"

    def _knocks(self) -> Iterable[str]:
        """Yield who of the school knocks anywhere, or has not left a room of the other server."""
        walk = self.walk
        elsewhere = {room.id for room in walk.rooms.values() if room.home == walk.world.remote.name}
        for room, user, membership, _ in rows(walk.world.server, MINE):
            name = walk.name_of(user)
            if membership == "join" and room in elsewhere and walk.is_inside(name):
                yield f"'{name}' is in {room}, which is of the other server"
            if membership == "knock" and walk.is_inside(name):
                yield f"'{name}' knocks at {room}"

    # --- the shape of rooms ---------------------------------------------------------------------

    def shapes(self) -> None:
        """No room of the school's federates, is public, or is read or found from outside."""
        walk, closed = self.walk, self._closed()
        for room, kind, text in rows(walk.world.server, STATE):
            if room not in closed:
                continue
            event = json.loads(text)
            if _is_closed(kind, event["content"], walk, room):
                continue
            name = walk.name_of(event["sender"])
            # Who changed their room while they were a stranger may come back to it as it is now.
            if name not in walk.groups or walk.was_inside(name, event["origin_server_ts"]):
                walk.found("shape", f"{kind} of {room} is {event['content']}")
        self._lists_of_before()

    def _lists_of_before(self) -> None:
        for text in self._shown():
            self.walk.found("shape", text)

    def _closed(self) -> set[str]:
        """Return the rooms that have the school's shape."""
        walk = self.walk
        # A room from before its owner came has a shape of its own; who is in it is what counts.
        return {
            room
            for room, people in self._members().items()
            if room not in walk.wide_open
            and (room in walk.school or _made_inside(walk, room))
            and (room in walk.school or any(walk.is_inside(name) for name in people))
        }

    def _shown(self) -> Iterable[str]:
        """Yield which of the school's rooms have an alias or stand on a list, seen or not."""
        closed = self._closed()
        for query, what in SHOWN:
            for (room,) in rows(self.walk.world.server, query):
                if room in closed:
                    yield f"{room} {what}"

    # --- the other server -----------------------------------------------------------------------

    def other_server(self) -> None:
        """No word, device or file of the school is on the other server, nor at an outside app."""
        walk = self.walk
        devices = [walk.actors[name].device.encode() for name in FIXED]
        for path in walk.world.remote.settings.folder.rglob("*"):
            if not path.is_file():
                continue
            content = path.read_bytes()
            if found := walk.school_words.search(content):
                walk.found("carried", f"{found[0].decode()} is in {path.name} of the other server")
            for device in devices:
                if device in content:
                    walk.found("carried", f"a device is in {path.name} of the other server")
        for text in walk.world.transactions:
            if found := walk.school_words.search(text.encode()):
                walk.found("carried", f"{found[0].decode()} was sent to an application service")
        walk.world.transactions.clear()

    # --- everybody's client ---------------------------------------------------------------------

    def _clients(self) -> Sequence[str]:
        named = (*FIXED, *MOVERS, *STRANGERS, *REMOTE)
        return [name for name in named if name != "anonymous"]

    async def _sees(self, name: str) -> None:
        """Sync as somebody's client, and look at what is new."""
        walk = self.walk
        since = self._since.get(name)
        params: dict[str, str | int] = {"timeout": 0, **({"since": since} if since else {})}
        answer = await walk.actors[name].get("sync", **params)
        assert answer.status == 200, (name, answer)
        self._since[name] = answer.body["next_batch"]
        text = json.dumps(answer.body, ensure_ascii=False)
        if name in FIXED and walk.foreign in text:
            met = json.dumps(_without_what_was_before(answer.body, walk), ensure_ascii=False)
            if walk.foreign in met:
                walk.found("reached", f"{name} got {_around(met, walk.foreign)}")
        if (name in STRANGERS or name in REMOTE) and (
            found := walk.school_words.search(text.encode())
        ):
            walk.found("read", f"{name} got {_around(text, found[0].decode())}")
        for event in answer.body.get("to_device", {}).get("events", ()):
            sides = event["content"].get("sides", "")
            if sides and sides != name_sides(sides):
                walk.found("whisper", f"{name} got {event}")

    async def _spies(self, name: str) -> None:
        """Look for the school's people, devices and files as an outsider."""
        walk, actor = self.walk, self.walk.actors[name]
        inside = {walk.id_of(one) for one in walk.insiders}
        sample = walk.random.sample(sorted(inside), 2)
        for user in sample:
            profile = await actor.get(f"profile/{quoted(user)}")
            if profile.status == HTTPStatus.OK:
                walk.found("profile", f"{name} reads {user}: {profile.body}")
        if name != "anonymous":
            await self._looks_for_people(name, inside, (sample[0], sample[1][1:3]))
        shown = [file for file in walk.files if file.inside]
        for file in walk.random.sample(shown, 2):
            path = walk.random.choice(FILES).format(file.path)
            status, _ = await actor.fetch(path)
            if status == HTTPStatus.OK:
                walk.found("media", f"{name} opens {path}")

    async def _looks_for_people(self, name: str, inside: set[str], terms: Sequence[str]) -> None:
        walk, actor = self.walk, self.walk.actors[name]
        asked: Json = {"device_keys": {user: [] for user in inside}}
        answer = await actor.post("keys/query", asked)
        for user, devices in answer.body.get("device_keys", {}).items():
            if devices and user in inside:
                walk.found("devices", f"{name} sees devices of {user}: {devices}")
        for term in terms:
            found = await actor.post("user_directory/search", {"search_term": term})
            for hit in found.body.get("results", ()):
                # Another server may remember somebody from before they came to the school.
                remembered = name in REMOTE and walk.name_of(hit["user_id"]) in MOVERS
                if hit["user_id"] in inside and not remembered:
                    walk.found("search", f"{name} finds {hit} by {term}")

    async def _lists(self) -> None:
        """Look whether a list shows a room in which somebody of the school is, whoever made it."""
        walk = self.walk
        members = self._members()
        for name in ("o", "anonymous"):
            answer = await walk.actors[name].get(
                "publicRooms", limit=500, include_all_networks="true"
            )
            for entry in answer.body.get("chunk", ()):
                people = members.get(entry["room_id"], ())
                if entry["room_id"] in walk.school or any(map(walk.is_inside, people)):
                    walk.found("listed", f"{name} sees {entry} in the list")

    async def _strangers_live(self) -> None:
        """Strangers go on as if there were no school: here, and with people of the other server."""
        walk = self.walk
        o, o2, m = (walk.actors[name] for name in ("o", "o2", "m"))
        word = walk.word("o")
        room = await o.create(preset="private_chat", invite=[o2.user_id, m.user_id], name=word)
        walk.met(room, "outside")
        joined = (await o2.join(room)).status == 200
        event = await o2.say(room, word)
        read = await o.get(f"rooms/{room}/event/{event}")
        if not (joined and event and read.status == 200):
            walk.found("refused", f"strangers cannot talk: {joined} {event} {read}")
        there = await until(lambda: _is_invited(m, room), 15)
        if not there or (await m.join(room, walk.world.server.name)).status != 200:
            walk.found("refused", "strangers cannot talk with the other server")
        shown = await o2.get(f"profile/{o.user_id}")
        if shown.status != 200:
            walk.found("refused", f"a stranger does not see a stranger: {shown}")


def name_sides(sides: str) -> str:
    """Return what the two letters of a to-device message's sides have to be: the same."""
    return sides[0] * 2


async def _is_invited(actor: Actor, room: str) -> bool:
    answer = await actor.get("sync", timeout=0, filter='{"room":{"timeline":{"limit":1}}}')
    return room in answer.body.get("rooms", {}).get("invite", {})


def _schools(walk: Walk, name: str) -> set[str]:
    """Return the schools somebody is of; class 5v is school b's."""
    return {
        "b" if group.split("/")[1] in {"b", "5v"} else "a" for group in walk.groups.get(name, ())
    }


def _strange_parent(walk: Walk, parent: str, child: str) -> bool:
    """Tell whether somebody who is only a parent is no parent of somebody only a pupil."""
    roles = [
        {group.rpartition("/")[2] for group in walk.groups.get(name, ())}
        for name in (parent, child)
    ]
    return roles == [{"parents"}, {"pupils"}] and parent not in walk.kin.get(child, ())


def _made_inside(walk: Walk, room: str) -> bool:
    known = walk.rooms.get(room)
    return known is not None and known.kind == "inside"


def _without_what_was_before(body: Json, walk: Walk) -> Json:
    """Leave out what was said in rooms made outside before somebody came into them.

    Who made one, and is of the school by now, may show it to whom they may invite.
    """
    outside = {room.id for room in walk.rooms.values() if room.kind == "outside"}
    rooms = {
        how: {id_: _from_then_on(room) if id_ in outside else room for id_, room in those.items()}
        for how, those in body.get("rooms", {}).items()
    }
    return {**body, "rooms": rooms}


def _from_then_on(room: Json) -> Json:
    said: Json = {
        part: [
            event
            for event in room[part]["events"]
            if event.get("unsigned", {}).get("membership") != "leave"
        ]
        for part in ("state", "timeline")
        if part in room
    }
    return {**room, **said}


def _is_closed(kind: str, content: dict[str, Any], walk: Walk, room: str) -> bool:
    match kind:
        case "m.room.create":
            return content.get("m.federate") is False
        case "m.room.join_rules":
            gate = [{"type": "m.room_membership", "room_id": walk.world.gate}]
            from_gate = content.get("join_rule") == "restricted" and content.get("allow") == gate
            return content.get("join_rule") in ("invite", "private") or (
                room in walk.school and from_gate
            )
        case "m.room.history_visibility":
            return content.get("history_visibility") in ("shared", "invited", "joined")
        case "m.room.guest_access":
            return content.get("guest_access") == "forbidden"
        case _:
            return not content


def _around(text: str, word: str) -> str:
    at = text.index(word)
    return text[max(0, at - 300) : at + 100]
