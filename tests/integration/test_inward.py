"""What is written in a linked chat, as a member of the room sees it: a real Synapse on one side."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import pytest_asyncio

from sferum_bridge.matrix import marks
from sferum_bridge.network.base import RemoteRead, RemoteTyping, Service, ServiceKind
from sferum_bridge.network.content import Content, Poll, Quote, Span, Style
from sferum_bridge.store import reactions
from sferum_bridge.store.reactions import Key, Reaction
from tests.support.bridge import until
from tests.support.inward import GHOST, Linked, linked_room, working
from tests.support.messenger import CHAT

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.support.synapse import Homeserver

pytestmark = pytest.mark.asyncio(loop_scope="session")

ASYA, BORYA = "101", "102"
PEOPLE = {ASYA: "Ася Выдумкина", BORYA: "Боря <b>Придумкин</b>"}


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def linked(
    plain_homeserver: Homeserver, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Linked]:
    url = f"sqlite:///{tmp_path_factory.mktemp('bridge') / 'bridge.db'}"
    async with linked_room(plain_homeserver, url, people=PEOPLE) as linked, working(linked):
        await linked.begun()
        yield linked


async def test_a_text_comes_from_a_ghost_with_its_time(linked: Linked) -> None:
    message = await linked.messenger.say(ASYA, "привет\nвсем")
    await linked.until_shown("привет\nвсем")
    [event] = await linked.last()
    assert event["sender"] == GHOST.format(ASYA)
    assert event["origin_server_ts"] == message.sent_at * 1000
    assert event["content"] == {"msgtype": "m.text", "body": "привет\nвсем", "m.mentions": {}}


async def test_looks_and_links(linked: Linked) -> None:
    spans = (
        Span(0, 5, Style.BOLD),
        Span(6, 6, Style.LINK, "https://school.example/a?b=1&c"),
        Span(13, 2, Style.LINK, "javascript:alert(1)"),
    )
    await linked.messenger.say(ASYA, Content("<ура> ссылка да", spans))
    await linked.until_shown("<ура> ссылка (https://school.example/a?b=1&c) да")
    [event] = await linked.last()
    assert event["content"]["formatted_body"] == (
        '<strong>&lt;ура&gt;</strong> <a href="https://school.example/a?b=1&amp;c">ссылка</a>'
        " (school.example) да"
    )


async def test_a_mention_notifies_who_is_in_the_room_and_nobody_else(linked: Linked) -> None:
    await linked.messenger.say(ASYA, "я здесь")
    await linked.idle()
    spans = (Span(0, 3, Style.MENTION, ASYA), Span(4, 4, Style.MENTION, BORYA))
    await linked.messenger.say(BORYA, Content("Ася Боря", spans))
    await linked.until_shown("Ася Боря")
    [event] = await linked.last()
    assert event["content"]["m.mentions"] == {"user_ids": [GHOST.format(ASYA)]}
    assert event["content"]["formatted_body"] == (
        f'<a href="https://matrix.to/#/{GHOST.format(ASYA)}">Ася</a> Боря'
    )


async def test_an_answer_finds_its_message_even_while_that_waits(linked: Linked) -> None:
    question = linked.messenger.written(ASYA, "вопрос")
    answer = linked.messenger.written(BORYA, "ответ", reply_to=question.message_id)
    await linked.messenger.happen(question, answer)
    await linked.until_shown("вопрос", "ответ")
    asked, answered = await linked.last(2)
    relation = answered["content"]["m.relates_to"]
    assert relation == {"m.in_reply_to": {"event_id": asked["event_id"]}}


async def test_forwards_are_quoted_with_their_authors(linked: Linked) -> None:
    inner = Quote(BORYA, 1_790_000_000, Content("внутри"))
    outer = Quote("999", 0, Content("снаружи", quotes=(inner,)))
    await linked.messenger.say(ASYA, Content("смотрите", quotes=(outer,)))

    [body] = (await linked.settled())[-1:]
    assert body == (
        "смотрите\n> Переслано, автор — 999:\n> снаружи\n"
        "> > Переслано, автор — Боря <b>Придумкин</b>, 21 сентября 2026\u202fг., 17:13\n> > внутри"
    ).replace("\u202f", body[body.find("2026") + 4])
    [event] = await linked.last()
    html = event["content"]["formatted_body"]
    assert "&lt;b&gt;Придумкин" in html
    assert html.count("<blockquote>") == html.count("</blockquote>") == 2


async def test_edits_reach_the_right_event(linked: Linked) -> None:
    message = await linked.messenger.say(ASYA, "опечтка")
    await linked.messenger.say(BORYA, "между")
    await linked.messenger.edit(message, "опечатка")
    await linked.messenger.edit(message, "опечатка")
    await linked.messenger.edit(message, "исправлено")
    assert (await linked.settled())[-2:] == ["исправлено", "между"]
    [*_, before, _, first, second] = await linked.last(4)
    assert first["content"]["m.relates_to"]["event_id"] == before["event_id"]
    assert second["sender"] == before["sender"] == GHOST.format(ASYA)
    assert second["content"]["m.new_content"]["body"] == "исправлено"


async def test_a_deletion_for_all_is_a_redaction_by_the_ghost(linked: Linked) -> None:
    kept = await linked.messenger.say(ASYA, "останется")
    gone = await linked.messenger.say(ASYA, "исчезнет")
    await linked.messenger.edit(gone, "исчезнет совсем")
    await linked.messenger.delete(kept, for_all=False)
    await linked.messenger.delete(gone)
    await linked.messenger.delete(gone)
    assert (await linked.settled())[-1] == "останется"
    redactions = await linked.events("m.room.redaction")
    assert redactions[-1]["sender"] == GHOST.format(ASYA)
    assert "исчезнет" not in str(await linked.events())
    # Heard again, it does not come back.
    await linked.messenger.happen(gone)
    assert (await linked.settled())[-1] == "останется"


async def test_a_message_that_was_edited_often_leaves_no_word(
    linked: Linked, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(marks, "_PAGE", 2)
    message = await linked.messenger.say(ASYA, "тайна 0")
    for number in range(1, 8):
        await linked.messenger.edit(message, f"тайна {number}")
    assert (await linked.settled())[-1] == "тайна 7"
    await linked.messenger.delete(message)
    await linked.idle()
    assert "тайна" not in str(await linked.events())


async def test_reactions_follow_who_has_reacted(linked: Linked) -> None:
    message = await linked.messenger.say(ASYA, "оцените")

    async def reactions() -> dict[str, str]:
        await linked.idle()
        return {
            event["sender"]: event["content"]["m.relates_to"]["key"]
            for event in await linked.events("m.reaction")
            if event["content"]
        }

    asya, borya = GHOST.format(ASYA), GHOST.format(BORYA)
    await linked.messenger.react(message, {ASYA: "👍", BORYA: "❤"})
    await linked.messenger.react(message, {ASYA: "👍", BORYA: "❤\ufe0f"})
    assert await reactions() == {asya: "👍", borya: "❤"}
    await linked.messenger.react(message, {ASYA: "❤"})
    assert await reactions() == {asya: "❤"}
    await linked.messenger.react(message, {})
    assert await reactions() == {}
    await linked.messenger.react(message, {ASYA: "❤"})
    assert await reactions() == {asya: "❤"}


async def test_what_is_heard_late_takes_back_no_reaction_made_here_since(linked: Linked) -> None:
    message = await linked.messenger.say(ASYA, "оцените ещё раз")
    await linked.idle()
    key = Key(linked.login_id, CHAT, message.message_id)
    of_tomorrow = linked.database.clock() + 86_400_000
    made_here = Reaction("owner", "👍", "$here", linked.reader.mxid, 0, of_tomorrow)
    async with linked.database.write() as tx:
        await reactions.save(tx, key, made_here)
    await linked.messenger.react(message, {"owner": "❤"})
    await linked.messenger.react(message, {})
    await linked.idle()
    async with linked.database.read() as tx:
        assert (await reactions.of_message(tx, key))["owner"] == made_here


async def test_reports_of_the_chat_are_notices_of_the_bot(linked: Linked) -> None:
    renamed = Service(ServiceKind.RENAMED, title="Новое название")
    kicked = Service(ServiceKind.KICKED, subject_id=BORYA)
    await linked.messenger.say(ASYA, "", service=renamed)
    await linked.messenger.say(BORYA, "пока я здесь")
    await linked.messenger.say(ASYA, "", service=kicked)
    assert (await linked.settled())[-3:] == [
        "Ася Выдумкина меняет название чата: «Новое название»",
        "пока я здесь",
        "Ася Выдумкина удаляет из чата: Боря <b>Придумкин</b>",
    ]
    [event] = await linked.last()
    assert (event["sender"], event["content"]["msgtype"]) == (
        "@sferumbot:school.example",
        "m.notice",
    )
    _, joined = await linked.reader.call("GET", f"rooms/{linked.room_id}/joined_members")
    assert GHOST.format(BORYA) not in joined["joined"]


async def test_what_is_pinned_there_is_pinned_here(linked: Linked) -> None:
    first = await linked.messenger.say(ASYA, "важное")
    second = await linked.messenger.say(ASYA, "важнее")
    await linked.idle()
    events = [event["event_id"] for event in await linked.last(2)]
    where = f"rooms/{linked.room_id}/state/m.room.pinned_events"

    async def pin(message_id: str, kind: ServiceKind = ServiceKind.PINNED) -> list[str]:
        await linked.messenger.say(ASYA, "", service=Service(kind, message_id=message_id))
        await linked.idle()
        _, answer = await linked.reader.call("GET", where)
        return list(answer["pinned"])

    assert await pin(first.message_id) == [events[0]]
    assert await pin(second.message_id) == [events[1]]
    assert await pin(second.message_id, ServiceKind.UNPINNED) == []


async def test_a_poll_is_words(linked: Linked) -> None:
    poll = Poll("Когда?", (("Завтра", 2), ("<i>Никогда", 1)), is_anonymous=True)
    await linked.messenger.say(ASYA, Content(parts=(poll,)))
    assert (await linked.settled())[-1].split("\n") == [
        "Опрос: Когда?",
        "• Завтра — 2 голоса",
        "• <i>Никогда — 1 голос",
        "Голосование тайное. Проголосовать можно в Сферуме.",
    ]


async def test_typing_and_reading_are_shown_for_who_is_in_the_room(linked: Linked) -> None:
    message = await linked.messenger.say(ASYA, "прочтите")
    await linked.messenger.happen(
        RemoteTyping(CHAT, (ASYA, "nobody")), RemoteRead(CHAT, ASYA, message.message_id)
    )
    await linked.idle()
    [event] = await linked.last()

    async def seen() -> bool:
        _, answer = await linked.reader.call("GET", "sync", timeout="0")
        room = answer["rooms"]["join"][linked.room_id]["ephemeral"]["events"]
        read = any(
            GHOST.format(ASYA) in e["content"].get(event["event_id"], {}).get("m.read", {})
            for e in room
        )
        typing = [e["content"]["user_ids"] for e in room if e["type"] == "m.typing"]
        return read and typing == [[GHOST.format(ASYA)]]

    await until(seen, 20)


async def test_the_room_tells_clients_what_works_and_nothing_of_anybody(linked: Linked) -> None:
    await linked.idle()
    _, state = await linked.reader.call("GET", f"rooms/{linked.room_id}/state")
    found = {event["type"]: event for event in state}
    about = found["m.bridge"]["content"]
    assert about == found["uk.half-shot.bridge"]["content"]
    assert about["protocol"] == {"id": "invented", "displayname": "invented"}
    assert "chat-1" not in str(about)
    features = found["com.beeper.room_features"]["content"]
    assert features["max_text_length"] == 4096
    assert features["allowed_reactions"] == ["❤", "👍"]
