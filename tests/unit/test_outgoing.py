"""What people write in a linked room reaches the messenger: once, in order, or they are told."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from sferum_bridge.network.base import (
    FileNotTaken,
    LoginExpired,
    Refused,
    TooFast,
    Unavailable,
)
from sferum_bridge.network.content import FileKind, Place, Span, Style
from sferum_bridge.relay.outward import courier, waits
from sferum_bridge.relay.outward.reports import Shown
from sferum_bridge.school.attachments import Policy
from sferum_bridge.store import chats, logins, queues
from tests.support.messenger import CHAT
from tests.support.outward import OWNER, PUPIL, ROOM, TEACHER, Way, linked, person

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

HOUR = 3600.0
APK = "application/vnd.android.package-archive"


@pytest.fixture(autouse=True)
def _no_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(waits, "_FIRST_WAIT", 0.01)


@pytest.fixture
async def way(tmp_path: Path) -> AsyncIterator[Way]:
    async with linked(tmp_path) as found:
        yield found


def answering(event_id: str) -> dict[str, Any]:
    return {"m.relates_to": {"m.in_reply_to": {"event_id": event_id}}}


# --- words ----------------------------------------------------------------------------------


async def test_words_go_with_their_looks_and_whom_they_mention(way: Way) -> None:
    html = '<b>Важно</b>: <a href="https://matrix.to/#/@sferum_7:school.example">Знайка</a>'
    more = {"format": "org.matrix.custom.html", "formatted_body": html}
    event_id = await way.say("Важно: Знайка", **more)
    draft = way.messenger.drafts["1"]
    assert draft.text == "Важно: Знайка"
    assert draft.spans == (Span(0, 5, Style.BOLD), Span(7, 6, Style.MENTION, "7"))
    [mapped] = await way.mapped(event_id)
    assert (mapped.message_id, mapped.from_matrix) == ("1", True)
    assert await way.told() == []


async def test_an_answer_finds_the_message_also_of_a_later_part(way: Way) -> None:
    long = await way.say("слово " * 15)
    assert len(way.messenger.texts()) == 2
    last = (await way.mapped(long))[-1]
    await way.say("на это", **answering(long))
    assert way.messenger.answers["3"] == "1"
    async with way.db.write() as tx:
        other = chats.Mapped(CHAT, "9", 1, ROOM, "$remote", from_matrix=False)
        await chats.map_message(tx, way.login_id, other)
    await way.say("на вторую часть", **answering("$remote"))
    assert way.messenger.answers["4"] == "9"
    await way.say("на ничто", **answering("$nowhere"))
    assert way.messenger.answers["5"] == ""
    assert last.part == 1


async def test_others_are_named_in_front_of_every_part_and_call_nobody_together(way: Way) -> None:
    await person(way.db, PUPIL, "Кнопка", "Цветочная")
    await way.say("@room " + "слово " * 12, PUPIL, **{"m.mentions": {"room": True}})
    texts = way.messenger.texts()
    assert len(texts) > 1
    assert all(text.startswith("Кнопка Цветочная: ") for text in texts)
    assert all(len(text) <= way.messenger.abilities.text_units for text in texts)
    assert not way.messenger.drafts["1"].spans


async def test_two_of_one_name_are_told_apart(way: Way) -> None:
    await person(way.db, PUPIL, "Кнопка", "Цветочная")
    await person(way.db, TEACHER, "Кнопка", "Цветочная")
    await way.say("это я", PUPIL)
    assert way.messenger.texts() == ["Кнопка Цветочная (pupil): это я"]


async def test_where_relaying_is_off_others_are_told_once(tmp_path: Path) -> None:
    async with linked(tmp_path, relay=False) as way:
        for text in ("раз", "два"):
            await way.say(text, PUPIL)
        await way.say("свой", OWNER)
        assert way.messenger.texts() == ["свой"]
        [(mxid, body)] = await way.told()
        assert mxid == PUPIL
        assert "не видны в Сферуме" in body


async def test_an_encrypted_message_is_told_once_with_what_to_do(way: Way) -> None:
    for _ in range(2):
        await way.do({"ciphertext": "x"}, kind="m.room.encrypted")
    [(_, body)] = await way.told()
    assert "зашифровано" in body


async def test_a_poll_goes_as_text_and_its_votes_are_told_of_once(way: Way) -> None:
    poll = {"question": {"m.text": [{"body": "Ну?"}]}, "answers": [{"m.text": [{"body": "да"}]}]}
    await way.do({"m.poll": poll}, kind="m.poll.start")
    for _ in range(2):
        await way.do({"m.selections": ["1"]}, kind="m.poll.response")
    assert way.messenger.texts() == ["📊 Ну?\n1. да"]
    assert len(await way.told()) == 1


async def test_what_cannot_go_is_told_once_for_a_room(way: Way) -> None:
    for _ in range(2):
        await way.do({"msgtype": "m.неведомое", "body": "x"})
    assert len(await way.told()) == 1
    assert [status for _, status in await way.statuses()] == ["FAIL_PERMANENT"] * 2


# --- trouble --------------------------------------------------------------------------------


async def test_what_time_mends_is_waited_out_and_sent_once(way: Way) -> None:
    way.messenger.deaf = [Unavailable("cut"), Unavailable("cut again")]
    way.messenger.errors = [TooFast("slow", 0.01)]
    event_id = await way.say("один раз")
    assert way.messenger.texts() == ["один раз"]
    assert await way.statuses() == [(event_id, "PENDING")]


@pytest.mark.parametrize("shown", [Shown.NONE, Shown.ALL])
async def test_status_events_are_as_the_school_wants_them(tmp_path: Path, shown: Shown) -> None:
    async with linked(tmp_path, shown=shown) as way:
        event_id = await way.say("дошло")
        expected = [(event_id, "SUCCESS")] if shown is Shown.ALL else []
        assert await way.statuses() == expected


async def test_what_is_refused_is_told_with_the_words_it_is_known_by(way: Way) -> None:
    way.messenger.errors = [Refused("no")]
    event_id = await way.say("не  примут")
    [(mxid, body)] = await way.told()
    assert mxid == OWNER
    assert body.startswith("«не примут»\n")
    assert "!повторить" in body
    assert await way.statuses() == [(event_id, "FAIL_PERMANENT")]
    await way.say("а это примут")
    assert way.messenger.texts() == ["а это примут"]


async def test_a_dead_login_is_told(way: Way) -> None:
    way.messenger.errors = [LoginExpired("dead")]
    await way.say("напрасно")
    assert "больше не действует" in (await way.told())[0][1]
    assert [status for _, status in await way.statuses()] == ["FAIL_RETRIABLE"]


async def test_what_still_waits_when_its_room_is_unlinked_is_told(way: Way) -> None:
    there = await way.say("дошло")
    texts = ("раз", "два", KEY)
    for text in texts:
        await way.put({"msgtype": "m.text", "body": text}, PUPIL)
    waited = await way.put({"msgtype": "m.text", "body": "и взял назад"})
    like = {"rel_type": "m.annotation", "event_id": there, "key": "👍"}
    await way.put({"m.relates_to": like}, kind="m.reaction")
    for event_id in (waited, there):
        await way.put({"redacts": event_id}, kind="m.room.redaction")
    async with way.db.write() as tx:
        await logins.unlink(tx, ROOM)
    await way.work()
    told = await way.told()
    assert [mxid for mxid, _ in told] == [PUPIL] * 3 + [OWNER] * 2
    assert all("отвязали от Сферума" in body for _, body in told)
    # By what it says, but for what nobody is to see; of a deletion there is nothing to quote.
    quoted = [body.partition("\n")[0] for _, body in told if body.startswith("«")]
    assert quoted == ["«раз»", "«два»", "«и взял назад»"]
    async with way.db.read() as tx:
        assert not await queues.waiting(tx, queues.INBOX, f"relay/{ROOM}", 1)


async def test_a_kill_between_parts_repeats_none(way: Way) -> None:
    event_id = await way.put({"msgtype": "m.text", "body": "слово " * 15})
    way.messenger.deaf = [RuntimeError("killed here")]  # type: ignore[list-item]
    with pytest.raises(RuntimeError):
        await way.work()
    await way.work()
    assert len(way.messenger.texts()) == 2
    assert [m.part for m in await way.mapped(event_id)] == [0, 1]


async def test_after_an_hour_the_history_tells_what_arrived(way: Way) -> None:
    await way.say("раньше")
    await way.put({"msgtype": "m.text", "body": "дошло, но без ответа"})
    way.messenger.deaf = [RuntimeError("killed here")]  # type: ignore[list-item]
    with pytest.raises(RuntimeError):
        await way.work()
    way.age(2 * HOUR)  # the network has forgotten the random id
    await way.work()
    assert way.messenger.texts() == ["раньше", "дошло, но без ответа"]


async def test_after_an_hour_what_did_not_arrive_is_sent(way: Way) -> None:
    await way.say("раньше")
    await way.put({"msgtype": "m.text", "body": "не дошло"})
    way.messenger.errors = [RuntimeError("killed here")]  # type: ignore[list-item]
    with pytest.raises(RuntimeError):
        await way.work()
    way.age(2 * HOUR)
    await way.work()
    assert way.messenger.texts() == ["раньше", "не дошло"]


# --- once more ------------------------------------------------------------------------------


async def test_a_failed_message_is_sent_again_at_its_writers_word(way: Way) -> None:
    way.messenger.errors = [Refused("no")]
    failed = await way.say("со второго раза")
    way.age(60)
    await way.say("!Повторить", **answering(failed))
    assert way.messenger.texts() == ["со второго раза"]
    assert [m.message_id for m in await way.mapped(failed)] == ["1"]
    before = way.messenger.messages[CHAT][0].random_id
    async with way.db.read() as tx:
        assert await chats.echo_of(tx, way.login_id, CHAT, before) == (failed, 0)


@pytest.mark.parametrize("by", [OWNER, PUPIL])
async def test_what_was_corrected_since_is_sent_again_as_it_reads_now(way: Way, by: str) -> None:
    """The homeserver sends the last edit along; anybody else's is none."""
    root = await way.say("вопрос")
    way.messenger.errors = [Refused("no")] * 2
    failed = await way.say("отвте", **answering(root))
    new = {"msgtype": "m.text", "body": "ответ"}
    relation = {"rel_type": "m.replace", "event_id": failed}
    content = {**new, "body": "* ответ", "m.new_content": new, "m.relates_to": relation}
    edit = {"sender": by, "type": "m.room.message", "content": content}
    way.homeserver.events[failed]["unsigned"] = {"m.relations": {"m.replace": edit}}
    await way.say("!повторить", **answering(failed))
    assert way.messenger.texts() == ["вопрос", "ответ" if by == OWNER else "отвте"]
    assert way.messenger.answers["2"] == "1"


