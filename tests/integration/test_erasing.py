"""One school's erasure leaves what another has; and nothing names the erased in passing (I-8)."""

from __future__ import annotations

import asyncio
import json
from base64 import b64encode
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import func, insert, select

from sferum_bridge import config as settings
from sferum_bridge.app import opened_database
from sferum_bridge.roster import make_plan
from sferum_bridge.roster.matching import Doubt
from sferum_bridge.roster.reader import read_grids
from sferum_bridge.school.people import LinkState, ParentLink
from sferum_bridge.store import (
    accounts,
    audit,
    cases,
    dialogues,
    dossier,
    enrol,
    erasing,
    invites,
    kin,
    mails,
    news,
    openings,
    privacy,
    pupil_invites,
    queues,
    schools,
    tables,
    tombstones,
)
from sferum_bridge.store.cases import Kind, State
from sferum_bridge.store.privacy import Hold
from tests.support import console, databases
from tests.support.console import bridge
from tests.support.rosters import GOOD, grids

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from sferum_bridge.roster import Plan
    from sferum_bridge.store.database import Database, Tx

database_url = databases.database_url
clock = databases.clock
database = databases.database
folder = console.folder

DAY = 24 * 3600 * 1000
HERE, THERE = "Школа № 0 города Нигдейска", "Лицей № 00"
CHILD = ["04", "Единственнова", "Уника", "Лунная", "01.02.2015", "5А", "unika@example.org"]
MXID, MOTHER, TEACHER = "@unika:school.example", "@mama:school.example", "@lea:school.example"


async def apply(tx: Tx, school_id: str, *pupils: list[Any]) -> Plan:
    reading = read_grids(grids(Ученики=[*GOOD["Ученики"], *pupils]))
    assert not reading.fatal
    plan = make_plan(reading.roster, await enrol.known(tx, school_id), databases.DAY)
    await enrol.carry_out(tx, school_id, plan, "test")
    return plan


async def a_child_of_two_schools(tx: Tx) -> tuple[str, str, str, str]:
    """Let a child go to two schools, a mother be linked; return schools, child and mother."""
    here = await schools.add(tx, HERE, "Europe/Moscow", "ru")
    there = await schools.add(tx, THERE, "Europe/Moscow", "ru")
    await apply(tx, here, CHILD)
    c = tables.people.c
    child = str(await tx.value(select(c.id).where(c.family_name == CHILD[1])))
    mother = await accounts.add_person(tx, "Единственнова", "Мира")
    await accounts.add_account(tx, MXID, child)
    await accounts.add_account(tx, MOTHER, mother)
    await enrol_at(tx, there, child, "1Ы")
    roster_id = {"school_id": there, "roster_id": "L-4", "person_id": child}
    await tx.run(insert(tables.roster_ids).values(**roster_id))
    for school_id in (here, there):
        row = {"school_id": school_id, "child_id": child, "parent_id": mother, "access": True}
        await tx.run(insert(tables.expected_parents).values(**row))
        await cases.open_(tx, school_id, Kind.ERASURE, child, mother, {"by": "parent"})
    link = ParentLink(child, mother, LinkState.ACTIVE)
    assert await kin.link(tx, link, mother) is None
    return here, there, child, mother


async def enrol_at(tx: Tx, school_id: str, person_id: str, class_name: str) -> None:
    class_id = schools.new_id()
    row = {"id": class_id, "school_id": school_id, "name": class_name, "year": "2026/2027"}
    await tx.run(insert(tables.classes).values(**row))
    place = {"school_id": school_id, "person_id": person_id, "class_id": class_id}
    await tx.run(insert(tables.assignments).values(id=schools.new_id(), kind="enrolment", **place))


async def decide(tx: Tx, school_id: str, child: str, state: State) -> None:
    [case] = [one for one in await cases.about(tx, child) if one.school_id == school_id]
    await cases.decide(tx, case, state, "administrator")


# --- two schools ----------------------------------------------------------------------------


