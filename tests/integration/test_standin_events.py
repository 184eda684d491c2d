"""Everything that happens at the stand-in beside messages, as its API and its long poll tell it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest
import pytest_asyncio

from sferum_bridge.standin.client import ControlError
from tests.support.standin import (
    ApiRefused,
    Caller,
    Served,
    served_place,  # noqa: F401 - what `served` stands on
    served_standin,  # noqa: F401 - the fixture `served`
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from sferum_bridge.standin.client import Chat, Person, StandInControl

GONE = 128 + 131072
ANSWERED = 2097152
REACTED = 16777216
FROM_CHAT = 8192
Update = list[Any]


class School(NamedTuple):
    """Two people who share a chat, each with a client."""

    served: Served
    teacher: Person
    pupil: Person
    chat: Chat
    hers: Caller
    his: Caller

    @property
    def control(self) -> StandInControl:
        return self.served.control

    async def told(self, where: dict[str, Any], **params: Any) -> list[Update]:
        """Return what the pupil's long poll tells since then."""
        return list((await self.his.poll(where, **params))["updates"])

    async def here(self) -> dict[str, Any]:
        """Return where the pupil's long poll stands now."""
        return dict(await self.his.call("messages.getLongPollServer", need_pts=1))

    async def fetch(self, cmid: int) -> dict[str, Any]:
        """Return a message as the pupil finds it."""
        named = {"peer_id": self.chat.peer_id, "conversation_message_ids": cmid}
        found = await self.his.call("messages.getByConversationMessageId", **named)
        return dict(found["items"][0])


@pytest_asyncio.fixture
async def school(served: Served) -> AsyncIterator[School]:
    control = served.control
    teacher = await control.add_user("Анна", "Вымышленная", role="teacher")
    pupil = await control.add_user("Пётр", "Придуманный")
    chat = await control.add_chat("5А", teacher.user_id, [pupil.user_id])
    async with Caller(served.url) as hers, Caller(served.url) as his:
        await hers.log_in(teacher)
        yield School(served, teacher, pupil, chat, hers, await his.log_in(pupil))


async def test_reactions_come_and_go(school: School) -> None:
    control, chat = school.control, school.chat
    cmid = await control.post(school.pupil.user_id, chat.chat, "Я сделал")
    where = await school.here()
    named = {"peer_id": chat.peer_id, "cmid": cmid}
    await school.hers.call("messages.sendReaction", **named, reaction_id=4)
    await school.his.call("messages.sendReaction", **named, reaction_id=4)
    await school.hers.call("messages.sendReaction", **named, reaction_id=2)
    await school.his.call("messages.deleteReaction", **named)
    her, his = school.teacher.user_id, school.pupil.user_id
    first, second = sorted((her, his))
    assert await school.told(where) == [
        [601, 2, chat.peer_id, cmid, 1, 4, 4, 1, 1, her, 1, her, 4],
        [602, chat.peer_id, 1, cmid],
        [601, 1, chat.peer_id, cmid, 4, 1, 5, 4, 2, 2, first, second],
        [601, 2, chat.peer_id, cmid, 2, 4, 2, 1, 1, her, 4, 4, 1, 1, his, 1, her, 2],
        [602, chat.peer_id, 1, cmid],
        [601, 3, chat.peer_id, cmid, 1, 4, 2, 1, 1, her],
    ]
    assert await school.told(where, version=3) == []
    assert await control.reactions(chat.chat, cmid) == {her: 2}
    message = await school.fetch(cmid)
    assert message["reactions"] == [{"reaction_id": 2, "count": 1, "user_ids": [her]}]
    assert "reaction_id" not in message
    assert (await school.hers.call("messages.getReactedPeers", **named))["reactions"] == [
        {"user_id": her, "reaction_id": 2}
    ]
    await school.his.call("messages.markReactionsAsRead", peer_id=chat.peer_id, cmids=cmid)
    (*_, seen) = await school.told(where)
    assert seen == [602, chat.peer_id, 0]


