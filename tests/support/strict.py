"""A homeserver that takes what a real one would, and says what is wrong with the rest.

As strict as Synapse about what it refuses for good (canonical JSON, sizes, names), and stricter
where a person would suffer: tags, links and names. It remembers what arrived, for the fuzz.
"""

from __future__ import annotations

import asyncio
import json
import unicodedata
from collections import deque
from contextlib import asynccontextmanager
from html.parser import HTMLParser
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from aiohttp import web
from aiohttp.test_utils import TestServer

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

_MOST_INT = 2**53 - 1
_MOST_BYTES = 65_536 - 2_000
_MOST_NAME = 256
_TAGS = frozenset(
    "a b blockquote br code del em h1 h2 h3 hr i li ol p pre s strong u ul".split()  # noqa: SIM905 - reads better
)
_SCHEMES = frozenset({"http", "https", "mailto", "tel"})


class _Html(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.wrong: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in _TAGS:
            self.wrong.append(f"tag {tag}")
        for name, value in attrs:
            if (tag, name) != ("a", "href") or urlsplit(value or "").scheme not in _SCHEMES:
                self.wrong.append(f"attribute {name} of {tag}")


def wrong_with_html(html: str) -> list[str]:
    """Return what of a formatted body no client should be given."""
    reader = _Html()
    reader.feed(html)
    reader.close()
    return reader.wrong


def wrong_with_name(name: Any) -> list[str]:
    """Return why something is no name to show somebody by."""
    if not isinstance(name, str) or not name.strip() or len(name) > _MOST_NAME:
        return ["a name that is none, or too long"]
    unseen = {unicodedata.category(c) for c in name} & {"Cc", "Cf", "Cs", "Zl", "Zp"}
    return [f"a name with {' '.join(sorted(unseen))}"] if unseen else []


def wrong_with(kind: str, content: Any) -> list[str]:
    """Return why a homeserver or a client would not take an event."""
    found = list(_wrong_json(content))
    try:
        written = json.dumps(content, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return [*found, "half a surrogate pair"]
    if len(written) > _MOST_BYTES:
        found.append(f"{len(written)} bytes")
    if kind in {"m.room.message", "m.sticker"} and isinstance(content, dict):
        new = content.get("m.new_content", content)
        for part in (content, new):
            if not isinstance(part.get("body"), str) or not part["body"]:
                found.append("no body")
            found += wrong_with_html(part.get("formatted_body", ""))
        mentions = new.get("m.mentions", {})
        if not set(mentions) <= {"user_ids", "room"}:
            found.append("mentions")
    return found


def _wrong_json(value: Any) -> list[str]:
    match value:
        case float():
            return ["a number that is no integer"]
        case int() if not -_MOST_INT <= value <= _MOST_INT:
            return ["a number too large"]
        case str() if "\x00" in value:
            return ["a NUL"]
        case dict():
            return [wrong for pair in value.items() for one in pair for wrong in _wrong_json(one)]
        case list():
            return [wrong for one in value for wrong in _wrong_json(one)]
    return []


class Strict:
    """The homeserver."""

    def __init__(self) -> None:
        self.url = ""
        self.events: dict[str, dict[str, Any]] = {}
        """Event id → txn_id, type, sender, content, in the order of their arrival."""
        self.names: dict[str, str] = {}
        self.wrong: list[str] = []
        """Everything it had to refuse."""
        self.instead: deque[bytes] = deque()
        """What the next events that are sent are answered by, with status 200."""
        self._by_txn: dict[tuple[str, str], str] = {}
        self._news = asyncio.Condition()

    @asynccontextmanager
    async def running(self) -> AsyncIterator[Strict]:
        """Serve meanwhile."""
        client = "/_matrix/client/v3"
        app = web.Application(client_max_size=2**26)
        app.router.add_put(client + "/rooms/{room}/send/{kind}/{txn}", self._send)
        app.router.add_put(client + "/rooms/{room}/redact/{event}/{txn}", self._send)
        app.router.add_put(client + "/profile/{mxid}/displayname", self._name)
        app.router.add_get(client + "/rooms/{room}/state/{kind}/{key}", self._none)
        app.router.add_post("/_matrix/media/v3/upload", self._upload)
        app.router.add_route("*", "/{rest:.*}", self._taken)
        server = TestServer(app)
        await server.start_server()
        self.url = str(server.make_url("/"))
        try:
            yield self
        finally:
            await server.close()

    def texts(self) -> list[str]:
        """Return the bodies of what arrived."""
        contents = (event["content"] for event in self.events.values())
        return [content["body"] for content in contents if "body" in content]

    def of_message(self, number: int) -> list[dict[str, Any]]:
        """Return what shows the message of a number."""
        return [e for e in self.events.values() if f".{number}." in e["txn_id"]]

    async def until_text(self, text: str, seconds: float = 60.0) -> None:
        """Wait until a text arrived."""
        async with asyncio.timeout(seconds), self._news:
            await self._news.wait_for(lambda: text in self.texts()[-40:])

    async def _send(self, request: web.Request) -> web.Response:
        content = json.loads(await request.text())
        place = request.match_info
        kind = place.get("kind", "m.room.redaction")
        wrong = wrong_with(kind, content)
        ts = int(request.query.get("ts", "0"))
        if not 0 <= ts <= _MOST_INT:
            wrong.append(f"ts {ts}")
        if len(place["txn"]) > 255:  # Synapse's own number
            wrong.append("a transaction id too long")
        if wrong:
            return self._refused(f"{place['txn']}: {', '.join(sorted(set(wrong)))}")
        sender = request.query.get("user_id", "")
        event_id = self._by_txn.setdefault((sender, place["txn"]), f"$e{len(self._by_txn)}")
        if self.instead:
            return web.Response(body=self.instead.popleft())
        async with self._news:
            self.events[event_id] = {
                "txn_id": place["txn"],
                "type": kind,
                "sender": sender,
                "content": content,
            }
            self._news.notify_all()
        return web.json_response({"event_id": event_id})

    async def _name(self, request: web.Request) -> web.Response:
        name = json.loads(await request.text()).get("displayname")
        if wrong := wrong_with_name(name):
            return self._refused(f"displayname {name!r:.60}: {wrong[0]}")
        self.names[request.match_info["mxid"]] = name
        return web.json_response({})

    def _refused(self, why: str) -> web.Response:
        self.wrong.append(why)
        return web.json_response({"errcode": "M_BAD_JSON", "error": why}, status=400)

    async def _none(self, _: web.Request) -> web.Response:
        return web.json_response({"errcode": "M_NOT_FOUND"}, status=404)

    async def _upload(self, request: web.Request) -> web.Response:
        await request.read()
        return web.json_response({"content_uri": "mxc://school.example/file"})

    async def _taken(self, _: web.Request) -> web.Response:
        return web.json_response({"chunk": []})
