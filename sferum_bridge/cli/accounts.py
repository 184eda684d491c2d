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
from sferum_bridge.cli.staffing import find_school, school_option

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from sferum_bridge.matrix.accounts import Registrar
    from sferum_bridge.school.people import Person, School


@click.group()
def accounts() -> None:
    """Logins for the people of a school."""


@accounts.command()
@config_option
@click.option(
    "--without-class",
    "classes",
    multiple=True,
    metavar="CLASS",
    help="Leave the pupils of this class for their class teacher to invite; may be repeated.",
)
@json_option
def create(config_path: Path, classes: Sequence[str], *, as_json: bool) -> None:
    """Create an account for everybody of a roster who has none, and print the first passwords.

    Each line is printed as soon as its account exists; with --json, one object a line. Interrupted,
    it goes on where it stopped. Needs registration_shared_secret in the settings.
    """
    made = carry_out(_create(config_path, classes, as_json=as_json))
    click.echo(f"{made} new logins.", err=True)


@accounts.command()
@click.argument("person")
@click.argument("account")
@school_option
@config_option
@click.option("--yes", is_flag=True, help="Do it; without, only say what would change.")
def replace(person: str, account: str, school: str, config_path: Path, *, yes: bool) -> None:
    """Have ACCOUNT stand for PERSON instead of all accounts they had.

    PERSON is a name as in the school's lists, the id of a person, or a Matrix account. The new
    account gets all roles and rooms, the former ones lose them: the phone is lost, say.
    """
    name, old = carry_out(_replace(config_path, school, person, account, yes=yes))
    click.echo(f"{name}: {', '.join(old) or 'no account'} -> {account}")
    if not yes:
        click.echo("Nothing has been changed. To do it: --yes")


async def _replace(
    config_path: Path, school: str, person: str, account: str, *, yes: bool
) -> tuple[str, Sequence[str]]:
    from sferum_bridge.bot import finding
    from sferum_bridge.store import accounts as stored

    async with database(config_path) as (config, db), db.write() as tx:
        record = await find_school(tx, school)
        known = await stored.person_of(tx, person) if person.startswith("@") else None
        found = await finding.everybody(tx, record, known.id if known else person)
        if len(found) != 1 or not person.strip():
            ids = ", ".join(f"{one.person.id} ({one.label})" for one in found[:9])
            raise click.ClickException(
                f"Several people fit {person}: {ids}. Name one by the id."
                if found
                else f"Nobody at the school fits: {person}."
            )
        ghost = account.startswith(f"@{config.appservice.ghost_prefix}")
        if not account.startswith("@") or ":" not in account or account == config.bot_mxid or ghost:
            raise click.ClickException(f"{account} is not the account of a person.")
        holder = await stored.person_of(tx, account)
        if holder is not None:
            raise click.ClickException(
                f"{account} is the account of {holder.full_name} ({holder.id}) already. "
                "One account is one person: take another one."
            )
        one = found[0].person
        if yes:
            return one.full_name, await stored.replace(tx, one.id, account, "console")
        return one.full_name, await stored.mxids_of(tx, one.id)


async def _create(config_path: Path, left_out: Sequence[str], *, as_json: bool) -> int:
    from sferum_bridge.app import opened_homeserver, registrar
    from sferum_bridge.school import naming
    from sferum_bridge.store import accounts as stored
    from sferum_bridge.store import schools

    async with database(config_path) as (config, db), opened_homeserver(config) as homeserver:
        if not config.homeserver.registration_shared_secret:
            raise click.ClickException(
                "homeserver.registration_shared_secret is empty. Copy it from homeserver.yaml."
            )
        people: dict[str, Person] = {}
        names: dict[str, str] = {}
        here: list[School] = []
        async with db.read() as tx:
            for record in await schools.records(tx):
                here.append(await schools.load(tx, record.id))
                people |= {each.id: each for each in await stored.without_account(tx, record.id)}
                names |= naming.shown(here[-1], record.day(tx.now))
        waiting = _pupils_of(here, left_out)
        people = {person_id: each for person_id, each in people.items() if person_id not in waiting}
        maker = registrar(config, db, homeserver)
        if not as_json:
            click.echo("Name\tLogin\tFirst password")
        for person in people.values():
            name = names[person.id]
            mxid, password = await _create_one(maker, person, name)
            if as_json:
                row = {"person": person.id, "name": name, "mxid": mxid}
                click.echo(json.dumps({**row, "password": password}, ensure_ascii=False))
            else:
                click.echo(f"{name}\t{mxid}\t{password}")
    return len(people)


def _pupils_of(here: Sequence[School], names: Sequence[str]) -> set[str]:
    """Return the ids of the pupils of the classes with these names, of every school."""
    from sferum_bridge.school import classes

    found: set[str] = set()
    for name in names:
        try:
            wanted = classes.normalise(name)
        except classes.ClassNameError:
            wanted = ""
        ids = {c.id for school in here for c in school.classes.values() if c.name == wanted}
        if not ids:
            raise click.ClickException(f"There is no class called {name}.")
        found |= {e.person_id for school in here for e in school.enrolments if e.class_id in ids}
    return found


async def _create_one(maker: Registrar, person: Person, name: str) -> tuple[str, str]:
    from mautrix.errors import MatrixRequestError

    from sferum_bridge.matrix.accounts import LoginsTaken, refused_secret
    from sferum_bridge.matrix.client import TryAgain, UnknownOutcome

    try:
        return await maker.create(person, name)
    except UnknownOutcome as e:
        raise click.ClickException("The homeserver went away. Run the command again.") from e
    except TryAgain as e:
        raise click.ClickException(
            f"The homeserver does not answer as Synapse does ({e}). Look into its log, have "
            "homeserver.address be Synapse itself, and run the command again."
        ) from e
    except LoginsTaken as e:
        raise click.ClickException(
            f"Every login for {person.full_name} ({person.id}) is an account with another "
            "password already. Have one of them stand for them: sferum-bridge accounts replace."
        ) from e
    except MatrixRequestError as e:
        if refused_secret(e):
            raise click.ClickException(
                "The homeserver refused registration_shared_secret. "
                "Compare it with homeserver.yaml."
            ) from e
        raise click.ClickException(f"The homeserver refused an account: {e}") from e
