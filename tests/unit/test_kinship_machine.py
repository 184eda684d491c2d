"""Whatever people say to the bot, in whatever order: the invariants of requirements §1.9 hold.

A hypothesis state machine lets pupils, parents, strangers, a class teacher and administrators say
everything they can, lets days pass, roles change and people be transferred or erased, and looks at
the database after every step. `SFERUM_STEPS` sets how many steps a run takes at least; the long
target is `make walk`.
"""

from __future__ import annotations

import asyncio
import os
import sqlite3
import sys
from collections import Counter
from contextlib import closing
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, ClassVar

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from sqlalchemy import select, update

from sferum_bridge.school import access
from sferum_bridge.store import accounts, audit, erasing, kin, schools, tables
from tests.support.bot import (
    ADMIN,
    BROTHER,
    HOUR,
    MOTHER,
    OTHER,
    PUPIL,
    STRANGER,
    TEACHER,
    World,
    a_world,
    assign,
    expect,
)

if TYPE_CHECKING:
    from datetime import date

    from sferum_bridge.store.database import Tx
    from tests.support.bot import Said

_SHORT = 10_000
STEPS = int(os.environ.get("SFERUM_STEPS", _SHORT))
STEPS_AT_ONCE = 50
# In parts, so that several cores can walk.
PARTS = 4
_MANY = 6
GRANDMOTHER = "@babushka:school.example"
DEPUTY = "@zavuch:school.example"
CHILDREN = (PUPIL, BROTHER)
ADULTS = (MOTHER, STRANGER, OTHER, GRANDMOTHER, TEACHER)
STAFF = (TEACHER, ADMIN, DEPUTY)
EVERYBODY = (*CHILDREN, *ADULTS, ADMIN, DEPUTY)
# What must leave a record when it changes (I-10).
WATCHED = (
    *(tables.parent_links, tables.invites, tables.assignments, tables.accounts),
    *(tables.consents, tables.cases, tables.corrections, tables.overrides),
)
_WATCHED = [str(select(table).order_by(*table.primary_key.columns).compile()) for table in WATCHED]

children, adults = st.sampled_from(CHILDREN), st.sampled_from(ADULTS)
staff, everybody = st.sampled_from(STAFF), st.sampled_from(EVERYBODY)


