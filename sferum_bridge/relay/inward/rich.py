"""Text with its looks: what clients show without HTML, and what with it. Pure.

Nothing that came from outside is ever read as HTML: text is escaped where it is put in, and only
this file writes tags. Links lead to web pages, mail addresses and telephones, nowhere else, and a
link whose text is not its address shows to which host it leads.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from html import escape
from itertools import pairwise
from typing import TYPE_CHECKING
from urllib.parse import quote, urlsplit

from sferum_bridge.network.content import Style

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from sferum_bridge.network.content import Span

_TAGS = {Style.BOLD: "strong", Style.ITALIC: "em", Style.UNDERLINE: "u"}
_LEADING = frozenset({Style.LINK, Style.MENTION})
_SCHEMES = frozenset({"http", "https", "mailto", "tel"})
_MOST_SPANS = 500
_MOST_ADDRESS = 2000
_TURNING = str.maketrans(
    dict.fromkeys("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069", "\u2060")
)
EVERYBODY = ""
"""The target of a mention of everybody."""


@dataclass(frozen=True, slots=True)
class Rich:
    """A text as clients take it: `body` reads without HTML, `html` is safe to show."""

    body: str
    html: str
    mentions: frozenset[str] = frozenset()
    """Matrix ids of those it is meant to notify; `@room` for everybody."""


@dataclass(slots=True)
class _Growing:
    body: list[str] = field(default_factory=list)
    html: list[str] = field(default_factory=list)
    mentions: set[str] = field(default_factory=set)


ROOM = "@room"


def plain(text: str) -> Rich:
    """Return text without looks."""
    return Rich(text, _escaped(text))


def styled(text: str, spans: Sequence[Span], mxid_of: Callable[[str], str]) -> Rich:
    """Return a text with its styles, links and mentions.

    `mxid_of` gives the Matrix account to which a mentioned user id belongs, empty where nobody in
    the room does: then the mention is mere text.
    """
    kept = [span for span in spans[:_MOST_SPANS] if span.length > 0 and 0 <= span.start < len(text)]
    if any(span.style is Style.LINK for span in kept):
        text = _unturned(text)
    growing, at = _Growing(), 0
    for lead in _apart([span for span in kept if span.style in _LEADING]):
        end = min(lead.start + lead.length, len(text))
        _add(growing, text, kept, at, lead.start)
        _add_lead(growing, text, kept, (lead, end), mxid_of)
        at = end
    _add(growing, text, kept, at, len(text))
    body, html = "".join(growing.body), "".join(growing.html)
    return Rich(body, html, frozenset(growing.mentions))


def link(url: str, title: str = "") -> Rich:
    """Return a link by its title, or by its address; text alone where it leads nowhere sensible."""
    address = web_address(url)
    if not address:
        return plain(" ".join(part for part in (title, url[:_MOST_ADDRESS]) if part))
    if not title or title == url:
        return Rich(address, f'<a href="{escape(address)}">{escape(address)}</a>')
    title = _unturned(title)
    html = f'<a href="{escape(address)}">{_escaped(title)}</a>{escape(_host(address))}'
    return Rich(f"{title} ({address})", html)


def web_address(url: str) -> str:
    """Return an address that may be a link, empty for any other."""
    try:
        scheme = urlsplit(url).scheme.lower()
    except ValueError:
        return ""
    is_one = scheme in _SCHEMES and len(url) <= _MOST_ADDRESS and not any(c <= " " for c in url)
    return url if is_one else ""


def under_each_other(blocks: Iterable[Rich]) -> Rich:
    """Put texts under each other."""
    kept = [block for block in blocks if block.body]
    html = ""
    for block in kept:
        # A quotation begins a line of its own.
        glue = "" if not html or html.endswith("</blockquote>") else "<br>"
        html += ("" if block.html.startswith("<blockquote>") else glue) + block.html
    return Rich(
        "\n".join(block.body for block in kept),
        html,
        frozenset().union(*(block.mentions for block in kept)),
    )


def beside(*pieces: Rich) -> Rich:
    """Put texts beside each other, with a space between them."""
    return Rich(
        " ".join(piece.body for piece in pieces),
        " ".join(piece.html for piece in pieces),
        frozenset().union(*(piece.mentions for piece in pieces)),
    )


def quotation(inside: Rich) -> Rich:
    """Return a text as one that somebody else said. Whom it mentions is not notified again."""
    body = "\n".join(f"> {line}" for line in inside.body.split("\n"))
    return Rich(body, f"<blockquote>{inside.html}</blockquote>")


def _apart(leads: Sequence[Span]) -> Iterator[Span]:
    """Give links and mentions in order; one that begins inside another is left out."""
    at = 0
    for lead in sorted(leads, key=lambda span: span.start):
        if lead.start >= at:
            yield lead
            at = lead.start + lead.length


def _add_lead(
    growing: _Growing,
    text: str,
    spans: Sequence[Span],
    place: tuple[Span, int],
    mxid_of: Callable[[str], str],
) -> None:
    lead, end = place
    said = text[lead.start : end]
    inside = _Growing()
    _add(inside, text, spans, lead.start, end)
    html = "".join(inside.html)
    growing.body.append(said)
    if lead.style is Style.MENTION:
        if lead.target == EVERYBODY:
            growing.mentions.add(ROOM)
        elif mxid := mxid_of(lead.target):
            growing.mentions.add(mxid)
            html = f'<a href="https://matrix.to/#/{quote(mxid, safe="@:")}">{html}</a>'
    elif address := web_address(lead.target):
        is_itself = said.strip() in {address, address.removesuffix("/")}
        html = f'<a href="{escape(address)}">{html}</a>'
        if not is_itself:
            growing.body.append(f" ({address})")
            html += escape(_host(address))
    growing.html.append(html)


def _add(growing: _Growing, text: str, spans: Sequence[Span], start: int, end: int) -> None:
    """Add a stretch of text with its styles; each piece between two borders has its own tags."""
    if start >= end:
        return
    looks = [s for s in spans if s.style in _TAGS and s.start < end and s.start + s.length > start]
    growing.body.append(text[start:end])
    borders = {start, end}
    for span in looks:
        borders |= {min(max(at, start), end) for at in (span.start, span.start + span.length)}
    ordered = sorted(borders)
    for one, other in pairwise(ordered):
        styles = {s.style for s in looks if s.start <= one and s.start + s.length >= other}
        html = _escaped(text[one:other])
        for style in sorted(styles, reverse=True):
            html = f"<{_TAGS[style]}>{html}</{_TAGS[style]}>"
        growing.html.append(html)


def _unturned(text: str) -> str:
    """Return text, as long as it was, that does not turn around where a link beside it leads."""
    return text.translate(_TURNING)


def _host(address: str) -> str:
    host = urlsplit(address).hostname
    return f" ({host})" if host else ""


def _escaped(text: str) -> str:
    return escape(text).replace("\n", "<br>")
