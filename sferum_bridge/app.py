"""The composition root: builds the parts, hands each what it needs, starts and stops them.

Nothing else constructs a part out of another package, and nothing here decides anything. All parts
run in one task group: whichever fails for good ends the rest, and a cancellation (SIGTERM, Ctrl-C)
ends all of them between two steps, each of which the next start can take up again.
"""

from __future__ import annotations

import asyncio
import logging
import math
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import aiohttp
from aiohttp import web
from sqlalchemy import make_url

from sferum_bridge import config as settings
from sferum_bridge.bot import commands, events, keys
from sferum_bridge.bot.document_keeper import DocumentKeeper
from sferum_bridge.bot.housekeeping import Housekeeper
from sferum_bridge.bot.import_reading import Fetching, Importer
from sferum_bridge.bot.link_standing import LinkStanding
from sferum_bridge.bot.messenger import Messenger
from sferum_bridge.bot.progress import ProgressTeller
from sferum_bridge.bot.releasing import Releaser
from sferum_bridge.bot.service import Bot
from sferum_bridge.bot.settings import BotSettings
from sferum_bridge.bot.texts import Texts
from sferum_bridge.bot.year_due import YearOpener
from sferum_bridge.mail.sender import Mailer, MailerSettings
from sferum_bridge.matrix import registration
from sferum_bridge.matrix.accounts import Registrar
from sferum_bridge.matrix.appservice import MOST_BYTES, Appservice, take_in
from sferum_bridge.matrix.client import Homeserver
from sferum_bridge.matrix.closing import Closing
from sferum_bridge.matrix.creation import RoomMaker
from sferum_bridge.matrix.door import BOT_LANE, Door
from sferum_bridge.matrix.enrolment import Enrolment
from sferum_bridge.matrix.facts import Facts
from sferum_bridge.matrix.ghosts import Ghosts
from sferum_bridge.matrix.hiding import hide
from sferum_bridge.matrix.issuing import Issuer
from sferum_bridge.matrix.lanes import Lanes
from sferum_bridge.matrix.open_files import OpenFiles
from sferum_bridge.matrix.outbox import Outbox
from sferum_bridge.matrix.owning import Owner
from sferum_bridge.matrix.passwords import Passwords
from sferum_bridge.matrix.policy import Policy
from sferum_bridge.matrix.posts import Posts
from sferum_bridge.matrix.reading import Reading
from sferum_bridge.matrix.room import RoomFitter
from sferum_bridge.matrix.rooms import KeeperSettings, RoomKeeper
from sferum_bridge.matrix.shelf import Shelf
from sferum_bridge.matrix.throttle import Throttle
from sferum_bridge.matrix.watch import Watch, WatchSettings
from sferum_bridge.matrix.wishes import Wishes
from sferum_bridge.network.base import NeedsPerson
from sferum_bridge.network.patience import Patience
from sferum_bridge.network.space import Space
from sferum_bridge.network.vk import MEDIA_HOSTS, REACTIONS, VkNetwork, VkSettings
from sferum_bridge.relay import puppets
from sferum_bridge.relay.connections import Connections
from sferum_bridge.relay.inward.queueing import Manner
from sferum_bridge.relay.inward.way import Inward, InwardSettings
from sferum_bridge.relay.outward.reports import Shown
from sferum_bridge.relay.outward.way import Outward, OutwardSettings
from sferum_bridge.school import quiet
from sferum_bridge.school.attachments import MEGABYTE
from sferum_bridge.store import documents, logins, migrate, news, queues
from sferum_bridge.store.away import Unreachable
from sferum_bridge.store.blobs import Blobs
from sferum_bridge.store.database import Database, open_database
from sferum_bridge.store.sealing import Sealer
from sferum_bridge.web.invite import InvitePage
from sferum_bridge.web.letting import Letting
from sferum_bridge.web.link import LinkPage
from sferum_bridge.web.link_parts import LinkParts
from sferum_bridge.web.pages import Pages, Site
from sferum_bridge.web.parts import Parts
from sferum_bridge.web.pupil import PupilPage, PupilPageSettings
from sferum_bridge.web.server_log import ServerLog
from sferum_bridge.web.session import Visits
from sferum_bridge.web.signin import Attempts, SignIn
from sferum_bridge.web.status import Status

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Mapping, Sequence

    from sferum_bridge.config import Config
    from sferum_bridge.matrix.lanes import Note
    from sferum_bridge.network.base import Network, NetworkError
    from sferum_bridge.store.chats import Login
    from sferum_bridge.store.database import Tx
    from sferum_bridge.store.holding import Hold
    from sferum_bridge.store.queues import Item

