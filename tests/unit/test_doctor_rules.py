"""The doctor's rules, file by file, and that what it takes for Synapse's defaults are these."""

from __future__ import annotations

import inspect
import json
import warnings
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest
from click.testing import CliRunner

from sferum_bridge import config as bridge_settings
from sferum_bridge.cli import main
from sferum_bridge.demo.synapse import PRIVACY
from sferum_bridge.doctor import doors, extension, needs, outbound, registrations, settings
from sferum_bridge.doctor.files import FileError, Process, mapping, processes, usual
from sferum_bridge.doctor.registrations import Known
from sferum_bridge.doctor.report import State
from sferum_bridge.doctor.running import Running

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from sferum_bridge.config import Config
    from sferum_bridge.doctor.report import Finding

with warnings.catch_warnings():
    # Synapse's imports in this process; one of them warns of Twisted's own doings.
    warnings.simplefilter("ignore", DeprecationWarning)
    from synapse.config.experimental import ExperimentalConfig
    from synapse.config.homeserver import HomeServerConfig

DOMAIN = "school.example"
BOT = f"@sferumbot:{DOMAIN}"
KEY = "ed25519 a_1234 5NPvNMzEnWxGKnJRqLE3EeCb2kmzYmtsKeyKSPPmNoE"


def bridge(**homeserver: Any) -> Config:
    text = bridge_settings.upgrade("", secret=lambda: "x" * 40)
    made = bridge_settings.check(bridge_settings._yaml().load(text), "test")
    return made.model_copy(update={"homeserver": made.homeserver.model_copy(update=homeserver)})


def synapse(**config: Any) -> HomeServerConfig:
    made = HomeServerConfig()
    least = {"server_name": DOMAIN, "report_stats": False, "signing_key": KEY}
    made.parse_config_dict({**least, **config}, "", "")
    return made


def state(path: str, value: Any, **others: Any) -> State:
    need = next(one for one in needs.NEEDS if one.path == path)
    config = {**needs.fragment(path, value), **others}
    return need.state(need.read(config)[0], config)


def says(found: Iterable[Finding]) -> dict[str, State]:
    return {one.says: one.state for one in found}


# --- needs ----------------------------------------------------------------------------------


def test_the_defaults_are_those_of_the_synapse_installed() -> None:
    vanilla = synapse()
    server, registration, federation = vanilla.server, vanilla.registration, vanilla.federation
    directory = vanilla.roomdirectory
    aliases = directory.is_alias_creation_allowed("@a:b", "!r", "#a:b")
    listed = directory.is_publishing_room_allowed("@a:b", "!r", [])
    limit = vanilla.experimental.msc4263_limit_key_queries_to_users_who_share_rooms
    holds = {
        "federation_domain_whitelist": federation.federation_domain_whitelist,
        "allow_public_rooms_over_federation": server.allow_public_rooms_over_federation,
        "allow_public_rooms_without_auth": server.allow_public_rooms_without_auth,
        "allow_profile_lookup_over_federation": federation.allow_profile_lookup_over_federation,
        "allow_device_name_lookup_over_federation": (
            federation.allow_device_name_lookup_over_federation
        ),
        "require_auth_for_profile_requests": server.require_auth_for_profile_requests,
        "limit_profile_requests_to_users_who_share_rooms": (
            server.limit_profile_requests_to_users_who_share_rooms
        ),
        "include_profile_data_on_invite": server.include_profile_data_on_invite,
        "allow_per_room_profiles": server.allow_per_room_profiles,
        "allow_guest_access": registration.allow_guest_access,
        "enable_registration": registration.enable_registration,
        "inhibit_user_in_use_error": registration.inhibit_user_in_use_error,
        "request_token_inhibit_3pid_errors": server.request_token_inhibit_3pid_errors,
        "enable_3pid_lookup": registration.enable_3pid_lookup,
        "enable_3pid_changes": registration.enable_3pid_changes,
        "enable_authenticated_media": vanilla.media.enable_authenticated_media,
        "url_preview_enabled": vanilla.media.url_preview_enabled,
        # It has to be written: Synapse does not start without it.
        "report_stats": None,
        "trusted_key_servers": [
            {"server_name": one.server_name} for one in vanilla.key.key_servers
        ],
        "alias_creation_rules": [{"action": "allow"}] if aliases else [],
        "room_list_publication_rules": [{"action": "allow"}] if listed else [],
        "user_directory.search_all_users": (vanilla.userdirectory.user_directory_search_all_users),
        "push.include_content": vanilla.push.push_include_content,
        "experimental_features.msc4263_limit_key_queries_to_users_who_share_rooms": limit,
        "auto_accept_invites.enabled": vanilla.auto_accept_invites.enabled,
        "auto_join_rooms": registration.auto_join_rooms,
        "limit_remote_rooms.enabled": server.limit_remote_rooms.enabled,
        "max_event_delay_duration": server.max_event_delay_duration.as_millis() or None,
        "encryption_enabled_by_default_for_room_type": (
            "all" if vanilla.room.encryption_enabled_by_default_for_room_presets else "off"
        ),
        "default_identity_server": registration.default_identity_server,
        "account_threepid_delegates.msisdn": registration.account_threepid_delegate_msisdn,
    }
    assert holds == {one.path: one.default for one in needs.NEEDS}


