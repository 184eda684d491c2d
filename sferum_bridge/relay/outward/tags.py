"""Cutting HTML into tags and texts, in a time that grows with its length and no faster. Pure.

html.parser needs minutes for 60 KB of tags that nobody closes (`<a <a <a …`), and would hold up
everything else meanwhile; so this does what a message needs and no more.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from html import unescape
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_LONGEST = 2_500
"""Characters of a tag. What is longer is text."""
_QUOTED_ENDS = 8
"""How many `>` inside the quotes of one tag are passed over."""
_TAG = re.compile(r"(/?)([a-zA-Z][a-zA-Z0-9-]*)")
_ATTRIBUTE = re.compile(r"([a-zA-Z][\w:-]*)(?:\s*=\s*(?:\"([^\"]*)\"|'([^']*)'|([^\s\"'>]+)))?")


@dataclass(frozen=True, slots=True)
class Text:
    """Words between tags, as people read them."""

    text: str


@dataclass(frozen=True, slots=True)
class Start:
    """An element begins; `attributes` may be anything somebody wrote."""

    tag: str
    attributes: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class End:
    """An element ends, or one does that never began."""

    tag: str


def cut(html: str) -> Iterator[Text | Start | End]:
    """Yield what `html` is made of. Comments and declarations are left out."""
    begin = position = 0
    last_end, last_comment_end = html.rfind(">"), html.rfind("-->")
    while (opened := html.find("<", position)) >= 0:
        if html.startswith("<!--", opened):
            end = html.find("-->", opened) + 2 if opened < last_comment_end else -1
        elif opened < last_end and html[opened + 1 : opened + 2] in {"!", "?"}:
            end = html.find(">", opened)
        elif opened < last_end and _TAG.match(html, opened + 1):
            end = _end(html, opened)
        else:
            end = -1
        if end < 0:
            position = opened + 1
            continue
        if begin < opened:
            yield Text(unescape(html[begin:opened]))
        yield from _read(html[opened + 1 : end])
        begin = position = end + 1
    if begin < len(html):
        yield Text(unescape(html[begin:]))


def _end(html: str, opened: int) -> int:
    """Return where the tag that begins at `opened` ends, below 0 where it does not."""
    end = opened
    for _ in range(_QUOTED_ENDS):
        end = html.find(">", end + 1, opened + _LONGEST)
        if end < 0:
            return -1
        if html.count('"', opened, end) % 2 == 0:
            return end
    return -1


def _read(tag: str) -> Iterator[Start | End]:
    found = _TAG.match(tag)
    if found is None:
        return
    name = found[2].lower()
    if found[1]:
        yield End(name)
        return
    attributes: dict[str, str] = {}
    for one in _ATTRIBUTE.finditer(tag, found.end()):
        value = one[2] or one[3] or one[4] or ""
        attributes.setdefault(one[1].lower(), unescape(value))
    yield Start(name, attributes)
    if tag.endswith("/"):
        yield End(name)
