"""The invite page in front of a bot's world, and a homeserver that only knows how to sign in."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from aiohttp import web
from aiohttp.test_utils import TestServer
from sqlalchemy import select

from sferum_bridge.school.calls import Meetings
from sferum_bridge.store import tables
from sferum_bridge.web.invite import InvitePage
from sferum_bridge.web.letting import Letting
from sferum_bridge.web.link import LinkPage
from sferum_bridge.web.link_parts import LinkParts
from sferum_bridge.web.pages import Pages, Site
from sferum_bridge.web.parts import Parts
from sferum_bridge.web.session import Visits
from sferum_bridge.web.signin import Attempts, SignIn
from tests.support.bot import BOT, SCHOOL, SETTINGS, STRANGER, a_world
from tests.support.browser import Browser
from tests.support.ports import reserve_port

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from aiohttp.abc import AbstractCookieJar

    from tests.support.bot import World
    from tests.support.browser import Page

DOMAIN = "school.example"
PUBLIC = "https://matrix.school.example"
LIFE = 30 * 60_000
PASSWORD = "ne-zabud-ka"
NAMES = ("Выдумкин", "Ася", "Фома", "Небывалова", "Ольга", SCHOOL, "5А")
"""What is said of nobody before the sign-in."""


@dataclass
class Logins:
    """A homeserver's sign-in: every account of the school has the one password."""

    flows: list[Any] = field(default_factory=lambda: [{"type": "m.login.password"}])
    known: set[str] = field(default_factory=set)
    """Matrix ids."""
    tokens: dict[str, str] = field(default_factory=dict)
    """Login token → Matrix id; each is good once."""
    asked: list[Any] = field(default_factory=list)
    """What was sent to sign in, and for which address."""
    open: list[str] = field(default_factory=list)
    """Access tokens of sessions nobody has signed out."""
    answer: tuple[int, Any] | None = None
    """What to say to whatever is asked, in place of an answer."""
    sign_outs: list[int] = field(default_factory=list)
    """Statuses to answer the next sign-outs with, in place of signing out."""
    sits: str = ""
    """Who sits at the browser that comes for single sign-on: a Matrix id."""

    def application(self) -> web.Application:
        made = web.Application()
        where = "/_matrix/client/v3"
        made.add_routes(
            [
                web.get(f"{where}/login", self._ways),
                web.post(f"{where}/login", self._login),
                web.post(f"{where}/logout", self._logout),
                web.get(f"{where}/login/sso/redirect/{{provider}}", self._sign_on),
            ]
        )
        return made

    async def _ways(self, _request: web.Request) -> web.Response:
        if self.answer is not None:
            return web.json_response(self.answer[1], status=self.answer[0])
        return web.json_response({"flows": self.flows})

    async def _login(self, request: web.Request) -> web.Response:
        body = await request.json()
        self.asked.append((body, request.headers.get("X-Forwarded-For", "")))
        if self.answer is not None:
            return web.json_response(self.answer[1], status=self.answer[0])
        if body["type"] == "m.login.token":
            mxid = self.tokens.pop(body["token"], "")
        else:
            mxid = f"@{body['identifier']['user'].lower()}:{DOMAIN}"
            if mxid not in self.known or body["password"] != PASSWORD:
                mxid = ""
        if not mxid:
            return web.json_response({"errcode": "M_FORBIDDEN", "error": "no"}, status=403)
        self.open.append(f"access-{len(self.asked)}")
        return web.json_response({"user_id": mxid, "access_token": self.open[-1]})

    async def _sign_on(self, request: web.Request) -> web.Response:
        token = f"login-{len(self.tokens)}"
        self.tokens[token] = self.sits
        raise web.HTTPFound(f"{request.query['redirectUrl']}&loginToken={token}")

    async def _logout(self, request: web.Request) -> web.Response:
        if self.sign_outs:
            return web.json_response({}, status=self.sign_outs.pop(0))
        self.open.remove(request.headers["Authorization"].removeprefix("Bearer "))
        return web.json_response({})


@dataclass
class Members:
    """Who is in which room, as the homeserver has it."""

    of: dict[str, set[str]] = field(default_factory=dict)
    """Room → Matrix ids."""
    away: bool = False
    """Whether the homeserver never answers."""

    async def membership(self, room_id: str, mxid: str) -> str:
        """Return somebody's membership."""
        if self.away:
            await asyncio.Event().wait()
        return "join" if mxid in self.of.get(room_id, ()) else "leave"


@dataclass
class Stage:
    """A world, its page, and the homeserver behind it."""

    world: World
    logins: Logins
    url: str
    """Where the page is reached."""
    application: web.Application
    members: Members

    def browser(self, jar: AbstractCookieJar | None = None, /, **headers: str) -> Browser:
        """Open a private window."""
        return Browser(self.url, jar, **{"Accept-Language": "ru", **headers})

    async def signed_in(self, browser: Browser, code: str, mxid: str) -> Page:
        """Sign somebody in on the page of a code."""
        page = await browser.open(f"{self.url}/i/{code}")
        return await browser.submit(page, "Войти", user=mxid, password=PASSWORD)

    async def shown(self, browser: Browser, code: str, mxid: str) -> Page:
        """Sign somebody in and ask for the child's data."""
        return await browser.submit(await self.signed_in(browser, code, mxid), "Показать данные")


@asynccontextmanager
async def a_stage(
    *,
    prefix: str = "",
    here: bool = True,
    public_url: str = "",
    attempts: Attempts | None = None,
    elsewhere: bool = False,
    **settings: Any,
) -> AsyncIterator[Stage]:
    """Serve the page. `prefix` is the path a proxy in front would have it under.

    With `elsewhere` browsers reach the homeserver, on a site of its own; else nothing is there.
    """
    logins, members = Logins(), Members()
    async with (
        a_world(**settings) as world,
        TestServer(logins.application()) as homeserver,
    ):
        logins.known = {mxid for mxid in world.ids if mxid.startswith("@")} | {STRANGER}
        port = reserve_port()
        url = f"http://127.0.0.1:{port}{prefix}"
        site = Site(public_url or url)
        pages = Pages(world.texts, site, "ru")
        visits = Visits(world.db.sealer, site, LIFE, world.db.clock)
        parts = Parts(pages, visits, BOT, SETTINGS["support_contact"], PUBLIC)
        address = str(homeserver.make_url("")).rstrip("/")
        public = f"http://localhost:{homeserver.port}" if elsewhere else PUBLIC
        sign_in = SignIn(address, public, DOMAIN, world.db.clock, attempts or Attempts())
        page = InvitePage(pages, visits, parts, sign_in, world.bot, here=here)
        letting = Letting(world.db, members.membership, settings.get("meetings", Meetings()), 0.3)
        words = LinkParts(pages, visits, BOT, SETTINGS["support_contact"], PUBLIC)
        link_page = LinkPage(pages, visits, words, sign_in, letting, here=here)
        application = web.Application()
        application.add_routes([*page.routes(), *link_page.routes()])
        async with TestServer(application, port=port):
            yield Stage(world, logins, url, application, members)


async def dump(stage: Stage) -> dict[str, list[Any]]:
    """Return every row there is."""
    async with stage.world.db.read() as tx:
        return {
            table.name: [tuple(row) for row in await tx.all(select(table))]
            for table in tables.metadata.sorted_tables
        }


def without_seals(page: Page) -> str:
    """Return a page without what is sealed anew each time."""
    html = page.html
    for form in page.forms:
        for value in form.fields.values():
            if len(value) > 60:
                html = html.replace(value, "…")
    return html
