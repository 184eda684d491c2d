"""One bridge a database: a second one is told so, and a death frees it at once."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

import asyncpg
import pytest
from sqlalchemy import make_url

from sferum_bridge.store import holding
from sferum_bridge.store.away import Unreachable
from tests.support import databases
from tests.support.bridge import until
from tests.support.postgres import PostgresServer

if TYPE_CHECKING:
    from pathlib import Path

database_url = databases.database_url

_HOLDER = """
import asyncio, sys
from sferum_bridge.store.away import Unreachable
from sferum_bridge.store.holding import held

async def main():
    async with held(sys.argv[1]):
        print("held", flush=True)
        await asyncio.sleep(60)

asyncio.run(main())
"""


_HOLDERS = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND granted"


async def is_free(url: str) -> bool:
    try:
        async with holding.held(url, patience=0):
            return True
    except holding.Occupied:
        return False


async def is_locked(url: str) -> bool:
    """Tell whether a bridge holds it, without getting into its way."""
    address = make_url(url).set(drivername="postgresql")
    connection = await asyncpg.connect(address.render_as_string(hide_password=False))
    try:
        return bool(await connection.fetchval(_HOLDERS))
    finally:
        await connection.close()


async def test_a_second_one_is_refused_and_says_what_to_do(database_url: str) -> None:
    async with holding.held(database_url):
        with pytest.raises(holding.Occupied, match=r"Stop that one.*database\.url"):
            async with holding.held(database_url, patience=0.2):
                pass
    assert await is_free(database_url)


async def test_one_that_is_just_ending_is_waited_for(database_url: str) -> None:
    is_over = False

    async def leave(first: asyncio.Event) -> None:
        nonlocal is_over
        async with holding.held(database_url):
            first.set()
            await asyncio.sleep(0.3)
            is_over = True

    first = asyncio.Event()
    leaving = asyncio.create_task(leave(first))
    await first.wait()
    assert not await is_free(database_url)
    async with holding.held(database_url, patience=30):
        assert is_over
    await leaving


async def test_a_killed_process_holds_nothing(database_url: str) -> None:
    holder = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", _HOLDER, database_url), stdout=subprocess.PIPE
    )
    assert holder.stdout is not None
    assert await holder.stdout.readline() == b"held\n"
    assert not await is_free(database_url)
    holder.kill()
    await holder.wait()
    async with holding.held(database_url, patience=30):
        pass


async def test_databases_of_one_server_are_held_apart(postgres: PostgresServer) -> None:
    one, other = [(await postgres.fresh_database()).url for _ in range(2)]
    async with holding.held(one), holding.held(other, patience=0):
        pass


async def test_a_server_that_restarts_is_outlasted_but_a_rival_is_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("DATABASE_URL", raising=False)
    server = PostgresServer(durable=True)
    try:
        url = (await server.fresh_database()).url
        async with holding.held(url, look=0.05, patience=1) as hold:
            keeping = asyncio.create_task(hold.keep())
            await server.crash()
            await until(lambda: is_locked(url), 30)
            assert not keeping.done(), "it holds it again"
            keeping.cancel()
            await asyncio.gather(keeping, return_exceptions=True)
            # While nobody looks, the server forgets and a rival comes.
            await server.crash()
            async with holding.held(url, patience=0):
                with pytest.raises(holding.Occupied):
                    async with asyncio.timeout(30):
                        await hold.keep()
    finally:
        await server.stop()


async def test_a_server_that_says_nothing_is_not_waited_for_without_end(
    postgres: PostgresServer, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(holding, "_ANSWER_SECONDS", 0.3)
    monkeypatch.setattr(holding, "_CLOSE_SECONDS", 0.3)
    url = (await postgres.fresh_database()).url
    async with holding.held(url, look=0.05, patience=0.5) as hold:
        address = make_url(url).set(drivername="postgresql")
        own = await asyncpg.connect(address.render_as_string(hide_password=False))
        try:
            pid = await own.fetchval("SELECT pid FROM pg_locks WHERE locktype = 'advisory'")
        finally:
            await own.close()
        os.kill(pid, signal.SIGSTOP)
        try:
            # Its lock is still there: as if somebody else had it.
            with pytest.raises(holding.Occupied):
                async with asyncio.timeout(30):
                    await hold.keep()
        finally:
            os.kill(pid, signal.SIGCONT)
    assert "does not answer (TimeoutError)" in caplog.text


@pytest.mark.parametrize(
    ("url", "where"),
    [
        ("postgresql://bridge:geheim@127.0.0.1:1/school", "school at 127.0.0.1:1"),
        ("sqlite:////nowhere/bridge.db", "/nowhere/bridge.db"),
    ],
)
async def test_a_database_that_is_not_there_is_named_with_what_to_do(url: str, where: str) -> None:
    with pytest.raises(Unreachable, match=rf"{where} .*\w+Error.*database\.url") as raised:
        async with holding.held(url):
            pass
    assert "geheim" not in str(raised.value)


async def test_the_lock_of_a_file_lies_beside_it(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'bridge.db'}"
    assert make_url(url).database == str(tmp_path / "bridge.db")
    async with holding.held(url):
        assert (tmp_path / "bridge.db.lock").stat().st_size == 0
