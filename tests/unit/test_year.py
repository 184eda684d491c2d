"""Opening a school year: what becomes of classes and people, by table and by property."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sferum_bridge.school import access, classes, year
from sferum_bridge.school.layout import MODERATOR, Kind, key, layout, left_over
from sferum_bridge.school.people import (
    Appointment,
    Enrolment,
    Leadership,
    LinkState,
    ParentLink,
    Person,
    Post,
    School,
    SchoolClass,
    Teaching,
    Term,
)
from sferum_bridge.school.year import GRADUATES, REPEATS, Ambiguity, Choices, Fate, after
from sferum_bridge.school.year_plan import plan
from sferum_bridge.school.year_preview import preview
from sferum_bridge.school.year_words import Unreadable, read

OPENS = date(2026, 9, 1)
DAY = timedelta(days=1)
KEPT = 365
OLD, NEW = "2025/2026", "2026/2027"


def school(names: dict[str, str], pupils: dict[str, str], **more: object) -> School:
    """Make a school: class id → name, pupil → class id; everybody else by `more`."""
    people = {*pupils, "anna", "vera", "mother", "father", "head"}
    return School(
        "s",
        "Школа № 0",
        {id_: Person(id_, "Выдуманная", id_) for id_ in people},
        {id_: SchoolClass(id_, name, OLD) for id_, name in names.items()},
        enrolments=[Enrolment(id_, class_id) for id_, class_id in pupils.items()],
        **{  # type: ignore[arg-type]
            "appointments": [
                Appointment("head", Post.ADMINISTRATOR),
                Appointment("anna", Post.TEACHER),
                Appointment("vera", Post.TEACHER),
            ],
            **more,
        },
    )


# Scenario 35: two fifth classes, a second-year pupil in each, and a class that leaves.
TOWN = school(
    {"4a": "4А", "5a": "5А", "5b": "5Б", "11a": "11А"},
    {"kid": "4a", "lev": "5a", "oleg": "5a", "asya": "5b", "foma": "5b", "ivan": "11a"},
    leaderships=[Leadership("anna", "5a"), Leadership("vera", "5b"), Leadership("vera", "11a")],
    teachings=[Teaching("anna", "5b", "Музыка")],
    parent_links=[
        ParentLink("asya", "mother", LinkState.ACTIVE),
        ParentLink("ivan", "father", LinkState.ACTIVE),
    ],
)
MERGED = Choices(
    becomes={"5a": "6А", "5b": "6А"},
    pupils={"oleg": REPEATS, "foma": REPEATS},
    new=["1А", "1Б"],
)


def pupils_of(here: School, name: str, day: date = OPENS) -> set[str]:
    ids = {c.id for c in here.classes.values() if c.name == name and not c.closed_on}
    return {e.person_id for e in here.enrolments if e.class_id in ids and e.term.covers(day)}


def members(here: School, kind: Kind, class_id: str, day: date) -> dict[str, int]:
    return next(dict(r.members) for r in layout(here, day) if r.key == key(kind, class_id))


def why(here: School, choices: Choices, day: date = OPENS) -> list[Ambiguity]:
    found = plan(here, choices, day, KEPT)
    assert not found.changes.begins
    return [problem.why for problem in found.problems]


# --- scenario 35 ----------------------------------------------------------------------------


def test_classes_move_up_and_keep_their_rooms() -> None:
    found = plan(TOWN, MERGED, OPENS, KEPT)
    assert not found.problems
    then = after(TOWN, found)
    assert {(s.name, s.fate, s.becomes) for s in found.steps} == {
        ("4А", Fate.PROMOTED, "5А"),
        ("5А", Fate.PROMOTED, "6А"),
        ("5Б", Fate.MERGED, "6А"),
        ("11А", Fate.GRADUATED, ""),
        ("", Fate.NEW, "1А"),
        ("", Fate.NEW, "1Б"),
    }
    assert then.classes["5a"] == SchoolClass("5a", "6А", NEW), "the class is the same, so its rooms"
    assert pupils_of(then, "6А") == {"lev", "asya"}
    assert pupils_of(then, "5А") == {"kid", "oleg", "foma"}, "the grade again, in today's fifth"
    assert found.singled_out == {"oleg", "foma"}
    assert [e for e in then.enrolments if e.person_id == "lev"] == [Enrolment("lev", "5a")]
    # Whoever leads a class that is no more leads it no more; others go with their class.
    leads = {(t.person_id, t.class_id) for t in then.leaderships if t.term.covers(OPENS)}
    assert leads == {("anna", "5a")}
    assert not [t for t in then.teachings if t.term.covers(OPENS)]
    assert {then.classes[id_].name for id_ in found.unled} == {"5А"}


def test_what_ends_can_be_read_and_nobody_writes_there() -> None:
    then = after(TOWN, plan(TOWN, MERGED, OPENS, KEPT))
    closed, graduated = then.classes["5b"], then.classes["11a"]
    assert (closed.successor_id, graduated.successor_id) == ("5a", "")
    rooms = {room.key: room for room in layout(then, OPENS)}
    for class_id in ("5b", "11a"):
        room = rooms[key(Kind.PUPILS, class_id)]
        assert room.is_closed
        assert room.plan.is_read_only
        assert not {power for power in room.members.values() if power}
    # The same people are in it as on the last day, of every role in the rooms of that role.
    assert members(then, Kind.PARENTS, "11a", OPENS) == {"father": 0, "vera": 0}
    assert members(then, Kind.PUPILS, "11a", OPENS) == {"ivan": 0, "vera": 0}
    assert members(then, Kind.PARENTS, "5b", OPENS) == {"mother": 0, "vera": 0}
    assert members(then, Kind.PUPILS, "5b", OPENS) == {"asya": 0, "foma": 0, "vera": 0, "anna": 0}
    # Before the day all is as it was.
    assert members(then, Kind.PARENTS, "5b", OPENS - DAY) == {"mother": 0, "vera": MODERATOR}
    # And when they are kept no longer nobody is left, and the class hangs nowhere.
    behind = OPENS + KEPT * DAY + DAY
    assert members(then, Kind.PUPILS, "11a", behind - DAY)
    for kind in (Kind.PUPILS, Kind.PARENTS, Kind.MATERIALS, Kind.CLASS):
        assert not members(then, kind, "11a", behind)
    rooms = {room.key: room for room in layout(then, behind)}
    assert not rooms[key(Kind.PUPILS, "11a")].audience
    assert rooms[key(Kind.CLASS, "11a")].parent == ""


def test_who_reads_is_nobody_of_the_school_by_that_alone() -> None:
    then = after(TOWN, plan(TOWN, MERGED, OPENS, KEPT))
    assert {"ivan", "father"}.isdisjoint(access.groups(then, OPENS))
    reading = access.readers(then, OPENS)
    assert {"ivan", "father", "asya", "mother"} <= set(reading)
    # Who went into another class reads while here, who left with the class in any case.
    gone = [
        replace(e, term=Term(e.term.since, OPENS)) if e.person_id == "asya" else e
        for e in then.enrolments
    ]
    later = access.readers(replace(then, enrolments=gone), OPENS + DAY)
    assert {"ivan", "father"} <= set(later)
    assert {"asya", "mother"}.isdisjoint(later)


def test_the_preview_says_who_comes_and_who_goes() -> None:
    shown = preview(TOWN, plan(TOWN, MERGED, OPENS, KEPT))
    rooms = {(change.kind, change.now.id): change for change in shown.rooms}
    sixth = rooms[Kind.PUPILS, "5a"]
    assert (sixth.before and sixth.before.name, sixth.now.name) == ("5А", "6А")
    assert (sixth.joins, sixth.leaves) == (["asya"], ["oleg"])
    assert rooms[Kind.PARENTS, "5a"].joins == ["mother"], "parents follow the children"
    fifth = rooms[Kind.PUPILS, "4a"]
    assert (fifth.joins, fifth.leaves) == (["foma", "oleg"], [])
    for id_ in ("5b", "11a"):
        for kind in (Kind.PUPILS, Kind.PARENTS, Kind.MATERIALS, Kind.CLASS):
            change = rooms[kind, id_]
            assert (change.closes, change.joins, change.leaves) == (True, [], [])
    assert rooms[Kind.CLASS, "new/1А"].before is None
    moves = {move.person_id: (move.from_id, move.to_id) for move in shown.pupils}
    assert moves == {
        "oleg": ("5a", "4a"),
        "foma": ("5b", "4a"),
        "asya": ("5b", "5a"),
        "ivan": ("11a", ""),
    }


def test_rooms_of_a_class_that_is_gone_are_emptied() -> None:
    made = [key(Kind.PUPILS, "gone"), key(Kind.PUPILS, "5a"), key(Kind.STAFF, "s")]
    [room] = left_over(TOWN, made)
    assert (room.key, dict(room.members), room.audience) == (made[0], {}, frozenset())
    assert room.plan.is_read_only


# --- the rule, and what differs -------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "becomes"),
    [
        *(("1А", "2А"), ("4Б", "5Б"), ("8В", "9В"), ("10-ИТ", "11-ИТ"), ("10", "11")),
        *(("9А", GRADUATES), ("11-ИТ", GRADUATES), ("12А", GRADUATES)),
        # Without a grade nothing is to be counted.
        *(("ИС-21", "ИС-21"), ("1-3 комплект", "1-3 комплект")),
    ],
)
def test_what_a_class_becomes_by_itself(name: str, becomes: str) -> None:
    [step] = plan(school({"c": name}, {"kid": "c"}), Choices(), OPENS, KEPT).steps
    assert step.becomes == becomes
    assert (step.fate is Fate.GRADUATED) is (becomes == GRADUATES)


@pytest.mark.parametrize(
    ("day", "expected"),
    [
        (date(2026, 5, 31), "2025/2026"),
        (date(2026, 6, 1), "2026/2027"),
        (date(2026, 9, 1), "2026/2027"),
        (date(2027, 1, 1), "2026/2027"),
    ],
)
def test_which_year_a_day_is_of(day: date, expected: str) -> None:
    assert classes.year_on(day) == expected


def test_a_class_is_split() -> None:
    here = school({"5a": "5А"}, {"lev": "5a", "asya": "5a", "foma": "5a"})
    found = plan(here, Choices(pupils={"asya": "6Б", "foma": "6Б"}), OPENS, KEPT)
    then = after(here, found)
    assert pupils_of(then, "6А") == {"lev"}
    assert pupils_of(then, "6Б") == {"asya", "foma"}
    assert [s.becomes for s in found.steps if s.fate is Fate.NEW] == ["6Б"]
    assert {e.term.since for e in then.enrolments if e.class_id == "new/6Б"} == {OPENS}


def test_the_tenth_is_formed_anew_and_a_class_gets_a_teacher() -> None:
    here = school(
        {"9a": "9А", "9b": "9Б"},
        {"lev": "9a", "asya": "9b", "foma": "9b"},
        leaderships=[Leadership("anna", "9a")],
    )
    choices = Choices(pupils={"lev": "10А", "asya": "10А"}, leaders={"10А": "vera"})
    then = after(here, found := plan(here, choices, OPENS, KEPT))
    assert not found.unled
    assert pupils_of(then, "10А") == {"lev", "asya"}
    leads = {t.person_id: t.class_id for t in then.leaderships if t.term.covers(OPENS)}
    assert leads == {"vera": "new/10А"}


def test_a_class_teacher_is_replaced_on_the_day() -> None:
    here = school({"4a": "4А"}, {"kid": "4a"}, leaderships=[Leadership("anna", "4a")])
    then = after(here, plan(here, Choices(leaders={"5А": "vera"}), OPENS, KEPT))
    for day, leads in ((OPENS - DAY, "anna"), (OPENS, "vera")):
        powers = members(then, Kind.PUPILS, "4a", day)
        assert [id_ for id_, power in powers.items() if power == MODERATOR] == [leads]
    # Who leads it already goes on, in the assignment they have.
    same = plan(here, Choices(leaders={"5А": "anna"}), OPENS, KEPT)
    assert not same.changes.over
    assert not same.changes.begins


def test_a_move_that_was_ordered_for_later_is_kept() -> None:
    moved = [Enrolment("lev", "5a", Term(None, OPENS + 13 * DAY))]
    moved += [Enrolment("lev", "5b", Term(OPENS + 14 * DAY))]
    here = replace(school({"5a": "5А", "5b": "5Б"}, {"lev": "5a"}), enrolments=moved)
    merged = Choices(becomes={"5a": "6А", "5b": "6А"})
    then = after(here, plan(here, merged, OPENS, KEPT))
    for day in (OPENS, OPENS + 13 * DAY, OPENS + 14 * DAY, OPENS + 300 * DAY):
        assert pupils_of(then, "6А", day) == {"lev"}


@pytest.mark.parametrize(
    ("choices", "expected"),
    [
        (Choices(becomes={"5b": "6А"}), [Ambiguity.TWO_TO_ONE]),
        (Choices(new=["6А"]), [Ambiguity.TAKEN]),
        (Choices(becomes={"new": "2А"}), [Ambiguity.NOT_ENDING]),
        (Choices(pupils={"ivan": REPEATS}), [Ambiguity.NO_CLASS]),
        (Choices(becomes={"4a": "5В"}, new=["5Г"], pupils={"lev": REPEATS}), ["which-class"]),
        (Choices(leaders={"7А": "anna"}), [Ambiguity.NO_SUCH_CLASS]),
        (Choices(year=OLD), [Ambiguity.NOTHING]),
        (Choices(year="2027/2028"), [Ambiguity.UNSAID] * 4),
    ],
)
def test_what_is_not_clear_is_said_and_nothing_is_done(
    choices: Choices, expected: list[Ambiguity]
) -> None:
    assert why(TOWN, choices) == expected


def test_a_class_of_the_new_year_is_there_already() -> None:
    known = {**TOWN.classes, "other": SchoolClass("other", "6А", NEW)}
    assert why(replace(TOWN, classes=known), Choices()) == [Ambiguity.TAKEN]


def test_what_a_class_of_the_new_year_becomes_is_not_asked_here() -> None:
    known = {**TOWN.classes, "1a": SchoolClass("1a", "1А", NEW)}
    here = replace(TOWN, classes=known, enrolments=[*TOWN.enrolments, Enrolment("petr", "1a")])
    assert why(here, Choices(becomes={"1a": "2А"})) == [Ambiguity.NOT_ENDING]
    # Who is in a class that does not end was hardly meant; who is in none has left since.
    assert why(here, Choices(pupils={"petr": "2А"})) == [Ambiguity.NO_PUPIL]
    found = plan(here, Choices(pupils={"nobody": REPEATS}), OPENS, KEPT)
    assert not found.problems
    assert [(one.why, one.person_id) for one in found.left_out] == [("no-pupil", "nobody")]


def test_of_one_name_the_class_that_ends_is_meant() -> None:
    here = replace(TOWN, classes={**TOWN.classes, "n": SchoolClass("n", "5А", NEW)})
    assert read(["5А=6Б"], here, {"5a"}).choices.becomes == {"5a": "6Б"}


def test_a_class_teacher_who_left_since_leads_nothing() -> None:
    over = Term(None, OPENS - DAY)
    here = replace(
        TOWN,
        appointments=[
            Appointment("head", Post.ADMINISTRATOR),
            Appointment("vera", Post.TEACHER, over),
        ],
        leaderships=[Leadership("anna", "4a"), Leadership("vera", "5b", over)],
        teachings=[],
    )
    found = plan(here, replace(MERGED, leaders={"5А": "vera"}), OPENS, KEPT)
    assert not found.problems
    assert [(one.why, one.names, one.person_id) for one in found.left_out] == [
        (Ambiguity.NOT_STAFF, ["5А"], "vera")
    ]
    then = after(here, found)
    leads = {t.person_id for t in then.leaderships if t.class_id == "4a" and t.term.covers(OPENS)}
    assert not leads, "neither who was chosen nor who was to hand over"
    assert "4a" in found.unled


def test_the_order_of_what_is_said_does_not_matter() -> None:
    here = school({"5a": "5А", "5v": "5В"}, {"lev": "5a", "asya": "5v"})
    again, made = ("lev", REPEATS), ("asya", "5Г")
    for said in ([again, made], [made, again]):
        found = plan(here, Choices(pupils=dict(said)), OPENS, KEPT)
        assert not found.problems
        assert pupils_of(after(here, found), "5Г") == {"lev", "asya"}


def test_graduates_read_though_they_left_in_june() -> None:
    june = date(2026, 6, 25)
    left = [
        replace(e, term=Term(None, june if e.person_id == "ivan" else None))
        for e in TOWN.enrolments
    ]
    left += [Enrolment("gone", "11a", Term(None, date(2025, 12, 1)))]
    here = replace(TOWN, enrolments=left)
    then = after(here, plan(here, Choices(), OPENS, KEPT))
    assert members(then, Kind.PUPILS, "11a", OPENS).keys() == {"ivan", "vera"}
    assert "father" in members(then, Kind.PARENTS, "11a", OPENS)
    # A class that was emptied in winter has no graduates.
    winter = [replace(e, term=Term(None, date(2026, 1, 31))) for e in left]
    then = after(here := replace(TOWN, enrolments=winter), plan(here, Choices(), OPENS, KEPT))
    assert "ivan" not in members(then, Kind.PUPILS, "11a", OPENS)


def test_a_year_is_opened_once() -> None:
    then = after(TOWN, plan(TOWN, MERGED, OPENS, KEPT))
    assert why(then, Choices()) == [Ambiguity.NOTHING]
    # A year later all goes on, and what was closed stays so.
    again = plan(then, Choices(), OPENS + 365 * DAY, KEPT)
    assert not again.problems
    assert {"5b", "11a"}.isdisjoint(step.class_id for step in again.steps)


# --- by property ----------------------------------------------------------------------------

_NAMES = [f"{grade}{letter}" for grade in range(1, 12) for letter in "АБ"]


@st.composite
def opened(draw: st.DrawFn) -> tuple[School, Choices]:
    """Draw a school and choices for it, of which some are not possible."""
    names = draw(st.lists(st.sampled_from(_NAMES), min_size=1, max_size=7, unique=True))
    ids = {f"c{number}": name for number, name in enumerate(names)}
    pupils = draw(
        st.dictionaries(st.sampled_from([f"p{n}" for n in range(12)]), st.sampled_from(sorted(ids)))
    )
    targets = st.sampled_from([GRADUATES, *_NAMES])
    choices = Choices(
        becomes=draw(st.dictionaries(st.sampled_from(sorted(ids)), targets, max_size=3)),
        pupils=draw(
            st.dictionaries(
                st.sampled_from(sorted(pupils)), st.sampled_from([GRADUATES, REPEATS, *_NAMES])
            )
            if pupils
            else st.just({})
        ),
        new=draw(st.lists(st.sampled_from(_NAMES), max_size=2, unique=True)),
    )
    return school(ids, pupils), choices


@given(opened())
def test_nobody_is_lost_or_doubled(drawn: tuple[School, Choices]) -> None:
    here, choices = drawn
    found = plan(here, choices, OPENS, KEPT)
    if found.problems:
        assert not found.changes.over
        assert not found.changes.begins
        return
    then = after(here, found)
    today = [e.person_id for e in here.enrolments]
    places = Counter(e.person_id for e in then.enrolments if e.term.covers(OPENS))
    assert not [id_ for id_, count in places.items() if count > 1]
    shown = {move.person_id: move for move in preview(here, found).pupils}
    for id_ in today:
        if id_ not in places:
            assert shown[id_].to_id == "", "whoever has no place was shown to leave"
    assert set(places) <= set(today)
    # Until the day before everybody is where they were.
    for day in (OPENS - DAY, OPENS - 100 * DAY):
        was = {(e.person_id, e.class_id) for e in here.enrolments if e.term.covers(day)}
        assert {(e.person_id, e.class_id) for e in then.enrolments if e.term.covers(day)} == was
    # A name is one class's in a year, and every open class with pupils is of the new one.
    named = Counter((c.name, c.year) for c in then.classes.values())
    assert set(named.values()) == {1}
    used = {e.class_id for e in then.enrolments if e.term.covers(OPENS)}
    assert {then.classes[id_].year for id_ in used} <= {NEW}
    assert not [id_ for id_ in used if then.classes[id_].closed_on]


@given(opened())
def test_the_preview_is_what_the_layout_does(drawn: tuple[School, Choices]) -> None:
    here, choices = drawn
    found = plan(here, choices, OPENS, KEPT)
    if found.problems:
        return
    shown = preview(here, found)
    before = {room.key: set(room.members) for room in layout(here, OPENS)}
    changed = {key(change.kind, change.now.id): change for change in shown.rooms}
    for room in layout(shown.then, OPENS):
        was = before.get(room.key, set())
        change = changed.get(room.key)
        joins, leaves = (set(change.joins), set(change.leaves)) if change else (set(), set())
        assert set(room.members) == (was | joins) - leaves


# --- as people write it ---------------------------------------------------------------------


def test_choices_are_read() -> None:
    said = read(
        ["5A + 5б = 6 «а»", "11А=Выпуск", "=1А, 1Б", "5а Лев=повторно", "Фома = 5б", "6А: Анна"],
        TOWN,
    )
    assert said.choices.becomes == {"5a": "6А", "5b": "6А", "11a": GRADUATES}
    assert said.choices.new == ["1А", "1Б"]
    assert said.pupils == [("5а Лев", REPEATS), ("Фома", "5Б")]
    assert said.leaders == [("6А", "Анна")]


@pytest.mark.parametrize("part", ["5А", "5А=", "6А:", "=", ": Анна", "5А+5А=", "5А=VI", "=VI"])
def test_what_cannot_be_read_is_named(part: str) -> None:
    with pytest.raises(Unreadable) as error:
        read([part], TOWN)
    assert error.value.part == part


def test_choices_survive_being_kept() -> None:
    choices = replace(MERGED, leaders={"6А": "anna"}, year=NEW)
    assert year.restored(choices.kept()) == choices
