"""Documents whose owner is erased, or whose time is over, while they are on their way."""

from __future__ import annotations

import errno
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, cast

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from sqlalchemy import delete, select

from sferum_bridge.bot.document_handing import Handing
from sferum_bridge.bot.document_jobs import Jobs
from sferum_bridge.bot.document_keeper import DocumentKeeper
from sferum_bridge.bot.settings import BotSettings
from sferum_bridge.matrix import outbox
from sferum_bridge.matrix.answers import TryAgain
from sferum_bridge.matrix.client import Homeserver
from sferum_bridge.matrix.open_files import OpenFiles
from sferum_bridge.matrix.outbox import Outbox
from sferum_bridge.store import documents, queues, tables
from sferum_bridge.store.blobs import Blobs
from sferum_bridge.store.documents import LATER, OpenFile
from tests.support.bot import BOT, MOTHER, SETTINGS, World, a_world

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable
    from pathlib import Path

    from sferum_bridge.matrix.creation import RoomMaker
    from sferum_bridge.store.documents import Document
    from sferum_bridge.store.queues import Item

MEDIA = "mxc://school.example/fresh"
DATA = "Справка о составе семьи".encode()


class Town:
    """A homeserver that takes files and messages; `meanwhile` happens while it does."""

    def __init__(self) -> None:
        self.sent: list[str] = []
        self.redacted: list[str] = []
        self.filled: list[bytes] = []
        self.meanwhile: Callable[[], Awaitable[None]] | None = None

    async def answer(self, request: web.Request) -> web.Response:
        body, parts = await request.read(), request.path.split("/")
        if parts[-1] == "create":
            return web.json_response({"content_uri": MEDIA})
        if "upload" in parts:
            self.filled.append(body)
        elif "redact" in parts:
            self.redacted.append(parts[parts.index("redact") + 1])
        elif "send" in parts:
            self.sent.append(parts[-1])
        if self.meanwhile is not None:
            await self.meanwhile()
        if "download" in parts:
            return web.Response(body=DATA)
        return web.json_response({"event_id": "$shown"})


@pytest.fixture
async def world() -> AsyncIterator[World]:
    async with a_world() as made:
        yield made


def settings_of_bot() -> BotSettings:
    values: dict[str, Any] = dict(SETTINGS)
    return BotSettings(**values)


@asynccontextmanager
async def at_home(town: Town) -> AsyncIterator[Homeserver]:
    site = web.Application()
    site.router.add_route("*", "/{path:.*}", town.answer)
    async with TestServer(site) as server, aiohttp.ClientSession() as session:
        url = str(server.make_url(""))
        yield Homeserver(session, url, as_token="", puppet_token="", bot_mxid=BOT)


async def stored(world: World, blobs: Blobs) -> Document:
    async def chunks() -> AsyncIterator[bytes]:
        yield DATA

    async with world.db.write() as tx:
        made = await documents.add(tx, world.ids[MOTHER], "СНИЛС.pdf", "application/pdf", 1)
        found = await documents.one(tx, world.ids[MOTHER], made)
        assert found is not None
        size = await blobs.write(made, found.key, chunks(), 1000)
        kept = await documents.keep(tx, found, size)
    assert kept is not None
    return kept


async def row(world: World, kind: str, **more: Any) -> Item:
    """Ask for something in the mother's store; return the row."""
    about = {"sender": MOTHER, "person": world.ids[MOTHER], "room": "!r", "language": "ru"}
    async with world.db.write() as tx:
        await documents.ask(tx, world.ids[MOTHER], kind, {"kind": kind, **about, **more})
        lane = documents.LANE + world.ids[MOTHER]
        [item] = await queues.waiting(tx, queues.INBOX, lane, 10)
    return item


async def erase(world: World) -> None:
    async with world.db.write() as tx:
        await tx.run(delete(tables.inbox))
        await documents.erase(tx, world.ids[MOTHER])


async def due(world: World) -> list[int]:
    async with world.db.read() as tx:
        return [row.due_at for row in await tx.all(select(tables.open_files.c.due_at))]


