"""What `privacy erase` does: looks, asks what stands against it, destroys, and writes the act.

database ──► committed ──► direct chats left, accounts closed, each noted ──► act
│                        │
a kill here,            or a homeserver that is away for longer than it is waited
└────────────┬───────────┘
▼
an act that says what is left, an error, and a row in `privacy requests` until it is done
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import click

from sferum_bridge import __version__
from sferum_bridge.cli.common import database, show
from sferum_bridge.cli.exporting import known

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from sferum_bridge.config import Config
    from sferum_bridge.matrix.client import Homeserver
    from sferum_bridge.matrix.erasure import Closing
    from sferum_bridge.matrix.outbox import File
    from sferum_bridge.store.database import Database, Tx
    from sferum_bridge.store.erasing import Erasure
    from sferum_bridge.store.schools import SchoolRecord


@dataclass(frozen=True, slots=True)
class Wish:
    """What is to be erased, why, and what the act says of it."""

    person_id: str
    school: str
    """Only what this school keeps, by name; empty for everything."""
    reason: str
    force_reason: str
    """Why although something stands against it."""
    by: str
    operator: str
    """Name and address of the operator; empty for the name of the school."""
    language: str
    seconds: float
    """How long a homeserver that does not answer is waited for."""


async def _school_id(tx: Tx, name: str) -> str:
    from sferum_bridge.store import enrol

    school_id = await enrol.school_named(tx, name) if name else ""
    if name and not school_id:
        raise click.ClickException(f"There is no school called {name}.")
    return school_id


async def _scope(tx: Tx, wish: Wish) -> str:
    """Return the school to which the erasure is limited, empty where it is everything there is."""
    from sferum_bridge.store import dossier

    school_id = await _school_id(tx, wish.school)
    own = await dossier.schools_of(tx, wish.person_id)
    return "" if own == {school_id} else school_id


# --- looking --------------------------------------------------------------------------------


async def preview(wish: Wish, config_path: Path) -> None:
    """Print what would be destroyed; end with what stands against it."""
    from sferum_bridge.bot.texts import Texts
    from sferum_bridge.store import privacy

    texts = Texts()
    async with database(config_path) as (_, db), db.read() as tx:
        await known(tx, wish.person_id)
        scope = await _scope(tx, wish)
        if (done := await _earlier(tx, wish, scope)) is not None:
            _say_erased(done)
            return
        counts = await privacy.inventory(tx, wish.person_id, scope)
        holds = await privacy.holds(tx, wish.person_id, scope)
    rows = [
        (texts.text(wish.language, f"erased-{what}").body, n) for what, n in counts.items() if n
    ]
    show(texts.text(wish.language, "act-destroyed").body, ("", ""), rows)
    click.echo(texts.text(wish.language, _stays(only_here=bool(scope))).body)
    _held(holds, wish.force_reason)
    click.echo("Nothing has been changed. To do it: --yes --reason … --output …")


async def _earlier(tx: Tx, wish: Wish, scope: str) -> Erasure | None:
    """Return the erasure that leaves nothing to do in the database, if there was one."""
    from sferum_bridge.store import dossier, erasing

    done = await erasing.erasure(tx, wish.person_id)
    if done is None and scope and scope not in await dossier.schools_of(tx, wish.person_id):
        done = await erasing.erasure(tx, wish.person_id, scope)
        if done is None:
            raise click.ClickException(f"{wish.school} keeps nothing about {wish.person_id}.")
    return done


def _held(holds: Sequence[str], force_reason: str) -> None:
    if holds and not force_reason.strip():
        raise click.ClickException(
            f"This person is not to be erased yet: {', '.join(holds)}. Settle that first (with "
            "--school only what one school keeps is erased), or say with --force-reason why it is "
            "done all the same."
        )


def _say_erased(done: Erasure) -> None:
    click.echo(f"Already erased on {_utc(done.at)}; {still(done)}.")


def still(done: Erasure) -> str:
    """Return what of an erasure is left to be done, in words."""
    if done.accounts:
        return f"accounts still to be closed: {len(done.accounts)}"
    if done.rooms:
        return f"direct chats still to be left: {len(done.rooms)}"
    return "nothing is left to do"


# --- doing it -------------------------------------------------------------------------------


async def erase(wish: Wish, config_path: Path) -> tuple[Sequence[File], Sequence[Closing]]:
    """Destroy; return the act, one for each school, and the accounts that could not be closed."""
    from sferum_bridge.app import opened_homeserver
    from sferum_bridge.bot import papers
    from sferum_bridge.bot.texts import Texts
    from sferum_bridge.store import erasing, privacy

    texts = Texts()
    async with database(config_path) as (config, db):
        async with db.write() as tx:
            await known(tx, wish.person_id)
            scope = await _scope(tx, wish)
            done = await _earlier(tx, wish, scope)
            if done is None:
                holds = await privacy.holds(tx, wish.person_id, scope)
                _held(holds, wish.force_reason)
                why = wish.reason
                if holds:
                    why += f"; despite {', '.join(holds)}: {wish.force_reason}"
                done = await erasing.erase(tx, wish.person_id, "console", why, school_id=scope)
            else:
                _say_erased(done)
        async with opened_homeserver(config) as homeserver:
            done, left = await close_accounts(db, homeserver, done, wish.seconds)
        files: list[File] = []
        async with db.read() as tx:
            for record, content in await _acts(tx, config, done, left, wish):
                method = texts.text(wish.language, content["method"]).body
                files += papers.act(
                    texts,
                    wish.language,
                    {**content, "method": method},
                    name="-".join(["erasure", done.person_id, *record]),
                    stays=_stays(only_here=done.only_here),
                )
    return files, left


def _stays(*, only_here: bool) -> str:
    return "erase-stays-school" if only_here else "erase-stays"


async def close_accounts(
    db: Database, homeserver: Homeserver, done: Erasure, seconds: float
) -> tuple[Erasure, list[Closing]]:
    """Close what accounts are left; return the erasure as it is then, and what was not closed.

    A homeserver that does not answer is waited for so many `seconds` in all.
    """
    from sferum_bridge.matrix.client import TryAgain
    from sferum_bridge.matrix.erasure import Closing, Outcome

    left: list[Closing] = []
    try:
        async with asyncio.timeout(seconds):
            await _leave_rooms(db, homeserver, done)
            left = await _close_each(db, homeserver, done)
    except (TimeoutError, TryAgain) as e:
        code = f"HTTP {e.http_status}" if isinstance(e, TryAgain) else "no answer"
        async with db.read() as tx:
            done = await _now(tx, done)
        left = [Closing(mxid, Outcome.AWAY, code) for mxid in done.accounts]
        left = left or [Closing("", Outcome.AWAY, code)]
    async with db.read() as tx:
        return await _now(tx, done), left


async def _now(tx: Tx, done: Erasure) -> Erasure:
    from sferum_bridge.store import erasing

    school_id = done.school_ids[0] if done.only_here else ""
    return await erasing.erasure(tx, done.person_id, school_id) or done


async def _leave_rooms(db: Database, homeserver: Homeserver, done: Erasure) -> None:
    from mautrix.errors import MatrixRequestError

    from sferum_bridge.store import erasing

    for room_id in done.rooms:
        try:
            await homeserver.leave(room_id)
        except MatrixRequestError:
            # One the bot is not in any more is no matter.
            click.echo(f"The bot was not in {room_id}.")
        async with db.write() as tx:
            await erasing.left_room(tx, done.person_id, room_id)


async def _close_each(db: Database, homeserver: Homeserver, done: Erasure) -> list[Closing]:
    from sferum_bridge.matrix import erasure
    from sferum_bridge.store import erasing

    left = []
    for mxid in done.accounts:
        closing = await erasure.close_account(homeserver, mxid)
        if closing.outcome is erasure.Outcome.REFUSED:
            left.append(closing)
            continue
        async with db.write() as tx:
            foreign = closing.outcome is erasure.Outcome.FOREIGN
            await erasing.closed(tx, done.person_id, mxid, elsewhere=foreign)
        click.echo(f"{mxid}: {closing.outcome.value}")
    return left


# --- the act --------------------------------------------------------------------------------


async def _acts(
    tx: Tx, config: Config, done: Erasure, left: Sequence[Closing], wish: Wish
) -> Sequence[tuple[Sequence[str], Mapping[str, Any]]]:
    """Return an act for each school whose data went: none learns of another one by it (I-8).

    Before each stands the id of its school, where there are several.
    """
    from sferum_bridge.store import audit, schools

    records = {record.id: record for record in await schools.records(tx)}
    own: list[SchoolRecord | None] = [records[id_] for id_ in done.school_ids if id_ in records]
    acts = []
    for record in own or [None]:
        zone = ZoneInfo(record.timezone if record else config.school.timezone)
        # What concerns no school belongs to the act only where there is a single one.
        told = None if len(own) <= 1 and not done.only_here else [record.id] if record else None
        entries = await audit.entries(tx, people={done.person_id}, school_ids=told)
        facts = {
            "operator": wish.operator or (record.name if record else config.homeserver.domain),
            "subject": done.person_id,
            "system": f"sferum-bridge {__version__}, {config.homeserver.domain}",
            "method": "act-destruction-school" if done.only_here else "act-destruction",
            "reason": done.reason,
            "date": _local(done.at, zone),
            "by": wish.by,
        }
        if not done.only_here:
            facts |= {
                "accounts_closed": str(done.closed),
                "accounts_elsewhere": str(done.elsewhere),
                "accounts_left": _left(left) or "0",
            }
        log = [
            {
                "record": str(entry.id),
                "at": _local(entry.at, zone),
                "actor": entry.actor,
                "action": entry.action,
                "subject": entry.subject,
                "reason": entry.reason,
                "hash": entry.hash.hex(),
            }
            for entry in entries
        ]
        name = [record.id] if record and len(own) > 1 else []
        acts.append((name, {**facts, "destroyed": dict(done.destroyed), "log": log}))
    return acts


def _left(left: Sequence[Closing]) -> str:
    return ", ".join(f"{each.mxid} ({each.code})".strip() for each in left)


def refusal(left: Sequence[Closing]) -> str:
    """Return what to do about accounts that were not closed."""
    from sferum_bridge.matrix.erasure import Outcome

    if any(each.outcome is Outcome.AWAY for each in left):
        return (
            "The data in the database are destroyed, but the homeserver does not answer "
            f"({left[0].code}), so not everything there is closed yet. Run the command again when "
            "it does; until then `privacy requests` lists it."
        )
    return (
        f"The homeserver did not close {_left(left)}. Close each as its administrator "
        '(POST /_synapse/admin/v1/deactivate/<account> with {"erase": true}), or let the '
        "double-puppet registration cover it; then run the command again. Until then "
        "`privacy requests` lists it."
    )


def _utc(at: int) -> str:
    return datetime.fromtimestamp(at / 1000, UTC).isoformat(timespec="seconds")


def _local(at: int, zone: ZoneInfo) -> str:
    return (
        datetime.fromtimestamp(at / 1000, UTC)
        .astimezone(zone)
        .isoformat(sep=" ", timespec="seconds")
    )
