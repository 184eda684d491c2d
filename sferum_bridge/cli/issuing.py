"""What `accounts create`, `reset` and `list` do: who is served, printing, and errors in words."""

from __future__ import annotations

import asyncio
import json
import sys
from collections import Counter
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import click
from mautrix.errors import MatrixRequestError

from sferum_bridge.cli.common import database
from sferum_bridge.cli.login_slips import Card, Printer, pages_of, prepare

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator, Sequence
    from datetime import date
    from pathlib import Path

    from sferum_bridge.cli.login_slips import Page
    from sferum_bridge.matrix.client import Homeserver
    from sferum_bridge.matrix.issuing import Issued, Issuer
    from sferum_bridge.school.people import Person, School
    from sferum_bridge.store.database import Tx
    from sferum_bridge.store.schools import SchoolRecord

    Meant = Callable[[Tx], Awaitable[tuple[SchoolRecord, Person, str]]]

_SECONDS = 20.0
"""For which a homeserver that does not answer is waited for, where it is only asked."""
_ASKED_AT_ONCE = 8


@dataclass(frozen=True, slots=True)
class Wish:
    """Where passwords are printed, and for whom not."""

    folder: Path | None
    """`None`: on the screen."""
    left_out: Sequence[str] = ()
    """Names of classes whose pupils get none."""
    at_once: int = 1
    as_json: bool = False


@dataclass(slots=True)
class _Roll:
    """The people who are to get a first password."""

    records: dict[str, SchoolRecord] = field(default_factory=dict)
    cards: dict[str, Card] = field(default_factory=dict)
    resets: int = 0
    """Of others: resets that were interrupted."""


class _Paper:
    """Prints first passwords, and has noted which are printed."""

    def __init__(self, wish: Wish, cards: dict[str, Card], printer: Printer | None) -> None:
        self._wish = wish
        self._cards = cards
        self._printer = printer
        self._open: dict[Page, list[Issued]] = {}
        self._missing = Counter(card.page for card in cards.values())
        self.count = 0
        if not wish.as_json and printer is None:
            click.echo("Name\tLogin\tFirst password")

    def take(self, issued: Issued) -> Sequence[Issued]:
        """Print a password, or keep it until its page is full; return those printed now."""
        card = self._cards[issued.person_id]
        if self._printer is None:
            self._line(card, issued)
            self.count += 1
            return [issued]
        self._open.setdefault(card.page, []).append(issued)
        self._missing[card.page] -= 1
        return [] if self._missing[card.page] else self._write(card.page)

    def rest(self) -> Sequence[Issued]:
        """Write the pages that will not be full."""
        return [issued for page in list(self._open) for issued in self._write(page)]

    def _write(self, page: Page) -> Sequence[Issued]:
        if self._printer is None:
            return []
        issued = self._open.pop(page)
        path = self._printer.write(page, [(self._cards[one.person_id], one) for one in issued])
        self.count += len(issued)
        if self._wish.as_json:
            click.echo(json.dumps({"page": str(path), "slips": len(issued)}, ensure_ascii=False))
        else:
            click.echo(f"{path}: {len(issued)}")
        return issued

    def _line(self, card: Card, issued: Issued) -> None:
        if self._wish.as_json:
            row = {"person": card.person_id, "name": card.name, "mxid": issued.mxid}
            row |= {"password": issued.password}
            click.echo(json.dumps(row, ensure_ascii=False))
        else:
            click.echo(f"{card.name}\t{issued.mxid}\t{issued.password}")


# --- new accounts ---------------------------------------------------------------------------


