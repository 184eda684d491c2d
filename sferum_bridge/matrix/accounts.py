"""Creating accounts for the people of a school, through Synapse's shared-secret registration."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from typing import TYPE_CHECKING

from sferum_bridge.store import accounts

if TYPE_CHECKING:
    from mautrix.errors import MatrixRequestError

    from sferum_bridge.matrix.client import Homeserver
    from sferum_bridge.school.people import Person
    from sferum_bridge.store.database import Database

_WHERE = "/_synapse/admin/v1/register"
# No look-alikes: logins and passwords are read from paper and typed.
_LETTERS = "abcdefghjkmnpqrstuvwxyz23456789"
_LOGIN_LETTERS, _PASSWORD_LETTERS = 8, 12


class Registrar:
    """Creates accounts. `shared_secret` is `registration_shared_secret` of homeserver.yaml."""

    def __init__(self, db: Database, homeserver: Homeserver, shared_secret: str) -> None:
        self._db = db
        self._homeserver = homeserver
        self._secret = shared_secret.encode()

    async def create(self, person: Person) -> tuple[str, str]:
        """Create an account for somebody; return its Matrix id and its first password.

        The login says nothing of the person (I-9). Raises `MatrixRequestError`.
        """
        mxid, password = await self.register(_random(_LOGIN_LETTERS), person.full_name)
        async with self._db.write() as tx:
            await accounts.add_account(tx, mxid, person.id)
        return mxid, password

    async def register(self, localpart: str, name: str, password: str = "") -> tuple[str, str]:
        """Create an account nobody is tied to yet; return its Matrix id and its password.

        An empty `password` means a random one.
        """
        password = password or _random(_PASSWORD_LETTERS)
        answer = await self._homeserver.request("GET", _WHERE, kind="nonce")
        parts = (answer["nonce"], localpart, password, "notadmin")
        mac = hmac.new(self._secret, "\0".join(parts).encode(), hashlib.sha1).hexdigest()
        content = {
            "nonce": answer["nonce"],
            "username": localpart,
            "displayname": name,
            "password": password,
            "admin": False,
            "mac": mac,
        }
        answer = await self._homeserver.request(
            "POST", _WHERE, content=content, kind="account", repeatable=False
        )
        return str(answer["user_id"]), password


def refused_secret(error: MatrixRequestError) -> bool:
    """Tell whether the homeserver refused the shared secret itself."""
    return error.http_status == 403  # noqa: PLR2004 - HTTP's own number


def _random(letters: int) -> str:
    return "".join(secrets.choice(_LETTERS) for _ in range(letters))
