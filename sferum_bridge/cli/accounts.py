"""`sferum-bridge accounts`: logins for the people of a school."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import click

from sferum_bridge.cli.common import (
    carry_out,
    config_option,
    database,
    json_option,
)

if TYPE_CHECKING:
    from pathlib import Path

    from sferum_bridge.matrix.accounts import Registrar
    from sferum_bridge.school.people import Person


@click.group()
def accounts() -> None:
    """Logins for the people of a school."""


@accounts.command()
@config_option
@json_option
def create(config_path: Path, *, as_json: bool) -> None:
    """Create an account for everybody of a roster who has none, and print the first passwords.

    Each line is printed as soon as its account exists; with --json, one object a line. Interrupted,
    it goes on where it stopped. Needs registration_shared_secret in the settings.
    """
    if not as_json:
        click.echo("Name\tLogin\tFirst password")
    made = carry_out(_create(config_path, as_json=as_json))
    click.echo(f"{made} new logins.", err=True)


async def _create(config_path: Path, *, as_json: bool) -> int:
    from sferum_bridge.app import opened_homeserver, registrar
    from sferum_bridge.store import accounts as stored
    from sferum_bridge.store import schools

    async with database(config_path) as (config, db), opened_homeserver(config) as homeserver:
        if not config.homeserver.registration_shared_secret:
            raise click.ClickException(
                "homeserver.registration_shared_secret is empty. Copy it from homeserver.yaml."
            )
        async with db.read() as tx:
            people = {
                person.id: person
                for record in await schools.records(tx)
                for person in await stored.without_account(tx, record.id)
            }
        maker = registrar(config, db, homeserver)
        for person in people.values():
            mxid, password = await _create_one(maker, person)
            if as_json:
                row = {"person": person.id, "name": person.full_name, "mxid": mxid}
                click.echo(json.dumps({**row, "password": password}, ensure_ascii=False))
            else:
                click.echo(f"{person.full_name}\t{mxid}\t{password}")
    return len(people)


async def _create_one(maker: Registrar, person: Person) -> tuple[str, str]:
    from mautrix.errors import MatrixRequestError

    from sferum_bridge.matrix.accounts import refused_secret
    from sferum_bridge.matrix.client import UnknownOutcome

    try:
        return await maker.create(person)
    except UnknownOutcome as e:
        raise click.ClickException("The homeserver went away. Run the command again.") from e
    except MatrixRequestError as e:
        if refused_secret(e):
            raise click.ClickException(
                "The homeserver refused registration_shared_secret. "
                "Compare it with homeserver.yaml."
            ) from e
        raise click.ClickException(f"The homeserver refused an account: {e}") from e