async def test_many_reactions_are_counted_without_names(school: School) -> None:
    control, chat = school.control, school.chat
    cmid = await control.post(school.teacher.user_id, chat.chat, "Каникулы!")
    guests = [await control.add_user("Гость", f"Номер {n}") for n in range(21)]
    for guest in guests:
        await control.add_member(chat.chat, guest.user_id, by_link=True)
    where = await school.here()
    for guest in guests[1:]:
        # Who came after a message has no copy of it: the control does not ask for one.
        await control.react(guest.user_id, chat.chat, cmid, 1)
    await control.react(school.pupil.user_id, chat.chat, cmid, 7)
    updates = await school.told(where)
    assert updates[-2][-3:] == [1, guests[-1].user_id, 1]
    assert updates[-1] == [601, 1, chat.peer_id, cmid, 7, 2, 3, 1, 20, 0, 3, 7, 1, 0]
    counted = await school.his.call(
        "messages.getMessagesReactions", peer_id=chat.peer_id, cmids=cmid
    )
    ones, sevens = counted["items"][0]["counters"]
    assert (ones["count"], len(ones["user_ids"]), sevens["count"]) == (20, 3, 1)
    named = {"peer_id": chat.peer_id, "cmid": cmid, "reaction_id": 1}
    assert (await school.his.call("messages.getReactedPeers", **named))["count"] == 20


async def test_reactions_that_cannot_be(school: School) -> None:
    cmid = await school.control.post(school.pupil.user_id, school.chat.chat, "ответ")
    for where, reaction_id, code in ((cmid, 999, 1009), (1, 1, 1010), (cmid + 9, 1, 100)):
        named = {"peer_id": school.chat.peer_id, "cmid": where, "reaction_id": reaction_id}
        with pytest.raises(ApiRefused, match=str(code)):
            await school.his.call("messages.sendReaction", **named)
    assets = await school.his.call("messages.getReactionsAssets")
    assert set(assets["reaction_ids"]) == {one["reaction_id"] for one in assets["assets"]}
    status, kind, _ = await school.his.fetch(assets["assets"][0]["links"]["static"])
    assert (status, kind) == (200, "image/png")


async def test_a_message_changes_without_an_edit(school: School) -> None:
    control, chat, author = school.control, school.chat, school.teacher.user_id
    stored = await control.add_file(b"OggS", "v.ogg", "audio/ogg")
    voice = await control.attachment("audio_message", author, stored, seconds=3)
    cmid = await control.post(author, chat.chat, attachments=[voice])
    where = await school.here()
    said = {"transcript": "Всем привет", "transcript_state": "done"}
    heard = {"type": "audio_message", "audio_message": {**voice["audio_message"], **said}}
    await control.refresh(chat.chat, cmid, attachments=[heard])
    await control.refetch(chat.chat, cmid)
    changed, refetch = await school.told(where)
    assert (changed[0], changed[1], len(changed)) == (10018, cmid, 11)
    assert changed[7]["attach1_kind"] == "audiomsg"
    assert json.loads(changed[7]["attachments"]) == [heard]
    assert (changed[10], refetch) == (0, [10019, cmid])
    assert [update[0] for update in await school.told(where, version=10)] == [18, 19]
    assert await school.told(where, version=3) == []
    message = await school.fetch(cmid)
    assert message["attachments"][0]["audio_message"]["transcript"] == "Всем привет"
    assert "update_time" not in message


async def test_what_the_poll_hints_at(school: School) -> None:
    control, chat, author = school.control, school.chat, school.teacher.user_id
    first = await control.post(school.pupil.user_id, chat.chat, "Где карта?")
    where = await school.here()
    place = {"type": "point", "coordinates": {"latitude": 59.9, "longitude": 30.3}}
    picture = await control.attachment("photo", author, await control.add_file(b"", "a.png"))
    sticker = await control.attachment("sticker", sticker_id=5)
    more = {"geo": place, "attachments": [picture, sticker], "reply_cmid": first}
    cmid = await control.post(author, chat.chat, f"[id{school.pupil.user_id}|Пётр], вот", **more)
    await control.post(author, chat.chat, "@all сбор", forwards=[{"chat": chat.chat, "cmid": cmid}])
    reply = await control.post(author, chat.chat, "эта?", reply_cmid=first)
    await control.edit(author, chat.chat, reply, "эта")
    answer, forward, _, edit = await school.told(where)
    photo = picture["photo"]
    assert answer[7]["marked_users"] == [[1, [school.pupil.user_id]]]
    assert answer[8]["attach1"] == f"{author}_{photo['id']}_{photo['access_key']}"
    assert (answer[8]["attach2_type"], answer[8]["attach2"]) == ("sticker", "5")
    assert [one["type"] for one in json.loads(answer[8]["attachments"])] == ["sticker"]
    assert answer[8]["attachments_count"] == "2"
    assert (answer[8]["fwd"], "geo" in answer[8]) == ("0_0", True)
    assert json.loads(answer[8]["reply"]) == {"conversation_message_id": first}
    assert forward[7]["marked_users"] == [[1, "all"]]
    assert (forward[8]["fwd"], "reply" in forward[8]) == ("0_0", False)
    # An edit does not name its reply.
    assert (edit[0], edit[7]["fwd"], "reply" in edit[7]) == (10005, "0_0", False)
    with pytest.raises(ControlError, match="920"):
        await control.edit(author, chat.chat, cmid, "вот")
    (kept,) = (await school.fetch(cmid + 1))["fwd_messages"]
    assert (kept["from_id"], kept["geo"]) == (author, place)


