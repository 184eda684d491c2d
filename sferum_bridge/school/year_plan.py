"""Planning the opening of a school year: first the classes, then whoever is in them. Pure."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

from sferum_bridge.school import classes, staffing
from sferum_bridge.school.people import Enrolment, Leadership, Teaching, Term
from sferum_bridge.school.staffing import Changes, Ending
from sferum_bridge.school.year import (
    GRADUATES,
    LEAVING,
    REPEATS,
    Ambiguity,
    Choices,
    Fate,
    Plan,
    Problem,
    Step,
    after,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import date

    from sferum_bridge.school.people import School, SchoolClass
    from sferum_bridge.school.staffing import Assignment

_NEW = "new/"
_DAY = timedelta(days=1)


def plan(school: School, choices: Choices, day: date, kept_days: int) -> Plan:
    """Plan the opening of a year at a school on `day`; `kept_days`: for how long rooms are kept."""
    year = choices.year or classes.year_on(day)
    empty = Plan(year, day, day + timedelta(days=kept_days))
    ending = classes_ending(school, year, day)
    if not ending:
        return replace(empty, problems=[Problem(Ambiguity.NOTHING, [year])])
    opening = _Opening(school, choices, empty, ending)
    return opening.plan()


def classes_ending(school: School, year: str, day: date) -> Sequence[SchoolClass]:
    """Return the classes that end when `year` opens on `day`, by grade.

    They are those of the last year before, and older ones in use.
    """
    older = [c for c in school.classes.values() if c.year < year and not c.closed_on]
    last = max((c.year for c in older), default="")
    used = {e.class_id for e in school.enrolments if e.term.covers(day)}
    used |= {lead.class_id for lead in school.leaderships if lead.term.covers(day)}
    found = [c for c in older if c.year == last or c.id in used]
    return sorted(found, key=lambda c: (classes.grade(c.name) or 0, c.name, c.id))


class _Opening:
    """Plans one opening: first the classes, then whoever is in them."""

    def __init__(
        self, school: School, choices: Choices, empty: Plan, ending: Sequence[SchoolClass]
    ) -> None:
        self._school = school
        self._choices = choices
        self._empty = empty
        self._ending = {c.id: c for c in ending}
        self._problems: list[Problem] = []
        self._left_out: list[Problem] = []
        self._steps: dict[str, Step] = {}
        self._named: dict[str, str] = {}
        """Name of a class of the new year → its id."""

    def plan(self) -> Plan:
        self._classes()
        where, singled_out = self._pupils()
        changes = _joined(self._enrolments(where), self._staff())
        found = replace(
            self._empty,
            steps=list(self._steps.values()),
            changes=changes,
            problems=self._problems,
            left_out=self._left_out,
            singled_out=singled_out,
        )
        if self._problems:
            return replace(found, changes=Changes())
        return replace(found, changes=replace(changes, notices=_unled(self._school, found)))

    # --- classes ----------------------------------------------------------------------------

    def _classes(self) -> None:
        year = self._empty.year
        there = {
            c.name: c.id
            for c in self._school.classes.values()
            if c.year == year and c.id not in self._ending
        }
        self._named |= there
        for name, ids in self._targets().items():
            if name == GRADUATES:
                for class_id in ids:
                    self._step(Fate.GRADUATED, class_id)
                continue
            if name in there:
                self._problems.append(Problem(Ambiguity.TAKEN, [name]))
            elif len(ids) > 1 and not set(ids) <= set(self._choices.becomes):
                called = [self._ending[id_].name for id_ in ids]
                self._problems.append(Problem(Ambiguity.TWO_TO_ONE, [name, *called]))
            survivor, *others = ids
            self._named[name] = survivor
            self._step(Fate.PROMOTED, survivor, name)
            for class_id in others:
                self._step(Fate.MERGED, class_id, name, survivor)
        for name in self._choices.new:
            if name in self._named:
                self._problems.append(Problem(Ambiguity.TAKEN, [name]))
            else:
                self._make(name)

    def _targets(self) -> Mapping[str, Sequence[str]]:
        """Return name → the classes that become it, those first that were said first."""
        said = [id_ for id_ in self._choices.becomes if id_ in self._ending]
        for id_ in self._choices.becomes.keys() - self._ending.keys():
            other = self._school.classes.get(id_)
            names = [other.name, other.year] if other else [id_, "—"]
            self._problems.append(Problem(Ambiguity.NOT_ENDING, names))
        found: dict[str, list[str]] = defaultdict(list)
        for id_ in (*said, *(one for one in self._ending if one not in said)):
            one = self._ending[id_]
            if id_ in self._choices.becomes:
                found[self._choices.becomes[id_]].append(id_)
                continue
            if one.year != classes.year_before(self._empty.year):
                self._problems.append(Problem(Ambiguity.UNSAID, [one.name, one.year]))
            leaves = classes.grade(one.name) in LEAVING
            found[GRADUATES if leaves else classes.in_next_grade(one.name)].append(id_)
        return found

    def _step(self, fate: Fate, class_id: str, becomes: str = "", successor: str = "") -> None:
        name = self._ending[class_id].name
        self._steps[class_id] = Step(fate, class_id, name, becomes, successor)

    def _make(self, name: str) -> str:
        class_id = f"{_NEW}{name}"
        self._named[name] = class_id
        self._steps[class_id] = Step(Fate.NEW, class_id, "", name)
        return class_id

    def _goes_to(self, class_id: str) -> str:
        """Return where people of a class of today go: a class's id, empty for out of the school."""
        step = self._steps.get(class_id)
        if step is None or step.fate is Fate.PROMOTED:
            return class_id
        return step.successor_id

    # --- pupils -----------------------------------------------------------------------------

    def _pupils(self) -> tuple[Mapping[str, str], frozenset[str]]:
        """Return where the pupils go for whom that was chosen, and who goes not with the class."""
        today: dict[str, str] = {}
        for tie in self._school.enrolments:
            if tie.class_id in self._ending and _lasts(tie.term, self._empty.day):
                today.setdefault(tie.person_id, tie.class_id)
        lasting = self._school.enrolments
        here = {tie.person_id for tie in lasting if _lasts(tie.term, self._empty.day)}
        where: dict[str, str] = {}
        # Who does a grade again comes last: by then every class there will be has its name.
        said = sorted(self._choices.pupils.items(), key=lambda one: one[1] == REPEATS)
        for person_id, target in said:
            if person_id not in today:
                # Who left the school since goes nowhere; that need not keep everybody else.
                of = self._problems if person_id in here else self._left_out
                of.append(Problem(Ambiguity.NO_PUPIL, person_id=person_id))
            elif target == GRADUATES:
                where[person_id] = ""
            elif target == REPEATS:
                where[person_id] = self._again(person_id, self._ending[today[person_id]].name)
            else:
                where[person_id] = self._named.get(target) or self._make(target)
        out = {id_ for id_, to in where.items() if to != self._goes_to(today[id_])}
        return where, frozenset(out)

    def _again(self, person_id: str, name: str) -> str:
        """Return the class in which a pupil does a grade again."""
        if name in self._named:
            return self._named[name]
        number = classes.grade(name)
        fits = [one for one in self._named if number and classes.grade(one) == number]
        if len(fits) == 1:
            return self._named[fits[0]]
        why = Ambiguity.WHICH_CLASS if fits else Ambiguity.NO_CLASS
        self._problems.append(Problem(why, [name, *sorted(fits)], person_id))
        return ""

    def _enrolments(self, where: Mapping[str, str]) -> Changes:
        """Return whose place changes: each tie ends, and goes on where the pupil goes."""
        day = self._empty.day
        ends: list[Ending] = []
        drops: list[Assignment] = []
        begins: dict[Enrolment, None] = {}
        for_good = {
            (tie.person_id, tie.class_id)
            for tie in self._school.enrolments
            if tie.term.until is None and (tie.term.since is None or tie.term.since <= day)
        }
        for tie in self._school.enrolments:
            if tie.class_id not in self._ending or not _lasts(tie.term, day):
                continue
            to = where.get(tie.person_id, self._goes_to(tie.class_id))
            if to == tie.class_id:
                continue
            if tie.term.since is not None and tie.term.since >= day:
                drops.append(tie)
            else:
                ends.append(Ending(tie, day - _DAY))
            if to and (tie.person_id, to) not in for_good:
                since = max(day, tie.term.since or day)
                begins[Enrolment(tie.person_id, to, Term(since, tie.term.until))] = None
        return Changes(ends, drops, list(begins))

    # --- staff ------------------------------------------------------------------------------

    def _staff(self) -> Changes:
        """Return who leads or teaches a class no more that ends, and who leads one from now on.

        Who was chosen and left since leads nothing: their class is left without, as it would be
        had they left a day later.
        """
        over: list[Leadership | Teaching] = [
            tie
            for ties in (self._school.leaderships, self._school.teachings)
            for tie in ties
            if tie.class_id in self._steps
            and self._steps[tie.class_id].fate in {Fate.MERGED, Fate.GRADUATED}
        ]
        begins: list[Assignment] = []
        day = self._empty.day
        here = self._school
        posts: list[Assignment] = [*here.appointments, *here.leaderships, *here.teachings]
        at_work = {tie.person_id for tie in posts if tie.term.covers(day)}
        for name, person_id in self._choices.leaders.items():
            class_id = self._named.get(name, "")
            if not class_id:
                self._problems.append(Problem(Ambiguity.NO_SUCH_CLASS, [name]))
                continue
            led = [tie for tie in self._school.leaderships if tie.class_id == class_id]
            over += [tie for tie in led if tie.person_id != person_id]
            if person_id not in at_work:
                self._left_out.append(Problem(Ambiguity.NOT_STAFF, [name], person_id))
            elif not any(tie.person_id == person_id and tie.term.until is None for tie in led):
                over += [tie for tie in led if tie.person_id == person_id]
                begins.append(Leadership(person_id, class_id, Term(day)))
        cut = staffing.cut(dict.fromkeys(over), day - _DAY)
        return replace(cut, begins=begins)


def _lasts(term: Term, day: date) -> bool:
    """Tell whether a term has a day left from `day` on."""
    return term.until is None or term.until >= day


def _joined(one: Changes, other: Changes) -> Changes:
    return Changes(
        [*one.ends, *other.ends], [*one.drops, *other.drops], [*one.begins, *other.begins]
    )


def _unled(school: School, found: Plan) -> Sequence[staffing.Notice]:
    left = after(school, found)
    ids: Iterable[str] = (step.class_id for step in found.steps)
    return [
        staffing.Notice(staffing.Caution.UNLED, id_, found.day)
        for id_ in ids
        if staffing.is_unled(left, id_, found.day)
    ]
