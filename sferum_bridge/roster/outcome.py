"""A school as it will be once a plan was carried out: pure, so that it can be shown before it is.

New people have no id yet; here they are called by their key (`stand_in`), which is no id's form.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING, TypeVar

from sferum_bridge.roster.matching import label
from sferum_bridge.roster.plan import ClassKey, terms_of
from sferum_bridge.school.people import (
    Appointment,
    Enrolment,
    ExpectedParent,
    Leadership,
    Person,
    School,
    SchoolClass,
    Teaching,
    Term,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import date

    from sferum_bridge.roster.model import RosterKey
    from sferum_bridge.roster.plan import NewAssignment, Plan

T = TypeVar("T", Enrolment, Appointment, Leadership, Teaching)


@dataclass(frozen=True, slots=True)
class Outcome:
    """A school before and after a plan, and the days on which anything turns."""

    before: School
    after: School
    days: Sequence[date]
    """Today, and every later day from which something is otherwise; in order."""


def outcome(school: School, plan: Plan, today: date) -> Outcome:
    """Return what becomes of a school; `today` is its day."""
    after = _after(school, plan)
    turns = {tie.since for tie in _new(plan) if tie.since is not None}
    turns |= {tie.until + timedelta(days=1) for tie in _new(plan) if tie.until is not None}
    turns |= {ended.until + timedelta(days=1) for ended in plan.to_end}
    for one in plan.to_redate:
        for term in (one.assignment.term, one.term):
            turns |= {term.since} if term.since else set()
            turns |= {term.until + timedelta(days=1)} if term.until else set()
    return Outcome(school, after, sorted({today, *(day for day in turns if day > today)}))


def stand_in(key: RosterKey) -> str:
    """Return what stands for the id of a new person."""
    return f"new {label(key)}"


def _new(plan: Plan) -> Sequence[NewAssignment]:
    return (
        *plan.enrolments_to_add,
        *plan.appointments_to_add,
        *plan.leaderships_to_add,
        *plan.teachings_to_add,
    )


def _after(school: School, plan: Plan) -> School:
    ids = {each.key: each.person_id for each in plan.recognised}
    ids |= {each.key: stand_in(each.key) for each in plan.people_to_add}
    people = dict(school.people)
    for new in plan.people_to_add:
        people[ids[new.key]] = Person(
            ids[new.key], new.family_name, new.given_name, new.middle_name, new.birth_date
        )
    for change in plan.people_to_change:
        people[change.person_id] = Person(
            change.person_id,
            change.family_name,
            change.given_name,
            change.middle_name,
            change.birth_date,
        )
    classes = dict(school.classes)
    for each in plan.classes_to_add:
        class_id = f"new {each.year} {each.name}"
        classes[class_id] = SchoolClass(class_id, each.name, each.year)
    places = {ClassKey(each.name, each.year): class_id for class_id, each in classes.items()}
    terms = terms_of(plan.to_end, plan.to_redate)

    def cut(tie: T) -> T:
        return replace(tie, term=terms[tie]) if tie in terms else tie

    enrolments = [cut(tie) for tie in school.enrolments]
    appointments = [cut(tie) for tie in school.appointments]
    leaderships = [cut(tie) for tie in school.leaderships]
    teachings = [cut(tie) for tie in school.teachings]
    return replace(
        school,
        people=people,
        classes=classes,
        enrolments=[
            *enrolments,
            *(
                Enrolment(ids[n.person], places[n.school_class], Term(n.since, n.until))
                for n in plan.enrolments_to_add
            ),
        ],
        appointments=[
            *appointments,
            *(
                Appointment(ids[n.person], n.post, Term(n.since, n.until))
                for n in plan.appointments_to_add
            ),
        ],
        leaderships=[
            *leaderships,
            *(
                Leadership(ids[n.person], places[n.school_class], Term(n.since, n.until))
                for n in plan.leaderships_to_add
            ),
        ],
        teachings=[
            *teachings,
            *(
                Teaching(ids[n.person], places[n.school_class], n.subject, Term(n.since, n.until))
                for n in plan.teachings_to_add
            ),
        ],
        expected_parents=_expected(school, plan, ids),
    )


def _expected(school: School, plan: Plan, ids: Mapping[RosterKey, str]) -> Sequence[ExpectedParent]:
    new = {(ids[e.child], ids[e.parent]): e.access for e in plan.expected_parents_to_add}
    over = {(e.child_id, e.parent_id) for e in plan.expected_parents_to_end}
    kept = {(e.child_id, e.parent_id): e.access for e in school.expected_parents}
    pairs = {pair: access for pair, access in kept.items() if pair not in over} | new
    return [ExpectedParent(child, parent, access) for (child, parent), access in pairs.items()]
