"""What was uploaded and can be attached: photos, documents, voice messages, videos, polls, posts.

An attachment is named `<type><owner>_<id>_<access key>`; the key may be left out by the owner.
A voice message and a drawing are documents too and may be named so.
"""

from __future__ import annotations

import json
import re
import secrets
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sferum_bridge.standin.database import Database

NAME = re.compile(r"([a-z_]+?)(-?\d{1,18})_(\d{1,18})(?:_(\w+))?")
DOCUMENTS = frozenset(("doc", "audio_message", "graffiti"))


class Media:
    """The objects that messages attach."""

    def __init__(self, database: Database) -> None:
        self._db = database

    def add(self, kind: str, owner_id: int, shape: dict[str, Any]) -> dict[str, Any]:
        """Keep an object and return it as an attachment."""
        key = secrets.token_hex(9)
        number = self._db.number(
            "INSERT INTO media (kind, owner_id, access_key, object) VALUES (?, ?, ?, '{}')"
            " RETURNING number",
            kind,
            owner_id,
            key,
        )
        known = {"id": number, "owner_id": owner_id, "access_key": key, **shape}
        if "player" in known:
            known["player"] = known["player"].format(owner=owner_id, id=number)
        self.change(number, known)
        return {"type": kind, kind: known}

    def change(self, number: int, shape: dict[str, Any]) -> None:
        """Replace an object."""
        text = json.dumps(shape, ensure_ascii=False)
        self._db.run("UPDATE media SET object = ? WHERE number = ?", text, number)

    def named(self, name: str, user_id: int) -> dict[str, Any] | None:
        """Return the attachment of that name, if there is one and this user may attach it."""
        match = NAME.fullmatch(name.strip())
        if match is None:
            return None
        kind, owner_id, number, key = match.groups()
        row = self._db.one(
            "SELECT * FROM media WHERE number = ? AND owner_id = ?", int(number), int(owner_id)
        )
        if row is None or (key != row["access_key"] and row["owner_id"] != user_id):
            return None
        if kind != row["kind"] and not (kind == "doc" and row["kind"] in DOCUMENTS):
            return None
        return {"type": row["kind"], row["kind"]: json.loads(row["object"])}

    def object(self, number: int) -> dict[str, Any]:
        """Return an object by its id."""
        row = self._db.one("SELECT object FROM media WHERE number = ?", number)
        if row is None:
            raise LookupError(number)
        found: dict[str, Any] = json.loads(row["object"])
        return found
