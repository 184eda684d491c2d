"""No false alarms: whole sequences of known clients, and strangers among themselves.

The two sequences are the requests that Element Web and Element X make, in their order, from the
name that is typed to the answer that is read. Those of Element X are plain HTTP: nio has no
sliding sync.
"""

from __future__ import annotations

import secrets
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Any

import nio
import pytest
import pytest_asyncio

from tests.contour.settling import PICTURE
from tests.support.bridge import until
from tests.support.school_day import done, everything, part, whispered
from tests.support.signing import Keys
from tests.support.synapse import SERVER_NAME

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from tests.support.school_day import Json, Person, SchoolDay

pytestmark = pytest.mark.asyncio(loop_scope="session")

V1 = "/_matrix/client/v1"
SLIDING = "/_matrix/client/unstable/org.matrix.simplified_msc3575/sync"
ENCRYPTED: Json = {
    "type": "m.room.encryption",
    "state_key": "",
    "content": {"algorithm": "m.megolm.v1.aes-sha2"},
}
PAIRS = [("pupil", "classmate"), ("parent", "teacher")]


@pytest_asyncio.fixture(loop_scope="session", params=PAIRS, ids="-".join)
async def pair(
    request: pytest.FixtureRequest, school_day: SchoolDay
) -> AsyncIterator[tuple[Person, Person]]:
    """Give two people at fresh devices with keys: who writes, and to whom."""
    async with AsyncExitStack() as stack:
        made = []
        for name in request.param:
            phone = await school_day.people[name].again()
            stack.push_async_callback(phone.close)
            await phone.call("POST", "keys/upload", Keys().of_device(phone.user_id, phone.device))
            made.append(phone)
        yield made[0], made[1]


async def find(one: Person, other: Person) -> None:
    """Find somebody as both clients do: a search by name, then the profile."""
    name = f"Имя {other.user_id[1:].partition(':')[0]}"

    async def found() -> bool:
        term = {"search_term": name, "limit": 10}
        answer = await one.call("POST", "user_directory/search", term)
        return other.user_id in everything(answer.body)

    await until(found)
    assert (await one.get(f"profile/{other.user_id}"))["displayname"] == name


async def share_a_key(one: Person, other: Person) -> None:
    """Ask for devices, claim a one-time key, send a room key: what encrypting takes."""
    asked = {"device_keys": {one.user_id: [], other.user_id: []}, "timeout": 10000}
    devices = (await one.call("POST", "keys/query", asked)).body["device_keys"]
    assert other.device in devices[other.user_id]
    assert one.device in devices[one.user_id]
    claim = {
        "one_time_keys": {other.user_id: {other.device: "signed_curve25519"}},
        "timeout": 10000,
    }
    claimed = (await one.call("POST", "keys/claim", claim)).body
    assert claimed["one_time_keys"][other.user_id][other.device]
    await one.whisper(other, "m.room.encrypted", {"algorithm": "m.olm.v1", "ciphertext": {}})


def ciphertext(device: str) -> Json:
    return {
        "algorithm": "m.megolm.v1.aes-sha2",
        "ciphertext": secrets.token_hex(8),
        "session_id": "x",
        "sender_key": "x",
        "device_id": device,
    }


async def test_element_web_begins_a_direct_chat(pair: tuple[Person, Person]) -> None:
    one, other = pair
    await find(one, other)
    # Whether the other side can encrypt decides if the room is made so.
    devices = (await one.call("POST", "keys/query", {"device_keys": {other.user_id: []}})).body
    assert other.device in devices["device_keys"][other.user_id]
    guests = {
        "type": "m.room.guest_access",
        "state_key": "",
        "content": {"guest_access": "can_join"},
    }
    config = {
        "preset": "trusted_private_chat",
        "visibility": "private",
        "invite": [other.user_id],
        "is_direct": True,
        "initial_state": [guests, ENCRYPTED],
    }
    room = (await one.call("POST", "createRoom", config)).body["room_id"]
    direct = f"user/{one.user_id}/account_data/m.direct"
    await one.call("PUT", direct, {other.user_id: [room]})
    members = await one.get(f"rooms/{room}/members", not_membership="leave")
    roles = {event["state_key"]: event["content"]["membership"] for event in members["chunk"]}
    assert roles == {one.user_id: "join", other.user_id: "invite"}
    done(await one.nio.room_typing(room, typing_state=True))
    await share_a_key(one, other)
    first = await one.send(room, "m.room.encrypted", ciphertext(one.device))

    invite = await other.sees(lambda news: news.get("rooms", {}).get("invite", {}).get(room, {}))
    own = [e for e in invite["invite_state"]["events"] if e.get("state_key") == other.user_id]
    assert own[0]["content"]["is_direct"] is True
    await other.call("POST", f"join/{room}")
    await other.call("PUT", f"user/{other.user_id}/account_data/m.direct", {one.user_id: [room]})
    # The invite's sync may have brought it already, so it is looked for in the server's memory.
    shown = await other.get(f"rooms/{room}/messages", dir="b", limit=30)
    assert first in {event["event_id"] for event in shown["chunk"]}
    done(await other.nio.room_read_markers(room, first, first))
    read = await one.sees(lambda news: part(news, room, "ephemeral", "m.receipt").get(first, {}))
    assert other.user_id in read["m.read"]
    await share_a_key(other, one)
    assert await one.sees(lambda news: whispered(news, "m.room.encrypted"))
    answer = await other.send(room, "m.room.encrypted", ciphertext(other.device))
    assert (await one.get(f"rooms/{room}/event/{answer}"))["sender"] == other.user_id


