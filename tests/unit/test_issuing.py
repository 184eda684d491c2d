"""First passwords in bulk, beside people who are served or erased meanwhile."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import pytest
from sqlalchemy import update

from sferum_bridge.matrix.issuing import Issued, Issuer
from sferum_bridge.store import accounts
from sferum_bridge.store.tables import metadata, people
from tests.support import databases

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

    from sferum_bridge.store.database import Database

clock = databases.clock
OWN = "@own:school.example"


class Registrar:
    """Makes accounts, and something happens to the person meanwhile."""

    def __init__(self, meanwhile: Callable[[str], Awaitable[None]]) -> None:
        self._meanwhile = meanwhile

    def password(self, _person_id: str, _seed: str) -> str:
        return "k7mx2q9wabcd"

    async def account_for(self, person_id: str, _name: str, _password: str) -> str:
        await self._meanwhile(person_id)
        return f"@{person_id}:school.example"


class Homeserver:
    heard: Any = None


async def redeems(db: Database, person_id: str) -> None:
    async with db.write() as tx:
        await accounts.add_account(tx, OWN, person_id)


async def is_erased(db: Database, person_id: str) -> None:
    async with db.write() as tx:
        await tx.run(update(people).where(people.c.id == person_id).values(erased_at=tx.now))


async def waits(_db: Database, _person_id: str) -> None:
    pass


@pytest.mark.parametrize(
    ("meanwhile", "owned"), [(redeems, [OWN]), (is_erased, []), (waits, ["@{}:school.example"])]
)
async def test_an_account_that_is_needed_no_more_when_it_is_made_is_nobodys(
    tmp_path: Path,
    clock: databases.Clock,
    meanwhile: Callable[[Database, str], Awaitable[None]],
    owned: list[str],
) -> None:
    served: list[str] = []

    async def each(issued: Issued) -> None:
        served.append(issued.mxid)

    async with databases.opened(f"sqlite:///{tmp_path / 'bridge.db'}", clock) as db:
        async with db.engine.begin() as connection:
            await connection.run_sync(metadata.create_all)
        async with db.write() as tx:
            person_id = await accounts.add_person(tx, "Выдумкина", "Ася")
        registrar = cast("Any", Registrar(lambda person_id: meanwhile(db, person_id)))
        issuer = Issuer(db, cast("Any", Homeserver()), registrar, cast("Any", None))
        assert await issuer.create({person_id: "Ася"}, each, at_once=1) == []
        async with db.read() as tx:
            found = await accounts.mxids_of(tx, person_id)
    assert list(found) == [one.format(person_id) for one in owned]
    assert served == [one for one in found if one != OWN]
