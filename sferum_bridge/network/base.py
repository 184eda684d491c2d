"""What a school messenger is, to the rest of the bridge.

A `Connector` is one logged-in account of the messenger. What it hears comes out of `listen` as
`Batch` values: a list of events and the cursor that lies behind them. The caller stores both in one
database transaction before it asks for the next batch, so a crash at any instruction loses nothing
and a repeated batch is recognised by the ids in it.

Every error is a `NetworkError` value that says what to do about it:

    NetworkError                 the base; `certain` tells whether the request surely had no effect
    ├── Unavailable              no answer, a 5xx, a timeout: wait and repeat, the same request
    ├── TooFast                  the messenger asks to slow down: wait `retry_after`, repeat
    ├── LoginExpired             the stored login is dead: the person has to log in again
    ├── NeedsPerson              a captcha or a confirmation that only the person can give
    └── Refused                  the messenger understood and said no: final, tell the sender
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence


class NetworkError(Exception):
    """A request to the messenger failed.

    `text_key` names the text for the person concerned (see bot/locales), `certain` is true when the
    request surely had no effect, `detail` is for the log and holds no secret and no message text.
    """

    text_key = "network-unavailable"
    retry = False

    def __init__(self, detail: str, *, certain: bool = True) -> None:
        super().__init__(detail)
        self.detail = detail
        self.certain = certain


class Unavailable(NetworkError):
    """No usable answer came. Repeat the same request later; it may have had its effect."""

    retry = True

    def __init__(self, detail: str) -> None:
        super().__init__(detail, certain=False)


class TooFast(NetworkError):
    """The messenger asks to slow down. Repeat after `retry_after` seconds."""

    text_key = "network-too-fast"
    retry = True

    def __init__(self, detail: str, retry_after: float) -> None:
        super().__init__(detail)
        self.retry_after = retry_after


class LoginExpired(NetworkError):
    """The stored login no longer works; the person has to log in again."""

    text_key = "network-login-expired"


class NeedsPerson(NetworkError):
    """The messenger wants something only the person can give (a captcha, a confirmation)."""

    text_key = "network-needs-person"


class Refused(NetworkError):
    """The messenger understood the request and refused it for good."""

    text_key = "network-refused"


@dataclass(frozen=True, slots=True)
class Contact:
    """A user of the messenger, as it names them."""

    id: str
    name: str
    avatar_url: str = ""


@dataclass(frozen=True, slots=True)
class RemoteChat:
    """A chat the logged-in account is in."""

    id: str
    title: str
    is_group: bool
    member_count: int = 0


@dataclass(frozen=True, slots=True)
class RemoteMessage:
    """A message written in the messenger.

    `chat_id` and `message_id` together name it for good, to this login: another account may know
    the same chat by another id. `random_id` comes back on messages that this very account sent
    through `send`, which is how an echo is known. `sent_at` is unix time in seconds.
    """

    chat_id: str
    message_id: str
    sender_id: str
    text: str
    sent_at: int
    random_id: int = 0
    outgoing: bool = False
    reply_to: str = ""
    notice: str = ""
    """Not empty when the message holds something this version cannot carry: a short name of its
    kind (`photo`, `poll`, an unknown word), so that people are told instead of kept in the dark."""


@dataclass(frozen=True, slots=True)
class Batch:
    """Events and the cursor behind them. `cursor` is opaque text; store it with the events."""

    events: Sequence[RemoteMessage]
    cursor: str


@dataclass(frozen=True, slots=True)
class Sent:
    """Where a sent message ended up."""

    chat_id: str
    message_id: str


@dataclass(frozen=True, slots=True)
class Session:
    """A login that works. `secret` is what has to be stored (sealed) to come back."""

    account_id: str
    name: str
    secret: str = field(repr=False)


class Connector(Protocol):
    """One logged-in account of a school messenger. Raises `NetworkError` from every method."""

    @property
    def account_id(self) -> str:
        """Return the id of the account in the messenger."""

    async def chats(self) -> Sequence[RemoteChat]:
        """List every chat the account is in."""

    async def contacts(self, ids: Sequence[str]) -> Sequence[Contact]:
        """Look users up; ids the messenger does not know are left out."""

    async def send(self, chat_id: str, text: str, *, random_id: int, reply_to: str = "") -> Sent:
        """Send text. Repeated with the same `random_id` (nonzero, int32) it is sent once."""

    def listen(self, cursor: str) -> AsyncIterator[Batch]:
        """Yield batches for ever, beginning right after `cursor` (empty: from now on).

        The cursor of the first batch yielded for an empty `cursor` comes at once, with no events,
        so that the caller owns a position before anything happens. Ends only by cancellation or by
        raising; after a retryable error call it again with the last stored cursor.
        """

    async def close(self) -> None:
        """Give up the connections. Nothing else may be called afterwards."""


class Network(Protocol):
    """A kind of school messenger: makes connectors from logins."""

    async def log_in(self, secret: str) -> Session:
        """Check what the person gave (for Sferum: the cookie) and return the session."""

    async def connect(self, secret: str) -> Connector:
        """Open a stored session. Raises `LoginExpired` when it is dead."""

    async def close(self) -> None:
        """Close what the connectors share."""
