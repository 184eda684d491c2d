"""Files read from VK and sent to it, piece by piece: none is ever whole in memory.

One connection pool for all accounts, apart from the one of the API: what is asked for here is no
login's secret, and its addresses come from strangers (see `addresses`). Redirects are followed by
hand, each looked at as the first address was.
"""

from __future__ import annotations

from contextlib import asynccontextmanager
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

import aiohttp
from yarl import URL

from sferum_bridge.network.base import (
    FileNotTaken,
    NetworkError,
    Refused,
    TooFast,
    Unavailable,
)
from sferum_bridge.network.content import FileKind
from sferum_bridge.network.vk.addresses import Addresses, OutwardResolver
from sferum_bridge.network.vk.transport import read_json, retry_after

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from typing import BinaryIO

    from sferum_bridge.network.content import File
    from sferum_bridge.network.vk.settings import VkSettings

_CHUNK = 64 * 1024
_MOST_REDIRECTS = 5
_HTML = "text/html"
_HTML_NAMES = (".html", ".htm")
_WORDS = frozenset({"application/json", "text/plain", "application/xml", "text/xml"})
"""What a server answers with that is in trouble and says so with 200."""


class Reading:
    """A file that is being read: see `network.base.Download`."""

    def __init__(self, response: aiohttp.ClientResponse) -> None:
        self._response = response

    @property
    def size(self) -> int:
        """Return its size in bytes, 0 if VK does not say."""
        headers = self._response.headers
        return 0 if "Content-Encoding" in headers else self._response.content_length or 0

    @property
    def mime(self) -> str:
        """Return what VK takes it for, empty if it does not say."""
        return self._response.content_type if "Content-Type" in self._response.headers else ""

    async def chunks(self) -> AsyncIterator[bytes]:
        """Read it, once.

        Raises:
            Unavailable: If it breaks off before its end.
        """
        pieces = self._response.content.iter_chunked(_CHUNK)
        while True:
            try:
                piece = await anext(pieces, b"")
            except (aiohttp.ClientError, OSError, TimeoutError) as error:
                raise _failure("download", error) from None
            if not piece:
                return
            yield piece


class Files:
    """Opens and sends files. Make it inside a running event loop; `close` it in the end."""

    def __init__(self, settings: VkSettings) -> None:
        self._settings = settings
        self._addresses = Addresses(settings)
        self._http = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0, resolver=OutwardResolver(self._addresses)),
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=aiohttp.ClientTimeout(
                total=settings.transfer_timeout,
                sock_connect=settings.connect_timeout,
                sock_read=settings.request_timeout,
            ),
        )

    @asynccontextmanager
    async def open(self, file: File) -> AsyncIterator[Reading]:
        """Open a file for reading.

        Raises:
            Refused: If it is gone, or lies where VK keeps no files.
            Unavailable: No usable answer, or words of the server in place of the file.
            TooFast: The server said 429.
        """
        response = await self._follow(file.url)
        try:
            reading = Reading(response)
            named_so = file.name.lower().endswith(_HTML_NAMES)
            if reading.mime == _HTML and file.mime != _HTML and not named_so:
                raise Refused("download: a page in place of the file")
            if _is_word(reading, file):
                raise Unavailable(f"download: {reading.mime} in place of the file")
            yield reading
        finally:
            # Not release: what was not read is not worth reading.
            response.close()

    async def post(self, url: str, field: str, name: str, mime: str, body: BinaryIO) -> Any:
        """Send a file to an upload server as a form's field; return the JSON it answers.

        Raises:
            NetworkError: As `open`.
        """
        address = self._addresses.checked(url)
        form = aiohttp.FormData()
        # From a file the length is known beforehand: upload servers may not take it otherwise.
        form.add_field(field, body, filename=name, content_type=mime)
        try:
            async with self._http.post(address, data=form, allow_redirects=False) as response:
                if response.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
                    raise FileNotTaken(f"upload: HTTP {response.status}")
                _check(response, "upload")
                raw = b""
                async for piece in response.content.iter_chunked(_CHUNK):
                    raw += piece
                    if len(raw) > self._settings.max_reply_bytes:
                        raise Unavailable("upload: the answer is too big")
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            raise _failure("upload", error) from None
        return read_json(raw, what="upload", most_odd=self._settings.max_odd_bytes)

    async def close(self) -> None:
        """Close every connection."""
        await self._http.close()

    async def _follow(self, address: str) -> aiohttp.ClientResponse:
        url = self._addresses.checked(address)
        for _ in range(_MOST_REDIRECTS + 1):
            try:
                response = await self._http.get(
                    url, allow_redirects=False, headers={"Accept-Encoding": "identity"}
                )
            except (aiohttp.ClientError, OSError, TimeoutError) as error:
                raise _failure("download", error) from None
            location = response.headers.get("Location", "")
            if response.status not in _REDIRECTS or not location:
                try:
                    _check(response, "download")
                except NetworkError:
                    response.close()
                    raise
                return response
            response.close()
            try:
                url = self._addresses.checked(str(url.join(URL(location))))
            except ValueError:
                raise Refused("download: a redirect that cannot be read") from None
        raise Refused("download: redirects without an end")


def _is_word(reading: Reading, file: File) -> bool:
    if reading.mime not in _WORDS or reading.mime == file.mime:
        return False
    if file.kind is FileKind.DOCUMENT:
        # A document may well be of such a type; then it is as long as it was said to be.
        return bool(file.size and reading.size and file.size != reading.size)
    return True


_REDIRECTS = frozenset({301, 302, 303, 307, 308})


def _check(response: aiohttp.ClientResponse, what: str) -> None:
    if response.status == HTTPStatus.TOO_MANY_REQUESTS:
        raise TooFast(f"{what}: HTTP 429", retry_after(response))
    if response.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        raise Unavailable(f"{what}: HTTP {response.status}")
    if response.status != HTTPStatus.OK:
        raise Refused(f"{what}: HTTP {response.status}")


def _failure(what: str, error: Exception) -> Unavailable:
    # aiohttp writes whole addresses into some errors, and a file's holds keys: the kind only.
    return Unavailable(f"{what}: {type(error).__name__}")
