"""`sferum-bridge accounts`: logins for the people of a school."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from sferum_bridge.cli.common import (
    carry_out,
    config_option,
    database,
    json_option,
    show,
    show_json,
)

if TYPE_CHECKING:
    from pathlib import Path


@click.group()
def accounts() -> None:
    """Logins for the people of a school."""


@accounts.command()
@config_option
@json_option
def create(config_path: Path, *, as_json: bool) -> None:
    """Create an account for everybody of a roster who has none, and print the first passwords.

    What is printed is printed once: passwords are not stored. Interrupted, it goes on where it
    stopped. Needs registration_shared_secret in the settings.
    """
    rows = carry_out(_create(config_path, progress=not as_json))
    if as_json:
        show_json(rows)
    else:
        table = [(row["name"], row["mxid"], row["password"]) for row in rows]
        show(f"{len(rows)} new logins", ("Name", "Login", "Password"), table)


async def _create(config_path: Path, *, progress: bool) -> list[dict[str, Any]]:
    from mautrix.errors import MatrixRequestError
    from rich.progress import track

    from sferum_bridge.app import opened_homeserver, registrar
    from sferum_bridge.matrix.accounts import refused_secret
    from sferum_bridge.store import accounts as stored
    from sferum_bridge.store import schools

    created = []
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
        for person in track(people.values(), "Creating accounts", disable=not progress):
            try:
                mxid, password = await maker.create(person)
            except MatrixRequestError as e:
                if refused_secret(e):
                    raise click.ClickException(
                        "The homeserver refused registration_shared_secret. "
                        "Compare it with homeserver.yaml."
                    ) from e
                raise click.ClickException(f"The homeserver refused an account: {e}") from e
            row = {"person": person.id, "name": person.full_name, "mxid": mxid}
            created.append({**row, "password": password})
    return created