async def test_deleted_for_oneself_and_brought_back(school: School) -> None:
    control, chat = school.control, school.chat
    cmid = await control.post(school.teacher.user_id, chat.chat, "назад")
    where = await school.here()
    named = {"peer_id": chat.peer_id}
    await school.his.call("messages.delete", **named, cmids=cmid)
    await school.his.call("messages.restore", **named, cmid=cmid)
    deleted, restored = await school.told(where)
    assert deleted == [10002, cmid, 128, chat.peer_id]
    assert (restored[:2], restored[5], len(restored)) == ([10003, cmid], "назад", 11)
    assert (await school.told(where, version=3))[1][::2] == [3, 128]
    await school.his.call("messages.deleteConversation", **named)
    (*_, wiped) = await school.told(where)
    assert wiped == [10013, chat.peer_id, cmid]
    assert (await school.his.call("messages.getHistory", **named))["items"] == []
    assert (await school.hers.call("messages.getHistory", **named))["items"]


async def test_short_tuples_of_what_is_gone(school: School) -> None:
    control, chat, author = school.control, school.chat, school.teacher.user_id
    where = await school.here()
    cmid = await control.post(author, chat.chat, "ошибка", random_id=8)
    await control.refresh(chat.chat, cmid, text="ошибочка")
    await control.delete(author, chat.chat, cmid)
    flags = FROM_CHAT + 1 + GONE
    new, changed, deleted = await school.told(where)
    assert (new[:3], len(new)) == ([10004, cmid, flags], 4)
    assert changed == [10018, cmid, flags, chat.peer_id]
    assert deleted == [10002, cmid, GONE, chat.peer_id]
    assert (await school.told(where, version=21))[0][4] == chat.peer_id
    # Its author still learns what it sent; for others it is not there.
    named = {"peer_id": chat.peer_id, "cmids": cmid}
    (own,) = (await school.hers.call("messages.getById", **named))["items"]
    assert (own["deleted"], own["random_id"]) == (1, 8)
    assert (await school.his.call("messages.getById", **named))["items"] == []


async def test_a_chat_is_changed(school: School) -> None:
    control, chat = school.control, school.chat
    cmid = await control.post(school.pupil.user_id, chat.chat, "Расписание")
    where = await school.here()
    peer = {"peer_id": chat.peer_id}
    pinned = await school.hers.call("messages.pin", **peer, cmid=cmid)
    assert pinned["text"] == "Расписание"
    await school.hers.call("messages.unpin", **peer)
    role = {**peer, "member_id": school.pupil.user_id}
    await school.hers.call("messages.setMemberRole", **role, role="admin")
    await school.hers.call("messages.setMemberRole", **role, role="member")
    chat_id = chat.peer_id - 2_000_000_000
    await school.hers.call("messages.editChat", chat_id=chat_id, description="Кабинет 12")
    changes = [update for update in await school.told(where) if update[0] == 52]
    assert changes == [
        [52, 5, chat.peer_id, cmid],
        [52, 5, chat.peer_id, 0],
        [52, 3, chat.peer_id, school.pupil.user_id],
        [52, 9, chat.peer_id, school.pupil.user_id],
        [52, 24, chat.peer_id, 0],
    ]
    pins = [u[7] for u in await school.told(where) if u[0] == 10004]
    assert [one["source_act"] for one in pins] == ["chat_pin_message", "chat_unpin_message"]
    assert (pins[0]["source_message"], pins[0]["source_chat_local_id"]) == ("Расписание", str(cmid))
    with pytest.raises(ApiRefused, match="925"):
        await school.his.call("messages.setMemberRole", **role, role="admin")


