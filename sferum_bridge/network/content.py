"""What a message says, as values that belong to no messenger.

    Content                      text, its styles, what is attached, what is forwarded
    ├── Span                     a stretch of the text: bold, a link, somebody mentioned …
    ├── Part                     what is attached
    │   ├── File                 a photo, video, voice message, sound, document, sticker, drawing
    │   ├── Place                a point on the map
    │   ├── Poll                 a question and what has been answered so far
    │   ├── Call                 a call that can be joined, or that is over
    │   ├── Page                 something to be opened in a browser
    │   └── Other                a kind this version does not know: people are told
    └── Quote                    a forwarded message, which may hold others

Places in a text are counted in characters (code points). Ids are the messenger's own, as text.
Nothing here is trusted: lengths, numbers and addresses are whatever the messenger sent, except that
they are of the right type and that text can be stored (no NUL, no half of a surrogate pair).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum, unique


@unique
class Style(StrEnum):
    """What a stretch of text looks like, or leads to."""

    BOLD = "bold"
    ITALIC = "italic"
    UNDERLINE = "underline"
    LINK = "link"
    MENTION = "mention"


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of text. Spans may overlap; those that reach past the text are cut."""

    start: int
    length: int
    style: Style
    target: str = ""
    """The address of a link, the user id of a mention (empty: everybody)."""


@unique
class FileKind(StrEnum):
    """What a file is to the people who see it."""

    PHOTO = "photo"
    VIDEO = "video"
    VOICE = "voice"
    AUDIO = "audio"
    DOCUMENT = "document"
    STICKER = "sticker"
    DRAWING = "drawing"


@dataclass(frozen=True, slots=True)
class File:
    """Something with bytes. What is not known is empty or 0."""

    kind: FileKind
    url: str
    """Where the bytes are, for a limited time."""
    name: str = ""
    mime: str = ""
    size: int = 0
    """Bytes."""
    width: int = 0
    height: int = 0
    seconds: int = 0
    waveform: tuple[int, ...] = ()
    """Loudness of a voice message over its time, each 0 to 31."""
    transcript: str = ""
    """What a voice message says in words."""

    @property
    def identity(self) -> str:
        """Return what tells it from others, whenever it is heard of."""
        return self._told_by(_lasting(self.url))

    @property
    def former_identity(self) -> str:
        """Return what told it from others before hosts were left out: files are noted so still."""
        return self._told_by(self.url.partition("?")[0])

    def _told_by(self, address: str) -> str:
        return "\n".join([self.kind, address, self.name, str(self.size)])


def _lasting(url: str) -> str:
    """Return what stays of an address: which host has a file changes, and who may read it.

    A video's path says nothing, the `id` of its query names it.
    """
    place, _, query = url.partition("?")
    path = place.partition("://")[2].partition("/")[2]
    names = [one for one in query.split("&") if one.startswith("id=")]
    return "?".join([f"/{path}", *names[:1]])


@dataclass(frozen=True, slots=True)
class Place:
    """A point on the map, in degrees."""

    latitude: float
    longitude: float
    title: str = ""


@dataclass(frozen=True, slots=True)
class Poll:
    """A question, and each answer with the number of votes for it."""

    question: str
    answers: tuple[tuple[str, int], ...]
    is_anonymous: bool = False
    is_multiple: bool = False
    is_closed: bool = False


@dataclass(frozen=True, slots=True)
class Call:
    """A call: one that goes on has a `join_url`, one that is over may have lasted `seconds`."""

    is_over: bool
    join_url: str = ""
    seconds: int = 0
    is_missed: bool = False
    is_video: bool = False
    participants: int = 0


@dataclass(frozen=True, slots=True)
class Page:
    """Something to be opened in a browser: a link with its title, a video's player, a post."""

    url: str
    title: str = ""
    text: str = ""
    kind: str = "link"
    """`link`, `video`, `post`, or the messenger's own short word for anything else."""


@dataclass(frozen=True, slots=True)
class Other:
    """Something this version cannot carry; `kind` is the messenger's own short word for it."""

    kind: str


Part = File | Place | Poll | Call | Page | Other


@dataclass(frozen=True, slots=True)
class Content:
    """All that a message says."""

    text: str = ""
    spans: tuple[Span, ...] = ()
    parts: tuple[Part, ...] = ()
    quotes: tuple[Quote, ...] = ()
    buttons: tuple[str, ...] = ()
    """The labels of a keyboard under the message, which cannot be pressed from elsewhere."""

    @property
    def is_empty(self) -> bool:
        """Whether nothing of the message was understood."""
        return not (self.text or self.parts or self.quotes or self.buttons)


@dataclass(frozen=True, slots=True)
class Quote:
    """A forwarded message. `sent_at` is unix time in seconds, 0 if not known."""

    sender_id: str
    sent_at: int
    content: Content


@dataclass(frozen=True, slots=True)
class Draft:
    """A message to be sent: text with styles, uploads by the names `upload` gave, a place."""

    text: str = ""
    spans: tuple[Span, ...] = ()
    attached: tuple[str, ...] = ()
    place: Place | None = None