@pytest.mark.parametrize("when", ["before", "during"])
async def test_what_is_handed_out_to_who_is_erased_meanwhile_is_not_left_readable(
    world: World, tmp_path: Path, when: str
) -> None:
    town, blobs = Town(), Blobs(tmp_path / "documents")
    kept = await stored(world, blobs)
    item = await row(world, "give", documents=[kept.id], name=kept.name, to=MOTHER)
    jobs, settings = Jobs(world.db, world.texts, "contact"), settings_of_bot()

    async def meanwhile() -> None:
        if when == "before" or town.filled:
            await erase(world)

    town.meanwhile = meanwhile if when == "during" else None
    async with at_home(town) as homeserver:
        files = OpenFiles(homeserver, "")
        if when == "before":
            # Erased between the look at the document and the address for it.
            created = files.create

            async def create() -> str:
                await erase(world)
                return await created()

            files.create = create  # type: ignore[method-assign]
        handing = Handing(world.db, files, blobs, world.texts, settings, jobs)
        await handing.hand_out(item)
    assert town.filled == ([] if when == "before" else [DATA])
    assert await due(world) == ([] if when == "before" else [world.now])
    async with world.db.read() as tx:
        assert await queues.lanes(tx, queues.OUTBOX) == []


@pytest.mark.parametrize("when", ["before", "during"])
async def test_a_message_with_a_file_that_is_gone_is_not_sent_or_taken_back(
    world: World, when: str
) -> None:
    town = Town()
    async with world.db.write() as tx:
        await documents.note_open(tx, OpenFile(MEDIA, world.ids[MOTHER], "", "", "", 0, LATER))
        await outbox.say(tx, "a.file", {"body": "СНИЛС.pdf"}, room_id="!r", shows=MEDIA)
        [item] = await queues.waiting(tx, queues.OUTBOX, "!r", 10)

    async def close() -> None:
        async with world.db.write() as tx:
            await documents.closed(tx, MEDIA)

    if when == "before":
        await close()
    else:
        town.meanwhile = close
    async with at_home(town) as homeserver:
        await Outbox(world.db, homeserver, cast("RoomMaker", None)).handle(item)
    assert town.sent == ([] if when == "before" else ["a.file"])
    assert town.redacted == ([] if when == "before" else ["$shown"])
    async with world.db.read() as tx:
        assert not await queues.is_waiting(tx, queues.OUTBOX, item.id)


async def test_a_full_disk_takes_no_upload_away_and_a_broken_folder_stops_nobody(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    town, folder = Town(), tmp_path / "documents"
    blobs, settings = Blobs(folder), settings_of_bot()
    async with world.db.write() as tx:
        owner = world.ids[MOTHER]
        made = await documents.add(tx, owner, "СНИЛС.pdf", "application/pdf", 1)
        await documents.note_open(tx, OpenFile(MEDIA, owner, "!r", "$sent", MOTHER, 1, LATER))
    item = await row(world, "take", document=made, media=MEDIA, thumbnail="", event="$sent")

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "no space left on device")

    async with at_home(town) as homeserver:
        files, maker = OpenFiles(homeserver, ""), cast("RoomMaker", None)
        keeper = DocumentKeeper(world.db, homeserver, maker, files, blobs, world.texts, settings)
        folder.write_bytes(b"no folder at all")
        await keeper.sweep()
        folder.unlink()
        with monkeypatch.context() as patch:
            patch.setattr("sferum_bridge.store.blobs._finished", full)
            with pytest.raises(TryAgain):
                await keeper.handle(item)
        assert await due(world) == [LATER], "it waits where it is"
        await keeper.handle(item)
    assert await due(world) == [world.now]
    async with world.db.read() as tx:
        assert [one.name for one in await documents.of(tx, owner)] == ["СНИЛС.pdf"]


async def test_what_is_taken_in_of_who_is_erased_meanwhile_is_not_left_on_the_disk(
    world: World, tmp_path: Path
) -> None:
    town, folder = Town(), tmp_path / "documents"
    async with world.db.write() as tx:
        owner = world.ids[MOTHER]
        made = await documents.add(tx, owner, "СНИЛС.pdf", "application/pdf", 1)
    item = await row(world, "take", document=made, media=MEDIA, thumbnail="", event="$sent")

    async def meanwhile() -> None:
        await erase(world)

    town.meanwhile = meanwhile
    async with at_home(town) as homeserver:
        files, maker, settings = (
            OpenFiles(homeserver, ""),
            cast("RoomMaker", None),
            settings_of_bot(),
        )
        keeper = DocumentKeeper(
            world.db, homeserver, maker, files, Blobs(folder), world.texts, settings
        )
        await keeper.sweep()
        await keeper.handle(item)
    assert list(folder.iterdir()) == []
