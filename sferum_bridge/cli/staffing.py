"""`sferum-bridge school appoint|dismiss|hand-over|transfer`: orders about staff and pupils.

The same rules as in the chat with the bot (`school.staffing`). The first administrator of an
installation is made here; the audit log calls whoever sits at the console `console`.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import date
from typing import TYPE_CHECKING, Any, TypeAlias

import click

from sferum_bridge.cli.common import (
    CONSOLE,
    carry_out,
    config_option,
    database,
    json_option,
    school_option,
    show,
    show_json,
)

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence
    from pathlib import Path

    from sferum_bridge.config import Config
    from sferum_bridge.school.people import School
    from sferum_bridge.school.staffing import Changes, Notice, Order
    from sferum_bridge.store.database import Tx
    from sferum_bridge.store.schools import SchoolRecord

_CLASS_TEACHER = "class-teacher"
_FEWEST_NAMES = 2


def day_option(_context: click.Context, _option: click.Parameter, value: str | None) -> date | None:
    """Read the day of an option, as a roster's cell is read."""
    from sferum_bridge.roster.columns import Kind
    from sferum_bridge.roster.values import CellError, parse

    if value is None:
        return None
    try:
        day = parse(Kind.DATE, value)
    except CellError:
        day = None
    if not isinstance(day, date):
        raise click.BadParameter("Write a day as 31.12.2026 or 2026-12-31.")
    return day


_post = click.Choice(["administrator", "teacher", "staff", _CLASS_TEACHER])
_since = click.option(
    "--since", callback=day_option, metavar="DAY", help="The first day; today, if left out."
)
_yes = click.option("--yes", is_flag=True, help="Do it; without, only say what would change.")


@dataclass(frozen=True, slots=True)
class _Asked:
    """How an order is to be carried out and shown."""

    config_path: Path
    school: str
    yes: bool
    as_json: bool


@click.command()
@click.argument("person")
@click.option("--post", type=_post, required=True)
@click.option("--class", "class_name", default="", help="Of a class teacher: the class.")
@_since
@click.option(
    "--until", callback=day_option, metavar="DAY", help="The last day; open, if left out."
)
@click.option("--name", default="", help="Of an account new to the school: whose it is.")
@school_option
@config_option
@_yes
@json_option
def appoint(
    person: str,
    post: str,
    class_name: str,
    since: date | None,
    until: date | None,
    name: str,
    **how: Any,
) -> None:
    """Give PERSON a post, or a class to lead.

    Somebody new is given as an account, with --name "family name, given name, patronymic".
    """
    if (post == _CLASS_TEACHER) != bool(class_name):
        raise click.UsageError("--post class-teacher and --class go together.")

    async def order(desk: _Desk) -> Order:
        from sferum_bridge.school.people import Post
        from sferum_bridge.school.staffing import Act, Order

        who = await desk.person_or_newcomer(person, name)
        day = since or desk.today
        if post == _CLASS_TEACHER:
            return Order(Act.LEAD, who, day, until, class_id=desk.class_id(class_name))
        return Order(Act.APPOINT, who, day, until, Post(post))

    _order(order, _Asked(**how))


@click.command()
@click.argument("person")
@click.option(
    "--until", callback=day_option, metavar="DAY", help="The last day; today, if left out."
)
@click.option("--post", type=_post, help="End this role alone.")
@click.option("--class", "class_name", default="", help="Of a class teacher: the class.")
@school_option
@config_option
@_yes
@json_option
def dismiss(person: str, until: date | None, post: str | None, class_name: str, **how: Any) -> None:
    """End all that PERSON does for the school, or one role; what they are as a parent stays."""
    if (post == _CLASS_TEACHER) != bool(class_name):
        raise click.UsageError("--post class-teacher and --class go together.")

    async def order(desk: _Desk) -> Order:
        from sferum_bridge.school.people import Post
        from sferum_bridge.school.staffing import Act, Order

        who, last_day = await desk.person(person), until or desk.today
        if class_name:
            return Order(Act.DISMISS, who, last_day, class_id=desk.class_id(class_name))
        return Order(Act.DISMISS, who, last_day, post=Post(post) if post else None)

    _order(order, _Asked(**how))


