"""`sferum-bridge school`: shows before it does, names what is wrong, keeps an administrator."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any, TypeVar

import pytest
from click.testing import CliRunner
from sqlalchemy import select

from sferum_bridge import config as settings
from sferum_bridge.app import opened_database
from sferum_bridge.cli import main
from sferum_bridge.store import accounts, audit, queues, tables
from sferum_bridge.store.staffing import MOVED
from tests.support.bot import (
    ADMIN,
    OTHER,
    PUPIL,
    SCHOOL,
    STRANGER,
    TEACHER,
    assign,
    settle,
)

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

    from click.testing import Result

    from sferum_bridge.store.database import Tx

Found = TypeVar("Found")
ASYA, TEACHERS_NAME = "Выдумкина Ася", "Небывалова Анна"
DISMISS = ("dismiss", TEACHERS_NAME, "--until", "31.12.2099")


class Console:
    """The command line of an installation with one school, and its database."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.ids: dict[str, str] = {}

    def run(self, *words: str, code: int = 0) -> Result:
        config = str(self._folder / "config.yaml")
        run = CliRunner(env={"COLUMNS": "200"})
        result = run.invoke(main, ["school", *words, "--config", config])
        assert result.exit_code == code, result.output
        return result

    def json(self, *words: str) -> Any:
        return json.loads(self.run(*words, "--json").stdout)

    def write(self, work: Callable[[Tx], Awaitable[Found]]) -> Found:
        async def do() -> Found:
            config = settings.load(self._folder / "config.yaml")
            async with opened_database(config, self._folder) as db, db.write() as tx:
                return await work(tx)

        return asyncio.run(do())

    def ties(self, who: str) -> set[tuple[str, str, str]]:
        """Return kind, class or post, and last day of everything somebody is."""

        async def read(tx: Tx) -> set[tuple[str, str, str]]:
            c = tables.assignments.c
            rows = await tx.all(select(tables.assignments).where(c.person_id == self.ids[who]))
            return {(r.kind, r.class_id or r.post, str(r.until or "")) for r in rows}

        return self.write(read)


@pytest.fixture
def empty(tmp_path: Path) -> Console:
    text = settings.upgrade("", secret=lambda: "x" * 40)
    (tmp_path / "config.yaml").write_text(text, encoding="utf-8")
    return Console(tmp_path)


@pytest.fixture
def console(empty: Console) -> Console:
    empty.write(lambda tx: settle(tx, empty.ids))
    return empty


# --- lists ----------------------------------------------------------------------------------


def test_schools_and_classes_are_counted(console: Console) -> None:
    whole, fifth, ninth = console.json("list")
    counts = {"pupils": 2, "parents": 0, "class_teachers": 1, "staff": 2}
    assert whole == {"school": SCHOOL, "class": "", "year": "", **counts}
    assert [(row["class"], row["pupils"]) for row in (fifth, ninth)] == [("5А", 1), ("9Б", 1)]
    assert "9Б" in console.run("list").stdout


def test_the_staff_are_listed_with_who_gave_them_what(console: Console) -> None:
    console.run("appoint", TEACHERS_NAME, "--post", "staff", "--until", "2099-12-31", "--yes")
    rows = {(row["person"], row["role"], row["of"]): row for row in console.json("staff")}
    assert rows["Анна Небывалова", "staff", ""]["given_by"] == "console"
    assert rows["Анна Небывалова", "staff", ""]["until"] == "2099-12-31"
    assert ("Анна Небывалова", "class teacher", "5А") in rows
    assert ("Анна Небывалова", "teaches", "9Б, алгебра") in rows
    assert "алгебра" in console.run("staff").stdout


def test_roles_that_are_over_are_shown_when_asked_for(console: Console) -> None:
    console.run("dismiss", TEACHERS_NAME, "--until", "2026-01-01", "--yes")
    assert {row["person"] for row in console.json("staff")} == {"Пётр Придуманный"}
    everybody = {row["person"] for row in console.json("staff", "--all")}
    assert everybody == {"Пётр Придуманный", "Анна Небывалова"}


# --- orders ---------------------------------------------------------------------------------


