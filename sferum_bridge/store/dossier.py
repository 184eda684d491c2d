"""Everything that is kept about one person, as they have a right to see it (requirements §3).

Only they themselves are in it. Whoever stands beside them, as a parent, a teacher or an
administrator, is a word (`Side`), and a given name where the parent link shows it anyway (S-39).
What is gathered for one school's administrator holds nothing of the person's other schools (I-8).
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from sqlalchemy import or_, select

from sferum_bridge.school.corrections import CONTACTS
from sferum_bridge.store import (
    accounts,
    announcements,
    audit,
    cases,
    consents,
    corrections,
    documents,
    materials,
    schools,
    tickets,
)
from sferum_bridge.store.tables import accounts as accounts_table
from sferum_bridge.store.tables import announcements as announcements_table
from sferum_bridge.store.tables import (
    assignments,
    calls,
    classes,
    contacts,
    expected_parents,
    invites,
    logins,
    openings,
    overrides,
    parent_links,
    people,
    pupil_invites,
    room_members,
    rooms,
    roster_ids,
)
from sferum_bridge.store.tables import cases as cases_table
from sferum_bridge.store.tables import corrections as corrections_table
from sferum_bridge.store.tables import materials as materials_table

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from sqlalchemy import Row

    from sferum_bridge.store.cases import Case
    from sferum_bridge.store.database import Tx

    Rows = list[dict[str, Any]]

_OWN_WORDS = frozenset({cases.Kind.APPLICATION, cases.Kind.CORRECTION})
"""Cases that quote nobody but who opened them; a removal quotes papers about somebody else."""


class Side(StrEnum):
    """Who somebody is, seen from one person."""

    SELF = "self"
    PARENT = "parent"
    CHILD = "child"
    SCHOOL = "school"
    """Somebody who works, or worked, at a school."""
    OPERATOR = "operator"
    """Whoever runs the installation, at its console."""
    BRIDGE = "bridge"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class Circle:
    """A person and those around them, by id of person; the person also by account."""

    me: frozenset[str]
    parents: frozenset[str]
    children: frozenset[str]
    staff: frozenset[str]

    def side(self, who: str) -> Side:
        """Return who an actor or subject of the audit log is to the person."""
        sides = {
            Side.SELF: self.me,
            Side.PARENT: self.parents,
            Side.CHILD: self.children,
            Side.SCHOOL: self.staff,
            Side.OPERATOR: {"console"},
            Side.BRIDGE: {"bot", "bridge"},
        }
        return next((side for side, whole in sides.items() if who in whole), Side.OTHER)


async def circle(tx: Tx, person_id: str) -> Circle:
    """Return a person with their parents and children, former ones too, and the schools' staff."""
    p, a = parent_links.c, assignments.c
    parents = await tx.all(select(p.parent_id).where(p.child_id == person_id))
    children = await tx.all(select(p.child_id).where(p.parent_id == person_id))
    own = await schools_of(tx, person_id)
    staff = select(a.person_id).where(a.school_id.in_(own), a.kind != "enrolment").distinct()
    return Circle(
        frozenset({person_id, *await accounts.mxids_of(tx, person_id)}),
        frozenset(row.parent_id for row in parents),
        frozenset(row.child_id for row in children),
        frozenset(row.person_id for row in await tx.all(staff)),
    )


async def schools_of(tx: Tx, person_id: str) -> set[str]:
    """Return the ids of every school that keeps anything about somebody, today or from earlier."""
    a, e, p = assignments.c, expected_parents.c, parent_links.c
    children = select(p.child_id).where(p.parent_id == person_id)
    queries = (
        select(a.school_id).where(or_(a.person_id == person_id, a.person_id.in_(children))),
        select(e.school_id).where(or_(e.child_id == person_id, e.parent_id == person_id)),
        select(roster_ids.c.school_id).where(roster_ids.c.person_id == person_id),
        select(cases_table.c.school_id).where(cases_table.c.subject_id == person_id),
    )
    return {row.school_id for query in queries for row in await tx.all(query.distinct())}


async def gather(
    tx: Tx,
    person_id: str,
    *,
    school_ids: Collection[str] | None = None,
    for_another: bool = False,
) -> Mapping[str, Any]:
    """Return what is kept about a person, section → rows, ready for JSON.

    With `school_ids` only what these schools have to do with. With `for_another`, a parent or an
    administrator, it holds no report of a message: they may be whom it is about. Times are ISO 8601
    in the person's school's zone.

    Raises:
        LookupError: there is no such person.
    """
    row = await tx.first(select(people).where(people.c.id == person_id))
    if row is None:
        raise LookupError("there is no such person")
    own = await schools_of(tx, person_id)
    here = own if school_ids is None else own.intersection(school_ids)
    return await _Gatherer(tx, row, own, here, is_own=not for_another).all()


