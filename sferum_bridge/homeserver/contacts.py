"""The door by which the bridge asks for an account's contacts, to compare them with the roster.

A parent whom the roster names by phone or e-mail need not wait for the class teacher (D-1), if the
homeserver itself has checked that the account owns that phone or e-mail. Nothing is stored here or
logged; the answer goes to the bridge, which holds the roster, and nowhere else.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from synapse.api.errors import SynapseError
from synapse.module_api.errors import Codes

from sferum_bridge.homeserver.signed import SignedResource

if TYPE_CHECKING:
    from synapse.http.site import SynapseRequest

PATH = "/_synapse/client/sferum/v1/contacts"


class ContactsResource(SignedResource):
    """Serves `PATH`: GET returns the verified e-mails and phones of the account `X-Sferum-User`."""

    async def _async_render_GET(self, request: SynapseRequest) -> tuple[int, dict[str, Any]]:  # noqa: N802 — the name Synapse looks for
        (user,) = self._about(request, "GET", PATH, "User")
        if not self._api.is_mine(user):
            raise SynapseError(
                HTTPStatus.NOT_FOUND, "the account is not of this server", Codes.NOT_FOUND
            )
        found: dict[str, list[str]] = {"email": [], "msisdn": []}
        for contact in await self._api.get_threepids_for_user(user):
            found.setdefault(contact["medium"], []).append(contact["address"])
        return HTTPStatus.OK, {"email": found["email"], "msisdn": found["msisdn"]}
