"""H13: what a server administrator can still do by the admin API is what docs/contour.md says.

No module holds against whoever commands the server (see there); what must not be is that the list
of these ways is short of one. Each is gone here and has to succeed, and has to stand in the list.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.contour.sight import until

if TYPE_CHECKING:
    from tests.contour.actors import Json
    from tests.contour.world import World

pytestmark = pytest.mark.asyncio(loop_scope="session")

LIST = (
    (Path(__file__).resolve().parents[2] / "docs" / "contour.md")
    .read_text("utf-8")
    .partition("## What a server administrator can still do")[2]
)
"""The section that lists the ways."""

READS = {
    "rooms/…/messages": "v1/rooms/{room}/messages?dir=b",
    "rooms/…/context": "v1/rooms/{room}/context/{event}",
    "rooms/…/state": "v1/rooms/{room}/state",
    "rooms/…/members": "v1/rooms/{room}/members",
    "rooms/…/hierarchy": "v1/rooms/{space}/hierarchy",
    "rooms/…/timestamp_to_event": "v1/rooms/{room}/timestamp_to_event?ts=0&dir=f",
    "rooms": "v1/rooms?search_term=!",
    "fetch_event": "v1/fetch_event/{event}",
    "event_reports": "v1/event_reports",
    "user_reports": "v1/user_reports",
    "room/…/media": "v1/room/{room}/media",
    "users": "v2/users?user_id=s1",
    "users/…/devices": "v2/users/{user}/devices",
    "users/…/joined_rooms": "v1/users/{user}/joined_rooms",
    "users/…/memberships": "v1/users/{user}/memberships",
    "users/…/accountdata": "v1/users/{user}/accountdata",
    "users/…/pushers": "v1/users/{user}/pushers",
    "users/…/media": "v1/users/{user}/media",
    "whois": "v1/whois/{user}",
    "statistics": "v1/statistics/users/media",
}


def _filled(world: World, path: str) -> str:
    return "/_synapse/admin/" + path.format(
        room=world.rooms["pupils"],
        space=world.rooms["class_space"],
        event=world.message,
        user=world.s1.user_id,
    )


@pytest.mark.parametrize("way", READS)
async def test_what_can_be_read_is_said(closed: World, way: str) -> None:
    answer = await closed.x.get(_filled(closed, READS[way]))
    assert answer.status == 200, answer
    assert f"`{way}`" in LIST
    # It is open to administrators of the server alone.
    for actor in (closed.o, closed.a1, closed.anonymous):
        assert (await actor.get(_filled(closed, READS[way]))).status in {401, 403}


async def test_acting_as_somebody_is_said_and_ends_with_the_role(closed: World) -> None:
    """Whoever has a pupil's token is that pupil, and no more: the contour sees the account."""
    pupil = await closed.person("class/7b/pupils")
    path = f"/_synapse/admin/v1/users/{pupil.user_id}/login"
    answer = await closed.x.post(path)
    assert answer.status == 200, answer
    assert "`users/…/login`" in LIST
    token = answer.body["access_token"]
    played = type(pupil)(pupil.wire, pupil.base, pupil.user_id, token)
    assert (await played.get("account/whoami")).body["user_id"] == pupil.user_id
    for refused in (closed.o, closed.s3):
        assert not await played.create(invite=[refused.user_id])
    # Nothing in the person's own list of sessions shows it, which the list says, too.
    devices = (await pupil.get("devices")).body["devices"]
    assert [device["device_id"] for device in devices] == [pupil.device]
    assert "no session in the person's list" in LIST


async def test_changes_to_accounts_are_said(closed: World) -> None:
    pupil = await closed.person("class/7b/pupils")
    admin = "/_synapse/admin"
    name = {"displayname": "Другое имя"}
    changed = await closed.x.put(f"{admin}/v2/users/{pupil.user_id}", name)
    assert changed.status == 200, changed
    changes: tuple[tuple[str, str, str, Json], ...] = (
        ("suspend", "PUT", "v1/suspend/{}", {"suspend": True}),
        ("shadow_ban", "POST", "v1/users/{}/shadow_ban", {}),
        ("redact", "POST", "v1/user/{}/redact", {"rooms": []}),
    )
    for way, method, path, body in changes:
        answer = await closed.x.call(method, f"{admin}/{path.format(pupil.user_id)}", body)
        assert answer.status == 200, (way, answer)
        assert way in LIST


async def test_a_class_is_not_moved_to_an_administrators_room(closed: World) -> None:
    """Deleting a room can bring its people into another one, of an account that is named."""
    room = await closed.loose_room(fresh=True)
    body = {"new_room_user_id": closed.x.user_id, "room_name": "Новый класс", "purge": False}
    answer = await closed.x.call("DELETE", f"/_synapse/admin/v2/rooms/{room}", body)
    path = f"/_synapse/admin/v2/rooms/delete_status/{answer.body.get('delete_id', '')}"

    async def is_over() -> bool:
        status = (await closed.x.get(path)).body.get("status", "failed")
        return status in {"complete", "failed"}

    assert await until(is_over, 20)
    new = await closed.x.get("joined_rooms")
    for other in new.body["joined_rooms"]:
        for pupil in (closed.s1, closed.t1):
            assert not await closed.is_member(other, pupil.user_id, seen_by=closed.x)
