"""What people may ask about themselves: who they are here, their family, why they are in a room.

Everybody learns about themselves alone, and a parent of a child only what the parent link shows
(S-39). The answers go to the direct chat, wherever the question was asked.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from sferum_bridge.bot import register
from sferum_bridge.bot.texts import LANGUAGES, bullets, paragraphs
from sferum_bridge.school import classes
from sferum_bridge.school.access import Role, group, readers
from sferum_bridge.school.layout import PLANS, Kind, key
from sferum_bridge.school.people import LinkState
from sferum_bridge.store import accounts, first_passwords, kin, rooms, schools

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sferum_bridge.bot.commands import Command
    from sferum_bridge.bot.register import Ties
    from sferum_bridge.bot.talk import Talk
    from sferum_bridge.bot.texts import Text
    from sferum_bridge.school.access import Reason
    from sferum_bridge.school.people import School
    from sferum_bridge.store.rooms import RoomRecord

_HELP_OF = {
    Role.PUPIL: "help-pupil",
    Role.PARENT: "help-parent",
    Role.CLASS_TEACHER: "help-class-teacher",
    Role.ADMINISTRATOR: "help-administrator",
    Role.TEACHER: "help-staff",
    Role.STAFF: "help-staff",
}


def outsider(talk: Talk) -> Text:
    """Return E-OUT: in every language, so that it is the same for everybody and whatever they say.

    It is all that somebody without a tie to the school ever learns (S-44).
    """
    default = talk.settings.default_language
    languages = [default, *(other for other in LANGUAGES if other != default)]
    contact = talk.settings.support_contact
    return paragraphs([talk.texts.text(one, "e-out", contact=contact) for one in languages])


async def greet(talk: Talk) -> None:
    """Say hello to somebody who opened a direct chat."""
    if talk.person is None:
        await talk.answer(outsider(talk))
        return
    is_pupil = bool(await register.enrolled(talk.tx, talk.person.id))
    name = talk.person.given_name if is_pupil else talk.person.formal_name
    parts = [talk.text("hello", name=name)]
    if await first_passwords.told(talk.tx, talk.person.id, talk.mxid):
        parts.append(talk.text("hello-password"))
    await talk.answer(paragraphs([*parts, *await _help(talk)]))


async def help_(talk: Talk, _command: Command) -> None:
    """Say what this person can do here, by role, with the words to write (S-41)."""
    await talk.answer(paragraphs(await _help(talk)))


async def _help(talk: Talk) -> Sequence[Text]:
    ties = await register.ties(talk.tx, talk.person_id)
    roles = {reason.role for tie in ties for reason in tie.reasons}
    if await kin.children(talk.tx, talk.person_id):
        # A parent who still waits for approval is one already in everything but rooms.
        roles.add(Role.PARENT)
    keys = list(dict.fromkeys(key for role, key in _HELP_OF.items() if role in roles))
    keys = keys or ["help-newcomer"]
    if talk.settings.sferum and roles:
        links = roles & {Role.CLASS_TEACHER, Role.ADMINISTRATOR}
        keys.append("help-sferum-staff" if links else "help-sferum")
    if talk.settings.documents.has_store(roles):
        keys.append("help-documents")
    contact = talk.settings.support_contact
    return [*(talk.text(key) for key in keys), talk.text("help-everybody", contact=contact)]


async def who_am_i(talk: Talk, _command: Command) -> None:
    """Say what this person is in each school, and under which account."""
    name = talk.person.full_name if talk.person else talk.mxid
    parts = [talk.text("who", name=name, account=talk.mxid)]
    for tie in await register.ties(talk.tx, talk.person_id):
        parts.append(talk.text("who-school", school=tie.school.name))
        parts.append(_reasons(talk, tie.school, tie.reasons))
    if len(parts) == 1:
        parts.append(talk.text("who-nobody"))
    await talk.answer(paragraphs(parts))


async def my_children(talk: Talk, _command: Command) -> None:
    """List this person's children with class and school (S-39, S-55)."""
    lines = []
    for child, state in await kin.children(talk.tx, talk.person_id):
        places = [place for _, place in await register.enrolled(talk.tx, child.id)]
        where = ", ".join(f"{p.class_name}, {p.school_name}" for p in places)
        waits = state is LinkState.PENDING
        key = "family-nowhere" if not where else "child-pending" if waits else "child"
        lines.append(talk.text(key, name=child.full_name, where=where))
    if not lines:
        await talk.reply("children-none")
        return
    await talk.answer(paragraphs([talk.text("children"), bullets(lines)]))


