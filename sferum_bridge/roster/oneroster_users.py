"""The users of OneRoster, and what demographics tell of them: who a line means, and as whom."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sferum_bridge.roster import oneroster_files, values
from sferum_bridge.roster.columns import Kind
from sferum_bridge.roster.model import RosterKey, RosterPerson, Severity
from sferum_bridge.roster.oneroster_columns import V11
from sferum_bridge.roster.rows import MADE_UP
from sferum_bridge.school import classes, contacts

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import date

    from sferum_bridge.roster.findings import Findings
    from sferum_bridge.roster.oneroster_files import Files, Line


class Users:
    """The users of one school; `school_id` is empty where all there are belong to it."""

    def __init__(self, files: Files, school_id: str, findings: Findings) -> None:
        self._files = files
        self._school_id = school_id
        self._findings = findings
        self.by_id = {line.id: line for line in files.of("users") if self._is_here(line)}
        self.everybody = {line.id for line in files.of("users")}
        """Those of other schools, too."""

    def is_one(self, id_: str) -> bool:
        """Tell whether lines may name a user: of a list of changes also one it does not have."""
        if id_ in self.by_id:
            return not self.by_id[id_].deleted
        return "users" not in self._files.lines or "users" in self._files.delta

    def person(self, line: Line, key: RosterKey, birthday: date | None) -> RosterPerson:
        """Return a user as a person; contacts that cannot be used are left out, and said."""
        if line["enabledUser"] == "false":
            self._warn("oneroster_disabled", line, "enabledUser")
        email = contacts.email(line["email"])
        if line["email"] and not email:
            self._warn("email_bad", line, "email")
        column = "sms" if line["sms"] else "phone"
        phone = contacts.phone(line[column])
        if line[column] and not phone:
            self._warn("phone_bad", line, column)
        return RosterPerson(
            key,
            key.external_id,
            line["familyName"],
            line["givenName"],
            line["middleName"],
            birthday,
            email,
            phone,
        )

    def birthdays(self) -> Mapping[str, date]:
        """Return the days of birth that are told, by user."""
        found: dict[str, date] = {}
        for line in self._files.of("demographics"):
            if not self.is_one(line.id):
                if line.id not in self.everybody:
                    self._warn("oneroster_orphan", line, "sourcedId")
                continue
            try:
                if line["birthDate"]:
                    found[line.id] = values.parse(Kind.DATE, line["birthDate"])  # type: ignore[assignment]  # a DATE is a date
            except values.CellError as error:
                self._warn(error.code, line, "birthDate")
        return found

    def key(self, id_: str) -> RosterKey:
        """Return the key of a user; an id that an export made up is nobody's own."""
        line = self.by_id.get(id_)
        if id_.startswith(MADE_UP) and line is not None:
            name = classes.key(f"{line['familyName']} {line['givenName']} {line['middleName']}")
            return RosterKey(name=name, line=f"users.csv:{line.row}")
        return RosterKey(external_id=id_)

    def _is_here(self, line: Line) -> bool:
        """Tell whether a user is of this school; from 1.2 on that is said by the roles."""
        school = self._school_id
        if not school or self._files.version != V11:
            return True
        return school in line.several("orgSourcedIds")

    def _warn(self, code: str, line: Line, column: str) -> None:
        oneroster_files.refuse(self._findings, code, line, column, Severity.WARNING)