class Sliding:
    """A client that syncs as Element X does."""

    def __init__(self, person: Person) -> None:
        self._person = person
        self._pos = ""
        self._since = ""

    async def sync(self, **rooms: Json) -> Json:
        """Ask what is new: in the list of rooms, in those that are open, and beside them."""
        state = [["m.room.name", ""], ["m.room.encryption", ""], ["m.room.member", "$LAZY"]]
        asked: Json = {
            "conn_id": "room-list",
            "lists": {
                "all_rooms": {
                    "ranges": [[0, 19]],
                    "timeline_limit": 1,
                    "required_state": [*state, ["m.room.member", "$ME"]],
                    "filters": {"not_room_types": ["m.space"]},
                }
            },
            "room_subscriptions": {
                room: {"timeline_limit": 20, "required_state": state} for room in rooms
            },
            "extensions": {
                "to_device": {"enabled": True, **({"since": self._since} if self._since else {})},
                "e2ee": {"enabled": True},
                "account_data": {"enabled": True},
                "receipts": {"enabled": True, "rooms": ["*"]},
                "typing": {"enabled": True},
            },
        }
        position = {"pos": self._pos} if self._pos else {}
        answer = await self._person.call("POST", SLIDING, asked, timeout=1000, **position)
        self._pos = answer.body["pos"]
        self._since = answer.body["extensions"].get("to_device", {}).get("next_batch", self._since)
        return answer.body

    async def sees(self, look: Callable[[Json], Any], *rooms: str) -> Any:
        """Sync until `look` finds something in what came; return that."""
        found: list[Any] = []

        async def come() -> bool:
            found.append(look(await self.sync(**{room: {} for room in rooms})))
            return bool(found[-1])

        await until(come)
        return found[-1]


async def test_element_x_begins_a_direct_chat(pair: tuple[Person, Person]) -> None:
    one, other = pair
    ours, theirs = Sliding(one), Sliding(other)
    first = await ours.sync()
    assert first["lists"]["all_rooms"]["count"] >= 2
    await theirs.sync()
    await find(one, other)
    config = {
        "preset": "trusted_private_chat",
        "visibility": "private",
        "invite": [other.user_id],
        "is_direct": True,
        "initial_state": [ENCRYPTED],
    }
    room = (await one.call("POST", "createRoom", config)).body["room_id"]
    await one.call("PUT", f"user/{one.user_id}/account_data/m.direct", {other.user_id: [room]})
    made = await ours.sees(lambda news: news["rooms"].get(room), room)
    assert "m.room.encryption" in {event["type"] for event in made["required_state"]}

    invite = await theirs.sees(lambda news: news["rooms"].get(room, {}).get("invite_state"))
    assert one.user_id in {event["sender"] for event in invite}
    preview = await other.get(f"{V1}/room_summary/{room}")
    assert preview["membership"] == "invite"
    await other.call("POST", f"join/{room}")
    # Both begin anew with this room open, as the client does when it shows it.
    for side in (ours, theirs):
        await side.sees(lambda news: news["rooms"].get(room), room)
    await share_a_key(one, other)
    sent = await one.send(room, "m.room.encrypted", ciphertext(one.device))
    seen: Json = {}

    def look(news: Json) -> bool:
        events = news["rooms"].get(room, {}).get("timeline", [])
        whispers = news["extensions"].get("to_device", {}).get("events", [])
        seen["message"] = seen.get("message") or sent in {e["event_id"] for e in events}
        seen["key"] = seen.get("key") or any(e["sender"] == one.user_id for e in whispers)
        return bool(seen["message"] and seen["key"])

    await theirs.sees(look, room)
    await other.call("POST", f"rooms/{room}/receipt/m.read/{sent}", {"thread_id": "main"})
    await other.call("POST", f"rooms/{room}/read_markers", {"m.fully_read": sent})
    receipts = await ours.sees(
        lambda news: news["extensions"].get("receipts", {}).get("rooms", {}).get(room), room
    )
    assert other.user_id in receipts["content"][sent]["m.read"]
    older = await other.get(f"rooms/{room}/messages", dir="b", limit=50)
    assert "m.room.create" in {event["type"] for event in older["chunk"]}


