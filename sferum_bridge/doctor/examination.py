"""One visit of the doctor: reads the files, asks the server, and puts it all together."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import aiohttp

from sferum_bridge.config import database_url, secret_key
from sferum_bridge.doctor import doors, extension, outbound, registrations, settings
from sferum_bridge.doctor.files import processes
from sferum_bridge.doctor.registrations import Known
from sferum_bridge.doctor.report import Finding, State
from sferum_bridge.doctor.running import Running, Unreachable
from sferum_bridge.store import accounts, migrate, rooms
from sferum_bridge.store.away import is_away
from sferum_bridge.store.database import open_database
from sferum_bridge.store.sealing import Sealer

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from sferum_bridge.config import Config
    from sferum_bridge.doctor.report import Host


class NothingToSee(Exception):
    """There is neither a homeserver.yaml nor a server that answers."""


@dataclass(frozen=True, slots=True)
class Report:
    """All that was found."""

    findings: Sequence[Finding]
    hosts: Sequence[Host]
    config: Mapping[str, Any]
    """The settings of the main process, for `fix`."""
    where: str
    """The homeserver.yaml that was read, empty without one."""

    @property
    def healthy(self) -> bool:
        """Whether nothing is wrong and nothing was left untold."""
        return not any(f.state in {State.WRONG, State.UNKNOWN} for f in self.findings)


async def examine(
    config: Config,
    folder: Path,
    wanted: Mapping[str, Mapping[str, Any]],
    shared: Sequence[Path],
    workers: Sequence[Path],
) -> Report:
    """Look at everything.

    Args:
        config: the bridge's settings.
        folder: where they lie; the database's relative path begins there.
        wanted: the registrations as the bridge would write them, file name → content.
        shared: homeserver.yaml, or several files and folders of it; none: only the server is asked.
        workers: the file of each worker.

    Raises:
        FileError: a file cannot be read.
        NothingToSee: no file was given, and the server does not answer either.
    """
    found: list[Finding] = []
    read = processes(shared, workers) if shared else []
    known = await _known(config, folder)
    if read:
        found += settings.look(read)
        found += extension.look(read, config)
        found += registrations.look(read, config, wanted, known, folder)
        found += doors.look(read)
    else:
        found += settings.untold()
    try:
        async with aiohttp.ClientSession() as session:
            running = Running(session, config, known.rooms)
            found += [one async for one in running.look()]
        # Whoever reports has the module, whether its file was shown or not.
        found = [
            one
            for one in found
            if one.says != "worker" or one.values["worker"] not in running.processes
        ]
    except Unreachable:
        if not read:
            raise NothingToSee from None
        found.append(Finding(State.WRONG, config.homeserver.address, "silent"))
    hosts = outbound.look(read, config)
    main = read[0] if read else None
    return Report(found, hosts, main.config if main else {}, main.where if main else "")


async def _known(config: Config, folder: Path) -> Known:
    """Read the accounts and rooms of the school; nothing is made where nothing is yet."""
    url, key = database_url(config, folder), folder / config.database.secret_key_file
    if not key.exists():
        # Made with the database: no bridge ever ran here, so no school has accounts yet.
        return Known()
    db = open_database(url, Sealer(secret_key(key)))
    try:
        await migrate.check(db)
        async with db.read() as tx:
            mxids = [one for several in (await accounts.by_person(tx)).values() for one in several]
            return Known(mxids, await rooms.ids(tx))
    except migrate.SchemaError:
        return Known(readable=False)
    except Exception as e:
        if not is_away(e):
            raise
        return Known(readable=False)
    finally:
        await db.close()