def test_an_order_is_shown_and_done_only_with_yes(console: Console) -> None:
    before = console.ties(TEACHER)
    shown = console.run(*DISMISS)
    for fact in ("Анна Небывалова", "5А", "9Б, алгебра", "2099-12-31"):
        assert fact in shown.stdout
    assert "the administrators stand in" in shown.stderr
    assert "Nothing was changed" in shown.stderr
    assert console.ties(TEACHER) == before
    assert "Done." in console.run(*DISMISS, "--yes").stderr
    assert {until for _, _, until in console.ties(TEACHER)} == {"2099-12-31"}


def test_programs_get_the_same_as_json(console: Console) -> None:
    told = console.json(*DISMISS)
    assert (told["school"], told["done"]) == (SCHOOL, False)
    assert {(row["what"], row["role"], row["of"]) for row in told["changes"]} == {
        *{
            ("ends", "teacher", ""),
            ("ends", "class teacher", "5А"),
            ("ends", "teaches", "9Б, алгебра"),
        }
    }
    assert {row["id"] for row in told["changes"]} == {console.ids[TEACHER]}
    assert any("stand in" in note for note in told["notes"])
    assert console.json(*DISMISS, "--yes")["done"]


def test_one_role_ends_and_the_others_stay(console: Console) -> None:
    words = ("dismiss", TEACHERS_NAME, "--until", "2099-12-31", "--yes")
    console.run(*words, "--post", "class-teacher", "--class", "5А")
    assert console.ties(TEACHER) == {
        ("appointment", "teacher", ""),
        ("leadership", "class-5a", "2099-12-31"),
        ("teaching", "class-9b", ""),
    }
    refused = console.run(*words, "--post", "administrator", code=1)
    assert "nothing left to end" in refused.stderr


def test_a_class_is_handed_over_without_a_gap(console: Console) -> None:
    async def colleague(tx: Tx) -> None:
        console.ids[OTHER] = await accounts.add_person(tx, "Сказочная", "Вера")
        await assign(tx, console.ids, OTHER, "appointment", post="teacher")

    console.write(colleague)
    words = ("--class", "5a", "--from", "Небывалова", "--to", "Сказочная Вера")
    console.run("hand-over", *words, "--since", "2099-01-11", "--yes")
    assert ("leadership", "class-5a", "2099-01-10") in console.ties(TEACHER)
    assert ("leadership", "class-5a", "") in console.ties(OTHER)


def test_a_pupil_is_moved_out_and_brought_back(console: Console) -> None:
    async def told(tx: Tx) -> list[Any]:
        items = await queues.waiting(tx, queues.INBOX, "bot/news", 10)
        news = [item.content for item in items]
        return [(n["content"]["from"], n["content"]["to"]) for n in news if n["kind"] == MOVED]

    console.run("transfer", ASYA, "--class", "9Б", "--yes")
    console.run("transfer", ASYA, "--out", "--yes")
    # Nobody is a pupil of that name any more; taking it back finds her all the same.
    console.run("transfer", ASYA, "--class", "5А", "--yes")
    assert ("enrolment", "class-5a", "") in console.ties(PUPIL)
    assert console.write(told) == [("class-5a", "class-9b"), ("class-9b", ""), ("", "class-5a")]


def test_somebody_new_is_an_account_with_a_name(console: Console) -> None:
    unnamed = console.run("appoint", STRANGER, "--post", "administrator", code=1)
    assert "--name" in unnamed.stderr
    name = ("--name", "Сказочный, Лев, Львович")
    shown = console.run("appoint", STRANGER, "--post", "administrator", *name)
    assert "Лев Сказочный" in shown.stdout
    console.run("appoint", STRANGER, "--post", "administrator", *name, "--yes")

    async def who(tx: Tx) -> tuple[str, list[Any]]:
        person = await accounts.person_of(tx, STRANGER)
        assert person
        console.ids[STRANGER] = person.id
        items = await queues.waiting(tx, queues.OUTBOX, f"name/{STRANGER}", 10)
        return person.formal_name, [item.content["name"] for item in items]

    assert console.write(who) == ("Лев Львович", ["Лев Сказочный"])
    assert console.ties(STRANGER) == {("appointment", "administrator", "")}


def test_the_last_administrator_stays(console: Console) -> None:
    head = console.ids[ADMIN]
    for words in (("dismiss", head), ("dismiss", head, "--post", "administrator")):
        for day in ("2099-12-31", "2026-01-01"):
            refused = console.run(*words, "--until", day, "--yes", code=1)
            assert "without any administrator" in refused.stderr
    assert console.ties(ADMIN) == {("appointment", "administrator", "")}
    console.run("appoint", TEACHERS_NAME, "--post", "administrator", "--yes")
    console.run("dismiss", head, "--yes")


