"""Which registrations of others keep Synapse from starting: those that take the bot or ghosts."""

from __future__ import annotations

import pytest
from synapse.appservice import ApplicationService
from synapse.module_api.errors import ConfigError
from synapse.types import UserID

from sferum_bridge.homeserver.wraps.appservices import check_claims
from sferum_bridge.matrix.registration import double_puppet, own

DOMAIN = "school.example"
BOT = f"@sferumbot:{DOMAIN}"


def service(registration: dict[str, object]) -> ApplicationService:
    return ApplicationService(
        token=str(registration["as_token"]),
        id=str(registration["id"]),
        sender=UserID(str(registration["sender_localpart"]), DOMAIN),
        namespaces=registration["namespaces"],  # type: ignore[arg-type]
    )


OURS = (
    service(
        own(
            address="http://127.0.0.1:1",
            domain=DOMAIN,
            bot="sferumbot",
            ghost_prefix="sferum_",
            as_token="a",
            hs_token="b",
        )
    ),
    service(double_puppet(domain=DOMAIN, accounts=".*", as_token="c")),
)


def other(regex: str, *, exclusive: bool = True) -> ApplicationService:
    users = [{"exclusive": exclusive, "regex": regex}]
    return ApplicationService(
        token="x", id="other", sender=UserID("other", DOMAIN), namespaces={"users": users}
    )


@pytest.mark.parametrize(
    "regex",
    [
        "@.*",
        f"@.*:{DOMAIN}",
        "@s.*",
        "@sferum",
        BOT,
        "@sferum_.*",
        r"@sferum\_7[0-9]+:.*",
        f"@sferum_1:{DOMAIN}",
        "(@other_.*|@sferum_1.*)",
        "",
    ],
)
def test_a_claim_on_the_bot_or_ghosts_is_named(regex: str) -> None:
    with pytest.raises(ConfigError) as refused:
        assert not check_claims(other(regex), BOT, OURS, DOMAIN)
    assert "`other`" in str(refused.value)
    assert "@other_.*" in str(refused.value)
    # One that shares is kept from them, and starts.
    assert check_claims(other(regex, exclusive=False), BOT, OURS, DOMAIN)


@pytest.mark.parametrize("regex", ["@other_.*", f"@telegram_.*:{DOMAIN}", "@pupil.*", "@sfera_.*"])
def test_a_claim_on_others_is_let_be(regex: str) -> None:
    assert not check_claims(other(regex), BOT, OURS, DOMAIN)
