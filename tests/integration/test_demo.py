"""The command `demo`: interrupted, started twice, short of ports, robbed of a child, stopped.

One small school serves the file; its story is `sferum-bridge demo check` itself.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from sferum_bridge.demo.folder import DemoError, DemoFolder
from sferum_bridge.demo.parts import PORTS
from sferum_bridge.roster import write_sample

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

PATIENCE = 120.0


def command(*words: str) -> list[str]:
    return [sys.executable, "-m", "sferum_bridge", "demo", *words]


def run(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(  # noqa: S603 - our own command, no shell
        command(*words), capture_output=True, text=True, timeout=PATIENCE, check=False
    )


def wait_for(what: Callable[[], bool], process: subprocess.Popen[bytes]) -> None:
    end = time.monotonic() + PATIENCE
    while not what():
        assert process.poll() is None, "it ended"
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.05)


def is_locked(folder: Path, name: str) -> bool:
    try:
        return f"FLOCK ADVISORY WRITE {(folder / name).stat().st_ino}" in _locks()
    except FileNotFoundError:
        return False


def _locks() -> str:
    rows = [line.split() for line in Path("/proc/locks").read_text("ascii").splitlines()]
    return "\n".join(f"{r[1]} {r[2]} {r[3]} {r[5].split(':')[2]}" for r in rows)


@dataclass
class Demo:
    """A `demo up` of the folder, as somebody in a terminal has it."""

    folder: Path
    roster: Path
    process: subprocess.Popen[bytes] | None = None
    ready: dict[str, Any] = field(default_factory=dict)

    def launch(self) -> subprocess.Popen[bytes]:
        output = (self.folder.parent / "up.json").open("wb")
        errors = (self.folder.parent / "up.err").open("wb")
        words = ("up", "--json", "--folder", str(self.folder), "--roster", str(self.roster))
        with output, errors:
            self.process = subprocess.Popen(  # noqa: S603 - our own command, no shell
                command(*words), stdout=output, stderr=errors, start_new_session=True
            )
        return self.process

    def up(self) -> None:
        process = self.launch()
        output = self.folder.parent / "up.json"
        wait_for(lambda: output.read_bytes().endswith(b"}\n"), process)
        self.ready = json.loads(output.read_text("utf-8"))

    def ends(self) -> int:
        assert self.process is not None
        return self.process.wait(timeout=PATIENCE)

    @property
    def errors(self) -> str:
        return (self.folder.parent / "up.err").read_text("utf-8")

    def child(self, lock: str) -> int:
        return int((self.folder / lock).read_text("ascii"))

    def nothing_runs(self) -> bool:
        locks = ("demo.lock", "bridge.lock", "sferum.lock", "synapse/synapse.lock")
        return not any(is_locked(self.folder, name) for name in locks)


@contextmanager
def taken(port: int) -> Iterator[None]:
    """See to it that a port is taken, by whomever."""
    with socket.socket() as holder:
        holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        with suppress(OSError):
            holder.bind(("127.0.0.1", port))
            holder.listen()
        yield


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    """A demo killed among its accounts and started again, with Synapse's usual port taken."""
    base = tmp_path_factory.mktemp("demo")
    roster = base / "roster.xlsx"
    write_sample(roster, class_names=("1А",), pupils_per_class=4, staff=3)
    one = Demo(base / "school", roster)
    try:
        with taken(PORTS["synapse"]):
            process = one.launch()
            wait_for(lambda: accounts(one.folder) >= 3, process)
            process.kill()
            process.wait()
            assert is_locked(one.folder, "synapse/synapse.lock"), "Synapse should be left over"
            one.up()
        yield one
    finally:
        if one.process is not None:
            one.process.send_signal(signal.SIGTERM)
            one.process.wait()


def accounts(folder: Path) -> int:
    """Count the people whose account the bridge knows."""
    with suppress(sqlite3.OperationalError):
        return int(query(folder / "sferum-bridge.db", "SELECT count(*) FROM accounts"))
    return 0


def query(path: Path, statement: str) -> Any:
    db = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
    try:
        return db.execute(statement).fetchone()[0]
    finally:
        db.close()


def test_a_start_after_a_kill_goes_on_and_doubles_nobody(demo: Demo) -> None:
    logins = json.loads((demo.folder / "logins.json").read_text("utf-8"))
    humans = query(
        demo.folder / "synapse" / "homeserver.db",
        "SELECT count(*) FROM users WHERE appservice_id IS NULL",
    )
    assert humans == len(logins)
    assert accounts(demo.folder) == len(logins) - 1  # the outsider is nobody
    assert set(demo.ready["logins"]) >= {"administrator", "class_teacher", "pupil", "outsider"}


