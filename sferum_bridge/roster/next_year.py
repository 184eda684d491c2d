"""What a school's list says of the year to come: `Следующий класс`, and who repeats or leaves."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sferum_bridge.roster.matching import matching
from sferum_bridge.roster.model import Status
from sferum_bridge.school import classes
from sferum_bridge.school.year import GRADUATES, REPEATS, Choices
from sferum_bridge.school.year_words import GRADUATE

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sferum_bridge.roster.matching import Known
    from sferum_bridge.roster.model import Roster

_GOES_TO: Mapping[Status, str] = {
    Status.REPEATS: REPEATS,
    Status.LEFT: GRADUATES,
    Status.GRADUATED: GRADUATES,
}


def choices(roster: Roster, known: Known) -> Choices:
    """Return what a list of the year that ends chooses for the next one.

    Of classes that become one, the one that would be called so anyway keeps its rooms. Whoever left
    by the list, and is enrolled all the same, leaves with the year.
    """
    ids = {(c.name, c.year): c.id for c in known.school.classes.values() if not c.closed_on}
    said = [
        (ids[one.name, one.year], one.name, one.next_name)
        for one in roster.classes
        if one.next_name and (one.name, one.year) in ids
    ]
    said.sort(key=lambda one: classes.in_next_grade(one[1]) != one[2])
    people = matching(roster, known).person_ids
    enrolled = {e.person_id for e in known.school.enrolments}
    pupils = {
        people[tie.person]: _GOES_TO[tie.status]
        for tie in roster.enrolments
        if tie.status in _GOES_TO and people.get(tie.person) in enrolled
    }
    becomes = {id_: _target(name) for id_, _, name in said}
    return Choices(becomes=becomes, pupils=pupils)


def _target(name: str) -> str:
    return GRADUATES if classes.key(name) in GRADUATE else name
