"""What the stand-in says of everything that can happen: the material of the fuzz.

Recorded anew by driving it, so that it is never older than what the stand-in knows.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tests.support.standin import Caller

if TYPE_CHECKING:
    from sferum_bridge.standin.client import Chat, Person, StandInControl
    from tests.support.standin import Served

PNG = bytes.fromhex(
    "89504e470d0a1a0a0000000d4948445200000001000000010806000000"
    "1f15c4890000000d49444154789c6360606060000000050001a5f64540"
    "0000000049454e44ae426082"
)
_VERSIONS = (19, 21, 10, 3)


@dataclass(frozen=True)
class Recorded:
    """Raw replies: nothing is taken apart."""

    me: int
    peer: int
    updates: list[list[Any]]
    """Of every version of the long poll, each different one once."""
    items: list[dict[str, Any]]
    """Message objects, the oldest first."""
    history: list[list[Any]]
    """Of `getLongPollHistory`."""
    replies: dict[str, Any]
    """By method: what is in the envelope of one reply."""
    poll: dict[str, Any]
    """A long-poll reply, its updates left out."""


async def record(served: Served) -> Recorded:
    """Let everything happen in a chat, and write down what one of its people is told."""
    control = served.control
    anna = await control.add_user("Анна", "Вымышленная", role="teacher")
    boris = await control.add_user("Борис", "Придуманный")
    chat = await control.add_chat("7 «А»", anna.user_id, [boris.user_id])
    async with Caller(served.url) as hers:
        await hers.log_in(anna)
        where = await hers.call("messages.getLongPollServer", need_pts=1)
        await _happen(control, anna, boris, chat)
        updates: list[list[Any]] = []
        told: dict[str, Any] = {}
        for version in _VERSIONS:
            told = await hers.poll(where, version=version, mode=234)
            updates += [one for one in told.pop("updates") if one not in updates]
        history: list[list[Any]] = []
        for version in (19, 3):
            missed = await hers.call(
                "messages.getLongPollHistory", pts=where["pts"], lp_version=version, msgs_limit=200
            )
            history += missed["history"]
        replies = await _replies(hers, anna, boris, chat)
        replies["messages.getLongPollServer"] = where
        replies["messages.getLongPollHistory"] = missed
        items = replies["messages.getHistory"]["items"][::-1]
    return Recorded(anna.user_id, chat.peer_id, updates, items, history, replies, told)


async def _replies(hers: Caller, anna: Person, boris: Person, chat: Chat) -> dict[str, Any]:
    peer, people = chat.peer_id, f"{anna.user_id},{boris.user_id}"
    asked: dict[str, dict[str, Any]] = {
        "messages.getHistory": {"peer_id": peer, "count": 200},
        "messages.getById": {"peer_id": peer, "cmids": "2,3,4"},
        "messages.getConversations": {"count": 200, "extended": 1},
        "messages.getConversationsById": {"peer_ids": peer, "extended": 1},
        "messages.getConversationMembers": {"peer_id": peer, "extended": 1},
        "messages.getMessagesReactions": {"peer_id": peer, "cmids": "2,3,4"},
        "messages.getReactedPeers": {"peer_id": peer, "cmid": 2},
        "users.get": {"user_ids": people, "fields": "photo_200"},
        "photos.getMessagesUploadServer": {"peer_id": peer},
        "docs.getMessagesUploadServer": {"peer_id": peer, "type": "doc"},
        "video.save": {"name": "Урок", "is_private": 1},
        "messages.send": {"peer_id": peer, "random_id": 5, "message": "x"},
    }
    return {method: await hers.call(method, **params) for method, params in asked.items()}


async def _happen(control: StandInControl, anna: Person, boris: Person, chat: Chat) -> None:
    his, hers, number = boris.user_id, anna.user_id, chat.chat
    styles = {"version": 1, "items": [{"type": "bold", "offset": 0, "length": 3}]}
    first = await control.post(his, number, "текст <b> & [id1|Имя]", format_data=styles)
    for batch in await _attachments(control, his):
        await control.post(his, number, "с вложением", attachments=batch)
    second = await control.post(his, number, "", forwards=[{"chat": number, "cmid": first}])
    await control.post(his, number, "", forwards=[{"chat": number, "cmid": second}])
    await control.post(his, number, "ответ", reply_cmid=first)
    geo = {"type": "point", "coordinates": {"latitude": 55.75, "longitude": 37.61}}
    keyboard = {"inline": True, "buttons": [[{"action": {"type": "text", "label": "Да"}}]]}
    await control.post(his, number, "тут", geo=geo, keyboard=keyboard)
    await control.edit(his, number, first, "иначе")
    lost = await control.post(his, number, "лишнее")
    await control.delete(hers, number, lost, for_all=False)
    await control.restore(hers, number, lost)
    await control.delete(his, number, lost)
    await control.refetch(number, second)
    await control.react(his, number, first, 1)
    await control.react(hers, number, first, 4)
    await control.react(his, number, first, 0)
    await control.show_activity(his, number)
    await control.read(hers, number, second)
    await control.read(his, number, second)
    vera = await control.add_user("Вера", "Мнимая")
    await control.add_member(number, vera.user_id)
    await control.change_chat(number, title="7 «Б»", pinned=first)
    await control.set_admin(number, vera.user_id)
    await control.remove_member(number, vera.user_id)
    call = await control.start_call(his, number)
    await control.end_call(his, call["call_id"], seconds=95)
    await control.post_to_user(his, hers, "лично")


async def _attachments(control: StandInControl, owner: int) -> list[list[dict[str, Any]]]:
    png = await control.add_file(PNG, "a.png", "image/png")
    ogg = await control.add_file(b"OggS of nobody", "a.ogg", "audio/ogg")
    mp4 = await control.add_file(b"mp4 of nobody", "a.mp4", "video/mp4")
    text = await control.add_file("план".encode(), "План.txt", "text/plain")
    made = [
        await control.attachment("photo", owner, png),
        await control.attachment("doc", owner, text),
        await control.attachment("audio_message", owner, ogg, seconds=7, transcript="Привет"),
        await control.attachment("graffiti", owner, png),
        await control.attachment("video", owner, mp4, title="Урок"),
        await control.attachment("video", owner, title="Чужой урок"),
        await control.attachment("sticker", sticker_id=5),
        await control.attachment("poll", owner, question="Идём?", answers=["Да", "Нет"]),
        await control.attachment("wall", owner, text="Новость"),
        await control.attachment("link", url="https://vk.com/a", title="Статья"),
        {"type": "hologram", "hologram": {"id": 1}},
    ]
    return [made[at : at + 3] for at in range(0, len(made), 3)]