async def test_the_photo_of_a_chat(school: School) -> None:
    chat = school.chat
    where = await school.here()
    picture = await school.control.add_file(b"", "class.png", "image/png")
    await school.control.change_chat(chat.chat, photo=picture.key)
    found = await school.his.call("messages.getConversationsById", peer_ids=chat.peer_id)
    assert found["items"][0]["chat_settings"]["photo"]["photo_200"] == picture.url
    chat_id = chat.peer_id - 2_000_000_000
    answer = await school.hers.call("messages.deleteChatPhoto", chat_id=chat_id)
    assert "photo_50" not in answer["chat"]
    told = await school.told(where)
    acts = [update[7]["source_act"] for update in told if update[0] == 10004]
    assert acts == ["chat_photo_update", "chat_photo_remove"]
    assert [update[1:] for update in told if update[0] == 52] == [[2, chat.peer_id, 0]] * 2


async def test_an_invite_link(school: School) -> None:
    control, chat = school.control, school.chat
    guest = await control.add_user("Гость", "Небывалый")
    where = await school.here()
    peer = {"peer_id": chat.peer_id}
    with pytest.raises(ApiRefused, match="919"):
        await school.his.call("messages.getInviteLink", **peer)
    link = (await school.hers.call("messages.getInviteLink", **peer))["link"]
    assert (await school.hers.call("messages.getInviteLink", **peer))["link"] == link
    async with Caller(school.served.url) as caller:
        await caller.log_in(guest)
        preview = (await caller.call("messages.getChatPreview", link=link))["preview"]
        assert (preview["title"], preview["members_count"], preview["joined"]) == ("5А", 2, False)
        joined = await caller.call("messages.joinChatByInviteLink", link=link)
        assert joined["chat_id"] == chat.peer_id - 2_000_000_000
        with pytest.raises(ApiRefused, match="100"):
            await caller.call("messages.joinChatByInviteLink", link=link + "x")
    report, change = await school.told(where)
    assert (report[7]["source_act"], report[7]["from"]) == (
        "chat_invite_user_by_link",
        str(guest.user_id),
    )
    assert change == [52, 6, chat.peer_id, guest.user_id]
    fresh = (await school.hers.call("messages.getInviteLink", **peer, reset=1))["link"]
    assert fresh != link


@pytest.mark.parametrize(
    "act", ["chat_screenshot", "conversation_style_update", "chat_invite_user_by_call", "custom"]
)
async def test_a_report_of_any_kind(school: School, act: str) -> None:
    where = await school.here()
    action = {"type": act, "member_id": school.pupil.user_id, "style": "mable"}
    cmid = await school.control.report(school.chat.chat, action)
    (update,) = await school.told(where)
    assert (update[7]["source_act"], update[7]["source_style"]) == (act, "mable")
    assert (await school.fetch(cmid))["action"] == action


async def test_a_call_is_announced_and_replaced(school: School) -> None:
    control, chat, caller = school.control, school.chat, school.teacher.user_id
    where = await school.here()
    call = await control.start_call(caller, chat.chat)
    ring, announced, started, flag = await school.told(where)
    assert (ring[0], ring[1]["caller_info"]) == (115, {"user_id": caller})
    going_on = (await school.fetch(announced[1]))["attachments"][0]["group_call_in_progress"]
    assert going_on["join_link"] == call["join_link"]
    assert (started, flag) == ([52, 19, chat.peer_id, 1], [12, chat.peer_id, 16777216])
    await control.end_call(caller, call["call_id"], seconds=90)
    *_, deleted, ended, flag, new = await school.told(where)
    assert deleted == [10002, announced[1], GONE, chat.peer_id]
    assert (ended, flag) == ([52, 19, chat.peer_id, 0], [10, chat.peer_id, 16777216])
    over = (await school.fetch(new[1]))["attachments"][0]["call"]
    assert (over["state"], over["duration"], over["initiator_id"]) == ("reached", 90, caller)
    with pytest.raises(ApiRefused, match="100"):
        await school.hers.call("calls.forceFinish", call_id=call["call_id"])


async def test_a_call_in_a_dialog_rings(school: School) -> None:
    dialog, _ = await school.control.post_to_user(school.teacher.user_id, school.pupil.user_id, "?")
    where = await school.here()
    call = await school.control.start_call(school.teacher.user_id, dialog, video=True)
    missed = {"state": "canceled_by_initiator"}
    await school.control.end_call(school.teacher.user_id, call["call_id"], **missed)
    ring, new = await school.told(where)
    assert ring[1]["call_id"] == call["call_id"]
    (over,) = json.loads(new[8]["attachments"])
    assert (over["call"]["state"], over["call"]["video"]) == ("canceled_by_initiator", True)
    assert "duration" not in over["call"]
    assert await school.told(where, mode=2) == [[*new[:9], 0, *new[10:]]]
    assert (await school.told(where, version=3))[0] == [70, school.teacher.user_id, call["call_id"]]
    started = await school.hers.call("calls.start")
    assert started["join_link"].endswith(started["ok_join_link"])
    assert await school.hers.call("calls.forceFinish", call_id=started["call_id"]) == 1


