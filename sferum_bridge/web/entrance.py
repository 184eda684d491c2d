"""What pages have in common on which people sign in at the homeserver: the forms, and the way back.

    GET page ─► sign in: password, or single sign-on ─┐
                                  ▲              …/back
                         sign out │                   ▼
                            GET page, in a visit with an account ─► a form of the page's own

Until somebody has signed in such a page is the same whatever its address names, and nothing is
looked up (I-4, I-6). A browser that is given back a page it made by a form asks for the form's
address with GET: that leads to the page itself.
"""

from __future__ import annotations

import hmac
from abc import ABC, abstractmethod
from dataclasses import replace
from typing import TYPE_CHECKING

from sferum_bridge.web.limits import visitor
from sferum_bridge.web.pages import FormRefused, read_form, see
from sferum_bridge.web.signin import HomeserverAway, NotOurs, SignInError, TooOften

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence

    from aiohttp import web

    from sferum_bridge.web.pages import Pages
    from sferum_bridge.web.parts import Parts, View
    from sferum_bridge.web.session import Visits
    from sferum_bridge.web.signin import SignIn

    Act = Callable[[web.Request, View, Mapping[str, str]], Awaitable[web.Response]]

_SIGN_ON = "page-sign-on"
_SIGN_ON_LIFE = 10 * 60 * 1000
_MINUTE = 60_000


class Entrance(ABC):
    """A page to sign in on. `sign_in` asks the homeserver who somebody is."""

    def __init__(self, pages: Pages, visits: Visits, parts: Parts, sign_in: SignIn) -> None:
        self._pages = pages
        self._visits = visits
        self._parts = parts
        self._sign_in = sign_in

    @abstractmethod
    def view(self, request: web.Request) -> View:
        """Return what a page is made for."""

    @abstractmethod
    async def first_page(
        self, view: View, notice: str = "", *, status: int = 200, user: str = ""
    ) -> web.Response:
        """Answer with the page that is asked for by its address, with a box on it.

        `user` is what was typed where it was asked for.
        """

    async def show(self, request: web.Request) -> web.Response:
        """Answer a GET."""
        return await self.first_page(self.view(request))

    def sign_in_routes(self, path: str) -> Sequence[web.RouteDef]:
        """Return the routes to sign in and out by, of pages at `path`/{code}."""
        return [
            *self._pages.site.routes("GET", f"{path}/back", self._back),
            *self.form_routes(path, "sign-in", self._enter),
            *self.form_routes(path, "sign-out", self._leave),
        ]

    def form_routes(self, path: str, act: str, handler: Act) -> Sequence[web.RouteDef]:
        """Return the routes of a form of pages at `path`/{code}."""
        site, whole = self._pages.site, f"{path}/{{code}}/{act}"
        return [
            *site.routes("GET", whole, self._to_page),
            *site.routes("POST", whole, self._taking(handler)),
        ]

    async def ways_in(self, view: View, user: str = "") -> str:
        """Return the section to sign in, as HTML; empty where the homeserver offers no way."""
        ways = await self._sign_in.ways()
        if ways is None:
            return self._parts.away(view)
        state = self._visits.seal(
            {
                "visit": view.visit.id,
                "code": view.code,
                "until": self._visits.clock() + _SIGN_ON_LIFE,
            },
            _SIGN_ON,
        )
        back = f"{self._pages.site.url}/{view.at}/back?lang={view.language}&state={state}"
        links = {self._sign_in.address_of(one, back): one.name for one in ways.providers}
        inner = self._parts.sign_on_links(view, links)
        if links and ways.password:
            inner += self._parts.either_or(view)
        if ways.password:
            inner += self._parts.password_form(view, user)
        return self._parts.sign_in(view, inner) if inner else ""

    # --- requests ---------------------------------------------------------------------------

    async def _to_page(self, request: web.Request) -> web.Response:
        return see(self._pages.site, self.view(request).there)

    def _taking(self, act: Act) -> Callable[[web.Request], Awaitable[web.Response]]:
        """Return the handler of a form: `act`, once it is sure that a page of ours sent it."""

        async def take(request: web.Request) -> web.Response:
            view = self.view(request)
            try:
                form = await read_form(request, self._pages.site)
                self._visits.check(view.visit, form)
                return await act(request, view, form)
            except FormRefused:
                # Without its cookie no page would ever be told from an old one.
                key = "page-old" if self._visits.comes_with(request) else "page-no-cookie"
                notice = self._parts.notice(view, key)
                return await self.first_page(view, notice, status=403)

        return take

    async def _enter(
        self, request: web.Request, view: View, form: Mapping[str, str]
    ) -> web.Response:
        user, password = form.get("user", ""), form.get("password", "")
        try:
            mxid = await self._sign_in.by_password(user, password, visitor(request))
        except SignInError as e:
            notice, status = self._trouble(view, e, "page-sign-in-wrong")
            return await self.first_page(view, notice, status=status, user=user)
        return self._go_on(view, mxid)

    async def _back(self, request: web.Request) -> web.Response:
        """Take in who comes from single sign-on with a token, in the browser that went there."""
        view = self.view(request)
        in_time = False
        match self._visits.unseal(request.query.get("state", ""), _SIGN_ON):
            # Somebody else's state could sign this browser in as somebody else.
            case {"visit": str(tied), "code": str(code), "until": int(until)} if (
                hmac.compare_digest(tied.encode(), view.visit.id.encode())
            ):
                view = replace(view, code=code)
                in_time = until > self._visits.clock()
        if not in_time:
            notice = self._parts.notice(view, "page-sign-in-lost")
            return await self.first_page(view, notice, status=403)
        token = request.query.get("loginToken", "")
        try:
            mxid = await self._sign_in.by_token(token, visitor(request))
        except SignInError as e:
            notice, status = self._trouble(view, e, "page-sign-in-lost")
            return await self.first_page(view, notice, status=status)
        return self._go_on(view, mxid)

    async def _leave(self, _request: web.Request, view: View, _form: object) -> web.Response:
        return self._go_on(view, "")

    def _trouble(self, view: View, error: SignInError, wrong: str) -> tuple[str, int]:
        """Return what to tell somebody who could not be signed in, and the HTTP status."""
        match error:
            case TooOften(wait=wait):
                return self._parts.notice(
                    view, "page-sign-in-wait", minutes=-(-wait // _MINUTE)
                ), 429
            case HomeserverAway():
                return self._parts.notice(view, "page-sign-in-away"), 503
            case NotOurs(server=server):
                return self._parts.notice(view, "page-sign-in-not-ours", server=server), 403
            case _:
                return self._parts.notice(view, wrong), 403

    def _go_on(self, view: View, mxid: str) -> web.Response:
        """Begin a new visit, of an account or of nobody, and lead to the page itself."""
        response = see(self._pages.site, view.there)
        self._visits.keep(response, self._visits.begin(mxid))
        return response
