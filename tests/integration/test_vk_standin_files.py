"""Files between the connector and the stand-in: read, sent, attached, lost, cut off."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from sferum_bridge.network.base import Refused, RemoteMessage, Unavailable
from sferum_bridge.network.content import Draft, File, FileKind
from tests.support.vk_school import Ear

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.support.vk_school import VkSchool

pytest_plugins = ["tests.support.standin", "tests.support.vk_school"]

PNG = bytes.fromhex(
    "89504e470d0a1a0a0000000d4948445200000001000000010806000000"
    "1f15c4890000000d49444154789c6360606060000000050001a5f64540"
    "0000000049454e44ae426082"
)
PIECE = b"\x07" * 65_536
CHAT_KINDS = [
    (FileKind.PHOTO, "a.png", "image/png", PNG, FileKind.PHOTO),
    (FileKind.STICKER, "a.png", "image/png", PNG, FileKind.PHOTO),
    (FileKind.DOCUMENT, "План на год.txt", "text/plain", "план".encode(), FileKind.DOCUMENT),
    (FileKind.PHOTO, "a.svg", "image/svg+xml", b"<svg/>", FileKind.DOCUMENT),
    (FileKind.VOICE, "a.ogg", "audio/ogg", b"OggS of nobody", FileKind.VOICE),
    (FileKind.AUDIO, "a.mp3", "audio/mpeg", b"ID3 of nobody", FileKind.DOCUMENT),
    (FileKind.VIDEO, "Урок.mp4", "video/mp4", b"mp4 of nobody", FileKind.VIDEO),
]


async def pieces(*parts: bytes) -> AsyncIterator[bytes]:
    for part in parts:
        yield part


async def read(school: VkSchool, file: File) -> bytes:
    async with school.connector.download(file) as download:
        return b"".join([piece async for piece in download.chunks()])


async def test_what_is_uploaded_is_what_is_read_again(vk_school: VkSchool) -> None:
    connector, chat = vk_school.connector, vk_school.chat_id
    async with Ear(connector).open() as ear:
        names = [
            await connector.upload(chat, kind, name, mime, pieces(data))
            for kind, name, mime, data, _ in CHAT_KINDS
        ]
        await connector.send(chat, Draft("всё", attached=tuple(names)), random_id=1)
        content = (await ear.next_of(RemoteMessage)).content
    files = [part for part in content.parts if isinstance(part, File)]
    assert [file.kind for file in files] == [shown for *_, shown in CHAT_KINDS]
    assert [await read(vk_school, file) for file in files] == [case[3] for case in CHAT_KINDS]
    assert files[2].name == "План на год.txt"


async def test_a_large_file_goes_there_and_back_by_pieces(vk_school: VkSchool) -> None:
    connector, chat = vk_school.connector, vk_school.chat_id
    many = 160  # 10 MiB
    name = await connector.upload(chat, FileKind.DOCUMENT, "a.bin", "", pieces(*[PIECE] * many))
    async with Ear(connector).open() as ear:
        await connector.send(chat, Draft(attached=(name,)), random_id=1)
        (file,) = (await ear.next_of(RemoteMessage)).content.parts
    assert isinstance(file, File)
    size = 0
    async with connector.download(file) as download:
        assert download.size == file.size == many * len(PIECE)
        async for piece in download.chunks():
            assert len(piece) <= len(PIECE)
            assert piece == PIECE[: len(piece)]
            size += len(piece)
    assert size == file.size


async def test_an_edit_keeps_what_is_attached(vk_school: VkSchool) -> None:
    connector, chat = vk_school.connector, vk_school.chat_id
    photo = await connector.upload(chat, FileKind.PHOTO, "a.png", "image/png", pieces(PNG))
    sent = await connector.send(chat, Draft("было", attached=(photo,)), random_id=1)
    await connector.edit(chat, sent.message_id, Draft("стало"))
    (written,) = await vk_school.written()
    assert written["text"] == "стало"
    assert [one["type"] for one in written["attachments"]] == ["photo"]


async def test_what_vk_does_not_take_is_refused(vk_school: VkSchool) -> None:
    connector, chat = vk_school.connector, vk_school.chat_id
    for kind, name, mime, data in (
        (FileKind.DOCUMENT, "игра.exe", "application/x-msdownload", b"MZ"),
        (FileKind.PHOTO, "a.png", "image/png", b"no picture"),
    ):
        with pytest.raises(Refused):
            await connector.upload(chat, kind, name, mime, pieces(data))
    await vk_school.control.fault("upload", "http", code=502)
    with pytest.raises(Unavailable):
        await connector.upload(chat, FileKind.DOCUMENT, "a.txt", "text/plain", pieces(b"x"))


async def test_a_file_that_is_gone_or_breaks_off(vk_school: VkSchool) -> None:
    control, boris = vk_school.control, vk_school.boris.user_id
    stored = await control.add_file(PIECE * 4, "a.bin")
    async with Ear(vk_school.connector).open() as ear:
        attached = await control.attachment("doc", boris, stored)
        await vk_school.boris_writes(attachments=[attached])
        (file,) = (await ear.next_of(RemoteMessage)).content.parts
    assert isinstance(file, File)
    await control.fault("file", "cut_after")
    with pytest.raises(Unavailable):
        await read(vk_school, file)
    assert await read(vk_school, file) == PIECE * 4
    await control.drop_file(stored)
    with pytest.raises(Refused):
        await read(vk_school, file)
