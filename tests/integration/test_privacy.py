"""Destroying what is kept about somebody: in the database, at the console, in Matrix (§3)."""

from __future__ import annotations

import asyncio
import json
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import pytest
from mautrix.errors import make_request_error
from sqlalchemy import func, select, update

from sferum_bridge import config as settings
from sferum_bridge.app import opened_database
from sferum_bridge.cli.erasing import close_accounts
from sferum_bridge.cli.exporting import Notes, index
from sferum_bridge.matrix.client import TryAgain
from sferum_bridge.roster import make_plan
from sferum_bridge.roster.matching import Doubt
from sferum_bridge.roster.reader import read_grids
from sferum_bridge.school.corrections import Field
from sferum_bridge.school.people import LinkState, ParentLink
from sferum_bridge.store import (
    accounts,
    announcements,
    audit,
    calls,
    cases,
    chats,
    consents,
    corrections,
    dialogues,
    documents,
    dossier,
    enrol,
    erasing,
    invites,
    kin,
    mails,
    materials,
    openings,
    privacy,
    pupil_invites,
    queues,
    rooms,
    schools,
    tables,
    tickets,
    tombstones,
)
from sferum_bridge.store.privacy import Hold
from tests.support import console, databases, stored
from tests.support.console import bridge
from tests.support.rosters import GOOD, PARENT_HEADER, grids

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from sferum_bridge.roster import Plan
    from sferum_bridge.store.database import Database, Tx
    from tests.support.databases import Clock
    from tests.support.rosters import Rows

database_url = databases.database_url
clock = databases.clock
database = databases.database
folder = console.folder

SCHOOL = "Школа № 0 города Нигдейска"
DAY = 24 * 3600 * 1000
CHILD = ["04", "Единственнова", "Уника", "Лунная", "01.02.2015", "5А", "unika@example.org"]
SECRETS = ("Единственнов", "Единичнов", "Уника", "Лунная", "2015-02-01", "@unika", "unika@")
MXID, FATHER = "@unika:school.example", "@papa:school.example"


async def apply(tx: Tx, school_id: str, **changed: Rows) -> Plan:
    """Apply a roster to a school; return what was planned."""
    reading = read_grids(grids(**changed))
    assert not reading.fatal
    known = await enrol.known(tx, school_id)
    plan = make_plan(reading.roster, known, databases.DAY)
    await enrol.carry_out(tx, school_id, plan, "test")
    return plan


def with_child(*rows: list[Any]) -> Rows:
    return [*GOOD["Ученики"], *rows]


async def person(tx: Tx, family_name: str, given_name: str) -> str:
    c = tables.people.c
    query = select(c.id).where(c.family_name == family_name, c.given_name == given_name)
    return str(await tx.value(query))


