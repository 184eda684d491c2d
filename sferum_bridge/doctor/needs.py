"""What a school's homeserver.yaml has to say, and why: the one list of it.

The doctor holds a server against this list, and the demo's Synapse is set up from it, so that the
two cannot differ. The reasons are texts (`doctor-<why>`). `default` is what Synapse takes where the
setting is not written; a test compares that with the Synapse that is installed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from sferum_bridge.doctor.report import State

Config: TypeAlias = Mapping[str, Any]
"""Settings of one Synapse process: its files, merged."""

_DENY = [{"user_id": "*", "alias": "*", "room_id": "*", "action": "deny"}]
_KEY_SERVERS = [{"server_name": "matrix.org"}]


@dataclass(frozen=True, slots=True)
class Need:
    """One setting. `judge` says how a value other than `want` stands, given all settings."""

    path: str
    why: str
    want: Any = field(kw_only=True)
    default: Any = field(kw_only=True)
    judge: Callable[[Any, Config], State] = lambda _value, _config: State.WRONG

    def state(self, value: Any, config: Config) -> State:
        """Return how a value stands."""
        return State.OK if value == self.want else self.judge(value, config)

    def read(self, config: Config) -> tuple[Any, bool]:
        """Return the value that holds, and whether it is written."""
        found: Any = config
        for name in self.path.split("."):
            if not isinstance(found, Mapping) or found.get(name) is None:
                return self.default, False
            found = found[name]
        return found, True


def fragment(path: str, value: Any) -> dict[str, Any]:
    """Return the YAML in which `path` (names with dots between) has a value."""
    first, _, rest = path.partition(".")
    return {first: fragment(rest, value) if rest else value}


def values() -> dict[str, Any]:
    """Return the settings a homeserver.yaml needs, as YAML has them."""
    found: dict[str, Any] = {}
    for need in NEEDS:
        if need.want is not None:
            for section, value in fragment(need.path, need.want).items():
                if isinstance(value, dict):
                    found.setdefault(section, {}).update(value)
                else:
                    found[section] = value
    return found


# --- where more than one value will do ------------------------------------------------------


def _federation(value: Any, _config: Config) -> State:
    return State.NOTE if isinstance(value, list) else State.WRONG


def _rules(value: Any, _config: Config) -> State:
    """Follow Synapse: the first rule that fits decides, and where none fits it is refused."""
    if not isinstance(value, list):
        return State.WRONG
    for rule in value:
        if not isinstance(rule, Mapping) or rule.get("action") != "deny":
            return State.WRONG
        if all(rule.get(name, "*") == "*" for name in ("user_id", "alias", "room_id")):
            return State.OK
    return State.OK


def _registration(_value: Any, config: Config) -> State:
    barriers = ("registration_requires_token", "enable_registration_captcha")
    checked = any(config.get(one) is True for one in barriers)
    return State.NOTE if checked or config.get("registrations_require_3pid") else State.WRONG


def _asked_names(_value: Any, config: Config) -> State:
    return State.WRONG if config.get("enable_registration") is True else State.OK


def _asked_addresses(_value: Any, config: Config) -> State:
    return State.WRONG if config.get("email") else State.OK


def _key_servers(value: Any, _config: Config) -> State:
    return State.WRONG if value == _KEY_SERVERS else State.NOTE


def _encryption(value: Any, _config: Config) -> State:
    # `off` unquoted is false in YAML 1.1.
    return State.OK if value is False else State.WRONG


def _restricted(_value: Any, config: Config) -> State:
    local = config.get("restrict_public_rooms_to_local_users") is True
    return State.OK if local else State.WRONG


def _delegated(_value: Any, config: Config) -> State:
    """Where another service keeps the accounts, Synapse's own switch defaults to off."""
    service = config.get("matrix_authentication_service")
    delegated = isinstance(service, Mapping) and service.get("enabled") is True
    written = config.get("enable_3pid_changes") is not None
    return State.OK if delegated and not written else State.WRONG