async def test_what_arrived_after_all_is_not_sent_again(way: Way) -> None:
    way.messenger.deaf = [Refused("it lies")]
    failed = await way.say("дошло всё-таки")
    way.age(2 * HOUR)
    await way.say("!retry", **answering(failed))
    assert way.messenger.texts() == ["дошло всё-таки"]
    assert "всё-таки дошло" in (await way.told())[-1][1]
    await way.say("!повторить", **answering(failed))
    assert "уже в Сферуме" in (await way.told())[-1][1]


@pytest.mark.parametrize("target", ["", "$nowhere", "another's"])
async def test_only_an_own_message_is_sent_again(way: Way, target: str) -> None:
    if target == "another's":
        way.messenger.errors = [Refused("no")]
        target = await way.say("чужое", PUPIL)
    await way.say("!повторить", **(answering(target) if target else {}))
    assert way.messenger.texts() == []
    assert "!повторить" in (await way.told())[-1][1]


@pytest.mark.parametrize("gone", [False, True])
async def test_what_was_written_there_is_never_sent_again(way: Way, gone: bool) -> None:  # noqa: FBT001 - a case
    """It is shown here in its writer's name, who answers it like anything else of theirs."""
    message = way.messenger.written("owner", "написано в Сферуме")
    shown = "$shown"
    event = {"event_id": shown, "room_id": ROOM, "type": "m.room.message", "sender": OWNER}
    content = {"msgtype": "m.text", "body": "написано в Сферуме"}
    way.homeserver.events[shown] = {**event, "content": content}
    async with way.db.write() as tx:
        one = chats.Mapped(
            CHAT, message.message_id, 0, ROOM, shown, from_matrix=False, sender=OWNER, is_gone=gone
        )
        await chats.map_message(tx, way.login_id, one)
    for _ in range(2):
        await way.say("!повторить", **answering(shown))
    assert way.messenger.texts() == ["написано в Сферуме"]
    assert way.messenger.sends == 0
    assert all("уже в Сферуме" in body for _, body in await way.told())


