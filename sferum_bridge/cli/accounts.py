"""`sferum-bridge accounts`: logins for the people of a school."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from sferum_bridge.cli.common import (
    carry_out,
    config_option,
    database,
    json_option,
    school_option,
    show,
    show_json,
)
from sferum_bridge.cli.staffing import find_school

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sferum_bridge.cli.issuing import Row
    from sferum_bridge.school.people import Person
    from sferum_bridge.store.database import Tx
    from sferum_bridge.store.schools import SchoolRecord

_INTERRUPTED = 130
_HANDLE_WITH_CARE = (
    "The pages in {folder} hold passwords: print them, hand each slip to its owner, "
    "delete the pages, and empty the bin."
)
slips_option = click.option(
    "--slips",
    "folder",
    type=click.Path(path_type=Path, file_okay=False),
    help="Write login slips to print and cut into this folder (HTML), a page for each class, its "
    "parents and the staff, instead of printing the passwords here.",
)


@click.group()
def accounts() -> None:
    """Logins for the people of a school."""


@accounts.command()
@config_option
@slips_option
@click.option(
    "--without-class",
    "classes",
    multiple=True,
    metavar="CLASS",
    help="Leave the pupils of this class for their class teacher to invite; may be repeated.",
)
@click.option(
    "--at-once",
    type=click.IntRange(1, 32),
    default=4,
    show_default=True,
    help="Accounts made at the same time, at most; fewer while the homeserver is slow.",
)
@json_option
@click.pass_context
def create(
    context: click.Context,
    config_path: Path,
    folder: Path | None,
    classes: Sequence[str],
    at_once: int,
    *,
    as_json: bool,
) -> None:
    """Create an account for everybody of a roster who has none, with a first password.

    Passwords go to the screen, each line as soon as its account exists (with --json, one object a
    line), or with --slips to pages to print. Interrupted, the same command goes on where it
    stopped: what was made and not printed is printed then. Needs registration_shared_secret in the
    settings.
    """
    from sferum_bridge.cli import issuing

    wish = issuing.Wish(folder, classes, at_once, as_json=as_json)
    try:
        made, failed = carry_out(issuing.create(config_path, wish))
    except KeyboardInterrupt:
        click.echo(
            "\nInterrupted. The same command goes on where it stopped: nobody gets two accounts, "
            "and what was not printed is printed then.",
            err=True,
        )
        context.exit(_INTERRUPTED)
    click.echo(f"{made} first passwords.", err=True)
    if folder is not None and made:
        click.echo(_HANDLE_WITH_CARE.format(folder=folder), err=True)
    if failed:
        context.exit(1)


@accounts.command()
@click.argument("person")
@school_option
@config_option
@slips_option
@click.option("--yes", is_flag=True, help="Do it; without, only say what would change.")
@json_option
def reset(
    person: str, school: str, config_path: Path, folder: Path | None, *, yes: bool, as_json: bool
) -> None:
    """Give PERSON, who lost the slip or the password, a new first password.

    PERSON is a name as in the school's lists, the id of a person, or a Matrix account. All their
    sessions end, so encrypted messages they have no backup of cannot be read any more. Needs the
    homeserver extension.
    """
    from sferum_bridge.cli import issuing

    async def meant(tx: Tx) -> tuple[SchoolRecord, Person, str]:
        record = await find_school(tx, school)
        found = await _person(tx, record, person)
        return record, found, await _account(tx, found, person)

    wish = issuing.Wish(folder, as_json=as_json)
    done = carry_out(issuing.reset(config_path, wish, meant, yes=yes))
    if not yes:
        click.echo(f"{done}: a new first password, and all sessions end.")
        click.echo("Nothing has been changed. To do it: --yes")
    elif folder is not None:
        click.echo(_HANDLE_WITH_CARE.format(folder=folder), err=True)


@accounts.command("list")
@school_option
@config_option
@json_option
def list_(school: str, config_path: Path, *, as_json: bool) -> None:
    """List the people of a school with class, login, and whether they are signed in.

    Sessions are those of Matrix clients; «?» where the homeserver does not tell.
    """
    from sferum_bridge.cli import issuing

    rows = carry_out(issuing.listed(config_path, school))
    if as_json:
        show_json([row.to_json() for row in rows])
        return
    columns = ("Name", "Class", "Login", "Sessions", "Last seen", "Slip")
    show("Accounts", columns, [_cells(row) for row in rows])


def _cells(row: Row) -> Sequence[str]:
    sessions = "?" if row.sessions is None else str(row.sessions)
    slip = "not printed" if row.unprinted else ""
    shown = sessions if row.mxid else "no account"
    return (row.name, row.class_name, row.mxid, shown, row.seen, slip)


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
    from sferum_bridge.store import accounts as stored

    async with database(config_path) as (config, db), db.write() as tx:
        record = await find_school(tx, school)
        one = await _person(tx, record, person)
        ghost = account.startswith(f"@{config.appservice.ghost_prefix}")
        if not account.startswith("@") or ":" not in account or account == config.bot_mxid or ghost:
            raise click.ClickException(f"{account} is not the account of a person.")
        holder = await stored.person_of(tx, account)
        if holder is not None:
            raise click.ClickException(
                f"{account} is the account of {holder.full_name} ({holder.id}) already. "
                "One account is one person: take another one."
            )
        if yes:
            return one.full_name, await stored.replace(tx, one.id, account, "console")
        return one.full_name, await stored.mxids_of(tx, one.id)


async def _person(tx: Tx, record: SchoolRecord, text: str) -> Person:
    """Return the one person of a school who is meant by a name, an id, or an account."""
    from sferum_bridge.bot import finding
    from sferum_bridge.store import accounts as stored

    known = await stored.person_of(tx, text) if text.startswith("@") else None
    found = await finding.everybody(tx, record, known.id if known else text)
    if len(found) != 1 or not text.strip():
        ids = ", ".join(f"{one.person.id} ({one.label})" for one in found[:9])
        raise click.ClickException(
            f"Several people fit {text}: {ids}. Name one by the id."
            if found
            else f"Nobody at the school fits: {text}."
        )
    return found[0].person


async def _account(tx: Tx, person: Person, text: str) -> str:
    """Return the account of somebody, which `text` names if there are several."""
    from sferum_bridge.store import accounts as stored

    mxids = await stored.mxids_of(tx, person.id)
    if text in mxids:
        return text
    if len(mxids) > 1:
        raise click.ClickException(
            f"{person.full_name} has several accounts; name one: {', '.join(mxids)}."
        )
    if not mxids:
        raise click.ClickException(
            f"{person.full_name} has no account yet. Make one: sferum-bridge accounts create"
        )
    return mxids[0]
