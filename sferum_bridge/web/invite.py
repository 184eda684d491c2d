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
"""

from __future__ import annotations

import asyncio
import logging
import secrets
from typing import TYPE_CHECKING

from sferum_bridge.bot import commands
from sferum_bridge.bot.commands import Command, Name
from sferum_bridge.school import kinship
from sferum_bridge.store import failures
from sferum_bridge.web.entrance import Entrance
from sferum_bridge.web.pages import FormRefused
from sferum_bridge.web.parts import FIELDS, OFFER, View

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from aiohttp import web

    from sferum_bridge.bot.service import Bot
    from sferum_bridge.bot.talk import Answer
    from sferum_bridge.web.pages import Pages
    from sferum_bridge.web.parts import Parts
    from sferum_bridge.web.session import Visits
    from sferum_bridge.web.signin import SignIn

log = logging.getLogger(__name__)

_SECONDS = 30.0
_MOST_CHARACTERS = 100
_GROUP = 4

_LINKED = frozenset({"confirmed", "confirmed-closed", "i-pending", "i-pending-child", "i-already"})
"""Answers after which somebody is a parent: what comes next is in their app."""
_WRONG_ACCOUNT = frozenset({"e-self", "e-pupil"})
"""Answers that another account is the remedy for."""
_LAST = frozenset({"e-expired", "e-full", "e-used", "not-mine", "not-mine-late"})
"""Answers after which trying again is of no use."""


class InvitePage(Entrance):
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
        super().__init__(pages, visits, parts, sign_in)
        self._bot = bot
        self._here = here

    def routes(self) -> Sequence[web.RouteDef]:
        """Return the routes to add to the web application."""
        site = self._pages.site
        # Where messengers cut a link off, or take the mark behind it for a part of it.
        paths = ("/i", "/i/", "/i/{code}", "/i/{code}/")
        page = [route for path in paths for route in site.routes("GET", path, self.show)]
        if not self._here:
            return page
        return [
            # Before the page, which would take it for a code.
            *self.sign_in_routes("/i"),
            *page,
            *self.form_routes("/i", "say", self._say),
        ]

    # --- requests ---------------------------------------------------------------------------

    def view(self, request: web.Request) -> View:
        """Return what a page is made for: a visit, and the code in its address."""
        symbols = kinship.read_code(f"/i/{request.match_info.get('code', '')}") or ""
        return View(self._pages.language(request), _as_shown(symbols), self._visits.of(request))

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
            return await self.first_page(view, self._parts.failed(view), status=503)
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

    async def first_page(
        self, view: View, notice: str = "", *, status: int = 200, user: str = ""
    ) -> web.Response:
        """Answer with the page that is asked for by its address: nothing of the child is on it.

        See `Entrance.first_page`.
        """
        parts = self._parts
        known = parts.signed_in(view) if self._here and view.visit.mxid else ""
        if known and view.code:
            return self._respond(view, known + notice + parts.to_show(view), status)
        # Who comes back from somewhere without a code has not half a one.
        intro = parts.intro(view) if view.code or not notice else ""
        ways = await self.ways_in(view, user) if self._here and view.code else ""
        body = known + intro + notice + ways + parts.in_an_app(view, alone=not ways)
        return self._respond(view, body, status)

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
