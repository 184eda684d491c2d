"""Who of a roster is who in the store; pure (§4.3, scenarios 22 and 23).

Four ways, in this order: the school's own id; full name and date of birth; full name and contact;
full name and place in the school, where a place is a class of one year, the staff, or a child. Two
people of whom anything known differs are never the same, and if two fit, none is taken. A name
alone makes nobody anybody: such a row waits until somebody decides (`Decisions`). Who was corrected
by a parent is recognised by what the roster said before, too: it may not have heard of it.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, TypeAlias

from sferum_bridge.school import classes

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence

    from sferum_bridge.roster.model import Roster, RosterKey, RosterPerson
    from sferum_bridge.school.people import Person, School


NEW = "new"
"""Decided: somebody the store does not know."""

Decisions: TypeAlias = "Mapping[RosterKey, str]"
"""Whom somebody decided a person of the roster to be: the id of a stored one, or `NEW`."""


@dataclass(frozen=True, slots=True)
class Contacts:
    """Contacts of a stored person, unsealed, as `RosterPerson` writes them."""

    email: str = ""
    phone: str = ""


@dataclass(frozen=True, slots=True)
class Known:
    """What is stored of a school: the rules' own value, and what only rosters ask for."""

    school: School
    external_ids: Mapping[str, str] = field(default_factory=dict)
    """Id in the school's own system → id of the person."""
    contacts: Mapping[str, Contacts] | None = None
    """Id of the person → contacts; `None` leaves contacts out of the comparison."""
    corrections: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    """Id of the person → field a parent corrected → what the roster said then (S-37)."""
    erased: Callable[[RosterPerson], str] = lambda _person: ""
    """Tells who of those erased a person of the roster may be, by id; empty for nobody."""

    def forms(self, person: Person, name: str) -> tuple[str, ...]:
        """Return what a field of a stored person says, and what rosters may still say of it."""
        now = getattr(person, name) or ""
        listed = self.corrections.get(person.id, {}).get(name)
        return (str(now),) if listed is None else (str(now), listed)


class Doubt(StrEnum):
    """Why somebody has to look at a person of the roster."""

    ID_REUSED = "id_reused"
    """The id belongs to somebody of quite another name: nothing is planned for this person."""
    AMBIGUOUS = "ambiguous"
    """Several stored people fit: nothing is planned for this person."""
    NAMESAKE = "namesake"
    """Somebody stored has the same name, and nothing tells whether it is them: nothing is planned
    for this person."""
    ERASED = "erased"
    """Somebody like this was erased: nothing is planned, lest they come back unseen (§3)."""
    UNKNOWN_ID = "unknown_id"
    """A list of changes names somebody by an id alone that nobody has."""
    CLOSED_CLASS = "closed_class"
    """The list has them in a class that is no more: no tie of this person is planned."""
    LAST_ADMINISTRATOR = "last_administrator"
    """The list would leave the school without any administrator: this one is kept."""


@dataclass(frozen=True, slots=True)
class Namesake:
    """A person of the roster who may be one of `candidates` (ids of people), or may not."""

    key: RosterKey
    doubt: Doubt
    candidates: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Matching:
    """Who was recognised, and whom somebody has to look at."""

    person_ids: Mapping[RosterKey, str]
    doubts: Sequence[Namesake]

    @property
    def held(self) -> frozenset[RosterKey]:
        """Return the people for whom nothing may be planned before somebody decided."""
        return frozenset(d.key for d in self.doubts)


def label(key: RosterKey) -> str:
    """Return what a person of a file is called where somebody decides about them."""
    if key.external_id:
        return f"id:{key.external_id}"
    return f"{key.name}|{key.birth}|{key.line}"


def matching(roster: Roster, known: Known, decisions: Decisions | None = None) -> Matching:
    """Recognise the people of a roster; a decision that does not fit any more is none."""
    return _Matcher(roster, known).match(decisions or {})


