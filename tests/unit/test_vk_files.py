"""Files both ways: which addresses are spoken to, uploads in three steps, downloads by pieces."""

from __future__ import annotations

import io
import socket
from typing import TYPE_CHECKING, Any

import pytest

from sferum_bridge.network.base import Connector, NetworkError, Refused, TooFast, Unavailable
from sferum_bridge.network.content import File, FileKind
from sferum_bridge.network.vk import VkNetwork, VkSettings
from sferum_bridge.network.vk.addresses import Addresses, OutwardResolver
from sferum_bridge.network.vk.files import Files
from tests.support.vk_script import COOKIE, Raw, ScriptedVk, Uploaded, ok

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

CHAT = "2000000007"
MOST = 300_000


@pytest.fixture
async def vk() -> AsyncIterator[ScriptedVk]:
    async with ScriptedVk().running() as server:
        yield server


@pytest.fixture
async def connector(vk: ScriptedVk) -> AsyncIterator[Connector]:
    network = VkNetwork(
        VkSettings(
            api_url=vk.url,
            web_url=vk.url,
            requests_per_second=100,
            request_timeout=10,
            max_file_bytes=MOST,
        )
    )
    yield await network.connect(COOKIE)
    await network.close()


async def pieces(*parts: bytes) -> AsyncIterator[bytes]:
    for part in parts:
        yield part


def file(vk: ScriptedVk, name: str = "a", **more: Any) -> File:
    return File(FileKind.DOCUMENT, f"{vk.url}/file/{name}", **more)


async def fetched(connector: Connector, wanted: File) -> bytes:
    async with connector.download(wanted) as download:
        return b"".join([piece async for piece in download.chunks()])


async def test_a_file_is_read_by_pieces(vk: ScriptedVk, connector: Connector) -> None:
    body = bytes(range(256)) * 1000
    vk.files["a"].append(Raw(body=body, headers={"Content-Type": "image/png; x=y"}))
    async with connector.download(file(vk)) as download:
        assert (download.size, download.mime) == (len(body), "image/png")
        read = [piece async for piece in download.chunks()]
    assert b"".join(read) == body
    assert max(map(len, read)) <= 64 * 1024


async def test_an_empty_file_is_read(vk: ScriptedVk, connector: Connector) -> None:
    vk.files["a"].append(Raw())
    assert await fetched(connector, file(vk)) == b""


async def test_redirects_are_followed_and_end(vk: ScriptedVk, connector: Connector) -> None:
    vk.files["a"].append(Raw(302, headers={"Location": "/file/b"}))
    vk.files["b"].append(Raw(307, headers={"Location": f"{vk.url}/file/c"}))
    vk.files["c"].append(Raw(body="x"))
    assert await fetched(connector, file(vk)) == b"x"
    vk.files["loop"].append(Raw(302, headers={"Location": "/file/loop"}))
    with pytest.raises(Refused, match="redirects"):
        await fetched(connector, file(vk, "loop"))


@pytest.mark.parametrize(
    "location",
    ["http://169.254.169.254/latest", "http://127.0.0.1:1/", "file:///etc/passwd", "https://evil/",
     "http://[broken", "https://user@vk.com/"],
)  # fmt: skip
async def test_a_redirect_leads_nowhere_else(
    vk: ScriptedVk, connector: Connector, location: str
) -> None:
    vk.files["a"].append(Raw(302, headers={"Location": location}))
    with pytest.raises(Refused):
        await fetched(connector, file(vk))


@pytest.mark.parametrize(
    ("reply", "kind"),
    [(Raw(404), Refused), (Raw(403), Refused), (Raw(410), Refused), (Raw(304), Refused),
     (Raw(206, "x"), Refused), (Raw(302), Refused), (Raw(500), Unavailable),
     (Raw(503), Unavailable), (Raw(429), TooFast)],
)  # fmt: skip
async def test_answers_that_are_no_file(
    vk: ScriptedVk, connector: Connector, reply: Raw, kind: type[NetworkError]
) -> None:
    vk.files["a"].append(reply)
    with pytest.raises(kind):
        await fetched(connector, file(vk))


async def test_a_page_in_place_of_a_file_is_refused(vk: ScriptedVk, connector: Connector) -> None:
    vk.files["a"].append(Raw(body="<html>", headers={"Content-Type": "text/html; charset=utf-8"}))
    with pytest.raises(Refused, match="page"):
        await fetched(connector, file(vk, name="a"))
    wanted = File(FileKind.DOCUMENT, f"{vk.url}/file/a", name="страница.HTML")
    assert await fetched(connector, wanted) == b"<html>"


