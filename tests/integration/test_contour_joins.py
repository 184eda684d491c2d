"""In which name people of the school come into rooms: that of their profile, and no other."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest_asyncio

from tests.support.class_rooms import School, open_school

if TYPE_CHECKING:
    from tests.support.synapse import Homeserver


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def school(homeserver: Homeserver) -> School:
    return await open_school(homeserver)


async def test_a_join_shows_the_name_of_the_profile(school: School) -> None:
    pupil = school.pupil
    room = await school.server.room(school.teacher, invite=[pupil.user_id])
    member = f"rooms/{room}/state/m.room.member/{pupil.user_id}"
    name = (await school.call(pupil, "GET", f"profile/{pupil.user_id}")).body["displayname"]
    for content in ({"displayname": "Директор"}, {}, {"displayname": name}, {"displayname": ""}):
        await school.call(pupil, "PUT", member, {"membership": "join", **content})
        seen = await school.call(school.teacher, "GET", member)
        assert seen.body.get("membership") == "join"
        assert seen.body["displayname"] == name
