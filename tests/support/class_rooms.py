"""A class with its space and rooms on a Synapse, and ways to ask for what one should not get."""

from __future__ import annotations

import json
import secrets
from dataclasses import dataclass

import aiohttp

from tests.support.synapse import SERVER_NAME, Account, Answer, Homeserver

PUPILS = "class/1/pupils"
PARENTS = "class/1/parents"
TEACHERS = "class/1/teachers"
STAFF = "school/1/staff"
AUDIENCES = {
    "space": [PARENTS, PUPILS, TEACHERS],
    "pupils": [PUPILS, TEACHERS],
    "parents": [PARENTS, TEACHERS],
}
PICTURE = bytes.fromhex(
    "89504e470d0a1a0a0000000d4948445200000001000000010802000000907753de"
    "0000000c49444154789c63f8cfc0000003010100c9fe92ef0000000049454e44ae426082"
)


@dataclass(frozen=True)
class School:
    """A class's space with two rooms in it, and people."""

    server: Homeserver
    rooms: dict[str, str]
    pupil: Account
    parent: Account
    teacher: Account
    outsider: Account
    other_outsider: Account

    async def call(self, by: Account | None, method: str, path: str, body: object = None) -> Answer:
        return await self.server.call(method, path, body, by=by)

    async def oracle(
        self, by: Account | None, method: str, path: str, known: str, body: object = None
    ) -> Answer:
        """Ask for something of the school's, and make sure that it looks like nothing at all."""
        unknown = known[0] + secrets.token_urlsafe(32)[: len(known) - 1]
        answers = [
            await self.call(by, method, path.format(name), _filled(body, name))
            for name in (known, unknown)
        ]
        plain = [
            (answer.status, json.dumps(answer.body).replace(name, "ID"))
            for answer, name in zip(answers, (known, unknown), strict=True)
        ]
        assert plain[0] == plain[1]
        return answers[0]

    async def upload(self, by: Account) -> str:
        """Upload a picture; return its id."""
        async with (
            aiohttp.ClientSession() as session,
            session.post(
                f"{self.server.process.url}/_matrix/media/v3/upload",
                data=PICTURE,
                headers={"Authorization": f"Bearer {by.token}", "Content-Type": "image/png"},
            ) as answer,
        ):
            return str((await answer.json())["content_uri"]).rpartition("/")[2]

    async def fetch(self, by: Account | None, path: str) -> tuple[int, bytes]:
        headers = {"Authorization": f"Bearer {by.token}"} if by else {}
        url = f"{self.server.process.url}{path}"
        async with (
            aiohttp.ClientSession() as session,
            session.get(url, headers=headers) as answer,
        ):
            return answer.status, await answer.read()

    async def children(self, by: Account, space: str) -> set[str]:
        """Return the rooms that a space's hierarchy shows or names."""
        answer = await self.call(by, "GET", f"/_matrix/client/v1/rooms/{space}/hierarchy")
        assert answer.status == 200, answer
        return {room["room_id"] for room in answer.body["rooms"]} | {
            child["state_key"] for room in answer.body["rooms"] for child in room["children_state"]
        }

    async def members(self, room: str, by: Account) -> set[str]:
        answer = await self.call(by, "GET", f"rooms/{room}/members?not_membership=leave")
        return {event["state_key"] for event in answer.body["chunk"]}


def _filled(body: object, name: str) -> object:
    return json.loads(json.dumps(body).replace("{}", name)) if body else body


async def open_school(server: Homeserver) -> School:
    """Make the accounts and rooms, push the facts, and let everybody in."""
    names = ("pupil", "parent", "teacher", "outsider", "other_outsider")
    people = {name: await server.account(name) for name in names}
    rooms = {
        name: await server.room(
            server.bot,
            name=f"7Б {name}",
            creation_content={"m.federate": False}
            | ({"type": "m.space"} if name == "space" else {}),
            # As if somebody had opened it: only the walls keep it closed.
            initial_state=[
                {"type": "m.room.join_rules", "state_key": "", "content": {"join_rule": "knock"}},
                {
                    "type": "m.room.history_visibility",
                    "state_key": "",
                    "content": {"history_visibility": "world_readable"},
                },
            ],
        )
        for name in AUDIENCES
    }
    answer = await server.push(
        {
            "generation": await server.generation() + 1,
            "kind": "full",
            "service": [server.bot.user_id],
            "ghost_prefix": "@sferum_",
            "people": {
                people["pupil"].user_id: [PUPILS],
                people["parent"].user_id: [PARENTS],
                people["teacher"].user_id: [TEACHERS, STAFF],
            },
            "kin": {people["pupil"].user_id: [people["parent"].user_id]},
            "schools": {"1": {"classes": ["1"], "contacts": {}}},
            "rooms": {
                rooms[name]: {"school": "1", "kind": name, "audience": groups, "linked": False}
                for name, groups in AUDIENCES.items()
            },
        }
    )
    assert answer.status == 200, answer
    school = School(server, rooms, **people)
    for name, who in (("space", "pupil"), ("space", "parent"), ("pupils", "pupil")):
        body = {"user_id": people[who].user_id}
        invited = await school.call(server.bot, "POST", f"rooms/{rooms[name]}/invite", body)
        joined = await school.call(people[who], "POST", f"rooms/{rooms[name]}/join", {})
        assert (invited.status, joined.status) == (200, 200), (invited, joined)
    for name in ("pupils", "parents"):
        path = f"rooms/{rooms['space']}/state/m.space.child/{rooms[name]}"
        assert (await school.call(server.bot, "PUT", path, {"via": [SERVER_NAME]})).status == 200
    return school
