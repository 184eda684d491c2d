"""«Мои документы»: who has a store, what fits into it, and to whom a copy may go (S-40). Pure.

A store is its owner's alone: no child, other parent, teacher or administrator learns of it. Who may
put something in depends on the role of today; who once had a store lists, gets and deletes what is
in it as long as the account lasts.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

from sferum_bridge.school import attachments
from sferum_bridge.school.access import Role, groups
from sferum_bridge.school.attachments import MEGABYTE, Policy, Verdict
from sferum_bridge.school.contour import Facts, SchoolFact, may_contact

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence
    from datetime import date

    from sferum_bridge.school.people import School

_MINUTE = 60_000
_DAY = 24 * 60 * _MINUTE
_TEACHING = frozenset({Role.CLASS_TEACHER.value, Role.TEACHER.value})
MOST_CHARACTERS = 120
"""Of a document's name."""


class Refusal(StrEnum):
    """Why a file is not taken in; stable text, named in texts as `documents-<value>`."""

    WRONG_KIND = "wrong-kind"
    TOO_BIG = "too-big"
    FULL = "full"
    TOO_MANY = "too-many"


@dataclass(frozen=True, slots=True)
class Rules:
    """What a school decides about the stores. Sizes are bytes, lengths of time milliseconds."""

    roles: frozenset[str] = frozenset({Role.PARENT.value})
    """Roles (`access.Role`) that have a store; none switches it off."""
    files: Policy = field(default_factory=lambda: Policy(20 * MEGABYTE))
    """What kinds of file and how large each."""
    quota: int = 200 * MEGABYTE
    """What all documents of one person take together."""
    most: int = 100
    """How many documents one person has."""
    open_for: int = 60 * _MINUTE
    """How long a document that its owner got back lies in the chat."""
    copy_for: int = 30 * _DAY
    """How long a copy lies in the chat of whom it was passed on to."""
    archive: int = 50 * MEGABYTE
    """How large one file of an export may be; what is more goes into a further one."""
    contacts: Mapping[str, str] = field(default_factory=dict)
    """Changes to the rights table, see `rights.changed`."""

    def has_store(self, roles: Collection[str]) -> bool:
        """Tell whether who holds these roles may put documents in."""
        return not self.roles.isdisjoint(roles)

    def judge(self, name: str, mime: str, size: int, used: Used) -> Refusal | None:
        """Judge a file before it is read; a size of 0 is not known yet. `None`: it is taken."""
        match self.files.of(name, mime, size):
            case Verdict.TOO_BIG:
                return Refusal.TOO_BIG
            case Verdict.PASSES:
                pass
            case _:
                return Refusal.WRONG_KIND
        if used.count >= self.most:
            return Refusal.TOO_MANY
        if used.size + max(size, 1) > self.quota:
            return Refusal.FULL
        return None

    def room(self, used: Used) -> int:
        """Return how many bytes one more document may have."""
        return max(0, min(self.files.most_bytes, self.quota - used.size))


@dataclass(frozen=True, slots=True)
class Used:
    """What a store holds, documents on their way included."""

    count: int = 0
    size: int = 0


def name_of(caption: str, file_name: str, mime: str) -> str:
    """Return what a document is called: what was written below the file, else the file's name.

    It ends as the file does, whatever was written: the ending says what opens it.
    """
    own = attachments.name_for(file_name, mime)
    first = next((line for line in caption.splitlines() if line.strip()), "")
    return renamed(own, first) or shortened(own)


def renamed(name: str, wish: str) -> str:
    """Return a document's name as somebody wishes it, with its ending; empty for no name."""
    wish = attachments.safe_name(wish.strip(" .«»„“”\"'`"))
    ending = attachments.suffix(name)
    if not wish or not ending:
        return shortened(wish)
    if attachments.suffix(wish) == ending:
        return shortened(wish)
    return shortened(f"{wish}.{ending}")


def mime_of(name: str, mime: str) -> str:
    """Return the type a document is kept under."""
    return attachments.mime_for(name, mime)


def shortened(name: str) -> str:
    """Cut a long name before its ending."""
    if len(name) <= MOST_CHARACTERS:
        return name
    ending = attachments.suffix(name)
    tail = f"….{ending}" if ending and len(ending) < MOST_CHARACTERS // 2 else "…"
    return name[: MOST_CHARACTERS - len(tail)] + tail


def unlike(name: str, taken: Collection[str]) -> str:
    """Return a name that none of `taken` is, whatever the case: «Справка (2).pdf»."""
    folded = {each.casefold() for each in taken}
    if name.casefold() not in folded:
        return name
    ending = attachments.suffix(name)
    stem = name[: -len(ending) - 1] if ending else name
    number = 2
    while (other := f"{stem} ({number}){f'.{ending}' if ending else ''}").casefold() in folded:
        number += 1
    return other


def recipients(
    school: School, day: date, person_id: str, contacts: Mapping[str, str]
) -> Sequence[str]:
    """Return the teachers to whom somebody may pass a copy on that day: whom they may write to."""
    people = groups(school, day)
    # As a teacher, not as the parent they may be too.
    taught = {
        other: frozenset(key for key in held if key.rpartition("/")[2] in _TEACHING)
        for other, held in people.items()
        if other != person_id
    }
    facts = Facts(
        people={**taught, person_id: people.get(person_id, frozenset())},
        schools={school.id: SchoolFact(frozenset(school.classes), contacts)},
    )
    return [
        other for other, held in taught.items() if held and may_contact(person_id, other, facts)
    ]


def volumes(sizes: Sequence[int], most: int) -> Sequence[Sequence[int]]:
    """Divide documents, by number and in order, into files of an export of at most `most` bytes.

    One that is larger than that has a file of its own.
    """
    found: list[list[int]] = []
    filled = 0
    for number, size in enumerate(sizes):
        if not found or filled + size > most:
            found.append([])
            filled = 0
        found[-1].append(number)
        filled += size
    return found
