"""`sferum-bridge accounts` on paper: slips open what they say, whenever the making is killed."""

from __future__ import annotations

import asyncio
import json
import re
import signal
import sqlite3
import stat
import sys
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest
import pytest_asyncio
from click.testing import CliRunner
from ruamel.yaml import YAML

from sferum_bridge import config as settings
from sferum_bridge.app import opened_database
from sferum_bridge.cli import issuing, main
from sferum_bridge.matrix.client import Homeserver
from sferum_bridge.store import accounts, audit, chats, first_passwords
from tests.support import outside
from tests.support.bot import ADMIN, assign, expect, settle
from tests.support.inward import running_homeserver
from tests.support.synapse import BOT, Account

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from click.testing import Result

    from sferum_bridge.store.database import Tx
    from tests.support.synapse import Homeserver as Server

pytestmark = pytest.mark.asyncio(loop_scope="module")

SECRET = "an invented secret of an extension, long enough"
WORDS = re.compile(r"<dt>(?:Логин|Пароль|Login|Password)</dt><dd><code>(.*?)</code>")
TITLES = re.compile(r"<h2>(.*?)</h2>")


@dataclass(frozen=True)
class Slip:
    title: str
    login: str
    password: str


def slips_in(folder: Path) -> dict[str, list[Slip]]:
    """Return page → what is typed from its slips."""
    found = {}
    for path in folder.glob("*.html"):
        text = path.read_text("utf-8")
        words = WORDS.findall(text)
        pairs = zip(TITLES.findall(text), words[::2], words[1::2], strict=True)
        found[path.stem] = [Slip(*pair) for pair in pairs]
    return found


@dataclass
class Installation:
    """A school with people who have no account, at a Synapse that has the module."""

    folder: Path
    server: Server
    ids: dict[str, str] = field(default_factory=dict)

    @property
    def config(self) -> Path:
        return self.folder / "config.yaml"

    @property
    def database(self) -> Path:
        return self.folder / "sferum-bridge.db"

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Tx]:
        config = settings.load(self.config)
        async with opened_database(config, self.folder) as db, db.write() as tx:
            yield tx

    async def enrol(self, class_name: str, *names: str) -> None:
        async with self.transaction() as tx:
            for name in names:
                self.ids[name] = await accounts.add_person(tx, "Сочинская", name)
                class_id = self.ids[class_name]
                await assign(tx, self.ids, name, "enrolment", class_id=class_id)

    async def run(self, *words: str) -> Result:
        command = ["accounts", *words, "--config", str(self.config)]
        runner = CliRunner(env={"COLUMNS": "250"})
        return await asyncio.to_thread(runner.invoke, main, command)

    async def users(self) -> int:
        """Return how many people have an account on the homeserver."""
        admin = await self.server.account("counting", admin=True)
        where = "/_synapse/admin/v2/users"
        answer = await self.server.call("GET", where, by=admin, params={"limit": "500"})
        return sum("counting" not in user["name"] for user in answer.body["users"])

    async def opens(self, slip: Slip) -> Account:
        return await self.server.login(f"@{slip.login}:school.example", slip.password)

    def nothing_in_clear(self, *passwords: str) -> None:
        """Assert that no password stands in a database or log, of the bridge or Synapse."""
        kept = [path for path in self.folder.iterdir() if path.suffix not in {".html", ".yaml"}]
        kept += list(self.server.process.settings.folder.rglob("*"))
        seen = b"".join(outside.read(kept).values())
        assert len(seen) > 10_000
        for password in passwords:
            assert password.encode() not in seen


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def synapse(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Server]:
    folder = tmp_path_factory.mktemp("synapse-slips")
    contour = {"secret": SECRET, "bot": BOT}
    async with running_homeserver(folder, contour=contour) as server:
        yield server


