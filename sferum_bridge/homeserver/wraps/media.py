"""Files: what the school's people and the bridge put up opens to those only who may see it (S-44).

A file has an id that cannot be guessed, but an id is passed on easily, and Synapse gives the file
to anybody who has it, without an account or over federation too. Whom it is refused gets the
answer for an id that does not exist.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from synapse.api.errors import NotFoundError, UnrecognizedRequestError
from synapse.media._base import respond_404
from synapse.media.media_repository import MediaRepository
from synapse.media.thumbnailer import ThumbnailProvider
from synapse.media.url_previewer import UrlPreviewer
from synapse.synapse_rust.types import Requester

from sferum_bridge.homeserver.wrapping import Point, Wrapper
from sferum_bridge.school.contour import Side

if TYPE_CHECKING:
    from synapse.http.site import SynapseRequest
    from synapse.types import UserID

    from sferum_bridge.homeserver.files import Files

LOCAL = Point(
    "MediaRepository.get_local_media_info",
    ("request", "media_id", "max_timeout_ms", "bypass_quarantine"),
    closes="Whoever has a file's id reads it or its thumbnail, without an account and over "
    "federation too.",
)
UPLOAD = Point(
    "MediaRepository.verify_can_upload",
    ("media_id", "auth_user"),
    closes="Uploading to the id of somebody else's file tells that there is such a file.",
)
REMOTE = Point(
    "MediaRepository.get_remote_media",
    (
        "request",
        "server_name",
        "media_id",
        "name",
        "max_timeout_ms",
        "ip_address",
        "use_federation_endpoint",
        "allow_authenticated",
        "bypass_quarantine",
    ),
    closes="A school account fetches a file of another server, which learns that somebody reads.",
)
_THUMBNAIL = (
    "max_timeout_ms",
    "ip_address",
    "use_federation",
    "allow_authenticated",
)
REMOTE_THUMBNAIL = Point(
    "ThumbnailProvider.respond_remote_thumbnail",
    ("request", "server_name", "media_id", "width", "height", "method", "m_type", *_THUMBNAIL),
    closes="The same by way of a thumbnail.",
)
REMOTE_THUMBNAIL_MADE = Point(
    "ThumbnailProvider.select_or_generate_remote_thumbnail",
    (
        "request",
        "server_name",
        "media_id",
        "desired_width",
        "desired_height",
        "desired_method",
        "desired_type",
        *_THUMBNAIL,
        "animated",
    ),
    closes="The same where thumbnails are made as they are asked for.",
)
PREVIEW = Point(
    "UrlPreviewer.preview",
    ("url", "user", "ts"),
    closes="A school account has this server fetch any address, with words of a chat in it.",
)
POINTS = (LOCAL, UPLOAD, REMOTE, REMOTE_THUMBNAIL, REMOTE_THUMBNAIL_MADE, PREVIEW)


def install(wrapper: Wrapper) -> None:
    """Stand before files, whichever process serves them."""
    wrapper.put(MediaRepository, LOCAL, partial(_giving, wrapper.files))
    wrapper.put(MediaRepository, UPLOAD, partial(_taking, wrapper.files))
    wrapper.put(MediaRepository, REMOTE, partial(_fetching, wrapper))
    wrapper.put(ThumbnailProvider, REMOTE_THUMBNAIL, partial(_fetching, wrapper))
    wrapper.put(ThumbnailProvider, REMOTE_THUMBNAIL_MADE, partial(_fetching, wrapper))
    wrapper.put(UrlPreviewer, PREVIEW, partial(_previewing, wrapper))


def _giving(files: Files, original: Any) -> Any:
    async def get_local_media_info(
        repository: Any, request: SynapseRequest, media_id: str, *arguments: Any, **named: Any
    ) -> Any:
        if not await files.let(_reader(request), media_id):
            respond_404(request)
            return None
        return await original(repository, request, media_id, *arguments, **named)

    return get_local_media_info


def _taking(files: Files, original: Any) -> Any:
    async def verify_can_upload(repository: Any, media_id: str, auth_user: UserID) -> Any:
        if not await files.let(auth_user.to_string(), media_id):
            raise NotFoundError("Unknown media ID")
        return await original(repository, media_id, auth_user)

    return verify_can_upload


def _fetching(wrapper: Wrapper, original: Any) -> Any:
    async def get_remote_media(
        owner: Any, request: SynapseRequest, *arguments: Any, **named: Any
    ) -> Any:
        if (await wrapper.facts()).side(_reader(request)) is Side.EDUCATIONAL:
            return respond_404(request)
        return await original(owner, request, *arguments, **named)

    return get_remote_media


def _previewing(wrapper: Wrapper, original: Any) -> Any:
    async def preview(previewer: Any, url: str, user: UserID, ts: int) -> Any:
        if (await wrapper.facts()).side(user.to_string()) is Side.EDUCATIONAL:
            raise UnrecognizedRequestError(code=404)  # as where previews are off
        return await original(previewer, url, user, ts)

    return preview


def _reader(request: SynapseRequest) -> str:
    """Return who asks: an account, or nobody for another server and for who has no account."""
    requester = request.requester
    return requester.user.to_string() if isinstance(requester, Requester) else ""
