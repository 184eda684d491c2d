"""What of a message is shown where, and what an edit changes of it. Pure.

A message is shown as several events, its *parts*: its text, then each file. A part has a number
that is never given to another, and a digest of what it shows.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass
from itertools import count
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

TEXT = "text"
"""The kind of the part that holds the words. It has the number 0 when a message is new."""


@dataclass(frozen=True, slots=True)
class Part:
    """A part that is shown (with its number), or that should be."""

    kind: str
    digest: str
    number: int = 0


@dataclass(frozen=True, slots=True)
class Plan:
    """What an edit does; `changed` and `added` name what should be by its place in `wanted`."""

    changed: Sequence[tuple[int, int]]
    """Number of a part, and what it shows from now on."""
    added: Sequence[tuple[int, int]]
    """A new number, and what it shows."""
    removed: Sequence[int]


def numbered(kinds: Sequence[str]) -> Sequence[int]:
    """Return the numbers of the parts of a new message: 0 is kept for its text."""
    others = count(1)
    return [0 if kind == TEXT else next(others) for kind in kinds]


def wanted_still(
    wanted: Sequence[Part], live: Sequence[Part], gone: Sequence[Part]
) -> Sequence[int]:
    """Return which of what a message says is to be shown, by its place in `wanted`.

    What was deleted here may still be in the message, for not all can be taken out of it, and the
    news of one deletion may be older than the next: none of it comes back, one for one. The words
    change, so theirs do not come back whatever they say.
    """
    here, deleted = Counter(map(_shows, live)), Counter(map(_shows, gone))
    has_text = any(part.kind == TEXT for part in live)
    has_text |= not any(part.kind == TEXT for part in gone)
    places = []
    for place, part in enumerate(wanted):
        looks = _shows(part)
        if here[looks]:
            here[looks] -= 1
        elif part.kind == TEXT and has_text:
            pass
        elif part.kind == TEXT or deleted[looks]:
            deleted[looks] -= 1
            continue
        places.append(place)
    return places


def renewed(noted: Sequence[str], wanted: Sequence[tuple[str, str]]) -> Sequence[str]:
    """Return digests that are noted, those of former times as they would be noted today.

    `wanted` has the former (empty for none) and today's digest of what a message says. Files that
    were told apart less may be several by today's.
    """
    today: dict[str, list[str]] = defaultdict(list)
    for former, digest in wanted:
        if former and digest not in noted:
            today[former].append(digest)
    return [today[one].pop(0) if today.get(one) else one for one in noted]


def plan(shown: Sequence[Part], wanted: Sequence[Part], used: int) -> Plan:
    """Return how to get from what is shown to what should be.

    Parts of one kind are matched by what they show, or in their order where there are as many as
    before: then those that differ were replaced. `used` is the largest number a part of the
    message ever had.
    """
    before, after = _by_kind(shown), _by_kind(wanted)
    pairs: list[tuple[int, int]] = []
    for kind, places in after.items():
        old = before.get(kind, [])
        if len(old) == len(places):
            pairs += zip(old, places, strict=True)
        else:
            pairs += _alike(shown, wanted, old, places)
    matched, known = {place for _, place in pairs}, {index for index, _ in pairs}
    added = [place for place in range(len(wanted)) if place not in matched]
    return Plan(
        [
            (shown[index].number, place)
            for index, place in sorted(pairs, key=lambda pair: pair[1])
            if shown[index].digest != wanted[place].digest
        ],
        [(used + 1 + number, place) for number, place in enumerate(added)],
        [part.number for index, part in enumerate(shown) if index not in known],
    )


def _shows(part: Part) -> tuple[str, str]:
    return part.kind, part.digest


def _by_kind(parts: Sequence[Part]) -> dict[str, list[int]]:
    found: dict[str, list[int]] = defaultdict(list)
    for index, part in enumerate(parts):
        found[part.kind].append(index)
    return found


def _alike(
    shown: Sequence[Part], wanted: Sequence[Part], old: Sequence[int], new: Sequence[int]
) -> Sequence[tuple[int, int]]:
    waiting: dict[str, list[int]] = defaultdict(list)
    for index in old:
        waiting[shown[index].digest].append(index)
    return [
        (waiting[wanted[place].digest].pop(0), place)
        for place in new
        if waiting[wanted[place].digest]
    ]
