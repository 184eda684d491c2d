"""What is said: texts, files, and how much of each kind. Pure; all of it follows from the seed."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tests.support.samples import png
from tests.torture.checker import Kind

if TYPE_CHECKING:
    from collections.abc import Sequence
    from random import Random

_DECK = {
    Kind.TEXT: 8,
    Kind.REPLY: 4,
    Kind.EDIT: 3,
    Kind.DELETION: 2,
    Kind.REACTION: 4,
    Kind.LONG: 1,
    Kind.PICTURE: 1,
    Kind.DOCUMENT: 1,
}
_HALF = sum(_DECK.values()) // 2
EMOJI = {1: "❤", 2: "🔥", 3: "😂", 4: "👍", 13: "🙏"}
"""Reactions both sides have, by Sferum's numbers (docs/sferum.md)."""
_WORDS = ("завтра", "контрольная", "по", "алгебре", "приносим", "циркуль", "и", "сменную", "обувь")
_LONG_LINES, _LINE_WORDS = (8, 12), 90
_SMALL, _LARGE = 20_000, 1_500_000


@dataclass(frozen=True, slots=True)
class File:
    """A file to send."""

    name: str
    mime: str
    data: bytes

    @property
    def digest(self) -> str:
        """Return what it is known by."""
        return digest(self.data)


def digest(data: bytes) -> str:
    """Return what a file is known by."""
    return hashlib.sha256(data).hexdigest()


def kinds(random: Random, count: int, number: int) -> Sequence[Kind]:
    """Return of which kind each of `count` messages is; two neighbours in number share a deck."""
    found: list[Kind] = []
    while len(found) < count + _HALF:
        deck = [kind for kind, times in _DECK.items() for _ in range(times)]
        # Every half has something of everything there is twice, so a short run has it all.
        half = deck[number % 2 :: 2]
        random.shuffle(half)
        found += half
    return found[:count]


def said(random: Random, kind: Kind, mark: str) -> Sequence[str]:
    """Return the lines of a message, each with its mark."""
    if kind is Kind.LONG:
        count = random.randint(*_LONG_LINES)
        return [f"{mark}/{n} {_words(random, _LINE_WORDS)}" for n in range(count)]
    return [f"{mark} {_words(random, random.randint(1, 9))}"]


def changed(random: Random, lines: Sequence[str]) -> Sequence[str]:
    """Return what an edit makes of lines: others, and of many only the first."""
    kept = lines[: max(1, len(lines) // 3)]
    return [f"{line} — {_words(random, 2)} {random.randrange(10**6)}" for line in kept]


def files(random: Random, kind: Kind, mark: str, *, several: bool) -> Sequence[File]:
    """Return what is attached to a message; `several` where one message can have two documents."""
    name = mark.replace(" ", "-")
    if kind is Kind.PICTURE:
        picture = png(random.randint(40, 900), random.randint(40, 900))
        return [File(f"{name}.png", "image/png", picture + random.randbytes(_SMALL))]
    if kind is Kind.DOCUMENT:
        sizes = [random.choice((200, _SMALL, _LARGE))]
        sizes += [_SMALL] if several else []
        return [
            File(f"{name}-{n}.pdf", "application/pdf", b"%PDF-1.7\n" + random.randbytes(size))
            for n, size in enumerate(sizes)
        ]
    return ()


def _words(random: Random, count: int) -> str:
    return " ".join(random.choices(_WORDS, k=count))
