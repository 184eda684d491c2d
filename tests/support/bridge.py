"""A whole school for a test: a real Synapse, the stand-in, and the bridge as a process.

The school is small: two classes, a few pupils. Everybody has an account; parents are expected by
the roster and linked by nobody yet. Most tests share one such school and leave it as they found it.
"""

from __future__ import annotations

import asyncio
import secrets
import sys
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import aiohttp
from ruamel.yaml import YAML
from sqlalchemy import select

from sferum_bridge import config as settings
from sferum_bridge.app import opened_database, opened_homeserver, registrar
from sferum_bridge.cli.setup import write_registrations
from sferum_bridge.demo.processes import ChildProcess
from sferum_bridge.demo.synapse import SynapseProcess
from sferum_bridge.roster import make_plan, read, write_sample
from sferum_bridge.store import accounts, audit, chats, enrol, logins, rooms, schools
from sferum_bridge.store.tables import parent_links, people
from tests.support.databases import copy_tables, with_tables
from tests.support.ports import reserve_port
from tests.support.standin import StandIn
from tests.support.synapse import OVERRIDES, SERVER_NAME, settings_for

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence
    from datetime import date

    from sferum_bridge.config import Config
    from sferum_bridge.school.people import School
    from sferum_bridge.store.database import Database
    from tests.support.postgres import Database as FreshDatabase
    from tests.support.postgres import PostgresServer

BOT = f"@sferumbot:{SERVER_NAME}"
SECONDS = 60.0


async def until(condition: Callable[[], Awaitable[Any]], seconds: float = SECONDS) -> Any:
    """Wait until something holds and return it; fails when it does not in time."""
    async with asyncio.timeout(seconds):
        while not (found := await condition()):  # noqa: ASYNC110 - the processes have no event to wait for
            await asyncio.sleep(0.1)
        return found


@dataclass(frozen=True, slots=True)
class Member:
    """Somebody of the school who can sign in."""

    person_id: str
    mxid: str
    password: str


@dataclass(slots=True)
class Client:
    """A plain client of one account."""

    session: aiohttp.ClientSession
    url: str
    mxid: str
    token: str
    _since: dict[str, str] = field(default_factory=dict)

    async def call(self, method: str, where: str, body: Any = None, **query: str) -> Any:
        """Make a request below /_matrix/client/v3/; return status and JSON."""
        async with self.session.request(
            method,
            f"{self.url}/_matrix/client/v3/{where}",
            json=body if body is not None or method == "GET" else {},
            params=query,
            headers={"Authorization": f"Bearer {self.token}"},
        ) as answer:
            return answer.status, await answer.json(content_type=None)

    async def say(self, room_id: str, body: str, **more: Any) -> str:
        """Send a text; return its event id."""
        content = {"msgtype": "m.text", "body": body, **more}
        where = f"rooms/{room_id}/send/m.room.message/{secrets.token_hex(8)}"
        status, answer = await self.call("PUT", where, content)
        assert status == 200, answer
        return str(answer["event_id"])

    async def joined(self) -> set[str]:
        """Return the ids of the rooms the account is in."""
        _, answer = await self.call("GET", "joined_rooms")
        return set(answer["joined_rooms"])

    async def texts(self, room_id: str, limit: int = 100) -> list[tuple[str, str]]:
        """Return sender and body of the last messages of a room, the oldest first."""
        _, answer = await self.call("GET", f"rooms/{room_id}/messages", dir="b", limit=str(limit))
        return [
            (event["sender"], event["content"].get("body", ""))
            for event in reversed(answer.get("chunk", ()))
            if event["type"] == "m.room.message"
        ]

    async def direct_chat(self) -> str:
        """Open a direct chat with the bot, and wait until it greets: from then on it uses it."""
        body = {"preset": "trusted_private_chat", "is_direct": True, "invite": [BOT]}
        status, answer = await self.call("POST", "createRoom", body)
        assert status == 200, answer
        room_id = str(answer["room_id"])

        async def bot_greets() -> bool:
            return any(sender == BOT for sender, _ in await self.texts(room_id))

        await until(bot_greets)
        return room_id


