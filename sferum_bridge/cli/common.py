"""What the commands share: where the settings are, how errors end, how tables look."""

from __future__ import annotations

import asyncio
import json
import logging
import sys
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from sferum_bridge.config import Config, ConfigError, database_url, load

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Coroutine, Sequence

    from sferum_bridge.store.database import Database

T = TypeVar("T")

CONSOLE = "console"
"""Who did what is done by a command, in the log."""

config_option = click.option(
    "--config",
    "-c",
    "config_path",
    type=click.Path(path_type=Path),
    default=Path("config.yaml"),
    show_default=True,
    help="The settings file; relative paths in it are taken from its folder.",
)
school_option = click.option("--school", default="", help="The school, where there are several.")
language_option = click.option(
    "--lang", type=click.Choice(["ru", "en"]), default="ru", show_default=True
)
json_option = click.option("--json", "as_json", is_flag=True, help="For programs to read.")


def read_config(path: Path) -> Config:
    """Read the settings, or end with what is wrong with them."""
    try:
        return load(path)
    except ConfigError as e:
        raise click.ClickException(str(e)) from e


@asynccontextmanager
async def database(path: Path) -> AsyncIterator[tuple[Config, Database]]:
    """Open the database of the installation whose settings lie at `path`."""
    from sferum_bridge.app import opened_database
    from sferum_bridge.store.away import Unreachable, is_unusable
    from sferum_bridge.store.migrate import SchemaError

    config, is_open = read_config(path), False
    try:
        async with opened_database(config, path.parent) as db:
            is_open = True
            yield config, db
    except (ConfigError, SchemaError, Unreachable) as e:
        raise click.ClickException(str(e)) from e
    except Exception as e:
        # A file that cannot be written, once it is open, is another one.
        if is_open and isinstance(e, OSError):
            raise
        from sqlalchemy import make_url

        if not is_unusable(e):
            raise
        address = make_url(database_url(config, path.parent))
        raise click.ClickException(str(Unreachable(address, e))) from e


def carry_out(work: Coroutine[Any, Any, T]) -> T:
    """Run an async command."""
    return asyncio.run(work)


def log_to_stderr(level: str) -> None:
    """Log as the settings say. Other libraries speak from WARNING on only."""
    logging.basicConfig(
        stream=sys.stderr,
        level=logging.WARNING,
        format="%(asctime)s %(levelname)s %(name)s: %(message)s",
    )
    logging.getLogger("sferum_bridge").setLevel(level)


def show(title: str, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    """Print a table."""
    from rich.console import Console
    from rich.table import Table

    table = Table(title=title, title_justify="left")
    for column in columns:
        table.add_column(column, overflow="fold")
    for row in rows:
        table.add_row(*(str(cell) for cell in row))
    Console().print(table)


def show_json(value: Any) -> None:
    """Print JSON for a program."""
    click.echo(json.dumps(value, ensure_ascii=False, indent=2))


def refuse_existing(out: Path) -> None:
    """Refuse to write over a file, before anything is done."""
    if out.exists():
        raise click.ClickException(f"{out} is there already. Name another file, or remove it.")
