"""Pushing the facts by which the homeserver extension keeps school rooms closed (design §7).

Facts are what `school.contour` decides by: Matrix ids and opaque groups, rooms and their audiences.
They go out in numbered generations: the difference where the last generation is known, else all of
them, in parts where they are long. `sync` returns when every process of the homeserver decides by
them, so whoever is told of a new room or right afterwards finds it open at any of them, and whoever
lost one finds it closed.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import logging
import secrets
import time
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from mautrix.errors import MatrixRequestError

from sferum_bridge.matrix.answers import UNUSABLE, TryAgain, mapping, number_in, texts_in
from sferum_bridge.store import state

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from sferum_bridge.matrix.client import Homeserver
    from sferum_bridge.school.contour import RoomFact, SchoolFact
    from sferum_bridge.store.database import Database

log = logging.getLogger(__name__)

FACTS = "/_synapse/client/sferum/v1/facts"
_CONTACTS = "/_synapse/client/sferum/v1/contacts"
_STATE_KEY = "facts"
_CONFLICT = 409
_MOST_BYTES = 512 * 1024  # of one request; the extension takes 2 MiB
_PATIENCE = 25.0  # longer than a process that died counts as alive
_START_PATIENCE, _PAUSE = 10.0, 0.2  # workers start after the main process

_WHY = {
    404: "The homeserver extension is not there. Add the module to homeserver.yaml, as the README "
    "says, and restart Synapse; or, to run without it, set homeserver.extension_secret to ''.",
    403: "The homeserver extension refuses the secret. homeserver.extension_secret and the secret "
    "in homeserver.yaml have to be the same, and the two clocks within a minute.",
    UNUSABLE: "Something answers in place of the homeserver extension that is not it, or is of "
    "another version. Have homeserver.address be Synapse itself, let what stands in front of it "
    "pass /_synapse/client/ on, and run the same version of sferum-bridge in both.",
}
_OTHERWISE = (
    "The homeserver extension cannot read its facts. Look into the homeserver's log, mend its "
    "database, and start again."
)

_MISSING = (
    "Processes of the homeserver do not report: %s. They are down, or run without the module "
    "sferum_bridge.homeserver.SferumModule. Nobody is brought into rooms until they do. Start "
    "them, or put the module into the settings that all processes share, or take what is no more "
    "out of `instance_map` and `expected_processes`."
)

Json = dict[str, Any]


class ExtensionMissing(Exception):
    """The homeserver extension does not take facts; the text says why and what to do."""


class NotEverywhere(TryAgain):
    """The facts are pushed, but a process of the homeserver does not decide by them.

    What was revoked may be carried out; nobody may be brought in.
    """

    def __init__(self, names: Sequence[str]) -> None:
        super().__init__(503)
        self.args = (f"not in every process: {', '.join(names)}",)


@dataclass(frozen=True, slots=True)
class Standing:
    """Where the facts stand at the homeserver, as it said last."""

    generation: int = 0
    whole: bool = True
    """False where rows of its tables are damaged or lost."""
    waiting: tuple[str, ...] = ()
    """Processes that do not decide by this generation yet."""
    missing: tuple[str, ...] = ()
    """Processes that should be there and do not report."""
    tells_all: bool = False
    """Whether a restart of the homeserver keeps nothing from the bridge."""


@dataclass(frozen=True, slots=True)
class SchoolPolicy:
    """What holds in one school."""

    fact: SchoolFact
    people: Mapping[str, frozenset[str]]
    """Matrix id → groups."""
    kin: Mapping[str, frozenset[str]]
    """Matrix id of a child → those of the confirmed parents."""
    rooms: Mapping[str, RoomFact]
    """Room id → fact."""


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
        self._schools: dict[str, SchoolPolicy] = {}
        self._pushed: Json | None = None
        self._generation = 0
        self._complained = False
        self.standing = Standing()

    def set_school(self, school_id: str, policy: SchoolPolicy) -> None:
        """Say what holds in a school. Not pushed yet."""
        self._schools[school_id] = policy

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
            await self._ask()
        except TryAgain as e:
            raise ExtensionMissing(_WHY.get(e.http_status, _OTHERWISE)) from e
        except MatrixRequestError as e:
            raise ExtensionMissing(_WHY.get(e.http_status, _OTHERWISE)) from e
        self._generation = self.standing.generation
        held = {"generation": self._generation, "digest": _digest(wanted)}
        if remembered == held and self.standing.whole:
            self._pushed = wanted
        with suppress(NotEverywhere):  # has been said, and keeps only new people out
            await self.sync()

    async def sync(self) -> None:
        """Push what changed; return when the whole homeserver decides by it.

        Raises `NotEverywhere` where a process that should does not, and `MatrixRequestError`.
        """
        wanted = self._wanted()
        if not self._secret:
            return
        if wanted != self._pushed:
            await self._bring(wanted)
        await self._until_everywhere()

    async def mend(self) -> None:
        """Ask where the facts stand; push them all where some were lost, or somebody else pushed.

        Raises as `sync` does.
        """
        if not self._secret:
            return
        await self._ask()
        if self.standing.generation != self._generation or not self.standing.whole:
            log.warning("The homeserver's facts are not those pushed last; pushing all of them")
            self._pushed, self._generation = None, self.standing.generation
        await self.sync()

    async def _bring(self, wanted: Json) -> None:
        try:
            await self._push(self._message(wanted))
        except MatrixRequestError as e:
            if e.http_status != _CONFLICT:
                raise
            # Somebody else pushed, or the homeserver lost some: begin again from what it holds.
            self._pushed = None
            await self._ask()
            self._generation = self.standing.generation
            await self._push(self._message(wanted))
        self._pushed = wanted
        remembered = {"generation": self._generation, "digest": _digest(wanted)}
        async with self._db.write() as tx:
            await state.put(tx, _STATE_KEY, json.dumps(remembered))

    async def _until_everywhere(self) -> None:
        began = time.monotonic()
        asked = False
        while lacking := (*self.standing.missing, *self.standing.waiting):
            patience = _PATIENCE if self.standing.waiting else _START_PATIENCE
            if asked and (self._complained or time.monotonic() - began >= patience):
                if not self._complained:
                    self._complained = True
                    log.error(_MISSING, ", ".join(lacking))
                raise NotEverywhere(lacking)
            if asked:
                await asyncio.sleep(_PAUSE)
            await self._ask()
            asked = True
        if self._complained:
            self._complained = False
            log.warning("Every process of the homeserver reports again; going on")

    def _wanted(self) -> Json:
        """Return the parts of a push that a difference changes key by key."""
        groups: dict[str, set[str]] = {}
        kin: dict[str, set[str]] = {}
        rooms: Json = {}
        schools: Json = {}
        for school_id, policy in self._schools.items():
            for mxid, keys in policy.people.items():
                groups.setdefault(mxid, set()).update(keys)
            for child, parents in policy.kin.items():
                kin.setdefault(child, set()).update(parents)
            for room_id, fact in policy.rooms.items():
                rooms[room_id] = {
                    "school": fact.school,
                    "kind": fact.kind,
                    "audience": sorted(fact.audience),
                    "linked": fact.linked,
                }
            schools[school_id] = {
                "classes": sorted(policy.fact.classes),
                "contacts": dict(policy.fact.contacts),
                "files": policy.fact.files.to_json(),
            }
        return {
            "people": {mxid: sorted(keys) for mxid, keys in groups.items()},
            "kin": {child: sorted(parents) for child, parents in kin.items()},
            "rooms": rooms,
            "schools": schools,
        }

    def _message(self, wanted: Json) -> Json:
        message: Json = {
            "generation": self._generation + 1,
            "service": [self._homeserver.bot_mxid],
            "ghost_prefix": self._ghost_prefix,
        }
        if self._pushed is None:
            return {**message, "kind": "full", **wanted}
        changes = {part: _difference(self._pushed[part], new) for part, new in wanted.items()}
        return {**message, "kind": "delta", "base": self._generation, **changes}

    async def _push(self, message: Json) -> None:
        answer: Json = {}
        for part in parts(message):
            body = json.dumps(part).encode()
            headers = {"X-Sferum-Mac": _mac(self._secret, body)}
            answer = await self._homeserver.request(
                "POST", FACTS, content=body, headers=headers, kind="facts"
            )
        self._generation = message["generation"]
        self.standing = _standing(answer)

    async def _ask(self) -> None:
        # Anew at every try: who waited for the homeserver would else ask with an old time.
        headers = partial(question, self._secret, FACTS)
        self.standing = _standing(
            await self._homeserver.request("GET", FACTS, headers=headers, kind="facts")
        )

    async def contacts_of(self, mxid: str) -> Sequence[tuple[str, str]]:
        """Return the contacts the homeserver has verified for an account: kind and value.

        Kinds and values are those of `store.accounts.add_contact`. Empty without the extension and
        for accounts of other servers: then nobody is recognised by a contact. Raises `TryAgain`.
        """
        if not self._secret:
            return ()
        headers = partial(question, self._secret, _CONTACTS, mxid)
        try:
            answer = await self._homeserver.request(
                "GET", _CONTACTS, headers=headers, kind="contacts"
            )
        except MatrixRequestError:
            return ()
        emails = [("email", value.lower()) for value in texts_in(answer, "email")]
        phones = [("phone", f"+{value}") for value in texts_in(answer, "msisdn")]
        return [*emails, *phones]


def question(secret: bytes, where: str, user: str = "") -> dict[str, str]:
    """Return the headers with which the extension answers a GET of `where`, now (about `user`)."""
    return signed(secret, "GET", where, {"X-Sferum-User": user} if user else {})


def signed(secret: bytes, method: str, where: str, about: Mapping[str, str]) -> dict[str, str]:
    """Return the headers with which the extension takes a request without a body, now.

    `about` are the headers that say what the request is about, in the order in which they count.
    """
    now = str(int(time.time()))
    text = " ".join([method, where, *about.values(), now])
    return {**about, "X-Sferum-Time": now, "X-Sferum-Mac": _mac(secret, text.encode())}


def _mac(secret: bytes, message: bytes) -> str:
    return hmac.new(secret, message, hashlib.sha256).hexdigest()


def _difference(old: Json, new: Json) -> Json:
    changed = {key: value for key, value in new.items() if old.get(key) != value}
    return {**changed, **dict.fromkeys(old.keys() - new.keys())}


def _digest(wanted: Json) -> str:
    return hashlib.sha256(json.dumps(wanted, sort_keys=True).encode()).hexdigest()


def _standing(answer: Any) -> Standing:
    """Read where the facts stand. Raises `TryAgain` for what does not say it."""
    return Standing(
        generation=number_in(answer, "generation"),
        whole=mapping(answer).get("readable") is True and number_in(answer, "damaged") == 0,
        waiting=tuple(texts_in(answer, "waiting")),
        missing=tuple(texts_in(answer, "missing")),
        tells_all=mapping(answer).get("tells_all") is True,
    )


def parts(message: Json) -> Iterator[Json]:
    """Divide a push into requests of at most `_MOST_BYTES`, give or take one entry."""
    names = [name for name, value in message.items() if isinstance(value, dict)]
    head = {name: value for name, value in message.items() if name not in names}
    found: list[dict[str, Json]] = [{name: {} for name in names}]
    size = 0
    for name in names:
        for key, value in message[name].items():
            size += len(json.dumps(key)) + len(json.dumps(value)) + 4
            if size > _MOST_BYTES:
                found.append({name: {} for name in names})
                size = 0
            found[-1][name][key] = value
    push = secrets.token_hex(8)
    for number, part in enumerate(found, 1):
        place = {"part": {"push": push, "number": number, "of": len(found)}}
        yield {**head, **part, **(place if len(found) > 1 else {})}