class BridgedSchool:
    """The processes, and what a test asks of them."""

    def __init__(self, folder: Path, synapse: SynapseProcess, standin: StandIn) -> None:
        self.folder = folder
        self.synapse = synapse
        self.standin = standin
        self.members: list[Member] = []
        self._bridge: ChildProcess | None = None
        self._session: aiohttp.ClientSession | None = None
        self._clients: dict[str, Client] = {}

    # --- setting up -------------------------------------------------------------------------

    @classmethod
    async def start(
        cls,
        folder: Path,
        postgres: PostgresServer | None = None,
        *,
        classes: Sequence[str] = ("5А", "5Б"),
        pupils: int = 3,
        extension: bool = True,
        rooms: Mapping[str, Any] | None = None,
        media: Mapping[str, Any] | None = None,
        calls: Mapping[str, Any] | None = None,
        module: Mapping[str, Any] | None = None,
        **synapse_settings: Any,
    ) -> Self:
        """Start everything with an empty database, on PostgreSQL if it is given, and settle it.

        Without `extension` the homeserver closes nothing. `rooms`, `media` and `calls` are settings
        of the bridge, `module` of the extension, `synapse_settings` others of homeserver.yaml.
        """
        databases = []
        if postgres:
            databases = [await with_tables(postgres), await postgres.fresh_database()]
        else:
            await copy_tables(folder / "sferum-bridge.db")
        standin = StandIn(folder / "standin", "--calls-per-second", "0", "--no-shared-chat-ids")
        (folder / "standin").mkdir()
        await standin.start()
        values = _write_settings(folder, standin.url, databases[0] if databases else None)
        secret = values.homeserver.extension_secret
        contour = {"secret": secret, "bot": BOT, **(module or {})}
        registrations = write_registrations(values, folder)
        synapse = SynapseProcess(
            settings_for(
                folder,
                port=_port_of(values.homeserver.address),
                registrations=tuple(registrations),
                contour=contour if extension else None,
                overrides={**OVERRIDES, **synapse_settings},
                **({"database": databases[1].synapse} if databases else {}),
            )
        )
        school = cls(folder, synapse, standin)
        for section, given in {"rooms": rooms, "media": media, "calls": calls}.items():
            if given:
                school.change_settings(section, **given)
        if not extension:
            school.change_settings("homeserver", extension_secret="")
        try:
            await synapse.start()
            secret = synapse.registration_shared_secret
            school.change_settings("homeserver", registration_shared_secret=secret)
            await school.enrol(classes, pupils)
            await school.start_bridge()
            await school.settled()
        except BaseException:
            await school.stop()
            raise
        return school

    def change_settings(self, section: str, **values: Any) -> None:
        """Change settings of the bridge; they hold from its next start."""
        yaml = YAML()
        path = self.folder / "config.yaml"
        data = yaml.load(path)
        data[section] |= values
        with path.open("w", encoding="utf-8") as out:
            yaml.dump(data, out)

    async def enrol(self, classes: Sequence[str], pupils: int) -> None:
        """Add a school with such classes, and accounts for everybody in it."""
        sheet = self.folder / "roster.xlsx"
        staff = max(4, len(classes) + 1)
        write_sample(sheet, class_names=classes, pupils_per_class=pupils, staff=staff)
        reading = read(sheet)
        assert not reading.fatal
        values = self.config
        async with opened_database(values, self.folder) as db, opened_homeserver(values) as hs:
            async with db.write() as tx:
                school_id = await schools.add(tx, "Школа № 0", "Europe/Moscow", "ru")
                plan = make_plan(reading.roster, await enrol.known(tx, school_id), _today(db))
                await enrol.carry_out(tx, school_id, plan, "test")
            async with db.read() as tx:
                missing = await accounts.without_account(tx, school_id)
            maker = registrar(values, db, hs)
            for person in missing:
                mxid, password = await maker.create(person)
                self.members.append(Member(person.id, mxid, password))

    @property
    def config(self) -> Config:
        """Return the settings; read anew only when the file is another."""
        path = self.folder / "config.yaml"
        state = path.stat()
        return _read_settings(path, state.st_mtime_ns, state.st_size)

    async def start_bridge(self) -> None:
        """Start the bridge."""
        path = str(self.folder / "config.yaml")
        self._bridge = ChildProcess(
            "the bridge",
            [sys.executable, "-m", "sferum_bridge", "run", "--config", path],
            log_path=self.folder / "bridge.log",
            cwd=self.folder,
        )
        self._bridge.start()

    async def kill_bridge(self) -> None:
        """End the bridge with SIGKILL."""
        assert self._bridge is not None
        await self._bridge.kill()

    async def stop_bridge(self) -> int | None:
        """End the bridge as an operator does; return its exit code."""
        assert self._bridge is not None
        await self._bridge.stop()
        return self._bridge.returncode

    async def stop(self) -> None:
        """End everything."""
        if self._session is not None:
            await self._session.close()
        if self._bridge is not None:
            await self._bridge.stop()
        await self.standin.stop()
        await self.synapse.stop()

    def peak_mib(self) -> float:
        """Return the most memory that the running bridge ever had."""
        assert self._bridge is not None
        status = Path(f"/proc/{self._bridge.pid}/status").read_text("ascii")
        return int(status.partition("VmHWM:")[2].split()[0]) / 1024

    def log(self) -> str:
        """Return what the bridge has logged."""
        return (self.folder / "bridge.log").read_text(encoding="utf-8")

    # --- asking -----------------------------------------------------------------------------

    def database(self) -> Any:
        """Open the bridge's database beside it."""
        return opened_database(self.config, self.folder)

    async def status(self) -> Any:
        """Return what /status says, `None` while the bridge does not answer."""
        values = self.config
        address = f"http://127.0.0.1:{values.appservice.port}/status"
        headers = {"Authorization": f"Bearer {values.web.status_token}"}
        try:
            async with self.session.get(address, headers=headers) as answer:
                assert answer.status == 200, await answer.text()
                return await answer.json()
        except aiohttp.ClientConnectionError:
            return None

    async def settled(self, seconds: float = 180) -> Any:
        """Wait until the rooms are as the school wants them; return /status."""

        async def done() -> Any:
            status = await self.status()
            return status if status and all(s["settled"] for s in status["schools"]) else None

        return await until(done, seconds)

    async def school(self) -> School:
        """Return the school as the bridge knows it."""
        async with self.database() as db, db.read() as tx:
            record = (await schools.records(tx))[0]
            return await schools.load(tx, record.id)

    async def room(self, kind: str, class_name: str = "") -> str:
        """Return the id of a room of whichever school has the class; empty while there is none."""
        async with self.database() as db, db.read() as tx:
            for record in await schools.records(tx):
                school = await schools.load(tx, record.id)
                places = {c.name: c.id for c in school.classes.values()} | {"": record.id}
                if class_name in places:
                    made = await rooms.of_school(tx, record.id)
                    room = made.get(f"{kind}/{places[class_name]}")
                    return room.room_id if room else ""
        raise LookupError(class_name)

    def member(self, person_id: str) -> Member:
        """Return how somebody signs in."""
        return next(m for m in self.members if m.person_id == person_id)

    @property
    def session(self) -> aiohttp.ClientSession:
        """Return the HTTP session of the tests' clients."""
        if self._session is None:
            self._session = aiohttp.ClientSession()
        return self._session

    async def client(self, person_id: str) -> Client:
        """Sign somebody in, once."""
        if person_id not in self._clients:
            member = self.member(person_id)
            body = {
                "type": "m.login.password",
                "identifier": {"type": "m.id.user", "user": member.mxid},
                "password": member.password,
            }
            where = f"{self.synapse.url}/_matrix/client/v3/login"
            async with self.session.post(where, json=body) as answer:
                token = (await answer.json())["access_token"]
            self._clients[person_id] = Client(self.session, self.synapse.url, member.mxid, token)
        return self._clients[person_id]

    async def bot_calls(self, method: str, where: str, body: Any = None) -> Any:
        """Make a request as the bridge's own appservice, to look behind the scenes."""
        token = self.config.appservice.as_token
        return await Client(self.session, self.synapse.url, BOT, token).call(method, where, body)

    async def link_chat(
        self, person_id: str, room_id: str, title: str, others: Sequence[str], *, relay: bool
    ) -> LinkedChat:
        """Give a teacher an account in the stand-in with a chat, and link it to a room."""
        control = self.standin.control
        mxid = self.member(person_id).mxid
        owner = await control.add_user("Учительница", "Сказочная")
        users = [await control.add_user(*name.split(" ")) for name in others]
        chat = await control.add_chat(title, owner.user_id, [user.user_id for user in users])
        async with self.database() as db, db.write() as tx:
            login = await chats.save_login(
                tx, logins.SFERUM, str(owner.user_id), owner.name, mxid, owner.cookie
            )
            peer = str(chat.peers[owner.user_id])
            await chats.link(tx, chats.Chat(login, peer, room_id, relay))
            audit.record(tx, "test", "chat.link", room_id)

        async def listening() -> bool:
            async with self.database() as db, db.read() as tx:
                return bool(await chats.cursor(tx, login))

        await until(listening, 90)
        return LinkedChat(chat.chat, owner.user_id, tuple(u.user_id for u in users), login, peer)


