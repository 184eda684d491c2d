"""Texts with their looks: nothing from outside becomes markup, and no link hides where it leads."""

from __future__ import annotations

import re
from html import unescape
from html.parser import HTMLParser
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sferum_bridge.network.content import Span, Style
from sferum_bridge.relay.inward import rich

HERE = {"1": "@sferum_1:school.example"}
TEXT = st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=60)
SPANS = st.lists(
    st.builds(
        Span,
        st.integers(-5, 70),
        st.integers(-5, 70),
        st.sampled_from(list(Style)),
        st.sampled_from(["", "1", "2", "https://a.example/?x=<&\"'>", "javascript:1", "[", "//x"]),
    ),
    max_size=12,
)


def styled(text: str, *spans: Span) -> rich.Rich:
    return rich.styled(text, spans, lambda user_id: HERE.get(user_id, ""))


class Reader(HTMLParser):
    """Reads as a client does: text, and tags that have to be closed in their order."""

    def __init__(self) -> None:
        super().__init__()
        self.text = ""
        self.open: list[str] = []
        self.links: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, Any]]) -> None:
        if tag == "br":
            self.text += "\n"
            return
        assert tag in {"strong", "em", "u", "a", "blockquote"}
        if tag == "a":
            [(name, target)] = attrs
            assert name == "href"
            self.links.append(target)
        self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


def read(html: str) -> Reader:
    reader = Reader()
    reader.feed(html)
    reader.close()
    assert not reader.open
    return reader


def without(said: str, added: list[str]) -> str:
    for each in added:
        said = said.replace(each, "")
    # What turns text around is unseen beside a link, so that it cannot turn its host.
    return re.sub("[\u202a-\u202e\u2066-\u2069]", "\u2060", said).replace("\r", "\n")


@given(TEXT, SPANS)
def test_whatever_the_spans_the_text_is_whole_and_the_html_well_formed(
    text: str, spans: list[Span]
) -> None:
    shown = styled(text, *spans)
    reader = read(shown.html)
    assert all(link.startswith(("https://", "mailto:", "tel:")) for link in reader.links)
    # Without the addresses that were added, both forms say the text.
    added = [f" ({link})" for link in reader.links] + [" (a.example)"]
    for said in (shown.body, reader.text):
        assert without(said, added) == without(text, added)


@pytest.mark.parametrize(
    ("spans", "html"),
    [
        ([Span(0, 3, Style.BOLD)], "<strong>раз</strong> два"),
        (
            [Span(0, 5, Style.BOLD), Span(2, 5, Style.ITALIC)],
            "<strong>ра</strong><strong><em>з д</em></strong><em>ва</em>",
        ),
        ([Span(4, 99, Style.UNDERLINE)], "раз <u>два</u>"),
        ([Span(99, 1, Style.BOLD), Span(-1, 2, Style.BOLD), Span(1, 0, Style.BOLD)], "раз два"),
    ],
)
def test_styles(spans: list[Span], html: str) -> None:
    assert styled("раз два", *spans).html == html


@pytest.mark.parametrize("turn", ["\u202e", "\u2067", "\u202b" * 130, "\u2066\u202d"])
def test_nothing_turns_around_where_a_link_leads(turn: str) -> None:
    said = f"{turn}смотри {turn}сюда"
    shown = styled(said, Span(len(said) - 4, 4, Style.LINK, "https://evil.example"))
    titled = rich.link("https://evil.example", f"{turn}банк")
    for text in (shown.body, shown.html, titled.body, titled.html):
        assert not set(turn) & set(text)
        assert "evil.example" in text
    assert turn in styled(said).body


def test_a_link_shows_where_it_leads() -> None:
    shown = styled("сайт банка", Span(0, 10, Style.LINK, "https://evil.example/bank"))
    assert shown.body == "сайт банка (https://evil.example/bank)"
    assert shown.html == '<a href="https://evil.example/bank">сайт банка</a> (evil.example)'
    itself = styled("https://a.example/", Span(0, 18, Style.LINK, "https://a.example/"))
    assert itself.body == "https://a.example/"


@pytest.mark.parametrize(
    "address",
    [
        "javascript:alert(1)",
        "data:text/html,x",
        "file:///etc",
        "http://[",
        "a.example",
        "https://a b",
    ],
)
def test_what_is_no_web_address_is_no_link(address: str) -> None:
    assert "<a" not in styled("жми", Span(0, 3, Style.LINK, address)).html
    assert "<a" not in rich.link(address, "жми").html


def test_mentions_of_people_who_are_here() -> None:
    shown = styled("Ася и Боря", Span(0, 3, Style.MENTION, "1"), Span(6, 4, Style.MENTION, "2"))
    assert shown.mentions == {"@sferum_1:school.example"}
    assert shown.html == '<a href="https://matrix.to/#/@sferum_1:school.example">Ася</a> и Боря'
    everybody = styled("@все", Span(0, 4, Style.MENTION))
    assert everybody.mentions == {rich.ROOM}


def test_a_quotation_marks_every_line_and_notifies_nobody() -> None:
    said = rich.quotation(rich.quotation(styled("Ася\n<b>", Span(0, 3, Style.MENTION, "1"))))
    assert said.body == "> > Ася\n> > <b>"
    assert said.mentions == frozenset()
    assert unescape(read(said.html).text) == "Ася\n<b>"
