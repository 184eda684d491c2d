"""What a remote message says besides its files, put into words. Pure.

Sizes are bounded whatever a message holds: forwards are shown to a depth and up to a number, and
what is left out is counted, so nobody takes a part for the whole.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Protocol

from sferum_bridge.network.base import ServiceKind
from sferum_bridge.network.content import Call, File, Other, Page, Place, Poll
from sferum_bridge.relay.inward import rich

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from sferum_bridge.network.base import RemoteMessage, Service
    from sferum_bridge.network.content import Content, Part, Quote
    from sferum_bridge.relay.inward.rich import Rich

MOST_DEPTH = 5
"""Forwards within forwards that are shown."""
MOST_QUOTES = 50
"""Forwarded messages that are shown of one message."""
MOST_QUOTED = 12_000
"""Characters of all of them together."""
MOST_ANSWERS = 50
_MOST_COUNTED = 10_000
_POLE, _DATE_LINE = 90, 180
_LONGEST_TIME = 253_402_214_400
"""The last day of the year 9999, which no zone's clock may pass."""
_KINDS_OF_PAGES = frozenset({"link", "video", "post"})


class Phrase(Protocol):
    """A text of the catalogue: `body` reads without HTML, `html` is safe to show."""

    @property
    def body(self) -> str:
        """Return it as plain text."""

    @property
    def html(self) -> str:
        """Return it with its looks."""


@dataclass(frozen=True, slots=True)
class Look:
    """What has to be known to put a message into words.

    `say` gives a text of the catalogue by its key and values, `name_of` what a user is called,
    `mxid_of` the account a user has in the room (empty: none), `zone` that of the room's clock.
    """

    say: Callable[..., Phrase]
    name_of: Callable[[str], str]
    mxid_of: Callable[[str], str]
    zone: tzinfo = UTC


def people_of(message: RemoteMessage) -> set[str]:
    """Return the ids of all users whose names are needed to show a message."""
    found = {message.sender_id}
    if message.service is not None and message.service.subject_id:
        found.add(message.service.subject_id)
    found |= {quote.sender_id for _, quote in _shown_quotes(message.content.quotes)}
    return {user_id for user_id in found if user_id}


def words(message: RemoteMessage, look: Look, left_out: int = 0) -> tuple[Rich, bool]:
    """Return what a message says in words, and whether somebody said it or it is only a report.

    `left_out` is how many of its files are not shown. The text is empty where only files are.
    """
    if message.service is not None:
        return _service(message, message.service, look), False
    content = message.content
    blocks = [*_own_words(content, look), *_quotes(content.quotes, look)]
    if left_out:
        blocks.append(_said(look, "relay-more-files", count=left_out))
    has_said = bool(content.text or content.quotes)
    nothing = not blocks and not any(isinstance(part, File | Place) for part in content.parts)
    if nothing and not any(_files_of_quotes(content)):
        blocks = [_said(look, "relay-empty")]
    return rich.under_each_other(blocks), has_said


def files_of(content: Content) -> Iterator[File]:
    """Give the files of a message, then those of what it forwards, as far as that is shown."""
    yield from (part for part in content.parts if isinstance(part, File))
    yield from _files_of_quotes(content)


def is_on_the_map(place: Place) -> bool:
    """Tell whether a place has coordinates that a map knows."""
    return abs(place.latitude) <= _POLE and abs(place.longitude) <= _DATE_LINE


def place_words(place: Place, look: Look) -> str:
    """Return what a place is called."""
    where = f"{place.latitude:.5f}, {place.longitude:.5f}"
    title = _one_line(place.title)
    return f"{title} ({where})" if title else look.say("relay-place", where=where).body


# --- one message ------------------------------------------------------------------------------


def _own_words(content: Content, look: Look) -> Sequence[Rich]:
    blocks = []
    if content.text:
        blocks.append(rich.styled(content.text, content.spans, look.mxid_of))
    blocks += [_part(part, content.text, look) for part in content.parts]
    if content.buttons:
        labels = " ".join(f"[{_one_line(label)}]" for label in content.buttons[:MOST_ANSWERS])
        blocks.append(rich.beside(_said(look, "relay-buttons"), rich.plain(labels)))
    return [block for block in blocks if block.body]


_NOTHING = rich.plain("")


def _part(part: Part, text: str, look: Look) -> Rich:
    match part:
        case Poll():
            return _poll(part, look)
        case Call():
            return _call(part, look)
        case Page():
            return _page(part, text, look)
        case Other():
            return _said(look, "relay-other-part", kind=part.kind or "?")
        case Place() if not is_on_the_map(part):
            return _said(look, "relay-other-part", kind="geo")
        case _:
            return _NOTHING


def _poll(poll: Poll, look: Look) -> Rich:
    lines = [_said(look, "relay-poll", question=poll.question)]
    lines += [
        _said(look, "relay-poll-answer", answer=answer, count=votes)
        for answer, votes in poll.answers[:MOST_ANSWERS]
    ]
    if len(poll.answers) > MOST_ANSWERS:
        lines.append(_said(look, "relay-more", count=len(poll.answers) - MOST_ANSWERS))
    marks = {
        "relay-poll-multiple": poll.is_multiple,
        "relay-poll-anonymous": poll.is_anonymous,
        "relay-poll-closed": poll.is_closed,
        "relay-poll-where": not poll.is_closed,
    }
    lines.append(rich.beside(*(_said(look, key) for key, holds in marks.items() if holds)))
    return rich.under_each_other(lines)


