"""What people do beside writing plain words, and what becomes of it on the other side."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from sferum_bridge.network.base import Refused
from sferum_bridge.network.content import FileKind, Span, Style
from sferum_bridge.relay.outward import waits
from sferum_bridge.store import chats, queues
from tests.support.messenger import CHAT
from tests.support.outward import OWNER, PUPIL, ROOM, Way, linked, person

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

HTML = "org.matrix.custom.html"
PNG = {"mimetype": "image/png"}


@pytest.fixture(autouse=True)
def _no_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(waits, "_FIRST_WAIT", 0.01)


@pytest.fixture
async def way(tmp_path: Path) -> AsyncIterator[Way]:
    async with linked(tmp_path) as found:
        found.homeserver.files["m"] = b"x"
        yield found


def picture(body: str = "кот.png", **more: Any) -> dict[str, Any]:
    return {"msgtype": "m.image", "body": body, "url": "mxc://s/m", "info": PNG, **more}


def answering(event_id: str) -> dict[str, Any]:
    return {"m.relates_to": {"m.in_reply_to": {"event_id": event_id}}}


async def edit(way: Way, event_id: str, new: dict[str, Any], sender: str = OWNER) -> str:
    relation = {"rel_type": "m.replace", "event_id": event_id}
    return await way.do({**new, "m.new_content": new, "m.relates_to": relation}, sender)


async def redact(way: Way, event_id: str, sender: str = OWNER) -> str:
    return await way.do({"redacts": event_id}, sender, "m.room.redaction")


async def react(way: Way, event_id: str, key: str = "👍") -> str:
    relation = {"rel_type": "m.annotation", "event_id": event_id, "key": key}
    return await way.do({"m.relates_to": relation}, OWNER, "m.reaction")


async def shown_here(way: Way, parts: int, sender: str = OWNER) -> list[str]:
    """Have a message be of the messenger that is shown as several events here."""
    message = way.messenger.written("owner", "альбом")
    events = [f"$part-{message.message_id}-{number}" for number in range(parts)]
    async with way.db.write() as tx:
        for number, event_id in enumerate(events):
            kind = "photo" if number else "text"
            one = chats.Mapped(
                *(CHAT, message.message_id, number, ROOM, event_id),
                from_matrix=False,
                sender=sender,
                kind=kind,
            )
            await chats.map_message(tx, way.login_id, one)
    return events


# --- answers ----------------------------------------------------------------------------------


async def test_an_answer_to_an_answer_goes_without_its_quotations(way: Way) -> None:
    first = await way.say("первое")
    body = "> <@a:school.example> > <@b:school.example> нулевое\n> первое\n\nвторое"
    await way.say(body, **answering(first))
    assert way.messenger.texts() == ["первое", "второе"]
    assert way.messenger.answers["2"] == "1"


async def test_an_answer_to_what_is_gone_there_goes_as_it_is(way: Way) -> None:
    first = await way.say("сейчас сотрут")
    way.messenger.errors = [Refused("names a message that is not there")]
    await way.say("поздний ответ", **answering(first))
    assert way.messenger.texts() == ["сейчас сотрут", "поздний ответ"]
    assert way.messenger.answers["2"] == ""
    assert await way.told() == []


async def test_an_answer_that_is_edited_stays_one_and_keeps_what_it_quotes(way: Way) -> None:
    first = await way.say("вопрос")
    answer = await way.say("ответ", **answering(first))
    await edit(way, answer, {"msgtype": "m.text", "body": "> <своё> цитата\nответ получше"})
    assert way.messenger.texts() == ["вопрос", "> <своё> цитата\nответ получше"]
    assert way.messenger.answers["2"] == "1"


# --- captions ---------------------------------------------------------------------------------


async def test_only_a_file_that_its_sender_may_read_is_carried(tmp_path: Path) -> None:
    async with linked(tmp_path, secret="an invented secret") as way:
        way.homeserver.files["m"] = b"x"
        way.homeserver.unreadable = {("m", PUPIL)}
        await person(way.db, PUPIL, "Кнопка", "Цветочная")
        here = "mxc://school.example/m"
        await way.do(picture(url=here), PUPIL)
        await way.do(picture(url="mxc://evil.example/m"))
        assert way.messenger.uploads == {}
        assert way.homeserver.asked == [], "nor is it fetched from elsewhere"
        told = await way.told()
        assert [mxid for mxid, _ in told] == [PUPIL, OWNER]
        assert all("не отдаёт" in body for _, body in told)
        await way.do(picture(url=here))
        assert list(way.messenger.uploads) == ["file-0"]


async def test_the_caption_of_a_file_can_be_edited_and_the_file_stays(way: Way) -> None:
    event_id = await way.do(picture("вот кот", filename="кот.png"))
    new = picture("вот он", filename="кот.png", format=HTML, formatted_body="вот <b>он</b>")
    await edit(way, event_id, new)
    assert way.messenger.texts() == ["вот он"]
    assert way.messenger.messages[CHAT][0].content.spans == (Span(4, 2, Style.BOLD),)
    assert list(way.messenger.uploads) == ["file-0"]
    await edit(way, event_id, picture())
    assert way.messenger.texts() == [""]
    assert await way.told() == []


async def test_the_caption_of_somebody_else_keeps_their_name(way: Way) -> None:
    await person(way.db, PUPIL, "Кнопка", "Цветочная")
    event_id = await way.do(picture("вот кот", filename="кот.png"), PUPIL)
    await edit(way, event_id, picture("вот он", filename="кот.png"), PUPIL)
    assert way.messenger.texts() == ["Кнопка Цветочная: вот он"]


async def test_a_file_that_is_taken_back_is_deleted_there(way: Way) -> None:
    event_id = await way.do(picture("вот кот", filename="кот.png"))
    await redact(way, event_id)
    assert way.messenger.texts() == []


# --- parts ------------------------------------------------------------------------------------


async def test_a_reaction_to_a_part_is_one_to_its_message(way: Way) -> None:
    await way.say("раньше")
    _, photo = await shown_here(way, 2)
    await react(way, photo)
    assert way.messenger.reactions == {"2": "👍"}
    long = await way.say("слово " * 15)
    await react(way, long)
    assert way.messenger.reactions == {"2": "👍", "3": "👍"}


async def test_a_reaction_takes_the_place_of_earlier_ones_and_of_none_to_come(way: Way) -> None:
    event_id = await way.say("ура")
    first = await react(way, event_id, "👍")
    # The homeserver has a third one already, and has not told of it yet.
    third = {**way.homeserver.events[first], "event_id": "$later"}
    third["origin_server_ts"] += 1000
    third["content"] = {"m.relates_to": {**third["content"]["m.relates_to"], "key": "❤️"}}
    way.homeserver.events["$later"] = third
    second = await react(way, event_id, "🔥")
    assert way.homeserver.redacted == [(first, OWNER)]
    async with way.db.write() as tx:
        await queues.put(tx, queues.INBOX, f"relay/{ROOM}", "$later", third)
    await way.work()
    assert way.homeserver.redacted == [(first, OWNER), (second, OWNER)]
    assert way.messenger.reactions == {"1": "❤"}


async def test_an_answer_to_a_part_is_one_to_its_message(way: Way) -> None:
    _, photo = await shown_here(way, 2)
    await way.say("красиво", **answering(photo))
    assert way.messenger.answers["2"] == "1"


async def test_every_part_of_a_long_text_is_deleted_with_it_and_after_an_edit(way: Way) -> None:
    event_id = await way.say("слово " * 30)
    before = len(way.messenger.texts())
    assert before > 2
    await edit(way, event_id, {"msgtype": "m.text", "body": "слово " * 15})
    await redact(way, event_id)
    assert way.messenger.texts() == []


# --- other kinds ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "text"),
    [
        ({"msgtype": "m.emote", "body": "машет"}, "* машет"),
        ({"msgtype": "m.notice", "body": "от бота"}, "от бота"),
        ({"msgtype": "m.text", "body": "||смерть||", "format": HTML,
          "formatted_body": '<span data-mx-spoiler="конец">герой жив</span>'}, "герой жив"),
        ({"msgtype": "m.text", "body": "…", "format": HTML,
          "formatted_body": "<pre><code>a\n  b</code></pre>"}, "a\n  b"),
        ({"msgtype": "m.text", "body": "…", "format": HTML, "formatted_body":
          "<table><tr><th>а</th><th>б</th></tr><tr><td>1</td><td>2</td></tr></table>"},
         "а | б\n1 | 2"),
        ({"msgtype": "m.text", "body": "…", "format": HTML, "formatted_body":
          '<img data-mx-emoticon alt=":кот:" src="mxc://s/m"> мяу'}, ":кот: мяу"),
        ({"msgtype": "m.text", "body": "…", "format": HTML, "formatted_body":
          "<ol><li>а<ul><li>б</li></ul></li><li>в</li></ol>"}, "1. а\n   • б\n2. в"),
        ({"msgtype": "m.text", "body": "…", "format": HTML, "formatted_body":
          "<details><summary>ещё</summary>тайное</details>"}, "ещё\nтайное"),
        ({"msgtype": "m.text", "body": "…", "format": HTML, "formatted_body":
          '<span data-mx-maths="x^2"><code>x^2</code></span>'}, "`x^2`"),
    ],
)  # fmt: skip
async def test_what_that_side_has_not_is_read_as_words(
    way: Way, content: dict[str, Any], text: str
) -> None:
    await way.do(content)
    assert way.messenger.texts() == [text]
    assert await way.told() == []


async def test_a_voice_message_goes_as_one_whatever_it_says_of_its_waves(way: Way) -> None:
    waves: list[Any] = [[0, 512, 1024], "x", [None] * 500, {}]
    for waveform in waves:
        await way.do(
            {
                "msgtype": "m.audio",
                "body": "голос.ogg",
                "url": "mxc://s/m",
                "info": {"mimetype": "audio/ogg; codecs=opus", "duration": 3000},
                "org.matrix.msc1767.audio": {"duration": 3000, "waveform": waveform},
                "org.matrix.msc3245.voice": {},
            }
        )
    kinds = [kind for kind, *_ in way.messenger.uploads.values()]
    assert kinds == [FileKind.VOICE] * len(waves)


@pytest.mark.parametrize("kind", ["m.poll.response", "org.matrix.msc3381.poll.end"])
async def test_votes_and_ends_of_polls_are_answered_once(way: Way, kind: str) -> None:
    for _ in range(2):
        await way.do({"m.selections": ["1"]}, kind=kind)
    [(mxid, body)] = await way.told()
    assert mxid == OWNER
    assert "голоса остаются в Matrix" in body
    assert way.messenger.texts() == []


async def test_a_reaction_that_is_a_picture_is_told_once(way: Way) -> None:
    event_id = await way.say("ура")
    for key in ("mxc://school.example/cat", ":кот:"):
        await react(way, event_id, key)
    assert way.messenger.reactions == {}
    assert len(await way.told()) == 1
