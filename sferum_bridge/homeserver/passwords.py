"""The door by which the bridge gives an account a new first password.

Somebody lost the slip, or the password: the school gives out another one at its console. The
client API lets only the owner change a password, and the administration API needs an administrator,
which the bridge is not. All sessions of the account end. Nobody becomes an administrator of the
server in this way, and no account of a bridge gets a password: both are refused.
"""

from __future__ import annotations

import hashlib
import hmac
import json
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

    from sferum_bridge.homeserver.settings import Settings

PATH = "/_synapse/client/sferum/v1/password"
NOT_THIS_ACCOUNT = "SFERUM_NOT_THIS_ACCOUNT"
_LEAST = 8


class PasswordsResource(SignedResource):
    """Serves `PATH`: POST gives the account `X-Sferum-User` the password of the body.

    `X-Sferum-Body` is the code over the body, `X-Sferum-Mac` the one over
    `POST <PATH> <user> <code of the body> <time>`. Done twice it is done once.
    """

    def __init__(
        self, api: ModuleApi, clock: Clock, homeserver: HomeServer, settings: Settings
    ) -> None:
        super().__init__(api, clock, settings)
        self._homeserver = homeserver

    async def _async_render_POST(self, request: SynapseRequest) -> tuple[int, dict[str, Any]]:  # noqa: N802 — the name Synapse looks for
        user, code = self._about(request, "POST", PATH, "User", "Body")
        password = self._password(request, code)
        await self._check_account(user)
        hashed = await self._homeserver.get_auth_handler().hash(password)
        setter = self._homeserver.get_set_password_handler()
        await setter.set_password(user, hashed, logout_devices=True)
        return HTTPStatus.OK, {}

    def _password(self, request: SynapseRequest, code: str) -> str:
        body = self._body(request)
        expected = hmac.new(self._settings.secret, body, hashlib.sha256).hexdigest()
        if not hmac.compare_digest(expected.encode(), code.encode("utf-8", "surrogateescape")):
            raise SynapseError(HTTPStatus.FORBIDDEN, "X-Sferum-Body is wrong", Codes.FORBIDDEN)
        try:
            password = json.loads(body)["password"]
        except (ValueError, TypeError, LookupError):
            password = None
        if not isinstance(password, str) or len(password) < _LEAST:
            raise SynapseError(HTTPStatus.BAD_REQUEST, "no password", Codes.BAD_JSON)
        return password

    async def _check_account(self, user: str) -> None:
        known = None
        if self._api.is_mine(user):
            known = await self._api.get_userinfo_by_id(user)
        if known is None or known.is_deactivated:
            raise SynapseError(HTTPStatus.NOT_FOUND, "no such account", Codes.NOT_FOUND)
        # An account of another bridge, or a ghost, is of the code that made it.
        if known.is_admin or known.is_guest or known.appservice_id is not None:
            raise SynapseError(
                HTTPStatus.CONFLICT, "the account is not a person's of the school", NOT_THIS_ACCOUNT
            )
