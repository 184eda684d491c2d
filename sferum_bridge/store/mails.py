"""Letters waiting for the mail server: queued with what they tell of, kept until they are gone.

Address and text are sealed, and wiped once the letter is accepted or given up. A letter that is
given up is news for who had it sent (E-MAIL), put in the same transaction: told once, whatever
happens.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from sqlalchemy import delete, func, select, update

from sferum_bridge.store import news
from sferum_bridge.store.tables import mails

if TYPE_CHECKING:
    from sqlalchemy import Update

    from sferum_bridge.store.database import Tx

BELL = "mails"
_ID_BYTES = 10
FAILED = "mail-failed"
"""The kind of news a failed letter makes: `issuer`, `about` (ids of people), `seed`, `cause`."""


class Cause(StrEnum):
    """Why a letter was given up; E-MAIL says it in words."""

    ADDRESS = "address"
    """There is no such address."""
    FULL = "full"
    """The mailbox takes nothing more."""
    REFUSED = "refused"
    """The mail server took neither the address nor the letter, for a reason of its own."""
    TIME = "time"
    """No mail server could be reached, or none was ready, for as long as it was tried."""


@dataclass(frozen=True, slots=True)
class Mail:
    """A letter. Times are milliseconds since the epoch, UTC."""

    id: str
    """Also its Message-ID, the same whenever it is sent again."""
    seed: str
    """What it was queued under."""
    to: str
    subject: str
    body: str
    queued_at: int
    tries: int


async def put(
    tx: Tx, seed: str, to: str, subject: str, body: str, *, issuer: str, about: str
) -> None:
    """Queue a letter of `issuer` about somebody (ids of people), once for each `seed`."""
    row = {
        "id": tx.sealer.token(f"mail/{seed}", _ID_BYTES).hex(),
        "issued_by": issuer,
        "about_id": about,
        "sealed": tx.sealer.seal([seed, to, subject, body], "mail"),
        "queued_at": tx.now,
        "next_at": tx.now,
        "state": "waiting",
    }
    await tx.add(mails, row)
    tx.wake(BELL)


async def withdraw(tx: Tx, about: str) -> None:
    """Forget the letters about somebody that are not sent yet: what they tell holds no more."""
    c = mails.c
    await tx.run(delete(mails).where(c.about_id == about, c.state == "waiting"))


async def due(tx: Tx) -> Mail | None:
    """Return the letter that has waited longest among those whose time has come."""
    c = mails.c
    query = select(mails).where(c.state == "waiting", c.next_at <= tx.now)
    row = await tx.first(query.order_by(c.next_at, c.id).limit(1))
    if row is None:
        return None
    seed, to, subject, body = tx.sealer.unseal(row.sealed, "mail")
    return Mail(row.id, seed, to, subject, body, row.queued_at, row.tries)


async def next_time(tx: Tx) -> int | None:
    """Return when the next letter is due (milliseconds), `None` when none waits."""
    c = mails.c
    found: int | None = await tx.value(select(func.min(c.next_at)).where(c.state == "waiting"))
    return found


async def sent(tx: Tx, mail: Mail) -> None:
    """Note that the mail server has taken a letter."""
    await tx.run(_waiting(mail).values(state="sent", sealed=None, next_at=None))


async def later(tx: Tx, mail: Mail, next_at: int) -> None:
    """Note a try in vain, and when to try again (milliseconds)."""
    await tx.run(_waiting(mail).values(tries=mail.tries + 1, next_at=next_at))


async def failed(tx: Tx, mail: Mail, cause: Cause) -> None:
    """Give a letter up, and have whoever sent it told why."""
    given_up = _waiting(mail).values(state="failed", sealed=None, next_at=None)
    if not await tx.run(given_up):
        return
    row = await tx.first(select(mails).where(mails.c.id == mail.id))
    if row is not None:
        ids = {"issuer": row.issued_by, "about": row.about_id}
        await news.put(tx, FAILED, {**ids, "seed": mail.seed, "cause": cause.value})


async def prune(tx: Tx, before: int) -> int:
    """Forget letters sent or given up that were queued before a time; return how many."""
    c = mails.c
    return await tx.run(delete(mails).where(c.state != "waiting", c.queued_at < before))


def _waiting(mail: Mail) -> Update:
    # A letter withdrawn while it was being sent is gone: nothing is noted about it.
    return update(mails).where(mails.c.id == mail.id, mails.c.state == "waiting")
