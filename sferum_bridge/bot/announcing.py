"""Somebody of the school writes an announcement and says whom it is for (S-06, S-08, S-11).

    «объявление 5А: …» ──┐
                         ├─► draft ─► for whom? ─► preview ─► ✅ ─► posted, or held till morning
    announcements room ──┘      ▲                                   (`announced`)
                                └── an edit of the message changes the draft

An administrator reaches the whole school, a class teacher the own classes. The right is looked at
when something is drafted and again when it is confirmed; the preview says how many chats and people
it will reach, for a slip of the finger here is read by a whole school.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sferum_bridge.bot import announced, broadcast_shown, commands, register
from sferum_bridge.bot.announce_right import place_of, reached, still_reached
from sferum_bridge.bot.commands import Name
from sferum_bridge.bot.reach import reach_of
from sferum_bridge.bot.texts import bullets, paragraphs, quoted
from sferum_bridge.matrix.outbox import Offer
from sferum_bridge.school import announcements as rules
from sferum_bridge.school.announcements import Audience, Part, Refused, Unclear
from sferum_bridge.school.layout import Kind
from sferum_bridge.store import announcements, broadcasts, dialogues, rooms
from sferum_bridge.store.announcements import State

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sferum_bridge.bot.commands import Command
    from sferum_bridge.bot.reach import Reach
    from sferum_bridge.bot.talk import Talk
    from sferum_bridge.store.announcements import Announcement

TOPIC = "announce"
_NUMBERS = ("1️⃣", "2️⃣", "3️⃣", "4️⃣", "5️⃣", "6️⃣", "7️⃣", "8️⃣", "9️⃣")
_FREE = {"free": True, "except": [Name.ANNOUNCE.value]}
"""Any words answer such a question; who begins anew begins anew."""
_URGENT = frozenset({"срочно", "urgent"})
_CHOICES: Sequence[tuple[str, Audience]] = (
    ("all", Audience()),
    ("parents", Audience(parts=frozenset({Part.PARENTS}))),
    ("pupils", Audience(parts=frozenset({Part.PUPILS}))),
    ("staff", Audience(parts=frozenset({Part.STAFF}))),
)
"""Audiences that are offered, by the word that stands for them in an offer."""


async def announce(talk: Talk, command: Command) -> None:
    """Begin an announcement, or take what was tapped below an earlier answer."""
    if command.offered and command.argument:
        await _tapped(talk, command.argument)
        return
    places = await reach_of(talk)
    if not places:
        await talk.reply("announce-right")
    elif command.argument:
        # Where it was written in a room it stands there already.
        await begin(talk, places, command.argument, room_id=talk.asked_in)
    else:
        await _ask(talk, {"asks": "text", **_FREE})
        await talk.reply("announce-text")


async def overheard(talk: Talk, room_id: str, *, has_file: bool) -> bool:
    """Take what was written in a school's announcements room; tell whether it is one.

    Who may write there administers the school; of anybody else nothing is taken.
    """
    record = await rooms.by_room_id(talk.tx, room_id)
    if record is None or record.kind != Kind.ANNOUNCEMENTS:
        return False
    places = [reach for reach in await reach_of(talk) if reach.record.id == record.school_id]
    if not places or not places[0].everywhere:
        return True
    if has_file or not talk.said.strip():
        await talk.reply("announce-file")
        return True
    await begin(talk, places, talk.said, room_id=room_id)
    return True


async def go_on(talk: Talk, state: Mapping[str, Any], command: Command) -> None:
    """Take the answer to the question that is open."""
    if command.name is Name.CANCEL:
        await _drop_draft(talk, str(state.get("id", "")))
        return
    if state.get("asks") == "text":
        places = await reach_of(talk)
        if places:
            await begin(talk, places, talk.said)
        else:
            await talk.reply("announce-right")
        return
    one = await _own_draft(talk, str(state.get("id", "")))
    if one is None:
        await dialogues.close_dialogue(talk.tx, talk.mxid)
        await talk.reply("announce-gone")
    elif state.get("asks") == "audience":
        await _take_audience(talk, one, talk.said)
    elif command.name is Name.CONFIRM and not command.argument:
        await _confirm(talk, one, urgent=False)
    elif talk.said.strip(" .!").casefold() in _URGENT:
        await _confirm(talk, one, urgent=True)
    else:
        await _go_on_with(talk, one)


async def take_back(talk: Talk, one: Announcement) -> None:
    """End an announcement: for its author, or for whoever administers the school."""
    place = await still_reached(talk.tx, talk.person_id, one)
    is_own = talk.person_id == one.author_id
    may = place is not None and (is_own or place.everywhere)
    if one.state is State.WITHDRAWN or not (is_own or may):
        return
    if one.state is State.DRAFT:
        await _drop_draft(talk, one.id)
    elif may:
        await announced.withdraw(talk, one)
    else:
        await talk.reply("announce-right")


# --- the steps ------------------------------------------------------------------------------


async def _tapped(talk: Talk, argument: str) -> None:
    announcement_id, _, choice = argument.partition(" ")
    one = await announcements.by_id(talk.tx, announcement_id)
    if one is None or one.author_id != talk.person_id:
        await talk.reply("announce-gone")
    elif choice == "summary":
        await announced.summary(talk, one)
    elif choice == "drop":
        await take_back(talk, one)
    elif one.state is not State.DRAFT:
        await talk.reply("announce-done-already")
    elif choice in {"send", "urgent"}:
        await _confirm(talk, one, urgent=choice == "urgent")
    elif choice.startswith("school "):
        await announcements.change(talk.tx, one, school_id=choice.removeprefix("school "))
        await show_anew(talk, one.id)
    else:
        audience = dict(_CHOICES).get(choice)
        if audience is not None:
            await settle(talk, one, audience)


async def begin(
    talk: Talk,
    places: Sequence[Reach],
    text: str,
    *,
    room_id: str = "",
    address: str = "",
    login: str = "",
) -> None:
    """Draft what somebody wrote, and ask what is missing.

    `room_id` is the school room it stands in already. With an `address`, or the `login` through
    which a call is to begin, it is a broadcast.
    """
    found = []
    for place in places:
        classes = rules.alive(place.school, place.record.day(talk.tx.now))
        found.append((place, *rules.split(text, classes)))
    named = [one for one in found if one[1] is not None and one[1].names_classes]
    # A class that only one of the schools has says which school is meant.
    surely = named if len(named) == 1 else found
    place, audience, words = surely[0]
    if await is_too_long(talk, words):
        return
    one = await announcements.draft(
        talk.tx,
        place.record.id,
        talk.person_id,
        audience if len(surely) == 1 else None,
        words,
        event_id=talk.event_id,
        room_id=room_id,
    )
    if address or login:
        await broadcasts.add(talk.tx, one.id, address, login)
    if len(surely) > 1:
        await _ask_school(talk, one, [each for each, _, _ in surely])
    elif audience is None:
        await _ask_audience(talk, one, place)
    else:
        await settle(talk, one, audience)


async def is_too_long(talk: Talk, text: str) -> bool:
    """Tell whether a text is too long for an announcement, after having said so."""
    if len(text) <= rules.MOST_CHARACTERS:
        return False
    await talk.reply("announce-long", most=rules.MOST_CHARACTERS)
    return True


async def _ask(talk: Talk, state: Mapping[str, Any]) -> None:
    await dialogues.open_dialogue(talk.tx, talk.mxid, {"topic": TOPIC, **state})


async def _ask_school(talk: Talk, one: Announcement, places: Sequence[Reach]) -> None:
    word = commands.word(Name.ANNOUNCE, talk.language)
    places = places[: len(_NUMBERS)]
    offers = [
        Offer(number, f"{word} {one.id} school {place.record.id}")
        for number, place in zip(_NUMBERS, places, strict=False)
    ]
    lines = [talk.text("announce-school-line", school=place.record.name) for place in places]
    await _ask(talk, {"asks": "school", "id": one.id})
    await talk.answer(paragraphs([talk.text("announce-school"), bullets(lines)]), offers)


async def _ask_audience(talk: Talk, one: Announcement, place: Reach) -> None:
    word = commands.word(Name.ANNOUNCE, talk.language)
    # The staff is the school's; a class teacher speaks to families.
    choices = _CHOICES if place.everywhere else _CHOICES[:-1]
    offers = [
        Offer(number, f"{word} {one.id} {choice}")
        for number, (choice, _) in zip(_NUMBERS, choices, strict=False)
    ]
    await _ask(talk, {"asks": "audience", "id": one.id, **_FREE})
    await talk.answer(
        talk.text("announce-audience" if place.everywhere else "announce-audience-led"), offers
    )


async def _take_audience(talk: Talk, one: Announcement, said: str) -> None:
    place = await place_of(talk.tx, talk.person_id, one)
    if place is None:
        await talk.reply("announce-right")
        return
    try:
        classes = rules.alive(place.school, place.record.day(talk.tx.now))
        audience = rules.read(said, classes)
    except Unclear:
        await talk.reply("announce-unclear")
        await _ask_audience(talk, one, place)
        return
    await settle(talk, one, audience)


async def settle(talk: Talk, one: Announcement, audience: Audience) -> None:
    """Take an audience if the author may reach it, and show the whole for the last time."""
    place = await place_of(talk.tx, talk.person_id, one)
    try:
        within = reached(place, audience)
    except Refused:
        await talk.reply("announce-right")
        if place is not None:
            await announcements.change(talk.tx, one, audience=None)
            await _ask_audience(talk, one, place)
        return
    await announcements.change(talk.tx, one, audience=within)
    await show_anew(talk, one.id)


async def _own_draft(talk: Talk, announcement_id: str) -> Announcement | None:
    one = await announcements.by_id(talk.tx, announcement_id) if announcement_id else None
    is_own = one is not None and one.author_id == talk.person_id and one.state is State.DRAFT
    return one if is_own else None


async def show_anew(talk: Talk, announcement_id: str) -> None:
    """Show a draft as it now is, and ask again."""
    one = await announcements.by_id(talk.tx, announcement_id)
    if one is not None:
        await _go_on_with(talk, one)


async def _go_on_with(talk: Talk, one: Announcement) -> None:
    """Ask for what is missing, else show it all and ask whether it goes out so."""
    place = await place_of(talk.tx, talk.person_id, one)
    if place is None:
        await talk.reply("announce-right")
        return
    if one.audience is None:
        await _ask_audience(talk, one, place)
        return
    reach = await announced.reach(talk, one)
    if not reach.room_ids:
        await announcements.change(talk.tx, one, audience=None)
        await talk.reply("announce-only-here" if reach.is_only_there else "announce-nobody")
        await _ask_audience(talk, one, place)
        return
    await _ask(talk, {"asks": "check", "id": one.id})
    quiet = talk.settings.quiet_hours
    due = quiet.ends(talk.tx.now, place.record.timezone) if quiet else None
    parts = [
        talk.text(
            "announce-check",
            audience=announced.described(talk.texts, talk.language, one.audience, place.school),
            rooms=len(reach.room_ids),
            people=len(reach.people),
        ),
        quoted(one.text),
    ]
    if broadcast := await broadcasts.of(talk.tx, one.id):
        parts.append(broadcast_shown.check(talk, broadcast))
    if reach.linked:
        parts.append(talk.text("announce-linked", rooms=reach.linked))
    if due is None:
        parts.append(talk.text("announce-check-how"))
    else:
        until = register.moment(place.record, due)
        parts.append(talk.text("announce-check-quiet", until=until))
    word = commands.word(Name.ANNOUNCE, talk.language)
    choices = (("✅", "send"), ("❗", "urgent"), ("❌", "drop"))
    offers = [Offer(emoji, f"{word} {one.id} {choice}") for emoji, choice in choices]
    await talk.answer(paragraphs(parts), offers)


async def _confirm(talk: Talk, one: Announcement, *, urgent: bool) -> None:
    if one.audience is None:
        await _go_on_with(talk, one)
        return
    place = await still_reached(talk.tx, talk.person_id, one)
    if place is None:
        await talk.reply("announce-right")
        return
    await dialogues.close_dialogue(talk.tx, talk.mxid)
    await announced.send(talk, one, place.record, urgent=urgent)


async def _drop_draft(talk: Talk, announcement_id: str) -> None:
    one = await _own_draft(talk, announcement_id)
    if one is not None:
        await announcements.change(talk.tx, one, state=State.WITHDRAWN.value)
    asked = await dialogues.dialogue(talk.tx, talk.mxid)
    if asked is not None and asked[0].get("topic") == TOPIC:
        await dialogues.close_dialogue(talk.tx, talk.mxid)
    await talk.reply("announce-dropped")
