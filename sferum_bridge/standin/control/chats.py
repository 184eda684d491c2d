"""Chats: making them, changing them, who is in them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sferum_bridge.standin import shapes
from sferum_bridge.standin.control.base import CHAT, Route, body_of, field, number_in

if TYPE_CHECKING:
    from aiohttp import web

    from sferum_bridge.standin.chats import Chats
    from sferum_bridge.standin.files import Files
    from sferum_bridge.standin.management import Management
    from sferum_bridge.standin.media import Media
    from sferum_bridge.standin.messages import Messages
    from sferum_bridge.standin.reactions import Reactions
    from sferum_bridge.standin.values import Conversation, Message


class ChatControl:
    """The handlers about chats. Who acts is the owner, or whom `by` names."""

    def __init__(
        self,
        chats: Chats,
        messages: Messages,
        management: Management,
        files: Files,
        media: Media,
        reactions: Reactions,
    ) -> None:
        self._chats = chats
        self._messages = messages
        self._management = management
        self._files = files
        self._media = media
        self._reactions = reactions

    def routes(self) -> list[Route]:
        """Return what is served."""
        member = CHAT + r"/members/{user:\d{1,18}}"
        return [
            ("POST", "/control/chats", self.add),
            ("PATCH", CHAT, self.change),
            ("POST", CHAT + "/members", self.add_member),
            ("PATCH", member, self.change_member),
            ("DELETE", member, self.remove_member),
            ("GET", CHAT + "/messages", self.messages),
            ("POST", CHAT + "/service", self.report),
        ]

    async def add(self, request: web.Request) -> Any:
        """Create a chat with its members."""
        body = await body_of(request)
        members = field(body, "members", list, [])
        chat = self._management.create_chat(
            field(body, "owner", int), field(body, "title", str), [int(m) for m in members]
        )
        peers = {str(m.user_id): m.peer_id for m in self._chats.members(chat.id)}
        return {"chat": chat.id, "peers": peers}

    async def change(self, request: web.Request) -> Any:
        """Change title, description, photo, what is pinned, or who may write."""
        chat, body = self._chat(request), await body_of(request)
        user_id, peer_id = self._actor(chat, body)
        if "title" in body:
            self._management.rename(user_id, peer_id, field(body, "title", str))
        if "description" in body:
            self._management.describe(user_id, peer_id, field(body, "description", str))
        if "photo" in body:
            photo = self._photo(request, user_id, body["photo"])
            self._management.set_photo(user_id, peer_id, photo)
        if "pinned" in body:
            self._pin(chat, user_id, peer_id, field(body, "pinned", int))
        if "writing_disabled" in body:
            self._chats.change(chat.id, writing_disabled=bool(body["writing_disabled"]))
        return {}

    async def add_member(self, request: web.Request) -> Any:
        """Bring somebody in: invited, or through the link."""
        chat, body = self._chat(request), await body_of(request)
        guest = field(body, "user_id", int)
        if body.get("by_link"):
            link = self._management.link(
                chat.owner_id, self._peer(chat, chat.owner_id), reset=False
            )
            self._management.join_by_link(guest, link)
        else:
            self._management.invite(*self._actor(chat, body), guest)
        member = self._chats.member(chat.id, guest)
        return {"peer_id": member.peer_id if member else 0}

    async def change_member(self, request: web.Request) -> Any:
        """Make a member an administrator, or an ordinary member."""
        chat, body = self._chat(request), await body_of(request)
        is_admin = field(body, "is_admin", bool)
        user_id, peer_id = self._actor(chat, body)
        member = number_in(request, "user")
        self._management.appoint(user_id, peer_id, member, is_admin=is_admin)
        return {}

    async def remove_member(self, request: web.Request) -> Any:
        """Take somebody out; by themselves it is leaving."""
        chat, body = self._chat(request), await body_of(request)
        self._management.remove(*self._actor(chat, body), number_in(request, "user"))
        return {}

    async def messages(self, request: web.Request) -> Any:
        """List all messages of a chat."""
        chat = self._chat(request)
        reactions = self._reactions.of_chat(chat.id)
        found = self._messages.everything(chat.id)
        return {"messages": [_shown(message, reactions.get(message.cmid, {})) for message in found]}

    async def report(self, request: web.Request) -> Any:
        """Post a service message of any kind."""
        chat, body = self._chat(request), await body_of(request)
        action = field(body, "action", dict)
        field(action, "type", str)
        message = self._management.report(*self._actor(chat, body), action)
        return {"cmid": message.cmid}

    def _pin(self, chat: Conversation, user_id: int, peer_id: int, cmid: int) -> None:
        if not cmid:
            self._management.unpin(user_id, peer_id)
            return
        message = self._messages.get(chat.id, cmid)
        if message is None:
            raise LookupError("no such message")
        self._management.pin(user_id, peer_id, message)

    def _photo(self, request: web.Request, user_id: int, key: Any) -> dict[str, Any] | None:
        if key is None:
            return None
        file = self._files.find(str(key))
        if file is None:
            raise LookupError("photo")
        origin = f"{request.scheme}://{request.host}"
        shape = shapes.photo(origin, file, self._files.path(file.key), 0)
        return self._media.add("photo", user_id, shape)

    def _chat(self, request: web.Request) -> Conversation:
        return self._chats.get(number_in(request, "chat"))

    def _actor(self, chat: Conversation, body: dict[str, Any]) -> tuple[int, int]:
        user_id = field(body, "by", int, chat.owner_id)
        return user_id, self._peer(chat, user_id)

    def _peer(self, chat: Conversation, user_id: int) -> int:
        member = self._chats.member(chat.id, user_id)
        if member is None:
            raise LookupError("no such member of the chat")
        return member.peer_id


def _shown(message: Message, reactions: dict[int, int]) -> dict[str, Any]:
    draft = message.draft
    return {
        "cmid": message.cmid,
        "from_id": message.from_id,
        "text": draft.text,
        "date": message.date,
        "update_time": message.update_time,
        "random_id": draft.random_id,
        "reply_cmid": draft.reply_cmid,
        "deleted": message.deleted,
        "action": draft.action,
        "attachments": list(draft.attachments),
        "forwards": list(draft.forwards),
        "format_data": draft.format_data,
        "geo": draft.geo,
        "keyboard": draft.keyboard,
        "reactions": {str(user): number for user, number in reactions.items()},
    }
