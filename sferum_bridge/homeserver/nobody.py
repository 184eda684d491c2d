"""Names that nobody has, of which an outsider learns no more than of somebody hidden.

Synapse invites, bans and makes room for any id of this server, be there an account or not. Were
only the school's people refused, a refusal would tell a stranger, who tries names, which of them
are the school's. So whoever nobody is, is refused to outsiders alike.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sferum_bridge.school.contour import Side

if TYPE_CHECKING:
    from synapse.server import HomeServer

    from sferum_bridge.school.contour import Facts


async def is_nobody(actor: str, target: str, facts: Facts, homeserver: HomeServer) -> bool:
    """Tell whether an outsider means an id of this server that is no account, and refuse it then.

    An id that an application service has for itself alone is somebody: it may make the account when
    somebody is invited by it. Accounts are looked up by the primary key of `users`, and cached.
    """
    if not (facts.side(actor) is facts.side(target) is Side.OUTSIDER):
        return False
    if actor == target or not homeserver.is_mine_id(target):
        return False
    store: Any = homeserver.get_datastores().main
    if any(service.is_exclusive_user(target) for service in store.get_app_services()):
        return False
    return await store.get_user_by_id(target) is None
