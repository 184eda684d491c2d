"""Whose name in a join is Synapse's own doing, so that nobody need look it up once more.

A join without name and picture gets those of the profile, which Synapse has just read. Between
there and the check of the event lie only Synapse's own methods, in one chain of calls, which this
note follows. A join that comes another way has no note, and is compared with the profile.
"""

from __future__ import annotations

from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

from synapse.api.constants import Membership

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

PROFILE = frozenset({"displayname", "avatar_url"})
"""What of a membership shows somebody."""

_JOINING: ContextVar[tuple[str, str] | None] = ContextVar("sferum_joining", default=None)


@contextmanager
def change_of(
    user: str, room_id: str, action: str, content: Mapping[str, Any] | None
) -> Iterator[None]:
    """Take note of a change of membership, while it is made. `content`: what the client wrote."""
    by_synapse = action == Membership.JOIN and PROFILE.isdisjoint(content or ())
    _JOINING.set((user, room_id) if by_synapse else None)
    try:
        yield
    finally:
        _JOINING.set(None)


def is_from_profile(user: str, room_id: str) -> bool:
    """Tell whether name and picture in a join that is being made are what Synapse read."""
    return _JOINING.get() == (user, room_id)
