"""The school's Synapse as several processes: the main one and a worker, behind a reverse proxy.

    clients ──── HTTP ─┐           ┌─► worker1   whatever a worker may serve
                       ├─► Front ──┤      │ Redis, replication
    the other server ──┘           └─► main      everything else
              TLS

Whoever asks goes to the front, as at a school, and is answered by the worker wherever a worker may
answer: so what holds in the main process has to hold in the worker, too.
"""

from __future__ import annotations

import io
import re
import ssl
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import aiohttp
from aiohttp import web
from yarl import URL

from tests.contour.servers import OpenSynapse
from tests.support.ports import reserve_port
from tests.support.workers import Worker, clustered, listener, redis_at

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

NAME = "worker1"
STREAMS = (
    *("account_data", "device_lists", "presence", "push_rules", "receipts", "to_device", "typing"),
)
"""What the worker writes, so that requests that change it go there."""

_CLIENT = (
    *("sync", "events", "initialSync", "createRoom", "publicRooms", "joined_rooms", "search"),
    *("capabilities", "notifications", "login", "register", "register/available"),
    *("account/(3pid|whoami|deactivate)", "voip/turnServer", "password_policy"),
    *("join/.*", "knock/.*", "profile/.*", "directory/room/.*", "user_directory/search"),
    "keys/(query|changes|claim|upload.*|device_signing/upload|signatures/upload)",
    *("room_keys/.*", "devices(/.*)?", "delete_devices", "sendToDevice/.*", "presence/.*"),
    *("pushrules/.*", "user/.*/(filter|account_data|tags).*"),
)
"""Below /_matrix/client/v3/ and its older names."""

_ROOM = (
    *("initialSync", "joined_members", "context/.*", "members", "state", "state/.*", "aliases"),
    *("event/.*", "messages", "redact/.*", "send/.*", "typing/.*", "receipt/.*", "read_markers"),
    *("join", "invite", "leave", "ban", "unban", "kick"),
)
"""Below rooms/{id}/ of the same."""

_NEWER = (
    *("v1/rooms/.*/(hierarchy|threads|timestamp_to_event)", "(v1|unstable)/rooms/.*/relations/.*"),
    *("unstable/im.nheko.summary/summary/.*", "versions"),
)
"""Below /_matrix/client/."""

_FEDERATION = (
    *("version", "event/.*", "state/.*", "state_ids/.*", "backfill/.*", "get_missing_events/.*"),
    *("publicRooms", "query/.*", "make_join/.*", "make_leave/.*", "make_knock/.*", "send/.*"),
    *("send_join/.*", "send_leave/.*", "send_knock/.*", "invite/.*", "event_auth/.*"),
    *("timestamp_to_event/.*", "exchange_third_party_invite/.*", "user/devices/.*"),
    "hierarchy/.*",
)
"""Below /_matrix/federation/v1/ and v2."""

TO_WORKER = re.compile(
    r"/_matrix/client/(?:api/v1|r0|v3|unstable)/"
    rf"(?:{'|'.join(_CLIENT)}|rooms/[^/]+/(?:{'|'.join(_ROOM)}))"
    rf"|/_matrix/client/(?:{'|'.join(_NEWER)})"
    rf"|/_matrix/federation/v[12]/(?:{'|'.join(_FEDERATION)})"
)
"""The paths that Synapse's documentation of workers lets a generic worker serve."""

_OF_THE_CONNECTION = frozenset(
    {"connection", "content-length", "host", "keep-alive", "transfer-encoding"}
)


