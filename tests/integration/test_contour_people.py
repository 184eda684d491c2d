"""People without a room: to-device messages, keys, profiles, and what an account itself can do.

Each attempt is looked at from the victim's side, and compared with the same about an account that
does not exist: nothing may tell the two apart. Beside it stands the same between people who may.
"""

from __future__ import annotations

import json
import secrets
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import pytest
import pytest_asyncio
from aiohttp import web
from signedjson.key import generate_signing_key, get_verify_key
from signedjson.sign import sign_json
from unpaddedbase64 import encode_base64

from tests.support.bridge import until
from tests.support.ports import reserve_port
from tests.support.synapse import SERVER_NAME, Account, Answer, Homeserver

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from tests.conftest import StartHomeserver

NOBODY = f"@nobody:{SERVER_NAME}"
ELSEWHERE = "@somebody:elsewhere.example"
PUPILS, PARENTS, TEACHERS = (f"class/1/{role}" for role in ("pupils", "parents", "teachers"))
NAMES = ("pupil", "classmate", "parent", "other_parent", "teacher", "stranger", "stranger2")


@dataclass(frozen=True)
class School:
    """A class with a pupil, the pupil's parent and somebody else's, a teacher; and strangers."""

    server: Homeserver
    people: dict[str, Account]
    room: str

    def __getattr__(self, name: str) -> Account:
        return self.people[name]

    def id_of(self, name: str) -> str:
        return self.people[name].user_id if name in self.people else name

    async def whisper(self, by: str, *receivers: str, text: str = "") -> Answer:
        """Send a to-device message to all devices of everybody named."""
        content = {"messages": {self.id_of(name): {"*": {"text": text}} for name in receivers}}
        path = f"sendToDevice/org.example.words/{secrets.token_hex(6)}"
        return await self.server.call("PUT", path, content, by=self.people[by])

    async def heard(self, who: str, text: str) -> bool:
        answer = await self.server.call("GET", "sync", by=self.people[who])
        events = answer.body.get("to_device", {}).get("events", [])
        return any(event["content"].get("text") == text for event in events)

    async def asked(self, by: Account, path: str, body: object, user: str) -> str:
        """Return how a question about somebody is answered, without the id that was asked for."""
        filled = json.loads(json.dumps(body).replace("USER", user))
        answer = await self.server.call("POST", path, filled, by=by)
        return f"{answer.status} {json.dumps(answer.body, sort_keys=True)}".replace(user, "USER")


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def people(homeserver: Homeserver) -> dict[str, Account]:
    made = {name: await homeserver.account(name) for name in NAMES}
    return made | {"admin": await homeserver.account("admin", admin=True)}


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def school(homeserver: Homeserver, people: dict[str, Account]) -> School:
    room = await homeserver.room(homeserver.bot, preset="public_chat")
    await push_school(homeserver, people, room)
    for name in ("pupil", "classmate"):
        joined = await homeserver.call("POST", f"rooms/{room}/join", {}, by=people[name])
        assert joined.status == 200, joined
    return School(homeserver, people, room)


async def push_school(server: Homeserver, people: dict[str, Account], room: str = "") -> None:
    groups = {
        "pupil": PUPILS,
        "classmate": PUPILS,
        "parent": PARENTS,
        "other_parent": PARENTS,
        "teacher": TEACHERS,
    }
    fact = {"school": "1", "kind": "pupils", "audience": [PUPILS], "linked": True}
    answer = await server.push(
        {
            "generation": await server.generation() + 1,
            "kind": "full",
            "service": [server.bot.user_id],
            "ghost_prefix": "@sferum_",
            "people": {people[name].user_id: [group] for name, group in groups.items()},
            "kin": {people["pupil"].user_id: [people["parent"].user_id]},
            "schools": {"1": {"classes": ["1"], "contacts": {}}},
            "rooms": {room: fact} if room else {},
        }
    )
    assert answer.status == 200, answer


# --- to-device messages ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("by", "to", "arrives"),
    [
        ("stranger", "pupil", False),
        ("stranger", "teacher", False),
        ("pupil", "stranger", False),
        ("other_parent", "pupil", False),
        ("pupil", "other_parent", False),
        ("admin", "pupil", False),
        ("pupil", "pupil", True),
        ("pupil", "classmate", True),
        ("parent", "pupil", True),
        ("pupil", "parent", True),
        ("teacher", "other_parent", True),
        ("stranger", "stranger2", True),
    ],
)
async def test_a_message_to_devices_reaches_only_whom_one_may_meet(
    school: School,
    by: str,
    to: str,
    arrives: bool,  # noqa: FBT001 — a column of the table
) -> None:
    text = secrets.token_hex(6)
    assert (await school.whisper(by, to, text=text)).status == 200
    assert await school.heard(to, text) is arrives


