"""Beside another module that allows everything and rewrites events: the contour holds (L09)."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Any

import pytest

from sferum_bridge.demo.synapse import CONTOUR_MODULE, SynapseProcess
from tests.conftest import register_bot
from tests.support.class_rooms import open_school
from tests.support.synapse import BOT, OVERRIDES, Homeserver, settings_for, write_registration

if TYPE_CHECKING:
    from pathlib import Path

NEIGHBOUR = '''
from synapse.module_api import NOT_SPAM

MARK = "org.example.mark"


class Neighbour:
    """Lets everything through, and marks every message."""

    def __init__(self, config, api):
        api.register_spam_checker_callbacks(
            user_may_invite=self.yes,
            federated_user_may_invite=self.yes,
            user_may_join_room=self.yes,
            user_may_create_room=self.yes,
            user_may_create_room_alias=self.yes,
            user_may_publish_room=self.yes,
            check_username_for_spam=self.not_spam,
        )
        api.register_third_party_rules_callbacks(
            check_event_allowed=self.mark,
            check_visibility_can_be_modified=self.allowed,
        )

    @staticmethod
    def parse_config(config):
        return config

    async def yes(self, *about):
        return NOT_SPAM

    async def not_spam(self, *about):
        return False

    async def allowed(self, *about):
        return True

    async def mark(self, event, state):
        if event.type != "m.room.message":
            return True, None
        content = {**event.get_dict(), "content": {**event.content, MARK: True}}
        return True, content
'''


@pytest.mark.parametrize("ours_first", [True, False], ids=["before", "after"])
async def test_the_contour_holds_beside_a_module_that_allows_everything(
    tmp_path: Path, *, ours_first: bool
) -> None:
    (tmp_path / "neighbour.py").write_text(NEIGHBOUR, "utf-8")
    registration, bot = write_registration(tmp_path)
    secret = secrets.token_urlsafe(32)
    modules: list[dict[str, Any]] = [
        {"module": "neighbour.Neighbour", "config": {}},
        {"module": CONTOUR_MODULE, "config": {"secret": secret, "bot": BOT}},
    ]
    if ours_first:
        modules.reverse()
    settings = settings_for(
        tmp_path / "synapse",
        registrations=(registration,),
        overrides={**OVERRIDES, "modules": modules},
        environment={"PYTHONPATH": str(tmp_path)},
    )
    server = Homeserver(SynapseProcess(settings), bot=bot, facts_secret=secret)
    await server.process.start()
    try:
        await register_bot(server)
        school = await open_school(server)
        room, o, pupil = school.rooms["pupils"], school.outsider, school.pupil
        invite = {"user_id": pupil.user_id}
        own = await server.room(o)
        member = f"rooms/{own}/state/m.room.member/{pupil.user_id}"
        for method, path, body, expected in (
            ("POST", f"rooms/{own}/invite", invite, 403),
            ("PUT", member, {"membership": "invite"}, 403),
            ("POST", "createRoom", {"invite": [pupil.user_id]}, 403),
            ("POST", f"rooms/{room}/join", {}, 404),
            ("PUT", f"directory/list/room/{room}", {"visibility": "public"}, 400),
            ("GET", f"profile/{pupil.user_id}", None, 403),
        ):
            answer = await school.call(o, method, path, body)
            assert answer.status == expected, (path, answer)
        search = await school.call(
            o, "POST", "user_directory/search", {"search_term": pupil.user_id}
        )
        assert search.body["results"] == []
        assert await server.membership(own, pupil) == ""
        assert await school.members(room, pupil) == {server.bot.user_id, pupil.user_id}
        # The other module works on, and what it makes of a message is the school's as before.
        message = {"msgtype": "m.text", "body": "урок"}
        path = f"rooms/{room}/send/m.room.message/1"
        sent = await school.call(pupil, "PUT", path, message)
        assert sent.status == 200, sent
        event = f"rooms/{room}/event/{sent.body['event_id']}"
        read = await school.call(pupil, "GET", event)
        assert read.body["content"] == {**message, "org.example.mark": True}
        assert (await school.call(o, "GET", event)).status in {403, 404}
        gone = await school.call(o, "PUT", path, message)
        assert gone.status == 403
    finally:
        await server.process.stop()
