"""The page an invite link opens: how to go on in any client, or signing in and confirming here.

    GET /i/{code} ─► how to go on in a client · sign in: password, or single sign-on ─┐
                                                          ▲                      /i/back
                                                 sign out │                           ▼
                                       GET /i/{code} ─► signed in as … · «show the child's data»
                                                                                      │ POST
      POST …/say ─► the bot's dialogue: show · correct · confirm · not mine · later ◄─┘

Before the sign-in the page is the same for every code: it is not looked up (I-4, I-6). After it GET
tells nothing of the child either; that is the answer to a form (S-36). What is said here is said to
the bot: the same topics, rules and texts as in a chat (S-42). What the bot offers is sealed for the
visit, so nobody can make an offer up; whatever else is sent is read as if it was typed.

A browser that is given back a page it made by a form asks for the form's address with GET: that
leads to the page itself.
"""

from __future__ import annotations

import asyncio
import hmac
import logging
import secrets
from dataclasses import replace
from typing import TYPE_CHECKING

from sferum_bridge.bot import commands
from sferum_bridge.bot.commands import Command, Name
from sferum_bridge.school import kinship
from sferum_bridge.store import failures
from sferum_bridge.web.limits import visitor
from sferum_bridge.web.pages import FormRefused, read_form, see
from sferum_bridge.web.parts import FIELDS, OFFER, View
from sferum_bridge.web.signin import HomeserverAway, NotOurs, SignInError, TooOften

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence

    from aiohttp import web

    from sferum_bridge.bot.service import Bot
    from sferum_bridge.bot.talk import Answer
    from sferum_bridge.web.pages import Pages
    from sferum_bridge.web.parts import Parts
    from sferum_bridge.web.session import Visits
    from sferum_bridge.web.signin import SignIn

    _Act = Callable[[web.Request, View, Mapping[str, str]], Awaitable[web.Response]]

log = logging.getLogger(__name__)

_SIGN_ON = "page-sign-on"
_SIGN_ON_LIFE = 10 * 60 * 1000
_MINUTE = 60_000
_SECONDS = 30.0
_MOST_CHARACTERS = 100
_GROUP = 4

_LINKED = frozenset({"confirmed", "confirmed-closed", "i-pending", "i-pending-child", "i-already"})
"""Answers after which somebody is a parent: what comes next is in their app."""
_WRONG_ACCOUNT = frozenset({"e-self", "e-pupil"})
"""Answers that another account is the remedy for."""
_LAST = frozenset({"e-expired", "e-full", "e-used", "not-mine", "not-mine-late"})
"""Answers after which trying again is of no use."""


