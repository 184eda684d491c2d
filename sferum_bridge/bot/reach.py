"""In which schools, and for which pupils, somebody may invite, print and make exceptions.

A class teacher for the own classes, an administrator for the whole school; asked anew at every
command, for what somebody was yesterday counts for nothing.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING

from sferum_bridge.bot import finding, register
from sferum_bridge.bot.texts import LANGUAGES
from sferum_bridge.school import access
from sferum_bridge.school.access import Role

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sferum_bridge.bot.finding import Found
    from sferum_bridge.bot.talk import Talk
    from sferum_bridge.school.access import Reason
    from sferum_bridge.school.people import School
    from sferum_bridge.store.database import Tx
    from sferum_bridge.store.schools import SchoolRecord


class Action(StrEnum):
    """What somebody had no right to; the text E-RIGHT says who has."""

    INVITE = "invite"
    REVOKE = "revoke"
    SLIPS = "slips"
    EXCEPTION = "exception"
    APPROVE = "approve"


@dataclass(frozen=True, slots=True)
class Reach:
    """One school in which somebody may invite: for every pupil, or for those of the own classes."""

    school: School
    record: SchoolRecord
    today: Mapping[str, Sequence[Reason]]
    """Everybody's reasons of today, as `access.reasons` gives them."""
    led: frozenset[str]
    everywhere: bool

    def pupils(self, text: str = "") -> Sequence[Found]:
        """Return the pupils within reach who fit what was typed."""
        within = None if self.everywhere else self.led
        return finding.pupils_of(self.school, self.today, text, class_ids=within)

    def covers(self, class_id: str) -> bool:
        """Tell whether the pupils of a class are within reach."""
        return class_id in self.led or (self.everywhere and class_id in self.school.classes)

    def group(self, class_id: str) -> str:
        """Return the group by whose right somebody invites for a pupil of a class.

        The own class goes first: that right is left when an administrator goes back to teaching.
        """
        if class_id in self.led:
            return access.group(Role.CLASS_TEACHER, class_id)
        return access.group(Role.ADMINISTRATOR, self.record.id)

    def language_of_paper(self, talk: Talk) -> str:
        """Return the school's language: the families read what is printed and mailed."""
        language = self.record.language
        return language if language in LANGUAGES else talk.language

    def is_family(self, child_id: str, person_id: str) -> bool:
        """Tell whether somebody is a linked parent of a child, or a guardian the roster names.

        One who is denied access counts as well: least of all may they let themselves in.
        """
        linked = {(link.child_id, link.parent_id) for link in self.school.parent_links}
        named = {(one.child_id, one.parent_id) for one in self.school.expected_parents}
        return (child_id, person_id) in linked | named


async def reach_of(talk: Talk) -> Sequence[Reach]:
    """Return the schools in which somebody may invite today."""
    return await reach_of_person(talk.tx, talk.person_id)


async def reach_of_person(tx: Tx, person_id: str) -> Sequence[Reach]:
    """Return the schools in which a person may invite today, whoever is asking."""
    found = []
    for tie in await register.ties(tx, person_id):
        record = await register.school(tx, tie.school.id)
        # Who only stands in invites by an administrator's right, which they hold of their own.
        led = frozenset(
            r.class_id for r in tie.reasons if r.role is Role.CLASS_TEACHER and not r.acting
        )
        everywhere = any(r.role is Role.ADMINISTRATOR for r in tie.reasons)
        if record is not None and (led or everywhere):
            today = access.reasons(tie.school, record.day(tx.now))
            found.append(Reach(tie.school, record, today, led, everywhere))
    return found


async def the_pupil(
    talk: Talk, reaches: Sequence[Reach], text: str, word: str, rest: str = ""
) -> tuple[Reach, Found] | None:
    """Return the one pupil within reach who is meant; `None` when somebody was asked or told.

    A chosen reaction gives the command `word` with the pupil's id and `rest` behind it.
    """
    found = [(reach, pupil) for reach in reaches for pupil in reach.pupils(text)]
    # Somebody may be a pupil of two schools of one administrator.
    if len({pupil.person.id for _, pupil in found}) == 1:
        return found[0]
    if not found and not any(reach.everywhere for reach in reaches):
        # The same whether another class has such a pupil or nobody has.
        await talk.reply("invite-not-yours")
        return None
    several = len({reach.record.id for reach, _ in found}) > 1
    shown = [
        replace(pupil, class_name=f"{pupil.class_name}, {reach.record.name}") if several else pupil
        for reach, pupil in found
    ]
    await finding.choose(talk, shown, word, rest)
    return None
