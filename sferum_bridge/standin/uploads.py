"""Uploading in VK's three steps: ask for an address, post the file there, save what came back.

A *ticket* is both the secret part of the address and, once a file came, what the reply names it
by. It serves its owner once. What is refused is refused in the reply of the upload, not by an
HTTP status, as the service does it.
"""

from __future__ import annotations

import json
import secrets
from typing import TYPE_CHECKING, Any

from sferum_bridge.standin import shapes
from sferum_bridge.standin.errors import ApiError, Code, bad_parameter
from sferum_bridge.standin.files import TooLarge
from sferum_bridge.standin.probing import image_size

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from sferum_bridge.standin.database import Database
    from sferum_bridge.standin.files import Files
    from sferum_bridge.standin.media import Media
    from sferum_bridge.standin.settings import Settings
    from sferum_bridge.standin.values import StoredFile

PHOTO, CHAT_PHOTO, VIDEO = "photo", "chat_photo", "video"
FIELDS = {
    PHOTO: ("photo", "file", "file0", "file1"),
    CHAT_PHOTO: ("file", "photo"),
    VIDEO: ("video_file", "file"),
}
"""The names a form may give the file, by kind; a document's is `file`."""
REFUSED_EXTENSIONS = (".exe", ".bat", ".cmd", ".com", ".scr", ".msi", ".apk")
SERVER = 852_536


