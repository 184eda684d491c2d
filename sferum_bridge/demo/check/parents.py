"""Chapters 2 and 3: a pupil invites, two guardians confirm, everybody else is kept out."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from sferum_bridge.demo.check.client import Client, Unmet
from sferum_bridge.demo.check.story import hold
from sferum_bridge.demo.people import OUTSIDER, Login

if TYPE_CHECKING:
    from collections.abc import Callable

    from sferum_bridge.demo.check.client import Heard
    from sferum_bridge.demo.check.story import Story

_CODE = re.compile(r"\b(?:[0-9A-Z]{4}-){6}[0-9A-Z]{4}\b")
_FORBIDDEN = "M_FORBIDDEN"
_NO_ROOM = "!nothing"
_REMEDIES = ("на другом устройстве", "инкогнито", "на время выйти")


async def play(story: Story) -> None:
    """From the pupil's question to a child with two parents."""
    pupil, chat = await story.client("pupil"), await story.direct_chat("pupil")
    with story.step("2.1", "the pupil writes «!пригласить» and gets a code and a link"):
        old = _code(await pupil.ask(chat, "!пригласить", story.bot, "приглашение для родителя"))
        answer = await pupil.ask(chat, "пригласить", story.bot, "приглашение для родителя")
        code = story.facts["code"] = _code(answer)
        hold(code != old, "the second invite is the first")
        hold(f"/i/{code}" in answer.body, "there is no link in the answer")
        _readable(answer)
    story.facts["revoked"] = old
    await _first_parent(story, code)
    await _second_parent(story, code)
    with story.step("2.6", "«мои дети» and «мои родители» show both sides each other"):
        both = [await story.client(part) for part in ("parent", "second_parent")]
        answer = await pupil.ask(chat, "мои родители", story.bot, "Ваши родители")
        for parent in both:
            hold(parent.name in answer.body, f"{parent.name} is not in the pupil's profile")
        answer = await both[0].ask(
            await story.direct_chat("parent"), "!мои дети", story.bot, "Ваши дети"
        )
        hold(pupil.name in answer.body, "the child is not in the parent's profile")
    await _rooms_of_parents(story)


async def _first_parent(story: Story, code: str) -> None:
    pupil = await story.client("pupil")
    parent, chat = await story.client("parent"), await story.direct_chat("parent")
    with story.step("2.2", "a parent sends the code and sees the child's name, class and school"):
        answer = await parent.ask(chat, code, story.bot, "Проверьте")
        for fact in (pupil.name, story.class_name, "Школа № 7"):
            hold(fact in answer.body, f"«{fact}» is not shown")
        _readable(answer)
        hold(not await parent.rooms(), "the parent is in a room before confirming")
    with story.step("2.3", "nothing happened yet; «!подтвердить» makes them parent and child"):
        since = pupil.mark
        await parent.ask(chat, "!подтвердить", story.bot, "Готово")
        await pupil.hear("the news", lambda e: parent.name in e.body, since=since)


async def _second_parent(story: Story, code: str) -> None:
    parent, chat = await story.client("second_parent"), await story.direct_chat("second_parent")
    link = f"{story.school.config.school.public_url}/i/{code.lower()}"
    with story.step("2.4", "the second parent sends the link and is offered ✅ and ❌ to tap"):
        answer = await parent.ask(chat, link, story.bot, "Проверьте")
        for reaction in ("✅", "❌"):
            await parent.hear(f"the reaction {reaction}", _offers(story.bot, reaction))
    with story.step("2.5", "tapping ✅ confirms"):
        since = parent.mark
        await parent.tap(chat, answer.event_id, "✅")
        await parent.hear(
            "the confirmation", lambda e: e.sender == story.bot and "Готово" in e.body, since=since
        )


