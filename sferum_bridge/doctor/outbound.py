"""Every host that the settings make the server, the bridge or people's clients speak to (S-14)."""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from sferum_bridge.doctor.files import FileError, entries, mapping, named
from sferum_bridge.doctor.needs import NEEDS
from sferum_bridge.doctor.registrations import FILES
from sferum_bridge.doctor.report import Host

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from sferum_bridge.config import Config
    from sferum_bridge.doctor.files import Process

ANY = "*"
_OIDC = ("issuer", "authorization_endpoint", "token_endpoint", "userinfo_endpoint", "jwks_uri")
_STATISTICS = "https://matrix.org/report-usage-stats/push"
_CAPTCHA = "https://www.recaptcha.net/recaptcha/api/siteverify"


def is_loopback(host: str) -> bool:
    """Tell whether an address is this machine's own."""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def look(found: Sequence[Process], settings: Config) -> list[Host]:
    """List the hosts, those outside first, each once a purpose."""
    domain = settings.homeserver.domain
    rows = [*(_of_synapse(found[0]) if found else ()), *_of_bridge(settings)]
    hosts = {
        (name, purpose, setting): Host(name, purpose, setting, _is_outside(name, domain))
        for name, purpose, setting in rows
        if name
    }
    return sorted(hosts.values(), key=lambda one: (not one.outside, one.purpose, one.host))


def _is_outside(host: str, domain: str) -> bool:
    name = domain.partition(":")[0]
    if is_loopback(host) or host == name or host.endswith(f".{name}") or host.startswith("/"):
        return False
    try:
        return not ipaddress.ip_address(host.strip("[]")).is_private
    except ValueError:
        # Without a dot it is a name of this network, such as that of a container.
        return host == ANY or "." in host


def _of_bridge(settings: Config) -> Iterator[tuple[str, str, str]]:
    yield _host(settings.homeserver.address), "homeserver", "config.yaml: homeserver.address"
    if settings.sferum.enabled:
        yield _host(settings.sferum.api_url), "sferum", "config.yaml: sferum.api_url"
        yield _host(settings.sferum.web_url), "sferum", "config.yaml: sferum.web_url"
    yield settings.mail.host, "mail", "config.yaml: mail.host"
    # A path has no host, so SQLite is left out.
    yield _host(settings.database.url), "database", "config.yaml: database.url"


def _of_synapse(process: Process) -> Iterator[tuple[str, str, str]]:
    config = process.config
    yield from _federation(config)
    yield from _inner(config)
    yield from _sign_in(config)
    yield from _of_clients(config)
    if config.get("url_preview_enabled") is True:
        yield ANY, "previews", "url_preview_enabled"
    if config.get("report_stats") is True:
        address = str(config.get("report_stats_endpoint") or _STATISTICS)
        yield _host(address), "stats", "report_stats"
    if _section(config, "push").get("enabled", True) is not False:
        yield ANY, "push", "push.enabled"
    email = _section(config, "email")
    if email:
        yield str(email.get("smtp_host", "localhost")), "mail", "email.smtp_host"
    yield _host(_section(config, "sentry").get("dsn")), "errors", "sentry.dsn"
    tracing = _section(config, "opentracing")
    if tracing.get("enabled") is True:
        agent = _section(_section(tracing, "jaeger_config"), "local_agent")
        yield str(agent.get("reporting_host", "localhost")), "errors", "opentracing"
    for one in entries(config.get("media_storage_providers")):
        where = _section(one, "config").get("endpoint_url")
        yield _host(where), "media", f"media_storage_providers: {one.get('module')}"
    for one in entries(config.get("modules")):
        scanner = str(_section(one, "config").get("scanner") or "")
        # A socket of Unix is no host.
        yield _host(scanner), "scanner", "modules … scanner"
    listed = config.get(FILES)
    for name in listed if isinstance(listed, list) else ():
        try:
            registration = mapping(named(name, process.where))
        except FileError:
            continue
        yield _host(registration.get("url")), "appservice", f"{FILES}: {registration.get('id')}"