class Family(RuleBasedStateMachine):
    """Two pupils, the people around them, and everything they can say."""

    steps = 0
    said: ClassVar[Counter[str]] = Counter()

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.opened: Any = a_world()
        self.codes: list[tuple[str, str]] = []
        """Code and the child it is for."""
        self.asked: list[Said] = []
        """What the bot said with reactions to tap."""

    def run(self, work: Any) -> Any:
        return self.loop.run_until_complete(work)

    def teardown(self) -> None:
        try:
            self.run(self._chain_holds())
            self.run(self.opened.__aexit__(None, None, None))
        finally:
            self.loop.close()

    async def _chain_holds(self) -> None:
        async with self.world.db.read() as tx:
            assert await audit.verify(tx) is None

    @initialize()
    def open(self) -> None:
        self.world: World = self.run(self.opened.__aenter__())
        self.run(self._more_people())
        self.before = self._state()
        self.day: date | None = None

    async def _more_people(self) -> None:
        ids = self.world.ids
        async with self.world.db.write() as tx:
            ids[DEPUTY] = await accounts.add_person(tx, "Нигдеева", "Майя")
            await accounts.add_account(tx, DEPUTY, ids[DEPUTY])
            await assign(tx, ids, DEPUTY, "appointment", post="administrator")
            await expect(tx, ids, BROTHER, MOTHER)
            born = self.world.now // 1000 - 15 * 366 * 24 * 3600
            birth_date = datetime.fromtimestamp(born, UTC).date()
            old_enough = update(tables.people).where(tables.people.c.id == ids[BROTHER])
            await tx.run(old_enough.values(birth_date=birth_date))

    def say(self, mxid: str, text: str) -> list[Said]:
        """Let somebody say something; remember what can be tapped, and what it changed."""
        said: list[Said] = self.run(self.world.write(mxid, text))
        self._heard(said)
        first = text.split(" ", maxsplit=1)[0]
        Family.said["a code" if "-" in first else first] += 1
        return said

    def _heard(self, said: list[Said]) -> None:
        self.asked += [one for one in said if one.offers]
        del self.asked[:-12]
        for one in said:
            assert "не получилось" not in one.body, "the bot stumbled"

    # --- what people do ---------------------------------------------------------------------

    @precondition(lambda self: len(self.codes) < _MANY)
    @rule(child=children)
    def a_child_invites(self, child: str) -> None:
        self._keep_code(self.say(child, "пригласить"), child)

    @precondition(lambda self: len(self.codes) < _MANY)
    @rule(who=staff, child=children)
    def staff_invite(self, who: str, child: str) -> None:
        name = {PUPIL: "Выдумкина Ася", BROTHER: "Выдумкин Фома"}[child]
        self._keep_code(self.say(who, f"пригласить {name}"), child)

    def _keep_code(self, said: list[Said], child: str) -> None:
        for one in said:
            if one.holds_code:
                self.codes.append((one.code, child))

    @precondition(lambda self: self.codes)
    @rule(who=everybody, which=st.integers(0, 10_000), confirm=st.booleans())
    def somebody_gives_a_code(self, who: str, which: int, confirm: bool) -> None:  # noqa: FBT001 - drawn
        code, child = self.codes[which % len(self.codes)]
        before = self.run(self._links_and_invites())
        said = [one for one in self.say(who, code) if one.to == who]
        # Looking at an invite takes no slot and uses nothing up (I-5, S-38).
        assert self.run(self._links_and_invites()) == before
        if who == child:
            assert not any("Подтверждая" in one.body for one in said)
        if confirm:
            self.say(who, "подтвердить")

    @rule(who=adults, child=children)
    def a_parent_comes(self, who: str, child: str) -> None:
        """The whole way at once: without it most runs would never see two parents."""
        self._keep_code(self.say(child, "пригласить"), child)
        code = next((code for code, whose in reversed(self.codes) if whose == child), "")
        if code:
            self.say(who, code)
            self.say(who, "подтвердить")

    @rule(who=everybody, text=st.sampled_from(("0000-" * 6 + "0000", "подтвердить 1234")))
    def somebody_guesses(self, who: str, text: str) -> None:
        before = self.run(self._links_and_invites())
        said = [one for one in self.say(who, text) if one.to == who]
        assert self.run(self._links_and_invites()) == before
        for one in said:
            assert not {"Ася", "Фома", "5А", "9Б"} & set(one.body.replace(".", " ").split()), one

    @rule(
        who=everybody,
        text=st.sampled_from(
            (
                *("подтвердить", "не мой", "отмена", "отозвать", "мои дети", "мои родители"),
                *("выйти", "это не родитель", "вернуть", "одобрить", "отозвать согласие"),
                *("исправить отчество Ивановна", "исправить фамилия Небывалова", "согласия"),
                *("исправить дата рождения 12.03.2014", "исправить класс 5Б", "почему"),
                *("удалить", "экспорт", "журнал", "помощь", "кто я"),
                *("заявка ученик 5А Сказочный Лев", "заявка родитель 5А Выдумкина Ася"),
            )
        ),
    )
    def somebody_says(self, who: str, text: str) -> None:
        self.say(who, text)

    @precondition(lambda self: self.asked)
    @rule(which=st.integers(0, 10_000), reaction=st.integers(0, 10_000))
    def somebody_taps(self, which: int, reaction: int) -> None:
        one = self.asked[which % len(self.asked)]
        emoji = one.offers[reaction % len(one.offers)]
        self._heard(self.run(self.world.tap(one.to, one, emoji)))
        Family.said["tap"] += 1

    @precondition(lambda self: self.asked)
    @rule(who=everybody, which=st.integers(0, 10_000))
    def somebody_else_taps(self, who: str, which: int) -> None:
        one = self.asked[which % len(self.asked)]
        if one.to != who:
            assert self.run(self.world.tap(who, one, one.offers[0])) == []

    @rule(
        who=staff,
        text=st.sampled_from(
            (
                "отвязать родителя Выдумкина Ася | Выдумкина Ольга | решение № 1 от 01.09.2026",
                "исключение Выдумкина Ася | @babushka:school.example | учится сама",
                "перевести Выдумкина Ася в 9Б",
                "перевести Выдумкин Фома в 5А",
                "перевести Выдумкина Ася из школы",
                "назначить Небывалова Анна классный руководитель 9Б",
                "уволить Небывалова Анна",
                "уволить Нигдеева Майя",
            )
        ),
        sure=st.booleans(),
    )
    def staff_change_roles(self, who: str, text: str, sure: bool) -> None:  # noqa: FBT001 - drawn
        self.say(who, text)
        if sure:
            self.say(who, "подтвердить")

    @rule(hours=st.sampled_from((1, 24, 24 * 8)))
    def time_passes(self, hours: int) -> None:
        self.world.now += hours * HOUR

    @rule(who=st.sampled_from((*CHILDREN, MOTHER, STRANGER, OTHER)), chance=st.integers(0, 9))
    def somebody_is_erased(self, who: str, chance: int) -> None:
        """Seldom: little is left to be said of a child who is gone."""
        if chance == 0:
            self.run(self._erase(who))
            Family.said["erased"] += 1

    async def _erase(self, who: str) -> None:
        async with self.world.db.write() as tx:
            person = await accounts.person_of(tx, who)
            if person is not None:
                await erasing.erase(tx, person.id, "console", "wish")

    @rule(child=children, home=st.booleans())
    def the_roster_moves_a_child(self, child: str, home: bool) -> None:  # noqa: FBT001 - drawn
        """Enrol a child again, in the own class or the other, as a roster would."""
        self.run(self._enrol(child, "5А" if (child == PUPIL) is home else "9Б"))

    async def _enrol(self, child: str, class_name: str) -> None:
        ids, c = self.world.ids, tables.assignments.c
        async with self.world.db.write() as tx:
            if await accounts.person_of(tx, child) is None:
                # A roster that names somebody who was erased brings nobody back.
                return
            today = self._today()
            await tx.run(
                update(tables.assignments)
                .where(c.person_id == ids[child], c.kind == "enrolment")
                .where((c.until.is_(None)) | (c.until >= today))
                .values(until=today - timedelta(days=1))
            )
            await assign(tx, ids, child, "enrolment", class_id=ids[class_name], since=today)
            audit.record(tx, "test", "roster.apply", ids[child], school=ids["school"])
            await schools.changed(tx, ids["school"])

    def _today(self) -> date:
        at = datetime.fromtimestamp(self.world.now / 1000, UTC) + timedelta(hours=10)
        return at.date()

    # --- what always holds ------------------------------------------------------------------

    @invariant()
    def the_invariants_hold(self) -> None:
        if hasattr(self, "world"):
            Family.steps += 1
            self.run(self._check())

    async def _check(self) -> None:
        state = self._state()
        if state[0] != self.before[0] or self._today() != self.day:
            # Both say the same of the same data on the same day.
            self.day = self._today()
            async with self.world.db.read() as tx:
                await self._parents_are_parents(tx)
                await self._access_is_the_union_of_reasons(tx)
        if state[0] != self.before[0]:
            # I-10: what changed left a record that says who, what and whom.
            records = state[1][len(self.before[1]) :]
            assert records, "something changed and nobody knows who did it"
            assert all(actor and action for actor, action in records)
        assert state[1][: len(self.before[1])] == self.before[1]
        self.before = state

    async def _parents_are_parents(self, tx: Tx) -> None:
        c = tables.parent_links.c
        # I-1, also of what has ended.
        assert not await tx.all(select(c.id).where(c.child_id == c.parent_id))
        live = await tx.all(select(c.child_id, c.parent_id).where(c.slot.is_not(None)))
        # I-2.
        assert max(Counter(row.child_id for row in live).values(), default=0) <= 2
        for row in live:
            # I-3.
            parents = {person.id for person, _ in await kin.parents(tx, row.child_id)}
            offspring = {person.id for person, _ in await kin.children(tx, row.parent_id)}
            assert row.parent_id in parents
            assert row.child_id in offspring
        # Who was erased is nobody's child, nobody's parent, and nobody.
        p = tables.people.c
        gone = await tx.all(select(tables.people).where(p.erased_at.is_not(None)))
        tied = {person_id for row in live for person_id in row}
        for row in gone:
            assert row.id not in tied
            assert (row.family_name, row.given_name) == ("", erasing.BLANK)

    async def _access_is_the_union_of_reasons(self, tx: Tx) -> None:
        """I-7, told a second time in plain words."""
        here = await schools.load(tx, self.world.ids["school"])
        today = self._today()
        groups = access.groups(here, today)
        classes = {e.person_id: e.class_id for e in here.enrolments if e.term.covers(today)}
        for child_id, class_id in classes.items():
            assert f"class/{class_id}/pupils" in groups[child_id]
        may_be_parents = {
            (link.parent_id, f"class/{classes[link.child_id]}/parents")
            for link in here.parent_links
            if link.state == "active" and link.child_id in classes
        }
        are_parents = {
            (person_id, key)
            for person_id, keys in groups.items()
            for key in keys
            if key.endswith("/parents")
        }
        assert are_parents == may_be_parents
        pupils = {p for p, keys in groups.items() if any(k.endswith("/pupils") for k in keys)}
        assert pupils == set(classes)
        staff_ids = {a.person_id for a in here.appointments if a.term.covers(today)}
        in_staff = {p for p, keys in groups.items() if any(k.endswith("/staff") for k in keys)}
        assert in_staff == staff_ids

    def _state(self) -> tuple[Any, list[tuple[str, str]]]:
        # Read behind the bot's back, since it is read after every step.
        with closing(sqlite3.connect(str(self.world.db.engine.url.database))) as file:
            tied = [file.execute(query).fetchall() for query in _WATCHED]
            return tied, file.execute("SELECT actor, action FROM audit ORDER BY id").fetchall()

    async def _links_and_invites(self) -> Any:
        async with self.world.db.read() as tx:
            links = await tx.all(select(tables.parent_links).order_by(tables.parent_links.c.id))
            open_ = select(tables.invites.c.id, tables.invites.c.used_by)
            rows = await tx.all(open_.order_by(tables.invites.c.id))
            return [tuple(r) for r in links], [tuple(r) for r in rows]


# The long walk takes hours, and a mark is stronger than the command line.
@pytest.mark.timeout(0 if STEPS > _SHORT else 1500)
@pytest.mark.parametrize("part", range(PARTS))
def test_the_invariants_hold_whatever_people_say(part: int) -> None:
    Family.steps = 0
    once = settings(
        # Small rounds, so that not much more is walked than asked.
        max_examples=10,
        stateful_step_count=STEPS_AT_ONCE,
        deadline=None,
        # Where chance is switched off, every part and every round would walk the same ways.
        derandomize=False,
        phases=(Phase.generate, Phase.shrink),
        suppress_health_check=list(HealthCheck),
        database=None,
        print_blob=True,
    )
    while Family.steps * PARTS < STEPS:
        run_state_machine_as_test(Family, settings=once)
        print(f"part {part}: {Family.steps:,} of {STEPS // PARTS:,} steps", file=sys.stderr)  # noqa: T201 - shown with -s
    print(f"part {part} said {dict(Family.said.most_common())}", file=sys.stderr)  # noqa: T201 - shown with -s
    assert Family.said["tap"] > 0
