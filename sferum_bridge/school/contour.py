"""The closed contour: who may reach whom, decided once for the bridge and the homeserver alike.

The bridge derives `Facts` from the school (no names, no birthdays: only Matrix ids and opaque group
keys) and pushes them to the homeserver extension in numbered generations. Both sides ask the same
pure functions, so they cannot come to disagree (S-44, I-7).

A *group* is a key such as `class/17/parents` or `school/3/staff`: everyone who holds that role
there for some reason. Whoever is in a living group is *educational*; `service` is the bridge's bot;
a *ghost* is an account the bridge plays for a Sferum user; everybody else, on this server or
another, is an *outsider*. Outsiders among themselves are none of our business.

Rooms come in two kinds. A *school room* stands in the facts: it admits the groups of its audience
and nobody else. Any other room is somebody's own: `company` is who is in it or invited, and there
everybody must be allowed to meet everybody (`may_meet`), so no room brings a stranger near a child
by way of a third person.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property
from typing import TYPE_CHECKING

from sferum_bridge.school import rights, standing
from sferum_bridge.school.attachments import Policies
from sferum_bridge.school.standing import Standing, Standings, touches

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

NO_GROUPS: frozenset[str] = frozenset()
DIRECT = 2
"""People in a direct chat. Whoever is no host (`rights.HOSTS`) brings no third person in."""


class Action(StrEnum):
    """What somebody wants to do to a room."""

    INVITE = "invite"
    JOIN = "join"
    KNOCK = "knock"


class Side(StrEnum):
    """On which side of the wall an account is."""

    SERVICE = "service"
    GHOST = "ghost"
    EDUCATIONAL = "educational"
    OUTSIDER = "outsider"


class Reason(StrEnum):
    """Why a decision fell as it did; stable text for logs and tests, never shown to people."""

    NOT_OURS = "not_ours"
    SERVICE = "service"
    SELF = "self"
    MEMBER = "member"
    GHOST = "ghost"
    KIN = "kin"
    RIGHT = "right"
    SHARED_ROOM = "shared_room"
    SHOWN = "shown"
    NOT_INVITER = "not_inviter"
    NO_KNOCK = "no_knock"
    NOT_HOST = "not_host"
    NO_RIGHT = "no_right"
    COMPANY = "company"
    OUTSIDE = "outside"
    REMOTE = "remote"
    SHAPE = "shape"
    NO_FACTS = "no_facts"


@dataclass(frozen=True, slots=True)
class Decision:
    """The outcome of one question, and the reason for the log. True where it is allowed."""

    allowed: bool
    reason: Reason

    def __bool__(self) -> bool:
        """Tell whether it is allowed."""
        return self.allowed


# A decision is asked for at every event, so they are made once.
_YES = {reason: Decision(allowed=True, reason=reason) for reason in Reason}
_NO = {reason: Decision(allowed=False, reason=reason) for reason in Reason}


def _yes(reason: Reason) -> Decision:
    return _YES[reason]


def _no(reason: Reason) -> Decision:
    return _NO[reason]


# Those of ordinary people, without even looking them up.
_SELF, _KIN, _RIGHT = _yes(Reason.SELF), _yes(Reason.KIN), _yes(Reason.RIGHT)
_MEMBER, _SHARED = _yes(Reason.MEMBER), _yes(Reason.SHARED_ROOM)
_NO_RIGHT, _OUTSIDE = _no(Reason.NO_RIGHT), _no(Reason.OUTSIDE)
_EDUCATIONAL = Side.EDUCATIONAL


@dataclass(frozen=True, slots=True)
class RoomFact:
    """What the contour knows of a school room."""

    school: str
    kind: str
    """`layout.Kind` as text; the contour treats it as opaque."""
    audience: frozenset[str]
    """Groups whose people belong here."""
    linked: bool = False
    """Whether a Sferum chat is linked, so that ghosts belong here too."""


@dataclass(frozen=True, slots=True)
class SchoolFact:
    """What the contour knows of a school."""

    classes: frozenset[str] = frozenset()
    """Ids of its classes: the second part of their groups' keys."""
    contacts: Mapping[str, str] = field(default_factory=dict)
    """Changes to the rights table, see `rights.changed`."""
    files: Policies = field(default_factory=Policies)
    """Which files may be shown in its rooms (S-13)."""


