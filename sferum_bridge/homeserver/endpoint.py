"""The door by which facts come in. What it promises is told in the package's docstring."""

from __future__ import annotations

import hashlib
import hmac
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from synapse.api.errors import SynapseError
from synapse.module_api import DirectServeJsonResource
from synapse.module_api.errors import Codes

from sferum_bridge.homeserver.facts import MalformedError, read
from sferum_bridge.homeserver.ledger import Ledger, StaleError, UnreadableError

if TYPE_CHECKING:
    from synapse.http.site import SynapseRequest
    from synapse.module_api import ModuleApi
    from synapse.util.clock import Clock

    from sferum_bridge.homeserver.settings import Settings

PATH = "/_synapse/client/sferum/v1/facts"
STALE = "SFERUM_STALE_GENERATION"


class FactsResource(DirectServeJsonResource):
    """Serves `PATH`: POST takes a generation of facts, GET tells which one holds."""

    def __init__(self, api: ModuleApi, clock: Clock, ledger: Ledger, settings: Settings) -> None:
        super().__init__(clock=clock)
        self._api = api
        self._ledger = ledger
        self._settings = settings

    async def _async_render_GET(self, request: SynapseRequest) -> tuple[int, dict[str, Any]]:  # noqa: N802 — the name Synapse looks for
        moment = request.getHeader("X-Sferum-Time") or ""
        self._authenticate(request, f"GET {PATH} {moment}".encode())
        # Only digits were signed by the bridge, but whoever has the secret can sign anything.
        sent = int(moment) if moment.isdecimal() and moment.isascii() and len(moment) < 16 else 0  # noqa: PLR2004 — seconds never grow that long
        now = self._api.get_current_time_msec() / 1000
        if abs(now - sent) > self._settings.clock_skew_seconds:
            raise SynapseError(
                HTTPStatus.FORBIDDEN, "X-Sferum-Time is too far from this server's clock"
            )
        return HTTPStatus.OK, {"generation": (await self._facts()).generation}

    async def _async_render_POST(self, request: SynapseRequest) -> tuple[int, dict[str, Any]]:  # noqa: N802 — the name Synapse looks for
        body = self._body(request)
        self._authenticate(request, body)
        try:
            # A big school takes long enough to read that others would notice the wait.
            push = await self._api.defer_to_thread(read, body)
            facts = await self._ledger.push(push)
        except MalformedError as error:
            raise SynapseError(HTTPStatus.BAD_REQUEST, str(error), Codes.BAD_JSON) from error
        except StaleError as error:
            raise SynapseError(
                HTTPStatus.CONFLICT,
                "another generation holds",
                STALE,
                additional_fields={"generation": error.current},
            ) from error
        return HTTPStatus.OK, {
            "generation": facts.generation,
            "people": len(facts.people),
            "rooms": len(facts.rooms),
        }

    async def _facts(self) -> Any:
        try:
            return await self._ledger.current()
        except UnreadableError as error:
            raise SynapseError(
                HTTPStatus.SERVICE_UNAVAILABLE, "the facts cannot be read now"
            ) from error

    def _body(self, request: SynapseRequest) -> bytes:
        limit = self._settings.max_body_bytes
        body = request.content.read(limit + 1) if request.content else b""
        if len(body) > limit:
            raise SynapseError(
                HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
                f"facts may take {limit} bytes",
                Codes.TOO_LARGE,
            )
        return body

    def _authenticate(self, request: SynapseRequest, text: bytes) -> None:
        expected = hmac.new(self._settings.secret, text, hashlib.sha256).hexdigest()
        given = request.getHeader("X-Sferum-Mac") or ""
        # As bytes: compare_digest refuses text that is not ASCII.
        if not hmac.compare_digest(expected.encode(), given.encode("utf-8", "surrogateescape")):
            raise SynapseError(HTTPStatus.FORBIDDEN, "X-Sferum-Mac is wrong", Codes.FORBIDDEN)
