"""No false alarms: what people of a school write, read and show each other every day.

Everything here is seen from the other side: the receiver's client, or one's own other device.
`test_contour_ordinary_life` has chats, rooms of one's own and calls, `…_devices` encryption and
sessions, `…_clients` whole sequences of known clients and strangers among themselves.
"""

from __future__ import annotations

import secrets
import time
from functools import partial
from typing import TYPE_CHECKING, Any

import nio
import pytest

from tests.contour.settling import PICTURE
from tests.support.bridge import until
from tests.support.school_day import done, everything, joined, kept, part, timeline
from tests.support.synapse import SERVER_NAME

if TYPE_CHECKING:
    from tests.support.school_day import Json, SchoolDay

pytestmark = pytest.mark.asyncio(loop_scope="session")

V1 = "/_matrix/client/v1"
POLL = "org.matrix.msc3381.poll"


# --- what people send -----------------------------------------------------------------------------

MESSAGES: dict[str, tuple[str, Json]] = {
    "text": ("m.room.message", {"msgtype": "m.text", "body": "привет"}),
    "notice": ("m.room.message", {"msgtype": "m.notice", "body": "к сведению"}),
    "emote": ("m.room.message", {"msgtype": "m.emote", "body": "машет рукой"}),
    "formatted": (
        "m.room.message",
        {
            "msgtype": "m.text",
            "body": "важно",
            "format": "org.matrix.custom.html",
            "formatted_body": "<b>важно</b>",
        },
    ),
    "location": (
        "m.room.message",
        {"msgtype": "m.location", "body": "сбор здесь", "geo_uri": "geo:55.75,37.61"},
    ),
    "reply": (
        "m.room.message",
        {
            "msgtype": "m.text",
            "body": "согласен",
            "m.relates_to": {"m.in_reply_to": {"event_id": "EVENT"}},
        },
    ),
    "thread": (
        "m.room.message",
        {
            "msgtype": "m.text",
            "body": "в ветке",
            "m.relates_to": {"rel_type": "m.thread", "event_id": "EVENT"},
        },
    ),
    "edit": (
        "m.room.message",
        {
            "msgtype": "m.text",
            "body": "* привет всем",
            "m.new_content": {"msgtype": "m.text", "body": "привет всем"},
            "m.relates_to": {"rel_type": "m.replace", "event_id": "EVENT"},
        },
    ),
    "reaction": (
        "m.reaction",
        {"m.relates_to": {"rel_type": "m.annotation", "event_id": "EVENT", "key": "👍"}},
    ),
    "sticker": (
        "m.sticker",
        {"body": "ура", "url": f"mxc://{SERVER_NAME}/ura", "info": {"w": 8, "h": 8}},
    ),
}


@pytest.mark.parametrize("kind", MESSAGES)
async def test_a_message_reaches_the_class(school_day: SchoolDay, kind: str) -> None:
    pupil, room = school_day.pupil, school_day.rooms["pupils"]
    first = await pupil.say(room)
    event_type, content = MESSAGES[kind]
    relation = content.get("m.relates_to", {})
    if "event_id" in relation:
        content = {**content, "m.relates_to": {**relation, "event_id": first}}
    elif relation:
        content = {**content, "m.relates_to": {"m.in_reply_to": {"event_id": first}}}
    sent = await pupil.send(room, event_type, content)
    for receiver in (school_day.classmate, school_day.teacher):
        heard = await receiver.hears(room, sent)
        assert (heard["type"], heard["content"]) == (event_type, content)


FILES: dict[str, tuple[str, Json]] = {
    "image": ("m.image", {"mimetype": "image/png", "w": 1, "h": 1}),
    "file": ("m.file", {"mimetype": "application/pdf"}),
    "video": ("m.video", {"mimetype": "video/mp4", "duration": 900}),
    "audio": ("m.audio", {"mimetype": "audio/ogg", "duration": 900}),
    "voice message": ("m.audio", {"mimetype": "audio/ogg", "duration": 900}),
}


