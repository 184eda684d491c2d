"""The room in which somebody is alone with the bot, to drop documents into (S-40).

Nobody else gets in: only the bot may invite, and it does not. News of the bot go to the direct
chat, not here.
"""

from __future__ import annotations

import logging
from contextlib import suppress
from typing import TYPE_CHECKING

from mautrix.errors import MatrixRequestError

from sferum_bridge.matrix.client import TryAgain
from sferum_bridge.matrix.creation import private
from sferum_bridge.store import dialogues, rooms

if TYPE_CHECKING:
    from sferum_bridge.matrix.client import Homeserver
    from sferum_bridge.matrix.creation import RoomMaker
    from sferum_bridge.store.database import Database

log = logging.getLogger(__name__)

KIND = "documents"


async def make(db: Database, homeserver: Homeserver, maker: RoomMaker, mxid: str, name: str) -> str:
    """Return the room of an account, made if there is none in which it can be alone with the bot.

    Asked for once at a time for an account. Raises `MatrixRequestError`, `TryAgain` and
    `UnknownOutcome`; then ask again.
    """
    key = f"{KIND}/{mxid}"
    made = await maker.make(key, "", KIND, private(mxid, name))
    people = {mxid, homeserver.bot_mxid} if made.fresh else await homeserver.people_in(made.room_id)
    if people is None or not people <= {mxid, homeserver.bot_mxid}:
        # The bot is out of it, or a server administrator let somebody in: no place for documents.
        with suppress(MatrixRequestError):
            await homeserver.leave(made.room_id)
        async with db.write() as tx:
            await rooms.forget(tx, key)
            await dialogues.drop_room(tx, made.room_id)
        made = await maker.make(key, "", KIND, private(mxid, name))
        people = {mxid, homeserver.bot_mxid}
    if mxid not in people:
        await homeserver.invite(made.room_id, mxid)
    async with db.write() as tx:
        await dialogues.add_room(tx, made.room_id, mxid)
    try:
        await homeserver.join(made.room_id, mxid, puppet=True)
    except (MatrixRequestError, TryAgain) as e:
        log.info("The owner of a room for documents has to accept it: %s", e.http_status)
    return made.room_id
