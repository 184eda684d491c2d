"""What is changed in a linked room: edits, deletions (of parts too), reactions, carried over."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import update

from sferum_bridge.network.base import Refused, Unavailable
from sferum_bridge.network.content import Content, File, FileKind, Span, Style
from sferum_bridge.relay.outward import waits
from sferum_bridge.relay.outward.reports import Reports
from sferum_bridge.store import chats, reactions
from sferum_bridge.store.reactions import Key, Reaction
from sferum_bridge.store.tables import message_map
from tests.support.messenger import CHAT
from tests.support.outward import OWNER, PUPIL, ROOM, Way, linked, person

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

DAY = 86_400.0


@pytest.fixture(autouse=True)
def _no_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(waits, "_FIRST_WAIT", 0.01)


@pytest.fixture
async def way(tmp_path: Path) -> AsyncIterator[Way]:
    async with linked(tmp_path) as found:
        yield found


async def edit(way: Way, event_id: str, body: str, sender: str = OWNER, **more: Any) -> str:
    new = {"msgtype": "m.text", "body": body, **more}
    relation = {"rel_type": "m.replace", "event_id": event_id}
    content = {**new, "body": f"* {body}", "m.new_content": new, "m.relates_to": relation}
    return await way.do(content, sender)


async def redact(way: Way, event_id: str, sender: str = OWNER) -> str:
    return await way.do({"redacts": event_id}, sender, "m.room.redaction")


async def react(way: Way, event_id: str, key: str, sender: str = OWNER) -> str:
    relation = {"rel_type": "m.annotation", "event_id": event_id, "key": key}
    return await way.do({"m.relates_to": relation}, sender, "m.reaction")


async def written_there(way: Way, text: str, *, sender: str, kind: str = "text") -> str:
    """Have a message be that was written in the messenger and is shown here."""
    message = way.messenger.written("owner", text)
    event_id = f"$shown-{message.message_id}"
    async with way.db.write() as tx:
        one = chats.Mapped(
            CHAT, message.message_id, 0, ROOM, event_id, from_matrix=False, sender=sender, kind=kind
        )
        await chats.map_message(tx, way.login_id, one)
    return event_id


# --- edits ----------------------------------------------------------------------------------


async def test_an_edit_changes_the_message(way: Way) -> None:
    event_id = await way.say("опичатка")
    more = {"format": "org.matrix.custom.html", "formatted_body": "<b>опечатка</b>"}
    await edit(way, event_id, "опечатка", **more)
    assert way.messenger.texts() == ["опечатка"]
    assert way.messenger.messages[CHAT][0].content.spans == (Span(0, 8, Style.BOLD),)
    assert await way.told() == []


async def test_news_of_an_earlier_edit_is_known_as_our_own(way: Way) -> None:
    event_id = await way.say("раз")
    texts = ["раз", "два", "три", "четыре", "пять", "шесть"]
    for text in texts[1:]:
        await edit(way, event_id, text)
    [one] = await way.mapped(event_id)
    async with way.db.write() as tx:
        assert list(one.digests) == [chats.digest_of(tx, text) for text in texts[:1:-1]]


async def test_the_edit_of_others_keeps_their_name_in_front(way: Way) -> None:
    await person(way.db, PUPIL, "Кнопка", "Цветочная")
    event_id = await way.say("раз", PUPIL)
    await edit(way, event_id, "два", PUPIL)
    assert way.messenger.texts() == ["Кнопка Цветочная: два"]


async def test_nobody_edits_what_somebody_else_said(way: Way) -> None:
    event_id = await way.say("моё")
    await edit(way, event_id, "не твоё", PUPIL)
    assert way.messenger.texts() == ["моё"]
    assert (await way.told())[0][0] == PUPIL


async def test_an_edit_of_what_is_not_there_is_told(way: Way) -> None:
    await edit(way, "$nowhere", "новое")
    assert way.messenger.texts() == []
    assert "исходного сообщения там нет" in (await way.told())[0][1]


async def test_a_long_text_grows_and_shrinks_and_grows_again(way: Way) -> None:
    event_id = await way.say("слово " * 5)
    for words in (30, 8, 25, 1):
        await edit(way, event_id, "слово " * words)
        assert " ".join(way.messenger.texts()).split() == ["слово"] * words
    numbers = [m.part for m in await way.mapped(event_id)]
    assert numbers == list(range(len(numbers)))
    assert [m.part for m in await way.mapped(event_id) if not m.is_gone] == [0]


async def test_a_kill_in_the_middle_of_an_edit_doubles_nothing(way: Way) -> None:
    event_id = await way.say("коротко")
    long = "слово " * 15
    new = {"msgtype": "m.text", "body": long}
    relation = {"rel_type": "m.replace", "event_id": event_id}
    await way.put({**new, "m.new_content": new, "m.relates_to": relation})
    way.messenger.deaf = [RuntimeError("killed here")]  # type: ignore[list-item]
    with pytest.raises(RuntimeError):
        await way.work()
    await way.work()
    assert " ".join(way.messenger.texts()).split() == ["слово"] * 15


async def test_a_kill_before_parts_are_deleted_leaves_none(way: Way) -> None:
    event_id = await way.say("слово " * 15)
    new = {"msgtype": "m.text", "body": "слово"}
    relation = {"rel_type": "m.replace", "event_id": event_id}
    await way.put({**new, "m.new_content": new, "m.relates_to": relation})
    killed = RuntimeError("killed here")

    class Delayed(list[Any]):
        def __bool__(self) -> bool:  # the first request is the edit, the second the deletion
            self.append(0)
            return len(self) > 1

        def pop(self, _index: Any = -1) -> Any:
            way.messenger.errors = []
            return killed

    way.messenger.errors = Delayed()
    with pytest.raises(RuntimeError):
        await way.work()
    assert len(way.messenger.texts()) == 2
    await way.work()
    assert way.messenger.texts() == ["слово"]


async def test_an_edit_after_the_networks_time_is_told(way: Way) -> None:
    event_id = await way.say("вчера")
    way.age(DAY + 60)
    last = await edit(way, event_id, "сегодня")
    assert way.messenger.texts() == ["вчера"]
    assert "в течение суток" in (await way.told())[0][1]
    assert (last, "FAIL_PERMANENT") in await way.statuses()


async def test_an_edit_that_is_refused_is_told_as_one(way: Way) -> None:
    event_id = await way.say("раз")
    way.messenger.errors = [Refused("no")]
    await edit(way, event_id, "два")
    assert "Исправление не ушло" in (await way.told())[0][1]


async def test_own_words_written_there_can_be_edited_here(way: Way) -> None:
    event_id = await written_there(way, "написано в Сферуме", sender=OWNER)
    await edit(way, event_id, "исправлено в Matrix")
    assert way.messenger.texts() == ["исправлено в Matrix"]


async def test_the_caption_of_what_came_from_there_stays(way: Way) -> None:
    event_id = await written_there(way, "подпись", sender=OWNER, kind="photo")
    await edit(way, event_id, "другая")
    assert way.messenger.texts() == ["подпись"]
    assert len(await way.told()) == 1


# --- deletions ------------------------------------------------------------------------------


async def test_what_is_taken_back_is_deleted_with_all_its_parts(way: Way) -> None:
    event_id = await way.say("слово " * 15)
    await redact(way, event_id)
    assert way.messenger.deleted == ["1", "2"]
    assert all(one.is_gone for one in await way.mapped(event_id))
    await redact(way, event_id)
    assert way.messenger.deleted == ["1", "2"]


async def test_a_moderator_without_login_takes_back_there_too(tmp_path: Path) -> None:
    async with linked(tmp_path, relay=False) as way:
        event_id = await way.say("грубость")
        await redact(way, event_id, PUPIL)
        assert way.messenger.texts() == []


@pytest.mark.parametrize(
    ("later", "errors", "said"),
    [(DAY + 60, [], "в течение суток"), (0, [Refused("no")], "не дал его удалить")],
)
async def test_what_stays_there_is_told(
    way: Way,
    later: float,
    errors: list[Any],
    said: str,
) -> None:
    event_id = await way.say("останется")
    way.age(later)
    way.messenger.errors = errors
    await redact(way, event_id)
    assert way.messenger.texts() == ["останется"]
    assert said in (await way.told())[0][1]


async def album(way: Way, sender: str = OWNER, known_by: str = "identity") -> list[str]:
    """Have a text with two photos be that was written there; return its events."""
    photos = [File(FileKind.PHOTO, f"https://files/{one}.jpg?key=1") for one in ("a", "b")]
    message = way.messenger.written("owner", Content("подпись", parts=tuple(photos)))
    said = [("text", "подпись"), *(("photo", getattr(photo, known_by)) for photo in photos)]
    async with way.db.write() as tx:
        for number, (kind, shown) in enumerate(said):
            one = chats.Mapped(
                *(CHAT, message.message_id, number, ROOM, f"${kind}{number}"),
                from_matrix=False,
                sender=sender,
                kind=kind,
                digest=chats.digest_of(tx, shown),
            )
            await chats.map_message(tx, way.login_id, one)
    return [f"${kind}{number}" for number, (kind, _) in enumerate(said)]


@pytest.mark.parametrize("known_by", ["identity", "former_identity"])
async def test_a_part_that_is_taken_back_is_taken_out_and_the_rest_stays(
    way: Way, known_by: str
) -> None:
    text, first, second = await album(way, known_by=known_by)
    [message] = way.messenger.messages[CHAT]
    await redact(way, first)
    content = way.messenger.messages[CHAT][0].content
    assert (content.text, content.parts) == ("подпись", message.content.parts[1:])
    await redact(way, text)
    assert way.messenger.messages[CHAT][0].content.text == ""
    assert way.messenger.deleted == []
    # With the last of it the message goes.
    await redact(way, second)
    assert way.messenger.deleted == ["1"]
    assert await way.told() == []


@pytest.mark.parametrize("case", ["refused", "late", "another's", "place"])
async def test_a_part_that_cannot_be_taken_out_is_told_and_goes_with_the_last(
    way: Way, case: str
) -> None:
    events = await album(way, sender=PUPIL if case == "another's" else OWNER)
    if case == "refused":
        way.messenger.errors = [Refused("VK error 920")]
    if case == "late":
        way.age(DAY + 1)
    if case == "place":
        async with way.db.write() as tx:
            await tx.run(update(message_map).where(message_map.c.part == 1).values(kind="place"))
    before = way.messenger.messages[CHAT][0]
    await redact(way, events[1])
    assert way.messenger.messages[CHAT][0] == before
    [(mxid, body)] = await way.told()
    assert mxid == OWNER
    assert "часть одного сообщения" in body
    if case == "late":
        return
    # Whatever else of it cannot be taken out.
    for event_id in (events[0], events[2]):
        await redact(way, event_id)
    assert way.messenger.deleted == ["1"]


async def test_a_part_that_is_not_known_again_is_told(way: Way) -> None:
    _, first, _ = await album(way)
    [message] = way.messenger.messages[CHAT]
    moved = File(FileKind.PHOTO, "https://files/elsewhere/a.jpg")
    content = replace(message.content, parts=(moved, *message.content.parts[1:]))
    way.messenger.messages[CHAT][0] = replace(message, content=content)
    await redact(way, first)
    assert "часть одного сообщения" in (await way.told())[0][1]


async def test_a_part_that_is_out_already_is_not_told(way: Way) -> None:
    _, first, _ = await album(way)
    [message] = way.messenger.messages[CHAT]
    content = replace(message.content, parts=message.content.parts[1:])
    way.messenger.messages[CHAT][0] = replace(message, content=content)
    await redact(way, first)
    assert await way.told() == []


async def test_that_a_part_stays_is_told_though_a_kill_fell_between(
    way: Way, monkeypatch: pytest.MonkeyPatch
) -> None:
    events = await album(way)
    way.messenger.errors = [Refused("VK error 920")]
    tell = Reports.tell

    async def killed(*_: Any, **__: Any) -> None:
        raise RuntimeError("killed here")

    monkeypatch.setattr(Reports, "tell", killed)
    with pytest.raises(RuntimeError):
        await redact(way, events[1])
    monkeypatch.setattr(Reports, "tell", tell)
    way.messenger.errors = [Refused("VK error 920")]
    await way.work()
    assert "часть одного сообщения" in (await way.told())[0][1]


async def test_a_voice_message_goes_though_its_words_are_shown(way: Way) -> None:
    text, voice, _ = await album(way)
    async with way.db.write() as tx:
        for number, kind in ((1, "voice"), (2, "transcript")):
            changed = update(message_map).where(message_map.c.part == number).values(kind=kind)
            await tx.run(changed)
        [words] = await chats.by_event(tx, text)
        await chats.set_gone(tx, way.login_id, words)
    await redact(way, voice)
    assert way.messenger.deleted == ["1"]


async def test_a_kill_in_the_middle_of_it_takes_it_out_once(way: Way) -> None:
    _, first, _ = await album(way)
    way.messenger.errors = [RuntimeError("killed here")]  # type: ignore[list-item]
    with pytest.raises(RuntimeError):
        await redact(way, first)
    await way.work()
    assert len(way.messenger.messages[CHAT][0].content.parts) == 1


async def test_the_words_of_a_voice_message_are_ours_alone(way: Way) -> None:
    events = await album(way)
    async with way.db.write() as tx:
        await tx.run(update(message_map).where(message_map.c.part == 2).values(kind="transcript"))
    before = way.messenger.messages[CHAT][0]
    await redact(way, events[2])
    assert way.messenger.messages[CHAT][0] == before
    assert await way.told() == []


async def test_a_deletion_waits_for_the_network(way: Way) -> None:
    event_id = await way.say("прочь")
    way.messenger.errors = [Unavailable("away")] * 3
    await redact(way, event_id)
    assert way.messenger.texts() == []


# --- reactions ------------------------------------------------------------------------------


async def test_a_reaction_goes_in_any_colour_and_comes_back_off(way: Way) -> None:
    event_id = await way.say("ура")
    reaction = await react(way, event_id, "❤️")
    assert way.messenger.reactions == {"1": "❤"}
    async with way.db.read() as tx:
        known = await reactions.of_message(tx, Key(way.login_id, CHAT, "1"))
    assert known["owner"].event_id == reaction
    await redact(way, reaction)
    assert way.messenger.reactions == {"1": ""}


async def test_a_second_reaction_takes_the_place_of_the_first_here_too(way: Way) -> None:
    event_id = await way.say("ура")
    first = await react(way, event_id, "👍")
    second = await react(way, event_id, "❤")
    assert way.messenger.reactions == {"1": "❤"}
    assert way.homeserver.redacted == [(first, OWNER)]
    await redact(way, first)
    assert way.messenger.reactions == {"1": "❤"}
    await redact(way, second)
    assert way.messenger.reactions == {"1": ""}


async def test_a_second_reaction_takes_the_place_of_the_first_though_a_kill_fell_between(
    way: Way,
) -> None:
    event_id = await way.say("ура")
    first = await react(way, event_id, "👍")
    relation = {"rel_type": "m.annotation", "event_id": event_id, "key": "❤"}
    second = await way.put({"m.relates_to": relation}, OWNER, "m.reaction")
    async with way.db.write() as tx:
        # What was noted of it before the kill.
        one = Reaction("owner", "❤", second, OWNER, 0)
        await reactions.save(tx, Key(way.login_id, CHAT, "1"), one)
    await way.work()
    assert way.homeserver.redacted == [(first, OWNER)]


async def test_a_reaction_the_network_does_not_have_is_told_once(way: Way) -> None:
    event_id = await way.say("ура")
    for key in ("🤔", "🦆"):
        await react(way, event_id, key)
    assert way.messenger.reactions == {}
    [(_, body)] = await way.told()
    assert "❤" in body
    assert "👍" in body


async def test_nobody_reacts_through_anothers_login(way: Way) -> None:
    event_id = await way.say("ура")
    for _ in range(2):
        await react(way, event_id, "👍", PUPIL)
    assert way.messenger.reactions == {}
    [(mxid, _)] = await way.told()
    assert mxid == PUPIL


async def test_a_refused_reaction_leaves_the_earlier_one_known(way: Way) -> None:
    event_id = await way.say("ура")
    first = await react(way, event_id, "👍")
    way.messenger.errors = [Refused("no")]
    await react(way, event_id, "❤")
    assert "Сферум её не принял" in (await way.told())[0][1]
    async with way.db.read() as tx:
        known = await reactions.of_message(tx, Key(way.login_id, CHAT, "1"))
    assert (known["owner"].emoji, known["owner"].event_id) == ("👍", first)


async def test_a_reaction_to_what_is_not_there_is_nothing(way: Way) -> None:
    await react(way, "$nowhere", "👍")
    assert way.messenger.reactions == {}
    assert await way.told() == []
