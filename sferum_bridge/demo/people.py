"""Accounts for everybody in the demo, and who plays which part.

A login is written down, password and all, before its account is made. So a kill in between leaves
a login whose account the next start makes or finds, never an account nobody can enter or a second
one of the same person.
"""

from __future__ import annotations

import json
import secrets
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING

from sferum_bridge.config import write_private
from sferum_bridge.school import access, naming
from sferum_bridge.school.access import Role
from sferum_bridge.store import accounts, schools

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from datetime import date
    from pathlib import Path

    from sferum_bridge.matrix.accounts import Registrar
    from sferum_bridge.school.people import School, SchoolClass
    from sferum_bridge.store.database import Database

OUTSIDER = "outsider"
_OUTSIDER_NAME = "Прохожий Прохожев"
# No look-alikes: people type these.
_LETTERS = "abcdefghjkmnpqrstuvwxyz23456789"
_LOCALPART, _PASSWORD = 8, 12
_FAVOURITE = "5А"


@dataclass(frozen=True, slots=True)
class Login:
    """An account of the demo. `mxid` says nothing of the person (I-9)."""

    name: str
    mxid: str
    password: str


@dataclass(frozen=True, slots=True)
class Cast:
    """Who plays which part: logins of one class; `None` where the roster has nobody for it."""

    administrator: Login | None = None
    class_teacher: Login | None = None
    pupil: Login | None = None
    parent: Login | None = None
    second_parent: Login | None = None
    outsider: Login | None = None
    school_class: SchoolClass | None = None
    newcomer: str = ""
    """A pupil of the class who has no account yet, as the roster writes the name."""


def read_logins(path: Path) -> dict[str, Login]:
    """Return person id → login, the outsider under `OUTSIDER`; empty before the first start."""
    try:
        written = json.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        return {}
    return {key: Login(**login) for key, login in written.items()}


async def make_accounts(
    db: Database,
    registrar: Registrar,
    path: Path,
    domain: str,
    progress: Callable[[int, int], None],
) -> dict[str, Login]:
    """Make an account for everybody of every school who has none, and one for an outsider.

    One pupil a school is left out, so that there is somebody to invite (S-32).

    Args:
        db: The bridge's database.
        registrar: Creates accounts on the homeserver.
        path: Where the logins are kept, readable by the owner only.
        domain: The homeserver's name.
        progress: Told how many of how many accounts exist.

    Returns:
        Person id → login, as `read_logins`.

    Raises:
        MatrixRequestError: The homeserver refuses an account.
    """
    missing: list[str] = []
    names = {OUTSIDER: _OUTSIDER_NAME}
    async with db.read() as tx:
        for record in await schools.records(tx):
            school, today = await schools.load(tx, record.id), record.day(tx.now)
            shown, left_out = naming.shown(school, today), _newcomer(school, today)
            new_here = [person.id for person in await accounts.without_account(tx, record.id)]
            missing += [key for key in new_here if key not in names and key != left_out]
            names |= {key: shown[key] for key in new_here if key != left_out}
    logins = read_logins(path)
    new = {key: _login(name, domain) for key, name in names.items() if key not in logins}
    if new:
        logins |= new
        written = {key: asdict(login) for key, login in logins.items()}
        write_private(path, json.dumps(written, ensure_ascii=False, indent=1).encode())
    progress(0, len(missing))
    for done, key in enumerate(missing, start=1):
        await _register(registrar, logins[key])
        async with db.write() as tx:
            await accounts.add_account(tx, logins[key].mxid, key)
        progress(done, len(missing))
    await _register(registrar, logins[OUTSIDER])
    return logins


def _login(name: str, domain: str) -> Login:
    return Login(name, f"@{_random(_LOCALPART)}:{domain}", _random(_PASSWORD))


def _random(letters: int) -> str:
    return "".join(secrets.choice(_LETTERS) for _ in range(letters))


async def _register(registrar: Registrar, login: Login) -> None:
    localpart = login.mxid[1:].partition(":")[0]
    await registrar.register(localpart, login.name, login.password)


async def cast(db: Database, logins: Mapping[str, Login]) -> Cast:
    """Choose who plays: the same people at every start, for only the roster decides.

    The class is one that has a class teacher, and in it a pupil of whom the roster names two
    guardians who have nothing else to do with the school; «5А» is preferred.
    """
    options = []
    async with db.read() as tx:
        for record in await schools.records(tx):
            school, today = await schools.load(tx, record.id), record.day(tx.now)
            person = school.people.get(_newcomer(school, today))
            has_account = bool(person and await accounts.mxids_of(tx, person.id))
            name = f"{person.family_name} {person.given_name}" if person and not has_account else ""
            options += [replace(one, newcomer=name) for one in _casts(school, today, logins)]
    found = max(options, key=_fullness, default=Cast())
    return replace(found, outsider=logins.get(OUTSIDER))


def _newcomer(school: School, today: date) -> str:
    """Return the id of the pupil of the cast's class who gets no account, empty for none.

    The roster alone decides, so it is the same at every start: were everybody there, it would be
    the last of those who play no part.
    """
    everybody = {person_id: Login(person_id, "", "") for person_id in school.people}
    chosen = max(_casts(school, today, everybody), key=_fullness, default=Cast())
    if chosen.school_class is None or chosen.pupil is None:
        return ""
    there = [
        person_id
        for person_id, why in access.reasons(school, today).items()
        for reason in why
        if (reason.role, reason.class_id) == (Role.PUPIL, chosen.school_class.id)
        and person_id != chosen.pupil.name
    ]
    return max(there, key=lambda p: _alphabet(school, p), default="")


def _fullness(one: Cast) -> tuple[int, bool]:
    parts = (one.administrator, one.class_teacher, one.pupil, one.parent, one.second_parent)
    preferred = one.school_class is not None and one.school_class.name == _FAVOURITE
    return sum(part is not None for part in parts), preferred


def _casts(school: School, today: date, logins: Mapping[str, Login]) -> Iterator[Cast]:
    by_role: dict[tuple[Role, str], list[str]] = {}
    # A confirmed parent goes on playing the parent, so links made by playing do not count.
    reasons = access.reasons(replace(school, parent_links=()), today)
    for person_id in sorted(reasons, key=lambda p: _alphabet(school, p)):
        for reason in reasons[person_id]:
            by_role.setdefault((reason.role, reason.class_id), []).append(person_id)
    free_guardians: dict[str, list[str]] = {}
    for expected in school.expected_parents:
        if expected.access and expected.parent_id not in reasons:
            free_guardians.setdefault(expected.child_id, []).append(expected.parent_id)

    def first(role: Role, class_id: str = "") -> Login | None:
        people = by_role.get((role, class_id), ())
        return next((logins[p] for p in people if p in logins), None)

    for school_class in sorted(school.classes.values(), key=lambda c: c.name):
        pupils = by_role.get((Role.PUPIL, school_class.id), [])
        pupil = max(pupils, key=lambda p: min(2, len(free_guardians.get(p, ()))), default="")
        guardians = sorted(free_guardians.get(pupil, ()), key=lambda p: _alphabet(school, p))
        parents = [logins[p] for p in guardians if p in logins] + [None, None]
        yield Cast(
            administrator=first(Role.ADMINISTRATOR),
            class_teacher=first(Role.CLASS_TEACHER, school_class.id),
            pupil=logins.get(pupil),
            parent=parents[0],
            second_parent=parents[1],
            school_class=school_class,
        )


def _alphabet(school: School, person_id: str) -> tuple[str, str]:
    person = school.people[person_id]
    return f"{person.family_name} {person.given_name} {person.middle_name}", person_id
