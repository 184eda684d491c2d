"""One HTTP exchange with VK, and the memory of whether the last one worked."""

from __future__ import annotations

import json
import logging
import re
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

import aiohttp

from sferum_bridge.network.base import (
    LoginExpired,
    NetworkError,
    TooBig,
    TooFast,
    TooSlow,
    Unavailable,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sferum_bridge.network.vk.settings import VkSettings

log = logging.getLogger(__name__)

DEFAULT_RETRY_AFTER = 5.0
MIN_RETRY_AFTER, MAX_RETRY_AFTER = 0.5, 3600.0
_CHUNK = 64 * 1024

_TOKEN = re.compile(rb'"(?:[^"\\]|\\.)*"|[\[{\]}]', re.DOTALL)
_OPENING, _CLOSING = (b"[", b"{"), (b"]", b"}")
# Deeper than messages are read (two levels a forward), and far from what Python can do.
_DEEPEST = 200
_MOST_DIGITS = 100


@dataclass(frozen=True, slots=True)
class Reply:
    """An HTTP answer below 500: its status and its JSON, `None` when the body was no JSON."""

    status: int
    body: Any


class Transport:
    """Speaks HTTP to VK for all accounts. Make it inside a running event loop.

    Cookies are never kept: the pool is shared, and one account's cookie must not reach another's
    request. Redirects are not followed: they would carry tokens elsewhere.
    """

    def __init__(self, settings: VkSettings) -> None:
        self._settings = settings
        # Every account holds one connection for its long poll, so the pool has no upper limit.
        self._http = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0), cookie_jar=aiohttp.DummyCookieJar()
        )

    async def get(
        self,
        url: str,
        params: Mapping[str, str],
        *,
        what: str,
        headers: Mapping[str, str] | None = None,
        extra_time: float = 0.0,
    ) -> Reply:
        """GET `url`. `what` names the request in errors, `extra_time` lengthens its timeout.

        Raises:
            Unavailable: No usable answer.
            TooBig: It is larger than `max_reply_bytes`, or than `max_odd_bytes` and to be mended.
            TooSlow: The server was reached and did not finish in time.
            TooFast: The server said 429.
        """
        return await self._exchange(
            "GET", url, what, extra_time, params=params, headers=headers, data=None
        )

    async def post(self, url: str, form: Mapping[str, str], *, what: str) -> Reply:
        """POST a form to `url`; the same errors as `get`."""
        return await self._exchange("POST", url, what, 0.0, params=None, headers=None, data=form)

    async def close(self) -> None:
        """Close every connection."""
        await self._http.close()

    async def _exchange(
        self,
        verb: str,
        url: str,
        what: str,
        extra_time: float,
        *,
        params: Mapping[str, str] | None,
        headers: Mapping[str, str] | None,
        data: Mapping[str, str] | None,
    ) -> Reply:
        timeout = aiohttp.ClientTimeout(
            total=self._settings.request_timeout + extra_time,
            sock_connect=self._settings.connect_timeout,
        )
        try:
            async with self._http.request(
                verb,
                url,
                params=params,
                headers=headers,
                data=data,
                timeout=timeout,
                allow_redirects=False,
            ) as response:
                if response.status == HTTPStatus.TOO_MANY_REQUESTS:
                    raise TooFast(f"{what}: HTTP 429", retry_after(response))
                if response.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
                    raise Unavailable(f"{what}: HTTP {response.status}")
                raw = await self._read(response, what)
                return Reply(
                    response.status,
                    read_json(raw, what=what, most_odd=self._settings.max_odd_bytes),
                )
        except aiohttp.ConnectionTimeoutError:
            raise Unavailable(f"{what}: nobody answers") from None
        except TimeoutError:
            raise TooSlow(f"{what}: no answer in time") from None
        except (aiohttp.ClientError, OSError) as error:
            # aiohttp writes whole addresses into some errors, and ours hold keys: the kind only.
            raise Unavailable(f"{what}: {type(error).__name__}") from None

    async def _read(self, response: aiohttp.ClientResponse, what: str) -> bytes:
        parts: list[bytes] = []
        size = 0
        async for part in response.content.iter_chunked(_CHUNK):
            size += len(part)
            if size > self._settings.max_reply_bytes:
                raise TooBig(f"{what}: the answer is too big")
            parts.append(part)
        return b"".join(parts)


def read_json(raw: bytes, *, what: str, most_odd: int) -> Any:
    """Return JSON, `None` for what is none. `what` names the request in errors.

    One odd value must not hide the whole batch it came with, for ever: what lies too deep (a
    message of forwards in forwards in forwards) is `null`, a number with thousands of digits is 0,
    and what is no UTF-8 is replaced. Mending so costs ten times what reading does, and whoever
    waits for it holds up everybody, so it is done up to `most_odd` bytes.

    Raises:
        TooBig: It is odd, and more than that.
    """
    try:
        return json.loads(raw)
    except (ValueError, RecursionError) as error:
        if len(raw) > most_odd:
            raise TooBig(f"{what}: the answer is odd, and too big to be mended") from None
        is_deep = isinstance(error, RecursionError)
    return _lenient_json(_shallow(raw) if is_deep else raw)


def _lenient_json(raw: bytes) -> Any:
    try:
        return json.loads(raw.decode("utf-8", "replace"), strict=False, parse_int=_bounded_int)
    except (ValueError, RecursionError):
        return None


def _bounded_int(digits: str) -> int:
    return int(digits) if len(digits) < _MOST_DIGITS else 0


def _shallow(raw: bytes) -> bytes:
    pieces: list[bytes] = []
    depth = kept_to = 0
    for token in _TOKEN.finditer(raw):
        if token[0] in _OPENING:
            depth += 1
            if depth == _DEEPEST:
                pieces += [raw[kept_to : token.start()], b"null"]
        elif token[0] in _CLOSING:
            if depth == _DEEPEST:
                kept_to = token.end()
            depth -= 1
    pieces.append(raw[kept_to:] if depth < _DEEPEST else b"")
    return b"".join(pieces)


def retry_after(response: aiohttp.ClientResponse) -> float:
    """Return the seconds that an answer with status 429 asks to wait."""
    said = response.headers.get("Retry-After", "")
    if not said.isdecimal():
        return DEFAULT_RETRY_AFTER
    return max(min(float(said), MAX_RETRY_AFTER), MIN_RETRY_AFTER)


class Outage:
    """Logs the first failure of a row and the first success after it, nothing in between.

    A request that VK understood (refused, too fast, a large answer) is a success here: VK is there.
    """

    def __init__(self, what: str) -> None:
        self._what = what
        self._failing = False

    def failed(self, error: NetworkError) -> None:
        """Note that a request raised `error`."""
        if not isinstance(error, Unavailable | LoginExpired) or isinstance(error, TooBig):
            self.worked()
        elif not self._failing:
            self._failing = True
            log.warning("%s does not work: %s", self._what, error.detail)

    def worked(self) -> None:
        """Note that a request was answered."""
        if self._failing:
            self._failing = False
            log.info("%s works again", self._what)