@pytest.mark.parametrize("kind", FILES)
async def test_a_file_is_shown_and_opened(school_day: SchoolDay, kind: str) -> None:
    pupil, room = school_day.pupil, school_day.rooms["pupils"]
    msgtype, info = FILES[kind]
    data = PICTURE + secrets.token_bytes(8)
    content: Json = {
        "msgtype": msgtype,
        "body": "снято.pdf" if kind == "file" else f"снято.{kind}",
        "url": await pupil.upload(data, info["mimetype"]),
        "info": {**info, "size": len(data)},
    }
    if kind in {"image", "video"}:
        content["info"]["thumbnail_url"] = await pupil.upload(PICTURE, "image/png")
    if kind == "voice message":
        content |= {"org.matrix.msc3245.voice": {}, "org.matrix.msc1767.audio": {"duration": 900}}
    sent = await pupil.send(room, "m.room.message", content)
    for receiver in (school_day.classmate, school_day.leader):
        heard = (await receiver.hears(room, sent))["content"]
        assert done(await receiver.nio.download(heard["url"])).body == data
        if thumbnail := heard["info"].get("thumbnail_url"):
            assert done(await receiver.nio.download(thumbnail)).body == PICTURE
        if kind == "image":
            media = heard["url"].rpartition("/")[2]
            small = done(await receiver.nio.thumbnail(SERVER_NAME, media, 32, 32))
            assert small.body.startswith(b"\x89PNG")


async def test_a_poll(school_day: SchoolDay) -> None:
    leader, parent, room = school_day.leader, school_day.parent, school_day.rooms["parents"]
    answers = [{"id": name, "org.matrix.msc1767.text": name} for name in ("да", "нет")]
    question: Json = {
        "question": {"org.matrix.msc1767.text": "Едем?"},
        "kind": f"{POLL}.disclosed",
        "max_selections": 1,
        "answers": answers,
    }
    poll = await leader.send(room, f"{POLL}.start", {f"{POLL}.start": question})
    asked = (await parent.hears(room, poll))["content"]
    assert asked[f"{POLL}.start"]["answers"] == answers
    about = {"rel_type": "m.reference", "event_id": poll}
    vote = await parent.send(
        room,
        f"{POLL}.response",
        {"m.relates_to": about, f"{POLL}.response": {"answers": ["да"]}},
    )
    assert (await leader.hears(room, vote))["sender"] == parent.user_id
    end = await leader.send(room, f"{POLL}.end", {"m.relates_to": about, f"{POLL}.end": {}})
    assert (await school_day.other_parent.hears(room, end))["sender"] == leader.user_id
    found = await school_day.other_parent.get(f"{V1}/rooms/{room}/relations/{poll}/m.reference")
    assert {event["event_id"] for event in found["chunk"]} == {vote, end}


async def test_a_mention_is_a_highlight_and_a_notification(school_day: SchoolDay) -> None:
    classmate, room = school_day.classmate, school_day.rooms["pupils"]
    sent = await school_day.pupil.say(
        room, "Имя classmate, ты где?", **{"m.mentions": {"user_ids": [classmate.user_id]}}
    )
    count = await classmate.sees(
        lambda news: joined(news, room).get("unread_notifications", {}).get("highlight_count")
    )
    assert count >= 1
    listed = await classmate.get("notifications", limit=50, only="highlight")
    assert sent in {item["event"]["event_id"] for item in listed["notifications"]}


@pytest.mark.parametrize("by", ["pupil", "leader"])
async def test_a_message_is_taken_back(school_day: SchoolDay, by: str) -> None:
    """By who wrote it, and by the class teacher."""
    classmate, room = school_day.classmate, school_day.rooms["pupils"]
    sent = await school_day.pupil.say(room, "лишнее")
    remover = school_day.people[by]
    taken = done(await remover.nio.room_redact(room, sent, reason="не то")).event_id
    heard = await classmate.hears(room, taken)
    assert (heard["type"], heard["sender"]) == ("m.room.redaction", remover.user_id)
    left = await classmate.get(f"rooms/{room}/event/{sent}")
    assert left["content"] == {}


ELSEWHERE = [
    ("materials", "teacher", ("pupil", "parent", "leader")),
    ("parents", "parent", ("other_parent", "leader")),
    ("staff", "teacher", ("leader", "administrator")),
    ("announcements", "administrator", ("leader", "teacher")),
]


@pytest.mark.parametrize(("room", "by", "readers"), ELSEWHERE)
async def test_every_room_is_written_in_and_read(
    school_day: SchoolDay, room: str, by: str, readers: tuple[str, ...]
) -> None:
    where = school_day.rooms[room]
    sent = await school_day.people[by].say(where, "все сюда")
    for name in readers:
        reader = school_day.people[name]
        assert (await reader.hears(where, sent))["content"]["body"] == "все сюда"
        thanks = {"m.relates_to": {"rel_type": "m.annotation", "event_id": sent, "key": "👍"}}
        tapped = await reader.send(where, "m.reaction", thanks)
        assert (await school_day.people[by].hears(where, tapped))["sender"] == reader.user_id


