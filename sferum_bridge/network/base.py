"""What a school messenger is, to the rest of the bridge.

A `Connector` is one logged-in account of the messenger. What it hears comes out of `listen` as
`Batch` values: a list of events and the cursor that lies behind them. The caller stores both in one
database transaction before it asks for the next batch, so a crash at any instruction loses nothing
and a repeated batch is recognised by the ids in it.

Every error is a `NetworkError` value that says what to do about it:

    NetworkError                 the base; `certain` tells whether the request surely had no effect
    ├── Unavailable              no answer, a 5xx, a timeout: wait and repeat, the same request
    │   ├── FileNotTaken         the same for an upload, where the file itself may be the reason
    │   ├── TooBig               the answer is more than is read at once: ask for less
    │   └── TooSlow              the answer did not come to its end in time: less may
    ├── TooFast                  the messenger asks to slow down: wait `retry_after`, repeat
    ├── LoginExpired             the stored login is dead: the person has to log in again
    ├── NeedsPerson              a captcha or a confirmation that only the person can give
    └── Refused                  the messenger understood and said no: final, tell the sender
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum, unique
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import (
        AsyncIterable,
        AsyncIterator,
        Awaitable,
        Callable,
        Mapping,
        Sequence,
    )
    from contextlib import AbstractAsyncContextManager

    from sferum_bridge.network.content import Content, Draft, File, FileKind, Span


BEGINNING = "0"
"""Stands, as what is asked for the history `after`, before the first message of every chat."""


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


class FileNotTaken(Unavailable):
    """An upload came to nothing though the messenger answers. Repeat it, but not for ever."""


class TooBig(Unavailable):
    """The answer is more than is read at once. Asked for again it will be; ask for less of it."""


class TooSlow(Unavailable):
    """The messenger was reached, and its answer did not come to an end in time. Less of it may."""


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
    avatar_url: str = ""
    pinned: str = ""
    """The message that is pinned, empty for none."""
    partner_id: str = ""
    """Whom a personal chat is with; empty for a group, and for what is no person."""
    written_at: int = 0
    """Unix time of its last message in seconds, as far as `chats` tells it; 0 where it does not."""


@dataclass(frozen=True, slots=True)
class Member:
    """Somebody in a chat."""

    contact: Contact
    is_admin: bool = False


@unique
class ServiceKind(StrEnum):
    """What has happened in a chat, as the chat itself reports it."""

    CREATED = "created"
    RENAMED = "renamed"
    PHOTO_CHANGED = "photo-changed"
    PHOTO_REMOVED = "photo-removed"
    INVITED = "invited"
    JOINED = "joined"
    JOINED_BY_LINK = "joined-by-link"
    KICKED = "kicked"
    LEFT = "left"
    PINNED = "pinned"
    UNPINNED = "unpinned"
    SCREENSHOT = "screenshot"
    CALL_STARTED = "call-started"
    STYLE_CHANGED = "style-changed"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class Service:
    """A report of the chat itself; `subject_id` is whom it happened to, empty for nobody."""

    kind: ServiceKind
    subject_id: str = ""
    title: str = ""
    """The new title of a chat that was created or renamed."""
    message_id: str = ""
    """The message that was pinned or unpinned."""
    word: str = ""
    """The messenger's own short word for what is `OTHER`."""


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
    content: Content
    sent_at: int
    random_id: int = 0
    outgoing: bool = False
    reply_to: str = ""
    service: Service | None = None
    """What it reports; then the content is empty."""


@dataclass(frozen=True, slots=True)
class RemoteEdit:
    """A message says something else now: all of what it says, not the difference."""

    message: RemoteMessage


@dataclass(frozen=True, slots=True)
class RemoteDeletion:
    """A message is gone: for all, or only where this account looks."""

    chat_id: str
    message_id: str
    for_all: bool


@dataclass(frozen=True, slots=True)
class RemoteReactions:
    """Who has reacted to a message now: all of them, each with one emoji."""

    chat_id: str
    message_id: str
    by: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class RemoteTyping:
    """People are writing, for about ten seconds or until they have sent it."""

    chat_id: str
    user_ids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class RemoteRead:
    """Somebody has read everything up to a message. `reader_id` is empty where nobody is named."""

    chat_id: str
    reader_id: str
    message_id: str


@dataclass(frozen=True, slots=True)
class RemoteChange:
    """Title, photo, members, administrators or the pinned message of a chat may have changed."""

    chat_id: str


RemoteEvent = (
    RemoteMessage
    | RemoteEdit
    | RemoteDeletion
    | RemoteReactions
    | RemoteTyping
    | RemoteRead
    | RemoteChange
)


@dataclass(frozen=True, slots=True)
class Batch:
    """Events and the cursor behind them. `cursor` is opaque text; store it with the events.

    `gaps` are chats in which something was lost that only their history can tell.
    """

    events: Sequence[RemoteEvent]
    cursor: str
    gaps: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Sent:
    """Where a sent message ended up."""

    chat_id: str
    message_id: str


