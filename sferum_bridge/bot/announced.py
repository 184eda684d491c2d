"""What becomes of a confirmed announcement: posts, quiet hours, edits, its end, who has read it.

    confirmed ─┬─ not quiet, or urgent ─► posts in the outbox, one a class room ─► delivered: told
               └─ quiet ─► held ─► `Releaser` at the end of quiet hours ─► posts
    edited, withdrawn ─► the same for every post

Everything is one transaction with its outbox rows, so a kill leaves all posts to be sent or none.
Who has read is told as numbers only: whose parent reads and whose does not is nobody's business.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from sferum_bridge.bot import broadcast_shown, commands, messenger, register
from sferum_bridge.bot.announce_right import still_reached
from sferum_bridge.bot.commands import Name
from sferum_bridge.bot.texts import LANGUAGES, bullets, fitting, paragraphs, quoted
from sferum_bridge.matrix import posts
from sferum_bridge.matrix.outbox import Offer
from sferum_bridge.school import announcements as rules
from sferum_bridge.school.announcements import Part
from sferum_bridge.store import accounts, announcements, audit, broadcasts, chats, rooms, schools
from sferum_bridge.store.announcements import PostState, State

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sferum_bridge.bot.commands import Command
    from sferum_bridge.bot.settings import BotSettings
    from sferum_bridge.bot.talk import Talk
    from sferum_bridge.bot.texts import Text, Texts
    from sferum_bridge.school.announcements import Audience
    from sferum_bridge.school.people import School
    from sferum_bridge.store.announcements import Announcement
    from sferum_bridge.store.broadcasts import Broadcast
    from sferum_bridge.store.database import Tx
    from sferum_bridge.store.schools import SchoolRecord

_LISTED = 5


@dataclass(frozen=True, slots=True)
class Reached:
    """The rooms an announcement is posted in, and whose eyes are in them."""

    room_ids: Sequence[str]
    people: frozenset[str]
    """Matrix ids, the author's and the bridge's own left out."""
    linked: int = 0
    """In how many of the rooms Sferum is heard too, which hears nothing of announcements."""
    is_only_there: bool = False
    """Whether the room it was written in is the only one there would be."""


async def reach(talk: Talk, one: Announcement) -> Reached:
    """Return where an announcement would stand today."""
    here = await schools.load(talk.tx, one.school_id)
    record = await register.school(talk.tx, one.school_id)
    if record is None or one.audience is None:
        return Reached((), frozenset())
    made = await rooms.of_school(talk.tx, one.school_id)
    keys = rules.rooms(one.audience, here, record.day(talk.tx.now))
    found = [made[key].room_id for key in keys if key in made and made[key].room_id]
    ids = [room_id for room_id in found if room_id != one.room_id]
    people = await _people(talk.tx, talk.settings, one, ids)
    there = frozenset[str]().union(*people.values())
    linked = len(await chats.linked_among(talk.tx, ids))
    return Reached(ids, there, linked, is_only_there=bool(found) and not ids)


async def _people(
    tx: Tx, settings: BotSettings, one: Announcement, room_ids: Sequence[str]
) -> Mapping[str, frozenset[str]]:
    """Return room → whose eyes are in it; not the author's own, nor the bridge's."""
    author = set(await accounts.mxids_of(tx, one.author_id))
    return {
        room_id: frozenset(m for m in there if m not in author and not settings.is_ours(m))
        for room_id, there in (await rooms.members_of(tx, room_ids)).items()
    }


def described(texts: Texts, language: str, audience: Audience, school: School) -> str:
    """Return an audience in words: «5 классы, 7Б · родители»."""
    grades = [texts.text(language, "audience-grade", grade=g).body for g in sorted(audience.grades)]
    named = sorted(school.classes[c].name for c in audience.class_ids if c in school.classes)
    where = ", ".join([*grades, *named]) or texts.text(language, "audience-school").body
    meant = rules.parts(audience)
    who = ", ".join(texts.text(language, f"audience-{p.value}").body for p in Part if p in meant)
    return f"{where} · {who}"


async def send(talk: Talk, one: Announcement, record: SchoolRecord, *, urgent: bool) -> None:
    """Post a confirmed draft, or hold it back while quiet hours last."""
    quiet = talk.settings.quiet_hours
    due = quiet.ends(talk.tx.now, record.timezone) if quiet and not urgent else None
    if due is None:
        await announcements.change(talk.tx, one, is_urgent=urgent)
        count = await _post(talk, one.id)
        said = [talk.text("announce-sent", rooms=count)]
        broadcast = await broadcasts.of(talk.tx, one.id)
        if broadcast is not None:
            said.append(talk.text("broadcast-sent"))
        await talk.answer(paragraphs(said), _offers(talk.language, one, broadcast))
        return
    await announcements.change(talk.tx, one, state=State.HELD.value, due_at=due)
    talk.tx.wake(announcements.HELD_BELL)
    _record(talk, one, "announcement.hold")
    until = register.moment(record, due)
    await talk.answer(
        talk.text("announce-held", until=until), _offers(talk.language, one, None)[1:]
    )


async def release(talk: Talk, announcement_id: str) -> None:
    """Post what quiet hours held back; nothing where it was withdrawn meanwhile.

    Nor where its author has lost the right to it overnight: then it is withdrawn, and they hear so.
    """
    one = await announcements.by_id(talk.tx, announcement_id)
    if one is None or one.state is not State.HELD:
        return
    if await still_reached(talk.tx, one.author_id, one) is not None:
        await _post(talk, one.id)
        return
    await announcements.change(talk.tx, one, state=State.WITHDRAWN.value)
    _record(talk, one, "announcement.withdraw")
    await talk.inform([one.author_id], "announce-held-right")


async def revise(talk: Talk, one: Announcement, text: str) -> None:
    """Have an announcement that is held or posted say something else."""
    await announcements.change(talk.tx, one, text=text)
    _record(talk, one, "announcement.edit")
    if one.state is State.HELD:
        await talk.reply("announce-edited-held")
        return
    await talk.reply("announce-edited", rooms=await refresh(talk, one))


async def refresh(talk: Talk, one: Announcement) -> int:
    """Have the posts of an announcement say what it says now; return in how many rooms."""
    await announcements.change(talk.tx, one, edits=one.edits + 1)
    changed = await announcements.by_id(talk.tx, one.id)
    if changed is None:
        return 0
    standing = [post.room_id for post in await _standing(talk.tx, one)]
    await posts.revise(talk.tx, changed, standing, await _content(talk, changed))
    return len(standing)


async def withdraw(talk: Talk, one: Announcement) -> None:
    """Take an announcement back: out of every room, or before it was in any."""
    await announcements.change(talk.tx, one, state=State.WITHDRAWN.value)
    _record(talk, one, "announcement.withdraw")
    known = await broadcasts.of(talk.tx, one.id)
    if known is not None and known.call:
        await hang_up(talk, known)
        await broadcasts.save(talk.tx, replace(known, ended_at=known.ended_at or talk.tx.now))
    if one.state is State.HELD:
        await talk.reply("announce-withdrawn-held")
        return
    standing = [post.room_id for post in await _standing(talk.tx, one)]
    await posts.withdraw(talk.tx, one, standing)
    await talk.reply("announce-withdrawn", rooms=len(standing))


async def hang_up(talk: Talk, broadcast: Broadcast) -> None:
    """End the call of Sferum that a broadcast is, if it goes on."""
    if broadcast.call and not broadcast.ended_at:
        await messenger.ask(talk, messenger.END_CALL, login=broadcast.login, call=broadcast.call)


async def _post(talk: Talk, announcement_id: str) -> int:
    """Post an announcement; return into how many rooms."""
    one = await announcements.by_id(talk.tx, announcement_id)
    if one is None:
        return 0
    reached = await reach(talk, one)
    sent = {"state": State.SENT.value, "sent_at": talk.tx.now}
    await announcements.change(talk.tx, one, **sent)
    await posts.put(talk.tx, one, reached.room_ids, await _content(talk, one))
    _record(talk, one, "announcement.send")
    return len(reached.room_ids)


async def _standing(tx: Tx, one: Announcement) -> Sequence[announcements.Post]:
    found = await announcements.posts_of(tx, one.id)
    return [post for post in found if post.state is not PostState.REFUSED]


async def _content(talk: Talk, one: Announcement) -> Mapping[str, Any]:
    record = await register.school(talk.tx, one.school_id)
    author = await accounts.person(talk.tx, one.author_id)
    chosen = record.language if record else ""
    language = chosen if chosen in LANGUAGES else talk.settings.default_language
    broadcast = await broadcasts.of(talk.tx, one.id)
    what = "announcement" if broadcast is None else "broadcast"
    key = f"{what}-urgent" if one.is_urgent else f"{what}-head"
    head = talk.texts.text(language, key, author=author.formal_name if author else "")
    parts = [head, quoted(one.text)]
    if broadcast is not None and record is not None:
        url = talk.settings.public_url
        parts.append(broadcast_shown.status(talk.texts, language, broadcast, record, url))
    content: dict[str, Any] = paragraphs(parts).content()
    if one.is_urgent:
        # Rings also where somebody has a room set to quiet (MSC3952).
        content["m.mentions"] = {"room": True}
    return content


def _record(talk: Talk, one: Announcement, action: str) -> None:
    """Write into the log who announced; whom to and what stands in the rooms themselves."""
    actor = talk.actor or "bot"
    why = f"announcement {one.id}"
    audit.record(talk.tx, actor, action, one.author_id, why, school=one.school_id)


def _offers(language: str, one: Announcement, broadcast: Broadcast | None) -> Sequence[Offer]:
    word = commands.word(Name.ANNOUNCE, language)
    found = [Offer("📊", f"{word} {one.id} summary"), Offer("🗑", f"{word} {one.id} drop")]
    return [*found, *(broadcast_shown.offers(language, broadcast) if broadcast else ())]


# --- what the author hears ------------------------------------------------------------------


async def delivered(talk: Talk, content: Mapping[str, Any]) -> None:
    """Tell the author that an announcement stands in its rooms, or in which number it does not."""
    one = await announcements.by_id(talk.tx, str(content.get("announcement", "")))
    if one is None or one.state is State.WITHDRAWN:
        return
    found = await announcements.posts_of(talk.tx, one.id)
    refused = sum(post.state is PostState.REFUSED for post in found)
    key = "announce-delivered-partly" if refused else "announce-delivered"
    broadcast = await broadcasts.of(talk.tx, one.id)
    numbers = {"rooms": len(found) - refused, "refused": refused} if refused else {}
    await talk.inform(
        [one.author_id],
        key,
        offers=lambda language: _offers(language, one, broadcast),
        **(numbers or {"rooms": len(found)}),
    )


async def summary(talk: Talk, one: Announcement) -> None:
    """Say in how many rooms an announcement stands, and how many people have read there since."""
    # Tapped below the newest, for nobody can put the same reaction under one message twice.
    await talk.answer(await _summary(talk, one), await _offers_now(talk, one))


async def mine(talk: Talk, _command: Command) -> None:
    """List what somebody announced last, with what became of it."""
    found = await announcements.by_author(talk.tx, talk.person_id, _LISTED)
    if not found:
        await talk.reply("announcements-none")
        return
    for one in reversed(found):
        await talk.answer(await _summary(talk, one), await _offers_now(talk, one))


async def _offers_now(talk: Talk, one: Announcement) -> Sequence[Offer]:
    if one.state is State.WITHDRAWN:
        return ()
    is_sent = one.state is State.SENT
    broadcast = await broadcasts.of(talk.tx, one.id) if is_sent else None
    return _offers(talk.language, one, broadcast)


async def _summary(talk: Talk, one: Announcement) -> Text:
    record = await register.school(talk.tx, one.school_id)
    here = await schools.load(talk.tx, one.school_id)
    if record is None or one.audience is None:
        return talk.text("announce-gone")
    head = talk.text(
        "announce-summary",
        audience=described(talk.texts, talk.language, one.audience, here),
        at=register.moment(record, one.sent_at or one.at),
        text=one.text,
    )
    if one.state is State.HELD:
        until = register.moment(record, one.due_at)
        return paragraphs([head, talk.text("announce-summary-held", until=until)])
    if one.state is State.WITHDRAWN:
        return paragraphs([head, talk.text("announce-summary-withdrawn")])
    found = await announcements.posts_of(talk.tx, one.id)
    read = await announcements.readers_of(talk.tx, one.id)
    made = {r.room_id: key for key, r in (await rooms.of_school(talk.tx, one.school_id)).items()}
    everybody: set[str] = set()
    readers: set[str] = set()
    lines = []
    standing = [post.room_id for post in found]
    within = await _people(talk.tx, talk.settings, one, standing)
    for post in found:
        people = within.get(post.room_id, frozenset())
        seen = read.get(post.room_id, set()) & people
        everybody |= people
        readers |= seen
        if post.room_id in made:
            name = talk.texts.room_of_key(made[post.room_id], here, talk.language)
            key = f"announce-room-{post.state.value}"
            counted = {"read": len(seen), "people": len(people)}
            counted = counted if post.state is PostState.SENT else {}
            lines.append(talk.text(key, room=name, **counted))
    sent = sum(post.state is PostState.SENT for post in found)
    total = talk.text(
        "announce-summary-read",
        rooms=sent,
        all=len(found),
        read=len(readers),
        people=len(everybody),
    )
    parts = [head, total]
    if linked := len(await chats.linked_among(talk.tx, standing)):
        parts.append(talk.text("announce-linked", rooms=linked))
    ordered = sorted(lines, key=lambda line: line.body)
    return paragraphs([*parts, *([bullets(fitting(ordered))] if ordered else [])])
