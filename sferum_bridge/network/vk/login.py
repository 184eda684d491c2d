"""The login: a cookie, and the access token VK's web client gets for it.

Theory of operation. One `WebLogin` owns the cookie and the current token of one account. `token`
hands the token out, `renew` replaces one that VK called dead. Renewals are serialised by a lock;
who comes second with the same dead token is given what the first one got, so a dozen calls failing
together cost one request. A login that VK has refused stays refused: it never asks again by itself,
since repeated log-ins are what accounts are blocked for. A cancelled renewal changes nothing.
"""

from __future__ import annotations

import asyncio
import re
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sferum_bridge.network.base import LoginExpired, Refused

if TYPE_CHECKING:
    from collections.abc import Callable

    from sferum_bridge.network.vk.settings import VkSettings
    from sferum_bridge.network.vk.transport import Reply, Transport

EDUCATIONAL = 2
"""The `profile_type` of an educational (Sferum) profile; 0 is the ordinary VK profile."""

# Below this a number cannot be a unix time of our days, so it is a duration.
_LEAST_UNIX_TIME = 1_000_000_000
_EARLY = 30.0
_COOKIE_NAME = "remixdsid"
_COOKIE_VALUE = re.compile(r"[\x21\x23-\x2b\x2d-\x3a\x3c-\x5b\x5d-\x7e]{1,4096}")


@dataclass(frozen=True, slots=True)
class Token:
    """An access token of an educational profile. `lifetime` is in seconds, 0 when not known."""

    account_id: str
    access_token: str
    lifetime: float

    def __repr__(self) -> str:
        """Leave the token out: a repr ends up in logs and tracebacks."""
        return f"Token(account_id={self.account_id!r})"


def cookie_of(pasted: str) -> str:
    """Return the cookie's value from what a person pasted: the value itself or `name=value; …`.

    Raises:
        LoginExpired: If there is no such cookie in it.
    """
    value = pasted.strip()
    if f"{_COOKIE_NAME}=" in value:
        value = value.split(f"{_COOKIE_NAME}=", 1)[1].split(";", 1)[0]
    value = value.strip().strip("\"'")
    if not _COOKIE_VALUE.fullmatch(value):
        raise LoginExpired("what was given is no cookie value")
    return value


def read_token(reply: Reply, now: float) -> Token:
    """Return the educational profile's token from a reply to `web_token` got at unix time `now`.

    Raises:
        LoginExpired: If VK does not know the cookie, which it may say in many ways: anything but a
            non-empty array of profiles.
        Refused: If the account is known and has no educational profile.
    """
    profiles = reply.body
    if not isinstance(profiles, list) or not profiles:
        raise LoginExpired(f"web_token: no profiles for this cookie (HTTP {reply.status})")
    for profile in profiles:
        if not isinstance(profile, dict) or profile.get("profile_type") != EDUCATIONAL:
            continue
        user_id, token = profile.get("user_id"), profile.get("access_token")
        if type(user_id) is not int or not isinstance(token, str) or not token:
            raise LoginExpired("web_token: the educational profile came without a token")
        return Token(str(user_id), token, _lifetime(profile.get("expires"), now))
    raise Refused("web_token: the account has no educational profile")


def _lifetime(expires: Any, now: float) -> float:
    """Return seconds to live. `expires` is a unix time or a duration: VK does not say which."""
    if type(expires) is not int:
        return 0.0
    seconds = expires - now if expires >= _LEAST_UNIX_TIME else float(expires)
    # Hardly any time left means a clock that is wrong, here or there. VK will say when it is over.
    return seconds if seconds > 2 * _EARLY else 0.0


class WebLogin:
    """The login of one account. Call `open` first."""

    def __init__(
        self,
        transport: Transport,
        settings: VkSettings,
        cookie: str,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._transport = transport
        self._settings = settings
        self._cookie = cookie
        self._clock = clock
        self._lock = asyncio.Lock()
        self._token = Token("", "", 0.0)
        self._renew_at: float | None = None
        self._dead = ""

    @property
    def account_id(self) -> str:
        """Return the educational profile's id; empty before `open`."""
        return self._token.account_id

    async def open(self) -> None:
        """Get the first token.

        Raises:
            NetworkError: As `read_token`, or when VK cannot be reached.
        """
        await self.renew("")

    async def token(self) -> str:
        """Return a token that is alive as far as we know."""
        if self._renew_at is not None and self._clock() >= self._renew_at:
            return await self.renew(self._token.access_token)
        self._check()
        return self._token.access_token

    async def renew(self, dead_token: str) -> str:
        """Replace `dead_token` and return the token that is current now.

        Raises:
            LoginExpired: If the cookie gives no token of the same account any more.
        """
        async with self._lock:
            self._check()
            if self._token.access_token != dead_token:
                return self._token.access_token
            try:
                token = await self._ask()
            except LoginExpired as error:
                self.give_up(error.detail)
                raise
            self._token = token
            self._renew_at = self._clock() + token.lifetime - _EARLY if token.lifetime else None
            return token.access_token

    def give_up(self, reason: str) -> None:
        """Call the login dead for good: every later use raises `LoginExpired` at once."""
        self._dead = reason

    def _check(self) -> None:
        if self._dead:
            raise LoginExpired(self._dead)

    async def _ask(self) -> Token:
        reply = await self._transport.get(
            f"{self._settings.web_url}/",
            {"act": "web_token", "app_id": self._settings.app_id},
            headers={"Cookie": f"{_COOKIE_NAME}={self._cookie}"},
            what="web_token",
        )
        token = read_token(reply, time.time())
        if self.account_id and token.account_id != self.account_id:
            raise LoginExpired("web_token: the cookie belongs to another account now")
        return token
