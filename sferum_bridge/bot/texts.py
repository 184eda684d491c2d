"""What people read: Fluent messages in light markdown, rendered for clients with and without HTML.

A text is formatted with a stand-in character for every value that came from outside, then rendered,
and only then are the values put in, escaped for where they land. So nothing in a name can become
markup: there is no step at which it is read as any (hostile display names, invented links).
"""

from __future__ import annotations

import json
import re
import unicodedata
from dataclasses import dataclass
from enum import Enum
from functools import cache
from html import escape
from importlib import resources
from itertools import accumulate
from typing import TYPE_CHECKING, Any

from fluent.runtime import FluentBundle
from fluent.syntax import FluentParser
from fluent.syntax.ast import Resource
from markdown_it import MarkdownIt

from sferum_bridge.school.layout import Kind

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from markdown_it.token import Token

    from sferum_bridge.school.people import School, SchoolClass

LANGUAGES = ("ru", "en")
_QUOTES = {"ru": "«»", "en": "“”"}

# The private use area: no text of ours holds such a character, and markdown sees a plain letter.
_FIRST_STAND_IN = 0xE000
_ENTRY = re.compile(r"^([a-zA-Z][\w-]*) *=", re.MULTILINE | re.ASCII)
"""Where a text begins in a Fluent file: its lines but the first are indented."""
_STAND_IN = re.compile("[\ue000-\ue0ff]")
_MOST_CHARACTERS = 300
_LONGEST_LINE = 4_000
_MOST_BYTES = 44_000
"""Of a text, both forms together: an event has 65,536 bytes, and the homeserver needs some."""
_LIST_BYTES = 16
"""What makes a line one of a list, in both forms."""
_UNSEEN = frozenset({"Cc", "Cf", "Cs", "Co", "Cn"})


class TextMissingError(LookupError):
    """There is no such text, or it was not given everything it speaks of."""


