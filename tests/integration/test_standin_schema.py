"""The stand-in's answers and the bridge's requests against the schema that VK publishes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from sferum_bridge.network.content import Draft, FileKind, Place, Span, Style
from sferum_bridge.network.vk import VkNetwork, VkSettings
from tests.support.samples import ogg, png
from tests.support.standin import (
    Caller,
    Served,
    served_place,  # noqa: F401 - what `served` stands on
    served_standin,  # noqa: F401 - the fixture `served`
)
from tests.support.vk_schema import VkSchema

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable


@pytest.fixture(scope="module")
def schema() -> VkSchema:
    return VkSchema.here()


@pytest.fixture
def check(schema: VkSchema) -> Callable[[str, dict[str, Any]], None]:
    """Give a function that validates an answer against a definition of the schema."""
    return schema.check_answer


async def test_the_schema_finds_what_is_wrong(check: Callable[..., None]) -> None:
    item = {"id": 1, "date": 1, "peer_id": 1, "text": 5, "out": 0}
    with pytest.raises(pytest.fail.Exception, match="from_id"):
        check("messages_getHistory_response", {"response": {"count": 1, "items": [item]}})


async def test_answers_keep_to_the_schema(served: Served, check: Callable[..., None]) -> None:
    control = served.control
    teacher = await control.add_user("Анна", "Вымышленная", role="teacher")
    pupil = await control.add_user("Пётр", "Придуманный")
    chat = await control.add_chat("5А", teacher.user_id, [pupil.user_id])
    await control.post_to_user(pupil.user_id, teacher.user_id, "Здравствуйте")
    async with Caller(served.url, version="5.199") as caller:
        await caller.log_in(teacher)
        ask = asking(caller, check)
        peer = {"peer_id": chat.peer_id}
        where = await ask(
            "messages_getLongPollServer_response", "messages.getLongPollServer", need_pts=1
        )
        sending = {**peer, "random_id": 1, "message": "Домашнее задание"}
        sent = await ask("messages_send_deprecated_response", "messages.send", **sending)
        many = {"peer_ids": f"{chat.peer_id},999999", "random_id": 2, "message": "Всем"}
        await ask("messages_send_user_ids_response", "messages.send", **many)
        reply = {**peer, "random_id": 3, "message": "Ответ", "reply_to": sent}
        answered = await ask("messages_send_deprecated_response", "messages.send", **reply)
        await ask("base_bool_response", "messages.edit", **peer, message_id=answered, message="И")
        await ask("base_ok_response", "messages.markAsRead", **peer)
        await ask("base_ok_response", "messages.setActivity", **peer, type="typing")
        extended = {"extended": 1, "fields": "domain,sex,educational_profile"}
        for definition, method, params in (
            ("messages_getConversations_response", "getConversations", {}),
            ("messages_getConversationsById_extended_response", "getConversationsById", {}),
            ("messages_getConversationMembers_response", "getConversationMembers", peer),
            ("messages_getHistory_extended_response", "getHistory", peer),
            (
                "messages_getById_extended_response",
                "getById",
                {"message_ids": f"{sent},{answered}"},
            ),
            (
                "messages_getByConversationMessageId_extended_response",
                "getByConversationMessageId",
                {**peer, "conversation_message_ids": "1,2,3"},
            ),
            (
                "messages_getLongPollHistory_response",
                "getLongPollHistory",
                {"pts": where["pts"], "lp_version": 19, "credentials": 1},
            ),
        ):
            given = {"peer_ids": chat.peer_id} if method == "getConversationsById" else params
            found = await ask(definition, f"messages.{method}", **given, **extended)
            assert found.get("items") or found["messages"]["items"]
        await ask("messages_delete_full_response", "messages.delete", message_ids=sent)
        made = await ask(
            "messages_createChat_withPeerIds_response",
            "messages.createChat",
            user_ids=pupil.user_id,
            title="Кружок",
        )
        member = {"chat_id": made["chat_id"], "user_id": pupil.user_id}
        await ask("base_ok_response", "messages.removeChatUser", **member)
        await ask("base_ok_response", "messages.addChatUser", **member)
        await ask("users_get_response", "users.get", fields="domain,sex,online")
        await ask("account_getProfileInfo_response", "account.getProfileInfo")


async def test_answers_about_files_keep_to_the_schema(
    served: Served, check: Callable[..., None]
) -> None:
    teacher = await served.control.add_user("Анна", "Вымышленная", role="teacher")
    chat = await served.control.add_chat("5А", teacher.user_id)
    peer, chat_id = {"peer_id": chat.peer_id}, {"chat_id": chat.peer_id - 2_000_000_000}
    async with Caller(served.url, version="5.199") as caller:
        await caller.log_in(teacher)
        ask = asking(caller, check)
        server = await ask(
            "photos_getMessagesUploadServer_response", "photos.getMessagesUploadServer", **peer
        )
        reply = await caller.upload(server["upload_url"], "photo", png(90, 60), "a.png")
        (photo,) = await ask(
            "photos_saveMessagesPhoto_response", "photos.saveMessagesPhoto", **reply
        )
        named = f"{photo['owner_id']}_{photo['id']}"
        await ask("photos_getById_response", "photos.getById", photos=named)
        names = [f"photo{named}"]
        for kind, data in (("doc", b"text"), ("audio_message", ogg(2)), ("graffiti", png(9, 9))):
            server = await ask(
                "docs_getUploadServer_response", "docs.getMessagesUploadServer", type=kind
            )
            reply = await caller.upload(server["upload_url"], "file", data, "a.txt")
            saved = await ask("docs_save_response", "docs.save", **reply)
            names.append(f"{kind}{saved[kind]['owner_id']}_{saved[kind]['id']}")
        found = await ask(
            "docs_getById_response", "docs.getById", docs=names[1].removeprefix("doc")
        )
        assert found
        video = await ask("video_save_response", "video.save", name="Опыт")
        await caller.upload(video["upload_url"], "video_file", b"film", "v.mp4")
        names.append(f"video{video['owner_id']}_{video['video_id']}")
        await ask("video_get_response", "video.get", videos=names[-1].removeprefix("video"))
        sending = {**peer, "random_id": 1, "attachment": ",".join(names), "lat": 1, "long": 2}
        await ask("messages_send_deprecated_response", "messages.send", **sending)
        sending = {**peer, "random_id": 2, "sticker_id": 3}
        await ask("messages_send_deprecated_response", "messages.send", **sending)
        author = teacher.user_id
        poll = await served.control.attachment("poll", author, question="?", answers=["а", "б"])
        wall = await served.control.attachment("wall", author, text="Новости")
        link = await served.control.attachment("link", url="https://example.org/")
        await served.control.post(author, chat.chat, attachments=[poll, wall, link])
        call = await served.control.start_call(author, chat.chat)
        await served.control.end_call(author, call["call_id"], seconds=5)
        history = await ask("messages_getHistory_response", "messages.getHistory", **peer)
        kinds = {one["type"] for item in history["items"] for one in item["attachments"]}
        files = {"photo", "doc", "audio_message", "graffiti", "video"}
        assert kinds == files | {"sticker", "poll", "wall", "link", "call"}
        place = await ask("base_getUploadServer_response", "photos.getChatUploadServer", **chat_id)
        reply = await caller.upload(place["upload_url"], "file", png(400, 400), "class.png")
        photo = {"file": reply["response"]}
        await ask("messages_setChatPhoto_response", "messages.setChatPhoto", **photo)
        await ask("messages_deleteChatPhoto_response", "messages.deleteChatPhoto", **chat_id)


async def test_answers_about_chats_keep_to_the_schema(
    served: Served, check: Callable[..., None]
) -> None:
    teacher = await served.control.add_user("Анна", "Вымышленная", role="teacher")
    pupil = await served.control.add_user("Пётр", "Придуманный")
    chat = await served.control.add_chat("5А", teacher.user_id, [pupil.user_id])
    cmid = await served.control.post(pupil.user_id, chat.chat, "Ответ")
    peer = {"peer_id": chat.peer_id}
    named = {**peer, "cmid": cmid}
    async with Caller(served.url, version="5.199") as caller:
        await caller.log_in(teacher)
        ask = asking(caller, check)
        await ask("messages_pin_response", "messages.pin", **named)
        await ask("messages_getConversationsById_response", "messages.getConversationsById",
                  peer_ids=chat.peer_id)  # fmt: skip
        await ask("base_ok_response", "messages.unpin", **peer)
        await ask("messages_getReactionsAssets_response", "messages.getReactionsAssets")
        await ask("base_bool_response", "messages.sendReaction", **named, reaction_id=1)
        reactions = {**peer, "cmids": cmid}
        await ask("messages_getMessagesReactions_response", "messages.getMessagesReactions",
                  **reactions)  # fmt: skip
        await ask("messages_getReactedPeers_response", "messages.getReactedPeers", **named)
        await ask("messages_getHistory_response", "messages.getHistory", **peer)
        await ask("base_bool_response", "messages.deleteReaction", **named)
        await ask("base_bool_response", "messages.markReactionsAsRead", **reactions)
        link = await ask("messages_getInviteLink_response", "messages.getInviteLink", **peer)
        await ask("messages_getChatPreview_response", "messages.getChatPreview", **link)
        await caller.raw("messages.delete", **reactions)
        await ask("base_ok_response", "messages.restore", **named)
        await ask("base_ok_response", "account.setSilenceMode", **peer, time=0)
        started = await ask("calls_start_response", "calls.start")
        await ask("base_ok_response", "calls.forceFinish", call_id=started["call_id"])
        await ask("messages_deleteConversation_response", "messages.deleteConversation", **peer)
        await ask("groups_getById_object_response", "groups.getById", group_ids=1)
        async with Caller(served.url, version="5.199") as guest:
            await guest.log_in(await served.control.add_user("Гость", "Небывалый"))
            entering = asking(guest, check)
            await entering(
                "messages_joinChatByInviteLink_response", "messages.joinChatByInviteLink", **link
            )


def asking(caller: Caller, check: Callable[..., None]) -> Callable[..., Any]:
    """Return a function that calls a method and validates the answer."""

    async def ask(definition: str, method: str, **params: Any) -> Any:
        answer = await caller.raw(method, **params)
        check(definition, answer)
        return answer["response"]

    return ask


async def test_the_bridges_requests_keep_to_the_schema(served: Served, schema: VkSchema) -> None:
    teacher = await served.control.add_user("Анна", "Вымышленная", role="teacher")
    pupil = await served.control.add_user("Пётр", "Придуманный")
    chat = await served.control.add_chat("5А", teacher.user_id, [pupil.user_id])
    asked = str(await served.control.post(pupil.user_id, chat.chat, "Когда?"))
    settings = VkSettings(api_url=served.url, web_url=served.url, requests_per_second=1000)
    network = VkNetwork(settings)
    try:
        connector = await network.connect(teacher.cookie)
        chat_id = str(chat.peer_id)
        await connector.chats()
        await connector.chat(chat_id)
        await connector.members(chat_id)
        await connector.contacts([str(pupil.user_id)])
        await connector.history(chat_id, after="", limit=5)
        await connector.history(chat_id, after=asked, limit=5)
        names = [
            await connector.upload(chat_id, kind, name, mime, pieces(data))
            for kind, name, mime, data in (
                (FileKind.PHOTO, "a.png", "image/png", png(20, 10)),
                (FileKind.DOCUMENT, "a.txt", "text/plain", b"text"),
                (FileKind.VOICE, "a.ogg", "audio/ogg", ogg(2)),
                (FileKind.VIDEO, "a.mp4", "video/mp4", b"film"),
            )
        ]
        draft = Draft("жирно", (Span(0, 5, Style.BOLD),), tuple(names))
        sent = await connector.send(chat_id, draft, random_id=7, reply_to=asked)
        await connector.send(chat_id, Draft(place=Place(59.9, 30.3)), random_id=8)
        first = await connector.send(chat_id, Draft("сперва"), random_id=9)
        await connector.edit(chat_id, first.message_id, Draft("потом"))
        await connector.react(chat_id, asked, next(iter(connector.abilities.reactions)))
        await connector.react(chat_id, asked, "")
        await connector.set_typing(chat_id)
        await connector.mark_read(chat_id, asked)
        await connector.delete(chat_id, [sent.message_id])
        batches = connector.listen("")
        await anext(batches)
        await connector.close()
    finally:
        await network.close()
    schema.check_request("messages.send", {"peer_id": "1", "random_id": "5"})
    with pytest.raises(pytest.fail.Exception, match="peer_ids"):
        schema.check_request("messages.send", {"peer_ids": ",".join(["1"] * 101)})
    requests = await served.control.requests()
    used = {method for method, _ in requests}
    assert {"messages.send", "messages.edit", "docs.save", "messages.sendReaction"} <= used
    for method, params in requests:
        schema.check_request(method, params)


async def pieces(data: bytes) -> AsyncIterator[bytes]:
    yield data