async def test_one_school_erases_its_own_and_the_other_keeps_everything(
    database: Database,
) -> None:
    async with database.write() as tx:
        here, there, child, mother = await a_child_of_two_schools(tx)
        await invites.issue(tx, child, there, child, "seed", DAY)
        other_before = await schools.load(tx, there)
        told_before = await dossier.gather(tx, child, school_ids={there})
        done = await erasing.erase(tx, child, "console", "wish", school_id=here)
    assert (done.school_ids, done.only_here, done.accounts) == ([here], True, [])
    assert done.destroyed["roles"] == done.destroyed["roster_ids"] == 1
    assert "profile" not in done.destroyed
    async with database.read() as tx:
        school = await schools.load(tx, here)
        assert child not in school.people
        assert mother not in school.people
        assert await dossier.schools_of(tx, child) == {there}
        assert await schools.load(tx, there) == other_before
        told = await dossier.gather(tx, child, school_ids={there})
        assert {k: v for k, v in told.items() if k != "made_at"} == {
            # Until now the address was not told, as it may have been the other school's.
            **{k: v for k, v in told_before.items() if k != "made_at"},
            "contacts": told["contacts"],
            "journal": told["journal"],
        }
        person = await accounts.person(tx, child)
        assert person is not None
        assert person.full_name == "Уника Единственнова"
        assert [k.parent_id for k in await kin.links_of_child(tx, child)] == [mother]
        assert {one.school_id for one in await cases.about(tx, child)} == {there}
        log = await audit.entries(tx, people={child}, school_ids=[there])
        assert not any(entry.reason == "erasure" for entry in log)
        assert await audit.verify(tx) is None
    async with database.write() as tx:
        # Again it changes nothing, and the own roster does not bring them back.
        assert await erasing.erase(tx, child, "console", "wish", school_id=here) == done
        plan = await apply(tx, here, CHILD)
        assert [(c.doubt, c.candidates) for c in plan.conflicts] == [(Doubt.ERASED, (child,))]
        assert plan.people_to_add == ()


async def test_what_is_open_to_the_account_ends_at_the_school_that_erases(
    database: Database,
) -> None:
    async with database.write() as tx:
        here, there, child, _ = await a_child_of_two_schools(tx)
        for school_id in (here, there):
            await openings.begin(tx, school_id, MXID, ["staff/s"], "why", tx.now + DAY)
        before = {record.id: record.wanted for record in await schools.records(tx)}
    async with database.write() as tx:
        done = await erasing.erase(tx, child, "console", "wish", school_id=here)
    assert done.destroyed["openings"] == 1
    async with database.read() as tx:
        assert [one.school_id for one in await openings.ever(tx)] == [there]
        log = await audit.entries(tx, people={child}, school_ids=[here])
        assert [e.actor for e in log if e.action == "contour.end"] == ["console"]
        after = {record.id: record.wanted for record in await schools.records(tx)}
        assert after[here] > before[here], "its rooms are looked at"
    async with database.write() as tx:
        await erasing.erase(tx, child, "console", "wish", school_id=there)
        assert await openings.ever(tx) == []


async def test_with_the_last_school_goes_the_person(database: Database) -> None:
    async with database.write() as tx:
        here, there, child, mother = await a_child_of_two_schools(tx)
        await erasing.erase(tx, child, "console", "wish", school_id=here)
        done = await erasing.erase(tx, child, "console", "wish", school_id=there)
        assert (done.school_ids, done.only_here, done.accounts) == ([there], False, [MXID])
        assert await kin.links_of_child(tx, child) == []
        assert await tombstones.schools_of(tx, child) == {here, there}
        # One school's word lets them back into its own roster alone.
        assert await tombstones.forget(tx, child, there, "console", "enrolled again")
        assert await tombstones.schools_of(tx, child) == {here}
        person = await accounts.person(tx, mother)
        assert person is not None
        assert person.given_name == "Мира"


async def test_a_parent_of_children_in_two_schools_leaves_one(database: Database) -> None:
    async with database.write() as tx:
        here, there, child, mother = await a_child_of_two_schools(tx)
        c = tables.people.c
        second = str(await tx.value(select(c.id).where(c.family_name == "Облачкова")))
        assert await schools.of_pupil(tx, second) == [here]
        link = ParentLink(second, mother, LinkState.ACTIVE)
        assert await kin.link(tx, link, mother) is None
        await erasing.erase(tx, mother, "console", "wish", school_id=here)
        assert await kin.links_of_child(tx, second) == []
        # This child is the other school's, too.
        assert [k.parent_id for k in await kin.links_of_child(tx, child)] == [mother]
        assert not await kin.is_expected(tx, here, child, mother)
        assert await kin.is_expected(tx, there, child, mother)


async def test_none_decides_for_another(database: Database) -> None:
    async with database.write() as tx:
        here, there, child, _ = await a_child_of_two_schools(tx)
        assert await privacy.holds(tx, child) == [Hold.SCHOOLS]
        await decide(tx, here, child, State.APPROVED)
        assert await privacy.holds(tx, child) == [Hold.SCHOOLS]
        assert await privacy.holds(tx, child, here) == []
        await decide(tx, there, child, State.REJECTED)
        assert await privacy.holds(tx, child) == [Hold.REFUSED, Hold.SCHOOLS]
        assert await privacy.holds(tx, child, there) == [Hold.REFUSED]
        assert await privacy.holds(tx, child, here) == []