def test_synapse_takes_all_that_is_to_be_written() -> None:
    well = synapse(**needs.values())
    assert well.federation.federation_domain_whitelist == {}
    assert well.server.require_auth_for_profile_requests is True
    assert well.push.push_include_content is False
    assert not well.roomdirectory.is_alias_creation_allowed("@a:b", "!r", "#a:b")
    assert needs.values().items() <= PRIVACY.items()
    assert all(one.state(one.want, needs.values()) is State.OK for one in needs.NEEDS)


def test_experiments_are_called_as_synapse_calls_them() -> None:
    source = inspect.getsource(ExperimentalConfig)
    for name in [*needs.UNSAFE_EXPERIMENTS, *needs.HARMLESS_EXPERIMENTS]:
        assert f'"{name}"' in source, name


@pytest.mark.parametrize(
    ("path", "value", "others", "expected"),
    [
        ("federation_domain_whitelist", None, {}, State.WRONG),
        ("federation_domain_whitelist", ["other.example"], {}, State.NOTE),
        ("federation_domain_whitelist", [], {}, State.OK),
        ("enable_registration", True, {}, State.WRONG),
        ("enable_registration", True, {"registration_requires_token": True}, State.NOTE),
        ("enable_registration", True, {"registrations_require_3pid": ["email"]}, State.NOTE),
        ("allow_public_rooms_without_auth", True, {}, State.WRONG),
        (
            "allow_public_rooms_without_auth",
            True,
            {"restrict_public_rooms_to_local_users": True},
            State.OK,
        ),
        ("alias_creation_rules", [], {}, State.OK),
        ("alias_creation_rules", [{"action": "deny"}, {"action": "allow"}], {}, State.OK),
        ("alias_creation_rules", [{"user_id": "@a:b", "action": "allow"}], {}, State.WRONG),
        (
            "room_list_publication_rules",
            [{"user_id": "@a:*", "action": "deny"}, {"action": "allow"}],
            {},
            State.WRONG,
        ),
        ("enable_3pid_changes", None, {}, State.WRONG),
        (
            "enable_3pid_changes",
            None,
            {"matrix_authentication_service": {"enabled": True}},
            State.OK,
        ),
        ("trusted_key_servers", None, {}, State.WRONG),
        ("trusted_key_servers", [{"server_name": "keys.school.example"}], {}, State.NOTE),
        ("encryption_enabled_by_default_for_room_type", False, {}, State.OK),
        ("encryption_enabled_by_default_for_room_type", "all", {}, State.WRONG),
        ("report_stats", None, {}, State.WRONG),
        ("push.include_content", None, {}, State.WRONG),
    ],
)
def test_values_that_are_not_the_wanted_ones(
    path: str, value: Any, others: dict[str, Any], expected: State
) -> None:
    assert state(path, value, **others) is expected


