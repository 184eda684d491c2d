"""Giving an account a new first password, through the homeserver extension."""

from __future__ import annotations

import hashlib
import hmac
import json
from functools import partial
from typing import TYPE_CHECKING

from mautrix.errors import MatrixRequestError

from sferum_bridge.matrix.answers import UNUSABLE, TryAgain
from sferum_bridge.matrix.policy import signed

if TYPE_CHECKING:
    from sferum_bridge.matrix.client import Homeserver

_DOOR = "/_synapse/client/sferum/v1/password"
_NOT_THIS_ACCOUNT = "SFERUM_NOT_THIS_ACCOUNT"
_NOT_FOUND = 404


class PasswordNotSetError(Exception):
    """The homeserver gives the account no password; the text says why and what to do."""


class Passwords:
    """Sets passwords; `secret` is shared with the extension, empty means there is none."""

    def __init__(self, homeserver: Homeserver, secret: str) -> None:
        self._homeserver = homeserver
        self._secret = secret.encode()

    async def set(self, mxid: str, password: str) -> None:
        """Have `password` open an account, and all its sessions ended; repeating does no harm.

        Raises `PasswordNotSetError`, and `TryAgain` where the homeserver is in trouble.
        """
        if not self._secret:
            raise PasswordNotSetError(
                "There is no homeserver extension (homeserver.extension_secret is empty), and "
                "without it the bridge can change no password. As administrator of Synapse: "
                "POST /_synapse/admin/v1/reset_password/<account>."
            )
        if mxid.partition(":")[2] != self._homeserver.domain:
            raise PasswordNotSetError(
                f"{mxid} belongs to another server, which keeps its password."
            )
        body = json.dumps({"password": password}).encode()
        code = hmac.new(self._secret, body, hashlib.sha256).hexdigest()
        about = {"X-Sferum-User": mxid, "X-Sferum-Body": code}
        # Anew at every try: who waited for the homeserver would else ask with an old time.
        headers = partial(signed, self._secret, "POST", _DOOR, about)
        try:
            await self._homeserver.request(
                "POST", _DOOR, content=body, headers=headers, kind="password"
            )
        except TryAgain as e:
            if e.http_status != UNUSABLE:
                raise
            raise PasswordNotSetError(_no_door(e.http_status)) from e
        except MatrixRequestError as e:
            raise PasswordNotSetError(_why(mxid, e)) from e


def _why(mxid: str, error: MatrixRequestError) -> str:
    code = str(getattr(error, "errcode", ""))
    if code == _NOT_THIS_ACCOUNT:
        return (
            f"{mxid} administers the server or belongs to a bridge. "
            "The school gives such accounts no password."
        )
    if error.http_status == _NOT_FOUND and code == "M_NOT_FOUND":
        return f"The homeserver has no open account {mxid}. Have another one stand for the person."
    if code == "M_FORBIDDEN" and "disabled" in str(error).lower():
        return (
            "The homeserver keeps no passwords (password_config in homeserver.yaml): people sign "
            "in elsewhere, and get a new password there."
        )
    return _no_door(error.http_status)


def _no_door(status: int) -> str:
    return (
        f"The homeserver sets no password for the bridge (HTTP {status}). Its module must be of "
        "the bridge's version, extension_secret the same in both, and a proxy must pass "
        f"{_DOOR} on to Synapse."
    )
