"""Which addresses files are read from and sent to.

Addresses of files come from messages, which anybody in a chat wrote. Only hosts that VK keeps files
on are spoken to, by https, and only where their names lead out of this network: whoever writes a
message must not make the bridge ask the school's own servers for things. What the settings name as
VK's API itself (a stand-in on this machine) is exempt, with exactly its scheme and port.
"""

from __future__ import annotations

import ipaddress
import re
import socket
from typing import TYPE_CHECKING

from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.resolver import DefaultResolver
from yarl import URL

from sferum_bridge.network.base import Refused

if TYPE_CHECKING:
    from sferum_bridge.network.vk.settings import VkSettings

# What a resolver can look up at all.
_HOST = re.compile(r"(?:[a-z0-9_-]{1,63}\.){0,60}[a-z0-9-]{1,63}", re.ASCII)


class Addresses:
    """Tells addresses that may be spoken to from others."""

    def __init__(self, settings: VkSettings) -> None:
        self._configured = {URL(url).origin() for url in (settings.api_url, settings.web_url)}
        self._hosts = settings.media_hosts

    def checked(self, address: str) -> URL:
        """Return an address that may be spoken to.

        Raises:
            Refused: If it may not.
        """
        try:
            url = URL(address)
            origin = url.origin()
        except ValueError:
            raise Refused("a file's address that cannot be read") from None
        if origin in self._configured:
            return url
        host = (url.host or "").lower().rstrip(".")
        known = any(host == one or host.endswith(f".{one}") for one in self._hosts)
        known = known and _HOST.fullmatch(host) is not None
        if not known or url.scheme != "https" or not url.is_default_port() or url.user:
            raise Refused("a file's address that is none of VK's")
        return url

    def is_configured(self, host: str) -> bool:
        """Tell whether the settings themselves name a host."""
        return any(origin.host == host for origin in self._configured)


class OutwardResolver(AbstractResolver):
    """Resolves names, leaving out addresses of private networks, this machine, and the like."""

    def __init__(self, addresses: Addresses) -> None:
        self._addresses = addresses
        self._inner = DefaultResolver()

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """Resolve a name. Raises `OSError` if nothing is left."""
        found = await self._inner.resolve(host, port, family)
        if self._addresses.is_configured(host):
            return found
        outward = [one for one in found if ipaddress.ip_address(one["host"]).is_global]
        if not outward:
            raise OSError("the name leads to no public address")
        return outward

    async def close(self) -> None:
        """Give up what the inner resolver holds."""
        await self._inner.close()