def _call(call: Call, look: Look) -> Rich:
    if not call.is_over:
        said = _said(look, "relay-call")
        return rich.beside(said, rich.link(call.join_url)) if call.join_url else said
    if call.is_missed:
        return _said(look, "relay-call-missed")
    if call.seconds > 0:
        # What is kept of a call is this line (S-48).
        key = "relay-call-ended-together" if call.participants else "relay-call-ended"
        count = {"count": call.participants} if call.participants else {}
        return _said(look, key, duration=_duration(call.seconds), **count)
    return _said(look, "relay-call-over")


def _page(page: Page, text: str, look: Look) -> Rich:
    kind = page.kind if page.kind in _KINDS_OF_PAGES else "link"
    title, said = _one_line(page.title), page.text.strip()
    if kind == "link" and page.url and page.url in text:
        return _NOTHING  # the link is in the text: its preview says nothing new
    lines = [rich.beside(_said(look, f"relay-page-{kind}"), rich.link(page.url, title))]
    if said and said != title:
        lines.append(rich.plain(said))
    return rich.under_each_other(lines)


# --- forwards ---------------------------------------------------------------------------------


def _shown_quotes(quotes: Sequence[Quote]) -> Iterator[tuple[int, Quote]]:
    """Give the forwarded messages that are shown, with how deep each is."""
    waiting = [(1, quote) for quote in reversed(quotes)]
    given = 0
    while waiting and given < MOST_QUOTES:
        depth, quote = waiting.pop()
        yield depth, quote
        given += 1
        if depth < MOST_DEPTH:
            waiting += [(depth + 1, inner) for inner in reversed(quote.content.quotes)]


def _count(quotes: Sequence[Quote]) -> int:
    """Return how many messages are forwarded in all, as far as that is worth counting."""
    waiting, found = list(quotes), 0
    while waiting and found < _MOST_COUNTED:
        found += 1
        waiting += waiting.pop().content.quotes
    return found


def _files_of_quotes(content: Content) -> Iterator[File]:
    for _, quote in _shown_quotes(content.quotes):
        yield from (part for part in quote.content.parts if isinstance(part, File))


def _quotes(quotes: Sequence[Quote], look: Look) -> Sequence[Rich]:
    """Return forwarded messages as quotations in each other, the innermost built first."""
    shown: list[tuple[int, Rich]] = []
    length = 0
    for depth, quote in _shown_quotes(quotes):
        said = _quoted(quote, look)
        length += len(said.body)
        if length > MOST_QUOTED and shown:
            break
        shown.append((depth, said))
    blocks = _nested(shown, 1)
    left = _count(quotes) - len(shown)
    return [*blocks, _said(look, "relay-more", count=left)] if left else blocks


def _nested(shown: Sequence[tuple[int, Rich]], depth: int) -> list[Rich]:
    """Return those of a depth, each with what follows it deeper down. As deep as `MOST_DEPTH`."""
    blocks: list[Rich] = []
    starts = [index for index, (at, _) in enumerate(shown) if at == depth]
    for start, end in pairwise([*starts, len(shown)]):
        inner = _nested(shown[start + 1 : end], depth + 1)
        blocks.append(rich.quotation(rich.under_each_other([shown[start][1], *inner])))
    return blocks


def _quoted(quote: Quote, look: Look) -> Rich:
    name = look.name_of(quote.sender_id) or look.say("relay-somebody").body
    if 0 < quote.sent_at < _LONGEST_TIME:
        at = datetime.fromtimestamp(quote.sent_at, look.zone)
        head = _said(look, "relay-forwarded-at", name=name, at=at)
    else:
        head = _said(look, "relay-forwarded", name=name)
    nobody = Look(look.say, look.name_of, lambda _: "", look.zone)
    blocks = [head, *_own_words(quote.content, nobody)]
    for part in quote.content.parts:
        if isinstance(part, File):
            blocks.append(_said(look, f"relay-file-{part.kind.value}"))
        elif isinstance(part, Place):
            blocks.append(rich.plain(place_words(part, look)))
    said = rich.under_each_other(blocks)
    too_long = len(said.body) > MOST_QUOTED
    return rich.plain(f"{said.body[:MOST_QUOTED]}…") if too_long else said


# --- what the chat itself reports -------------------------------------------------------------

_SERVICE: Mapping[ServiceKind, str] = {kind: f"relay-service-{kind.value}" for kind in ServiceKind}
_WITH_TITLE = frozenset({ServiceKind.CREATED, ServiceKind.RENAMED})
_WITH_SUBJECT = frozenset({ServiceKind.INVITED, ServiceKind.KICKED})
_WITHOUT_NAME = frozenset({ServiceKind.OTHER})
# Who invited themselves joined, and who removed themselves left: VK says so.
_BY_ONESELF = {ServiceKind.INVITED: ServiceKind.JOINED, ServiceKind.KICKED: ServiceKind.LEFT}


def _service(message: RemoteMessage, service: Service, look: Look) -> Rich:
    kind = service.kind
    if kind in _BY_ONESELF and service.subject_id in {"", message.sender_id}:
        kind = _BY_ONESELF[kind]
    values: dict[str, Any] = {}
    if kind not in _WITHOUT_NAME:
        name = look.name_of(message.sender_id) if message.sender_id else ""
        values["name"] = name or look.say("relay-somebody").body
    if kind in _WITH_TITLE:
        values["title"] = service.title or "…"
    if kind in _WITH_SUBJECT:
        values["subject"] = look.name_of(service.subject_id)
    return _said(look, _SERVICE[kind], **values)


# --- small things -----------------------------------------------------------------------------


def _said(look: Look, key: str, **values: Any) -> Rich:
    phrase = look.say(key, **values)
    return rich.Rich(phrase.body, phrase.html)


def _one_line(text: str) -> str:
    return " ".join(text.split())[:300]


def _duration(seconds: int) -> str:
    minutes, rest = divmod(min(seconds, 360_000), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
