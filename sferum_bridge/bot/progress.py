"""How far the making of a school's rooms has come, told to its administrators; pause and resume.

Long work is one message in each administrator's chat that changes as the work goes on, and ends
with what there is now. What was told is stored with it, so a restart goes on with that message.
"""

from __future__ import annotations

import asyncio
import json
import logging
from dataclasses import asdict, dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

from sferum_bridge.bot import register
from sferum_bridge.bot.talk import digest
from sferum_bridge.bot.texts import paragraphs
from sferum_bridge.matrix import outbox
from sferum_bridge.store import accounts, audit, rooms, schools, state
from sferum_bridge.store.away import outlasting

if TYPE_CHECKING:
    from collections.abc import Callable

    from sferum_bridge.bot.commands import Command
    from sferum_bridge.bot.service import Bot
    from sferum_bridge.bot.talk import Talk
    from sferum_bridge.bot.texts import Text
    from sferum_bridge.matrix.progress import Progress
    from sferum_bridge.store.database import Database
    from sferum_bridge.store.schools import SchoolRecord

log = logging.getLogger(__name__)

_TOLD = "progress/"
_GOING, _PAUSED, _DONE = "going", "paused", "done"


# --- commands -------------------------------------------------------------------------------


async def pause(talk: Talk, _command: Command) -> None:
    """Have the making of the rooms of somebody's schools rest."""
    await _rest(talk, "pause", paused=True)


async def resume(talk: Talk, _command: Command) -> None:
    """Have it go on."""
    await _rest(talk, "resume", paused=False)


async def _rest(talk: Talk, word: str, *, paused: bool) -> None:
    administered = await register.administered(talk.tx, talk.person_id)
    if not administered:
        await talk.reply("pause-right")
        return
    changed = [
        record for record in administered if await schools.pause(talk.tx, record.id, paused=paused)
    ]
    for record in changed:
        audit.record(talk.tx, talk.person_id, f"rooms.{word}", record.id, school=record.id)
    if paused:
        await talk.reply("pause-done" if changed else "pause-already")
    else:
        await talk.reply("resume-done" if changed else "resume-already")


# --- telling --------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Told:
    """What the message of a school says."""

    run: int
    """Names the message."""
    total: int
    percent: int
    says: str = _GOING
    edits: int = 0


@dataclass(frozen=True, slots=True)
class Manner:
    """When to tell: of work of at least so many `steps` that has lasted `after` seconds already.

    `every`: seconds between looks; `least`: percents more that are worth an edit.
    """

    steps: int = 100
    after: float = 8.0
    every: float = 4.0
    least: int = 5


def next_told(
    told: Told | None, progress: Progress, now: int, manner: Manner, *, paused: bool
) -> Told | None:
    """Return what the message is to say now, `None` where nothing new is to be said.

    Pure; `now` in milliseconds. After a restart nothing is known until the work has begun anew, and
    what is left of it is measured by what it was in the beginning.
    """
    left = progress.total - progress.done
    if told is None:
        is_long = left >= manner.steps and now - progress.began >= manner.after * 1000
        if progress.finished or not is_long:
            return None
        says = _PAUSED if paused else _GOING
        return Told(progress.began, progress.total, progress.percent, says)
    if not progress.began:
        return None
    if progress.finished:
        return replace(told, percent=100, says=_DONE, edits=told.edits + 1)
    total = max(told.total, left)
    percent = min(99, (total - left) * 100 // total)
    says = _PAUSED if paused else _GOING
    if says == told.says and abs(percent - told.percent) < manner.least:
        return None
    return Told(told.run, total, percent, says, told.edits + 1)


class ProgressTeller:
    """Tells administrators. `progress` gives that of a school's present or latest run."""

    def __init__(
        self,
        db: Database,
        bot: Bot,
        progress: Callable[[str], Progress],
        manner: Manner | None = None,
    ) -> None:
        self._db = db
        self._bot = bot
        self._progress = progress
        self._manner = manner or Manner()

    async def run(self) -> None:
        """Tell for ever."""
        while True:
            with outlasting(log, "Telling how far rooms are"):
                await self.once()
            await asyncio.sleep(self._manner.every)

    async def once(self) -> None:
        """Tell of each school what is new."""
        async with self._db.read() as tx:
            records = await schools.records(tx)
            known = {record.id: await state.get(tx, _TOLD + record.id) for record in records}
        for record in records:
            told = Told(**json.loads(known[record.id])) if known[record.id] else None
            progress = self._progress(record.id)
            says = next_told(told, progress, self._db.clock(), self._manner, paused=record.paused)
            if says is not None:
                name = f"progress.{record.id}.{says.run}.{says.edits}"
                work = partial(_tell, record=record, says=says, refused=progress.refused)
                await self._bot.errand(name, work)


async def _tell(talk: Talk, record: SchoolRecord, says: Told, refused: int) -> None:
    values: dict[str, Any] = {"school": record.name, "percent": says.percent}
    if says.says == _DONE:
        await state.drop(talk.tx, _TOLD + record.id)
        made, members = await rooms.size_of_school(talk.tx, record.id)
        values = {"school": record.name, "rooms": made, "members": members}
    else:
        await state.put(talk.tx, _TOLD + record.id, json.dumps(asdict(says)))
    for person_id in await register.administrators(talk.tx, record):
        language = await talk.language_of(person_id)
        text = _text(talk, language, says, values, refused)
        for mxid in await accounts.mxids_of(talk.tx, person_id):
            keep = f"progress/{record.id}/{digest(mxid)}"
            txn_id = f"bot.progress.{record.id}.{says.run}.{digest(mxid)}.{says.edits}"
            content = text.content(notice=True)
            if says.edits:
                last = says.says == _DONE
                await outbox.revise(talk.tx, txn_id, content, to=mxid, keep=keep, last=last)
            else:
                await outbox.say(talk.tx, txn_id, content, to=mxid, keep=keep)


def _text(talk: Talk, language: str, says: Told, values: dict[str, Any], refused: int) -> Text:
    keys = {_GOING: "progress-going", _PAUSED: "progress-paused", _DONE: "progress-done"}
    parts = [talk.texts.text(language, keys[says.says], **values)]
    if says.says == _DONE and refused:
        contact = talk.settings.support_contact
        parts.append(talk.texts.text(language, "progress-refused", count=refused, contact=contact))
    return paragraphs(parts)