async def a_life(tx: Tx) -> tuple[str, str, str]:
    """Give a school and a child everything that can be kept about one; return school and ids."""
    school_id = await schools.add(tx, SCHOOL, "Europe/Moscow", "ru")
    await apply(
        tx,
        school_id,
        Ученики=with_child(CHILD),
        Родители=[*GOOD["Родители"], ["04", "Облачков", "Савва", "", "отец", "", "", "", ""]],
    )
    child = await person(tx, "Единственнова", "Уника")
    father = await person(tx, "Облачков", "Савва")
    await accounts.add_account(tx, MXID, child)
    await accounts.add_account(tx, FATHER, father)
    await accounts.set_language(tx, child, "ru")
    link = ParentLink(child, father, LinkState.ACTIVE)
    assert await kin.link(tx, link, father) is None
    await consents.give(tx, child, father, "1", school=school_id)
    before = await accounts.person(tx, child)
    assert before is not None
    await corrections.make(
        tx, before, Field.FAMILY_NAME, "Единичнова", father, father, school=school_id
    )
    await invites.issue(tx, child, school_id, child, "seed", DAY)
    await invites.allow(tx, child, father, "console", "studies in the evening", school=school_id)
    await pupil_invites.issue(tx, child, school_id, "console", "console", "seed", DAY)
    for kind, who in ((cases.Kind.CORRECTION, father), (cases.Kind.APPLICATION, MXID)):
        await cases.open_(tx, school_id, kind, child, who, {"new": "Единичнова"})
    await cases.open_(tx, school_id, cases.Kind.ERASURE, child, father, {"by": "parent"})
    await mails.put(tx, "x", "unika@example.org", "Уника", "Уника", issuer="x", about=child)
    await chats.save_login(tx, "sferum", "1001", "Уника Е.", MXID, "invented-cookie")
    await dialogues.add_room(tx, "!direct:school.example", MXID)
    await dialogues.open_dialogue(tx, MXID, {"topic": "confirm", "invite": "x"})
    await dialogues.add_offer(tx, "$event", "✅", FATHER, f"одобрить {child} {father}")
    await dialogues.note_attempt(tx, MXID, "code")
    one = await announcements.draft(tx, school_id, child, None, "Уника поёт", event_id="$a")
    theirs = await announcements.draft(tx, school_id, father, None, "сбор", event_id="$b")
    await announcements.read_by(tx, [(each.id, "!room", MXID) for each in (one, theirs)])
    await calls.start(tx, school_id, "!lesson", child, calls.Network.OWN, "school-1")
    meeting = await calls.start(tx, school_id, "!room", father, calls.Network.OWN, "school-2")
    assert meeting is not None
    await calls.came(tx, meeting.id, MXID)
    reported = {"said": [], "shown": {"sender": MXID, "name": "Уника", "text": "Уника спешит"}}
    await tickets.open_(tx, school_id, tickets.Kind.REPORT, father, reported, about=child)
    await tickets.open_(tx, school_id, tickets.Kind.REQUEST, father, {"said": [], "who": MXID})
    assert await documents.add(tx, child, "Уника.pdf", "application/pdf", 1000)
    school = await schools.load(tx, school_id)
    filed = materials.Material(
        *("0" * 20, school_id, min(school.classes), child, "Уника", MXID, "$own", "!room", "$own"),
        *("Музыка", "Уника поёт", materials.State.SHOWN, tx.now),
    )
    assert await materials.add(tx, filed)
    await openings.begin(tx, school_id, MXID, ["staff/s"], "complaint No. 17", tx.now + DAY)
    await queues.put(tx, queues.OUTBOX, f"name/{MXID}", "name", {"mxid": MXID, "name": "Уника"})
    await queues.put(tx, queues.INBOX, "bot/!direct:school.example", "$said", {"body": "Уника"})
    return school_id, child, father


# --- the database ---------------------------------------------------------------------------


async def test_after_an_erasure_no_row_of_any_table_holds_anything_of_it(
    database: Database,
) -> None:
    async with database.write() as tx:
        school_id, child, father = await a_life(tx)
    async with database.read() as tx:
        told = await stored.texts(tx)
        counts = await privacy.inventory(tx, child)
    # All that is looked for below was there.
    for secret in SECRETS:
        assert any(secret in said for said in told.values()), secret
    assert {what for what, count in counts.items() if not count} == set()
    async with database.write() as tx:
        done = await erasing.erase(tx, child, "console", "the father's wish")
    assert (done.accounts, done.rooms) == ([MXID], ["!direct:school.example"])
    assert done.destroyed == counts
    async with database.write() as tx:
        for mxid in done.accounts:
            await erasing.closed(tx, child, mxid)
    async with database.read() as tx:
        told = await stored.texts(tx)
        assert await audit.verify(tx) is None
        assert await kin.links_of_child(tx, child) == []
        assert (await accounts.person(tx, father)) is not None
        school = await schools.load(tx, school_id)
        log = await audit.entries(tx, people={child})
        assert await openings.ever(tx) == [], "and nothing is open to the account any more"
    for table, said in told.items():
        # An account that nobody knew yet is its own id in the log.
        log_of_accounts = {"@unika"} if table == "audit" else set()
        for secret in set(SECRETS) - log_of_accounts:
            assert secret not in said, (table, secret)
    [enrolment] = [e for e in school.enrolments if e.person_id == child]
    # It is 21 September 2026, 17:13 in Moscow: the last day was the day before.
    assert str(enrolment.term.until) == "2026-09-20"
    recorded = {entry.action for entry in log if entry.at == done.at}
    assert recorded >= {
        *("privacy.erase", "parent.unlink", "assignment.end", "guardian.remove"),
        *("invite.revoke", "pupil-invite.revoke", "erasure.approved", "correction.withdrawn"),
        "contour.end",
    }
    assert log[0].action == "account.close"


