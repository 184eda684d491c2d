"""The page a link of a call or a broadcast opens: sign in, and go there (S-26, S-28).

    GET /m/{id} ─► sign in (`entrance`) ─► signed in as … · «open»
                                                    │ POST
                     where it leads, or why not ◄───┴── is it for them now? (`letting`)

The page is the same for every link, also for one there is not, until a form is sent by somebody who
is signed in. The way there is on the answer alone, which is in no cache and whose address leaves in
no Referer; a browser follows it by itself, and where it does not there is a button. A redirect
would be refused by browsers that hold forms to this site.
"""

from __future__ import annotations

import logging
import re
from typing import TYPE_CHECKING

from sferum_bridge.store import failures
from sferum_bridge.web.entrance import Entrance
from sferum_bridge.web.letting import Closed
from sferum_bridge.web.pages import FormRefused
from sferum_bridge.web.parts import View

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from aiohttp import web

    from sferum_bridge.web.letting import Letting, Open
    from sferum_bridge.web.link_parts import LinkParts
    from sferum_bridge.web.pages import Pages
    from sferum_bridge.web.session import Visits
    from sferum_bridge.web.signin import SignIn

log = logging.getLogger(__name__)

_PATH = "m"
_ID = re.compile(r"[0-9a-f]{20}")
_STATUS: Mapping[Closed, int] = {
    Closed.NOT_YOURS: 403,
    Closed.CALL_OVER: 410,
    Closed.CALL_GONE: 503,
    Closed.BROADCAST_TO_COME: 409,
    Closed.BROADCAST_OVER: 410,
    Closed.AWAY: 503,
}


class LinkPage(Entrance):
    """Serves the page; `here` is whether people may sign in on pages of the bridge."""

    def __init__(
        self,
        pages: Pages,
        visits: Visits,
        parts: LinkParts,
        sign_in: SignIn,
        letting: Letting,
        *,
        here: bool,
    ) -> None:
        super().__init__(pages, visits, parts, sign_in)
        self._parts: LinkParts = parts
        self._letting = letting
        self._here = here

    def routes(self) -> Sequence[web.RouteDef]:
        """Return the routes to add to the web application."""
        site, path = self._pages.site, f"/{_PATH}"
        paths = (path, f"{path}/", f"{path}/{{code}}", f"{path}/{{code}}/")
        page = [route for each in paths for route in site.routes("GET", each, self.show)]
        if not self._here:
            return page
        return [
            # Before the page, which would take it for an id.
            *self.sign_in_routes(path),
            *page,
            *self.form_routes(path, "open", self._open),
        ]

    def view(self, request: web.Request) -> View:
        """Return what a page is made for: a visit, and the id in its address."""
        found = _ID.match(request.match_info.get("code", "").lower())
        language, visit = self._pages.language(request), self._visits.of(request)
        return View(language, found[0] if found else "", visit, _PATH)

    async def first_page(
        self, view: View, notice: str = "", *, status: int = 200, user: str = ""
    ) -> web.Response:
        """Answer with the page that is asked for by its address. See `Entrance.first_page`."""
        parts = self._parts
        if not self._here:
            return self._respond(view, parts.said(view, "link-sign-in-off"), status)
        known = parts.signed_in(view) if view.visit.mxid else ""
        if not view.code:
            return self._respond(view, known + notice + parts.said(view, "link-broken"), status)
        if known:
            body = known + notice + parts.to_open(view)
        else:
            body = parts.said(view, "link-intro") + notice + await self.ways_in(view, user)
        return self._respond(view, body, status)

    async def _open(
        self, _request: web.Request, view: View, _form: Mapping[str, str]
    ) -> web.Response:
        if not view.visit.mxid:
            raise FormRefused
        try:
            found = await self._letting.open(view.code, view.visit.mxid)
        except Exception as e:  # noqa: BLE001 - whatever it was, somebody waits for a page
            failures.report(log, e, "the page failed")
            return await self.first_page(view, self._parts.failed(view), status=503)
        if isinstance(found, Closed):
            notice = self._parts.notice(view, found.value)
            return await self.first_page(view, notice, status=_STATUS[found])
        return self._lead(view, found)

    def _lead(self, view: View, way: Open) -> web.Response:
        body = self._parts.signed_in(view) + self._parts.leads_to(view, way.url)
        response = self._respond(view, body, 200)
        response.headers["Refresh"] = f"0; url={way.url}"
        return response

    def _respond(self, view: View, body: str, status: int) -> web.Response:
        title = self._pages.plain(view.language, "link-title")
        page = body + self._parts.help(view)
        response = self._pages.show(view.language, title, page, where=view.where, status=status)
        self._visits.keep(response, view.visit)
        return response