# --- files ----------------------------------------------------------------------------------


def test_files_are_read_as_synapse_reads_them(tmp_path: Path) -> None:
    first, folder, worker = tmp_path / "a.yaml", tmp_path / "conf.d", tmp_path / "w.yaml"
    folder.mkdir()
    first.write_text("push: {include_content: no, enabled: yes}\nx: 1\n", "utf-8")
    (folder / "2.yaml").write_text("x: 3\n", "utf-8")
    (folder / "1.yaml").write_text("x: 2\npush: {enabled: off}\n", "utf-8")
    worker.write_text("worker_name: w1\nmodules: []\n", "utf-8")
    main_process, one_worker = processes([first, folder], [worker])
    # A later section replaces the earlier one whole, and `off` is false.
    assert main_process.config == {"x": 3, "push": {"enabled": False}}
    assert (one_worker.name, one_worker.config["x"]) == ("w1", 3)


@pytest.mark.parametrize(
    ("text", "key", "line"),
    [
        ("a: 1\nb: [secret-in-it\n", "no-yaml", 3),
        ("a: 1\nsecret: one\nsecret: two\n", "twice", 3),
        ("- a\n- b\n", "no-settings", 0),
        ("", "no-settings", 0),
    ],
)
def test_what_is_wrong_with_a_file_is_said_without_quoting_it(
    tmp_path: Path, text: str, key: str, line: int
) -> None:
    (tmp_path / "homeserver.yaml").write_text(text, "utf-8")
    with pytest.raises(FileError) as caught:
        mapping(tmp_path / "homeserver.yaml")
    assert (caught.value.key, caught.value.line) == (key, line)
    assert "secret" not in str(caught.value).partition("homeserver.yaml")[2]


def test_the_usual_places(tmp_path: Path) -> None:
    assert usual(tmp_path) == []
    (tmp_path / "synapse").mkdir()
    (tmp_path / "synapse" / "homeserver.yaml").touch()
    assert usual(tmp_path) == [tmp_path / "synapse" / "homeserver.yaml"]


def test_the_command_says_why_it_cannot_run(tmp_path: Path) -> None:
    def doctor(*words: str) -> tuple[int, str]:
        config = str(tmp_path / "config.yaml")
        result = CliRunner().invoke(main, ["doctor", "--lang", "en", "--config", config, *words])
        return result.exit_code, " ".join(result.output.split())

    code, said = doctor()
    assert code == 2
    assert "does not exist" in said
    text = bridge_settings.upgrade("", secret=lambda: "x" * 40)
    # Nobody listens on port 1.
    text = text.replace("http://127.0.0.1:8008", "http://127.0.0.1:1")
    (tmp_path / "config.yaml").write_text(text, "utf-8")
    code, said = doctor()
    assert (code, "http://127.0.0.1:1 does not answer" in said) == (2, True)
    code, said = doctor("--homeserver-yaml", str(tmp_path / "nowhere.yaml"))
    assert (code, "There is no" in said) == (2, True)
    broken = tmp_path / "homeserver.yaml"
    broken.write_text("server_name: [school\n", "utf-8")
    code, said = doctor()
    assert (code, "YAML error in line 2" in said) == (2, True)
    # The server is away, but there is a file: it is looked at all the same.
    broken.write_text("server_name: school.example\n", "utf-8")
    code, said = doctor("--json")
    assert code == 1
    assert '"check": "silent"' in said
    assert '"check": "federation"' in said


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        ({"generation": 7, "processes": {"main": 7}}, {"facts": State.OK}),
        ({"generation": 0, "processes": {"main": 0}}, {"facts": State.NOTE}),
        ({"generation": 7, "readable": False}, {"facts-unreadable": State.WRONG}),
        ({"generation": 7, "damaged": 2}, {"facts-unreadable": State.WRONG}),
        (
            {"generation": 7, "waiting": ["w1"], "missing": ["w2"]},
            {
                "facts": State.OK,
                "process-waiting": State.WRONG,
                "process-missing": State.WRONG,
            },
        ),
    ],
)
async def test_where_the_facts_stand(told: dict[str, Any], expected: dict[str, State]) -> None:
    async with aiohttp.ClientSession() as session:
        assert says(Running(session, bridge(), ())._standing(told)) == expected


