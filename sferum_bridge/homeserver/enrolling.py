"""The door by which the bridge brings many people into a room at once (design §4).

    `GET /_synapse/client/sferum/v1/enrol`, signed as that of the facts, tells that it is here: {}.

    `POST`, with {"room_id": …, "user_ids": […]}. `X-Sferum-Body` is the SHA-256 of the body and
    `X-Sferum-Nonce` 32 hexadecimal digits that were never used, `X-Sferum-Since` how many
    milliseconds ago this was first asked: who left by themselves later is not brought back. The
    code is over `POST /_synapse/client/sferum/v1/enrol <nonce> <body> <since> <time>`. Answers

        200 {"joined": [who is in the room now], "refused": {who is not: why}}
        403 it was signed otherwise, too long ago, or has been used before
        409 SFERUM_NOT_THIS_ROOM: nobody is brought into this room this way
        501 SFERUM_NOT_HERE: this Synapse is of a version that batches were not tried on
        502, 503 what is missing may be there any moment: the facts, the database, a process

Every process has it. Which of them stores the events, Synapse finds as for any other.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import logging
import re
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from synapse.api.errors import SynapseError
from synapse.module_api.errors import Codes
from synapse.types import RoomID

from sferum_bridge.homeserver.enrolling_once import Once
from sferum_bridge.homeserver.enrolling_points import MOST, NotThisRoomError, misfit
from sferum_bridge.homeserver.signed import SignedResource

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from synapse.http.site import SynapseRequest
    from synapse.module_api import ModuleApi
    from synapse.server import HomeServer
    from synapse.util.clock import Clock

    from sferum_bridge.homeserver.enrolling_batch import Outcome
    from sferum_bridge.homeserver.settings import Settings
    from sferum_bridge.school.contour import Facts

logger = logging.getLogger(__name__)

PATH = "/_synapse/client/sferum/v1/enrol"
NOT_HERE = "SFERUM_NOT_HERE"
NOT_THIS_ROOM = "SFERUM_NOT_THIS_ROOM"
_NONCE = re.compile(r"[0-9a-f]{32}")
_SINCE = re.compile(r"[0-9]{1,12}")
_LONGEST_ID = 255


class EnrolResource(SignedResource):
    """Serves `PATH`."""

    def __init__(
        self,
        api: ModuleApi,
        clock: Clock,
        homeserver: HomeServer,
        facts: Callable[[], Awaitable[Facts]],
        settings: Settings,
    ) -> None:
        super().__init__(api, clock, settings)
        self._misfit = misfit(homeserver)
        if self._misfit:
            logger.warning("People are not enrolled by the batch: %s", self._misfit)
        else:
            from sferum_bridge.homeserver.enrolling_batch import Batches  # noqa: PLC0415 — it fits

            self._batches = Batches(api, homeserver, facts, settings.bot)
        database = homeserver.get_datastores().main.database_engine.module
        self._database_away = (database.OperationalError, database.InterfaceError)
        self._once = Once(
            api,
            api.get_current_time_msec,
            # Longer than a time is good for, on whichever side of this clock it was.
            good_for_ms=int(settings.clock_skew_seconds * 3000),
        )
        self._has_begun = False

    async def begin(self) -> None:
        """Make the table of nonces; what fails is tried at a request."""
        if not self._has_begun:
            await self._once.begin()
            self._has_begun = True

    async def _async_render_GET(self, request: SynapseRequest) -> tuple[int, dict[str, Any]]:  # noqa: N802 — the name Synapse looks for
        self._about(request, "GET", PATH)
        self._check_here()
        return HTTPStatus.OK, {}

    async def _async_render_POST(self, request: SynapseRequest) -> tuple[int, dict[str, Any]]:  # noqa: N802 — the name Synapse looks for
        nonce, digest, since = self._about(request, "POST", PATH, "Nonce", "Body", "Since")
        self._check_here()
        body = self._body(request)
        right = hashlib.sha256(body).hexdigest()
        if not hmac.compare_digest(right.encode(), digest.encode("utf-8", "surrogateescape")):
            raise SynapseError(HTTPStatus.FORBIDDEN, "X-Sferum-Body is wrong", Codes.FORBIDDEN)
        room_id, users = _asked(body)
        if not _SINCE.fullmatch(since):
            raise SynapseError(
                HTTPStatus.BAD_REQUEST, "X-Sferum-Since is no duration", Codes.INVALID_PARAM
            )
        since_ms = self._api.get_current_time_msec() - int(since)
        try:
            await self.begin()
            if not _NONCE.fullmatch(nonce) or not await self._once.use_up(nonce):
                raise SynapseError(
                    HTTPStatus.FORBIDDEN, "X-Sferum-Nonce has been used", Codes.FORBIDDEN
                )
            done = await self._enrol(room_id, users, since_ms)
        except self._database_away as error:
            raise SynapseError(
                HTTPStatus.SERVICE_UNAVAILABLE, "the database does not answer"
            ) from error
        return HTTPStatus.OK, {"joined": sorted(done.joined), "refused": dict(done.refused)}

    async def _enrol(self, room_id: str, users: Sequence[str], since_ms: int) -> Outcome:
        try:
            return await self._batches.enrol(room_id, users, since_ms)
        except NotThisRoomError as error:
            raise SynapseError(HTTPStatus.CONFLICT, str(error), NOT_THIS_ROOM) from error
        except self._database_away:
            raise
        except Exception as error:
            # What is passing, the ordinary ways would meet as well.
            if isinstance(error, SynapseError) and error.code >= HTTPStatus.INTERNAL_SERVER_ERROR:
                raise
            # They are slower, and may lead in all the same.
            logger.exception("Nobody is enrolled in %s by the batch, which failed", room_id)
            raise SynapseError(HTTPStatus.CONFLICT, "the batch failed", NOT_THIS_ROOM) from error

    def _check_here(self) -> None:
        if self._misfit:
            raise SynapseError(HTTPStatus.NOT_IMPLEMENTED, self._misfit, NOT_HERE)


def _asked(body: bytes) -> tuple[str, Sequence[str]]:
    """Read a request. Raises `SynapseError` (400)."""
    try:
        content = json.loads(body)
    except (ValueError, RecursionError):
        content = None
    asked = content if isinstance(content, dict) else {}
    room_id, users = asked.get("room_id"), asked.get("user_ids")
    if not isinstance(room_id, str) or not RoomID.is_valid(room_id):
        raise SynapseError(HTTPStatus.BAD_REQUEST, "room_id is no room", Codes.INVALID_PARAM)
    if (
        not isinstance(users, list)
        or not all(isinstance(one, str) and len(one) <= _LONGEST_ID for one in users)
        or not 0 < len(users) <= MOST
    ):
        raise SynapseError(
            HTTPStatus.BAD_REQUEST, f"user_ids are 1 to {MOST} Matrix ids", Codes.INVALID_PARAM
        )
    return room_id, users
