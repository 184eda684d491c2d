"""The composition root: builds the parts, hands each what it needs, starts and stops them.

Nothing else constructs a part out of another package, and nothing here decides anything. All parts
run in one task group: whichever fails for good ends the rest, and a cancellation (SIGTERM, Ctrl-C)
ends all of them between two steps, each of which the next start can take up again.
"""

from __future__ import annotations

import asyncio
import logging
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import aiohttp
from aiohttp import web

from sferum_bridge import config as settings
from sferum_bridge.bot import commands
from sferum_bridge.bot.housekeeping import Housekeeper
from sferum_bridge.bot.service import Bot
from sferum_bridge.bot.settings import BotSettings
from sferum_bridge.bot.texts import TextMissingError, Texts
from sferum_bridge.mail.sender import Mailer, MailerSettings
from sferum_bridge.matrix import outbox
from sferum_bridge.matrix.accounts import Registrar
from sferum_bridge.matrix.appservice import MOST_BYTES, Appservice, take_in
from sferum_bridge.matrix.client import Homeserver
from sferum_bridge.matrix.creation import RoomMaker
from sferum_bridge.matrix.door import BOT_LANE, Door
from sferum_bridge.matrix.facts import Facts
from sferum_bridge.matrix.ghosts import Ghosts
from sferum_bridge.matrix.lanes import Lanes
from sferum_bridge.matrix.outbox import Outbox
from sferum_bridge.matrix.policy import Policy
from sferum_bridge.matrix.room import RoomFitter
from sferum_bridge.matrix.rooms import KeeperSettings, RoomKeeper
from sferum_bridge.matrix.watch import Watch, WatchSettings
from sferum_bridge.matrix.wishes import Wishes
from sferum_bridge.network.vk import VkNetwork, VkSettings
from sferum_bridge.relay import convert
from sferum_bridge.relay.connections import Connections
from sferum_bridge.relay.incoming import Incoming, IncomingSettings
from sferum_bridge.relay.outgoing import Outgoing
from sferum_bridge.store import migrate, queues
from sferum_bridge.store.database import Database, open_database
from sferum_bridge.store.sealing import Sealer
from sferum_bridge.web.invite import InvitePage
from sferum_bridge.web.pages import Pages, Site
from sferum_bridge.web.parts import Parts
from sferum_bridge.web.pupil import PupilPage, PupilPageSettings
from sferum_bridge.web.server_log import ServerLog
from sferum_bridge.web.session import Visits
from sferum_bridge.web.signin import Attempts, SignIn
from sferum_bridge.web.status import Status

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Mapping
    from pathlib import Path

    from sferum_bridge.config import Config
    from sferum_bridge.network.base import Network, NetworkError
    from sferum_bridge.store.chats import Login
    from sferum_bridge.store.database import Tx
    from sferum_bridge.store.queues import Item

log = logging.getLogger(__name__)

SFERUM = "sferum"
_MINUTE_MS = 60_000
_DAY_MS = 24 * 3600 * 1000
_HTTP_SECONDS = 120.0
# What somebody wrote between inviting the bot and its joining is read afterwards, so many events.
_EARLIER_EVENTS = 20
_TWO = 2


class NotDirect(Exception):
    """The bot was invited to a direct chat in which there are more than two."""


@asynccontextmanager
async def opened_database(config: Config, folder: Path) -> AsyncIterator[Database]:
    """Open the database of an installation and bring its tables up to date.

    Relative paths of the settings are taken from `folder`. Raises `ConfigError` and `SchemaError`.
    """
    key = settings.secret_key(folder / config.database.secret_key_file)
    db = open_database(settings.database_url(config, folder), Sealer(key))
    try:
        await migrate.upgrade(db.engine)
        yield db
    finally:
        await db.close()


@asynccontextmanager
async def opened_homeserver(config: Config) -> AsyncIterator[Homeserver]:
    """Open the connections to the homeserver; nothing is asked yet."""
    timeout = aiohttp.ClientTimeout(total=_HTTP_SECONDS)
    # As many connections as there is work; the parts bound how much of it runs at once.
    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(timeout=timeout, connector=connector) as session:
        yield Homeserver(
            session,
            config.homeserver.address,
            as_token=config.appservice.as_token,
            puppet_token=config.appservice.double_puppet_token,
            bot_mxid=config.bot_mxid,
        )


def network(config: Config) -> Network:
    """Build the connection to Sferum. Call it inside a running event loop."""
    return VkNetwork(
        VkSettings(
            api_url=config.sferum.api_url,
            web_url=config.sferum.web_url,
            app_id=config.sferum.app_id,
            api_version=config.sferum.api_version,
            requests_per_second=config.sferum.requests_per_second,
        )
    )


