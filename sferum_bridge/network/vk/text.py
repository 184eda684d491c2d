"""Texts as VK writes them, and as it takes them. Pure.

    long poll ─ unescape ─► raw text + format_data ─ read ─► plain text + spans
    plain text + spans ─ write ─► raw text + format_data

Raw text holds mentions and links as markup: `[id5|Анна]`, `[club7|Школа]`, `[https://…|text]`.
`format_data` holds styles by places in the raw text, markup included, in UTF-16 units; a span's
places are characters of the plain text.
"""

from __future__ import annotations

import html
import re
from bisect import bisect_left
from itertools import accumulate
from typing import TYPE_CHECKING, Any

from sferum_bridge.network.content import Span, Style
from sferum_bridge.network.vk.values import address, amount, dicts, inner, storable

if TYPE_CHECKING:
    from collections.abc import Sequence

# Not html.unescape for the whole text: it also changes things that VK did not escape ("&copy 2").
_ESCAPED = re.compile(r"<br ?/?>|&(?:lt|gt|amp|quot|apos|nbsp|#[0-9]{1,7});")
# One bracket is looked at up to the next one: linear, whatever is nested.
_MARKUP = re.compile(
    r"\[(?:(?P<kind>id|club|public|event)(?P<number>[0-9]{1,15})"
    r"|(?P<url>https?://[^\s\[\]|]{1,2000}))\|(?P<label>[^\[\]]{1,1000})\]"
)
_EVERYBODY = re.compile(r"(?<![\w@*])[@*](?:all|everyone|online|here|все|тут)\b")
ALL = "@all"
_STYLES = {"bold": Style.BOLD, "italic": Style.ITALIC, "underline": Style.UNDERLINE}
_WORDS = {style: name for name, style in _STYLES.items()}
_MOST_STYLES = 1000
MOST_RAW = 60_000
"""Characters of a text that are read: VK takes 9,000, and an event of Matrix holds 44,000 bytes."""
_LAST_ONE_UNIT = 0xFFFF
WORD_JOINER = "\N{WORD JOINER}"
_NO_LABEL = str.maketrans({"[": "(", "]": ")", "|": "/", "\n": " ", "\r": " "})


def unescape(text: str) -> str:
    """Undo the HTML in which long poll (and only long poll) wraps texts."""
    return _ESCAPED.sub(
        lambda match: "\n" if match[0].startswith("<") else html.unescape(match[0]), text
    )


def read(raw: str, format_data: Any = None) -> tuple[str, tuple[Span, ...]]:
    """Return the plain text and its spans. `format_data` is an object, or JSON of one."""
    raw = storable(raw[:MOST_RAW])
    pieces: list[str] = []
    spans: list[Span] = []
    shifts: list[tuple[int, int, int]] = []  # (from, to) in raw is at this place in plain
    raw_at = plain_at = 0
    for match in _MARKUP.finditer(raw):
        start, end = match.span("label")
        pieces += [raw[raw_at : match.start()], match["label"]]
        shifts.append((raw_at, match.start(), plain_at))
        plain_at += match.start() - raw_at
        shifts.append((start, end, plain_at))
        spans.append(_marked(match, plain_at))
        plain_at += end - start
        raw_at = match.end()
    pieces.append(raw[raw_at:])
    shifts.append((raw_at, len(raw), plain_at))
    plain = "".join(pieces)
    spans += [Span(m.start(), len(m[0]), Style.MENTION) for m in _EVERYBODY.finditer(plain)]
    spans += _styled(raw, shifts, format_data)
    return plain, tuple(sorted(spans, key=lambda span: (span.start, -span.length)))


def _marked(match: re.Match[str], start: int) -> Span:
    length = len(match["label"])
    if match["url"]:
        return Span(start, length, Style.LINK, match["url"])
    sign = "" if match["kind"] == "id" else "-"
    return Span(start, length, Style.MENTION, sign + str(int(match["number"])))


def _styled(raw: str, shifts: list[tuple[int, int, int]], format_data: Any) -> list[Span]:
    data = inner(format_data)
    wanted = dicts(data.get("items") if isinstance(data, dict) else None)[:_MOST_STYLES]
    if not wanted:
        return []
    ends = list(accumulate(_units(character) for character in raw))
    raw_starts = [start for start, _, _ in shifts]
    found = []
    for item in wanted:
        target = address(item.get("url")) if item.get("type") == "url" else ""
        style = Style.LINK if target else _STYLES.get(str(item.get("type")))
        offset, length = amount(item.get("offset")), amount(item.get("length"))
        if style is None or not length:
            continue
        # A unit in the middle of a character belongs to it.
        first = bisect_left(ends, offset + 1)
        last = bisect_left(ends, offset + length) + 1
        start = _place(shifts, raw_starts, min(first, len(raw)))
        end = _place(shifts, raw_starts, min(last, len(raw)))
        if end > start:
            found.append(Span(start, end - start, style, target))
    return found


