"""How an unforeseen error is told in a log: by its kind and place, never by its words.

The words of an error may quote what somebody wrote, and a traceback quotes them at its end; so what
is told is the type of each error and where it was raised, as files and lines of code.
"""

from __future__ import annotations

import logging
import traceback
from pathlib import Path

_PACKAGE = Path(__file__).parent.parent
_MOST_FRAMES = 12
_MOST_ERRORS = 4


def placed(error: BaseException) -> str:
    """Return the type and place of an error and of what led to it, without a value of either."""
    told: list[str] = []
    each: BaseException | None = error
    while each is not None and len(told) < _MOST_ERRORS:
        told.append(f"{type(each).__name__} at {_place(each)}")
        if isinstance(each, BaseExceptionGroup):
            told += [placed(one) for one in each.exceptions[:_MOST_ERRORS]]
        each = each.__cause__ or (None if each.__suppress_context__ else each.__context__)
    return " after ".join(told)


def report(
    log: logging.Logger,
    error: BaseException,
    what: str,
    *values: object,
    level: int = logging.ERROR,
) -> None:
    """Log `what` with its values, and behind it the kind and place of an error."""
    log.log(level, "%s: %s", what % values, placed(error))


def _place(error: BaseException) -> str:
    frames = [
        (_shown(frame.f_code.co_filename), line)
        for frame, line in traceback.walk_tb(error.__traceback__)
    ]
    # The innermost first: who reads it wants to know where, then how it came there.
    return " < ".join(f"{name}:{line}" for name, line in frames[: -_MOST_FRAMES - 1 : -1]) or "?"


def _shown(filename: str) -> str:
    path = Path(filename)
    return str(path.relative_to(_PACKAGE)) if path.is_relative_to(_PACKAGE) else path.name
