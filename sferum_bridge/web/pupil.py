"""The page behind a pupil's invite: choose a password, and there is an account (S-32, scenario 18).

    GET, HEAD ──► the form, the same for every code; nobody looks the code up (scenario 19)
    POST ──► form of ours? password good? ──► whose invite? ──► account made at the homeserver
                                                                             │
            login shown ◄── one transaction ties it, uses the invite up, tells the class teacher

A kill between the account and the transaction leaves an account that nobody is tied to; the same
form sent again ends what it began. So does a form sent twice: whoever has the code and the password
sees the login again. No code is told from another: never issued, revoked, expired, and used with
another password are answered alike.
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass
from functools import partial
from html import escape
from typing import TYPE_CHECKING
from urllib.parse import quote

from mautrix.errors import MatrixRequestError

from sferum_bridge.bot import entering
from sferum_bridge.matrix.accounts import LoginsTaken
from sferum_bridge.matrix.client import TryAgain, UnknownOutcome
from sferum_bridge.school import kinship
from sferum_bridge.store import accounts, pupil_invites
from sferum_bridge.web.limits import Limit, visitor
from sferum_bridge.web.pages import FormRefused, read_form

if TYPE_CHECKING:
    from collections.abc import Sequence

    from aiohttp import web

    from sferum_bridge.bot.service import Bot
    from sferum_bridge.matrix.accounts import Registrar
    from sferum_bridge.store.database import Database
    from sferum_bridge.web.pages import Pages
    from sferum_bridge.web.session import Visit, Visits

log = logging.getLogger(__name__)

_SHORT = "page-pupil-short"
_MOST = 512
_AT_ONCE = 4
SECONDS = 30.0
"""How long somebody is kept waiting: for a homeserver that is away the client waits without end."""


class _Sorry(Exception):
    """Nothing was done; the form says why, by a text and an HTTP status."""

    def __init__(self, key: str, status: int) -> None:
        super().__init__(key)
        self.key = key
        self.status = status


@dataclass(frozen=True, slots=True)
class PupilPageSettings:
    """What an installation may decide about the page."""

    bot_mxid: str
    support: str
    """Whom people write to whom the page cannot help."""
    server: str
    """What people type where a client asks for the server."""
    least: int = 10
    """Characters of a password."""
    failures: int = 30
    """So many codes of one address may fail within `window`: whole schools share an address."""
    window: int = 10 * 60_000
    """Milliseconds."""


class PupilPage:
    """Serves the page. Without a `registrar` it says how to go on with an account that exists."""

    def __init__(
        self,
        pages: Pages,
        visits: Visits,
        db: Database,
        bot: Bot,
        registrar: Registrar | None,
        settings: PupilPageSettings,
    ) -> None:
        self._pages = pages
        self._visits = visits
        self._db = db
        self._bot = bot
        self._registrar = registrar
        self._settings = settings
        self._failures = Limit(settings.failures, settings.window, db.clock)
        # However many come at once: the homeserver has others to serve.
        self._few = asyncio.Semaphore(_AT_ONCE)

    def routes(self) -> Sequence[web.RouteDef]:
        """Return the routes to add to the web application."""
        site, path = self._pages.site, "/p/{code}"
        shown = [*site.routes("GET", path, self._show), *site.routes("GET", f"{path}/", self._show)]
        for cut_off in ("/p", "/p/"):
            shown += site.routes("GET", cut_off, self._show_broken)
        if self._registrar is None:
            return shown
        create = partial(self._create, registrar=self._registrar)
        return [*shown, *site.routes("POST", path, create)]

    async def _show(self, request: web.Request) -> web.Response:
        return self._form(request, self._visits.of(request))

    async def _show_broken(self, request: web.Request) -> web.Response:
        """Say that a messenger cut the link off."""
        language = self._pages.language(request)
        broken = self._pages.html(language, "page-invite-broken")
        return self._answer(request, language, "page-pupil-title", f"<p>{broken}</p>")

    async def _create(self, request: web.Request, *, registrar: Registrar) -> web.Response:
        visit = self._visits.of(request)
        try:
            mxid = await self._enlist(request, visit, registrar)
        except _Sorry as e:
            return self._form(request, visit, e.key, e.status)
        return self._done(request, mxid)

    async def _enlist(self, request: web.Request, visit: Visit, registrar: Registrar) -> str:
        """Do what the form asks; return the account. Raises `_Sorry`."""
        password = await self._password(request, visit)
        if self._failures.wait(visitor(request)):
            raise _Sorry("page-pupil-rate", 429)
        symbols = kinship.read_code(request.match_info["code"]) or ""
        mxid = await self._account_in_time(registrar, symbols, password)
        if not mxid:
            self._failures.note(visitor(request))
            raise _Sorry("page-pupil-unknown", 404)
        return mxid

    async def _password(self, request: web.Request, visit: Visit) -> str:
        try:
            form = await read_form(request, self._pages.site)
            self._visits.check(visit, form)
        except FormRefused:
            raise _Sorry("page-pupil-stale", 400) from None
        password = form.get("password", "")
        # An unprintable one would be typed once and never again.
        if not (self._settings.least <= len(password) <= _MOST and password.isprintable()):
            raise _Sorry(_SHORT, 400)
        if password != form.get("repeat", ""):
            raise _Sorry("page-pupil-differ", 400)
        return password

    async def _account_in_time(self, registrar: Registrar, symbols: str, password: str) -> str:
        try:
            async with asyncio.timeout(SECONDS), self._few:
                return await self._account(registrar, symbols, password)
        except (TimeoutError, TryAgain, UnknownOutcome, MatrixRequestError, LoginsTaken) as e:
            status = getattr(e, "http_status", "")
            log.warning("no account for a pupil: %s %s", type(e).__name__, status)
            raise _Sorry("page-pupil-later", 503) from None

    async def _account(self, registrar: Registrar, symbols: str, password: str) -> str:
        """Return the account that a code and a password make or have made; empty for none."""
        async with self._db.read() as tx:
            invite = await pupil_invites.find(tx, symbols)
            who = await entering.newcomer(tx, invite)
            name = await entering.name_of(tx, who) if who else ""
            used_by = invite.person_id if invite and invite.used else ""
            held = await accounts.mxids_of(tx, used_by)
        if who is None:
            opened = [mxid for mxid in held if await registrar.opens(mxid, password)]
            return opened[0] if opened else ""
        mxid = await registrar.account_for(who.person.id, name, password)
        let_in = partial(entering.let_in, invite_id=who.invite.id, mxid=mxid)
        await self._bot.errand(f"enlist.{who.invite.id}", let_in)
        async with self._db.read() as tx:
            # Whoever sent the same form a moment earlier has done it for both.
            return mxid if mxid in await accounts.mxids_of(tx, who.person.id) else ""

    # --- pages ------------------------------------------------------------------------------

    def _form(
        self, request: web.Request, visit: Visit, wrong: str = "", status: int = 200
    ) -> web.Response:
        pages, language = self._pages, self._pages.language(request)
        values = {"least": self._settings.least} if wrong == _SHORT else {}
        notice = pages.notice(language, wrong, **values) if wrong else ""
        intro = pages.html(language, "page-pupil-intro")
        body = f"{notice}<p>{intro}</p><section>{self._how(request, language, visit)}</section>"
        response = self._answer(request, language, "page-pupil-title", body, status)
        self._visits.keep(response, visit)
        return response

    def _how(self, request: web.Request, language: str, visit: Visit) -> str:
        pages, bot, least = self._pages, self._settings.bot_mxid, self._settings.least
        if self._registrar is None:
            return f"<p>{pages.html(language, 'page-pupil-no-form', bot=bot)}</p>"
        fields = "".join(
            f'<label for="{name}">{pages.plain(language, f"page-pupil-{name}")}</label>'
            f'<input id="{name}" name="{name}" type="password" autocomplete="new-password" '
            f'minlength="{least}" maxlength="{_MOST}" required>'
            for name in ("password", "repeat")
        )
        submit = pages.plain(language, "page-pupil-submit")
        action = f"{escape(pages.site.href(_where(request)))}?lang={language}"
        return (
            f"<p>{pages.html(language, 'page-pupil-how', least=least)}</p>"
            f'<form method="post" action="{action}">{self._visits.form(visit)}{fields}'
            f'<button class="first">{submit}</button></form>'
            f'<p class="soft">{pages.html(language, "page-pupil-existing", bot=bot)}</p>'
        )

    def _done(self, request: web.Request, mxid: str) -> web.Response:
        pages, language = self._pages, self._pages.language(request)
        parts = (("page-pupil-login", mxid), ("page-pupil-server", self._settings.server))
        shown = "".join(
            f'<p>{pages.html(language, key)}<code class="copy">{escape(value)}</code></p>'
            for key, value in parts
        )
        steps = "".join(
            f"<li>{pages.html(language, key, **values)}</li>"
            for key, values in (
                ("page-pupil-step-client", {}),
                ("page-pupil-step-bot", {"bot": self._settings.bot_mxid}),
            )
        )
        keep = pages.html(language, "page-pupil-keep")
        body = f"<section>{shown}<p>{keep}</p></section><section><ol>{steps}</ol></section>"
        return self._answer(request, language, "page-pupil-done", body)

    def _answer(
        self, request: web.Request, language: str, title: str, body: str, status: int = 200
    ) -> web.Response:
        support = self._pages.html(language, "page-help", contact=self._settings.support)
        return self._pages.show(
            language,
            self._pages.plain(language, title),
            f'{body}<p class="soft">{support}</p>',
            where=_where(request),
            status=status,
        )


def _where(request: web.Request) -> str:
    """Return the path of the page itself, whatever stands in the place of the code."""
    return f"/p/{quote(request.match_info.get('code', ''), safe='')}"
