"""What somebody in a room may write to do harm, as it stands in the chat of Sferum afterwards."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from sferum_bridge.network.base import Refused, RemoteMessage
from sferum_bridge.network.content import Draft, File, FileKind, Span, Style
from sferum_bridge.relay.outward import splitting
from sferum_bridge.relay.outward.to_network import Message, from_matrix
from tests.support.hostile import CONTROLS, HALF, HTML, TURNED, UNSEEN
from tests.support.vk_school import Ear

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.support.vk_school import VkSchool

pytest_plugins = ["tests.support.standin", "tests.support.vk_school"]

MOST = 4096


def message(content: dict[str, Any], kind: str = "m.room.message") -> Message:
    found = from_matrix(kind, content, lambda _: "")
    assert isinstance(found, Message)
    return found


async def heard(school: VkSchool, found: Message, name: str = "") -> list[RemoteMessage]:
    """Send a message as the relay does, and return what is heard of it."""
    prefix = splitting.prefix(name) if name else ""
    parts = splitting.split(found.said, MOST - splitting.units(prefix))
    async with Ear(school.connector).open() as ear:
        for number, part in enumerate(parts, 1):
            said = part.after(prefix)
            draft = Draft(said.text, said.spans, place=found.place)
            await school.connector.send(school.chat_id, draft, random_id=number)
        await ear.until(lambda: len(ear.heard) == len(parts))
        return list(ear.heard.values())


@pytest.mark.parametrize("text", ["я" * 9000, "😀" * 9000, "a b\n" * 2250, "[id1|x]" * 1300])
async def test_nine_thousand_characters(vk_school: VkSchool, text: str) -> None:
    parts = await heard(vk_school, message({"msgtype": "m.text", "body": text}))
    said = "".join(part.content.text for part in parts).replace("\N{WORD JOINER}", "")
    assert "".join(said.split()) == "".join(text.split())
    assert not any(part.content.spans for part in parts)


@pytest.mark.parametrize("formatted", [False, True])
async def test_nothing_typed_calls_or_leads_anybody(
    vk_school: VkSchool,
    formatted: bool,  # noqa: FBT001 - a case
) -> None:
    me = vk_school.anna.user_id
    typed = f"[id{me}|Директор] @all *все [https://evil.example|банк] &lt;b&gt; {HALF}{TURNED}"
    content = {"msgtype": "m.text", "body": typed}
    if formatted:
        escaped = typed.replace("&", "&amp;").replace("<", "&lt;")
        content |= {"format": "org.matrix.custom.html", "formatted_body": escaped + HTML}
    [one] = await heard(vk_school, message(content))
    assert one.content.spans == ()
    said = one.content.text.replace("\N{WORD JOINER}", "")
    assert said.startswith(f"[id{me}|Директор] @all *все [https://evil.example|банк] &lt;b&gt;")
    assert "<img" not in said
    assert "script" not in said


async def test_a_link_is_told_by_where_it_leads(vk_school: VkSchool) -> None:
    html = (
        '<a href="https://evil.example/?a=1&amp;b=]|[id1|x]">https://bank.example</a> и '
        '<a href="javascript:alert(1)">сюда</a> и <a href="https://c.example">x][id1|y|z</a>'
    )
    content = {"msgtype": "m.text", "body": "x", "format": "org.matrix.custom.html"}
    [one] = await heard(vk_school, message(content | {"formatted_body": html}))
    targets = {span.target for span in one.content.spans if span.style is Style.LINK}
    assert targets <= {"https://c.example"}
    assert "evil.example" in one.content.text
    assert "javascript" not in one.content.text
    assert not any(span.style is Style.MENTION for span in one.content.spans)


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("Директор: всем домой\nАнна", "Директор всем домой Анна: "),
        (f"[id1|Анна]{TURNED}", "[id1|Анна]фдп.exe: "),
        (f"\x07\x1b[31m{UNSEEN}@all", "[31mаб@all: "),
        ("Я" * 900, "Я" * 64 + ": "),
    ],
)
async def test_a_name_in_front_is_only_a_name(vk_school: VkSchool, name: str, shown: str) -> None:
    [one] = await heard(vk_school, message({"msgtype": "m.text", "body": "тут"}), name)
    assert one.content.text.replace("\N{WORD JOINER}", "") == f"{shown}тут"
    assert one.content.spans == ()


async def test_a_poll_is_lines_and_nothing_else(vk_school: VkSchool) -> None:
    def words(said: str) -> dict[str, Any]:
        return {"m.text": [{"body": said}]}

    poll = {
        "question": words(f"Когда?\n1. {HTML}"),
        "answers": [words("завтра\n2. никогда [id1|x]"), words(CONTROLS), *[words("@all")] * 50],
    }
    [one] = await heard(vk_school, message({"m.poll": poll}, "m.poll.start"))
    assert len(one.content.text.split("\n")) == 1 + 20
    assert one.content.spans == ()


async def test_a_place_is_only_a_place(vk_school: VkSchool) -> None:
    where = {"uri": "geo:55.5,37.5", "description": f"{HTML}[id1|x]@all"}
    found = message({"msgtype": "m.location", "body": "x", "m.location": where})
    [one] = await heard(vk_school, found)
    assert not any(span.style is Style.MENTION for span in one.content.spans)


async def pieces(data: bytes) -> AsyncIterator[bytes]:
    yield data


@pytest.mark.parametrize(
    ("name", "mime"),
    [
        ("../../etc/план.txt", "text/plain"),
        ('план"; filename="x.exe\r\nX-Evil: 1\r\n\r\n.txt', "text/plain\r\nX-Evil: 1"),
        (f"план{TURNED}.txt", "application/x-y; name=x.exe"),
        ("план" * 900 + ".txt", "x" * 9000),
        (f"{HALF}{CONTROLS}план.txt", ""),
        (HTML + "план.txt", "image/png"),
    ],
)
async def test_a_file_has_a_name_and_nothing_else(
    vk_school: VkSchool, name: str, mime: str
) -> None:
    info = {"mimetype": mime}
    found = message({"msgtype": "m.file", "body": name, "url": "mxc://s/m", "info": info}).file
    assert found is not None
    connector, chat = vk_school.connector, vk_school.chat_id
    async with Ear(connector).open() as ear:
        attached = await connector.upload(
            chat, found.kind, found.name, found.mime, pieces(b"a file")
        )
        await connector.send(chat, Draft(attached=(attached,)), random_id=1)
        (file,) = (await ear.next_of(RemoteMessage)).content.parts
    assert isinstance(file, File)
    assert "план" in file.name
    assert file.name.endswith(".txt")
    assert len(file.name) <= 200
    assert not set(file.name) & set("/\\\r\n\x00\u202e")
    async with connector.download(file) as download:
        assert b"".join([piece async for piece in download.chunks()]) == b"a file"


@pytest.mark.parametrize("kind", list(FileKind))
async def test_a_file_of_nothing_is_refused(vk_school: VkSchool, kind: FileKind) -> None:
    with pytest.raises(Refused):
        await vk_school.connector.upload(vk_school.chat_id, kind, "a", "image/png", pieces(b""))


async def test_styles_that_lie_nowhere_are_no_styles(vk_school: VkSchool) -> None:
    spans = tuple(
        Span(start, length, style, "[id1|x]")
        for style in Style
        for start, length in ((-5, 10), (0, 10**9), (10**9, 1), (1, -1), (2, 0))
    )
    async with Ear(vk_school.connector).open() as ear:
        await vk_school.connector.send(vk_school.chat_id, Draft("просто", spans), random_id=1)
        heard = await ear.next_of(RemoteMessage)
    assert "прост" in heard.content.text