KEY = "vk1.a.AnInventedKeyThatOpensNothing_at-all.0123456789"


async def test_the_key_of_a_login_goes_nowhere(way: Way) -> None:
    """The door keeps it from here; and nothing of what could bring it here lets it through."""
    html = {"format": "org.matrix.custom.html", "formatted_body": f"<code>{KEY}</code>"}
    for content in (
        {"msgtype": "m.text", "body": "вот", **html},
        {"msgtype": "m.image", "body": KEY, "filename": "a.png", "url": "mxc://s/m"},
    ):
        left = await way.do(content)
        await way.say("!повторить", **answering(left))
    assert way.messenger.sends == 0
    assert way.messenger.uploads == {}
    assert not any(KEY in body for _, body in await way.told())


async def test_who_wrote_what_the_bridge_fails_on_is_told(way: Way) -> None:
    await way.put({"msgtype": "m.text", "body": "на этом ошибка"})
    async with way.db.read() as tx:
        [item] = await queues.waiting(tx, queues.INBOX, f"relay/{ROOM}", 1)
    for _ in range(2):
        await way.outward.give_up(item)
    [(mxid, body)] = await way.told()
    assert mxid == OWNER
    assert body.startswith("«на этом ошибка»\n")
    assert "в мосте случилась ошибка" in body