# --- what clients tell of reading -----------------------------------------------------------------


async def test_typing(school_day: SchoolDay) -> None:
    pupil, room = school_day.pupil, school_day.rooms["pupils"]

    def typists(news: Json) -> list[list[str]]:
        seen = part(news, room, "ephemeral", "m.typing")
        return [seen["user_ids"]] if seen else []

    for is_typing in (True, False):
        done(await pupil.nio.room_typing(room, is_typing))
        (who,) = await school_day.classmate.sees(typists)
        assert (pupil.user_id in who) is is_typing


async def test_a_read_receipt(school_day: SchoolDay) -> None:
    reader, room = school_day.classmate, school_day.rooms["pupils"]
    sent = await school_day.pupil.say(room)
    done(await reader.nio.update_receipt_marker(room, sent))
    read = await school_day.pupil.sees(
        lambda news: part(news, room, "ephemeral", "m.receipt").get(sent, {})
    )
    assert reader.user_id in read["m.read"]


async def test_a_private_receipt_is_the_readers_alone(school_day: SchoolDay) -> None:
    reader, room = school_day.classmate, school_day.rooms["pupils"]
    sent = await school_day.pupil.say(room)
    kind = nio.api.ReceiptType.read_private
    done(await reader.nio.update_receipt_marker(room, sent, kind))
    own = await reader.sees(lambda news: part(news, room, "ephemeral", "m.receipt").get(sent, {}))
    assert reader.user_id in own["m.read.private"]
    after = await reader.say(room, "прочёл")
    told: list[Json] = []

    def look(news: Json) -> bool:
        told.append(part(news, room, "ephemeral", "m.receipt"))
        return any(event["event_id"] == after for event in timeline(news, room))

    await school_day.pupil.sees(look)
    assert "m.read.private" not in everything({"told": told})


async def test_the_fully_read_marker(school_day: SchoolDay) -> None:
    reader, room = school_day.classmate, school_day.rooms["pupils"]
    sent = await school_day.pupil.say(room)
    done(await reader.nio.room_read_markers(room, sent, sent))
    marker = await reader.sees(lambda news: part(news, room, "account_data", "m.fully_read"))
    assert marker["event_id"] == sent


ROOM_NOTES: dict[str, tuple[str, Json]] = {
    "marked unread": ("account_data/m.marked_unread", {"unread": True}),
    "tagged as a favourite": ("tags/m.favourite", {"order": 0.5}),
    "notes of a client": ("account_data/org.example.draft", {"text": "черновик"}),
}


@pytest.mark.parametrize("what", ROOM_NOTES)
async def test_what_a_client_keeps_about_a_room(school_day: SchoolDay, what: str) -> None:
    """By plain HTTP; the person's other device sees it."""
    pupil, room = school_day.pupil, school_day.rooms["pupils"]
    path, content = ROOM_NOTES[what]
    other = await pupil.again()
    await pupil.call("PUT", f"user/{pupil.user_id}/rooms/{room}/{path}", content)
    section, _, name = path.partition("/")
    kind, wanted = ("m.tag", {"tags": {name: content}}) if section == "tags" else (name, content)
    assert await other.sees(lambda news: part(news, room, "account_data", kind)) == wanted
    await other.close()


async def test_what_a_client_keeps_about_its_owner(school_day: SchoolDay) -> None:
    pupil = school_day.pupil
    other = await pupil.again()
    for kind, content in (
        ("m.direct", {school_day.classmate.user_id: ["!chat"]}),
        ("im.vector.web.settings", {"theme": "dark"}),
    ):
        await pupil.call("PUT", f"user/{pupil.user_id}/account_data/{kind}", content)
        assert await other.sees(partial(kept, kind=kind)) == content
        assert await pupil.get(f"user/{pupil.user_id}/account_data/{kind}") == content
    await other.close()


# --- finding one's way in a room ------------------------------------------------------------------


