"""Who has an account: profiles, the cookies that log in, the tokens that act.

Cookies and tokens are kept as digests only; looking a digest up in an index tells nothing about
how much of a guess was right.
"""

from __future__ import annotations

import hashlib
import json
import secrets
from typing import TYPE_CHECKING, Any

from sferum_bridge.standin.errors import ApiError, Code
from sferum_bridge.standin.values import EDUCATIONAL, Profile

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Iterable, Sequence

    from sferum_bridge.standin.database import Database
    from sferum_bridge.standin.settings import Settings

# Where the counters of an account begin: far apart, so that a client that takes one for another
# is noticed at once.
FIRST_TS, FIRST_PTS = 100_000_000, 10_000_000

CHANGEABLE = frozenset(("first_name", "last_name", "photo", "deactivated"))


def digest(secret: str) -> str:
    """Return what is kept instead of a cookie or a token."""
    return hashlib.sha256(secret.encode()).hexdigest()


class People:
    """The accounts in the state file."""

    def __init__(self, database: Database, settings: Settings, clock: Callable[[], float]) -> None:
        self._db = database
        self._settings = settings
        self._clock = clock

    def add(
        self,
        first_name: str,
        last_name: str,
        profile_types: Sequence[int],
        cookie: str,
        edu: dict[str, Any],
    ) -> list[Profile]:
        """Add a person with one profile of each type; `edu` goes to the educational one.

        The profiles have different user ids and each is an account of its own.
        """
        with self._db.transaction():
            person = self._db.number("SELECT coalesce(max(person_id), 0) + 1 FROM profiles")
            for kind in profile_types:
                self._db.run(
                    "INSERT INTO profiles (person_id, profile_type, first_name, last_name, domain,"
                    " edu, last_ts, last_pts, last_message_id) VALUES (?, ?, ?, ?, '', ?, ?, ?, 0)",
                    person,
                    kind,
                    first_name,
                    last_name,
                    json.dumps(edu if kind == EDUCATIONAL else {}),
                    FIRST_TS,
                    FIRST_PTS,
                )
            self._db.run("UPDATE profiles SET domain = 'id' || user_id WHERE person_id = ?", person)
            self._db.run("INSERT INTO cookies VALUES (?, ?)", digest(cookie), person)
        return self._profiles("person_id = ?", person)

    def logged_in(self, cookie: str) -> list[Profile]:
        """Return the profiles a cookie opens; none when the cookie is not valid."""
        where = "person_id = (SELECT person_id FROM cookies WHERE digest = ?)"
        return self._profiles(where, digest(cookie)) if cookie else []

    def add_cookie(self, user_id: int, cookie: str) -> None:
        """Have one more cookie open the person's profiles."""
        self._db.run(
            "INSERT INTO cookies SELECT ?, person_id FROM profiles WHERE user_id = ?",
            digest(cookie),
            user_id,
        )

    def revoke_cookies(self, user_id: int) -> None:
        """Log a person out: no cookie of theirs opens anything any more."""
        self._db.run(
            "DELETE FROM cookies WHERE person_id ="
            " (SELECT person_id FROM profiles WHERE user_id = ?)",
            user_id,
        )

    def change(self, user_id: int, **wanted: str) -> None:
        """Change an account: `first_name`, `last_name`, `photo` (a URL), `deactivated`."""
        for column, value in wanted.items():
            if column not in CHANGEABLE:
                raise ValueError(column)
            query = f"UPDATE profiles SET {column} = ? WHERE user_id = ?"  # noqa: S608 - see above
            self._db.run(query, value, user_id)

    def issue_token(self, user_id: int) -> tuple[str, int]:
        """Return a fresh access token and the unix time at which it expires."""
        token = "vk1.a." + secrets.token_urlsafe(48)
        expires = self._clock() + self._settings.token_seconds
        with self._db.transaction():
            self._db.run("DELETE FROM tokens WHERE expires <= ?", self._clock())
            self._db.run("INSERT INTO tokens VALUES (?, ?, ?)", digest(token), user_id, expires)
        return token, int(expires)

    def holder(self, token: str) -> int:
        """Return whose token it is.

        Raises:
            ApiError: 5, when it is unknown or expired.
        """
        row = self._db.one("SELECT user_id, expires FROM tokens WHERE digest = ?", digest(token))
        if row is None:
            raise ApiError(Code.AUTH, "invalid access_token (4).")
        if row["expires"] <= self._clock():
            raise ApiError(Code.AUTH, "access_token has expired.", {"error_subcode": 1117})
        return int(row["user_id"])

    def expire_tokens(self, user_id: int | None) -> int:
        """Make the tokens of one account, or of all, expire now; return how many there were."""
        if user_id is None:
            return self._db.run("UPDATE tokens SET expires = 0")
        return self._db.run("UPDATE tokens SET expires = 0 WHERE user_id = ?", user_id)

    def find(self, user_id: int) -> Profile | None:
        """Return an account by its id."""
        return next(iter(self._profiles("user_id = ?", user_id)), None)

    def find_domain(self, domain: str) -> Profile | None:
        """Return an account by its short name."""
        return next(iter(self._profiles("domain = ?", domain.lower())), None)

    def many(self, user_ids: Iterable[int]) -> list[Profile]:
        """Return the accounts that exist among these ids, each once, in the order given."""
        found = (self.find(user_id) for user_id in dict.fromkeys(user_ids))
        return [profile for profile in found if profile is not None]

    def _profiles(self, where: str, *values: Any) -> list[Profile]:
        query = f"SELECT * FROM profiles WHERE {where} ORDER BY user_id"  # noqa: S608 - ours alone
        return [_profile(row) for row in self._db.all(query, *values)]


def _profile(row: sqlite3.Row) -> Profile:
    return Profile(
        row["user_id"],
        row["profile_type"],
        row["first_name"],
        row["last_name"],
        row["domain"],
        json.loads(row["edu"]),
        row["photo"],
        row["deactivated"],
    )
