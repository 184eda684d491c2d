"""Signing in at the homeserver: a password or the token of its single sign-on, for a Matrix id.

The homeserver decides who somebody is; the bridge keeps no password and no session there. What it
is given when it signs in for somebody is signed out at once.

Nothing here waits for a homeserver that is away, since somebody looks at the page meanwhile:

    SignInError
      WrongPassword     also for an account there is not, or a login token that is used up
      NotOurs           an account of another homeserver
      TooOften          tell them when to come back
      HomeserverAway    nothing is known of the account
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode

import aiohttp

from sferum_bridge.web.limits import Limit

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence

log = logging.getLogger(__name__)

_SECONDS = 15.0
# The page can be read without the homeserver, so it does not wait long for one that is away.
_WAYS_SECONDS = 3.0
_MINUTE = 60_000
_WAYS_LIFE, _NO_WAYS_LIFE = 5 * _MINUTE, _MINUTE // 6
_MOST_PROVIDERS = 8
_LOGOUT_TRIES, _LOGOUT_PAUSE = 3, 0.2
# Always the same: should a session outlive a kill, the next sign-in takes its place and ends it.
_DEVICE = {"device_id": "SFERUM_BRIDGE_PAGE", "initial_device_display_name": "sferum-bridge"}
_MOST_CHARACTERS = 512
_LOGIN = "/_matrix/client/v3/login"
_LOGOUT = "/_matrix/client/v3/logout"


class SignInError(Exception):
    """Somebody could not be signed in."""


class WrongPassword(SignInError):
    """The homeserver does not know this account with this password."""


class NotOurs(SignInError):
    """The account belongs to another homeserver than `server`."""

    def __init__(self, server: str) -> None:
        super().__init__(server)
        self.server = server


class TooOften(SignInError):
    """Too many tries; `wait` is in milliseconds."""

    def __init__(self, wait: int) -> None:
        super().__init__(f"for {wait} ms")
        self.wait = wait


class HomeserverAway(SignInError):
    """The homeserver does not answer, or not as one."""


@dataclass(frozen=True, slots=True)
class Attempts:
    """So many may fail in `window` milliseconds: of one account, and from one address."""

    of_account: int = 10
    of_address: int = 60
    window: int = 10 * _MINUTE


@dataclass(frozen=True, slots=True)
class Provider:
    """One way of single sign-on; both empty where the homeserver has only one."""

    id: str
    name: str


@dataclass(frozen=True, slots=True)
class Ways:
    """How the homeserver lets people in."""

    password: bool
    providers: Sequence[Provider]


class SignIn:
    """Asks the homeserver at `address`; people's browsers reach it at `public_address`."""

    def __init__(
        self,
        address: str,
        public_address: str,
        domain: str,
        clock: Callable[[], int],
        attempts: Attempts,
    ) -> None:
        self._address = address.rstrip("/")
        self._public = (public_address or address).rstrip("/")
        self._domain = domain
        self._clock = clock
        self._accounts = Limit(attempts.of_account, attempts.window, clock)
        self._addresses = Limit(attempts.of_address, attempts.window, clock)
        self._ways: Ways | None = None
        self._ways_until = 0
        self._asking = asyncio.Lock()

    async def ways(self) -> Ways | None:
        """Return how people can sign in, `None` while the homeserver does not say.

        It is asked once in a few minutes, however many look at the page.
        """
        async with self._asking:
            if self._clock() >= self._ways_until:
                try:
                    async with asyncio.timeout(_WAYS_SECONDS):
                        self._ways = _read_ways(await self._request("GET", _LOGIN))
                except (SignInError, TimeoutError):
                    self._ways = None
                life = _WAYS_LIFE if self._ways else _NO_WAYS_LIFE
                self._ways_until = self._clock() + life
            return self._ways

    def address_of(self, provider: Provider, back: str) -> str:
        """Return where a browser goes to sign in; from there it comes to `back` with a token."""
        one = f"/{quote(provider.id, safe='')}" if provider.id else ""
        return f"{self._public}{_LOGIN}/sso/redirect{one}?{urlencode({'redirectUrl': back})}"

    async def by_password(self, user: str, password: str, visitor: str) -> str:
        """Return the Matrix id of a user name (or a Matrix id) with its password.

        `visitor` is the address it is counted for (`limits.visitor`). Raises `SignInError`.
        """
        localpart, _, domain = user.strip().removeprefix("@").partition(":")
        if domain and domain.lower() != self._domain.lower():
            raise NotOurs(self._domain)
        if not localpart or not password or len(localpart) + len(password) > _MOST_CHARACTERS:
            raise WrongPassword
        identifier = {"type": "m.id.user", "user": localpart}
        return await self._sign_in(
            {"type": "m.login.password", "identifier": identifier, "password": password},
            visitor,
            [(self._accounts, localpart.lower()), (self._addresses, visitor)],
        )

    async def by_token(self, token: str, visitor: str) -> str:
        """Return the Matrix id for a login token of single sign-on. Raises `SignInError`."""
        if not token or len(token) > _MOST_CHARACTERS:
            raise WrongPassword
        return await self._sign_in(
            {"type": "m.login.token", "token": token}, visitor, [(self._addresses, visitor)]
        )

    async def _sign_in(
        self, content: Mapping[str, Any], visitor: str, counted: Collection[tuple[Limit, str]]
    ) -> str:
        """Sign in and out again, unless one of the limits says to wait; only failures count."""
        if wait := max(limit.wait(key) for limit, key in counted):
            raise TooOften(wait)
        # Counted before it is tried: many at once must not get past the limit.
        for limit, key in counted:
            limit.note(key)
        try:
            return await self._matrix_id(content, visitor)
        except WrongPassword:
            counted = ()
            raise
        finally:
            for limit, key in counted:
                limit.take_back(key)

    async def _matrix_id(self, content: Mapping[str, Any], visitor: str) -> str:
        match await self._request("POST", _LOGIN, {**content, **_DEVICE}, visitor=visitor):
            case {"user_id": str(mxid), "access_token": str(token)}:
                await self._sign_out(token)
            case _:
                raise HomeserverAway
        if mxid.partition(":")[2] != self._domain:
            raise NotOurs(self._domain)
        return mxid

    async def _sign_out(self, token: str) -> None:
        for number in range(_LOGOUT_TRIES):
            await asyncio.sleep(_LOGOUT_PAUSE * number)
            try:
                await self._request("POST", _LOGOUT, {}, token=token)
            except WrongPassword:
                pass  # Ended already: by the same person's other window, which has the same device.
            except SignInError:
                continue
            return
        log.warning("A session the page opened could not be signed out at the homeserver")

    async def _request(
        self,
        method: str,
        where: str,
        content: Mapping[str, Any] | None = None,
        *,
        token: str = "",
        visitor: str = "",
    ) -> Any:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        if visitor:
            # Synapse limits logins by address, and would take all visitors of the page for one.
            headers["X-Forwarded-For"] = visitor.partition("/")[0]
        timeout = aiohttp.ClientTimeout(total=_SECONDS)
        try:
            async with (
                aiohttp.ClientSession(timeout=timeout) as session,
                session.request(
                    method, self._address + where, json=content, headers=headers
                ) as answer,
            ):
                told = await answer.json(content_type=None)
        except (aiohttp.ClientError, TimeoutError, ValueError):
            raise HomeserverAway from None
        if not isinstance(told, Mapping):
            raise HomeserverAway
        match answer.status:
            case 200:
                return told
            case 429:
                raise TooOften(_wait(told))
            case 400 | 401 | 403:
                raise WrongPassword
            case _:
                raise HomeserverAway


def _read_ways(told: Any) -> Ways:
    flows = told.get("flows")
    kinds = {
        flow["type"]: flow
        for flow in (flows if isinstance(flows, list) else ())
        if isinstance(flow, Mapping) and isinstance(flow.get("type"), str)
    }
    sso = kinds.get("m.login.sso")
    # Without the token's flow there is no way back from single sign-on.
    providers = _providers(sso) if sso is not None and "m.login.token" in kinds else ()
    return Ways("m.login.password" in kinds, providers)


def _providers(flow: Mapping[str, Any]) -> Sequence[Provider]:
    listed = flow.get("identity_providers")
    found: list[Provider] = []
    for one in listed if isinstance(listed, list) else ():
        match one:
            case {"id": str(name), "name": str(shown)}:
                found.append(Provider(name, shown))
    return found[:_MOST_PROVIDERS] or [Provider("", "")]


def _wait(told: Mapping[str, Any]) -> int:
    wait = told.get("retry_after_ms")
    return max(1, int(wait)) if isinstance(wait, int | float) else _MINUTE