async def test_of_several_receivers_those_one_may_meet_are_reached(school: School) -> None:
    text = secrets.token_hex(6)
    sent = await school.whisper("stranger", "pupil", "stranger2", "teacher", ELSEWHERE, text=text)
    assert sent.status == 200
    heard = {name for name in ("pupil", "stranger2", "teacher") if await school.heard(name, text)}
    assert heard == {"stranger2"}


async def test_a_message_that_is_too_long_tells_nothing_of_its_receiver(school: School) -> None:
    long = "x" * 70_000
    known, unknown = [
        await school.whisper("stranger", name, text=long) for name in ("pupil", NOBODY)
    ]
    assert known.status == unknown.status == 413
    assert known.body["errcode"] == unknown.body["errcode"]


# --- keys -----------------------------------------------------------------------------------------


async def upload_keys(school: School, person: Account) -> str:
    """Give somebody's device keys and a name; return the device."""
    whoami = await school.server.call("GET", "account/whoami", by=person)
    device = str(whoami.body["device_id"])
    signatures = {person.user_id: {f"ed25519:{device}": "c2ln"}}
    body = {
        "device_keys": {
            "user_id": person.user_id,
            "device_id": device,
            "algorithms": ["m.olm.v1.curve25519-aes-sha2"],
            "keys": {f"ed25519:{device}": "a2V5", f"curve25519:{device}": "a2V5"},
            "signatures": signatures,
        },
        "one_time_keys": {
            f"signed_curve25519:{secrets.token_hex(4)}": {"key": "b25l", "signatures": signatures}
            for _ in range(3)
        },
    }
    uploaded = await school.server.call("POST", "keys/upload", body, by=person)
    assert uploaded.status == 200, uploaded
    name = {"display_name": "Телефон"}
    await school.server.call("PUT", f"devices/{device}", name, by=person)
    return device


async def keys_left(school: School, person: Account) -> int:
    answer = await school.server.call("POST", "keys/upload", {}, by=person)
    return int(answer.body["one_time_key_counts"]["signed_curve25519"])


async def test_keys_are_shown_and_given_only_to_whom_the_contour_allows(school: School) -> None:
    device = await upload_keys(school, school.pupil)
    query: dict[str, Any] = {"device_keys": {"USER": []}}
    claim = {"one_time_keys": {"USER": {device: "signed_curve25519"}}}
    for by in (school.stranger, school.other_parent, school.admin):
        for path, body in (("keys/query", query), ("keys/claim", claim)):
            left = await keys_left(school, school.pupil)
            known = await school.asked(by, path, body, school.pupil.user_id)
            assert known == await school.asked(by, path, body, NOBODY)
            assert device not in known
            assert await keys_left(school, school.pupil) == left
    seen = await school.asked(school.classmate, "keys/query", query, school.pupil.user_id)
    assert device in seen
    left = await keys_left(school, school.pupil)
    claimed = await school.asked(school.classmate, "keys/claim", claim, school.pupil.user_id)
    assert device in claimed
    assert await keys_left(school, school.pupil) == left - 1


async def test_a_pupil_cannot_ask_for_keys_of_strangers_who_can_among_themselves(
    school: School,
) -> None:
    device = await upload_keys(school, school.stranger)
    claim = {"one_time_keys": {"USER": {device: "signed_curve25519"}}}
    left = await keys_left(school, school.stranger)
    answer = await school.asked(school.pupil, "keys/claim", claim, school.stranger.user_id)
    assert answer == await school.asked(school.pupil, "keys/claim", claim, NOBODY)
    assert await keys_left(school, school.stranger) == left
    query: dict[str, Any] = {"device_keys": {"USER": []}}
    abroad = await school.asked(school.pupil, "keys/query", query, ELSEWHERE)
    # Nothing was asked elsewhere: that would have failed, and the failure been told.
    assert json.loads(abroad.partition(" ")[2])["failures"] == {}
    among = await school.asked(school.stranger2, "keys/claim", claim, school.stranger.user_id)
    assert device in among
    assert await keys_left(school, school.stranger) == left - 1


