"""Child processes end when they should, whatever happens to them or to their parent."""

from __future__ import annotations

import asyncio
import os
import socket
import sys
from typing import TYPE_CHECKING, Any

import pytest

from sferum_bridge.demo.processes import ChildFailedError, ChildProcess, pick_port

if TYPE_CHECKING:
    from pathlib import Path

SLEEP = "import time; print('up', flush=True); time.sleep(60)"
STUBBORN = f"import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); {SLEEP}"
PARENT_OF_ONE = (
    f"import subprocess, sys; subprocess.Popen([sys.executable, '-c', {SLEEP!r}]).wait()"
)


def child(folder: Path, code: str, **settings: Any) -> ChildProcess:
    return ChildProcess(
        "child", [sys.executable, "-c", code], log_path=folder / "child.log", **settings
    )


async def up(process: ChildProcess) -> None:
    async def says_so() -> bool:
        return "up" in process.log_tail()

    await process.wait_until(says_so, timeout=20)


def is_alive(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True


async def never() -> bool:
    return False


async def test_a_child_is_started_seen_and_stopped(tmp_path: Path) -> None:
    async with child(tmp_path, SLEEP) as process:
        await up(process)
        assert process.running
        with pytest.raises(ChildFailedError, match="runs already"):
            process.start()
    assert not process.running
    assert process.returncode == -15
    await process.stop()
    await process.kill()


async def test_a_stubborn_child_is_killed_after_the_bound(tmp_path: Path) -> None:
    process = child(tmp_path, STUBBORN, stop_timeout=0.2)
    process.start()
    await up(process)
    await process.stop()
    assert process.returncode == -9


async def test_children_of_a_child_go_with_it(tmp_path: Path) -> None:
    process = child(tmp_path, PARENT_OF_ONE)
    process.start()
    await up(process)
    group = process.pid
    assert group is not None
    await process.stop()
    async with asyncio.timeout(5):
        while is_alive(group):  # noqa: ASYNC110 — nobody tells when a grandchild is gone
            await asyncio.sleep(0.05)


async def test_failure_shows_what_the_child_said(tmp_path: Path) -> None:
    process = child(tmp_path, "print('no such thing'); raise SystemExit(3)")
    process.start()
    with pytest.raises(ChildFailedError, match="status 3") as failure:
        await process.wait_until(never, timeout=20)
    assert "no such thing" in str(failure.value)


async def test_patience_ends(tmp_path: Path) -> None:
    async with child(tmp_path, SLEEP) as process:
        with pytest.raises(ChildFailedError, match=r"not ready within 0\.2 s"):
            await process.wait_until(never, timeout=0.2)


@pytest.mark.parametrize("code", [SLEEP, STUBBORN])
async def test_a_child_left_over_by_a_killed_parent_is_found_and_ended(
    tmp_path: Path, code: str
) -> None:
    lock = tmp_path / "lock"
    orphan = child(tmp_path, code, lock_path=lock)
    orphan.start()
    await up(orphan)
    later = child(tmp_path, SLEEP, lock_path=lock, stop_timeout=0.5)
    with pytest.raises(ChildFailedError, match="still alive"):
        later.start()
    await later.end_leftover()
    await orphan.kill()
    async with later:
        assert later.running
        assert lock.read_text("ascii") == str(later.pid)
    await later.end_leftover()


def test_a_port_in_use_is_replaced() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert pick_port(port) != port
    assert pick_port(port) == port
