"""`sferum-bridge doctor` at real Synapses: one set up as the demo's, one with everything wrong."""

from __future__ import annotations

import asyncio
import json
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest
import pytest_asyncio
from click.testing import CliRunner
from ruamel.yaml import YAML

from sferum_bridge.app import opened_database
from sferum_bridge.cli import main
from sferum_bridge.cli.setup import write_registrations
from sferum_bridge.demo import parts
from sferum_bridge.demo.folder import DemoFolder
from sferum_bridge.demo.processes import ChildProcess
from sferum_bridge.store import accounts, audit
from tests.support.ports import reserve_port

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from click.testing import Result

    from sferum_bridge.config import Config
    from sferum_bridge.demo.synapse import SynapseProcess

MODULE = pytest.mark.asyncio(loop_scope="module")
CHILD = f"@lev:{parts.SERVER_NAME}"


@dataclass(slots=True)
class Place:
    """A demo's folder with its Synapse, and the doctor in it."""

    folder: DemoFolder
    config: Config
    synapse: SynapseProcess

    async def doctor(self, *words: str, code: int = 0) -> Result:
        """Call the doctor; fails when it does not end as expected."""

        def call() -> Result:
            command = ["doctor", "--lang", "en", "--config", str(self.folder.config), *words]
            return CliRunner(env={"COLUMNS": "300"}).invoke(main, command)

        result = await asyncio.to_thread(call)
        assert result.exit_code == code, result.output
        for secret in (
            self.config.homeserver.extension_secret,
            self.config.homeserver.registration_shared_secret,
            self.config.appservice.as_token,
            self.config.appservice.double_puppet_token,
        ):
            assert secret not in result.output
        return result

    async def findings(self, *words: str, code: int) -> list[dict[str, Any]]:
        """Return what the doctor tells programs."""
        result = await self.doctor("--json", *words, code=code)
        return list(json.loads(result.stdout)["findings"])


async def place(path: Path) -> Place:
    """Set up the folder of a demo: settings, registrations, a database with one pupil's account."""
    folder = DemoFolder(path)
    folder.open()
    ports = {name: reserve_port() for name in parts.PORTS}
    config = parts.write_config(folder, ports)
    registrations = write_registrations(config, folder.path)
    async with opened_database(config, folder.path) as db, db.write() as tx:
        person_id = await accounts.add_person(tx, "Сказочный", "Лев")
        await accounts.add_account(tx, CHILD, person_id)
        audit.record(tx, "test", "account.add", person_id)
    return Place(folder, config, parts.synapse(folder, config, ports["synapse"], registrations))


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def well(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Place]:
    """Give a demo's Synapse, running."""
    made = await place(tmp_path_factory.mktemp("well"))
    await made.synapse.start()
    yield made
    await made.synapse.stop()


@MODULE
async def test_the_demos_own_synapse_is_in_order(well: Place) -> None:
    found = await well.findings(code=0)
    states = {one["state"] for one in found}
    assert states <= {"ok", "note"}, found
    looked_at = {one["check"] for one in found}
    assert {"federation", "module-secret", "facts", "token-puppet", "clock"} <= looked_at
    # No bridge ran here, so nothing was pushed yet, and that is said.
    [facts] = [one for one in found if one["check"] == "facts"]
    assert (facts["state"], facts["found"]) == ("note", "generation 0")


@MODULE
async def test_it_reads_well_and_has_nothing_to_paste(well: Place) -> None:
    told = await well.doctor()
    assert "All is well." in told.stderr
    assert str(well.synapse.config_path) in told.stderr
    assert "experimental_features.msc4263" in told.stdout
    hosts = json.loads((await well.doctor("--json")).stdout)["outbound"]
    assert {one["host"] for one in hosts if one["outside"]} == {"*"}
    assert {one["purpose"] for one in hosts if one["outside"]} == {"push"}
    fix = await well.doctor("--fix")
    assert fix.stdout == "# There is nothing to change in homeserver.yaml.\n"