async def sign_up(school: School, person: Account) -> tuple[Any, str]:
    """Give somebody cross-signing keys; return the user-signing key and the master key's name."""
    keys = {}
    public = {}
    for usage in ("master", "self_signing", "user_signing"):
        key = generate_signing_key("0")
        name = encode_base64(get_verify_key(key).encode())
        key.version = name
        keys[usage] = key
        content = {
            "user_id": person.user_id,
            "usage": [usage],
            "keys": {f"ed25519:{name}": name},
        }
        public[f"{usage}_key"] = (
            content if usage == "master" else sign_json(content, person.user_id, keys["master"])
        )
    path = "keys/device_signing/upload"
    answer = await school.server.call("POST", path, public, by=person)
    assert answer.status == 200, answer
    return keys["user_signing"], keys["master"].version


async def test_signing_somebodys_key_tells_nothing_of_whoever_is_hidden(school: School) -> None:
    signing, _ = await sign_up(school, school.stranger)
    _, master = await sign_up(school, school.pupil)
    _, neighbour = await sign_up(school, school.stranger2)

    async def sign(user: str, key: str) -> str:
        content = {"user_id": user, "usage": ["master"], "keys": {f"ed25519:{key}": key}}
        signed = sign_json(content, school.stranger.user_id, signing)
        body = {user: {key: signed}}
        path = "keys/signatures/upload"
        answer = await school.server.call("POST", path, body, by=school.stranger)
        return f"{answer.status} {json.dumps(answer.body)}".replace(user, "USER")

    known = await sign(school.pupil.user_id, master)
    assert known == await sign(NOBODY, master)
    assert "USER" in known
    among = await sign(school.stranger2.user_id, neighbour)
    assert json.loads(among.partition(" ")[2]) == {"failures": {}}


# --- ghosts ---------------------------------------------------------------------------------------


async def test_a_ghost_is_known_to_those_in_a_room_with_it(school: School) -> None:
    server, name = school.server, f"sferum_{secrets.randbelow(10**9)}"
    body = {"type": "m.login.application_service", "username": name, "inhibit_login": True}
    made = await server.call("POST", "register", body, by=server.bot)
    ghost, masquerade = made.body["user_id"], {"user_id": made.body["user_id"]}

    async def seen(by: Account) -> Answer:
        return await server.call("GET", f"profile/{ghost}/displayname", by=by)

    path, shown = f"profile/{ghost}/displayname", {"displayname": "Знайка Лунный (Сферум)"}
    told = await server.call("PUT", path, shown, by=server.bot, params=masquerade)
    assert told.status == 200, told
    unknown = await server.call("GET", f"profile/{NOBODY}/displayname", by=school.classmate)
    assert await seen(school.classmate) == unknown, "in no room with it yet"
    path = f"rooms/{school.room}/join"
    joined = await server.call("POST", path, {}, by=server.bot, params=masquerade)
    assert joined.status == 200, joined
    assert (await seen(school.classmate)).body == shown
    for by in (school.parent, school.teacher, school.stranger):
        assert await seen(by) == unknown


# --- profiles -------------------------------------------------------------------------------------


async def set_field(school: School, by: Account, field: str, value: str, whose: str) -> Answer:
    path = f"profile/{quote(whose)}/{field}"
    return await school.server.call("PUT", path, {field: value}, by=by)


@pytest.mark.parametrize("field", ["", "/displayname", "/avatar_url", "/org.example.phone"])
async def test_a_profile_is_shown_to_those_who_may_see_it_and_nobody_else(
    school: School, field: str
) -> None:
    pupil = school.pupil.user_id
    name = "Маша Сидорова"
    assert (await set_field(school, school.admin, "displayname", name, pupil)).status == 200
    for by in (school.stranger, school.other_parent, school.admin, None):
        known, unknown = [
            await school.server.call("GET", f"profile/{user}{field}", by=by)
            for user in (pupil, NOBODY)
        ]
        assert known == unknown
        assert known.status in {401, 403, 404}
    if not field:
        for by in (school.classmate, school.pupil):
            seen = await school.server.call("GET", f"profile/{pupil}", by=by)
            assert seen.body["displayname"] == name
    abroad = await school.server.call("GET", f"profile/{ELSEWHERE}", by=school.pupil)
    # A request to another server would have failed with 502.
    assert abroad.status in {403, 404}