@click.command("hand-over")
@click.option("--class", "class_name", required=True)
@click.option("--from", "giver", required=True, metavar="PERSON", help="Who leads it now.")
@click.option("--to", "taker", required=True, metavar="PERSON", help="Who leads it then.")
@_since
@school_option
@config_option
@_yes
@json_option
def hand_over(class_name: str, giver: str, taker: str, since: date | None, **how: Any) -> None:
    """Hand a class over from one class teacher to another, without a gap."""

    async def order(desk: _Desk) -> Order:
        from sferum_bridge.school.staffing import Act, Order

        new, old = await desk.person(taker), await desk.person(giver)
        class_id, day = desk.class_id(class_name), since or desk.today
        return Order(Act.HAND_OVER, new, day, class_id=class_id, from_id=old)

    _order(order, _Asked(**how))


@click.command()
@click.argument("person")
@click.option("--class", "class_name", default="", help="The new class.")
@click.option("--out", is_flag=True, help="Out of the school.")
@_since
@school_option
@config_option
@_yes
@json_option
def transfer(person: str, class_name: str, since: date | None, *, out: bool, **how: Any) -> None:
    """Move the pupil PERSON to another class, or out of the school."""
    if out == bool(class_name):
        raise click.UsageError("Give either --class or --out.")

    async def order(desk: _Desk) -> Order:
        from sferum_bridge.school.staffing import Act, Order

        class_id = desk.class_id(class_name) if class_name else ""
        pupil, day = await desk.pupil(person), since or desk.today
        return Order(Act.TRANSFER, pupil, day, class_id=class_id)

    _order(order, _Asked(**how))


# --- who and what is meant ------------------------------------------------------------------


@dataclass(slots=True)
class _Desk:
    """The school an order is for, and who and what its words mean there."""

    tx: Tx
    config: Config
    record: SchoolRecord
    here: School
    newcomers: dict[str, tuple[str, str, str]] = field(default_factory=dict)
    """Account → family name, given name, patronymic."""

    @property
    def today(self) -> date:
        """Return the school's day."""
        return self.record.day(self.tx.now)

    async def person(self, text: str) -> str:
        """Return the id of the person meant."""
        from sferum_bridge.bot import finding

        if text.startswith("@"):
            known = await self._of_account(text)
            return known or _one(text, [])
        found = await finding.staff(self.tx, self.record, text)
        found = found or await finding.everybody(self.tx, self.record, text)
        return _one(text, [(one.person.id, one.label, one.class_name) for one in found])

    async def person_or_newcomer(self, text: str, name: str) -> str:
        """Return the id of the person meant, or the account of somebody new called `name`."""
        from sferum_bridge.school import applications, classes

        if not text.startswith("@") or await self._of_account(text):
            return await self.person(text)
        if text == self.config.bot_mxid or text.startswith(
            f"@{self.config.appservice.ghost_prefix}"
        ):
            raise click.ClickException(f"{text} is not the account of a person.")
        cleaned = classes.clean(name.replace(",", " "))[: applications.LONGEST]
        if ":" not in text or len(cleaned.split()) < _FEWEST_NAMES:
            raise click.ClickException(
                f"Nobody here has the account {text}. If it is right, say whose it is: "
                '--name "family name, given name, patronymic".'
            )
        self.newcomers[text] = applications.names(cleaned)
        return text

    async def pupil(self, text: str) -> str:
        """Return the id of the pupil meant."""
        from sferum_bridge.bot import finding

        found = await finding.pupils_ever(self.tx, self.record, text)
        return _one(text, [(one.person.id, one.label, one.class_name) for one in found])

    def class_id(self, text: str) -> str:
        """Return the id of the class meant."""
        from sferum_bridge.school import applications

        found = applications.class_named(self.here, self.today, text)
        if found is None:
            raise click.ClickException(f"{self.record.name} has no class {text} at present.")
        return found.id

    async def _of_account(self, account: str) -> str:
        from sferum_bridge.store import accounts

        known = await accounts.person_of(self.tx, account)
        return known.id if known and known.id in self.here.people else ""


def _one(text: str, found: Sequence[tuple[str, str, str]]) -> str:
    if not found or not text.strip():
        raise click.ClickException(f"Nobody at the school fits: {text}.")
    if len(found) > 1:
        lines = "\n".join(f"  {id_}  {label}  {at}".rstrip() for id_, label, at in found)
        raise click.ClickException(f"Several people fit; give an id instead of a name:\n{lines}")
    return found[0][0]


async def find_school(tx: Tx, name: str) -> SchoolRecord:
    """Return the school of a name or id, the only one if none is given, or end with what to do."""
    from sferum_bridge.store import schools

    records = await schools.records(tx)
    found = [record for record in records if not name or name in {record.name, record.id}]
    if len(found) == 1:
        return found[0]
    if not records:
        raise click.ClickException(
            "There is no school yet. Import its lists first: sferum-bridge roster apply"
        )
    if name:
        raise click.ClickException(f"There is no school called {name}. See: {_LIST}")
    raise click.ClickException(f"There are several schools: name one with --school. See: {_LIST}")


