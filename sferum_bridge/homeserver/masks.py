"""Answering about somebody hidden exactly as about somebody who does not exist.

A refusal would tell that there is something to refuse, and so would an answer that this server
gives sooner or later, or in other words, for ids it does not know. So Synapse is asked about a
*mask* in place of whoever is hidden: an id of this server that no account can have, because nobody
can register it. What it answers about the mask is answered about the hidden one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

T = TypeVar("T")

STRANGER = "@:"
"""Stands for whoever asks without an account here: anonymous, or another server."""


def mask_of(server: str, number: int = 0) -> str:
    """Return the id of a local account that cannot exist: `!` may not stand in a name."""
    return f"@!{number}:{server}"


def hidden_among(
    users: Iterable[str], may: Callable[[str], object], server: str
) -> Mapping[str, str]:
    """Return a mask for each of `users` whom `may` hides."""
    hidden = [user for user in users if not may(user)]
    return {user: mask_of(server, number) for number, user in enumerate(hidden)}


def put_on(wanted: Mapping[str, T], masks: Mapping[str, str]) -> dict[str, T]:
    """Return a mapping of users to anything, the hidden ones masked."""
    return {masks.get(user, user): value for user, value in wanted.items()}


def take_off(answer: dict[str, Any], masks: Mapping[str, str]) -> None:
    """Put the hidden ones' ids back into an answer that is a mapping of users to anything."""
    for user, mask in masks.items():
        if mask in answer:
            answer[user] = _renamed(answer.pop(mask), mask, user)


def _renamed(value: Any, mask: str, user: str) -> Any:
    """Return what was said about a mask, as if about the user; texts of errors quote ids."""
    if isinstance(value, str):
        return value.replace(mask, user)
    if isinstance(value, dict):
        return {key: _renamed(item, mask, user) for key, item in value.items()}
    return value
