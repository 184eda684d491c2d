"""Sferum in the demo: a few invented users of the stand-in, one chat, one login, one link.

People and chat are noted as made only when all of them are; what an interrupted start left half
made in the stand-in is thrown away, for nothing refers to it yet.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from sferum_bridge.app import network
from sferum_bridge.demo.folder import DemoError
from sferum_bridge.school.layout import Kind, key
from sferum_bridge.standin.client import StandInControl
from sferum_bridge.store import audit, chats, logins, rooms

if TYPE_CHECKING:
    from sferum_bridge.config import Config
    from sferum_bridge.demo.folder import DemoFolder
    from sferum_bridge.demo.people import Cast
    from sferum_bridge.store.database import Database

_NOTE = "sferum"
_PUPILS = (("Эхо", "Сферин"), ("Орбита", "Сферина"), ("Зенит", "Сферин"))
_NOBODY = "Учитель Сферин"


@dataclass(frozen=True, slots=True)
class SferumChat:
    """The stand-in's chat, and who is in it."""

    chat: int
    """What the control interface calls it."""
    peer: str
    """What the bridge calls it."""
    title: str
    teacher: int
    """User id of the class teacher, whose login the bridge uses."""
    teacher_name: str
    cookie: str
    pupils: dict[str, int]
    """Name → user id of those who have Sferum only."""


def control(folder: DemoFolder) -> StandInControl:
    """Open the control interface of the folder's running stand-in; close it after use.

    Raises:
        DemoError: It has never run.
    """
    try:
        facts = json.loads(folder.announcement.read_text("utf-8"))
    except FileNotFoundError:
        raise DemoError(f"No demo runs in {folder.path}. Start it: sferum-bridge demo up") from None
    return StandInControl(facts["url"], facts["control_key"])


def recall_chat(folder: DemoFolder) -> SferumChat | None:
    """Return the chat, `None` before it was made.

    Raises:
        DemoError: Another version of the demo noted it.
    """
    noted = folder.recall().get(_NOTE)
    try:
        return SferumChat(**noted) if noted else None
    except TypeError:
        raise DemoError(
            f"Another version made the demo in {folder.path}. Clear it: make demo-reset"
        ) from None


async def make_chat(folder: DemoFolder, cast: Cast) -> SferumChat:
    """Make the people and the chat, or return those an earlier start made.

    Raises:
        ControlError: The stand-in refuses.
    """
    known = recall_chat(folder)
    if known is not None:
        return known
    class_name = cast.school_class.name if cast.school_class else "5А"
    async with control(folder) as standin:
        await standin.reset()
        name = cast.class_teacher.name if cast.class_teacher else _NOBODY
        first, _, last = name.partition(" ")
        teacher = await standin.add_user(first, last, role="teacher", organization="Школа Сферума")
        pupils = {}
        for given, family in _PUPILS:
            pupil = await standin.add_user(given, family, organization="Школа Сферума")
            pupils[pupil.name] = pupil.user_id
        title = f"{class_name} · ученики"
        chat = await standin.add_chat(title, teacher.user_id, list(pupils.values()))
    made = SferumChat(
        chat=chat.chat,
        peer=str(chat.peer_id),
        title=title,
        teacher=teacher.user_id,
        teacher_name=teacher.name,
        cookie=teacher.cookie,
        pupils=pupils,
    )
    folder.note(**{_NOTE: asdict(made)})
    return made


async def log_in(db: Database, config: Config, chat: SferumChat, owner: str) -> str:
    """Log the class teacher in to Sferum, once; return the id of the login.

    `owner` is the class teacher's Matrix account, empty if there is none.

    Raises:
        NetworkError: The stand-in refuses the login or does not answer.
    """
    async with db.read() as tx:
        for login in await chats.all_logins(tx):
            if login.account_id == str(chat.teacher) and not login.expired:
                return login.id
    sferum = network(config)
    try:
        session = await sferum.log_in(chat.cookie)
    finally:
        await sferum.close()
    async with db.write() as tx:
        return await chats.save_login(
            tx, logins.SFERUM, session.account_id, session.name, owner, session.secret
        )


async def link(db: Database, login_id: str, chat: SferumChat, class_id: str) -> bool:
    """Link the chat to the pupils' room of a class, relay on; false when it is already so."""
    async with db.write() as tx:
        room = await rooms.by_key(tx, key(Kind.PUPILS, class_id))
        if room is None or not room.room_id:
            raise DemoError("The pupils' room of the demo's class was not made; see bridge.log.")
        if await chats.chat_of_room(tx, room.room_id) is not None:
            return False
        await chats.link(tx, chats.Chat(login_id, chat.peer, room.room_id, relay=True))
        audit.record(tx, "demo", "chat.link", room.room_id, f"chat {chat.peer}")
        return True
