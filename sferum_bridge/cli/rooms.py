"""`sferum-bridge rooms`: are the rooms as they should be, and what only a human can decide."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import click

from sferum_bridge.cli.common import (
    CONSOLE,
    carry_out,
    config_option,
    database,
    json_option,
    show,
    show_json,
)
from sferum_bridge.cli.rooms_progress import pause, progress, resume

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from sferum_bridge.school.drift import Drift
    from sferum_bridge.store.database import Tx
    from sferum_bridge.store.rooms import RoomRecord

_SECONDS = 60.0
_COLUMNS = ("Room", "Key", "What", "By", "Whom", "Done")
_REPORT = {
    "out": "nothing: the bot is outside; sferum-bridge rooms renew {key}",
    "encrypted": "nothing: it cannot be undone; sferum-bridge rooms renew {key}",
    "upgraded": "nothing: it says another room replaces it; sferum-bridge rooms renew {key}",
    "stuck": "nothing: the bot has lost its rights; sferum-bridge rooms renew {key}",
}


@click.group()
def rooms() -> None:
    """See how far the rooms are, whether they are as they should be; mend what only a human may.

    ROOM is the key that the check and the bot's messages name, or the id of a Matrix room.
    """


for _command in (progress, pause, resume):
    rooms.add_command(_command)


@rooms.command()
@config_option
@click.option("--repair", is_flag=True, help="Put right what can be; without, only look.")
@json_option
def check(config_path: Path, *, repair: bool, as_json: bool) -> None:
    """Compare every room with what it should be.

    Ends with 1 when something is left to be done. Broken off, it does no harm: run it again. Those
    concerned are told by the running bridge, which also brings back who was removed.
    """
    rows = carry_out(_check(config_path, repair=repair))
    if as_json:
        show_json(rows)
    elif rows:
        cells = [tuple(row.values())[: len(_COLUMNS)] for row in rows]
        show("Not as it should be", _COLUMNS, cells)
    else:
        click.echo("Every room is as it should be.")
    if any(row["open"] for row in rows):
        raise SystemExit(1)


@rooms.command()
@click.argument("rooms", nargs=-1, required=True, metavar="ROOM...")
@config_option
@click.option("--yes", is_flag=True, help="Do it; without, only say what would happen.")
def renew(rooms: Sequence[str], config_path: Path, *, yes: bool) -> None:
    """Have a new room take the place of each ROOM, with the same people and the same linked chat.

    What was written stays readable in the old one for those who could read it.
    """
    for record in carry_out(_renew(config_path, rooms, yes=yes)):
        click.echo(f"{record.key}: a new room instead of {record.room_id}")
    if yes:
        click.echo("The running bridge makes them.")
    else:
        click.echo("Nothing has been changed. To do it: --yes")


@rooms.command()
@click.argument("account")
@click.argument("room")
@config_option
def admit(account: str, room: str, config_path: Path) -> None:
    """Lift the ban of ACCOUNT from ROOM, and let it back in if it belongs there."""
    record = carry_out(_admit(config_path, account, room))
    click.echo(f"{account} is let back into {record.key} if its roles give it that room.")


async def _check(config_path: Path, *, repair: bool) -> list[dict[str, Any]]:
    from mautrix.errors import MatrixRequestError
    from rich.console import Console
    from rich.progress import track

    from sferum_bridge.app import opened_homeserver, watch
    from sferum_bridge.bot.texts import Texts
    from sferum_bridge.matrix.client import TryAgain

    rows: list[dict[str, Any]] = []
    console = Console(stderr=True)
    async with database(config_path) as (config, db), opened_homeserver(config) as homeserver:
        watching = watch(config, db, homeserver, Texts())
        names = await watching.names()
        quiet = not console.is_terminal
        for key in track(names, "Rooms", console=console, transient=True, disable=quiet):
            try:
                async with asyncio.timeout(_SECONDS):
                    found = await watching.look(key, repair=repair)
            except TimeoutError as e:
                raise click.ClickException(
                    f"The homeserver at {config.homeserver.address} does not answer. "
                    "Start it, and run the command again."
                ) from e
            except (MatrixRequestError, TryAgain) as e:
                raise click.ClickException(
                    f"The homeserver refused a look at {key}: {e}. Run the command again; if it "
                    "goes on, compare the tokens in the settings with the registration files."
                ) from e
            rows += [_row(names[key], key, drift, repair=repair) for drift in found]
    return rows


def _row(name: str, key: str, drift: Drift, *, repair: bool) -> dict[str, Any]:
    from sferum_bridge.school.drift import OPEN

    is_open = drift.kind in OPEN
    done = drift.act.value if repair else f"nothing yet: would {drift.act.value}"
    return {
        "room": name,
        "key": key,
        "what": drift.kind.value,
        "by": drift.actor,
        "whom": drift.subject,
        "done": _REPORT[drift.kind.value].format(key=key) if is_open else done,
        "open": is_open or not repair,
    }


async def _find(tx: Tx, text: str) -> RoomRecord:
    from sferum_bridge.store import rooms as stored

    record = await stored.by_key(tx, text) or await stored.by_room_id(tx, text)
    if record is None or not record.school_id or not record.room_id:
        raise click.ClickException(
            f"There is no room {text} of a school. The keys of rooms: sferum-bridge rooms check"
        )
    return record


async def _renew(config_path: Path, texts: Sequence[str], *, yes: bool) -> Sequence[RoomRecord]:
    from sferum_bridge.store import audit
    from sferum_bridge.store import rooms as stored

    async with database(config_path) as (_, db), db.write() as tx:
        records = [await _find(tx, text) for text in dict.fromkeys(texts)]
        for record in records if yes else ():
            await stored.renew(tx, record)
            audit.record(tx, CONSOLE, "room.renew", record.room_id, school=record.school_id)
    return records


async def _admit(config_path: Path, account: str, room: str) -> RoomRecord:
    from mautrix.errors import MatrixRequestError

    from sferum_bridge.app import opened_homeserver
    from sferum_bridge.store import absences, accounts, audit, schools

    async with database(config_path) as (config, db), opened_homeserver(config) as homeserver:
        async with db.read() as tx:
            record = await _find(tx, room)
        try:
            async with asyncio.timeout(_SECONDS):
                if await homeserver.membership(record.room_id, account) == "ban":
                    await homeserver.unban(record.room_id, account)
        except TimeoutError as e:
            raise click.ClickException("The homeserver does not answer. Start it first.") from e
        except MatrixRequestError as e:
            raise click.ClickException(f"The homeserver refused to lift the ban: {e}") from e
        async with db.write() as tx:
            person = await accounts.person_of(tx, account)
            await absences.end(tx, record.room_id, [account])
            await schools.changed(tx, record.school_id)
            subject, school_id = person.id if person else account, record.school_id
            audit.record(tx, CONSOLE, "room.admit", subject, record.room_id, school=school_id)
    return record