@pytest_asyncio.fixture(loop_scope="module")
async def installation(synapse: Server, tmp_path: Path) -> Installation:
    made = Installation(tmp_path, synapse)
    made.config.write_text(settings.upgrade("", secret=lambda: "x" * 40), encoding="utf-8")
    registered = json.loads((synapse.process.settings.folder / "puppets.json").read_text("utf-8"))
    yaml = YAML()
    written = yaml.load(made.config)
    written["homeserver"] |= {
        "address": synapse.process.url,
        "extension_secret": SECRET,
        "registration_shared_secret": synapse.process.registration_shared_secret,
    }
    written["appservice"] |= {
        "as_token": synapse.bot.token,
        "double_puppet_token": registered["as_token"],
    }
    written["school"] |= {"client_url": "https://chat.school.example"}
    yaml.dump(written, made.config)
    async with opened_database(settings.load(made.config), tmp_path) as db, db.write() as tx:
        await settle(tx, made.ids)
    return made


async def twelve(made: Installation) -> None:
    """Add twelve people without accounts: nine pupils, two guardians, one teacher."""
    await made.enrol("5А", "Глеб", "Ада", "Ева", "Кай", "Лев")
    await made.enrol("9Б", "Фёкла", "Яна", "Ия", "Иван")
    async with made.transaction() as tx:
        for name in ("Мать", "Отец"):
            made.ids[name] = await accounts.add_person(tx, "Сочинская", name)
        await expect(tx, made.ids, "Глеб", "Мать")
        await expect(tx, made.ids, "Яна", "Мать")
        await expect(tx, made.ids, "Фёкла", "Отец")
        made.ids["Учитель"] = await accounts.add_person(tx, "Сочинская", "Учитель")
        await assign(tx, made.ids, "Учитель", "appointment", post="teacher")


PAGES = {
    "сотрудники": ["Учитель Сочинская"],
    "5А": [f"{name} Сочинская, 5А" for name in ("Ада", "Глеб", "Ева", "Кай", "Лев")],
    "9Б": [f"{name} Сочинская, 9Б" for name in ("Иван", "Ия", "Фёкла", "Яна")],
    # Who has children in two classes gets one slip.
    "5А-родители": ["Мать Сочинская, родитель, 5А"],
    "9Б-родители": ["Отец Сочинская, родитель, 9Б"],
}


async def test_slips_open_what_they_say_though_the_making_was_killed(
    installation: Installation,
) -> None:
    await twelve(installation)
    before = await installation.users()
    folder = installation.folder / "slips"
    command = [sys.executable, "-m", "sferum_bridge", "accounts", "create", "--at-once", "2"]
    command += ["--slips", str(folder), "--config", str(installation.config)]
    for made in (3, 7):
        process = await asyncio.create_subprocess_exec(
            *command, stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL
        )
        # Another process has no event to wait for.
        while _accounts(installation.database) < 5 + made and process.returncode is None:  # noqa: ASYNC110
            await asyncio.sleep(0.005)
        if process.returncode is None:
            process.send_signal(signal.SIGKILL)
        await process.wait()
    last = await installation.run("create", "--slips", str(folder))
    assert last.exit_code == 0, last.output
    pages = slips_in(folder)
    assert {page: [slip.title for slip in slips] for page, slips in pages.items()} == PAGES
    assert await installation.users() == before + 12
    everybody = [slip for slips in pages.values() for slip in slips]
    assert len({slip.login for slip in everybody}) == 12
    for slip in everybody:
        await installation.opens(slip)
        assert slip.password not in last.output
    installation.nothing_in_clear(*(slip.password for slip in everybody))
    # The names tell nothing, and nobody else opens the pages.
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert {stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()} == {0o600}
    again = await installation.run("create", "--slips", str(folder))
    assert again.exit_code == 0, again.output
    assert "0 first passwords." in again.stderr
    assert slips_in(folder) == pages


def _accounts(database: Path) -> int:
    with sqlite3.connect(database) as db:
        return int(db.execute("SELECT count(*) FROM accounts").fetchone()[0])


class KilledError(BaseException):
    """The process ends here."""