async def test_both_agreed_and_all_goes_at_once(database: Database) -> None:
    async with database.write() as tx:
        here, there, child, _ = await a_child_of_two_schools(tx)
        for school_id in (here, there):
            await decide(tx, school_id, child, State.APPROVED)
        assert await privacy.holds(tx, child) == []
        done = await erasing.erase(tx, child, "console", "wish")
    assert set(done.school_ids) == {here, there}


async def test_a_school_that_keeps_nothing_has_nothing_to_erase(database: Database) -> None:
    async with database.write() as tx:
        _, _, child, _ = await a_child_of_two_schools(tx)
        third = await schools.add(tx, "Школа № 000", "Europe/Moscow", "ru")
        with pytest.raises(LookupError):
            await erasing.erase(tx, child, "console", "wish", school_id=third)


# --- in passing -----------------------------------------------------------------------------


async def test_nobody_elses_question_or_news_names_the_erased_and_their_words_stay(
    database: Database,
) -> None:
    async with database.write() as tx:
        here, _, child, mother = await a_child_of_two_schools(tx)
        await invites.issue(tx, child, here, child, "seed", DAY)
        invite = await tx.value(select(tables.invites.c.id))
        corrections = {child: {"given_name": "Уникa"}}
        await dialogues.open_dialogue(tx, MOTHER, {"invite": invite, "corrections": corrections})
        await dialogues.open_dialogue(tx, TEACHER, {"topic": "correct", "typed": "другое"})
        await dialogues.open_dialogue(tx, MXID, {"topic": "withdraw"})
        await dialogues.add_offer(tx, "$event", "✅", TEACHER, f"одобрить {child} {mother}")
        paper = {"name": "x.html", "data": b64encode("<p>Единственнова Уника".encode()).decode()}
        for number, row in enumerate(
            (
                {"to": TEACHER, "content": {"body": "Родитель подключён: Уника Единственнова"}},
                {"to": TEACHER, "content": {}, "offers": [["✅", f"одобрить {child}"]]},
                {"to": TEACHER, "content": {}, "file": paper},
                {"room": "!class", "content": {"body": "привет"}, "as": {"mxid": MXID}},
                {"to": TEACHER, "content": {"body": "Уника ждёт"}},
                {"room": "!class", "content": {"body": "Уника Единственнова"}, "as": {"mxid": ""}},
            )
        ):
            await queues.put(tx, queues.OUTBOX, f"dm/{number}", f"out-{number}", row)
        for number, (lane, said) in enumerate(
            (
                ("relay/!class", {"sender": MXID, "content": {"body": "от самой"}}),
                (
                    "bot/!other",
                    {"sender": TEACHER, "content": {"body": "найти Уника Единственнова"}},
                ),
                ("relay/!class", {"sender": TEACHER, "content": {"body": "Уника Единственнова"}}),
            )
        ):
            await queues.put(tx, queues.INBOX, lane, f"in-{number}", said)
        await news.put(tx, mails.FAILED, {"about": child, "issuer": "x"})
    async with database.write() as tx:
        await erasing.erase(tx, child, "console", "wish")
        held = [row.mxid for row in await tx.all(select(tables.dialogues))]
        offers = await tx.value(select(func.count()).select_from(tables.offers))
        out = [row.txn_id for row in await tx.all(select(tables.outbox))]
        into = [row.event_id for row in await tx.all(select(tables.inbox))]
    assert (held, offers) == ([TEACHER], 0)
    # What the bot says without naming them, and what somebody else says.
    assert out == ["out-4", "out-5"]
    assert into == ["in-1", "in-2"]


async def test_a_namesake_loses_no_message(database: Database) -> None:
    async with database.write() as tx:
        _, _, child, _ = await a_child_of_two_schools(tx)
        await accounts.add_person(tx, CHILD[1], CHILD[2])
        row = {"to": TEACHER, "content": {"body": "Уника Единственнова: родитель подключён"}}
        await queues.put(tx, queues.OUTBOX, "dm/x", "out", row)
        await erasing.erase(tx, child, "console", "wish")
        assert [r.txn_id for r in await tx.all(select(tables.outbox))] == ["out"]


async def test_letters_with_an_invite_that_ended_are_not_sent(database: Database) -> None:
    async with database.write() as tx:
        here, there, child, mother = await a_child_of_two_schools(tx)
        for seed, pupil, issuer, school_id in (
            ("a", mother, child, here),
            ("b", child, "x", there),
        ):
            await pupil_invites.issue(tx, pupil, school_id, issuer, "x", seed, DAY)
            await mails.put(tx, seed, "x@example.org", "s", "b", issuer=issuer, about=pupil)
        await erasing.erase(tx, child, "console", "wish", school_id=here)
        about = [row.about_id for row in await tx.all(select(tables.mails))]
        assert about == [child]
        await erasing.erase(tx, child, "console", "wish")
        assert await tx.value(select(func.count()).select_from(tables.mails)) == 0


