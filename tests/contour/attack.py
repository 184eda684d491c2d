"""One attack: who tries what, and what of it the victim sees.

An attack is a function that tries and returns what it brought about, as the victims see it: a text
where something leaked, an empty one where nothing did. The answer to the attempt does not matter: a
200 without effect is as good as a 403, and a 403 with an effect is a failure.

`works_without` says that it succeeds on a Synapse without our module; then it has to, in a run of
its own, so that no attack passes because it was clumsy.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from tests.contour.actors import Actor, ForgedServer
    from tests.contour.sight import Leak
    from tests.contour.world import World
    from tests.support.synapse import Answer

    Try = Callable[[World], Awaitable[Leak]]

ALL_VERSIONS = frozenset({"10", "11", "12"})


@dataclass(frozen=True, slots=True)
class Attack:
    """An attack with its id in the list of attacks, and what it is about."""

    id: str
    what: str
    attempt: Try
    works_without: bool
    versions: frozenset[str]

    def __str__(self) -> str:
        return self.id


class Group:
    """The attacks of one kind, in the order they are written."""

    def __init__(self) -> None:
        self.attacks: list[Attack] = []

    def __call__(
        self,
        number: str,
        what: str,
        *,
        works_without: bool = True,
        versions: frozenset[str] = ALL_VERSIONS,
    ) -> Callable[[Try], Try]:
        """Add the decorated function."""

        def add(attempt: Try) -> Try:
            self.attacks.append(Attack(number, what, attempt, works_without, versions))
            return attempt

        return add

    def each(
        self, number: str, what: str, attempts: dict[str, Try], *, works_without: bool = True
    ) -> None:
        """Add variants of one attack: a, b, c."""
        for suffix, attempt in attempts.items():
            self.attacks.append(
                Attack(f"{number}{suffix}", what, attempt, works_without, ALL_VERSIONS)
            )


def differs(known: Answer, unknown: Answer, *ids: str) -> Leak:
    """Tell whether two answers can be told apart, but for the ids that were asked for."""
    one, other = _plain(known, ids), _plain(unknown, ids)
    return "" if one == other else f"{one} against {other}"


async def oracle(
    actor: Actor | ForgedServer, method: str, path: str, known: str, unknown: str
) -> Leak:
    """Ask the same about something of the school's and something that does not exist.

    `path` has `{}` where the id goes.
    """
    one, other = [await actor.call(method, path.format(name)) for name in (known, unknown)]
    return differs(one, other, known, unknown)


def _plain(answer: Answer, ids: Sequence[str]) -> str:
    text = f"{answer.status} {json.dumps(answer.body, sort_keys=True)}"
    for name in ids:
        text = text.replace(name, "ID")
    return re.sub(r"\d{10,}", "TIME", text)
