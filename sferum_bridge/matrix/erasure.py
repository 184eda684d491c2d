"""Closing the Matrix accounts of somebody who was erased (requirements §3).

The homeserver takes a deactivation by the double-puppet registration without asking for the
person's password. With `erase` it forgets the profile, ends all sessions, has the account leave its
rooms and shows its messages to nobody who has not seen them yet; what others wrote stays. Doing it
again changes nothing, so whatever was interrupted is simply repeated.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from mautrix.errors import MatrixRequestError

from sferum_bridge.matrix.client import TryAgain, path

if TYPE_CHECKING:
    from sferum_bridge.matrix.client import Homeserver

log = logging.getLogger(__name__)


class Outcome(StrEnum):
    """What became of an account."""

    CLOSED = "closed"
    FOREIGN = "foreign"
    """It belongs to another server, whose business it is; the bridge only forgets it."""
    REFUSED = "refused"
    """A human has to close it: the homeserver did not."""
    AWAY = "away"
    """The homeserver did not answer; it is to be done again."""


@dataclass(frozen=True, slots=True)
class Closing:
    """What became of one account, and the homeserver's word for a refusal."""

    mxid: str
    outcome: Outcome
    code: str = ""


async def close_account(homeserver: Homeserver, mxid: str) -> Closing:
    """Blank the profile of an account and deactivate it for good."""
    if mxid.partition(":")[2] != homeserver.domain:
        return Closing(mxid, Outcome.FOREIGN)
    try:
        # First, so that the rooms' member lists lose the name; the account's leaving keeps it.
        await homeserver.set_name(mxid, "", puppet=True)
        await homeserver.request(
            "PUT",
            path("profile", mxid, "avatar_url"),
            content={"avatar_url": ""},
            user=mxid,
            puppet=True,
            kind="avatar",
        )
    except (MatrixRequestError, TryAgain) as e:
        # Some homeservers let nobody change names. The deactivation below decides.
        log.info("The homeserver kept a profile until the deactivation: %s", e.http_status)
    try:
        await homeserver.request(
            "POST",
            path("account", "deactivate"),
            content={"erase": True},
            user=mxid,
            puppet=True,
            kind="deactivate",
        )
    except (MatrixRequestError, TryAgain) as e:
        return Closing(mxid, Outcome.REFUSED, str(getattr(e, "errcode", "") or e.http_status))
    return Closing(mxid, Outcome.CLOSED)
