"""What somebody in a chat may write to do harm, as a real homeserver and its clients get it."""

from __future__ import annotations

import unicodedata
from typing import TYPE_CHECKING, Any

import pytest
import pytest_asyncio

from sferum_bridge.network.base import Service, ServiceKind
from sferum_bridge.network.content import (
    Content,
    File,
    FileKind,
    Other,
    Page,
    Place,
    Poll,
    Quote,
    Span,
    Style,
)
from tests.support.hostile import CONTROLS, HTML, TURNED, UNSEEN
from tests.support.inward import GHOST, Linked, linked_room, working
from tests.support.strict import wrong_with, wrong_with_name

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.support.synapse import Homeserver

pytestmark = pytest.mark.asyncio(loop_scope="session")

ASYA = "101"
URL = "https://cdn/file"


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def linked(
    plain_homeserver: Homeserver, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Linked]:
    url = f"sqlite:///{tmp_path_factory.mktemp('bridge') / 'bridge.db'}"
    people = {ASYA: "Ася Выдумкина"}
    async with linked_room(plain_homeserver, url, people=people) as linked, working(linked):
        await linked.begun()
        yield linked


async def shown(linked: Linked, content: Content, **more: Any) -> list[dict[str, Any]]:
    """Have somebody write, and return the events that show it; all of them are harmless."""
    before = len(await linked.events())
    await linked.messenger.say(ASYA, content, **more)
    await linked.messenger.say(ASYA, "и дальше")
    await linked.idle()
    *events, behind = (await linked.events())[before:]
    assert behind["content"]["body"] == "и дальше"
    for event in events:
        assert wrong_with(event["type"], event["content"]) == []
    return events


@pytest.mark.parametrize(
    ("number", "name", "called"),
    [
        ("501", f"{HTML}", "<img"),
        ("502", f"Анна{TURNED}", "Аннафд"),
        ("503", "Анна\nДиректор: всем домой", "Анна Директор: всем домой (Сферум)"),
        ("504", "Я" * 5000, "Я" * 100 + " (Сферум)"),
        ("505", UNSEEN, "аб (Сферум)"),
        ("506", f"{CONTROLS}\u200b", "[31m (Сферум)"),
        ("507", " \u202e\u200b ", "507 (Сферум)"),
        ("508", "{name}%s$1\\1", "{name}%s$1\\1 (Сферум)"),
    ],
)
async def test_a_name_is_only_a_name(linked: Linked, number: str, name: str, called: str) -> None:
    linked.messenger.person(number, name)
    await linked.messenger.say(number, f"я {number}")
    await linked.until_shown(f"я {number}")
    [event] = await linked.last()
    assert event["sender"] == GHOST.format(number)
    _, profile = await linked.reader.call("GET", f"profile/{event['sender']}")
    assert profile["displayname"].startswith(called)
    assert wrong_with_name(profile["displayname"]) == []
    assert profile["displayname"].endswith(" (Сферум)")


@pytest.mark.parametrize(
    "text", ["я" * 9000, "😀" * 9000, "<" * 9000, "\n" * 8999 + "x", "\u202e" * 9000]
)
async def test_nine_thousand_characters(linked: Linked, text: str) -> None:
    looks = (Span(0, 9000, Style.BOLD), *(Span(n, 1, Style.ITALIC) for n in range(0, 9000, 9)))
    [event] = await shown(linked, Content(text, looks))
    assert event["content"]["body"] == text


async def test_a_thousand_forwards_deep_and_a_thousand_wide(linked: Linked) -> None:
    deep = Content("дно")
    for _ in range(1000):
        deep = Content("ещё", quotes=(Quote(ASYA, 0, deep),))
    [event] = await shown(linked, deep)
    assert "… ещё 995" in event["content"]["body"]
    wide = Content(quotes=tuple(Quote(ASYA, 0, Content(HTML * 5)) for _ in range(1000)))
    [event] = await shown(linked, wide)
    assert "… ещё " in event["content"]["body"]


@pytest.mark.parametrize("evil", [HTML, f'"><a href="javascript:alert(1)">{TURNED}', UNSEEN])
async def test_nothing_becomes_markup_wherever_it_is_written(linked: Linked, evil: str) -> None:
    content = Content(
        f"{evil} сюда",
        (
            Span(len(evil) + 1, 4, Style.LINK, "https://evil.example/?a=<b>&quot;"),
            Span(0, len(evil), Style.LINK, "javascript:alert(1)"),
            Span(0, 1, Style.MENTION, evil),
        ),
        parts=(
            Poll(evil, ((evil, 1), (f"{evil}2", 0))),
            Page(f"https://a.example/{evil}", evil, evil),
            Page("javascript:alert(1)", evil),
            Page("https://b.example/", evil, evil, evil),
            Place(55.5, 37.5, evil),
            Other(evil),
        ),
        quotes=(Quote(evil, 5, Content(evil, buttons=(evil,))),),
        buttons=(evil, evil),
    )
    events = await shown(linked, content)
    html = events[0]["content"]["formatted_body"]
    assert "<img" not in html
    assert 'href="javascript' not in html
    assert "&lt;img" in html or "<img" not in evil


