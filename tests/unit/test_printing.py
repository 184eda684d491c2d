"""QR pictures another phone reads, and slips that hold names without being harmed by them."""

from __future__ import annotations

import struct
import zlib
from html.parser import HTMLParser
from typing import Any

import pytest
import segno
from hypothesis import given
from hypothesis import strategies as st

from sferum_bridge.bot.printing import Slip, qr, sheet

CODE = "-".join(["K7MX"] * 7)
LINK = f"https://school.example/i/{CODE}"
SLIP = Slip("Ася Выдумкина, 5А", "Что это", ["Шаг", "Ещё шаг"], "Пока", CODE, LINK, "Логин:")
QUIET_ZONE = 4


def pixels(png: bytes) -> list[list[bool]]:
    """Return the rows of a black and white PNG, true where it is dark."""
    signature, chunks = png[:8], png[8:]
    assert signature == b"\x89PNG\r\n\x1a\n"
    found: dict[bytes, bytes] = {}
    while chunks:
        (length,), kind = struct.unpack(">I", chunks[:4]), chunks[4:8]
        found[kind] = found.get(kind, b"") + chunks[8 : 8 + length]
        chunks = chunks[12 + length :]
    width, height, depth, colour = struct.unpack(">IIBB", found[b"IHDR"][:10])
    assert (depth, colour) == (1, 0), "one bit of grey"
    data, stride = zlib.decompress(found[b"IDAT"]), -(-width // 8) + 1
    rows = [bytes(stride)]
    for y in range(height):
        how, *row = data[y * stride : (y + 1) * stride]
        assert how in {0, 2}, "as it is, or the difference to the row above"
        above = rows[-1] if how else bytes(stride)
        rows.append(bytes((byte + before) % 256 for byte, before in zip(row, above, strict=False)))
    return [[not row[x // 8] >> (7 - x % 8) & 1 for x in range(width)] for row in rows[1:]]


@pytest.mark.parametrize(
    "link", [LINK, "https://a.example/i/X", f"https://{'long.' * 40}/i/{CODE}"]
)
def test_the_picture_shows_the_link_with_its_quiet_zone(link: str) -> None:
    picture = qr(link, "Приглашение.png")
    assert (picture.name, picture.mimetype) == ("Приглашение.png", "image/png")
    rows = pixels(picture.data)
    assert (picture.width, picture.height) == (len(rows[0]), len(rows))
    assert picture.is_picture
    assert picture.width >= 400
    modules = segno.make_qr(link, error="m").matrix
    scale = picture.width // (len(modules) + 2 * QUIET_ZONE)
    for y, row in enumerate(rows):
        for x, dark in enumerate(row):
            at_y, at_x = y // scale - QUIET_ZONE, x // scale - QUIET_ZONE
            inside = 0 <= at_y < len(modules) and 0 <= at_x < len(modules)
            assert dark == (inside and bool(modules[at_y][at_x]))


def test_a_fold_may_cost_a_share_of_the_picture() -> None:
    assert segno.make_qr(LINK, error="m").error in {"M", "Q", "H"}


class _Page(HTMLParser):
    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: dict[str, list[str]] = {}
        self.text: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        self.tags.append(tag)
        for name, value in attrs:
            self.attributes.setdefault(name, []).append(value or "")

    def handle_data(self, data: str) -> None:
        self.text.append(data)


def page(*slips: Slip, title: str = "Листки", language: str = "ru") -> _Page:
    return _Page(sheet(title, slips, language=language).data.decode())


def test_a_sheet_has_a_slip_for_each_with_everything_on_it() -> None:
    other = Slip("Фома Выдумкин, 5А", "Что", ["Шаг"], "Пока", CODE[::-1], LINK[:-1] + "Z")
    made = page(SLIP, other)
    assert made.tags.count("article") == made.tags.count("svg") == 2
    whole = (SLIP.title, SLIP.what, *SLIP.steps, SLIP.note, SLIP.code, SLIP.link, SLIP.blank)
    for shown in (*whole, other.title, other.code):
        assert shown in made.text
    # Where nothing is to be written down there is no line for it.
    assert made.attributes["class"].count("blank") == 1
    first, second = made.attributes["d"]
    assert first != second
    svg = segno.make_qr(LINK, error="m").svg_inline(omitsize=True, border=QUIET_ZONE)
    assert f'd="{first}"' in svg


def test_a_sheet_needs_nothing_from_elsewhere_and_runs_nothing() -> None:
    made = page(SLIP)
    assert not {"script", "link", "img", "iframe", "object", "form"} & set(made.tags)
    assert not {"src", "href", "style", "onload"} & made.attributes.keys()
    assert "default-src 'none'; style-src 'unsafe-inline'" in made.attributes["content"]
    text = sheet("Листки", [SLIP], language="ru").data.decode()
    assert "url(" not in text
    assert "@import" not in text


@pytest.mark.parametrize(("language", "name"), [("ru", "листки.html"), ("en", "slips.html")])
def test_the_file_is_called_after_the_command_and_after_nobody(language: str, name: str) -> None:
    made = sheet("5А", [SLIP], language=language)
    assert (made.name, made.mimetype, made.is_picture) == (name, "text/html", False)
    assert f'<html lang="{language}">' in made.data.decode()


@given(text=st.text(max_size=60) | st.text(alphabet="<>&\"'/scriptалё \u202e\n", max_size=60))
def test_nothing_in_a_text_becomes_markup(text: str) -> None:
    typed, plainly = [(text, text)], [("x", "x")]
    hostile = Slip(text, text, [text], text, text, text or LINK, text, typed)
    plain = Slip("x", "x", ["x"], "x", text and "x", "x", text and "x", plainly)
    made, wanted = page(hostile, title=text), page(plain, title="x")
    assert made.tags == wanted.tags
    assert made.attributes.keys() == wanted.attributes.keys()


def test_what_is_typed_stands_in_letters_that_can_be_told_apart() -> None:
    login = Slip(
        "Ася", "Вход", ["Шаг"], "Пока", "", LINK, typed=[("Логин", "abcd"), ("Пароль", "l1O0")]
    )
    made = page(login)
    assert made.tags.count("dt") == made.tags.count("dd") == made.tags.count("code") == 2
    text = sheet("Логины", [login], language="ru").data.decode()
    assert "<dt>Пароль</dt><dd><code>l1O0</code></dd>" in text
    assert "code { font: bold 9.5pt/1.3 ui-monospace, Consolas," in text
    assert 'class="code"' not in text


def test_direction_marks_of_a_name_do_not_reach_the_paper() -> None:
    made = page(Slip("Ася\u202eанидумыВ", "", [], "", CODE, LINK), title="5\u202eА")
    assert "\u202e" not in "".join(made.text)
