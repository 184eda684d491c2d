"""Readable files are taken away when their time is over, and what happens where that fails."""

from __future__ import annotations

import hashlib
import hmac
import logging
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from mautrix.errors import MatrixRequestError
from sqlalchemy import select

from sferum_bridge.matrix.answers import TryAgain
from sferum_bridge.matrix.client import Homeserver
from sferum_bridge.matrix.closing import Closing
from sferum_bridge.matrix.open_files import OpenFiles
from sferum_bridge.store import documents, tables
from sferum_bridge.store.documents import OpenFile
from tests.support.bot import BOT, HOUR, MOTHER, World, a_world

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

MEDIA = "mxc://school.example/AbC_1-2"
SECRET = "a secret of two"
DOOR = "/_synapse/client/sferum/v1/media"


class Door:
    """The extension's side: checks what is signed, and answers as it is told to."""

    def __init__(self) -> None:
        self.status, self.errcode = 200, ""
        self.asked: list[tuple[str, ...]] = []

    async def answer(self, request: web.Request) -> web.Response:
        names = ("Media", "User", "Since", "Event", "Time")
        about = [request.headers[f"X-Sferum-{name}"] for name in names]
        signed = " ".join([request.method, DOOR, *about])
        mac = hmac.new(SECRET.encode(), signed.encode(), hashlib.sha256).hexdigest()
        assert hmac.compare_digest(mac, request.headers["X-Sferum-Mac"])
        self.asked.append((request.method, *about[:3]))
        return web.json_response({"errcode": self.errcode}, status=self.status)


@asynccontextmanager
async def closing(world: World, door: Door, secret: str = SECRET) -> AsyncIterator[Closing]:
    """Give what takes files away, with one that is due."""
    site = web.Application()
    site.router.add_route("*", DOOR, door.answer)
    async with TestServer(site) as server, aiohttp.ClientSession() as session:
        homeserver = Homeserver(
            session, str(server.make_url("")), as_token="", puppet_token="", bot_mxid=BOT
        )
        async with world.db.write() as tx:
            file = OpenFile(MEDIA, world.ids[MOTHER], "", "", MOTHER, 77, world.now)
            await documents.note_open(tx, file)
        yield Closing(world.db, homeserver, OpenFiles(homeserver, secret))


async def left(world: World) -> list[int]:
    async with world.db.read() as tx:
        return [row.due_at for row in await tx.all(select(tables.open_files))]


async def test_a_file_whose_time_is_over_is_deleted_once() -> None:
    door = Door()
    async with a_world() as world, closing(world, door) as mine:
        world.now -= 1
        await mine.once()
        assert door.asked == []
        world.now += 1
        await mine.once()
        await mine.once()
        assert door.asked == [("DELETE", "AbC_1-2", MOTHER, "77")]
        assert await left(world) == []


@pytest.mark.parametrize(
    ("status", "errcode"),
    [(409, "SFERUM_NOT_ITS_OWN"), (404, "M_UNRECOGNIZED"), (403, "M_FORBIDDEN")],
)
async def test_what_is_refused_is_said_once_and_tried_again_later(
    status: int, errcode: str, caplog: pytest.LogCaptureFixture
) -> None:
    door = Door()
    door.status, door.errcode = status, errcode
    # What was put up for something else is not theirs to take away, and stays.
    is_left = errcode != "SFERUM_NOT_ITS_OWN"
    async with a_world() as world, closing(world, door) as mine:
        with caplog.at_level(logging.WARNING):
            await mine.once()
            world.now += HOUR
            await mine.once()
        assert len(door.asked) == (2 if is_left else 1)
        assert await left(world) == ([world.now + HOUR] if is_left else [])
        said = [one for one in caplog.records if "deletes no file" in one.getMessage()]
        assert len(said) == is_left
        assert MEDIA not in caplog.text


async def test_a_file_that_the_homeserver_fails_at_keeps_no_other_waiting(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    door = Door()
    async with a_world() as world, closing(world, door) as mine:
        other = OpenFile(f"{MEDIA}d", world.ids[MOTHER], "", "", MOTHER, 77, world.now)
        async with world.db.write() as tx:
            await documents.note_open(tx, other)
        removed: list[str] = []
        trouble = 500

        async def remove(media: str, *_: object) -> None:
            if media == MEDIA:
                raise TryAgain(trouble)
            removed.append(media)

        monkeypatch.setattr(mine._open_files, "remove", remove)
        await mine.once()
        assert removed == [other.media]
        [due_at] = await left(world)
        assert due_at > world.now
        # One that is away is waited for, and nothing put off.
        world.now, trouble = due_at, 502
        await mine.once()
        assert await left(world) == [due_at]


async def test_without_the_extension_nothing_is_asked_and_that_is_said(
    caplog: pytest.LogCaptureFixture,
) -> None:
    door = Door()
    async with a_world() as world, closing(world, door, secret="") as mine:
        await mine.once()
        assert door.asked == []
        assert await left(world) == []
        assert "stay in Synapse's media store" in caplog.text


async def test_a_file_that_is_shown_twice_goes_with_the_second() -> None:
    door = Door()
    async with a_world() as world, closing(world, door) as mine:
        other = OpenFile(MEDIA, world.ids[MOTHER], "!r", "$still", MOTHER, 77, documents.LATER)
        async with world.db.write() as tx:
            await documents.note_open(tx, other)
        await mine.once()
        assert door.asked == []
        assert await left(world) == [documents.LATER]


async def test_who_may_read_is_asked_and_only_a_clear_no_is_one() -> None:
    door = Door()
    async with a_world() as world, closing(world, door) as mine:
        files: Any = mine._open_files
        assert await files.may_read(MEDIA, MOTHER)
        door.status, door.errcode = 404, "M_NOT_FOUND"
        assert not await files.may_read(MEDIA, MOTHER)
        door.errcode = "M_UNRECOGNIZED"
        with pytest.raises(MatrixRequestError):
            await files.may_read(MEDIA, MOTHER)
        for elsewhere in ("mxc://other.example/a", "mxc://school.example/../a", "AbC"):
            with pytest.raises(ValueError, match="no file of this homeserver"):
                files.parts(elsewhere)
