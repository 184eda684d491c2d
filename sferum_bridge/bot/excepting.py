"""Adults who also study: an administrator lets them be a parent all the same (S-49, scenario 05).

Who and why stand in the records. The adult still redeems an invite and confirms like everybody.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sferum_bridge.bot import commands, finding
from sferum_bridge.bot.commands import Name
from sferum_bridge.bot.reach import Action, reach_of, the_pupil
from sferum_bridge.bot.texts import harmless
from sferum_bridge.school import consent
from sferum_bridge.school.access import Role
from sferum_bridge.store import accounts, invites

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sferum_bridge.bot.commands import Command
    from sferum_bridge.bot.finding import Found
    from sferum_bridge.bot.reach import Reach
    from sferum_bridge.bot.talk import Talk
    from sferum_bridge.school.people import Person


async def make_exception(talk: Talk, command: Command) -> None:
    """Let an adult who also studies be a parent of a child all the same (S-49, scenario 05).

    An administrator names the child, the adult by account or name, and why. They still redeem an
    invite and confirm like everybody. Never for the administrator's own account (S-57).
    """
    reaches = [reach for reach in await reach_of(talk) if reach.everywhere]
    parts = [part.strip() for part in command.argument.split("|", 2)]
    match parts:
        case _ if not reaches:
            await talk.reply("e-right", action=Action.EXCEPTION)
        case [child, adult, reason] if all(parts):
            await _find_both(talk, reaches, child, adult, reason)
        case _:
            await talk.reply("exception-how")


async def _find_both(
    talk: Talk, reaches: Sequence[Reach], text: str, who: str, reason: str
) -> None:
    word = commands.word(Name.EXCEPTION, talk.language)
    meant = await the_pupil(talk, reaches, text, word, f"| {who} | {reason}")
    if meant is None:
        return
    reach, child = meant
    chosen = f"{word} {child.person.id} |"
    adult = await _adult(talk, reach, who, chosen, f"| {reason}")
    if adult is not None:
        await _except(talk, reach, child, adult, harmless(reason))


@dataclass(frozen=True, slots=True)
class _Adult:
    person: Person
    shown: str
    """The name in this school, the account of somebody whom it does not know (I-8)."""


async def _adult(talk: Talk, reach: Reach, who: str, word: str, rest: str) -> _Adult | None:
    """Return whom an exception is for; `None` when the administrator was asked or told."""
    if not who.startswith("@"):
        found = await finding.everybody(talk.tx, reach.record, who)
        if len(found) == 1:
            return _Adult(found[0].person, found[0].label)
        if found:
            await finding.choose(talk, found, word, rest)
        else:
            await talk.reply("exception-nobody")
        return None
    person = await accounts.person_of(talk.tx, who)
    if person is not None and person.id in reach.school.people:
        return _Adult(person, person.full_name)
    if person is None or _is_minor(talk, reach, person):
        # One answer: that another school teaches a minor is not for this one to know (I-8).
        await talk.reply("exception-unknown", account=who)
        return None
    return _Adult(person, who)


async def _except(talk: Talk, reach: Reach, child: Found, adult: _Adult, reason: str) -> None:
    if adult.person.id == child.person.id:
        await talk.reply("exception-self")
    elif adult.person.id == talk.person_id:
        await talk.reply("exception-own")
    elif _is_minor(talk, reach, adult.person):
        await talk.reply("exception-minor", adult=adult.shown)
    else:
        await invites.allow(
            talk.tx,
            child.person.id,
            adult.person.id,
            talk.person_id,
            reason,
            school=reach.record.id,
        )
        names: dict[str, Any] = {"child": child.label, "adult": adult.shown, "reason": reason}
        await talk.reply("exception-done", **names)
        teachers = [
            person_id
            for person_id, why in reach.today.items()
            if person_id != talk.person_id
            and any(r.role is Role.CLASS_TEACHER and r.class_id == child.class_id for r in why)
        ]
        await talk.inform(teachers, "exception-told", **names)


def _is_minor(talk: Talk, reach: Reach, person: Person) -> bool:
    """Tell whether somebody is known to be under age."""
    today = reach.record.day(talk.tx.now)
    return person.birth_date is not None and not consent.is_adult(person.birth_date, today)
