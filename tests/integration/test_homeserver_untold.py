"""What happens while Synapse is killed: the bridge is told of it all the same."""

from __future__ import annotations

import asyncio
import json
import secrets
from typing import TYPE_CHECKING, Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from sferum_bridge.demo.synapse import SynapseProcess
from tests.conftest import BACKENDS, register_bot
from tests.support.ports import reserve_port
from tests.support.synapse import BOT, SERVER_NAME, Homeserver, settings_for, write_registration

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import StartHomeserver
    from tests.support.postgres import PostgresServer
    from tests.support.synapse import Account


class Listener:
    """An application service that answers when it is let."""

    def __init__(self) -> None:
        self.numbers: list[int] = []
        """Those of the transactions."""
        self.heard: list[str] = []
        """What was said, as it came; of one that was not answered as well."""
        self.answers = asyncio.Event()
        self.answers.set()
        self.application = web.Application()
        self.application.router.add_put("/_matrix/app/v1/transactions/{id}", self._take)

    async def _take(self, request: web.Request) -> web.Response:
        self.numbers.append(int(request.match_info["id"]))
        events: list[dict[str, Any]] = (await request.json())["events"]
        self.heard += [e["content"]["body"] for e in events if e["type"] == "m.room.message"]
        await self.answers.wait()
        return web.json_response({})

    async def hears(self, text: str) -> None:
        async with asyncio.timeout(20):
            while text not in self.heard:  # noqa: ASYNC110 — whatever comes, in whichever order
                await asyncio.sleep(0.02)


async def say(server: Homeserver, who: Account, room: str, text: str) -> None:
    where = f"rooms/{room}/send/m.room.message/{text}"
    answer = await server.call("PUT", where, {"msgtype": "m.text", "body": text}, by=who)
    assert answer.status == 200


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("more", [0, 30])
async def test_what_is_said_before_synapse_is_killed_reaches_the_bridge(
    start_homeserver: StartHomeserver, backend: str, more: int
) -> None:
    listener, port = Listener(), reserve_port()
    async with TestServer(listener.application, port=port):
        server = await start_homeserver(backend, appservice_url=f"http://127.0.0.1:{port}")
        parent = await server.account("parent")
        room = await server.room(server.bot, preset="public_chat")
        assert (await server.call("POST", f"join/{room}", {}, by=parent)).status == 200
        await say(server, parent, room, "first")
        await listener.hears("first")

        listener.answers.clear()
        # The one is sent, written down and not answered; the others wait in memory behind it.
        said = ["sent", *(f"held-{number}" for number in range(more))]
        for text in said:
            await say(server, parent, room, text)
        await listener.hears("sent")
        await asyncio.sleep(0.3)  # Synapse reads on
        await server.process.kill()
        listener.heard.clear()
        listener.answers.set()

        await server.process.start()
        # Nobody says anything: Synapse goes on by itself.
        await listener.hears(said[-1])
        # Of what came before, some may be told once more.
        told = [text for text in dict.fromkeys(listener.heard) if text in said]
        assert told == said
        await say(server, parent, room, "last")
        await listener.hears("last")
        assert listener.heard[-1] == "last"


async def test_what_was_told_a_while_ago_is_not_told_again(
    start_homeserver: StartHomeserver,
) -> None:
    listener, port = Listener(), reserve_port()
    async with TestServer(listener.application, port=port):
        server = await start_homeserver(appservice_url=f"http://127.0.0.1:{port}")
        room = await server.room(server.bot)
        await say(server, server.bot, room, "before")
        await listener.hears("before")
        await asyncio.sleep(14)  # longer than from one look of the module to the next
        await server.process.kill()
        await server.process.start()
        await say(server, server.bot, room, "behind")
        await listener.hears("behind")
        assert listener.heard == ["before", "behind"]


async def test_no_transaction_is_made_for_whoever_has_no_address(
    tmp_path: Path, postgres: PostgresServer
) -> None:
    listener, port = Listener(), reserve_port()
    own, bot = write_registration(tmp_path, url=f"http://127.0.0.1:{port}")
    everybody = {"users": [{"exclusive": False, "regex": f"@.*:{SERVER_NAME}"}]}
    puppets = {
        "id": "puppets",
        "url": None,
        "sender_localpart": "nobody",
        "namespaces": everybody,
        "as_token": secrets.token_hex(),
        "hs_token": secrets.token_hex(),
    }
    path = tmp_path / "puppets.json"
    path.write_text(json.dumps(puppets), "utf-8")
    secret = secrets.token_urlsafe(32)
    settings = settings_for(
        tmp_path / "synapse",
        database=(await postgres.fresh_database()).synapse,
        registrations=(own, path),
        contour={"secret": secret, "bot": BOT},
    )
    server = Homeserver(SynapseProcess(settings), bot=bot, facts_secret=secret)
    async with TestServer(listener.application, port=port):
        await server.process.start()
        try:
            await register_bot(server)
            room = await server.room(server.bot)
            for number in range(5):
                await say(server, server.bot, room, f"{number}")
                await listener.hears(f"{number}")
        finally:
            await server.process.stop()
    # Synapse counts those of all application services together.
    assert listener.numbers == list(range(1, len(listener.numbers) + 1))
