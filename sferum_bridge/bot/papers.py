"""Papers about one person: everything that is kept about them, and the act of its destruction.

A paper is one HTML document without a script, and the same as JSON for programs. What it calls
things lies with the other texts; a word without a text of its own is shown as it is.
"""

from __future__ import annotations

import json
from html import escape
from typing import TYPE_CHECKING, Any

from sferum_bridge.bot import journal
from sferum_bridge.bot.texts import TextMissingError
from sferum_bridge.matrix.outbox import File

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sferum_bridge.bot.texts import Texts

_WORDS = frozenset({"kind", "post", "state", "who", "by", "about", "relation", "field", "room"})
"""Columns that hold words of ours; the others hold what people wrote."""
_STYLE = (
    "body{font:16px/1.45 sans-serif;margin:2em auto;max-width:60em;padding:0 1em;color:#111}"
    "table{border-collapse:collapse;width:100%;margin-bottom:1.5em}"
    "th,td{border:1px solid #999;padding:.3em .6em;text-align:left;vertical-align:top;"
    "overflow-wrap:anywhere}"
    "th{background:#eee}h2{margin:1.5em 0 .4em;font-size:1.15em}.none{color:#555}"
)


def dossier(texts: Texts, language: str, content: Mapping[str, Any]) -> Sequence[File]:
    """Return what `store.dossier` gathered as two documents: to read, and for programs."""
    parts = [f"<p>{_text(texts, language, 'paper-made', made=_moment(content['made_at']))}</p>"]
    for section, rows in content.items():
        if not isinstance(rows, list):
            continue
        parts.append(f"<h2>{_text(texts, language, f'paper-{section}')}</h2>")
        parts.append(_table(texts, language, rows))
    name = f"export-{content['person']}"
    return _both(name, _page(texts, language, "paper-export", parts), content)


def act(
    texts: Texts, language: str, content: Mapping[str, Any], *, name: str, stays: str
) -> Sequence[File]:
    """Return the act of destruction with its extract of the log (приказ РКН № 179).

    `content` has facts as text by name, `destroyed` as category → number, and `log` as rows. The
    text `stays` says what was not destroyed.
    """
    facts = {key: value for key, value in content.items() if isinstance(value, str)}
    categories = [
        {"category": _text(texts, language, f"erased-{category}"), "number": str(number)}
        for category, number in content["destroyed"].items()
        if number
    ]
    lines = "".join(
        f"<tr><th>{_text(texts, language, f'act-{key}')}</th><td>{escape(value)}</td></tr>"
        for key, value in facts.items()
    )
    parts = [
        f"<table>{lines}</table>",
        f"<h2>{_text(texts, language, 'act-destroyed')}</h2>",
        _table(texts, language, categories, raw=True),
        f"<h2>{_text(texts, language, 'act-stays')}</h2>",
        f"<p>{_text(texts, language, stays)}</p>",
        f"<h2>{_text(texts, language, 'act-log')}</h2>",
        _table(texts, language, content["log"]),
        f"<p>{_text(texts, language, 'act-signature')}</p>",
    ]
    return _both(name, _page(texts, language, "act-title", parts), content)


def _both(name: str, page: str, content: Mapping[str, Any]) -> Sequence[File]:
    written = json.dumps(content, ensure_ascii=False, indent=2)
    return (
        File(f"{name}.html", "text/html", page.encode()),
        File(f"{name}.json", "application/json", written.encode()),
    )


def _page(texts: Texts, language: str, title: str, parts: Sequence[str]) -> str:
    head = _text(texts, language, title)
    return (
        f'<!doctype html>\n<html lang="{language}"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        '<meta http-equiv="Content-Security-Policy" content="default-src \'none\'; '
        "style-src 'unsafe-inline'\">"
        f"<title>{head}</title><style>{_STYLE}</style></head>"
        f"<body><h1>{head}</h1>{''.join(parts)}</body></html>\n"
    )


def _table(
    texts: Texts, language: str, rows: Sequence[Mapping[str, Any]], *, raw: bool = False
) -> str:
    """Make a table; `raw` cells are HTML already."""
    if not rows:
        return f'<p class="none">{_text(texts, language, "paper-none")}</p>'
    head = "".join(f"<th>{_text(texts, language, f'column-{name}')}</th>" for name in rows[0])
    body = "".join(
        "<tr>"
        + "".join(
            f"<td>{value if raw else _cell(texts, language, name, value)}</td>"
            for name, value in row.items()
        )
        + "</tr>"
        for row in rows
    )
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def _cell(texts: Texts, language: str, name: str, value: Any) -> str:
    if isinstance(value, dict):
        return "<br>".join(f"{escape(key)}: {escape(str(said))}" for key, said in value.items())
    if name == "action":
        return journal.action(texts, language, value).html
    if name == "actor" and value in journal.WORDS:
        return _text(texts, language, journal.WORDS[value])
    if name in _WORDS and value:
        try:
            kind = "paper-room" if name == "room" else "value"
            return _text(texts, language, f"{kind}-{value}")
        except TextMissingError:
            return escape(value)
    return escape(_moment(value) if name in {"at", "since", "until", "revoked_at"} else value)


def _moment(at: str) -> str:
    return at.replace("T", " ")


def _text(texts: Texts, language: str, key: str, **values: Any) -> str:
    return texts.text(language, key, **values).html
