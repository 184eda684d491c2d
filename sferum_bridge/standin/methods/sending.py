"""messages.send and what changes a message or shows that somebody is there."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sferum_bridge.standin import shapes
from sferum_bridge.standin.errors import ApiError, Code, bad_parameter
from sferum_bridge.standin.messenger import rewritten
from sferum_bridge.standin.methods.call import ANY, INT32
from sferum_bridge.standin.updates import ACTIVITY_CODES
from sferum_bridge.standin.values import CHAT_BASE, Draft

if TYPE_CHECKING:
    from sferum_bridge.standin.media import Media
    from sferum_bridge.standin.messages import Messages
    from sferum_bridge.standin.messenger import Messenger
    from sferum_bridge.standin.methods.call import Call
    from sferum_bridge.standin.objects import Objects
    from sferum_bridge.standin.people import People
    from sferum_bridge.standin.settings import Settings
    from sferum_bridge.standin.values import Member, Message

RANDOM_ID_REQUIRED = (5, 90)
ANSWERS_WITH_CMID = (5, 223)
MOST_PEERS = 100
MOST_FORWARDS = 100
MOST_BUTTONS = 40


class SendingMethods:
    """Methods that write."""

    def __init__(
        self,
        messenger: Messenger,
        people: People,
        messages: Messages,
        media: Media,
        objects: Objects,
        settings: Settings,
    ) -> None:
        self._messenger = messenger
        self._people = people
        self._messages = messages
        self._media = media
        self._objects = objects
        self._settings = settings

    def send(self, call: Call) -> int | dict[str, int] | list[dict[str, Any]]:
        """messages.send: the reply is a number, or an object in newer versions."""
        random_id = call.number("random_id", 0, -INT32, INT32 - 1)
        if call.version >= RANDOM_ID_REQUIRED and not call.has("random_id"):
            raise bad_parameter("random_id", "is undefined")
        peers = call.numbers("peer_ids", MOST_PEERS)
        if peers:
            return [self._send_one_of_many(call, peer_id, random_id) for peer_id in peers]
        peer_id = self._destination(call)
        message = self._messenger.send(call.user_id, peer_id, self._draft(call, peer_id, random_id))
        number = self._number(call, message)
        if call.version >= ANSWERS_WITH_CMID:
            return {"cmid": message.cmid, "message_id": number}
        return number

    def edit(self, call: Call) -> int:
        """messages.edit: other text and attachments for an own message."""
        member = self._messenger.part(call.user_id, call.number("peer_id"))
        message = self._named(call, member)
        kept = () if self._settings.edit_drops else message.draft.attachments
        draft = rewritten(
            message.draft,
            call.text("message"),
            attachments=self._attached(call) or kept,
            keep_forwards=call.flag("keep_forward_messages"),
            keep_format=call.structure("format_data"),
        )
        self._messenger.edit(call.user_id, message, draft)
        return 1

    def delete(self, call: Call) -> list[dict[str, Any]]:
        """messages.delete: for oneself or for everybody, each message judged alone."""
        for_all = call.flag("delete_for_all")
        results = []
        for message_id, message in self._all_named(call):
            result: dict[str, Any] = {"message_id": message_id, "response": 0}
            if message is None:
                result["error"] = {"code": Code.PARAMETER, "description": "message not found"}
            else:
                result["peer_id"] = self._objects.message(call.user_id, message)["peer_id"]
                result["conversation_message_id"] = message.cmid
                try:
                    self._messenger.delete(call.user_id, message, for_all=for_all)
                    result["response"] = 1
                except ApiError as error:
                    result["error"] = {"code": error.code, "description": str(error)}
            results.append(result)
        return results

    def restore(self, call: Call) -> int:
        """messages.restore: what the caller had deleted for itself."""
        if call.has("cmid"):
            member = self._messenger.part(call.user_id, call.number("peer_id"))
            place: tuple[int, int] | None = (member.conversation_id, call.number("cmid", low=0))
        else:
            place = self._messages.place(call.user_id, call.number("message_id", low=0))
        message = self._messages.get(*place) if place else None
        if message is None:
            raise bad_parameter("message_id")
        self._messenger.restore(call.user_id, message)
        return 1

    def wipe(self, call: Call) -> dict[str, int]:
        """messages.deleteConversation: everything, from the caller's own sight."""
        member = self._messenger.part(call.user_id, call.number("peer_id"))
        last = self._messenger.wipe(call.user_id, member.peer_id)
        number = self._messages.message_id(call.user_id, member.conversation_id, last)
        return {"last_deleted_id": number}

    def mark_as_read(self, call: Call) -> int:
        """messages.markAsRead: up to a message, or the whole conversation."""
        peer_id = call.number("peer_id")
        member = self._messenger.present_part(call.user_id, peer_id)
        if call.has("up_to_cmid"):
            up_to = call.number("up_to_cmid", low=0)
        elif call.has("start_message_id"):
            message_id = call.number("start_message_id", low=0)
            message = self._messages.seen_by_id(call.user_id, message_id)
            if message is None or message.conversation_id != member.conversation_id:
                raise bad_parameter("start_message_id")
            up_to = message.cmid
        else:
            seen = self._messages.visible(
                call.user_id, member.conversation_id, 0, 1, oldest_first=False
            )
            up_to = seen[0].cmid if seen else 0
        self._messenger.read(call.user_id, peer_id, up_to)
        return 1

    def set_activity(self, call: Call) -> int:
        """messages.setActivity: typing, recording, uploading."""
        activity = call.choice("type", ACTIVITY_CODES, "typing")
        peer_id = call.number("peer_id", 0) or call.number("user_id")
        self._messenger.show_activity(call.user_id, peer_id, activity)
        return 1

    def _send_one_of_many(self, call: Call, peer_id: int, random_id: int) -> dict[str, Any]:
        result: dict[str, Any] = {"peer_id": peer_id, "message_id": 0, "conversation_message_id": 0}
        try:
            draft = self._draft(call, peer_id, random_id)
            message = self._messenger.send(call.user_id, peer_id, draft)
        except ApiError as error:
            return {**result, "error": {"code": error.code, "description": str(error)}}
        number = self._number(call, message)
        return {**result, "message_id": number, "conversation_message_id": message.cmid}

    def _destination(self, call: Call) -> int:
        if call.has("chat_id"):
            return call.chat_peer()
        if call.has("domain"):
            profile = self._people.find_domain(call.text("domain"))
            if profile is None:
                raise bad_parameter("domain")
            return profile.user_id
        peer_id = call.number("peer_id" if call.has("peer_id") else "user_id")
        if peer_id <= 0 or peer_id == CHAT_BASE:
            raise bad_parameter("peer_id")
        return peer_id

    def _draft(self, call: Call, peer_id: int, random_id: int) -> Draft:
        reply_cmid, forwards = self._quoted(call, peer_id)
        attachments = self._attached(call)
        if call.has("sticker_id"):
            shape = shapes.sticker(call.origin, call.number("sticker_id", low=1))
            attachments = ({"type": "sticker", "sticker": shape},)
        geo = {}
        if call.has("lat") or call.has("long"):
            geo = shapes.place(call.degrees("lat", 90), call.degrees("long", 180))
        return Draft(
            text="" if call.has("sticker_id") else call.text("message"),
            random_id=random_id,
            reply_cmid=reply_cmid,
            forwards=tuple(self._objects.forwarded(message) for message in forwards),
            attachments=attachments,
            payload=call.text("payload", 1000),
            format_data=_format(call),
            silent=call.flag("silent"),
            geo=geo,
            keyboard=_keyboard(call),
        )

    def _attached(self, call: Call) -> tuple[dict[str, Any], ...]:
        attachments = []
        for name in call.names("attachment"):
            attachment = self._media.named(name, call.user_id)
            if attachment is None:
                raise bad_parameter("attachment", "names media that does not exist")
            attachments.append(attachment)
        return tuple(attachments)

    def _quoted(self, call: Call, peer_id: int) -> tuple[int, list[Message]]:
        """Return the cmid the message replies to, and the messages it forwards."""
        forward = call.structure("forward")
        if call.has("reply_to"):
            message = self._messages.seen_by_id(call.user_id, call.number("reply_to", low=1))
            if message is None:
                raise bad_parameter("reply_to")
            return self._reply_cmid(call, peer_id, message), []
        if not forward:
            return 0, []
        source = self._messenger.part(call.user_id, _integer(forward.get("peer_id", peer_id)))
        cmids = forward.get("conversation_message_ids") or forward.get("cmids") or []
        if not isinstance(cmids, list) or not cmids:
            raise bad_parameter("forward")
        if len(cmids) > MOST_FORWARDS:
            raise ApiError(Code.TOO_MANY_FORWARDS)
        quoted = []
        for cmid in cmids:
            found = self._messages.seen(call.user_id, source.conversation_id, _integer(cmid))
            if found is None:
                raise bad_parameter("forward", "names a message that is not there")
            quoted.append(found)
        if not forward.get("is_reply"):
            return 0, quoted
        if len(quoted) != 1:
            raise bad_parameter("forward", "with is_reply names one message")
        return self._reply_cmid(call, peer_id, quoted[0]), []

    def _reply_cmid(self, call: Call, peer_id: int, message: Message) -> int:
        member = self._messenger.part(call.user_id, peer_id)
        if message.conversation_id != member.conversation_id:
            raise bad_parameter("reply_to", "names a message of another conversation")
        return message.cmid

    def _named(self, call: Call, member: Member) -> Message:
        for name in ("cmid", "conversation_message_id", "message_id"):
            if call.has(name):
                number = call.number(name, low=0)
                if name == "message_id":
                    message = self._messages.seen_by_id(call.user_id, number)
                else:
                    message = self._messages.seen(call.user_id, member.conversation_id, number)
                if message is None or message.conversation_id != member.conversation_id:
                    raise bad_parameter(name)
                return message
        raise bad_parameter("cmid", "is undefined")

    def _all_named(self, call: Call) -> list[tuple[int, Message | None]]:
        cmids = call.numbers("cmids", 100)
        if cmids:
            chat = self._messenger.part(call.user_id, call.number("peer_id")).conversation_id
            found = [self._messages.seen(call.user_id, chat, cmid) for cmid in cmids]
            return [(self._number(call, message) if message else 0, message) for message in found]
        message_ids = call.numbers("message_ids", 1000)
        if not message_ids:
            raise bad_parameter("message_ids", "is undefined")
        return [(number, self._messages.seen_by_id(call.user_id, number)) for number in message_ids]

    def _number(self, call: Call, message: Message) -> int:
        return self._messages.message_id(call.user_id, message.conversation_id, message.cmid)


def _integer(value: Any) -> int:
    if not isinstance(value, int) or abs(value) > ANY:
        raise bad_parameter("forward")
    return value


def _format(call: Call) -> dict[str, Any]:
    """Return `format_data` if it is of the known form (100 if not)."""
    given = call.structure("format_data")
    items = given.get("items", [])
    if not isinstance(items, list) or not all(map(_is_format_item, items)):
        raise bad_parameter("format_data")
    return given


def _is_format_item(item: Any) -> bool:
    return (
        isinstance(item, dict)
        and item.get("type") in {"bold", "italic", "underline", "url"}
        and isinstance(item.get("offset"), int)
        and isinstance(item.get("length"), int)
        and (item["type"] != "url" or isinstance(item.get("url"), str))
    )


def _keyboard(call: Call) -> dict[str, Any]:
    """Return the keyboard if it has rows of buttons (911 if not)."""
    given = call.structure("keyboard")
    rows = given.get("buttons", [])
    if given and not (isinstance(rows, list) and all(isinstance(row, list) for row in rows)):
        raise ApiError(Code.KEYBOARD)
    if sum(map(len, rows)) > MOST_BUTTONS:
        raise ApiError(Code.KEYBOARD)
    return {"one_time": False, **given} if given else {}