async def test_people_of_the_school_choose_their_picture_and_nothing_else(school: School) -> None:
    pupil, own = school.pupil, school.pupil.user_id

    async def is_shown(field: str, value: str) -> bool:
        path = f"rooms/{school.room}/state/m.room.member/{own}"
        member = await school.server.call("GET", path, by=school.classmate)
        return bool(member.body.get(field) == value)

    administrator = await set_field(school, school.admin, "displayname", "Маша", own)
    assert administrator.status == 200
    # Synapse carries a change into the rooms by and by; of two at once it may lose the later one.
    await until(partial(is_shown, "displayname", "Маша"))
    attempts = {
        "displayname": "Директор",
        "org.example.phone": "+79990000000",
        "m.tz": "Europe/Moscow",
        "avatar_url": "mxc://elsewhere.example/tracker",
    }
    for field, value in attempts.items():
        refused = await set_field(school, pupil, field, value, own)
        assert (refused.status, refused.errcode) == (403, "M_FORBIDDEN"), field
        # In both languages.
        assert set("ауе") & set(refused.body["error"])
        assert "school" in refused.body["error"]
    emptied = await school.server.call("DELETE", f"profile/{own}/displayname", by=pupil)
    assert emptied.status == 403
    picture = f"mxc://{SERVER_NAME}/own"
    assert (await set_field(school, pupil, "avatar_url", picture, own)).status == 200
    seen = await school.server.call("GET", f"profile/{own}", by=school.classmate)
    assert seen.body == {"displayname": "Маша", "avatar_url": picture}

    await until(partial(is_shown, "avatar_url", picture))
    assert (await set_field(school, pupil, "avatar_url", "", own)).status == 200


async def test_strangers_say_of_themselves_what_they_like(school: School) -> None:
    own = school.stranger.user_id
    for field in ("displayname", "org.example.phone"):
        assert (await set_field(school, school.stranger, field, "x", own)).status == 200


# --- finding people -------------------------------------------------------------------------------


async def test_a_search_finds_whom_one_may_write_to(school: School) -> None:
    word = f"w{secrets.token_hex(4)}"
    # The room is public, so without the contour everybody finds who is in it.
    renamed = await set_field(school, school.admin, "displayname", word, school.pupil.user_id)
    assert renamed.status == 200

    async def found(by: Account) -> set[str]:
        body = {"search_term": word}
        answer = await school.server.call("POST", "user_directory/search", body, by=by)
        return {hit["user_id"] for hit in answer.body["results"]}

    assert await until(lambda: found(school.classmate)) == {school.pupil.user_id}
    for by in (school.stranger, school.other_parent, school.admin):
        assert await found(by) == set()


async def test_presence_is_nobodys_who_shares_no_room(school: School) -> None:
    path = f"presence/{school.pupil.user_id}/status"
    online = await school.server.call("PUT", path, {"presence": "online"}, by=school.pupil)
    assert online.status == 200
    for by in (school.stranger, school.other_parent):
        known = await school.server.call("GET", path, by=by)
        assert known == await school.server.call("GET", f"presence/{NOBODY}/status", by=by)
        assert known.status == 403
        synced = await school.server.call("GET", "sync", by=by)
        assert school.pupil.user_id not in str(synced.body.get("presence"))


# --- what an account itself can do ----------------------------------------------------------------


async def test_nobody_of_the_school_proves_elsewhere_who_it_is(school: School) -> None:
    for person, status in ((school.pupil, 403), (school.teacher, 403), (school.stranger, 200)):
        path = f"user/{person.user_id}/openid/request_token"
        answer = await school.server.call("POST", path, {}, by=person)
        assert answer.status == status
        assert ("access_token" in answer.body) is (status == 200)


CONTACT = {
    "client_secret": "secret",
    "sid": "1",
    "id_server": "id.example",
    "id_access_token": "x",
    "email": "a@b.example",
    "country": "RU",
    "phone_number": "89990000000",
    "send_attempt": 1,
    "three_pid_creds": {"client_secret": "secret", "sid": "1"},
}


@pytest.mark.parametrize(
    "path",
    ["", "/add", "/bind", "/email/requestToken", "/msisdn/requestToken"],
)
async def test_nobody_of_the_school_ties_a_contact_to_the_account(
    school: School, path: str
) -> None:
    refused = await school.server.call("POST", f"account/3pid{path}", CONTACT, by=school.pupil)
    assert (refused.status, refused.errcode) == (403, "M_FORBIDDEN")
    assert "school" in refused.body["error"]
    for by in (school.stranger, None):
        # This server lets nobody, but says so in its own words.
        other = await school.server.call("POST", f"account/3pid{path}", CONTACT, by=by)
        assert "school" not in str(other.body)


