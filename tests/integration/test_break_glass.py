"""Break-glass at a running school: in with a reason, told, logged, out by itself, not back in."""

from __future__ import annotations

import asyncio
import json
import secrets
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
import pytest_asyncio
from click.testing import CliRunner

from sferum_bridge.cli import main
from tests.support.bridge import BridgedSchool
from tests.support.bridge import until as until_true
from tests.support.scenario import Town

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.support.scenario import Who

pytestmark = pytest.mark.asyncio(loop_scope="session")

WHY = "обращение № 17, жалоба на травлю"


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def town(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Town]:
    """Give a settled school of one class."""
    folder = tmp_path_factory.mktemp("school")
    school = await BridgedSchool.start(folder, classes=("5А",), pupils=1)
    async with AsyncExitStack() as stack:
        stack.push_async_callback(school.stop)
        yield await Town.open(school, stack)


async def contour(town: Town, *words: str) -> str:
    config = str(town.bridged.folder / "config.yaml")
    command = ["contour", *words, "--config", config, "--lang", "ru"]
    result = await asyncio.to_thread(lambda: CliRunner().invoke(main, command))
    assert result.exit_code == 0, result.output
    return result.stdout


async def opens(town: Town, who: Who, *how: str) -> dict[str, Any]:
    words = ("--who", who.mxid, "--reason", WHY, "--room", "parents/5А", "--json")
    return dict(json.loads(await contour(town, "open", *words, *how)))


async def tries_to_join(town: Town, who: Who) -> int:
    room = await town.bridged.room("parents", "5А")
    status, _ = await who.client.call("POST", f"rooms/{room}/join")
    return int(status)


async def test_the_operator_is_let_in_and_out_again_by_itself(town: Town) -> None:
    root, head = await town.outsider("Оператор"), await town.administrator()
    assert await tries_to_join(town, root) in {403, 404}
    until = datetime.now(UTC) + timedelta(seconds=12)
    await opens(town, root, "--until", until.isoformat())
    await root.gets_into("parents", "5А")
    room = await town.bridged.room("parents", "5А")
    # Read and written is in that room alone.
    await root.client.say(room, "Это оператор сервера.")
    assert not await root.is_in("pupils", "5А")
    assert await town.bridged.room("pupils", "5А") not in await root.client.joined()
    told = await head.hears(root.mxid, WHY)
    assert "5А" in told.body
    await root.hears(WHY)
    await root.gets_out_of("parents", "5А")
    assert datetime.now(UTC) >= until
    assert await tries_to_join(town, root) in {403, 404}
    await head.hears(root.mxid, "закрыт")
    assert await town.actions_about(root.mxid) == ["contour.open", "contour.end"]
    journal = await head.ask("журнал")
    assert WHY in journal.body
    assert "открыт доступ в чрезвычайном случае" in journal.body


async def test_it_is_closed_before_its_time(town: Town) -> None:
    root = await town.outsider("Оператор")
    made = await opens(town, root, "--for", "2h")
    await root.gets_into("parents", "5А")
    await contour(town, "close", made["id"])
    await root.gets_out_of("parents", "5А")
    assert await tries_to_join(town, root) in {403, 404}


async def test_it_ends_in_time_though_the_bridge_is_stopped(town: Town) -> None:
    root, head = await town.outsider("Оператор"), await town.administrator()
    until = datetime.now(UTC) + timedelta(seconds=15)
    made = await opens(town, root, "--until", until.isoformat())
    room = await town.bridged.room("parents", "5А")
    await root.gets_into("parents", "5А")
    await town.bridged.stop_bridge()
    await root.client.say(room, "Это оператор сервера.")

    async def says_nothing_more() -> bool:
        where = f"rooms/{room}/send/m.room.message/{secrets.token_hex(8)}"
        message = {"msgtype": "m.text", "body": "И ещё."}
        status, _ = await root.client.call("PUT", where, message)
        return bool(status == 403)

    async def is_on_record() -> bool:
        return await town.actions_about(root.mxid) == ["contour.open", "contour.end"]

    await until_true(says_nothing_more)
    assert datetime.now(UTC) >= until
    await root.gets_out_of("parents", "5А")
    assert await tries_to_join(town, root) in {403, 404}
    assert await town.actions_about(root.mxid) == ["contour.open"], "the bridge was not there"
    await town.bridged.start_bridge()
    await until_true(is_on_record)
    await head.hears(root.mxid, "Срок был до")
    await town.bridged.settled()
    status = json.loads(await contour(town, "status", "--all", "--json"))
    assert made["id"] in {row["id"] for row in status}
    assert await tries_to_join(town, root) in {403, 404}


async def test_the_doctor_finds_a_school_at_work_in_order(town: Town) -> None:
    command = ["doctor", "--json", "--config", str(town.bridged.folder / "config.yaml")]
    result = await asyncio.to_thread(lambda: CliRunner().invoke(main, command))
    told = json.loads(result.stdout)
    assert result.exit_code == 0, told
    state = {one["what"]: (one["state"], one["found"]) for one in told["findings"]}
    # It asked about the rooms there are: the gate, three of the school, four of the class, chats.
    listed, found = state["GET directory/list/room"]
    assert listed == "ok"
    assert int(found.removeprefix("0 / ")) >= 8
    assert state["/_synapse/client/sferum/v1/facts"] != ("note", "generation 0")
