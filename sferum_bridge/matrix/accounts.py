"""Creating accounts for the people of a school, through Synapse's shared-secret registration."""

from __future__ import annotations

import hashlib
import hmac
from typing import TYPE_CHECKING

from mautrix.errors import MatrixRequestError

from sferum_bridge.matrix.answers import token_in
from sferum_bridge.matrix.client import path
from sferum_bridge.store import accounts

if TYPE_CHECKING:
    from sferum_bridge.matrix.client import Homeserver
    from sferum_bridge.school.people import Person
    from sferum_bridge.store.database import Database

_WHERE = "/_synapse/admin/v1/register"
# No look-alikes: logins and passwords are read from paper and typed.
_LETTERS = "abcdefghjkmnpqrstuvwxyz23456789"
_LOGIN_LETTERS, _PASSWORD_LETTERS = 8, 12
_MOST_LOGINS = 4
_FORBIDDEN = 403


class LoginsTaken(Exception):
    """Every login the bridge would give a person belongs to an account with another password."""


class Registrar:
    """Creates accounts. `shared_secret` is `registration_shared_secret` of homeserver.yaml."""

    def __init__(self, db: Database, homeserver: Homeserver, shared_secret: str) -> None:
        self._db = db
        self._homeserver = homeserver
        self._secret = shared_secret.encode()

    async def create(self, person: Person, name: str = "") -> tuple[str, str]:
        """Create an account for somebody; return its Matrix id and its first password.

        It is shown by `name`, which tells a pupil from a namesake, or else by the full name.
        The login says nothing of the person (I-9). Both come from the bridge's key and the person's
        id, so what an interruption left half done is completed with the same login. Raises
        `MatrixRequestError`, `LoginsTaken`, and `UnknownOutcome` or `TryAgain` when the homeserver
        did not answer, or with something else: call again.
        """
        password = self.password(person.id)
        mxid = await self.account_for(person.id, name or person.full_name, password)
        async with self._db.write() as tx:
            await accounts.add_account(tx, mxid, person.id)
        return mxid, password

    def password(self, person_id: str, seed: str = "") -> str:
        """Return the first password that comes from the bridge's key, a person's id and a seed."""
        return self._letters(f"first password/{person_id}{seed and '/'}{seed}", _PASSWORD_LETTERS)

    async def account_for(self, person_id: str, name: str, password: str) -> str:
        """Make sure there is an account for somebody that `password` opens; return its Matrix id.

        Nobody is tied to it yet: that is for the caller, who has made sure that the person has no
        account. One that an interrupted run left behind is taken if this password opens it; else
        somebody chose another password by now, and gets the person's next login, for the bridge can
        set no password of an account that exists. The one left behind belongs to nobody for good.
        Raises as `create`, and `LoginsTaken`.
        """
        for number in range(_MOST_LOGINS):
            seed = f"login/{person_id}/{number}" if number else f"login/{person_id}"
            localpart = self._letters(seed, _LOGIN_LETTERS)
            mxid = self._mxid(localpart)
            fresh = await self._register(localpart, name, password)
            if fresh or await self.opens(mxid, password):
                return mxid
        raise LoginsTaken(person_id)

    async def register(self, localpart: str, name: str, password: str) -> str:
        """Make sure an account exists to which nobody is tied yet; return its Matrix id."""
        await self._register(localpart, name, password)
        return self._mxid(localpart)

    async def opens(self, mxid: str, password: str) -> bool:
        """Tell whether a password opens an account; the session that shows it is ended at once.

        Raises `MatrixRequestError` for any other trouble than a wrong password, and `TryAgain`.
        """
        content = {
            "type": "m.login.password",
            "identifier": {"type": "m.id.user", "user": mxid},
            "password": password,
        }
        try:
            answer = await self._homeserver.request(
                "POST", path("login"), content=content, kind="login"
            )
        except MatrixRequestError as e:
            if e.http_status == _FORBIDDEN:
                return False
            raise
        bearer = {"Authorization": f"Bearer {token_in(answer, 'access_token')}"}
        await self._homeserver.request("POST", path("logout"), headers=bearer, kind="logout")
        return True

    async def _register(self, localpart: str, name: str, password: str) -> bool:
        """Create an account; false when there is one of that login already."""
        answer = await self._homeserver.request("GET", _WHERE, kind="nonce")
        nonce = token_in(answer, "nonce")
        parts = (nonce, localpart, password, "notadmin")
        mac = hmac.new(self._secret, "\0".join(parts).encode(), hashlib.sha1).hexdigest()
        content = {
            "nonce": nonce,
            "username": localpart,
            "displayname": name,
            "password": password,
            "admin": False,
            # Else it would be signed in: a session that nobody has, and nobody ends.
            "inhibit_login": True,
            "mac": mac,
        }
        try:
            await self._homeserver.request(
                "POST", _WHERE, content=content, kind="account", repeatable=False
            )
        except MatrixRequestError as e:
            if getattr(e, "errcode", "") != "M_USER_IN_USE":
                raise
            return False
        return True

    def _mxid(self, localpart: str) -> str:
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
    return error.http_status == _FORBIDDEN