# --- files ----------------------------------------------------------------------------------


def file(media_id: str = "m", **more: Any) -> dict[str, Any]:
    info = {"mimetype": "image/png"}
    content = {"msgtype": "m.image", "body": "кот.png", "url": f"mxc://s/{media_id}", "info": info}
    return {**content, **more}


async def test_a_file_goes_with_its_caption_and_what_follows_waits_for_it(way: Way) -> None:
    way.homeserver.files["m"] = b"x" * 90_000
    await way.put(file(filename="кот.png", body="вот он"))
    await way.put({"msgtype": "m.text", "body": "после"})
    await way.work()
    assert way.messenger.texts() == ["вот он", "после"]
    assert way.messenger.drafts["1"].attached == ("file-0",)
    kind, name, mime, data = way.messenger.uploads["file-0"]
    assert (kind, name, mime, len(data)) == (FileKind.PHOTO, "кот.png", "image/png", 90_000)


async def test_a_file_of_somebody_else_is_named(way: Way) -> None:
    await person(way.db, PUPIL, "Кнопка", "Цветочная")
    way.homeserver.files["m"] = b"x"
    await way.do(file(), PUPIL)
    assert way.messenger.texts() == ["Кнопка Цветочная:"]
    assert way.messenger.drafts["1"].attached == ("file-0",)


async def test_a_sticker_goes_as_a_picture(way: Way) -> None:
    way.homeserver.files["m"] = b"x"
    await way.do(
        {"body": "ура", "url": "mxc://s/m", "info": {"mimetype": "image/webp"}}, kind="m.sticker"
    )
    assert way.messenger.uploads["file-0"][0] is FileKind.PHOTO


async def test_a_picture_that_is_refused_goes_as_a_document(way: Way) -> None:
    way.homeserver.files["m"] = b"x"
    way.messenger.errors = [Refused("no picture")]
    await way.do(file())
    assert [one[0] for one in way.messenger.uploads.values()] == [FileKind.DOCUMENT]
    assert await way.told() == []


