"""Ports for servers of tests, each given once to all the processes of a run.

The system's own free ports are also what outgoing connections take, and two processes that look for
one at the same time find the same. So these lie below that range, and a lock file holds each for as
long as the process lives that asked.
"""

from __future__ import annotations

import fcntl
import os
import random
import tempfile
from pathlib import Path

from sferum_bridge.demo.processes import pick_port

FIRST, LAST = 12_000, 32_000

_held: list[int] = []
"""Descriptors of the lock files; closed, and so given back, when the process ends."""


def reserve_port() -> int:
    """Return a port of 127.0.0.1 that nothing listens on and no other test will take."""
    folder = Path(tempfile.gettempdir()) / f"sferum-bridge-ports-{os.getuid()}"
    folder.mkdir(exist_ok=True, mode=0o700)
    for port in random.sample(range(FIRST, LAST), 200):
        lock = os.open(folder / str(port), os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(lock)
            continue
        if pick_port(port) == port:
            _held.append(lock)
            return port
        os.close(lock)
    raise OSError("no free port for a test")
