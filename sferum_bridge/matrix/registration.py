"""The two appservice registrations the homeserver needs (design §5).

The first is the bridge's own: its bot and its ghosts; what happens in their rooms is sent to it.
The second lets the bridge act for local accounts (joins they are entitled to, messages of people
who logged in to the other network) and has no address, so it is sent nothing.
"""

from __future__ import annotations

import re
import secrets
from typing import Any

OWN = "sferum-bridge"
"""Id of the first one, by which the homeserver knows the bridge."""


def own(
    *, address: str, domain: str, bot: str, ghost_prefix: str, as_token: str, hs_token: str
) -> dict[str, Any]:
    """Return the bridge's own registration. `address` is where the homeserver reaches it."""
    ghosts = f"@{re.escape(ghost_prefix)}[-0-9a-z_.=/]+:{re.escape(domain)}"
    return {
        "id": OWN,
        "url": address,
        "as_token": as_token,
        "hs_token": hs_token,
        "sender_localpart": bot,
        "namespaces": {
            "users": [
                {"exclusive": True, "regex": ghosts},
                {"exclusive": True, "regex": f"@{re.escape(bot)}:{re.escape(domain)}"},
            ],
            "aliases": [],
            "rooms": [],
        },
        "rate_limited": False,
        # Who is writing and has read what, for those who logged in to the other network (MSC2409).
        "receive_ephemeral": True,
        # A device for the bot and each ghost, so that transaction ids outlive a restart (MSC4190).
        "io.element.msc4190": True,
    }


def double_puppet(
    *, domain: str, accounts: str, as_token: str, hs_token: str = ""
) -> dict[str, Any]:
    """Return the registration that acts for local accounts whose localpart matches `accounts`.

    Synapse demands an `hs_token` of it too; without an address it is never used.
    """
    return {
        "id": "sferum-bridge-double-puppet",
        "url": None,
        "as_token": as_token,
        "hs_token": hs_token or secrets.token_hex(32),
        "sender_localpart": "sferum-bridge-double-puppet",
        "namespaces": {
            "users": [{"exclusive": False, "regex": f"@(?:{accounts}):{re.escape(domain)}$"}],
            "aliases": [],
            "rooms": [],
        },
        "rate_limited": False,
        "io.element.msc4190": True,
    }
