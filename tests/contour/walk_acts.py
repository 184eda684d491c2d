"""What is common to all acts of a walk: who, with whom, where."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.contour.walk import FIXED, MOVERS, REMOTE, STRANGERS

if TYPE_CHECKING:
    from collections.abc import Callable
    from random import Random

    from tests.contour.walk import Act, Walk

PEOPLE = (*FIXED, *FIXED, *MOVERS, *MOVERS, *MOVERS, *STRANGERS, *STRANGERS, *REMOTE, *REMOTE)


class Acts:
    """The acts of one kind, with their weights, in the order they are written."""

    def __init__(self) -> None:
        self.all: list[tuple[int, Act]] = []

    def __call__(self, weight: int) -> Callable[[Act], Act]:
        """Add the decorated function."""

        def add(what: Act) -> Act:
            self.all.append((weight, what))
            return what

        return add


def somebody(chance: Random) -> str:
    return chance.choice(PEOPLE)


def some_user(walk: Walk, chance: Random) -> str:
    """Return the id of anybody, the bot and nobody included."""
    name = chance.choice((*PEOPLE, "bot", "nobody"))
    known = walk.actors.get(name)
    return known.user_id if known else f"@nobody:{walk.world.server.name}"


def some_room(walk: Walk, chance: Random) -> str:
    """Return a room: a school's, a new one of somebody's own, one of the other server."""
    number = chance.random()
    if number < 0.35:
        return chance.choice(sorted(walk.school))
    if number < 0.37:
        return walk.world.nowhere
    if number < 0.5:
        return chance.choice([walk.world.remote_public, walk.world.remote_knock])
    return chance.choice(list(walk.rooms)[-40:])