async def test_the_rooms_of_the_class_in_a_sliding_sync(school_day: SchoolDay) -> None:
    parent = school_day.parent
    first = await Sliding(parent).sync()
    assert {school_day.rooms["parents"], school_day.rooms["materials"]} <= first["rooms"].keys()
    assert school_day.rooms["pupils"] not in first["rooms"]
    one = first["rooms"][school_day.rooms["parents"]]
    assert one["name"] == "Комната parents"
    assert one["joined_count"] == 4


# --- strangers among themselves -------------------------------------------------------------------


async def test_strangers_write_to_each_other(school_day: SchoolDay) -> None:
    one, other = school_day.stranger, school_day.other_stranger
    room = await one.write_to(other)
    for speaker, listener in ((one, other), (other, one)):
        sent = await speaker.say(room, "привет")
        assert (await listener.hears(room, sent))["content"]["body"] == "привет"
    await find(one, other)
    picture = await one.upload(PICTURE, "image/png")
    done(await one.nio.set_avatar(picture))
    done(await one.nio.set_displayname("Новое имя"))
    seen = done(await other.nio.get_profile(one.user_id))
    assert (seen.displayname, seen.avatar_url) == ("Новое имя", picture)
    assert done(await other.nio.download(picture)).body == PICTURE
    await one.whisper(other, "m.key.verification.request", {"from_device": one.device})
    got = await other.sees(lambda news: whispered(news, "m.key.verification.request"))
    assert got["sender"] == one.user_id
    for phone in (one, other):
        await phone.call("POST", "keys/upload", Keys().of_device(phone.user_id, phone.device))
    await share_a_key(one, other)


async def test_devices_are_known_from_the_moment_of_the_invite(school_day: SchoolDay) -> None:
    """A client asks before there is a room, gets nothing, and asks again once there is one."""
    async with AsyncExitStack() as stack:
        one, other = [await school_day.person(f"newcomer{n}") for n in (1, 2)]
        for phone in (one, other):
            stack.push_async_callback(phone.close)
            await phone.call("POST", "keys/upload", Keys().of_device(phone.user_id, phone.device))
        asked: dict[str, Any] = {"device_keys": {other.user_id: []}}
        assert (await one.call("POST", "keys/query", asked)).body["device_keys"] == {}
        done(await one.nio.room_create(is_direct=True, invite=[other.user_id]))
        await share_a_key(one, other)


async def test_a_strangers_public_room(school_day: SchoolDay) -> None:
    """Open to strangers, arranged, left and replaced as its owner likes."""
    one, other = school_day.stranger, school_day.other_stranger
    public = nio.RoomPreset.public_chat
    room = await one.begin(name="Рынок", preset=public)
    done(await other.nio.join(room))
    sent = await other.say(room, "почём?")
    await one.hears(room, sent)
    for kind, content in (
        ("m.room.history_visibility", {"history_visibility": "world_readable"}),
        ("m.room.guest_access", {"guest_access": "can_join"}),
        ("m.room.join_rules", {"join_rule": "knock"}),
        ("im.vector.modular.widgets", {"type": "jitsi", "url": "https://meet.example"}),
    ):
        done(await one.nio.room_put_state(room, kind, content))
        assert done(await other.nio.room_get_state_event(room, kind)).content == content
    done(await other.nio.room_leave(room))
    await other.call("POST", f"knock/{room}", {"reason": "забыл"})
    done(await one.nio.room_invite(room, other.user_id))
    done(await other.nio.join(room))
    done(await one.nio.room_put_state(room, "m.room.join_rules", {"join_rule": "public"}))
    moved = await one.call("POST", f"rooms/{room}/upgrade", {"new_version": "11"})
    done(await other.nio.join(moved.body["replacement_room"]))
    openid = await one.call("POST", f"user/{one.user_id}/openid/request_token")
    assert openid.body["matrix_server_name"] == SERVER_NAME


async def test_everybody_asks_the_bot(school_day: SchoolDay) -> None:
    bot = school_day.server.bot
    for name in ("pupil", "parent", "teacher", "stranger"):
        person = school_day.people[name]
        room = done(await person.nio.room_create(is_direct=True, invite=[bot.user_id])).room_id
        answer = await school_day.server.call("POST", f"rooms/{room}/join", {}, by=bot)
        assert answer.status == 200, answer
        said = {"msgtype": "m.text", "body": "Здравствуйте"}
        path = f"rooms/{room}/send/m.room.message/{secrets.token_hex(4)}"
        sent = await school_day.server.call("PUT", path, said, by=bot)
        assert (await person.hears(room, sent.body["event_id"]))["content"] == said
