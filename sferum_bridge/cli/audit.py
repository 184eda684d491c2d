"""`sferum-bridge audit`: who did what to whom, and is the log of it whole?"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

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
    from collections.abc import Mapping
    from pathlib import Path


@click.group()
def audit() -> None:
    """Read and check the log of who did what to whom."""


@audit.command()
@config_option
def verify(config_path: Path) -> None:
    """Check the chain of audit records; fails when one was changed or taken out."""
    broken = carry_out(_verify(config_path))
    if broken is not None:
        raise click.ClickException(
            f"The audit log does not fit together from record {broken} on: it, or one before it, "
            "was changed or removed. Compare with a backup and tell whoever answers for the data."
        )
    click.echo("Every audit record fits the one before it, and none is missing at the end.")


@audit.command("show")
@config_option
@json_option
@click.option("--person", default="", help="Only what this person (an id) did or underwent.")
@click.option("--school", default="", help="Only the log of this school, by name.")
@click.option("--since", type=click.DateTime(["%Y-%m-%d"]), help="Only from this day on.")
@click.option("--until", type=click.DateTime(["%Y-%m-%d"]), help="Only up to this day, with it.")
@click.option("--looks", is_flag=True, help="Only who was shown whose data, and how.")
@click.option("--limit", type=click.IntRange(1), default=100, show_default=True)
def show_(
    config_path: Path,
    person: str,
    school: str,
    since: datetime | None,
    until: datetime | None,
    limit: int,
    *,
    looks: bool,
    as_json: bool,
) -> None:
    """Show records, the newest first. People are ids; reading is itself recorded.

    Days are the school's, or those of the installation.
    """
    rows = carry_out(_entries(config_path, person, school, (since, until), limit, looks=looks))
    if as_json:
        show_json(rows)
    else:
        columns = ("Record", "Time", "Who", "What", "About", "Why", "School")
        show("Audit log", columns, [tuple(row.values()) for row in rows])


async def _verify(config_path: Path) -> int | None:
    from sferum_bridge.store import audit as log

    async with database(config_path) as (_, db), db.read() as tx:
        return await log.verify(tx)


async def _entries(
    config_path: Path,
    person: str,
    school: str,
    days: tuple[datetime | None, datetime | None],
    limit: int,
    *,
    looks: bool,
) -> list[Mapping[str, object]]:
    from sferum_bridge.store import accounts, enrol, schools
    from sferum_bridge.store import audit as log

    async with database(config_path) as (config, db), db.write() as tx:
        records = {record.id: record for record in await schools.records(tx)}
        school_id = await enrol.school_named(tx, school) if school else ""
        if school and not school_id:
            raise click.ClickException(f"There is no school called {school}.")
        zone = ZoneInfo(records[school_id].timezone if school_id else config.school.timezone)
        since, until = days
        begin = _milliseconds(since, zone) if since else 0
        end = _milliseconds(until + timedelta(days=1), zone) if until else 0
        found = await log.entries(
            tx,
            school_ids=[school_id] if school_id else None,
            people={person, *await accounts.mxids_of(tx, person)} if person else (),
            since=begin,
            until=end,
            actions=log.LOOKS if looks else (),
            limit=limit,
        )
        log.record(tx, "console", "journal.read", person or school_id, school=school_id)
        return [
            {
                "record": entry.id,
                "at": datetime.fromtimestamp(entry.at / 1000, UTC)
                .astimezone(zone)
                .isoformat(sep=" ", timespec="seconds"),
                "actor": entry.actor,
                "action": entry.action,
                "subject": entry.subject,
                "reason": entry.reason,
                "school": records[entry.school_id].name if entry.school_id in records else "",
            }
            for entry in found
        ]


def _milliseconds(day: datetime, zone: ZoneInfo) -> int:
    return int(day.replace(tzinfo=zone).timestamp() * 1000)
