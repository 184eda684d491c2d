"""Where one is in the event stream, and where the stream is."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from yarl import URL

from sferum_bridge.network.base import Unavailable
from sferum_bridge.network.vk.settings import is_loopback

if TYPE_CHECKING:
    from sferum_bridge.network.vk.settings import VkSettings

_MOST = 2**63


@dataclass(frozen=True, slots=True)
class Position:
    """A place in the stream; `pts` is 0 when VK gave none. As text it is the cursor."""

    ts: int
    pts: int

    def dump(self) -> str:
        """Return the cursor."""
        return json.dumps({"ts": self.ts, "pts": self.pts}, separators=(",", ":"))

    @classmethod
    def load(cls, cursor: str) -> Position | None:
        """Return the position in a cursor, `None` for one that was never ours."""
        try:
            data = json.loads(cursor)
            return cls(int(data["ts"]), int(data["pts"]))
        except (ValueError, TypeError, KeyError, RecursionError):
            return None


@dataclass(frozen=True, slots=True)
class Server:
    """Where to poll, and the key to it, good for about an hour."""

    url: str
    key: str

    def __repr__(self) -> str:
        """Leave the key out."""
        return f"Server(url={self.url!r})"


def server_url(server: str, settings: VkSettings) -> str:
    """Return the address in a `server` field, which VK writes with and without a scheme.

    Raises:
        Unavailable: If it would be spoken to without TLS and is not on this machine.
    """
    scheme = "http" if settings.plain_http else "https"
    try:
        url = URL(server if "://" in server else f"{scheme}://{server}")
    except ValueError:
        raise Unavailable("long poll: the server's address cannot be read") from None
    plain = url.scheme == "http" and settings.plain_http and is_loopback(url.host)
    if not url.host or not (url.scheme == "https" or plain):
        raise Unavailable("long poll: the server is not reached by https")
    return str(url)


def read_server(reply: Any, settings: VkSettings) -> tuple[Server, Position]:
    """Return the server in a reply to `messages.getLongPollServer`, and its newest position.

    Raises:
        Unavailable: If there is none in it, or none that may be spoken to.
    """
    data = reply if isinstance(reply, dict) else {}
    server, key, ts = data.get("server"), data.get("key"), number(data.get("ts"))
    if not isinstance(server, str) or not isinstance(key, str) or ts is None:
        raise Unavailable("messages.getLongPollServer: a reply that names no server")
    return Server(server_url(server, settings), key), Position(ts, number(data.get("pts")) or 0)


def number(value: Any) -> int | None:
    """Return a number of VK's, which it writes as text at times; `None` for anything else."""
    if isinstance(value, str) and value.isascii() and value.isdigit():
        value = int(value[:19])
    return value if type(value) is int and 0 <= value < _MOST else None