@dataclass(frozen=True)
class Facts:
    """One generation of everything the contour decides by."""

    generation: int = 0
    service: frozenset[str] = frozenset()
    """Matrix ids of the bridge's own bot: may do everything the bridge wants done."""
    ghost_prefix: str = ""
    """`@sferum_`: local accounts that the bridge plays for Sferum users; empty means none."""
    people: Mapping[str, frozenset[str]] = field(default_factory=dict)
    """Matrix id → groups. A Matrix id that is not here is an outsider."""
    rooms: Mapping[str, RoomFact] = field(default_factory=dict)
    """Room id → fact. A room that is not here is no school room."""
    kin: Mapping[str, frozenset[str]] = field(default_factory=dict)
    """Matrix id of a child → those of the confirmed parents."""
    schools: Mapping[str, SchoolFact] = field(default_factory=dict)
    """School id → fact."""

    def side(self, user: str) -> Side:
        """Tell on which side of the wall an account is."""
        if self.standings[self.people.get(user, NO_GROUPS)].is_educational:
            return _EDUCATIONAL
        return self.other_side(user)

    def other_side(self, user: str) -> Side:
        """Tell the same of somebody who is known not to be educational."""
        if user in self.service:
            return Side.SERVICE
        if (
            self.ghost_prefix
            and user.startswith(self.ghost_prefix)
            # Another server may have people of such names.
            and user.partition(":")[2] in self.domains
        ):
            return Side.GHOST
        return Side.OUTSIDER

    def belongs(self, user: str, room: RoomFact) -> bool:
        """Tell whether a school room admits somebody by role."""
        return not room.audience.isdisjoint(self.people.get(user, NO_GROUPS))

    # What follows is derived once a generation; `prepare` does it where nobody waits.

    @cached_property
    def domains(self) -> frozenset[str]:
        """The server of the bot, which is that of the ghosts."""
        return frozenset(user.partition(":")[2] for user in self.service)

    @cached_property
    def former(self) -> frozenset[str]:
        """The groups of those who are of a school no more."""
        return frozenset(f"school/{school}/{rights.FORMER}" for school in self.schools)

    @cached_property
    def writers(self) -> Mapping[str, frozenset[str]]:
        """Group → the groups whose people may write to its people first."""
        return standing.writers(self.schools)

    @cached_property
    def together(self) -> Mapping[str, frozenset[str]]:
        """Group → the groups with which it shares a school room."""
        return standing.together(self.rooms)

    @cached_property
    def schools_of(self) -> Mapping[str, str]:
        """Group → the school it is of."""
        return standing.schools_of(self.schools)

    @cached_property
    def staffs(self) -> Mapping[str, frozenset[str]]:
        """The group of a school's staff → all groups of that school."""
        return standing.staffs(self.schools_of)

    @cached_property
    def standings(self) -> Standings:
        """Groups → what follows from holding them."""
        return Standings(self.former, self.writers, self.together, self.staffs)

    def inherit(self, earlier: Facts) -> Facts:
        """Take over what an earlier generation has derived from parts that are the same objects.

        Else one pupil's move would cost what the whole town costs. Returns itself.
        """
        derived: list[str] = []
        if self.service is earlier.service:
            derived += ["domains"]
        if self.schools is earlier.schools:
            derived += ["former", "writers", "schools_of", "staffs"]
        if self.rooms is earlier.rooms:
            derived += ["together"]
            if self.schools is earlier.schools:
                derived += ["standings"]
        self.__dict__.update(
            (name, earlier.__dict__[name]) for name in derived if name in earlier.__dict__
        )
        return self

    def prepare(self) -> Facts:
        """Derive everything now, so that the first decision need not; returns itself."""
        _ = self.domains, self.former
        _ = self.writers, self.together, self.schools_of, self.staffs
        if "standings" not in self.__dict__:
            standings = self.standings
            for groups in self.people.values():
                _ = standings[groups]
        return self


# --- people -----------------------------------------------------------------------------------


