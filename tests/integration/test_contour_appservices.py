"""Application services beside the bridge's: what they are sent, and whom they may play."""

from __future__ import annotations

import asyncio
import json
import secrets
from typing import TYPE_CHECKING, Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from sferum_bridge.demo.processes import ChildFailedError
from sferum_bridge.demo.synapse import SynapseProcess
from tests.conftest import register_bot
from tests.support.class_rooms import open_school
from tests.support.ports import reserve_port
from tests.support.synapse import (
    BOT,
    SERVER_NAME,
    Account,
    Homeserver,
    settings_for,
    write_registration,
)

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.class_rooms import School


class Other:
    """Another application service, which claims people, all rooms and all aliases."""

    def __init__(self, folder: Path, users: str, port: int = 0, *, exclusive: bool = False) -> None:
        self.sent: list[dict[str, Any]] = []
        self._came = asyncio.Event()
        self.path = folder / "other.json"
        self.account = Account(f"@other:{SERVER_NAME}", secrets.token_urlsafe(16))
        claims = {"users": users, "rooms": "!.*", "aliases": "#.*"}
        registration = {
            "id": "other",
            "url": f"http://127.0.0.1:{port}" if port else None,
            "as_token": self.account.token,
            "hs_token": secrets.token_urlsafe(16),
            "sender_localpart": "other",
            "receive_ephemeral": True,
            "namespaces": {
                kind: [{"exclusive": exclusive, "regex": regex}] for kind, regex in claims.items()
            },
        }
        self.path.write_text(json.dumps(registration), "utf-8")
        self.application = web.Application()
        self.application.router.add_route("*", "/{path:.*}", self._take)

    async def _take(self, request: web.Request) -> web.Response:
        if request.can_read_body:
            self.sent.append(await request.json())
            self._came.set()
        return web.json_response({})

    async def heard(self, text: str) -> str:
        """Wait until it was sent a text; return all that it was sent."""
        async with asyncio.timeout(20):
            while text not in json.dumps(self.sent, ensure_ascii=False):
                self._came.clear()
                await self._came.wait()
        return json.dumps(self.sent, ensure_ascii=False)


def prepare(folder: Path, other: Other) -> Homeserver:
    """Set up a Synapse with another application service beside the bridge's."""
    own, bot = write_registration(folder)
    secret = secrets.token_urlsafe(32)
    settings = settings_for(
        folder, registrations=(own, other.path), contour={"secret": secret, "bot": BOT}
    )
    return Homeserver(SynapseProcess(settings), bot=bot, facts_secret=secret)


async def test_synapse_does_not_start_where_another_takes_the_ghosts(tmp_path: Path) -> None:
    server = prepare(tmp_path, Other(tmp_path, "@sferum_.*", exclusive=True))
    with pytest.raises(ChildFailedError) as failed:
        await server.process.start()
    assert "`other` claims accounts of the bridge" in " ".join(str(failed.value).split())


@pytest.mark.parametrize("users", ["@.*", "@(pupil|outsider)-.*"])
async def test_another_application_service_hears_and_plays_nobody_of_the_school(
    tmp_path: Path, users: str
) -> None:
    port = reserve_port()
    other = Other(tmp_path, users, port)
    server = prepare(tmp_path, other)
    async with TestServer(other.application, port=port):
        await server.process.start()
        try:
            await register_bot(server)
            school = await open_school(server)
            await _hears_outsiders_only(school, other)
            await _plays_outsiders_only(school, other)
            await _names_outsiders_rooms_only(school, other)
            log = server.process.log_tail(400)
            assert log.count("The application service other claims school accounts") == 1
        finally:
            await server.process.stop()


async def _hears_outsiders_only(school: School, other: Other) -> None:
    yard = await school.server.room(school.outsider, name="Двор")
    room = school.rooms["pupils"]
    for place, who, text in ((room, school.pupil, "урок"), (yard, school.outsider, "мяч")):
        body = {"msgtype": "m.text", "body": text}
        for path in (f"rooms/{place}/send/m.room.message/1", f"rooms/{place}/typing/{who.user_id}"):
            content = body if "message" in path else {"typing": True, "timeout": 9000}
            assert (await school.call(who, "PUT", path, content)).status == 200
        events = await school.call(who, "GET", f"rooms/{place}/messages?dir=b&limit=1")
        receipt = f"rooms/{place}/receipt/m.read/{events.body['chunk'][0]['event_id']}"
        assert (await school.call(who, "POST", receipt, {})).status == 200
    # All that concerns a room comes in order, so what came before the last of it did come.
    heard = await other.heard("m.receipt")
    for expected in ("мяч", "m.typing"):
        assert expected in heard
    assert yard in heard
    people = (school.pupil, school.teacher, school.server.bot)
    for secret in (*school.rooms.values(), *(person.user_id for person in people)):
        assert secret not in heard


async def _plays_outsiders_only(school: School, other: Other) -> None:
    for who, allowed in ((school.pupil, False), (school.outsider, True)):
        whoami = await school.server.call(
            "GET", "account/whoami", by=other.account, params={"user_id": who.user_id}
        )
        login = await school.call(
            other.account,
            "POST",
            "login",
            {
                "type": "m.login.application_service",
                "identifier": {"type": "m.id.user", "user": who.user_id},
            },
        )
        assert [whoami.status, login.status] == ([200, 200] if allowed else [403, 403])
    members = await school.call(
        other.account, "GET", f"rooms/{school.rooms['pupils']}/joined_members"
    )
    assert members.status == 403
    made = {"type": "m.login.application_service", "username": "pupil-of-mine"}
    assert (await school.call(other.account, "POST", "register", made)).status == 200
    made["username"] = school.pupil.user_id[1:].partition(":")[0]
    refused = await school.call(other.account, "POST", "register", made)
    assert (refused.status, refused.errcode) == (400, "M_EXCLUSIVE")


async def _names_outsiders_rooms_only(school: School, other: Other) -> None:
    yard = await school.server.room(school.outsider, name="Двор", preset="public_chat")
    hidden = school.rooms["pupils"]
    for room, alias in ((yard, "yard"), (hidden, "lessons")):
        path = f"directory/list/appservice/net/{room}"
        listed = await school.call(other.account, "PUT", path, {"visibility": "public"})
        assert listed.status == 200
        path = f"directory/room/%23{alias}:{SERVER_NAME}"
        named = await school.call(other.account, "PUT", path, {"room_id": room})
        found = await school.call(None, "GET", path)
        assert [named.status, found.status] == ([200, 200] if room == yard else [400, 404])
        joined = await school.call(school.other_outsider, "POST", f"join/%23{alias}:{SERVER_NAME}")
        assert joined.status == (200 if room == yard else 404)
    body = {"include_all_networks": True}
    lists = await school.call(school.outsider, "POST", "publicRooms", body)
    assert [room["room_id"] for room in lists.body["chunk"]] == [yard]