async def create(config_path: Path, wish: Wish) -> tuple[int, int]:
    """Serve everybody; return how many passwords were printed, and how many could not be made."""
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
    )

    from sferum_bridge.app import issuer, opened_homeserver
    from sferum_bridge.bot.texts import Texts

    async with database(config_path) as (config, db), opened_homeserver(config) as homeserver:
        if not config.homeserver.registration_shared_secret:
            raise click.ClickException(
                "homeserver.registration_shared_secret is empty. Copy it from homeserver.yaml."
            )
        async with db.read() as tx:
            roll = await _roll(tx, wish.left_out)
        if roll.resets:
            click.echo(
                f"{roll.resets} new passwords were begun with `accounts reset` and are not "
                "printed: `accounts list` shows whose; run that command again for them.",
                err=True,
            )
        printer = None
        if wish.folder is not None:
            prepare(wish.folder)
            printer = Printer(wish.folder, config, Texts(), roll.records)
        giver = issuer(config, db, homeserver)
        paper = _Paper(wish, roll.cards, printer)
        console = Console(stderr=True)
        # Lines on the same screen would break the bar, and are progress enough.
        columns = (TextColumn("Accounts"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        quiet = printer is None or not console.is_terminal
        with Progress(
            *columns,
            console=console,
            transient=True,
            # What goes to stdout stays there, also if only stderr is a screen.
            redirect_stdout=sys.stdout.isatty(),
            disable=quiet,
        ) as bar:
            task = bar.add_task("Accounts", total=len(roll.cards))

            async def each(issued: Issued) -> None:
                bar.advance(task)
                if printed := paper.take(issued):
                    await giver.printed(printed)

            names = {person_id: card.name for person_id, card in roll.cards.items()}
            with _explained():
                taken = await giver.create(names, each, at_once=wish.at_once)
                await giver.printed(paper.rest())
    for person_id in taken:
        click.echo(
            f"Every login for {names[person_id]} ({person_id}) is an account with another "
            "password already. Have one of them stand for them: sferum-bridge accounts replace.",
            err=True,
        )
    return paper.count, len(taken)


async def _roll(tx: Tx, left_out: Sequence[str]) -> _Roll:
    """Return who has no account, and whose password was made and not printed."""
    from sferum_bridge.school import naming
    from sferum_bridge.store import accounts, first_passwords, schools

    roll = _Roll()
    here: list[tuple[School, date]] = []
    found: dict[str, Card] = {}
    owned = await accounts.by_person(tx)
    unprinted = [one for one in await first_passwords.unprinted(tx) if one.mxid]
    theirs = [one for one in unprinted if one.mxid in owned.get(one.person_id, ())]
    roll.resets = sum(not one.is_set for one in theirs)
    for record in await schools.records(tx):
        roll.records[record.id] = record
        school, today = await schools.load(tx, record.id), record.day(tx.now)
        here.append((school, today))
        wanted = {one.id for one in await accounts.without_account(tx, record.id)}
        wanted |= {one.person_id for one in theirs if one.is_set} & school.people.keys()
        names, pages = naming.shown(school, today), pages_of(school, today)
        for person_id in wanted - found.keys():
            found[person_id] = Card(person_id, names[person_id], pages[person_id])
    waiting = _pupils_of(here, left_out) - owned.keys()
    cards = [card for person_id, card in found.items() if person_id not in waiting]
    roll.cards = {card.person_id: card for card in sorted(cards, key=_order)}
    return roll


def _order(card: Card) -> tuple[str, int, str, str, str]:
    page = card.page
    kinds = list(type(page.kind))
    return page.school_id, kinds.index(page.kind), page.class_name, card.name, card.person_id


def _pupils_of(here: Sequence[tuple[School, date]], names: Sequence[str]) -> set[str]:
    """Return the ids of the pupils, also those to come, of classes with these names.

    `here` is every school with its day: whoever left such a class is none of its pupils.
    """
    from sferum_bridge.school import classes

    found: set[str] = set()
    for name in names:
        try:
            wanted = classes.normalise(name)
        except classes.ClassNameError:
            wanted = ""
        ids = {c.id for school, _ in here for c in school.classes.values() if c.name == wanted}
        if not ids:
            raise click.ClickException(f"There is no class called {name}.")
        found |= {
            e.person_id
            for school, day in here
            for e in school.enrolments
            if e.class_id in ids and (e.term.until is None or day <= e.term.until)
        }
    return found


@contextmanager
def _explained() -> Iterator[None]:
    """Say what went wrong with the homeserver, or the folder, and what to do."""
    from sferum_bridge.matrix.accounts import refused_secret
    from sferum_bridge.matrix.client import TryAgain, UnknownOutcome
    from sferum_bridge.matrix.passwords import PasswordNotSetError

    try:
        yield
    except PasswordNotSetError as e:
        raise click.ClickException(str(e)) from e
    except UnknownOutcome as e:
        raise click.ClickException("The homeserver went away. Run the command again.") from e
    except TryAgain as e:
        raise click.ClickException(
            f"The homeserver does not answer as Synapse does ({e}). Look into its log, have "
            "homeserver.address be Synapse itself, and run the command again."
        ) from e
    except MatrixRequestError as e:
        if refused_secret(e):
            raise click.ClickException(
                "The homeserver refused registration_shared_secret. "
                "Compare it with homeserver.yaml."
            ) from e
        raise click.ClickException(f"The homeserver refused an account: {e}") from e
    except OSError as e:
        raise click.ClickException(
            f"A page could not be written: {e.strerror}. Make room, and run the command again: "
            "it prints what was not printed."
        ) from e


# --- a new password for somebody ------------------------------------------------------------


async def reset(config_path: Path, wish: Wish, meant: Meant, *, yes: bool) -> str:
    """Give the person whom `meant` finds a new first password; return name and account."""
    from sferum_bridge.app import issuer, opened_homeserver
    from sferum_bridge.bot.texts import Texts
    from sferum_bridge.school import naming
    from sferum_bridge.store import accounts, audit, first_passwords, schools

    async with database(config_path) as (config, db), opened_homeserver(config) as homeserver:
        if wish.folder is not None and yes:
            prepare(wish.folder)
        async with db.write() as tx:
            record, person, mxid = await meant(tx)
            told = f"{person.full_name} ({mxid})"
            if not yes:
                return told
            school, today = await schools.load(tx, record.id), record.day(tx.now)
            before = await first_passwords.of_person(tx, person.id)
            begun = await first_passwords.begin(tx, person.id, mxid)
            if begun != before:
                for school_id in sorted(await accounts.schools_of(tx, person.id)) or [""]:
                    audit.record(tx, "console", "account.reset", person.id, mxid, school=school_id)
        name = naming.shown(school, today)[person.id]
        cards = {person.id: Card(person.id, name, pages_of(school, today)[person.id])}
        printer = wish.folder and Printer(wish.folder, config, Texts(), {record.id: record})
        giver = issuer(config, db, homeserver)
        with _explained():
            issued = await _set(giver, begun, config.homeserver.address)
            paper = _Paper(wish, cards, printer or None)
            await giver.printed([*paper.take(issued), *paper.rest()])
    return told


async def _set(giver: Issuer, begun: Any, address: str) -> Issued:
    try:
        async with asyncio.timeout(_SECONDS):
            return await giver.reset(begun)
    except TimeoutError as e:
        raise click.ClickException(
            f"The homeserver at {address} does not answer. Start it, and run the command again."
        ) from e


# --- who has one ----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Row:
    """One account of somebody, or that they have none."""

    person_id: str
    name: str
    class_name: str
    mxid: str
    unprinted: bool
    """Whether a first password was made and not printed."""
    sessions: int | None = None
    """Sessions of Matrix clients that are signed in; `None`: the homeserver does not tell."""
    seen: str = ""
    """The day on which one was last used (UTC), empty for never or unknown."""

    def to_json(self) -> dict[str, Any]:
        """Return it for programs."""
        return asdict(self)


async def listed(config_path: Path, school: str) -> Sequence[Row]:
    """Return the people of a school with their accounts."""
    from sferum_bridge.app import opened_homeserver
    from sferum_bridge.cli.staffing import find_school

    async with database(config_path) as (config, db), opened_homeserver(config) as homeserver:
        async with db.read() as tx:
            rows = await _rows(tx, await find_school(tx, school))
        found: dict[str, tuple[int, str]] = {}
        left = iter(rows)

        async def ask() -> None:
            for row in left:
                if row.mxid:
                    found[row.mxid] = await _sessions(homeserver, row.mxid)

        try:
            async with asyncio.TaskGroup() as tasks:
                for _ in range(_ASKED_AT_ONCE):
                    tasks.create_task(ask())
        except* TimeoutError:
            click.echo(
                f"The homeserver at {config.homeserver.address} does not answer, so it is not "
                "known who is signed in.",
                err=True,
            )
    return [
        Row(row.person_id, row.name, row.class_name, row.mxid, row.unprinted, *known)
        if (known := found.get(row.mxid)) and known[0] >= 0
        else row
        for row in rows
    ]


async def _rows(tx: Tx, record: SchoolRecord) -> Sequence[Row]:
    from sferum_bridge.school import naming
    from sferum_bridge.store import accounts, first_passwords, schools

    school, today = await schools.load(tx, record.id), record.day(tx.now)
    owned = await accounts.by_person(tx)
    waiting = {one.mxid for one in await first_passwords.unprinted(tx)}
    names, pages = naming.shown(school, today), pages_of(school, today)
    cards = [Card(id_, names[id_], pages[id_]) for id_ in school.people]
    return [
        Row(card.person_id, card.name, card.page.class_name, mxid, bool(mxid) and mxid in waiting)
        for card in sorted(cards, key=_order)
        for mxid in owned.get(card.person_id, [""])
    ]


_UNKNOWN = (-1, "")


async def _sessions(homeserver: Homeserver, mxid: str) -> tuple[int, str]:
    """Return how many sessions an account has, and the day one was last used."""
    from sferum_bridge.matrix.answers import mapping
    from sferum_bridge.matrix.client import TryAgain, path
    from sferum_bridge.matrix.ghosts import DEVICE

    if mxid.partition(":")[2] != homeserver.domain:
        return _UNKNOWN
    try:
        async with asyncio.timeout(_SECONDS):
            answer = await homeserver.request(
                "GET", path("devices"), user=mxid, puppet=True, kind="devices"
            )
    except (MatrixRequestError, TryAgain):
        return _UNKNOWN
    devices = [mapping(one) for one in mapping(answer).get("devices") or ()]
    own = [one for one in devices if one.get("device_id") != DEVICE]
    used = [at for one in own if isinstance(at := one.get("last_seen_ts"), int)]
    day = datetime.fromtimestamp(max(used) / 1000, UTC).date().isoformat() if used else ""
    return len(own), day
