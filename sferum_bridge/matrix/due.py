"""What is still to be done about a room: what is wanted of it, less what is known to be so.

Pure. The sum of these over a school is the queue of what is to be made; it stands in the store as
what is wanted and what is known, so a crash loses none of it and nothing has to be taken out.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from sferum_bridge.matrix import shape

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from sferum_bridge.matrix.shape import Wanted
    from sferum_bridge.store.rooms import RoomRecord

FEW = 3
"""So many people missing in a room that is there: they are latecomers, and come before crowds."""


@dataclass(frozen=True, slots=True)
class House:
    """What is the same for all rooms of a homeserver."""

    bot: str
    version: str
    """Of rooms of which none is noted."""
    ghosts: str
    """What the Matrix ids of ghosts begin with; they come and go with their chats."""

    @property
    def domain(self) -> str:
        """Return the homeserver's name."""
        return self.bot.partition(":")[2]


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of a room, as the bridge left it."""

    record: RoomRecord | None
    """None or without a room id: not made yet."""
    members: Mapping[str, str]
    """Matrix id → `invite` or `join`."""
    staying_out: Mapping[str, str]
    space: str
    """The id of the space it is to hang in; empty for none, or none that is made."""


@dataclass(frozen=True, slots=True)
class Due:
    """What is to be done, by Matrix id and by kind of change."""

    create: bool
    leaders: Sequence[str]
    """Who is to come in with power in the room; they come before anybody loses it (scenario 33)."""
    others: Sequence[str]
    gone: Sequence[str]
    """Who is to go."""
    over: Collection[str]
    """Who stays out of the room, and belongs there no longer."""
    levels: bool
    lower: bool
    """Whether somebody has more power there than they should."""
    hang: bool
    """Whether it hangs in another space than it should, or in none."""
    rename: bool

    @property
    def steps(self) -> int:
        """Return how many steps it is: a room made, somebody in or out, a new name."""
        return self.create + len(self.absent) + len(self.gone) + self.rename

    @property
    def absent(self) -> Sequence[str]:
        """Return who is to come in, those with power first."""
        return [*self.leaders, *self.others]

    @property
    def fill(self) -> bool:
        """Tell whether anything but removals and a name is to be done."""
        return bool(self.create or self.absent or self.over or self.levels or self.hang)

    @property
    def revokes(self) -> bool:
        """Tell whether it takes anything from anybody, which no pause holds up."""
        return bool(self.gone) or self.lower

    @property
    def is_late(self) -> bool:
        """Tell whether a few are missing in a room that is there: who waits for it is a person."""
        return not self.create and 0 < len(self.absent) <= FEW


def due(one: Wanted, known: Known, house: House) -> Due:
    """Return what is to be done about a room.

    Somebody of another server who was invited has to accept; the bridge has nothing more to do.
    """
    record = known.record if known.record and known.record.room_id else None
    actual = record.actual if record else {}
    users: Mapping[str, int] = actual.get("users", {})
    absent = [
        mxid
        for mxid in one.members
        if mxid not in known.staying_out
        and known.members.get(mxid) != "join"
        and (mxid not in known.members or mxid.partition(":")[2] == house.domain)
    ]
    return Due(
        create=record is None,
        leaders=[mxid for mxid in absent if one.members[mxid]],
        others=[mxid for mxid in absent if not one.members[mxid]],
        gone=[
            mxid
            for mxid in known.members
            if mxid not in one.members and not mxid.startswith(house.ghosts)
        ],
        over=known.staying_out.keys() - one.members.keys(),
        levels=record is not None and _levels_differ(one, record, house),
        lower=any(power > one.members.get(mxid, 0) for mxid, power in users.items()),
        hang=record is not None and hangs_elsewhere(one, actual, known.space),
        rename=record is not None and actual.get("name") != one.name,
    )


def levels(one: Wanted, record: RoomRecord, house: House) -> dict[str, object]:
    """Return the power levels a room is to have. It keeps the version it was made in."""
    version = str(record.actual.get("version", house.version))
    return shape.power_levels(one.room.plan, one.moderators, bot=house.bot, version=version)


def lowered(one: Wanted, record: RoomRecord) -> Wanted:
    """Return a room in which nobody has more power than they should, nor more than they had."""
    given = record.actual.get("users", {})
    members = {mxid: min(power, given.get(mxid, 0)) for mxid, power in one.members.items()}
    return replace(one, members=members)


def hangs_elsewhere(one: Wanted, actual: Mapping[str, object], space: str) -> bool:
    """Tell whether a room hangs in another space than it should; `space` empty: in none yet."""
    is_settled = bool(space) or not one.room.parent
    return is_settled and actual.get("space", "") != space


def _levels_differ(one: Wanted, record: RoomRecord, house: House) -> bool:
    version = str(record.actual.get("version", house.version))
    last = shape.last_levels(one.room.plan, record.actual, bot=house.bot, version=version)
    return levels(one, record, house) != last
