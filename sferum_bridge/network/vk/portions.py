"""Asking for less where an answer of VK's is more than can be taken.

An answer has a largest size and a longest time. Asked for again, one that is beyond them is beyond
them again. So a request for many things is cut in halves; what cannot be cut any more is up to the
caller (see `network.patience`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from sferum_bridge.network.base import TooBig, TooSlow

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from sferum_bridge.network.base import Unavailable

LESS = (TooBig, TooSlow)
"""The errors after which less is worth asking for."""

_T = TypeVar("_T")


async def by_halves(
    wanted: Sequence[int],
    ask: Callable[[Sequence[int]], Awaitable[Sequence[_T]]],
    miss: Callable[[int, Unavailable], None],
    cut: tuple[type[Unavailable], ...] = LESS,
) -> list[_T]:
    """Ask for all of `wanted`, in halves after the errors `cut`; return the answers in order.

    `miss` is told of what fails by itself; it raises the error where that is to be waited for.
    Raises what `ask` does.
    """
    found: list[_T] = []
    waiting = [wanted]
    while waiting:
        some = waiting.pop()
        try:
            found += await ask(some)
        except cut as error:
            if len(some) == 1:
                miss(some[0], error)
            else:
                middle = len(some) // 2
                waiting += [some[middle:], some[:middle]]
    return found
