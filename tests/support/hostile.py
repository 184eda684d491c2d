"""What nobody sends by mistake: odd values, hostile texts, and a value changed in one place.

`mutants` names every way to change a value; a quick run takes some of them, the same every time,
and `make fuzz` takes all.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from random import Random
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

MORE = int(os.environ.get("SFERUM_FUZZ", "1"))
"""How many times as much is tried as in a quick run; 0 is all there is."""

HTML = '<img src=x onerror="alert(1)"><script>alert(2)</script>&lt;b&gt;'
TURNED = "\u202eфд\u2066п.exe\u2069\u200f"
UNSEEN = "а\u200bб\u200d\ufeff\u2060\u00ad"
CONTROLS = "\x00\x07\x1b[31m\r\n\x7f\x85"
HALF = "\ud800"
DEEP = "forwards of forwards of forwards"
"""Stands for `deep` in what a server of the tests answers, deeper than Python writes JSON."""
TEXTS: Sequence[str] = (
    HTML,
    TURNED,
    UNSEEN,
    CONTROLS,
    HALF,
    "я" * 9000,
    "😀" * 5000,
    "\n" * 2000,
    "[id5|Имя] [https://a.example|x] @all",
    "../../etc/passwd",
    "javascript:alert(1)",
    DEEP,
    "https://" + "a" * 70 + ".vk.com/x",
    "https://[::1",
    "https://vk.com:99999/",
    "%s{name}$1\\1",
)


def deep(levels: int, bottom: Any = None, key: str = "fwd_messages") -> Any:
    """Return objects in lists in objects, as deep as forwards of forwards."""
    value = bottom
    for _ in range(levels):
        value = {"text": "глубже", "from_id": 5, key: [value]}
    return value


def written(value: Any) -> bytes:
    """Return JSON in which `DEEP` is what it stands for, a thousand levels deep."""
    opened = '{"text": "глубже", "from_id": 5, "fwd_messages": ['
    deepest = opened * 1000 + "null" + "]}" * 1000
    return json.dumps(value).replace(f'"{DEEP}"', deepest).encode()


ODD: Sequence[Any] = (
    None, True, False, 0, -1, 2**31, 2**53 - 1, 253_402_300_798, 2**53 + 1, 2**63, -(2**63),
    10**300, 1.5, -0.0, 1e308,
    float("nan"), float("inf"), "", " ", "x", "-5", "1", "9" * 30, "1e9", "{", '{"items": 5}',
    '{"a": NaN}', [], [[]], [None], [{}], {}, {"items": [5]}, {"type": "photo"}, deep(60), *TEXTS,
)  # fmt: skip

Path = tuple[Any, ...]
DROP, _TWICE, _TURN = "drop", "twice", "turn"
Way = tuple[Path, Any]


@dataclass(frozen=True)
class Mutant:
    """A value that is not as it should be in one place; `path` leads there."""

    path: Path
    change: Any
    value: Any

    @property
    def how(self) -> str:
        """Return what was done, for people."""
        return repr(ODD[self.change])[:40] if isinstance(self.change, int) else str(self.change)

    def touches(self, *names: str) -> bool:
        """Tell whether the change lies at, in or around one of some members."""
        return not self.path or self.path[0] in names


def ways(value: Any) -> list[Way]:
    """Return every way to change a value, as where and what."""
    found: list[Way] = []
    for path, here in _places(value):
        found += [(path, odd) for odd in range(len(ODD))]
        if path:
            found.append((path, DROP))
        if isinstance(here, list) and here:
            found += [(path, _TWICE), (path, _TURN)]
    return found


def mutant(value: Any, way: Way) -> Mutant:
    """Return a value changed in one way."""
    path, change = way
    if isinstance(change, int):
        return Mutant(path, change, _changed(value, path, lambda _: ODD[change]))
    if change == DROP:
        return Mutant(path, change, _changed(value, path, None))
    again = (lambda one: one + one) if change == _TWICE else (lambda one: one[::-1])
    return Mutant(path, change, _changed(value, path, again))


def some(things: Sequence[Any], count: int, seed: object = 1) -> list[Any]:
    """Return `count` of some things, or as many as the environment asks for; the same each time."""
    wanted = count * MORE or len(things)
    if wanted >= len(things):
        return list(things)
    return Random(repr(seed)).sample(list(things), wanted)  # noqa: S311 - chance, no secret


def one_of(things: Sequence[Any], seed: object) -> Any:
    """Return one of some things, the same for the same seed."""
    return Random(repr(seed)).choice(things)  # noqa: S311 - chance, no secret


def mutants(values: Sequence[Any], count: int) -> list[tuple[int, Mutant]]:
    """Return some changes of some values, each with the place of the value it was made of."""
    every = [(place, way) for place, value in enumerate(values) for way in ways(value)]
    return [(place, mutant(values[place], way)) for place, way in some(every, count)]


def _places(value: Any, path: Path = ()) -> Iterator[tuple[Path, Any]]:
    yield path, value
    inner: Iterable[tuple[Any, Any]] = value.items() if isinstance(value, dict) else ()
    for key, one in enumerate(value) if isinstance(value, list) else inner:
        yield from _places(one, (*path, key))


def _changed(value: Any, path: Path, change: Any) -> Any:
    if not path:
        return change(value)
    head, *rest = path
    copied = value.copy()
    if change is None and not rest:
        del copied[head]
    else:
        copied[head] = _changed(value[head], tuple(rest), change)
    return copied
