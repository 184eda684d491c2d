"""Orders of the school: who works here from when to when, who leads a class, where a pupil is.

An order has a day and gives `Changes`: which assignments end, which never begin, which are new.
Access follows by itself, day by day (`access`); nothing has to be repeated when a date comes. Days
are the school's, both ends included (§2.2, §2.4).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

from sferum_bridge.school.people import (
    Appointment,
    Enrolment,
    Leadership,
    Post,
    Teaching,
    Term,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from sferum_bridge.school.people import School

Assignment: TypeAlias = Enrolment | Appointment | Leadership | Teaching
Tie = TypeVar("Tie", Enrolment, Appointment, Leadership, Teaching)

_DAY = timedelta(days=1)
_FAR = timedelta(days=366)


class Refusal(StrEnum):
    """Why an order is not carried out."""

    ALREADY = "already"
    """It is so already."""
    NOTHING = "nothing"
    """There is nothing that could end."""
    LAST_ADMINISTRATOR = "last-administrator"
    """On some day nobody would be left who could appoint another one."""
    NOT_LEADING = "not-leading"
    """Who is to hand the class over does not lead it."""
    BACKWARDS = "backwards"
    """The last day lies before the first."""


class Caution(StrEnum):
    """What whoever decides should know before they do."""

    UNLED = "unled"
    """A class with pupils has no class teacher from a day on; administrators stand in for one."""
    LED = "led"
    """A class has a class teacher already, and gets a further one."""
    NO_POST = "no-post"
    """A class teacher without a post is in the class's rooms, and not among the staff."""
    PUPIL = "pupil"
    """Somebody who studies here gets a post."""
    PAST = "past"
    FAR = "far"
    """More than a year ahead: perhaps the year was mistyped."""


