"""Messages and what people do with them: writing, editing, deleting, reacting, reading, calling."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from sferum_bridge.standin.control.base import Route, body_of, field
from sferum_bridge.standin.errors import bad_parameter
from sferum_bridge.standin.updates import ACTIVITY_CODES
from sferum_bridge.standin.values import Draft

if TYPE_CHECKING:
    from aiohttp import web

    from sferum_bridge.standin.calls import Calls
    from sferum_bridge.standin.chats import Chats
    from sferum_bridge.standin.messages import Messages
    from sferum_bridge.standin.messenger import Messenger
    from sferum_bridge.standin.objects import Objects
    from sferum_bridge.standin.reactions import Reactions
    from sferum_bridge.standin.values import Message

CHANGEABLE = {"text": str, "format_data": dict, "geo": dict, "keyboard": dict}


class MessageControl:
    """The handlers about messages. `from` is who acts, `chat` the conversation."""

    def __init__(
        self,
        chats: Chats,
        messages: Messages,
        messenger: Messenger,
        reactions: Reactions,
        calls: Calls,
        objects: Objects,
    ) -> None:
        self._chats = chats
        self._messages = messages
        self._messenger = messenger
        self._reactions = reactions
        self._calls = calls
        self._objects = objects

    def routes(self) -> list[Route]:
        """Return what is served."""
        return [
            ("POST", "/control/messages", self.post),
            ("PATCH", "/control/messages", self.edit),
            ("DELETE", "/control/messages", self.delete),
            ("POST", "/control/messages/restore", self.restore),
            ("POST", "/control/messages/refetch", self.refetch),
            ("POST", "/control/reactions", self.react),
            ("GET", "/control/reactions", self.reactions),
            ("POST", "/control/reads", self.read),
            ("POST", "/control/activity", self.act),
            ("POST", "/control/calls", self.call),
            ("DELETE", "/control/calls", self.hang_up),
        ]

    async def post(self, request: web.Request) -> Any:
        """Write a message as somebody."""
        body = await body_of(request)
        sender = field(body, "from", int)
        draft = Draft(
            text=field(body, "text", str, ""),
            random_id=field(body, "random_id", int, 0),
            reply_cmid=field(body, "reply_cmid", int, 0),
            forwards=tuple(self._forward(one) for one in field(body, "forwards", list, [])),
            attachments=_attachments(body),
            format_data=field(body, "format_data", dict, {}),
            payload=field(body, "payload", str, ""),
            silent=field(body, "silent", bool, False),  # noqa: FBT003 - the default
            geo=field(body, "geo", dict, {}),
            keyboard=field(body, "keyboard", dict, {}),
        )
        date = field(body, "date", int, 0)
        message = self._messenger.send(sender, self._peer(body, sender), draft, date)
        return {"chat": message.conversation_id, "cmid": message.cmid}

    async def edit(self, request: web.Request) -> Any:
        """Change a message: as its author, or as the service does it by itself."""
        body = await body_of(request)
        message = self._message(body)
        changed = {
            name: field(body, name, kind) for name, kind in CHANGEABLE.items() if name in body
        }
        if "attachments" in body:
            changed["attachments"] = _attachments(body)
        draft = replace(message.draft, **changed)
        if body.get("quietly"):
            self._messenger.refresh(message, draft)
        else:
            self._messenger.edit(field(body, "from", int), message, draft)
        return {}

    async def delete(self, request: web.Request) -> Any:
        """Delete a message for everybody, or for oneself."""
        body = await body_of(request)
        for_all = field(body, "for_all", bool, True)  # noqa: FBT003 - the default
        self._messenger.delete(field(body, "from", int), self._message(body), for_all=for_all)
        return {}

    async def restore(self, request: web.Request) -> Any:
        """Bring back what somebody deleted for themselves."""
        body = await body_of(request)
        self._messenger.restore(field(body, "from", int), self._message(body))
        return {}

    async def refetch(self, request: web.Request) -> Any:
        """Tell everybody to fetch a message again."""
        self._messenger.ask_to_fetch(self._message(await body_of(request)))
        return {}

    async def react(self, request: web.Request) -> Any:
        """React to a message; 0 takes a reaction back."""
        body = await body_of(request)
        reaction_id = field(body, "reaction_id", int)
        self._reactions.set(field(body, "from", int), self._message(body), reaction_id)
        return {}

    async def reactions(self, request: web.Request) -> Any:
        """Show who has reacted to a message."""
        found = self._reactions.of(self._message(await body_of(request)))
        return {"reactions": {str(user): number for number, ids in found.items() for user in ids}}

    async def read(self, request: web.Request) -> Any:
        """Read a conversation up to a message."""
        body = await body_of(request)
        reader = field(body, "from", int)
        self._messenger.read(reader, self._peer(body, reader), field(body, "cmid", int))
        return {}

    async def act(self, request: web.Request) -> Any:
        """Show that somebody is typing, recording or uploading."""
        body = await body_of(request)
        user_id, activity = field(body, "from", int), field(body, "activity", str, "typing")
        if activity not in ACTIVITY_CODES:
            raise ValueError("activity")
        self._messenger.show_activity(user_id, self._peer(body, user_id), activity)
        return {}

    async def call(self, request: web.Request) -> Any:
        """Start a call in a conversation."""
        body = await body_of(request)
        user_id = field(body, "from", int)
        video = field(body, "video", bool, False)  # noqa: FBT003 - the default
        return self._calls.start(user_id, self._peer(body, user_id), video=video)

    async def hang_up(self, request: web.Request) -> Any:
        """End a call."""
        body = await body_of(request)
        self._calls.finish(
            field(body, "from", int),
            field(body, "call_id", str),
            state=field(body, "state", str, "reached"),
            seconds=field(body, "seconds", int, 0),
        )
        return {}

    def _peer(self, body: dict[str, Any], user_id: int) -> int:
        if "to" in body:
            return int(field(body, "to", int))
        member = self._chats.member(field(body, "chat", int), user_id)
        if member is None:
            raise LookupError("no such member of the chat")
        return member.peer_id

    def _message(self, body: dict[str, Any]) -> Message:
        message = self._messages.get(field(body, "chat", int), field(body, "cmid", int))
        if message is None:
            raise LookupError("no such message")
        return message

    def _forward(self, given: Any) -> dict[str, Any]:
        """Return a forwarded message: one that exists (`chat`, `cmid`), or one as VK shows it."""
        if not isinstance(given, dict):
            raise TypeError("forwards")
        return self._objects.forwarded(self._message(given)) if "chat" in given else given


def _attachments(body: dict[str, Any]) -> tuple[dict[str, Any], ...]:
    given = field(body, "attachments", list, [])
    if not all(isinstance(one, dict) and isinstance(one.get("type"), str) for one in given):
        raise bad_parameter("attachments")
    return tuple(given)