async def test_the_other_people_keep_what_is_theirs(database: Database) -> None:
    async with database.write() as tx:
        _, child, father = await a_life(tx)
        before = await dossier.gather(tx, father)
        await erasing.erase(tx, child, "console", "wish")
        after = await dossier.gather(tx, father)
    for section in ("profile", "accounts", "contacts"):
        assert before[section] == after[section]
    assert [row["relation"] for row in before["guardians"]] == ["father"]
    assert after["guardians"] == []
    assert [(row["state"], row["given_name"]) for row in after["family"]] == [("ended", "")]


async def test_who_was_let_into_rooms_in_an_emergency_is_told_to_those_in_them(
    database: Database, clock: Clock
) -> None:
    async with database.write() as tx:
        school_id, child, father = await a_life(tx)
        class_id = (await schools.load(tx, school_id)).enrolments[0].class_id
        key = f"parents/{class_id}"
        await rooms.intend(tx, key, school_id, "parents")
        await rooms.created(tx, key, "!parents")
        await rooms.set_member(tx, "!parents", FATHER, "join")
        begun = await openings.begin(
            tx, school_id, "@root:school.example", [key, "staff/s"], "a complaint", tx.now + DAY
        )
    clock.now += DAY // 2
    async with database.write() as tx:
        await openings.end(tx, begun, "console")
        fathers, childs = [await dossier.gather(tx, who) for who in (father, child)]
        name = (await schools.load(tx, school_id)).classes[class_id].name
        log = await audit.entries(tx, people={child})
    [row] = fathers["openings"]
    assert {k: v for k, v in row.items() if k not in {"since", "until"}} == {
        "school": SCHOOL,
        "room": "parents",
        "class": name,
        "who": "operator",
    }
    assert row["since"] < row["until"]
    assert [(row["room"], row["who"]) for row in childs["openings"]] == [("staff", "self")]
    assert "complaint" not in json.dumps([fathers["openings"], childs["openings"]])
    # Of an account whose owner is known the log names the person, and so do the school's pages.
    assert "contour.open" in {entry.action for entry in log}


async def test_a_second_erasure_changes_nothing(database: Database, clock: Clock) -> None:
    async with database.write() as tx:
        _, child, _ = await a_life(tx)
        done = await erasing.erase(tx, child, "console", "wish")
    clock.now += DAY
    async with database.write() as tx:
        count = await tx.value(select(func.count()).select_from(tables.audit))
        assert await erasing.erase(tx, child, "console", "again") == done
    async with database.read() as tx:
        assert await tx.value(select(func.count()).select_from(tables.audit)) == count


async def test_what_fails_half_way_destroys_nothing(database: Database) -> None:
    async with database.write() as tx:
        _, child, _ = await a_life(tx)
    async with database.read() as tx:
        before = await stored.texts(tx)

    async def killed() -> None:
        async with database.write() as tx:
            await erasing.erase(tx, child, "console", "wish")
            raise asyncio.CancelledError

    with pytest.raises(asyncio.CancelledError):
        await killed()
    async with database.read() as tx:
        assert await stored.texts(tx) == before


async def test_somebody_unknown_cannot_be_erased(database: Database) -> None:
    async with database.write() as tx:
        with pytest.raises(LookupError):
            await erasing.erase(tx, "nobody", "console", "wish")
        with pytest.raises(LookupError):
            await dossier.gather(tx, "nobody")
        with pytest.raises(LookupError):
            await erasing.closed(tx, "nobody", MXID)


async def test_administrators_and_disputed_parents_are_held(database: Database) -> None:
    async with database.write() as tx:
        school_id, child, father = await a_life(tx)
        # GOOD names Парусов as the only administrator.
        last = await person(tx, "Парусов", "Илья")
        assert await privacy.holds(tx, last) == [Hold.ADMINISTRATOR, Hold.LAST_ADMINISTRATOR]
        assert await privacy.holds(tx, child) == []
        removal = await cases.open_(
            tx, school_id, cases.Kind.REMOVAL, child, last, {"parent": father}
        )
        assert await privacy.holds(tx, child) == [Hold.REMOVAL]
        assert await privacy.holds(tx, father) == [Hold.REMOVAL]
        await cases.decide(tx, removal, cases.State.REJECTED, "console")
        assert await privacy.holds(tx, father) == []


