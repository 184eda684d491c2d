"""Whose browser it is: one sealed cookie, nothing kept here.

A *visit* begins with the first page a browser gets and names nobody. Signing in begins a new visit
with an account in it, signing out a new one without. Every form is tied to the visit whose page it
stands on, so nobody else's page can send it. A visit cannot be taken back before its end; its
length is a setting (`web.session_minutes`), and the cookie is out of reach of scripts.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sferum_bridge.store.sealing import SealBrokenError
from sferum_bridge.web.pages import FormRefused

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from aiohttp import web

    from sferum_bridge.store.sealing import Sealer
    from sferum_bridge.web.pages import Site

_SESSION, _FORM = "web-session", "page-form"
_UNSIGNED_LIFE = 24 * 3600 * 1000
_ID_BYTES = 16


@dataclass(frozen=True, slots=True)
class Visit:
    """One browser for a while. Times are milliseconds since the epoch."""

    id: str
    mxid: str
    """The account signed in, empty for nobody."""
    until: int
    fresh: bool = False
    """Whether the browser does not know of it yet."""


class Visits:
    """Begins visits, knows them again, and ties forms to them. `life` is that of a sign-in, ms."""

    def __init__(self, sealer: Sealer, site: Site, life: int, clock: Callable[[], int]) -> None:
        self._sealer = sealer
        self._secure = site.secure
        self._life = life
        self.clock = clock
        # The prefix binds the cookie to this host and to TLS; browsers refuse it without.
        self.cookie = "__Host-sferum" if site.secure else "sferum"

    def of(self, request: web.Request) -> Visit:
        """Return the visit a request belongs to; a fresh one for none, a forged or a past one."""
        match self.unseal(request.cookies.get(self.cookie, ""), _SESSION):
            case {"id": str(name), "mxid": str(mxid), "until": int(until)} if until > self.clock():
                return Visit(name, mxid, until)
        return self.begin()

    def comes_with(self, request: web.Request) -> bool:
        """Tell whether the browser kept what a page before this one gave it, good or not."""
        return self.cookie in request.cookies

    def begin(self, mxid: str = "") -> Visit:
        """Begin a visit, of nobody or of the account that has just signed in."""
        life = self._life if mxid else _UNSIGNED_LIFE
        return Visit(secrets.token_urlsafe(_ID_BYTES), mxid, self.clock() + life, fresh=True)

    def keep(self, response: web.Response, visit: Visit) -> None:
        """Have the browser keep a fresh visit until its windows are closed.

        One that it has stays as it is there: an answer that comes late must not sign anybody in
        again who has signed out meanwhile.
        """
        if not visit.fresh:
            return
        value = {"id": visit.id, "mxid": visit.mxid, "until": visit.until}
        response.set_cookie(
            self.cookie,
            self.seal(value, _SESSION),
            path="/",
            httponly=True,
            secure=self._secure,
            # Lax: coming back from the school's sign-on is a link on somebody else's page.
            samesite="Lax",
        )

    def form(self, visit: Visit) -> str:
        """Return the hidden field that every form on a page of this visit has to hold."""
        return f'<input type="hidden" name="token" value="{self.seal(visit.id, _FORM)}">'

    def check(self, visit: Visit, form: Mapping[str, str]) -> None:
        """Make sure a form stood on a page of this visit; raises `FormRefused`."""
        tied = self.unseal(form.get("token", ""), _FORM)
        if not isinstance(tied, str) or not hmac.compare_digest(tied.encode(), visit.id.encode()):
            raise FormRefused

    def seal(self, value: Any, label: str) -> str:
        """Return a value that only the bridge can read and make, for a form or an address."""
        return base64.urlsafe_b64encode(self._sealer.seal(value, label)).decode().rstrip("=")

    def unseal(self, text: str, label: str) -> Any:
        """Return a value sealed for this use, `None` for anything else."""
        try:
            sealed = base64.urlsafe_b64decode(text.encode("ascii") + b"===")
            return self._sealer.unseal(sealed, label)
        except (SealBrokenError, UnicodeEncodeError, binascii.Error):
            return None
