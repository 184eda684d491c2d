"""Whatever a homeserver answers: the client gives what was asked for, or one of its three errors.

Beside the errors there is a proxy in front, which answers with pages of its own, and a server that
lies, never ends, or asks to wait for years.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest
import pytest_asyncio
from aiohttp import web
from aiohttp.test_utils import TestServer
from mautrix.errors import MatrixRequestError

from sferum_bridge.matrix import answers, marks, media, shape, view
from sferum_bridge.matrix import client as client_module
from sferum_bridge.matrix.accounts import Registrar
from sferum_bridge.matrix.client import Homeserver, TryAgain, UnknownOutcome
from sferum_bridge.matrix.ghosts import Sender
from sferum_bridge.matrix.history import messages_of
from sferum_bridge.matrix.policy import ExtensionMissing, Policy
from sferum_bridge.school import drift, layout
from sferum_bridge.store import tables
from sferum_bridge.store.database import open_database
from sferum_bridge.store.sealing import Sealer
from tests.support import hostile

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

ROOM, MXID, BOT = "!room:school.example", "@a:school.example", "@bot:school.example"
MEMBER = {"type": "m.room.member", "state_key": MXID, "content": {"membership": "join"}}
REACTION = {
    "event_id": "$r", "sender": MXID, "origin_server_ts": 5,
    "content": {"m.relates_to": {"rel_type": "m.annotation", "event_id": "$a", "key": "👍"}},
}  # fmt: skip
MOST = 200_000
STANDING = {
    "generation": 5, "readable": True, "damaged": 0, "waiting": [], "missing": ["worker"],
    "processes": {"main": 5},
}  # fmt: skip


def policy(homeserver: Homeserver) -> Policy:
    db: Any = None  # nothing is stored of what is asked here
    return Policy(db, homeserver, "secret", ghost_prefix="sferum_")


def registrar(homeserver: Homeserver) -> Registrar:
    db: Any = None
    return Registrar(db, homeserver, "shared secret")


ASKED: dict[str, tuple[Any, Any, Any]] = {
    "send": ({"event_id": "$a"}, lambda h: h.send(ROOM, "m.x", "t", {}), str),
    "create": ({"room_id": ROOM}, lambda h: h.create_room({}), str),
    "register": ({"user_id": MXID}, lambda h: h.register("a"), type(None)),
    "name": ({"displayname": "Анна"}, lambda h: h.name_of(MXID), str),
    "joined": ({"joined_rooms": [ROOM]}, lambda h: h.joined_rooms(), list),
    "whole": ([MEMBER], lambda h: h.whole_state(ROOM), list),
    "people": ({"chunk": [MEMBER]}, lambda h: h.people_in(ROOM), set),
    "membership": ({"membership": "join"}, lambda h: h.membership(ROOM, MXID), str),
    "recent": ({"chunk": [REACTION]}, lambda h: h.recent_events(ROOM, 5), list),
    "upload": ({"content_uri": "mxc://s/m"}, lambda h: h.upload(b"x", "text/plain", "x"), str),
    "edits": ({"chunk": [REACTION]}, lambda h: marks.edits_of(h, ROOM, "$a"), list),
    "reactions": ({"chunk": [REACTION]}, lambda h: marks.reactions_by(h, ROOM, "$a", MXID), dict),
    "pin": ({"pinned": ["$a"]}, lambda h: marks.pin(h, ROOM, "$b", "$a"), type(None)),
    "redact": (
        {"event_id": "$a"},
        lambda h: marks.redact(h, ROOM, "$a", "t", Sender(), {}),
        type(None),
    ),
    "written": ({"chunk": [REACTION], "end": "t"}, lambda h: messages_of(h, ROOM, {MXID}), object),
    "most": ({"m.upload.size": 5}, media.most_bytes, int),
    "facts": (STANDING, lambda h: policy(h)._ask(), type(None)),
    "push": (STANDING, lambda h: policy(h)._push({"generation": 5}), type(None)),
    "contacts": (
        {"email": ["A@school.example"], "msisdn": ["7"]},
        lambda h: policy(h).contacts_of(MXID),
        Sequence,
    ),
    "account": ({"nonce": "n"}, lambda h: registrar(h).register("a", "Анна", "x"), str),
    "opens": ({"access_token": "t"}, lambda h: registrar(h).opens(MXID, "x"), bool),
}  # fmt: skip
RAW: Sequence[tuple[int, bytes, dict[str, str]]] = [
    (200, b"", {}),
    (200, b"<html>maintenance</html>", {"Content-Type": "text/html; charset=чушь"}),
    (200, b"\xff\xfe\x00", {}),
    (200, b"[" * 100_000, {}),
    (200, b'{"event_id": "' + b"x" * MOST, {}),
    (204, b"", {}),
    (302, b"", {"Location": "http://[::1"}),
    (400, b'{"errcode": 7, "error": {"a": []}}', {}),
    (403, b'{"errcode": "M_FORBIDDEN"', {}),
    (404, b"[]", {}),
    (418, b"\xd0", {}),
    (500, b'{"errcode": "M_UNKNOWN"}', {}),
    *(
        (429, b'{"errcode": "M_LIMIT_EXCEEDED", "retry_after_ms": %s}' % wait, {})
        for wait in (b"1e400", b"NaN", b"-5", b'"x"', b"[]", b"9" * 400, b"null", b"31536000000000")
    ),
    (429, b"", {"Retry-After": "\u00b2"}),
    (429, b"", {"Retry-After": "9" * 400}),
    (429, b"[" * 100_000, {"Retry-After": "-1"}),
]


class Lying:
    """Answers once as it is told, then as it should."""

    def __init__(self) -> None:
        self.good: Any = {}
        self.odd: tuple[int, bytes, dict[str, str]] | None = None

    async def handle(self, request: web.Request) -> web.Response:
        await request.read()
        status, body, headers = self.odd or (200, json.dumps(self.good).encode(), {})
        self.odd = None
        return web.Response(status=status, body=body, headers=headers)


@pytest.fixture
def lying() -> Lying:
    return Lying()


@pytest_asyncio.fixture
async def homeserver(lying: Lying, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Homeserver]:
    monkeypatch.setattr(client_module, "_FIRST_WAIT", 0.0)
    monkeypatch.setattr(client_module, "_MOST_BYTES", MOST)
    monkeypatch.setattr(answers, "LONGEST_WAIT", 0.01)
    application = web.Application(client_max_size=2**24)
    application.router.add_route("*", "/{rest:.*}", lying.handle)
    server = TestServer(application)
    await server.start_server()
    async with aiohttp.ClientSession() as session:
        yield Homeserver(
            session,
            str(server.make_url("/")),
            as_token="as",
            puppet_token="puppet",
            bot_mxid=BOT,
        )
    await server.close()


@pytest.mark.parametrize("what", ASKED)
async def test_answers_with_something_wrong_in_them(
    homeserver: Homeserver, lying: Lying, what: str
) -> None:
    good, ask, kind = ASKED[what]
    changed = [one for _, one in hostile.mutants([good], 60)]
    plain: dict[str, str] = {}
    odd = [(200, json.dumps(one.value).encode(), plain) for one in changed]
    lying.good = good
    for answer in [*odd, *RAW]:
        lying.odd = answer
        try:
            found = await ask(homeserver)
        except (MatrixRequestError, TryAgain, UnknownOutcome):
            pass
        else:
            assert isinstance(found, kind) or found is None, answer
        lying.odd = None
        assert isinstance(await ask(homeserver), kind), answer


def test_state_of_a_room_with_something_wrong_in_it() -> None:
    told: list[dict[str, Any]] = [
        {"type": kind, "state_key": key, "sender": MXID, "content": content}
        for (kind, key), content in {
            ("m.room.create", ""): {"room_version": "11"},
            ("m.room.power_levels", ""): {"users": {MXID: 100}, "users_default": 0},
            ("m.room.name", ""): {"name": "5А"},
            ("m.room.member", MXID): {"membership": "join"},
            ("m.room.tombstone", ""): {"replacement_room": ROOM},
            ("im.vector.modular.widgets", "w"): {"url": "https://a.example"},
        }.items()
    ]
    wanted: dict[drift.Key, drift.Content] = {
        ("m.room.name", ""): {"name": "5А"},
        ("m.room.power_levels", ""): {"users": {}},
    }
    target = drift.Target(BOT, "@sferum_", wanted, {}, frozenset({MXID}), {MXID: "join"})
    for _, one in hostile.mutants([told], 400):
        state = view.read_state(one.value if isinstance(one.value, list) else [])
        assert all(isinstance(text, str) for key in state for text in key)
        assert all(isinstance(each.kind, drift.Kind) for each in drift.compare(target, state))
        assert set(drift.members_in(state).values()) <= {"join", "invite"}
        assert isinstance(drift.power_of(MXID, state), int)
        version = view.version_of(state)
        plan = layout.PLANS[layout.Kind.ANNOUNCEMENTS]
        assert shape.power_levels(plan, {}, bot=BOT, version=version)["users"].keys() <= {BOT}


async def test_at_a_start_something_else_than_the_extension_is_named(
    homeserver: Homeserver, lying: Lying, tmp_path: Path
) -> None:
    db = open_database(f"sqlite:///{tmp_path}/a.db", Sealer(b"an invented key of 32 bytes, hah"))
    async with db.engine.begin() as connection:
        await connection.run_sync(tables.metadata.create_all)
    odd: Sequence[Any] = ([], {}, {**STANDING, "generation": "5"}, {**STANDING, "waiting": "main"})
    for lying.good in odd:
        with pytest.raises(ExtensionMissing, match="in place of the homeserver extension"):
            await Policy(db, homeserver, "secret", ghost_prefix="sferum_").start()
    await db.close()
