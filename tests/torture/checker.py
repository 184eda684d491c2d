"""What became of what was said: what was sent beside what either end shows. Pure.

Everything said is known by *tokens*: the mark at the head of each of its lines, and the digests of
its files. However many messages something becomes, its tokens have to be there once, in the order
in which they were sent, so a long text in parts and a text after a large file need no rule of their
own. What a line says by now, what is answered and who reacted is compared beside.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from enum import StrEnum, unique
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

MARK = re.compile(r"(?:сюда|туда) \d{2} \d{5}(?:/\d+)?")
_VARIATION = "\N{VARIATION SELECTOR-16}"


@unique
class Kind(StrEnum):
    """What a message is, or what is done to it."""

    TEXT = "text"
    REPLY = "reply"
    EDIT = "edited"
    DELETION = "deleted"
    REACTION = "reacted to"
    LONG = "long"
    PICTURE = "picture"
    DOCUMENT = "document"


@dataclass(slots=True)
class Said:
    """A message as its author left it. `lines` begin with marks of their own."""

    kind: Kind
    lines: Sequence[str]
    files: Sequence[str] = ()
    """Digests of what is attached, in order."""
    answers: str = ""
    """The first token of the message it answers."""
    by: str = ""
    """Who said it."""
    likes: dict[str, str] = field(default_factory=dict)
    """Who has reacted to it by now, and how."""
    liked_from: dict[str, str] = field(default_factory=dict)
    """Which end everybody who reacted to it did so at."""
    gone: bool = False

    @property
    def tokens(self) -> Sequence[str]:
        """Return what it is known by."""
        return [*(line_token(line) for line in self.lines), *self.files]


@dataclass(frozen=True, slots=True)
class Shown:
    """One message of Sferum or event of a room, as a reader sees it by now."""

    lines: Sequence[str] = ()
    files: Sequence[str] = ()
    answers: str = ""
    by: str = ""
    likes: frozenset[tuple[str, str]] = frozenset()

    @property
    def tokens(self) -> Sequence[str]:
        """Return what it may be known by."""
        return [*(line_token(line) for line in self.lines), *self.files]


@dataclass(frozen=True, slots=True)
class Count:
    """How many messages of a kind were sent, and how many of them went wrong, and how."""

    sent: int = 0
    lost: int = 0
    doubled: int = 0
    reordered: int = 0
    wrong: int = 0

    @property
    def is_whole(self) -> bool:
        """Whether each arrived, once, in its place, as it was meant."""
        return not (self.lost or self.doubled or self.reordered or self.wrong)

    def __add__(self, other: Count) -> Count:
        """Return both together."""
        return Count(
            self.sent + other.sent,
            self.lost + other.lost,
            self.doubled + other.doubled,
            self.reordered + other.reordered,
            self.wrong + other.wrong,
        )


@dataclass(slots=True)
class Verdict:
    """The counts, and what is wrong with what, in words."""

    counts: dict[Kind, Count] = field(default_factory=dict)
    complaints: list[str] = field(default_factory=list)

    @property
    def total(self) -> Count:
        """Return the counts of all kinds together."""
        return sum(self.counts.values(), Count())

    def __add__(self, other: Verdict) -> Verdict:
        """Return both together."""
        counts = {
            kind: self.counts.get(kind, Count()) + other.counts.get(kind, Count())
            for kind in Kind
            if kind in self.counts or kind in other.counts
        }
        return Verdict(counts, self.complaints + other.complaints)


def line_token(line: str) -> str:
    """Return the mark in a line, wherever it stands; empty for a line of others."""
    found = MARK.search(line)
    return found[0] if found else ""


def same_emoji(emoji: str) -> str:
    """Return an emoji in the one form in which it is compared."""
    return emoji.replace(_VARIATION, "")


def compare(said: Sequence[Said], shown: Iterable[Shown]) -> Verdict:
    """Compare what one author said, in order, with what one end shows, in order.

    What others said does not count. As many are reordered as have to be taken out so that the rest
    stands in the order in which it was sent.
    """
    author = {token: one for one in said for token in one.tokens}
    pieces: dict[int, list[Shown]] = defaultdict(list)
    times: Counter[str] = Counter()
    for piece in shown:
        known = [token for token in piece.tokens if token in author]
        times.update(known)
        for one in {id(author[token]): author[token] for token in known}.values():
            pieces[id(one)].append(piece)
        # What an edit took away of a long text counts for its first line, if it stayed.
        heads = [f"{token.partition('/')[0]}/0" for token in piece.tokens if token not in author]
        times.update(head for head in heads if head in author)
    late = _out_of_order([token for one in said for token in one.tokens], list(times))
    verdict = Verdict()
    for one in said:
        count, complaint = _judge(one, pieces[id(one)], times, late)
        verdict.counts[one.kind] = verdict.counts.get(one.kind, Count()) + count
        if complaint:
            verdict.complaints.append(f"{one.kind} {_name(one)}: {complaint}")
    return verdict


def _judge(
    one: Said, pieces: Sequence[Shown], times: Mapping[str, int], late: set[str]
) -> tuple[Count, str]:
    tokens = one.tokens
    there = [token for token in tokens if times[token]]
    if one.gone:
        return Count(1, wrong=bool(there)), "is still there" if there else ""
    if len(there) < len(tokens):
        return Count(1, lost=1), f"{len(tokens) - len(there)} of {len(tokens)} are not there"
    doubled = any(times[token] > 1 for token in tokens)
    reordered = any(token in late for token in tokens)
    wrong = _wrong(one, pieces)
    complaints = [
        *(["is there twice"] if doubled else ()),
        *(["is out of its place"] if reordered else ()),
        *([wrong] if wrong else ()),
    ]
    count = Count(1, doubled=doubled, reordered=reordered, wrong=bool(wrong))
    return count, ", ".join(complaints)


def _wrong(one: Said, pieces: Sequence[Shown]) -> str:
    """Return what of a message is not as it was meant, empty for nothing."""
    own = set(one.tokens)
    lines = {line for piece in pieces for line in piece.lines if line_token(line) in own}
    if lines != set(one.lines):
        return f"says {_short(lines)} instead of {_short(one.lines)}"
    if by := {piece.by for piece in pieces} - {one.by}:
        return f"is said by {', '.join(sorted(by))} instead of {one.by}"
    answers = pieces[0].answers
    if answers != one.answers:
        return f"answers «{answers}» instead of «{one.answers}»"
    likes = sorted(like for piece in pieces for like in piece.likes)
    wanted = sorted((who, same_emoji(emoji)) for who, emoji in one.likes.items() if emoji)
    return "" if likes == wanted else f"has the reactions {likes} instead of {wanted}"


def _out_of_order(sent: Sequence[str], found: Sequence[str]) -> set[str]:
    """Return the fewest tokens without which the rest stands in the order in which it was sent."""
    places = {token: place for place, token in enumerate(sent)}
    arrived = [token for token in found if token in places]
    ends: list[int] = []
    tails: list[int] = []
    before: list[int] = []
    for index, token in enumerate(arrived):
        at = bisect_left(ends, places[token])
        before.append(tails[at - 1] if at else -1)
        ends[at : at + 1] = [places[token]]
        tails[at : at + 1] = [index]
    kept = set()
    index = tails[-1] if tails else -1
    while index >= 0:
        kept.add(arrived[index])
        index = before[index]
    return set(arrived) - kept


def _name(one: Said) -> str:
    return next((token[:13] for token in one.tokens if token), "?")


def _short(lines: Iterable[str]) -> str:
    return " | ".join(f"{line[:60]}…{len(line)}" if len(line) > 60 else line for line in lines)