class InvitePage:
    """Serves the page; `here` is whether people may sign in and confirm on it."""

    def __init__(
        self,
        pages: Pages,
        visits: Visits,
        parts: Parts,
        sign_in: SignIn,
        bot: Bot,
        *,
        here: bool,
    ) -> None:
        self._pages = pages
        self._visits = visits
        self._parts = parts
        self._sign_in = sign_in
        self._bot = bot
        self._here = here

    def routes(self) -> Sequence[web.RouteDef]:
        """Return the routes to add to the web application."""
        site = self._pages.site
        # Where messengers cut a link off, or take the mark behind it for a part of it.
        paths = ("/i", "/i/", "/i/{code}", "/i/{code}/")
        page = [route for path in paths for route in site.routes("GET", path, self._show)]
        if not self._here:
            return page
        return [
            *site.routes("GET", "/i/back", self._back),
            *page,
            *self._form_routes("sign-in", self._enter),
            *self._form_routes("sign-out", self._leave),
            *self._form_routes("say", self._say),
        ]

    def _form_routes(self, act: str, handler: _Act) -> Sequence[web.RouteDef]:
        site, path = self._pages.site, f"/i/{{code}}/{act}"
        return [
            *site.routes("GET", path, self._to_page),
            *site.routes("POST", path, self._taking(handler)),
        ]

    # --- requests ---------------------------------------------------------------------------

    def _view(self, request: web.Request) -> View:
        symbols = kinship.read_code(f"/i/{request.match_info.get('code', '')}") or ""
        return View(self._pages.language(request), _as_shown(symbols), self._visits.of(request))

    async def _show(self, request: web.Request) -> web.Response:
        return await self._first_page(self._view(request))

    async def _to_page(self, request: web.Request) -> web.Response:
        return see(self._pages.site, self._view(request).there)

    def _taking(self, act: _Act) -> Callable[[web.Request], Awaitable[web.Response]]:
        """Return the handler of a form: `act`, once it is sure that a page of ours sent it."""

        async def take(request: web.Request) -> web.Response:
            view = self._view(request)
            try:
                form = await read_form(request, self._pages.site)
                self._visits.check(view.visit, form)
                return await act(request, view, form)
            except FormRefused:
                # Without its cookie no page would ever be told from an old one.
                key = "page-old" if self._visits.comes_with(request) else "page-no-cookie"
                notice = self._parts.notice(view, key)
                return await self._first_page(view, notice, status=403)

        return take

    async def _enter(
        self, request: web.Request, view: View, form: Mapping[str, str]
    ) -> web.Response:
        user, password = form.get("user", ""), form.get("password", "")
        try:
            mxid = await self._sign_in.by_password(user, password, visitor(request))
        except SignInError as e:
            notice, status = self._trouble(view, e, "page-sign-in-wrong")
            return await self._first_page(view, notice, status=status, user=user)
        return self._go_on(view, mxid)

    async def _back(self, request: web.Request) -> web.Response:
        """Take in who comes from single sign-on with a token, in the browser that went there."""
        view = self._view(request)
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
            return await self._first_page(view, notice, status=403)
        token = request.query.get("loginToken", "")
        try:
            mxid = await self._sign_in.by_token(token, visitor(request))
        except SignInError as e:
            notice, status = self._trouble(view, e, "page-sign-in-lost")
            return await self._first_page(view, notice, status=status)
        return self._go_on(view, mxid)

    async def _leave(self, _request: web.Request, view: View, _form: object) -> web.Response:
        return self._go_on(view, "")

    async def _say(
        self, _request: web.Request, view: View, form: Mapping[str, str]
    ) -> web.Response:
        command = self._command(view, form)
        if not view.visit.mxid or command is None:
            raise FormRefused
        try:
            async with asyncio.timeout(_SECONDS):
                # A nonce for each time: chosen by the browser it could be one that was used, and
                # those whom it concerns would not be told.
                answers = await self._bot.converse(
                    view.visit.mxid,
                    command,
                    nonce=secrets.token_hex(8),
                    language=view.language,
                )
        except Exception as e:  # noqa: BLE001 - whatever it was, somebody waits for a page
            failures.report(log, e, "the page failed")
            return await self._first_page(view, self._parts.failed(view), status=503)
        return self._answered(view, command, answers)

    def _command(self, view: View, form: Mapping[str, str]) -> Command | None:
        """Return what a form says; `None` where it is none of the page's."""
        if "offer" in form:
            match self._visits.unseal(form["offer"], OFFER):
                case {"visit": view.visit.id, "say": str(said)}:
                    return commands.offered(said)
            return None
        match form.get("do"):
            case "show":
                return Command(Name.CODE, code=kinship.read_code(view.code) or "")
            case "later":
                return Command(Name.CANCEL)
            case "correct":
                typed = _correction(form)
                # Nothing filled in: the question again.
                return commands.parse(typed, prefix="", direct=True) or Command(Name.UNKNOWN)
        return None

    # --- answers ----------------------------------------------------------------------------

    async def _first_page(
        self, view: View, notice: str = "", *, status: int = 200, user: str = ""
    ) -> web.Response:
        """Answer with the page that is asked for by its address: nothing of the child is on it."""
        parts = self._parts
        known = parts.signed_in(view) if self._here and view.visit.mxid else ""
        if known and view.code:
            return self._respond(view, known + notice + parts.to_show(view), status)
        # Who comes back from somewhere without a code has not half a one.
        intro = parts.intro(view) if view.code or not notice else ""
        ways = await self._ways_in(view, user) if self._here and view.code else ""
        body = known + intro + notice + ways + parts.in_an_app(view, alone=not ways)
        return self._respond(view, body, status)

    async def _ways_in(self, view: View, user: str) -> str:
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
        back = f"{self._pages.site.url}/i/back?lang={view.language}&state={state}"
        links = {self._sign_in.address_of(one, back): one.name for one in ways.providers}
        inner = self._parts.sign_on_links(view, links)
        if links and ways.password:
            inner += self._parts.either_or(view)
        if ways.password:
            inner += self._parts.password_form(view, user)
        return self._parts.sign_in(view, inner) if inner else ""

    def _answered(self, view: View, command: Command, answers: Sequence[Answer]) -> web.Response:
        parts = self._parts
        said = {answer.key for answer in answers}
        body = parts.signed_in(view)
        if command.name is Name.UNKNOWN:
            body += parts.notice(view, "page-correct-empty")
        body += parts.answers(view, answers)
        if said & _LINKED:
            body += parts.to_rooms(view)
        elif said & _WRONG_ACCOUNT:
            body += parts.another_account(view)
        elif command.name is Name.CANCEL:
            body += parts.show_again(view)
        elif not said & _LAST and not any(answer.offers for answer in answers):
            body += parts.again(view)
        return self._respond(view, body, 200)

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

    def _respond(self, view: View, body: str, status: int) -> web.Response:
        title = self._pages.plain(view.language, "page-invite-title")
        page = body + self._parts.help(view)
        response = self._pages.show(view.language, title, page, where=view.where, status=status)
        self._visits.keep(response, view.visit)
        return response


def _as_shown(symbols: str) -> str:
    return "-".join(symbols[i : i + _GROUP] for i in range(0, len(symbols), _GROUP))


def _correction(form: Mapping[str, str]) -> str:
    """Return a form's corrections as somebody would type them."""
    typed = {name: " ".join(form.get(name, "").split())[:_MOST_CHARACTERS] for name in FIELDS}
    lines = [f"{FIELDS[name]}: {value}" for name, value in typed.items() if value]
    return "\n".join([commands.word(Name.CORRECT, "ru"), *lines]) if lines else ""
