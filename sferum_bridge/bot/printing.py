"""Invites and logins for the eye of a phone and for paper: QR pictures, slips to cut (S-30, S-61).

A sheet is one file without script and without anything from elsewhere: it prints the same on a
machine with no network. Pure: what is printed is given, and everything given is escaped.
"""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from io import BytesIO
from typing import TYPE_CHECKING, Any

from sferum_bridge.bot import commands
from sferum_bridge.bot.commands import Name
from sferum_bridge.bot.texts import harmless
from sferum_bridge.matrix.outbox import File

if TYPE_CHECKING:
    from collections.abc import Sequence

_CORRECTION = "m"
"""A share of about 15 % may be creased or smeared: paper travels in school bags."""
_QUIET_ZONE = 4
"""Modules of white around a code, as its standard asks."""
_LEAST_WIDTH = 400
"""Pixels: a phone shows the picture about as wide, and another phone reads it from there."""

# Millimetres, for paper; on a screen the sheet looks as it will be printed.
_STYLE = """
@page { size: A4; margin: 10mm; }
* { box-sizing: border-box; }
body { margin: 0; color: #000; background: #fff;
  font: 9pt/1.3 system-ui, "Noto Sans", Arial, sans-serif; }
h1 { margin: 0 0 3mm; font-size: 12pt; line-height: 1.2; }
main { display: grid; grid-template-columns: 1fr 1fr; max-width: 190mm;
  border-top: .3mm dashed #666; }
article { padding: 3mm 4mm; border-bottom: .3mm dashed #666; overflow-wrap: anywhere;
  break-inside: avoid; }
article:nth-child(odd) { border-right: .3mm dashed #666; }
h2 { margin: 0; font-size: 11pt; line-height: 1.2; }
p, ol { margin: 0; }
code { font: bold 9.5pt/1.3 ui-monospace, Consolas, "DejaVu Sans Mono", monospace; }
.code { margin: 1.5mm 0; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .7mm 2.5mm; margin: 1.5mm 0;
  align-items: baseline; }
dd { margin: 0; }
.how { display: grid; grid-template-columns: 32mm 1fr; gap: 3mm; align-items: center; }
svg { width: 32mm; height: 32mm; }
ol { padding-left: 4mm; font-size: 8.5pt; }
li { margin-bottom: .7mm; }
.blank { display: flex; gap: 2mm; margin: 2.5mm 0 1mm; }
.blank::after { content: ""; flex: 1; border-bottom: .2mm solid #000; }
.note { margin-top: 1.5mm; font-size: 8pt; }
.link { margin-top: 1mm; font-size: 7pt; }
@media screen { body { padding: 5mm; } }
@media screen and (max-width: 140mm) {
  main { grid-template-columns: 1fr; }
  article:nth-child(odd) { border-right: 0; }
}
"""


@dataclass(frozen=True, slots=True)
class Slip:
    """What one person or family gets on paper, to be handed over in person."""

    title: str
    """Whose it is."""
    what: str
    """What it is for, in a line."""
    steps: Sequence[str]
    """What to do with it, in order; shown beside the QR picture."""
    note: str
    """Until when and for whom it is valid."""
    code: str
    """As people see it, in groups; empty for none."""
    link: str
    """What the QR picture holds as well."""
    blank: str = ""
    """What the family writes down on it by hand; empty for nothing."""
    typed: Sequence[tuple[str, str]] = ()
    """What is typed from it, in letters that can be told apart: its name, and itself."""


def qr(link: str, name: str) -> File:
    """Return a picture of a link for another phone's camera. `name` is what the file is called."""
    code = _code(link)
    modules, _ = code.symbol_size(border=_QUIET_ZONE)
    scale = -(-_LEAST_WIDTH // int(modules))
    width, height = code.symbol_size(scale, border=_QUIET_ZONE)
    picture = BytesIO()
    code.save(picture, kind="png", scale=scale, border=_QUIET_ZONE)
    return File(name, "image/png", picture.getvalue(), int(width), int(height))


def _code(link: str) -> Any:
    import segno  # noqa: PLC0415 - three MiB, from the first code that is made

    return segno.make_qr(link, error=_CORRECTION)


def sheet(title: str, slips: Sequence[Slip], *, language: str) -> File:
    """Return a document of slips to print and to cut along the dashes, six a page of A4.

    It is called after the command that prints, so the file's name tells nothing about anybody.
    """
    name = f"{commands.word(Name.SLIPS, language)}.html"
    return File(name, "text/html", document(title, slips, language=language))


def document(title: str, slips: Sequence[Slip], *, language: str) -> bytes:
    """Return what is in the file of `sheet`."""
    body = "".join(_slip(slip) for slip in slips)
    page = (
        f'<!doctype html><html lang="{escape(language)}"><head><meta charset="utf-8">'
        '<meta http-equiv="Content-Security-Policy" '
        "content=\"default-src 'none'; style-src 'unsafe-inline'\">"
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{_shown(title)}</title><style>{_STYLE}</style></head>"
        f"<body><h1>{_shown(title)}</h1><main>{body}</main></body></html>"
    )
    return page.encode()


def _slip(slip: Slip) -> str:
    qr_code = _code(slip.link)
    picture = qr_code.svg_inline(omitsize=True, border=_QUIET_ZONE, svgclass=None, lineclass=None)
    steps = "".join(f"<li>{_shown(step)}</li>" for step in slip.steps)
    blank = f'<p class="blank">{_shown(slip.blank)}</p>' if slip.blank else ""
    code = f'<p class="code"><code>{escape(slip.code)}</code></p>' if slip.code else ""
    pairs = (f"<dt>{_shown(a)}</dt><dd><code>{_shown(b)}</code></dd>" for a, b in slip.typed)
    typed = f"<dl>{''.join(pairs)}</dl>" if slip.typed else ""
    return (
        f"<article><h2>{_shown(slip.title)}</h2><p>{_shown(slip.what)}</p>{code}{typed}"
        f'<div class="how">{picture}<ol>{steps}</ol></div>{blank}'
        f'<p class="note">{_shown(slip.note)}</p><p class="link">{escape(slip.link)}</p></article>'
    )


def _shown(text: str) -> str:
    """Return text from outside for a page: one line, nothing unseen in it, no markup."""
    return escape(harmless(text))
