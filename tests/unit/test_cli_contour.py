"""`sferum-bridge contour`: nothing is opened without a reason, an end and a room of a school."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any, TypeVar

import pytest
from click.testing import CliRunner

from sferum_bridge import config as settings
from sferum_bridge.app import opened_database
from sferum_bridge.cli import main
from sferum_bridge.school import opening
from sferum_bridge.school.layout import Kind, key
from sferum_bridge.school.opening import Opening, Refusal
from sferum_bridge.store import audit, openings, queues, rooms, schools
from tests.support.bot import SCHOOL, settle

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

    from click.testing import Result

    from sferum_bridge.store.database import Tx

Found = TypeVar("Found")
HOUR = 3600 * 1000
ROOT = "@root:school.example"
WHY = ("--reason", "обращение № 17")
STAFF = ("--room", "staff")


class Console:
    """The command line of an installation whose school has rooms, and its database."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.ids: dict[str, str] = {}

    def run(self, *words: str, ok: bool = True) -> Result:
        config = str(self._folder / "config.yaml")
        command = ["contour", *words, "--config", config, "--lang", "ru"]
        result = CliRunner(env={"COLUMNS": "250"}).invoke(main, command)
        assert (result.exit_code == 0) is ok, result.output
        return result

    def open(self, *words: str, ok: bool = True) -> Result:
        return self.run("open", "--who", ROOT, *words, ok=ok)

    def status(self, *words: str) -> list[dict[str, str]]:
        return list(json.loads(self.run("status", "--json", *words).stdout))

    def write(self, work: Callable[[Tx], Awaitable[Found]]) -> Found:
        async def do() -> Found:
            config = settings.load(self._folder / "config.yaml")
            async with opened_database(config, self._folder) as db, db.write() as tx:
                return await work(tx)

        return asyncio.run(do())


@pytest.fixture
def console(tmp_path: Path) -> Console:
    text = settings.upgrade("", secret=lambda: "x" * 40)
    (tmp_path / "config.yaml").write_text(text, encoding="utf-8")
    made = Console(tmp_path)

    async def build(tx: Tx) -> None:
        await settle(tx, made.ids)
        for kind, place in (
            (Kind.GATE, made.ids["school"]),
            (Kind.STAFF, made.ids["school"]),
            (Kind.PARENTS, made.ids["5А"]),
        ):
            await rooms.intend(tx, key(kind, place), made.ids["school"], kind.value)
            await rooms.created(tx, key(kind, place), f"!{kind.value}")

    made.write(build)
    return made


def test_what_is_opened_is_shown_logged_told_and_closed(console: Console) -> None:
    said = console.open(*WHY, "--for", "2h", *STAFF, "--room", "parents/5а")
    [row] = console.status()
    assert row["who"] == ROOT
    assert (row["state"], row["reason"]) == ("открыт", WHY[1])
    assert "5А" in row["rooms"]
    assert row["id"] in said.stdout
    console.run("close")
    assert console.status() == []
    [over] = console.status("--all")
    assert (over["id"], over["state"]) == (row["id"], "закрыт")
    console.run("close", row["id"], ok=False)

    async def look(tx: Tx) -> tuple[list[tuple[str, str, str, str]], list[str], int | None]:
        logged = await audit.entries(tx, people=[ROOT])
        lanes = await queues.lanes(tx, queues.INBOX)
        found = [(e.actor, e.action, e.reason, e.school_id) for e in reversed(logged)]
        return found, list(lanes), await audit.verify(tx)

    logged, lanes, broken = console.write(look)
    school = console.ids["school"]
    assert logged == [
        ("console", "contour.open", WHY[1], school),
        ("console", "contour.end", "", school),
    ]
    assert "bot/news" in lanes
    assert broken is None


