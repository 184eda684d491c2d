"""Who makes a request, found out before Synapse's own method does."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from synapse.http.site import SynapseRequest
    from synapse.server import HomeServer


async def who_asks(homeserver: HomeServer, request: SynapseRequest) -> str | None:
    """Return the account in whose name a request is made, `None` for an anonymous one.

    Only tells: whether a locked or expired account or a guest may make it, the method itself sees.
    Synapse's `get_user_by_req` notes its finding on the request, which can be done only once.

    Raises:
        InvalidClientTokenError: The token is nobody's.
        AuthError: An application service acts in a name it may not use.
    """
    auth: Any = homeserver.get_auth()  # typed as what it is without its own helpers
    if not auth.has_access_token(request):
        return None
    token = auth.get_access_token_from_request(request)
    requester = await auth.get_appservice_user(
        request, token
    ) or await auth.get_user_by_access_token(token, allow_expired=True)
    return str(requester.user)