# --- the console ----------------------------------------------------------------------------


def fill(folder: Path, *, account: bool) -> tuple[str, str]:
    """Give the installation a child of two schools; return the child and the first school."""

    async def work() -> tuple[str, str]:
        config = settings.load(folder / "config.yaml")
        async with opened_database(config, folder) as db, db.write() as tx:
            here, _, child, _ = await a_child_of_two_schools(tx)
            if not account:
                await tx.run(tables.accounts.delete())
            return child, here

    return asyncio.run(work())


def acts(folder: Path) -> Sequence[Any]:
    found = sorted((folder / "acts").glob("*.json"))
    return [json.loads(path.read_text("utf-8")) for path in found]


def test_the_console_erases_at_one_school_with_an_act_that_tells_of_no_other(folder: Path) -> None:
    child, _ = fill(folder, account=True)
    words = ("privacy", "erase", child)
    assert "several-schools" in bridge(folder, *words, ok=False).output
    assert "keeps nothing" not in bridge(folder, *words, "--school", HERE).output
    assert "no school called" in bridge(folder, *words, "--school", "Нет", ok=False).output
    yes = ("--yes", "--reason", "wish", "--output", str(folder / "acts"), "--school", HERE)
    bridge(folder, *words, *yes, "--operator", f"{HERE}, ул. Ничейная, 1")
    [act] = acts(folder)
    assert act["operator"] == f"{HERE}, ул. Ничейная, 1"
    assert "accounts_closed" not in act
    written = json.dumps(act, ensure_ascii=False)
    written += (folder / "acts" / f"erasure-{child}.html").read_text("utf-8")
    assert "Лицей" not in written
    assert "Останутся: профиль и учётная запись" in written
    assert "nothing is left to do" in bridge(folder, *words, *yes).output


def test_of_an_erasure_in_several_schools_each_gets_an_act_of_its_own(folder: Path) -> None:
    child, _ = fill(folder, account=False)
    out = ("--output", str(folder / "acts"), "--lang", "en")
    words = ("privacy", "erase", child, "--yes", "--reason", "wish", *out)
    bridge(folder, *words, "--force-reason", "both agreed on paper")
    found = acts(folder)
    assert {act["operator"] for act in found} == {HERE, THERE}
    for act in found:
        other = THERE if act["operator"] == HERE else HERE
        assert other not in json.dumps(act, ensure_ascii=False)
        assert "privacy.erase" in {entry["action"] for entry in act["log"]}
    assert "Act of destruction" in next((folder / "acts").glob("*.html")).read_text("utf-8")
    assert (
        "several"
        in bridge(folder, "privacy", "readmit", child, "--reason", "again", ok=False).output.lower()
    )
    bridge(folder, "privacy", "readmit", child, "--reason", "again", "--school", HERE)


def test_a_homeserver_that_is_away_is_told_and_listed(folder: Path) -> None:
    child, _ = fill(folder, account=True)
    out = ("--output", str(folder / "acts"), "--wait", "1", "--force-reason", "agreed on paper")
    words = ("privacy", "erase", child, "--yes", "--reason", "wish", *out)
    said = bridge(folder, *words, ok=False).output
    assert "homeserver does not answer" in said
    # The act is there all the same, and says what is left.
    assert {act["accounts_left"] for act in acts(folder)} == {f"{MXID} (no answer)"}
    rows = json.loads(bridge(folder, "privacy", "requests", "--json").output)
    assert {(row["person"], row["state"]) for row in rows} == {
        (child, "erased; accounts still to be closed: 1")
    }
    assert "accounts still to be closed: 1" in bridge(folder, "privacy", "erase", child).output


def test_who_saw_a_childs_data_and_when_is_asked_of_the_log(folder: Path) -> None:
    child, here = fill(folder, account=False)

    async def look() -> None:
        config = settings.load(folder / "config.yaml")
        async with opened_database(config, folder) as db, db.write() as tx:
            audit.record(tx, "somebody", "person.find", child, school=here)

    asyncio.run(look())
    words = ("audit", "show", "--person", child, "--looks", "--json")
    found = json.loads(bridge(folder, *words).output)
    assert [(row["actor"], row["action"]) for row in found] == [("somebody", "person.find")]
    # That the log was read about the child is a look, too.
    assert len(json.loads(bridge(folder, *words).output)) == 2
    day = found[0]["at"][:10]
    assert len(json.loads(bridge(folder, *words, "--since", day, "--until", day).output)) == 3
    assert json.loads(bridge(folder, *words, "--until", "2001-01-01").output) == []
