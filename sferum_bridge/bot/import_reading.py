"""What an import in the chat needs besides the database: the file itself, read (scenario 38).

    a file in the chat ─► a question in the inbox ─► read here, no transaction open ─► one
                          (`ask`)                     transaction: what it would change, told

A question is a row of the inbox, in a lane of its person, as those to the messenger are; a kill in
between reads again, and changes nothing. The file lies in a temporary file while it is read, and is
gone with it; between two questions it waits sealed in the database (`store.imports`).
"""

from __future__ import annotations

import asyncio
import json
import sys
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from sferum_bridge.matrix import downloads
from sferum_bridge.matrix.client import TryAgain
from sferum_bridge.matrix.downloads import MediaAway, MediaGone
from sferum_bridge.roster.model import Severity
from sferum_bridge.roster.reader import read
from sferum_bridge.school.attachments import MEGABYTE
from sferum_bridge.store import class_ids, imports, queues, schools
from sferum_bridge.store.news import NEWS

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from sferum_bridge.bot.talk import Talk
    from sferum_bridge.matrix.client import Homeserver
    from sferum_bridge.matrix.open_files import OpenFiles
    from sferum_bridge.roster import Reading
    from sferum_bridge.store.database import Database

LOOK, AGAIN = "import-look", "import-again"
"""The questions: a file of the chat for the first time, and one that waits, once more."""
QUESTIONS = frozenset({LOOK, AGAIN})
_LANE = "bot/import/"
_AWAY = 503
_MARKING_SECONDS = 240
"""On the clock; the processor time of the process is limited by itself."""
_SUFFIXES = frozenset((".xlsx", ".xlsm", ".xls", ".ods", ".csv", ".zip"))


@dataclass(frozen=True, slots=True)
class FileRead:
    """A file, what it says, and the workbook in which what is wrong is marked, if anything is."""

    name: str
    data: bytes
    reading: Reading
    marked: bytes = b""


@dataclass(frozen=True, slots=True)
class NotRead:
    """Why a file was not read: the key of the text that says so."""

    key: str


class Importer:
    """Reads files that people send for an import; `fetch` is `Fetching`, or stands for it."""

    def __init__(
        self,
        db: Database,
        fetch: Callable[[str, str, int], Awaitable[bytes | None]],
        megabytes: int,
    ) -> None:
        self._db = db
        self._fetch = fetch
        self._most = megabytes * MEGABYTE

    async def answer(self, question: str, content: Mapping[str, Any]) -> FileRead | NotRead:
        """Return what `ask` asked for. Raises `TryAgain` where the homeserver is away."""
        name, school_id = str(content.get("name", "")), str(content.get("school", ""))
        if question == LOOK:
            try:
                media, mxid = str(content["media"]), str(content["mxid"])
                data = await self._fetch(media, mxid, self._most)
            except (ValueError, MediaGone):
                return NotRead("import-lost")
            if data is None:
                return NotRead("import-too-big")
        else:
            async with self._db.read() as tx:
                waiting = await imports.pending(tx, str(content["mxid"]))
            if waiting is None or waiting.id != content["id"]:
                return NotRead("import-gone")
            name, data, school_id = waiting.name, waiting.data, waiting.school_id
        async with self._db.read() as tx:
            records = await schools.records(tx)
            school = next((one.name for one in records if one.id == school_id), "")
            said = {"school": school, "class_ids": await class_ids.of(tx, school_id)}
        return await _read(name, data, said, str(content["language"]), rejected=question == AGAIN)


class Fetching:
    """Fetches files of the homeserver, whole: a list is small."""

    def __init__(self, homeserver: Homeserver, open_files: OpenFiles) -> None:
        self._homeserver = homeserver
        self._open_files = open_files

    async def __call__(self, media: str, mxid: str, most: int) -> bytes | None:
        """Return a file of at most `most` bytes, `None` for a larger one.

        Only what its sender may read. Raises `MediaGone` and `ValueError` where there is none such,
        and `TryAgain` where the homeserver is away.
        """
        server, media_id = self._open_files.parts(media)
        if not await self._open_files.may_read(media, mxid):
            raise MediaGone
        try:
            async with downloads.opened(self._homeserver, server, media_id) as file:
                data = bytearray()
                async for chunk in file.chunks():
                    data += chunk
                    if len(data) > most:
                        return None
                return bytes(data)
        except MediaAway as e:
            if await downloads.answers(self._homeserver):
                raise MediaGone from e
            raise TryAgain(_AWAY) from e


async def _read(
    name: str,
    data: bytes,
    said: Mapping[str, Any],
    language: str,
    *,
    rejected: bool,
) -> FileRead:
    suffix = Path(name).suffix.lower()
    with TemporaryDirectory(prefix="sferum-import-") as folder:
        path = Path(folder) / f"list{suffix if suffix in _SUFFIXES else ''}"
        await asyncio.to_thread(path.write_bytes, data)
        reading = await asyncio.to_thread(read, path, **said)
        wrong = any(each.severity is Severity.ERROR for each in reading.problems)
        marked = b""
        if wrong or (reading.problems and not rejected):
            marked = await _marked(path, said, language, rejected=rejected)
    return FileRead(name, data, reading, marked)


async def _marked(path: Path, said: Mapping[str, Any], language: str, *, rejected: bool) -> bytes:
    """Have a process of its own write the workbook; nothing where it cannot, or takes too much."""
    how = "rejected" if rejected else "all"
    command = [sys.executable, "-m", "sferum_bridge.roster.marked", str(path), language, how]
    process = await asyncio.create_subprocess_exec(
        *command,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        async with asyncio.timeout(_MARKING_SECONDS):
            written, _ = await process.communicate(json.dumps(said).encode())
    except TimeoutError:
        return b""
    finally:
        if process.returncode is None:
            with suppress(ProcessLookupError):
                process.kill()
            await process.wait()
    return b"" if process.returncode else written


async def ask(talk: Talk, question: str, **content: Any) -> None:
    """Have a file be read for the person behind `talk`, once the transaction is committed.

    `topics.ANSWERS` says who is given the answer; `content` comes back with it.
    """
    row = {
        "type": NEWS,
        "kind": question,
        "sender": talk.mxid,
        "room_id": talk.room_id,
        "content": {**content, "mxid": talk.mxid, "language": talk.language},
    }
    name = f"{question}.{talk.event_id}"
    await queues.put(talk.tx, queues.INBOX, _LANE + talk.mxid, name, row)
