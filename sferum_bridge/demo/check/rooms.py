"""Chapter 1: a roster became rooms, and everybody is where their roles put them, nobody else."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from sferum_bridge.bot.texts import Texts
from sferum_bridge.demo.check.client import Client
from sferum_bridge.demo.check.story import hold
from sferum_bridge.demo.people import OUTSIDER
from sferum_bridge.school.layout import Kind, layout
from sferum_bridge.store import accounts, schools

if TYPE_CHECKING:
    from sferum_bridge.demo.check.story import Story

Wanted = dict[str, dict[str, int]]
"""Room's name → Matrix id → power level."""


async def wanted_rooms(story: Story) -> Wanted:
    """Return who should be where, by the rules and the stored school."""
    texts, wanted = Texts(), Wanted()
    async with story.school.database() as db, db.read() as tx:
        mxids = await accounts.by_person(tx)
        for record in await schools.records(tx):
            school = await schools.load(tx, record.id)
            today = datetime.now(UTC).astimezone(ZoneInfo(record.timezone)).date()
            for room in layout(school, today):
                if room.kind is Kind.GATE:
                    continue
                of_class = school.classes[room.class_id] if room.class_id else None
                name = texts.room_name(room.kind, of_class, school.name, record.language)
                wanted[name] = {
                    mxid: power
                    for person_id, power in room.members.items()
                    for mxid in mxids.get(person_id, ())
                }
    return wanted


async def play(story: Story) -> None:
    """Sign everybody in, and compare what they see with what the rules want."""
    wanted = await wanted_rooms(story)
    everybody = story.logins
    with story.step("1.1", f"all {len(everybody)} people are in exactly the rooms of their roles"):
        for login in everybody.values():
            async with Client(story.ready.homeserver, login) as client:
                seen = await client.rooms()
                expected = {name for name, members in wanted.items() if login.mxid in members}
                hold(
                    sorted(seen.values()) == sorted(expected),
                    f"{login.name} is in {sorted(seen.values())}, not in {sorted(expected)}",
                )
                for room_id, name in seen.items():
                    await _members(story, client, room_id, name, wanted[name])
    placed = {mxid for members in wanted.values() for mxid in members}
    cast = (story.ready.cast.parent, story.ready.cast.second_parent, story.ready.cast.outsider)
    nowhere = [x for x in everybody.values() if x.mxid not in placed and x not in cast]
    hold(nowhere, "the roster has no guardian of another child")
    story.facts["guardian"] = nowhere[0]
    await _by_hand(story)
    with story.step("1.4", "a parent whose child is not confirmed, and an outsider, are nowhere"):
        for key in ("parent", "second_parent", OUTSIDER):
            client = await story.client(key)
            hold(not await client.rooms(), f"{client.name} is in {await client.rooms()}")


async def _members(
    story: Story, client: Client, room_id: str, name: str, members: dict[str, int]
) -> None:
    there = await client.members(room_id) - {story.bot}
    hold(there == set(members), f"in «{name}» are {sorted(there)}, not {sorted(members)}")
    powers = {m: p for m, p in client.powers(room_id).items() if p and m != story.bot}
    special = {m: p for m, p in members.items() if p}
    hold(powers == special, f"in «{name}» the powers are {powers}, not {special}")


async def _by_hand(story: Story) -> None:
    """Say once more without our own rules what a school expects."""
    of_class = story.class_name
    pupils, parents = f"{of_class} · ученики", f"{of_class} · родители"
    materials = f"{of_class} · материалы"
    with story.step("1.2", "the pupil is in the class, its pupils' room and its materials"):
        client = await story.client("pupil")
        seen = sorted((await client.rooms()).values())
        hold(seen == sorted([of_class, pupils, materials]), f"but in {seen}")
    with story.step("1.3", "the class teacher moderates the class; the administrator the staff"):
        teacher, admin = await story.client("class_teacher"), await story.client("administrator")
        for name in (pupils, parents, materials):
            room_id = await story.room("class_teacher", name)
            hold(teacher.powers(room_id).get(teacher.mxid) == 50, f"no moderator in «{name}»")  # noqa: PLR2004 - Matrix' own number for a moderator
        staff = await story.room("administrator", "Учительская")
        hold(admin.powers(staff).get(admin.mxid) == 50, "no moderator of the staff room")  # noqa: PLR2004 - the same
        hold(not teacher.powers(staff).get(teacher.mxid), "a teacher moderates the staff room")
