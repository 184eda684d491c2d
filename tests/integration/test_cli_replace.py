"""`sferum-bridge accounts replace`: another account stands for a person (scenario 37)."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, TypeVar

import pytest
from sqlalchemy import select

from sferum_bridge import config as settings
from sferum_bridge.app import opened_database
from sferum_bridge.store import accounts, audit, schools, tables
from tests.support import console
from tests.support.bot import ADMIN, MOTHER, PUPIL, TEACHER, settle
from tests.support.console import bridge

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

    from sferum_bridge.store.database import Tx

T = TypeVar("T")
folder = console.folder
NEW = "@new-phone:school.example"
MOTHERS_NAME = "Выдумкина Ольга"


def look(folder: Path, what: Callable[[Tx], Awaitable[T]]) -> T:
    """Do something in the installation's database."""

    async def done() -> T:
        config = settings.load(folder / "config.yaml")
        async with opened_database(config, folder) as db, db.write() as tx:
            return await what(tx)

    return asyncio.run(done())


@pytest.fixture
def ids(folder: Path) -> dict[str, str]:
    """Settle a school; give everybody's id."""
    found: dict[str, str] = {}
    look(folder, lambda tx: settle(tx, found))
    return found


def accounts_of(folder: Path, person_id: str) -> list[str]:
    return list(look(folder, lambda tx: accounts.mxids_of(tx, person_id)))


def recorded(folder: Path, person_id: str) -> list[tuple[str, str]]:
    """Return actor and reason of every such record about somebody."""
    log = look(folder, lambda tx: audit.entries(tx, people={person_id}))
    return [(each.actor, each.reason) for each in log if each.action == "account.replace"]


def wanted(folder: Path) -> int:
    return look(folder, schools.records)[0].wanted


def test_it_says_what_would_change_and_does_it_when_told(folder: Path, ids: dict[str, str]) -> None:
    before = wanted(folder)
    said = bridge(folder, "accounts", "replace", MOTHERS_NAME, NEW).output
    assert f"{MOTHER} -> {NEW}" in said
    assert "Nothing has been changed" in said
    assert (accounts_of(folder, ids[MOTHER]), wanted(folder)) == ([MOTHER], before)
    said = bridge(folder, "accounts", "replace", MOTHERS_NAME, NEW, "--yes").output
    assert f"{MOTHER} -> {NEW}" in said
    assert accounts_of(folder, ids[MOTHER]) == [NEW]
    assert recorded(folder, ids[MOTHER]) == [("console", f"{MOTHER} -> {NEW}")]
    bridge(folder, "accounts", "replace", PUPIL, "@other:school.example", "--yes")
    assert recorded(folder, ids[PUPIL]) == [("console", f"{PUPIL} -> @other:school.example")]
    assert wanted(folder) > before, "the rooms are looked at"


def test_the_running_bridge_is_to_tell_both(folder: Path, ids: dict[str, str]) -> None:
    bridge(folder, "accounts", "replace", ids[TEACHER], NEW, "--yes")
    rows = look(folder, lambda tx: tx.all(select(tables.inbox.c.lane)))
    assert [row.lane for row in rows] == ["bot/news"]
    assert accounts_of(folder, ids[TEACHER]) == [NEW]


@pytest.mark.parametrize(
    ("person", "account", "said"),
    [
        ("Небывалов Никто", NEW, "Nobody at the school fits"),
        ("Выдумкина", NEW, "Several people fit"),
        (MOTHERS_NAME, PUPIL, "is the account of"),
        (MOTHERS_NAME, "new-phone", "is not the account of a person"),
        (MOTHERS_NAME, "@sferum_17:school.example", "is not the account of a person"),
    ],
)
def test_what_cannot_be_is_refused_and_changes_nothing(
    folder: Path, ids: dict[str, str], person: str, account: str, said: str
) -> None:
    refused = bridge(folder, "accounts", "replace", person, account, "--yes", ok=False)
    assert said in refused.output
    for who in (MOTHER, PUPIL, ADMIN):
        assert accounts_of(folder, ids[who]) == [who]