async def test_nobody_of_the_school_looks_through_rooms_of_other_servers(school: School) -> None:
    elsewhere = {"server": "elsewhere.example"}
    for method in ("GET", "POST"):
        body: object = {} if method == "POST" else None
        refused = await school.server.call(
            method, "publicRooms", body, by=school.pupil, params=elsewhere
        )
        assert (refused.status, refused.errcode) == (403, "M_FORBIDDEN")
        here = await school.server.call(method, "publicRooms", body, by=school.pupil)
        assert here.status == 200


# --- pushers --------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Gateway:
    """A push gateway: what it was told."""

    origin: str
    told: list[dict[str, Any]]

    def pusher(self, **data: Any) -> dict[str, Any]:
        return {
            "kind": "http",
            "app_id": "org.example",
            "pushkey": secrets.token_hex(4),
            "app_display_name": "x",
            "device_display_name": "x",
            "lang": "ru",
            "data": {"url": f"{self.origin}/_matrix/push/v1/notify", **data},
        }


@pytest_asyncio.fixture
async def gateway() -> AsyncIterator[Callable[[], Any]]:
    runners: list[web.AppRunner] = []

    async def start() -> Gateway:
        told: list[dict[str, Any]] = []

        async def notify(request: web.Request) -> web.Response:
            told.append((await request.json())["notification"])
            return web.json_response({"rejected": []})

        app = web.Application()
        app.router.add_post("/_matrix/push/v1/notify", notify)
        runner = web.AppRunner(app)
        await runner.setup()
        runners.append(runner)
        port = reserve_port()
        await web.TCPSite(runner, "127.0.0.1", port).start()
        return Gateway(f"http://127.0.0.1:{port}", told)

    yield start
    for runner in runners:
        await runner.cleanup()


async def test_messages_are_pushed_as_bare_ids_to_the_schools_gateways_only(
    start_homeserver: StartHomeserver, gateway: Callable[[], Any]
) -> None:
    ours, other = await gateway(), await gateway()
    server = await start_homeserver(
        contour={"push_gateways": [ours.origin], "allow_openid": True},
        overrides={"ip_range_whitelist": ["127.0.0.1/32"]},
    )
    people = {name: await server.account(name) for name in NAMES}
    pupil, teacher = people["pupil"], people["teacher"]

    async def set_pusher(by: Account, pusher: dict[str, Any]) -> int:
        return (await server.call("POST", "pushers/set", pusher, by=by)).status

    async def pushers(of: Account) -> list[str]:
        answer = await server.call("GET", "pushers", by=of)
        return [pusher["pushkey"] for pusher in answer.body["pushers"]]

    before = other.pusher()
    assert await set_pusher(pupil, before) == 200, "a stranger still"
    await push_school(server, people)
    for refused in (
        other.pusher(format="event_id_only"),
        ours.pusher(),
        {**ours.pusher(format="event_id_only"), "kind": "email"},
        ours.pusher(format="event_id_only", url="http://127.0.0.1@other/_matrix/push/v1/notify"),
    ):
        assert await set_pusher(pupil, refused) == 403
    allowed = ours.pusher(format="event_id_only")
    assert await set_pusher(pupil, allowed) == 200
    assert sorted(await pushers(pupil)) == sorted([before["pushkey"], allowed["pushkey"]])
    assert await set_pusher(people["stranger"], other.pusher()) == 200

    room = await server.room(
        teacher, preset="trusted_private_chat", is_direct=True, invite=[pupil.user_id]
    )
    assert (await server.call("POST", f"rooms/{room}/join", {}, by=pupil)).status == 200
    message = {"msgtype": "m.text", "body": "Домашнее задание"}
    sent = await server.call("PUT", f"rooms/{room}/send/m.room.message/1", message, by=teacher)

    async def pushed() -> bool:
        told = any(one.get("event_id") == sent.body["event_id"] for one in ours.told)
        return told and len(await pushers(pupil)) == 1

    await until(pushed)
    assert await pushers(pupil) == [allowed["pushkey"]]
    assert other.told == []
    assert all(
        set(told) <= {"event_id", "room_id", "prio", "counts", "devices"} for told in ours.told
    )

    unset = {**allowed, "kind": None}
    assert await set_pusher(pupil, unset) == 200
    assert await pushers(pupil) == []
    token = await server.call("POST", f"user/{pupil.user_id}/openid/request_token", {}, by=pupil)
    assert token.status == 200, "the setting allows it"
