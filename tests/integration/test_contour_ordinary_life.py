"""No false alarms: people of a school, their chats, rooms of their own and calls.

Everything here is seen from the other side. See `test_contour_ordinary` for what is said in rooms.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.contour.settling import PICTURE
from tests.support.bridge import until
from tests.support.school_day import done, everything, timeline
from tests.support.synapse import SERVER_NAME

if TYPE_CHECKING:
    from tests.support.school_day import Json, Person, SchoolDay

pytestmark = pytest.mark.asyncio(loop_scope="session")

V1 = "/_matrix/client/v1"
CALL_MEMBER = "org.matrix.msc3401.call.member"
MEGOLM = {"algorithm": "m.megolm.v1.aes-sha2"}


# --- people ---------------------------------------------------------------------------------------


async def test_a_profile_and_a_new_picture(school_day: SchoolDay) -> None:
    pupil, room = school_day.pupil, school_day.rooms["pupils"]
    picture = await pupil.upload(PICTURE, "image/png")
    done(await pupil.nio.set_avatar(picture))
    for name in ("classmate", "teacher", "parent"):
        viewer = school_day.people[name]
        profile = done(await viewer.nio.get_profile(pupil.user_id))
        assert (profile.displayname, profile.avatar_url) == ("Имя pupil", picture)
        assert done(await viewer.nio.download(picture)).body == PICTURE
    shown = await school_day.classmate.sees(
        lambda news: [
            event["content"]
            for event in timeline(news, room)
            if event.get("state_key") == pupil.user_id
        ]
    )
    assert shown[-1]["avatar_url"] == picture


async def test_being_online(school_day: SchoolDay) -> None:
    teacher = school_day.teacher
    done(await teacher.nio.set_presence("online", "на уроке"))
    seen = await school_day.pupil.sees(
        lambda news: [
            event["content"]
            for event in news.get("presence", {}).get("events", [])
            if event["sender"] == teacher.user_id and event["content"].get("status_msg")
        ]
    )
    assert seen[-1]["status_msg"] == "на уроке"
    asked = done(await school_day.parent.nio.get_presence(teacher.user_id))
    assert asked.status_msg == "на уроке"


SEARCHES = [
    ("pupil", "classmate"),
    ("pupil", "leader"),
    ("parent", "teacher"),
    ("parent", "other_parent"),
    ("parent", "pupil"),
    ("teacher", "pupil"),
    ("leader", "parent"),
    ("leader", "administrator"),
]


@pytest.mark.parametrize(("by", "whom"), SEARCHES)
async def test_a_person_is_found(school_day: SchoolDay, by: str, whom: str) -> None:
    """In the user directory, by plain HTTP."""

    async def found() -> bool:
        term = {"search_term": f"Имя {whom}"}
        answer = await school_day.people[by].call("POST", "user_directory/search", term)
        return school_day.people[whom].user_id in everything(answer.body)

    await until(found)


async def test_somebody_is_ignored(school_day: SchoolDay) -> None:
    room, loud, quiet = school_day.rooms["parents"], school_day.parent, school_day.other_parent
    path = f"user/{quiet.user_id}/account_data/m.ignored_user_list"
    await quiet.call("PUT", path, {"ignored_users": {loud.user_id: {}}})
    unheard, heard = await loud.say(room, "продам гараж"), await school_day.leader.say(room)
    got: list[str] = []

    def look(news: Json) -> bool:
        got.extend(event["event_id"] for event in timeline(news, room))
        return heard in got

    await quiet.sees(look)
    assert unheard not in got
    await quiet.call("PUT", path, {"ignored_users": {}})
    again = await loud.say(room)
    await quiet.hears(room, again)


# --- direct chats and rooms of one's own ----------------------------------------------------------

DIRECT = [
    ("pupil", "classmate"),
    ("parent", "pupil"),
    ("pupil", "parent"),
    ("parent", "leader"),
    ("parent", "teacher"),
    ("parent", "other_parent"),
    ("pupil", "teacher"),
    ("teacher", "pupil"),
    ("leader", "parent"),
    ("teacher", "leader"),
    ("administrator", "teacher"),
    ("administrator", "pupil"),
    ("administrator", "parent"),
]


@pytest.mark.parametrize(("by", "whom"), DIRECT)
async def test_a_direct_chat(school_day: SchoolDay, by: str, whom: str) -> None:
    one, other = school_day.people[by], school_day.people[whom]
    room = await one.write_to(other)
    for speaker, listener in ((one, other), (other, one)):
        sent = await speaker.say(room, "добрый день")
        assert (await listener.hears(room, sent))["sender"] == speaker.user_id
    profile = done(await one.nio.get_profile(other.user_id))
    assert profile.displayname == f"Имя {whom}"
    picture = await one.upload(PICTURE, "image/png")
    assert done(await other.nio.download(picture)).body == PICTURE


async def test_a_chat_is_declined_left_and_forgotten(school_day: SchoolDay) -> None:
    pupil, classmate = school_day.pupil, school_day.classmate
    room = str(done(await pupil.nio.room_create(invite=[classmate.user_id])).room_id)
    invite = await classmate.sees(
        lambda news: news.get("rooms", {}).get("invite", {}).get(room, {})
    )
    assert pupil.user_id in everything(invite)
    done(await classmate.nio.room_leave(room))
    declined = await pupil.sees(
        lambda news: [
            event["content"]["membership"]
            for event in timeline(news, room)
            if event.get("state_key") == classmate.user_id
        ]
    )
    assert declined[-1] == "leave"
    done(await pupil.nio.room_invite(room, classmate.user_id))
    done(await classmate.nio.join(room))
    sent = await classmate.say(room, "передумал")
    await pupil.hears(room, sent)
    done(await pupil.nio.room_leave(room))
    await pupil.sees(lambda news: room in news.get("rooms", {}).get("leave", {}))
    done(await pupil.nio.room_forget(room))
    everyones = await pupil.get("sync", filter='{"room":{"include_leave":true}}')
    assert room not in everything(everyones["rooms"])
    await classmate.say(room, "один")


async def test_notes_to_oneself_and_a_space_of_ones_own(school_day: SchoolDay) -> None:
    pupil = school_day.pupil
    other = await pupil.again()
    notes, space = await pupil.begin(name="Заметки"), await pupil.begin(name="Моё", space=True)
    sent = await pupil.say(notes, "купить тетрадь")
    assert (await other.hears(notes, sent))["content"]["body"] == "купить тетрадь"
    await other.close()
    child = {"via": [SERVER_NAME]}
    done(await pupil.nio.room_put_state(space, "m.space.child", child, notes))
    done(await pupil.nio.room_put_state(notes, "m.space.parent", child, space))
    found = done(await pupil.nio.space_get_hierarchy(space)).rooms
    assert {room["room_id"] for room in found} == {space, notes}
    summary = await pupil.get(f"{V1}/room_summary/{notes}")
    assert (summary["name"], summary["membership"]) == ("Заметки", "join")


async def test_a_teachers_room_for_pupils(school_day: SchoolDay) -> None:
    """Made, arranged, given a helper, encrypted, and kept in order by its teacher."""
    teacher, pupil, classmate = school_day.teacher, school_day.pupil, school_day.classmate
    room = await teacher.begin(pupil, classmate, name="Кружок", topic="по средам")
    for kind, content in (
        ("m.room.name", {"name": "Кружок физики"}),
        ("m.room.history_visibility", {"history_visibility": "invited"}),
        ("m.room.join_rules", {"join_rule": "invite"}),
        ("m.room.encryption", MEGOLM),
    ):
        done(await teacher.nio.room_put_state(room, kind, content))
        seen = done(await pupil.nio.room_get_state_event(room, kind))
        assert seen.content == content
    levels = done(await teacher.nio.room_get_state_event(room, "m.room.power_levels")).content
    levels["users"][pupil.user_id] = 50
    done(await teacher.nio.room_put_state(room, "m.room.power_levels", levels))
    done(await pupil.nio.update_room_topic(room, "по пятницам"))
    topic = done(await classmate.nio.room_get_state_event(room, "m.room.topic")).content
    assert topic["topic"] == "по пятницам"

    async def stays(membership: str) -> None:
        seen = await pupil.sees(
            lambda news: [
                event["content"]["membership"]
                for event in timeline(news, room)
                if event.get("state_key") == classmate.user_id
                and event["content"]["membership"] == membership
            ]
        )
        assert seen

    done(await teacher.nio.room_kick(room, classmate.user_id, "не шуми"))
    await stays("leave")
    done(await teacher.nio.room_ban(room, classmate.user_id))
    await stays("ban")
    done(await teacher.nio.room_unban(room, classmate.user_id))
    done(await teacher.nio.room_invite(room, classmate.user_id))
    done(await classmate.nio.join(room))
    await stays("join")


async def test_a_room_of_the_staff(school_day: SchoolDay) -> None:
    leader, teacher, administrator = (
        school_day.people[name] for name in ("leader", "teacher", "administrator")
    )
    room = await leader.begin(teacher, administrator, name="Методисты")
    sent = await administrator.say(room, "план")
    for reader in (leader, teacher):
        await reader.hears(room, sent)


# --- calls ----------------------------------------------------------------------------------------


async def test_a_call_in_a_direct_chat(school_day: SchoolDay) -> None:
    parent, teacher = school_day.parent, school_day.teacher
    room = await parent.write_to(teacher)
    call: Json = {"call_id": "1", "version": "1"}
    sdp = {"sdp": "v=0"}
    steps: list[tuple[Person, str, Json]] = [
        (parent, "m.call.invite", {"lifetime": 60000, "offer": {"type": "offer", **sdp}}),
        (parent, "m.call.candidates", {"candidates": [{"candidate": "candidate:1"}]}),
        (teacher, "m.call.answer", {"answer": {"type": "answer", **sdp}}),
        (teacher, "m.call.hangup", {"reason": "user_hangup"}),
    ]
    for speaker, kind, rest in steps:
        listener = teacher if speaker is parent else parent
        content = {**call, "party_id": speaker.device, **rest}
        sent = await speaker.send(room, kind, content)
        heard = await listener.hears(room, sent)
        assert (heard["type"], heard["content"]) == (kind, content)


@pytest.mark.parametrize("whose", ["direct chat", "teacher's room"])
async def test_a_group_call(school_day: SchoolDay, whose: str) -> None:
    """As Element Call does: everybody in the call writes a state event of their own."""
    teacher, pupil = school_day.teacher, school_day.pupil
    if whose == "direct chat":
        room = await teacher.write_to(pupil)
    else:
        # What Element puts into a room that it makes.
        powers = {"events": {CALL_MEMBER: 0}}
        room = await teacher.begin(
            pupil, school_day.classmate, name="Урок", power_level_override=powers
        )
    for caller, listener in ((teacher, pupil), (pupil, teacher)):
        content: dict[str, Any] = {
            "application": "m.call",
            "call_id": "",
            "device_id": caller.device,
            "focus_active": {"type": "livekit", "focus_selection": "oldest_membership"},
            "foci_preferred": [],
        }
        key = f"_{caller.user_id}_{caller.device}_m.call"
        sent = done(await caller.nio.room_put_state(room, CALL_MEMBER, content, key)).event_id
        assert (await listener.hears(room, sent))["content"] == content
        gone = done(await caller.nio.room_put_state(room, CALL_MEMBER, {}, key)).event_id
        assert (await listener.hears(room, gone))["content"] == {}
    ring = {"notify_type": "ring", "application": "m.call", "call_id": ""}
    rung = await teacher.send(room, "org.matrix.msc4075.call.notify", ring)
    assert (await pupil.hears(room, rung))["content"] == ring
