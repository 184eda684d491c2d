"""Names by which people can be told apart (scenario 22, D-7).

Namesakes are numbered in a stable order, by their ids. A date of birth never tells two apart: it is
nobody else's business (S-15).
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from sferum_bridge.school import classes

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from datetime import date

    from sferum_bridge.school.people import Person, School


def labels(people: Iterable[Person]) -> Mapping[str, str]:
    """Return person id → a name that no other of these people has: «Иван Иванов (2)»."""
    return _numbered(people, lambda person: person.full_name)


def short_labels(people: Iterable[Person]) -> Mapping[str, str]:
    """Return person id → a name for outside the own class: «Иван И. (2)» (D-7).

    Namesakes have the numbers they have in `labels`; who shares only the initial follows them.
    """
    return _numbered(people, _short)


def shown(school: School, day: date) -> Mapping[str, str]:
    """Return person id → the name their account is shown by: numbered among a class's namesakes."""
    classmates: dict[str, list[Person]] = defaultdict(list)
    for enrolment in school.enrolments:
        if enrolment.term.covers(day):
            classmates[enrolment.class_id].append(school.people[enrolment.person_id])
    names = {person.id: person.full_name for person in school.people.values()}
    for pupils in classmates.values():
        names |= labels(pupils)
    return names


def _short(person: Person) -> str:
    initial = f"{person.family_name[:1]}." if person.family_name else ""
    return f"{person.given_name} {initial}".strip()


def _numbered(people: Iterable[Person], name_of: Callable[[Person], str]) -> Mapping[str, str]:
    of_one_name: dict[str, dict[str, Person]] = defaultdict(dict)
    for person in people:
        of_one_name[classes.key(name_of(person))][person.id] = person
    return {
        person.id: f"{name_of(person)} ({number})" if len(alike) > 1 else name_of(person)
        for alike in of_one_name.values()
        for number, person in enumerate(sorted(alike.values(), key=_order), start=1)
    }


def _order(person: Person) -> tuple[str, str]:
    return classes.key(person.full_name), person.id