async def test_a_file_that_is_never_taken_is_told_and_holds_nothing_up(
    way: Way, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(courier, "FILE_TRIES", 2)
    way.homeserver.files["m"] = b"x"
    way.messenger.errors = [FileNotTaken("upload: HTTP 500")] * 4
    await way.do(file())
    assert way.messenger.uploads == {}
    assert len(await way.told()) == 1
    await way.do({"msgtype": "m.text", "body": "и дальше"})
    assert way.messenger.texts() == ["и дальше"]


async def test_a_homeserver_that_gives_no_file_now_is_asked_again(way: Way) -> None:
    way.homeserver.files["m"] = 503
    await way.put(file())

    class Recovering(dict[str, bytes | int]):
        def get(self, key: str, default: Any = None) -> Any:
            found = super().get(key, default)
            self[key] = b"now it is here"
            return found

    way.homeserver.files = Recovering(way.homeserver.files)
    await way.work()
    assert way.messenger.uploads["file-0"][3] == b"now it is here"


@pytest.mark.parametrize(
    ("content", "held", "said"),
    [
        (file("gone"), 404, "не отдаёт"),
        (file("hidden"), 403, "не отдаёт"),
        (file("huge"), b"x" * 100_001, "больше"),
        (file("liar", info={"mimetype": "image/png", "size": 3}), b"x" * 100_001, "больше"),
        (file("said", info={"mimetype": "image/png", "size": 10**12}), b"x", "больше"),
        (file("exe", body="кот.exe"), b"MZ", "такого вида"),
        (file("apk", info={"mimetype": APK}), b"", "такого вида"),
        (file("sealed", file={"url": "mxc://s/m"}), b"", "зашифровано"),
    ],
)  # fmt: skip
async def test_a_file_that_does_not_pass_is_told(
    way: Way, content: dict[str, Any], held: bytes | int, said: str
) -> None:
    way.homeserver.files[content["url"].rpartition("/")[2]] = held
    await way.do(content)
    await way.say("дальше")
    assert way.messenger.texts() == ["дальше"]
    [(_, body)] = await way.told()
    assert said in body


async def test_a_file_that_is_refused_unread_is_not_fetched(tmp_path: Path) -> None:
    async with linked(tmp_path, policy=Policy(suffixes=frozenset({"pdf"}))) as way:
        way.homeserver.files["m"] = b"x"
        await way.do(file())
        assert way.homeserver.asked == []
        assert way.messenger.uploads == {}


async def test_a_place_goes_as_one(way: Way) -> None:
    await way.do({"msgtype": "m.location", "body": "тут", "geo_uri": "geo:55.5,37.5"})
    assert way.messenger.drafts["1"].place == Place(55.5, 37.5)


async def test_an_event_that_is_nothing_is_passed_by(way: Way) -> None:
    empty: list[dict[str, Any]] = [{}, {"msgtype": "m.text"}, {"msgtype": "m.text", "body": " "}]
    for content in empty:
        await way.do(content)
    odd: list[dict[str, Any]] = [{}, {"m.relates_to": 7}, {"m.relates_to": {"key": []}}]
    for content in odd:
        await way.do(content, kind="m.reaction")
        await way.do(content, kind="m.room.redaction")
    assert way.messenger.texts() == []


HOSTILE: list[dict[str, Any]] = [
    {"msgtype": "m.text", "body": "\ud800 половина", "m.relates_to": {"m.in_reply_to": "$x"}},
    {"msgtype": "m.text", "body": "x", "m.relates_to": {"rel_type": "m.replace", "event_id": 5}},
    {"msgtype": "m.text", "m.relates_to": {"rel_type": "m.replace"}, "m.new_content": []},
    {"msgtype": "m.text", "body": "x", "m.mentions": {"room": "да"}, "format": []},
    {"msgtype": "m.image", "url": "mxc://s/m", "info": {"size": 10**400, "mimetype": {}}},
    {"msgtype": "m.image", "url": "mxc://s/m", "body": "\x00" * 9, "filename": "x" * 9000},
    {"msgtype": "m.location", "geo_uri": "geo:" + "9" * 5000},
    {"msgtype": ["m.text"], "body": {}},
    {"m.relates_to": {"event_id": "$\ud800", "key": "\ud800", "rel_type": "m.annotation"}},
    {"redacts": {"$a": 1}, "m.relates_to": []},
    {"m.poll.start": [], "m.poll": {"question": [], "answers": {}}},
]
KINDS = (
    *("m.room.message", "m.sticker", "m.reaction", "m.room.redaction"),
    *("m.poll.start", "m.poll.response", "m.room.encrypted"),
)


@pytest.mark.parametrize("kind", KINDS)
async def test_whatever_comes_the_chat_goes_on(way: Way, kind: str) -> None:
    way.homeserver.files["m"] = b""
    for content in HOSTILE:
        for sender in (OWNER, PUPIL):
            await way.do(content, sender, kind)
    await way.say("дальше")
    assert way.messenger.texts()[-1] == "дальше"