# --- rubbish --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "code", "fact"),
    [
        (("dismiss", "Никто Никого"), 1, "Nobody at the school fits: Никто Никого."),
        (("dismiss", ""), 1, "Nobody at the school fits"),
        (("dismiss", "@nobody:school.example"), 1, "Nobody at the school fits"),
        (("dismiss", "Выдумкин"), 1, "nothing left to end"),
        (("dismiss", TEACHERS_NAME, "--until", "31.02.2026"), 2, "Write a day as 31.12.2026"),
        (("dismiss", TEACHERS_NAME, "--until", "завтра"), 2, "Write a day as 31.12.2026"),
        (("dismiss", TEACHERS_NAME, "--class", "5А"), 2, "go together"),
        (("dismiss",), 2, "Missing argument 'PERSON'"),
        (("appoint", TEACHERS_NAME, "--post", "director"), 2, "is not one of"),
        (("appoint", TEACHERS_NAME, "--post", "class-teacher"), 2, "go together"),
        (("appoint", TEACHERS_NAME, "--post", "teacher"), 1, "it is so already"),
        (("appoint", "@bot", "--post", "teacher", "--name", "А Б"), 1, "Nobody here has"),
        (("appoint", "@sferum_7:x.example", "--post", "staff"), 1, "not the account of a person"),
        (("hand-over", "--class", "99Я", "--from", TEACHERS_NAME, "--to", "Пётр"), 1, "no class"),
        (("hand-over", "--class", "9Б", "--from", TEACHERS_NAME, "--to", "Пётр"), 1, "not lead"),
        (("transfer", ASYA), 2, "Give either --class or --out."),
        (("transfer", ASYA, "--class", "5А"), 1, "it is so already"),
        (("transfer", "Придуманный", "--class", "5А"), 1, "Nobody at the school fits"),
        (("staff", "--school", "Другая"), 1, "There is no school called Другая."),
        (("list", "--config", "nowhere.yaml"), 1, "nowhere.yaml"),
    ],
)
def test_rubbish_is_refused_plainly(
    console: Console, words: tuple[str, ...], code: int, fact: str
) -> None:
    if "--config" in words:
        result = CliRunner().invoke(main, ["school", *words])
        assert result.exit_code == code
    else:
        result = console.run(*words, code=code)
    assert fact in result.stderr
    assert "Traceback" not in result.output


def test_namesakes_are_told_apart_by_their_ids(console: Console) -> None:
    async def namesake(tx: Tx) -> None:
        console.ids[OTHER] = await accounts.add_person(tx, "Выдумкина", "Ася")
        await assign(tx, console.ids, OTHER, "enrolment", class_id="class-9b")

    console.write(namesake)
    which = console.run("transfer", ASYA, "--out", code=1).stderr
    for id_ in (console.ids[PUPIL], console.ids[OTHER]):
        assert id_ in which
    console.run("transfer", console.ids[OTHER], "--out", "--yes")
    assert console.ties(PUPIL) == {("enrolment", "class-5a", "")}


def test_without_a_school_there_is_a_next_step(empty: Console) -> None:
    assert empty.json("list") == []
    assert "sferum-bridge roster apply" in empty.run(*DISMISS, code=1).stderr


def test_every_subcommand_explains_itself() -> None:
    assert CliRunner().invoke(main, ["school", "--help"]).exit_code == 0
    for name in ("list", "staff", "appoint", "dismiss", "hand-over", "transfer"):
        said = CliRunner().invoke(main, ["school", name, "--help"])
        assert said.exit_code == 0
        assert "--json" in said.stdout
        assert ("--yes" in said.stdout) is (name not in {"list", "staff"})


def test_the_log_names_the_console(console: Console) -> None:
    console.run(*DISMISS, "--yes")

    async def entries(tx: Tx) -> set[tuple[str, str]]:
        found = await audit.entries(tx, people={console.ids[TEACHER]}, limit=10)
        return {(entry.actor, entry.action) for entry in found}

    ends = {("console", f"{kind}.end") for kind in ("appointment", "leadership", "teaching")}
    assert ends <= console.write(entries)
