"""Pushing the facts by which the homeserver extension keeps school rooms closed (design §7).

Facts are what `school.contour` decides by: Matrix ids and opaque groups, rooms and their audiences.
They go out in numbered generations: the difference where the last generation is known, else all of
them. `sync` returns after the homeserver has committed them, so whoever is told of a new room or
right afterwards finds it open, and whoever lost one finds it closed.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import logging
import time
from typing import TYPE_CHECKING, Any

from mautrix.errors import MatrixRequestError

from sferum_bridge.matrix.client import TryAgain
from sferum_bridge.store import state

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sferum_bridge.matrix.client import Homeserver
    from sferum_bridge.school.contour import RoomFact
    from sferum_bridge.store.database import Database

log = logging.getLogger(__name__)

_WHERE = "/_synapse/client/sferum/v1/facts"
_STATE_KEY = "facts"
_CONFLICT = 409

_WHY = {
    404: "The homeserver extension is not there. Add the module to homeserver.yaml, as the README "
    "says, and restart Synapse; or, to run without it, set homeserver.extension_secret to ''.",
    403: "The homeserver extension refuses the secret. homeserver.extension_secret and the secret "
    "in homeserver.yaml have to be the same, and the two clocks within a minute.",
}
_OTHERWISE = (
    "The homeserver extension cannot read its facts. Look into the homeserver's log, mend its "
    "database, and start again."
)

Json = dict[str, Any]


class ExtensionMissing(Exception):
    """The homeserver extension does not take facts; the text says why and what to do."""


class Policy:
    """What the homeserver is to know, and what it knows.

    `secret` is shared with the extension; empty means there is no extension, and nothing is pushed.
    """

    def __init__(
        self, db: Database, homeserver: Homeserver, secret: str, *, ghost_prefix: str
    ) -> None:
        self._db = db
        self._homeserver = homeserver
        self._secret = secret.encode()
        self._ghost_prefix = f"@{ghost_prefix}"
        self._schools: dict[str, tuple[dict[str, frozenset[str]], dict[str, RoomFact]]] = {}
        self._pushed: tuple[Json, Json] | None = None
        self._generation = 0

    def set_school(
        self,
        school_id: str,
        people: Mapping[str, frozenset[str]],
        rooms: Mapping[str, RoomFact],
    ) -> None:
        """Say what holds in a school: Matrix id → groups, room id → fact. Not pushed yet."""
        self._schools[school_id] = (dict(people), dict(rooms))

    async def start(self) -> None:
        """Find out which generation the homeserver holds; every school must be set before.

        Where it holds what it should, nothing is pushed. Raises `ExtensionMissing`: a school's
        rooms are not filled while nothing keeps them closed.
        """
        if not self._secret:
            log.warning("No secret for the homeserver extension: school rooms are not closed by it")
            return
        wanted = self._wanted()
        async with self._db.read() as tx:
            remembered = json.loads(await state.get(tx, _STATE_KEY) or "{}")
        try:
            self._generation = await self._ask_generation()
        except TryAgain as e:
            raise ExtensionMissing(_OTHERWISE) from e
        except MatrixRequestError as e:
            raise ExtensionMissing(_WHY.get(e.http_status, _OTHERWISE)) from e
        if remembered == {"generation": self._generation, "digest": _digest(wanted)}:
            self._pushed = wanted
        await self.sync()

    async def sync(self) -> None:
        """Push what changed; return when the homeserver decides by it."""
        wanted = self._wanted()
        if not self._secret or wanted == self._pushed:
            return
        try:
            await self._push(self._message(wanted))
        except MatrixRequestError as e:
            if e.http_status != _CONFLICT:
                raise
            # Somebody else pushed, or the homeserver lost some: begin again from what it holds.
            self._pushed = None
            self._generation = await self._ask_generation()
            await self._push(self._message(wanted))
        self._pushed = wanted
        remembered = {"generation": self._generation, "digest": _digest(wanted)}
        async with self._db.write() as tx:
            await state.put(tx, _STATE_KEY, json.dumps(remembered))

    def _wanted(self) -> tuple[Json, Json]:
        groups: dict[str, set[str]] = {}
        rooms: Json = {}
        for people, facts in self._schools.values():
            for mxid, keys in people.items():
                groups.setdefault(mxid, set()).update(keys)
            for room_id, fact in facts.items():
                rooms[room_id] = {
                    "school": fact.school,
                    "kind": fact.kind,
                    "audience": sorted(fact.audience),
                    "linked": fact.linked,
                }
        return {mxid: sorted(keys) for mxid, keys in groups.items()}, rooms

    def _message(self, wanted: tuple[Json, Json]) -> Json:
        message: Json = {
            "generation": self._generation + 1,
            "service": [self._homeserver.bot_mxid],
            "ghost_prefix": self._ghost_prefix,
        }
        if self._pushed is None:
            return {**message, "kind": "full", "people": wanted[0], "rooms": wanted[1]}
        return {
            **message,
            "kind": "delta",
            "base": self._generation,
            "people": _difference(self._pushed[0], wanted[0]),
            "rooms": _difference(self._pushed[1], wanted[1]),
        }

    async def _push(self, message: Json) -> None:
        body = json.dumps(message).encode()
        await self._homeserver.request(
            "POST", _WHERE, content=body, headers={"X-Sferum-Mac": self._mac(body)}, kind="facts"
        )
        self._generation = message["generation"]

    async def _ask_generation(self) -> int:
        now = str(int(time.time()))
        headers = {"X-Sferum-Time": now, "X-Sferum-Mac": self._mac(f"GET {_WHERE} {now}".encode())}
        answer = await self._homeserver.request("GET", _WHERE, headers=headers, kind="facts")
        return int(answer["generation"])

    def _mac(self, message: bytes) -> str:
        return hmac.new(self._secret, message, hashlib.sha256).hexdigest()


def _difference(old: Json, new: Json) -> Json:
    changed = {key: value for key, value in new.items() if old.get(key) != value}
    return {**changed, **dict.fromkeys(old.keys() - new.keys())}


def _digest(wanted: tuple[Json, Json]) -> str:
    return hashlib.sha256(json.dumps(wanted, sort_keys=True).encode()).hexdigest()
