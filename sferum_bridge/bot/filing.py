"""What is listed as lesson material: teachers' posts, and what they file with 📚 (S-06).

    message in the materials room ─────────────────────────► listed
    📚 of a teacher under a message of the class ─► the bot's copy in the materials room ─► listed
    either is edited, or taken away ─► the list, and the copy, follow

Who may post in the materials room may file, and nobody else's 📚 means anything. A copy shows the
same file, which everybody in the materials room may open then: so only one that whoever wrote the
message may open. It names its author and the chat.

An edit may have come before its message was listed, when nobody followed it yet: so whatever is
listed is looked at once more.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from sferum_bridge.bot import authorship, events, register
from sferum_bridge.bot.events import What
from sferum_bridge.bot.texts import LANGUAGES, harmless, paragraphs, quoted
from sferum_bridge.bot.witness import edit_of, latest, new_content
from sferum_bridge.matrix import shelf
from sferum_bridge.school import layout
from sferum_bridge.school import materials as rules
from sferum_bridge.school.layout import PLANS, Kind
from sferum_bridge.store import audit, materials, news, rooms, schools
from sferum_bridge.store.materials import Material, State

if TYPE_CHECKING:
    from collections.abc import Collection, Container

    from sferum_bridge.bot.events import Incoming
    from sferum_bridge.bot.talk import Talk
    from sferum_bridge.bot.texts import Text
    from sferum_bridge.bot.witness import Reported
    from sferum_bridge.store.rooms import RoomRecord

_TEACHERS = PLANS[Kind.MATERIALS].moderators
_KEPT = frozenset({"mimetype", "size", "w", "h", "duration"})
"""What of a file's description, and of its thumbnail's, goes along."""


async def overheard(talk: Talk, event: Incoming) -> bool:
    """List what was written in a materials room; tell whether it is one."""
    record = await rooms.by_room_id(talk.tx, event.room_id)
    if record is None or record.kind != Kind.MATERIALS:
        return False
    own = await _taught(talk, talk.person_id, record)
    if own is not None and talk.person is not None and (event.text.strip() or event.file):
        subject, title = await _described(talk, record, event, own)
        one = Material(
            materials.new_id(),
            record.school_id,
            _class_of(record),
            talk.person_id,
            talk.person.formal_name,
            event.sender,
            source=event.event_id,
            room_id=event.room_id,
            event_id=event.event_id,
            subject=subject,
            title=title,
            state=State.SHOWN,
            at=talk.tx.now,
        )
        if await materials.add(talk.tx, one):
            await _look_again(talk, one, event.room_id, "")
    return True


async def file(talk: Talk, filed: Reported) -> None:
    """Put a copy of a message into the materials of its class, at a teacher's 📚.

    `talk.display_name` is what the account that wrote the message calls itself.
    """
    record = await rooms.by_room_id(talk.tx, filed.room_id)
    if record is None or record.kind == Kind.MATERIALS:
        return
    place = await rooms.by_key(talk.tx, layout.key(Kind.MATERIALS, _class_of(record)))
    own = await _taught(talk, talk.person_id, record)
    if place is None or not place.room_id or own is None:
        return
    event = latest(filed.event or {})
    seen = events.read(event, filed.event_id)
    whose = await authorship.of_message(talk, filed.room_id, filed.event_id, seen.sender)
    author = whose.author.formal_name if whose.author else harmless(talk.display_name) or "—"
    content = _copied(event.get("content"), await _head(talk, record, author), filed.media)
    if content is None:
        is_hidden = seen.file is not None and seen.file.media
        await talk.reply("filing-not-its-authors" if is_hidden else "filing-nothing")
        return
    subject, title = await _described(talk, record, seen, own)
    one = Material(
        materials.new_id(),
        record.school_id,
        _class_of(record),
        whose.author.id if whose.author else "",
        author,
        seen.sender,
        source=filed.event_id,
        room_id=place.room_id,
        event_id="",
        subject=subject,
        title=title,
        state=State.WAITING,
        at=talk.tx.now,
    )
    if not await materials.add(talk.tx, one):
        await talk.reply("filing-already")
        return
    await shelf.put(talk.tx, one, content)
    edit = str(edit_of(filed.event or {}).get("event_id", ""))
    await _look_again(talk, one, filed.room_id, edit)
    why = f"material {one.id}"
    audit.record(talk.tx, talk.actor, "material.file", one.class_id, why, school=record.school_id)
    here = await schools.load(talk.tx, record.school_id)
    room = talk.texts.room_of_key(place.key, here, talk.language)
    await talk.reply("filing-done", title=title, room=room)


async def changed(talk: Talk, change: Reported) -> None:
    """Follow an edit or the end of a message that is listed, or of the bot's copy of one."""
    raw = change.event or {}
    event = events.read(raw, "")
    one = await materials.of_message(talk.tx, event.target)
    if one is None or one.state is State.GONE:
        return
    if event.what is What.REDACTION:
        if one.is_copy and event.target == one.source:
            await materials.withdraw(talk.tx, one)
        else:
            await materials.remove(talk.tx, one)
        return
    # The homeserver lets anybody send what claims to edit a message.
    if event.target != one.source or event.sender != one.sender:
        return
    new = new_content(raw)
    record = await rooms.by_room_id(talk.tx, change.room_id)
    if new is None or record is None:
        return
    seen = events.read({**raw, "content": new}, "")
    own = await _taught(talk, one.author_id, record) or frozenset()
    subject, title = await _described(talk, record, seen, own)
    if one.is_copy:
        copy = _copied(new, await _head(talk, record, one.author), change.media)
        if copy is None:
            await materials.withdraw(talk.tx, one)
            return
        await shelf.revise(talk.tx, one, copy)
    await materials.describe(talk.tx, one, subject, title or one.title)


