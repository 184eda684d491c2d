"""Bringing many people into a room at once, through the homeserver extension (design §4).

The extension makes the joins of a whole batch and has them stored together: a tenth of what an
invite and a join cost for each. It asks of everybody what Synapse asks of a join, so nobody comes
in this way who would not come in by the ordinary ones. Where it cannot — there is no extension,
Synapse is of a version it was not tried on, the room is of a kind it leaves alone — it says so, and
whoever asked takes the ordinary ways.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import logging
import math
import secrets
import time
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from mautrix.errors import MatrixRequestError

from sferum_bridge.matrix.answers import UNUSABLE, TryAgain, mapping, texts_in
from sferum_bridge.matrix.policy import question, signed

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sferum_bridge.matrix.client import Homeserver

log = logging.getLogger(__name__)

ENROL = "/_synapse/client/sferum/v1/enrol"
MOST = 100
"""People in one batch; the extension takes no more, since Synapse stores no more at once."""
NOT_THIS_ROOM = "SFERUM_NOT_THIS_ROOM"
"""The extension does nothing in this room, for now: what it needs is not as it should be."""
LEFT = "left"
"""Why somebody is refused who left by themselves since they were first asked for."""
_AGAIN = 300.0
"""Seconds after which an extension that was not there is asked for again."""


@dataclass(frozen=True, slots=True)
class Enrolled:
    """What became of a batch."""

    joined: frozenset[str]
    """Who is in the room now, whoever was before included."""
    refused: Mapping[str, str]
    """Matrix id → why not, a word for the log."""


class Enrolment:
    """Asks the extension. `secret` is shared with it; empty means there is none."""

    def __init__(self, homeserver: Homeserver, secret: str, *, again: float = _AGAIN) -> None:
        self._homeserver = homeserver
        self._secret = secret.encode()
        self._again = again
        self._is_there: bool | None = None
        self._missed = 0.0
        self._asking = asyncio.Lock()

    async def available(self) -> bool:
        """Tell whether batches are taken. Asked once, after a "no" every few minutes.

        Raises `TryAgain` where the homeserver is in trouble.
        """
        if not self._secret:
            return False
        # Rooms are filled side by side: one of them asks for all.
        async with self._asking:
            await self._find_out()
        return bool(self._is_there)

    async def _find_out(self) -> None:
        if self._is_there is False and time.monotonic() - self._missed >= self._again:
            self._is_there = None
        if self._is_there is None:
            # Anew at every try: who waited for the homeserver would else ask with an old time.
            headers = partial(question, self._secret, ENROL)
            try:
                await self._homeserver.request("GET", ENROL, headers=headers, kind="enrol_ask")
            except TryAgain as e:
                # Not there for this Synapse (501), or a proxy's page in place of an answer.
                if e.http_status not in {_NOT_IMPLEMENTED, UNUSABLE}:
                    raise
                self._missing(e.http_status)
            except MatrixRequestError as e:
                self._missing(e.http_status)
            else:
                self._is_there = True

    async def enrol(self, room_id: str, mxids: Sequence[str], ago: float = 0.0) -> Enrolled | None:
        """Bring people into a room, at most `MOST`; `None` where it is not possible this way.

        All who may come in do so at once or, where this raises, perhaps not yet: asking again does
        no harm. Whoever left by themselves before is brought back, so leave them out; who leaves
        while an answer is waited for, and was brought in by a try whose answer was lost, is refused
        as `LEFT`. Where a call before was cut off, `ago` is how many seconds ago that began.

        Raises `TryAgain` where the homeserver is in trouble.
        """
        if not await self.available():
            return None
        body = json.dumps({"room_id": room_id, "user_ids": list(mxids)}).encode()
        headers = partial(_signed, self._secret, body, time.monotonic() - ago)
        try:
            answer = await self._homeserver.request(
                "POST", ENROL, content=body, headers=headers, kind="enrol"
            )
        except TryAgain as e:
            self._is_there = None
            if e.http_status != _NOT_IMPLEMENTED:
                raise
            self._missing(e.http_status)
            return None
        except MatrixRequestError as e:
            if getattr(e, "errcode", "") == NOT_THIS_ROOM:
                log.info("Nobody is enrolled in %s by the batch: %s", room_id, e)
            else:
                self._missing(e.http_status)
            return None
        asked = frozenset(mxids)
        refused = mapping(mapping(answer).get("refused"))
        return Enrolled(
            asked.intersection(texts_in(answer, "joined")),
            {mxid: str(why) for mxid, why in refused.items() if mxid in asked},
        )

    def _missing(self, status: int) -> None:
        if self._is_there is not False:
            log.warning(
                "The homeserver takes no batches of members (HTTP %s); bringing in one by one",
                status,
            )
        self._is_there, self._missed = False, time.monotonic()


_NOT_IMPLEMENTED = 501


def _signed(secret: bytes, body: bytes, began: float) -> dict[str, str]:
    """Return the headers of one try: each has a nonce of its own, since none is taken twice."""
    about = {
        "X-Sferum-Nonce": secrets.token_hex(16),
        "X-Sferum-Body": hashlib.sha256(body).hexdigest(),
        # How long ago, and not when: the clocks of two machines differ.
        "X-Sferum-Since": str(math.ceil((time.monotonic() - began) * 1000)),
    }
    return signed(secret, "POST", ENROL, about)
