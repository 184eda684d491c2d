"""The control interface: how the demo and the tests play the other people (see the package)."""

from __future__ import annotations

import hmac
import json
import secrets
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from aiohttp import web

from sferum_bridge.standin.errors import ApiError
from sferum_bridge.standin.faults import Effect, Fault
from sferum_bridge.standin.values import EDUCATIONAL, ORDINARY, Conversation, Draft

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from sferum_bridge.standin.chats import Chats
    from sferum_bridge.standin.database import Database
    from sferum_bridge.standin.faults import Faults
    from sferum_bridge.standin.journal import Journal
    from sferum_bridge.standin.longpoll import LongPoll
    from sferum_bridge.standin.messages import Messages
    from sferum_bridge.standin.messenger import Messenger
    from sferum_bridge.standin.people import People
    from sferum_bridge.standin.values import Message

ROLES = frozenset(("admin", "employee", "teacher", "parent", "student"))
SCHOOL_TYPE = "1"
MISSING = object()


class Control:
    """The handlers under /control/."""

    def __init__(
        self,
        key: str,
        database: Database,
        people: People,
        chats: Chats,
        messages: Messages,
        messenger: Messenger,
        journal: Journal,
        longpoll: LongPoll,
        faults: Faults,
    ) -> None:
        self._key = key
        self._db = database
        self._people = people
        self._chats = chats
        self._messages = messages
        self._messenger = messenger
        self._journal = journal
        self._longpoll = longpoll
        self._faults = faults

    def routes(self) -> list[web.RouteDef]:
        """Return what is served."""
        chat = r"/control/chats/{chat:\d{1,18}}"
        table: list[tuple[str, str, Callable[[web.Request], Awaitable[Any]]]] = [
            ("POST", "/control/users", self.add_user),
            ("DELETE", r"/control/users/{user:\d{1,18}}/cookies", self.log_out),
            ("POST", "/control/chats", self.add_chat),
            ("PATCH", chat, self.change_chat),
            ("POST", chat + "/members", self.add_member),
            ("DELETE", chat + r"/members/{user:\d{1,18}}", self.remove_member),
            ("GET", chat + "/messages", self.messages),
            ("POST", "/control/messages", self.post),
            ("PATCH", "/control/messages", self.edit),
            ("DELETE", "/control/messages", self.delete),
            ("POST", "/control/faults", self.add_fault),
            ("GET", "/control/faults", self.faults),
            ("DELETE", "/control/faults", self.clear_faults),
            ("POST", "/control/expire", self.expire),
            ("GET", "/control/counters", self.counters),
            ("POST", "/control/reset", self.reset),
        ]
        return [web.route(method, path, self._guarded(act)) for method, path, act in table]

    async def add_user(self, request: web.Request) -> Any:
        """Add a person with one or two profiles."""
        body = await _body(request)
        role = _field(body, "role", str, "student")
        profiles = _field(body, "profiles", list, [ORDINARY, EDUCATIONAL])
        if role not in ROLES or not profiles or not set(profiles) <= {ORDINARY, EDUCATIONAL}:
            raise ValueError("role or profiles")
        organization = _field(body, "organization", str, "")
        edu = {"main_role_code": role, "main_roles": role, "organizations": []}
        if organization:
            entry = {
                "organization_id": 1,
                "organization_name": organization,
                "organization_type": SCHOOL_TYPE,
                "roles": [{"role_code": role, "details": "", "order": 0}],
            }
            edu["organizations"] = [entry]
        cookie = _field(body, "cookie", str, "vk1.a." + secrets.token_urlsafe(32))
        first_name, last_name = _field(body, "first_name", str), _field(body, "last_name", str)
        added = self._people.add(first_name, last_name, sorted(set(profiles)), cookie, edu)
        shown = [{"user_id": p.user_id, "profile_type": p.profile_type} for p in added]
        return {"cookie": cookie, "profiles": shown}

    async def log_out(self, request: web.Request) -> Any:
        """Make the person's cookies invalid."""
        self._people.revoke_cookies(int(request.match_info["user"]))
        return {}

    async def add_chat(self, request: web.Request) -> Any:
        """Create a chat with its members."""
        body = await _body(request)
        members = _field(body, "members", list, [])
        chat = self._messenger.create_chat(
            _field(body, "owner", int), _field(body, "title", str), [int(m) for m in members]
        )
        peers = {str(m.user_id): m.peer_id for m in self._chats.members(chat.id)}
        return {"chat": chat.id, "peers": peers}

    async def change_chat(self, request: web.Request) -> Any:
        """Rename a chat, or close it for writing."""
        chat, body = self._chat(request), await _body(request)
        if "title" in body:
            self._messenger.rename(chat.owner_id, self._owners_peer(chat), body["title"])
        if "writing_disabled" in body:
            self._chats.disable_writing(chat.id, disabled=bool(body["writing_disabled"]))
        return {}

    async def add_member(self, request: web.Request) -> Any:
        """Let the owner invite somebody."""
        chat, body = self._chat(request), await _body(request)
        guest = _field(body, "user_id", int)
        self._messenger.invite(chat.owner_id, self._owners_peer(chat), guest)
        return {}

    async def remove_member(self, request: web.Request) -> Any:
        """Let the owner remove somebody."""
        chat = self._chat(request)
        user_id = int(request.match_info["user"])
        self._messenger.remove(chat.owner_id, self._owners_peer(chat), user_id)
        return {}

    async def messages(self, request: web.Request) -> Any:
        """List all messages of a chat."""
        found = self._messages.everything(self._chat(request).id)
        return {"messages": [_shown(message) for message in found]}

    async def post(self, request: web.Request) -> Any:
        """Write a message as somebody."""
        body = await _body(request)
        sender = _field(body, "from", int)
        peer_id = _field(body, "to", int) if "to" in body else self._peer(body, sender)
        draft = Draft(
            text=_field(body, "text", str, ""),
            reply_cmid=_field(body, "reply_cmid", int, 0),
            attachments=tuple(_field(body, "attachments", list, [])),
        )
        message = self._messenger.send(sender, peer_id, draft)
        return {"chat": message.conversation_id, "cmid": message.cmid}

    async def edit(self, request: web.Request) -> Any:
        """Change a message as its author."""
        body = await _body(request)
        message = self._message(body)
        draft = replace(message.draft, text=_field(body, "text", str))
        self._messenger.edit(_field(body, "from", int), message, draft)
        return {}

    async def delete(self, request: web.Request) -> Any:
        """Delete a message for everybody."""
        body = await _body(request)
        self._messenger.delete(_field(body, "from", int), self._message(body), for_all=True)
        return {}

    async def add_fault(self, request: web.Request) -> Any:
        """Script a fault."""
        body = await _body(request)
        self._faults.add(
            Fault(
                _field(body, "method", str),
                Effect(_field(body, "effect", str)),
                times=_field(body, "times", int, 1),
                code=_field(body, "code", int, 0),
                seconds=float(body.get("seconds", 0)),
                fields=_field(body, "fields", dict, {}),
            )
        )
        return {}

    async def faults(self, request: web.Request) -> Any:
        """Show what is left of the script."""
        del request
        return {"faults": self._faults.pending()}

    async def clear_faults(self, request: web.Request) -> Any:
        """Forget the script and the counters."""
        del request
        self._faults.clear()
        return {}

    async def expire(self, request: web.Request) -> Any:
        """Make tokens or long-poll keys expire now."""
        body = await _body(request)
        user_id = _field(body, "user_id", int) if "user_id" in body else None
        if body.get("tokens"):
            self._people.expire_tokens(user_id)
        if body.get("keys"):
            self._longpoll.expire_keys(user_id, lost=bool(body.get("lost")))
        return {}

    async def counters(self, request: web.Request) -> Any:
        """Show how many requests came and how many were refused."""
        del request
        return {"seen": dict(self._faults.seen), "refused": dict(self._faults.refused)}

    async def reset(self, request: web.Request) -> Any:
        """Forget everything."""
        del request
        self._db.clear()
        self._faults.clear()
        self._journal.wake_all()
        return {}

    def _guarded(
        self, act: Callable[[web.Request], Awaitable[Any]]
    ) -> Callable[[web.Request], Awaitable[web.Response]]:
        async def handler(request: web.Request) -> web.Response:
            given = request.headers.get("Authorization", "").encode()
            if not hmac.compare_digest(given, f"Bearer {self._key}".encode()):
                return web.json_response({"error": "control key"}, status=401)
            try:
                return web.json_response(await act(request))
            except ApiError as error:
                body = {"error": str(error), "code": error.code}
                return web.json_response(body, status=409)
            except (ValueError, TypeError, OverflowError) as error:
                return web.json_response({"error": f"bad body: {error}"}, status=400)
            except LookupError as error:
                return web.json_response({"error": f"unknown: {error}"}, status=404)

        return handler

    def _chat(self, request: web.Request) -> Conversation:
        return self._chats.get(int(request.match_info["chat"]))

    def _owners_peer(self, chat: Conversation) -> int:
        return self._peer({"chat": chat.id}, chat.owner_id)

    def _peer(self, body: dict[str, Any], user_id: int) -> int:
        member = self._chats.member(_field(body, "chat", int), user_id)
        if member is None:
            raise LookupError("no such member of the chat")
        return member.peer_id

    def _message(self, body: dict[str, Any]) -> Message:
        message = self._messages.get(_field(body, "chat", int), _field(body, "cmid", int))
        if message is None:
            raise LookupError("no such message")
        return message


async def _body(request: web.Request) -> dict[str, Any]:
    body = json.loads(await request.text() or "{}")
    if not isinstance(body, dict):
        raise TypeError("not an object")
    return body


def _field(body: dict[str, Any], name: str, kind: type, default: Any = MISSING) -> Any:
    value = body.get(name, default)
    if value is MISSING or not isinstance(value, kind):
        raise ValueError(name)
    return value


def _shown(message: Message) -> dict[str, Any]:
    draft = message.draft
    return {
        "cmid": message.cmid,
        "from_id": message.from_id,
        "text": draft.text,
        "date": message.date,
        "random_id": draft.random_id,
        "reply_cmid": draft.reply_cmid,
        "deleted": message.deleted,
        "action": draft.action,
        "attachments": list(draft.attachments),
    }
