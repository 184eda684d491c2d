"""Logins on paper: whose slip lies on which page, what it says, and the files of a folder (S-61).

A page for each class, another for its parents, since nobody is to get the slip of a parent by
taking a pupil's, and one for the staff. The files hold passwords: they and their folder are their
owner's alone.
"""

from __future__ import annotations

import re
import stat
from dataclasses import dataclass
from enum import StrEnum
from itertools import count
from typing import TYPE_CHECKING

import click

from sferum_bridge.school.access import Role, reasons

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import date
    from pathlib import Path

    from sferum_bridge.bot.printing import Slip
    from sferum_bridge.bot.texts import Texts
    from sferum_bridge.config import Config
    from sferum_bridge.matrix.issuing import Issued
    from sferum_bridge.school.people import School
    from sferum_bridge.store.schools import SchoolRecord


# File systems take names of 255 bytes, two a Cyrillic letter; what is added to them has to fit too.
_SCHOOL_BYTES, _NAME_BYTES = 100, 200


class Kind(StrEnum):
    """Who is on a page, in the order of the pages."""

    STAFF = "staff"
    PUPILS = "pupils"
    PARENTS = "parents"
    OTHERS = "others"
    """Of no class today, and none to come."""


@dataclass(frozen=True, slots=True)
class Page:
    """Where somebody's slip is printed."""

    school_id: str
    kind: Kind
    class_name: str = ""


@dataclass(frozen=True, slots=True)
class Card:
    """Somebody who gets a slip. `name` tells them from a namesake in their class."""

    person_id: str
    name: str
    page: Page


_STAFF = frozenset({Role.STAFF, Role.ADMINISTRATOR, Role.TEACHER, Role.CLASS_TEACHER})


def pages_of(school: School, day: date) -> Mapping[str, Page]:
    """Return person → page; who works at the school is staff, whatever else they are."""
    classes: dict[str, str] = {}
    # Of several the one of today counts, else the first that comes.
    for enrolment in sorted(school.enrolments, key=lambda e: str(e.term.since or "")):
        if enrolment.term.until is None or enrolment.term.until >= day:
            classes.setdefault(enrolment.person_id, school.classes[enrolment.class_id].name)
    found = dict.fromkeys(school.people, Page(school.id, Kind.OTHERS))
    ties = [(e.parent_id, e.child_id) for e in school.expected_parents]
    ties += [(link.parent_id, link.child_id) for link in school.parent_links]
    named = sorted((classes[child], parent) for parent, child in ties if child in classes)
    for class_name, parent in reversed(named):
        found[parent] = Page(school.id, Kind.PARENTS, class_name)
    for person_id, class_name in classes.items():
        found[person_id] = Page(school.id, Kind.PUPILS, class_name)
    for person_id, why in reasons(school, day).items():
        if any(reason.role in _STAFF for reason in why):
            found[person_id] = Page(school.id, Kind.STAFF)
    return found


def prepare(folder: Path) -> None:
    """Make the folder, or end with what to do where others can look into it."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        mode = folder.stat().st_mode
    except OSError as e:
        raise click.ClickException(f"{folder} cannot be made: {e.strerror}.") from e
    if stat.S_IMODE(mode) & 0o077:
        raise click.ClickException(
            f"Others on this machine can look into {folder}, and passwords would lie there. "
            f"Name a new folder, or: chmod 700 {folder}"
        )


def _cut(text: str, most: int) -> str:
    """Return as much of a text as has so many bytes."""
    return text.encode()[:most].decode(errors="ignore")


class Printer:
    """Writes pages of slips into a folder."""

    def __init__(
        self, folder: Path, config: Config, texts: Texts, records: Mapping[str, SchoolRecord]
    ) -> None:
        self._folder = folder
        self._config = config
        self._texts = texts
        self._records = records

    def write(self, page: Page, slips: Sequence[tuple[Card, Issued]]) -> Path:
        """Write a page of its own, and return its path; nothing that lies there is replaced.

        A page that an interrupted command wrote already is not written twice.
        """
        from sferum_bridge.bot import printing
        from sferum_bridge.config import write_private

        record = self._records[page.school_id]
        names = {"class": page.class_name}
        title = self._say(page, "login-slips-title", kind=page.kind, school=record.name, **names)
        ordered = sorted(slips, key=lambda slip: (slip[0].name, slip[0].person_id))
        made = [self._slip(card, issued) for card, issued in ordered]
        content = printing.document(title, made, language=record.language)
        stem = self._say(page, "login-slips-file", kind=page.kind, **names)
        if len(self._records) > 1:
            # A school's whole name is often longer than a file's may be; the class is not cut off.
            stem = f"{_cut(record.name, _SCHOOL_BYTES)} {stem}"
        stem = _cut(re.sub(r"[^\w.-]+", "_", stem).strip("._"), _NAME_BYTES) or page.kind
        for number in count(1):
            path = self._folder / f"{stem}{f'-{number}' if number > 1 else ''}.html"
            if not path.exists():
                write_private(path, content)
                return path
            if path.read_bytes() == content:
                return path
        raise AssertionError("numbers do not end")

    def _slip(self, card: Card, issued: Issued) -> Slip:
        from sferum_bridge.bot.printing import Slip

        config, page = self._config, card.page
        server, client = config.homeserver.typed, config.school.client_url
        login = issued.mxid[1:].partition(":")[0]
        whose = self._say(
            page, "login-slip-whose", kind=page.kind, name=card.name, **{"class": page.class_name}
        )
        key = "login-slip-steps-client" if client else "login-slip-steps"
        steps = self._say(page, key, bot=config.bot_mxid)
        return Slip(
            title=whose,
            what=self._say(page, "login-slip-what", school=self._records[page.school_id].name),
            steps=steps.splitlines(),
            note=self._say(page, "login-slip-note", contact=config.school.support),
            code="",
            # Never with the login or the password: addresses are kept and passed on.
            link=client or config.homeserver.public_address or f"https://{server}",
            typed=[
                (self._say(page, "login-slip-login"), login),
                (self._say(page, "login-slip-password"), issued.password),
                (self._say(page, "login-slip-server"), server),
            ],
        )

    def _say(self, page: Page, key: str, **values: object) -> str:
        return self._texts.text(self._records[page.school_id].language, key, **values).body
