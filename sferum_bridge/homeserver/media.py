"""The door by which the bridge asks who may read a file of this server, and has one deleted.

A personal document is kept encrypted by the bridge (S-40). What somebody sends for it is readable
here until it is taken in, and so is what they get back for a while; no client may delete a file,
not even its own. Two questions keep the bridge from being used against others: it takes in only
what its sender may read, and it deletes only what the account put up for this very message and no
other one shows, so that a file forwarded from a chat stays in that chat.

Only a process that keeps files can delete them: with a worker for them, `PATH` belongs to it, as
Synapse's own `/_synapse/admin/v1/media` does.
"""

from __future__ import annotations

import re
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from synapse.api.errors import SynapseError
from synapse.module_api.errors import Codes

from sferum_bridge.homeserver.signed import SignedResource

if TYPE_CHECKING:
    from synapse.http.site import SynapseRequest
    from synapse.module_api import ModuleApi
    from synapse.server import HomeServer
    from synapse.util.clock import Clock

    from sferum_bridge.homeserver.files import Files
    from sferum_bridge.homeserver.settings import Settings

PATH = "/_synapse/client/sferum/v1/media"
NOT_ITS_OWN = "SFERUM_NOT_ITS_OWN"
_ID = re.compile(r"[A-Za-z0-9_-]{1,255}")
_SKEW = 60_000
"""By so much the clocks of Synapse's processes may differ; milliseconds."""
_TIME = re.compile(r"[0-9]{1,16}")


class MediaResource(SignedResource):
    """Serves `PATH`, about the file `X-Sferum-Media` and the account `X-Sferum-User`.

    GET succeeds where the account may read the file. DELETE takes it away with its thumbnails if
    the account put it up at `X-Sferum-Since` (milliseconds) or later, and no event but
    `X-Sferum-Event` shows it; at 0, which is for files of the bot, whatever shows it. Done twice it
    is done once.
    """

    def __init__(
        self,
        api: ModuleApi,
        clock: Clock,
        homeserver: HomeServer,
        files: Files,
        settings: Settings,
    ) -> None:
        super().__init__(api, clock, settings)
        self._homeserver = homeserver
        self._files = files

    async def _async_render_GET(self, request: SynapseRequest) -> tuple[int, dict[str, Any]]:  # noqa: N802 — the name Synapse looks for
        media_id, user, _, _ = self._asked(request, "GET")
        if not await self._files.let(user, media_id):
            raise SynapseError(HTTPStatus.NOT_FOUND, "no such file", Codes.NOT_FOUND)
        return HTTPStatus.OK, {}

    async def _async_render_DELETE(self, request: SynapseRequest) -> tuple[int, dict[str, Any]]:  # noqa: N802 — the name Synapse looks for
        media_id, user, since, event_id = self._asked(request, "DELETE")
        found = await self._homeserver.get_datastores().main.get_local_media(media_id)
        if found is None:
            return HTTPStatus.OK, {}
        is_its_own = found.user_id == user and found.created_ts >= since
        if is_its_own and since:
            is_its_own = not await self._files.is_shown_since(
                media_id, found.created_ts - _SKEW, event_id
            )
        if not is_its_own:
            raise SynapseError(
                HTTPStatus.CONFLICT, "the file was put up by others or for else", NOT_ITS_OWN
            )
        if not self._homeserver.config.media.can_load_media_repo:
            raise SynapseError(
                HTTPStatus.NOT_FOUND, "another process keeps the files", Codes.UNRECOGNIZED
            )
        keeper = self._homeserver.get_media_repository()
        removed, _ = await keeper.delete_local_media_ids([media_id])
        if not removed:
            raise SynapseError(HTTPStatus.INTERNAL_SERVER_ERROR, "the disk keeps the file")
        return HTTPStatus.OK, {}

    def _asked(self, request: SynapseRequest, method: str) -> tuple[str, str, int, str]:
        """Return file, account, time and event that a request is about."""
        about = ("Media", "User", "Since", "Event")
        media_id, user, since, event_id = self._about(request, method, PATH, *about)
        if not _ID.fullmatch(media_id) or not _TIME.fullmatch(since):
            raise SynapseError(HTTPStatus.BAD_REQUEST, "no id or no time", Codes.INVALID_PARAM)
        return media_id, user, int(since), event_id
