"""Telling people that a school year was opened: a pointer in every chat that is read only now.

The chat's last message says where the class is today. Whoever goes another way than their class is
told of that by `staff_news.moved`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sferum_bridge.bot import register, year_saying
from sferum_bridge.bot.texts import bullets, fitting, paragraphs
from sferum_bridge.bot.year_lines import Lines
from sferum_bridge.school.layout import Kind, key
from sferum_bridge.store import rooms, schools, year

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sferum_bridge.bot.talk import Talk
    from sferum_bridge.school.people import School
    from sferum_bridge.store.schools import SchoolRecord

_TO_READ = (Kind.PUPILS, Kind.PARENTS, Kind.MATERIALS)


async def opened(talk: Talk, content: Mapping[str, Any]) -> None:
    """Say in the closed classes' chats where they go on, and tell the other administrators."""
    record = await register.school(talk.tx, str(content["school"]))
    if record is None:
        return
    here = await schools.load(talk.tx, record.id)
    made = await _made(talk, record)
    for class_id in content["closed"]:
        one = here.classes.get(class_id)
        # It may have been taken back by now.
        if one is None or one.closed_on is None:
            continue
        successor = here.classes.get(one.successor_id)
        for kind in _TO_READ:
            room_id = made.get(key(kind, class_id))
            if not room_id:
                continue
            values: dict[str, Any] = {"class": one.name, "until": one.kept_until or one.closed_on}
            name = "year-room-farewell"
            if successor is not None:
                name = "year-room-pointer"
                values["room"] = talk.texts.room_name(kind, successor, here.name, record.language)
                there = made.get(key(kind, successor.id), "")
                values["link"] = f"https://matrix.to/#/{there}" if there else ""
            await talk.announce(room_id, talk.texts.text(record.language, name, **values))
    await _tell_administrators(talk, record, here, content, "year-news-opened")


async def undone(talk: Talk, content: Mapping[str, Any]) -> None:
    """Say in the chats that are open again that they are, and tell the other administrators."""
    record = await register.school(talk.tx, str(content["school"]))
    if record is None:
        return
    here = await schools.load(talk.tx, record.id)
    made = await _made(talk, record)
    for class_id in content["closed"]:
        if _is_open(here, class_id):
            for kind in _TO_READ:
                if room_id := made.get(key(kind, class_id)):
                    await talk.announce(room_id, talk.texts.text(record.language, "year-room-open"))
    await _tell_administrators(talk, record, here, content, "year-news-undone")


async def failed(talk: Talk, content: Mapping[str, Any]) -> None:
    """Tell the administrators that the day came and why the year could not be opened.

    What was chosen for it is written as it can be sent again.
    """
    record = await register.school(talk.tx, str(content["school"]))
    if record is None:
        return
    here = await schools.load(talk.tx, record.id)
    why = year.heard(content["problems"])
    planned = await year.planned(talk.tx, record.id) if why else None
    for person_id in await register.administrators(talk.tx, record):
        lines = Lines(talk.texts, await talk.language_of(person_id), here)
        if why:
            said = [lines.text("year-news-failed", school=record.name)]
            said += [bullets(fitting([lines.problem(one) for one in why]))]
        else:
            said = [lines.text("year-news-broken", school=record.name)]
        if planned is not None:
            today = record.day(talk.tx.now)
            typed = year_saying.written(planned.choices, here, today, lines.language)
            said += [lines.text("year-news-failed-next", choices=typed)]
        await talk.tell_person(person_id, paragraphs(said))


async def _made(talk: Talk, record: SchoolRecord) -> Mapping[str, str]:
    known = await rooms.of_school(talk.tx, record.id)
    return {key_: room.room_id for key_, room in known.items() if room.room_id}


def _is_open(here: School, class_id: str) -> bool:
    one = here.classes.get(class_id)
    return one is not None and one.closed_on is None


async def _tell_administrators(
    talk: Talk, record: SchoolRecord, here: School, content: Mapping[str, Any], name: str
) -> None:
    heads = set(await register.administrators(talk.tx, record)) - {str(content["actor"])}
    left_out = year.heard(content.get("left_out", ()))
    for person_id in sorted(heads):
        lines = Lines(talk.texts, await talk.language_of(person_id), here)
        said = [lines.text(name, school=record.name, year=str(content["year"]))]
        if left_out:
            said += [lines.text("year-left-out")]
            said += [bullets(fitting([lines.problem(one) for one in left_out]))]
        await talk.tell_person(person_id, paragraphs(said))