@pytest.mark.parametrize(
    ("wanted", "mime", "is_word"),
    [
        ({"kind": FileKind.PHOTO}, "application/json", True),
        ({"kind": FileKind.VOICE}, "text/plain", True),
        ({"kind": FileKind.PHOTO}, "image/png", False),
        ({"kind": FileKind.PHOTO}, "application/octet-stream", False),
        ({"kind": FileKind.DOCUMENT, "name": "a.pdf", "size": 5}, "application/json", True),
        ({"kind": FileKind.DOCUMENT, "name": "a.py", "size": 2}, "text/plain", False),
        ({"kind": FileKind.DOCUMENT, "name": "a.pdf"}, "application/json", False),
        ({"kind": FileKind.DOCUMENT, "size": 5, "mime": "text/xml"}, "text/xml", False),
    ],
)  # fmt: skip
async def test_words_in_place_of_a_file_are_waited_out(
    vk: ScriptedVk, connector: Connector, wanted: dict[str, Any], mime: str, *, is_word: bool
) -> None:
    vk.files["a"].append(Raw(body="{}", headers={"Content-Type": mime, "Content-Length": "2"}))
    asked = File(url=f"{vk.url}/file/a", **wanted)
    if is_word:
        with pytest.raises(Unavailable, match="in place of the file"):
            await fetched(connector, asked)
    else:
        assert await fetched(connector, asked) == b"{}"


async def test_a_file_that_breaks_off_is_unavailable(vk: ScriptedVk, connector: Connector) -> None:
    cut = Raw(body="x", headers={"Content-Length": "9"}, cut=True)
    vk.files["a"].append(cut)
    with pytest.raises(Unavailable) as caught:
        await fetched(connector, file(vk))
    assert "file/a" not in caught.value.detail


async def test_errors_of_the_reader_stay_its_own(vk: ScriptedVk, connector: Connector) -> None:
    vk.files["a"].append(Raw(body="x" * 100_000))
    with pytest.raises(OSError, match="disk"):
        async with connector.download(file(vk)):
            raise OSError("disk full")


@pytest.mark.parametrize(
    "url",
    ["https://sun9-1.userapi.com/a?b=c", "https://vk.com/doc1_2", "https://psv4.vkuser.net/a",
     "https://VD1.okcdn.ru/a", "https://userapi.com./a"],
)  # fmt: skip
def test_files_lie_on_vks_hosts(url: str) -> None:
    assert Addresses(VkSettings()).checked(url).host


@pytest.mark.parametrize(
    "url",
    ["http://sun9-1.userapi.com/a", "https://userapi.com.evil/a", "https://evil-vk.com/a",
     "https://notuserapi.com/", "https://127.0.0.1/", "https://[::1]/", "https://vk.com:8443/a",
     "https://user:pass@vk.com/", "//vk.com/a", "vk.com", "", "https://", "file:///vk.com",
     "http://localhost/", "https://vk.com@evil/", "https://evil/#vk.com", "https://x:99999/"],
)  # fmt: skip
def test_files_lie_nowhere_else(url: str) -> None:
    with pytest.raises(Refused):
        Addresses(VkSettings()).checked(url)


def test_a_stand_in_is_spoken_to_by_its_very_address_only() -> None:
    addresses = Addresses(VkSettings(api_url="http://127.0.0.1:8001", web_url="http://[::1]:8002"))
    for url in ("http://127.0.0.1:8001/a", "http://[::1]:8002/a"):
        assert str(addresses.checked(url)) == url
    for url in ("http://127.0.0.1:8002/a", "http://127.0.0.1/a", "https://127.0.0.1:8001/a"):
        with pytest.raises(Refused):
            addresses.checked(url)


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> dict[str, list[str]]:
    """Give a table that the system's resolver answers from."""
    table: dict[str, list[str]] = {}

    def look_up(host: str, port: int, *_: Any) -> list[Any]:
        kinds = {True: socket.AF_INET6, False: socket.AF_INET}
        return [
            (kinds[":" in address], socket.SOCK_STREAM, 6, "", (address, port))
            for address in table[host]
        ]

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    return table