@pytest.mark.parametrize("answered", [False, True])
async def test_killed_at_any_request_nobody_gets_two_accounts(
    installation: Installation, monkeypatch: pytest.MonkeyPatch, *, answered: bool
) -> None:
    await installation.enrol("5А", "Глеб", "Ада")
    before = await installation.users()
    folder = installation.folder / "slips"
    real = Homeserver.request
    left = 0

    async def request(self: Homeserver, *args: Any, **options: Any) -> Any:
        nonlocal left
        left -= 1
        if not left and not answered:
            raise KilledError
        answer = await real(self, *args, **options)
        if not left:
            raise KilledError
        return answer

    monkeypatch.setattr(Homeserver, "request", request)
    for moment in range(1, 20):
        left = moment
        try:
            await issuing.create(installation.config, issuing.Wish(folder))
        except BaseExceptionGroup as e:
            assert e.subgroup(KilledError) is not None  # noqa: PT017 - or it went to the end
        else:
            break
    assert moment > 3
    [slips] = slips_in(folder).values()
    assert len(slips) == 2
    assert await installation.users() == before + 2
    for slip in slips:
        await installation.opens(slip)


async def test_a_page_replaces_no_other_and_lies_where_nobody_else_looks(
    installation: Installation,
) -> None:
    await installation.enrol("5А", "Глеб")
    folder = installation.folder / "slips"
    folder.mkdir()
    folder.chmod(0o755)
    refused = await installation.run("create", "--slips", str(folder))
    assert refused.exit_code == 1
    assert "chmod 700" in refused.stderr
    folder.chmod(0o700)
    (folder / "5А.html").write_text("somebody else's page")
    done = await installation.run("create", "--slips", str(folder), "--json")
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout) == {"page": str(folder / "5А-2.html"), "slips": 1}
    assert (folder / "5А.html").read_text() == "somebody else's page"
    assert "delete the pages" in done.stderr


async def test_a_lost_password_is_replaced_and_sessions_end(installation: Installation) -> None:
    await installation.enrol("5А", "Глеб")
    first = await installation.run("create", "--json")
    old = json.loads(first.stdout)
    mxid = old["mxid"]
    stolen = await installation.server.login(mxid, old["password"])
    # The account speaks in Sferum too: the bridge has a device there.
    async with installation.transaction() as tx:
        await chats.save_ghost(tx, mxid, "Глеб")

    asked = await installation.run("reset", "Глеб")
    assert asked.exit_code == 0, asked.output
    assert "Nothing has been changed" in asked.stdout
    assert (await installation.server.call("GET", "account/whoami", by=stolen)).status == 200

    folder = installation.folder / "slips"
    done = await installation.run("reset", mxid, "--yes", "--slips", str(folder))
    assert done.exit_code == 0, done.output
    [[slip]] = slips_in(folder).values()
    assert slip.title == "Глеб Сочинская, 5А"
    assert slip.password != old["password"]
    assert slip.password not in done.output
    assert (await installation.server.call("GET", "account/whoami", by=stolen)).status == 401
    wrong = await installation.server.call("POST", "login", _password(mxid, old["password"]))
    assert wrong.status == 403
    owner = await installation.opens(slip)
    devices = (await installation.server.call("GET", "devices", by=owner)).body["devices"]
    assert "SFERUMBRIDGE" in {device["device_id"] for device in devices}
    installation.nothing_in_clear(old["password"], slip.password)

    async with installation.transaction() as tx:
        log = await audit.entries(tx, people=[installation.ids["Глеб"]])
        assert [(e.actor, e.action) for e in log] == [("console", "account.reset")]
        assert log[0].school_id == installation.ids["school"]
        assert not await first_passwords.unprinted(tx)
    again = await installation.run("reset", "Глеб", "--yes", "--json")
    newest = json.loads(again.stdout)
    assert newest["password"] not in {old["password"], slip.password}
    await installation.server.login(mxid, newest["password"])


def _password(mxid: str, password: str) -> dict[str, Any]:
    who = {"type": "m.id.user", "user": mxid}
    return {"type": "m.login.password", "identifier": who, "password": password}