log = logging.getLogger(__name__)

_MINUTE_MS = 60_000
_DAY_MS = 24 * 3600 * 1000
_HTTP_SECONDS, _HTTP_CONNECTIONS = 120.0, 64
_SECONDS_TO_ANSWER = 5.0
"""What a request under way has when the bridge is asked to end: nobody waits for it a minute."""
# What somebody wrote between inviting the bot and its joining is read afterwards, so many events.
_EARLIER_EVENTS = 20
_TWO = 2


class NotDirect(Exception):
    """The bot was invited to a direct chat in which there are more than two."""


@asynccontextmanager
async def opened_database(config: Config, folder: Path) -> AsyncIterator[Database]:
    """Open the database of an installation and bring its tables up to date.

    Relative paths of the settings are taken from `folder`. Raises `ConfigError`, `SchemaError` and,
    where a SQLite file has no folder, `Unreachable`.
    """
    url = settings.database_url(config, folder)
    address = make_url(url)
    # Found out now: a driver that cannot open a file does not end in good order.
    is_file = address.get_backend_name() == "sqlite" and bool(address.database)
    if is_file and not Path(str(address.database)).parent.is_dir():
        raise Unreachable(address, FileNotFoundError())
    key = settings.secret_key(folder / config.database.secret_key_file)
    db = open_database(url, Sealer(key), connections=config.database.connections)
    try:
        await migrate.upgrade(db)
        yield db
    finally:
        await db.close()


@asynccontextmanager
async def opened_homeserver(config: Config) -> AsyncIterator[Homeserver]:
    """Open the connections to the homeserver; nothing is asked yet."""
    timeout = aiohttp.ClientTimeout(total=_HTTP_SECONDS)
    # More than a homeserver works on at once; each takes memory that is never given back.
    connector = aiohttp.TCPConnector(limit=_HTTP_CONNECTIONS)
    async with aiohttp.ClientSession(timeout=timeout, connector=connector) as session:
        yield Homeserver(
            session,
            config.homeserver.address,
            as_token=config.appservice.as_token,
            puppet_token=config.appservice.double_puppet_token,
            bot_mxid=config.bot_mxid,
        )