def may_contact(actor: str, target: str, facts: Facts) -> Decision:
    """Decide whether `actor` may start a conversation with `target` (requirements §2.2)."""
    if actor == target:
        return _SELF
    return _contact(_who(actor, facts), _who(target, facts), facts)


def may_meet(one: str, other: str, facts: Facts) -> Decision:
    """Decide whether two may be in one conversation, whoever of them began it."""
    if one == other:
        return _SELF
    return _meet(_who(one, facts), _who(other, facts), facts)


def may_see(actor: str, target: str, facts: Facts) -> Decision:
    """Decide whether `actor` may see that `target` exists, its name, picture and devices.

    That is whom one may meet, and with whom one shares a school room, which shows them anyway.
    """
    if actor == target:
        return _SELF
    return _see(_who(actor, facts), _who(target, facts), facts)


def may_find(actor: str, target: str, facts: Facts) -> Decision:
    """Decide whether a search of people shows `target` to `actor`: whom one may write to."""
    who = _who(actor, facts)
    if who[1] is Side.SERVICE:
        return _yes(Reason.SERVICE)
    return _SELF if actor == target else _contact(who, _who(target, facts), facts)


def may_read_media(reader: str, owner: str, facts: Facts) -> Decision:
    """Decide whether `reader` may open a file that `owner` uploaded.

    What the staff put up is for the whole school; what a pupil or a parent put up is for those who
    may see them, and for the staff. It stays the school's when its owner leaves. What the bridge
    and its ghosts put up is for whom it was shown to (`Reason.SHOWN`), which the facts do not know;
    of that, what the bot put up for whoever is of no school, too: they may have left with an export
    of their own, or be about to come.
    """
    if reader == owner:
        return _SELF
    who, whose = _who(reader, facts), _who(owner, facts)
    _, mine, my_standing = who
    _, theirs, standing_of_owner = whose
    owned = standing_of_owner.groups
    if mine is not _EDUCATIONAL or theirs is not _EDUCATIONAL:
        if mine is Side.SERVICE or mine is Side.GHOST:
            return _yes(Reason.SERVICE)
        known = bool(owned) or owner in facts.people
        if mine is Side.OUTSIDER:
            if theirs is Side.SERVICE:
                return _no(Reason.SHOWN)
            is_outsiders = theirs is Side.OUTSIDER and not known
            return _yes(Reason.NOT_OURS) if is_outsiders else _OUTSIDE
        if not known:
            return _OUTSIDE if theirs is Side.OUTSIDER else _no(Reason.SHOWN)
    if touches(owned, my_standing.staff_of) or touches(
        my_standing.groups, standing_of_owner.staff_of
    ):
        return _RIGHT
    if not standing_of_owner.is_educational and _share_a_school(my_standing.groups, owned, facts):
        return _SHARED
    return _see(who, whose, facts)


# Whoever is asked about, looked up once.
_Who = tuple[str, Side, Standing]


def _who(user: str, facts: Facts) -> _Who:
    found = facts.standings[facts.people.get(user, NO_GROUPS)]
    return user, _EDUCATIONAL if found.is_educational else facts.other_side(user), found


def _contact(actor: _Who, target: _Who, facts: Facts) -> Decision:
    """Decide about two different accounts."""
    writer, mine, my_standing = actor
    reader, theirs, standing_of_target = target
    if mine is _EDUCATIONAL and theirs is _EDUCATIONAL:
        kin = facts.kin
        if reader in kin.get(writer, NO_GROUPS) or writer in kin.get(reader, NO_GROUPS):
            return _KIN
        return _RIGHT if touches(my_standing.groups, standing_of_target.writers) else _NO_RIGHT
    if mine is Side.SERVICE or theirs is Side.SERVICE:
        return _yes(Reason.SERVICE)
    if mine is Side.OUTSIDER and theirs is Side.OUTSIDER:
        return _yes(Reason.NOT_OURS)
    return _OUTSIDE


def _meet(one: _Who, other: _Who, facts: Facts) -> Decision:
    there = _contact(one, other, facts)
    # Rights go one way; everything else that was asked holds both ways.
    if there is _NO_RIGHT and touches(other[2].groups, one[2].writers):
        return _RIGHT
    return there