class Front:
    """A reverse proxy that sends each request to the process that is to answer it."""

    def __init__(self, main: str, worker: str) -> None:
        self._main, self._worker = main, worker
        self.served = {main: 0, worker: 0}
        """Requests by process."""
        self._session: aiohttp.ClientSession | None = None
        self._runner: web.AppRunner | None = None

    async def start(self, port: int, tls_port: int, certificate: Path) -> None:
        """Listen for clients on one port, and for other servers on the other; once."""
        if self._runner is not None:
            return
        self._session = aiohttp.ClientSession(
            timeout=aiohttp.ClientTimeout(total=120),
            connector=aiohttp.TCPConnector(limit=0),
            auto_decompress=False,
            trust_env=False,
        )
        app = web.Application(client_max_size=2**28)
        app.router.add_route("*", "/{path:.*}", self._pass_on)
        self._runner = web.AppRunner(app, access_log=None)
        await self._runner.setup()
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        tls.load_cert_chain(certificate)
        await web.TCPSite(self._runner, "127.0.0.1", port).start()
        await web.TCPSite(self._runner, "127.0.0.1", tls_port, ssl_context=tls).start()

    async def stop(self) -> None:
        if self._runner is not None:
            await self._runner.cleanup()
        if self._session is not None:
            await self._session.close()
        self._runner = self._session = None

    async def _pass_on(self, request: web.Request) -> web.Response:
        assert self._session is not None
        path = request.raw_path.partition("?")[0]
        place = self._worker if TO_WORKER.fullmatch(path) else self._main
        self.served[place] += 1
        headers = {
            name: value
            for name, value in request.headers.items()
            if name.lower() not in _OF_THE_CONNECTION
        }
        try:
            async with self._session.request(
                request.method,
                # As it came: other servers have signed it.
                URL(place + request.raw_path, encoded=True),
                headers=headers,
                data=io.BytesIO(await request.read()),
                allow_redirects=False,
            ) as answer:
                body = await answer.read()
        except aiohttp.ClientError:
            return web.Response(status=502)
        response = web.Response(status=answer.status, body=body)
        for name, value in answer.headers.items():
            if name.lower() not in _OF_THE_CONNECTION:
                response.headers[name] = value
        return response


class ClusteredSynapse(OpenSynapse):
    """An `OpenSynapse` of two processes. Its address is that of the front."""

    def __init__(self, folder: Path, **settings: Any) -> None:
        super().__init__(folder, **settings)
        self._front_port = reserve_port()
        self._places = {"main": reserve_port(), NAME: reserve_port()}
        self._redis_port = reserve_port()
        self._redis = redis_at(self._redis_port, folder)
        self._worker: Worker | None = None
        self._front: Front | None = None

    @property
    def url(self) -> str:
        """The address for clients, without a slash at the end."""
        return f"http://127.0.0.1:{self._front_port}"

    @property
    def processes(self) -> Sequence[str]:
        """The addresses of the processes themselves."""
        return (super().url, f"http://127.0.0.1:{self._places[NAME]}")

    @property
    def served(self) -> Sequence[int]:
        """How many requests each of `processes` has answered."""
        return tuple(self._front.served.values()) if self._front else ()

    async def start(self) -> None:
        """Start all of it; return once both processes serve clients."""
        self.prepare()
        self._redis.start()
        self._front = self._front or Front(*self.processes)
        await self._front.start(self._front_port, self._tls_port, self._certificate)
        try:
            await super().start()
            # Its file names the main process's, which is there now.
            self._worker = Worker(self, NAME, self._places[NAME], serves=("client", "federation"))
            await self._worker.start()
        except BaseException:
            await self.kill()
            raise

    async def stop(self) -> None:
        """End all of it."""
        if self._worker is not None:
            await self._worker.process.stop()
        await super().stop()
        await self._redis.stop()
        if self._front is not None:
            await self._front.stop()

    async def kill(self) -> None:
        """End the processes at once; the front goes on, and says that nobody is there."""
        if self._worker is not None:
            await self._worker.process.kill()
        await super().kill()
        with suppress(ProcessLookupError):
            await self._redis.kill()

    def _config(self) -> dict[str, Any]:
        config = clustered(super()._config(), self._redis_port, self._places)
        # The front has the certificate, and the ports that clients and servers know.
        own = [place for place in config["listeners"] if place["port"] != self._tls_port]
        own[0] = listener(self.port, "client", "federation")
        return {
            **config,
            "listeners": own,
            "stream_writers": dict.fromkeys(STREAMS, NAME),
        }