# --- rosters --------------------------------------------------------------------------------


async def erased_child(tx: Tx) -> tuple[str, str]:
    school_id = await schools.add(tx, SCHOOL, "Europe/Moscow", "ru")
    await apply(tx, school_id, Ученики=with_child(CHILD))
    child = await person(tx, "Единственнова", "Уника")
    await erasing.erase(tx, child, "console", "wish")
    return school_id, child


@pytest.mark.parametrize(
    "row",
    [
        CHILD,
        ["", *CHILD[1:]],
        ["", "ЕДИНСТВЕННОВА ", "уника", "", "", "6Б"],
        ["77", *CHILD[1:4], "", "5А"],
        # The school's own id says it, whatever the name.
        ["04", "Другая", "Рита", "", "", "5А"],
    ],
    ids=["same", "no id", "name only", "another id", "another name"],
)
async def test_a_roster_that_names_them_again_adds_nobody(
    database: Database, row: list[Any]
) -> None:
    async with database.write() as tx:
        school_id, child = await erased_child(tx)
        guardian = [row[0] or "04", "Опекунова", "Ида", "", "опекун", "", "", "", ""]
        changed = {"Ученики": with_child(row)}
        if row[0]:
            changed["Родители"] = [PARENT_HEADER, guardian]
        plan = await apply(tx, school_id, **changed)
        again = await apply(tx, school_id, **changed)
        added = await person(tx, "Опекунова", "Ида")
    assert [(c.doubt, c.candidates) for c in plan.conflicts] == [(Doubt.ERASED, (child,))]
    assert (plan.people_to_add, plan.enrolments_to_add) == ((), ())
    assert again.conflicts == plan.conflicts
    assert added == "None"


async def test_a_namesake_of_another_birthday_is_somebody_else(database: Database) -> None:
    async with database.write() as tx:
        school_id, _ = await erased_child(tx)
        row = ["78", *CHILD[1:4], "05.05.2014", "6Б"]
        plan = await apply(tx, school_id, Ученики=with_child(row))
    assert plan.conflicts == ()
    assert [new.external_id for new in plan.people_to_add] == ["78"]


async def test_a_name_that_was_corrected_is_recognised_by_both_forms(database: Database) -> None:
    async with database.write() as tx:
        school_id, child, _ = await a_life(tx)
        await erasing.erase(tx, child, "console", "wish")
        for family_name in ("Единственнова", "Единичнова"):
            row = ["", family_name, *CHILD[2:]]
            plan = await apply(tx, school_id, Ученики=with_child(row))
            assert [c.doubt for c in plan.conflicts] == [Doubt.ERASED]


async def test_an_administrator_may_let_them_back_as_somebody_new(database: Database) -> None:
    async with database.write() as tx:
        school_id, child = await erased_child(tx)
        assert await tombstones.schools_of(tx, child) == {school_id}
        assert await tombstones.forget(tx, child, school_id, "console", "enrolled again")
        plan = await apply(tx, school_id, Ученики=with_child(CHILD))
        new = await person(tx, "Единственнова", "Уника")
        assert not await tombstones.forget(tx, child, school_id, "console", "twice")
    assert [p.given_name for p in plan.people_to_add] == ["Уника"]
    assert new not in {child, "None"}


async def test_a_tombstone_holds_in_every_school_and_in_no_other(database: Database) -> None:
    async with database.write() as tx:
        await erased_child(tx)
        other = await schools.add(tx, "Лицей № 00", "Europe/Moscow", "ru")
        plan = await apply(tx, other, Ученики=with_child(CHILD))
    assert plan.conflicts == ()
    assert "Уника" in {p.given_name for p in plan.people_to_add}


# --- what is kept how long ------------------------------------------------------------------


