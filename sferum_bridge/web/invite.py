"""The page that an invite link opens: how to go on, and nothing else.

It is the same for every code, real or not: the code is not even looked at (I-4, I-6). No script, no
third-party host, and no address of it leaves in a Referer.
"""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING
from urllib.parse import quote

from aiohttp import web

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sferum_bridge.bot.texts import Texts

_HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Robots-Tag": "noindex",
}

_STYLE = """
body { font: 18px/1.5 system-ui, sans-serif; max-width: 34em; margin: 2em auto; padding: 0 1em;
       color: #1b1b1f; background: #fff; }
h1 { font-size: 1.5em; line-height: 1.2; }
li { margin: .6em 0; }
a.open { display: inline-block; margin: .4em 0; padding: .6em 1.1em; border-radius: .5em;
         background: #0b57d0; color: #fff; text-decoration: none; }
section + section { border-top: 1px solid #c4c6d0; margin-top: 2em; padding-top: 1em; }
@media (prefers-color-scheme: dark) { body { color: #e3e2e6; background: #1b1b1f; } }
"""


class InvitePage:
    """Serves the page. `languages` come in the order in which they stand on it."""

    def __init__(self, texts: Texts, bot_mxid: str, support: str, languages: Sequence[str]) -> None:
        sections = "".join(_section(texts, bot_mxid, support, lang) for lang in languages)
        title = escape(texts.text(languages[0], "page-invite-title").body)
        self._page = (
            f'<!doctype html><html lang="{languages[0]}"><head><meta charset="utf-8">'
            '<meta name="viewport" content="width=device-width, initial-scale=1">'
            f"<title>{title}</title><style>{_STYLE}</style></head><body><main>{sections}</main>"
            "</body></html>"
        )

    def routes(self) -> Sequence[web.RouteDef]:
        """Return the routes to add to the web application."""
        return [web.get("/i/{code}", self._show)]

    async def _show(self, _request: web.Request) -> web.Response:
        return web.Response(text=self._page, content_type="text/html", headers=_HEADERS)


def _section(texts: Texts, bot_mxid: str, support: str, lang: str) -> str:
    def html(key: str) -> str:
        return texts.text(lang, f"page-invite-{key}").html

    help_text = texts.text(lang, "page-invite-help", contact=support).html
    link = "https://matrix.to/#/" + quote(bot_mxid, safe="@:")
    return (
        f'<section lang="{lang}"><h1>{html("title")}</h1><p>{html("intro")}</p>'
        f"<ol><li>{html('step-client')}</li><li>{html('step-bot')}<br>"
        f'<a class="open" rel="noreferrer" href="{escape(link)}">{html("open-bot")}</a><br>'
        f"<code>{escape(bot_mxid)}</code></li>"
        f"<li>{html('step-code')}</li></ol><p>{help_text}</p></section>"
    )
