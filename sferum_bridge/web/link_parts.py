"""The parts of the page a link of a call or a broadcast opens, and its words for signing in."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

from sferum_bridge.web.parts import Parts, section

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sferum_bridge.web.parts import View

_WORDS: Mapping[str, str] = {
    "page-no-cookie": "link-no-cookie",
    "page-sign-in-title": "link-sign-in-title",
    "page-sign-in-intro": "link-sign-in-intro",
    "page-sign-in-away": "link-sign-in-away",
    "page-sign-in-not-ours": "link-sign-in-not-ours",
    "page-sign-in-lost": "link-sign-in-lost",
}
"""What is worded otherwise than on the page of an invite."""


class LinkParts(Parts):
    """Makes the parts; see `Parts`."""

    def said(self, view: View, key: str) -> str:
        """Return a paragraph of text."""
        return f"<p>{self._html(view, key)}</p>"

    def to_open(self, view: View) -> str:
        """Return the section to go where the link leads."""
        button = f'<button class="first">{self._plain(view, "link-open")}</button>'
        return section(
            self._plain(view, "link-open-title"),
            f"<p>{self._html(view, 'link-open-intro')}</p>{self._form(view, 'open', button)}",
        )

    def leads_to(self, view: View, url: str) -> str:
        """Return the way there, for a browser that does not follow it by itself."""
        return section(
            self._plain(view, "link-leads-title"),
            f"<p>{self._html(view, 'link-leads-intro')}</p>"
            f'<p><a class="button first" rel="noreferrer noopener" href="{escape(url)}">'
            f"{self._plain(view, 'link-leads')}</a></p>",
        )

    def notice(self, view: View, key: str, **values: str | int) -> str:
        """Return a box that says what went wrong and what to do next."""
        return super().notice(view, _WORDS.get(key, key), **values)

    def _html(self, view: View, key: str, **values: str) -> str:
        return super()._html(view, _WORDS.get(key, key), **values)

    def _plain(self, view: View, key: str, **values: str) -> str:
        return super()._plain(view, _WORDS.get(key, key), **values)
