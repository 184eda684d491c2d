"""What a broadcast's posts say of it: where to watch, since when, until when, where the rest is."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sferum_bridge.bot import commands, register
from sferum_bridge.bot.commands import Name
from sferum_bridge.matrix.outbox import Offer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sferum_bridge.bot.talk import Talk
    from sferum_bridge.bot.texts import Text, Texts
    from sferum_bridge.store.broadcasts import Broadcast
    from sferum_bridge.store.schools import SchoolRecord

BEGIN, END = "begin", "end"
"""What is put behind the id of a broadcast in an offer."""


def status(
    texts: Texts, language: str, one: Broadcast, record: SchoolRecord, public_url: str
) -> Text:
    """Return the last line of a post; its link leads to a page of the bridge, never to the host."""
    link = f"{public_url}/m/{one.announcement_id}"
    if one.ended_at:
        key = "broadcast-post-recorded" if one.recording else "broadcast-post-over"
        end = register.moment(record, one.ended_at)
        at = register.moment(record, one.begun_at)
        return texts.text(
            language, key, at=at, end=end, **({"link": link} if one.recording else {})
        )
    if one.begun_at:
        since = register.moment(record, one.begun_at)
        return texts.text(language, "broadcast-post-on", clock=since, link=link)
    return texts.text(language, "broadcast-post", link=link)


def check(talk: Talk, one: Broadcast) -> Text:
    """Return where it will be watched, for its author before it is sent."""
    if one.login:
        return talk.text("broadcast-check-sferum")
    return talk.text("broadcast-check", address=one.url)


def offers(language: str, one: Broadcast) -> Sequence[Offer]:
    """Return what its author may tap: that it has begun, that it is over."""
    word = commands.word(Name.BROADCAST, language)
    begin = Offer("▶️", f"{word} {one.announcement_id} {BEGIN}")
    end = Offer("⏹️", f"{word} {one.announcement_id} {END}")
    if one.ended_at:
        return []
    return [end] if one.begun_at else [begin, end]