async def test_a_title_of_a_chat_is_one_line_of_its_report(linked: Linked) -> None:
    title = f"{HTML}\nДиректор: всем домой{TURNED}"
    report = Service(ServiceKind.RENAMED, title=title)
    [event] = await shown(linked, Content(), service=report)
    content = event["content"]
    assert content["msgtype"] == "m.notice"
    assert "\n" not in content["body"]
    assert "\u202e" not in content["body"]
    assert "<img" not in content.get("formatted_body", "")


@pytest.mark.parametrize(
    ("name", "mime", "data", "kind", "said"),
    [
        ("пусто.pdf", "application/pdf", b"", FileKind.DOCUMENT, "пусто.pdf"),
        ("", "image/png", b"", FileKind.PHOTO, "фото.png"),
        ("../../etc/пароли.txt", "text/plain", b"x", FileKind.DOCUMENT, "пароли.txt"),
        ("C:\\windows\\план.docx", "", b"x", FileKind.DOCUMENT, "план.docx"),
        ("<img src=x>&lt;.pdf", "application/pdf", b"x", FileKind.DOCUMENT, "<img src=x>&lt;.pdf"),
        ("а\u202efdp.pdf", "application/pdf", b"x", FileKind.DOCUMENT, "аfdp.pdf"),
        ("я" * 5000 + ".pdf", "application/pdf", b"x", FileKind.DOCUMENT, ""),
        ("кот.png", "чушь", b"x", FileKind.PHOTO, "кот.png"),
        ("кот.png", "application/pdf", b"x", FileKind.PHOTO, "кот.png"),
        ("a.ogg", "image/png", b"x", FileKind.VOICE, "a.ogg"),
    ],
)
async def test_a_file_is_what_it_is(
    linked: Linked, name: str, mime: str, data: bytes, kind: FileKind, said: str
) -> None:
    url = f"{URL}/{len(linked.messenger.files)}"
    linked.messenger.file(url, data, mime)
    file = File(kind, url, name=name, size=2**52, width=2**52, height=2**52, seconds=2**52)
    [event] = await shown(linked, Content(parts=(File(kind, url, name=name, width=2**40),)))
    content = event["content"]
    assert content["url"].startswith("mxc://")
    assert content["info"]["size"] == len(data)
    assert not said or content["filename"] == said
    assert not {unicodedata.category(c) for c in content["filename"]} & {"Cc", "Cf"}
    assert not set(content["filename"]) & set("/\\")
    [event] = await shown(linked, Content(parts=(file,)))
    # What is claimed of a size counts where there is a name; it is never more than is read.
    assert ("слишком большой" in event["content"]["body"]) is bool(name)
    assert "/" not in event["content"]["body"]


@pytest.mark.parametrize(
    ("name", "mime"),
    [
        ("кот.exe", ""),
        ("кот.png\u202e\u200bexe.", "image/png"),
        ("кот\u202egnp.exe", "image/png"),
        ("кот.png.exe ", "image/png"),
        ("кот.png", "text/html"),
        ("кот.png", "image/svg+xml; charset=utf-8"),
        ("кот.html", "text/plain"),
        ("кот", "application/x-msdownload"),
    ],
)
async def test_a_program_does_not_pass_by_any_name(linked: Linked, name: str, mime: str) -> None:
    url = f"{URL}/{len(linked.messenger.files)}"
    linked.messenger.file(url, b"MZ", mime)
    [event] = await shown(linked, Content(parts=(File(FileKind.DOCUMENT, url, name=name),)))
    assert "url" not in event["content"]
    assert event["content"]["msgtype"] == "m.notice"


@pytest.mark.parametrize("sent_at", [0, -5, 1, 2**31, 2**32 - 1])
async def test_a_time_is_any_or_none(linked: Linked, sent_at: int) -> None:
    quoted = Content("вот", quotes=(Quote(ASYA, sent_at, Content("давно")),))
    [event] = await shown(linked, quoted)
    assert "давно" in event["content"]["body"]
