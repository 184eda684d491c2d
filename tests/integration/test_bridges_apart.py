"""Two schools, two bridges, one PostgreSQL server: what happens to one is nothing to the other.

Two homeservers and two bridges start for it, so it runs by `make apart` (`SFERUM_APART=1`).
"""

from __future__ import annotations

import asyncio
import os
import sys
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Any

import pytest
from ruamel.yaml import YAML

from tests.support.bridge import BridgedSchool, Client, until
from tests.support.ports import reserve_port
from tests.support.scenario import Town

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.postgres import PostgresServer


async def pupils(bridged: BridgedSchool) -> tuple[str, Client, Client]:
    """Return the room of class 5А's pupils, and two of them at their clients."""
    school = await bridged.school()
    [class_id] = [c.id for c in school.classes.values() if c.name == "5А"]
    ids = [one.person_id for one in school.enrolments if one.class_id == class_id]
    one, other = [await bridged.client(person_id) for person_id in ids[:2]]
    return await bridged.room("pupils", "5А"), one, other


async def refused(folder: Path, bridged: BridgedSchool, **database: Any) -> str:
    """Start one more bridge with the settings of a school; return what it ends with."""
    yaml = YAML()
    data = yaml.load(bridged.folder / "config.yaml")
    data["appservice"]["port"] = reserve_port()
    data["database"] |= {
        "secret_key_file": str(bridged.folder / data["database"]["secret_key_file"]),
        **database,
    }
    folder.mkdir()  # noqa: ASYNC240 - nothing else runs in this loop
    yaml.dump(data, folder / "config.yaml")
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "sferum_bridge", "run", "--config", str(folder / "config.yaml")),
        stderr=asyncio.subprocess.PIPE,
    )
    _, said = await asyncio.wait_for(process.communicate(), 90)
    assert process.returncode == 1, said.decode()
    assert "Traceback" not in said.decode()
    return said.decode()


# Two of everything: on a busy machine that takes its time.
@pytest.mark.skipif(not os.environ.get("SFERUM_APART"), reason="one of the long ones")
@pytest.mark.timeout(900)
async def test_what_happens_to_one_is_nothing_to_the_other(
    tmp_path: Path, postgres: PostgresServer
) -> None:
    async with AsyncExitStack() as stack:
        both: list[BridgedSchool] = []
        for name in ("one", "other"):
            (tmp_path / name).mkdir()
            both.append(await BridgedSchool.start(tmp_path / name, postgres))
            stack.push_async_callback(both[-1].stop)
        one, other = both
        addresses = [school.config.database.url.rpartition("/") for school in (one, other)]
        assert addresses[0][0] == addresses[1][0], "one server"
        assert addresses[0][2] != addresses[1][2], "a database each"

        # Each makes its own rooms, and only those.
        rooms: list[str] = []
        for school in (one, other):
            room_id, writer, reader = await pupils(school)
            await writer.say(room_id, f"в {room_id}")
            assert (writer.mxid, f"в {room_id}") in await reader.texts(room_id)
            rooms.append(room_id)
        assert rooms[0] != rooms[1]

        # A second bridge on the same data is refused, and the first one does not notice.
        assert "Another bridge runs on this database" in await refused(tmp_path / "twin", one)
        fresh = f"sqlite:///{tmp_path / 'fresh.db'}"
        said = await refused(tmp_path / "stranger", one, url=fresh)
        assert "works for another database" in said
        assert "--take-over" in said

        # One dies; the other's bot answers and brings a new pupil in.
        town = await Town.open(other, stack)
        await one.kill_bridge()
        pupil = await town.pupil("Ася", "Выдумкина")
        assert "Ася" in (await pupil.ask("кто я")).body
        _, writer, _ = await pupils(one)
        direct = (await writer.call("POST", "createRoom", {
            "preset": "trusted_private_chat", "is_direct": True, "invite": [one.config.bot_mxid],
        }))[1]["room_id"]  # fmt: skip

        # It comes back and answers what was asked meanwhile; its rooms are the same.
        await one.start_bridge()

        async def greets() -> bool:
            return any(sender == one.config.bot_mxid for sender, _ in await writer.texts(direct))

        await until(greets, 120)
        await one.settled()
        assert await one.room("pupils", "5А") == rooms[0]