def network(config: Config, space: Space | None = None) -> Network:
    """Build the connection to Sferum. Call it inside a running event loop.

    `space` is where files lie on their way, if they share it with others.
    """
    return VkNetwork(
        VkSettings(
            api_url=config.sferum.api_url,
            web_url=config.sferum.web_url,
            app_id=config.sferum.app_id,
            api_version=config.sferum.api_version,
            requests_per_second=config.sferum.requests_per_second,
            max_reply_bytes=config.sferum.reply_megabytes * MEGABYTE,
            media_hosts=(*MEDIA_HOSTS, *config.sferum.more_media_hosts),
            reactions=REACTIONS | config.sferum.reactions,
        ),
        space,
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


def issuer(config: Config, db: Database, homeserver: Homeserver) -> Issuer:
    """Build what gives people accounts and first passwords."""
    passwords = Passwords(homeserver, config.homeserver.extension_secret)
    return Issuer(db, homeserver, registrar(config, db, homeserver), passwords)


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
    posts: Posts
    shelf: Shelf
    reading: Reading
    outward: Outward
    inward: Inward
    connections: Connections
    housekeeper: Housekeeper
    link_standing: LinkStanding
    releaser: Releaser
    year_opener: YearOpener
    document_keeper: DocumentKeeper
    closing: Closing
    mailer: Mailer | None
    """None where no mail server is set."""

    async def run(
        self, hold: Hold, ready: Callable[[], None] = lambda: None, *, take_over: bool = False
    ) -> None:
        """Serve for ever on a database that is held; `ready` is called once it listens.

        With `take_over` this database takes the place of the one that the bot worked for.
        """
        runner = await self._serve()
        ready()
        try:
            await self.ghosts.ready_bot(self.config.appservice.bot_name)
            owner = Owner(self.db, self.homeserver)
            await owner.check(take_over=take_over)
            await self.facts.start()
            await owner.take()
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(hold.keep())
                tasks.create_task(self._ask_for_events())
                tasks.create_task(self._outbox_lanes().run())
                tasks.create_task(self._inbox_lanes().run())
                tasks.create_task(self.facts.run())
                tasks.create_task(self.keeper.run())
                tasks.create_task(ProgressTeller(self.db, self.bot, self.keeper.progress).run())
                tasks.create_task(self.watch.run())
                tasks.create_task(self.housekeeper.run())
                tasks.create_task(self.releaser.run())
                tasks.create_task(self.year_opener.run())
                tasks.create_task(self.document_keeper.sweep())
                tasks.create_task(self.closing.run())
                tasks.create_task(self.reading.run())
                if self.config.sferum.enabled:
                    tasks.create_task(self.inward.run())
                    tasks.create_task(self.outward.run())
                    tasks.create_task(self.link_standing.run())
                if self.mailer is not None:
                    tasks.create_task(self.mailer.run())
        finally:
            await runner.cleanup()
            await self.inward.close()
            await self.connections.close()

    async def _ask_for_events(self) -> None:
        if not await self.homeserver.ask_for_events(registration.OWN):
            address = self.config.appservice.address
            log.warning("The homeserver does not reach the bridge at %s; is that right?", address)

    async def _serve(self) -> web.AppRunner:
        server = web.Application(client_max_size=MOST_BYTES)
        hs_token = self.config.appservice.hs_token
        token = self.config.web.status_token
        status = Status(self.db, self.homeserver, self.facts, self.keeper, token)
        pages = Pages(self.texts, Site(self.config.school.public_url), self.config.school.language)
        life = int(self.config.web.session_minutes * _MINUTE_MS)
        visits = Visits(self.db.sealer, pages.site, life, self.db.clock)
        invite_page, link_page = self._pages_to_sign_in_on(pages, visits)
        pupil_page = self._pupil_page(pages, visits)
        appservice = Appservice(
            self.db,
            hs_token,
            self.door,
            self._heard,
            asks_again=lambda: not self.facts.standing.tells_all,
        )
        for part in (appservice, invite_page, link_page, pupil_page, status):
            server.add_routes(part.routes())
        # No access log: addresses of invites would stand in it.
        runner = web.AppRunner(
            server,
            access_log=None,
            logger=ServerLog(),
            handle_signals=False,
            shutdown_timeout=_SECONDS_TO_ANSWER,
        )
        await runner.setup()
        at = self.config.appservice
        await web.TCPSite(runner, at.hostname, at.port).start()
        return runner

    def _pages_to_sign_in_on(self, pages: Pages, visits: Visits) -> tuple[InvitePage, LinkPage]:
        at, web_settings = self.config.homeserver, self.config.web
        attempts = Attempts(
            web_settings.sign_in_attempts,
            web_settings.sign_in_attempts_of_address,
            int(web_settings.sign_in_attempts_minutes * _MINUTE_MS),
        )
        told = (pages, visits, self.config.bot_mxid, self.config.school.support, at.typed)
        # One for both: what fails on one page counts on the other.
        sign_in = SignIn(at.address, at.public_address, at.domain, self.db.clock, attempts)
        letting = Letting(self.db, self.homeserver.membership, self.config.calls.meetings)
        here = web_settings.sign_in
        return (
            InvitePage(pages, visits, Parts(*told), sign_in, self.bot, here=here),
            LinkPage(pages, visits, LinkParts(*told), sign_in, letting, here=here),
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

    def _heard(self, events: Sequence[Any]) -> None:
        """Take what the homeserver says of the moment, for whoever cares."""
        self.reading.heard(events)
        self.outward.heard(events)

    def _inbox_lanes(self) -> Lanes:
        return Lanes(self.db, queues.INBOX, self._handle, give_up=self._give_up)

    async def _give_up(self, item: Item) -> None:
        if item.lane.startswith(documents.LANE):
            await self.document_keeper.give_up(item)
        # The bot tells of what it fails on itself.
        elif not item.lane.startswith(BOT_LANE):
            await self.outward.give_up(item)

    def _outbox_lanes(self) -> Lanes:
        return Lanes(
            self.db,
            queues.OUTBOX,
            self._send,
            is_apart=self.inward.is_apart,
            foresee=self.inward.foresee,
            give_up=self._give_up_sending,
        )

    async def _give_up_sending(self, item: Item) -> None:
        if self.inward.is_ours(item):
            await self.inward.give_up(item)

    async def _send(self, item: Item) -> Note | None:
        if self.inward.is_ours(item):
            return await self.inward.handle(item)
        if self.posts.is_ours(item):
            await self.posts.handle(item)
        elif self.shelf.is_ours(item):
            await self.shelf.handle(item)
        else:
            await self.outbox.handle(item)
        return None

    async def _handle(self, item: Item) -> None:
        if item.lane.startswith(BOT_LANE):
            await self.bot.handle(item)
        elif item.lane.startswith(documents.LANE):
            await self.document_keeper.handle(item)
        else:
            await self.outward.handle(item)


@asynccontextmanager
async def built(
    config: Config, db: Database, homeserver: Homeserver, folder: Path
) -> AsyncIterator[Bridge]:
    """Build a bridge out of its settings; relative paths in them are taken from `folder`."""
    texts = Texts()
    language = config.school.language
    prefix = config.appservice.ghost_prefix
    ghosts = Ghosts(db, homeserver, prefix)
    policy = Policy(db, homeserver, config.homeserver.extension_secret, ghost_prefix=prefix)
    facts = Facts(db, policy, config.school.contacts, config.media.policies)
    maker = RoomMaker(db, homeserver)
    open_files = OpenFiles(homeserver, config.homeserver.extension_secret)
    space = Space(config.media.disk_bytes)
    sferum = network(config, space) if config.sferum.enabled else None
    connections = Connections(db, {logins.SFERUM: sferum} if sferum else {})
    bot_settings = _bot_settings(config)

    def is_for_the_bot(content: Mapping[str, Any]) -> bool:
        said = events.written(content)
        return (
            commands.parse(said, prefix=bot_settings.prefix, direct=False) is not None
            # The key of somebody's login: the bot takes it away, the relay must not carry it.
            or bool(keys.find_in(content))
        )

    door = Door(
        bot_mxid=config.bot_mxid,
        ghost_prefix=prefix,
        own_mark=puppets.MARK,
        is_copied=partial(puppets.is_copied, db.sealer),
        is_for_the_bot=is_for_the_bot,
    )

    async def join(room_id: str) -> None:
        await homeserver.join(room_id)
        if len(await homeserver.people_in(room_id) or ()) > _TWO:
            # Called direct, and others are in it: no place for what the bot tells one person.
            await homeserver.leave(room_id)
            raise NotDirect(room_id)
        await _take_in_earlier(db, homeserver, door, room_id)

    async def login_lost(tx: Tx, login: Login, error: NetworkError) -> None:
        content = {"login": login.id, "confirm": isinstance(error, NeedsPerson)}
        await news.put(tx, logins.LOST, content)

    def notice(key: str, chosen: str, **values: Any) -> Mapping[str, Any]:
        return texts.text(chosen or language, key, **values).content(notice=True)

    bot = Bot(
        db,
        texts,
        bot_settings,
        join,
        homeserver.name_of,
        policy.contacts_of,
        partial(hide, homeserver),
        Messenger(
            db,
            sferum,
            connections.connector,
            connections.drop,
            personal=config.sferum.personal_chats,
        ),
        homeserver.event,
        open_files.may_pass_on,
        Importer(db, Fetching(homeserver, open_files), config.imports.megabytes),
    )
    wishes = Wishes(texts.room_name)
    throttle = Throttle(config.rooms.at_once, config.rooms.rest)
    homeserver.heard = throttle.heard
    fitter = RoomFitter(
        db,
        homeserver,
        version=config.rooms.version,
        ghost_prefix=prefix,
        enrolment=Enrolment(homeserver, config.homeserver.extension_secret),
        throttle=throttle,
        batch=config.rooms.batch,
    )
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
            throttle,
        ),
        watch=watch(config, db, homeserver, texts, fitter),
        door=door,
        bot=bot,
        outbox=Outbox(db, homeserver, maker),
        posts=Posts(db, homeserver),
        shelf=Shelf(db, homeserver),
        reading=Reading(db, bot_settings.is_ours),
        outward=Outward(
            db,
            homeserver,
            ghosts,
            connections,
            _outward_settings(config, bot_settings.prefix, is_for_the_bot),
            notice,
            open_files.may_pass_on,
        ),
        inward=Inward(
            db, homeserver, ghosts, connections, _inward_settings(config, texts, space), login_lost
        ),
        connections=connections,
        housekeeper=Housekeeper(
            db,
            bot,
            bot_settings.call_life,
            bot_settings.batch_life,
            int(config.imports.wait_hours * 60 * _MINUTE_MS),
        ),
        link_standing=LinkStanding(db, bot),
        releaser=Releaser(db, bot),
        year_opener=YearOpener(db, config.school.kept_days),
        document_keeper=DocumentKeeper(
            db,
            homeserver,
            maker,
            open_files,
            Blobs(folder / config.documents.folder),
            texts,
            bot_settings,
        ),
        closing=Closing(db, homeserver, open_files),
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


def _outward_settings(
    config: Config, prefix: str, is_private: Callable[[Mapping[str, Any]], bool]
) -> OutwardSettings:
    shown = Shown(config.sferum.delivery_status)
    patience = Patience(
        config.sferum.send_tries,
        config.sferum.send_seconds,
        config.sferum.slow_hours * 3600,
        memory=math.inf,
    )
    return OutwardSettings(config.media.policies, prefix, shown, patience, is_private)


def _inward_settings(config: Config, texts: Texts, space: Space) -> InwardSettings:
    say = partial(texts.text, config.school.language)
    manner = Manner(config.appservice.ghost_name, say, ZoneInfo(config.school.timezone))
    return InwardSettings(
        manner,
        config.media.policies,
        config.sferum.history,
        space,
        personal=config.sferum.personal_chats,
        everybody=config.sferum.members == "all",
    )


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
        batch_life=config.school.undo_days * _DAY_MS,
        import_megabytes=config.imports.megabytes,
        import_percents=config.imports.percents,
        kept_days=config.school.kept_days,
        pupil_invite_life=int(config.school.pupil_invite_days * _DAY_MS),
        creates_accounts=bool(config.homeserver.registration_shared_secret),
        sends_mail=bool(config.mail.host),
        applications=config.school.applications,
        sferum=config.sferum.enabled,
        personal_chats=config.sferum.personal_chats,
        sferum_calls=config.calls.sferum,
        meetings=config.calls.meetings,
        call_life=int(config.calls.hours * 60 * _MINUTE_MS),
        broadcast_hosts=frozenset(config.calls.broadcast_hosts),
        default_language=config.school.language,
        quiet_hours=quiet.read(config.school.quiet_hours),
        documents=config.document_rules,
    )
