"""What a roster would change: a pure comparison with what is stored (§4.3, scenario 38).

People are recognised by `matching`. Nobody is ended for being absent: absent people are listed as
`missing`. Somebody who is named, and no longer with a tie that the store has, loses that tie.
People about whom somebody has to decide first (`matching.Doubt`) are left exactly as they are. When
a plan was applied, a second one from the same file is empty.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from datetime import date, timedelta
from typing import TYPE_CHECKING, TypeVar

from sferum_bridge.roster import leaving
from sferum_bridge.roster.changes import changes
from sferum_bridge.roster.matching import Doubt, Namesake, matching
from sferum_bridge.roster.plan import (
    ClassKey,
    Ended,
    Missing,
    NewAppointment,
    NewEnrolment,
    NewExpectedParent,
    NewLeadership,
    NewTeaching,
    Plan,
    Recognised,
    Redated,
    terms_of,
)
from sferum_bridge.school import classes, staffing
from sferum_bridge.school.people import Appointment, Enrolment, Leadership, Post, Teaching, Term

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterable, Mapping, Sequence

    from sferum_bridge.roster.matching import Decisions, Known
    from sferum_bridge.roster.model import Roster, RosterGuardian, RosterKey, RosterPerson
    from sferum_bridge.roster.plan import NewAssignment, StoredAssignment
    from sferum_bridge.school.people import ExpectedParent

New = TypeVar("New", NewEnrolment, NewAppointment, NewLeadership, NewTeaching)


def make_plan(
    roster: Roster,
    known: Known,
    today: date,
    *,
    full: bool | None = None,
    decisions: Decisions | None = None,
    end_missing: bool = False,
) -> Plan:
    """Compare a roster with what is stored.

    Args:
        roster: what a file says, see `reader.read`.
        known: what is stored of this one school.
        today: the day in the school's zone; what ends without a date ends the day before.
        full: whether the file names everybody, so that the absent can be told as missing; what the
            roster itself says where it is not given.
        decisions: who those are whom nothing but a name tells, see `matching`.
        end_missing: whether the missing end, as if the file said that they left.
    """
    if full is not None:
        roster = replace(roster, full=full)
    return _Planner(roster, known, today, decisions).plan(end_missing=end_missing)


class _Planner:
    """Compares one roster with one school."""

    def __init__(
        self, roster: Roster, known: Known, today: date, decisions: Decisions | None
    ) -> None:
        self._roster = roster
        self._known = known
        self._school = known.school
        self._today = today
        self._matching = matching(roster, known, decisions)
        self._ids = self._matching.person_ids
        self._years = {each.name: each.year for each in roster.classes}
        self._class_keys = {
            id_: ClassKey(each.name, each.year) for id_, each in known.school.classes.items()
        }
        self._to_end: list[Ended] = []
        self._to_redate: list[Redated] = []
        self._held = self._matching.held
        self._in_closed = self._of_closed_classes()
        self._held |= {each.key for each in self._in_closed}

    def plan(self, *, end_missing: bool) -> Plan:
        """Return the whole plan."""
        enrolments = self._enrolments()
        appointments = self._appointments()
        leaderships = self._leaderships()
        teachings = self._teachings()
        ties: list[NewAssignment] = [*enrolments, *appointments, *leaderships, *teachings]
        live = {tie.person for tie in ties if not self._is_over(tie.until)}
        present = (set(self._ids) | live) - self._matching.held
        guardians = self._present_guardians(present)
        fresh = self._new_people(live | {tie.parent for tie in guardians})
        pupils = self._stored_ids(tie.person for tie in enrolments)
        # A list of changes takes nothing from anybody by its silence; but a pupil is in one class.
        staff = self._stored_ids(tie.person for tie in appointments if self._roster.full)
        stored_classes = set(self._class_keys.values())
        posts_to_add = self._compare(appointments, self._school.appointments, staff)
        missing = self._missing() if self._roster.full else ()
        gone = self._leaving(missing if end_missing else ())
        changed, corrected = changes(self._roster, self._known, self._ids)
        kept_in_office = self._keep_administrators(posts_to_add)
        return Plan(
            recognised=tuple(Recognised(key, id_) for key, id_ in self._ids.items()),
            classes_to_add=tuple(
                each
                for each in self._roster.classes
                if ClassKey(each.name, each.year) not in stored_classes
            ),
            people_to_add=fresh,
            people_to_change=changed,
            enrolments_to_add=self._compare(enrolments, self._school.enrolments, pupils),
            appointments_to_add=posts_to_add,
            leaderships_to_add=self._compare(leaderships, self._school.leaderships, staff),
            teachings_to_add=self._compare(teachings, self._school.teachings, staff),
            expected_parents_to_add=self._expected_to_add(guardians),
            expected_parents_to_end=self._expected_to_end(guardians, gone),
            to_end=tuple({ended.assignment: ended for ended in self._to_end}.values()),
            to_redate=self._redated(),
            missing=missing,
            conflicts=(*self._matching.doubts, *self._in_closed, *kept_in_office),
            corrected=corrected,
        )

    # --- people -----------------------------------------------------------------------------

    def _new_people(self, needed: set[RosterKey]) -> tuple[RosterPerson, ...]:
        """Return who is not stored yet; whoever only ever left is not worth storing."""
        return tuple(
            person
            for person in self._roster.people
            if person.key in needed and person.key not in self._ids
        )

    def _missing(self) -> tuple[Missing, ...]:
        doubtful = {id_ for doubt in self._matching.doubts for id_ in doubt.candidates}
        present = {*self._ids.values(), *doubtful}
        return leaving.missing(self._school, present, self._roster.tells_of, self._today)

    def _leaving(self, absent: Sequence[Missing]) -> set[ExpectedParent]:
        """Note which assignments end for who leaves; return who is not expected any more."""
        ids = dict(self._ids)
        for key in self._roster.endings.people:
            stored = self._known.external_ids.get(key.external_id)
            if stored is not None:
                ids.setdefault(key, stored)
        named = leaving.of_endings(self._roster, self._school, ids, self._today)
        unnamed = leaving.of_missing(self._school, absent, self._today)
        self._to_end += [*named[0], *unnamed[0]]
        return named[1] | unnamed[1]

    # --- assignments ------------------------------------------------------------------------

    def _enrolments(self) -> list[NewEnrolment]:
        found = []
        for tie in self._roster.enrolments:
            left = None if tie.status.enrolled else self._today - timedelta(days=1)
            key = self._class_key(tie.class_name)
            found.append(NewEnrolment(tie.person, key, tie.since, tie.until or left))
        return self._decided(found)

    def _appointments(self) -> list[NewAppointment]:
        return self._decided(
            NewAppointment(tie.person, tie.post, tie.since, tie.until)
            for tie in self._roster.appointments
        )

    def _leaderships(self) -> list[NewLeadership]:
        return self._decided(
            NewLeadership(tie.person, self._class_key(tie.class_name), tie.since, tie.until)
            for tie in self._roster.leaderships
        )

    def _teachings(self) -> list[NewTeaching]:
        return self._decided(
            NewTeaching(
                tie.person, self._class_key(tie.class_name), tie.subject, tie.since, tie.until
            )
            for tie in self._roster.teachings
        )

    def _decided(self, ties: Iterable[New]) -> list[New]:
        return [tie for tie in ties if tie.person not in self._held]

    def _of_closed_classes(self) -> tuple[Namesake, ...]:
        """Return whom the file has in a class that is closed, as a list of a past year does."""
        closed = {self._class_keys[c.id] for c in self._school.classes.values() if c.closed_on}
        if not closed:
            return ()
        ties: list[NewEnrolment | NewLeadership | NewTeaching]
        ties = [*self._enrolments(), *self._leaderships(), *self._teachings()]
        people = dict.fromkeys(
            tie.person
            for tie in ties
            if tie.school_class in closed and not self._is_over(tie.until)
        )
        return tuple(
            Namesake(key, Doubt.CLOSED_CLASS, (self._ids[key],) if key in self._ids else ())
            for key in people
        )

    def _compare(
        self, wanted: Iterable[New], stored: Sequence[StoredAssignment], named: set[str]
    ) -> tuple[New, ...]:
        """Return what to add; what to end goes to `_to_end`, for the people `named` only."""
        asked: dict[Hashable, list[New]] = defaultdict(list)
        for new in dict.fromkeys(wanted):
            asked[self._ids.get(new.person), _object(new)].append(new)
        held: set[New] = set()
        yesterday = self._today - timedelta(days=1)
        for tie in stored:
            if self._is_over(tie.term.until):
                continue
            meant = self._meant(tie.term, asked.get((tie.person_id, self._stored_object(tie)), ()))
            if meant is not None:
                term = self._told(tie, meant)
                if meant.until not in (None, tie.term.until) and term.since == tie.term.since:
                    self._to_end.append(Ended(tie, meant.until))
                elif term != tie.term and meant not in held:
                    self._to_redate.append(Redated(tie, term))
                held.add(meant)
            elif tie.person_id in named:
                self._to_end.append(Ended(tie, yesterday))
        return tuple(
            new
            for news in asked.values()
            for new in news
            if new not in held and not self._is_over(new.until)
        )

    def _meant(self, term: Term, asked: Sequence[New]) -> New | None:
        """Return which tie of the file a stored one is: who comes back to a class has two of it."""
        near = [new for new in asked if new.since == term.since or _overlap(term, new)]
        if not near and len(asked) == 1 and self._is_over(asked[0].until):
            return asked[0]
        return max(
            near, key=lambda new: (new.since == term.since, new.until == term.until), default=None
        )

    def _redated(self) -> tuple[Redated, ...]:
        ends = {ended.assignment for ended in self._to_end}
        return tuple(one for one in self._to_redate if one.assignment not in ends)

    def _told(self, tie: StoredAssignment, new: New) -> Term:
        """Return the days of a stored tie by the file, which may be silent about them."""
        kind, told = _KINDS[type(tie)], self._roster.days_told
        since, until = tie.term.since, tie.term.until
        is_ahead = max(since or date.min, new.since or date.min) > self._today
        if new.since is None:
            if is_ahead and f"{kind}.since" in told:
                since = None
        elif is_ahead or kind == "enrolment":
            # Of staff the store may know past days of single posts; a row has one for all.
            since = new.since
        if new.until is not None or f"{kind}.until" in told:
            until = new.until
        return Term(since, until)

    def _keep_administrators(self, added: Sequence[NewAppointment]) -> list[Namesake]:
        """Keep the administrators in office if the file would leave a day without one; tell whom.

        Whoever was made one at the console often stands in the file as a teacher.
        """
        terms = terms_of(self._to_end, self._to_redate)
        old = [replace(tie, term=terms.get(tie, tie.term)) for tie in self._school.appointments]
        new = [Appointment("", tie.post, Term(tie.since, tie.until)) for tie in added]
        left = replace(self._school, appointments=[*old, *new])
        if not staffing.loses_administrators(self._school, left, self._today):
            return []
        in_office = {
            tie for tie in terms if isinstance(tie, Appointment) and tie.post is Post.ADMINISTRATOR
        }
        self._to_end = [one for one in self._to_end if one.assignment not in in_office]
        self._to_redate = [one for one in self._to_redate if one.assignment not in in_office]
        kept = {tie.person_id for tie in in_office}
        return [
            Namesake(key, Doubt.LAST_ADMINISTRATOR, (id_,))
            for key, id_ in self._ids.items()
            if id_ in kept
        ]

    # --- expected parents -------------------------------------------------------------------

    def _present_guardians(self, present: set[RosterKey]) -> list[RosterGuardian]:
        held = self._matching.held
        return [
            tie for tie in self._roster.guardians if tie.child in present and tie.parent not in held
        ]

    def _expected_to_add(self, ties: Iterable[RosterGuardian]) -> tuple[NewExpectedParent, ...]:
        stored = {
            (tie.child_id, tie.parent_id): tie.access for tie in self._school.expected_parents
        }
        return tuple(
            NewExpectedParent(tie.child, tie.parent, tie.relation, tie.access, tie.ground)
            for tie in ties
            if stored.get((self._ids.get(tie.child, ""), self._ids.get(tie.parent, "")))
            is not tie.access
        )

    def _expected_to_end(
        self, ties: Iterable[RosterGuardian], gone: set[ExpectedParent]
    ) -> tuple[ExpectedParent, ...]:
        """Return the `gone`, and the ties a file that names both people no longer has."""
        named = set(self._ids.values()) if self._roster.full else set()
        wanted = {(self._ids.get(tie.child), self._ids.get(tie.parent)) for tie in ties}
        guardians = {parent for _, parent in wanted}
        return tuple(
            tie
            for tie in self._school.expected_parents
            if (
                tie.child_id in named
                and tie.parent_id in guardians
                and (tie.child_id, tie.parent_id) not in wanted
            )
            or (tie in gone and (tie.child_id, tie.parent_id) not in wanted)
        )

    # --- small things -----------------------------------------------------------------------

    def _is_over(self, until: date | None) -> bool:
        return until is not None and until < self._today

    def _stored_ids(self, keys: Iterable[RosterKey]) -> set[str]:
        return {self._ids[key] for key in keys if key in self._ids}

    def _class_key(self, name: str) -> ClassKey:
        return ClassKey(name, self._years[name])

    def _stored_object(self, tie: StoredAssignment) -> Hashable:
        """Return what a stored assignment is to: comparable with `_object`."""
        if isinstance(tie, Enrolment | Leadership):
            return self._class_keys[tie.class_id]
        if isinstance(tie, Teaching):
            return self._class_keys[tie.class_id], classes.key(tie.subject)
        return tie.post


_KINDS: Mapping[type[StoredAssignment], str] = {
    Enrolment: "enrolment",
    Appointment: "appointment",
    Leadership: "leadership",
    Teaching: "teaching",
}
"""What `Roster.days_told` calls them."""


def _overlap(term: Term, new: NewAssignment) -> bool:
    return (term.since or date.min) <= (new.until or date.max) and (new.since or date.min) <= (
        term.until or date.max
    )


def _object(tie: NewAssignment) -> Hashable:
    """Return what a new assignment is to, whoever has it."""
    if isinstance(tie, NewTeaching):
        return tie.school_class, classes.key(tie.subject)
    return tie.post if isinstance(tie, NewAppointment) else tie.school_class