async def _rooms_of_parents(story: Story) -> None:
    of_class = story.class_name
    expected = sorted([of_class, f"{of_class} · родители", f"{of_class} · материалы"])
    with story.step("2.7", "both are in the class's parents' room and materials, not the pupils'"):
        for part in ("parent", "second_parent"):
            client = await story.client(part)
            await client.hear(
                "the materials",
                lambda e: e.kind == "m.room.member" and e.content.get("membership") == "join",
            )
            await story.school.settle()
            seen = sorted((await client.rooms()).values())
            hold(seen == expected, f"{client.name} is in {seen}, not in {expected}")


async def play_refusals(story: Story) -> None:
    """Nobody else gets anywhere, and is told why as far as it concerns them."""
    pupil, chat = await story.client("pupil"), await story.direct_chat("pupil")
    code, revoked = story.facts["code"], story.facts["revoked"]
    with story.step("3.1", "the pupil with the own code gets E-SELF and its three remedies"):
        answer = await pupil.ask(chat, code, story.bot, "самого ученика")
        for remedy in _REMEDIES:
            hold(remedy in answer.body, f"the remedy «{remedy}» is missing")
    third = await story.sign_in(story.facts["guardian"])
    third_chat = await third.chat_with(story.bot)
    with story.step("3.2", "a third parent gets E-FULL and no name; the pupil gets no new code"):
        answer = await third.ask(third_chat, code, story.bot, "уже есть два родителя")
        hold(pupil.name not in answer.body, "it names the child")
        await pupil.ask(chat, "пригласить", story.bot, "уже есть два родителя")
    with story.step("3.3", "the same parent again gets I-ALREADY"):
        parent = await story.client("parent")
        await parent.ask(await story.direct_chat("parent"), code, story.bot, "уже подтвердили")
    with story.step("3.4", "wrong, mistyped and revoked codes get one and the same answer"):
        outsider, outside = await story.client(OUTSIDER), await story.direct_chat(OUTSIDER)
        wrong = "-".join(["7ZZZ"] * 7)
        mistyped = code[:-1] + ("2" if code[-1] != "2" else "3")
        said = [
            await outsider.ask(outside, one, story.bot, "не найдено")
            for one in (wrong, mistyped, revoked)
        ]
        hold(len({str(one.content) for one in said}) == 1, f"they differ: {said}")
    await _kept_out(story, outsider, third)


async def _kept_out(story: Story, outsider: Client, third: Client) -> None:
    of_class = story.class_name
    pupils = await story.room("pupil", f"{of_class} · ученики")
    parents = await story.room("parent", f"{of_class} · родители")
    with story.step("3.5", "nobody joins a room of others: outsider, parents, pupil"):
        for client, room_id in (
            (outsider, pupils),
            (outsider, parents),
            (third, parents),
            (await story.client("parent"), pupils),
            (await story.client("pupil"), parents),
        ):
            code, of_none = await client.join(room_id), await client.join(_NO_ROOM)
            hold(code != "", f"{client.name} is in")
            hold(code == of_none, f"{client.name} learns that there is a room: «{code}»")
    with story.step("3.6", "nobody can invite an outsider, not even the bot's own token"):
        teacher = await story.client("class_teacher")
        config = story.school.config
        login = Login("the bot", story.bot, "")
        token = config.appservice.as_token
        async with Client(story.ready.homeserver, login, token=token) as bot:
            for client in (teacher, bot):
                code = await client.invite(pupils, outsider.mxid)
                hold(code == _FORBIDDEN, f"an invite by {client.name} got «{code}»")


def _code(answer: Heard) -> str:
    found = _CODE.search(answer.body)
    if found is None:
        raise Unmet(f"there is no code in «{answer.body[:200]}»")
    return found.group()


def _offers(bot: str, reaction: str) -> Callable[[Heard], bool]:
    def wanted(one: Heard) -> bool:
        relation = one.content.get("m.relates_to", {})
        return one.sender == bot and relation.get("key") == reaction

    return wanted


def _readable(answer: Heard) -> None:
    """See to it that clients with and without HTML have something to show."""
    hold(answer.content.get("formatted_body"), "there is no HTML")
    hold(not re.search(r"<(p|b|strong|ol|ul|li|br)\b", answer.body), "there is HTML in plain text")
