"""Texts of VK: markup, styles by UTF-16 units, and both again on the way there."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sferum_bridge.network.content import Span, Style
from sferum_bridge.network.vk.text import MOST_RAW, WORD_JOINER, echo, read, unescape, units, write

EMOJI = "👩‍🏫"  # three characters, five units


def data(*items: dict[str, Any]) -> dict[str, Any]:
    return {"version": 1, "items": list(items)}


def bold(offset: int, length: int) -> dict[str, Any]:
    return {"type": "bold", "offset": offset, "length": length}


READ: list[tuple[str, str, Any, str, list[Span]]] = [
    ("plain", "Привет", None, "Привет", []),
    ("mention", "Эй, [id5|Анна]!", None, "Эй, Анна!", [Span(4, 4, Style.MENTION, "5")]),
    ("community", "[club7|Школа]", None, "Школа", [Span(0, 5, Style.MENTION, "-7")]),
    ("public", "[public7|Школа]", None, "Школа", [Span(0, 5, Style.MENTION, "-7")]),
    ("everybody", "всем @all!", None, "всем @all!", [Span(5, 4, Style.MENTION)]),
    ("an address is not everybody", "a@all.ru x@online", None, "a@all.ru x@online", []),
    ("link", "см. [https://vk.com/a?b=1|тут]", None, "см. тут",
     [Span(4, 3, Style.LINK, "https://vk.com/a?b=1")]),
    ("no link of other schemes", "[javascript:x()|тут]", None, "[javascript:x()|тут]", []),
    ("nothing inside", "[id5|] [|x] [id|x] [idx|y]", None, "[id5|] [|x] [id|x] [idx|y]", []),
    ("brackets in brackets", "[[id5|Анна]]", None, "[Анна]", [Span(1, 4, Style.MENTION, "5")]),
    ("styles", "abcdef",
     data(bold(0, 2), {"type": "italic", "offset": 1, "length": 2},
          {"type": "underline", "offset": 5, "length": 1}),
     "abcdef",
     [Span(0, 2, Style.BOLD), Span(1, 2, Style.ITALIC), Span(5, 1, Style.UNDERLINE)]),
    ("as JSON", "ab", json.dumps(data(bold(0, 1))), "ab", [Span(0, 1, Style.BOLD)]),
    ("units", f"{EMOJI} x y", data(bold(6, 1)), f"{EMOJI} x y", [Span(4, 1, Style.BOLD)]),
    ("half a character is all of it", "🙂b", data(bold(1, 1)), "🙂b", [Span(0, 1, Style.BOLD)]),
    ("a link by style", "тут", data({"type": "url", "offset": 0, "length": 3, "url": "http://a"}),
     "тут", [Span(0, 3, Style.LINK, "http://a")]),
    ("beyond the end", "ab", data(bold(1, 99), bold(7, 1), bold(0, 0)), "ab",
     [Span(1, 1, Style.BOLD)]),
    ("past markup", "[id5|Анна] да", data(bold(11, 2)), "Анна да",
     [Span(0, 4, Style.MENTION, "5"), Span(5, 2, Style.BOLD)]),
    ("over markup", "[id5|Анна] да", data(bold(0, 13)), "Анна да",
     [Span(0, 7, Style.BOLD), Span(0, 4, Style.MENTION, "5")]),
    ("kinds that are none", "ab", data({"type": "blink", "offset": 0, "length": 1},
                                      {"type": ["bold"], "offset": 0, "length": 1},
                                      {"type": "url", "offset": 0, "length": 1, "url": "x:y"}),
     "ab", []),
    ("no data at all", "ab", {"items": "x"}, "ab", []),
    ("half a surrogate pair, NUL", "a\ud800b\x00", None, "a\ufffdb\ufffd", []),
]  # fmt: skip


@pytest.mark.parametrize(
    ("raw", "styles", "plain", "spans"), [c[1:] for c in READ], ids=[c[0] for c in READ]
)
def test_read(raw: str, styles: Any, plain: str, spans: list[Span]) -> None:
    assert read(raw, styles) == (plain, tuple(spans))


WRITE: list[tuple[str, str, list[Span], str, Any]] = [
    ("plain", "a <b> & c", [], "a <b> & c", None),
    ("style", f"{EMOJI} x", [Span(4, 1, Style.ITALIC)], f"{EMOJI} x",
     data({"type": "italic", "offset": 6, "length": 1})),
    ("link", "тут", [Span(0, 3, Style.LINK, "https://a/b")], "тут",
     data({"type": "url", "offset": 0, "length": 3, "url": "https://a/b"})),
    ("a link of another scheme", "тут", [Span(0, 3, Style.LINK, "javascript:x")], "тут", None),
    ("mention", "Анна, да", [Span(0, 4, Style.MENTION, "5"), Span(6, 2, Style.BOLD)],
     "[id5|Анна], да", data(bold(12, 2))),
    ("community", "Школа", [Span(0, 5, Style.MENTION, "-7")], "[club7|Школа]", None),
    ("a name with brackets", "А]|[\nБ", [Span(0, 6, Style.MENTION, "5")], "[id5|А)/( Б]", None),
    ("everybody", "@room!", [Span(0, 5, Style.MENTION)], "@all!", None),
    ("an id that is none", "Анна", [Span(0, 4, Style.MENTION, "@anna:school")], "Анна", None),
    ("mentions in each other", "Анна", [Span(0, 4, Style.MENTION, "5"),
                                        Span(1, 2, Style.MENTION, "6")], "[id5|Анна]", None),
    ("bold from inside a mention", "Анна да", [Span(0, 4, Style.MENTION, "5"),
                                               Span(2, 5, Style.BOLD)],
     "[id5|Анна] да", data(bold(0, 13))),
    ("typed words call nobody together", "@all, @все сюда", [],
     f"@{WORD_JOINER}all, @{WORD_JOINER}все сюда", None),
    ("typed markup mentions nobody", "[id5|Директор]", [], f"[{WORD_JOINER}id5|Директор]", None),
    ("typed markup hides no link", "[https://evil|банк]", [],
     f"[{WORD_JOINER}https://evil|банк]", None),
    ("reaching past the text", "ab", [Span(-3, 4, Style.BOLD), Span(1, 99, Style.BOLD)], "ab",
     data(bold(0, 1), bold(1, 1))),
]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "spans", "raw", "styles"), [c[1:] for c in WRITE], ids=[c[0] for c in WRITE]
)
def test_write(text: str, spans: list[Span], raw: str, styles: Any) -> None:
    assert write(text, spans) == (raw, styles)


letters = st.text(st.sampled_from("ab🙂я \n"), max_size=20)
styled = st.builds(
    Span, st.integers(0, 20), st.integers(1, 10), st.sampled_from([Style.BOLD, Style.ITALIC])
)


@given(letters, st.lists(styled, max_size=5))
def test_styles_come_back_as_they_went(text: str, spans: list[Span]) -> None:
    raw, styles = write(text, spans)
    plain, found = read(raw, styles)
    cut = [
        Span(s.start, min(s.length, len(text) - s.start), s.style)
        for s in spans
        if s.start < len(text)
    ]
    assert plain == text
    assert sorted(found, key=repr) == sorted(cut, key=repr)


@given(st.text(st.sampled_from("[]|id5a@l https://x")), st.lists(styled, max_size=3))
def test_what_is_typed_is_what_is_read(text: str, spans: list[Span]) -> None:
    plain, found = read(*write(text, spans))
    assert plain.replace(WORD_JOINER, "") == text
    assert all(s.style is not Style.LINK and not s.target for s in found)
    assert all(0 <= s.start < s.start + s.length <= len(plain) for s in found)


@pytest.mark.parametrize("piece", ["[", "[id5|", "[id5|a", "[https://a|", "@", "]", "|"])
def test_hostile_texts_are_read_in_no_time(piece: str) -> None:
    text = piece * (200_000 // len(piece))
    plain, _ = read(text, data(*[bold(n, 1) for n in range(5000)]))
    assert plain == text[:MOST_RAW]


@given(st.text())
def test_unescape_undoes_what_vk_does(text: str) -> None:
    escaped = (
        text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace('"', "&quot;")
    )
    assert unescape(escaped.replace("\n", "<br>")) == text


@pytest.mark.parametrize(
    ("escaped", "plain"),
    [("a &lt;b&gt; &amp;amp;<br>d<br/>", "a <b> &amp;\nd\n"), ("&copy 2 & co", "&copy 2 & co"),
     ("&lt;br&gt;", "<br>"), ("&#39;", "'")],
)  # fmt: skip
def test_unescape(escaped: str, plain: str) -> None:
    assert unescape(escaped) == plain


@pytest.mark.parametrize(("text", "spans", "heard"), [
    ("просто так", [], "просто так"),
    ("@room сюда", [Span(0, 5, Style.MENTION)], "@all сюда"),
    ("@all сюда", [], f"@{WORD_JOINER}all сюда"),
    ("А]|[Б", [Span(0, 5, Style.MENTION, "5")], "А)/(Б"),
    ("[id5|Директор]", [], f"[{WORD_JOINER}id5|Директор]"),
])  # fmt: skip
def test_what_is_written_otherwise_is_known_when_it_is_heard(
    text: str, spans: list[Span], heard: str
) -> None:
    assert echo(text, spans) == heard
    assert read(*write(text, spans))[0] == heard


def test_what_the_limit_counts_is_what_is_written() -> None:
    assert units("Анна", [Span(0, 4, Style.MENTION, "5")]) == len("[id5|Анна]")
    assert units("@all 😀", []) == len("@_all __")
