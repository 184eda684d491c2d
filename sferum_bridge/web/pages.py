"""What all pages share: the frame, the headers, the language, and what is taken of a form.

Pages are plain HTML, whole without a script, and made for a phone. Nothing of them comes from
another host, nothing of them is kept in a cache, and their addresses, which may hold codes, leave
in no Referer. GET and HEAD change nothing: mail scanners and messengers follow every link (I-4).
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
from html import escape
from typing import TYPE_CHECKING

from aiohttp import web
from yarl import URL

from sferum_bridge.bot.texts import LANGUAGES

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence
    from typing import Any

    from sferum_bridge.bot.texts import Texts

_MOST_BYTES = 16_384
_READ_SECONDS = 20.0
_FORM = "application/x-www-form-urlencoded"
_OWN_NAMES = {"ru": "Русский", "en": "English"}

# Contrasts are 4.5 : 1 and more in both schemes; what is touched is 44 pixels high.
STYLE = """
:root { color-scheme: light dark; --ink: #1b1d22; --soft: #565b66; --paper: #f4f5f8;
  --card: #fff; --line: #d5d8df; --main: #0b57d0; --on-main: #fff; --code: #eef1f7;
  --bad: #a3211b; --bad-paper: #fdecea; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6e7eb; --soft: #a9afbb; --paper: #15171b;
  --card: #1f2227; --line: #3b404a; --main: #a8c7fa; --on-main: #0a2d62; --code: #2a2e36;
  --bad: #ffb4ab; --bad-paper: #3b1613; } }
*, ::before, ::after { box-sizing: border-box; }
html { -webkit-text-size-adjust: 100%; text-size-adjust: 100%; }
body { margin: 0; background: var(--paper); color: var(--ink); overflow-wrap: break-word;
  font: 1.0625rem/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", sans-serif; }
header, main, footer { max-width: 38rem; margin: 0 auto; padding: 0 1rem; }
header { display: flex; justify-content: space-between; align-items: center; gap: 1rem;
  padding-top: .5rem; color: var(--soft); font-size: .9375rem; }
header a { display: inline-flex; align-items: center; min-height: 2.75rem; }
footer { padding-top: .5rem; padding-bottom: 2.5rem; color: var(--soft); font-size: .9375rem; }
h1 { margin: .5rem 0 .75rem; font-size: 1.625rem; line-height: 1.25; }
h2 { margin: 0 0 .75rem; font-size: 1.1875rem; line-height: 1.3; }
p, ul, ol { margin: 0 0 .75rem; }
ul, ol { padding-left: 1.5rem; }
li { margin: .375rem 0; }
a { color: var(--main); }
a:focus-visible, button:focus-visible, input:focus-visible, summary:focus-visible {
  outline: 3px solid var(--main); outline-offset: 2px; }
section, .notice { margin: 1rem 0; padding: 1.125rem; border: 1px solid var(--line);
  border-radius: .875rem; background: var(--card); }
section > :last-child, section > div:last-child > :last-child, .notice > :last-child {
  margin-bottom: 0; }
li > p { margin: .625rem 0; }
.notice { border-color: var(--bad); background: var(--bad-paper); color: var(--bad); }
.soft { color: var(--soft); font-size: .9375rem; }
code, pre { padding: .125rem .3125rem; border-radius: .375rem; background: var(--code);
  font: .9375em ui-monospace, Menlo, Consolas, "DejaVu Sans Mono", monospace;
  overflow-wrap: anywhere; }
pre { margin: 0 0 .75rem; padding: .75rem; white-space: pre-wrap; }
.copy { display: block; margin: .5rem 0; padding: .75rem; text-align: center;
  text-wrap: balance; user-select: all; -webkit-user-select: all; }
label { display: block; margin: 0 0 .25rem; font-weight: 600; }
input { display: block; width: 100%; min-height: 2.875rem; margin: 0 0 .875rem;
  padding: .5rem .75rem; border: 1px solid var(--soft); border-radius: .625rem;
  background: var(--card); color: var(--ink); font: inherit; }
form { margin: 0 0 .75rem; }
.button, button { display: flex; width: 100%; min-height: 2.875rem; padding: .5rem 1rem;
  justify-content: center; align-items: center; gap: .5rem; border: 1px solid var(--main);
  border-radius: .625rem; background: var(--card); color: var(--main); font: inherit;
  font-weight: 600; text-align: center; text-wrap: balance; overflow-wrap: anywhere;
  text-decoration: none; cursor: pointer; }
.button.first, button.first { background: var(--main); color: var(--on-main); }
button.small { border-color: var(--line); color: var(--main); font-weight: 400; }
.who { display: flex; flex-wrap: wrap; align-items: center; gap: .5rem 1rem;
  padding: .75rem 1.125rem; }
.who > p { flex: 1 1 16rem; min-width: 0; margin: 0; overflow-wrap: anywhere; }
.who > form { flex: none; margin: 0; }
.or { display: flex; align-items: center; gap: .75rem; color: var(--soft); }
.or::before, .or::after { content: ""; flex: 1; border-top: 1px solid var(--line); }
summary { min-height: 2.75rem; padding: .5rem 0; color: var(--main); cursor: pointer; }
summary.button { display: list-item; margin: 0 0 .75rem; list-style-position: inside; }
details.fold[open] { margin: 0 0 1.25rem; padding: 0 0 .5rem;
  border-bottom: 1px solid var(--line); }
img { display: block; max-width: 100%; height: auto; margin: 0 auto; }
img.qr { width: 14rem; border-radius: .5rem; background: #fff; }
"""
_STYLE_HASH = base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()


class FormRefused(Exception):
    """What was posted is no form of ours. Nothing of it was carried out; show the page anew."""


class Site:
    """Where people reach the bridge: `school.public_url`, which may lie below a path."""

    def __init__(self, public_url: str) -> None:
        url = URL(public_url.rstrip("/"))
        self.url = public_url.rstrip("/")
        self.origin = str(url.origin())
        self.secure = url.scheme == "https"
        self._base = url.raw_path.rstrip("/")

    def href(self, path: str) -> str:
        """Return the address of a path of ours for a link, form or redirect."""
        return self._base + path

    def routes(
        self, method: str, path: str, handler: Callable[[web.Request], Awaitable[web.Response]]
    ) -> Sequence[web.RouteDef]:
        """Return the routes of a page: a proxy may hand its path below the site's or cut that off.

        GET answers HEAD as well.
        """
        verb = web.get if method == "GET" else web.post
        return [verb(base + path, handler) for base in dict.fromkeys(("", self._base))]


class Pages:
    """Makes pages out of texts. `first` is the language of who asks for none of ours."""

    def __init__(self, texts: Texts, site: Site, first: str) -> None:
        self.texts = texts
        self.site = site
        self._first = first

    def language(self, request: web.Request) -> str:
        """Return the language to answer in: chosen by ?lang=, else what the browser asks."""
        asked = (request.query.get("lang", ""), *_accepted(request))
        return next((language for language in asked if language in LANGUAGES), self._first)

    def html(self, language: str, key: str, /, **values: Any) -> str:
        """Return a text as HTML."""
        return self.texts.text(language, key, **values).html

    def plain(self, language: str, key: str, /, **values: Any) -> str:
        """Return a text for a button, a title or an attribute, escaped."""
        return escape(self.texts.text(language, key, **values).body)

    def notice(self, language: str, key: str, /, **values: Any) -> str:
        """Return a box that says what went wrong and what to do; screen readers say it first."""
        return f'<div class="notice" role="alert"><p>{self.html(language, key, **values)}</p></div>'

    def show(
        self, language: str, title: str, body: str, *, where: str, status: int = 200
    ) -> web.Response:
        """Answer with a page. `title` and `body` are HTML; `where` is the path of the page itself.

        The other languages are offered by links to `where`, which are GETs.
        """
        others = " ".join(
            f'<a lang="{other}" hreflang="{other}" rel="alternate" '
            f'href="{escape(self.site.href(where))}?lang={other}">{_OWN_NAMES[other]}</a>'
            for other in LANGUAGES
            if other != language
        )
        text = (
            f'<!doctype html><html lang="{language}"><head><meta charset="utf-8">'
            '<meta name="viewport" content="width=device-width, initial-scale=1">'
            f"<title>{title}</title><style>{STYLE}</style></head><body>"
            f"<header><span>{self.plain(language, 'page-brand')}</span>{others}</header>"
            f"<main><h1>{title}</h1>{body}</main></body></html>"
        )
        return web.Response(
            text=text, status=status, content_type="text/html", headers=headers(self.site)
        )


def headers(site: Site) -> Mapping[str, str]:
    """Return the headers of every page."""
    secure = {"Strict-Transport-Security": "max-age=31536000"} if site.secure else {}
    return {
        "Cache-Control": "no-store",
        "Content-Security-Policy": f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}'; "
        "img-src data:; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
        "Cross-Origin-Opener-Policy": "same-origin",
        "Cross-Origin-Resource-Policy": "same-origin",
        "Referrer-Policy": "no-referrer",
        "X-Content-Type-Options": "nosniff",
        "X-Frame-Options": "DENY",
        "X-Robots-Tag": "noindex, nofollow",
        **secure,
    }


def see(site: Site, path: str) -> web.Response:
    """Answer a form with the page to look at next."""
    return web.Response(status=303, headers={**headers(site), "Location": site.href(path)})


async def read_form(request: web.Request, site: Site) -> Mapping[str, str]:
    """Return the fields of a form that a page of ours sent; raises `FormRefused`.

    This asks where it comes from, its type and its size; whose it is, `Visits.check` asks.
    """
    if not _same_origin(request, site) or request.content_type != _FORM:
        raise FormRefused
    try:
        async with asyncio.timeout(_READ_SECONDS):
            fields = await request.clone(client_max_size=_MOST_BYTES).post()
    except (web.HTTPException, LookupError, ValueError, TimeoutError):
        raise FormRefused from None
    return {name: value for name, value in fields.items() if isinstance(value, str)}


def _same_origin(request: web.Request, site: Site) -> bool:
    fetched = request.headers.get("Sec-Fetch-Site")
    if fetched is not None:
        return fetched in {"same-origin", "none"}
    # An older browser. It calls an origin null where the page sends no Referer, as ours do: then
    # the token in the form has to tell.
    return request.headers.get("Origin", "null") in {"null", site.origin}


def _accepted(request: web.Request) -> Sequence[str]:
    """Return the languages a browser asks for, the dearest first, without their regions."""
    wishes: list[tuple[float, str]] = []
    for part in request.headers.get("Accept-Language", "").split(","):
        tag, _, weight = part.partition(";q=")
        try:
            wishes.append((float(weight or 1), tag.strip().partition("-")[0].lower()))
        except ValueError:
            continue
    return [language for weight, language in sorted(wishes, key=lambda w: -w[0]) if weight > 0]
