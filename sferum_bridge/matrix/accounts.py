"""Creating accounts for the people of a school, through Synapse's shared-secret registration."""

from __future__ import annotations

import hashlib
import hmac
from typing import TYPE_CHECKING

from mautrix.errors import MatrixRequestError

from sferum_bridge.store import accounts

if TYPE_CHECKING:
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

        The login says nothing of the person (I-9). Both come from the bridge's key and the person's
        id, so what an interruption left half done is completed with the same login. Raises
        `MatrixRequestError`, and `UnknownOutcome` when the homeserver did not answer: call again.
        """
        localpart = self._letters(f"login/{person.id}", _LOGIN_LETTERS)
        password = self._letters(f"first password/{person.id}", _PASSWORD_LETTERS)
        mxid = await self.register(localpart, person.full_name, password)
        async with self._db.write() as tx:
            await accounts.add_account(tx, mxid, person.id)
        return mxid, password

    async def register(self, localpart: str, name: str, password: str) -> str:
        """Make sure an account exists to which nobody is tied yet; return its Matrix id."""
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
        try:
            await self._homeserver.request(
                "POST", _WHERE, content=content, kind="account", repeatable=False
            )
        except MatrixRequestError as e:
            if getattr(e, "errcode", "") != "M_USER_IN_USE":
                raise
        return f"@{localpart}:{self._homeserver.domain}"

    def _letters(self, seed: str, count: int) -> str:
        number = int.from_bytes(self._db.sealer.token(seed, 32), "big")
        letters = []
        for _ in range(count):
            number, letter = divmod(number, len(_LETTERS))
            letters.append(_LETTERS[letter])
        return "".join(letters)


def refused_secret(error: MatrixRequestError) -> bool:
    """Tell whether the homeserver refused the shared secret itself."""
    return error.http_status == 403  # noqa: PLR2004 - HTTP's own number
