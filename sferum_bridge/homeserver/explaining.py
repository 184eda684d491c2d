"""Saying why something was refused where the person would not guess: third parties (S-16).

Only to people of the school, about rooms they are in: nobody else learns from a refusal anything
that one of an unknown room would not tell.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from synapse.api.errors import SynapseError

from sferum_bridge.homeserver.refusals import refused
from sferum_bridge.school.contour import Side
from sferum_bridge.school.shape import THIRD_PARTIES

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from synapse.events import EventBase
    from synapse.server import HomeServer

    from sferum_bridge.homeserver.telling import Telling
    from sferum_bridge.school.contour import Facts

# Clients show these as they are, and know no language to ask for.
NO_THIRD_PARTY = (
    "Чужие виджеты, боты, мосты и интеграции в чатах школы не работают. Что есть у школы, скажет "
    "помощник: «помощь». Widgets, bots, bridges and integrations of others do not work in the "
    "school's rooms."
)
NO_SUCH_GUEST = (
    "Сюда этого участника пригласить нельзя: ни посторонних, ни чужих ботов, ни людей из других "
    "мессенджеров. This account cannot be invited here: no outsiders, no bots of others, no people "
    "of other messengers."
)


class Explaining:
    """Explains refusals. `facts` raises `SynapseError` while they cannot be read."""

    def __init__(
        self, homeserver: HomeServer, facts: Callable[[], Awaitable[Facts]], telling: Telling
    ) -> None:
        # Its cached methods are typed as if unbound.
        self._store: Any = homeserver.get_datastores().main
        self._facts = facts
        self._telling = telling

    async def state(self, event: EventBase) -> None:
        """Explain why state is refused that would bring a third party in.

        Raises:
            SynapseError: The explanation; for anything else nothing is raised.
        """
        if event.is_state() and event.type in THIRD_PARTIES:
            await self._explain(event.sender, event.room_id, "refused-third-party", NO_THIRD_PARTY)

    async def invite(self, inviter: str, room_id: str) -> None:
        """Explain why an invite is refused.

        Raises:
            SynapseError: The explanation; nothing to who is not in the room.
        """
        await self._explain(inviter, room_id, "refused-invite", NO_SUCH_GUEST)

    async def _explain(self, user: str, room_id: str, key: str, text: str) -> None:
        try:
            facts = await self._facts()
        except SynapseError:
            return
        if facts.side(user) is not Side.EDUCATIONAL:
            return
        if user in await self._store.get_users_in_room(room_id):
            self._telling.tell(user, key)
            raise refused(text)
