"""Taking a message away that holds a secret.

As the bot where it may: it is moderator in the school's rooms and in the direct chats it opened. In
those that people opened it often is not; there the message goes in the name of whoever wrote it.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from mautrix.errors import MatrixRequestError

from sferum_bridge.matrix.client import TryAgain, path

if TYPE_CHECKING:
    from sferum_bridge.matrix.client import Homeserver

log = logging.getLogger(__name__)

_UNKNOWN_TOKEN = 401


async def hide(homeserver: Homeserver, room_id: str, event_id: str, sender: str) -> bool:
    """Redact an event; tell whether it is gone. Waits for a homeserver that is away."""
    # The same id at every try, so that a repetition redacts once.
    where = path("rooms", room_id, "redact", event_id, f"hide.{event_id}")
    for user, puppet in ((homeserver.bot_mxid, False), (sender, True)):
        try:
            await homeserver.request("PUT", where, user=user, puppet=puppet, kind="redact")
        except (MatrixRequestError, TryAgain) as e:
            if isinstance(e, TryAgain) and not (puppet and e.http_status == _UNKNOWN_TOKEN):
                raise
            log.info("A message was not hidden (as its sender: %s): %s", puppet, e.http_status)
        else:
            return True
    return False
