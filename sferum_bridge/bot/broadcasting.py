"""Somebody of the school invites to watch something, and says when it began and is over (S-08).

    «трансляция 5А: День знаний https://…» ─► may it be watched there? ─► announced (`announcing`)
                                                                              │ ✅
           posts with a link of the bridge, which opens for whom it is for ◄──┘  (`web.link`)
                  │
           ▶️ «трансляция началась» ─► ⏹️ «трансляция закончилась» ─► «трансляция запись https://…»
                  └───────────────┴── each changes the posts where they stand (S-48)

With «в Сферуме» in place of an address it is a call of Sferum, which begins with ▶️ in the name of
its author and ends with ⏹️ for everybody in it.

Whoever may announce something to somebody may broadcast it to them. Nobody watches in a room, so
nobody can write there who could not before; the address itself stands in no post.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from sferum_bridge.bot import announced, announcing, broadcast_shown, linked_rooms, messenger
from sferum_bridge.bot.announce_right import still_reached
from sferum_bridge.bot.reach import reach_of
from sferum_bridge.bot.texts import paragraphs
from sferum_bridge.network.base import RemoteCall
from sferum_bridge.school import broadcasts as rules
from sferum_bridge.school.broadcasts import ForeignAddress
from sferum_bridge.store import announcements, audit, broadcasts
from sferum_bridge.store.announcements import State

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sferum_bridge.bot.commands import Command
    from sferum_bridge.bot.talk import Talk
    from sferum_bridge.store.announcements import Announcement
    from sferum_bridge.store.broadcasts import Broadcast

_BEGUN = frozenset({"началась", "начать", "начало", "начинается", "begun", "begin", "start"})
_OVER = frozenset({"закончилась", "закончить", "завершить", "конец", "over", "end", "stop"})
_RECORDED = frozenset({"запись", "материал", "материалы", "recording", "material"})


async def broadcast(talk: Talk, command: Command) -> None:
    """Announce a broadcast, or say what has become of the newest one of one's own."""
    first, _, rest = command.argument.partition(" ")
    word = first.strip(".!:").casefold()
    if command.offered and command.argument:
        await _step(talk, first, is_over=rest == broadcast_shown.END)
    elif word in _RECORDED:
        newest = await broadcasts.last_of(talk.tx, talk.person_id)
        _, address = rules.take_address(rest)
        if not address:
            await talk.reply("broadcast-recording-how")
        elif await is_watchable(talk, address):
            await _step(talk, newest, is_over=True, recording=address)
    elif word in _BEGUN | _OVER and not rest:
        newest = await broadcasts.last_of(talk.tx, talk.person_id)
        await _step(talk, newest, is_over=word in _OVER)
    else:
        await _announce(talk, command.argument)


async def started(talk: Talk, content: Mapping[str, Any], answer: object) -> None:
    """Take the call that Sferum has started for a broadcast; one that nobody needs is ended."""
    if not isinstance(answer, RemoteCall):
        why = talk.text(messenger.text_key(answer))
        await talk.answer(paragraphs([talk.text("broadcast-sferum-failed"), why]))
        return
    one_id, login, call = str(content["broadcast"]), str(content["login"]), answer.id
    one = await announcements.by_id(talk.tx, one_id)
    known = await broadcasts.of(talk.tx, one_id)
    if one is None or known is None or one.state is not State.SENT:
        key = "broadcast-none"
    elif known.begun_at or known.ended_at:
        key = "broadcast-already"
    elif await still_reached(talk.tx, talk.person_id, one) is None:
        key = "announce-right"
    else:
        began = replace(known, url=answer.join_url, begun_at=talk.tx.now, login=login, call=call)
        await _begin(talk, one, began)
        return
    await talk.reply(key)
    await messenger.ask(talk, messenger.END_CALL, login=login, call=call)