@pytest.mark.parametrize(
    ("activity", "code"),
    [("typing", 63), ("audiomessage", 64), ("photo", 65), ("video", 66), ("file", 67)],
)
async def test_activity_of_each_kind(school: School, activity: str, code: int) -> None:
    where = await school.here()
    await school.control.show_activity(school.teacher.user_id, school.chat.chat, activity)
    (update,) = await school.told(where)
    assert update[:4] == [code, school.chat.peer_id, [school.teacher.user_id], 1]


async def test_who_has_read_a_message(school: School) -> None:
    cmid = await school.control.post(school.teacher.user_id, school.chat.chat, "прочтите")
    named = {"peer_id": school.chat.peer_id, "cmid": cmid}
    assert (await school.hers.call("messages.getMessageReadPeers", **named))["items"] == []
    await school.control.read(school.pupil.user_id, school.chat.chat, cmid)
    readers = await school.hers.call("messages.getMessageReadPeers", **named)
    assert readers["items"] == [school.pupil.user_id]


async def test_how_one_is_told_of_a_chat(school: School) -> None:
    where = await school.here()
    muted = {"peer_id": school.chat.peer_id, "time": -1}
    assert await school.his.call("account.setSilenceMode", **muted) == 1
    peer_id = school.chat.peer_id
    assert await school.told(where) == [
        [12, peer_id, 48],
        [114, {"peer_id": peer_id, "sound": 0, "disabled_until": -1}],
    ]


async def test_events_of_the_tests_own(school: School) -> None:
    where = await school.here()
    strange: list[Update] = [[999, "?", None], [10004], [], [4, {"a": [1]}]]
    for update in strange:
        await school.control.tell(school.pupil.user_id, update)
    assert await school.told(where) == strange
    answer = await school.his.call("messages.getLongPollHistory", pts=where["pts"], lp_version=19)
    assert answer["history"] == []


async def test_a_batch_the_other_way_round(school: School) -> None:
    where = await school.here()
    cmids = [
        await school.control.post(school.teacher.user_id, school.chat.chat, f"{n}")
        for n in range(3)
    ]
    await school.control.fault("longpoll", "reorder")
    assert [update[1] for update in await school.told(where)] == cmids[::-1]
    assert [update[1] for update in await school.told(where)] == cmids


async def test_an_answer_of_the_tests_own(school: School) -> None:
    await school.control.fault("messages.getHistory", "body", text="[1, 2")
    with pytest.raises(json.JSONDecodeError):
        await school.his.call("messages.getHistory", peer_id=school.chat.peer_id)
    assert await school.his.call("messages.getHistory", peer_id=school.chat.peer_id)


async def test_calls_packed_into_one(school: School) -> None:
    control = school.control
    cmid = await control.post(school.teacher.user_id, school.chat.chat, "раз")
    named = json.dumps({"peer_id": school.chat.peer_id, "cmids": [cmid]})
    code = f"return [API.messages.getById({named}), API.users.get(), API.no.such({{}})];"
    answer = await school.his.raw("execute", code=code)
    found, users, nothing = answer["response"]
    assert (found["items"][0]["text"], users[0]["first_name"], nothing) == ("раз", "Пётр", False)
    assert [error["error_code"] for error in answer["execute_errors"]] == [3]
    await control.fault("users.get", "error", code=6)
    assert "execute_errors" in await school.his.raw("execute", code="return API.users.get({});")
    too_many = f"return [{','.join(['API.users.get({})'] * 26)}];"
    for wrong in ("return 1;", "var a = 5;", "return [API.users.get({]);", too_many):
        with pytest.raises(ApiRefused, match="12"):
            await school.his.call("execute", code=wrong)


async def test_a_person_gets_another_name_and_photo(school: School) -> None:
    picture = await school.control.add_file(b"", "face.png", "image/png")
    who = school.teacher.user_id
    await school.control.change_user(who, last_name="Новая", photo=picture.key)
    (user,) = await school.his.call("users.get", user_ids=who, fields="photo_200,has_photo")
    assert (user["last_name"], user["photo_200"], user["has_photo"]) == ("Новая", picture.url, 1)
    await school.control.change_user(who, deactivated="banned")
    (user,) = await school.his.call("users.get", user_ids=who)
    assert (user["deactivated"], "is_closed" in user) == ("banned", False)
