"""What was written before anybody listened, and who is heard as whom."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import update

from sferum_bridge.bot.texts import Texts
from sferum_bridge.network.base import Refused
from sferum_bridge.network.content import Content, Other, Span, Style
from sferum_bridge.relay import puppets
from sferum_bridge.relay.inward import history, speaking
from sferum_bridge.store import chats, logins, tables
from tests.support import databases, messenger
from tests.support.bridge import until
from tests.support.inward import GHOST, Linked, linked_room, working
from tests.support.messenger import BEGAN, CHAT, NETWORK

if TYPE_CHECKING:
    from tests.support.synapse import Homeserver

database_url = databases.database_url

pytestmark = pytest.mark.asyncio(loop_scope="session")

ASYA = "101"
UNREADABLE = Texts().text("ru", "relay-unreadable").body
PEOPLE = {ASYA: "Ася Выдумкина"}


async def test_the_end_of_a_chat_is_shown_when_it_is_linked(
    plain_homeserver: Homeserver, database_url: str
) -> None:
    before = [(ASYA, f"до связи {n}") for n in range(6)]
    async with linked_room(
        plain_homeserver, database_url, people=PEOPLE, history=4, before=before
    ) as linked:
        # Written after the link and before anybody looked: it is newer than all of them.
        await linked.messenger.say(ASYA, "после связи")
        async with working(linked):
            await linked.until_shown(*(text for _, text in before[3:]), "после связи")
        events = await linked.last(4)
        assert [event["origin_server_ts"] for event in events] == [
            (BEGAN + number) * 1000 for number in (4, 5, 6, 7)
        ]
        # Nobody's phone rings for what is old: by default no client rings for notices.
        assert {event["content"]["msgtype"] for event in events[:3]} == {"m.notice"}
        _, answer = await linked.reader.call("GET", "notifications")
        bodies = [n["event"]["content"].get("body", "") for n in answer["notifications"]]
        assert not [body for body in bodies if body.startswith("до связи")]


async def test_what_was_missed_is_fetched_and_comes_before_what_is_new(
    plain_homeserver: Homeserver, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(history, "_PAGE", 10)
    async with linked_room(plain_homeserver, database_url, people=PEOPLE) as linked:
        async with working(linked):
            await linked.messenger.say(ASYA, "услышано")
            await linked.until_shown("услышано")
        missed = [linked.messenger.written(ASYA, f"пропущено {n}") for n in range(25)]
        new = linked.messenger.written(ASYA, "новое")
        await linked.messenger.happen(missed[-1], new, gaps=[CHAT])
        # Cut off in the middle of it, too.
        async with working(linked):
            await asyncio.sleep(0.5)
        wanted = ["услышано", *(m.content.text for m in missed), "новое"]
        async with working(linked):
            await linked.until_shown(*wanted)


@pytest.mark.parametrize("before", [[], [(ASYA, "до связи"), (ASYA, "и ещё")]])
async def test_a_gap_before_the_first_message_is_closed(
    plain_homeserver: Homeserver, database_url: str, before: list[tuple[str, str]]
) -> None:
    async with linked_room(
        plain_homeserver, database_url, people=PEOPLE, history=0, before=before
    ) as linked:
        async with working(linked):
            await linked.begun()
        missed = [linked.messenger.written(ASYA, f"пропущено {n}") for n in range(3)]
        await linked.messenger.happen(gaps=[CHAT])
        async with working(linked):
            assert await linked.settled() == [one.content.text for one in missed]


async def test_what_was_written_after_the_link_is_heard_in_its_order(
    plain_homeserver: Homeserver, database_url: str
) -> None:
    async with linked_room(plain_homeserver, database_url, people=PEOPLE, history=3) as linked:
        # The bridge was away for an hour since the link, in which more was written than is shown
        # of the past.
        now = linked.database.clock() // 1000
        async with linked.database.write() as tx:
            await tx.run(update(tables.chats).values(linked_at=(now - 3600) * 1000))
        texts = [f"до связи {n}" for n in range(5)] + [f"после связи {n}" for n in range(5)]
        for number, text in enumerate(texts):
            sent_at = now - (4000 - number if number < 5 else 1000 - number)
            linked.messenger.written(ASYA, text)
            known = linked.messenger.messages[CHAT]
            known[-1] = replace(known[-1], sent_at=sent_at)
        await linked.messenger.happen(*linked.messenger.messages[CHAT][5:])
        async with working(linked):
            await linked.until_shown(*texts[2:])
        kinds = [one["content"]["msgtype"] for one in await linked.last(8)]
        assert kinds == ["m.notice"] * 3 + ["m.text"] * 5


async def relink(linked: Linked, chat_id: str) -> None:
    """Link the room to a chat through the login of another teacher."""
    async with linked.database.write() as tx:
        heir = await chats.save_login(tx, NETWORK, "heir", "", "", "heir")
        await chats.set_cursor(tx, heir, str(len(linked.messenger.batches)))
        await chats.link(tx, chats.Chat(heir, chat_id, linked.room_id, relay=False))


async def unlinked(linked: Linked, *, resumes: bool) -> None:
    """Show three messages, and unlink the room."""
    async with working(linked):
        await linked.begun()
        for text in ("раз", "два", "три"):
            await linked.messenger.say(ASYA, text)
        await linked.until_shown("раз", "два", "три")
    async with linked.database.write() as tx:
        await logins.unlink(tx, linked.room_id, resumes=resumes)


@pytest.mark.parametrize("resumes", [True, False])
async def test_a_chat_linked_again_through_another_login_goes_on_where_it_ended(
    plain_homeserver: Homeserver, database_url: str, *, resumes: bool
) -> None:
    async with linked_room(
        plain_homeserver, database_url, people={**PEOPLE, "heir": "Завуч Сказочная"}, history=2
    ) as linked:
        await unlinked(linked, resumes=resumes)
        texts = ["раз", "два", "три", "без связи 1", "без связи 2", "без связи 3"]
        for text in texts:
            linked.messenger.written(ASYA, text, "chat-by-another-number")
        await relink(linked, "chat-by-another-number")
        async with working(linked):
            answer = linked.messenger.written(ASYA, "ответ", "chat-by-another-number", reply_to="1")
            await linked.messenger.happen(answer)
            # What stopped by itself goes on; what somebody ended begins with its end.
            wanted = texts if resumes else [*texts[:3], *texts[-1:]]
            await linked.until_shown(*wanted, "ответ")
        shown = await linked.events("m.room.message")
        related = shown[-1]["content"]["m.relates_to"]["m.in_reply_to"]["event_id"]
        assert related == shown[0]["event_id"]
        assert len(shown) == len(wanted) + 1


async def test_another_chat_that_is_linked_to_a_room_takes_nothing_over(
    plain_homeserver: Homeserver, database_url: str
) -> None:
    async with linked_room(
        plain_homeserver, database_url, people={**PEOPLE, "heir": "Завуч Сказочная"}
    ) as linked:
        await unlinked(linked, resumes=True)
        for text in ("раз", "другое", "совсем"):
            linked.messenger.written(ASYA, text, "another-chat")
        await relink(linked, "another-chat")
        async with working(linked):
            await linked.until_shown("раз", "два", "три", "раз", "другое", "совсем")


async def test_what_is_fetched_of_a_chat_that_is_unlinked_meanwhile_is_not_shown(
    plain_homeserver: Homeserver, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with linked_room(plain_homeserver, database_url, people=PEOPLE) as linked:
        async with working(linked):
            await linked.messenger.say(ASYA, "услышано")
            await linked.until_shown("услышано")
        told = messenger.Account.history

        async def unlink_meanwhile(*args: Any, **named: Any) -> Any:
            async with linked.database.write() as tx:
                await logins.unlink(tx, linked.room_id)
            return await told(*args, **named)

        monkeypatch.setattr(messenger.Account, "history", unlink_meanwhile)
        linked.messenger.written(ASYA, "после конца")
        await linked.messenger.happen(gaps=[CHAT])
        async with working(linked):
            assert await linked.settled() == ["услышано"]


async def test_who_logged_in_is_heard_as_themselves_while_a_member(
    plain_homeserver: Homeserver, database_url: str
) -> None:
    async with linked_room(
        plain_homeserver, database_url, people=PEOPLE, owner_logs_in=True
    ) as linked:
        async with working(linked):
            message = await linked.messenger.say("owner", "это я")
            await linked.messenger.edit(message, "это правда я")
            await linked.messenger.react(message, {"owner": "👍"})
            await linked.messenger.react(message, {})
            await linked.messenger.delete(await linked.messenger.say("owner", "лишнее"))
            assert await linked.settled() == ["это правда я"]
            events = await linked.events("m.room.message", "m.reaction", "m.room.redaction")
            assert {event["sender"] for event in events} == {linked.reader.mxid}
            # None of it goes back, by the mark.
            kept = [e for e in events if e["content"]]
            assert all(e["content"][puppets.MARK] == "invented" for e in kept)
            # Nor is it another's who passes the message on, here or elsewhere.
            said = next(e for e in await linked.events("m.room.message") if e["content"])
            said["room_id"] = linked.room_id
            sealer = linked.database.sealer
            assert not puppets.is_copied(sealer, said)
            await linked.reader.say(linked.room_id, **said["content"])
            copy = {**(await linked.last())[0], "room_id": linked.room_id}
            assert copy["content"][puppets.MARK] == "invented"
            assert puppets.is_copied(sealer, copy)
            await linked.reader.call("POST", f"rooms/{linked.room_id}/leave")
            await linked.messenger.say("owner", "меня нет, но я говорю")
            await linked.idle()
        state = await linked.homeserver.recent_events(linked.room_id, 1)
        assert state[-1]["sender"] == GHOST.format("owner")
        assert state[-1]["content"]["body"] == "меня нет, но я говорю"


async def test_a_message_from_here_that_was_changed_there_is_shown_as_corrected(
    plain_homeserver: Homeserver, database_url: str
) -> None:
    async with linked_room(plain_homeserver, database_url, people=PEOPLE) as linked:
        event_id = await linked.reader.say(linked.room_id, "отсюда")
        async with linked.database.write() as tx:
            number = await chats.about_to_send(tx, linked.login_id, CHAT, event_id, 0)
        async with working(linked):
            message = await linked.messenger.say("owner", "Читатель: отсюда", random_id=number)
            assert await linked.settled() == ["отсюда"]
            await linked.messenger.edit(message, "Читатель: отсюда")
            assert await linked.settled() == ["отсюда"]
            # Changed here twice; the news of the first change comes after the second one was made.
            texts = [f"Читатель: отсюда {n}" for n in range(3)]
            async with linked.database.write() as tx:
                [one] = await chats.by_event(tx, event_id)
                digest = " ".join(chats.digest_of(tx, text) for text in (texts[2], texts[1]))
                await chats.set_shown(tx, linked.login_id, one, digest=digest)
            for text in texts[1:]:
                await linked.messenger.edit(message, text)
                assert await linked.settled() == ["отсюда"]
            async with linked.database.write() as tx:
                # What was noted since it was read stays.
                await chats.set_shown(tx, linked.login_id, one, digest="read earlier", late=True)
                [noted] = await chats.by_event(tx, event_id)
                assert noted.digest == chats.digest_of(tx, texts[2])
            await linked.messenger.edit(message, "Читатель: туда")
            assert await linked.settled() == ["отсюда", "Исправлено в Сферуме: Читатель: туда"]
            [event] = await linked.last()
            answered = event["content"]["m.relates_to"]["m.in_reply_to"]["event_id"]
            assert answered == event_id
            await linked.messenger.delete(message)
            assert "отсюда" not in await linked.settled()


async def test_a_message_that_cannot_be_shown_stops_nothing(
    plain_homeserver: Homeserver, database_url: str
) -> None:
    async with (
        linked_room(plain_homeserver, database_url, people=PEOPLE) as linked,
        working(linked),
    ):
        await linked.messenger.say(ASYA, "до")
        await linked.messenger.say(ASYA, Content(parts=(Other("hologram"),)))
        # A place in the text that is none: what converts it fails.
        broken = Content("сломано", (Span("ноль", 1, Style.BOLD),))  # type: ignore[arg-type]
        await linked.messenger.say(ASYA, broken)
        await linked.messenger.say(ASYA, "после")
        assert await linked.settled() == [
            "до",
            "[вложение «hologram», его можно открыть в Сферуме]",
            UNREADABLE,
            "после",
        ]


async def test_the_network_that_refuses_a_history_does_not_stop_a_chat(
    plain_homeserver: Homeserver, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def refuse(*_: object, **__: object) -> object:
        raise Refused("not for you")

    monkeypatch.setattr(messenger.Account, "history", refuse)
    async with (
        linked_room(plain_homeserver, database_url, people=PEOPLE) as linked,
        working(linked),
    ):
        await linked.messenger.say(ASYA, "всё равно")
        await linked.messenger.happen(gaps=[CHAT])
        assert await linked.settled() == ["всё равно"]


async def test_a_room_that_is_linked_no_more_is_described_no_more(
    plain_homeserver: Homeserver, database_url: str
) -> None:
    async with (
        linked_room(plain_homeserver, database_url, people=PEOPLE) as linked,
        working(linked),
    ):
        await linked.messenger.say(ASYA, "слышно")
        await linked.idle()

        async def about() -> list[object]:
            _, state = await linked.reader.call("GET", f"rooms/{linked.room_id}/state")
            return [event["content"] for event in state if event["type"] == "m.bridge"]

        [described] = await about()
        assert described
        async with linked.database.write() as tx:
            await logins.unlink(tx, linked.room_id)
        await linked.messenger.say(ASYA, "не слышно")

        async def withdrawn() -> bool:
            return await about() == [{}]

        await until(withdrawn)
        assert await linked.settled() == ["слышно"]


async def test_where_only_teachers_write_the_bot_says_it_by_name(
    plain_homeserver: Homeserver, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(speaking, "_PAUSES", (0.01,))
    async with (
        linked_room(plain_homeserver, database_url, people=PEOPLE) as linked,
        working(linked),
    ):
        levels = await linked.homeserver.state(linked.room_id, "m.room.power_levels")
        muted = {**levels, "events_default": 50}
        await linked.homeserver.set_state(linked.room_id, "m.room.power_levels", muted)
        message = await linked.messenger.say(ASYA, "объявление")
        assert await linked.settled() == ["Ася Выдумкина (Сферум): объявление"]
        await linked.messenger.edit(message, "другое")
        assert await linked.settled() == ["Ася Выдумкина (Сферум): другое"]
        await linked.messenger.delete(message)
        assert await linked.settled() == []


async def test_a_ghost_that_was_removed_comes_back_to_speak_and_to_correct_itself(
    plain_homeserver: Homeserver, database_url: str
) -> None:
    async with (
        linked_room(plain_homeserver, database_url, people=PEOPLE) as linked,
        working(linked),
    ):
        message = await linked.messenger.say(ASYA, "раз")
        await linked.idle()
        await linked.homeserver.kick(linked.room_id, GHOST.format(ASYA))
        await linked.messenger.edit(message, "раз и")
        await linked.idle()
        await linked.homeserver.kick(linked.room_id, GHOST.format(ASYA))
        await linked.messenger.say(ASYA, "два")
        assert await linked.settled() == ["раз и", "два"]
        assert {e["sender"] for e in await linked.last(3)} == {GHOST.format(ASYA)}