# --- the module, registrations, doors, hosts ------------------------------------------------


def entry(**config: Any) -> dict[str, Any]:
    return {"module": extension.MODULE, "config": {"secret": "x" * 40, "bot": BOT, **config}}


def test_the_entry_of_the_module(tmp_path: Path) -> None:
    def look(*modules: dict[str, Any]) -> dict[str, State]:
        process = Process(str(tmp_path / "homeserver.yaml"), {"modules": list(modules)})
        return says(extension.look([process], bridge()))

    well = {"module": State.OK, "module-bot": State.OK, "module-secret": State.OK}
    assert look(entry()) == well
    assert look(entry(secret="y" * 40)) == well | {"module-secret": State.WRONG}
    assert look(entry(bot="@other:school.example")) == well | {"module-bot": State.WRONG}
    assert look() == {"module": State.WRONG}
    (tmp_path / "secret").write_text("x" * 40 + "\n", "utf-8")
    by_file = entry(secret=None, secret_file=str(tmp_path / "secret"))
    assert look(by_file) == well
    elsewhere = entry(secret=None, secret_file=str(tmp_path / "gone"))
    assert look(elsewhere)["module-secret"] is State.UNKNOWN
    first, last = {"module": "first.Module"}, {"module": "last.Module"}
    around = {"module-before": State.NOTE, "module-after": State.NOTE}
    assert look(first, entry(), last) == well | around


def test_no_worker_is_forgotten() -> None:
    shared = {
        "modules": [entry()],
        "instance_map": {"main": {}, "writer": {}, "sync": {}},
        "stream_writers": {"events": ["writer"]},
        "federation_sender_instances": ["sender"],
    }
    bare = {"worker_name": "writer", "modules": []}
    obedient = {"worker_name": "sync"}
    found = list(
        extension.look(
            [
                Process("homeserver.yaml", shared),
                Process("writer.yaml", {**shared, **bare}, bare),
                Process("sync.yaml", {**shared, **obedient}, obedient),
            ],
            bridge(),
        )
    )
    wrong = [one for one in found if one.state is State.WRONG]
    assert [(one.says, one.where) for one in wrong] == [("module-worker", "writer.yaml")]
    untold = [one.values["worker"] for one in found if one.state is State.UNKNOWN]
    assert untold == ["sender"]


def test_a_workers_own_settings_are_looked_at_too() -> None:
    shared = {**needs.values(), "modules": [entry()]}
    own = {"worker_name": "w", "push": {"include_content": True}}
    found = settings.look(
        [Process("homeserver.yaml", shared), Process("w.yaml", {**shared, **own}, own)]
    )
    wrong = [(one.what, one.where) for one in found if one.state is State.WRONG]
    assert wrong == [("push.include_content", "w.yaml")]