def watch(
    config: Config,
    db: Database,
    homeserver: Homeserver,
    texts: Texts,
    fitter: RoomFitter | None = None,
) -> Watch:
    """Build what watches rooms; with the `fitter` of a running bridge, if there is one."""
    prefix, version = config.appservice.ghost_prefix, config.rooms.version
    return Watch(
        db,
        homeserver,
        Wishes(texts.room_name),
        fitter or RoomFitter(db, homeserver, version=version, ghost_prefix=prefix),
        WatchSettings(
            every=config.rooms.check_hours * 3600,
            quiet=config.rooms.summary_minutes * 60,
        ),
        lambda language: texts.text(language, "drift-reason").body,
        ghost_prefix=prefix,
    )


def registrar(config: Config, db: Database, homeserver: Homeserver) -> Registrar:
    """Build what creates accounts."""
    return Registrar(db, homeserver, config.homeserver.registration_shared_secret)


@dataclass(slots=True)
class Bridge:
    """Every part of a running bridge."""

    config: Config
    db: Database
    homeserver: Homeserver
    texts: Texts
    ghosts: Ghosts
    facts: Facts
    keeper: RoomKeeper
    watch: Watch
    door: Door
    bot: Bot
    outbox: Outbox
    outgoing: Outgoing
    incoming: Incoming
    connections: Connections
    housekeeper: Housekeeper
    mailer: Mailer | None
    """None where no mail server is set."""

    async def run(self, ready: Callable[[], None] = lambda: None) -> None:
        """Serve for ever; `ready` is called once the web server listens."""
        runner = await self._serve()
        ready()
        try:
            await self.ghosts.ready_bot(self.config.appservice.bot_name)
            await self.facts.start()
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(Lanes(self.db, queues.OUTBOX, self.outbox.handle).run())
                tasks.create_task(Lanes(self.db, queues.INBOX, self._handle).run())
                tasks.create_task(self.facts.run())
                tasks.create_task(self.keeper.run())
                tasks.create_task(self.watch.run())
                tasks.create_task(self.housekeeper.run())
                if self.config.sferum.enabled:
                    tasks.create_task(self.incoming.run())
                if self.mailer is not None:
                    tasks.create_task(self.mailer.run())
        finally:
            await runner.cleanup()
            await self.connections.close()

    async def _serve(self) -> web.AppRunner:
        server = web.Application(client_max_size=MOST_BYTES)
        hs_token = self.config.appservice.hs_token
        token = self.config.web.status_token
        status = Status(self.db, self.homeserver, self.facts, self.keeper, token)
        pages = Pages(self.texts, Site(self.config.school.public_url), self.config.school.language)
        life = int(self.config.web.session_minutes * _MINUTE_MS)
        visits = Visits(self.db.sealer, pages.site, life, self.db.clock)
        invite_page = self._invite_page(pages, visits)
        pupil_page = self._pupil_page(pages, visits)
        for part in (Appservice(self.db, hs_token, self.door), invite_page, pupil_page, status):
            server.add_routes(part.routes())
        # No access log: addresses of invites would stand in it.
        runner = web.AppRunner(server, access_log=None, logger=ServerLog(), handle_signals=False)
        await runner.setup()
        appservice = self.config.appservice
        await web.TCPSite(runner, appservice.hostname, appservice.port).start()
        return runner

    def _invite_page(self, pages: Pages, visits: Visits) -> InvitePage:
        at, web_settings = self.config.homeserver, self.config.web
        attempts = Attempts(
            web_settings.sign_in_attempts,
            web_settings.sign_in_attempts_of_address,
            int(web_settings.sign_in_attempts_minutes * _MINUTE_MS),
        )
        return InvitePage(
            pages,
            visits,
            Parts(pages, visits, self.config.bot_mxid, self.config.school.support, at.typed),
            SignIn(at.address, at.public_address, at.domain, self.db.clock, attempts),
            self.bot,
            here=web_settings.sign_in,
        )

    def _pupil_page(self, pages: Pages, visits: Visits) -> PupilPage:
        config = self.config
        creates = bool(config.homeserver.registration_shared_secret)
        return PupilPage(
            pages,
            visits,
            self.db,
            self.bot,
            registrar(config, self.db, self.homeserver) if creates else None,
            PupilPageSettings(
                config.bot_mxid,
                config.school.support,
                config.homeserver.typed,
                least=config.school.password_length,
                failures=config.web.pupil_attempts,
                window=int(config.web.pupil_attempts_minutes * _MINUTE_MS),
            ),
        )

    async def _handle(self, item: Item) -> None:
        if item.lane.startswith(BOT_LANE):
            await self.bot.handle(item)
        else:
            await self.outgoing.handle(item)


