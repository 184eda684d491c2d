"""Where VK is and how we speak to it."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from yarl import URL

if TYPE_CHECKING:
    from collections.abc import Mapping

MIN_LP_VERSION = 3
MAX_LP_WAIT = 90

MEDIA_HOSTS = ("userapi.com", "vk.com", "vk.ru", "vk.me", "vkuser.net", "okcdn.ru", "mycdn.me")
"""Where VK keeps files and takes them: these hosts and all below them."""

# VK gives pictures and no characters; clients of others agree about these (docs/sferum.md).
REACTIONS = {
    1: "❤️", 2: "🔥", 3: "😂", 4: "👍", 5: "💩", 6: "❓", 7: "😭", 8: "😡", 9: "👎", 10: "👌",
    11: "😄", 12: "🤔", 13: "🙏", 14: "😘", 15: "😍", 16: "🎉",
}  # fmt: skip

_HOST = re.compile(r"[a-z0-9]([a-z0-9.-]*[a-z0-9])?", re.ASCII)


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
    transfer_timeout: float = 3600.0
    """For one file to arrive here or there."""
    max_reply_bytes: int = 8 * 1024 * 1024
    """Of what is not a file. What is more is asked for in halves."""
    media_hosts: tuple[str, ...] = MEDIA_HOSTS
    reactions: Mapping[int, str] = field(default_factory=REACTIONS.copy)
    """The emoji of VK's reaction numbers."""
    max_file_bytes: int = 200 * 1024 * 1024
    text_units: int = 4096
    """UTF-16 units of a message. VK's own figure is 9000, but its clients split at 4096."""
    edit_seconds: int = 24 * 3600
    delete_seconds: int = 24 * 3600

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
        times = (self.connect_timeout, self.request_timeout, self.transfer_timeout)
        if min(*times, self.max_reply_bytes, self.max_file_bytes, self.text_units) <= 0:
            raise ValueError("timeouts and sizes have to be more than nothing")
        if not all(_HOST.fullmatch(host) for host in self.media_hosts):
            raise ValueError("media_hosts have to be names of hosts, in small letters")
        if not all(emoji.strip() for emoji in self.reactions.values()):
            raise ValueError("every reaction has to have an emoji")

    @property
    def max_odd_bytes(self) -> int:
        """Return up to which size an answer is mended that is not quite JSON, or too deep."""
        return self.max_reply_bytes // 8

    @property
    def plain_http(self) -> bool:
        """Tell whether VK is a loopback server without TLS, whose long poll may be so too."""
        return URL(self.api_url).scheme == "http"
