"""Who gets into a school room, seen by those who try and by those who are tried on.

Every school room here is made with the public join rule and nearly no power levels, so that
nothing but the module stands at the door; beside it is a room made alike that the school does not
know, where the same attempts succeed.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any

import pytest
import pytest_asyncio

from tests.support.synapse import SERVER_NAME, Account, Answer, Homeserver

PUPILS = "class/1/pupils"
PARENTS = "class/1/parents"


@dataclass(frozen=True)
class School:
    """A pupils' room, people of several roles, and a room like it that is no school room."""

    server: Homeserver
    room: str
    other_room: str
    pupil: Account
    other_pupil: Account
    parent: Account
    other_parent: Account
    outsider: Account
    admin: Account
    """An administrator of the server with no part in the class."""
    teaching_admin: Account
    """An administrator of the server who belongs to the room as well."""

    async def push(self, **changes: Any) -> Answer:
        now = await self.server.generation()
        return await self.server.push(
            {"generation": now + 1, "kind": "delta", "base": now, **changes}
        )

    async def invite(self, by: Account, whom: Account, room: str) -> Answer:
        body = {"user_id": whom.user_id}
        return await self.server.call("POST", f"rooms/{room}/invite", body, by=by)

    async def invite_by_state(self, by: Account, whom: Account, room: str) -> Answer:
        path = f"rooms/{room}/state/m.room.member/{whom.user_id}"
        return await self.server.call("PUT", path, {"membership": "invite"}, by=by)

    async def join(self, by: Account, room: str) -> Answer:
        return await self.server.call("POST", f"rooms/{room}/join", {}, by=by)

    async def join_by_state(self, by: Account, room: str) -> Answer:
        path = f"rooms/{room}/state/m.room.member/{by.user_id}"
        return await self.server.call("PUT", path, {"membership": "join"}, by=by)


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def people(homeserver: Homeserver) -> dict[str, Account]:
    names = ("pupil", "other_pupil", "parent", "other_parent", "outsider")
    return {name: await homeserver.account(name) for name in names} | {
        name: await homeserver.account(name, admin=True) for name in ("admin", "teaching_admin")
    }


@pytest_asyncio.fixture
async def school(homeserver: Homeserver, people: dict[str, Account]) -> School:
    room, other_room = [
        await homeserver.room(
            homeserver.bot,
            preset="public_chat",
            power_level_content_override={"invite": 0, "state_default": 0, "events_default": 0},
        )
        for _ in range(2)
    ]
    school = School(homeserver, room, other_room, **people)
    answer = await homeserver.push(
        {
            "generation": await homeserver.generation() + 1,
            "kind": "full",
            "service": [homeserver.bot.user_id],
            "ghost_prefix": "@sferum_",
            "people": {
                school.pupil.user_id: [PUPILS],
                school.other_pupil.user_id: [PUPILS],
                school.parent.user_id: [PARENTS],
                school.other_parent.user_id: [PARENTS],
                school.teaching_admin.user_id: [PUPILS, PARENTS],
            },
            "kin": {},
            "schools": {"1": {"classes": ["1"], "contacts": {}}},
            "rooms": {
                room: {"school": "1", "kind": "pupils", "audience": [PUPILS], "linked": False}
            },
        }
    )
    assert answer.status == 200, answer
    for somebody in (school.pupil, school.teaching_admin):
        assert (await school.join(somebody, room)).status == 200
    return school


async def test_the_bot_invites_a_pupil_who_joins_and_is_heard(school: School) -> None:
    server, newcomer = school.server, school.other_pupil
    assert (await school.invite(server.bot, newcomer, school.room)).status == 200
    assert await server.membership(school.room, newcomer) == "invite"
    assert (await school.join(newcomer, school.room)).status == 200
    path = f"rooms/{school.room}/send/m.room.message/1"
    sent = await server.call("PUT", path, {"msgtype": "m.text", "body": "привет"}, by=newcomer)
    assert sent.status == 200
    heard = await server.call("GET", f"rooms/{school.room}/messages?dir=b", by=school.pupil)
    assert heard.body["chunk"][0]["content"]["body"] == "привет"