@dataclass(frozen=True, slots=True)
class Text:
    """A text as clients take it: `body` reads well without HTML, `html` is safe to show."""

    body: str
    html: str

    def content(self, *, notice: bool = False) -> dict[str, Any]:
        """Return the content of an `m.room.message`.

        A notice rings no phone and is answered by no bot, which suits the answer to a command; news
        that somebody did not ask for is an ordinary message. Empty mentions keep a name in the text
        from ringing its bearer. A text too long for an event is cut, and then is without HTML: else
        the homeserver would refuse it, and nothing would be said at all.
        """
        kind = "m.notice" if notice else "m.text"
        if size(self) > _MOST_BYTES:
            cut = self.body.encode()[: _MOST_BYTES // 2].decode(errors="ignore")
            return {"msgtype": kind, "body": f"{cut}…", "m.mentions": {}}
        return {
            "msgtype": kind,
            "body": self.body,
            "format": "org.matrix.custom.html",
            "formatted_body": self.html,
            "m.mentions": {},
        }


def harmless(value: str, most: int = _MOST_CHARACTERS) -> str:
    """Return text from outside as one line without anything unseen: controls, text direction."""
    seen = (" " if c.isspace() else c for c in value)
    kept = "".join(c for c in seen if unicodedata.category(c) not in _UNSEEN)
    line = " ".join(kept.split())
    return line if len(line) <= most else line[: most - 1] + "…"


def quoted(value: str) -> Text:
    """Show what somebody wrote as they wrote it, lines and all, and nothing of it as markup."""
    lines = [harmless(line, _LONGEST_LINE) for line in value.splitlines()]
    # At most one empty line between two others.
    kept = [line for line, before in zip(lines, ["", *lines], strict=False) if line or before]
    while kept and not kept[-1]:
        kept.pop()
    html = "<br>".join(escape(line) for line in kept)
    return Text("\n".join(kept), f"<p>{html}</p>")


def size(text: Text) -> int:
    """Return how many bytes of an event a text takes."""
    return len(json.dumps([text.body, text.html], ensure_ascii=False).encode())


def fitting(lines: Sequence[Text]) -> Sequence[Text]:
    """Return the first of some lines, as many as one event holds beside a heading."""
    sizes = accumulate(size(line) + _LIST_BYTES for line in lines)
    return [line for line, so_far in zip(lines, sizes, strict=True) if so_far < _MOST_BYTES * 0.9]


def paragraphs(parts: Sequence[Text]) -> Text:
    """Put texts under each other."""
    return Text(
        "\n\n".join(p.body for p in parts),
        "".join(p.html if p.html.startswith("<") else f"<p>{p.html}</p>" for p in parts),
    )


def bullets(lines: Sequence[Text]) -> Text:
    """Make a list of texts of one line each."""
    return Text(
        "\n".join(f"• {line.body}" for line in lines),
        "<ul>" + "".join(f"<li>{line.html}</li>" for line in lines) + "</ul>",
    )


class Texts:
    """Every text of the bot."""

    def __init__(self) -> None:
        self._markdown = MarkdownIt("commonmark", {"html": False, "breaks": True})

    def text(self, language: str, key: str, /, **values: Any) -> Text:
        """Return the text `key`; raises `TextMissingError`.

        Strings come from outside and are shown as they are; numbers, moments and enums belong to
        the text's own grammar.
        """
        inside: dict[str, Any] = {}
        shown: dict[str, str] = {}
        for name, value in values.items():
            if isinstance(value, str) and not isinstance(value, Enum):
                stand_in = chr(_FIRST_STAND_IN + len(shown))
                inside[name], shown[stand_in] = stand_in, harmless(value)
            else:
                inside[name] = value
        tokens = self._markdown.parse(self._format(language, key, inside))
        body = _plain(tokens, _QUOTES[language])
        html = self._markdown.renderer.render(tokens, self._markdown.options, {}).strip()
        return Text(
            _put_in(body, shown, lambda value: value),
            _put_in(_unwrapped(html), shown, escape),
        )

    def class_name(self, of_class: SchoolClass, language: str) -> str:
        """Return what a class is called; one that is no more is told from today's of its name."""
        if of_class.closed_on is None:
            return of_class.name
        key = "class-merged" if of_class.successor_id else "class-graduated"
        summer = of_class.year.rpartition("/")[2]
        values = {"class": of_class.name, "year": of_class.year, "summer": summer}
        return self.text(language, key, **values).body

    def room_name(
        self, kind: Kind, of_class: SchoolClass | None, school_name: str, language: str
    ) -> str:
        """Return what a room of `kind` is called."""
        key = f"room-{kind.value}"
        if of_class is not None:
            class_name = self.class_name(of_class, language)
        else:
            # Of a class that is gone the rooms are left, empty.
            class_name = self.text(language, "class-gone").body
        return self.text(language, key, **{"class": class_name}, school=school_name).body

    def room_of_key(self, key: str, school: School, language: str) -> str:
        """Return what the school's room under a key is called, see `layout.key`."""
        kind, _, place = key.partition("/")
        of_class = school.classes.get(place)
        return self.room_name(Kind(kind), of_class, school.name, language)

    def _format(self, language: str, key: str, values: Mapping[str, Any]) -> str:
        try:
            text, errors = _bundle(language).format(key, values)
        except LookupError:
            raise TextMissingError(f"there is no text {key} in {language}") from None
        if errors:
            raise TextMissingError(f"the text {key} in {language}: {errors[0]}")
        # A Russian date ends with a full stop of its own, and a sentence may end with the date.
        return text.replace("г..", "г.")


def sources(language: str) -> Mapping[str, str]:
    """Return the Fluent files of a language: name → what is written there."""
    folder = resources.files("sferum_bridge.bot").joinpath("locales", language)
    return {
        file.name: file.read_text(encoding="utf-8")
        for file in sorted(folder.iterdir(), key=lambda f: f.name)
        if file.name.endswith(".ftl")
    }


class _Bundle:
    """The texts of a language; each is parsed when it is first said, so none is made of another.

    To parse all takes a quarter of a second, longer than most commands, and several MiB.
    """

    def __init__(self, language: str) -> None:
        # Where in its file something stands nobody asks.
        self._parser = FluentParser(with_spans=False)
        # Isolation marks would stand around every value, in codes and links too.
        self._parsed = FluentBundle([language], use_isolating=False)
        self._unparsed: dict[str, str] = {}
        for text in sources(language).values():
            starts = [*_ENTRY.finditer(text)]
            ends = [*(one.start() for one in starts[1:]), len(text)]
            for one, end in zip(starts, ends, strict=True):
                self._unparsed[one[1]] = text[one.start() : end]

    def format(self, key: str, values: Mapping[str, Any]) -> tuple[str, Sequence[object]]:
        """Return a text and what is wrong with it; raises `LookupError` where there is none."""
        if written := self._unparsed.pop(key, ""):
            self._parsed.add_resource(Resource([self._parser.parse_entry(written)]))
        text, errors = self._parsed.format_pattern(self._parsed.get_message(key).value, values)
        return str(text), errors


_bundle = cache(_Bundle)


def _put_in(text: str, shown: Mapping[str, str], written: Callable[[str], str]) -> str:
    return _STAND_IN.sub(lambda m: written(shown.get(m.group(), "")), text)


def _unwrapped(html: str) -> str:
    """Take the `<p>` off a text that is one paragraph."""
    inner = html.removeprefix("<p>").removesuffix("</p>")
    return inner if html.startswith("<p>") and "<p>" not in inner and "</p>" not in inner else html


def _plain(tokens: Sequence[Token], quotes: str) -> str:
    """Render markdown for clients that show no HTML: lists as lines, a code on its own line."""
    blocks: list[str] = []
    marker, number, tight = "", 0, False
    for token in tokens:
        match token.type:
            case "ordered_list_open" | "bullet_list_open":
                number, tight = 0, False
            case "list_item_open":
                number += 1
                marker = f"{number}. " if token.info else "• "
            case "inline":
                line = marker + _inline(token.children or [], quotes)
                if marker and tight:
                    blocks[-1] += "\n" + line
                else:
                    blocks.append(line)
                tight, marker = bool(marker), ""
            case "fence" | "code_block":
                blocks.append(token.content.strip())
    return "\n\n".join(blocks)


def _inline(tokens: Sequence[Token], quotes: str) -> str:
    written = []
    for token in tokens:
        match token.type:
            case "code_inline":
                written.append(quotes[0] + token.content + quotes[1])
            case "softbreak" | "hardbreak":
                written.append("\n")
            case _:
                written.append(token.content)
    return "".join(written)
