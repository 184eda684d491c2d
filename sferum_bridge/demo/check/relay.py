"""Chapters 4 to 6: words travel both ways once and in order, whatever dies in between."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

from sferum_bridge.demo.check.client import Unmet
from sferum_bridge.demo.check.story import hold

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from sferum_bridge.demo.check.client import Heard
    from sferum_bridge.demo.check.story import Story

_EACH_WAY = 10
_BEFORE_THE_KILL = 3
_BETWEEN = 0.25
_PATIENCE = 90.0
# A second copy would come within the next long poll and a round of retries.
_QUIET = 3.0


async def play(story: Story) -> None:
    """One message each way."""
    pupil = await story.client("pupil")
    room_id = await story.room("pupil", story.ready.chat.title)
    with story.step("4.1", "what the pupil writes arrives in Sferum, the name in front"):
        await pupil.say(room_id, "Привет из Matrix!")
        await _arrives(story, f"{pupil.name}: Привет из Matrix!")
    with story.step("4.2", "what is written in Sferum arrives from a ghost with the right name"):
        name, user_id = next(iter(story.ready.chat.pupils.items()))
        await _post(story, user_id, "Привет из Сферума!")
        heard = await pupil.hear(
            "the message from Sferum",
            lambda e: e.room_id == room_id and e.body == "Привет из Сферума!",
        )
        hold(heard.sender.startswith(f"@sferum_{user_id}:"), f"it came from {heard.sender}")
        shown = pupil.name_of(room_id, heard.sender)
        hold(shown == f"{name} (Сферум)", f"the ghost is called «{shown}»")
    with story.step("4.3", "what the class teacher writes in Sferum appears as their own"):
        teacher = await story.client("class_teacher")
        await _post(story, story.ready.chat.teacher, "Завтра контрольная")
        heard = await pupil.hear("the teacher's message", lambda e: e.body == "Завтра контрольная")
        hold(heard.sender == teacher.mxid, f"it came from {heard.sender}")


async def play_kill(story: Story) -> None:
    """Ten messages each way, and the bridge killed in their middle."""
    from_matrix = [f"из Matrix {number}" for number in range(1, _EACH_WAY + 1)]
    from_sferum = [f"из Сферума {number}" for number in range(1, _EACH_WAY + 1)]
    pupil = await story.client("pupil")
    room_id = await story.room("pupil", story.ready.chat.title)
    user_id = next(iter(story.ready.chat.pupils.values()))
    since = pupil.mark
    with story.step("5.1", "the bridge is killed (-9) among ten messages each way, and restarted"):

        async def write() -> None:
            for one, other in zip(from_matrix, from_sferum, strict=True):
                await pupil.say(room_id, one)
                await _post(story, user_id, other)
                await asyncio.sleep(_BETWEEN)

        async def kill() -> None:
            await _until(story, lambda texts: _count(texts, from_matrix) >= _BEFORE_THE_KILL)
            await story.school.bridge.kill()
            arrived = _count(await story.sferum_texts(), from_matrix)
            hold(arrived < _EACH_WAY, "all had arrived before the kill")
            await asyncio.sleep(1)
            await story.school.start_bridge()

        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(write())
            tasks.create_task(kill())
    with story.step("5.2", "all twenty have arrived once, in order"):
        wanted = [f"{pupil.name}: {text}" for text in from_matrix]
        await _until(story, lambda texts: _count(texts, from_matrix) >= _EACH_WAY)
        for text in from_sferum:
            await pupil.hear(f"«{text}»", _says(text), since=since, seconds=_PATIENCE)
        await asyncio.sleep(_QUIET)
        await pupil.sync(wait=False)
        texts = [text for text in await story.sferum_texts() if text in set(wanted)]
        hold(texts == wanted, f"in Sferum: {texts}")
        bodies = [e.body for e in pupil.heard(room_id, since) if e.body in set(from_sferum)]
        hold(bodies == from_sferum, f"in Matrix: {bodies}")


async def play_outages(story: Story) -> None:
    """The stand-in and Synapse go away in the middle and come back."""
    pupil = await story.client("pupil")
    room_id = await story.room("pupil", story.ready.chat.title)
    user_id = next(iter(story.ready.chat.pupils.values()))
    log = story.school.folder.bridge_log
    with story.step("6.1", "Sferum is away: the bridge waits, says so once, and goes on after it"):
        before = len(log.read_text("utf-8"))
        await story.school.standin.stop()
        await pupil.say(room_id, "пока Сферума нет")
        await asyncio.sleep(_QUIET)
        await story.school.start_standin()
        await _arrives(story, f"{pupil.name}: пока Сферума нет")
        said = log.read_text("utf-8")[before:].count("cannot send now")
        hold(said == 1, f"it said {said} times that it cannot send")
        # It listens again after a while: what comes next has to be heard at once.
        await _post(story, user_id, "Сферум снова есть")
        await pupil.hear("the message", _says("Сферум снова есть"), seconds=_PATIENCE)
    with story.step("6.2", "Synapse is away: the same the other way"):
        before = len(log.read_text("utf-8"))
        await story.school.synapse.stop()
        await _post(story, user_id, "пока Matrix нет")
        await asyncio.sleep(_QUIET)
        await story.school.synapse.start()
        await pupil.hear("the message", lambda e: e.body == "пока Matrix нет", seconds=_PATIENCE)
        said = log.read_text("utf-8")[before:].count("does not answer")
        hold(said == 1, f"it said {said} times that the homeserver does not answer")
    with story.step("6.3", "each of the two arrived once"):
        await asyncio.sleep(_QUIET)
        await pupil.sync(wait=False)
        there = (await story.sferum_texts()).count(f"{pupil.name}: пока Сферума нет")
        here = [e.body for e in pupil.heard(room_id)].count("пока Matrix нет")
        hold((there, here) == (1, 1), f"in Sferum {there} times, in Matrix {here} times")


async def _post(story: Story, user_id: int, text: str) -> None:
    async with story.standin() as standin:
        await standin.post(user_id, story.ready.chat.chat, text)


async def _arrives(story: Story, text: str) -> None:
    await _until(story, lambda texts: text in texts)


async def _until(story: Story, there: Callable[[Sequence[str]], bool]) -> None:
    """Wait until what is in the stand-in's chat is as wanted."""
    end = time.monotonic() + _PATIENCE
    while not there(texts := await story.sferum_texts()):
        if time.monotonic() > end:
            raise Unmet(f"after {_PATIENCE:g} s there is only {texts} in Sferum")
        await asyncio.sleep(0.2)


def _says(text: str) -> Callable[[Heard], bool]:
    return lambda one: one.body == text


def _count(texts: Sequence[str], wanted: Sequence[str]) -> int:
    return sum(text.endswith(f": {one}") for text in texts for one in wanted)
