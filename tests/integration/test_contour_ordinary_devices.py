"""No false alarms: devices, encryption and sessions of people of a school.

Everything here is seen from the other side: another person, or one's own other device.
"""

from __future__ import annotations

import secrets
from contextlib import AsyncExitStack
from functools import partial
from typing import TYPE_CHECKING

import nio
import pytest
import pytest_asyncio

from tests.support.school_day import done, everything, joined, whispered
from tests.support.signing import Keys

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.support.school_day import Json, Person, SchoolDay

pytestmark = pytest.mark.asyncio(loop_scope="session")

V1 = "/_matrix/client/v1"
MEGOLM = {"algorithm": "m.megolm.v1.aes-sha2"}


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def phones(school_day: SchoolDay) -> AsyncIterator[dict[str, Person]]:
    """Give fresh devices with keys, as clients make them: two of the pupil's, one each of others.

    nio has no encryption without its native library; the requests are those of any client.
    """
    async with AsyncExitStack() as stack:
        made: dict[str, Person] = {}
        for name, owner in (
            ("pupil", "pupil"),
            ("tablet", "pupil"),
            ("classmate", "classmate"),
            ("teacher", "teacher"),
        ):
            made[name] = phone = await school_day.people[owner].again()
            stack.push_async_callback(phone.close)
            await phone.call("POST", "keys/upload", Keys().of_device(phone.user_id, phone.device))
        yield made


async def test_an_encrypted_direct_chat(phones: dict[str, Person]) -> None:
    teacher, pupil = phones["teacher"], phones["pupil"]
    state = [{"type": "m.room.encryption", "state_key": "", "content": MEGOLM}]
    room = await teacher.begin(
        pupil,
        is_direct=True,
        preset=nio.RoomPreset.trusted_private_chat,
        initial_state=state,
    )
    asked: Json = {"device_keys": {pupil.user_id: [], teacher.user_id: []}}
    found = (await teacher.call("POST", "keys/query", asked)).body["device_keys"]
    assert {pupil.device, phones["tablet"].device} <= found[pupil.user_id].keys()
    wanted = {"one_time_keys": {pupil.user_id: {pupil.device: "signed_curve25519"}}}
    claimed = (await teacher.call("POST", "keys/claim", wanted)).body["one_time_keys"]
    assert claimed[pupil.user_id][pupil.device]
    await teacher.whisper(pupil, "m.room.encrypted", {"algorithm": "m.olm.v1", "ciphertext": {}})
    key = await pupil.sees(lambda news: whispered(news, "m.room.encrypted"))
    assert key["sender"] == teacher.user_id
    secret = {**MEGOLM, "ciphertext": "AwgAEnAC", "session_id": "x", "device_id": teacher.device}
    sent = await teacher.send(room, "m.room.encrypted", secret)
    assert (await pupil.hears(room, sent))["content"] == secret


@pytest.mark.parametrize("by", ["tablet", "classmate", "teacher"])
async def test_devices_are_compared(phones: dict[str, Person], by: str) -> None:
    """Between one's own devices, and between two who may write to each other."""
    one, other = phones[by], phones["pupil"]
    about = {"transaction_id": secrets.token_hex(4)}
    steps: list[tuple[Person, Person, str, Json]] = [
        (one, other, "m.key.verification.request", {"methods": ["m.sas.v1"], "timestamp": 0}),
        (other, one, "m.key.verification.ready", {"methods": ["m.sas.v1"]}),
        (one, other, "m.key.verification.done", {}),
    ]
    for sender, receiver, kind, rest in steps:
        content = {**about, "from_device": sender.device, **rest}
        await sender.whisper(receiver, kind, content)
        got = await receiver.sees(partial(whispered, kind=kind))
        assert (got["sender"], got["content"]) == (sender.user_id, content)


async def test_cross_signing(phones: dict[str, Person]) -> None:
    """Signing keys are set up, seen by others, and somebody else's key is signed."""
    pupil, classmate = phones["pupil"], phones["classmate"]
    ours, theirs = Keys(), Keys()
    for phone, keys in ((pupil, ours), (classmate, theirs)):
        body = {**keys.of_person(phone.user_id), "auth": phone.proof}
        await phone.call("POST", "keys/device_signing/upload", body)
    people: Json = {"device_keys": {pupil.user_id: [], classmate.user_id: []}}
    seen = (await classmate.call("POST", "keys/query", people)).body
    assert seen["master_keys"][pupil.user_id] == ours.of_person(pupil.user_id)["master_key"]
    assert pupil.user_id in seen["self_signing_keys"]
    assert pupil.user_id not in seen["user_signing_keys"]
    master = seen["master_keys"][pupil.user_id]
    signed = theirs.sign(master, classmate.user_id)
    (name,) = (key.partition(":")[2] for key in master["keys"])
    answer = await classmate.call("POST", "keys/signatures/upload", {pupil.user_id: {name: signed}})
    assert answer.body["failures"] == {}
    seen = (await classmate.call("POST", "keys/query", people)).body["master_keys"]
    assert classmate.user_id in seen[pupil.user_id]["signatures"]


