"""What a roster would change: a pure comparison with what is stored (§4.3, scenario 38).

People are recognised by `matching`. Nobody is ended for being absent: absent people are listed as
`missing`. Somebody who is named, and no longer with a tie that the store has, loses that tie.
People about whom somebody has to decide first (`matching.Doubt`) are left exactly as they are. When
a plan was applied, a second one from the same file is empty.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, TypeVar

from sferum_bridge.roster.matching import Contacts, Doubt, Namesake, matching
from sferum_bridge.roster.plan import (
    ClassKey,
    Corrected,
    Ended,
    Missing,
    NewAppointment,
    NewEnrolment,
    NewExpectedParent,
    NewLeadership,
    NewTeaching,
    Outcome,
    PersonChange,
    Plan,
    Recognised,
)
from sferum_bridge.school import classes, staffing
from sferum_bridge.school.people import Appointment, Enrolment, Leadership, Post, Teaching, Term

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterable, Mapping, Sequence
    from datetime import date

    from sferum_bridge.roster.matching import Known
    from sferum_bridge.roster.model import Roster, RosterGuardian, RosterKey, RosterPerson
    from sferum_bridge.roster.plan import NewAssignment, StoredAssignment
    from sferum_bridge.school.people import ExpectedParent, Person

New = TypeVar("New", NewEnrolment, NewAppointment, NewLeadership, NewTeaching)


def make_plan(roster: Roster, known: Known, today: date, *, full: bool = True) -> Plan:
    """Compare a roster with what is stored.

    Args:
        roster: what a file says, see `reader.read`.
        known: what is stored of this one school.
        today: the day in the school's zone; what ends without a date ends the day before.
        full: whether the file names everybody, so that the absent can be told as missing.
    """
    return _Planner(roster, known, today).plan(full=full)


class _Planner:
    """Compares one roster with one school."""

    def __init__(self, roster: Roster, known: Known, today: date) -> None:
        self._roster = roster
        self._known = known
        self._school = known.school
        self._today = today
        self._matching = matching(roster, known)
        self._ids = self._matching.person_ids
        self._years = {each.name: each.year for each in roster.classes}
        self._class_keys = {
            id_: ClassKey(each.name, each.year) for id_, each in known.school.classes.items()
        }
        self._to_end: list[Ended] = []
        self._corrected: list[Corrected] = []

    def plan(self, *, full: bool) -> Plan:
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
        staff = self._stored_ids(tie.person for tie in appointments)
        stored_classes = set(self._class_keys.values())
        posts_to_add = self._compare(appointments, self._school.appointments, staff)
        kept_in_office = self._keep_administrators(posts_to_add)
        return Plan(
            recognised=tuple(Recognised(key, id_) for key, id_ in self._ids.items()),
            classes_to_add=tuple(
                each
                for each in self._roster.classes
                if ClassKey(each.name, each.year) not in stored_classes
            ),
            people_to_add=fresh,
            people_to_change=self._changes(),
            enrolments_to_add=self._compare(enrolments, self._school.enrolments, pupils),
            appointments_to_add=posts_to_add,
            leaderships_to_add=self._compare(leaderships, self._school.leaderships, staff),
            teachings_to_add=self._compare(teachings, self._school.teachings, staff),
            expected_parents_to_add=self._expected_to_add(guardians),
            expected_parents_to_end=self._expected_to_end(guardians),
            to_end=tuple(self._to_end),
            missing=self._missing() if full else (),
            conflicts=(*self._matching.doubts, *kept_in_office),
            corrected=tuple(self._corrected),
        )

    # --- people -----------------------------------------------------------------------------

    def _new_people(self, needed: set[RosterKey]) -> tuple[RosterPerson, ...]:
        """Return who is not stored yet; whoever only ever left is not worth storing."""
        return tuple(
            person
            for person in self._roster.people
            if person.key in needed and person.key not in self._ids
        )

    def _changes(self) -> tuple[PersonChange, ...]:
        found = []
        for person in self._roster.people:
            stored = self._school.people.get(self._ids.get(person.key, ""))
            if stored is not None:
                change = self._change(person, stored)
                if change.changed:
                    found.append(change)
        return tuple(found)

    def _change(self, person: RosterPerson, stored: Person) -> PersonChange:
        """Compare one person. What the file is silent about stays; so does mere spelling.

        What a parent corrected stays while the file says what it said then (scenario 17).
        """
        ids = {person_id: id_ for id_, person_id in self._known.external_ids.items()}
        contacts = (self._known.contacts or {}).get(stored.id, Contacts())
        old: dict[str, object] = {
            "external_id": ids.get(stored.id, ""),
            "family_name": stored.family_name,
            "given_name": stored.given_name,
            "middle_name": stored.middle_name,
            "birth_date": stored.birth_date,
            "email": contacts.email,
            "phone": contacts.phone,
        }
        told = set(old) if self._known.contacts is not None else set(old) - {"email", "phone"}
        told -= self._kept_as_corrected(person, stored, {name: old[name] for name in told})
        new = {name: getattr(person, name) or value for name, value in old.items()}
        changed = frozenset(name for name in told if not _same(new[name], old[name]))
        kept = {name: new[name] if name in changed else value for name, value in old.items()}
        return PersonChange(person_id=stored.id, changed=changed, **kept)  # type: ignore[arg-type]  # each field has the type of its namesake above

    def _kept_as_corrected(
        self, person: RosterPerson, stored: Person, profile: Mapping[str, object]
    ) -> set[str]:
        """Return the corrected fields the file may not change; what comes of each is noted."""
        kept = set()
        for name, before in self._known.corrections.get(stored.id, {}).items():
            if name not in profile:
                continue
            listed, now = str(getattr(person, name) or ""), str(profile[name] or "")
            if listed == now:
                outcome = Outcome.AGREED
            elif not listed or _same(listed, before):
                outcome = Outcome.KEPT
                kept.add(name)
            else:
                outcome = Outcome.AGREED if _same(listed, now) else Outcome.OVERRULED
            full_name = stored.full_name
            self._corrected.append(Corrected(stored.id, full_name, name, listed, now, outcome))
        return kept

    def _missing(self) -> tuple[Missing, ...]:
        roles: dict[str, set[str]] = defaultdict(set)
        for role, ties in (
            ("pupil", self._school.enrolments),
            ("staff", self._school.appointments),
        ):
            for tie in ties:
                if not self._is_over(tie.term.until):
                    roles[tie.person_id].add(role)
        for expected in self._school.expected_parents:
            roles[expected.parent_id].add("guardian")
        doubtful = {id_ for doubt in self._matching.doubts for id_ in doubt.candidates}
        absent = set(roles) - set(self._ids.values()) - doubtful
        return tuple(Missing(id_, tuple(sorted(roles[id_]))) for id_ in sorted(absent))

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
        return [tie for tie in ties if tie.person not in self._matching.held]

    def _compare(
        self, wanted: Iterable[New], stored: Sequence[StoredAssignment], named: set[str]
    ) -> tuple[New, ...]:
        """Return what to add; what to end goes to `_to_end`, for the people `named` only."""
        still_open: dict[Hashable, list[StoredAssignment]] = defaultdict(list)
        for tie in stored:
            if not self._is_over(tie.term.until):
                still_open[tie.person_id, self._stored_object(tie)].append(tie)
        to_add = []
        for new in wanted:
            held = still_open.pop((self._ids.get(new.person), _object(new)), [])
            if not held and not self._is_over(new.until):
                to_add.append(new)
            if new.until is not None:
                self._to_end += [Ended(t, new.until) for t in held if t.term.until != new.until]
        yesterday = self._today - timedelta(days=1)
        self._to_end += [
            Ended(tie, yesterday)
            for ties in still_open.values()
            for tie in ties
            if tie.person_id in named
        ]
        return tuple(to_add)

    def _keep_administrators(self, added: Sequence[NewAppointment]) -> list[Namesake]:
        """Keep the administrators in office if the file would leave a day without one; tell whom.

        Whoever was made one at the console often stands in the file as a teacher.
        """
        ends = {ended.assignment: ended.until for ended in self._to_end}
        old = [
            replace(tie, term=Term(tie.term.since, ends.get(tie, tie.term.until)))
            for tie in self._school.appointments
        ]
        new = [Appointment("", tie.post, Term(tie.since, tie.until)) for tie in added]
        left = replace(self._school, appointments=[*old, *new])
        if not staffing.loses_administrators(self._school, left, self._today):
            return []
        in_office = {
            ended.assignment
            for ended in self._to_end
            if isinstance(ended.assignment, Appointment)
            and ended.assignment.post is Post.ADMINISTRATOR
        }
        self._to_end = [ended for ended in self._to_end if ended.assignment not in in_office]
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

    def _expected_to_end(self, ties: Iterable[RosterGuardian]) -> tuple[ExpectedParent, ...]:
        """Return stored ties the file no longer has although it names both people."""
        named = set(self._ids.values())
        wanted = {(self._ids.get(tie.child), self._ids.get(tie.parent)) for tie in ties}
        guardians = {parent for _, parent in wanted}
        return tuple(
            tie
            for tie in self._school.expected_parents
            if tie.child_id in named
            and tie.parent_id in guardians
            and (tie.child_id, tie.parent_id) not in wanted
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


def _object(tie: NewAssignment) -> Hashable:
    """Return what a new assignment is to, whoever has it."""
    if isinstance(tie, NewTeaching):
        return tie.school_class, classes.key(tie.subject)
    return tie.post if isinstance(tie, NewAppointment) else tie.school_class


def _same(one: object, other: object) -> bool:
    if isinstance(one, str) and isinstance(other, str):
        return classes.key(one) == classes.key(other)
    return one == other