@MODULE
async def test_without_homeserver_yaml_it_says_what_the_server_says(well: Place) -> None:
    elsewhere = well.folder.path / "elsewhere"
    elsewhere.mkdir()
    for name in ("config.yaml", "sferum-bridge.db", "sferum-bridge.key"):
        (elsewhere / name).write_bytes((well.folder.path / name).read_bytes())
    alone = Place(DemoFolder(elsewhere), well.config, well.synapse)
    found = await alone.findings(code=1)
    state = {one["what"]: one["state"] for one in found}
    assert state["federation_domain_whitelist"] == "unknown"
    assert state["GET publicRooms"] == "ok"
    assert "wrong" not in state.values()
    told = await alone.doctor(code=1)
    assert "--homeserver-yaml" in told.stderr


BAD: dict[str, Any] = {
    "federation_domain_whitelist": None,
    "allow_public_rooms_without_auth": True,
    "require_auth_for_profile_requests": False,
    "limit_profile_requests_to_users_who_share_rooms": False,
    "enable_registration": True,
    "enable_registration_without_verification": True,
    "allow_guest_access": "yes",
    "alias_creation_rules": [{"user_id": "@x:*", "action": "deny"}, {"action": "allow"}],
    "user_directory": {"search_all_users": True, "prefer_local_users": True},
    "max_event_delay_duration": "24h",
    "default_identity_server": "https://identity.example.org",
    "turn_uris": ["turn:turn.example.org:3478?transport=udp"],
    "trusted_key_servers": [{"server_name": "matrix.org"}],
    "auto_accept_invites": {"enabled": True},
    "experimental_features": {"msc3720_enabled": True, "msc4235_enabled": True},
    "modules": [],
}
NOISY = {
    "version": 1,
    "handlers": {"output": {"class": "logging.StreamHandler"}},
    "loggers": {"synapse.storage.SQL": {"level": "DEBUG"}},
    "root": {"level": "WARNING", "handlers": ["output"]},
}
FOREIGN: dict[str, Any] = {
    "id": "other-bridge",
    "url": "https://telegram.example.org",
    "as_token": "the other bridge's own token",
    "hs_token": "the other one of it",
    "sender_localpart": "telegrambot",
    "namespaces": {"users": [{"exclusive": False, "regex": "@.*"}], "rooms": [], "aliases": []},
}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def ill(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Place]:
    """Give a Synapse that starts with a second file of bad settings over the demo's."""
    made = await place(tmp_path_factory.mktemp("ill"))
    made.synapse.prepare()
    folder = made.synapse.settings.folder
    (folder / "foreign.yaml").write_text(json.dumps(FOREIGN), "utf-8")
    (folder / "noisy.yaml").write_text(json.dumps(NOISY), "utf-8")
    bad = BAD | {
        "app_service_config_files": [
            str(made.folder.path / "registration.yaml"),
            str(folder / "foreign.yaml"),
        ],
        "log_config": str(folder / "noisy.yaml"),
    }
    (folder / "worse.yaml").write_text(json.dumps(bad), "utf-8")
    words = ["-c", str(made.synapse.config_path), "-c", str(folder / "worse.yaml")]
    child = ChildProcess(
        "Synapse",
        [sys.executable, "-m", "synapse.app.homeserver", *words],
        log_path=folder / "synapse.out",
        cwd=folder,
    )
    child.start()
    url = f"{made.config.homeserver.address}/health"

    async def healthy() -> bool:
        try:
            async with aiohttp.ClientSession() as session, session.get(url) as answer:
                return answer.status == 200
        except aiohttp.ClientError:
            return False

    await child.wait_until(healthy, timeout=90)
    yield made
    await child.stop()


def files_of(ill: Place) -> list[str]:
    folder = ill.synapse.settings.folder
    both = (ill.synapse.config_path, folder / "worse.yaml")
    return [word for path in both for word in ("--homeserver-yaml", str(path))]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def told(ill: Place) -> dict[str, Any]:
    """Give what the doctor tells programs of the ill server."""
    return dict(json.loads((await ill.doctor("--json", *files_of(ill), code=1)).stdout))


