"""What the doors of the bridge have in common: only who has the shared secret comes in."""

from __future__ import annotations

import hashlib
import hmac
from http import HTTPStatus
from typing import TYPE_CHECKING

from synapse.api.errors import SynapseError
from synapse.module_api import DirectServeJsonResource
from synapse.module_api.errors import Codes

if TYPE_CHECKING:
    from collections.abc import Sequence

    from synapse.http.site import SynapseRequest
    from synapse.module_api import ModuleApi
    from synapse.util.clock import Clock

    from sferum_bridge.homeserver.settings import Settings


class SignedResource(DirectServeJsonResource):
    """Checks that a request was signed with the shared secret, not long ago, and is not too big."""

    def __init__(self, api: ModuleApi, clock: Clock, settings: Settings) -> None:
        super().__init__(clock=clock)
        self._api = api
        self._settings = settings

    def _body(self, request: SynapseRequest) -> bytes:
        limit = self._settings.max_body_bytes
        body = request.content.read(limit + 1) if request.content else b""
        if len(body) > limit:
            raise SynapseError(
                HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
                f"a request may take {limit} bytes",
                Codes.TOO_LARGE,
            )
        return body

    def _authenticate(self, request: SynapseRequest, text: bytes) -> None:
        expected = hmac.new(self._settings.secret, text, hashlib.sha256).hexdigest()
        given = request.getHeader("X-Sferum-Mac") or ""
        # As bytes: compare_digest refuses text that is not ASCII.
        if not hmac.compare_digest(expected.encode(), given.encode("utf-8", "surrogateescape")):
            raise SynapseError(HTTPStatus.FORBIDDEN, "X-Sferum-Mac is wrong", Codes.FORBIDDEN)

    def _about(self, request: SynapseRequest, method: str, path: str, *names: str) -> Sequence[str]:
        """Return the headers `X-Sferum-<name>`, which the code is over, besides the time.

        What `matrix.policy.signed` writes. Raises `SynapseError` for a wrong code or an old time.
        """
        said = [request.getHeader(f"X-Sferum-{name}") or "" for name in (*names, "Time")]
        text = " ".join([method, path, *said])
        self._authenticate(request, text.encode("utf-8", "surrogateescape"))
        self._check_moment(said[-1])
        return said[:-1]

    def _check_moment(self, moment: str) -> None:
        """Refuse what was signed long ago: it may be a repetition by somebody who listened."""
        # Only digits were signed by the bridge, but whoever has the secret can sign anything.
        sent = int(moment) if moment.isdecimal() and moment.isascii() and len(moment) < 16 else 0  # noqa: PLR2004 — seconds never grow that long
        now = self._api.get_current_time_msec() / 1000
        if abs(now - sent) > self._settings.clock_skew_seconds:
            raise SynapseError(
                HTTPStatus.FORBIDDEN, "X-Sferum-Time is too far from this server's clock"
            )
