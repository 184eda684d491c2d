"""Reading what a homeserver answers, of which nothing is taken for granted. Pure.

    MatrixRequestError   it refused (of mautrix)
    TryAgain             it is in trouble of its own, or what it says is not what was asked for
    UnknownOutcome       what must not be asked twice may or may not have had its effect

A proxy in front may answer for the homeserver, with a page of its own and status 200: that is no
answer, and is asked for again.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from mautrix.errors import make_request_error

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

UNUSABLE = 502
"""The status that an answer has which cannot be used, whatever status it came with."""
_TOKEN = re.compile(r"[!-~]{1,4000}")
LONGEST_WAIT = 600.0
"""Seconds that a rate limit may ask for; what asks for more is asked again then."""


class UnknownOutcome(Exception):
    """A request that must not be repeated got no answer; it may or may not have had its effect."""


class TryAgain(Exception):
    """The homeserver is in trouble of its own (a 5xx, a token it does not know yet): ask later."""

    def __init__(self, http_status: int) -> None:
        super().__init__(f"HTTP {http_status}")
        self.http_status = http_status


def read(status: int, text: str) -> Any:
    """Return the JSON of an answer, an empty object for none.

    Raises:
        MatrixRequestError: For a refusal.
        TryAgain: For trouble, and for what is no JSON.
    """
    try:
        data = json.loads(text) if text.strip() else {}
    except (ValueError, RecursionError):
        data = None
    if status < 400:  # noqa: PLR2004 - HTTP's own border
        if data is None:
            raise TryAgain(UNUSABLE)
        return data
    if status >= 500 or status == 401:  # noqa: PLR2004 - HTTP's own numbers
        raise TryAgain(status)
    error = mapping(data)
    raise make_request_error(
        http_status=status,
        text=text[:200],
        errcode=str(error.get("errcode") or "M_UNKNOWN"),
        message=str(error.get("error") or "")[:200],
    )


def named_wait(text: str, header: str) -> float:
    """Return the seconds a rate limit asks for, 0 when it does not say."""
    try:
        seconds = float(json.loads(text)["retry_after_ms"]) / 1000
    except (ValueError, KeyError, TypeError, OverflowError, RecursionError):
        seconds = float(header) if header.isdecimal() else 0.0
    return min(seconds, LONGEST_WAIT) if seconds > 0 else 0.0


def mapping(value: Any) -> Mapping[str, Any]:
    """Return an object, an empty one for what is none."""
    return value if isinstance(value, dict) else {}


def chunk_of(answer: Any) -> Sequence[Any]:
    """Return the events of an answer. Raises `TryAgain` where it has none to give."""
    chunk = mapping(answer).get("chunk")
    if not isinstance(chunk, list):
        raise TryAgain(UNUSABLE)
    return chunk


def token_in(answer: Any, key: str) -> str:
    """Return a token that an answer has to give, fit for a header. Raises `TryAgain`."""
    found = text_in(answer, key)
    if not _TOKEN.fullmatch(found):
        raise TryAgain(UNUSABLE)
    return found


def texts_in(answer: Any, key: str) -> Sequence[str]:
    """Return the texts an answer has to list. Raises `TryAgain` where it does not."""
    found = mapping(answer).get(key)
    if not isinstance(found, list) or not all(isinstance(one, str) for one in found):
        raise TryAgain(UNUSABLE)
    return found


def number_in(answer: Any, key: str) -> int:
    """Return the number, from 0, an answer has to tell. Raises `TryAgain` where it does not."""
    found = mapping(answer).get(key)
    if type(found) is not int or found < 0:
        raise TryAgain(UNUSABLE)
    return found


def text_in(answer: Any, key: str) -> str:
    """Return what an answer has to name. Raises `TryAgain` where it does not."""
    found = mapping(answer).get(key)
    if not isinstance(found, str) or not found:
        raise TryAgain(UNUSABLE)
    return found