def _federation(config: Any) -> Iterator[tuple[str, str, str]]:
    allowed = config.get("federation_domain_whitelist")
    if not isinstance(allowed, list):
        yield ANY, "federation", "federation_domain_whitelist"
    for name in allowed if isinstance(allowed, list) else ():
        yield str(name), "federation", "federation_domain_whitelist"
    if allowed == []:
        # Keys are asked for only of servers one speaks with.
        return
    need = next(one for one in NEEDS if one.path == "trusted_key_servers")
    for server in entries(need.read(config)[0]):
        yield str(server.get("server_name", "")), "keys", "trusted_key_servers"


def _inner(config: Any) -> Iterator[tuple[str, str, str]]:
    database = _section(_section(config, "database"), "args")
    yield str(database.get("host") or ""), "database", "database.args.host"
    redis = _section(config, "redis")
    if redis.get("enabled") is True:
        yield str(redis.get("path") or redis.get("host", "localhost")), "redis", "redis.host"
    instances = _section(config, "instance_map")
    for name, at in instances.items():
        where = at.get("host") or at.get("path") if isinstance(at, dict) else ""
        yield str(where or ""), "worker", f"instance_map.{name}"


def _sign_in(config: Any) -> Iterator[tuple[str, str, str]]:
    for provider in [*entries(config.get("oidc_providers")), _section(config, "oidc_config")]:
        for name in _OIDC:
            setting = f"oidc_providers.{provider.get('idp_id', 'oidc')}.{name}"
            yield _host(provider.get(name)), "sign-in", setting
    service = _section(config, "matrix_authentication_service")
    if service.get("enabled") is True:
        setting = "matrix_authentication_service.endpoint"
        yield _host(service.get("endpoint")), "sign-in", setting
    yield _host(_section(config, "cas_config").get("server_url")), "sign-in", "cas_config"
    if _section(config, "saml2_config"):
        # Named by metadata that only the SAML library can read.
        yield ANY, "sign-in", "saml2_config"
    if config.get("enable_registration_captcha") is True:
        address = str(config.get("recaptcha_siteverify_api") or _CAPTCHA)
        yield _host(address), "captcha", "recaptcha_siteverify_api"
    delegate = _section(config, "account_threepid_delegates").get("msisdn")
    yield _host(delegate), "identity", "account_threepid_delegates.msisdn"


def _of_clients(config: Any) -> Iterator[tuple[str, str, str]]:
    """List what people's clients are told to speak to."""
    for uri in config.get("turn_uris") or ():
        host = str(uri).partition(":")[2].partition("?")[0].rpartition(":")[0]
        yield host or str(uri).partition(":")[2], "calls", "turn_uris"
    for one in entries(_section(config, "matrix_rtc").get("transports")):
        address = one.get("url") or one.get("livekit_service_url")
        yield _host(address), "calls", "matrix_rtc.transports"
    yield _host(config.get("default_identity_server")), "identity", "default_identity_server"
    content = _section(config, "extra_well_known_client_content")
    for setting, address in _addresses(content):
        purpose = "identity" if "identity" in setting else "clients"
        yield _host(address), purpose, f"extra_well_known_client_content: {setting}"


def _addresses(value: Any, under: str = "") -> Iterator[tuple[str, str]]:
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from _addresses(inner, f"{under}.{name}" if under else str(name))
    elif isinstance(value, list):
        for inner in value:
            yield from _addresses(inner, under)
    elif isinstance(value, str) and "://" in value:
        yield under, value


def _section(config: Any, name: str) -> dict[str, Any]:
    value = config.get(name)
    return value if isinstance(value, dict) else {}


def _host(address: object) -> str:
    """Return the host of a URL, without the name and password that may stand before it."""
    try:
        return urlsplit(str(address or "")).hostname or ""
    except ValueError:
        return ""