def test_one_pupil_has_no_account_and_can_be_invited(demo: Demo) -> None:
    without = query(
        demo.folder / "sferum-bridge.db",
        "SELECT group_concat(family_name || ' ' || given_name) FROM people "
        "WHERE id NOT IN (SELECT person_id FROM accounts)",
    )
    assert without
    assert demo.ready["newcomer"] == without


def test_a_taken_port_is_replaced_and_the_table_says_so(demo: Demo) -> None:
    moved = demo.ready["moved_ports"]["synapse"]
    assert moved["wanted"] == PORTS["synapse"]
    assert demo.ready["homeserver"] == f"http://127.0.0.1:{moved['used']}"
    assert moved["used"] != PORTS["synapse"]


def test_what_is_secret_is_readable_by_the_owner_alone(demo: Demo) -> None:
    assert demo.folder.stat().st_mode & 0o777 == 0o700
    for name in ("logins.json", "state.json", "config.yaml", "sferum.json", "registration.yaml"):
        assert (demo.folder / name).stat().st_mode & 0o777 == 0o600, name


def test_it_is_neither_reset_nor_started_twice_while_it_runs(demo: Demo) -> None:
    for words in (("reset",), ("up", "--json")):
        refused = run(*words, "--folder", str(demo.folder))
        assert refused.returncode == 1
        assert "A demo runs in" in refused.stderr
    assert (demo.folder / "logins.json").exists()


def test_one_can_write_as_somebody_in_sferum_and_read_it(demo: Demo) -> None:
    assert run("sferum", "--folder", str(demo.folder), "Привет!").returncode == 0
    assert "Сферин: Привет!" in run("sferum", "--folder", str(demo.folder)).stdout


def test_sigterm_ends_all_and_the_next_start_keeps_the_ports(demo: Demo) -> None:
    assert demo.process is not None
    demo.process.send_signal(signal.SIGTERM)
    assert demo.ends() == 0, demo.errors
    assert demo.nothing_runs()
    before, logins = demo.ready, (demo.folder / "logins.json").read_bytes()
    demo.up()
    assert demo.ready == before
    assert (demo.folder / "logins.json").read_bytes() == logins


def test_a_second_signal_kills_what_does_not_end(demo: Demo) -> None:
    assert demo.process is not None
    os.kill(demo.child("bridge.lock"), signal.SIGSTOP)
    began = time.monotonic()
    demo.process.send_signal(signal.SIGINT)
    time.sleep(1)
    assert demo.process.poll() is None, "it should wait for the bridge"
    demo.process.send_signal(signal.SIGINT)
    assert demo.ends() == 130
    assert time.monotonic() - began < 10
    assert demo.nothing_runs()


def test_a_child_that_dies_is_named_and_the_others_are_stopped(demo: Demo) -> None:
    demo.up()
    os.kill(demo.child("sferum.lock"), signal.SIGKILL)
    assert demo.ends() == 1
    assert "stand-in ended by itself" in demo.errors
    assert demo.nothing_runs()


def test_reset_takes_a_stopped_demo_away(demo: Demo) -> None:
    assert run("reset", "--folder", str(demo.folder)).returncode == 0
    assert not demo.folder.exists()
    assert run("reset", "--folder", str(demo.folder)).returncode == 0


def test_a_roster_that_cannot_be_read_starts_nothing(tmp_path: Path) -> None:
    roster, folder = tmp_path / "roster.xlsx", tmp_path / "school"
    roster.write_text("no sheet at all", encoding="utf-8")
    refused = run("up", "--folder", str(folder), "--roster", str(roster), "--lang", "en")
    assert refused.returncode == 1
    assert "nothing was started" in refused.stderr
    assert "Findings" in refused.stdout
    assert not (folder / "synapse" / "homeserver.db").exists()
    assert "Traceback" not in refused.stdout + refused.stderr


async def test_a_folder_of_other_things_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("years of work", encoding="utf-8")
    folder = DemoFolder(tmp_path)
    with pytest.raises(DemoError, match="no demo's folder"):
        await folder.reset()
    with pytest.raises(DemoError, match="holds other files"):
        folder.open()
    assert (tmp_path / "thesis.txt").exists()