_LIST = "sferum-bridge school list"


# --- carrying out ---------------------------------------------------------------------------

_Build: TypeAlias = "Callable[[_Desk], Awaitable[Order]]"


def _order(build: _Build, asked: _Asked) -> None:
    desk, changes = carry_out(_carry_out(build, asked))
    rows = _rows(desk, changes)
    notes = [_caution(desk.here, notice) for notice in changes.notices]
    if asked.as_json:
        named = {"school": desk.record.name, "done": asked.yes}
        show_json({**named, "changes": rows, "notes": notes})
        return
    columns = ("", "Person", "Id", "Role", "Of", "From", "Until")
    show("What changes", columns, [tuple(row.values()) for row in rows])
    for note in notes:
        click.echo(f"Note: {note}", err=True)
    click.echo("Done." if asked.yes else "Nothing was changed. Add --yes to do it.", err=True)


async def _carry_out(build: _Build, asked: _Asked) -> tuple[_Desk, Changes]:
    from sferum_bridge.school import staffing
    from sferum_bridge.store import staffing as stored

    async with database(asked.config_path) as (config, db), db.write() as tx:
        record = await find_school(tx, asked.school)
        desk = _Desk(tx, config, record, await stored.read(tx, record.id))
        order = await build(desk)
        today = desk.today
        try:
            shown = changes = staffing.decide(desk.here, order, today)
            if not asked.yes:
                return desk, shown
            for account, name in desk.newcomers.items():
                person_id = await _newcomer(desk, account, name)
                order = replace(order, person_id=person_id)
                # Somebody new here may be known to the installation, and hold the post already.
                changes = staffing.decide(desk.here, order, today)
        except staffing.Refused as e:
            raise click.ClickException(_REFUSED[e.refusal.value]) from e
        await stored.carry_out(tx, record.id, changes, CONSOLE, order.act.value, today)
        return desk, shown


async def _newcomer(desk: _Desk, account: str, name: tuple[str, str, str]) -> str:
    """Return the id of the person behind an account that is new at the school."""
    from sferum_bridge.matrix import outbox
    from sferum_bridge.store import accounts
    from sferum_bridge.store import staffing as stored

    was_nobody = await accounts.person_of(desk.tx, account) is None
    person_id = await stored.newcomer(desk.tx, desk.record.id, account, name, CONSOLE)
    if was_nobody:
        shown = f"{name[1]} {name[0]}"
        await outbox.rename(desk.tx, f"console.{person_id}.name", account, shown)
    return person_id


def _rows(desk: _Desk, changes: Changes) -> list[dict[str, str]]:
    from sferum_bridge.store.staffing import described

    rows = []
    for row in described(changes):
        id_ = row["person_id"]
        family, given, _ = desk.newcomers.get(id_, ("", "", ""))
        known = desk.here.people.get(id_)
        of_class = desk.here.classes.get(row["class_id"])
        rows.append(
            {
                "what": "never begins" if row["what"] == "drops" else row["what"],
                "person": known.full_name if known else f"{given} {family}".strip(),
                "id": id_,
                "role": ROLES.get(row["kind"], row["post"]),
                "of": ", ".join(filter(None, [of_class.name if of_class else "", row["subject"]])),
                "from": row["since"],
                "until": row["until"],
            }
        )
    return rows


def _caution(here: School, notice: Notice) -> str:
    of_class = here.classes.get(notice.class_id)
    name = of_class.name if of_class else ""
    return _CAUTIONS[notice.caution.value].format(class_name=name, day=notice.day)


ROLES = {"leadership": "class teacher", "teaching": "teaches", "enrolment": "pupil"}
"""What assignments are called in tables; an appointment is called by its post."""
_REFUSED = {
    "already": "Nothing to do: it is so already.",
    "nothing": "Nothing to do: behind that day there is nothing left to end.",
    "last-administrator": "Refused: there would be a day without any administrator of the school. "
    "Appoint another one without a last day first.",
    "not-leading": "Refused: whoever is to hand the class over does not lead it on that day.",
    "backwards": "Refused: the last day lies before the first.",
}
_CAUTIONS = {
    "unled": "{class_name} has no class teacher from {day} on; the administrators stand in.",
    "led": "{class_name} has a class teacher already, and gets one more.",
    "no-post": "A class teacher without a post does not see the staff room.",
    "pupil": "This is a pupil of the school on that day.",
    "past": "{day} is over already.",
    "far": "{day} is more than a year ahead.",
}