async def test_a_room_is_read_back(school_day: SchoolDay) -> None:
    """Pages of messages, an event and those around it, a day, a thread, relations, a search."""
    reader, room = school_day.classmate, school_day.rooms["pupils"]
    word = f"контрольная{secrets.token_hex(4)}"
    before = int(time.time() * 1000)
    first = await school_day.pupil.say(room, word)
    answer = await school_day.pupil.say(
        room, "знаю", **{"m.relates_to": {"rel_type": "m.thread", "event_id": first}}
    )
    page = done(await reader.nio.room_messages(room, "", limit=1))
    assert [event.event_id for event in page.chunk] == [answer]
    page = done(await reader.nio.room_messages(room, page.end, limit=1))
    assert [event.event_id for event in page.chunk] == [first]
    around = done(await reader.nio.room_context(room, first))
    assert around.event.body == word
    assert answer in [event.event_id for event in around.events_after]
    assert done(await reader.nio.room_get_event(room, first)).event.body == word
    kin = [e.event_id async for e in reader.nio.room_get_event_relations(room, first)]
    assert kin == [answer]
    assert first in [e.event_id async for e in reader.nio.room_get_threads(room)]
    day = await reader.get(f"{V1}/rooms/{room}/timestamp_to_event", ts=before, dir="f")
    assert day["event_id"] == first
    wanted = {"search_categories": {"room_events": {"search_term": word}}}
    found = (await reader.call("POST", "search", wanted)).body
    hits = found["search_categories"]["room_events"]["results"]
    assert [hit["result"]["event_id"] for hit in hits] == [first]


async def test_who_is_in_a_room(school_day: SchoolDay) -> None:
    reader, room = school_day.classmate, school_day.rooms["pupils"]
    everybody = {
        school_day.people[name].user_id for name in ("pupil", "classmate", "leader", "teacher")
    } | {school_day.server.bot.user_id}
    members = done(await reader.nio.joined_members(room)).members
    assert {member.user_id for member in members} == everybody
    listed = await reader.get(f"rooms/{room}/members", membership="join")
    assert {event["state_key"] for event in listed["chunk"]} == everybody
    state = done(await reader.nio.room_get_state(room)).events
    assert {event["state_key"] for event in state if event["type"] == "m.room.member"} == everybody
    assert room in done(await reader.nio.joined_rooms()).rooms


async def test_the_class_space_shows_its_rooms(school_day: SchoolDay) -> None:
    for name, shown in (("pupil", ("pupils", "materials")), ("parent", ("parents", "materials"))):
        space = school_day.rooms["class_space"]
        found = done(await school_day.people[name].nio.space_get_hierarchy(space)).rooms
        wanted = {space, *(school_day.rooms[room] for room in shown)}
        assert {room["room_id"] for room in found} == wanted


async def test_a_sync_goes_on_with_members_as_they_speak(school_day: SchoolDay) -> None:
    """With a filter that is stored, and members loaded only where they are needed."""
    reader, room = school_day.classmate, school_day.rooms["pupils"]
    lazily: Any = {"timeline": {"limit": 1}, "state": {"lazy_load_members": True}}
    stored = done(await reader.nio.upload_filter(reader.user_id, room=lazily)).filter_id
    first = await reader.get("sync", filter=stored)
    sent = await school_day.teacher.say(room, "урок начался")

    async def comes() -> bool:
        news = await reader.get("sync", filter=stored, since=first["next_batch"])
        state = joined(news, room).get("state", {}).get("events", [])
        known = {event["state_key"] for event in state if event["type"] == "m.room.member"}
        return [event["event_id"] for event in timeline(news, room)] == [sent] and known <= {
            school_day.teacher.user_id
        }

    await until(comes)


async def test_the_class_teacher_arranges_the_room(school_day: SchoolDay) -> None:
    """Topic, picture, pinned messages: as far as the bridge gives the power."""
    leader, room = school_day.leader, school_day.rooms["pupils"]
    pinned = await leader.say(room, "расписание")
    picture = await leader.upload(PICTURE, "image/png")
    for kind, content in (
        ("m.room.topic", {"topic": "Седьмой «Б»"}),
        ("m.room.avatar", {"url": picture}),
        ("m.room.pinned_events", {"pinned": [pinned]}),
    ):
        done(await leader.nio.room_put_state(room, kind, content))
        seen = done(await school_day.pupil.nio.room_get_state_event(room, kind))
        assert seen.content.items() >= content.items()
    assert done(await school_day.pupil.nio.download(picture)).body == PICTURE


async def test_something_is_reported(school_day: SchoolDay) -> None:
    """To the server's administrators: a message and a room, by plain HTTP."""
    room = school_day.rooms["pupils"]
    sent = await school_day.classmate.say(room, "обидное")
    await school_day.pupil.call("POST", f"rooms/{room}/report/{sent}", {"reason": "обидно"})
    await school_day.pupil.call("POST", f"rooms/{room}/report", {"reason": "шумно"})
    reports = await school_day.operate("GET", "/_synapse/admin/v1/event_reports")
    assert sent in {report["event_id"] for report in reports["event_reports"]}