REFUSED = [
    (("--for", "2h", *STAFF), "причину"),
    ((*WHY, "--for", "25h", *STAFF), "24 ч"),
    ((*WHY, "--until", "2019-01-01 10:00", *STAFF), "уже прошёл"),
    ((*WHY, "--until", "завтра", *STAFF), "не понят"),
    ((*WHY, "--for", "1h", "--until", "2199-01-01", *STAFF), "одним способом"),
    ((*WHY, "--for", "1h", *STAFF, "--school", "Школа, которой нет"), "нет"),
    ((*WHY, "--for", "1h", "--room", "parents/11Я"), "нет чата parents/11Я"),
    # From the gate one could walk into every room.
    ((*WHY, "--for", "1h", "--room", "!gate"), "нет чата"),
]


def test_what_is_refused(console: Console) -> None:
    for words, said in REFUSED:
        assert said in console.open(*words, ok=False).output, words
    assert console.status("--all") == []


def test_only_people_of_this_server_are_let_in(console: Console) -> None:
    for who in (
        *("root", "@root:elsewhere.example"),
        *("@sferumbot:school.example", "@sferum_1:school.example"),
    ):
        words = ("open", "--who", who, *WHY, "--for", "1h", *STAFF)
        assert "не учётная запись человека" in console.run(*words, ok=False).output, who


def test_without_a_room_it_lists_what_there_is(console: Console) -> None:
    shown = console.open(*WHY, "--for", "1h", ok=False).stdout
    assert "parents/5а" in shown
    assert "gate" not in shown


def test_a_school_has_to_be_there_and_to_be_named(console: Console, tmp_path: Path) -> None:
    console.write(lambda tx: schools.add(tx, "Школа № 2", "Europe/Moscow", "ru"))
    assert "--school" in console.open(*WHY, "--for", "1h", *STAFF, ok=False).output
    console.open(*WHY, "--for", "1h", *STAFF, "--school", SCHOOL)
    # The other school has no such room, and none of the first one's.
    other = (*WHY, "--for", "1h", "--school", "Школа № 2")
    assert "нет чата" in console.open(*other, "--room", "!staff", ok=False).output
    empty = tmp_path / "empty"
    empty.mkdir()
    (empty / "config.yaml").write_bytes((tmp_path / "config.yaml").read_bytes())
    said = Console(empty).open(*WHY, "--for", "1h", *STAFF, ok=False).output
    assert "Школ ещё нет" in said


def test_several_are_closed_by_number(console: Console) -> None:
    for _ in range(2):
        console.open(*WHY, "--for", "1h", *STAFF)
    assert "назовите номер" in console.run("close", ok=False).output
    first, second = (row["id"] for row in console.status())
    console.run("close", first)
    assert [row["id"] for row in console.status()] == [second]


def test_what_is_over_holds_no_longer_and_is_ended_once(console: Console) -> None:
    async def play(tx: Tx) -> tuple[int, int, int, list[bool]]:
        made = await openings.begin(tx, console.ids["school"], ROOT, ["staff/x"], "why", 1)
        holding, over = await openings.holding(tx), await openings.overdue(tx)
        ended = [await openings.end(tx, made, "bridge") for _ in range(2)]
        return len(holding), len(over), len(await openings.overdue(tx)), ended

    assert console.write(play) == (0, 1, 0, [True, False])


def test_the_rule() -> None:
    for_an_hour: dict[str, Any] = {"now": 10, "until": 10 + HOUR, "longest": HOUR}
    assert opening.check("why", **for_an_hour) is None
    for no_reason in ("", "   ", "x" * 501):
        assert opening.check(no_reason, **for_an_hour) is Refusal.REASON
    assert opening.check("why", **{**for_an_hour, "longest": HOUR - 1}) is Refusal.FAR
    assert opening.check("why", **{**for_an_hour, "until": 10}) is Refusal.OVER
    one = Opening("7", "s", ROOT, frozenset({"staff/s"}), "why", 10, 20)
    assert [one.holds(now) for now in (9, 10, 19, 20)] == [False, True, True, False]
    assert opening.admitted([one], "staff/s") == {ROOT: "until/20/7"}
    assert opening.admitted([one], "parents/c") == {}
