"""What one run over a school has to do, room by room, and in which order.

A plan is a value but for what the run itself fills in: the ids of rooms it makes, and what failed.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from sferum_bridge.matrix.due import FEW, Known, due, hangs_elsewhere
from sferum_bridge.matrix.progress import Stopped
from sferum_bridge.school.layout import Kind
from sferum_bridge.store import absences, rooms

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from sferum_bridge.matrix.due import Due, House
    from sferum_bridge.matrix.shape import Wanted
    from sferum_bridge.matrix.wishes import Wishes
    from sferum_bridge.store.database import Tx
    from sferum_bridge.store.rooms import RoomRecord
    from sferum_bridge.store.schools import SchoolRecord


@dataclass(frozen=True, slots=True)
class Plan:
    """What is wanted of a school, and what of it is to be done; both by the keys of rooms."""

    wanted: Sequence[Wanted]
    due: Mapping[str, Due]
    known: Mapping[str, RoomRecord]
    room_ids: dict[str, str]
    """Of the rooms there are, those just made included."""
    made: set[str] = field(default_factory=set)
    """Keys of those just made, in which nothing was changed since."""
    failures: list[BaseException] = field(default_factory=list)

    def waves(self) -> Sequence[tuple[Sequence[Wanted], Sequence[Wanted]]]:
        """Return what is made, and what is filled then: wave by wave.

        The school's own rooms are made first. Who waits for a parents' room comes before who is
        missing elsewhere, for nobody looks for another one first; and before that is made for the
        next, who waits for one that is there. Then come crowds: the school's own rooms, parents'
        rooms, and class by class. The last wave comes to rooms of classes made before as well,
        which may have come before their spaces.
        """
        own = [one for one in self.wanted if not one.room.class_id]
        of_classes = [one for one in self.wanted if one.room.class_id]
        late = self.where(lambda todo: todo.is_late)
        parents = [one for one in of_classes if self._is_awaited(one)]
        few = [one for one in parents if len(self.due[one.room.key].others) <= FEW]
        others = [one for one in of_classes if not self._is_awaited(one)]
        return (
            (own, ()),
            ((), few),
            (few, few),
            ((), late),
            ((), own),
            (parents, parents),
            (others, of_classes),
        )

    def layers(self, some: Sequence[Wanted]) -> Sequence[Sequence[Wanted]]:
        """Return rooms by how deep they hang, the deepest first.

        So a space is made when the rooms that hang in it are there, and begins with them: to hang
        them in one by one costs the homeserver a change of state for each.
        """
        parents = {one.room.key: one.room.parent for one in self.wanted}
        by_depth: dict[int, list[Wanted]] = {}
        for one in some:
            depth, above = 0, one.room.parent
            while above:
                depth, above = depth + 1, parents.get(above, "")
            by_depth.setdefault(depth, []).append(one)
        return [by_depth[depth] for depth in sorted(by_depth, reverse=True)]

    def hang_in(self, space: Wanted) -> Mapping[str, str]:
        """Return the rooms just made that hang in a space: key → room id."""
        return {
            one.room.key: self.room_ids[one.room.key]
            for one in self.wanted
            if one.room.parent == space.room.key and one.room.key in self.made
        }

    def _is_awaited(self, one: Wanted) -> bool:
        """Tell whether people wait for a room who came one by one.

        No roster makes a parent: each has confirmed by themselves, and looks for the room now.
        """
        return one.room.kind is Kind.PARENTS and bool(self.due[one.room.key].others)

    def to_fill(self, wave: Sequence[Wanted]) -> Sequence[Wanted]:
        """Return the rooms of a wave that are there and not as they should be."""
        keys = {one.room.key for one in wave}.intersection(self.room_ids)
        return [
            one
            for one in self.where(lambda _: True)
            if one.room.key in keys and (self.due[one.room.key].fill or self._hangs_nowhere(one))
        ]

    def _hangs_nowhere(self, one: Wanted) -> bool:
        """Tell whether the space of a room was made after it."""
        record, space = self.known.get(one.room.key), self.room_ids.get(one.room.parent, "")
        return bool(record and space and hangs_elsewhere(one, record.actual, space))

    def where(self, is_due: Callable[[Due], bool]) -> Sequence[Wanted]:
        """Return the rooms about which something is to be done; the gate has nobody in it."""
        people = (one for one in self.wanted if one.room.kind is not Kind.GATE)
        return [one for one in people if is_due(self.due[one.room.key])]

    def predecessor(self, one: Wanted) -> str:
        """Return the id of the room whose place one takes that is not made yet; empty for none."""
        record = self.known.get(one.room.key)
        return str(record.actual.get("predecessor", "")) if record else ""

    def failed(self, results: Sequence[object]) -> None:
        """Keep the exceptions among results. Raises `Stopped` where that is one of them."""
        if any(isinstance(each, Stopped) for each in results):
            raise Stopped
        self.failures.extend(each for each in results if isinstance(each, BaseException))

    def raise_failures(self) -> None:
        """Raise what failed, as a group, if anything did."""
        if self.failures:
            raise BaseExceptionGroup("rooms", self.failures)


async def read_plan(tx: Tx, wishes: Wishes, record: SchoolRecord, house: House) -> Plan:
    """Read what there is to do about a school, in one look at the store."""
    wanted = await wishes.of(tx, record)
    known = await rooms.of_school(tx, record.id)
    members = await rooms.members_of_school(tx, record.id)
    return make_plan(wanted, known, members, await absences.of_school(tx, record.id), house)


def make_plan(
    wanted: Sequence[Wanted],
    known: Mapping[str, RoomRecord],
    members: Mapping[str, Mapping[str, str]],
    staying_out: Mapping[str, Mapping[str, str]],
    house: House,
) -> Plan:
    """Compare a whole school; `members` and `staying_out` are by room id, then by Matrix id."""
    ids = {key: record.room_id for key, record in known.items() if record.room_id}
    todo = {}
    for one in wanted:
        room_id = ids.get(one.room.key, "")
        here = Known(
            record=known.get(one.room.key),
            members=members.get(room_id, {}),
            staying_out=staying_out.get(room_id, {}),
            space=ids.get(one.room.parent, ""),
        )
        todo[one.room.key] = due(one, here, house)
    return Plan(wanted, todo, known, ids)