@pytest.mark.parametrize(
    ("addresses", "kept"),
    [(["87.240.132.72", "10.0.0.5"], ["87.240.132.72"]), (["127.0.0.1"], []), (["192.168.1.1"], []),
     (["169.254.169.254"], []), (["100.64.0.1"], []), (["0.1.2.3"], [])],
)  # fmt: skip
async def test_names_lead_out_of_this_network(
    names: dict[str, list[str]], addresses: list[str], kept: list[str]
) -> None:
    names["vk.com"] = addresses
    resolver = OutwardResolver(Addresses(VkSettings()))
    if kept:
        assert [one["host"] for one in await resolver.resolve("vk.com", 443)] == kept
    else:
        with pytest.raises(OSError, match="no public address"):
            await resolver.resolve("vk.com", 443)
    await resolver.close()


async def test_what_the_settings_name_may_be_anywhere(names: dict[str, list[str]]) -> None:
    names["vk.school"] = ["10.0.0.5"]
    resolver = OutwardResolver(Addresses(VkSettings(api_url="https://vk.school")))
    assert [one["host"] for one in await resolver.resolve("vk.school", 443)] == ["10.0.0.5"]
    await resolver.close()


@pytest.mark.parametrize("host", ["", "VK.com", "*.vk.com", "https://vk.com", "vk.com:443", "a b"])
def test_media_hosts_are_names(host: str) -> None:
    with pytest.raises(ValueError, match="media_hosts"):
        VkSettings(media_hosts=(host,))


async def upload(connector: Connector, kind: FileKind, name: str, mime: str, *parts: bytes) -> str:
    return await connector.upload(CHAT, kind, name, mime, pieces(*(parts or (b"x", b"y"))))


def serve_uploads(vk: ScriptedVk, *replies: Any) -> None:
    server = ok({"upload_url": f"{vk.url}/upload"})
    vk.script("photos.getMessagesUploadServer", server)
    vk.script("docs.getMessagesUploadServer", server)
    vk.script(
        "video.save",
        ok({"upload_url": f"{vk.url}/upload", "owner_id": 1, "video_id": 2, "access_key": "k"}),
    )
    vk.script("photos.saveMessagesPhoto", ok([{"owner_id": 1, "id": 2, "access_key": "k"}]))
    vk.uploads.extend(replies)


@pytest.mark.parametrize("kind", [FileKind.PHOTO, FileKind.STICKER, FileKind.DRAWING])
async def test_a_picture_becomes_a_photo(
    vk: ScriptedVk, connector: Connector, kind: FileKind
) -> None:
    serve_uploads(vk, {"server": 5, "photo": '[{"a":1}]', "hash": "ab"})
    assert await upload(connector, kind, "Фото 1.PNG", "image/png") == "photo1_2_k"
    (sent,) = vk.uploaded
    assert (sent.field, sent.name, sent.mime) == ("photo", "photo.png", "image/png")
    assert (sent.size, sent.first) == (2, b"xy")
    assert sent.told > 2
    form = vk.called("photos.saveMessagesPhoto")[0]
    assert (form["server"], form["photo"], form["hash"]) == ("5", '[{"a":1}]', "ab")


async def test_the_newer_answer_is_passed_on_whole(vk: ScriptedVk, connector: Connector) -> None:
    serve_uploads(vk, {"sha": "x", "secret": "y"})
    assert await upload(connector, FileKind.PHOTO, "a.jpg", "image/jpeg") == "photo1_2_k"
    form = vk.called("photos.saveMessagesPhoto")[0]
    assert (form["photo"], form["upload_v2"]) == ('{"sha": "x", "secret": "y"}', "1")


@pytest.mark.parametrize(
    ("kind", "name", "mime", "purpose", "sent_as"),
    [
        (FileKind.DOCUMENT, "План.docx", "application/x", "doc", "file.docx"),
        (FileKind.DOCUMENT, "без имени", "application/pdf", "doc", "file.pdf"),
        (FileKind.DOCUMENT, 'a".пдф', "x\r\nX: y", "doc", "file.bin"),
        (FileKind.PHOTO, "a.gif", "image/gif", "doc", "file.gif"),
        (FileKind.PHOTO, "a.svg", "image/svg+xml", "doc", "file.svg"),
        (FileKind.AUDIO, "a.mp3", "audio/mpeg", "doc", "file.mp3"),
        (FileKind.VOICE, "a.ogg", "audio/ogg; codecs=opus", "audio_message", "file.ogg"),
    ],
)
async def test_anything_else_becomes_a_document(
    vk: ScriptedVk,
    connector: Connector,
    kind: FileKind,
    name: str,
    mime: str,
    purpose: str,
    sent_as: str,
) -> None:
    serve_uploads(vk, {"file": "token"})
    vk.script("docs.save", ok({"type": purpose, purpose: {"owner_id": 1, "id": 2}}))
    assert await upload(connector, kind, name, mime) == "doc1_2"
    assert vk.called("docs.getMessagesUploadServer")[0]["type"] == purpose
    assert vk.uploaded[0].name == sent_as
    form = vk.called("docs.save")[0]
    assert (form["file"], form["title"]) == ("token", name)


