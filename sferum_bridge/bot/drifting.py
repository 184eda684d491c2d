"""What people hear when rooms are not as the school wants them (scenarios 26 and 37, I-11).

Whoever changed something, and whom it befell, is told at once; who may change it stands in the
text. Administrators get a summary now and then, class teachers who left their class's rooms. The
rooms themselves were put right before (`matrix.watch`).
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from sferum_bridge.bot import register
from sferum_bridge.bot.texts import bullets, paragraphs
from sferum_bridge.school import access
from sferum_bridge.school.access import Role
from sferum_bridge.school.drift import Kind
from sferum_bridge.store import absences, accounts, audit, drifts, rooms, schools

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sferum_bridge.bot.commands import Command
    from sferum_bridge.bot.talk import Talk
    from sferum_bridge.bot.texts import Text
    from sferum_bridge.school.people import School
    from sferum_bridge.store.drifts import Found
    from sferum_bridge.store.rooms import RoomRecord

_MOST_LINES = 15

_TO_ACTOR = {
    Kind.NAME: "drift-actor-name",
    Kind.POWER: "drift-actor-shape",
    Kind.ENTRY: "drift-actor-shape",
    Kind.ADDED: "drift-actor-shape",
    Kind.SPACE: "drift-actor-shape",
    Kind.STRANGER: "drift-actor-stranger",
    Kind.REMOVED: "drift-actor-removed",
}
_TO_SUBJECT = {Kind.STRANGER: "drift-subject-stranger", Kind.LEFT: "drift-subject-left"}


async def come_back(talk: Talk, _command: Command) -> None:
    """Bring somebody back into the rooms they left by themselves and still belong to."""
    mxids = await accounts.mxids_of(talk.tx, talk.person_id)
    count = await absences.come_back(talk.tx, mxids)
    if not count:
        await talk.reply("come-back-nothing")
        return
    for school_id in sorted(await accounts.schools_of(talk.tx, talk.person_id)):
        await schools.changed(talk.tx, school_id)
        me = talk.person_id
        audit.record(talk.tx, me, "drift.back-again", me, school=school_id)
    await talk.reply("come-back-done")


# --- at once --------------------------------------------------------------------------------


async def tell_whom_it_concerns(talk: Talk, content: Mapping[str, Any]) -> None:
    """Tell whoever did something, and whom it befell, what became of it and why."""
    for found in await drifts.by_ids(talk.tx, content["ids"]):
        place = await _Place.of(talk, found)
        key = _TO_ACTOR.get(found.kind, "")
        if key and found.actor != found.subject:
            person = await accounts.person_of(talk.tx, found.actor)
            # Whom the school does not know is told nothing about it.
            if person is not None:
                whom = await place.who(talk, found.subject)
                await _tell(talk, found.actor, key, place, whom=whom)
        key = _TO_SUBJECT.get(found.kind, "")
        if key and not talk.settings.is_ours(found.subject):
            await _tell(talk, found.subject, key, place)


async def _tell(talk: Talk, mxid: str, key: str, place: _Place, **values: Any) -> None:
    person = await accounts.person_of(talk.tx, mxid)
    language = await talk.language_of(person.id) if person else talk.settings.default_language
    room = place.name(talk, language)
    await talk.tell(mxid, talk.texts.text(language, key, room=room, **values))


# --- summaries ------------------------------------------------------------------------------


async def sum_up(talk: Talk, content: Mapping[str, Any]) -> None:
    """Tell administrators what was found since last time, and class teachers who left."""
    record = await register.school(talk.tx, str(content["school"]))
    found = await drifts.untold(talk.tx, str(content["school"]))
    if record is None or not found:
        return
    await drifts.told(talk.tx, found)
    here, today = await schools.load(talk.tx, record.id), record.day(talk.tx.now)
    heads = await register.administrators(talk.tx, record)
    leaders: dict[str, list[str]] = {}
    for person_id, groups in access.groups(here, today).items():
        for class_id in here.classes:
            if access.group(Role.CLASS_TEACHER, class_id) in groups:
                leaders.setdefault(class_id, []).append(person_id)
    rows: dict[str, list[Found]] = {}
    for each in found:
        told = heads
        if each.kind is Kind.LEFT:
            place = await _Place.of(talk, each)
            leaver = await accounts.person_of(talk.tx, each.subject)
            led_by = leaders.get(place.class_id, ())
            # Of a class teacher who left the administrators hear: who leads a room belongs in it.
            told = [id_ for id_ in led_by if leaver is None or id_ != leaver.id] or heads
        for person_id in told:
            rows.setdefault(person_id, []).append(each)
    for person_id, theirs in rows.items():
        await _sum_up_for(talk, person_id, theirs)


async def _sum_up_for(talk: Talk, person_id: str, found: Sequence[Found]) -> None:
    language = await talk.language_of(person_id)
    parts: list[Text] = []
    for key, kinds in (
        ("drift-open", {Kind.OUT, Kind.ENCRYPTED, Kind.UPGRADED, Kind.STUCK}),
        (
            "drift-done",
            set(Kind) - {Kind.OUT, Kind.ENCRYPTED, Kind.UPGRADED, Kind.STUCK, Kind.LEFT},
        ),
        ("drift-left", {Kind.LEFT}),
    ):
        lines = await _lines(talk, language, [each for each in found if each.kind in kinds])
        if lines:
            parts += [talk.texts.text(language, key), bullets(lines)]
    await talk.tell_person(person_id, paragraphs(parts))


async def _lines(talk: Talk, language: str, found: Sequence[Found]) -> Sequence[Text]:
    """Return a line for each thing found; the same from the same hands is one line."""
    times = Counter((each.kind, each.room_id, each.actor, each.subject) for each in found)
    last = {(each.kind, each.room_id, each.actor, each.subject): each for each in found}
    lines = []
    for same, each in list(last.items())[:_MOST_LINES]:
        place = await _Place.of(talk, each)
        ours = not each.actor or talk.settings.is_ours(each.actor)
        unknown = talk.texts.text(language, "drift-nobody").body
        lines.append(
            talk.texts.text(
                language,
                f"drift-line-{each.kind.value}",
                room=place.name(talk, language),
                by=unknown if ours else await place.who(talk, each.actor),
                whom=await place.who(talk, each.subject),
                account=each.subject,
                key=place.key,
                count=times[same],
            )
        )
    if len(last) > _MOST_LINES:
        lines.append(talk.texts.text(language, "drift-more", count=len(last) - _MOST_LINES))
    return lines


class _Place:
    """The room in which something was found."""

    def __init__(self, record: RoomRecord | None, here: School) -> None:
        self._record = record
        self._here = here
        self.key = record.key if record else ""
        class_id = self.key.partition("/")[2]
        self.class_id = class_id if class_id in here.classes else ""

    @classmethod
    async def of(cls, talk: Talk, found: Found) -> _Place:
        record = await rooms.by_room_id(talk.tx, found.room_id)
        return cls(record, await schools.load(talk.tx, found.school_id))

    def name(self, talk: Talk, language: str) -> str:
        """Return what the room is called."""
        if self._record is None:
            return ""
        return talk.texts.room_of_key(self.key, self._here, language)

    async def who(self, talk: Talk, mxid: str) -> str:
        """Return the name of somebody of the school, of others the account (I-8)."""
        person = await accounts.person_of(talk.tx, mxid)
        known = person is not None and person.id in self._here.people
        return person.full_name if person is not None and known else mxid
