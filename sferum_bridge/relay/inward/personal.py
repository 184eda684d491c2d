"""Personal chats, each as a direct room of the login's owner with the ghost of the other person.

    first message ─► is it personal? ───┬─► the room (`personal_rooms`)
    a gap ─► did somebody write in it? ─┤
    «связать 3» ─► a row of the outbox ─┘

Off unless the school wants it. Everything may be done twice: the room has a key, and the batch that
held the message comes again until it is stored. Where the owner's last role in the school ends, the
room ends with it (`personal_end`); where their login ends, it stays for reading.

What time mends holds the batch up. But one chat that is never told of, or whose room is never made
though everything else works, is passed by, so that no chat makes a login deaf to the others; its
room comes with a later message, and then with what was passed by.
"""

from __future__ import annotations

import asyncio
import logging
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from mautrix.errors import MatrixRequestError

from sferum_bridge.matrix.client import TryAgain, UnknownOutcome
from sferum_bridge.matrix.downloads import answers
from sferum_bridge.network.base import (
    BEGINNING,
    NetworkError,
    Refused,
    RemoteMessage,
    Unavailable,
)
from sferum_bridge.network.patience import Patience
from sferum_bridge.relay.inward.pace import asked_wait
from sferum_bridge.relay.inward.personal_rooms import is_personal
from sferum_bridge.store import chats, failures, logins, news, personal, queues
from sferum_bridge.store.away import is_away

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Collection, Sequence

    from sferum_bridge.matrix.client import Homeserver
    from sferum_bridge.network.base import Batch, Connector, RemoteChat
    from sferum_bridge.relay.connections import Connections
    from sferum_bridge.relay.inward.personal_rooms import PersonalRooms
    from sferum_bridge.store.chats import Login
    from sferum_bridge.store.database import Database
    from sferum_bridge.store.personal import Holders
    from sferum_bridge.store.queues import Item

log = logging.getLogger(__name__)

_MOST_KNOWN = 20_000
_FIRST_WAIT, _LONGEST_WAIT = 1.0, 60.0
_PAGE = 100
_SECOND_MS = 1000
_CLOCKS_APART = 2 * 60