async def test_older_versions_save_a_list(vk: ScriptedVk, connector: Connector) -> None:
    serve_uploads(vk, {"file": "token"})
    vk.script("docs.save", ok([{"owner_id": 1, "id": 2}]))
    assert await upload(connector, FileKind.DOCUMENT, "a.txt", "text/plain") == "doc1_2"


async def test_a_video_is_private(vk: ScriptedVk, connector: Connector) -> None:
    serve_uploads(vk, {"size": 2, "video_id": 2})
    assert await upload(connector, FileKind.VIDEO, "урок.mp4", "video/mp4") == "video1_2_k"
    form = vk.called("video.save")[0]
    assert (form["name"], form["is_private"]) == ("урок.mp4", "1")
    assert vk.uploaded[0] == Uploaded(
        "video_file", "file.mp4", "video/mp4", 2, b"xy", vk.uploaded[0].told
    )


async def test_a_large_file_is_sent_with_its_length(vk: ScriptedVk, connector: Connector) -> None:
    serve_uploads(vk, {"file": "token"})
    vk.script("docs.save", ok({"type": "doc", "doc": {"owner_id": 1, "id": 2}}))
    parts = [bytes([n % 256]) * 1000 for n in range(MOST // 1000)]
    await upload(connector, FileKind.DOCUMENT, "a.bin", "", *parts)
    assert (vk.uploaded[0].size, vk.uploaded[0].mime) == (MOST, "application/octet-stream")
    assert vk.uploaded[0].told > MOST


@pytest.mark.parametrize("parts", [(), (b"",), (b"x" * MOST, b"x")])
async def test_nothing_and_too_much_are_refused_unsent(
    vk: ScriptedVk, connector: Connector, parts: tuple[bytes, ...]
) -> None:
    with pytest.raises(Refused):
        await connector.upload(CHAT, FileKind.DOCUMENT, "a", "", pieces(*parts))
    assert vk.calls == []


@pytest.mark.parametrize("kind", [FileKind.PHOTO, FileKind.DOCUMENT, FileKind.VIDEO])
@pytest.mark.parametrize(
    ("reply", "error"),
    [({"error": "wrong_extension", "error_descr": "no"}, Refused), (Raw(413), Refused),
     (Raw(502), Unavailable), (Raw(body="<html>"), Unavailable), ([], Unavailable)],
)  # fmt: skip
async def test_uploads_that_fail_say_what_to_do(
    vk: ScriptedVk, connector: Connector, kind: FileKind, reply: Any, error: type[NetworkError]
) -> None:
    serve_uploads(vk, reply)
    with pytest.raises(error):
        await upload(connector, kind, "a.png", "image/png")


async def test_servers_that_hang_are_unavailable(vk: ScriptedVk) -> None:
    files = Files(VkSettings(api_url=vk.url, web_url=vk.url, request_timeout=0.1))
    vk.uploads.append(Raw(hang=1))
    vk.files["a"].append(Raw(hang=1))
    with pytest.raises(Unavailable):
        await files.post(f"{vk.url}/upload", "file", "a", "text/plain", io.BytesIO(b"x"))
    with pytest.raises(Unavailable):
        async with files.open(file(vk)):
            pass
    await files.close()


async def test_a_picture_vk_cannot_read_is_refused(vk: ScriptedVk, connector: Connector) -> None:
    serve_uploads(vk, {"server": 5, "photo": "[]", "hash": ""})
    with pytest.raises(Refused):
        await upload(connector, FileKind.PHOTO, "a.png", "image/png")


@pytest.mark.parametrize("server", [None, {}, {"upload_url": 5}, {"upload_url": "https://evil/"}])
async def test_an_upload_server_elsewhere_is_not_spoken_to(
    vk: ScriptedVk, connector: Connector, server: Any
) -> None:
    vk.script("docs.getMessagesUploadServer", ok(server))
    with pytest.raises(NetworkError):
        await upload(connector, FileKind.DOCUMENT, "a.png", "image/png")
    assert vk.uploaded == []


async def test_errors_of_what_is_uploaded_stay_its_own(connector: Connector) -> None:
    async def broken() -> AsyncIterator[bytes]:
        yield b"x"
        raise LookupError("the homeserver is away")

    with pytest.raises(LookupError):
        await connector.upload(CHAT, FileKind.DOCUMENT, "a", "", broken())