@pytest.mark.parametrize("inviter", ["bot", "pupil", "teaching_admin"])
@pytest.mark.parametrize("how", ["invite", "invite_by_state"])
async def test_nobody_can_invite_who_does_not_belong(
    school: School, inviter: str, how: str
) -> None:
    by = school.server.bot if inviter == "bot" else getattr(school, inviter)
    for whom in (school.parent, school.outsider, school.admin):
        refused = await getattr(school, how)(by, whom, school.room)
        assert (refused.status, refused.errcode) == (403, "M_FORBIDDEN")
        assert await school.server.membership(school.room, whom) == ""
        # Nobody's school room: whom the bot invites there is its own affair.
        is_bot = inviter == "bot"
        elsewhere = await getattr(school, how)(by, whom, school.other_room)
        assert (elsewhere.status == 200) is is_bot
        assert (await school.server.membership(school.other_room, whom) == "invite") is is_bot


@pytest.mark.parametrize("inviter", ["pupil", "teaching_admin"])
async def test_only_the_bot_invites_even_who_belongs(school: School, inviter: str) -> None:
    refused = await school.invite(getattr(school, inviter), school.other_pupil, school.room)
    assert refused.status == 403
    assert await school.server.membership(school.room, school.other_pupil) == ""


@pytest.mark.parametrize("how", ["join", "join_by_state"])
async def test_nobody_joins_who_does_not_belong(school: School, how: str) -> None:
    for person in (school.outsider, school.admin, school.parent):
        refused = await getattr(school, how)(person, school.room)
        assert refused.status == 404  # as where there is no such room
        assert await school.server.membership(school.room, person) == ""
        # Not the parent, once there are others there.
        elsewhere = await getattr(school, how)(person, school.other_room)
        assert (elsewhere.status == 200) is (person is not school.parent)


async def test_an_administrator_cannot_put_others_in(school: School) -> None:
    for room, status in ((school.room, 404), (school.other_room, 200)):
        answer = await school.server.call(
            "POST",
            f"/_synapse/admin/v1/join/{room}",
            {"user_id": school.outsider.user_id},
            by=school.admin if room == school.other_room else school.teaching_admin,
        )
        assert answer.status == status, answer
    assert await school.server.membership(school.room, school.outsider) == ""


@pytest.mark.parametrize("who", ["outsider", "admin"])
async def test_a_new_rooms_state_carries_no_invite(school: School, who: str) -> None:
    creator: Account = getattr(school, who)
    invite = {
        "type": "m.room.member",
        "state_key": school.pupil.user_id,
        "content": {"membership": "invite"},
    }
    answer = await school.server.call("POST", "createRoom", {"initial_state": [invite]}, by=creator)
    assert (answer.status, answer.errcode) == (403, "M_FORBIDDEN")
    synced = await school.server.call("GET", "sync", by=school.pupil)
    assert not synced.body["rooms"].get("invite")


async def test_no_third_party_invite_is_left_in_a_school_room(school: School) -> None:
    content = {"display_name": "x", "key_validity_url": "https://id.example/", "public_key": "x"}
    for by in (school.server.bot, school.pupil, school.teaching_admin):
        path = f"rooms/{school.room}/state/m.room.third_party_invite/token"
        assert (await school.server.call("PUT", path, content, by=by)).status == 403
    assert (await school.join(school.outsider, school.other_room)).status == 200
    path = f"rooms/{school.other_room}/state/m.room.third_party_invite/token"
    assert (await school.server.call("PUT", path, content, by=school.outsider)).status == 200


async def test_an_address_is_not_invited(school: School) -> None:
    body = {
        "id_server": "id.example",
        "id_access_token": "x",
        "medium": "email",
        "address": "somebody@id.example",
    }
    for by in (school.pupil, school.teaching_admin):
        path = f"rooms/{school.room}/invite"
        assert (await school.server.call("POST", path, body, by=by)).status == 403


async def test_knocking_is_for_those_who_may_enter(school: School) -> None:
    for room in (school.room, school.other_room):
        path = f"rooms/{room}/state/m.room.join_rules"
        rule = await school.server.call("PUT", path, {"join_rule": "knock"}, by=school.server.bot)
        assert rule.status == 200
    knock = await school.server.call("POST", f"knock/{school.room}", {}, by=school.outsider)
    assert knock.status == 404
    knock = await school.server.call("POST", f"knock/{school.other_room}", {}, by=school.outsider)
    assert knock.status == 200


async def test_a_member_gets_a_new_name_from_the_school_alone(school: School) -> None:
    """A new name joins every room anew, which must go through for who belongs."""
    path, body = f"profile/{school.pupil.user_id}/displayname", {"displayname": "Новое Имя"}
    assert (await school.server.call("PUT", path, body, by=school.pupil)).status == 403
    assert (await school.server.call("PUT", path, body, by=school.admin)).status == 200
    path = f"rooms/{school.room}/state/m.room.member/{school.pupil.user_id}"
    async with asyncio.timeout(10):  # Synapse does it in the background
        while True:
            member = await school.server.call("GET", path, by=school.server.bot)
            if member.body["displayname"] == "Новое Имя":
                break
            await asyncio.sleep(0.1)


