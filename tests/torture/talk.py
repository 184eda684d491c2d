"""People who talk on both sides of linked chats, whatever happens to what lies between.

Whoever acts is sure of each act before the next one: what was answered by nobody is done again in
a way that counts once. So what was said is known, once and in order, and so is what it says by now.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from tests.torture import material
from tests.torture.checker import Kind, Said, Verdict, compare

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence
    from contextlib import AbstractAsyncContextManager
    from random import Random

    from tests.torture.checker import Shown
    from tests.torture.material import File

_SOON = 3
_LIKEABLE = frozenset({Kind.TEXT, Kind.REPLY, Kind.EDIT})


class Side(Protocol):
    """One end of a chat: somebody who acts there, and a reader. A handle names a message."""

    who: str
    through_login: bool
    """Whether what is done there takes effect through a login."""
    several_files: bool
    """Whether one message can have them."""
    names_alone: bool
    """Whether a document goes without words."""

    async def post(
        self, number: int, lines: Sequence[str], files: Sequence[File], answers: str
    ) -> str:
        """Write a message, as an answer to one where there is a handle; return its own."""

    async def edit(self, handle: str, lines: Sequence[str]) -> None:
        """Have a message say something else."""

    async def delete(self, handle: str) -> None:
        """Delete a message for all."""

    async def like(self, handle: str, emoji: str) -> bool:
        """React to a message; empty: take it back. False where somebody would not do it now."""

    async def recent(self) -> Sequence[tuple[str, str]]:
        """Return token and handle of the last messages with words, the newest first."""

    async def read(self) -> Sequence[Shown]:
        """Return what this end shows, the oldest first."""


class Pace(Protocol):
    """When things may be said."""

    async def turn(self, share: float) -> bool:
        """Wait until it is time for this share of everything; false when all is to end."""

    def passage(self, *, through_login: bool) -> AbstractAsyncContextManager[None]:
        """Wait until one may act, and hold that open."""


class Author:
    """One who writes. `known` has what anybody in the chat has said, by its tokens.

    Somebody who writes on both sides is two authors, of whom one alone reacts to a message: which
    of two reactions of one person was the later one, nobody could say.
    """

    def __init__(
        self, side: Side, head: str, random: Random, pace: Pace, known: dict[str, Said]
    ) -> None:
        self._side = side
        self._head = head
        self._random = random
        self._pace = pace
        self._known = known
        self._due: list[tuple[int, Callable[[], Awaitable[None]]]] = []
        self.said: list[Said] = []
        self.acts = 0
        """How often anything was done."""

    async def write(self, kinds: Sequence[Kind]) -> None:
        """Write a message of each kind, and do to messages what their kind means."""
        for number, kind in enumerate(kinds):
            if not await self._pace.turn(number / len(kinds)):
                break
            await self._say(number, kind)
            await self._do_what_is_due(number)
        await self._do_what_is_due(len(kinds) + 10 * _SOON)

    async def _do_what_is_due(self, number: int) -> None:
        due = [act for at, act in self._due if at <= number]
        self._due = [(at, act) for at, act in self._due if at > number]
        for act in due:
            async with self._passage():
                self.acts += 1
                await act()

    async def _say(self, number: int, kind: Kind) -> None:
        mark = f"{self._head} {number:05}"
        several = self._side.several_files
        files = material.files(self._random, kind, mark, several=several)
        lines = material.said(self._random, kind, mark)
        if kind is Kind.DOCUMENT and self._side.names_alone:
            lines = []
        async with self._passage():
            answered, handle = await self._someone() if kind is Kind.REPLY else (None, "")
            handle = await self._side.post(number, lines, files, handle)
        answers = answered.tokens[0] if answered else ""
        one = Said(kind, lines, [file.digest for file in files], answers, self._side.who)
        self.said.append(one)
        self.acts += 1
        self._known |= dict.fromkeys(one.tokens, one)
        self._plan(number, one, handle)

    def _plan(self, number: int, one: Said, handle: str) -> None:
        """Have done to a message, soon, what its kind means."""
        chance = self._random.random
        if one.kind is Kind.DELETION:
            self._later(number, lambda: self._delete(one, handle))
        elif one.kind is Kind.EDIT or (one.kind is Kind.LONG and chance() < 1 / 2):
            at = self._later(number, lambda: self._edit(one, handle))
            if chance() < 1 / 2:
                self._later(at, lambda: self._edit(one, handle))
        elif one.kind is Kind.REACTION:
            at = self._later(number, lambda: self._like(one, handle))
            if chance() < 1 / 2:
                at = self._later(at, lambda: self._like(one, handle))
            if chance() < 1 / 3:
                self._later(at, lambda: self._like(one, handle, back=True))
            self._later(at, self._like_someone)

    def _later(self, number: int, act: Callable[[], Awaitable[None]]) -> int:
        at = number + self._random.randint(0, _SOON)
        self._due.append((at, act))
        return at

    async def _edit(self, one: Said, handle: str) -> None:
        lines = material.changed(self._random, one.lines)
        await self._side.edit(handle, lines)
        one.lines = lines

    async def _delete(self, one: Said, handle: str) -> None:
        await self._side.delete(handle)
        one.gone = True

    async def _like(self, one: Said, handle: str, *, back: bool = False) -> None:
        emoji = "" if back else self._random.choice(list(material.EMOJI.values()))
        if emoji == one.likes.get(self._side.who, ""):
            return
        if one.liked_from.setdefault(self._side.who, self._head) != self._head:
            return
        if await self._side.like(handle, emoji):
            one.likes[self._side.who] = emoji

    async def _like_someone(self) -> None:
        one, handle = await self._someone()
        if one is not None and not one.tokens[0].startswith(self._head):
            await self._like(one, handle)

    def _passage(self) -> AbstractAsyncContextManager[None]:
        return self._pace.passage(through_login=self._side.through_login)

    async def _someone(self) -> tuple[Said | None, str]:
        """Return one of the last messages, and its handle."""
        recent = [
            (self._known[token], handle)
            for token, handle in await self._side.recent()
            if token in self._known and self._known[token].kind in _LIKEABLE
        ]
        return self._random.choice(recent) if recent else (None, "")


@dataclass(slots=True)
class Talk:
    """A linked chat and its room: a reader of each end, and who writes there."""

    sferum: Side
    matrix: Side
    inward: Sequence[Author]
    outward: Sequence[Author]

    @property
    def said(self) -> int:
        """Return how many messages were written."""
        return sum(len(author.said) for author in self.authors)

    @property
    def acts(self) -> int:
        """Return how often anything was done: what was compared before may be otherwise since."""
        return sum(author.acts for author in self.authors)

    @property
    def authors(self) -> Sequence[Author]:
        """Return all who write."""
        return [*self.inward, *self.outward]

    async def verdicts(self) -> tuple[Verdict, Verdict]:
        """Compare both ways: what the other end shows, and that one's own end shows it once."""
        there, here = await self.sferum.read(), await self.matrix.read()
        return _compared(self.inward, here, there), _compared(self.outward, there, here)


def _compared(authors: Sequence[Author], away: Sequence[Shown], home: Sequence[Shown]) -> Verdict:
    verdicts = (_both(compare(one.said, away), compare(one.said, home)) for one in authors)
    return sum(verdicts, Verdict())


def _both(verdict: Verdict, at_home: Verdict) -> Verdict:
    """Add what is wrong at home: an echo that was not known as one, a reaction shown anew."""
    for kind, count in at_home.counts.items():
        if not count.is_whole:
            was = verdict.counts[kind]
            verdict.counts[kind] = was + type(count)(
                0, count.lost, count.doubled, count.reordered, count.wrong
            )
    verdict.complaints += [f"{complaint} (at home)" for complaint in at_home.complaints]
    return verdict