class _Gatherer:
    """Reads one section after the other, within the schools it may look at."""

    def __init__(
        self,
        tx: Tx,
        person: Row[*tuple[Any, ...]],
        own: set[str],
        here: set[str],
        *,
        is_own: bool,
    ) -> None:
        self._tx = tx
        self._person = person
        self._id = str(person.id)
        self._here = here
        self._is_own = is_own
        # What belongs to no school is told where no other school stands behind it.
        self._whole = own <= here
        self._zone = ZoneInfo("UTC")
        self._schools: dict[str, str] = {}

    async def all(self) -> Mapping[str, Any]:
        for record in await schools.records(self._tx):
            if record.id in self._here:
                self._zone = ZoneInfo(record.timezone)
                self._schools[record.id] = record.name
        mxids = await accounts.mxids_of(self._tx, self._id)
        around = await circle(self._tx, self._id)
        born = self._person.birth_date if await self._is_pupil_here() else None
        return {
            "person": self._id,
            "made_at": self._time(self._tx.now),
            "profile": [
                {
                    "family_name": self._person.family_name,
                    "given_name": self._person.given_name,
                    "middle_name": self._person.middle_name,
                    "birth_date": born.isoformat() if born else "",
                    "language": self._person.language,
                }
            ],
            "contacts": await self._contacts(),
            "accounts": await self._accounts(),
            "logins": await self._logins(mxids),
            "roles": await self._roles(),
            "family": await self._family(),
            "guardians": await self._guardians(),
            "exceptions": await self._exceptions(),
            "consents": await self._consents(around),
            "corrections": await self._corrections(around),
            "cases": await self._cases({self._id, *mxids}),
            "invites": await self._invites(),
            "rooms": await self._rooms(mxids),
            "openings": await self._openings(mxids, around),
            "announcements": await self._announcements(),
            "calls": await self._calls(),
            "materials": await self._materials(),
            "tickets": await self._tickets(),
            "documents": await self._documents(),
            "journal": await self._journal(around),
        }

    def _time(self, at: int | None) -> str:
        if not at:
            return ""
        moment = datetime.fromtimestamp(at / 1000, UTC).astimezone(self._zone)
        return moment.isoformat(timespec="seconds")

    async def _is_pupil_here(self) -> bool:
        """Tell whether the schools looked at have the person, or had them, for a pupil.

        A school that only gave somebody a post has no business with their birthday (I-8, S-15).
        """
        a = assignments.c
        mine = (a.person_id == self._id, a.kind == "enrolment", a.school_id.in_(self._here))
        return self._whole or await self._tx.value(select(a.id).where(*mine).limit(1)) is not None

    async def _contacts(self) -> Rows:
        if not self._whole:
            return []
        rows = await self._tx.all(select(contacts).where(contacts.c.person_id == self._id))
        unseal = self._tx.sealer.unseal
        return [{"kind": r.kind, "value": unseal(r.sealed, f"contact.{r.kind}")} for r in rows]

    async def _accounts(self) -> Rows:
        c = accounts_table.c
        rows = await self._tx.all(select(c.mxid, c.created_at).where(c.person_id == self._id))
        return [{"account": r.mxid, "since": self._time(r.created_at)} for r in rows]

    async def _logins(self, mxids: Sequence[str]) -> Rows:
        if not self._whole:
            return []
        rows = await self._tx.all(select(logins).where(logins.c.mxid.in_(mxids)))
        return [{"network": r.network, "account": r.account_id, "name": r.name} for r in rows]

    async def _roles(self) -> Rows:
        a = assignments.c
        query = (
            select(assignments, classes.c.name.label("class_name"))
            .join(classes, classes.c.id == a.class_id, isouter=True)
            .where(a.person_id == self._id, a.school_id.in_(self._here))
        )
        return [
            {
                "school": self._schools[r.school_id],
                "kind": r.kind,
                "class": r.class_name or "",
                "post": r.post,
                "subject": r.subject,
                "since": r.since.isoformat() if r.since else "",
                "until": r.until.isoformat() if r.until else "",
            }
            for r in await self._tx.all(query.order_by(a.since, a.id))
        ]

    async def _family(self) -> Rows:
        p = parent_links.c
        query = select(parent_links).where(
            or_(p.child_id == self._id, p.parent_id == self._id), p.child_id.in_(await self._ours())
        )
        found = []
        for r in await self._tx.all(query.order_by(p.confirmed_at, p.id)):
            is_child = r.parent_id == self._id
            other = r.child_id if is_child else r.parent_id
            found.append(
                {
                    "who": Side.CHILD.value if is_child else Side.PARENT.value,
                    "given_name": await self._given_name(other) if r.slot else "",
                    "state": r.state,
                    "since": self._time(r.confirmed_at),
                    "until": self._time(r.ended_at),
                }
            )
        return found

    async def _given_name(self, person_id: str) -> str:
        """Return a given name; empty where it may hold the family name too, as accounts' names."""
        other = await accounts.person(self._tx, person_id)
        return other.given_name if other and other.family_name else ""

    async def _ours(self) -> set[str]:
        """Return the children, the person among them, whom the schools looked at have to do with.

        All of them, where everything may be told.
        """
        p, a = parent_links.c, assignments.c
        rows = await self._tx.all(select(p.child_id).where(p.parent_id == self._id))
        children = {self._id, *(row.child_id for row in rows)}
        if self._whole:
            return children
        here = select(a.person_id).where(a.school_id.in_(self._here), a.person_id.in_(children))
        return {self._id, *(row.person_id for row in await self._tx.all(here))}

    async def _guardians(self) -> Rows:
        e = expected_parents.c
        query = select(expected_parents).where(
            or_(e.child_id == self._id, e.parent_id == self._id), e.school_id.in_(self._here)
        )
        return [
            {
                "school": self._schools[r.school_id],
                "who": Side.CHILD.value if r.parent_id == self._id else Side.PARENT.value,
                "relation": r.relation,
            }
            for r in await self._tx.all(query.order_by(e.school_id, e.child_id, e.parent_id))
        ]

    async def _exceptions(self) -> Rows:
        o = overrides.c
        query = select(o.at).where(o.person_id == self._id, o.child_id.in_(await self._ours()))
        return [{"since": self._time(r.at)} for r in await self._tx.all(query.order_by(o.at))]

    async def _consents(self, around: Circle) -> Rows:
        ours = await self._ours()
        return [
            {
                "about": around.side(each.subject_id).value,
                "by": around.side(each.actor_id).value,
                "text": each.version,
                "since": self._time(each.given_at),
                "until": self._time(each.withdrawn_at),
            }
            for each in await consents.of(self._tx, self._id)
            if each.subject_id in ours
        ]

    async def _corrections(self, around: Circle) -> Rows:
        c = corrections_table.c
        query = select(corrections_table).where(c.person_id == self._id)
        said = (await corrections.roster_values(self._tx, {self._id})).get(self._id, {})
        return [
            {
                "field": r.field,
                "roster_value": said[r.field],
                "by": around.side(r.corrected_by).value,
                "since": self._time(r.at),
            }
            for r in await self._tx.all(query.order_by(c.at))
            if self._whole or r.field not in CONTACTS
        ]

    async def _cases(self, me: set[str]) -> Rows:
        found: dict[str, Case] = {}
        for who in me:
            found |= {case.id: case for case in await cases.opened_by(self._tx, who)}
        return [
            {
                "school": self._schools[case.school_id],
                "kind": case.kind.value,
                "state": case.state.value,
                "since": self._time(case.opened_at),
                "until": self._time(case.decided_at),
                "content": dict(case.content) if case.kind in _OWN_WORDS else {},
            }
            for case in sorted(found.values(), key=lambda case: (case.opened_at, case.id))
            if case.school_id in self._here
        ]

    async def _invites(self) -> Rows:
        i, p = invites.c, pupil_invites.c
        issued = [
            *await self._tx.all(
                select(i.issued_at, i.expires_at, i.revoked_at).where(
                    i.issued_by == self._id, i.school_id.in_(self._here)
                )
            ),
            *await self._tx.all(
                select(p.issued_at, p.expires_at, p.revoked_at).where(
                    p.issued_by == self._id, p.school_id.in_(self._here)
                )
            ),
        ]
        return [
            {
                "since": self._time(r.issued_at),
                "until": self._time(r.expires_at),
                "revoked_at": self._time(r.revoked_at),
            }
            for r in sorted(issued, key=lambda r: r.issued_at)
        ]

    async def _rooms(self, mxids: Sequence[str]) -> Rows:
        r, m = rooms.c, room_members.c
        query = (
            select(r.kind, r.school_id, classes.c.name)
            .join(room_members, m.room_id == r.room_id)
            .join(classes, r.key == r.kind + "/" + classes.c.id, isouter=True)
            .where(m.mxid.in_(mxids), r.school_id.in_(self._here))
            .distinct()
        )
        return [
            {"school": self._schools[row.school_id], "room": row.kind, "class": row.name or ""}
            for row in await self._tx.all(query.order_by(r.school_id, r.kind, classes.c.name))
        ]

    async def _announcements(self) -> Rows:
        """Return when the person announced something, and what; nobody else is named by it."""
        c = announcements_table.c
        query = select(c.id, c.school_id).where(
            c.author_id == self._id, c.school_id.in_(self._here)
        )
        found = []
        for row in await self._tx.all(query.order_by(c.at, c.id)):
            one = await announcements.by_id(self._tx, row.id)
            if one is not None:
                found.append(
                    {
                        "school": self._schools[row.school_id],
                        "state": one.state.value,
                        "since": self._time(one.at),
                        "content": one.text,
                    }
                )
        return found

    async def _calls(self) -> Rows:
        """Return when the person started calls, and in which rooms of the school."""
        c, r = calls.c, rooms.c
        query = (
            select(c.school_id, c.started_at, c.ended_at, r.kind, classes.c.name)
            .join(rooms, r.room_id == c.room_id)
            .join(classes, r.key == r.kind + "/" + classes.c.id, isouter=True)
            .where(c.caller_id == self._id, c.school_id.in_(self._here))
        )
        return [
            {
                "school": self._schools[row.school_id],
                "room": row.kind,
                "class": row.name or "",
                "since": self._time(row.started_at),
                "until": self._time(row.ended_at),
            }
            for row in await self._tx.all(query.order_by(c.started_at, c.id))
        ]

    async def _materials(self) -> Rows:
        """Return what of the person's is listed as material of a class."""
        c = materials_table.c
        query = select(c.id, c.school_id).where(
            c.author_id == self._id, c.school_id.in_(self._here)
        )
        found = []
        for row in await self._tx.all(query.order_by(c.at, c.id)):
            one = await materials.by_id(self._tx, row.id)
            if one is not None:
                found.append(
                    {
                        "school": self._schools[row.school_id],
                        "since": self._time(one.at),
                        "content": one.title,
                    }
                )
        return found

    async def _tickets(self) -> Rows:
        """Return what the person asked of the school or reported, in their own words only.

        What others answered, and the message a report shows, are other people's.
        """
        found = []
        for one in await tickets.opened_by(self._tx, self._id):
            if one.kind is tickets.Kind.REPORT and not self._is_own:
                continue
            if one.school_id in self._here:
                said = one.content.get("said", ())
                own = [str(each["text"]) for each in said if each["by"] == self._id]
                found.append(
                    {
                        "school": self._schools[one.school_id],
                        "kind": one.kind.value,
                        "state": one.state.value,
                        "since": self._time(one.opened_at),
                        "until": self._time(one.closed_at),
                        "content": "\n".join(own),
                    }
                )
        return found

    async def _documents(self) -> Rows:
        """Return what the person keeps for themselves; to nobody else that there is any (S-40)."""
        if not self._is_own:
            return []
        return [
            {"name": each.name, "bytes": str(each.size), "since": self._time(each.at)}
            for each in await documents.of(self._tx, self._id)
        ]

    async def _openings(self, mxids: Sequence[str], around: Circle) -> Rows:
        """Return when an account was let into rooms in an emergency: theirs, or into their rooms.

        Their rooms are those they are in today. Whoever else was let in is a word, as everywhere;
        the reason, which may tell of somebody else, is the school's.
        """
        r, m, o = rooms.c, room_members.c, openings.c
        here = await self._tx.all(
            select(r.key).join(room_members, m.room_id == r.room_id).where(m.mxid.in_(mxids))
        )
        own = {row.key for row in here}
        named = select(classes.c.id, classes.c.name).where(classes.c.school_id.in_(self._here))
        names = {row.id: row.name for row in await self._tx.all(named)}
        query = select(openings).where(o.school_id.in_(self._here)).order_by(o.since, o.id)
        found = []
        for row in await self._tx.all(query):
            owner = await accounts.person_of(self._tx, row.mxid)
            side = around.side(owner.id if owner else row.mxid)
            for key in json.loads(row.rooms):
                if side is not Side.SELF and key not in own:
                    continue
                kind, _, place = key.partition("/")
                found.append(
                    {
                        "school": self._schools[row.school_id],
                        "room": kind,
                        "class": names.get(place, ""),
                        "who": (Side.OPERATOR if side is Side.OTHER else side).value,
                        "since": self._time(row.since),
                        "until": self._time(row.ended_at or row.until),
                    }
                )
        return found

    async def _journal(self, around: Circle) -> Rows:
        told = self._here | {""} if self._whole else self._here
        entries = await audit.entries(
            self._tx, school_ids=told, people=around.me, reports=self._is_own
        )
        return [
            {
                "at": self._time(entry.at),
                "action": entry.action,
                "by": around.side(entry.actor).value,
                "about": around.side(entry.subject).value,
            }
            for entry in entries
        ]
