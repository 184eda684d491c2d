"""VK's error codes as the errors of `network.base`.

The details hold codes and our own words only: what VK wrote may repeat parameters of the request.
"""

from __future__ import annotations

from typing import Any

from sferum_bridge.network.base import (
    LoginExpired,
    NeedsPerson,
    NetworkError,
    Refused,
    TooFast,
    Unavailable,
)

UNKNOWN_USER = 113
POSITION_LOST = frozenset({907, 908, 990})
"""The stored long-poll position is too old, too new, or is to be thrown away."""

_LOGIN = frozenset({5, 1117, 3610})
_UNAVAILABLE = frozenset({1, 10, 36, 43})
_NEEDS_PERSON = frozenset({14, 17, 24, 25, 41, 3300, 3301, 3302, 3303, 3304, 11500})
# Seconds to wait: VK names none. 9 is the same action too often, 29 a quota of hours or a day.
_TOO_FAST = {6: 1.0, 9: 60.0, 29: 3600.0, 32: 5.0, 1105: 600.0}


class VkRefused(Refused):
    """VK refused the request for good; `code` is VK's number of the reason."""

    def __init__(self, detail: str, code: int) -> None:
        super().__init__(detail)
        self.code = code


def error_of(method: str, error: Any) -> NetworkError:
    """Return the `NetworkError` for the `error` member of a reply to `method`.

    Codes nobody has described (VK adds 9xx ones without notice) are a `VkRefused`.
    """
    code = error.get("error_code") if isinstance(error, dict) else None
    if type(code) is not int:
        return Unavailable(f"{method}: an error without a code")
    subcode = error.get("error_subcode")
    detail = f"{method}: VK error {code}"
    if type(subcode) is int:
        detail += f" ({subcode})"
    if code in _LOGIN:
        return LoginExpired(detail)
    if code in _UNAVAILABLE:
        return Unavailable(detail)
    if code in _NEEDS_PERSON:
        return NeedsPerson(detail)
    if code in _TOO_FAST:
        return TooFast(detail, _TOO_FAST[code])
    return VkRefused(detail, code)
