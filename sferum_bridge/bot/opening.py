"""Break-glass, told: a school's administrators hear who was let into which rooms, and of the end.

Whoever was let in hears it too: they may not have asked for it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sferum_bridge.bot import register
from sferum_bridge.bot.texts import bullets, paragraphs
from sferum_bridge.store import accounts, schools

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sferum_bridge.bot.talk import Talk
    from sferum_bridge.bot.texts import Text


async def opened(talk: Talk, content: Mapping[str, Any]) -> None:
    """Tell what was opened to whom, why, and until when."""
    await _tell(talk, content, "contour-opened")


async def ended(talk: Talk, content: Mapping[str, Any]) -> None:
    """Tell that it is over."""
    await _tell(talk, content, "contour-ended")


async def _tell(talk: Talk, content: Mapping[str, Any], key: str) -> None:
    record = await register.school(talk.tx, str(content["school"]))
    if record is None:
        return
    here = await schools.load(talk.tx, record.id)
    until = register.moment(record, int(content["until"]))

    def told(language: str) -> Text:
        values = {"school": record.name, "who": content["who"], "reason": content["reason"]}
        head = talk.texts.text(language, key, **values, until=until)
        names = [talk.texts.room_of_key(one, here, language) for one in content["rooms"]]
        lines = [talk.texts.text(language, "contour-room", room=name) for name in names]
        return paragraphs([head, bullets(lines), talk.texts.text(language, f"{key}-then")])

    heard = set()
    for person_id in await register.administrators(talk.tx, record):
        text = told(await talk.language_of(person_id))
        for mxid in await accounts.mxids_of(talk.tx, person_id):
            await talk.tell(mxid, text)
            heard.add(mxid)
    if content["who"] not in heard:
        person = await accounts.person_of(talk.tx, content["who"])
        language = await talk.language_of(person.id) if person else record.language
        await talk.tell(content["who"], told(language))
