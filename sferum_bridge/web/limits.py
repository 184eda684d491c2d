"""How often something may fail: counted in memory, for whoever can be told apart on the page."""

from __future__ import annotations

import ipaddress
from collections import deque
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from aiohttp import web

_MOST_KEYS = 10_000
_V6_NETWORK = 64


class Limit:
    """At most `most` tries of one key within `window` milliseconds.

    Bounded: with too many keys the one tried longest ago is forgotten, so a flood costs the
    attacker addresses, not us memory.
    """

    def __init__(self, most: int, window: int, clock: Callable[[], int]) -> None:
        self._most = most
        self._window = window
        self._clock = clock
        self._tries: dict[str, deque[int]] = {}

    def wait(self, key: str) -> int:
        """Return how many milliseconds until the next try; 0 for now."""
        tries = self._tries.get(key)
        if tries is None or len(tries) < self._most:
            return 0
        return max(0, tries[0] + self._window - self._clock())

    def note(self, key: str) -> None:
        """Count a try."""
        tries = self._tries.pop(key, None) or deque(maxlen=self._most)
        tries.append(self._clock())
        if len(self._tries) >= _MOST_KEYS:
            del self._tries[next(iter(self._tries))]
        self._tries[key] = tries

    def take_back(self, key: str) -> None:
        """Forget the last try: it did not fail."""
        if tries := self._tries.get(key):
            tries.pop()


def visitor(request: web.Request) -> str:
    """Return the address a request comes from, as whom to count: IPv6 by its network.

    A private address is the proxy in front of the bridge, which says for whom it asks.
    """
    peer = _address(request.remote or "")
    if peer is None or peer.is_private:
        named = _address(request.headers.get("X-Forwarded-For", "").rpartition(",")[2].strip())
        peer = named or peer
    if isinstance(peer, ipaddress.IPv6Address) and not peer.is_private:
        return str(ipaddress.ip_network((peer, _V6_NETWORK), strict=False))
    return str(peer or "")


def _address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        found = ipaddress.ip_address(text)
    except ValueError:
        return None
    # A socket for both families shows IPv4 as a mapped address, which would count as private.
    return getattr(found, "ipv4_mapped", None) or found
