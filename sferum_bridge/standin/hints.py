"""What the long poll says of a message beside its text: author, service act, kinds of attachments.

Objects come along for a few kinds only; whoever wants the rest fetches the message. Every value is
text, also where it is a number or JSON.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sferum_bridge.standin.values import Conversation, Draft, Message

WHOLE = frozenset(("sticker", "audio_message", "poll", "link", "call", "group_call_in_progress"))
"""The kinds whose objects come along."""
NAMES = {"audio_message": "doc", "graffiti": "doc", "event": "group", "mini_app": "link"}
KINDS = {"audio_message": "audiomsg", "graffiti": "graffiti"}
MENTION = re.compile(r"\[id(\d{1,12})\|")
FOR_ALL = re.compile(r"(?<!\w)[@*](all|everyone|все)\b")
ACTION_KEYS = (
    ("member_id", "source_mid"),
    ("text", "source_text"),
    ("old_text", "source_old_text"),
    ("message", "source_message"),
    ("conversation_message_id", "source_chat_local_id"),
    ("style", "source_style"),
)


def escape(text: str) -> str:
    """Return text as the long poll gives it: HTML-escaped, a newline as `<br>`."""
    for plain, escaped in (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;"), ('"', "&quot;")):
        text = text.replace(plain, escaped)
    return text.replace("\n", "<br>")


def additional(message: Message, chat: Conversation, answered: int) -> dict[str, Any]:
    """Return the element of that name; `answered` is whose message is replied to, or 0."""
    draft = message.draft
    shown: dict[str, Any] = {"title": escape(chat.title) if chat.is_chat else " ... "}
    if chat.is_chat:
        shown["from"] = str(message.from_id)
    if draft.silent:
        shown["is_silent"] = "1"
    if draft.payload:
        shown["payload"] = draft.payload
    if draft.keyboard:
        shown["keyboard"] = draft.keyboard
    if draft.format_data:
        shown["format_data"] = json.dumps(draft.format_data, ensure_ascii=False)
    marked = _marked(draft, answered)
    if marked:
        shown["marked_users"] = marked
    if draft.action:
        shown["source_act"] = draft.action["type"]
        for key, source in ACTION_KEYS:
            if key in draft.action:
                shown[source] = escape(str(draft.action[key]))
    return shown


def attachments(draft: Draft, *, with_reply: bool) -> dict[str, Any]:
    """Return the element of that name; events about edits do not say what is replied to."""
    shown: dict[str, Any] = {}
    for number, attachment in enumerate(draft.attachments, start=1):
        kind = attachment["type"]
        shown[f"attach{number}_type"] = NAMES.get(kind, kind)
        shown[f"attach{number}"] = _named(attachment.get(kind, {}))
        if kind in KINDS:
            shown[f"attach{number}_kind"] = KINDS[kind]
        if kind == "sticker":
            shown[f"attach{number}"] = str(attachment[kind].get("sticker_id", 0))
            shown[f"attach{number}_product_id"] = str(attachment[kind].get("product_id", 0))
    whole = [attachment for attachment in draft.attachments if attachment["type"] in WHOLE]
    if whole:
        shown["attachments_count"] = str(len(draft.attachments))
        shown["attachments"] = json.dumps(whole, ensure_ascii=False)
    if draft.geo:
        shown["geo"] = "1_1"
        shown["geo_provider"] = "4"
    if draft.reply_cmid and with_reply:
        shown["reply"] = json.dumps({"conversation_message_id": draft.reply_cmid})
    if draft.forwards or draft.reply_cmid:
        shown["fwd"] = "0_0"
    return shown


def _named(content: Any) -> str:
    if not isinstance(content, dict):
        return "0_0"
    name = f"{content.get('owner_id', 0)}_{content.get('id', 0)}"
    key = content.get("access_key")
    return f"{name}_{key}" if key else name


def _marked(draft: Draft, answered: int) -> list[list[Any]]:
    if FOR_ALL.search(draft.text):
        return [[1, "all"]]
    ids = {int(found) for found in MENTION.findall(draft.text)}
    if answered:
        ids.add(answered)
    return [[1, sorted(ids)]] if ids else []