async def test_what_is_over_for_a_month_is_forgotten(database: Database, clock: Clock) -> None:
    async with database.write() as tx:
        school_id, child, father = await a_life(tx)
        await pupil_invites.issue(tx, father, school_id, "console", "console", "used", 90 * DAY)
        used = await pupil_invites.find(tx, pupil_invites.code_of(tx, "used").replace("-", ""))
        assert used is not None
        await pupil_invites.use(tx, used.id)
        await invites.issue(tx, father, school_id, "console", "long", 90 * DAY)
        [mail] = [await mails.due(tx)]
        assert mail is not None
        await mails.sent(tx, mail)
        for case in await cases.about(tx, child):
            await cases.decide(tx, case, cases.State.REJECTED, "console")
    left = {"invites": 2, "pupil_invites": 2, "mails": 1, "cases": 3}
    for days, change in (
        (29, {}),
        # What had lived for a day, and what was used, sent or decided, are over for 30 days.
        (2, {"pupil_invites": 1, "mails": 0, "cases": 0}),
        (1, {"invites": 1, "pupil_invites": 0}),
        (58, {}),
        (31, {"invites": 0}),
    ):
        clock.now += days * DAY
        left |= change
        async with database.write() as tx:
            await privacy.prune(tx)
            found = {
                name: await tx.value(select(func.count()).select_from(getattr(tables, name)))
                for name in left
            }
        assert found == left, days


# --- the console ----------------------------------------------------------------------------


@asynccontextmanager
async def opened(folder: Path) -> AsyncIterator[Database]:
    config = settings.load(folder / "config.yaml")
    async with opened_database(config, folder) as db:
        yield db


def a_school(folder: Path) -> tuple[str, str]:
    """Fill the installation; return the ids of a child without an account and the administrator."""

    async def fill() -> tuple[str, str]:
        async with opened(folder) as db, db.write() as tx:
            school_id = await schools.add(tx, SCHOOL, "Asia/Vladivostok", "ru")
            await apply(tx, school_id, Ученики=with_child(CHILD))
            child = await person(tx, "Единственнова", "Уника")
            await cases.open_(tx, school_id, cases.Kind.ERASURE, child, "x", {"by": "parent"})
            return child, await person(tx, "Парусов", "Илья")

    return asyncio.run(fill())


def test_the_console_shows_what_would_go_and_then_destroys_it_with_an_act(folder: Path) -> None:
    child, _ = a_school(folder)
    assert child in bridge(folder, "privacy", "requests").output
    [wish] = json.loads(bridge(folder, "privacy", "requests", "--json").output)
    assert (wish["person"], wish["state"]) == (child, "open")
    dry = bridge(folder, "privacy", "erase", child)
    assert "Nothing has been changed" in dry.output
    assert "имя, дата рождения" in dry.output
    acts = folder / "acts"
    assert not acts.exists()
    words = ("privacy", "erase", child, "--yes", "--reason", "wish of the mother", "--by", "Иванна")
    bridge(folder, *words, ok=False)
    bridge(folder, *words, "--output", str(acts))
    content = json.loads((acts / f"erasure-{child}.json").read_text("utf-8"))
    page = (acts / f"erasure-{child}.html").read_text("utf-8")
    assert (content["subject"], content["reason"]) == (child, "wish of the mother")
    assert (content["operator"], content["by"]) == (SCHOOL, "Иванна")
    assert content["destroyed"]["contacts"] == 1
    assert "privacy.erase" in {entry["action"] for entry in content["log"]}
    assert "+10:00" in content["date"]
    for part in (
        "Акт об уничтожении",
        "почта и телефон",
        "wish of the mother",
        SCHOOL,
        "Что остаётся",
    ):
        assert part in page
    for secret in SECRETS:
        assert secret not in page + json.dumps(content, ensure_ascii=False)
    again = bridge(folder, *words, "--output", str(acts))
    assert "Already erased" in again.output
    assert json.loads((acts / f"erasure-{child}.json").read_text("utf-8")) == content
    assert "nothing is left to do" in bridge(folder, "privacy", "erase", child).output
    assert json.loads(bridge(folder, "privacy", "requests", "--json").output) == []
    bridge(folder, "audit", "verify")


