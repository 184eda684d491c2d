"""The folder a demo lives in: what lies where, who may use it now, what it remembers.

One demo runs in a folder at a time: whoever starts one holds an flock on `demo.lock` for as long as
it runs. The kernel drops the lock with the process, so a kill leaves nothing to clear away; the
children it leaves behind hold locks of their own, by which `end_leftovers` finds them.
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from sferum_bridge.config import write_private
from sferum_bridge.demo.processes import ChildProcess

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


class DemoError(Exception):
    """The demo cannot go on; the text says why and what to do."""


class DemoFolder:
    """The files of one demo below `path`."""

    def __init__(self, path: Path) -> None:
        self.path = path.resolve()
        self.synapse = self.path / "synapse"
        self.config = self.path / "config.yaml"
        self.logins = self.path / "logins.json"
        self.sample = self.path / "school.xlsx"
        self.announcement = self.path / "sferum.json"
        """Where the stand-in says its address and the key of its control interface."""
        self.standin_state = self.path / "sferum.sqlite"
        self.bridge_log = self.path / "bridge.log"
        self.standin_log = self.path / "sferum.log"
        self.roster_log = self.path / "roster.log"
        self.bridge_lock = self.path / "bridge.lock"
        self.standin_lock = self.path / "sferum.lock"
        self._state = self.path / "state.json"
        self._lock = self.path / "demo.lock"

    @property
    def exists(self) -> bool:
        """Whether a demo was ever started here."""
        return self._lock.exists()

    def open(self) -> None:
        """Make the folder, readable by its owner only.

        Raises:
            DemoError: It holds something that is no demo, which a reset would take with it.
        """
        if not self.exists and self.path.exists() and any(self.path.iterdir()):
            raise DemoError(f"{self.path} holds other files. Name an empty folder with --folder.")
        self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.path.chmod(0o700)

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the folder for one demo.

        Raises:
            DemoError: A demo runs in it.
        """
        lock = os.open(self._lock, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(lock)
            raise DemoError(f"A demo runs in {self.path}. Stop it first (Ctrl-C).") from None
        try:
            yield
        finally:
            os.close(lock)

    def recall(self) -> dict[str, Any]:
        """Return what the demo noted, empty at first."""
        try:
            return dict(json.loads(self._state.read_text("utf-8")))
        except FileNotFoundError:
            return {}

    def note(self, **facts: Any) -> None:
        """Remember facts for the next start, in one step."""
        write_private(self._state, json.dumps({**self.recall(), **facts}, indent=2).encode())

    async def end_leftovers(self) -> None:
        """End children that an earlier, killed demo left behind. Call it with the folder locked.

        Raises:
            ChildFailedError: One cannot be ended.
        """
        for name, lock in (
            ("the bridge", self.bridge_lock),
            ("Synapse", self.synapse / "synapse.lock"),
            ("the stand-in", self.standin_lock),
        ):
            if lock.exists():
                leftover = ChildProcess(name, [], log_path=self.path / "none", lock_path=lock)
                await leftover.end_leftover()

    async def reset(self) -> bool:
        """Delete the folder; false when there is none.

        Raises:
            DemoError: A demo runs in it, or it never held one.
            ChildFailedError: Something an earlier demo left behind cannot be ended.
        """
        if not self.path.exists():
            return False
        if not self.exists:
            raise DemoError(f"{self.path} is no demo's folder, so it stays as it is.")
        with self.locked():
            await self.end_leftovers()
            shutil.rmtree(self.path)
        return True
