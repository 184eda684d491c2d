"""The tables of docs/contour.md, made from the code they describe."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from sferum_bridge.homeserver.wrapping import TRIED_ON
from sferum_bridge.homeserver.wraps import ALL, events, uploads
from sferum_bridge.school.rights import RIGHTS, ROLES, Within

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


def filled(text: str) -> str:
    """Return docs/contour.md with its tables made anew.

    Raises:
        ValueError: A table has no place in it.
    """
    for name, lines in (("rights", _rights()), ("holes", _holes())):
        place = re.compile(rf"(<!-- {name} -->\n).*?(<!-- /{name} -->)", re.DOTALL)
        if not place.search(text):
            raise ValueError(f"docs/contour.md has no place for {name}")
        table = "\n".join(lines)
        text = place.sub(lambda found, table=table: f"{found[1]}{table}\n{found[2]}", text)  # type: ignore[misc]  # mypy does not infer lambdas with defaults
    return text


def _rights() -> Iterable[str]:
    yield from _head(["", *ROLES])
    for who in ROLES:
        cells = [RIGHTS.get((who, whom), Within.NONE) for whom in ROLES]
        yield _row([who, *("–" if cell is Within.NONE else cell.value for cell in cells)])


def _holes() -> Iterable[str]:
    yield f"Tried on Synapse {', '.join(TRIED_ON)}."
    yield ""
    yield from _head(["where", "without it", "method of Synapse"])
    for wrap in (events, uploads, *ALL):
        for point in wrap.POINTS:
            name = wrap.__name__.rpartition(".")[2]
            yield _row([f"`{name}`", point.closes, f"`{point.method}`"])


def _head(cells: Sequence[str]) -> Iterable[str]:
    yield _row(cells)
    yield _row(["---"] * len(cells))


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"