@dataclass(frozen=True, slots=True)
class RemoteCall:
    """A group call that was started; who holds `join_url` can join it from a browser."""

    id: str
    join_url: str


def _plain_units(text: str, _spans: Sequence[Span]) -> int:
    return len(text.encode("utf-16-le")) // 2


def _as_said(text: str, _spans: Sequence[Span]) -> str:
    return text


@dataclass(frozen=True, slots=True)
class Abilities:
    """What the messenger takes. Nothing beyond it is worth trying."""

    text_units: int
    """UTF-16 units of one message."""
    edit_seconds: int
    """For how long an own message can be changed."""
    delete_seconds: int
    """For how long it can be deleted for all."""
    file_bytes: int
    """Largest upload."""
    reactions: frozenset[str]
    """The emoji that may be a reaction."""
    units: Callable[[str, Sequence[Span]], int] = _plain_units
    """How many of `text_units` a text takes, as the messenger writes its spans."""
    echo: Callable[[str, Sequence[Span]], str] = _as_said
    """What a text that was sent will say when it is heard again: some is written otherwise."""


@dataclass(frozen=True, slots=True)
class Session:
    """A login that works. `secret` is what has to be stored (sealed) to come back."""

    account_id: str
    name: str
    secret: str = field(repr=False)


class Download(Protocol):
    """A file that is being read."""

    @property
    def size(self) -> int:
        """Return its size in bytes, 0 if the messenger does not say."""

    @property
    def mime(self) -> str:
        """Return what the messenger takes it for, empty if it does not say."""

    def chunks(self) -> AsyncIterator[bytes]:
        """Read it, once. Raises `NetworkError`."""


class Connector(Protocol):
    """One logged-in account of a school messenger. Raises `NetworkError` from every method."""

    @property
    def account_id(self) -> str:
        """Return the id of the account in the messenger."""

    @property
    def abilities(self) -> Abilities:
        """Return what the messenger takes."""

    async def chats(self) -> Sequence[RemoteChat]:
        """List every chat the account is in."""

    async def contacts(self, ids: Sequence[str]) -> Sequence[Contact]:
        """Look users up; ids the messenger does not know are left out."""

    async def chat(self, chat_id: str) -> RemoteChat:
        """Look one chat up."""

    async def members(self, chat_id: str) -> Sequence[Member]:
        """List everybody in a chat."""

    async def history(self, chat_id: str, *, after: str, limit: int) -> Sequence[RemoteMessage]:
        """Return the messages after one, the oldest first, at most `limit` of them.

        An empty `after` means the last `limit` messages of the chat, `BEGINNING` the first ones.
        """

    async def send(self, chat_id: str, draft: Draft, *, random_id: int, reply_to: str = "") -> Sent:
        """Send a message. Repeated with the same `random_id` (nonzero, int32) it is sent once."""

    async def edit(self, chat_id: str, message_id: str, draft: Draft) -> None:
        """Make an own message say something else. What was attached stays as it is."""

    async def take_out(
        self, chat_id: str, message_id: str, is_it: Callable[[File], Awaitable[bool]] | None
    ) -> None:
        """Take a file out of an own message, or its words (`None`); the rest stays as it is.

        That it is not in it (any more) is no error. Raises `Refused` where the rest cannot stay, or
        where it stays itself, being part of something that cannot be changed.
        """

    async def delete(self, chat_id: str, message_ids: Sequence[str]) -> None:
        """Delete messages for all."""

    async def react(self, chat_id: str, message_id: str, emoji: str) -> None:
        """React to a message, in place of an earlier reaction; empty: take it back."""

    async def pin(self, chat_id: str, message_id: str) -> None:
        """Pin a message in place of what is pinned; empty: nothing is pinned any more."""

    async def set_typing(self, chat_id: str) -> None:
        """Tell a chat that this account is writing, for ten seconds or until it has sent."""

    async def mark_read(self, chat_id: str, message_id: str) -> None:
        """Tell a chat that this account has read everything up to a message."""

    async def start_call(self) -> RemoteCall:
        """Start a group call that nobody is told of yet. Repeated it starts another one."""

    async def end_call(self, call_id: str) -> None:
        """End a call that this account started, for everybody in it."""

    async def upload(
        self, chat_id: str, kind: FileKind, name: str, mime: str, chunks: AsyncIterable[bytes]
    ) -> str:
        """Upload a file for one chat; return the name under which a `Draft` attaches it."""

    def download(self, file: File) -> AbstractAsyncContextManager[Download]:
        """Open a file for reading, piece by piece."""

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

    def download(self, file: File) -> AbstractAsyncContextManager[Download]:
        """Open a file for reading, piece by piece, whoever's login it was heard through.

        A login that is over by now is no reason to lose what it heard before.
        """

    async def close(self) -> None:
        """Close what the connectors share."""
