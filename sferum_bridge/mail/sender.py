"""Sending letters: one real SMTP dialogue each, repeated until the mail server has decided.

    mails row ──► try noted, next one in 1, 5, 15, 60, 60 … min ──► connect, TLS, sign in
                                                                          │
       ┌───────────────────────────────────────┬──────────────── MAIL, RCPT, DATA
       │ no server, a 4xx                      │ a 5xx for the recipient  │ 250
       ▼                                       ▼ or the letter            ▼
    waits for the next try; after       row failed, news for        row sent
    `patience` as if it were a 5xx      who sent it (E-MAIL)

The try is noted first, so that neither a kill nor a database that takes no more writes can make the
same letter go out over and over: a kill between the 250 and the commit sends it once more, after
the wait, under the same Message-ID. What is wrong with our own account or address at the mail
server counts as trouble that somebody may mend: it is logged and tried again, for the pupil's
address is not to blame. Addresses and the server's words, which repeat them, are never logged.
"""

from __future__ import annotations

import logging
import re
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from email.message import EmailMessage
from email.policy import SMTP as LINES_OF_SMTP
from email.utils import format_datetime
from typing import TYPE_CHECKING, Literal

from aiosmtplib import (
    SMTP,
    SMTPDataError,
    SMTPException,
    SMTPNotSupported,
    SMTPRecipientsRefused,
    SMTPResponseException,
)

from sferum_bridge.store import mails
from sferum_bridge.store.away import outlasting
from sferum_bridge.store.mails import Cause

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sferum_bridge.store.database import Database
    from sferum_bridge.store.mails import Mail

log = logging.getLogger(__name__)

_MINUTE = 60_000
_TIMEOUT_SECONDS = 60.0
_DATABASE_SECONDS = 5.0
_HARD = 500
_MAILBOX_FULL = frozenset({452, 552})
_NO_SUCH_MAILBOX = frozenset({550, 551, 553})
# RFC 3463: the class, the subject (1 address, 2 mailbox), the detail.
_ENHANCED = re.compile(r"\b[45]\.(\d{1,3}\.\d{1,3})\b")
_SAID_FULL, _SAID_ADDRESS = "2.2", re.compile(r"1\.[12346]|1\.10|2\.1")


@dataclass(frozen=True, slots=True)
class MailerSettings:
    """Where mail goes out, and as whom."""

    host: str
    port: int
    security: Literal["starttls", "tls", "none"]
    sender: str
    """The address mail comes from."""
    patience: int
    """Milliseconds for which an address that cannot be reached is tried again."""
    waits: Sequence[int] = (1 * _MINUTE, 5 * _MINUTE, 15 * _MINUTE, 60 * _MINUTE)
    """Milliseconds before each further try; the last one again and again."""
    user: str = ""
    password: str = ""


class _Refused(Exception):
    """The mail server will not take this letter, or not now."""

    def __init__(self, cause: Cause, *, hard: bool) -> None:
        super().__init__(cause)
        self.cause = cause
        self.hard = hard


