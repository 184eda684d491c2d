"""`sferum-bridge run`: serve."""

from __future__ import annotations

import asyncio
import ctypes
import gc
import logging
import signal
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING

import click

from sferum_bridge.cli.common import config_option, database, log_to_stderr, read_config
from sferum_bridge.config import database_url

if TYPE_CHECKING:
    from pathlib import Path

    from sferum_bridge.store.holding import Hold

log = logging.getLogger(__name__)

_M_MMAP_THRESHOLD, _LARGE = -3, 32 * 1024
"""The number of glibc's setting in malloc.h, and from how many bytes on a piece is large."""


@click.command()
@config_option
@click.option(
    "--take-over",
    is_flag=True,
    help="Have the bot work for this database from now on: the one before was lost or moved.",
)
def run(config_path: Path, *, take_over: bool) -> None:
    """Run the bridge until Ctrl-C or SIGTERM."""
    from sferum_bridge.store.away import Unreachable
    from sferum_bridge.store.holding import Occupied, held

    config = read_config(config_path)
    log_to_stderr(config.logging.level)
    _give_memory_back()
    _load()

    async def alone() -> None:
        async with held(database_url(config, config_path.parent)) as hold:
            await _run(config_path, hold, take_over=take_over)

    try:
        asyncio.run(alone())
    except (Occupied, Unreachable) as e:
        raise click.ClickException(str(e)) from e


def _give_memory_back() -> None:
    """Have large pieces of memory be the system's again as soon as they are not needed.

    asyncio reads every answer into a new buffer of 256 KiB and keeps as much as there was. glibc
    takes such from the system, one by one, until once a larger one was given back; from then on it
    cuts them out of the heap, in which what is kept of each holds the rest: 5 MiB of a hundred. So
    it costs 3 % of the processor's time.
    """
    with suppress(AttributeError, OSError):  # another C library has no such setting
        ctypes.CDLL(None).mallopt(_M_MMAP_THRESHOLD, _LARGE)


def _load() -> None:
    """Import all of the bridge; looking through that for garbage then and later is for nothing."""
    gc.disable()
    import sferum_bridge.app  # noqa: F401 - see above

    gc.freeze()
    gc.enable()


async def _run(config_path: Path, hold: Hold, *, take_over: bool) -> None:
    from mautrix.errors import MatrixRequestError

    from sferum_bridge.app import built, opened_homeserver
    from sferum_bridge.matrix.client import TryAgain
    from sferum_bridge.matrix.owning import OwnedElsewhere
    from sferum_bridge.matrix.policy import ExtensionMissing

    async with (
        database(config_path) as (config, db),
        opened_homeserver(config) as homeserver,
        built(config, db, homeserver, config_path.parent) as bridge,
    ):
        where = (config.appservice.hostname, config.appservice.port, config.homeserver.address)
        ready = partial(log.info, "Listening on %s port %d for the homeserver at %s", *where)
        serving = asyncio.ensure_future(bridge.run(hold, ready, take_over=take_over))
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, serving.cancel)
        try:
            await _alone(serving)
        except asyncio.CancelledError:
            # Asked to stop: everything unfinished is stored and goes on at the next start.
            pass
        except OSError as e:
            address = f"{config.appservice.hostname}:{config.appservice.port}"
            raise click.ClickException(f"The bridge cannot listen on {address}: {e}") from e
        except (MatrixRequestError, TryAgain) as e:
            raise click.ClickException(
                f"The homeserver refused the bridge ({e.http_status}). List both registrations in "
                "homeserver.yaml, as `sferum-bridge registration` writes them, and restart Synapse."
            ) from e
        except (ExtensionMissing, OwnedElsewhere) as e:
            raise click.ClickException(str(e)) from e


async def _alone(serving: asyncio.Future[None]) -> None:
    """Wait for the bridge; where one part's failure ended it, raise that failure itself."""
    try:
        await serving
    except BaseExceptionGroup as group:
        failures = group.exceptions
        raise failures[0] if len(failures) == 1 else group from None
