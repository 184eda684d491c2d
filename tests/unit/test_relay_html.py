"""HTML of Matrix as text with styles: what is written, how it looks, and hostile input."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sferum_bridge.relay.outward import html
from sferum_bridge.relay.outward.html import MOST_CHARACTERS, MOST_SPANS

PILL = "https://matrix.to/#/"
IDS = {"@sferum_5:school.example": "5"}


def read(text: str) -> html.Styled:
    return html.read(text, lambda mxid: IDS.get(mxid, ""))


def styles(said: html.Styled) -> list[tuple[str, str, str]]:
    return [(said.text[s.start : s.start + s.length], s.style.value, s.target) for s in said.spans]


@pytest.mark.parametrize(
    ("given_html", "text"),
    [
        ("<p>раз</p>\n<p>два</p>", "раз\n\nдва"),
        ("раз<br>два<br/>три", "раз\nдва\nтри"),
        ("<div>раз</div><div>два</div>", "раз\nдва"),
        ("много   пробелов\n и строк", "много пробелов и строк"),
        ("<ul>\n<li>а</li>\n<li>б</li>\n</ul>\nпосле", "• а\n• б\nпосле"),
        ("<ol start='3'><li>а</li><li>б</li></ol>", "3. а\n4. б"),
        ("<ol start='-9999999999'><li>а</li></ol>", "1. а"),
        ("<ul><li>а<ul><li>б</li></ul></li></ul>", "• а\n   • б"),
        ("<ul><li><p>а</p></li><li><p>б</p></li></ul>", "• а\n• б"),
        ("<blockquote><p>чужое</p></blockquote>моё", "> чужое\n\nмоё"),
        ("<blockquote>а<br>б</blockquote>в", "> а\n> б\n\nв"),
        ("до <del>нет</del> <code>x = 1</code>", "до ~нет~ `x = 1`"),
        ("<pre><code>a:\n    b\n</code></pre>в", "a:\n    b\n\nв"),
        (
            "<table><tr><th>а</th><th>б</th></tr><tr><td>1</td><td>2</td></tr></table>",
            "а | б\n1 | 2",
        ),
        ("а<hr>б", "а\n———\nб"),
        ('<img alt=":кот:" src="mxc://x/y">', ":кот:"),
        ("<mx-reply><blockquote>старое</blockquote></mx-reply>новое", "новое"),
        ("<script>alert(1)</script><style>p{}</style>видно", "видно"),
        ("<!-- тайна -->видно<!doctype html>", "видно"),
        ("1 &lt; 2 &amp;&amp; 3 &gt; 2 &nbsp;!", "1 < 2 && 3 > 2 \xa0!"),
        ("a < b и c > d", "a < b и c > d"),
        ("<неизвестно>слово</неизвестно>", "<неизвестно>слово</неизвестно>"),
        ("<blink>слово</blink>", "слово"),
        ("</b></i>слово", "слово"),
        ("", ""),
        ("<b></b>", ""),
    ],
)
def test_what_is_written(given_html: str, text: str) -> None:
    assert read(given_html).text == text


@pytest.mark.parametrize(
    ("given_html", "expected"),
    [
        ("a <b>жирно</b>", [("жирно", "bold", "")]),
        ("<em>b</em><u>c</u>", [("b", "italic", ""), ("c", "underline", "")]),
        ("x<b> y </b>z", [("y", "bold", "")]),
        ("<b>a <i>b</b> c</i>", [("b", "italic", ""), ("a b", "bold", "")]),
        ("<b>не закрыто", [("не закрыто", "bold", "")]),
        ("<h2>Глава</h2>текст", [("Глава", "bold", "")]),
        ("😀😀 <b>после</b>", [("после", "bold", "")]),
        ('<a href="https://school.example/x">сайт</a>', [("сайт", "link", "https://school.example/x")]),
        ('<a href="https://school.example/">school.example</a>', []),
        ('<a href="javascript:alert(1)">сайт</a>', []),
        ('<a href="data:text/html,x">сайт</a>', []),
        ("<a>сайт</a>", []),
        (f'<a href="{PILL}@sferum_5:school.example">Знайка</a>, да', [("Знайка", "mention", "5")]),
        (f'<a href="{PILL}%40sferum_5%3Aschool.example">Я</a>', [("Я", "mention", "5")]),
        ('<a href="matrix:u/sferum_5:school.example">Знайка</a>', [("Знайка", "mention", "5")]),
        ('<a href="https://matrix.to/#/@pupil:school.example">Ученик</a>', []),
        ('<a href="https://matrix.to/#/!room:school.example">комната</a>', []),
    ],
)  # fmt: skip
def test_how_it_looks(given_html: str, expected: list[tuple[str, str, str]]) -> None:
    assert styles(read(given_html)) == expected


def test_a_link_that_says_another_address_shows_where_it_leads() -> None:
    said = read('<a href="https://evil.example/">https://bank.example</a>')
    assert said.text == "https://bank.example (https://evil.example/)"
    assert not said.spans


def cost(text: str) -> float:
    begun = time.process_time()
    read(text)
    return time.process_time() - begun


@pytest.mark.parametrize(
    "hostile",
    [
        "<a " * 20_000,
        "<a href='" * 7_000,
        "<b x=" * 12_000,
        "<!--" * 15_000,
        "<" * 60_000,
        "</" * 30_000,
        '<a "' * 15_000 + ">",
        "<b>" * 20_000 + "x",
        "<ul>" * 7_000 + "<li>x" * 6_000,
        "<blockquote>" * 3_000 + "x<br>" * 4_000,
        "<a href='https://x.example'>y" * 2_000,
        "&" * 60_000,
        "<pre>" + "\n" * 60_000 + "x",
    ],
)
def test_hostile_html_is_read_in_time_that_grows_with_its_length(hostile: str) -> None:
    usual = cost("<p>обычные <b>слова</b> и <a href='https://x.example'>ссылка</a></p>\n" * 900)
    # With html.parser of the standard library some of these cost a thousand times as much.
    assert cost(hostile) < 30 * usual
    said = read(hostile)
    assert len(said.text) <= MOST_CHARACTERS
    assert len(said.spans) <= MOST_SPANS


PIECES = st.sampled_from(
    [
        *("<b>", "</b>", "<i>", "</i>", "<a href='https://x'>", "</a>", "<ul>", "<li>", "</ul>"),
        *("<blockquote>", "</blockquote>", "<pre>", "</pre>", "<br>", "<p>", "</p>", "<td>"),
        *("<mx-reply>", "</mx-reply>", "<", ">", "&", "&#x41;", "&#xD800;", "<!--", "-->", "'"),
        *('"', " ", "\n", "слово", "😀", "\x00", "<a href='matrix:u/sferum_5:school.example'>"),
    ]
)


@given(st.lists(PIECES, max_size=60).map("".join))
def test_whatever_comes_the_styles_lie_within_the_text(text: str) -> None:
    said = read(text)
    for span in said.spans:
        assert 0 <= span.start < span.start + span.length <= len(said.text)


@given(st.text(max_size=200))
def test_any_text_is_read(text: str) -> None:
    read(text)


def test_a_stretch_keeps_what_is_styled_in_it() -> None:
    said = read("один <b>два три</b> четыре")
    assert styles(said.cut(5, 8)) == [("два", "bold", "")]
    assert styles(said.cut(0, 7)) == [("дв", "bold", "")]
    assert styles(said.after("Имя: ")) == [("два три", "bold", "")]
    assert not said.cut(12, 19).spans