async def time_up(talk: Talk, announcement_id: str) -> None:
    """End a broadcast of which nobody said for too long that it is over."""
    one = await announcements.by_id(talk.tx, announcement_id)
    known = await broadcasts.of(talk.tx, announcement_id)
    if one is not None and known is not None and not known.ended_at:
        await announced.hang_up(talk, known)
        await _take(talk, one, replace(known, ended_at=talk.tx.now), "broadcast.end")


async def is_watchable(talk: Talk, address: str) -> bool:
    """Tell whether something may be watched at an address; says so where it may not."""
    try:
        rules.check_address(address, talk.settings.broadcast_hosts)
    except ForeignAddress as e:
        hosts = ", ".join(sorted(talk.settings.broadcast_hosts))
        await talk.reply("broadcast-host", host=e.host or address, hosts=hosts)
        return False
    return True


# --- the steps ------------------------------------------------------------------------------


async def _announce(talk: Talk, said: str) -> None:
    places = await reach_of(talk)
    words, address = rules.take_address(said)
    if not places:
        await talk.reply("announce-right")
    elif not address and (shown := rules.take_sferum(words))[1] and shown[0]:
        if login := await _login(talk):
            await announcing.begin(talk, places, shown[0], login=login)
        else:
            can = talk.settings.calls_in_sferum
            await talk.reply("broadcast-login" if can else "broadcast-no-sferum")
    elif not words or not address:
        await talk.reply("broadcast-how")
    elif await is_watchable(talk, address):
        await announcing.begin(talk, places, words, address=address)


async def _login(talk: Talk) -> str:
    """Return the login through which this person may begin a call of Sferum; empty for none."""
    if not talk.settings.calls_in_sferum:
        return ""
    return next((one.id for one in await linked_rooms.own_logins(talk) if not one.expired), "")


async def _step(talk: Talk, one_id: str, *, is_over: bool, recording: str = "") -> None:
    """Note that a broadcast has begun or is over, and have its posts say so."""
    one = await announcements.by_id(talk.tx, one_id) if one_id else None
    known = await broadcasts.of(talk.tx, one_id) if one_id else None
    is_own = one is not None and one.author_id == talk.person_id
    if one is None or known is None or not is_own or one.state is not State.SENT:
        await talk.reply("broadcast-none")
    elif await still_reached(talk.tx, talk.person_id, one) is None:
        await talk.reply("announce-right")
    elif not is_over:
        if known.begun_at:
            await talk.reply("broadcast-already")
        elif known.login:
            # Another login since is as good: what counts is whose it is.
            login = await _login(talk)
            if login:
                await messenger.ask(talk, messenger.START_SHOW, login=login, broadcast=one.id)
            else:
                await talk.reply("broadcast-login")
        else:
            await _begin(talk, one, replace(known, begun_at=talk.tx.now))
    elif known.ended_at and not recording:
        await talk.reply("broadcast-already")
    elif known.login and not known.begun_at:
        await talk.reply("broadcast-not-begun")
    else:
        # Who never said that it began has been showing it since it was announced.
        since, until = known.begun_at or one.sent_at, known.ended_at or talk.tx.now
        over = replace(known, begun_at=since, ended_at=until, recording=recording)
        await announced.hang_up(talk, known)
        action = "broadcast.record" if recording else "broadcast.end"
        count = await _take(talk, one, over, action)
        key = "broadcast-recorded" if recording else "broadcast-ended"
        await talk.reply(key, rooms=count)


async def _begin(talk: Talk, one: Announcement, began: Broadcast) -> None:
    count = await _take(talk, one, began, "broadcast.begin")
    offers = broadcast_shown.offers(talk.language, began)
    await talk.answer(talk.text("broadcast-begun", rooms=count), offers)


async def _take(talk: Talk, one: Announcement, now: Broadcast, action: str) -> int:
    await broadcasts.save(talk.tx, now)
    actor, why = talk.actor or "bridge", f"announcement {one.id}"
    audit.record(talk.tx, actor, action, one.author_id, why, school=one.school_id)
    return await announced.refresh(talk, one)