def test_who_is_held_is_erased_for_a_reason_only(folder: Path) -> None:
    _, last = a_school(folder)
    refused = bridge(folder, "privacy", "erase", last, ok=False)
    assert "last-administrator" in refused.output
    words = (
        "privacy",
        "erase",
        last,
        "--yes",
        "--reason",
        "left",
        "--output",
        str(folder / "acts"),
    )
    bridge(folder, *words, ok=False)
    bridge(folder, *words, "--force-reason", "the school is closed")
    [erased] = [
        row
        for row in json.loads(bridge(folder, "audit", "show", "--person", last, "--json").output)
        if row["action"] == "privacy.erase"
    ]
    assert erased["reason"] == (
        "left; despite administrator, last-administrator: the school is closed"
    )


def test_readmitting_at_the_console(folder: Path) -> None:
    child, _ = a_school(folder)
    bridge(folder, "privacy", "readmit", child, "--reason", "never erased", ok=False)
    erase = ("privacy", "erase", child, "--yes", "--reason", "wish", "--output", str(folder))
    bridge(folder, *erase)
    bridge(folder, "privacy", "readmit", child, "--reason", "enrolled again")
    bridge(folder, "privacy", "erase", "nobody", ok=False)


def test_an_export_at_the_console(folder: Path) -> None:
    child, _ = a_school(folder)
    out = folder / "out"
    bridge(folder, "privacy", "export", child, "--output", str(out), "--lang", "en")
    data = json.loads((out / f"export-{child}.json").read_text("utf-8"))
    assert data["contacts"] == [{"kind": "email", "value": "unika@example.org"}]
    # Without an account nobody has written anything, and no homeserver is asked.
    assert data["messages"] == []
    assert "Data about a person" in (out / f"export-{child}.html").read_text("utf-8")
    assert {path.suffix for path in out.iterdir()} == {".json", ".html"}
    bridge(folder, "privacy", "export", "nobody", "--output", str(out), ok=False)


def test_the_log_at_the_console(folder: Path) -> None:
    child, _ = a_school(folder)
    shown = json.loads(bridge(folder, "audit", "show", "--person", child, "--json").output)
    assert [row["action"] for row in shown] == ["erasure.open", "roster.apply"]
    assert shown[0]["school"] == SCHOOL
    assert "Единственнова" not in json.dumps(shown, ensure_ascii=False)
    rows = json.loads(bridge(folder, "audit", "show", "--json", "--limit", "1").output)
    # Somebody has read the log before.
    assert [(row["actor"], row["action"], row["subject"]) for row in rows] == [
        ("console", "journal.read", child)
    ]
    assert "roster.apply" in bridge(folder, "audit", "show", "--school", SCHOOL).output
    bridge(folder, "audit", "show", "--school", "Нет такой", ok=False)
    later = bridge(folder, "audit", "show", "--since", "2199-01-01", "--json")
    assert json.loads(later.output) == []


def test_a_changed_log_fails_at_the_console(folder: Path) -> None:
    a_school(folder)

    async def spoil() -> int:
        async with opened(folder) as db, db.write() as tx:
            c = tables.audit.c
            first = await tx.value(select(func.min(c.id)))
            await tx.run(update(tables.audit).where(c.id == first).values(reason="forged"))
            return int(first)

    first = asyncio.run(spoil())
    assert f"record {first}" in bridge(folder, "audit", "verify", ok=False).output


# --- the index of messages ------------------------------------------------------------------


