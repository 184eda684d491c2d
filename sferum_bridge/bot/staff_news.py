"""Telling people that their roles changed, or a child's class: the same for whoever ordered it.

An order of a chat, one of the console and a roster all put the same news (`store.staffing`).
"""

from __future__ import annotations

from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

from sferum_bridge.bot import register, staff_lines
from sferum_bridge.bot.texts import bullets, paragraphs
from sferum_bridge.school import access, staffing
from sferum_bridge.school.access import Role
from sferum_bridge.store import accounts, schools

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sferum_bridge.bot.talk import Talk
    from sferum_bridge.school.people import School
    from sferum_bridge.store.schools import SchoolRecord

_DAY = timedelta(days=1)


async def staff_changed(talk: Talk, content: Mapping[str, Any]) -> None:
    """Tell who got or lost a role, and the class teachers and administrators it concerns."""
    record = await register.school(talk.tx, str(content["school"]))
    if record is None:
        return
    here, today = await schools.load(talk.tx, record.id), record.day(talk.tx.now)
    rows = content["changes"]
    concerns: dict[str, list[Mapping[str, str]]] = {}
    for row in rows:
        beside = (
            staff_lines.leaders(here, row["class_id"], today) if row["kind"] == "leadership" else ()
        )
        for person_id in dict.fromkeys([row["person_id"], *beside]):
            concerns.setdefault(person_id, []).append(row)
    concerns.pop(str(content["actor"]), None)
    for person_id, theirs in concerns.items():
        language = await talk.language_of(person_id)
        lines = bullets([staff_lines.change(talk, language, here, row) for row in theirs])
        head = talk.texts.text(language, "staffing-news", school=record.name)
        await talk.tell_person(person_id, paragraphs([head, lines]))
    await _tell_who_stands_in(talk, record, here, content)


async def _tell_who_stands_in(
    talk: Talk, record: SchoolRecord, here: School, content: Mapping[str, Any]
) -> None:
    heads = set(await register.administrators(talk.tx, record)) - {str(content["actor"])}
    unled: dict[str, date] = {}
    for row in content["changes"]:
        if row["kind"] == "leadership" and row["what"] in {"ends", "drops"}:
            first = _first_day_without(row)
            if staffing.is_unled(here, row["class_id"], first):
                unled[row["class_id"]] = first
    for class_id, first in unled.items():
        values: dict[str, Any] = {"class": here.classes[class_id].name, "day": first}
        await talk.inform(sorted(heads), "staffing-notice-unled", **values)


def _first_day_without(row: Mapping[str, str]) -> date:
    if row["what"] == "drops":
        return date.fromisoformat(row["since"])
    return date.fromisoformat(row["until"]) + _DAY


async def moved(talk: Talk, content: Mapping[str, Any]) -> None:
    """Tell both class teachers, the pupil and the parents of a move (scenarios 34 and 36).

    Parents are those who have rooms by this child: nobody who waits for approval or is denied them.
    """
    record = await register.school(talk.tx, str(content["school"]))
    child = await accounts.person(talk.tx, str(content["child"]))
    if record is None or child is None:
        return
    here = await schools.load(talk.tx, record.id)
    since, today = date.fromisoformat(str(content["since"])), record.day(talk.tx.now)
    before = since - _DAY
    teachers, family = set(), {child.id}
    for day in {before, since, today}:
        for person_id, why in access.reasons(here, day).items():
            if any(reason.child_id == child.id for reason in why):
                family.add(person_id)
            led = {r.class_id for r in why if r.role is Role.CLASS_TEACHER}
            if day != before and led & {content["from"], content["to"]}:
                teachers.add(person_id)
    left, entered = (here.classes.get(str(content[where])) for where in ("from", "to"))
    names: dict[str, Any] = {
        "child": child.full_name,
        "school": record.name,
        "from": str(content.get("was") or (left.name if left else "")),
        "to": entered.name if entered else "",
        "since": since,
    }
    key = "moved" if left and entered else "moved-out" if left else "moved-in"
    # A class teacher who is the child's parent as well hears it as a parent.
    await talk.inform(sorted(teachers - family), f"{key}-teacher", **names)
    await talk.inform(sorted(family), f"{key}-family", **names)
