"""The door by which facts come in. What it promises is told in the package's docstring."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from synapse.api.errors import SynapseError
from synapse.module_api.errors import Codes

from sferum_bridge.homeserver.facts import MalformedError, read
from sferum_bridge.homeserver.ledger import Ledger, StaleError, Status
from sferum_bridge.homeserver.signed import SignedResource

if TYPE_CHECKING:
    from synapse.http.site import SynapseRequest
    from synapse.module_api import ModuleApi
    from synapse.util.clock import Clock

    from sferum_bridge.homeserver.settings import Settings

PATH = "/_synapse/client/sferum/v1/facts"
STALE = "SFERUM_STALE_GENERATION"


class FactsResource(SignedResource):
    """Serves `PATH`: POST takes a generation of facts, GET tells which one holds, and where."""

    def __init__(
        self,
        api: ModuleApi,
        clock: Clock,
        ledger: Ledger,
        settings: Settings,
        *,
        tells_all: bool,
    ) -> None:
        super().__init__(api, clock, settings)
        self._ledger = ledger
        self._tells_all = tells_all

    async def _async_render_GET(self, request: SynapseRequest) -> tuple[int, dict[str, Any]]:  # noqa: N802 — the name Synapse looks for
        self._about(request, "GET", PATH)
        return HTTPStatus.OK, self._told(await self._ledger.status())

    async def _async_render_POST(self, request: SynapseRequest) -> tuple[int, dict[str, Any]]:  # noqa: N802 — the name Synapse looks for
        body = self._body(request)
        self._authenticate(request, body)
        try:
            # A big school takes long enough to read that others would notice the wait.
            push = await self._api.defer_to_thread(read, body)
            status = await self._ledger.push(push, body)
        except MalformedError as error:
            raise SynapseError(HTTPStatus.BAD_REQUEST, str(error), Codes.BAD_JSON) from error
        except StaleError as error:
            raise SynapseError(
                HTTPStatus.CONFLICT,
                "another generation holds",
                STALE,
                additional_fields={"generation": error.current},
            ) from error
        if status is None:
            return HTTPStatus.ACCEPTED, {"generation": push.generation, "complete": False}
        return HTTPStatus.OK, self._told(status)

    def _told(self, status: Status) -> dict[str, Any]:
        standing = status.processes
        return {
            "generation": status.generation,
            "people": len(status.facts.people),
            "rooms": len(status.facts.rooms),
            "readable": status.readable,
            "damaged": status.damaged,
            "processes": dict(standing.generations),
            "waiting": list(standing.waiting),
            "missing": list(standing.missing),
            "tells_all": self._tells_all,
        }