class Rooms:
    """A homeserver that has one room of three pages, and fails once at the second."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    async def request(self, _method: str, _where: str, **more: Any) -> Any:
        begin = more["query"].get("from", "")
        self.asked.append(begin)
        assert json.loads(more["query"]["filter"])["senders"] == [MXID]
        if self.asked.count("1") == 1 and begin == "1":
            raise asyncio.CancelledError
        number = int(begin or 0)
        chunk = [
            {"event_id": f"$own-{number}", "sender": MXID, "origin_server_ts": number},
            {"event_id": f"$other-{number}", "sender": FATHER, "origin_server_ts": number},
        ]
        return {"chunk": chunk, **({"end": str(number + 1)} if number < 2 else {})}


async def test_an_interrupted_index_goes_on_where_it_stopped(
    database: Database, tmp_path: Path
) -> None:
    async with database.write() as tx:
        school_id = await schools.add(tx, SCHOOL, "Europe/Moscow", "ru")
        await rooms.intend(tx, "pupils/x", school_id, "pupils")
        await rooms.created(tx, "pupils/x", "!room:school.example")
    homeserver: Any = Rooms()
    part = tmp_path / "out" / "child.part"
    with pytest.raises(asyncio.CancelledError):
        await index(database, homeserver, [MXID], Notes(part))
    notes = Notes(part)
    found = await index(database, homeserver, [MXID], notes)
    assert homeserver.asked == ["", "1", "1", "2"]
    assert [row["event"] for row in found] == ["$own-0", "$own-1", "$own-2"]
    assert {row["room"] for row in found} == {"pupils"}
    notes.drop()
    assert list(part.parent.iterdir()) == []


# --- closing accounts -----------------------------------------------------------------------


class Accounts:
    """A homeserver that refuses some accounts, keeps every name, and knows nothing of its bot."""

    domain = "school.example"

    def __init__(self, *refused: str) -> None:
        self.refused = set(refused)
        self.closed: list[str] = []

    async def leave(self, _room_id: str) -> None:
        raise make_request_error(403, "", "M_FORBIDDEN", "not in it")

    async def set_name(self, *_args: Any, **_more: Any) -> None:
        raise make_request_error(403, "", "M_FORBIDDEN", "no names")

    async def request(self, _method: str, _where: str, **asked: Any) -> Any:
        assert asked["puppet"]
        assert asked["content"] == {"erase": True}
        if asked["user"] in self.refused:
            raise make_request_error(403, "", "M_FORBIDDEN", "not covered")
        self.closed.append(asked["user"])
        return {}


async def test_accounts_are_closed_as_often_as_it_takes(database: Database) -> None:
    elsewhere, second = "@unika:other.example", "@unika2:school.example"
    async with database.write() as tx:
        _, child, _ = await a_life(tx)
        for mxid in (elsewhere, second):
            await accounts.add_account(tx, mxid, child)
        done = await erasing.erase(tx, child, "console", "wish")
    homeserver: Any = Accounts(second)
    done, left = await close_accounts(database, homeserver, done, 60)
    assert [(each.mxid, each.code) for each in left] == [(second, "M_FORBIDDEN")]
    assert homeserver.closed == [MXID]
    assert (done.accounts, done.rooms) == ([second], [])
    homeserver.refused.clear()
    async with database.read() as tx:
        # Until it is closed it is nobody's here.
        assert await accounts.person_of(tx, second) is None
        assert await erasing.unfinished(tx) == [done]
    done, left = await close_accounts(database, homeserver, done, 60)
    assert (left, done.accounts, done.rooms) == ([], [], [])
    assert (done.closed, done.elsewhere) == (2, 1)
    assert homeserver.closed == [MXID, second]
    async with database.read() as tx:
        assert await accounts.mxids_of(tx, child) == []
        assert await erasing.unfinished(tx) == []
        assert await audit.verify(tx) is None


class Away:
    """A homeserver that is away, or in trouble of its own."""

    domain = "school.example"

    def __init__(self, trouble: Exception | None) -> None:
        self.trouble = trouble

    async def leave(self, _room_id: str) -> None:
        if self.trouble:
            raise self.trouble
        await asyncio.Event().wait()


@pytest.mark.parametrize(
    ("trouble", "code"), [(None, "no answer"), (TryAgain(500), "HTTP 500")], ids=["away", "trouble"]
)
async def test_a_homeserver_that_is_away_leaves_an_erasure_that_is_seen_and_done_later(
    database: Database, trouble: Exception | None, code: str
) -> None:
    async with database.write() as tx:
        _, child, _ = await a_life(tx)
        done = await erasing.erase(tx, child, "console", "wish")
    homeserver: Any = Away(trouble)
    now, left = await close_accounts(database, homeserver, done, 0.05)
    assert [(each.mxid, each.code) for each in left] == [(MXID, code)]
    async with database.read() as tx:
        assert await erasing.unfinished(tx) == [now] == [done]
    homeserver = Accounts()
    now, left = await close_accounts(database, homeserver, now, 60)
    assert (left, now.accounts, now.closed) == ([], [], 1)


async def test_an_account_is_counted_once_however_often_it_is_noted(database: Database) -> None:
    async with database.write() as tx:
        _, child, _ = await a_life(tx)
        await erasing.erase(tx, child, "console", "wish")
        for _ in range(2):
            done = await erasing.closed(tx, child, MXID)
    assert done.closed == 1
