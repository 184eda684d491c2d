"""What rooms a school wants, in Matrix' terms: accounts for people, names in its language."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from sferum_bridge.matrix.shape import Wanted
from sferum_bridge.school.layout import MEMBER, Kind, layout, left_over
from sferum_bridge.school.opening import admitted
from sferum_bridge.store import accounts, openings, rooms, schools

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sferum_bridge.school.people import SchoolClass
    from sferum_bridge.store.database import Tx
    from sferum_bridge.store.schools import SchoolRecord

NameOf = Callable[[Kind, "SchoolClass | None", str, str], str]
"""A room's name: kind, class, school name, language → text."""


class Wishes:
    """Derives what a school wants; what an unchanged school wants on a day is derived once."""

    def __init__(self, name_of: NameOf) -> None:
        self._name_of = name_of
        self._derived: dict[str, tuple[object, Sequence[Wanted]]] = {}

    async def of(self, tx: Tx, record: SchoolRecord) -> Sequence[Wanted]:
        """Return every room a school wants today, spaces before what hangs in them."""
        day = record.day(tx.now)
        state = (record.wanted, day, record.language)
        derived = self._derived.get(record.id)
        if derived is not None and derived[0] == state:
            return derived[1]
        school = await schools.load(tx, record.id)
        mxids = await accounts.by_person(tx)
        let_in = await openings.holding(tx, record.id)
        found = []
        known = await rooms.of_school(tx, record.id)
        made = [key for key, room in known.items() if room.room_id]
        for room in (*layout(school, day), *left_over(school, made)):
            of_class = school.classes.get(room.class_id)
            # Whoever is let in for a while has no power there, unless they have it anyway.
            members = dict.fromkeys(admitted(let_in, room.key), MEMBER) | {
                mxid: power
                for person_id, power in sorted(room.members.items())
                for mxid in mxids.get(person_id, ())
            }
            name = self._name_of(room.kind, of_class, school.name, record.language)
            found.append(Wanted(room, name, members))
        self._derived[record.id] = (state, found)
        return found
