"""Every kind of message and change, from the stand-in to the connector and back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from sferum_bridge.network.base import (
    Refused,
    RemoteChange,
    RemoteDeletion,
    RemoteEdit,
    RemoteMessage,
    RemoteReactions,
    RemoteRead,
    RemoteTyping,
    ServiceKind,
)
from sferum_bridge.network.content import (
    Call,
    Content,
    Draft,
    File,
    FileKind,
    Other,
    Page,
    Place,
    Poll,
    Span,
    Style,
)
from tests.support.vk_school import VERSIONS, Ear

if TYPE_CHECKING:
    from tests.support.vk_school import VkSchool

pytest_plugins = ["tests.support.standin", "tests.support.vk_school"]

every_version = pytest.mark.parametrize("vk_school", VERSIONS, ids=str, indirect=True)
PNG = bytes.fromhex(
    "89504e470d0a1a0a0000000d4948445200000001000000010806000000"
    "1f15c4890000000d49444154789c6360606060000000050001a5f64540"
    "0000000049454e44ae426082"
)


def mention(number: int, name: str) -> str:
    return f"[id{number}|{name}]"


@every_version
async def test_texts_have_styles_mentions_and_links(vk_school: VkSchool) -> None:
    anna = vk_school.anna.user_id
    text = f"👩‍🏫 {mention(anna, 'Анна')}, [https://vk.com/a|сюда] <b>!"
    at = len(text.encode("utf-16-le")) // 2 - 1
    styles = {"version": 1, "items": [{"type": "bold", "offset": at, "length": 1}]}
    expected = Content(
        "👩‍🏫 Анна, сюда <b>!",
        (
            Span(4, 4, Style.MENTION, str(anna)),
            Span(10, 4, Style.LINK, "https://vk.com/a"),
            Span(18, 1, Style.BOLD),
        ),
    )
    async with Ear(vk_school.connector).open() as ear:
        await vk_school.boris_writes(text, format_data=styles)
        heard = await ear.next_of(RemoteMessage)
        assert heard.content == expected
        sent = await vk_school.connector.send(
            vk_school.chat_id, Draft(expected.text, expected.spans), random_id=5
        )
        echo = await ear.next_of(RemoteMessage)
        assert (echo.message_id, echo.random_id) == (sent.message_id, 5)
        links = [span for span in echo.content.spans if span.style is Style.LINK]
        assert (echo.content.text, links) == (expected.text, [expected.spans[1]])
        assert set(echo.content.spans) == set(expected.spans)


async def pictures(school: VkSchool) -> list[dict[str, Any]]:
    """Return an attachment of every kind the stand-in makes."""
    control, boris = school.control, school.boris.user_id
    png = await control.add_file(PNG, "a.png", "image/png")
    ogg = await control.add_file(b"OggS-of-nobody", "a.ogg", "audio/ogg")
    mp4 = await control.add_file(b"mp4-of-nobody", "a.mp4", "video/mp4")
    text = await control.add_file("план".encode(), "План.txt", "text/plain")
    return [
        await control.attachment("photo", boris, png),
        await control.attachment("doc", boris, text),
        await control.attachment("audio_message", boris, ogg, seconds=7, transcript="Привет"),
        await control.attachment("graffiti", boris, png),
        await control.attachment("video", boris, mp4, title="Урок"),
        await control.attachment("video", boris, title="Чужой урок"),
        await control.attachment("sticker", sticker_id=5),
        await control.attachment("poll", boris, question="Идём?", answers=["Да", "Нет"]),
        await control.attachment("wall", boris, text="Новость"),
        await control.attachment("link", url="https://vk.com/a", title="Статья"),
        {"type": "hologram", "hologram": {"id": 1}},
    ]


@every_version
async def test_whatever_is_attached_arrives(vk_school: VkSchool) -> None:
    async with Ear(vk_school.connector).open() as ear:
        attached = await pictures(vk_school)
        await vk_school.boris_writes("всё сразу", attachments=attached[:8])
        await vk_school.boris_writes("ещё", attachments=attached[8:])
        first = (await ear.next_of(RemoteMessage)).content
        second = (await ear.next_of(RemoteMessage)).content
    kinds = [part.kind if isinstance(part, File) else type(part) for part in first.parts]
    assert kinds == [
        FileKind.PHOTO, FileKind.DOCUMENT, FileKind.VOICE, FileKind.DRAWING, FileKind.VIDEO,
        Page, FileKind.STICKER, Poll,
    ]  # fmt: skip
    _, document, voice, _, video, _, _, poll = first.parts
    assert isinstance(document, File)
    assert (document.name, document.size) == ("План.txt", 8)
    assert isinstance(voice, File)
    assert (voice.seconds, voice.transcript, bool(voice.waveform)) == (7, "Привет", True)
    assert isinstance(video, File)
    assert video.mime == "video/mp4"
    assert poll == Poll("Идём?", (("Да", 0), ("Нет", 0)))
    post, link, other = second.parts
    assert isinstance(post, Page)
    assert (post.kind, post.text) == ("post", "Новость")
    assert isinstance(link, Page)
    assert (link.url, link.title) == ("https://vk.com/a", "Статья")
    assert other == Other("hologram")


@every_version
async def test_replies_forwards_places_and_buttons(vk_school: VkSchool) -> None:
    chat = vk_school.chat.chat
    geo = {"type": "point", "coordinates": {"latitude": 55.75, "longitude": 37.61}}
    keyboard = {"inline": True, "buttons": [[{"action": {"type": "text", "label": "Да"}}]]}
    async with Ear(vk_school.connector).open() as ear:
        first = await vk_school.boris_writes("первое")
        second = await vk_school.boris_writes("второе", forwards=[{"chat": chat, "cmid": first}])
        await vk_school.boris_writes("", forwards=[{"chat": chat, "cmid": second}])
        await vk_school.boris_writes("ответ", reply_cmid=first)
        await vk_school.boris_writes("здесь", geo=geo)
        await vk_school.boris_writes("выбор", keyboard=keyboard)
        heard = [await ear.next_of(RemoteMessage) for _ in range(6)]
    quote = heard[2].content.quotes[0]
    assert (quote.sender_id, quote.content.text) == (str(vk_school.boris.user_id), "второе")
    assert quote.content.quotes[0].content.text == "первое"
    assert heard[3].reply_to == str(first)
    assert heard[4].content.parts == (Place(55.75, 37.61),)
    assert heard[5].content.buttons == ("Да",)


@every_version
async def test_edits_and_deletions(vk_school: VkSchool) -> None:
    control, boris, chat = vk_school.control, vk_school.boris.user_id, vk_school.chat.chat
    async with Ear(vk_school.connector).open() as ear:
        answered = await vk_school.boris_writes("вопрос")
        cmid = await vk_school.boris_writes("было", reply_cmid=answered)
        await ear.until(lambda: len(ear.heard) == 2)
        await control.edit(boris, chat, cmid, "стало <b>")
        edited = (await ear.next_of(RemoteEdit)).message
        assert (edited.message_id, edited.content) == (str(cmid), Content("стало <b>"))
        assert edited.reply_to == str(answered)
        await control.delete(boris, chat, cmid)
        gone = await ear.next_of(RemoteDeletion)
        assert gone == RemoteDeletion(vk_school.chat_id, str(cmid), for_all=True)


async def test_what_changes_without_an_edit(vk_school: VkSchool) -> None:
    control, boris, chat = vk_school.control, vk_school.boris.user_id, vk_school.chat.chat
    ogg = await control.add_file(b"OggS", "a.ogg", "audio/ogg")
    voice = await control.attachment("audio_message", boris, ogg, seconds=7)
    async with Ear(vk_school.connector).open() as ear:
        cmid = await vk_school.boris_writes(attachments=[voice])
        before = (await ear.next_of(RemoteMessage)).content.parts[0]
        said = {"transcript": "Привет", "transcript_state": "done"}
        voice["audio_message"] |= said
        await control.refresh(chat, cmid, attachments=[voice])
        after = (await ear.next_of(RemoteEdit)).message.content.parts[0]
        await control.refetch(chat, cmid)
        again = await ear.next_of(RemoteEdit)
    assert isinstance(before, File)
    assert isinstance(after, File)
    assert (before.transcript, after.transcript) == ("", "Привет")
    assert again.message.content.parts == (after,)


async def test_deleted_for_me_and_back(vk_school: VkSchool) -> None:
    control, anna, chat = vk_school.control, vk_school.anna.user_id, vk_school.chat.chat
    async with Ear(vk_school.connector).open() as ear:
        cmid = await vk_school.boris_writes("x")
        await control.delete(anna, chat, cmid, for_all=False)
        gone = await ear.next_of(RemoteDeletion)
        await control.restore(anna, chat, cmid)
        back = await ear.next_of(RemoteEdit)
    assert gone == RemoteDeletion(vk_school.chat_id, str(cmid), for_all=False)
    assert (back.message.message_id, back.message.content) == (str(cmid), Content("x"))


async def test_reactions_say_who(vk_school: VkSchool) -> None:
    control, chat = vk_school.control, vk_school.chat.chat
    boris, me = vk_school.boris.user_id, vk_school.connector.account_id
    others = [await control.add_user(f"Имя{n}", "Ф") for n in range(12)]
    for other in others:
        await control.add_member(chat, other.user_id)
    async with Ear(vk_school.connector).open() as ear:
        cmid = await vk_school.boris_writes("x")
        await vk_school.connector.react(vk_school.chat_id, str(cmid), "👍")
        assert await control.reactions(chat, cmid) == {int(me): 4}
        mine = await ear.next_of(RemoteReactions)
        assert mine == RemoteReactions(vk_school.chat_id, str(cmid), {me: "👍"})
        await control.react(boris, chat, cmid, 30)
        assert (await ear.next_of(RemoteReactions)).by == {me: "👍", str(boris): "№30"}
        await vk_school.connector.react(vk_school.chat_id, str(cmid), "")
        assert (await ear.next_of(RemoteReactions)).by == {str(boris): "№30"}
        for other in others:
            await control.react(other.user_id, chat, cmid, 1)
        everybody = {str(boris): "№30"} | {str(other.user_id): "❤️" for other in others}
        await ear.until(
            lambda: any(
                isinstance(event, RemoteReactions) and event.by == everybody for event in ear.events
            )
        )


@every_version
async def test_typing_and_read_marks(vk_school: VkSchool) -> None:
    control, boris, chat = vk_school.control, vk_school.boris.user_id, vk_school.chat.chat
    async with Ear(vk_school.connector).open() as ear:
        cmid = await vk_school.boris_writes("x")
        await control.show_activity(boris, chat)
        typing = await ear.next_of(RemoteTyping)
        assert typing == RemoteTyping(vk_school.chat_id, (str(boris),))
        await vk_school.connector.set_typing(vk_school.chat_id)
        await vk_school.connector.mark_read(vk_school.chat_id, str(cmid))
        mine = await ear.next_of(RemoteRead)
        me = vk_school.connector.account_id
        assert mine == RemoteRead(vk_school.chat_id, me, str(cmid))
        sent = await vk_school.connector.send(vk_school.chat_id, Draft("y"), random_id=5)
        await control.read(boris, chat, int(sent.message_id))
        theirs = await ear.next_of(RemoteRead)
        assert theirs == RemoteRead(vk_school.chat_id, "", sent.message_id)


@every_version
async def test_a_chat_reports_what_happens_in_it(vk_school: VkSchool) -> None:
    control, chat = vk_school.control, vk_school.chat.chat
    anna, boris = vk_school.anna.user_id, vk_school.boris.user_id
    vera = await control.add_user("Вера", "Мнимая")
    async with Ear(vk_school.connector).open() as ear:

        async def told() -> tuple[ServiceKind, str, str, str]:
            heard = await ear.next_of(RemoteMessage)
            assert heard.service is not None
            assert heard.content == Content()
            service = heard.service
            return service.kind, service.subject_id, service.title, service.message_id

        await control.change_chat(chat, title="7 «Б» & Ко")
        assert await told() == (ServiceKind.RENAMED, "", "7 «Б» & Ко", "")
        await control.add_member(chat, vera.user_id)
        assert await told() == (ServiceKind.INVITED, str(vera.user_id), "", "")
        cmid = await vk_school.boris_writes("x")
        await ear.next_of(RemoteMessage)
        await control.change_chat(chat, pinned=cmid)
        kind, _, _, pinned = await told()
        assert (kind, pinned) == (ServiceKind.PINNED, str(cmid))
        assert (await vk_school.connector.chat(vk_school.chat_id)).pinned == str(cmid)
        await control.remove_member(chat, vera.user_id)
        assert await told() == (ServiceKind.KICKED, str(vera.user_id), "", "")
        await control.remove_member(chat, boris, by=boris)
        assert await told() == (ServiceKind.LEFT, str(boris), "", "")
        await control.report(chat, {"type": "chat_screenshot", "member_id": anna})
        assert (await told())[0] is ServiceKind.SCREENSHOT
    members = await vk_school.connector.members(vk_school.chat_id)
    assert [(m.contact.name, m.is_admin) for m in members] == [("Анна Вымышленная", True)]


async def test_changes_of_a_chat_are_told_beside_the_report(vk_school: VkSchool) -> None:
    control, chat = vk_school.control, vk_school.chat.chat
    async with Ear(vk_school.connector).open() as ear:
        await control.change_chat(chat, title="другое")
        assert await ear.next_of(RemoteChange) == RemoteChange(vk_school.chat_id)
        ear.events.clear()
        await control.set_admin(chat, vk_school.boris.user_id)
        assert await ear.next_of(RemoteChange) == RemoteChange(vk_school.chat_id)
    members = await vk_school.connector.members(vk_school.chat_id)
    assert all(member.is_admin for member in members)


async def test_a_call_goes_on_and_ends(vk_school: VkSchool) -> None:
    control, boris, chat = vk_school.control, vk_school.boris.user_id, vk_school.chat.chat
    async with Ear(vk_school.connector).open() as ear:
        call = await control.start_call(boris, chat)
        started = await ear.next_of(RemoteMessage)
        (going_on,) = started.content.parts
        assert isinstance(going_on, Call)
        assert (going_on.is_over, going_on.join_url) == (False, call["join_link"])
        await control.end_call(boris, call["call_id"], seconds=95)
        gone = await ear.next_of(RemoteDeletion)
        assert (gone.message_id, gone.for_all) == (started.message_id, True)
        (over,) = (await ear.next_of(RemoteMessage)).content.parts
    assert isinstance(over, Call)
    assert (over.is_over, over.seconds, over.is_missed) == (True, 95, False)


@every_version
async def test_what_happened_while_away_is_told_as_it_is_now(vk_school: VkSchool) -> None:
    control, boris, chat = vk_school.control, vk_school.boris.user_id, vk_school.chat.chat
    ear = Ear(vk_school.connector)
    async with ear.open():
        known = await vk_school.boris_writes("давно")
        lost = await vk_school.boris_writes("лишнее")
        await ear.until(lambda: len(ear.heard) == 2)
        ear.events.clear()
    await control.edit(boris, chat, known, "давно, но иначе")
    await control.delete(boris, chat, lost)
    photo = await control.attachment(
        "photo", boris, await control.add_file(PNG, "a.png", "image/png")
    )
    cmid = await vk_school.boris_writes("старое", attachments=[photo])
    await control.edit(boris, chat, cmid, "новое", attachments=[photo])
    await vk_school.boris_writes("конец")
    async with ear.open():
        await ear.until(lambda: "конец" in ear.texts())
    edits = [e.message for e in ear.events if isinstance(e, RemoteEdit)]
    assert [(e.message_id, e.content.text) for e in edits] == [(str(known), "давно, но иначе")]
    said = [e for e in ear.events if isinstance(e, RemoteMessage)]
    assert [e.content.text for e in said] == ["новое", "конец"]
    assert len(said[0].content.parts) == 1
    gone = [e.message_id for e in ear.events if isinstance(e, RemoteDeletion)]
    assert gone == [str(lost)]


async def test_own_messages_are_changed_deleted_and_refused_in_time(vk_school: VkSchool) -> None:
    connector, chat = vk_school.connector, vk_school.chat_id
    place = Place(55.75, 37.61)
    sent = await connector.send(chat, Draft("раз", place=place), random_id=1)
    await connector.edit(chat, sent.message_id, Draft("два", (Span(0, 3, Style.BOLD),)))
    (written,) = await vk_school.written()
    assert (written["text"], bool(written["geo"])) == ("два", True)
    assert written["format_data"]["items"] == [{"type": "bold", "offset": 0, "length": 3}]
    theirs = await vk_school.boris_writes("чужое")
    with pytest.raises(Refused):
        await connector.edit(chat, str(theirs), Draft("моё"))
    await connector.delete(chat, [sent.message_id])
    assert [one["text"] for one in await vk_school.written()] == ["чужое"]
    with pytest.raises(Refused):
        await connector.edit(chat, sent.message_id, Draft("три"))


async def test_history_is_read_from_any_place(vk_school: VkSchool) -> None:
    cmids = [await vk_school.boris_writes(str(number)) for number in range(250)]
    connector, chat = vk_school.connector, vk_school.chat_id
    last = await connector.history(chat, after="", limit=20)
    assert [one.content.text for one in last] == [str(number) for number in range(230, 250)]
    short = await connector.history(chat, after=str(cmids[245]), limit=20)
    assert [one.content.text for one in short] == ["246", "247", "248", "249"]
    long = await connector.history(chat, after=str(cmids[9]), limit=30)
    assert [one.content.text for one in long] == [str(number) for number in range(10, 40)]
    assert await connector.history(chat, after=str(cmids[-1]), limit=20) == []
    every = await connector.history(chat, after="", limit=1000)
    assert [one.content.text for one in every if not one.service] == [
        str(number) for number in range(250)
    ]


async def test_nothing_odd_makes_the_ear_deaf(vk_school: VkSchool) -> None:
    anna, chat_id = vk_school.anna.user_id, int(vk_school.chat_id)
    nested: dict[str, Any] = {"from_id": 5, "text": "глубже"}
    for _ in range(60):
        nested = {"from_id": 5, "text": "x", "fwd_messages": [nested]}
    odd: list[list[Any]] = [
        [], [10004], [10004, "x"], [10004, 10**6, 1, 2, chat_id, None, None, 5, 5, "x", 1, 1],
        [10005, 10**6, 1, chat_id], [10019, 10**6], [601, 2, chat_id, 10**6], [99999, {"a": 1}],
        [63, "x"], [10002, 1, None, chat_id], [52],
    ]  # fmt: skip
    async with Ear(vk_school.connector).open() as ear:
        for update in odd:
            await vk_school.control.tell(anna, update)
        await vk_school.boris_writes("", forwards=[nested])
        await vk_school.boris_writes("конец")
        await ear.until(lambda: "конец" in ear.texts())
    assert ear.errors == []
    assert len(ear.heard) == 2
