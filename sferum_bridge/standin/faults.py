"""Scripted misfortune: what goes wrong with which calls, and how often.

Faults live in memory only: a restarted stand-in is in good health. The calls seen are counted
here too, whether a fault met them or not, and the latest are remembered.
"""

from __future__ import annotations

from collections import Counter, deque
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

LONG_POLL = "longpoll"
KEPT_REQUESTS = 500
WEB_TOKEN = "web_token"  # noqa: S105 - the name of an entry point


class Effect(StrEnum):
    """What a fault does to a call."""

    ERROR = "error"
    """Answer with the API error `code` and the extra `fields`; nothing else happens."""
    HTTP = "http"
    """Answer with the HTTP status `code` and a page of HTML; nothing else happens."""
    HANG = "hang"
    """Hold the call for `seconds`, then carry it out."""
    CUT = "cut"
    """Cut the connection; nothing else happens."""
    CUT_AFTER = "cut_after"
    """Carry the call out, then cut the connection instead of answering."""
    BODY = "body"
    """Answer with `text` as it is, whatever it be; nothing else happens."""
    DUPLICATE = "duplicate"
    """Long poll only: answer a batch with the old cursor, so that it comes again."""
    REORDER = "reorder"
    """Long poll only: answer a batch with its events the other way round."""


OF_BATCHES = frozenset((Effect.DUPLICATE, Effect.REORDER))


@dataclass(slots=True)
class Fault:
    """One entry of the script: the next `times` calls of `method` (a name or a pattern)."""

    method: str
    effect: Effect
    times: int = 1
    code: int = 0
    seconds: float = 0.0
    fields: dict[str, Any] = field(default_factory=dict)
    text: str = ""


class Faults:
    """The script and the counters."""

    def __init__(self) -> None:
        self._script: list[Fault] = []
        self.seen: Counter[str] = Counter()
        self.refused: Counter[str] = Counter()
        """How many answers were errors, by method and code (`messages.send 6`)."""
        self.requests: deque[tuple[str, dict[str, str]]] = deque(maxlen=KEPT_REQUESTS)
        """The latest API calls and their parameters, without the token."""

    def add(self, fault: Fault) -> None:
        """Append to the script."""
        self._script.append(fault)

    def clear(self) -> None:
        """Drop what is left of the script and start counting anew."""
        self._script.clear()
        self.seen.clear()
        self.refused.clear()
        self.requests.clear()

    def pending(self) -> list[dict[str, Any]]:
        """Return what is left of the script."""
        return [asdict(fault) for fault in self._script]

    def take(self, method: str) -> Fault | None:
        """Use up one occurrence of the first fault that meets a call of this method."""
        return self._take(lambda f: f.effect not in OF_BATCHES, method)

    def take_error(self, method: str) -> Fault | None:
        """Use up one error for a call that is packed into another one."""
        return self._take(lambda f: f.effect is Effect.ERROR, method)

    def take_batch(self, effect: Effect) -> bool:
        """Use up one occurrence of what may happen to a batch that has events."""
        return self._take(lambda f: f.effect is effect, LONG_POLL) is not None

    def _take(self, wanted: Callable[[Fault], bool], method: str) -> Fault | None:
        for fault in self._script:
            if wanted(fault) and fnmatchcase(method, fault.method):
                fault.times -= 1
                if fault.times <= 0:
                    self._script.remove(fault)
                return fault
        return None