async def test_who_belongs_no_more_can_leave_and_not_come_back(school: School) -> None:
    assert (await school.push(people={school.pupil.user_id: None})).status == 200
    assert (await school.join(school.pupil, school.room)).status == 403
    path = f"rooms/{school.room}/leave"
    assert (await school.server.call("POST", path, {}, by=school.pupil)).status == 200
    assert (await school.join(school.pupil, school.room)).status == 403
    assert (await school.push(people={school.pupil.user_id: [PUPILS]})).status == 200
    assert (await school.join(school.pupil, school.room)).status == 200


async def test_the_bot_removes_and_bans(school: School) -> None:
    for kind, whom in (("kick", school.pupil), ("ban", school.teaching_admin)):
        path = f"rooms/{school.room}/{kind}"
        body = {"user_id": whom.user_id}
        assert (await school.server.call("POST", path, body, by=school.server.bot)).status == 200
        assert await school.server.membership(school.room, whom) == ""


async def test_an_old_invite_opens_nothing(school: School) -> None:
    server = school.server
    assert (await school.invite(server.bot, school.other_pupil, school.room)).status == 200
    assert (await school.push(people={school.other_pupil.user_id: [PARENTS]})).status == 200
    assert (await school.join(school.other_pupil, school.room)).status == 403


async def test_ghosts_enter_rooms_with_a_linked_chat_only(school: School) -> None:
    server, room = school.server, school.room
    localpart = f"sferum_{room[1:9].lower()}"
    body = {
        "type": "m.login.application_service",
        "username": localpart,
        "inhibit_login": True,
    }
    made = await server.call("POST", "register", body, by=server.bot)
    assert made.status == 200, made
    masquerade = {"user_id": f"@{localpart}:{SERVER_NAME}"}
    path = f"rooms/{room}/join"
    assert (await server.call("POST", path, {}, by=server.bot, params=masquerade)).status == 403
    fact = {"school": "1", "kind": "pupils", "audience": [PUPILS], "linked": True}
    assert (await school.push(rooms={room: fact})).status == 200
    assert (await server.call("POST", path, {}, by=server.bot, params=masquerade)).status == 200


async def test_a_room_given_up_opens_when_the_last_of_the_school_has_left(school: School) -> None:
    assert (await school.push(rooms={school.room: None})).status == 200
    for member in (school.pupil, school.teaching_admin):
        assert (await school.join(school.outsider, school.room)).status == 404
        path = f"rooms/{school.room}/leave"
        assert (await school.server.call("POST", path, {}, by=member)).status == 200
    assert (await school.join(school.outsider, school.room)).status == 200


async def test_refusals_are_logged_once_with_ids_only(school: School) -> None:
    await school.invite(school.pupil, school.outsider, school.room)
    lines = [
        line
        for line in school.server.process.log_tail(200).splitlines()
        if "Refused" in line and school.outsider.user_id in line and school.room in line
    ]
    assert len(lines) == 1
    assert "not_inviter" in lines[0]


@pytest.mark.parametrize(
    ("is_direct", "others", "encrypted"),
    [(True, [], False), (False, [], True), (True, ["other_parent"], True)],
)
async def test_a_direct_chat_with_the_bot_alone_comes_out_unencrypted(
    school: School, *, is_direct: bool, others: list[str], encrypted: bool
) -> None:
    server = school.server
    invited = [server.bot, *(getattr(school, name) for name in others)]
    encryption = {
        "type": "m.room.encryption",
        "state_key": "",
        "content": {"algorithm": "m.megolm.v1.aes-sha2"},
    }
    guests = {
        "type": "m.room.guest_access",
        "state_key": "",
        "content": {"guest_access": "can_join"},
    }
    room = await server.room(
        school.parent,
        preset="trusted_private_chat",
        is_direct=is_direct,
        invite=[account.user_id for account in invited],
        initial_state=[encryption, guests],
    )
    state = await server.call("GET", f"rooms/{room}/state", by=school.parent)
    types = {event["type"] for event in state.body[""]}
    assert ("m.room.encryption" in types) is encrypted
    assert "m.room.guest_access" in types
    assert (await school.join(server.bot, room)).status == 200