class Uploads:
    """The tickets, and what was uploaded with them."""

    def __init__(
        self,
        database: Database,
        files: Files,
        media: Media,
        settings: Settings,
        clock: Callable[[], float],
    ) -> None:
        self._db = database
        self._files = files
        self._media = media
        self._settings = settings
        self._clock = clock

    def open(self, user_id: int, kind: str, origin: str, subject: int = 0) -> str:
        """Return an address for one file; `subject` is a chat's `peer_id` or a video's id."""
        ticket = secrets.token_hex(16)
        self._db.run(
            "INSERT INTO uploads (ticket, user_id, kind, subject) VALUES (?, ?, ?, ?)",
            ticket,
            user_id,
            kind,
            subject,
        )
        return f"{origin}/upload/{ticket}"

    def kind(self, ticket: str) -> str:
        """Return what a ticket is for.

        Raises:
            LookupError: There is no such ticket.
        """
        row = self._db.one("SELECT kind FROM uploads WHERE ticket = ?", ticket)
        if row is None:
            raise LookupError(ticket)
        return str(row["kind"])

    async def receive(
        self, ticket: str, name: str, mime: str, chunks: AsyncIterator[bytes], origin: str
    ) -> dict[str, Any]:
        """Take the file of a ticket and return the reply of the upload server."""
        kind = self.kind(ticket)
        if kind not in FIELDS and name.lower().endswith(REFUSED_EXTENSIONS):
            return {"error": "wrong_extension", "error_descr": "this type is not allowed"}
        try:
            file = await self._files.keep(name, mime, chunks, self._settings.file_limit)
        except TooLarge:
            return {"error": "file_too_big", "error_descr": "the file is too big"}
        if not file.size:
            return {"error": "no_file", "error_descr": "the file is empty"}
        if kind in {PHOTO, CHAT_PHOTO} and image_size(self._files.path(file.key)) is None:
            if kind == PHOTO:
                return {"server": SERVER, "photo": "[]", "hash": ""}
            return {"error": "ERR_UPLOAD_BAD_IMAGE_SIZE"}
        self._db.run("UPDATE uploads SET file = ? WHERE ticket = ?", file.key, ticket)
        return self._reply(kind, ticket, file, origin)

    def _reply(self, kind: str, ticket: str, file: StoredFile, origin: str) -> dict[str, Any]:
        if kind == PHOTO:
            shown = json.dumps([{"photo": ticket, "sizes": [], "kid": file.key}])
            return {"server": SERVER, "photo": shown, "hash": ticket[:18]}
        if kind == CHAT_PHOTO:
            return {"response": ticket}
        if kind == VIDEO:
            return self._finish_video(ticket, file, origin)
        return {"file": ticket}

    def save_photo(self, user_id: int, photo: str, seal: str, origin: str) -> dict[str, Any]:
        """Turn an uploaded photo into one that can be attached."""
        try:
            (named,) = json.loads(photo)
            ticket = str(named["photo"])
        except (ValueError, TypeError, KeyError) as error:
            raise ApiError(Code.BAD_PHOTO) from error
        if seal != ticket[:18]:
            raise ApiError(Code.BAD_HASH)
        file, _ = self._take(user_id, ticket, (PHOTO,))
        shape = shapes.photo(origin, file, self._files.path(file.key), self._now())
        return self._media.add("photo", user_id, shape)

    def save_document(self, user_id: int, ticket: str, title: str, origin: str) -> dict[str, Any]:
        """Turn an uploaded file into a document, a voice message or a drawing."""
        kind = self._owned(user_id, ticket)
        if kind in FIELDS:
            raise bad_parameter("file")
        file, _ = self._take(user_id, ticket, (kind,))
        path = self._files.path(file.key)
        if kind == "audio_message":
            shape = shapes.voice(origin, file, path)
        elif kind == "graffiti":
            shape = shapes.graffiti(origin, file, path)
        else:
            shape = shapes.document(origin, file, path, self._now())
            shape["title"] = title or shape["title"]
        return self._media.add(kind, user_id, shape)

    def begin_video(self, user_id: int, title: str, origin: str) -> dict[str, Any]:
        """Return the reply of `video.save`: a video without a picture yet, and where to post it."""
        shape = shapes.video(origin, title, self._now(), None, playable=False)
        made = self._media.add("video", user_id, shape)["video"]
        return {
            "access_key": made["access_key"],
            "description": "",
            "owner_id": user_id,
            "title": title,
            "video_id": made["id"],
            "upload_url": self.open(user_id, VIDEO, origin, made["id"]),
        }

    def take_chat_photo(self, user_id: int, ticket: str) -> tuple[StoredFile, int]:
        """Return an uploaded chat photo and the `peer_id` it is for."""
        if self._owned(user_id, ticket) != CHAT_PHOTO:
            raise ApiError(Code.UPLOAD)
        return self._take(user_id, ticket, (CHAT_PHOTO,))

    def _finish_video(self, ticket: str, file: StoredFile, origin: str) -> dict[str, Any]:
        row = self._db.one("SELECT * FROM uploads WHERE ticket = ?", ticket)
        number = row["subject"] if row else 0
        known = self._media.object(number)
        shape = shapes.video(
            origin, known["title"], known["date"], file, playable=self._settings.video_files
        )
        known.pop("processing", None)
        self._media.change(number, {**known, **shape, "player": known["player"]})
        size = {"size": file.size, "video_hash": ticket[:16]}
        return {"video_id": number, "owner_id": known["owner_id"], **size}

    def _owned(self, user_id: int, ticket: str) -> str:
        row = self._db.one(
            "SELECT kind FROM uploads WHERE ticket = ? AND user_id = ? AND file != ''",
            ticket,
            user_id,
        )
        if row is None:
            raise ApiError(Code.SAVE_FILE)
        return str(row["kind"])

    def _take(self, user_id: int, ticket: str, kinds: tuple[str, ...]) -> tuple[StoredFile, int]:
        if self._owned(user_id, ticket) not in kinds:
            raise ApiError(Code.SAVE_FILE)
        row = self._db.one("SELECT file, subject FROM uploads WHERE ticket = ?", ticket)
        file = self._files.find(row["file"]) if row else None
        if row is None or file is None:
            raise ApiError(Code.SAVE_FILE)
        return file, int(row["subject"])

    def _now(self) -> int:
        return int(self._clock())
