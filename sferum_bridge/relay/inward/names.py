"""Who users of the other network are, name and picture: looked up once, before it is needed."""

from __future__ import annotations

import logging
import unicodedata
from typing import TYPE_CHECKING

from sferum_bridge.network.base import NetworkError, Refused, Unavailable
from sferum_bridge.network.patience import Patience
from sferum_bridge.store import failures

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from sferum_bridge.network.base import Connector, Contact

log = logging.getLogger(__name__)

_MOST = 10_000
_MOST_CHARACTERS = 100
"""Of a name. A homeserver takes 256, and the ghosts' names have something around it."""


class Names:
    """Names and pictures by network and user id: only what the network itself shows of somebody."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, str], str] = {}
        self._pictures: dict[tuple[str, str], str] = {}
        self._patience = Patience()

    def missing(self, network: str, ids: Iterable[str]) -> Sequence[str]:
        """Return which of some users are not known yet; the others are kept for what follows."""
        found = set(ids)
        for key in [(network, i) for i in found if (network, i) in self._known]:
            self._known[key] = self._known.pop(key)
        return sorted(i for i in found if (network, i) not in self._known)

    def of(self, network: str, user_id: str) -> str:
        """Return what a user is called; the id of one who was never looked up."""
        return self._known.get((network, user_id), user_id)

    def picture_of(self, network: str, user_id: str) -> str:
        """Return the address of a user's picture, empty for none."""
        return self._pictures.get((network, user_id), "")

    async def learn(self, network: str, connector: Connector, ids: Sequence[str]) -> None:
        """Look users up. Raises `NetworkError` for what time or the login's owner mends.

        Where that fails again and again they are known by their ids, so that messages are shown.
        """
        contacts: Sequence[Contact] = ()
        try:
            contacts = await connector.contacts(ids)
        except Refused as e:
            log.warning("The network does not tell who %d users are: %s", len(ids), e.detail)
        except Unavailable as e:
            if not self._patience.is_over(("names", network, *ids), e):
                raise
        except NetworkError:
            raise
        except Exception as e:  # noqa: BLE001 - what they wrote is shown all the same
            failures.report(log, e, "Who %d users are cannot be read", len(ids))
        # At once, for all logins look here: whom the network does not know is known by the id.
        self._known |= {(network, i): i for i in ids}
        self.note(network, contacts)
        # Those who were not asked for the longest: somebody may be about to use the others.
        for key in list(self._known)[: max(0, len(self._known) - _MOST)]:
            del self._known[key]
            self._pictures.pop(key, None)

    def note(self, network: str, contacts: Iterable[Contact]) -> None:
        """Remember who users are that were told of beside something else."""
        for contact in contacts:
            self._known[network, contact.id] = _name(contact.name) or contact.id
            if contact.avatar_url:
                self._pictures[network, contact.id] = contact.avatar_url


def _name(given: str) -> str:
    """Return a name that is only a name: one line, nothing unseen, nothing that turns the text."""
    seen = "".join(" " if c.isspace() else c for c in given)
    kept = "".join(c for c in seen if unicodedata.category(c)[0] != "C")
    return " ".join(kept.split())[:_MOST_CHARACTERS].rstrip()
