"""Rooms and files of the contour, asked for by those who know their ids and should get nothing.

What is refused is answered as for something that does not exist, so each attempt is made twice:
with the id of the school's room or file, and with one made up. Beside it stand the same things of
outsiders, and of people who may, where everything works.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import pytest_asyncio

from tests.support.class_rooms import PICTURE, School, open_school
from tests.support.synapse import SERVER_NAME

if TYPE_CHECKING:
    from tests.support.synapse import Homeserver


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def school(homeserver: Homeserver) -> School:
    return await open_school(homeserver)


MEMBERSHIPS: tuple[tuple[str, str, object], ...] = (
    ("POST", "join/{}", {}),
    ("POST", "rooms/{}/join", {}),
    ("POST", f"join/{{}}?via={SERVER_NAME}", {}),
    ("POST", "knock/{}", {}),
    ("POST", "rooms/{}/leave", {}),
    ("POST", "rooms/{}/invite", {"user_id": f"@nobody:{SERVER_NAME}"}),
    ("POST", "rooms/{}/kick", {"user_id": f"@nobody:{SERVER_NAME}"}),
)


@pytest.mark.parametrize(("method", "path", "body"), MEMBERSHIPS)
async def test_a_room_looks_like_none_to_whom_it_does_not_admit(
    school: School, method: str, path: str, body: object
) -> None:
    room = school.rooms["pupils"]
    for who in (school.outsider, school.parent):
        refused = await school.oracle(who, method, path, room, body)
        assert refused.status >= 400
    assert await school.members(room, school.pupil) == {
        school.pupil.user_id,
        school.server.bot.user_id,
    }


async def test_a_member_event_of_ones_own_is_no_way_round(school: School) -> None:
    for membership in ("join", "knock"):
        path = f"rooms/{{}}/state/m.room.member/{school.outsider.user_id}"
        content = {"membership": membership}
        refused = await school.oracle(school.outsider, "PUT", path, school.rooms["pupils"], content)
        assert refused.status == 404
    assert school.outsider.user_id not in await school.members(school.rooms["pupils"], school.pupil)


QUESTIONS: tuple[tuple[str, str, object], ...] = (
    ("GET", "/_matrix/client/v1/room_summary/{}", None),
    ("GET", f"/_matrix/client/v1/room_summary/{{}}?via={SERVER_NAME}", None),
    ("GET", "/_matrix/client/unstable/im.nheko.summary/summary/{}", None),
    ("GET", "/_matrix/client/v1/rooms/{}/hierarchy", None),
    ("GET", "directory/list/room/{}", None),
    ("PUT", "directory/list/room/{}", {"visibility": "public"}),
    ("PUT", "directory/list/room/{}", {"visibility": "private"}),
    ("PUT", f"directory/room/%23free:{SERVER_NAME}", {"room_id": "{}"}),
    ("POST", "rooms/{}/upgrade", {"new_version": "11"}),
    ("POST", "rooms/{}/report", {"reason": "x"}),
    ("PUT", "rooms/{}/redact/$event/1", {}),
    ("GET", "rooms/{}/messages?dir=b", None),
    ("GET", "rooms/{}/members", None),
    ("GET", "rooms/{}/joined_members", None),
    ("GET", "rooms/{}/state", None),
    ("GET", "rooms/{}/state/m.room.name/", None),
    ("GET", "rooms/{}/initialSync", None),
    ("GET", "rooms/{}/aliases", None),
    ("GET", "/_matrix/client/v1/rooms/{}/timestamp_to_event?ts=0&dir=f", None),
)


@pytest.mark.parametrize(("method", "path", "body"), QUESTIONS)
@pytest.mark.parametrize("who", ["outsider", "parent", None])
async def test_no_question_tells_that_a_room_exists(
    school: School, method: str, path: str, body: object, who: str | None
) -> None:
    by = getattr(school, who) if who else None
    answer = await school.oracle(by, method, path, school.rooms["pupils"], body)
    assert answer.status >= 400
    assert "7Б" not in str(answer.body)


async def test_a_member_sees_the_summary_and_cannot_replace_or_publish_the_room(
    school: School,
) -> None:
    room = school.rooms["pupils"]
    summary = await school.call(school.pupil, "GET", f"/_matrix/client/v1/room_summary/{room}")
    assert summary.body["name"] == "7Б pupils"
    attempts = (
        ("POST", f"rooms/{room}/upgrade", {"new_version": "11"}),
        ("PUT", f"directory/list/room/{room}", {"visibility": "public"}),
        ("PUT", f"directory/room/%23own:{SERVER_NAME}", {"room_id": room}),
    )
    for method, path, body in attempts:
        assert (await school.call(school.pupil, method, path, body)).status in {400, 403}
    state = await school.call(school.pupil, "GET", f"rooms/{room}/state")
    assert "m.room.tombstone" not in {event["type"] for event in state.body[""]}
    listed = await school.call(school.outsider, "GET", "publicRooms")
    assert room not in str(listed.body)


async def test_an_event_shows_to_members_only_though_history_is_open_to_the_world(
    school: School,
) -> None:
    room = school.rooms["pupils"]
    path = f"rooms/{room}/send/m.room.message/open"
    body = {"msgtype": "m.text", "body": "Контрольная"}
    event = (await school.call(school.pupil, "PUT", path, body)).body["event_id"]
    for path in (f"rooms/{room}/event/{event}", f"rooms/{room}/context/{event}"):
        seen = await school.call(school.pupil, "GET", path)
        assert "Контрольная" in str(seen.body)
        for who in (school.outsider, school.parent):
            refused = await school.call(who, "GET", path)
            missing = await school.call(who, "GET", path.replace(event, "$" + "A" * 43))
            assert refused.status == missing.status == 404
            assert refused.body == missing.body


async def test_an_outsiders_open_room_is_read_by_everybody(school: School) -> None:
    history = {"history_visibility": "world_readable"}
    room = await school.server.room(
        school.outsider,
        name="Двор",
        initial_state=[{"type": "m.room.history_visibility", "state_key": "", "content": history}],
    )
    read = await school.call(school.other_outsider, "GET", f"rooms/{room}/messages?dir=b")
    assert "Двор" in str(read.body)


async def test_a_space_names_only_the_rooms_one_may_be_in(school: School) -> None:
    space, pupils, parents = (school.rooms[name] for name in ("space", "pupils", "parents"))
    assert await school.children(school.pupil, space) == {space, pupils}
    assert await school.children(school.parent, space) == {space, parents}
    assert await school.children(school.server.bot, space) == {space, pupils, parents}


async def test_a_strangers_space_shows_no_room_of_the_school(school: School) -> None:
    space = await school.server.room(school.outsider, creation_content={"type": "m.space"})
    room = await school.server.room(school.outsider, name="Двор")
    for child in (room, school.rooms["pupils"]):
        path = f"rooms/{space}/state/m.space.child/{child}"
        answer = await school.call(school.outsider, "PUT", path, {"via": [SERVER_NAME]})
        assert answer.status == 200
    assert await school.children(school.outsider, space) == {space, room}


async def test_outsiders_rooms_work_as_ever(school: School) -> None:
    room = await school.server.room(
        school.outsider, name="Двор", preset="public_chat", power_level_content_override={}
    )
    summary = await school.call(None, "GET", f"/_matrix/client/v1/room_summary/{room}")
    assert summary.body["name"] == "Двор"
    other = school.other_outsider
    assert (await school.call(other, "POST", f"join/{room}", {})).status == 200
    assert (await school.call(other, "POST", f"rooms/{room}/leave", {})).status == 200
    assert (await school.call(other, "POST", f"rooms/{room}/report", {"reason": "x"})).status == 200
    answer = await school.call(
        school.outsider, "POST", f"rooms/{room}/upgrade", {"new_version": "11"}
    )
    assert answer.status == 200
    assert answer.body["replacement_room"] != room


async def test_a_pupils_own_room_is_hidden_from_strangers(school: School) -> None:
    room = await school.server.room(school.pupil, invite=[school.teacher.user_id])
    for method, path, body in (*MEMBERSHIPS, *QUESTIONS):
        refused = await school.oracle(school.outsider, method, path, room, body)
        assert refused.status >= 400
    assert (await school.call(school.teacher, "POST", f"join/{room}", {})).status == 200
    left = await school.call(school.pupil, "POST", f"rooms/{room}/leave", {})
    assert left.status == 200


@pytest.mark.parametrize("kind", ["download", "thumbnail", "legacy", "legacy thumbnail"])
async def test_files_open_to_those_who_may_see_their_owner(school: School, kind: str) -> None:
    path = {
        "download": f"/_matrix/client/v1/media/download/{SERVER_NAME}/{{}}",
        "thumbnail": f"/_matrix/client/v1/media/thumbnail/{SERVER_NAME}/{{}}?width=1&height=1",
        "legacy": f"/_matrix/media/v3/download/{SERVER_NAME}/{{}}",
        "legacy thumbnail": f"/_matrix/media/v3/thumbnail/{SERVER_NAME}/{{}}?width=1&height=1",
    }[kind]
    of_pupil, of_bot, of_outsider = [
        await school.upload(who) for who in (school.pupil, school.server.bot, school.outsider)
    ]
    for media in (of_pupil, of_bot):
        for who in (school.outsider, None):
            status, body = await school.fetch(who, path.format(media))
            missing = await school.fetch(who, path.format("A" * len(media)))
            same = missing[1].replace(b"A" * len(media), media.encode())
            assert (status, body) == (missing[0], same)
            assert status in {401, 404}
    status, _ = await school.fetch(school.pupil, path.format(of_outsider))
    assert status == 404
    if kind.startswith("legacy"):
        return  # these ask for no account, and serve nothing new any more
    for who in (school.pupil, school.parent, school.teacher, school.server.bot):
        status, body = await school.fetch(who, path.format(of_pupil))
        assert status == 200, body
        assert body.startswith(PICTURE[:4])
    # The bot has shown it to nobody yet.
    assert (await school.fetch(school.pupil, path.format(of_bot)))[0] == 404
    assert (await school.fetch(school.server.bot, path.format(of_bot)))[0] == 200
    status, body = await school.fetch(school.other_outsider, path.format(of_outsider))
    assert (status, body[:4]) == (200, PICTURE[:4])


async def test_a_file_to_come_is_hidden_too(school: School) -> None:
    made = await school.call(school.pupil, "POST", "/_matrix/media/v1/create", {})
    media = str(made.body["content_uri"]).rpartition("/")[2]
    path = f"/_matrix/media/v3/upload/{SERVER_NAME}/{{}}"
    refused = await school.oracle(school.outsider, "PUT", path, media, {"x": 1})
    assert refused.status == 404
    path = f"/_matrix/client/v1/media/download/{SERVER_NAME}/{media}?timeout_ms=1"
    assert (await school.fetch(school.outsider, path))[0] == 404
    assert (await school.fetch(school.pupil, path))[0] == 504


async def test_files_and_pages_from_elsewhere_are_not_fetched_for_the_school(
    school: School,
) -> None:
    answer = await school.call(
        school.pupil, "GET", "/_matrix/client/v1/media/download/elsewhere.example/abc"
    )
    assert (answer.status, answer.errcode) == (404, "M_NOT_FOUND")
