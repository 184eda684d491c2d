"""`sferum-bridge audit`: is the log of who did what to whom whole?"""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from sferum_bridge.cli.common import carry_out, config_option, database

if TYPE_CHECKING:
    from pathlib import Path


@click.command()
@config_option
def audit(config_path: Path) -> None:
    """Check the chain of audit records; fails when one was changed or taken out."""
    broken = carry_out(_verify(config_path))
    if broken is not None:
        raise click.ClickException(
            f"The audit log does not fit together from record {broken} on: it, or one before it, "
            "was changed or removed. Compare with a backup and tell whoever answers for the data."
        )
    click.echo("Every audit record fits the one before it.")


async def _verify(config_path: Path) -> int | None:
    from sferum_bridge.store import audit as log

    async with database(config_path) as (_, db), db.read() as tx:
        return await log.verify(tx)