async def _look_again(talk: Talk, one: Material, room_id: str, edit: str) -> None:
    """Have it looked, once this is committed, whether a message changed after some edit of it."""
    content = {"room": room_id, "source": one.source, "edit": edit}
    await news.put(talk.tx, materials.CHANGED, content, f"listed.{one.id}")


async def _taught(talk: Talk, person_id: str, record: RoomRecord) -> Collection[str] | None:
    """Return the subjects somebody teaches in a room's class; `None` for who posts no materials."""
    class_id = _class_of(record)
    for tie in await register.ties(talk.tx, person_id) if person_id else ():
        mine = [r for r in tie.reasons if r.class_id == class_id and r.role in _TEACHERS]
        if class_id and mine:
            return {reason.subject for reason in mine}
    return None


async def _described(
    talk: Talk, record: RoomRecord, seen: Incoming, own: Collection[str]
) -> tuple[str, str]:
    here, class_id = await schools.load(talk.tx, record.school_id), _class_of(record)
    subjects = {one.subject for one in here.teachings if one.class_id == class_id}
    return rules.described(seen.text, seen.file.name if seen.file else "", subjects, own)


async def _head(talk: Talk, record: RoomRecord, author: str) -> Text:
    """Return the line above a copy, in the language of the school."""
    of_school = await register.school(talk.tx, record.school_id)
    chosen = of_school.language if of_school else ""
    language = chosen if chosen in LANGUAGES else talk.settings.default_language
    here = await schools.load(talk.tx, record.school_id)
    room = talk.texts.room_of_key(record.key, here, language)
    return talk.texts.text(language, "material-head", author=author, room=room)


def _class_of(record: RoomRecord) -> str:
    """Return the class a room is of; of a room of the whole school an id that no class has."""
    return record.key.partition("/")[2]


def _copied(content: object, head: Text, media: Container[str]) -> dict[str, Any] | None:
    """Return a message that shows what another shows below a line; `None` where that is nothing.

    `media`: the files it may show.
    """
    if not isinstance(content, Mapping):
        return None
    seen = events.read({"type": "m.room.message", "content": content}, "")
    if seen.file is not None:
        if seen.file.media not in media:
            return None
        said = paragraphs([head, quoted(seen.text)]) if seen.text.strip() else head
        info = _facts(content.get("info"))
        if seen.file.thumbnail in media:
            info["thumbnail_url"] = seen.file.thumbnail
            info["thumbnail_info"] = _facts(content["info"].get("thumbnail_info"))
        return {
            "msgtype": content["msgtype"],
            "body": said.body,
            "format": "org.matrix.custom.html",
            "formatted_body": said.html,
            "filename": seen.file.name,
            "url": seen.file.media,
            "info": info,
            "m.mentions": {},
        }
    return paragraphs([head, quoted(seen.text)]).content() if seen.text.strip() else None


def _facts(info: object) -> dict[str, Any]:
    """Return what is known of a file: nothing that could hold the address of another one."""
    kept = info.items() if isinstance(info, Mapping) else ()
    return {key: value for key, value in kept if key in _KEPT and isinstance(value, int | str)}