def _see(actor: _Who, target: _Who, facts: Facts) -> Decision:
    met = _meet(actor, target, facts)
    if met.allowed:
        return met
    mine, theirs = actor[1], target[1]
    if mine is theirs is _EDUCATIONAL:
        return _SHARED if touches(target[2].groups, actor[2].together) else met
    if theirs is Side.GHOST and (mine is Side.GHOST or mine is _EDUCATIONAL):
        return _yes(Reason.GHOST)
    return met


def _share_a_school(some: Iterable[str], others: Iterable[str], facts: Facts) -> bool:
    schools = {facts.schools_of[group] for group in some if group in facts.schools_of}
    return any(facts.schools_of.get(group) in schools for group in others)


# --- rooms ------------------------------------------------------------------------------------


def decide(
    action: Action,
    actor: str,
    target: str,
    room_id: str,
    facts: Facts,
    *,
    company: Collection[str] = (),
) -> Decision:
    """Decide whether `actor` may bring `target` into a room (`target` is the actor for a join).

    `company`: who is in the room or invited to it; needed for rooms that are no school rooms.
    """
    room = facts.rooms.get(room_id)
    if room is None:
        return _own_room(action, actor, target, facts, company)
    return _school_room(action, actor, target, room, facts)


def may_be_in(user: str, room_id: str, facts: Facts) -> bool:
    """Tell whether a school room admits somebody; true for every room that is none."""
    room = facts.rooms.get(room_id)
    return room is None or _school_room(Action.JOIN, user, user, room, facts).allowed


def may_create(actor: str, invited: Collection[str], facts: Facts) -> Decision:
    """Decide whether somebody may make a room with these people in it, all or nothing."""
    company: list[str] = [actor]
    for target in invited:
        decision = _own_room(Action.INVITE, actor, target, facts, company)
        if not decision.allowed:
            return decision
        company.append(target)
    return _yes(Reason.RIGHT)


def _school_room(action: Action, actor: str, target: str, room: RoomFact, facts: Facts) -> Decision:
    if target in facts.service:
        return _yes(Reason.SERVICE)
    if action is Action.KNOCK:
        return _no(Reason.NO_KNOCK)
    if action is Action.INVITE and actor not in facts.service:
        return _no(Reason.NOT_INVITER)
    _, side, found = _who(target, facts)
    if side is Side.GHOST:
        return Decision(allowed=room.linked, reason=Reason.GHOST)
    return _OUTSIDE if room.audience.isdisjoint(found.groups) else _MEMBER


def _own_room(
    action: Action, actor: str, target: str, facts: Facts, company: Collection[str]
) -> Decision:
    service = facts.service
    if target in service:
        return _yes(Reason.SERVICE)
    who = _who(target, facts)
    others = [_who(user, facts) for user in company if user not in service and user != target]
    if who[1] is Side.GHOST or any(other[1] is Side.GHOST for other in others):
        # Ghosts live in linked rooms, which are school rooms.
        return _no(Reason.GHOST)
    if action is Action.KNOCK and who[1] is _EDUCATIONAL:
        return _no(Reason.NO_KNOCK)
    if action is Action.INVITE:
        allowed = may_contact(actor, target, facts)
        if not allowed.allowed:
            return allowed
        crowd = len({actor, *(other[0] for other in others)} - service) >= DIRECT
        if crowd and facts.side(actor) is _EDUCATIONAL and not _is_host(actor, facts):
            return _no(Reason.NOT_HOST)
    for other in others:
        met = _meet(who, other, facts)
        if not met.allowed:
            return _no(Reason.OUTSIDE if met.reason is Reason.OUTSIDE else Reason.COMPANY)
    return _RIGHT if who[1] is _EDUCATIONAL else _yes(Reason.NOT_OURS)


def roles_of(user: str, facts: Facts) -> set[str]:
    """Return the roles somebody holds anywhere: the last parts of the groups' keys."""
    return {group.rpartition("/")[2] for group in facts.people.get(user, NO_GROUPS)}


def _is_host(user: str, facts: Facts) -> bool:
    return not rights.HOSTS.isdisjoint(roles_of(user, facts))