class Refused(Exception):
    """An order that cannot be carried out; nothing of it is."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal)
        self.refusal = refusal


@dataclass(frozen=True, slots=True)
class Ending:
    """An assignment that has `until` for its last day from now on."""

    assignment: Assignment
    until: date


@dataclass(frozen=True, slots=True)
class Notice:
    """A caution, the class it is about (empty for none), and the day from which on."""

    caution: Caution
    class_id: str = ""
    day: date | None = None


@dataclass(frozen=True, slots=True)
class Changes:
    """What an order does."""

    ends: Sequence[Ending] = ()
    drops: Sequence[Assignment] = ()
    """Assignments that would have begun later, and never do."""
    begins: Sequence[Assignment] = ()
    notices: Sequence[Notice] = ()

    @property
    def over(self) -> Sequence[Assignment]:
        """Return what ends or never begins."""
        return [*(ending.assignment for ending in self.ends), *self.drops]


class Act(StrEnum):
    """The kinds of orders."""

    APPOINT = "appoint"
    LEAD = "lead"
    DISMISS = "dismiss"
    HAND_OVER = "hand-over"
    TRANSFER = "transfer"


@dataclass(frozen=True, slots=True)
class Order:
    """One order, as it is asked about before it is carried out."""

    act: Act
    person_id: str
    """Whom it is about; of a class that is handed over, who gets it."""
    day: date
    """The first day of what is new; of a dismissal the last."""
    until: date | None = None
    post: Post | None = None
    """Of a dismissal: the one post to end; without it and `class_id` everything ends."""
    class_id: str = ""
    """Of a transfer: the new class, empty for out of the school."""
    from_id: str = ""
    """Of a class that is handed over: who gives it away."""

    def kept(self) -> dict[str, str]:
        """Return the order as plain texts, to be kept until it is confirmed; see `restored`."""
        return {
            "act": self.act.value,
            "person_id": self.person_id,
            "day": self.day.isoformat(),
            "until": self.until.isoformat() if self.until else "",
            "post": self.post.value if self.post else "",
            "class_id": self.class_id,
            "from_id": self.from_id,
        }


def restored(kept: Mapping[str, str]) -> Order:
    """Return the order that `Order.kept` gave."""
    return Order(
        Act(kept["act"]),
        kept["person_id"],
        date.fromisoformat(kept["day"]),
        date.fromisoformat(kept["until"]) if kept["until"] else None,
        Post(kept["post"]) if kept["post"] else None,
        kept["class_id"],
        kept["from_id"],
    )


# --- the orders -----------------------------------------------------------------------------


def decide(school: School, order: Order, today: date) -> Changes:
    """Return what an order does, with everything to say about it; raises `Refused`."""
    match order.act:
        case Act.APPOINT:
            changes = appoint(
                school, order.person_id, order.post or Post.STAFF, order.day, order.until
            )
        case Act.LEAD:
            changes = lead(school, order.person_id, order.class_id, order.day, order.until)
        case Act.DISMISS:
            which: dict[str, Any] = {"post": order.post, "class_id": order.class_id}
            changes = dismiss(school, order.person_id, order.day, today, **which)
        case Act.HAND_OVER:
            changes = hand_over(school, order.class_id, order.from_id, order.person_id, order.day)
        case Act.TRANSFER:
            changes = transfer(school, order.person_id, order.class_id or None, order.day)
    days = [day for day in (order.day, order.until) if day is not None]
    dates = [Notice(Caution.PAST, day=day) for day in days if day < today]
    dates += [Notice(Caution.FAR, day=day) for day in days if day > today + _FAR]
    return replace(changes, notices=[*changes.notices, *dates])


def appoint(
    school: School, person_id: str, post: Post, since: date, until: date | None = None
) -> Changes:
    """Give somebody a post; raises `Refused`."""
    new = Appointment(person_id, post, Term(since, until))
    held = [a for a in school.appointments if (a.person_id, a.post) == (person_id, post)]
    _refuse_idle(new, held)
    studies = any(e.person_id == person_id and e.term.covers(since) for e in school.enrolments)
    return Changes(begins=[new], notices=[Notice(Caution.PUPIL)] if studies else [])


def lead(
    school: School, person_id: str, class_id: str, since: date, until: date | None = None
) -> Changes:
    """Make somebody a class teacher, beside those there are (§2.2); raises `Refused`."""
    new = Leadership(person_id, class_id, Term(since, until))
    _refuse_idle(new, _led_by(school, class_id, person_id))
    notices = _without_post(school, person_id, since)
    if _is_led(school, class_id, since):
        notices.append(Notice(Caution.LED, class_id, since))
    return Changes(begins=[new], notices=notices)


def dismiss(
    school: School,
    person_id: str,
    last_day: date,
    today: date,
    *,
    post: Post | None = None,
    class_id: str = "",
) -> Changes:
    """End what somebody does for the school; what they are as a parent or pupil stays (S-56).

    All of it; with `post` that post alone, with `class_id` leading that class. Raises `Refused`:
    the last administrator may not go.
    """
    work: Sequence[Assignment]
    if post is not None:
        work = [tie for tie in school.appointments if tie.post is post]
    elif class_id:
        work = [tie for tie in school.leaderships if tie.class_id == class_id]
    else:
        work = [*school.appointments, *school.leaderships, *school.teachings]
    changes = cut([tie for tie in work if tie.person_id == person_id], last_day)
    if not changes.over:
        raise Refused(Refusal.NOTHING)
    left = after(school, changes)
    # Nobody is left on a past day either, and that cannot be helped any more.
    if loses_administrators(school, left, max(last_day + _DAY, today)):
        raise Refused(Refusal.LAST_ADMINISTRATOR)
    notices = _unled(school, left, changes, last_day + _DAY)
    leads = any(
        tie.person_id == person_id and tie.term.covers(last_day + _DAY) for tie in left.leaderships
    )
    if leads and any(isinstance(tie, Appointment) for tie in changes.over):
        notices += _without_post(left, person_id, last_day + _DAY)
    return replace(changes, notices=notices)


def hand_over(school: School, class_id: str, from_id: str, to_id: str, day: date) -> Changes:
    """Hand a class over: one's last day is the day before `day`, the other's first is `day`.

    So there is neither a gap nor a day on which both lead it; other class teachers stay. Raises
    `Refused`.
    """
    if from_id == to_id:
        raise Refused(Refusal.ALREADY)
    given = cut(_led_by(school, class_id, from_id), day - _DAY)
    if not given.over:
        raise Refused(Refusal.NOT_LEADING)
    new = Leadership(to_id, class_id, Term(day, _last_day(given.over)))
    if any(_holds(tie.term, new.term) for tie in _led_by(school, class_id, to_id)):
        return given
    return replace(given, begins=[new], notices=_without_post(school, to_id, day))


def transfer(school: School, child_id: str, class_id: str | None, day: date) -> Changes:
    """Move a pupil to another class from `day` on; `None` means out of the school (scenario 36).

    The parents' rooms follow the child (scenario 34). Raises `Refused`.
    """
    ending = cut([e for e in school.enrolments if e.person_id == child_id], day - _DAY)
    if class_id is None:
        if not ending.over:
            raise Refused(Refusal.NOTHING)
        return ending
    new = Enrolment(child_id, class_id, Term(day, _last_day(ending.over)))
    held = [e for e in school.enrolments if (e.person_id, e.class_id) == (child_id, class_id)]
    elsewhere = [tie for tie in ending.over if tie not in held]
    if not elsewhere and any(_holds(tie.term, new.term) for tie in held):
        raise Refused(Refusal.ALREADY)
    return replace(ending, begins=[new])


# --- what follows ---------------------------------------------------------------------------


def after(school: School, changes: Changes) -> School:
    """Return the school as it is with the changes."""
    return replace(
        school,
        enrolments=_changed(school.enrolments, changes, Enrolment),
        appointments=_changed(school.appointments, changes, Appointment),
        leaderships=_changed(school.leaderships, changes, Leadership),
        teachings=_changed(school.teachings, changes, Teaching),
    )


def loses_administrators(before: School, left: School, first: date) -> bool:
    """Tell whether from `first` on there is a day that loses its last administrator.

    Then nobody could appoint another one.
    """
    return any(
        _is_administered(before, day) and not _is_administered(left, day)
        for day in _turns([*before.appointments, *left.appointments], first)
    )


def is_unled(school: School, class_id: str, day: date) -> bool:
    """Tell whether a class has pupils on a day, and no class teacher."""
    attended = any(e.class_id == class_id and e.term.covers(day) for e in school.enrolments)
    return attended and not _is_led(school, class_id, day)


def _unled(before: School, left: School, changes: Changes, first: date) -> list[Notice]:
    """Return the classes that lose their last class teacher, each with the day it does."""
    found = []
    led = {tie.class_id for tie in changes.over if isinstance(tie, Leadership)}
    for class_id in sorted(led):
        ties = [tie for tie in before.leaderships if tie.class_id == class_id]
        lost = [
            day
            for day in _turns(ties, first)
            if is_unled(left, class_id, day) and not is_unled(before, class_id, day)
        ]
        found += [Notice(Caution.UNLED, class_id, day) for day in lost[:1]]
    return found


def _turns(ties: Sequence[Assignment], first: date) -> Sequence[date]:
    """Return `first` and the later days on which one of the assignments begins or is over."""
    begins = {tie.term.since for tie in ties if tie.term.since is not None}
    over = {tie.term.until + _DAY for tie in ties if tie.term.until is not None}
    return sorted({first} | {day for day in begins | over if day > first})


def _changed(ties: Sequence[Tie], changes: Changes, kind: type[Tie]) -> Sequence[Tie]:
    ends = {ending.assignment: ending.until for ending in changes.ends}
    kept = [
        replace(tie, term=Term(tie.term.since, ends.get(tie, tie.term.until)))
        for tie in ties
        if tie not in changes.drops
    ]
    return kept + [new for new in changes.begins if isinstance(new, kind)]


def cut(ties: Iterable[Assignment], last_day: date) -> Changes:
    """End what holds longer than `last_day`, and drop what would begin later."""
    ends, drops = [], []
    for tie in ties:
        if tie.term.until is not None and tie.term.until <= last_day:
            continue
        if tie.term.since is not None and tie.term.since > last_day:
            drops.append(tie)
        else:
            ends.append(Ending(tie, last_day))
    return Changes(ends, drops)


def _last_day(ties: Sequence[Assignment]) -> date | None:
    """Return until when what is replaced would have held: the new one takes its place."""
    days = [tie.term.until for tie in ties]
    known = [day for day in days if day is not None]
    return max(known) if known and len(known) == len(days) else None


def _refuse_idle(new: Assignment, held: Sequence[Assignment]) -> None:
    since, until = new.term.since, new.term.until
    if since is not None and until is not None and until < since:
        raise Refused(Refusal.BACKWARDS)
    if any(_holds(tie.term, new.term) for tie in held):
        raise Refused(Refusal.ALREADY)


def _holds(held: Term, wanted: Term) -> bool:
    """Tell whether a term covers every day of another, which has a first one."""
    if wanted.since is None or not held.covers(wanted.since):
        return False
    return held.until is None or (wanted.until is not None and wanted.until <= held.until)


def _without_post(school: School, person_id: str, day: date) -> list[Notice]:
    posts = [a for a in school.appointments if a.person_id == person_id and a.term.covers(day)]
    return [] if posts else [Notice(Caution.NO_POST)]


def _led_by(school: School, class_id: str, person_id: str) -> Sequence[Leadership]:
    return [
        tie for tie in school.leaderships if (tie.class_id, tie.person_id) == (class_id, person_id)
    ]


def _is_led(school: School, class_id: str, day: date) -> bool:
    return any(tie.class_id == class_id and tie.term.covers(day) for tie in school.leaderships)


def _is_administered(school: School, day: date) -> bool:
    return any(
        tie.post is Post.ADMINISTRATOR and tie.term.covers(day) for tie in school.appointments
    )
