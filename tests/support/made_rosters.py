"""Rosters made up by hypothesis, and what of one a form can hold, as values to compare."""

from __future__ import annotations

from datetime import date
from typing import Any

from hypothesis import strategies as st

from sferum_bridge.roster.model import (
    Form,
    Relation,
    Roster,
    RosterAppointment,
    RosterClass,
    RosterEnrolment,
    RosterGuardian,
    RosterKey,
    RosterLeadership,
    RosterPerson,
    RosterTeaching,
    SchoolInfo,
    Status,
)
from sferum_bridge.school import classes
from sferum_bridge.school.people import Post

YEAR = "2026/2027"
CLASSES = ("5А", "5Б", "10-ИТ", "1-3 комплект", "11")
_LETTERS = "абвгдеёжзийклмнопрстуфхцчшщыэюяÀçłñ'"
_word = st.text(_LETTERS, min_size=2, max_size=12).filter(lambda w: w[0].isalpha())
names = st.one_of(
    _word.map(str.title),
    st.tuples(_word, _word).map(lambda both: "-".join(both).title()),
    st.sampled_from(["=СУММ", "+Плюс", "-Минус", "@Собака", "'=Кавычка", "Й", "де Брюн", "Ё"]),
).map(classes.clean)
_days = st.dates(date(1950, 1, 1), date(2020, 12, 31))
_terms = st.one_of(
    st.just((None, None)),
    st.tuples(st.dates(date(2026, 9, 1), date(2026, 12, 31)), st.none()),
    st.tuples(st.none(), st.dates(date(2027, 1, 1), date(2027, 6, 30))),
)
_subjects = st.sampled_from(["Алгебра", "Русский язык", "=ИЗО", "Труд (технология), дом", "ОБЖ"])


@st.composite
def rosters(draw: Any) -> Roster:
    """Make up a school: namesakes with ids, shared parents with contacts, odd names, dates."""
    number = iter(range(1, 10_000))

    def person(*, with_id: bool, birthday: bool = False, contacts: bool = False) -> RosterPerson:
        n = next(number)
        # Names differ by their numbers' letters where there is no id to tell people apart.
        mark = "".join(chr(ord("а") + int(digit)) for digit in str(n))
        family = draw(names) + ("" if with_id else mark)
        given, middle = draw(names), draw(st.one_of(st.just(""), names))
        born = draw(st.one_of(st.none(), _days)) if birthday else None
        id_ = draw(st.sampled_from([f"{n:05}", f"={n}", f"С-{n}"])) if with_id else ""
        whole = classes.key(f"{family} {given} {middle}")
        day = str(born or "")
        key = RosterKey(external_id=id_) if id_ else RosterKey(name=whole, birth=day, line=str(n))
        some = contacts or draw(st.booleans())
        return RosterPerson(
            key, id_, family, given, middle, born,
            f"p{n}@example.org" if some else "", f"+7000{n:07}" if some else "",
        )  # fmt: skip

    pupils = [
        person(with_id=draw(st.booleans()), birthday=True) for _ in range(draw(st.integers(1, 6)))
    ]
    staff = [person(with_id=draw(st.booleans())) for _ in range(draw(st.integers(0, 4)))]
    parents = [person(with_id=False, contacts=True) for _ in range(draw(st.integers(0, 5)))]
    places = st.sampled_from(CLASSES)
    guardians = []
    for pupil in pupils:
        for parent in (
            draw(st.lists(st.sampled_from(parents), max_size=2, unique=True)) if parents else ()
        ):
            access = draw(st.booleans())
            guardians.append(
                RosterGuardian(
                    pupil.key, parent.key, draw(st.sampled_from(Relation)), access,
                    "" if access else "решение № 1",
                )
            )  # fmt: skip
    tied = {tie.parent for tie in guardians}
    appointments, leaderships, teachings = [], [], []
    for one in staff:
        term = draw(_terms)
        posts = draw(st.lists(st.sampled_from(Post), min_size=1, max_size=2, unique=True))
        appointments += [RosterAppointment(one.key, post, *term) for post in posts]
        led = draw(st.lists(places, max_size=2, unique=True))
        leaderships += [RosterLeadership(one.key, name, *term) for name in led]
        taught = draw(st.lists(st.tuples(places, _subjects), max_size=3, unique=True))
        teachings += [RosterTeaching(one.key, *lesson, *term) for lesson in taught]
    return Roster(
        school=SchoolInfo(draw(names), "Europe/Moscow", "ru"),
        classes=tuple(RosterClass(name, YEAR) for name in CLASSES),
        people=(*pupils, *staff, *(one for one in parents if one.key in tied)),
        enrolments=tuple(
            RosterEnrolment(one.key, draw(places), draw(st.sampled_from(Status)), *draw(_terms))
            for one in pupils
        ),
        appointments=tuple(appointments),
        leaderships=tuple(leaderships),
        teachings=tuple(teachings),
        guardians=tuple(guardians),
    )


def held(roster: Roster, form: Form, version: str = "") -> dict[str, Any]:
    """Return what a form can hold of a roster, without keys and order."""
    wide, one = form is Form.WIDE, form is Form.ONEROSTER
    people = {person.key: person for person in roster.people}
    studying = {tie.person for tie in roster.enrolments if tie.status.enrolled}

    def who(key: RosterKey, *, parent: bool = False) -> tuple[Any, ...]:
        p = people[key]
        known = (p.family_name, p.given_name, p.middle_name, p.email, p.phone)
        return known if parent and not one else (*known, p.external_id, p.birth_date)

    def relation(tie: RosterGuardian) -> str:
        return "" if wide or one else tie.relation.value

    def term(tie: Any) -> tuple[Any, ...]:
        return () if wide or (one and version == "1.1") else (tie.since, tie.until)

    return {
        "pupils": {
            (
                who(tie.person), tie.class_name,
                () if wide or one else tie.status,
                () if wide else (tie.since, tie.until),
            )
            for tie in roster.enrolments
            if tie.person in studying or not (wide or one)
        },
        "guardians": {
            (who(t.child), who(t.parent, parent=True), relation(t), t.access, t.ground)
            for t in roster.guardians
            if not (wide or one) or (t.access and t.child in studying)
        },
        "posts": set()
        if wide
        else {
            (who(tie.person), tie.post, *term(tie))
            for tie in roster.appointments
            if version != "1.1" or tie.post is _first(roster, tie.person)
        },
        "leads": set()
        if wide
        else {(who(t.person), t.class_name, t.since, t.until) for t in roster.leaderships},
        "teaches": set()
        if wide
        else {(who(t.person), t.class_name, t.subject, t.since, t.until) for t in roster.teachings},
        "classes": {tie.class_name for tie in roster.enrolments if tie.person in studying}
        if wide
        else {(each.name, each.year) for each in roster.classes},
        "school": roster.school and roster.school.name if not wide else "",
    }  # fmt: skip


def _first(roster: Roster, person: RosterKey) -> Post:
    """Return the one post OneRoster 1.1 holds: the one that carries the most rights."""
    posts = [tie.post for tie in roster.appointments if tie.person == person]
    order = (Post.ADMINISTRATOR, Post.TEACHER, Post.STAFF)
    return min(posts, key=order.index)
