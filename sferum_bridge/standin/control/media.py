"""Files and the attachments made of them, without the three steps of an upload."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sferum_bridge.standin import shapes
from sferum_bridge.standin.control.base import Route, body_of, field
from sferum_bridge.standin.files import address

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from aiohttp import web

    from sferum_bridge.standin.files import Files
    from sferum_bridge.standin.media import Media
    from sferum_bridge.standin.settings import Settings
    from sferum_bridge.standin.values import StoredFile

PIECE = 65_536
MOST = 2**40


class MediaControl:
    """The handlers about files."""

    def __init__(
        self, files: Files, media: Media, settings: Settings, clock: Callable[[], float]
    ) -> None:
        self._files = files
        self._media = media
        self._settings = settings
        self._clock = clock
        self._makers: dict[str, Callable[[str, dict[str, Any], int], dict[str, Any]]] = {
            "photo": self._photo,
            "doc": self._document,
            "audio_message": self._voice,
            "graffiti": self._graffiti,
            "video": self._video,
            "sticker": _sticker,
            "poll": _poll,
            "wall": _wall,
            "link": _link,
        }

    def routes(self) -> list[Route]:
        """Return what is served."""
        return [
            ("POST", "/control/files", self.add),
            ("DELETE", "/control/files", self.drop),
            ("POST", "/control/attachments", self.attach),
        ]

    async def add(self, request: web.Request) -> Any:
        """Keep the body of the request as a file, with zeros behind it where `size` is larger."""
        query = request.query
        name = query.get("name", "file")
        mime = query.get("mime", "application/octet-stream")
        padded = int(query.get("size", "0"))
        chunks = _chunks(request)
        file = await self._files.keep(name, mime, chunks, MOST, padded_to=padded)
        url = address(f"{request.scheme}://{request.host}", file)
        return {"file": file.key, "url": url, "size": file.size}

    async def drop(self, request: web.Request) -> Any:
        """Forget a file: its addresses answer 404."""
        self._files.drop(self._file(await body_of(request)).key)
        return {}

    async def attach(self, request: web.Request) -> Any:
        """Make an attachment that anybody's message may carry."""
        body = await body_of(request)
        kind = field(body, "kind", str)
        if kind not in self._makers:
            raise ValueError(f"kind: one of {', '.join(self._makers)}")
        origin = f"{request.scheme}://{request.host}"
        shape = self._makers[kind](origin, body, int(self._clock()))
        if kind in {"sticker", "link"}:
            return {"attachment": {"type": kind, kind: shape}}
        return {"attachment": self._media.add(kind, field(body, "owner", int), shape)}

    def _file(self, body: dict[str, Any]) -> StoredFile:
        file = self._files.find(field(body, "file", str))
        if file is None:
            raise LookupError("no such file")
        return file

    def _photo(self, origin: str, body: dict[str, Any], now: int) -> dict[str, Any]:
        file = self._file(body)
        return shapes.photo(origin, file, self._files.path(file.key), now)

    def _document(self, origin: str, body: dict[str, Any], now: int) -> dict[str, Any]:
        file = self._file(body)
        return shapes.document(origin, file, self._files.path(file.key), now)

    def _voice(self, origin: str, body: dict[str, Any], now: int) -> dict[str, Any]:
        del now
        file = self._file(body)
        seconds = field(body, "seconds", int, 0)
        shape = shapes.voice(origin, file, self._files.path(file.key), seconds)
        if "transcript" in body:
            shape |= {"transcript": field(body, "transcript", str), "transcript_state": "done"}
        return shape

    def _graffiti(self, origin: str, body: dict[str, Any], now: int) -> dict[str, Any]:
        del now
        file = self._file(body)
        return shapes.graffiti(origin, file, self._files.path(file.key))

    def _video(self, origin: str, body: dict[str, Any], now: int) -> dict[str, Any]:
        file = self._file(body) if "file" in body else None
        playable = self._settings.video_files
        title = field(body, "title", str, "video")
        return shapes.video(origin, title, now, file, playable=playable)


def _sticker(origin: str, body: dict[str, Any], now: int) -> dict[str, Any]:
    del now
    return shapes.sticker(origin, field(body, "sticker_id", int, 1))


def _poll(origin: str, body: dict[str, Any], now: int) -> dict[str, Any]:
    del origin
    return shapes.poll(
        field(body, "question", str),
        [str(answer) for answer in field(body, "answers", list)],
        now,
        anonymous=bool(body.get("anonymous")),
        multiple=bool(body.get("multiple")),
    )


def _wall(origin: str, body: dict[str, Any], now: int) -> dict[str, Any]:
    del origin
    attachments = field(body, "attachments", list, [])
    return shapes.wall(field(body, "owner", int), field(body, "text", str, ""), now, attachments)


def _link(origin: str, body: dict[str, Any], now: int) -> dict[str, Any]:
    del origin, now
    return shapes.link(field(body, "url", str), field(body, "title", str, ""))


async def _chunks(request: web.Request) -> AsyncIterator[bytes]:
    async for chunk in request.content.iter_chunked(PIECE):
        yield chunk