def _place(shifts: list[tuple[int, int, int]], raw_starts: list[int], at: int) -> int:
    """Return where a place of the raw text is in the plain text."""
    # The last piece that begins at or before the place; inside markup the end of that piece.
    index = max(bisect_left(raw_starts, at + 1) - 1, 0)
    start, end, plain = shifts[index]
    return plain + max(0, min(at, end) - start)


def _units(character: str) -> int:
    return 2 if ord(character) > _LAST_ONE_UNIT else 1


def write(text: str, spans: Sequence[Span]) -> tuple[str, dict[str, Any] | None]:
    """Return the raw text and the `format_data` of a text; `None` where it has no styles.

    What only looks like markup is made to be read as it stands, so that nobody is mentioned, no
    chat called together, and no link hidden, by typing brackets or @all.
    """
    text = storable(text)
    mentions = _apart(text, spans)
    pieces: list[str] = []
    moved: list[tuple[int, int, int]] = []  # (from, to) in text; where it begins in written
    shift = at = 0
    for start, end, raw in mentions:
        pieces += [text[at:start], raw]
        moved.append((start, end, start + shift))
        shift += len(raw) - (end - start)
        moved.append((end, len(text), end + shift))
        at = end
    pieces.append(text[at:])
    written = "".join(pieces)
    wanted = [span for span in spans if span.style is not Style.MENTION]
    if not wanted:
        return written, None
    ends = [0, *accumulate(_units(character) for character in written)]
    found = []
    for span in wanted[:_MOST_STYLES]:
        start = min(max(span.start, 0), len(text))
        end = min(max(span.start + span.length, start), len(text))
        first, last = ends[_shifted(moved, start)], ends[_shifted(moved, end)]
        if last > first:
            found.append(_item(span, first, last - first))
    data = [item for item in found if item]
    return written, {"version": 1, "items": data} if data else None


def units(text: str, spans: Sequence[Span]) -> int:
    """Return how many UTF-16 units a text takes as it is written: what VK's limit counts."""
    return len(write(text, spans)[0].encode("utf-16-le")) // 2


def echo(text: str, spans: Sequence[Span]) -> str:
    """Return what a text that was written will be read as, when it is heard again."""
    return read(write(text, spans)[0])[0]


def _item(span: Span, offset: int, length: int) -> dict[str, Any]:
    place: dict[str, Any] = {"offset": offset, "length": length}
    if span.style is Style.LINK:
        url = address(span.target)
        return {"type": "url", **place, "url": url} if url else {}
    return {"type": _WORDS[span.style], **place}


def _shifted(moved: list[tuple[int, int, int]], at: int) -> int:
    """Return where a place of the text is in the raw text; inside a mention, its beginning."""
    index = bisect_left(moved, (at + 1, -1, -1)) - 1
    if index < 0:
        return at
    start, _, written = moved[index]
    # Pieces come in pairs: what was written otherwise, and the text that follows it.
    return written + (at - start if index % 2 else 0)


def _apart(text: str, spans: Sequence[Span]) -> list[tuple[int, int, str]]:
    """Return what of a text has to be written otherwise: where, and how; in order, none twice."""
    wanted: list[tuple[int, int, str]] = []
    for span in spans:
        start, end = max(span.start, 0), min(span.start + span.length, len(text))
        if span.style is Style.MENTION and start < end:
            wanted.append((start, end, _mention(text[start:end], span.target)))
    found: list[tuple[int, int, str]] = []
    for one in sorted(wanted):
        if not found or one[0] >= found[-1][1]:
            found.append(one)
    taken = [(start, end) for start, end, _ in found]
    # What was merely typed calls nobody, and least of all everybody.
    for match in (*_MARKUP.finditer(text), *_EVERYBODY.finditer(text)):
        start, end = match.start(), match.start() + 1
        if not any(first < end and start < last for first, last in taken):
            found.append((start, end, text[start] + WORD_JOINER))
    return sorted(found)


def _mention(label: str, target: str) -> str:
    if not target:
        return label if _EVERYBODY.fullmatch(label) else ALL
    number = target.removeprefix("-")
    shown = label.translate(_NO_LABEL)
    if not (number.isascii() and number.isdigit()):
        return shown
    return f"[{'club' if target.startswith('-') else 'id'}{number}|{shown}]"