@asynccontextmanager
async def built(config: Config, db: Database, homeserver: Homeserver) -> AsyncIterator[Bridge]:
    """Build a bridge out of its settings."""
    texts = Texts()
    language = config.school.language
    prefix = config.appservice.ghost_prefix
    ghosts = Ghosts(db, homeserver, prefix)
    policy = Policy(db, homeserver, config.homeserver.extension_secret, ghost_prefix=prefix)
    facts = Facts(db, policy, config.school.contacts)
    maker = RoomMaker(db, homeserver)
    connections = Connections(db, {SFERUM: network(config)} if config.sferum.enabled else {})
    bot_settings = _bot_settings(config)
    door = Door(
        bot_mxid=config.bot_mxid,
        ghost_prefix=prefix,
        own_mark=convert.DOUBLE_PUPPET,
        is_command=lambda body: (
            commands.parse(body, prefix=bot_settings.prefix, direct=False) is not None
        ),
    )

    async def join(room_id: str) -> None:
        await homeserver.join(room_id)
        if len(await homeserver.people_in(room_id) or ()) > _TWO:
            # Called direct, and others are in it: no place for what the bot tells one person.
            await homeserver.leave(room_id)
            raise NotDirect(room_id)
        await _take_in_earlier(db, homeserver, door, room_id)

    async def login_lost(tx: Tx, login: Login, _error: NetworkError) -> None:
        if login.mxid:
            content = texts.text(language, "login-lost").content()
            await outbox.say(tx, f"lost.{login.id}.{tx.now}", content, to=login.mxid)

    def notice(key: str, chosen: str) -> Mapping[str, Any]:
        return texts.text(chosen or language, key).content(notice=True)

    bot = Bot(db, texts, bot_settings, join, homeserver.name_of, policy.contacts_of)
    wishes = Wishes(texts.room_name)
    fitter = RoomFitter(db, homeserver, version=config.rooms.version, ghost_prefix=prefix)
    yield Bridge(
        config=config,
        db=db,
        homeserver=homeserver,
        texts=texts,
        ghosts=ghosts,
        facts=facts,
        keeper=RoomKeeper(
            db,
            homeserver,
            maker,
            facts,
            KeeperSettings(room_version=config.rooms.version, rooms_at_once=config.rooms.at_once),
            wishes,
            fitter,
        ),
        watch=watch(config, db, homeserver, texts, fitter),
        door=door,
        bot=bot,
        outbox=Outbox(db, homeserver, ghosts, maker),
        outgoing=Outgoing(db, connections, notice),
        incoming=Incoming(
            db,
            connections,
            ghosts,
            IncomingSettings(config.appservice.ghost_name, _labels(texts, language)),
            login_lost,
        ),
        connections=connections,
        housekeeper=Housekeeper(db, bot),
        mailer=Mailer(db, _mailer_settings(config)) if config.mail.host else None,
    )


async def _take_in_earlier(db: Database, homeserver: Homeserver, door: Door, room_id: str) -> None:
    """Queue what was written in a room before the bot was in it."""
    events = [
        {**event, "room_id": room_id}
        for event in await homeserver.recent_events(room_id, _EARLIER_EVENTS)
        if event.get("type") in {"m.room.message", "m.room.encrypted"}
    ]
    events = [event for event in events if door.concerns_us(event)]
    async with db.write() as tx:
        await take_in(tx, door, events)


def _labels(texts: Texts, language: str) -> Callable[[str], str]:
    """Return what turns the kinds of what cannot be shown into words."""

    def one(kind: str) -> str:
        key = "label-service" if kind.startswith("service:") else f"label-{kind.replace('_', '-')}"
        try:
            return texts.text(language, key).body
        except TextMissingError:
            return texts.text(language, "label-other").body

    return lambda notice: " ".join(one(kind) for kind in notice.split(", "))


def _mailer_settings(config: Config) -> MailerSettings:
    mail = config.mail
    return MailerSettings(
        host=mail.host,
        port=mail.port,
        security=mail.security,
        sender=mail.sender,
        patience=int(mail.days * _DAY_MS),
        waits=tuple(int(minutes * _MINUTE_MS) for minutes in mail.retry_minutes),
        user=mail.user,
        password=mail.password,
    )


def _bot_settings(config: Config) -> BotSettings:
    return BotSettings(
        bot_mxid=config.bot_mxid,
        ghost_prefix=f"@{config.appservice.ghost_prefix}",
        public_url=config.school.public_url.rstrip("/"),
        support_contact=config.school.support,
        invite_life=int(config.school.invite_days * _DAY_MS),
        attempts=config.school.code_attempts,
        attempts_window=int(config.school.code_attempts_minutes * _MINUTE_MS),
        access_policy=config.school.parent_access,
        single_use=config.school.single_use,
        consent_age=config.school.consent_age,
        undo_life=config.school.undo_hours * 60 * _MINUTE_MS,
        pupil_invite_life=int(config.school.pupil_invite_days * _DAY_MS),
        creates_accounts=bool(config.homeserver.registration_shared_secret),
        sends_mail=bool(config.mail.host),
        applications=config.school.applications,
        default_language=config.school.language,
    )
