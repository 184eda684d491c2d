"""Where VK is and how we speak to it."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass

from yarl import URL

MIN_LP_VERSION = 3
MAX_LP_WAIT = 90


def is_loopback(host: str | None) -> bool:
    """Tell whether a host name means this very machine."""
    if host is None:
        return False
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


@dataclass(frozen=True, slots=True)
class VkSettings:
    """What may differ between installations. Times are seconds, sizes bytes.

    Plain `http` is accepted for loopback only (a stand-in beside the bridge); everything else
    carries people's logins and has to be `https`.

    Raises:
        ValueError: If a value cannot work.
    """

    api_url: str = "https://api.vk.me"
    web_url: str = "https://web.vk.me"
    app_id: str = "8202606"
    """The application id of VK Messenger's web client, for which the cookie gives tokens."""
    api_version: str = "5.241"
    lp_version: int = 19
    lang: str = "ru"
    wait: int = 25
    """How long one long-poll request may stay open on VK's side."""
    requests_per_second: int = 3
    """Of one account. VK's limit for a user token."""
    connect_timeout: float = 10.0
    request_timeout: float = 30.0
    max_reply_bytes: int = 32 * 1024 * 1024

    def __post_init__(self) -> None:
        """Check the values against each other."""
        for name in ("api_url", "web_url"):
            url = URL(getattr(self, name))
            plain = url.scheme == "http" and is_loopback(url.host)
            if not url.host or not (url.scheme == "https" or plain):
                raise ValueError(f"{name} has to be https (http only for loopback)")
            # "/" is what the ends of both addresses are joined with.
            object.__setattr__(self, name, str(url).rstrip("/"))
        if self.lp_version < MIN_LP_VERSION:
            raise ValueError(f"lp_version has to be at least {MIN_LP_VERSION}")
        if not 1 <= self.wait <= MAX_LP_WAIT:
            raise ValueError(f"wait has to be 1 to {MAX_LP_WAIT} seconds")
        if self.requests_per_second < 1:
            raise ValueError("requests_per_second has to be at least 1")
        if min(self.connect_timeout, self.request_timeout, self.max_reply_bytes) <= 0:
            raise ValueError("timeouts and sizes have to be more than nothing")

    @property
    def plain_http(self) -> bool:
        """Tell whether VK is a loopback server without TLS, whose long poll may be so too."""
        return URL(self.api_url).scheme == "http"
