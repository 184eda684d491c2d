"""Child processes: started from a folder, waited for, stopped within a bound.

Theory of operation. A `ChildProcess` is the leader of a session of its own, so a Ctrl-C in the
terminal reaches only the parent, which then stops its children in the order it wants. Its output
goes to a file, never to a pipe: nobody has to drain it. The object belongs to no event loop (it
looks at the process instead of being called back), so one that a long-lived fixture or an earlier
`asyncio.run` started can be stopped by a later one. Cancellation of `wait_until` or `stop` leaves
the child as it is; whoever started it still has to `stop` or `kill` it, usually in a `finally`.

A parent that is killed leaves its children behind. Where a lock file is named, the child holds an
flock on it through an inherited descriptor for as long as it lives, so the next parent knows for
sure that the process whose number stands in the file is that child, and `end_leftover` ends it.
"""

from __future__ import annotations

import asyncio
import fcntl
import os
import signal
import socket
import subprocess
from contextlib import suppress
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence
    from pathlib import Path
    from types import TracebackType

POLL_SECONDS = 0.05
"""How often a child is looked at while somebody waits for it."""


class ChildFailedError(RuntimeError):
    """A child ended by itself or did not become ready; the message ends with its log's tail."""


def pick_port(preferred: int = 0, host: str = "127.0.0.1") -> int:
    """Return `preferred` if nothing listens there, else some free port of `host`.

    The port is free when this returns, not reserved: bind it soon.
    """
    for port in (preferred, 0):
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
            # As servers do: a port that only lingers in TIME_WAIT counts as free.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((host, port))
            except OSError:
                continue
            return int(probe.getsockname()[1])
    raise OSError(f"no free port on {host}")


class ChildProcess:
    """One program running beside us.

    Args:
        name: What messages call it.
        argv: The command, first the program's path.
        log_path: Where its output is appended; readable by the owner alone.
        cwd: Its working folder.
        environment: Variables set on top of ours.
        user: System user it runs as (only root may choose one); `None` is ours.
        stop_signal: What asks it to end.
        stop_timeout: Seconds it has for that before SIGKILL.
        lock_path: Locked while it lives; `None` where two at a time do no harm.
    """

    def __init__(
        self,
        name: str,
        argv: Sequence[str],
        *,
        log_path: Path,
        cwd: Path | None = None,
        environment: Mapping[str, str] | None = None,
        user: int | None = None,
        stop_signal: signal.Signals = signal.SIGTERM,
        stop_timeout: float = 15.0,
        lock_path: Path | None = None,
    ) -> None:
        self.name = name
        self.log_path = log_path
        self._argv = list(argv)
        self._cwd = cwd
        self._environment = dict(environment or {})
        self._user = user
        self._stop_signal = stop_signal
        self._stop_timeout = stop_timeout
        self._lock_path = lock_path
        self._process: subprocess.Popen[bytes] | None = None
        self._cleared = False

    @property
    def pid(self) -> int | None:
        """Its process id (which is its group's too), `None` unless it runs."""
        return self._process.pid if self._process and self.running else None

    @property
    def running(self) -> bool:
        """Whether it has been started and has not ended."""
        return self._process is not None and self._process.poll() is None

    @property
    def returncode(self) -> int | None:
        """How it ended, negative for a signal; `None` if it did not end or never started."""
        return self._process.poll() if self._process is not None else None

    def start(self) -> None:
        """Start it; it may need time until it is ready, see `wait_until`.

        Raises:
            ChildFailedError: It runs already, here or left over by an earlier parent.
            OSError: The program cannot be started.
        """
        if self.running:
            raise ChildFailedError(f"{self.name} runs already (process {self.pid})")
        lock = self._take_lock()
        log = os.open(self.log_path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        try:
            self._process = subprocess.Popen(  # noqa: S603 — the command is our own list, no shell
                self._argv,
                cwd=self._cwd,
                env={**os.environ, **self._environment},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                user=self._user,
                group=self._user,
                extra_groups=None if self._user is None else [],
                pass_fds=() if lock is None else (lock,),
            )
            if lock is not None:
                os.truncate(lock, 0)
                os.write(lock, str(self._process.pid).encode())
        finally:
            os.close(log)
            if lock is not None:
                os.close(lock)
        self._cleared = False

    async def wait_until(self, ready: Callable[[], Awaitable[bool]], *, timeout: float) -> None:
        """Return as soon as `ready` says so; it is asked every 50 ms.

        Args:
            ready: Tells whether the child does what it is for; must not hang for long.
            timeout: Seconds until patience ends.

        Raises:
            ChildFailedError: The child ended, or was not ready in time.
        """
        try:
            async with asyncio.timeout(timeout):
                while not await ready():
                    if not self.running:
                        raise ChildFailedError(
                            f"{self.name} ended with status {self.returncode}{self._log_story()}"
                        )
                    await asyncio.sleep(POLL_SECONDS)
        except TimeoutError:
            raise ChildFailedError(
                f"{self.name} was not ready within {timeout:g} s{self._log_story()}"
            ) from None

    async def stop(self) -> None:
        """Ask it to end and wait; after the bound it is killed. Harmless if it does not run."""
        if self._process is not None and self.running:
            self._process.send_signal(self._stop_signal)
            with suppress(TimeoutError):
                async with asyncio.timeout(self._stop_timeout):
                    await self._ended()
        await self.kill()

    async def kill(self) -> None:
        """End it and whatever it started at once, as a power cut would. Harmless if it is gone."""
        if self._process is None or self._cleared:
            return
        # Nobody may be left in its group (macOS says "not permitted" to that).
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)
        # From here on the number may become somebody else's.
        self._cleared = True
        await self._ended()

    async def end_leftover(self) -> None:
        """End a child that an earlier, killed parent left behind. Harmless if there is none.

        Raises:
            ChildFailedError: It cannot be ended.
        """
        for number in (self._stop_signal, signal.SIGKILL):
            if self._lock_path is None or not self._is_locked():
                return
            with suppress(ProcessLookupError, ValueError):
                os.killpg(int(self._lock_path.read_text("ascii")), number)
            with suppress(TimeoutError):
                async with asyncio.timeout(self._stop_timeout):
                    while self._is_locked():  # noqa: ASYNC110 — a stranger's child tells nobody
                        await asyncio.sleep(POLL_SECONDS)
        if self._is_locked():
            raise ChildFailedError(f"{self.name} of an earlier run does not end")

    def log_tail(self, lines: int = 30) -> str:
        """Return the last `lines` lines it wrote, or an empty text."""
        try:
            text = self.log_path.read_text("utf-8", errors="replace")
        except FileNotFoundError:
            return ""
        return "\n".join(text.splitlines()[-lines:])

    async def __aenter__(self) -> Self:
        self.start()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.stop()

    async def _ended(self) -> None:
        while self.running:  # noqa: ASYNC110 — no loop of ours is told, see the theory above
            await asyncio.sleep(POLL_SECONDS)

    def _take_lock(self) -> int | None:
        """Return a descriptor that holds the lock, `None` where there is nothing to lock."""
        if self._lock_path is None:
            return None
        lock = os.open(self._lock_path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(lock)
            raise ChildFailedError(f"{self.name} of an earlier run is still alive") from None
        return lock

    def _is_locked(self) -> bool:
        try:
            lock = self._take_lock()
        except ChildFailedError:
            return True
        if lock is not None:
            os.close(lock)
        return False

    def _log_story(self) -> str:
        tail = self.log_tail()
        return f"; the end of {self.log_path}:\n{tail}" if tail else "; it wrote nothing"
