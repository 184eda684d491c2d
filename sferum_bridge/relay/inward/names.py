"""Who users of the other network are, name and picture: looked up once, before it is needed."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from sferum_bridge.network.base import Refused

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from sferum_bridge.network.base import Connector

log = logging.getLogger(__name__)

_MOST = 10_000


class Names:
    """Names and pictures by network and user id: only what the network itself shows of somebody."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, str], str] = {}
        self._pictures: dict[tuple[str, str], str] = {}

    def missing(self, network: str, ids: Iterable[str]) -> Sequence[str]:
        """Return which of some users are not known yet."""
        return sorted(i for i in set(ids) if (network, i) not in self._known)

    def of(self, network: str, user_id: str) -> str:
        """Return what a user is called; the id of one who was never looked up."""
        return self._known.get((network, user_id), user_id)

    def picture_of(self, network: str, user_id: str) -> str:
        """Return the address of a user's picture, empty for none."""
        return self._pictures.get((network, user_id), "")

    async def learn(self, network: str, connector: Connector, ids: Sequence[str]) -> None:
        """Look users up. Raises `NetworkError` for what time or the login's owner mends."""
        if len(self._known) > _MOST:
            self._known.clear()
            self._pictures.clear()
        try:
            contacts = await connector.contacts(ids)
        except Refused as e:
            log.warning("The network does not tell who %d users are: %s", len(ids), e.detail)
            contacts = ()
        # At once, for all logins look here: whom the network does not know is known by the id.
        self._known |= {(network, i): i for i in ids} | {
            (network, contact.id): contact.name or contact.id for contact in contacts
        }
        self._pictures |= {(network, c.id): c.avatar_url for c in contacts if c.avatar_url}