class Mailer:
    """Sends what `store.mails` holds."""

    def __init__(self, db: Database, settings: MailerSettings) -> None:
        self._db = db
        self._settings = settings

    async def run(self) -> None:
        """Send for ever; whatever waited before the start comes first."""
        bell = self._db.bell(mails.BELL)
        while True:
            pause: float | None = _DATABASE_SECONDS
            with outlasting(log, "Sending mail"):
                await self.send_due()
                async with self._db.read() as tx:
                    next_at = await mails.next_time(tx)
                    pause = None if next_at is None else max(0, next_at - tx.now) / 1000
            await bell.wait(pause)

    async def send_due(self) -> None:
        """Try every letter whose time has come, once."""
        while True:
            async with self._db.write() as tx:
                mail = await mails.due(tx)
                if mail is None:
                    return
                await mails.later(tx, mail, self._next_try(mail, tx.now))
            await self._try(mail)

    def _next_try(self, mail: Mail, now: int) -> int:
        waits = self._settings.waits
        usual = now + waits[min(mail.tries, len(waits) - 1)]
        last = self._last_try(mail)
        return min(usual, last) if now < last else usual

    def _last_try(self, mail: Mail) -> int:
        return mail.queued_at + self._settings.patience

    async def _try(self, mail: Mail) -> None:
        try:
            await self._send(mail)
        except _Refused as e:
            log.warning("mail %s was not taken: %s, hard=%s", mail.id, e.cause.value, e.hard)
            async with self._db.write() as tx:
                if e.hard or tx.now >= self._last_try(mail):
                    await mails.failed(tx, mail, e.cause)
        else:
            async with self._db.write() as tx:
                await mails.sent(tx, mail)

    async def _send(self, mail: Mail) -> None:
        s = self._settings
        try:
            message = _message(mail, s.sender)
        except Exception:  # noqa: BLE001 - what is no address makes the parser raise what it likes
            raise _Refused(Cause.ADDRESS, hard=True) from None
        server = SMTP(
            hostname=s.host,
            port=s.port,
            username=s.user or None,
            password=s.password or None,
            local_hostname=_domain(s.sender),
            timeout=_TIMEOUT_SECONDS,
            use_tls=s.security == "tls",
            start_tls=s.security == "starttls",
        )
        try:
            await server.connect()
        except (SMTPException, OSError, ValueError) as e:
            log.warning("the mail server could not be used: %s", _said(e))
            raise _Refused(Cause.TIME, hard=False) from None
        try:
            await server.send_message(message, sender=s.sender, recipients=mail.to)
        except (SMTPException, OSError, ValueError) as e:
            raise _refusal(e) from None
        finally:
            # However the session ends, it is the answer to the letter that counts.
            with suppress(SMTPException, OSError):
                await server.quit()
            server.close()


def _refusal(error: Exception) -> _Refused:
    match error:
        case SMTPRecipientsRefused(recipients=[refused]):
            return _answered(refused, of_address=True)
        case SMTPDataError():
            return _answered(error, of_address=False)
        case SMTPNotSupported() | ValueError():
            # An address outside ASCII at a server that knows none, or one that is none.
            return _Refused(Cause.ADDRESS, hard=True)
    log.warning("the mail server broke the dialogue off: %s", _said(error))
    return _Refused(Cause.TIME, hard=False)


def _answered(error: SMTPResponseException, *, of_address: bool) -> _Refused:
    """Read why the server refused: by its enhanced status code, else by the bare one."""
    hard = error.code >= _HARD
    found = _ENHANCED.search(error.message)
    detail = found[1] if found else ""
    if detail == _SAID_FULL or (not detail and error.code in _MAILBOX_FULL):
        return _Refused(Cause.FULL, hard=hard)
    if not hard:
        return _Refused(Cause.TIME, hard=False)
    no_mailbox = not detail and of_address and error.code in _NO_SUCH_MAILBOX
    if no_mailbox or _SAID_ADDRESS.fullmatch(detail):
        return _Refused(Cause.ADDRESS, hard=True)
    return _Refused(Cause.REFUSED, hard=True)


def _message(mail: Mail, sender: str) -> EmailMessage:
    message = EmailMessage(policy=LINES_OF_SMTP)
    message["From"] = sender
    message["To"] = mail.to
    message["Subject"] = mail.subject
    message["Date"] = format_datetime(datetime.fromtimestamp(mail.queued_at / 1000, UTC))
    message["Message-ID"] = f"<{mail.id}@{_domain(sender)}>"
    # RFC 3834: holiday replies and the like are not sent to a machine.
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(mail.body, cte="base64")
    return message


def _domain(sender: str) -> str:
    return sender.rpartition("@")[2]


def _said(error: Exception) -> str:
    """Return what may be logged of an error: its kind and code, not the server's words."""
    code = getattr(error, "code", "")
    return f"{type(error).__name__} {code}".strip()