class Personal:
    """Has rooms of personal chats made.

    `by_itself`: a first message makes one; else only whoever asks for it gets one.
    """

    def __init__(
        self,
        db: Database,
        homeserver: Homeserver,
        rooms: PersonalRooms,
        connections: Connections,
        holders: Holders,
        *,
        by_itself: bool,
        patience: Patience | None = None,
    ) -> None:
        self._db = db
        self._homeserver = homeserver
        self._rooms = rooms
        self._connections = connections
        self._holders = holders
        self._by_itself = by_itself
        self._patience = patience or Patience()
        self._others: set[tuple[str, str]] = set()
        """Login and chat that is no personal one, which never changes."""
        self._passed_by: set[tuple[str, str]] = set()
        """Login and chat that got no room, for a reason that may end."""

    async def take_up(
        self, login: Login, connector: Connector, batch: Batch, linked: Collection[str]
    ) -> bool:
        """Make rooms of the personal chats in which somebody wrote; tell whether one is new.

        Raises `NetworkError` for what time mends: then the batch comes again.
        """
        if not self._by_itself or not login.mxid:
            return False
        messages = [event for event in batch.events if isinstance(event, RemoteMessage)]
        written = {message.chat_id for message in messages if not message.service} - {*linked}
        gaps = batch.gaps - {*linked}
        since = await self._heard(login) if gaps else 0
        missed: Collection[str] = ()
        if since:
            async with self._passing_by(login, ""):
                missed = await _written_since(connector, gaps, since)
        made, trouble = False, None
        for chat_id in sorted(written.union(missed)):
            if (login.id, chat_id) in self._others:
                continue
            try:
                async with self._passing_by(login, chat_id):
                    made |= await self._take_up(
                        login, connector, chat_id, since if chat_id in missed else 0
                    )
            except Unavailable as e:
                # The others are looked at all the same, so that each has its tries.
                trouble = e
        if trouble is not None:
            raise trouble
        return made

    async def _heard(self, login: Login) -> int:
        """Return since when a login has not been heard (seconds), 0 where it never was."""
        async with self._db.read() as tx:
            heard = (await logins.standing(tx, login.id)).heard
        return max(0, heard // _SECOND_MS - _CLOCKS_APART)

    @asynccontextmanager
    async def _passing_by(self, login: Login, chat_id: str) -> AsyncIterator[None]:
        """Pass by what fails about one chat, unless time mends it: then it raises."""
        which = login.id, chat_id
        try:
            yield
        except (TryAgain, UnknownOutcome) as e:
            trouble = Unavailable("the homeserver makes no room now")
            works = await answers(self._homeserver)
            if not self._patience.is_over(which, trouble, works=works):
                raise trouble from e
        except Unavailable as e:
            # The network answers: it told of the batch.
            if not self._patience.is_over(which, e):
                raise
        except (Refused, MatrixRequestError) as e:
            log.warning("No room for a personal chat of login %s: %s", login.id, type(e).__name__)
        except NetworkError:
            raise
        except Exception as e:
            if is_away(e):
                raise
            failures.report(log, e, "No room for a personal chat of login %s", login.id)
        else:
            return
        self._pass_by(which)

    def _pass_by(self, which: tuple[str, str]) -> None:
        if len(self._passed_by) < _MOST_KNOWN:
            self._passed_by.add(which)

    async def _take_up(self, login: Login, connector: Connector, chat_id: str, since: int) -> bool:
        """Make the room of a chat if it is to have one; `since`: of one with a gap since then."""
        which = login.id, chat_id
        async with self._db.read() as tx:
            room_key = personal.key(tx, login.mxid, login.id, chat_id)
            if await personal.is_ended(tx, room_key):
                return False
            may = await personal.may(tx, login.mxid, self._holders)
        if not may:
            self._pass_by(which)
            return False
        chat = await connector.chat(chat_id)
        if not is_personal(chat, login.account_id):
            if len(self._others) < _MOST_KNOWN:
                self._others.add(which)
            return False
        seen = ""
        if since:
            page = await connector.history(chat_id, after="", limit=_PAGE)
            if not any(one.sent_at >= since and not one.service for one in page):
                return False
            seen = _last_before(page, since)
        await self._rooms.make(login, chat, is_new=which not in self._passed_by, seen=seen)
        self._passed_by.discard(which)
        return True

    # --- asked for --------------------------------------------------------------------------

    async def open(self, item: Item) -> None:
        """Make the room of a personal chat that somebody asked for, or tell them why not.

        What time mends is waited for. Raises `TryAgain` and `UnknownOutcome` of the homeserver.
        """
        login_id, chat_id, _ = item.content["origin"]
        try:
            chat = await self._look_up(login_id, chat_id)
        except NetworkError as e:
            log.warning("No room for a personal chat of login %s: %s", login_id, e.detail)
            await self.give_up(item, e.text_key)
            return
        async with self._db.read() as tx:
            found = [one for one in await chats.all_logins(tx) if one.id == login_id]
        if not found or not found[0].mxid:
            return
        if not is_personal(chat, found[0].account_id):
            await self.give_up(item, Refused.text_key)
            return
        try:
            await self._rooms.make(found[0], chat, is_new=False)
        except MatrixRequestError as e:
            log.warning("No room for a personal chat of login %s: %s", login_id, e.http_status)
            await self.give_up(item)

    async def give_up(self, item: Item, why: str = "") -> None:
        """Have whoever asked be told that there is no room; `why` is a text key of the network."""
        row = item.content
        told = {"login": row["origin"][0], "title": row.get("title", "—"), "why": why}
        async with self._db.write() as tx:
            await news.put(tx, personal.NOT_OPENED, told)
            await queues.done(tx, queues.OUTBOX, item.id)

    async def _look_up(self, login_id: str, chat_id: str) -> RemoteChat:
        """Look a chat up, for as long as time may mend what fails. Raises `NetworkError`."""
        wait = _FIRST_WAIT
        while True:
            connector = None
            try:
                connector = await self._connections.of(login_id)
                return await connector.chat(chat_id)
            except Unavailable as e:
                asked, what = 0.0, (personal.OPEN, login_id, chat_id)
                works = connector is not None and await _works(connector)
                if self._patience.is_over(what, e, works=works):
                    raise
            except NetworkError as e:
                if not e.retry:
                    raise
                asked = asked_wait(e)
            await asyncio.sleep(max(wait, asked))
            wait = min(wait * 2, _LONGEST_WAIT)


async def _works(connector: Connector) -> bool:
    """Tell whether the network answers a question that has nothing to do with one chat."""
    try:
        await connector.chats()
    except NetworkError:
        return False
    return True


async def _written_since(connector: Connector, among: Collection[str], since: int) -> set[str]:
    """Return the chats of two among some in which anything was written since then (seconds)."""
    return {
        chat.id
        for chat in await connector.chats()
        if chat.id in among and chat.partner_id and chat.written_at >= since
    }


def _last_before(page: Sequence[RemoteMessage], since: int) -> str:
    """Return the message behind which the end of a chat is new, of the `page` that was asked for.

    Where all of a full page is new, the oldest of it stands for what is before.
    """
    older = [message for message in page if message.sent_at < since]
    if older:
        return older[-1].message_id
    return page[0].message_id if len(page) >= _PAGE else BEGINNING
