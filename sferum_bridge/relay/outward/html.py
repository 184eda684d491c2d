"""Reading the HTML of a Matrix message as text with styles. Pure; whatever comes, it never raises.

The other side knows bold, italic, underlined, links and mentions. The rest is written out so that
it reads well as plain text: lists with bullets, quotations with `>`, code in its quotes. What a
client would not show (the quotation older clients put into a reply, scripts) is left out.

Nesting is a stack and never a recursion; what is nested deeper than anybody writes loses its
styles, not its words.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import unquote

from sferum_bridge.network.content import Span, Style
from sferum_bridge.relay.outward import tags

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

MOST_CHARACTERS = 60_000
"""Of the HTML. An event of Matrix has 65,536 bytes in all."""
MOST_SPANS = 500
_DEEPEST = 64
_MOST_BREAKS = 3
_MOST_MARKS = 5
"""Levels of lists and quotations that can be told apart."""
_LONGEST_ADDRESS = 2_000

_STYLES = {
    **dict.fromkeys(("b", "strong", "h1", "h2", "h3", "h4", "h5", "h6", "th"), Style.BOLD),
    **dict.fromkeys(("i", "em", "cite"), Style.ITALIC),
    **dict.fromkeys(("u", "ins"), Style.UNDERLINE),
}
_AROUND = {"del": "~", "s": "~", "strike": "~", "code": "`"}
_PARAGRAPHS = frozenset({"p", "h1", "h2", "h3", "h4", "h5", "h6", "pre", "blockquote", "table"})
_LINES = frozenset({"div", "ul", "ol", "li", "tr", "hr", "details", "summary", "caption"})
_UNSHOWN = frozenset({"mx-reply", "script", "style", "head", "title", "template"})
_VOID = frozenset({"br", "hr", "img", "wbr", "input", "meta", "link", "source", "col", "area"})
_SPACE = re.compile(r"[ \t\r\n\f\v]+")
_ADDRESS = re.compile(r"(?:https?://)?[\w-]+(?:\.[\w-]+)+(?:[/?#]\S*)?", re.IGNORECASE)
_OF_MATRIX = re.compile(r"(?:https?://matrix\.to/#/|matrix:)", re.IGNORECASE)
_PILL = re.compile(r"(?:https?://matrix\.to/#/@|matrix:u/)([^/?]+)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Styled:
    """A text and its styles, counted in characters."""

    text: str
    spans: tuple[Span, ...] = ()

    def after(self, prefix: str) -> Styled:
        """Return it with an unstyled text in front."""
        moved = (Span(s.start + len(prefix), s.length, s.style, s.target) for s in self.spans)
        return Styled(prefix + self.text, tuple(moved))

    def cut(self, start: int, end: int) -> Styled:
        """Return the stretch from one character to another, with what is styled in it."""
        spans = []
        for span in self.spans:
            first, last = max(span.start, start), min(span.start + span.length, end)
            if first < last:
                spans.append(Span(first - start, last - first, span.style, span.target))
        return Styled(self.text[start:end], tuple(spans))

    def stripped(self) -> Styled:
        """Return it without the white space around it."""
        start = len(self.text) - len(self.text.lstrip())
        return self.cut(start, max(start, len(self.text.rstrip())))


def read(html: str, mentioned: Callable[[str], str]) -> Styled:
    """Return what a formatted message says.

    `mentioned` returns the remote id of a Matrix id, empty for who has none: then their name stays
    as a plain word.
    """
    reader = _Reader(mentioned)
    for piece in tags.cut(html[:MOST_CHARACTERS]):
        match piece:
            case tags.Text():
                reader.text(piece.text)
            case tags.Start():
                reader.start(piece.tag, piece.attributes)
            case tags.End():
                reader.end(piece.tag)
    return reader.styled()


@dataclass(slots=True)
class _Open:
    """An element that is open: where its text begins."""

    tag: str
    start: int
    href: str = ""


class _Reader:
    """Writes text down as the elements around it come."""

    def __init__(self, mentioned: Callable[[str], str]) -> None:
        self._mentioned = mentioned
        self._pieces: list[str] = []
        self._length = 0
        self._spans: list[Span] = []
        self._open: list[_Open] = []
        self._lists: list[int] = []
        """Of each open list, the number of its next item; 0 where it has bullets."""
        self._quoted = 0
        self._verbatim = 0
        self._unshown = 0
        self._breaks = 0
        """Line breaks that are due before the next word."""
        self._space = False

    def styled(self) -> Styled:
        """Return what has been read; elements nobody closed end here."""
        while self._open:
            self._close(self._open.pop())
        text = "".join(self._pieces)[:MOST_CHARACTERS]
        return Styled(text, tuple(self._spans)).stripped()

    # --- what there is ----------------------------------------------------------------------

    def start(self, tag: str, attributes: Mapping[str, str]) -> None:
        """Take the beginning of an element."""
        if tag in _UNSHOWN:
            self._unshown += 1
        if self._unshown:
            return
        self._begin_block(tag)
        if tag in _VOID:
            self._void(tag, attributes)
        elif len(self._open) < _DEEPEST:
            self._enter(tag, attributes)
            href = attributes.get("href", "")[:_LONGEST_ADDRESS]
            self._open.append(_Open(tag, self._length, href))

    def _void(self, tag: str, attributes: Mapping[str, str]) -> None:
        if tag == "br":
            self._breaks = min(self._breaks + 1, _MOST_BREAKS)
        elif tag == "hr":
            self._write("———")
            self._due(1)
        elif tag == "img":
            self._words(attributes.get("alt") or attributes.get("title") or "")

    def _enter(self, tag: str, attributes: Mapping[str, str]) -> None:
        if tag in _AROUND and not self._verbatim:
            self._write(_AROUND[tag])
        match tag:
            case "ul":
                self._lists.append(0)
            case "ol":
                self._lists.append(_number(attributes.get("start", "")))
            case "li":
                self._bullet()
            case "td" | "th" if self._length and not self._breaks:
                self._write(" | ")
            case "pre":
                self._verbatim += 1
            case "blockquote":
                self._quoted += 1

    def end(self, tag: str) -> None:
        """Take the end of an element."""
        if tag in _UNSHOWN:
            self._unshown = max(0, self._unshown - 1)
            return
        if self._unshown or not any(one.tag == tag for one in self._open):
            return
        while True:
            one = self._open.pop()
            self._close(one)
            if one.tag == tag:
                return

    def text(self, data: str) -> None:
        """Take words."""
        if self._unshown:
            return
        if self._verbatim:
            for number, line in enumerate(data.split("\n")):
                self._breaks = min(self._breaks + bool(number), _MOST_BREAKS)
                if line:
                    self._write(line)
        else:
            self._words(data)

    # --- writing ----------------------------------------------------------------------------

    def _words(self, data: str) -> None:
        text = _SPACE.sub(" ", data)
        if not text.strip(" "):
            self._space = self._space or bool(text)
            return
        self._space = self._space or text.startswith(" ")
        self._write(text.strip(" "))
        self._space = text.endswith(" ")

    def _write(self, text: str) -> None:
        """Write words, behind the breaks or the space that are due."""
        if self._length:
            due = "\n" * self._breaks
            if due and self._quoted:
                due = ("\n" + self._marks()) * self._breaks
            elif not due and self._space:
                due = " "
        else:
            due = self._marks()
        before = self._length
        self._append(due)
        self._breaks, self._space = 0, False
        for one in self._open:
            if one.start == before:
                # It has had no words yet: what is due stands in front of it.
                one.start = self._length
        self._append(text)

    def _marks(self) -> str:
        return "> " * min(self._quoted, _MOST_MARKS)

    def _append(self, text: str) -> None:
        self._pieces.append(text)
        self._length += len(text)

    def _due(self, breaks: int) -> None:
        self._breaks = max(self._breaks, breaks)

    def _begin_block(self, tag: str) -> None:
        if tag in _PARAGRAPHS and not (self._lists and tag == "p"):
            self._due(2)
        elif tag in _LINES:
            self._due(1)

    def _bullet(self) -> None:
        if not self._lists:
            self._write("• ")
            return
        number = self._lists[-1]
        self._lists[-1] += bool(number)
        indent = "   " * min(len(self._lists) - 1, _MOST_MARKS)
        self._write(f"{indent}{number}. " if number else f"{indent}• ")
        # What follows stands on this line, be it a paragraph.
        self._space = False

    def _close(self, one: _Open) -> None:
        tag = one.tag
        if tag in _AROUND and not self._verbatim:
            self._append(_AROUND[tag])
        if tag == "pre":
            self._verbatim -= 1
        if tag == "blockquote":
            self._quoted -= 1
        if tag in {"ul", "ol"} and self._lists:
            self._lists.pop()
        if one.start < self._length and len(self._spans) < MOST_SPANS:
            if tag in _STYLES:
                self._span(one.start, _STYLES[tag])
            elif tag == "a" and one.href:
                self._link(one)
        self._begin_block(tag)

    def _span(self, start: int, style: Style, target: str = "") -> None:
        self._spans.append(Span(start, self._length - start, style, target))

    def _link(self, one: _Open) -> None:
        if _OF_MATRIX.match(one.href):
            # Of Matrix' own addresses only people's are known on the other side.
            pill = _PILL.match(unquote(one.href))
            if pill is not None and (remote_id := self._mentioned(f"@{pill[1]}")):
                self._span(one.start, Style.MENTION, remote_id)
            return
        if not one.href.lower().startswith(("https://", "http://", "mailto:")):
            return
        shown = "".join(self._pieces)[one.start :].strip()
        if _bare(shown) == _bare(one.href):
            return
        if _ADDRESS.fullmatch(shown):
            # It says one address and leads to another: people see both.
            self._append(f" ({one.href})")
        else:
            self._span(one.start, Style.LINK, one.href)


def _number(start: str) -> int:
    return int(start) if start.isascii() and start.isdigit() and len(start) < 6 else 1  # noqa: PLR2004 - a list's number, not a flood


def _bare(address: str) -> str:
    return re.sub(r"^(?:https?://|mailto:)", "", address, flags=re.IGNORECASE).rstrip("/")