def test_every_bad_setting_is_named(told: dict[str, Any]) -> None:
    found = told["findings"]
    wrong = {one["what"] for one in found if one["state"] == "wrong"}
    assert {name for name in BAD if name not in {"turn_uris", "modules"}} - wrong == {
        "enable_registration_without_verification",
        "user_directory",
        "auto_accept_invites",
        "experimental_features",
    }
    assert {"user_directory.search_all_users", "auto_accept_invites.enabled", "modules"} <= wrong
    assert "experimental_features.msc3720_enabled" in wrong
    # Replaced by the second file, the whole section of the first is gone.
    assert {"push.include_content"} & wrong == set()
    assert any(name.startswith("experimental_features.msc4263") for name in wrong)
    notes = {one["what"] for one in found if one["state"] == "note"}
    assert "experimental_features.msc4235_enabled" in notes
    assert all(one["why"] for one in found)


def test_the_server_itself_gives_it_away(told: dict[str, Any]) -> None:
    found = told["findings"]
    live = {one["what"]: one["state"] for one in found}
    assert live["GET publicRooms"] == "wrong"
    assert live["GET register/available"] == "note"
    assert live["GET versions: msc4140"] == "wrong"
    assert live["/_synapse/client/sferum/v1/facts"] == "wrong"
    tokens = {one["check"]: one["state"] for one in found if one["what"] == "whoami"}
    assert tokens == {"token": "ok", "token-puppet": "wrong"}


@MODULE
async def test_another_appservice_over_the_school_is_named(
    ill: Place, told: dict[str, Any]
) -> None:
    found = told["findings"]
    foreign = {one["check"] for one in found if one["what"] == "other-bridge"}
    assert foreign == {"foreign-bot", "foreign-ghosts", "foreign-accounts"}
    [missing] = [one for one in found if one["check"] == "registration-missing"]
    assert missing["found"] == "registration-double-puppet.yaml"
    shown = (await ill.doctor(*files_of(ill), code=1)).stdout
    assert FOREIGN["as_token"] not in shown
    assert "synapse.storage.SQL: DEBUG" in shown


def test_hosts_outside_are_listed(told: dict[str, Any]) -> None:
    outside = {(one["host"], one["purpose"]) for one in told["outbound"] if one["outside"]}
    assert outside == {
        ("*", "federation"),
        ("*", "push"),
        ("matrix.org", "keys"),
        ("turn.example.org", "calls"),
        ("identity.example.org", "identity"),
        ("telegram.example.org", "appservice"),
    }


@MODULE
async def test_the_block_to_paste_makes_a_well_server(ill: Place, tmp_path: Path) -> None:
    fix = (await ill.doctor("--fix", *files_of(ill), code=1)).stdout
    pasted = YAML(typ="safe").load(fix)
    # What else stood in a section comes along; what has to go is written out as empty.
    assert pasted["user_directory"] == {"search_all_users": False, "prefer_local_users": True}
    assert pasted["experimental_features"]["msc4235_enabled"] is True
    assert pasted["max_event_delay_duration"] is None
    assert pasted["federation_domain_whitelist"] == []
    assert "every Matrix server reaches for school accounts" in fix
    third = tmp_path / "pasted.yaml"
    secret = ill.config.homeserver.extension_secret
    [module] = pasted["modules"]
    module["config"]["secret"] = secret
    third.write_text(json.dumps(pasted), "utf-8")
    again = await ill.findings(*files_of(ill), "--homeserver-yaml", str(third), code=1)
    still = {one["what"] for one in again if one["state"] == "wrong"}
    # What no line of homeserver.yaml mends, and the server that still runs with the old ones.
    assert still == {
        *("other-bridge", "log_config", "GET publicRooms", "GET versions: msc4140"),
        *("/_synapse/client/sferum/v1/facts", "whoami", ".well-known/matrix/client"),
    }
