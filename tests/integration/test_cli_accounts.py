"""`sferum-bridge accounts create` at a real homeserver: for everybody, or all but some classes."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass, field
from datetime import date
from typing import TYPE_CHECKING

import pytest
import pytest_asyncio
from click.testing import CliRunner
from ruamel.yaml import YAML
from sqlalchemy import update

from sferum_bridge import config as settings
from sferum_bridge.app import issuer, opened_database, opened_homeserver
from sferum_bridge.cli import main
from sferum_bridge.store import accounts, tables
from tests.support.bot import assign, settle

if TYPE_CHECKING:
    from pathlib import Path

    from click.testing import Result

    from sferum_bridge.matrix.issuing import Issued
    from tests.support.synapse import Homeserver

pytestmark = pytest.mark.asyncio(loop_scope="session")

GLEB, FEKLA = "pupil of 5А", "pupil of 9Б"


@dataclass
class Installation:
    """A folder with settings, and a school in which two pupils have no account."""

    folder: Path
    ids: dict[str, str] = field(default_factory=dict)

    async def create(self, *words: str) -> Result:
        command = ["accounts", "create", *words, "--config", str(self.folder / "config.yaml")]
        return await asyncio.to_thread(CliRunner().invoke, main, command)


@pytest_asyncio.fixture(loop_scope="session")
async def installation(homeserver: Homeserver, tmp_path: Path) -> Installation:
    made = Installation(tmp_path)
    path = tmp_path / "config.yaml"
    path.write_text(settings.upgrade("", secret=lambda: "x" * 40), encoding="utf-8")
    yaml = YAML()
    written = yaml.load(path)
    written["homeserver"] |= {
        "address": homeserver.process.url,
        "registration_shared_secret": homeserver.process.registration_shared_secret,
    }
    yaml.dump(written, path)
    async with opened_database(settings.load(path), tmp_path) as db, db.write() as tx:
        await settle(tx, made.ids)
        for who, name, of_class in ((GLEB, "Глеб", "5А"), (FEKLA, "Фёкла", "9Б")):
            made.ids[who] = await accounts.add_person(tx, "Сочинская", name)
            await assign(tx, made.ids, who, "enrolment", class_id=made.ids[of_class])
    return made


async def test_the_pupils_of_a_class_can_be_left_to_its_class_teacher(
    installation: Installation, homeserver: Homeserver
) -> None:
    first = await installation.create("--without-class", "5 «а»", "--json")
    assert first.exit_code == 0, first.output
    [row] = [json.loads(line) for line in first.stdout.splitlines()]
    assert row["person"] == installation.ids[FEKLA]
    assert (await homeserver.login(row["mxid"], row["password"])).user_id == row["mxid"]
    rest = await installation.create("--json")
    [row] = [json.loads(line) for line in rest.stdout.splitlines()]
    assert row["person"] == installation.ids[GLEB]


async def test_who_left_the_class_is_not_left_to_its_class_teacher(
    installation: Installation,
) -> None:
    config, ids = settings.load(installation.folder / "config.yaml"), installation.ids
    async with opened_database(config, installation.folder) as db, db.write() as tx:
        former = update(tables.assignments).where(tables.assignments.c.person_id == ids[GLEB])
        await tx.run(former.values(until=date(2020, 1, 31)))
        await assign(tx, ids, GLEB, "enrolment", class_id=ids["9Б"])
    made = await installation.create("--without-class", "5А", "--json")
    people = {json.loads(line)["person"] for line in made.stdout.splitlines()}
    assert people == {ids[GLEB], ids[FEKLA]}


@pytest.mark.parametrize("name", ["11Я", "!", ""])
async def test_a_class_that_is_not_there_makes_nobody_an_account(
    installation: Installation, name: str
) -> None:
    refused = await installation.create("--without-class", "5А", "--without-class", name)
    assert refused.exit_code == 1
    assert f"There is no class called {name}." in refused.stderr
    assert refused.stdout == ""
    everybody = await installation.create("--json")
    assert len(everybody.stdout.splitlines()) == 2


async def test_who_got_an_account_meanwhile_gets_no_second(installation: Installation) -> None:
    config = settings.load(installation.folder / "config.yaml")
    names = {installation.ids[GLEB]: "Глеб", installation.ids[FEKLA]: "Фёкла"}
    served: list[str] = []
    async with (
        opened_database(config, installation.folder) as db,
        opened_homeserver(config) as homeserver,
    ):

        async def each(issued: Issued) -> None:
            served.append(issued.person_id)
            [other] = names.keys() - {issued.person_id}
            async with db.write() as tx:
                await accounts.add_account(tx, "@by-another-way:school.example", other)

        taken = await issuer(config, db, homeserver).create(names, each, at_once=1)
        async with db.read() as tx:
            owned = await accounts.by_person(tx)
    assert len(served) == 1
    assert taken == []
    assert all(len(owned[person_id]) == 1 for person_id in names)
