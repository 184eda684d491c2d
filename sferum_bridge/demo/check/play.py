"""The story from its first line to its last, in a demo of its own."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from sferum_bridge.demo.check import parents, relay, rooms, trouble
from sferum_bridge.demo.check.story import Story
from sferum_bridge.demo.school import DemoSchool
from sferum_bridge.roster import write_sample

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from sferum_bridge.config import Config
    from sferum_bridge.demo.folder import DemoFolder

_CLASSES = ("5А", "1А")
_PUPILS, _STAFF = 5, 5
_ANY_PORTS = {"synapse": 0, "bridge": 0, "standin": 0}


class _Silent:
    """A voice that says nothing: the story prints lines of its own."""

    def step(self, name: str, **values: object) -> None:
        """Say nothing."""

    def progress(self, name: str, done: int, total: int) -> None:
        """Say nothing."""

    def show(self, text: str) -> None:
        """Say nothing."""


async def play(
    folder: DemoFolder,
    write_registrations: Callable[[Config, Path], list[Path]],
    tell: Callable[[str], None],
) -> None:
    """Play all of it in an empty folder, which is left as it is in the end.

    Raises:
        StoryEndedError: A step did not hold; its line has been told.
        DemoError: The demo could not be started.
        ChildFailedError: A process of it ended or did not start.
    """
    began = time.monotonic()
    folder.open()
    sample = folder.path / "roster.xlsx"

    def demo() -> DemoSchool:
        return DemoSchool(folder, _Silent(), write_registrations, roster=sample, ports=_ANY_PORTS)

    with folder.locked():
        write_sample(sample, class_names=_CLASSES, pupils_per_class=_PUPILS, staff=_STAFF)
        first, second = demo(), demo()
        try:
            ready = await first.start()
            tell(f"  the school is open after {time.monotonic() - began:.0f} s")
            async with Story(first, ready, tell) as story:
                await rooms.play(story)
                await parents.play(story)
                await parents.play_refusals(story)
                await relay.play(story)
                await relay.play_kill(story)
                await relay.play_outages(story)
                await trouble.play_languages(story)
                await trouble.play_rosters(story, sample)
                await trouble.play_second_start(story, second.start, second.status)
        finally:
            await first.stop()
            await second.stop()
    tell(f"  all of it took {time.monotonic() - began:.0f} s")