async def test_keys_are_backed_up_and_restored(phones: dict[str, Person]) -> None:
    pupil, tablet = phones["pupil"], phones["tablet"]
    kind = "m.megolm_backup.v1.curve25519-aes-sha2"
    made = {"algorithm": kind, "auth_data": {"public_key": "x", "signatures": {}}}
    version = (await pupil.call("POST", "room_keys/version", made)).body["version"]
    session: Json = {
        "first_message_index": 0,
        "forwarded_count": 0,
        "is_verified": True,
        "session_data": {"ciphertext": "x", "ephemeral": "x", "mac": "x"},
    }
    kept = {"rooms": {"!chat:x": {"sessions": {"one": session}}}}
    await pupil.call("PUT", "room_keys/keys", kept, version=version)
    assert (await tablet.get("room_keys/version"))["version"] == version
    assert await tablet.get("room_keys/keys", version=version) == kept


async def test_a_new_device_is_told_of_named_and_removed(school_day: SchoolDay) -> None:
    pupil = school_day.pupil
    fresh = await pupil.again()
    await fresh.call("POST", "keys/upload", Keys().of_device(fresh.user_id, fresh.device))
    await school_day.classmate.sees(
        lambda news: pupil.user_id in news.get("device_lists", {}).get("changed", [])
    )
    done(await pupil.nio.update_device(fresh.device, {"display_name": "Старый телефон"}))
    names = {device.id: device.display_name for device in done(await pupil.nio.devices()).devices}
    assert names[fresh.device] == "Старый телефон"
    asked = await pupil.nio.delete_devices([fresh.device])
    proof = {**pupil.proof, "session": asked.session}
    done(await pupil.nio.delete_devices([fresh.device], proof))
    assert isinstance(await fresh.nio.whoami(), nio.WhoamiError)
    await fresh.close()


async def test_signing_in_and_out_with_a_new_password(school_day: SchoolDay) -> None:
    parent = school_day.parent
    old, parent.password = parent.proof, secrets.token_urlsafe(12)
    change = {"new_password": parent.password, "logout_devices": False, "auth": old}
    await parent.call("POST", "account/password", change)
    tablet = await parent.again()
    who = done(await tablet.nio.whoami())
    assert (who.user_id, who.device_id) == (parent.user_id, tablet.device)
    done(await tablet.nio.logout())
    assert isinstance(await tablet.nio.whoami(), nio.WhoamiError)
    await tablet.close()


async def test_a_session_is_renewed(school_day: SchoolDay) -> None:
    """With a refresh token, by plain HTTP."""
    classmate = school_day.classmate
    first = (await classmate.call("POST", "login", {**classmate.proof, "refresh_token": True})).body
    asked = {"refresh_token": first["refresh_token"]}
    tablet = await classmate.again()
    tablet.nio.access_token = (await classmate.call("POST", "refresh", asked)).body["access_token"]
    assert (await tablet.get("account/whoami"))["device_id"] == first["device_id"]
    sent = await tablet.say(school_day.rooms["pupils"], "снова я")
    await school_day.pupil.hears(school_day.rooms["pupils"], sent)
    await tablet.close()


async def test_a_word_to_be_told_of(school_day: SchoolDay) -> None:
    """A rule of one's own for notifications highlights a word, and is taken away again."""
    pupil, room, word = school_day.pupil, school_day.rooms["pupils"], secrets.token_hex(6)
    kind = nio.api.PushRuleKind.content
    told = [nio.PushNotify(), nio.PushSetTweak("highlight", True)]
    await pupil.nio.set_pushrule("global", kind, "word", actions=told, pattern=word)
    await school_day.classmate.say(room, f"кто помнит {word}?")
    await pupil.sees(
        lambda news: joined(news, room).get("unread_notifications", {}).get("highlight_count")
    )
    done(await pupil.nio.delete_pushrule("global", kind, "word"))
    assert word not in everything(await pupil.get("pushrules/"))


async def test_what_a_client_asks_the_server_first(school_day: SchoolDay) -> None:
    pupil = school_day.pupil
    assert "v1.11" in (await pupil.get("/_matrix/client/versions"))["versions"]
    able = (await pupil.get("capabilities"))["capabilities"]
    assert able["m.change_password"] == {"enabled": True}
    assert done(await pupil.nio.content_repository_config()).upload_size > 0
    assert (await pupil.get(f"{V1}/media/config"))["m.upload.size"] > 0
    assert (await pupil.get("voip/turnServer"))["uris"] == ["turn:turn.school.example"]
    assert (await pupil.get("account/3pid"))["threepids"] == []
    assert (await pupil.get("pushers"))["pushers"] == []
    assert "global" in await pupil.get("pushrules/")
