"""Synapses that speak to each other over TLS on loopback, with none of the hardening.

Nothing but the module (where it is loaded) and the shape of rooms stands in the way here: whatever
`demo.synapse.PRIVACY` closes by homeserver.yaml is open, and what Synapse leaves off is on.
"""

from __future__ import annotations

import datetime as dt
import ipaddress
from typing import TYPE_CHECKING, Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from sferum_bridge.demo.synapse import PRIVACY, SynapseProcess, SynapseSettings
from tests.support.ports import reserve_port
from tests.support.synapse import OVERRIDES

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

_EVERYTHING = [{"user_id": "*", "alias": "*", "room_id": "*", "action": "allow"}]

OPEN: Mapping[str, Any] = {
    "federation_verify_certificates": False,
    "ip_range_blacklist": [],
    "allow_public_rooms_over_federation": True,
    "allow_public_rooms_without_auth": True,
    "allow_profile_lookup_over_federation": True,
    "allow_device_name_lookup_over_federation": True,
    "require_auth_for_profile_requests": False,
    "limit_profile_requests_to_users_who_share_rooms": False,
    "enable_registration": False,
    # Else only who has the token of an account sees media at all.
    "enable_authenticated_media": False,
    "dynamic_thumbnails": False,
    "report_stats": False,
    "trusted_key_servers": [],
    "suppress_key_server_warning": True,
    "alias_creation_rules": _EVERYTHING,
    "room_list_publication_rules": _EVERYTHING,
    "user_directory": {"enabled": True, "search_all_users": True},
    "max_event_delay_duration": "24h",
    "federation_rr_transactions_per_room_per_second": 1000,
    "rc_federation": {"window_size": 1000, "sleep_limit": 1000, "reject_limit": 5000},
    "rc_delayed_event_mgmt": {"per_second": 1000, "burst_count": 1000},
    "rc_3pid_validation": {"per_second": 1000, "burst_count": 1000},
    "rc_key_requests": {"per_second": 1000, "burst_count": 1000},
    "rc_reports": {"per_second": 1000, "burst_count": 1000},
    "federation": {
        "client_timeout": "10s",
        "max_short_retries": 0,
        "max_long_retries": 1,
        # Else one answer of 500 keeps a server from being told anything for ten minutes.
        "destination_min_retry_interval": "1s",
        "destination_retry_multiplier": 1,
        "destination_max_retry_interval": "1s",
    },
    "experimental_features": dict.fromkeys(
        ("msc3983_appservice_otk_claims", "msc4133_enabled", "msc4235_enabled", "msc4306_enabled"),
        True,
    ),
}


class OpenSynapse(SynapseProcess):
    """A Synapse as `OPEN` says, reached by clients over HTTP and by other servers over TLS.

    `module_secret` is shared with our module, which is loaded where there is one.
    """

    def __init__(self, folder: Path, *, module_secret: str = "", **settings: Any) -> None:
        self._tls_port = reserve_port()
        name = f"127.0.0.1:{self._tls_port}"
        contour = {"secret": module_secret, "bot": f"@sferumbot:{name}"}
        super().__init__(
            SynapseSettings(
                folder=folder,
                server_name=name,
                contour=contour if module_secret else None,
                port=reserve_port(),
                overrides=OVERRIDES,
                # A proxy of the machine has no business between two servers on loopback.
                environment={"no_proxy": "*", "NO_PROXY": "*", **settings.pop("environment", {})},
                **settings,
            )
        )

    @property
    def name(self) -> str:
        """The part of Matrix ids after the colon, which is also its address for other servers."""
        return self.settings.server_name

    @property
    def processes(self) -> Sequence[str]:
        """The addresses of its processes, for what has to be told to each of them."""
        return (self.url,)

    @property
    def _certificate(self) -> Path:
        return self.settings.folder / "tls.pem"

    def prepare(self) -> None:
        """Write the folder and a certificate that nobody has signed."""
        super().prepare()
        if not self._certificate.exists():
            write_certificate(self._certificate)

    def _config(self) -> dict[str, Any]:
        config = super()._config()
        for name in PRIVACY:
            config.pop(name, None)
        pem = str(self._certificate)
        tls = {
            "type": "http",
            "port": self._tls_port,
            "bind_addresses": ["127.0.0.1"],
            "tls": True,
            "resources": [{"names": ["federation"], "compress": False}],
        }
        return {
            **config,
            **OPEN,
            "listeners": [*config["listeners"], tls],
            "tls_certificate_path": pem,
            "tls_private_key_path": pem,
        }


def write_certificate(path: Path) -> None:
    """Write a key and a certificate for it that nobody has signed."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = dt.datetime.now(dt.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]),
            critical=False,
        )
        .sign(key, hashes.SHA256())
    )
    path.write_bytes(
        certificate.public_bytes(serialization.Encoding.PEM)
        + key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
