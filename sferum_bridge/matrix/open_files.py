"""Readable files that are to be taken away again: each has its address before it has bytes.

    POST create ─► noted by the caller ─► PUT bytes ─► … ─► DELETE, at the extension's own door

So a kill in between leaves no readable file that nobody knows of. What a file is shown by is the
caller's: the event is redacted first, then nobody is let to the file while it is being deleted.
"""

from __future__ import annotations

import logging
from functools import partial
from typing import TYPE_CHECKING

from mautrix.errors import MatrixRequestError

from sferum_bridge.matrix.answers import text_in
from sferum_bridge.matrix.policy import signed

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from sferum_bridge.matrix.client import Homeserver

log = logging.getLogger(__name__)

_CREATE, _UPLOAD = "/_matrix/media/v1/create", "/_matrix/media/v3/upload"
_DOOR = "/_synapse/client/sferum/v1/media"
_NOT_ITS_OWN = "SFERUM_NOT_ITS_OWN"
_NOT_FOUND, _THERE_ALREADY = 404, 409


class OpenFileLostError(Exception):
    """The homeserver does not know an address any more that was made for a file."""


class NotRemovedError(Exception):
    """The homeserver does not delete files for the bridge; the text says why and what to do."""


class OpenFiles:
    """Puts files of the bot up and takes files away; `secret` is shared with the extension."""

    def __init__(self, homeserver: Homeserver, secret: str) -> None:
        self._homeserver = homeserver
        self._secret = secret.encode()
        self._here = f"mxc://{homeserver.domain}/"

    @property
    def is_able(self) -> bool:
        """Tell whether there is an extension, so that trying again may help."""
        return bool(self._secret)

    def parts(self, media: str) -> tuple[str, str]:
        """Return server and id of a file's address. Raises `ValueError` for one not of here."""
        media_id = media.removeprefix(self._here)
        if media_id == media or not media_id.replace("-", "").replace("_", "").isalnum():
            raise ValueError("no file of this homeserver")
        return self._homeserver.domain, media_id

    async def create(self) -> str:
        """Return an address for a file that has no bytes yet. Raises `MatrixRequestError`."""
        answer = await self._homeserver.request("POST", _CREATE, kind="media_create")
        return text_in(answer, "content_uri")

    async def fill(
        self, media: str, chunks: Callable[[], AsyncIterator[bytes]], size: int, mime: str
    ) -> None:
        """Give a file its `size` bytes; one that has them keeps them.

        Raises `OpenFileLostError`, and `MatrixRequestError` where the homeserver refuses the file.
        """
        server, media_id = self.parts(media)
        try:
            await self._homeserver.request(
                "PUT",
                f"{_UPLOAD}/{server}/{media_id}",
                chunks=chunks,
                headers={"Content-Type": mime, "Content-Length": str(size)},
                kind="upload",
            )
        except MatrixRequestError as e:
            if e.http_status == _NOT_FOUND:
                raise OpenFileLostError from e
            if e.http_status != _THERE_ALREADY:
                raise

    async def may_read(self, media: str, mxid: str) -> bool:
        """Tell whether an account may read a file of this homeserver.

        The bot may read nearly all: so what people name is read only where they may themselves.
        Without the extension whoever knows an id reads a file anyway.
        """
        if not self._secret:
            return True
        try:
            await self._ask("GET", media, mxid, 0)
        except MatrixRequestError as e:
            if getattr(e, "errcode", "") != "M_NOT_FOUND":
                raise
            return False
        return True

    async def may_pass_on(self, media: str, mxid: str) -> bool:
        """Tell whether the bridge may show a file to others, or carry it on, for an account.

        What it shows is readable where it shows it: so only what the account may read itself, and
        no file of another server, which would be fetched for it. Where the homeserver's door for
        the question is not to be reached, nothing is.
        """
        if not self._secret:
            return True
        try:
            return await self.may_read(media, mxid)
        except ValueError:
            return False
        except MatrixRequestError as e:
            log.warning(
                "The homeserver does not say who may read a file (HTTP %s), so it goes nowhere. "
                "Its module must be of the bridge's version, and a proxy must pass %s on to it.",
                e.http_status,
                _DOOR,
            )
            return False

    async def remove(self, media: str, mxid: str, since: int, event_id: str) -> None:
        """Delete a file with its thumbnails if `mxid`, or the bot for none, put it up by then.

        `since` in milliseconds. One that is gone, older, another's or, if people put it up, shown
        by another event than this is left as it is. Raises `NotRemovedError`, and `TryAgain`.
        """
        if not self._secret:
            raise NotRemovedError(
                "There is no homeserver extension to delete files: those that people sent for "
                "their documents stay in Synapse's media store until its retention removes them."
            )
        try:
            await self._ask("DELETE", media, mxid or self._homeserver.bot_mxid, since, event_id)
        except MatrixRequestError as e:
            if getattr(e, "errcode", "") == _NOT_ITS_OWN:
                return
            raise NotRemovedError(
                f"The homeserver deletes no file for the bridge (HTTP {e.http_status}). Its module "
                "must be of the bridge's version, and a proxy must pass "
                f"{_DOOR} on to the process of Synapse that keeps files."
            ) from e

    async def _ask(
        self, method: str, media: str, mxid: str, since: int, event_id: str = ""
    ) -> None:
        _, media_id = self.parts(media)
        about = {
            "X-Sferum-Media": media_id,
            "X-Sferum-User": mxid,
            "X-Sferum-Since": str(since),
            "X-Sferum-Event": event_id,
        }
        # Anew at every try: who waited for the homeserver would else ask with an old time.
        headers = partial(signed, self._secret, method, _DOOR, about)
        await self._homeserver.request(method, _DOOR, headers=headers, kind="media_door")
