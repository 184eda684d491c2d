"""What became of the messages: those sent beside those found. Pure."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


@dataclass(frozen=True, slots=True)
class Verdict:
    """How many of `sent` messages went wrong, and how."""

    sent: int
    lost: int
    doubled: int
    reordered: int

    @property
    def is_whole(self) -> bool:
        """Whether each arrived, once, in its place."""
        return not (self.lost or self.doubled or self.reordered)

    def __add__(self, other: Verdict) -> Verdict:
        """Return both together."""
        return Verdict(
            self.sent + other.sent,
            self.lost + other.lost,
            self.doubled + other.doubled,
            self.reordered + other.reordered,
        )


NOTHING = Verdict(0, 0, 0, 0)


def compare(sent: Sequence[str], found: Iterable[str]) -> Verdict:
    """Compare what one writer sent, in order, with what a reader found, in order.

    Texts of others do not count. Every text is sent once. As many are reordered as have to be taken
    out so that the rest stands in the order in which it was sent.
    """
    places = {text: place for place, text in enumerate(sent)}
    arrived = [places[text] for text in found if text in places]
    times = Counter(arrived)
    firsts = list(dict.fromkeys(arrived))
    return Verdict(
        sent=len(sent),
        lost=len(sent) - len(times),
        doubled=sum(n - 1 for n in times.values()),
        reordered=len(firsts) - _longest_run(firsts),
    )


def _longest_run(places: Sequence[int]) -> int:
    """Return how many of different numbers stand in rising order at most."""
    ends: list[int] = []
    for place in places:
        at = bisect_left(ends, place)
        ends[at : at + 1] = [place]
    return len(ends)