@dataclass(frozen=True, slots=True)
class LinkedChat:
    """A chat of the stand-in that is linked to a room."""

    chat: int
    owner: int
    others: tuple[int, ...]
    login_id: str
    peer: str


@lru_cache(maxsize=4)
def _read_settings(path: Path, _changed: int, _size: int) -> Config:
    # It is asked for at every look of every wait, and takes longer to read than all else of one.
    return settings.load(path)


async def names_of_parents(db: Database, child_id: str) -> list[str]:
    """Return the given names of a child's live parents."""
    query = (
        select(people.c.given_name)
        .join(parent_links, parent_links.c.parent_id == people.c.id)
        .where(parent_links.c.child_id == child_id, parent_links.c.slot.is_not(None))
    )
    async with db.read() as tx:
        return [row.given_name for row in await tx.all(query)]


def _write_settings(folder: Path, standin_url: str, database: FreshDatabase | None) -> Config:
    yaml = YAML()
    data = yaml.load(settings.upgrade("", secret=lambda: secrets.token_urlsafe(32)))
    port, synapse_port = reserve_port(), reserve_port()
    address = f"http://127.0.0.1:{port}"
    data["homeserver"] |= {"address": f"http://127.0.0.1:{synapse_port}", "domain": SERVER_NAME}
    data["appservice"] |= {"address": address, "port": port}
    data["school"]["public_url"] = address
    data["sferum"] |= {"api_url": standin_url, "web_url": standin_url, "requests_per_second": 500}
    if database is not None:
        data["database"]["url"] = database.url
    path = folder / "config.yaml"
    with path.open("w", encoding="utf-8") as out:
        yaml.dump(data, out)
    return settings.load(path)


def _port_of(address: str) -> int:
    return int(address.rpartition(":")[2])


def _today(db: Database) -> date:
    return datetime.fromtimestamp(db.clock() / 1000, UTC).date()
