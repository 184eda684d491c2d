"""What strangers may ask about the school, by path and body: every kind of thing that is hidden.

In a path or a body `{}` is the id of what is asked about. Words in capitals stand for what the
world has: `ROOM` a new room of the asker's own, `COMMON` one of strangers of both servers, `PUPILS`
the pupils' room, `SERVER` the school's server and `FORGED` the other one, `DEVICE` a device of a
pupil; `@o` is the stranger.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tests.contour.attacks.e_reading import BODIES, ORACLES

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    Row = tuple[Any, ...]
    """Who asks, separated by spaces; method; path; body, if there is one."""

V1 = "/_matrix/client/v1"
MEDIA = "/_matrix/media/v3"
UNSTABLE = "/_matrix/client/unstable"
TEXT = {"msgtype": "m.text", "body": "x"}
LATER = "org.matrix.msc4140.delay=3600000"
THREAD = "io.element.msc4306/rooms/{}/thread/{}/subscription"


@dataclass(frozen=True, slots=True)
class Question:
    """A question about something of one kind."""

    kind: str

    who: str
    method: str
    path: str
    body: Any = None

    def __str__(self) -> str:
        shown = self.path.replace("/_matrix/", "").replace("/", "-")
        extra = "-".join(sorted(self.body)) if isinstance(self.body, dict) else ""
        relation = (self.body or {}).get("m.relates_to", {}) if extra else {}
        extra += f"-{relation.get('rel_type', 'reply')}" if relation else ""
        return f"{self.kind}-{self.who}-{self.method}-{shown}{'+' if extra else ''}{extra}"


PROFILES: Sequence[Row] = [
    ("o anonymous s3", "GET", f"{below}/profile/{{}}{field}")
    for below in ("/_matrix/client/v3", "/_matrix/client/r0", f"{UNSTABLE}/uk.tcpip.msc4133")
    for field in ("", "/displayname", "/avatar_url", "/org.example.phone")
]
PEOPLE: Sequence[Row] = [
    *PROFILES,
    ("forged", "GET", "query/profile?user_id={}"),
    ("forged", "GET", "query/profile?user_id={}&field=displayname"),
    ("o s3", "POST", "keys/query", {"device_keys": {"{}": []}}),
    ("o s3", "POST", "keys/query", {"device_keys": {"{}": ["DEVICE"]}}),
    ("o s3", "POST", "keys/claim", {"one_time_keys": {"{}": {"DEVICE": "signed_curve25519"}}}),
    ("o s3", "POST", "keys/signatures/upload", {"{}": {"DEVICE": {"user_id": "{}"}}}),
    ("forged", "GET", "user/devices/{}"),
    ("forged", "POST", "user/keys/query", {"device_keys": {"{}": []}}),
    ("forged", "POST", "user/keys/claim", {"one_time_keys": {"{}": {"D": "signed_curve25519"}}}),
    ("o s3", "POST", "rooms/ROOM/invite", {"user_id": "{}"}),
    ("o s3", "PUT", "rooms/ROOM/state/m.room.member/{}", {"membership": "invite"}),
    ("o s3", "PUT", "rooms/ROOM/state/m.room.member/{}", {"membership": "ban"}),
    ("o s3", "PUT", "rooms/ROOM/state/m.room.member/{}", {"membership": "join"}),
    ("o s3", "PUT", "rooms/ROOM/state/m.room.member/{}", {"membership": "knock"}),
    ("o s3", "POST", "rooms/ROOM/ban", {"user_id": "{}"}),
    ("o s3", "POST", "rooms/ROOM/unban", {"user_id": "{}"}),
    ("o s3", "POST", "rooms/ROOM/kick", {"user_id": "{}"}),
    ("o s3", "POST", "createRoom", {"invite": ["{}"]}),
    ("o s3", "POST", "createRoom", {"creation_content": {"additional_creators": ["{}"]}}),
    ("o s3", "POST", "createRoom", {"power_level_content_override": {"users": {"{}": 50}}}),
    ("o", "POST", "rooms/ROOM/upgrade", {"new_version": "12", "additional_creators": ["{}"]}),
    ("o s3", "PUT", "profile/{}/displayname", {"displayname": "x"}),
    ("o s3", "PUT", "profile/{}/avatar_url", {"avatar_url": "mxc://elsewhere/x"}),
    ("o s3", "PUT", f"{UNSTABLE}/uk.tcpip.msc4133/profile/{{}}/org.x", {"org.x": "x"}),
    ("o s3", "PUT", "sendToDevice/m.dummy/t", {"messages": {"{}": {"*": {}}}}),
    ("o s3", "GET", "presence/{}/status"),
    ("o s3", "GET", f"{V1}/mutual_rooms?user_id={{}}"),
    ("o s3", "GET", f"{UNSTABLE}/uk.half-shot.msc2666/user/mutual_rooms?user_id={{}}"),
    ("o s3", "POST", "users/{}/report", {"reason": "x"}),
    ("o s3", "POST", "user_directory/search", {"search_term": "{}"}),
    ("o", "GET", "user/{}/account_data/m.direct"),
    ("o", "POST", "user/{}/filter", {}),
    ("o", "GET", "/_synapse/admin/v2/users/{}"),
    (
        "anonymous",
        "POST",
        "login",
        {
            "type": "m.login.password",
            "identifier": {"type": "m.id.user", "user": "{}"},
            "password": "wrong",
        },
    ),
]
GHOSTS: Sequence[Row] = [
    # A classmate too, who is in no room with it; who is of the school sees how names are taken.
    *((who.replace("s3", "s3 s2"), *rest) for who, *rest in PEOPLE if rest[1] != "login"),
]
ROOMS: Sequence[Row] = [
    *(("o s3", method, path, BODIES.get(path)) for method, path in ORACLES.values()),
    *(("o", method, path, {}) for method, path in ORACLES.values() if method != "GET"),
    *(
        ("o anonymous s3", method, path, body)
        for method, path, body in (
            ("GET", f"{V1}/room_summary/{{}}", None),
            ("GET", f"{UNSTABLE}/im.nheko.summary/summary/{{}}", None),
            ("GET", "directory/list/room/{}", None),
        )
    ),
    *(("anonymous", "POST", path, {}) for path in ("join/{}", "knock/{}")),
    ("anonymous", "GET", f"{V1}/rooms/{{}}/hierarchy"),
    ("anonymous", "GET", "rooms/{}/messages?dir=b"),
    ("o s3", "POST", "rooms/{}/invite", {"user_id": "@nobody:nowhere.example"}),
    (
        "o",
        "POST",
        "createRoom",
        {"creation_content": {"predecessor": {"room_id": "{}", "event_id": "$nope"}}},
    ),
    ("o s3", "PUT", "directory/room/%23alias:SERVER", {"room_id": "{}"}),
    # Carried out later, when nobody sees an answer any more.
    ("o s3", "PUT", f"rooms/{{}}/send/m.room.message/t?{LATER}", {"body": "x"}),
    ("o s3", "PUT", f"rooms/{{}}/state/m.room.topic?{LATER}", {"topic": "x"}),
    ("o s3", "PUT", f"rooms/{{}}/state/m.room.member/@o?{LATER}", {"membership": "join"}),
    ("o s3", "POST", "rooms/{}/send/m.room.redaction", {"redacts": "$nope"}),
    ("o", "PUT", "user/@o/rooms/{}/tags/u.x", {"order": 0.5}),
    ("o", "DELETE", "user/@o/rooms/{}/tags/u.x"),
    ("o", "PUT", "user/@o/rooms/{}/account_data/org.x", {}),
    ("o", "GET", "user/@o/rooms/{}/account_data/org.x"),
    ("o s3", "GET", f"{V1}/rooms/{{}}/hierarchy?org.matrix.msc4235.via=127.0.0.1:1"),
    ("o s3", "GET", f"{V1}/room_summary/{{}}?via=127.0.0.1:1"),
    ("o s3", "GET", f"{UNSTABLE}/{THREAD.format('{}', '$nope')}"),
    ("o s3", "PUT", f"{UNSTABLE}/{THREAD.format('{}', '$nope')}", {}),
    ("as2", "PUT", "directory/list/appservice/net/{}", {"visibility": "public"}),
    ("as2", "GET", "rooms/{}/joined_members"),
    *(
        ("forged", "GET", path)
        for path in (
            "state/{}?event_id=$nope",
            "state_ids/{}?event_id=$nope",
            "backfill/{}?v=$nope&limit=5",
            "event_auth/{}/$nope",
            "timestamp_to_event/{}?ts=0&dir=f",
            "make_join/{}/@m:FORGED?ver=10&ver=11&ver=12",
            "make_knock/{}/@m:FORGED?ver=10&ver=11&ver=12",
            "make_leave/{}/@m:FORGED",
            "hierarchy/{}",
            "rooms/{}/complexity",
        )
    ),
    ("forged", "POST", "get_missing_events/{}", {"earliest_events": [], "latest_events": []}),
]
FILES: Sequence[Row] = [
    ("o anonymous px", "GET", f"{V1}/media/download/SERVER/{{}}"),
    ("o anonymous px", "GET", f"{V1}/media/thumbnail/SERVER/{{}}?width=32&height=32"),
    ("o anonymous px", "GET", f"{MEDIA}/download/SERVER/{{}}"),
    ("o anonymous px", "GET", f"{MEDIA}/download/SERVER/{{}}/name.png"),
    ("o anonymous px", "GET", f"{MEDIA}/thumbnail/SERVER/{{}}?width=32&height=32&method=crop"),
    ("o anonymous px", "PUT", f"{MEDIA}/upload/SERVER/{{}}", {"some": "content"}),
    ("forged", "GET", "media/download/{}"),
    ("forged", "GET", "media/thumbnail/{}?width=32&height=32"),
]
ALIASES: Sequence[Row] = [
    ("o anonymous s3", "GET", "directory/room/{}"),
    ("o s3", "POST", "join/{}", {}),
    ("o s3", "POST", "knock/{}", {}),
    ("o anonymous", "GET", f"{V1}/room_summary/{{}}"),
    ("o", "DELETE", "directory/room/{}"),
    ("forged", "GET", "query/directory?room_alias={}"),
]
EVENTS: Sequence[Row] = [
    ("o s3", "GET", "rooms/PUPILS/event/{}"),
    ("o s3", "GET", "rooms/PUPILS/context/{}"),
    ("o s3", "GET", "events/{}"),
    ("o s3", "GET", "rooms/ROOM/event/{}"),
    ("o s3", "GET", "rooms/ROOM/context/{}"),
    ("o s3", "PUT", "rooms/PUPILS/redact/{}/t", {}),
    ("o s3", "POST", "rooms/PUPILS/report/{}", {"reason": "x"}),
    ("o s3", "GET", f"{V1}/rooms/PUPILS/relations/{{}}"),
    ("forged", "GET", "event/{}"),
    ("o s3", "PUT", "rooms/ROOM/redact/{}/t", {}),
    ("o s3", "PUT", "rooms/ROOM/send/m.room.redaction/t", {"redacts": "{}"}),
    *(
        ("o s3", "PUT", f"rooms/ROOM/send/{kind}/t", {**TEXT, "m.relates_to": relation})
        for kind, relation in (
            ("m.reaction", {"rel_type": "m.annotation", "event_id": "{}", "key": "x"}),
            ("m.room.message", {"rel_type": "m.thread", "event_id": "{}"}),
            ("m.room.message", {"rel_type": "m.replace", "event_id": "{}"}),
            ("m.room.message", {"rel_type": "m.reference", "event_id": "{}"}),
            ("m.room.message", {"m.in_reply_to": {"event_id": "{}"}}),
        )
    ),
    ("o s3", "POST", "rooms/ROOM/receipt/m.read/{}", {}),
    ("o s3", "POST", "rooms/ROOM/receipt/m.read/{}", {"thread_id": "main"}),
    ("o s3", "POST", "rooms/ROOM/receipt/m.read/{}", {"thread_id": "{}"}),
    ("o s3", "POST", "rooms/ROOM/receipt/m.fully_read/{}", {}),
    ("o s3", "POST", "rooms/ROOM/read_markers", {"m.fully_read": "{}", "m.read": "{}"}),
    ("o s3", "POST", "rooms/ROOM/report/{}", {"reason": "x"}),
    ("o s3", "GET", f"{V1}/rooms/ROOM/relations/{{}}"),
    ("o s3", "GET", f"{UNSTABLE}/{THREAD.format('ROOM', '{}')}"),
    ("o s3", "PUT", f"{UNSTABLE}/{THREAD.format('ROOM', '{}')}", {}),
    ("forged", "GET", "state/COMMON?event_id={}"),
    ("forged", "GET", "state_ids/COMMON?event_id={}"),
    ("forged", "GET", "backfill/COMMON?v={}&limit=5"),
    ("forged", "GET", "event_auth/COMMON/{}"),
    (
        "forged",
        "POST",
        "get_missing_events/COMMON",
        {"earliest_events": [], "latest_events": ["{}"]},
    ),
    (
        "forged",
        "POST",
        "get_missing_events/COMMON",
        {"earliest_events": ["{}"], "latest_events": []},
    ),
]


def _questions(kind: str, rows: Iterable[Row]) -> Iterable[Question]:
    for asked, method, path, *body in rows:
        for who in asked.split():
            yield Question(kind, who, method, path, *body)


QUESTIONS: Sequence[Question] = [
    *_questions("person", PEOPLE),
    *_questions("ghost", GHOSTS),
    *_questions("room", ROOMS),
    *_questions("chat", ROOMS),
    *_questions("file", FILES),
    *_questions("alias", ALIASES),
    *_questions("event", EVENTS),
]