@pytest.mark.parametrize(
    ("users", "rooms", "expected"),
    [
        ("@telegram_.*", "", {"foreign"}),
        ("@.*", "", {"foreign-bot", "foreign-ghosts", "foreign-accounts"}),
        ("@sferum", "", {"foreign-bot", "foreign-ghosts"}),
        ("@lev", "", {"foreign-accounts"}),
        ("@telegram_.*", "!staff.*", {"foreign-rooms"}),
        ("@(", "", {"foreign"}),
    ],
)
def test_namespaces_of_other_appservices(
    tmp_path: Path, users: str, rooms: str, expected: set[str]
) -> None:
    foreign = {
        "id": "other",
        "sender_localpart": "telegrambot",
        "namespaces": {
            "users": [{"regex": users, "exclusive": False}],
            "rooms": [{"regex": rooms, "exclusive": False}] if rooms else [],
        },
    }
    path = tmp_path / "other.yaml"
    path.write_text(json.dumps(foreign), "utf-8")
    process = Process(
        str(tmp_path / "homeserver.yaml"), {"app_service_config_files": ["other.yaml"]}
    )
    known = Known([f"@lev:{DOMAIN}"], ["!staffroom"])
    found = says(registrations.look([process], bridge(), {}, known, tmp_path))
    assert set(found) == expected


@pytest.mark.parametrize(
    ("listener", "expected"),
    [
        ({"type": "http", "bind_addresses": ["127.0.0.1"], "resources": "client"}, State.OK),
        ({"type": "http", "resources": "client"}, State.WRONG),
        ({"type": "http", "x_forwarded": True, "resources": "client"}, State.NOTE),
        ({"type": "metrics"}, State.WRONG),
        ({"type": "metrics", "bind_address": "::1"}, State.OK),
        ({"type": "manhole", "bind_addresses": ["10.0.0.1"]}, State.WRONG),
        ({"type": "http", "resources": "replication"}, State.WRONG),
    ],
)
def test_doors(listener: dict[str, Any], expected: State) -> None:
    name = listener.pop("resources", "")
    given = {**listener, "port": 9, "resources": [{"names": [name]}] if name else []}
    [found] = doors.look([Process("homeserver.yaml", {"listeners": [given]})])
    assert found.state is expected


def test_a_door_without_a_port_leads_nowhere() -> None:
    listener = {"type": "http", "path": "/run/synapse.sock", "resources": [{"names": ["client"]}]}
    assert list(doors.look([Process("homeserver.yaml", {"listeners": [listener]})])) == []


def test_every_host_is_listed() -> None:
    config = {
        "federation_domain_whitelist": ["other.example"],
        "push": {"enabled": False},
        "report_stats": True,
        "email": {"smtp_host": "mail.example.org"},
        "turn_uris": ["turns:turn.example.org", "turn:93.184.216.34:3478?transport=udp"],
        "oidc_providers": [{"idp_id": "x", "issuer": "https://sso.example.org/realm"}],
        "extra_well_known_client_content": {
            "m.identity_server": {"base_url": "https://id.example.org"},
            "io.element.e2ee": {"default": False},
        },
        "sentry": {"dsn": "https://key:secret@sentry.example.org/1"},
        "database": {"args": {"host": "10.0.0.7"}},
        "redis": {"enabled": True, "host": "redis"},
        "matrix_rtc": {"transports": [{"type": "livekit", "url": "wss://rtc.school.example"}]},
        "url_preview_enabled": True,
    }
    hosts = outbound.look([Process("homeserver.yaml", config)], bridge())
    outside = {(one.host, one.purpose) for one in hosts if one.outside}
    assert outside == {
        *{("other.example", "federation"), ("matrix.org", "keys"), ("matrix.org", "stats")},
        *{("mail.example.org", "mail"), ("turn.example.org", "calls"), ("93.184.216.34", "calls")},
        *{("sso.example.org", "sign-in"), ("id.example.org", "identity"), ("*", "previews")},
        *{("sentry.example.org", "errors"), ("api.vk.me", "sferum"), ("web.vk.me", "sferum")},
    }
    inside = {one.host for one in hosts if not one.outside}
    assert {"10.0.0.7", "redis", "rtc.school.example", "127.0.0.1"} == inside
    assert "secret" not in "".join(one.host + one.setting for one in hosts)