async def my_parents(talk: Talk, _command: Command) -> None:
    """List this person's parents, and who still waits to be checked (S-39)."""
    parents = await kin.parents(talk.tx, talk.person_id)
    if not parents:
        is_pupil = bool(await register.enrolled(talk.tx, talk.person_id))
        await talk.reply("parents-none" if is_pupil else "parents-not-a-pupil")
        return
    lines = [
        talk.text("parent-pending" if state is LinkState.PENDING else "parent", name=p.full_name)
        for p, state in parents
    ]
    await talk.answer(paragraphs([talk.text("parents"), bullets(lines)]))


async def why(talk: Talk, command: Command) -> None:
    """Say why this person is in a room: the one it was asked in or named; else all reasons (S-56).

    A room is named by its name, its id, or a link to it. For a room whose people one is none of the
    answer is the same as for one that does not exist.
    """
    ties = await register.ties(talk.tx, talk.person_id)
    # Clients write the id in a link with its signs escaped.
    asked = talk.asked_in or unquote(command.argument)
    reading = await _reading(talk, asked)
    if not asked:
        parts = [*await _everything(talk, ties), *reading]
        nothing = talk.text("who-nobody")
        await talk.answer(paragraphs([talk.text("why"), *parts]) if parts else nothing)
        return
    parts = []
    for tie in ties:
        for record in (await rooms.of_school(talk.tx, tie.school.id)).values():
            reasons = _reasons_to_be_in(record, tie)
            name = talk.texts.room_of_key(record.key, tie.school, talk.language) if reasons else ""
            if reasons and (record.room_id in asked or classes.key(name) == classes.key(asked)):
                parts += [talk.text("why-room", room=name), _reasons(talk, tie.school, reasons)]
    parts += reading
    await talk.answer(paragraphs(parts) if parts else talk.text("why-not"))


def _reasons_to_be_in(record: RoomRecord, tie: Ties) -> Sequence[Reason]:
    if record.kind not in set(Kind) or not record.room_id:
        return ()
    plan, place = PLANS[Kind(record.kind)], record.key.partition("/")[2]
    audience = {group(role, place) for role in plan.audience | plan.moderators}
    return [r for r in tie.reasons if group(r.role, r.class_id or tie.school.id) in audience]


async def _everything(talk: Talk, ties: Sequence[Ties]) -> list[Text]:
    parts = []
    for tie in ties:
        parts.append(talk.text("who-school", school=tie.school.name))
        parts.append(_reasons(talk, tie.school, tie.reasons))
    return parts


async def _reading(talk: Talk, asked: str) -> Sequence[Text]:
    """Return why this person reads rooms of closed classes: the one `asked` for, or, empty, all."""
    lines: dict[str, Text] = {}
    for record in await register.schools_of(talk.tx, talk.person_id):
        here = await schools.load(talk.tx, record.id)
        made = await rooms.of_school(talk.tx, record.id)
        for tie in readers(here, record.day(talk.tx.now)).get(talk.person_id, ()):
            one = here.classes[tie.class_id]
            keys = [key(kind, one.id) for kind in Kind if tie.role in PLANS[kind].audience]
            names = {k: talk.texts.room_of_key(k, here, talk.language) for k in keys if k in made}
            if not asked or any(
                made[k].room_id in asked or classes.key(name) == classes.key(asked)
                for k, name in names.items()
                if made[k].room_id
            ):
                shown = talk.texts.class_name(one, talk.language)
                values: dict[str, Any] = {"class": shown, "until": one.kept_until or one.closed_on}
                lines[one.id] = talk.text("reason-reading", **values)
    return [bullets(list(lines.values()))] if lines else []


def _reasons(talk: Talk, school: School, reasons: Sequence[Reason]) -> Text:
    return bullets([_reason(talk, school, reason) for reason in reasons])


def _reason(talk: Talk, school: School, reason: Reason) -> Text:
    where = school.classes.get(reason.class_id)
    child = school.people.get(reason.child_id)
    return talk.text(
        f"reason-{reason.role.value}{'-acting' if reason.acting else ''}",
        **{"class": where.name if where else ""},
        # An empty subject has a sentence of its own, so the text has to know that it is empty.
        has_subject=int(bool(reason.subject)),
        subject=reason.subject,
        child=child.given_name if child else "",
    )


async def choose_language(talk: Talk, command: Command) -> None:
    """Remember the language this person wants to read."""
    said = command.argument.casefold()
    wanted = next((name for name, words in _NAMES.items() if said in words), None)
    if wanted is None or talk.person is None:
        await talk.reply("language-which")
        return
    await accounts.set_language(talk.tx, talk.person.id, wanted)
    talk.language = wanted
    await talk.reply("language-done")


_NAMES = {
    "ru": frozenset({"ru", "rus", "russian", "русский", "рус", "по-русски"}),
    "en": frozenset({"en", "eng", "english", "английский", "англ", "по-английски"}),
}