@pytest.mark.parametrize("moment", ["before", "after"])
async def test_a_reset_that_was_killed_goes_on_with_the_same_password(
    installation: Installation, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    await installation.enrol("5А", "Глеб")
    old = json.loads((await installation.run("create", "--json")).stdout)
    real = Homeserver.request

    async def request(self: Homeserver, *args: Any, **options: Any) -> Any:
        if options.get("kind") != "password":
            return await real(self, *args, **options)
        if moment == "after":
            await real(self, *args, **options)
        raise KilledError

    with monkeypatch.context() as patch:
        patch.setattr(Homeserver, "request", request)
        with pytest.raises(KilledError):
            await installation.run("reset", "Глеб", "--yes", "--json")
    told = await installation.run("create", "--json")
    assert told.stdout == ""
    assert "1 new passwords were begun" in told.stderr
    done = await installation.run("reset", "Глеб", "--yes", "--json")
    new = json.loads(done.stdout)
    assert (new["mxid"], new["password"] == old["password"]) == (old["mxid"], False)
    await installation.server.login(new["mxid"], new["password"])
    async with installation.transaction() as tx:
        log = await audit.entries(tx, people=[installation.ids["Глеб"]])
    assert [entry.action for entry in log] == ["account.reset"]


async def test_who_cannot_be_reset_is_told_why(installation: Installation) -> None:
    await installation.enrol("5А", "Глеб")
    nobody = await installation.run("reset", "Глеб", "--yes")
    assert "has no account yet" in nobody.stderr
    assert "Nobody at the school fits" in (await installation.run("reset", "Пётр Первый")).stderr
    # An administrator of the server is out of the bridge's reach.
    root = await installation.server.account("root", admin=True)
    async with installation.transaction() as tx:
        await accounts.add_account(tx, root.user_id, installation.ids["Глеб"])
    refused = await installation.run("reset", "Глеб", "--yes")
    assert refused.exit_code == 1
    assert "administers the server" in refused.stderr
    assert (await installation.server.call("GET", "account/whoami", by=root)).status == 200
    # An account that the server does not have.
    missing = await installation.run("reset", ADMIN, "--yes")
    assert "has no open account" in missing.stderr
    _change(installation.config, extension_secret="")
    without = await installation.run("reset", "Глеб", "--yes")
    assert "There is no homeserver extension" in without.stderr
    _change(installation.config, extension_secret="another secret " * 4)
    wrong = await installation.run("reset", "Глеб", "--yes")
    assert "extension_secret the same in both" in wrong.stderr


def _change(path: Path, **values: str) -> None:
    yaml = YAML()
    written = yaml.load(path)
    written["homeserver"] |= values
    yaml.dump(written, path)


async def test_the_list_says_who_is_signed_in(installation: Installation) -> None:
    await installation.enrol("5А", "Глеб", "Ада")
    made = await installation.run("create", "--json")
    rows = {row["name"]: row for row in map(json.loads, made.stdout.splitlines())}
    gleb, ada = rows["Глеб Сочинская"], rows["Ада Сочинская"]
    await installation.enrol("5А", "Лев")
    await installation.server.login(gleb["mxid"], gleb["password"])
    listed = await installation.run("list", "--json")
    assert listed.exit_code == 0, listed.output
    found = {row["name"]: row for row in json.loads(listed.stdout)}
    assert found["Глеб Сочинская"]["sessions"] == 1
    assert found["Глеб Сочинская"]["class_name"] == "5А"
    assert found["Ада Сочинская"] == {
        "person_id": installation.ids["Ада"],
        "name": "Ада Сочинская",
        "class_name": "5А",
        "mxid": ada["mxid"],
        "unprinted": False,
        "sessions": 0,
        "seen": "",
    }
    assert (found["Лев Сочинская"]["mxid"], found["Лев Сочинская"]["sessions"]) == ("", None)
    table = (await installation.run("list")).stdout
    assert "no account" in table
    assert gleb["mxid"] in table
    for row in rows.values():
        assert row["password"] not in table + listed.stdout


async def test_what_a_printed_password_was_made_from_is_forgotten(
    installation: Installation,
) -> None:
    await installation.enrol("5А", "Глеб")
    row = json.loads((await installation.run("create", "--json")).stdout)
    async with installation.transaction() as tx:
        known = await first_passwords.of_person(tx, installation.ids["Глеб"])
        assert known is not None
        assert (known.seed, known.mxid) == ("", row["mxid"])
        # The bot says once that it should be changed.
        told = [await first_passwords.told(tx, known.person_id, row["mxid"]) for _ in range(2)]
        assert told == [True, False]
