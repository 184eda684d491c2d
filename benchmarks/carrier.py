"""A bridge without a bridge: the floor of a message's way, as a process of its own.

What its account hears by long poll it says at once as a ghost; what the homeserver sends it in a
transaction it says at once to the chat. It stores nothing, checks nothing and repeats nothing, so
it is what a way costs at the least. It runs as the bridge does, beside the clients and not inside
them. Texts beginning with `INTO_MATRIX` and `OUT_OF_MATRIX` are carried; its own echo is neither.

    python -m benchmarks.carrier ORDERS READY

ORDERS is a JSON file (see `Orders`), READY a file that is made once it listens.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import signal
import sys
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import aiohttp

from benchmarks.bare import Matrix, Texts, receiving, watch_chats
from benchmarks.stage import Service
from tests.support.standin import Caller

INTO_MATRIX, OUT_OF_MATRIX = "bare-in-", "bare-out-"


@dataclass(frozen=True, slots=True)
class Orders:
    """Between what to carry, and as whom."""

    homeserver: str
    service: Service
    room_id: str
    ghost: str
    device: str
    standin: str
    token: str
    """The account's access token in the stand-in."""
    peer_id: int


async def carry(orders: Orders, ready: Path) -> None:
    """Carry until cancelled."""
    heard, sent = Texts(), Texts()
    async with (
        aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as http,
        Caller(orders.standin) as caller,
        receiving(orders.service, sent.note),
        asyncio.TaskGroup() as tasks,
    ):
        caller.token = orders.token
        matrix = Matrix(http, orders.homeserver, orders.service.as_token)
        tasks.create_task(watch_chats(caller, heard.note, ready.touch))
        tasks.create_task(_into_matrix(orders, matrix, heard))
        tasks.create_task(_out_of_matrix(orders, caller, sent))


async def _into_matrix(orders: Orders, matrix: Matrix, heard: Texts) -> None:
    while True:
        text = await heard.next()
        if text.startswith(INTO_MATRIX):
            now = str(time.time_ns() // 1_000_000)
            query = {"user_id": orders.ghost, "device_id": orders.device, "ts": now}
            await matrix.say(orders.room_id, text, query)


async def _out_of_matrix(orders: Orders, caller: Caller, sent: Texts) -> None:
    for random_id in itertools.count(1):
        text = await sent.next()
        while not text.startswith(OUT_OF_MATRIX):
            text = await sent.next()
        await caller.call(
            "messages.send", peer_id=orders.peer_id, random_id=random_id, message=text
        )


async def _main(orders: Orders, ready: Path) -> None:
    here = asyncio.current_task()
    if here is not None:
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, here.cancel)
    with suppress(asyncio.CancelledError):
        await carry(orders, ready)


if __name__ == "__main__":
    given = json.loads(Path(sys.argv[1]).read_text("utf-8"))
    whole = Orders(**{**given, "service": Service(**given["service"])})
    asyncio.run(_main(whole, Path(sys.argv[2])))