NEEDS: tuple[Need, ...] = (
    Need("federation_domain_whitelist", "federation", want=[], default=None, judge=_federation),
    Need(
        "allow_public_rooms_over_federation",
        "public-rooms",
        want=False,
        default=False,
        judge=_restricted,
    ),
    Need(
        "allow_public_rooms_without_auth",
        "public-rooms",
        want=False,
        default=False,
        judge=_restricted,
    ),
    Need("allow_profile_lookup_over_federation", "profiles-federation", want=False, default=True),
    Need(
        "allow_device_name_lookup_over_federation", "devices-federation", want=False, default=False
    ),
    Need("require_auth_for_profile_requests", "profiles-anonymous", want=True, default=False),
    Need(
        "limit_profile_requests_to_users_who_share_rooms",
        "profiles-strangers",
        want=True,
        default=False,
    ),
    Need("include_profile_data_on_invite", "profiles-invite", want=False, default=True),
    Need("allow_per_room_profiles", "room-profiles", want=False, default=True),
    Need("allow_guest_access", "guests", want=False, default=False),
    Need("enable_registration", "registration", want=False, default=False, judge=_registration),
    Need("inhibit_user_in_use_error", "names", want=True, default=False, judge=_asked_names),
    Need(
        "request_token_inhibit_3pid_errors",
        "addresses",
        want=True,
        default=False,
        judge=_asked_addresses,
    ),
    Need("enable_3pid_lookup", "identity-lookup", want=False, default=True),
    Need("enable_3pid_changes", "contacts", want=False, default=True, judge=_delegated),
    Need("enable_authenticated_media", "media", want=True, default=True),
    Need("url_preview_enabled", "previews", want=False, default=False),
    Need("report_stats", "stats", want=False, default=None),
    Need("trusted_key_servers", "key-servers", want=[], default=_KEY_SERVERS, judge=_key_servers),
    Need(
        "alias_creation_rules", "aliases", want=_DENY, default=[{"action": "allow"}], judge=_rules
    ),
    Need("room_list_publication_rules", "room-list", want=_DENY, default=[], judge=_rules),
    Need("user_directory.search_all_users", "directory", want=False, default=False),
    Need("push.include_content", "push", want=False, default=True),
    Need(
        "experimental_features.msc4263_limit_key_queries_to_users_who_share_rooms",
        "key-queries",
        want=True,
        default=False,
    ),
    Need("auto_accept_invites.enabled", "auto-accept", want=False, default=False),
    Need("auto_join_rooms", "auto-join", want=[], default=[]),
    Need("limit_remote_rooms.enabled", "remote-rooms", want=False, default=False),
    Need("max_event_delay_duration", "delayed-events", want=None, default=None),
    Need(
        "encryption_enabled_by_default_for_room_type",
        "encryption",
        want="off",
        default="off",
        judge=_encryption,
    ),
    Need("default_identity_server", "identity-server", want=None, default=None),
    Need("account_threepid_delegates.msisdn", "identity-server", want=None, default=None),
)

UNSAFE_EXPERIMENTS: Mapping[str, Any] = {
    "msc1767_enabled": False,
    "msc2409_to_device_messages_enabled": False,
    "msc2815_enabled": False,
    "msc3202_transaction_extensions": False,
    "msc3720_enabled": False,
    "msc3814_enabled": False,
    "msc3983_appservice_otk_claims": False,
    "msc3984_appservice_key_query": False,
    "msc4108_delegation_endpoint": None,
    "msc4108_enabled": False,
    "msc4242_enabled": False,
    "msc4354_enabled": False,
    "msc4370_enabled": False,
    "msc4388_mode": "off",
    "msc4502_enabled": False,
    "msc4512_enabled": False,
}
"""Experiments that open a way past the contour (`doctor-<name>` says which), and their safe value.

They are ways for outsiders or other programs to data of people (2409, 3202, 3720, 3814, 3983, 3984,
4370, 4502, 4512), ways to talk unseen (4108, 4388), ways around a removal (2815, 4354), or room
versions in which nobody tried whether the contour holds (1767, 4242).
"""

HARMLESS_EXPERIMENTS = frozenset(
    {
        *("msc2654_enabled", "msc3026_enabled", "msc3381_polls_enabled", "msc3391_enabled"),
        *("msc3575_enabled", "msc3664_enabled", "msc3773_enabled", "msc3848_enabled", "msc3866"),
        *("msc3874_enabled", "msc3881_enabled", "msc3890_enabled", "msc3912_enabled"),
        *("msc4028_push_encrypted_events", "msc4069_profile_inhibit_propagation"),
        *("msc4075_enabled", "msc4076_enabled", "msc4133_enabled", "msc4155_enabled"),
        *("msc4169_enabled", "msc4210_enabled", "msc4222_enabled", "msc4267_enabled"),
        *("msc4277_enabled", "msc4293_enabled", "msc4306_enabled", "msc4446_enabled"),
        *("msc4450_enabled", "msc4452_enabled", "msc4491_enabled"),
        "msc4263_limit_key_queries_to_users_who_share_rooms",
    }
)
"""Experiments that were looked at and change nothing about who reaches whom."""