class _Matcher:
    """Takes the people of one roster through the three ways, each stored person once."""

    def __init__(self, roster: Roster, known: Known) -> None:
        self._roster = roster
        self._known = known
        self._ids_by_person = {person: id_ for id_, person in known.external_ids.items()}
        self._by_name: dict[str, list[Person]] = defaultdict(list)
        for person in known.school.people.values():
            for names in self._names(person):
                self._by_name[names].append(person)
        self._found: dict[RosterKey, str] = {}
        self._taken: set[str] = set()
        self._doubts: dict[RosterKey, Namesake] = {}
        self._new: set[RosterKey] = set()

    def match(self, decisions: Decisions) -> Matching:
        """Run every way over everybody not recognised yet, the surest way first."""
        for person in self._roster.people:
            self._as_decided(person, decisions.get(person.key, ""))
        for person in self._open():
            self._by_id(person)
        for person in self._open():
            if person.birth_date is not None:
                day = str(person.birth_date)
                same_day = [k for k in self._alike(person) if day in self._days(k)]
                self._settle(person, same_day)
        for person in self._open():
            self._settle(person, [k for k in self._alike(person) if self._contact(person, k) > 0])
        self._by_place(self._places_of_pupils_and_staff(), _stored_places(self._known.school))
        # Guardians last: their place is a child, who has to be recognised before them.
        self._by_place(self._places_of_guardians(), _stored_guardians(self._known.school))
        self._doubt_the_rest()
        return Matching(self._found, tuple(self._doubts.values()))

    def _doubt_the_rest(self) -> None:
        for person in self._open():
            if erased := self._known.erased(person):
                self._doubts[person.key] = Namesake(person.key, Doubt.ERASED, (erased,))
        guardians = self._only_guardians()
        for person in self._open():
            namesakes = self._alike(person)
            if person.key in guardians:
                # A pupil's phone may be new; two parents of one name with two phones are two.
                namesakes = [k for k in namesakes if self._contact(person, k) == 0]
            if namesakes:
                self._doubt(person, Doubt.NAMESAKE, namesakes)

    def _as_decided(self, person: RosterPerson, decision: str) -> None:
        stored = self._known.school.people.get(decision)
        if stored is not None and stored.id not in self._taken:
            self._settle(person, [stored])
        elif decision == NEW and not self._known.erased(person):
            self._new.add(person.key)

    def _only_guardians(self) -> set[RosterKey]:
        others = {tie.person for tie in self._roster.enrolments}
        others |= {tie.person for tie in self._roster.appointments}
        return {tie.parent for tie in self._roster.guardians} - others

    def _contact(self, person: RosterPerson, stored: Person) -> int:
        """Return 1 if a contact is the same, -1 if those known differ, 0 if none can tell."""
        theirs = (self._known.contacts or {}).get(stored.id, Contacts())
        pairs = ((person.email, theirs.email), (person.phone, theirs.phone))
        told = [one == other for one, other in pairs if one and other]
        return (1 if any(told) else -1) if told else 0

    def _open(self) -> list[RosterPerson]:
        return [
            person
            for person in self._roster.people
            if person.key not in self._found
            and person.key not in self._doubts
            and person.key not in self._new
        ]

    def _by_id(self, person: RosterPerson) -> None:
        stored_id = self._known.external_ids.get(person.external_id)
        stored = self._known.school.people.get(stored_id or "")
        if not person.external_id or stored is None:
            if not person.family_name:
                self._doubt(person, Doubt.UNKNOWN_ID, [])
            return
        if self._quite_another(person, stored):
            self._doubt(person, Doubt.ID_REUSED, [stored])
        else:
            self._settle(person, [stored])

    def _by_place(
        self,
        places: Mapping[RosterKey, Iterable[Hashable]],
        stored: Mapping[str, set[Hashable]],
    ) -> None:
        for person in self._open():
            wanted = set(places.get(person.key, ()))
            here = [k for k in self._alike(person) if wanted & stored.get(k.id, set())]
            self._settle(person, here)

    def _settle(self, person: RosterPerson, candidates: Sequence[Person]) -> None:
        if len(candidates) > 1:
            self._doubt(person, Doubt.AMBIGUOUS, candidates)
        elif candidates:
            self._found[person.key] = candidates[0].id
            self._taken.add(candidates[0].id)

    def _doubt(self, person: RosterPerson, doubt: Doubt, candidates: Sequence[Person]) -> None:
        ids = tuple(candidate.id for candidate in candidates)
        self._doubts[person.key] = Namesake(person.key, doubt, ids)

    def _alike(self, person: RosterPerson) -> list[Person]:
        """Return stored people of the same name of whom nothing known differs."""
        return [
            stored
            for stored in self._by_name[_key_of_names(person.family_name, person.given_name)]
            if stored.id not in self._taken
            and _fits(classes.key(person.middle_name), self._keys(stored, "middle_name"))
            and _fits(str(person.birth_date or ""), self._days(stored))
            and _fits(person.external_id, {self._ids_by_person.get(stored.id, "")})
        ]

    def _quite_another(self, person: RosterPerson, stored: Person) -> bool:
        """Tell whether both names differ and no birthday says that it is the same human after all.

        A corrected name is known by what the roster called it, too.
        """
        if person.birth_date is not None and str(person.birth_date) in self._days(stored):
            return False
        if not person.family_name:
            # A list of changes may name people by id alone.
            return False
        family = classes.key(person.family_name) in self._keys(stored, "family_name")
        return not family and classes.key(person.given_name) not in self._keys(stored, "given_name")

    def _names(self, stored: Person) -> set[str]:
        """Return the keys of the names under which a stored person may stand in a roster."""
        families = self._known.forms(stored, "family_name")
        given = self._known.forms(stored, "given_name")
        return {_key_of_names(family, first) for family in families for first in given}

    def _keys(self, stored: Person, name: str) -> set[str]:
        return {classes.key(form) for form in self._known.forms(stored, name)}

    def _days(self, stored: Person) -> set[str]:
        return set(self._known.forms(stored, "birth_date"))

    def _places_of_pupils_and_staff(self) -> Mapping[RosterKey, list[Hashable]]:
        years = {each.name: each.year for each in self._roster.classes}
        places: dict[RosterKey, list[Hashable]] = defaultdict(list)
        for enrolment in self._roster.enrolments:
            name = enrolment.class_name
            places[enrolment.person].append(("class", name, years.get(name, "")))
        for appointment in self._roster.appointments:
            places[appointment.person].append("staff")
        return places

    def _places_of_guardians(self) -> Mapping[RosterKey, list[Hashable]]:
        places: dict[RosterKey, list[Hashable]] = defaultdict(list)
        for tie in self._roster.guardians:
            if tie.child in self._found:
                places[tie.parent].append(self._found[tie.child])
        return places


def _stored_places(school: School) -> Mapping[str, set[Hashable]]:
    places: dict[str, set[Hashable]] = defaultdict(set)
    for enrolment in school.enrolments:
        stored = school.classes[enrolment.class_id]
        places[enrolment.person_id].add(("class", stored.name, stored.year))
    for appointment in school.appointments:
        places[appointment.person_id].add("staff")
    return places


def _stored_guardians(school: School) -> Mapping[str, set[Hashable]]:
    places: dict[str, set[Hashable]] = defaultdict(set)
    for expected in school.expected_parents:
        places[expected.parent_id].add(expected.child_id)
    for link in school.parent_links:
        places[link.parent_id].add(link.child_id)
    return places


def _key_of_names(family_name: str, given_name: str) -> str:
    return classes.key(f"{family_name} {given_name}")


def _fits(one: str, forms: set[str]) -> bool:
    """Tell whether a fact is one of the forms another has, or one of them is not known."""
    return not one or not all(forms) or one in forms
